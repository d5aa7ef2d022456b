# Clients that do not read: what an open holds for one of them does not depend
# on how much there is to read, on the form of the blocks or on
# meshkit_read_ahead, and what was kept back comes when they read on.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(wait_for);

use constant { STREAMS => 100, WAIT => 60, KIB => 1024, MIB => 1 << 20 };

# KiB of an open besides blocks and segments: nginx's request, connection and
# pools, proxy_buffer_size, what the record leaves, and pages that are not full
use constant { FIXED => 96, SLACK => 12 * KIB };

my $e = Meshkit::Edge->new(forms => [qw(car raw auto)], text => {
    open => 'send_timeout 300s;' });

my @layouts = map { my ($leaf, $segment, $size) = @$_;
                    { leaf => $leaf, segment => $segment,
                      share => $e->share(size => $size + 1, leaf => $leaf,
                                         segment => $segment) } }
              [ 64 * KIB, 64 * KIB, MIB ], [ 64 * KIB, MIB, 2 * MIB ],
              [ MIB, 64 * KIB, 8 * MIB ], [ 2 * MIB, 64 * KIB, 12 * MIB ],
              [ 2 * MIB, MIB, 12 * MIB ];

$e->start;

my $worker = $e->nginx->worker_pid;


sub rss {
    my ($rss) = Meshkit::Process::slurp("/proc/$worker/status") =~ /^VmRSS:\s+(\d+) kB/m;
    return $rss;
}


# Steady for two seconds: that is longer than blocks are kept for a client
# that has become slow.
sub steady {
    my ($h) = @_;

    my ($last, $since) = (0, 0);

    for (1 .. WAIT) {
        $h->receive(0.5, sub { 0 });
        my $now = rss();

        $since = abs($now - $last) < 512 ? $since + 1 : 0;
        $last = $now;
        return $now if $since == 4;
    }

    return $last;
}


sub held_ok {
    my ($kib, $layout, $name) = @_;

    my $most = (2 * $layout->{leaf} + $layout->{segment}) / KIB + FIXED;

    SKIP: {
        skip 'sanitizers take memory of their own', 1
            if $ENV{TEST_SANITIZED};
        cmp_ok($kib, '<=', STREAMS * $most + SLACK,
               "$name: two blocks and a segment each");
        note sprintf '%s: %.0f KiB each', $name, $kib / STREAMS;
    }
}


# In turns, so that the test itself holds no more than it has to.
sub read_on {
    my ($h, $share, @ids) = @_;

    my $whole = 0;

    while (my @turn = splice @ids, 0, 10) {
        $h->window($_, 1 << 30) for @turn;
        $h->receive(WAIT, sub { !grep { !$h->stream($_)->{ended} } @turn });

        for my $stream (map { $h->stream($_) } @turn) {
            my $reset = $stream->{reset} // '-';
            my $is_whole = sha256_hex($stream->{data}) eq $share->{sha256};

            $whole += $is_whole;
            diag(length $stream->{data}, " bytes, reset $reset") if !$is_whole;
            $stream->{data} = '';
        }
    }

    return $whole;
}


# What the heap keeps of small pieces, it keeps for the next ones.
for my $form (qw(car raw)) {
    my $share = $layouts[0]{share};
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
    my @ids = map { $h->send(path => "/$form/$share->{id}") } 1 .. STREAMS;

    $h->receive(WAIT, sub { !grep { !$h->stream($_)->{head} } @ids });
    $h->close;
    $e->opens($share, $form, "$form: opens");
}

for my $layout (@layouts) {
    my ($leaf, $segment, $share) = @$layout{qw(leaf segment share)};

    for my $form (qw(car raw)) {
        my $name = sprintf '%s, blocks of %d KiB, segments of %d KiB', $form,
                           $leaf / KIB, $segment / KIB;
        my $before = rss();

        $e->clear;

        my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
        my @ids = map { $h->send(path => "/$form/$share->{id}") }
                  1 .. STREAMS;

        ok($h->receive(WAIT, sub { !grep { !$h->stream($_)->{head} } @ids }),
           "$name: all have a header");
        held_ok(steady($h) - $before, $layout, $name);

        if ($form eq 'raw') {
            my $first = $leaf < $segment ? undef : 2 * STREAMS;
            my $asked = () = $e->gateway->asked_raw;

            is($asked, $first, "$name: the root and a leaf each, none ahead")
                if defined $first;
        }

        # clients that read, and then do not
        my $part = int $share->{size} * 3 / 4;

        $h->window($_, $part) for @ids[0 .. 9];
        ok($h->receive(WAIT, sub {
               !grep { length $h->stream($_)->{data} < $part } @ids[0 .. 9] }),
           "$name: ten take three quarters");
        held_ok(steady($h) - $before, $layout, "$name, then");

        is(read_on($h, $share, @ids[0 .. 19]), 20,
           "$name: twenty read on, and get the whole");
        $h->close;

        SKIP: {
            skip 'sanitizers keep what was freed', 1 if $ENV{TEST_SANITIZED};
            ok(wait_for(WAIT, sub { rss() - $before < SLACK }),
               "$name: the memory is given back")
                or diag(rss() - $before, ' KiB more');
        }
    }
}

# A gateway that is kept waiting may close its connection: it is not blamed,
# and goes on with blocks, or with another CAR.
for my $how ([ 6, 0 ], [ 0, 1 ]) {
    my ($seconds, $failed) = @$how;
    my $share = $layouts[2]{share};
    my ($leaf) = ($e->gateway->entries($share->{cid}))[5];

    $e->gateway->fault('truncate', format => 'car', into => 1000,
                       cid => $leaf);
    $e->clear;

    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 100_000);
    my $id = $h->send(path => "/auto/$share->{id}",
                      headers => [ 'x-tag', "kept$seconds" ]);

    $h->receive($seconds, sub { 0 });
    $h->window($id, 1 << 30);
    ok($h->receive(WAIT, sub { $h->stream($id)->{ended} })
       && sha256_hex($h->stream($id)->{data}) eq $share->{sha256},
       "a CAR is cut, $seconds s unread: the whole comes");
    is($e->log({ tag => "kept$seconds" })->{gateways_failed}, $failed,
       "a CAR is cut, $seconds s unread: gateways that failed");
    $h->close;
    $e->heal;
}

$e->done;
done_testing();
