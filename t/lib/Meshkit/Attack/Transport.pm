package Meshkit::Attack::Transport;

# What a gateway can do to an answer: rows T1 to T21 of docs/DESIGN.md.
#
#   my @lines = Meshkit::Attack::Transport::lines($attack);
#
# A line of the table below is [row, what, fault, arguments, options]; fault
# and arguments are those of Meshkit::Gateway.  Options:
#
#   form     car, raw, auto; both CAR and raw without it
#   at       block (the default: at one block), answer (an answer as a whole;
#            raw: the answer that has a block), end (behind the last block),
#            stream (no place can be named: nothing may come out of it)
#   places   those of the places that make sense
#   ok       1: the file must come whole from this gateway alone
#   either   1: it may; when depends on when nginx reads what
#   behind   1: the block itself is right, the fault is behind it
#   slow     1: it is silent, and a short proxy_read_timeout finds it out
#   share    repeated: the share that has the same block many times
#   framing  the only one that makes sense
#   cached   1: through nginx's cache
#   check    sub (attack, line): what else must hold, as text if it does not

use strict;
use warnings;

use constant LATE => (slow => 1);

my @BOTH = (
    [ 'T1', 'one bit is wrong', 'flip', {} ],
    [ 'T1', 'the first bit is wrong', 'flip', { byte => 0, bit => 7 } ],
    [ 'T1', 'the last bit is wrong', 'flip', { byte => -1 } ],
    [ 'T1', 'the bytes of another block', 'other_bytes', 'OTHER' ],
    [ 'T1', 'no bytes', 'other_bytes', { bytes => '' } ],
    [ 'T1', 'a byte too many', 'lengthen', {} ],
    [ 'T1', 'a byte too few', 'shorten', {} ],
    [ 'T2', 'a clean end before the block', 'missing', {},
      { form => 'car' } ],
    [ 'T2', 'a clean end within the block', 'cut', { into => 20 } ],
    [ 'T2', 'the block is left out', 'drop', {}, { form => 'car' } ],
    [ 'T3', 'an English message in the stream', 'text', {} ],
    [ 'T3', 'a message, then a reset', 'text', { reset => 1 } ],
    [ 'T3', 'a message behind the last block', 'append',
      { bytes => "\n\n[Error: timeout]\n" },
      { form => 'car', at => 'end', ok => 1 } ],
    [ 'T3', 'a message behind the block', 'append',
      { bytes => "\n\n[Error: timeout]\n" },
      { form => 'raw', at => 'answer' } ],
    [ 'T4', 'exchanged with the next block', 'swap', {},
      { form => 'car', places => [qw(root leaf)] } ],
    [ 'T4', 'breadth first, and says so', 'breadth_first', {},
      { form => 'car', at => 'stream' } ],
    [ 'T4', 'breadth first, in secret', 'breadth_first', { label => 0 },
      { form => 'car', at => 'stream' } ],
    [ 'T4', 'in order, labelled order=unk', 'order_unk', {},
      { form => 'car', at => 'stream' } ],
    [ 'T4', 'no order in the label', 'label', { order => undef },
      { form => 'car', at => 'stream' } ],
    [ 'T5', 'a stranger before the block', 'surplus', {},
      { form => 'car' } ],
    [ 'T5', 'the block twice', 'repeat', {},
      { form => 'car', places => [qw(root leaf node)], behind => 1 } ],
    [ 'T6', 'a stranger behind the last block', 'trailing_block', {},
      { form => 'car', at => 'end', ok => 1 } ],
    [ 'T7', 'dups=n, and nothing repeats', 'dups_n', {},
      { form => 'car', at => 'stream', ok => 1 } ],
    [ 'T7', 'dups=n, repeated blocks missing', 'dups_n', {},
      { form => 'auto', at => 'stream', ok => 1, share => 'repeated' } ],
    [ 'T7', 'dups=y, repeated blocks missing', 'dups_missing', {},
      { form => 'auto', at => 'stream', ok => 1, share => 'repeated' } ],
    [ 'T8', 'labelled with another codec', 'codec', {},
      { form => 'car', ok => 1 } ],
    [ 'T8', 'labelled with the other CID version', 'version', {},
      { form => 'car', ok => 1 } ],
    [ 'T8', 'labelled with another CID', 'other_cid', {},
      { form => 'car' } ],
    [ 'T8', 'a CID of version 10', 'cid_version', {}, { form => 'car' } ],
    [ 'T9', 'a header of 216 GB', 'header_length', {},
      { form => 'car', at => 'stream' } ],
    [ 'T9', 'a header of 2000 roots', 'many_roots', {},
      { form => 'car', at => 'stream' } ],
    [ 'T9', 'a section of 216 GB', 'section_length', {},
      { form => 'car' } ],
    [ 'T9', 'a CID of 200 bytes', 'long_cid', {}, { form => 'car' } ],
    [ 'T9', 'a CID that claims 200 bytes', 'long_cid',
      { claim_only => 1 }, { form => 'car' } ],
    [ 'T9', 'a block above 2 MiB', 'oversize', {},
      { form => 'raw', at => 'answer' } ],
    [ 'T10', 'a length that is not minimal', 'nonminimal_varint', {},
      { form => 'car' } ],
    [ 'T10', 'a length of 13 bytes', 'overlong_varint', {},
      { form => 'car' } ],
    [ 'T10', 'a section of nothing', 'zero_section', {},
      { form => 'car' } ],
    [ 'T10', 'a section too short for a CID', 'tiny_section', {},
      { form => 'car' } ],
    [ 'T10', 'a section of an identity CID', 'identity_section', {},
      { form => 'car' } ],
    ( map { [ 'T10', @$_, { form => 'car', at => 'stream' } ] }
      [ 'a header length that is not minimal', 'header_nonminimal', {} ],
      [ 'CARv3', 'header_version', {} ],
      [ 'CARv2', 'carv2', {} ],
      [ 'a header of garbage', 'header_garbage', {} ],
      [ 'no header', 'header_missing', {} ],
      [ 'roots are null', 'roots_null', {} ] ),
    [ 'T10', 'another root in the header', 'roots_other', {},
      { form => 'car', at => 'stream', ok => 1 } ],
    [ 'T11', 'the stream ends behind a length', 'lone_varint', {},
      { form => 'car' } ],
    ( map { [ @$_, { at => 'answer' } ] }
      [ 'T12', 'a captive portal', 'html', {} ],
      [ 'T12', 'the right bytes as text/html', 'type',
        { type => 'text/html' } ],
      [ 'T12', 'no media type', 'no_type', {} ],
      [ 'T13', 'the format is ignored', 'whole_file', {} ],
      ( map { [ 'T14', "$_ to an honest gateway", 'redirect',
                { to => 'HONEST', code => $_ } ] } 301, 302, 303, 307, 308 ),
      [ 'T14', 'X-Accel-Redirect', 'x_accel', { to => '/secret/a.txt' } ],
      [ 'T15', 'gzip', 'gzip', {} ],
      [ 'T15', 'labelled gzip', 'gzip', { label_only => 1 } ],
      [ 'T15', 'labelled br', 'headers',
        { headers => [ 'Content-Encoding' => 'br' ] } ],
      [ 'T16', '206 without a Range', 'partial', {} ] ),
    [ 'T17', 'closed before its end', 'truncate', { into => 20 } ],
    [ 'T17', 'reset', 'reset', { into => 20 } ],
    [ 'T17', 'silence', 'stall', { into => 20, seconds => 20 }, { LATE } ],
    [ 'T17', 'silence instead of a header', 'stall',
      { at => -1, seconds => 20 }, { at => 'answer', LATE } ],
    [ 'T17', 'a reset instead of a header', 'reset', { at => -1 },
      { at => 'answer' } ],
    [ 'T17', 'no HTTP', 'garbage', {}, { at => 'answer' } ],
    [ 'T17', 'Content-Length is one too many', 'wrong_length', { by => 1 },
      { form => 'raw', at => 'answer', framing => 'length' } ],
    [ 'T17', 'Content-Length is one too many', 'wrong_length', { by => 1 },
      { form => 'car', at => 'end', framing => 'length', ok => 1 } ],
    [ 'T17', 'Content-Length is one too few', 'wrong_length', { by => -1 },
      { form => 'raw', at => 'answer', framing => 'length' } ],
    [ 'T17', 'Content-Length is one too few', 'wrong_length', { by => -1 },
      { form => 'car', at => 'end', framing => 'length' } ],
    [ 'T17', 'a body that never ends', 'endless', {},
      { at => 'answer', framing => 'chunked' } ],
    ( map { [ 'T18', "$_ and Retry-After", 'status',
              { code => $_, headers => [ 'Retry-After' => 1 ] },
              { at => 'answer' } ] } 429, 502, 503, 504 ),
    ( map { [ 'T19', "$_, cacheable for ever", 'status', { code => $_,
              headers => [ 'Cache-Control' => 'public, max-age=29030400, '
                           . 'immutable' ] },
              { at => 'answer', cached => 1, check => \&_healed } ] }
      404, 410, 502 ),
    [ 'T19', 'wrong bytes, cacheable for ever', 'flip', {},
      { cached => 1 } ],
    ( map { [ 'T20', "$_ for what is not there", 'status', { code => $_ },
              { at => 'answer' } ] } 204, 400, 403, 404, 410, 418, 500 ),
    [ 'T21', 'the answer to another request', 'other_bytes', 'OTHER' ],
    [ 'T21', 'a second answer on the connection', 'extra',
      { bytes => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: "
                 . "application/vnd.ipld.raw\r\n\r\nwrong" },
      { form => 'raw', at => 'answer', framing => 'length',
        connection => 'k', either => 1 } ],
);

