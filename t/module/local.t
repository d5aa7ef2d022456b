# What this server cannot do itself is no fault of a gateway: a cache or a
# temporary file that cannot be written, connections that are used up.  The
# file comes whole, and log and counters name the cause.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(run_command wait_for);

# as an unprivileged user: root may write anywhere
plan skip_all => 'needs root' if $> != 0;

my @edges;


sub status { return JSON::PP->new->decode($_[0]->get('/status')->body) }


sub edge {
    my ($cache, $workers, %opt) = @_;

    my $http = $opt{http} // '';
    my $e = Meshkit::Edge->new(
        gateways => 2, alone => 1, fresh => 60,
        nginx => { user => $opt{user} // 'daemon', log_level => 'info', allow => [
            qr/\[crit\].*(?:temp\/|cache\/)/,
            qr/\[alert\].*worker_connections are not enough/,
            qr/\[alert\].*socket\(\) failed \(24/,
            qr/\[crit\].*accept4?\(\) failed \(24/ ] },
        text => {
            http => "proxy_cache_path %%DIR%%/temp/cache $cache"
                    . " keys_zone=blocks:1m;\n$http",
            server => 'location = /status { meshkit_status; }'
                      . 'location = /metrics { meshkit_status prometheus; }',
            gateway => <<'EOT', %{ $opt{text} // {} } });
proxy_buffering on;
proxy_cache blocks;
proxy_cache_valid 200 1h;
proxy_set_header Connection close;
EOT

    push @edges, $e;
    $e->{share_of_test} = $e->share(size => 500_000);
    $e->config($e->config_text =~ s/worker_connections \d+/$workers/r)
        if $workers;
    {
        # a file that grows too large is then a failure like others
        local $SIG{XFSZ} = 'IGNORE';
        $e->start;
    }

    return $e;
}


# No gateway is to blame, and the log says what was wrong, once for each open.
sub whole {
    my ($e, $path, $name, $cause, $said) = @_;

    my $share = $e->{share_of_test};
    my $before = status($e);
    my $log = length $e->nginx->error_log;

    my $r = $e->get($e->fresh("$path$share->{id}"), timeout => 30);

    is($e->outcome($r, $share), '200 ok', $name);
    is($e->log($r)->{gateways_failed}, 0, "$name: no gateway failed");

    my $after = status($e);
    my @failed = grep { $after->{localFailures}{$_}
                        > $before->{localFailures}{$_} }
                 sort keys %{ $after->{localFailures} };

    is("@failed", $cause, "$name: the counters name the cause");

    my @said = grep { /\[error\].*meshkit: local failure/ }
               split /\n/, substr $e->nginx->error_log, $log;

    is(scalar @said, 1, "$name: one line of the log");
    like($said[0] // '', $said, "$name: it names the cause");
    is_deeply([ map { $_->{rests}, grep { $_ } values %{ $_->{faults} } }
                @{ $after->{gateways} } ],
              [ map { 0 } @{ $after->{gateways} } ],
              "$name: no fault is counted");
}


my $storage = qr/nginx cannot use its cache or a temporary file/;
my @forms = qw(/car/ /raw/ /auto/ /one/car/ /one/raw/ /one/auto/);


# --- the temporary file and the cache cannot be written ------------------------

for my $row ([ 'a cache', 'use_temp_path=off', 'cache' ],
             [ 'a temp path', 'use_temp_path=on', 'proxy' ])
{
    my ($name, $cache, $folder) = @$row;

    my $e = edge($cache);
    my $path = $e->dir . "/temp/$folder";

    chown 0, 0, $path;
    chmod 0755, $path;

    whole($e, $_, "$name that cannot be written, $_", 'storage', $storage)
        for @forms;

    chmod 0777, $path;
    my $r = $e->get($e->fresh("/car/$e->{share_of_test}{id}"));
    is($e->outcome($r, $e->{share_of_test}), '200 ok',
       "$name that can be written again");

    # now it is in the cache, but cannot be read
    run_command({}, 'chmod', '-R', 'a-r', $e->dir . '/temp/cache');
    chmod 0755, $e->dir . '/temp/cache';
    run_command({}, 'sh', '-c',
                'chown 0 ' . $e->dir . '/temp/cache/*; chmod 000 '
                . $e->dir . '/temp/cache/*');
    $e->clear;
    whole($e, '/one/car/', "$name that cannot be read", 'storage', $storage);

    my %shown = $e->get('/metrics')->body
        =~ /^nginx_meshkit_local_failures_total\{cause="(\w+)"\} (\d+)$/mg;

    is_deeply(\%shown, status($e)->{localFailures},
              "$name: the same in Prometheus' format");
}


# --- what looks alike is the gateway's ------------------------------------------

# nginx gives a response up in the same way when it cannot parse its body.
{
    my $e = edge('use_temp_path=off');
    my $share = $e->{share_of_test};

    for my $row ([ 'car', 'application/vnd.ipld.car; version=1; order=dfs' ],
                 [ 'raw', 'application/vnd.ipld.raw' ])
    {
        my ($form, $type) = @$row;

        $e->gateway(0)->fault('garbage', bytes => join "\r\n",
            'HTTP/1.1 200 OK', "Content-Type: $type",
            'Transfer-Encoding: chunked', '', '3', 'abc', 'no chunk', '');

        my $r = $e->get($e->fresh("/$form/$share->{id}"));

        is($e->outcome($r, $share), '200 ok', "chunks that are none, $form");
        is($e->log($r)->{gateways_failed}, 1,
           "chunks that are none, $form: the gateway is blamed");
    }

    is(status($e)->{localFailures}{storage}, 0,
       'chunks that are none: no failure of this server');
}


# --- the disk is full in the middle of a CAR ------------------------------------

for my $size (20_000, 150_000, 400_000) {
    my $e = edge('use_temp_path=off', undef,
                 user => 'root',
                 http => 'proxy_buffers 4 4k; proxy_buffer_size 4k;');

    my $limited = run_command({}, 'prlimit', '--pid', $e->nginx->worker_pid,
                              "--fsize=$size");
    is($limited->{exit}, 0, "files of $size bytes at most");

    whole($e, $_, "files of $size bytes at most, $_", 'storage', $storage)
        for qw(/car/ /one/car/ /one/auto/);
}


# --- no connection is left ------------------------------------------------------

# Requests that are not complete: nginx drops idle connections by itself.
sub half_a_request {
    my ($e) = @_;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $client "GET / HTTP/1.1\r\n";
    $client->flush;
    select undef, undef, undef, 0.01;

    return $client;
}


sub occupy {
    my ($e, $free) = @_;

    my @clients;

    for (1 .. 60) {
        push @clients, half_a_request($e);

        my $log = $e->nginx->error_log;

        last if $log =~ /worker_connections are not enough/;
    }

    # the last one was not taken
    splice @clients, -1 - $free;

    select undef, undef, undef, 0.1;

    return @clients;
}

for my $form (qw(/raw/ /car/ /one/auto/)) {
    my $e = edge('use_temp_path=off', 'worker_connections 32',
                 http => 'meshkit_deadline 20s;');
    my $share = $e->{share_of_test};

    # the metadata service's connection is kept, a gateway's is not
    $e->get("/car/absent");

    my @clients = occupy($e, 1);
    my $r = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $r "GET $form$share->{id} HTTP/1.0\r\nX-Tag: busy\r\n\r\n";
    $r->flush;

    ok(wait_for(10, sub { $e->nginx->error_log =~ /meshkit: local failure/ }),
       "no connection is left, $form: the log says so");
    is($e->gateway->count + $e->gateway(1)->count, 0,
       "no connection is left, $form: nobody is asked");

    splice @clients, 0, 12;

    my $answer = do { local $/; <$r> };

    ok($answer =~ /\r\n\r\n\Q$share->{plain}\E\z/,
       "no connection is left, $form: it comes when there is one");
    is($e->log({ tag => 'busy' })->{gateways_failed}, 0,
       "no connection is left, $form: no gateway failed");
    @clients = ();

    my $status = status($e);
    cmp_ok($status->{localFailures}{connections}, '>', 0,
           "no connection is left, $form: that is counted");
    is($status->{gateways}[0]{rests}, 0,
       "no connection is left, $form: no gateway rests");
}

# Behind the header too: the client gets the rest when there is a connection.
{
    my $e = edge('use_temp_path=off', 'worker_connections 32',
                 http => 'meshkit_read_ahead 1; limit_rate 1m;');
    my $share = $e->share(size => 4_000_000);
    my $r = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $r "GET /raw/$share->{id} HTTP/1.0\r\nX-Tag: middle\r\n\r\n";
    $r->flush;

    my $answer = '';

    sysread $r, $answer, 65_536, length $answer while length $answer < 100_000;

    my $more = 1;
    my @clients;

    # the connection that the open has itself is taken as it ends
    while ($more && @clients < 200
           && $e->nginx->error_log !~ /meshkit: local failure/)
    {
        push @clients, half_a_request($e);
        $more = sysread $r, $answer, 65_536, length $answer
            if IO::Select->new($r)->can_read(0.01);
    }

    ok(scalar $e->nginx->grep_log(qr/meshkit: local failure/),
       'no connection is left behind the header');
    @clients = ();

    while ($more) { $more = sysread $r, $answer, 65_536, length $answer }

    ok($answer =~ /\r\n\r\n\Q$share->{plain}\E\z/,
       'no connection is left behind the header: the rest comes later');
    is($e->log({ tag => 'middle' })->{gateways_failed}, 0,
       'no connection is left behind the header: no gateway failed');
}

# A client that leaves in the pause takes its timer with it.
{
    my $e = edge('use_temp_path=off', 'worker_connections 32');
    my $pid = $e->nginx->worker_pid;
    my @clients = occupy($e, 1);
    my $r = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $r "GET /raw/$e->{share_of_test}{id} HTTP/1.0\r\n"
             . "X-Tag: gone\r\n\r\n";
    $r->flush;

    ok(wait_for(10, sub { $e->nginx->error_log =~ /meshkit: local failure/ }),
       'a client in a pause');
    close $r;
    is($e->log({ tag => 'gone' })->{outcome}, '',
       'a client in a pause leaves: the request ends');
    @clients = ();
    sleep 2;
    is($e->nginx->worker_pid, $pid, 'a client in a pause leaves: no harm');
}

# File descriptors.
{
    my $e = edge('use_temp_path=off', undef, user => 'root');
    my $share = $e->{share_of_test};
    my $pid = $e->nginx->worker_pid;
    my $used = () = glob "/proc/$pid/fd/*";

    run_command({}, 'prlimit', '--pid', $pid,
                '--nofile=' . ($used + 1) . ':20000');

    my $r = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $r "GET /car/$share->{id} HTTP/1.0\r\nX-Tag: files\r\n\r\n";
    $r->flush;

    ok(wait_for(10, sub { $e->nginx->error_log =~ /meshkit: local failure/ }),
       'no file descriptor is left: the log says so');
    run_command({}, 'prlimit', '--pid', $pid, '--nofile=20000:20000');

    my $answer = do { local $/; <$r> };

    ok($answer =~ /\r\n\r\n\Q$share->{plain}\E\z/,
       'no file descriptor is left: it comes when there is one');
    is($e->log({ tag => 'files' })->{gateways_failed}, 0,
       'no file descriptor is left: no gateway failed');
}


# For as long as meshkit_deadline: it is this server's failure, whoever was to
# be asked.  The metadata is a file here, or a service like others.
for my $row ([ 'a gateway', '/static/raw/' ], [ 'the metadata', '/raw/' ]) {
    my ($who, $path) = @$row;

    my $e = edge('use_temp_path=off', 'worker_connections 32',
                 http => 'meshkit_deadline 2s;', text => { server => <<'EOT' });
location = /status { meshkit_status; }
location ~ ^/static/raw/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_static;
    meshkit_gateway /_gw/0 raw;
}
location /_static/ { internal; alias %%DIR%%/html/; }
EOT
    my $share = $e->{share_of_test};

    $e->nginx->write("html/v1/capsules/$share->{id}", $share->{record}, 0644);

    my @clients = occupy($e, 1);
    my $r = $e->get("$path$share->{id}", timeout => 30);

    is($e->outcome($r, $share), '503 gateway_overloaded',
       "no connection to $who until the deadline");
    is_deeply([$r->headers('Retry-After')], [5],
              "no connection to $who until the deadline: when to come back");
    @clients = ();
    is($e->log($r)->{gateways_failed}, 0,
       "no connection to $who until the deadline: no gateway failed");
    like(join("\n", $e->nginx->grep_log(qr/refused: gateway_overloaded/)),
         qr/nginx has no connection or no file descriptor left/,
         "no connection to $who until the deadline: the log names the cause");
}


# --- no resolver ------------------------------------------------------------------

# What no try will change is the reason that the log gives.
{
    my $e = edge('use_temp_path=off', undef, text => {
        server => <<'EOT',
location = /status { meshkit_status; }
location ~ ^/unresolved/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_unresolved;
}
location ~ ^/second/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_unresolved;
    meshkit_gateway /_gw/0;
}
location ~ ^/unknown/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_unresolved;
    meshkit_gateway /_gw/0;
}
location /_unresolved/ {
    internal;
    set $host_of_it unresolved.example;
    proxy_pass http://$host_of_it:1;
}
EOT
    });
    my $share = $e->{share_of_test};

    is($e->outcome($e->get("/second/$share->{id}"), $share), '200 ok',
       'no resolver for the first of two gateways');

    my $r = $e->get("/unresolved/$share->{id}");

    is($e->outcome($r, $share), '500 internal_error', 'no resolver');
    is($e->log($r)->{gateways_failed}, 0, 'no resolver: no gateway failed');
    is(status($e)->{gateways}[0]{rests}, 0, 'no resolver: no gateway rests');
    is($e->code($e->get("/unknown/$share->{id}")), 'metadata_provider_error',
       'no resolver for the metadata');
    like(join("\n", $e->nginx->grep_log(qr/refused: metadata_provider_error/)),
         qr/nginx itself failed to send the request/,
         'no resolver for the metadata: the log says so');
}

$_->done for @edges;
done_testing();
