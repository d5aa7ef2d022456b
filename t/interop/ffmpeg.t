# FFmpeg, as players use it: it looks at a film by range, seeks in it, and
# shows what the film has, or an error.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Meshkit::Clients;

# A player asks for all from here to the end, and leaves.  What it does not
# read fills the sockets' buffers, megabytes each time, unless they are small.
my $c = Meshkit::Clients->new('ffmpeg', form => 'raw',
                              listen => 'sndbuf=128k');

$c->neighbour->version(qr/^ffmpeg version ([\d.]+)/, '-version');

my %film = map { $_ => $c->film($_) } qw(mp4 webm);
my $expired = $c->film('webm', exp => time - 60);

$c->start;

# What the local file gives, made once.
my %local = map { my $film = $film{$_}; ($_ => {
    probe => probe($film->{file}),
    frame => [ frames($film->{file}, qw(-frames:v 1), [ qw(-ss 20) ]) ],
    late => [ frames($film->{file}, qw(-frames:v 1), [ qw(-ss 35) ]) ],
    all => [ frames($film->{file}) ],
}) } sort keys %film;


# Options before the input come as a list.
sub ffmpeg {
    my ($input, @options) = @_;

    my @before = map { ref ? @$_ : () } @options;

    return $c->run(qw(-nostdin -hide_banner -v error -y), @before,
                   $input =~ /^https/ ? (qw(-tls_verify 1 -ca_file),
                                         $c->certificate) : (),
                   '-i', $input, (grep { !ref } @options),
                   qw(-map 0:v -f framemd5 frames));
}


# "time size hash" of each frame that was decoded.
sub frames {
    my $r = ffmpeg(@_);

    return $c->file('frames') =~ /^0,\s*\d+,\s*(\d+,.*)$/mg;
}


sub probe {
    my ($input) = @_;

    my $r = $c->run({ program => 'ffprobe' }, qw(-v error -of json
        -show_entries), 'format=format_name,duration:stream=codec_name,'
        . 'width,height,nb_frames,sample_rate',
        $input =~ /^https/ ? (qw(-tls_verify 1 -ca_file), $c->certificate)
                           : (), $input);

    return $r->{exit} == 0 ? JSON::PP->new->decode($r->{out})
                           : { error => $r->{err} };
}


