package Meshkit::Attack;

# Every attack of docs/DESIGN.md's tables on one nginx with the module: what
# came out, whether it was right, and whether an honest gateway behind the
# hostile one completes it.
#
#   my $attack = Meshkit::Attack->new;       # short => 1: a place for each;
#                                            # rows => { T1 => 1 }: these only
#                                            # turn => n: other transports
#   for my $line ($attack->lines) {
#       $attack->run($line);                 # fills it in
#   }
#   $attack->missing;                        # rows that have no line
#   $attack->done;
#
# A line is what Meshkit::Attack::Transport, ::Tree and ::Range make of it,
# and after run()
#
#   transport   'CAR chunked 1.1 keep': how the hostile gateway answers
#   outcome     code and HTTP status, or "cut" behind the header
#   before      bytes released when the hostile gateway stands alone
#   unverified  bytes released, by any of its runs, that are not the file's,
#               or that no honest gateway had yet vouched for
#   completes   yes, no, or "cannot: why"
#   wrong       [texts]: what should not be; none if all is well
#
# Each run has gateway locations of its own: what the module remembers of
# a gateway must not save the next run from it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use List::Util qw(max);

use Meshkit::Attack::Range;
use Meshkit::Attack::Transport;
use Meshkit::Attack::Tree;
use Meshkit::Cid qw(cid_parse cid_text);
use Meshkit::Edge;
use Meshkit::Vectors;

use constant SEGMENT => 65_536;
use constant OVERHEAD => 32;
use constant LEAF => 50_000;
use constant SIZE => 390_000 - 6 * OVERHEAD;

our @ROWS = ((map { "T$_" } 1 .. 21), (map { "D$_" } 1 .. 22),
             (map { "N$_" } 1 .. 7), 'R');

# Eight leaves below two nodes, depth first; where a block's bytes begin in
# the ciphertext.
my %PLACES = (root => 0, above => 1, first => 2, leaf => 4, node => 6,
              last => 10);
my @BEGINS = (0, 0, 0, 1, 2, 3, 4, 4, 5, 6, 7);

my @TRANSPORTS = (
    [ 'length', 'k' ], [ 'chunked', 'k' ], [ 'close', 'c' ],
    [ 'length', 'o' ], [ 'chunked', 'c' ], [ 'close', 'o' ],
    [ 'length', 'c' ], [ 'close', 'k' ],
);
my %CONNECTIONS = (k => '1.1 keep', c => '1.1', o => '1.0');
my %FORMS = (car => 'CAR', raw => 'raw', auto => 'auto');


sub new {
    my ($class, %opt) = @_;

    my $self = bless { %opt }, $class;

    $self->{edge} = Meshkit::Edge->new(
        gateways => 2, forms => [], accel => 1, text => {});
    $self->{served} = Meshkit::Vectors->serve;
    $self->_shares;
    $self->{lines} = [ $self->_choose(
        Meshkit::Attack::Transport::lines($self),
        Meshkit::Attack::Tree::lines($self),
        Meshkit::Attack::Range::lines($self)) ];
    $self->_configure;
    $self->edge->nginx->write('html/a.txt', 'a secret of this server');
    $self->edge->start;
    $self->_learn;

    return $self;
}


sub edge { return $_[0]{edge} }
sub lines { return @{ $_[0]{lines} } }
sub done { $_[0]->edge->done }
sub share { return $_[0]{shares}{$_[1]{share} // 'main'} }


sub vectors {
    my ($self, $pattern) = @_;

    $self->{vectors} //= [ Meshkit::Vectors::vectors(
        qr/^(?:tree|ok|cid|root|request|floe-size)-/) ];
    return grep { $_->{name} =~ $pattern } @{ $self->{vectors} };
}


sub missing {
    my ($self) = @_;

    my %there = map { $_->{row} => 1 } grep { $_->{done} } $self->lines;
    return grep { !$there{$_} } @ROWS;
}


# --- what is run ------------------------------------------------------------

sub _shares {
    my ($self) = @_;

    my $edge = $self->edge;

    $self->{shares} = {
        main => $edge->share(size => SIZE, leaf => LEAF, width => 4),
        repeated => $edge->share(size => 200, leaf => 1),
        long => $edge->share(size => 10 << 20, leaf => 1 << 20),
    };
    $self->{blocks} = [ $edge->gateway->entries($self->share({})->{cid}) ];
}


