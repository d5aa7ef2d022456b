# Vaults: who is no member is refused, and so is everybody where membership
# cannot be established; only a literal yes in a whole, strict answer opens.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my $location = sub {
    my ($name, @lines) = @_;

    return join "\n", "location ~ ^/$name/(?<cap>.*)\$ {",
           'meshkit_open $cap;', 'meshkit_gateway /_gw/0 raw;', @lines,
           "}\n";
};

my $e = Meshkit::Edge->new(policy => 'authzen', accel => 1, tokens => 1,
    forms => [qw(car)], text => {
    http => "meshkit_identity bob %%DIR%%/keys/bob.pem;\n"
            . "proxy_cache_path %%DIR%%/cache keys_zone=kept:1m;\n",
    open => 'meshkit_as $as;',
    server => join("\n", 'set $as alice; if ($arg_as) { set $as $arg_as; }',
        $location->('impatient', 'meshkit_as alice;',
                    'meshkit_metadata /_impatient;'),
        $location->('late', 'meshkit_as alice;', 'meshkit_deadline 4s;',
                    'meshkit_metadata /_meshkit/metadata;'),
        $location->('cached', 'meshkit_as alice;',
                    'meshkit_metadata /_cached;'),
        $location->('files', 'meshkit_as alice;', 'meshkit_metadata /_files;',
                    'meshkit_policy /_meshkit/policy;'),
        $location->('bare', 'meshkit_as alice;', 'meshkit_metadata /_bare;'),
        <<'EOT') });
location /_impatient/ {
    internal;
    proxy_pass http://metadata/;
    location /_impatient/v1/vaults/ {
        internal;
        proxy_pass http://metadata/v1/vaults/;
        proxy_read_timeout 500ms;
    }
}
location /_cached/ {
    internal;
    proxy_pass http://metadata/;
    location /_cached/v1/vaults/ {
        internal;
        proxy_pass http://metadata/v1/vaults/;
        proxy_buffering on;
        proxy_cache kept;
        proxy_cache_key $uri;
        proxy_cache_valid any 1h;
        proxy_ignore_headers Cache-Control Expires X-Accel-Expires;
    }
}
location /kept/ {
    proxy_pass http://metadata/v1/vaults/;
    proxy_buffering on;
    proxy_cache kept;
    proxy_cache_key /_cached/v1/vaults/v-1/members/alice;
    proxy_cache_valid any 1h;
}
location /_files/ {
    internal;
    alias %%DIR%%/files/;
}
location /_bare/ {
    internal;
    rewrite ^/_bare(/.*)$ $1 break;
    proxy_pass http://metadata;
}
EOT

my $share = $e->share(size => 70_000, vault_id => 'v-1', policy_id => 'p-1');
my $vault = qr{^/v1/vaults/};
my $path = '/v1/vaults/v-1/members/alice';
my $yes = '{"member":true}';
my $error = '503 vault_provider_error';
my $denied = '403 vault_denied';

for my $file ("v1/capsules/$share->{id}", 'v1/vaults/v-1/members/bob') {
    $e->nginx->write("files/$file", $file =~ /bob/ ? $yes
                                                   : $share->{record});
}

$e->start;
$e->policy->allow;


# The outcome, and that nobody behind the vault was asked for a refusal.
sub answer_is {
    my ($name, $code, $form) = @_;

    $e->clear;
    $form //= 'car';

    my $r = $e->get("/$form/$share->{id}");

    is($e->outcome($r, $share), $code, $name);
    is($e->policy->count . $e->gateway->count, '00',
       "$name: nobody else is asked") if $code ne '200 ok';
    return $r;
}


# --- what the service says --------------------------------------------------

answer_is('no such member', $denied);
$e->metadata->member('v-1', 'alice', 0);
answer_is('a member that is none', $denied);
$e->metadata->member('v-1', 'alice', 1);
answer_is('a member', '200 ok');

is(join(' ', map { $_->uri } $e->metadata->requests),
   "/v1/capsules/$share->{id} $path", 'the record, then the vault');

{
    my $request = $e->metadata->last_request($vault);

    is($request->method, 'GET', 'by GET');
    is($request->header('Authorization'),
       'Bearer ' . $e->token('metadata'), 'with the service\'s own token');
    is($request->header('Accept'), 'application/json', 'for JSON');
    is($request->body, '', 'without a body');
}

for my $n (1 .. 3) {
    $e->metadata->member('v-1', 'alice', $n % 2);
    answer_is("open $n is asked anew", $n % 2 ? '200 ok' : $denied);
}


# --- every other answer -----------------------------------------------------

