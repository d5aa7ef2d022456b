package Meshkit::Attack::Range;

# Ranges: the row R.  What comes of a part of a file is a part of that file,
# whatever a gateway makes of the request.
#
#   my @lines = Meshkit::Attack::Range::lines($attack);

use strict;
use warnings;

# In plaintext: within leaves 4 and 5 of "main", and segments 2 and 3.
use constant MIDDLE => [ 140_000, 199_999 ];
use constant LONG => [ 1_000_000, 9_999_999 ];

my @FAULTS = (
    [ 'an honest gateway', 'ok', {}, { ok => 1 } ],
    [ 'one bit of a leaf in the range', 'flip', {}, { place => 'leaf' } ],
    [ 'one bit of the node above it', 'flip', {}, { place => 'above' } ],
    [ 'one bit of a leaf that is not in it', 'flip', {},
      { place => 'last', ok => 1, form => 'raw' } ],
    [ 'a leaf of the range is cut', 'cut', { into => 20 },
      { place => 'leaf' } ],
    [ 'root and nodes, and no leaf', 'missing', {},
      { place => 'leaf', form => 'car' } ],
    [ 'the same, but blocks where one is asked for', 'missing', {},
      { place => 'first', form => 'car', ok => 1 } ],
    [ '206 and another Content-Range', 'partial', {},
      { place => 'leaf', form => 'raw' } ],
    [ '404 for the range', 'status', { code => 404 },
      { place => 'leaf', form => 'raw' } ],
    [ 'entity-bytes is not obeyed', 'ok', {},
      { share => 'long', form => 'auto', ok => 1 } ],
    [ 'entity-bytes: root and nodes, and no leaf', 'missing', {},
      { share => 'long', form => 'auto', ok => 1, format => 'car',
        block => 1 } ],
    [ 'dups=n, and a filter that drops a leaf', 'drop', {},
      { share => 'long', form => 'auto', ok => 1, format => 'car',
        block => 4 } ],
);


sub lines {
    my ($attack) = @_;

    my @lines;

    for my $entry (@FAULTS) {
        my ($what, $fault, $args, $opt) = @$entry;

        push @lines, map { {
            place => 'range', at => 'block', %$opt, kind => 'fault',
            row => 'R', what => $what, fault => $fault, form => $_,
            range => $opt->{share} ? LONG : MIDDLE,
            check => \&_no_range,
            args => { %$args, map { ($_ => $opt->{$_}) }
                      grep { defined $opt->{$_} } qw(format block) },
        } } $opt->{form} // qw(car raw);
    }

    for my $vector ($attack->vectors(qr/^tree-d(?:2-.*below|3)-?/)) {
        for my $range ([ 0, 99 ], [ 70_000, 150_000 ]) {
            push @lines, map { {
                kind => 'vector', row => 'R', form => $_,
                what => "$range->[0]-$range->[1] of $vector->{name}",
                vector => $vector, place => 'below', range => $range } }
                qw(car raw);
        }
    }

    push @lines, { kind => 'none', row => 'R', what => 'a gateway or a CDN '
                   . 'that ignores Range: none is sent to it' };
    return @lines;
}


sub _no_range {
    my ($attack) = @_;

    my @asked = map { $_->requests } $attack->edge->gateway(0),
                                     $attack->edge->gateway(1);

    return "Range was sent to a gateway"
        if grep { defined $_->header('Range') } @asked;
    return undef;
}


1;
