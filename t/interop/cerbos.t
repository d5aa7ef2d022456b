# Cerbos as the policy service, with the policies beside this file: members
# open, others do not, and without Cerbos nothing opens that asks for it.

use strict;
use warnings;

use Cwd qw(getcwd);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::Process qw(run_command spawn wait_for wait_process);

# A way to open shares, and the location that asks Cerbos for it.
sub way {
    my ($path, $policy, @passes) = @_;

    return <<"EOT";
location ~ ^/$path/(?<cap>.*)\$ {
    auth_basic share;
    auth_basic_user_file %%DIR%%/people;
    meshkit_open \$cap;
    meshkit_subject \$remote_user;
    meshkit_action \$action;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy $policy;
    meshkit_gateway /_gw/0;
}
location = $policy {
    internal;
    @passes
}
EOT
}


# By TLS, and who signs for Cerbos.
sub trusts {
    my ($name) = @_;

    return (
        'proxy_pass https://127.0.0.1:%%PORT_cerbos%%/access/v1/evaluation;',
        'proxy_ssl_verify on;', 'proxy_ssl_name localhost;',
        "proxy_ssl_trusted_certificate %%DIR%%/$name.crt;");
}


my $plain = 'proxy_pass http://cerbos/access/v1/evaluation;';
my $e = Meshkit::Edge->new(text => {
    http => 'upstream cerbos { server 127.0.0.1:%%PORT_cerbos%%;'
            . ' keepalive 4; }'
            . ' map $uri $action { ~^/download/ download; default open; }',
    server => 'proxy_read_timeout 20s;'
              . way('(?:open|download)', '/_plain', $plain)
              . way('hasty', '/_hasty', $plain, 'proxy_read_timeout 1s;')
              . way('tls', '/_tls', trusts('cerbos'))
              . way('stranger', '/_stranger', trusts('stranger')),
});
my $t = $e->nginx;

for my $name (qw(cerbos stranger)) {
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                               -pkeyopt ec_paramgen_curve:P-256 -days 2
                               -subj /CN=localhost
                               -addext subjectAltName=DNS:localhost),
                        -keyout => $t->dir . "/$name.key",
                        -out => $t->dir . "/$name.crt");
    die $r->{err} if $r->{exit} != 0;
}

$t->write('people', join '', map { "$_:{PLAIN}word\n" } qw(ann ben eve));

my %share = (
    map { $_ => $e->share(size => 70_000, id => $_, policy_id => $_,
                          name => 'plan.txt') }
    qw(project finished small unknown));
$share{expired} = $e->share(size => 70_000, id => 'expired',
                            policy_id => 'project', exp => time - 60);
$share{free} = $e->share(size => 70_000, id => 'free');

my $config = Meshkit::Process::slurp('t/interop/cerbos/config.yaml');

$config =~ s{%%DIR%%}{$t->dir}e;
$config =~ s{%%POLICIES%%}{getcwd() . '/t/interop/cerbos/policies'}e;
$config =~ s{%%PORT_(\w+)%%}{$t->port($1)}ge;
$t->write('cerbos.yaml', $config);
$t->write('cerbos-tls.yaml', $config =~ s{^server:\n}{server:
  tls:
    cert: "@{[ $t->dir ]}/cerbos.crt"
    key: "@{[ $t->dir ]}/cerbos.key"
}mr);

my $cerbos = Meshkit::Neighbour->new('cerbos', dir => $t->dir);

