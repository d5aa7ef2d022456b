# meshkitctl audit: what it finds, counts and refuses; and that nothing of a
# line gets at the terminal.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $c = Meshkit::Cli->new;
my $json = JSON::PP->new->utf8->canonical;


# A line as the module writes them; undef takes a member out.
sub record {
    my (%with) = @_;

    my %line = ('@timestamp' => '2026-11-21T04:00:00.500Z',
                'event.type' => [ 'access', 'allowed' ],
                'event.outcome' => 'success', 'event.reason' => 'ok',
                'event.action' => 'open', 'meshkit.capsule' => 'cap_1',
                'http.response.status_code' => 200, 'user.id' => 'joe',
                'client.ip' => '192.0.2.1', 'request.id' => 'r1', %with);

    delete $line{$_} for grep { !defined $line{$_} } keys %line;
    return $json->encode(\%line) . "\n";
}


sub denied { my ($code, $status, %with) = @_;
             return record('event.type' => [ 'access', 'denied' ],
                           'event.outcome' => 'failure',
                           'event.reason' => $code,
                           'http.response.status_code' => $status, %with) }

sub ended { my ($how, $code, %with) = @_;
            return record('event.type' => [ 'access', 'end' ],
                          'event.outcome' => $code eq 'ok' ? 'success'
                                                           : 'failure',
                          'event.reason' => $code, 'meshkit.end' => $how,
                          'http.response.body.bytes' => 7, %with) }

my $log = join '',
    record(),
    ended(complete => 'ok', '@timestamp' => '2026-11-21T04:00:01.000Z'),
    denied(share_expired => 410, 'meshkit.capsule' => 'cap_2',
           '@timestamp' => '2026-11-21T05:00:00.000Z'),
    denied(share_expired => 410, 'user.id' => "jo\x{e9}",
           '@timestamp' => '2026-11-21T05:30:00.999Z'),
    record('@timestamp' => '2026-11-21T06:00:00.000Z'),
    ended(aborted => 'cid_mismatch',
          '@timestamp' => '2026-11-21T06:00:00.001Z'),
    record('event.type' => [ 'access', 'end' ], 'meshkit.end' => 'client_gone',
           'event.outcome' => 'unknown', 'event.reason' => undef,
           'http.response.status_code' => undef, 'user.id' => undef,
           '@timestamp' => '2026-11-21T07:00:00.000Z'),
    record('event.type' => [ 'access', 'end' ], 'meshkit.end' => 'shutdown',
           'event.outcome' => 'failure', 'event.reason' => undef,
           '@timestamp' => '2026-11-21T07:30:00.000Z');
my $file = $c->write('audit.log', $log);

# --- a line for each --------------------------------------------------------

my $r = $c->ok('all of it', 'audit', $file);
my @lines = split /\n/, $r->{out};
is(scalar @lines, 8, 'a line for each');
is($r->{err}, '', 'and no message');
is($lines[0], '2026-11-21T04:00:00.500Z allowed ok 200 open capsule=cap_1 '
   . 'subject=joe client=192.0.2.1 request=r1', 'that says what it says');
is($lines[1], '2026-11-21T04:00:01.000Z complete ok 200 open capsule=cap_1 '
   . 'subject=joe client=192.0.2.1 bytes=7 request=r1', 'an end');
is($lines[6], '2026-11-21T07:00:00.000Z client_gone open capsule=cap_1 '
   . 'client=192.0.2.1 request=r1', 'a client that left');
is($lines[7], '2026-11-21T07:30:00.000Z shutdown 200 open capsule=cap_1 '
   . 'subject=joe client=192.0.2.1 request=r1', 'an open that was cut');
is($c->ok('standard input', { stdin => $log }, 'audit', '-')->{out},
   $r->{out}, 'says the same');

# --- filters ----------------------------------------------------------------

