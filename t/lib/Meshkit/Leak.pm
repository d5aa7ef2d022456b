package Meshkit::Leak;

# Requests that carry secrets at every place, against an nginx that logs
# whatever it can, and how many lines of its logs have something of a secret.
#
#   my $leak = Meshkit::Leak->new(layer => 'all', level => 'debug');
#   my $n = $leak->run;
#   # { error => { query => lines, ... }, access => { ... },
#   #   lines => { error => [...], access => [...] }, requests => n }
#
# layer: none      plain nginx, without the module
#        requests  the module with "meshkit_redact_error_log off"
#        all       the module
#
# A secret that is cut or escaped counts: a line has it if it has any ten
# characters of it in a row.  "unnamed" is in a header that no directive
# names, and counted apart from the others.

use strict;
use warnings;

use Test::More ();

use Meshkit::Edge;
use Meshkit::Http ();
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

use constant PIECE => 10;

our %SECRETS = (
    query => 'Qx7f3a9c2e51d84b60aa',
    path => 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJQYXRoU2VjcmV0In0.'
            . 'UGF0aFNpZ25hdHVyZTEyMzQ1Njc4OTA',
    authorization => 'Ax1b8e6d04c7f2395ebb',
    basic => 'QmFzaWM6UGFzc3dvcmQ5ODc2',
    cookie => 'Cx93d0b7a86e5f1c42cc',
    referer => 'Rx55a1c3e7f9b2d608dd',
    own => 'Kx0e4/8b+d2f6a17c93ee==',
    capability => 'eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJDYXBhYmlsaXR5In0.'
                  . 'Q2FwYWJpbGl0eVNpZ25hdHVyZTY3ODkw',
    unnamed => 'Ux6a2c8e4b0d7f3195ff',
);

my @HEADERS = (
    'Authorization' => "Bearer $SECRETS{authorization}",
    'Proxy-Authorization' => "Basic $SECRETS{basic}",
    'Cookie' => "a=b; session=$SECRETS{cookie}",
    'Referer' => "http://other/?x=1&token=$SECRETS{referer}&y=2",
    'X-Api-Key' => $SECRETS{own},
    'X-Meshkit-Capability' => $SECRETS{capability},
);

my $ARGS = "a=1&token=$SECRETS{query}&b=2";


sub new {
    my ($class, %opt) = @_;

    my $self = bless { layer => 'all', level => 'info', %opt }, $class;

    $self->{layer} eq 'none' ? $self->_plain : $self->_edge;
    return $self;
}


sub _http_text {
    return <<'EOT';
log_format leak '"$request" "$request_uri" "$uri" "$args" "$query_string" '
    '"$arg_token" "$http_authorization" "$http_proxy_authorization" '
    '"$http_cookie" "$cookie_session" "$http_referer" "$http_x_api_key" '
    '"$http_x_meshkit_capability" "$mapped" "$copied" "$key" '
    '"$sent_http_location" "$request_filename" "$upstream_http_location" '
    '"$upstream_http_x_echo" "$upstream_cookie_session" '
    '"$upstream_http_set_cookie" "$sent_http_x_echo" $status';
access_log %%DIR%%/logs/leak.log leak;
map $http_x_api_key $mapped { default "is-$http_x_api_key"; }
map $cookie_session $cookie_copy { default "is-$cookie_session"; }
map $http_authorization $sent_copy { default "is-$http_authorization"; }
large_client_header_buffers 4 1k;
client_header_buffer_size 1k;
client_max_body_size 1k;
rewrite_log on;
EOT
}


