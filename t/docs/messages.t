# What docs/DIRECTIVES.md says that nginx -t says: each mistake is made, and
# its message is the documented one, with file and line.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text sections directives);
use Meshkit::Nginx;
use Meshkit::Process qw(spawn end_process wait_for);
use Meshkit::Vectors qw(keys_into);
use Time::HiRes qw(sleep);

my $manual = text('docs/DIRECTIVES.md');
my $sections = sections($manual, 2);
my $t = Meshkit::Nginx->new;

keys_into($t->dir . '/keys');
$t->write('keys/open.pem', text('t/vectors/keys/alice.pem'), 0644);
$t->write('keys/encrypted.pem', "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
          . "AAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", 0600);
$t->write('keys/large', 'x' x 65537, 0600);
$t->write('keys/empty.token', "# nothing\n", 0600);
$t->write('keys/none.jwks', '{"keys":[]}');
$t->write('keys/many.jwks', '{"keys":[' . join(',', ('{}') x 257) . ']}');
$t->write('keys/crowded.jwks', '{"keys":[' . join(',', map {
    '{"kty":"OKP","crv":"Ed25519","kid":"k","identity":"a","x":"' . $_ x 42
    . 'A"}' } 'A' .. 'E') . ']}');
$t->write('keys/private.jwks', '{"keys":[{"kty":"OKP","crv":"Ed25519",'
          . '"x":"AA","d":"AA","identity":"a"}]}');
$t->write('denylist', "jti j\nvault\tv\nowner\t..\n");
$t->write('denylist.lines', "\n" x 262_145);
$t->write('denylist.utf16', "\xff\xfej\0");
delete $ENV{MESHKIT_TEST_NO_TOKEN};

my %needs = (
    metadata => 'meshkit_metadata /_m;',
    gateway => 'meshkit_gateway /_g;',
    identity => 'meshkit_identity alice %%DIR%%/keys/alice.pem;',
    owners => 'meshkit_owners %%DIR%%/keys/owners.jwks;',
);


