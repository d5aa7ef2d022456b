package Meshkit::Chromium;

# A headless Chromium that a test drives by its DevTools protocol, over two
# pipes: no port is opened, and it ends when the test does.
#
#   my $b = Meshkit::Chromium->start(program => 'chromium', dir => $dir,
#                                    args => [ '--lang=en' ]);
#   is($b->open("http://localhost:$port/page"), '');   # or the net error
#   is($b->eval('document.title'), 'A page');          # promises are awaited
#   $b->value('fetch("/a")')                           # or "TypeError: ..."
#   $b->text; ->html; ->console;
#   $b->wait_text(qr/done/, $seconds);                 # true, or ''
#   $b->command('Network.enable');                     # any other
#   $b->wait_event('Browser.downloadProgress', sub { ... }, $seconds)
#   $b->stop;
#
# It knows this machine only: every other name is not found.  dir gets its
# profile, an empty one, and what it says (chromium.log).

use strict;
use warnings;

use Fcntl qw(F_DUPFD);
use IO::Handle;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use Meshkit::Process qw(spawn end_process);

use constant { START => 60, COMMAND => 60, PIECE => 1 << 16 };

# As root it has no sandbox; it only loads what the test serves.
my @FLAGS = qw(--headless --no-sandbox --disable-gpu --disable-quic
    --disable-dev-shm-usage --no-first-run --no-default-browser-check
    --disable-background-networking --disable-component-update
    --disable-sync --disable-extensions --metrics-recording-only
    --no-proxy-server --mute-audio --remote-debugging-pipe);
my $RESOLVER = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1,'
               . ' EXCLUDE localhost';

my $json = JSON::PP->new->utf8->allow_nonref;


