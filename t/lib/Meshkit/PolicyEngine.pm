package Meshkit::PolicyEngine;

# A policy engine of somebody else as the policy service: the people and the
# shares that it decides about, and what must hold whichever it is.
#
#   use Meshkit::PolicyEngine qw(way);
#
#   my $e = Meshkit::Edge->new(text => { server =>
#       way('open', '/_asks') . 'location = /_asks { internal; ... }' });
#   my $p = Meshkit::PolicyEngine->new($e);
#   $p->certificate('cerbos');             # cerbos.key, cerbos.crt
#   $p->decides($neighbour, sub { ... });  # who decides, all decisions so far
#   $p->as('ann', '/open/project');        # a reply
#   $p->outcome_is('eve', 'open', 'project', '403 policy_denied');
#   $p->decisions_are(3, 'it was asked so often');
#   $p->members('download');               # exercises: who may, and what; the
#                                          # first questions, by "open" and by
#                                          # a way whose action is download
#   $p->outages;                           # exercises: hangs, stopped, killed
#
# way(path, parameters of meshkit_policy) is a location that opens /path/<id>
# for people with a password.  Its action is $action, which the test maps.
#
# The policy must let ann and ben open "project", and not eve; "free" has no
# policy.  outages needs the ways "open" and "hasty", which waits for a second.

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 qw(encode_base64);
use Test::More;

use Meshkit::Process qw(run_command spawn wait_for wait_process);

our @EXPORT_OK = qw(way);


sub way {
    my ($path, $policy) = @_;

    return <<"EOT";
location ~ ^/$path/(?<cap>.*)\$ {
    auth_basic share;
    auth_basic_user_file %%DIR%%/people;
    meshkit_open \$cap;
    meshkit_subject \$remote_user;
    meshkit_action \$action;
    meshkit_metadata /_meshkit/metadata;
    meshkit_policy $policy;
    meshkit_gateway /_gw/0;
}
EOT
}


sub new {
    my ($class, $e) = @_;

    my $self = bless { edge => $e }, $class;

    $e->nginx->write('people',
                     join '', map { "$_:{PLAIN}word\n" } qw(ann ben eve));
    $self->{share}{$_} = $e->share(size => 70_000, id => $_, policy_id => $_,
                                   name => 'plan.txt')
        for qw(project finished small unknown);
    $self->{share}{expired} = $e->share(size => 70_000, id => 'expired',
                                        policy_id => 'project',
                                        exp => time - 60);
    $self->{share}{free} = $e->share(size => 70_000, id => 'free');

    return $self;
}


sub share { return $_[0]{share}{$_[1]} }


sub certificate {
    my ($self, $name) = @_;

    my $t = $self->{edge}->nginx;
    my $r = run_command({}, qw(openssl req -x509 -nodes -newkey ec
                               -pkeyopt ec_paramgen_curve:P-256 -days 2
                               -subj /CN=localhost
                               -addext subjectAltName=DNS:localhost),
                        -keyout => $t->dir . "/$name.key",
                        -out => $t->dir . "/$name.crt");

    die $r->{err} if $r->{exit} != 0;
}


sub decides { my ($self, @who) = @_; @$self{qw(engine decisions)} = @who }


sub as {
    my ($self, $who, $path, @headers) = @_;

    return $self->{edge}->get($path, headers => [
        Authorization => 'Basic ' . encode_base64("$who:word", ''),
        @headers ]);
}


# (who, way, share) => "200 ok", "403 policy_denied", ...
sub outcome_is {
    my ($self, $who, $way, $name, $outcome, @headers) = @_;

    my $e = $self->{edge};

    $e->gateway->clear;

    my $r = $self->as($who, "/$way/$name", @headers);

    is($e->outcome($r, $self->share($name)), $outcome, "$who, $way, $name");
    is($e->gateway->count, 0, "$who, $way, $name: no byte is fetched")
        if $outcome ne '200 ok';
    return $r;
}


sub _decisions {
    my ($self) = @_;

    return scalar(my @all = $self->{decisions}->());
}


sub decisions_are {
    my ($self, $n, $name) = @_;

    wait_for(60, sub { $self->_decisions >= $n });
    is($self->_decisions, $n, $name);
}


sub members {
    my ($self, $download) = @_;

    my $engine = $self->{engine};

    $engine->exercise('members open, others are denied', sub {
        $self->outcome_is($_, 'open', 'project', '200 ok') for qw(ann ben);
        $self->outcome_is('eve', 'open', 'project', '403 policy_denied');
        $self->outcome_is('ann', 'open', 'unknown', '403 policy_denied');
        is($self->{edge}->get('/open/project')->status, 401, 'nobody');
        $self->decisions_are(4, 'it is asked once for each');
    });

    $engine->exercise('open is not download', sub {
        $self->outcome_is('ann', $download, 'project', '200 ok');
        $self->outcome_is('ben', $download, 'project', '403 policy_denied');
    });
}


sub outages {
    my ($self) = @_;

    my $engine = $self->{engine};

    $engine->exercise('while it hangs: policy_provider_error',
                      sub { $self->_hangs });
    $engine->exercise('stopped: policy_provider_error; started: opens',
                      sub { $self->_stopped });
    $engine->exercise('killed in the midst of questions',
                      sub { $self->_killed($_) for 1 .. 2 })
        if !$ENV{QUICK};
}


sub _hangs {
    my ($self) = @_;

    $self->{engine}->pause;
    $self->outcome_is('ann', 'hasty', 'project', '503 policy_provider_error');
    $self->outcome_is('eve', 'hasty', 'free', '200 ok');
    $self->{engine}->resume;
    $self->outcome_is('ann', 'open', 'project', '200 ok');
}


sub _stopped {
    my ($self) = @_;

    $self->{engine}->stop;
    $self->outcome_is($_, 'open', 'project', '503 policy_provider_error')
        for qw(ann eve);
    $self->outcome_is('eve', 'open', 'free', '200 ok');
    $self->{engine}->start;
    $self->outcome_is('ann', 'open', 'project', '200 ok');
    $self->outcome_is('eve', 'open', 'project', '403 policy_denied');
}


sub _killed {
    my ($self, $round) = @_;

    my $before = $self->_decisions;
    my @clients = map { spawn("client $_", sub { $self->_refused('eve') }) }
                  1 .. 4;

    ok(wait_for(30, sub { $self->_decisions > $before }),
       "round $round: it is asked");
    $self->{engine}->kill;
    is(wait_process($_, 60), 0, "round $round: eve gets nothing")
        for @clients;
    $self->{engine}->start;
    $self->outcome_is('ann', 'open', 'project', '200 ok');
}


sub _refused {
    my ($self, $who) = @_;

    for (1 .. 5) {
        my $outcome = $self->{edge}->outcome(
            $self->as($who, '/open/project'), $self->share('project'));

        next if $outcome eq '403 policy_denied'
                || $outcome eq '503 policy_provider_error';
        die "$who: $outcome\n";
    }
}


1;
