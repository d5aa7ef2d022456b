# Subrequests of others beside those of an open: a mirror of the client's
# request, those of echo.  While they last, memory is given back block by
# block; and the connection ends.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

my $slow = Meshkit::Service->run(handler => sub { return { body => 'x' } });

$slow->mode('delay', seconds => 4);


# kB that an open needs, by curl: it is not kept here
sub opens {
    my ($e, $share, $path, $name) = @_;

    $e->nginx->reset_hwm;
    my $before = $e->nginx->worker_rss;
    my $r = $e->curl("$path$share->{id}", timeout => 60);

    is($e->outcome($r, $share), '200 ok', "$name: opens");
    cmp_ok($e->nginx->worker_rss('VmHWM') - $before, '<',
           Meshkit::Nginx::growth(8_000), "$name: in bounded memory, kB");
    return $r;
}


# --- a mirror of the client's request ------------------------------------------

{
    my $e = Meshkit::Edge->new(text => {
        open => 'mirror /_mirror;',
        http => 'upstream slow { server 127.0.0.1:%%PORT_slow%%; }',
        server => 'location = /_mirror { internal; proxy_pass http://slow; }',
    });
    my $share = $e->share(size => 14_000_000);

    $share->{plain} = Meshkit::Process::slurp($share->{file});
    $e->nginx->port('slow', $slow->port);
    $e->start;

    for my $form (qw(raw car)) {
        my $r = opens($e, $share, "/$form/", "a mirror, $form");

        is($e->log($r)->{outcome}, 'ok', "a mirror, $form: it ends");
    }

    $e->done;
}


# --- below a subrequest that is in the background itself ------------------------

SKIP: {
    my $reason = Meshkit::Nginx->lacks('ngx_http_echo_module');

    skip $reason, 1 if $reason;

    for my $how ('subrequest_async GET', 'subrequest GET', 'location',
                 'location_async')
    {
        my $e = Meshkit::Edge->new(
            nginx => { modules => ['ngx_http_echo_module'] },
            text => { server => <<"EOL" });
location = /_part { internal; return 200 '{}'; }
location /_echo/ {
    internal;
    default_type application/json;
    echo_$how /_part;
    echo '{}';
}
location ~ ^/echo/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_echo;
    meshkit_gateway /_gw/0;
}
EOL
        my $share = $e->share(size => 1000);

        $e->start;

        my $r = $e->get("/echo/$share->{id}");

        is($r->status, 503, "echo_$how: it is no service");
        is($e->log($r)->{outcome}, 'metadata_provider_error',
           "echo_$how: the request ends");
        $e->done;
    }
}

done_testing();
