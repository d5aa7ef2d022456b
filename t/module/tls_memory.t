# Tokens that go to a service by TLS: nginx collects what it sends in a buffer
# of the connection, and keeps that as long as the connection, or frees it as
# it is. No token is in it.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Memory;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);
use Meshkit::Secrets;

use constant { USER => 'www-data', WAIT => 20 };

plan skip_all => 'sanitizers keep what was freed' if $ENV{TEST_SANITIZED};
plan skip_all => 'only root reads the memory of a worker' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

my @services = qw(metadata policy gw0);
my @letters = ('a' .. 'z', 0 .. 9);
my %token = map { $_ => join '', map { $letters[rand @letters] } 1 .. 400 }
            @services;

# An allocator writes over the beginning of what was freed.
my %parts = map { my $name = $_;
                  map { ("$name at $_" => substr $token{$name}, $_, 40) }
                  40, 160, 300 } @services;


# The services' ports are now another nginx's, which takes TLS off.
sub listens {
    my ($back, $t) = @_;

    my $servers = '';

    for my $name (@services) {
        $back->port("real_$name", $t->port($name));
        $t->port($name, $back->port($name));
        $servers .= "server { listen 127.0.0.1:%%PORT_$name%% ssl;\n"
            . "location / { proxy_pass http://127.0.0.1:%%PORT_real_$name%%;"
            . " } }\n";
    }

    Meshkit::Secrets::certificate($back->dir);
    $back->config("%%GLOBALS%%\nevents { }\nhttp { %%HTTP%%\n"
                  . "ssl_certificate %%DIR%%/tls.pem;\n"
                  . "ssl_certificate_key %%DIR%%/tls.pem;\n"
                  . "proxy_http_version 1.1;\n$servers }\n")->start;
}


sub nothing_left {
    my ($e, $name) = @_;

    my $found;

    wait_for(WAIT, sub {
        $found = Meshkit::Memory::places(grep {
            !Meshkit::Memory::secure($_)
        } Meshkit::Memory::find($e->nginx->worker_pid, %parts));
        return $found eq '';
    });
    is($found, '', "$name: no token is left in the worker");
}


for my $kept (1, 0) {
    my $name = $kept ? 'kept connections' : 'one connection each';
    my $e = Meshkit::Edge->new(nginx => { user => USER }, policy => 'authzen',
        forms => [qw(raw car)], tokens => sub { $token{$_[0]} },
        text => { gateway => 'proxy_read_timeout 1s;' });
    my $back = Meshkit::Nginx->new(no_module => 1, log_level => 'info');

    listens($back, $e->nginx);

    $e->policy->allow;
    my $share = $e->share(size => 300_000, policy_id => 'p');
    my $text = $e->config_text;

    $text =~ s{(proxy_pass) http:}{$1 https:}g;
    $text =~ s{keepalive 16;}{}g if !$kept;
    $e->config($text)->start;

    $e->opens($share, $_, "$name, $_: opens") for qw(raw car raw);

    for my $service ($e->services) {
        like($service->last_request->header('Authorization'),
             qr/^Bearer [a-z0-9]{400}$/, "$name: with its token");
    }

    nothing_left($e, $name);

    $e->gateway->mode('stall', at => -1, seconds => 5);
    is($e->outcome($e->get("/raw/$share->{id}"), $share),
       '504 provider_request_failed', "$name: a gateway is silent");
    nothing_left($e, "$name, a gateway is silent");

    $e->done;
    $back->done;
}

done_testing();
