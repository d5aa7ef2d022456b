package Meshkit::Process;

# Processes of a test: each is started here, known by its pid, and ended by
# it, whatever way the test itself ends.
#
#   use Meshkit::Process qw(spawn end_process run_command wait_for);
#
#   my $pid = spawn('backend', sub { ... });      # the child never returns
#   my $status = end_process($pid, TERM => 2);    # wait status, as in $?
#
#   my $r = run_command({ timeout => 10 }, 'nginx', '-t');
#   # $r->{exit}, $r->{signal}, $r->{out}, $r->{err}, $r->{timed_out};
#   # group => 1: what it started ends with it
#
#   wait_for(5, sub { -s $file }) or die;         # polls, true in time or not
#
# spawn(name, code, guard => 1) adds a watcher, which ends the process when
# the test was killed and could not; a process that replaces its program
# cannot watch for that itself.  spawn(name, code, group => 1) puts the child into a process group of its
# own, and end_process then ends that group: a backend forks a process per
# connection.

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(spawn end_process wait_process run_command wait_for);

use constant POLL => 0.005;

my $owner = $$;
my %children;

# A signal must lead through END, else the children would outlive the test.
for my $signal (qw(INT TERM HUP)) {
    next if defined $SIG{$signal} && $SIG{$signal} ne '';
    $SIG{$signal} = sub { exit 130 };
}


sub spawn {
    my ($name, $code, %opt) = @_;

    STDOUT->flush;
    STDERR->flush;

    my $pid = fork // die "fork: $!";

    if ($pid) {
        setpgrp $pid, $pid if $opt{group};
        $children{$pid} = { name => $name, group => $opt{group} };
        $children{$pid}{guard} = _guard($pid) if $opt{guard};
        return $pid;
    }

    %children = ();
    setpgrp 0, 0 if $opt{group};
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP QUIT CHLD);

    my $ok = eval { $code->(); 1 };
    syswrite STDERR, "$name: $@" unless $ok;
    POSIX::_exit($ok ? 0 : 255);
}


sub _guard {
    my ($pid) = @_;

    my $test = $$;

    return spawn("guard of $pid", sub {
        sleep 0.2 while getppid == $test;
        kill 'TERM', $pid;
        sleep 2;
        kill 'KILL', $pid;
    });
}


sub wait_for {
    my ($seconds, $condition) = @_;

    my $end = time() + $seconds;

    while (1) {
        my $value = $condition->();
        return $value if $value;
        return 0 if time() > $end;
        sleep POLL;
    }
}


# The wait status, or undef when the process still runs after the time.
sub wait_process {
    my ($pid, $seconds) = @_;

    my $status;

    return undef unless $children{$pid};

    wait_for($seconds, sub {
        my $rc = waitpid $pid, WNOHANG;
        $status = $rc == $pid ? $? : -1 if $rc;
        return $rc;
    });

    if (defined $status) {
        my $child = delete $children{$pid};
        end_process($child->{guard}, KILL => 2) if $child->{guard};
    }

    return $status;
}


# Signals and the seconds to wait after each; KILL always comes last.
sub end_process {
    my ($pid, @steps) = @_;

    my $child = $children{$pid} or return undef;

    while (my ($signal, $seconds) = splice @steps, 0, 2) {
        kill $signal, $pid;
        my $status = wait_process($pid, $seconds);

        if (defined $status) {
            kill 'KILL', -$pid if $child->{group};
            return $status;
        }
    }

    kill 'KILL', $child->{group} ? -$pid : $pid;
    return wait_process($pid, 5);
}


sub run_command {
    my ($opt, @command) = @_;

    my $out = File::Temp->new;
    my $err = File::Temp->new;

    my $pid = spawn($command[0], sub {
        open STDIN, '<', '/dev/null' or die "stdin: $!";
        open STDOUT, '>&', $out or die "stdout: $!";
        open STDERR, '>&', $err or die "stderr: $!";
        exec { $command[0] } @command or die "exec $command[0]: $!\n";
    }, group => $opt->{group});

    my $status = wait_process($pid, $opt->{timeout} // 120);
    my $timed_out = !defined $status;
    $status = end_process($pid) if $timed_out;

    return {
        exit => $status >> 8, signal => $status & 127,
        timed_out => $timed_out,
        out => slurp($out->filename), err => slurp($err->filename),
    };
}


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}


END {
    if ($$ == $owner) {
        local ($?, $!, $@);
        end_process($_, TERM => 1) for keys %children;
    }
}


1;
