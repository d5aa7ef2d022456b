# The memory that keys are in is the module's own: other keys of nginx are not
# in it, however many; opens have room in it before a service is asked, or are
# refused; and who opens TLS connections meanwhile notices nothing of it.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http qw(curl);
use Meshkit::Http2;
use Meshkit::Process qw(spawn wait_process run_command wait_for);

use constant { WAIT => 60, CERTIFICATES => 5000, CLIENTS => 4, EACH => 500,
               USER => 'www-data' };
use constant SANITIZED => $ENV{TEST_SANITIZED} ? 1 : 0;


# --- surroundings -----------------------------------------------------------

# Records and blocks are files, so that an open is held by its client alone,
# and takes no connection but the client's.
sub edge {
    my ($connections, %opt) = @_;

    my $e = Meshkit::Edge->new(nginx => {
        defined $opt{user} ? (user => $opt{user}) : () });
    my $share = $e->share(size => 200_000, leaf => 16384);

    $e->nginx->write("records/v1/capsules/$share->{id}", $share->{record});
    certificate($e->dir);
    $e->config(config($connections, $opt{servers} // ''));

    return ($e, $share);
}


sub certificate {
    my ($dir) = @_;

    my $r = run_command({}, qw(openssl req -x509 -newkey rsa:2048 -nodes
        -subj /CN=edge -days 1 -keyout), "$dir/tls.key", '-out',
        "$dir/tls.crt");

    die $r->{err} if $r->{exit} != 0;
}


sub config {
    my ($connections, $servers) = @_;

    return <<"EOC";
%%GLOBALS%%
worker_rlimit_nofile 16384;
events { worker_connections $connections; }
http {
    %%HTTP%%
    server_names_hash_max_size 32768;
    meshkit_identity alice %%DIR%%/keys/alice.pem;
    meshkit_owners %%DIR%%/keys/owners.jwks;
    $servers
    server {
        listen 127.0.0.1:%%PORT_front%% sndbuf=4k;
        listen 127.0.0.1:%%PORT_h2%% http2;
        listen 127.0.0.1:%%PORT_tls%% ssl default_server;
        ssl_certificate     %%DIR%%/tls.crt;
        ssl_certificate_key %%DIR%%/tls.key;

        location ~ ^/open/(?<cap>.*)\$ {
            meshkit_open \$cap;
            meshkit_metadata /_m;
            meshkit_gateway /_g raw;
            meshkit_read_ahead 1;
        }
        location = /status { meshkit_status; }
        location = /metrics { meshkit_status prometheus; }
        location = /small { return 200 small; }
        location ^~ /_m/ {
            internal;
            alias %%DIR%%/records/;
            log_subrequest on;
            access_log %%DIR%%/logs/records.log;
        }
        location ^~ /_g/ipfs/ {
            internal;
            alias %%DIR%%/share/blocks/;
            types { }
            default_type application/vnd.ipld.raw;
        }
    }
}
EOC
}


# what the status page says of the memory for keys
sub keys_of {
    my ($e) = @_;

    return JSON::PP->new->decode($e->get('/status')->body)->{keyMemory} // {};
}


# how many of n TLS handshakes succeed
sub handshakes {
    my ($e, $n, $name) = @_;

    my $port = $e->nginx->port('tls');
    $name //= 'edge';

    return scalar grep {
        curl('-k', '--resolve', "$name:$port:127.0.0.1",
             "https://$name:$port/small")->body eq 'small'
    } 1 .. $n;
}


# --- keys of others ---------------------------------------------------------

# Each a file of its own: nginx 1.27 and later read a file once.  Each server
# has a token, too, of 1000 bytes, which take 1024.
{
    my $n = SANITIZED ? 200 : CERTIFICATES;
    my ($e, $share) = edge(512, servers => join '', map { <<"EOS" } 1 .. $n);
    server {
        listen 127.0.0.1:%%PORT_tls%% ssl;
        server_name s$_.example;
        ssl_certificate     %%DIR%%/certs/$_;
        ssl_certificate_key %%DIR%%/certs/$_;
        meshkit_metadata /_m token_file=%%DIR%%/keys/long.token;
        location = /small { return 200 small; }
    }
EOS

    my $dir = $e->dir;

    $e->nginx->write('keys/long.token', 'x' x 1000, 0600);
    $e->nginx->write('certs/1', join '', map { $e->nginx->read($_) }
                                         qw(tls.key tls.crt));
    link "$dir/certs/1", "$dir/certs/$_" or die "link: $!" for 2 .. $n;

    $e->start;
    is(handshakes($e, 1, 's1.example') + handshakes($e, 1, "s$n.example"), 2,
       "$n certificates: nginx starts, and has the first and the last");
    is($e->outcome($e->get("/open/$share->{id}"), $share), '200 ok',
       "$n certificates: an open");

    my $keys = keys_of($e);
    is($keys->{usedBytes}, 2 * 64 + $n * 1024,
       "$n certificates: the identity's key, that of token references, and "
       . 'the tokens are all that is in the memory');

    ok($e->nginx->reload, "$n certificates: a reload");
    is(handshakes($e, 1, "s$n.example"), 1,
       "$n certificates: a handshake after it");
    is($e->outcome($e->get("/open/$share->{id}"), $share), '200 ok',
       "$n certificates: an open after it");
    is(keys_of($e)->{usedBytes}, 2 * 64 + $n * 1024,
       "$n certificates: keys of the configuration before are gone");
    $e->done;
}


# --- many opens -------------------------------------------------------------

# Clients that do not read, in a process of their own: it says when each has
# a response, waits for a word, and reads some of them to the end.
sub clients {
    my ($e, $path, $length) = @_;

    pipe my $said, my $say or die "pipe: $!";
    pipe my $word, my $tell or die "pipe: $!";

    my $port = $e->nginx->port('front');
    my $pid = spawn('clients', sub {
        close $_ for $said, $tell;

        my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port, Timeout => WAIT, Sockopts => [
                [ SOL_SOCKET, SO_RCVBUF, 8192 ] ]) or die "connect: $!"
        } 1 .. EACH;
        my $good = 0;

        syswrite $_, "GET $path HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                     . "\r\n" for @sockets;

        for my $socket (@sockets) {
            my $head = '';

            while ($head !~ /\r\n\r\n./s) {
                last if !IO::Select->new($socket)->can_read(WAIT)
                        || !sysread $socket, $head, 2048, length $head;
            }

            $good++ if $head =~ m{^HTTP/1\.1 200 .*?\r\n\r\n(.+)}s;
            ${*$socket}{got} = length($1 // '');
        }

        syswrite $say, "$good\n";
        sysread $word, my $text, 1;

        my $whole = grep { whole($_, $length) } @sockets[0 .. 9];
        syswrite $say, "$whole\n";
    });

    close $_ for $say, $word;
    return { pid => $pid, said => $said, tell => $tell };
}


sub whole {
    my ($socket, $length) = @_;

    my $got = ${*$socket}{got};

    while (my $n = sysread $socket, my $bytes, 65536) {
        $got += $n;
    }

    return $got == $length;
}


sub line {
    my ($client) = @_;

    return 0 if !IO::Select->new($client->{said})->can_read(WAIT);
    return readline($client->{said}) // 0;
}


SKIP: {
    my $open = run_command({}, qw(sh -c), "ulimit -n")->{out};

    skip 'too few files can be open here', 8 if $open < EACH + 100
                                                || $> != 0;

    my $n = CLIENTS * EACH;
    my ($e, $share) = edge(8192);

    $e->start;

    my $worker = $e->nginx->worker_pid;
    my $before = keys_of($e);
    my @clients = map { clients($e, "/open/$share->{id}", 200_000) }
                  1 .. CLIENTS;
    my $good = 0;

    $good += line($_) for @clients;
    is($good, $n, "$n opens at once, held in their middle");

    my $keys = keys_of($e);

    is($keys->{opens}, $n, "$n opens: have their room");
    is($keys->{usedBytes} - $before->{usedBytes}, $n * 3 * 64,
       "$n opens: and that is what they take");
    is($keys->{refused}, 0, "$n opens: none was refused");
    is(handshakes($e, 20), 20, "$n opens: TLS handshakes meanwhile");
    syswrite $_->{tell}, '!' for @clients;

    my $whole = 0;

    $whole += line($_) for @clients;
    is($whole, CLIENTS * 10, "$n opens: read to their end");
    wait_process($_->{pid}, WAIT) for @clients;

    ok(wait_for(WAIT, sub { ($keys = keys_of($e))->{opens} == 0 }),
       "$n opens: are over");
    is_deeply([ $keys->{usedBytes}, $e->nginx->worker_pid ],
              [ $before->{usedBytes}, $worker ],
              "$n opens: left nothing behind");
    $e->done;
}


# --- more than there is room for --------------------------------------------

{
    my ($e, $share) = edge(48);

    $e->start;

    my $keys = keys_of($e);
    my $max = $keys->{maxOpens};

    is($max, 48 * 8, 'room for eight opens for each of worker_connections');

    # whoever does not read a refusal keeps no room
    {
        my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
        my @ids = map { $h->send(path => '/open/nobody') } 1 .. 100;

        $h->receive(WAIT, sub { !grep { !$h->stream($_)->{head} } @ids });
        is(scalar(grep { $h->stream($_)->{ended} } @ids), 0,
           '100 refusals that are not read');
        is(keys_of($e)->{opens}, 0, 'keep no room for keys');
        $h->close;
    }

    # 4 connections with 100 streams, whose windows are closed
    my @held = map { Meshkit::Http2->connect($e->nginx->port('h2'),
                                             window => 0) } 1 .. 4;

    for my $h (@held) {
        $h->{ids} = [ map { $h->send(path => "/open/$share->{id}") }
                      1 .. 100 ];
        $h->receive(WAIT, sub { !grep { !$h->stream($_)->{head} }
                                @{ $h->{ids} } });
    }

    $keys = keys_of($e);
    is($keys->{opens}, $max, 'as many opens as there can be');
    is($keys->{refused}, 400 - $max, 'more are refused');

    my $asked = () = $e->nginx->read('logs/records.log') =~ /\n/g;
    my $r = $e->get("/open/$share->{id}");

    is($e->outcome($r, $share), '503 gateway_overloaded',
       'one more: is refused');
    is_deeply([ $r->headers('Retry-After') ], [ 5 ],
              'one more: when to come back');
    is(scalar(() = $e->nginx->read('logs/records.log') =~ /\n/g), $asked,
       'one more: no service was asked');
    like(join("\n", $e->nginx->grep_log(qr/refused: gateway_overloaded/)),
         qr/the memory for keys is full/, 'one more: the log says why');
    is(keys_of($e)->{refused}, 401 - $max, 'one more: is counted');
    like($e->get('/metrics')->body,
         qr/^nginx_meshkit_key_memory_opens $max\n/m, 'Prometheus: opens');
    like($e->get('/metrics')->body,
         qr/^nginx_meshkit_key_memory_refused_total ${\ (401 - $max) }\n/m,
         'Prometheus: refused');
    is(handshakes($e, 5), 5, 'who asks for something else notices nothing');

    # those that are held go on

    my ($h) = @held;
    my ($id) = @{ $h->{ids} };

    $h->window($id, 1 << 20);
    ok($h->receive(WAIT, sub { $h->stream($id)->{ended} })
       && $h->stream($id)->{data} eq $share->{plain},
       'one that is held comes to its end');
    ok(wait_for(WAIT, sub { keys_of($e)->{opens} == $max - 1 }),
       'and makes room');
    is($e->outcome($e->get("/open/$share->{id}"), $share), '200 ok',
       'for another');
    $_->close for @held;
    ok(wait_for(WAIT, sub { keys_of($e)->{opens} == 0 }),
       'all of them are over');
    $e->done;
}


# --- what is said of it -----------------------------------------------------

# Two identities' keys take 64 bytes each, a token of 1000 bytes 1024; the key
# of token references is made once.
{
    my ($e) = edge(100);
    my $text = config(100, '');

    $e->nginx->write('long.token', 'x' x 1000, 0600);
    $text =~ s{meshkit_metadata /_m;}
              {meshkit_metadata /_m token_file=%%DIR%%/long.token;};
    $text =~ s{(    meshkit_owners .*\n)}
              {$1    meshkit_identity bob %%DIR%%/keys/bob.pem;\n};
    $text =~ s{(meshkit_open \$cap;)}{$1 meshkit_as alice;};

    my $said = sub {
        return "meshkit: keys of this configuration take $_[0] bytes, those "
               . 'of at most 800 opens in a worker 153600 bytes';
    };
    my ($code, $output) = $e->nginx->test_config($text);

    is($code, 0, 'nginx -t');
    cmp_ok(index($output, "nginx: " . $said->(1216)), '>', 0,
           'nginx -t: says what keys take');

    $e->config($text)->start;
    is(scalar $e->nginx->grep_log(qr/\[notice\].*${\ $said->(1216) }/), 1,
       'the log says it as nginx starts');
    $e->nginx->reload;
    is(scalar $e->nginx->grep_log(qr/\[notice\].*${\ $said->(1152) }/), 1,
       'and as it reloads');
    $e->done;
}


# --- a limit of locked memory -----------------------------------------------

SKIP: {
    skip 'sanitizers do not let it be locked', 4 if SANITIZED;
    skip 'only a worker of another user has a limit', 4
        if $> != 0 || !defined getpwnam USER;

    my ($e, $share) = edge(512, user => USER);
    my $warned = qr/\[warn\].*memory for keys could not be locked, raise /;

    $e->start;
    is(scalar $e->nginx->grep_log($warned), 0, 'memory that can be locked');

    my $limited = run_command({}, 'prlimit', '--pid', $e->nginx->{pid},
                              '--memlock=65536:65536');
    skip "no prlimit: $limited->{err}", 3 if $limited->{exit} != 0;

    ok($e->nginx->reload, 'memory that cannot be locked: a reload');
    is(join('', map { /(RLIMIT_MEMLOCK.*)/ } $e->nginx->grep_log($warned)),
       'RLIMIT_MEMLOCK to 4194304 bytes (12: Cannot allocate memory)',
       'the worker warns, once');
    is($e->outcome($e->get("/open/$share->{id}"), $share), '200 ok',
       'and opens');
    $e->done;
}

done_testing();
