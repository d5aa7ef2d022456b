# Every committed vector through nginx, by CAR and by raw blocks: the outcome
# that it names, and not a byte more than it allows.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

use Meshkit::Http;
use Meshkit::Nginx;
use Meshkit::Vectors qw(vectors keys_into);

my @vectors = vectors($ENV{TEST_VECTORS});
my $served = Meshkit::Vectors->serve;
my $t = Meshkit::Nginx->new(log_level => 'info', workers => 1);

keys_into($t->dir . '/keys');
$t->port($_, $served->$_->port) for qw(metadata policy gateway);

my $locations = '';

for my $form (qw(car raw auto)) {
    for my $owners (qw(owners.jwks insecure_any)) {
        for my $policy (qw(none policy)) {
            my $set = $owners eq 'insecure_any' ? $owners
                    : $t->dir . "/keys/$owners";
            my $ask = $policy eq 'none' ? ''
                    : 'meshkit_policy /_meshkit/policy;';

            $locations .= <<"EOL";
        location ~ ^/$form/$owners/$policy/(?<action>\\w+)/(?<as>\\w+)/(?<id>.*)\$ {
            meshkit_open \$id;
            meshkit_as \$as;
            meshkit_action \$action;
            meshkit_owners $set;
            meshkit_gateway /_gw $form;
            meshkit_metadata /_meshkit/metadata;
            $ask
        }
EOL
        }
    }
}

$t->config(<<"EOC");
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    meshkit_identity alice %%DIR%%/keys/alice.pem;
    meshkit_identity bob %%DIR%%/keys/bob.pem;
    meshkit_identity carol %%DIR%%/keys/carol.pem;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream gateway {
        server 127.0.0.1:%%PORT_gateway%%;
        keepalive 16;
    }
    server {
        listen 127.0.0.1:%%PORT_front%%;
$locations
        location /_meshkit/metadata/ {
            internal;
            proxy_pass http://127.0.0.1:%%PORT_metadata%%/;
        }
        location = /_meshkit/policy {
            internal;
            proxy_pass http://127.0.0.1:%%PORT_policy%%/;
        }
        location /_gw/ {
            internal;
            proxy_pass http://gateway/;
        }
    }
}
EOC

$t->start;
my $worker = $t->worker_pid;


# The requested part: whether what came out is the start of what may, which
# can be told where nothing may come out or all of it did.
sub check_body {
    my ($vector, $r, $exact) = @_;

    my $body = $r->status == 200 ? $r->body : '';

    return length $body == 0 if $vector->{released_size} == 0;
    return 0 if length $body > $vector->{released_size};
    return sha256_hex($body) eq $vector->{released}
        if $exact || length $body == $vector->{released_size};
    return 1;
}


sub check {
    my ($vector, $form) = @_;

    my $policy = defined $vector->{policy} ? 'policy' : 'none';
    my $id = $vector->{id} =~ s/([^\w.~\/-])/sprintf '%%%02X', ord $1/ger;
    my $r = http_get($t->port('front'),
                     "/$form/$vector->{owners}/$policy/$vector->{action}"
                     . "/$vector->{identity}/$id", timeout => 120);
    my $name = "$vector->{name} by $form";
    my $ok = $vector->{outcome} eq 'ok';

    return is($r->status . ' ' . ($r->complete ? 'whole' : 'cut') . ' '
              . sha256_hex($r->body), "200 whole $vector->{released}", $name)
        if $ok;

    return ok(!$r->complete && check_body($vector, $r, $form ne 'raw'),
              "$name is aborted behind what is authentic")
        if $r->status == 200;

    my $problem = eval { JSON::PP->new->utf8->decode($r->body) } // {};

    is("$problem->{code} " . check_body($vector, $r), "$vector->{outcome} 1",
       $name);
    like($problem->{suggestion}, qr/older program/, "$name: what to do")
        if $vector->{name} =~ /emsh/;
}


for my $vector (@vectors) {
    $served->load($vector);
    check($vector, $_) for $vector->{outcome} eq 'ok'
                           || $vector->{released_size} > 0
                           || %{ $vector->{blocks} }
                           || $vector->{name} =~ /^(?:tree|d\d|block)/i
                           ? qw(car raw) : 'auto';
}

ok($t->grep_log(qr/an older password blob \(EMSH\)/),
   'the log names an older blob')
    if grep { $_->{name} =~ /emsh/ } @vectors;
is($t->worker_pid, $worker, 'one worker lived through all of them');

$t->done;
done_testing();
