package Meshkit::Clients;

# What a client of somebody else meets: nginx with the module as an operator
# would set it up, by HTTP/1.0 and 1.1, by HTTP/2, and by TLS with ALPN.
#
#   my $c = Meshkit::Clients->new('wget');           # a row of "neighbours"
#   $c->neighbour->version(qr/^GNU Wget ([\d.]+)/, '--version');
#   my $share = $c->share(size => 10 << 20);         # as Meshkit::Edge's
#   $c->start;
#   my $r = $c->run([ '--tries=2' ], $c->url($share));   # exit, out, err
#   is($c->sha256('saved'), $share->{sha256});       # in a folder of its own
#   is_deeply([ $c->requests(2) ], [ ... ]);         # what nginx saw of it
#   $c->done; done_testing();
#
# /open/ID shows, /download/ID saves.  A share has a policy unless it says
# otherwise, and the policy service says yes: so each request that may open
# it is one question.  The audit log is on, nginx compresses what it may.
#
# new(name, ...) takes Meshkit::Edge's options besides: form is that of
# gateways (auto), server is text for the server, listen adds to its sockets.
#
# film(mp4 or webm)      a share of a film, made by FFmpeg
# url(share or path, tls => 1, h2 => 1, as => 'download', host => name)
# exercise(what, code)   begins with honest services, an empty folder and
#                        forgotten requests
# cut(share, part, ...)  the gateway lies about the leaf that is there, from
#                        0 to 1 of the file; opens => 1: so many times
# requests(n)            lines of the log, waits for n: method, status,
#                        protocol, range, bytes, completion, outcome, uri,
#                        connection, reuse, query, referer, id
# seen(n)                the same as "GET 206 HTTP/1.1 bytes=5-9"
# asked                  how often metadata, policy: "3 3"
# decided(name)          asserts that each request that got bytes was one
#                        question to each service; gives the requests
# is_part(name, share)   asserts that the file has right bytes, or holes
# file(name), sha256(name), files, put(name, bytes), empty

use strict;
use warnings;

use Digest::SHA;
use File::Path qw(remove_tree);
use JSON::PP ();
use Test::More ();

use Meshkit::Edge;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command wait_for spawn);

use constant { TIMEOUT => 120, LEAF => 1 << 18 };

my $LOG = <<'EOT';
log_format client escape=json '{"method":"$request_method",'
    '"status":"$status","protocol":"$server_protocol",'
    '"range":"$http_range","bytes":"$body_bytes_sent","uri":"$uri",'
    '"completion":"$request_completion","outcome":"$meshkit_outcome",'
    '"connection":"$connection",'
    '"reuse":"$connection_requests","id":"$request_id",'
    '"query":"$args","referer":"$http_referer"}';
access_log %%DIR%%/logs/client.log client;
map $uri $action { ~^/download/ download; default open; }
# whoever compresses a share changes its length
gzip on;
gzip_types *;
gzip_min_length 1;
EOT


sub new {
    my ($class, $name, %opt) = @_;

    my $form = delete $opt{form} // 'auto';
    my $server = delete $opt{server} // '';
    my $listen = delete $opt{listen} // '';
    my $e = Meshkit::Edge->new(policy => 'authzen', forms => [], %opt);
    my $self = bless { name => $name, e => $e, saved => $e->dir . '/saved',
                       mark => 0 }, $class;

    $self->{neighbour} = Meshkit::Neighbour->new($name, dir => $e->dir);
    $e->{text}{http} = $LOG . $e->text('http');
    $e->{text}{server} = <<"EOT" . $server . $e->text('server');
listen 127.0.0.1:%%PORT_plain%% $listen;
listen 127.0.0.1:%%PORT_tls%% ssl http2 $listen;
ssl_certificate %%DIR%%/localhost.crt;
ssl_certificate_key %%DIR%%/localhost.key;
root %%DIR%%/html;
meshkit_audit_log %%DIR%%/logs/audit.log;
location ~ ^/(?:open|download)/(?<cap>[^/]+)\$ {
    meshkit_action \$action;
    ${\ $e->open_text($form) }
}
EOT
    $self->_certificate;
    $e->policy->allow;
    mkdir $self->{saved};

    return $self;
}