for my $row (
    [ '3', '--capsule', 'cap_2' ],
    [ '', '--capsule', 'cap' ],
    [ '3 4', '--outcome', 'share_expired' ],
    [ '1 2 5', '--outcome', 'ok' ],
    [ '3 4 6 8', '--outcome', 'failure' ],
    [ '1 2 5', '--outcome', 'success' ],
    [ '7', '--outcome', 'unknown' ],
    [ '2', '--outcome', 'complete' ],
    [ '6', '--outcome', 'aborted' ],
    [ '7', '--outcome', 'client_gone' ],
    [ '8', '--outcome', 'shutdown' ],
    [ '4', '--subject', "jo\xc3\xa9" ],
    [ '1 2 3 5 6 8', '--subject', 'joe' ],
    [ '3 4 5 6 7 8', '--since', '2026-11-21T05:00:00Z' ],
    [ '1 2', '--until', '2026-11-21T05:00:00Z' ],
    [ '3 4', '--since', '2026-11-21T06:00:00+01:00', '--until',
      '2026-11-21T06:00:00Z' ],
    [ '1', '--until', 1795233601 ],
    [ '1 2 3 4 5 6 7 8', '--since', '-52000w' ],
    [ '3', '--capsule', 'cap_2', '--subject', 'joe', '--outcome', 'failure',
      '--since', '2026-11-21T05:00:00Z', '--until', '2026-11-21T05:00:01Z' ],
    [ '', '--capsule', 'cap_2', '--outcome', 'ok' ],
) {
    my ($want, @args) = @$row;
    my @want = map { "$lines[$_ - 1]\n" } split / /, $want;

    is($c->ok("@args: goes well", 'audit', $file, @args)->{out},
       join('', @want), "@args");
}

