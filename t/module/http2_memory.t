# Tokens that go to a service by HTTP/2, which nginx has from 1.29.4 on: it
# packs them, and neither form is left in the worker, however long it is.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Memory;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);

use constant { USER => 'www-data', WAIT => 20 };

plan skip_all => 'sanitizers keep what was freed' if $ENV{TEST_SANITIZED};
plan skip_all => 'only root reads the memory of a worker' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

# Characters that HPACK packs into five bits each (RFC 7541, B), in the order
# of their codes; "Bearer " before them is five bytes.
my @five = split //, '012aceiost';

my %token = map { $_ => join '', map { $five[rand @five] } 1 .. 1600 }
            qw(metadata policy gw0);


sub packed {
    my ($text) = @_;

    my %code = map { $five[$_] => sprintf '%05b', $_ } 0 .. $#five;

    return pack 'B*', join '', map { $code{$_} } split //, $text;
}


# Parts of each token, at bytes' edges in either form: an allocator writes
# over the beginning of what was freed.
sub parts {
    my %parts;

    for my $name (keys %token) {
        for my $at (160, 800, 1480) {
            my $part = substr $token{$name}, $at, 40;

            $parts{"$name at $at"} = $part;
            $parts{"$name at $at, packed"} = packed($part);
        }
    }

    return %parts;
}


for my $version (qw(1.1 2)) {
    my $e = Meshkit::Edge->new(nginx => { user => USER }, forms => ['raw'],
        tokens => sub { $token{$_[0]} }, text => {
            http => 'large_client_header_buffers 4 16k;',
            map { $_ => "proxy_http_version $version;" }
            qw(metadata gateway) });
    my $t = $e->nginx;
    my $back = Meshkit::Nginx->new(no_module => 1, log_level => 'info');

    next if $e->refuses_http($version);

    listens($back, $t, $version);

    my $share = $e->share(size => 70_000);

    $e->start;
    $e->opens($share, 'raw', "HTTP/$version: opens") for 1 .. 3;

    for my $service ($e->metadata, $e->gateway(0)) {
        my ($sent) = $service->last_request->headers('Authorization');
        like($sent, qr/^Bearer [012aceiost]{1600}$/,
             "HTTP/$version: with the token");
    }

    my %parts = parts();
    my $found;

    wait_for(WAIT, sub {
        $found = Meshkit::Memory::places(grep {
            !Meshkit::Memory::secure($_)
        } Meshkit::Memory::find($t->worker_pid, %parts));
        return $found eq '';
    });
    is($found, '', "HTTP/$version: nothing of it is left in the worker");

    $e->done;
    $back->done;
}


# The services' ports are now another nginx's, which passes all on.
sub listens {
    my ($back, $t, $version) = @_;

    my $http2 = $version eq '2' ? 'http2 on;' : '';
    my $servers = '';

    for my $name (qw(metadata gw0)) {
        $back->port("real_$name", $t->port($name));
        $t->port($name, $back->port($name));
        $servers .= "server { listen 127.0.0.1:%%PORT_$name%%; $http2\n"
            . "location / { proxy_pass http://127.0.0.1:%%PORT_real_$name%%;"
            . ' } }';
    }

    $back->config("%%GLOBALS%%\nevents { }\nhttp { %%HTTP%%\n"
                  . "large_client_header_buffers 4 16k;\n"
                  . "proxy_http_version 1.1;\n$servers }\n")->start;
}

done_testing();
