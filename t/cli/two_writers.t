# meshkitctl and a second writer in one directory: a revocation is not lost.

use strict;
use warnings;

use Fcntl qw(F_SETLK F_WRLCK F_UNLCK SEEK_SET O_RDWR O_CREAT O_WRONLY
             O_NONBLOCK);
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/cli/lib';
use Meshkit::Cli;
use Meshkit::Process qw(spawn wait_process wait_for);

use constant { TRIES => 40, HELD => 5, NOBODY => 65534 };

my $c = Meshkit::Cli->new->cast;
$c->identity('bob', 'x25519');
$c->identity('carol', 'x25519');

my $capsules = $c->path('metadata/v1/capsules');
my $lock = "$capsules/meshkitctl.lock";
my @from = ('--metadata', $c->path('metadata'));
my $runs = 0;
my %command;


sub state_of {
    my ($id) = @_;

    return $c->json($c->read("metadata/v1/capsules/$id"))->{status}{state};
}


# Starts meshkitctl; finish() gives what run() would.
sub start { return start_by(sub { }, @_) }


sub start_by {
    my ($before, @args) = @_;

    my $base = $c->path('run.' . ++$runs);
    my $pid = spawn('meshkitctl', sub {
        open STDOUT, '>', "$base.out" or die "$base: $!";
        open STDERR, '>', "$base.err" or die "$base: $!";
        $before->();
        exec { $c->{binary} } $c->{binary}, @args or die "exec: $!";
    });

    $command{$pid} = $base;
    return $pid;
}


sub finish {
    my ($pid, $seconds) = @_;

    my $status = wait_process($pid, $seconds // 30) // return undef;
    my $base = delete $command{$pid};
    my $r = { exit => $status >> 8, signal => $status & 127,
              out => Meshkit::Process::slurp("$base.out"),
              err => Meshkit::Process::slurp("$base.err") };

    $c->{seen} .= $r->{out} . $r->{err};
    return $r;
}


sub same { return $c->share_args('--same-payload', @_) }
sub to { return map { ('--to', "$_=" . $c->path("$_.jwk")) } @_ }


# A new share of the payload, published for the edge.
sub published {
    my ($id) = @_;

    my $facts = $c->seal('two writers', defined $id ? ('--id', $id) : ());
    $c->ok('published', same());
    return $facts->{id};
}


# struct flock of Linux on a 64-bit machine
sub set_lock {
    my ($file, $type) = @_;

    return fcntl $file, F_SETLK, pack('s s x4 q q i x4', $type, SEEK_SET,
                                      0, 0, 0);
}


# A process has one lock on a file, which any close() of that file ends: so the
# file that held it before is closed first.
my $held;


sub hold_lock {
    undef $held;
    sysopen my $file, $lock, O_RDWR | O_CREAT, 0600 or die "$lock: $!";
    set_lock($file, F_WRLCK) or die "$lock: $!";
    return $file;
}

# --- what was read stays true until it is written ----------------------------

# A reader of a FIFO waits for its end, between reading and writing.
my $id = published('piped');
my $record = $c->read("metadata/v1/capsules/$id");

rename "$capsules/$id", "$capsules/$id.kept" or die $!;
mkfifo("$capsules/$id", 0644) or die $!;

my $share = start(same(to('bob')));
my $pipe;
wait_for(HELD, sub {
    return 1 if Meshkit::Process::slurp("/proc/$share/stat") =~ /\) Z /;
    return sysopen $pipe, "$capsules/$id", O_WRONLY | O_NONBLOCK;
});
syswrite $pipe, $record if defined fileno $pipe;

rename "$capsules/$id.kept", "$capsules/$id" or die $!;
$c->ok('revoked, while a share has read the record', 'revoke', $id, @from);
close $pipe;
isnt(finish($share)->{exit}, 0, 'the share that read before is refused');
is(state_of($id), 'revoked', 'and the record stays revoked');

# The lock is held from here; the record changes as another writer would.
$id = published('locked');
$record = $c->read("metadata/v1/capsules/$id");
$held = hold_lock();
$share = start(same(to('bob')));
is(finish($share, 1), undef, 'a share waits for the lock');
$c->write("metadata/v1/capsules/$id",
          $record =~ s/"state":"active"/"state":"revoked","revokedAt":7/r);
set_lock($held, F_UNLCK);
my $r = finish($share);
is($r->{exit}, 1, 'and reads the record when it has the lock');
like($r->{err}, qr/share_revoked/, 'and sees that it was revoked');
is(state_of($id), 'revoked', 'which it stays');

