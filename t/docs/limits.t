# Limits and the profile's words in docs/FORMAT.md are those of the headers.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text tables sections);

my $format = text('docs/FORMAT.md');
my %defined;

for my $header (glob 'core/*.h ngx_meshkit_module/*.h') {
    my $text = text($header) =~ s{\s*/\*.*?\*/}{}gsr;
    $defined{$1} = $2 while $text =~ /^#define (\w+) +(\S.*?)\s*$/mg;
}

# A constant expression of integers, other constants among them.
sub value {
    my ($expression, $depth) = @_;

    return undef if !defined $expression || ($depth // 0) > 8;

    $expression =~ s/U?INT64_C//g;
    $expression =~ s{\b([A-Z]\w+)\b}
                    {value($defined{$1}, ($depth // 0) + 1) // 'x'}ge;
    return undef if $expression !~ m{^[\d\s()*+<-]+$};
    return eval $expression;
}

my ($table) = tables(sections($format, 1)->{Limits});

cmp_ok(scalar @$table, '>', 20, 'there are limits');

for my $row (@$table) {
    my ($name, $stated) = @$row;

    is($stated, value($defined{$name}), $name);
}

# Any other constant that a document names exists as well.
for my $document (qw(docs/FORMAT.md docs/DESIGN.md docs/DIRECTIVES.md)) {
    my %named = map { $_ => 1 }
                text($document) =~ /\b((?:NGX_)?MK_[A-Z_0-9]+)\b/g;
    my $sources = join '', map { text($_) }
                  glob 'core/*.[ch] ngx_meshkit_module/*.[ch]';

    is(join(' ', grep { $sources !~ /\b$_\b/ } sort keys %named), '',
       "$document names no constant that is not there");
}

# The words that a producer has to write.
for my $name (sort grep { /^MK_(?:PROFILE|TOKEN)_/ } keys %defined) {
    my ($word) = $defined{$name} =~ /^"(.+)"$/ or next;

    like($format, qr/\Q$word\E/, "$name: $word");
}

for my $type (text('core/mk_payload.c')
              =~ /mk_(?:payload|json)_\w+\(\w+, "(\w+)"/g)
{
    like($format, qr/`$type`/, "member $type");
}

done_testing();
