package Meshkit::Modules;

# Modules of others that Debian has packages of, each as an operator would
# switch it on for all of a server, with a page that shows it at work.
#
#   my @all = Meshkit::Modules::names();           # in the order of a table
#   my $m = Meshkit::Modules->new('lua', 'headers-more');   # together
#   $m->why_not;          # why it cannot be tried here, or ''
#   $m->load;             # files to load, for Meshkit::Nginx
#   $m->text('http');     # its directives at that level; server; open, for
#                         # each location with meshkit_open
#   $m->write($t);        # files that these name
#   $m->version;          # "lua 0.10.23", as dpkg has it; or "together"
#   $m->shown($t);        # [ what, bool ], ...: whether it is at work
#   $m->served('policy'); # its text for a location that is that service
#
# %%DIR%% and the like stand in the text as Meshkit::Nginx knows them.

use strict;
use warnings;

use Meshkit::Http qw(http_get);
use Meshkit::Nginx;
use Meshkit::Process qw(run_command);

my $x = 'local x = 1';
my $yes = '{"decision":true}';
my $json = 'default_type application/json;';
my $raw = 'default_type application/vnd.ipld.raw;';

# a file below share/blocks by the end of the URI
my $lua_file = 'local f = io.open(PATH, "rb"); ngx.print(f:read("*a")); '
               . 'f:close()';
my $lua_block = $lua_file =~ s{PATH}
                {"%%DIR%%/share/blocks/" .. string.match(ngx.var.uri, "[^/]+\$")}r;
my $lua_record = $lua_file =~ s{PATH}
                {"%%DIR%%/records/" .. string.match(ngx.var.uri, "[^/]+\$")}r;
my $perl_file = 'perl "sub { my $r = shift; my ($n) = $r->uri =~ m,([^/]+)$,; '
                . '$r->send_http_header(qq(TYPE)); '
                . '$r->sendfile(qq(%%DIR%%/FOLDER/$n)); return OK; }";';

