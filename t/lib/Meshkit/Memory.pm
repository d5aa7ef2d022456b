package Meshkit::Memory;

# What stands in the memory of a process, as root sees it: /proc/PID/smaps
# and /proc/PID/mem.
#
#   Meshkit::Memory::why_not($pid)      why it cannot be read; '' if it can
#   my @found = Meshkit::Memory::find($pid, key => $bytes, ...);
#   # { name, at, map => name of the mapping, flags => { lo => 1, ... } }
#   Meshkit::Memory::places(@found)     the same as lines for a diagnosis
#   Meshkit::Memory::secure($found)     whether it lies where keys belong:
#                                       locked, and left out of core dumps
#   Meshkit::Memory::dump($pid, $file)  what a core dump would have: every
#                                       mapping but those left out of one
#   my %keys = Meshkit::Memory::private_key($pem)
#   my %keys = Meshkit::Memory::floe_keys($data_key, $header, $aad)
#   my %keys = Meshkit::Memory::halves($name, $bytes)
#
# The keys are of the kind that find takes.  Half a key is a finding too: an
# allocator writes over the beginning of what was freed.  The first and last
# bytes are left out, since X25519 sets bits there (RFC 7748, 5).  A key of
# P-256 is searched for from both ends, since libraries compute with
# little-endian numbers.

use strict;
use warnings;
no warnings 'portable';         # addresses have more than 32 bits

use Digest::SHA ();
use MIME::Base64 ();

use Meshkit::Process ();

use constant { CHUNK => 1 << 22, EDGE => 2 };


sub _mappings {
    my ($pid) = @_;

    my @maps;

    for (split /\n/, Meshkit::Process::slurp("/proc/$pid/smaps")) {
        if (/^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)/) {
            push @maps, { from => hex $1, to => hex $2, mode => $3,
                          name => $4 || 'anonymous' };

        } elsif (/^VmFlags: (.*)/) {
            $maps[-1]{flags} = { map { $_ => 1 } split ' ', $1 };
        }
    }

    return grep { $_->{mode} =~ /^r/ && $_->{name} !~ /^\[v/ } @maps;
}


sub _open {
    my ($pid) = @_;

    open my $mem, '<:raw', "/proc/$pid/mem" or return undef;
    return $mem;
}


sub why_not {
    my ($pid) = @_;

    return 'only root reads the memory of a worker' if $> != 0;

    my $mem = _open($pid) or return "/proc/$pid/mem: $!";
    my ($map) = _mappings($pid);
    return "/proc/$pid/smaps: empty" if !defined $map;

    sysseek $mem, $map->{from}, 0 or return "/proc/$pid/mem: $!";
    sysread($mem, my $byte, 1) or return "/proc/$pid/mem: $!";

    return '';
}


# Calls back with (address, bytes) of each piece; pieces overlap by a little.
sub _each {
    my ($mem, $map, $overlap, $code) = @_;

    my $at = $map->{from};

    while ($at < $map->{to}) {
        my $want = $map->{to} - $at;
        $want = CHUNK if $want > CHUNK;

        sysseek $mem, $at, 0 or return;
        my $bytes;
        my $n = sysread $mem, $bytes, $want;
        return if !$n;

        $code->($at, $bytes);
        return if $at + $n >= $map->{to};
        $at += $n > $overlap ? $n - $overlap : $n;
    }
}


sub find {
    my ($pid, %what) = @_;

    my $mem = _open($pid) or die "/proc/$pid/mem: $!";
    my $longest = 0;
    my %found;

    for (values %what) {
        $longest = length if length > $longest;
    }

    for my $map (_mappings($pid)) {
        _each($mem, $map, $longest, sub {
            my ($at, $bytes) = @_;

            for my $name (sort keys %what) {
                my $pos = -1;

                while (($pos = index $bytes, $what{$name}, $pos + 1) >= 0) {
                    $found{$name, $at + $pos} = {
                        name => $name, at => $at + $pos,
                        map => $map->{name}, flags => $map->{flags} };
                }
            }
        });
    }

    return map { $found{$_} } sort keys %found;
}


sub secure {
    my ($found) = @_;

    return $found->{flags}{lo} && $found->{flags}{dd};
}


sub places {
    return join '', map { sprintf "%s at %x in %s%s\n", $_->{name}, $_->{at},
                          $_->{map}, secure($_) ? ', secure' : '' } @_;
}


sub dump {
    my ($pid, $file) = @_;

    my $mem = _open($pid) or die "/proc/$pid/mem: $!";
    my $total = 0;

    open my $out, '>:raw', $file or die "$file: $!";

    for my $map (grep { !$_->{flags}{dd} } _mappings($pid)) {
        _each($mem, $map, 0, sub { print $out $_[1];
                                   $total += length $_[1] });
    }

    close $out or die "$file: $!";
    return $total;
}


# --- keys -------------------------------------------------------------------

sub halves {
    my ($name, $key) = @_;

    my $half = length($key) / 2;

    return ("$name, 1st half" => substr($key, EDGE, $half - EDGE),
            "$name, 2nd half" => substr($key, $half, $half - EDGE));
}


# PKCS#8 of P-256 has an ECPrivateKey (RFC 5915), that of X25519 ends in the
# key (RFC 8410).
sub private_key {
    my ($pem) = @_;

    my ($text) = $pem =~ /-----\n(.+)\n-----/s or die 'no PEM';
    my $der = MIME::Base64::decode_base64($text);
    my ($key) = $der =~ /\x02\x01\x01\x04\x20(.{32})/s;

    $key = substr $der, -32 if !defined $key;

    return (halves('private key', $key),
            halves('private key, little-endian', scalar reverse $key),
            map { ("private key, base64 $_" => $_) }
            grep { length >= 28 } map { unpack '(A28)*', $_ }
            split /\n/, $text);
}


# docs/FORMAT.md: FLOE's key derivation is HKDF-Expand with SHA-384, of less
# than two blocks.
sub _expand {
    my ($key, $info, $len) = @_;

    return substr Digest::SHA::hmac_sha384("$info\x01", $key), 0, $len;
}


sub floe_keys {
    my ($key, $header, $aad) = @_;

    my $prefix = substr $header, 0, 42;
    my $message = _expand($key, $prefix . 'MESSAGE_KEY:' . $aad, 48);
    my $segment = _expand($message, $prefix . 'DEK:' . pack('Q>', 0) . $aad,
                          32);

    return (halves('data key', $key), halves('message key', $message),
            halves('segment key', $segment));
}


1;
