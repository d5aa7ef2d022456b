package Meshkit::Service;

# A backend on a loopback port that writes down every request and answers as
# the test says, also wrongly.
#
#   my $s = Meshkit::Service->run(handler => sub {
#       my ($request, $service) = @_;        # see Meshkit::Service::Request
#       return { body => 'hello ' . $request->path };  # ::Answer; undef: 404
#   });
#   $t->port('backend', $s->port);           # for %%PORT_backend%%
#
# The handler runs in another process: it sees what was there before run().
# What a test changes later goes through a file, and holds for the requests
# that come after:
#
#   $s->route(qr{^/a}, status => 200, body => 'A');   # before the handler
#   $s->clear_routes;
#   $s->mode('truncate', at => 10);          # applied to every reply
#   $s->mode('status', code => 503, match => qr{^/v1}, times => 2, skip => 1);
#   $s->mode('truncate', at => -1, kept => 1);  # from a connection's second
#   $s->add_mode(...)                        # a further one beside it
#   $s->mode('ok');
#   $s->set(key => value); ->get(key)        # for a handler's own use
#
# Names are the rows of Meshkit::Service::Mode. A subclass brings its own
# replies by handle(), its own names by knows_mode() and apply_modes(), its
# own choice of requests by mode_concerns().
#
#   $s->requests; ->requests(qr{uri})        # Meshkit::Service::Request
#   $s->count(qr{uri}); ->last_request; ->clear
#   $s->wait_for_requests($n, qr{uri}, $seconds)
#   $s->outcomes                             # complete, client_gone, ...
#   $s->sent                                 # bytes of bodies so far
#   $s->stop; ->start                        # a backend that is down
#
# There is a process per connection, at most MAX_CONNECTIONS.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

use Meshkit::Process qw(spawn end_process wait_for);
use Meshkit::Service::Answer;
use Meshkit::Service::Mode;
use Meshkit::Service::Request;

use constant MAX_CONNECTIONS => 128;
use constant IDLE_TIMEOUT => 30;
use constant SPILL => 4096;

my $json = JSON::PP->new->ascii->canonical->allow_nonref->allow_blessed;


sub new {
    my ($class, %opt) = @_;

    my $self = bless { %opt }, $class;

    $self->{temp} = File::Temp->newdir('meshkit-service-XXXXXXXX',
                                       TMPDIR => 1);
    $self->{dir} = $self->{temp}->dirname;
    mkdir "$self->{dir}/$_" for qw(tick body);
    $self->{state} = { modes => [], routes => [], values => {} };
    $self->{owner} = $$;
    $self->init;
    $self->clear;
    $self->_listen;

    return $self;
}


sub run { my $class = shift; return $class->new(@_)->start }
sub init { }
sub port { return $_[0]{port} }
sub dir { return $_[0]{dir} }


sub _listen {
    my ($self) = @_;

    $self->{listener} = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port} // 0,
        Proto => 'tcp', Listen => 511, ReuseAddr => 1)
        or die "listen: $!";
    $self->{port} = $self->{listener}->sockport;
}


# The listener is closed here, else the next backend would inherit it.
sub start {
    my ($self) = @_;

    $self->_listen if !$self->{listener};
    $self->{pid} = spawn(ref $self, sub { $self->_accept_loop }, group => 1);
    close delete $self->{listener};

    return $self;
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return $self;
    end_process($pid, TERM => 2);
    return $self;
}


sub DESTROY {
    my ($self) = @_;

    return if $$ != $self->{owner} || ${^GLOBAL_PHASE} eq 'DESTRUCT';
    local ($?, $!, $@);
    $self->stop;
}


# --- what a test says and asks --------------------------------------------

sub _save {
    my ($self) = @_;

    my $path = "$self->{dir}/state";

    open my $file, '>:raw', "$path.new" or die "$path: $!";
    print $file $json->encode($self->{state});
    close $file or die "$path: $!";
    rename "$path.new", $path or die "$path: $!";

    return $self;
}


sub mode {
    my ($self, $name, %args) = @_;

    $self->{state}{modes} = [];
    return $self->add_mode($name, %args);
}


sub add_mode {
    my ($self, $name, %args) = @_;

    die "no mode '$name'" if !$self->knows_mode($name);

    $args{match} = "$args{match}" if defined $args{match};
    my $mode = { name => $name, id => ++$self->{ids}, args => \%args };
    push @{ $self->{state}{modes} }, $mode;

    return $self->_save;
}


