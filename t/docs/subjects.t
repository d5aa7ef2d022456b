# conf.d/share-gateway.conf by each of its ways in: who proves a name that the
# policy likes gets the share, another name does not, no name does not, and a
# name that a client only claims is none.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use Test::More;

use lib 't/docs/lib';
use Example qw(include tls);
use Meshkit::Edge;
use Meshkit::Policy;
use Meshkit::Process qw(run_command);
use Meshkit::Service;

use constant JWT_KEY => 'the key of the issuer, 32 bytes.';

my $e = Meshkit::Edge->new;
my $t = $e->nginx;
my $json = JSON::PP->new->utf8->canonical;

# The policy service knows whole subjects only.
my %members = map { $_ => 1 } 'CN=ann,O=Example', 'ann', 'partner:ann',
              'oidc:ann', 'api:ann';

my $policy = Meshkit::Policy->run(decide => sub {
    my ($question) = @_;
    return $members{ $question->{subject}{id} // '' };
});

# The login service knows sessions; the session "empty" has no name.
my %sessions = ('session=1' => 'ann', 'session=2' => 'eve',
                'session=3' => 'CN=ann,O=Example', 'session=empty' => undef);

my $login = Meshkit::Service->run(handler => sub {
    my $cookie = $_[0]->header('Cookie') // '';

    return { status => 401 } if !exists $sessions{$cookie};
    return { status => 200, body => '', headers => [
        defined $sessions{$cookie} ? ('X-User' => $sessions{$cookie}) : () ] };
});

# What stands for oauth2-proxy: it knows sessions too, and verifies JWTs by
# HS256, an audience, a time.  t/interop/oauth2-proxy.t has the real one.
my $jwt = Meshkit::Service->run(handler => sub {
    my $cookie = $_[0]->header('Cookie') // '';
    my ($user) = $cookie =~ /^__Host-share=(ann|eve)\z/;

    return { status => 202, body => '',
             headers => [ 'X-Auth-Request-User' => $user ] } if $user;

    my $token = ($_[0]->header('Authorization') // '') =~ /^Bearer (\S+)$/
                ? $1 : '';
    my ($head, $claims, $tag) = split /\./, $token;

    return { status => 401, headers => [ 'WWW-Authenticate' => 'Bearer' ] }
        if !defined $tag
           || decode_base64url($tag) ne hmac_sha256("$head.$claims", JWT_KEY);

    $head = $json->decode(decode_base64url($head));
    $claims = $json->decode(decode_base64url($claims));

    return { status => 401 }
        if $head->{alg} ne 'HS256' || $claims->{aud} ne 'share'
           || $claims->{exp} <= time;
    return { status => 202, body => '',
             headers => [ 'X-Auth-Request-User' => $claims->{sub} ] };
});


sub jwt {
    my (%claims) = @_;

    my $alg = delete $claims{alg} // 'HS256';
    my $key = delete $claims{key} // JWT_KEY;
    my $text = join '.', map { encode_base64url($json->encode($_)) }
               { alg => $alg, typ => 'JWT' },
               { aud => 'share', exp => time + 600, %claims };

    return "$text." . encode_base64url(hmac_sha256($text, $key));
}


# --- certificates: ann and eve are known, mallory calls itself ann ----------

sub certificate {
    my ($name, $subject) = @_;

    my $dir = $t->dir . '/etc';
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                               -pkeyopt ec_paramgen_curve:P-256 -days 2),
                        -subj => $subject, -keyout => "$dir/$name.key",
                        -out => "$dir/$name.crt");

    is($r->{exit}, 0, "a certificate of $name") or diag($r->{err});
    return $t->read("etc/$name.crt");
}


Meshkit::Vectors::keys_into($t->dir . '/etc');
rename $t->dir . '/etc/alice.pem', $t->dir . '/etc/edge.pem' or die $!;
certificate(share => '/CN=share.example.org');
certificate(mallory => '/O=Example/CN=ann');
certificate(noname => '/');
$t->write('etc/clients.crt', certificate(ann => '/O=Example/CN=ann')
                             . certificate(eve => '/O=Example/CN=eve')
                             . $t->read('etc/noname.crt'));
