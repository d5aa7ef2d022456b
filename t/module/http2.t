# HTTP/2 to the services, which nginx has from 1.29.4 on: what opens by
# HTTP/1.1 opens, and what is cut, wrong or refused is found out.  An older
# nginx refuses the directive.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Nginx;

use constant FORMS => [qw(raw car)];

my @services = qw(metadata policy gw0 gw1);
my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', tokens => 1,
    fresh => 40, alone => 1, forms => FORMS, text => {
        http => "meshkit_deadline 30s;\nmeshkit_min_rate 0;",
        map { $_ => "proxy_http_version 2;\nproxy_read_timeout 2s;" }
        qw(metadata policy gateway) });
my $t = $e->nginx;

if ($e->refuses_http(2)) {
    done_testing();
    exit;
}

# another nginx takes HTTP/2, and passes it on to the services by HTTP/1.1
my $back = Meshkit::Nginx->new(no_module => 1, log_level => 'info');
my $servers = '';

for my $name (@services) {
    $back->port("real_$name", $t->port($name));
    $t->port($name, $back->port($name));

    $servers .= <<"EOT";
server {
    listen 127.0.0.1:%%PORT_$name%%;
    http2 on;
    location / { proxy_pass http://127.0.0.1:%%PORT_real_$name%%; }
}
EOT
}

$back->config(<<"EOT")->start;
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    log_format version '\$server_protocol \$connection';
    access_log %%DIR%%/logs/version.log version;
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_set_header Connection "";
    $servers
}
EOT

my $share = $e->share(size => 300_000, policy_id => 'p');

$e->policy->allow;
$e->start;


# The share by a gateway that no earlier test has spoilt.
sub open_is {
    my ($form, $wanted, $name, %opt) = @_;

    my $r = $e->get($e->fresh("/$form/$share->{id}"), timeout => 60, %opt);

    is($e->outcome($r, $share), $wanted, "$form: $name");
    $e->heal;
    $e->policy->allow;
    return $r;
}


for my $form (@{ (FORMS) }) {
    $e->clear;
    open_is("one/$form", '200 ok', 'opens');

    for my $service ($e->metadata, $e->policy, $e->gateway(0)) {
        my @sent = $service->last_request->headers('Authorization');

        is(scalar @sent, 1, "$form: each service is sent one token");
    }

    my $r = $e->get("/$form/$share->{id}",
                    headers => [ Range => 'bytes=100000-199999' ]);
    is($r->status, 206, "$form: a range");
    is($r->body, substr($share->{plain}, 100_000, 100_000),
       "$form: its bytes");

    $r = $e->get("/$form/$share->{id}", method => 'HEAD');
    is($r->header('Content-Length'), 300_000, "$form: HEAD");
}


# --- what is wrong with a gateway --------------------------------------------

my @deep = (root => $share->{cid}, block => 3);

for my $form (@{ (FORMS) }) {
    for my $case ([ 'flip', @deep ], [ 'truncate', @deep, into => 20 ],
                  [ 'reset', @deep, into => 20 ],
                  [ 'stall', @deep, into => 20, seconds => 20 ],
                  [ 'reset', at => -1 ], [ 'garbage' ],
                  [ 'status', code => 404 ], [ 'gzip' ],
                  [ 'endless', bytes => 'x' x 65536 ])
    {
        my @fault = @$case;
        my $kind = shift @fault;

        $e->gateway(0)->fault($kind, @fault);
        open_is($form, '200 ok', "$kind: the next gateway completes it");
    }

    $e->gateway(0)->fault('flip', @deep);
    open_is("one/$form", '200 cut', 'a wrong block: no byte of it');
    $e->gateway(0)->fault('truncate', @deep, into => 20);
    open_is("one/$form", $form eq 'raw' ? '200 cut' : '200 ok',
            'cut: as far as it came, and a CAR is asked for what is left');
    $e->gateway(0)->fault('reset', at => -1);
    open_is("one/$form", '502 provider_http_error', 'no answer');
}


# --- and with the others -----------------------------------------------------

for my $case ([ 'truncate', at => 10 ], [ 'reset', at => -1 ],
              [ 'stall', at => 10, seconds => 20 ], [ 'pad', size => 1 << 20 ],
              [ 'status', code => 500 ])
{
    my @mode = @$case;

    $e->metadata->mode(@mode);
    open_is('raw', '503 metadata_provider_error', "metadata, $mode[0]");
    $e->policy->mode(@mode);
    open_is('raw', '503 policy_provider_error', "policy, $mode[0]");
}

$e->policy->deny;
open_is('raw', '403 policy_denied', 'policy, no');

# each of them one after the other on few connections
my @lines = split /\n/, $back->read('logs/version.log');
my %versions = map { (split)[0] => 1 } @lines;
my %connections = map { (split)[1] => 1 } @lines;

is(join(' ', keys %versions), 'HTTP/2.0', 'nobody is asked by HTTP/1.1');
cmp_ok(scalar keys %connections, '<', @lines, 'connections are kept');

$e->done;
$back->done;
done_testing();
