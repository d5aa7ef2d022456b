# meshkitctl share and inspect: terms, recipients, ids, and what is shown.

use strict;
use warnings;

use MIME::Base64 qw(decode_base64url);
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new->cast;
$c->identity('bob', 'p256');
$c->identity('carol', 'x25519');

my $sealed = $c->seal('shared text', '--name', 'a.txt', '--type',
                      'text/plain');


sub record { return $c->json($c->read("metadata/v1/capsules/$_[0]")) }


sub terms {
    my ($record) = @_;

    return $c->json(decode_base64url($record->{capsule}{payload}));
}


sub inspect {
    my ($id, @args) = @_;

    my $r = $c->ok("$id: inspected", 'inspect',
                   $c->path("metadata/v1/capsules/$id"), @args);
    return $r->{out};
}


sub no_share {
    my ($name, $exit, $message, @args) = @_;

    return $c->refused($name, $exit, $message, $c->share_args(@args));
}

# --- a share and its record -------------------------------------------------

my $id = $c->share;
my $record = record($id);
my $terms = terms($record);

like($id, qr/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/, 'the id is 16 random bytes');
isnt($c->share, $id, 'another share has another');
is($record->{status}{state}, 'active', 'the record is active');
is($record->{capsule}{profile}, 'meshkit-gateway/1', 'of our profile');
is_deeply([ map { $_->{recipient} } @{ $record->{capsule}{wraps} } ],
          ['edge'], 'the key is wrapped for the recipient alone');
is($terms->{id}, $id, 'the signed id is the one that was printed');
is($terms->{cid}, $sealed->{cid}, 'and names the sealed file');
isnt($terms->{id}, $sealed->{id}, 'the owner keeps a capsule of his own');
ok(!exists $terms->{$_}, "no $_ unless asked for")
    for qw(exp nbf policyId vaultId capability);
is((stat $c->path("metadata/v1/capsules/$id"))[2] & 0777, 0644,
   'a web server can read it');

is($c->share('--id', 'quarterly-report'), 'quarterly-report', 'a given id');
no_share('an id is not given twice', 3, qr/hint: .*--id/,
         '--id', 'quarterly-report');
no_share('an id that leaves the directory', 2, qr/--id is not an id/,
         '--id', '../x');

my $r = $c->ok('--json', $c->share_args('--json', '--id', 'as-json', '--to',
               'bob=' . $c->path('bob.jwk'), '--to',
               'carol=' . $c->path('carol.pem')));
is_deeply($c->json($r->{out}),
          { id => 'as-json', recipients => ['bob', 'carol'] },
          'names the id and the recipients');

# --- terms ------------------------------------------------------------------

$id = $c->share('--expires', '2030-01-31T12:00:00Z', '--not-before',
                '1700000000', '--policy', 'p1', '--vault', 'v1',
                '--capability-issuer', 'issuer', '--capability-for',
                'download', '--no-download');
$terms = terms(record($id));

is($terms->{exp}, 1896091200, 'RFC 3339 in UTC');
is($terms->{nbf}, 1700000000, 'NumericDate');
is($terms->{policyId}, 'p1', 'policy');
is($terms->{vaultId}, 'v1', 'vault');
is_deeply($terms->{capability}, { issuer => 'issuer',
                                  actions => ['download'] }, 'capability');
ok(!$terms->{allowDownload}, 'no download');

my $seen = inspect($id);
like($seen, qr/^\Q$_\E$/m, "inspect shows: $_")
    for 'expires       2030-01-31T12:00:00Z',
        'notBefore     2023-11-14T22:13:20Z', 'policy        p1',
        'vault         v1', 'download      no', 'state         active',
        'capability    issuer issuer, for download',
        'signature     not checked', 'name          a.txt';
like($seen, qr/^wrap +recipient edge, kid \S{43}, alg HPKE-X25519-/m,
     'and a wrap by recipient, kid and alg');

for my $wrap (@{ record($id)->{capsule}{wraps} }) {
    unlike($seen . inspect($id, '--json'), qr/\Q$wrap->{$_}\E/,
           "never by $_") for qw(enc ct);
}

my %moments = ('+90s' => 90, '+2m' => 120, '+3h' => 10800, '+7d' => 604800,
               '+1w' => 604800);

for my $text (sort keys %moments) {
    my $got = terms(record($c->share('--expires', $text)));
    is($got->{exp} - $got->{iat}, $moments{$text}, "--expires $text");
}

is(terms(record($c->share('--expires', '2030-01-31T12:00:00+02:30')))->{exp},
   1896091200 - 9000, 'RFC 3339 with an offset');

no_share("--expires $_ is no moment", 2, qr/--expires is not a moment\n.*\+7d/,
         '--expires', $_)
    for '7d', '+7', '+7y', '-1', 'tomorrow', '', '+', '+-1d',
        '2030-02-30T00:00:00Z', '2030-01-31', '2030-01-31T12:00:00',
        '2030-01-31T24:00:00Z', '99999999999999999999', '+999999999999w',
        '1.5', '2030-01-31T12:00:00+2:00';
