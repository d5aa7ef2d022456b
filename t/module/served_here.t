# Services that nginx itself is, without an upstream: njs, Lua, Perl, "return",
# files, pictures.  Their response counts as soon as it is there.

use strict;
use warnings;

use Test::More;

use Time::HiRes qw(time);

use Meshkit::Edge;
use Meshkit::Nginx;

my %needs = (
    js => ['ngx_http_js_module'],
    lua => [qw(ndk_http_module ngx_http_lua_module)],
    perl => ['ngx_http_perl_module'],
    echo => ['ngx_http_echo_module'],
    nginx => [],
);

my $yes = '{"decision":true}';
my $type = 'default_type application/json;';

# kind of service, module, its location, and how an open ends
my @served = (
    [ policy => nginx => "$type return 200 '$yes';", '200 ok' ],
    [ policy => nginx => 'return 403;', '503 policy_provider_error' ],
    [ policy => nginx => 'empty_gif;', '503 policy_provider_error' ],
    [ policy => js => 'js_content t.yes;', '200 ok' ],
    [ policy => js => 'js_content t.later;', '200 ok' ],
    [ policy => js => 'js_content t.pieces;', '200 ok' ],
    [ policy => js => 'js_content t.asks;', '200 ok' ],
    [ policy => js => 'js_content t.no;', '403 policy_denied' ],
    [ policy => js => 'js_content t.throws;', '503 policy_provider_error' ],
    [ policy => lua => "$type content_by_lua_block { ngx.print('$yes') }",
      '200 ok' ],
    [ policy => lua => "$type content_by_lua_block { ngx.sleep(0.05) "
                       . "ngx.print('{\"decision\":') ngx.flush(true) "
                       . "ngx.say('true}') }", '200 ok' ],
    [ policy => lua => "$type content_by_lua_block { "
                       . 'ngx.req.read_body() '
                       . 'local b = ngx.req.get_body_data() '
                       . "if ngx.req.get_method() == 'POST' "
                       . "and string.find(b, 'p-1', 1, true) "
                       . "then ngx.print('$yes') end }", '200 ok' ],
    [ policy => lua => 'content_by_lua_block { ngx.exit(500) }',
      '503 policy_provider_error' ],
    [ policy => perl => 'perl "sub { my $r = shift; '
                        . '$r->send_http_header(qq(application/json)); '
                        . '$r->print(qq({\\x22decision\\x22:true})); '
                        . 'return OK; }";', '200 ok' ],
    [ policy => echo => "$type echo '$yes';", '200 ok' ],
    [ policy => echo => "$type echo_sleep 0.1; echo '$yes';", '200 ok' ],
    [ metadata => nginx => 'empty_gif;', '503 metadata_provider_error' ],
    [ metadata => nginx => "$type return 200 '{}';",
      '503 metadata_provider_error' ],
    [ metadata => nginx => 'return 404;', '404 capsule_not_found' ],
    [ metadata => nginx => 'alias %%DIR%%/metadata/;', '200 ok' ],
    [ metadata => js => 'js_content t.record;', '200 ok' ],
    [ metadata => lua => 'content_by_lua_block { '
                         . 'local f = io.open("%%DIR%%/record") '
                         . 'ngx.print(f:read("*a")) f:close() }', '200 ok' ],
    [ gateway => nginx => 'empty_gif;', '504 provider_request_failed' ],
    [ gateway => nginx => 'return 404;', '502 provider_http_error' ],
    [ gateway => lua => 'default_type application/vnd.ipld.raw; '
                        . 'content_by_lua_block { '
                        . 'local f = io.open("%%DIR%%/share/blocks/" .. '
                        . 'string.match(ngx.var.uri, "[^/]+$"), "rb") '
                        . 'local b = f:read("*a") f:close() '
                        . 'ngx.header.content_length = #b '
                        . 'for i = 1, #b, 10000 do '
                        . 'ngx.print(string.sub(b, i, i + 9999)) '
                        . 'ngx.flush(true) end }', '200 ok' ],
    [ gateway => nginx => 'types { } default_type application/vnd.ipld.raw; '
                          . 'rewrite ^.*/([^/]+)$ /blocks/$1 break; '
                          . 'root %%DIR%%/share;', '200 ok' ],
    [ gateway => js => 'js_content t.block;', '200 ok' ],
);