my %WHY_NOT = (
    T21 => 'streams mixed up within one connection need HTTP/2 to the '
           . 'gateway, which nginx has from 1.29.4 on: '
           . 't/module/http2_frames.t',
);


sub lines {
    my ($attack) = @_;

    my @lines;

    for my $entry (@BOTH) {
        my ($row, $what, $fault, $args, $opt) = @$entry;
        my %opt = %{ $opt // {} };

        for my $form ($opt{form} // qw(car raw)) {
            for my $place (_places($form, \%opt)) {
                push @lines, { %opt, kind => 'fault', row => $row,
                               what => $what, fault => $fault,
                               args => $args, form => $form,
                               place => $place, at => $opt{at} // 'block' };
            }
        }
    }

    push @lines, map { { kind => 'none', row => $_, what => $WHY_NOT{$_} } }
                 sort keys %WHY_NOT;
    return @lines;
}


sub _places {
    my ($form, $opt) = @_;

    my $at = $opt->{at} // 'block';

    return 'end' if $at eq 'end';
    return 'header' if $at eq 'stream' || $at eq 'answer' && $form ne 'raw';
    return @{ $opt->{places} // [qw(root leaf node last)] };
}


# An error that was to be kept for ever is gone with the error.
sub _healed {
    my ($attack, $line) = @_;

    $attack->edge->heal;
    my $r = $attack->edge->get($attack->alone($line)
                               . $attack->share($line)->{id});
    my $outcome = $attack->edge->outcome($r, $attack->share($line));

    return $outcome eq '200 ok' ? undef : "healed, but still $outcome";
}


1;
