# While a file is on its way: a reload with a broken file changes nothing, a
# good one and an upgrade of the program (USR2) lose nothing, and the new
# program has keys and tokens, those of the environment if nginx was told to
# keep them.

use strict;
use warnings;

use Socket;
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(run_command wait_for);

use constant WAIT => 20;

my $variable = 'MESHKIT_TEST_TOKEN';
my $token = 'token-of-the-environment-0123456789';

# USR2 needs the program's path.
$ENV{TEST_NGINX_BINARY} ||= (grep { -x } map { "$_/nginx" }
                             split(/:/, $ENV{PATH}), '/usr/sbin')[0];

# Masters that have no parent: nobody else ends them.
my %masters;

END {
    local $?;
    kill 'KILL', grep { Meshkit::Process::slurp("/proc/$_/cmdline")
                        =~ /^nginx: master/ } keys %masters;
}


# Longer than what sockets hold, to a client that reads when it is told to.
sub ask {
    my ($e, $share) = @_;

    socket my $socket, PF_INET, SOCK_STREAM, 0
        or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack('i', 4096);
    connect $socket, pack_sockaddr_in($e->nginx->port('front'),
        inet_aton('127.0.0.1')) or die "connect: $!";
    syswrite $socket, "GET /car/$share->{id} HTTP/1.1\r\nHost: t\r\n"
                      . "Connection: close\r\n\r\n";

    my $got = '';
    take($socket, \$got, sub { $got =~ /\r\n\r\n./s });
    return { socket => $socket, got => $got };
}


sub take {
    my ($socket, $got, $enough) = @_;

    local $SIG{ALRM} = sub { die "a response does not go on\n" };

    alarm 3 * WAIT;
    1 while !$enough->() && sysread $socket, $$got, 65536, length $$got;
    alarm 0;
}


sub rest_is_whole {
    my ($open, $share, $name) = @_;

    take($open->{socket}, \$open->{got}, sub { 0 });
    close $open->{socket};

    my ($body) = $open->{got} =~ /\r\n\r\n(.*)/s;
    ok($body eq $share->{plain}, "$name: the file comes whole");
}


sub edge {
    my (%nginx) = @_;

    my $e = Meshkit::Edge->new(tokens => 1, nginx => { %nginx,
        allow => [ qr/\[emerg\] .*(?:alice\.pem|owners\.jwks|gw0\.token
                                  |environment\ variable)/x ] });

    $e->{large} = $e->share(size => 12_000_000, id => 'large');
    $e->{small} = $e->share(size => 1000, id => 'small');

    # an old worker has as long as this test takes
    $e->config($e->config_text);
    $e->nginx->write('nginx.conf', $e->nginx->read('nginx.conf')
        =~ s/(worker_shutdown_timeout) 5s/$1 300s/r);

    return $e;
}


# --- a reload ---------------------------------------------------------------

