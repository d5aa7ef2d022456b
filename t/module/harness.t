#!/usr/bin/perl

# The harness itself: a plain nginx, a client, backends that answer wrongly.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Digest::SHA qw(sha256);

use Meshkit::Cid qw(cid_parse cid_text cid_with cid_make cid_key varint RAW);
use Meshkit::Dag qw(car_read);
use Meshkit::Gateway;
use Meshkit::Gateway::Fault;
use Meshkit::Http;
use Meshkit::Metadata;
use Meshkit::Nginx;
use Meshkit::Policy;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

my $big = join '', map { chr($_ % 251) } 0 .. 299_999;
my $secret = 'a secret that is in no log';

my $backend = Meshkit::Service->run(handler => sub {
    my ($request) = @_;

    return { body => $big, size => length $big }
        if $request->path eq '/big';
    return { body => $request->body, type => 'text/plain' }
        if $request->method eq 'POST';
    return { body => 'ok' } if $request->path eq '/ok';
    return undef;
});

my $t = Meshkit::Nginx->new(no_module => 1);
$t->secret($secret, "\x01\x02\xfe\xff key");
$t->port('backend', $backend->port);
$t->write('html/a.txt', 'hello');
$t->write('html/big', $big);

my $config = <<'EOF_CONFIG';
%%GLOBALS%%

events {
    worker_connections 64;
}

http {
    %%HTTP%%
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;

    upstream backend {
        server 127.0.0.1:%%PORT_backend%%;
        keepalive 4;
    }

    server {
        listen 127.0.0.1:%%PORT_front%%;
        listen 127.0.0.1:%%PORT_h2%% http2;

        location /proxy/ {
            proxy_pass http://backend/;
        }

        location /internal/ {
            internal;
            return 200 "reached";
        }
    }
}
EOF_CONFIG

$t->config($config);
$t->start;

my $front = $t->port('front');


subtest 'nginx: configuration, workers, reload' => sub {
    my ($code, $output) = $t->test_config;
    is($code, 0, 'the configuration is accepted');
    like($output, qr/test is successful/, 'and nginx says so');

    ($code, $output) = $t->test_config("%%GLOBALS%%\nno_such;\n");
    is($code, 1, 'an unknown directive is refused');
    like($output, qr/unknown directive "no_such"/, 'with its name');

    my $pid = $t->worker_pid;
    ok($pid, 'the worker has a pid');
    cmp_ok($t->worker_rss, '>', 1000, 'and a resident size');
    cmp_ok($t->worker_rss('VmHWM'), '>=', $t->worker_rss, 'and a peak');

    ok($t->reload, 'a reload starts new workers');
    isnt($t->worker_pid, $pid, 'which are other ones');
    ok($t->grep_log(qr/signal 1 \(SIGHUP\)/), 'the log can be searched');
    isnt($t->port('x'), $t->port('y'), 'ports differ');
};


subtest 'client: what is complete and what is not' => sub {
    my $r = http_get($front, '/a.txt');
    is($r->status, 200, 'status');
    is($r->body, 'hello', 'body');
    is($r->header('content-length'), 5, 'header in any case');
    ok($r->complete, 'Content-Length was satisfied');

    $r = http_get($front, '/a.txt', method => 'HEAD');
    ok($r->complete && $r->body eq '', 'HEAD has no body');

    $r = http_get($front, '/a.txt', headers => [ Range => 'bytes=1-2' ]);
    is($r->status . $r->body, '206el', 'a header of the request');

    $r = http_get($front, '/a.txt', version => '1.0');
    ok($r->complete, 'HTTP/1.0');

    $r = http_get($front, '/a.txt', keepalive => 1);
    $r = http_get($front, '/a.txt', socket => $r->socket);
    is($r->body, 'hello', 'the socket can be used again');

    $r = http_get($front, '/big', limit => 1000);
    is($r->error, 'limit', 'only a part is read');
    cmp_ok($r->length, '>=', 1000, 'of the size asked for');

    $r = http_get($front, '/big', rate => 1_000_000);
    ok($r->complete && $r->body eq $big, 'a slow client gets all');
    cmp_ok($r->elapsed, '>', 0.2, 'and takes its time');

    $r = http_get($front, '/a.txt', partial => 10, timeout => 0.3);
    is($r->error, 'timeout', 'half a request has no answer');

    $r = http_get($front, '', raw => "nonsense\r\n\r\n");
    is($r->status, 400, 'raw bytes');

    my $length = 0;
    $r = http_get($front, '/big', sink => sub { $length += length $_[0] });
    is($length, length $big, 'the body goes to a sink');

    $r = http_get($t->port('free'), '/');
    is($r->error, 'connect', 'nobody listens');
};


