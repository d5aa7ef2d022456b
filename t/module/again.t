# Services take their time to answer.  What ends or is denied meanwhile does
# not begin: the time and the denylist are looked at once more, in front of
# the key.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Token qw(jwks);

# seconds until the policy service's yes
my $slow = 3;

my $e = Meshkit::Edge->new(policy => 'authzen', forms => ['raw'],
    nginx => { allow => [ qr/denylist/ ] },
    text => { http => "meshkit_denylist %%DIR%%/lists/all;\n"
                      . "meshkit_capability_issuers "
                      . "%%DIR%%/keys/issuers.jwks;\n" });
my $t = $e->nginx;
my $list = $e->dir . '/lists/all';
my $changes = 0;
my $ines = Meshkit::Token->issuer('ines');

# A file whose times lie far back is at rest; each has its own.
sub deny {
    my ($text) = @_;

    my $new = $t->write('lists/new', $text, 0644);

    utime 1000, 1000 + ++$changes, $new;
    rename $new, $list or die "$list: $!";
}

$t->write('lists/all', "# none\n", 0644);
utime 1000, 1000, $list;
$t->write('keys/issuers.jwks', jwks($ines));
$e->start;


# What the client got, if "meanwhile" happened while the policy was asked.
sub opened {
    my ($share, $meanwhile, @headers) = @_;

    $e->clear;
    $e->policy->allow;
    $e->policy->mode('delay', seconds => $slow);

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'));
    print $socket "GET /raw/$share->{id} HTTP/1.0\r\n"
                  . join('', map { "$_\r\n" } @headers) . "\r\n";
    $socket->flush;

    my $asked = wait_for(30, sub { $e->policy->count
                                   || IO::Select->new($socket)
                                                 ->can_read(0) })
                && $e->policy->count;
    $meanwhile->() if $asked;

    local $/;
    my $bytes = <$socket> // '';

    $e->policy->mode('ok');

    my ($status) = $bytes =~ m{\AHTTP/1\.\d (\d+)};
    my ($code) = $bytes =~ /"code":"(\w+)"/;
    $code //= $bytes =~ /\r\n\r\n\Q$share->{plain}\E\z/s ? 'whole' : 'none';

    return ($asked ? 1 : 0, "$status $code");
}


my $share = $e->share(size => 1000, policy_id => 'p');
my ($asked, $got) = opened($share, sub { });

is($got, '200 whole', 'a slow yes is a yes');

for my $row ([ 'the capsule', "capsule\t%s\twhy\n", 'id' ],
             [ 'the CID', "cid\t%s\twhy\n", 'cid' ],
             [ 'the owner', "owner\towner\twhy\n" ],
             [ 'the identity', "identity\talice\twhy\n" ])
{
    my ($what, $line, $member) = @$row;

    ($asked, $got) = opened($share, sub {
        deny(defined $member ? sprintf $line, $share->{$member} : $line);
    });

    is("$asked $got", '1 410 share_revoked', "$what is denied meanwhile");
    is($e->gateway->count, 0, "$what is denied meanwhile: nothing fetched");
    deny("# none\n");
}


$slow = 8;

# On a busy machine a share may end before it is asked for: then once more.
for my $try (1 .. 5) {
    my $ends = time + 5;
    my $short = $e->share(size => 1000, policy_id => 'p', exp => $ends);

    ($asked, $got) = opened($short, sub { });
    last if $asked;
}

is("$asked $got", '1 410 share_expired', 'the share ends meanwhile');


$slow = 3;

my $bound = $e->share(size => 1000, policy_id => 'p',
                      capability_issuer => 'ines');

sub token {
    my (%claims) = @_;

    my $jti = 'jti-' . ++$changes;
    my $token = $ines->mint(claims => {
        iss => 'ines', sub => 'alice', jti => $jti, exp => time + 600,
        cap => { capsule => $bound->{id}, actions => ['open'] }, %claims });

    $e->metadata->capability($jti, 'active');
    $t->secret($token);
    return ($jti, "X-MeshKit-Capability: $token");
}

my ($jti, $header) = token();

($asked, $got) = opened($bound, sub { deny("jti\t$jti\twhy\n") }, $header);
is("$asked $got", '1 403 capability_denied', 'the token is denied meanwhile');
deny("# none\n");

($jti, $header) = token();
($asked, $got) = opened($bound, sub { }, $header);
is("$asked $got", '1 200 whole', 'another token is good');

$slow = 8;

for my $try (1 .. 5) {
    ($jti, $header) = token(exp => time + 5);
    ($asked, $got) = opened($bound, sub { }, $header);
    last if $asked;
}

is("$asked $got", '1 403 capability_denied', 'the token ends meanwhile');

$e->done;
done_testing();
