# meshkit_max_memory: opens that would take more are refused before they begin,
# those that run are not disturbed, and what they had is given back.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Process qw(wait_for);

use constant { WAIT => 60, MIB => 1 << 20, LIMIT => 16 << 20 };

# more than a problem document, less than a segment
use constant { WINDOW => 50_000 };

my $e = Meshkit::Edge->new(forms => [qw(car raw)], text => {
    http => 'meshkit_max_memory 16m; http2_max_concurrent_streams 1000;',
    open => 'send_timeout 300s;', server => <<'EOT' });
location = /status { meshkit_status; }
location = /metrics { meshkit_status prometheus; }
location ~ ^/ahead/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
    meshkit_read_ahead 64;
}
location ~ ^/whole/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
    meshkit_release whole;
}
location ~ ^/short/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_gw/0 raw;
    send_timeout 2s;
}
EOT

my $large = $e->share(size => 6 * MIB + 1, leaf => 2 * MIB, segment => MIB);
my $long = $e->share(size => 12 * MIB, leaf => MIB, segment => 1 << 16);
my $small = $e->share(size => 70_000);

$e->start;

my $worker = $e->nginx->worker_pid;


sub memory { return JSON::PP->new->decode($e->get('/status')->body)->{memory} }


sub given_back {
    my ($name) = @_;

    my $held;

    ok(wait_for(WAIT, sub { ($held = memory()->{held}) == 0 }),
       "$name: nothing is held any more") or diag("$held bytes");
}


sub ended { my ($h, @ids) = @_; return grep { $h->stream($_)->{ended} } @ids }


is_deeply(memory(), { held => 0, limit => LIMIT, refused => 0 },
          'the status page, before');
like($e->get('/metrics')->body,
     qr/^nginx_meshkit_memory_limit_bytes 16777216$/m, 'for Prometheus, too');

for my $form (qw(car raw)) {
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => WINDOW);
    my $refused = memory()->{refused};
    my @ids = map { $h->send(path => "/$form/$large->{id}") } 1 .. 20;

    ok($h->receive(WAIT, sub { !grep { !$h->stream($_)->{head} } @ids }),
       "$form: all have a header");
    $h->receive(2, sub { 0 });

    my %ended = map { $_ => 1 } ended($h, @ids);
    my @running = grep { !$ended{$_} } @ids;

    cmp_ok(scalar @running, '>=', 3, "$form: some run, " . @running);
    cmp_ok(scalar @running, '<=', 5, "$form: no more than have room");
    is(scalar(grep { $h->stream($_)->{data} =~ /"gateway_overloaded"/ }
              keys %ended), scalar keys %ended, "$form: the others are refused");

    my $r = $e->get("/$form/$large->{id}");

    is($e->outcome($r, $large), '503 gateway_overloaded',
       "$form: one more is refused");
    is_deeply([ $r->headers('Retry-After') ], [5], "$form: for 5 seconds");
    is($e->log($r)->{gateways_failed}, 0, "$form: no gateway failed");
    like(join("\n", $e->nginx->grep_log(qr/refused: gateway_overloaded/)),
         qr/gateway_overloaded, meshkit_max_memory is reached/,
         "$form: the log says why");

    my $memory = memory();

    cmp_ok($memory->{held}, '<=', LIMIT + 5 * 64 * 1024,
           "$form: no more is held, but for nginx's buffers");
    is($memory->{refused} - $refused, keys(%ended) + 1,
       "$form: and those are counted");

    $h->window($_, 1 << 30) for @running;
    ok($h->receive(WAIT, sub { @running == ended($h, @running) }),
       "$form: those that run come to their end");
    is(scalar(grep { sha256_hex($h->stream($_)->{data}) ne $large->{sha256} }
              @running), 0, "$form: byte for byte");

    given_back($form);
    $e->opens($large, $form, "$form: and others open");
    $h->close;
}

# what is read ahead takes nobody's place
{
    my @held;
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 1 << 30);
    my @ids = map { $h->send(path => "/ahead/$long->{id}") } 1 .. 4;

    $h->receive(WAIT, sub {
        push @held, memory()->{held} if @held < 200;
        return @ids == ended($h, @ids);
    });
    is(scalar(grep { sha256_hex($h->stream($_)->{data}) eq $long->{sha256} }
              @ids), 4, 'four clients that read, 64 blocks ahead: all come');
    is(scalar(grep { $_ > LIMIT } @held), 0, 'and no more was held');
    given_back('read-ahead');
    $h->close;
}

# who waits for a service holds memory as well
{
    $e->metadata->mode('stall', at => 0, seconds => 30);

    my @h = map { Meshkit::Http2->connect($e->nginx->port('h2')) } 1 .. 2;
    my @ids = map { my $h = $_;
                    map { [ $h, $h->send(path => "/car/$small->{id}") ] }
                    1 .. 100 } @h;
    my $refused = sub { scalar grep { $_->[0]->stream($_->[1])->{ended} } @ids };

    for my $h (@h) {
        $h->receive(5, sub { $refused->() >= 72 });
    }

    # 128 KiB each, and nginx's buffers for the response
    cmp_ok($refused->(), '>=', 200 - LIMIT / (128 * 1024),
           'of 200 that wait for their record, those beyond 16m are refused');
    cmp_ok($refused->(), '<=', 100, 'and others are not');
    $_->close for @h;
    $e->heal;
    given_back('clients that went while a service was asked');
}

# opens that are made and reset, over and over
for my $form (qw(car raw whole)) {
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
    my $rss = rss();

    for my $n (1 .. 1000) {
        my $id = $h->send(path => "/$form/$large->{id}");

        $h->reset($id);
        $h->receive(0.05, sub { 0 }) if $n % 50 == 0;
        if ($h->{eof} || defined $h->goaway) {

            # nginx itself ends a connection that does nothing else
            $h->close;
            $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
        }
    }

    $h->close;
    given_back("$form: 1000 resets");

    SKIP: {
        skip 'sanitizers keep what was freed', 1 if $ENV{TEST_SANITIZED};
        ok(wait_for(WAIT, sub { rss() - $rss < 12 * 1024 }),
           "$form: 1000 resets: the memory is given back")
            or diag(rss() - $rss, ' KiB more');
    }
}

# a client that takes nothing for send_timeout is ended
{
    my $h = Meshkit::Http2->connect($e->nginx->port('h2'), window => 0);
    my $id = $h->send(path => "/short/$large->{id}");

    ok($h->receive(WAIT, sub { defined $h->stream($id)->{reset} }),
       'send_timeout ends a stream that is not read');
    given_back('send_timeout');
    $h->close;
}

$e->opens($small, $_, "$_: in the end") for qw(car raw);


sub rss {
    my ($rss) = Meshkit::Process::slurp("/proc/$worker/status")
                =~ /^VmRSS:\s+(\d+) kB/m;
    return $rss;
}


$e->done;
done_testing();
