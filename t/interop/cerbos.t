# Cerbos as the policy service, with the policies beside this file: members
# open, others do not, and without Cerbos nothing opens that asks for it.

use strict;
use warnings;

use Cwd qw(getcwd);
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::PolicyEngine qw(way);
use Meshkit::Process ();

# A way to open shares, and the location that asks Cerbos for it.
sub asks {
    my ($path, $policy, @passes) = @_;

    return way($path, $policy) . "location = $policy { internal; @passes }\n";
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
              . asks('(?:open|download)', '/_plain', $plain)
              . asks('hasty', '/_hasty', $plain, 'proxy_read_timeout 1s;')
              . asks('tls', '/_tls', trusts('cerbos'))
              . asks('stranger', '/_stranger', trusts('stranger')),
});
my $t = $e->nginx;

my $p = Meshkit::PolicyEngine->new($e);

$p->certificate($_) for qw(cerbos stranger);

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


# What Cerbos wrote down: one line for each question.
sub decisions {
    return map { JSON::PP->new->utf8->decode($_) }
           split /\n/, $t->read('decisions');
}


$p->decides($cerbos, \&decisions);


$p->members('download');


$cerbos->exercise('it sees the share, who asks, and for what' => sub {
    my $asked = (decisions())[-1]{checkResources}{inputs}[0];

    is($asked->{resource}{kind} . ' ' . $asked->{resource}{id},
       'capsule project', 'the capsule');
    is_deeply($asked->{resource}{attr},
              { policyId => 'project', cid => $p->share('project')->{cid},
                owner => 'owner', size => 70_000, name => 'plan.txt' },
              'what is known of it') or diag explain $asked;
    is($asked->{principal}{id}, 'ben', 'who asks');
    is_deeply($asked->{principal}{attr}, { openAs => 'alice' },
              'the identity');
    is_deeply($asked->{actions}, [ 'download' ], 'for what');

    $p->outcome_is('ann', 'open', 'small', '403 policy_denied');
});


$cerbos->exercise('expiry denies: of the terms, and of the share' => sub {
    my $before = decisions();

    $p->outcome_is('ann', 'open', 'finished', '403 policy_denied');
    $p->outcome_is('ann', 'download', 'finished', '403 policy_denied');
    $p->outcome_is('ann', 'open', 'expired', '410 share_expired');
    $p->outcome_is('eve', 'open', 'free', '200 ok');
    $p->decisions_are($before + 2, 'it is asked where it has to be');
});


$cerbos->exercise('it echoes no X-Request-ID, and need not' => sub {
    my $r = http_request($t->port('cerbos'), method => 'POST',
        path => '/access/v1/evaluation', body => '{}',
        headers => [ 'X-Request-ID' => 'one',
                     'Content-Type' => 'application/json' ]);

    is($r->status, 400, 'half a question');
    is($r->header('X-Request-ID'), undef, 'the answer has no id');
    $p->outcome_is('ann', 'open', 'project', '200 ok');
});


$cerbos->exercise('one connection for one question after the other' => sub {
    $p->outcome_is('ann', 'open', 'project', '200 ok');
    my @first = connections();
    $p->outcome_is($_ % 2 ? 'ann' : 'eve', 'open', 'project',
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


$p->outages;


$cerbos->exercise('by TLS, and by its certificate only' => sub {
    my $health = 'https://localhost:' . $t->port('cerbos')
                 . '/_cerbos/health';

    $cerbos->stop;
    $cerbos->start(
        command => [ server => '--config', $t->dir . '/cerbos-tls.yaml' ],
        ready => sub { (curl('--cacert', $t->dir . '/cerbos.crt', $health)
                        ->status // 0) == 200 });

    $p->outcome_is('ann', 'tls', 'project', '200 ok');
    $p->outcome_is('eve', 'tls', 'project', '403 policy_denied');
    $p->outcome_is('ann', 'stranger', 'project', '503 policy_provider_error');
    $p->outcome_is('ann', 'open', 'project', '503 policy_provider_error');
});

$cerbos->stop;
$e->done;
done_testing();
