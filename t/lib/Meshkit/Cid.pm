package Meshkit::Cid;

# CIDs for the tests: text to binary and back, without checking any content.
#
#   use Meshkit::Cid qw(cid_parse cid_make cid_text cid_key varint);
#
#   my $cid = cid_parse('bafy...');      # also Qm..., B, z, f, F, u, m
#   # $cid->{version}, {codec}, {hash}, {digest}, {multihash}, {bytes}
#   my $cid = cid_parse_bytes($binary);  # and {rest}: what follows it
#   my $cid = cid_make(RAW, $block);     # CIDv1, sha2-256
#   my $cid = cid_with($cid, codec => DAG_CBOR);   # or version => 0
#   cid_text($cid);                      # v0: Qm..., v1: base32
#   cid_key('Qm...') eq cid_key('bafy...');   # hex of the multihash
#   varint(300);  my ($n, $length) = varint_parse($bytes, $offset);
#
# What cannot be parsed is undef.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Exporter 'import';
use MIME::Base64 qw(decode_base64 decode_base64url);

use constant {
    RAW => 0x55, DAG_PB => 0x70, DAG_CBOR => 0x71, DAG_JSON => 0x0129,
    IDENTITY => 0x00, SHA2_256 => 0x12,
};

our @EXPORT_OK = qw(cid_parse cid_parse_bytes cid_make cid_with cid_build
                    cid_text cid_key varint varint_parse base32 base58
                    base32_decode base58_decode
                    RAW DAG_PB DAG_CBOR DAG_JSON IDENTITY SHA2_256);

my $BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
my $BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

my %MULTIBASE = (
    b => \&base32_decode,
    B => sub { base32_decode(lc $_[0]) },
    z => \&base58_decode,
    f => sub { $_[0] =~ /^[0-9a-f]*$/ ? pack('H*', $_[0]) : undef },
    F => sub { $_[0] =~ /^[0-9A-F]*$/ ? pack('H*', $_[0]) : undef },
    u => \&decode_base64url,
    m => \&decode_base64,
);


sub varint {
    my ($n) = @_;

    my $bytes = '';

    while ($n > 0x7f) {
        $bytes .= chr($n & 0x7f | 0x80);
        $n >>= 7;
    }

    return $bytes . chr $n;
}


sub varint_parse {
    my ($bytes, $offset) = @_;

    my $n = 0;

    $offset //= 0;

    for my $i (0 .. 8) {
        return if $offset + $i >= length $bytes;
        my $byte = ord substr $bytes, $offset + $i, 1;
        $n |= ($byte & 0x7f) << 7 * $i;
        return ($n, $i + 1) if $byte < 0x80;
    }

    return;
}


sub base32 {
    my ($bytes) = @_;

    my $bits = unpack 'B*', $bytes;

    $bits .= '0' x (-length($bits) % 5);
    return join '', map { substr $BASE32, oct "0b$_", 1 } $bits =~ /(.{5})/g;
}


sub base32_decode {
    my ($text) = @_;

    return undef if $text !~ /^[a-z2-7]*$/;

    my $bits = join '', map { sprintf '%05b', index $BASE32, $_ }
                        split //, $text;

    return undef if length($bits) % 8 >= 5;
    return pack 'B*', substr $bits, 0, length($bits) - length($bits) % 8;
}


# Long division between the two bases, digit by digit.
sub _rebase {
    my ($from, $to, @digits) = @_;

    my @out;

    for my $carry (@digits) {
        for my $digit (@out) {
            $carry += $digit * $from;
            $digit = $carry % $to;
            $carry = int($carry / $to);
        }

        while ($carry) {
            push @out, $carry % $to;
            $carry = int($carry / $to);
        }
    }

    return reverse @out;
}


sub base58 {
    my ($bytes) = @_;

    my ($zeros) = $bytes =~ /^(\0*)/;

    return '1' x length($zeros) . join '', map { substr $BASE58, $_, 1 }
           _rebase(256, 58, unpack 'C*', $bytes);
}


sub base58_decode {
    my ($text) = @_;

    my @digits = map { index $BASE58, $_ } split //, $text;
    my ($ones) = $text =~ /^(1*)/;

    return undef if grep { $_ < 0 } @digits;
    return "\0" x length($ones) . pack 'C*', _rebase(58, 256, @digits);
}


sub cid_build {
    my ($version, $codec, $hash, $digest) = @_;

    my $multihash = varint($hash) . varint(length $digest) . $digest;

    return { version => $version, codec => $codec, hash => $hash,
             digest => $digest, multihash => $multihash,
             bytes => $version == 0 ? $multihash
                      : varint($version) . varint($codec) . $multihash };
}


sub cid_make {
    my ($codec, $block) = @_;

    return cid_build(1, $codec, SHA2_256, sha256($block));
}


sub cid_with {
    my ($cid, %change) = @_;

    return cid_build(@{ { %$cid, %change } }{qw(version codec hash digest)});
}


sub cid_parse_bytes {
    my ($bytes) = @_;

    my ($version, $codec, $at) = (0, DAG_PB, 0);

    if ($bytes !~ /^\x12\x20/) {
        my @parts;

        for my $i (0, 1) {
            my ($n, $length) = varint_parse($bytes, $at) or return undef;
            push @parts, $n;
            $at += $length;
        }

        ($version, $codec) = @parts;
        return undef if $version != 1;
    }

    my ($hash, $n) = varint_parse($bytes, $at) or return undef;
    my ($length, $m) = varint_parse($bytes, $at + $n) or return undef;

    $at += $n + $m;
    return undef if length $bytes < $at + $length;

    my $cid = cid_build($version, $codec, $hash, substr $bytes, $at, $length);
    $cid->{rest} = substr $bytes, $at + $length;
    return $cid;
}


sub cid_parse {
    my ($text) = @_;

    my $bytes;

    if ($text =~ /^Qm.{44}$/) {
        $bytes = base58_decode($text);

    } elsif (my $decode = $MULTIBASE{substr $text, 0, 1}) {
        $bytes = $decode->(substr $text, 1);
    }

    my $cid = defined $bytes ? cid_parse_bytes($bytes) : undef;

    return defined $cid && $cid->{rest} eq '' ? $cid : undef;
}


sub cid_text {
    my ($cid) = @_;

    return $cid->{version} == 0 ? base58($cid->{bytes})
                                : 'b' . base32($cid->{bytes});
}


sub cid_key {
    my ($text) = @_;

    my $cid = ref $text ? $text : cid_parse($text);
    return defined $cid ? unpack('H*', $cid->{multihash}) : undef;
}


1;
