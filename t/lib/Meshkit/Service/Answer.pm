package Meshkit::Service::Answer;

# Writes one HTTP/1.1 reply to a socket, rightly or in a chosen wrong way.
#
#   my $outcome = Meshkit::Service::Answer::write($socket, $request, {
#       status => 200, type => 'application/json', body => '{}' });
#
# What a reply may hold; positions are in bytes of the body:
#
#   status, reason, type, headers [name => value, ...]
#   body            bytes, or code that returns the next piece, undef at the
#                   end (then size should be given); or file (a path)
#   repeat          the body so many times
#   framing         length, chunked or close; without it: length where the
#                   size is known, else what the client's version allows
#   content_length  this number instead of the true one; no effect on bytes
#   chunk_size      bytes of the body in a chunk, at most 64 KiB
#   keepalive       0: close after the reply
#   hints           so many "103 Early Hints" before the header; -1: no end
#   delay           seconds before the header
#   delay_body      seconds between header and body
#   drip            [n, s]: n bytes every s seconds
#   cut             a clean end at this position: the framing says so too
#   append          bytes after the (cut) body, inside the framing
#   extra           bytes after the reply, outside of its framing
#   truncate        the connection is closed at this position
#   reset           the same by RST; -1: instead of a header
#   stall           silence from this position, for stall_time seconds (60);
#                   -1: instead of a header
#   resume          1: after stall_time goes on as if nothing had happened
#   raw             these bytes instead of a reply, then closed
#
# The outcome is complete, client_gone, or the fault's own name.

use strict;
use warnings;

use IO::Select;
use List::Util qw(min);
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

use constant PIECE => 65536;
use constant STALL_TIME => 60;

my %REASONS = (
    200 => 'OK', 201 => 'Created', 206 => 'Partial Content',
    301 => 'Moved Permanently', 302 => 'Found', 304 => 'Not Modified',
    400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden',
    404 => 'Not Found', 409 => 'Conflict', 410 => 'Gone',
    429 => 'Too Many Requests', 500 => 'Internal Server Error',
    502 => 'Bad Gateway', 503 => 'Service Unavailable',
    504 => 'Gateway Timeout',
);


sub write {
    my ($socket, $request, $reply, $progress) = @_;

    my $self = bless {
        socket => $socket, request => $request, reply => { %$reply },
        progress => $progress // sub { }, at => 0,
    }, __PACKAGE__;

    my $outcome = eval { $self->_write };

    return $outcome if defined $outcome;
    return $1 if $@ =~ /^outcome (\w+)/;
    die $@;
}


sub _write {
    my ($self) = @_;

    my $reply = $self->{reply};

    sleep $reply->{delay} if $reply->{delay};

    if (defined $reply->{raw}) {
        $self->_put($reply->{raw});
        return 'raw';
    }

    $self->_fault_at(-1);
    $self->_hints if $reply->{hints};
    $self->_prepare;
    $self->_put($self->_head);
    sleep $reply->{delay_body} if $reply->{delay_body};
    $self->_body if !$self->_bodyless;
    $self->_put($reply->{extra}) if defined $reply->{extra};
    $self->{progress}->($self->{at}, 1);

    return 'complete';
}


# What is sent at once is whole hints, so that a reader is never idle.
sub _hints {
    my ($self) = @_;

    my $n = $self->{reply}{hints};
    my $hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=hint\r\n\r\n";

    return $self->_put($hint x $n) if $n > 0;

    $hint x= int(PIECE / length $hint);
    $self->_put($hint) while 1;
}


