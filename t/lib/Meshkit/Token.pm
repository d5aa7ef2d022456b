package Meshkit::Token;

# Issuers of tokens, by openssl and the JOSE specifications alone.
#
#   my $ines = Meshkit::Token->issuer('ines');        # or alg => 'ES256'
#   $t->write('keys/issuers.jwks', jwks($ines, ...)); # public, with identity
#   my $token = $ines->mint(claims => { ... });
#   $ines->mint(claims => ..., header => { typ => 'x' })   # undef: left out
#
# claims may be text that is signed as it is. by => another issuer signs with
# that one's key, under this one's kid; hmac => bytes signs with HS256.
# break_up($token) is [header, payload, signature], decoded; put_together the
# way back.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256);
use Exporter 'import';
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);

use Meshkit::Process qw(run_command);

our @EXPORT_OK = qw(jwks break_up put_together);

my $json = JSON::PP->new->utf8->canonical;


sub issuer {
    my ($class, $identity, %opt) = @_;

    my $self = bless { identity => $identity, alg => 'Ed25519',
                       temp => File::Temp->newdir, %opt }, $class;

    $self->{key} = $self->{temp}->dirname . '/key.pem';
    _openssl('genpkey', '-out', $self->{key}, '-algorithm',
             $self->{alg} eq 'ES256'
             ? ('EC', '-pkeyopt', 'ec_paramgen_curve:P-256') : 'ED25519');

    return $self;
}


sub _openssl {
    my $r = run_command({ timeout => 30 }, 'openssl', @_);

    die "openssl @_: $r->{err}" if $r->{exit} != 0;
    return $r->{out};
}


# RFC 7517 and RFC 8037: what a verifier needs.
sub public {
    my ($self) = @_;

    my $der = _openssl('pkey', '-in', $self->{key}, '-pubout', '-outform',
                       'DER');

    return $self->{alg} eq 'ES256'
        ? { kty => 'EC', crv => 'P-256',
            x => encode_base64url(substr $der, -64, 32),
            y => encode_base64url(substr $der, -32) }
        : { kty => 'OKP', crv => 'Ed25519',
            x => encode_base64url(substr $der, -32) };
}


# RFC 7638
sub kid {
    my ($self) = @_;

    return $self->{kid} //= encode_base64url(sha256(
        $json->encode($self->public)));
}


sub jwks {
    return $json->encode({ keys => [ map {
        { %{ $_->public }, identity => $_->{identity} } } @_ ] });
}


# r || s of the two integers in ECDSA's DER.
sub _raw {
    my ($der) = @_;

    my ($r, $s) = unpack 'x2 xC/a xC/a', $der;

    return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}


sub _sign {
    my ($self, $text) = @_;

    my $file = $self->{temp}->dirname . '/text';

    open my $out, '>:raw', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";

    return _openssl('pkeyutl', '-sign', '-inkey', $self->{key}, '-rawin',
                    '-in', $file) if $self->{alg} ne 'ES256';
    return _raw(_openssl('dgst', '-sha256', '-sign', $self->{key}, $file));
}


sub mint {
    my ($self, %opt) = @_;

    my $claims = ref $opt{claims} ? $json->encode($opt{claims})
                                  : $opt{claims};
    my %header = (alg => $self->{alg}, kid => $self->kid,
                  typ => 'meshkit-capability+jwt',
                  %{ $opt{header} // {} });

    delete @header{ grep { !defined $header{$_} } keys %header };

    my $text = join '.', map { encode_base64url($_) }
               $json->encode(\%header), $claims;
    my $signature = defined $opt{hmac} ? hmac_sha256($text, $opt{hmac})
                  : ($opt{by} // $self)->_sign($text);

    return $text . '.' . encode_base64url($signature);
}


sub break_up { return [ map { decode_base64url($_) } split /\./, $_[0], -1 ] }
sub put_together { return join '.', map { encode_base64url($_) } @_ }


1;
