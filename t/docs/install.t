# t/interop/install and run themselves, with an npm that installs nothing:
# what is interrupted, raced, planted, misspelt or of another checkout.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Path qw(make_path);
use File::Temp ();
use Test::More;

use Meshkit::Process qw(spawn end_process wait_process run_command wait_for);

my $dir = File::Temp->newdir;
my $install = getcwd() . '/t/interop/install';
my $cache = "$dir/cache/ngx_meshkit_module";

make_path("$dir/bin");
program(node => 'echo v20.0.0');
$ENV{PATH} = "$dir/bin:$ENV{PATH}";
$ENV{XDG_CACHE_HOME} = "$dir/cache";
delete $ENV{INTEROP_PRODUCER};
delete $ENV{INTEROP_OPA};


sub program {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/bin/$name.new" or die "$name: $!";
    print $file "#!/bin/sh\n$text\n";
    close $file or die "$name: $!";
    chmod 0755, "$dir/bin/$name.new";
    rename "$dir/bin/$name.new", "$dir/bin/$name" or die "$name: $!";
}


sub write_file {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
}


sub slurp { return Meshkit::Process::slurp($_[0]) }
sub ended { return slurp("/proc/$_[0]/stat") !~ /\) [^Z]/ }


# npm has processes of its own.
subtest 'interrupted, it leaves nobody and nothing' => sub {
    for my $signal (qw(TERM INT HUP)) {
        unlink "$dir/pids";
        program(npm => "sleep 60 & echo \$\$ \$! > $dir/pids.new;"
                       . " mv $dir/pids.new $dir/pids; wait");
        my $pid = spawn('install', sub {
            exec $install, 'producer';
        }, group => 1);
        ok(wait_for(20, sub { -e "$dir/pids" }), 'npm runs');

        my @pids = slurp("$dir/pids") =~ /(\d+)/g;
        kill $signal, $pid;
        ok(defined wait_process($pid, 10), "ended by SIG$signal");
        ok(wait_for(5, sub { ended($_) }), "so is $_") for @pids;
        is_deeply([ glob "$cache/*" ], [ "$cache/lock" ], 'no tree is left');
    }
};


subtest 'two at once: one installs, both have it' => sub {
    program(npm => "echo >> $dir/runs; sleep 0.5; mkdir node_modules");
    make_path("$cache/new.killed");
    my @pids = map { spawn('install', sub {
        open STDOUT, '>', "$dir/out$_" or die;
        exec $install, 'producer';
    }) } 1, 2;

    is(wait_process($_, 30), 0, 'installed') for @pids;
    like(slurp("$dir/out1"), qr{^\Q$cache\E/producer-\w+\n\z},
         'in the cache');
    is(slurp("$dir/out1"), slurp("$dir/out2"), 'at the same place');
    is(slurp("$dir/runs"), "\n", 'once');
    ok(!-e "$cache/new.killed", 'what was killed before is gone');
    is((stat $cache)[2] & 07777, 0700, 'for nobody else to change');
};


subtest 'what others may have put there is not run' => sub {
    chmod 0777, $cache;
    is(run_command({}, $install, 'producer')->{exit}, 0, 'ours');
    is((stat $cache)[2] & 07777, 0700, 'is closed again');

    # where nothing can be written, nothing needs to be
    program(chmod => 'echo "Read-only file system" >&2; exit 1');
    is(run_command({}, $install, 'producer')->{exit}, 0,
       'what is there and closed is left alone');
    unlink "$dir/bin/chmod";

    # only root can give it away; whoever is not root tries root's own
    my $their = $> == 0 ? "$dir/their" : '/';
    if ($> == 0) {
        make_path("$their/ngx_meshkit_module");
        chown 65534, 65534, "$their/ngx_meshkit_module" or die "chown: $!";
    }
    local $ENV{XDG_CACHE_HOME} = $their;
    my $r = run_command({}, $install, 'producer');
    isnt($r->{exit}, 0, 'somebody else\'s');
    like($r->{err}, qr/belongs to somebody else|no \//, 'and says so');
};


# go.sum has hashes of modules: of no Go that go.mod asks for, of nothing that
# a workspace has.  An empty GOFLAGS is none, and go looks into a file.
subtest 'the Go that is there, and what is pinned' => sub {
    my ($least) = slurp($install) =~ /^GO=([\d.]+)$/m;
    my @wanted = map { slurp($_) =~ /^go ([\d.]+)$/m }
                 glob 't/interop/*/go.mod';
    my $number = sub { return sprintf '%d.%03d%03d',
                              ((split /\./, $_[0]), 0)[0 .. 2] };

    cmp_ok(scalar @wanted, '>', 2, 'modules');
    cmp_ok($number->($_), '<=', $number->($least), "$_ is there")
        for @wanted;

    program(go => 'case $1 in env) echo go1.25.9;; *) exit 1;; esac');
    like(run_command({}, $install, 'opa')->{err}, qr/and this is 1\.25\.9$/,
         'an old one is refused');
    program(go => "case \$1 in env) echo go$least;;"
                  . ' *) echo "$GOTOOLCHAIN $GOWORK $GOFLAGS"; exit 1;; esac');
    local $ENV{GOWORK} = "$dir/go.work";
    like(run_command({}, $install, 'opa')->{err},
         qr/: local off -mod=readonly$/, 'a new one is used as it is');
};


subtest 'a nginx of a suite, of today' => sub {
    my $place = "$dir/suite";
    my $hash = (split ' ', run_command({}, qw(sha256sum
                                              tools/nginx-of-suite))->{out})[0];

    make_path($place);
    program('apt-get' => "echo 'E: no network' >&2; exit 1");
    write_file("$place/current", "./nginx.deb\n$hash  -\n");
    is(run_command({}, 'tools/nginx-of-suite', 'sid', $place)->{exit}, 0,
       'is what it was');

    write_file("$place/current", "./nginx.deb\n" . '0' x 64 . "  -\n");
    my $r = run_command({}, 'tools/nginx-of-suite', 'sid', $place);
    isnt($r->{exit}, 0, 'but not if another script laid it out');
    like($r->{err}, qr/^suite-fetch: /m, 'then it is fetched');
};


subtest 'a name that nobody knows' => sub {
    my $r = run_command({}, $install, "x[\$(>$dir/RAN)0]");

    is($r->{exit}, 1, 'fails');
    like($r->{err}, qr/nobody knows it/, 'for that reason');

    $r = run_command({}, 'sh', '-c', "cd $dir && $install 'x[\$(>RAN)0]'");
    is($r->{exit}, 1, 'fails');
    ok(!-e "$dir/RAN", 'and is not run');

    local $ENV{INTEROP_TABLE} = "$dir/table";
    $r = run_command({}, 't/interop/run', 'kub');
    isnt($r->{exit}, 0, 'a whole run of it is no success');
    unlike($r->{out}, qr/interop: ok/, 'nor says so');
};

done_testing();
