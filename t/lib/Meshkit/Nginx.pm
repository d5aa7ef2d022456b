package Meshkit::Nginx;

# A real nginx in a temporary prefix, with checks at its end that every test
# gets for nothing.
#
#   my $t = Meshkit::Nginx->new;             # no_module => 1: plain nginx
#   $t->write('html/a.txt', 'hello');
#   $t->config(<<'EOC');
#   %%GLOBALS%%
#   events { }
#   http {
#       %%HTTP%%
#       server { listen 127.0.0.1:%%PORT_front%%; }
#   }
#   EOC
#   $t->start;
#   ... http_get($t->port('front'), '/a.txt') ...
#   $t->done;                                # CHECKS assertions
#   done_testing();
#
# new(...) takes: no_module; log_level (debug, or info without --with-debug);
# workers (1); user (root when run as root); globals and http (text added to
# those sections); allow (list of patterns of [alert], [crit] and [emerg]
# lines and of "open socket" lines that the test provokes); exit (wanted
# exit code, 0); stop_timeout (seconds); shutdown (what old workers have);
# modules (names of dynamic modules, without ".so", that are loaded before ours
# in this order: [qw(ndk_http_module ngx_http_lua_module)]); later (those that
# are loaded after it).
#
# In a configuration %%DIR%%, %%MODULE%%, %%PORT_name%%, %%GLOBALS%% and
# %%HTTP%% are replaced.  port(name, number) makes a port known that belongs
# to a backend, port(name) gives a free one that stays reserved.
#
# test_config([text])  nginx -t: (exit code, output), started or not
# reload               1 when new workers run, 0 when nginx refused
# stop, done           the end, without and with the assertions
# worker_pid(s), worker_rss([VmHWM]) in kB, reset_hwm
# error_log, access_log, grep_log(qr//)
# secret(bytes, ...)   must be in no file below logs/, as it is, in hex or
#                      in base64
# has(text)            whether nginx -V mentions it
# lacks(module, ...)   why this nginx cannot load these modules, or ''; for
#                      skip, so also without an object:
#
#   my $reason = Meshkit::Nginx->lacks('ngx_http_image_filter_module');
#   plan(skip_all => $reason) if $reason;
#
# Modules are looked for where nginx -V says that they are, and where Debian
# has them.
#
# TEST_NGINX_BINARY and TEST_MESHKIT_MODULE name what is tested,
# TEST_MESHKIT_LEAVE=1 keeps the directory, TEST_SANITIZED=1 says that both
# were built with sanitizers (tools/sanitize): growth(kB) is then what a test
# may allow in the place of kB.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Spec ();
use File::Temp ();
use IO::Handle;
use IO::Socket::INET;
use Scalar::Util qw(weaken);
use Test::More ();
use Test2::API ();

use Meshkit::Logs;
use Meshkit::Process qw(spawn end_process wait_process run_command wait_for);

use constant CHECKS => 6;
use constant START_TIMEOUT => 60;
use constant MODULES => '/usr/lib/nginx/modules';

my $owner = $$;
my %live;
my $version;


sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        workers => 1, user => $> == 0 ? 'root' : undef, globals => '',
        http => '', allow => [], exit => 0, stop_timeout => 60, shutdown => '5s',
        modules => [], later => [],
        %opt, ports => {},
    }, $class;

    $self->{temp} = File::Temp->newdir('meshkit-test-XXXXXXXX', TMPDIR => 1,
                                       CLEANUP => !$ENV{TEST_MESHKIT_LEAVE});
    $self->{dir} = abs_path($self->{temp}->dirname);
    make_path(map { "$self->{dir}/$_" } qw(logs html temp conf));
    chmod 0755, $self->{dir};

    $self->{logs} = Meshkit::Logs->new("$self->{dir}/logs", $self->{allow});

    $self->{binary} = _binary();
    $self->{log_level} //= $self->has('--with-debug') ? 'debug' : 'info';
    $ENV{ASAN_OPTIONS} //= 'detect_odr_violation=0';

    $live{$self} = $self;
    weaken($live{$self});

    return $self;
}


