# Chromium: pages fetch, save and play what is shared, a cut is an error to
# them, and what is shared cannot act in the name of the host.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256 sha256_hex);
use Encode qw(encode_utf8);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

use Meshkit::Chromium;
use Meshkit::Clients;
use Meshkit::Process qw(run_command wait_for);

# /pages/ and the films there are nginx's own: what the same bytes do where
# no module has its say.
my $c = Meshkit::Clients->new('chromium', form => 'raw',
                              listen => 'sndbuf=128k', server => <<'EOT');
location /pages/ {
    add_header Cache-Control no-store;
    default_type text/html;
    types { video/mp4 mp4; video/webm webm; image/svg+xml svg;
            image/png png; text/plain txt; }
}
location = /beacon { return 204; }
location = /favicon.ico { access_log off; return 204; }
EOT
my $t = $c->edge->nginx;

$c->neighbour->version(qr/^Chromium ([\d.]+)/, '--version');

my $name = encode_utf8('Übersicht – Ø 1.bin');

# What a page can do by itself; each way leads to /beacon.
my $PAGE = <<'EOT';
<!DOCTYPE html><title>before</title>
<link rel="stylesheet" href="/beacon?style">
<p>shown</p><a href="/pages/tools.html">on</a>
<script>
document.title = 'ran';
fetch('/beacon?script-' + document.cookie);
</script>
<img src="/beacon?image" onerror="fetch('/beacon?handler')">
<iframe src="/beacon?frame"></iframe>
<object data="/beacon?object"></object>
EOT

my $SVG = <<'EOT';
<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">
<rect width="30" height="20" fill="lime"/>
<image href="/beacon?image" width="9" height="9"/>
<script>fetch('/beacon?svg');</script></svg>
EOT

# A player that knows it for what it is fetches what it names.
my $PLAYLIST = <<'EOT';
#EXTM3U
#EXT-X-TARGETDURATION:9
#EXTINF:9,
/beacon?part
#EXT-X-ENDLIST
EOT

my $SCRIPT = "document.title = 'script';\n";

# What a page of the host does with a share.
my $TOOLS = <<'EOT';
<!DOCTYPE html><title>tools</title><p>page</p>
<script>
const hex = async (bytes) => [...new Uint8Array(
    await crypto.subtle.digest('SHA-256', bytes))]
    .map((b) => b.toString(16).padStart(2, '0')).join('');

// "200 sha256", or an error
async function get(url, headers = {}) {
    const r = await fetch(url, { headers });

    return `${r.status} ${await hex(await r.arrayBuffer())}`;
}

// what came of a body before it ended: "bytes sha256 how"
async function stream(url) {
    const reader = (await fetch(url)).body.getReader();
    const parts = [];
    let how = 'done';

    try {
        for (let r; !(r = await reader.read()).done;) parts.push(r.value);
    } catch (e) {
        how = e.name;
    }

    const bytes = await new Blob(parts).arrayBuffer();

    return `${bytes.byteLength} ${await hex(bytes)} ${how}`;
}

const once = (element, good) => new Promise((yes, no) => {
    element.addEventListener(good, () => yes(good), { once: true });
    element.addEventListener('error', () => no(new Error(
        element.error ? `media ${element.error.code}` : 'error')),
        { once: true });
});

async function element(tag, url) {
    const it = document.createElement(tag);
    const loaded = once(it, 'load');

    it.src = url;
    document.body.append(it);
    await loaded;
    return tag === 'img' ? it.naturalWidth : document.title;
}

// until the picture of that time is the one that is shown
const shows = (film, at) => new Promise((yes) => {
    const look = (now, { mediaTime }) => {
        if (Math.abs(mediaTime - at) < 0.04) yes();
        else film.requestVideoFrameCallback(look);
    };

    film.requestVideoFrameCallback(look);
});

