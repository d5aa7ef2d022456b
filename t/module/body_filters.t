# Other modules that write into bodies: the file comes as it was shared, or it
# does not look whole.  Not a byte of another module's stands in its place.

use strict;
use warnings;

use Compress::Zlib qw(compress crc32);
use Test::More;

use Meshkit::Edge;

# each: the module, those it needs, its directives, and what may come of it
# for a picture and for a page; "file" is the file, "cut" is an abort, "none"
# is an abort before the first byte
my @filters = (
    [ 'image_filter test', 'image_filter', 'image_filter test;',
      picture => 'file', page => 'none' ],
    [ 'image_filter size', 'image_filter', 'image_filter size;',
      picture => 'none', page => 'none' ],
    [ 'image_filter resize', 'image_filter',
      'image_filter resize 20 20; image_filter_buffer 10m;',
      picture => 'none', page => 'none' ],
    [ 'image_filter rotate', 'image_filter',
      'image_filter rotate 180; image_filter_buffer 10m;',
      picture => 'none', page => 'none' ],
    [ 'image_filter, too large', 'image_filter',
      'image_filter resize 20 20; image_filter_buffer 1k;',
      picture => 'none', page => 'none' ],
    [ 'xslt', 'xslt_filter',
      'xslt_stylesheet %%DIR%%/html/style.xslt; xslt_types *;',
      picture => 'none', page => 'none' ],
    [ 'xslt, by type', 'xslt_filter',
      'xslt_stylesheet %%DIR%%/html/style.xslt;',
      picture => 'file', page => 'file' ],
    [ 'brotli', 'brotli_filter', 'brotli on; brotli_types *; '
      . 'brotli_min_length 1;', picture => 'file', page => 'file' ],
    [ 'subs_filter', 'subs_filter', 'subs_filter_types *; '
      . 'subs_filter shared stolen;', picture => 'none', page => 'none' ],
    [ 'echo_before_body', 'echo', 'echo_before_body BANNER;',
      picture => 'none', page => 'none' ],
    [ 'echo_after_body', 'echo', 'echo_after_body BANNER;',
      picture => 'none', page => 'none' ],
    [ 'body_filter_by_lua, reads', 'lua',
      'body_filter_by_lua_block { local x = ngx.arg[1] }',
      picture => 'file', page => 'file' ],
    [ 'body_filter_by_lua, the same text', 'lua',
      'body_filter_by_lua_block { ngx.arg[1] = ngx.arg[1] .. "" }',
      picture => 'none', page => 'none' ],
    [ 'body_filter_by_lua, as long', 'lua',
      'body_filter_by_lua_block { ngx.arg[1] = string.reverse(ngx.arg[1]) }',
      picture => 'none', page => 'none' ],
    [ 'body_filter_by_lua, ends early', 'lua',
      'body_filter_by_lua_block { ngx.arg[2] = true }',
      picture => 'cut', page => 'cut' ],
    [ 'body_filter_by_lua, drops', 'lua',
      'body_filter_by_lua_block { ngx.arg[1] = nil }',
      picture => 'none', page => 'none' ],
    [ 'body_filter_by_lua, fails', 'lua',
      'body_filter_by_lua_block { error("no") }',
      picture => 'none', page => 'none' ],
    [ 'header_filter_by_lua, answers itself', 'lua',
      'header_filter_by_lua_block { if ngx.status == 200 or '
      . 'ngx.status == 206 then ngx.exit(403) end }',
      picture => '403', page => '403' ],
);

my (@loaded, @used);

for my $filter (@filters) {
    my $module = "ngx_http_$filter->[1]_module";
    my @needs = ($filter->[1] eq 'lua' ? 'ndk_http_module' : (), $module);
    my $reason = Meshkit::Nginx->lacks(@needs);

    # nginx's xslt filter frees no document that was cut, and libxslt not all
    $reason ||= 'leaves memory that is not ours'
        if $ENV{TEST_SANITIZED} && $filter->[1] eq 'xslt_filter';

    if ($reason) {
        SKIP: { skip "$filter->[0]: $reason", 1 }
        next;
    }

    push @used, $filter;
    push @loaded, grep { my $name = $_; !grep { $_ eq $name } @loaded } @needs;
}

