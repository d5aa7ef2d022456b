# What the services see of a client: nothing.  Each gets its own token and a
# few headers, and never what another service or the client was to see.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;

$ENV{MESHKIT_TEST_TOKEN} = 'token-of-the-environment-456';

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', tokens => 1,
    fresh => 20, text => {
        server => <<'EOT',
location ~ ^/env/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata token_env=MESHKIT_TEST_TOKEN;
    meshkit_policy /_meshkit/policy token_file=keys/two.token;
    meshkit_gateway /_gw/0 token_env=MESHKIT_TEST_TOKEN raw;
}
location ~ ^/bare/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/own/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_own/metadata token_file=keys/metadata.token;
    meshkit_gateway /_own/gw raw;
}
location /_own/metadata/ {
    internal;
    proxy_set_header Authorization "Basic b3du";
    proxy_set_header X-Args $args;
    proxy_set_header X-Cookie $http_cookie;
    proxy_set_header X-Auth $http_authorization;
    proxy_set_header X-Mapped $mapped;
    proxy_pass http://metadata/;
}
location /_own/gw/ {
    internal;
    proxy_set_header X-Auth $http_authorization;
    proxy_set_header X-Mapped $mapped;
    proxy_set_header X-Cookie $cookie_session;
    proxy_pass http://gw0/;
}
EOT
        http => "map \$http_authorization \$mapped { default \$http_"
                . "authorization; }\n",
        open => 'add_header X-Seen $mapped;',
    });

my $share = $e->share(size => 200_000, policy_id => 'p-1');
my $plain = $e->share(size => 200_000);

$e->nginx->secret('token-of-the-environment-456', 'client-secret-0123456789');
$e->nginx->write('keys/two.token', "# the current one\n\n"
                 . "token-of-two-lines-1\r\ntoken-of-two-lines-2\n", 0600);
$e->policy->allow;
$e->start;

my @client = (
    Authorization => 'Bearer client-secret-0123456789',
    'Proxy-Authorization' => 'Basic client-secret-0123456789',
    Cookie => 'session=client-secret-0123456789',
    Range => 'bytes=5-10', 'If-Range' => '"a"',
    'X-Custom' => 'mine', 'X-Forwarded-For' => '192.0.2.7',
    'If-None-Match' => '"x"', 'If-Match' => '*',
    'If-Modified-Since' => 'Thu, 01 Jan 1970 00:00:00 GMT',
    'If-Unmodified-Since' => 'Thu, 01 Jan 1970 00:00:00 GMT',
    'Accept' => 'text/html', 'Accept-Encoding' => 'gzip, br',
    'Accept-Language' => 'de', 'User-Agent' => 'test/1',
    'Referer' => 'http://localhost/page',
    'X-Request-ID' => 'of-the-client', 'Expect' => '',
    'Content-Type' => 'text/plain', 'TE' => 'trailers',
    'X-Meshkit-Capability' => 'client-secret-0123456789',
);

my %accept = (metadata => 'application/json', policy => 'application/json',
              car => 'application/vnd.ipld.car; version=1; order=dfs; dups=y',
              raw => 'application/vnd.ipld.raw');


# The request's headers, less those that nginx's proxy makes itself.
sub seen {
    my ($request) = @_;

    return join '; ', sort map { "$_->[0]: $_->[1]" }
           grep { $_->[0] !~ /^(?:Host|Connection|X-Request-ID)$/ }
           $request->fields;
}


sub expect {
    my ($kind, $token, $body) = @_;

    return join '; ', sort "Accept: $accept{$kind}",
           'Accept-Encoding: identity',
           defined $token ? "Authorization: Bearer $token" : (),
           defined $body ? ('Content-Type: application/json',
                            'Content-Length: ' . length $body) : ();
}


sub check {
    my ($name, $form, %tokens) = @_;

    my %ids;

    for my $which (qw(metadata policy)) {
        my @requests = $e->$which->requests;

        is(scalar @requests, 1, "$name: $which is asked once");
        is(seen($requests[0]), expect($which, $tokens{$which},
           $which eq 'policy' ? $requests[0]->body : undef),
           "$name: $which gets its own headers only");
        $ids{$_}++ for map { $_->headers('X-Request-ID') } @requests;
    }

    for my $n (0, 1) {
        my @requests = $e->gateway($n)->requests;
        my %seen = map { seen($_) => 1 } @requests;

        next if !@requests;
        is(join(' | ', sort keys %seen), expect($form, $tokens{"gw$n"}),
           "$name: gateway $n gets its own headers only");
        $ids{$_}++ for map { $_->headers('X-Request-ID') } @requests;
        is(scalar(grep { $_->body ne '' || $_->method ne 'GET' } @requests),
           0, "$name: gateway $n is asked by GET without a body");
    }

    is(scalar keys %ids, 1, "$name: one request id for all");
    like((keys %ids)[0], qr/^[0-9a-f]{32}$/, "$name: made by nginx");
}


my %own = map { $_ => $e->token($_) } qw(metadata policy gw0 gw1);

