# Modules of others, as Debian has packages of them, in the same nginx: each is
# loaded before the module and switched on for all of a server, where its
# kind allows that, else for another location.  Then it is the same to open a
# share, by whatever way, and nothing is left of clients that leave.
# TEST_INTEROP_MODULES="lua,njs" runs with those alone.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Meshkit::Edge;
use Meshkit::Http2;
use Meshkit::Load;
use Meshkit::Modules;
use Meshkit::Neighbour;
use Meshkit::Nginx;
use Meshkit::Process qw(wait_for);

use constant { SIZE => 300_000, CLIENTS => 200, STREAMS => 40,
               EACH => 500, ROUNDS => $ENV{QUICK} ? 2 : 4,
               CREEP => Meshkit::Nginx::growth(384) };

my $quick = $ENV{QUICK};
my $neighbour = Meshkit::Neighbour->new('modules');
my @chosen = split /,/, $ENV{TEST_INTEROP_MODULES}
             // join ',', $quick ? Meshkit::Modules::quick()
                                 : Meshkit::Modules::names();
# ModSecurity is linked with another Lua, which must not come first
my @together = ('lua', 'modsecurity', 'headers-more', 'brotli filter');


# --- the surroundings -------------------------------------------------------

# What services answer at once, as another nginx has it: blocks, CARs and
# records in files, and a yes.
sub back {
    my ($e) = @_;

    my $back = Meshkit::Nginx->new(no_module => 1, log_level => 'info');
    my $dir = $e->dir;

    $back->config(<<"EOT")->start;
%%GLOBALS%%
events { worker_connections 4096; }
http {
    %%HTTP%%
    access_log off;
    types { }
    server {
        listen 127.0.0.1:%%PORT_front%% backlog=4096;
        root $dir;
        location ~ ^/ipfs/(?<cid>\\w+)\$ {
            if (\$arg_format = car) { rewrite ^ /cars/\$cid last; }
            rewrite ^ /share/blocks/\$cid last;
        }
        location /cars/ {
            default_type
                "application/vnd.ipld.car; version=1; order=dfs; dups=y";
        }
        location /share/blocks/ { default_type application/vnd.ipld.raw; }
        location ~ ^/v1/capsules/(?<id>[^/]+)\$ {
            default_type application/json;
            rewrite ^ /records/\$id break;
        }
        location = /evaluate {
            default_type application/json;
            add_header X-Request-ID \$http_x_request_id;
            return 200 '{"decision":true}';
        }
    }
}
EOT
    return $back;
}


# /load/FORM/ID opens by services of the other nginx; with a module that
# serves, /served/ID opens by services that are its own.
sub server_text {
    my ($m) = @_;

    my $open = $m->text('open');
    my $text = <<'EOT';
root %%DIR%%/html;
location = /page { default_type text/plain; }
location ^~ /_load/ { internal; proxy_pass http://back/; }
EOT

    for my $form (qw(car raw auto)) {
        $text .= <<"EOT";
location ~ ^/load/$form/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata /_load;
    meshkit_policy /_load/evaluate;
    meshkit_gateway /_load $form;
    $open
}
EOT
    }

    my %at = (metadata => '/_load', policy => '/_load/evaluate',
              gateway => '/_load');

    for my $kind (grep { $m->served($_) } sort keys %at) {
        $at{$kind} = "/_served/$kind";
        $text .= "location ^~ $at{$kind} { internal; "
                 . $m->served($kind) . " }\n";
    }

    return $text . <<"EOT" . $m->text('server');
location ~ ^/served/(?<cap>.*)\$ {
    meshkit_open \$cap;
    meshkit_metadata $at{metadata};
    meshkit_policy $at{policy};
    meshkit_gateway $at{gateway} raw;
}
EOT
}


sub edge {
    my ($m) = @_;

    my $e = Meshkit::Edge->new(
        policy => 'authzen', nginx => { modules => [ $m->load ] },
        text => { server => server_text($m), open => $m->text('open'),
                  http => 'upstream back { server 127.0.0.1:%%PORT_back%%; }'
                          . "\n" . $m->text('http') });
    my $t = $e->nginx;

    $e->{back} = back($e);
    $t->port('back', $e->{back}->port('front'));
    $t->write('html/page', "a page of text\n");
    $m->write($t);
    $e->config($e->config_text =~ s/connections 1024/connections 4096/r);
    $e->start;
    $e->policy->allow;

    return $e;
}


