# A client on a unix socket has no address, and "unix:" is none: the policy
# service and the audit log are told of an address only where realip knows one.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Edge;

for my $format (qw(authzen lit)) {
    my $e = Meshkit::Edge->new(forms => ['raw'], policy => $format, text => {
        server => "listen unix:%%DIR%%/client.socket;\n"
                  . "set_real_ip_from unix:;\nreal_ip_header X-Real-IP;",
        open => 'meshkit_audit_log %%DIR%%/logs/audit.log;' });
    my $share = $e->share(size => 100, policy_id => 'p-1');

    $e->start;
    $e->policy->allow;

    # [ what, curl's arguments, the address ]
    my @clients = (
        [ 'a unix socket', [ '--unix-socket', $e->dir . '/client.socket' ] ],
        [ 'a unix socket, with realip',
          [ '--unix-socket', $e->dir . '/client.socket',
            '-H', 'X-Real-IP: 192.0.2.7' ], '192.0.2.7' ],
        [ 'IPv6 by realip',
          [ '--unix-socket', $e->dir . '/client.socket',
            '-H', 'X-Real-IP: 2001:db8::1' ], '2001:db8::1' ],
        [ 'TCP', [], '127.0.0.1' ],
    );

    for my $client (@clients) {
        my ($what, $args, $address) = @$client;

        $e->clear;
        my $r = $e->curl("/raw/$share->{id}", args => $args);

        is($r->status . ' ' . ($r->body eq $share->{plain}), '200 1',
           "$format, $what: opens");

        my $json = $e->policy->last_request->json;

        is_deeply([ grep { $_ eq 'ip' } keys %{ $json->{context} // {} } ],
                  defined $address && $format eq 'authzen' ? ['ip'] : [],
                  "$format, $what: the member");
        is($json->{context}{ip}, $address, "$format, $what: the address")
            if $format eq 'authzen';
        unlike($e->policy->last_request->body, qr/unix/,
               "$format, $what: no other word");

        my @lines = split /\n/, $e->nginx->read('logs/audit.log');
        is(JSON::PP->new->decode($lines[-1])->{'client.ip'}, $address,
           "$format, $what: the audit log");
    }

    $e->done;
}

done_testing();
