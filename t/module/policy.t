# The policy service: asked once, told what it needs, and only a literal yes
# in a whole, strict answer opens.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Policy;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(policy => 'authzen', accel => 1, text => {
    policy => 'proxy_read_timeout 1s;',
    open => 'meshkit_action $arg_action;',
    server => <<'EOT',
location ~ ^/lit/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy format=lit;
    meshkit_gateway /_gw/0 raw;
    meshkit_action $arg_action;
}
location ~ ^/who/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
    meshkit_action $arg_action;
    meshkit_subject $arg_subject;
}
location ~ ^/none/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/missing/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_nowhere;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/local/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_local;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/slow/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_deadline 2s;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_slow;
    meshkit_gateway /_gw/0 raw;
}
location = /_local {
    internal;
    default_type application/json;
    return 200 '{"decision":true}';
}
location = /_slow {
    internal;
    proxy_pass http://policy;
    proxy_read_timeout 20s;
}
EOT
});

my $share = $e->share(size => 70_000, policy_id => 'policy-1',
                      name => "a \"quoted\" \xc3\xa4.txt",
                      type => 'text/plain');
my $free = $e->share(size => 70_000);
my $error = '503 policy_provider_error';

$e->start;


sub open_it {
    my ($path, $args) = @_;

    return $e->get("$path/$share->{id}?action=" . ($args // 'open'),
                   timeout => 30);
}


sub answer_is {
    my ($name, $code, @paths) = @_;

    @paths = ('/car', '/lit') if !@paths;

    for my $path (@paths) {
        $e->clear;
        my $r = open_it($path);
        is($e->outcome($r, $share), $code, "$name, $path");
        is($e->gateway->count, 0, "$name, $path: no byte is fetched")
            if $code ne '200 ok';
    }
}


# --- yes and no -------------------------------------------------------------

$e->policy->deny;
answer_is('false', '403 policy_denied', '/car');
$e->policy->allow;
answer_is('true', '200 ok', '/car');
is($e->policy->count, 1, 'it is asked once');

for my $row ([ '{"decision":true}', '200 ok' ],
             [ '{"allowed":true}', '200 ok' ],
             [ '{"allowed":true,"decision":true}', '200 ok' ],
             [ '{"decision":false}', '403 policy_denied' ],
             [ '{"allowed":false}', '403 policy_denied' ])
{
    $e->policy->answer(body => $row->[0]);
    answer_is("$row->[0]", $row->[1], '/lit');
}

$e->policy->answer(body => '{"allowed":true}');
answer_is('"allowed" where AuthZEN is spoken', $error, '/car');

for my $type ('application/json', 'application/json; charset=utf-8',
              'application/authz+json', 'APPLICATION/JSON')
{
    $e->policy->answer(body => '{"decision":true}', type => $type);
    answer_is($type, '200 ok');
}

for my $type ('text/html', 'text/plain', 'application/json5',
              'application/xjson', 'text/json ', '')
{
    $e->policy->answer(body => '{"decision":true}', type => $type);
    answer_is("a media type of \"$type\"",  $error);
}


# --- everything else --------------------------------------------------------

for my $name (Meshkit::Policy::names(), 'wrong_echo') {
    $e->policy->allow;
    $e->policy->mode($name);
    answer_is($name, $error);
}

my $yes = '{"decision":true}';
my @faults = (
    [ '201', 'status', code => 201, body => $yes,
      type => 'application/json' ],
    [ '204', 'status', code => 204, body => '' ],
    [ '301', 'redirect', to => '/other' ],
    [ '307', 'redirect', to => '/other', code => 307 ],
    [ '400', 'status', code => 400 ],
    [ '401', 'status', code => 401 ],
    [ '403 with a yes', 'status', code => 403, body => $yes,
      type => 'application/json' ],
    [ '403 with a no', 'status', code => 403, body => '{"decision":false}',
      type => 'application/json' ],
    [ '404', 'status', code => 404 ],
    [ '429', 'status', code => 429 ],
    [ '500 with a yes', 'status', code => 500, body => $yes,
      type => 'application/json' ],
    [ '503', 'status', code => 503 ],
    [ '206', 'partial' ],
    [ 'cut short', 'truncate', at => 16 ],
    [ 'cut short behind the JSON', 'wrong_length', by => 1 ],
    [ 'chunks cut short', 'truncate_chunked', at => 17 ],
    [ 'too large', 'pad', size => 65_537 ],
    [ 'far too large', 'pad', size => 1_000_000 ],
    [ 'endless', 'endless', framing => 'chunked' ],
    [ 'gzip', 'gzip' ],
    [ 'a gzip label', 'gzip', label_only => 1 ],
    [ 'no HTTP', 'garbage' ],
    [ 'a reset', 'reset', at => -1 ],
    [ 'a reset in the body', 'reset', at => 5 ],
    [ 'silence', 'stall', at => -1, seconds => 20 ],
    [ 'silence in the body', 'stall', at => 5, seconds => 20 ],
);

for my $row (@faults) {
    my ($name, $fault, %args) = @$row;

    $e->policy->answer(body => $yes);
    $e->policy->mode($fault, %args);
    answer_is($name, $error);
}

$e->policy->allow;
$e->policy->stop;
answer_is('a service that is not there', $error);
$e->policy->start;
$e->policy->allow;
answer_is('a service that is there again', '200 ok', '/car');
answer_is('a location that is not there', $error, '/missing');
answer_is('no policy service', '503 policy_provider_required', '/none');
answer_is('an answer of this server itself', '200 ok', '/local');

{
    my $r = $e->get("/none/$free->{id}");
    is($e->outcome($r, $free), '200 ok',
       'no policy service is needed where no policy is named');
    is($e->log($r)->{policy_ms}, '', 'and no time was spent');
}

# A deadline while it waits.
{
    $e->policy->mode('stall', at => -1, seconds => 20);
    $e->clear;
    my $r = open_it('/slow');
    is($e->outcome($r, $share), $error, 'the deadline');
    cmp_ok($r->elapsed, '<', 15, 'the deadline: in time');
    ok(wait_for(20, sub { grep { $_ eq 'client_gone' }
                         $e->policy->outcomes }),
       'the deadline: the connection is closed');
    $e->heal;
}


# --- what it is told --------------------------------------------------------

$e->policy->allow;
$e->policy->mode('delay', seconds => 0.15);

{
    $e->clear;
    my $r = $e->get("/who/$share->{id}?action=download&subject=user%207",
                    headers => [ 'X-Request-ID' => 'other' ]);
    my $request = $e->policy->last_request;
    my $json = $request->json;
    my $id = $request->header('X-Request-ID');

    is($e->outcome($r, $share), '200 ok', 'AuthZEN');
    is($request->method . ' ' . $request->uri, 'POST /evaluate',
       'AuthZEN: POST to the location that is named');
    is($request->header('Content-Type'), 'application/json',
       'AuthZEN: the media type');
    is($request->header('Content-Length'), length $request->body,
       'AuthZEN: the length');

    my $time = delete $json->{context}{time};
    like($time, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/,
         'AuthZEN: the time as RFC 3339 says');

    is_deeply($json, {
        subject => { type => 'identity', id => 'user%207',
                     properties => { openAs => 'alice' } },
        action => { name => 'download' },
        resource => { type => 'capsule', id => $share->{id}, properties => {
            policyId => 'policy-1', cid => $share->{cid}, owner => 'owner',
            size => 70_000, name => $json->{resource}{properties}{name} } },
        context => { requestId => $id, ip => '127.0.0.1' },
    }, 'AuthZEN: what is asked') or diag explain $json;

    like($json->{resource}{properties}{name}, qr/^a "quoted" .*\.txt$/,
         'AuthZEN: the name, escaped');

    my $ms = $e->log($r)->{policy_ms};
    ok($ms >= 130 && $ms < 20_000, 'AuthZEN: the time is measured') or diag $ms;
}

{
    $e->clear;
    my $r = $e->get("/car/$share->{id}?action=open");
    my $subject = $e->policy->last_request->json->{subject};

    is($subject->{properties}{openAs}, 'alice',
       'no subject: the identity is told');
    isnt($subject->{id}, 'user%207', 'no subject: not another one');
}

# Nobody is not the gateway's own identity.
{
    $e->clear;
    my $r = $e->get("/who/$share->{id}?action=open");

    is($e->outcome($r, $share), '403 policy_denied', 'an empty subject');
    is($e->policy->count + $e->gateway->count, 0,
       'an empty subject: nobody is asked');
}

{
    $e->clear;
    my $r = $e->get("/lit/$share->{id}?action=download");
    my $json = $e->policy->last_request->json;

    is($e->outcome($r, $share), '200 ok', 'lit');
    is_deeply($json, { policyId => 'policy-1', identity => 'alice',
                       action => 'download', cid => $share->{cid},
                       capsuleId => $share->{id} }, 'lit: what is asked')
        or diag explain $json;
}

{
    $e->clear;
    my $r = $e->get("/who/$share->{id}?action=open&subject=a\"\\,\"b\":1");
    my $json = eval { $e->policy->last_request->json } // {};

    is($json->{subject}{id}, 'a"\\,"b":1',
       'a subject cannot break out of the JSON');
    is($e->outcome($r, $share), '200 ok', 'a subject with quotes');

    $e->clear;
    $r = $e->get("/who/$share->{id}?action=open&subject=\xff");
    isnt($r->status, 200, 'a subject that is not UTF-8');
    is($e->policy->count + $e->gateway->count, 0,
       'a subject that is not UTF-8: nobody is asked');
}

$e->policy->mode('ok');
$e->policy->allow;

# Every open asks anew.
{
    $e->clear;
    for my $n (1 .. 6) {
        $n % 2 ? $e->policy->allow : $e->policy->deny;
        my $r = open_it('/car');
        is($e->outcome($r, $share), $n % 2 ? '200 ok' : '403 policy_denied',
           "open $n: its own decision");
    }
    is($e->policy->count, 6, 'nothing is remembered');
}

# The reason of a no stays inside.
{
    $e->policy->answer(body => '{"decision":false,"context":{"reason":'
                               . '"because-of-something-secret"}}');
    my $r = open_it('/car');
    unlike($r->raw, qr/because-of/, 'the reason is not told to the client');
}

$e->done;
done_testing();
