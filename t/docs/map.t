# docs/DESIGN.md names every file of the core and of the module, and what the
# documents point to is there: tests, vectors, folders, make targets.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text tables sections sources documents);

my $design = sections(text('docs/DESIGN.md'), 1);
my @sources = sources();

sub names {
    my ($text, $column) = @_;

    return sort map { $_->[$column] =~ /(\w+)/g } map { @$_ } tables($text);
}

is_deeply([ names($design->{Files}, 0) ], \@sources, 'the files');
is_deeply([ names($design->{Layers}, 2) ], [ grep { /^mk_/ } @sources ],
          'the layers');


# The layers are those that tools/lint holds.
my ($lint) = text('tools/lint') =~ /my \@LAYERS = \((.*?)^\);/ms;
my @lint = map { [ sort /(mk_\w+)/g ] } $lint =~ /qw\((.*?)\)/gs;

is_deeply([ map { [ sort $_->[2] =~ /(\w+)/g ] }
            @{ (tables($design->{Layers}))[0] } ], \@lint,
          'the layers are those of tools/lint');


for my $table (grep { $_->[0][0] =~ m{/$} }
               tables(sections(text('README.md'), 2)->{'Where things are'}))
{
    my @folders = map { $_->[0] =~ s{/$}{}r } @$table;
    my %known = map { $_ => 1 } @folders;
    my @tracked = map { m{^([^./][^/]*)/} ? $1 : () }
                  split /\n/, `git ls-files --cached 2> /dev/null`;

    is(join(' ', grep { !-d } @folders), '', 'the folders of README.md exist');
    is(join(' ', do { my %s; grep { !$known{$_} && !$s{$_}++ } @tracked }),
       '', 'and every folder is there');
}


my $makefile = text('Makefile');
my %targets = map { $_ => 1 } $makefile =~ /^([a-z][a-z-]*):/mg;
my @help = $makefile =~ /^## .*\n(?:\.PHONY: .*\n)?([a-z][a-z-]*):/mg;

is(join(' ', grep { !$targets{$_} } @help), '', 'what make help lists exists');

for my $document (documents(), 'docs/meshkitctl.md') {
    my $text = text($document);
    my @make = $text =~ /^    make ([a-z-]+)$/mg;

    push @make, $text =~ /`make ([a-z-]+)`/g;
    is(join(' ', grep { !$targets{$_} } @make), '',
       "$document: its make targets exist");

    my %path = map { $_ => 1 }
        $text =~ m{(?<![\w/.])((?:t|core|cli|tools|docs|conf\.d|ngx_meshkit_module)
                    /[\w./*-]*\w)}gx;

    is(join(' ', grep { !-e && !glob } sort keys %path), '',
       "$document: its paths exist");
}


# Vectors are named by a pattern in the tables and claims of DESIGN.md.
my $text = text('docs/DESIGN.md');
my %vectors;

while ($text =~ /\bvectors? ((?:`[\w*-]+`(?:,\s+)?)+)/g) {
    $vectors{$_} = 1 for $1 =~ /`([\w*-]+)`/g;
}

cmp_ok(scalar keys %vectors, '>', 30, 'there are vectors');
is(join(' ', grep { !(my @found = glob "t/vectors/capsule/$_.json") }
             grep { !-e "t/vectors/capsule/$_.json" || /\*/ }
             sort keys %vectors), '', 'and they exist');


# Every row of the attack tables is there, and names what shows it.
my %rows = map { $_->[0] => $_ }
           map { @{ (tables($design->{"Attacks: $_"} // ''))[0] // [] } }
           'transport', 'lying DAGs', 'names';

is_deeply([ sort keys %rows ],
          [ sort((map { "T$_" } 1 .. 21), (map { "D$_" } 1 .. 22),
                 map { "N$_" } 1 .. 7) ], 'the attacks');

done_testing();
