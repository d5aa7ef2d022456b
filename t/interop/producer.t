# The example of docs/examples: what it makes in Node and in a browser opens
# through nginx, byte for byte, and what meshkitctl makes opens there.

use strict;
use warnings;
use utf8;

use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);
use Test::More;

use Meshkit::Chromium;
use Meshkit::Edge;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command wait_for);
use Meshkit::Vectors;

use constant { MIB => 1 << 20, OVERHEAD => 32 };

my @SEGMENTS = (65536, 262144, 1048576);
my $json = JSON::PP->new->utf8->canonical;

my $n = Meshkit::Neighbour->new('producer');
my $examples = $n->program;

my $e = Meshkit::Edge->new(policy => 'authzen', text => {
    http => <<'EOC',
map $arg_as $as { "" edge; default $arg_as; }
map $arg_action $action { "" open; default $arg_action; }
EOC
    open => <<'EOC',
meshkit_identity edge %%DIR%%/own/edge.pem;
meshkit_identity lodge %%DIR%%/own/lodge.pem;
meshkit_identity guest %%DIR%%/own/guest.pem;
meshkit_owners %%DIR%%/own/owners.jwks;
meshkit_as $as;
meshkit_action $action;
EOC
    server => <<"EOC",
client_max_body_size 4m;
location /app/ {
    alias %%DIR%%/app/;
    types { text/html html; text/javascript mjs; }
}
location /examples/ {
    alias $examples/;
    types { text/javascript js mjs; }
}
location /store/blocks/ {
    alias %%DIR%%/share/blocks/;
    dav_methods PUT;
}
location /store/records/ {
    alias %%DIR%%/own/metadata/v1/capsules/;
    dav_methods PUT;
}
location /service/ { proxy_pass http://metadata/; }
location /trustless/ { proxy_pass http://gw0/; }
EOC
});
my $t = $e->nginx;
my $own = $e->dir . '/own';
my $blocks = $e->dir . '/share/blocks';
my %key;

mkdir for $own, map { "$own/$_" } 'metadata', 'metadata/v1',
                                  'metadata/v1/capsules';


# --- the programs -----------------------------------------------------------

sub ran {
    my (@command) = @_;

    my $r = run_command({ timeout => 120 }, @command);
    die "$command[0] $command[1]: $r->{err}" if $r->{exit} != 0;

    return $r->{out} =~ s/\n\z//r;
}


sub node { my ($file, @args) = @_;
           return ran('node', "$examples/$file", @args) }
sub meshkitctl { return ran('build/meshkitctl', @_) }


# Bytes that repeat late, so that a piece in a wrong place shows.
sub file_of {
    my ($size) = @_;

    my $some = pack 'N*', map { $_ * 2654435761 % 2 ** 32 } 1 .. 16381;
    my $plain = substr $some x (1 + $size / length $some), 0, $size;

    $t->write('own/plain', $plain);
    return $plain;
}


sub record_file { return "$own/metadata/v1/capsules/$_[0]" }


sub published {
    my ($share) = @_;

    $share->{record} = Meshkit::Process::slurp(record_file($share->{id}));
    $e->metadata->record("/v1/capsules/$share->{id}", $share->{record});
    return $share;
}


# What the example makes of a file of that size.
sub shared {
    my ($size, %opt) = @_;

    my $plain = file_of($size);
    my $to = delete $opt{to} // 'edge';
    my $signer = delete $opt{signer} // 'ed25519';
    my @args = map { my $value = $opt{$_};
                     ("--$_", defined $value ? $value : ()) } sort keys %opt;

    my $id = node('share.mjs', "$own/plain", '--owner', 'alice',
                  '--sign', "$own/$signer.pem",
                  (map { ('--to', "$_=$own/$_.jwk") } split / /, $to),
                  '--blocks', $blocks, '--metadata', "$own/metadata", @args);

    return published({ id => $id, plain => $plain });
}


# What meshkitctl makes of one.
sub shared_by_cli {
    my ($size, %opt) = @_;

    my $plain = file_of($size);
    my $to = $opt{to} // 'edge';
    my $signer = $opt{signer} // 'ed25519';

    meshkitctl('seal', "$own/plain", '--owner', 'alice', '--force',
               '--sign', "$own/$signer.pem", '--key', "$own/alice.pem",
               '--capsule', "$own/sealed", '--blocks', $blocks,
               '--segment', $opt{segment} // 65536);
    my $id = meshkitctl('share', "$own/sealed", '--key', "$own/alice.pem",
                        '--sign', "$own/$signer.pem",
                        '--to', "$to=$own/$to.jwk",
                        '--metadata', "$own/metadata",
                        $opt{expires} ? ('--expires', $opt{expires}) : ());

    return published({ id => $id, plain => $plain });
}


sub core_of {
    my ($share) = @_;

    my $payload = $json->decode($share->{record})->{capsule}{payload};

    return $json->decode(decode_base64url($payload));
}


# --- outcomes ---------------------------------------------------------------

sub outcome_is {
    my ($share, $query, $outcome, $name) = @_;

    return is($e->outcome($e->get("/auto/$share->{id}$query"), $share),
              $outcome, $name);
}


sub opens_everywhere {
    my ($share, $name, $as) = @_;

    $as //= 'edge';
    is($e->outcome($e->get("/$_/$share->{id}?as=$as"), $share), '200 ok',
       "$name: by $_") for qw(car raw);
    is(by_meshkitctl($share, $as), 'ok', "$name: by meshkitctl");
}


sub by_program {
    my ($share, $as, @command) = @_;

    unlink "$own/out";

    my $r = run_command({}, @command, $share->{id}, '--as', $as,
                        '--key', "$own/$as.pem", '--owners',
                        "$own/owners.jwks", '--out', "$own/out");
    my $out = Meshkit::Process::slurp("$own/out");

    return $out eq $share->{plain} ? 'ok' : 'other bytes' if $r->{exit} == 0;
    return "$r->{exit}, and a file" if -e "$own/out" || $r->{exit} != 1;
    return $1 if $r->{err} =~ /\b([a-z]+(?:_[a-z]+)+)\b/;
    return $r->{err};
}


sub by_meshkitctl {
    my ($share, $as) = @_;

    return by_program($share, $as, 'build/meshkitctl', 'open',
                      '--metadata', "$own/metadata", '--blocks', $blocks);
}


sub by_node {
    my ($share, $as, @from) = @_;

    @from = ('--metadata', "$own/metadata", '--blocks', $blocks) if !@from;
    return by_program($share, $as // 'edge', 'node',
                      "$examples/receive.mjs", @from);
}


# --- who takes part ---------------------------------------------------------

for (['alice', 'x25519', 'alice'], ['edge', 'p256', 'edge'],
     ['lodge', 'x25519', 'lodge'], ['guest', 'x25519', 'guest'],
     ['alice', 'ed25519', 'ed25519'], ['alice', 'p256', 'es256'],
     ['alice', 'ed25519', 'stranger'])
{
    my ($who, $type, $file) = @$_;

    meshkitctl('keygen', '--type', $type, '--identity', $who,
               '--out', "$own/$file.pem", '--public', "$own/$file.jwk");
    my $pem = $key{$file} = Meshkit::Process::slurp("$own/$file.pem");
    $t->secret($pem =~ /-----\n(.{40})/);
}

$t->write('own/owners.jwks', sprintf '{"keys":[%s]}',
          join ',', map { Meshkit::Process::slurp("$own/$_.jwk") }
                    qw(ed25519 es256));

mkdir $e->dir . '/app';
my $map = ran('node', 't/interop/producer/import-map.mjs', $examples,
              '/examples/');
$t->write('app/page.html',
          Meshkit::Process::slurp('t/interop/producer/page.html')
          =~ s/%%MAP%%/$map/r);
copy('t/interop/producer/page.mjs', $e->dir . '/app') or die "page.mjs: $!";

$n->version_is('Node ' . ran('node', '--version') =~ s/^v//r);
$e->start;


# --- the example makes, nginx opens -----------------------------------------

$n->exercise('every size around a segment, of each length' => sub {
    for my $segment (@SEGMENTS) {
        my $full = $segment - OVERHEAD;

        for my $size ($full - 1, $full, $full + 1, 3 * MIB + 5) {
            my $share = shared($size, segment => $segment);

            opens_everywhere($share, "$size bytes in segments of $segment");
        }
    }

    opens_everywhere(shared($_, segment => 65536), "$_ bytes") for 0, 1;
});


$n->exercise('up to 1 MiB one raw block, above it UnixFS' => sub {
    for my $segment (@SEGMENTS) {
        my $count = MIB / $segment;
        my $most = MIB - OVERHEAD * $count;
        my $one = shared($most, segment => $segment);
        my $many = shared($most + 1, segment => $segment);

        like(core_of($one)->{cid}, qr/^bafk/, "$most bytes are a raw block");
        is(-s "$blocks/" . core_of($one)->{cid}, MIB, 'of 1 MiB');
        like(core_of($many)->{cid}, qr/^bafyb/, 'one more are a UnixFS file');
        opens_everywhere($one, $most);
        opens_everywhere($many, $most + 1);
    }

    my $cid = core_of(shared_by_cli(1))->{cid};
    is(length $cid, length core_of(shared(1))->{cid}, 'as meshkitctl does');
});


$n->exercise('Ed25519 and ES256 sign; P-256 and X25519 open' => sub {
    for my $signer (qw(ed25519 es256)) {
        for my $to (qw(edge lodge)) {
            my $share = shared(100_000, signer => $signer, to => $to);

            opens_everywhere($share, "$signer, for $to", $to);
        }
    }
});


$n->exercise('several recipients, and nobody else' => sub {
    my $share = shared(100_000, to => 'edge lodge');

    opens_everywhere($share, $_, $_) for qw(edge lodge);
    outcome_is($share, '?as=guest', '403 recipient_not_authorized',
               'a guest without a wrap');
    outcome_is($share, '?as=nobody', '403 identity_not_found', 'a stranger');
});


$n->exercise('name and type: as they were given, in UTF-8' => sub {
    my $name = 'Müller & Söhne – Größe.txt';
    utf8::encode(my $bytes = $name);
    my $share = shared(1000, name => $bytes, type => 'text/csv');
    my $r = $e->get("/auto/$share->{id}");

    is(core_of($share)->{content}{name}, $name, 'in the capsule');
    is($r->header('Content-Type'), 'text/csv', 'its type');
    my $encoded = $bytes =~ s/([^\w.&-])/sprintf '%%%02X', ord $1/gera;
    like($r->header('Content-Disposition'), qr/filename\*=UTF-8''\Q$encoded\E/,
         'its name');
    is(by_meshkitctl($share, 'edge'), 'ok', 'meshkitctl opens it');
    like(meshkitctl('inspect', record_file($share->{id}), '--owners',
                    "$own/owners.jwks"),
         qr/^name +\Q$bytes\E\n.*^signature +valid, of a trusted owner$/ms,
         'and shows it');
});


$n->exercise('terms: times, policy, vault, capability, download' => sub {
    my $now = time;
    my %share = map { $_->[0] => shared(1000, @$_[1 .. $#$_]) }
        ['times', 'not-before' => $now - 60, expires => $now + 3600],
        ['early', 'not-before' => $now + 3600],
        ['over', expires => $now - 1], ['policy', policy => 'p-1'],
        ['vault', vault => 'v-1'], ['issuer', 'capability-issuer' => 'ines'],
        ['view', 'no-download' => undef];

    outcome_is($share{times}, '', '200 ok', 'in its time');
    outcome_is($share{early}, '', '403 share_not_yet_valid', 'before');
    outcome_is($share{over}, '', '410 share_expired', 'after');
    outcome_is($share{view}, '', '200 ok', 'to be viewed');
    outcome_is($share{view}, '?action=download', '403 download_not_allowed',
               'and not saved');
    outcome_is($share{issuer}, '', '401 capability_required', 'no token');

    outcome_is($share{vault}, '', '403 vault_denied', 'no member');
    $e->metadata->member('v-1', 'edge', 1);
    outcome_is($share{vault}, '', '200 ok', 'a member');

    $e->policy->clear->allow;
    outcome_is($share{policy}, '', '200 ok', 'the policy says yes');
    is($e->policy->last_request->json->{resource}{properties}{policyId},
       'p-1', 'it is asked about its id');
    $e->policy->deny;
    outcome_is($share{policy}, '', '403 policy_denied', 'or no');
    $e->heal;
});


$n->exercise('ranges of it, each byte where it belongs' => sub {
    my $share = shared(3 * MIB, segment => 65536);

    for ([0, 0], [65503, 65504], [1_000_000, 2_999_999],
         [3 * MIB - 1, 3 * MIB - 1])
    {
        my ($first, $last) = @$_;
        my $r = $e->get("/auto/$share->{id}",
                        headers => [ Range => "bytes=$first-$last" ]);

        is($r->status, 206, "$first to $last");
        ok($r->body eq substr($share->{plain}, $first, $last - $first + 1),
           'these bytes');
    }
});


# A change to the share's record, as whoever keeps records could make it.
sub with_record {
    my ($share, $change) = @_;

    my $record = $json->decode($share->{record});

    $change->($record->{capsule});
    $e->metadata->record("/v1/capsules/$share->{id}", $record);
    $t->write("own/metadata/v1/capsules/$share->{id}", $json->encode($record));
    return $share;
}


sub payload_with {
    my (%terms) = @_;

    return sub {
        my ($capsule) = @_;
        my $core = $json->decode(
            decode_base64url($capsule->{payload}));

        $capsule->{payload} = encode_base64url(
            $json->encode({ %$core, %terms }));
    };
}


sub flipped {
    my ($member) = @_;

    return sub {
        my $wrap = $_[0]{wraps}[0];
        $wrap->{$member} =~ s/^(..)(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/e;
    };
}


# (share, status, code): nginx, meshkitctl and the example agree.
sub all_refuse {
    my ($share, $status, $code, $name) = @_;

    outcome_is($share, '', "$status $code", "$name: nginx");
    is(by_meshkitctl($share, 'edge'), $code, "$name: meshkitctl");
    is(by_node($share), $code, "$name: the example");
}


# What a developer gets wrong, and what somebody else has prepared.
$n->exercise('misused, and attacked where it runs: it refuses' => sub {
    my $sent = sub { return run_command({}, 'node', "$examples/share.mjs",
        "$own/plain", '--owner', 'alice', '--sign', "$own/ed25519.pem",
        '--blocks', $blocks, '--metadata', "$own/metadata", @_) };
    my $share = shared(1000, id => 'once');

    meshkitctl('revoke', 'once', '--metadata', "$own/metadata");
    published($share);
    isnt($sent->('--to', "edge=$own/edge.jwk", '--id', 'once')->{exit}, 0,
         'an id that is taken');
    is(Meshkit::Process::slurp(record_file('once')), $share->{record},
       'what was revoked stays revoked');
    is_deeply([ glob record_file('*.new') ], [], 'and nothing is left');
    isnt($sent->('--to', "lodge=$own/edge.jwk")->{exit}, 0,
         'the key of somebody else');
    isnt($sent->('--to', "edge=$own/edge.jwk", '--expires',
                 1000 * (time + 600))->{exit}, 0, 'milliseconds');

    $share = shared(1000);
    $t->write('own/out.new', 'planted', 0644);
    link "$own/out.new", "$own/planted" or die "link: $!";
    is(by_node($share), 'ok', 'a file of others where it writes');
    is($t->read('own/planted'), 'planted', 'gets no plaintext');
    is((stat "$own/out")[2] & 0777, 0600, 'which nobody else can read');

    my @said = split /\n/, ran('node', '--max-old-space-size=48',
                               't/interop/producer/misuse.mjs', $examples);
    is(scalar(@said), 18, 'what its modules refuse');
    is($_, $_ =~ s/:.*/: refused/r, $_ =~ s/:.*//r) for @said;
});


# With a bit of one block flipped, from now on.
sub damaged_block {
    my ($cid) = @_;

    my $bytes = Meshkit::Process::slurp("$blocks/$cid");

    substr($bytes, 1000, 1) ^= "\1";
    $t->write("share/blocks/$cid", $bytes);
}


my $makers = [ [ 'made by the example', \&shared ],
               [ 'made by meshkitctl', \&shared_by_cli ] ];

for (@$makers) {
    my ($made, $make) = @$_;

    $n->exercise("$made and forged: refused" => sub {
        all_refuse(with_record($make->(1000), payload_with(exp => 2 ** 40)),
                   502, 'invalid_capsule', 'a longer life');
        all_refuse(with_record($make->(1000), payload_with(owner => 'bob')),
                   502, 'invalid_capsule', 'another owner');
        all_refuse($make->(1000, signer => 'stranger'),
                   502, 'invalid_capsule', 'a stranger\'s signature');
        all_refuse($make->(1000, to => 'lodge'),
                   403, 'recipient_not_authorized', 'for somebody else');
        all_refuse(with_record($make->(1000), flipped('ct')),
                   403, 'key_unwrap_failed', 'another sealed key');

        my $one = $make->(1000);
        my $other = $json->decode($make->(1000)->{record})->{capsule};

        all_refuse(with_record($one, sub { $_[0]{wraps} = $other->{wraps} }),
                   403, 'key_unwrap_failed', 'the wrap of another share');
    });

    $n->exercise("$made, revoked, expired, damaged: refused" => sub {
        my $share = $make->(3 * MIB);

        meshkitctl('revoke', $share->{id}, '--metadata', "$own/metadata");
        all_refuse(published($share), 410, 'share_revoked', 'revoked');

        # meshkitctl makes none that is over, so that one has to be waited for
        my $end = time + ($make == \&shared ? 0 : 5);
        my $over = $make->(1000, expires => $end);
        wait_for(10, sub { time >= $end });
        all_refuse($over, 410, 'share_expired', 'expired');

        my @all = $e->gateway->entries(core_of($share = $make->(1000))->{cid});
        damaged_block($all[0]);
        all_refuse($share, 502, 'cid_mismatch', 'a bit of the only block');

        @all = $e->gateway->entries(core_of($share = $make->(3 * MIB))->{cid});
        is(scalar @all, 5, 'a root and four leaves');
        damaged_block($all[1]);
        all_refuse($share, 502, 'cid_mismatch', 'a bit of a leaf');

        @all = $e->gateway->entries(core_of($share = $make->(3 * MIB))->{cid});
        unlink "$blocks/$all[1]";
        outcome_is($share, '', '502 provider_http_error', 'one is missing');
        is($_->($share, 'edge'), 'provider_request_failed', 'from a directory')
            for \&by_meshkitctl, \&by_node;
    });
}


# --- meshkitctl makes, the example opens ------------------------------------

$n->exercise('made by meshkitctl, opened by the example in Node' => sub {
    for my $segment (@SEGMENTS) {
        for my $to (qw(edge lodge)) {
            my $signer = $to eq 'edge' ? 'es256' : 'ed25519';
            my $share = shared_by_cli(2_300_000, segment => $segment,
                                      to => $to, signer => $signer);

            is(by_node($share, $to), 'ok',
               "segments of $segment, for $to, by $signer");
        }
    }

    for my $size (0, 1, 65504, 65505, 1048064, 1048065) {
        is(by_node(shared_by_cli($size)), 'ok', "$size bytes");
    }

    my $front = 'http://127.0.0.1:' . $t->port('front');
    my $share = shared_by_cli(2_300_000);

    $e->gateway->clear;
    is(by_node($share, 'edge', '--metadata-url', "$front/service",
               '--gateway', "$front/trustless"), 'ok', 'by HTTP');
    is_deeply([ sort($e->gateway->asked_raw) ],
              [ sort($e->gateway->entries(core_of($share)->{cid})) ],
              'each block once');
});


# It may stop earlier, since a node is judged as a whole before its first
# block is fetched; and WebCrypto has no BLAKE2b.
$n->exercise('all vectors: it decides as the core does' => sub {
    my %vector = map { $_->{name} => $_ } Meshkit::Vectors::vectors();
    my %own = ('ok-leaf-blake2b-256' => 'cid_mismatch',
               'ok-root-blake2b-256' => 'invalid_capsule');
    my @results = map { $json->decode($_) } split /\n/,
        ran('node', 't/interop/producer/vectors.mjs', $examples, 't/vectors');
    my (@other, @more, $exact);

    for my $r (@results) {
        my $v = $vector{$r->{name}};
        my $wanted = $own{$r->{name}} // $v->{outcome};

        push @other, "$r->{name}: $r->{outcome}" if $r->{outcome} ne $wanted;
        push @more, $r->{name} if $r->{size} > $v->{released_size}
            || $r->{size} == $v->{released_size}
               && $r->{sha256} ne $v->{released};
        $exact++ if $r->{sha256} eq $v->{released};
    }

    is(scalar @results, keys %vector, 'every one');
    cmp_ok(scalar @results, '>', 700, 'and they are many');
    is_deeply(\@other, [], 'the same outcome');
    is_deeply(\@more, [], 'no byte more is released');
    is($exact, @results - 3, 'nor a byte less, but for three');
});


$n->exercise('segment keys change where those of others do' => sub {
    $t->write('own/segments', ran('python3', 't/interop/producer/segments.py'));
    my @opened = split /\n/, ran('node', 't/interop/producer/segments.mjs',
                                 $examples, "$own/segments");
    my @wanted = (0, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 32, 2 ** 40 - 1);

    is_deeply(\@opened, [ @wanted, reverse @wanted ], 'each of them opens');
});


# In a folder of its own, with what "npm ci" would have put there.
$n->exercise('the commands of its README' => sub {
    my $text = Meshkit::Process::slurp('docs/examples/README.md');
    my ($commands) = $text =~ /^```sh\n(.*?)^```/ms;
    my $folder = $e->dir . '/readme';

    like($commands, qr/^npm ci$/m, 'it says how to install');
    $commands =~ s/^npm ci$//m;

    mkdir $folder;
    copy($_, $folder) or die "$_: $!" for glob "$examples/*.mjs";
    symlink "$examples/node_modules", "$folder/node_modules" or die $!;
    $t->write('readme/report.pdf', my $report = file_of(300_000));
    $t->write('readme/run', "cd $folder\n$commands");

    local $ENV{PATH} = getcwd() . "/build:$ENV{PATH}";
    my $r = run_command({}, 'sh', '-eu', "$folder/run");
    is($r->{exit}, 0, 'they run') or diag($r->{err});
    ok($t->read('readme/opened.pdf') eq $report, 'and the file comes back');
    $t->secret($t->read("readme/$_.pem") =~ /-----\n(.{40})/)
        for qw(alice-sign edge);
});


# --- in a browser -----------------------------------------------------------

my $b = Meshkit::Chromium->start(program => 'chromium', dir => $e->dir);
my $page = 'http://127.0.0.1:' . $t->port('front') . '/app/page.html';

$n->version_is($b->command('Browser.getVersion')->{product}
               =~ s{^\w+/(\d+).*}{Chromium $1}r);


sub called {
    my ($function, $argument) = @_;

    return $b->eval("$function(" . JSON::PP->new->ascii->encode($argument)
                    . ')', 120);
}


sub jwk { return $json->decode(Meshkit::Process::slurp("$own/$_[0].jwk")) }


$n->exercise('a page seals and stores, nginx opens' => sub {
    is($b->open($page), '', 'the page is loaded');
    ok($b->eval('isSecureContext'), 'a secure context');

    for ([0, 65536], [100_000, 65536], [1_048_448, 262144],
         [5 * MIB + 1, 262144], [2 * MIB, 1048576])
    {
        my ($size, $segment) = @$_;
        my $made = called('sealHere', {
            size => $size, sealing => { segment => $segment, name => 'ö' },
            terms => { owner => 'alice', exp => time + 600 },
            signer => { pem => $key{ed25519}, alg => 'Ed25519',
                        kid => jwk('ed25519')->{kid} },
            recipients => [ map { { identity => $_, jwk => jwk($_) } }
                            qw(edge lodge) ],
        });

        published($made);
        for my $as (qw(edge lodge)) {
            my $r = $e->get("/auto/$made->{id}?as=$as");
            is($r->status . ' ' . length($r->body) . ' ' . sha256_hex($r->body),
               "200 $size $made->{sha256}",
               "$size bytes in segments of $segment, for $as");
        }
    }
});


sub opened_here {
    my ($share, $as) = @_;

    my $r = called('openHere', { id => $share->{id}, identity => $as,
                                 pem => $key{$as},
                                 jwks => $json->decode($t->read(
                                     'own/owners.jwks')) });

    return $r->{outcome} if $r->{outcome} ne 'ok';
    return "$r->{size} $r->{sha256}";
}


$n->exercise('made by meshkitctl, opened by a page' => sub {
    my $share;

    for my $to (qw(edge lodge)) {
        for my $size (0, 1_000_000, 5 * MIB) {
            $share = shared_by_cli($size, to => $to, signer =>
                                   $to eq 'edge' ? 'es256' : 'ed25519');
            is(opened_here($share, $to),
               "$size " . sha256_hex($share->{plain}), "$size bytes, $to");
        }
    }

    is(opened_here($share, 'guest'), 'recipient_not_authorized', 'not mine');

    $e->gateway->fault('flip', cid => core_of($share)->{cid});
    is(opened_here($share, 'lodge'), 'cid_mismatch', 'a lying gateway');
    $e->heal;

    meshkitctl('revoke', $share->{id}, '--metadata', "$own/metadata");
    published($share);
    is(opened_here($share, 'lodge'), 'share_revoked', 'revoked');
    is(opened_here({ id => 'nothing' }, 'lodge'), 'capsule_not_found',
       'no such share');
    is_deeply([ $b->console ], [], 'nothing else was said');
});

$b->stop;
$e->done;
done_testing();
