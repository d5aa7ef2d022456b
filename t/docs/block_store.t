# conf.d/block-store.conf: what meshkitctl sealed, served as a trustless
# gateway by an nginx without the module, and opened through it.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Example qw(include);
use Meshkit::Cid qw(cid_make cid_text cid_with RAW);
use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Nginx;
use Meshkit::Process qw(run_command);

my $keys = 't/vectors/keys';
my $store = Meshkit::Nginx->new(no_module => 1, log_level => 'info');
my $e = Meshkit::Edge->new(asked => 1, fresh => 20);
my $port = $store->port('front');
my $raw = 'application/vnd.ipld.raw';

mkdir $store->dir . "/$_" for qw(blocks cars);
$store->config(include('conf.d/block-store.conf'))->start;
$e->nginx->port(gw0 => $port);
$e->start;


sub meshkitctl {
    my (@args) = @_;

    my $r = run_command({}, 'build/meshkitctl', @args);

    is($r->{exit}, 0, "meshkitctl $args[0]") or diag $r->{err};
    return $r->{out};
}


sub sealed {
    my ($id, $bytes) = @_;

    my $dir = $store->dir;
    my $file = $store->write("$id.bin", $bytes);
    my $json = meshkitctl(
        'seal', $file, '--owner', 'owner', '--sign',
        "$keys/owner-ed25519.pem", '--key', "$keys/carol.pem", '--capsule',
        "$dir/$id.capsule", '--blocks', "$dir/blocks", '--car',
        "$dir/cars/new.car", '--json');
    my ($cid) = $json =~ /"cid":\s*"(\w+)"/;

    rename "$dir/cars/new.car", "$dir/cars/$cid.car" or die $!;
    meshkitctl('share', "$dir/$id.capsule", '--id', $id, '--key',
               "$keys/carol.pem", '--sign', "$keys/owner-ed25519.pem",
               '--to', "alice=$keys/alice.pem", '--metadata', "$dir/out");
    $e->metadata->record("/v1/capsules/$id",
                         $store->read("out/v1/capsules/$id"));
    return { id => $id, cid => $cid, plain => $bytes };
}


sub ask {
    my ($path, @headers) = @_;

    return http_get($port, $path, headers => \@headers);
}


my $small = sealed('small', 'x' x 1000);
my $file = sealed('file', join '', map { pack 'N', $_ } 1 .. 800_000);


subtest 'shares open through it' => sub {
    for my $share ($small, $file) {
        for my $form (qw(car raw auto)) {
            my $r = $e->get($e->fresh("/$form/$share->{id}"));
            is($e->outcome($r, $share), '200 ok', "$share->{id} by $form");
            is($e->log($r)->{gateways_failed}, 0, 'without a fault');
        }
    }

    # a CAR that nobody made is no CAR, and blocks are there all the same
    unlink $store->dir . "/cars/$file->{cid}.car" or die $!;
    my $r = $e->get($e->fresh("/auto/$file->{id}"));
    is($e->outcome($r, $file), '200 ok', 'without its CAR');
    is(scalar(grep { / 200$/ } $e->asked($r)), 5, 'by blocks');

    my $out = $store->dir . '/opened';
    meshkitctl('open', 'file', '--as', 'alice', '--key', "$keys/alice.pem",
               '--owners', "$keys/owners.jwks", '--metadata',
               $store->dir . '/out', '--gateway', "http://127.0.0.1:$port",
               '--out', $out);
    is(Meshkit::Process::slurp($out), $file->{plain}, 'for meshkitctl too');
};