# "page" is a location of plain text, GET of it gives "a page of text\n"
my @MODULES = (
    { name => 'modsecurity', load => [qw(http_modsecurity)], quick => 1,
      how => 'modsecurity on, SecRuleEngine On',
      http => 'modsecurity on; '
              . 'modsecurity_rules_file %%DIR%%/modsecurity.conf;',
      files => { 'modsecurity.conf' => "SecRuleEngine On\n"
          . 'SecRule ARGS:attack "@streq yes" "id:1,phase:1,deny,status:418"'
          . "\n" },
      shows => [ '/page?attack=yes', status => 418 ] },

    { name => 'lua', load => [qw(ndk_http http_lua)], quick => 1,
      how => 'Lua in every phase',
      http => "rewrite_by_lua_block { $x } access_by_lua_block { $x } "
              . "header_filter_by_lua_block { $x } "
              . "body_filter_by_lua_block { $x } log_by_lua_block { $x }",
      server => 'location = /shows/lua { content_by_lua_block { '
                . 'ngx.print("lua") } } set_by_lua_block $lua { return 1 }',
      shows => [ '/shows/lua', body => 'lua' ],
      served => { policy => "$json content_by_lua_block { ngx.sleep(0.01) "
                            . "ngx.print('$yes') }",
                  metadata => "$json content_by_lua_block { $lua_record }",
                  gateway => "$raw content_by_lua_block { $lua_block }" } },

    { name => 'njs', package => 'js', load => [qw(http_js)], quick => 1,
      how => 'js_set, js_header_filter',
      http => 'js_path %%DIR%%; js_import beside.js; '
              . 'js_set $js beside.value;',
      server => 'location = /shows/js { return 200 $js; }',
      open => 'js_header_filter beside.header;',
      files => { 'beside.js' => <<'EOT' },
import fs from 'fs';
function value(r) { return 'js'; }
function header(r) { r.headersOut['X-Js'] = 'js'; }
function send(r, type, body) {
    r.headersOut['Content-Type'] = type;
    r.return(200, body);
}
function name(r) { return r.uri.substring(r.uri.lastIndexOf('/') + 1); }
function policy(r) {
    setTimeout(function () {
        send(r, 'application/json', '{"decision":true}');
    }, 10);
}
function metadata(r) {
    send(r, 'application/json', fs.readFileSync('%%DIR%%/records/' + name(r)));
}
function gateway(r) {
    send(r, 'application/vnd.ipld.raw',
         fs.readFileSync('%%DIR%%/share/blocks/' + name(r)));
}
export default { value, header, policy, metadata, gateway };
EOT
      shows => [ '/shows/js', body => 'js' ], header => 'X-Js',
      served => { map { $_ => "js_content beside.$_;" }
                  qw(policy metadata gateway) } },

    { name => 'headers-more', package => 'headers-more-filter',
      load => [qw(http_headers_more_filter)], quick => 1,
      how => 'more_set_headers, more_clear_headers',
      http => 'more_set_headers "X-More: more"; more_clear_headers Server; '
              . 'more_set_input_headers "X-Input: more";',
      shows => [ '/page', header => 'X-More' ], header => 'X-More' },

    { name => 'perl', load => [qw(http_perl)], how => 'perl_set',
      http => 'perl_set $perl "sub { return qq(perl) . $_[0]->uri }";',
      server => 'location = /shows/perl { return 200 $perl; } '
                . 'add_header X-Perl $perl always;',
      shows => [ '/shows/perl', body => 'perl/shows/perl' ],
      served => {
          policy => 'perl "sub { my $r = shift; '
                    . '$r->send_http_header(qq(application/json)); '
                    . '$r->print(qq({\\x22decision\\x22:true})); '
                    . 'return OK; }";',
          metadata => $perl_file =~ s/TYPE/application\/json/r
                                 =~ s/FOLDER/records/r,
          gateway => $perl_file =~ s/TYPE/application\/vnd.ipld.raw/r
                                =~ s/FOLDER/share\/blocks/r } },

    { name => 'echo', load => [qw(http_echo)], how => 'echo of another page',
      server => 'location = /shows/echo { echo echo; }',
      shows => [ '/shows/echo', body => "echo\n" ],
      served => { policy => "$json echo_sleep 0.01; echo '$yes';" } },

    { name => 'brotli filter', package => 'brotli-filter',
      load => [qw(http_brotli_filter)], how => 'brotli on, brotli_types *',
      http => 'brotli on; brotli_types *; brotli_min_length 1;',
      shows => [ '/page', header => 'Content-Encoding' ] },

    { name => 'brotli static', package => 'brotli-static',
      load => [qw(http_brotli_static)], how => 'brotli_static on',
      http => 'brotli_static on;', files => { 'html/page.br/a.br' => 'br' },
      server => 'location = /page.br/a { }',
      shows => [ '/page.br/a', header => 'Content-Encoding' ] },

    { name => 'subs filter', package => 'subs-filter',
      load => [qw(http_subs_filter)], how => 'subs_filter',
      http => 'subs_filter page leaf; subs_filter_types text/plain;',
      shows => [ '/page', body => "a leaf of text\n" ] },

    { name => 'image filter', package => 'image-filter',
      load => [qw(http_image_filter)], how => 'image_filter of a picture',
      server => 'location = /shows/image.gif { image_filter size; }',
      files => { 'html/shows/image.gif' => pack 'H*', '47494638396101000100'
          . '800100000000ffffff21f90401000001002c00000000010001000002024c01003b' },
      shows => [ '/shows/image.gif', header => 'Content-Type' ] },

    { name => 'xslt filter', package => 'xslt-filter',
      load => [qw(http_xslt_filter)], how => 'xslt_stylesheet of a page',
      server => 'location = /shows/xslt { default_type text/xml; '
                . 'xslt_stylesheet %%DIR%%/a.xsl; }',
      files => { 'html/shows/xslt' => '<a>b</a>', 'a.xsl' => <<'EOT' },
<xsl:stylesheet version="1.0"
    xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="text"/>
<xsl:template match="a">xslt</xsl:template>
</xsl:stylesheet>
EOT
      shows => [ '/shows/xslt', body => 'xslt' ] },

    { name => 'geoip2', load => [qw(http_geoip2)],
      how => 'geoip2, a variable of the address',
      http => 'geoip2 %%DIR%%/geo.mmdb { $geo source=$remote_addr '
              . 'country iso_code; }',
      server => 'location = /shows/geoip2 { return 200 $geo; } '
                . 'add_header X-Geo $geo always;',
      files => { 'geo.mmdb' => _mmdb() },
      shows => [ '/shows/geoip2', body => 'ZZ' ] },

    { name => 'geoip', load => [qw(http_geoip)],
      how => 'geoip_country, a variable of the address',
      needs => '/usr/share/GeoIP/GeoIP.dat',
      http => 'geoip_country /usr/share/GeoIP/GeoIP.dat; '
              . 'geoip_proxy 127.0.0.0/8;',
      server => 'location = /shows/geoip { return 200 $geoip_country_code; } '
                . 'add_header X-Geo $geoip_country_code always;',
      shows => [ '/shows/geoip', body => 'US',
                 headers => [ 'X-Forwarded-For' => '8.8.8.8' ] ] },

    { name => 'auth-pam', load => [qw(http_auth_pam)],
      how => 'auth_pam of another page',
      server => 'location = /shows/pam { auth_pam "members"; '
                . 'auth_pam_service_name "nginx"; }',
      files => { 'html/shows/pam' => 'pam' },
      shows => [ '/shows/pam', status => 401 ] },

    { name => 'dav-ext', load => [qw(http_dav_ext)],
      how => 'dav_ext_methods of a folder',
      http => 'dav_ext_lock_zone zone=dav:1m;',
      server => 'location ^~ /dav/ { root %%DIR%%/html; dav_methods PUT '
                . 'DELETE; dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK; '
                . 'dav_ext_lock zone=dav; }',
      files => { 'html/dav/a' => 'a' },
      shows => [ '/dav/a', method => 'PROPFIND', status => 207 ] },

    { name => 'set-misc', load => [qw(ndk_http http_set_misc)],
      how => 'set_md5, set_unescape_uri',
      server => 'set_unescape_uri $misc "%61"; set_md5 $md5 $uri; '
                . 'location = /shows/misc { return 200 $misc; }',
      shows => [ '/shows/misc', body => 'a' ] },

    { name => 'nchan', package => undef, load => [qw(nchan)],
      how => 'a channel to publish to',
      server => 'location = /shows/nchan { nchan_publisher; '
                . 'nchan_channel_id 1; }',
      shows => [ '/shows/nchan', method => 'POST', body_sent => 'a',
                 status => 202 ] },
);


