# A failure after the header: the client can tell that the file is not whole,
# the connection is not used again, and the log names the code.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;

my $e = Meshkit::Edge->new(gateways => 1, text => {
    gateway => 'proxy_read_timeout 1s;',
    http => 'meshkit_read_ahead 1;',
});

# 16 leaves of 64 KiB and a root.
my $share = $e->share(size => 16 * 65_504);
my $small = $e->share(size => 1000);
my @blocks = $e->gateway->entries($share->{cid});

$e->start;

my %faults = (
    'wrong bytes' => [ 'flip', 'cid_mismatch' ],
    'an answer cut short' => [ 'truncate', 'provider_request_failed',
                               into => 20 ],
    'a reset' => [ 'reset', 'provider_request_failed', into => 20 ],
    'silence' => [ 'stall', 'provider_request_failed', into => 20,
                   seconds => 20 ],
);


sub check_log {
    my ($r, $code, $name) = @_;

    my $log = $e->log($r);

    is("$log->{status} $log->{outcome} '$log->{completion}'",
       "200 $code ''", "$name: the access log shows it");
    is($log->{suggestion} ne '', 1, "$name: and what to do");
    is($log->{gateway}, '/_gw/0', "$name: and the gateway");
}


sub check_body {
    my ($r, $name) = @_;

    my $whole = length $share->{plain};

    is($r->header('Content-Length'), $whole, "$name: the length was sent");
    cmp_ok(length $r->body, '<', $whole, "$name: the body is short of it");
    cmp_ok(length $r->body, '<=', 9 * 65_504,
           "$name: nothing behind the failure was sent");
    is($r->body, substr($share->{plain}, 0, length $r->body),
       "$name: what was sent is the file's beginning");
}


for my $form (qw(car raw)) {
    for my $name (sort keys %faults) {
        my ($fault, $code, %args) = @{ $faults{$name} };
        my $what = "$name, $form";

        $e->gateway->fault($fault, %args, cid => $blocks[10],
                           format => $form);

        for my $version (qw(1.0 1.1)) {
            my $r = $e->get("/$form/$share->{id}", version => $version,
                            keepalive => 1,
                            headers => [ Connection => 'keep-alive' ]);
            my $name = "$what, HTTP/$version";

            is($r->status, 200, "$name: it began well");
            ok(!$r->complete && $r->error eq 'eof',
               "$name: the connection is closed") or diag $r->error;
            check_body($r, $name);
            check_log($r, $code, $name);
        }

        my $r = $e->curl("/$form/$share->{id}");
        is($r->exit, 18, "$what: curl sees a short body") or diag $r->err;
        check_body($r, "$what, curl");

        $r = $e->curl("/$form/$share->{id}", args => [ '--http1.0' ]);
        is($r->exit, 18, "$what: so does it with HTTP/1.0") or diag $r->err;

        $r = $e->curl("/$form/$share->{id}", h2 => 1);
        is($r->exit, 92, "$what: HTTP/2 resets the stream") or diag $r->err;
        check_body($r, "$what, HTTP/2");
        check_log($r, $code, "$what, HTTP/2");

        $e->heal;
    }
}


# A pipelined request behind an aborted reply is never answered: its answer
# would be taken for the rest of the file.
{
    $e->gateway->fault('flip', cid => $blocks[10]);
    $e->clear;

    my $request = "GET /car/$share->{id} HTTP/1.1\r\nHost: a\r\n\r\n"
                  . "GET /car/$small->{id} HTTP/1.1\r\nHost: a\r\n\r\n";
    my $r = $e->get('/', raw => $request);

    ok(!$r->complete, 'a pipelined request: the first is cut');
    is($r->body, substr($share->{plain}, 0, length $r->body),
       'a pipelined request: what came belongs to the first');
    is($e->metadata->count(qr/$small->{id}/), 0,
       'a pipelined request: the second is not looked at');
    $e->heal;
}

# Other streams of an HTTP/2 connection live on.
{
    $e->gateway->fault('flip', cid => $blocks[10]);

    my $h = Meshkit::Http2->connect($e->nginx->port('h2'));
    my @ids = map { $h->send(path => "/car/$_->{id}") }
              $small, $share, $small;

    $h->receive(20, sub { 3 == grep { $_->{ended} || defined $_->{reset} }
                              map { $h->stream($_) } @ids });
    push @ids, $h->send(path => "/car/$small->{id}");
    $h->receive(20, sub { $h->stream($ids[3])->{ended} });

    my @streams = map { $h->stream($_) } @ids;

    ok(defined $streams[1]{reset} && !$streams[1]{ended},
       'HTTP/2: the stream is reset, not ended');
    is($streams[1]{data}, substr($share->{plain}, 0,
                                 length $streams[1]{data}),
       'HTTP/2: what it carried is the beginning of the file');
    for my $n (0, 2, 3) {
        ok($streams[$n]{ended} && $streams[$n]{data} eq $small->{plain},
           "HTTP/2: stream $ids[$n] beside it is whole");
    }
    is($h->goaway, undef, 'HTTP/2: the connection stays');
    $e->heal;
}

# The log: one line that says what happened, the name of the file is not
# in it.
{
    my @lines = $e->nginx->grep_log(qr/meshkit: capsule .* aborted/);
    my @codes = grep { /"$share->{id}" aborted: (?:cid_m|provider_r)\w+/ }
                @lines;

    cmp_ok(scalar @lines, '>', 30, 'each abort has its line');
    is(scalar @codes, scalar @lines, 'with capsule and code');
    is(scalar(grep { !/\[error\]/ } @lines), 0, 'at level error');
}

# The worker is well, and so is the next open.
$e->opens($share, $_, "afterwards the file is whole, $_") for qw(car raw);

$e->done;
done_testing();
