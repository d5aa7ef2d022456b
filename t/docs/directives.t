# Every directive and every variable is documented, as it is, and nothing
# else is.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text tables sections directives variables documents);

my %short = (http => 'h', server => 's', location => 'l');
my $directives = directives();
my $manual = text('docs/DIRECTIVES.md');
my $readme = text('README.md');
my $sections = sections($manual, 2);
my %table = map { $_->[0] => $_ } grep { $_->[0] =~ /^meshkit_/ }
            map { @$_ } tables($readme);

cmp_ok(scalar keys %$directives, '>', 10, 'the source has directives');

is_deeply([ sort grep { /^meshkit_/ } keys %$sections ],
          [ sort keys %$directives ],
          'docs/DIRECTIVES.md has those of the source');
is_deeply([ sort keys %table ], [ sort keys %$directives ],
          'and so has the table of README.md');

for my $name (sort keys %$directives) {
    my $section = $sections->{$name} // '';
    my ($syntax) = $section =~ /^    Syntax: +(\w+) /m;
    my ($default) = $section =~ /^    Default: +(.+)$/m;
    my ($context) = $section =~ /^    Context: +(.+)$/m;
    my @context = @{ $directives->{$name} };

    is($syntax, $name, "$name: syntax");
    is($context, join(', ', @context), "$name: context");
    is($table{$name}[1], join(' ', map { $short{$_} } @context),
       "$name: context in the table");
    is($table{$name}[2], $default, "$name: default in the table");
}


# The defaults that are numbers, by the constants that the merge uses.
my $conf = text('ngx_meshkit_module/ngx_meshkit_conf.c');

sub default_of {
    my ($name) = @_;

    my ($value) = $conf =~ /
        ngx_conf_merge_\w+\(conf->$name,\s+prev->$name,\s+(\w+)\)/x or return;
    my ($defined) = $conf =~ /^#define \Q$value\E\s+(\d+)/m;
    return $defined // $value;
}

for my $name (qw(deadline clock_skew max_size read_ahead)) {
    my $default = $table{"meshkit_$name"}[2];

    $default = $1 * 1000 if $default =~ /^(\d+)s$/;
    is($default, default_of($name), "meshkit_$name: the source's default");
}


my @documented = map { $_->[0] =~ /^\$(meshkit_\w+)$/ ? $1 : () }
                 map { @$_ } tables(sections($manual, 1)->{Variables});

is_deeply([ sort @documented ], [ variables() ], 'the variables');


# Whatever else is mentioned exists.
my %known = map { $_ => 1 } keys %$directives, variables(), 'meshkit_open';

for my $document (documents()) {
    my $text = text($document);
    my %seen;

    $seen{$1} = 1 while $text =~ /(?<![\w.\/])\$?(meshkit_[a-z_]*[a-z])\b/g;
    delete $seen{$_} for $text =~ /^upstream (\w+)/mg;

    is(join(' ', grep { !$known{$_} } sort keys %seen), '',
       "$document names no other directive or variable");
}

done_testing();
