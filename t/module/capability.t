# Capability tokens: required or ignored, every rule of what is accepted, and
# revocation, asked on every open.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Token qw(jwks break_up put_together);

my $location = sub {
    my ($name, @lines) = @_;

    return join "\n", "location ~ ^/$name/(?<cap>.*)\$ {",
           'meshkit_open $cap;', 'meshkit_gateway /_gw/0 raw;',
           'meshkit_policy /_meshkit/policy;', 'meshkit_as alice;',
           (grep { /meshkit_metadata/ } @lines)
           ? () : 'meshkit_metadata /_meshkit/metadata;', @lines, "}\n";
};

my $e = Meshkit::Edge->new(policy => 'authzen', accel => 1, tokens => 1,
    forms => [qw(car)], text => {
    http => "meshkit_identity bob %%DIR%%/keys/bob.pem;\n"
            . "meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;\n"
            . "large_client_header_buffers 4 32k;\n"
            . "proxy_cache_path %%DIR%%/cache keys_zone=kept:1m;\n"
            . 'log_format refs \'{"ref":"$meshkit_token_ref"}\';'
            . "\naccess_log %%DIR%%/logs/refs.log refs;\n",
    open => 'meshkit_as $as; meshkit_action $action;',
    server => join("\n", 'set $as alice; if ($arg_as) { set $as $arg_as; }',
        'set $action open; if ($arg_action) { set $action $arg_action; }',
        'add_header X-Ref $meshkit_token_ref always;',
        $location->('named', 'meshkit_audience "https://edge.example/";'),
        $location->('skewed', 'meshkit_clock_skew 1h;'),
        $location->('argument', 'meshkit_capability $arg_token;'),
        $location->('cookie', 'meshkit_capability $cookie_token;'),
        $location->('other', 'meshkit_capability_issuers '
                    . '%%DIR%%/keys/owners.jwks;'),
        $location->('late', 'meshkit_deadline 4s;'),
        $location->('impatient', 'meshkit_metadata /_impatient;'),
        $location->('cached', 'meshkit_metadata /_cached;'),
        $location->('nobody', 'meshkit_metadata /_nobody;'),
        <<'EOT') });
location /_impatient/ {
    internal;
    proxy_pass http://metadata/;
    location /_impatient/v1/capabilities/ {
        internal;
        proxy_pass http://metadata/v1/capabilities/;
        proxy_read_timeout 500ms;
    }
}
location /_nobody/ {
    internal;
    proxy_pass http://metadata/;
    location /_nobody/v1/capabilities/ {
        internal;
        proxy_pass http://127.0.0.1:%%PORT_nobody%%/;
    }
}
location /_cached/ {
    internal;
    proxy_pass http://metadata/;
    location /_cached/v1/capabilities/ {
        internal;
        proxy_pass http://metadata/v1/capabilities/;
        proxy_buffering on;
        proxy_cache kept;
        proxy_cache_key $uri;
        proxy_cache_valid any 1h;
        proxy_ignore_headers Cache-Control Expires X-Accel-Expires;
    }
}
location /kept/ {
    proxy_pass http://metadata/v1/capabilities/;
    proxy_buffering on;
    proxy_cache kept;
    proxy_cache_key /_cached/v1/capabilities/j-1;
    proxy_cache_valid any 1h;
}
EOT

my $ines = Meshkit::Token->issuer('ines');
my $elliptic = Meshkit::Token->issuer('ines', alg => 'ES256');
my $jonas = Meshkit::Token->issuer('jonas');
my $stranger = Meshkit::Token->issuer('ines');

$e->nginx->port('nobody');
$e->nginx->write('keys/issuers.jwks', jwks($ines, $elliptic, $jonas));

my $share = $e->share(size => 70_000, capability_issuer => 'ines',
                      vault_id => 'v-1', policy_id => 'p-1',
                      recipient => 'alice=t/vectors/keys/alice.pem');
my $loads = $e->share(size => 10, capability_issuer => 'ines',
                      capability_for => 'download', policy_id => 'p-1');
my $free = $e->share(size => 10, policy_id => 'p-1');

