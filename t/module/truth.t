# The truth table of an open: every check passes, refuses or cannot tell,
# beside every other check that does.  Only where all pass a byte comes out;
# else the first refusal in the order of docs/DESIGN.md is the outcome, and
# nobody behind it was asked.  All singles, all pairs, and rows where half of
# the checks are not well, drawn from a fixed seed.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Token qw(jwks);

use constant { DRAWN => 300, SEED => 20261121 };

my $json = JSON::PP->new->utf8->canonical;
my @lists = qw(none capsule identity owner cid gone);
my $locations = '';

for my $list (@lists) {
    for my $max (0, 999) {
        $locations .= <<"EOL";
location ~ ^/$list/$max/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy /_meshkit/policy;
    meshkit_gateway /_gw/0 raw;
    meshkit_denylist %%DIR%%/lists/$list;
    meshkit_max_size $max;
    meshkit_as \$arg_as;
    meshkit_action \$arg_action;
}
EOL
    }
}

my $e = Meshkit::Edge->new(policy => 'authzen', forms => [], text => {
    http => "meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;\n"
            . 'meshkit_audit_log %%DIR%%/logs/audit.log;',
    server => $locations });

my $ines = Meshkit::Token->issuer('ines');
$e->nginx->write('keys/issuers.jwks', jwks($ines));

# What is signed cannot be edited later: the one share is a share in three
# times.  Downloads are refused by all of them and asked for by some rows.
my %term = (size => 1000, policy_id => 'p-1', vault_id => 'v-1',
            capability_issuer => 'ines', no_download => undef);
my %shares = (
    good => $e->share(%term, id => 'good'),
    old => $e->share(%term, id => 'old', iat => 1, exp => 2),
    early => $e->share(%term, id => 'early', nbf => 4_000_000_000),
);

my %claims = (iss => 'ines', sub => 'alice', exp => 4_000_000_000, cap => {
              vault => 'v-1', actions => [qw(open download)] });
my %token = (
    good => $ines->mint(claims => { %claims, jti => 'good' }),
    revoked => $ines->mint(claims => { %claims, jti => 'revoked' }),
    old => $ines->mint(claims => { %claims, jti => 'good', exp => 1 }),
    listed => $ines->mint(claims => { %claims, jti => 'listed' }),
);

# Each denylist has a token and things that no row is about.
my %denied = (capsule => join('', map { "capsule\t$_\t\n" } keys %shares),
              identity => "identity\talice\t\nidentity\tnobody\t\n",
              owner => "owner\towner\t\n",
              cid => join('', map { "cid\t$_->{cid}\t\n" } values %shares));

