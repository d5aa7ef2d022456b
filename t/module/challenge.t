# A 401 says by which scheme to do better (RFC 9110, 11.6.1; RFC 6750, 3), the
# module's own document and the operator's page in its place.  Nothing else
# does.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Service;
use Meshkit::Token qw(jwks);

my $app = Meshkit::Service->run(handler => sub {
    return { body => 'log in there', type => 'text/plain' };
});

my %pages = (
    'no page' => '',
    'a file' => 'error_page 401 /page.html;',
    'a named location' => 'error_page 401 @page;',
    'a proxied page' => 'error_page 401 @proxied;',
    'a page for another status' => 'error_page 403 404 /page.html;',
    'a header of the operator' =>
        'add_header WWW-Authenticate "Basic realm=x" always;',
);
my @names = sort keys %pages;

my $e = Meshkit::Edge->new(forms => ['raw'], text => {
    http => 'meshkit_capability_issuers %%DIR%%/keys/issuers.jwks; '
            . 'meshkit_audience edge;',
    server => join('', map { <<"EOL" } 0 .. $#names) . <<'EOL' });
location ~ ^/$_/(?<cap>.*)\$ {
    $pages{$names[$_]}
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
EOL
location = /page.html {
    internal;
    root %%DIR%%/html;
}
location @page {
    return 401 "say who you are";
}
location @proxied {
    proxy_pass http://127.0.0.1:%%PORT_app%%;
}
EOL

$e->nginx->port('app', $app->port);
$e->nginx->write('html/page.html', 'our page');
$e->nginx->write('keys/issuers.jwks', jwks(Meshkit::Token->issuer('ines')));

my $share = $e->share(size => 10, capability_issuer => 'ines');
my $free = $e->share(size => 10);

$e->start;

my $challenge = 'Bearer realm="meshkit"';

for my $n (0 .. $#names) {
    for my $method (qw(GET HEAD)) {
        my $r = $e->get("/$n/$share->{id}", method => $method);
        my $what = "$names[$n], $method";

        is($r->status, 401, "$what: 401");
        is(join(' | ', $r->headers('WWW-Authenticate')), $challenge,
           "$what: one challenge");
        ok($r->complete, "$what: whole");
    }

    my $r = $e->curl("/$n/$share->{id}", h2 => 1);
    is($r->exit . ' ' . $r->status . ' '
       . join(' | ', $r->headers('WWW-Authenticate')), "0 401 $challenge",
       "$names[$n], HTTP/2");
}

my $plain = (grep { $names[$_] eq 'no page' } 0 .. $#names)[0];
my $own = (grep { $names[$_] =~ /operator/ } 0 .. $#names)[0];

for my $row ([ 'a token that is none', 403, $share, 'x' ],
             [ 'a share without one', 200, $free ],
             [ 'no share', 404, { id => 'nobody' } ])
{
    my ($what, $status, $asked, $token) = @$row;
    my @headers = defined $token ? ('X-Meshkit-Capability' => $token) : ();
    my $r = $e->get("/$plain/$asked->{id}", headers => \@headers);

    is($r->status, $status, $what);
    is($r->header('WWW-Authenticate'), undef, "$what: no challenge");

    # on other responses it is the operator's (RFC 9110, 11.6.1)
    $r = $e->get("/$own/$asked->{id}", headers => \@headers);
    is($r->header('WWW-Authenticate'), 'Basic realm=x',
       "$what: the operator's header");
}

$e->done;
done_testing();