sub edge { return $_[0]{e} }
sub neighbour { return $_[0]{neighbour} }
sub gateway { return $_[0]{e}->gateway($_[1]) }
sub start { $_[0]{e}->start; $_[0]{running} = 1; return $_[0] }
sub certificate { return $_[0]{e}->dir . '/localhost.crt' }
sub saved { return $_[0]{saved} }


sub done {
    my ($self) = @_;

    $self->neighbour->stop;
    return $self->{e}->done;
}


sub _certificate {
    my ($self) = @_;

    my $dir = $self->{e}->dir;
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
        -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=localhost),
        -addext => 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        -keyout => "$dir/localhost.key", -out => "$dir/localhost.crt");

    die $r->{err} if $r->{exit} != 0;
}


sub share {
    my ($self, %opt) = @_;

    %opt = (leaf => LEAF, segment => LEAF, policy_id => 'everybody', %opt);
    delete $opt{policy_id} if !defined $opt{policy_id};
    return $self->{e}->share(%opt);
}


# Forty seconds of a test picture that moves, and a tone: 23 MB of H.264 with
# the index behind it, or 6 MB of VP8.
my %FILM = (
    mp4 => [ qw(-c:v libx264 -preset ultrafast -crf 4 -pix_fmt yuv420p
                -c:a aac), 'size=640x360' ],
    webm => [ qw(-c:v libvpx -deadline realtime -cpu-used 16 -b:v 20M
                 -qmin 0 -qmax 2 -c:a libvorbis), 'size=320x180' ],
);


sub film {
    my ($self, $form, %opt) = @_;

    my $path = $self->{e}->dir . "/film.$form";
    my @codec = @{ $FILM{$form} };
    my $size = pop @codec;
    my $r = run_command({ timeout => TIMEOUT }, qw(ffmpeg -nostdin -y -v
        error -f lavfi -i), "testsrc2=$size:rate=25:duration=40",
        qw(-f lavfi -i sine=duration=40), @codec, qw(-g 25), $path);

    die "ffmpeg: $r->{err}" if $r->{exit} != 0;
    return $self->share(file => $path, leaf => 1 << 16, segment => 1 << 16,
                        type => "video/$form", name => "film.$form", %opt);
}


