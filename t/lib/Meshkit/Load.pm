package Meshkit::Load;

# Many HTTP/1.1 clients at once, in one process: each asks for one path, by
# one connection, and reads to the end or leaves before it.
#
#   my $seen = Meshkit::Load::at_once($port, 200, sub {
#       my ($n) = @_;
#       return { path => "/car/$share->{id}", wanted => $share->{plain},
#                headers => "Range: bytes=0-9\r\n",     # or none
#                leave => 1000 };    # after so many bytes; 0: at once
#   });
#   # { whole => 134, left => 66 }; "wrong", "cut" and a status such as 503
#   # have their own counts, and "late" what is not over in time

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

use constant { SECONDS => 60, PIECE => 65536 };


sub at_once {
    my ($port, $count, $plan) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $select = IO::Select->new;
    my $end = time() + SECONDS;
    my (%of, %seen);

    for my $n (0 .. $count - 1) {
        my $client = { %{ $plan->($n) }, text => '' };
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                           PeerPort => $port, Timeout => 10)
            or die "connect: $!";

        syswrite $socket, "GET $client->{path} HTTP/1.1\r\nHost: localhost\r\n"
                 . ($client->{headers} // '') . "Connection: close\r\n\r\n";

        if (defined $client->{leave} && $client->{leave} == 0) {
            $seen{left}++;
            close $socket;
            next;
        }

        $socket->blocking(0);
        $of{fileno $socket} = $client;
        $select->add($socket);
    }

    while ($select->count && time() < $end) {
        for my $socket ($select->can_read(1)) {
            my $outcome = _read($socket, $of{fileno $socket}) // next;

            $seen{$outcome}++;
            $select->remove($socket);
            close $socket;
        }
    }

    $seen{late} = $select->count if $select->count;
    return \%seen;
}


# What came of it, or undef while it goes on.
sub _read {
    my ($socket, $client) = @_;

    my $n = sysread $socket, $client->{text}, PIECE, length $client->{text};

    return undef if !defined $n
                    && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
    return _outcome($client) if !$n;
    return 'left' if defined $client->{leave}
                     && length $client->{text} > $client->{leave};
    return undef;
}


sub _outcome {
    my ($client) = @_;

    my ($head, $body) = split /\r\n\r\n/, $client->{text}, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};

    return 'cut' if !defined $status;
    return $status if $status !~ /^20[06]$/;
    return 'whole' if $body eq $client->{wanted};
    return length $body < length $client->{wanted} ? 'cut' : 'wrong';
}


1;
