# What meshkitctl seals and shares, the vectors' reader opens: it is Python,
# and has no line in common with the library.

use strict;
use warnings;

use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;
use Meshkit::Process qw(run_command);

my $c = Meshkit::Cli->new;

plan(skip_all => 'python3-cryptography is not installed')
    if run_command({}, 'python3', '-c', 'import cryptography')->{exit} != 0;


sub reader {
    my ($id, $key, $owners) = @_;

    return run_command({ timeout => 60 }, 'python3',
                       't/cli/open-with-reader.py',
                       $c->path("metadata/v1/capsules/$id"), $id, 'edge',
                       map { $c->path($_) } $key, $owners, 'blocks');
}


my $bytes = join '', map { pack 'N', $_ } 1 .. 700_000;

for my $types ([qw(p256 p256)], [qw(x25519 ed25519)]) {
    my ($opens, $signs) = @$types;

    unlink glob $c->path('*.{pem,jwk}');
    $c->cast($opens, $signs);

    for my $size (0, 1, 65504, 1_000_000, length $bytes) {
        my $plain = substr $bytes, 0, $size;

        $c->seal($plain, '--segment', $size % 2 ? 1048576 : 65536,
                 '--name', "n\xc3\xa4me", '--type', 'text/plain');
        my $r = reader($c->share('--expires', '+1h', '--not-before',
                                 '1700000000'), 'edge.pem', 'owners.jwks');
        is($r->{err}, "ok\n", "$opens, $signs, $size bytes: opened");
        ok($r->{out} eq $plain, 'byte for byte');
    }

    is(reader($c->share('--not-before', '+1h'), 'edge.pem', 'owners.jwks')
       ->{err}, "share_not_yet_valid\n", "$opens, $signs: terms are read");
    is(reader($c->share('--capability-issuer', 'i'), 'edge.pem',
              'owners.jwks')->{err}, "capability_required\n",
       "$opens, $signs: a capability is read");
    is(reader($c->share, 'alice.pem', 'owners.jwks')->{err},
       "recipient_not_authorized\n", "$opens, $signs: for nobody else");

    my $id = $c->share;
    $c->run('revoke', $id, '--metadata', $c->path('metadata'));
    is(reader($id, 'edge.pem', 'owners.jwks')->{err}, "share_revoked\n",
       "$opens, $signs: a revocation is read");
}

$c->done;
