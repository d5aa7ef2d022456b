# Kubo, the IPFS node that most operators run: what meshkitctl puts into it
# and what "ipfs add" makes of a sealed body are opened through its gateway;
# what it has lost, or has damaged on its disk, is noticed.

use strict;
use warnings;

use Digest::SHA;
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Kubo;
use Meshkit::Process qw(run_command wait_for);

use constant MIB => 1 << 20;

my $keys = 't/vectors/keys';

# A gateway that was found to be ill is spared for a while, so each exercise
# has locations that nobody has asked yet.
my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 40,
                           asked => 1,
                           text => { open => 'meshkit_deadline 8s;',
                                     server => <<'EOT' });
location ~ ^/named/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_named;
}
location ^~ /_named/ {
    internal;
    proxy_pass http://gw0/;
    proxy_set_header Host localhost;
}
EOT
my $t = $e->nginx;

# One node as it is recommended, one as it comes.
my $kubo = Meshkit::Kubo->new($t, 'a');
my $other = Meshkit::Kubo->new($t, 'b', deserialized => 1);

$kubo->start;
$other->start;
$t->port(gw0 => $kubo->port);
$t->port(gw1 => $other->port);
mkdir $t->dir . '/out';
$e->start;


# --- what the exercises have in common --------------------------------------

sub meshkitctl {
    my (@args) = @_;

    my $r = run_command({ timeout => 600 }, 'build/meshkitctl', @args);

    is($r->{exit}, 0, "meshkitctl $args[0]") or diag $r->{err};
    return $r->{out};
}


sub noise {
    my ($name, $size) = @_;

    open my $in, '<:raw', '/dev/urandom' or die "urandom: $!";
    open my $out, '>:raw', $t->dir . "/$name" or die "$name: $!";

    for (my $left = $size; $left > 0; $left -= MIB) {
        read $in, my $bytes, $left < MIB ? $left : MIB;
        print $out $bytes;
    }

    close $out or die "$name: $!";
    return $t->dir . "/$name";
}


# Seals a file into a node by its RPC API, and shares it with alice.
sub sealed {
    my ($node, $id, $file, @options) = @_;

    my $capsule = $t->dir . "/$id.capsule";
    my $metadata = $t->dir . '/out';

    my $facts = JSON::PP->new->decode(meshkitctl(
        'seal', $file, '--owner', 'owner', '--sign',
        "$keys/owner-ed25519.pem", '--key', "$keys/carol.pem", '--capsule',
        $capsule, '--kubo', $node->api, '--json', @options));

    meshkitctl('share', $capsule, '--id', $id, '--key', "$keys/carol.pem",
               '--sign', "$keys/owner-ed25519.pem", '--to',
               "alice=$keys/alice.pem", '--metadata', $metadata);
    $e->metadata->record("/v1/capsules/$id", Meshkit::Process::slurp(
        "$metadata/v1/capsules/$id"));

    return { id => $id, cid => $facts->{cid}, file => $file,
             plain => -s $file < 64 * MIB ? Meshkit::Process::slurp($file)
                                          : undef };
}


# Shares a sealed body under the CID that somebody else gave it.  A seed makes
# the same body again, once it is known what to call it.
sub added {
    my ($id, $size, $add) = @_;

    my %what = (size => $size, id => $id, seed => $id);
    my $one = $e->share(%what, leaf => 1 << 30, record => 0);
    my $cid = $add->($t->dir . "/share/blocks/$one->{cid}");

    return $e->share(%what, root => $cid);
}


# The reply, for what gateways were asked.
sub opens_fresh {
    my ($share, $form, $name) = @_;

    my $r = $e->get($e->fresh("/$form/$share->{id}"));

    is($e->outcome($r, $share), '200 ok', $name);
    return $r;
}


# With the first gateway alone: a refusal's outcome, or how far it came.
sub alone {
    my ($share, $form) = @_;

    my $r = $e->get($e->fresh("/one/$form/$share->{id}"));
    my $body = $r->body;

    return $e->outcome($r, $share) if $r->status != 200;
    is($body, substr($share->{plain}, 0, length $body),
       "$form: what comes out is the file's");
    return ($r->complete ? 'all' : 'cut') . ' ' . $e->log($r)->{outcome};
}


# --- whole files ------------------------------------------------------------

my %sealed;

