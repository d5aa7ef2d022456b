# Open Policy Agent as the policy service, with the policy beside this file:
# its data API for webhooks takes the question as it is, and what is no
# decision opens nothing.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command spawn wait_for wait_process);
use Meshkit::Service;

my $json = JSON::PP->new->utf8->canonical;
my @faults = qw(undefined partial conflict text bare set_of_one obligation
                nothing);

# A way to open shares, and the location that asks OPA for it.  A connection
# that an upstream keeps would be used whatever a location says of TLS, so
# these have none.
sub way {
    my ($path, $asks, %opt) = @_;

    my $token = $opt{token} // 'known';
    my $format = $opt{format} // 'authzen';
    my $to = $opt{trust} ? 'https://127.0.0.1:%%PORT_opa%%' : 'http://opa';
    my @passes = $opt{passes} // ();

    push @passes, 'proxy_ssl_verify on;', 'proxy_ssl_name localhost;',
        "proxy_ssl_trusted_certificate %%DIR%%/$opt{trust}.crt;"
        if $opt{trust};
    $token = $token ? "token_file=%%DIR%%/$token.token" : '';

    return <<"EOT";
location ~ ^/$path/(?<cap>.*)\$ {
    auth_basic share;
    auth_basic_user_file %%DIR%%/people;
    meshkit_open \$cap;
    meshkit_subject \$remote_user;
    meshkit_action \$action;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_opa/$path format=$format $token;
    meshkit_gateway /_gw/0;
}
location = /_opa/$path {
    internal;
    proxy_pass $to/$asks;
    @passes
}
EOT
}


my $asks = 'v0/data/meshkit/share/authzen';
my $e = Meshkit::Edge->new(text => {
    http => 'upstream opa { server 127.0.0.1:%%PORT_opa%%; keepalive 4; }'
            . ' map $uri $action { ~^/save/ download; default open; }'
            . ' set_real_ip_from 127.0.0.1; real_ip_header X-Test-Client;',
    server => 'proxy_read_timeout 20s;'
              . way('open', $asks) . way('save', $asks)
              . way('hasty', $asks, passes => 'proxy_read_timeout 1s;')
              . way('flat', 'v0/data/meshkit/share/lit', format => 'lit')
              . way('wrapped', 'v1/data/meshkit/share/authzen')
              . way('nobody', $asks, token => '')
              . way('stranger', $asks, token => 'unknown')
              . way('tls', $asks, trust => 'opa')
              . way('forged', $asks, trust => 'other')
              . join('', map { way($_, "v0/data/meshkit/faults/$_") }
                         @faults, 'reason'),
});
my $t = $e->nginx;

for my $name (qw(opa other)) {
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                               -pkeyopt ec_paramgen_curve:P-256 -days 2
                               -subj /CN=localhost
                               -addext subjectAltName=DNS:localhost),
                        -keyout => $t->dir . "/$name.key",
                        -out => $t->dir . "/$name.crt");
    die $r->{err} if $r->{exit} != 0;
}

my %token = map { $_ => "token-of-$_-gateway-0123456789" } qw(known unknown);

$t->write("$_.token", "$token{$_}\n", 0600) for keys %token;
$t->secret(values %token);
$t->write('people', join '', map { "$_:{PLAIN}word\n" } qw(ann ben eve));
$t->write('opa.d/data.json',
          $json->encode({ gateways => [ sha256_hex($token{known}) ] }));

my %share = (
    map { $_ => $e->share(size => 70_000, id => $_, policy_id => $_,
                          name => 'plan.txt') }
    qw(project finished small unknown));
$share{expired} = $e->share(size => 70_000, id => 'expired',
                            policy_id => 'project', exp => time - 60);
$share{free} = $e->share(size => 70_000, id => 'free');

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


sub as {
    my ($who, $path, @headers) = @_;

    return $e->get($path, headers => [
        Authorization => 'Basic ' . encode_base64("$who:word", ''),
        @headers ]);
}


