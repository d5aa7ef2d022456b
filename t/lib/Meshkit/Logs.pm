package Meshkit::Logs;

# What a test's log directory may not hold.
#
#   my $logs = Meshkit::Logs->new("$dir/logs", \@allowed);
#
#   $logs->secret($key);             # in its plain form, in hex, in base64
#   $logs->secrets_found;            # "file: a secret of n bytes", ...
#   $logs->lines(qr/Sanitizer/);     # in any file
#   $logs->unexpected(qr/\[alert/);  # the same less the allowed patterns
#   $logs->tail;                     # what to show when a start fails
#
# test.log belongs to a refused configuration, so its lines do not count; a
# secret counts there too.

use strict;
use warnings;

use File::Find ();
use MIME::Base64 qw(encode_base64 encode_base64url);

use Meshkit::Process;

use constant SHORTEST_SECRET => 4;


sub new {
    my ($class, $dir, $allow) = @_;

    return bless { dir => $dir, allow => $allow, forms => {} }, $class;
}


# nginx writes \xHH for what is not printable, and quotes the same way.
sub secret {
    my ($self, @secrets) = @_;

    for my $bytes (@secrets) {
        die "too short for a secret" if length $bytes < SHORTEST_SECRET;

        my $escaped = $bytes
            =~ s/([^\x20-\x7e]|["\\])/sprintf '\\x%02X', ord $1/ger;
        my @forms = ($bytes, $escaped, unpack('H*', $bytes),
                     uc unpack('H*', $bytes), encode_base64url($bytes),
                     encode_base64($bytes, '') =~ s/=+$//r);

        $self->{forms}{$_} = length $bytes for @forms;
    }

    return $self;
}


sub files {
    my ($self) = @_;

    my @files;

    File::Find::find({ no_chdir => 1, wanted => sub {
        push @files, $_ if -f $_;
    } }, $self->{dir});

    return sort @files;
}


sub secrets_found {
    my ($self) = @_;

    my @found;

    for my $path ($self->files) {
        my $text = Meshkit::Process::slurp($path);
        my @hits = grep { index($text, $_) >= 0 } keys %{ $self->{forms} };
        push @found, map { "$path: a secret of $self->{forms}{$_} bytes" }
                     @hits;
    }

    return @found;
}


sub lines {
    my ($self, $pattern) = @_;

    my @found;

    for my $path ($self->files) {
        next if $path =~ m{/test\.log$};
        push @found, grep { /$pattern/ } split /\n/,
                     Meshkit::Process::slurp($path);
    }

    return @found;
}


sub unexpected {
    my ($self, $pattern) = @_;

    return grep {
        my $line = $_;
        !grep { $line =~ $_ } @{ $self->{allow} };
    } $self->lines($pattern);
}


sub tail {
    my ($self) = @_;

    my @lines = grep { !/\[debug\]/ } map { split /\n/ }
                map { Meshkit::Process::slurp("$self->{dir}/$_") }
                'stderr.log', 'error.log';

    return join "\n", @lines > 30 ? @lines[-30 .. -1] : @lines;
}


1;