subtest 'curl: HTTP/2' => sub {
    my $url = 'http://127.0.0.1:' . $t->port('h2');
    my $c = curl('--http2-prior-knowledge', "$url/a.txt");

    is($c->exit, 0, 'exit code');
    is($c->status, 200, 'status');
    is($c->version, 2, 'version');
    is($c->body, 'hello', 'body');
    is($c->header('content-length'), 5, 'header');

    $backend->mode('truncate', at => 1000);
    $c = curl('--http2-prior-knowledge', "$url/proxy/big");
    is($c->exit, 92, 'a reset stream');
    cmp_ok($c->length, '<=', 1000, 'with no more than had come');
    ok(!$c->complete, 'is not complete');
    $backend->mode('ok');
};


subtest 'service: records what it was asked' => sub {
    $backend->clear;

    http_get($front, '/proxy/ok?x=1%202',
             headers => [ 'X-A' => 1, 'X-B' => 2, 'X-A' => 3 ]);
    http_get($front, '/proxy/echo', method => 'POST', body => "\x00\xff");

    my ($get, $post) = $backend->requests;
    is($get->uri, '/ok?x=1%202', 'uri');
    is($get->arg('x'), '1 2', 'argument');
    is(join(',', $get->headers('x-a')), '1,3', 'duplicate headers');
    is(join(',', grep { /^X/ } $get->header_names), 'X-A,X-B,X-A', 'order');
    is($post->method, 'POST', 'method');
    is($post->body, "\x00\xff", 'binary body');
    is($get->conn, $post->conn, 'one connection');

    is($backend->count(qr{^/echo}), 1, 'count by uri');
    wait_for(20, sub { 2 == (() = $backend->outcomes) });
    is(join(',', $backend->outcomes), 'complete,complete', 'outcomes');
    is($backend->sent, 4, 'bytes sent');
    $backend->clear;
    is($backend->count, 0, 'the record can be cleared');
};


subtest 'service: routes, modes and counts' => sub {
    $backend->route(qr{^/ok}, status => 201, body => 'other',
                    headers => [ 'X-New' => 1 ]);
    my $r = http_get($front, '/proxy/ok');
    is($r->status . $r->body, '201other', 'a route wins over the handler');
    is($r->header('X-New'), 1, 'with its header');
    $backend->route(qr{^/ok}, body => $big);
    is(http_get($front, '/proxy/ok')->body, $big, 'a large body');
    $backend->clear_routes;
    is(http_get($front, '/proxy/ok')->body, 'ok', 'and the handler again');

    $backend->mode('status', code => 429, times => 1, skip => 1,
                   match => qr{ok}, headers => [ 'Retry-After' => 7 ]);
    my @r = map { http_get($front, '/proxy/ok') } 1 .. 3;
    is(join(',', map { $_->status } @r), '200,429,200', 'the second only');
    is($r[1]->header('Retry-After'), 7, 'a header of the mode');

    $backend->mode('gzip', label_only => 1);
    $backend->add_mode('headers', headers => [ 'X-Two' => 2 ]);
    my $both = http_get($front, '/proxy/ok');
    is($both->header('Content-Encoding'), 'gzip', 'one mode');
    is($both->header('X-Two'), 2, 'and a second');

    $backend->mode('x_accel', to => '/internal/');
    is(http_get($front, '/proxy/ok')->body, 'reached', 'X-Accel-Redirect');

    $backend->mode('garbage');
    is(http_get($backend->port, '/ok')->error, 'garbage', 'no HTTP at all');
    ok(!eval { $backend->mode('no such mode') }, 'a mode must exist');

    $backend->mode('pad', size => 9000);
    is(http_get($front, '/proxy/ok')->length, 9000, 'padded');
    $backend->mode('redirect', to => 'http://localhost/x');
    is(http_get($front, '/proxy/ok')->status, 301, 'redirect');
    $backend->mode('ok');
};


