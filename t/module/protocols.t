# Services by FastCGI, SCGI, uwsgi and gRPC, with the parameter files that
# come with nginx: they are sent the module's request, and nothing of the
# client's.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Nginx;
use Meshkit::Process qw(spawn end_process wait_for);

my ($uwsgi) = grep { -x } map { ("$_/uwsgi-core", "$_/uwsgi") }
              split(/:/, $ENV{PATH}), '/usr/bin';

plan(skip_all => 'uwsgi-core is not installed') if !defined $uwsgi;
plan(skip_all => 'the stock parameter files are not in /etc/nginx')
    if grep { !-f "/etc/nginx/${_}_params" } qw(fastcgi scgi uwsgi);

my %protocols = (
    fastcgi => 'include /etc/nginx/fastcgi_params; '
               . 'fastcgi_pass 127.0.0.1:%%PORT_fastcgi%%;',
    scgi => 'include /etc/nginx/scgi_params; '
            . 'scgi_pass 127.0.0.1:%%PORT_scgi%%;',
    uwsgi => 'include /etc/nginx/uwsgi_params; '
             . 'uwsgi_pass 127.0.0.1:%%PORT_uwsgi%%;',
);

# everything that a client can say of itself, in each place
my $marker = 'marker-of-a-client';
my @client = (Authorization => "Basic $marker", Cookie => "a=$marker",
              Referer => "http://$marker/", 'User-Agent' => $marker,
              'X-Forwarded-For' => '192.0.2.99', 'X-Marker' => $marker,
              'Accept-Language' => $marker, Origin => "http://$marker",
              'Content-Type' => "text/$marker", 'Range' => 'bytes=0-69999',
              'If-None-Match' => qq("$marker"));

my $server = '';
for my $name (sort keys %protocols) {
    $server .= <<"EOL";
location ~ ^/$name/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_$name token_file=%%DIR%%/keys/metadata.token;
    meshkit_policy /_$name/policy token_file=%%DIR%%/keys/policy.token;
    meshkit_gateway /_$name raw token_file=%%DIR%%/keys/gw0.token;
}
location ^~ /_$name/ { internal; $protocols{$name} }
EOL
}

$server .= <<'EOT';
location ~ ^/grpc/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_grpc;
    meshkit_policy /_grpc/policy;
    meshkit_gateway /_grpc raw;
}
location ^~ /_grpc/ { internal; grpc_pass grpc://127.0.0.1:%%PORT_grpc%%; }
EOT

# nginx itself speaks HTTP/2 on the other side
my $http = <<'EOT';
log_format grpc '$request $host $http_authorization $http_cookie $http_origin '
                '$http_referer $http_user_agent $http_x_forwarded_for '
                '$http_x_marker $http_range $http_accept_language '
                '$http_content_type';
server {
    listen 127.0.0.1:%%PORT_grpc%% http2;
    access_log %%DIR%%/logs/grpc.log grpc;
    location /_grpc/policy {
        default_type application/json;
        return 200 '{"decision":true}';
    }
    location /_grpc/ipfs/ {
        types { } default_type application/vnd.ipld.raw;
        alias %%DIR%%/share/blocks/;
    }
    location /_grpc/v1/capsules/ {
        default_type application/json;
        alias %%DIR%%/records/;
    }
}
EOT

my $e = Meshkit::Edge->new(policy => 'authzen', tokens => 1, forms => ['raw'],
                           text => { server => $server, http => $http });
my $dir = $e->dir;

$e->nginx->port($_) for sort keys %protocols;
$e->start;

my $share = $e->share(size => 200_000, policy_id => 'p-1',
                      id => 'cap-protocols');

$e->nginx->write('app.py', <<'EOT' =~ s/DIR/$dir/gr);
import json, os

def application(env, start_response):
    path = env['PATH_INFO'] if env.get('PATH_INFO') else env['DOCUMENT_URI']
    seen = {k: v for k, v in env.items() if isinstance(v, str)}
    seen['body'] = env['wsgi.input'].read().decode('latin1')
    with open('DIR/seen', 'a') as out:
        out.write(json.dumps(seen) + '\n')
    if path.endswith('/policy'):
        body, kind = b'{"decision":true}', 'application/json'
    elif '/ipfs/' in path:
        name = os.path.basename(path)
        body, kind = open('DIR/share/blocks/' + name, 'rb').read(), \
                     'application/vnd.ipld.raw'
    else:
        body, kind = open('DIR/record', 'rb').read(), 'application/json'
    start_response('200 OK', [('Content-Type', kind),
                              ('Content-Length', str(len(body)))])
    return [body]
EOT
$e->nginx->write($_, $share->{record}) for 'record', "records/$share->{id}";
$e->nginx->write('seen', '');

my $pid = spawn('uwsgi', sub {
    open STDERR, '>', "$dir/uwsgi.log";
    open STDOUT, '>&', \*STDERR;
    exec $uwsgi, '--plugin', 'python3', '--master', '--processes', '2',
         '--die-on-term', '--wsgi-file', "$dir/app.py",
         map { my $port = $e->nginx->port($_);
               ("--$_-socket", "127.0.0.1:$port") } qw(fastcgi scgi uwsgi);
}, group => 1);

ok(wait_for(30, sub {
    return 3 == grep { defined } map { IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port($_)) }
        sort keys %protocols;
}), 'uWSGI listens') or diag $e->nginx->read('uwsgi.log');

