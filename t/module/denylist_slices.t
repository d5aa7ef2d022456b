# The largest denylist is read in portions: the worker serves others meanwhile,
# and whoever opens something waits for the list, whatever happens to the file,
# to the client or to nginx until it is read.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Meshkit::Edge;
use Meshkit::Process qw(spawn end_process wait_process wait_for);

use constant LINES => 262_144;

# What is tried again when the machine was too slow, or too fast, to tell.
use constant ROUNDS => 10;

# A file that is younger than that is not at rest, by this test's own clock.
use constant YOUNG => 0.8;

my $e = Meshkit::Edge->new(
    nginx => { allow => [ qr/open socket/ ] },
    text => {
        http => "meshkit_denylist %%DIR%%/lists/all;\n"
                . "keepalive_requests 1000000;\n",
        server => <<'EOC',
location = /probe { return 204; }
location ~ ^/hasty/(?<cap>.*)$ {
    meshkit_deadline 5ms;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0;
}
location ~ ^/tenant/(?<cap>.*)$ {
    meshkit_denylist %%DIR%%/lists/tenant;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0;
}
EOC
    });

my $t = $e->nginx;
my $all = $e->dir . '/lists/all';
my $share = $e->share(size => 1000);
my $path = "/raw/$share->{id}";
my $entry = "capsule\t$share->{id}\tx\n";
my $denied = '410 share_revoked';
my $closed = '500 internal_error';
my $lists = 0;


# --- lists ------------------------------------------------------------------

# So many CIDs of version 0.  Those that go on with a character of P to e are
# all well-formed, whatever stands behind it.
sub cids {
    my ($n) = @_;

    my @digits = split //, '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopq'
                           . 'rstuvwxyz';
    my $tail = join '', @digits[map { $_ * 37 % 58 } 1 .. 39];

    return join '', map {
        my $k = $_ * 7919 % 11_316_496;
        "cid\tQmX$tail"
            . join('', map { $digits[int($k / 58 ** $_) % 58] } 0 .. 3) . "\n"
    } 1 .. $n;
}

my $cids = cids(LINES - 1);


# Written whole, with times that lie back, for a rename.
sub prepared {
    my ($text, $name) = @_;

    my $file = $t->write("lists/$name.new", $text, 0644);
    my $then = 1_000_000 + $lists++;
    utime $then, $then, $file or die "$file: $!";
    return $file;
}


sub list {
    my ($text, $name) = @_;

    $name //= 'all';
    rename prepared($text, $name), $e->dir . "/lists/$name" or die $!;
}


sub write_in_place {
    my ($text, $mode) = @_;

    open my $file, $mode // '>', $all or die "$all: $!";
    print $file $text;
    close $file or die "$all: $!";
}


# --- requests ---------------------------------------------------------------

