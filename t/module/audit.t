# The audit log: which way an open goes, the lines that it leaves; and what
# they say, and what they never say.

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(sum0);
use Test::More;

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(run_command wait_for);
use Meshkit::Token qw(jwks);

use constant WAIT => 20;

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', tokens => 1,
    text => {
        http => <<'EOT',
meshkit_audit_log logs/audit.log;
meshkit_subject $http_x_tag;
meshkit_read_ahead 1;
EOT
        gateway => 'proxy_read_timeout 20s;',
        server => <<'EOT',
location ~ ^/listed/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_denylist %%DIR%%/denylist;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/guarded/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/page/(?<cap>.*)$ {
    error_page 400 403 404 410 416 502 503 504 /pages/refused;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/named/(?<cap>.*)$ {
    error_page 404 = @other;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location @other {
    meshkit_open cap-1;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/save/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_action download;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/whole/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_release whole;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/late/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_deadline 300ms;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/slowcar/(?<cap>.*)$ {
    limit_rate 50k;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/slowraw/(?<cap>.*)$ {
    limit_rate 50k;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
}
location ~ ^/impatient/(?<cap>.*)$ {
    send_timeout 500ms;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/as/(?<who>[^/]*)/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_as $who;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/anyone/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_owners insecure_any;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/behind/(?<cap>.*)$ {
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location ~ ^/quiet/(?<cap>.*)$ {
    meshkit_audit_log off;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 car;
}
location /pages/ {
    internal;
    alias %%DIR%%/html/;
}
location /other {
    return 200 "other";
}
EOT
    });

my $share = $e->share(size => 16 * 65_504, name => 'the-files-name.txt');
my $small = $e->share(size => 1000);
my $empty = $e->share(size => 0);
my $bound = $e->share(size => 1000, policy_id => 'p-1');
my $old = $e->share(size => 77, exp => 1_000_000_000, iat => 1);
my $viewed = $e->share(size => 77, no_download => undef);
my $forged = $e->share(size => 77, id => 'forged');
my $large = $e->share(size => 40 * 65_504);
my $huge = $e->share(size => 400 * 65_504);
my $guarded = $e->share(size => 1000, policy_id => 'p-1', vault_id => 'v-1',
                        capability_issuer => 'ines');
my @blocks = $e->gateway->entries($share->{cid});

$e->nginx->write('denylist', "capsule\t$bound->{id}\n"
                 . "cid\t$share->{cid}\n");

my $ines = Meshkit::Token->issuer('ines');
my $token = $ines->mint(claims => {
    iss => 'ines', sub => 'alice', iat => time, exp => time + 3600,
    jti => 'j-1', cap => { capsule => $guarded->{id}, actions => ['open'] } });
$e->nginx->write('keys/issuers.jwks', jwks($ines));
$e->metadata->capability('j-1', 'active');

{
    my $capsule = $e->capsule($forged);
    $capsule->{capsule}{signature} =~ s/(.)$/$1 eq 'A' ? 'Q' : 'A'/e;
    $e->metadata->record('/v1/capsules/forged', $capsule);
}

$e->nginx->write('html/refused', 'no');
$e->start;
$e->policy->allow;

my ($expected, $seen) = (0, 0);
my $json = JSON::PP->new->utf8;


# One without a line feed is being written.
sub all_lines { return $e->nginx->read('logs/audit.log') =~ /^(.*)\n/mg }


# A request's lines: it is the subject, by its tag.
sub lines {
    my ($r, $count) = @_;

    my @lines;

    wait_for(WAIT, sub {
        @lines = map { $json->decode($_) } grep { /"user\.id":"$r->{tag}"/ }
                 all_lines();
        return @lines >= $count;
    });

    return @lines;
}


sub said {
    my ($line) = @_;

    return join ' ', $line->{'event.type'}[1],
                map { $line->{$_} // '-' }
                qw(event.outcome event.reason http.response.status_code
                   meshkit.end http.response.body.bytes);
}


sub check {
    my ($r, $want, $name) = @_;

    my @lines = lines($r, scalar @$want);

    $expected += @$want;
    is_deeply([ map { said($_) } @lines ], $want, $name);
    return @lines;
}


sub tagged { return { tag => "own$$-" . ++$seen } }


sub denied {
    my ($code, $status) = @_;

    return [ "denied failure $code $status - -" ];
}


# --- every way that an open goes --------------------------------------------

my $allowed = 'allowed success ok 200 - -';

sub ends { return "end success ok $_[1] complete $_[0]" }

for my $form (qw(car raw)) {
    check($e->get("/$form/$share->{id}"), [ $allowed, ends(16 * 65_504, 200) ],
          "opened, $form");
    check($e->get("/$form/$share->{id}", method => 'HEAD'), [ $allowed ],
          "HEAD, $form");
    check($e->get("/$form/$empty->{id}"), [ $allowed, ends(0, 200) ],
          "an empty file, $form");
    check($e->get("/$form/$share->{id}",
                  headers => [ Range => 'bytes=65000-65999' ]),
          [ 'allowed success ok 206 - -', ends(1000, 206) ],
          "a range, $form");
}

{
    my $etag = $e->get("/car/$small->{id}");
    check($etag, [ $allowed, ends(1000, 200) ], 'opened, for its tag');
    check($e->get("/car/$small->{id}", headers => [
              'If-None-Match' => $etag->header('ETag') ]),
          [ 'allowed success ok 304 - -' ], 'not modified');
}

check($e->curl("/$_/$share->{id}", h2 => 1),
      [ $allowed, ends(16 * 65_504, 200) ], "opened, HTTP/2, $_")
    for qw(car raw);
check($e->get("/whole/$share->{id}"), [ $allowed, ends(16 * 65_504, 200) ],
      'opened, whole');
check($e->get("/anyone/$small->{id}"), [ $allowed, ends(1000, 200) ],
      'opened, of any owner');

{
    my $r = $e->get("/car/$small->{id}", keepalive => 1);
    check($r, [ $allowed, ends(1000, 200) ], 'keep-alive: the first');
    my $next = $e->get("/car/$share->{id}", keepalive => 1,
                       socket => $r->socket);
    check($next, [ $allowed, ends(16 * 65_504, 200) ],
          'keep-alive: the second');
    check($e->get('/car/nobody', socket => $next->socket),
          denied(capsule_not_found => 404), 'keep-alive: the third');
}

# What nginx says before the header is none of the file's bytes.
check($e->get("/car/$small->{id}", body => 'x' x 10,
              headers => [ Expect => '100-continue' ]),
      [ $allowed, ends(1000, 200) ], 'a client that asked to continue');

my @refused = (
    [ 'a malformed id', "/car/a%22%7f%3cb", invalid_request => 400 ],
    [ 'a malformed identity', "/as/a%0ab/$small->{id}",
      invalid_request => 400 ],
    [ 'no such share', '/car/nobody', capsule_not_found => 404 ],
    [ 'a forged one', '/car/forged', invalid_capsule => 502 ],
    [ 'an expired one', "/car/$old->{id}", share_expired => 410 ],
    [ 'no key', "/as/bob/$small->{id}", identity_not_found => 403 ],
    [ 'no download', "/save/$viewed->{id}", download_not_allowed => 403 ],
    [ 'a policy and nobody to ask', "/save/$bound->{id}",
      policy_provider_required => 503 ],
    [ 'an error page', '/page/nobody', capsule_not_found => 404 ],
);

check($e->get($_->[1]), denied(@$_[2, 3]), $_->[0]) for @refused;
check($e->get($_->[1], method => 'HEAD'), denied(@$_[2, 3]),
      "$_->[0], HEAD") for @refused;
check($e->curl($_->[1], h2 => 1), denied(@$_[2, 3]), "$_->[0], HTTP/2")
    for @refused;

check($e->get('/named/nobody'),
      [ @{ denied(capsule_not_found => 404) }, $allowed,
        ends(16 * 65_504, 200) ],
      'an error page that opens another share: a decision about each');
check($e->get("/car/$share->{id}", headers => [ Range => 'bytes=9999999-' ]),
      denied(range_not_satisfiable => 416), 'a range outside the file');

{
    $e->policy->deny;
    check($e->get("/car/$bound->{id}"), denied(policy_denied => 403),
          'the policy says no');
    $e->policy->mode('status', code => 500);
    check($e->get("/car/$bound->{id}"), denied(policy_provider_error => 503),
          'the policy says nothing');
    $e->heal;
    $e->policy->allow;
    $e->metadata->mode('truncate', at => 10);
    check($e->get("/car/$bound->{id}"),
          denied(metadata_provider_error => 503), 'the record is cut');
    $e->metadata->mode('stall', at => -1, seconds => 20);
    check($e->get("/late/$bound->{id}"),
          denied(metadata_provider_error => 503), 'the deadline');
    $e->heal;
    $e->policy->allow;
}

for my $form (qw(car raw)) {
    $_->mode('status', code => 404) for map { $e->gateway($_) } 0, 1;
    check($e->get("/$form/$small->{id}"), denied(provider_http_error => 502),
          "no gateway, $form");
    $e->heal;
    $e->policy->allow;
}

# --- after the header -------------------------------------------------------

for my $form (qw(car raw whole)) {
    $e->gateway($_)->fault('flip', cid => $blocks[10]) for 0, 1;
    my $r = $e->get("/$form/$share->{id}");
    my $got = length $r->body;
    $form eq 'whole'
        ? check($r, denied(cid_mismatch => 502), 'wrong bytes, whole')
        : check($r, [ $allowed, "end failure cid_mismatch 200 aborted $got" ],
                "wrong bytes, $form");
    $e->gateway($_)->clear_faults for 0, 1;
}

{
    $e->gateway(0)->fault('flip', cid => $blocks[10]);
    my @lines = check($e->get("/raw/$share->{id}"),
                      [ $allowed, ends(16 * 65_504, 200) ],
                      'one gateway is left for another');
    is($lines[0]{'meshkit.gateway'}, '/_gw/0', 'it began with the first');
    is($lines[1]{'meshkit.gateway'}, '/_gw/1', 'and ended with the second');
    is_deeply([ map { $_->{'meshkit.gateways_failed'} } @lines ], [ 0, 1 ],
              'the one that was left is counted');
    $e->gateway(0)->clear_faults;
}

# --- clients that leave -----------------------------------------------------

sub gone {
    my ($r, $name, @before) = @_;

    my @lines = lines($r, 1 + @before);

    $expected += 1 + @before;
    is_deeply([ map { said($_) } @lines[0 .. $#lines - 1] ], \@before,
              "$name: before");
    like(said($lines[-1]), @before
         ? qr/^end unknown - 200 client_gone \d+$/
         : qr/^end unknown - - client_gone 0$/, $name);
    return $lines[-1];
}

my %asked = (metadata => [ $e->metadata ], policy => [ $e->policy ],
             gateway => [ map { $e->gateway($_) } 0, 1 ]);

for my $where (qw(metadata policy gateway)) {
    $_->clear->mode('stall', at => -1, seconds => 20)
        for @{ $asked{$where} };

    my $r = tagged();
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'));
    print $socket "GET /raw/$bound->{id} HTTP/1.1\r\nHost: a\r\n"
                  . "X-Tag: $r->{tag}\r\n\r\n";
    $socket->flush;
    ok(wait_for(WAIT, sub { grep { $_->count } @{ $asked{$where} } }),
       "$where is asked");
    close $socket;

    my $line = gone($r, "the client leaves while $where is asked");
    is($line->{'meshkit.checks'}{$where eq 'metadata' ? 'record'
                                 : $where eq 'policy' ? 'policy'
                                 : 'content'}, 'skipped',
       'nothing is said of the check that it stood at');
    $e->heal;
    $e->policy->allow;
}

# Too slow a server for the file to be in its buffers by then.
for my $form (qw(car raw)) {
    my $r = $e->get("/slow$form/$large->{id}", limit => 1);
    my $line = gone($r, "the client leaves in the middle, $form", $allowed);
    cmp_ok($line->{'http.response.body.bytes'}, '<', 40 * 65_504,
           'before it had the file');
}

# Too large a file for them.
{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'));
    my $r = $e->get("/impatient/$huge->{id}", socket => $socket, limit => 1);
    my $line = gone($r, 'the client takes nothing for send_timeout',
                    $allowed);
    cmp_ok($line->{'http.response.body.bytes'}, '<', 400 * 65_504,
           'and did not have the file');
    close $socket;
}

{
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 100_000);
    my $r = tagged();
    my $id = $h->send(path => "/raw/$large->{id}",
                      headers => [ 'x-tag' => $r->{tag} ]);
    $h->receive(WAIT, sub { length $h->stream($id)->{data} });
    $h->reset($id);
    my $line = gone($r, 'the client resets its stream', $allowed);
    cmp_ok($line->{'http.response.body.bytes'}, '<=', 100_000,
           'with as much as it had let in');
    $h->close;
}

# --- no decision, no line ---------------------------------------------------

$e->get("/car/$small->{id}", method => 'POST');
$e->get('/other');
$e->get("/quiet/$small->{id}");
$e->get('/pages/refused');

# --- what stands in a line --------------------------------------------------

{
    my $r = $e->get("/raw/$bound->{id}");
    my ($first, $last) = check($r, [ $allowed, ends(1000, 200) ], 'a policy');
    my $capsule = $e->capsule($bound)->{capsule};

    is_deeply([ sort keys %$first ], [ sort qw(
        @timestamp ecs.version event.kind event.category event.type
        event.action event.outcome event.reason event.duration request.id
        client.ip user.id meshkit.capsule meshkit.cid meshkit.owner
        meshkit.identity meshkit.policy meshkit.checks meshkit.gateway
        meshkit.gateways_failed http.response.status_code) ],
        'the members of an allowed open');
    is_deeply([ sort keys %$last ],
              [ sort keys %$first, 'meshkit.end',
                'http.response.body.bytes' ], 'and of its end');

    is($first->{$_}, $last->{$_}, "$_ is the same in both")
        for qw(request.id meshkit.capsule meshkit.cid user.id);
    like($first->{'request.id'}, qr/^[0-9a-f]{32}$/, 'the request');
    is($first->{'meshkit.capsule'}, $bound->{id}, 'the capsule');
    is($first->{'meshkit.cid'}, $bound->{cid}, 'the CID');
    is($first->{'meshkit.owner'}, 'owner', 'the owner');
    is($first->{'meshkit.identity'}, 'alice', 'the identity');
    is($first->{'client.ip'}, '127.0.0.1', 'the client');
    is($first->{'event.action'}, 'open', 'the action');
    is($first->{'meshkit.policy'}{id}, 'p-1', 'the policy');
    like($first->{'meshkit.policy'}{ms}, qr/^\d+$/, 'and how long it took');
    like($first->{'event.duration'}, qr/^\d+$/, 'the duration is a number');
    cmp_ok($last->{'event.duration'}, '>=', $first->{'event.duration'},
           'that grows');
    like($first->{'@timestamp'}, qr/^20\d\d-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/,
         'the time');

    my %pass = map { $_ => 'pass' } qw(request record signature time status
        recipient action policy key content);
    my %skipped = map { $_ => 'skipped' }
                  qw(denylist vault capability range);

    is_deeply($first->{'meshkit.checks'}, { %pass, %skipped }, 'the checks');
    is_deeply($last->{'meshkit.checks'}, { %pass, %skipped }, 'at the end');
}

# code, the check that failed, those before it that had nothing to look at
my @stands = (
    [ "/car/a%20b", 'request' ],
    [ '/car/nobody', 'record', 'denylist' ],
    [ '/car/forged', 'signature', 'denylist' ],
    [ "/car/$old->{id}", 'time', 'denylist' ],
    [ "/as/bob/$small->{id}", 'recipient', 'denylist' ],
    [ "/save/$viewed->{id}", 'action', 'denylist' ],
    [ "/save/$bound->{id}", 'policy', qw(denylist vault capability) ],
);
my @order = qw(request denylist record signature time status recipient action
               vault capability policy key range content);

for my $row (@stands) {
    my ($path, $failed, @idle) = @$row;
    my ($line) = lines($e->get($path), 1);
    my %want = map { $_ => 'skipped' } @order;

    for my $check (@order) {
        $want{$check} = 'fail', last if $check eq $failed;
        $want{$check} = 'pass' if !grep { $_ eq $check } @idle;
    }

    $expected++;
    is_deeply($line->{'meshkit.checks'}, \%want, "it fails at $failed");
    is(exists $line->{'meshkit.owner'} ? 1 : 0,
       $failed =~ /^(?:request|record|signature)$/ ? 0 : 1,
       'what the record says stands there once it is its owner who says so');
}

# What is malformed may be a token in the wrong place.
for my $row ([ '/car/secret%7f%3cplace', 'capsule' ],
             [ "/as/secret%0aplace/$small->{id}", 'identity' ])
{
    my ($line) = check($e->get($row->[0]), denied(invalid_request => 400),
                       "a malformed $row->[1]");
    ok(!exists $line->{"meshkit.$row->[1]"}, 'is not repeated');
}

# The denylist, before there is a record, and behind the signature.
for my $row ([ $bound, 'request' ], [ $share, qw(request record signature) ])
{
    my ($denied, @passed) = @$row;
    my ($line) = check($e->get("/listed/$denied->{id}"),
                       denied(share_revoked => 410), 'on the denylist');
    my $checks = $line->{'meshkit.checks'};

    is_deeply([ sort grep { $checks->{$_} eq 'pass' } @order ],
              [ sort @passed ], "behind @passed");
    is($checks->{denylist}, 'fail', 'fails there');
    is($line->{'meshkit.cid'}, @passed > 1 ? $denied->{cid} : undef,
       'and its CID is told where it is known');
}

{
    my ($line) = check($e->get("/listed/$small->{id}"),
                       [ $allowed, ends(1000, 200) ], 'not on the denylist');
    is($line->{'meshkit.checks'}{denylist}, 'pass', 'is said');
}

{
    my ($line) = check($e->get("/anyone/$small->{id}", method => 'HEAD'),
                       [ $allowed ], 'of any owner');
    is($line->{'meshkit.checks'}{signature}, 'skipped',
       'whose signature nobody looked at');

    ($line) = check($e->get("/car/$share->{id}",
                            headers => [ Range => 'bytes=5-14' ]),
                    [ 'allowed success ok 206 - -', ends(10, 206) ],
                    'a range');
    is($line->{'meshkit.range'}, '5-14/' . 16 * 65_504, 'and which');
    is($line->{'meshkit.checks'}{range}, 'pass', 'a check of its own');

    ($line) = check($e->get("/car/$small->{id}",
                            headers => [ Range => 'bytes=1000-' ]),
                    denied(range_not_satisfiable => 416), 'no such range');
    is($line->{'meshkit.range'}, '*/1000', 'and of what');
    is($line->{'meshkit.checks'}{range}, 'fail', 'which fails');

    ($line) = check($e->get("/save/$small->{id}"),
                    [ $allowed, ends(1000, 200) ], 'a download');
    is($line->{'event.action'}, 'download', 'is said to be one');

    SKIP: {
        skip 'nginx without realip', 1
            if !$e->nginx->has('http_realip_module');
        ($line) = check($e->get("/behind/$small->{id}", method => 'HEAD',
                                headers => [ 'X-Real-IP' => '192.0.2.7' ]),
                        [ $allowed ], 'behind a proxy');
        is($line->{'client.ip'}, '192.0.2.7', "the proxy's client");
    }
}

# --- vaults and tokens ------------------------------------------------------

{
    my @bearer = (headers => [ 'X-MeshKit-Capability' => $token ]);
    my $path = "/guarded/$guarded->{id}";
    my ($line) = check($e->get($path, @bearer), denied(vault_denied => 403),
                       'no member of the vault');
    my ($ref) = $line->{'meshkit.token_ref'};

    is($line->{'meshkit.checks'}{vault}, 'fail', 'which is a check');
    is($line->{'meshkit.vault'}, 'v-1', 'and which vault');
    like($ref // '', qr/^[0-9a-f]{8}$/, 'and what the token is called');

    $e->metadata->member('v-1', 'alice', 1);
    ($line) = check($e->get($path), denied(capability_required => 401),
                    'no token');
    is($line->{'meshkit.checks'}{capability}, 'fail', 'which is a check');
    ok(!exists $line->{'meshkit.token_ref'}, 'of nothing');

    ($line) = check($e->get($path, headers => [ 'X-MeshKit-Capability' =>
                                                "$token-x" ]),
                    denied(capability_denied => 403), 'another token');
    like($line->{'meshkit.token_ref'}, qr/^(?!\Q$ref\E)[0-9a-f]{8}$/,
         'that is called otherwise');

    ($line) = check($e->get($path, @bearer), [ $allowed, ends(1000, 200) ],
                    'the right one');
    is($line->{'meshkit.token_ref'}, $ref, 'that is called as before');
    is_deeply([ grep { $line->{'meshkit.checks'}{$_} ne 'pass' } @order ],
              [ qw(denylist range) ], 'every check but two was made');

    # neither the token nor a part of it
    $e->nginx->secret($token, split /\./, $token);
}

# --- whatever bytes a client sends ------------------------------------------

my @hostile = (
    "a\"b", 'a\\b', "tab\there", "\x01\x1b[2J\x7f", "no \xff\xfe UTF-8",
    "\xe2\x82", "\xed\xa0\x80", "\xc2\x9b2J", "\xe2\x80\xae\xe2\x80\xa8",
    '"},{"event.outcome":"success', 'x' x 3000, "\"" x 3000, "\xff" x 3000,
    "\xf0\x9f\x98\x80" x 700, '\u0000', '%00%0a', '${jndi:ldap://x}',
);

for my $i (0 .. $#hostile) {
    my $before = () = all_lines();
    my $r = Meshkit::Http::http_request($e->nginx->port('front'),
        path => "/raw/$small->{id}",
        headers => [ 'X-Tag' => "h$i-$hostile[$i]",
                     Range => "bytes=0-9,\x01\"$hostile[$i]" ]);
    is($r->status, 200, "hostile bytes, $i: opened");

    wait_for(WAIT, sub { $before + 2 <= (my @all = all_lines()) });

    my @all = all_lines();
    is(@all - $before, 2, "hostile bytes, $i: two lines");
    $expected += 2;

    my ($one, $two) = map { eval { $json->decode($_) } // {} }
                      @all[-2, -1];
    ok(($one->{'user.id'} // '') =~ /^h$i-/
       && $one->{'user.id'} eq $two->{'user.id'}
       && $one->{'event.outcome'} eq 'success',
       "hostile bytes, $i: a subject and nothing else");
    ok(length $all[-1] < 4095 && $all[-1] !~ /[\x00-\x1f\x7f]/
       && utf8::decode(my $copy = $all[-1]),
       "hostile bytes, $i: a short line of UTF-8");
}

# --- all in all -------------------------------------------------------------

my @all = all_lines();
is(scalar @all, $expected, 'no line too many in the whole log');
is(scalar(grep { !eval { ref $json->decode($_) eq 'HASH' } } @all), 0,
   'and each is one object');
unlike(join("\n", @all), qr/the-files-name|bytes=|Bearer/,
       "no file's name, no header of a request");

# The reader takes every line that the module writes.
my $reader = $ENV{TEST_MESHKITCTL} || 'build/meshkitctl';

SKIP: {
    skip 'meshkitctl is not built', 4 if !-x $reader;

    my $r = run_command({ timeout => 60 }, $reader, 'audit',
                        $e->dir . '/logs/audit.log', '--counts', '--json');
    my $counts = eval { $json->decode($r->{out}) } // {};

    is($r->{exit}, 0, 'meshkitctl audit reads it') or diag($r->{err});
    is(sum0(map { $_->{count} } @{ $counts->{counts} }), $expected,
       'and finds every line');

    my ($line) = grep { /\x1b|u001b/ } @all;
    my $tag = $json->decode($line)->{'user.id'};
    $r = run_command({ timeout => 60 }, $reader, 'audit',
                     $e->dir . '/logs/audit.log', '--subject', $tag);
    is($r->{out} =~ tr/\n//, 2, 'by subject, with its escapes');
    unlike($r->{out}, qr/\x1b/, 'which no terminal sees');
}

$e->nginx->secret(map { substr $_->{plain}, 100, 40 }
                  grep { $_->{size} >= 1000 } $share, $small, $bound, $large);

$e->done;
done_testing();
