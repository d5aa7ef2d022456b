# oauth2-proxy in front of shares, and oidc-provider where people log in: the
# very conf.d/share-gateway.conf and conf.d/oauth2-proxy.cfg, with other
# addresses.  Who logs in is the subject that the policy service decides by,
# and nobody else is let in.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);
use Test::More;

use lib 't/docs/lib';
use Docs qw(text);
use Example qw(fit include);
use Meshkit::Edge;
use Meshkit::Http;
use Meshkit::Neighbour;
use Meshkit::Policy;
use Meshkit::Process qw(run_command wait_for);

my $HOST = 'share.example.org';
my $json = JSON::PP->new->utf8->canonical;

# Each request as nginx logs it, and each subrequest too.
my $e = Meshkit::Edge->new(nginx => { http => <<'EOT' });
log_subrequest on;
meshkit_audit_log %%DIR%%/logs/audit.log;
log_format gate escape=json '{"uri":"$uri","request":"$request",'
    '"args":"$args","status":"$status","subject":"$meshkit_subject",'
    '"outcome":"$meshkit_outcome","referrer":"$http_referer",'
    '"cookie":"$http_cookie","authorization":"$http_authorization"}';
access_log %%DIR%%/logs/gate.log gate;
EOT
my $t = $e->nginx;

# The policy service knows whole subjects only.
my %members = map { $_ => 1 } 'oidc:ann', 'oidc:ben', 'api:robot';
my $policy = Meshkit::Policy->run(decide => sub {
    return $members{ $_[0]{subject}{id} // '' };
});

$t->port('policy', $policy->port);
$t->port('gateway', $e->gateway->port);


# --- what the operator has --------------------------------------------------

my %secret = map { $_ => "secret-of-$_-0123456789abcdef" }
             qw(gate robot stranger policy metadata);

$t->secret(values %secret);
Meshkit::Vectors::keys_into($t->dir . '/etc');
rename $t->dir . '/etc/alice.pem', $t->dir . '/etc/edge.pem' or die $!;
$t->write("etc/$_.token", "$secret{$_}\n", 0600) for qw(policy metadata);
$t->write('etc/client.secret', $secret{gate}, 0600);
$t->write('etc/cookie.secret', join('', map { chr int rand 256 } 1 .. 32),
          0600);
$t->write('etc/staff.htpasswd', '');

my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                           -pkeyopt ec_paramgen_curve:P-256 -days 2),
                    -subj => "/CN=$HOST", -addext => "subjectAltName=DNS:$HOST",
                    -keyout => $t->dir . '/etc/share.key',
                    -out => $t->dir . '/etc/share.crt');
die $r->{err} if $r->{exit} != 0;
$t->write('etc/clients.crt', $t->read('etc/share.crt'));

my $front = "https://$HOST:" . $t->port('front');
my $login = 'http://127.0.0.1:' . $t->port('login');

$t->write('issuer.json', $json->encode({
    host => '127.0.0.1', port => $t->port('login') + 0, seconds => 4,
    blocked => $t->write('blocked', ''), clients => [
        { client_id => 'share-gateway', client_secret => $secret{gate},
          grant_types => [ 'authorization_code', 'refresh_token' ],
          redirect_uris => [ "$front/oauth2/callback" ] },
        map { { client_id => $_, client_secret => $secret{$_},
                grant_types => [ 'client_credentials' ],
                redirect_uris => [], response_types => [] } }
            qw(robot stranger),
    ] }), 0600);

my %share = (
    bound => $e->share(size => 70_000, id => 'bound', policy_id => 'p-1'),
    film => $e->share(size => 8_000_000, id => 'film', policy_id => 'p-1'),
    token => $e->share(size => 70_000, id => 'token', policy_id => 'p-1',
                       capability_issuer => 'owner'),
);


# --- the programs -----------------------------------------------------------

my $issuer = Meshkit::Neighbour->new('oidc-provider', dir => $t->dir);
my $gate = Meshkit::Neighbour->new('oauth2-proxy', dir => $t->dir);
my $program = $issuer->program;

