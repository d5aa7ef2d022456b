# nginx -t finds mistakes and says where, what and what to do; directives are
# inherited as one expects; no key is printed.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(run_command);

$ENV{MESHKIT_TEST_GOOD} = 'token-of-the-environment';
$ENV{MESHKIT_TEST_BAD} = "two words";
$ENV{MESHKIT_TEST_EMPTY} = '';
$ENV{MESHKIT_TEST_LINE} = "a\r\nX-Injected: yes";

my $e = Meshkit::Edge->new(gateways => 1);
my $t = $e->nginx;
my $share = $e->share(size => 1000);
my $keys = $e->dir . '/keys';

$t->write('keys/open.pem', $t->read('keys/alice.pem'), 0644);
$t->write('keys/empty.pem', '', 0600);
$t->write('keys/garbage.pem', "not a key\n", 0600);
$t->write('keys/half.pem', substr($t->read('keys/alice.pem'), 0, 100), 0600);
$t->write('keys/large.pem', 'x' x 2_000_000, 0600);
$t->write('keys/good.token', "token-of-a-file-1234\n", 0600);
$t->write('keys/comment.token', "# nothing\n\n", 0600);
$t->write('keys/words.token', "two words\n", 0600);
$t->write('keys/garbage.jwks', "{\"keys\":", 0600);
$t->write('keys/empty.jwks', '{"keys":[]}', 0600);
$t->write('keys/nameless.jwks', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"'
          . 'A' x 43 . '"}]}', 0600);
mkdir "$keys/folder.pem";
system 'mkfifo', "$keys/fifo.pem";
system qw(openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret -in),
       "$keys/alice.pem", '-out', "$keys/encrypted.pem";
system "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "
       . "$keys/rsa.pem 2>/dev/null";
system "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "
       . "$keys/p384.pem 2>/dev/null";
chmod 0600, glob "$keys/*.pem";
chmod 0644, "$keys/open.pem";

my %good = (
    open => 'meshkit_open $id;',
    metadata => 'meshkit_metadata /_m;',
    gateway => 'meshkit_gateway /_g;',
    identity => 'meshkit_identity alice keys/alice.pem;',
    owners => 'meshkit_owners keys/owners.jwks;',
    more => '',
);


sub text {
    my (%with) = (%good, @_);

    my $http = delete $with{http} // '';
    my @head = split /\n/, $t->expand("%%GLOBALS%%\nevents { }\nhttp {\n"
                                      . "%%HTTP%%\n", 'test.log');

    return join "\n", @head, $http, 'server {',
           "listen 127.0.0.1:%%PORT_front%%;",
           'location ~ ^/(?<id>.*)$ {', (map { $with{$_} }
           qw(open metadata gateway identity owners more)), '} } }', '';
}


sub refused {
    my ($name, $pattern, %with) = @_;

    my ($code, $out) = $t->test_config(text(%with));

    is($code, 1, "$name: is refused");
    like($out, $pattern, "$name: says why");
    like($out, qr/\[emerg\] .* in \S+test\.conf:\d+/, "$name: file and line");
    unlike($out, qr/core dumped|Sanitizer/, "$name: cleanly");
    return $out;
}


sub accepted {
    my ($name, $pattern, %with) = @_;

    my ($code, $out) = $t->test_config(text(%with));

    is($code, 0, "$name: is accepted") or diag $out;
    like($out, $pattern, "$name: says it") if $pattern;
    return $out;
}


my $out = accepted('what is complete', qr/test is successful/);
is(() = $out =~ /\[(?!notice|warn)\w+\]/g, 0, 'and nothing is wrong');


# --- what is missing --------------------------------------------------------

for my $row ([ metadata => qr/meshkit_metadata/ ],
             [ gateway => qr/meshkit_gateway/ ],
             [ identity => qr/meshkit_identity .*key\.pem/ ],
             [ owners => qr/meshkit_owners .*jwks/ ])
{
    my ($name, $pattern) = @$row;
    my $said = refused("no $name", $pattern, $name => '');
    my @lines = split /\n/, text($name => '');
    my ($line) = grep { $lines[$_ - 1] =~ /meshkit_open/ } 1 .. @lines;
    like($said, qr/test\.conf:$line$/m, "no $name: the line of meshkit_open");
}

refused('two identities without meshkit_as', qr/meshkit_as/,
        more => 'meshkit_identity bob keys/bob.pem;');
accepted('two identities with meshkit_as', undef,
         more => 'meshkit_identity bob keys/bob.pem; meshkit_as bob;');
accepted('two keys of one identity', undef,
         more => 'meshkit_identity alice keys/bob.pem;');


# --- words that are not known -----------------------------------------------

refused('an unknown parameter of metadata', qr/"colour=red".*token_file=/,
        metadata => 'meshkit_metadata /_m colour=red;');
refused('an empty token_file', qr/token_file/,
        metadata => 'meshkit_metadata /_m token_file=;');
refused('an unknown form', qr/"zip".*"auto", "car", "raw"/,
        gateway => 'meshkit_gateway /_g zip;');
