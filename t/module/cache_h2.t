# HTTP/2 to a slow client while a CAR goes into the cache or comes from it:
# the CAR is left while frames of what it gave wait for the client, and they
# hold nothing of its subrequest, whose memory is gone.
#
# One piece of plaintext is as long as a segment, here far longer than what
# the sockets hold.  Two are on their way at a time; when the first has left,
# the next block is looked at, and that is where the fault is.  nginx takes
# its links of the request for a piece that fits one frame, and for one that
# it could send a part of only, as the stream's window allowed.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(run_command wait_for);

use constant { PIECE => 1 << 18, FRAME => 1 << 20 };

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, forms => ['car'],
    fresh => 30, text => {
        http => 'proxy_cache_path %%DIR%%/cache keys_zone=c:1m;',
        server => <<'EOT',
listen 127.0.0.1:%%PORT_small%% http2 sndbuf=8k;
listen 127.0.0.1:%%PORT_tls%% http2 ssl sndbuf=8k;
ssl_certificate %%DIR%%/localhost.crt;
ssl_certificate_key %%DIR%%/localhost.key;
http2_chunk_size 1m;
if ($http_x_rate) { set $limit_rate $http_x_rate; }
EOT
        gateway => 'proxy_cache c; proxy_cache_valid 200 1m;'
                   . 'proxy_buffering on; proxy_buffers 4 8k; '
                   . 'proxy_busy_buffers_size 8k;' });

my $made = run_command({}, qw(openssl req -x509 -nodes -newkey ec
    -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=localhost
    -keyout), $e->dir . '/localhost.key', '-out', $e->dir . '/localhost.crt');
die $made->{err} if $made->{exit} != 0;

$e->start;

my $worker = $e->nginx->worker_pid;


sub share { return $e->share(size => 6 * PIECE, segment => PIECE,
                             leaf => PIECE, @_) }


sub leaf {
    my ($share, $n) = @_;

    return (grep { /^bafk/ } $e->gateway->entries($share->{cid}))[$n];
}


# The third leaf: two pieces have been given out by then.
my %SPOIL = (
    'is cut' => sub {
        $e->gateway(0)->fault('truncate', format => 'car', into => 1000,
                              cid => leaf($_[0], 2));
    },

    'is wrong' => sub {
        $e->gateway(0)->fault('flip', format => 'car', cid => leaf($_[0], 2));
    },

    'is damaged in the cache' => sub {
        my ($share) = @_;

        # it is left at its last block, so its end may come too late for that
        ok(wait_for(20, sub {
            $e->get("/one/car/$share->{id}");
            return damage(leaf($share, 2));
        }), 'it goes into the cache, and is damaged there');
    },
);


# In the file of the cache that has the whole of it.
sub damage {
    my ($cid) = @_;

    my $block = Meshkit::Process::slurp($e->dir . "/share/blocks/$cid");
    my $done = 0;

    for my $path (glob $e->dir . '/cache/*') {
        my $at = index Meshkit::Process::slurp($path), $block;
        next if $at < 0;

        open my $file, '+<:raw', $path or die "$path: $!";
        seek $file, $at + 1000, 0;
        print $file ~substr $block, 1000, 1;
        close $file or die "$path: $!";
        $done++;
    }

    return $done;
}


# A client that waits where the second piece ends: while a piece is on its way
# nothing of the CAR is read.
my %WAIT = (
    'frames' => sub {
        my ($h) = @_;

        return $h->receive(20, sub { $h->received > 2 * PIECE - 1000 });
    },

    # half of it, and then the rest
    'window' => sub {
        my ($h, $id) = @_;

        my $s = $h->stream($id);

        $h->window($id, PIECE);
        $h->receive(20, sub { length $s->{data} >= 1.5 * PIECE
                              || $s->{reset} });
        $h->window($id, PIECE / 2);
        return !$s->{reset};
    },
);


sub client {
    my ($how, %opt) = @_;

    return Meshkit::Http2->connect($e->nginx->port($opt{tls} ? 'tls'
                                                             : 'small'),
        rcvbuf => 4096, %opt,
        $how eq 'window' ? (window => PIECE / 2) : (frame => FRAME));
}


# Up to where the CAR is left: something else is asked for.
sub hold {
    my ($h, $how, $id, $name, $asked) = @_;

    ok($WAIT{$how}->($h, $id), "$name: the second piece is on its way");
    ok(wait_for(20, sub { $e->gateway(0)->count + $e->gateway(1)->count
                          > $asked }), "$name: the CAR is left");
}


sub comes_whole {
    my ($h, $id, $share, $name) = @_;

    my $s = $h->stream($id);

    $h->window($id, 1 << 24);
    ok($h->receive(20, sub { $s->{ended} || defined $s->{reset} }),
       "$name: it ends");
    ok($s->{data} eq $share->{plain}, "$name: and is the whole file");
    is($e->nginx->worker_pid // 'none', $worker, "$name: by the same worker");
    $worker = $e->nginx->worker_pid // 0;
}


for my $what (sort keys %SPOIL) {
    for my $how (sort keys %WAIT) {
        for my $tls (0, 1) {
            my $name = ($tls ? 'TLS, ' : '') . "$how, the CAR $what";
            my $share = share();

            $SPOIL{$what}->($share);
            $e->clear;

            my $h = client($how, tls => $tls);
            my $id = $h->send(path => $e->fresh("/car/$share->{id}"));

            hold($h, $how, $id, $name, $what =~ /cache/ ? 0 : 1);
            comes_whole($h, $id, $share, $name);
            $h->close;
            $e->heal;
        }
    }
}


# What becomes of the open has nothing to do with the others on its connection.
for my $how (sort keys %WAIT) {
    for my $end ('the client resets it', 'no gateway is left') {
        my $name = "$how, $end";
        my $one = $end =~ /left/ ? '/one' : '';
        my ($share, $other) = map { share() } 1, 2;

        $SPOIL{'is cut'}->($share);
        $e->clear;

        my $h = client($how);
        my $id = $h->send(path => $e->fresh("$one/car/$share->{id}"));

        # where no gateway is left it may have ended by then
        my $waits = $WAIT{$how}->($h, $id);

        ok($waits || $h->stream($id)->{reset},
           "$name: the second piece is on its way");
        $h->reset($id) if !$one;

        my $next = $h->send(path => $e->fresh("/car/$other->{id}"));

        comes_whole($h, $next, $other, "$name: another stream");
        isnt($h->stream($id)->{data}, $share->{plain}, "$name: it does not");
        $h->close;
        $e->heal;
    }
}


# Several at once, slowly, and parts of files.
for my $how (sort keys %WAIT) {
    my $range = 'bytes=' . (PIECE / 2) . '-' . (5 * PIECE + 999);
    my @opens = map { { share => share(), headers => $_ } }
                [], [ 'x-rate', 2_000_000 ], [ 'range', $range ];

    $SPOIL{'is cut'}->($_->{share}) for @opens;

    my $h = client($how);

    for my $open (@opens) {
        my $share = $open->{share};

        $open->{id} = $h->send(path => $e->fresh("/car/$share->{id}"),
                               headers => $open->{headers});
        $open->{plain} = $share->{plain};
    }

    $opens[2]{plain} = substr $opens[2]{plain}, PIECE / 2, 4.5 * PIECE + 1000;

    for my $open (@opens) {
        comes_whole($h, $open->{id}, $open, "$how, @{ $open->{headers} }");
    }

    $h->close;
    $e->heal;
}

$e->done;
done_testing();