sub dir { return $_[0]{dir} }
sub allow { my $self = shift; push @{ $self->{allow} }, @_; return $self }


sub module {
    my ($self) = @_;

    my $path = $ENV{TEST_MESHKIT_MODULE} || 'build/ngx_meshkit_module.so';
    return File::Spec->rel2abs($path);
}


sub _binary { return $ENV{TEST_NGINX_BINARY} || 'nginx' }


sub _version {
    $version //= run_command({}, _binary(), '-V')->{err};
    return $version;
}


sub has {
    my ($self, $text) = @_;

    return index(_version(), $text) >= 0;
}


# The file of another module; undef where there is none.
sub _module_file {
    my ($name) = @_;

    my ($path) = _version() =~ /--modules-path=(\S+)/;
    my @found = grep { -e } map { "$_/$name.so" }
                grep { defined } $path, MODULES;

    return $found[0];
}


sub _load_modules {
    return join '', map { 'load_module ' . _module_file($_) . ";\n" } @_;
}


# A module that was built for another nginx is there, but does not load.
sub lacks {
    my ($class, @names) = @_;

    my @missing = grep { !defined _module_file($_) } @names;

    return "@missing: not installed" if @missing;

    my $dir = File::Temp->newdir('meshkit-test-XXXXXXXX', TMPDIR => 1);
    my $conf = "$dir/nginx.conf";

    open my $file, '>', $conf or die "$conf: $!";
    print $file _load_modules(@names), "pid $dir/nginx.pid;\nevents { }\n";
    close $file or die "$conf: $!";

    # what a module of others does not free as it ends is not asked for
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
                                    'detect_odr_violation=0', 'detect_leaks=0';

    my $r = run_command({ timeout => START_TIMEOUT },
                        _binary(), '-p', "$dir/", '-c', $conf, '-e', 'stderr',
                        '-t');

    return '' if !$r->{signal} && $r->{exit} == 0;
    return $r->{err} =~ /\[emerg\] (?:\d+#\d+: )?(.*)/
           ? $1 : "@names: nginx does not load";
}


# The socket is bound but does not listen: nobody else gets the port, and
# nginx, which sets SO_REUSEADDR as well, can still take it.
sub port {
    my ($self, $name, $number) = @_;

    return $self->{ports}{$name} = $number if defined $number;

    $self->{ports}{$name} //= do {
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                           Proto => 'tcp', ReuseAddr => 1)
            or die "no free port: $!";
        push @{ $self->{reserved} }, $socket;
        $socket->sockport;
    };

    return $self->{ports}{$name};
}


sub write {
    my ($self, $name, $bytes, $mode) = @_;

    my $path = "$self->{dir}/$name";

    make_path(dirname($path));
    open my $file, '>:raw', $path or die "$path: $!";
    print $file $bytes;
    close $file or die "$path: $!";
    chmod $mode, $path if defined $mode;

    return $path;
}


sub read {
    my ($self, $name) = @_;

    return Meshkit::Process::slurp("$self->{dir}/$name");
}


sub config {
    my ($self, $text) = @_;

    $self->write('nginx.conf', $self->expand($text, 'error.log'));
    return $self;
}


