# Open Policy Agent as the policy service, with the policy beside this file:
# its data API for webhooks takes the question as it is, and what is no
# decision opens nothing.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::PolicyEngine qw(way);
use Meshkit::Process qw(run_command wait_for);
use Meshkit::Service;

my $json = JSON::PP->new->utf8->canonical;
my @faults = qw(undefined partial conflict text bare set_of_one obligation
                nothing);

# A way to open shares, and the location that asks OPA for it.  A connection
# that an upstream keeps would be used whatever a location says of TLS, so
# these have none.
sub asks {
    my ($path, $what, %opt) = @_;

    my $token = $opt{token} // 'known';
    my $to = $opt{trust} ? 'https://127.0.0.1:%%PORT_opa%%' : 'http://opa';
    my @passes = $opt{passes} // ();

    push @passes, 'proxy_ssl_verify on;', 'proxy_ssl_name localhost;',
        "proxy_ssl_trusted_certificate %%DIR%%/$opt{trust}.crt;"
        if $opt{trust};
    $token = $token ? "token_file=%%DIR%%/$token.token" : '';

    return way($path, "/_opa/$path format="
                      . ($opt{format} // 'authzen') . " $token")
           . "location = /_opa/$path { internal; proxy_pass $to/$what;"
           . " @passes }\n";
}


my $authzen = 'v0/data/meshkit/share/authzen';
my $e = Meshkit::Edge->new(text => {
    http => 'upstream opa { server 127.0.0.1:%%PORT_opa%%; keepalive 4; }'
            . ' map $uri $action { ~^/save/ download; default open; }'
            . ' set_real_ip_from 127.0.0.1; real_ip_header X-Test-Client;',
    server => 'proxy_read_timeout 20s;'
              . asks('open', $authzen) . asks('save', $authzen)
              . asks('hasty', $authzen, passes => 'proxy_read_timeout 1s;')
              . asks('flat', 'v0/data/meshkit/share/lit', format => 'lit')
              . asks('wrapped', 'v1/data/meshkit/share/authzen')
              . asks('nobody', $authzen, token => '')
              . asks('stranger', $authzen, token => 'unknown')
              . asks('tls', $authzen, trust => 'opa')
              . asks('forged', $authzen, trust => 'other')
              . join('', map { asks($_, "v0/data/meshkit/faults/$_") }
                         @faults, 'reason'),
});
my $t = $e->nginx;

my $p = Meshkit::PolicyEngine->new($e);

$p->certificate($_) for qw(opa other);

my %token = map { $_ => "token-of-$_-gateway-0123456789" } qw(known unknown);

$t->write("$_.token", "$token{$_}\n", 0600) for keys %token;
$t->secret(values %token);
$t->write('opa.d/data.json',
          $json->encode({ gateways => [ sha256_hex($token{known}) ] }));

my $own = 't/interop/opa';
my $config = Meshkit::Process::slurp("$own/config.yaml");

$t->write('opa.yaml', $config);

my $opa = Meshkit::Neighbour->new('opa', dir => $t->dir);

$opa->version(qr/^Version: ([\d.]+)$/m, 'version');


sub serves {
    my (%opt) = @_;

    my $at = 'localhost:' . $t->port('opa');
    my @tls = $opt{tls} ? ("--tls-cert-file=$opt{tls}.crt",
                           "--tls-private-key-file=$opt{tls}.key") : ();
    my @url = $opt{tls} ? ('--cacert', "$opt{tls}.crt", "https://$at/health")
                        : "http://$at/health";

    $opa->start(
        command => [ qw(run --server --disable-telemetry), @tls,
                     '--authentication=token', '--authorization=basic',
                     '--addr', "127.0.0.1:" . $t->port('opa'),
                     '--config-file', $t->dir . '/opa.yaml',
                     @{ $opt{with} // [ "$own/policy", "$own/faults" ] },
                     $t->dir . '/opa.d' ],
        ready => sub { (curl(@url)->status // 0) == 200 });
}


# OPA's log, a line of JSON for each thing it tells.
sub told {
    my ($message) = @_;

    return grep { ($_->{msg} // '') eq $message }
           map { /^\{/ ? $json->decode($_) : () } $opa->log =~ /(.*)\n/g;
}


sub decisions { return told('Decision Log') }


$p->decides($opa, \&decisions);

$opa->exercise('the policy passes its own tests' => sub {
    my $r = run_command({}, $opa->program, qw(test --format json),
                        "$own/policy", "$own/tests");
    my @tests = eval { @{ $json->decode($r->{out}) } };

    is($r->{exit}, 0, 'opa test') or diag($r->{out}, $r->{err});
    cmp_ok(scalar @tests, '>=', 10, 'as many as there are');
    is(scalar(grep { $_->{fail} } @tests), 0, 'and none fails');

    $r = run_command({}, $opa->program, qw(check --strict), "$own/policy",
                     "$own/faults");
    is($r->{exit}, 0, 'opa check') or diag($r->{err});
    $r = run_command({}, $opa->program, qw(fmt --list), $own);
    is($r->{out} . $r->{err}, '', 'opa fmt');
});

$opa->exercise('the policy of docs/DIRECTIVES.md decides' => sub {
    my ($rego) = Meshkit::Process::slurp('docs/DIRECTIVES.md')
                 =~ /^(    package meshkit\.share\n(?:    .*\n|\n)+)/m;
    my $file = $t->write('shown.rego', $rego =~ s/^    //gmr);
    my $r = run_command({}, $opa->program, qw(check --strict), $file);

    is($r->{exit}, 0, 'opa check') or diag($r->{err});

    for my $row ([ ann => 'open', 1 ], [ eve => 'open', 0 ],
                 [ ann => 'download', 0 ])
    {
        my ($who, $act, $yes) = @$row;
        my $input = $t->write('input.json', $json->encode({
            subject => { id => $who }, action => { name => $act },
            resource => { properties => { policyId => 'project' } } }));

        $r = run_command({}, $opa->program, qw(eval --format json --data),
                         $file, '--data', "$own/policy/data.json", '--input',
                         $input, 'data.meshkit.share.authzen');
        is_deeply($json->decode($r->{out})->{result}[0]{expressions}[0]{value},
                  { decision => $yes ? JSON::PP::true : JSON::PP::false },
                  "$who, $act");
    }
});

serves();
$e->start;


$p->members('save');


$opa->exercise('it sees all: share, person, context; logs no token' => sub {
    my $before = decisions();
    my $r = $p->outcome_is('ben', 'save', 'project', '403 policy_denied');

    $p->decisions_are($before + 1, 'one line in its log');

    my $line = (decisions())[-1];
    my $asked = $line->{input};
    my $id = $asked->{context}{requestId};

    like($asked->{context}{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/,
         'when');
    is(delete $asked->{context}{time} ? $id : '', $e->problem($r)->{requestId},
       'the id of the request');
    is_deeply($asked, {
        subject => { type => 'identity', id => 'ben',
                     properties => { openAs => 'alice' } },
        action => { name => 'download' },
        resource => { type => 'capsule', id => 'project', properties => {
            policyId => 'project', cid => $p->share('project')->{cid},
            owner => 'owner', size => 70_000, name => 'plan.txt' } },
        context => { requestId => $id, ip => '127.0.0.1' },
    }, 'nothing else') or diag explain $asked;
    is_deeply($line->{result}, { decision => JSON::PP::false }, 'its answer');
    is_deeply($line->{request_context}{http}{headers}{'X-Request-ID'}, [ $id ],
              'X-Request-ID, to find it by');
    unlike($opa->log, qr/token-of-|Bearer/, 'no token is in its log');
});


$opa->exercise('it decides by size, address, and time' => sub {
    my @far = ('X-Test-Client' => '192.0.2.7');

    $p->outcome_is('ann', 'open', 'small', '403 policy_denied');
    $p->outcome_is('ann', 'open', 'project', '403 policy_denied', @far);
    $p->outcome_is('ann', 'open', 'project', '200 ok',
               'X-Test-Client' => '2001:db8::7');
    $p->outcome_is('ann', 'open', 'finished', '403 policy_denied');
    $p->outcome_is('ann', 'save', 'finished', '403 policy_denied');

    my $before = decisions();
    $p->outcome_is('ann', 'open', 'expired', '410 share_expired');
    $p->outcome_is('eve', 'open', 'free', '200 ok');
    $p->decisions_are($before, 'it is not asked where it need not be');
});


$opa->exercise('undefined, in conflict, not true: no decision' => sub {
    $p->outcome_is('ann', $_, 'project', '503 policy_provider_error')
        for @faults;
    $p->outcome_is('ann', 'reason', 'project', '200 ok');
    is_deeply([ map { $_->{resp_status} } grep {
        $_->{req_path} =~ m{/faults/} } told('Sent response.') ],
        [ 404, 404, 500, 200, 200, 200, 200, 404, 200 ],
        'what it answered');
});


$opa->exercise('/v1/data wraps its answer: that is no decision' => sub {
    my $r = http_request($t->port('opa'), method => 'POST',
        path => '/v1/data/meshkit/share/authzen', body => '{"input":{}}',
        headers => [ 'Content-Type' => 'application/json' ]);

    is_deeply($json->decode($r->body)->{result},
              { decision => JSON::PP::false }, 'the answer is inside');
    $p->outcome_is('ann', 'wrapped', 'project', '503 policy_provider_error');
    is((told('Sent response.'))[-1]{resp_status}, 200, 'it answers');
});


$opa->exercise('the flat form (format=lit)' => sub {
    $p->outcome_is('eve', 'flat', 'project', '200 ok');
    is_deeply((decisions())[-1]{input},
              { policyId => 'project', identity => 'alice', action => 'open',
                cid => $p->share('project')->{cid}, capsuleId => 'project' },
              'all that it is asked');
    $p->outcome_is('ann', 'flat', 'small', '403 policy_denied');
    $p->outcome_is('ann', 'flat', 'finished', '403 policy_denied');
});


$opa->exercise('it demands the gateway\'s own token' => sub {
    my $before = decisions();

    $p->outcome_is('ann', 'nobody', 'project', '503 policy_provider_error');
    $p->outcome_is('ann', 'stranger', 'project', '503 policy_provider_error');
    $p->decisions_are($before, 'nothing is decided');
    is((told('Sent response.'))[-1]{resp_status}, 401, 'it says 401');
    $p->outcome_is('ann', 'open', 'project', '200 ok');
});


$opa->exercise('one connection for one question after the other' => sub {
    $p->outcome_is('ann', 'open', 'project', '200 ok');
    my $first = (told('Received request.'))[-1]{client_addr};
    my $before = told('Received request.');

    $p->outcome_is($_ % 2 ? 'ann' : 'eve', 'open', 'project',
               $_ % 2 ? '200 ok' : '403 policy_denied') for 1 .. 6;

    my @clients = map { $_->{client_addr} } told('Received request.');
    is_deeply([ splice @clients, $before ], [ ($first) x 6 ], 'it is kept');
});


$p->outages;


$opa->exercise('its bundle: not yet there, replaced, cut' => sub {
    my $file = $t->dir . '/bundle.tar.gz';

    $t->write("bundle/$_", Meshkit::Process::slurp("$own/policy/$_"))
        for qw(share.rego data.json);
    $t->write('bundle/.manifest', '{"roots":["meshkit/share","terms"]}');

    my $r = run_command({}, $opa->program, qw(build -b -o), $file,
                        $t->dir . '/bundle');
    is($r->{exit}, 0, 'opa build') or diag($r->{err});

    my $store = Meshkit::Service->run;

    $t->write('opa.yaml', $config . <<"EOY");
services:
  store:
    url: http://127.0.0.1:@{[ $store->port ]}
bundles:
  share:
    service: store
    resource: bundle.tar.gz
    polling: { min_delay_seconds: 1, max_delay_seconds: 1 }
EOY
    $opa->stop;
    serves(with => [ "$own/policy/authz.rego" ]);

    my $ready = sub { http_get($t->port('opa'), '/health?bundles')->status };

    $p->outcome_is('ann', 'open', 'project', '503 policy_provider_error');
    isnt($ready->(), 200, 'and it says that it is not ready');

    serve_bundle($store, Meshkit::Process::slurp($file));
    ok(wait_for(60, sub { $ready->() == 200 }), 'the bundle comes');
    $p->outcome_is('ann', 'open', 'project', '200 ok');
    $p->outcome_is('eve', 'open', 'project', '403 policy_denied');

    # ann is no member of the next one; the one behind it is cut
    my $data = $t->read('bundle/data.json');
    $t->write('bundle/data.json', $data =~ s/"ann", "ben"/"eve", "ben"/gr);
    $r = run_command({}, $opa->program, qw(build -b -o), $file,
                     $t->dir . '/bundle');
    my $next = Meshkit::Process::slurp($file);

    serve_bundle($store, $next);
    ok(wait_for(60, sub { $p->as('ann', '/open/project')->status == 403 }),
       'the next one takes effect');
    $p->outcome_is('eve', 'open', 'project', '200 ok');

    serve_bundle($store, substr $next, 0, length($next) / 2);
    $store->clear;
    ok($store->wait_for_requests(3, qr{^/bundle}, 60), 'one that is cut');
    $p->outcome_is('ann', 'open', 'project', '403 policy_denied');
    $p->outcome_is('eve', 'open', 'project', '200 ok');
    is($store->count, $store->count(qr{^/bundle}), 'it fetches nothing else');
});


sub serve_bundle {
    my ($store, $bytes) = @_;

    $store->clear_routes;
    $store->route(qr{^/bundle\.tar\.gz}, type => 'application/gzip',
                  body => $bytes);
}


$opa->exercise('by TLS, and by its certificate only' => sub {
    $t->write('opa.yaml', $config);
    $opa->stop;
    serves(tls => $t->dir . '/opa');

    $p->outcome_is('ann', 'tls', 'project', '200 ok');
    $p->outcome_is('eve', 'tls', 'project', '403 policy_denied');
    $p->outcome_is('ann', 'forged', 'project', '503 policy_provider_error');
    $p->outcome_is('ann', 'open', 'project', '503 policy_provider_error');
});

$opa->stop;
$e->done;
done_testing();
