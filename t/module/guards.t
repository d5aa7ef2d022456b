# Directives of nginx's own modules that stand on the level of the server, or
# in a service's location, beside opens: what they do to the requests of an
# open, and what the log says of it.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http ();
use Meshkit::Process ();

my @AGENT = ('User-Agent' => 'a client');
my $manual = Meshkit::Process::slurp('docs/DIRECTIVES.md');
my ($maps, $ifs) = $manual =~ /^\*\*Guards at server level\.\*\*.*?^```nginx\n(.*?)^```\n.*?^```nginx\n(.*?)^```\n/ms;

ok($maps && $ifs, 'the document has an example of guards');

# where Meshkit::Edge has its gateways
like($maps, qr{"~\^/_meshkit/"}, 'which names the internal locations');
$maps =~ s{/_meshkit/}{/_(meshkit|gw)/};


# A server with these directives, and those in the policy's location.
sub edge {
    my ($server, %text) = @_;

    my $e = Meshkit::Edge->new(policy => 'authzen', forms => [qw(raw)],
                               text => { server => $server, %text });
    $e->{guarded} = $e->share(size => 1000, policy_id => 'p');
    $e->{files} = [ map { $e->share(size => 200_000, policy_id => 'p') }
                    1 .. 2 ];
    $e->nginx->write('htpasswd', "ann:{PLAIN}secret\n");
    $e->start;
    $e->policy->allow;
    return $e;
}


sub outcome {
    my ($e, @headers) = @_;

    return $e->outcome($e->get("/raw/$e->{guarded}{id}",
                               headers => [ @headers ]), $e->{guarded});
}


# --- what the module's own requests do not meet -----------------------------

my @passed = (
    [ 'deny', 'allow 127.0.0.1; deny all;' ],
    [ 'auth_basic', 'auth_basic a; auth_basic_user_file %%DIR%%/htpasswd;',
      Authorization => 'Basic ' . encode_base64('ann:secret', '') ],
    [ 'satisfy', 'satisfy all; allow 127.0.0.1; deny all; auth_basic a; '
      . 'auth_basic_user_file %%DIR%%/htpasswd;',
      Authorization => 'Basic ' . encode_base64('ann:secret', '') ],
    [ 'auth_request', 'auth_request /ask; '
      . 'location = /ask { internal; return 204; }' ],
    [ 'a method', 'if ($request_method !~ ^(GET|HEAD)$) { return 405; }' ],
    [ 'a host', 'if ($host !~ ^(localhost|127.0.0.1)$) { return 421; }' ],
    [ 'realip', 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;',
      'X-Real-IP' => '192.0.2.7' ],
    [ 'limit_conn', 'limit_conn a 1;', http =>
      'limit_conn_zone $binary_remote_addr zone=a:1m;' ],
    [ 'limit_req', 'limit_req zone=a;', http =>
      'limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;' ],
    [ 'limit_req, with a delay', 'limit_req zone=a burst=5;', http =>
      'limit_req_zone $binary_remote_addr zone=a:1m rate=100r/s;' ],
    [ 'a referer that may be none',
      'valid_referers none server_names; if ($invalid_referer) { return 403; }' ],
);

