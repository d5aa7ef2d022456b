# A token that came by an environment variable: workers inherit the master's
# environment as memory, but not the token, unless "env" says so.

use strict;
use warnings;

use Test::More;

use Meshkit::Edge;
use Meshkit::Memory;
use Meshkit::Process qw(wait_for);

use constant { USER => 'www-data', WAIT => 20 };

plan skip_all => 'sanitizers keep what was freed' if $ENV{TEST_SANITIZED};
plan skip_all => 'only root reads the memory of a worker' if $> != 0;
plan skip_all => 'there is no user ' . USER if !defined getpwnam USER;

my $token = join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 200;

$ENV{MESHKIT_TEST_TOKEN} = $token;

for my $named (0, 1) {
    my $name = $named ? 'with "env"' : 'without "env"';
    my $e = Meshkit::Edge->new(forms => ['raw'], nginx => { user => USER,
        globals => $named ? 'env MESHKIT_TEST_TOKEN;' : '' });
    my $share = $e->share(size => 1000);

    $e->nginx->secret($token);
    $e->config($e->config_text =~ s{(meshkit_gateway /_gw/0 raw);}
                                   {$1 token_env=MESHKIT_TEST_TOKEN;}r)
      ->start;

    for my $round ('', ', after a reload') {
        my $found;

        $e->nginx->reload if $round ne '';
        $e->opens($share, 'raw', "$name$round: opens");
        is($e->gateway->last_request->header('Authorization'),
           "Bearer $token", "$name$round: with the token");

        wait_for(WAIT, sub {
            $found = grep { !Meshkit::Memory::secure($_) }
                     Meshkit::Memory::find($e->nginx->worker_pid,
                                           token => substr $token, 20, 160);
            return $found == $named;
        });
        is($found, $named, "$name$round: the worker has $named besides the "
                           . 'one in the secure heap');
    }

    $e->done;
}

done_testing();