no_share('a moment that is over', 2, qr/in the past/, '--expires', '1000');
no_share('never to be opened', 2, qr/--not-before is not before/,
         '--expires', '+1h', '--not-before', '+1h');
no_share('actions without an issuer', 2, qr/--capability-issuer/,
         '--capability-for', 'open');
no_share('another action', 2, qr/--capability-for is/, '--capability-issuer',
         'i', '--capability-for', 'open,');
no_share('a policy that is no identifier', 2, qr/--policy/, '--policy',
         'a/b');

# --- signatures -------------------------------------------------------------

like(inspect($id, '--owners', $c->path('owners.jwks')),
     qr/^signature +valid, of a trusted owner$/m, 'a trusted signature');

$c->run('keygen', '--type', 'ed25519', '--identity', 'alice', '--out',
        $c->path('mallory.pem'), '--public', $c->path('mallory.jwk'));
$c->write('others.jwks', '{"keys":[' . $c->read('mallory.jwk') . ']}');

$r = $c->refused('an untrusted one', 1, qr/^meshkitctl: invalid_capsule: /,
                 'inspect', $c->path("metadata/v1/capsules/$id"), '--json',
                 '--owners', $c->path('others.jwks'));
is($c->json($r->{out})->{signature}, 'not of a trusted owner',
   'is shown as such, in one document');

my @foreign = ('share', $c->path('sealed.capsule'), '--key',
               $c->path('alice.pem'), '--sign', $c->path('mallory.pem'),
               '--to', 'edge=' . $c->path('edge.jwk'), '--metadata',
               $c->path('metadata'));
$c->refused('a capsule that somebody else signed is not shared', 1,
            qr/invalid_capsule: .*--sign/, @foreign);
$c->refused('nor one that the key does not open', 1,
            qr/recipient_not_authorized: .*--key/, 'share',
            $c->path('sealed.capsule'), '--key', $c->path('bob.pem'),
            '--sign', $c->path('alice-sign.pem'), '--to',
            'edge=' . $c->path('edge.jwk'), '--metadata',
            $c->path('metadata'));

# --- recipients -------------------------------------------------------------

no_share("--to $_", 2, qr/--to is ID=KEY/, '--to', $_) for 'edge', '=a', 'a=';
no_share('the key of another identity', 5, qr/another identity than edge/,
         '--to', 'edge=' . $c->path('bob.jwk'));
no_share('a key that only signs', 5, qr/only signs/,
         '--to', 'alice=' . $c->path('alice-sign.jwk'));
no_share('a file that is no key', 5, qr/meshkitctl: \S*plain /,
         '--to', 'edge=' . $c->path('plain'));
$c->refused('nobody to share with', 2, qr/--to is missing/, 'share',
            $c->path('sealed.capsule'), '--key', $c->path('alice.pem'),
            '--sign', $c->path('alice-sign.pem'), '--metadata',
            $c->path('metadata'));

# --- the same payload -------------------------------------------------------

my @same = $c->share_args('--same-payload');
is($c->ok('--same-payload', @same)->{out}, "$sealed->{id}\n",
   'keeps the id that is signed');
$record = record($sealed->{id});
is_deeply([ map { $_->{recipient} } @{ $record->{capsule}{wraps} } ],
          [qw(alice edge)], 'and adds a recipient');
$c->ok('a second time', @same, '--to', 'bob=' . $c->path('bob.jwk'));
my $wraps = record($sealed->{id})->{capsule}{wraps};
is_deeply([ sort map { $_->{recipient} } @$wraps ],
          [qw(alice bob edge)], 'those who were there stay');
is(record($sealed->{id})->{capsule}{payload}, $record->{capsule}{payload},
   'what is signed is the same');

no_share('--same-payload with a term', 2, qr/keeps the terms/,
         '--same-payload', '--expires', '+1d');
$c->run('revoke', $sealed->{id}, '--metadata', $c->path('metadata'));
no_share('a revoked share gets no recipient', 1, qr/share_revoked/,
         '--same-payload');

# --- texts that somebody else wrote -----------------------------------------

my $theirs = $c->json($c->read('sealed.capsule'));
push @{ $theirs->{wraps} }, { %{ $theirs->{wraps}[0] }, recipient => 'eve',
                              alg => "\e[2J\x{9b}2J\nowner bob" };
$c->write('theirs', JSON::PP->new->utf8->encode($theirs));
$r = $c->run('inspect', $c->path('theirs'));
unlike($r->{out} . $r->{err}, qr/[\e\x9b]|^owner bob/m,
       'no control character reaches the terminal');

# --- files that are none ----------------------------------------------------

$c->refused('a capsule that is not there', 3, qr/cannot read/, 'inspect',
            $c->path('missing'));
$c->refused("a file that is none: $_->[0]", 1, qr/invalid_capsule/,
            'inspect', $c->write('bad', $_->[1]))
    for ['empty', ''], ['text', 'hello'], ['an array', '[]'],
        ['no members', '{}'], ['trailing', $c->read('sealed.capsule') . '{}'];
$c->refused('a file that is too long', 3, qr/longer than 65536 bytes/,
            'inspect', $c->write('bad', ' ' x 65537));

$c->done;
