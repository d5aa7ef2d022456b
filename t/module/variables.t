# The $meshkit_* variables, for an opened, a refused and any other request, in
# logs, headers and pages; and what they must not say.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;

my @names = qw(capsule cid identity subject outcome gateway gateways_failed
               policy_ms name size expires suggestion);
my $all = join '|', map { "$_=\$meshkit_$_" } @names;
my $page = join '|', map { "$_=<!--# echo var=\"meshkit_$_\" -->" } @names;

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', text => {
    open => "add_header X-All \"$all\" always; meshkit_subject user-7;",
    http => "map \$meshkit_outcome \$mapped { default other; ok good;\n"
            . "\"\" none; }\n",
    server => <<"EOT",
location ~ ^/paged/(?<cap>.*)\$ {
    error_page 400 401 403 404 410 413 416 500 502 503 504 /pages/refused;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
    meshkit_subject user-7;
}
location ~ ^/named/(?<cap>.*)\$ {
    error_page 403 404 502 = \@page;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
    meshkit_subject user-7;
}
location ~ ^/early/(?<cap>.*)\$ {
    if (\$meshkit_outcome = ok) { return 500; }
    set \$early "\$meshkit_outcome\$meshkit_name\$mapped";
    add_header X-Early \$early always;
    add_header X-Late \$mapped always;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location \@page {
    return 200 "$all";
}
location /pages/ {
    internal;
    ssi on;
    default_type text/html;
    alias %%DIR%%/html/;
}
location /other {
    add_header X-All "$all" always;
    return 200 "other";
}
EOT
});

my $open = $e->share(size => 1234, name => 'a <b>.txt', exp => 4_000_000_000,
                     policy_id => 'p-1', type => 'text/plain');
my $plain = $e->share(size => 0);
my $old = $e->share(size => 77, name => 'old-secret-name.txt', iat => 1,
                    exp => 1_000_000_000);
my $forged = $e->share(size => 77, name => 'forged-name.txt', id => 'forged');
my $viewed = $e->share(size => 77, name => 'viewed.txt',
                       no_download => undef);

$e->nginx->write('html/refused', $page);
$e->start;
$e->policy->allow;