sub url {
    my ($self, $what, %opt) = @_;

    my $port = $self->{e}->nginx->port($opt{tls} ? 'tls' : $opt{h2} ? 'h2'
                                                         : 'plain');
    my $path = ref $what ? '/' . ($opt{as} // 'open') . "/$what->{id}"
                         : $what;

    return ($opt{tls} ? 'https' : 'http') . '://'
           . ($opt{host} // '127.0.0.1') . ":$port$path";
}


# --- the program ------------------------------------------------------------

sub exercise {
    my ($self, $what, $code) = @_;

    return $self->neighbour->exercise($what, sub {
        $self->{e}->heal->policy->allow;
        $self->empty->forget;
        $code->();
    });
}


sub empty {
    my ($self) = @_;

    remove_tree($self->saved, { keep_root => 1 });
    return $self;
}


# Nothing of this machine's own settings, and no way but the loopback.
sub environment {
    my ($self) = @_;

    return (PATH => $ENV{PATH}, HOME => $self->{e}->dir . '/home',
            LANG => 'C.UTF-8', no_proxy => '*', TMPDIR => $self->{e}->dir);
}


# Each argument is one, or a list of them; a hash holds program, timeout.
sub run {
    my ($self, @args) = @_;

    my %opt = map { ref eq 'HASH' ? %$_ : () } @args;
    my @list = map { ref eq 'ARRAY' ? @$_ : ref eq 'HASH' ? () : $_ } @args;
    my @environment = $self->_pairs;
    my $program = $opt{program} // $self->neighbour->program;

    return run_command({ timeout => $opt{timeout} // TIMEOUT }, 'env', '-i',
                       '-C', $self->saved, @environment, $program, @list);
}


sub _pairs {
    my ($self) = @_;

    my %environment = $self->environment;

    mkdir $environment{HOME};
    return map { "$_=$environment{$_}" } sort keys %environment;
}


# It runs on, until the test ends it.
sub begin {
    my ($self, @args) = @_;

    my @command = ('env', '-i', '-C', $self->saved, $self->_pairs,
                   $self->neighbour->program, map { ref ? @$_ : $_ } @args);

    return spawn($self->{name}, sub {
        open STDIN, '<', '/dev/null' or die "stdin: $!";
        open STDOUT, '>', $self->{e}->dir . '/begun.log' or die "out: $!";
        open STDERR, '>&', \*STDOUT or die "stderr: $!";
        exec { $command[0] } @command or die "exec $command[0]: $!\n";
    }, guard => 1);
}


sub file { return Meshkit::Process::slurp($_[0]->saved . "/$_[1]") }


sub sha256 {
    my ($self, $name) = @_;

    my $path = $name =~ m{^/} ? $name : $self->saved . "/$name";

    return 'no file' if !-f $path;
    return Digest::SHA->new(256)->addfile($path, 'b')->hexdigest;
}


sub files {
    my ($self) = @_;

    opendir my $dir, $self->saved or die "saved: $!";
    return sort grep { !/^\.\.?$/ } readdir $dir;
}


sub put {
    my ($self, $name, $bytes) = @_;

    return $self->{e}->nginx->write("saved/$name", $bytes);
}


# --- what happened ----------------------------------------------------------

# A leaf whose bytes are wrong: what comes before it is the file's beginning.
# An open leaves the gateway there, so it meets the fault once.
sub cut {
    my ($self, $share, $part, %opt) = @_;

    my $gateway = $self->gateway($opt{gateway} // 0);
    my @leaves = grep { /^bafk/ } $gateway->entries($share->{cid});

    $gateway->clear_faults;
    return $gateway->fault('flip', cid => $leaves[$part * @leaves],
        defined $opt{opens} ? (times => $opt{opens}) : ());
}


# What a client has left may still ask, until nginx has noticed.
sub forget {
    my ($self) = @_;

    $self->_at_rest or die "requests that do not end\n" if $self->{running};
    $self->{e}->clear;
    $self->{mark} = length $self->{e}->nginx->read('logs/client.log');
    return $self;
}


sub requests {
    my ($self, $n) = @_;

    my @lines;

    wait_for(20, sub {
        my $text = substr $self->{e}->nginx->read('logs/client.log'),
                          $self->{mark};
        @lines = $text =~ /^(.+)\n/mg;
        return @lines >= ($n // 1);
    });

    return map { JSON::PP->new->utf8->decode($_) } @lines;
}


sub seen {
    my ($self, $n) = @_;

    return map { my $r = $_; join ' ', grep { length }
                 @$r{qw(method status protocol range)} }
           $self->requests($n);
}


sub asked {
    my ($self) = @_;

    return $self->{e}->metadata->count . ' ' . $self->{e}->policy->count;
}


sub _ids {
    my ($service) = @_;

    my %n;

    $n{$_->header('X-Request-ID')}++ for $service->requests;
    return \%n;
}


# True when each request that a service heard of has ended.
sub _at_rest {
    my ($self) = @_;

    return wait_for(60, sub {
        my %missing = map { %{ _ids($self->{e}->$_) } } qw(metadata policy);
        delete @missing{ map { $_->{id} } $self->requests(0) };
        return !%missing;
    });
}


# A client that left was perhaps not asked about any more.
sub decided {
    my ($self, $name) = @_;

    Test::More::ok($self->_at_rest, "$name: no question but for a request");

    my @all = $self->requests;

    for my $service (qw(metadata policy)) {
        my $asked = _ids($self->{e}->$service);
        my @bad = grep { ($asked->{$_->{id}} // 0) != 1
                         && $_->{status} != 499 } @all;
        Test::More::is(scalar @bad, 0, "$name: $service, once for each");
    }

    return @all;
}


# Where nothing was written yet there are zeros.
sub is_part {
    my ($self, $file, $share, $name) = @_;

    my $got = $self->file($file);
    my $plain = substr Meshkit::Process::slurp($share->{file}), 0,
                       length $got;
    my $wrong = ($got ^ $plain) & $got;

    Test::More::is($wrong =~ tr/\0//c, 0, "$name: no byte of it is wrong");
    return Test::More::isnt($self->sha256($file), $share->{sha256},
                            "$name: it is not whole");
}


1;