$kubo->exercise('sealed into its RPC API, pinned, and the same CIDs' => sub {
    my %sizes = (empty => 0, one => 900_000, file => 5 * MIB + 12345);

    for my $id (sort keys %sizes) {
        $sealed{$id} = sealed($kubo, $id, noise("$id.bin", $sizes{$id}));
        like($kubo->ipfs('pin', 'ls', '--type=recursive'),
             qr/^$sealed{$id}{cid} recursive/m, "$id is pinned");
    }

    is(scalar $kubo->links($sealed{file}{cid}), 6, 'leaves of 1 MiB');

    # the same body, built by Kubo: our tree is Kubo's tree
    my $body = $t->write('body', $kubo->ipfs('cat', $sealed{file}{cid}));
    $kubo->ipfs('config', 'profile', 'apply', 'unixfs-v1-2025');
    is($kubo->add($body, '--only-hash'), $sealed{file}{cid},
       'unixfs-v1-2025 of Kubo has the same root');
});


$kubo->exercise('its RPC API with a bearer token' => sub {
    my $node = Meshkit::Kubo->new($t, 'c', tokens => 1);
    my $good = $t->write('kubo.token', $node->token . "\n", 0600);
    my $bad = $t->write('other.token', "another-token-0123456789\n", 0600);

    $t->secret($node->token);
    $node->start;
    my $share = sealed($node, 'token', $sealed{one}{file}, '--token-file',
                       $good);
    is($node->get("/ipfs/$share->{cid}?format=raw")->status, 200,
       'the block is there');

    for my $token ([], [ '--token-file', $bad ]) {
        my $out = $t->dir . '/refused.capsule';
        my $r = run_command({}, 'build/meshkitctl', 'seal', $share->{file},
            '--owner', 'owner', '--sign', "$keys/owner-ed25519.pem", '--key',
            "$keys/carol.pem", '--capsule', $out, '--kubo', $node->api,
            @$token);
        is($r->{exit}, 4, @$token ? 'another token' : 'no token');
        ok(!-e $out, 'no capsule is left');
        unlike($r->{err}, qr/token-of-kubo|another-token/, 'nor told');
    }

    $node->stop;
});


$kubo->exercise('one CAR for a whole file' => sub {
    for my $id (qw(empty one file)) {
        my $r = opens_fresh($sealed{$id}, 'car', $id);
        is($e->log($r)->{gateways_failed}, 0, "$id: without a fault");
        is_deeply([ $e->asked($r) ], [], "$id: and without raw blocks");
    }
});


$kubo->exercise('raw blocks, each asked for once' => sub {
    for my $id (qw(empty one file)) {
        my @blocks = ($sealed{$id}{cid});

        push @blocks, $kubo->links($sealed{$id}{cid}) if $id eq 'file';
        my $r = opens_fresh($sealed{$id}, 'raw', $id);
        is_deeply([ sort $e->asked($r) ],
                  [ sort map { "0 $_ 200" } @blocks ],
                  "$id: root and leaves");
    }
});


$kubo->exercise('a range takes the blocks that it touches' => sub {
    my $share = $sealed{file};
    my @leaves = $kubo->links($share->{cid});

    my $r = $e->get($e->fresh("/auto/$share->{id}"),
                    headers => [ Range => 'bytes=3200000-3200099' ]);

    is($r->status, 206, 'partial content');
    is($r->body, substr($share->{plain}, 3_200_000, 100), 'those bytes');
    is_deeply([ sort $e->asked($r) ],
              [ sort map { "0 $_ 200" } $share->{cid}, $leaves[3] ],
              'root and one leaf');
});


$kubo->exercise('meshkitctl opens from it' => sub {
    for my $id (qw(empty one file)) {
        my $out = $t->dir . "/$id.out";

        meshkitctl('open', $id, '--as', 'alice', '--key', "$keys/alice.pem",
                   '--owners', "$keys/owners.jwks", '--metadata',
                   $t->dir . '/out', '--gateway',
                   'http://127.0.0.1:' . $kubo->port, '--out', $out);
        is(Meshkit::Process::slurp($out), $sealed{$id}{plain}, $id);
    }
});


# What docs/DIRECTIVES.md warns of.
$kubo->exercise('by the name localhost it redirects: not followed' => sub {
    my $r = $e->get('/named/file');

    is($e->outcome($r, $sealed{file}), '502 provider_http_error', 'refused');
    is(scalar $t->grep_log(qr{"/_named" left .* status 301}), 2,
       'the CAR and the block were redirected');
});


# --- what "ipfs add" builds -------------------------------------------------

