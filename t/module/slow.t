# A slow client and a big file: the worker's memory stays bounded, a gateway is
# asked no further than the client has taken, and the file arrives whole.

use strict;
use warnings;

use Digest::SHA;
use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(wait_for);

use constant MIB => 1 << 20;
use constant SIZE => 64 * MIB;
use constant GROWTH => Meshkit::Nginx::growth(16 * 1024);   # kB

my %ways = (unbuffered => '/_gw/0 car', raw => '/_gw/0 raw',
            buffered => '/_buffered car', defaults => '/_defaults car',
            cached => '/_cached car');
my $locations = '';

for my $way (sort keys %ways) {
    for my $row ([ '', '' ], [ 'limited/', 'limit_rate 4m;' ],
                 [ 'timeout/', 'send_timeout 2s;' ])
    {
        $locations .= <<"EOT";
location ~ ^/$row->[0]$way/(?<cap>.*)\$ {
    $row->[1]
    meshkit_open \$cap;
    meshkit_gateway $ways{$way};
}
EOT
    }
}

my $e = Meshkit::Edge->new(forms => [], text => {
    http => "proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;\n"
            . 'sendfile on; tcp_nopush on; tcp_nodelay on;',
    server => "meshkit_metadata /_meshkit/metadata;\n$locations" . <<'EOT',
location /_buffered/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_max_temp_file_size 0;
}
location /_defaults/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
}
location /_cached/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_valid 200 1h;
}
location ~ ^/hurried/(?<cap>.*)$ {
    limit_rate 64m;
    meshkit_open $cap;
    meshkit_gateway /_filling car;
}
location /_filling/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_key $request_id;
    proxy_cache_valid 200 1h;
}
EOT
});

# Blocks of 1 MiB, segments of 64 KiB.
my $share = $e->share(size => SIZE, leaf => MIB);

my $short = $e->share(size => 4 * MIB, leaf => 65_536);

$e->start;
$e->get("/$_/$share->{id}", limit => 2_000_000)
    for qw(unbuffered buffered raw);
sleep 0.2;


sub rss { return $e->nginx->worker_rss }


# Reads so many bytes, stops, looks at what the gateway sent, reads the rest.
sub slow {
    my ($path, $bound) = @_;

    $e->clear;
    $e->nginx->reset_hwm;
    my $before = rss();
    my $started = 0;
    my $sha = Digest::SHA->new(256);
    my ($taken, $sent, $middle) = (0, 0, 0);

    my $r = $e->get("/$path/$share->{id}", rcvbuf => 65_536, timeout => 120,
                    sink => sub {
        my ($bytes) = @_;

        $sha->add($bytes);
        $taken += length $bytes;

        if (!$middle && $taken >= 8 * MIB) {
            sleep 0.8;
            $middle = $taken;
            $sent = $e->gateway->sent;
        }
    });

    my $growth = $e->nginx->worker_rss('VmHWM') - $before;

    is($r->status . ' ' . ($r->complete ? 'whole' : 'cut') . ' '
       . $sha->hexdigest, "200 whole $share->{sha256}",
       "$path: the file arrives whole");
    cmp_ok($growth, '<', GROWTH, "$path: memory is bounded");
    cmp_ok($sent - $middle, '<', $bound * MIB,
           "$path: the gateway is ahead of the client by less than "
           . "$bound MiB") if $bound;
    ok(!(grep { $_ ne 'complete' } $e->gateway->outcomes),
       "$path: the gateway's answer was used to its end")
        or diag join ' ', $e->gateway->outcomes;
}


# What is under way: the socket buffers of both sides (up to 6 MiB each, as
# the kernel sees fit) and, by raw blocks, eight of them.
slow('unbuffered', 24);
slow('buffered', 24);
slow('defaults', 24);
slow('raw', 32);
slow('cached');         # may go on into its file
slow('cached');         # from its file