{
    my @ago = map { POSIX::strftime('%Y-%m-%dT%H:%M:%S.000Z',
                                    gmtime(time - $_)) } 7200, 60;
    my $recent = $c->write('recent.log', join '', map {
        record('@timestamp' => $_) } @ago);
    my $out = $c->ok('since an hour ago', 'audit', $recent, '--since',
                     '-1h')->{out};
    is(($out =~ tr/\n//) . substr($out, 0, 24), "1$ago[1]", 'the later one');
    $out = $c->ok('until an hour ago', 'audit', $recent, '--until',
                  '-60m')->{out};
    is(($out =~ tr/\n//) . substr($out, 0, 24), "1$ago[0]",
       'the earlier one');
}

# --- counts and JSON --------------------------------------------------------

is($c->ok('counts', 'audit', $file, '--counts')->{out}, <<'EOT', 'counts');
         2  allowed      ok
         2  denied       share_expired
         1  complete     ok
         1  aborted      cid_mismatch
         1  client_gone  -
         1  shutdown     -
EOT

is_deeply($c->json($c->ok('counts, JSON', 'audit', $file, '--counts',
                          '--json', '--outcome', 'failure')->{out}),
          { unreadable => 0, counts => [
              { event => 'denied', reason => 'share_expired', count => 2 },
              { event => 'aborted', reason => 'cid_mismatch', count => 1 },
              { event => 'shutdown', reason => '-', count => 1 } ] },
          'counts of what fits, as JSON');

my $out = $c->ok('JSON', 'audit', $file, '--json')->{out};
is_deeply([ map { $json->decode($_) } split /\n/, $out ],
          [ map { $json->decode($_) } split /\n/, $log ],
          'the records as they are');

is($c->ok('nothing', 'audit', '/dev/null', '--counts')->{out}, '',
   'no lines, no counts');
like($c->ok('another version', { stdin => denied('no_such_code', 500) },
            'audit', '-', '--counts')->{out}, qr/^ +1  denied       other$/,
     'a code that is not known');

# --- what is no record ------------------------------------------------------

my @broken = (
    'no JSON', '{', '{}', '[]', 'null', '{"event.outcome":"success"}',
    record('@timestamp' => undef), record('@timestamp' => 17),
    record('@timestamp' => 'yesterday, at noon or so'),
    record('@timestamp' => '1795233600'),
    record('event.outcome' => undef), record('event.outcome' => 1),
    record('event.type' => 'allowed'), record('event.type' => [ 'access' ]),
    record('event.type' => [ 'access', 'opened' ]),
    record('meshkit.end' => 'somehow'),
    substr(record(), 0, 100), record() =~ s/\n/x\n/r,
    record() =~ s/\{/{"user.id":"twice",/r,
    record('user.id' => 'x' x 9000), "\0" x 100, "\xff\xfe",
    '{"a":' x 900, 'x' x 1_000_000,
);

for my $i (0 .. $#broken) {
    my $bytes = join '', record(), $broken[$i] =~ s/\n?\z/\n/r, "\n", record();
    my $r = $c->refused("no record, $i", 3, qr/: 1 line is no audit record$/,
                        { stdin => $bytes }, 'audit', '-');
    is($r->{out} =~ tr/\n//, 2, "no record, $i: the others are printed")
        or diag(substr $broken[$i], 0, 200);
}

$r = $c->refused('several', 3, qr/: 24 lines are no audit record$/,
                 { stdin => join '', map { s/\n?\z/\n/r } @broken },
                 'audit', '-', '--counts', '--json');
is($c->json($r->{out})->{unreadable}, scalar @broken, 'are counted');

is($c->ok('a last line without its end', { stdin => $log =~ s/\n\z//r },
          'audit', '-')->{out} =~ tr/\n//, 8, 'is a line');

is($c->ok('syslog', { stdin => join '', map {
       "Nov 21 04:13:00 edge-1 nginx: $_\n" } split /\n/, $log },
       'audit', '-', '--outcome', 'share_expired')->{out} =~ tr/\n//, 2,
   'what syslog writes before a record is passed over');

# --- terminals --------------------------------------------------------------

for my $member ('user.id', 'meshkit.capsule', 'event.reason', 'request.id',
                'client.ip', 'event.action', '@timestamp',
                'meshkit.gateway')
{
    for my $text ("\x1b]0;owned\x07", "\xc2\x9b2J", "a\nb", "a\0b", "\x7f",
                  "\xe2\x80\xae", "a\xe2\x80\xa8b", '" capsule="x',
                  'x' x 3000)
    {
        utf8::decode(my $value = $text);
        $value = "2026-11-21T04:00:00$value" if $member eq '@timestamp';

        my $line = record($member => $value);
        my $r = $c->ok("$member: goes well", { stdin => $line }, 'audit',
                       '-');
        utf8::decode(my $shown = $r->{out});
        ok($shown =~ s/\n\z// && $shown !~ /[\x00-\x1f\x7f-\x9f\x{2028}-\x{202e}]/
           && length $shown < 1000
           && ($text !~ /^" c/ || $r->{out} !~ /(?<!\\)" capsule="x/),
           "$member: nothing gets at the terminal") or diag($r->{out});

        $r = $c->ok("$member: JSON", { stdin => $line }, 'audit', '-',
                    '--json');
        ok($r->{out} !~ /[\x00-\x09\x0b-\x1f\x80-\xff]/
           && $r->{out} =~ tr/\n// == 1, "$member: nor as JSON");
    }
}

# --- many lines -------------------------------------------------------------

{
    my $many = $c->path('many.log');
    open my $out, '>', $many or die;
    print $out $log for 1 .. 20_000;
    close $out;

    # a sanitizer takes terabytes of addresses
    my $limit = $ENV{TEST_SANITIZED} ? 'unlimited' : 65_536;
    my $r = Meshkit::Process::run_command({ timeout => 120 }, 'sh', '-c',
        "ulimit -v $limit; exec \"\$@\"", 'sh', $c->{binary}, 'audit', $many,
        '--counts');
    like($r->{out}, qr/^ +40000  allowed      ok$/m,
         '40 MB in bounded memory') or diag($r->{err});
}

# --- usage ------------------------------------------------------------------

$c->refused('an outcome that there is not', 2, qr/--outcome takes a code/,
            'audit', $file, '--outcome', 'fine');
$c->refused('no time', 2, qr/--since takes -1h/, 'audit', $file, '--since',
            'today');
$c->refused('no time', 2, qr/--until takes -1h/, 'audit', $file, '--until',
            $_) for '-', '-1', '-x', '--1h', '-' . '9' x 40 . 'w';
$c->refused('no file', 3, qr/cannot be opened: No such/, 'audit',
            $c->path('nothing'));
$c->refused('a directory', 3, qr/cannot be read/, 'audit', $c->dir);

$c->done;