$e->start;
$e->policy->allow;
$e->metadata->member('v-1', 'alice', 1);
$e->metadata->capability($_, 'active') for 'j-1', 'j-2', 'x' x 128;

my $asked = qr{^/v1/capabilities/};
my $denied = '403 capability_denied';
my $now = time;
my %told;


# The claims of a good token, with these changed; undef: left out.
sub claims {
    my (%change) = @_;

    my %claims = (iss => 'ines', sub => 'alice', exp => $now + 3600,
                  iat => $now, jti => 'j-1',
                  cap => { capsule => $share->{id}, actions => ['open'] },
                  %change);

    delete @claims{ grep { !defined $claims{$_} } keys %claims };
    return \%claims;
}


sub good { return $ines->mint(claims => claims(@_)) }


sub cap {
    return (cap => { capsule => $share->{id}, actions => ['open'], @_ });
}


# Opens with a token; a refusal asks nobody behind it.
sub answer_is {
    my ($name, $token, $code, $form, %opt) = @_;

    my $query = $opt{query} // '';
    my $to = $opt{share} // $share;

    $e->clear;
    $e->nginx->secret(substr $token, -60) if length($token // '') > 200;

    my $r = $e->get('/' . ($form // 'car') . "/$to->{id}$query",
                    $opt{headers} ? (headers => $opt{headers})
                    : defined $token
                    ? (headers => [ 'X-Meshkit-Capability' => $token ])
                    : ());

    is($e->outcome($r, $to), $code, $name);

    if ($code ne '200 ok') {
        is($e->policy->count . $e->gateway->count, '00',
           "$name: nobody behind it is asked");

        my $told = $r->body =~ s/"requestId":"\w+"//r;
        is($told, $told{$code} //= $told, "$name: the client is told no more "
           . 'than any other');
    }

    return $r;
}


# The same, and no service hears of such a token.
sub refused {
    my ($name, $token, @more) = @_;

    answer_is($name, $token, $denied, @more);
    is($e->metadata->count($asked), 0, "$name: nobody is asked about it");
}


# --- whether one is needed --------------------------------------------------

{
    my $r = answer_is('none is given', undef, '401 capability_required');

    is($r->header('WWW-Authenticate'), 'Bearer realm="meshkit"',
       'none is given: a challenge');
    is($r->header('X-Ref'), undef, 'none is given: no reference');

    answer_is('an empty one is none', '', '401 capability_required');
    answer_is('a sound one', good(), '200 ok');
    is(join(' ', map { $_->uri } $e->metadata->requests),
       "/v1/capsules/$share->{id} /v1/vaults/v-1/members/alice "
       . '/v1/capabilities/j-1', 'record, vault, capability');
    is($e->metadata->last_request($asked)->header('Authorization'),
       'Bearer ' . $e->token('metadata'), 'with the service\'s own token');
    is_deeply($e->policy->last_request->json->{context}{capability},
              { jti => 'j-1', actions => ['open'] },
              'the policy is told what it allows');
    my $heard = join "\n", map { $_->uri, $_->body, map { @$_ } $_->fields }
                           map { $_->requests } $e->services;
    like($heard, qr/j-1/, 'the services hear of its id');
    unlike($heard, qr/\Q${\ substr good(), -60}\E|meshkit-capability/i,
           'no service sees the token');

    answer_is('an elliptic one', $elliptic->mint(claims => claims()),
              '200 ok');

    # not for this action, not for this capsule
    answer_is('to open, none is needed', undef, '200 ok', 'car',
              share => $loads);
    answer_is('to download, one is', undef, '401 capability_required', 'car',
              share => $loads, query => '?action=download');
    answer_is('to download, with one', good(cap => {
                  capsule => $loads->{id}, actions => ['download'] }),
              '200 ok', 'car', share => $loads, query => '?action=download');
    is_deeply($e->policy->last_request->json->{context}{capability},
              { jti => 'j-1', actions => ['download'] },
              'the policy is told so');

    for my $token (good(), 'x', 'x' x 6000) {
        answer_is('one that is not needed is not looked at', $token,
                  '200 ok', 'car', share => $free);
        is($e->metadata->count($asked), 0, 'nor asked about');
        is($e->policy->last_request->json->{context}{capability}, undef,
           'nor told to the policy');
    }
}


# --- signature and header ---------------------------------------------------

refused('one that is none', 'x');
refused('two dots', '..');
refused('a good one without its signature',
        join('.', (split /\./, good())[0, 1]) . '.');
refused('a good one cut short', substr good(), 0, -1);
refused('a good one and a byte', good() . 'A');
refused('a good one in padding', good() . '==');
refused('a good one and a dot', good() . '.');
refused('a good one with "Bearer"', 'Bearer ' . good());
refused('a good one with a space in it', good() =~ s/\./. /r);
refused('a good one in quotes', '"' . good() . '"');
refused('two in one header', good() . ',' . good());
refused('another\'s signature',
        $ines->mint(claims => claims(), by => $stranger));
refused('a key that nobody trusts', $stranger->mint(claims => claims()));
refused('another issuer\'s key', $jonas->mint(claims => claims()));
refused('another issuer', $jonas->mint(claims => claims(iss => 'jonas')));
refused('alg none', $ines->mint(claims => claims(),
                                header => { alg => 'none' }));
refused('alg none, without a signature',
        $ines->mint(claims => claims(), header => { alg => 'none' })
        =~ s/[^.]*$//r);
refused('HS256 with the public key',
        $ines->mint(claims => claims(), header => { alg => 'HS256' },
                    hmac => decode_base64url(
                        $ines->public->{x})));
refused('HS256 with the text of the JWK Set',
        $ines->mint(claims => claims(), header => { alg => 'HS256' },
                    hmac => jwks($ines, $elliptic, $jonas)));
refused('EdDSA, as it was once called',
        $ines->mint(claims => claims(), header => { alg => 'EdDSA' }));
refused('an Ed25519 key that says ES256',
        $ines->mint(claims => claims(), header => { alg => 'ES256' }));
refused('no alg', $ines->mint(claims => claims(),
                              header => { alg => undef }));
refused('no kid', $ines->mint(claims => claims(),
                              header => { kid => undef }));
refused('another kid', $ines->mint(claims => claims(),
                                   header => { kid => $jonas->kid }));
refused('a key of its own in the header', $stranger->mint(
        claims => claims(), header => { jwk => $stranger->public }));
refused('no typ', $ines->mint(claims => claims(),
                              header => { typ => undef }));
for my $typ ('JWT', 'meshkit-link+jwt', 'meshkit-capsule+json',
             'MESHKIT-CAPABILITY+JWT',
             'application/meshkit-capability+jwt')
{
    refused("typ $typ", $ines->mint(claims => claims(),
                                    header => { typ => $typ }));
}
refused('crit', $ines->mint(claims => claims(),
                            header => { crit => ['exp'] }));
refused('b64', $ines->mint(claims => claims(), header => {
                           b64 => JSON::PP::false() }));
refused('claims that are no JSON', $ines->mint(claims => 'x'));
refused('claims in a list', $ines->mint(claims => '[]'));
refused('a claim twice', $ines->mint(
    claims => JSON::PP->new->encode(claims()) =~ s/^\{/{"sub":"alice",/r));
refused('a token above the limit', good(x => 'x' x 6200));
answer_is('a token near the limit', good(x => 'x' x 5600), '200 ok');

{
    my ($header, $payload, $signature) = @{ break_up(good()) };

    $payload =~ s/alice/alicf/;
    refused('a claim changed afterwards',
            put_together($header, $payload, $signature));
}


# --- claims -----------------------------------------------------------------

my $bob = $e->share(size => 10, capability_issuer => 'ines',
                    recipient => 'bob=t/vectors/keys/bob.pem');

refused("no $_", good($_ => undef)) for qw(iss sub exp jti cap);
refused('another iss', good(iss => 'jonas'));
refused('another sub', good(sub => 'bob'));
refused('an empty sub', good(sub => ''));
refused('a list of subs', good(sub => ['alice']));
refused('a capability of alice, opened as bob',
        good(cap(capsule => $bob->{id})), 'car', share => $bob,
        query => '?as=bob');
$e->metadata->capability('j-bob', 'active');
answer_is('a capability of bob, opened as bob',
          good(sub => 'bob', jti => 'j-bob', cap(capsule => $bob->{id})),
          '200 ok', 'car', share => $bob, query => '?as=bob');
answer_is('a capability of bob, opened as alice',
          good(sub => 'bob', cap(capsule => $bob->{id})),
          '403 recipient_not_authorized', 'car', share => $bob);
answer_is('a capability of carol, whose key is not here',
          good(sub => 'carol', cap(capsule => $bob->{id})),
          '403 identity_not_found', 'car', share => $bob,
          query => '?as=carol');

refused('exp has passed', good(exp => $now - 1));
refused('exp is now', good(exp => $now));
refused('exp is 0', good(exp => 0));
refused('exp is negative', good(exp => -1));
refused('exp is a text', good(exp => '' . ($now + 3600)));
refused('exp is a fraction', $ines->mint(
    claims => JSON::PP->new->encode(claims()) =~ s/("exp":\d+)/$1.5/r));
refused('nbf is to come', good(nbf => $now + 1800));
refused('nbf is a text', good(nbf => "$now"));
refused('iat is a text', good(iat => "$now"));
answer_is('nbf is now', good(nbf => $now), '200 ok');
answer_is('exp has passed, within the skew', good(exp => $now - 1800),
          '200 ok', 'skewed');
refused('exp has passed, beyond the skew', good(exp => $now - 3600),
        'skewed');
answer_is('nbf is to come, within the skew', good(nbf => $now + 1800),
          '200 ok', 'skewed');
refused('nbf is to come, beyond the skew', good(nbf => $now + 7200),
        'skewed');

refused('aud where the gateway has no name', good(aud => 'edge'));
refused('an empty list of aud', good(aud => []));
refused('aud null', $ines->mint(
    claims => JSON::PP->new->encode(claims()) =~ s/^\{/{"aud":null,/r));
for my $row (
    [ 'no aud', undef, 1 ],
    [ 'aud', 'https://edge.example/', 1 ],
    [ 'aud in a list', [ 'x', 'https://edge.example/' ], 1 ],
    [ 'another aud', 'https://other.example/', 0 ],
    [ 'a longer aud', 'https://edge.example/x', 0 ],
    [ 'an empty aud', '', 0 ],
    [ 'a list of others', [ 'x', 'y' ], 0 ],
    [ 'a list with a number', [ 7 ], 0 ],
    [ 'an object', { aud => 'https://edge.example/' }, 0 ])
{
    my ($name, $aud, $opens) = @$row;
    my @args = ("a named gateway: $name", good(aud => $aud));

    $opens ? answer_is(@args, '200 ok', 'named') : refused(@args, 'named');
}

refused("jti $_", good(jti => $_)) for '', '..', 'a/b', 'a b', 'x' x 129;
answer_is('the longest jti', good(jti => 'x' x 128), '200 ok');


# --- what it is for ---------------------------------------------------------

my $cid = $share->{cid};
my $upper = 'B' . uc substr $cid, 1;

answer_is('for the vault', good(cap => { vault => 'v-1',
                                         actions => ['open'] }), '200 ok');
answer_is('for the CID', good(cap => { cid => $cid, actions => ['open'] }),
          '200 ok');
answer_is('for the CID in another multibase',
          good(cap => { cid => $upper, actions => ['open'] }), '200 ok');
answer_is('for all three', good(cap(vault => 'v-1', cid => $cid)), '200 ok');
answer_is('with what is not known', good(cap(x => 1)), '200 ok');
answer_is('for more actions', good(cap(actions => [qw(print open x)])),
          '200 ok');

refused('for nothing', good(cap => { actions => ['open'] }));
refused('for another capsule', good(cap(capsule => $free->{id})));
refused('for another vault', good(cap(vault => 'v-2')));
refused('for an empty vault', good(cap(vault => '')));
refused('for another CID', good(cap(cid => $free->{cid})));
refused('for a CID that is none', good(cap(cid => 'x')));
refused('for a capsule of null', good(cap(capsule => undef)));
refused('for a capsule in a list', good(cap(capsule => [ $share->{id} ])));
refused('a vault where the capsule has none',
        good(cap => { vault => '', actions => ['download'] }), 'car',
        share => $loads, query => '?action=download');
refused('without actions', good(cap => { capsule => $share->{id} }));
refused('for no action', good(cap(actions => [])));
refused('for another action', good(cap(actions => ['download'])));
refused('for an action in another case', good(cap(actions => ['Open'])));
refused('for an action that is no list', good(cap(actions => 'open')));
refused('for an action that is no text', good(cap(actions => [1, 'open'])));
refused('for what is no object', good(cap => $share->{id}));
refused('for what is a list', good(cap => [ { capsule => $share->{id},
                                              actions => ['open'] } ]));


# --- where it stands --------------------------------------------------------

refused('two headers', undef, 'car', headers => [
    'X-Meshkit-Capability' => good(), 'X-Meshkit-Capability' => good() ]);
refused('two headers, one of them empty', undef, 'car', headers => [
    'X-Meshkit-Capability' => '', 'X-Meshkit-Capability' => good() ]);
answer_is('the header in another case', undef, '200 ok', 'car', headers => [
    'x-MESHKIT-capability' => good() ]);
answer_is('many headers before it', undef, '200 ok', 'car', headers => [
    (map { ("X-H$_" => 'x') } 1 .. 60), 'X-Meshkit-Capability' => good() ]);
answer_is('in Authorization', undef, '401 capability_required', 'car',
          headers => [ Authorization => 'Bearer ' . good() ]);
answer_is('in an argument', undef, '200 ok', 'argument',
          query => '?token=' . good(jti => 'j-2', iat => 1));
answer_is('in an argument, not in the header', good(),
          '401 capability_required', 'argument');
answer_is('in a cookie', undef, '200 ok', 'cookie',
          headers => [ Cookie => 'a=b; token=' . good() ]);
refused('other issuers are trusted there', good(), 'other');

{
    my $c = $e->curl("/car/$share->{id}", h2 => 1,
                     args => [ '-H', 'X-Meshkit-Capability: ' . good() ]);
    is($c->{body}, $share->{plain}, 'over HTTP/2');
}


# --- references -------------------------------------------------------------

{
    my ($one, $two) = (good(), good(jti => 'j-2'));
    my %ref;

    for my $row ([ $one, '200 ok' ], [ $two, '200 ok' ], [ 'x', $denied ],
                 [ 'x' x 6000, $denied ], [ $one, '200 ok' ])
    {
        my ($token, $code) = @$row;
        my $r = answer_is('a reference', $token, $code);
        my $ref = $r->header('X-Ref') // '';

        like($ref, qr/^[0-9a-f]{8}$/, 'a reference is 8 digits');
        is($ref{$token} //= $ref, $ref, 'the same for the same token');
        isnt($ref, substr(sha256_hex($token), 0, 8), 'no plain hash');
    }

    is(scalar keys %{ { reverse %ref } }, 4, 'and another for each other');

    my $r = $e->get('/car/a%20b',
                    headers => [ 'X-Meshkit-Capability' => $one ]);
    is($r->header('X-Ref'), $ref{$one},
       'of a request that is refused before');
    answer_is('one that is not needed', $one, '200 ok', 'car',
              share => $free);
}


# --- revocation -------------------------------------------------------------

for my $state (qw(revoked active revoked active)) {
    $e->metadata->capability('j-1', $state);
    answer_is("$state", good(), $state eq 'active' ? '200 ok' : $denied);
    is($e->metadata->count($asked), 1, "$state: asked on every open");
}

answer_is('not known there', good(jti => 'j-3'), $denied);
answer_is('another one that is active', good(jti => 'j-2'), '200 ok');

my $yes = '{"status":{"state":"active"}}';
my $error = '503 metadata_provider_error';
my @faults = (
    [ 204, 'status', code => 204, body => '' ],
    [ 201, 'status', code => 201, body => $yes ],
    [ 206, 'partial' ],
    [ 301, 'redirect', to => '/v1/capabilities/j-1' ],
    [ 302, 'status', code => 302, body => $yes,
      headers => [ Location => '/v1/capabilities/j-1' ] ],
    [ 304, 'status', code => 304, body => '' ],
    (map { [ $_, 'status', code => $_, body => $yes ] }
         400, 401, 403, 410, 429, 500, 502, 503, 504),
    [ 'cut short by length', 'truncate', at => length($yes) - 1 ],
    [ 'cut short to nothing', 'truncate', at => 0 ],
    [ 'chunks without the last', 'truncate_chunked', at => length $yes ],
    [ 'Content-Length one more', 'wrong_length', by => 1 ],
    [ 'Content-Length one less', 'wrong_length', by => -1 ],
    [ 'too large', 'pad', size => 65_537 ],
    [ 'endless', 'endless', bytes => ' ' x 4096, framing => 'chunked' ],
    [ 'gzip', 'gzip' ],
    [ 'a gzip label', 'gzip', label_only => 1 ],
    [ 'no HTTP', 'garbage' ],
    [ 'a reset', 'reset', at => -1 ],
    [ 'a reset in the body', 'reset', at => 5 ],
    [ 'X-Accel-Redirect', 'x_accel', to => '/kept/j-1' ],
    map { [ "the body $_", 'body', body => $_ ] }
        '', 'null', 'true', '"active"', '{}', '[]', '{"state":"active"}',
        '{"status":"active"}', '{"status":true}', '{"status":null}',
        '{"status":{}}', '{"status":{"state":"Active"}}',
        '{"status":{"state":"active "}}', '{"status":{"state":true}}',
        '{"status":{"state":["active"]}}', '{"status":{"state":"paused"}}',
        '{"status":[{"state":"active"}]}', "[$yes]", "$yes$yes", "${yes}x",
        "$yes\0", '{"status":{"state":"revoked","state":"active"}}',
        '{"status":{"state":"revoked"},"status":{"state":"active"}}',
        '{"status":{"state":"active","revokedAt":"x"}}',
        '{"member":true}', substr($yes, 0, -1),
);

my $token = good();

for my $row (@faults) {
    my ($name, $fault, %args) = @$row;

    $e->metadata->mode($fault, %args, match => $asked);
    answer_is("an answer: $name", $token, $error);
}

for my $row ([ 'chunked', 'framing', framing => 'chunked' ],
             [ '64 KiB', 'pad', size => 65_536 ],
             [ 'another media type', 'type', type => 'text/html' ],
             [ 'byte by byte', 'drip', bytes => 1, every => 0.01 ])
{
    my ($name, $mode, %args) = @$row;

    $e->metadata->mode($mode, %args, match => $asked);
    answer_is("no fault: $name", $token, '200 ok');
}

for my $row ([ 'silence', at => -1 ], [ 'silence in the body', at => 5 ]) {
    my ($name, @args) = @$row;

    $e->metadata->mode('stall', @args, seconds => 60, match => $asked);
    answer_is($name, $token, $error, 'impatient');
}

$e->metadata->mode('drip', bytes => 1, every => 1, match => $asked);
answer_is('a drip beyond the deadline', $token, $error, 'late');
ok(wait_for(20, sub { grep { $_ eq 'client_gone' } $e->metadata->outcomes }),
   'a drip beyond the deadline: the connection is closed');

$e->heal;
$e->policy->allow;
answer_is('nobody is there', $token, $error, 'nobody');

is($e->get('/kept/j-1')->body =~ s/\s//gr, $yes, 'a yes lies in a cache');
$e->metadata->capability('j-1', 'revoked');
answer_is('a yes from a cache', $token, $error, 'cached');
is($e->metadata->count($asked), 0, 'a yes from a cache: it was one');
$e->metadata->capability('j-1', 'active');

# HEAD and 304 are opens.
{
    $e->clear;
    my $r = $e->get("/car/$share->{id}", method => 'HEAD',
                    headers => [ 'If-None-Match' => '*' ]);
    is($r->status, 401, 'HEAD with a condition needs one, too');

    $r = $e->get("/car/$share->{id}", headers => [
        'X-Meshkit-Capability' => $token, Range => 'bytes=0-9' ]);
    is($r->status . $r->body, 206 . substr($share->{plain}, 0, 10),
       'a range');
}

$e->done;
done_testing();
