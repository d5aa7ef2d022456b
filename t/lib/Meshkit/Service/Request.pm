package Meshkit::Service::Request;

# A request as a backend read it, and as a test sees it in the record.
#
#   seq (1, 2, ... of this service), time, conn (which connection), nth (of
#   that connection: 1, 2, ...)
#   method, uri (as sent), path (decoded, without the query), args (the
#   query as sent), version, body
#   header(name)      the first, in any case; headers(name): all
#   header_names      in order, with duplicates
#   fields            [[name, value], ...]
#   arg(name)         decoded value of one query argument
#   json              the body, parsed
#
#   my $r = Meshkit::Service::Request->receive($socket, $timeout);

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use Time::HiRes ();

use constant MAX_HEAD => 1 << 20;


for my $name (qw(seq time conn nth method uri path args version body)) {
    no strict 'refs';
    *$name = sub { return $_[0]{$name} };
}


sub fields { return @{ $_[0]{fields} } }
sub json { return JSON::PP->new->utf8->decode($_[0]{body}) }


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


sub arg {
    my ($self, $name) = @_;

    for my $pair (split /&/, $self->{args} // '') {
        my ($key, $value) = split /=/, $pair, 2;
        return _unescape($value // '') if $key eq $name;
    }

    return undef;
}


sub _unescape {
    my ($text) = @_;

    return $text =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger;
}


# undef: the client left, or sent no request in time.
sub receive {
    my ($class, $socket, $timeout) = @_;

    my $self = bless { fields => [], body => '' }, $class;
    my $input = { socket => $socket, bytes => '',
                  end => Time::HiRes::time() + $timeout };

    while ((my $end = index $input->{bytes}, "\r\n\r\n") < 0) {
        return undef if length $input->{bytes} > MAX_HEAD;
        return undef if !_fill($input);
    }

    $input->{bytes} =~ s/^(.*?)\r\n\r\n//s;
    $self->_parse($1) or return undef;
    $self->_receive_body($input) or return undef;

    return $self;
}


sub _fill {
    my ($input) = @_;

    my $left = $input->{end} - Time::HiRes::time();

    return 0 if $left <= 0;
    return 0 if !IO::Select->new($input->{socket})->can_read($left);
    return sysread $input->{socket}, $input->{bytes}, 65536,
                   length $input->{bytes};
}


sub _parse {
    my ($self, $head) = @_;

    my ($line, @rest) = split /\r\n/, $head;

    @$self{qw(method uri version)}
        = ($line // '') =~ m{^(\S+) (\S+) HTTP/([\d.]+)$} or return 0;

    my ($path, $args) = split /\?/, $self->{uri}, 2;
    $self->{path} = _unescape($path);
    $self->{args} = $args;
    $self->{time} = Time::HiRes::time();

    for my $field (@rest) {
        my ($name, $value) = $field =~ /^([^:]+):\s*(.*?)\s*$/ or return 0;
        push @{ $self->{fields} }, [ $name, $value ];
    }

    return 1;
}


sub _receive_body {
    my ($self, $input) = @_;

    if (($self->header('Transfer-Encoding') // '') =~ /chunked/i) {
        return $self->_receive_chunks($input);
    }

    my $length = $self->header('Content-Length') // 0;

    while (length $input->{bytes} < $length) {
        return 0 if !_fill($input);
    }

    $self->{body} = substr $input->{bytes}, 0, $length, '';
    return 1;
}


sub _receive_chunks {
    my ($self, $input) = @_;

    while (1) {
        while ($input->{bytes} !~ s/^([0-9a-fA-F]+)[^\n]*\n//) {
            return 0 if !_fill($input);
        }

        my $n = hex $1;

        while (length $input->{bytes} < $n + 2) {
            return 0 if !_fill($input);
        }

        $self->{body} .= substr $input->{bytes}, 0, $n, '';
        substr $input->{bytes}, 0, 2, '';
        return 1 if $n == 0;
    }
}


1;
