# A question, and the token in it, is for the service's own location.  nginx
# chooses the location by the whole URI, of which a client, an owner or a name
# chooses a part: whatever else of the server fits it must not get a question.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Service;

my $app = Meshkit::Service->run(handler => sub {
    return { body => '{"member":true,"decision":true}',
             type => 'application/json' };
});

my $bob = 'bob@firma.pl';
my $pass = 'proxy_pass http://app;';

# what the operator has for other purposes, whom it fits, and what the open
# then ends with; %P is the prefix of the row's services
my @taken = (
    [ 'a regular expression that fits the identity', 'vault',
      "location ~ ^%P.*\\.pl\$ { $pass }" ],
    [ 'the same, without regard to case', 'vault',
      "location ~* ^%P.*\\.PL\$ { $pass }" ],
    [ 'a regular expression, internal for another purpose', 'vault',
      "location ~ ^%P.*\\.pl\$ { internal; $pass }" ],
    [ 'one that answers by itself', 'vault',
      "location ~ ^%P.*\\.pl\$ { return 200 '{\"member\":true}'; }" ],
    [ 'one that is internal and answers by itself', 'vault',
      "location ~ ^%P.*\\.pl\$ { internal; return 200 '{\"member\":true}'; }" ],
    [ 'one that passes on within "if"', 'vault',
      "location ~ ^%P.*\\.pl\$ { if (\$arg_x = '') { $pass } }" ],
    [ 'one that is internal and passes on within "if"', 'vault',
      "location ~ ^%P.*\\.pl\$ { internal; if (\$arg_x = '') { $pass } }" ],
    [ 'one that rewrites to an application', 'vault',
      "location ~ ^%P.*\\.pl\$ { rewrite ^ /app/x last; }" ],
    [ 'one that has a file or else an application', 'vault',
      "location ~ ^%P.*\\.pl\$ { try_files /none \@app; }" ],
    [ 'a longer prefix that clients can reach', 'vault',
      "location %P/meta/v1/vaults/ { $pass }" ],
    [ 'a rewrite of the server to an application', 'vault',
      "rewrite ^%P/meta/v1/vaults/ /app/x last;" ],
    [ 'a rewrite of the server to another location, internal', 'vault',
      "rewrite ^%P/meta/v1/vaults/ /kept/x last;" ],
    [ 'a rewrite of the server that asks for another member', 'vault',
      "rewrite ^(%P.*)\\.pl\$ \$1 last;" ],
    [ 'a "return" of the server', 'vault',
      "if (\$uri ~ ^%P.*\\.pl\$) { return 200 '{\"member\":true}'; }" ],
    [ 'a regular expression that fits the record', 'metadata',
      "location ~ ^%P/meta/.*capsules { $pass }" ],
    [ 'a regular expression that fits the policy service', 'policy',
      "location ~ ^%P/policy { $pass }" ],
    [ 'a regular expression that fits the gateway', 'gateway',
      "location ~ ^%P/gw/ipfs/ { $pass }" ],
    [ 'a regular expression within the location', 'vault',
      '', 'location ~ \.pl$ { proxy_pass http://app; }' ],
    [ 'an answer that redirects to an application', 'vault',
      '', 'proxy_ignore_headers X-Accel-Expires;',
      [ 'x_accel', to => '/app/x' ] ],
    [ 'an answer that redirects to a named location', 'vault',
      '', 'proxy_ignore_headers X-Accel-Expires;',
      [ 'x_accel', to => '@app' ] ],
    [ 'an error page that is an application', 'vault',
      '', 'proxy_intercept_errors on; error_page 500 = /app/x;',
      [ 'status', code => 500, body => '' ] ],
);

