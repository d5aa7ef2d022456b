# nginx's cache on a gateway location: what comes from it is verified like
# everything else, and what was bad does not stay in the way.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;

my $e = Meshkit::Edge->new(gateways => 2, alone => 1, text => {
    http => <<'EOT',
proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;
proxy_cache_key $uri$is_args$args;
EOT
    gateway => <<'EOT',
proxy_buffering on;
proxy_cache blocks;
proxy_cache_valid any 1h;
proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Redirect
    X-Accel-Expires X-Accel-Buffering X-Accel-Limit-Rate X-Accel-Charset;
proxy_read_timeout 1s;
EOT
    # not the configuration that the documents name: failures are kept too
});

my $n = 0;
my $share;


# A fresh file for each case: nothing of it is in the cache.
sub fresh {
    $share = $e->share(size => 300_000, id => 'case-' . ++$n, record => 1);
    $e->clear;
    return $share;
}


# All the shares of this test are made before the start.
my @shares = map { fresh() } 1 .. 20;

$e->start;

sub next_share {
    $share = shift @shares;
    $e->clear;
    $e->heal;
    return $share;
}


sub is_ok {
    my ($path, $name, $count) = @_;

    my $r = $e->get($path . $share->{id}, timeout => 30);
    is($e->outcome($r, $share), '200 ok', $name);
    is($e->gateway->count + $e->gateway(1)->count, $count,
       "$name: $count requests to the gateways so far") if defined $count;
    return $r;
}


# --- what is good is kept ---------------------------------------------------

for my $form (qw(car raw)) {
    next_share();
    my $blocks = () = $e->gateway->entries($share->{cid});
    my $asked = $form eq 'car' ? 1 : $blocks;

    is_ok("/$form/", "first open, $form", $asked);
    is_ok("/$form/", "second open, $form", $asked);

    my $r = $e->curl("/$form/$share->{id}", h2 => 1);
    is($e->outcome($r, $share), '200 ok', "HTTP/2 from the cache, $form");
    $r = $e->get("/$form/$share->{id}", rate => 2_000_000, rcvbuf => 4096);
    is($e->outcome($r, $share), '200 ok',
       "a slow client from the cache, $form");

    # the cache's file, damaged on disk: the next gateway helps
    my ($file) = sort { -s $b <=> -s $a }
                 grep { -f && Meshkit::Process::slurp($_)
                        =~ /\Q$share->{cid}\E/ }
                 glob $e->dir . '/temp/cache/*';
    ok(defined $file, "it is in the cache, $form");
    open my $out, '+<:raw', $file or die;
    seek $out, -20, 2;
    print $out 'damaged!';
    close $out;
    $e->clear;
    is_ok("/$form/", "a damaged file in the cache, $form");
    cmp_ok($e->gateway->count + $e->gateway(1)->count, '>', 0,
           "a damaged file in the cache, $form: a gateway is asked");
    is_ok("/$form/", "a damaged file in the cache, $form, again");
}


# --- what is bad is not in the way ------------------------------------------

my @faults = (
    [ 'wrong bytes', 'flip', {} ],
    [ 'an answer cut short', 'truncate', { into => 30,
                                           framing => 'length' } ],
    [ 'chunks cut short', 'truncate_chunked', { into => 30 } ],
    [ 'a reset', 'reset', { into => 30 } ],
    [ 'silence', 'stall', { into => 30, seconds => 20 } ],
);

for my $form (qw(car raw)) {
    for my $row (@faults) {
        my ($name, $fault, $args) = @$row;

        next_share();
        my @blocks = $e->gateway->entries($share->{cid});
        $e->gateway->fault($fault, %$args, cid => $blocks[2]);

        my $what = "$name, $form";
        is_ok("/$form/", "$what: another gateway helps");
        is_ok("/$form/", "$what: and does again");
        $e->heal;
        is_ok("/$form/", "$what: healed, both gateways");

        # one gateway alone: what was cut short was not kept as whole
        next if $fault eq 'flip';
        is_ok("/one/$form/", "$what: healed, the first alone");
    }
}

# A truncated answer that its framing calls whole.
{
    next_share();
    my @blocks = $e->gateway->entries($share->{cid});
    $e->gateway->fault('missing', cid => $blocks[2], format => 'car');
    is_ok('/car/', 'a CAR with a clean end: the rest is asked for');
    is_ok('/auto/', 'a CAR with a clean end, auto');
    $e->heal;
}

# An open that ends early: what was not read to its end is not kept as whole.
{
    next_share();
    $e->get("/car/$share->{id}", limit => 70_000, rcvbuf => 4096);
    is_ok('/car/', 'after a client that left');
    is_ok('/one/car/', 'after a client that left, the first gateway alone');
}

# HEAD does not fill it, refusals do not.
{
    next_share();
    $e->get("/car/$share->{id}", method => 'HEAD');
    is($e->gateway->count, 0, 'HEAD asks no gateway');
    is_ok('/car/', 'and the open behind it is whole', 1);
}

# Two at the same time.
{
    next_share();
    my @sockets = map {
        my $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $e->nginx->port('front'));
        print $socket "GET /car/$share->{id} HTTP/1.0\r\n\r\n";
        $socket->flush;
        $socket;
    } 1 .. 8;
    my $good = grep {
        local $/;
        (<$_> // '') =~ /\r\n\r\n\Q$share->{plain}\E\z/;
    } @sockets;
    is($good, 8, 'eight at the same time');
}

$e->done;
done_testing();