# A share that the other nginx has too, if it is published.
sub share {
    my ($e, %opt) = @_;

    my $share = $e->share(size => SIZE, policy_id => 'p', %opt);
    my $t = $e->nginx;

    $t->write("records/$share->{id}", $share->{record});
    $t->write("cars/$share->{cid}", $t->read('share/content.car'));

    return $share;
}


# --- what is exercised ------------------------------------------------------

my @RANGES = ([ 0, 0 ], [ 65_530, 65_545 ], [ SIZE - 1000, SIZE - 1 ]);


sub opens {
    my ($e, $share, $header) = @_;

    my $encodings = [ 'Accept-Encoding' => 'br, gzip' ];

    for my $form (qw(car raw auto)) {
        my $path = "/$form/$share->{id}";

        for my $version ('1.0', '1.1') {
            my $r = $e->get($path, version => $version, headers => $encodings);

            is($e->outcome($r, $share), '200 ok', "$form: by HTTP/$version");
            ok(!defined $r->header('Content-Encoding'), "$form: as it is");
            ok(defined $r->header($header), "$form: with $header") if $header;
        }

        my $c = $e->curl($path, h2 => 1, args => [ '--compressed' ]);

        ok($c->status == 200 && $c->body eq $share->{plain},
           "$form: by HTTP/2");

        for my $range (@RANGES) {
            my ($from, $to) = @$range;
            my $bytes = substr $share->{plain}, $from, $to - $from + 1;
            my $r = $e->get($path, headers => [ Range => "bytes=$from-$to" ]);

            $c = $e->curl($path, h2 => 1, args => [ '-r', "$from-$to" ]);
            is($_->status, 206, "$form: bytes $from-$to") for $r, $c;
            ok($_->body eq $bytes, "$form: and those") for $r, $c;
        }

        my $r = $e->get($path, method => 'HEAD');

        is($r->status, 200, "$form: HEAD");
        is($r->header('Content-Length'), SIZE, "$form: the length");
    }
}


sub refuses {
    my ($e) = @_;

    my $small = sub { share($e, size => 10, @_) };
    my %ends = (
        '404 capsule_not_found' => { id => 'nobody' },
        '410 share_revoked' => $small->(revoked => undef),
        '410 share_expired' => $small->(iat => 1, exp => 2),
        '403 policy_denied' => $small->(),
    );

    $e->policy->deny;

    for my $end (sort keys %ends) {
        for my $form (qw(car raw)) {
            my $path = "/$form/$ends{$end}{id}";
            my $c = $e->curl($path, h2 => 1);

            is($e->outcome($e->get($path)), $end, "$form: $end");
            is($c->status . ' ' . $e->code($c), $end, "$form: by HTTP/2");
        }
    }

    $e->policy->allow;
}


# One client in three leaves: at once, with a header, or amidst the file.
sub plan_of {
    my ($share, $n, @paths) = @_;

    my %plan = (path => "$paths[$n % @paths]/$share->{id}",
                wanted => $share->{plain});

    $plan{leave} = (0, 1, 100_000)[$n / 3 % 3] if $n % 3 == 0;

    # of a part of a file there is no CAR
    if ($n % 5 == 1 && $plan{path} !~ /car/) {
        $plan{headers} = "Range: bytes=100000-199999\r\n";
        $plan{wanted} = substr $share->{plain}, 100_000, 100_000;
    }

    return \%plan;
}


# So many at a time.
sub many {
    my ($e, $share, $count, $at_once, @paths) = @_;

    my %seen;

    for my $from (map { $_ * $at_once } 0 .. $count / $at_once - 1) {
        my $seen = Meshkit::Load::at_once($e->nginx->port('front'), $at_once,
            sub { plan_of($share, $from + $_[0], @paths) });

        $seen{$_} += $seen->{$_} for keys %$seen;
    }

    my $left = int(($count + 2) / 3);
    my %wanted = (whole => $count - $left, left => $left);

    is_deeply(\%seen, \%wanted, "$count opens, $at_once at once");
}