# One address in two is of the country ZZ: a tree of one node, and one record.
# The format: https://maxmind.github.io/MaxMind-DB/
sub _mmdb {
    my $text = sub { chr(2 << 5 | length $_[0]) . $_[0] };
    my $map = sub { chr(7 << 5 | @_ / 2) . join '', @_ };
    my $short = sub { chr(5 << 5 | 2) . pack 'n', $_[0] };
    my $country = $map->($text->('country'),
                         $map->($text->('iso_code'), $text->('ZZ')));
    my $about = $map->(
        $text->('node_count'), chr(6 << 5 | 4) . pack('N', 1),
        (map { my ($name, $n) = @$_; ($text->($name), $short->($n)) }
         [ record_size => 24 ], [ ip_version => 4 ],
         [ binary_format_major_version => 2 ],
         [ binary_format_minor_version => 0 ]),
        $text->('database_type'), $text->('Test'),
        $text->('build_epoch'), chr(8) . chr(2) . pack('Q>', 1),
        $text->('languages'), chr(0) . chr(4),
        $text->('description'), $map->());

    return pack('x a2 x a2', pack('n', 17), pack('n', 1)) . "\0" x 16
           . $country . "\xab\xcd\xefMaxMind.com" . $about;
}


sub names { return map { $_->{name} } @MODULES }
sub quick { return map { $_->{name} } grep { $_->{quick} } @MODULES }
sub serving { return map { $_->{name} } grep { $_->{served} } @MODULES }


