# Helia's verified-fetch as a gateway, which deviates from what gateways
# promise here and there; its reader and its importer, with what meshkitctl
# seals.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json encode_json);
use List::Util qw(max);
use Test::More;

use Meshkit::Cid qw(cid_make cid_parse cid_text DAG_PB);
use Meshkit::Dag qw(dag_pb unixfs);
use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command wait_for);

# a leaf of the shares here is a segment
use constant { LEAF => 65536, OPENED => 65536 - 32, MIB => 1 << 20 };

# Gateways as operators may have them: a cache that keeps everything for an
# hour, one that keeps what the gateway says, and one that is told that
# everything is accepted.
my %ways = (
    hour => 'proxy_buffering on; proxy_cache blocks; proxy_cache_valid any 1h;'
            . 'proxy_ignore_headers Cache-Control Expires Vary;',
    word => 'proxy_buffering on; proxy_cache blocks;',
    files => 'proxy_set_header Accept "*/*";',
    fileshour => 'proxy_buffering on; proxy_cache blocks;'
                 . 'proxy_set_header Accept "*/*";',
);

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 40, text => {
    http => 'proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;',
    server => 'proxy_read_timeout 20s;'
              . join('', map { way($_, $ways{$_}) } sort keys %ways) });
my $t = $e->nginx;
my $honest = $e->gateway(1);

# Helia takes the place of the first gateway.  It has blocks of its own.
$t->port('gw0', $t->port('helia'));
mkdir my $store = $t->dir . '/helia';
mkdir $t->dir . '/sealed';


sub way {
    my ($name, $directives) = @_;

    return join '', map { <<"EOT" } qw(raw car);
location ~ ^/$name/$_/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_$name/$_ $_;
}
location ^~ /_$name/$_/ {
    internal;
    proxy_pass http://gw0/;
    $directives
}
EOT
}


my $helia = Meshkit::Neighbour->new('helia', dir => $t->dir);
my ($tree) = $helia->program =~ m{^(.*)/node_modules/};

$helia->version(qr/^([\d.]+)$/m, '-p', 'JSON.parse(fs.readFileSync("'
                . "$tree/node_modules/helia/package.json" . '")).version');
$helia->start(command => command('--unhandled-rejections=warn'),
              ready => sub { $helia->log =~ /^ready\n\z/m });
$e->start;


# A block that is missing in a CAR is, besides an error for who reads it, a
# rejected promise that nobody handles; node ends at that unless told.
sub command {
    return [ @_, "$tree/gateway.mjs", $t->port('helia'), $store ];
}


# --- shares, and Helia's blocks ---------------------------------------------

sub share {
    my (%opt) = @_;

    my $share = $e->share(%opt);

    $share->{blocks} = [ $honest->entries($share->{cid}) ];
    give($_) for @{ $share->{blocks} };
    return $share;
}


