# curl, by HTTP/1.0, 1.1 and 2: whole files, ranges, parts that are taken up,
# and how it tells that a transfer was cut.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes ();

use Meshkit::Clients;

my $c = Meshkit::Clients->new('curl', server => <<'EOT');
location ~ ^/whole/(?<cap>[^/]+)$ {
    meshkit_release whole;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0;
}
EOT

$c->neighbour->version(qr/^curl ([\d.]+)/, '--version');

my $share = $c->share(size => 10 << 20, name => 'film.bin');
my $other = $c->share(size => 300_000, name => 'small.bin');
my $text = $c->share(file => 'docs/FORMAT.md', type => 'text/plain');
my %refused = (
    expired => $c->share(size => 1000, exp => time - 60),
    revoked => $c->share(size => 1000, revoked => undef),
);

$c->edge->nginx->write('html/page.txt', 'plain ' x 1000);
$c->start;

# protocol in the log, arguments, options of url(), exit code of a cut
my @WAYS = (
    [ 'HTTP/1.0', [ '--http1.0' ], {}, 18 ],
    [ 'HTTP/1.1', [ '--http1.1' ], {}, 18 ],
    [ 'HTTP/2.0', [ '--http2-prior-knowledge' ], { h2 => 1 }, 92 ],
    [ 'HTTP/1.1', [ '--http1.1' ], { tls => 1 }, 18 ],
    [ 'HTTP/2.0', [ '--http2' ], { tls => 1 }, 92 ],
);


sub curl { return $c->run(qw(-q -sS --max-time 100), '--cacert',
                          $c->certificate, @_) }


sub each_way {
    my ($code) = @_;

    for my $way (@WAYS) {
        my ($protocol, $args, $opt, $exit) = @$way;
        my $name = $protocol . ($opt->{tls} ? ', TLS' : '');

        $c->forget;
        $code->($name, $protocol, sub {
            my ($share, @args) = @_;
            return curl($args, @args, $c->url($share, %$opt));
        }, $exit, sub { $c->url(@_, %$opt) });
    }
}


$c->exercise('whole files by HTTP/1.0, 1.1, 2 and by ALPN' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        my $r = $curl->($share, '-o', 'got');
        is($r->{exit}, 0, "$name: curl is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$name: byte by byte");
        is_deeply([ $c->seen ], [ "GET 200 $protocol" ], "$name: one GET");
        is($c->asked, '1 1', "$name: one decision");
    });
});


$c->exercise('HEAD: the length, and no byte is fetched' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        my $r = $curl->($share, '-I');
        is($r->{exit}, 0, "$name: curl is content") or diag $r->{err};
        like($r->{out}, qr/^content-length: $share->{size}\r$/mi,
             "$name: the length");
        is($c->gateway->count, 0, "$name: no gateway is asked");
        is($c->asked, '1 1', "$name: but everybody else");
    });
});


$c->exercise('--range: first, middle and last bytes, one leaf' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        for my $range ([ '0-99', 0, 100 ], [ '5000000-5099999', 5_000_000,
                       100_000 ], [ '-77', $share->{size} - 77, 77 ]) {
            my ($spec, $from, $length) = @$range;
            my $r = $curl->($share, '-o', 'part', '--range', $spec, '-w',
                            '%{http_code}');
            is("$r->{exit} $r->{out}", '0 206', "$name, $spec: partial");
            ok($c->file('part') eq substr($share->{plain}, $from, $length),
               "$name, $spec: byte by byte");
        }

        my $r = $curl->($share, '-f', '--range', 1 << 30);
        like("$r->{exit} $r->{err}", qr/^22 .*416/, "$name: behind the end");
    });

    $c->forget;
    curl('-o', 'part', '--range', '5000000-5000001', $c->url($share));
    cmp_ok($c->gateway->sent, '<', 2 << 20, 'the rest stays where it is');
});


# What is there is kept, and only the rest is asked for.
$c->exercise('-C - takes up a part, and If-Range keeps it honest' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        $c->put('got', substr $share->{plain}, 0, 4_000_000);
        my $r = $curl->($share, '-C', '-', '-o', 'got');
        is($r->{exit}, 0, "$name: curl is content") or diag $r->{err};
        is_deeply([ $c->seen ],
                  [ "GET 206 $protocol bytes=4000000-" ], "$name: the rest");
        is($c->sha256('got'), $share->{sha256}, "$name: byte by byte");
    });

    my ($etag) = curl('-I', $c->url($share))->{out} =~ /^etag: (\S+)\r$/mi;
    $c->put('got', substr $other->{plain}, 0, 1000);
    my $r = curl('-C', '-', '-o', 'got', '-H', "If-Range: $etag",
                 $c->url($other));
    is($r->{exit}, 33, 'another file under that name: no mixture');
    is($c->file('got'), substr($other->{plain}, 0, 1000), 'and no loss');
});


