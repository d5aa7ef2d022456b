# One deadline covers the chain up to the header, whatever waits; behind the
# header there is none.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', text => {
    http => 'meshkit_deadline 1s;',
    gateway => 'proxy_read_timeout 20s;',
    server => join '', map { <<"EOT" } qw(car raw),
location ~ ^/patient/$_/(?<cap>.*)\$ {
    meshkit_deadline 3s;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 $_;
}
EOT
});

my $share = $e->share(size => 3_000_000, policy_id => 'p-1');
my $small = $e->share(size => 10);

$e->policy->allow;
$e->start;

my %codes = (metadata => '503 metadata_provider_error',
             policy => '503 policy_provider_error',
             gateway => '504 provider_request_failed');


sub in_time {
    my ($name, $r, $code) = @_;

    is($e->outcome($r), $code, "$name: the code");
    cmp_ok($r->elapsed, '>', 0.8, "$name: not before its time");
    cmp_ok($r->elapsed, '<', 12, "$name: nor long after it");
}


for my $form (qw(car raw)) {
    for my $which (qw(metadata policy gateway)) {
        next if $form eq 'raw' && $which ne 'gateway';

        my $service = $e->$which;

        for my $row ([ 'silence', 'stall', at => -1, seconds => 20 ],
                     [ 'silence behind the header', 'stall', at => 0,
                       seconds => 20 ],
                     [ 'silence in the body', 'stall', at => 12,
                       seconds => 20 ],
                     [ 'a byte now and then', 'drip', bytes => 1,
                       every => 0.25 ],
                     [ 'a late header', 'delay', seconds => 15 ])
        {
            my ($name, $fault, %args) = @$row;
            my $what = "$which, $name, $form";

            my @services = $which eq 'gateway' ? map { $e->gateway($_) } 0, 1
                                               : $service;

            $_->clear for @services;
            $_->mode($fault, %args) for @services;
            in_time($what, $e->get("/$form/$share->{id}"), $codes{$which});
            ok(wait_for(30, sub { grep { $_ ne 'complete' }
                                 $service->outcomes }),
               "$what: its connection is closed");
            $e->heal;
        }
    }
}

$e->policy->allow;

# The deadline is one for all: a little of it is used up by each.
{
    $e->metadata->mode('delay', seconds => 0.3);
    $e->policy->mode('delay', seconds => 0.3);
    $e->gateway($_)->mode('delay', seconds => 0.6) for 0, 1;
    in_time('each takes a part', $e->get("/car/$share->{id}"),
            '504 provider_request_failed');

    $e->gateway->mode('status', code => 500);
    $e->gateway(1)->mode('stall', at => -1, seconds => 20);
    in_time('a second gateway has what is left',
            $e->get("/raw/$share->{id}"), '504 provider_request_failed');
    $e->heal;
}

# What is in time is served, and the deadline ends with the header.
for my $form (qw(car raw)) {
    my $r = $e->get("/patient/$form/$share->{id}", rate => 700_000,
                    rcvbuf => 16_384, timeout => 60);
    cmp_ok($r->elapsed, '>', 3.5, "a slow client takes longer, $form");
    is($e->outcome($r, $share), '200 ok', "and gets all of it, $form");

    my $blocks = () = $e->gateway->entries($share->{cid});
    $e->gateway->fault('stall', root => $share->{cid}, block => 20,
                       seconds => 4, resume => 1);
    $r = $e->get("/patient/$form/$share->{id}", timeout => 60);
    cmp_ok($r->elapsed, '>', 3.5, "a gateway that pauses later, $form");
    is($e->outcome($r, $share), '200 ok',
       "has no deadline, $form, $blocks blocks");
    $e->heal;
}

# The same over HTTP/2, and HEAD.
{
    $e->metadata->mode('stall', at => -1, seconds => 20);
    my $r = $e->curl("/car/$share->{id}", h2 => 1);
    is($e->outcome($r), '503 metadata_provider_error', 'HTTP/2');
    $e->heal;

    $e->policy->allow;
    $e->policy->mode('stall', at => -1, seconds => 20);
    $r = $e->get("/car/$share->{id}", method => 'HEAD');
    is($r->status, 503, 'HEAD');
    is($e->log($r)->{outcome}, 'policy_provider_error', 'HEAD: its code');
    cmp_ok($e->log($r)->{policy_ms}, '>', 300,
           'HEAD: the time of the policy service, though it did not answer');
    $e->heal;
}

# Many that wait at the same time all end, and the log tells why.
{
    $e->metadata->mode('stall', at => -1, seconds => 20);
    my $started = time();
    my @sockets = map {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
        print $socket "GET /car/$share->{id} HTTP/1.0\r\n\r\n";
        $socket->flush;
        $socket;
    } 1 .. 20;
    my $ended = grep { local $/; (<$_> // '') =~ /metadata_provider_error/ }
                @sockets;
    is($ended, 20, 'twenty at the same time');
    cmp_ok(time() - $started, '<', 15, 'twenty at the same time: in time');
    $e->heal;
}

ok($e->nginx->grep_log(qr/meshkit_deadline/), 'the log names the deadline');
$e->opens($small, 'car', 'and the next open works');

$e->done;
done_testing();
