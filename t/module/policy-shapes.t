# Answers of a policy service that look like a yes and are none, in both
# formats.  Each opens nothing, is asked for once, is kept nowhere, and leaves
# nothing behind for the question after it.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);

my %WORD = (authzen => 'decision', lit => 'allowed');
my $TYPE = 'application/json';
my $error = '503 policy_provider_error';

my $e = Meshkit::Edge->new(policy => 'authzen', accel => 1, forms => ['raw'],
    text => {
        http => <<'EOT',
proxy_cache_path %%DIR%%/temp/cache keys_zone=answers:1m;
EOT
        policy => 'proxy_read_timeout 30s;',
        server => <<'EOT',
meshkit_metadata /_meshkit/metadata;
meshkit_gateway /_gw/0 raw;
meshkit_subject $arg_subject;
meshkit_action $arg_action;
location ~ ^/authzen/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_meshkit/policy;
}
location ~ ^/lit/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_meshkit/policy format=lit;
}
location ~ ^/hasty/authzen/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_hasty;
}
location ~ ^/hasty/lit/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_hasty format=lit;
}
location ~ ^/hurried/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_meshkit/policy;
    meshkit_deadline 3s;
}
location ~ ^/cached/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_cached;
}
location ~ ^/hasty/cached/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_policy /_hasty_cached;
}
location = /_hasty {
    internal;
    proxy_pass http://policy;
    proxy_read_timeout 500ms;
}
proxy_cache_key decision;
proxy_cache_methods POST;
proxy_cache_valid 200 403 500 503 1h;
proxy_cache_use_stale error timeout invalid_header updating http_500 http_503;
location = /_cached {
    internal;
    proxy_pass http://policy;
    proxy_read_timeout 30s;
    proxy_buffering on;
    proxy_cache answers;
    proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
}
location = /_hasty_cached {
    internal;
    proxy_pass http://policy;
    proxy_read_timeout 500ms;
    proxy_buffering on;
    proxy_cache answers;
    proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
}
location = /seed {
    proxy_pass http://policy;
    proxy_buffering on;
    proxy_cache answers;
    proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
}
location = /_yes {
    internal;
    default_type application/json;
    return 200 '{"decision":true,"allowed":true}';
}
EOT
    });

my $share = $e->share(size => 70_000, policy_id => 'p-1');
my $plain = $e->share(size => 70_000);
my $viewed = $e->share(size => 70_000, policy_id => 'p-1',
                       no_download => undef);

$e->start;


sub open_it {
    my ($path) = @_;

    return $e->get("$path/$share->{id}?subject=ann&action=open",
                   timeout => 60);
}


sub yes { return "{\"$WORD{$_[0]}\":true}" }
sub heal { return $e->policy->answer(body => yes($_[0])) }


