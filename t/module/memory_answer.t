# An answer that grew as it came leaves nothing in the worker: what held the
# beginning of it is wiped before it is given back.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Memory;
use Meshkit::Process qw(wait_for);

use constant { USER => 'www-data', WAIT => 20, SAID => 'as-the-service-says' };

plan skip_all => 'sanitizers keep what was freed' if $ENV{TEST_SANITIZED};
plan skip_all => 'only root reads the memory of a worker' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

my $e = Meshkit::Edge->new(nginx => { user => USER, log_level => 'info' },
                           forms => ['raw']);
my $share = $e->share(size => 1000);

$e->start;
$e->opens($share, 'raw', 'opens');

# of unknown length, so room is made for it as it comes
$e->metadata->mode('pad', size => 5000, with => SAID);
$e->metadata->add_mode('framing', framing => 'chunked');

for my $n (1 .. 3) {
    my $r = $e->get("/raw/$share->{id}");
    is($e->outcome($r, $share), '503 metadata_provider_error',
       'it is no record');
}

my $found;

wait_for(WAIT, sub {
    $found = Meshkit::Memory::places(
        Meshkit::Memory::find($e->nginx->worker_pid, said => SAID));
    return $found eq '';
});
is($found, '', 'nothing of it is left in the worker');

$e->done;
done_testing();
