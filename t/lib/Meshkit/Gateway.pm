package Meshkit::Gateway;

# An IPFS trustless gateway over a directory of blocks, honest until told.
#
#   my $gw = Meshkit::Gateway->run(blocks => $dir);  # files named by CID
#   my $root = $gw->add_file($bytes, chunk => 1000); # or add_block, add_car
#   $t->port('gw', $gw->port);
#
#   $gw->fault('flip', block => 3);                  # raw and CAR
#   $gw->fault('stall', format => 'car', block => 2, into => 10);
#   $gw->fault('status', format => 'raw', code => 429, times => 1,
#              headers => [ 'Retry-After' => 1 ]);
#   $gw->fault('reset', cid => 'bafk...');
#   $gw->clear_faults;
#
# Several faults hold together.  Their names are the rows of
# Meshkit::Gateway::Fault and of Meshkit::Service::Mode; each takes, besides
# its own arguments,
#
#   format  raw, car or both (the default)
#   block   the block's index in DFS order, 0 the root, -1 the last; in a
#           raw request: when that block is asked for
#   cid     the same by CID, in any text form
#   root    the DAG that block counts in for raw requests; without it the one
#           DAG of the gateway, see root()
#   into    for what happens at a position (cut, truncate, stall, reset,
#           text): bytes into that block's section or body; without block
#           and cid the position is "at", in bytes of the body
#   times, skip, match   as in Meshkit::Service
#
# GET and HEAD /ipfs/{cid}, format by query, else by Accept.  dag-scope=block
# is obeyed, entity-bytes is not.  CIDv0 and v1 find the same block.  A stream
# whose child is missing ends cleanly before it, as those of boxo do.
#
# Besides those of Meshkit::Service: add_block(bytes, codec) and
# add_block(bytes, cid_text), add_file(bytes, ...) as unixfs_file, and
# add_car(bytes) give CID texts; remove_block(cid); root([cid]);
# entries(cid): the CID texts in DFS order; asked_raw, asked_car: CID texts
# that were asked for, in order.

use strict;
use warnings;

use parent 'Meshkit::Service';

use List::Util qw(sum0);

use Meshkit::Cid qw(cid_parse cid_make cid_text cid_key RAW DAG_PB IDENTITY);
use Meshkit::Dag qw(dag_walk dag_links unixfs_file car_header car_section
                    car_read);
use Meshkit::Gateway::Fault;
use Meshkit::Service::Mode;

use constant MAX_ENTRIES => 50_000;
use constant RAW_TYPE => 'application/vnd.ipld.raw';
use constant CAR_TYPE => 'application/vnd.ipld.car';


sub init {
    my ($self) = @_;

    $self->{blocks} //= "$self->{dir}/blocks";
    mkdir $self->{blocks};
}


# --- the store --------------------------------------------------------------