# what is the operator's right
my @own = (
    [ '^~ in front of a regular expression', '^~',
      "location ~ ^%P.*(\\.pl|ipfs|policy).*\$ { $pass }", '' ],
    [ 'a plain prefix, and nothing that fits', '', '', '' ],
    [ '"if" in the location', '^~', '', 'if ($arg_x) { return 403; }' ],
    [ 'a location for the members', '^~',
      'location ^~ %P/meta/v1/vaults/ { internal; '
      . 'proxy_pass http://metadata/v1/vaults/; }', '' ],
    [ 'rewrite and break in the location', '^~', '',
      'rewrite ^/[^/]+/meta(/.*)$ $1 break;' ],
);

my %end = (vault => '503 vault_provider_error',
           metadata => '503 metadata_provider_error',
           policy => '503 policy_provider_error',
           gateway => '504 provider_request_failed');


sub location {
    my ($n, $how, $text, $inside) = @_;

    my $p = "/n$n-x";
    my $policy = $how eq '' ? '' : '=';

    return join "\n", $text =~ s/%P/$p/gr, <<"EOT";
location /open$p/ {
    meshkit_open \$last;
    meshkit_as \$as;
    meshkit_metadata $p/meta token_file=%%DIR%%/keys/metadata.token;
    meshkit_policy $p/policy token_file=%%DIR%%/keys/policy.token;
    meshkit_gateway $p/gw raw token_file=%%DIR%%/keys/gw0.token;
}
location $how $p/meta/ { internal; proxy_pass http://metadata/; $inside }
location $policy $p/policy { internal; proxy_pass http://policy/evaluate; }
location $how $p/gw/ { internal; proxy_pass http://gw0/; }
EOT
}


my $n = 0;
my $e = Meshkit::Edge->new(policy => 'authzen', tokens => 1, forms => ['raw'],
    text => {
        http => "meshkit_identity $bob %%DIR%%/keys/bob.pem;\n"
                . "upstream app { server 127.0.0.1:%%PORT_app%%; }\n"
                . 'map $uri $last { "~/(?<end>[^/]+)$" $end; }'
                . "map \$arg_as \$as { default alice; x $bob; }",
        open => 'meshkit_as $as;',
        server => join("\n",
            "location /app/ { $pass }", "location \@app { $pass }",
            "location /kept/ { internal; $pass }",
            (map { location($n++, '', $_->[2], $_->[3] // '') } @taken),
            (map { location($n++, @$_[1 .. 3]) } @own)),
    });

$e->nginx->port('app', $app->port);

my $share = $e->share(size => 70_000, vault_id => 'v-1', policy_id => 'p-1',
                      recipient => "$bob=t/vectors/keys/bob.pem");

$e->policy->allow;
$e->metadata->member('v-1', $_, 1) for $bob, 'bob@firma';
$e->start;

my $worker = $e->nginx->worker_pid;


$n = 0;

for my $row (@taken) {
    my ($name, $service, undef, undef, $answer) = @$row;
    my $i = $n++;

    $app->clear;
    $e->clear;
    $e->metadata->mode($answer->[0], match => '^/v1/vaults/',
                       @$answer[1 .. $#$answer]) if $answer;

    my $lines = () = $e->nginx->grep_log(qr/no internal location serves|reached no location/);
    my $r = $e->get("/open/n$i-x/$share->{id}?as=x");
    my $after = () = $e->nginx->grep_log(qr/no internal location serves|reached no location/);

    is($e->outcome($r, $share), $end{$service}, "$name: refused");
    is($app->count, 0, "$name: nobody else is asked");
    is($e->gateway->count, 0, "$name: nothing is fetched");

    if ($answer) {
        $e->metadata->mode('ok');
        next;
    }

    cmp_ok($after, '>', $lines, "$name: the log says why");
    is($e->metadata->count(qr{^/v1/vaults/}), 0, "$name: no other member")
        if $service eq 'vault';
}

for my $row (@own) {
    my ($name) = @$row;
    my $i = $n++;

    $app->clear;
    is($e->outcome($e->get("/open/n$i-x/$share->{id}?as=x"), $share), '200 ok',
       "$name: opened");
    is($app->count, 0, "$name: nobody else is asked");
}

is($e->nginx->worker_pid, $worker, 'one worker lived through all of it');
$e->done;
done_testing();
