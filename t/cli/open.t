# meshkitctl open: every refusal by its name, and no byte that is not authentic.

use strict;
use warnings;

use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new->cast;
$c->identity('bob', 'x25519');

my $bytes = join '', map { pack 'N', $_ } 1 .. 700_000;
my $sealed = $c->seal($bytes);
my $id = $c->share;


sub refused {
    my ($name, $code, @args) = @_;

    unlink $c->path('out');
    my $r = $c->refused($name, 1, qr/^meshkitctl: $code: [a-z].*\nmesh.*hint/m,
                        $c->open_args(@args));
    ok(!-e $c->path('out'), "$name: no file");
    return $r;
}

# --- who may open -----------------------------------------------------------

my $r = $c->open($id, '--json');
my $facts = $c->json($r->{out});
is_deeply([ @$facts{qw(outcome id identity size)} ],
          [ 'ok', $id, 'edge', length $bytes ], 'opened, as a document');
ok($c->read('out') eq $bytes, 'byte for byte');
is((stat $c->path('out'))[2] & 0777, 0600, 'for the owner alone');

is($c->open($c->path('sealed.capsule'), '--as', 'alice', '--key',
            $c->path('alice.pem'))->{exit}, 0,
   'the owner opens from the capsule');
is($c->open($c->path("metadata/v1/capsules/$id"))->{exit}, 0,
   'a record is opened from its file');

refused('another identity', 'recipient_not_authorized', $id, '--as', 'bob',
        '--key', $c->path('bob.pem'));
refused('another key', 'recipient_not_authorized', $id, '--key',
        $c->path('bob.pem'));
refused('a share that is not there', 'capsule_not_found', 'missing');

$c->run('keygen', '--type', 'ed25519', '--identity', 'alice', '--out',
        $c->path('m.pem'), '--public', $c->path('m.jwk'));
$c->write('others.jwks', '{"keys":[' . $c->read('m.jwk') . ']}');
refused('an untrusted owner', 'invalid_capsule', $id, '--owners',
        $c->path('others.jwks'));
$r = $c->open($id, '--insecure-any-owner');
is($r->{exit}, 0, '--insecure-any-owner opens it');
like($r->{err}, qr/warning: whoever signed/, 'with a warning');

$c->write('metadata/v1/capsules/renamed',
          $c->read("metadata/v1/capsules/$id"));
refused('a record under another id', 'invalid_capsule', 'renamed');
my $capsule = $c->json($c->read("metadata/v1/capsules/$id"))->{capsule};
$c->write('metadata/v1/capsules/bare', JSON::PP->new->encode($capsule));
refused('a record without a status', 'metadata_provider_error', 'bare');

# --- terms ------------------------------------------------------------------

refused('before its time', 'share_not_yet_valid',
        $c->share('--not-before', '+1h'));
refused('a policy', 'policy_provider_required', $c->share('--policy', 'p'));
refused('a vault', 'vault_provider_error', $c->share('--vault', 'v'));
refused('a capability', 'capability_required',
        $c->share('--capability-issuer', 'i'));
is($c->open($c->share('--capability-issuer', 'i', '--capability-for',
                      'download'))->{exit}, 0,
   'a capability for another action');
refused('a download that is not allowed', 'download_not_allowed',
        $c->share('--no-download'), '--action', 'download');
is($c->open($c->share('--no-download'))->{exit}, 0, 'it may be viewed');

my $short = $c->share('--expires', '+1s');
sleep 2;
refused('expired', 'share_expired', $short);

$r = refused('with --json', 'share_expired', $short, '--json');
is($c->json($r->{out})->{outcome}, 'share_expired', 'a document says so');

# --- blocks -----------------------------------------------------------------

my @leaves = sort { -s $b <=> -s $a } grep { m{/blocks/bafk} } $c->files;
my ($name) = $leaves[0] =~ m{([^/]+)$};
my $good = $c->read("blocks/$name");

substr(my $bad = $good, 500_000, 1) ^= "\1";
$c->write("blocks/$name", $bad);
refused('a changed block', 'cid_mismatch', $id);

$c->write('out', 'what was there');
$c->run($c->open_args($id));
is($c->read('out'), 'what was there', 'a file that is there stays');

$r = $c->run({ plain => 1 }, $c->open_args($id, '--out', '-'));
is($r->{exit}, 1, 'streamed, it fails as well');
cmp_ok(length $r->{out}, '<', length $bytes, 'and ends early');
ok($r->{out} eq substr($bytes, 0, length $r->{out}),
   'what came out is authentic');

unlink $c->path("blocks/$name");
refused('a missing block', 'provider_request_failed', $id);
$c->write("blocks/$name", $good);
$r = $c->run({ plain => 1 }, $c->open_args($id, '--out', '-'));
ok($r->{exit} == 0 && $r->{out} eq $bytes, 'streamed, whole');

my $again = $c->seal($bytes);
is($c->open($id)->{exit}, 0, 'an older share is not touched by a new sealing');

$c->write("blocks/$name", $bad);
$facts = $c->seal('x');
$c->write("blocks/$facts->{cid}", 'wrong');
refused('a block of a single-block file', 'cid_mismatch',
        $c->path('sealed.capsule'), '--as', 'alice', '--key',
        $c->path('alice.pem'));

# --- how it is called -------------------------------------------------------

my @to = ('--as', 'edge', '--key', $c->path('edge.pem'));
$c->refused('nobody to trust', 2, qr/--owners and --insecure-any-owner/,
            'open', $id, @to, '--blocks', $c->path('blocks'));
$c->refused('no blocks', 2, qr/--blocks and --gateway/, 'open', $id, @to,
            '--insecure-any-owner');
$c->refused('another action', 2, qr/--action is open or download/,
            $c->open_args($id, '--action', 'peek'));
$c->refused('a document beside plaintext', 2, qr/--json needs --out/,
            $c->open_args($id, '--out', '-', '--json'));
$c->refused('a place that cannot be written', 3, qr/cannot write/,
            $c->open_args($short = $c->share, '--out',
                          $c->path('missing/out')));
$c->refused('a JWKS that is none', 5, qr/hint: a key set is/,
            $c->open_args($id, '--owners', $c->path('plain')));

$c->done;