# name => [ profile, options, how many links the root has ]
my @SHAPES = (
    [ 'unixfs-v1-2025', [], 3 ],
    [ 'unixfs-v0-2015', [], 10 ],
    [ 'unixfs-v0-2015', [ '--raw-leaves' ], 10 ],
    [ 'unixfs-v1-2025', [ '--trickle' ], 3 ],
    [ 'unixfs-v0-2015', [ '--trickle', '--chunker=size-16384' ], 159 ],
    [ 'unixfs-v1-2025', [ '--chunker=size-262144' ], 10 ],
    [ 'unixfs-v0-2015', [ '--chunker=size-1048576' ], 3 ],
    [ 'unixfs-v1-2025', [ '--chunker=size-2096896' ], 2 ],
    [ 'unixfs-v1-2025', [ '--chunker=size-65536', '--max-file-links=4' ], 3 ],
    [ 'unixfs-v1-2025', [ '--chunker=buzhash' ], undef ],
    [ 'unixfs-v1-2025', [ '--hash=sha2-512' ], 3 ],
    [ 'unixfs-v1-2025', [ '--hash=blake2b-256' ], 3 ],
    [ 'unixfs-v1-2025', [ '--mode=0640', '--mtime=1700000000',
                          '--raw-leaves=false' ], 3 ],
);

sub apply_profile {
    my ($profile) = @_;

    $kubo->ipfs('config', 'profile', 'apply', $profile);
}


$kubo->exercise('ipfs add: both profiles, trickle, chunkers, hashes' => sub {
    my $n = 0;

    for my $shape (@SHAPES) {
        my ($profile, $options, $links) = @$shape;
        my $name = join ' ', $profile, @$options;

        apply_profile($profile);
        my $share = added('shape-' . ++$n, 2_600_000 - 10 * 32,
                          sub { $kubo->add($_[0], @$options) });
        is(scalar $kubo->links($share->{cid}), $links, "$name: links")
            if defined $links;

        for my $form (qw(car raw)) {
            my $r = $e->get("/one/$form/$share->{id}");
            is($e->outcome($r, $share), '200 ok', "$name: $form");
            is($e->log($r)->{gateways_failed}, 0, "$name: no fault");
            my @asked = $e->asked($r);
            is(scalar(grep { !/ 200$/ } @asked), 0, "$name: all found");
            is(scalar @asked, 0, "$name: one CAR") if $form eq 'car';
        }
    }
});


$kubo->exercise('ipfs add: what is no file of ours is refused' => sub {
    apply_profile('unixfs-v1-2025');

    my @odd = (
        [ 'a directory', [ '--wrap-with-directory' ], 'cid_mismatch' ],
        [ 'sha3', [ '--hash=sha3-256' ], 'invalid_capsule' ],
        [ 'blake3', [ '--hash=blake3' ], 'invalid_capsule' ],
        [ 'an identity CID', [ '--inline', '--inline-limit=128' ],
          'invalid_capsule', 20 ],
    );

    for my $odd (@odd) {
        my ($name, $options, $code, $size) = @$odd;
        my $share = added("odd-" . $name =~ tr/ /-/r, $size // 300_000,
                          sub { $kubo->add($_[0], @$options) });

        for my $form (qw(car raw)) {
            is($e->outcome($e->get("/one/$form/$share->{id}"), $share),
               "502 $code", "$name: $form");
        }
    }

    # a file of other content has the right form and the wrong size
    my $share = added('odd-other', 300_000,
                      sub { $kubo->add($sealed{one}{file}) });
    is($e->outcome($e->get("/one/car/$share->{id}"), $share),
       '502 invalid_envelope', 'another file');
});


# --- what it lost -----------------------------------------------------------

# Both nodes have it; each exercise loses something else.
sub on_both {
    my ($id) = @_;

    my $share = added($id, 6 * MIB, sub {
        apply_profile('unixfs-v1-2025');
        $other->ipfs('config', 'profile', 'apply', 'unixfs-v1-2025');
        my $cid = $other->add($_[0]);
        is($kubo->add($_[0]), $cid, 'both nodes name it alike');
        return $cid;
    });

    return ($share, $kubo->links($share->{cid}));
}


