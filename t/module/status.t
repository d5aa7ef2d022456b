# meshkit_status: what is counted, that each event moves its own counter and
# no other, by all workers, over a reload, and that nobody is named.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(time);

use Meshkit::Edge;
use Meshkit::Process qw(spawn wait_for wait_process);

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 40,
    nginx => { workers => 2 }, text => {
    http => "log_format pid '\$pid';\n"
            . 'access_log %%DIR%%/logs/pid.log pid;',
    gateway => 'proxy_read_timeout 1s;',
    server => <<'EOT',
server_name edge.example;
location = /status { meshkit_status; }
location = /metrics { meshkit_status prometheus; }
location ~ ^/quoted/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway '/_quo"ted\\' raw;
    meshkit_gateway /_gw/1 raw;
}
location ~ ^/slow/(?<cap>.*)$ {
    meshkit_min_rate 2k;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_slow raw;
    meshkit_gateway /_gw/1 raw;
}
location /_slow/ {
    internal;
    proxy_pass http://gw0/;
}
EOT
});

my $t = $e->nginx;
my $share = $e->share(size => 300_000, id => 'nobody-knows-this-id');
my $expired = $e->share(size => 10, iat => 1, exp => 2);
my @blocks = $e->gateway->entries($share->{cid});
my $stored = sum0(map { -s $e->dir . "/share/blocks/$_" } @blocks);
my @kinds = qw(no_answer timeout refused http_status truncated too_slow
               mismatch malformed);

$e->start;


sub status { return JSON::PP->new->decode($e->get('/status')->body) }


