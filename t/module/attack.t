# The attack tables of docs/DESIGN.md, one line for each attack, on a real
# nginx: "make attack-report" prints all of them, at every place.

use strict;
use warnings;

use Test::More;

use Meshkit::Attack;

my $attack = Meshkit::Attack->new(short => 1);

for my $line ($attack->lines) {
    $attack->run($line);

    my @wrong = @{ $line->{wrong} };
    my $name = join ', ', grep { length } @$line{qw(row what place
                                                    transport)};

    ok(!@wrong, $name) or diag map { "$_\n" } @wrong;
}

is(join(' ', $attack->missing), '', 'every row of the tables has a line');

$attack->done;
done_testing();
