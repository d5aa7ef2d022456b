# A gateway that sends more than it was asked for, or goes wrong in the
# middle: it keeps no connection and no memory of an open that has left it.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Meshkit::Cid qw(cid_make RAW);
use Meshkit::Dag qw(car_section);
use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, fresh => 1, forms => [qw(car)],
    text => {
        http => "meshkit_deadline 170s;\nmeshkit_min_rate 0;",
        server => <<'EOT',
location ~ ^/mixed/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
    meshkit_gateway /_gw/1 raw;
}
location ~ ^/whole/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/1 car;
    meshkit_release whole;
}
EOT
        gateway => <<'EOT' });
proxy_buffer_size 64k;
proxy_buffers 4 64k;
proxy_busy_buffers_size 64k;
proxy_read_timeout 60s;
EOT

my $share = $e->share(size => 12_000_000);

$e->start;


# What the worker holds of a gateway while the client takes nothing.
sub opens_with_pause {
    my ($path, $gateway, $after) = @_;

    my ($n, $left) = (0);
    my $r = $e->get($path, rcvbuf => 4096, timeout => 180, sink => sub {
        $n += length $_[0];
        $left //= wait_for(20, sub { !$e->connections($gateway) })
            if $n > $after;
    });

    return ($r->status . ' ' . $r->complete . " $n", $left);
}


# a wrong block in the middle of a CAR
{
    $e->gateway(0)->fault('flip', format => 'car', block => 20,
                          root => $share->{cid});

    my ($outcome, $left) = opens_with_pause($e->fresh("/car/$share->{id}"),
                                            $e->gateway(0), 20 * 65504);

    is($outcome, "200 1 $share->{size}", 'a wrong block: the next goes on');
    ok($left, 'a wrong block: the connection is closed while the client waits');
    $e->heal;
}

# megabytes behind the last block, which nobody waits for
{
    $e->gateway(1)->fault('append', format => 'car', bytes => "\x7f" x 3e6);

    my ($outcome, $left) = opens_with_pause("/whole/$share->{id}",
                                            $e->gateway(1), 1_000_000);

    is($outcome, "200 1 $share->{size}", 'surplus behind the last block');
    ok($left, 'surplus behind the last block: the connection is closed');
    $e->heal;
}

# other blocks and garbage behind each block of a range: a few times that may
# be a gateway that does not know dag-scope, then it is left
{
    my $junk = car_section(cid_make(RAW, 'x')->{bytes}, 'x') . "\x7f" x 100_000;

    $e->clear;
    $e->gateway(0)->fault('append', format => 'car', bytes => $junk);
    $e->nginx->reset_hwm;

    my ($n, $most, $next) = (0, 0, 0);
    my $before = $e->nginx->worker_rss;
    my $r = $e->get("/mixed/$share->{id}", timeout => 180,
                    headers => [ Range => 'bytes=1000000-5999999' ],
                    sink => sub {
        $n += length $_[0];

        if ($n > $next) {
            my $now = $e->connections($e->gateway(0));

            $most = $now if $now > $most;
            $next += 200_000;
        }
    });

    is($r->status . ' ' . $r->complete . " $n", '206 1 5000000',
       'surplus behind each block: the range is whole');
    cmp_ok($most, '<=', 4, 'surplus behind each block: few connections');
    cmp_ok($e->gateway(0)->count, '<=', 12,
           'surplus behind each block: the gateway is left');
    cmp_ok($e->nginx->worker_rss('VmHWM') - $before, '<',
           Meshkit::Nginx::growth(12_000),
           'surplus behind each block: bounded memory, in kB');
    ok($e->nginx->grep_log(qr/left at block \d+: .*not the next one/),
       'surplus behind each block: the log says why');
}

$e->done;
done_testing();
