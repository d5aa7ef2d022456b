# What is taken out of nginx's cache, since it was wrong, is out of the cache
# manager's account too: its passes find every file that they look for.

use strict;
use warnings;

use Test::More;

use IO::Socket::INET;
use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 80,
    nginx => { workers => 2 }, text => {
    http => <<'EOT',
proxy_cache_path %%DIR%%/temp/inactive keys_zone=inactive:1m inactive=4s
    manager_sleep=100ms;
proxy_cache_path %%DIR%%/temp/small keys_zone=small:1m max_size=700k
    manager_sleep=100ms;
EOT
    gateway => <<'EOT',
proxy_buffering on;
proxy_cache_valid any 1h;
proxy_cache_lock on;
proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Redirect
    X-Accel-Expires X-Accel-Buffering X-Accel-Limit-Rate X-Accel-Charset;
EOT
    gateway0 => 'proxy_cache inactive;',
    gateway1 => 'proxy_cache small;' });
my @shares = map { $e->share(size => 300_000) } 1 .. 8;

$e->start;


sub files { my ($zone) = @_; return grep { -f } glob $e->dir
                                                      . "/temp/$zone/*" }


# What the manager believes to be on the disk: it deletes the oldest above
# max_size, and would delete all if nothing had been subtracted.
sub damage {
    my ($zone) = @_;

    for my $file (files($zone)) {
        next if -s $file < 1000;
        open my $f, '+<:raw', $file or next;
        seek $f, -20, 2;
        print $f 'damaged!';
        close $f;
    }
}


# CARs that end cleanly too soon look whole to nginx and are kept; so do those
# whose bytes are wrong.  Damage on the disk is found by each request again.
for my $row ([ 'missing', block => 2 ], [ 'flip', block => 3 ]) {
    my ($fault, @args) = @$row;
    my $share = shift @shares;

    $_->fault($fault, @args, format => 'car', root => $share->{cid})
        for $e->gateway(0), $e->gateway(1);

    for (1 .. 3) {
        my $r = $e->get($e->fresh("/auto/$share->{id}"));
        is($e->outcome($r, $share), '200 ok', "$fault in CARs: raw blocks");
    }

    $e->heal;
}

# What a slow client takes late is in the cache before it is looked at.
{
    my $share = $e->share(size => 8_000_000);

    $e->gateway->fault('flip', block => -1, format => 'car',
                       root => $share->{cid});

    my $r = $e->get($e->fresh("/one/auto/$share->{id}"), rcvbuf => 4096,
                    rate => 12_000_000, timeout => 60);

    is($e->outcome($r, $share), '200 ok', 'a wrong CAR, and a slow client');
    is(scalar(grep { -s $_ > 7_000_000 } files('inactive')), 0,
       'it does not stay in the cache');
    $e->heal;
}

for my $form (qw(car raw)) {
    my $share = shift @shares;

    for (1 .. 3) {
        my $r = $e->get("/$form/$share->{id}");
        is($e->outcome($r, $share), '200 ok', "$form: it is cached");
        damage('inactive');
        damage('small');
    }

    # at the same time, by two workers, some of which fill the cache again
    my @clients = map {
        my $client = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
        print $client "GET /$form/$share->{id} HTTP/1.0\r\n\r\n";
        $client->flush;
        $client;
    } 1 .. 12;

    my $good = grep { local $/; (<$_> // '')
                      =~ /\r\n\r\n\Q$share->{plain}\E\z/ } @clients;
    is($good, 12, "$form: damaged, and asked for by many at a time");

    $e->nginx->reload if $form eq 'car';
    damage($_) for qw(inactive small);
    is($e->outcome($e->get("/$form/$share->{id}"), $share), '200 ok',
       "$form: damaged, and found by the workers of a reload");
}

# the manager deletes what was not asked for in four seconds
ok(wait_for(20, sub { !files('inactive') }), 'nothing is left in the cache');

# a cache that is as large as it may be, with an account that is right
for my $share (@shares) {
    $e->gateway(0)->fault('status', code => 500);
    is($e->outcome($e->get($e->fresh("/car/$share->{id}")), $share),
       '200 ok', 'a cache that is full');
}

ok(wait_for(20, sub { files('small') <= 2 }), 'it is as large as it may be');
cmp_ok(scalar files('small'), '>', 0, 'and not smaller');
sleep 1;

$e->done;
done_testing();
