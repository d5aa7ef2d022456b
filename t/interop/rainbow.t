# rainbow in front of Kubo, without libp2p: RAINBOW_REMOTE_BACKENDS.

use strict;
use warnings;

use Test::More;

use Meshkit::Between;
use Meshkit::Neighbour;

my $between = Meshkit::Between->new;

for my $mode (qw(block car)) {
    $between->exercise($mode, sub {
        my ($t, $url) = @_;

        my $port = $t->port('between');
        my $data = $t->dir . "/rainbow-$mode";
        my $rainbow = Meshkit::Neighbour->new('rainbow', dir => $t->dir,
            env => {
                RAINBOW_REMOTE_BACKENDS => $url,
                RAINBOW_REMOTE_BACKENDS_MODE => $mode,
                RAINBOW_REMOTE_BACKENDS_IPNS => 'false',
                RAINBOW_GATEWAY_LISTEN_ADDRESS => "127.0.0.1:$port",
                RAINBOW_CTL_LISTEN_ADDRESS =>
                    '127.0.0.1:' . $t->port('rainbow_ctl'),
                RAINBOW_DATADIR => $data,
                RAINBOW_LIBP2P => 'false',
                RAINBOW_BITSWAP => 'false',
                RAINBOW_DHT_ROUTING => 'off',
                RAINBOW_AUTOCONF => 'false',
                RAINBOW_BOOTSTRAP => '',
                RAINBOW_HTTP_ROUTERS => '',
                RAINBOW_DNSLINK_RESOLVERS => '. : ',
                RAINBOW_TRUSTLESS_GATEWAY_DOMAINS => '127.0.0.1',
            });

        mkdir $data;
        $rainbow->version(qr/version v([\d.]+)/, '--version');
        return ($rainbow, command => [],
                ready => sub { Meshkit::Http::http_get($port,
                    '/ipfs/bafkqaaa?format=raw')->status });
    });
}

$between->done;
done_testing();
