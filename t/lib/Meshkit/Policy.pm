package Meshkit::Policy;

# The policy service: says no until told.
#
#   my $p = Meshkit::Policy->run;
#   $p->allow; ->deny;
#   $p->answer(body => '{"decision":true}', type => 'text/html');
#   $p->mode('true_as_text');           # a row below, or of Service::Mode
#   is($p->last_request->json->{action}{name}, 'open');
#
# run(format => 'lit') answers with "allowed" beside nothing else; run(decide
# => sub ($json, $request) { ... }) decides by code, true for yes.

use strict;
use warnings;

use parent 'Meshkit::Service';

use JSON::PP ();

use Meshkit::Service::Mode;

my $TYPE = 'application/json';

# Answers that look like a yes.  Each is the whole body.
my %ANSWERS = (
    true_as_text    => '{"decision":"true"}',
    true_as_number  => '{"decision":1}',
    true_as_list    => '{"decision":[true]}',
    null            => '{"decision":null}',
    empty_object    => '{}',
    not_an_object   => 'true',
    list            => '[{"decision":true}]',
    duplicate_key   => '{"decision":false,"decision":true}',
    contradiction   => '{"decision":true,"allowed":false}',
    obligation      => '{"decision":true,"context":{"obligations":'
                       . '[{"id":"watermark"}]}}',
    other_case      => '{"Decision":true}',
    nested          => '{"result":{"decision":true}}',
    trailing        => '{"decision":true}{"decision":false}',
    comment         => '{"decision":true/* yes */}',
    deep            => '{"decision":true,"x":' . '[' x 20 . ']' x 20 . '}',
    bad_utf8        => "{\"decision\":true,\"x\":\"\xff\xfe\"}",
    nul             => "{\"decision\":true}\0",
    empty           => '',
);


sub init { $_[0]->set(answer => 0) }
sub allow { return $_[0]->mode('ok')->set(answer => 1) }
sub deny { return $_[0]->mode('ok')->set(answer => 0) }
sub names { return sort keys %ANSWERS }


sub answer {
    my ($self, %reply) = @_;

    return $self->mode('ok')->set(answer => { type => $TYPE, %reply });
}


sub knows_mode {
    my ($self, $name) = @_;

    return $name eq 'wrong_echo' || exists $ANSWERS{$name}
           || Meshkit::Service::Mode::known($name);
}


sub apply_modes {
    my ($self, $request, $reply, @modes) = @_;

    for my $mode (@modes) {
        my $name = $mode->{name};

        if (exists $ANSWERS{$name}) {
            $reply->{body} = $ANSWERS{$name};

        } elsif ($name eq 'wrong_echo') {
            $reply->{headers} = [ 'X-Request-ID' => 'another request' ];

        } else {
            $reply = Meshkit::Service::Mode::apply($name, $reply,
                                                   $mode->{args});
        }
    }

    return $reply;
}


# The request's own id is sent back, as the specification asks.
sub handle {
    my ($self, $request) = @_;

    my $answer = $self->get('answer');

    return { %$answer } if ref $answer;

    $answer = $self->{decide}->(eval { $request->json }, $request)
        if $self->{decide};

    my $word = ($self->{format} // 'authzen') eq 'lit' ? 'allowed'
                                                       : 'decision';
    my $id = $request->header('X-Request-ID');

    return { type => $TYPE,
             body => "{\"$word\":" . ($answer ? 'true' : 'false') . '}',
             headers => [ defined $id ? ('X-Request-ID' => $id) : () ] };
}


1;
