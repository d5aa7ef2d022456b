package Meshkit::Dag;

# dag-pb, UnixFS and CARv1, as much as a backend of the tests needs. Nothing
# is checked: lies are made of the same parts as truths.
#
#   use Meshkit::Dag qw(dag_links dag_walk dag_pb unixfs unixfs_file
#                       car_header car_section car_read);
#
#   dag_links($block);                 # parsed CIDs, in order
#   dag_pb([[$cid, $name, $tsize], ...], $data);
#   unixfs(type => 2, filesize => 7, blocksizes => [3, 4], data => '');
#   my ($root, @blocks) = unixfs_file($bytes, chunk => 1000, links => 4,
#                                     leaves => 'raw');   # or dag-pb
#                                      # blocks: [cid, bytes], root first
#   dag_walk($root, $fetch, $limit);   # entries in DFS order, repeated where
#                                      # the walk meets them again
#   car_header([$cid, ...], version => 1);
#   car_section($cid->{bytes}, $block);
#   my ($header, @sections) = car_read($bytes);   # [cid, block], ...
#
# $fetch->($cid) gives the bytes of a dag-pb block, or undef when it is not
# there; an entry is { cid, missing }.

use strict;
use warnings;

use Exporter 'import';

use Meshkit::Cid qw(cid_parse_bytes cid_make varint varint_parse
                    RAW DAG_PB);

our @EXPORT_OK = qw(dag_links dag_walk dag_pb unixfs unixfs_file car_header
                    car_section car_read);

use constant { DIRECTORY => 1, FILE => 2 };


sub _field {
    my ($number, $bytes) = @_;

    return varint($number << 3 | 2) . varint(length $bytes) . $bytes;
}


sub _number {
    my ($number, $value) = @_;

    return varint($number << 3) . varint($value);
}


# The length-delimited fields of a message: [number, bytes], ...
sub _fields {
    my ($bytes) = @_;

    my ($at, @fields) = (0);

    while ($at < length $bytes) {
        my ($tag, $n) = varint_parse($bytes, $at) or last;
        my ($value, $m) = varint_parse($bytes, $at + $n) or last;

        $at += $n + $m;
        next if ($tag & 7) == 0;
        last if ($tag & 7) != 2;
        push @fields, [ $tag >> 3, substr $bytes, $at, $value ];
        $at += $value;
    }

    return @fields;
}


sub dag_links {
    my ($block) = @_;

    my @links = map { $_->[1] } grep { $_->[0] == 2 } _fields($block);
    my @hashes = map { my ($hash) = grep { $_->[0] == 1 } _fields($_);
                       $hash ? $hash->[1] : () } @links;

    return grep { defined } map { cid_parse_bytes($_) } @hashes;
}


sub dag_pb {
    my ($links, $data) = @_;

    my $block = '';

    for my $link (@$links) {
        my ($cid, $name, $tsize) = @$link;
        $block .= _field(2, _field(1, $cid->{bytes})
                            . _field(2, $name // '')
                            . _number(3, $tsize // 0));
    }

    $block .= _field(1, $data) if defined $data;
    return $block;
}


sub unixfs {
    my (%node) = @_;

    my $bytes = _number(1, $node{type} // FILE);

    $bytes .= _field(2, $node{data}) if defined $node{data};
    $bytes .= _number(3, $node{filesize}) if defined $node{filesize};
    $bytes .= _number(4, $_) for @{ $node{blocksizes} // [] };
    return $bytes;
}


sub _leaf {
    my ($bytes, $kind) = @_;

    my $size = length $bytes;

    if ($kind eq 'raw') {
        return { blocks => [ [ cid_make(RAW, $bytes), $bytes ] ],
                 size => $size, total => $size };
    }

    my $block = dag_pb([], unixfs(data => $bytes, filesize => $size));
    return { blocks => [ [ cid_make(DAG_PB, $block), $block ] ],
             size => $size, total => length $block };
}


sub _parent {
    my (@children) = @_;

    my ($size, $total, @links) = (0, 0);

    for my $child (@children) {
        push @links, [ $child->{blocks}[0][0], '', $child->{total} ];
        $size += $child->{size};
        $total += $child->{total};
    }

    my $block = dag_pb(\@links, unixfs(filesize => $size,
                       blocksizes => [ map { $_->{size} } @children ]));

    return { blocks => [ [ cid_make(DAG_PB, $block), $block ],
                         map { @{ $_->{blocks} } } @children ],
             size => $size, total => $total + length $block };
}


sub unixfs_file {
    my ($bytes, %opt) = @_;

    my $chunk = $opt{chunk} // 1 << 20;
    my $width = $opt{links} // 1024;
    my $at = 0;
    my @nodes;

    do {
        push @nodes, _leaf(substr($bytes, $at, $chunk),
                           $opt{leaves} // 'raw');
        $at += $chunk;
    } while ($at < length $bytes);

    while (@nodes > 1) {
        my @parents;
        push @parents, _parent(splice @nodes, 0, $width) while @nodes;
        @nodes = @parents;
    }

    my @blocks = @{ $nodes[0]{blocks} };
    return ($blocks[0][0], @blocks);
}


sub dag_walk {
    my ($root, $fetch, $limit) = @_;

    my @stack = ($root);
    my @entries;
    my %known;

    while (@stack && @entries < $limit) {
        my $cid = shift @stack;
        my $entry = { cid => $cid };

        push @entries, $entry;
        next if $cid->{codec} != DAG_PB;

        my $links = $known{$cid->{multihash}} //= do {
            my $block = $fetch->($cid);
            $entry->{missing} = 1 if !defined $block;
            [ dag_links($block // '') ];
        };

        unshift @stack, @$links;
    }

    return @entries;
}


sub _cbor_length {
    my ($major, $n) = @_;

    return chr($major << 5 | $n) if $n < 24;
    return chr($major << 5 | 24) . chr $n if $n < 256;
    return chr($major << 5 | 25) . pack 'n', $n;
}


# roots: a list of CIDs, or undef for null.
sub car_header {
    my ($roots, %opt) = @_;

    my $list = "\xf6";

    if (defined $roots) {
        $list = _cbor_length(4, scalar @$roots);

        for my $cid (@$roots) {
            my $bytes = "\0" . $cid->{bytes};
            $list .= "\xd8\x2a" . _cbor_length(2, length $bytes) . $bytes;
        }
    }

    my $body = "\xa2\x65roots$list\x67version"
               . _cbor_length(0, $opt{version} // 1);

    return varint(length $body) . $body;
}


sub car_section {
    my ($cid_bytes, $block) = @_;

    return varint(length($cid_bytes) + length $block) . $cid_bytes . $block;
}


# The header as bytes; stops, as a reader would, where the bytes stop.
sub car_read {
    my ($bytes) = @_;

    my ($at, $header, @sections) = (0);

    while ($at < length $bytes) {
        my ($length, $n) = varint_parse($bytes, $at) or last;
        my $part = substr $bytes, $at + $n, $length;

        last if length $part < $length;
        $at += $n + $length;

        if (!defined $header) {
            $header = $part;
            next;
        }

        my $cid = cid_parse_bytes($part) or last;
        push @sections, [ $cid, delete $cid->{rest} ];
    }

    return ($header, @sections);
}


1;
