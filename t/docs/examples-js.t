# The example in JavaScript, without Node: its words and numbers are those of
# the core, it needs what it says and nothing else, and it stays small enough
# to be read.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/docs/lib';
use Docs qw(text sections outcomes);

use constant PRODUCER_LINES => 220;

my $folder = 'docs/examples';
my %source = map { m{([^/]+)$} => text($_) } glob "$folder/*.mjs";
my @programs = qw(receive.mjs share.mjs);
my %program = map { $_ => 1 } @programs;
my @modules = grep { !$program{$_} } sort keys %source;
my $modules = join '', map { $source{$_} } @modules;
my $headers = join '', map { text($_) } glob 'core/*.h';


# --- words and numbers ------------------------------------------------------

for my $name (qw(NAME TYP CONTENT WRAP_INFO FLOE_AAD WRAP_P256 WRAP_X25519)) {
    my ($word) = $headers =~ /^#define MK_PROFILE_$name +"(.+)"$/m;

    like($modules, qr/'\Q$word\E'/, "MK_PROFILE_$name: $word");
}

# name there => name or expression in the core
my %NUMBERS = (OVERHEAD => 'MK_FLOE_OVERHEAD', JSON_MAX => 'MK_JSON_MAX',
               WRAPS_MAX => 'MK_CAPSULE_WRAPS_MAX', LEVELS =>
               'MK_WALK_DEPTH_MAX', LINKS_MAX => 'MK_DAGPB_LINKS_MAX',
               BLOCK_MAX => 'MK_BLOCK_MAX', RECORD_MAX => 'MK_JSON_MAX',
               BLOCKS_FREE => 'MK_WALK_BLOCKS_FREE',
               ROTATION => '1 << MK_FLOE_ROTATION_BITS');


sub number {
    my ($expression) = @_;

    my $names = 0;
    while ($expression =~ s{\b(MK_\w+)\b}{
        $headers =~ /^#define $1 +([^\n]*?)\s*(?:\/\*.*)?$/m ? "($1)" : 'x'
    }e) { die "$expression is a circle\n" if ++$names > 8 }

    return eval $expression;
}


for my $name (sort keys %NUMBERS) {
    my @values = map { eval } $modules =~ /\b$name = (\d[\d *]*)n?\b/g;
    my $wanted = number($NUMBERS{$name});

    ok(@values > 0 && !grep({ $_ != $wanted } @values),
       "$name is $NUMBERS{$name}: $wanted");
}

my ($segments) = $modules =~ /\bSEGMENTS = \[([\d, ]+)\]/;

is($segments, join(', ', map { number("MK_PROFILE_$_") }
                         qw(SEGMENT_SMALL SEGMENT SEGMENT_LARGE)),
   'the segment lengths');
like($source{'meshkit.mjs'}, qr/\bsegment = ${\ number('MK_PROFILE_SEGMENT')}\b/,
     'and the usual one');


# --- what it points to ------------------------------------------------------

my %codes = %{ outcomes() };
my @named = join('', values %source) =~ /'([a-z]+(?:_[a-z]+)+)'/g;

cmp_ok(scalar @named, '>', 20, 'it names outcomes');
is(join(' ', grep { !$codes{$_} } @named), '', 'that there are');

my $headings = sections(text('docs/FORMAT.md'), 1);
my @quoted = map { /"([A-Z][a-z]+(?: [a-z]+)*)"/g }
             $modules =~ m{^// (.*)$}mg;
my $order = 'The order of an open';

cmp_ok(scalar @quoted, '>', 8, 'it names sections');
is(join(', ', grep { !$headings->{$_} && $_ ne $order } @quoted), '',
   'that FORMAT.md has');
like(text('docs/DESIGN.md'), qr/^# $order$/m, 'and DESIGN.md');

my $readme = text("$folder/README.md");
my %files = map { $_ => 1 } $readme =~ /\b([a-z]+\.mjs)\b/g;

is_deeply([ sort keys %files ], [ sort keys %source ],
          'README.md says what each file is');
ok(-d 't/interop/producer' && $readme =~ m{`t/interop/producer`},
   'and where a page is');

for my $name (@programs) {
    my ($call) = $readme =~ /node $name ((?:.*\\\n)*.*)$/m;
    my @options = $call =~ /--([a-z-]+)/g;

    cmp_ok(scalar @options, '>', 3, "README.md calls $name with options");
    is(join(' ', grep { $source{$name} !~ /^ .*\b\Q$_\E'?: (?:text|\{)/m }
                 @options), '', 'that it takes');
}


# --- what it needs ----------------------------------------------------------

my $json = JSON::PP->new->utf8;
my $package = $json->decode(text("$folder/package.json"));
my $lock = $json->decode(text("$folder/package-lock.json"));
my $needs = $package->{dependencies};

is_deeply([ sort keys %$needs ], [qw(@hpke/core ipfs-unixfs-importer jose)],
          'it needs three packages');
is_deeply({ map { $_ => $lock->{packages}{"node_modules/$_"}{version} }
            keys %$needs }, $needs, 'each of one version, and locked');
is(scalar(grep { $_ ne '' && !$lock->{packages}{$_}{integrity} }
          keys %{ $lock->{packages} }), 0, 'all by their hashes');
unlike(text("$folder/package-lock.json"), qr/"resolved"|registry/,
       'of whatever registry');

my %allowed = map { $_ => 1 } keys %$needs, map { "./$_" } keys %source;

for my $name (sort keys %source) {
    my @imports = $source{$name} =~ /\bfrom '([^']+)'/g;
    my @other = grep { !$allowed{$_}
                       && !($program{$name} && /^node:/) } @imports;

    is("@other", '', "$name imports nothing else");
}

unlike($modules, qr/\b(?:Buffer|process|require)\b/, 'no module needs Node');


# --- how it is written ------------------------------------------------------

my $lines = () = $source{'meshkit.mjs'} =~ /\n/g;

cmp_ok($lines, '<=', PRODUCER_LINES,
       "a sender is at most @{[ PRODUCER_LINES ]} lines");

for my $name (sort keys %source) {
    is(scalar(() = $source{$name} =~ /^(?:.{81,}|.*\t.*|.* )$/mg), 0,
       "$name: 80 columns, no tabs");
}

done_testing();
