# What nginx's own logs say of requests that carry secrets: nothing of them.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Leak;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

# Lines that hold a header's value which no directive names, as
# docs/DESIGN.md says: it is no secret that anybody knows of.
my %unnamed = (error => 0, info => 1, debug => 4);

my $design = Meshkit::Process::slurp('docs/DESIGN.md');

for my $level (qw(error info debug)) {
    my $leak = Meshkit::Leak->new(level => $level);

    SKIP: {
        skip 'nginx is without --with-debug', 6
            if $level eq 'debug' && !$leak->nginx->has('--with-debug');

        my $found = $leak->run;

        for my $log (qw(error access)) {
            is($found->{secret}{$log} // 0, 0,
               "$log log at level $level: no line with a secret")
                or diag(join "\n", @{ $found->{lines}{$log} });
            cmp_ok($found->{total}{$log}, '>', 14, "$level: there are lines");
        }

        is($found->{unnamed}{error} // 0, $unnamed{$level},
           "$level: lines with a header that is not named");
        like($design, qr/^\| $level \| $unnamed{$level} \|/m,
             "$level: docs/DESIGN.md has that number");

        for my $name (grep { /^(?:good|refused|not found|link)/ }
                      sort keys %{ $leak->{replies} })
        {
            my $r = $leak->reply($name);
            my $text = ($r->{raw_head} // '') . $r->body;

            is(join(' ', grep { index($text, $Meshkit::Leak::SECRETS{$_})
                                >= 0 } sort keys %Meshkit::Leak::SECRETS), '',
               "$level: $name: no secret in the answer");
        }

        is($leak->reply('good, HTTP/1.1')->status, 200, "$level: it opens");
        is($leak->reply('refused, HTTP/1.1')->status, 403,
           "$level: it refuses a capability token");
    }

    $leak->nginx->done;
}


# Without the layers the same requests show what they are for.
for my $case ([ 'none', 50, 50 ], [ 'requests', 10, 0 ]) {
    my ($layer, $error, $access) = @$case;
    my $leak = Meshkit::Leak->new(level => 'info', layer => $layer);
    my $found = $leak->run;

    cmp_ok($found->{secret}{error}, '>', $error,
           "$layer: secrets are in the error log");
    $access ? cmp_ok($found->{secret}{access}, '>', $access,
                     "$layer: secrets are in the access log")
            : is($found->{secret}{access} // 0, 0,
                 "$layer: none is in the access log");
    $leak->nginx->done;
}


# --- what needs a secret still gets it --------------------------------------

my $echo = Meshkit::Service->run(handler => sub {
    return { type => 'text/plain', body => 'seen' };
});

my $token = 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJhYmNkZWZnaCJ9.c2lnbmF0dXJlMDEy';
my $secret = 'Zx0123456789abcdefgh';
my $e = Meshkit::Edge->new(forms => [ 'car' ], text => {
    http => <<'EOT',
log_format seen 'seen:$http_x_tag "$request" "$http_authorization" '
                '"$meshkit_token_ref" "$http_x_meshkit_capability" '
                '"$http_cookie" "$uri" "$upstream_http_x"';
access_log %%DIR%%/logs/seen.log seen;
error_log syslog:server=127.0.0.1:%%PORT_syslog%%,nohostname info;
error_log %%DIR%%/logs/second.log info;
server {
    listen 127.0.0.1:%%PORT_front%%;
    server_name elsewhere;
    error_log %%DIR%%/logs/elsewhere.log info;
    access_log %%DIR%%/logs/elsewhere-access.log seen;
    location / { return 204; }
}
EOT
    server => <<'EOT',
server_name localhost 127.0.0.1;
meshkit_redact_args token;
meshkit_redact_headers X-Key;
log_subrequest on;
error_log %%DIR%%/logs/server.log info;
error_log %%DIR%%/logs/server-error.log error;
location /echo/ {
    auth_request /check;
    proxy_set_header X-Uri $request_uri;
    proxy_set_header X-Arg $arg_token;
    proxy_pass http://echo;
}
location = /check { internal; proxy_pass http://echo/check; }
location ~ ^/captured/(?<what>.*)$ {
    set $kept $http_authorization;
    proxy_set_header X-Kept $kept;
    rewrite ^ /there/$what?again=$arg_token last;
}
location /there/ { proxy_pass http://echo; }
location /missing/ { root %%DIR%%/html; }
location = /status { meshkit_status json; }
location ~ ^/by-arg/(?<by_arg>.*)$ {
    meshkit_open $by_arg;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0;
    meshkit_capability $arg_pass;
}
location ~ ^/by-path/(?<pass>[^/]+)/(?<by_path>.*)$ {
    meshkit_open $by_path;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0;
    meshkit_capability $pass;
}
EOT
});
my $t = $e->nginx;

socket my $syslog, Socket::PF_INET(), Socket::SOCK_DGRAM(), 0
    or die "socket: $!";
bind $syslog, Socket::pack_sockaddr_in(0, Socket::inet_aton('127.0.0.1'))
    or die "bind: $!";
$t->port('syslog', (Socket::unpack_sockaddr_in(getsockname $syslog))[0]);
$t->port('echo', $echo->port);
$t->secret($token, $secret);

my $config = $e->config_text =~ s/^(\s*upstream metadata)/
    "upstream echo { server 127.0.0.1:%%PORT_echo%%; }\n$1"/mer;
my $share = $e->share(size => 10);
$e->config($config)->start;

my @headers = (Authorization => "Bearer $secret",
               'X-Meshkit-Capability' => $token,
               Cookie => "session=$secret", 'X-Key' => $secret);

for my $h2 (0, 1) {
    my $what = $h2 ? 'HTTP/2' : 'HTTP/1.1';
    my @args = (headers => \@headers);

    @args = (h2 => 1, args => [ map { ('-H', "$headers[2 * $_]: "
                                       . $headers[2 * $_ + 1]) }
                                0 .. $#headers / 2 ]) if $h2;

    $echo->clear;
    my $r = $h2 ? $e->curl("/echo/$token?token=$secret", @args)
                : $e->get("/echo/$token?token=$secret", @args);
    is($r->body, 'seen', "$what: a proxied location answers");

    my ($check, $request) = $echo->requests;
    is($check->header('Authorization'), "Bearer $secret",
       "$what: auth_request asks with the credentials");
    is($request->header('Authorization'), "Bearer $secret",
       "$what: they are there when that was logged");
    is($request->header('Cookie'), "session=$secret", "$what: the cookie");
    is($request->header('X-Key'), $secret, "$what: the named header");
    is($request->header('X-Arg'), $secret, "$what: the argument");
    is($request->uri, "/echo/$token?token=$secret", "$what: the URI");
    is($request->header('X-Uri'), "/echo/$token?token=$secret",
       "$what: \$request_uri");

    $echo->clear;
    $h2 ? $e->curl("/captured/$token?token=$secret", @args)
        : $e->get("/captured/$token?token=$secret", @args);
    ($request) = $echo->requests;
    is($request->uri, "/there/$token?again=$secret&token=$secret",
       "$what: a rewrite sees what came");
}


# --- the mask ---------------------------------------------------------------

my $r = $e->get("/car/$share->{id}", headers => \@headers);
is($e->outcome($r, $share), '200 ok', 'the share opens');
is($e->log($r)->{outcome}, 'ok', 'and is logged');

sub seen {
    my ($file, $tag) = @_;
    my $line;

    wait_for(20, sub {
        ($line) = $t->read("logs/$file") =~ /^seen:\Q$tag\E (.*)$/m;
        return defined $line;
    });
    return $line // '';
}

my ($ref, $mask) = seen('seen.log', $r->{tag})
    =~ /"([0-9a-f]{8})" "([0-9a-f]{8}\*+)"/;
is(length($mask // ''), length $token, 'the mask is as long as the token');
is(substr($mask // '', 0, 8), $ref, 'and begins with its reference');

# what carries the capability token is secret without being named
$r = $e->get("/by-arg/$share->{id}?pass=$secret");
is($e->outcome($r, $share), '200 ok', 'a token by an argument');
like(seen('seen.log', $r->{tag}), qr/\?pass=[0-9a-f]{8}\*{12} /,
     'the argument is masked');

(my $escaped = $secret) =~ s/^Zx/%5Ax/;
for my $path ($secret, $escaped) {
    $r = $e->get("/by-path/$path/$share->{id}");
    is($e->outcome($r, $share), '200 ok', 'a token by the path');
    like(seen('seen.log', $r->{tag}),
         qr{"GET /by-path/[0-9a-f]{8}\*{12,14}/\Q$share->{id}\E },
         'that part of the path is masked');
}

$r = $e->get('/missing/dir/admin-console.php', headers => [
    Cookie => 'a=/missing/dir/admin-console.php',
    'X-Meshkit-Capability' => '/missing/dir/admin-console.php' ]);
like(seen('seen.log', $r->{tag}), qr{"GET /missing/dir/admin-console\.php },
     'a client cannot hide what it asked for');
ok(wait_for(20, sub { $t->read('logs/server.log')
                      =~ m{html/missing/dir/admin-console\.php" failed} }),
   'not in the error log either');


# --- each error log ---------------------------------------------------------

$r = $e->get("/missing/$token?token=$secret", headers => \@headers);
is($r->status, 404, 'there is no such file');

for my $file (qw(server.log server-error.log)) {
    ok(wait_for(20, sub { $t->read("logs/$file")
           =~ m{/missing/[0-9a-f]{8}\*+" failed \(2: No such file} }),
       "$file has the line, masked");
}

# a request that reaches no server: the http block's logs
Meshkit::Http::http_request($t->port('front'),
    raw => "G\@T /?token=$secret HTTP/1.1\r\n\r\n");
Meshkit::Http::http_request($t->port('h2'),
    raw => "GET /?token=$secret HTTP/9.1\r\n\r\n");
ok(wait_for(20, sub { $t->read('logs/elsewhere.log') . $t->read(
       'logs/server.log') =~ /invalid version.*token=[0-9a-f]{8}\*/ }),
   'a request that cannot be read');

# another server on the same address: its access log is its own business
$r = $e->request(path => '/?plain=1', headers => [ Host => 'elsewhere',
    Authorization => 'Bearer not-looked-for-here' ]);
like(seen('elsewhere-access.log', $r->{tag}), qr/Bearer not-looked-for-here/,
     'a server without meshkit_open logs as before');
ok(wait_for(20, sub { my $text = $t->read('logs/elsewhere-access.log');
                      $text =~ /"G\@T/ && $text !~ /\Q$secret\E/ }),
   'but not what may have been for its neighbour');

# after USR1 the lines go to the new file
rename $t->dir . '/logs/server.log', $t->dir . '/logs/server.old';
kill 'USR1', $t->{pid};
ok(wait_for(20, sub { -e $t->dir . '/logs/server.log' }), 'reopened');
ok(wait_for(20, sub {
    $e->get("/missing/again-$token", headers => \@headers);
    $t->read('logs/server.log') =~ m{/missing/again-[0-9a-f]{8}\*+" failed};
}), 'and written to');

ok($t->reload, 'a reload');
$r = $e->get("/missing/reloaded?token=$secret", headers => \@headers);
ok(wait_for(20, sub { $t->read('logs/server.log')
       =~ m{/missing/reloaded" failed.*token=[0-9a-f]{8}\*} }),
   'after a reload');


# --- syslog -----------------------------------------------------------------

{
    my $text = $t->expand($e->config_text, 'error.log');

    like($text, qr/error_log syslog:/, 'there is a log by syslog');
    $config =~ s/^\s*error_log %%DIR%%.*\n//mg;
    $e->config($config);
    ok($t->reload, 'with no other log');

    my $got = '';
    ok(wait_for(20, sub {
        # an old worker may still take a request or two
        $e->get("/missing/by-syslog?token=$secret", headers => \@headers);
        while (defined recv $syslog, my $line, 4096,
               Socket::MSG_DONTWAIT())
        {
            $got .= "$line\n";
        }
        return $got =~ /by-syslog" failed/;
    }), 'the line comes by syslog');
    like($got, qr/by-syslog" failed.*token=[0-9a-f]{8}\*/, 'masked');
    unlike($got, qr/\Q$secret\E|\Q$token\E/, 'and no other has a secret');
}


# --- the status page, nginx -T and nginx -t ---------------------------------

{
    $r = $e->get('/status');
    is($r->status, 200, 'the status page');
    unlike($r->body, qr/\Q$secret\E|\Q$token\E/, 'holds no secret');

    my $all = Meshkit::Process::run_command({ timeout => 20 },
        $t->_command('nginx.conf', 'stderr'), '-T');
    my ($key) = $t->read('keys/alice.pem') =~ /-----\n(.{40})/;
    like($all->{out}, qr/meshkit_identity alice/, 'nginx -T');
    unlike($all->{out} . $all->{err}, qr/\Q$key\E|\Q$secret\E/,
           'holds no key');

    my ($exit, $out) = $t->test_config($config =~ s/(%%GLOBALS%%)/$1/r);
    is($exit, 0, 'nginx -t');
    unlike($out, qr/at level "debug"/, 'no warning at info');

    ($exit, $out) = $t->test_config($config =~ s{(redact_args token;)}
        {$1 error_log %%DIR%%/logs/debug.log debug;}r);
    is($exit, 0, 'nginx -t with a debug log');
    like($out, qr/\[warn\].*at level "debug": values of headers/,
         'there is a warning');

    # Debian's nginx.conf has no level, which is "error"
    ($exit, $out) = $t->test_config($config =~ s{(redact_args token;)}
        {$1 error_log %%DIR%%/logs/debug.log debug;}r
        =~ s{(%%GLOBALS%%)}{$1\nerror_log %%DIR%%/logs/errors.log error;}r);
    is($exit, 0, 'the same with a main log at "error"');
    like($out, qr/\[warn\].*at level "debug": values of headers/,
         'the warning is seen as well');

    for my $bad ('a=b', 'a:b', 'x' x 65, '""') {
        my $text = $config =~ s/redact_args token;/redact_args token $bad;/r;

        ($exit, $out) = $t->test_config($text);
        is($exit, 1, "no name: $bad");
        like($out, qr/is not a name: 1 to 64 of the characters/, 'says so');
    }

    my $many = join ' ', map { "n$_" } 1 .. 65;
    ($exit, $out) = $t->test_config(
        $config =~ s/redact_args token;/redact_args $many;/r);
    like($out, qr/more than 64 names/, 'too many names');
}

$e->done;
done_testing();
