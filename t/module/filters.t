# Filters of nginx that change a body leave a shared file alone, whatever types
# they are set for: what a stranger shared is neither parsed nor run here, and
# its length holds.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $secret = 'what only this server may read';
my %filters = (
    'ssi on' => 'ssi on;',
    'ssi on, any type' => 'ssi on; ssi_types *;',
    'sub_filter' => 'sub_filter shared stolen; sub_filter_once off;',
    'sub_filter, any type' => 'sub_filter shared stolen; sub_filter_types *;',
    'addition' => 'add_before_body /banner; add_after_body /banner;',
    'addition, any type' => 'add_after_body /banner; addition_types *;',
    'gzip, any type' => 'gzip on; gzip_types *; gzip_min_length 1;',
    'gunzip' => 'gunzip on;',
    'charset' => 'charset koi8-r; source_charset utf-8; override_charset on;',
    'charset, any type' => 'charset koi8-r; source_charset utf-8; '
                           . 'charset_types *;',
    'charset in place' => 'charset windows-1251; source_charset koi8-r; '
                          . 'charset_types *; override_charset on;',
    'the same charset' => 'charset koi8-r; source_charset koi8-r; '
                          . 'charset_types *; override_charset on;',
    'slice and the like' => 'if_modified_since before; max_ranges 0;',
    'chunked' => 'chunked_transfer_encoding on; etag on;',
    'postpone_output' => 'postpone_output 100000; output_buffers 1 512;',
    'sendfile and directio' => 'sendfile on; directio 512; aio threads;',
    'userid' => 'userid on;',
);
my @names = sort keys %filters;

my $probe = Meshkit::Nginx->new(no_module => 1);
my %missing = (sub => !$probe->has('--with-http_sub_module'),
               addition => !$probe->has('--with-http_addition_module'),
               gunzip => !$probe->has('--with-http_gunzip_module'));
$probe->{done} = 1;

@names = grep { my ($word) = /^(\w+?)(?:_|\b)/; !$missing{$word} } @names;

my $server = join '', map { <<"EOL" } 0 .. $#names;
location ~ ^/$_/(?<cap>.*)\$ {
    $filters{$names[$_]}
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
EOL

my $e = Meshkit::Edge->new(text => {
    server => $server . <<'EOL',
location /banner {
    internal;
    return 200 "BANNER";
}
location /secret/ {
    internal;
    alias %%DIR%%/secret/;
}
EOL
    http => 'charset_map koi8-r utf-8 { C1 D0B0; } '
            . 'charset_map koi8-r windows-1251 { 73 74; }',
});

my $html = <<"EOT";
<!doctype html><meta charset=utf-8><title>shared \xd0\xb0</title>
<!--#include virtual="/secret/file" -->
<!--#echo var="http_authorization" -->
<!--#config errmsg="gone" -->
<!--#if expr="\$http_cookie" -->yes<!--#else -->no<!--#endif -->
shared \xd0\xb0\xd0\xb0 \x1f\x8b
EOT

$e->nginx->write('html/shared.html', $html x 2000);
$e->nginx->write('secret/file', $secret);
$e->nginx->secret($secret);

my $file = $e->dir . '/html/shared.html';
my %types;
my @shares = map {
    my $share = $e->share(file => $file, name => "a.$_->[0]",
                          type => $_->[1]);
    $types{$share->{id}} = $_->[1];
    $share;
} [ html => 'text/html' ], [ htm => 'text/html; charset=utf-8' ],
  [ txt => 'text/plain' ], [ xml => 'application/xml' ];

my $fifth = ($e->gateway->entries($shares[0]{cid}))[5];

$e->start;

for my $n (0 .. $#names) {
    for my $share (@shares) {
        my $what = "$names[$n], $share->{id}";

        # the operator asked for it, for each type: nothing comes out
        if ($names[$n] =~ /^(?:ssi|sub|addition).*any type/) {
            my $r = $e->get("/$n/$share->{id}");

            ok(!$r->complete, "$what: does not look whole");
            is($r->body // '', '', "$what: not a byte");
            next;
        }

        my $r = $e->get("/$n/$share->{id}", headers => [
            Authorization => 'client-secret-0123', Cookie => 'a=b',
            'Accept-Encoding' => 'gzip' ]);

        ok($r->complete && $r->body eq $html x 2000,
           "$what: the file, byte for byte");
        is($r->header('Content-Length'), 2000 * length $html,
           "$what: its length");
        is($r->header('Content-Encoding'), undef, "$what: its coding");
        is(join(', ', $r->headers('Content-Type')),
           $types{$share->{id}},
           "$what: its type");
        is(index($r->raw, $secret), -1,
           "$what: nothing that it asks this server for");
        is(index($r->body, 'client-secret-0123'), -1,
           "$what: nor what the client sent");
    }

    # the header is right, the rest is missing: it must not look whole
    $e->gateway->fault('flip', cid => $fifth);
    my $r = $e->get("/$n/$shares[0]{id}");
    ok(!$r->complete, "$names[$n]: an abort is seen by the client")
        or diag $r->status;
    $e->heal;
}

ok($e->nginx->grep_log(qr/another filter changes the length/),
   'the log says what to switch off');

$e->done;
done_testing();
