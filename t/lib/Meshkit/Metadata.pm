package Meshkit::Metadata;

# The metadata service: a directory of records, and what goes wrong with it.
#
#   my $md = Meshkit::Metadata->run;        # records => $dir: those files
#   $md->capsule($id, $capsule);            # active, capsule as a structure
#   $md->capsule($id, $capsule, state => 'revoked', revokedAt => 1);
#   $md->record("/v1/capsules/$id", '{"capsule":');   # any text or structure
#   $md->remove("/v1/capsules/$id");        # 404 again
#   $md->member($vault, $identity, 1);      # 0: false; undef: 404
#   $md->capability($jti, 'active');        # undef: 404
#   $t->port('metadata', $md->port);
#
# A record that is in the directory wins over one that was set here, so that
# what the command line wrote can be served as it is.  Redemptions of links
# are counted: POST /v1/links/{jti}/redemptions answers 200 with what
# remains, then 409; redeemed($jti) tells how often it was asked.  The rest
# is Meshkit::Service: mode('truncate', at => 5), mode('pad'), requests, ...

use strict;
use warnings;

use parent 'Meshkit::Service';

use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


sub init {
    my ($self) = @_;

    $self->{own} = "$self->{dir}/records";
    mkdir $self->{own};
}


sub record {
    my ($self, $path, $record) = @_;

    my $file = "$self->{own}$path";

    make_path(dirname($file));
    open my $out, '>:raw', "$file.new" or die "$file: $!";
    print $out ref $record ? $json->encode($record) : $record;
    close $out or die "$file: $!";
    rename "$file.new", $file or die "$file: $!";

    return $self;
}


sub remove {
    my ($self, $path) = @_;

    unlink "$self->{own}$path";
    return $self;
}


sub capsule {
    my ($self, $id, $capsule, %status) = @_;

    $capsule = $json->decode($capsule) if !ref $capsule;
    $status{state} //= 'active';

    return $self->record("/v1/capsules/$id", { capsule => $capsule,
                                               status => \%status });
}


sub member {
    my ($self, $vault, $identity, $is) = @_;

    my $path = "/v1/vaults/$vault/members/$identity";

    return $self->remove($path) if !defined $is;
    return $self->record($path, $is ? '{"member":true}'
                                    : '{"member":false}');
}


sub capability {
    my ($self, $jti, $state) = @_;

    my $path = "/v1/capabilities/$jti";

    return $self->remove($path) if !defined $state;
    return $self->record($path, { status => { state => $state } });
}


sub redeemed {
    my ($self, $jti) = @_;

    return $self->count(qr{/v1/links/\Q$jti\E/redemptions$});
}


sub handle {
    my ($self, $request) = @_;

    my $path = $request->path;

    return undef if $path =~ m{(?:^|/)\.\.?(?:/|$)} || $path =~ /\0/;

    return $self->_redeem($1, $request)
        if $request->method eq 'POST'
           && $path =~ m{^/v1/links/([^/]+)/redemptions$};

    for my $dir (grep { defined } @$self{qw(records own)}) {
        return { type => 'application/json', file => "$dir$path" }
            if -f "$dir$path";
    }

    return undef;
}


sub _redeem {
    my ($self, $jti, $request) = @_;

    my $asked = eval { $request->json } // {};
    my $max = $asked->{max} // 1;
    my $n = $self->tick("$self->{dir}/tick/link." . unpack 'H*', $jti);

    return { status => 409, type => 'application/json', body => '{}' }
        if $n > $max;
    return { type => 'application/json',
             body => $json->encode({ remaining => $max - $n }) };
}


1;
