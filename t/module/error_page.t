# A share that an error_page opens. nginx puts the status of the error, or that
# of the error_page, in the place of the share's own: a part of the file would
# look like the whole, so there are no parts and no 304.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(forms => ['raw']);
my $share = $e->share(size => 100_000);
my $page = "/raw/$share->{id}";

$e->{text}{server} = <<"EOC" . $e->open_text('raw') . '}';
location /changed { error_page 404 =200 $page; return 404; }
location /error   { error_page 404 $page; return 404; }
location /own     { error_page 404 = $page; return 404; }
location /named   { error_page 404 =200 \@share; return 404; }
location \@share {
    set \$cap $share->{id};
EOC
$e->start;

my $etag = $e->get($page)->header('ETag');
my %asks = ('a part' => [ Range => 'bytes=5-14' ],
            'a part of the same file' => [ Range => 'bytes=5-14',
                                           'If-Range' => $etag ],
            'a part behind the end' => [ Range => 'bytes=100000-' ],
            'the file if it changed' => [ 'If-None-Match' => $etag ]);

for my $row ([ changed => 200 ], [ error => 404 ], [ named => 200 ]) {
    my ($name, $status) = @$row;

    for my $what (sort keys %asks) {
        my $r = $e->get("/$name", headers => $asks{$what});

        is($r->status, $status, "$name, $what: the page's status");
        is($r->header('Content-Range'), undef, "$name, $what: is no part");
        ok($r->complete, "$name, $what: the end can be told");
        ok($r->body eq $share->{plain}, "$name, $what: is the whole file");
        is($e->log($r)->{outcome}, 'ok', "$name, $what: is an open");
    }
}

{
    my $r = $e->get('/own', headers => $asks{'a part'});

    is($r->status, 206, 'a page with its own status has parts');
    is($r->header('Content-Range'), 'bytes 5-14/100000', 'and says which');
    is($r->body, substr($share->{plain}, 5, 10), 'of the right bytes');

    $r = $e->get('/own', headers => $asks{'the file if it changed'});
    is($r->status, 304, 'and it is not sent to who has it');
    is($r->body, '', 'at all');
}

$e->done;
done_testing();