my $locations = join '', map { <<"EOL" } 0 .. $#used;
location ~ ^/$_/(?<cap>.*)\$ {
    $used[$_][2]
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/whole/$_/(?<cap>.*)\$ {
    $used[$_][2]
    meshkit_open \$cap;
    meshkit_release whole;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
EOL

my $e = Meshkit::Edge->new(forms => ['raw'], nginx => { modules => \@loaded },
    text => { server => $locations,
              http => 'meshkit_audit_log %%DIR%%/logs/audit.log;' });


# A picture of noise: several segments, and each pixel its own colour.
sub png {
    my ($side) = @_;

    srand 9;
    my $rows = join '', map { "\0" . join '', map { chr int rand 256 }
                              1 .. 3 * $side } 1 .. $side;
    my $chunk = sub { my $text = $_[0] . $_[1];
                      return pack('N', length $_[1]) . $text
                             . pack('N', crc32($text)) };

    return "\x89PNG\r\n\x1a\n"
           . $chunk->(IHDR => pack('NNC5', $side, $side, 8, 2, 0, 0, 0))
           . $chunk->(IDAT => compress($rows)) . $chunk->(IEND => '');
}


$e->nginx->write('html/style.xslt', <<'EOT');
<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/">BANNER</xsl:template>
</xsl:stylesheet>
EOT

my $page = '<a>' . '<b>shared</b>' x 20_000 . "</a>\n";

$e->nginx->write('html/page', $page);
$e->nginx->write('html/picture', png(300));

my %shares = (
    page => $e->share(file => $e->dir . '/html/page', name => 'a.html',
                      type => 'text/html'),
    picture => $e->share(file => $e->dir . '/html/picture', name => 'a.png',
                         type => 'image/png'),
);

$e->start;


sub comes {
    my ($what, $r, $share, $range, $wanted) = @_;

    my $part = defined $range ? substr($share->{plain}, $range->[0],
                                       $range->[1] - $range->[0] + 1)
                              : $share->{plain};
    my $body = $r->body // '';

    if ($wanted eq 'file') {
        ok($r->complete && $body eq $part, "$what: byte for byte")
            or diag $r->status // 'no answer';
        is($r->header('Content-Encoding'), undef, "$what: no coding");
        is($r->header('Content-Type'), $share == $shares{page}
           ? 'text/html' : 'image/png', "$what: the sender's type");
        return;
    }

    if ($wanted =~ /^4/) {
        is($r->status, $wanted, "$what: the other filter's status");
        is(index($r->raw, $share->{plain}), -1, "$what: no file");
        return;
    }

    # what says itself that it is no file is no success
    ok(!$r->complete || $r->status >= 400, "$what: does not look whole")
        or diag $r->status;
    ok($r->status // '' =~ /^4/
       || substr($part, 0, length $body) eq $body,
       "$what: nothing but the file");
    is($body, '', "$what: not a byte")
        if $wanted eq 'none' && ($r->status // 500) < 400;
}


for my $n (0 .. $#used) {
    my ($name, undef, undef, %wanted) = @{ $used[$n] };

    for my $kind (sort keys %shares) {
        my $share = $shares{$kind};
        my $wanted = $wanted{$kind};

        for my $path ("/$n/", "/whole/$n/") {
            my $r = $e->get($path . $share->{id}, timeout => 20,
                            headers => [ 'Accept-Encoding' => 'gzip, br' ]);

            comes("$name, $kind, $path", $r, $share, undef, $wanted);
        }

        my $r = $e->get("/$n/$share->{id}", timeout => 20,
                        headers => [ Range => 'bytes=10-70009' ]);

        # image_filter tests what a part begins with
        comes("$name, $kind, a part", $r, $share, [ 10, 70009 ],
              $name eq 'image_filter test' ? 'none' : $wanted);

        $r = $e->curl("/$n/$share->{id}", h2 => 1,
                      args => [ '--max-time', 20 ]);

        is($r->exit == 0 && $r->status == 200 && $wanted ne 'file', '',
           "$name, $kind, HTTP/2: is the file, or no success");
        ok($r->body eq $share->{plain}, "$name, $kind, HTTP/2: the file")
            if $wanted eq 'file';
    }

    # the connection is not left behind, and the next request has its turn
    my $r = $e->get("/raw/$shares{page}{id}");
    is($e->outcome($r, $shares{page}), '200 ok', "$name: others go on");
}

ok($e->nginx->grep_log(qr/another filter changes what is opened, switch/),
   'the log says what to do') if @used;

# it was not the client who left
is(scalar($e->nginx->grep_log(qr/aborted: internal_error, another filter/)) > 0,
   @used > 0, 'and that it was not the client');
is(() = $e->nginx->read('logs/audit.log') =~ /"client_gone"/g, 0,
   'so does the audit log');

$e->done;
done_testing();
