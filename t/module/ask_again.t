# A service that closes the connection before any byte of a response is asked
# once more, and never more often: a connection that was kept may be closed by
# the service just as the next request comes.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Token qw(jwks);

use constant WAIT => 20;

my $e = Meshkit::Edge->new(policy => 'authzen', tokens => 1,
    text => { http => <<'EOT', open => <<'EOT', server => <<'EOT' });
meshkit_audit_log logs/audit.log;
meshkit_subject $http_x_tag;
proxy_read_timeout 1s;
EOT
meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;
EOT
location ~ ^/brief/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_deadline 1500ms;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/repeated/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/repeated;
    meshkit_gateway /_gw/0 raw;
}
location = /_meshkit/repeated {
    internal;
    proxy_pass http://policy/evaluate;
    proxy_next_upstream error timeout non_idempotent;
}
location ~ ^/nobody/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/nobody;
    meshkit_gateway /_gw/0 raw;
}
location = /_meshkit/nobody {
    internal;
    proxy_pass http://127.0.0.1:%%PORT_nobody%%;
}
EOT
my $t = $e->nginx;
my $share = $e->share(size => 1000, policy_id => 'p', vault_id => 'v',
                      capability_issuer => 'ines');
my $plain = $e->share(size => 1000, policy_id => 'p');
my $ines = Meshkit::Token->issuer('ines');
my $token = $ines->mint(claims => {
    iss => 'ines', sub => 'alice', iat => time, exp => time + 3600,
    jti => 'j-1', cap => { capsule => $share->{id}, actions => ['open'] } });

$t->write('keys/issuers.jwks', jwks($ines));
$e->metadata->capability('j-1', 'active');
$e->metadata->member('v', 'alice', 1);
$e->start;
$e->policy->allow;


sub get {
    my ($path, @more) = @_;

    return $e->get($path, headers => [ 'X-MeshKit-Capability' => $token ],
                   @more);
}


sub outcome { return $e->outcome(get("/raw/$share->{id}", @_), $share) }


sub fresh {
    $e->heal->clear;
    $e->policy->allow;
}


# what is asked, the service, its requests, the outcome if it fails
my @steps = (
    [ 'the record', $e->metadata, qr{/capsules/}, 'metadata_provider_error' ],
    [ 'the vault', $e->metadata, qr{/vaults/}, 'vault_provider_error' ],
    [ 'the capability', $e->metadata, qr{/capabilities/},
      'metadata_provider_error' ],
    [ 'the policy', $e->policy, qr{evaluate}, 'policy_provider_error' ],
);

