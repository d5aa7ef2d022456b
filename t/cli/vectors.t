# meshkitctl open against the committed vectors: the same outcome as every
# other reader's, and no plaintext beyond what may be released.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Test::More;

use lib 't/cli/lib';
use Meshkit::Cli;

my $from = 't/vectors';
my $c = Meshkit::Cli->new;
my @vectors = glob "$from/capsule/*.json";

plan(skip_all => 'the vectors are not there') if !@vectors;

my @blocks = grep { -f } glob "$from/blocks/*";
my $base = Cwd::abs_path($from);
my %key = map { $_ => $c->write("$_.pem", Meshkit::Process::slurp(
                                              "$from/keys/$_.pem")) }
          qw(alice bob carol);
chmod 0600, values %key;


# What a gateway does and the command line does not: why, or undef.
sub beyond {
    my ($v) = @_;

    return 'another HTTP status' if $v->{record_status} != 200;
    return 'a policy service'
        if $v->{policy} || $v->{outcome} eq 'policy_denied';
    return 'a clock' if defined $v->{now};
    return 'one key at a time' if !$key{$v->{identity}};
    return 'an id is checked before' if $v->{outcome} eq 'invalid_request';
    return undef;
}


# The blocks as this vector has them: links, and what it says is wrong.
sub blocks_of {
    my ($v) = @_;

    my %wrong = %{ $v->{blocks} };
    my %zeros = %{ $v->{zeros} // {} };
    my %missing = map { $_ => 1 } @{ $v->{missing} };

    return "$base/blocks" if !%wrong && !%zeros && !%missing;

    my $dir = $c->path("blocks-$v->{name}");
    mkdir $dir;

    for my $path (@blocks) {
        my ($cid) = $path =~ m{([^/]+)$};
        my $file = $wrong{$cid} // $cid;
        next if $missing{$cid} || exists $zeros{$cid};
        symlink "$base/blocks/$file", "$dir/$cid" or die "$cid: $!";
    }

    $c->write("blocks-$v->{name}/$_", "\0" x $zeros{$_}) for keys %zeros;
    return $dir;
}


# A directory says less than a gateway about what it has not got.
sub outcome_here {
    my ($v) = @_;

    return 'provider_request_failed'
        if $v->{outcome} eq 'provider_http_error'
           || grep { $_ > 2 ** 21 + 1 } values %{ $v->{zeros} // {} };
    return $v->{outcome};
}


make_path($c->path('metadata/v1/capsules'));
my (%skipped, $run);

for my $file (@vectors) {
    my $v = $c->json(Meshkit::Process::slurp($file));
    my $why = beyond($v);

    if (defined $why) {
        $skipped{$why}++;
        next;
    }

    $c->write("metadata/v1/capsules/$v->{id}",
              decode_base64url($v->{record}));

    my @owners = $v->{owners} eq 'insecure_any' ? '--insecure-any-owner'
                 : ('--owners', "$base/keys/$v->{owners}");
    my $r = $c->run({ plain => 1 }, 'open', $v->{id}, '--as', $v->{identity},
                    '--key', $key{$v->{identity}}, @owners,
                    '--action', $v->{action}, '--out', '-',
                    '--metadata', $c->path('metadata'),
                    '--blocks', blocks_of($v));

    my ($got) = $r->{signal} ? 'a signal'
                : $r->{exit} == 0 ? 'ok'
                : $r->{err} =~ /^meshkitctl: (?!warn|hint)([a-z_]+): /m;
    my $size = length $r->{out};

    $run++;
    is($got, outcome_here($v), "$v->{name}: outcome") or diag($r->{err});

    # who refuses earlier may release less, by whole segments
    next if $got ne 'ok' && $size == 0;

    is(sha256_hex($r->{out}), $v->{released},
       "$v->{name}: what is released") or diag("$size bytes");
}

diag("not for the command line: $_ ($skipped{$_})") for sort keys %skipped;
cmp_ok($run, '>', 600, 'most vectors are run');

$c->done;
