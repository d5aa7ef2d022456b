# meshkitctl and a second writer at one metadata service: a revocation is not
# lost, and a service where it could be is refused.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use lib 't/cli/lib';
use Meshkit::Cli;
use Meshkit::Nginx;
use Meshkit::Process qw(spawn wait_process wait_for);
use Meshkit::RecordStore;

use constant { TOGETHER => 8, PUTS => 8 };

my $c = Meshkit::Cli->new->cast;
$c->identity('bob', 'x25519');
$c->identity('carol', 'x25519');

my $s = Meshkit::RecordStore->run;
my @place = ('--metadata-url', $s->url);
my $runs = 0;
my %command;


# Starts meshkitctl; finish() gives what run() would.
sub start {
    my (@args) = @_;

    my $base = $c->path('run.' . ++$runs);
    my $pid = spawn('meshkitctl', sub {
        open STDOUT, '>', "$base.out" or die "$base: $!";
        open STDERR, '>', "$base.err" or die "$base: $!";
        exec { $c->{binary} } $c->{binary}, @args or die "exec: $!";
    });

    $command{$pid} = $base;
    return $pid;
}


sub finish {
    my ($pid) = @_;

    my $status = wait_process($pid, 60) // return { exit => 'none' };
    my $base = delete $command{$pid};
    my $r = { exit => $status >> 8, signal => $status & 127,
              out => Meshkit::Process::slurp("$base.out"),
              err => Meshkit::Process::slurp("$base.err") };

    $c->{seen} .= $r->{out} . $r->{err};
    return $r;
}


sub to { return map { ('--to', "$_=" . $c->path("$_.jwk")) } @_ }
sub same { return $c->share_args('--same-payload', @place, @_) }
sub methods { return join ' ', map { $_->method } $s->requests($_[0]) }


sub revoked_form {
    return $_[0] =~ s/"state":"active"/"state":"revoked","revokedAt":7/r;
}


# A new share of the payload, at an honest service.
sub published {
    my (@args) = @_;

    $s->set(%{ { map { $_ => undef } qw(etag ignore hold lose refuse only any
                                        missing show took after_get undo
                                        no_delete) } });
    unlink glob $s->dir . '/tick/*';
    my $facts = $c->seal('two writers');
    $c->ok('published', same(@args));
    $s->clear;
    return $facts->{id};
}


sub refused {
    my ($name, $message, @args) = @_;

    my $r = $c->refused($name, 4, $message, @args);
    unlike($r->{out}, qr/./, "$name: no result is printed");
    return $r;
}

# --- an honest service -------------------------------------------------------

$c->seal('two writers');
my $id = $c->share(@place, '--id', 'first');
is(methods(qr{/first$}), 'GET PUT GET PUT PUT',
   'a new share: looked for, put, read back, tried twice');
my @puts = $s->puts('first');
is($puts[0]->header('If-None-Match'), '*', 'it is put where nothing is');
ok($puts[1] && $puts[1]->header('If-None-Match') eq '*'
   && $puts[1]->json->{status}{state} eq 'revoked',
   'and once more, as a revoked one,');
like($puts[2]->header('If-Match') // '', qr/^"[\w-]{22}"$/,
     'with an If-Match, too,');
is($puts[2]->json->{status}{state}, 'revoked', 'revoked as well,');
is($s->state('first'), 'active', 'which the service refused');
is_deeply([ $s->ids ], ['first'], 'there is no other record');
my ($trial) = grep { $_->uri !~ m{/first$} } $s->puts;
ok($trial && $trial->header('If-Match') =~ /^"[\w-]{22}"$/
   && $trial->json->{status}{state} eq 'revoked',
   'before, If-Match was tried, with a revoked record');

$s->clear;
$c->ok('it is revoked', 'revoke', 'first', @place);
is(methods(qr{/first$}), 'GET PUT PUT GET', 'by GET, a trial, PUT and GET');
like(($s->puts('first'))[1]->header('If-Match') // '', qr/^"[0-9a-f]{32}"$/,
     'with the ETag that was read');
is($_->header('Cache-Control'), 'no-cache', 'past caches')
    for grep { $_->method eq 'GET' } $s->requests;
is($s->state('first'), 'revoked', 'it is');

$s->clear;
$c->ok('revoked again', 'revoke', 'first', @place);
is(methods(qr{.}), 'GET', 'what is revoked is not written');

$c->refused('an id that is taken', 4, qr/this id already\n.*--id/s,
            $c->share_args(@place, '--id', 'first'));
