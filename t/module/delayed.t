# A service's location that makes its requests wait: nginx wakes what has the
# connection's events, which the module's request to the service has not.

use strict;
use warnings;

use Test::More;

use Time::HiRes qw(time);

use Meshkit::Edge;
use Meshkit::Nginx;

my @perl = Meshkit::Nginx->lacks('ngx_http_perl_module')
           ? () : 'ngx_http_perl_module';

my $sleep = 'perl "sub { my $r = shift; $r->sleep(300, sub { my $r = shift; '
            . '$r->send_http_header(qq(application/json)); '
            . '$r->print(qq({\x22decision\x22:true})); return OK; }); '
            . 'return OK; }";';

my $e = Meshkit::Edge->new(policy => 'authzen', forms => [qw(car raw)],
    nginx => { modules => \@perl },
    text => {
        http => 'limit_req_zone all zone=all:1m rate=20r/s; '
                . 'meshkit_deadline 5s;',
        policy => 'limit_req zone=all burst=100;',
        metadata => 'limit_req zone=all burst=100;',
        server => @perl ? <<"EOT" : '' });
location = /_sleeps { internal; $sleep }
location ~ ^/sleeps/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_sleeps;
    meshkit_gateway /_gw/0;
}
EOT

$e->policy->allow;
$e->start;

my $share = $e->share(size => 300_000, policy_id => 'p-1');
my $worker = $e->nginx->worker_pid;

for my $form (qw(car raw)) {
    for my $n (1 .. 3) {
        my $begin = time;

        $e->opens($share, $form, "$form $n: opens");
        cmp_ok(time - $begin, '<', 2, "$form $n: after the delay");

        my $c = $e->curl("/$form/$share->{id}", h2 => 1);

        ok($c->body eq $share->{plain}, "$form $n: opens by HTTP/2")
            or diag $c->status;
    }
}

SKIP: {
    skip 'there is no Perl in nginx', 2 if !@perl;

    my $begin = time;

    is($e->outcome($e->get("/sleeps/$share->{id}"), $share), '200 ok',
       'a policy that sleeps: opens');
    cmp_ok(time - $begin, '<', 2, 'when it is awake');
}

is($e->nginx->worker_pid, $worker, 'one worker did it all');
$e->done;
done_testing();
