# docs/INTEROP.md and the table of README.md are of the neighbours that there
# are, in the versions that are pinned, and name exercises that exist.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text);

my %part = text('docs/INTEROP.md')
           =~ /^## (.*?)\n(.*?)(?=^## |\z)/msg;
my ($table) = text('README.md') =~ /^(\| program \| version \|.*?)\n\n/ms;
my %row = map { /^\| (.*?) \| (.*?) \| (.*?) \| (\d+) \|$/
                ? ($1 => { version => $2, part => $3, count => $4 }) : () }
          split /\n/, $table // '';
my %seen;


# What a neighbour's pins say, where they are files of ours.
sub pinned {
    my ($name, $how, $program) = @_;

    my $pins = text("t/interop/$name/" . ($how eq 'go' ? 'go.mod'
                                                       : 'package.json'));

    return $pins =~ /\d+\.\d+\.\d+/g;
}


for my $line (grep { /^[a-z]/ } split /\n/, text('t/interop/neighbours')) {
    my ($name, $how, $quick, $program, $title, $its_part)
        = split / {2,}/, $line;

    $seen{$title} = 1;
    like($quick, qr/^(?:yes|no)$/, "$name: in the short form or not");
    next if $how eq 'given' && !$row{$title};

    ok($row{$title} && $part{$title}, "$name is in both") or next;
    is($row{$title}{part}, $its_part, "$name: its part");

    my @rows = $part{$title} =~ /^\| (?!version|---)(.*?) \| (.*?) \|$/mg;
    is($row{$title}{count}, @rows / 2, "$name: the number of exercises");

    my %version = @rows ? reverse @rows : ();
    my %versions = map { $_ => 1 } values %version;
    is_deeply([ sort split /, /, $row{$title}{version} ],
              [ sort keys %versions ], "$name: the same versions");

    if (-d "t/interop/$name" && $how =~ /^(?:go|npm)$/) {
        my %pinned = map { $_ => 1 } pinned($name, $how, $program);
        ok($pinned{$_}, "$name: $_ is what is pinned")
            for map { /^v?([\d.]+)/ } keys %versions;
    }
}

ok($seen{$_}, "$_ is a neighbour") for sort keys %part, keys %row;

done_testing();