sub start {
    my ($class, %opt) = @_;

    my $self = bless { id => 0, events => [], buffer => '', %opt }, $class;
    my $profile = "$self->{dir}/chromium-profile";
    my @command = ($self->{program}, @FLAGS, $RESOLVER,
                   "--user-data-dir=$profile", @{ $self->{args} // [] },
                   'about:blank');

    pipe my $in, $self->{to} or die "pipe: $!";
    pipe $self->{from}, my $out or die "pipe: $!";

    $self->{pid} = spawn('chromium', sub {
        open STDIN, '<', '/dev/null' or die "stdin: $!";
        open STDOUT, '>>', "$self->{dir}/chromium.log" or die "stdout: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        _ends_at(3, $in, 4, $out);
        $ENV{HOME} = $self->{dir};
        exec { $command[0] } @command or die "exec $command[0]: $!\n";
    }, guard => 1, group => 1);

    close $in;
    close $out;
    $self->{to}->autoflush(1);
    $self->_attach;

    return $self;
}


# DevTools reads from 3 and writes to 4.
sub _ends_at {
    my ($three, $in, $four, $out) = @_;
    my $high_in = fcntl $in, F_DUPFD, 10 or die "dup: $!";
    my $high_out = fcntl $out, F_DUPFD, 10 or die "dup: $!";

    POSIX::dup2($high_in, $three) // die "dup2: $!";
    POSIX::dup2($high_out, $four) // die "dup2: $!";
    POSIX::close($high_in);
    POSIX::close($high_out);
}


sub _attach {
    my ($self) = @_;

    my $target = $self->command('Target.createTarget',
                                { url => 'about:blank' });
    my $session = $self->command('Target.attachToTarget', {
        targetId => $target->{targetId}, flatten => JSON::PP::true });

    $self->{session} = $session->{sessionId};
    $self->command("$_.enable") for qw(Page Runtime);
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return $self;

    close $self->{to};
    end_process($pid, TERM => 10);
    return $self;
}


sub DESTROY {
    my ($self) = @_;

    return if ${^GLOBAL_PHASE} eq 'DESTRUCT';
    local ($?, $!, $@);
    $self->stop;
}


# --- the protocol -----------------------------------------------------------

sub command {
    my ($self, $method, $params, $seconds) = @_;

    my $id = ++$self->{id};
    my %message = (id => $id, method => $method, params => $params // {});

    $message{sessionId} = $self->{session}
        if defined $self->{session} && $method !~ /^(?:Target|Browser)\./;

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{to} } $json->encode(\%message), "\0";

    my $answer = $self->_wait($seconds // COMMAND, sub {
        my ($message) = @_;
        return ($message->{id} // 0) == $id ? $message : undef;
    }) or die "chromium does not answer to $method\n";

    die "chromium: $method: $answer->{error}{message}\n" if $answer->{error};
    return $answer->{result};
}


# The first event of that name, of those that no one has waited for yet, that
# the condition holds for; or undef.
sub wait_event {
    my ($self, $name, $condition, $seconds) = @_;

    my $fits = sub {
        my ($message) = @_;
        return undef if ($message->{method} // '') ne $name;
        return $condition && !$condition->($message->{params})
               ? undef : $message;
    };

    for my $n (0 .. $#{ $self->{events} }) {
        my $event = $fits->($self->{events}[$n]) // next;
        splice @{ $self->{events} }, $n, 1;
        return $event->{params};
    }

    my $event = $self->_wait($seconds // COMMAND, $fits) // return undef;
    return $event->{params};
}


sub forget_events { $_[0]{events} = []; return $_[0] }


# What is not waited for is kept: an event may come before its answer.
sub _wait {
    my ($self, $seconds, $wanted) = @_;

    my $end = time() + $seconds;

    while (1) {
        while ($self->{buffer} =~ s/^([^\0]*)\0//) {
            my $message = $json->decode($1);
            my $found = $wanted->($message);
            return $found if defined $found;
            push @{ $self->{events} }, $message if $message->{method};
        }

        return undef if !$self->_read($end - time());
    }
}


sub _read {
    my ($self, $left) = @_;

    return 0 if $left <= 0
                || !IO::Select->new($self->{from})->can_read($left);
    return sysread $self->{from}, $self->{buffer}, PIECE,
                   length $self->{buffer};
}


# --- pages ------------------------------------------------------------------

# '' when the page is loaded, else what kept it from that.
sub open {
    my ($self, $url, $seconds) = @_;

    $self->forget_events;

    my $r = $self->command('Page.navigate', { url => $url }, $seconds);

    return $r->{errorText} if length($r->{errorText} // '');
    return $self->wait_event('Page.loadEventFired', undef, $seconds)
           ? '' : 'not loaded in time';
}


# An exception of the page ends the test; value() gives it as a text.
sub eval {
    my ($self, $expression, $seconds) = @_;

    my $r = $self->_evaluate($expression, $seconds);

    die "chromium: " . _exception($r) . "\n" if $r->{exceptionDetails};
    return $r->{result}{value};
}


sub value {
    my ($self, $expression, $seconds) = @_;

    my $r = $self->_evaluate($expression, $seconds);

    return $r->{exceptionDetails} ? _exception($r) : $r->{result}{value};
}


sub _evaluate {
    my ($self, $expression, $seconds) = @_;

    return $self->command('Runtime.evaluate', {
        expression => $expression, awaitPromise => JSON::PP::true,
        returnByValue => JSON::PP::true, userGesture => JSON::PP::true,
    }, $seconds);
}


sub _exception {
    my ($r) = @_;

    my $details = $r->{exceptionDetails};
    my $text = $details->{exception}{description}
               // $details->{exception}{value} // $details->{text};

    return $text =~ s/\n.*//sr;
}


sub text { return $_[0]->eval('document.body.innerText') }
sub html { return $_[0]->eval('document.documentElement.outerHTML') }


# Texts that pages gave to console.* since the last navigation.
sub console {
    my ($self) = @_;

    $self->eval('0');
    return map { join ' ', map { $_->{value} // $_->{description} // '' }
                           @{ $_->{params}{args} } }
           grep { $_->{method} eq 'Runtime.consoleAPICalled' }
           @{ $self->{events} };
}


sub wait_text {
    my ($self, $pattern, $seconds) = @_;

    my $end = time() + ($seconds // COMMAND);

    while (time() < $end) {
        my $text = $self->text;
        return $text if $text =~ $pattern;
        Time::HiRes::sleep(0.02);
    }

    return '';
}


1;
