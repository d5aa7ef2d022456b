# The metadata service: whatever is not a whole, strict, small record in a 200
# closes the way, and only its own 404 says that there is no such share.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(accel => 1, text => {
    metadata => "proxy_read_timeout 1s;\nproxy_intercept_errors on;",
    http => "proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;\n",
    server => <<'EOT',
location ~ ^/alias/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_alias/;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/root/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_root;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/buffered/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_buffered;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/return/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_return;
    meshkit_gateway /_gw/0 car;
}
location /_alias/ {
    internal;
    default_type application/json;
    alias %%DIR%%/records/;
}
location /_root/ {
    internal;
    default_type application/json;
    root %%DIR%%/records;
    rewrite ^/_root(/.*)$ $1 break;
    gzip on;
    gzip_types *;
    gzip_min_length 1;
    ssi on;
    ssi_types *;
}
location /_buffered/ {
    internal;
    proxy_pass http://metadata/;
    proxy_buffering on;
    proxy_read_timeout 1s;
}
location /_return/ {
    internal;
    return 200 '{"capsule":{},"status":{"state":"active"}}';
}
EOT
});

my $share = $e->share(size => 100_000);
my $error = '503 metadata_provider_error';

$e->nginx->write("records/v1/capsules/$share->{id}", $share->{record});
$e->nginx->write('records/v1/capsules/cut',
                 substr($share->{record}, 0, -1));
$e->nginx->write('records/v1/capsules/empty', '');
$e->nginx->write('records/v1/capsules/large',
                 $share->{record} . ' ' x 66_000);
mkdir $e->dir . '/records/v1/capsules/folder';
$e->start;


