package Meshkit::Gateway::Fault;

# What a gateway can do wrong, by name.  The comment before a row is its
# number in the table of attacks on a verifying client.  A new row is a new
# entry here and nothing else; what can be wrong with any HTTP reply is in
# Meshkit::Service::Mode.
#
# A row is a hash of one or more of
#
#   block   sub (bytes, args): new bytes; of the block that the fault names,
#           of all when it names none; raw and CAR
#   entry   sub (entry, args): changes the section: section_cid (bytes),
#           encode (sub (cid, block): bytes), last (the stream ends after it)
#   list    sub (list, index, args, gateway): changes the DFS list
#   plan    sub (plan, args): changes opening, roots, version, type
#   reply   sub (reply, args): changes the reply; args hold the position, at
#
# entry, list and plan concern CARs only.

use strict;
use warnings;

use Meshkit::Cid qw(cid_parse cid_make cid_with cid_key varint RAW DAG_CBOR
                    IDENTITY);
use Meshkit::Dag qw(car_header);
use Meshkit::Service::Mode;

use constant CAR => 'application/vnd.ipld.car; version=1';
use constant CARV2 => "\x0a\xa1\x67version\x02";
use constant HUGE => 216_000_000_000;

my %FAULTS;

# --- the bytes of a block ---------------------------------------------------