# Opens nothing, and is asked once, or twice where the connection was closed
# without a byte; then the same service says yes or no, and that is what
# counts.
sub is_no_yes {
    my ($name, $format, $path) = @_;

    $e->clear;
    is($e->outcome(open_it($path // "/$format"), $share), $error,
       "$format, $name");
    my $times = $name eq 'a reset' ? 2 : 1;

    is($e->policy->count, $times, "$format, $name: asked, $times");
    is($e->gateway->count, 0, "$format, $name: no byte is fetched");

    my $conn = $e->policy->last_request->{conn};

    heal($format);
    is($e->outcome(open_it("/$format"), $share), '200 ok',
       "$format, $name: a yes after it");

    return $conn == $e->policy->last_request->{conn} ? 'kept' : 'closed';
}


# --- the bodies -------------------------------------------------------------

# WORD is "decision" or "allowed", as the format wants it; OTHER is the other.
my @bodies = (
    [ 'text', '{"WORD":"true"}' ],
    [ 'a number', '{"WORD":1}' ],
    [ 'a fraction', '{"WORD":1.0}' ],
    [ 'null', '{"WORD":null}' ],
    [ 'a list', '{"WORD":[true]}' ],
    [ 'an object', '{"WORD":{"WORD":true}}' ],
    [ 'missing', '{}' ],
    [ 'only something else', '{"result":true}' ],
    [ 'nested', '{"result":{"WORD":true}}' ],
    [ 'true alone', 'true' ],
    [ 'a list of answers', '[{"WORD":true}]' ],
    [ 'many evaluations', '{"evaluations":[{"WORD":true}]}' ],
    [ 'a key twice', '{"WORD":true,"WORD":true}' ],
    [ 'a key twice, one escaped', '{"WORD":true,"\u00ESCAPED":false}' ],
    [ 'another case', '{"TITLE":true}' ],
    [ 'TRUE', '{"WORD":TRUE}' ],
    [ 'a space in the key', '{"WORD ":true}' ],
    [ 'no quotes', '{WORD:true}' ],
    [ 'both, and they differ', '{"WORD":true,"OTHER":false}' ],
    [ 'both, the other null', '{"WORD":true,"OTHER":null}' ],
    [ 'both, the other text', '{"WORD":true,"OTHER":"true"}' ],
    [ 'a comma at the end', '{"WORD":true,}' ],
    [ 'trailing bytes', '{"WORD":true}x' ],
    [ 'two answers', '{"WORD":true}{"WORD":true}' ],
    [ 'a BOM', "\xef\xbb\xbf{\"WORD\":true}" ],
    [ 'UTF-16', join('', map { "\0$_" } split //, '{"WORD":true}') ],
    [ 'a NUL behind it', "{\"WORD\":true}\0" ],
    [ 'a comment', '{"WORD":true} // yes' ],
    [ 'JSON text', '"{\"WORD\":true}"' ],
    [ 'a prefix against scripts', ")]}'\n{\"WORD\":true}" ],
    [ 'an obligation', '{"WORD":true,"obligations":[{"id":"log"}]}' ],
    [ 'an obligation in the context',
      '{"WORD":true,"context":{"obligations":[{"id":"log"}]}}' ],
    [ 'obligations that are no list',
      '{"WORD":true,"context":{"obligations":{"id":"log"}}}' ],
    [ 'obligations that are null', '{"WORD":true,"obligations":null}' ],
    [ 'a context that is text', '{"WORD":true,"context":"log"}' ],
    [ 'nothing', '' ],
    [ 'white space', "  \n" ],
);

sub body {
    my ($format, $text) = @_;

    my $word = $WORD{$format};
    my $other = $WORD{$format eq 'lit' ? 'authzen' : 'lit'};
    my $escaped = sprintf '%02x%s', ord $word, substr $word, 1;

    return $text =~ s/ESCAPED/$escaped/gr =~ s/WORD/$word/gr
                 =~ s/OTHER/$other/gr =~ s/TITLE/\u$word/gr;
}

for my $format (qw(authzen lit)) {
    for my $row (@bodies) {
        my ($name, $text) = @$row;

        $e->policy->answer(body => body($format, $text));
        is(is_no_yes($name, $format), 'kept',
           "$format, $name: the connection is used again");
    }
}

for my $text ('{"WORD":true}', " {\"WORD\":\ttrue}\r\n ",
              '{"WORD":true,"OTHER":true}', '{"WORD":true,"context":{}}',
              '{"WORD":true,"obligations":[],"context":{"obligations":[]}}',
              '{"\u00ESCAPED":true}',
              '{"WORD":true,"context":{"reason":"\u0000"},"x":[1,{}]}')
{
    for my $format (qw(authzen lit)) {
        $e->policy->answer(body => body($format, $text));
        is($e->outcome(open_it("/$format"), $share),
           $text =~ /u0000/ ? $error : '200 ok', "$format, $text");
    }
}


# --- the transport ----------------------------------------------------------

# name, mode, its arguments
my @faults = (
    (map { [ $_, 'status', { code => $_, type => $TYPE, body => 'YES' } ] }
     qw(201 202 203 400 401 402 403 404 407 408 409 429 500 502 503 504)),
    [ '204', 'status', { code => 204, body => '' } ],
    [ '205', 'status', { code => 205, body => '' } ],
    [ '304', 'status', { code => 304, body => '' } ],
    [ '206', 'partial', {} ],
    (map { [ $_, 'redirect', { to => '/_yes', code => $_ } ] }
     qw(301 302 303 307 308)),
    [ '300', 'status', { code => 300, type => $TYPE, body => 'YES' } ],
    [ 'X-Accel-Redirect', 'x_accel', { to => '/_yes' } ],
    [ 'gzip', 'gzip', {} ],
    [ 'a gzip label', 'gzip', { label_only => 1 } ],
    [ 'another encoding', 'headers',
      { headers => [ 'Content-Encoding' => 'br' ] } ],
    [ 'HTML', 'type', { type => 'text/html' } ],
    [ 'no type', 'type', { type => undef } ],
    [ 'the id of another question', 'headers',
      { headers => [ 'X-Request-ID' => '0' x 32 ] } ],
    [ 'two ids', 'headers', { headers => [ 'X-Request-ID' => 'one',
                                           'X-Request-ID' => 'two' ] } ],
    [ 'one byte too large', 'pad', { size => 65_537 } ],
    [ 'far too large', 'pad', { size => 8 << 20 } ],
    [ 'endless', 'endless', { framing => 'chunked', bytes => ' ' x 4096 } ],
    [ 'endless, to the close', 'endless', { bytes => ' ' x 4096 } ],
    [ 'cut by length', 'truncate', { at => 14 } ],
    [ 'cut behind the JSON', 'wrong_length', { by => 1 } ],
    [ 'a length that is too short', 'wrong_length', { by => -1 } ],
    [ 'chunks, cut', 'truncate_chunked', { at => 14 } ],
    [ 'chunks, cut behind the JSON', 'truncate_chunked', { at => 16 } ],
    [ 'no HTTP', 'garbage', {} ],
    [ 'a status line alone', 'garbage', { bytes => "HTTP/1.1 200 OK\r\n" } ],
    [ 'a header that does not end', 'garbage',
      { bytes => "HTTP/1.1 200 OK\r\nContent-Type: $TYPE\r\nYES" } ],
    [ 'HTTP/0.9', 'garbage', { bytes => 'YES' } ],
    [ 'a reset', 'reset', { at => -1 } ],
    [ 'a reset in the body', 'reset', { at => 5 } ],
    [ 'silence', 'stall', { at => -1, seconds => 60 } ],
    [ 'silence before the body', 'stall', { at => 0, seconds => 60 } ],
    [ 'silence in the body', 'stall', { at => 5, seconds => 60 } ],
);

for my $format (qw(authzen lit)) {
    my $yes = yes($format);

    for my $row (@faults) {
        my ($name, $fault, $args) = @$row;

        my %args = map { ($_ => defined $args->{$_}
                          ? $args->{$_} =~ s/YES/$yes/r : undef) }
                   grep { !ref $args->{$_} } keys %$args;
        my %lists = map { $_ => $args->{$_} } grep { ref $args->{$_} }
                    keys %$args;

        heal($format);
        $e->policy->mode($fault, %args, %lists);

        my $then = is_no_yes($name, $format, $fault eq 'stall'
                                             ? "/hasty/$format" : undef);

        is($then, 'closed', "$format, $name: the connection is not")
            if $fault =~ /^(?:truncate|reset|stall|garbage|endless|wrong)/;
    }

    heal($format);
    $e->policy->mode('pad', size => 65_536);
    is($e->outcome(open_it("/$format"), $share), '200 ok',
       "$format, as large as it may be");
}

$e->policy->stop;
for my $format (qw(authzen lit)) {
    $e->gateway->clear;
    is($e->outcome(open_it("/$format"), $share), $error,
       "$format, a refused connection");
    is($e->gateway->count, 0, "$format, a refused connection: no byte");
}
$e->policy->start;


# A no with a yes behind it on the same connection, for whoever asks next.
for my $format (qw(authzen lit)) {
    my ($no, $yes) = (yes($format) =~ s/true/false/r, yes($format));

    $e->policy->answer(body => $no);
    $e->policy->mode('extra', bytes => "HTTP/1.1 200 OK\r\n"
        . "Content-Type: $TYPE\r\nContent-Length: " . length($yes)
        . "\r\n\r\n$yes");

    for my $n (1 .. 10) {
        $e->gateway->clear;
        isnt(open_it("/$format")->status, 200,
             "$format, a yes behind the no: open $n");
        is($e->gateway->count, 0,
           "$format, a yes behind the no: open $n fetches nothing");
    }
}


# --- time -------------------------------------------------------------------

# Every byte comes in time for proxy_read_timeout, and the whole does not for
# the deadline.
for my $framing (qw(length chunked)) {
    heal('authzen');
    $e->policy->add_mode('pad', size => 600);
    $e->policy->add_mode('framing', framing => $framing);
    $e->policy->add_mode('drip', bytes => 1, every => 0.1);
    $e->clear;

    my $r = open_it('/hurried');
    is($e->outcome($r, $share), $error, "a slow drip, $framing");
    is($e->gateway->count, 0, "a slow drip, $framing: no byte is fetched");
    cmp_ok($r->elapsed, '<', 45, "a slow drip, $framing: not to its end");
    ok(wait_for(30, sub { grep { $_ ne 'complete' } $e->policy->outcomes }),
       "a slow drip, $framing: the connection is closed");
}

heal('authzen');
$e->policy->add_mode('drip', bytes => 1, every => 0.05);
is($e->outcome(open_it('/authzen'), $share), '200 ok', 'slow, but in time');

# The client does not wait: nothing is opened for it.
{
    heal('authzen');
    $e->policy->add_mode('stall', at => 5, seconds => 60);
    $e->clear;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'))
        or die "connect: $!";

    print $client "GET /authzen/$share->{id}?subject=ann&action=open"
                  . " HTTP/1.1\r\nHost: a\r\n\r\n";
    $client->flush;
    ok($e->policy->wait_for_requests(1, undef, 30),
       'a client that leaves: the policy service is asked');
    close $client;
    ok(wait_for(30, sub { grep { $_ eq 'client_gone' }
                          $e->policy->outcomes }),
       'a client that leaves: the question is dropped');
    is($e->gateway->count, 0, 'a client that leaves: no byte is fetched');
}


# --- nothing is kept --------------------------------------------------------

for my $turn (1 .. 2) {
    heal('authzen');
    $e->clear;
    is($e->outcome(open_it('/cached'), $share), '200 ok',
       "a location with a cache, $turn: yes");
    is($e->policy->count, 1, "a location with a cache, $turn: asked");
    $e->policy->answer(body => '{"decision":false}');
    is($e->outcome(open_it('/cached'), $share), '403 policy_denied',
       "a location with a cache, $turn: no");
    $e->policy->mode('status', code => 500);
    is($e->outcome(open_it('/cached'), $share), $error,
       "a location with a cache, $turn: 500");
    $e->policy->mode('stall', at => -1, seconds => 60);
    is($e->outcome(open_it('/hasty/cached'), $share), $error,
       "a location with a cache, $turn: silence");
    $e->policy->stop;
    is($e->outcome(open_it('/cached'), $share), $error,
       "a location with a cache, $turn: nobody");
    $e->policy->start;
}

sub in_cache { return scalar grep { -f } glob $e->dir . '/temp/cache/*' }

is(in_cache(), 0, 'the cache is empty');

# Somebody else has put a yes there.
{
    heal('authzen');
    is($e->get('/seed')->status, 200, 'a yes in the cache');
    ok(wait_for(30, \&in_cache), 'is there');
    $e->clear;
    is($e->outcome(open_it('/cached'), $share), $error,
       'a yes from the cache opens nothing');
    is($e->gateway->count, 0, 'no byte is fetched');
}


# --- only once, and only where it has to be asked ---------------------------

sub asked {
    my ($name, $code, $n, $path, %opt) = @_;

    $e->clear;
    my $r = $e->get($path, %opt);
    is($r->status . ' ' . $e->code($r), $code, $name);
    is($e->policy->count, $n, "$name: asked $n times");
}

heal('authzen');
my $open = "/authzen/$share->{id}?subject=ann&action=open";

asked('an open', '200 ', 1, $open);
asked('HEAD', '200 ', 1, $open, method => 'HEAD');
asked('a range', '206 ', 1, $open, headers => [ Range => 'bytes=0-9' ]);
asked('a range that is not there', '416 range_not_satisfiable', 1, $open,
      headers => [ Range => 'bytes=70000-' ]);
asked('a condition', '304 ', 1, $open, headers => [ 'If-None-Match' => '*' ]);
asked('no policy', '200 ', 0,
      "/authzen/$plain->{id}?subject=ann&action=open");
asked('a download that is not allowed', '403 download_not_allowed', 0,
      "/authzen/$viewed->{id}?subject=ann&action=download");
asked('no subject', '403 policy_denied', 0,
      "/authzen/$share->{id}?action=open");
asked('an unknown share', '404 capsule_not_found', 0,
      '/authzen/nothing?subject=ann&action=open');

$e->done;
done_testing();
