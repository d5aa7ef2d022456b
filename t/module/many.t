# Many opens, one after the other and at the same time, and files of very many
# small blocks: memory does not creep, and every answer belongs to its request.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Policy;
use Meshkit::Process qw(spawn wait_process);
use Meshkit::Service;

use constant CREEP => Meshkit::Nginx::growth(600);          # kB
use constant GROWTH => Meshkit::Nginx::growth(4096);

my $e = Meshkit::Edge->new(gateways => 2, policy => 'authzen', text => {
    http => 'upstream fast { server 127.0.0.1:%%PORT_fast%%; keepalive 80; }',
    server => join '', (map { <<"EOT" } 1, 2, 64), <<'EOT',
location ~ ^/ahead$_/(?<cap>.*)\$ {
    meshkit_read_ahead $_;
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_fast raw;
    meshkit_gateway /_gw/1 raw;
}
EOT
location /_fast/ {
    internal;
    proxy_pass http://fast/;
}
EOT
});

my $file = $e->share(size => 200_000);
my $bound = $e->share(size => 70_000, policy_id => 'p-1');
my $denied = $e->share(size => 70_000, policy_id => 'p-2');
my $empty = $e->share(size => 0);
my $old = $e->share(size => 10, iat => 1, exp => 2);
# some 1100 leaves of 1 KiB under nodes of 40 links
my $leaves = $e->share(size => 1_100 * 990, leaf => 1024, width => 40,
                       id => 'leaves');
my @blocks = $e->gateway->entries($leaves->{cid});

cmp_ok(scalar @blocks, '>', 1000, 'a file of ' . @blocks . ' blocks');

# A gateway that holds them in memory: the other one looks them up in files.
my %bytes = map { ($_ => Meshkit::Process::slurp(
    $e->dir . "/share/blocks/$_")) } @blocks;
