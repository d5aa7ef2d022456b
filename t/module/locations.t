# nginx -t looks for the services' locations: those that are missing, are not
# internal, may lose requests to a regular expression, answer with files that
# are kept open, or have aio.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Meshkit::Edge;

my $e = Meshkit::Edge->new(policy => 'authzen');
my $t = $e->nginx;
my $share = $e->share(size => 1000, policy_id => 'p');

my %good = (
    http => '', server => '', more => '',
    metadata => 'location ^~ /_m/ { internal; proxy_pass http://127.0.0.1; }',
    policy => 'location = /_p { internal; proxy_pass http://127.0.0.1; }',
    gateway => 'location ^~ /_g/ { internal; proxy_pass http://127.0.0.1; }',
);


sub said {
    my (%with) = (%good, @_);

    return $t->test_config(<<"EOC");
%%GLOBALS%%
events { }
http {
%%HTTP%%
$with{http}
server {
listen 127.0.0.1:%%PORT_front%%;
$with{server}
meshkit_identity alice keys/alice.pem;
meshkit_owners keys/owners.jwks;
meshkit_metadata /_m;
meshkit_policy /_p;
meshkit_gateway /_g;
location ~ ^/open/(?<id>.*)\$ { meshkit_open \$id; }
location ~ ^/raw/(?<id>.*)\$ { meshkit_open \$id; meshkit_gateway /_g raw; }
$with{metadata}
$with{policy}
$with{gateway}
$with{more}
}
}
EOC
}