sub parse {
    my ($text) = @_;

    $text =~ s/\s+\z// if defined $text;
    return { map { my ($key, $value) = split /=/, $_, 2;
                   ($key => $value =~ s/^\(none\)$//r) }
             split /\|/, $text // '' };
}


sub is_all {
    my ($got, $expected, $name) = @_;

    for my $key (@names) {
        my $want = $expected->{$key} // '';
        ref $want ? like($got->{$key} // 'undef', $want, "$name: $key")
                  : is($got->{$key} // 'undef', $want, "$name: $key");
    }
}


# --- opened -----------------------------------------------------------------

my %opened = (
    capsule => $open->{id}, cid => $open->{cid}, identity => 'alice',
    subject => 'user-7', outcome => 'ok', gateway => '/_gw/0',
    gateways_failed => 0, policy_ms => qr/^\d+$/, name => 'a <b>.txt',
    size => 1234, expires => '2096-10-02T07:06:40Z',
);

for my $form (qw(car raw)) {
    my $r = $e->get("/$form/$open->{id}");
    is_all($e->log($r), \%opened, "opened, log, $form");

    # the header is sent before the end is known
    is_all(parse($r->header('X-All')), { %opened, outcome => '' },
           "opened, header, $form");
}

{
    my $r = $e->get("/car/$open->{id}", method => 'HEAD');
    is_all($e->log($r), { %opened, gateway => '' }, 'HEAD, log');

    $r = $e->get("/car/$plain->{id}");
    is_all($e->log($r), { capsule => $plain->{id}, cid => $plain->{cid},
        identity => 'alice', subject => 'user-7', outcome => 'ok',
        gateway => '/_gw/0', gateways_failed => 0, size => 0 },
        'a capsule without name, expiry and policy');

    $e->gateway(0)->mode('status', code => 500);
    $r = $e->get("/car/$open->{id}");
    is_all($e->log($r), { %opened, gateway => '/_gw/1',
                          gateways_failed => 1 }, 'a gateway failed');
    $e->heal;
    $e->policy->allow;
}


# --- refused ----------------------------------------------------------------

my %refused = (identity => 'alice', subject => 'user-7', suggestion => qr/./,
               gateways_failed => 0);

{
    my $r = $e->get('/car/nobody');
    my $expected = { %refused, capsule => 'nobody',
                     outcome => 'capsule_not_found' };
    is_all($e->log($r), $expected, 'not found, log');
    is_all(parse($r->header('X-All')), $expected, 'not found, header');

    $r = $e->get('/paged/nobody');
    is($r->status, 404, 'not found, page: the status');
    is_all(parse($r->body), $expected, 'not found, page');
    is_all($e->log($r), $expected, 'not found, page and log');

    $r = $e->get('/named/nobody');
    is_all(parse($r->body), $expected, 'not found, named location');

    $r = $e->get('/paged/nobody', method => 'HEAD');
    is_all($e->log($r), $expected, 'not found, page, HEAD');
}

for my $path (qw(/car /paged /named)) {
    my $r = $e->get("$path/a%22%3Cb%3E");
    my $log = $e->log($r);
    is($log->{outcome}, 'invalid_request', "a malformed id, $path");
    is($log->{capsule}, '', "a malformed id is not repeated, $path");
    unlike($r->raw, qr/<b>/, "nor told to the client, $path");
}

{
    $e->policy->deny;

    # whom the policy refuses does not learn the file's name, size or end
    my $expected = { %opened, outcome => 'policy_denied', gateway => '',
                     name => '', size => '', expires => '',
                     suggestion => qr/./ };
    my $r = $e->get("/paged/$open->{id}");
    is($r->status, 403, 'policy says no, page');
    is_all($e->log($r), $expected, 'policy says no, log');
    my $all = parse($r->body);
    is_all($all, $expected, 'policy says no, page');
    unlike($r->body, qr/<b>|&lt;b/, 'policy says no, page: no name');

    $r = $e->get("/named/$open->{id}");
    is_all(parse($r->body), $expected, 'policy says no, named location');
    $e->policy->allow;
}

{
    $e->gateway->mode('status', code => 500);
    my $r = $e->get("/paged/$open->{id}");
    is_all($e->log($r), { %opened, outcome => 'provider_http_error',
        gateway => '', gateways_failed => 1, suggestion => qr/./ },
        'no gateway, page and log');
    $e->heal;
    $e->policy->allow;
}

# What the sender says is shown only when the record was accepted.
{
    my $capsule = $e->capsule($forged);
    my $signature = $capsule->{capsule}{signature};

    substr($signature, 10, 1) = substr($signature, 10, 1) eq 'A' ? 'B' : 'A';
    $capsule->{capsule}{signature} = $signature;
    $e->metadata->record('/v1/capsules/forged', $capsule);

    my $expected = { %refused, capsule => 'forged',
                     outcome => 'invalid_capsule' };

    for my $path (qw(/car /raw /paged /named)) {
        my $r = $e->get("$path/forged");
        is_all($e->log($r), $expected, "a bad signature, log, $path");
        unlike($r->raw, qr/forged-name|$forged->{cid}/,
               "a bad signature: nothing of the record is shown, $path");
    }

    is(scalar(grep { /forged-name/ } $e->nginx->error_log,
              $e->nginx->access_log), 0,
       'a bad signature: the name is in no log');

    # the record of somebody else, under this id
    $e->metadata->record('/v1/capsules/other', $open->{record});
    my $r = $e->get('/paged/other');
    is_all($e->log($r), { %refused, capsule => 'other',
                          outcome => 'invalid_capsule' },
           'a record of another capsule');
}

for my $row ([ $old, 'share_expired' ]) {
    my ($share, $code) = @$row;
    my $r = $e->get("/paged/$share->{id}");
    my $log = $e->log($r);
    is($log->{outcome}, $code, "$code, page: the code");
    ok($log->{name} eq '' || $log->{name} eq 'old-secret-name.txt',
       "$code, page: the name, or nothing");
}


# --- other requests ---------------------------------------------------------

{
    my $r = $e->get('/other');
    is_all($e->log($r), {}, 'another location, log');
    is_all(parse($r->header('X-All')), {}, 'another location, header');

    $r = $e->get('/nothing-here');
    is_all($e->log($r), {}, 'a 404 of another location');

    $r = $e->get("/car/$open->{id}", method => 'POST');
    is_all($e->log($r), {}, 'a method that is not allowed');

    $r = $e->get('/', raw => "GET / HTTP/1.1\r\nHost: a\r\nX-Tag: bad\r\n"
                 . "Content-Length: x\r\n\r\n");
    is($r->status, 400, 'a request that is no HTTP');
    is_all($e->log({ tag => 'bad' }), {}, 'a request that is no HTTP');
}

# Read before the open, and again after it.
{
    my $r = $e->get("/early/$plain->{id}");
    is($r->header('X-Early'), 'none', 'before the open they are empty');
    my $log = $e->log($r);
    is($log->{outcome}, 'ok', 'and are read anew afterwards');
}

# On one connection each request has its own.
{
    my $r = $e->get("/car/$open->{id}", keepalive => 1);
    is($e->log($r)->{name}, 'a <b>.txt', 'keep-alive: the first');
    $r = $e->get('/other', keepalive => 1, socket => $r->socket);
    is_all($e->log($r), {}, 'keep-alive: nothing of it in the second');
    $r = $e->get("/car/nobody", socket => $r->socket);
    is($e->log($r)->{name}, '', 'keep-alive: nor in the third');
}

$e->done;
done_testing();
