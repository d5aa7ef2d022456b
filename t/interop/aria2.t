# aria2: eight ranges at once, each an open of its own with a decision of its
# own; what was cut, refused or killed in the middle is taken up.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use Test::More;

use Meshkit::Clients;
use Meshkit::Process qw(end_process wait_for wait_process);

use constant SIZE => 32 << 20;

my $c = Meshkit::Clients->new('aria2', gateways => 2);

$c->neighbour->version(qr/^aria2 version ([\d.]+)/, '--version');

my $name = encode_utf8('Übersicht – Ø 1.bin');
my $share = $c->share(size => SIZE, name => $name);
my %refused = (
    expired => $c->share(size => 1000, exp => time - 60),
    stays => $c->share(size => 1000, no_download => undef),
);

$c->start;

my @ARGS = (qw(--no-conf --enable-dht=false --enable-dht6=false
               --file-allocation=none --summary-interval=0
               --console-log-level=warn --timeout=60 --retry-wait=0),
            '--ca-certificate=' . $c->certificate);
my @SPLIT = qw(-x 8 -s 8 -k 1M);


sub aria2 { return $c->run(@ARGS, @_) }


$c->exercise('eight ranges at once, byte by byte' => sub {
    for my $opt ({}, { tls => 1 }) {
        my $what = $opt->{tls} ? 'TLS' : 'HTTP';

        $c->forget;
        unlink $c->saved . '/got';
        # slow enough that none has ended before the last begins
        my $r = aria2(@SPLIT, '--max-overall-download-limit=16M', '-o',
                      'got', $c->url($share, %$opt));
        is($r->{exit}, 0, "$what: aria2 is content") or diag $r->{out};
        is($c->sha256('got'), $share->{sha256}, "$what: byte by byte");
        is_deeply([ $c->files ], [ 'got' ], "$what: one file");

        my @all = $c->requests;
        my ($first, @more) = sort { $a->{range} cmp $b->{range} } @all;
        is($first->{range}, '', "$what: one without a range");
        cmp_ok(scalar @more, '>=', 7, "$what: seven or more with one");
        is(scalar(grep { $_->{range} !~ /^bytes=\d+-\d+$/ } @more), 0,
           "$what: each with both ends");
    }
});


$c->exercise('each range is a decision of its own' => sub {
    aria2(@SPLIT, '-o', 'got', $c->url($share));
    cmp_ok(scalar(my @all = $c->decided('allowed')), '>=', 8,
           'eight or more');

    # the fourth question and those behind it: no
    $c->forget;
    $c->edge->policy->mode('replace', from => 'true', to => 'false',
                           skip => 3);
    my $r = aria2(@SPLIT, '-o', 'denied', $c->url($share));
    is($r->{exit}, 22, 'denied later: a bad status') or diag $r->{out};
    my %n;
    $n{$_->{status} =~ s/206/200/r}++ for $c->decided('denied later');
    ok($n{200} >= 1 && $n{200} <= 3,
       "denied later: no more than three got bytes, $n{200}");
    is(join(' ', grep { !/^(?:200|499)$/ } sort keys %n), '403',
       'denied later: the others were refused');
    $c->is_part('denied', $share, 'denied later');
});


$c->exercise('the name that Content-Disposition has, in UTF-8' => sub {
    for my $as (qw(open download)) {
        is(aria2($c->url($share, as => $as))->{exit}, 0, "$as: content");
        is_deeply([ $c->files ], [ $name ], "$as: its name");
        is($c->sha256($name), $share->{sha256}, "$as: byte by byte");
        unlink $c->saved . "/$name";
    }
});


$c->exercise('--checksum: right exits 0, wrong exits 32' => sub {
    my @checked = map { "--checksum=sha-256=$_" } $share->{sha256}, '0' x 64;

    is(aria2(@SPLIT, $checked[0], '-o', 'got', $c->url($share))->{exit}, 0,
       'right');
    is(aria2(@SPLIT, $checked[1], '-o', 'got2', $c->url($share))->{exit}, 32,
       'wrong');
});


