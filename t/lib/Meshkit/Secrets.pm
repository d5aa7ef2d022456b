package Meshkit::Secrets;

# The usual surroundings (Meshkit::Edge) with two identities, a share for
# each, and all that is secret in them known, to be searched for.
#
#   my $s = Meshkit::Secrets->new(user => 'www-data');  # of Meshkit::Nginx
#   $s->edge->start;
#   my %what = $s->all;               # name => bytes, for Meshkit::Memory
#   $s->opens('alice', 'car')         # '200 ok'; forms car, raw and whole
#   $s->path('alice', 'car')          # port('tls') has HTTP/1.1 and 2
#   $s->stall('alice')                # the gateway is silent after 3 segments
#   my $socket = $s->begin('alice');  # an open that has come to there
#
# A worker that waits for a silent gateway, and whose client has all that was
# released, has nothing to do: what stands in its memory stays there.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);

use Meshkit::Edge;
use Meshkit::Memory;
use Meshkit::Process qw(run_command);

use constant { SEGMENT => 65_504, WAIT => 20 };
use constant RELEASED => 3 * SEGMENT;

# 32 different bytes, for nothing else in a process to look like them.
my $marker = join '', map { chr((33 + 7 * $_) % 256) } 0 .. 31;

my %identities = (alice => 'P-256', bob => 'X25519');


sub identities { return %identities }
sub marker { return $marker }
sub edge { return $_[0]{edge} }
sub file { return $_[0]{of}{$_[1]} }
sub path { return "/$_[2]/cap-$_[1]?as=$_[1]" }


sub new {
    my ($class, %nginx) = @_;

    my $e = Meshkit::Edge->new(tokens => 1, nginx => \%nginx,
        text => { open => 'meshkit_as $arg_as; meshkit_min_rate 0;',
                  http => 'meshkit_identity bob %%DIR%%/keys/bob.pem;' });
    my $self = bless { edge => $e }, $class;

    certificate($e->dir);

    $e->{text}{server} = "listen 127.0.0.1:%%PORT_tls%% ssl http2;\n"
        . "ssl_certificate %%DIR%%/tls.pem;\n"
        . "ssl_certificate_key %%DIR%%/tls.pem;\n"
        . "location ~ ^/whole/(?<cap>.*)\$ {\n"
        . $e->open_text('car') . "meshkit_release whole;\n}\n";

    my $file = $e->nginx->write('marker', $marker x (10 * SEGMENT / 32));

    for my $name (sort keys %identities) {
        $self->{of}{$name} = $e->share(id => "cap-$name", file => $file,
            recipient => "$name=t/vectors/keys/$name.pem",
            show_key => undef);
    }

    return $self;
}


sub certificate {
    my ($dir) = @_;

    my $r = run_command({}, qw(openssl req -x509 -newkey ec -pkeyopt
        ec_paramgen_curve:P-256 -nodes -subj /CN=edge -days 1 -keyout),
        "$dir/tls.pem", '-out', "$dir/tls.crt");

    die $r->{err} if $r->{exit} != 0;

    open my $pem, '>>', "$dir/tls.pem" or die "tls.pem: $!";
    print $pem Meshkit::Process::slurp("$dir/tls.crt");
    close $pem or die "tls.pem: $!";
}


sub _floe_keys {
    my ($self, $name) = @_;

    my $content = JSON::PP->new->utf8->decode(decode_base64url(
        $self->edge->capsule($self->file($name))->{capsule}{payload}))
        ->{content};

    return Meshkit::Memory::floe_keys(
        pack('H*', $self->file($name)->{key}),
        decode_base64url($content->{header}),
        "meshkit/payload/1\0$content->{payloadId}");
}


sub all {
    my ($self) = @_;

    my $e = $self->edge;
    my %what = ('the plaintext' => $marker,
                map { ("token of $_" => substr $e->token($_), 6) }
                qw(metadata gw0));

    for my $name (sort keys %identities) {
        my %keys = (
            Meshkit::Memory::private_key($e->nginx->read("keys/$name.pem")),
            $self->_floe_keys($name));

        $what{"$_ of $name"} = $keys{$_} for keys %keys;
    }

    return %what;
}


sub opens {
    my ($self, $name, $form) = @_;

    return $self->edge->outcome($self->edge->get($self->path($name, $form)),
                                $self->file($name));
}


sub fourth {
    my ($self, $name) = @_;

    return (cid => ($self->edge->gateway->entries(
                        $self->file($name)->{cid}))[4], into => 20);
}


sub stall {
    my ($self, $name) = @_;

    $self->edge->gateway->fault('stall', $self->fourth($name),
                                seconds => 60);
}


sub begin {
    my ($self, $name, $form) = @_;

    my $socket = $self->ask($name, $form // 'car');
    my $got = '';

    local $SIG{ALRM} = sub { die "an open does not come to its middle\n" };

    alarm WAIT;
    1 while $got !~ /\r\n\r\n/ && sysread $socket, $got, 65536, length $got;
    $got =~ s/^.*?\r\n\r\n//s;
    1 while length $got < RELEASED
            && sysread $socket, $got, 65536, length $got;
    alarm 0;

    die "an open ended before its middle\n" if length $got != RELEASED;
    return $socket;
}


sub ask {
    my ($self, $name, $form) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->edge->nginx->port('front')) or die "connect: $!";

    syswrite $socket, 'GET ' . $self->path($name, $form)
                      . " HTTP/1.1\r\nHost: t\r\n\r\n";
    return $socket;
}


1;
