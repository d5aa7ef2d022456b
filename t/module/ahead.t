# meshkit_read_ahead is the number of blocks that are asked for ahead of the
# one that the client is taking: so many, and not one more.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(wait_for);

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


for my $ahead (@ahead) {
    my $name = "meshkit_read_ahead $ahead";

    # The client takes a byte: two segments wait for it, the second of them
    # still has its block.
    $e->clear;
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 1);
    my $id = $h->send(path => "/ahead$ahead/$flat->{id}");
    my $count = 3 + $ahead;

    is(asked($count), $count, "$name: the root, two leaves, $ahead ahead");

    $h->window($id, 1 << 30);
    ok($h->receive(60, sub { $h->stream($id)->{ended} })
       && $h->stream($id)->{data} eq $flat->{plain}, "$name: whole");
    $h->close;

    # The gateway keeps a block back: that one, and those behind it.
    $e->clear;
    $e->gateway->fault('stall', cid => $flat[10], at => -1, seconds => 60);
    my $pid = fork;

    if ($pid == 0) {
        $e->get("/ahead$ahead/$flat->{id}", timeout => 60);
        POSIX::_exit(0);
    }

    $count = 10 + $ahead;
    is(asked($count), $count, "$name: ten blocks, and $ahead from there");
    kill 'KILL', $pid;
    waitpid $pid, 0;
    $e->heal;

    # A node's children come in between, and are asked for first.
    $e->clear;
    $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 1);
    $id = $h->send(path => "/ahead$ahead/$deep->{id}");
    my ($second) = grep { $deep[$_] eq (leaves())[1] } 0 .. $#deep;

    $count = $second + 1 + $ahead;
    wait_for(20, sub { $e->gateway->count >= $second + 2 });
    cmp_ok(asked($second + 2), '<=', $count + $ahead,
           "$name: a tree, no more than is kept");
    $h->window($id, 1 << 30);
    ok($h->receive(60, sub { $h->stream($id)->{ended} })
       && $h->stream($id)->{data} eq $deep->{plain}, "$name: a tree, whole");
    $h->close;
}


sub leaves { return grep { /^bafk/ } @deep }


$e->done;
done_testing();
