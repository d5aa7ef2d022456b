# Files that nginx keeps open (open_file_cache) are no answer about what may
# be revoked: not of a location that has it, nor of one that inherits it.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Token qw(jwks);

my $e = Meshkit::Edge->new(text => { http => <<'EOT', server => <<'EOT' });
open_file_cache max=1000;
open_file_cache_valid 60s;
EOT
location ~ ^/kept/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;
    meshkit_metadata /_kept;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/anew/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;
    meshkit_metadata /_anew;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/tried/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_tried;
    meshkit_gateway /_gw/0 raw;
}
location ^~ /_kept/ {
    internal;
    alias %%DIR%%/metadata/;
}
location ^~ /_anew/ {
    internal;
    alias %%DIR%%/metadata/;
    open_file_cache off;
}
location ^~ /_tried/ {
    internal;
    root %%DIR%%/html;
    try_files $uri =404;
}
EOT
my $t = $e->nginx;
my $share = $e->share(size => 1000);
my $bound = $e->share(size => 1000, vault_id => 'v',
                      capability_issuer => 'ines');
my $ines = Meshkit::Token->issuer('ines');
my $token = $ines->mint(claims => {
    iss => 'ines', sub => 'alice', iat => time, exp => time + 3600,
    jti => 'j-1', cap => { capsule => $bound->{id}, actions => ['open'] } });

$t->write('keys/issuers.jwks', jwks($ines));
$t->write("metadata/v1/capsules/$_->{id}", $_->{record}) for $share, $bound;
$t->write("html/_tried/v1/capsules/$share->{id}", $share->{record});
$t->write('metadata/v1/vaults/v/members/alice', '{"member":true}');
$t->write('metadata/v1/capabilities/j-1', '{"status":{"state":"active"}}');
$e->start;


# A file that is replaced, as meshkitctl does it.
sub replace {
    my ($name, $text) = @_;

    $t->write("$name.new", $text);
    rename $t->dir . "/$name.new", $t->dir . "/$name" or die "$name: $!";
}


sub outcome {
    my ($path, $of) = @_;

    return $e->outcome($e->get("$path/$of->{id}", headers => [
        'X-MeshKit-Capability' => $token ]), $of);
}


for my $path (qw(/kept /tried)) {
    is(outcome($path, $share), '503 metadata_provider_error',
       "$path: a file that may be an old one is refused") for 1 .. 2;
}

like(($t->grep_log(qr/metadata_provider_error/))[-1], qr/open_file_cache off/,
     'and the log says what to set');

my $revoked = $share->{record} =~ s/"active"/"revoked"/r;
isnt($revoked, $share->{record}, 'the record has a status');

is(outcome('/anew', $share), '200 ok', 'without it: opens');
replace("metadata/v1/capsules/$share->{id}", $revoked);
is(outcome('/anew', $share), '410 share_revoked', 'a revoked share does not');

is(outcome('/anew', $bound), '200 ok', 'a member with a token opens');
replace('metadata/v1/capabilities/j-1', '{"status":{"state":"revoked"}}');
is(outcome('/anew', $bound), '403 capability_denied', 'not one that was revoked');
unlink $t->dir . '/metadata/v1/vaults/v/members/alice';
is(outcome('/anew', $bound), '403 vault_denied', 'nor one who was removed');

$e->done;
done_testing();