$t->write("etc/$_.token", "$_-secret-token\n", 0600) for qw(policy metadata);
$t->write('etc/staff.htpasswd', join '', map { "$_\n" }
          'ann:{PLAIN}one', 'eve:{PLAIN}two', 'CN=ann,O=Example:{PLAIN}three');
$t->secret('policy-secret-token', 'metadata-secret-token', JWT_KEY);

$t->port('policy', $policy->port);
$t->port('gateway', $e->gateway->port);
$t->port('login', $login->port);
$t->port('jwt', $jwt->port);

my $share = $e->share(size => 70_000, policy_id => 'p-1');

$e->config(include('conf.d/share-gateway.conf'))->start;


sub by_certificate {
    my ($name) = @_;

    my $file = $t->dir . "/etc/$name";
    return ('--cert' => "$file.crt", '--key' => "$file.key");
}


sub by_session { return ('--cookie', "session=$_[0]") }
sub by_web { return ('--cookie', "__Host-share=$_[0]") }
sub by_jwt { return ('-H', 'Authorization: Bearer ' . jwt(@_)) }


my %path = (certificate => '', password => 'staff/', login => 'partner/',
            web => 'web/', jwt => 'api/');
my @claims = map { ('-H', "$_: ann") }
    qw(X-User X-Remote-User Remote-User X-Auth-Request-User X-Forwarded-User
       X-Meshkit-Subject);

push @claims, map { ('-H', "$_: CN=ann,O=Example") }
    qw(X-SSL-Client-S-DN SSL-Client-S-DN X-Client-Cert);