subtest 'a block, as the specification says' => sub {
    my $block = $store->read("blocks/$small->{cid}");
    my %want = ('Content-Type' => $raw, 'Content-Length' => length $block,
                'Content-Disposition' =>
                    qq(attachment; filename="$small->{cid}.bin"),
                'X-Content-Type-Options' => 'nosniff',
                Vary => 'Accept',
                'Cache-Control' => 'public, max-age=29030400, immutable');

    for my $how ([ '?format=raw' ], [ '', Accept => $raw ],
                 [ '?format=raw', Accept => 'text/html' ],
                 [ '?format=raw', Accept => 'application/vnd.ipld.car' ])
    {
        my ($query, @headers) = @$how;
        my $r = ask("/ipfs/$small->{cid}$query", @headers);

        is($r->status, 200, "status of $query @headers");
        is($r->body, $block, 'the block');
        is($r->header($_), $want{$_}, $_) for sort keys %want;
        like($r->header('ETag'), qr/^"/, 'an entity tag');
    }

    my $url = "/ipfs/$small->{cid}?format=raw";
    my $r = http_request($port, method => 'HEAD', path => $url);
    is($r->status . ' ' . $r->header('Content-Length'),
       '200 ' . length $block, 'HEAD');
    is(ask($url, 'If-None-Match' => $r->header('ETag'))->status, 304,
       'who has it');
    $r = ask($url, Range => 'bytes=10-19');
    is($r->status . ' ' . $r->body, '206 ' . substr($block, 10, 10),
       'a range');
    is(ask("$url&filename=a.bin")->header('Content-Disposition'),
       'attachment; filename="a.bin"', 'a name that was asked for');
    is(ask("$url&filename=a%22%0d%0ab")->header('Content-Disposition'),
       $want{'Content-Disposition'}, 'and not any name');
    $r = ask('/ipfs/bafkqaaa?format=raw');
    is($r->status . $r->body, '200', 'the probe');
};


subtest 'what it does not have, or does not do' => sub {
    my $cid = $small->{cid};
    my $absent = cid_text(cid_make(RAW, 'nothing'));
    my $v0 = cid_text(cid_with(cid_make(0x70, 'nothing'), version => 0));
    my $car = 'format=car&dag-scope=entity&car-version=1&car-order=dfs';

    for my $row ([ "/ipfs/$cid", 406, 'no form' ],
                 [ "/ipfs/$cid?format=tar", 406, 'another form' ],
                 [ "/ipfs/$cid?$car&entity-bytes=0:9", 406, 'part of a CAR' ],
                 [ "/ipfs/$cid?format=car&dag-scope=block", 406, 'a block' ],
                 [ "/ipfs/$cid?format=car&car-version=2", 406, 'CARv2' ],
                 [ "/ipfs/$cid?$car", 200, 'a CAR' ],
                 [ "/ipfs/$absent?format=raw", 404, 'a block of others' ],
                 [ "/ipfs/$absent?$car", 404, 'a CAR of others' ],
                 [ "/ipfs/$v0?format=raw", 404, 'CIDv0' ],
                 [ "/ipfs/$cid/a?format=raw", 400, 'a path' ],
                 [ "/ipfs/$cid/../../out?format=raw", 404, 'out of it' ],
                 [ "/ipfs/..%2fsmall.capsule?format=raw", 404, 'encoded' ],
                 [ "/blocks/$cid?format=raw", 404, 'its own locations' ],
                 [ "/cars/$cid.car?format=raw", 404, 'those of CARs' ],
                 [ '/out/v1/capsules/small', 404, 'what lies beside' ],
                 [ '/', 404, 'nothing' ])
    {
        my ($path, $status, $name) = @$row;
        is(ask($path)->status, $status, $name);
    }

    is(ask("/ipfs/$cid?$car")->header('Content-Type'),
       'application/vnd.ipld.car; version=1; order=dfs; dups=y',
       'what is said of a CAR');
    is(ask("/ipfs/$cid?$car")->header('Vary'), 'Accept',
       'a cache does not take it for the block');
    is(ask("/ipfs/$absent?format=raw")->header('Cache-Control'), undef,
       'what is not there may come');
    is(http_request($port, method => 'POST', body => 'x',
                    path => "/ipfs/$cid?format=raw")->status, 405, 'POST');
};

$e->done;
$store->done;
done_testing();