sub gateway {
    my ($prefix, $status) = @_;

    my ($g) = grep { $_->{gateway} eq $prefix }
              @{ ($status // status())->{gateways} };
    return $g;
}


# A request is counted when it is over, which may be behind its last byte.
sub counted {
    my ($name, $want) = @_;

    my $status;
    my $ok = wait_for(20, sub {
        $status = status();
        return !grep { ($_ eq 'gone' ? $status->{clientGone}
                        : $_ eq 'aborted' ? $status->{aborted}
                        : $status->{opens}{$_}) != $want->{$_} } keys %$want;
    });

    ok($ok, $name) or diag explain $status;
    return $status;
}


# --- what there is ----------------------------------------------------------

{
    my $r = $e->get('/status');

    is($r->status . ' ' . $r->header('Content-Type'), '200 application/json',
       'JSON');
    is($r->header('Cache-Control'), 'no-store', 'JSON: is not kept');

    my $status = status();
    is(sum0(values %{ $status->{opens} }), 0, 'nothing was opened');
    is(scalar(grep { $_->{server} ne 'edge.example' }
              @{ $status->{gateways} }), 0, 'each gateway has its server');
    is(gateway('/_gw/0', $status)->{lastFault}, undef, 'and had no fault');
    is_deeply([ sort keys %{ gateway('/_gw/0', $status)->{faults} } ],
              [ sort @kinds ], 'the kinds of faults');

    my $head = $e->get('/status', method => 'HEAD');
    is($head->status . ' ' . length $head->body, '200 0', 'HEAD');
    is($e->get('/status', method => 'POST')->status, 405, 'POST');
}


# --- what is well -----------------------------------------------------------

{
    $e->opens($share, 'raw', 'an open by raw blocks');
    my $g = gateway('/_gw/0', counted('is counted', { ok => 1 }));

    is_deeply({ map { $_ => $g->{$_} } qw(requests opens blocks bytes
                                          droppedBytes rests) },
              { requests => scalar @blocks, opens => 1,
                blocks => scalar @blocks, bytes => $stored,
                droppedBytes => 0, rests => 0 }, 'and what it took');

    $e->opens($share, 'car', 'an open by CAR');
    my $status = counted('is counted, too', { ok => 2 });
    $g = gateway('/_gw/0', $status);
    is_deeply({ map { $_ => $g->{$_} } qw(requests opens blocks bytes) },
              { requests => @blocks + 1, opens => 2, blocks => 2 * @blocks,
                bytes => 2 * $stored }, 'in blocks and bytes alike');
    is($status->{plaintextBytes}, 2 * $share->{size}, 'plaintext');
    is(sum0(values %{ $g->{faults} }), 0, 'no fault');
    is(gateway('/_gw/1', $status)->{requests}, 0, 'the other: not asked');
}

# refusals ask no gateway
{
    my $before = gateway('/_gw/0')->{requests};

    is($e->outcome($e->get("/car/$expired->{id}")), '410 share_expired',
       'a refusal');
    is($e->outcome($e->get('/car/none')), '404 capsule_not_found',
       'another one');
    my $status = counted('each by its code', { ok => 2, share_expired => 1,
                                               capsule_not_found => 1 });
    is(gateway('/_gw/0', $status)->{requests}, $before, 'no gateway');
}


# --- what is not ------------------------------------------------------------

# A fault, and the kinds that it may count as; each at a gateway's location
# that nothing else was counted of.
my @faults = (
    [ 'a reset', 'raw', 'no_answer', 'reset', at => -1 ],
    [ 'no HTTP', 'raw', 'no_answer', 'garbage' ],
    [ 'silence', 'raw', 'timeout', 'stall', at => -1, seconds => 20 ],
    [ 'silence', 'car', 'timeout', 'stall', at => -1, seconds => 20 ],
    [ '404', 'raw', 'refused', 'status', code => 404 ],
    [ '451', 'car', 'refused', 'status', code => 451 ],
    [ '429', 'raw', 'http_status', 'status', code => 429 ],
    [ '500', 'raw', 'http_status', 'status', code => 500 ],
    [ '503', 'car', 'http_status', 'status', code => 503 ],
    [ 'a redirect', 'raw', 'http_status', 'redirect',
      to => 'http://127.0.0.1:1/' ],
    [ 'cut short', 'raw', 'truncated', 'truncate', into => 20 ],
    [ 'cut short', 'car', 'truncated', 'truncate', block => 2, into => 20 ],
    [ 'silence in the body', 'car', 'truncated', 'stall', block => 2,
      into => 20, seconds => 20 ],
    [ 'wrong bytes', 'raw', 'mismatch', 'flip', block => 2 ],
    [ 'wrong bytes', 'car', 'mismatch', 'flip', block => 2 ],
    [ 'too many bytes', 'raw', 'mismatch', 'oversize' ],
    [ 'a section of 216 GB', 'car', 'mismatch', 'section_length' ],
    [ 'a web page', 'raw', 'malformed', 'html' ],
    [ 'gzip', 'raw', 'malformed', 'gzip', label_only => 1 ],
    [ 'no order', 'car', 'malformed', 'order_unk' ],
    [ 'text', 'car', 'malformed', 'text', block => 2 ],
    [ 'a surplus block', 'car', 'malformed', 'surplus', block => 2 ],
);

my $opened = 2;

for my $row (@faults) {
    my ($name, $form, $kind, $fault, %args) = @$row;
    my $path = $e->fresh("/$form/$share->{id}");
    my ($prefix) = $path =~ m{^/fresh(\d+)/};
    my $what = "$name, $form";
    my $began = int time();

    $e->gateway(0)->fault($fault, %args, root => $share->{cid});
    is($e->outcome($e->get($path), $share), '200 ok', "$what: whole");

    my $status = counted("$what: the open is counted", { ok => ++$opened });
    my $g = gateway("/_gw$prefix/0", $status);
    my %others = %{ $g->{faults} };

    cmp_ok(delete $others{$kind}, '>=', 1, "$what: $kind");
    is(sum0(values %others), 0, "$what: and nothing else")
        or diag explain $g;
    is($g->{opens}, 0, "$what: it took part with a fault");
    is($g->{lastFault}{fault}, $kind, "$what: the last one");
    ok($g->{lastFault}{time} >= $began && $g->{lastFault}{time} <= time() + 1,
       "$what: is of now");
    is($g->{rests} > 0 ? 1 : 0,
       $kind eq 'refused' || ($form eq 'car' && $kind =~ /^(?:tr|ma)/) ? 0 : 1,
       "$what: whether it rests");
    cmp_ok($g->{droppedBytes}, '>', 0, "$what: bytes are dropped")
        if $kind eq 'mismatch' && $fault eq 'flip';

    my $other = gateway("/_gw$prefix/1", $status);
    is(sum0(values %{ $other->{faults} }), 0, "$what: the other is well");
    is($other->{opens}, 1, "$what: and took part");
    $e->heal;
}

{
    $e->gateway(0)->fault('drip', block => 0, root => $share->{cid},
                          bytes => 10, every => 0.5);
    is($e->outcome($e->get("/slow/$share->{id}", timeout => 60), $share),
       '200 ok', 'too slow: whole');
    counted('too slow: counted', { ok => ++$opened });
    is(gateway('/_slow')->{faults}{too_slow}, 1, 'too slow: its kind');
    $e->heal;
}

# An abort is one, and has its code.
{
    $e->gateway(0)->fault('flip', block => 3, root => $share->{cid});
    is($e->outcome($e->get("/one/car/$share->{id}"), $share), '200 cut',
       'an abort');
    counted('an abort: is counted', { ok => $opened, cid_mismatch => 1,
                                      aborted => 1 });
    $e->heal;
}


# --- a client that leaves ---------------------------------------------------

for my $at (-1, 70_000) {
    my $path = $e->fresh("/car/$share->{id}");
    my ($prefix) = $path =~ m{^/fresh(\d+)/};
    my $gone = status()->{clientGone};

    $e->clear;
    $e->gateway(0)->fault('stall', at => $at, seconds => 30);

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $t->port('front'));
    print $socket "GET $path HTTP/1.1\r\nHost: a\r\n\r\n";
    $socket->flush;
    ok($e->gateway(0)->wait_for_requests(1), "the client leaves, $at");
    close $socket;

    my $status = counted("the client leaves, $at: is counted",
                         { ok => $opened, gone => $gone + 1 });
    my $g = gateway("/_gw$prefix/0", $status);
    is(sum0(values %{ $g->{faults} }) + $g->{rests} + $g->{droppedBytes}, 0,
       "the client leaves, $at: nothing is held against the gateway")
        or diag explain $g;
    $e->heal;
}


# --- several workers --------------------------------------------------------

{
    my $stop = $e->dir . '/stop';
    my @pids = map {
        my $n = $_;
        spawn("client $n", sub {
            my $count = 0;
            while (!-e $stop) {
                my $r = $e->get("/raw/$share->{id}", timeout => 60);
                die "not whole\n" if $e->outcome($r, $share) ne '200 ok';
                $t->write("count.$n", ++$count);
            }
        });
    } 1 .. 6;

    my $both = sub {
        my %pid = map { $_ => 1 } $t->read('logs/pid.log') =~ /(\d+)/g;
        return (grep { -s $e->dir . "/count.$_" } 1 .. 6) == 6
               && keys %pid >= 2;
    };

    ok(wait_for(60, $both), 'two workers serve at the same time');
    $t->write('stop', '');
    is(scalar(grep { (wait_process($_, 60) // -1) != 0 } @pids), 0,
       'and all is well');
    $opened += $t->read("count.$_") for 1 .. 6;
    counted('two workers count in the same place', { ok => $opened });
}


# --- reload -----------------------------------------------------------------

{
    my $before = status();
    my $text = $t->read('nginx.conf');

    $text =~ s{location ~ \^/slow/}{location ~ ^/fast/(?<cap>.*)\$ {
        meshkit_open \$cap;
        meshkit_metadata /_meshkit/metadata;
        meshkit_gateway /_new raw;
    }
    location ~ ^/slow/};
    $text =~ s{meshkit_gateway /_slow raw;}{}g;
    $t->write('nginx.conf', $text);

    ok($t->reload, 'reload');
    ok(wait_for(20, sub { 2 == $t->worker_pids }), 'the old workers leave');

    my $after = status();
    is_deeply($after->{opens}, $before->{opens}, 'reload: counters stay');
    is_deeply(gateway('/_gw/0', $after), gateway('/_gw/0', $before),
              'reload: those of a gateway, too');
    is(gateway('/_slow', $after), undef, 'one that is gone is not shown');
    is(gateway('/_new', $after)->{requests}, 0, 'a new one begins at 0');

    $e->opens($share, 'raw', 'reload: an open');
    counted('reload: counting goes on', { ok => ++$opened });

    # back again: what was counted is still there
    $text =~ s{meshkit_gateway /_new raw;}{meshkit_gateway /_slow raw;};
    $t->write('nginx.conf', $text);
    ok($t->reload, 'reload: the old gateway again');
    ok(wait_for(20, sub { 2 == $t->worker_pids }), 'the old workers leave');
    is(gateway('/_slow')->{faults}{too_slow}, 1,
       'reload: it has its counters');
}


# --- Prometheus -------------------------------------------------------------

{
    my $r = $e->get('/metrics');
    my (%type, %value, %ended, @bad);
    my $last = '';

    is($r->header('Content-Type'),
       'text/plain; version=0.0.4; charset=utf-8', 'Prometheus: its type');
    like($r->body, qr/\n\z/, 'Prometheus: ends with a line feed');

    for my $line (split /\n/, $r->body) {
        my $label = qr/[a-z]+="(?:[^"\\\n]|\\["\\n])*"/;

        if ($line =~ /^# (HELP|TYPE) (nginx_meshkit_\w+) (.+)$/) {
            push @bad, $line if $ended{$2} || $1 eq 'TYPE' && $type{$2};
            $type{$2} = $3 if $1 eq 'TYPE';
            $ended{$last} = 1 if $last ne $2;
            $last = $2;

        } elsif ($line =~ /^(nginx_meshkit_\w+)(?:\{($label(?:,$label)*)\})?
                           \ (\d+)$/x)
        {
            my ($metric, $key, $count) = ($1, $1, $3);

            $key .= "{$2}" if defined $2;
            push @bad, $line if $metric ne $last || exists $value{$key};
            push @bad, $line if ($type{$metric} eq 'counter')
                                != ($metric =~ /_total\z/);
            $value{$key} = $count;

        } else {
            push @bad, $line;
        }
    }

    is("@bad", '', 'Prometheus: each line is well-formed and in its place');

    my $status = status();
    my $g = gateway('/_gw/0', $status);
    my $at = '{server="edge.example",gateway="/_gw/0"}';

    is_deeply({ map { /^nginx_meshkit_opens_total\{outcome="(\w+)"\}$/
                      ? ($1 => $value{$_}) : () } keys %value },
              $status->{opens}, 'Prometheus: the outcomes of JSON');
    is($value{"nginx_meshkit_gateway_blocks_total$at"}, $g->{blocks},
       'Prometheus: blocks');
    is($value{"nginx_meshkit_gateway_dropped_bytes_total$at"},
       $g->{droppedBytes}, 'Prometheus: dropped bytes');
    is($value{'nginx_meshkit_gateway_faults_total{server="edge.example",'
              . 'gateway="/_gw/0",fault="mismatch"}'},
       $g->{faults}{mismatch}, 'Prometheus: faults');
    is($value{'nginx_meshkit_opens_aborted_total'}, 1, 'Prometheus: aborts');

    my @quoted = grep { /gateway="\/_quo\\"ted\\\\"/ } keys %value;
    cmp_ok(scalar @quoted, '>', 5, 'a prefix with a quote is escaped');
    ok(gateway('/_quo"ted\\', $status), 'in JSON, too');

    for my $page ($r->body, $e->get('/status')->body) {
        is(join(' ', grep { index($page, $_) >= 0 } 'nobody-knows-this-id',
                @blocks, 'alice', '127.0.0.1'), '',
           'no share, no CID, no person is named');
    }
}


# --- mistakes ---------------------------------------------------------------

for my $row ([ 'meshkit_status xml;', qr/invalid parameter "xml"/ ],
             [ 'meshkit_status; meshkit_status;', qr/is duplicate/ ],
             [ 'meshkit_status; meshkit_open $uri;',
               qr/stands beside "meshkit_status"/ ],
             [ 'meshkit_open $uri; meshkit_status;',
               qr/stands in a location that serves something else/ ])
{
    my ($text, $message) = @$row;
    my ($code, $said) = $t->test_config(<<"EOC");
%%GLOBALS%%
http { %%HTTP%% server { listen 127.0.0.1:%%PORT_other%%;
location / { $text } } }
EOC

    isnt($code, 0, "$text: is refused");
    like($said, $message, "$text: and why");
}

# More gateways than there is room for: they are used, and not counted.
{
    my $many = join '', map { "location /l$_ { meshkit_gateway /_g$_/"
                              . 'x' x 500 . "; }\n" } 1 .. 300;
    my ($code, $said) = $t->test_config(<<"EOC");
%%GLOBALS%%
http { %%HTTP%% server { listen 127.0.0.1:%%PORT_other%%; $many } }
EOC

    is($code, 0, 'too many gateways: nginx starts') or diag $said;
    like($said, qr/\[warn\].*too many gateways, "[^"]+" is not counted/,
         'too many gateways: is said');
    unlike($said, qr/\[(?:crit|alert|emerg)\]/, 'and nothing worse');
}

$e->done;
done_testing();
