# SPDX-License-Identifier: MIT
#
# forkscope's one Makefile. `make help` lists what it makes; results lie in build/.
# Sources are found by wildcard: a new file in a room needs no line here.
#
#   SAN=address,undefined   build with sanitizers, in build/san-address,undefined/
#   V=1                     show the commands
#   PREFIX= DESTDIR=        for install

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
DESTDIR ?=

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
CXX     := g++
CLANG   ?= clang-14
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON  := /usr/bin/python3

OBJCOPY ?= objcopy

VERSION := 0.1.0

B := build$(if $(SAN),/san-$(SAN))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)')

WARN     := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
OPT      ?= -O2
CFLAGS   ?= -g
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
ALL_CFLAGS = -std=gnu11 $(OPT) $(CFLAGS) $(WARN) -MMD -MP -D_GNU_SOURCE \
	-DFORKSCOPE_VERSION='"$(VERSION)"' -Iinclude $(SANFLAGS)

# --- forkscope ------------------------------------------------------------------------------

TRACER_SRC := $(wildcard tracer/*/*.c)
TRACER_OBJ := $(TRACER_SRC:%.c=$(B)/obj/%.o)
TRACER_LIB := $(B)/libtracer.a
TRACER_LIBS = -lbpf -lelf -ldw -lz -lsqlite3 -pthread

BPF_SRC  := $(wildcard bpf/*.bpf.c)
BPF_SKEL := $(B)/gen/forkscope.skel.h
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

# --- libprocpool ----------------------------------------------------------------------------

POOL_CMD_SRC := $(wildcard pool/cmd/*.c)
POOL_WORKER_SRC := $(wildcard pool/worker_main.c)
# What a worker executes comes first, together: a forked one maps the code again, some dozen pages at a time.
POOL_RUN := $(addprefix pool/,arena.c call.c child.c lane.c main.c registry.c start_fork.c util.c worker.c)
POOL_SRC := $(POOL_RUN) $(filter-out $(POOL_WORKER_SRC) $(POOL_RUN),$(wildcard pool/*.c))
POOL_ALL := $(if $(POOL_SRC),$(B)/libprocpool.so $(B)/libprocpool.a $(B)/libprocpool.pc) \
	$(if $(POOL_CMD_SRC),$(B)/procpool) $(if $(POOL_WORKER_SRC),$(B)/procpool-worker)

# --- the shim -------------------------------------------------------------------------------
#
# Two libraries of the same sources: the second one watches locks too, and is preloaded with --locks only.

SHIM_SRC := $(wildcard shim/*.c shim/*.S)
SHIM_OBJ := $(patsubst shim/%,$(B)/obj/shim/%.o,$(SHIM_SRC))
SHIM_LOCKS_OBJ := $(patsubst shim/%,$(B)/obj/shim-locks/%.o,$(SHIM_SRC))
SHIM_ALL := $(B)/libforkscope-shim.so $(B)/libforkscope-shim-locks.so
SHIM_CFLAGS = -std=gnu11 $(OPT) $(CFLAGS) $(WARN) -MMD -MP -D_GNU_SOURCE -Iinclude -Ishim -fPIC \
	-fvisibility=hidden -ftls-model=initial-exec -fasynchronous-unwind-tables -fno-stack-protector \
	-fno-delete-null-pointer-checks -Wno-nonnull-compare

# --- what there is --------------------------------------------------------------------------

MAN := $(patsubst doc/man/%.scd,$(B)/man/%,$(wildcard doc/man/*.scd))

.PHONY: all
all: $(B)/forkscope $(SHIM_ALL) $(POOL_ALL) $(MAN)

.PHONY: help
help:
	@echo 'make            build everything into build/'
	@echo 'make demo       trace CPython multiprocessing under its three start methods, and compare'
	@echo 'make check      all tests (root: BPF tests too)'
	@echo 'make check-cpython   all of CPython tests of processes and threads under the shim'
	@echo 'make check-kernels   the cases under Debian kernels $(KERNELS), in qemu'
	@echo 'make bench      cost and speed, measured side by side'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR='
	@echo 'make lint       clang-format, clang-tidy, cppcheck, shellcheck'
	@echo 'make format     clang-format on every C file'
	@echo 'make clean'

# Set-up comes first where a person types one command on a fresh machine.
.PHONY: deps
deps:
	$(Q)scripts/install-deps

$(B)/forkscope: $(B)/obj/tracer/main.o $(TRACER_LIB)
	$(call say,LINK)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(TRACER_LIBS)

$(TRACER_LIB): $(TRACER_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/obj/%.o: %.c
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -c -o $@ $<

# The page of `forkscope view` with its style and script in it, and their hashes in its policy.
VIEW_PAGE := $(B)/gen/view.html
VIEW_SRC  := $(wildcard tracer/out/view/*)

$(VIEW_PAGE): $(VIEW_SRC) scripts/build-view
	$(call say,VIEW)
	@mkdir -p $(@D)
	$(Q)scripts/build-view tracer/out/view > $@

$(B)/obj/tracer/out/view_html.o $(B)/fuzzobj/tracer/out/view_html.o: $(VIEW_PAGE)
$(B)/obj/tracer/out/view_html.o: ALL_CFLAGS += -DVIEW_PAGE='"$(VIEW_PAGE)"'

# A program of pool/ or shim/ never sees tracer/, and the other way round.
$(B)/obj/tracer/%.o: EXTRA_CFLAGS = -Itracer -I$(B)/gen
$(B)/obj/tests/unit/%.o: EXTRA_CFLAGS = -Itracer -I$(B)/gen -Itests
$(B)/obj/tests/fuzz/%.o: EXTRA_CFLAGS = -Itracer -I$(B)/gen -Itests
$(B)/obj/tests/%.o: EXTRA_CFLAGS = -Itests
$(B)/obj/pool/%.o: EXTRA_CFLAGS = -Ipool -fPIC -fno-plt -fvisibility=hidden -pthread

$(patsubst %,$(B)/obj/tracer/capture/%.o,source_bpf skeleton try_bpf look_regs): $(BPF_SKEL)

# One object of all probes: they share maps and functions, and what one does not use costs nothing.
$(B)/gen/forkscope.bpf.c: $(BPF_SRC) Makefile
	@mkdir -p $(@D)
	$(Q)printf '#include "%s"\n' bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c,$(BPF_SRC)) > $@

$(B)/gen/forkscope.bpf.o: $(B)/gen/forkscope.bpf.c
	$(call say,BPF)
	@mkdir -p $(B)/obj
	$(Q)$(CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
		-MMD -MP -MT $@ -MF $(B)/obj/bpf.d -D__TARGET_ARCH_$(BPF_ARCH) \
		-I. -Iinclude -Ibpf -c -o $@.big $<
	$(Q)$(BPFTOOL) gen object $@ $@.big && rm $@.big

$(BPF_SKEL): $(B)/gen/forkscope.bpf.o
	$(call say,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name forkscope_bpf > $@

POOL_OBJ := $(POOL_SRC:%.c=$(B)/obj/%.o)

# One object whose hidden names are made local: a program linked with it may have an arena_get of its own.
$(B)/obj/libprocpool.o: $(POOL_OBJ)
	$(call say,LD)
	$(Q)$(LD) -r -o $@.all $^ && $(OBJCOPY) --localize-hidden $@.all $@ && rm $@.all

$(B)/libprocpool.a: $(B)/obj/libprocpool.o
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Workers forked from a program that is bound lazily would each look its functions up again; and each of its mappings
# is copied by a fork and undone by an exit.
BIND_NOW = -Wl,-z,relro,-z,now,-z,noseparate-code

$(B)/libprocpool.so.1: $(POOL_OBJ) $(wildcard pool/libprocpool.map)
	$(call say,LINK)
	$(Q)$(CC) -shared $(SANFLAGS) $(LDFLAGS) -Wl,-soname,libprocpool.so.1 \
		-Wl,--version-script=pool/libprocpool.map $(BIND_NOW),-z,nodelete -o $@ $(POOL_OBJ) -ldl -pthread

$(B)/libprocpool.so: $(B)/libprocpool.so.1
	$(Q)ln -sf $(<F) $@

# A module's tasks may use any function of the library: all must be there, and be exported.
POOL_WHOLE = -Wl,--whole-archive $(B)/libprocpool.a -Wl,--no-whole-archive

# Made anew each time: PREFIX may be another than last time.
.PHONY: FORCE
FORCE:

$(B)/libprocpool.pc: pool/libprocpool.pc.in FORCE
	$(call say,GEN)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCDIR@|$(INCDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< > $@


$(B)/procpool: $(POOL_CMD_SRC:%.c=$(B)/obj/%.o) $(B)/libprocpool.a
	$(call say,LINK)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $(BIND_NOW) -rdynamic -o $@ $(filter %.o,$^) \
		$(POOL_WHOLE) -ldl -pthread

$(B)/procpool-worker: $(POOL_WORKER_SRC:%.c=$(B)/obj/%.o) $(B)/libprocpool.a
	$(call say,LINK)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $(BIND_NOW) -rdynamic -o $@ $(filter %.o,$^) \
		$(POOL_WHOLE) -ldl -pthread

# The shim is never built with a sanitizer: it lives in other people's programs.
$(B)/obj/shim/%.o: shim/%
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SHIM_CFLAGS) -c -o $@ $<

$(B)/obj/shim-locks/%.o: shim/%
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SHIM_CFLAGS) -DSHIM_LOCKS -c -o $@ $<

$(B)/libforkscope-shim.so: $(SHIM_OBJ) shim/libforkscope-shim.map
$(B)/libforkscope-shim-locks.so: $(SHIM_LOCKS_OBJ) shim/libforkscope-shim.map

# libc only: the unwinder is linked in (and hidden).
$(SHIM_ALL):
	$(call say,LINK)
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,-soname,$(@F) -static-libgcc \
		-Wl,--version-script=shim/libforkscope-shim.map -Wl,-z,relro,-z,now,-z,defs,-z,nodelete,-z,noseparate-code \
		-o $@ $(filter %.o,$^) -lgcc_eh

$(B)/man/%: doc/man/%.scd
	$(call say,MAN)
	@mkdir -p $(@D)
	$(Q)scdoc < $< > $@

# --- install --------------------------------------------------------------------------------

LIBEXECDIR ?= $(PREFIX)/libexec
INSTALL := install

.PHONY: install
install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)/forkscope \
		$(DESTDIR)$(LIBEXECDIR)/procpool $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man3 \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	$(INSTALL) -m 755 $(B)/forkscope $(B)/procpool $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(B)/procpool-worker $(DESTDIR)$(LIBEXECDIR)/procpool
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/forkscope
	$(INSTALL) -m 755 $(SHIM_ALL) $(DESTDIR)$(LIBDIR)/forkscope
	$(INSTALL) -m 755 $(B)/libprocpool.so.1 $(DESTDIR)$(LIBDIR)
	ln -sf libprocpool.so.1 $(DESTDIR)$(LIBDIR)/libprocpool.so
	$(INSTALL) -m 644 $(B)/libprocpool.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 include/procpool.h include/forkscope.h $(DESTDIR)$(INCDIR)
	$(INSTALL) -m 644 include/forkscope/event.h include/forkscope/trace_file.h $(DESTDIR)$(INCDIR)/forkscope
	$(INSTALL) -m 644 $(B)/libprocpool.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(INSTALL) -m 644 scripts/forkscope.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/forkscope
	for page in $(MAN); do $(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}; done

# --- tests ----------------------------------------------------------------------------------
#
# tests/unit/test_*.c   cmocka, linked with the tracer's rooms
# tests/pool/test_*.c   cmocka, linked with libprocpool
# tests/cases/*.c       small programs to be traced; each tells what a trace of it must say
# tests/why/*.[c,py]     programs that hang, for `forkscope why`
# tests/*/*.t           scripts that print TAP and run build/ programs

UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
POOL_BIN := $(patsubst tests/pool/%.c,$(B)/tests/pool/%,$(wildcard tests/pool/test_*.c))
CASE_BIN := $(patsubst tests/cases/%.c,$(B)/tests/cases/%,$(wildcard tests/cases/*.c))
SHIM_BIN := $(patsubst tests/shim/%.c,$(B)/tests/shim/%,$(wildcard tests/shim/*.c))
WHY_BIN  := $(patsubst tests/why/%.c,$(B)/tests/why/%,$(wildcard tests/why/*.c))
BUG_BIN  := $(patsubst tests/bugs/%.c,$(B)/tests/bugs/%,$(wildcard tests/bugs/*.c))
BENCH_BIN := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))
HARNESS  := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/*.c))

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(HARNESS) $(TRACER_LIB)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ -lcmocka $(TRACER_LIBS)

# What every pool test is linked with: the tasks they run and how they look at processes.
POOL_TEST_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(filter-out tests/pool/test_%,$(wildcard tests/pool/*.c)))

# With the library's objects themselves: some tests look at its inner parts.
$(B)/tests/pool/%: $(B)/obj/tests/pool/%.o $(POOL_TEST_OBJ) $(HARNESS) $(POOL_OBJ)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -rdynamic -o $@ $^ -lcmocka -ldl -pthread

# The fuzzer: clang's, with sanitizers of its own; the rooms that read what came from outside.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c tests/sample.c tracer/base/*.c tracer/trace/*.c \
	tracer/model/*.c tracer/out/*.c)
FUZZ_OBJ := $(FUZZ_SRC:%.c=$(B)/fuzzobj/%.o)
FUZZ_BIN := $(if $(wildcard tests/fuzz/fuzz_*.c),$(B)/tests/fuzz/fuzz_reader $(B)/tests/fuzz/make_corpus)
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

$(B)/fuzzobj/%.o: %.c
	$(call say,FUZZ)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -Wall -Wextra -Werror -MMD -MP -D_GNU_SOURCE \
		-DFORKSCOPE_VERSION='"$(VERSION)"' -DVIEW_PAGE='"$(VIEW_PAGE)"' \
		-Iinclude -Itracer -Itests $(FUZZ_FLAGS) -c -o $@ $<

$(B)/tests/fuzz/fuzz_reader: $(FUZZ_OBJ)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -o $@ $^ -ldw -lz -lsqlite3 -pthread

$(B)/tests/fuzz/make_corpus: $(B)/obj/tests/fuzz/make_corpus.o $(HARNESS) $(TRACER_LIB)
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^ -lcmocka $(TRACER_LIBS)

# Traced programs are built plain: a sanitizer would change how they start and end.
$(B)/tests/cases/%: tests/cases/%.c $(wildcard tests/cases/*.h)
	$(call say,CASE)
	@mkdir -p $(@D)
	$(Q)CC='$(CC)' scripts/build-case $< $@ -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARN) -Itests/cases

$(B)/tests/shim/%: tests/shim/%.c
	$(call say,CASE)
	@mkdir -p $(@D)
	$(Q)CC='$(CC)' scripts/build-case $< $@ -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARN) -Iinclude

# Programs that hang: without optimisation, as what people debug; every frame has a base register.
$(B)/tests/why/%: tests/why/%.c
	$(call say,HANG)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O0 -g $(WARN) -o $@ $< -pthread

# Programs with a fork hazard and their repaired twins: as a user's debug build.
$(B)/tests/bugs/%: tests/bugs/%.c tests/bugs/bug.h
	$(call say,BUG)
	@mkdir -p $(@D)
	$(Q)CC='$(CC)' scripts/build-case $< $@ -std=gnu11 -D_GNU_SOURCE -O0 -g $(WARN) -Itests/bugs

# Programs to be measured and traced: plain and fast, like what users run.
$(B)/bench/%: bench/%.c
	$(call say,BENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Iinclude -o $@ $< -pthread

include $(wildcard examples/*.mk bench/*.mk tests/*/*.mk)

.PRECIOUS: $(B)/fuzzobj/%.o $(B)/obj/%.o

.PHONY: tests-built
tests-built: all $(FUZZ_BIN) $(UNIT_BIN) $(POOL_BIN) $(CASE_BIN) $(BUG_BIN) $(SHIM_BIN) $(WHY_BIN) $(BENCH_BIN)

SUITES := style unit cli view cases shim why bugs real stress pool fuzz

.PHONY: check
check: deps
	$(Q)$(MAKE) --no-print-directory tests-built
	$(Q)FORKSCOPE_BUILD=$(B) scripts/run-suites $(SUITES)

.PHONY: $(SUITES:%=check-%)
$(SUITES:%=check-%): check-%: tests-built
	$(Q)FORKSCOPE_BUILD=$(B) scripts/run-suites $*

# All of CPython's own tests of processes and threads, with and without the shim: half an hour.
.PHONY: check-cpython
check-cpython: tests-built
	$(Q)FORKSCOPE_BUILD=$(B) tests/shim/cpython.t all

# The cases under Debian's other kernels, by qemu without kvm; downloads the kernels once.
KERNELS ?= 6.1 6.12
.PHONY: check-kernels
check-kernels:
	$(Q)scripts/install-deps --kernels
	$(Q)$(MAKE) --no-print-directory tests-built
	$(Q)FORKSCOPE_BUILD=$(B) scripts/vm $(KERNELS)

# The main job, from a clean clone: what CPython's start methods do, side by side.
.PHONY: demo
demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)FORKSCOPE_BUILD=$(B) scripts/demo

# Every executable bench/*.py prints its own table.
.PHONY: bench
bench: deps
	$(Q)$(MAKE) --no-print-directory tests-built
	$(Q)for script in bench/*.py; do \
		if [ -x $$script ]; then FORKSCOPE_BUILD=$(B) $(PYTHON) $$script || exit 1; fi; \
	done

.PHONY: lint
lint:
	$(Q)scripts/lint

.PHONY: format
format:
	$(Q)clang-format-14 -i $$(git ls-files --cached --others --exclude-standard '*.[ch]')

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(B)/obj $(B)/fuzzobj -name '*.d' 2>/dev/null)