sub give {
    my ($cid, $bytes) = @_;

    $t->write("helia/$cid", $bytes // $t->read("share/blocks/$cid"));
}


sub take { unlink "$store/$_[0]" or die "$_[0]: $!" }


sub damage {
    my ($cid) = @_;

    my $bytes = $t->read("share/blocks/$cid");

    substr($bytes, length($bytes) / 2, 1) ^= "\1";
    give($cid, $bytes);
}


sub meshkitctl {
    my @args = @_;

    my $r = run_command({}, 'build/meshkitctl', @args, '--json');

    die "meshkitctl: $r->{err}" if $r->{exit} != 0;
    return decode_json($r->{out});
}


# Sealed and shared by meshkitctl, its blocks in Helia's directory.
sub sealed {
    my ($id, $size) = @_;

    my $dir = $t->dir;
    my @owner = ('--key' => "$dir/keys/bob.pem",
                 '--sign' => "$dir/keys/owner-ed25519.pem");
    my $plain = join '', map { pack 'N', $_ * 2654435761 % 2 ** 32 }
                         1 .. $size / 4 + 1;

    $plain = substr $plain, 0, $size;
    $t->write("sealed/$id", $plain);

    my $made = meshkitctl(seal => "$dir/sealed/$id", '--owner' => 'owner',
                          @owner, '--capsule' => "$dir/sealed/$id.json",
                          '--blocks' => $store);

    meshkitctl(share => "$dir/sealed/$id.json", @owner, '--id' => $id,
               '--to' => "alice=$dir/sealed/alice.jwk",
               '--metadata' => "$dir/sealed");
    $e->metadata->record("/v1/capsules/$id",
                         $t->read("sealed/v1/capsules/$id"));

    return { %$made, id => $id, plain => $plain };
}


my ($alice) = grep { $_->{identity} eq 'alice' } @{ decode_json(
    Meshkit::Process::slurp('t/vectors/keys/recipients.jwks'))->{keys} };
$t->write('sealed/alice.jwk', encode_json($alice));


# --- what was asked, what came ----------------------------------------------

my $seen = 0;

sub forget { $seen = length $helia->log; $e->clear }


# What Helia was asked for since, as "car 200" or "raw 412".
sub asked {
    return map { /^GET \S*[?&]format=(\w+)\S* (\d+)$/ ? "$1 $2" : () }
           split /\n/, substr $helia->log, $seen;
}


# "car 200" => 1, ...
sub counted { my %n; $n{$_}++ for @_; return \%n }


# A request at gateways of which nothing is remembered: its outcome, and how
# many gateways it left.
sub outcome {
    my ($path, $share, @opt) = @_;

    forget();

    my $r = $e->get($path =~ m{^/(?:one/)?(?:raw|car|auto)/}
                    ? $e->fresh($path . $share->{id})
                    : $path . $share->{id}, @opt);
    my $log = $e->log($r);

    return ($e->outcome($r, $share) . ", $log->{gateways_failed} left",
            $r, $log);
}


sub outcome_is {
    my ($path, $share, $wanted, $asked, $name) = @_;

    my ($is, $r, $log) = outcome($path, $share);

    is($is, $wanted, $name) or diag explain $log;
    is_deeply(counted(asked()), $asked, "$name: what Helia was asked");
    return ($r, $log);
}


my ($car, $raw) = ('car 200', 'raw 200');
my $one = share(size => 1000, id => 'one');
my $file = share(size => 700_000, id => 'file');
my $deep = share(size => 700_000, id => 'deep', width => 3);
my $large = share(size => 12 * MIB, id => 'large', width => 16);
my $n = @{ $file->{blocks} };

# --- exercises --------------------------------------------------------------

$helia->exercise('opens by raw blocks: one, several, on levels' => sub {
    outcome_is('/one/raw/', $one, '200 ok, 0 left', { $raw => 1 }, 'one');
    outcome_is('/one/raw/', $file, '200 ok, 0 left', { $raw => $n },
               'several');
    outcome_is('/one/raw/', $deep, '200 ok, 0 left',
               { $raw => scalar @{ $deep->{blocks} } }, 'levels');
});


$helia->exercise('opens by one CAR, of the order that was asked' => sub {
    for my $form (qw(car auto)) {
        outcome_is("/one/$form/", $_, '200 ok, 0 left', { $car => 1 },
                   "$form, $_->{id}") for $one, $file, $deep, $large;
    }
});


$helia->exercise("opens what meshkitctl sealed and shared" => sub {
    my $small = sealed('small', 1000);
    my $leaves = sealed('leaves', 3.5 * MIB);

    is($leaves->{blocks}, 5, 'four leaves and a root');

    for my $form (qw(raw car auto)) {
        outcome_is("/one/$form/", $small, '200 ok, 0 left',
                   { $form eq 'raw' ? $raw : $car => 1 }, "$form, a block");
        outcome_is("/one/$form/", $leaves, '200 ok, 0 left',
                   $form eq 'raw' ? { $raw => 5 } : { $car => 1 },
                   "$form, leaves of 1 MiB");
    }
});

$helia->stop;
$e->done;
done_testing();