# Name, mode, whether the client may take the body for whole, its length.
my @ENDS = (
    [ 'length',           [ 'ok' ],                               1, 300_000 ],
    [ 'chunked',          [ framing => framing => 'chunked' ],    1, 300_000 ],
    [ 'close',            [ framing => framing => 'close' ],      0, 300_000 ],
    [ 'cut by length',    [ cut => at => 5000 ],                  1, 5000 ],
    [ 'cut to nothing',   [ cut => at => 0 ],                     1, 0 ],
    [ 'short of length',  [ truncate => at => 70_000 ],           0, 70_000 ],
    [ 'no last chunk',    [ truncate_chunked => at => 70_000 ],   0, 70_000 ],
    [ 'length too large', [ wrong_length => by => 10 ],           0, 300_000 ],
    [ 'length too small', [ wrong_length => by => -10 ],          1, 299_990 ],
    [ 'reset',            [ reset => at => 70_000 ],              0, 70_000 ],
    [ 'reset at once',    [ reset => at => -1 ],                  0, 0 ],
    [ 'appended',         [ append => bytes => 'xyz' ],           1, 300_003 ],
    [ 'bytes after it',   [ extra => bytes => 'xyz' ],            1, 300_000 ],
    [ 'dripped',          [ drip => bytes => 50_000,
                            every => 0.01 ],                      1, 300_000 ],
);

subtest 'service: ends of a body' => sub {
    for my $row (@ENDS) {
        my ($name, $mode, $complete, $length) = @$row;

        $backend->mode(@$mode);
        my $r = http_get($backend->port, '/big');
        is($r->length, $length, "$name: length");
        is(!!$r->complete, !!$complete, "$name: complete");
        is(substr($r->body, 0, 300_000), substr($big, 0, $length),
           "$name: bytes");
    }

    $backend->mode('ok');
};


subtest 'service: time, and clients that leave' => sub {
    $backend->mode('stall', at => 100_000);
    $backend->clear;
    my $r = http_get($backend->port, '/big', timeout => 3);
    is($r->error, 'timeout', 'a stall');
    is($r->length, 100_000, 'after its position');
    undef $r;
    wait_for(20, sub { $backend->outcomes });
    is(join(',', $backend->outcomes), 'client_gone', 'the service notices');
    is($backend->sent, 100_000, 'and knows what it sent');

    $backend->mode('stall', at => 100_000, seconds => 0.2, resume => 1);
    $r = http_get($backend->port, '/big');
    ok($r->complete, 'a stall that ends');
    cmp_ok($r->elapsed, '>=', 0.2, 'in time');

    $backend->mode('delay', seconds => 0.2);
    $r = http_get($backend->port, '/ok');
    cmp_ok($r->first_byte, '>=', 0.2, 'a late header');

    $backend->mode('endless');
    http_get($backend->port, '/ok', limit => 5_000_000);
    $backend->mode('ok');
    is(http_get($backend->port, '/ok')->body, 'ok', 'it survives a client');

    $backend->stop;
    is(http_get($front, '/proxy/ok')->status, 502, 'a backend that is down');
    $backend->start;
    is(http_get($front, '/proxy/ok')->body, 'ok', 'and up again');
};