$c->exercise('killed, it goes on with what is missing' => sub {
    my $pid = $c->begin(@ARGS, @SPLIT, '-o', 'got', '--auto-save-interval=1',
                        '--max-overall-download-limit=4M', $c->url($share));
    my $saved = $c->saved . '/got.aria2';

    ok(wait_for(20, sub { -s $saved && -s $c->saved . '/got' }),
       'it has begun');
    my $inode = (stat $saved)[1];
    ok(wait_for(20, sub { (stat $saved)[1] != $inode }), 'and saved how far');
    end_process($pid);
    $c->is_part('got', $share, 'killed');

    $c->forget;
    my $r = aria2(@SPLIT, qw(-c -o got), $c->url($share));
    is($r->{exit}, 0, 'started anew: content') or diag $r->{out};
    is($c->sha256('got'), $share->{sha256}, 'byte by byte');
    is_deeply([ $c->files ], [ 'got' ], 'one file');

    # pieces begin at whole MiB, and what is missing of them does not
    my @amid = grep { $_->{range} =~ /^bytes=(\d+)/ && $1 % (1 << 20) }
               $c->decided('anew');
    cmp_ok(scalar @amid, '>=', 4, 'pieces go on where they ended');
});


$c->exercise('a lying gateway and an honest one: it notices nothing' => sub {
    $c->cut($share, 0.3);

    my $r = aria2(@SPLIT, '--max-tries=1', '-o', 'got', $c->url($share));
    is($r->{exit}, 0, 'aria2 is content at once') or diag $r->{out};
    is($c->sha256('got'), $share->{sha256}, 'byte by byte');
    cmp_ok($c->gateway(1)->count, '>', 0, 'the honest one was asked');
});


$c->exercise('a cut, and no other gateway: the next try has it' => sub {
    $c->cut($share, 0.3, opens => 1);
    $c->gateway(1)->mode('status', code => 404);

    my $r = aria2(qw(-s 1 -o got), $c->url($share));
    is($r->{exit}, 0, 'aria2 is content') or diag $r->{out};
    is($c->sha256('got'), $share->{sha256}, 'byte by byte');

    my @all = $c->decided('cut');
    is_deeply([ map { "$_->{status} $_->{outcome} '$_->{completion}'" }
                @all ],
              [ q(200 provider_request_failed ''), q(206 ok 'OK') ],
              'one was cut, one was not');
    is($all[1]{range}, "bytes=$all[0]{bytes}-" . (SIZE - 1),
       'the second is the rest');
});


$c->exercise('it stays cut: an error, and it knows what is missing' => sub {
    $c->cut($share, 0.3);
    $c->gateway(1)->mode('status', code => 404);

    my $r = aria2(@SPLIT, '--max-tries=2', '-o', 'got', $c->url($share));
    is($r->{exit}, 29, 'an error') or diag $r->{out};
    is_deeply([ $c->files ], [ 'got', 'got.aria2' ], 'it can go on later');
    $c->is_part('got', $share, 'cut');
    $c->decided('cut');

    $c->edge->heal;
    is(aria2(@SPLIT, '-o', 'got', $c->url($share))->{exit}, 0, 'later');
    is($c->sha256('got'), $share->{sha256}, 'later: byte by byte');
});


$c->exercise('refusals: exit 3 (404) or 22, asked once, no file' => sub {
    my @cases = (
        [ '/open/nothing', 3, '404 capsule_not_found' ],
        [ $refused{expired}, 22, '410 share_expired' ],
        [ "/download/$refused{stays}{id}", 22, '403 download_not_allowed' ],
    );

    for my $case (@cases) {
        my ($what, $exit, $outcome) = @$case;

        $c->forget;
        is(aria2(@SPLIT, $c->url($what))->{exit}, $exit, "$outcome: $exit");
        is_deeply([ map { "$_->{status} $_->{outcome}" } $c->requests ],
                  [ $outcome ], "$outcome: once");
        is_deeply([ $c->files ], [], "$outcome: no file");
    }

    $c->edge->policy->deny;
    is(aria2(@SPLIT, $c->url($share))->{exit}, 22, 'denied: 22');
    is_deeply([ $c->files ], [], 'denied: no file');
    is($c->gateway->count, 0, 'denied: no byte is fetched');
});


$c->done;
done_testing();
