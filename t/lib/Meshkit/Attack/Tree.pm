package Meshkit::Attack::Tree;

# DAGs that lie, with hashes that are right, and names: rows D1 to D22 and N1
# to N7 of docs/DESIGN.md.  Most are vectors (t/vectors/README.md); what is
# too large to be kept there is made here.  L is no attack: layouts that
# producers use and that must open.
#
#   my @lines = Meshkit::Attack::Tree::lines($attack);
#   Meshkit::Attack::Tree::build($attack, $line);     # a share of that kind

use strict;
use warnings;

use Meshkit::Cid qw(cid_make cid_text RAW DAG_PB);
use Meshkit::Dag qw(dag_pb unixfs);
use Meshkit::Process;

use constant MIB => 1 << 20;
use constant BODY => 40_000;

# Which vectors show a row; the first is the one of the short form.
my %VECTORS = (
    (map { ("D$_" => [ qr/^tree-d$_-/ ]) } 1 .. 21),
    D2 => [ qr/^tree-d2-/, qr/^floe-size-/ ],
    D5 => [ qr/^ok-tsize-/ ],
    D15 => [ qr/^tree-d15-9/, qr/^tree-d15-/, qr/^ok-8-levels/ ],
    D18 => [ qr/^tree-d18-/, qr/^ok-8192-links/ ],
    D22 => [ qr/^tree-d9-.*hamt/ ],
    N1 => [ qr/^ok-cid-/, qr/^ok-root-v0/ ],
    N2 => [ qr/^root-/ ],
    N3 => [ qr/^cid-text-v0-lower-case/ ],
    N4 => [ qr/^cid-digest-/, qr/^tree-n4-/ ],
    N5 => [ qr/^cid-(?:sha|blake)/, qr/^tree-d20-/ ],
    N6 => [ qr/^cid-identity/ ],
    N7 => [ qr/^cid-text-(?:path|sub|query)/, qr/^request-id-/ ],
    L => [ qr/^ok-v0-dag-pb-leaves/, qr/^ok-(?:uneven|narrow|single)/,
           qr/^ok-(?:root|leaf|mixed|one-level|two-levels-of-links$)/ ],
);

# Name, row, what, code, a number.  Each has one ciphertext of BODY bytes.
my @MADE = (
    [ 'bomb_same', 'D16', '174 links to the same, 7 levels: an exabyte',
      'invalid_envelope' ],
    [ 'bomb_same_declared', 'D16', 'the same, and the root says otherwise',
      'cid_mismatch' ],
    [ 'chain', 'D15', 'a chain of 1000 nodes', 'cid_mismatch', 1000 ],
    [ 'chain', 'D15', 'a chain of 5000 nodes', 'cid_mismatch', 5000 ],
    [ 'zero', 'D17', '8191 children of no bytes', 'cid_mismatch', 8191 ],
    [ 'crumbs', 'D17', '40000 leaves of one byte, by fives',
      'cid_mismatch' ],
    [ 'links', 'D18', '40000 links in 1.9 MB', 'cid_mismatch' ],
);

my @LAYOUTS = (
    [ '1 MiB raw leaves (v1-2025)', profile => 'v1-2025',
      leaf => MIB ],
    [ '256 KiB dag-pb leaves, CIDv0 (v0-2015)',
      profile => 'v0-2015', leaf => MIB / 4 ],
    [ 'trickle, 256 KiB dag-pb leaves', profile => 'trickle',
      leaf => MIB / 4, width => 3 ],
);


sub lines {
    my ($attack) = @_;

    my (%by_name, @lines);

    for my $row (sort keys %VECTORS) {
        my %seen;

        for my $pattern (@{ $VECTORS{$row} }) {
            for my $vector ($attack->vectors($pattern)) {
                next if $seen{$vector->{name}}++;
                push @lines, map { {
                    kind => 'vector', row => $row, form => $_,
                    what => $vector->{name}, vector => $vector,
                    place => _place($vector) } } _forms($vector);
            }
        }
    }

    for my $entry (@MADE) {
        my ($make, $row, $what, $code, $n) = @$entry;
        push @lines, map { { kind => 'made', row => $row, what => $what,
                             make => $make, code => $code, n => $n,
                             form => $_, place => 'root' } } qw(car raw);
    }

    for my $entry (@LAYOUTS) {
        my ($what, %how) = @$entry;
        push @lines, map { { kind => 'made', row => 'L', what => $what,
                             code => 'ok', how => \%how, form => $_,
                             place => 'whole' } }
                     qw(car raw);
    }

    return sort { $a->{kind} eq $b->{kind} ? 0
                  : $a->{kind} eq 'vector' ? -1 : 1 } @lines;
}