// a film's width, length, and what it shows then
async function frame(url, at) {
    const film = document.createElement('video');
    const canvas = document.createElement('canvas');

    try {
        film.muted = true;
        film.preload = 'metadata';
        film.src = url;
        document.body.append(film);
        await once(film, 'loadeddata');

        const seeked = Promise.all([once(film, 'seeked'), shows(film, at)]);
        film.currentTime = at;
        await seeked;

        [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
        const pen = canvas.getContext('2d');
        pen.drawImage(film, 0, 0);
        const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);

        return `${film.videoWidth} ${film.duration} ${film.currentTime} `
            + await hex(data);
    } finally {
        film.remove();
        film.src = '';
    }
}

// plays from there on: "time error"
async function play(url, from) {
    const film = document.createElement('video');

    film.muted = true;
    film.src = `${url}#t=${from}`;
    film.playbackRate = 4;
    document.body.append(film);

    try {
        film.play().catch(() => {});
        await once(film, 'ended');
        return 'ended';
    } catch (e) {
        return `${film.currentTime} ${e.message}`;
    } finally {
        film.remove();
    }
}
</script>
EOT

my $made = 0;

sub made {
    my ($bytes, %opt) = @_;

    return $c->share(file => $t->write('made.' . ++$made, $bytes), %opt);
}


my $still = $t->dir . '/html/pages/still.png';
$t->write('html/pages/tools.html', $TOOLS);
run_command({}, qw(ffmpeg -nostdin -v error -f lavfi -i
                   testsrc2=size=320x180 -frames:v 1), $still);

my %share = (
    file => $c->share(size => 10 << 20, name => $name),
    html => made($PAGE, type => 'text/html', name => 'page.html'),
    list => made($PLAYLIST, type => 'audio/mpegurl', name => 'list.m3u8'),
    list_mp4 => made($PLAYLIST, type => 'video/mp4', name => 'list.mp4'),
    svg => made($SVG, type => 'image/svg+xml', name => 'drawing.svg'),
    text => made($SCRIPT, type => 'text/plain', name => 'words.txt'),
    js => made($SCRIPT, name => 'words.js'),
    untyped => made($PAGE, name => 'page.html'),
    png => $c->share(file => $still, type => 'image/png', name => 'a.png'),
    webm => $c->film('webm'),
    mp4 => $c->film('mp4'),
    expired => $c->share(size => 1000, exp => time - 60),
);

$t->write('html/pages/page.html', $PAGE);
$t->write('html/pages/drawing.svg', $SVG);
$t->write('html/pages/list.mp4', $PLAYLIST);
$t->write('html/pages/words.txt', $SCRIPT);
link $share{$_}{file}, $t->dir . "/html/pages/film.$_" for qw(webm mp4);
$c->start;

# It trusts the certificate of this test, and no other of its kind.
sub pin {
    my $r = run_command({}, qw(openssl x509 -pubkey -noout -in),
                        $c->certificate);
    my ($key) = $r->{out} =~ /-----\n(.*)-----END/s;

    return '--ignore-certificate-errors-spki-list='
           . encode_base64(sha256(decode_base64($key)), '');
}

my $b = Meshkit::Chromium->start(program => $c->neighbour->program,
                                 dir => $t->dir, args => [ pin() ]);

$b->command('Browser.setDownloadBehavior', {
    behavior => 'allow', downloadPath => $c->saved,
    eventsEnabled => JSON::PP::true });