my $script = <<'EOT';
import fs from 'fs';
function answer(r, text) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, text);
}
function yes(r) { answer(r, '{"decision":true}'); }
function no(r) { answer(r, '{"decision":false}'); }
function later(r) { setTimeout(function () { yes(r); }, 50); }
function pieces(r) {
    r.headersOut['Content-Type'] = 'application/json';
    r.status = 200;
    r.sendHeader(); r.send('{"decision":'); r.send('true}'); r.finish();
}
function asks(r) {
    r.subrequest('/_fast', function (reply) {
        answer(r, reply.status == 200 ? '{"decision":true}' : '{}');
    });
}
function throws(r) { throw new Error('x'); }
function record(r) { answer(r, fs.readFileSync('DIR/record')); }
function block(r) {
    var name = r.uri.substring(r.uri.lastIndexOf('/') + 1);
    r.headersOut['Content-Type'] = 'application/vnd.ipld.raw';
    r.return(200, fs.readFileSync('DIR/share/blocks/' + name));
}
export default { yes, no, later, pieces, asks, throws, record, block };
EOT


for my $module (sort keys %needs) {
    my @modules = @{ $needs{$module} };
    my $reason = @modules ? Meshkit::Nginx->lacks(@modules) : '';

    SKIP: {
        skip $reason, 1 if $reason;
        run($module, \@modules, grep { $_->[1] eq $module } @served);
    }
}


sub run {
    my ($module, $modules, @rows) = @_;

    my $server = 'location = /_fast { internal; return 200 fast; }';

    for my $n (0 .. $#rows) {
        my ($kind, undef, $text) = @{ $rows[$n] };
        my %at = (metadata => '/_meshkit/metadata', policy => '/_meshkit/policy',
                  gateway => '/_gw/0', $kind => "/_here/$n");

        $server .= <<"EOL";
location ^~ /_here/$n { internal; $text }
location ~ ^/here/$n/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata $at{metadata};
    meshkit_policy $at{policy};
    meshkit_gateway $at{gateway} raw;
}
EOL
        $server =~ s{\^~ /_here/$n \{}{^~ /_here/$n/ \{} if $kind eq 'metadata';
    }

    my $e = Meshkit::Edge->new(
        policy => 'authzen', forms => ['raw'],
        nginx => { modules => $modules },
        text => { server => $server, http => $module eq 'js'
                    ? 'js_path %%DIR%%; js_import t.js;' : '' });
    my $dir = $e->dir;

    $e->nginx->write('t.js', $script =~ s/DIR/$dir/gr);
    $e->policy->allow;
    $e->start;

    my $share = $e->share(size => 300_000, policy_id => 'p-1');
    my $worker = $e->nginx->worker_pid;

    $e->nginx->write($_, $share->{record})
        for 'record', "metadata/v1/capsules/$share->{id}";

    for my $n (0 .. $#rows) {
        my ($kind, undef, $text, $end) = @{ $rows[$n] };
        my $name = "$kind by " . substr $text =~ s/\s+/ /gr, 0, 50;
        my $begin = time;

        is($e->outcome($e->get("/here/$n/$share->{id}"), $share), $end, $name);
        cmp_ok(time - $begin, '<', 3, "$name: at once");
        is($e->outcome($e->get("/here/$n/$share->{id}"), $share), $end,
           "$name: and again") if $end eq '200 ok';
    }

    is($e->nginx->worker_pid, $worker, "$module: one worker did it all");
    $e->done;
}

done_testing();
