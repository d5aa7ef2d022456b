package Meshkit::Between;

# The exercises of a gateway without blocks of its own, which asks a Kubo node
# and verifies what it gets: what Kubo lost or damaged must reach the module
# as a fault of that gateway, whatever form it has by then.
#
#   my $between = Meshkit::Between->new;
#   $between->exercise($mode, $start);
#   $between->done;
#
# $mode is "block" or "car".  $start->($t, $url) gives
# a Meshkit::Neighbour and the hash that its start() takes, for a gateway on
# port $t->port('between') in front of $url.

use strict;
use warnings;

use Digest::SHA ();
use Test::More;

use Meshkit::Edge;
use Meshkit::Kubo;

use constant MIB => 1 << 20;


# Gateway 0 is the one between, gateway 1 is ours and honest.
sub new {
    my ($class) = @_;

    my $e = Meshkit::Edge->new(gateways => 2, alone => 1, fresh => 60,
                               asked => 1,
                               text => { open => 'meshkit_deadline 20s;' });
    my $t = $e->nginx;
    my $self = bless { edge => $e, kubo => Meshkit::Kubo->new($t, 'a') },
               $class;

    $self->{kubo}->start;
    $t->port(gw0 => $t->port('between'));
    $e->start;

    return $self;
}


sub exercise {
    my ($self, $mode, $start) = @_;

    my $t = $self->{edge}->nginx;
    my ($n, %start) = $start->($t, 'http://127.0.0.1:' . $self->{kubo}->port);

    $self->{mode} = $mode;
    $n->start(%start);
    $n->exercise("asks Kubo by $mode: whole files and ranges",
                 sub { $self->_whole });
    $n->exercise("asks Kubo by $mode: a block is missing or damaged",
                 sub { $self->_faults });
    $n->exercise("asks Kubo by $mode: Kubo is gone, and back",
                 sub { $self->_gone });
    $n->exercise("asks Kubo by $mode: killed in the middle",
                 sub { $self->_killed($n) });
    $n->stop;
}


# A share whose blocks our gateway and Kubo both have.
sub _share {
    my ($self, $size, $id) = @_;

    my $e = $self->{edge};
    my $share = $e->share(size => $size, id => "$id-$self->{mode}",
                          leaf => MIB, segment => 1 << 18);

    $self->{kubo}->ipfs('dag', 'import', $e->dir . '/share/content.car');
    return $share;
}


sub _whole {
    my ($self) = @_;

    my $e = $self->{edge};

    for my $size (0, 900_000, 5 * MIB + 12345) {
        my $share = $self->_share($size, "whole-$size");

        for my $form (qw(car raw)) {
            my $r = $e->get($e->fresh("/one/$form/$share->{id}"));
            is($e->outcome($r, $share), '200 ok', "$form: $size bytes");
            is($e->log($r)->{gateways_failed}, 0, "$form: without a fault");
            is(scalar(my @raw = $e->asked($r)), 0, "$form: by CAR alone")
                if $form eq 'car';
        }
    }

    my $share = $self->_share(5 * MIB, 'range');
    my $r = $e->get($e->fresh("/one/auto/$share->{id}"),
                    headers => [ Range => 'bytes=3200000-3200099' ]);
    is($r->body, substr($share->{plain}, 3_200_000, 100), 'a range');
}


sub _faults {
    my ($self) = @_;

    my ($e, $kubo) = @$self{qw(edge kubo)};

    for my $fault (qw(forget damage)) {
        my $share = $self->_share(5 * MIB, $fault);

        $kubo->$fault(($kubo->links($share->{cid}))[3]);

        for my $form (qw(car raw auto)) {
            my $r = $e->get($e->fresh("/one/$form/$share->{id}"));
            my $n = length $r->body;
            is($e->outcome($r, $share), '200 cut', "$fault, $form: cut");
            is($r->body, substr($share->{plain}, 0, $n),
               "$fault, $form: what comes out is the file's");
            like($e->log($r)->{outcome}, qr/^provider_/,
                 "$fault, $form: no wrong byte came as far as us");

            $r = $e->get($e->fresh("/$form/$share->{id}"));
            is($e->outcome($r, $share), '200 ok',
               "$fault, $form: with another gateway");
        }
    }
}


sub _gone {
    my ($self) = @_;

    my ($e, $kubo) = @$self{qw(edge kubo)};
    my $share = $self->_share(3 * MIB, 'gone');

    $kubo->stop;

    for my $form (qw(car raw)) {
        my $r = $e->get($e->fresh("/one/$form/$share->{id}"));
        like($e->outcome($r, $share), qr/^50[24] provider_/, "$form: refused");
        $r = $e->get($e->fresh("/$form/$share->{id}"));
        is($e->outcome($r, $share), '200 ok',
           "$form: with another gateway");
    }

    $kubo->start;
    my $r = $e->get($e->fresh("/one/auto/$share->{id}"));
    is($e->outcome($r, $share), '200 ok', 'it opens when Kubo is back');
}


sub _killed {
    my ($self, $n) = @_;

    my $e = $self->{edge};
    my $share = $self->_share(24 * MIB, 'killed');

    for my $form (qw(car raw)) {
        my ($seen, $sha) = (0, Digest::SHA->new(256));
        my $r = $e->get($e->fresh("/$form/$share->{id}"), rcvbuf => 65536,
            rate => 24 * MIB, sink => sub {
                $sha->add($_[0]);
                $n->kill if $seen < MIB && $seen + length $_[0] >= MIB;
                $seen += length $_[0];
            });

        is($sha->hexdigest, $share->{sha256}, "$form: byte for byte");
        is($e->log($r)->{gateways_failed}, 1, "$form: by two gateways");
        $n->start;
    }
}


sub done {
    my ($self) = @_;

    $self->{kubo}->stop;
    $self->{edge}->done;
}


1;
