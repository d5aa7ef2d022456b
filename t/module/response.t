# What the client gets besides the file: headers that keep it harmless, its
# name, its length whatever filters are on, and problem documents.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP ();
use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(text => {
    open => 'meshkit_action $arg_action;',
    http => <<'EOT',
gzip on;
gzip_types *;
gzip_min_length 1;
gzip_proxied any;
gzip_http_version 1.0;
charset utf-8;
add_header X-Operator "yes $meshkit_outcome" always;
EOT
    server => <<'EOT',
location ~ ^/inner/(?<cap>.*)$ {
    etag on;
    expires 1h;
    add_header X-Inner $meshkit_capsule;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/charset/(?<cap>.*)$ {
    charset_types *;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/dir/(?:(?<cap>[^/]+)/)?$ {
    meshkit_open $cap$arg_id;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/page/(?<cap>.*)$ {
    error_page 404 /not-found.html;
    error_page 502 =200 /page-502;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location = /not-found.html {
    internal;
    root %%DIR%%/html;
}
location = /page-502 {
    internal;
    return 200 "sorry: $meshkit_outcome";
}
EOT
});

my %shares = (
    plain => $e->share(size => 5000),
    text => $e->share(size => 5000, name => 'a b.txt', type => 'text/plain'),
    html => $e->share(size => 5000, name => 'x.html', type => 'text/html'),
    svg => $e->share(size => 5000, name => 'x.svg', type => 'image/svg+xml'),
    png => $e->share(size => 5000, name => 'x.png', type => 'image/png'),
    film => $e->share(size => 5000, name => 'x.mp4', type => 'video/mp4'),
    sound => $e->share(size => 5000, name => 'x.ogg',
                       type => 'Audio/Ogg; codecs=opus'),
    markup => $e->share(size => 5000, name => 'x', type => 'video/x+xml'),
    two => $e->share(size => 5000, name => 'x',
                     type => 'video/mp4, text/html'),
    three => $e->share(size => 5000, name => 'x',
                       type => 'video/mp4; codecs=avc1, text/html'),
    playlist => $e->share(size => 5000, name => 'x.m3u8',
                          type => 'audio/mpegurl'),
    other => $e->share(size => 5000, name => 'x', type => 'video/mp4html'),
    quotes => $e->share(size => 5000,
                        name => 'a"b\\c;d%41\'e.txt', type => 'text/plain'),
    utf8 => $e->share(size => 5000, name => encode_utf8('Ünïcode 文件 😀.pdf'),
                      type => 'application/pdf'),
    path => $e->share(size => 5000, name => '../../etc/pass wd'),
    dots => $e->share(size => 5000, name => '..'),
    long => $e->share(size => 5000, name => encode_utf8('é' x 127),
                      type => 'text/plain; charset=iso-8859-1'),
    empty => $e->share(size => 0, name => 'empty.txt', type => 'text/plain'),
    large => $e->share(size => 400_000, name => 'large.txt',
                       type => 'text/plain'),
);

$e->nginx->write('html/not-found.html', 'our own page');
$e->start;

my %safe = (
    'X-Content-Type-Options' => qr/^nosniff$/,
    'Referrer-Policy' => qr/^no-referrer$/,
    'Cache-Control' => qr/\bno-store\b/,
    'Cross-Origin-Resource-Policy' => qr/^same-origin$/,
    'Content-Security-Policy' => qr/\bsandbox\b.*default-src 'none'/,
);


sub is_safe {
    my ($r, $name) = @_;

    for my $header (sort keys %safe) {
        my @values = $r->headers($header);

        is(scalar @values, 1, "$name: one $header");
        like($values[0] // '', $safe{$header}, "$name: $header");
    }

    unlike($r->header('Content-Security-Policy') // '',
           qr/allow-scripts|unsafe-eval|script-src/,
           "$name: no script runs");
}


# A browser's player fetches the film anew, with CORS; of no origin, it would
# be refused.  What may be parsed as markup stays without one.
sub has_origin {
    my ($r) = @_;

    return $r->header('Content-Security-Policy') =~ /allow-same-origin/;
}


sub open_it {
    my ($share, %opt) = @_;

    my $path = delete $opt{path} // '/car/';
    my $action = delete $opt{action} // 'open';

    return $e->get("$path$shares{$share}{id}?action=$action", %opt);
}


# --- headers of a file ------------------------------------------------------

for my $name (sort keys %shares) {
    my $share = $shares{$name};

    for my $gzip (undef, 'gzip, br, deflate') {
        my $what = $name . (defined $gzip ? ', gzip' : '');
        my $r = open_it($name, headers => [ 'Accept-Encoding' => $gzip ]);

        is($r->status, 200, "$what: 200");
        ok($r->body eq $share->{plain}, "$what: the file as it is");
        is($r->header('Content-Length'), $share->{size},
           "$what: Content-Length");
        is($r->header('Content-Encoding'), undef, "$what: no coding");
        is($r->header('Transfer-Encoding'), undef, "$what: no chunks");
        is(scalar(my @all = $r->headers('Content-Disposition')), 1,
           "$what: one disposition");
        is_safe($r, $what) if !defined $gzip;
    }

    my $head = open_it($name, method => 'HEAD');
    my $get = open_it($name);

    is_deeply([ grep { $_ ne 'Date' } $head->header_names ],
              [ grep { $_ ne 'Date' } $get->header_names ],
              "$name: HEAD has the same headers");
    is($head->header('Content-Length'), $share->{size},
       "$name: HEAD has the length");
}


sub type_is {
    my ($name, $expected) = @_;

    is(open_it($name)->header('Content-Type'), $expected,
       "$name: Content-Type");
}

type_is('plain', 'application/octet-stream');
type_is('png', 'image/png');
type_is('utf8', 'application/pdf');
like(open_it('long')->header('Content-Type'),
     qr{^text/plain; ?charset=iso-8859-1$}i,
     'long: the charset that the sender named, once');
like(open_it('text')->header('Content-Type'),
     qr{^text/plain(?:; ?charset=.*)?$},
     'text: Content-Type');

is(join(' ', grep { has_origin(open_it($_)) } sort keys %shares),
   'film sound', 'films and sounds keep their origin');

for my $name (qw(png film sound svg)) {
    my $r = open_it($name);
    like($r->header('Content-Security-Policy'), qr/sandbox/,
         "$name: sandboxed");
}

like(open_it('png')->header('Content-Security-Policy'), qr/img-src 'self'/,
     'png: a browser can show it');
like(open_it('film')->header('Content-Security-Policy'), qr/media-src 'self'/,
     'film: a browser can play it');
like(open_it('sound')->header('Content-Security-Policy'),
     qr/media-src 'self'/, 'sound: a browser can play it');
unlike(open_it('html')->header('Content-Security-Policy'), qr/-src 'self'/,
       'html: loads nothing');

# a second policy has the path of the file itself, as the client wrote it
for my $row ([ 'film', '/car/', '/car/' ], [ 'png', '/car/', '/car/' ],
             [ 'sound', '//c%61r/', '//c%61r/' ],
             [ 'film', '/x;,/../*/../car/', '/x%3B%2C/../%2A/../car/' ])
{
    my ($name, $path, $named) = @$row;
    my $policy = open_it($name, path => $path)
                 ->header('Content-Security-Policy');

    like($policy, qr{\A[^,]*[ ]'self';[^,]*,[ ](?:img|media)-src
                     [ ]\*:\*\Q$named$shares{$name}{id}\E\z}x,
         "$name, $path: loads itself alone");
}

# such a path would name all that is below it
for my $name (qw(film png)) {
    my $id = $shares{$name}{id};

    for my $path ("/dir/$id/", "/dir/$id%2F", "/dir/$id%2f?a=b/c",
                  "/dir/?id=$id") {
        my $r = $e->get($path);

        is($r->status, 200, "$name, $path: opens");
        is($r->header('Content-Security-Policy'),
           "sandbox; default-src 'none'", "$name, $path: loads nothing");
    }
}


# --- Content-Disposition ----------------------------------------------------

sub disposition_is {
    my ($name, $action, $expected) = @_;

    my $r = open_it($name, action => $action);
    my $value = $r->header('Content-Disposition');

    is($value, $expected, "$name, $action: Content-Disposition");
    unlike($value // '', qr/[^\x20-\x7e]/, "$name, $action: is ASCII");
}

disposition_is('text', 'open',
    'inline; filename="a b.txt"; filename*=UTF-8\'\'a%20b.txt');
disposition_is('text', 'download',
    'attachment; filename="a b.txt"; filename*=UTF-8\'\'a%20b.txt');
disposition_is('quotes', 'download',
    'attachment; filename="a_b_c;d_41\'e.txt"; '
    . 'filename*=UTF-8\'\'a%22b_c%3Bd%2541%27e.txt');
disposition_is('utf8', 'download',
    'attachment; filename="_n_code __ _.pdf"; filename*=UTF-8\'\''
    . '%C3%9Cn%C3%AFcode%20%E6%96%87%E4%BB%B6%20%F0%9F%98%80.pdf');
disposition_is('path', 'download',
    'attachment; filename=".._.._etc_pass wd"; '
    . 'filename*=UTF-8\'\'.._.._etc_pass%20wd');
like(open_it('plain', action => 'download')->header('Content-Disposition'),
     qr/^attachment\b/, 'plain, download: attachment without a name');
like(open_it('html')->header('Content-Disposition'), qr/^(?:inline|attachment)/,
     'html: a disposition');
{
    my $value = open_it('long')->header('Content-Disposition');
    like($value, qr/filename\*=UTF-8''(?:%C3%A9){127}$/,
         'long: the whole name');
}


# --- other versions of HTTP -------------------------------------------------

for my $name (qw(plain large empty)) {
    for my $form (qw(/car/ /raw/)) {
        my $r = open_it($name, path => $form, version => '1.0');

        is($r->status . ' ' . $r->header('Content-Length'),
           "200 $shares{$name}{size}", "HTTP/1.0, $form$name: length");
        ok($r->body eq $shares{$name}{plain}, "HTTP/1.0, $form$name: whole");

        $r = $e->curl("$form$shares{$name}{id}?action=open", h2 => 1,
                      args => [ '-H', 'Accept-Encoding: gzip' ]);
        is($r->exit . ' ' . $r->status . ' ' . $r->header('Content-Length'),
           "0 200 $shares{$name}{size}", "HTTP/2, $form$name: length");
        ok($r->body eq $shares{$name}{plain}, "HTTP/2, $form$name: whole");
        is_safe($r, "HTTP/2, $form$name");
    }
}

{
    my $r = $e->get("/car/$shares{plain}{id}?action=open",
                    raw => "GET /car/$shares{plain}{id}?action=open\r\n");

    # no header, so neither a refusal nor an abort could be told from a file
    unlike($r->raw, qr/\Q$shares{plain}{plain}\E/, 'HTTP/0.9: no file');
}


# --- problem documents ------------------------------------------------------

my @problems = (
    [ '404 capsule_not_found', "/car/nobody?action=open" ],
    [ '400 invalid_request', "/car/a%22b%3Cscript%3E?action=open" ],
    [ '400 invalid_request', "/car/$shares{plain}{id}?action=%22}%0a" ],
);

for my $row (@problems) {
    my ($code, $path) = @$row;

    for my $version (qw(1.0 1.1)) {
        my $r = $e->get($path, version => $version,
                        headers => [ 'Accept-Encoding' => 'gzip',
                                     Accept => 'text/html' ]);
        my $problem = $e->problem($r);
        my $what = "$path, HTTP/$version";

        is($e->outcome($r), $code, $what);
        is($r->header('Content-Type') =~ s/;.*//r,
           'application/problem+json', "$what: the media type");
        is($r->header('Content-Length'), length $r->body,
           "$what: the length");
        is($problem->{status}, $r->status, "$what: status");
        ok(length $problem->{$_}, "$what: $_")
            for qw(title suggestion requestId);
        like($problem->{requestId}, qr/^[0-9a-f]{32}$/,
             "$what: the request's id");
        is(join(' ', sort keys %$problem),
           'code requestId status suggestion title type', "$what: no more");
        is($r->header('X-Operator'), "yes $problem->{code}",
           "$what: the operator's header");
        is($r->header('Content-Disposition'), undef, "$what: no file");
        unlike($r->body, qr/script/, "$what: nothing of the request in it");
        is_safe($r, $what);

        my $head = $e->get($path, version => $version, method => 'HEAD');
        is($head->header('Content-Length'), length $r->body,
           "$what: HEAD has its length");
        is($head->body . $head->extra, '', "$what: HEAD has no body");
    }

    my $r = $e->curl($path, h2 => 1, args => [ '-g' ]);
    is($r->exit . ' ' . $e->outcome($r), "0 $code", "$path, HTTP/2");
}

{
    my %ids = map { $e->problem($e->get('/car/x?action=open'))->{requestId}
                    => 1 } 1 .. 5;
    is(scalar keys %ids, 5, 'each problem has an id of its own');
}

# 405 says what is allowed.
{
    my $r = $e->get('/car/x', method => 'POST');
    is($r->status, 405, 'POST');
    is($r->header('Allow'), 'GET, HEAD', 'POST: Allow');
}


# --- filters and pages of the operator --------------------------------------

{
    my $r = open_it('text', path => '/inner/');
    ok($r->body eq $shares{text}{plain}, 'expires and add_header: the file');
    is($r->header('X-Inner'), $shares{text}{id}, 'add_header with a variable');
    like($r->header('Cache-Control'), qr/no-store/,
         'expires: it stays out of caches');

    $r = open_it('long', path => '/charset/');
    is(() = $r->header('Content-Type') =~ /charset=/g, 1,
       'charset_types *: one charset') or diag $r->header('Content-Type');

    $r = $e->get('/page/nobody');
    is($r->status . ' ' . $r->body, '404 our own page', 'error_page: a file');

    $e->gateway->mode('status', code => 500);
    $r = $e->get("/page/$shares{plain}{id}");
    is($r->status . ' ' . $r->body, '200 sorry: provider_http_error',
       'error_page: another status, and the code');
    $e->heal;
}

$e->done;
done_testing();