my @faults = (
    [ '204', 'status', code => 204, body => '' ],
    [ '201', 'status', code => 201, body => $yes ],
    [ '206', 'partial' ],
    [ '301', 'redirect', to => $path ],
    [ '302 with a yes', 'status', code => 302, body => $yes,
      headers => [ Location => $path ] ],
    [ '304', 'status', code => 304, body => '' ],
    [ '401', 'status', code => 401, body => $yes,
      headers => [ 'WWW-Authenticate' => 'Bearer' ] ],
    [ '403', 'status', code => 403, body => $yes ],
    [ '410', 'status', code => 410, body => $yes ],
    [ '429', 'status', code => 429, body => $yes ],
    [ '500', 'status', code => 500, body => $yes ],
    [ '502', 'status', code => 502, body => $yes ],
    [ '503', 'status', code => 503, body => $yes ],
    [ '504', 'status', code => 504, body => $yes ],
    [ 'cut short by length', 'truncate', at => length($yes) - 1 ],
    [ 'cut short to nothing', 'truncate', at => 0 ],
    [ 'chunks cut short', 'truncate_chunked', at => length($yes) - 1 ],
    [ 'chunks without the last', 'truncate_chunked', at => length $yes ],
    [ 'Content-Length one more', 'wrong_length', by => 1 ],
    [ 'Content-Length one less', 'wrong_length', by => -1 ],
    [ 'too large', 'pad', size => 65_537 ],
    [ 'far too large', 'pad', size => 3_000_000 ],
    [ 'endless', 'endless', bytes => ' ' x 4096, framing => 'chunked' ],
    [ 'gzip', 'gzip' ],
    [ 'a gzip label', 'gzip', label_only => 1 ],
    [ 'no HTTP', 'garbage' ],
    [ 'HTTP/0.9', 'garbage', bytes => $yes ],
    [ 'a reset', 'reset', at => -1 ],
    [ 'a reset in the body', 'reset', at => 5 ],
    [ 'X-Accel-Redirect', 'x_accel', to => "/kept/v-1/members/alice" ],
    [ 'X-Accel-Redirect to the record', 'x_accel',
      to => "/_meshkit/metadata/v1/capsules/$share->{id}" ],
    map { [ "the body $_", 'body', body => $_ ] }
        '', 'null', 'true', '"true"', '1', '{}', '[]', '[true]',
        '{"member":"true"}', '{"member":1}', '{"member":null}',
        '{"member":[true]}', '{"member":{"member":true}}',
        '{"data":{"member":true}}', '{"Member":true}',
        '{"member":false,"member":true}', '{"member":true,"member":true}',
        '{"member":true}{"member":true}', '{"member":true}x',
        "{\"member\":true}\0", "{\"member\":true,\"x\":\"\xff\"}",
        '{"member":true', '{"status":{"state":"active"}}', $share->{record},
);

$e->metadata->member('v-1', 'alice', 1);

for my $row (@faults) {
    my ($name, $fault, %args) = @$row;

    $e->metadata->mode($fault, %args, match => $vault);
    answer_is("an answer: $name", $error);
}

for my $row ([ 'silence', at => -1 ], [ 'silence in the body', at => 5 ]) {
    my ($name, @args) = @$row;

    $e->metadata->mode('stall', @args, seconds => 60, match => $vault);
    answer_is($name, $error, 'impatient');
}

# Neither is a fault: what a proxy may do to a sound answer.
for my $row ([ 'chunked', 'framing', framing => 'chunked' ],
             [ '64 KiB', 'pad', size => 65_536 ],
             [ 'another media type', 'type', type => 'text/html' ],
             [ 'byte by byte', 'drip', bytes => 1, every => 0.01 ],
             [ 'more members', 'body', body => '{"x":[],"member":true}' ])
{
    my ($name, $mode, %args) = @$row;

    $e->metadata->mode($mode, %args, match => $vault);
    answer_is($name, '200 ok');
}

# The deadline names who was waited for.
for my $row ([ 'silence', 'stall', at => -1, seconds => 60 ],
             [ 'a drip', 'drip', bytes => 1, every => 1 ])
{
    my ($name, $mode, %args) = @$row;

    $e->metadata->mode($mode, %args, match => $vault);
    my $r = answer_is("$name beyond the deadline", $error, 'late');
    ok(wait_for(20, sub { grep { $_ eq 'client_gone' }
                          $e->metadata->outcomes }),
       "$name beyond the deadline: the connection is closed");
}

$e->heal;
$e->policy->allow;

# A client that leaves while the vault is asked.
{
    $e->metadata->mode('stall', at => -1, seconds => 60, match => $vault);
    $e->clear;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
    syswrite $client, "GET /car/$share->{id} HTTP/1.1\r\nHost: a\r\n\r\n";
    ok($e->metadata->wait_for_requests(1, $vault, 20), 'the vault is asked');
    close $client;
    ok(wait_for(20, sub { grep { $_ eq 'client_gone' }
                          $e->metadata->outcomes }),
       'a client that leaves takes the question with it');
    is($e->policy->count . $e->gateway->count, '00',
       'a client that leaves: nobody else is asked');
    $e->heal;
    $e->policy->allow;
}