is($s->state('first'), 'revoked', 'and stays as it is');
$id = published();
$c->ok('revoked', 'revoke', $id, @place);
$c->refused('a revoked share gets no recipient', 1, qr/share_revoked/,
            same(to('bob')));

# --- two writers -------------------------------------------------------------

$id = published();
my $go = $c->path('go');
$s->set(hold => $go);
my $share = start(same(to('bob')));
ok(wait_for(20, sub { -e "$go.held" }), 'a share is put, and held back');
$c->ok('meanwhile it is revoked', 'revoke', $id, @place);
$c->write('go', '');
my $r = finish($share);
is($r->{exit}, 1, 'the share is refused');
like($r->{err}, qr/share_revoked/, 'since it was revoked');
is($s->state($id), 'revoked', 'and it stays so');

$id = published();
$s->set(after_get => [ $id, revoked_form($s->read_record($id)) ]);
$c->refused('a revocation between GET and PUT', 1, qr/share_revoked/,
            same(to('bob')));
is($s->state($id), 'revoked', 'it stays');

$id = published();
my $both = $s->read_record($id);
$c->ok('a recipient', same(to('bob')));
my $with_bob = $s->read_record($id);
$s->write_record($id, $both);
$s->set(after_get => [ $id, $with_bob ]);
$c->ok('a recipient between GET and PUT', 'revoke', $id, @place);
is($s->read_record($id) =~ s/,"revokedAt":\d+//r =~ s/revoked/active/r,
   $with_bob, 'the record is revoked, with that recipient');

for my $round (1 .. 3) {
    $id = published();
    my @pids = (start(same(to('bob'))), start('revoke', $id, @place),
                start(same(to('carol'))));
    my (undef, $revoked) = map { finish($_) } @pids;
    ok($revoked->{exit} == 0 && $s->state($id) eq 'revoked',
       "together, $round: revoked") or diag($revoked->{err});
}

$id = published();
my @names = qw(bob carol alice);
my @pids = map { start(same(to($_))) } @names;
is(join(' ', map { finish($_)->{exit} } @pids), '0 0 0',
   'recipients are added together');
is_deeply([ sort map { $_->{recipient} }
            @{ $c->json($s->read_record($id))->{capsule}{wraps} } ],
          [ sort @names, 'edge' ], 'and none is lost');

@pids = map { start($c->share_args(@place, '--id', 'once')) } 1 .. TOGETHER;
is(join('', sort map { finish($_)->{exit} } @pids), '0' . '4' x 7,
   'one of those who want an id gets it');
is($s->state('once'), 'active', 'and it is shared');

# --- responses that are lost -------------------------------------------------

$id = published();
$s->set(lose => 1);
$c->ok('a PUT whose response is lost', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'has revoked');

$id = published();
$s->set(lose => 1);
$c->ok('the same of a recipient', same(to('bob')));
is(scalar(my @wraps = @{ $c->json($s->read_record($id))->{capsule}{wraps} }),
   3, 'who is added once');

$c->seal('lost');
$s->set(lose => 1);
$c->ok('the same of a new share', $c->share_args(@place, '--id', 'lost'));
is($s->state('lost'), 'active', 'it is published');

