# meshkitctl revoke: the record says so from now on.

use strict;
use warnings;

use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new->cast;
$c->seal('to be revoked');

my $id = $c->share;
my $other = $c->share;
my $file = "metadata/v1/capsules/$id";
my $before = $c->json($c->read($file));
my @from = ('--metadata', $c->path('metadata'));

is($c->open($id)->{exit}, 0, 'it opens before');

my $r = $c->ok('revoked', 'revoke', $id, @from);
like($r->{out}, qr/^id +\Q$id\E\nrevoked +\d{4}-\d\d-\d\dT.*Z$/,
     'says what and when');

my $after = $c->json($c->read($file));
is($after->{status}{state}, 'revoked', 'the state is revoked');
cmp_ok(abs($after->{status}{revokedAt} - time), '<', 30, 'since now');
is_deeply($after->{capsule}, $before->{capsule}, 'the capsule is the same');

$r = $c->open($id);
is($r->{exit}, 1, 'it does not open any more');
like($r->{err}, qr/^meshkitctl: share_revoked: the share was revoked/m,
     'and says why');
ok(!-e $c->path('out'), 'there is no file');
is($c->open($other)->{exit}, 0, 'another share of the file still opens');

like($c->run('inspect', $c->path($file))->{out}, qr/^state +revoked$/m,
     'inspect shows it');

$after->{status}{revokedAt} = 1700000000;
$c->write($file, JSON::PP->new->encode($after));
$r = $c->ok('revoked again', 'revoke', $id, @from, '--json');
is($c->json($r->{out})->{revoked}, '2023-11-14T22:13:20Z',
   'it keeps the time of the first');

$c->refused('a share that is not there', 1, qr/^meshkitctl: capsule_not_f/,
            'revoke', 'missing', @from);
$c->refused('an id that leaves the directory', 2, qr/ID is not an id/,
            'revoke', '../../x', @from);
$c->refused('no place', 2, qr/one of --metadata and --metadata-url/,
            'revoke', $id);
$c->refused('two places', 2, qr/one of --metadata and --metadata-url/,
            'revoke', $id, @from, '--metadata-url', 'http://localhost');
$c->write("metadata/v1/capsules/bad", '{"capsule":{}}');
$c->refused('a record that cannot be read', 1, qr/as it is published/,
            'revoke', 'bad', @from);

$c->done;