$e->nginx->write("lists/$_", "jti\tlisted\tx\ncapsule\tother\tx\n"
                 . "owner\tother\n" . ($denied{$_} // '')) for @lists;

$e->start;
$e->metadata->capability($_, 'active') for qw(good listed);
$e->metadata->capability('revoked', 'revoked');
unlink $e->dir . '/lists/gone';


# --- the checks -------------------------------------------------------------

# Edits of the record.
sub other_byte {
    my ($text, $at) = @_;

    substr($text, $at, 1) = substr($text, $at, 1) eq 'A' ? 'B' : 'A';
    return $text;
}


sub in_base64url {
    my ($text, $change) = @_;

    my $value = $json->decode(decode_base64url($text));
    $change->($value);
    return encode_base64url($json->encode($value));
}


my $capsules = qr{^/v1/capsules/};
my $vaults = qr{^/v1/vaults/};
my $capabilities = qr{^/v1/capabilities/};

# Who was asked when a check refuses, itself included.
my %asked = (request => '', denylist => '', record => 'record', signature => 'record',
             time => 'record', status => 'record', recipient => 'record',
             action => 'record', vault => 'record vault',
             key => 'record vault capability policy',
             content => 'record vault capability policy gateway');

# Each check, in its order, and the ways in which it does not pass: what it
# is, the outcome, and what is done to the row's world.  Where one is noticed
# behind others of its check, or elsewhere, "at" says so; where others are
# asked before, "asked".
my @checks = (
    [ request => [
        [ 'an id that is none', '400 invalid_request',
          sub { $_[0]{behind} = '.' } ],
        [ 'an identity that is none', '400 invalid_request',
          sub { $_[0]{malformed} = '..' }, at => [ request => 0.5 ] ] ] ],
    [ denylist => [
        [ 'the capsule', '410 share_revoked',
          sub { $_[0]{list} = 'capsule' } ],
        [ 'the identity', '410 share_revoked',
          sub { $_[0]{list} = 'identity' } ],
        [ 'the owner', '410 share_revoked', sub { $_[0]{list} = 'owner' },
          at => [ signature => 0.5 ], asked => 'record' ],
        [ 'the CID', '410 share_revoked', sub { $_[0]{list} = 'cid' },
          at => [ signature => 0.5 ], asked => 'record' ],
        [ 'no list', '500 internal_error',
          sub { $_[0]{list} = 'gone' } ] ] ],
    [ record => [
        [ 'unknown', '404 capsule_not_found', sub { $_[0]{gone} = 1 } ],
        [ 'no answer', '503 metadata_provider_error',
          sub { push @{ $_[0]{metadata} }, [ 'status', code => 500,
                match => $capsules ] } ] ] ],
    [ signature => [
        [ 'another signature', '502 invalid_capsule', sub { edit($_[0],
          sub { $_[0]{signature} = other_byte($_[0]{signature}, 9) }) } ],
        [ 'a key that nobody knows', '502 invalid_capsule', sub { edit($_[0],
          sub { $_[0]{protected} = in_base64url($_[0]{protected},
                sub { $_[0]{kid} = 'x' }) }) } ] ] ],
    [ time => [
        [ 'over', '410 share_expired', sub { $_[0]{share} = 'old' } ],
        [ 'to come', '403 share_not_yet_valid',
          sub { $_[0]{share} = 'early' } ],
        [ 'no time', '502 invalid_capsule', sub { edit($_[0],
          sub { $_[0]{payload} = in_base64url($_[0]{payload},
                sub { $_[0]{exp} = 'x' }) }) },
          check => 'record', at => [ record => 0.8 ] ] ] ],
    [ status => [
        [ 'revoked', '410 share_revoked', sub { $_[0]{state} = 'revoked' } ],
        [ 'another word', '503 metadata_provider_error',
          sub { $_[0]{state} = 'x' }, check => 'record', at => [ record => 0.5 ] ] ] ],
    [ recipient => [
        [ 'no key here', '403 identity_not_found',
          sub { $_[0]{as} = 'nobody' } ],
        [ 'no wrap', '403 recipient_not_authorized', sub { edit($_[0],
          sub { $_[0]{wraps}[0]{recipient} = 'bob' }) }, at => [ recipient => 0.5 ] ] ] ],
    [ action => [
        [ 'a download', '403 download_not_allowed',
          sub { $_[0]{action} = 'download' } ],
        [ 'too large', '413 input_too_large',
          sub { $_[0]{max} = 999 }, at => [ action => 0.5 ] ] ] ],
    [ vault => [
        [ 'no member', '403 vault_denied', sub { $_[0]{member} = 0 } ],
        [ 'not known', '403 vault_denied', sub { $_[0]{member} = undef } ],
        [ 'no answer', '503 vault_provider_error',
          sub { push @{ $_[0]{metadata} }, [ 'status', code => 500,
                match => $vaults ] } ] ] ],
    [ capability => [
        [ 'no token', '401 capability_required', sub { $_[0]{token} = undef },
          asked => 'record vault' ],
        [ 'an old one', '403 capability_denied', sub { $_[0]{token} = 'old' },
          asked => 'record vault' ],
        [ 'one on the denylist', '403 capability_denied',
          sub { $_[0]{token} = 'listed' }, asked => 'record vault' ],
        [ 'a revoked one', '403 capability_denied',
          sub { $_[0]{token} = 'revoked' },
          asked => 'record vault capability' ],
        [ 'no answer', '503 metadata_provider_error',
          sub { push @{ $_[0]{metadata} }, [ 'body', body => '{}',
                match => $capabilities ] },
          asked => 'record vault capability' ] ] ],
    [ policy => [
        [ 'no', '403 policy_denied', sub { $_[0]{policy} = [ 'no' ] },
          asked => 'record vault capability policy' ],
        [ 'no answer', '503 policy_provider_error',
          sub { $_[0]{policy} = [ 'status', code => 500 ] },
          asked => 'record vault capability policy' ] ] ],
    [ key => [
        [ 'another key', '403 key_unwrap_failed', sub { edit($_[0],
          sub { $_[0]{wraps}[0]{ct} = other_byte($_[0]{wraps}[0]{ct}, 9) })
          } ],
        [ 'an unknown algorithm', '502 invalid_capsule', sub { edit($_[0],
          sub { $_[0]{wraps}[0]{alg} = 'x' }) } ] ] ],
    [ content => [
        [ 'other bytes', '502 cid_mismatch', sub { $_[0]{gateway} = [
          'body', body => 'x' x 1032 ] } ],
        [ 'no answer', '502 provider_http_error', sub { $_[0]{gateway} = [
          'status', code => 500 ] } ] ] ],
);


sub edit {
    my ($world, $change) = @_;

    push @{ $world->{edits} }, $change;
}


# All of them, as one list.
my %index = map { $checks[$_][0] => $_ } 0 .. $#checks;
my @states;

for (@checks) {
    my ($check, $ways) = @$_;

    for my $way (@$ways) {
        my ($name, $code, $set, %opt) = @$way;
        my ($at, $behind) = @{ delete $opt{at} // [ $check, 0 ] };

        push @states, { of => $check, name => "$check: $name", code => $code,
                        set => $set, at => $index{$at} + $behind,
                        check => $check, asked => $asked{$check}, %opt };
    }
}


# --- a row ------------------------------------------------------------------

# The world in which these checks do not pass, and what then must happen.
sub make_world {
    my (@bad) = @_;

    my $world = { share => 'good', state => 'active', as => 'alice',
                  behind => '', action => 'open', list => 'none', max => 0,
                  member => 1, token => 'good', policy => [ 'yes' ],
                  gateway => [ 'ok' ], metadata => [], edits => [] };

    $_->{set}->($world) for @bad;

    my $record = $json->decode($shares{ $world->{share} }{record});

    $_->($record->{capsule}) for @{ $world->{edits} };
    $record->{status}{state} = $world->{state};

    my $path = "/v1/capsules/$world->{share}";

    $world->{gone} ? $e->metadata->remove($path)
                   : $e->metadata->record($path, $record);
    $e->metadata->member('v-1', 'alice', $world->{member});
    $e->metadata->mode('ok');
    $e->metadata->add_mode(@$_) for @{ $world->{metadata} };

    my ($policy, @args) = @{ $world->{policy} };
    $policy eq 'yes' ? $e->policy->allow
    : $policy eq 'no' ? $e->policy->deny : $e->policy->mode($policy, @args);

    $e->gateway->mode(@{ $world->{gateway} });

    return $world;
}


# Who was asked, in order; a gateway may be asked more than once.
sub who_was_asked {
    my @all = map { my $name = $_->[0];
                    map { [ $_->time, $name // (
                            $_->uri =~ $capsules ? 'record'
                            : $_->uri =~ $vaults ? 'vault'
                            : $_->uri =~ $capabilities ? 'capability'
                            : $_->uri) ] } $_->[1]->requests }
              [ undef, $e->metadata ], [ policy => $e->policy ],
              [ gateway => $e->gateway ];

    my $asked = join ' ', map { $_->[1] } sort { $a->[0] <=> $b->[0] } @all;

    return $asked =~ s/(?<= gateway)(?: gateway)+$//r;
}


my %stands;     # request id => the state that refused, the row's name
my $rows = 0;

sub row {
    my (@bad) = @_;

    my $name = @bad ? join ', ', map { $_->{name} } @bad : 'all pass';
    my ($first) = sort { $a->{at} <=> $b->{at} } @bad;
    my $world = make_world(@bad);

    $e->clear;

    my $share = $shares{ $world->{share} };
    my $r = $e->get("/$world->{list}/$world->{max}/"
                    . $share->{id} . $world->{behind}
                    . '?as=' . ($world->{malformed} // $world->{as})
                    . "&action=$world->{action}",
                    defined $world->{token}
                    ? (headers => [ 'X-Meshkit-Capability'
                                    => $token{ $world->{token} } ]) : ());

    my $got = $e->outcome($r, $share) . ', asked: ' . who_was_asked();
    my $want = $first ? "$first->{code}, asked: $first->{asked}"
                      : "200 ok, asked: $asked{content}";

    is($got, $want, $name);
    $rows++;

    if ($first) {
        my $id = $e->problem($r)->{requestId};
        $stands{$id} = [ $first, $name ] if defined $id;
    }
}


# --- the table --------------------------------------------------------------

ok(wait_for(20, sub {
    $rows++;
    return $e->get('/gone/0/good?as=alice&action=open')->status == 500;
}), 'a denylist is gone');

row();
row($_) for @states;

for my $i (0 .. $#states) {
    for my $j ($i + 1 .. $#states) {
        row(@states[$i, $j]) if $states[$i]{of} ne $states[$j]{of};
    }
}

# The same numbers on every machine.
my $drawn = SEED;

sub draw {
    my ($below) = @_;

    $drawn = ($drawn * 1103515245 + 12345) % 2 ** 31;
    return int($drawn / 65536) % $below;
}

for (1 .. DRAWN) {
    my @bad;

    for my $check (map { $_->[0] } @checks) {
        my @ways = grep { $_->{of} eq $check } @states;

        push @bad, $ways[draw(scalar @ways)] if draw(2);
    }

    row(@bad);
}

row();


# --- what the audit log says of it ------------------------------------------

my %line;

wait_for(20, sub {
    %line = map { ($_->{'request.id'} => $_) }
            grep { $_->{'event.type'}[1] ne 'end' }
            map { $json->decode($_) } split /\n/,
            $e->nginx->read('logs/audit.log');
    return keys %line >= $rows;
});

is(scalar keys %line, $rows, 'the audit log has a decision for each row');

my $wrong = 0;

for my $id (sort keys %stands) {
    my ($first, $name) = @{ $stands{$id} };
    my $said = $line{$id}{'meshkit.checks'} // {};
    my ($failed, @more) = grep { $said->{$_} eq 'fail' } keys %$said;
    my @behind = grep { exists $index{$_} && $index{$_} > $first->{at}
                        && $said->{$_} ne 'skipped' } keys %$said;

    next if ($failed // '') eq $first->{check} && !@more && !@behind;
    $wrong++;
    diag "$name: the audit log names " . ($failed // 'none') . " @more @behind";
}

is($wrong, 0, 'and names the check that refused, and no later one');

$e->done;
done_testing();
