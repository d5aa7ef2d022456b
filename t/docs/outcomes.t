# The two lists of outcomes are the table of core/mk_status.c, in its order.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text tables sections outcomes);

my $outcomes = outcomes();
my @order = text('core/mk_status.c') =~ /^\s*\[MK_\w+\] = \{ "(\w+)"/mg;
my ($enum) = text('core/mk_status.h') =~ /typedef enum \{(.*?)MK_STATUS_COUNT/s;

is(scalar @order, scalar(my @all = $enum =~ /(MK_\w+)/g),
   'every value of the enumeration has a row');

for my $document ('docs/DIRECTIVES.md', 'docs/FORMAT.md') {
    my $section = sections(text($document), 1)->{Outcomes}
               // sections(text($document), 2)->{Outcomes};
    my ($table) = tables($section // '');
    my @rows = @{ $table // [] };

    is_deeply([ map { $_->[0] } @rows ], \@order, "$document: the names");

    for my $row (@rows) {
        is($row->[1], $outcomes->{ $row->[0] }, "$document: $row->[0]");
    }

    is(join(' ', map { $_->[0] } grep { $_->[2] eq '' } @rows), '',
       "$document: each says when");
}

done_testing();
