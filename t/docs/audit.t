# The table of the audit log's members, and its checks, are the source's.

use strict;
use warnings;

use Test::More;

use lib 't/docs/lib';
use Docs qw(text tables sections);

my $source = text('core/mk_audit.c');
my $section = sections(text('docs/DIRECTIVES.md'), 1)->{'The audit log'};
my ($table) = tables($section);

my @written = $source =~ /"((?:event|request|client|user|meshkit|http|ecs)
                           \.[a-z_.]+)"/gx;

is_deeply([ sort map { $_->[0] } @$table ], [ sort '@timestamp', @written ],
          'the members');

my ($names) = text('core/mk_checks.c') =~ /names\[MK_CHECK_NUMBER\] = \{(.*?)\}/s;
my @checks = $names =~ /"(\w+)"/g;
my ($listed) = $section =~ /^Checks stand in .*?:\n(.*?)\./ms;

is_deeply([ ($listed // '') =~ /`(\w+)`/g ], \@checks, 'the checks');

my ($max) = text('core/mk_audit.h') =~ /MK_AUDIT_LINE_MAX +(\d+)/;
my ($subject) = text('core/mk_audit.h') =~ /MK_AUDIT_SUBJECT_MAX +(\d+)/;

like($section, qr/at most $max bytes/, 'the longest line');
like($section, qr/more\s+than $subject bytes/, 'the longest subject');

done_testing();
