# Lua in every phase, of clients' requests and of the module's own ones to its
# services: what it registers for a request ends with that request, and what
# it waits for may take longer than the module waits.

use strict;
use warnings;

use Test::More;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Meshkit::Edge;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

my @modules = qw(ndk_http_module ngx_http_lua_module);
my $reason = Meshkit::Nginx->lacks(@modules);

plan(skip_all => $reason) if $reason;

my $slow = Meshkit::Service->run(handler => sub {
    return { body => 'late', type => 'text/plain' };
});

$slow->mode('delay', seconds => 2.5);

my $x = 'local x = 1';

# on the level of the server, for clients and for the module's own requests
my %everywhere = (
    'a rewrite' => "rewrite_by_lua_block { $x }",
    'a variable' => "set_by_lua_block \$lua { return 1 }",
    'access' => "access_by_lua_block { $x }",
    'a rewrite that sleeps' => 'rewrite_by_lua_block { ngx.sleep(0.01) }',
    'the rewrite of the server' => "server_rewrite_by_lua_block { $x }",
    'filters' => "header_filter_by_lua_block { $x } "
                 . 'body_filter_by_lua_block { local x = ngx.arg[1] }',
    'the log' => 'log_by_lua_block { local x = ngx.var.request_uri } '
                 . 'log_subrequest on;',
    'all of it' => "server_rewrite_by_lua_block { $x } set_by_lua_block \$lua "
                   . '{ return ngx.var.uri } rewrite_by_lua_block { '
                   . "ngx.ctx.x = 1; ngx.sleep(0.001) } access_by_lua_block { "
                   . "$x } header_filter_by_lua_block { $x } "
                   . "body_filter_by_lua_block { $x } log_by_lua_block { $x }",
);

# in the location of one service: the first gateway's is waited for in vain
my $capture = 'ngx.location.capture("/_slow")';
my $socket = 'local s = ngx.socket.tcp(); s:settimeout(3000); '
             . 's:connect("127.0.0.1", %%PORT_slow%%); '
             . 's:send("GET / HTTP/1.0\r\n\r\n"); s:receive("*a")';
my $threads = 'local t = ngx.thread.spawn(function() ngx.sleep(2.5) end) '
              . 'ngx.thread.wait(t)';
my %inside = (
    'sleep' => [ 'ngx.sleep(2.5)', 'ngx.sleep(0.01)' ],
    'a subrequest' => [ $capture, 'ngx.location.capture("/_fast")' ],
    'a socket' => [ $socket, $x ],
    'threads' => [ $threads, $x ],
);


sub edge {
    my (%text) = @_;

    my $e = Meshkit::Edge->new(
        policy => 'authzen', tokens => 1, gateways => 2,
        nginx => { modules => \@modules },
        text => { %text,
            http => 'upstream slow { server 127.0.0.1:%%PORT_slow%%; } '
                    . 'lua_socket_log_errors off; meshkit_deadline 2s;',
            server => ($text{server} // '') . <<'EOT' });
location = /_slow { internal; proxy_pass http://slow; }
location = /_fast { internal; return 200 fast; }
location /page { return 200 page; }
EOT

    $e->nginx->port('slow', $slow->port);
    $e->policy->allow;
    $e->start;
    return $e;
}


sub begin {
    my ($e, $path, $tag) = @_;

    my $client = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));

    print $client "GET $path HTTP/1.1\r\nHost: a\r\nX-Tag: $tag\r\n\r\n";
    $client->flush;
    return $client;
}


sub leave {
    my ($e, $share, $form, $name) = @_;

    my $tag = join '-', 'left', $form, ++$e->{left};
    my @clients;

    for my $n (1 .. 10) {
        push @clients, begin($e, "/$form/$share->{id}", "$tag-$n");
        sleep 0.004 * $n;
        close $clients[-1];
    }

    ok(wait_for(20, sub { @clients == grep { /"tag":"$tag-/ } split /\n/,
                              $e->nginx->read('logs/edge.log') }),
       "$name: clients that leave, and all is at its end");
}


for my $name (sort keys %everywhere) {
    my $e = edge(server => $everywhere{$name});
    my $share = $e->share(size => 700_000, policy_id => 'p-1');
    my $worker = $e->nginx->worker_pid;

    for my $form (qw(car raw)) {
        $e->opens($share, $form, "$name, $form: opens") for 1 .. 2;
        is($e->get("/$form/$share->{id}", headers => [
               Range => 'bytes=100000-299999' ])->body,
           substr($share->{plain}, 100_000, 200_000), "$name, $form: a range");
        leave($e, $share, $form, "$name, $form");
    }

    is($e->code($e->get('/raw/nobody')), 'capsule_not_found',
       "$name: a refusal");
    is($e->nginx->worker_pid, $worker, "$name: one worker did it all");
    $e->done;
}

for my $name (sort keys %inside) {
    my ($long, $short) = @{ $inside{$name} };
    my $e = edge(gateway0 => "rewrite_by_lua_block { $long }",
                 gateway1 => "rewrite_by_lua_block { $short }",
                 metadata => "rewrite_by_lua_block { $short }");
    my $share = $e->share(size => 300_000, policy_id => 'p-1');
    my $worker = $e->nginx->worker_pid;

    for my $form (qw(car raw)) {
        my $begin = time;

        $e->opens($share, $form, "$name, $form: opens by the second gateway");
        cmp_ok(time - $begin, '<', 2.2,
               "$name, $form: without waiting for the first");
        leave($e, $share, $form, "$name, $form");
    }

    # whatever was left would come back by now
    sleep 3;

    ok(wait_for(20, sub { $e->held < 40 }), "$name: no file is left open");
    is($e->get('/page')->body, 'page', "$name: nginx is well");
    is($e->nginx->worker_pid, $worker, "$name: one worker did it all");
    $e->done;
}

# A subrequest of Lua's ends after the open did: nobody is asked any more.
{
    my $e = edge(policy => "rewrite_by_lua_block { $capture }");
    my $share = $e->share(size => 1000, policy_id => 'p-1');
    my $client = begin($e, "/raw/$share->{id}", 'later');
    my $line = <$client>;

    like($line, qr{^HTTP/1.1 503}, 'late for a decision: refused');
    is($e->log({ tag => 'later' })->{outcome}, 'policy_provider_error',
       'late for a decision: the request ends');
    is($e->policy->count, 0, 'late for a decision: nobody is asked for it');
    $e->done;
}

done_testing();
