# A worker that holds keys: no core dump, and none with keys in it where one
# is made all the same; no other process of its user looks into it.

use strict;
use warnings;

use POSIX ();
use Test::More;

use Meshkit::Nginx;
use Meshkit::Process qw(spawn end_process wait_process run_command wait_for);
use Meshkit::Secrets;

use constant { WAIT => Meshkit::Secrets::WAIT, USER => 'www-data' };

plan skip_all => 'only root has workers of another user' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

# a signal that the test sends is no finding
$ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // 'detect_odr_violation=0',
                               'handle_segv=0' if $ENV{TEST_SANITIZED};


# --- core dumps -------------------------------------------------------------

# The worker's last line in the log: "exited on signal 11 (core dumped)".
sub dies {
    my ($nginx) = @_;

    my $pid = $nginx->worker_pid;
    my $line;

    chmod 0777, $nginx->dir;
    kill 'SEGV', $pid;
    wait_for(WAIT, sub {
        ($line) = $nginx->grep_log(qr/worker process $pid exited/);
        return defined $line;
    });

    return $line // 'it lives';
}


sub cores { return glob "'$_[0]'/core*" }

my %dumps = (user => USER, globals => 'worker_rlimit_core 300m;',
             allow => [ qr/exited on signal/ ]);

SKIP: {
    my $plain = Meshkit::Nginx->new(no_module => 1, %dumps);
    $plain->config("%%GLOBALS%%\nevents { }\n");
    $plain->start;
    my $dumped = dies($plain) =~ /core dumped/;
    unlink cores($plain->dir);
    $plain->done;

    skip 'the kernel writes no core dumps here', 4 if !$dumped;

    my $s = Meshkit::Secrets->new(%dumps);
    my $e = $s->edge;
    $e->start;
    is($s->opens('bob', 'car'), '200 ok', 'a worker with keys opens');

    my $line = dies($e->nginx);
    like($line, qr/exited on signal 11/, 'it is killed');
    unlike($line, qr/core dumped/, 'it leaves no core');
    is(join(' ', cores($e->dir)), '', 'not one');
    $e->done;
}

SKIP: {
    skip 'sanitizers are preloaded first', 4 if $ENV{TEST_SANITIZED};
    skip 'core dumps go elsewhere here', 4
        if Meshkit::Process::slurp('/proc/sys/kernel/core_pattern')
           !~ m{^core[\w.%]*$};

    my $s = Meshkit::Secrets->new(%dumps);
    my $e = $s->edge;
    my $library = $e->dir . '/dumpable.so';
    my $r = run_command({ timeout => 60 }, 'cc', '-shared', '-fPIC', '-o',
                        $library, 't/module/lib/dumpable.c');
    die $r->{err} if $r->{exit} != 0;

    my %keys = $s->all;
    delete @keys{ grep { /token of/ } keys %keys };

    {
        local $ENV{LD_PRELOAD} = $library;
        $e->start;
    }

    $s->stall('alice');
    my $socket = $s->begin('alice');

    my $line = dies($e->nginx);

    SKIP: {
        skip 'the kernel writes no core dumps here', 4
            if $line !~ /core dumped/;

        my ($file) = cores($e->dir);
        ok(defined $file, 'a worker that is made dumpable leaves a core');

        my $core = Meshkit::Process::slurp($file // '/dev/null');
        cmp_ok(length $core, '>', 1 << 20, 'of its memory');
        cmp_ok(index($core, delete $keys{'the plaintext'}), '>', 0,
               'with plaintext in it');
        is(join(', ', grep { index($core, $keys{$_}) >= 0 } sort keys %keys),
           '', 'and no key');
    }

    unlink cores($e->dir);
    close $socket;
    $e->done;
}


# --- another process of the same user ---------------------------------------

my ($uid, $gid) = (getpwnam USER)[2, 3];
my %PTRACE = ('x86_64' => 101, 'aarch64' => 117);
my ($machine) = (POSIX::uname())[4];


# A process of that user reads the memory of this one, and attaches to it:
# what it could do, in bits.
sub access_to {
    my ($pid) = @_;

    my $reader = spawn('reader', sub {
        $) = "$gid $gid";
        $( = $gid;
        POSIX::setuid($uid);

        my $could = open(my $mem, '<', "/proc/$pid/mem") ? 1 : 0;
        $could |= 2 if defined $PTRACE{$machine}
                       && syscall($PTRACE{$machine}, 16, $pid, 0, 0) == 0;
        POSIX::_exit($could);
    });

    return (wait_process($reader, WAIT) // -1) >> 8;
}


{
    my $e = Meshkit::Secrets->new(user => USER)->edge;
    $e->start;

    my $sleeper = spawn('sleeper', sub {
        $) = "$gid $gid";
        $( = $gid;
        POSIX::setuid($uid);
        exec 'sleep', '600';
    });

    wait_for(WAIT, sub { Meshkit::Process::slurp("/proc/$sleeper/cmdline")
                         =~ /^sleep/ });

    SKIP: {
        skip 'processes of one user are kept apart here', 1
            if !access_to($sleeper);
        is(access_to($e->nginx->worker_pid), 0,
           'another process of its user neither reads nor traces a worker');
    }

    end_process($sleeper, KILL => WAIT);
    $e->done;
}

done_testing();
