# meshkit_open within nginx's other ways: as a subrequest it refuses, beside
# auth_request and mirror, behind rewrites and error pages it works.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Metadata;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(policy => 'authzen', text => {
    http => '',
    server => <<'EOT',
location /pages/ {
    ssi on;
    alias %%DIR%%/html/;
}
location /asks/ {
    auth_request /car/cap-1;
    alias %%DIR%%/html/;
}
location /mirrors/ {
    mirror /car/cap-1;
    alias %%DIR%%/html/;
}
location /slices/ {
    add_after_body /car/cap-1;
    alias %%DIR%%/html/;
}
location = /auth {
    internal;
    if ($http_x_who = eve) { return 403; }
    if ($http_x_who = "") { return 401; }
    proxy_pass http://auth/;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
}
location ~ ^/guarded/(?<cap>.*)$ {
    auth_request /auth;
    auth_request_set $user $upstream_http_x_user;
    meshkit_subject $user;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/mirrored/(?<cap>.*)$ {
    mirror /copy;
    mirror_request_body off;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
}
location = /copy {
    internal;
    proxy_pass http://auth/copy;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
}
location ~ ^/slowcopy/(?<cap>.*)$ {
    mirror /copyslow;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location = /copyslow {
    internal;
    proxy_pass http://auth/slow;
}
location ~ ^/rewritten/(.*)$ {
    rewrite ^/rewritten/(.*)$ /car/$1 last;
}
location ~ ^/tried/(?<cap>.*)$ {
    try_files /nothing-$cap @open;
}
location @open {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location /fallback/ {
    error_page 404 = /car/cap-1;
    alias %%DIR%%/nothing/;
}
location ~ ^/second/(?<cap>.*)$ {
    error_page 404 = /car/cap-1;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/twice/(?<cap>.*)$ {
    error_page 404 = /car/nobody;
    recursive_error_pages on;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location /accel/ {
    proxy_ignore_headers X-Accel-Charset;
    proxy_pass http://auth/accel/;
}
location ~ ^/loop/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /inner;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/inner/v1/capsules/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/static/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_static raw;
}
location /_static/ {
    internal;
    types { }
    default_type application/vnd.ipld.raw;
    alias %%DIR%%/static/;
}
location ~ ^/echo/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_return auto;
}
location /_return/ {
    internal;
    default_type application/vnd.ipld.raw;
    return 200 "not a block";
}
EOT
});

my $auth = Meshkit::Service->run(handler => sub {
    my ($request) = @_;

    return { body => '', headers => [ 'X-Accel-Redirect' => $1 ] }
        if $request->path =~ m{^/accel(/.*)};
    return { body => 'ok', delay => 0.5 } if $request->path eq '/slow';
    return { body => '', headers => [ 'X-User' => 'user-7' ] };
});
$e->nginx->port('auth', $auth->port);
$e->{text}{http} .= "\nupstream auth { server 127.0.0.1:%%PORT_auth%%; "
                    . 'keepalive 4; }';

my $share = $e->share(size => 200_000, policy_id => 'p-1');
my $plain = $e->share(size => 200_000);

$e->nginx->write('html/include.html',
    'before <!--#include virtual="/car/cap-1" --> '
    . '<!--#include virtual="/raw/cap-2" wait="yes" --> after');
$e->nginx->write('html/page.html', 'the page');
$e->nginx->write("static/ipfs/$_", Meshkit::Process::slurp(
    $e->dir . "/share/blocks/$_")) for $e->gateway->entries($plain->{cid});
$e->policy->allow;
$e->start;

my $worker = $e->nginx->worker_pid;


sub refused {
    my ($name, $path, $pattern) = @_;

    my $before = () = $e->nginx->grep_log(qr/meshkit: .*subrequest/);
    $e->clear;
    my $r = $e->get($path, timeout => 20);
    my $after;

    # a mirror runs on behind the answer
    wait_for(20, sub {
        $after = () = $e->nginx->grep_log(qr/meshkit: .*subrequest/);
        return $after > $before;
    });

    isnt($r->status, undef, "$name: there is an answer");
    is(index($r->body, substr $plain->{plain}, 0, 40), -1,
       "$name: no plaintext");
    is(index($r->body, substr $share->{plain}, 0, 40), -1,
       "$name: nor of the other");
    is($e->metadata->count, 0, "$name: no service is asked");
    cmp_ok($after, '>', $before, "$name: the log says why");
    like($r->status . ' ' . $r->body, $pattern, "$name: what the client sees")
        if $pattern;
    is($e->nginx->worker_pid, $worker, "$name: the worker lives");
    return $r;
}


# --- as a subrequest --------------------------------------------------------

refused('SSI include', '/pages/include.html', qr/^200 before .*after/s);
refused('auth_request', '/asks/page.html', qr/^500 /);
refused('mirror', '/mirrors/page.html', qr/^200 the page$/);
refused('add_after_body', '/slices/page.html', qr/^200 the page/)
    if $e->nginx->has('--with-http_addition_module');

{
    $e->clear;
    my $r = $e->get("/loop/$plain->{id}", timeout => 20);
    is($e->outcome($r), '503 metadata_provider_error',
       'meshkit_open as the metadata service of another');
    is($e->gateway->count, 0, 'no byte is fetched');
    is($e->nginx->worker_pid, $worker, 'the worker lives');
}


# --- beside other modules ---------------------------------------------------

for my $body (undef, 'x' x 5000) {
    my $what = defined $body ? 'with a body' : 'without a body';

    $e->clear;
    my $r = $e->get("/guarded/$share->{id}", body => $body,
                    headers => [ 'X-Who' => 'bob' ]);
    is($e->outcome($r, $share), '200 ok', "auth_request that allows, $what");
    is($e->policy->last_request->json->{subject}{id}, 'user-7',
       "auth_request that allows, $what: its subject reaches the policy");
    is($e->log($r)->{subject}, 'user-7',
       "auth_request that allows, $what: and the log");

    $e->clear;
    $r = $e->get("/guarded/$share->{id}", body => $body,
                 headers => [ 'X-Who' => 'eve' ]);
    is($r->status, 403, "auth_request that denies, $what");
    is($e->metadata->count, 0, "auth_request that denies, $what: no call");
    is($e->log($r)->{outcome}, '', "auth_request that denies, $what: no open");
    $r = $e->get("/guarded/$share->{id}", body => $body);
    is($r->status, 401, "auth_request, nobody, $what");
}

for my $path (qw(/mirrored /slowcopy)) {
    for my $body (undef, 'x' x 50_000) {
        $auth->clear;
        my $r = $e->get("$path/$share->{id}", body => $body);
        is($e->outcome($r, $share), '200 ok',
           "a mirror on the location, $path");
        ok($auth->wait_for_requests(1), "a mirror on the location, $path: "
           . 'it was sent');
        is($e->log($r)->{completion}, 'OK', "a mirror on the location, $path: "
           . 'and the request ended');

        $r = $e->get("$path/nobody", body => $body);
        is($e->outcome($r), '404 capsule_not_found',
           "a mirror on a refusal, $path");
    }

    # the client leaves while the mirror still runs
    $e->get("$path/$share->{id}", limit => 1000, rcvbuf => 4096);
    $e->gateway->fault('flip', root => $share->{cid}, block => 2);
    my $r = $e->get("$path/$share->{id}");
    is($e->outcome($r, $share), '200 cut', "a mirror on an abort, $path");
    $e->heal;
    $e->policy->allow;
}

is($e->nginx->worker_pid, $worker, 'the worker lives');


# --- redirects inside nginx -------------------------------------------------

for my $path ("/rewritten/$share->{id}", "/tried/$share->{id}",
              '/fallback/nothing', '/second/nobody')
{
    my $r = $e->get($path);
    is($e->outcome($r, $share), '200 ok', "$path: opened behind a redirect");
    is($e->log($r)->{capsule}, $share->{id},
       "$path: and the log names what was opened");
}

{
    my $r = $e->get('/twice/nothing');
    is($r->status, 404, 'a refusal in the page of a refusal');
    $r = $e->get("/accel/car/$share->{id}");
    is($e->outcome($r, $share), '200 ok', "X-Accel-Redirect of the operator's "
       . 'own application to an open');
}


# --- gateways that are no upstreams -----------------------------------------

{
    my $r = $e->get("/static/$plain->{id}");
    is($e->outcome($r, $plain), '200 ok', 'blocks from a directory');
    $r = $e->get("/echo/$plain->{id}");
    is($e->outcome($r), '502 cid_mismatch', 'a gateway that is "return"');
}

is($e->nginx->worker_pid, $worker, 'one worker lived through all of it');
$e->done;
done_testing();
