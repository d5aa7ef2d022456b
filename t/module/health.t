# What a worker remembers of the gateways: who failed is asked last for a
# while, who does not speak CAR is asked for blocks.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 2);
my $share = $e->share(size => 300_000);
my ($bad, $good) = ($e->gateway(0), $e->gateway(1));

$e->start;


sub failed {
    my ($form) = @_;

    my $r = $e->get("/$form/$share->{id}");
    is($e->outcome($r, $share), '200 ok', "$form: whole");
    return $e->log($r)->{gateways_failed};
}


# wrong bytes: the second request does not ask it first
$bad->fault('flip', block => 2, root => $share->{cid});
is(failed('car'), 1, 'a wrong block: the gateway is left');

$bad->clear;
is(failed('car'), 0, 'the next request asks the honest one first');
is($bad->count, 0, 'and not the other');

sleep 1.3;
is(failed('car'), 1, 'after a second it gets its chance, and fails again');
sleep 1.3;
is(failed('car'), 0, 'now it rests for two');
sleep 1.3;
$e->heal;
is(failed('car'), 0, 'it is honest again');
is(failed('car'), 0, 'and asked in the operator\'s order');
cmp_ok($bad->count, '>', 0, 'it was asked');

# Retry-After
$bad->fault('status', code => 429, headers => [ 'Retry-After' => 3 ]);
is(failed('raw'), 1, '429: left');
sleep 1.6;
$bad->clear;
is(failed('raw'), 0, 'Retry-After is kept');
is($bad->count, 0, 'it is not asked');
sleep 2;
$e->heal;
is(failed('raw'), 0, 'asked again');

# no CAR: asked once, then for blocks
$e->heal;
$_->fault('status', code => 406, format => 'car') for $bad, $good;
failed('auto');
$_->clear for $bad, $good;
failed('auto');
is(scalar($bad->asked_car), 0, 'it does not speak CAR: not asked again');
cmp_ok(scalar(my @raw = $bad->asked_raw), '>', 0, 'but for blocks');

$e->done;
done_testing();
