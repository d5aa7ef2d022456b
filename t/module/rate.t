# meshkit_min_rate: a gateway that drips is left, before the header and behind
# it; a client that drips is nobody's fault but its own.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Meshkit::Edge;
use Meshkit::Http;

my $e = Meshkit::Edge->new(gateways => 2, fresh => 12, forms => [qw(car raw)],
    text => { open => 'meshkit_min_rate 2k; meshkit_deadline 80s;' });
my $share = $e->share(size => 1_000_000);

my @cases = map { my $form = $_;
                  map { [ $form, $_, $e->share(size => 1_000_000) ] } 0, 5 }
            qw(car raw);

for my $case (@cases) {
    my ($form, $block, $share) = @$case;

    $e->gateway(0)->fault('drip', format => $form, block => $block,
                          root => $share->{cid}, bytes => 10, every => 0.5,
                          $form eq 'car' ? (match => qr/$share->{cid}/) : ());
}

$e->start;

# each waits ten seconds, so all run at once, with a file of its own
my %pids;

for my $case (@cases) {
    my ($form, $block, $share) = @$case;
    my $path = $e->fresh("/$form/$share->{id}");
    my $pid = fork;

    if ($pid == 0) {
        my $start = time;
        my $r = $e->get($path, timeout => 90);
        my $good = $r->status == 200 && $r->complete
                   && $r->body eq $share->{plain} && time - $start > 8;
        POSIX::_exit($good ? 0 : 1);
    }

    $pids{$pid} = "drips from block $block, $form";
}

for my $pid (sort keys %pids) {
    waitpid $pid, 0;
    is($?, 0, $pids{$pid} . ': the next gateway goes on');
}

ok($e->nginx->grep_log(qr/slower than meshkit_min_rate/), 'the log says why');
$e->heal;

# the client takes 60 kB a second for more than one period
{
    my $r = $e->get($e->fresh("/car/$share->{id}"), rate => 70_000,
                    rcvbuf => 4096, timeout => 90);

    is($e->outcome($r, $share), '200 ok', 'a slow client');
    is($e->log($r)->{gateways_failed}, 0, 'a slow client: no gateway is left');
}

# ... and one that reads nothing for two periods, then all
my $big = $e->share(size => 12_000_000);
{
    my $r = $e->get($e->fresh("/car/$big->{id}"), pause => 23,
                    rcvbuf => 4096, timeout => 120);

    is($e->outcome($r, $big), '200 ok', 'a client that pauses');
    is($e->log($r)->{gateways_failed}, 0,
       'a client that pauses: no gateway is left');
}

$e->done;
done_testing();
