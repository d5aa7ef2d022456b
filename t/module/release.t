# meshkit_release whole: nothing is sent before all of it is verified, and
# what waits on the disk meanwhile is ciphertext.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Process qw(wait_for);

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 60,
    text => { open => "meshkit_release whole;\n"
                      . 'client_body_temp_path %%DIR%%/temp/spool;' });
my $share = $e->share(size => 1_500_000);
my $empty = $e->share(size => 0);
my $gateway = $e->gateway(0);

$e->start;


for my $form (qw(car raw auto)) {
    my $r = $e->get($e->fresh("/$form/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', "whole, $form");

    $r = $e->get($e->fresh("/$form/$empty->{id}"));
    is($r->status . length $r->body, '2000', "an empty file, $form");

    $r = $e->get($e->fresh("/$form/$share->{id}"),
                 headers => [ Range => 'bytes=65500-200000' ]);
    is($r->status, 206, "a range, $form");
    ok($r->body eq substr($share->{plain}, 65500, 134501),
       "a range, $form: its bytes");

    # a fault at the very end: with segments it would break off at 1.4 MB
    $gateway->fault('flip', block => -1, root => $share->{cid});

    $r = $e->get($e->fresh("/one/$form/$share->{id}"));
    is($r->status, 502, "the last block is wrong, $form: a clean refusal");
    is($e->code($r), 'cid_mismatch', "the last block is wrong, $form: its code");
    is(index($r->raw, substr($share->{plain}, 0, 64)), -1,
       "the last block is wrong, $form: not a byte of the file");

    # a range whose own bytes are right is of a whole that is not
    $r = $e->get($e->fresh("/one/$form/$share->{id}"),
                 headers => [ Range => 'bytes=0-9' ]);
    is($e->code($r), 'cid_mismatch', "a range of a damaged whole, $form");

    $r = $e->get($e->fresh("/$form/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', "an honest gateway behind, $form");

    $e->heal;
}

is(scalar(grep { -f } glob $e->dir . '/temp/spool/*'), 0,
   'no temporary file is left');

# what lies on the disk while the gateway keeps the end back
{
    $gateway->fault('stall', block => -1, root => $share->{cid}, seconds => 60,
                    into => 10);
    my $pid = fork;

    if ($pid == 0) {
        $e->get($e->fresh("/one/car/$share->{id}"), timeout => 60);
        POSIX::_exit(0);
    }

    my $worker = $e->nginx->worker_pid;
    my $fd;

    wait_for(20, sub {
        ($fd) = grep { (readlink $_ // '') =~ m{/temp/spool/} }
                glob "/proc/$worker/fd/*";
        return defined $fd && -s $fd > 1_000_000;
    });

    ok(defined $fd, 'a temporary file is open');

    my $bytes = '';
    if (defined $fd && open my $in, '<:raw', $fd) {
        local $/;
        $bytes = <$in>;
    }
    cmp_ok(length $bytes, '>', 500_000, 'the sealed bytes are in it');
    is(index($bytes, substr($share->{plain}, 70_000, 32)), -1,
       'and no plaintext');
    kill 'KILL', $pid;
    waitpid $pid, 0;
    $e->heal;
}

$e->done;
done_testing();
