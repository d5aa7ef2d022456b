package Meshkit::Neighbour;

# A program of somebody else that the module has to get on with: installed by
# t/interop/install, started on loopback, ended by its process id.
#
#   my $n = Meshkit::Neighbour->new('cerbos', dir => $t->dir);
#   $n->version(qr/^([\d.]+)/, '--version');
#   $n->version_of('github.com/...');         # a Go program that knows none
#   $n->version_is('Node 20.1.0');                # of what runs a tree
#   $n->start(command => [ 'server' ], ready => sub { ... });
#   $n->exercise('members open', sub { ... });    # a subtest, and a row
#   $n->exercise($what, sub { ... }, version => '1.2'); # not that of version()
#   $n->pause; ->resume;                          # it hangs; no longer
#   $n->stop; ->kill; ->start;                    # the same command again
#
# new takes also env (a hash, added to the environment) and instance (what
# tells two of the same program apart: the name of its log).
#
# The rows are what t/interop/run prints: neighbour, version, what was
# exercised, result.

use strict;
use warnings;

use Test::More ();

use Meshkit::Process qw(spawn end_process wait_process run_command wait_for);

use constant { INSTALL_TIMEOUT => 1800, START_TIMEOUT => 60,
               STOP_TIMEOUT => 20 };


sub new {
    my ($class, $name, %opt) = @_;

    my $self = bless { name => $name, instance => $name, env => {},
                       version => '-', %opt }, $class;
    my $r = run_command({ timeout => INSTALL_TIMEOUT }, 't/interop/install',
                        $name);

    ($self->{program}) = $r->{out} =~ /^(\S.*)\n\z/;

    if ($r->{exit} != 0 || !defined $self->{program}) {
        $self->_row('installed', 0);
        die $r->{timed_out} ? "$name cannot be installed in time\n"
                            : $r->{err};
    }

    return $self;
}


sub program { return $_[0]{program} }
sub log { return Meshkit::Process::slurp($_[0]->_log_path) }
sub _log_path { return "$_[0]{dir}/$_[0]{instance}.log" }


sub version {
    my ($self, $pattern, @args) = @_;

    my $r = run_command({}, $self->program, @args);

    ($self->{version}) = $r->{out} =~ $pattern;
    die "$self->{name} says no version: $r->{out}$r->{err}\n"
        if !defined $self->{version};

    return $self->{version};
}


# The version of the module that the program is of, as Go wrote it into it.
sub version_of {
    my ($self, $module) = @_;

    my $r = run_command({}, qw(go version -m), $self->program);

    ($self->{version}) = $r->{out} =~ /^\tmod\t\Q$module\E\tv(\S+)/m;
    die "$self->{name} was not built from $module: $r->{out}$r->{err}\n"
        if !defined $self->{version};

    return $self->{version};
}


sub version_is { $_[0]{version} = $_[1]; return $_[1] }


sub start {
    my ($self, %opt) = @_;

    $self->{$_} = $opt{$_} for keys %opt;

    my $log = $self->_log_path;

    $self->{pid} = spawn($self->{instance}, sub {
        open STDIN, '<', '/dev/null' or die "stdin: $!";
        open STDOUT, '>>', $log or die "$log: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        @ENV{keys %{ $self->{env} }} = values %{ $self->{env} };
        my @command = ($self->program, @{ $self->{command} });
        exec { $command[0] } @command or die "exec $command[0]: $!\n";
    }, guard => 1);

    my $ready = wait_for(START_TIMEOUT, sub {
        return -1 if defined wait_process($self->{pid}, 0);
        return $self->{ready}->();
    });

    return $self if $ready > 0;

    $self->stop;
    $self->_row('started', 0);
    die "$self->{instance} does not start:\n" . $self->log;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} // return $self;

    CORE::kill('CONT', $pid);
    end_process($pid, TERM => STOP_TIMEOUT);
    return $self;
}


sub kill {
    my ($self) = @_;

    end_process(delete $self->{pid}) if $self->{pid};
    return $self;
}


sub pause { return $_[0]->_stopped('STOP', qr/^State:\s+T/m) }
sub resume { return $_[0]->_stopped('CONT', qr/^State:\s+[^T]/m) }


sub _stopped {
    my ($self, $signal, $state) = @_;

    CORE::kill($signal, $self->{pid});
    wait_for(START_TIMEOUT, sub {
        Meshkit::Process::slurp("/proc/$self->{pid}/status") =~ $state
    }) or die "$self->{name} does not obey SIG$signal\n";

    return $self;
}


sub exercise {
    my ($self, $what, $code, %opt) = @_;

    local $self->{version} = $opt{version} // $self->{version};
    my $good = Test::More::subtest($what, $code);

    $self->_row($what, $good);
    return $good;
}


sub _row {
    my ($self, $what, $good) = @_;

    my $path = $ENV{INTEROP_TABLE} // return;

    open my $file, '>>', $path or die "$path: $!";
    print $file join("\t", $self->{name}, $self->{version}, $what,
                     $good ? 'ok' : 'FAILED'), "\n";
    close $file or die "$path: $!";
}


1;
