# A gateway that speaks HTTP/2 (nginx has that from 1.29.4 on) and sends wrong
# frames: streams mixed up within a connection, ends that are none, floods.
# It has one block, which is right in all of them: what is refused is refused
# for its frames.

use strict;
use warnings;

package Frames;

use parent -norequire, 'Meshkit::Service';

use IO::Select;

use Meshkit::Service;

use constant { DATA => 0, HEADERS => 1, RST => 3, SETTINGS => 4, PING => 6,
               GOAWAY => 7, LAST => 1, END_HEADERS => 4 };

my %PLAYS = (
    right       => sub { $_[0]->head($_[1]); $_[0]->data($_[1]) },
    no_length   => sub { $_[0]->head($_[1], 0); $_[0]->data($_[1]) },
    next_stream => sub { $_[0]->head($_[1]); $_[0]->data($_[1] + 2) },
    even_stream => sub { $_[0]->head($_[1]); $_[0]->data($_[1] + 1) },
    old_stream  => sub { $_[0]->head($_[1]);
                         $_[0]->data($_[1] > 1 ? $_[1] - 2 : 99) },
    no_stream   => sub { $_[0]->head($_[1]); $_[0]->data(0) },
    data_first  => sub { $_[0]->data($_[1]) },
    two_heads   => sub { $_[0]->head($_[1]) for 1, 2; $_[0]->data($_[1]) },
    no_end      => sub { $_[0]->head($_[1]); $_[0]->data($_[1], 0);
                         $_[0]->frame(RST, 0, $_[1], pack 'N', 2) },
    no_body     => sub { $_[0]->head($_[1], 1, LAST) },
    early_end   => sub { $_[0]->head($_[1]); $_[0]->data($_[1], LAST, 100) },
    reset       => sub { $_[0]->head($_[1], 0); $_[0]->data($_[1], 0, 100);
                         $_[0]->frame(RST, 0, $_[1], pack 'N', 0) },
    goaway      => sub { $_[0]->frame(GOAWAY, 0, 0, pack 'NN', 0, 0) },
    padding     => sub { $_[0]->head($_[1]);
                         $_[0]->frame(DATA, LAST | 8, $_[1], "\xff" . 'x') },
    surplus     => sub { my ($f, $id) = @_;
                         $f->at_once(sub { $f->head($id); $f->data($id);
                                           $f->head($id + 2) }) },
    hints       => sub { $_[0]->hint($_[1]) for 1 .. 8;
                         $_[0]->head($_[1]); $_[0]->data($_[1]) },
    more_hints  => sub { $_[0]->hint($_[1]) for 1 .. 9;
                         $_[0]->head($_[1]); $_[0]->data($_[1]) },
    all_hints   => sub { $_[0]->flood(sub { $_[0]->hint($_[1]) }, $_[1]) },
    pings       => sub { $_[0]->flood(sub {
                         $_[0]->frame(PING, 0, 0, 'meshkit!') }) },
    settings    => sub { $_[0]->flood(sub {
                         $_[0]->frame(SETTINGS, 0, 0, '') }) },
    empty_data  => sub { $_[0]->head($_[1]);
                         $_[0]->flood(sub { $_[0]->frame(DATA, 0, $_[1], '') },
                                      $_[1]) },
);


sub knows { return sort keys %PLAYS }


sub frame {
    my ($self, $type, $flags, $id, $payload) = @_;

    my $bytes = substr(pack('N', length $payload), 1)
                . pack('CCN', $type, $flags, $id) . $payload;

    return $self->{together} .= $bytes if defined $self->{together};
    syswrite $self->{socket}, $bytes or die "gone\n";
}


# Literal fields that are not indexed, without Huffman coding.
sub block {
    my ($self, $status, @fields) = @_;

    return join '', map { "\0" . pack 'C/a C/a', @$_ }
           [ ':status', $status ], @fields;
}


sub hint {
    my ($self, $id) = @_;

    $self->frame(HEADERS, END_HEADERS, $id,
                 $self->block(103, [ link => '</a>; rel=hint' ]));
}


