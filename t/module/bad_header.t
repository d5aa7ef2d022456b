# What the header shows to be bad is left with the header: nobody waits for
# the body that it announces.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 2, fresh => 12, text => {
    http => "meshkit_deadline 170s;\nmeshkit_min_rate 0;",
    gateway => 'proxy_read_timeout 170s;',
    metadata => 'proxy_read_timeout 170s;' });
my $share = $e->share(size => 300_000);

$e->start;

# the bodies stop before their first byte, for longer than the client waits
my @stall = ('stall', at => 0, seconds => 100);

for my $case ([ 'status', code => 404 ], [ 'status', code => 503 ],
              [ 'type', type => 'text/html' ])
{
    for my $form (qw(raw car auto)) {
        $e->gateway(0)->fault(@$case);
        $e->gateway(0)->fault(@stall);

        my $r = $e->get($e->fresh("/$form/$share->{id}"), timeout => 60);

        is($e->outcome($r, $share), '200 ok', "$form: @$case");
        $e->heal;
    }
}

# a raw block that is longer than any
{
    $e->gateway(0)->fault('body', body => 'x' x (3 << 20));
    $e->gateway(0)->fault(@stall);

    my $r = $e->get($e->fresh("/raw/$share->{id}"), timeout => 60);

    is($e->outcome($r, $share), '200 ok', 'raw: too long');
    $e->heal;
}

$e->done;
done_testing();