$id = published();
$s->set(refuse => [ 500, 2 ]);
$c->ok('500 for a while', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');

$id = published();
$s->set(refuse => [ 412, 3 ]);
$c->ok('412 for a while', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');

$id = published();
$s->set(refuse => [ 409, 2 ]);
$c->ok('409 for a while', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');

# --- services that go wrong --------------------------------------------------

my $begin = time;
$id = published();
$s->set(refuse => [ 412, 1000 ]);
refused('412 for ever', qr/answered with status 412, 8 times in a row\n/,
        'revoke', $id, @place);
is(scalar(my @all = $s->puts($id)), 1 + PUTS, 'has an end');
cmp_ok(time - $begin, '<', 20, 'soon');

for my $status (428, 403, 400, 302, 507) {
    $id = published();
    $s->set(refuse => [ $status, 1000 ]);
    refused("a PUT: $status", qr/answered with status $status/, 'revoke',
            $id, @place);
    is($s->state($id), 'active', "a PUT: $status: nothing is changed");
}

$id = published();
$s->set(etag => 'changing');
refused('an ETag that changes by itself', qr/status 412, 8 times in a row/,
        'revoke', $id, @place);
$c->ok('--unsafe-store drops it at last', 'revoke', $id, @place,
       '--unsafe-store');
is($s->state($id), 'revoked', 'and revokes');

$id = published();
$s->set(took => 200);
refused('200 from something else', qr/ignores If-Match/, 'revoke', $id,
        @place);
$s->set(took => 200);
refused('the same, with --unsafe-store', qr/still shows another one, 8 times/,
        'revoke', $id, @place, '--unsafe-store');
is($s->state($id), 'active', 'which is not taken for a revocation');

$id = published();
my $record = $s->read_record($id);
$s->set(show => '<html>Welcome</html>');
$c->refused('a page for a record', 1, qr/as it is published/, 'revoke', $id,
            @place);
$c->refused('a page for a new record', 4, qr/this id already/,
            $c->share_args(@place));
is(scalar(my @none = $s->puts), 0, 'nothing is put there');

$s->set(show => $s->read_record('first'));
$c->refused('the record of another id', 1,
            qr/invalid_capsule.*another share/, 'revoke', $id, @place);
is(scalar(@none = $s->puts), 0, 'is not written');
$s->set(show => $s->read_record('once'));
$c->refused('an active one as well', 1, qr/invalid_capsule.*another share/,
            'revoke', $id, @place);
$s->set(show => revoked_form($record));
$c->refused('a revoked one, read at last', 1, qr/share_revoked/,
            same(to('bob')));

# somebody else writes the old record back, without a precondition
$id = published();
$s->set(undo => 2);
$c->ok('a revocation that is overwritten', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'is written again');

$id = published();
$s->set(undo => 1000);
refused('one that always is', qr/still shows another one, 8 times in a row/,
        'revoke', $id, @place);

# --- services that are refused -----------------------------------------------

my %etag = (
    none => qr/sends no ETag, so that a revocation could be lost/,
    weak => qr/sends a weak ETag/,
    long => qr/sends an ETag that is none/,
    control => qr/sends an ETag that is none|gave no whole answer/,
    bare => qr/sends an ETag that is none/,
    '"a", "b"' => qr/sends an ETag that is none/,
    '"a"b"' => qr/sends an ETag that is none/,
    '"' => qr/sends an ETag that is none/,
    'w/"a"' => qr/sends an ETag that is none/,
    "\"a\"\r\n \"b\"" => qr/sends an ETag that is none/,
    "\"a\"\r\nETag: \"b\"" => qr/sends an ETag that is none/,
    "\r\n b" => qr/sends an ETag that is none/,
    '' => qr/sends an ETag that is none/,
);

for my $etag (sort keys %etag) {
    my $name = 'ETag ' . $etag =~ s/[\r\n]+/\\n/gr;

    $id = published();
    $s->set(etag => $etag);
    my $r = $c->run('revoke', $id, @place);
    ok($r->{exit} == ($r->{err} =~ /no whole/ ? 1 : 4)
       && $r->{err} =~ $etag{$etag}, "$name: not revoked")
        or diag("exit $r->{exit}\n$r->{err}");
    $r = $c->run(same(to('bob')));
    like($r->{exit}, qr/^[14]$/, "$name: no recipient");
    is(scalar(@none = $s->puts), 0, "$name: nothing is put");
    is($s->state($id), 'active', "$name: it is as it was");
    next if $etag eq 'control';

    $c->ok("$name: --unsafe-store revokes", 'revoke', $id, @place,
           '--unsafe-store');
    is($s->state($id), 'revoked', "$name: it is revoked");
    is(($s->puts($id))[0]->header('If-Match'), undef,
       "$name: without If-Match");
}

$id = published();
$s->set(etag => 'none');
refused('no ETag, a new share', qr/sends no ETag/,
        $c->share_args(@place, '--id', 'no-etag'));
is($s->state('no-etag'), 'revoked', 'is taken back');

for my $ignored ('If-Match', 'both') {
    $id = published();
    my @before = $s->ids;
    $s->set(ignore => $ignored);

    refused("$ignored ignored: revoke", qr/ignores If-Match, .*\n.*--unsafe/,
            'revoke', $id, @place);
    is($s->state($id), 'active', "$ignored ignored: it is as it was");
    refused("$ignored ignored: a recipient", qr/ignores If-Match/,
            same(to('bob')));
    refused("$ignored ignored: a new share", qr/ignores If-Match/,
            $c->share_args(@place, '--id', "new-$ignored"));
    is(scalar(@none = $s->puts($id)), 0, "$ignored ignored: nothing is put");
    is_deeply([ $s->ids ], \@before, "$ignored ignored: and nothing left");

    $s->set(no_delete => 1);
    $r = refused("$ignored ignored: no DELETE", qr/ignores If-Match/,
                 'revoke', $id, @place);
    my ($left) = $r->{err} =~ /warning: the record (\S+), .*revoked$/m;
    is($s->state($left), 'revoked', 'what is left is said, and revoked');

    $c->ok('--unsafe-store', 'revoke', $id, @place, '--unsafe-store');
    is($s->state($id), 'revoked', 'revokes all the same');
    $c->refused('--unsafe-store, a recipient', 1, qr/share_revoked/,
                same('--unsafe-store', to('bob')));
    $c->refused('--unsafe-store, the id again', 4, qr/this id already/,
                $c->share_args(@place, '--unsafe-store', '--id', $id));
    is($s->state($id), 'revoked', 'but makes nothing active');
}

$s->set(ignore => 'If-None-Match', no_delete => undef);
refused('If-None-Match ignored: a new share', qr/ignores If-None-Match/,
        $c->share_args(@place, '--id', 'not-new'));
is($s->state('not-new'), 'revoked', 'is taken back');
$c->refused('If-None-Match ignored: a revoked id', 4, qr/this id already/,
            $c->share_args(@place, '--id', 'not-new'));
is($s->state('not-new'), 'revoked', 'stays revoked');
$c->ok('If-None-Match ignored, --unsafe-store',
       $c->share_args(@place, '--id', 'unsafe', '--unsafe-store'));
is($s->state('unsafe'), 'active', 'is published');

# --- services that look into what they get -----------------------------------

$id = published();
$s->set(only => 1);
$c->ok('a service that checks ids: a new share', $c->share_args(@place));
$c->ok('a recipient', same(to('bob')));
$c->ok('revoke', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');

$id = published();
$s->set(only => 1, ignore => 'If-Match');
refused('one that ignores If-Match', qr/as revoked, .*\n.*ignores If-Match/,
        'revoke', $id, @place);
is($s->state($id), 'revoked', 'has revoked');

$id = published();
$s->set(missing => 404);
$c->ok('404 to If-Match where nothing is: a recipient', same(to('bob')));
$c->ok('404: revoke', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');

$id = published();
my @before = $s->ids;
$s->set(missing => 201);
$c->ok('If-Match ignored where nothing is: a recipient', same(to('bob')));
$c->ok('If-Match ignored where nothing is: revoke', 'revoke', $id, @place);
is($s->state($id), 'revoked', 'it is revoked');
is_deeply([ $s->ids ], \@before, 'what it was tried with is gone');

# 412 where nothing is, and each PUT carried out where something is
$id = published();
$s->set(any => 1);
refused('any If-Match fits what is there: revoke',
        qr/as revoked, .*\n.*ignores If-Match/, 'revoke', $id, @place);
is($s->state($id), 'revoked', 'has revoked');
refused('any If-Match fits what is there: a new share',
        qr/revoked again\n.*ignores If-Match/,
        $c->share_args(@place, '--id', 'any'));
is($s->state('any'), 'revoked', 'is taken back');

# --- nginx's own DAV ---------------------------------------------------------

SKIP: {
    my $t = Meshkit::Nginx->new;
    skip 'nginx has no DAV', 8 if !$t->has('--with-http_dav_module');

    $t->config(<<'EOC');
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT_front%%;
        location / {
            root %%DIR%%/dav;
            dav_methods PUT DELETE;
            create_full_put_path on;
        }
    }
}
EOC
    mkdir $t->dir . '/dav';
    chmod 0777, $t->dir . '/dav';
    $t->start;

    my @dav = ('--metadata-url', 'http://127.0.0.1:' . $t->port('front'));
    my $file = $t->dir . '/dav/v1/capsules/';

    refused('DAV: a new share', qr/ignores If-Match/,
            $c->share_args(@dav, '--id', 'dav'));
    is_deeply([ glob "$file*" ], [], 'DAV: leaves nothing');
    $c->ok('DAV: --unsafe-store', $c->share_args(@dav, '--id', 'dav',
                                                 '--unsafe-store'));
    refused('DAV: revoke', qr/ignores If-Match/, 'revoke', 'dav', @dav);
    like(Meshkit::Process::slurp("${file}dav"), qr/"active"/,
         'DAV: it is as it was');
    $c->ok('DAV: --unsafe-store', 'revoke', 'dav', @dav, '--unsafe-store');
    $c->refused('DAV: the id again', 4, qr/this id already/,
                $c->share_args(@dav, '--id', 'dav', '--unsafe-store'));
    like(Meshkit::Process::slurp("${file}dav"), qr/"revoked"/,
         'DAV: it stays revoked');
    $t->stop;
}

$s->stop;
$c->done;
