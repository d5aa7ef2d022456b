package Meshkit::Cli;

# meshkitctl in a temporary directory, and what must hold after each run.
#
#   use lib 't/cli/lib';
#   use Meshkit::Cli;
#
#   my $c = Meshkit::Cli->new;
#   my $r = $c->run('inspect', $file);     # exit, signal, out, err
#   $c->ok('name', 'inspect', $file);      # exit code 0, else a diagnosis
#   $c->refused('name', 1, qr/^.../, ...); # that exit code, that message
#
#   $c->identity('alice', 'p256');         # alice.pem, alice.jwk
#   $c->signer('alice');                   # alice-sign.pem, owners.jwks
#   $c->seal($bytes, ...);                 # blocks/, sealed.capsule; facts
#   $c->share(...);                        # metadata/; the id
#   $c->open($id, ...);                    # as edge, into out
#
#   $c->path('name'); ->write('name', $bytes); ->read('name'); ->json($text)
#   $c->done;   # no secret in any output, no temporary file left, no report
#               # of a sanitizer; then done_testing
#
# run(@args) takes a hash first for more: stdin (bytes), timeout (seconds),
# env (a hash), umask.  TEST_MESHKITCTL names the binary.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Find ();
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64 encode_base64url);
use Test::More ();

use Meshkit::Process qw(run_command);

use constant TIMEOUT => 60;

my $json = JSON::PP->new->utf8;

# a loopback service is never behind a proxy
delete @ENV{qw(http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY)};


sub new {
    my ($class) = @_;

    my $self = bless { secrets => {}, seen => '' }, $class;

    $self->{temp} = File::Temp->newdir('meshkit-cli-XXXXXXXX', TMPDIR => 1);
    $self->{dir} = abs_path($self->{temp}->dirname);
    $self->{binary} = abs_path($ENV{TEST_MESHKITCTL}
                               || 'build/meshkitctl');

    if (!defined $self->{binary} || !-x $self->{binary}) {
        Test::More::plan(skip_all => 'meshkitctl is not built');
    }

    return $self;
}


sub dir { return $_[0]{dir} }
sub path { return "$_[0]{dir}/$_[1]" }
sub json { return $json->decode($_[1]) }
sub read { return Meshkit::Process::slurp($_[0]->path($_[1])) }


sub write {
    my ($self, $name, $bytes) = @_;

    my $path = $self->path($name);

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";

    return $path;
}