# Both wait for the lock, and whichever comes first, the share is revoked.
$id = published('both');
$held = hold_lock();
my @both = (start(same(to('bob'))), start('revoke', $id, @from));
is_deeply([ map { finish($_, 0.5) } @both ], [ undef, undef ],
          'a share and a revocation wait for the lock');
set_lock($held, F_UNLCK);
my ($shared, $revoked) = map { finish($_) } @both;
ok($shared->{exit} <= 1, 'the share is done, or refused');
is($revoked->{exit}, 0, 'the revocation is done');
is(state_of($id), 'revoked', 'and the record is revoked');

# --- together, many times ----------------------------------------------------

my %lost;
for my $n (1 .. TRIES) {
    my $id = published("try-$n");
    my @pids = (start(same(to('bob'))), start('revoke', $id, @from));
    my ($shared, $revoked) = map { finish($_) } @pids;

    $lost{$n} = 1 if $revoked->{exit} == 0 && state_of($id) ne 'revoked';
    $lost{$n} = 1 if $revoked->{exit} != 0;
}

is(join(' ', sort keys %lost), '', 'no revocation of ' . TRIES . ' is lost');

$id = published('recipients');
my @names = qw(bob carol alice edge);
my @pids = map { start(same(to($_))) } @names;
is(join(' ', map { finish($_)->{exit} } @pids), '0 0 0 0',
   'recipients are added together');
is_deeply([ sort map { $_->{recipient} }
            @{ $c->json($c->read("metadata/v1/capsules/$id"))
               ->{capsule}{wraps} } ],
          [ sort @names ], 'and none is lost');

$c->seal('an id');
@pids = map { start($c->share_args('--id', 'once')) } 1 .. 6;
is(join(' ', sort map { finish($_)->{exit} } @pids), '0 3 3 3 3 3',
   'one of those who want an id gets it');

@pids = map { start('keygen', '--type', 'p256', '--identity', 'k', '--out',
                    $c->path('k.pem'), '--public', $c->path('k.jwk')) } 1 .. 6;
is(join(' ', sort map { finish($_)->{exit} } @pids), '0 3 3 3 3 3',
   'one of those who make a key of that name makes it');

# --- a revoked record is not replaced ----------------------------------------

$id = published('ended');
$c->ok('revoked', 'revoke', $id, @from);
$c->refused('a revoked share gets no recipient', 1, qr/share_revoked/,
            same(to('bob')));
$c->refused('nor is its id given again', 3, qr/this id already/,
            $c->share_args('--id', $id));
is(state_of($id), 'revoked', 'it stays revoked');

$id = published('moved');
$c->write("metadata/v1/capsules/$id",
          $c->read('metadata/v1/capsules/recipients'));
$c->refused('the record of another share is not revoked under this id', 1,
            qr/invalid_capsule/, 'revoke', $id, @from);

$id = published('stateless');
my $bare = $c->json($c->read("metadata/v1/capsules/$id"))->{capsule};
$c->write("metadata/v1/capsules/$id", JSON::PP->new->utf8->encode($bare));
$c->refused('a record without a status does not become active', 1,
            qr/metadata_provider_error/, same(to('bob')));

# --- the lock file -----------------------------------------------------------

unlike('meshkitctl.lock', qr/^[A-Za-z0-9_-]+$/, 'its name is no id');
my @stat = stat $lock;
is($stat[2] & 0777, 0600, 'who may write the directory may hold it');
is($stat[7], 0, 'it is empty');

unlink $lock;
chmod 0775, $capsules;
$id = published('group');
is((stat $lock)[2] & 0777, 0660, 'a group as well, whatever the umask');
chmod 0755, $capsules;

$id = published('waiting');
$held = hold_lock();
my $begin = time;
$c->refused('a lock that is held for long', 3,
            qr/cannot lock \S+meshkitctl\.lock: .*10 seconds\n.*process $$\n/s,
            'revoke', $id, @from);
cmp_ok(time - $begin, '<', 20, 'the wait has an end');
is(state_of($id), 'active', 'and nothing is written');

# another file of that name: whoever waits takes that one
unlink $lock;
$c->ok('a lock that was removed', 'revoke', $id, @from);
is(state_of($id), 'revoked', 'is made anew');
close $held;

my $other = $c->write('other', 'as it was');
my %planted = (
    'a symbolic link' => sub { symlink $other, $lock },
    'a directory' => sub { mkdir $lock },
    'a FIFO' => sub { mkfifo($lock, 0600) },
);

$id = published('planted');