# One that was sent, and whose response nobody has read yet.
sub sent {
    my ($of) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'))
                 or die "connect: $!";

    $socket->autoflush;
    print $socket 'GET ' . ($of // $path) . " HTTP/1.1\r\nHost: x\r\n"
                  . "Connection: close\r\n\r\n";
    return $socket;
}


sub response {
    my ($socket) = @_;

    my $bytes = '';

    while (IO::Select->new($socket)->can_read(60)) {
        sysread($socket, $bytes, 65536, length $bytes) or last;
    }

    my ($status) = $bytes =~ m{\AHTTP/1\.1 (\d+)};
    my ($code) = $bytes =~ /"code":"(\w+)"/;

    return ($status // 'none') . ' ' . ($code // '');
}


sub waits { return !IO::Select->new($_[0])->can_read(0) }
sub code_of { return response(sent(@_)) }
sub called { return $e->metadata->count + $e->gateway->count }


# What the code gives, once it could tell.
sub told {
    my ($code) = @_;

    for (1 .. ROUNDS) {
        my $result = $code->();
        return $result if defined $result;
    }

    return 'nothing could be told';
}


list('');
list('', 'tenant');
$e->start;
is(code_of(), '200 ', 'an empty list denies nothing');


# --- others are served ------------------------------------------------------

# Asks for nothing much, as often as it can, and notes when it was served.
sub probe {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'))
                 or die "connect: $!";
    my @times;

    $socket->autoflush;

    while (!-e $e->dir . '/enough') {
        print $socket "GET /probe HTTP/1.1\r\nHost: x\r\n\r\n";
        sysread($socket, my $bytes, 4096) or die "probe: $!";
        push @times, time;
        $t->write('served', join "\n", @times) if @times == 50;
        sleep 0.0005;
    }

    $t->write('served', join "\n", @times);
}


# How often others were served while an open waited for the list, and how
# large a part of that time they had to wait themselves at most.
sub served_meanwhile {
    my ($text) = @_;

    unlink map { $e->dir . "/$_" } qw(enough served);

    my $pid = spawn('probe', \&probe);
    wait_for(20, sub { -e $e->dir . '/served' }) or die 'no probe';

    my $file = prepared($text, 'all');
    rename $file, $all or die $!;
    my $start = time;
    my $code = code_of();
    my $end = time;

    $t->write('enough', '');
    defined wait_process($pid, 30) or die 'the probe hangs';

    my $largest = 0;
    my $last = $start;
    my @times = grep { $_ > $start && $_ < $end } split /\n/, $t->read('served');

    for (@times, $end) {
        $largest = $_ - $last if $_ - $last > $largest;
        $last = $_;
    }

    return ($code, scalar @times, $largest, $end - $start);
}

{
    my ($code, $n, $gap, $time, $wrong);

    for (1 .. ROUNDS) {
        ($code, $n, $gap, $time) = served_meanwhile($cids . $entry);
        $wrong = $code if $code ne $denied;
        list('');
        code_of();
        last if $n >= 20 && $gap < $time / 4;
    }

    is($wrong, undef, 'an entry in the last line of many is in force at once');
    cmp_ok($n, '>=', 20, 'others are served while the list is read');
    cmp_ok($gap, '<', $time / 4, sprintf 'and wait for %.1f ms of %.1f ms',
                                         $gap * 1000, $time * 1000);
}


# --- whoever opens waits ----------------------------------------------------

{
    $e->clear;
    list($cids . $entry);
    my @sockets = map { sent() } 1 .. 40;
    my %codes = map { response($_) => 1 } @sockets;

    is(join(', ', sort keys %codes), $denied, 'many opens wait together');
    is(called(), 0, 'and nobody was asked meanwhile');

    list($cids);
    is(code_of(), '200 ', 'an entry that is gone is gone at once');

    list($cids . $entry);
    is($e->curl($path, h2 => 1)->status, 410, 'HTTP/2 waits as well');
}

# An open that runs already meets the new list, too.
{
    list('');
    code_of();
    $e->metadata->mode('delay', seconds => 2);
    $e->clear;

    my $socket = sent();

    wait_for(20, sub { $e->metadata->count }) or die 'not asked';
    list($cids . $entry);
    is(response($socket), $denied, 'an open that runs waits behind the record');
    is($e->gateway->count, 0, 'and no gateway was asked');
    $e->metadata->mode('ok');
}

# Two lists are read at the same time.
{
    list('');
    code_of();
    code_of("/tenant/$share->{id}");
    list($cids . $entry);
    list($cids, 'tenant');

    my @sockets = (sent(), sent("/tenant/$share->{id}"));

    is(response($sockets[1]), '200 ', 'a large list does not deny');
    is(response($sockets[0]), $denied, 'and another one, read beside it, does');
    list('', 'tenant');
}


# --- the file changes meanwhile ---------------------------------------------

for my $row ([ 'replaced' => sub { rename $_[0], $all or die $! } ],
             [ 'appended to' => sub { write_in_place($entry, '>>') } ],
             [ 'written anew' => sub { write_in_place($entry) } ])
{
    my ($what, $change) = @$row;

    my $got = told(sub {
        list('');
        code_of();

        my $next = prepared($cids . $entry, 'next');

        list($cids);
        my $first = sent();
        sleep 0.01;
        my $waited = waits($first);
        $change->($next);
        my $second = sent();
        my $code = response($second);

        # the first may go by what was there when it began
        my $before = response($first);

        return "$before, $code" if $before !~ /^(?:200 |\Q$denied\E)$/;
        return $code if $code ne $denied;
        return $waited ? $code : undef;
    });

    is($got, $denied, "$what while it is read: the next open is denied");
}

# Half a list: what was denied stays so until the file is at rest.
{
    my $got = told(sub {
        my %codes;

        list($cids . $entry);
        code_of();

        my $start = time;

        for my $part (0, 1000, 5_000_000) {
            write_in_place(substr $cids, 0, $part);
            $codes{ code_of() }++;
        }

        return time - $start < YOUNG ? join ', ', sort keys %codes : undef;
    });

    is($got, $denied, 'half a list lets nothing through');
    ok(wait_for(20, sub { code_of() eq '200 ' }),
       'until it stays that way') or diag(code_of());
}

# While a large file is being emptied, the kernel says that it is empty, and
# still has its old times for some milliseconds.
{
    my $got = told(sub {
        my $slow = 0;

        list($cids . $entry);
        code_of();
        unlink $e->dir . '/enough';

        my $pid = spawn('opens', sub {
            my %codes;
            $codes{ code_of() }++ while !-e $e->dir . '/enough';
            $t->write('opened', join ', ', sort keys %codes);
        });

        for (1 .. 20) {
            sleep 0.05;
            my $next = prepared($cids . $entry, 'all');
            my $start = time;
            write_in_place('');
            sleep 0.05;
            rename $next, $all or die $!;
            $slow = 1 if time - $start > YOUNG;
            code_of();
        }

        $t->write('enough', '');
        defined wait_process($pid, 60) or die 'the opens hang';

        my $opened = $t->read('opened');

        return $slow && $opened ne $denied ? undef : $opened;
    });

    is($got, $denied, 'emptied, over and over, while others open');
}

{
    my $got = told(sub {
        list('');
        code_of();
        list($cids);

        my $first = sent();
        sleep 0.01;
        my $waited = waits($first);
        unlink $all;

        my $code = code_of();
        my $before = response($first);

        return "$before, $code"
            if $code ne $closed || $before !~ /^(?:200 |\Q$closed\E)$/;
        return $waited ? $code : undef;
    });

    is($got, $closed, 'removed while it is read: closed');
    list($entry);
    is(code_of(), $denied, 'and open to the next list');
}

# Somebody who writes on and on keeps nobody waiting for ever.
{
    list($entry . substr $cids, 0, 51 * 200_000);

    my $pid = spawn('writer', sub {
        for (1 .. 2000) {
            open my $file, '>>', $all or last;
            print $file "# line\n";
            close $file;
            sleep 0.005;
        }
    });
    my %codes = map { code_of() => 1 } 1 .. 5;

    end_process($pid, TERM => 5);
    is(join(', ', sort keys %codes), $denied, 'a file that changes on and on');
}


# --- the wait ends ----------------------------------------------------------

{
    my $from = length $t->error_log;
    my $got = told(sub {
        list('');
        code_of();
        $e->clear;
        list($cids);
        my $code = code_of("/hasty/$share->{id}");

        # within the deadline: it was not the list that was late
        return $code eq $closed ? $code : undef;
    });

    is($got, $closed, 'meshkit_deadline ends the wait');
    is(called(), 0, 'and nobody was asked');
    like(substr($t->error_log, $from),
         qr/refused: internal_error, the denylist is being read/,
         'as the log says');
}

{
    list('');
    code_of();

    my $held = $e->held;

    for (1 .. 3) {
        list($cids . $entry);
        my @sockets = map { sent() } 1 .. 30;
        sleep 0.02;
        close $_ for @sockets;
        is(code_of(), $denied, 'clients that leave are not waited for');
        list('');
        code_of();
    }

    ok(wait_for(20, sub { $e->held <= $held }), 'and leave nothing behind')
        or diag($e->held . " > $held");
}

{
    list('');
    code_of();
    list($cids . $entry);

    my @sockets = map { sent() } 1 .. 5;

    ok($t->reload, 'a reload while the list is read');
    is(join(', ', map { response($_) } @sockets), join(', ', ($denied) x 5),
       'whoever waited is told by the old worker');
    is(code_of(), $denied, 'and the new one has the list');
}


# --- memory -----------------------------------------------------------------

# The text, the old list and what it is sorted in are given back.
{
    my $change = sub {
        list($_[0] % 2 ? $cids . $entry : $cids . "# $_[0]\n");
        return code_of();
    };

    $change->($_) for 1 .. 5;

    my $worker = $t->worker_pid;
    my $rss = $t->worker_rss;

    $change->($_) for 6 .. 25;

    is($t->worker_pid, $worker, 'twenty lists: the same worker');
    cmp_ok($t->worker_rss - $rss, '<', Meshkit::Nginx::growth(4096),
           'and no more memory');

    list('');
    code_of();
    cmp_ok($t->worker_rss, '<', Meshkit::Nginx::growth(40_000),
           'an empty one needs none of it');
}

# A worker that ends in the middle of it has nothing left to free.
{
    list($cids . $entry);

    my $socket = sent();

    ok(defined $socket, 'and nginx is stopped while the list is read');
}

$e->done;
done_testing();