# T1: at = byte (from the end when negative), bit
$FAULTS{flip} = { block => sub {
    my ($bytes, $a) = @_;
    my $at = $a->{byte} // int(length($bytes) / 2);
    substr($bytes, $at, 1) ^= chr(1 << ($a->{bit} // 0)) if length $bytes;
    return $bytes;
} };

$FAULTS{other_bytes} = { block => sub { $_[1]{bytes} } };
$FAULTS{shorten} = { block => sub { substr $_[0], 0, -($_[1]{by} // 1) } };
$FAULTS{lengthen} = { block => sub { $_[0] . ($_[1]{bytes} // "\0") } };

# --- which blocks, in which order -------------------------------------------

# T2: a clean end before the block
$FAULTS{missing} = { list => sub {
    my ($list, $n) = @_;
    splice @$list, $n if $n < @$list;
} };

# T2, T7: the block is left out, the next one follows
$FAULTS{drop} = { list => sub {
    my ($list, $n) = @_;
    splice @$list, $n, 1 if $n < @$list;
} };

# T4: exchanged with the block "with", by default its successor
$FAULTS{swap} = { list => sub {
    my ($list, $n, $a) = @_;
    my $m = $a->{with} // $n + 1;
    @$list[$n, $m] = @$list[$m, $n] if $n < @$list && $m < @$list;
} };

# T4: breadth first, honestly labelled unless label => 0
$FAULTS{breadth_first} = {
    list => sub {
        my ($list, $n, $a, $gateway) = @_;
        @$list = _breadth_first($list, $gateway);
    },
    plan => sub {
        my ($plan, $a) = @_;
        $plan->{type} = CAR . '; order=unk; dups=y' if $a->{label} // 1;
    },
};

# T5: a block that nobody asked for, before the named one
$FAULTS{surplus} = { list => sub {
    my ($list, $n, $a) = @_;
    splice @$list, $n, 0, _stranger($a->{bytes} // 'surplus');
} };

# T5: the named block twice
$FAULTS{repeat} = { list => sub {
    my ($list, $n) = @_;
    splice @$list, $n, 0, { %{ $list->[$n] } } if $n < @$list;
} };

# T6: a block after the last
$FAULTS{trailing_block} = { list => sub {
    my ($list, $n, $a) = @_;
    push @$list, _stranger($a->{bytes} // 'trailing');
} };

# T7: each block once, honestly labelled
$FAULTS{dups_n} = {
    list => sub { @{ $_[0] } = _once(@{ $_[0] }) },
    plan => sub { $_[0]{type} = CAR . '; order=dfs; dups=n' },
};

# T7: each block once, though the label says otherwise
$FAULTS{dups_missing} = { list => sub { @{ $_[0] } = _once(@{ $_[0] }) } };

# --- a section --------------------------------------------------------------

# T8: the same multihash under another codec
$FAULTS{codec} = { entry => sub {
    my ($entry, $a) = @_;
    my $cid = cid_with($entry->{cid}, version => 1,
                       codec => $a->{codec} // DAG_CBOR);
    $entry->{section_cid} = $cid->{bytes};
} };

# T8: the same multihash, CIDv0 for v1 and the other way round
$FAULTS{version} = { entry => sub {
    my ($entry) = @_;
    my $version = 1 - $entry->{cid}{version};
    $entry->{section_cid} = cid_with($entry->{cid},
                                     version => $version)->{bytes};
} };

# T8: the CID of another block
$FAULTS{other_cid} = { entry => sub {
    my ($entry, $a) = @_;
    my $cid = defined $a->{other} ? cid_parse($a->{other})
                                  : cid_make(RAW, 'another block');
    $entry->{section_cid} = $cid->{bytes};
} };

# T3, T8: a CID of version 10
$FAULTS{cid_version} = { entry => sub {
    my ($entry, $a) = @_;
    $entry->{section_cid} = $entry->{cid}{bytes} =~ s/^\x01/\x0a/r;
} };

# T9: a digest of size bytes, or that claims so many
$FAULTS{long_cid} = { entry => sub {
    my ($entry, $a) = @_;
    my $size = $a->{size} // 200;
    $entry->{section_cid} = "\x01\x55\x12" . varint($size)
                            . "\0" x ($a->{claim_only} ? 32 : $size);
} };

# T9: a length of 216 GB, or any other
$FAULTS{section_length} = { entry => sub {
    my ($entry, $a) = @_;
    $entry->{encode} = sub { varint($a->{length} // HUGE) . $_[0] . $_[1] };
} };

# T10
$FAULTS{nonminimal_varint} = { entry => sub {
    my ($entry, $a) = @_;
    $entry->{encode} = sub {
        return _nonminimal(length($_[0]) + length $_[1]) . $_[0] . $_[1];
    };
} };

# T10: ten bytes and more
$FAULTS{overlong_varint} = { entry => sub {
    my ($entry) = @_;
    $entry->{encode} = sub { "\xff" x 12 . "\x01" . $_[0] . $_[1] };
} };

# T10: a section of no length before the named one
$FAULTS{zero_section} = { entry => sub {
    my ($entry) = @_;
    $entry->{encode} = sub { "\0" . _section(@_) };
} };

# T10: a section too short for its CID
$FAULTS{tiny_section} = { entry => sub {
    my ($entry) = @_;
    $entry->{encode} = sub { "\x02\x01\x55" . _section(@_) };
} };

# T10: identity bytes must not be a section
$FAULTS{identity_section} = { list => sub {
    my ($list, $n) = @_;
    my $entry = _stranger('identity');
    my $cid = cid_with($entry->{cid}, hash => IDENTITY,
                       digest => 'identity');
    $entry->{section_cid} = $cid->{bytes};
    splice @$list, $n, 0, $entry;
} };

# T11: the stream ends after the section's length
$FAULTS{lone_varint} = { entry => sub {
    my ($entry) = @_;
    $entry->{encode} = sub { varint(length($_[0]) + length $_[1]) };
    $entry->{last} = 1;
} };

# --- the header of a CAR ----------------------------------------------------

# T9: its length says so
$FAULTS{header_length} = { plan => sub {
    my ($plan, $a) = @_;
    $plan->{opening} = varint($a->{length} // HUGE) . "\xa2\x65roots";
} };

# T9: a true length, from so many roots
$FAULTS{many_roots} = { plan => sub {
    my ($plan, $a) = @_;
    my $count = $a->{count} // 2000;
    $plan->{roots} = [ ($plan->{roots}[0]) x $count ];
} };

# T10
$FAULTS{header_nonminimal} = { plan => sub {
    my ($plan) = @_;
    my $body = substr car_header($plan->{roots}), 1;
    $plan->{opening} = _nonminimal(length $body) . $body;
} };

$FAULTS{header_version} = { plan => sub {
    my ($plan, $a) = @_;
    $plan->{version} = $a->{version} // 3;
} };

$FAULTS{header_garbage} = { plan => sub {
    my ($plan, $a) = @_;
    my $body = $a->{bytes} // "\xff" x 20;
    $plan->{opening} = varint(length $body) . $body;
} };

$FAULTS{header_missing} = { plan => sub { $_[0]{opening} = '' } };
$FAULTS{roots_null} = { plan => sub { $_[0]{roots} = undef } };
$FAULTS{roots_empty} = { plan => sub { $_[0]{roots} = [] } };

# Allowed: roots say nothing.
$FAULTS{roots_other} = { plan => sub {
    $_[0]{roots} = [ cid_make(RAW, 'another root') ];
} };

# T10: the pragma and the header of version 2 before the whole
$FAULTS{carv2} = { plan => sub {
    my ($plan) = @_;
    $plan->{opening} = CARV2 . "\0" x 16 . pack('Q<3', 51, 1 << 20, 0)
                       . car_header($plan->{roots});
} };

# --- the reply --------------------------------------------------------------

# T3: boxo's message in the stream, then a clean end, or reset => 1
$FAULTS{text} = { reply => sub {
    my ($reply, $a) = @_;
    my $text = $a->{text} // "\n\n[Error: timeout while sending the DAG]\n";
    $reply->{cut} = $a->{at} if defined $a->{at};
    $reply->{append} = $text;
    $reply->{reset} = ($a->{at} // 0) + length $text if $a->{reset};
} };

# T4: only the label; undef for a parameter leaves it out
$FAULTS{label} = { plan => sub {
    my ($plan, $a) = @_;
    my %is = (version => 1, order => 'dfs', dups => 'y', %$a);
    $plan->{type} = join '; ', 'application/vnd.ipld.car',
        map { defined $is{$_} ? "$_=$is{$_}" : () } qw(version order dups);
} };

$FAULTS{order_unk} = { plan => sub {
    $_[0]{type} = CAR . '; order=unk; dups=y';
} };

# T12: a captive portal
$FAULTS{html} = { reply => sub {
    my ($reply, $a) = @_;
    $reply->{type} = 'text/html';
    $reply->{body} = "<!doctype html><title>Welcome</title>\n";
} };

# T13: the format is ignored, and the file is sent
$FAULTS{whole_file} = { reply => sub {
    my ($reply, $a) = @_;
    $reply->{type} = 'application/octet-stream';
    $reply->{body} = $a->{bytes} // "\0" x 3_000_000;
} };

# T17: a raw block above the limit, with the right label
$FAULTS{oversize} = { reply => sub {
    my ($reply, $a) = @_;
    $reply->{body} = "\0" x ($a->{size} // (2 << 20) + 1);
} };

$FAULTS{no_type} = { reply => sub { delete $_[0]{type} } };


sub known { return exists $FAULTS{$_[0]} }
sub names { return sort keys %FAULTS }


sub plan {
    my ($name, $plan, $args, $gateway) = @_;

    my $fault = $FAULTS{$name} or return;
    my $n = $args->{at_block};
    my $list = $plan->{list};
    my @named = defined $n ? grep { defined } $n < @$list ? $list->[$n] : ()
                           : @$list;

    if ($fault->{block}) {
        push @{ $_->{changes} }, sub { $fault->{block}->($_[0], $args) }
            for @named;
    }

    return if $plan->{format} ne 'car';

    $fault->{entry}->($_, $args) for $fault->{entry} ? @named : ();
    $fault->{list}->($list, $n // 0, $args, $gateway) if $fault->{list};
    $fault->{plan}->($plan, $args) if $fault->{plan};
}


sub reply {
    my ($name, $reply, $args) = @_;

    my $fault = $FAULTS{$name};

    return Meshkit::Service::Mode::apply($name, $reply, $args) if !$fault;
    $fault->{reply}->($reply, $args) if $fault->{reply};
}


sub _stranger {
    my ($bytes) = @_;

    return { cid => cid_make(RAW, $bytes), bytes => $bytes };
}


sub _once {
    my (@list) = @_;

    my %seen;
    return grep { !$seen{cid_key($_->{cid})}++ } @list;
}


sub _breadth_first {
    my ($list, $gateway) = @_;

    my @queue = ($list->[0]);
    my @out;

    while (my $entry = shift @queue) {
        push @out, $entry;
        push @queue, map { { %$entry, cid => $_ } } $gateway->links($entry);
    }

    return @out;
}


sub _section {
    my ($cid, $block) = @_;

    return varint(length($cid) + length $block) . $cid . $block;
}


sub _nonminimal {
    my ($n) = @_;

    my $bytes = varint($n);

    substr($bytes, -1, 1) |= "\x80";
    return $bytes . "\0";
}


1;