for my $name (sort keys %protocols) {
    $e->nginx->write('seen', '');

    my $r = $e->get("/$name/$share->{id}?token=$marker", headers => \@client);
    my @seen = map { JSON::PP->new->utf8->decode($_) }
               split /\n/, $e->nginx->read('seen');

    is($r->status, 206, "$name: opens");
    is($r->body, substr($share->{plain}, 0, 70_000), "$name: a range of it");
    cmp_ok(@seen, '>=', 4, "$name: record, decision, blocks");

    for my $request (@seen) {
        my $uri = $request->{REQUEST_URI};
        my $what = "$name: " . substr $uri, 0, 30;
        my $text = join "\n", map { "$_=$request->{$_}" } sort keys %$request;

        is(index($text, 'marker'), -1, "$what: nothing that the client said")
            or diag $text;
        is(index($text, '192.0.2.99'), -1, "$what: nor of where it came from");
        is($uri =~ s/\?.*//sr, $request->{DOCUMENT_URI} // $request->{PATH_INFO},
           "$what: REQUEST_URI");
        is($request->{SERVER_PROTOCOL}, 'HTTP/1.1', "$what: SERVER_PROTOCOL");
        is($request->{REMOTE_USER} // '', '', "$what: REMOTE_USER");

        my $posts = $uri =~ m{/policy$};

        is($request->{REQUEST_METHOD}, $posts ? 'POST' : 'GET',
           "$what: REQUEST_METHOD");
        is($request->{QUERY_STRING}, $uri =~ /ipfs/ ? 'format=raw' : '',
           "$what: QUERY_STRING");
        is($request->{CONTENT_TYPE} // '', $posts ? 'application/json' : '',
           "$what: CONTENT_TYPE");
        is($request->{CONTENT_LENGTH} || 0, length $request->{body},
           "$what: CONTENT_LENGTH");
        like($request->{body}, $posts ? qr/"policyId":"p-1"/ : qr/^$/,
             "$what: its body");

        my $service = $posts ? 'policy' : $uri =~ /ipfs/ ? 'gw0' : 'metadata';

        is($request->{HTTP_AUTHORIZATION}, 'Bearer ' . $e->token($service),
           "$what: the token of that service");
    }
}

my $r = $e->get("/grpc/$share->{id}?token=$marker", headers => \@client);
my @lines = split /\n/, $e->nginx->read('logs/grpc.log');

is($r->status, 206, 'grpc: opens');
is($r->body, substr($share->{plain}, 0, 70_000), 'grpc: a range of it');
cmp_ok(@lines, '>=', 4, 'grpc: record, decision, blocks');
is(scalar(grep { /marker|192\.0\.2\.99/ } @lines), 0,
   'grpc: nothing that the client said');
is(scalar(grep { m{^POST /_grpc/policy HTTP/2\.0 .*application/json} } @lines), 1,
   'grpc: the decision is asked for by POST');
is(scalar(grep { /^GET/ } @lines), @lines - 1, 'grpc: all else by GET');

end_process($pid, TERM => 5);
$e->done;
done_testing();
