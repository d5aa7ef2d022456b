package Example;

# The examples of the documents as the tests run them.
#
#   fit(text)                 the operator's paths and addresses become %%..%%
#   include(file)             a configuration of Meshkit::Nginx with the file
#   tls($t, path, args...)    curl's answer to https://...
#   opened($r, $vector, name) that it is the vector's file

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use Test::More;

use Docs qw(text);
use Meshkit::Http;

our @EXPORT_OK = qw(fit include tls opened);


# The operator's paths, addresses and identity become the test's.
sub fit {
    my ($text) = @_;

    $text =~ s{/etc/meshkit/}{%%DIR%%/etc/}g;
    $text =~ s{/etc/ssl/certs/ca-certificates.crt}{%%DIR%%/etc/ca.crt}g;
    $text =~ s{/var/lib/meshkit/}{%%DIR%%/}g;
    $text =~ s{/var/lib/nginx/}{%%DIR%%/temp/}g;
    $text =~ s{/var/log/nginx/}{%%DIR%%/logs/}g;
    $text =~ s{^(\s*listen\s+)(?:[\d.]+:)?\d+}{${1}127.0.0.1:%%PORT_front%%}mg;
    $text =~ s{127\.0\.0\.1:8080}{127.0.0.1:%%PORT_gateway%%}g;
    $text =~ s{127\.0\.0\.1:8181}{127.0.0.1:%%PORT_policy%%}g;
    $text =~ s{127\.0\.0\.1:8282}{127.0.0.1:%%PORT_metadata%%}g;
    $text =~ s{127\.0\.0\.1:9090}{127.0.0.1:%%PORT_login%%}g;
    $text =~ s{127\.0\.0\.1:4180}{127.0.0.1:%%PORT_jwt%%}g;
    $text =~ s{192\.0\.2\.10:443}{127.0.0.1:%%PORT_far%%}g;
    $text =~ s{meshkit_identity edge }{meshkit_identity alice }g;

    return $text;
}


sub include {
    my ($file) = @_;

    return "%%GLOBALS%%\nevents { }\nhttp {\n%%HTTP%%\n"
           . fit(text($file)) . "}\n";
}


sub tls {
    my ($t, $path, @more) = @_;

    my $port = $t->port('front');
    return curl('--insecure', '--max-time', 120, @more,
                "https://127.0.0.1:$port$path");
}


sub opened {
    my ($r, $vector, $name) = @_;

    is($r->status . ' ' . sha256_hex($r->body), "200 $vector->{released}",
       $name);
}


1;
