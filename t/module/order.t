# The order of an open: each refusal ends it there, and nothing that comes
# later is called.  Every share here asks for more than one reason to refuse.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(policy => 'authzen', text => {
    http => 'meshkit_identity bob %%DIR%%/keys/bob.pem;',
    open => 'meshkit_as $as; meshkit_action $arg_action;',
    server => 'set $as alice; if ($arg_as) { set $as $arg_as; }',
});

my $good = $e->share(size => 200_000, policy_id => 'p-1');
my $plain = $e->share(size => 70_000);
my $head = $e->share(size => 70_000, policy_id => 'p-1', name => 'h.txt');
my $early = $e->share(size => 10, nbf => 4_000_000_000, revoked => undef,
                      policy_id => 'p-1');
my $old = $e->share(size => 10, iat => 1, exp => 2, revoked => undef,
                    policy_id => 'p-1');
my $revoked = $e->share(size => 10, revoked => undef, policy_id => 'p-1');
my $viewed = $e->share(size => 10, policy_id => 'p-1', no_download => undef);
my $vault = $e->share(size => 10, policy_id => 'p-1', vault_id => 'v-1');
my $bound = $e->share(size => 10, policy_id => 'p-1',
                      capability_issuer => 'ines');

$e->start;


# What was called: metadata, policy, gateway.
sub called {
    return join ' ', map { $_->count } $e->metadata, $e->policy, $e->gateway;
}


sub try_it {
    my ($path, $expected, $called, $name, %opt) = @_;

    $e->clear;
    my $r = $e->get($path, %opt);
    is($r->status . ' ' . $e->code($r), $expected, $name);
    is(called(), $called, "$name: no service behind it is asked");
    return $r;
}


$e->policy->deny;

try_it('/car/a%20b?action=open', '400 invalid_request', '0 0 0',
       'a malformed id');
try_it("/car/$good->{id}?action=open&as=..", '400 invalid_request', '0 0 0',
       'a malformed identity');
try_it("/car/$good->{id}?action=delete", '400 invalid_request', '0 0 0',
       'an unknown action');
try_it('/car/nobody?action=open', '404 capsule_not_found', '1 0 0',
       'an unknown id');
try_it("/car/$early->{id}?action=open", '403 share_not_yet_valid', '1 0 0',
       'not yet valid');
try_it("/car/$old->{id}?action=open", '410 share_expired', '1 0 0',
       'expired');
try_it("/car/$revoked->{id}?action=open&as=nobody", '410 share_revoked',
       '1 0 0', 'revoked, asked by somebody unknown');
try_it("/car/$viewed->{id}?action=download&as=nobody",
       '403 identity_not_found', '1 0 0', 'an identity without a key here');
try_it("/car/$viewed->{id}?action=download&as=bob",
       '403 recipient_not_authorized', '1 0 0', 'an identity without a wrap');
try_it("/car/$viewed->{id}?action=download", '403 download_not_allowed',
       '1 0 0', 'a download that is not allowed');

try_it("/car/$vault->{id}?action=open", '403 vault_denied', '2 0 0',
       'a vault without members');
$e->metadata->member('v-1', 'alice', 1);
try_it("/car/$vault->{id}?action=open", '403 policy_denied', '2 1 0',
       'a member, and a policy that says no');

try_it("/car/$bound->{id}?action=open", '401 capability_required', '1 0 0',
       'no capability token');
try_it("/car/$bound->{id}?action=open", '403 capability_denied', '1 0 0',
       'a capability token that is none',
       headers => [ 'X-Meshkit-Capability' => 'x' ]);

try_it("/car/$good->{id}?action=open", '403 policy_denied', '1 1 0',
       'a policy that says no');

# The policy says yes, but the wrap is somebody else's: no byte is fetched.
{
    my $capsule = $e->capsule($good);
    my $wrap = $capsule->{capsule}{wraps}[0];
    my $ct = $wrap->{ct};

    substr($ct, 5, 1) = substr($ct, 5, 1) eq 'A' ? 'B' : 'A';
    $wrap->{ct} = $ct;
    $e->metadata->record("/v1/capsules/$good->{id}", $capsule);
    $e->policy->deny;
    try_it("/car/$good->{id}?action=open", '403 policy_denied', '1 1 0',
           'a wrap is opened only after the policy');
    $e->policy->allow;
    try_it("/car/$good->{id}?action=open", '403 key_unwrap_failed', '1 1 0',
           'a wrap that does not open');
    $e->metadata->record("/v1/capsules/$good->{id}", $good->{record});
}

