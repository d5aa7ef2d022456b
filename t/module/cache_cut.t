# What a gateway gave once and was no good does not stay in nginx's cache,
# although it looked whole to nginx.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 1, fresh => 40, text => {
    http => 'proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;',
    gateway => <<'EOT' });
proxy_buffering on;
proxy_cache blocks;
proxy_cache_valid any 1h;
proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Redirect
    X-Accel-Expires X-Accel-Buffering X-Accel-Limit-Rate X-Accel-Charset;
EOT

# form, what, the block, its arguments
my @cases = (
    (map { my $form = $_;
           ([ $form, 'missing', 2, format => 'car' ],
            [ $form, 'missing', 0, format => 'car' ],
            [ $form, 'lone_varint', 3, format => 'car' ]) } qw(car auto)),
    [ 'raw', 'body', 2, format => 'raw', body => '' ],
    [ 'raw', 'type', 2, format => 'raw', type => 'text/html' ],
    [ 'raw', 'status', 2, format => 'raw', code => 404 ],
    [ 'raw', 'status', 2, format => 'raw', code => 203 ],
);
my @shares = map { $e->share(size => 300_000) } @cases;

$e->start;


# Each time by gateways of which nothing is remembered.
sub opens {
    my ($form, $share) = @_;

    $e->clear;
    return $e->outcome($e->get($e->fresh("/$form/$share->{id}")), $share);
}


for my $case (@cases) {
    my ($form, $fault, $block, @args) = @$case;
    my $share = shift @shares;
    my $name = "$form: $fault, block $block";

    $e->gateway->fault($fault, root => $share->{cid}, block => $block, @args);
    opens($form, $share);
    cmp_ok($e->gateway->count, '>', 0, "$name: it is asked");
    $e->heal;

    is(opens($form, $share), '200 ok', "$name: opens when that is over");
    is(opens($form, $share), '200 ok', "$name: and again");
    is(opens($form, $share), '200 ok', "$name: and again");
    is($e->gateway->count, 0, "$name: from the cache, by then");
}

$e->done;
done_testing();
