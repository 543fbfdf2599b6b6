# SPDX-License-Identifier: MIT
#
# What the pool's tests load: modules with tasks and preload hooks, good and bad.

POOL_MODULES := $(patsubst tests/pool/modules/%.c,$(B)/tests/pool/modules/%.so,$(wildcard tests/pool/modules/*.c))

$(B)/tests/pool/modules/%.so: tests/pool/modules/%.c
	$(call say,MODULE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -Wl,--build-id -o $@ $< -pthread

tests-built: $(POOL_MODULES)