{
    my $r = try_it("/car/$good->{id}?action=open", '200 ', '1 1 1',
                   'what all allow is opened');
    is($r->body, $good->{plain}, 'and is the file');

    try_it("/car/$plain->{id}?action=open", '200 ', '1 0 1',
           'no policy is asked for a capsule that names none');
}


# --- methods ----------------------------------------------------------------

{
    my $r = try_it("/car/$head->{id}?action=open", '200 ', '1 1 0',
                   'HEAD', method => 'HEAD');
    is($r->header('Content-Length'), 70_000, 'HEAD: the length of the file');
    is($r->header('Content-Type'), 'application/octet-stream',
       'HEAD: its type');
    like($r->header('Content-Disposition'), qr/h\.txt/, 'HEAD: its name');
    is($e->log($r)->{outcome}, 'ok', 'HEAD: the outcome');

    $r = $e->get("/raw/$head->{id}?action=open", method => 'HEAD',
                 raw => "HEAD /raw/$head->{id}?action=open HTTP/1.1\r\n"
                        . "Host: a\r\nConnection: close\r\n\r\n");
    is($r->extra . $r->body, '', 'HEAD: not a byte follows the header');

    $e->policy->deny;
    $r = try_it("/car/$head->{id}?action=open", '403 ', '1 1 0',
                'HEAD of a refusal', method => 'HEAD');
    cmp_ok($r->header('Content-Length'), '>', 0,
           'HEAD of a refusal: the length of the document');
    $e->policy->allow;
}

for my $method (qw(POST PUT DELETE PATCH OPTIONS TRACE)) {
    $e->clear;
    my $r = $e->get("/car/$plain->{id}?action=open", method => $method,
                    $method =~ /^P/ ? (body => 'x' x 100_000) : ());
    is($r->status, 405, "$method is not allowed");
    is(called(), '0 0 0', "$method: nothing is asked");
}

# A body on GET is discarded, and the next request on the connection is read
# where it begins; the body looks like a request.
{
    my $r = $e->get("/car/$plain->{id}?action=open", keepalive => 1,
                    body => "GET /car/nobody HTTP/1.1\r\nHost: a\r\n\r\n"
                            x 3000);
    is($r->body, $plain->{plain}, 'a body on GET changes nothing');

    $e->clear;
    $r = $e->get("/car/$plain->{id}?action=open", socket => $r->socket);
    is($r->body, $plain->{plain}, 'the next request on the connection');
    is($e->metadata->count, 1, 'is the only one that follows');

    my $request = "GET /car/$plain->{id}?action=open HTTP/1.1\r\nHost: a\r\n"
                  . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                  . "5\r\nhello\r\n0\r\n\r\n";
    $r = $e->get('/', raw => $request);
    is($r->body, $plain->{plain}, 'a chunked body on GET');

    $request =~ s/5\r\nhello/zz/;
    $r = $e->get('/', raw => $request);
    is($r->status, 400, 'a body that is not chunked as it says');
}

# A body that never comes does not hold up the answer.
{
    my $r = $e->get("/car/$plain->{id}?action=open", timeout => 20,
                    headers => [ 'Content-Length' => 1000 ]);
    is($r->length, 70_000, 'a body that is announced and does not come');
}

{
    my ($r) = $e->get("/car/$plain->{id}?action=open",
                      headers => [ 'Content-Length' => 1 << 30 ]);
    is($r->status, 413, 'a body above client_max_body_size');
}

# Neither is the query, nor the fragment of a name, part of what is asked.
{
    $e->clear;
    $e->get("/car/$plain->{id}?action=open&x=../../secret");
    is(join(' ', map { $_->uri } $e->metadata->requests),
       "/v1/capsules/$plain->{id}", 'the metadata service sees the id only');
    is($e->gateway->last_request->uri, "/ipfs/$plain->{cid}?format=car"
       . '&dag-scope=entity&car-version=1&car-order=dfs&car-dups=y',
       'a CAR is asked for as the specification says');
    is($e->gateway->last_request->header('Accept'),
       'application/vnd.ipld.car; version=1; order=dfs; dups=y',
       'with the same meaning in Accept');

    $e->clear;
    $e->get("/raw/$plain->{id}?action=open");
    is(join(' ', sort map { $_->uri } $e->gateway->requests), join(' ', sort
       map { "/ipfs/$_?format=raw" } $e->gateway->entries($plain->{cid})),
       'blocks are asked for one by one');
    is($e->gateway->last_request->header('Accept'),
       'application/vnd.ipld.raw', 'with the same meaning in Accept');
}

$e->done;
done_testing();
