# SPDX-License-Identifier: MIT
#
# The pool's benchmark: `make bench-pool` prints each bar of doc/design with its measured ratio.

$(B)/bench/bare: bench/bare.c
	$(call say,BENCH)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

tests-built: $(B)/bench/bare

.PHONY: bench-pool
bench-pool: tests-built
	$(Q)FORKSCOPE_BUILD=$(B) $(PYTHON) bench/pool.py

-include $(B)/bench/bare.d