# What becomes of it: status and code; and who was asked about.
sub comes_to {
    my ($way, $name, $wanted, $subject, @args) = @_;

    $_->clear for $e->services, $policy, $login, $jwt;

    my $r = tls($t, "/$path{$way}$share->{id}", @args);
    my $got = $r->status;

    $got .= $r->body eq $share->{plain} ? ' the file' : ' wrong'
        if $got == 200;
    is($got, $wanted, "$way: $name");
    is(join(' ', map { $_->json->{subject}{id} } $policy->requests),
       $subject // '', "$way: $name: the policy service is asked about it");
    is($e->gateway->count, 0, "$way: $name: no byte is fetched")
        if $wanted !~ /^200/;
    unlike($r->body, qr/\Q$share->{cid}\E|70000/,
           "$way: $name: nothing of the share is told") if $wanted !~ /^200/;
}


# Of each way: ann and eve.
my %ann = (certificate => [ by_certificate('ann') ],
           password => [ '--user', 'ann:one' ], login => [ by_session(1) ],
           web => [ by_web('ann') ], jwt => [ by_jwt(sub => 'ann') ]);
my %eve = (certificate => [ by_certificate('eve') ],
           password => [ '--user', 'eve:two' ], login => [ by_session(2) ],
           web => [ by_web('eve') ], jwt => [ by_jwt(sub => 'eve') ]);
my %subject = (certificate => 'CN=%s,O=Example', password => '%s',
               login => 'partner:%s', web => 'oidc:%s', jwt => 'api:%s');
my %nobody = (certificate => 403, password => 401, login => 401, web => 302,
              jwt => 401);

for my $way (sort keys %path) {
    my ($ann, $eve) = map { sprintf $subject{$way}, $_ } qw(ann eve);

    comes_to($way, 'ann opens', '200 the file', $ann, @{ $ann{$way} });
    comes_to($way, 'eve does not', 403, $eve, @{ $eve{$way} });
    comes_to($way, 'nobody does not', $nobody{$way}, undef);
    comes_to($way, 'nobody who claims to be ann', $nobody{$way}, undef,
             @claims);
    comes_to($way, 'eve who claims to be ann', 403, $eve, @{ $eve{$way} },
             @claims);

    # what proves a name on one way proves none on another
    for my $other (grep { $_ ne $way } sort keys %path) {
        comes_to($way, "ann by $other", $nobody{$way}, undef,
                 @{ $ann{$other} });
    }
}

comes_to('certificate', 'one of nobody we know', 400, undef,
         by_certificate('mallory'));
comes_to('certificate', 'one without a name', 403, undef,
         by_certificate('noname'));
comes_to('password', 'a name as certificates have it', 403, undef,
         '--user', 'CN=ann,O=Example:three');
comes_to('password', 'a wrong one', 401, undef, '--user', 'ann:two');
comes_to('password', 'an empty name', 401, undef, '--user', ':one');
comes_to('login', 'an unknown session', 401, undef, by_session(9));
comes_to('login', 'a session without a name', 403, undef,
         by_session('empty'));
comes_to('login', 'a session without a name, which claims one', 403, undef,
         by_session('empty'), @claims);
comes_to('login', 'a name that belongs to another way', 403,
         'partner:CN=ann,O=Example', by_session(3));
comes_to('jwt', 'expired', 401, undef, by_jwt(sub => 'ann', exp => 1));
comes_to('jwt', 'for another audience', 401, undef,
         by_jwt(sub => 'ann', aud => 'other'));
comes_to('jwt', 'by another key', 401, undef,
         by_jwt(sub => 'ann', key => 'guessed'));
comes_to('jwt', 'without a signature', 401, undef, '-H',
         'Authorization: Bearer '
         . join '.', map({ encode_base64url($json->encode($_)) }
                         { alg => 'none' },
                         { sub => 'ann', aud => 'share',
                           exp => time + 600 }), '');

# In a browser nobody is sent to log in, and whom that does not help is not.
my $bound = $e->share(size => 70_000, capability_issuer => 'owner');

like(tls($t, "/web/$share->{id}?x")->header('Location'),
     qr{:\d+/oauth2/sign_in\?rd=/web/\Q$share->{id}\E\?x\z},
     'web: nobody is sent to log in, and back');

like(tls($t, "/web/$share->{id}", '-H', 'Host: evil.example')
     ->header('Location'), qr{^https://share\.example\.org:\d+/oauth2/},
     'web: at this host, whatever the client calls it');

# Whoever has no name is kept from shares without a policy, too.
my $open = $e->share(size => 70_000);

is(tls($t, "/$open->{id}", @{ $ann{certificate} })->status, 200,
   'certificate: ann, without a policy');
is(tls($t, "/$open->{id}", by_certificate('noname'))->status, 403,
   'certificate: one without a name, without a policy');

my $r = tls($t, "/web/$bound->{id}", @{ $ann{web} });
is($r->status, 401, 'web: a share that requires a capability');
like($r->body, qr/^\w[^<]+\z/, 'web: says what to do');

# A proof goes to whoever verifies it, and no further.
comes_to('jwt', 'ann, with more than is needed', '200 the file', 'api:ann',
         by_jwt(sub => 'ann'), by_session(1), @claims);
is(scalar(grep { $_->header('Cookie') || $_->header('X-User') }
          $jwt->requests), 0, 'the verifier gets the token alone');
is(scalar(grep { ($_->header('Authorization') // '') !~ /-secret-token$/
                 || $_->header('Cookie') }
          $policy->requests, $e->metadata->requests), 0,
   'policy and metadata get their own tokens alone');
is(scalar(grep { $_->header('Authorization') || $_->header('Cookie') }
          $e->gateway->requests), 0, 'the gateway gets none');

comes_to('login', 'ann, with the cookie of another way', '200 the file',
         'partner:ann', '--cookie', '__Host-share=ann; session=1');
is(join(' ', map { $_->header('Cookie') } $login->requests), 'session=1',
   'the login service gets its own cookie alone');

# A service that is down lets nobody in.
$_->stop for $login, $jwt;
for my $way (qw(login web jwt)) {
    $_->clear for $e->services, $policy;
    is(tls($t, "/$path{$way}$share->{id}", @{ $ann{$way} })->status, 500,
       "$way: a service that is down");
    is($policy->count + $e->gateway->count, 0,
       "$way: a service that is down: nobody is asked");
}

$e->done;
done_testing();