sub add_block {
    my ($self, $bytes, $name) = @_;

    $name = cid_text(cid_make($name // RAW, $bytes))
        if ($name // 0) =~ /^\d+$/;

    open my $file, '>:raw', "$self->{blocks}/$name" or die "$name: $!";
    print $file $bytes;
    close $file or die "$name: $!";

    return $name;
}


sub remove_block {
    my ($self, $cid) = @_;

    my $path = $self->_path(cid_key($cid)) // return 0;
    return unlink $path;
}


sub add_file {
    my ($self, $bytes, %opt) = @_;

    my ($root, @blocks) = unixfs_file($bytes, %opt);

    $self->add_block($_->[1], cid_text($_->[0])) for @blocks;
    return $self->root(cid_text($root));
}


sub add_car {
    my ($self, $bytes) = @_;

    my ($header, @sections) = car_read($bytes);

    return map { $self->add_block($_->[1], cid_text($_->[0])) } @sections;
}


# Blocks may be written at any time, also by others: a miss looks again.
sub _path {
    my ($self, $key) = @_;

    my $path = $self->{index}{$key};

    return $path if defined $path && -e $path;

    $self->{index} = {};
    opendir my $dir, $self->{blocks} or die "$self->{blocks}: $!";

    for my $name (readdir $dir) {
        my $found = cid_key($name) // next;
        $self->{index}{$found} = "$self->{blocks}/$name";
    }

    return $self->{index}{$key};
}


sub _fetch {
    my ($self, $cid) = @_;

    return $cid->{digest} if $cid->{hash} == IDENTITY;

    # under its own name, mostly: a connection need not read the directory
    my $path = "$self->{blocks}/" . cid_text($cid);

    $path = $self->_path(cid_key($cid)) // return undef if !-e $path;
    return Meshkit::Process::slurp($path);
}


sub _walk {
    my ($self, $cid, $limit) = @_;

    return dag_walk($cid, sub { $self->_fetch($_[0]) },
                    $limit // MAX_ENTRIES);
}


sub links {
    my ($self, $entry) = @_;

    return () if $entry->{cid}{codec} != DAG_PB;
    return dag_links($self->_fetch($entry->{cid}) // '');
}


sub entries {
    my ($self, $cid) = @_;

    return map { cid_text($_->{cid}) }
           $self->_walk(cid_parse($cid // $self->root));
}


# Without one that was set: the only block that no other links to.
sub root {
    my ($self, $cid) = @_;

    $self->{root} = $cid if defined $cid;
    return $self->{root} if defined $self->{root};

    $self->_path('');
    my %orphans = %{ $self->{index} };

    for my $path (values %{ $self->{index} }) {
        my $own = cid_parse($path =~ s{.*/}{}r);
        next if $own->{codec} != DAG_PB;
        delete @orphans{ map { cid_key($_) }
                         dag_links(Meshkit::Process::slurp($path)) };
    }

    my @roots = values %orphans;
    return @roots == 1 ? $roots[0] =~ s{.*/}{}r : undef;
}


# --- faults -----------------------------------------------------------------

sub fault {
    my ($self, $name, %args) = @_;

    $args{format} //= 'both';
    $args{keys} = [ cid_key($args{cid}) ] if defined $args{cid};

    if (defined $args{block} && $args{format} ne 'car') {
        my $root = $args{root} // $self->root;
        die "fault '$name': in which DAG is block $args{block}?"
            if !defined $root && $args{format} eq 'raw';
        my $cid = defined $root
                  ? ($self->entries($root))[$args{block}] : undef;
        $args{keys} = [ defined $cid ? cid_key($cid) : () ];
    }

    return $self->add_mode($name, %args);
}


sub clear_faults { return $_[0]->mode('ok') }


sub knows_mode {
    my ($self, $name) = @_;

    return Meshkit::Gateway::Fault::known($name)
           || Meshkit::Service::Mode::known($name);
}


sub mode_concerns {
    my ($self, $args, $request) = @_;

    return 0 if !$self->SUPER::mode_concerns($args, $request);

    my $wanted = $args->{format} // 'both';
    my $format = $request->{format} // return $wanted eq 'both';

    return 0 if $wanted ne 'both' && $wanted ne $format;
    return 1 if $format eq 'car' || !$args->{keys};
    return scalar grep { $_ eq $request->{key} } @{ $args->{keys} };
}


# The plan is changed first, then it becomes a body, then the reply is
# changed: a position is one in the body as it is sent.
sub apply_modes {
    my ($self, $request, $reply, @modes) = @_;

    my $plan = delete $reply->{plan};

    if (!$plan) {
        @modes = grep { Meshkit::Service::Mode::known($_->{name}) } @modes;
        return $self->SUPER::apply_modes($request, $reply, @modes);
    }

    @modes = map { { %$_, args => { %{ $_->{args} } } } } @modes;

    for my $mode (@modes) {
        my $args = $mode->{args};
        $args->{at_block} = _find($plan, $args);
        Meshkit::Gateway::Fault::plan($mode->{name}, $plan, $args, $self);
    }

    for my $args (map { $_->{args} } @modes) {
        $args->{at} = _position($plan, $args) if _has_position($args);
    }

    _body($plan, $reply);

    for my $mode (@modes) {
        Meshkit::Gateway::Fault::reply($mode->{name}, $reply, $mode->{args});
    }

    return $reply;
}


# The index that a fault means, or undef: none was named.
sub _find {
    my ($plan, $args) = @_;

    my $list = $plan->{list};

    return 0 if $plan->{format} eq 'raw' && defined $args->{keys};

    if (defined $args->{block}) {
        my $n = $args->{block};
        return $n < 0 ? @$list + $n : $n;
    }

    my %keys = map { $_ => 1 } @{ $args->{keys} // return undef };
    my ($n) = grep { $keys{cid_key($list->[$_]{cid})} } 0 .. $#$list;
    return $n // scalar @$list;
}


sub _has_position {
    my ($args) = @_;

    return defined $args->{into} || defined $args->{at_block};
}


sub _position {
    my ($plan, $args) = @_;

    my $n = $args->{at_block} // 0;
    my $into = $args->{into} // $args->{at} // 0;

    return $into if $plan->{format} eq 'raw';

    my $last = $n > @{ $plan->{list} } ? $#{ $plan->{list} } : $n - 1;
    return length(_opening($plan)) + $into
           + sum0(map { length(_section($plan->{list}[$_]) // '') }
                  0 .. $last);
}


# --- replies ----------------------------------------------------------------

sub handle {
    my ($self, $request) = @_;

    my ($text) = $request->{path} =~ m{^/ipfs/([^/]+)$} or return undef;
    my $cid = cid_parse($text)
        or return { status => 400, body => "invalid cid\n" };

    $request->{format} = _format($request)
        or return { status => 400, body => "no format\n" };
    $request->{key} = cid_key($cid);

    return { status => 404, body => "block not found\n" }
        if !defined $self->_fetch($cid);

    my $car = $request->{format} eq 'car';
    my $scope = $request->arg('dag-scope') // 'all';
    my $only = !$car || $scope eq 'block';
    my @list = $self->_walk($cid, $only ? 1 : MAX_ENTRIES);

    $_->{bytes} = sub { $self->_fetch($_[0]{cid}) } for @list;
    return _honest_reply($request, $cid, @list);
}


sub _format {
    my ($request) = @_;

    my $format = $request->arg('format');

    return $format =~ /^(?:raw|car)$/ ? $format : undef if defined $format;

    my $accept = $request->header('Accept') // '';
    return 'car' if index($accept, CAR_TYPE) >= 0;
    return 'raw' if index($accept, RAW_TYPE) >= 0;
    return undef;
}


sub _honest_reply {
    my ($request, $cid, @list) = @_;

    my $format = $request->{format};
    my $text = cid_text($cid);

    return {
        status => 200,
        type => $format eq 'raw' ? RAW_TYPE
                : CAR_TYPE . '; version=1; order=dfs; dups=y',
        headers => [
            'Content-Disposition' => "attachment; filename=$text.$format",
            'Etag' => $format eq 'raw' ? qq("$text.raw") : qq(W/"$text.car"),
            'Cache-Control' => 'public, max-age=29030400, immutable',
            'X-Content-Type-Options' => 'nosniff',
            'X-Ipfs-Path' => "/ipfs/$text",
            $format eq 'car' ? ('Accept-Ranges' => 'none') : (),
        ],
        plan => { format => $format, list => \@list,
                  roots => [ $cid ], version => 1 },
    };
}


sub _body {
    my ($plan, $reply) = @_;

    if ($plan->{format} eq 'raw') {
        $reply->{body} = _block($plan->{list}[0]);
        return;
    }

    my @list = @{ $plan->{list} };
    my $opening = _opening($plan);

    $reply->{body} = sub {
        return substr $opening, 0, length $opening, '' if $opening ne '';

        my $entry = shift @list // return undef;
        my $section = _section($entry) // return undef;

        @list = () if $entry->{last};
        return $section;
    };

    $reply->{type} = $plan->{type} if defined $plan->{type};
}


sub _opening {
    my ($plan) = @_;

    return $plan->{opening}
           // car_header($plan->{roots}, version => $plan->{version});
}


sub _block {
    my ($entry) = @_;

    my $bytes = ref $entry->{bytes} ? $entry->{bytes}->($entry)
                                    : $entry->{bytes};

    for my $change (@{ $entry->{changes} // [] }) {
        $bytes = $change->($bytes) if defined $bytes;
    }

    return $bytes;
}


# undef: the block is missing, and the stream ends.
sub _section {
    my ($entry) = @_;

    my $cid = $entry->{section_cid} // $entry->{cid}{bytes};
    my $bytes = _block($entry) // return undef;

    return '' if $entry->{cid}{hash} == IDENTITY;
    return $entry->{encode}->($cid, $bytes) if $entry->{encode};
    return car_section($cid, $bytes);
}


sub asked_raw { return $_[0]->_asked('raw') }
sub asked_car { return $_[0]->_asked('car') }


sub _asked {
    my ($self, $format) = @_;

    return map { $_->path =~ m{^/ipfs/(.*)} ? $1 : () }
           grep { (_format($_) // '') eq $format } $self->requests;
}


1;
