/* SPDX-License-Identifier: MIT */
/*
 * make_corpus DIR: seeds for the fuzzer, one small trace per event type and one of all, each behind the byte
 * that says "mend the checksums" (fuzz_reader.c).
 * make_corpus --trace FILE N: a valid trace of N events of all types, for tests that damage it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"
#include "trace/writer.h"

static void die(const char *what)
{
	fprintf(stderr, "make_corpus: %s\n", what);
	exit(1);
}

/* type 0: all types in turn. */
static void write_trace(const char *path, unsigned type, unsigned n)
{
	struct fs_trace_end end = { .end_ns = 2000000000u };
	struct fs_trace_header header;
	struct trace_writer *w;
	struct failure why;
	union sample s;
	unsigned i;

	trace_header_now(&header);
	header.start_ns = 999000000;
	if (trace_writer_open(&w, path, &header, &why) < 0)
		die(why.text);
	trace_writer_meta(w, "host", "sample");
	trace_writer_meta(w, "command", "sh -c true%20%1B[31m");
	trace_writer_set_queue(w, SIZE_MAX);
	for (i = 0; i < n; i++) {
		sample_event(&s, type ? type : sample_type(i % sample_types()), i);
		if (trace_writer_event(w, &s.h) < 0)
			die("an event was refused");
	}
	if (trace_writer_close(w, &end, &why) < 0)
		die(why.text);
}

/* The seed is byte 1 and the trace. */
static void make_seed(const char *path, unsigned type, unsigned n)
{
	char bytes[65536];
	size_t len;
	FILE *f;

	write_trace(path, type, n);
	f = fopen(path, "re");
	if (!f)
		die(path);
	bytes[0] = 1;
	len = 1 + fread(bytes + 1, 1, sizeof(bytes) - 1, f);
	fclose(f);
	f = fopen(path, "we");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		die(path);
}

int main(int argc, char **argv)
{
	char path[4096];
	size_t i;

	if (argc == 4 && strcmp(argv[1], "--trace") == 0) {
		write_trace(argv[2], 0, (unsigned)strtoul(argv[3], NULL, 10));
		return 0;
	}
	if (argc != 2)
		die("needs a directory");
	for (i = 0; i <= sample_types(); i++) {
		unsigned type = i < sample_types() ? sample_type(i) : 0;

		snprintf(path, sizeof(path), "%s/type-%u", argv[1], type);
		make_seed(path, type, type ? 3 : 40);
	}
	return 0;
}
