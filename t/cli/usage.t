# What meshkitctl help prints is what docs/meshkitctl.md explains.

use strict;
use warnings;

use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new;

my $help = $c->ok('help', 'help')->{out};
my @commands = $help =~ /^  ([a-z]+) +\S/mg;
my $text = Meshkit::Process::slurp('docs/meshkitctl.md');

# A chapter for each command: "## name", up to the next one.
my %chapter = map { /\A(\S+)\n(.*)\z/s } split /^## `?meshkitctl /m, $text;
s/`//g for values %chapter;


sub words { return [ sort keys %{ { map { $_ => 1 } @_ } } ] }


is_deeply([ @commands[0 .. 5] ],
          [qw(keygen seal share revoke inspect open)], 'the commands');

my ($exits) = $help =~ /^exit codes:\n((?:  \d.*\n)+)/m;

for my $command (grep { $_ ne 'help' } @commands) {
    my $usage = $c->ok("$command: help", 'help', $command)->{out};
    my ($chapter) = grep { defined } map { $chapter{$_} }
                    grep { s/\W//gr eq $command } keys %chapter;

    is($c->run($command, '--help')->{out}, $usage, "$command: --help, too");
    like($usage, qr/^example:\n  \$ meshkitctl $command/m,
         "$command: an example");
    like($usage, qr/\Q$exits\E/, "$command: exit codes");
    unlike($usage, qr/^.{81}/m, "$command: no line is too long");
    is_deeply(words($usage =~ /^  --([a-z][a-z-]*)/mg),
              words(($chapter // '') =~ /^\| *--([a-z][a-z-]*)/mg),
              "$command: each option is in its chapter, and no other");

    $c->refused("$command: an unknown option", 2,
                qr/option --no-such is not known.*help $command$/s, $command,
                '--no-such=s3cret');
    $c->refused("$command: an option without its value", 2,
                qr/needs a value/, $command,
                $command eq 'inspect' ? '--owners'
                : $command eq 'keygen' ? '--out'
                : $command eq 'audit' ? '--capsule' : '--token-file')
}

for my $line ($exits =~ /^  (.+)$/mg) {
    my ($code, $meaning) = split ' ', $line, 2;
    like($text, qr/^\| $code \| \Q$meaning\E/m, "exit code $code is explained");
}

$c->refused('no command', 2, qr/a command is missing/);
$c->refused('an unknown command', 2, qr/no command of that name/, 'frob');
$c->refused('help of an unknown command', 2, qr/no command/, 'help', 'frob');
$c->refused('an operand that is missing', 2, qr/inspect takes one FILE/,
            'inspect');
$c->refused('one too many', 2, qr/inspect takes one FILE/, 'inspect', 'a',
            'b');
$c->refused('an operand where there is none', 2, qr/keygen takes options/,
            'keygen', 'a', '--type', 'p256', '--identity', 'a', '--out',
            'b');
$c->refused('a letter', 2, qr/option -x is not known/, 'keygen', '-xy');
$c->refused('an option given twice', 2, qr/--type is given twice/, 'keygen',
            '--type', 'p256', '--type', 'p256');
$c->refused('an option that is missing', 2, qr/--identity is missing/,
            'keygen', '--type', 'p256');
like($c->ok('version', '--version')->{out}, qr/^meshkitctl \d+\.\d+\.\d+$/,
     'a version');
unlike($c->{seen}, qr/s3cret/, 'a value is not repeated');

my $full = $c->{binary} . ' help > /dev/full';
isnt(system('sh', '-c', "$full 2> /dev/null") >> 8, 0,
     'output that cannot be written is a failure');

# --- the session in the documentation works --------------------------------

my ($session) = $text =~ /^```sh session\n(.*?)^```/ms;
ok(defined $session, 'there is a session');
$session =~ s/\\\n//g;

$c->write('report.pdf', 'a report');
my @lines = grep { /\S/ && !/^#/ } split /\n/, $session // '';
my ($bin) = $c->{binary} =~ m{^(.*)/};
my $script = $c->write('session.sh', join "\n", 'set -eu',
                       "PATH='$bin':\$PATH", "cd '$c->{dir}'", @lines, '');
my $r = Meshkit::Process::run_command({ timeout => 60 }, 'sh', $script);
is($r->{exit}, 0, 'it runs from top to bottom') or diag($r->{err});
is($c->read('opened.pdf'), 'a report', 'and brings the file back');

$c->done;