for my $what (sort keys %planted) {
    unlink $lock;
    $planted{$what}->() or die "$what: $!";
    $c->refused("$what in its place", 3, qr/cannot lock /, 'revoke', $id,
                @from);
    -d $lock && !-l $lock ? rmdir $lock : unlink $lock;
}

link $other, $lock or die $!;
$c->ok('a hard link in its place', 'revoke', $id, @from);
is($c->read('other'), 'as it was', 'whose file stays as it was');
unlink $lock;

# --- records that are no files -----------------------------------------------

$id = published('linked');
rename "$capsules/$id", $c->path('target') or die $!;
symlink $c->path('target'), "$capsules/$id" or die $!;
$record = $c->read('target');
$c->ok('a record that is a symbolic link', 'revoke', $id, @from);
ok(!-l "$capsules/$id", 'becomes a file');
is(state_of($id), 'revoked', 'that is revoked');
is($c->read('target'), $record, 'the link\'s target is left alone');

$c->share('--id', 'hard');
link "$capsules/hard", "$capsules/hard2" or die $!;
$record = $c->read('metadata/v1/capsules/hard2');
$c->ok('a record with two names', 'revoke', 'hard', @from);
is($c->read('metadata/v1/capsules/hard2'), $record,
   'is replaced, not written into');

mkfifo("$capsules/fifo", 0644) or die $!;
$c->refused('a record that is a FIFO', 1, qr/no regular file/, 'revoke',
            'fifo', @from);
unlink "$capsules/fifo";

# --- writes that fail --------------------------------------------------------

$id = published('full');
$record = $c->read("metadata/v1/capsules/$id");
$r = Meshkit::Process::run_command({}, 'sh', '-c',
    '(ulimit -f 0; "$@" 2>&1; echo "exit $?") | cat', 'sh', $c->{binary},
    'revoke', $id, @from);
like($r->{out}, qr/cannot write .*\nexit 3\n/s, 'a disk that takes no more');
is($c->read("metadata/v1/capsules/$id"), $record, 'leaves what was there');

# Who may write everywhere runs it as somebody else.
sub start_unprivileged {
    my (@args) = @_;

    return start(@args) if $> != 0;

    return start_by(sub {
        $) = NOBODY . ' ' . NOBODY;
        $( = NOBODY;
        ($<, $>) = (NOBODY, NOBODY);
    }, @args);
}


SKIP: {
    chmod 0711, $c->dir;
    my $r = finish(start_unprivileged('--version'));
    skip 'another user cannot run meshkitctl', 8 if $r->{exit} != 0;

    unlink $lock;
    chmod 0555, $capsules;
    $r = finish(start_unprivileged('revoke', $id, @from));
    is($r->{exit}, 3, 'a directory that is not writable');
    like($r->{err}, qr/cannot lock .*: Permission denied/, 'cannot be locked');
    ok(!-e $lock, 'and gets no lock file');
    is($c->read("metadata/v1/capsules/$id"), $record, 'nothing is written');
    chmod 0755, $capsules;

    skip 'only root works for others', 4 if $> != 0;

    chown NOBODY, NOBODY, $capsules;
    published('by-root');
    is((stat $lock)[4], NOBODY, 'what root locks is the directory\'s owner\'s');
    $r = finish(start_unprivileged('revoke', 'by-root', @from));
    is($r->{exit}, 0, 'who can revoke afterwards') or diag($r->{err});
    is(state_of('by-root'), 'revoked', 'and has');
    chown 0, 0, $capsules, $lock;
    $r = finish(start_unprivileged('revoke', $id, @from));
    like($r->{err}, qr/cannot lock .*: Permission denied/,
         'nobody else may hold the lock');
}

# a run that was killed leaves a temporary file and a free lock
$c->write("metadata/v1/capsules/.$id.AbCdEf", substr $record, 0, 100);
$held = hold_lock();
my $killed = start('revoke', $id, @from);
sleep 0.3;
kill 'KILL', $killed;
finish($killed);
set_lock($held, F_UNLCK);
$c->ok('after a run that was killed', 'revoke', $id, @from);
is(state_of($id), 'revoked', 'the next one revokes');
unlink "$capsules/.$id.AbCdEf";

$c->refused('a directory that is not there', 1, qr/capsule_not_found/,
            'revoke', 'x', '--metadata', $c->path('nowhere'));
ok(!-e $c->path('nowhere'), 'is not made to revoke in it');
$c->refused('--unsafe-store', 2, qr/--unsafe-store is for --metadata-url/,
            'revoke', $id, @from, '--unsafe-store');

$c->done;
