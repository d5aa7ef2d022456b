# Tokens that go to a service by TLS: nginx collects what it sends in a buffer
# of the connection, and keeps that as long as the connection, or frees it as
# it is. No token is in it.

use strict;
use warnings;

use Test::More;

use IO::Socket::INET;

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
        $servers .= "server { listen 127.0.0.1:%%PORT_$name%% ssl http2;\n"
            . "location / { proxy_pass http://127.0.0.1:%%PORT_real_$name%%;"
            . " } }\n";
    }

    Meshkit::Secrets::certificate($back->dir);
    $back->config("%%GLOBALS%%\nevents { }\nhttp { %%HTTP%%\n"
                  . "ssl_certificate %%DIR%%/tls.pem;\n"
                  . "ssl_certificate_key %%DIR%%/tls.pem;\n"
                  . "proxy_http_version 1.1;\n$servers }\n")->start;
}


sub begin {
    my ($e, $path) = @_;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $client join "\r\n", "GET $path HTTP/1.1", 'Host: a',
                               'Connection: close', '', '';
    $client->flush;
    return $client;
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


# How a location passes on what its prefix is followed by, to an address that
# nginx learns as the request comes, or by another protocol.
sub passes {
    my ($text, $how) = @_;

    my %rewrite = (metadata => '^/_meshkit/metadata(/.*)$ $1',
                   policy => '^ /evaluate', gw0 => '^/_gw/0(/.*)$ $1');

    for my $name (@services) {
        $text =~ s{internal;\s+\Kproxy_pass http://$name/\w*;}
                  {$how->($name) . " rewrite $rewrite{$name} break;"}e
            or die "no $name";
    }

    return $text;
}

sub by_variable { my ($name) = @_;
                  return "set \$to 127.0.0.1:%%PORT_$name%%; "
                         . 'proxy_pass https://$to;' }
sub by_grpc { my ($name) = @_; return "grpc_pass grpcs://$name;" }

my $cache = 'proxy_cache blocks; proxy_cache_valid 200 1s; '
            . 'proxy_cache_lock on; proxy_cache_lock_timeout 50ms; '
            . 'proxy_buffering on;';
my @ways = (
    [ 'kept connections' => sub { $_[0] =~ s{(proxy_pass) http:}{$1 https:}gr } ],
    [ 'connections that others kept' =>
      sub { $_[0] =~ s{(proxy_pass) http:}{$1 https:}gr } ],
    [ 'one connection each' => sub { $_[0] =~ s{(proxy_pass) http:}{$1 https:}gr
                                           =~ s{keepalive 16;}{}gr } ],
    [ 'addresses in variables' => sub { passes($_[0], \&by_variable) } ],
    [ 'addresses in variables, and the cache\'s lock' => sub {
          passes($_[0], \&by_variable)
              =~ s{(\^~ /_gw/0/ \{)}{$1 $cache}r } ],
    [ 'gRPC' => sub { passes($_[0], \&by_grpc) } ],
);

for my $way (@ways) {
    my ($name, $changed) = @$way;
    my $e = Meshkit::Edge->new(nginx => { user => USER }, policy => 'authzen',
        forms => [qw(raw car)], tokens => sub { $token{$_[0]} },
        text => { server => join('', map {
                      "location /warm/$_/ { proxy_pass http://$_/; }\n"
                  } @services),
                  gateway => 'proxy_read_timeout 1s; grpc_read_timeout 1s;',
                  http => 'proxy_cache_path %%DIR%%/temp/cache '
                          . 'keys_zone=blocks:1m;' });
    my $back = Meshkit::Nginx->new(no_module => 1, log_level => 'info');

    listens($back, $e->nginx);

    $e->policy->allow;
    my $share = $e->share(size => 300_000, policy_id => 'p');

    $e->config($changed->($e->config_text))->start;

    for my $form (qw(raw car raw)) {
        if ($name =~ /others/) {
            ok(defined $e->get("/warm/$_/x")->status, "$name: by $_")
                for @services;
        }

        $e->opens($share, $form, "$name, $form: opens");
    }

    for my $service ($e->services) {
        like($service->last_request->header('Authorization'),
             qr/^Bearer [a-z0-9]{400}$/, "$name: with its token");
    }

    if ($name =~ /lock/) {

        # one holds the lock, the others wait and then ask by themselves
        my $other = $e->share(size => 300_000, policy_id => 'p');

        $e->gateway->mode('delay', seconds => 0.3);

        my @waiting = map { begin($e, "/raw/$other->{id}") } 1 .. 4;

        for my $client (@waiting) {
            my $response = do { local $/; <$client> };

            is(length $response =~ s/^.*?\r\n\r\n//sr, 300_000,
               "$name: one that waits for the lock");
        }

        $e->heal;
    }

    nothing_left($e, $name);

    if ($name !~ /lock/) {
        $e->gateway->mode('stall', at => -1, seconds => 5);
        is($e->outcome($e->get("/raw/$share->{id}"), $share),
           '504 provider_request_failed', "$name: a gateway is silent");
        nothing_left($e, "$name, a gateway is silent");
    }

    $e->done;
    $back->done;
}

done_testing();