sub answer_is {
    my ($name, $code, $path) = @_;

    for my $form (defined $path ? $path : qw(/car /buffered)) {
        my $r = $e->get("$form/$share->{id}", timeout => 30);
        is($e->outcome($r, $share), $code, "$name, $form");
        is($e->log($r)->{outcome}, $code =~ s/^\d+ //r, "$name, $form: log");
    }
}


# --- what is wrong with an answer -------------------------------------------

my $size = length $share->{record};
my @faults = (
    [ '404', '404 capsule_not_found', 'status', code => 404 ],
    [ '404 with a record', '404 capsule_not_found', 'status', code => 404,
      body => $share->{record}, type => 'application/json' ],
    [ '410', $error, 'status', code => 410 ],
    [ '401', $error, 'status', code => 401 ],
    [ '403', $error, 'status', code => 403 ],
    [ '429', $error, 'status', code => 429 ],
    [ '500', $error, 'status', code => 500 ],
    [ '500 with a record', $error, 'status', code => 500,
      body => $share->{record}, type => 'application/json' ],
    [ '502', $error, 'status', code => 502 ],
    [ '503', $error, 'status', code => 503 ],
    [ '504', $error, 'status', code => 504 ],
    [ '204', $error, 'status', code => 204, body => '' ],
    [ '201 with a record', $error, 'status', code => 201,
      body => $share->{record}, type => 'application/json' ],
    [ '304', $error, 'status', code => 304, body => '' ],
    [ '206', $error, 'partial' ],
    [ '301', $error, 'redirect', to => '/v1/capsules/cap-1' ],
    [ '302 with a record', $error, 'status', code => 302,
      body => $share->{record}, headers => [ Location => '/x' ] ],
    [ 'cut short by length', $error, 'truncate', at => $size - 1 ],
    [ 'cut short to nothing', $error, 'truncate', at => 0 ],
    [ 'chunks cut short', $error, 'truncate_chunked', at => $size - 1 ],
    [ 'chunks without the last', $error, 'truncate_chunked', at => $size ],
    [ 'Content-Length one more', $error, 'wrong_length', by => 1 ],
    [ 'Content-Length one less', $error, 'wrong_length', by => -1 ],
    [ 'too large by length', $error, 'pad', size => 65_537 ],
    [ 'far too large', $error, 'pad', size => 3_000_000 ],
    [ 'endless', $error, 'endless' ],
    [ 'endless record', $error, 'endless', bytes => ' ' x 4096,
      framing => 'chunked' ],
    [ 'gzip', $error, 'gzip' ],
    [ 'a gzip label', $error, 'gzip', label_only => 1 ],
    [ 'no HTTP', $error, 'garbage' ],
    [ 'HTTP/0.9', $error, 'garbage', bytes => $share->{record} ],
    [ 'a header without end', $error, 'garbage',
      bytes => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" ],
    [ 'a header that is too large', $error, 'headers',
      headers => [ 'X-Large' => 'x' x 20_000 ] ],
    [ 'reset before the header', $error, 'reset', at => -1 ],
    [ 'reset in the body', $error, 'reset', at => 10 ],
    [ 'silence before the header', $error, 'stall', at => -1, seconds => 20 ],
    [ 'silence in the body', $error, 'stall', at => 10, seconds => 20 ],
    [ 'trailing garbage', $error, 'append', bytes => 'x' ],
    [ 'a second record', $error, 'append', bytes => $share->{record} ],
    [ 'a NUL at the end', $error, 'append', bytes => "\0" ],
    [ 'not JSON', $error, 'body', body => "<!doctype html>\n" ],
    [ 'empty', $error, 'body', body => '' ],
    [ 'null', $error, 'body', body => 'null' ],
    [ 'an empty object', $error, 'body', body => '{}' ],
    [ 'a list', $error, 'body', body => "[$share->{record}]" ],
    [ 'no status', $error, 'replace', from => '"status"', to => '"other"' ],
    [ 'an unknown state', $error, 'replace', from => '"active"',
      to => '"asleep"' ],
    [ 'a state in another case', $error, 'replace', from => '"active"',
      to => '"Active"' ],
    [ 'a duplicate key', $error, 'replace', from => '"status"',
      to => '"status":{"state":"revoked"},"status"' ],
    [ 'no capsule', $error, 'replace', from => '"capsule"',
      to => '"capsul"' ],
    [ 'an unknown profile', '502 invalid_capsule', 'replace',
      from => 'meshkit-gateway/1', to => 'meshkit-gateway/2' ],
    [ 'revoked', '410 share_revoked', 'replace', from => '"active"',
      to => '"revoked"' ],
);

for my $row (@faults) {
    my ($name, $code, $fault, %args) = @$row;

    $e->metadata->mode($fault, %args);
    answer_is($name, $code);
    $e->heal;
}

for my $status (410, 429, 503) {
    my $said = 'refused: metadata_provider_error, the HTTP status is not 200, '
               . "status $status";

    ok(scalar $e->nginx->grep_log(qr/\Q$said\E\b/),
       "the error log has the status $status");
}

# What is no fault.
my @sound = (
    [ 'chunked', 'framing', framing => 'chunked' ],
    [ '64 KiB exactly, by length', 'pad', size => 65_536 ],
    [ 'another media type', 'type', type => 'text/html' ],
    [ 'byte by byte', 'drip', bytes => 100, every => 0.01 ],
    [ 'unknown members', 'replace', from => '"status"',
      to => '"x":[1],"status"' ],
    [ 'bytes behind the answer', 'extra', bytes => 'HTTP/1.1 500 x' ],
);

for my $row (@sound) {
    my ($name, $mode, %args) = @$row;

    $e->metadata->mode($mode, %args);
    answer_is($name, '200 ok');
    $e->heal;
}

for my $limit ([ 65_536, '200 ok' ], [ 65_537, $error ]) {
    my ($n, $code) = @$limit;

    $e->metadata->mode('pad', size => $n);
    $e->metadata->add_mode('framing', framing => 'chunked');
    answer_is("$n bytes in chunks", $code);
    $e->heal;
}

# A body that ends with the connection has no end that could be told from a
# failure.
{
    $e->metadata->mode('framing', framing => 'close');
    answer_is('a body that ends with the connection', '200 ok');
    $e->metadata->add_mode('cut', at => $size - 1);
    answer_is('the same, cut short', $error);
    $e->heal;
}

{
    $e->metadata->stop;
    answer_is('a service that is not there', $error);
    $e->metadata->start;
    answer_is('a service that is there again', '200 ok');
}

# Asked on every open, whatever it says about caching.
{
    $e->metadata->mode('headers', headers => [
        'Cache-Control' => 'max-age=600', 'X-Accel-Expires' => 600 ]);
    $e->clear;
    answer_is('cacheable', '200 ok', '/car') for 1 .. 3;
    is($e->metadata->count, 3, 'the record is read on every open');
    $e->metadata->record("/v1/capsules/$share->{id}",
                         $share->{record} =~ s/"active"/"revoked"/r);
    answer_is('revoked between two opens', '410 share_revoked', '/car');
    $e->metadata->record("/v1/capsules/$share->{id}", $share->{record});
    $e->heal;
}


# --- a directory ------------------------------------------------------------

for my $path (qw(/alias /root)) {
    answer_is('a directory of records', '200 ok', $path);

    for my $row ([ 'nobody', '404 capsule_not_found' ], [ 'cut', $error ],
                 [ 'empty', $error ], [ 'large', $error ])
    {
        my ($id, $code) = @$row;
        my $r = $e->get("$path/$id");
        is($e->outcome($r, $share), $code, "a directory: $id, $path");
    }

    my $r = $e->get("$path/folder");
    like($e->code($r), qr/^(?:capsule_not_found|metadata_provider_error)$/,
         "a directory: a folder, $path");

    # asked for in other ways
    for my $id ('..%2f..%2fnginx.conf', '%2e%2e', "$share->{id}%00",
                "$share->{id}/", "../$share->{id}",
                "$share->{id}.", '')
    {
        my $r = $e->get("$path/$id");
        isnt($r->status, 200, "a directory: \"$id\" is not an id, $path");
        unlike($r->raw, qr/worker_processes/, "a directory: \"$id\" gives "
               . "no other file, $path");
    }

    # a record that cannot be opened
    symlink '/proc/self/mem/nothing',
            $e->dir . '/records/v1/capsules/locked';
    $r = $e->get("$path/locked");
    isnt($r->status, 200, "a directory: a record that cannot be opened, $path");
    unlink $e->dir . '/records/v1/capsules/locked';

    $r = $e->get("$path/$share->{id}", headers => [
        'If-None-Match' => '*', 'If-Modified-Since' =>
        'Thu, 31 Dec 2099 00:00:00 GMT', Range => 'bytes=0-0',
        'Accept-Encoding' => 'gzip' ], version => '1.0');
    like($r->status, qr/^(?:200|206|304)$/,
       "a directory: the client's conditions are not the record's, $path");
    isnt($e->log($r)->{outcome}, 'metadata_provider_error',
         "a directory: the record was whole, $path");
}

# Other local handlers.
{
    my $r = $e->get("/return/$share->{id}");
    is($e->outcome($r), '502 invalid_capsule', 'a record of "return"');
}

$e->done;
done_testing();
