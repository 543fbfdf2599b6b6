/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a trace file.
 *
 * Checksums would stop the fuzzer at the door, so an input's first byte says whether they are to be mended
 * first (bit 0): then magic, checksums and chunk numbers are made right, and what lies behind them is what
 * is tried. The rest of the input is the file.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "trace/chunk.h"
#include "trace/event_check.h"
#include "trace/event_info.h"

static const struct fuzz_consumer *const consumers[] = { &fuzz_json, &fuzz_model };
enum { CONSUMERS = sizeof(consumers) / sizeof(consumers[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_header(uint8_t *file)
{
	struct fs_trace_header h;

	memcpy(&h, file, sizeof(h));
	memcpy(h.magic, FS_TRACE_MAGIC, sizeof(h.magic));
	h.major = FS_TRACE_MAJOR;
	h.header_size = sizeof(h);
	h.crc = (uint32_t)crc32(0, (const Bytef *)&h, offsetof(struct fs_trace_header, crc));
	memcpy(file, &h, sizeof(h));
}

static void mend(uint8_t *file, size_t size)
{
	size_t at = sizeof(struct fs_trace_header);
	struct fs_trace_chunk c;
	uint64_t number = 0;

	if (size < at)
		return;
	mend_header(file);
	for (; size - at >= sizeof(c); at += sizeof(c) + c.length) {
		memcpy(&c, file + at, sizeof(c));
		if (c.length > size - at - sizeof(c))
			c.length = (uint32_t)(size - at - sizeof(c));
		c.magic = FS_TRACE_CHUNK_MAGIC;
		c.number = number++;
		c.crc = chunk_crc(c, file + at + sizeof(c));
		memcpy(file + at, &c, sizeof(c));
	}
}

/* Touches all that the accessors give: a sanitizer sees each byte too many. */
static void touch(const struct fs_event *e)
{
	struct event_text pieces[] = { event_comm(e), event_filename(e), event_interp(e),
				       event_argv(e), event_components(e) };
	uint8_t sum = 0;
	const struct fs_fd *fds;
	size_t count, i, n;

	for (n = 0; n < sizeof(pieces) / sizeof(pieces[0]); n++)
		for (i = 0; i < pieces[n].len; i++)
			sum ^= (uint8_t)pieces[n].text[i];
	fds = event_fds(e, &count);
	for (i = 0; i < count; i++)
		sum ^= (uint8_t)fds[i].fd;
	*(volatile uint8_t *)&sum; /* so that the reads are not left out */
	if (event_problem(e))
		abort();
}

static void read_trace(const char *path)
{
	void *self[CONSUMERS];
	const struct fs_event *e;
	struct trace_reader *r;
	struct failure why;
	unsigned i;

	if (trace_reader_open(&r, path, &why) < 0)
		return;
	for (i = 0; i < CONSUMERS; i++)
		self[i] = consumers[i]->begin(trace_reader_summary(r));
	while (trace_reader_next(r, &e) == 1) {
		touch(e);
		for (i = 0; i < CONSUMERS; i++)
			consumers[i]->event(self[i], e);
	}
	for (i = 0; i < CONSUMERS; i++)
		consumers[i]->end(self[i], trace_reader_summary(r));
	trace_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	uint8_t *file;

	if (size < 1)
		return 0;
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	file = malloc(size);
	if (fd < 0 || !file)
		abort();
	memcpy(file, data + 1, size - 1);
	if (data[0] & 1)
		mend(file, size - 1);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, file, size - 1, 0) != (ssize_t)size - 1)
		abort();
	free(file);
	read_trace(path);
	return 0;
}
