# meshkit_read_ahead is the number of blocks that are asked for ahead of the
# one that the client is taking: so many, and not one more, and none for a
# client that does not read.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;

my @ahead = (1, 2, 3, 8, 64);
my $e = Meshkit::Edge->new(forms => [qw(raw)], text => {
    server => join '', map { <<"EOT" } @ahead });
location ~ ^/ahead$_/(?<cap>.*)\$ {
    meshkit_read_ahead $_;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
EOT

# A leaf is a segment, so the blocks that were taken can be counted.
my $flat = $e->share(size => 80 * 65_504);
my $deep = $e->share(size => 80 * 65_504 - 1, width => 4);
my $small = $e->share(size => 100);
my @flat = $e->gateway->entries($flat->{cid});
my @deep = $e->gateway->entries($deep->{cid});

is(scalar @flat, 81, 'a root and its leaves');
cmp_ok(scalar @deep, '>', 100, 'a tree of several levels');
$e->start;


# What the worker was about to ask for, it has asked for when it has answered
# another request.
sub asked {
    my ($count) = @_;

    $e->gateway->wait_for_requests($count);
    $e->opens($small, 'raw', 'another open');

    my ($own) = $e->gateway->entries($small->{cid});
    return scalar grep { $_ ne $own } $e->gateway->asked_raw;
}


# A client that reads as fast as it can, up to a block that the gateway keeps
# back: how many were asked for by then.
sub asked_at {
    my ($path, $cid, $count) = @_;

    $e->clear;
    $e->gateway->fault('stall', cid => $cid, at => -1, seconds => 60);

    my $pid = fork;

    if ($pid == 0) {
        $e->get($path, timeout => 60);
        POSIX::_exit(0);
    }

    my $asked = asked($count);

    kill 'KILL', $pid;
    waitpid $pid, 0;
    $e->heal;

    return $asked;
}


for my $ahead (@ahead) {
    my $name = "meshkit_read_ahead $ahead";

    # a byte of the first segment is taken: nobody knows yet whether the
    # client reads on
    for my $row ([ 'a flat file', $flat, 2 ], [ 'a tree', $deep, first() ]) {
        my ($what, $share, $count) = @$row;

        $e->clear;
        my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 1);
        my $id = $h->send(path => "/ahead$ahead/$share->{id}");

        is(asked($count), $count,
           "$name: $what, up to the first leaf, and none ahead");

        $h->window($id, 1 << 30);
        ok($h->receive(60, sub { $h->stream($id)->{ended} })
           && $h->stream($id)->{data} eq $share->{plain},
           "$name: $what, whole");
        $h->close;
    }

    # the first segment is taken, and nothing of the second: what was asked
    # for meanwhile is given up, but for the next one
    $e->clear;
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 65_504);
    my $id = $h->send(path => "/ahead$ahead/$flat->{id}");

    cmp_ok(asked(3), '<=', 3 + 2 * $ahead, "$name: a segment is taken");
    $h->receive(2, sub { 0 });
    my $asked = asked(3);
    $h->receive(2, sub { 0 });
    is(asked(3), $asked, "$name: and while nothing is, nothing is asked for");
    $h->window($id, 1 << 30);
    ok($h->receive(60, sub { $h->stream($id)->{ended} })
       && $h->stream($id)->{data} eq $flat->{plain},
       "$name: what was given up comes");
    $h->close;

    my $count = 10 + $ahead;
    is(asked_at("/ahead$ahead/$flat->{id}", $flat[10], $count), $count,
       "$name: ten blocks, and $ahead from there");

    # a node's children come in between, and are asked for first
    my $leaf = (leaves())[10];
    my ($at) = grep { $deep[$_] eq $leaf } 0 .. $#deep;

    cmp_ok(asked_at("/ahead$ahead/$deep->{id}", $leaf, $at + 1), '<=',
           $at + 1 + 2 * $ahead, "$name: a tree, no more than is kept");
}


# How many blocks a tree has up to its first leaf.
sub first {
    my ($at) = grep { $deep[$_] =~ /^bafk/ } 0 .. $#deep;
    return $at + 1;
}


sub leaves { return grep { /^bafk/ } @deep }


$e->done;
done_testing();