# The same by streams of one connection, of which one in three is reset.
sub many_streams {
    my ($e, $share, @paths) = @_;

    my $h = Meshkit::Http2->connect($e->nginx->port('h2'));
    my @ids = map { $h->send(path => "$paths[$_ % @paths]/$share->{id}") }
              1 .. STREAMS;
    my @reset = map { $ids[3 * $_] } 0 .. (STREAMS - 1) / 3;
    my %reset = map { $_ => 1 } @reset;
    my @rest = grep { !$reset{$_} } @ids;

    $h->reset($_) for splice @reset, 0, 5;
    $h->receive(20, sub { $h->stream($rest[0])->{head} });
    $h->reset($_) for @reset;
    $h->receive(60, sub { !grep { !$h->stream($_)->{ended} } @rest });

    my @wrong = grep { $h->stream($_)->{data} ne $share->{plain} } @rest;

    $h->close;
    return @wrong ? @wrong . ' of ' . @rest . ' streams are wrong' : '';
}


# The worker's memory and open files, when those are the same for a while.
sub at_rest {
    my ($e) = @_;

    my ($held, $since) = (-1, 0);
    my $pid = $e->nginx->worker_pid // return (0, 0);

    wait_for(20, sub {
        my $now = () = glob "/proc/$pid/fd/*";

        ($held, $since) = $now == $held ? ($held, $since + 1) : ($now, 0);
        sleep 0.05;
        return $since >= 6;
    });

    return (scalar $e->nginx->worker_rss, $held);
}


# What is lost shows as long as opens come one after the other: the memory that
# many at once had is there for whatever comes later.
sub bears {
    my ($e, $share, @paths) = @_;

    many($e, $share, 100, 1, @paths);

    my ($before) = at_rest($e);

    many($e, $share, EACH, 1, @paths);

    my ($after) = at_rest($e);

    note "$before kB, $after kB";
    cmp_ok($after - $before, '<', CREEP, 'memory does not creep');

    my @files = map {
        many($e, $share, CLIENTS, CLIENTS, @paths);
        is(many_streams($e, $share, @paths), '', 'by HTTP/2');
        (at_rest($e))[1];
    } 1 .. ROUNDS;

    cmp_ok($files[-1], '<=', $files[0], 'no file is left open');
}


sub with_modules {
    my ($m, $what, $code) = @_;

    my $reason = $m->why_not;

    if ($reason) {
        my $there = $m->is_packaged;

        $neighbour->exercise($m->title . ": not tried, $reason",
            sub { ok(!$there, 'there is no package of it') },
            version => $m->version);
        return;
    }

    $neighbour->exercise($what, sub {
        my $e = eval { edge($m) } // return fail("it starts: $@");
        my $share = share($e);
        my $worker = $e->nginx->worker_pid;

        ok($_->[1], $_->[0]) for $m->shown($e->nginx);
        $code->($e, $share);
        is($e->nginx->worker_pid // 'none', $worker, 'one worker did it all');
        $e->done;
        $e->{back}->done;
    }, version => $m->version);
}


for my $names ((map { [ $_ ] } @chosen),
               $ENV{TEST_INTEROP_MODULES} ? () : [ @together ])
{
    my $m = Meshkit::Modules->new(@$names);

    with_modules($m, $m->how, sub {
        my ($e, $share) = @_;

        opens($e, $share, $m->header);
        refuses($e);
        bears($e, $share, qw(/load/car /load/raw));
    });
}

my %serves = map { $_ => 1 } Meshkit::Modules::serving();

for my $name (grep { $serves{$_} } @chosen) {
    my $m = Meshkit::Modules->new($name);
    my @kinds = grep { $m->served($_) } qw(policy metadata gateway);

    with_modules($m, "$name is the " . join(', ', @kinds), sub {
        my ($e, $share) = @_;

        is($e->outcome($e->get("/served/$share->{id}"), $share), '200 ok',
           'opens');
        bears($e, $share, '/served');
    });
}

done_testing();
