# The token of a service is in no log, wherever its location puts it.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

my @lua = qw(ndk_http_module ngx_http_lua_module);
my $lacks = Meshkit::Nginx->lacks(@lua);

# what a token file may hold: all of printable ASCII
my %tokens = (
    metadata => 'metadata-token-0123456789abcdef',
    policy => 'quo"te,com;semi&and=0123456789',
    gw0 => 'gateway/token+0123456789abcdef==',
);

# It is there for as long as it says, and then says nothing that nginx takes.
my $broken = Meshkit::Service->run(handler => sub {
    my ($request) = @_;
    my $token = $request->header('Authorization') // 'Bearer none';

    return { raw => "HTTP/1.1 200 OK\r\nX-Echo: $token\0\r\n\r\n" }
        if $request->uri =~ m{^/invalid};
    return { type => $request->header('Accept'), body => '{}', headers => [ 'X-Echo' => $token =~ s/^Bearer //r ] };
});


# access logs show a quote as "\x22"
sub tail { return substr $_[0], -16 }


# Runs an open whose service's location has that text; what the logs have then.
sub logged {
    my (%opt) = @_;

    my $e = Meshkit::Edge->new(
        forms => [ 'raw' ], policy => 'authzen',
        tokens => sub { $tokens{$_[0]} },
        nginx => { log_level => $opt{level} // 'error',
                   modules => $opt{modules} // [] },
        text => {
            server => 'log_subrequest on; set $key none;'
                      . ($opt{server} // ''),
            http => <<'EOT' . ($opt{http} // ''),
map $http_authorization $taken { "~^Bearer (?<token_of>.+)$" $token_of; }
log_format taken '$uri "$key" "$taken" "$upstream_http_x_echo" "$args" '
                 '"$http_authorization" "$token_of"';
access_log %%DIR%%/logs/taken.log taken;
upstream broken { server 127.0.0.1:%%PORT_broken%%; }
EOT
            $opt{service} => $opt{text} });

    my $t = $e->nginx;
    my $share = $e->share(size => 10, policy_id => 'p-1');
    my $pass = $opt{service} eq 'gateway' ? 'gw0' : $opt{service};
    my $config = $e->config_text;

    $t->port('broken', $broken->port);
    $t->secret(map { ($_, tail($_)) } values %tokens);
    $e->policy->allow;

    # the location's own proxy_pass is in its text
    $config =~ s{^\s*proxy_pass http://\Q$pass\E/\S*;\n}{}m;
    $e->config($config)->start;

    my $r = $e->get("/raw/$share->{id}");
    wait_for(20, sub { $t->read('logs/taken.log') =~ m{^/raw/}m });

    my $log = $opt{log} // 'error.log';
    my ($line) = grep { /$opt{like}/ } split /\n/, $t->read("logs/$log");

    ok(defined $line, "$opt{name}: it is logged")
        or diag($r->status, $t->read("logs/$log"));
    unlike($line // '', qr/\Q${\ tail($tokens{$pass}) }\E/,
           "$opt{name}: it is masked");
    $e->done;
}


for my $service (qw(metadata policy gateway)) {
    my $dead = 'http://127.0.0.1:%%PORT_dead%%';

    logged(service => $service, name => "$service: an argument",
           text => "proxy_pass $dead/a?key=\$taken;",
           like => qr/connect\(\) failed.*key=/);
    logged(service => $service, name => "$service: a path",
           text => "proxy_pass $dead/a/\$taken/b;",
           like => qr/connect\(\) failed.*upstream: /);
    logged(service => $service, name => "$service: a variable",
           text => 'set $key "for $taken"; proxy_pass http://broken;',
           log => 'taken.log', like => qr/"for /);
    logged(service => $service, name => "$service: what it says",
           text => 'proxy_pass http://broken/invalid;',
           like => qr/invalid header: "X-Echo: Bearer /);
}

logged(service => 'gateway', name => 'lines are not masked',
       server => 'meshkit_redact_error_log off;',
       text => 'proxy_pass http://127.0.0.1:%%PORT_dead%%/a?key=$taken;',
       like => qr/connect\(\) failed.*key=/);
logged(service => 'policy', name => 'level info', level => 'info',
       text => 'proxy_pass http://broken/invalid;',
       like => qr/invalid header: "X-Echo: Bearer /);

SKIP: {
    skip $lacks, 2 + Meshkit::Nginx::CHECKS if $lacks;

    logged(service => 'policy', name => 'outside of a request',
           modules => \@lua, text => 'proxy_pass http://broken;',
           http => <<'EOT', like => qr/a worker has/);
init_worker_by_lua_block {
    local f = io.open("%%DIR%%/keys/policy.token")
    ngx.log(ngx.ERR, "a worker has ", f:read("*l"))
    f:close()
}
EOT
}


# --- what is no part of it stays ---------------------------------------------

{
    my $e = Meshkit::Edge->new(forms => [ 'raw' ], tokens => 1,
                               nginx => { log_level => 'error' },
                               text => { server => <<'EOT' });
log_subrequest on;
location /page/ { root %%DIR%%/html; }
EOT
    my $t = $e->nginx;

    $e->start;
    $e->get('/page/token-of-nobody-at-all');
    ok(wait_for(20, sub { $t->read('logs/error.log')
           =~ m{page/token-of-nobody-at-all" failed.*/token-of-nobody} }),
       'what begins like a token is not masked');
    $e->done;
}

done_testing();
