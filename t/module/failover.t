# Gateways that fail: with an honest one behind them the client gets the file,
# byte for byte, wherever they failed; without one, the code of the failure.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 3, accel => 1, alone => 1,
                           fresh => 400, text => {
    gateway => "proxy_read_timeout 1s;\nproxy_connect_timeout 5s;",
    server => 'location /secret/ { internal; alias %%DIR%%/html/; }',
    http => 'meshkit_read_ahead 2;',
});

# Seven leaves and a root: eight blocks.
my $share = $e->share(size => 7 * 65_504 - 1000, leaf => 65_536);
my @blocks = $e->gateway->entries($share->{cid});

is(scalar @blocks, 8, 'the file has eight blocks');

$e->nginx->write('html/accel.txt', 'a secret of this server');
$e->start;

my @bad = ($e->gateway(0), $e->gateway(1));


# A row: name, fault, its arguments, code when there is no other gateway
# (at the first block), whether it holds for a request as a whole.
my @faults = (
    [ 'wrong bytes', 'flip', {}, '502 cid_mismatch' ],
    [ 'a longer block', 'lengthen', {}, '502 cid_mismatch', 'raw' ],
    [ 'a shorter block', 'shorten', {}, '502 cid_mismatch', 'raw' ],
    [ 'an answer cut short', 'truncate', { into => 20, framing => 'length' },
      '504 provider_request_failed' ],
    [ 'chunks cut short', 'truncate_chunked', { into => 20 },
      '504 provider_request_failed' ],
    [ 'a connection reset', 'reset', { into => 20 },
      '504 provider_request_failed' ],
    [ 'silence', 'stall', { into => 20, seconds => 20 },
      '504 provider_request_failed' ],
    [ 'a clean end', 'missing', {}, undef, 'car' ],
    [ 'a clean end within a block', 'cut', { into => 20 }, undef ],
    [ 'a clean end after a length', 'lone_varint', {}, undef, 'car' ],
    [ 'text in the stream', 'text', {}, undef, 'car' ],
    [ 'blocks out of order', 'swap', {}, undef, 'car' ],
    [ 'a block left out', 'drop', {}, undef, 'car' ],
    [ 'a surplus block', 'surplus', {}, undef, 'car' ],
    [ 'another CID', 'other_cid', {}, undef, 'car' ],
    [ 'a section of 216 GB', 'section_length', {}, '502 cid_mismatch',
      'car' ],
    [ 'a section of nothing', 'zero_section', {}, undef, 'car' ],
    [ 'a varint that is not minimal', 'nonminimal_varint', {}, undef,
      'car' ],
);

my @whole = (
    [ '404', 'status', { code => 404 }, '502 provider_http_error' ],
    [ '410', 'status', { code => 410 }, '502 provider_http_error' ],
    [ '429', 'status', { code => 429,
                         headers => [ 'Retry-After' => 1 ] },
      '502 provider_http_error' ],
    [ '500', 'status', { code => 500 }, '502 provider_http_error' ],
    [ '502', 'status', { code => 502 }, '502 provider_http_error' ],
    [ '503', 'status', { code => 503 }, '502 provider_http_error' ],
    [ '504', 'status', { code => 504 }, '502 provider_http_error' ],
    [ '301', 'redirect', { to => 'http://127.0.0.1:1/' },
      '502 provider_http_error' ],
    [ '204', 'status', { code => 204, body => '' },
      '502 provider_http_error' ],
    [ '206', 'partial', {}, '502 provider_http_error' ],
    [ 'a web page', 'html', {}, '504 provider_request_failed' ],
    [ 'no media type', 'no_type', {}, '504 provider_request_failed' ],
    [ 'the file itself', 'whole_file', {}, '504 provider_request_failed' ],
    [ 'a gzip label', 'gzip', { label_only => 1 },
      '504 provider_request_failed' ],
    [ 'gzip', 'gzip', {}, '504 provider_request_failed' ],
    [ 'no HTTP', 'garbage', {}, '504 provider_request_failed' ],
    [ 'a reset before the header', 'reset', { at => -1 },
      '504 provider_request_failed' ],
    [ 'silence before the header', 'stall', { at => -1, seconds => 20 },
      '504 provider_request_failed' ],
    [ 'X-Accel-Redirect', 'x_accel', { to => '/secret/accel.txt' },
      '504 provider_request_failed' ],
    [ 'order=unk', 'order_unk', {}, '504 provider_request_failed', 'car' ],
    [ 'a CAR of version 3', 'header_version', {},
      '504 provider_request_failed', 'car' ],
    [ 'a CAR without header', 'header_missing', {},
      '504 provider_request_failed', 'car' ],
    [ 'an oversize block', 'oversize', {}, '502 cid_mismatch', 'raw' ],
);


