# "103 Early Hints" of a service that nobody has asked yet: they come on a
# connection that is kept, together with the next client's request.  With
# accept_mutex nginx hears of both before it works on either, and reads from
# the service as soon as it has asked.

use strict;
use warnings;

package Unasked;

use parent 'Meshkit::Metadata';

use Meshkit::Process;


# Beside its answers: hints, and another answer, once the test says so.
sub _serve {
    my ($self, $socket) = @_;

    my $pid = fork // die "fork: $!";

    return $self->SUPER::_serve($socket) if $pid;

    syswrite $socket, Meshkit::Process::slurp("$self->{dir}/now")
        if Meshkit::Process::wait_for(60, sub { -e "$self->{dir}/now" });
    POSIX::_exit(0);
}


sub say {
    my ($self, $bytes) = @_;

    open my $file, '>:raw', "$self->{dir}/now.new" or die "now: $!";
    print $file $bytes;
    close $file or die "now: $!";
    rename "$self->{dir}/now.new", "$self->{dir}/now" or die "now: $!";
}


# How many connections have something that nginx did not read yet.
sub unread {
    my ($self) = @_;

    my $port = sprintf '%04X', $self->port;

    return scalar(my @found = Meshkit::Process::slurp('/proc/net/tcp')
        =~ /^\s*\d+: \w{8}:\w{4} \w{8}:$port 01 \w{8}:(?!0{8})/mg);
}


package main;

use Test::More;

use Meshkit::Edge;
use Meshkit::Http qw(http_request);
use Meshkit::Process qw(wait_for);

use constant { WORKERS => 2, HINTS => 50 };

my $e = Meshkit::Edge->new(nginx => { workers => WORKERS }, forms => ['raw'],
    text => { http => "meshkit_deadline 10s;\nkeepalive_timeout 60s;" });
my $t = $e->nginx;
my $unasked = Unasked->run;

# who gets the mutex first has all of the connections
$t->port('metadata', $unasked->port);
$e->config($e->config_text
    =~ s/^events \{/events { accept_mutex on; accept_mutex_delay 60s;/mr);

my $share = $e->share(size => 1000, record => 0);

$unasked->record("/v1/capsules/$share->{id}", $share->{record});
$e->start;
ok(wait_for(20, sub { $t->worker_pids == WORKERS }), 'all workers run');


sub stopped {
    return Meshkit::Process::slurp("/proc/$_[0]/status") =~ /^State:\s+T/m;
}


my $first = $e->get("/raw/$share->{id}", keepalive => 1);
is($e->outcome($first, $share), '200 ok', 'opens');

my @workers = $t->worker_pids;
my $socket = $first->socket;

kill 'STOP', @workers;
ok(wait_for(20, sub { !grep { !stopped($_) } @workers }), 'they stand still');
syswrite $socket, "GET /raw/$share->{id} HTTP/1.1\r\nHost: a\r\n"
                  . "Connection: close\r\n\r\n";

my $hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=hint\r\n\r\n";
my $length = length $share->{record};

$unasked->say($hint x HINTS . "HTTP/1.1 200 OK\r\n"
              . "Content-Type: application/json\r\n"
              . "Content-Length: $length\r\n\r\n$share->{record}");
ok(wait_for(20, sub { $unasked->unread > 0 }), 'hints wait to be read');
kill 'CONT', @workers;

my $r = http_request(0, raw => '', socket => $socket, timeout => 30);
is($e->outcome($r, $share), '503 metadata_provider_error',
   'too many are too many');

$unasked->stop;
$e->done;
done_testing();