sub head {
    my ($self, $id, $length, $flags) = @_;

    $self->frame(HEADERS, END_HEADERS | ($flags // 0), $id, $self->block(200,
        [ 'content-type', 'application/vnd.ipld.raw' ],
        ($length // 1) ? [ 'content-length', length $self->{bytes} ] : ()));
}


sub data {
    my ($self, $id, $flags, $n) = @_;

    $self->frame(DATA, $flags // LAST, $id,
                 substr $self->{bytes}, 0, $n // length $self->{bytes});
}


sub at_once {
    my ($self, $code) = @_;

    my $all = do { local $self->{together} = ''; $code->();
                   $self->{together} };
    syswrite $self->{socket}, $all;
}


# The same without an end, many at a time.
sub flood {
    my ($self, $code, @args) = @_;

    local $self->{together} = '';
    $code->($self, @args) for 1 .. 4000;

    while (1) {
        my $at = 0;
        while ($at < length $self->{together}) {
            my $n = syswrite $self->{socket}, $self->{together}, 65536, $at;
            die "gone\n" if !defined $n;
            $at += $n;
        }
    }
}


# The streams of the requests since the last play().
sub _note {
    my ($self, $id) = @_;

    open my $file, '>>', "$self->{dir}/streams" or die "streams: $!";
    print $file "$id\n";
}


sub streams { return split /\n/,
                     Meshkit::Process::slurp("$_[0]{dir}/streams") }


sub play {
    my ($self, $name) = @_;

    unlink "$self->{dir}/streams";
    return $self->set(play => $name);
}


# Requests are not decoded: whatever is asked for, there is one block.
sub _serve {
    my ($self, $socket) = @_;

    $self->{socket} = $socket;
    my $pending = '';
    my $preface = 24;

    $self->frame(SETTINGS, 0, 0, '');

    while (IO::Select->new($socket)->can_read(30)) {
        sysread $socket, $pending, 65536, length $pending or return;
        substr $pending, 0, $preface, '' if length $pending >= $preface;
        $preface = 0;

        while (length $pending >= 9) {
            my ($high, $low, $type, $flags, $id) = unpack 'nCCCN', $pending;
            my $size = $high << 8 | $low;

            last if length $pending < 9 + $size;
            substr $pending, 0, 9 + $size, '';
            $self->frame(SETTINGS, 1, 0, '')
                if $type == SETTINGS && !($flags & 1);
            next if $type != HEADERS;

            $self->_load;
            $self->_note($id);
            # nginx closes what it does not like
            eval { $PLAYS{$self->get('play')}->($self, $id); 1 } or return;
        }
    }
}


package main;

use Test::More;
use Time::HiRes qw(time);

use Meshkit::Edge;
use Meshkit::Nginx;

my $e = Meshkit::Edge->new(gateways => 2, fresh => 90, alone => 1,
    forms => ['raw'], text => {
        http => "meshkit_deadline 4s;\nmeshkit_min_rate 0;\n"
                . 'proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;',
        server => <<'EOT',
location = /status { meshkit_status; }
location ~ ^/cached/(?<cap>.*)$ {
    meshkit_open $cap;
    meshkit_metadata /_meshkit/metadata;
    meshkit_gateway /_cached raw;
}
location /_cached/ {
    internal;
    proxy_pass http://gw0/;
    proxy_http_version 2;
    proxy_buffering on;
    proxy_cache blocks;
    proxy_cache_valid any 1h;
}
EOT
        gateway0 => "proxy_http_version 2;\nproxy_read_timeout 2s;" });
my $t = $e->nginx;

if ($e->refuses_http(2)) {
    done_testing();
    exit;
}

my $share = $e->share(size => 1000);
my ($cid, @more) = $e->gateway(0)->entries($share->{cid});

is(scalar @more, 0, 'the share is one block');

my $frames = Frames->new;
$frames->{bytes} = Meshkit::Process::slurp($e->dir . "/share/blocks/$cid");
$frames->start;
$t->port('gw0', $frames->port);
$e->start;

my %WANTED = map { $_ => '200 ok' } qw(right no_length hints);

for my $play (Frames::knows()) {
    my $wanted = $WANTED{$play} // '504 provider_request_failed';
    my $path = $e->fresh("/one/raw/$share->{id}");

    # the stream is a later one of a connection that is kept
    $frames->play('right');
    is($e->outcome($e->get($path), $share), '200 ok', "$play: before it");
    my ($stream) = $frames->streams;
    $frames->play($play);
    $t->reset_hwm;

    my $before = $t->worker_rss;
    my $start = time;

    is($e->outcome($e->get($path), $share), $wanted, "$play: alone");
    is(($frames->streams)[0], $stream + 2, "$play: first in the next stream");
    cmp_ok(time - $start, '<', 10, "$play: in time");
    is($e->outcome($e->get($e->fresh("/raw/$share->{id}")), $share), '200 ok',
       "$play: with an honest gateway behind it");
    cmp_ok($t->worker_rss('VmHWM') - $before, '<',
           Meshkit::Nginx::growth(8_000), "$play: in bounded memory, kB");
}

# A response that is to be cached, and ends where its body is to begin.
for my $row ([ 'no_body', '504 provider_request_failed' ],
             [ 'right', '200 ok' ])
{
    my ($play, $wanted) = @$row;

    $frames->play($play);
    is($e->outcome($e->get("/cached/$share->{id}"), $share), $wanted,
       "$play, for the cache");
    is(($e->get('/status')->body =~ /"localFailures":\{"storage":(\d+)/)[0], 0,
       "$play, for the cache: no failure of this server");
}

$e->done;
done_testing();