subtest 'cid: forms of one address' => sub {
    my $text = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e';
    my $cid = cid_make(RAW, 'hello world');
    my $v0 = cid_with($cid, version => 0);

    is(cid_text($cid), $text, 'CIDv1 in base32');
    is(cid_text(cid_parse($text)), $text, 'and back');
    like(cid_text($v0), qr/^Qm.{44}$/, 'CIDv0');
    is(cid_key(cid_text($v0)), cid_key($text), 'is the same multihash');
    is(cid_key('B' . uc substr $text, 1), cid_key($text), 'upper case');
    is(cid_key('f' . unpack 'H*', $cid->{bytes}), cid_key($text), 'base16');
    is(cid_key('z' . Meshkit::Cid::base58($cid->{bytes})), cid_key($text),
       'base58');
    is(cid_parse($text . 'a'), undef, 'one character more');
    is(cid_parse('nonsense'), undef, 'no CID');
};


my $gateway = Meshkit::Gateway->run;
my $file = substr $big, 0, 6000;
my $root = $gateway->add_file($file, chunk => 1000, links => 4);
my @dfs = $gateway->entries($root);


sub ask {
    my ($cid, $format, %opt) = @_;

    return http_get($gateway->port, "/ipfs/$cid?format=$format", %opt);
}


# The shape of a CAR: the indexes of its sound blocks in the DAG, x for
# bytes that are not those of the CID, ? for a block of no place there.
sub shape {
    my ($r) = @_;

    my ($header, @sections) = car_read($r->body);
    my %at = map { cid_key($dfs[$_]) => $_ } 0 .. $#dfs;

    return join '', map {
        my ($cid, $block) = @$_;
        sha256($block) ne $cid->{digest} ? 'x' : $at{cid_key($cid)} // '?';
    } @sections;
}


subtest 'gateway: honest' => sub {
    is(scalar @dfs, 9, 'nine blocks in three levels');

    my $r = ask($root, 'raw');
    is($r->status, 200, 'raw');
    is($r->header('Content-Type'), 'application/vnd.ipld.raw', 'type');
    is(cid_key(cid_make(0x70, $r->body)), cid_key($root), 'bytes');

    $r = ask($root, 'car');
    is($r->header('Content-Type'),
       'application/vnd.ipld.car; version=1; order=dfs; dups=y', 'type');
    is(shape($r), '012345678', 'CAR in DFS order');
    ok($r->complete, 'complete');
    is(shape(ask($root, 'car', version => '1.0')), '012345678', 'HTTP/1.0');
    is(shape(ask("$root", 'car&dag-scope=block')), '0', 'one block of it');

    my (undef, @sections) = car_read(ask($root, 'car')->body);
    is(join('', map { $_->[1] } grep { $_->[0]{codec} == RAW } @sections),
       $file, 'the leaves are the file');

    my $v0 = cid_text(cid_with(cid_parse($root), version => 0));
    is(ask($v0, 'raw')->status, 200, 'by CIDv0');
    is(ask($root, 'car', method => 'HEAD')->status, 200, 'HEAD');
    is(ask('bafkqaaa', 'raw')->length, 0, 'the probe');
    is(ask(cid_text(cid_make(RAW, 'x')), 'raw')->status, 404, 'missing');
    is(ask($root, 'tar')->status, 400, 'another format');
    is(http_get($gateway->port, "/ipfs/$root", headers =>
                [ Accept => 'application/vnd.ipld.raw' ])->status, 200,
       'format by Accept');
    is(($gateway->asked_car)[0], $root, 'what was asked for');
    delete $gateway->{root};
    is($gateway->root, $root, 'the root is found');
};


