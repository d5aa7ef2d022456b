# GNU Wget: what was cut is taken up until the file is whole, and what is
# refused or stays cut ends with an exit code of its own.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use Test::More;

use Meshkit::Clients;

my $c = Meshkit::Clients->new('wget');

$c->neighbour->version(qr/^GNU Wget ([\d.]+)/, '--version');

my $name = encode_utf8('Übersicht – Ø 1.bin');
my $share = $c->share(size => 10 << 20, name => $name);
my $small = $c->share(size => 300_000, name => 'small.bin');
my %refused = (
    expired => $c->share(size => 1000, exp => time - 60),
    revoked => $c->share(size => 1000, revoked => undef),
    stays => $c->share(size => 1000, no_download => undef),
);

$c->start;


sub wget { return $c->run(qw(--no-config --no-hsts --timeout=60),
                          '--ca-certificate', $c->certificate, @_) }


$c->exercise('whole files, by HTTP and by TLS' => sub {
    for my $opt ({}, { tls => 1 }) {
        my $what = $opt->{tls} ? 'TLS' : 'HTTP';
        my $r = wget(qw(-O got), $c->url($share, %$opt));

        is($r->{exit}, 0, "$what: wget is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$what: byte by byte");
    }

    is_deeply([ $c->seen(2) ], [ ('GET 200 HTTP/1.1') x 2 ], 'two GETs');
    is($c->asked, '2 2', 'two decisions');
});


$c->exercise('a cut: it asks for the rest, and has the file whole' => sub {
    for my $opt ({}, { tls => 1 }) {
        my $what = $opt->{tls} ? 'TLS' : 'HTTP';

        $c->forget;
        unlink $c->saved . '/got';
        $c->cut($share, 0.5, opens => 1);
        my $r = wget(qw(-O got), $c->url($share, %$opt));

        is($r->{exit}, 0, "$what: wget is content") or diag $r->{err};
        is($c->sha256('got'), $share->{sha256}, "$what: byte by byte");

        my ($first, $second, @more) = $c->requests(2);
        is("$first->{status} $first->{outcome} '$first->{completion}'",
           "200 cid_mismatch ''", "$what: the first was cut");
        is("$second->{status} $second->{outcome} $second->{completion}",
           '206 ok OK', "$what: the second was not");
        is($second->{range}, "bytes=$first->{bytes}-",
           "$what: it goes on where the first ended");
        is(scalar @more, 0, "$what: and that is all");
        is($c->asked, '2 2', "$what: each is a decision");
    }
});


$c->exercise('-c takes up a part; a whole file costs no byte' => sub {
    $c->put('got', substr $share->{plain}, 0, 4_000_000);
    is(wget(qw(-c -O got), $c->url($share))->{exit}, 0, 'wget is content');
    is_deeply([ $c->seen ], [ 'GET 206 HTTP/1.1 bytes=4000000-' ],
              'the rest');
    is($c->sha256('got'), $share->{sha256}, 'byte by byte');

    $c->forget;
    my $r = wget(qw(-c -O got), $c->url($share));
    is($r->{exit}, 0, 'again: wget is content');
    is_deeply([ $c->seen ], [ "GET 416 HTTP/1.1 bytes=$share->{size}-" ],
              'again: there is no rest');
    is($c->gateway->count, 0, 'again: no byte is fetched');
    is($c->sha256('got'), $share->{sha256}, 'again: the file stays');
});


# The rest begins with what is wrong: that is refused before any header.
$c->exercise('it stays cut: exit 4 or 8, with the beginning only' => sub {
    for my $tries (1, 2) {
        $c->forget;
        unlink $c->saved . '/got';
        $c->cut($share, 0.5);

        my $r = wget("--tries=$tries", qw(-O got), $c->url($share));
        is($r->{exit}, $tries == 1 ? 4 : 8, "$tries: its exit code")
            or diag $r->{err};
        is_deeply([ map { "$_->{status} $_->{outcome}" }
                    $c->requests($tries) ],
                  [ ('200 cid_mismatch', '502 cid_mismatch')
                    [0 .. $tries - 1] ], "$tries: what it got");
        my $got = $c->file('got');
        ok(length $got && $got eq substr($share->{plain}, 0, length $got),
           "$tries: what is there is the beginning");
        cmp_ok(length $got, '<=', 5 << 20, "$tries: up to the fault");
    }
});


$c->exercise('--spider asks, and fetches nothing' => sub {
    my $r = wget('--spider', $c->url($share));

    is($r->{exit}, 0, 'it is there');
    like($r->{err}, qr/^Length: $share->{size} /m, 'its length');
    is_deeply([ $c->seen ], [ 'HEAD 200 HTTP/1.1' ], 'one HEAD');
    is($c->gateway->count, 0, 'no byte is fetched');
    is(wget('--spider', $c->url($refused{expired}))->{exit}, 8, 'expired');
    $c->edge->policy->deny;
    is(wget('--spider', $c->url($share))->{exit}, 8, 'denied');
    is_deeply([ $c->files ], [], 'nothing is saved');
});


$c->exercise('-N: no Last-Modified, so it fetches again' => sub {
    for my $n (1, 2) {
        my $r = wget('-N', $c->url($small));

        is($r->{exit}, 0, "$n: wget is content");
        like($r->{err}, qr/Last-modified header missing/, "$n: it says so");
        is($c->sha256("$small->{id}"), $small->{sha256}, "$n: byte by byte");
        is_deeply([ $c->files ], [ $small->{id} ], "$n: one file");
    }

    is(scalar(grep { $_->{method} eq 'GET' } $c->requests(2)), 2, 'twice');
});


$c->exercise('--content-disposition: the UTF-8 name of the file' => sub {
    for my $as (qw(open download)) {
        my $r = wget(qw(--content-disposition
                        --restrict-file-names=nocontrol),
                     $c->url($share, as => $as));
        is($r->{exit}, 0, "$as: wget is content") or diag $r->{err};
        is_deeply([ $c->files ], [ $name ], "$as: its name");
        is($c->sha256($name), $share->{sha256}, "$as: byte by byte");
        unlink $c->saved . "/$name";
    }
});


$c->exercise('refusals: exit 8, nothing is saved, no second try' => sub {
    my @cases = (
        [ '/open/nothing', '404 capsule_not_found' ],
        [ $refused{expired}, '410 share_expired' ],
        [ $refused{revoked}, '410 share_revoked' ],
        [ $c->url($refused{stays}, as => 'download') =~ s{^.*?//[^/]*}{}r,
          '403 download_not_allowed' ],
    );

    for my $case (@cases) {
        my ($what, $outcome) = @$case;

        $c->forget;
        my $r = wget($c->url($what));
        is($r->{exit}, 8, "$outcome: a server's error");
        is_deeply([ map { "$_->{status} $_->{outcome}" } $c->requests ],
                  [ $outcome ], "$outcome: once");
        is_deeply([ $c->files ], [], "$outcome: nothing is saved");
    }

    $c->edge->policy->mode('status', code => 500);
    my $r = wget(qw(--content-on-error -O problem), $c->url($share));
    is($r->{exit}, 8, 'no decision');
    like($c->file('problem'), qr/"policy_provider_error"/,
         '--content-on-error keeps the problem document');
});


$c->done;
done_testing();
