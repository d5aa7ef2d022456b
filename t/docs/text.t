# The documents as text: ASCII, 78 columns, links that lead somewhere, and
# nothing of the machine that they were written on.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(dirname);
use Test::More;

use lib 't/docs/lib';
use Docs qw(text documents);

use constant COLUMNS => 78;


# What a heading is linked by.
sub anchors {
    my ($path) = @_;

    my %anchors;

    for my $heading (text($path) =~ /^#+ (.+)$/mg) {
        my $anchor = lc $heading =~ s/[^\w\s-]//gr;
        $anchors{ $anchor =~ s/\s/-/gr } = 1;
    }

    return \%anchors;
}


sub broken_links {
    my ($document) = @_;

    my @broken;

    for my $link (text($document) =~ /\]\(([^)\s]+)\)/g) {
        my ($path, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
        my $target = $path eq '' ? $document
                   : dirname($document) . "/$path";

        next if $link =~ m{^https?://};
        push @broken, $link
            if !-f $target || $anchor ne '' && !anchors($target)->{$anchor};
    }

    return @broken;
}


my $root = getcwd();

for my $document (documents(), 'docs/meshkitctl.md', 'docs/INTEROP.md') {
    my $text = text($document);
    my @lines = split /\n/, $text;
    my $code = 0;

    is(join(', ', grep { $lines[$_ - 1] =~ /[^\x20-\x7e]/ } 1 .. @lines), '',
       "$document is ASCII without tabs");
    is(join(', ', grep { $lines[$_ - 1] =~ /\s$/ } 1 .. @lines), '',
       "$document has no white space at the ends of lines");

    # a table's row, a message or a URI cannot be wrapped
    is(join(', ', grep { my $line = $lines[$_ - 1];
                         length $line > COLUMNS && $line !~ /^\|/
                         && $line !~ /^ {4}(?:"|GET |invalid|is not an)/ }
                  1 .. @lines), '', "$document is wrapped");

    is(join(' ', broken_links($document)), '', "$document: its links lead");

    for my $place ($root, dirname($root), glob('~')) {
        next if length $place < 2;
        unlike($text, qr{\Q$place\E(?:/|\b)}, "$document names no $place");
    }

    unlike($text, qr{(?:^|[\s"'(=])/(?:tmp|home|root|mnt|srv)/},
           "$document names no directory of somebody");
    unlike($text, qr{\.\./(?:\.\./|[a-z]+/)}, "$document stays in the tree")
        if $document !~ m{^docs/};
}

done_testing();