$cerbos->version(qr/^([\d.]+)$/m, '--version');
$cerbos->start(
    command => [ server => '--config', $t->dir . '/cerbos.yaml' ],
    ready => sub { (http_get($t->port('cerbos'), '/_cerbos/health')->status
                    // 0) == 200 });
$e->start;


sub as {
    my ($who, $path) = @_;

    return $e->get($path, headers => [
        Authorization => 'Basic ' . encode_base64("$who:word", '') ]);
}


# (who, what, share) => "200 ok", "403 policy_denied", ...
sub outcome_is {
    my ($who, $act, $name, $outcome) = @_;

    $e->gateway->clear;

    my $r = as($who, "/$act/$name");

    is($e->outcome($r, $share{$name}), $outcome, "$who, $act, $name");
    is($e->gateway->count, 0, "$who, $act, $name: no byte is fetched")
        if $outcome ne '200 ok';
    return $r;
}


# What Cerbos wrote down: one line for each question.
sub decisions {
    return map { JSON::PP->new->utf8->decode($_) }
           split /\n/, $t->read('decisions');
}


sub decisions_are {
    my ($n, $name) = @_;

    wait_for(60, sub { decisions() >= $n });
    is(scalar(my @all = decisions()), $n, $name);
}


$cerbos->exercise('members open, others are denied' => sub {
    outcome_is('ann', 'open', 'project', '200 ok');
    outcome_is('ben', 'open', 'project', '200 ok');
    outcome_is('eve', 'open', 'project', '403 policy_denied');
    outcome_is('ann', 'open', 'unknown', '403 policy_denied');
    is($e->get('/open/project')->status, 401, 'nobody');
    decisions_are(4, 'it is asked once for each');
});


$cerbos->exercise('open is not download' => sub {
    outcome_is('ann', 'download', 'project', '200 ok');
    outcome_is('ben', 'download', 'project', '403 policy_denied');
});


$cerbos->exercise('it sees the share, who asks, and for what' => sub {
    my $asked = (decisions())[-1]{checkResources}{inputs}[0];

    is($asked->{resource}{kind} . ' ' . $asked->{resource}{id},
       'capsule project', 'the capsule');
    is_deeply($asked->{resource}{attr},
              { policyId => 'project', cid => $share{project}{cid},
                owner => 'owner', size => 70_000, name => 'plan.txt' },
              'what is known of it') or diag explain $asked;
    is($asked->{principal}{id}, 'ben', 'who asks');
    is_deeply($asked->{principal}{attr}, { openAs => 'alice' },
              'the identity');
    is_deeply($asked->{actions}, [ 'download' ], 'for what');

    outcome_is('ann', 'open', 'small', '403 policy_denied');
});


$cerbos->exercise('expiry denies: of the terms, and of the share' => sub {
    my $before = decisions();

    outcome_is('ann', 'open', 'finished', '403 policy_denied');
    outcome_is('ann', 'download', 'finished', '403 policy_denied');
    outcome_is('ann', 'open', 'expired', '410 share_expired');
    outcome_is('eve', 'open', 'free', '200 ok');
    decisions_are($before + 2, 'it is asked where it has to be');
});


$cerbos->exercise('it echoes no X-Request-ID, and need not' => sub {
    my $r = http_request($t->port('cerbos'), method => 'POST',
        path => '/access/v1/evaluation', body => '{}',
        headers => [ 'X-Request-ID' => 'one',
                     'Content-Type' => 'application/json' ]);

    is($r->status, 400, 'half a question');
    is($r->header('X-Request-ID'), undef, 'the answer has no id');
    outcome_is('ann', 'open', 'project', '200 ok');
});


$cerbos->exercise('one connection for one question after the other' => sub {
    outcome_is('ann', 'open', 'project', '200 ok');
    my @first = connections();
    outcome_is($_ % 2 ? 'ann' : 'eve', 'open', 'project',
               $_ % 2 ? '200 ok' : '403 policy_denied') for 1 .. 6;
    is_deeply([ connections() ], \@first, 'it is kept');
    is(scalar @first, 1, 'it is the only one');
});


# Established connections to Cerbos, by the worker's own ports.
sub connections {
    my $port = sprintf '%04X', $t->port('cerbos');

    my @own = Meshkit::Process::slurp('/proc/net/tcp')
        =~ /^\s*\d+: \w{8}:(\w{4}) \w{8}:$port 01 /mg;

    return sort @own;
}


$cerbos->exercise('while it hangs: policy_provider_error' => sub {
    $cerbos->pause;
    outcome_is('ann', 'hasty', 'project', '503 policy_provider_error');
    outcome_is('eve', 'hasty', 'free', '200 ok');
    $cerbos->resume;
    outcome_is('ann', 'open', 'project', '200 ok');
});


$cerbos->exercise('stopped: policy_provider_error; started: opens' => sub {
    $cerbos->stop;
    outcome_is('ann', 'open', 'project', '503 policy_provider_error');
    outcome_is('eve', 'open', 'project', '503 policy_provider_error');
    outcome_is('eve', 'open', 'free', '200 ok');
    $cerbos->start;
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


# Not part of the short form.
$cerbos->exercise('killed in the midst of questions' => sub {
    for my $round (1 .. 3) {
        my $before = decisions();
        my @clients = map { spawn("client $_", sub { is_refused('eve') }) }
                      1 .. 4;

        ok(wait_for(30, sub { decisions() > $before }),
           "round $round: it is asked");
        $cerbos->kill;
        is(wait_process($_, 60), 0, "round $round: eve gets nothing")
            for @clients;
        $cerbos->start;
        outcome_is('ann', 'open', 'project', '200 ok');
    }
}) if !$ENV{QUICK};

$cerbos->exercise('by TLS, and by its certificate only' => sub {
    my $health = 'https://localhost:' . $t->port('cerbos')
                 . '/_cerbos/health';

    $cerbos->stop;
    $cerbos->start(
        command => [ server => '--config', $t->dir . '/cerbos-tls.yaml' ],
        ready => sub { (curl('--cacert', $t->dir . '/cerbos.crt', $health)
                        ->status // 0) == 200 });

    outcome_is('ann', 'tls', 'project', '200 ok');
    outcome_is('eve', 'tls', 'project', '403 policy_denied');
    outcome_is('ann', 'stranger', 'project', '503 policy_provider_error');
    outcome_is('ann', 'open', 'project', '503 policy_provider_error');
});

$cerbos->stop;
$e->done;
done_testing();
