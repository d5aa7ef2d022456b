# An open that ends because its worker does: at the end of
# worker_shutdown_timeout, or where nginx is stopped at once. Wherever the
# open stands, and by each protocol, the audit log, the error log and the
# counters say that it was the shutdown, and not the client or a failure.

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Process qw(spawn end_process run_command wait_for wait_process);
use Meshkit::Secrets;

use constant WAIT => 30;

my $e = Meshkit::Edge->new(policy => 'authzen',
    nginx => { shutdown => '1s' },
    text => { http => <<'EOT', policy => '', server => <<'EOT' });
meshkit_audit_log logs/audit.log;
meshkit_subject $http_x_tag;
meshkit_min_rate 0;
proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;
send_timeout 300s;
EOT
listen 127.0.0.1:%%PORT_tls%% ssl;
ssl_certificate %%DIR%%/tls.pem;
ssl_certificate_key %%DIR%%/tls.pem;
location ~ ^/whole/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_release whole;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/rate/(?<cap>.*)$ {
    limit_rate 20k;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/cached/(?<cap>.*)$ {
    limit_rate 20k;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_cached car;
}
location ^~ /_cached/ {
    internal;
    proxy_pass http://gw0/;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_valid 200 1h;
}
location = /status {
    meshkit_status;
}
EOT
my $t = $e->nginx;
my $json = JSON::PP->new->utf8;

Meshkit::Secrets::certificate($e->dir);

my %share = map { $_ => $e->share(id => $_, size => 400_000,
                                  $_ eq 'asked' ? (policy_id => 'p') : ()) }
            qw(unknown asked silent half cached plain);

$share{large} = $e->share(id => 'large', size => 20 << 20);
$share{small} = $e->share(id => 'small', size => 120_000);

# Where the open stands, its path, what of the file was released by then,
# and further arguments of curl.
my @states = (
    [ 'the metadata service is asked', '/raw/unknown', 0 ],
    [ 'the policy service is asked', '/raw/asked', 0 ],
    [ 'the gateway is asked for a CAR', '/car/silent', 0 ],
    [ 'the gateway is asked for a block', '/raw/silent', 0 ],
    [ 'the whole is verified', '/whole/half', 0 ],
    [ 'the gateway has fallen silent, CAR', '/car/half', 1 ],
    [ 'the gateway has fallen silent, raw', '/raw/half', 1 ],
    [ 'the client is slow, CAR', '/car/large', 1, '--limit-rate', '20k' ],
    [ 'the client is slow, raw', '/raw/large', 1, '--limit-rate', '20k' ],
    [ 'limit_rate holds the response back', '/rate/plain', 1 ],
    [ 'limit_rate holds its end back', '/rate/small', 1 ],
    [ 'a CAR goes into the cache', '/cached/cached', 1 ],
);
my %transport = (
    'HTTP/1.1' => sub { return "http://127.0.0.1:" . $t->port('front') },
    'HTTP/2' => sub { return ('--http2-prior-knowledge',
                              "http://127.0.0.1:" . $t->port('h2')) },
    TLS => sub { return ('-k', 'https://127.0.0.1:' . $t->port('tls')) },
);

$e->start;


sub silence {
    $e->metadata->mode('stall', at => -1, seconds => 60,
                       match => qr{capsules/unknown});
    $e->policy->mode('stall', at => -1, seconds => 60);
    $e->gateway->mode('stall', at => -1, seconds => 60,
                      match => qr{$share{silent}{cid}});
    $e->gateway->fault('stall', format => 'car', block => 4, seconds => 60,
                       into => 10, match => qr{$share{half}{cid}});
    $e->gateway->fault('stall', format => 'raw', block => 4, seconds => 60,
                       into => 10, root => $share{half}{cid});
}


sub lines { return map { $json->decode($_) }
                   $t->read('logs/audit.log') =~ /^(.*)\n/mg }


sub of { my ($tag, @lines) = @_;
         return grep { ($_->{'user.id'} // '') eq $tag } @lines }


sub status { return $json->decode($e->get('/status')->body) }


# All states by all transports at a time; curl's exit code of each.
sub begin {
    my ($round) = @_;

    my (%pid, %path, %began);

    for my $i (0 .. $#states) {
        my ($name, $path, $released, @args) = @{ $states[$i] };

        for my $protocol (sort keys %transport) {
            my ($tag, @url) = ("$round-$i-$protocol",
                               $transport{$protocol}->());
            my $url = pop @url;

            $began{$tag} = [ "$name, $protocol, $round", $released,
                             $path =~ m{/(\w+)$}, scalar @args ];
            $pid{$tag} = spawn($tag, sub {
                my $r = run_command({ timeout => 120 }, 'curl', '-q', '-sS',
                    '--max-time', 110, '-o', '/dev/null', '-H',
                    "X-Tag: $tag", @url, @args, "$url$path");
                POSIX::_exit($r->{exit});
            });
        }
    }

    return (\%began, \%pid);
}


# Those that release something have begun, the others ask.
sub stand {
    my ($began) = @_;

    my $streams = grep { $_->[1] } values %$began;
    my $n = keys %transport;

    return wait_for(WAIT, sub {
        my @lines = lines();
        return (grep { of($_, @lines) } keys %$began) == $streams
               && $e->metadata->count(qr{capsules/unknown}) == $n
               && $e->policy->count == $n
               && $e->gateway->count(qr{$share{silent}{cid}}) == 2 * $n;
    });
}


sub ended {
    my ($began, $pid, $what) = @_;

    # a slow one has much to read in its buffers still
    my @slow = map { delete $pid->{$_} } grep { $began->{$_}[3] } keys %$pid;

    is(scalar(grep { !wait_process($_, WAIT) } values %$pid), 0,
       "$what: no client takes what it has for the whole");
    end_process($_) for @slow;

    my @lines;

    wait_for(WAIT, sub {
        @lines = lines();
        return !grep { my $tag = $_; !grep { exists $_->{'meshkit.end'} }
                       of($tag, @lines) } keys %$began;
    });

    for my $tag (sort keys %$began) {
        my ($name, $released, $id) = @{ $began->{$tag} };
        my @of = of($tag, @lines);
        my $last = $of[-1] // {};

        is(join(' ', map { $_->{'meshkit.end'} // $_->{'event.type'}[1] }
                     @of), ($released ? 'allowed ' : '') . 'shutdown', $name);
        is(join(' ', map { $last->{$_} // '-' } qw(event.outcome event.reason
               http.response.status_code)),
           'failure - ' . ($released ? 200 : '-'),
           "$name: a failure that has no code");
        ok(($last->{'http.response.body.bytes'} // 1e9) < $share{$id}{size},
           "$name: which sent less than the file");
        is(join(' ', grep { $_ eq 'fail' }
                     values %{ $last->{'meshkit.checks'} // {} }), '',
           "$name: no check failed");
    }
}


sub counted {
    my ($status, $n, $name) = @_;

    is($status->{shutdown}, $n, "$name: are counted");
    is($status->{clientGone}, 0, "$name: and no client that left");
    is($status->{aborted} + sum0(values %{ $status->{opens} }), 0,
       "$name: and no outcome");
    is(sum0(map { values %{ $_->{faults} } } @{ $status->{gateways} }), 0,
       "$name: and no fault of a gateway");
}


# --- the end of worker_shutdown_timeout -------------------------------------

silence();

my ($began, $pid) = begin('time-out');
my $n = keys %$began;

ok(stand($began), 'all opens stand where they are to') or diag explain lines();
ok($t->reload, 'reload');
ended($began, $pid, 'time-out');

is(scalar(my @said = $t->grep_log(
       qr/\[warn\] .* meshkit: capsule "\w+" ended by shutdown: worker_shutdown_timeout is over/)),
   $n, 'each has a line in the error log');
is(scalar(grep { !$_ } map { my $id = $_->[2];
       scalar grep { /capsule "$id" / } @said } values %$began), 0,
   'which names the capsule');
is(scalar($t->grep_log(qr/meshkit: (?:capsule "\w+" (?:refused|aborted)|gateway)/)), 0,
   'and nothing else is blamed');
counted(status(), $n, 'time-out');

{
    my $r = $e->get("/raw/plain");
    is($e->outcome($r, $share{plain}), '200 ok', 'the new worker serves');
    ok(wait_for(WAIT, sub { of($r->{tag}, lines()) == 2 }), 'both lines');
    is((of($r->{tag}, lines()))[-1]{'meshkit.end'}, 'complete', 'to the end');
}

# --- an end within the time, and a client that leaves meanwhile -------------

{
    my $r;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'));
    my $second = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'));
    my $old = $t->worker_pid;

    print $socket "GET /raw/silent HTTP/1.1\r\nHost: a\r\nX-Tag: left\r\n\r\n";
    print $second "GET /rate/small HTTP/1.0\r\nHost: a\r\nX-Tag: stays\r\n"
                  . "Range: bytes=0-25000\r\n\r\n";
    $_->flush for $socket, $second;
    ok(wait_for(WAIT, sub { of('stays', lines()) }), 'two that began');
    $t->reload;
    close $socket;
    ok(wait_for(WAIT, sub { of('left', lines()) }), 'the client left');
    is((of('left', lines()))[0]{'meshkit.end'}, 'client_gone',
       'a client that leaves an old worker has left');
    ok(wait_for(WAIT, sub { of('stays', lines()) == 2 }), 'the other ended');
    like((of('stays', lines()))[1]{'meshkit.end'}, qr/^(?:complete|shutdown)$/,
         'by itself, or by the shutdown');
}

# --- nginx is stopped at once -----------------------------------------------

{
    $e->heal->clear;
    silence();

    my $before = status()->{shutdown};

    ($began, $pid) = begin('stop');
    ok(stand($began), 'all opens stand where they are to')
        or diag explain lines();

    kill 'TERM', $t->worker_pid;
    ended($began, $pid, 'stop');
    is(scalar(@said = $t->grep_log(
           qr/\[warn\] .* meshkit: capsule "\w+" ended by shutdown: the worker was stopped/)),
       $n, 'each has a line in the error log');
}

$e->done;
done_testing();