$program =~ s{/node_modules/.*}{/issuer.mjs}s;
$issuer->version(qr/^([\d.]+)$/m, $program, '--version');
$gate->version_of('github.com/oauth2-proxy/oauth2-proxy/v7');


sub issues {
    return $issuer->start(
        command => [ $program, $t->dir . '/issuer.json' ],
        ready => sub { (http_get($t->port('login'),
                                 '/.well-known/openid-configuration')->status
                        // 0) == 200 });
}


# The operator's file, with other addresses and what else is said here;
# undef: without that line.
sub guards {
    my (%other) = @_;

    my $text = fit(text('conf.d/oauth2-proxy.cfg'));

    $text =~ s{https://login\.example\.org}{$login};
    $text =~ s{https://$HOST}{$front};
    $text =~ s{^$_\s*=.*\n}{}m for keys %other;
    $text .= "$_ = $other{$_}\n" for grep { defined $other{$_} } keys %other;
    $text =~ s/%%PORT_(\w+)%%/$t->port($1)/ge;
    $text =~ s/%%DIR%%/$t->dir/ge;
    $t->write('oauth2-proxy.cfg', $text);

    return $gate->start(
        command => [ '--config', $t->dir . '/oauth2-proxy.cfg' ],
        ready => sub { (http_get($t->port('jwt'), '/ready')->status // 0)
                       == 200 });
}

issues();
guards();
$e->config(include('conf.d/share-gateway.conf'))->start;


# --- browsers ---------------------------------------------------------------

# A request with somebody's cookies; redirects are left alone.
sub fetch {
    my ($who, $url, @args) = @_;

    my $jar = $t->dir . "/$who.jar";
    my $port = $t->port('front');

    return curl('--resolve', "$HOST:$port:127.0.0.1", '--cacert',
                $t->dir . '/etc/share.crt', '--cookie', $jar, '--cookie-jar',
                $jar, @args, $url);
}


sub ask {
    my ($who, $path, @args) = @_;

    my $r = fetch($who, "$front$path", @args);

    note_secrets($r, '');
    return $r;
}


# What a browser and its person do: redirects are followed, forms of the
# login service are filled in.  The answer, and every address on the way.
sub visit {
    my ($who, $url, %opt) = @_;

    my @way;

    for (1 .. 20) {
        my $r = fetch($who, $url, @{ delete $opt{form} // [] });

        push @way, $url;
        note_secrets($r, $url);

        if (defined(my $next = $r->header('Location'))) {
            $url = $next =~ m{^/} ? origin($url) . $next : $next;
        } elsif ($url =~ /^\Q$login\E/
                 && $r->body =~ m{<form [^>]*action="([^"]+)"})
        {
            $url = $1;
            $opt{form} = [ '--data', $r->body =~ /name="login"/
                ? "prompt=login&login=$who&password=any" : 'prompt=consent' ];
        } else {
            return ($r, @way);
        }

        return ($r, @way, $url) if $opt{until} && $url =~ $opt{until};
    }

    die "$who goes round in circles: @way[0 .. 5]\n";
}


sub origin { return $_[0] =~ m{^(https?://[^/]+)} ? $1 : die $_[0] }


# What may stand in no log: codes, states, cookies of sessions and log-ins.
my %noted;

sub note_secrets {
    my ($r, $url) = @_;

    # a state's own part ends at its colon, however that is encoded
    my @found = map { /[?&](?:code|state)=([\w.~-]+)/g }
                $url, $r->header('Location') // '';

    push @found, map { /^__Host-share\w*=([^;]{16,})/ ? $1 : () }
                 $r->headers('Set-Cookie');
    $t->secret(grep { length >= 16 && !$noted{$_}++ } @found);
}


sub session {
    my ($who) = @_;

    return $t->read("$who.jar") =~ /\t__Host-share\t(\S+)/ ? $1 : undef;
}


# "200 ok", "403 policy_denied", "302 to log in", "500", ...
sub outcome {
    my ($r, $name) = @_;

    my $status = $r->status // 'no answer';

    return '302 to log in'
        if $status eq '302'
           && $r->header('Location') eq "$front/oauth2/sign_in?rd=/web/$name";
    return $status
        if $status ne '200' && ($r->header('Content-Type') // '') !~ /problem/;
    return $e->outcome($r, $share{$name});
}


# How an open ends, and that nobody is asked for what is not let in.
sub outcome_is {
    my ($who, $name, $outcome, @args) = @_;

    $_->clear for $e->services, $policy;

    my $r = ask($who, "/web/$name", @args);

    is(outcome($r, $name), $outcome, "$who: $name: $outcome");
    is($e->gateway->count, 0, 'nothing is fetched') if $outcome !~ /^200/;
    is($policy->count + $e->metadata->count, 0, 'nobody is asked')
        if $outcome =~ /^(?:302|500)/;
    return $r;
}


sub subject { my $q = $policy->last_request or return undef;
              return $q->json->{subject}{id} }


# What nginx logged of requests whose URI is this one.
sub logged {
    my ($uri) = @_;

    return grep { $_->{uri} eq $uri }
           map { $json->decode($_) } $t->read('logs/gate.log') =~ /(.*)\n/g;
}


$gate->exercise('nobody is sent to log in; no service is asked' => sub {
    outcome_is('nobody', 'bound', '302 to log in');
    outcome_is('nobody', 'no-such-share', '302 to log in');
    outcome_is('nobody', 'film', '302 to log in', '-r', '0-9');
    is(ask('nobody', "/web/bound", '-X', 'POST')->status, 302, 'by POST');
    is(ask('nobody', '/oauth2/auth')->status, 404,
       'clients cannot ask about sessions');
});


$issuer->exercise('code flow with PKCE, state and nonce; then it opens' => sub {
    $_->clear for $e->services, $policy;

    my ($r, @way) = visit('ann', "$front/web/bound");
    my ($asked) = grep { m{^\Q$login\E/auth\?} } @way;
    my ($back) = grep { m{^\Q$front\E/oauth2/callback\?} } @way;

    is(outcome($r, 'bound'), '200 ok', 'ann gets the file');
    is(subject(), 'oidc:ann', 'and is the subject');
    is($way[-1], "$front/web/bound", 'at the address that she asked for');

    like($asked, qr/[?&]$_/, $_) for 'response_type=code',
        'code_challenge_method=S256', 'code_challenge=[\w-]{43}(?:&|\z)',
        'state=', 'nonce=', 'client_id=share-gateway(?:&|\z)';
    like($back, qr/[?&]$_/, "back with $_") for 'code=', 'state=', 'iss=';
    ok(session('ann'), 'there is a session');
    like($t->read('ann.jar'), qr/^[#]HttpOnly_\Q$HOST\E\tFALSE\t\/\tTRUE\t
                                 \d+\t__Host-share\t/mx,
         'in a cookie of this host, for TLS, that no script sees');
});


$gate->exercise('members open, others are denied; "sub" is logged' => sub {
    visit($_, "$front/oauth2/sign_in?rd=/") for qw(ben eve);

    outcome_is('ann', 'bound', '200 ok');
    is(subject(), 'oidc:ann', 'the policy service is asked about ann');
    outcome_is('ben', 'bound', '200 ok');
    outcome_is('eve', 'bound', '403 policy_denied');
    is(subject(), 'oidc:eve', 'the policy service is asked about eve');

    wait_for(20, sub { $t->read('logs/audit.log') =~ /oidc:eve/ });
    my ($line) = $t->read('logs/audit.log') =~ /(.*"oidc:eve".*)\n/;
    my $audit = $json->decode($line);
    is($audit->{'user.id'}, 'oidc:eve', 'the audit log names her');
    is($audit->{'event.reason'}, 'policy_denied', 'and why');
    is((logged('/web/bound'))[-1]{subject}, 'oidc:eve', 'so does nginx\'s');
});


$gate->exercise('a header that claims a name is of no use' => sub {
    my @claims = map { ('-H', "$_: ann") }
        qw(X-Auth-Request-User X-Auth-Request-Preferred-Username
           X-Forwarded-User X-Forwarded-Preferred-Username X-User Remote-User);

    push @claims, '-H', 'X-Forwarded-Email: ann@example.org',
        '-H', 'X-Auth-Request-Email: ann@example.org',
        '-H', 'X-Auth-Request-Redirect: https://evil.example/',
        '-H', 'X-Forwarded-Uri: /oauth2/static/', '-u', 'ann:any';

    outcome_is('nobody', 'bound', '302 to log in', @claims);
    outcome_is('eve', 'bound', '403 policy_denied', @claims);
    is(subject(), 'oidc:eve', 'eve stays eve');
});


$gate->exercise('a cookie that it did not make opens nothing' => sub {
    my $good = session('ann');
    my ($value, $time, $tag) = split /\|/, $good;
    my %cookie = (
        'a letter changed' => $good =~ s/^(.{20})(.)/$1 . chr(ord($2) ^ 1)/er,
        'another time' => join('|', $value, $time + 1, $tag),
        'no signature' => join('|', $value, $time),
        'another signature' => join('|', $value, $time, 'A' x 43 . '='),
        'cut' => substr($good, 0, length($good) / 2),
        'nothing' => '', 'a word' => 'ann', 'twice' => "x; __Host-share=y",
    );

    is(outcome(ask('thief', '/web/bound', '-b', "__Host-share=$good"),
               'bound'), '200 ok', 'the cookie is all that is needed');

    for my $name (sort keys %cookie) {
        $t->secret($cookie{$name}) if length $cookie{$name} > 20;
        outcome_is('nobody', 'bound', '302 to log in', '-b',
                   "__Host-share=$cookie{$name}");
    }
    outcome_is('nobody', 'bound', '302 to log in', '-b',
               "__Host-share2=$good; _oauth2_proxy=$good");
});


$gate->exercise('a code is good once, for the browser that asked' => sub {
    my $callback = qr{^\Q$front\E/oauth2/callback\?};
    my (undef, @way) = visit('fred', "$front/web/bound", until => $callback);
    my $back = $way[-1];

    is(fetch('thief', $back)->status, 403, 'in another browser');
    is(fetch('fred', $back =~ s/([?&]state=)./$1!/r)->status, 403,
       'with another state');
    is(session($_), undef, "$_ has no session") for qw(thief fred);

    (undef, @way) = visit('ben', "$front/oauth2/sign_in?rd=/",
                          until => $callback);
    is(fetch('ben', $way[-1])->status, 302, 'where it belongs');
    isnt(fetch('ben', $way[-1])->status, 302, 'a second time');

    my ($r) = visit('mallory', "$front/web/bound");
    is($r->status, 403, 'an address that is not verified');
    outcome_is('mallory', 'bound', '302 to log in');

    (undef, @way) = visit('gina',
        "$front/oauth2/sign_in?rd=https://evil.example/",
        until => qr{^(?!\Q$front\E/oauth2/|\Q$login\E)});
    is($way[-1], "$front/", 'it sends nobody to other hosts');
});


$gate->exercise('each range and each request is asked about anew' => sub {
    my $file = $share{film}{plain};
    my $size = length $file;
    my $asked = logged('/oauth2/auth');
    my @from = map { int $size / 13 * $_ } reverse 0 .. 12;

    for my $from (@from) {
        my $to = $from + 9_999;
        my $r = ask('ann', '/web/film', '-r', "$from-$to");

        is($r->status . ' ' . ($r->body eq substr $file, $from, 10_000),
           '206 1', "from $from on");
    }
    is(outcome(ask('ann', '/web/film'), 'film'), '200 ok', 'the whole');
    is(ask('ann', '/web/film', '-I')->header('Content-Length'), $size, 'HEAD');

    my $n = @from + 2;
    wait_for(20, sub { logged('/oauth2/auth') >= $asked + $n });
    is(scalar(my @all = logged('/oauth2/auth')), $asked + $n,
       'it is asked once for each');
});


$gate->exercise('no service gets the cookie, a token, or a claim' => sub {
    $_->clear for $e->services, $policy;

    is(outcome(ask('ann', '/web/bound', '-H', "X-Mine: one", '-e',
                   "$front/elsewhere"), 'bound'), '200 ok', 'ann');

    my %wanted = (Metadata => 'Bearer ' . $secret{metadata},
                  Policy => 'Bearer ' . $secret{policy}, Gateway => '');

    for my $service ($e->metadata, $policy, $e->gateway) {
        my ($name) = ref($service) =~ /(\w+)\z/;
        my @requests = $service->requests;

        ok(scalar @requests, "$name is asked");
        for my $request (@requests) {
            my %other = map { $_ => 1 }
                grep { defined $request->header($_) }
                qw(Cookie X-Mine Referer User-Agent X-Auth-Request-User
                   X-Forwarded-User X-Real-IP);
            is(join(' ', sort keys %other), '', "$name: nothing of ann's");
            is($request->header('Authorization') // '', $wanted{$name},
               "$name: its own token alone");
        }
    }
});


# A machine's token: by its own name, for an audience.
sub token {
    my ($client, $audience) = @_;

    my $r = http_request($t->port('login'), method => 'POST',
        path => '/token', headers => [
            Authorization => 'Basic ' . encode_base64(
                "$client:$secret{$client}", ''),
            'Content-Type' => 'application/x-www-form-urlencoded' ],
        body => 'grant_type=client_credentials&scope=open&resource='
                . $audience);
    my $token = $json->decode($r->body)->{access_token};

    $t->secret($token);
    return $token;
}


sub machine_is {
    my ($what, $outcome, $token) = @_;

    $_->clear for $e->services, $policy;
    my $r = ask('machine', '/api/bound', '-H', "Authorization: Bearer $token");

    is(outcome($r, 'bound'), $outcome, $what);
    is($e->gateway->count, 0, "$what: nothing is fetched")
        if $outcome ne '200 ok';
    is($policy->count + $e->metadata->count, 0, "$what: nobody is asked")
        if $outcome eq '401';
}


$issuer->exercise('its JWTs open to machines, for audience and time' => sub {
    my $token = token('robot', 'urn:example:share');
    my ($head, $claims, $tag) = split /\./, $token;
    my $none = encode_base64url('{"alg":"none"}');
    my $mine = encode_base64url($json->encode({
        %{ $json->decode(decode_base64url($claims)) }, sub => 'robot' }));

    machine_is('robot', '200 ok', $token);
    is(subject(), 'api:robot', 'it is the subject');
    machine_is('stranger', '403 policy_denied',
               my $theirs = token('stranger', 'urn:example:share'));
    is(subject(), 'api:stranger', 'the other is another');
    machine_is('for another audience', '401',
               token('robot', 'urn:example:other'));
    machine_is('another\'s claims', '401',
               join '.', (split /\./, $theirs)[0], $claims,
                         (split /\./, $theirs)[2]);
    machine_is('no signature', '401', "$none.$mine.");
    machine_is('cut', '401', substr $token, 0, -8);
    is(outcome(ask('ann', '/api/bound'), 'bound'), '401',
       'a browser\'s session is for browsers');
    outcome_is('nobody', 'bound', '302 to log in', '-H',
               "Authorization: Bearer $token");

    $token = token('robot', 'urn:example:share');
    my $ends = $json->decode(decode_base64url((split /\./, $token)[1]))->{exp};
    ok(wait_for(30, sub { time > $ends }), 'time goes by');
    machine_is('expired', '401', $token);
});


$gate->exercise('capability_required is no reason to log in' => sub {
    my $r = outcome_is('ann', 'token', '401');

    like($r->body, qr/\w/, 'it says what to do');
    unlike($r->body, qr/<html/, 'in words');
    outcome_is('nobody', 'token', '302 to log in');
});


$gate->exercise('logged out, a browser has to log in; a copy need not' => sub {
    my $copy = session('ben');

    is(ask('ben', '/oauth2/sign_out')->status, 302, 'ben leaves');
    is(session('ben'), undef, 'his cookie is gone');
    outcome_is('ben', 'bound', '302 to log in');
    is(outcome(ask('thief', '/web/bound', '-b', "__Host-share=$copy"),
               'bound'), '200 ok', 'what he had is good until it ends');
});


$issuer->exercise('while it is down sessions live, nobody logs in' => sub {
    $issuer->stop;
    outcome_is('ann', 'bound', '200 ok');
    outcome_is('eve', 'bound', '403 policy_denied');
    outcome_is('nobody', 'bound', '302 to log in');
    is(ask('nobody', '/oauth2/callback?code=any-code-at-all&state=any-state')
       ->status, 500, 'no code is believed');
    issues();
    my ($r) = visit('ben', "$front/web/bound");
    is(outcome($r, 'bound'), '200 ok', 'and again, when it is back');
});


$gate->exercise('stopped or hanging, it lets nobody in: 500' => sub {
    $gate->pause;
    outcome_is('ann', 'bound', '500');
    $gate->resume;
    outcome_is('ann', 'bound', '200 ok');
    $gate->stop;
    outcome_is('ann', 'bound', '500');
    is(ask('ann', '/oauth2/sign_in?rd=/')->status, 502, 'nor to log in');
    guards();
    outcome_is('ann', 'bound', '200 ok');
});


$gate->exercise('a session ends when its time is over' => sub {
    $gate->stop;
    guards(cookie_expire => '"4s"');

    my ($r) = visit('ann', "$front/oauth2/sign_in?rd=/web/bound");
    my $own = session('ann');

    is(outcome($r, 'bound'), '200 ok', 'ann logs in');
    my $ended = sub { ask('thief', '/web/bound', '-b', "__Host-share=$own")
                      ->status == 302 };
    ok(!$ended->(), 'she is in');
    ok(wait_for(30, $ended), 'it ends');
    outcome_is('thief', 'bound', '302 to log in', '-b', "__Host-share=$own");
    outcome_is('ann', 'bound', '302 to log in');
});


$issuer->exercise('cookie_refresh: who is blocked at it, is out' => sub {
    $gate->stop;
    guards(cookie_refresh => '"1s"', session_cookie_minimal => undef,
           scope => '"openid email offline_access"', prompt => '"consent"');

    my ($r) = visit('ben', "$front/web/bound");
    is(outcome($r, 'bound'), '200 ok', 'ben logs in');

    my $first = session('ben');
    ok(wait_for(20, sub { ask('ben', '/web/bound');
                          session('ben') ne $first }),
       'his session is made anew as he opens a share');
    outcome_is('ben', 'bound', '200 ok');

    $t->write('blocked', "ben\n");
    ok(wait_for(20, sub { ask('ben', '/web/bound')->status == 302 }),
       'blocked, he is out');
    outcome_is('ben', 'bound', '302 to log in');
    outcome_is('thief', 'bound', '302 to log in', '-b',
               "__Host-share=$first");
});


$gate->exercise('codes, states, cookies, tokens are in no log' => sub {
    my @back = logged('/oauth2/callback');
    my @opens = grep { $_->{cookie} } logged('/web/bound');
    my @machines = grep { $_->{authorization} =~ /^Bearer/ }
                   logged('/api/bound');
    my $masked = qr/^[0-9a-f]{8}\*+\z/;

    cmp_ok(scalar @back, '>', 5, 'there were callbacks');
    cmp_ok(scalar(keys %noted), '>', 20, 'and secrets');

    for my $line (@back) {
        my %args = map { split /=/, $_, 2 } split /&/, $line->{args};
        is(scalar(grep { ($args{$_} // '') !~ $masked } qw(code state)), 0,
           'code and state are masked') or diag explain $line;
        like($line->{request}, qr/code=[0-9a-f]{8}\*+/, 'in the line, too');
    }

    is(scalar(grep { $_->{cookie} !~ /^[0-9a-f]{8}\*+\z|^\*+\z/ } @opens), 0,
       'cookies are masked') or diag explain \@opens;
    ok(scalar @machines, 'there were machines');
    is(scalar(grep { $_->{authorization} !~ /^Bearer [0-9a-f]{8}\*+\z/ }
              @machines), 0, 'tokens are masked');

    my @known = (keys %noted, values %secret);
    my $log = $gate->log . $issuer->log;
    is(scalar(grep { index($log, $_) >= 0 } @known), 0,
       'nor are they in the logs of the two beside nginx')
        or diag grep { my $s = $_; index($log, $s) >= 0 } @known;
});

$_->stop for $gate, $issuer;
$e->done;
done_testing();