# Ten at a time, none of which reads: nothing is pulled, nothing grows.
for my $path (qw(unbuffered buffered raw)) {
    $e->clear;
    my $before = rss();
    my @sockets = map {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
        print $socket "GET /$path/$share->{id} HTTP/1.1\r\nHost: a\r\n\r\n";
        $socket->flush;
        $socket;
    } 1 .. 10;

    sleep 1;
    cmp_ok(rss() - $before, '<', 10 * GROWTH,
           "$path: ten that do not read, memory");
    cmp_ok($e->gateway->sent, '<', 10 * 32 * MIB,
           "$path: ten that do not read, the gateway");
    close $_ for @sockets;
    ok(wait_for(20, sub { $e->connections($e->gateway) <= 16 }),
       "$path: ten that do not read, closed");
}

# HTTP/2: the client's window is its speed.
for my $path (qw(unbuffered raw)) {
    $e->clear;
    my $before = rss();
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 100_000);
    my $id = $h->send(path => "/$path/$share->{id}");

    $h->receive(20, sub { length $h->stream($id)->{data} >= 100_000 });
    sleep 0.6;
    is(length $h->stream($id)->{data}, 100_000,
       "HTTP/2, $path: no more than the window");
    cmp_ok($e->gateway->sent, '<', 24 * MIB,
           "HTTP/2, $path: the gateway waits");
    cmp_ok(rss() - $before, '<', GROWTH, "HTTP/2, $path: memory");

    $h->window($id, 1 << 30);
    ok($h->receive(60, sub { $h->stream($id)->{ended} }),
       "HTTP/2, $path: it goes on");
    is(Digest::SHA::sha256_hex($h->stream($id)->{data}), $share->{sha256},
       "HTTP/2, $path: to the end");
    $h->close;
}

# limit_rate delays the writes.
for my $path (qw(unbuffered raw buffered cached)) {
    my $r = $e->get("/limited/$path/$short->{id}", timeout => 30);
    is($e->outcome($r, $short), '200 ok', "limit_rate, $path: whole");
    cmp_ok($r->elapsed, '>', 0.5, "limit_rate, $path: is obeyed");

    $r = $e->curl("/limited/$path/$short->{id}", h2 => 1,
                  args => [ '--max-time', 30 ]);
    is($e->outcome($r, $short), '200 ok', "limit_rate, $path, HTTP/2: whole");
}

# A thousand such delays, each of which ends by nginx's timer or by our own,
# while an answer goes into the cache: none is taken for a client that waits.
for my $n (1 .. 4) {
    my $sha = Digest::SHA->new(256);
    my $r = $e->get("/hurried/$share->{id}", timeout => 60,
                    sink => sub { $sha->add($_[0]) });

    is(($r->complete ? 'whole' : 'cut') . ' ' . $sha->hexdigest,
       "whole $share->{sha256}", "limit_rate, filling a cache, $n: whole");
}

# A client that takes nothing for longer than send_timeout is left, one that
# takes little is not.
for my $path (qw(unbuffered raw buffered cached)) {
    $e->clear;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
    print $socket "GET /timeout/$path/$share->{id} HTTP/1.1\r\nHost: a\r\n"
                  . "X-Tag: left-$path\r\n\r\n";
    $socket->flush;

    my $log = $e->log({ tag => "left-$path" });
    is(join(' ', map { defined $_ ? "'$_'" : 'none' }
            @$log{qw(status completion)}), "'200' ''",
       "send_timeout, $path: the client is left");
    ok(wait_for(20, sub { $e->connections($e->gateway) <= 16 }),
       "send_timeout, $path: so is the gateway");
    close $socket;

    my $r = $e->get("/timeout/$path/$short->{id}", rate => 1.6 * MIB,
                    rcvbuf => 16_384);
    is($e->outcome($r, $short), '200 ok',
       "send_timeout, $path: a slow client is served");
}

$e->done;
done_testing();
