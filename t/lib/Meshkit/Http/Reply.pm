package Meshkit::Http::Reply;

# An HTTP/1.x reply, parsed while it arrives.
#
#   status, reason, version, head
#   header(name)     the first of that name, in any case
#   headers(name)    all of them
#   header_names     in order
#   body, length     the body without its framing, and its bytes
#   complete         true only if Content-Length was satisfied, chunked coding
#                    ended properly, or there is no body by definition: a body
#                    that ends with the connection is never complete
#   raw              all bytes read
#   extra            bytes read after the end of the reply
#   elapsed, first_byte   seconds to its end and to the end of its header
#   error            '' or connect, timeout, reset, eof, limit, partial,
#                    garbage
#   socket           with keepalive => 1, of a complete reply
#   exit, err, timed_out  of curl
#
# http_request calls feed(bytes), end_of_file and end(error).

use strict;
use warnings;

use Time::HiRes qw(time);


sub new {
    my ($class, $method, $sink) = @_;

    return bless { method => $method, sink => $sink, start => time(),
                   pending => '', raw => '', body => '', length => 0,
                   complete => 0, error => '', fields => [],
                   state => 'head' }, $class;
}


for my $name (qw(status reason version head body length complete raw elapsed
                 first_byte error socket exit err timed_out))
{
    no strict 'refs';
    *$name = sub { return $_[0]{$name} };
}


sub extra { return $_[0]{finished} ? $_[0]{pending} : '' }


sub headers {
    my ($self, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{ $self->{fields} };
}


sub header {
    my ($self, $name) = @_;

    return ($self->headers($name))[0];
}


sub header_names {
    my ($self) = @_;

    return map { $_->[0] } @{ $self->{fields} };
}


sub end {
    my ($self, $error) = @_;

    $self->{error} = $error;
    $self->{finished} = 1;
    $self->{elapsed} = time() - $self->{start};
    return $self;
}


# Where the length is told by the connection, its end is no error.
sub end_of_file {
    my ($self) = @_;

    return $self->end($self->{state} eq 'until_close' ? '' : 'eof');
}


sub feed {
    my ($self, $bytes) = @_;

    $self->{raw} .= $bytes if !$self->{sink};
    $self->{pending} .= $bytes;

    while (!$self->{finished}) {
        my $step = "_in_$self->{state}";
        last if !$self->$step;
    }
}


sub _finish {
    my ($self) = @_;

    $self->{complete} = 1;
    $self->end('');
    return 0;
}


sub _in_head {
    my ($self) = @_;

    my $end = index $self->{pending}, "\r\n\r\n";
    return 0 if $end < 0;

    my $head = substr $self->{pending}, 0, $end + 4, '';

    if (!$self->parse_head($head)) {
        $self->end('garbage');
        return 0;
    }

    return 1 if $self->{status} =~ /^1/ && $self->{status} != 101;

    $self->{first_byte} = time() - $self->{start};
    return $self->_choose_framing;
}


sub parse_head {
    my ($self, $head) = @_;

    my ($line, @rest) = split /\r?\n/, $head;

    $self->{head} = $head;
    $self->{fields} = [];

    @$self{qw(version status reason)}
        = ($line // '') =~ m{^HTTP/([\d.]+) (\d{3})(?: (.*))?$} or return 0;

    for my $field (@rest) {
        my ($name, $value) = $field =~ /^([^:\s]+):\s*(.*?)\s*$/ or next;
        push @{ $self->{fields} }, [ $name, $value ];
    }

    return 1;
}


sub _choose_framing {
    my ($self) = @_;

    if ($self->{method} eq 'HEAD' || $self->{status} =~ /^(?:204|304)$/) {
        return $self->_finish;
    }

    my @lengths = $self->headers('Content-Length');

    if (grep { /chunked\s*$/i } $self->headers('Transfer-Encoding')) {
        $self->{state} = 'chunk_size';

    } elsif (@lengths) {
        $self->{left} = $lengths[0];
        $self->{state} = 'length';
        return $self->_finish if $self->{left} == 0;

    } else {
        $self->{state} = 'until_close';
    }

    return 1;
}


sub _take {
    my ($self, $n) = @_;

    my $bytes = substr $self->{pending}, 0, $n, '';

    $self->{length} += length $bytes;

    if ($self->{sink}) {
        $self->{sink}->($bytes);

    } else {
        $self->{body} .= $bytes;
    }

    return length $bytes;
}


sub _in_until_close {
    my ($self) = @_;

    $self->_take(length $self->{pending});
    return 0;
}


sub _in_length {
    my ($self) = @_;

    $self->{left} -= $self->_take($self->{left});
    return $self->{left} ? 0 : $self->_finish;
}


sub _in_chunk_size {
    my ($self) = @_;

    return 0 if $self->{pending} !~ /\n/;

    if ($self->{pending} !~ s/^([0-9a-fA-F]+)[^\n]*\n//) {
        $self->end('garbage');
        return 0;
    }

    $self->{left} = hex $1;
    $self->{state} = $self->{left} ? 'chunk' : 'trailer';
    return 1;
}


sub _in_chunk {
    my ($self) = @_;

    $self->{left} -= $self->_take($self->{left}) if $self->{left};
    return 0 if $self->{left} || length $self->{pending} < 2;

    substr $self->{pending}, 0, 2, '';
    $self->{state} = 'chunk_size';
    return 1;
}


sub _in_trailer {
    my ($self) = @_;

    return 0 if $self->{pending} !~ s/^([^\n]*)\n//;
    return $1 =~ /^\r?$/ ? $self->_finish : 1;
}


1;