# Fault, its arguments, the shape of the CAR, whether it ends as HTTP should.
my @FAULTS = (
    [ 'flip',           { block => 3 },                '012x45678', 1 ],
    [ 'flip',           { block => -1, byte => 0 },    '01234567x', 1 ],
    [ 'flip',           { cid => $dfs[4] },            '0123x5678', 1 ],
    [ 'shorten',        { block => 2, by => 10 },      '01x345678', 1 ],
    [ 'missing',        { block => 4 },                '0123',      1 ],
    [ 'cut',            { block => 4, into => 20 },    '0123',      1 ],
    [ 'truncate',       { block => 4, into => 20 },    '0123',      0 ],
    [ 'truncate_chunked', { block => 4 },              '0123',      0 ],
    [ 'reset',          { block => 5, into => 1 },     '01234',     0 ],
    [ 'drop',           { block => 4 },                '01235678',  1 ],
    [ 'swap',           { block => 2 },                '013245678', 1 ],
    [ 'breadth_first',  {},                            '016234578', 1 ],
    [ 'surplus',        { block => 2 },                '01?2345678', 1 ],
    [ 'repeat',         { block => 2 },                '0122345678', 1 ],
    [ 'trailing_block', {},                            '012345678?', 1 ],
    [ 'codec',          { block => 2 },                '012345678', 1 ],
    [ 'version',        { block => 0 },                '012345678', 1 ],
    [ 'other_cid',      { block => 2 },                '01x345678', 1 ],
    [ 'section_length', { block => 2 },                '01',        1 ],
    [ 'cid_version',    { block => 2 },                '01',        1 ],
    [ 'lone_varint',    { block => 2 },                '01',        1 ],
    [ 'zero_section',   { block => 2 },                '01',        1 ],
    [ 'nonminimal_varint', { block => 2 },             '012345678', 1 ],
    [ 'header_length',  {},                            '',          1 ],
    [ 'roots_null',     {},                            '012345678', 1 ],
    [ 'carv2',          {},                            '',          1 ],
    [ 'text',           { block => 3 },                '012',       1 ],
    [ 'text',           { block => 3, reset => 1 },    '012',       0 ],
    [ 'append',         { bytes => "\0junk" },         '012345678', 1 ],
    [ 'dups_n',         {},                            '012345678', 1 ],
    [ 'order_unk',      {},                            '012345678', 1 ],
    [ 'gzip',           {},                            '',          1 ],
    [ 'framing',        { framing => 'close' },        '012345678', 0 ],
);

subtest 'gateway: faults of a CAR' => sub {
    for my $row (@FAULTS) {
        my ($name, $args, $shape, $complete) = @$row;
        my $what = join ' ', $name, map { "$_=$args->{$_}" =~ s/\0/0/r }
                                    grep { $_ ne 'cid' } sort keys %$args;

        $gateway->clear_faults;
        $gateway->fault($name, format => 'car', %$args);
        my $r = ask($root, 'car');
        is(shape($r), $shape, $what);
        is(!!$r->complete, !!$complete, "$what: end");
    }
};


subtest 'gateway: every fault leaves raw requests alone or answers' => sub {
    for my $name (Meshkit::Gateway::Fault::names()) {
        $gateway->clear_faults;
        $gateway->fault($name);
        my $raw = ask($root, 'raw');
        my $car = ask($root, 'car');
        ok($raw->status && $car->status, $name);
    }
};


subtest 'gateway: faults of a format, of a block, of a time' => sub {
    $gateway->clear_faults;
    $gateway->fault('flip', block => 3, format => 'raw');
    is(shape(ask($root, 'car')), '012345678', 'not the CAR');
    is(cid_key(cid_make(RAW, ask($dfs[2], 'raw')->body)), cid_key($dfs[2]),
       'not another block');
    isnt(cid_key(cid_make(RAW, ask($dfs[3], 'raw')->body)),
         cid_key($dfs[3]), 'the block by its index');

    $gateway->clear_faults;
    $gateway->fault('status', format => 'raw', code => 429, times => 1,
                    headers => [ 'Retry-After' => 1 ]);
    $gateway->fault('headers', headers => [ 'X-Accel-Redirect' => '/x' ]);
    is(ask($root, 'car')->status, 200, 'a status for one format');
    is(ask($root, 'raw')->status, 429, 'and the other');
    my $r = ask($root, 'raw');
    is($r->status, 200, 'once');
    is($r->header('X-Accel-Redirect'), '/x', 'beside a second fault');

    $gateway->clear_faults;
    $gateway->fault('stall', format => 'car', block => 2, into => 5);
    $r = ask($root, 'car', timeout => 3);
    is(shape($r), '01', 'a stall inside of a block');
    is($r->error, 'timeout', 'is silence');

    $gateway->clear_faults;
    $gateway->remove_block($dfs[4]);
    is(shape(ask($root, 'car')), '0123', 'a child that is not there');
    is(ask($dfs[4], 'raw')->status, 404, 'by itself neither');
};