for my $form (qw(car raw)) {
    # twice: the second time on connections that are there already
    for my $round (1, 2, 3) {
        $e->clear;
        my $r = $e->get("/$form/$share->{id}", headers => \@client);
        is($e->outcome($r, $share), '200 ok',
           "the file, whatever the client asks besides, $form");
        is($r->header('X-Seen'), 'Bearer client-secret-0123456789',
           "the client's own variables are its own, $form");
        check("round $round, $form", $form, %own);
    }

    # the second gateway must not get the first one's token
    $e->clear;
    $e->gateway(0)->mode('status', code => 500);
    my $r = $e->get("/$form/$share->{id}", headers => \@client);
    is($e->outcome($r, $share), '200 ok', "failover, $form");
    check("failover, $form", $form, %own);
    $e->gateway(0)->mode('ok');

    # connections of one service do not carry over what another needed
    my %conns;
    $conns{$_->conn}++ for $e->gateway(1)->requests;
    cmp_ok(scalar keys %conns, '<=', 16, "keepalive is used, $form");

    $e->clear;
    my @args = map { $client[2 * $_] =~ /^(?:Expect|TE)$/ ? ()
                     : ('-H', "$client[2 * $_]: $client[2 * $_ + 1]") }
               0 .. $#client / 2;
    $r = $e->curl("/$form/$share->{id}", h2 => 1, args => \@args);
    is($e->outcome($r, $share), '200 ok', "HTTP/2, $form");
    check("HTTP/2, $form", $form, %own);
}

# Many streams at the same time, each with credentials of its own.
{
    $e->clear;
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'));
    my @ids = map { $h->send(path => $e->fresh("/raw/$share->{id}"),
                             headers => [
        authorization => "Bearer client-secret-0123456789-$_",
        cookie => 'session=client-secret-0123456789' ]) } 1 .. 10;

    $h->receive(20, sub { 10 == grep { $h->stream($_)->{ended} } @ids });
    is(scalar(grep { $h->stream($_)->{data} eq $share->{plain} } @ids), 10,
       'ten streams of one connection');

    my %tokens;
    for my $pair ([ metadata => $e->metadata ], [ policy => $e->policy ],
                  [ gateway => $e->gateway ])
    {
        $tokens{"$pair->[0]: $_"}++
            for map { $_->headers('Authorization') } $pair->[1]->requests;
    }
    is_deeply([ sort keys %tokens ],
              [ 'gateway: Bearer ' . $e->token('gw0'),
                'metadata: Bearer ' . $e->token('metadata'),
                'policy: Bearer ' . $e->token('policy') ],
              'and no token where it does not belong');
}

# A body of the client's is nobody's, and its length is not the question's.
{
    $e->clear;
    my $r = $e->get("/raw/$share->{id}", headers => \@client,
                    body => 'client-secret-0123456789' x 10);
    is($e->outcome($r, $share), '200 ok', 'a body on GET');
    check('a body on GET', 'raw', %own);
}

# Tokens of the environment, of a file with several lines, and none at all.
{
    $e->clear;
    my $r = $e->get("/env/$share->{id}", headers => \@client);
    is($e->outcome($r, $share), '200 ok', 'token_env');
    check('token_env', 'raw', metadata => 'token-of-the-environment-456',
          policy => 'token-of-two-lines-1',
          gw0 => 'token-of-the-environment-456');

    $e->clear;
    $r = $e->get("/bare/$share->{id}", headers => \@client);
    is($e->outcome($r, $share), '200 ok', 'no tokens');
    check('no tokens', 'car');
}

# What the operator sets in the internal location comes from the question,
# never from the client.
{
    $e->clear;
    my $r = $e->get("/own/$plain->{id}?x=y",
                    headers => \@client);
    is($e->outcome($r, $plain), '200 ok', 'proxy_set_header');

    my $request = $e->metadata->last_request;
    is($request->header('Authorization'), 'Basic b3du',
       'proxy_set_header: replaces the token');
    is(scalar(my @all = $request->headers('Authorization')), 1,
       'proxy_set_header: there is one');
    is($request->header('X-Cookie') // '', '',
       'proxy_set_header: no cookie of the client');
    is($request->header('X-Args') // '', '',
       'proxy_set_header: no query of the client');
    is($request->header('X-Auth'), 'Bearer ' . $e->token('metadata'),
       'proxy_set_header: variables are those of the question');
    is($request->header('X-Mapped'), 'Bearer ' . $e->token('metadata'),
       'proxy_set_header: so is a map');

    for my $request ($e->gateway->requests) {
        is(join('|', map { $request->header("X-$_") // '' }
                qw(Auth Mapped Cookie)), '||',
           'proxy_set_header: no token of another service at the gateway');
    }
}

# What a service sets stays there: no header of it reaches the client.
{
    $_->mode('headers', headers => [
        'Set-Cookie' => 'a=b', 'X-Leak' => 'yes', 'Server' => 'other',
        'Location' => 'http://127.0.0.1/', 'Refresh' => '0',
        'Access-Control-Allow-Origin' => '*', 'Link' => '<a>; rel=b',
        'WWW-Authenticate' => 'Basic', 'Content-Language' => 'xx',
        'Content-Disposition' => 'attachment; filename=evil' ])
        for $e->services;

    for my $path ("/car/$share->{id}", "/raw/$share->{id}", '/car/nobody') {
        my $r = $e->get($path);
        is(join(' ', grep { /^(?:Set-Cookie|X-Leak|Location|Refresh|Access-
                               .*|Link|WWW-.*|Content-Language|X-Ipfs.*|
                               Last-Modified|Expires)$/xi }
                $r->header_names), '',
           "$path: no header of a service reaches the client");
        is(scalar(my @all = $r->headers('Cache-Control')), 1,
           "$path: its cache control is ours");
        unlike($r->header('Server'), qr/other/, "$path: so is the server");
    }

    $e->heal;
}

$e->done;
done_testing();