$kubo->exercise('ipfs block rm of a leaf: cut, or the other node' => sub {
    my ($share, @leaves) = on_both('lost-leaf');

    $kubo->forget($leaves[3]);
    is(alone($share, 'car'), 'cut provider_request_failed', 'car: cut');
    is(alone($share, $_), 'cut provider_http_error', "$_: cut")
        for 'raw', 'auto';
    is(scalar $t->grep_log(qr/CAR is malformed.*one\/\w+\/lost-leaf/), 2,
       'Kubo ends such a CAR with words');

    for my $form (qw(car raw auto)) {
        my $r = $e->get($e->fresh("/$form/$share->{id}"));
        is($e->outcome($r, $share), '200 ok', "$form: with the other node");
        is($e->log($r)->{gateways_failed}, 1, "$form: one had failed");
    }
});


$kubo->exercise('each node lost another leaf: together they have it' => sub {
    my ($share, @leaves) = on_both('lost-two');

    $kubo->forget($leaves[2]);
    $other->forget($leaves[4]);
    opens_fresh($share, $_, $_) for qw(raw auto);
});


$kubo->exercise('ipfs block rm of the root: refused, or the other' => sub {
    my ($share) = on_both('lost-root');

    # such a CAR has status 200 and no block
    $kubo->forget($share->{cid});
    is(alone($share, 'car'), '504 provider_request_failed', 'car');
    is(alone($share, $_), '502 provider_http_error', $_) for qw(raw auto);
    opens_fresh($share, $_, "$_: with the other node") for qw(car raw auto);
});


$kubo->exercise('damage on its disk: cid_mismatch, or the other node' => sub {
    my ($share, @leaves) = on_both('damaged');

    $kubo->damage($leaves[2]);
    is(alone($share, $_), 'cut cid_mismatch', $_) for qw(car raw auto);
    opens_fresh($share, $_, "$_: with the other node") for qw(car raw auto);

    my ($first, $leaf) = on_both('damaged-first');
    $kubo->damage($leaf);
    is(alone($first, $_), '502 cid_mismatch', "$_: the first") for qw(car raw);
});


# --- what becomes of it -----------------------------------------------------

$kubo->exercise('it hangs: the other node has its time' => sub {
    $kubo->pause;
    my $r = $e->get($e->fresh('/raw/file'));
    is($e->outcome($r, $sealed{file}), '504 provider_request_failed',
       'the other has no such file');

    my $share = $e->share(size => 300_000, id => 'hang');
    $other->ipfs('dag', 'import', $t->dir . '/share/content.car');
    opens_fresh($share, $_, $_) for qw(car raw);
    is(alone($share, 'car'), '504 provider_request_failed', 'alone');
    $kubo->resume;
    opens_fresh($sealed{file}, 'car', 'it is back');
});


$kubo->exercise('killed in the middle: the other node goes on' => sub {
    my $share = $e->share(size => 24 * MIB, id => 'killed', leaf => MIB,
                          segment => 1 << 18);

    $_->ipfs('dag', 'import', $t->dir . '/share/content.car')
        for $kubo, $other;

    for my $form (qw(car raw)) {
        my ($seen, $sha) = (0, Digest::SHA->new(256));
        my $r = $e->get($e->fresh("/$form/killed"), rcvbuf => 65536,
            rate => 24 * MIB, sink => sub {
                $sha->add($_[0]);
                $kubo->kill if $seen < MIB && $seen + length $_[0] >= MIB;
                $seen += length $_[0];
            });

        ok($r->complete, "$form: the whole file");
        is($sha->hexdigest, $share->{sha256}, "$form: byte for byte");
        is($e->log($r)->{gateways_failed}, 1, "$form: by two nodes");
        $kubo->start;
    }
});


# Not part of the short form: two levels of links, and a worker that does not
# grow with the file.
$kubo->exercise('1.1 GiB: two levels of links, constant memory' => sub {
    my $share = sealed($kubo, 'large', noise('large.bin', 1100 * MIB));
    my $sha = Digest::SHA->new(256);
    my $want = $sha->addfile($share->{file})->hexdigest;

    is(scalar $kubo->links($share->{cid}), 2, 'the root has two nodes');

    for my $form (qw(car raw)) {
        $e->opens($sealed{one}, "one/$form", "$form: a small one first");
        my $before = $t->worker_rss;
        $t->reset_hwm;
        my $r = $e->get("/one/$form/large", sink => sub { $sha->add($_[0]) },
                        timeout => 300);
        ok($r->complete, "$form: the whole file");
        is($sha->hexdigest, $want, "$form: byte for byte");
        my $grown = $t->worker_rss('VmHWM') - $before;
        cmp_ok($grown, '<', 24 << 10, "$form: the worker grew by $grown kB");
    }
}) if !$ENV{QUICK};

$kubo->stop;
$other->stop;
$e->done;
done_testing();
