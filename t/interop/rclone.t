# rclone: one share by its URL, and a page with links as the folder that its
# http backend lists.  What was cut is never reported as copied.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use Test::More;

use Meshkit::Clients;

use constant SIZE => 12 << 20;

# A page of links is what an operator can list shares with.  rclone tells a
# folder by text/html, and looks for what it may see by HEAD.
my $c = Meshkit::Clients->new('rclone', server => <<'EOT');
location = /open/ {
    default_type text/html;
    try_files /shares.html =404;
}
EOT

$c->neighbour->version(qr/^rclone v([\d.]+)/, 'version');

my $name = encode_utf8('Übersicht – Ø 1.bin');
my $share = $c->share(size => SIZE, name => $name);
my $small = $c->share(size => 300_000);
my %refused = (
    expired => $c->share(size => 1000, exp => time - 60),
    revoked => $c->share(size => 1000, revoked => undef),
);

$c->edge->nginx->write('html/shares.html', '<!DOCTYPE html><title>s</title>'
    . join "\n", map { qq(<a href="$_->{id}">$_->{id}</a>) }
                 $share, $small, values %refused);
$c->start;


sub rclone { return $c->run('--config', '', '--ca-cert', $c->certificate,
                            qw(--retries 1 --low-level-retries 2), @_) }


sub remote {
    my ($what, %opt) = @_;

    return ":http,url='" . $c->url('/open/', %opt) . "':"
           . ($what ? $what->{id} : '');
}


# name, options of url(), protocol
my @WAYS = ([ 'HTTP/1.1', {}, 'HTTP/1.1' ], [ 'TLS', { tls => 1 },
                                              'HTTP/2.0' ]);

sub each_way {
    my ($code) = @_;

    for my $way (@WAYS) {
        my ($name, $opt, $protocol) = @$way;
        $c->empty->forget;
        $code->($name, $opt, $protocol);
    }
}


$c->exercise('copyurl: whole, and named by Content-Disposition' => sub {
    each_way(sub {
        my ($way, $opt, $protocol) = @_;

        my $r = rclone('copyurl', $c->url($share, %$opt), 'got');
        is($r->{exit}, 0, "$way: rclone is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$way: byte by byte");
        is_deeply([ $c->seen ], [ "GET 200 $protocol" ], "$way: one GET");
        $c->decided($way);
        unlink $c->saved . '/got';

        rclone(qw(copyurl -a --header-filename), $c->url($share, %$opt),
               '.');
        is_deeply([ $c->files ], [ $name ], "$way: its name in UTF-8");
        is($c->sha256($name), $share->{sha256}, "$way: the same");
    });
});


$c->exercise('copy of one share by its id, HEAD and then GET' => sub {
    each_way(sub {
        my ($way, $opt, $protocol) = @_;

        my $r = rclone('copy', remote($share, %$opt), 'folder');
        is($r->{exit}, 0, "$way: rclone is content") or diag $r->{err};
        is($c->sha256("folder/$share->{id}"), $share->{sha256},
           "$way: byte by byte");
        is_deeply([ $c->seen(3) ], [ ("HEAD 200 $protocol") x 2,
                                     "GET 200 $protocol" ], "$way: requests");
        $c->decided($way);
    });
});


$c->exercise('copy with four streams: four ranges, one file' => sub {
    each_way(sub {
        my ($way, $opt, $protocol) = @_;

        my $r = rclone(qw(copyto --multi-thread-cutoff 1M
                          --multi-thread-streams 4),
                       remote($share, %$opt), 'got');
        is($r->{exit}, 0, "$way: rclone is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$way: byte by byte");

        my $n = SIZE / 4;
        is_deeply([ sort grep { /^GET/ } $c->seen(6) ],
                  [ sort map { "GET 206 $protocol bytes=" . $_ * $n . '-'
                               . ($_ * $n + $n - 1) } 0 .. 3 ],
                  "$way: four ranges");
        $c->decided($way);
    });
});


$c->exercise('a page of links is a folder: lsf, copy, check' => sub {
    my $r = rclone(qw(lsf --format ps), remote());
    is($r->{out}, "$share->{id};$share->{size}\n$small->{id};"
       . "$small->{size}\n", 'what may be opened, with its size');
    is(join(' ', sort map { $_->{status} } grep { $_->{method} eq 'HEAD' }
                 $c->requests(5)), '200 200 410 410', 'the others are not');
    is($c->gateway->count, 0, 'no byte is fetched');

    each_way(sub {
        my ($way, $opt) = @_;

        is(rclone('copy', remote(undef, %$opt), 'all')->{exit}, 0,
           "$way: all are copied");
        is($c->sha256("all/$_->{id}"), $_->{sha256}, "$way: $_->{id}")
            for $share, $small;

        my @check = (qw(check --download), remote(undef, %$opt), 'all');
        is(rclone(@check)->{exit}, 0, "$way: check says that they are alike");
        $c->put("all/$small->{id}", 'x' x $small->{size});
        is(rclone(@check)->{exit}, 1, "$way: and sees that one is not");
    });
});