my $fast = Meshkit::Service->run(handler => sub {
    my ($request, $service) = @_;

    my ($cid) = $request->path =~ m{^/ipfs/(\w+)$};
    my $bytes = $bytes{$cid // ''} // return undef;

    return undef if grep { $_ eq $cid } @{ $service->get('missing') // [] };
    substr($bytes, 5, 1) ^= "\1" if $cid eq ($service->get('flip') // '');
    return { type => 'application/vnd.ipld.raw', body => $bytes };
});
$e->nginx->port('fast', $fast->port);

# It keeps what this test asks of it: each of its processes reads the folder.
my @elsewhere = map { $blocks[3 + $_ * int(@blocks / 11)] } 0 .. 9;
my %kept = map { $_ => 1 } @elsewhere, @blocks[-100 .. -1];

$e->gateway->remove_block($_) for grep { !$kept{$_} } keys %bytes;

# Yes to one policy, no to the other.
$e->policy->stop;
my $policy = Meshkit::Policy->run(decide => sub {
    return $_[0]{resource}{properties}{policyId} eq 'p-1';
});
$e->nginx->port('policy', $policy->port);
$e->start;

my $worker = $e->nginx->worker_pid;

# path, share, what comes out
my @mix = (
    [ 'car', $file, '200 ok' ], [ 'raw', $file, '200 ok' ],
    [ 'auto', $bound, '200 ok' ], [ 'raw', $denied, '403 policy_denied' ],
    [ 'car', $empty, '200 ok' ], [ 'raw', $empty, '200 ok' ],
    [ 'car', $old, '410 share_expired' ],
    [ 'raw', { id => 'nobody' }, '404 capsule_not_found' ],
    [ 'car', { id => 'a%20b' }, '400 invalid_request' ],
);


# --- one after the other ----------------------------------------------------

sub opens {
    my ($count) = @_;

    my ($socket, %wrong);

    for my $n (0 .. $count - 1) {
        my ($form, $share, $expected) = @{ $mix[$n % @mix] };
        my $r = $e->get("/$form/$share->{id}", socket => $socket,
                        keepalive => $n % 5 != 4);
        my $outcome = $e->outcome($r, $share);

        $wrong{"$form $share->{id}: $outcome"}++ if $outcome ne $expected;
        $socket = $r->socket;
    }

    return join ', ', map { "$_ ($wrong{$_})" } sort keys %wrong;
}

is(opens(100), '', '100 opens, mixed');
my $before = $e->nginx->worker_rss;
is(opens(200), '', '200 opens more');
cmp_ok($e->nginx->worker_rss - $before, '<', CREEP,
       '200 opens: memory does not creep');

# All on one connection, and aborted ones among them.
{
    my $cid = ($e->gateway->entries($file->{cid}))[2];
    $e->gateway($_)->fault('flip', cid => $cid) for 0, 1;
    $before = $e->nginx->worker_rss;
    my %outcomes;
    $outcomes{"$_ " . $e->outcome($e->get("/$_/$file->{id}"), $file)}++
        for (qw(car raw auto)) x 20;
    is_deeply(\%outcomes, { map { ("$_ 200 cut" => 20) } qw(car raw auto) },
              '60 opens that are aborted') or diag explain \%outcomes;
    cmp_ok($e->nginx->worker_rss - $before, '<', CREEP,
           '60 opens that are aborted: memory does not creep');
    $_->clear_faults for $e->gateway(0), $e->gateway(1);
}


# --- at the same time -------------------------------------------------------

{
    my @pids = map {
        my $n = $_;
        spawn("client $n", sub {
            for my $i (0 .. 11) {
                my ($form, $share, $expected) = @{ $mix[($n + $i) % @mix] };
                my $r = $e->get("/$form/$share->{id}");
                my $outcome = $e->outcome($r, $share);
                die "$form $share->{id}: $outcome\n" if $outcome ne $expected;
            }
        });
    } 1 .. 16;

    my @failed = grep { (wait_process($_, 60) // -1) != 0 } @pids;
    is(scalar @failed, 0, '16 clients at the same time, mixed');
    is($e->nginx->worker_pid, $worker, 'one worker served them');
}

{
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'));
    my %ids = map { ($h->send(path => "/$mix[$_ % @mix][0]/"
                     . $mix[$_ % @mix][1]{id}) => $mix[$_ % @mix]) } 0 .. 99;

    ok($h->receive(20, sub { !grep { !$h->stream($_)->{ended} } keys %ids }),
       '100 streams of one connection end')
        or diag join ' ', map { "$_=" . ($h->stream($_)->{reset} // 'none') }
                grep { !$h->stream($_)->{ended} } sort keys %ids;
    my @wrong = grep { $ids{$_}[2] eq '200 ok'
                       && $h->stream($_)->{data} ne $ids{$_}[1]{plain} }
                keys %ids;
    is(scalar @wrong, 0, '100 streams of one connection: each its own file');
    $h->close;
}


# --- very many blocks -------------------------------------------------------

for my $ahead (1, 2, 64) {
    $fast->clear;
    $e->nginx->reset_hwm;
    $before = $e->nginx->worker_rss;

    my $r = $e->get("/ahead$ahead/$leaves->{id}", timeout => 60);
    my $growth = $e->nginx->worker_rss('VmHWM') - $before;

    is($e->outcome($r, $leaves), '200 ok', "read-ahead of $ahead: whole");

    my %asked;
    $asked{$_->path}++ for $fast->requests;
    is(scalar(grep { $_ > 1 } values %asked), 0,
       "read-ahead of $ahead: no block is asked for twice");
    is(scalar keys %asked, scalar keys %bytes,
       "read-ahead of $ahead: and each once");
    cmp_ok($growth, '<', GROWTH, "read-ahead of $ahead: memory is bounded")
        or diag "$growth kB";
}

# Blocks that fail here and there come from the other gateway.
{
    $fast->set(missing => \@elsewhere);
    $e->clear;
    my $r = $e->get("/ahead64/$leaves->{id}", timeout => 60);
    is($e->outcome($r, $leaves), '200 ok', 'ten blocks are elsewhere');
    is($e->gateway(1)->count, 10, 'and only they are asked for there');
    is($e->log($r)->{gateways_failed}, 1, 'one gateway failed');
    $fast->set(missing => []);

    $fast->set(flip => $blocks[-20]);
    $r = $e->get("/ahead64/$leaves->{id}", timeout => 60);
    is($e->outcome($r, $leaves), '200 ok',
       'a wrong block while many are on their way');
    $fast->set(flip => '');
}

# The same file at the same time, and left in the middle.
{
    my @pids = map {
        my $n = $_;
        spawn("client $n", sub {
            my $r = $e->get((qw(/ahead1/ /ahead2/ /ahead64/))[$n % 3]
                            . $leaves->{id}, timeout => 60,
                            $n > 3 ? (limit => 300_000) : ());
            die $e->outcome($r, $leaves) . "\n"
                if $n <= 3 && $e->outcome($r, $leaves) ne '200 ok';
        });
    } 1 .. 5;

    my @failed = grep { (wait_process($_, 60) // -1) != 0 } @pids;
    is(scalar @failed, 0, 'five at the same time, some of them leave');
}

is(opens(30), '', 'and all is well afterwards');
is($e->nginx->worker_pid, $worker, 'one worker lived through all of it');

$e->done;
done_testing();
