/* SPDX-License-Identifier: MIT */
/*
 * The trace file, as bytes. doc/trace-format.md tells the same in prose.
 *
 * A file is one struct fs_trace_header and then chunks, appended one after another:
 *
 *     header | META | EVENTS | EVENTS | ... | META | END
 *
 * Everything is little-endian. A chunk is struct fs_trace_chunk and `length` bytes; it carries the CRC-32
 * (zlib's crc32(), start value 0) of both, its head taken with crc 0. So a file that was cut anywhere reads up to its last whole
 * chunk; without an END chunk it is incomplete, and readers say so.
 *
 * Versions: `major` differs, a reader refuses; `minor` is larger than its own, it reads what it knows.
 * Chunk types, META keys and event types a reader does not know are skipped, and counted.
 */
#ifndef FORKSCOPE_TRACE_FILE_H
#define FORKSCOPE_TRACE_FILE_H

/* Tables of numbers and fields, in columns: */
/* clang-format off */

#include <stdint.h>

#define FS_TRACE_MAGIC "FORKSCP\n"
#define FS_TRACE_MAJOR 1
#define FS_TRACE_MINOR 0

/* The largest chunk a writer makes and a reader accepts, in bytes of payload. */
#define FS_TRACE_CHUNK_MAX (16u << 20)

struct fs_trace_header {
	char magic[8];
	uint16_t major;
	uint16_t minor;
	uint32_t header_size;   /* of this struct; chunks begin there */
	uint64_t start_ns;      /* CLOCK_MONOTONIC at the start: `_ns` times in outputs count from it */
	int64_t boot_offset_ns; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC then */
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC then */
	uint8_t boot_id[16];    /* /proc/sys/kernel/random/boot_id */
	uint32_t recorder_pid;
	uint32_t crc;           /* of the bytes before this field */
};

#define FS_TRACE_CHUNK_MAGIC 0x4b435346u /* "FSCK" */

enum fs_trace_chunk_type {
	FS_CHUNK_META = 1,   /* key NUL value NUL, repeated; a later value replaces an earlier one */
	FS_CHUNK_EVENTS = 2, /* records of event.h, whole ones */
	FS_CHUNK_END = 3,    /* struct fs_trace_end: the recording was finished in order */
};

struct fs_trace_chunk {
	uint32_t magic;
	uint32_t type;   /* enum fs_trace_chunk_type */
	uint32_t length; /* of the payload that follows */
	uint32_t crc;    /* of this head with crc 0, then of the payload */
	uint64_t number; /* 0, 1, 2 ...: a hole or repetition is damage */
};

struct fs_trace_end {
	uint64_t end_ns;  /* CLOCK_MONOTONIC */
	uint64_t events;  /* records written, all chunks together */
	uint64_t lost;    /* events lost, all types together */
	uint32_t target_status; /* wait status of the command; 0xffffffff: none, or still running */
	uint32_t reserved;
};

/*
 * META keys (values are text; lists are separated by NUL-free means told here):
 *   host, kernel, arch, version      uname -n, -r, -m; forkscope's own version
 *   command                          the target's argv, each argument percent-encoded, one space between
 *   options                          the recorder's options, as given
 *   sources                          "bpf", "shim" or "bpf,shim"
 *   sources.why                      what `auto` chose and why, for people
 *   fds                              none, pass, snapshot or full
 *   mode                             run, attach or cgroup
 *   target                           pid and start_ns of the first process, "4711 1234567890"
 *   target.pids                      attached pids, comma-separated
 */

#ifdef __cplusplus
static_assert(sizeof(struct fs_trace_header) == 64, "header");
#else
_Static_assert(sizeof(struct fs_trace_header) == 64, "header");
_Static_assert(sizeof(struct fs_trace_chunk) == 24, "chunk");
_Static_assert(sizeof(struct fs_trace_end) == 32, "end");
#endif

#endif