# What an nginx may have besides; $mapped is looked at before it is logged.
sub _server_text {
    return <<'EOT';
root %%DIR%%/html;
log_subrequest on;
set $copied "$arg_token $cookie_copy $sent_copy";
location /echo/ { proxy_pass http://127.0.0.1:%%PORT_echo%%; }
set $key $mapped;
location /dead/ { proxy_pass http://127.0.0.1:%%PORT_dead%%; }
location /ok/ { return 204; }
location /directory { }
location /rewrite/ { rewrite ^/rewrite/(.*)$ /ok/$1?x=$arg_token last; }
location /again/ { error_page 404 /ok/again?again=$args; return 404; }
location /asked/ { auth_request /check; proxy_pass http://127.0.0.1:%%PORT_dead%%; }
location = /check {
    internal;
    proxy_pass http://127.0.0.1:%%PORT_dead%%/check?$args;
}
EOT
}


# Where what is refused as its header is read gets a page of its own.
sub _refusing {
    my ($text) = @_;

    return <<"EOT";
server {
    listen 127.0.0.1:%%PORT_refused%%;
    $text
    set \$copied "\$arg_token \$cookie_copy \$sent_copy";
    error_page 400 494 /refused;
    location = /refused {
        proxy_pass http://127.0.0.1:%%PORT_dead%%;
    }
    location / { return 204; }
}
EOT
}


sub _plain {
    my ($self) = @_;

    my $t = $self->{t} = Meshkit::Nginx->new(no_module => 1,
                                             log_level => $self->{level});
    my ($http, $server) = ($self->_http_text, $self->_server_text);

    $t->config(<<"EOC");
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    $http
    ${\_refusing('')}
    server {
        listen 127.0.0.1:%%PORT_front%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        $server
        location ~ ^/(?:one/)?car/ {
            proxy_pass http://127.0.0.1:%%PORT_dead%%;
        }
    }
}
EOC
    $self->{shares} = [ 'good', 'bound' ];
}


sub _edge {
    my ($self) = @_;

    my $off = $self->{layer} eq 'requests' ? 'off' : 'on';
    my $e = $self->{edge} = Meshkit::Edge->new(policy => 'authzen',
        tokens => $off eq 'on', forms => [ 'car' ],
        nginx => { log_level => $self->{level} },
        text => {
            http => $self->_http_text
                    . "meshkit_redact_error_log $off;\n"
                    . _refusing("meshkit_redact_args token;\n"
                                . "meshkit_redact_headers X-Api-Key;"),
            server => $self->_server_text
                      . "meshkit_redact_args token;\n"
                      . "meshkit_redact_headers X-Api-Key;\n"
                      . "meshkit_audit_log %%DIR%%/logs/audit.log;\n",
        });

    $self->{t} = $e->nginx;
    $self->{shares} = [ map { $_->{id} } $e->share(size => 1000),
        $e->share(size => 1000, capability_issuer => 'ines') ];
}


# --- the corpus -------------------------------------------------------------

# Each is a name and what is sent: raw bytes for HTTP/1, or a path.
sub corpus {
    my ($self) = @_;

    my ($good, $bound) = @{ $self->{shares} };
    my $fields = $self->_fields;
    my @paths = (
        [ 'good', "/car/$good?$ARGS" ],
        [ 'refused', "/car/$bound?$ARGS" ],
        [ 'not found', "/car/nobody?$ARGS" ],
        [ 'link in the path', "/car/$SECRETS{path}?$ARGS" ],
        [ 'dead upstream', "/dead/$SECRETS{path}?$ARGS" ],
        [ 'no file', "/none/$SECRETS{path}?$ARGS" ],
        [ 'rewritten', "/rewrite/$SECRETS{path}?$ARGS" ],
        [ 'redirected inside', "/again/$SECRETS{path}?$ARGS" ],
        [ 'slash redirect', "/directory?$ARGS" ],
        [ 'asked elsewhere', "/asked/$SECRETS{path}?$ARGS" ],
        [ 'escaped name', "/ok/?%74oken=$SECRETS{query}&%54OKEN=$SECRETS{query}" ],
        [ 'semicolons', "/ok/?a=1;token=$SECRETS{query};$SECRETS{query}" ],
        [ 'URL in a URL', "/ok/?u=%2Fx%3Ftoken%3D$SECRETS{query}%26b" ],
        [ 'escaped link', '/ok/' . ($SECRETS{path} =~ s/\./%2E/gr) ],
    );
    my $line = "GET /ok/?$ARGS";
    my $long = 'x' x 1500;

    return (
        $self->_odd,
        (map { my $v = $_; map { [ "$_->[0], HTTP/$v",
            "GET $_->[1] HTTP/$v\r\nHost: a\r\nConnection: close\r\n"
            . "$fields\r\n" ] } @paths } '1.0', '1.1'),
        (map { [ "$_->[0], HTTP/2", undef, $_->[1] ] } @paths),
        [ 'HTTP/2, too long', undef, "/ok/?$ARGS&x=$long" ],
        [ 'HTTP/2, unnamed header', undef, "/ok/?$ARGS",
          'X-Unnamed' => $SECRETS{unnamed} ],
        [ 'HTTP/0.9', "$line\r\n" ],
        [ 'body too large', "POST /ok/?$ARGS HTTP/1.1\r\nHost: a\r\n"
          . "Content-Length: 5000\r\n$fields\r\n" ],
        [ 'bad method', "G\@T /ok/?$ARGS HTTP/1.1\r\nHost: a\r\n\r\n" ],
        [ 'bad version', "$line HTTP/9.1\r\nHost: a\r\n$fields\r\n" ],
        [ 'bad line', "$line \x01 HTTP/1.1\r\nHost: a\r\n\r\n" ],
        [ 'URI too long', "GET /ok/?$ARGS&x=$long HTTP/1.1\r\n\r\n" ],
        [ 'header too long', "$line HTTP/1.1\r\n$fields"
          . "Authorization: Bearer $SECRETS{authorization}$long\r\n\r\n" ],
        [ 'cookie too long', "$line HTTP/1.1\r\nCookie: "
          . "session=$SECRETS{cookie}; \"x\", client: a=$SECRETS{cookie}; "
          . "$long\r\n\r\n" ],
        [ 'bad header', "$line HTTP/1.1\r\n$fields"
          . "Bad\x01Header: x\r\n\r\n" ],
        [ 'bad value', "$line HTTP/1.1\r\nHost: a\r\n"
          . "Authorization: Bearer $SECRETS{authorization}\0\r\n\r\n" ],
        [ 'header twice', "$line HTTP/1.1\r\nHost: a\r\n$fields"
          . "Host: a\r\nAuthorization: Bearer $SECRETS{authorization}\r\n"
          . "Referer: /?token=$SECRETS{referer}\r\n\r\n" ],
        [ 'no host', "$line HTTP/1.1\r\n$fields\r\n" ],
        [ 'bad host', "$line HTTP/1.1\r\nHost: a/b\r\n$fields\r\n" ],
        [ 'no known host', "$line HTTP/1.1\r\nHost: other\r\n$fields\r\n" ],
        [ 'absolute URI', "GET http://a/ok/?$ARGS HTTP/1.1\r\n$fields\r\n" ],
        [ 'unnamed header', "$line HTTP/1.1\r\nHost: a\r\n"
          . "X-Unnamed: $SECRETS{unnamed}\r\nConnection: close\r\n\r\n" ],
        [ 'unnamed header too long', "$line HTTP/1.1\r\nHost: a\r\n"
          . "X-Unnamed: $SECRETS{unnamed}$long\r\n\r\n" ],
        [ 'keepalive', ("$line HTTP/1.1\r\nHost: a\r\n$fields\r\n" x 2)
          . "$line HTTP/1.1\r\nHost: a\r\nConnection: close\r\n$fields\r\n" ],
        (map { [ "left after $_ bytes", substr("$line HTTP/1.1\r\nHost: a\r\n"
          . "$fields\r\n", 0, $_), undef ] } 20, 45, 60, 120, 150, 300),
    );
}


# What is refused where there is a page for that, separators that are none,
# and what a back end sends back.
sub _odd {
    my ($self) = @_;

    my $get = 'GET /ok/ HTTP/1.1';
    my $fields = "Authorization: Token $SECRETS{authorization}\r\n"
                 . "Cookie: session=$SECRETS{cookie}\r\n"
                 . "X-Api-Key: $SECRETS{own}\r\n";
    my $many = join '; ', map { "c$_=0123456789$_" } 1 .. 40;
    my @cookies = ("$many; session=$SECRETS{cookie}",
        "a=1, session=$SECRETS{cookie}", "session= $SECRETS{cookie}",
        "session=\t$SECRETS{cookie}", "a=1;session=$SECRETS{cookie} ;b=2",
        "x, client: session=$SECRETS{cookie}");
    my @lines = ("GET /ok/?token=ab $SECRETS{query}",
        "GET /ok/?token=ab\t$SECRETS{query}",
        "GET /ok/?token=ab\" $SECRETS{query}",
        "GET /ok/?token=ab\", \"$SECRETS{query}\001",
        "GET http://u:$SECRETS{query}\@a/ok/");
    my @refused = (
        [ 'no host', "GET /ok/?$ARGS HTTP/1.1\r\n$fields\r\n" ],
        [ 'bad host', "GET /ok/?$ARGS HTTP/1.1\r\n${fields}Host: a/b\r\n\r\n" ],
        [ 'bad length', "GET /ok/?$ARGS HTTP/1.1\r\nHost: a\r\n$fields"
          . "Content-Length: x\r\n\r\n" ],
        [ 'header too long', "GET /ok/?$ARGS HTTP/1.1\r\nHost: a\r\n$fields"
          . 'X-Long: ' . 'x' x 3000 . "\r\n\r\n" ],
    );

    return (
        (map { [ "error page, $_->[0]", $_->[1] ] } @refused),
        (map { [ "plainly, $_->[0]", $_->[1] ] } @refused),
        (map { [ "line $_", "$lines[$_] HTTP/1.1\r\nHost: a\r\n\r\n" ] }
         0 .. $#lines),
        (map { [ "cookie $_", "$get\r\nHost: a\r\nConnection: close\r\n"
                 . "Cookie: $cookies[$_]\r\n\r\n" ] } 0 .. $#cookies),
        [ 'a client in a header', "$get\r\nHost: a\r\nConnection: close\r\n"
          . "X-Api-Key: x, client: $SECRETS{own}\r\n\r\n" ],
        [ 'a password in a header', "$get\r\nHost: a\r\nConnection: close\r\n"
          . "Referer: http://u:$SECRETS{referer}\@a/\r\n\r\n" ],
        [ 'echo', "GET /echo/?$ARGS HTTP/1.1\r\nHost: a\r\n$fields"
          . "Connection: close\r\n\r\n" ],
    );
}


sub _fields {
    my $text = '';

    for my $i (0 .. $#HEADERS / 2) {
        $text .= "$HEADERS[2 * $i]: $HEADERS[2 * $i + 1]\r\n";
    }

    return $text;
}


sub _send {
    my ($self, $name, $raw, $path, %more) = @_;

    my $t = $self->{t};

    if (defined $path) {
        my @headers = (@HEADERS, %more);

        return Meshkit::Http::curl('--http2-prior-knowledge',
            (map { ('-H', "$headers[2 * $_]: $headers[2 * $_ + 1]") }
             0 .. $#headers / 2),
            'http://127.0.0.1:' . $t->port('h2') . $path);
    }

    my $port = $t->port($name =~ /^error page/ ? 'refused' : 'front');

    return Meshkit::Http::http_request($port, raw => $raw,
        $name =~ /^left/ ? (partial_close => length $raw) : ());
}


# --- a run ------------------------------------------------------------------

sub run {
    my ($self) = @_;

    my $t = $self->{t};
    my @corpus = $self->corpus;

    $t->write('html/directory/index.html', 'here');
    $t->port('dead');

    my $echo = Meshkit::Service->run(handler => \&_echo);
    $t->port('echo', $echo->port);

    if ($self->{edge}) {
        $self->{edge}->policy->allow;
        $self->{edge}->start;

    } else {
        $t->start;
    }

    $self->{replies} = { map { $_->[0] => $self->_send(@$_) } @corpus };

    # the last of those that left is noticed before nginx is told to end
    my $half = $self->{level} eq 'error' ? undef : qr/client (?:pre|clos)/;
    wait_for(20, sub { $t->grep_log($half) >= 6 }) if $half;

    $t->stop;
    $echo->stop;

    my %found = (requests => scalar @corpus);

    for my $path ($t->{logs}->files) {
        my $log = $path =~ m{/(?:error|stderr)\.log$} ? 'error' : 'access';

        $self->_count($log, Meshkit::Process::slurp($path), \%found);
    }

    return $self->{found} = \%found;
}


sub _echo {
    my ($request) = @_;

    my ($token) = $request->uri =~ /token=([^&]*)/;
    my ($session) = ($request->header('Cookie') // '') =~ /session=(.*)/;

    return { status => 302, body => '', headers => [
        Location => 'http://x/?token=' . ($token // ''),
        'X-Echo' => $request->header('Authorization') // '',
        'Set-Cookie' => 'session=' . ($session // '') ] };
}


sub _pieces {
    my ($secret) = @_;

    my @pieces = map { quotemeta substr $secret, $_, PIECE }
                 0 .. length($secret) - PIECE;
    my $pattern = join '|', @pieces;

    return qr/$pattern/;
}


my %pieces = map { $_ => _pieces($SECRETS{$_}) } keys %SECRETS;


sub _count {
    my ($self, $log, $text, $found) = @_;

    $found->{total}{$log} += my @lines = split /\n/, $text;

    for my $line (@lines) {
        my @hits = grep { $line =~ $pieces{$_} } sort keys %pieces;

        next if !@hits;

        my $unnamed = "@hits" eq 'unnamed';
        $found->{$unnamed ? 'unnamed' : 'secret'}{$log}++;
        $found->{each}{$log}{$_}++ for @hits;
        push @{ $found->{lines}{$log} }, $line;
    }
}


sub reply { return $_[0]{replies}{$_[1]} }
sub nginx { return $_[0]{t} }
sub edge { return $_[0]{edge} }


1;