# The short form has one line of each attack: its places and forms take turns.
sub _choose {
    my ($self, @lines) = @_;

    my (%group, @order, %turn);

    my $rows = $self->{rows} // {};

    for my $line (@lines) {
        next if %$rows && !$rows->{$line->{row}}
                || $self->{short} && ($line->{n} // 0) == 5000;
        my $of = $self->_group($line);
        push @order, $of if !$group{$of};
        push @{ $group{$of} }, $line;
    }

    my %place = map { $ROWS[$_] => $_ } 0 .. $#ROWS;
    my @chosen = map { my @of = @{ $group{$_} };
                       $self->{short} ? $of[$turn{scalar @of}++ % @of]
                                      : @of } @order;

    @chosen = sort { ($place{$a->{row}} // @ROWS)
                     <=> ($place{$b->{row}} // @ROWS) } @chosen;
    my $n = 0;

    for my $line (@chosen) {
        $line->{number} = ++$n;
        ($line->{framing}, $line->{connection}) = $self->_turn($line, $n);
    }

    return @chosen;
}


# Of the vectors of a row the short form takes the first.
sub _group {
    my ($self, $line) = @_;

    return join ' ', @$line{qw(row kind)},
                $line->{kind} eq 'vector' ? '' : $line->{what};
}


sub _turn {
    my ($self, $line, $n) = @_;

    return ('chunked', 'k') if $line->{kind} eq 'vector';
    return ('chunked', 'k') if $line->{kind} eq 'made'
                               && $line->{form} eq 'car';
    return ($line->{framing}, $line->{connection} // ($n % 2 ? 'k' : 'c'))
        if $line->{framing};
    return @{ $TRANSPORTS[($n + ($self->{turn} // 0)) % @TRANSPORTS] };
}


# --- nginx ------------------------------------------------------------------

sub _path { return "/$_[1]/$_[2]{number}/" }
sub alone { return $_[0]->_path('alone', $_[1]) }


sub _configure {
    my ($self) = @_;

    my $text = $self->{edge}{text};

    $text->{http} = <<'EOT';
proxy_cache_path %%DIR%%/temp/cache keys_zone=blocks:1m;
proxy_cache_key $request_uri$uri$is_args$args;
upstream closing { server 127.0.0.1:%%PORT_gw0%%; }
map $uri $cap { "~/(?<last>[^/]+)$" $last; }
EOT
    $text->{server} = join "\n", $self->_gateway_locations,
                      map { $self->_open_locations($_) } $self->lines;

    my $t = $self->edge->nginx;
    $t->port("v$_", $self->{served}->$_->port) for qw(metadata gateway);
}


sub _gateway_locations {
    my ($self) = @_;

    my $text = <<'EOT';
location /secret/ { internal; alias %%DIR%%/html/; }
location ^~ /_good/ {
    internal;
    rewrite ^/_good/\w+(/.*)$ $1 break;
    proxy_pass http://gw1;
}
location ^~ /_vector/ {
    internal;
    rewrite ^/_vector/\w+(/.*)$ $1 break;
    proxy_pass http://127.0.0.1:%%PORT_vgateway%%;
}
location /_vmetadata/ {
    internal;
    proxy_pass http://127.0.0.1:%%PORT_vmetadata%%/;
}
EOT
    my %how = (k => 'proxy_pass http://gw0;',
               c => 'proxy_pass http://closing; '
                    . 'proxy_set_header Connection close;',
               o => 'proxy_pass http://closing; proxy_http_version 1.0;');
    my %more = ('' => '', s => 'proxy_read_timeout 1s;',
                x => 'proxy_buffering on; proxy_cache blocks; '
                     . 'proxy_cache_valid 200 1h; '
                     . 'proxy_ignore_headers Cache-Control;');

    for my $how (sort keys %how) {
        for my $more (sort keys %more) {
            $text .= <<"EOT";
location ^~ /_bad/$how$more/ {
    internal;
    $more{$more}
    rewrite ^/_bad/\\w+/\\w+(/.*)\$ \$1 break;
    $how{$how}
}
EOT
        }
    }

    return $text;
}


sub _open_locations {
    my ($self, $line) = @_;

    my $n = $line->{number};
    my $open = 'meshkit_open $cap; meshkit_read_ahead 2; '
               . 'meshkit_deadline 100s; meshkit_metadata '
               . ($line->{kind} eq 'vector' ? '/_vmetadata;'
                                            : '/_meshkit/metadata;');
    my $way = $line->{connection} . ($line->{slow} ? 's'
                                     : $line->{cached} ? 'x' : '');
    my $form = $line->{form} // 'auto';

    return '' if $line->{kind} eq 'none';
    return <<"EOT" if $line->{kind} eq 'vector';
location /behind/$n/ {
    $open
    meshkit_gateway /_vector/a$n $form;
    meshkit_gateway /_vector/b$n $form;
}
EOT

    return <<"EOT";
location /alone/$n/ {
    $open
    meshkit_gateway /_bad/$way/a$n $form;
}
location /behind/$n/ {
    $open
    meshkit_gateway /_bad/$way/b$n $form;
    meshkit_gateway /_good/$n $form;
}
EOT
}


# The plaintexts behind the vectors: what a sound one gives, if the producer's
# hash fits it.
sub _learn {
    my ($self) = @_;

    my $e = $self->edge;
    my ($any) = grep { $_->{kind} eq 'vector' } $self->lines;

    for my $name (qw(ok-p256 ok-two-levels-of-links)) {
        my ($vector) = Meshkit::Vectors::vectors(qr/^\Q$name\E$/);
        $self->{served}->load($vector);
        my $r = $e->get($self->_path('behind', $any) . $name);

        die "$name does not open"
            if sha256_hex($r->body) ne $vector->{released};
        push @{ $self->{known} }, $r->body;
    }
}


# --- one run ----------------------------------------------------------------

sub run {
    my ($self, $line) = @_;

    my $kind = "_run_$line->{kind}";

    $line->{wrong} = [];
    $line->{unverified} = $line->{before} = 0;
    $line->{transport} = join ' ', $FORMS{$line->{form} // ''} // '',
        $line->{framing}, $CONNECTIONS{$line->{connection}};
    $self->$kind($line);
    $line->{done} = 1;

    return $line;
}


sub _run_none {
    my ($self, $line) = @_;

    $line->{outcome} = 'does not apply';
    $line->{$_} = '' for qw(place transport before unverified completes);
}


sub _wrong { my ($line, @what) = @_; push @{ $line->{wrong} }, @what }


sub _run_fault {
    my ($self, $line) = @_;

    my $e = $self->edge;
    my $share = $self->share($line);
    my $plain = $self->_wanted($line, $share->{plain});

    $e->clear;
    $self->_break($line);
    my $r = $self->_ask($line, alone => $share->{id});

    $line->{outcome} = $self->_outcome($line, $r);
    $line->{before} = _released($r);
    $self->_compare($line, $r, $plain,
                    $line->{ok} || $line->{either} ? length $plain
                                                   : $self->_limit($line));
    _wrong($line, 'the hostile gateway was not asked')
        if $e->gateway(0)->count == 0;
    _wrong($line, 'the honest gateway was asked by a redirect')
        if $e->gateway(1)->count > 0;
    _wrong($line, "alone: $line->{outcome}")
        if !$line->{either}
           && ($line->{outcome} =~ /^ok/) != ($line->{ok} // 0);

    $r = $self->_ask($line, behind => $share->{id});
    $self->_compare($line, $r, $plain, length $plain);
    $line->{completes} = _whole($r, $plain) ? 'yes' : 'no';
    _wrong($line, 'not completed: ' . $self->_outcome($line, $r))
        if $line->{completes} ne 'yes';
    _wrong($line, 'the fault was not noticed')
        if !$line->{ok} && !$line->{either}
           && $e->log($r)->{gateways_failed} == 0;

    _wrong($line, $line->{check} ? $line->{check}->($self, $line) // ()
                                 : ());
    $e->gateway(0)->mode('ok');
}


sub _break {
    my ($self, $line) = @_;

    my $gateway = $self->edge->gateway(0);
    my %args = $line->{args} eq 'OTHER'
               ? (bytes => $self->_block($line->{place} eq 'leaf' ? 5 : 4))
               : %{ $line->{args} };

    $args{to} = 'http://127.0.0.1:' . $self->edge->gateway(1)->port . '/'
        if ($args{to} // '') eq 'HONEST';
    $args{cid} = $self->{blocks}[$PLACES{$line->{place}}]
        if exists $PLACES{$line->{place}};
    $args{framing} = $line->{framing} if $line->{fault} eq 'truncate';
    $args{root} = $self->share($line)->{cid};

    $gateway->fault('framing', framing => $line->{framing});
    $gateway->fault($line->{fault}, %args);
}


sub _block {
    my ($self, $n) = @_;

    return Meshkit::Process::slurp($self->edge->dir . '/share/blocks/'
                                   . $self->{blocks}[$n]);
}


# The plaintext of the segments that end before the block begins: the most
# that can be vouched for.
sub _limit {
    my ($self, $line) = @_;

    my $n = $line->{place} eq 'end' ? $#BEGINS
            : ($PLACES{$line->{place}} // 0) + ($line->{behind} // 0);
    my $segments = int(LEAF * $BEGINS[$n] / SEGMENT);
    my $skipped = ($line->{range} // [0])->[0];

    return max(0, $segments * (SEGMENT - OVERHEAD) - $skipped);
}


sub _run_vector {
    my ($self, $line) = @_;

    my $vector = $line->{vector};
    my ($plain) = grep { sha256_hex(substr $_, 0, $vector->{released_size})
                         eq $vector->{released} } @{ $self->{known} };

    $self->{served}->load($vector);
    $self->{served}->gateway->clear if $line->{row} eq 'N1';
    my $id = $vector->{id} =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger;
    my $r = $self->_ask($line, behind => $id);

    $plain //= $r->body if sha256_hex($r->body) eq $vector->{released};
    _wrong($line, 'its plaintext is not known') if !defined $plain;
    $plain = substr $plain // '', 0, $vector->{released_size};

    # a range need not meet the lie; it is one of the file that was sealed
    $plain = $self->_wanted($line, $self->{known}[-1]) if $line->{range};
    $self->_judge_tree($line, $r, $plain, $vector->{outcome});
    _wrong($line, "a gateway was asked for $_")
        for $line->{row} eq 'N1' ? $self->_odd_names : ();
}


# CIDs as a gateway saw them that are not in their one canonical text.
sub _odd_names {
    my ($self) = @_;

    my @asked = map { $_->path =~ m{^/ipfs/(.*)} }
                $self->{served}->gateway->requests;

    return 'nothing' if !@asked;
    return grep { my $cid = cid_parse($_);
                  !defined $cid || cid_text($cid) ne $_ } @asked;
}


sub _run_made {
    my ($self, $line) = @_;

    my $ok = $line->{code} eq 'ok';
    my $share = $self->{made}{$line->{what}}
                //= Meshkit::Attack::Tree::build($self, $line);

    $self->edge->clear;
    $self->edge->gateway(0)->mode('framing', framing => $line->{framing});
    my $r = $self->_ask($line, behind => $share->{id});

    $self->_judge_tree($line, $r, $ok ? $share->{plain} : '', $line->{code});
    $self->edge->gateway(0)->mode('ok');
}


# Two gateways have the same DAG, and the second can do no better.
sub _judge_tree {
    my ($self, $line, $r, $plain, $code) = @_;

    my $ok = $code eq 'ok';
    my $cut = ($r->status // 0) =~ /^20[06]$/ && !$ok;

    $line->{outcome} = $self->_outcome($line, $r);
    $line->{before} = _released($r);
    $self->_compare($line, $r, $plain, length $plain);
    $line->{completes} = _whole($r, $plain) ? 'yes' : $ok ? 'no'
        : $line->{place} eq 'name' ? 'cannot: none is asked'
        : 'cannot: the same everywhere';

    _wrong($line, "$line->{outcome}, expected $code")
        if !$line->{range} && $line->{outcome} !~ /^\Q$code\E /;
    _wrong($line, 'the client cannot see that it is cut')
        if $cut && $r->complete && !$line->{range};
    _wrong($line, 'another gateway was asked for the same')
        if $self->edge->log($r)->{gateways_failed} > 0;
}


# --- what came out ----------------------------------------------------------

sub _ask {
    my ($self, $line, $way, $id) = @_;

    my $range = $line->{range};

    return $self->edge->get(
        $self->_path($way, $line) . $id, timeout => 120,
        headers => [ $range ? (Range => "bytes=$range->[0]-$range->[1]")
                            : () ]);
}


sub _wanted {
    my ($self, $line, $plain) = @_;

    my ($from, $to) = @{ $line->{range} // return $plain };

    return '' if $from >= length $plain;
    return substr $plain, $from, $to - $from + 1;
}


sub _released {
    my ($r) = @_;

    return ($r->status // 0) =~ /^20[06]$/ ? length $r->body : 0;
}


sub _whole {
    my ($r, $plain) = @_;

    return _released($r) == length $plain && $r->complete
           && $r->body eq $plain;
}


# What a refusal says is a problem document, and nothing of a gateway's.
sub _compare {
    my ($self, $line, $r, $plain, $limit) = @_;

    my $bytes = 0;

    if (($r->status // 0) !~ /^20[06]$/) {
        my $problem = $self->edge->problem($r);
        $bytes = length $r->body if !defined $problem->{code};

    } else {
        my $body = $r->body;
        my $n = length $body;
        my $differ = $body ^ substr $plain, 0, $n;

        $bytes = $differ =~ tr/\0//c;
        $bytes = max($bytes, $n - $limit);
    }

    $line->{unverified} += $bytes;
    _wrong($line, "$bytes bytes were not verified") if $bytes > 0;
}


sub _outcome {
    my ($self, $line, $r) = @_;

    my $log = $self->edge->log($r);
    my $status = $r->status // 'no answer';
    my $code = $log->{outcome} // '';

    return "$code $status" if $status !~ /^20[06]$/ || $r->complete;
    return "$code cut";
}


1;
