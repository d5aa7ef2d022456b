# A client that goes away, in each state of an open: the worker lives, what it
# waited for is closed, no file stays open.  And clients that stay: keep-alive
# and pipelined requests.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(policy => 'authzen', text => {
    http => "proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;\n"
            . 'keepalive_timeout 60s;',
    gateway => 'proxy_read_timeout 30s;',
    server => <<'EOT',
location ~ ^/cached/(?<form>car|raw)/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_cached/0 car;
}
location ~ ^/cachedraw/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_cached/0 raw;
}
location ~ ^/buffered/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_buffered/0 car;
}
location ~ ^/ignore/(?<cap>.*)$ {
    proxy_ignore_client_abort on;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location /_cached/0/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_valid 200 1h;
    proxy_read_timeout 30s;
}
location /_buffered/0/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_max_temp_file_size 0;
    proxy_read_timeout 30s;
}
EOT
});

my $share = $e->share(size => 40 * 65_504);
my $bound = $e->share(size => 100_000, policy_id => 'p-1');
my $small = $e->share(size => 1000);
my @blocks = $e->gateway->entries($share->{cid});

$e->policy->allow;
$e->start;

my $worker = $e->nginx->worker_pid;

$e->get("/$_/$bound->{id}") for qw(car raw);

# What is open when nothing is asked.  A client's connection may still be.
my $held;

wait_for(20, sub {
    my $before = $held // -1;
    $held = $e->held;
    sleep 0.3;
    return $held == $before;
});


# Nothing is left of the open.
sub settled {
    my ($name, $service, $more) = (@_, 0);

    my $gone = wait_for(20, sub {
        grep { $_ ne 'complete' } $service->outcomes;
    });

    ok($gone, "$name: the connection to the service is closed")
        or diag join ' ', $service->outcomes;
    ok(wait_for(20, sub { $e->connections($service) <= 16
                          && $e->held <= $held + $more }),
       "$name: no connection is left over");
    is($e->nginx->worker_pid, $worker, "$name: the worker lives");
    $e->heal;
    $e->policy->allow;
    $e->opens($small, 'car', "$name: the next open works");
}


my %states = (
    'waiting for metadata' => [ $e->metadata, 'stall', { at => -1 } ],
    'within the metadata' => [ $e->metadata, 'stall', { at => 10 } ],
    'waiting for the policy' => [ $e->policy, 'stall', { at => -1 } ],
    'within the decision' => [ $e->policy, 'stall', { at => 3 } ],
    'waiting for the gateway' => [ $e->gateway, 'stall', { at => -1 } ],
    'within the first block' => [ $e->gateway, 'stall', { at => 50 } ],
);

for my $close (qw(close reset h2)) {
    for my $form (qw(car raw)) {
        for my $name (sort keys %states) {
            my ($service, $fault, $args) = @{ $states{$name} };
            my $what = "$name, $form, $close";

            $e->clear;
            $service->mode($fault, %$args, seconds => 30);

            if ($close eq 'h2') {
                my $h = Meshkit::Http2->connect($e->nginx->port('h2'));
                my $id = $h->send(path => "/$form/$bound->{id}");
                ok($service->wait_for_requests(1), "$what: it was asked");
                $h->reset($id);
                settled($what, $service, 1);
                my $next = $h->send(path => "/$form/$small->{id}");
                $h->receive(20, sub { $h->stream($next)->{ended} });
                is($h->stream($next)->{data}, $small->{plain},
                   "$what: the connection's next stream is whole");
                $h->close;
                next;
            }

            my $socket = IO::Socket::INET->new(
                PeerAddr => '127.0.0.1',
                PeerPort => $e->nginx->port('front'));
            print $socket "GET /$form/$bound->{id} HTTP/1.1\r\n"
                          . "Host: a\r\n\r\n";
            $socket->flush;
            ok($service->wait_for_requests(1), "$what: it was asked");
            setsockopt $socket, Socket::SOL_SOCKET, Socket::SO_LINGER,
                pack('ii', 1, 0) if $close eq 'reset';
            close $socket;
            settled($what, $service);
        }
    }
}


# --- in the middle of the file ----------------------------------------------

