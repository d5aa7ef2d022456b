# Conditional requests (RFC 9110, 13): If-Match with another tag gets 412 and
# nothing of the file, If-None-Match with this one 304. Tags are compared as
# the RFC says, commas inside them included. What has a date says nothing,
# since a file has none here. Who may not open a share learns no tag.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(forms => ['raw'], text => {
    open => 'meshkit_audit_log %%DIR%%/logs/audit.log;',
    server => <<'EOL' });
location ~ ^/off/(?<cap>.*)$ {
    max_ranges 0;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/one/(?<cap>.*)$ {
    max_ranges 1;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/dated/(?<cap>.*)$ {
    if_modified_since before;
    etag off;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
EOL

my $share = $e->share(size => 100_000);
my $path = "/raw/$share->{id}";

$e->start;

my $etag = $e->get($path)->header('ETag');
my $value = $etag =~ s/"//gr;
my $other = '"' . ('0' x length $value) . '"';

like($etag, qr/\A"[0-9a-f]{32}"\z/, 'the tag is strong');


sub status_is {
    my ($what, $headers, $status, %opt) = @_;

    $e->clear;
    my $r = $e->get($opt{path} // $path, method => $opt{method},
                    headers => $headers);

    is($r->status, $status, $what);

    if ($status == 200 && !defined $opt{method}) {
        ok($r->body eq $share->{plain}, "$what: the whole file");
    }

    if ($status == 304 || $status == 412) {
        is($r->body . $r->extra, '', "$what: no content");
        is($r->header('ETag'), $etag, "$what: the tag");
        is($r->header('Content-Length'), $status == 412 ? 0 : undef,
           "$what: its length");
        is(join('', map { $r->header($_) // '' } qw(Content-Type
                Content-Range Content-Disposition Accept-Ranges)), '',
           "$what: nothing of the file");
        is($r->header('Cache-Control'), 'private, no-store',
           "$what: for nobody else");
        is(scalar $e->gateway->requests, 0, "$what: no gateway is asked");
        is($e->log($r)->{outcome}, 'ok', "$what: all checks passed");
    }

    return $r;
}


# --- lists of tags ----------------------------------------------------------

# [ what, the list, whether it has the tag: by the strong and the weak
# comparison ]
my @lists = (
    [ 'the tag', $etag, 1, 1 ],
    [ 'another tag', $other, 0, 0 ],
    [ 'the weak tag', "W/$etag", 0, 1 ],
    [ 'another weak tag', "W/$other", 0, 0 ],
    [ 'anything', '*', 1, 1 ],
    [ 'anything among others', "$other, *", 0, 0 ],
    [ 'the first of two', "$etag, $other", 1, 1 ],
    [ 'the second of two', "$other,$etag", 1, 1 ],
    [ 'the third, weak', "$other, \"x\" ,\tW/$etag", 0, 1 ],
    [ 'behind empty members', ", ,,$etag", 1, 1 ],
    [ 'before empty members', "$etag , ,", 1, 1 ],
    [ 'no member', ',', 0, 0 ],
    [ 'behind an empty tag', "\"\", $etag", 1, 1 ],
    [ 'a comma inside another tag', "\"a,$value\"", 0, 0 ],
    [ 'the tag inside another one', "\"a,$etag,b\"", 0, 0 ],
    [ 'a tag with a comma before it', "\"a,b\", $etag", 1, 1 ],
    [ 'a weak tag with a comma before it', "W/\"a,b\", $etag", 1, 1 ],
    [ 'without its quotes', $value, 0, 0 ],
    [ 'without its last quote', "\"$value", 0, 0 ],
    [ 'without its first quote', "$value\"", 0, 0 ],
    [ 'behind one that has no end', "\"x, $etag", 0, 0 ],
    [ 'behind a word', "x, $etag", 1, 1 ],
    [ 'a word before it', "x $etag", 0, 0 ],
    [ 'a word behind it', "$etag x", 0, 0 ],
    [ 'a word stuck to it', "${etag}x", 0, 0 ],
    [ 'two tags without a comma', "$etag $other", 0, 0 ],
    [ 'two tags stuck together', "$etag$other", 0, 0 ],
    [ 'a small w', "w/$etag", 0, 0 ],
    [ 'a blank in the weak tag', "W/ $etag", 0, 0 ],
    [ 'the beginning of it', '"' . substr($value, 0, 31) . '"', 0, 0 ],
    [ 'more than it', "\"${value}0\"", 0, 0 ],
    [ 'in upper case', uc $etag, 0, 0 ],
    [ 'W/ alone', 'W/', 0, 0 ],
    [ 'a quote alone', '"', 0, 0 ],
    [ 'many', join(', ', ($other) x 60) . ", $etag", 1, 1 ],
);

for my $row (@lists) {
    my ($what, $list, $strong, $weak) = @$row;

    for my $method (undef, 'HEAD') {
        my $how = defined $method ? "$what, HEAD" : $what;

        status_is("If-Match, $how", [ 'If-Match' => $list ],
                  $strong ? 200 : 412, method => $method);
        status_is("If-None-Match, $how", [ 'If-None-Match' => $list ],
                  $weak ? 304 : 200, method => $method);
    }
}

# nginx answers itself where a field stands twice
for my $name ('If-Match', 'If-None-Match') {
    status_is("$name, twice", [ $name => $etag, $name => $other ], 400);
}


# --- which goes before which ------------------------------------------------

my $old = 'Thu, 01 Jan 1970 00:00:00 GMT';
my $late = 'Thu, 31 Dec 2037 23:55:55 GMT';

my @orders = (
    [ 'If-Match fails, If-None-Match would too', 412,
      'If-Match' => $other, 'If-None-Match' => $etag ],
    [ 'If-Match holds, If-None-Match does not', 304,
      'If-Match' => $etag, 'If-None-Match' => $etag ],
    [ 'both hold', 200, 'If-Match' => $etag, 'If-None-Match' => $other ],
    [ 'If-Match fails, with a range', 412,
      'If-Match' => $other, Range => 'bytes=0-9' ],
    [ 'If-Match fails, with a range outside', 412,
      'If-Match' => $other, Range => 'bytes=100000-' ],
    [ 'If-Match fails, weak, with a range', 412,
      'If-Match' => "W/$etag", Range => 'bytes=0-9' ],
    [ 'If-Match holds, with a range', 206,
      'If-Match' => $etag, Range => 'bytes=0-9' ],
    [ 'If-Match holds, with a range outside', 416,
      'If-Match' => $etag, Range => 'bytes=100000-' ],
    [ 'If-None-Match fails, with a range outside', 304,
      'If-None-Match' => $etag, Range => 'bytes=100000-' ],
    [ 'If-None-Match holds, with a range', 206,
      'If-None-Match' => $other, Range => 'bytes=0-9' ],
    [ 'If-Match holds, If-Range does not', 200,
      'If-Match' => $etag, 'If-Range' => $other, Range => 'bytes=0-9' ],

    [ 'If-Range, this tag', 206, 'If-Range' => $etag, Range => 'bytes=0-9' ],
    [ 'If-Range, this tag, weak', 200,
      'If-Range' => "W/$etag", Range => 'bytes=0-9' ],
    [ 'If-Range, a list', 200,
      'If-Range' => "$etag, $etag", Range => 'bytes=0-9' ],
    [ 'If-Range, anything', 200, 'If-Range' => '*', Range => 'bytes=0-9' ],
    [ 'If-Range, a date', 200, 'If-Range' => $late, Range => 'bytes=0-9' ],
    [ 'If-Range, another tag and a range outside', 200,
      'If-Range' => $other, Range => 'bytes=100000-' ],
    [ 'If-Range without a range', 200, 'If-Range' => $other ],

    [ 'If-Unmodified-Since, long ago', 200, 'If-Unmodified-Since' => $old ],
    [ 'If-Unmodified-Since, with a range', 206,
      'If-Unmodified-Since' => $old, Range => 'bytes=0-9' ],
    [ 'If-Modified-Since, in the future', 200,
      'If-Modified-Since' => $late ],
    [ 'If-Modified-Since, with another tag', 200,
      'If-Modified-Since' => $late, 'If-None-Match' => $other ],
    [ 'dates, with this tag', 304, 'If-Modified-Since' => $old,
      'If-Unmodified-Since' => $old, 'If-None-Match' => $etag ],
);

for my $row (@orders) {
    my ($what, $status, @headers) = @$row;

    status_is($what, \@headers, $status);
    status_is("$what, nginx's own switched", \@headers, $status,
              path => "/dated/$share->{id}");
}


# --- max_ranges -------------------------------------------------------------

for my $headers ([ Range => 'bytes=0-9' ], [ Range => 'bytes=100000-' ],
                 [ Range => 'bytes=0-9', 'If-Range' => $etag ])
{
    my $r = status_is("max_ranges 0, @$headers", $headers, 200,
                      path => "/off/$share->{id}");
    is($r->header('Accept-Ranges'), undef, "max_ranges 0, @$headers: says so");
}

status_is('max_ranges 0, HEAD', [], 200, method => 'HEAD',
          path => "/off/$share->{id}");
status_is('max_ranges 0, If-Match', [ 'If-Match' => $other ], 412,
          path => "/off/$share->{id}");
is(status_is('max_ranges 1', [ Range => 'bytes=0-9' ], 206,
             path => "/one/$share->{id}")->header('Accept-Ranges'), 'bytes',
   'max_ranges 1: says so');


# --- the rest of the connection, and other versions of HTTP -----------------

{
    my $r = $e->get($path, keepalive => 1, headers => [
        'If-Match' => $other, Connection => 'keep-alive' ]);
    is($r->status, 412, '412, and the connection stays');

    $r = $e->get($path, socket => $r->socket);
    is($e->outcome($r, $share), '200 ok', 'for the file');

    $r = $e->get($path, version => '1.0', headers => [
        'If-Match' => $other ]);
    is($r->status . ' ' . $r->body, '412 ', 'HTTP/1.0');

    $r = $e->curl($path, h2 => 1, args => [ '-H', "If-Match: $other" ]);
    is(join(' ', $r->exit, $r->status, $r->header('ETag'),
            $r->header('Content-Length'), $r->body), "0 412 $etag 0 ",
       'HTTP/2');
}


# --- what is noted, and who learns of it ------------------------------------

{
    my $r = status_is('noted', [ 'If-Match' => $other ], 412);
    my @lines = map { JSON::PP->new->decode($_) }
                split /\n/, $e->nginx->read('logs/audit.log');
    my $line = $lines[-1];

    is(join(' ', map { $line->{$_} // '-' } qw(event.reason event.outcome
            http.response.status_code meshkit.end)), 'ok success 412 -',
       'the audit log has one line, with the status');

    $e->metadata->mode('status', code => 404);
    $r = $e->get($path, headers => [ 'If-Match' => '*' ]);
    is($e->outcome($r), '404 capsule_not_found', 'no share, no tag');
    is($r->header('ETag'), undef, 'whatever it is compared with');
    $r = $e->get($path, headers => [ 'If-Match' => $other ]);
    is($e->outcome($r), '404 capsule_not_found', 'and no 412');
    $e->heal;
}

$e->done;
done_testing();