sub new {
    my ($class, @names) = @_;

    my @of = map { my $name = $_;
                   (grep { $_->{name} eq $name } @MODULES)[0]
                       // die "no module $name\n" } @names;

    return bless { of => \@of }, $class;
}


sub title { return join ', ', map { $_->{name} } @{ $_[0]{of} } }
sub how { return $#{ $_[0]{of} } ? $_[0]->title : $_[0]{of}[0]{how} }
sub header { return (map { $_->{header} // () } @{ $_[0]{of} })[0] }
sub served { return ($_[0]{of}[0]{served} // {})->{$_[1]} }


sub load {
    my ($self) = @_;

    my %seen;

    return grep { !$seen{$_}++ }
           map { $_ eq 'ndk_http' ? "${_}_module" : "ngx_${_}_module" }
           map { @{ $_->{load} } } @{ $self->{of} };
}


sub text {
    my ($self, $level) = @_;

    return join "\n", map { $_->{$level} // () } @{ $self->{of} };
}


sub write {
    my ($self, $t) = @_;

    my $dir = $t->dir;

    for my $files (map { $_->{files} // () } @{ $self->{of} }) {
        $t->write($_, $files->{$_} =~ s/%%DIR%%/$dir/gr) for keys %$files;
    }
}


sub _package {
    my ($m) = @_;

    return 'libnginx-mod-nchan' if $m->{name} eq 'nchan';
    return 'libnginx-mod-http-' . ($m->{package} // $m->{name});
}


# What has no package, for this Debian or this nginx, is not tried.
sub why_not {
    my ($self) = @_;

    my $lacks = Meshkit::Nginx->lacks($self->load);
    my ($file) = grep { !-e } map { $_->{needs} // () } @{ $self->{of} };

    return $lacks || (defined $file ? "$file: not installed" : '');
}


sub is_packaged {
    my ($self) = @_;

    my @none = grep {
        run_command({}, 'apt-cache', 'show', '--no-all-versions',
                    _package($_))->{exit} != 0 } @{ $self->{of} };

    return !@none;
}


sub _version_of {
    my ($m) = @_;

    my $r = run_command({}, 'dpkg-query', '-W', '-f', '${Version}',
                        _package($m));

    # without Debian's epoch and revision
    return $r->{out} =~ /^(?:\d+:)?([\w.]+)/ ? "$m->{name} $1" : $m->{name};
}


sub version {
    my ($self) = @_;

    my @of = @{ $self->{of} };

    return @of == 1 ? _version_of($of[0]) : 'together';
}


sub shown {
    my ($self, $t) = @_;

    my @shown;

    for my $m (@{ $self->{of} }) {
        my ($path, %how) = @{ $m->{shows} };
        my $r = http_get($t->port('front'), $path,
            method => $how{method} // 'GET', body => $how{body_sent},
            headers => [ $how{header} ? ('Accept-Encoding' => 'br') : (),
                         @{ $how{headers} // [] } ]);
        my $yes = defined $how{status} ? $r->status == $how{status}
                  : defined $how{body} ? $r->body eq $how{body}
                  : defined $r->header($how{header});

        push @shown, [ "$m->{name} is at work", $yes ];
    }

    return @shown;
}


1;
