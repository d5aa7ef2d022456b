# The denylist: what each kind of line refuses and when, that a change is
# picked up by every worker without a reload, and that a list that cannot be
# used closes everything.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Token qw(jwks);
use Time::HiRes qw(time);

use constant WORKERS => 3;

# Behind this many opens in a row most workers had one.
use constant ROUND => 12;

# A file that is younger than that is not at rest, by this test's own clock.
use constant YOUNG => 0.8;

# The tenant has a list that no other location has.
my $e = Meshkit::Edge->new(
    nginx => { workers => WORKERS, allow => [ qr/\[emerg\] .*denylist/ ] },
    text => {
        http => 'meshkit_denylist %%DIR%%/lists/all; '
                . 'meshkit_audit_log %%DIR%%/logs/audit;',
        open => 'meshkit_as $as; '
                . 'meshkit_capability_issuers %%DIR%%/keys/issuers.jwks;',
        server => <<'EOC',
set $as alice;
if ($arg_as) { set $as $arg_as; }
location = /status { meshkit_status; }
location = /metrics { meshkit_status prometheus; }
location ~ ^/tenant/(?<cap>.*)$ {
    meshkit_denylist %%DIR%%/lists/tenant;
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0;
}
EOC
    });

my $t = $e->nginx;
my $all = $e->dir . '/lists/all';
my $lists = 0;


# Replaces a list as one should: written whole, then renamed.  The time of
# what is written lies back, so nothing has to be waited for.
sub list {
    my ($text, $name) = @_;

    $name //= 'all';
    my $file = $t->write("lists/$name.new", $text, 0644);
    my $then = 1_000_000 + $lists++;
    utime $then, $then, $file or die "$file: $!";
    rename $file, $e->dir . "/lists/$name" or die "$name: $!";
}


sub code_of {
    my ($path, %opt) = @_;

    my $r = $e->get($path, %opt);

    return $r->status . ' ' . $e->code($r);
}


# What each worker says: one, if all agree.
sub codes {
    my ($path) = @_;

    my %seen;

    $seen{ code_of($path) }++ for 1 .. ROUND;
    return join ', ', sort keys %seen;
}


# An entry counts at once, an old one until the file is at rest.
sub becomes {
    my ($path, $code, $name) = @_;

    ok(wait_for(20, sub { codes($path) eq $code }), $name)
        or diag(codes($path));
}