$c->exercise('cat: whole, a part of it, the end of it; hashsum' => sub {
    each_way(sub {
        my ($way, $opt) = @_;

        my $it = remote($share, %$opt);
        my $r = rclone('cat', $it);
        ok($r->{exit} == 0 && $r->{out} eq $share->{plain}, "$way: whole");
        $c->forget;
        is(rclone(qw(cat --offset 5000000 --count 77777), $it)->{out},
           substr($share->{plain}, 5_000_000, 77_777), "$way: a part");
        is(rclone(qw(cat --tail 5), $it)->{out},
           substr($share->{plain}, -5), "$way: the end");
        is_deeply([ map { $_->{range} || () } $c->requests(12) ],
                  [ 'bytes=5000000-5077776', 'bytes=' . (SIZE - 5) . '-' ],
                  "$way: by range");
        is(rclone(qw(hashsum sha256 --download), $it)->{out},
           "$share->{sha256}  $share->{id}\n", "$way: its hash");
    });
});


# rclone asks for the rest by itself, once for each low level retry.
$c->exercise('a cut: it goes on by range, and the file is whole' => sub {
    each_way(sub {
        my ($way, $opt, $protocol) = @_;

        $c->cut($share, 0.5, opens => 1);
        my $r = rclone('copyto', remote($share, %$opt), 'got');
        is($r->{exit}, 0, "$way: rclone is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$way: byte by byte");

        my ($first, $second, @more) = grep { $_->{method} eq 'GET' }
                                      $c->requests(4);
        is("$first->{outcome} '$first->{completion}'", "cid_mismatch ''",
           "$way: the first was cut");
        is("$second->{status} $second->{range} $second->{outcome}",
           "206 bytes=$first->{bytes}- ok", "$way: the second is the rest");
        is(scalar @more, 0, "$way: and that is all");
    });
});


$c->exercise('it stays cut: exit 5, and no file is left' => sub {
    each_way(sub {
        my ($way, $opt) = @_;

        $c->cut($share, 0.5);
        my %do = (
            copyto => [ 'copyto', remote($share, %$opt), 'got' ],
            copy => [ 'copy', remote($share, %$opt), 'folder' ],
            copyurl => [ 'copyurl', $c->url($share, %$opt), 'got' ],
        );

        for my $how (sort keys %do) {
            my $r = rclone(@{ $do{$how} });
            is($r->{exit}, 5, "$way, $how: fails") or diag $r->{err};
            is($c->sha256('got') . $c->sha256("folder/$share->{id}"),
               'no fileno file', "$way, $how: no file");
        }

        my $r = rclone('cat', remote($share, %$opt));
        is($r->{exit}, 5, "$way, cat: fails");
        ok(length $r->{out} && length $r->{out} < SIZE
           && $r->{out} eq substr($share->{plain}, 0, length $r->{out}),
           "$way, cat: the beginning");
        $r = rclone(qw(hashsum sha256 --download), remote($share, %$opt));
        unlike($r->{out}, qr/^[0-9a-f]{64} /m, "$way, hashsum: no hash");
    });
});


# With several streams it leaves what it has under the file's name, holes
# and all: its exit code has to be looked at.
$c->exercise('four streams, one cut: it fails, and leaves a part' => sub {
    each_way(sub {
        my ($way, $opt) = @_;

        $c->cut($share, 0.5);
        my $r = rclone(qw(copyto --multi-thread-cutoff 1M
                          --multi-thread-streams 4),
                       remote($share, %$opt), 'got');
        isnt($r->{exit}, 0, "$way: it fails");
        like($r->{err}, qr/multipart copy: .*(?:502|EOF|stream error)/,
             "$way: and says why");
        $c->is_part('got', $share, $way);
    });
});


$c->exercise('refusals: the status is said, no file is left' => sub {
    each_way(sub {
        my ($way, $opt) = @_;

        for my $share (values %refused) {
            for my $args ([ 'copyurl', $c->url($share, %$opt) ],
                          [ 'copyto', remote($share, %$opt) ]) {
                my $r = rclone(@$args, 'got');
                is($r->{exit}, 1, "$way, $args->[0], $share->{id}: fails");
                like($r->{err}, qr/410 Gone/, "$way: why");
            }
        }

        my $r = rclone('copyurl', $c->url('/open/nothing', %$opt), 'got');
        like("$r->{exit} $r->{err}", qr/^\d.*404 Not Found/s, "$way: 404");
        $c->edge->policy->deny;
        $r = rclone('copyto', remote($share, %$opt), 'got');
        like("$r->{exit} $r->{err}", qr/^1 .*403 Forbidden/s, "$way: 403");
        $c->edge->policy->allow;
        is($c->gateway->count, 0, "$way: no byte is fetched");
        is_deeply([ $c->files ], [], "$way: no file is left");
    });
});


$c->done;
done_testing();
