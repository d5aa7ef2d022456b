# ngx_meshkit_module: one door.  "make help" lists what there is.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

BUILD  ?= build
CC     ?= cc
NGINX  ?= nginx

# the core knows no nginx; it is compiled here with stricter flags than
# nginx's own, and once more into the module by nginx's build
CFLAGS   ?= -O2 -g
WARNINGS := -std=c11 -Wall -Wextra -Werror -pedantic -Wshadow -Wpointer-arith \
            -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wwrite-strings -Wformat=2 -Wundef \
            -Wconversion -Wno-sign-conversion -Wvla
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC
CORE_LIBS := -ljansson -lcrypto

CORE_SRC := $(sort $(wildcard core/*.c))
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/%.o)
CLI_SRC  := $(sort $(wildcard cli/*.c))
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
TESTS    := $(patsubst t/core/%.c,$(BUILD)/t/core/%,\
              $(sort $(wildcard t/core/test_*.c)))

include $(wildcard $(BUILD)/core/*.d $(BUILD)/cli/*.d $(BUILD)/t/core/*.d \
                   $(BUILD)/bench/*.d $(BUILD)/counted/core/*.d)

## build the module and the command line
.PHONY: all
all: module cli

# what a machine needs is installed by these, as root; else they say how
.PHONY: deps-build deps-demo deps-test deps-lint
deps-build deps-demo deps-test deps-lint: deps-%:
	@tools/deps $*


# --- module -----------------------------------------------------------------

MODULE_SRC := $(wildcard ngx_meshkit_module/*.[ch] core/*.[ch]) config

$(BUILD)/ngx_meshkit_module.so: $(MODULE_SRC) tools/build-module | deps-build
	tools/build-module $(BUILD)/nginx
	@# a running nginx has the old one mapped: it is replaced, not changed
	cp $(BUILD)/nginx/ngx_meshkit_module.so $@.new
	mv $@.new $@

## build the module, build/ngx_meshkit_module.so
.PHONY: module
module: $(BUILD)/ngx_meshkit_module.so


# --- core -------------------------------------------------------------------

$(BUILD)/core/%.o: core/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) $(HARDEN) -MMD -MP -Icore -c -o $@ $<

$(BUILD)/libmeshkit.a: $(CORE_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/t/core/tap.o: t/core/tap.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -Wno-format-nonliteral -MMD -MP -It/core -c -o $@ $<

$(BUILD)/t/core/dag.o: t/core/dag.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -MMD -MP -Icore -It/core -c -o $@ $<

$(BUILD)/t/core/share.o: t/core/share.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -MMD -MP -Icore -It/core -c -o $@ $<

# the core with its steps counted, for what says how many there may be
COUNTED_OBJ := $(CORE_SRC:%.c=$(BUILD)/counted/%.o)

$(BUILD)/counted/%.o: %.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -DMK_COUNT_WORK -MMD -MP -Icore -c -o $@ $<

$(BUILD)/libmeshkit-counted.a: $(COUNTED_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/t/core/test_work: t/core/test_work.c $(BUILD)/t/core/tap.o \
                           $(BUILD)/libmeshkit-counted.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -DMK_COUNT_WORK -MMD -MP -Icore -It/core \
	    -o $@ $< $(BUILD)/t/core/tap.o $(BUILD)/libmeshkit-counted.a \
	    $(CORE_LIBS)

# these tests make files of their own
$(BUILD)/t/core/test_walk $(BUILD)/t/core/test_walk_lies \
$(BUILD)/t/core/test_memory: $(BUILD)/t/core/dag.o

# and these make shares
$(BUILD)/t/core/test_damage_record $(BUILD)/t/core/test_damage_body \
$(BUILD)/t/core/test_damage_car $(BUILD)/t/core/test_damage_memory: \
$(BUILD)/t/core/share.o $(BUILD)/t/core/dag.o

# these decide when there is no memory
$(BUILD)/t/core/test_memory \
$(BUILD)/t/core/test_damage_memory: TEST_LDFLAGS := \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

$(BUILD)/t/core/%: t/core/%.c $(BUILD)/t/core/tap.o $(BUILD)/libmeshkit.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -MMD -MP -Icore -It/core $(TEST_LDFLAGS) \
	    -o $@ $< $(filter %.o,$^) $(BUILD)/libmeshkit.a $(CORE_LIBS)

## test the core, without nginx, in seconds
.PHONY: check
check: $(TESTS)
	prove $(TESTS)


# --- fuzzing ----------------------------------------------------------------

# one target for each parser; build/replay/<name> feeds it with the files of
# fuzz/corpus/<name>, build/fuzz/<name> with what libFuzzer makes of them
FUZZ_NAMES   := $(patsubst fuzz/fuzz_%.c,%,$(sort $(wildcard fuzz/fuzz_*.c)))
FUZZ_SHARED  := fuzz/fuzz.c fuzz/tree.c t/core/dag.c
FUZZ_SECONDS ?= 60
FUZZ_JOBS    ?= 2
FUZZ_CFLAGS  := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
                -std=c11 -DMK_COUNT_WORK -Icore -It/core -Ifuzz
FUZZ_SAN     := address,undefined

REPLAYS    := $(FUZZ_NAMES:%=$(BUILD)/replay/%)
REPLAY_OBJ := $(patsubst %.c,$(BUILD)/replay/obj/%.o,$(FUZZ_SHARED) \
                fuzz/replay.c)
FUZZERS    := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
FUZZ_OBJ   := $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_SHARED) $(CORE_SRC))

include $(wildcard $(BUILD)/replay/*.d $(BUILD)/replay/obj/*/*.d \
                   $(BUILD)/replay/obj/*/*/*.d $(BUILD)/fuzz/*.d \
                   $(BUILD)/fuzz/obj/*/*.d $(BUILD)/fuzz/obj/*/*/*.d)

.SECONDARY: $(REPLAY_OBJ) $(FUZZ_OBJ)

$(BUILD)/replay/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -DMK_COUNT_WORK -MMD -MP -Icore -It/core \
	    -Ifuzz -c -o $@ $<

$(BUILD)/replay/%: fuzz/fuzz_%.c $(REPLAY_OBJ) $(BUILD)/t/core/tap.o \
                   $(BUILD)/libmeshkit-counted.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -DMK_COUNT_WORK -MMD -MP -Icore -It/core \
	    -Ifuzz -o $@ $< $(filter %.o,$^) $(BUILD)/libmeshkit-counted.a \
	    $(CORE_LIBS)

$(BUILD)/fuzz/obj/%.o: %.c | deps-fuzz
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -MMD -MP \
	    -c -o $@ $<

$(BUILD)/fuzz/%: fuzz/fuzz_%.c $(FUZZ_OBJ)
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,$(FUZZ_SAN) -MMD -MP \
	    -o $@ $< $(filter %.o,$^) $(CORE_LIBS)

# what was found once is looked at by every "make check" and "make test"
TESTS += $(REPLAYS)
check: $(REPLAYS)

.PHONY: deps-fuzz
deps-fuzz:
	@tools/deps fuzz

## fuzz each parser, FUZZ_SECONDS=60 at a time
.PHONY: fuzz
fuzz: deps-fuzz
	@$(MAKE) --no-print-directory -j$(FUZZ_JOBS) $(FUZZERS)
	@fuzz/run $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZ_JOBS) $(FUZZ_NAMES)


