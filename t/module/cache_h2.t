# HTTP/2 to the client while a CAR goes into the cache, and is cut: what was
# sent up to there holds nothing of the subrequest that is over.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 2, forms => ['car'], fresh => 12,
    text => {
        http => 'proxy_cache_path %%DIR%%/cache keys_zone=c:1m;',
        server => 'limit_rate 3m;',
        gateway => 'proxy_cache c; proxy_cache_valid 200 1m;'
                   . 'proxy_buffering on; proxy_buffers 4 8k; '
                   . 'proxy_busy_buffers_size 8k;' });

$e->start;

my $worker = $e->nginx->worker_pid;

for my $round (1 .. 12) {
    my $share = $e->share(size => 1_500_000);

    $e->gateway(0)->fault('truncate', format => 'car', into => 1000,
                          cid => ($e->gateway(0)->entries($share->{cid}))
                                 [4 + $round]);

    my $c = $e->curl($e->fresh("/car/$share->{id}"), h2 => 1);

    is($c->status, 200, "$round: opens");
    ok($c->body eq $share->{plain}, "$round: is the whole file");
    $e->gateway(0)->clear_faults;
}

is($e->nginx->worker_pid, $worker, 'one worker did it all');

$e->done;
done_testing();