{
    my $e = edge();
    my $t = $e->nginx;
    $e->start;

    my $open = ask($e, $e->{large});
    my $worker = $t->worker_pid;

    for my $row ([ 'keys/alice.pem', "no key\n", qr/is not a PEM/ ],
                 [ 'keys/owners.jwks', '{"keys":', qr/owners\.jwks" / ],
                 [ 'keys/gw0.token', "# none\n", qr/does not hold a token for Auth/ ])
    {
        my ($file, $bytes, $message) = @$row;
        my $good = $t->read($file);

        $t->write($file, $bytes, 0600);
        is($t->reload, 0, "$file is broken: the reload is refused");
        ok(wait_for(WAIT, sub { $t->grep_log(qr/\[emerg\].*$message/) }),
           "$file: the log says why");
        is($t->worker_pid, $worker, "$file: the worker stays");
        is($e->outcome($e->get('/raw/small'), $e->{small}), '200 ok',
           "$file: with the old one shares are opened");
        $t->write($file, $good, 0600);
    }

    ok($t->reload, 'a good reload');
    ok(wait_for(WAIT, sub { !grep { $_ == $worker } $t->worker_pids }),
       'a good reload: the old worker takes no more');
    is($e->outcome($e->get('/car/small'), $e->{small}), '200 ok',
       'a good reload: a new one opens');
    rest_is_whole($open, $e->{large}, 'four reloads');
    ok(wait_for(WAIT, sub { !-e "/proc/$worker/stat" }),
       'a good reload: then the old worker leaves');
    $e->done;
}


# --- an upgrade -------------------------------------------------------------

# nginx hands nothing of its environment on, sanitizers' options neither.
if ($ENV{TEST_SANITIZED}) {
    done_testing();
    exit;
}


sub daemon {
    my ($e) = @_;

    my $t = $e->nginx;

    # the surroundings that start() makes, without the process
    $t->write("keys/$_.token", $e->token($_) . "\n", 0600)
        for qw(metadata policy gw0);
    $t->write('nginx.conf', $t->read('nginx.conf')
        =~ s/daemon off/daemon on/r
        =~ s/token_file=\S*gw0\.token/token_env=$variable/gr);

    local $ENV{$variable} = $token;
    my $r = run_command({ timeout => WAIT }, $ENV{TEST_NGINX_BINARY},
                        '-p', $e->dir . '/', '-c', $e->dir . '/nginx.conf',
                        '-e', $e->dir . '/logs/error.log');
    is($r->{exit}, 0, 'it starts') or diag($r->{err});

    return master($t);
}


sub master {
    my ($t) = @_;

    my $pid = 0;

    wait_for(WAIT, sub {
        ($pid) = $t->read('nginx.pid') =~ /^(\d+)\n/;
        return $pid && $t->worker_pids($pid);
    });

    $masters{$pid} = 1;
    return $pid;
}


sub leave {
    my ($name, @pids) = @_;

    kill 'QUIT', @pids;
    ok(wait_for(WAIT, sub { !grep { -e "/proc/$_/stat" } @pids }),
       "$name leaves");
    delete @masters{@pids};
}


{
    my $e = edge(globals => "env $variable;", $> == 0 ? (user => 'nobody '
                 . getgrgid((getpwnam 'nobody')[3])) : ());
    my $t = $e->nginx;
    my $old = daemon($e);
    my $open = ask($e, $e->{large});

    kill 'USR2', $old;
    ok(wait_for(WAIT, sub { $t->read('nginx.pid.oldbin') =~ /^$old\n/ }),
       'USR2: the old program makes room');
    my $new = master($t);
    isnt($new, $old, 'USR2: the new one runs');

    kill 'WINCH', $old;
    ok(wait_for(WAIT, sub { !$t->worker_pids($old) }),
       'WINCH: the old workers take no more');
    $e->clear;
    is($e->outcome($e->get('/car/small'), $e->{small}), '200 ok',
       'the new program opens');
    is($e->gateway->last_request->header('Authorization'), "Bearer $token",
       'with the token of its environment');

    my ($worker) = $t->worker_pids($new);
    my ($locked) = Meshkit::Process::slurp("/proc/$worker/status")
        =~ /^VmLck:\s+(\d+)/m;
    cmp_ok($locked, '>=', 4096, 'its workers lock the secure heap');

    SKIP: {
        skip 'needs root, to have workers of another user', 1 if $> != 0;
        is((stat "/proc/$worker/mem")[4], 0, 'and are not dumpable');
    }

    rest_is_whole($open, $e->{large}, 'an upgrade');
    leave('QUIT: the old program', $old);
    is($e->outcome($e->get('/raw/small'), $e->{small}), '200 ok',
       'the new one goes on');
    leave('the new program', $new);
    $e->done;
}

{
    my $e = edge();
    my $t = $e->nginx;
    my $old = daemon($e);
    my $open = ask($e, $e->{large});

    is($e->outcome($e->get('/car/small'), $e->{small}), '200 ok',
       'without "env": opens');
    kill 'USR2', $old;
    ok(wait_for(WAIT, sub { $t->grep_log(qr/"env $variable;"/) }),
       'without "env": the new program says which line is missing');
    ok(wait_for(WAIT, sub { $t->read('nginx.pid') =~ /^$old\n/ }),
       'without "env": and leaves');
    is($e->outcome($e->get('/car/small'), $e->{small}), '200 ok',
       'without "env": the old one goes on');
    rest_is_whole($open, $e->{large}, 'without "env"');
    leave('without "env": the program', $old);
    $e->done;
}

done_testing();
