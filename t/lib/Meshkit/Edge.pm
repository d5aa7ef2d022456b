package Meshkit::Edge;

# The usual surroundings of meshkit_open in one call: keys, owners, metadata,
# policy, gateways behind keepalive upstreams, so that a test shows only what
# it is about.
#
#   my $e = Meshkit::Edge->new(gateways => 2);
#   my $share = $e->share(size => 300_000);     # id, cid, plain, size, sha256
#   $e->start;
#   my $r = $e->get("/car/$share->{id}");       # /car/, /raw/ and /auto/
#   is($e->log($r)->{outcome}, 'ok');           # $meshkit_* as logged
#   $e->done; done_testing();
#
# new(...) takes
#
#   gateways  how many (1); ->gateway(n) is the nth Meshkit::Gateway, from 0.
#             All have the same blocks, each its own faults.
#   policy    'authzen' or 'lit'; without it none is configured
#   text      { http, server, open, metadata, policy, gateway, gatewayN } =>
#             directives added there; open is every location of meshkit_open
#   tokens    1: each service is sent a token of its own, ->token(name); or
#             code that makes the token of a name
#   fresh     n: ->fresh("/car/...") gives n times the same path with gateways
#             that no earlier request has found to be ill or without CAR
#   alone     1: also /one/car/, /one/raw/, /one/auto/ with gateway 0 only
#   accel     1: X-Accel-* headers of the services are not ignored
#   asked     1: ->asked(reply) gives the raw blocks that gateways were asked
#             for, as "0 <cid> 200" each, by nginx's own log: a gateway that
#             is not ours keeps none for us.  A CAR need not be in that log,
#             since it is left when the last block is there.
#   forms     [qw(car raw auto)]
#   nginx     { options of Meshkit::Nginx }
#
# share(size => n, ...) makes a file of n bytes, publishes its blocks and its
# record, and takes the options of t/vectors/share (leaf => 65536, policy_id
# => 'p', no_download => undef, file => path, ...).  capsule(share) is its
# record as a structure.  It is sealed in 64 KiB segments, with leaves of
# 64 KiB, so that few bytes are many blocks.
#
# get and curl take a path and what Meshkit::Http takes; ->curl's URL is made
# of the path, of the HTTP/2 port with h2 => 1.  log(reply) waits for the
# request's line in the log.  code(reply) is the problem document's code.
#
# refuses_http(version)  whether this nginx has no such proxy_http_version: that
#             it says so is then the test, and the edge is done
#
# connections(service)  established connections from the worker to it
# held                  open files of the worker that are none of those

use strict;
use warnings;

use JSON::PP ();
use Test::More ();
use Time::HiRes ();

use Meshkit::Gateway;
use Meshkit::Http ();
use Meshkit::Metadata;
use Meshkit::Nginx;
use Meshkit::Policy;
use Meshkit::Process qw(run_command wait_for);
use Meshkit::Vectors ();

use constant SEGMENT => 65536;

my @LOGGED = qw(capsule cid identity subject outcome gateway gateways_failed
                policy_ms token_ref name size expires suggestion);
my $keys = 't/vectors/keys';


