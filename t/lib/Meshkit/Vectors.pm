package Meshkit::Vectors;

# The committed vectors (t/vectors/README.md) as services that serve them.
#
#   my @vectors = vectors(qr/^floe-/);      # by name; all without a pattern
#   my $served = Meshkit::Vectors->serve;   # metadata, policy and a gateway
#   $served->load($vector);                 # from now on they serve this one
#   $served->metadata->port; ->policy->port; ->gateway->port
#   keys_into($dir);                        # copies of keys/, mode 0600

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use File::Copy qw(copy);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);

use Meshkit::Cid qw(cid_parse cid_text cid_key RAW DAG_PB);
use Meshkit::Dag qw(dag_links car_header car_section);
use Meshkit::Process;
use Meshkit::Service;

our @EXPORT_OK = qw(vectors keys_into);

use constant MAX_BLOCKS => 10_000;
use constant MAX_CAR => 16 << 20;

my $FOLDER = 't/vectors';


sub vectors {
    my ($pattern) = @_;

    my @vectors;

    for my $file (sort glob "$FOLDER/capsule/*.json") {
        my ($name) = $file =~ m{([^/]+)\.json$};

        next if defined $pattern && $name !~ $pattern;
        push @vectors, JSON::PP->new->utf8->decode(
            Meshkit::Process::slurp($file));
    }

    return @vectors;
}


sub keys_into {
    my ($dir) = @_;

    mkdir $dir;

    for my $file (glob "$FOLDER/keys/*") {
        next if !-f $file;
        my ($name) = $file =~ m{([^/]+)$};
        copy($file, "$dir/$name") or die "$file: $!";
        chmod 0600, "$dir/$name";
    }
}


sub serve {
    my ($class) = @_;

    my $self = bless {}, $class;

    _index();
    $self->{metadata} = Meshkit::Service->run(handler => \&_metadata);
    $self->{policy} = Meshkit::Service->run(handler => \&_policy);
    $self->{gateway} = Meshkit::Service->run(handler => \&_gateway);

    return $self;
}


sub metadata { return $_[0]{metadata} }
sub policy { return $_[0]{policy} }
sub gateway { return $_[0]{gateway} }


sub load {
    my ($self, $vector) = @_;

    for my $service (@$self{qw(metadata policy gateway)}) {
        $service->set(vector => $vector->{name});
    }
}


my %cache;

sub _vector {
    my ($service) = @_;

    my $name = $service->get('vector') // return {};

    return $cache{$name} //= JSON::PP->new->utf8->decode(
        Meshkit::Process::slurp("$FOLDER/capsule/$name.json"));
}


sub _metadata {
    my ($request, $service) = @_;

    my $vector = _vector($service);

    # in no vector is there anybody who knows the members of a vault
    return { status => 503, body => '' } if $request->path =~ m{^/v1/vaults/};

    return undef if $request->path ne "/v1/capsules/$vector->{id}";

    return { status => $vector->{record_status}, type => 'application/json',
             body => decode_base64url($vector->{record}) };
}


sub _policy {
    my ($request, $service) = @_;

    my $decision = _vector($service)->{policy} ? 'true' : 'false';

    return { type => 'application/json', body => "{\"decision\":$decision}" };
}


my $index;

# Read before the services fork, else each connection would.
sub _index {
    return $index //= { map { my ($n) = m{([^/]+)$}; (cid_key($n) => $_) }
                        grep { -f && defined cid_key(m{([^/]+)$}) }
                        glob "$FOLDER/blocks/*" };
}


# The bytes that the vector's gateway has for a CID; undef: it has none.
sub _block {
    my ($vector, $cid) = @_;

    my $key = cid_key($cid);
    my $text = cid_text($cid);

    for my $missing (@{ $vector->{missing} }) {
        return undef if cid_key($missing) eq $key;
    }

    for my $zeros (keys %{ $vector->{zeros} // {} }) {
        return "\0" x $vector->{zeros}{$zeros} if cid_key($zeros) eq $key;
    }

    for my $name (keys %{ $vector->{blocks} }) {
        return Meshkit::Process::slurp(
            "$FOLDER/blocks/$vector->{blocks}{$name}")
            if cid_key($name) eq $key;
    }

    my $path = _index()->{$key};

    return defined $path ? Meshkit::Process::slurp($path) : undef;
}


# Sections in DFS order; a child that is missing ends the stream, cleanly.
sub _car {
    my ($vector, $root) = @_;

    my @todo = ($root);
    my $car = car_header([$root]);
    my $count = 0;

    while (my $cid = shift @todo) {
        my $block = _block($vector, $cid);

        last if !defined $block || ++$count > MAX_BLOCKS
                || length $car > MAX_CAR;
        $car .= car_section($cid->{bytes}, $block);

        next if $cid->{codec} != DAG_PB;
        my @links = eval { dag_links($block) };
        unshift @todo, grep { defined } @links;
    }

    return $car;
}


sub _gateway {
    my ($request, $service) = @_;

    my ($text) = $request->path =~ m{^/ipfs/([A-Za-z0-9]+)$} or return undef;
    my $cid = cid_parse($text) // return { status => 400, body => 'CID?' };
    my $vector = _vector($service);
    my $format = $request->arg('format') // '';

    return undef if !defined _block($vector, $cid);

    if ($format eq 'raw') {
        return { type => 'application/vnd.ipld.raw',
                 body => _block($vector, $cid) };
    }

    return { status => 406, body => 'format?' } if $format ne 'car';

    return { type => 'application/vnd.ipld.car; version=1; order=dfs; dups=y',
             body => _car($vector, $cid), framing => 'chunked' };
}


1;
