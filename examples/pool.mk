# SPDX-License-Identifier: MIT
#
# The pool's examples: programs that use the public header alone, and tasks.so, a module for the command.

POOL_EXAMPLES := million forkserver_preload event_loop crash
POOL_EXAMPLE_BIN := $(POOL_EXAMPLES:%=$(B)/examples/%)

$(POOL_EXAMPLE_BIN): $(B)/examples/%: examples/%.c $(B)/libprocpool.a
	$(call say,EXAMPLE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -rdynamic -o $@ $< $(B)/libprocpool.a -ldl -pthread

# The promise of the example: one constant is all that changes.
POOL_MILLION_BIN := $(foreach m,fork spawn forkserver thread,$(B)/examples/million-$(m))

$(POOL_MILLION_BIN): $(B)/examples/million-%: examples/million.c $(B)/libprocpool.a
	$(call say,EXAMPLE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -DSTART=PP_START_$$(echo $* | tr a-z A-Z) -rdynamic -o $@ $< \
		$(B)/libprocpool.a -ldl -pthread

tests-built: $(if $(POOL_SRC),$(POOL_MILLION_BIN))

# A module has no libprocpool of its own: the program that loads it has one.
$(B)/examples/tasks.so: examples/tasks.c
	$(call say,MODULE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fPIC -shared -Wl,--build-id -o $@ $<

POOL_EXAMPLE_ALL := $(if $(POOL_SRC),$(POOL_EXAMPLE_BIN) $(B)/examples/tasks.so)

all: $(POOL_EXAMPLE_ALL)

-include $(POOL_EXAMPLE_BIN:%=%.d) $(POOL_MILLION_BIN:%=%.d) $(B)/examples/tasks.d
