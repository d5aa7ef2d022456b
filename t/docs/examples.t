# The examples load, and what they promise happens: a share is opened through
# the very text that operators copy.

use strict;
use warnings;

use MIME::Base64 qw(decode_base64url);
use Test::More;

use lib 't/docs/lib';
use Docs qw(text);
use Example qw(fit include tls opened);
use Meshkit::Http;
use Meshkit::Nginx;
use Meshkit::Process qw(run_command);
use Meshkit::Vectors qw(vectors keys_into);

my ($shown) = vectors(qr/^ok-name-and-type$/);
my ($large) = vectors(qr/^ok-two-levels-of-links$/);
my ($bound) = vectors(qr/^ok-policy-allows$/);
my ($revoked) = vectors(qr/^revoked$/);

my $served = Meshkit::Vectors->serve;


# What an operator has in /etc/meshkit, /var/lib/meshkit and elsewhere.
sub prepare {
    my ($t, %more) = @_;

    keys_into($t->dir . '/etc');
    rename $t->dir . '/etc/alice.pem', $t->dir . '/etc/edge.pem' or die $!;
    $t->write("etc/$_.token", "# of the $_ service\n$_-secret-token\n", 0600)
        for qw(policy metadata);
    $t->write('etc/staff.htpasswd', "joe:{PLAIN}secret\n");
    $t->write('etc/denylist', text('conf.d/denylist.example'), 0644);
    $t->secret('policy-secret-token', 'metadata-secret-token');

    my $dir = $t->dir . '/etc';
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                               -pkeyopt ec_paramgen_curve:P-256 -days 2
                               -subj /CN=edge.example.org -addext),
                        'subjectAltName=DNS:gateway.example.net',
                        -keyout => "$dir/edge.key", -out => "$dir/edge.crt");
    is($r->{exit}, 0, 'a certificate') or diag($r->{err});

    $t->write("etc/$_", text("$dir/edge.crt"))
        for qw(share.crt clients.crt ca.crt);
    $t->write('etc/share.key', text("$dir/edge.key"));

    for my $vector ($shown, $large, $bound, $revoked) {
        $t->write("metadata/v1/capsules/$vector->{id}",
                  decode_base64url($vector->{record}));
    }

    $t->port($_, $served->$_->port) for qw(metadata policy);
    $t->port('gateway', $served->gateway->port) if !$more{gateway_is_down};
    $t->port('store', $served->gateway->port);
}


subtest 'conf.d/edge-decrypt-proxy.conf' => sub {
    my $t = Meshkit::Nginx->new(log_level => 'info');

    prepare($t);
    $t->config(include('conf.d/edge-decrypt-proxy.conf'))->start;
    $served->load($large);

    opened(tls($t, "/open/$large->{id}"), $large, 'opens a share');
    opened(tls($t, "/download/$large->{id}"), $large, 'for a download');

    $served->load($shown);
    my $r = tls($t, "/open/$shown->{id}");
    opened($r, $shown, 'another one');
    like($r->header('Content-Type'), qr{^text/plain}, 'with its type');
    like($r->header('Content-Disposition'), qr/^inline;/, 'shown');
    like(tls($t, "/download/$shown->{id}")->header('Content-Disposition'),
         qr/^attachment;/, 'or saved');

    $served->load($bound);
    opened(tls($t, "/open/$bound->{id}"), $bound, 'the policy says yes');
    is($served->policy->last_request->header('Authorization'),
       'Bearer policy-secret-token', 'to a question with its token');

    is(tls($t, "/open/$revoked->{id}")->status, 410, 'a revoked one');
    is(tls($t, '/open/nothing')->status, 404, 'one that is not there');
    is(tls($t, "/_meshkit/metadata/v1/capsules/$bound->{id}")->status, 404,
       'a record is not for clients');
    is(tls($t, '/')->status, 404, 'nothing else');

    is(scalar(my @warned = $t->grep_log(qr/denies nothing/)), 0,
       'every line of the example of a denylist denies');
    $t->write('etc/denylist', text('conf.d/denylist.example')
              . "capsule\t$shown->{id}\tx\n");
    is(tls($t, "/open/$shown->{id}")->status, 410, 'and so does one more');

    my $log = text($t->dir . '/logs/meshkit.log');
    my @log = split /\n/, $log;
    is(scalar @log, 10, 'a line for each in the log');
    like($log[0], qr/"OK" .* capsule=$large->{id} cid=$large->{root} as=alice/,
         'that says what was opened');
    like($log[0], qr{outcome=ok gateway=/_meshkit/near left=0 },
         'and by whose help');
    like($log, qr/capsule=$revoked->{id} .* outcome=share_revoked/,
         'and what was refused');

    my $audit = text($t->dir . '/logs/meshkit-audit.log');
    is(scalar(() = $audit =~ /"event\.type":\["access","allowed"\]/g), 5,
       'the audit log has what was allowed');
    is(scalar(() = $audit =~ /"meshkit\.end":"complete"/g), 5,
       'and that it was sent');
    like($audit, qr/"event\.reason":"share_revoked".*"$revoked->{id}"/,
         'and what was refused');

    $t->done;
};


