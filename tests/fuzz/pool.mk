# SPDX-License-Identifier: MIT
#
# The fuzzer of what a pool reads from its workers.

$(B)/tests/fuzz/pool_lane: tests/fuzz/pool_lane.c pool/lane.c $(wildcard pool/*.h include/procpool.h)
	$(call say,FUZZ)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -DFORKSCOPE_VERSION='"$(VERSION)"' -Iinclude -Ipool \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ tests/fuzz/pool_lane.c pool/lane.c pool/error.c pool/util.c -pthread

tests-built: $(B)/tests/fuzz/pool_lane