refused('an unknown policy format', qr/"format=xacml".*format=authzen/,
        more => 'meshkit_policy /_p format=xacml;');
refused('an unknown action', qr/"delete".*"open", "download"/,
        more => 'meshkit_action delete;');
accepted('an action that is a variable', undef,
         more => 'meshkit_action $arg_action;');

for my $prefix ('http://127.0.0.1/', 'relative', '/_m?x=y', '""') {
    refused("a prefix of $prefix", qr/not a path|invalid|empty/,
            metadata => "meshkit_metadata $prefix;");
    refused("a gateway of $prefix", qr/not a path|invalid|empty/,
            gateway => "meshkit_gateway $prefix;");
    refused("a policy of $prefix", qr/not a path|invalid|empty/,
            more => "meshkit_policy $prefix;");
}

for my $identity ('a/b', '..', '.', 'a%20b', 'a?b', 'a#b', '"a\\\\b"',
                  "\"a\x01b\"", 'x' x 129, '""', "\xff")
{
    refused('an identity of ' . ($identity =~ s/[^ -~]/./gr),
            qr/not an identity|empty|invalid/,
            identity => "meshkit_identity $identity keys/alice.pem;");
}

accepted('an identity in UTF-8', undef,
         identity => "meshkit_identity \"J\xc3\xbcrgen x\" keys/alice.pem;");

refused("$_ twice", qr/duplicate/, more => $good{$_})
    for qw(metadata owners open);
refused('policy twice', qr/duplicate/,
        more => 'meshkit_policy /_p; meshkit_policy /_q;');

for my $directive ('meshkit_deadline', 'meshkit_clock_skew',
                   'meshkit_max_size', 'meshkit_read_ahead')
{
    refused("$directive of nonsense", qr/$directive|invalid/,
            more => "$directive often;");
    refused("$directive twice", qr/duplicate/,
            more => "$directive 1; $directive 2;");
}

refused("meshkit_read_ahead of $_", qr/meshkit_read_ahead.*1 to 64/,
        more => "meshkit_read_ahead $_;") for 0, 65, 100000;
accepted("meshkit_read_ahead of $_", undef,
         more => "meshkit_read_ahead $_;") for 1, 64;
refused('meshkit_deadline 0', qr/meshkit_deadline/,
        more => 'meshkit_deadline 0;');

refused('33 gateways', qr/more than 32/,
        more => 'meshkit_gateway /_g;' x 32);
accepted('32 gateways', undef, more => 'meshkit_gateway /_g;' x 31);


# --- files ------------------------------------------------------------------

my %pem = (
    missing => qr/missing\.pem.*No such file/,
    empty => qr/empty\.pem/,
    garbage => qr/garbage\.pem/,
    half => qr/half\.pem/,
    large => qr/large\.pem.*at most \d+ bytes/,
    folder => qr/folder\.pem/,
    fifo => qr/fifo\.pem/,
    encrypted => qr/encrypted\.pem.*(?:encrypted|passphrase|password)/,
    rsa => qr/rsa\.pem/,
    p384 => qr/p384\.pem/,
    'owner-ed25519' => qr/owner-ed25519\.pem.*signing key/,
);

for my $name (sort keys %pem) {
    my $said = refused("a key file: $name", $pem{$name},
                       identity => "meshkit_identity a keys/$name.pem;");
    unlike($said, qr/BEGIN|PRIVATE KEY-/, "a key file, $name: not printed");
}

like(accepted('a key that others can read', qr/\[warn\].*open\.pem.*0600/,
              identity => 'meshkit_identity alice keys/open.pem;'),
     qr/in \S+test\.conf:\d+/, 'a key that others can read: the line');
refused('the same key twice', qr/alice\.pem/, more => $good{identity});

refused('a JWKS that is missing', qr/nothing\.jwks.*No such file/,
        owners => 'meshkit_owners keys/nothing.jwks;');
refused('a JWKS that is no JSON', qr/garbage\.jwks/,
        owners => 'meshkit_owners keys/garbage.jwks;');
refused('a PEM for a JWKS', qr/alice\.pem/,
        owners => 'meshkit_owners keys/alice.pem;');

for my $name (qw(empty nameless)) {
    my ($code, $said) = $t->test_config(text(
        owners => "meshkit_owners keys/$name.jwks;"));
    like($said, qr/\[(?:warn|emerg)\].*$name\.jwks/,
         "a JWKS without a key that can be used ($name) is told");
}

like(accepted('insecure_any', qr/\[warn\].*insecure_any/,
              owners => 'meshkit_owners insecure_any;'),
     qr/in \S+test\.conf:\d+/, 'insecure_any: the line');

accepted('a token of a file', undef,
         metadata => 'meshkit_metadata /_m token_file=keys/good.token;');
accepted('a token of the environment', undef,
         metadata => 'meshkit_metadata /_m token_env=MESHKIT_TEST_GOOD;');
refused("a token file: $_", qr/$_\.token/,
        metadata => "meshkit_metadata /_m token_file=keys/$_.token;")
    for qw(missing comment words);
