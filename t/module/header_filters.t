# Other modules that set headers: what the module says to the client stands
# there once and with its value, whoever else says it, and what would let a
# shared file be cached, run or framed anew does not leave.  What else an
# operator or a back end adds stays.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Service;

# header fields that weaken the module's, or say something else
my @others = (
    [ 'Accept-Ranges' => 'none' ],
    [ 'Cache-Control' => 'public, max-age=600' ],
    [ 'CDN-Cache-Control' => 'max-age=600' ],
    [ 'Content-Disposition' => 'attachment; filename=other.exe' ],
    [ 'Content-Encoding' => 'gzip' ],
    [ 'Content-Length' => '5' ],
    [ 'Content-Range' => 'bytes 0-4/5' ],
    [ 'Content-Security-Policy' => 'default-src *' ],
    [ 'Content-Type' => 'text/html' ],
    [ 'Cross-Origin-Resource-Policy' => 'cross-origin' ],
    [ 'ETag' => '\"other\"' ],
    [ 'Expires' => 'Thu, 31 Dec 2037 23:55:55 GMT' ],
    [ 'Last-Modified' => 'Thu, 01 Jan 2026 00:00:00 GMT' ],
    [ 'Pragma' => 'public' ],
    [ 'Referrer-Policy' => 'unsafe-url' ],
    [ 'Surrogate-Control' => 'max-age=600' ],
    [ 'Trailer' => 'X-Sum' ],
    [ 'Transfer-Encoding' => 'chunked' ],
    [ 'X-Accel-Expires' => '600' ],
    [ 'X-Content-Type-Options' => 'sniff' ],
);

my %filters = (
    expires => 'expires 1h;',
    'expires, epoch' => 'expires epoch;',
    'add_header' => join("\n", map {
        qq(add_header $_->[0] "$_->[1]" always;) } @others),
    'add_header, in lower case' => join("\n", map {
        'add_header ' . lc($_->[0]) . qq( "$_->[1]" always;) } @others),
    'add_header and expires' => "expires 1h;\nadd_header Cache-Control public;",
    add_trailer => 'add_trailer X-Sum 5 always;',
);

# what headers-more and Lua put into the module's own fields
my @settable = grep { $_->[0] ne 'Content-Length' } @others;
my $set = join ' ', map { qq("$_->[0]: $_->[1]") } @settable;
my $names = join ' ', map { qq("$_->[0]") } @settable;
my $lua = join ' ', map { qq(ngx.header["$_->[0]"] = "$_->[1]") } @settable;

my %modules = (
    ngx_http_headers_more_filter_module => {
        'more_set_headers' => "more_set_headers $set;",
        'more_clear_headers' => "more_clear_headers $names;",
        'more_set_headers, an empty type' => 'more_set_headers "Content-Type:";',
    },
    ngx_http_lua_module => {
        'header_filter_by_lua' => "header_filter_by_lua_block { $lua }",
        'header_filter_by_lua, a status' => 'header_filter_by_lua_block { '
            . 'ngx.status = 201 }',
        'header_filter_by_lua, no length' => 'header_filter_by_lua_block { '
            . 'ngx.header.content_security_policy = nil '
            . 'ngx.header.cache_control = { "public", "max-age=1" } }',
    },
);

# a length that is not the file's: nothing of it leaves
my %lengths = (
    'another length' => 'more_set_headers "Content-Length: 5";',
    'no length' => 'more_clear_headers "Content-Length";',
);

my @loaded;

for my $module (sort keys %modules) {
    my @needs = ($module =~ /lua/ ? 'ndk_http_module' : (), $module);
    my $reason = Meshkit::Nginx->lacks(@needs);

    if ($reason) {
        SKIP: { skip "$module: $reason", 1 }
        next;
    }

    push @loaded, @needs;
    %filters = (%filters, %{ $modules{$module} });
}