sub route {
    my ($self, $match, %reply) = @_;

    if (!ref $reply{body} && length($reply{body} // '') > SPILL) {
        $reply{file} = "$self->{dir}/body/" . ++$self->{ids};
        open my $file, '>:raw', $reply{file} or die "$reply{file}: $!";
        print $file delete $reply{body};
        close $file or die "$reply{file}: $!";
    }

    unshift @{ $self->{state}{routes} },
            { match => "$match", reply => \%reply };
    return $self->_save;
}


sub clear_routes {
    my ($self) = @_;

    $self->{state}{routes} = [];
    return $self->_save;
}


sub set {
    my ($self, %values) = @_;

    $self->{state}{values}{$_} = $values{$_} for keys %values;
    return $self->_save;
}


sub get { return $_[0]{state}{values}{$_[1]} }


# A new set of files: what is still being answered belongs to the old one.
sub clear {
    my ($self) = @_;

    $self->{state}{record} = ++$self->{ids};
    mkdir "$self->{dir}/record.$self->{ids}" or die "record: $!";
    return $self->_save;
}


sub _record_dir { return "$_[0]{dir}/record.$_[0]{state}{record}" }


sub _read_lines {
    my ($self, $name) = @_;

    my $text = Meshkit::Process::slurp($self->_record_dir . "/$name");
    return map { $json->decode($_) } $text =~ /^(.+)\n/mg;
}


sub requests {
    my ($self, $match) = @_;

    my @all = sort { $a->{seq} <=> $b->{seq} } $self->_read_lines('requests');

    @all = grep { $_->{uri} =~ $match } @all if defined $match;
    return map { bless $_, 'Meshkit::Service::Request' } @all;
}


sub count {
    my ($self, $match) = @_;

    return scalar(my @found = $self->requests($match));
}


sub last_request {
    my ($self, $match) = @_;

    return ($self->requests($match))[-1];
}


sub wait_for_requests {
    my ($self, $n, $match, $seconds) = @_;

    return wait_for($seconds // 20, sub { $self->count($match) >= $n });
}


sub outcomes {
    my ($self) = @_;

    return map { $_->{outcome} } sort { $a->{seq} <=> $b->{seq} }
           $self->_read_lines('outcomes');
}


sub sent {
    my ($self) = @_;

    my $sum = 0;
    $sum += Meshkit::Process::slurp($_) || 0
        for glob $self->_record_dir . '/sent.*';
    return $sum;
}


# --- the backend's own process ---------------------------------------------

sub _accept_loop {
    my ($self) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($self->{listener});
    my $parent = getppid;
    my $running = 0;

    while (1) {
        $running-- while waitpid(-1, WNOHANG) > 0;
        kill 'KILL', -$$ if getppid != $parent;

        my $ready = $running < MAX_CONNECTIONS && $select->can_read(0.5);

        if (!$ready) {
            sleep 0.01 if $running >= MAX_CONNECTIONS;
            next;
        }

        my $socket = $self->{listener}->accept or next;
        setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
        my $pid = fork // next;

        if ($pid == 0) {
            close $self->{listener};
            my $ok = eval { $self->_serve($socket); 1 };
            syswrite STDERR, ref($self) . ": $@" unless $ok;
            close $socket;
            POSIX::_exit(0);
        }

        $running++;
        close $socket;
    }
}


sub _serve {
    my ($self, $socket) = @_;

    for (my $nth = 1; ; $nth++) {
        my $request = Meshkit::Service::Request->receive($socket,
                                                         IDLE_TIMEOUT);
        last if !$request;

        $request->{nth} = $nth;
        $self->_record($request);
        my $reply = $self->_reply($request);
        my $outcome = Meshkit::Service::Answer::write($socket, $request,
            $reply, sub { $self->_progress($request, @_) });

        $self->_append($request, 'outcomes', { seq => $request->{seq},
                                               outcome => $outcome });
        last if $outcome ne 'complete';
        last if !Meshkit::Service::Answer::keepalive($request, $reply);
    }
}


sub _append {
    my ($self, $request, $name, $value) = @_;

    my $path = "$request->{record}/$name";

    open my $file, '>>:raw', $path or die "$path: $!";
    syswrite $file, $json->encode($value) . "\n";
}


# The next number of a counter that all connections share.
sub tick {
    my ($self, $path) = @_;

    open my $file, '>>:raw', $path or die "$path: $!";
    flock $file, LOCK_EX or die "$path: $!";
    syswrite $file, '.';
    return -s $file;
}


sub _record {
    my ($self, $request) = @_;

    $self->_load;
    $request->{record} = $self->_record_dir;
    $request->{conn} = $$;
    $request->{seq} = $self->tick("$request->{record}/seq");
    $self->_append($request, 'requests', { %$request });
}


sub _progress {
    my ($self, $request, $at, $now) = @_;

    return if !$now && $at - ($self->{shown} // 0) < 1 << 18;

    $self->{shown} = $now ? 0 : $at;
    open my $file, '>', "$request->{record}/sent.$request->{seq}" or return;
    syswrite $file, $at;
}


sub _load {
    my ($self) = @_;

    my $path = "$self->{dir}/state";
    my ($inode, $time) = (Time::HiRes::stat($path))[1, 9];
    my $stamp = "$inode $time";

    return if ($self->{stamp} // '') eq $stamp;

    $self->{state} = $json->decode(Meshkit::Process::slurp($path));
    $self->{stamp} = $stamp;
}


sub _reply {
    my ($self, $request) = @_;

    my ($route) = grep { $request->{uri} =~ $_->{match} }
                  @{ $self->{state}{routes} };
    my $reply = $route ? { %{ $route->{reply} } } : $self->handle($request);

    $reply //= { status => 404, type => 'text/plain', body => "not found\n" };

    return $self->apply_modes($request, $reply,
                              grep { $self->_mode_holds($_, $request) }
                              @{ $self->{state}{modes} });
}


sub _mode_holds {
    my ($self, $mode, $request) = @_;

    my ($times, $skip, $kept) = @{ $mode->{args} }{qw(times skip kept)};

    return 0 if $kept && $request->{nth} == 1;
    return 0 if !$self->mode_concerns($mode->{args}, $request);
    return 1 if !defined $times && !defined $skip;

    my $n = $self->tick("$self->{dir}/tick/$mode->{id}") - ($skip // 0);
    return $n > 0 && (!defined $times || $n <= $times);
}


sub handle {
    my ($self, $request) = @_;

    return $self->{handler} ? $self->{handler}->($request, $self) : undef;
}


sub knows_mode { return Meshkit::Service::Mode::known($_[1]) }


sub mode_concerns {
    my ($self, $args, $request) = @_;

    return !defined $args->{match} || $request->{uri} =~ $args->{match};
}


sub apply_modes {
    my ($self, $request, $reply, @modes) = @_;

    for my $mode (@modes) {
        $reply = Meshkit::Service::Mode::apply($mode->{name}, $reply,
                                               $mode->{args});
    }

    return $reply;
}


1;
