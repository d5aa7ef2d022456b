package Meshkit::RecordStore;

# A metadata service that takes PUT as docs/DIRECTIVES.md asks of one, and the
# ways in which others fall short of it.
#
#   my $s = Meshkit::RecordStore->run;      # files in $s->store
#   my @place = ('--metadata-url', $s->url);
#   $s->read_record($id); ->write_record($id, $bytes); ->state($id)
#   $s->puts($id)                           # requests, in order
#
# What is set() holds for the requests that come after:
#
#   etag            strong (of the bytes, the default), none, weak, changing,
#                   long, control, bare; or any text as it is
#   ignore          "If-Match", "If-None-Match", "both": not looked at
#   hold            a path: a PUT with an active record is applied when it is
#                   there, and a second path, "<hold>.held", says it waits
#   lose            so many PUTs are applied and not answered
#   refuse          [status, n]: so many PUTs, in the place of the work
#   only            a PUT of a record under another id than its own: 400
#   any             an If-Match is taken for "*": it fits whatever is there
#   missing         the status of If-Match where nothing is, instead of 412;
#                   201: it is carried out
#   show            a GET's body, whatever was stored
#   took            a PUT's status, without storing anything
#   after_get       [id, bytes]: after the next GET the record is these bytes
#   undo            so many PUTs of a revoked record where one is are undone
#   no_delete       DELETE is 405

use strict;
use warnings;

use parent 'Meshkit::Service';

use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Time::HiRes qw(sleep time);

use Meshkit::Process;

my $json = JSON::PP->new->utf8;


sub init {
    my ($self) = @_;

    $self->{store} = "$self->{dir}/store";
    mkdir $self->{store};
}


sub store { return $_[0]{store} }
sub url { return "http://127.0.0.1:$_[0]{port}/base" }


sub read_record {
    my ($self, $id) = @_;

    return Meshkit::Process::slurp("$self->{store}/$id");
}


sub write_record {
    my ($self, $id, $bytes) = @_;

    _put_file("$self->{store}/$id", $bytes);
    return $self;
}


sub state {
    my ($self, $id) = @_;

    my $text = $self->read_record($id);
    return $text eq '' ? 'none' : $json->decode($text)->{status}{state};
}


sub ids {
    my ($self) = @_;

    return sort map { m{([^/]+)$} } glob "$self->{store}/*";
}


sub puts {
    my ($self, $id) = @_;

    return grep { $_->method eq 'PUT' }
           $self->requests(defined $id ? qr{/\Q$id\E$} : qr{/});
}


sub _put_file {
    my ($file, $bytes) = @_;

    open my $out, '>:raw', "$file.new~" or die "$file: $!";
    print $out $bytes;
    close $out or die "$file: $!";
    rename "$file.new~", $file or die "$file: $!";
}


sub _etag {
    my ($self, $bytes) = @_;

    my $kind = $self->get('etag') // 'strong';
    my $tag = sha256_hex($bytes);

    return '"' . substr($tag, 0, 32) . '"' if $kind eq 'strong';
    return undef if $kind eq 'none';
    return "W/\"$tag\"" if $kind eq 'weak';
    return '"' . $self->tick("$self->{dir}/tick/etag") . '"'
        if $kind eq 'changing';
    return '"' . 'x' x 65536 . '"' if $kind eq 'long';
    return "\"a\x01\rb\"" if $kind eq 'control';
    return $tag if $kind eq 'bare';
    return $kind;
}


sub handle {
    my ($self, $request) = @_;

    my ($id) = $request->path =~ m{^/base/v1/capsules/([A-Za-z0-9_-]+)$}
        or return undef;

    return $self->_get($id) if $request->method eq 'GET';
    return $self->_put($id, $request) if $request->method eq 'PUT';
    return $self->_delete($id) if $request->method eq 'DELETE';
    return { status => 405 };
}


sub _get {
    my ($self, $id) = @_;

    my $shown = $self->get('show');
    my $file = "$self->{store}/$id";

    return undef if !-e $file && !defined $shown;

    my $bytes = Meshkit::Process::slurp($file);
    my $tag = $self->_etag($bytes);
    my @headers = defined $tag ? (ETag => $tag) : ();

    my $after = $self->get('after_get');
    _put_file("$self->{store}/$after->[0]", $after->[1])
        if $after && $after->[0] eq $id
           && $self->tick("$self->{dir}/tick/after_get") == 1;

    return { type => 'application/json', headers => \@headers,
             body => $shown // $bytes };
}


sub _put {
    my ($self, $id, $request) = @_;

    my $refuse = $self->get('refuse');
    return { status => $refuse->[0] }
        if $refuse && $self->tick("$self->{dir}/tick/refuse") <= $refuse->[1];

    my $took = $self->get('took');
    return { status => $took } if defined $took;

    $self->_wait_on_hold if $request->body =~ /"active"/;

    open my $lock, '>>', "$self->{dir}/lock" or die "lock: $!";
    flock $lock, LOCK_EX or die "lock: $!";

    my $reply = $self->_judge($id, $request);
    return $reply if $reply;

    my $file = "$self->{store}/$id";
    my $status = -e $file ? 204 : 201;
    my $before = Meshkit::Process::slurp($file);
    _put_file($file, $request->body);

    my $undo = $self->get('undo');
    _put_file($file, $before)
        if $undo && $status == 204 && $request->body =~ /"revoked"/
           && $self->tick("$self->{dir}/tick/undo") <= $undo;

    my $lose = $self->get('lose');
    return { truncate => -1 }
        if $lose && $self->tick("$self->{dir}/tick/lose") <= $lose;
    return { status => $status };
}


sub _wait_on_hold {
    my ($self) = @_;

    my $go = $self->get('hold') // return;
    my $end = time() + 20;

    _put_file("$go.held", '');
    sleep 0.01 while !-e $go && time() < $end;
}


# The response of a PUT that is not carried out.
sub _judge {
    my ($self, $id, $request) = @_;

    my $ignore = $self->get('ignore') // '';
    my $file = "$self->{store}/$id";
    my $now = -e $file ? Meshkit::Process::slurp($file) : undef;

    if ($self->get('only')) {
        my $record = eval { $request->json } // {};
        my $payload = decode_base64url($record->{capsule}{payload} // 'e30');
        return { status => 400 } if $json->decode($payload)->{id} ne $id;
    }

    my $none = $request->header('If-None-Match');
    return { status => 412 }
        if defined $none && defined $now && $ignore !~ /^(?:If-None|both)/;

    my $match = $request->header('If-Match');
    return undef if !defined $match || $ignore =~ /^(?:If-Match|both)/;
    my $missing = $self->get('missing') // 412;
    return $missing == 201 ? undef : { status => $missing } if !defined $now;

    return undef if $self->get('any');

    my $tag = $self->_etag($now) // '';
    return $match eq $tag && $tag !~ m{^W/} ? undef : { status => 412 };
}


sub _delete {
    my ($self, $id) = @_;

    return { status => 405 } if $self->get('no_delete');
    return { status => unlink("$self->{store}/$id") ? 204 : 404 };
}


1;