for my $step (@steps) {
    my ($what, $service, $match, $failed) = @$step;

    for my $how (qw(truncate reset)) {
        fresh();
        $service->mode($how, at => -1, match => $match, times => 1);
        is(outcome(), '200 ok', "$what, $how: is asked again");

        my @asked = $service->requests($match);

        is(scalar @asked, 2, "$what, $how: once");
        is_deeply([ map { [ $_->method, $_->uri, $_->fields,
                            $_->body =~ s/"time":"[^"]+"//r ] } $asked[1] ],
                  [ map { [ $_->method, $_->uri, $_->fields,
                            $_->body =~ s/"time":"[^"]+"//r ] } $asked[0] ],
                  "$what, $how: with the same request");
        like($asked[1]->header('Authorization') // '', qr/^Bearer token-of-/,
             "$what, $how: and its token");
        is($asked[1]->method, $what eq 'the policy' ? 'POST' : 'GET',
           "$what, $how: by the method");

        fresh();
        $service->mode($how, at => -1, match => $match);
        is(outcome(), "503 $failed", "$what, $how: twice");
        is($service->count($match), 2, "$what, $how: is not asked again");
    }

    for my $row ([ 'half a header', 'garbage', bytes => "HTTP/1.1 200 O" ],
                 [ 'one byte', 'garbage', bytes => 'H' ],
                 [ 'half a body', 'truncate', at => 5 ],
                 [ 'no body', 'truncate', at => 0 ],
                 [ 'an error', 'status', code => 502 ],
                 [ 'silence', 'stall', at => -1, seconds => 5 ])
    {
        my ($name, $how, @args) = @$row;

        fresh();
        $service->mode($how, @args, match => $match);
        is(outcome(), "503 $failed", "$what, $name: refused");
        is($service->count($match), 1, "$what, $name: asked once");
    }
}

# --- every step of an open has its own --------------------------------------

{
    fresh();
    for my $step (@steps) {
        my ($what, $service, $match) = @$step;
        $service->add_mode('truncate', at => -1, match => $match,
                           times => 1);
    }

    is(outcome(), '200 ok', 'each service closes once');
    is_deeply([ map { $_->[1]->count($_->[2]) } @steps ], [ 2, 2, 2, 2 ],
              'and each is asked twice');
}

# --- connections that are closed as the next request comes ------------------

{
    fresh();
    $_->mode('truncate', at => -1, kept => 1) for $e->metadata, $e->policy;

    is(join(' ', map { $e->outcome(get("/raw/$plain->{id}"), $plain) }
                 1 .. 6), join(' ', ('200 ok') x 6),
       'connections that are not really kept: every open');

    my $said = () = $t->grep_log(qr/\[info\] .*meshkit: "\/_meshkit\/policy" is asked once more/);
    cmp_ok($said, '>=', 2, 'which is in the log');

    is(join(' ', map { $e->outcome(get("/repeated/$plain->{id}"), $plain) }
                 1 .. 6), join(' ', ('200 ok') x 6),
       'non_idempotent: every open');
    is(() = $t->grep_log(qr/meshkit: "\/_meshkit\/repeated" is asked/), 0,
       'non_idempotent: nginx itself asks again');
}

# --- a connection that is refused -------------------------------------------

is($e->outcome(get("/nobody/$plain->{id}"), $plain),
   '503 policy_provider_error', 'nobody listens');
is(() = $t->grep_log(qr/connect\(\) failed .*\/_meshkit\/nobody/), 1,
   'which is tried once');

# --- time -------------------------------------------------------------------

{
    fresh();
    $e->policy->mode('delay', seconds => 0.3);
    $e->policy->add_mode('truncate', at => -1, times => 1);

    my $r = get("/raw/$plain->{id}");
    my @lines;

    is($e->outcome($r, $plain), '200 ok', 'slow answers');
    cmp_ok($e->log($r)->{policy_ms}, '>=', 550, 'both count as its time');
    ok(wait_for(WAIT, sub {
        @lines = grep { /"user.id":"$r->{tag}"/ }
                 split /\n/, $t->read('logs/audit.log');
        return @lines == 2;
    }), 'one decision and one end in the audit log');
    cmp_ok(JSON::PP->new->decode($lines[0])->{'meshkit.policy'}{ms}, '>=',
           550, 'that has the time of both');

    fresh();
    $e->policy->mode('delay', seconds => 0.9);
    $e->policy->add_mode('truncate', at => -1, times => 1);
    $r = get("/brief/$plain->{id}");
    is($e->outcome($r, $plain), '503 policy_provider_error',
       'the second answer comes too late');
    cmp_ok($r->elapsed, '<', 1.75, 'the deadline holds for both');
    is($e->policy->count, 2, 'it was asked again');
}

# --- what the examples say of it --------------------------------------------

for my $file ('docs/DIRECTIVES.md', 'demo/nginx.conf.in',
              grep { Meshkit::Process::slurp($_) =~ /^\s*meshkit_policy /m }
              glob 'conf.d/*.conf')
{
    my @locations = Meshkit::Process::slurp($file)
        =~ /^( *)location = \/_meshkit\/policy \{\n(.*?)^\1\}/msg;

    like($_, $file =~ /^docs/ ? qr/\.\.\./
             : qr/proxy_next_upstream\s+error timeout non_idempotent;/,
         "$file: a decision may be asked for twice")
        for grep { /proxy_pass/ } @locations;
}

$e->done;
done_testing();