for my $row (@passed) {
    my ($name, $server, @rest) = @$row;
    my %text = ($rest[0] // '') eq 'http' ? splice(@rest, 0, 2) : ();
    my $e = edge($server, %text);

    is(outcome($e, @rest), '200 ok', "$name: does not meet our requests");
    $e->done;
}

# --- what they meet ---------------------------------------------------------

my @refused = (
    [ 'no user agent, 444',
      'if ($http_user_agent = "") { return 444; }', 444, @AGENT ],
    [ 'no cookie', 'if ($cookie_session = "") { return 403; }', 403,
      Cookie => 'session=1' ],
    [ 'no TLS at the balancer', 'if ($http_x_forwarded_proto != https) '
      . '{ return 301 https://$host$request_uri; }', 301,
      'X-Forwarded-Proto' => 'https' ],
    [ 'rewrite', 'if ($http_x_forwarded_proto != https) '
      . '{ rewrite ^ https://example.org/ permanent; }', 301,
      'X-Forwarded-Proto' => 'https' ],
    [ 'a referer', 'valid_referers 127.0.0.1; '
      . 'if ($invalid_referer) { return 403; }', 403,
      Referer => 'http://127.0.0.1/' ],
    [ 'a page', 'if ($http_user_agent = "") { return 200 "{}"; }', 200,
      @AGENT ],
    [ '404', 'if ($http_user_agent = "") { return 404; }', 404, @AGENT ],
);

for my $row (@refused) {
    my ($name, $server, $status, @headers) = @$row;
    my $e = edge($server);
    my $r = $e->get("/raw/$e->{guarded}{id}", headers => [ @headers ]);

    is($e->outcome($r, $e->{guarded}), '503 metadata_provider_error',
       "$name: refuses, in a whole response");
    is(scalar($e->nginx->grep_log(qr/no internal location serves/)), 0,
       "$name: the location is not blamed");
    is(scalar($e->nginx->grep_log(qr{meshkit: "/_meshkit/metadata/v1/capsules/\S+" reached no location, "return", "rewrite" or the like of the server responded with status $status})),
       1, "$name: the log says what responded");
    is(scalar($e->nginx->grep_log(qr/refused: metadata_provider_error, the server responded before any location/)),
       1, "$name: and why it is refused");
    is($e->metadata->count + $e->gateway->count, 0, "$name: nobody is asked");
    $e->done;
}

# --- the example of the document --------------------------------------------

{
    my $e = edge($ifs, http => $maps);

    is(outcome($e, @AGENT), '200 ok', 'the example: opens');
    is(outcome($e), 'no answer ', 'the example: 444 without a user agent');
    is($e->get("/raw/$e->{guarded}{id}", headers => [ @AGENT,
           'X-Forwarded-Proto' => 'http' ])->status, 301,
       'the example: a redirect to TLS');
    is(outcome($e, @AGENT, 'X-Forwarded-Proto' => 'https'), '200 ok',
       'the example: opens, by TLS');

    $e->clear;
    is($e->get("/_meshkit/metadata/v1/capsules/$e->{guarded}{id}")->status,
       404, 'the example: the services are nobody else\'s');
    is($e->metadata->count, 0, 'and are not asked');
    $e->done;
}

# --- in a service's location ------------------------------------------------

for my $row (
    [ 'return', 'return 403;', '', 403 ],
    [ 'limit_req', 'limit_req zone=a;',
      'limit_req_zone $server_addr zone=a:1m rate=1r/m;', 503 ],
    [ 'limit_conn', 'limit_conn a 1;',
      'limit_conn_zone $server_addr zone=a:1m;', 503 ],
) {
    my ($name, $text, $http, $status) = @$row;
    my $e = edge('', http => $http, policy => $text);
    my $socket;

    if ($name eq 'limit_req') {
        is(outcome($e), '200 ok', "$name: the first passes");

    } elsif ($name eq 'limit_conn') {
        $e->policy->mode('stall', at => -1, seconds => 20, times => 1);
        $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $e->nginx->port('front')) or die "connect: $!";
        syswrite $socket, "GET /raw/$e->{guarded}{id} HTTP/1.1\r\n"
                          . "Host: a\r\n\r\n";
        ok($e->policy->wait_for_requests(1), "$name: there is one");
    }

    is(outcome($e), '503 policy_provider_error', "$name: refuses");
    is(scalar($e->nginx->grep_log(qr/refused: policy_provider_error, nginx itself responded, before the service, status $status/)),
       1, "$name: the log says that it was no service");
    is(scalar($e->nginx->grep_log(qr/no internal location|no location/)), 0,
       "$name: and blames no location");
    $e->done;
}

# What the service itself says is its own.
{
    my $e = edge('');

    $e->policy->mode('status', code => 503);
    is(outcome($e), '503 policy_provider_error', 'the service says 503');
    is(scalar($e->nginx->grep_log(qr/policy_provider_error, the HTTP status is not 200, status 503/)),
       1, 'which is said otherwise');
    $e->done;
}

# A delay ends: the request goes on, over HTTP/1 and HTTP/2; and what the
# deadline refuses meanwhile is said at once.
for my $where (qw(metadata policy gateway)) {
    my $e = edge('', http => 'limit_req_zone $server_addr zone=a:1m rate=1r/s;'
                     . 'meshkit_deadline 20s;',
                 $where => 'limit_req zone=a burst=20;');

    my $before = time;

    for my $h2 (0, 1) {
        is(join(' ', map { $e->outcome($e->curl("/raw/$_->{id}", h2 => $h2),
                                       $_) } @{ $e->{files} }),
           '200 ok 200 ok',
           "limit_req with a delay, $where, HTTP/" . ($h2 + 1));
    }

    cmp_ok(time - $before, '>=', 2, "limit_req, $where: it delays");
    $e->done;
}

{
    my $e = edge('', http => 'limit_req_zone $server_addr zone=a:1m '
                     . 'rate=1r/m; meshkit_deadline 1s;',
                 policy => 'limit_req zone=a burst=20;');

    is(outcome($e), '200 ok', 'a long delay: the first');
    my $r = $e->get("/raw/$e->{guarded}{id}", timeout => 20);
    is($e->outcome($r, $e->{guarded}), '503 policy_provider_error',
       'a long delay: the deadline ends it');
    cmp_ok($r->elapsed, '<', 4, 'in its time');
    $e->done;
}

done_testing();
