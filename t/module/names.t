# What a sender called his file, and what others see of it: characters that
# are not seen, or that turn the direction of writing, become "_" wherever the
# name goes.  The share opens all the same.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(run_command);

my $e = Meshkit::Edge->new(forms => ['raw'], policy => 'authzen', text => {
    open => "meshkit_action download;\n"
            . 'add_header X-Name $meshkit_name always;',
    server => <<'EOL' });
location ~ ^/page/(?<cap>.*)$ {
    error_page 502 504 @page;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
}
location @page {
    return 502 "no: $meshkit_name";
}
EOL

# [ what, the name, how it is shown ]
my @names = (
    [ 'an override', "report\x{202e}fdp.exe", 'report_fdp.exe' ],
    [ 'an override and its end', "a\x{202d}b\x{202c}.txt", 'a_b_.txt' ],
    [ 'embeddings', "\x{202a}a\x{202b}b", '_a_b' ],
    [ 'isolates', "a\x{2066}b\x{2067}c\x{2068}d\x{2069}", 'a_b_c_d_' ],
    [ 'marks', "a\x{200e}b\x{200f}c\x{61c}d", 'a_b_c_d' ],
    [ 'line ends', "a\x{2028}b\x{2029}", 'a_b_' ],
    [ 'a byte order mark', "\x{feff}a", '_a' ],
    [ 'a zero width space', "a\x{200b}b\x{2060}", 'a_b_' ],
    [ 'tags', "a\x{e0041}\x{e007f}b", 'a__b' ],
    [ 'nothing that is seen', "\x{202e}\x{feff}", '__' ],
    [ 'as long as may be', "\x{202e}" x 85, '_' x 85 ],
    [ 'a path and an override', "../\x{202e}x", '../_x' ],

    [ 'Hebrew', "\x{5e7}\x{5d5}\x{5d1}\x{5e5}.txt" ],
    [ 'Persian, by a non-joiner', "\x{645}\x{6cc}\x{200c}\x{62e}.txt" ],
    [ 'a family, by joiners', "\x{1f468}\x{200d}\x{1f469}.png" ],
);

my @shares = map { $e->share(size => 100, policy_id => 'p-1', name =>
                             encode_utf8($_->[1])) } @names;
my $typed = $e->share(size => 100, policy_id => 'p-1', name => 'a',
                      type => encode_utf8("text/plain\x{202e}"));

$e->start;
$e->policy->allow;


# RFC 8187
sub file_name {
    my ($r) = @_;

    my ($value) = $r->header('Content-Disposition') =~ /filename\*=UTF-8''(\S+)/;
    return decode_utf8($value =~ s/%([0-9A-F]{2})/chr hex $1/ger);
}


for my $n (0 .. $#names) {
    my ($what, $name, $shown) = @{ $names[$n] };
    my $share = $shares[$n];
    my $saved = ($shown // $name) =~ tr{/}{_}r;

    $shown //= $name;

    my $r = $e->get("/raw/$share->{id}");

    is($e->outcome($r, $share), '200 ok', "$what: opens");
    is(file_name($r), $saved, "$what: Content-Disposition");
    unlike($r->header('Content-Disposition'),
           qr/%E2%80%A[8-E]|%E2%81%A[0-9A-F]|%EF%BB%BF|%D8%9C|%F3%A0/,
           "$what: nothing hidden in it");
    is(decode_utf8($r->header('X-Name')), $shown, "$what: the variable");
    is(decode_utf8($e->log($r)->{name}), $shown, "$what: the log");
    is($e->policy->last_request->json->{resource}{properties}{name}, $shown,
       "$what: the policy service");

    $e->gateway->mode('status', code => 500);
    $r = $e->get("/page/$share->{id}");
    is(decode_utf8($r->body), "no: $shown", "$what: a page");
    $e->heal;

    my $file = $e->nginx->write("record.$n", $share->{record});
    my $c = run_command({}, $ENV{TEST_MESHKITCTL} || 'build/meshkitctl',
                        'inspect', $file, '--json');
    is(JSON::PP->new->utf8->decode($c->{out})->{name}, $shown,
       "$what: the command line");
}

my $r = $e->get("/raw/$typed->{id}");
is($e->outcome($r, $typed), '200 ok', 'a media type with an override: opens');
is($r->header('Content-Type'), 'text/plain_',
   'a media type with an override: none that a browser knows');

$e->done;
done_testing();
