package Meshkit::Service::Mode;

# What can be wrong with any reply, by name: a table of functions that turn a
# right reply (see Meshkit::Service::Answer) into a wrong one.
#
#   Meshkit::Service::Mode::apply('truncate', $reply, { at => 10 });
#   Meshkit::Service::Mode::known('truncate');
#
#   ok                          nothing
#   status    code, body, headers, type    429, 500, 301 with Location, ...
#   headers   headers           further headers
#   x_accel   to                X-Accel-Redirect
#   x_accel_others              its relatives: one byte per second, a charset
#   type      type              another media type
#   body      body              another body
#   replace   from, to          the same body with one text replaced
#   pad       size, with        a valid JSON body that is too large
#   hints     n                 so many "103 Early Hints"; -1: without an end
#   delay     seconds           before the header
#   delay_body seconds          after it
#   stall     at (0), seconds, resume
#   drip      bytes, every
#   truncate  at, framing       the connection ends early, -1: before the
#                               header; by length unless framing says chunked
#                               or close
#   truncate_chunked at         the same without a last chunk
#   cut       at                a clean end
#   append    bytes             a longer body
#   extra     bytes             bytes after the reply
#   reset     at
#   wrong_length by             Content-Length says more or less
#   framing   framing           chunked, length or close
#   gzip      label_only        Content-Encoding, real or a label only
#   partial                     206 with a Content-Range
#   redirect  to, code
#   garbage   bytes             no HTTP at all
#   endless   bytes             a body that never ends
#
# A new way to be wrong is a new row.

use strict;
use warnings;

my %MODES = (
    ok => sub { },

    status => sub {
        my ($r, $a) = @_;
        $r->{status} = $a->{code};
        _body($r, $a->{body} // "status $a->{code}\n");
        $r->{type} = $a->{type} // 'text/plain';
        push @{ $r->{headers} }, @{ $a->{headers} // [] };
    },

    redirect => sub {
        my ($r, $a) = @_;
        $r->{status} = $a->{code} // 301;
        push @{ $r->{headers} }, Location => $a->{to};
        _body($r, '');
    },

    partial => sub {
        my ($r) = @_;
        my $size = length($r->{body} // '') || $r->{size} || 1;
        $r->{status} = 206;
        push @{ $r->{headers} },
            'Content-Range' => 'bytes 0-' . ($size - 1) . "/$size";
    },

    headers => sub {
        my ($r, $a) = @_;
        push @{ $r->{headers} }, @{ $a->{headers} };
    },

    x_accel => sub {
        my ($r, $a) = @_;
        push @{ $r->{headers} }, 'X-Accel-Redirect' => $a->{to};
    },

    x_accel_others => sub {
        my ($r) = @_;
        push @{ $r->{headers} }, 'X-Accel-Buffering' => 'yes',
            'X-Accel-Limit-Rate' => '1', 'X-Accel-Charset' => 'koi8-r',
            'X-Accel-Expires' => '600';
    },

    gzip => sub {
        my ($r, $a) = @_;
        push @{ $r->{headers} }, 'Content-Encoding' => 'gzip';
        return if $a->{label_only};
        require IO::Compress::Gzip;
        my $plain = _whole($r);
        IO::Compress::Gzip::gzip(\$plain => \my $packed);
        _body($r, $packed);
    },

    type => sub { $_[0]{type} = $_[1]{type} },
    body => sub { _body($_[0], $_[1]{body}) },
    garbage => sub { $_[0]{raw} = $_[1]{bytes} // "\x00\xffnot HTTP\r\n\r\n" },
    cut => sub { $_[0]{cut} = $_[1]{at} },
    append => sub { $_[0]{append} = $_[1]{bytes} },
    extra => sub { $_[0]{extra} = $_[1]{bytes} },
    reset => sub { $_[0]{reset} = $_[1]{at} // 0 },
    hints => sub { $_[0]{hints} = $_[1]{n} },
    delay => sub { $_[0]{delay} = $_[1]{seconds} },
    delay_body => sub { $_[0]{delay_body} = $_[1]{seconds} },
    drip => sub { $_[0]{drip} = [ $_[1]{bytes} // 1, $_[1]{every} // 0.1 ] },

    framing => sub {
        my ($r, $a) = @_;
        $r->{framing} = $a->{framing};
        _body($r, _whole($r)) if $a->{framing} eq 'length'
                                 && !defined $r->{size};
    },

    replace => sub {
        my ($r, $a) = @_;
        _body($r, _whole($r) =~ s/\Q$a->{from}\E/$a->{to}/r);
    },

    pad => sub {
        my ($r, $a) = @_;
        my $body = _whole($r);
        my $n = ($a->{size} // 1 << 20) - length $body;
        _body($r, $body . ($a->{with} // ' ') x $n);
    },

    stall => sub {
        my ($r, $a) = @_;
        $r->{stall} = $a->{at} // 0;
        $r->{stall_time} = $a->{seconds};
        $r->{resume} = $a->{resume};
    },

    truncate => sub {
        my ($r, $a) = @_;
        $r->{truncate} = $a->{at} // 0;
        $r->{framing} = $a->{framing} // 'length';
        _body($r, _whole($r)) if $r->{framing} eq 'length'
                                 && !defined $r->{size};
    },

    truncate_chunked => sub {
        my ($r, $a) = @_;
        $r->{truncate} = $a->{at} // 0;
        $r->{framing} = 'chunked';
    },

    wrong_length => sub {
        my ($r, $a) = @_;
        my $size = $r->{size} // length _whole($r);
        $r->{content_length} = $size + ($a->{by} // 1);
        $r->{framing} = 'length';
        $r->{keepalive} = 0;
    },

    endless => sub {
        my ($r, $a) = @_;
        my $bytes = $a->{bytes} // "\0" x 65536;
        delete @$r{qw(file size)};
        $r->{body} = sub { return $bytes };
        $r->{framing} //= 'close';
    },
);


sub known { return exists $MODES{$_[0]} }


sub apply {
    my ($name, $reply, $args) = @_;

    my $change = $MODES{$name} or die "no mode '$name'";

    $reply->{headers} = [ @{ $reply->{headers} // [] } ];
    $change->($reply, $args // {});
    return $reply;
}


sub _body {
    my ($reply, $bytes) = @_;

    delete @$reply{qw(file size repeat)};
    $reply->{body} = $bytes;
}


sub _whole {
    my ($reply) = @_;

    if (defined $reply->{file}) {
        _body($reply, Meshkit::Process::slurp($reply->{file}));

    } elsif (ref $reply->{body}) {
        my $all = '';
        while (defined(my $piece = $reply->{body}->())) {
            $all .= $piece;
        }
        _body($reply, $all);
    }

    return ($reply->{body} // '') x ($reply->{repeat} // 1);
}


1;