# HEAD has a header as GET would have, and nothing after it.
sub _bodyless {
    my ($self) = @_;

    return $self->{request}{method} eq 'HEAD'
           || ($self->{reply}{status} // 200) =~ /^(?:1|204|304)/;
}


sub _prepare {
    my ($self) = @_;

    my $reply = $self->{reply};
    my $size = $reply->{size};

    if (defined $reply->{file}) {
        $self->{source} = _from_file($reply->{file});
        $size = -s $reply->{file};

    } elsif (ref $reply->{body}) {
        $self->{source} = $reply->{body};

    } else {
        my $body = $reply->{body} // '';
        my $left = $reply->{repeat} // 1;
        $size = length($body) * $left;
        $self->{source} = sub { return $left-- > 0 ? $body : undef };
    }

    $self->{left} = $reply->{cut};
    $size = min($size, $reply->{cut})
        if defined $size && defined $reply->{cut};
    $size += length($reply->{append} // '') if defined $size;
    $self->{size} = $size;

    $reply->{framing} //= defined $size ? 'length'
                          : $self->{request}{version} eq '1.1' ? 'chunked'
                          : 'close';
}


sub _from_file {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";

    return sub {
        my $n = CORE::sysread($file, my $bytes, PIECE);
        return $n ? $bytes : undef;
    };
}


sub _head {
    my ($self) = @_;

    my $reply = $self->{reply};
    my $status = $reply->{status} // 200;
    my $reason = $reply->{reason} // $REASONS{$status} // 'Unknown';
    my @headers = @{ $reply->{headers} // [] };

    unshift @headers, 'Content-Type' => $reply->{type}
        if defined $reply->{type};

    my $length = $reply->{content_length}
                 // ($reply->{framing} eq 'length' ? $self->{size} : undef);
    push @headers, 'Content-Length' => $length
        if defined $length && $status !~ /^(?:1|204|304)/;
    push @headers, 'Transfer-Encoding' => 'chunked'
        if $reply->{framing} eq 'chunked';
    push @headers, Connection => keepalive($self->{request}, $reply)
                                 ? 'keep-alive' : 'close';

    my $head = "HTTP/1.1 $status $reason\r\n";

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }

    return "$head\r\n";
}


# Whether the connection can be used again after this reply went well.
sub keepalive {
    my ($request, $reply) = @_;

    return 0 if grep { defined $reply->{$_} } qw(raw truncate reset);
    return 0 if defined $reply->{stall} && !$reply->{resume};
    return 0 if ($reply->{framing} // '') eq 'close';
    return $reply->{keepalive} if defined $reply->{keepalive};

    my $wish = lc($request->header('Connection') // '');
    return $request->{version} eq '1.1' ? $wish ne 'close'
                                        : $wish eq 'keep-alive';
}


sub _body {
    my ($self) = @_;

    my $reply = $self->{reply};
    my ($drip, $every) = @{ $reply->{drip} // [] };
    my $piece = min($reply->{chunk_size} // PIECE, $drip // PIECE, PIECE);
    my $pending = '';

    while (1) {
        while (length $pending < $piece) {
            my $more = $self->_next // last;
            $pending .= $more;
        }

        $self->_fault_at($self->{at});
        last if $pending eq '';

        my $n = $self->_to_fault(min($piece, length $pending));
        $self->_frame(substr $pending, 0, $n, '');
        sleep $every if $every;
    }

    $self->_put("0\r\n\r\n") if $reply->{framing} eq 'chunked';
}


sub _next {
    my ($self) = @_;

    if (!$self->{ended}) {
        my $bytes = $self->{source}->();

        if (defined $bytes && defined $self->{left}) {
            $bytes = substr $bytes, 0, $self->{left};
            $self->{left} -= length $bytes;
            undef $bytes if $bytes eq '' && $self->{left} == 0;
        }

        return $bytes if defined $bytes;
        $self->{ended} = 1;
    }

    return delete $self->{reply}{append};
}


# No piece goes beyond the position of a fault.
sub _to_fault {
    my ($self, $n) = @_;

    my @left = grep { $_ > 0 } map { $_ - $self->{at} } grep { defined }
               @{ $self->{reply} }{qw(truncate reset stall)};

    return min($n, @left);
}


sub _fault_at {
    my ($self, $at) = @_;

    my $reply = $self->{reply};

    if (defined $reply->{stall} && $reply->{stall} == $at) {
        $self->_silence($reply->{stall_time} // STALL_TIME);
        $reply->{resume} or die "outcome stall\n";
        delete $reply->{stall};
    }

    if (defined $reply->{reset} && $reply->{reset} == $at) {
        sleep 0.05 if $at >= 0;
        setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
        die "outcome reset\n";
    }

    if (defined $reply->{truncate} && $reply->{truncate} == $at) {
        die "outcome truncate\n";
    }
}


# Holds the connection, and notices when the client leaves it.
sub _silence {
    my ($self, $seconds) = @_;

    my $select = IO::Select->new($self->{socket});
    my $end = time() + $seconds;

    $self->{progress}->($self->{at}, 1);

    while ((my $left = $end - time()) > 0) {
        next if !$select->can_read($left);
        my $n = CORE::sysread($self->{socket}, my $bytes, PIECE);
        die "outcome client_gone\n" if !$n;
    }
}


sub _frame {
    my ($self, $bytes) = @_;

    my $framed = $self->{reply}{framing} eq 'chunked'
                 ? sprintf("%x\r\n%s\r\n", length $bytes, $bytes) : $bytes;

    $self->{at} += length $bytes;
    $self->_put($framed);
    $self->{progress}->($self->{at}, 0);
}


sub _put {
    my ($self, $bytes) = @_;

    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = CORE::syswrite($self->{socket}, $bytes, PIECE, $sent);
        next if !defined $n && $!{EINTR};
        die "outcome client_gone\n" if !defined $n;
        $sent += $n;
    }
}


1;
