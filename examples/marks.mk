# SPDX-License-Identifier: MIT
#
# Marks: the example needs no library at all.

$(B)/examples/marks: examples/marks.c include/forkscope.h
	$(call say,EXAMPLE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<

all: $(B)/examples/marks
