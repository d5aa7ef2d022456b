# A denylist that is written anew in place while nginx starts, reads its
# configuration again, or starts a worker in the place of another: what was
# denied before does not open on the strength of half a list.

use strict;
use warnings;

use Test::More;

use IO::Handle;
use Meshkit::Edge;
use Meshkit::Process qw(spawn wait_process run_command wait_for);
use Time::HiRes qw(sleep time);

# A file that is younger than that is not at rest, by this test's own clock.
use constant YOUNG => 0.8;

# What is tried again when the machine was too slow to tell.
use constant ROUNDS => 20;

my $e = Meshkit::Edge->new(
    nginx => { allow => [ qr/\[emerg\] .*denylist .* being written/,
                          qr/\[alert\] .* exited on signal 9/ ] },
    text => {
        http => 'meshkit_denylist %%DIR%%/list;',
        server => 'location = /status { meshkit_status; }'
    });

my $t = $e->nginx;
my $file = $e->dir . '/list';
my $late = $e->dir . '/late';
my $enough = $e->dir . '/enough';
my $begun = $e->dir . '/begun';
my $share = $e->share(size => 1000);
my $entry = "capsule\t$share->{id}\tx\n";
my $denied = '410 share_revoked';
my $closed = '500 internal_error';
my $lists = 0;


# Replaced whole, and with a time that lies back: at rest at once.
sub list {
    my ($text) = @_;

    my $new = $t->write('list.new', $text, 0644);
    my $then = 1_000_000 + $lists++;
    utime $then, $then, $new or die "$new: $!";
    rename $new, $file or die "$file: $!";
}


sub write_in_place {
    my ($text) = @_;

    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
}


sub code_of {
    my $r = $e->get("/raw/$share->{id}");

    return $r->status . ' ' . $e->code($r);
}


sub becomes {
    my ($code, $name) = @_;

    ok(wait_for(20, sub { code_of() eq $code }), $name) or diag(code_of());
}


# Writes the file anew: line by line, and the entry last, when it was told to
# or when the seconds are over.  Says so if it made a pause.
sub write_slowly {
    my ($seconds) = @_;

    open my $out, '>', $file or die "$file: $!";
    $out->autoflush;

    my $last = time;
    my $end = $last + $seconds;
    my $pause = 0;
    my $wrote = sub {
        my $now = time;
        $pause = $now - $last if $now - $last > $pause;
        $last = $now;
    };

    while (!-e $enough && $last < $end) {
        print $out "# a line\n";
        $wrote->();
        $t->write('begun', '');
        sleep 0.02;
    }

    print $out $entry;
    close $out or die "$file: $!";
    $wrote->();
    $t->write('late', '') if $pause > YOUNG;
}


# What the code gives while somebody writes the file, without a pause.
sub while_written {
    my ($code, $seconds) = @_;

    for (1 .. ROUNDS) {
        list($entry);
        code_of();
        unlink $late, $enough, $begun;

        my $pid = spawn('writer', sub { write_slowly($seconds // 60) });
        wait_for(20, sub { -e $begun }) or die 'nobody writes';

        my $result = $code->();

        $t->write('enough', '');
        defined wait_process($pid, 60) or die 'somebody still writes';

        return $result if !-e $late;
    }

    return 'never fast enough';
}


# What a new worker says while the file is younger than it has to be.
sub new_worker_says {
    my ($change) = @_;

    for (1 .. ROUNDS) {
        my $start = time;

        $change->();
        kill_worker();
        my $code = code_of();

        return $code if time - $start < YOUNG;
    }

    return 'never fast enough';
}


sub kill_worker {
    my $old = $t->worker_pid;

    kill 'KILL', $old;
    wait_for(20, sub { ($t->worker_pid // $old) != $old })
        or die 'no new worker';
}


sub status {
    my $json = JSON::PP->new->utf8->decode($e->get('/status')->body);

    return join ' ', @{ $json->{denylists}[0] }{qw(usable entries)};
}


# --- the configuration ------------------------------------------------------

# As in a container that has just been given it.
$t->write('list', $entry, 0644);
$e->start;
is(code_of(), $denied, 'a list that is new when nginx starts');

list('');
is(code_of(), '200 ', 'and an empty one opens');

{
    my $said = while_written(sub {
        my $reloaded = $t->reload;
        my %codes = map { code_of() => 1 } 1 .. 5;
        return join ', ', $reloaded, sort keys %codes;
    });

    is($said, "0, $denied", 'written at a reload: refused, as is the share');
    like(($t->grep_log(qr/\[emerg\]/))[-1] // '',
         qr/"$file" cannot be used: it is being written in \S+:\d+/,
         'as the log says');
    is(code_of(), $denied, 'and when it is written');
}

is(while_written(sub {
    my $reloaded = $t->reload;
    my %codes = map { code_of() => 1 } 1 .. 5;
    return join ', ', $reloaded, sort keys %codes;
}, 0.3), "1, $denied", 'written in time: the reload waits for it');

# Whoever only sends a signal opens nothing.
{
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS}:detect_leaks=0";

    is(while_written(sub {
        my $r = run_command({ timeout => 60 },
                            $t->_command('nginx.conf', 'stderr'),
                            '-s', 'reopen');
        return $r->{exit};
    }), 0, 'written while a signal is sent: it is sent');
}


# --- a worker in the place of another ---------------------------------------

# The master has read an empty list, and never another one.
list('');
ok($t->reload, 'a reload with an empty list');
is(code_of(), '200 ', 'which denies nothing');

{
    list($entry);
    is(code_of(), $denied, 'an entry since then');
    kill_worker();
    is(code_of(), $denied, 'a new worker has it at once');

    list('');
    kill_worker();
    is(code_of(), '200 ', 'and knows at once when it is gone');
}

{
    my $from = length $t->error_log;

    is(new_worker_says(sub {
        list($entry);
        code_of();
        write_in_place('');
    }), $closed, 'emptied before it is written: a new worker is closed');
    like(substr($t->error_log, $from),
         qr/\[error\] .*"$file" cannot be used: it is being written; what/,
         'as it says');
    write_in_place($entry);
    becomes($denied, 'until the file is at rest');
    is(status(), '1 1', 'as the status page shows');
}

{
    is(new_worker_says(sub {
        list($entry);
        unlink $file;
        kill_worker();
        code_of();
        write_in_place('');
    }), $closed, 'missing, then emptied: closed');
    becomes('200 ', 'an empty file that stays empty is an empty list');
}

{
    my $codes = while_written(sub {
        kill_worker();
        my %codes;
        my $end = time + 2;

        $codes{ code_of() }++ while time < $end;
        return join ', ', sort(keys %codes), status();
    });

    is($codes, "$closed, 0 0", 'closed as long as somebody writes');
    becomes($denied, 'and no longer');
}

$e->done;
done_testing();
