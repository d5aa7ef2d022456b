# X-Accel-* headers of a service must not make this server hand out what an
# internal location holds: not to the client, not as a record, a decision or a
# block.  Nothing is ignored by configuration here: the module's own guard.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $secret = 'what this server keeps to itself';

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', accel => 1,
    alone => 1, fresh => 40, text => {
        http => "proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;",
        server => <<'EOT',
location /internal/ {
    internal;
    alias %%DIR%%/internal/;
    types { }
    default_type application/json;
}
location /car/internal/ {
    internal;
    alias %%DIR%%/internal/;
    types { }
    default_type "application/vnd.ipld.car; version=1; order=dfs; dups=y";
}
location /raw/internal/ {
    internal;
    alias %%DIR%%/internal/;
    types { }
    default_type application/vnd.ipld.raw;
}
location /proxied/ {
    internal;
    proxy_pass http://metadata/;
}
location @named {
    proxy_pass http://metadata;
}
location ~ ^/buffered/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_buffered/metadata;
    meshkit_gateway /_buffered/gw car;
}
location /_buffered/gw/ {
    internal;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_valid any 1h;
    proxy_pass http://gw0/;
}
location /_buffered/metadata/ {
    internal;
    proxy_buffering on;
    proxy_pass http://metadata/;
}
EOT
    });

my $share = $e->share(size => 200_000, policy_id => 'p-1');
my $plain = $e->share(size => 200_000);
my $hidden = $e->share(size => 100, record => 0);
my @blocks = $e->gateway->entries($plain->{cid});

$e->nginx->secret($secret);
$e->nginx->write('internal/secret.txt', $secret);
$e->nginx->write('internal/record', $hidden->{record});
$e->nginx->write('internal/record2', $plain->{record});
$e->nginx->write('internal/yes', '{"decision":true}');
$e->nginx->write('internal/block', Meshkit::Process::slurp(
    $e->dir . "/share/blocks/$blocks[0]"));
$e->nginx->write('internal/car', Meshkit::Process::slurp(
    $e->dir . '/share/content.car'));
$e->start;


sub is_safe {
    my ($name, $r, $code) = @_;

    is($e->outcome($r, $plain), $code, "$name: the code");
    is(index($r->raw, $secret), -1, "$name: no secret")
        if defined $r->raw;
    like($r->raw, qr{^HTTP/1\.1 \d}, "$name: the answer has a header");
}


# --- metadata ---------------------------------------------------------------

for my $to (qw(/internal/secret.txt /internal/record2 /internal/nothing
               /proxied/v1/capsules/x @named @nowhere /car/x /nowhere
               /a/../../b))
{
    $e->metadata->mode('x_accel', to => $to);
    for my $path ("/car/$plain->{id}", "/buffered/$plain->{id}") {
        is_safe("metadata, $to, $path", $e->get($path),
                '503 metadata_provider_error');
    }
    $e->heal;
}

# A 404 that redirects to a record, a record that redirects to a 404.
{
    $e->metadata->mode('x_accel', to => '/internal/record');
    is_safe('metadata, a 404 that redirects to a record',
            $e->get("/car/$hidden->{id}"), '503 metadata_provider_error');
    $e->heal;

    $e->metadata->mode('x_accel_others');
    my $r = $e->get("/car/$plain->{id}");
    is($e->outcome($r, $plain), '200 ok',
       'metadata, X-Accel-Limit-Rate and the like: change nothing');
    $e->heal;
}


# --- policy -----------------------------------------------------------------

for my $to (qw(/internal/yes /internal/secret.txt @named @nowhere /nowhere)) {
    $e->policy->deny;
    $e->policy->mode('x_accel', to => $to);
    is_safe("policy, $to", $e->get("/car/$share->{id}"),
            '503 policy_provider_error');

    $e->policy->allow;
    $e->policy->mode('x_accel', to => $to);
    is_safe("policy, a yes with $to", $e->get("/car/$share->{id}"),
            '503 policy_provider_error');
    $e->heal;
}

$e->policy->allow;
$e->policy->mode('x_accel_others');
is($e->outcome($e->get("/car/$share->{id}"), $share), '200 ok',
   'policy, X-Accel-Limit-Rate and the like: change nothing');
$e->heal;


# --- gateways ---------------------------------------------------------------

for my $form (qw(car raw auto)) {
    for my $to ('/internal/secret.txt', '/car/internal/car',
                '/raw/internal/block', '/raw/internal/secret.txt',
                '/car/internal/secret.txt', "/proxied/ipfs/$blocks[0]",
                '@named', '@nowhere', '/nowhere', '/a/../../b',
                "/car/$plain->{id}")
    {
        $e->gateway(0)->mode('x_accel', to => $to);

        my $r = $e->get("/one/$form/$plain->{id}");
        is_safe("gateway, $to, $form", $r, '504 provider_request_failed');

        $r = $e->get($e->fresh("/$form/$plain->{id}"));
        is_safe("gateway, $to, $form, another one", $r, '200 ok');
        is($e->log($r)->{gateways_failed}, 1,
           "gateway, $to, $form: it is left");
        $e->heal;
    }

    $e->gateway(0)->mode('x_accel_others');
    my $r = $e->get("/one/$form/$plain->{id}", timeout => 20);
    is($e->outcome($r, $plain), '200 ok',
       "gateway, X-Accel-Limit-Rate and the like, $form");
    $e->heal;
}

# After the header.
for my $form (qw(raw auto)) {
    $e->gateway(0)->fault('x_accel', to => '/raw/internal/secret.txt',
                          format => 'raw', cid => $blocks[2]);
    $e->gateway(0)->fault('missing', cid => $blocks[2], format => 'car');

    # blocks are asked for ahead: the bad one may be the first to come
    my $r = $e->get("/one/$form/$plain->{id}");
    like($e->outcome($r, $plain),
         qr/^(?:200 cut|504 provider_request_failed)$/,
         "gateway, in the middle, $form: aborted");
    is($r->body, substr($plain->{plain}, 0, length $r->body),
       "gateway, in the middle, $form: nothing but the file")
        if $r->status == 200;

    $r = $e->get("/$form/$plain->{id}");
    is($e->outcome($r, $plain), '200 ok',
       "gateway, in the middle, $form: another one");
    $e->heal;
}

# With a cache: what was redirected is not kept as the file.
{
    $e->gateway(0)->mode('x_accel', to => '/car/internal/secret.txt');
    is_safe('gateway, cached', $e->get("/buffered/$plain->{id}"),
            '504 provider_request_failed');
    is_safe('gateway, cached, again', $e->get("/buffered/$plain->{id}"),
            '504 provider_request_failed');
    $e->heal;
}

$e->opens($plain, $_, "and all is well, $_") for qw(car raw auto);

$e->done;
done_testing();
