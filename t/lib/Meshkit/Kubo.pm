package Meshkit::Kubo;

# A Kubo node with a repository of its own, for t/interop: offline, on
# loopback, with nothing but its gateway and its RPC API.
#
#   my $node = Meshkit::Kubo->new($t, 'a');          # strict trustless
#   my $node = Meshkit::Kubo->new($t, 'b', deserialized => 1);
#   $node->start;
#   $node->port;                           # its gateway's
#   $node->api;                            # "http://127.0.0.1:..."
#   $node->ipfs('pin', 'ls');              # what it prints; dies if it fails
#   my $cid = $node->add($file, '--trickle');
#   $node->forget($cid);                   # the block is gone
#   $node->damage($cid);                   # one bit of it differs
#   $node->has($cid);
#   $node->get("/ipfs/$cid?format=raw");   # a Meshkit::Http::Reply
#
# It is a Meshkit::Neighbour as well: exercise, stop, kill, pause, ...
#
# tokens => 1 asks for the bearer token ->token at the RPC API.

use strict;
use warnings;

use parent 'Meshkit::Neighbour';

use JSON::PP ();

use Meshkit::Http qw(http_get);
use Meshkit::Process qw(run_command wait_for);

use constant COMMAND_TIMEOUT => 120;


sub new {
    my ($class, $t, $letter, %opt) = @_;

    my $repo = $t->dir . "/kubo-$letter";
    my $self = $class->SUPER::new(
        'kubo', dir => $t->dir, instance => "kubo-$letter", repo => $repo,
        env => { IPFS_PATH => $repo, IPFS_TELEMETRY => 'off' },
        gateway_port => $t->port("kubo_$letter"),
        api_port => $t->port("kubo_api_$letter"), %opt);

    $self->version(qr/^([\d.]+)$/m, 'version', '--number');
    $self->ipfs('init', '--profile=test');
    $self->_configure;

    return $self;
}



# By the name "localhost" Kubo is a gateway with subdomains, and redirects.
sub get {
    my ($self, $path, @more) = @_;

    return http_get($self->port, $path,
                    headers => [ Host => '127.0.0.1', @more ]);
}


sub port { return $_[0]{gateway_port} }
sub api { return "http://127.0.0.1:$_[0]{api_port}" }
sub token { return 'token-of-kubo-0123456789abcdef' }


sub _configure {
    my ($self) = @_;

    my $strict = $self->{deserialized} ? JSON::PP::true : JSON::PP::false;
    my %config = (
        'Addresses.API' => "/ip4/127.0.0.1/tcp/$self->{api_port}",
        'Addresses.Gateway' => "/ip4/127.0.0.1/tcp/$self->{gateway_port}",
        'Addresses.Swarm' => [],
        'Routing.Type' => 'none',
        'Gateway.NoFetch' => JSON::PP::true,
        'Gateway.DeserializedResponses' => $strict,
        'Gateway.ExposeRoutingAPI' => JSON::PP::false,
        'Gateway.RetrievalTimeout' => '2s',
        'Provide.Enabled' => JSON::PP::false,
        'HTTPRetrieval.Enabled' => JSON::PP::false,
        'Version.SwarmCheckEnabled' => JSON::PP::false,
    );

    $config{'API.Authorizations'} = { sealer => {
        AuthSecret => 'bearer:' . $self->token,
        AllowedPaths => [ '/api/v0/block/put', '/api/v0/pin/add' ],
    } } if $self->{tokens};

    my $json = JSON::PP->new->allow_nonref;

    $self->ipfs('config', '--json', $_, $json->encode($config{$_}))
        for sort keys %config;
}


sub start {
    my ($self) = @_;

    return $self->SUPER::start(
        command => [ 'daemon', '--offline' ],
        ready => sub { ($self->get('/ipfs/bafkqaaa?format=raw')->status
                        // 0) == 200 });
}


sub ipfs {
    my ($self, @args) = @_;

    my $r = $self->run(@args);

    die "ipfs @args: $r->{out}$r->{err}" if $r->{exit} != 0;
    return $r->{out};
}


sub run {
    my ($self, @args) = @_;

    local @ENV{keys %{ $self->{env} }} = values %{ $self->{env} };
    return run_command({ timeout => COMMAND_TIMEOUT }, $self->program, @args);
}


sub add {
    my ($self, $file, @options) = @_;

    my ($cid) = $self->ipfs('add', '--quieter', @options, $file)
                =~ /^(\w+)$/m;

    return $cid // die "ipfs add printed no CID\n";
}


sub has {
    my ($self, $cid) = @_;

    return $self->run('block', 'stat', '--offline', $cid)->{exit} == 0;
}


sub links {
    my ($self, $cid) = @_;

    return split /\n/, $self->ipfs('refs', $cid);
}


sub forget {
    my ($self, $cid) = @_;

    my $r = $self->run('pin', 'ls', '--type=recursive', '--quiet');

    $self->ipfs('pin', 'rm', $_) for split /\n/, $r->{out};
    $self->ipfs('block', 'rm', $cid);
    die "$cid is still there\n" if $self->has($cid);
}


# Kubo believes its own disk: flatfs has a file for each block, whose name is
# the multihash in upper case base32.
sub damage {
    my ($self, $cid) = @_;

    my ($text) = $self->ipfs('cid', 'format', '-f', '%M', '-b', 'base32upper',
                             $cid) =~ /^(\w+)$/m;
    my ($path) = glob "$self->{repo}/blocks/*/$text.data";

    open my $file, '+<:raw', $path // die "no block $cid\n"
        or die "$path: $!\n";
    seek $file, 100, 0;
    read $file, my $byte, 1;
    seek $file, 100, 0;
    print $file $byte ^ "\1";
    close $file or die "$path: $!\n";
}


1;
