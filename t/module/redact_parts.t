# What a client writes hides nothing of what it did: each word that is looked
# for in a log, in each part of a request and in each encoding.  The lines of
# the access log and of the error log still have method, path, version and
# status, and a secret in its own place is masked beside it.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http ();
use Meshkit::Process qw(wait_for);

my %secret = (
    Authorization => 'Ax1b8e6d04c7f2395ebb',
    Cookie => 'Cx93d0b7a86e5f1c42cc',
    'X-Api-Key' => 'Kx0e4/8b+d2f6a17c93ee==',
    'X-Meshkit-Capability' => 'Mx77d0b7a86e5f1c42cc',
    token => 'Qx7f3a9c2e51d84b60aa',
);

my $e = Meshkit::Edge->new(forms => [ 'car' ], text => {
    http => <<'EOT',
log_format parts 'parts "$request" $status <$request_method> <$uri> '
                 '<$request_uri> <$args> <$server_protocol> <$remote_addr> '
                 '<$http_user_agent> <$http_referer> <$http_cookie>';
map $http_authorization $bearer { "~^Bearer (?<rest>.+)$" $rest; }
EOT
    server => <<'EOT',
server_name localhost;
listen 127.0.0.1:%%PORT_parts2%% http2;
meshkit_redact_args token sid;
meshkit_redact_headers X-Api-Key;
error_log %%DIR%%/logs/parts-error.log info;
error_log %%DIR%%/logs/parts-error-too.log error;
access_log %%DIR%%/logs/parts.log parts;
location /admin/ { root %%DIR%%/html; set $seen "$request$remote_addr"; }
location /denied/ { deny all; }
location ~ ^/mapped/(?<cap>[^/]*) {
    meshkit_open $cap;
    meshkit_gateway /_gw/0 raw;
    meshkit_policy /_meshkit/policy;
    meshkit_as alice;
    meshkit_metadata /_meshkit/metadata;
    meshkit_capability $bearer;
}
location / { root %%DIR%%/html; }
EOT
});
my $t = $e->nginx;

$e->share(size => 10);
$e->start;


# --- the words --------------------------------------------------------------

my @headers = ('Cookie', 'Authorization', 'Proxy-Authorization',
               'X-Api-Key', 'X-Meshkit-Capability');
my @words = (
    (map { ("$_:", "$_: a", "\"$_:", ", $_: a=b", "$_ : Bearer a") } @headers),
    (map { ("$_=", "$_=a") } qw(token sid)),
    'Bearer ', 'Bearer a', 'Basic ', 'Basic 1', 'basic+1', 'bearer+',
    '://a:b@', '://a@', '://', 'http://a:b@c',
    'eyJ', 'eyJhbGciOiJFZERTQSJ9', 'eyJhbGciOiJFZERTQSJ9.e30.c2ln',
    'IHsiYWxnIjoiRWREU0EifQ.', 'ewogImFsZyI6', 'exten: a',
    '", host: "', '", client: ', ', client: ::1, server: ',
    ', client: 127.0.0.1, server: localhost, request: "GET / HTTP/1.1"',
    '", referrer: "', ' HTTP/1.1', '" failed (2: ', 'deadbeef*', '********',
);

sub escape {
    my ($word, $chars) = @_;

    return $word =~ s/($chars)/sprintf '%%%02X', ord $1/ger;
}