sub warned {
    my ($name, $want, @with) = @_;

    my ($code, $out) = said(@with);
    my @lines = map { s/.*?\[(\w+)\] (?:\d+#\d+: )?/$1 /r =~ s/ in \S+:\d+$//r }
                grep { /\[(?:warn|error|emerg)\]/ && !/owners\.jwks/ }
                split /\n/, $out;

    is($code, (grep { /^emerg/ } @$want) ? 1 : 0, "$name: nginx -t")
        or diag $out;
    is_deeply(\@lines, $want, "$name: what it says");
    return $out;
}


sub line_of {
    my ($out, $directive) = @_;

    my @lines = split /\n/, $t->read('test.conf');
    my ($said) = $out =~ /location.* in \S+test\.conf:(\d+)$/m;

    like($lines[($said // 1) - 1], qr/$directive/, "the line of $directive");
}

warned('as it is to be', []);

my $missing = sub {
    my ($what, $path, $add) = @_;
    return "warn \"$what $path\": no location serves it, add \"location $add "
           . '{ internal; ... }"';
};

line_of(warned('no metadata', [ $missing->('meshkit_metadata', '/_m',
                                           '^~ /_m/') ], metadata => ''),
        'meshkit_metadata /_m');
line_of(warned('no policy', [ $missing->('meshkit_policy', '/_p', '= /_p') ],
               policy => ''), 'meshkit_policy /_p');
warned('no gateway, in two places', [
           ($missing->('meshkit_gateway', '/_g', '^~ /_g/')) x 2 ],
       gateway => '');
warned('a location for everything', [ $missing->('meshkit_metadata', '/_m',
                                                 '^~ /_m/') ],
       metadata => 'location / { return 404; }');
warned('an exact one for a prefix', [ $missing->('meshkit_metadata', '/_m',
                                                 '^~ /_m/') ],
       metadata => 'location = /_m/ { internal; return 404; }');
warned('one that a slash is missing of', [ $missing->('meshkit_policy', '/_p',
                                                      '= /_p') ],
       policy => 'location ^~ /_p/ { internal; proxy_pass http://127.0.0.1; }');
warned('a regular expression', [ $missing->('meshkit_policy', '/_p',
                                            '= /_p') ],
       policy => 'location ~ ^/_p$ { internal; proxy_pass http://127.0.0.1; }');

warned('one that clients reach', [
           'warn "meshkit_metadata /_m": its location "/_m/" is not "internal"' ],
       metadata => 'location ^~ /_m/ { proxy_pass http://127.0.0.1; }');
warned('one within it', [], metadata => 'location ^~ /_m/ { internal; '
       . 'location ^~ /_m/v1/vaults/ { proxy_pass http://127.0.0.1; } }');
warned('one below it', [ 'warn "meshkit_metadata /_m": its location '
                         . '"/_m/v1/vaults/" is not "internal"' ],
       more => 'location ^~ /_m/v1/vaults/ { return 404; }');
warned('one for all services', [], metadata => '', gateway => '', policy =>
       'location ^~ /_ { internal; proxy_pass http://127.0.0.1; }');
warned('without a slash', [], metadata =>
       'location ^~ /_m { internal; proxy_pass http://127.0.0.1; }');

# Regular expressions come before a prefix without "^~".
my $plain = 'location /_m/ { internal; proxy_pass http://127.0.0.1; }';

for my $regex ('\.php$', '^/(?!open)', '^/_[a-z]/', '^/_?x', '^/a|php', '/m') {
    my $named = $regex;
    warned("a regular expression, $regex", [ 'warn "meshkit_metadata /_m": '
               . "the regular expression \"$named\" may come before its "
               . 'location, which has no "^~"' ], metadata => $plain,
           more => "location ~ \"$regex\" { return 404; }");
}

warned("a regular expression, $_", [], metadata => $plain,
       more => "location ~ \"$_\" { return 404; }")
    for '^/open2', '^/_n/', '^/_m/v2/';
warned("a regular expression, and ^~", [],
       more => 'location ~ \.php$ { return 404; }');

# --- files that are kept open -----------------------------------------------

my $files = 'location ^~ /_m/ { internal; root html;';
my $kept = 'warn "meshkit_metadata /_m": files from the "open_file_cache" of '
           . 'its location "/_m/" are refused, set "open_file_cache off;" '
           . 'there';

warned('open_file_cache, of http', [ $kept ], metadata => "$files }",
       http => 'open_file_cache max=9;');
warned('open_file_cache, of the server', [ $kept ], metadata => "$files }",
       server => 'open_file_cache max=9;');
warned('open_file_cache, off there', [], http => 'open_file_cache max=9;',
       metadata => "$files open_file_cache off; }");
warned('open_file_cache, of a service', [], http => 'open_file_cache max=9;');
warned('open_file_cache, of a gateway', [], http => 'open_file_cache max=9;',
       gateway => 'location ^~ /_g/ { internal; root html; }');

# --- aio --------------------------------------------------------------------

SKIP: {
    skip 'nginx without threads', 12 if !$t->has('--with-threads');

    my $aio = sub { return "emerg \"$_[0]\": \"aio\" does not work in its "
                           . "location \"$_[1]\", set \"aio off;\" there" };

    line_of(warned('aio, of http', [ $aio->('meshkit_metadata /_m', '/_m/') ],
                   http => 'aio threads;'), 'meshkit_metadata /_m');
    warned('aio, of the policy service', [ $aio->('meshkit_policy /_p', '/_p') ],
           policy => 'location = /_p { internal; aio threads; }');
    warned('aio, of a gateway', [ $aio->('meshkit_gateway /_g', '/_g/') ],
           gateway => 'location ^~ /_g/ { internal; aio threads=default; }');
    warned('aio, off there', [], http => 'aio threads; aio_write on;',
           (map { ($_ => $good{$_} =~ s/internal;/internal; aio off;/r) }
            qw(metadata policy gateway)));
    warned('aio, of another location', [],
           more => 'location /files/ { aio threads; }');
}

# --- several servers, and many locations ------------------------------------

{
    my $out = warned('the same service in another server',
        [ $missing->('meshkit_metadata', '/_m', '^~ /_m/'),
          $missing->('meshkit_gateway', '/_other', '^~ /_other/') ],
        more => '} server { listen 127.0.0.1:%%PORT_h2%%; '
            . 'meshkit_identity alice keys/alice.pem; '
            . 'meshkit_owners keys/owners.jwks; meshkit_metadata /_m; '
            . 'meshkit_gateway /_other; location / { meshkit_open x; }');
}

{
    my $more = join '', map { "location ^~ /x$_/ { internal; return 404; }\n" }
               1 .. 3000;
    my $opens = join '', map { "location /o$_/ { meshkit_open x; "
                               . "meshkit_gateway /x$_ raw; }\n" } 1 .. 1500;
    my $before = time;
    my ($code, $out) = said(more => $more);
    my $first = time - $before;

    is($code, 0, '3000 locations') or diag $out;
    $before = time;
    ($code, $out) = said(more => $more . $opens);
    is($code, 0, '1500 of which serve 1500 others') or diag $out;
    is(() = $out =~ /\[warn\] .*location/g, 0, 'without a warning');
    diag sprintf '%.2f s and %.2f s', $first, time - $before
        if time - $before > 10;
    cmp_ok(time - $before, '<', $ENV{TEST_SANITIZED} ? 60 : 20,
           'take no time');
}

# --- what nginx -t cannot see -----------------------------------------------

SKIP: {
    skip 'nginx without threads', 2 if !$t->has('--with-threads');

    $e->{text}{server} = "location ^~ /_gw/0/ipfs/$share->{cid} { internal; "
        . 'aio threads; proxy_pass http://gw0/ipfs/' . $share->{cid} . '; }';
    $e->start;
    $e->policy->allow;
    is($e->outcome($e->get("/raw/$share->{id}"), $share),
       '504 provider_request_failed', 'aio further below is refused, too');
    ok(scalar($t->grep_log(qr{no internal location serves "/_gw/0/ipfs/\w+", nginx chose, and it has aio on, "/_gw/0/ipfs/$share->{cid}"})),
       'and the log says why');
}

$e->start if !$t->worker_pid;
$e->done;
done_testing();