# (who, what, share) => "200 ok", "403 policy_denied", ...
sub outcome_is {
    my ($who, $act, $name, $outcome, @headers) = @_;

    $e->gateway->clear;

    my $r = as($who, "/$act/$name", @headers);

    is($e->outcome($r, $share{$name}), $outcome, "$who, $act, $name");
    is($e->gateway->count, 0, "$who, $act, $name: no byte is fetched")
        if $outcome ne '200 ok';
    return $r;
}


# OPA's log, a line of JSON for each thing it tells.
sub told {
    my ($message) = @_;

    return grep { ($_->{msg} // '') eq $message }
           map { /^\{/ ? $json->decode($_) : () } $opa->log =~ /(.*)\n/g;
}


sub decisions { return told('Decision Log') }


sub decisions_are {
    my ($n, $name) = @_;

    wait_for(60, sub { decisions() >= $n });
    is(scalar(my @all = decisions()), $n, $name);
}


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


$opa->exercise('members open, others are denied' => sub {
    outcome_is('ann', 'open', 'project', '200 ok');
    outcome_is('ben', 'open', 'project', '200 ok');
    outcome_is('eve', 'open', 'project', '403 policy_denied');
    outcome_is('ann', 'open', 'unknown', '403 policy_denied');
    is($e->get('/open/project')->status, 401, 'nobody');
    decisions_are(4, 'it is asked once for each');
});


$opa->exercise('open is not download' => sub {
    outcome_is('ann', 'save', 'project', '200 ok');
    outcome_is('ben', 'save', 'project', '403 policy_denied');
});


$opa->exercise('it sees all: share, person, context; logs no token' => sub {
    my $before = decisions();
    my $r = outcome_is('ben', 'save', 'project', '403 policy_denied');

    decisions_are($before + 1, 'one line in its log');

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
            policyId => 'project', cid => $share{project}{cid},
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

    outcome_is('ann', 'open', 'small', '403 policy_denied');
    outcome_is('ann', 'open', 'project', '403 policy_denied', @far);
    outcome_is('ann', 'open', 'project', '200 ok',
               'X-Test-Client' => '2001:db8::7');
    outcome_is('ann', 'open', 'finished', '403 policy_denied');
    outcome_is('ann', 'save', 'finished', '403 policy_denied');

    my $before = decisions();
    outcome_is('ann', 'open', 'expired', '410 share_expired');
    outcome_is('eve', 'open', 'free', '200 ok');
    decisions_are($before, 'it is not asked where it need not be');
});


$opa->exercise('undefined, in conflict, not true: no decision' => sub {
    outcome_is('ann', $_, 'project', '503 policy_provider_error')
        for @faults;
    outcome_is('ann', 'reason', 'project', '200 ok');
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
    outcome_is('ann', 'wrapped', 'project', '503 policy_provider_error');
    is((told('Sent response.'))[-1]{resp_status}, 200, 'it answers');
});


$opa->exercise('the flat form (format=lit)' => sub {
    outcome_is('eve', 'flat', 'project', '200 ok');
    is_deeply((decisions())[-1]{input},
              { policyId => 'project', identity => 'alice', action => 'open',
                cid => $share{project}{cid}, capsuleId => 'project' },
              'all that it is asked');
    outcome_is('ann', 'flat', 'small', '403 policy_denied');
    outcome_is('ann', 'flat', 'finished', '403 policy_denied');
});


$opa->exercise('it demands the gateway\'s own token' => sub {
    my $before = decisions();

    outcome_is('ann', 'nobody', 'project', '503 policy_provider_error');
    outcome_is('ann', 'stranger', 'project', '503 policy_provider_error');
    decisions_are($before, 'nothing is decided');
    is((told('Sent response.'))[-1]{resp_status}, 401, 'it says 401');
    outcome_is('ann', 'open', 'project', '200 ok');
});


$opa->exercise('one connection for one question after the other' => sub {
    outcome_is('ann', 'open', 'project', '200 ok');
    my $first = (told('Received request.'))[-1]{client_addr};
    my $before = told('Received request.');

    outcome_is($_ % 2 ? 'ann' : 'eve', 'open', 'project',
               $_ % 2 ? '200 ok' : '403 policy_denied') for 1 .. 6;

    my @clients = map { $_->{client_addr} } told('Received request.');
    is_deeply([ splice @clients, $before ], [ ($first) x 6 ], 'it is kept');
});


$opa->exercise('while it hangs: policy_provider_error' => sub {
    $opa->pause;
    outcome_is('ann', 'hasty', 'project', '503 policy_provider_error');
    outcome_is('eve', 'hasty', 'free', '200 ok');
    $opa->resume;
    outcome_is('ann', 'open', 'project', '200 ok');
});


$opa->exercise('stopped: policy_provider_error; started: opens' => sub {
    $opa->stop;
    outcome_is('ann', 'open', 'project', '503 policy_provider_error');
    outcome_is('eve', 'open', 'project', '503 policy_provider_error');
    outcome_is('eve', 'open', 'free', '200 ok');
    $opa->start;
    outcome_is('ann', 'open', 'project', '200 ok');
    outcome_is('eve', 'open', 'project', '403 policy_denied');
});


sub is_refused {
    my ($who) = @_;

    for (1 .. 5) {
        my $outcome = $e->outcome(as($who, '/open/project'), $share{project});

        next if $outcome eq '403 policy_denied'
                || $outcome eq '503 policy_provider_error';
        die "$who: $outcome\n";
    }
}


$opa->exercise('killed in the midst of questions' => sub {
    for my $round (1 .. 2) {
        my $before = decisions();
        my @clients = map { spawn("client $_", sub { is_refused('eve') }) }
                      1 .. 4;

        ok(wait_for(30, sub { decisions() > $before }),
           "round $round: it is asked");
        $opa->kill;
        is(wait_process($_, 60), 0, "round $round: eve gets nothing")
            for @clients;
        $opa->start;
        outcome_is('ann', 'open', 'project', '200 ok');
    }
});


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

    outcome_is('ann', 'open', 'project', '503 policy_provider_error');
    isnt($ready->(), 200, 'and it says that it is not ready');

    serve_bundle($store, Meshkit::Process::slurp($file));
    ok(wait_for(60, sub { $ready->() == 200 }), 'the bundle comes');
    outcome_is('ann', 'open', 'project', '200 ok');
    outcome_is('eve', 'open', 'project', '403 policy_denied');

    # ann is no member of the next one; the one behind it is cut
    my $data = $t->read('bundle/data.json');
    $t->write('bundle/data.json', $data =~ s/"ann", "ben"/"eve", "ben"/gr);
    $r = run_command({}, $opa->program, qw(build -b -o), $file,
                     $t->dir . '/bundle');
    my $next = Meshkit::Process::slurp($file);

    serve_bundle($store, $next);
    ok(wait_for(60, sub { as('ann', '/open/project')->status == 403 }),
       'the next one takes effect');
    outcome_is('eve', 'open', 'project', '200 ok');

    serve_bundle($store, substr $next, 0, length($next) / 2);
    $store->clear;
    ok($store->wait_for_requests(3, qr{^/bundle}, 60), 'one that is cut');
    outcome_is('ann', 'open', 'project', '403 policy_denied');
    outcome_is('eve', 'open', 'project', '200 ok');
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

    outcome_is('ann', 'tls', 'project', '200 ok');
    outcome_is('eve', 'tls', 'project', '403 policy_denied');
    outcome_is('ann', 'forged', 'project', '503 policy_provider_error');
    outcome_is('ann', 'open', 'project', '503 policy_provider_error');
});

$opa->stop;
$e->done;
done_testing();