for my $path (qw(car raw cached/car cachedraw buffered)) {
    my $name = "in the middle, $path";

    # the gateway has more than was taken, and sends it in its time
    $e->clear;
    # while nginx fills its cache it goes on without the client, by design:
    # then the end comes with the gateway's
    my $cached = $path eq 'cached/car';
    $e->gateway->fault('stall', cid => $blocks[8], into => 10,
                       seconds => $cached ? 1 : 30, resume => $cached);
    my $r = $e->get("/$path/$share->{id}", limit => 300_000, rcvbuf => 4096);
    is($r->status . ' ' . substr($r->body, 0, 300_000),
       '200 ' . substr($share->{plain}, 0, 300_000),
       "$name: it had begun");

    if ($cached) {
        is($e->log($r)->{completion}, '', "$name: the request ended");
        ok(wait_for(20, sub { $e->gateway->outcomes }),
           "$name: so did the gateway's answer");
        $e->heal;
        $e->policy->allow;

    } else {
        settled($name, $e->gateway);
    }

    # the client does not take anything and then leaves, everything is full
    $e->clear;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'));
    setsockopt $socket, Socket::SOL_SOCKET, Socket::SO_RCVBUF, pack('i', 1);
    print $socket "GET /$path/$share->{id} HTTP/1.1\r\nHost: a\r\n\r\n";
    $socket->flush;
    ok($path =~ /cached/ || wait_for(20, sub { $e->gateway->sent > 0 }),
       "$name: the file is on its way");
    close $socket;
    ok(wait_for(20, sub { $e->connections($e->gateway) <= 16
                          && $e->held <= $held }),
       "$name: nothing read, then gone");
    $e->opens($share, 'car', "$name: the next open is whole");

    # the same stream by stream of one connection
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 70_000);
    my @ids = map { $h->send(path => "/$path/$share->{id}") } 1 .. 4;
    $h->receive(20, sub { 4 == grep { length $h->stream($_)->{data}
                                     >= 60_000 } @ids });
    $h->reset($_) for @ids[0 .. 2];
    $h->window($ids[3], 1 << 30);
    ok($h->receive(20, sub { $h->stream($ids[3])->{ended} })
       && $h->stream($ids[3])->{data} eq $share->{plain},
       "$name: three streams are reset, the fourth is whole");
    $h->close;
    is($e->nginx->worker_pid, $worker, "$name: the worker lives");
}

# Everything above, many times at once: all go away.
{
    for my $round (1 .. 3) {
        my @sockets = map {
            my $socket = IO::Socket::INET->new(
                PeerAddr => '127.0.0.1',
                PeerPort => $e->nginx->port('front'));
            my $path = (qw(car raw cached/car buffered))[$_ % 4];
            print $socket "GET /$path/$share->{id} HTTP/1.1\r\n"
                          . "Host: a\r\n\r\n";
            $socket->flush;
            $socket;
        } 1 .. 24;

        sleep 0.15;
        close $_ for @sockets;
        wait_for(20, sub { $e->held <= $held });
    }

    # caches are filled to their end
    ok(wait_for(20, sub { $e->held <= $held }),
       'many that go away leave no file open')
        or diag "$held before, " . $e->held . ' after';
    ok(!(grep { $e->connections($_) > 16 } $e->services),
       'many that go away: no more connections than are kept');
    is($e->nginx->worker_pid, $worker, 'many that go away: the worker lives');
}

# proxy_ignore_client_abort belongs to nginx's proxy and changes nothing here.
{
    $e->clear;
    $e->metadata->mode('stall', at => -1, seconds => 30);
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'));
    print $socket "GET /ignore/$share->{id} HTTP/1.1\r\nHost: a\r\n\r\n";
    $socket->flush;
    ok($e->metadata->wait_for_requests(1),
       'proxy_ignore_client_abort: it was asked');
    close $socket;
    ok(wait_for(20, sub { grep { $_ eq 'client_gone' }
                         $e->metadata->outcomes }),
       'proxy_ignore_client_abort does not keep an open alive');
    $e->heal;
}


# --- clients that stay ------------------------------------------------------

for my $form (qw(car raw)) {
    my $r = $e->get("/$form/$share->{id}", keepalive => 1);
    is($e->outcome($r, $share), '200 ok', "keep-alive: the first, $form");

    for my $round (1, 2) {
        $r = $e->get("/$form/nobody", keepalive => 1, socket => $r->socket);
        is($e->outcome($r), '404 capsule_not_found',
           "keep-alive: a refusal behind it, $form");
        $r = $e->get("/$form/$share->{id}", keepalive => 1,
                     socket => $r->socket, method => 'HEAD');
        is($r->status, 200, "keep-alive: HEAD behind the refusal, $form");
        $r = $e->get("/$form/$small->{id}", keepalive => 1,
                     socket => $r->socket);
        is($e->outcome($r, $small), '200 ok',
           "keep-alive: another file, $form");
    }

    my $request = join '', map { "GET /$form/$_ HTTP/1.1\r\nHost: a\r\n\r\n" }
                  $small->{id}, 'nobody', $share->{id}, $small->{id};
    $request .= "GET /$form/$small->{id} HTTP/1.1\r\nHost: a\r\n"
                . "Connection: close\r\n\r\n";

    my $bytes = '';
    {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
        print $socket $request;
        $socket->flush;
        local $/;
        $bytes = <$socket>;
    }
    my @statuses = $bytes =~ m{HTTP/1\.1 (\d+) }g;
    is("@statuses", '200 404 200 200 200', "pipelined, $form: all answered");
    my @bodies = split /HTTP\/1\.1 \d+ .*?\r\n\r\n/s, $bytes;
    ok($bodies[1] eq $small->{plain} && $bodies[3] eq $share->{plain}
       && $bodies[4] eq $small->{plain} && $bodies[5] eq $small->{plain},
       "pipelined, $form: each is whole and in its place");
}

# A client that closes its own side only has not gone away for nginx, unless
# it says so: nginx takes it as gone, and so does this module.
{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'));
    print $socket "GET /car/$small->{id} HTTP/1.1\r\nHost: a\r\n"
                  . "Connection: close\r\n\r\n";
    $socket->flush;
    shutdown $socket, 1;
    local $/;
    my $bytes = <$socket> // '';
    ok($bytes eq '' || $bytes =~ /\Q$small->{plain}\E\z/,
       'a client that closes its side gets all or nothing');
}

$e->done;
done_testing();