subtest 'metadata: records and redemptions' => sub {
    my $md = Meshkit::Metadata->run;
    my $get = sub { http_get($md->port, $_[0]) };

    is($get->('/v1/capsules/c1')->status, 404, 'no record');
    $md->capsule('c1', { id => 'c1' });
    is($get->('/v1/capsules/c1')->body,
       '{"capsule":{"id":"c1"},"status":{"state":"active"}}', 'a record');
    $md->record('/v1/capsules/c1', '{"capsule"');
    is($get->('/v1/capsules/c1')->body, '{"capsule"', 'any text');
    is($get->('/v1/../state')->status, 404, 'no way out');

    $md->member('v 1', 'alice@x', 1);
    is($get->('/v1/vaults/v%201/members/alice%40x')->body,
       '{"member":true}', 'a member');
    $md->capability('j1', 'revoked');
    like($get->('/v1/capabilities/j1')->body, qr/revoked/, 'a capability');

    my @r = map { http_get($md->port, '/v1/links/l1/redemptions',
                           method => 'POST', body => '{"max":2}') } 1 .. 3;
    is(join(' ', map { $_->status . $_->body } @r),
       '200{"remaining":1} 200{"remaining":0} 409{}', 'counted');
    is($md->redeemed('l1'), 3, 'and recorded');

    $md->mode('truncate', at => 3);
    my $r = $get->('/v1/capsules/c1');
    is($r->length . $r->error, '3eof', 'short');
};


subtest 'policy: answers' => sub {
    my $policy = Meshkit::Policy->run;
    my $ask = sub {
        http_get($policy->port, '/access/v1/evaluation', method => 'POST',
                 body => '{"action":{"name":"open"}}',
                 headers => [ 'X-Request-ID' => 'r1' ]);
    };

    is($ask->()->body, '{"decision":false}', 'no until told');
    is($ask->()->header('X-Request-ID'), 'r1', 'the id comes back');
    is($policy->last_request->json->{action}{name}, 'open', 'as asked');
    $policy->allow;
    is($ask->()->body, '{"decision":true}', 'yes');
    $policy->mode('wrong_echo');
    isnt($ask->()->header('X-Request-ID'), 'r1', 'another id');
    $policy->mode('true_as_text');
    is($ask->()->body, '{"decision":"true"}', 'nearly yes');
    $policy->answer(status => 403, body => '{"decision":true}');
    is($ask->()->status, 403, 'any answer');

    $policy = Meshkit::Policy->run(format => 'lit', decide => sub {
        return $_[0]{action}{name} eq 'open';
    });
    is($ask->()->body, '{"allowed":true}', 'lit, decided by code');
};

is(Meshkit::Nginx->lacks, '', 'no other module is wanted');
like(Meshkit::Nginx->lacks('no_such_module'), qr/^no_such_module: not inst/,
     'a module that is not installed is a reason to skip');


$t->done;

my $logs = Meshkit::Logs->new($t->dir . '/logs', [ qr/expected/ ]);
$t->write('logs/other.log', "x $secret y\n1 [alert] expected\n2 [alert] bad\n"
          . unpack('H*', "\x01\x02\xfe\xff key"));
$logs->secret($secret, "\x01\x02\xfe\xff key");
is(scalar($logs->secrets_found), 2, 'secrets are found in two forms');
is(join(',', $logs->unexpected(qr/\[alert\]/)), '2 [alert] bad',
   'an alert that was not expected is found');

done_testing();