refused("a token of the environment: $_", qr/MESHKIT_TEST_$_/,
        metadata => "meshkit_metadata /_m token_env=MESHKIT_TEST_$_;")
    for qw(BAD EMPTY LINE UNSET);


# --- where directives may stand ---------------------------------------------

refused('meshkit_open in server', qr/not allowed here/,
        open => "} meshkit_open \$id; location ~ ^/x(?<i2>.*)\$ {");
accepted('all but meshkit_open in http', undef,
         (map { $_ => '' } qw(metadata gateway identity owners)),
         http => join ' ', @good{qw(metadata gateway identity owners)},
         'meshkit_deadline 5s; meshkit_max_size 1g; meshkit_clock_skew 30;'
         . 'meshkit_read_ahead 4; meshkit_subject $remote_user;'
         . 'meshkit_action open; meshkit_policy /_p format=lit;');
refused('meshkit_open without a value', qr/number of arguments/,
        open => 'meshkit_open;');
{
    my ($code, $said) = $t->test_config(text(
        open => 'meshkit_open $nothing_like_it;'));
    is($code, 1, 'an unknown variable: is refused');
    like($said, qr/unknown "nothing_like_it" variable/,
         'an unknown variable: is named');
}


# --- no key is printed ------------------------------------------------------

{
    my $path = $t->write('test.conf', $t->expand(text(
        metadata => 'meshkit_metadata /_m token_file=keys/good.token;',
        more => 'meshkit_policy /_p token_env=MESHKIT_TEST_GOOD;'),
        'test.log'));
    my $r = run_command({}, $t->{binary}, '-p', $e->dir . '/', '-c', $path,
                        '-e', 'stderr', '-T');
    my $said = $r->{out} . $r->{err};

    like($said, qr/meshkit_identity alice/, 'nginx -T prints the directives');
    unlike($said, qr/PRIVATE|token-of-a-file|token-of-the-env/,
           'but no key and no token');
    my ($line) = $t->read('keys/alice.pem') =~ /^([A-Za-z0-9+\/]{40,})$/m;
    is(index($said, substr $line, 0, 30), -1, 'nor a part of one');
}


# --- inheritance, and what it opens -----------------------------------------

{
    my $bob = $e->share(size => 1000, recipient => "bob=t/vectors/keys/bob.pem",
                        id => 'for-bob');

    $e->{text} = { http => <<'EOT', server => <<'EOT' };
meshkit_metadata /_meshkit/metadata;
meshkit_gateway /_gw/0 raw;
meshkit_gateway /_gw/0 car;
meshkit_deadline 7s;
EOT
location ~ ^/http/(?<cap>.*)$ {
    meshkit_open $cap;
}
location /nested/ {
    meshkit_max_size 10;
    location ~ ^/nested/deep/(?<cap>.*)$ {
        meshkit_open $cap;
    }
    location ~ ^/nested/large/(?<cap>.*)$ {
        meshkit_max_size 1m;
        meshkit_open $cap;
    }
}
location ~ ^/bob/(?<cap>.*)$ {
    meshkit_identity bob keys/bob.pem;
    meshkit_open $cap;
}
location ~ ^/gateway/(?<cap>.*)$ {
    meshkit_gateway /_nowhere raw;
    meshkit_open $cap;
}
location ~ ^/any/(?<cap>.*)$ {
    meshkit_owners insecure_any;
    meshkit_open $cap;
}
location ~ ^/both/(?<cap>.*)$ {
    meshkit_identity alice keys/alice.pem;
    meshkit_identity bob keys/bob.pem;
    meshkit_as $arg_as;
    meshkit_open $cap;
}
EOT

    $e->start;

    my @cases = (
        [ "/http/$share->{id}", '200', 'all from http' ],
        [ "/nested/deep/$share->{id}", '413', 'meshkit_max_size of a location '
          . 'around it' ],
        [ "/nested/large/$share->{id}", '200', 'meshkit_max_size of its own' ],
        [ "/bob/$bob->{id}", '200', 'an identity of its own' ],
        [ "/bob/$share->{id}", '403', 'instead of that of http' ],
        [ "/http/$bob->{id}", '403', 'that of http is not bob' ],
        [ "/gateway/$share->{id}", '504|502', 'a gateway of its own, '
          . 'instead of those of http' ],
        [ "/any/$share->{id}", '200', 'owners of its own' ],
        [ "/both/$share->{id}?as=alice", '200', 'two identities: one' ],
        [ "/both/$bob->{id}?as=bob", '200', 'two identities: the other' ],
        [ "/both/$bob->{id}?as=alice", '403', 'two identities: the wrong' ],
        [ "/both/$bob->{id}?as=carol", '403', 'two identities: another' ],
        [ "/both/$bob->{id}", '400', 'two identities: none' ],
    );

    for my $case (@cases) {
        my ($path, $status, $name) = @$case;
        like($e->get($path)->status, qr/^(?:$status)$/, "inherited: $name");
    }
}

$e->done;
done_testing();