sub run {
    my ($self, @args) = @_;

    my $opt = ref $args[0] ? shift @args : {};
    my @command = ($self->{binary}, @args);

    if (defined $opt->{stdin}) {
        my $file = $self->write('stdin', $opt->{stdin});
        @command = ('sh', '-c', 'exec "$@" < "$0"', $file, @command);
    }

    local @ENV{keys %{ $opt->{env} // {} }} = values %{ $opt->{env} // {} };
    my $mask = umask($opt->{umask} // 022);

    my $r = run_command({ timeout => $opt->{timeout} // TIMEOUT }, @command);
    umask $mask;

    # the plaintext that open writes to standard output is no message
    $self->{seen} .= $r->{err} . ($opt->{plain} ? '' : $r->{out});

    return $r;
}


sub ok {
    my ($self, $name, @args) = @_;

    my $r = $self->run(@args);

    Test::More::is($r->{exit}, 0, $name)
        or Test::More::diag($r->{out} . $r->{err});
    return $r;
}


sub refused {
    my ($self, $name, $exit, $message, @args) = @_;

    my $r = $self->run(@args);

    Test::More::ok($r->{exit} == $exit && $r->{signal} == 0
                   && $r->{err} =~ $message, $name)
        or Test::More::diag("exit $r->{exit}\n$r->{out}$r->{err}");
    return $r;
}


# The private key of a PEM file, in the forms in which it could leak.
sub watch {
    my ($self, $name) = @_;

    my $pem = $self->read($name);
    my ($base64) = $pem =~ /-----\n(.*)-----END/s or die "$name: no PEM";
    my $der = decode_base64($base64);

    # P-256: ECPrivateKey has the scalar first; the others end with the key
    my $raw = length $der > 100 ? substr($der, 36, 32) : substr($der, -32);

    $self->{secrets}{$_} = $name
        for grep { length > 20 } split(/\n/, $base64), unpack('H*', $raw),
            encode_base64($raw, '') =~ s/=+$//r, encode_base64url($raw),
            $raw;

    return $self;
}


sub identity {
    my ($self, $identity, $type) = @_;

    my $r = $self->run('keygen', '--type', $type, '--identity', $identity,
                       '--out', $self->path("$identity.pem"),
                       '--public', $self->path("$identity.jwk"));
    die $r->{err} if $r->{exit} != 0;

    $self->watch("$identity.pem");
    return $self;
}


sub signer {
    my ($self, $identity, $type) = @_;

    my $r = $self->run('keygen', '--type', $type // 'ed25519',
                       '--identity', $identity,
                       '--out', $self->path("$identity-sign.pem"),
                       '--public', $self->path("$identity-sign.jwk"));
    die $r->{err} if $r->{exit} != 0;

    $self->watch("$identity-sign.pem");
    $self->write('owners.jwks', '{"keys":['
                 . $self->read("$identity-sign.jwk") . ']}');
    return $self;
}


# An owner and a recipient, as most tests need them.
sub cast {
    my ($self, $type, $sign) = @_;

    $self->identity('alice', $type // 'p256');
    $self->identity('edge', $type // 'x25519');
    return $self->signer('alice', $sign);
}


sub seal {
    my ($self, $bytes, @args) = @_;

    my $file = $self->write('plain', $bytes);

    push @args, '--blocks', $self->path('blocks')
        if !grep { /^--(?:blocks|car|kubo)$/ } @args;

    my $r = $self->run('seal', $file, '--owner', 'alice', '--force',
                       '--sign', $self->path('alice-sign.pem'),
                       '--key', $self->path('alice.pem'), '--json',
                       '--capsule', $self->path('sealed.capsule'), @args);
    die $r->{err} if $r->{exit} != 0;

    return $json->decode($r->{out});
}


sub share_args {
    my ($self, @args) = @_;

    push @args, '--metadata', $self->path('metadata')
        if !grep { /^--metadata/ } @args;
    push @args, '--to', 'edge=' . $self->path('edge.jwk')
        if !grep { $_ eq '--to' } @args;

    return ('share', $self->path('sealed.capsule'),
            '--key', $self->path('alice.pem'),
            '--sign', $self->path('alice-sign.pem'), @args);
}


sub share {
    my ($self, @args) = @_;

    my $r = $self->run($self->share_args(@args));
    die $r->{err} if $r->{exit} != 0;

    chomp $r->{out};
    return $r->{out};
}


sub open_args {
    my ($self, $id, @args) = @_;

    my %given = map { $_ => 1 } grep { /^--/ } @args;

    push @args, '--owners', $self->path('owners.jwks')
        if !$given{'--owners'} && !$given{'--insecure-any-owner'};
    push @args, '--metadata', $self->path('metadata')
        if !$given{'--metadata'} && !$given{'--metadata-url'} && $id !~ m{/};
    push @args, '--blocks', $self->path('blocks')
        if !$given{'--blocks'} && !$given{'--gateway'};
    push @args, '--as', 'edge' if !$given{'--as'};
    push @args, '--key', $self->path('edge.pem') if !$given{'--key'};
    push @args, '--out', $self->path('out') if !$given{'--out'};

    return ('open', $id, @args);
}


sub open {
    my ($self, $id, @args) = @_;

    unlink $self->path('out');
    return $self->run($self->open_args($id, @args));
}


sub files {
    my ($self) = @_;

    my @found;

    File::Find::find({ no_chdir => 1, wanted => sub {
        push @found, $_ if -f;
    } }, $self->{dir});

    return @found;
}


sub done {
    my ($self) = @_;

    my %leaked = map { $self->{secrets}{$_} => 1 }
                 grep { index($self->{seen}, $_) >= 0 }
                 keys %{ $self->{secrets} };

    Test::More::is_deeply([ sort keys %leaked ], [],
                          'no key is in any output');
    Test::More::is_deeply([ grep { m{/\.[^/]*$} } $self->files ], [],
                          'no temporary file is left');
    Test::More::unlike($self->{seen}, qr/Sanitizer|runtime error:/,
                       'no sanitizer report');
    Test::More::done_testing();
}


1;