sub expand {
    my ($self, $text, $log) = @_;

    $text =~ s/%%GLOBALS%%/$self->_globals($log)/e;
    $text =~ s/%%HTTP%%/$self->_http/e;
    $text =~ s/%%DIR%%/$self->{dir}/g;
    $text =~ s/%%MODULE%%/$self->module/ge;
    $text =~ s/%%PORT_(\w+?)%%/$self->port($1)/ge;
    $text .= "\nevents { }\n" if $text !~ /^\s*events\s*\{/m;

    return $text;
}


sub _globals {
    my ($self, $log) = @_;

    my @lines = (
        'daemon off;', 'master_process on;',
        "worker_processes $self->{workers};",
        'working_directory %%DIR%%;', 'pid %%DIR%%/nginx.pid;',
        "error_log %%DIR%%/logs/$log $self->{log_level};",
        "worker_shutdown_timeout $self->{shutdown};",
    );

    unshift @lines, 'load_module %%MODULE%%;' if !$self->{no_module};
    unshift @lines, _load_modules(@{ $self->{modules} });
    splice @lines, 2, 0, _load_modules(@{ $self->{later} })
        if !$self->{no_module};
    push @lines, "user $self->{user};" if defined $self->{user};

    return join "\n", @lines, $self->{globals};
}


sub _http {
    my ($self) = @_;

    my @kinds = grep { !$self->has("--without-http_${_}_module") }
                qw(proxy fastcgi uwsgi scgi);
    my @lines = map { "${_}_temp_path %%DIR%%/temp/$_;" }
                'client_body', @kinds;

    push @lines, 'log_format harness \'$remote_addr "$request" $status '
        . '$body_bytes_sent "$request_completion" $request_time '
        . '"$upstream_addr" "$upstream_status"\';',
        'access_log %%DIR%%/logs/access.log harness;';

    return join "\n", @lines, $self->{http};
}


sub _command {
    my ($self, $conf, $log) = @_;

    return ($self->{binary}, '-p', "$self->{dir}/", '-c',
            "$self->{dir}/$conf", '-e', $log);
}


sub test_config {
    my ($self, $text) = @_;

    my $conf = 'nginx.conf';

    # nginx -t ends without giving its configuration back
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS}:detect_leaks=0";

    if (defined $text) {
        $conf = 'test.conf';
        $self->write($conf, $self->expand($text, 'test.log'));
    }

    my $r = run_command({ timeout => START_TIMEOUT },
                        $self->_command($conf, 'stderr'), '-t');

    return ($r->{signal} ? 128 + $r->{signal} : $r->{exit},
            $r->{err} . $r->{out});
}


sub start {
    my ($self) = @_;

    my $dir = $self->{dir};

    unlink "$dir/nginx.pid";
    $self->{status} = undef;

    $self->{pid} = spawn('nginx', sub {
        open STDIN, '<', '/dev/null' or die "stdin: $!";
        open STDOUT, '>>', "$dir/logs/stderr.log" or die "stdout: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        my @command = $self->_command('nginx.conf', "$dir/logs/error.log");
        exec { $command[0] } @command or die "exec $command[0]: $!\n";
    }, guard => 1);

    my $up = wait_for(START_TIMEOUT, sub {
        $self->{status} = wait_process($self->{pid}, 0);
        return -1 if defined $self->{status};
        return -s "$dir/nginx.pid" && $self->worker_pids;
    });

    return $self if $up > 0;

    $self->stop;
    $self->{done} = 1;
    die "nginx did not start:\n" . $self->{logs}->tail . "\n";
}


sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->worker_pids;
    my $logged = length $self->error_log;

    kill 'HUP', $self->{pid};

    my $outcome = wait_for(START_TIMEOUT, sub {
        return 1 if grep { !$old{$_} } $self->worker_pids;
        return -1 if substr($self->error_log, $logged) =~ /\[emerg\]/;
    });

    return $outcome > 0 ? 1 : 0;
}


# Leaves graceful; what does not leave within the time is a failed check.
sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return $self;

    $self->{status} //= do {
        my @workers = $self->_children($pid);
        my $status = end_process($pid, QUIT => $self->{stop_timeout},
                                 TERM => 3);
        kill 'KILL', grep { $self->_is_ours($_) } @workers;
        $status;
    };

    return $self;
}


# Children of the master, by /proc; the last started is the last in the list.
sub _children {
    my ($self, $pid) = @_;

    my @found;

    for my $path (glob '/proc/[0-9]*/stat') {
        my $stat = Meshkit::Process::slurp($path);
        my ($child, $parent) = $stat =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @found, $child if $parent == $pid;
    }

    return sort { $a <=> $b } @found;
}


