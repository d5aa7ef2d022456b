# meshkitctl and services: records by HTTP, blocks into Kubo, bearer tokens.

use strict;
use warnings;

use Digest::SHA qw(sha256 sha256_hex);
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cid qw(cid_make cid_text RAW DAG_PB);
use Meshkit::Cli;
use Meshkit::Service;

my $c = Meshkit::Cli->new->cast;
$c->seal('by HTTP');

# --- a store of records -----------------------------------------------------

my $store = $c->path('store');
mkdir $store;


sub store {
    my ($request) = @_;

    my ($id) = $request->path =~ m{^/base/v1/capsules/([^/]+)$}
        or return undef;
    my $file = "$store/$id";

    return { status => 401 }
        if ($request->header('Authorization') // '') ne 'Bearer tok3n-A';

    my $tag = -e $file ? '"' . sha256_hex($c->read("store/$id")) . '"' : '';

    if ($request->method eq 'PUT') {
        return { status => 412 }
            if $tag ne '' && $request->header('If-None-Match')
               || $tag ne ($request->header('If-Match') // $tag);
        CORE::open my $out, '>:raw', $file or die "$file: $!";
        print $out $request->body;
        close $out;
        return { status => 201 };
    }

    return $tag eq '' ? undef
           : { type => 'application/octet-stream', file => $file,
               headers => [ ETag => $tag ] };
}


my $md = Meshkit::Service->run(handler => \&store);
my $url = 'http://127.0.0.1:' . $md->port . '/base/';
my $token = $c->write('token', "# in use\n\n  tok3n-A \r\nold-token\n# gone\n");
my @place = ('--metadata-url', $url);
my @file = (@place, '--token-file', $token);

my $id = $c->share(@file);
my ($put) = grep { $_->method eq 'PUT' } $md->requests(qr/\Q$id\E/);
is($put->method . ' ' . $put->uri, "PUT /base/v1/capsules/$id",
   'a share is put');
is($put->header('Content-Type'), 'application/json', 'as JSON');
is($put->header('If-None-Match'), '*', 'where there is none');
is($put->json->{status}{state}, 'active', 'and active');

my %env = (env => { MESHKIT_TOKEN => 'tok3n-A' });
my $r = $c->run(\%env, $c->open_args($id, @place, '--token-env',
                                     'MESHKIT_TOKEN'));
ok($r->{exit} == 0 && $c->read('out') eq 'by HTTP',
   'it is opened, with a token from the environment') or diag($r->{err});

$c->ok('it is revoked', 'revoke', $id, @file);
is_deeply([ map { $_->method } $md->requests(qr/\Q$id\E/) ],
          [qw(GET PUT GET PUT PUT GET GET PUT PUT GET)],
          'by GET, PUT and GET, and trials');
is($c->json($c->read("store/$id"))->{status}{state}, 'revoked',
   'in the record');
like($c->open($id, @file)->{err}, qr/share_revoked/, 'and refused');

$c->refused('an id that is taken', 4, qr/this id already/,
            $c->share_args(@file, '--id', $id));
$c->refused('a share that is not there', 1, qr/capsule_not_found/,
            'revoke', 'missing', @file);
$c->refused('without a token', 4, qr/answered with status 401/,
            $c->share_args(@place));
$c->refused('without a token, opening', 1,
            qr/status 401\n.*metadata_provider_error: /s,
            $c->open_args($id, @place));
$c->refused('a token that is not there', 3, qr/cannot read/,
            $c->share_args(@place, '--token-file', $c->path('missing')));
$c->refused('an empty one', 5, qr/NO_SUCH holds no bearer token/,
            $c->share_args(@place, '--token-env', 'NO_SUCH'));
$c->refused('two of them', 2, qr/exclude each other/,
            $c->share_args(@file, '--token-env', 'MESHKIT_TOKEN'));
$c->refused('a token for a directory', 2, qr/--metadata-url/,
            $c->share_args('--token-file', $token));

my %wrong = (status => [ code => 500 ], truncate => [ at => 10 ],
             pad => [ size => 70_000 ], redirect => [ to => "$url/x" ],
             body => [ body => '{}' ], gzip => []);

for my $mode (sort keys %wrong) {
    $md->mode($mode, @{ $wrong{$mode} });
    $c->refused("a record with $mode", 1,
                qr/^meshkitctl: metadata_provider_error: /m,
                $c->open_args($id, @file));
}

$md->mode('status', code => 500);
$c->refused('a store that is broken', 4, qr/answered with status 500/,
            $c->share_args(@file));
$md->stop;
$c->refused('a store that is down', 4, qr/gave no whole answer/,
            $c->share_args(@file));
unlike($c->{seen}, qr/tok3n|old-token/, 'no token in any message');

# --- Kubo -------------------------------------------------------------------

my $node = $c->path('node');
mkdir $node;


# What block/put stores is the bytes of the one part of a form.
sub kubo {
    my ($request) = @_;

    return { type => 'application/json', body => '{"Pins":["'
             . $request->arg('arg') . '"]}' }
        if $request->path eq '/api/v0/pin/add';

    my ($boundary) = $request->header('Content-Type')
        =~ m{^multipart/form-data; boundary=(\S+)$} or return undef;
    my ($block) = $request->body
        =~ /\A--\Q$boundary\E\r\n.*?\r\n\r\n(.*)\r\n--\Q$boundary\E--\r\n\z/s
        or return undef;
    my $codec = $request->arg('cid-codec') eq 'raw' ? RAW : DAG_PB;
    my $cid = cid_text(cid_make($codec, $block));

    CORE::open my $out, '>:raw', "$node/$cid" or die "$cid: $!";
    print $out $block;
    close $out;

    return { type => 'application/json',
             body => "{\"Key\":\"$cid\",\"Size\":" . length($block) . '}' };
}


my $kubo = Meshkit::Service->run(handler => \&kubo);
my $api = 'http://127.0.0.1:' . $kubo->port;
my $bytes = 'k' x 2_500_000;
my $facts = $c->seal($bytes, '--kubo', $api, '--token-file', $token);

is(scalar(my @put = $kubo->requests(qr{block/put})), $facts->{blocks},
   'Kubo: each block is put');
is_deeply([ grep { $_->arg('mhtype') ne 'sha2-256' || $_->arg('mhlen') != 32
                   || $_->arg('pin') ne 'false'
                   || $_->header('Authorization') ne 'Bearer tok3n-A' }
            @put ], [], 'Kubo: as sha2-256, unpinned, with the token');
is($kubo->last_request->uri,
   "/api/v0/pin/add?arg=$facts->{cid}&recursive=true",
   'Kubo: the root is pinned at last');
$r = $c->open($c->share, '--blocks', $node);
ok($r->{exit} == 0 && $c->read('out') eq $bytes,
   'Kubo: what is stored there opens') or diag($r->{err});

my @seal = ('seal', $c->path('plain'), '--owner', 'alice', '--sign',
            $c->path('alice-sign.pem'), '--key', $c->path('alice.pem'),
            '--capsule', $c->path('new'), '--kubo', $api);

$kubo->mode('status', code => 403);
$c->refused('Kubo: refused', 4, qr/kubo at http:\S+ answered with status 403/,
            @seal);
$kubo->mode('body', body => '{"Key":"' . cid_text(cid_make(RAW, 'x'))
            . '","Size":1}');
$c->refused('Kubo: another CID', 4, qr/names a block differently/, @seal);
$kubo->mode('status', code => 500, match => qr/pin/);
$c->refused('Kubo: not pinned', 4, qr/status 500/, @seal);
ok(!-e $c->path('new'), 'Kubo: no capsule of what is not stored');

$kubo->stop;
$c->done;
