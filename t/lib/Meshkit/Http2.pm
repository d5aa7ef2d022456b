package Meshkit::Http2;

# Frames of HTTP/2 (RFC 9113) by hand, for what curl cannot do: several
# streams at a time, and a stream that the client itself resets.
#
#   my $h = Meshkit::Http2->connect($port, window => 1 << 30);
#   my $id = $h->send(path => '/a');        # method, headers => [...]
#   $h->receive(seconds, sub { $h->stream($id)->{ended} });
#   my $s = $h->stream($id);  # { head, data, ended, reset => error code }
#   $h->reset($id);           # RST_STREAM, CANCEL
#   $h->ping; $h->window($id, $n); $h->close
#   $h->goaway                # error code of the server's GOAWAY, or undef
#   $h->received              # bytes, those of a frame that is not whole too
#
# Header blocks are not decoded: head is 1 when one came.  window is the
# initial one of each stream; the connection's is as large as can be.  frame
# is the largest frame that is taken.  With rcvbuf, the socket's SO_RCVBUF,
# what is not read waits at the server.  With tls => 1 it all goes through
# openssl's s_client.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

use Meshkit::Process qw(spawn end_process);

use constant { DATA => 0, HEADERS => 1, RST => 3, SETTINGS => 4, PING => 6,
               GOAWAY => 7, WINDOW => 8 };
use constant CANCEL => 8;


sub connect {
    my ($class, $port, %opt) = @_;

    my $self = bless { next => 1, streams => {}, pending => '' }, $class;
    my $socket = $self->{socket} = $opt{tls} ? $self->_tls($port)
                                             : _tcp($port, $opt{rcvbuf});

    syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    $self->_frame(SETTINGS, 0, 0, pack 'nNnN', 4, $opt{window} // 1 << 30,
                                           5, $opt{frame} // 1 << 14);
    $self->_frame(WINDOW, 0, 0, pack 'N', (1 << 30));

    return $self;
}


# A buffer's size counts only if it is set before the connection is made.
sub _tcp {
    my ($port, $rcvbuf) = @_;

    my @options = $rcvbuf ? [ SOL_SOCKET, SO_RCVBUF, $rcvbuf ] : ();

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                                 Timeout => 5, Sockopts => \@options)
           || die "connect: $!";
}


sub _tls {
    my ($self, $port) = @_;

    socketpair my $ours, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!";

    $self->{tls} = spawn('s_client', sub {
        open STDIN, '<&', $its or die "stdin: $!";
        open STDOUT, '>&', $its or die "stdout: $!";
        open STDERR, '>', '/dev/null' or die "stderr: $!";
        close $_ for $ours, $its;
        exec qw(openssl s_client -quiet -nocommands -alpn h2 -connect),
             "127.0.0.1:$port" or die "openssl: $!\n";
    });

    return $ours;
}


sub stream { return $_[0]{streams}{$_[1]} }
sub goaway { return $_[0]{goaway} }
sub received { return $_[0]{received} // 0 }


sub close {
    my ($self) = @_;

    close $self->{socket};
    end_process($self->{tls}, TERM => 5) if $self->{tls};
}


sub _frame {
    my ($self, $type, $flags, $id, $payload) = @_;

    local $SIG{PIPE} = 'IGNORE';

    syswrite $self->{socket}, substr(pack('N', length $payload), 1)
             . pack('CCN', $type, $flags, $id) . $payload;
}


# A literal field that is not indexed, without Huffman coding.
sub _field {
    my ($name, $value) = @_;

    die "too long for one byte" if length $name > 126 || length $value > 126;
    return "\0" . pack('C/a C/a', $name, $value);
}


sub send {
    my ($self, %opt) = @_;

    my $id = $self->{next};
    my @headers = @{ $opt{headers} // [] };
    my $block = _field(':method', $opt{method} // 'GET')
                . _field(':scheme', 'http') . _field(':path', $opt{path})
                . _field(':authority', 'localhost');

    $block .= _field(splice @headers, 0, 2) while @headers;

    $self->{next} += 2;
    $self->{streams}{$id} = { data => '' };
    $self->_frame(HEADERS, 0x05, $id, $block);

    return $id;
}


sub reset {
    my ($self, $id) = @_;

    $self->_frame(RST, 0, $id, pack 'N', CANCEL);
}


sub ping { $_[0]->_frame(PING, 0, 0, 'meshkit!') }
sub window { $_[0]->_frame(WINDOW, 0, $_[1], pack 'N', $_[2]) }


# True when the condition held in time.
sub receive {
    my ($self, $seconds, $condition) = @_;

    my $end = time() + $seconds;

    while (!$condition->()) {
        my $left = $end - time();

        return 0 if $left <= 0;
        next if !IO::Select->new($self->{socket})->can_read($left);

        my $n = sysread $self->{socket}, $self->{pending}, 65536,
                        length $self->{pending};
        $self->{received} += $n // 0;
        $self->_take while $self->_whole;
        if (!$n) {
            $self->{eof} = 1;
            return $condition->() ? 1 : 0;
        }
    }

    return 1;
}


sub _whole {
    my ($self) = @_;

    return 0 if length $self->{pending} < 9;
    $self->{size} = unpack 'N', "\0" . substr $self->{pending}, 0, 3;
    return length $self->{pending} >= 9 + $self->{size};
}


sub _take {
    my ($self) = @_;

    my ($type, $flags, $id) = unpack 'x3 CCN', $self->{pending};
    my $payload = substr $self->{pending}, 9, $self->{size};
    my $stream = $self->{streams}{$id};

    substr $self->{pending}, 0, 9 + $self->{size}, '';

    if ($type == SETTINGS && !($flags & 1)) {
        $self->_frame(SETTINGS, 1, 0, '');

    } elsif ($type == PING) {
        $self->{pong} = 1 if $flags & 1;

    } elsif ($type == GOAWAY) {
        $self->{goaway} = unpack 'x4 N', $payload;

    } elsif ($type == RST && $stream) {
        $stream->{reset} = unpack 'N', $payload;

    } elsif ($type == HEADERS && $stream) {
        $stream->{head} = 1;
        $stream->{ended} = 1 if $flags & 1;

    } elsif ($type == DATA && $stream) {
        $stream->{data} .= $payload;
        $stream->{ended} = 1 if $flags & 1;
    }
}


1;
