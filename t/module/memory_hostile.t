# A hostile gateway sends 2 MiB for a file of 1000 bytes, and keeps back the last
# byte: what it makes opens hold beyond their blocks counts for
# meshkit_max_memory, and ends there.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Process qw(end_process spawn wait_for);

use constant { WAIT => 60, MIB => 1 << 20, OPENS => 40 };

my $listen = IO::Socket::INET->new(Listen => OPENS, LocalAddr => '127.0.0.1')
             or die "listen: $!";
my $port = $listen->sockport;


sub varint {
    my ($n) = @_;
    return $n < 128 ? chr $n : chr(128 | $n & 127) . varint($n >> 7);
}


# A CAR's header, and a section; or a block.
sub response {
    my ($form) = @_;

    my $block = 'x' x (2 * MIB - 4);
    my $head = pack 'H*', 'a265726f6f7473806776657273696f6e01';
    my $body = $form ne 'car' ? $block
               : varint(length $head) . $head . varint(2 * MIB)
                 . pack('H*', '01551220') . $block;
    my $type = $form eq 'car' ? 'car; version=1; order=dfs; dups=y' : 'raw';

    return "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ipld.$type\r\n"
           . 'Content-Length: ' . length($body) . "\r\n\r\n"
           . substr $body, 0, -1;
}


sub hostile {
    my @kept;

    $SIG{PIPE} = 'IGNORE';
    alarm 3 * WAIT;

    while (my $client = $listen->accept) {
        my $head = '';

        while ($head !~ /\r\n\r\n/) {
            sysread($client, $head, 4096, length $head) or last;
        }

        my $bytes = response($head =~ /format=car/ ? 'car' : 'raw');

        while (length $bytes) {
            my $n = syswrite($client, $bytes, 1 << 16) or last;
            substr $bytes, 0, $n, '';
        }

        push @kept, $client;
    }
}


my $e = Meshkit::Edge->new(forms => [qw(raw)], text => {
    http => 'meshkit_max_memory 8m;', server => <<"EOT" });
location = /status { meshkit_status; }
location /_hostile/ {
    internal;
    proxy_pass http://127.0.0.1:$port;
    proxy_buffering off;
}
location ~ ^/hostile/car/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_hostile car;
}
location ~ ^/raw-only/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_hostile raw;
}
EOT

my $share = $e->share(size => 1000);
my $pid = spawn('hostile', \&hostile);

$e->start;

my $worker = $e->nginx->worker_pid;


sub rss {
    my ($rss) = Meshkit::Process::slurp("/proc/$worker/status")
                =~ /^VmRSS:\s+(\d+) kB/m;
    return $rss * 1024;
}


sub held {
    return JSON::PP->new->decode($e->get('/status')->body)->{memory}{held};
}


sub sent {
    my ($path) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $e->nginx->port('front'))
                 or die "connect: $!";

    $socket->autoflush;
    print $socket "GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    return $socket;
}


sub outgrown { return scalar $e->nginx->grep_log(qr/larger than the file lets/) }


for my $path ('hostile/car', 'raw-only') {
    my ($before, $outgrown) = (rss(), outgrown());
    my @clients = map { sent("/$path/$share->{id}") } 1 .. OPENS;

    ok(wait_for(WAIT, sub { outgrown() - $outgrown > OPENS / 2 }),
       "$path: what goes beyond the limit is not read")
        or diag(outgrown() - $outgrown);

    my $held = held();

    cmp_ok($held, '<=', 8 * MIB + OPENS * 64 * 1024, "$path: held");

    SKIP: {
        skip 'sanitizers take memory of their own', 1
            if $ENV{TEST_SANITIZED};
        cmp_ok(rss() - $before, '<=', 16 * MIB, "$path: memory of the worker");
    }

    close $_ for @clients;
    ok(wait_for(WAIT, sub { held() == 0 }), "$path: it is given back");
}

end_process($pid);
$e->opens($share, 'raw', 'others open');

done_testing();