sub url { return $c->url($share{$_[0]} // $_[0], host => 'localhost',
                         @_[1 .. $#_]) }
sub path { return "/open/$share{$_[0]}{id}" }


sub by_each_protocol {
    my ($code) = @_;

    for my $tls (0, 1) {
        $c->edge->heal;
        is($b->open(url('/pages/tools.html', tls => $tls)), '', 'the page');
        $c->forget;
        $code->($tls ? 'HTTP/2.0' : 'HTTP/1.1', tls => $tls);
    }
}


$c->exercise('fetch(): whole, and by range, SubtleCrypto agrees' => sub {
    by_each_protocol(sub {
        my ($protocol) = @_;

        is($b->value("get('${\ path('file') }')"),
           "200 $share{file}{sha256}", "$protocol: whole");
        is($b->value("get('${\ path('file') }', { Range: 'bytes=5-99999' })"),
           '206 ' . sha256_hex(substr $share{file}{plain}, 5, 99_995),
           "$protocol: a range");
        is_deeply([ $c->seen(2) ], [ "GET 200 $protocol",
                  "GET 206 $protocol bytes=5-99999" ], "$protocol: two GETs");
        $c->decided($protocol);
    });
});


$c->exercise('a cut: the promise is rejected with a TypeError' => sub {
    by_each_protocol(sub {
        my ($protocol) = @_;

        $c->cut($share{file}, 0.5);
        like($b->value("get('${\ path('file') }')"), qr/^TypeError: /,
             "$protocol: as a whole");

        my ($length, $sha256, $how) = split / /,
            $b->value("stream('${\ path('file') }')");
        is($how, 'TypeError', "$protocol: as a stream");
        cmp_ok($length, '<', $share{file}{size}, "$protocol: it is short");
        is($sha256, sha256_hex(substr $share{file}{plain}, 0, $length),
           "$protocol: what came is the beginning");
        is_deeply([ map { "$_->{protocol} $_->{outcome}" } $c->requests(2) ],
                  [ ("$protocol cid_mismatch") x 2 ], "$protocol: the log");
    });
});


# Nothing is stored: the next request is another decision.
$c->exercise('no cache: what is denied now is not shown again' => sub {
    by_each_protocol(sub {
        my ($protocol) = @_;

        $c->edge->policy->allow;
        is($b->value("get('${\ path('png') }')"), "200 $share{png}{sha256}",
           "$protocol: allowed") for 1, 2;
        is(scalar(my @two = $c->decided($protocol)), 2,
           "$protocol: two decisions");
        $c->edge->policy->deny;
        like($b->value("get('${\ path('png') }')"), qr/^403 /,
             "$protocol: denied");
    });
});


sub downloaded {
    my ($what, %opt) = @_;

    $b->forget_events;
    is($b->open(url($what, %opt)), 'net::ERR_ABORTED', 'it is no page');

    my $begin = $b->wait_event('Browser.downloadWillBegin') // {};
    my $end = $b->wait_event('Browser.downloadProgress',
                             sub { $_[0]{state} ne 'inProgress' }) // {};

    return ($end->{state} // 'nothing',
            encode_utf8($begin->{suggestedFilename} // ''));
}


$c->exercise('a download is saved under its UTF-8 name' => sub {
    by_each_protocol(sub {
        my ($protocol, @opt) = @_;

        for my $as (qw(download open)) {
            $c->empty;
            my ($state, $as_name) = downloaded('file', as => $as, @opt);
            is("$state $as_name", "completed $name", "$protocol, $as");
            is_deeply([ $c->files ], [ $name ], "$protocol, $as: its name");
            is($c->sha256($name), $share{file}{sha256},
               "$protocol, $as: byte by byte");
        }
    });
});


# It goes on by itself where a connection ended, and not where a stream was
# reset.
$c->exercise('a download that is cut goes on by range, or fails' => sub {
    by_each_protocol(sub {
        my ($protocol, @opt) = @_;

        my ($goes_on) = $protocol eq 'HTTP/1.1';

        $c->empty;
        $c->cut($share{file}, 0.5, opens => 1);
        my ($state) = downloaded('file', as => 'download', @opt);
        is($state, $goes_on ? 'completed' : 'canceled',
           "$protocol: cut once");
        is($c->sha256($name), $goes_on ? $share{file}{sha256} : 'no file',
           "$protocol: cut once, byte by byte or not at all");
        is(join(' ', map { $_->{status} } $c->decided($protocol)),
           $goes_on ? '200 206' : '200', "$protocol: what it asked for");

        $c->empty;
        $c->cut($share{file}, 0.5);
        ($state) = downloaded('file', as => 'download', @opt);
        is($state, 'canceled', "$protocol: cut for good");
        is($c->sha256($name), 'no file',
           "$protocol: nothing has the file's name");
    });
});


$c->exercise('a denied or expired share: its problem document' => sub {
    is($b->open(url('expired')), '', 'a page');
    like($b->text, qr/"code":"share_expired"/, 'expired');
    $c->edge->policy->deny;
    is($b->open(url('html')), '', 'a page');
    like($b->text, qr/"code":"policy_denied"/, 'denied');
    is($b->eval('self.origin'), 'null', 'it has no origin');
    is($c->gateway->count, 0, 'no byte is fetched');
});


# What came to /beacon until a page of our own has been there.
sub beacons {
    $b->open(url('/pages/tools.html'));
    $b->eval("fetch('/beacon?last')");

    my @all;
    wait_for(20, sub {
        @all = map { $_->{uri} eq '/beacon' ? $_->{query} : () }
               $c->requests(0);
        return grep { $_ eq 'last' } @all;
    });

    return sort grep { $_ ne 'last' } @all;
}


$c->exercise('a shared page: no script, no cookie, no request' => sub {
    $b->open(url('/pages/tools.html'));
    $b->eval("document.cookie = 'session=of-the-host; path=/'");

    # the same bytes as a page of the host's own
    $c->forget;
    $b->open(url('/pages/page.html'));
    is($b->eval('document.title'), 'ran', 'own page: its script runs');
    my @all = beacons();
    like($all[4], qr/^script-[0-9a-f]{8}\*{11}$/,
         'own page: it has the cookie, which the log masks in $args');
    is(join(' ', map { s/-.*//r } @all),
       'frame handler image object script style', 'own page: it sends all');

    for my $way (qw(page frame)) {
        $c->forget;
        $b->open($way eq 'page' ? url('html') : url('/pages/tools.html'));
        $b->eval("element('iframe', '${\ path('html') }')")
            if $way eq 'frame';
        is($b->eval('document.title'), $way eq 'page' ? 'before' : 'tools',
           "shared, as a $way: no script runs");
        like($b->text, qr/shown/, 'shared: it is shown') if $way eq 'page';
        is($b->value('self.origin'), 'null', 'shared: it has no origin')
            if $way eq 'page';
        like($b->value($way eq 'page' ? 'document.cookie'
            : 'document.querySelector("iframe").contentDocument.cookie'),
             qr/^(?:Security|Type)Error: /, "shared, as a $way: no cookie");
        is_deeply([ beacons() ], [], "shared, as a $way: it sends nothing");
    }
});


$c->exercise('a link out of a shared page: no Referer' => sub {
    for my $from (url('/pages/page.html'), url('html')) {
        $b->open($from);
        $c->forget;
        $b->forget_events;
        $b->eval("document.querySelector('a').click()");
        $b->wait_event('Page.loadEventFired');
        my ($r) = grep { $_->{uri} eq '/pages/tools.html' } $c->requests;
        is($r->{referer}, $from =~ /pages/ ? $from : '', $from);
    }
});


$c->exercise('a shared drawing (SVG): shown, no script' => sub {
    $b->open(url('/pages/drawing.svg'));
    is_deeply([ beacons() ], [ 'image', 'svg' ],
              'own drawing: its script runs, its image is loaded');

    $c->forget;
    $b->open(url('svg'));
    is($b->eval('document.documentElement.tagName'), 'svg', 'shared: shown');
    is($b->value('self.origin'), 'null', 'shared: no origin');
    is_deeply([ beacons() ], [], 'shared: no script runs, nothing is loaded');
    is($b->value("element('img', '${\ path('svg') }')"), 30,
       'shared: a page can show it');
});


$c->exercise('nosniff: text and unnamed bytes are never a script' => sub {
    $b->open(url('/pages/tools.html'));
    is($b->value("element('script', '/pages/words.txt')"), 'script',
       'own text: runs, without the header');
    $b->open(url('/pages/tools.html'));
    is($b->value("element('script', '${\ path($_) }')"), 'Error: error',
       "shared, $_: refused") for qw(text js html);
    is($b->eval('document.title'), 'tools', 'nothing ran');

    # without a type it is no page, whatever it looks like
    my ($state, $as_name) = downloaded('untyped');
    is("$state $as_name", 'completed page.html', 'without a type: saved');
    $b->open(url('text'));
    is($b->text =~ s/\s+\z//r, $SCRIPT =~ s/\s+\z//r, 'text: shown as text');
});


$c->exercise('pages of other origins get nothing' => sub {
    my $image = url('png');

    $b->open(url('/pages/tools.html'));
    is($b->value("element('img', '$image')"), 320, 'the same origin: shown');
    $b->open($c->url('/pages/tools.html'));
    is($b->value("element('img', '$image')"), 'Error: error',
       'another: not shown');
    like($b->value("get('$image')"), qr/^TypeError: /,
         'another: not fetched');
    is($b->value("element('img', '@{[ url('/pages/still.png') ]}')"), 320,
       'another: the host\'s own image is');
});


$c->exercise('<video>: seeks by range, and shows the film\'s frame' => sub {
    for my $form (qw(webm mp4)) {
        $b->open(url('/pages/tools.html'));
        $c->forget;
        my $shown = $b->value("frame('${\ path($form) }', 30.02)");
        like($shown, qr/^\d+ 40(?:\.\d+)? 30\.02 [0-9a-f]{64}$/,
             "$form: shown");
        my @ranges = map { $_->{range} =~ /^bytes=(\d+)-$/ ? $1 : -1 }
                     $c->decided($form);
        is(scalar(grep { $_ < 0 } @ranges), 0, "$form: by range");
        cmp_ok(scalar(grep { $_ > 0.95 * $share{$form}{size} } @ranges), '>',
               0, "$form: its index stands at its end") if $form eq 'mp4';
        is($b->value("frame('/pages/film.$form', 30.02)"), $shown,
           "$form: as of the file");
    }
});


# The browser has read half of the smaller film before it goes on to there.
$c->exercise('<video>: a bad leaf is an error, not another film' => sub {
    for my $form (qw(webm mp4)) {
        $b->open(url('/pages/tools.html'));
        my $right = $b->value("frame('/pages/film.$form', 36.02)");

        $c->forget;
        $c->cut($share{$form}, 0.5);
        is($b->value("frame('${\ path($form) }', 36.02)"), $right,
           "$form: a frame behind it is right") if $form eq 'mp4';
        my ($at, $how) = split / /,
            $b->value("play('${\ path($form) }', 17)"), 2;
        is($how, 'media 2', "$form: playing on is a network error");
        cmp_ok($at, '<', 23, "$form: no further than that");
        is(scalar(grep { $_->{outcome} eq 'cid_mismatch' } $c->requests) > 0,
           1, "$form: the log has it");
    }
});


# The browser's own viewers make a page of it.
$c->exercise('a lone image or film: the browser\'s viewer shows it' => sub {
    $b->open(url('png'));
    is($b->eval('document.images[0].naturalWidth'), 320, 'an image');
    is($b->value('self.origin'), 'null', 'an image: no origin');

    for my $form (qw(webm mp4)) {
        my $is = sub { $b->eval("document.querySelector('video').$_[0]") };

        $b->open(url($form));
        ok(wait_for(20, sub { $is->('readyState') >= 2 }), "$form: plays");
        $is->('currentTime = 30');
        ok(wait_for(20, sub { !$is->('seeking') && $is->('readyState') >= 2 }),
           "$form: seeks");
        is($is->('currentTime') >= 30, 1, "$form: it is there");
        is($is->('videoWidth'), $form eq 'webm' ? 320 : 640, "$form: shown");
    }

    # a playlist, one of which says that it is a film
    for my $from (url('/pages/list.mp4'), url('list'), url('list_mp4')) {
        my $own = $from =~ /pages/;

        $c->forget;
        $b->open($from);
        my $ended = wait_for(20, sub {
            return $own ? grep { $_->{uri} eq '/beacon' } $c->requests(0)
                        : $b->value('document.querySelector("video")'
                                    . '?.networkState') eq '3';
        });
        ok($ended, "$from: " . ($own ? 'what it names is fetched'
                                     : 'it is no film'));
        is(scalar(my @all = beacons()), $own ? 1 : 0,
           "$from: " . ($own ? 'once' : 'nothing is fetched'));
    }
});


$b->stop;
$c->done;
done_testing();