# Thousands of requests to a gateway in Perl take their time.
sub _forms {
    my ($vector) = @_;

    return $vector->{name} eq 'ok-8192-links' ? 'car' : qw(car raw);
}


sub _place {
    my ($vector) = @_;

    return 'whole' if $vector->{outcome} eq 'ok';
    return 'name' if $vector->{name} =~ /^(?:cid|request)-/;
    return $vector->{released_size} > 0 ? 'below' : 'root';
}


# --- what is too large to be kept -------------------------------------------

# Two shares of one seed are sealed alike: the first gives the ciphertext, of
# which the lying DAG is made, the second has that DAG's root.
sub build {
    my ($attack, $line) = @_;

    my $edge = $attack->edge;
    my %share = (size => BODY - 32, seed => 'a tree', leaf => BODY);

    return $edge->share(size => 2 * MIB + 5000, segment => 1 << 18,
                        %{ $line->{how} }) if $line->{how};

    my $sealed = $attack->{sealed} //= $edge->share(%share, record => 0);
    my $body = Meshkit::Process::slurp(
        $edge->dir . "/share/blocks/$sealed->{cid}");
    my $made = __PACKAGE__->can("_$line->{make}")
        or die "no way to make $line->{make}";
    my %put;
    my $put = sub {
        return $put{"@_"} //= _put($edge->gateway, @_);
    };
    my $root = $made->($put, $body, $line->{n});

    return $edge->share(%share, root => cid_text($root->{cid}));
}


sub _put {
    my ($gateway, $codec, $bytes) = @_;

    my $cid = cid_make($codec, $bytes);

    $gateway->add_block($bytes, cid_text($cid));
    return $cid;
}


sub _node {
    my ($put, $children, %lies) = @_;

    my @sizes = map { $_->{size} } @$children;
    my $size = 0;

    $size += $_ for @sizes;
    my $data = unixfs(filesize => $size, blocksizes => \@sizes, %lies);
    my $block = dag_pb([ map { [ $_->{cid}, '', 0 ] } @$children ], $data);

    return { cid => $put->(DAG_PB, $block), size => $size };
}


sub _raw {
    my ($put, $bytes) = @_;

    return { cid => $put->(RAW, $bytes), size => length $bytes };
}


sub _bomb_same {
    my ($put, $body) = @_;

    my $node = _raw($put, $body);
    $node = _node($put, [ ($node) x 174 ]) for 1 .. 6;
    return $node;
}


sub _bomb_same_declared {
    my ($put, $body) = @_;

    my $node = _raw($put, $body);
    $node = _node($put, [ ($node) x 174 ]) for 1 .. 5;
    return _node($put, [ ($node) x 174 ], filesize => length $body);
}


sub _chain {
    my ($put, $body, $levels) = @_;

    my $node = _raw($put, $body);
    $node = _node($put, [ $node ]) for 2 .. $levels;
    return $node;
}


sub _zero {
    my ($put, $body, $n) = @_;

    my $nothing = { cid => $put->(DAG_PB, dag_pb([], unixfs(filesize => 0))),
                    size => 0 };
    return _node($put, [ ($nothing) x $n, _raw($put, $body) ]);
}


sub _crumbs {
    my ($put, $body) = @_;

    my @crumbs = map { _raw($put, $_) } split //, $body;
    my @nodes;

    push @nodes, _node($put, [ splice @crumbs, 0, 5 ]) while @crumbs;
    return _node($put, \@nodes);
}


sub _links {
    my ($put, $body) = @_;

    return _node($put, [ map { _raw($put, $_) } split //, $body ]);
}


1;
