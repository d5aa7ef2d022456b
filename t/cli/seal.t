# meshkitctl seal: every size comes back, whatever the blocks are kept in.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cid qw(cid_parse cid_text cid_key);
use Meshkit::Cli;
use Meshkit::Dag qw(car_read dag_walk);

my $c = Meshkit::Cli->new->cast;


# Bytes that repeat late, so that a piece in a wrong place shows.
sub bytes {
    my ($size) = @_;

    my $block = pack 'N*', map { $_ * 2654435761 % 2 ** 32 } 1 .. 16381;

    return substr $block x (1 + $size / length $block), 0, $size;
}


sub same {
    my ($name, $id, $bytes, @args) = @_;

    my $r = $c->open($id, @args);

    is($r->{exit}, 0, "$name: opens") or diag($r->{err});
    is(sha256_hex($c->read('out')), sha256_hex($bytes),
       "$name: byte for byte");
}


sub block_files { return grep { m{/blocks/} } $c->files }


for my $size (0, 1, 262112, 262113, 1048576 - 128, 1048576 - 127, 5_000_000) {
    my $bytes = bytes($size);
    my $facts = $c->seal($bytes, '--name', "file of $size", '--type', 'a/b');

    is($facts->{size}, $size, "$size bytes: sealed");
    same("$size bytes", $c->share, $bytes);
}

for my $segment (65536, 1048576) {
    my $bytes = bytes(2_300_000);

    $c->seal($bytes, '--segment', $segment);
    same("segments of $segment", $c->share, $bytes);
}

my @names = map { m{([^/]+)$} } block_files();
is_deeply([ grep { !defined cid_parse($_) || cid_text(cid_parse($_)) ne $_ }
            @names ], [], 'each block is named by its canonical CID');

# --- CAR --------------------------------------------------------------------

# The root that a header names is what the walk starts from.
sub check_car {
    my ($name, $file, $cid) = @_;

    my ($header, @sections) = car_read($c->read($file));
    my %block = map { cid_key($_->[0]) => $_->[1] } @sections;
    my @order = dag_walk(cid_parse($cid), sub { $block{cid_key($_[0])} },
                         1000);

    is_deeply([ map { cid_text($_->[0]) } @sections ],
              [ map { cid_text($_->{cid}) } @order ],
              "$name: sections are in DFS order, complete, no more");
    return scalar @sections;
}


for my $size (0, 3_000_000) {
    my $bytes = bytes($size);
    my $before = block_files();
    my $facts = $c->seal($bytes, '--car', $c->path('one.car'));

    is(check_car("CAR of $size", 'one.car', $facts->{cid}),
       $facts->{blocks}, "CAR of $size: as many blocks as were sealed");
    is(scalar(block_files()), $before, "CAR of $size: and no directory");

    $facts = $c->seal($bytes, '--car', $c->path('two.car'), '--blocks',
                      $c->path('blocks'));
    check_car("CAR and directory of $size", 'two.car', $facts->{cid});
    same("CAR and directory of $size", $c->share, $bytes);
}

# --- how it is called -------------------------------------------------------

my @keys = ('--owner', 'alice', '--key', $c->path('alice.pem'),
            '--sign', $c->path('alice-sign.pem'));
my @to = ('--blocks', $c->path('blocks'), '--capsule', $c->path('in.cap'));

$c->ok('standard input is sealed', { stdin => 'from a pipe' }, 'seal', '-',
       @keys, @to);
my $seen = $c->ok('and inspected', 'inspect', $c->path('in.cap'), '--json');
ok(!exists $c->json($seen->{out})->{name}, 'it has no name');

my $r = $c->refused('a capsule is not overwritten', 3, qr/exists\n.*--force/s,
                    'seal', $c->path('plain'), @keys, @to);
is($r->{out}, '', 'and nothing is printed');

my $plain = $c->write('a name.txt', 'x');
$c->ok('a name with a space', 'seal', $plain, @keys, '--force', @to);
is($c->json($c->run('inspect', $c->path('in.cap'), '--json')->{out})->{name},
   'a name.txt', 'is kept without its directory');

$c->refused('nowhere to put blocks', 2, qr/--blocks, --car and --kubo/,
            'seal', $plain, @keys, '--capsule', $c->path('new'));
$c->refused('a segment length that no reader takes', 2, qr/--segment/,
            'seal', $plain, @keys, '--segment', '4096', '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'));
$c->refused('a file that is not there', 3, qr/cannot read/,
            'seal', $c->path('missing'), @keys, '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'));
my $n = block_files();
$c->refused('a capsule that could not be written', 3, qr/cannot write/,
            'seal', $plain, @keys, '--blocks', $c->path('blocks'),
            '--capsule', $c->path('missing/new'));
is(scalar(block_files()), $n, 'is found before anything is sealed');
$c->refused('a key that cannot sign', 5, qr/cannot sign\n.*ed25519/s,
            'seal', $plain, '--owner', 'alice', '--key',
            $c->path('alice.pem'), '--sign', $c->path('edge.pem'),
            '--blocks', $c->path('blocks'), '--capsule', $c->path('new'));
$c->refused('a key that cannot open', 5, qr/only signs\n.*x25519/s,
            'seal', $plain, '--owner', 'alice', '--sign',
            $c->path('alice-sign.pem'), '--key', $c->path('alice-sign.pem'),
            '--blocks', $c->path('blocks'), '--capsule', $c->path('new'));
$c->refused('a name that a reader would refuse', 2, qr/hint: .*--name/,
            'seal', $plain, @keys, '--name', $_, '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'))
    for "a\nb", "\xe4", 'x' x 256;
$c->refused('a name with ' . $_->[0], 2,
            qr/not seen or turn the direction.*\n.*hint: .*--name/s,
            'seal', $plain, @keys, '--name', "a$_->[1]b", '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'))
    for [ 'an override', "\xe2\x80\xae" ], [ 'an isolate', "\xe2\x81\xa6" ],
        [ 'a byte order mark', "\xef\xbb\xbf" ],
        [ 'a line separator', "\xe2\x80\xa8" ];
$c->refused('a file of such a name', 2, qr/hint: .*--name/, 'seal',
            $c->write("exe.\xe2\x80\xaegnp", 'x'), @keys, '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'));
$c->refused('a type that a reader would refuse', 2, qr/--type is not/,
            'seal', $plain, @keys, '--type', "a\rb", '--blocks',
            $c->path('blocks'), '--capsule', $c->path('new'));
ok(!-e $c->path('new'), 'a refusal writes no capsule');

chmod 0644, $c->path('alice.pem');
$c->refused('a key that others can read is used, with a warning', 0,
            qr/warning: .*others can read\n.*chmod 600/s,
            'seal', $plain, @keys, '--force', @to);
chmod 0600, $c->path('alice.pem');

$c->done;
