package Docs;

# Documents and sources as the tests of the documents read them.
#
#   use lib 't/docs/lib';
#   use Docs qw(text documents tables sections directives variables outcomes);
#
#   text('README.md')            a file of the tree
#   documents()                  every document that people read
#   tables(text)                 [[cell, ...], ...] for each table, heads left
#                                out; code marks and links taken off
#   sections(text, level)        { heading => text below it }
#   directives()                 { name => [context, ...] }, from the source
#   variables()                  names, from the source
#   outcomes()                   { name => HTTP status }, from the source
#   sources()                    base names below core/ and the module
#
# Paths are relative to the root, where prove runs.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(text documents tables sections directives variables
                    outcomes sources);

my %CONTEXTS = (
    NGX_MESHKIT_ANYWHERE => [qw(http server location)],
    NGX_HTTP_MAIN_CONF => ['http'],
    NGX_HTTP_SRV_CONF => ['server'],
    NGX_HTTP_LOC_CONF => ['location'],
);


sub text {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return <$file>;
}


sub documents {
    return (qw(README.md SECURITY.md CHANGES docs/DIRECTIVES.md
               docs/FORMAT.md docs/DESIGN.md docs/examples/README.md),
             glob 'conf.d/*.{conf,cfg}');
}


sub _cell {
    my ($text) = @_;

    $text =~ s/^\s+|\s+$//g;
    $text =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
    $text =~ s/`//g;
    return $text;
}


sub tables {
    my ($text) = @_;

    my @tables;

    while ($text =~ /((?:^\|.*\|\n)+)/mg) {
        my @rows = split /\n/, $1;

        next if @rows < 2 || $rows[1] !~ /^[|\s:-]+$/;
        push @tables, [ map { [ map { _cell($_) }
                                (split /(?<!\\)\|/)[1 .. tr/|// - 1] ] }
                        @rows[2 .. $#rows] ];
    }

    return @tables;
}


sub sections {
    my ($text, $level) = @_;

    my %sections;
    my $mark = '#' x $level;

    while ($text =~ /^$mark (.+)\n((?:(?!#{1,$level} ).*\n)*)/mg) {
        $sections{ _cell($1) } = $2;
    }

    return \%sections;
}


sub directives {
    my %directives;
    my $source = text('ngx_meshkit_module/ngx_meshkit_module.c');

    while ($source =~ /ngx_string\("(meshkit_\w+)"\),\s*([A-Z_0-9|\s]+),/g) {
        my ($name, $flags) = ($1, $2);

        $directives{$name} = [ map { @{ $CONTEXTS{$_} // [] } }
                               $flags =~ /(\w+)/g ];
    }

    return \%directives;
}


sub variables {
    my $source = text('ngx_meshkit_module/ngx_meshkit_variables.c');

    return sort $source =~ /ngx_string\("(meshkit_\w+)"\)/g;
}


sub outcomes {
    my $source = text('core/mk_status.c');

    return { $source =~ /^\s*\[MK_\w+\] = \{ "(\w+)", (\d+),/mg };
}


sub sources {
    my %names;

    for my $path (glob 'core/*.[ch] ngx_meshkit_module/*.[ch]') {
        my ($name) = $path =~ m{([^/]+)\.[ch]$};
        $names{$name} = 1;
    }

    return sort keys %names;
}


1;