# nginx -t with this in the location, or where it belongs, and all that it needs but for "less".
sub said {
    my ($text, $less, $zone) = @_;

    my $http = $text =~ /^(?:meshkit_max_memory|limit_conn_zone)/ ? $text : '';
    my $server = $text =~ /^(?:meshkit_redact_|listen)/ ? $text : '';
    my $all = join "\n", map { $needs{$_} }
              grep { !defined $less || $_ ne $less } sort keys %needs;

    return $t->test_config(<<"EOC");
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    $http
    ${\ ($zone // '') }
    server {
        listen 127.0.0.1:%%PORT_front%%;
        $all
        $server
        location / {
            meshkit_open cap;
            ${\ ("$server$http" eq '' ? $text : '') }
        }
    }
}
EOC
}


my ($code, $output) = said('');
is($code, 0, 'the configuration without a mistake loads') or diag($output);

my $keys = '%%DIR%%/keys';

# directive, what stands in the location, what is left out, the level, and
# the message; 1 where a document has another word in its place
my @mistakes = (
    [ meshkit_open => '', 'metadata', 'emerg',
      '"meshkit_open" needs "meshkit_metadata <internal prefix>;"' ],
    [ meshkit_open => '', 'gateway', 'emerg',
      'needs at least one "meshkit_gateway <internal prefix>;"' ],
    [ meshkit_open => '', 'identity', 'emerg',
      'needs at least one "meshkit_identity <id> <key.pem>;"' ],
    [ meshkit_open => "meshkit_identity alice $keys/alice.pem; "
                      . "meshkit_identity bob $keys/bob.pem;", undef, 'emerg',
      'needs "meshkit_as <id or variables>;", since there are several '
      . 'identities' ],
    [ meshkit_open => '', 'owners', 'emerg',
      'needs "meshkit_owners <jwks file>;": whose capsules are served' ],
    [ meshkit_open => 'meshkit_read_ahead 65;', undef, 'emerg',
      'needs a "meshkit_read_ahead" of 1 to 64 blocks' ],
    [ meshkit_open => 'listen 127.0.0.1:%%PORT_h2%% http2;', undef, 'warn',
      '"meshkit_open": one HTTP/2 connection may hold 128 files open, set '
      . '"limit_conn", or "http2_max_concurrent_streams" to at most 32' ],
    [ meshkit_max_memory => 'meshkit_max_memory 7m;', undef, 'emerg',
      '"meshkit_max_memory" directive is to be 0 or at least 8m' ],
    [ meshkit_open => 'return 204; empty_gif;', undef, 'emerg',
      '"meshkit_open" stands in a location that serves something else' ],
    [ meshkit_open => 'location /x { empty_gif; meshkit_open cap; }', undef,
      'emerg', '"meshkit_open" directive stands in a location that serves '
      . 'something else' ],
    [ meshkit_as => 'meshkit_as bob;', undef, 'emerg', '"meshkit_as" is "ID", '
      . 'which no "meshkit_identity" here has a key for', '"bob"' => '"ID"' ],
    [ meshkit_deadline => 'meshkit_deadline 0;', undef, 'emerg',
      'needs a "meshkit_deadline" above 0' ],
    [ meshkit_metadata => 'meshkit_metadata metadata;', undef, 'emerg',
      '"metadata" is not a path: name an internal location, as '
      . '"/_meshkit/metadata"' ],
    [ meshkit_metadata => 'meshkit_metadata /m x;', undef, 'emerg',
      'invalid parameter "x", expected "token_file=" or "token_env="' ],
    [ meshkit_metadata => "meshkit_metadata /m token_file=$keys/nothing;",
      undef, 'emerg', 'cannot open' ],
    [ meshkit_metadata => "meshkit_metadata /m token_file=$keys/empty.token;",
      undef, 'emerg', 'does not hold a token for Authorization on a line of its '
      . 'own' ],
    [ meshkit_metadata => 'meshkit_metadata /m '
                          . 'token_env=MESHKIT_TEST_NO_TOKEN;',
      undef, 'emerg', 'the environment variable "NAME" does not hold a '
      . 'token for Authorization', MESHKIT_TEST_NO_TOKEN => 'NAME' ],
    [ meshkit_metadata => '', undef, 'warn', '"meshkit_metadata PREFIX": no '
      . 'location serves it, add "location ^~ PREFIX/ { internal; ... }"',
      '/_m' => 'PREFIX' ],
    [ meshkit_metadata => 'location ^~ /_m/ { }', undef, 'warn',
      '"meshkit_metadata PREFIX": its location "PREFIX/" is not "internal"',
      '/_m' => 'PREFIX' ],
    [ meshkit_metadata => 'location ^~ /_m/ { internal; open_file_cache '
      . 'max=9; }', undef, 'warn', '"meshkit_metadata PREFIX": files from the '
      . '"open_file_cache" of its location "PREFIX/" are refused, set '
      . '"open_file_cache off;" there', '/_m' => 'PREFIX' ],
    [ meshkit_metadata => 'location /_m/ { internal; } location ~ \.php$ { }',
      undef, 'warn', '"meshkit_metadata PREFIX": the regular expression '
      . '"\.php$" may come before its location, which has no "^~"',
      '/_m' => 'PREFIX' ],
    ($t->has('--with-threads') ? [ meshkit_metadata =>
      'aio threads; location ^~ /_m/ { internal; }', undef, 'emerg',
      '"meshkit_metadata PREFIX": "aio" does not work in its location '
      . '"PREFIX/", set "aio off;" there', '/_m' => 'PREFIX' ] : ()),
    [ meshkit_policy => 'meshkit_policy /p x;', undef, 'emerg',
      'invalid parameter "x", expected "format=authzen", "format=lit", '
      . '"token_file=" or "token_env="' ],
    [ meshkit_gateway => 'meshkit_gateway /g x;', undef, 'emerg',
      'invalid parameter "x", expected "auto", "car", "raw", "token_file=" '
      . 'or "token_env="' ],
    [ meshkit_gateway => 'meshkit_gateway /g; ' x 33, undef, 'emerg',
      'stands here more than 32 times' ],
    [ meshkit_identity => "meshkit_identity a/b $keys/alice.pem;", undef,
      'emerg', 'is not an identity: 1 to 128 bytes of UTF-8 without control '
      . 'characters and / \\ ? # %' ],
    [ meshkit_identity => "meshkit_identity a $keys/large;", undef, 'emerg',
      'is not a file of at most 65536 bytes' ],
    [ meshkit_identity => "meshkit_identity a $keys/encrypted.pem;", undef,
      'emerg', 'make one with "meshkitctl keygen"' ],
    [ meshkit_identity => "meshkit_identity a $keys/owner-ed25519.pem;",
      undef, 'emerg',
      'is a signing key, an identity needs a P-256 or X25519 key' ],
    [ meshkit_identity => "meshkit_identity a $keys/alice.pem; " x 2, undef,
      'emerg', 'is there already, or there are more than 256 keys' ],
    [ meshkit_identity => "meshkit_identity alice $keys/open.pem;", undef,
      'warn',
      'can be read by others than its owner, set its mode to 0600' ],
    [ meshkit_action => 'meshkit_action x;', undef, 'emerg',
      'invalid parameter "x", expected "open", "download" or a variable' ],
    [ meshkit_audience => 'meshkit_audience "";', undef, 'emerg',
      '"" is not a name: 1 to 255 bytes of UTF-8 without control '
      . 'characters' ],
    [ meshkit_owners => 'meshkit_owners insecure_any;', undef, 'warn',
      '"meshkit_owners insecure_any": whoever can write a record decides '
      . 'what is served here' ],
    [ meshkit_owners => "meshkit_owners $keys/alice.pem;", undef, 'emerg',
      'is not a JWK Set' ],
    [ meshkit_owners => "meshkit_owners $keys/many.jwks;", undef, 'emerg',
      'holds too many keys' ],
    [ meshkit_owners => "meshkit_owners $keys/private.jwks;", undef, 'emerg',
      'holds a private key where public ones belong' ],
    [ meshkit_owners => "meshkit_owners $keys/none.jwks;", undef, 'emerg',
      'holds no key that can verify and says whose it is' ],
    [ meshkit_owners => "meshkit_owners $keys/crowded.jwks;", undef, 'emerg',
      'holds more than 4 keys with one kid for one identity' ],
    [ meshkit_owners => "meshkit_owners $keys/owners.jwks;", undef, 'warn',
      'are not used: they cannot verify, or have no member "identity"' ],
    [ meshkit_redact_args => 'meshkit_redact_args a=b;', undef, 'emerg',
      'is not a name: 1 to 64 of the characters A-Z a-z 0-9 - _ . ~' ],
    [ meshkit_redact_args => 'meshkit_redact_args '
      . join(' ', map { "n$_" } 1 .. 65) . ';', undef, 'emerg',
      'more than 64 names' ],
    [ meshkit_audit_log => 'meshkit_audit_log /no/such/audit.log;', undef,
      'emerg', '"DIRECTORY" is no directory, make it for the audit log, or '
      . 'name another one', '/no/such/' => 'DIRECTORY' ],
    [ meshkit_audit_log => 'meshkit_audit_log logs/$host.log;', undef,
      'emerg', '"meshkit_audit_log" directive takes no variables' ],
    [ meshkit_denylist => 'meshkit_denylist nothing;', undef, 'emerg',
      'cannot be used: it is not there, and an empty one would deny nothing' ],
    [ meshkit_denylist => 'meshkit_denylist keys;', undef, 'emerg',
      'cannot be used: it is no regular file' ],
    [ meshkit_denylist => 'meshkit_denylist denylist.lines;', undef, 'emerg',
      'cannot be used: it has too many lines' ],
    [ meshkit_denylist => 'meshkit_denylist denylist.utf16;', undef, 'emerg',
      'cannot be used: it is in UTF-16, save it as UTF-8' ],
    (map { [ meshkit_denylist => 'meshkit_denylist denylist;', undef, 'warn',
             "denies nothing: $_" ] }
         'it has no TAB behind a kind',
         'its kind is not capsule, cid, owner, identity or jti',
         'its value is none of that kind'),
    [ meshkit_status => 'location /x { meshkit_status xml; }', undef, 'emerg',
      'invalid parameter "WORD", expected "json" or "prometheus"',
      '"xml"' => '"WORD"' ],
    [ meshkit_status => 'location /x { meshkit_status; meshkit_open cap; }',
      undef, 'emerg', '"meshkit_open" directive stands beside '
      . '"meshkit_status"' ],
    [ meshkit_status => 'meshkit_status;', undef, 'emerg',
      '"meshkit_status" directive stands in a location that serves something '
      . 'else' ],
);

my %made;

# A file that somebody writes without a pause is tried until that was so.
{
    my $message = 'cannot be used: it is being written';
    my $pid = spawn('writer', sub {
        while () {
            $t->write('denylist.moving', '#' x (1 + int rand 1000));
            sleep 0.02;
        }
    });

    wait_for(20, sub { -e $t->dir . '/denylist.moving' }) or die;
    ok(wait_for(60, sub {
        my ($code, $output) = said('meshkit_denylist denylist.moving;');
        return $code == 1 && $output =~ /\[emerg\] .*$message in \S+:\d+/;
    }), "meshkit_denylist: $message");
    end_process($pid);
    $made{"meshkit_denylist\n$message"} = 1;
}

for my $mistake (@mistakes) {
    my ($directive, $text, $less, $level, $message, $from, $to) = @$mistake;

    my ($code, $output) = said($text, $less);
    $output =~ s/\Q$from\E/$to/g if defined $from;

    ok($code == ($level eq 'emerg' ? 1 : 0)
       && $output =~ /\[$level\] .*\Q$message\E.* in \S+:\d+/
       || $message =~ /^cannot open/ && $output =~ /\[emerg\] .*cannot open/,
       "$directive: $message") or diag("exit $code: $output");

    like($sections->{$directive}, qr/^    .*\Q$message\E/m,
         "$directive: is documented");
    $made{"$directive\n$_"} = 1
        for grep { index($_, $message) >= 0 }
            $sections->{$directive} =~ /^    (.+)$/mg;
}


# The other way round: what is documented was seen.
for my $directive (sort keys %{ directives() }) {
    while ($sections->{$directive}
           =~ /^`nginx -t`:\n\n((?:    .+\n)+)/mg)
    {
        for my $message (map { s/^    //r } split /\n/, $1) {
            ok($made{"$directive\n$message"}
               || grep { /\n\Q$message\E$/ } keys %made,
               "$directive: $message was seen");
        }
    }
}

# What the warning about HTTP/2 asks for ends it.
for my $text ('http2_max_concurrent_streams 32;',
              'limit_conn opens 20;', 'location /x { limit_conn opens 20; }')
{
    my ($code, $output) = said("listen 127.0.0.1:%%PORT_h2%% http2; $text",
                               undef, 'limit_conn_zone $binary_remote_addr '
                               . 'zone=opens:1m;');

    ok($code == 0 && ($output =~ /one HTTP.2 connection may hold/ xor
                      $text !~ /^location/), "$text: as it should be")
        or diag("exit $code: $output");
}

# Where it may not stand twice.
for my $name (qw(metadata policy owners as action subject deadline
                 clock_skew max_size read_ahead open capability
                 capability_issuers audience audit_log denylist
                 redact_error_log))
{
    my %value = (metadata => '/m', policy => '/p', as => 'alice',
                 owners => "$keys/owners.jwks", action => 'open',
                 capability_issuers => "$keys/owners.jwks",
                 open => 'cap', audit_log => 'off',
                 denylist => "$keys/owners.jwks",
                 redact_error_log => 'on');
    my $line = "meshkit_$name " . ($value{$name} // '1') . ';';
    my ($code, $output) = said($line x 2);

    ok($code == 1 && $output =~ /"meshkit_$name" directive is duplicate/,
       "meshkit_$name twice is refused") or diag($output);
}

$t->done;
done_testing();