sub _is_ours {
    my ($self, $pid) = @_;

    my $title = Meshkit::Process::slurp("/proc/$pid/cmdline");
    my $cwd = readlink("/proc/$pid/cwd") // '';

    return $title =~ /^nginx: / && $cwd eq $self->{dir};
}


sub worker_pids {
    my ($self, $pid) = @_;

    $pid //= $self->{pid} // return;

    return grep {
        Meshkit::Process::slurp("/proc/$_/cmdline")
            =~ /^nginx: worker process(?! is shutting)/;
    } $self->_children($pid);
}


sub worker_pid {
    my ($self) = @_;

    return ($self->worker_pids)[-1];
}


sub worker_rss {
    my ($self, $field) = @_;

    my $pid = $self->worker_pid // return undef;
    my $status = Meshkit::Process::slurp("/proc/$pid/status");

    $field //= 'VmRSS';
    return $status =~ /^\Q$field\E:\s+(\d+) kB/m ? $1 : undef;
}


# AddressSanitizer keeps what was freed, up to the 64 MB that tools/sanitize
# lets it, and needs more to tell of it.  What is never freed is
# LeakSanitizer's to find.
sub growth {
    my ($kilobytes) = @_;

    return $ENV{TEST_SANITIZED} ? $kilobytes + (192 << 10) : $kilobytes;
}


sub reset_hwm {
    my ($self) = @_;

    open my $file, '>', '/proc/' . $self->worker_pid . '/clear_refs'
        or return 0;
    print $file "5\n";
    return close $file;
}


sub secret { my $self = shift; $self->{logs}->secret(@_); return $self }
sub error_log { return $_[0]->read('logs/error.log') }
sub access_log { return $_[0]->read('logs/access.log') }


sub grep_log {
    my ($self, $pattern) = @_;

    return grep { /$pattern/ } split /\n/, $self->error_log;
}


# Each check: its name, and what speaks against it.
sub _findings {
    my ($self) = @_;

    my $code = $self->{status} // $self->{exit} << 8;
    my $wanted = $self->{exit} << 8;
    my @cores = grep { -e } glob "'$self->{dir}'/core*";
    my $logs = $self->{logs};

    return (
        [ 'nginx: exit code', $code == $wanted ? () : "wait status $code" ],
        [ 'nginx: no alert, crit or emerg in the error log',
          $logs->unexpected(qr/\[(?:alert|crit|emerg)\]/) ],
        [ 'nginx: no sanitizer report',
          $logs->lines(qr/Sanitizer|runtime error:/) ],
        [ 'nginx: no secret in any log', $logs->secrets_found ],
        [ 'nginx: no open socket left',
          $logs->unexpected(qr/open socket #\d+ left/) ],
        [ 'nginx: no core', @cores ],
    );
}


sub done {
    my ($self) = @_;

    return $self if $self->{done}++;

    $self->stop;

    my $failed = 0;
    my $late = Test2::API::test2_stack()->top->ended;

    for my $finding ($self->_findings) {
        my ($name, @bad) = @$finding;
        Test::More::ok(!@bad, $name) if !$late;
        Test::More::diag("$name: $_") for @bad > 10 ? @bad[0 .. 9] : @bad;
        $failed ||= @bad;
    }

    Test::More::diag("kept: $self->{dir}") if $ENV{TEST_MESHKIT_LEAVE};
    $self->{failed_late} = $late && $failed;
    return $self;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $owner || ${^GLOBAL_PHASE} eq 'DESTRUCT';

    delete $live{$self};
    local ($?, $!, $@);
    $self->done;
}


# A test that forgot done() is checked here, before Test::More's own end.
END {
    if ($$ == $owner) {
        my $status = $?;

        for my $self (grep { $_ && !$_->{done} } values %live) {
            if ($status != 0) {
                Test::More::diag($self->stop->{logs}->tail);
                $self->{done} = 1;
                next;
            }

            $self->done;
            $status = 1 if $self->{failed_late};
        }

        $? = $status;
    }
}


1;
