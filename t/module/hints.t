# "103 Early Hints" in front of an answer: nginx 1.29.0 and newer read a few,
# and take no more from whoever is asked here; to older ones the first is the
# answer, and a wrong one.  None of it reaches a client.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http qw(http_request);
use Meshkit::Nginx;

use constant { LIMIT => 8, FORMS => [qw(raw car)] };

my $e = Meshkit::Edge->new(gateways => 2, fresh => 8, policy => 'authzen',
                           alone => 1, forms => FORMS, text => {
    http => <<'EOT',
meshkit_deadline 20s;
meshkit_min_rate 0;
upstream both {
    server 127.0.0.1:%%PORT_gw0%% max_fails=0;
    server 127.0.0.1:%%PORT_gw1%% backup;
}
EOT
    server => <<'EOT' });
location ~ ^/both/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_both car;
}
location ^~ /_both/ {
    internal;
    proxy_pass http://both/;
    proxy_next_upstream invalid_header;
}
EOT
my $t = $e->nginx;
my $share = $e->share(size => 300_000, policy_id => 'p');

# whether a client would be told, if it were its own proxied request
my ($exit, $said) = $t->test_config($e->config_text
    =~ s/^http \{/http {\nearly_hints 1;/mr);
my $reads = $exit == 0;

like($said, qr/unknown directive "early_hints"/, 'this nginx reads no hints')
    if !$reads;

$e->config($e->config_text =~ s/^http \{/http {\nearly_hints 1;/mr) if $reads;
$e->policy->allow;
$e->start;


# One open with hints from somebody; the client's bytes have none of them.
sub open_is {
    my ($service, $n, $path, $wanted, $name) = @_;

    $service->mode('hints', n => $n);

    my $r = $e->get($path, timeout => 60);

    is($e->outcome($r, $share), $wanted, $name);
    unlike($r->head, qr/ 103 |Link:/i, "$name: the client sees none");
    $e->heal;
}


for my $form (@{ (FORMS) }) {
    my $one = sub { $e->fresh("/one/$form/$share->{id}") };

    open_is($e->gateway(0), LIMIT, $one->(),
            $reads ? '200 ok' : '502 provider_http_error',
            "$form: as many hints as may be, before each answer");
    open_is($e->gateway(0), LIMIT + 1, $one->(),
            $reads ? '504 provider_request_failed' : '502 provider_http_error',
            "$form: one more");

    # without an end: a worker that is busy with them does nothing else
    $t->reset_hwm;
    my $before = $t->worker_rss;
    open_is($e->gateway(0), -1, $e->fresh("/$form/$share->{id}"), '200 ok',
            "$form: without an end, the next gateway is asked");
    cmp_ok($t->worker_rss('VmHWM') - $before, '<',
           Meshkit::Nginx::growth(8_000), "$form: in bounded memory, kB");
}

for my $row ([ $e->metadata, 'metadata_provider_error' ],
             [ $e->policy, 'policy_provider_error' ])
{
    my ($service, $code) = @$row;
    my $path = "/raw/$share->{id}";

    open_is($service, LIMIT, $path, $reads ? '200 ok' : "503 $code",
            "$code: not after as many hints as may be");
    open_is($service, LIMIT + 1, $path, "503 $code", "$code: after one more");
    open_is($service, -1, $path, "503 $code", "$code: without an end");
}

# servers of one upstream: the next one is asked, and what it sends counts too
if ($reads) {
    my $free = $e->share(size => 70_000);
    my $both = sub { $e->heal;
                     $e->gateway($_)->mode('hints', n => $_[$_]) for 0, 1;
                     return $e->outcome($e->get("/both/$free->{id}"), $free) };

    is($both->(-1, 0), '200 ok', 'one server without an end, the next none');
    is($both->(LIMIT, -1), '200 ok', 'a server that may, and is enough');
    is($both->(LIMIT + 1, 1), '504 provider_request_failed',
       'one server too many, the next one more');
    $e->heal;
}

my $many = qr{more than ${\LIMIT} early hints from "/(_gw|_both|_meshkit/\w+)};
my %named = map { /$many/ ? ($1 => 1) : () } $t->grep_log($many);
is(join(' ', sort keys %named),
   $reads ? '_both _gw _meshkit/metadata _meshkit/policy' : '',
   'the log says who sends too many');

$e->done;
done_testing();