# --- cli --------------------------------------------------------------------

CLI_LIBS := $(CORE_LIBS) -lcurl

$(BUILD)/cli/%.o: cli/%.c | deps-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) $(HARDEN) -D_DEFAULT_SOURCE \
	    -D_FILE_OFFSET_BITS=64 -MMD -MP -Icore -Icli -c -o $@ $<

$(BUILD)/meshkitctl: $(CLI_OBJ) $(BUILD)/libmeshkit.a
	$(CC) $(CFLAGS) -o $@ $^ $(CLI_LIBS)

## build the command line, build/meshkitctl
.PHONY: cli
cli: $(BUILD)/meshkitctl


# --- tests ------------------------------------------------------------------

PROVE := prove -j2 -It/lib
SUITE := $(TESTS) t/vectors t/docs t/cli t/module

## build and test everything, on a fresh machine too
.PHONY: test
test: deps-test
	@$(MAKE) --no-print-directory -j2 all $(TESTS)
	$(PROVE) $(SUITE)

## hold the tree to STYLE, with a second compiler's and cppcheck's eyes
.PHONY: lint
lint: deps-lint
	tools/lint
	@for header in core/*.h; do \
	    clang $(WARNINGS) -Icore -x c -fsyntax-only $$header || exit 1; \
	done
	clang $(WARNINGS) -Icore -fsyntax-only $(CORE_SRC)
	clang $(WARNINGS) -D_DEFAULT_SOURCE -D_FILE_OFFSET_BITS=64 -Icore -Icli \
	    -fsyntax-only $(CLI_SRC)
	cppcheck --quiet --error-exitcode=1 --std=c11 -Icore -Icli -j2 \
	    --enable=warning,portability --inline-suppr \
	    --suppress=missingIncludeSystem core cli
	bash -n tools/deps tools/build-module tools/build-nginx \
	    tools/suite-fetch tools/nginx-of-suite tools/sanitize demo/run \
	    .ci/run fuzz/run t/interop/run t/interop/install
	@for file in t/lib/Meshkit/*.pm t/lib/Meshkit/*/*.pm t/*/*.t \
	    t/attack/report t/leak/report t/interop/table tools/lint; do \
	    head -n 1 $$file | grep -q python && continue; \
	    perl -It/lib -cw $$file 2>&1 | grep -v ' syntax OK$$' && exit 1; \
	    true; \
	done
	@echo "lint: ok"

## the product in a minute: seal, share, open, refuse
.PHONY: demo
demo: deps-demo
	@[ -x $(BUILD)/meshkitctl ] || echo "building, some 20 seconds"
	@$(MAKE) --no-print-directory -j2 all > $(BUILD)-demo.log 2>&1 \
	    || { cat $(BUILD)-demo.log; exit 1; }
	@rm -f $(BUILD)-demo.log
	@demo/run

## the same, and keep it running
.PHONY: demo-up
demo-up: deps-demo
	@$(MAKE) --no-print-directory -j2 all
	@demo/run up


$(BUILD)/bench/%.o: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(WARNINGS) -MMD -MP -Icore -Ibench -c -o $@ $<

$(BUILD)/bench/costs: $(BUILD)/bench/costs.o $(BUILD)/bench/fixtures.o \
                      $(BUILD)/libmeshkit.a
	$(CC) $(CFLAGS) -o $@ $^ $(CORE_LIBS)

## print what each step of a request costs, in microseconds
.PHONY: bench-costs
bench-costs: $(BUILD)/bench/costs
	@$<

## the same, and open 1 GiB: memory, and time beside proxy_pass
.PHONY: bench
bench: deps-test
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory bench-costs
	@bench/gib


# --- hostile gateways and sanitizers ----------------------------------------

## print what came of each attack that docs/DESIGN.md lists
.PHONY: attack-report
attack-report: deps-test
	@$(MAKE) --no-print-directory module
	@t/attack/report

## print what logs show of secrets, and what services see of a client
.PHONY: leak-report
leak-report: deps-test
	@$(MAKE) --no-print-directory module
	@t/leak/report

.PHONY: deps-sanitize
deps-sanitize:
	@tools/deps sanitize

## run the tests under sanitizers and Valgrind, which takes minutes
.PHONY: sanitize
sanitize: deps-sanitize
	@$(MAKE) --no-print-directory -j2 $(TESTS)
	@tools/sanitize $(BUILD)/sanitize $(filter $(BUILD)/t/core/%,$(TESTS))


# --- programs of other projects ---------------------------------------------

.PHONY: deps-interop
deps-interop:
	@tools/deps interop

## run with programs of others, and print a table; QUICK=1: two of them
.PHONY: interop
interop: $(if $(QUICK),deps-test,deps-interop)
	@$(MAKE) --no-print-directory -j2 all
	@QUICK=$(QUICK) t/interop/run

## write the tables of the last whole "make interop" into the documents
.PHONY: interop-documents
interop-documents:
	@t/interop/table --write $(BUILD)/interop.tsv


# --- installing -------------------------------------------------------------

DESTDIR   ?=
PREFIX    ?= /usr/local
MODULEDIR ?= /usr/lib/nginx/modules

## install the module and the command line
.PHONY: install
install: all
	install -d $(DESTDIR)$(MODULEDIR) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/ngx_meshkit_module.so $(DESTDIR)$(MODULEDIR)
	install -m 755 $(BUILD)/meshkitctl $(DESTDIR)$(PREFIX)/bin

## remove what was built
.PHONY: clean
clean:
	rm -rf $(BUILD)

## list these targets
.PHONY: help
help:
	@awk '/^## / { what = substr($$0, 4) } \
	      /^[a-z-]+:/ && what != "" { \
	          split($$1, name, ":"); \
	          printf "make %-17s %s\n", name[1], what; what = "" }' \
	    Makefile
