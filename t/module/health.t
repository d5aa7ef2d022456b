# What a worker remembers of the gateways: who failed is asked last for a
# while, who does not speak CAR is asked for blocks.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, fresh => 24, forms => [qw(raw auto)],
                           text => { gateway => 'proxy_read_timeout 1s;' });
my $share = $e->share(size => 300_000);
my $other = $e->share(size => 200_000);
my ($bad, $good) = ($e->gateway(0), $e->gateway(1));
my @blocks = $e->gateway->entries($share->{cid});

$e->start;


# How many gateways were left, and whether the first one was asked at all.
sub opens {
    my ($name, $path, $share, $failed, $asked) = @_;

    $_->clear for $bad, $good;

    my $r = $e->get("$path/$share->{id}");
    is($e->outcome($r, $share), '200 ok', "$name: whole");
    is($e->log($r)->{gateways_failed}, $failed, "$name: gateways left");
    is($bad->count > 0 ? 1 : 0, $asked,
       "$name: the first is " . ($asked ? 'asked' : 'spared'));
}


# Seconds from a failure until the gateway is asked again.
sub rests {
    my ($path) = @_;

    my $start = time();
    my $r = $e->get("$path/$share->{id}");
    my $failed = $e->log($r)->{gateways_failed};

    $bad->clear;
    wait_for(60, sub {
        $e->get("$path/$other->{id}");
        return $bad->count > 0;
    });

    return $failed == 1 ? time() - $start : -1;
}


# --- how long ---------------------------------------------------------------

# The other share is not damaged there: asking for it does not lengthen the
# rest, but ends the row of failures.
{
    my $path = '/raw';

    $bad->fault('flip', cid => $blocks[2]);
    cmp_ok(rests($path), '>=', 0.99, 'a wrong block: it rests for a second');

    $e->get("$path/$other->{id}");
    cmp_ok(rests($path), '>=', 0.99, 'what it does well is remembered too');

    # nothing that it does is right
    $e->heal;
    $bad->fault('flip', block => 0, root => $_->{cid}) for $share, $other;

    my $start = time();
    opens('the first failure', $path, $share, 1, 1);

    for my $rest (1, 3, 7) {
        $bad->clear;
        ok(wait_for(60, sub { $e->get("$path/$share->{id}");
                              return $bad->count > 0 }),
           "asked again after $rest s");
        cmp_ok(time() - $start, '>=', $rest - 0.01, 'and not before');
    }

    # the rest is eight seconds now
    opens('in a long rest', $path, $share, 0, 0);
    $e->heal;
}

# Retry-After
{
    my $path = $e->fresh('/raw');

    $bad->fault('status', code => 429, headers => [ 'Retry-After' => 3 ],
                times => 1);
    cmp_ok(rests($path), '>=', 2.99, 'Retry-After is kept');
    $e->heal;
}


# --- what for ---------------------------------------------------------------

# The gateway has not got it: that is about the content, and the next open is
# for another.
for my $code (400, 403, 404, 410, 451) {
    my $path = $e->fresh('/raw');

    $bad->fault('status', code => $code, cid => $_) for @blocks;
    opens("$code for one file", $path, $share, 1, 1);
    opens("$code, another file", $path, $other, 0, 1);
    $e->heal;
}

# It says itself that it cannot, or nobody can tell.
for my $code (401, 407, 408, 429, 500, 502, 503, 504) {
    my $path = $e->fresh('/raw');

    # with a Retry-After that no second open can be behind
    $bad->fault('status', code => $code, cid => $blocks[0],
                headers => [ 'Retry-After' => 60 ]);
    opens("$code for one file", $path, $share, 1, 1);
    opens("$code, another file", $path, $other, 0, 0);
    $e->heal;
}

for my $row ([ 'silence', 'stall', at => -1, seconds => 20 ],
             [ 'a reset', 'reset', at => -1 ],
             [ 'another media type', 'html' ])
{
    my ($name, $fault, @args) = @$row;

    $bad->fault($fault, @args, cid => $blocks[0]);
    cmp_ok(rests($e->fresh('/raw')), '>=', 0.99, "$name: it rests");
    $e->heal;
}

# no CAR: asked once, then for blocks
{
    my $path = $e->fresh('/auto');

    $_->fault('status', code => 406, format => 'car') for $bad, $good;
    $e->get("$path/$share->{id}");
    $_->clear for $bad, $good;
    opens('auto, no CAR', $path, $share, 0, 1);
    is(scalar $bad->asked_car, 0, 'it does not speak CAR: not asked again');
    cmp_ok(scalar $bad->asked_raw, '>', 0, 'but for blocks');
}

$e->done;
done_testing();