$c->exercise('--compressed: a page is, a share never' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        my @args = ('--compressed', '-o', 'got', '-D', 'head');
        $curl->('/page.txt', @args);
        like($c->file('head'), qr/^content-encoding: gzip/mi,
             "$name: the page") if $protocol ne 'HTTP/1.0';
        my $r = $curl->($text, @args);
        is($r->{exit}, 0, "$name: curl is content");
        unlike($c->file('head'), qr/^content-encoding/mi, "$name: the share");
        like($c->file('head'), qr/^content-length: $text->{size}\r$/mi,
             "$name: has a length");
        is($c->sha256('got'), $text->{sha256}, "$name: byte by byte");
    });
});


$c->exercise('--etag-compare: 304 for the same, 200 for another' => sub {
    my $mine = $c->share(id => 'changes', size => 200_000);
    my @args = ('--etag-save', 'etag', '--etag-compare', 'etag', '-o', 'got',
                '-w', '%{http_code} %{size_download}', $c->url($mine));

    is(curl(@args)->{out}, "200 $mine->{size}", 'the first time');
    $c->edge->clear;
    is(curl(@args)->{out}, '304 0', 'the second time');
    is($c->gateway->count, 0, 'no gateway is asked');
    is($c->asked, '1 1', 'but everybody else');
    is($c->sha256('got'), $mine->{sha256}, 'the file stays');

    $mine = $c->share(id => 'changes', size => 200_000);
    is(curl(@args)->{out}, "200 $mine->{size}", 'another under that name');
    is($c->sha256('got'), $mine->{sha256}, 'byte by byte');
    $c->edge->policy->deny;
    is(curl(@args)->{out} =~ s/ .*//r, '403', 'and no longer allowed');
});


# There is no Last-Modified: a time proves nothing of a share.
$c->exercise('-z: a time saves nothing, the file comes whole' => sub {
    $c->put('got', 'old');
    my $r = curl('-z', 'got', '-R', '-o', 'got', '-w', '%{http_code}',
                 $c->url($other));
    is("$r->{exit} $r->{out}", '0 200', 'curl is content');
    is($c->sha256('got'), $other->{sha256}, 'byte by byte');
});


sub is_problem {
    my ($bytes, $status, $code, $name) = @_;

    my $problem = eval { JSON::PP->new->utf8->decode($bytes) } // {};
    is(($problem->{status} // '') . ' ' . ($problem->{code} // ''),
       "$status $code", $name);
}


$c->exercise('refusals: a problem document; --fail exits with 22' => sub {
    my @cases = (
        [ '/open/nothing', 404, 'capsule_not_found' ],
        [ $refused{expired}, 410, 'share_expired' ],
        [ $refused{revoked}, 410, 'share_revoked' ],
    );

    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        for my $case (@cases) {
            my ($what, $status, $code) = @$case;
            my $r = $curl->($what, '-w', '\n%{content_type}');
            my ($body, $type) = $r->{out} =~ /^(.*)\n(.*)\z/s;

            is("$r->{exit} $type", '0 application/problem+json',
               "$name: a problem document");
            is_problem($body, $status, $code, "$name: $code");

            $r = $curl->($what, '--fail');
            is("$r->{exit} $r->{out}", '22 ', "$name: $code, --fail");
            $r = $curl->($what, '--fail-with-body');
            is($r->{exit}, 22, "$name: $code, --fail-with-body");
            is_problem($r->{out}, $status, $code, "$name: its body");
        }

        is($c->gateway->count, 0, "$name: no byte is fetched");
    });

    $c->edge->policy->deny;
    my $r = curl('--fail-with-body', $c->url($share));
    is($r->{exit}, 22, 'denied');
    is_problem($r->{out}, 403, 'policy_denied', 'denied: its body');

    $c->edge->policy->allow;
    $c->cut($other, 0);
    $r = curl('--fail-with-body', $c->url($other));
    is($r->{exit}, 22, 'wrong bytes from the beginning on');
    is_problem($r->{out}, 502, 'cid_mismatch', 'wrong bytes: its body');
});


$c->exercise('a cut is seen: exit 18 by HTTP/1, 92 by HTTP/2' => sub {
    $c->cut($share, 0.5);

    each_way(sub {
        my ($name, $protocol, $curl, $exit) = @_;

        my $r = $curl->($share, '-f', '-o', 'got');
        is($r->{exit}, $exit, "$name: $exit") or diag $r->{err};
        my $got = $c->file('got');
        ok(length $got && length $got < $share->{size}, "$name: it is short");
        ok($got eq substr($share->{plain}, 0, length $got),
           "$name: nothing but the file's beginning");
        my ($log) = $c->requests;
        is("$log->{status} $log->{outcome} '$log->{completion}'",
           "200 cid_mismatch ''", "$name: the access log has it too");
    });
});


