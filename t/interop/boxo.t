# Boxo's gateway in front of Kubo: a gateway that verifies what it passes on.

use strict;
use warnings;

use Test::More;

use Meshkit::Between;
use Meshkit::Neighbour;

my $between = Meshkit::Between->new;

for my $mode (qw(block car)) {
    $between->exercise($mode, sub {
        my ($t, $url) = @_;

        my $boxo = Meshkit::Neighbour->new('boxo', dir => $t->dir);
        my $port = $t->port('between');

        $boxo->version(qr/^v([\d.]+)$/m, '-version');
        return ($boxo,
                command => [ '-listen', "127.0.0.1:$port", '-backend', $url,
                             '-mode', $mode ],
                ready => sub { Meshkit::Http::http_get($port,
                    '/ipfs/bafkqaaa?format=raw')->status });
    });
}

$between->done;
done_testing();
