/* SPDX-License-Identifier: MIT */
/* The checksum of a chunk, said once for writer, reader and tests. */
#ifndef TRACER_TRACE_CHUNK_H
#define TRACER_TRACE_CHUNK_H

#include <zlib.h>

#include "forkscope/trace_file.h"

/* Of the head, whatever its own crc is, and the head.length bytes of payload. */
static inline uint32_t chunk_crc(struct fs_trace_chunk head, const void *payload)
{
	uLong crc;

	head.crc = 0;
	crc = crc32(0, (const Bytef *)&head, sizeof(head));
	/* zlib takes NULL for "begin anew", also with length 0. */
	return (uint32_t)(head.length ? crc32(crc, payload, head.length) : crc);
}

#endif