# as it is (but for what cannot stand in a URL), and encoded in other ways
sub encodings {
    my ($word, $where) = @_;

    my $url = escape($word, qr/[^A-Za-z0-9:\/@=,.*+"\[\]()&-]/);
    my @all = ($url, lc $url, uc $url, $url =~ s/%20/+/gr,
               escape($word, qr/[^A-Za-z0-9]/), escape($word, qr/./),
               escape(escape($word, qr/[^A-Za-z0-9]/), qr/%/),
               escape(escape($word, qr/./), qr/%/),
               escape($word, qr/^./));
    my %seen;

    # what is in the path as a slash makes other paths of it
    return grep { !$seen{$_}++ } @all;
}


# --- the requests -----------------------------------------------------------

my @sent;

sub send_one {
    my ($what, %opt) = @_;

    my $n = @sent;
    my $request = { what => $what, n => $n, method => 'GET',
                    path => "/admin/delete-$n", host => 'localhost',
                    referer => 'http://other.example/page',
                    agent => 'agent', cookie => 'name=value', %opt };
    $request->{target} //= "$request->{path}?user=7";
    $request->{target} =~ s/#/$n/g;
    $request->{path} =~ s/#/$n/g;

    my $raw = "$request->{method} $request->{target} HTTP/1.1\r\n"
              . "Host: $request->{host}\r\n"
              . ($opt{header} ? "$opt{header}\r\n" : '')
              . "User-Agent: $request->{agent}\r\n"
              . "Referer: $request->{referer}\r\n"
              . "Cookie: $request->{cookie}; session=$secret{Cookie}\r\n"
              . "Authorization: Bearer $secret{Authorization}\r\n"
              . "X-Api-Key: $secret{'X-Api-Key'}\r\n"
              . "X-Meshkit-Capability: $secret{'X-Meshkit-Capability'}\r\n"
              . "Connection: close\r\n\r\n";

    $request->{status} = Meshkit::Http::http_request($t->port('front'),
                             raw => $raw)->status;
    push @sent, $request;
}

my $own = "user=7&token=$secret{token}";

for my $word (@words) {

    for my $as (encodings($word)) {
        my $segment = $as =~ s/[?]/%3F/gr;

        send_one("path: $as", target => "/$segment/admin/delete-#?$own");
        send_one("behind it: $as", target => "/$segment/../admin/delete-#?$own",
                 $word =~ m{/} ? () : (exact => 1));
        send_one("query: $as", target => "/admin/delete-#?$as&$own",
                 exact => 1);
        send_one("name: $as", target => "/admin/delete-#?x$as=1&$own",
                 exact => 1);
        send_one("value: $as", target => "/admin/delete-#?x=$as&$own",
                 exact => 1);
    }

    for my $as ($word, lc $word, uc $word, escape($word, qr/[^A-Za-z0-9]/)) {
        send_one("header: $as", header => "X-Other: $as", exact => 1);
        send_one("agent: $as", agent => "$as x", exact => 1);
        send_one("referer: $as", referer => "$as/x", exact => 1, hides => 1);
        send_one("cookie: $as", cookie => "$as=1", exact => 1);
        send_one("cookie's value: $as", cookie => "x=$as", exact => 1);
        send_one("host: $as", host => "localhost$as", hides => 1);
    }
}

# a value that the client chose is the path, the method, its address
for my $value ('/admin/delete-#', 'admin/delete-#', 'delete-everything-#',
               '127.0.0.1', 'HTTP/1.1', 'GET /admin', 'localhost',
               'GET /admin/delete-# HTTP/1.1')
{
    my $n = @sent;
    my $text = $value =~ s/#/$n/gr;

    send_one("a cookie is the path: $value", cookie => "x=$text", exact => 1);
    $n = @sent;
    $text = $value =~ s/#/$n/gr;
    send_one("a header is: $value", header => "X-Meshkit-Capability: $text",
             exact => 1);
}

send_one('a capability token is the path', exact => 1,
         target => "/admin/delete-#/delete-everything?$own",
         path => '/admin/delete-#/delete-everything',
         header => 'X-Meshkit-Capability: delete-everything');

# methods that nginx understands, and words that are none
for my $method (qw(BEARER BASIC COOKIE AUTHORIZATION TOKEN X-API-KEY EYJ
                   PROXY-AUTHORIZATION THE-LINK))
{
    send_one("method: $method", method => $method, exact => 1,
             target => "/denied/delete-#?$own", path => '/denied/delete-#');
}

# (a token in their place is masked, as anywhere)
for my $word (map { (split / /)[0] } @words) {
    send_one("no method: $word", method => $word,
             target => "/admin/delete-#?user=7")
        if $word ne '' && $word !~ /=a$|\+1$|\@|^eyJhb|^ewog|^IHsi/;
}


# by HTTP/2
for my $word ('/cookie:/..', '/bearer%20/..', '/basic+1/..', '/token=/..',
              '/%22cookie:%20/..', '/://a:b@/../..', '/x%20x-api-key:%20y/..')
{
    my $n = @sent;
    my $r = Meshkit::Http::curl('--http2-prior-knowledge', '--path-as-is',
        '-H', "Cookie: session=$secret{Cookie}",
        '-H', "Authorization: Bearer $secret{Authorization}",
        '-H', 'Host: localhost', '-e', 'http://other.example/page',
        'http://127.0.0.1:' . $t->port('parts2')
        . "$word/admin/delete-$n?user=7&token=$secret{token}");

    push @sent, { what => "HTTP/2: $word", n => $n, method => 'GET',
                  path => "/admin/delete-$n", status => $r->status,
                  exact => 1, version => '2.0' };
}

# What nginx adds to a message, written by the client: while the header is
# read a line says more of the client than of what it asked for.
for my $forged (', client: ::1, server: a', '", client: ::1, server: localhost',
                ', client: 127.0.0.1, server: localhost, request: "GET / ')
{
    for my $bad ("Cookie\1: $secret{Cookie}", "X-Api-Key : $secret{'X-Api-Key'}",
                 "Authorization: Bearer $secret{Authorization}\0")
    {
        my $n = @sent;
        my $r = Meshkit::Http::http_request($t->port('front'), raw =>
            "GET /admin/delete-$n?user=7 HTTP/1.1\r\nHost: localhost\r\n"
            . "Referer: x$forged\r\n$bad\r\nConnection: close\r\n\r\n");

        push @sent, { what => "forged: $forged, $bad", n => $n,
                      method => 'GET', path => "/admin/delete-$n",
                      status => $r->status, hides => 1 };
    }
}

# a line that nginx cuts, and the next request of a connection
for my $long (1700 .. 1710, 1900, 2000, 2040, 2060) {
    my $n = @sent;
    my $x = 'x' x $long;

    send_one("long: $long", cut => 1,
             target => "/admin/delete-#?user=7&x=$x&token=$secret{token}");
}

{
    my $socket = Meshkit::Http::http_request($t->port('front'), keepalive => 1,
        raw => "GET /admin/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
               . "G\@T /admin/a?token=a $secret{token} HTTP/1.1\r\n"
               . "Host: localhost\r\n\r\n");
    ok($socket, 'a second request that nginx does not understand');
}


# a token that another expression takes from a header is the capsule's id, or
# begins with it
my @mapped = ('capsule-that-was-asked-for', 'c' x 40);

for my $id (@mapped) {
    for my $token ($id, $id . 'x', substr $id, 2) {
        Meshkit::Http::http_request($t->port('front'), raw =>
            "GET /mapped/$id HTTP/1.1\r\nHost: localhost\r\n"
            . "Authorization: Bearer $token\r\nConnection: close\r\n\r\n");
    }
}

# --- the lines --------------------------------------------------------------

send_one('the last');

my (%access, %error);

wait_for(30, sub {
    my $last = $#sent;
    return $t->read('logs/parts.log') =~ /delete-$last\b/
           && $t->read('logs/parts-error.log') =~ /delete-$last\b/;
});

for my $line (split /\n/, $t->read('logs/parts.log')) {
    $access{$1} //= $line if $line =~ /delete-(\d+)\b/;
}

for my $line (split /\n/, $t->read('logs/parts-error.log')) {
    push @{ $error{$1} }, $line if $line =~ /delete-(\d+)\b/;
}

for my $id (@mapped) {
    my @lines = $t->read('logs/parts.log')
                =~ m{^parts "GET (/mapped/\Q$id\E) HTTP/1\.1" \d+ <GET> <\1>}mg;

    is(scalar @lines, 3, "$id: a token like it does not hide it");
}

sub log_escape { return $_[0] =~ s/(["\\])/sprintf '\\x%02X', ord $1/ger }

sub faults {
    my ($request) = @_;

    my $n = $request->{n};
    my $line = $access{$n} // return 'no line in the access log';
    my $method = $request->{method};
    my $version = quotemeta($request->{version} // '1.1');
    my @faults;

    $line =~ /^parts "\Q${\log_escape($method)}\E /
        or push @faults, 'no method';
    $line =~ m{ HTTP/$version" \d\d\d <} or push @faults, 'no version, no status';
    $line =~ /<127\.0\.0\.1>/ or push @faults, 'no address';

    if ($request->{exact} && $request->{status} != 400) {
        my $path = $request->{path};

        $line =~ m{^parts "\Q$method\E [^ ]*\Q$path\E[ ?]}
            or push @faults, 'no path';
        $line =~ m{" \d+ <\Q$method\E> <\Q$path\E>} or push @faults, 'no $uri';
        $line =~ m{<HTTP/$version>} or push @faults, 'no protocol';
    }

    $line =~ /user=7/ or push @faults, 'no query';

    my $lines = $error{$n};
    return join ', ', @faults, 'no line in the error log' if !$lines;

    for my $text (@$lines) {
        $text =~ /, client: 127\.0\.0\.1, server: localhost, request: "\Q$method\E/
            or push @faults, 'error log: no method';
        $text =~ m{request: ".*delete-$n\b.* HTTP/$version"} || $request->{cut}
            or push @faults, 'error log: no path, no version';
        $request->{status} == 400 || $request->{hides} || $request->{cut}
            || $text =~ m{, host: "localhost", referrer: "http://other\.example/page"$}
            or push @faults, 'error log: no host, no referrer';
        $text =~ /user=7/ or push @faults, 'error log: no query';
        $request->{exact} && $request->{status} == 404
            && $text !~ m{html\Q$request->{path}\E" failed \(2: No such file}
            and push @faults, 'error log: no message';
    }

    push @faults, map { "error log: $_" }
                  grep { my $name = $_;
                         grep { index($_, $secret{$name}) >= 0 } @$lines }
                  sort keys %secret;
    push @faults, grep { index($line, $secret{$_}) >= 0 } sort keys %secret;

    return join ', ', @faults;
}

my %bad;

for my $request (@sent) {
    my ($what) = split /:/, $request->{what};
    my $faults = faults($request);

    $bad{$what} //= [];
    push @{ $bad{$what} }, "$request->{what}: $faults\n$access{$request->{n}}\n"
                           . join("\n", @{ $error{$request->{n}} // [] })
        if $faults;
}

cmp_ok(scalar @sent, '>', 1500, scalar(@sent) . ' requests');

for my $what (sort keys %bad) {
    my @bad = @{ $bad{$what} };

    is(scalar @bad, 0, "$what: every line shows what was done")
        or diag(join "\n\n", @bad[0 .. ($#bad > 5 ? 5 : $#bad)]);
}

for my $file (qw(parts.log parts-error.log parts-error-too.log)) {
    my $text = $t->read("logs/$file");

    is(join(' ', grep { index($text, $secret{$_}) >= 0 } sort keys %secret),
       '', "$file: no secret");
}

# the second log of the server has the same lines
my %first = map { $_ => 1 } split /\n/, $t->read('logs/parts-error.log');
my @other = grep { !$first{$_} }
            split /\n/, $t->read('logs/parts-error-too.log');

is("@other[0 .. ($#other > 3 ? 3 : $#other)]", '',
   'a second log has the same lines');

$e->done;
done_testing();
