# All of t/module with each nginx: the machine's own package, and those of
# newer Debian suites with their own libraries.  The module is built with the
# headers of each.  TEST_INTEROP_NGINX="sid" runs with that one alone.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename);
use Test::More;

use Meshkit::Neighbour;
use Meshkit::Process qw(run_command);

use constant { BUILD_TIMEOUT => 300, RUN_TIMEOUT => 1200 };

my $nginx = Meshkit::Neighbour->new('nginx');

my ($own) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';
my %of = (own => { binary => $own, module => 'build/ngx_meshkit_module.so',
                   suite => own_suite() });
my @suites = sort map { basename($_) } glob $nginx->program . '/*';

for my $suite (@suites) {
    my $root = $nginx->program . "/$suite/root";

    $of{$suite} = { binary => "$root/usr/sbin/nginx", suite => $suite,
                    root => $root, build => "build/nginx-$suite",
                    module => "build/nginx-$suite/ngx_meshkit_module.so" };
}

my @chosen = split ' ', $ENV{TEST_INTEROP_NGINX} // "own @suites";


sub own_suite {
    my ($name) = Meshkit::Process::slurp('/etc/os-release')
        =~ /^VERSION_CODENAME=(\w+)/m;

    return $name // 'own';
}


sub build {
    my ($n) = @_;

    return 1 if !defined $n->{root};

    my $r = run_command({ timeout => BUILD_TIMEOUT, group => 1 },
                        'tools/build-module', $n->{build}, $n->{root});

    is($r->{exit}, 0, "the module is built with the headers of $n->{suite}");
    is($r->{err}, '', 'without a word');
    return $r->{exit} == 0;
}


# "1.26.3", "3.5.9"
sub versions {
    my ($n) = @_;

    my $text = run_command({}, $n->{binary}, '-V')->{err};
    my ($nginx) = $text =~ m{^nginx version: nginx/([\d.]+)}m;
    my ($built) = $text =~ m{^built with OpenSSL ([\d.]+)}m;
    my ($runs) = $text =~ m{running with OpenSSL ([\d.]+)};

    return ($nginx // 'none', $runs // $built // 'none');
}


sub run {
    my ($n) = @_;

    local $ENV{TEST_NGINX_BINARY} = $n->{binary};
    local $ENV{TEST_MESHKIT_MODULE} = abs_path($n->{module});

    # a row is for here, and not for what t/module does
    delete local $ENV{INTEROP_TABLE};

    return run_command({ timeout => RUN_TIMEOUT, group => 1 },
                       qw(prove -j2 -It/lib t/module));
}


# What prove says of a file: "ok", or whatever else.
sub outcome_of {
    my ($file, $out) = @_;

    return $out =~ /^\Q$file\E \.+ (.*)$/m ? $1 || "failed" : "not run";
}


for my $name (@chosen) {
    my $n = $of{$name} or die "$name is none of: own @suites\n";

    if (!build($n)) {
        $nginx->exercise('the module is built', sub { fail('it is not') },
                         version => $n->{suite});
        next;
    }

    my ($version, $openssl) = versions($n);
    my $r = run($n);
    my ($files, $tests) = $r->{out} =~ /^Files=(\d+), Tests=(\d+),/m;

    $_ //= 0 for $files, $tests;

    $nginx->exercise("all of t/module, $files files, $tests tests, "
                     . "OpenSSL $openssl", sub {
        my @there = sort glob 't/module/*.t';

        is(outcome_of($_, $r->{out}), 'ok', $_) for @there;
        is($files, @there, 'no file more');
        cmp_ok($tests, '>=', $files, 'each tests something');
        is($r->{exit}, 0, 'prove says so too')
            or diag $r->{out} =~ s/^.* ok\n//mgr, $r->{err};
        ok(!$r->{timed_out}, 'in time');
        note "$n->{suite}: $1 s" if $r->{out} =~ /, +(\d+) wallclock/;
    }, version => "$version $n->{suite}");
}

done_testing();
