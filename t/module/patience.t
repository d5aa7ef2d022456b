# How long a gateway is waited for: a bad one costs its share of the deadline
# once, an honest one is not blamed for the time of others, and what is over
# soon is no reason to give up.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 4, fresh => 24, alone => 1, text => {
    open => "meshkit_deadline 12s;\nmeshkit_min_rate 0;",
    gateway => 'proxy_read_timeout 120s;',
    server => <<'EOT' });
location ~ ^/paced/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_patient/0/paced car;
    meshkit_gateway /_patient/1/paced raw;
    meshkit_deadline 60s;
}
location ~ ^/withheld/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_patient/0/withheld raw;
    meshkit_gateway /_patient/1/withheld raw;
    meshkit_deadline 60s;
    meshkit_min_rate 1k;
}
location ^~ /_patient/0/ {
    internal;
    rewrite ^/_patient/\d/\w+(/.*)$ $1 break;
    proxy_pass http://gw0;
    proxy_read_timeout 120s;
}
location ^~ /_patient/1/ {
    internal;
    rewrite ^/_patient/\d/\w+(/.*)$ $1 break;
    proxy_pass http://gw1;
    proxy_read_timeout 120s;
}
EOT
my $share = $e->share(size => 300_000);
my $other = $e->share(size => 1_000_000);

$e->start;

my @blocks = $e->gateway->entries($share->{cid});


sub opens {
    my ($path, $name, $share) = @_;

    my $r = $e->get("$path/$share->{id}", timeout => 120);

    is($e->outcome($r, $share), '200 ok', $name);
    return $e->log($r);
}


# three that say nothing, before one that is honest
for my $form (qw(raw auto)) {
    my $path = $e->fresh("/$form");

    $e->gateway($_)->fault('stall', at => -1, seconds => 100) for 0 .. 2;
    opens($path, "$form: three are silent, the fourth is reached", $share);
    $e->gateway($_)->clear for 0 .. 2;
    opens($path, "$form: and found at once by the next open", $share);
    is($e->gateway(0)->count + $e->gateway(1)->count + $e->gateway(2)->count,
       0, "$form: the silent ones are spared");
    $e->heal;
}

# it gives the root, and of the rest too little
{
    my $path = $e->fresh('/raw');

    $e->gateway(0)->fault('drip', bytes => 100, every => 0.2,
                          cid => $blocks[1], format => 'raw');
    opens($path, 'a root, then a trickle: the next goes on', $share);
    $e->heal;
}

# alone, it is blamed too, though nobody is there to go on
{
    my $path = $e->fresh('/one/raw');

    $e->gateway(0)->fault('stall', at => -1, seconds => 100);

    my $r = $e->get("$path/$share->{id}", timeout => 60);

    is($r->status, 504, 'alone and silent: the deadline ends it');
    ok($e->nginx->grep_log(qr/gateway "[^"]*" left at block 0: \S+ no answer in/),
       'alone and silent: the log says who was waited for');
    $e->heal;
}

# the time of one gateway is not counted against the next
{
    $e->gateway(0)->fault('delay', format => 'car', seconds => 9.5);
    $e->gateway(0)->fault('status', format => 'car', code => 404);
    $e->gateway(1)->fault('delay', format => 'raw', seconds => 1);

    my $log = opens('/paced', 'a late refusal, then one that needs a second',
                    $share);

    is($log->{gateways_failed}, 1, 'the second is not blamed for the first');
    $e->heal;
}

# blocks that are not needed yet are no excuse
{
    my @large = $e->gateway->entries($other->{cid});

    $e->gateway(0)->fault('stall', at => 0, seconds => 100, format => 'raw',
                          cid => $large[4]);
    $e->gateway(0)->fault('drip', bytes => 500, every => 0.1, format => 'raw',
                          cid => $_) for @large[5 .. $#large];
    opens('/withheld', 'the next block is withheld, others drip', $other);
    ok($e->nginx->grep_log(qr/slower than meshkit_min_rate/),
       'withheld: the log says why');
    $e->heal;
}

# errors that are over with the next request
for my $case ([ 'auto', 'status', code => 429, format => 'car' ],
              [ 'auto', 'status', code => 503, format => 'car' ],
              [ 'auto', 'status', code => 504, format => 'car' ],
              [ 'car', 'reset', block => 3, into => 100, times => 1,
                root => $share->{cid} ],
              [ 'raw', 'status', code => 503, cid => $blocks[3], times => 1 ],
              [ 'raw', 'status', code => 503, cid => $blocks[0], times => 1 ],
              [ 'raw', 'reset', at => 10, cid => $blocks[3], times => 1 ])
{
    my ($form, $fault, @args) = @$case;

    $e->gateway(0)->fault($fault, @args);
    opens($e->fresh("/one/$form"), "alone: $form, $fault @args[0, 1]", $share);
    $e->heal;
}

# a gateway that refuses what others have is last after a few blocks
{
    my @large = $e->gateway->entries($other->{cid});

    $e->gateway(0)->fault('status', format => 'raw', cid => $_, code => 404)
        for @large[1 .. $#large];
    $e->clear;

    my $before = () = $e->nginx->read('logs/error.log') =~ /left at block/g;

    opens($e->fresh('/raw'), 'refused blocks come from others', $other);
    cmp_ok($e->gateway(0)->count, '<', @large - 2,
           'refused blocks: it is asked last');

    my $after = () = $e->nginx->read('logs/error.log') =~ /left at block/g;

    is($after - $before, 1, 'refused blocks: one line in the log');
    $e->heal;
}

$e->done;
done_testing();