sub break_it {
    my ($gateway, $fault, %args) = @_;

    return $gateway->fault($fault, %args, root => $share->{cid});
}


# One gateway is bad, then two; the third is honest.
sub saved {
    my ($name, $form, $fault, %args) = @_;

    for my $n (1, 2) {
        $e->heal;
        break_it($bad[$_], $fault, %args) for 0 .. $n - 1;

        my $r = $e->get($e->fresh("/$form/$share->{id}"), timeout => 30);
        my $log = $e->log($r);

        is($e->outcome($r, $share), '200 ok', "$name, $n gateways, $form");
        is("$log->{outcome} $log->{gateways_failed}", "ok $n",
           "$name, $n gateways, $form: both are counted");
    }

    $e->heal;
}


sub alone {
    my ($name, $form, $code, $fault, %args) = @_;

    break_it($bad[0], $fault, %args);

    my $r = $e->get($e->fresh("/one/$form/$share->{id}"), timeout => 30);

    is($e->outcome($r, $share), $code, "$name, no other gateway, $form");
    is($e->log($r)->{gateway}, '',
       "$name, no other gateway, $form: none gave a block");
    $e->heal;
}


# --- an answer that is bad as a whole ---------------------------------------

for my $row (@whole) {
    my ($name, $fault, $args, $code, $only) = @$row;

    for my $form ($only // qw(car raw)) {
        saved($name, $form, $fault, %$args);
        alone($name, $form, $code, $fault, %$args);
    }
}

for my $status (500, 503) {
    my $said = 'left at block 0: provider_http_error, the HTTP status is not '
               . "200, status $status";

    ok(scalar $e->nginx->grep_log(qr/\Q$said\E\b/),
       "the error log has the status $status");
}


# --- an answer that is bad at one block -------------------------------------

for my $row (@faults) {
    my ($name, $fault, $args, $code, $only) = @$row;

    for my $form ($only // qw(car raw)) {
        for my $at (0, 3, 7) {
            next if $fault eq 'swap' && $at > 0;
            saved("$name at block $at", $form, $fault, %$args,
                  cid => $blocks[$at]);
        }

        my $expected = $code // ($form eq 'raw'
                       ? '502 cid_mismatch' : '504 provider_request_failed');
        alone("$name at block 0", $form, $expected, $fault, %$args,
              block => 0);
    }
}


# --- auto: a CAR that fails is finished by raw blocks ------------------------

for my $row ([ 'a clean end', 'missing', {} ],
             [ 'a surplus block', 'surplus', {} ],
             [ 'text in the stream', 'text', {} ],
             [ 'wrong bytes', 'flip', {} ],
             [ 'a section of 216 GB', 'section_length', {} ],
             [ 'an answer cut short', 'truncate', { into => 20 } ])
{
    my ($name, $fault, $args) = @$row;

    for my $at (0, 1, 4, 7) {
        break_it($bad[0], $fault, %$args, format => 'car', block => $at);
        my $r = $e->get($e->fresh("/one/auto/$share->{id}"));
        is($e->outcome($r, $share), '200 ok',
           "$name at block $at of a CAR: the same gateway's blocks follow");
        $e->heal;
    }
}

