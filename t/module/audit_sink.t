# Where the audit log goes: what cannot be written is not served, a line is
# never torn nor mixed, and rotation, reload and a new syslog lose none.

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Socket qw(SOCK_DGRAM);
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(run_command spawn wait_for wait_process);

use constant { WAIT => 20, CLIENTS => 4, REQUESTS => 50 };

my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
    or die "udp: $!";

my $e = Meshkit::Edge->new(
    nginx => {
        workers => 4,
        # of the sinks that are full or gone
        allow => [ qr/the audit log ".*" cannot be written/,
                   qr/\[alert\] .*connect\(\) failed/,
                   qr/\[alert\] .*send\(\) failed/ ],
    },
    text => {
        http => "meshkit_audit_log logs/audit.log;\n"
                . 'meshkit_subject $http_x_tag;',
        server => join '', map { <<"EOT" }
location ~ ^/$_->[0]/(?<cap>.*)\$ {
    meshkit_audit_log $_->[1];
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
EOT
            [ full => '/dev/full' ],
            [ udp => 'syslog:server=127.0.0.1:' . $udp->sockport
                     . ',tag=share,severity=notice' ],
            [ unix => 'syslog:server=unix:%%DIR%%/log.socket,nohostname' ],
    });

my $t = $e->nginx;
my $share = $e->share(size => 200_000);
my $empty = $e->share(size => 0);
my $large = $e->share(size => 40 * 65_504);
my $huge = $e->share(size => 400 * 65_504);
my $json = JSON::PP->new->utf8;

sub log_socket {
    unlink $e->dir . '/log.socket';
    return IO::Socket::UNIX->new(Local => $e->dir . '/log.socket',
                                 Type => SOCK_DGRAM) || die "socket: $!";
}

# How long an old worker waits for its clients.
sub patience {
    my ($seconds) = @_;

    my $text = $t->read('nginx.conf')
        =~ s/(?<=worker_shutdown_timeout )\d+/$seconds/r;
    $t->write('nginx.conf', $text);
}

$e->config;
patience(60);
$e->start;


sub datagram {
    my ($socket) = @_;

    my $bytes;

    IO::Select->new($socket)->can_read(WAIT) or return '';
    $socket->recv($bytes, 65_536);
    return $bytes;
}


sub lines {
    my ($name, $tag) = @_;

    return grep { !defined $tag || /"user\.id":"\Q$tag\E"/ }
           split /\n/, $t->read($name);
}


sub parsed { return scalar grep { ref eval { $json->decode($_) } } @_ }


# --- a disk that is full ----------------------------------------------------

for my $path ("/full/$share->{id}", "/full/$empty->{id}") {
    my $r = $e->get($path);
    is($r->status . ' ' . $e->code($r), '500 internal_error',
       'what cannot be noted is not served');
    unlike($r->raw, qr/Content-Disposition|ETag/i, 'nor is it described');
    is($e->log($r)->{outcome}, 'internal_error', 'as the access log says');
    is($e->get($path, method => 'HEAD')->status, 500, 'HEAD neither');
}

is($e->get("/full/$share->{id}", headers => [ Range => 'bytes=0-9' ])->status,
   500, 'nor a range');
is($e->code($e->get('/full/nobody')), 'capsule_not_found',
   'a refusal is one anyway');
is($e->get("/raw/$share->{id}")->status, 200,
   'a location with another log is not concerned');

{
    my @said = $t->grep_log(qr/\[crit\].*the audit log "\/dev\/full" cannot/);
    my %second;

    cmp_ok(scalar @said, '>', 0, 'the error log says so');
    $second{ join ' ', /^(\S+ \S+) \[crit\] (\d+)#/ }++ for @said;
    is(scalar(grep { $_ > 1 } values %second), 0,
       'once a second and worker, at most');
    like($said[0], qr/No space left/, 'and why');
}

# One worker, and ballast that is thrown off the disk when it is full.
my @mounted;

sub unmount { run_command({}, 'umount', '-l', shift @mounted) while @mounted }

END { local $?; unmount() }

SKIP: {
    my $alone = Meshkit::Edge->new(
        nginx => { allow => [ qr/the audit log ".*" cannot be written/ ] },
        text => { http => 'meshkit_audit_log %%DIR%%/small/audit.log;' });
    my $share = $alone->share(size => 1000);
    my $disk = $alone->dir . '/small';
    my $status = sub { $alone->get("/raw/$share->{id}",
                                   method => 'HEAD')->status };

    mkdir $disk;
    skip 'no small disk without the right to mount one', 7
        if run_command({}, qw(mount -t tmpfs -o size=16k none),
                       $disk)->{exit} != 0;
    push @mounted, $disk;

    $alone->nginx->write('small/ballast', 'x' x 8192);
    $alone->start;

    my $served = 0;
    $served++ while $status->() == 200 && $served < 100;

    cmp_ok($served, '>', 3, 'the small disk takes some lines');
    is($status->(), 500, 'and then it is full');

    my $text = $alone->nginx->read('small/audit.log');
    my $whole = () = $text =~ /^\{.*\}$/mg;
    is($whole, $served, 'what was served is there');
    is(length($text), 8192, 'and a part of the next, as far as there was room');

    unlink "$disk/ballast";
    is($status->(), 200, 'room again: it is served again');

    my @lines = grep { length } split /\n/,
                $alone->nginx->read('small/audit.log');
    is(parsed(@lines), $served + 1, 'and the line stands for itself');
    is(scalar @lines, $served + 2, 'behind the one that was torn');

    $alone->done;
    unmount();
}

# --- rotation under load, by many workers -----------------------------------

{
    my $before = lines('logs/audit.log');
    my @pids = map {
        spawn("client $_", sub {
            for (1 .. REQUESTS) {
                my $r = $e->get("/raw/$share->{id}");
                die $r->status // 'no answer' if !$r->complete;
            }
        });
    } 1 .. CLIENTS;

    my ($rotated, $wanted) = (0, $before + 2 * CLIENTS * REQUESTS);
    my $count = sub { return scalar map { lines("logs/$_") }
                             'audit.log', map { "audit.log.$_" }
                             1 .. $rotated };

    for my $n (1 .. 3) {
        my $reached = wait_for(WAIT, sub {
            $count->() >= $before + $n * CLIENTS * REQUESTS / 4 });
        ok($reached, "before rotation $n") or last;
        rename $e->dir . '/logs/audit.log', $e->dir . "/logs/audit.log.$n";
        $rotated = $n;
        kill 'USR1', $t->{pid};
        ok(wait_for(WAIT, sub { -e $e->dir . '/logs/audit.log' }),
           "rotation $n: there is a new file");
    }

    is(scalar(grep { (wait_process($_, 60) // -1) != 0 } @pids), 0,
       'every client was served');
    ok(wait_for(WAIT, sub { $count->() >= $wanted }), 'every line is there');
    is($count->(), $wanted, 'and none twice');

    my @all = map { lines("logs/$_") }
              'audit.log', map { "audit.log.$_" } 1 .. 3;
    is(parsed(@all), $wanted, 'each is whole');

    my %lines;
    $lines{ $json->decode($_)->{'request.id'} }++ for @all;
    is(scalar(grep { $_ != 2 } values %lines), 0, 'two for each request');
}

# --- reload in the middle of streams ----------------------------------------

sub client {
    my ($share, $tag, %opt) = @_;

    return spawn($tag, sub {
        my $r = Meshkit::Http::http_request($t->port('front'), rcvbuf => 4096,
            path => "/raw/$share->{id}", headers => [ 'X-Tag' => $tag ],
            timeout => 60, %opt);
        die $r->error if !$r->complete;
    });
}


sub end_of {
    my ($tag) = @_;

    my @lines;

    wait_for(WAIT, sub { 2 == (@lines = lines('logs/audit.log', $tag)) });
    my $end = $json->decode($lines[1] // '{}');

    return join ' ', map { $_ // '-' } @$end{qw(meshkit.end event.reason)};
}


{
    my $slow = client($large, 'slow', rate => 1_500_000);

    ok(wait_for(WAIT, sub { 1 == lines('logs/audit.log', 'slow') }),
       'a stream has begun');
    patience(1);
    is($t->reload, 1, 'the configuration is read again');
    is(wait_process($slow, 60), 0, 'who goes on reading has the file');
    is(end_of('slow'), 'complete ok', "and its line is the old worker's");

    my $stuck = client($huge, 'stuck', pause => 60);

    ok(wait_for(WAIT, sub { 1 == lines('logs/audit.log', 'stuck') }),
       'another one has begun');
    is($t->reload, 1, 'the configuration is read once more');
    is(end_of('stuck'), 'shutdown -',
       'who reads nothing is cut off by worker_shutdown_timeout');
    Meshkit::Process::end_process($stuck, KILL => 2);
}

# --- syslog -----------------------------------------------------------------

{
    my $r = $e->get("/udp/$share->{id}");
    my ($first, $last) = map { datagram($udp) } 1 .. 2;

    is($r->status, 200, 'UDP: served');
    like($first, qr/^<189>\w{3} [ \d]\d [\d:]{8} \S+ share: \{.*\}$/,
         'UDP: a message of syslog');
    like($_, qr/^[^\n]+$/, 'UDP: one line') for $first, $last;

    my ($one, $two) = map { eval { $json->decode(/(\{.*)/) } // {} }
                      $first, $last;
    is($one->{'event.type'}[1], 'allowed', 'UDP: the decision');
    is($two->{'meshkit.end'}, 'complete', 'UDP: the end');

    $r = $e->get("/udp/$share->{id}", method => 'HEAD',
                 headers => [ 'X-Tag' => '"' x 3000 ]);
    my $long = datagram($udp);
    is(ref(eval { $json->decode($long =~ /(\{.*)/) }), 'HASH',
       'UDP: a long line is whole');
    cmp_ok(length $long, '<', 4500, 'UDP: and not too long');
}

# A queue holds ten messages at first: it is emptied after each.
{
    my $path = "/unix/$share->{id}";
    my $unix = log_socket();
    my $served = sub {
        my ($n) = @_;
        my ($status, $lines) = (0, 0);

        for (1 .. $n) {
            $status += $e->get($path, method => 'HEAD')->status == 200;
            $lines += parsed(datagram($unix) =~ s/^[^{]+//r);
        }

        return "$status served, $lines lines";
    };

    is($e->get($path, method => 'HEAD')->status, 200, 'unix: served');
    like(datagram($unix), qr/^<190>\w{3} [ \d]\d [\d:]{8} nginx: \{.*\}$/,
         'unix: a message of syslog');

    # by every worker, which find another socket of that name then
    is($served->(20), '20 served, 20 lines', 'unix: each line comes');
    close $unix;
    $unix = log_socket();
    is($served->(20), '20 served, 20 lines', 'unix: and to a new one at once');

    # nobody reads: what the socket does not take is not served
    my %status;
    $status{ $e->get($path, method => 'HEAD')->status }++ for 1 .. 1000;
    cmp_ok($status{500} // 0, '>', 0, 'unix: a queue that is full');
    is(scalar keys %status, 2, 'unix: is a refusal like others');

    close $unix;
    unlink $e->dir . '/log.socket';
    my $r = $e->get("/unix/$share->{id}");
    is($r->status . ' ' . $e->code($r), '500 internal_error',
       'unix: without syslog nothing is served');
    is($e->code($e->get('/unix/nobody')), 'capsule_not_found',
       'unix: and refusals are refusals');
}

$e->done;
done_testing();
