# ModSecurity looks into each request in several phases, into those that the
# module sends its services too, and into their bodies, if there are any.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Nginx;

my @modules = qw(ngx_http_modsecurity_module);
my $reason = Meshkit::Nginx->lacks(@modules);

plan(skip_all => $reason) if $reason;

my %rules = (
    'no rule' => "SecRuleEngine On\n",
    'rules for bodies' => <<'EOT',
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType application/json text/plain
SecRule REQUEST_BODY "@contains attack-of-a-client" "id:1,phase:2,deny,status:403"
SecRule ARGS "@contains attack-of-a-client" "id:2,phase:2,deny,status:403"
SecRule RESPONSE_BODY "@contains nobody-says-this" "id:3,phase:4,deny"
EOT
    'a rule that denies the services' => <<'EOT',
SecRuleEngine On
SecRule REQUEST_URI "@beginsWith /_meshkit/metadata" "id:1,phase:1,deny,status:403"
EOT
);

for my $name (sort keys %rules) {
    my $e = Meshkit::Edge->new(
        policy => 'authzen', tokens => 1,
        nginx => { modules => \@modules },
        text => { http => 'modsecurity on; '
                          . 'modsecurity_rules_file %%DIR%%/rules.conf;' });

    $e->nginx->write('rules.conf', $rules{$name});
    $e->policy->allow;
    $e->start;

    my $share = $e->share(size => 700_000, policy_id => 'p-1');
    my $worker = $e->nginx->worker_pid;

    for my $form (qw(car raw)) {
        my $path = "/$form/$share->{id}";

        if ($name =~ /denies/) {
            is($e->code($e->get($path)), 'metadata_provider_error',
               "$name, $form: refused");
            next;
        }

        is($e->outcome($e->get($path), $share), '200 ok',
           "$name, $form: opens") for 1 .. 2;
        is($e->get($path, headers => [ Range => 'bytes=100000-299999' ])->body,
           substr($share->{plain}, 100_000, 200_000), "$name, $form: a range");
        is($e->get($path, method => 'HEAD')->status, 200, "$name, $form: HEAD");
        is($e->curl($path, h2 => 1)->body, $share->{plain},
           "$name, $form: HTTP/2");
        is($e->get("$path?x=attack-of-a-client")->status,
           $rules{$name} =~ /ARGS/ ? 403 : 200, "$name, $form: its own rules");
    }

    is($e->nginx->worker_pid, $worker, "$name: one worker did it all");
    $e->done;
}

done_testing();