# The gateway of the example that is far away: by TLS, with a certificate.
my $far = <<'EOC';
server {
    listen 127.0.0.1:%%PORT_far%% ssl;
    access_log off;
    ssl_certificate %%DIR%%/etc/edge.crt;
    ssl_certificate_key %%DIR%%/etc/edge.key;
    location / { proxy_pass http://127.0.0.1:%%PORT_store%%; }
}
EOC

subtest 'conf.d/edge-decrypt-proxy.conf without the near gateway' => sub {
    my $t = Meshkit::Nginx->new(log_level => 'info', http => $far);

    prepare($t, gateway_is_down => 1);
    $t->config(include('conf.d/edge-decrypt-proxy.conf'))->start;
    $served->load($large);
    $served->gateway->clear;

    opened(tls($t, "/open/$large->{id}"), $large, 'the far one is asked');
    my $asked = $served->gateway->count;
    cmp_ok($asked, '>', 3, 'for blocks');
    is($served->gateway->count(qr/format=raw$/), $asked, 'for nothing else');

    opened(tls($t, "/open/$large->{id}"), $large, 'and once more');
    is($served->gateway->count, $asked, 'which the cache answers');
    like(text($t->dir . '/logs/meshkit.log'),
         qr{gateway=/_meshkit/far left=1 }, 'as the log says');

    $t->done;
};


subtest 'conf.d/share-gateway.conf' => sub {
    my $t = Meshkit::Nginx->new(log_level => 'info');
    my @who = (-cert => $t->dir . '/etc/edge.crt',
               -key => $t->dir . '/etc/edge.key');

    prepare($t);
    $t->config(include('conf.d/share-gateway.conf'))->start;
    $served->load($bound);
    $served->policy->clear;

    is(tls($t, "/$bound->{id}")->status, 403, 'no certificate');
    is(tls($t, "/staff/$bound->{id}")->status, 401, 'no password');
    is($served->policy->count, 0, 'nobody is asked about them');

    opened(tls($t, "/$bound->{id}", map { s/^-/--/r } @who), $bound,
           'a client certificate');
    is($served->policy->last_request->json->{subject}{id},
       'CN=edge.example.org', 'is the subject');
    is($served->metadata->last_request->header('Authorization'),
       'Bearer metadata-secret-token', 'metadata has its own token');

    opened(tls($t, "/staff/$bound->{id}", '--user', 'joe:secret'), $bound,
           'a name and a password');
    is($served->policy->last_request->json->{subject}{id}, 'joe',
       'is the subject');
    is(scalar(grep { /joe|secret/ } map { $_->header('Authorization') // '' }
              $served->gateway->requests), 0,
       'which no gateway hears of');

    $t->done;
};


subtest 'README.md' => sub {
    my ($example) = text('README.md') =~ /^```nginx\n(.*?)^```/ms;
    my $t = Meshkit::Nginx->new(log_level => 'info', no_module => 1,
                                exit => 0);

    ok($example, 'has an example');
    prepare($t);

    my $globals = join "\n", '%%GLOBALS%%', 'load_module %%MODULE%%;';

    $example =~ s/^\s*load_module .*$/$globals/m;
    $example =~ s/^http \{$/http {\n%%HTTP%%/m;
    $example =~ s/^\s*worker_processes .*\n//m;
    $t->config(fit($example))->start;
    $served->load($large);

    my $r = http_get($t->port('front'), "/open/$large->{id}");
    ok($r->complete, 'whole');
    opened($r, $large, 'that opens a share');

    $t->done;
};

done_testing();
