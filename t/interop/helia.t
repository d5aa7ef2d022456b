# Helia's verified-fetch as a gateway, which deviates from what gateways
# promise here and there; its reader and its importer, with what meshkitctl
# seals.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json encode_json);
use List::Util qw(max);
use POSIX qw(ceil);
use Test::More;

use Meshkit::Cid qw(cid_make cid_parse cid_text RAW DAG_PB);
use Meshkit::Dag qw(car_read dag_links dag_pb unixfs);
use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command wait_for);

# a leaf of the shares here is a segment
use constant { LEAF => 65536, OPENED => 65536 - 32, MIB => 1 << 20 };

# Gateways as operators may have them: behind a cache that keeps everything for
# an hour, behind one that keeps what the gateway says, and with an Accept of
# the operator's.
my $cache = 'proxy_buffering on; proxy_cache blocks;';
my %ways = (
    hour => "$cache proxy_cache_valid any 1h;"
            . 'proxy_ignore_headers Cache-Control Expires Vary;',
    word => $cache,
    files => "$cache proxy_set_header Accept '*/*';",
    bare => 'proxy_set_header Accept application/vnd.ipld.$arg_format;',
);

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 60, text => {
    http => 'proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;',
    server => 'proxy_read_timeout 20s; add_header X-Id $request_id always;'
              . join('', map { way($_, $ways{$_}) } sort keys %ways)
              . "location /ipfs/ { proxy_pass http://gw0; $cache }" });
my $t = $e->nginx;
my $honest = $e->gateway(1);

# Helia takes the place of the first gateway.  It has blocks of its own.
$t->port('gw0', $t->port('helia'));
mkdir my $store = $t->dir . '/helia';
mkdir $t->dir . '/sealed';


