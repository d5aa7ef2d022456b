# What stands in the memory of nginx, read as root: keys and tokens in the
# secure heap and nowhere else, plaintext as long as its request.

use strict;
use warnings;

use POSIX ();
use Test::More;

use Meshkit::Http qw(curl);
use Meshkit::Http2;
use Meshkit::Memory;
use Meshkit::Process qw(spawn end_process wait_for);
use Meshkit::Secrets;

use constant { WAIT => Meshkit::Secrets::WAIT, USER => 'www-data' };

plan skip_all => 'sanitizers keep what was freed' if $ENV{TEST_SANITIZED};
plan skip_all => 'only root reads the memory of a worker' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

{
    # a process that became another user is not dumpable, as a worker is
    my $other = spawn('other', sub {
        POSIX::setuid(scalar getpwnam USER);
        sleep 600;
    });

    wait_for(WAIT, sub { Meshkit::Process::slurp("/proc/$other/status")
                         =~ /^Uid:\s+[1-9]/m });
    my $why_not = Meshkit::Memory::why_not($other);
    end_process($other, KILL => WAIT);

    plan skip_all => "this root does not read all memory: $why_not"
        if $why_not ne '';
}

my %identities = Meshkit::Secrets::identities();
my $s = Meshkit::Secrets->new(user => USER);
my %secrets = $s->all;
my $e = $s->edge;
$e->start;

my $t = $e->nginx;
my $worker = $t->worker_pid;


sub outside {
    my ($pid, $ignore) = @_;

    return Meshkit::Memory::places(grep {
        !Meshkit::Memory::secure($_)
        && (!defined $ignore || $_->{name} !~ $ignore)
    } Meshkit::Memory::find($pid, %secrets));
}


# The log's line is written just before a request is wiped.
sub nothing_left {
    my ($name) = @_;

    my $found;

    wait_for(WAIT, sub { ($found = outside($worker)) eq '' });
    is($found, '', "$name: nothing is left in the worker");
}


# --- at rest ----------------------------------------------------------------

for my $row ([ 'the master', $t->{pid} ], [ 'a worker', $worker ]) {
    my ($name, $pid) = @$row;
    my ($locked) = Meshkit::Process::slurp("/proc/$pid/status")
        =~ /^VmLck:\s+(\d+)/m;
    my %seen = map { $_->{name} => 1 } grep { Meshkit::Memory::secure($_) }
               Meshkit::Memory::find($pid, %secrets);

    cmp_ok($locked, '>=', 4096, "$name: has its secure heap locked");
    is(outside($pid), '', "$name: no key and no token stands elsewhere");

    for my $wanted ('private key, little-endian, 1st half of alice',
                    'private key, 1st half of bob', 'token of gw0')
    {
        ok($seen{$wanted}, "$name: the $wanted is in the secure heap");
    }
}


# --- opens ------------------------------------------------------------------

for my $name (sort keys %identities) {
    for my $form (qw(car raw whole)) {
        is($s->opens($name, $form), '200 ok',
           "$identities{$name}, $form: opens");
        nothing_left("$identities{$name}, $form");
    }
}

{
    my $c = $e->curl($s->path('bob', 'car'), h2 => 1);

    is($c->body, $s->file('bob')->{plain}, 'HTTP/2: opens');
    nothing_left('HTTP/2');
}

for my $version (qw(--http1.1 --http2)) {
    my $url = 'https://127.0.0.1:' . $t->port('tls')
              . $s->path('bob', 'car');
    my $c = curl('-k', $version, $url);

    is($c->body, $s->file('bob')->{plain}, "TLS, $version: opens");
    nothing_left("TLS, $version");

    $s->stall('bob');
    $c = curl('-k', $version, '--max-time', 2, $url);
    cmp_ok(length $c->body, '<', length $s->file('bob')->{plain},
           "TLS, $version: goes in the middle");
    nothing_left("TLS, $version, the client went");
    $e->gateway->clear_faults;
}