# a back end that hands the client over to a share
my $app = Meshkit::Service->run(handler => sub {
    my ($request) = @_;
    my ($share) = $request->path =~ m{^/app/(.*)};

    return { status => 200, body => '', headers => [
        'X-Accel-Redirect' => "/raw/$share", 'X-Accel-Charset' => 'koi8-r',
        'Set-Cookie' => 'seen=1',
        map { $_->[0], $_->[1] =~ s/\\//gr }
            grep { $_->[0] !~ /^(?:Content-(?:Length|Encoding)|Trailer|
                                   X-Accel.*|Transfer-.*)$/x } @others ] };
});

my @names = sort keys %filters;
%lengths = () if !grep { /headers_more/ } @loaded;
%filters = (%filters, %lengths);
my @lengths = sort keys %lengths;
my $locations = join '', map { <<"EOL" } 0 .. $#names + @lengths;
location ~ ^/$_/(?<cap>.*)\$ {
    $filters{(@names, @lengths)[$_]}
    add_header X-Operator yes always;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
EOL

my $e = Meshkit::Edge->new(forms => ['raw'],
    nginx => { modules => \@loaded }, text => { server => $locations . <<'EOL' });
location /app/ {
    proxy_pass http://127.0.0.1:%%PORT_app%%;
    proxy_ignore_headers X-Accel-Expires;
    proxy_pass_header X-Accel-Charset;
}
EOL

# the module has to honour what only this location may be told
$e->{accel} = 1;
$e->nginx->port('app', $app->port);

my $share = $e->share(size => 200_000, name => 'a.html', type => 'text/html');
my $etag = do {
    $e->start;
    $e->get("/raw/$share->{id}")->header('ETag');
};


# All fields, but those that differ with each response.
sub fields {
    my ($r) = @_;

    return join "\n", sort map {
        my $name = $_;
        map { "$name: $_" } $r->headers($name);
    } grep { !/^Date$/i } do {
        my %seen;
        grep { !$seen{lc $_}++ } $r->header_names;
    };
}


# Without the filter, and with it.
sub same {
    my ($what, $path, $plain, $added, %opt) = @_;

    my $expected = $e->get("/raw/$plain", %opt);
    my $r = $e->get($path, %opt);

    is($r->status, $expected->status, "$what: the status");

    my @fields = sort split(/\n/, fields($expected)), @$added;
    is(fields($r), join("\n", @fields), "$what: the header");
    is($r->body =~ s/"requestId":"\w+"//r,
       $expected->body =~ s/"requestId":"\w+"//r, "$what: the body");
    ok($r->complete, "$what: whole");
}


my %asked = (
    'the file' => {},
    'HTTP/1.0' => { version => '1.0' },
    HEAD => { method => 'HEAD' },
    'a part' => { headers => [ Range => 'bytes=5-99999' ] },
    'a part that is none' => { headers => [ Range => 'bytes=200000-' ] },
    'the file if it changed' => { headers => [ 'If-None-Match' => $etag ] },
    'the file if it did not' => { headers => [ 'If-Match' => '"another"' ] },
);

for my $what (sort keys %asked) {
    for my $n (0 .. $#names) {
        same("$names[$n], $what", "/$n/$share->{id}", $share->{id},
             [ 'X-Operator: yes' ], %{ $asked{$what} });
    }

    same("X-Accel-Redirect, $what", "/app/$share->{id}", $share->{id},
         [ 'Set-Cookie: seen=1' ], %{ $asked{$what} });
}

for my $n (0 .. $#names) {
    same("$names[$n], a refusal", "/$n/nobody", 'nobody',
         [ 'X-Operator: yes' ]);
}

same('X-Accel-Redirect, a refusal', '/app/nobody', 'nobody',
     [ 'Set-Cookie: seen=1' ]);

# HTTP/2 writes its header by another filter
for my $n (0 .. $#names) {
    my $r = $e->curl("/$n/$share->{id}", h2 => 1);

    is($r->exit . ' ' . $r->status, '0 200', "$names[$n], HTTP/2: opens");
    ok($r->body eq $share->{plain}, "$names[$n], HTTP/2: the file");
    is($r->header('Content-Length'), 200_000, "$names[$n], HTTP/2: length");
    is(join(', ', $r->headers('Cache-Control')), 'private, no-store',
       "$names[$n], HTTP/2: one cache control");
}

for my $n (0 .. $#lengths) {
    my $path = '/' . ($n + @names);
    my $r = $e->get("$path/$share->{id}");

    ok(!$r->complete, "$lengths[$n]: does not look whole");
    is($r->body // '', '', "$lengths[$n]: not a byte");
    is($e->code($e->get("$path/nobody")), 'capsule_not_found',
       "$lengths[$n]: a refusal comes whole");
}

if (@lengths) {
    is(scalar($e->nginx->grep_log(qr/another filter changes the length/)),
       scalar @lengths, 'the log says what to switch off');
}

$e->done;
done_testing();