# Since then every worker wrote a line of this kind.
sub all_said {
    my ($from, $pattern) = @_;

    return wait_for(20, sub {
        my %pids = map { /\[(?:notice|error)\] (\d+)#/ ? ($1 => 1) : () }
                   grep { /$pattern/ }
                   split /\n/, substr $t->error_log, $from;
        return WORKERS == keys %pids;
    });
}


# An entry, in a list that every worker knows: its length tells it from others.
sub list_known {
    my ($entry) = @_;

    my $from = length $t->error_log;
    my $entries = 100 + ++$lists;

    list(join '', $entry, map { "jti\tknown-$_\n" } 2 .. $entries);
    all_said($from, qr/denylist "$all" has $entries entries/)
        or die 'a worker does not look';
}


# What the code gives, once it was through before any file could have come to
# rest; it is run again if the machine was too slow for that.
sub while_young {
    my ($code) = @_;

    for (1 .. 20) {
        my $start = time;
        my $result = $code->(\$start);

        return $result if time - $start < YOUNG;
    }

    return 'never fast enough';
}


sub called {
    return join ' ', map { $_->count } $e->metadata, $e->policy, $e->gateway;
}


list('');
list('', 'tenant');

my $share = $e->share(size => 200_000);
my $other = $e->share(size => 200_000);
my $old = $e->share(size => 10, iat => 1, exp => 2, revoked => undef);
my $bound = $e->share(size => 1000, capability_issuer => 'ines');
my $ines = Meshkit::Token->issuer('ines');
my @tokens = map { $ines->mint(claims => {
    iss => 'ines', sub => 'alice', exp => 4_000_000_000, jti => $_,
    cap => { capsule => $bound->{id}, actions => ['open'] } }) } qw(j-1 j-2);

$t->write('keys/issuers.jwks', jwks($ines));
$t->secret(@tokens);
$e->metadata->capability($_, 'active') for qw(j-1 j-2);
$e->start;

my $entry = "capsule\t$share->{id}\tx\n";
my $path = "/car/$share->{id}";
my $beside = "/car/$other->{id}";
my $denied = '410 share_revoked';

is(codes($path), '200 ', 'an empty list denies nothing');


# --- what is denied, and before what ----------------------------------------

for my $row ([ capsule => $share->{id}, '0 0 0', '200 ' ],
             [ identity => 'alice', '0 0 0', $denied ],
             [ cid => $share->{cid}, '1 0 0', '200 ' ],
             [ owner => 'owner', '1 0 0', $denied ])
{
    my ($kind, $value, $called, $others) = @$row;

    list("$kind\t$value\tbecause\n");
    $e->clear;
    my $r = $e->get($path);

    is($r->status . ' ' . $e->code($r), $denied, "$kind: is refused");
    is(called(), $called, "$kind: nobody behind it is asked");
    is($e->log($r)->{outcome}, 'share_revoked', "$kind: as the log says");
    unlike($r->body, qr/because|denylist/, "$kind: not why");
    is(codes($path), $denied, "$kind: by every worker");
    is(code_of($beside), $others, "$kind: another share");
    is(code_of("/tenant/$share->{id}"), '200 ', "$kind: another list");
    is(code_of('/car/a%20b'), '400 invalid_request',
       "$kind: a malformed id is one");
}

{
    list("cid\t$share->{cid}\tx\n");
    my ($line) = $t->grep_log(qr/the denylist names the CID/);
    like($line // '', qr/capsule "$share->{id}" refused: share_revoked/,
         'the reason stands in the error log');
}

# The audit log tells a refusal before the record from one behind it.
for my $row ([ capsule => $share->{id}, 0 ], [ cid => $share->{cid}, 1 ]) {
    my ($kind, $value, $is_signed) = @$row;

    list("$kind\t$value\tx\n");
    my $r = $e->get($path);
    my $id = $e->problem($r)->{requestId};
    my ($line) = grep { index($_, $id) >= 0 } split /\n/,
                 $t->read('logs/audit');
    my $said = JSON::PP->new->utf8->decode($line // '{}');

    is($said->{'meshkit.checks'}{denylist}, 'fail', "$kind: in the audit log");
    is($said->{'event.reason'}, 'share_revoked', "$kind: as revoked");
    is($said->{'meshkit.cid'}, $is_signed ? $share->{cid} : undef,
       "$kind: what was not looked at is not there");
    list('');
    $r = $e->get($path);
    ok(wait_for(20, sub {
        $t->read('logs/audit') =~ /"denylist":"pass","record":"pass"/
    }), "$kind: an open passes it");
}

# A token, as soon as it is known to be one.
{
    my @given = map { [ 'X-Meshkit-Capability' => $_ ] } @tokens;
    my $path = "/car/$bound->{id}";

    is(code_of($path, headers => $given[0]), '200 ', 'a token opens');
    list("jti\tj-1\tx\n");
    $e->clear;
    my $r = $e->get($path, headers => $given[0]);
    is($r->status . ' ' . $e->code($r), '403 capability_denied',
       'jti: the token is refused');
    is(join(' ', map { $_->uri } $e->metadata->requests),
       "/v1/capsules/$bound->{id}", 'jti: its state is not asked for');
    is($e->gateway->count, 0, 'jti: nor anybody behind it');
    like(($t->grep_log(qr/capability_denied/))[-1],
         qr/the denylist names the token/, 'jti: the log says why');
    is(code_of($path, headers => $given[1]), '200 ', 'jti: another token');
    is(code_of($path), '401 capability_required', 'jti: no token');
}

for my $row ([ 'the id' => 'jti', $share->{id} ],
             [ 'a recipient' => 'owner', 'alice' ],
             [ 'an owner' => 'identity', 'owner' ],
             [ 'an id as a CID' => 'capsule', $share->{cid} ])
{
    my ($name, $kind, $value) = @$row;

    list("$kind\t$value\tx\n");
    is(codes($path), '200 ', "$name: another kind is another thing");
}

{
    list("identity\tbob\tx\n");
    is(code_of("$path?as=bob"), $denied, 'an identity without a key here');
    is(code_of("$path?as=carol"), '403 identity_not_found', 'and another');
    is(code_of($path), '200 ', 'alice is not bob');
}

# The denylist comes before the times and the record's state.
{
    list("cid\t$old->{cid}\tx\n");
    my $r = $e->get("/car/$old->{id}");
    is($e->log($r)->{outcome}, 'share_revoked', 'denied comes before expired');
    list('');
    is(code_of("/car/$old->{id}"), '410 share_expired', 'which it is, too');
}

# CIDs are compared in binary.
{
    my $upper = 'B' . uc substr $share->{cid}, 1;

    list("cid\t$upper\tx\n");
    is(codes($path), $denied, 'a CID in another multibase');
}


# --- every way to ask -------------------------------------------------------

{
    my $r = $e->get($path);
    list('');
    $r = $e->get($path);
    my $etag = $r->header('ETag');
    ok($etag, 'a tag, from before');

    for my $row ([ capsule => $share->{id} ], [ cid => $share->{cid} ]) {
        my ($kind, $value) = @$row;

        list("$kind\t$value\tx\n");
        is($e->get($path, method => 'HEAD')->status, 410, "$kind: HEAD");
        is(code_of($path, headers => [ Range => 'bytes=0-9' ]), $denied,
           "$kind: a range");
        is(code_of($path, headers => [ 'If-None-Match' => $etag ]), $denied,
           "$kind: a client that has the file");
        is(code_of("/raw/$share->{id}"), $denied, "$kind: raw blocks");
        is($e->curl($path, h2 => 1)->status, 410, "$kind: HTTP/2");
    }
}

# What is open stays open to its end.
{
    list('');
    my $large = $e->share(size => 6_000_000);
    my $body = '';
    my $r = $e->get("/car/$large->{id}", rcvbuf => 4096, timeout => 60,
                    sink => sub {
        list("capsule\t$large->{id}\tx\n") if $body eq '';
        $body .= $_[0];
    });

    ok($r->complete && $body eq $large->{plain},
       'a file that is open comes whole');
    is(code_of("/car/$large->{id}"), $denied, 'and not once more');
}


# --- tenants ----------------------------------------------------------------

{
    list("capsule\t$share->{id}\tx\n", 'tenant');
    list('');
    is(codes("/tenant/$share->{id}"), $denied, 'a list of its own');
    is(codes($path), '200 ', 'is nobody else\'s');
    list('', 'tenant');
    is(codes("/tenant/$share->{id}"), '200 ', 'and empty again');
}


# --- how it is changed ------------------------------------------------------

sub write_in_place {
    my ($text, $mode) = @_;

    open my $file, $mode // '>', $all or die "$all: $!";
    print $file $text;
    close $file or die "$all: $!";
}

{
    write_in_place($entry, '>>');
    is(codes($path), $denied, 'a line that is added in place, at once');
    write_in_place("# nothing\n");
    becomes($path, '200 ', 'written anew in place: gone, a second later');
}

# Of the same size, over and over: the resolution of times does not matter.
{
    my $other_entry = "capsule\t$other->{id}\tx\n";
    is(length $other_entry, length $entry, 'two lists of one size');

    for my $round (1 .. 3) {
        write_in_place($entry);
        is(codes($path), $denied, "in place, round $round: at once");
        write_in_place($other_entry);
        is(codes($beside), $denied, "in place, round $round: the other");
        becomes($path, '200 ', "in place, round $round: the first is gone");
        is(codes($beside), $denied, "in place, round $round: and it stays");
    }
}

# A file that is emptied before it is written lets nothing through meanwhile.
{
    my $codes = while_young(sub {
        my ($start) = @_;
        my %codes;

        list_known($entry);
        $$start = time;

        for (1 .. 5) {
            write_in_place('');
            $codes{ code_of($path) }++;
            write_in_place($entry);
            $codes{ code_of($path) }++;
        }

        return join ', ', sort keys %codes;
    });

    is($codes, $denied, 'a list that is emptied and written anew');
    write_in_place('');
    becomes($path, '200 ', 'and one that stays empty');
}

# A time that is kept (cp -p, rsync -t), or lies ahead.
{
    list('');
    is(codes($path), '200 ', 'empty');
    my ($then) = (stat $all)[9];

    write_in_place($entry);
    utime $then, $then, $all;
    is(codes($path), $denied, 'with the time of the old one');

    write_in_place("#\n");
    utime time + 100_000, time + 100_000, $all;
    becomes($path, '200 ', 'with a time that lies ahead');
}

# A symbolic link that is switched, and a file behind it that changes.
{
    for my $name (qw(one two)) {
        my $file = $t->write("lists/$name", $name eq 'one' ? $entry : '',
                             0644);
        utime 1_000_000, 1_000_000, $file;
    }

    for my $name (qw(one two one)) {
        unlink "$all.link";
        symlink $name, "$all.link" or die;
        rename "$all.link", $all or die;
        is(codes($path), $name eq 'one' ? $denied : '200 ',
           "a link that is switched to $name");
    }

    list('', 'one');
    is(codes($path), '200 ', 'and what it leads to is replaced');
}


# --- a list that cannot be used ---------------------------------------------

my $closed = '500 internal_error';

sub is_closed {
    my ($name) = @_;

    $e->clear;
    is(codes($path), $closed, "$name: everything is refused");
    is(called(), '0 0 0', "$name: nobody is asked");
    is(code_of("/tenant/$share->{id}"), '200 ',
       "$name: another list is another's");
}

{
    my $from = length $t->error_log;

    unlink $all;
    is_closed('no file');
    ok(all_said($from, qr/"$all" cannot be used/),
       'no file: every worker says so');
    is_closed('no file, again');

    my @said = grep { /the denylist "$all" cannot be used/ }
               split /\n/, substr $t->error_log, $from;

    is(scalar @said, WORKERS, 'no file: each of them once');
    like($said[0], qr/\[error\] .*\(2: No such file or directory\)/,
         'no file: with its cause');
    unlike($said[0], qr/request:/, 'no file: and without a request');

    list($entry);
    is(codes($path), $denied, 'no file: is there again');
}

{
    unlink $all;
    mkdir $all or die;
    is_closed('a directory');
    rmdir $all;
    list('');
    is(codes($path), '200 ', 'a directory: a file again');

    unlink $all;
    system('mkfifo', $all) == 0 or die;
    is_closed('a FIFO');
    unlink $all;
    symlink 'all', $all or die;
    is_closed('a link to itself');
    unlink $all;
    symlink '/dev/null', $all or die;
    is_closed('a device');
    unlink $all;

    open my $file, '>', $all or die;
    truncate $file, 33_554_433 or die;
    close $file;
    is_closed('a file that is too large');

    list("\n" x 262_145);
    is_closed('a file of too many lines');
    list("\xff\xfej\0t\0i\0");
    is_closed('a file in UTF-16');
    list("\n" x 262_144);
    is(codes($path), '200 ', 'as many lines as may be');
    list('');
}

# The last list counts until the one behind a gap is at rest.
{
    my $codes = while_young(sub {
        my ($start) = @_;
        my @codes;

        list_known($entry);
        unlink $all;
        push @codes, codes($path);
        $$start = time;
        write_in_place('');
        push @codes, codes($path);

        return join ', ', @codes;
    });

    is($codes, "$closed, $denied", 'a gap closes, and nothing is forgotten');
    becomes($path, '200 ', 'until the new list is at rest');
}


# --- lines that cannot be read ----------------------------------------------

{
    my $secret = 'do-not-log-this';
    my $from = length $t->error_log;

    list("# list\ncapsule $share->{id} x\n${entry}vault\t$secret\tx\n");
    is(codes($path), $denied, 'a bad line: the others hold');

    my $said = substr $t->error_log, $from;
    like($said, qr/\[error\] .*line 2 of the denylist "$all" denies nothing: it/,
         'it is named by its number');
    like($said, qr/line 4 of the denylist .*: its kind is not/,
         'and so is another one');
    unlike($said, qr/$secret/, 'not by what stands in it');

    ok(all_said($from, qr/line 2 of the denylist/), 'every worker reads it');
    my @named = substr($t->error_log, $from) =~ /line 2 of the denylist/g;
    is(scalar @named, WORKERS, 'each names it once');

    $from = length $t->error_log;
    list("x\n" x 20 . $entry);
    is(codes($path), $denied, 'many bad lines: the others hold');
    $said = substr $t->error_log, $from;
    like($said, qr/line 8 of the denylist/, 'the first are named');
    unlike($said, qr/line 9 of the denylist/, 'and only those');
    like($said, qr/12 further lines of the denylist "$all" deny nothing/,
         'the others are counted');
    list('');
}


# --- the configuration ------------------------------------------------------

{
    list($entry);
    ok($t->reload, 'a reload');
    ok(wait_for(20, sub { WORKERS == $t->worker_pids }), 'new workers');
    is(codes($path), $denied, 'have the list from the beginning');

    unlink $all;
    is($t->reload, 0, 'a reload without the file is refused');
    is(codes($path), $closed, 'and the old workers stay closed');

    my ($code, $said) = $t->test_config;
    is($code, 1, 'nginx -t refuses it');
    like($said, qr/\[emerg\] .*"$all" cannot be used: it is not.* in \S+:\d+/,
         'and says which, why and where');

    list('');
    is(codes($path), '200 ', 'until it is there again');
}

# A list of the master's is none of a worker that cannot read it.
SKIP: {
    skip 'needs root, to be another user', 12 if $> != 0;

    my ($nobody, $group) = (getpwnam 'nobody')[2, 3];
    skip 'there is no user nobody', 12 if !defined $nobody;

    my $second = Meshkit::Edge->new(
        nginx => { user => 'nobody ' . getgrgid $group,
                   log_level => 'error' },
        text => { http => 'meshkit_denylist %%DIR%%/list;' });
    my $n = $second->nginx;
    my $file = $second->share(size => 1000);
    my $path = $n->write('list', '', 0600);

    chmod 0755, $second->dir;
    $second->start;

    my ($code, $said) = $n->test_config;
    is($code, 0, 'a list for root only: nginx -t warns');
    like($said, qr/\[warn\]\ .*"$path"\ cannot\ be\ read\ by\ the\ workers'
                   \ user\ "nobody",.*,\ set\ its\ mode\ to\ 0644$/mx,
         'of the user, also where the error log is at "error"');
    is($second->outcome($second->get("/car/$file->{id}"), $file),
       '500 internal_error', 'its workers are closed');
    like(($n->grep_log(qr/"$path" cannot be used/))[0] // '',
         qr/\(13: Permission denied\)/, 'and say why');

    chmod 0644, $path;
    is($second->outcome($second->get("/car/$file->{id}"), $file), '200 ok',
       'until they may read it');

    chmod 0, $path;
    is($second->outcome($second->get("/car/$file->{id}"), $file),
       '500 internal_error', 'or no longer');

    chmod 0640, $path;
    chown 0, $group, $path;
    ($code, $said) = $n->test_config;
    unlike($said, qr/cannot be read/, 'their group may: no warning');
    is($second->outcome($second->get("/car/$file->{id}"), $file), '200 ok',
       'and it is read');

    # the folder above says no, and the file itself shows nothing of it
    chmod 0700, $second->dir;
    is($second->outcome($second->get("/car/$file->{id}"), $file),
       '500 internal_error', 'a folder that is closed');
    ($code, $said) = $n->test_config;
    is($code, 0, 'nginx -t warns of it');
    like($said, qr/\[warn\] .*"$path" cannot.*, let that user enter its folder$/m,
         'and says what to do');
    chmod 0755, $second->dir;
    is($second->outcome($second->get("/car/$file->{id}"), $file), '200 ok',
       'and open again');
    $second->done;
}


# --- without an open --------------------------------------------------------

# A change is reported where nobody opens anything.
{
    my $from = length $t->error_log;

    $e->clear;
    list("nonsense\n");
    ok(all_said($from, qr/line 1 of the denylist/),
       'a change is noticed by every worker');
    my @named = substr($t->error_log, $from) =~ /line 1 of the denylist/g;
    is(scalar @named, WORKERS, 'and so is a bad line in it');
    is(called(), '0 0 0', 'without any open');
}


# --- the status page --------------------------------------------------------

{
    # what a worker says that knows the list
    my $status = sub {
        my ($found) = grep { $_->{file} eq $all } @{
            JSON::PP->new->utf8->decode($e->get('/status')->body)
                ->{denylists} };
        return join ' ', map { $found->{$_} }
               qw(usable entries unreadableLines);
    };
    my $metrics = sub {
        return join ' ', $e->get('/metrics')->body
            =~ /^nginx_meshkit_denylist_(\w+\{file="\Q$all\E"\} \d+)$/mg;
    };
    my $from = time - 2;

    list("${entry}jti\tj\nnonsense\n");
    ok(wait_for(20, sub { $status->() eq '1 2 1' }), 'the status page knows it');
    ok(wait_for(20, sub {
        return $metrics->() =~ /^usable\S+\ 1\ loaded_\S+\ (\d+)
                                \ entries\S+\ 2\ unreadable\S+\ 1$/x
               && $1 > $from;
    }), 'and Prometheus is told');
    unlink $all;
    ok(wait_for(20, sub { $metrics->() =~ /^usable\S+ 0 / }),
       'or as one that closes');
    like($e->get('/metrics')->body, qr/_denylist_usable\{file=".*tenant"\} 1/,
         'beside another one');
    list('');
}


# --- no growth --------------------------------------------------------------

# In one worker: what it keeps of many lists is what it keeps of one.
{
    my $single = Meshkit::Edge->new(text => {
        http => 'meshkit_denylist %%DIR%%/lists/all;' });
    my $n = $single->nginx;
    my $file = $single->share(size => 1000);
    my $lines = join '', map { "jti\ttoken-$_\treason\n" } 1 .. 5000;
    my $path = $n->write('lists/all', $lines, 0644);
    my $change = sub {
        my $new = $n->write('lists/new', "$lines# $_[0]\n", 0644);
        rename $new, $path or die;
        $single->get("/car/$file->{id}");
    };

    $single->start;
    $change->($_) for 1 .. 100;

    my ($rss, $held) = ($n->worker_rss, $single->held);
    my $worker = $n->worker_pid;

    $change->($_) for 101 .. 1100;

    $single->opens($file, 'car', 'a thousand lists');
    is($n->worker_pid, $worker, 'and the same worker');
    cmp_ok($n->worker_rss - $rss, '<', Meshkit::Nginx::growth(2000),
           'they do not pile up');
    ok(wait_for(20, sub { $single->held <= $held }), 'nor do their files');
    $single->done;
}

$e->done;
done_testing();
