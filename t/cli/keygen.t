# meshkitctl keygen: modes, thumbprints, and files that are not overwritten.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url);
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new;

# RFC 7638: the required members, in order, without white space
my %members = (EC => [qw(crv kty x y)], OKP => [qw(crv kty x)]);


sub thumbprint {
    my ($jwk) = @_;

    my $text = join ',', map { "\"$_\":\"$jwk->{$_}\"" }
               @{ $members{$jwk->{kty}} };
    return encode_base64url(sha256("{$text}"));
}


sub mode { return sprintf '%04o', (stat $c->path($_[0]))[2] & 07777 }


for my $type (qw(p256 x25519 ed25519)) {
    my @out = ('--out', $c->path("$type.pem"),
               '--public', $c->path("$type.jwk"));
    my $r = $c->ok("$type: a key is made", { umask => 0 }, 'keygen',
                   '--type', $type, '--identity', 'alice', @out);
    my $jwk = $c->json($c->read("$type.jwk"));

    $c->watch("$type.pem");
    is(mode("$type.pem"), '0600', "$type: only the owner reads it");
    is(mode("$type.jwk"), '0644', "$type: everybody reads the public key");
    is($jwk->{identity}, 'alice', "$type: the public key names its identity");
    is($jwk->{kid}, thumbprint($jwk), "$type: kid is the thumbprint");
    is($r->{out}, "$jwk->{kid}\n", "$type: and is what is printed");
    ok(!exists $jwk->{d}, "$type: the public key holds no private one");
    like($c->read("$type.pem"), qr/\A-----BEGIN PRIVATE KEY-----\n/,
         "$type: the private key is PKCS#8");
}

my $before = $c->read('p256.pem');
my @again = ('keygen', '--type', 'p256', '--identity', 'alice');

$c->refused('a private key is not overwritten', 3, qr/exists\n.*--force/s,
            @again, '--out', $c->path('p256.pem'));
is($c->read('p256.pem'), $before, 'and is what it was');

$c->refused('a public key is not overwritten', 3, qr/x25519\.jwk exists/,
            @again, '--out', $c->path('new.pem'),
            '--public', $c->path('x25519.jwk'));
ok(!-e $c->path('new.pem'), 'and nothing is written beside it');

$c->ok('--force overwrites', @again, '--out', $c->path('p256.pem'),
       '--force');
isnt($c->read('p256.pem'), $before, 'with another key');
is(mode('p256.pem'), '0600', 'of the same mode');
$c->watch('p256.pem');

my $r = $c->ok('--json', @again, '--out', $c->path('json.pem'), '--json');
my $facts = $c->json($r->{out});
is_deeply([ sort keys %$facts ], [qw(identity kid private type)],
          'prints a document, without the file that was not asked for');
$c->watch('json.pem');

$c->refused('another type', 2, qr/--type is p256, x25519 or ed25519/,
            'keygen', '--type', 'rsa', '--identity', 'a', '--out',
            $c->path('no.pem'));
$c->refused('an identity that could leave its path', 2, qr/--identity/,
            'keygen', '--type', 'p256', '--identity', '../alice', '--out',
            $c->path('no.pem'));
$c->refused('a directory that is not there', 3, qr/cannot write/,
            @again, '--out', $c->path('missing/no.pem'));
ok(!-e $c->path('no.pem'), 'a refusal writes no key');

$c->done;