sub way {
    my ($name, $directives) = @_;

    return join '', map { <<"EOT" } qw(raw car auto);
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
              ready => sub { (http_get($t->port('helia'), '/ipfs/bafkqaaa')
                              ->status // 0) == 200 });
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


# Which is no node then.
sub damage_root {
    my ($share) = @_;

    my $bytes = $t->read("share/blocks/$share->{cid}");

    give($share->{cid}, "\xff" . substr $bytes, 1);
}


sub meshkitctl {
    my (@args) = @_;

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

# What Helia was asked for by an open, as "car 200" or "raw 412".
sub asked {
    my ($r) = @_;

    my $id = $r->header('X-Id');

    return map { /^GET \S*[?&]format=(\w+)\S* (\d+) $id$/ ? "$1 $2" : () }
           split /\n/, $helia->log;
}


sub direct {
    my ($path, $accept) = @_;

    return http_get($t->port('helia'), "/ipfs/$path",
                    headers => [ Accept => $accept ]);
}


sub says {
    my ($r) = @_;

    return $r->status . ' ' . $r->header('Content-Type');
}


# "car 200" => 1, ...
sub counted { my %n; $n{$_}++ for @_; return \%n }


# An open's outcome, and how many gateways it left.  Where one is to fail, the
# path is one of $e->fresh: nothing is remembered of its gateways.
sub outcome {
    my ($path, $share) = @_;

    $e->clear;

    my $r = $e->get($path . $share->{id});
    my $log = $e->log($r);

    return ($e->outcome($r, $share) . ", $log->{gateways_failed} left",
            $r, $log);
}


sub outcome_is {
    my ($path, $share, $wanted, $asked, $name) = @_;

    my ($is, $r, $log) = outcome($path, $share);

    is($is, $wanted, $name) or diag explain $log;
    is_deeply(counted(asked($r)), $asked, "$name: what Helia was asked");
    return ($r, $log);
}


my ($car, $raw) = ('car 200', 'raw 200');
my $one = share(size => 1000, id => 'one');
my $file = share(size => 700_000, id => 'file');
my $deep = share(size => 700_000, id => 'deep', width => 3);
my $large = share(size => 15 * MIB, id => 'large', width => 16);
my $n = @{ $file->{blocks} };

# --- exercises --------------------------------------------------------------

# What is tried below rests on it: three deviations from the specification of
# trustless gateways, and what a gateway must answer.
$helia->exercise('as known: Accept alone counts; ranges lack leaves' => sub {
    my ($block, $dag) = map { "application/vnd.ipld.$_" } qw(raw car);
    my $dfs = "$dag; version=1; order=dfs; dups=y";

    for my $cid ($file->{cid}, 'bafkqaaa') {
        is(says(direct("$cid?format=raw", $block)), "200 $block",
           "$cid: a block");
        is(says(direct("$cid?format=car", $dfs)), "200 $dfs", "$cid: a CAR");
        like(says(direct("$cid?format=raw", '*/*')),
             qr{^200 (?:application/octet-stream|text/plain)\b},
             "$cid: a file, whatever \"format\" says");
        like(says(direct("$cid?format=car&car-order=dfs", $dag)),
             qr/; order=unk;/, "$cid: and whatever \"car-order\" says");
    }

    my $all = direct("$large->{cid}?format=car&entity-bytes=0:*", $dfs);
    my $part = direct("$large->{cid}?format=car&entity-bytes="
                      . 3 * MIB . ':*', $dfs);

    is(leaves_of($all->body), ceil((15 * MIB) / OPENED),
       'of all, all leaves');
    is(leaves_of($part->body), 0, 'of the last 12 MiB on levels, none');
});


sub leaves_of {
    my ($header, @sections) = car_read($_[0]);

    return scalar grep { $_->[0]{codec} == RAW } @sections;
}


$helia->exercise('a CAR of order=unk is not taken' => sub {
    outcome_is('/bare/raw/', $file, '200 ok, 0 left', { $raw => $n }, 'raw');
    outcome_is('/bare/car/', $file, '504 provider_request_failed, 1 left',
               { $car => 1 }, 'car');
    outcome_is('/bare/auto/', $file, '200 ok, 1 left',
               { $car => 1, $raw => $n }, 'auto');
});


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


$helia->exercise('opens what meshkitctl sealed and shared' => sub {
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


# The reader is Helia's, of the file that the blocks are for IPFS: the sealed
# body.  The importer is what Helia's users add files with.
$helia->exercise('its reader and importer agree with meshkitctl' => sub {
    for my $size (0, 1000, MIB - 4 * 32, MIB - 4 * 32 + 1, 5_555_555) {
        my $share = sealed("size-$size", $size);
        my $r = direct($share->{cid}, '*/*');
        my @leaves = leaves($share->{cid});
        my $body = join '', @leaves;

        is($r->status, 200, "$size bytes: it reads");
        ok($r->complete && $r->body eq $body, "$size bytes: the sealed body");
        is(length $body,
           $share->{size} + 32 * max(1, ceil($size / (262_144 - 32))),
           "$size bytes: all of it");
        is(scalar @leaves, ceil(length($body) / MIB),
           "$size bytes: in leaves of 1 MiB");

        $t->write('sealed/body', $body);
        my $made = run_command({}, $helia->program, "$tree/cid.mjs",
                               $t->dir . '/sealed/body');
        is($made->{out}, "$share->{cid}\n", "$size bytes: the same CID");
    }
});


sub leaves {
    my ($cid) = @_;

    my $bytes = $t->read("helia/$cid");

    return $bytes if cid_parse($cid)->{codec} != DAG_PB;
    return map { leaves(cid_text($_)) } dag_links($bytes);
}


$helia->exercise('ranges open exactly, by blocks and by CAR' => sub {
    my @ranges = ([ $file, 0, 0 ], [ $file, 65_503, 65_504 ],
                  [ $file, 300_000, 699_999 ], [ $deep, 150_000, 450_000 ],
                  [ $large, 3 * MIB + 5, 12 * MIB ],
                  [ $large, 0, 9 * MIB ]);

    # how a small part is opened, how a large one that Helia's CAR has not,
    # and one that it has: gateways left, what is asked for first
    my %how = (raw => [ ("0 $raw") x 3 ], car => [ ("0 $car") x 3 ],
               auto => [ "0 $raw", "1 $car", "0 $car" ]);

    for my $form (qw(raw car auto)) {
        for (@ranges) {
            my ($share, $first, $last) = @$_;
            my $name = "$form, $share->{id}, $first-$last";

            $e->clear;
            my $r = $e->get($e->fresh("/one/$form/$share->{id}"),
                            headers => [ Range => "bytes=$first-$last" ]);
            is($r->status, 206, $name) or diag $r->body;
            ok($r->complete && $r->body eq substr($share->{plain}, $first,
                                                  $last - $first + 1),
               "$name: byte for byte");
            is($e->log($r)->{gateways_failed} . ' ' . (asked($r))[0],
               $how{$form}[$share != $large ? 0 : $first > 0 ? 1 : 2],
               "$name: how");
        }
    }
});


# --- blocks that are missing or wrong ---------------------------------------

# Leaf 4 of the file: its root and 3 leaves come before it, 8 with it after.
my ($gap, $before, $after) = ($file->{blocks}[4], 3, $n - 4);


# Helia alone: what is before the gap is sent, and nothing else.
sub cut_is {
    my ($form, $code, $name) = @_;

    my ($is, $r, $log) = outcome($e->fresh("/one/$form/"), $file);

    is("$is, $log->{outcome}", "200 cut, 1 left, $code", "$name, $form");
    is(sha256_hex($r->body),
       sha256_hex(substr $file->{plain}, 0, $before * OPENED),
       "$name, $form: what is before it");
    return $r;
}


# The next gateway is asked for the gap, and for so many blocks in all: what
# was asked for ahead at Helia, and has come, is still good.
sub helped_is {
    my ($form, $min, $max, $name) = @_;

    my ($is, $r) = outcome($e->fresh("/$form/"), $file);
    my @asked = $form eq 'car' ? $honest->asked_car : $honest->asked_raw;

    is($is, '200 ok, 1 left', "$name, $form: the next one helps");
    ok((grep { $_ eq $gap } @asked), "$name, $form: with that block");
    ok($min <= @asked && @asked <= $max && @asked == $honest->count,
       "$name, $form: and as many others as must be");
    return $r;
}


# What Helia had of a CAR when the block was found missing it may lose.
$helia->exercise('a missing block: raw 412, a CAR cut off' => sub {
    take($gap);

    my $r = cut_is('raw', 'provider_http_error', 'missing');
    is(scalar(grep { $_ eq 'raw 412' } asked($r)), 1, 'raw: a 412, once');
    $r = cut_is('auto', 'provider_http_error', 'missing');
    is(join(' ', (grep { /car/ } asked($r)), grep { /412/ } asked($r)),
       "$car raw 412", 'auto: a CAR, then a 412');

    (my $is, $r, my $log) = outcome($e->fresh('/one/car/'), $file);
    is("$is, $log->{outcome}", '200 cut, 1 left, provider_request_failed',
       'missing, car');
    ok(index($file->{plain}, $r->body) == 0
       && length $r->body <= $before * OPENED,
       'missing, car: what is before it');

    $r = helped_is('raw', 1, 1, 'missing');
    is_deeply(counted(asked($r)), { $raw => $n - 1, 'raw 412' => 1 },
              'raw: the others are of Helia');
    helped_is('auto', 1, 1, 'missing');
    helped_is('car', $after, $n, 'missing');

    give($gap);
    outcome_is('/one/raw/', $file, '200 ok, 0 left', { $raw => $n }, 'back');
});


$helia->exercise('a missing root: 412, and nothing is sent' => sub {
    take($file->{cid});
    for my $form (qw(raw car auto)) {
        my ($is) = outcome($e->fresh("/one/$form/"), $file);
        is($is, '502 provider_http_error, 1 left', "alone, $form");
        ($is) = outcome($e->fresh("/$form/"), $file);
        is($is, '200 ok, 1 left', "the next one helps, $form");
    }
    give($file->{cid});
});


$helia->exercise('a damaged block: it gives it away, we do not' => sub {
    damage($gap);

    my $r = direct("$gap?format=raw", 'application/vnd.ipld.raw');
    is($r->status, 200, 'Helia does not look at its own block');
    isnt(cid_text(cid_make(RAW, $r->body)), $gap, 'which has another CID');

    cut_is($_, 'cid_mismatch', 'damaged') for qw(raw car auto);
    helped_is('raw', 1, $after, 'damaged');
    helped_is($_, $after, $after, 'damaged') for qw(car auto);
    give($gap);
});


$helia->exercise('a damaged root: raw by its hash, CAR by 502' => sub {
    damage_root($file);
    for (qw(raw:cid_mismatch car:provider_http_error auto:cid_mismatch)) {
        my ($form, $code) = split /:/;
        my ($is) = outcome($e->fresh("/one/$form/"), $file);
        is($is, "502 $code, 1 left", "alone, $form");
        ($is) = outcome($e->fresh("/$form/"), $file);
        is($is, '200 ok, 1 left', "the next one helps, $form");
    }
    give($file->{cid});
});


# --- what is no file --------------------------------------------------------

# A node with a name in it, of the file.
sub node {
    my ($name, %unixfs) = @_;

    my $block = dag_pb([ [ cid_parse($file->{cid}), $name, 1 ] ],
                       unixfs(%unixfs));

    return $honest->add_block($block, DAG_PB);
}


$helia->exercise('directory, shard: refused, no redirect is followed' => sub {
    my %cid = (directory => node('index.html', type => 1),
               shard => node('00index.html', type => 5, data => "\1"));

    for my $kind (sort keys %cid) {
        my $share = share(size => 1000, id => $kind, root => $cid{$kind});

        give($cid{$kind});
        is(direct($cid{$kind}, '*/*')->status, 301,
           "$kind: a redirect, if it is asked for a file");
        for my $form (qw(raw car auto)) {
            my ($is, $r) = outcome("/$form/", $share);
            is($is, '502 cid_mismatch, 0 left', "$kind, $form");
            is_deeply(counted(asked($r)),
                      { $form eq 'raw' ? $raw : $car => 1 },
                      "$kind, $form: asked once");
            is($honest->count, 0, "$kind, $form: and nobody else");
        }
    }
});


# --- caches -----------------------------------------------------------------

$helia->exercise('no cache keeps that it has no block' => sub {
    for my $way (qw(hour word)) {
        for my $form (qw(raw car)) {
            my $share = share(size => 300_000, id => "$way-$form");
            my $all = $form eq 'raw' ? { $raw => 6 } : { $car => 1 };
            my $name = "$way, $form";

            take($share->{cid});
            outcome_is("/$way/$form/", $share,
                       '502 provider_http_error, 1 left',
                       { "$form 412" => 1 }, "$name: missing");
            give($share->{cid});
            outcome_is("/$way/$form/", $share, '200 ok, 0 left', $all,
                       "$name: back");
            outcome_is("/$way/$form/", $share, '200 ok, 0 left', {},
                       "$name: from the cache");
        }
    }
});


# Without the module nginx believes that a 502 is "immutable".
$helia->exercise('files for blocks, and a 502 for ever: not kept' => sub {
    my $path = "/ipfs/$file->{cid}";

    damage_root($file);
    my $r = $e->get($path);
    is($r->status . ' ' . $r->header('Cache-Control'),
       '502 public, max-age=29030400, immutable', 'its 502');
    give($file->{cid});
    is($e->get($path)->status, 502, 'nginx keeps it');

    for my $form (qw(raw car)) {
        my $share = share(size => 300_000, id => "files-$form");
        my $wrong = '504 provider_request_failed, 1 left';

        damage_root($share);
        outcome_is("/files/$form/", $share, '502 provider_http_error, 1 left',
                   { "$form 502" => 2 }, "$form: a 502");
        give($share->{cid});
        outcome_is("/files/$form/", $share, $wrong, { "$form 200" => 1 },
                   "$form: a file, $_") for 1, 2;
    }
});


# --- Helia goes away --------------------------------------------------------

# The body of an open, with something that happens when its first bytes come.
sub opened {
    my ($path, $share, $event, @opt) = @_;

    my ($body, $done) = ('', 0);

    $e->clear;
    my $r = $e->get($path . $share->{id}, @opt, sink => sub {
        $body .= $_[0];
        $event->() if !$done++;
    });

    return ($r, $body, $e->log($r));
}


$helia->exercise('a client goes away: so do the requests to it' => sub {
    for my $form (qw(raw car)) {
        my $mark = length $helia->log;
        my $r = $e->get("/one/$form/$large->{id}", rate => MIB,
                        rcvbuf => 4096, limit => 100_000);

        is($e->log($r)->{completion}, '', "$form: it went");
        cmp_ok(scalar(asked($r)), '<', @{ $large->{blocks} } / 2,
               "$form: what is not needed is not asked for");
        ok($form eq 'raw' || wait_for(20, sub {
            substr($helia->log, $mark) =~ /format=car\S* failed: /
        }), "$form: and not sent");
    }

    outcome_is('/one/car/', $file, '200 ok, 0 left', { $car => 1 }, 'after');
});


$helia->exercise('killed while a slow client reads' => sub {
    my @slow = (rate => 8 * MIB, rcvbuf => 65536);

    for my $form (qw(raw car auto)) {
        my ($r, $body, $log) = opened($e->fresh("/$form/"), $large,
                                      sub { $helia->kill }, @slow);

        is($r->status, 200, "$form: opens");
        ok($r->complete && $body eq $large->{plain},
           "$form: the next one goes on, byte for byte");
        is($log->{gateways_failed}, 1, "$form: Helia is left");
        cmp_ok($honest->count, '>', 0, "$form: the next one is asked");
        $helia->start;

        ($r, $body, $log) = opened($e->fresh("/one/$form/"), $large,
                                   sub { $helia->kill }, @slow);
        is($r->status . ($r->complete ? '' : ' cut'), '200 cut',
           "$form, alone: the client can tell");
        ok(index($large->{plain}, $body) == 0,
           "$form, alone: nothing that is wrong");
        is("$log->{outcome}, $log->{gateways_failed} left",
           'provider_request_failed, 1 left', "$form, alone: so can we");
        $helia->start;
    }
});


$helia->exercise('ended by a block that is missing, as node is' => sub {
    take($gap);
    $helia->stop->start(command => command());

    for my $form (qw(car auto)) {
        helped_is($form, $after, $n, 'ended');
        ok(wait_for(20, sub {
            http_get($t->port('helia'), '/ipfs/bafkqaaa')->error eq 'connect'
        }), "$form: it ended");
        $helia->stop->start;
    }

    like($helia->log, qr/^BlockNotFoundWhileOfflineError: .*^Node\.js v/ms,
         'for that reason');
    give($gap);
    $helia->stop->start(command => command('--unhandled-rejections=warn'));
});


$helia->exercise('stopped: the next one, or refused; started: opens' => sub {
    $helia->stop;

    for my $form (qw(raw car auto)) {
        my ($is) = outcome($e->fresh("/one/$form/"), $file);
        is($is, '504 provider_request_failed, 1 left', "alone, $form");
        ($is) = outcome($e->fresh("/$form/"), $file);
        is($is, '200 ok, 1 left', "the next one helps, $form");
    }

    $helia->start;
    outcome_is('/one/auto/', $file, '200 ok, 0 left', { $car => 1 },
               'started');
});

$helia->stop;
$e->done;
done_testing();
