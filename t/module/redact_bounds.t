# What a service sends is looked through for logs up to a length only: a
# gateway cannot make masking its header expensive, nor a request's many lines
# in the error log.

use strict;
use warnings;

use Test::More;

use List::Util qw(max);

use Meshkit::Edge;
use Meshkit::Process qw(wait_for);
use Meshkit::Service;

use constant {
    SIZE => 60_000,         # of a response's header, in a buffer of 64k
    TIMES => 4,             # opens of one kind
    TICKS => 100,           # of the kernel's clock, in a second
    MOST => $ENV{TEST_SANITIZED} ? 1 : 0.15,    # of an open (s)
    RESPONSE => 8192,       # NGX_MESHKIT_REDACT_RESPONSE
    LINES => 65536,         # NGX_MESHKIT_REDACT_LINES
    LINE => 256,            # NGX_MESHKIT_REDACT_LINE
};

# a client that is in league with the gateway sends what that sends back
my $secret = 'ab' x 32;
my %texts = (
    plain => 'x',
    jws => '-IHs',
    dots => 'eyJ.',
    secrets => ('ab' x 30) . 'c',
    names => 'cookie: ',
    arguments => 'token=',
    escapes => '%2525',
    schemes => 'Bearer a,',
    users => '://a:',
    lines => ', client: ',
);

my %ways = (
    'one header' => sub { return ('X-Evil' => $_[0]) },
    'headers of 60 bytes' => sub {
        my ($text) = @_;
        return map { ('X-Evil' => substr $text, 60 * $_, 60) }
               0 .. SIZE / 80;
    },
    'headers of 2 bytes' => sub {
        my ($text) = @_;
        return map { (X => substr $text, 2 * $_, 2) } 0 .. SIZE / 8;
    },
    'Location' => sub { return (Location => "http://a/$_[0]") },
    'X-Accel-Redirect' => sub { return ('X-Accel-Redirect' => "/to/$_[0]") },
    'Set-Cookie' => sub { return ('Set-Cookie' => "a=$_[0]") },
);


sub filled {
    my ($text) = @_;

    return substr $text x (SIZE / length($text) + 1), 0, SIZE;
}


my $evil = Meshkit::Service->run(handler => sub {
    my ($request, $service) = @_;
    my $text = filled($texts{$service->get('text')});
    my $way = $service->get('way');

    return { raw => "HTTP/1.1 404 Not Found\r\nX-Evil: $text\0\r\n\r\n" }
        if $way eq 'an invalid header';
    return { status => 404, type => 'text/plain', body => 'none',
             headers => [ $ways{$way}->($text) ] };
});

my $e = Meshkit::Edge->new(forms => [ 'raw' ],
    nginx => { log_level => 'info' },
    text => { http => <<'EOT', server => <<'EOS' });
log_format evil '$uri "$upstream_http_x_evil" "$sent_http_x_evil"';
access_log %%DIR%%/logs/evil.log evil;
EOT
meshkit_redact_args token;
log_subrequest on;
proxy_buffer_size 64k;
proxy_buffers 8 64k;
location /plain/ { proxy_pass http://gw0/; proxy_ignore_headers Vary; }
location /to/ { internal; return 204; }
location = /page { root %%DIR%%/html; ssi on; ssi_types text/plain;
                   default_type text/plain; }
location /none/ { root %%DIR%%/html; }
EOS

my $t = $e->nginx;
my $share = $e->share(size => 10);

$t->secret($secret);
$t->write('html/page', join '', map {
    "<!--#include virtual=\"/none/$_" . 'x' x 900 . '" -->' } 1 .. 190);
$t->port('gw0', $evil->port);
$evil->set(text => 'plain');
$evil->set(way => 'one header');
$e->start;


sub worker_time {
    my $stat = Meshkit::Process::slurp('/proc/' . $t->worker_pid . '/stat');
    my @fields = split ' ', $stat =~ s/.*\) //r;

    return ($fields[11] + $fields[12]) / TICKS;
}


for my $way (sort(keys %ways), 'an invalid header') {
    my %spent;

    for my $text (sort keys %texts) {
        $evil->set(text => $text);
        $evil->set(way => $way);

        for my $path ("/raw/$share->{id}", '/plain/a') {
            my $begin = worker_time();

            $e->get($path, headers => [ Cookie => "a=$secret" ])
                for 1 .. TIMES;
            my $spent = (worker_time() - $begin) / TIMES;
            $spent{$text} = max($spent, $spent{$text} // 0);
        }
    }

    my $limit = max(MOST, 10 * $spent{plain});

    is(join(' ', map { "$_: $spent{$_}" } grep { $spent{$_} > $limit }
             sort keys %spent), '', "$way: no text costs more than $limit s");
}


# --- what is logged of it ---------------------------------------------------

$evil->set(text => 'plain');
$evil->set(way => 'one header');
$e->get('/plain/last');
ok(wait_for(20, sub { $t->read('logs/evil.log') =~ m{^/plain/last .*\n}m }),
   'a header that is too long');
my ($upstream, $sent) = $t->read('logs/evil.log')
    =~ m{^/plain/last "(x*)" "(x*)"}m;
cmp_ok(length($upstream // ''), '>', RESPONSE - 512,
       'the log has its beginning');
cmp_ok(length($upstream // ''), '<=', RESPONSE, 'and no more');
cmp_ok(length($sent // ''), '<=', RESPONSE, 'as it was sent, too');


# --- lines of error logs ----------------------------------------------------

$e->get('/page', headers => [ Cookie => "a=$secret" ]);
ok(wait_for(20, sub { $t->read('logs/error.log') =~ m{/none/190x.*\n} }),
   'a request with many lines in the error log');

my @lines = $t->read('logs/error.log') =~ m{^(.*/none/\d+x.*)$}mg;
my $whole = grep { /, client: / } @lines;

is(scalar @lines, 190, 'all are there');
cmp_ok($whole, '>=', int(LINES / 2048), 'the first ones are whole');
cmp_ok($whole, '<', 190, 'not all of them');
is(scalar(grep { length($_) >= LINE && !/, client: / } @lines), 0,
   'the others are short');

$e->get('/none/again', headers => [ Cookie => "a=$secret" ]);
ok(wait_for(20, sub { $t->read('logs/error.log')
                      =~ m{/none/again" failed.*, client: } }),
   'the next request has whole lines');

$e->done;
done_testing();