$c->exercise('meshkit_release whole: a refusal in place of a cut' => sub {
    each_way(sub {
        my ($name, $protocol, $curl) = @_;

        is($curl->("/whole/$share->{id}", '-o', 'got')->{exit}, 0,
           "$name: content");
        is($c->sha256('got'), $share->{sha256}, "$name: byte by byte");
        unlink $c->saved . '/got';

        $c->cut($share, 0.5);
        my $r = $curl->("/whole/$share->{id}", '--fail', '-o', 'got');
        is($r->{exit}, 22, "$name: refused") or diag $r->{err};
        is_deeply([ $c->files ], [], "$name: not one byte");
        is_problem($curl->("/whole/$share->{id}")->{out}, 502,
                   'cid_mismatch', "$name: why");
        $c->edge->heal;
    });
});


$c->exercise('-C - after a cut: the file is whole, byte by byte' => sub {
    each_way(sub {
        my ($name, $protocol, $curl, $exit) = @_;

        unlink $c->saved . '/got';
        $c->cut($share, 0.5);
        is($curl->($share, '-o', 'got')->{exit}, $exit, "$name: cut");
        my $size = -s $c->saved . '/got';
        $c->edge->heal;
        is($curl->($share, '-C', '-', '-o', 'got')->{exit}, 0, "$name: on");
        is_deeply([ $c->seen(2) ], [ "GET 200 $protocol",
                  "GET 206 $protocol bytes=$size-" ], "$name: the rest");
        is($c->sha256('got'), $share->{sha256}, "$name: byte by byte");
    });
});


# curl 7.88 takes up a connection once more with prior knowledge, and finds a
# framing error there, with nginx's own pages too (16); it does so by ALPN.
sub reuses { return $_[0] ne 'HTTP/2.0' }


$c->exercise('-Z: eight at once, and a cut hurts only its own' => sub {
    my @eight = map { $c->share(size => 1_000_000 + $_) } 1 .. 8;

    each_way(sub {
        my ($name, $protocol, $curl, $exit, $url) = @_;

        return if !reuses($name);

        my ($first, @more) = reverse @eight;
        my @args = ('-Z', (map { ($url->($_), '-o', $_->{id}) } @more),
                    '-o', $first->{id});

        is($curl->($first, @args)->{exit}, 0, "$name: content");
        is($c->sha256($_->{id}), $_->{sha256}, "$name: $_->{id}") for @eight;

        $c->cut($eight[3], 0.5);
        # of streams side by side, curl may also call the one short
        like($curl->($first, @args)->{exit}, qr/^(?:18|$exit)$/,
             "$name: with a cut");
        is($c->sha256($_->{id}), $_->{sha256}, "$name: $_->{id} is whole")
            for grep { $_ != $eight[3] } @eight;
        $c->is_part($eight[3]{id}, $eight[3], "$name: the cut one");
        $c->edge->heal;
    });
});


# curl looks at its rate once in some 10 MB.
$c->exercise('--limit-rate: a slow client gets all of it' => sub {
    my $large = $c->share(size => 24 << 20);

    for my $opt ({}, { tls => 1 }) {
        my $name = $opt->{tls} ? 'HTTP/2.0' : 'HTTP/1.1';
        my $begin = Time::HiRes::time;
        my $r = curl('--limit-rate', '8M', '-o', 'got',
                     $c->url($large, %$opt));

        is($r->{exit}, 0, "$name: curl is content") or diag $r->{err};
        cmp_ok(Time::HiRes::time() - $begin, '>', 1, "$name: in its time");
        is($c->sha256('got'), $large->{sha256}, "$name: byte by byte");
    }

    is_deeply([ $c->seen(2) ], [ 'GET 200 HTTP/1.1', 'GET 200 HTTP/2.0' ],
              'two GETs');
});


$c->exercise('a refusal costs no connection' => sub {
    each_way(sub {
        my ($name, $protocol, $curl, $exit, $url) = @_;

        return if $protocol eq 'HTTP/1.0' || !reuses($name);

        my $r = $curl->($share, '-w', '%{num_connects} ',
                        $url->($refused{expired}), '-o', 'no', '-o', 'got');
        is("$r->{exit} $r->{out}", '0 1 0 ', "$name: one for both");
        is(scalar(grep { $_->{reuse} == 2 } $c->requests(2)), 1,
           "$name: nginx says so too");
        is($c->sha256('got'), $share->{sha256}, "$name: byte by byte");
    });
});


$c->done;
done_testing();
