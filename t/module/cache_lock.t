# A block that waits until another request has filled the cache, and a client
# that does not wait so long: the request ends at once, with all its timers.

use strict;
use warnings;

use Test::More;
use IO::Socket::INET;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, forms => [qw(raw)], text => {
    http => <<'EOT',
proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;
meshkit_deadline 3s;
EOT
    server => <<'EOT',
location ~ ^/two/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
    meshkit_gateway /_gw/1 raw;
    meshkit_read_ahead 2;
}
EOT
    gateway => <<'EOT' });
proxy_buffering on;
proxy_cache blocks;
proxy_cache_valid 200 1h;
proxy_cache_lock on;
proxy_cache_lock_timeout 60s;
proxy_cache_lock_age 60s;
proxy_read_timeout 60s;
EOT

# A segment of many blocks: they are read ahead before anything is sent.
my @shares = map { $e->share(size => 1_000_000, segment => 1 << 20) } 1 .. 3;

$e->start;


sub begin {
    my ($share, $tag, $form) = @_;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $client join "\r\n", "GET /$form/$share->{id} HTTP/1.1", 'Host: a',
                               "X-Tag: $tag", '', '';
    $client->flush;

    return $client;
}


sub logged { my ($tag) = @_; return %{ $e->log({ tag => $tag }) } ? 1 : 0 }


my $pid = $e->nginx->worker_pid;

for my $i (0 .. $#shares) {
    my $share = $shares[$i];
    my @blocks = $e->gateway->entries($share->{cid});

    for my $gateway ($e->gateway(0), $e->gateway(1)) {
        $gateway->fault('delay', format => 'raw', cid => $_, seconds => 30)
            for @blocks[5 .. $#blocks];
    }

    $e->clear;

    my $first = begin($share, "first-$i", 'two');

    ok(wait_for(20, sub { $e->gateway->count == 7 }), 'the locks are held');

    # its first blocks are in the cache, its next ones wait for the locks
    my $second = begin($share, "second-$i", 'raw');

    ok(wait_for(20, sub { $e->gateway->count >= 9 }),
       'it waits for the locks, and for blocks besides');

    close $second;
    ok(logged("second-$i"), 'the client leaves: the request is at its end');

    close $first;
    ok(logged("first-$i"), 'and so is the first');
    ok(wait_for(20, sub { !$e->connections($e->gateway) }),
       'no connection is left');
    $e->heal;
}

# all deadlines of those requests would have passed by now
sleep 4;

is($e->nginx->worker_pid, $pid, 'the same worker');
$e->opens($shares[0], 'raw', 'and it opens');

$e->done;
done_testing();
