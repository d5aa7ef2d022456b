package Meshkit::Http;

# A client that never hangs: HTTP/1.x over a raw socket, and the system's
# curl where HTTP/2 is asked for.
#
#   use Meshkit::Http qw(http_get http_request curl);
#
#   my $r = http_get($port, '/a.txt', headers => [ Range => 'bytes=0-9' ]);
#   is($r->status, 206);
#   is($r->header('Content-Length'), 10);   # first; ->headers(name): all
#   is($r->body, 'abcdefghij');
#   ok($r->complete);                       # its framing was satisfied
#
# http_get($port, $path, ...) is http_request($port, path => ..., ...) with:
#
#   method, path, version ('1.1'), headers [name => value, ...], body
#   raw         these bytes are the request
#   partial     send only so many bytes of the request, then wait
#   partial_close  the same, then close; nothing is read
#   timeout     120 seconds for the whole exchange
#   keepalive   1: do not ask for "Connection: close", keep ->socket
#   socket      reuse this one, from an earlier reply's ->socket
#   rate        read so many bytes per second
#   pause       seconds to wait before the first byte is read
#   limit       close after so many bytes of the body
#   rcvbuf      SO_RCVBUF, small for a slow client
#   sink        code that gets the body in pieces; ->body stays empty
#
# The reply is a Meshkit::Http::Reply.
#
#   my $c = curl('--http2-prior-knowledge', "http://127.0.0.1:$port/a");
#   # exit, status, headers (text of the last header), header(name), body,
#   # err; exit 92 is a reset stream, 18 a short body

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS EINTR EWOULDBLOCK);
use Exporter 'import';
use File::Temp ();
use IO::Handle;
use IO::Select;
use List::Util qw(max min);
use Socket;
use Time::HiRes qw(sleep time);

use Meshkit::Http::Reply;
use Meshkit::Process qw(run_command);

our @EXPORT_OK = qw(http_get http_request curl);
our @EXPORT = qw(http_get http_request curl);

use constant PIECE => 65536;


sub http_get {
    my ($port, $path, %opt) = @_;

    return http_request($port, %opt, path => $path);
}


sub http_request {
    my ($port, %opt) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $r = Meshkit::Http::Reply->new($opt{method} // 'GET', $opt{sink});
    my $deadline = $r->{start} + ($opt{timeout} // 120);
    my $socket = $opt{socket} // _connect($port, \%opt, $deadline);

    return $r->end('connect') if !$socket;

    my $request = $opt{raw} // _request_text($port, \%opt);
    my $partial = $opt{partial} // $opt{partial_close};
    $request = substr $request, 0, $partial if defined $partial;

    _send($socket, $request, $deadline);
    return $r->end('partial') if defined $opt{partial_close};

    sleep $opt{pause} if $opt{pause};
    _receive($socket, $r, \%opt, $deadline);

    $r->{socket} = $socket if $opt{keepalive} && $r->{complete};

    return $r;
}


sub _connect {
    my ($port, $opt, $deadline) = @_;

    socket my $socket, PF_INET, SOCK_STREAM, Socket::IPPROTO_TCP
        or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack('i', $opt->{rcvbuf})
        if $opt->{rcvbuf};
    setsockopt $socket, Socket::IPPROTO_TCP, Socket::TCP_NODELAY,
        pack('i', 1);

    $socket->blocking(0);
    my $host = inet_aton($opt->{host} // '127.0.0.1');

    if (!connect $socket, pack_sockaddr_in($port, $host)) {
        return undef if $! != EINPROGRESS;
        IO::Select->new($socket)->can_write(max(0, $deadline - time()));
        return undef if unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR;
    }

    return getpeername($socket) ? $socket : undef;
}


sub _request_text {
    my ($port, $opt) = @_;

    my @headers = @{ $opt->{headers} // [] };
    my $version = $opt->{version} // '1.1';
    my $text = ($opt->{method} // 'GET') . ' ' . ($opt->{path} // '/')
               . " HTTP/$version\r\n";
    my %given;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $given{lc $name} = 1;
        $text .= "$name: $value\r\n" if defined $value;
    }

    $text .= "Host: localhost:$port\r\n" if !$given{host};

    if (!$given{connection} && $version eq '1.1' && !$opt->{keepalive}) {
        $text .= "Connection: close\r\n";
    }

    if (defined $opt->{body} && !$given{'content-length'}
        && !$given{'transfer-encoding'})
    {
        $text .= 'Content-Length: ' . length($opt->{body}) . "\r\n";
    }

    return "$text\r\n" . ($opt->{body} // '');
}


sub _again {
    return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
}


# A reply may come before all is sent, so an error here is no failure.
sub _send {
    my ($socket, $bytes, $deadline) = @_;

    my $select = IO::Select->new($socket);
    my $sent = 0;

    while ($sent < length $bytes) {
        my $left = $deadline - time();
        return if $left <= 0 || !$select->can_write($left);

        my $n = syswrite $socket, $bytes, PIECE, $sent;
        next if !defined $n && _again();
        return if !defined $n;
        $sent += $n;
    }
}


sub _receive {
    my ($socket, $r, $opt, $deadline) = @_;

    my $select = IO::Select->new($socket);
    my $start = time();
    my $received = 0;

    while (!$r->{finished}) {
        my $left = $deadline - time();
        return $r->end('timeout') if $left <= 0 || !$select->can_read($left);

        my $n = sysread $socket, my $bytes, _piece($opt);
        next if !defined $n && _again();
        return $r->end('reset') if !defined $n;
        return $r->end_of_file if $n == 0;

        $received += $n;
        $r->feed($bytes);

        if (defined $opt->{limit} && $r->{length} >= $opt->{limit}) {
            return $r->end('limit');
        }

        if ($opt->{rate}) {
            my $wait = $start + $received / $opt->{rate} - time();
            sleep min($wait, max(0, $deadline - time())) if $wait > 0;
        }
    }
}


sub _piece {
    my ($opt) = @_;

    my $piece = $opt->{rate} ? max(1, int($opt->{rate} / 20)) : PIECE;

    $piece = min($piece, max(1, $opt->{limit})) if defined $opt->{limit};
    return min($piece, PIECE);
}


sub curl {
    my (@args) = @_;

    my $head = File::Temp->new;
    my $body = File::Temp->new;

    my $r = run_command({ timeout => 150 }, 'curl', '-q', '-sS',
                        '--max-time', 120, '--noproxy', '*', '-D',
                        $head->filename, '-o', $body->filename, @args);

    my $text = Meshkit::Process::slurp($head->filename);
    my @blocks = grep { length } split /\r?\n\r?\n/, $text;
    my $reply = Meshkit::Http::Reply->new('GET');

    $reply->{raw_head} = $text;
    $reply->parse_head($blocks[-1]) if @blocks;
    $reply->{body} = Meshkit::Process::slurp($body->filename);
    $reply->{length} = length $reply->{body};
    $reply->{$_} = $r->{$_} for qw(exit err timed_out);
    $reply->{complete} = $r->{exit} == 0 && !$r->{timed_out};
    $reply->{elapsed} = time() - $reply->{start};

    return $reply;
}


1;
