# A response that could go into nginx's cache and is not buffered by nginx, by
# "proxy_buffering off" or since a gateway says so (X-Accel-Buffering): nginx
# keeps none of it, and the file comes whole.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my @no = (headers => [ 'X-Accel-Buffering' => 'no' ]);

for my $row ([ 'proxy_buffering off', 'off', 0 ],
             [ 'a gateway that says so', 'on', 1 ])
{
    my ($name, $buffering, $says) = @$row;

    my $e = Meshkit::Edge->new(alone => 1, accel => 1, text => {
        http => 'proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;',
        gateway => "proxy_buffering $buffering; proxy_cache blocks; "
                   . 'proxy_cache_valid any 1h;',
    });
    my $share = $e->share(size => 300_000);

    $e->start;
    my $worker = $e->nginx->worker_pid;

    $e->gateway->mode('headers', @no) if $says;

    for my $form (qw(car raw auto)) {
        for my $time (qw(first second)) {
            my $r = $e->get("/$form/$share->{id}", timeout => 20);

            is($e->outcome($r, $share), '200 ok', "$name, $form, $time open");
        }
    }

    is($e->nginx->worker_pid, $worker, "$name: the worker lives");
    $e->done;
}

done_testing();
