/* SPDX-License-Identifier: MIT */
/*
 * Addresses in files of code, as words: "name+0x12 (file.c:34)". By the file's own symbol table and debugging
 * information (also from /usr/lib/debug), long after the process is gone.
 */
#ifndef TRACER_BASE_SYMBOL_H
#define TRACER_BASE_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct symbols;

/* -ENOMEM. */
int symbols_new(struct symbols **ret);
void symbols_free(struct symbols *s);

/*
 * Appends words for a return address, given as an address in the file's own terms. A file that is not there,
 * or whose build-id is not the one given (len 0: not known), gives "file+0xaddress". Functions that the
 * compiler put into others come first: "inner (b.c:5) <- outer+0x1 (a.c:2)".
 */
void symbols_append(struct symbols *s, struct buffer *out, const char *path, const void *build_id,
		    size_t len, uint64_t address);

#endif