# --- caches -----------------------------------------------------------------

{
    is($e->get('/kept/v-1/members/alice')->body, $yes,
       'a yes lies in a cache');
    $e->metadata->member('v-1', 'alice', 0);
    is($e->get('/kept/v-1/members/alice')->body, $yes, 'and stays there');
    answer_is('a yes from a cache', $error, 'cached');
    is($e->metadata->count($vault), 0, 'a yes from a cache: it was one');
    $e->metadata->member('v-1', 'alice', 1);
}


# --- a directory ------------------------------------------------------------

answer_is('a directory without the member', $denied, 'files');
$e->nginx->write('files/v1/vaults/v-1/members/alice', $yes);
answer_is('a directory with the member', '200 ok', 'files');
$e->nginx->write('files/v1/vaults/v-1/members/alice', '{"member":false}');
answer_is('a directory that says no', $denied, 'files');
unlink $e->dir . '/files/v1/vaults/v-1/members/alice';
mkdir $e->dir . '/files/v1/vaults/v-1/members/alice';
answer_is('a directory in the member\'s place', $error, 'files');


# --- ids in the address -----------------------------------------------------

# Percent-encoded once (RFC 3986), whatever stands in them: the service, which
# decodes once, sees the ids of the capsule.
my %ids = (
    'a vault' => 'a%20vault',
    'a+b&c=d;e' => undef,
    '~:@!$*(),\'' => undef,
    "Gew\xc3\xb6lbe" => 'Gew%C3%B6lbe',
    "\xe2\x82\xac\xf0\x9f\x98\x80" => '%E2%82%AC%F0%9F%98%80',
    '...' => '...',
    'members' => 'members',
    'v1' => 'v1',
    '"<>`{|}^' => undef,
    'x' x 128 => 'x' x 128,
);

for my $form (qw(car bare)) {
    for my $id (sort keys %ids) {
        my $share = $e->share(size => 10, vault_id => $id);
        my $name = "/$form, the vault \"$id\"";

        $e->metadata->member($id, 'alice', 1);
        $e->clear;
        is($e->outcome($e->get("/$form/$share->{id}"), $share), '200 ok',
           $name);

        my @asked = $e->metadata->requests($vault);
        is(scalar @asked, 1, "$name: one question");
        is($asked[0]->path, "/v1/vaults/$id/members/alice",
           "$name: decoded once, it is the id");
        is($asked[0]->uri, "/v1/vaults/$ids{$id}/members/alice",
           "$name: as it is sent") if defined $ids{$id};
        is(() = $asked[0]->uri =~ m{/}g, 5, "$name: five segments");
        unlike($asked[0]->uri, qr/[?#\x00-\x20\x7f-\xff]|%25/,
               "$name: no query, no fragment, nothing escaped twice");
    }
}

# What could name another resource is no vault id, by the capsule already.
for my $id ('.', '..', 'a/b', 'a\\b', 'a?b', 'a#b', 'a%2fb', "a\nb", '') {
    my $share = $e->share(size => 10, vault_id => $id);

    $e->clear;
    my $r = $e->get("/car/$share->{id}");
    is($r->status . ' ' . $e->code($r), '502 invalid_capsule',
       'the vault "' . ($id =~ s/\n/\\n/r) . '" is none');
    is($e->metadata->count($vault), 0, 'and nobody is asked');
}


# --- several identities -----------------------------------------------------

{
    my $both = $e->share(size => 10, vault_id => 'v-2', recipient =>
                         'bob=t/vectors/keys/bob.pem');

    $e->metadata->member('v-2', 'alice', 1);
    $e->clear;
    my $r = $e->get("/car/$both->{id}?as=bob");
    is($e->outcome($r, $both), $denied,
       'another identity of this gateway is not the member');
    is($e->metadata->last_request($vault)->uri,
       '/v1/vaults/v-2/members/bob', 'and is the one that is asked about');

    $e->metadata->member('v-2', 'bob', 1);
    is($e->outcome($e->get("/car/$both->{id}?as=bob"), $both), '200 ok',
       'until it is one');

    $e->clear;
    $r = $e->get("/car/$both->{id}?as=alice");
    is($e->outcome($r, $both), '403 recipient_not_authorized',
       'a member without a wrap');
    is($e->metadata->count($vault), 0, 'is not asked about');

    $e->clear;
    $r = $e->get("/car/$both->{id}?as=carol");
    is($e->outcome($r, $both), '403 identity_not_found',
       'a member without a key here');
    is($e->metadata->count($vault), 0, 'is not asked about either');
}

$e->metadata->stop;
answer_is('a service that is not there', '503 metadata_provider_error');
$e->metadata->start;

$e->done;
done_testing();