sub new {
    my ($class, %opt) = @_;

    my $self = bless { gateways => 1, text => {}, nginx => {},
                       forms => [qw(car raw auto)], %opt }, $class;

    my $t = $self->{t} = Meshkit::Nginx->new(log_level => 'info',
                                             %{ $self->{nginx} });

    Meshkit::Vectors::keys_into($t->dir . '/keys');
    $t->secret(map { Meshkit::Process::slurp($_) =~ /-----\n(.{40})/ }
               glob $t->dir . '/keys/*.pem');
    mkdir $t->dir . '/share';
    mkdir $t->dir . '/share/blocks';

    $self->{metadata} = Meshkit::Metadata->run;
    $self->{policy_service} = Meshkit::Policy->run(
        format => $self->{policy} // 'authzen');
    $self->{gateway} = [ map { Meshkit::Gateway->run(
        blocks => $t->dir . '/share/blocks') } 1 .. $self->{gateways} ];

    $t->port('metadata', $self->metadata->port);
    $t->port('policy', $self->policy->port);
    $t->port("gw$_", $self->gateway($_)->port)
        for 0 .. $self->{gateways} - 1;

    return $self;
}


sub nginx { return $_[0]{t} }
sub dir { return $_[0]{t}->dir }
sub metadata { return $_[0]{metadata} }
sub policy { return $_[0]{policy_service} }
sub gateway { return $_[0]{gateway}[$_[1] // 0] }
sub services { return (@{ $_[0] }{qw(metadata policy_service)},
                       @{ $_[0]{gateway} }) }
sub clear { $_->clear for $_[0]->services; return $_[0] }
sub token { return ref $_[0]{tokens} ? $_[0]{tokens}->($_[1])
                                     : "token-of-$_[1]-0123456789abcdef" }


sub heal {
    my ($self) = @_;

    $_->mode('ok') for $self->services;
    return $self;
}


# --- shares -----------------------------------------------------------------

sub share {
    my ($self, %opt) = @_;

    my $out = $self->dir . '/share';
    my $plain = "$out/plain." . ++$self->{shares};
    my $size = delete $opt{size} // 0;
    my $record = delete $opt{record} // 1;

    %opt = (id => "cap-$self->{shares}", segment => SEGMENT, leaf => SEGMENT,
            plain => $plain, recipient => "alice=$keys/alice.pem", %opt);

    my @args = map { my $value = $opt{$_};
                     ('--' . tr/_/-/r, defined $value ? $value : ()) }
               sort keys %opt;

    unshift @args, '--random', $size if !defined $opt{file};

    my $r = run_command({ timeout => 120 }, 't/vectors/share', '--out', $out,
                        '--owner',
                        "owner=$keys/owner-ed25519.pem", @args);
    die "share: $r->{err}" if $r->{exit} != 0;

    my $share = JSON::PP->new->utf8->decode($r->{out});

    $share->{file} = $plain;
    $share->{plain} = Meshkit::Process::slurp($plain) if $size < 1 << 24;
    $share->{record} = Meshkit::Process::slurp("$out/record.json");
    $self->metadata->record("/v1/capsules/$share->{id}", $share->{record})
        if $record;

    return $share;
}


sub capsule {
    my ($self, $share) = @_;

    return JSON::PP->new->utf8->decode($share->{record});
}


# --- the configuration ------------------------------------------------------

sub config {
    my ($self, $text) = @_;

    $self->{t}->config($text // $self->config_text);
    return $self;
}


sub start {
    my ($self) = @_;

    if ($self->{tokens}) {
        for my $name ($self->_names) {
            $self->{t}->write("keys/$name.token", $self->token($name) . "\n",
                              0600);
            $self->{t}->secret($self->token($name));
        }
    }

    $self->config if !-e $self->dir . '/nginx.conf';
    $self->{t}->start;
    return $self;
}


sub _names {
    my ($self) = @_;

    return ('metadata', 'policy', map { "gw$_" } 0 .. $self->{gateways} - 1);
}


sub _token {
    my ($self, $name) = @_;

    return $self->{tokens} ? " token_file=%%DIR%%/keys/$name.token" : '';
}


sub text { return $_[0]{text}{$_[1]} // '' }


# The directives of a location with meshkit_open.
sub open_text {
    my ($self, $form, $gateways, $set) = @_;

    $set //= '';

    my @lines = ('meshkit_metadata /_meshkit/metadata'
                 . $self->_token('metadata') . ';');

    push @lines, "meshkit_policy /_meshkit/policy format=$self->{policy}"
                 . $self->_token('policy') . ';' if $self->{policy};
    push @lines, map { "meshkit_gateway /_gw$set/$_ $form"
                       . $self->_token("gw$_") . ';' }
                 0 .. ($gateways // $self->{gateways}) - 1;

    return join "\n", $set eq '' ? 'meshkit_open $cap;'
                                 : 'meshkit_open $fresh_cap;',
           @lines, $self->text('open'), '';
}


# What is remembered of a gateway belongs to its prefix, so each set has its
# own, and all of them lead to the same gateways.
sub _fresh_text {
    my ($self) = @_;

    my $text = '';

    for my $set (1 .. $self->{fresh}) {
        for my $form (@{ $self->{forms} }) {
            $text .= "location /fresh$set/$form/ {\n"
                     . $self->open_text($form, undef, $set) . "}\n";
            $text .= "location /fresh$set/one/$form/ {\n"
                     . $self->open_text($form, 1, $set) . "}\n"
                if $self->{alone};
        }
    }

    for my $set (1 .. $self->{fresh}) {
        $text .= $self->_gateway_text($set, $_)
            for 0 .. $self->{gateways} - 1;
    }

    return $text;
}


sub _gateway_text {
    my ($self, $set, $n) = @_;

    return <<"EOL";
location ^~ /_gw$set/$n/ {
    internal;
    proxy_pass http://gw$n/;
    ${\ $self->_asked_text($n) }
    ${\ $self->text('gateway') }
    ${\ $self->text("gateway$n") }
}
EOL
}


sub _asked_text {
    my ($self, $n) = @_;

    return '' if !$self->{asked};
    return "log_subrequest on; set \$asked $n;"
           . ' access_log %%DIR%%/logs/asked.log asked;';
}


sub _asked_format {
    my ($self) = @_;

    return $self->{asked} ? <<'EOL' : '';
log_format asked '$connection $arg_format $asked $asked_cid $upstream_status';
map $uri $asked_cid { "~/(?<asked_last>[^/]+)$" $asked_last; }
EOL
}


# A request is logged when it and its subrequests have ended. A connection of
# HTTP/1 with one request is known by its number.
sub asked {
    my ($self, $r) = @_;

    my $connection = $self->log($r)->{connection};

    return $self->{t}->read('logs/asked.log') =~ /^$connection raw (.*)$/mg;
}


sub fresh {
    my ($self, $path) = @_;

    die "not so many fresh gateways" if ++$self->{used} > $self->{fresh};
    return "/fresh$self->{used}$path";
}


sub _server_text {
    my ($self) = @_;

    my $text = '';

    for my $form (@{ $self->{forms} }) {
        $text .= "location ~ ^/$form/(?<cap>.*)\$ {\n"
                 . $self->open_text($form) . "}\n";
        $text .= "location ~ ^/one/$form/(?<cap>.*)\$ {\n"
                 . $self->open_text($form, 1) . "}\n" if $self->{alone};
    }

    $text .= $self->_fresh_text if $self->{fresh};
    $text .= <<"EOL";
location ^~ /_meshkit/metadata/ {
    internal;
    proxy_pass http://metadata/;
    ${\ $self->text('metadata') }
}
location = /_meshkit/policy {
    internal;
    proxy_pass http://policy/evaluate;
    ${\ $self->text('policy') }
}
EOL

    $text .= $self->_gateway_text('', $_) for 0 .. $self->{gateways} - 1;

    return $text;
}


sub config_text {
    my ($self) = @_;

    my $upstreams = join '', map {
        "upstream $_ { server 127.0.0.1:%%PORT_$_%%; keepalive 16; }\n"
    } $self->_names;
    my $ignored = $self->{accel} ? '' : 'proxy_ignore_headers '
        . 'X-Accel-Redirect X-Accel-Buffering X-Accel-Limit-Rate '
        . 'X-Accel-Charset X-Accel-Expires;';
    my $logged = join ',', map { qq("$_":"\$meshkit_$_") } grep {
        $_ ne 'token_ref' } @LOGGED;

    return <<"EOC";
%%GLOBALS%%
events { worker_connections 1024; }
http {
    %%HTTP%%
    log_format edge escape=json '{"tag":"\$http_x_tag",$logged,'
        '"status":"\$status","bytes":"\$body_bytes_sent",'
        '"completion":"\$request_completion","uri":"\$uri",'
        '"connection":"\$connection"}';
    access_log %%DIR%%/logs/edge.log edge;
    meshkit_identity alice %%DIR%%/keys/alice.pem;
    meshkit_owners %%DIR%%/keys/owners.jwks;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_next_upstream off;
    $ignored
    $upstreams
    ${\ $self->_asked_format }
    ${\ $self->text('http') }
    map \$uri \$fresh_cap { ~^/fresh\\d+/(?:one/)?\\w+/(?<it>.*)\$ \$it; }
    server {
        listen 127.0.0.1:%%PORT_front%%;
        listen 127.0.0.1:%%PORT_h2%% http2;
        ${\ $self->text('server') }
        ${\ $self->_server_text }
    }
}
EOC
}


# --- requests ---------------------------------------------------------------

sub request {
    my ($self, %opt) = @_;

    my $tag = "tag$$-" . ++$self->{tags};
    my $r = Meshkit::Http::http_request(
        $self->{t}->port('front'), %opt,
        headers => [ 'X-Tag' => $tag, @{ $opt{headers} // [] } ]);

    $r->{tag} = $tag;
    return $r;
}


sub get { my ($self, $path, @opt) = @_;
          return $self->request(@opt, path => $path) }


sub curl {
    my ($self, $path, %opt) = @_;

    my $tag = "tag$$-" . ++$self->{tags};
    my $port = $self->{t}->port($opt{h2} ? 'h2' : 'front');
    my $r = Meshkit::Http::curl(
        $opt{h2} ? '--http2-prior-knowledge' : (), '-H', "X-Tag: $tag",
        @{ $opt{args} // [] }, "http://127.0.0.1:$port$path");

    $r->{tag} = $tag;
    return $r;
}


# The request's line in the log, which is written at its end; one without a
# line feed is being written.
sub log {
    my ($self, $r, $seconds) = @_;

    my $line;

    wait_for($seconds // 20, sub {
        ($line) = $self->{t}->read('logs/edge.log')
                  =~ /^(.*"tag":"$r->{tag}".*)\n/m;
        return defined $line;
    });

    return defined $line ? JSON::PP->new->decode($line) : {};
}


sub problem { my ($self, $r) = @_;
              return eval { JSON::PP->new->utf8->decode($r->body) } // {} }
sub code { return $_[0]->problem($_[1])->{code} // '' }


# "404 capsule_not_found", or "200 ok" for the whole file, byte for byte.
sub outcome {
    my ($self, $r, $share) = @_;

    my $status = $r->status // 'no answer';

    return "$status " . $self->code($r) if $status ne '200';
    return '200 cut' if !$r->complete;
    return $r->body eq $share->{plain} ? '200 ok' : '200 wrong bytes';
}


sub opens { my ($self, $share, $form, $name) = @_;
            return Test::More::is($self->outcome(
                $self->get("/$form/$share->{id}"), $share), '200 ok',
                $name) }


# --- the worker -------------------------------------------------------------

# How many connections are kept for the next request is a matter of timing;
# everything else that an open holds has to go with it.
sub held {
    my ($self) = @_;

    my $pid = $self->{t}->worker_pid;
    my $n = () = glob "/proc/$pid/fd/*";

    $n -= $self->connections($_) for $self->services;
    return $n;
}


# State 01 of /proc/net/tcp: the service's own end is not counted.
sub connections {
    my ($self, $service) = @_;

    my $port = sprintf '%04X', $service->port;
    my @found = Meshkit::Process::slurp('/proc/net/tcp')
        =~ /^\s*\d+: \w{8}:\w{4} \w{8}:$port 01 /mg;

    return scalar @found;
}


sub refuses_http {
    my ($self, $version) = @_;

    my ($exit, $said) = $self->{t}->test_config("%%GLOBALS%%\nevents { }\n"
        . "http { proxy_http_version $version; }\n");

    return 0 if $exit == 0;

    Test::More::like($said, qr/invalid value "2"/,
                     'this nginx refuses HTTP/2 to its upstreams');
    $self->config("%%GLOBALS%%\nevents { }\n")->nginx->start;
    $self->done;
    return 1;
}


sub done {
    my ($self) = @_;

    $self->{t}->done;
    return $self;
}


1;
