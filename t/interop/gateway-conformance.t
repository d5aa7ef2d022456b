# The conformance suite of the IPFS project against conf.d/block-store.conf,
# which is the demo's store: what the specification says of raw blocks.  What
# does not apply to it is listed in docs/DESIGN.md.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use lib 't/docs/lib';
use Example qw(include);
use Meshkit::Cid qw(cid_text cid_with);
use Meshkit::Dag qw(car_read);
use Meshkit::Neighbour;
use Meshkit::Nginx;
use Meshkit::Process qw(run_command);

my $store = Meshkit::Nginx->new(no_module => 1, log_level => 'info');
my $suite = Meshkit::Neighbour->new('gateway-conformance',
                                    dir => $store->dir);

$suite->version(qr/version v?(\S+)/, '--version');
mkdir $store->dir . '/blocks';
$store->config(include('conf.d/block-store.conf'))->start;


sub suite {
    my (@args) = @_;

    return run_command({ timeout => 300 }, $suite->program, @args);
}


# A block is stored under its CIDv1.
sub store_fixtures {
    my $r = suite('extract-fixtures', '--merged=true', '--directory',
                  $store->dir . '/fixtures');

    is($r->{exit}, 0, 'its fixtures') or diag $r->{err};

    my ($header, @sections) = car_read($store->read('fixtures/fixtures.car'));
    for my $section (@sections) {
        my ($cid, $block) = @$section;
        $store->write('blocks/' . cid_text(cid_with($cid, version => 1)),
                      $block);
    }

    cmp_ok(scalar @sections, '>', 100, 'are stored');
}


# What became of each of its tests.
sub results {
    my %results;

    for my $line (split /\n/, $store->read('report.json')) {
        my $event = eval { JSON::PP->new->utf8->decode($line) };

        next if ref $event ne 'HASH' || !defined $event->{Test};
        $results{$event->{Test}} = $event->{Action}
            if $event->{Action} =~ /^(?:pass|fail|skip)$/;
    }

    return %results;
}


$suite->exercise('trustless-block-gateway: all of it' => sub {
    store_fixtures();

    my $r = suite('test', '--gateway-url',
                  'http://127.0.0.1:' . $store->port('front'), '--specs',
                  'trustless-block-gateway', '--json-output',
                  $store->dir . '/report.json');
    my %results = results();
    my @raw = grep { m{^TestTrustlessRaw} } sort keys %results;

    is($r->{exit}, 0, 'it is content');
    cmp_ok(scalar @raw, '>=', 10, 'it has run the tests of raw blocks');
    is($results{$_}, 'pass', $_) for @raw;
    is(scalar(grep { $_ eq 'fail' } values %results), 0, 'none failed');
    note scalar(@raw), ' tests of raw blocks';
});

$store->done;
done_testing();