sub url { return $c->url($film{$_[0]}, host => 'localhost', @_[1 .. $#_]) }


# Each request is for a range; what the client did not want any more is not
# fetched either.
sub by_range {
    my ($form, $name) = @_;

    my @all = $c->decided($name);
    my @begins = map { $_->{range} =~ /^bytes=(\d+)-$/ ? $1 : -1 } @all;

    is(scalar(grep { $_ < 0 } @begins), 0, "$name: all by range");
    cmp_ok($c->gateway->sent, '<', 0.75 * $film{$form}{size},
           "$name: not all of the film is fetched");
    return @begins;
}


$c->exercise('ffprobe: format, duration, streams, by range' => sub {
    for my $form (sort keys %film) {
        for my $tls (0, 1) {
            my $name = $form . ($tls ? ', TLS' : '');

            $c->forget;
            my $seen = probe(url($form, tls => $tls));
            is_deeply($seen, $local{$form}{probe}, "$name: as of the file")
                or diag explain $seen;

            my @begins = by_range($form, $name);
            cmp_ok(scalar(grep { $_ > 0.95 * $film{$form}{size} } @begins),
                   '==', 1, "$name: its end is looked at")
                if $form eq 'mp4';
        }
    }

    is($local{mp4}{probe}{format}{duration}, '40.000000', 'what it is');
    is($local{webm}{probe}{streams}[0]{codec_name}, 'vp8', 'what it is');
});


$c->exercise('-ss 20: the same frame as of the file, by range' => sub {
    for my $form (sort keys %film) {
        for my $tls (0, 1) {
            my $name = $form . ($tls ? ', TLS' : '');

            $c->forget;
            my @frames = frames(url($form, tls => $tls), qw(-frames:v 1),
                                [ qw(-ss 20) ]);
            is_deeply(\@frames, $local{$form}{frame}, "$name: the frame");
            is(scalar @frames, 1, "$name: it is one");
            my @begins = by_range($form, $name);
            ok((grep { $_ > 0.3 * $film{$form}{size}
                       && $_ < 0.6 * $film{$form}{size} } @begins),
               "$name: it goes to the middle") or diag "@begins";
        }
    }
});


$c->exercise('all of it: each frame as of the file' => sub {
    for my $form (sort keys %film) {
        my @frames = frames(url($form));

        is_deeply(\@frames, $local{$form}{all}, "$form: alike");
        is(scalar @frames, 1000, "$form: forty seconds");
    }
});


$c->exercise('a range that is left is client_gone in the audit log' => sub {
    my $read = sub { map { JSON::PP->new->utf8->decode($_) }
                     $c->edge->nginx->read('logs/audit.log') =~ /^(.+)\n/mg };
    my $before = $read->();

    probe(url('mp4'));
    my %id = map { $_->{id} => $_ } $c->decided('ffprobe');
    my @lines = grep { $id{$_->{'request.id'}} } $read->();
    my @ends = grep { exists $_->{'meshkit.end'} } @lines;

    is(scalar(grep { ($_->{'event.type'}[1] // '') eq 'allowed' } @lines),
       scalar keys %id, 'each range was allowed');
    is(scalar @ends, scalar keys %id, 'and has an end');
    my ($left) = grep { $_->{'meshkit.range'} =~ /^0-/ } @ends;
    is($left->{'meshkit.end'}, 'client_gone', 'the first was left');
    cmp_ok($left->{'http.response.body.bytes'}, '<', $film{mp4}{size},
           'before its end');
    my ($index) = grep { $_->{'meshkit.range'} !~ /^(?:0|48)-/ } @ends;
    is($index->{'meshkit.end'}, 'complete', 'the index was read whole');
});


# The fault is in the middle, at 20 s.  Without -xerror ffmpeg says that it
# met an error, and exits with 0 all the same.
$c->exercise('a bad leaf that is not needed harms nothing' => sub {
    for my $form (sort keys %film) {
        $c->cut($film{$form}, 0.5);
        is_deeply(probe(url($form)), $local{$form}{probe}, "$form: ffprobe");
        is_deeply([ frames(url($form), qw(-frames:v 1), [ qw(-ss 35) ]) ],
                  $local{$form}{late}, "$form: a frame behind it");
    }
});


$c->exercise('a bad leaf that is needed: an error, no other frame' => sub {
    for my $form (sort keys %film) {
        my $all = $local{$form}{all};

        $c->cut($film{$form}, 0.5);
        my $r = ffmpeg(url($form), [ qw(-xerror -fflags +discardcorrupt) ]);
        isnt($r->{exit}, 0, "$form: it fails");
        like($r->{err}, qr{Stream ends prematurely at \d+, should be \d+},
             "$form: and says so");

        my @frames = $c->file('frames') =~ /^0,\s*\d+,\s*(\d+,.*)$/mg;
        cmp_ok(scalar @frames, '>', 300, "$form: what came before");
        cmp_ok(scalar @frames, '<', 600, "$form: but no more");
        is_deeply(\@frames, [ @$all[0 .. $#frames] ],
                  "$form: as of the file");
        ok((grep { $_->{outcome} eq 'cid_mismatch' } $c->requests),
           "$form: the log has it");
        $c->forget;

        $r = ffmpeg(url($form));
        is($r->{exit}, 0, "$form, without -xerror: exit 0");
        like($r->{err}, qr/Stream ends prematurely/,
             "$form, without -xerror: it says so");
    }
});


$c->exercise('-reconnect: a cut is gone on from, each frame is right' => sub {
    for my $form (sort keys %film) {
        $c->forget;
        $c->cut($film{$form}, 0.5, opens => 1);
        is_deeply([ frames(url($form), [ qw(-reconnect 1) ]) ],
                  $local{$form}{all}, "$form: alike");

        my ($cut) = grep { $_->{outcome} eq 'cid_mismatch' } $c->requests(2);
        my ($from) = $cut->{range} =~ /^bytes=(\d+)-/;
        my $next = $from + $cut->{bytes};
        is(scalar(grep { $_->{range} eq "bytes=$next-" } $c->requests), 1,
           "$form: from where it was cut");
    }
});


$c->exercise('refusals: an error with the status, no frame' => sub {
    my $url = $c->url($expired);

    like(probe($url)->{error}, qr/Server returned 4XX/, 'expired: ffprobe');
    my $r = ffmpeg($url);
    isnt($r->{exit}, 0, 'expired: ffmpeg');
    $c->edge->policy->deny;
    like(probe(url('mp4'))->{error}, qr/403 Forbidden/, 'denied');
    is($c->gateway->count, 0, 'no byte is fetched');
    is_deeply([ $c->files ], [], 'nothing is written');
});


$c->done;
done_testing();