# Wrong bytes in a CAR say nothing of the same gateway's blocks; wrong bytes in
# a block do, and it is not asked again.
for my $at (0, 4) {
    $e->clear;
    break_it($bad[0], 'flip', format => 'car', block => $at);
    my $r = $e->get($e->fresh("/auto/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', "wrong bytes at block $at of a CAR");
    is(scalar $bad[0]->asked_raw, 0,
       'another gateway is asked for blocks first');
    is($e->log($r)->{gateways_failed}, 1, 'and the first one has failed');
    $e->heal;

    $e->clear;
    break_it($_, 'flip', format => 'car', block => $at)
        for @bad, $e->gateway(2);
    $r = $e->get($e->fresh("/auto/$share->{id}"));
    is($e->outcome($r, $share), '200 ok',
       "wrong bytes at block $at of all CARs: blocks follow");
    $e->heal;

    $e->clear;
    break_it($bad[0], 'flip', format => 'car', block => $at);
    break_it($bad[0], 'flip', format => 'raw', block => $at);
    $r = $e->get($e->fresh("/one/auto/$share->{id}"), timeout => 30);
    is($e->outcome($r, $share), $at == 0 ? '502 cid_mismatch' : '200 cut',
       "wrong bytes at block $at of a CAR, and of the block");
    is(scalar(grep { $_ eq $blocks[$at] } $bad[0]->asked_raw), 1,
       'that block is asked for once');
    is(scalar $bad[0]->asked_car, 1, 'and the CAR, too');
    $e->heal;
}

{
    $e->clear;
    break_it($bad[0], 'status', code => 406, format => 'car');
    my $r = $e->get($e->fresh("/one/auto/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'a gateway without CAR');
    is(join(' ', $bad[0]->asked_car),
       $share->{cid}, 'was asked for a CAR once');
    is_deeply([ sort $bad[0]->asked_raw ], [ sort @blocks ],
              'then for the blocks');
    $e->heal;
}

# A subtree of one block cannot be out of order.
{
    break_it($bad[0], 'swap', block => 3, format => 'car');
    my $r = $e->get($e->fresh("/car/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'blocks 3 and 4 exchanged');
    is($e->log($r)->{gateways_failed}, 1, 'blocks 3 and 4 exchanged: noted');
    $e->heal;
}

# What was verified is not asked for again.
{
    $e->clear;
    break_it($bad[0], 'truncate', into => 20, block => 5, format => 'car');
    break_it($bad[0], 'status', code => 500, format => 'raw');
    my $r = $e->get($e->fresh("/auto/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'a CAR, then another gateway');
    is_deeply([ sort $e->gateway(1)->asked_raw ], [ sort @blocks[5 .. 7] ],
              'the next gateway is asked from the verified position on');
    is($e->gateway(2)->count, 0, 'the one behind it is not asked');
    like($e->log($r)->{gateway}, qr{^/_gw\d*/1$},
         'the variable names the last one');
    $e->heal;
}

# Each of three has some of the blocks.
for my $form (qw(raw auto)) {
    break_it($bad[0], 'status', code => 404, block => $_, format => 'raw')
        for 2, 5;
    break_it($bad[0], 'missing', block => 2, format => 'car');
    break_it($bad[1], 'status', code => 404, block => $_) for 1, 5;
    break_it($e->gateway(2), 'status', code => 404, block => $_) for 1, 2;
    my $r = $e->get($e->fresh("/$form/$share->{id}"));
    is($e->outcome($r, $share), '200 ok',
       "no gateway has all the blocks, together they do, $form");
    $e->heal;
}

# A gateway that is not there.
{
    $bad[0]->stop;
    for my $form (qw(car raw auto)) {
        my $r = $e->get($e->fresh("/$form/$share->{id}"));
        is($e->outcome($r, $share), '200 ok',
           "a connection that is refused, $form");
        $r = $e->get($e->fresh("/one/$form/$share->{id}"));
        is($e->outcome($r, $share), '504 provider_request_failed',
           "a connection that is refused, no other gateway, $form");
    }
    $bad[0]->start;
}

# Gateways that disagree about what is wrong.
{
    break_it($bad[0], 'status', code => 404);
    break_it($bad[1], 'flip');
    break_it($e->gateway(2), 'status', code => 500);
    my $r = $e->get($e->fresh("/raw/$share->{id}"));
    is($e->outcome($r, $share), '504 provider_request_failed',
       'different failures at different gateways');
    is($e->log($r)->{gateways_failed}, 3, 'all three are counted');
    $e->heal;

    break_it($_, 'flip') for @bad, $e->gateway(2);
    $r = $e->get($e->fresh("/auto/$share->{id}"));
    is($e->outcome($r, $share), '502 cid_mismatch',
       'wrong bytes at all of them');
    $e->heal;

    break_it($_, 'status', code => 403 + $_->port % 7)
        for @bad, $e->gateway(2);
    $r = $e->get($e->fresh("/auto/$share->{id}"));
    is($e->outcome($r, $share), '502 provider_http_error',
       'an HTTP failure at all of them');
    $e->heal;
}

# A gateway that nothing is known of is asked in the operator's order.
{
    $e->clear;
    my $r = $e->get($e->fresh("/car/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'and all is well again');
    is($e->log($r)->{gateways_failed} . $e->gateway(1)->count, '00',
       'with the first gateway alone');
}

# A block after the last one is nobody's business any more.
{
    break_it($bad[0], 'trailing_block', format => 'car');
    my $r = $e->get($e->fresh("/one/car/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'a block behind the last');
    break_it($bad[0], 'append', bytes => "\n\n[error]\n", format => 'car');
    $r = $e->get($e->fresh("/one/car/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'text behind the last block');
    $e->heal;
}

$e->done;
done_testing();