for my $name (sort keys %identities) {
    my $kind = $identities{$name};

    $s->stall($name);

    my $socket = $s->begin($name);
    my @found = Meshkit::Memory::find($worker, %secrets);
    my %secure = map { $_->{name} => 1 }
                 grep { Meshkit::Memory::secure($_) } @found;

    is(outside($worker, qr/plaintext|token of/), '',
       "$kind, in the middle: no key stands in ordinary memory");
    ok($secure{"segment key, 1st half of $name"},
       "$kind, in the middle: the segment key is in the secure heap");
    ok(!grep({ $_->{name} =~ /data key/ } @found),
       "$kind, in the middle: the data key is gone");

    my $plain = grep { $_->{name} eq 'the plaintext' } @found;
    cmp_ok($plain, '>', 0, "$kind, in the middle: plaintext is there");
    cmp_ok($plain, '<=', 2 * Meshkit::Secrets::SEGMENT / 32,
           "$kind, in the middle: of two segments at most");

    close $socket;
    nothing_left("$kind, the client went");
    $e->gateway->clear_faults;
}

{
    $e->gateway->fault('reset', $s->fourth('alice'));
    is($s->opens('alice', 'car'), '200 cut', 'the gateway went');
    nothing_left('the gateway went');
    $e->gateway->clear_faults;
}

{
    $s->stall('bob');

    my $h = Meshkit::Http2->connect($t->port('h2'));
    my $id = $h->send(path => $s->path('bob', 'car'));

    ok($h->receive(WAIT, sub {
           length($h->stream($id)->{data} // '')
           >= Meshkit::Secrets::RELEASED }),
       'HTTP/2: three segments are out');
    is(outside($worker, qr/plaintext|token of/), '',
       'HTTP/2, in the middle: no key stands in ordinary memory');
    $h->reset($id);
    nothing_left('HTTP/2, the stream was reset');
    $h->close;
    $e->gateway->clear_faults;
}

# The whole is kept as it came: sealed.
{
    $s->stall('bob');

    my $socket = $s->ask('bob', 'whole');
    my $spooled = '';
    ok(wait_for(WAIT, sub {
        my ($fd) = grep { (readlink // '') =~ m{/temp/client_body/} }
                   glob "/proc/$worker/fd/*";
        $spooled = Meshkit::Process::slurp($fd) if defined $fd;
        return length $spooled >= Meshkit::Secrets::RELEASED;
    }), 'whole: the temporary file has three segments');
    is(index($spooled, Meshkit::Secrets::marker()), -1, 'whole: and no plaintext');
    is(outside($worker, qr/token of/), '',
       'whole, in the middle: neither key nor plaintext stands anywhere');
    close $socket;
    nothing_left('whole, the client went');
    $e->gateway->clear_faults;
}


# --- other keys -------------------------------------------------------------

{
    my %old = map { $_ => $secrets{$_} }
              grep { /private key.* of alice|token of gw0/ } keys %secrets;

    $t->write('keys/alice.pem', $t->read('keys/carol.pem'), 0600);
    $t->write('keys/gw0.token', "another-token-of-gw0-fedcba98\n# the last "
              . "one\n" . $e->token('gw0') . "\n", 0600);
    ok($t->reload, 'other keys and another token: a reload');
    ok(wait_for(WAIT, sub { 1 == $t->worker_pids
                            && !-e "/proc/$worker/stat" }),
       'other keys: the old worker leaves');

    for my $row ([ 'the master', $t->{pid} ],
                 [ 'the new worker', $t->worker_pid ])
    {
        my ($name, $pid) = @$row;
        is(Meshkit::Memory::places(Meshkit::Memory::find($pid, %old)), '',
           "other keys: $name has nothing of the old ones");
    }

    $e->clear;
    is($s->opens('bob', 'car'), '200 ok', 'other keys: opens');
    is($e->gateway->last_request->header('Authorization'),
       'Bearer another-token-of-gw0-fedcba98',
       'of several lines the first token is sent');
}

$e->done;
done_testing();
