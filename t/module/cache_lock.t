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
    gateway => <<'EOT' });
proxy_buffering on;
proxy_cache blocks;
proxy_cache_valid 200 1h;
proxy_cache_lock on;
proxy_cache_lock_timeout 60s;
proxy_cache_lock_age 60s;
proxy_read_timeout 60s;
EOT
# A root and 62 blocks, the first six of them without delay.
use constant { LEAF => 16 * 1024, AT_HAND => 6 };

my @shares = map { $e->share(size => 1_000_000, leaf => LEAF) } 1 .. 3;

$e->start;


sub begin {
    my ($share, $tag, @range) = @_;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $client join "\r\n", "GET /raw/$share->{id} HTTP/1.1", 'Host: a',
                               "X-Tag: $tag", @range, '', '';
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
            for @blocks[1 + AT_HAND .. $#blocks];
    }

    $e->clear;

    my $first = begin($share, "first-$i", 'Range: bytes=0-131000');

    ok(wait_for(20, sub { $e->gateway->count >= 1 + AT_HAND + 2 }),
       'the locks are held');
    sleep 1;

    my $held = $e->gateway->count;

    # what is at hand is in the cache, its next blocks wait for the locks
    my $second = begin($share, "second-$i");

    ok(wait_for(20, sub { $e->gateway->count > $held }),
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
