# A reload under load loses no request, a broken key file keeps the old
# configuration, new keys are in use at once, and workers' memory is not for
# other processes of their user.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(spawn end_process run_command wait_for wait_process);

my $e = Meshkit::Edge->new(tokens => 1, nginx => {
    shutdown => '60s',
    # of configurations that this test breaks itself
    allow => [ qr/\[emerg\] .*(?:alice\.pem|owners\.jwks|metadata\.token)/ ],
});

my $t = $e->nginx;
my $share = $e->share(size => 3_000_000);
my $small = $e->share(size => 1000);
my $other = $e->share(size => 1000, recipient => 'alice='
                      . 't/vectors/keys/bob.pem', id => 'other-key');

$e->start;

my $alice = $t->read('keys/alice.pem');
my $bob = $t->read('keys/bob.pem');


# --- under load -------------------------------------------------------------

# How many requests were answered.
sub served {
    my $sum = 0;

    $sum += $t->read("count.$_") || 0 for 1 .. 6;
    return $sum;
}

{
    my $stop = $e->dir . '/stop';
    my @pids = map {
        my $n = $_;
        spawn("client $n", sub {
            my $count = 0;
            my $path = $n % 2 ? '/car' : '/raw';

            while (!-e $stop) {
                my $share = $n < 4 ? $small : $share;
                my $r = $e->get("$path/$share->{id}", timeout => 60);
                my $outcome = $e->outcome($r, $share);
                die "$outcome " . $r->error . "\n" if $outcome ne '200 ok';
                $t->write("count.$n", ++$count);
            }
        });
    } 1 .. 6;

    my $slow = spawn('slow client', sub {
        my $r = $e->get("/car/$share->{id}", rate => 1_200_000,
                        rcvbuf => 4096, timeout => 60);
        die $e->outcome($r, $share) if $e->outcome($r, $share) ne '200 ok';
    });

    # each reload comes while there is load, and so does what follows it
    my $reloads = 0;
    my $good = 1;
    for (1 .. 4) {
        my $before = served();
        $good &&= wait_for(60, sub { served() >= $before + 6 });
        $reloads += $t->reload;
    }

    open my $file, '>', $stop or die;
    close $file;

    is($reloads, 4, 'four reloads under load');
    my @failed = grep { (wait_process($_, 60) // -1) != 0 } @pids;
    is(scalar @failed, 0, 'no client lost a request');
    is(wait_process($slow, 60), 0, 'nor one that was in the middle of a file');

    ok($good, 'and there was load');
    ok(wait_for(70, sub { 1 == $t->worker_pids }), 'old workers leave');
}


# --- keys -------------------------------------------------------------------

sub opens_now {
    my ($name, $path, $code, $share) = @_;

    is($e->outcome($e->get("$path/$share->{id}"), $share), $code, $name);
}

opens_now('before', '/car', '200 ok', $small);
opens_now('before, a share for another key', '/car',
          '403 recipient_not_authorized', $other);

for my $row ([ 'keys/alice.pem', 'not a key' ],
             [ 'keys/alice.pem', '' ],
             [ 'keys/alice.pem', substr $alice, 0, 120 ],
             [ 'keys/owners.jwks', '{"keys":' ],
             [ 'keys/metadata.token', "# none\n" ])
{
    my ($file, $bytes) = @$row;
    my $good = $t->read($file);
    my $worker = $t->worker_pid;

    $t->write($file, $bytes, 0600);
    is($t->reload, 0, "$file of " . length($bytes) . ' bytes: is refused');
    is($t->worker_pid, $worker, 'the old worker stays');
    opens_now('and its keys work', '/raw', '200 ok', $small);
    $t->write($file, $good, 0600);
}

{
    rename $e->dir . '/keys/alice.pem', $e->dir . '/keys/away.pem';
    is($t->reload, 0, 'a key file that is gone: is refused');
    opens_now('the old key works', '/car', '200 ok', $small);
    rename $e->dir . '/keys/away.pem', $e->dir . '/keys/alice.pem';
}

{
    $t->write('keys/alice.pem', $bob, 0600);
    opens_now('a file is read on reload only', '/car', '200 ok', $small);
    ok($t->reload, 'a new key: a reload');
    ok(wait_for(20, sub { 1 == $t->worker_pids }), 'a new key: one worker');
    opens_now('a new key: opens what is for it', '/car', '200 ok', $other);
    opens_now('a new key: the old one is gone', '/car',
              '403 recipient_not_authorized', $small);
    $t->write('keys/alice.pem', $alice, 0600);
}

{
    $e->clear;
    $t->write('keys/metadata.token', "token-after-the-reload\n", 0600);
    ok($t->reload, 'a new token: a reload');
    ok(wait_for(20, sub { 1 == $t->worker_pids }), 'a new token: one worker');
    opens_now('back again', '/car', '200 ok', $small);
    is($e->metadata->last_request->header('Authorization'),
       'Bearer token-after-the-reload', 'a new token: is sent');
}

# Many reloads do not pile up memory in the master (keys of old
# configurations).
{
    my $master = sub {
        Meshkit::Process::slurp("/proc/$t->{pid}/status")
            =~ /^VmRSS:\s+(\d+)/m;
        return $1;
    };

    $t->reload for 1 .. 3;
    my $before = $master->();
    my $good = grep { $t->reload } 1 .. 12;
    is($good, 12, 'twelve reloads');
    cmp_ok($master->() - $before, '<', Meshkit::Nginx::growth(3000),
           'twelve reloads: the master does not grow');
    ok(wait_for(20, sub { 1 == $t->worker_pids }),
       'twelve reloads: one worker');
    opens_now('twelve reloads', '/car', '200 ok', $small);
}


# --- memory of a worker -----------------------------------------------------

SKIP: {
    my $pid = $t->worker_pid;
    my @secrets = $alice =~ /^([A-Za-z0-9+\/]{40,})/mg;

    skip 'needs root, to be another user', 4 if $> != 0;

    # workers run as root in this harness: a process of nobody cannot be
    # told from one of "the same user", so a second nginx runs as nobody
    my ($nobody, $group) = (getpwnam 'nobody')[2, 3];
    skip 'there is no user nobody', 4 if !defined $nobody;

    my $second = Meshkit::Edge->new(nginx => { user => "nobody "
        . getgrgid $group });
    chmod 0755, $second->dir;
    my $file = $second->share(size => 1000);
    $second->start;
    my $worker = $second->nginx->worker_pid;
    is($second->outcome($second->get("/car/$file->{id}"), $file), '200 ok',
       'a worker of nobody opens, though it cannot read the key file');

    my $status = Meshkit::Process::slurp("/proc/$worker/status");
    like($status, qr/^Uid:\s+$nobody\b/m, 'it runs as nobody');

    my $reader = spawn('reader', sub {
        $) = "$group $group";
        $( = $group;
        POSIX::setuid($nobody);
        open my $mem, '<', "/proc/$worker/mem" and POSIX::_exit(7);
        opendir my $fd, "/proc/$worker/fd" and POSIX::_exit(8);
        open my $maps, '<', "/proc/$worker/maps" and POSIX::_exit(9);
        POSIX::_exit(0);
    });
    is((wait_process($reader, 20) // -1) >> 8, 0,
       'another process of its user cannot read its memory');

    my $owner = (stat "/proc/$worker/mem")[4];
    is($owner, 0, 'it is not dumpable');
    $second->done;
}

$e->done;
done_testing();
