# meshkitctl open --gateway: CAR first, raw blocks where it goes wrong, the
# next gateway where those do.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/cli/lib';
use Meshkit::Cli;
use Meshkit::Gateway;
use Meshkit::Process qw(spawn end_process wait_for);

my $c = Meshkit::Cli->new->cast;
my $bytes = join '', map { pack 'N', $_ } 1 .. 700_000;
my $sealed = $c->seal($bytes);
my $id = $c->share;

my @gw = map { Meshkit::Gateway->run(blocks => $c->path('blocks')) } 1 .. 2;
$_->root($sealed->{cid}) for @gw;


sub url { return 'http://127.0.0.1:' . $_[0]->port }
sub urls { return map { ('--gateway', url($_)) } @gw[0 .. $_[0] - 1] }
sub formats { return join ' ', map { $_->arg('format') } $_[0]->requests }


sub opens {
    my ($name, $how_many, @args) = @_;

    $_->clear for @gw;
    my $r = $c->open($id, urls($how_many), @args);

    ok($r->{exit} == 0 && $c->read('out') eq $bytes, "$name: byte for byte")
        or diag($r->{err});
    $_->clear_faults for @gw;
    return $r;
}


sub fails {
    my ($name, $code, $how_many) = @_;

    my $r = $c->open($id, urls($how_many));

    is($r->{exit}, 1, "$name: refused");
    like($r->{err}, qr/^meshkitctl: $code: /m, "$name: $code");
    ok(!-e $c->path('out'), "$name: no file");
    $_->clear_faults for @gw;
}

# --- an honest gateway ------------------------------------------------------

opens('CAR', 1);
my ($asked) = $gw[0]->requests;
is($gw[0]->requests, 1, 'CAR: one request');
is($asked->uri, "/ipfs/$sealed->{cid}?format=car&dag-scope=entity"
   . '&car-version=1&car-order=dfs&car-dups=y', 'CAR: the query');
is($asked->header('Accept'),
   'application/vnd.ipld.car; version=1; order=dfs; dups=y',
   'CAR: Accept says the same');
is($asked->header('Accept-Encoding'), 'identity', 'CAR: no coding');

# --- one gateway that is half right -----------------------------------------

for my $fault ([ 'a changed block', 'flip', block => 2 ],
               [ 'a clean early end', 'cut', block => 3, into => 9 ],
               [ 'a truncated CAR', 'truncate', block => 2, into => 1000 ],
               [ 'a reset', 'reset', block => 2, into => 1000 ],
               [ 'blocks in another order', 'swap', block => 1 ],
               [ 'a surplus block', 'surplus', block => 1 ],
               [ 'no CAR at all', 'status', code => 406 ],
               [ 'another media type', 'type', type => 'text/html' ],
               [ 'a redirect', 'redirect', to => 'http://127.0.0.1:1/' ],
               [ 'a coding', 'gzip' ],
               [ '206', 'partial' ]) {
    my ($name, $kind, @args) = @$fault;

    $gw[0]->fault($kind, format => 'car', @args);
    opens($name, 1);
    like(formats($gw[0]), qr/^car raw( raw)*$/,
         "$name: goes on with raw blocks");
}

my $blocks = $sealed->{blocks};
$gw[0]->fault('flip', format => 'car', block => 2);
opens('from the verified position', 1);
is(scalar(my @raw = grep { $_->arg('format') eq 'raw' } $gw[0]->requests),
   $blocks - 2, 'raw blocks begin there');
is($raw[0]->header('Accept'), 'application/vnd.ipld.raw', 'raw: Accept');

# --- the next gateway -------------------------------------------------------

for my $fault ([ 'down for all', 'status', code => 503 ],
               [ 'wrong for one block', 'flip', block => 2 ],
               [ 'a block that is too large', 'lengthen', block => 2,
                 bytes => 'x' x (2 << 20) ],
               [ 'short raw blocks', 'truncate', at => 100 ]) {
    my ($name, $kind, @args) = @$fault;

    $gw[0]->fault($kind, @args);
    my $r = opens($name, 2);
    like($r->{err}, qr/warning: gateway http:\S+ (?:sent|ans|gave)/,
         "$name: the first is named");
}

$gw[0]->fault('flip', block => 2);
opens('the second continues', 2);
is(formats($gw[1]), 'raw ' x ($blocks - 3) . 'raw',
   'with what is missing, and no more');

$gw[0]->stop;
opens('the first is not there', 2);
is(formats($gw[1]), 'car', 'the second gives it all');
$gw[0]->start;

# --- none is left -----------------------------------------------------------

for my $n (1, 2) {
    $_->fault('flip', block => 2) for @gw;
    fails("other bytes from $n", 'cid_mismatch', $n);
    $_->fault('status', code => 500) for @gw;
    fails("status 500 from $n", 'provider_http_error', $n);
    $_->fault('truncate', at => 7) for @gw;
    fails("half an answer from $n", 'provider_request_failed', $n);
}

$gw[0]->fault('flip', block => 2);
$gw[1]->fault('status', code => 500);
fails('different failures', 'provider_request_failed', 2);

$gw[0]->fault('flip', block => 2);
my $r = $c->run({ plain => 1 }, $c->open_args($id, urls(1), '--out', '-'));
ok($r->{exit} == 1 && $r->{out} eq substr($bytes, 0, length $r->{out}),
   'streamed: only authentic bytes, and a failure');
$gw[0]->clear_faults;

# --- small and empty files --------------------------------------------------

for my $small ('', 'x') {
    $c->seal($small);
    my $got = $c->open($c->share, urls(1));
    ok($got->{exit} == 0 && $c->read('out') eq $small,
       length($small) . ' bytes by CAR');
}

# --- an interrupted opening -------------------------------------------------

$gw[0]->fault('stall', block => 2, into => 100);
my $pid = spawn('meshkitctl', sub {
    exec { $c->{binary} } $c->{binary}, $c->open_args($id, urls(1), '--out',
                                                      $c->path('late'));
});
my @temp;
ok(wait_for(60, sub { @temp = grep { m{/\.late\.} } $c->files }),
   'plaintext is in a temporary file');
is((stat $temp[0])[2] & 0777, 0600, 'that nobody else reads') if @temp;
end_process($pid, TERM => 60);
ok(!grep({ m{/\.late\.} } $c->files), 'a signal removes it');
ok(!-e $c->path('late'), 'and nothing has its name');

# --- how it is called -------------------------------------------------------

my %bad = ('ftp://host' => qr/http:/, 'http://u:p@host' => qr/password/,
           'http://host/?a' => qr/query/, 'http:///x' => qr/host/);

$c->refused("--gateway $_", 2, $bad{$_}, $c->open_args($id, '--gateway', $_))
    for sort keys %bad;
$c->refused('a password is not repeated', 2, qr/\A(?!.*s3cret)/s,
            $c->open_args($id, '--gateway', 'http://u:s3cret@host'));

$_->stop for @gw;
$c->done;
