package Meshkit::Leak::Headers;

# What each service receives of a client, and of the others' tokens, over many
# opens: every form, first and further requests of a connection, HTTP/1.1 and
# HTTP/2, with a gateway that fails and without.
#
#   my $headers = Meshkit::Leak::Headers->new;
#   $headers->run;
#   for ($headers->lines) { ... }      # service, call, requests, columns()
#   $headers->done;                    # checks of nginx

use strict;
use warnings;

use Meshkit::Edge;
use Meshkit::Token qw(jwks);

my $SECRET = 'Hx0123456789abcdefgh';

my @CLIENT = (
    'Authorization' => "Bearer $SECRET-auth",
    'Proxy-Authorization' => "Basic $SECRET-auth",
    'Cookie' => "session=$SECRET-cookie",
    'Range' => 'bytes=0-70000',
    'Referer' => "http://other/?$SECRET-referer",
    'X-Own' => "$SECRET-own",
);

# name => [how it is found in the text of a request, other than by its value]
my @COLUMNS = (
    [ 'authorization', qr/\Q$SECRET\E-auth/ ],
    [ 'cookie', qr/\Q$SECRET\E-cookie|^cookie:/mi ],
    [ 'range', qr/^(?:range|if-range):/mi ],
    [ 'referer', qr/\Q$SECRET\E-referer|^referer:/mi ],
    [ 'own', qr/\Q$SECRET\E-own|^x-own:/mi ],
    [ 'query', qr/\Q$SECRET\E-query/ ],
    [ 'capability' ],
    [ 'others' ],
);


sub columns { return map { $_->[0] } @COLUMNS }


sub new {
    my ($class) = @_;

    my $self = bless { seen => {}, opened => 0 }, $class;
    my $ines = Meshkit::Token->issuer('ines');
    my $now = time;

    my $e = $self->{edge} = Meshkit::Edge->new(gateways => 2, tokens => 1,
        policy => 'authzen', forms => [qw(car raw)],
        text => { http => 'meshkit_capability_issuers '
                          . "%%DIR%%/keys/issuers.jwks;\n" });

    $e->nginx->write('keys/issuers.jwks', jwks($ines));
    $self->{share} = $e->share(size => 150_000, policy_id => 'p-1',
        vault_id => 'v-1', capability_issuer => 'ines');
    $self->{token} = $ines->mint(claims => { iss => 'ines', sub => 'alice',
        iat => $now, exp => $now + 3600, jti => 'j-1',
        cap => { capsule => $self->{share}{id}, actions => ['open'] } });

    return $self;
}


sub _open {
    my ($self, $form, $protocol, $socket) = @_;

    my $e = $self->{edge};
    my @headers = (@CLIENT, 'X-Meshkit-Capability' => $self->{token});
    my $path = "/$form/$self->{share}{id}?x=$SECRET-query";
    my $r;

    $r = $e->curl($path, h2 => 1, args => [ map {
        ('-H', "$headers[2 * $_]: $headers[2 * $_ + 1]") }
        0 .. $#headers / 2 ]) if $protocol eq 'h2';
    $r //= $e->get($path, headers => \@headers, keepalive => 1,
                   $socket ? (socket => $socket) : ());

    $self->{opened}++ if ($r->status // 0) == 206;
    return $r->{socket};
}


sub run {
    my ($self) = @_;

    my $e = $self->{edge};

    $e->start;
    $e->policy->allow;
    $e->metadata->member('v-1', 'alice', 1);
    $e->metadata->capability('j-1', 'active');

    for my $form (qw(car raw)) {
        for my $ill (0, 1) {
            $e->gateway(0)->mode('status', code => 500) if $ill;

            my $socket;
            $socket = $self->_open($form, 'h1', $socket) for 1 .. 3;
            $self->_open($form, 'h2') for 1, 2;

            $e->heal if $ill;
        }
    }

    $self->_look('metadata', $e->metadata, 'metadata');
    $self->_look('policy', $e->policy, 'policy');
    $self->_look("gateway $_", $e->gateway($_), "gw$_") for 0, 1;

    return $self;
}


sub _look {
    my ($self, $service, $who, $name) = @_;

    my @others = map { $self->{edge}->token($_) }
                 grep { $_ ne $name } qw(metadata policy gw0 gw1);

    for my $request ($who->requests) {
        my $text = join "\n", $request->uri,
            (map { "$_->[0]: $_->[1]" } $request->fields),
            $request->body // '';
        my ($call) = $request->uri =~ m{^/v1/(\w+)}
            ? $1 : $request->uri =~ /[?&]format=(\w+)/;

        $call = $request->method if !defined $call;

        my $line = $self->{seen}{$service}{$call} //= {
            service => $service, call => $call, requests => 0,
            map { $_ => 0 } columns() };

        $line->{requests}++;
        $line->{$_->[0]}++ for grep { $_->[1] && $text =~ $_->[1] } @COLUMNS;
        $line->{capability}++ if index($text, $self->{token}) >= 0;
        $line->{others}++ if grep { index($text, $_) >= 0 } @others;
    }
}


sub opened { return $_[0]{opened} }
sub done { $_[0]{edge}->done }


sub lines {
    my ($self) = @_;

    return map { my $s = $self->{seen}{$_}; map { $s->{$_} } sort keys %$s }
           sort keys %{ $self->{seen} };
}


1;
