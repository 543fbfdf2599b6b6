/* SPDX-License-Identifier: MIT */
/*
 * The channel between the shim and the tracer: one area of shared memory for each recording.
 *
 * An image finds its recording by the environment variable FORKSCOPE_SHIM, which holds the name of an abstract
 * unix socket (32 hexadecimal digits). It connects; the recorder looks at who that is (SO_PEERCRED) and sends
 * struct fs_shim_welcome with the area's memfd; both close the connection. The name goes when the recorder goes,
 * and the memory when the last process that has it mapped does: nothing to clean up, whoever is killed.
 *
 * The area: a header, `block_count` block heads, then the blocks. A thread owns one block at a time (CAS of
 * owner from 0) and appends records of event.h to it: it moves `reserved` up, writes the size with
 * FS_AREA_BUSY, the rest, and then the size alone (release). The reader takes records in order, up to the first
 * that is busy or zero. Whoever is done with a block seals it; the reader zeroes what was used and frees it. A
 * block of a dead owner is freed by the reader.
 *
 * Neither side trusts the other: the reader copies a record before it looks at it, the memfd is sealed against
 * shrinking, and a writer never waits.
 */
#ifndef FORKSCOPE_SHIM_AREA_H
#define FORKSCOPE_SHIM_AREA_H

#include "forkscope/event.h"

#define FS_SHIM_VARIABLE "FORKSCOPE_SHIM"
#define FS_SHIM_NAME_LEN 32
#define FS_SHIM_SOCKET_PREFIX "forkscope-" /* the socket: NUL, this, the name */

#define FS_AREA_MAGIC 0x61485346u /* "FSHa" */
#define FS_AREA_VERSION 1u
#define FS_AREA_BLOCKS 8192u
#define FS_AREA_BLOCK_SIZE 8192u
#define FS_AREA_RECORD_MAX 4096u /* a larger record is cut */
#define FS_AREA_BUSY 0x80000000u

#define FS_AREA_NATIVE 0x1u /* wanted: native stacks, Python stacks, locks */
#define FS_AREA_PYTHON 0x2u
#define FS_AREA_LOCKS 0x4u
#define FS_AREA_KERNEL 0x8u /* the kernel witness is there: births, _exit and wait are told by it */

struct fs_area_block {
	uint64_t owner; /* tid << 32 | pid; 0: free */
	uint32_t reserved; /* bytes handed out to writers */
	uint32_t sealed;
	uint32_t reader[12]; /* padding to a cache line */
};

struct fs_area {
	uint32_t magic;
	uint32_t version;
	uint32_t block_count;
	uint32_t block_size;
	uint32_t wanted; /* FS_AREA_* */
	uint32_t closed; /* the recording has ended: write nothing more */
	uint32_t full; /* no block was free; the reader clears it */
	uint32_t hint; /* where a free block is likely */
	uint32_t high; /* blocks at and above were never used */
	uint32_t reserved;
	uint64_t next_call;
	uint64_t lost[FS_EV_MAX]; /* by type */
	struct fs_area_block blocks[];
};

/* Where the blocks themselves begin, and how large an area is. */
#define FS_AREA_DATA(count)                                                                   \
	((sizeof(struct fs_area) + (uint64_t)(count) * sizeof(struct fs_area_block) + 4095) & \
	 ~4095ull)
#define FS_AREA_SIZE(count, size) (FS_AREA_DATA(count) + (uint64_t)(count) * (size))

struct fs_shim_welcome {
	uint32_t magic;
	uint32_t version;
	uint32_t pid; /* of the image, as the recorder sees it */
	uint32_t parent_pid; /* likewise */
	uint64_t area_size;
};

FS_SIZE_IS(fs_area_block, 64);
FS_SIZE_IS(fs_shim_welcome, 24);

#endif
