/* SPDX-License-Identifier: MIT */
/* Writer and reader together: what goes in comes out, and what was damaged is said. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sample.h"
#include "trace/reader.h"
#include "trace/writer.h"

/* Each test runs in a process and a directory of its own. */
static char dir[] = "/tmp/forkscope-test-XXXXXX";

static void enter_dir(void)
{
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
}

static void leave_dir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static struct trace_writer *open_writer(const char *path)
{
	struct fs_trace_header header;
	struct trace_writer *w = NULL;
	struct failure why = { 0 };

	trace_header_now(&header);
	if (trace_writer_open(&w, path, &header, &why) < 0)
		fail_msg("%s", why.text);
	return w;
}

static void write_events(struct trace_writer *w, unsigned n)
{
	union sample s;
	unsigned i;

	for (i = 0; i < n; i++) {
		sample_event(&s, sample_type(i % sample_types()), i);
		assert_int_equal(trace_writer_event(w, &s.h), 0);
	}
}

static void close_writer(struct trace_writer *w)
{
	struct fs_trace_end end = { .end_ns = 77, .target_status = 0x100 };
	struct failure why = { 0 };

	if (trace_writer_close(w, &end, &why) < 0)
		fail_msg("%s", why.text);
}

static struct trace_reader *open_reader(const char *path)
{
	struct trace_reader *r = NULL;
	struct failure why = { 0 };

	if (trace_reader_open(&r, path, &why) < 0)
		fail_msg("%s", why.text);
	return r;
}

/* Reads to the end; events must be the first of write_events's, in order. Returns how many. */
static unsigned read_events(struct trace_reader *r)
{
	const struct fs_event *e;
	union sample s;
	unsigned n = 0;
	int got;

	while ((got = trace_reader_next(r, &e)) == 1) {
		sample_event(&s, sample_type(n % sample_types()), n);
		assert_int_equal(e->size, s.h.size);
		assert_memory_equal(e, &s, s.h.size);
		n++;
	}
	assert_int_equal(got, 0);
	assert_int_equal(trace_reader_next(r, &e), 0);
	return n;
}

static unsigned read_file(const char *path, bool *ret_incomplete)
{
	struct trace_reader *r = open_reader(path);
	unsigned n = read_events(r);

	*ret_incomplete = trace_reader_summary(r)->incomplete;
	trace_reader_free(r);
	return n;
}

static void test_there_and_back(void **state)
{
	const struct trace_summary *s;
	struct trace_writer *w;
	struct trace_reader *r;
	struct stat st;

	(void)state;
	enter_dir();
	w = open_writer("t");
	assert_int_equal(trace_writer_meta(w, "host", "first"), 0);
	assert_int_equal(trace_writer_meta(w, "command", "a\nb"), 0);
	write_events(w, 20000);
	assert_int_equal(trace_writer_meta(w, "host", "second"), 0);
	assert_int_equal(trace_writer_events(w), 20000);
	close_writer(w);
	assert_int_equal(stat("t", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	r = open_reader("t");
	assert_string_equal(trace_reader_meta(r, "host"), "first"); /* known before any event */
	assert_int_equal(read_events(r), 20000);
	s = trace_reader_summary(r);
	assert_false(s->incomplete);
	assert_true(s->has_end);
	assert_int_equal(s->end.events, 20000);
	assert_int_equal(s->end.target_status, 0x100);
	assert_int_equal(s->bytes, st.st_size);
	assert_int_equal(s->by_type[FS_EV_FORK], (20000 + sample_types() - 1) / sample_types());
	assert_true(s->lost > 0);
	assert_int_equal(s->lost, s->lost_by_type[FS_EV_FD_USE]);
	assert_int_equal(s->first_ns, 1000000000);
	assert_int_equal(s->last_ns, 1000000000 + 1000 * 19999);
	assert_int_equal(s->header.recorder_pid, getpid());
	assert_string_equal(trace_reader_meta(r, "host"), "second");
	assert_null(trace_reader_meta(r, "nope"));
	assert_int_equal(trace_reader_metas(r)->count, 2);
	assert_string_equal(trace_reader_meta(r, "command"), "a\nb");
	trace_reader_free(r);
	leave_dir();
}

/* The first `size` bytes of one file become another. */
static void copy_start(const char *from, const char *to, size_t size)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *bytes = malloc(size);

	assert_non_null(bytes);
	assert_int_equal(read(in, bytes, size), size);
	assert_int_equal(write(out, bytes, size), size);
	free(bytes);
	close(in);
	close(out);
}

/* Cut at every length: always an answer, complete only when whole, and never fewer events for more bytes. */
static void test_cut_anywhere(void **state)
{
	struct trace_writer *w;
	unsigned last = 0;
	struct stat st;
	off_t size;

	(void)state;
	enter_dir();
	w = open_writer("t");
	assert_int_equal(trace_writer_meta(w, "k", "v"), 0);
	write_events(w, 40);
	assert_int_equal(trace_writer_meta(w, "k", "v"), 0);
	close_writer(w);
	assert_int_equal(stat("t", &st), 0);
	for (size = sizeof(struct fs_trace_header); size <= st.st_size; size++) {
		bool incomplete = false;
		unsigned n;

		copy_start("t", "cut", (size_t)size);
		n = read_file("cut", &incomplete);
		assert_int_equal(incomplete, size < st.st_size);
		assert_true(n >= last);
		last = n;
	}
	assert_int_equal(last, 40);
	leave_dir();
}

/* Every single byte changed: an error, or incomplete; never a wrong event, never silence. */
static void test_every_byte_counts(void **state)
{
	struct trace_writer *w;
	struct stat st;
	off_t at;
	int fd;

	(void)state;
	enter_dir();
	w = open_writer("t");
	assert_int_equal(trace_writer_meta(w, "k", "v"), 0);
	write_events(w, 40);
	close_writer(w);
	assert_int_equal(stat("t", &st), 0);
	fd = open("t", O_RDWR | O_CLOEXEC);
	for (at = 0; at < st.st_size; at++) {
		struct trace_reader *r = NULL;
		struct failure why;
		char was, is;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		is = (char)(was ^ 0x10);
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		if (trace_reader_open(&r, "t", &why) == 0) {
			assert_true(read_events(r) <= 40);
			assert_true(trace_reader_summary(r)->incomplete);
			assert_true(strlen(trace_reader_summary(r)->incomplete_why) > 0);
			trace_reader_free(r);
		}
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	close(fd);
	leave_dir();
}

static void expect_refused(const char *path, int error, const char *text)
{
	struct trace_reader *r = (struct trace_reader *)1;
	struct failure why = { 0 };

	assert_int_equal(trace_reader_open(&r, path, &why), error);
	assert_ptr_equal(r, (struct trace_reader *)1);
	assert_string_equal(why.text, text);
}

/* A trace of five events whose header claims this version, with a right checksum. */
static void write_version(uint16_t major, uint16_t minor)
{
	struct fs_trace_header header;
	struct trace_writer *w = NULL;

	trace_header_now(&header);
	header.major = major;
	header.minor = minor;
	assert_int_equal(trace_writer_open(&w, "t", &header, NULL), 0);
	write_events(w, 5);
	close_writer(w);
}

static void test_what_is_no_trace(void **state)
{
	bool incomplete = true;

	(void)state;
	enter_dir();
	assert_int_equal(mkfifo("fifo", 0600), 0);
	expect_refused("fifo", -EINVAL, "'fifo' is empty: nothing was recorded in it");
	expect_refused("missing", -ENOENT, "cannot open 'missing': No such file or directory");
	expect_refused(".", -EISDIR, "'.' is a directory, not a trace");
	assert_int_equal(system(": > empty; echo hello > foreign; printf 'FORKSCP\\nabc' > cut"),
			 0);
	expect_refused("empty", -EINVAL, "'empty' is empty: nothing was recorded in it");
	expect_refused("foreign", -EINVAL, "'foreign' is not a forkscope trace");
	expect_refused("cut", -EINVAL, "'cut' is cut within its header: nothing can be read");
	write_version(2, 0);
	expect_refused(
		"t", -EPROTO,
		"'t' has trace format version 2.0, newer than 1.x: read it with a newer forkscope");
	write_version(0, 9);
	expect_refused("t", -EPROTO,
		       "'t' has trace format version 0.9, older than 1.x: read it with an older "
		       "forkscope");
	write_version(1, 7);
	assert_int_equal(read_file("t", &incomplete), 5);
	assert_false(incomplete);
	assert_int_equal(system("printf x | dd of=t bs=1 seek=50 conv=notrunc status=none"), 0);
	expect_refused("t", -EINVAL, "'t' is damaged in its header: nothing can be read");
	leave_dir();
}

static void test_unknown_things_are_skipped(void **state)
{
	struct {
		struct fs_event h;
		uint64_t more[3];
	} strange = {
		.h = { .size = sizeof(strange), .type = 60000, .ts_ns = 5 },
	};
	const struct fs_event *e;
	struct trace_writer *w;
	struct trace_reader *r;
	int n = 0;

	(void)state;
	enter_dir();
	w = open_writer("t");
	write_events(w, 1);
	assert_int_equal(trace_writer_event(w, &strange.h), 0);
	strange.h.type = 63; /* not given to any yet */
	assert_int_equal(trace_writer_event(w, &strange.h), 0);
	strange.h.size = 41;
	assert_int_equal(trace_writer_event(w, &strange.h), -EINVAL);
	close_writer(w);
	r = open_reader("t");
	while (trace_reader_next(r, &e) == 1)
		n++;
	assert_int_equal(n, 1);
	assert_int_equal(trace_reader_summary(r)->unknown_events, 2);
	assert_false(trace_reader_summary(r)->incomplete);
	trace_reader_free(r);
	leave_dir();
}

/* The file is whole chunks at any moment: after 100 ms all is there, also when the recorder is killed. */
static void test_killed_recorder(void **state)
{
	const struct timespec tick = { 0, 100 * 1000 * 1000 };
	bool incomplete = false;
	struct trace_writer *w;
	int status, go[2];
	char byte;
	pid_t pid;

	(void)state;
	enter_dir();
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		w = open_writer("t");
		write_events(w, 3000);
		child_check(write(go[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(go[0], &byte, 1), 1);
	nanosleep(&tick, NULL);
	assert_int_equal(read_file("t", &incomplete), 3000); /* while it runs */
	assert_true(incomplete);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(read_file("t", &incomplete), 3000);
	assert_true(incomplete);
	close(go[0]);
	close(go[1]);
	leave_dir();
}

static void expect_unwritable(const char *path, int error, const char *text)
{
	struct trace_writer *w = NULL;
	struct fs_trace_header header;
	struct failure why = { 0 };

	trace_header_now(&header);
	assert_int_equal(trace_writer_open(&w, path, &header, &why), error);
	assert_null(w);
	assert_string_equal(why.text, text);
}

static void test_where_it_writes(void **state)
{
	bool incomplete = true;
	char text[16] = "";
	FILE *f;

	(void)state;
	enter_dir();
	expect_unwritable("/dev/full", -ENOSPC,
			  "cannot write '/dev/full': No space left on device");
	expect_unwritable("no/t", -ENOENT, "cannot create 'no/t': No such file or directory");
	expect_unwritable("/tmp", -EISDIR, "cannot write to '/tmp': Is a directory");
	close_writer(open_writer("/dev/null"));
	/* A file that is there is replaced, not written into: its other name keeps the old content. */
	assert_int_equal(
		system("echo precious > old; ln old t; ln -s old link; ln -s gone dangling"), 0);
	close_writer(open_writer("t"));
	assert_int_equal(read_file("t", &incomplete), 0);
	assert_false(incomplete);
	expect_unwritable("link", -ELOOP,
			  "'link' is a symbolic link to a file: name the file itself");
	expect_unwritable("dangling", -ENOENT,
			  "cannot write to 'dangling': No such file or directory");
	f = fopen("old", "re");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "precious\n");
	leave_dir();
}

/* A FIFO waits for its reader; when the reader goes, that is an error, not a SIGPIPE. */
static void test_fifo(void **state)
{
	struct failure why = { 0 };
	struct trace_writer *w;
	union sample s;
	int i, err = 0;
	pid_t pid;

	(void)state;
	enter_dir();
	assert_int_equal(mkfifo("f", 0600), 0);
	pid = fork();
	if (pid == 0) {
		bool incomplete = true;
		int fd = open("f",
			      O_RDONLY | O_CLOEXEC); /* waits for the writer; the reader does not */

		child_check(read_file("f", &incomplete) == 500);
		child_check(!incomplete);
		close(fd);
		_exit(0);
	}
	w = open_writer("f");
	write_events(w, 500);
	close_writer(w);
	assert_child_ok(pid);

	pid = fork();
	if (pid == 0) {
		int fd = open("f", O_RDONLY | O_CLOEXEC);
		char byte;

		child_check(read(fd, &byte, 1) == 1);
		_exit(0);
	}
	w = open_writer("f");
	assert_child_ok(pid);
	sample_event(&s, FS_EV_FORK, 1);
	for (i = 0; i < 500 && !err; i++) {
		const struct timespec tick = { 0, 10 * 1000 * 1000 };

		err = trace_writer_event(w, &s.h);
		nanosleep(&tick, NULL);
	}
	assert_int_equal(err, -EPIPE);
	assert_int_equal(trace_writer_error(w), -EPIPE);
	assert_int_equal(trace_writer_close(w, NULL, &why), -EPIPE);
	assert_string_equal(why.text, "cannot write the trace: Broken pipe");
	leave_dir();
}

/* Nobody reads the FIFO: the queue fills, events are refused at once, and come to no harm later. */
static void test_a_slow_disk_blocks_nobody(void **state)
{
	unsigned accepted = 0;
	struct trace_writer *w;
	bool incomplete = true;
	union sample s;
	int err, fd;
	pid_t pid;

	(void)state;
	enter_dir();
	assert_int_equal(mkfifo("f", 0600), 0);
	fd = open("f", O_RDWR | O_CLOEXEC); /* keeps the FIFO open, and reads nothing */
	w = open_writer("f");
	trace_writer_set_queue(w, 2 << 20);
	for (;;) {
		sample_event(&s, sample_type(accepted % sample_types()), accepted);
		err = trace_writer_event(w, &s.h);
		if (err)
			break;
		accepted++;
		assert_true(accepted < 1000000);
	}
	assert_int_equal(err, -ENOBUFS);
	assert_int_equal(trace_writer_error(w), 0);
	assert_true(accepted > (1 << 20) / sizeof(s));
	pid = fork();
	if (pid == 0) {
		close(fd);
		child_check(read_file("f", &incomplete) == accepted);
		child_check(!incomplete);
		_exit(0);
	}
	close_writer(w);
	close(fd);
	assert_child_ok(pid);
	leave_dir();
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Not a timed test: says what it took, and holds a bound that only a wrong algorithm misses. */
static void test_a_million_events(void **state)
{
	bool incomplete = true;
	struct trace_writer *w;
	struct trace_reader *r;
	const struct fs_event *e;
	double before;
	union sample s;
	unsigned i, n = 0;

	(void)state;
	enter_dir();
	w = open_writer("t");
	trace_writer_set_queue(w, 1u << 30);
	sample_event(&s, FS_EV_FORK, 1);
	before = seconds();
	for (i = 0; i < 1000000; i++)
		assert_int_equal(trace_writer_event(w, &s.h), 0);
	close_writer(w);
	print_message("# a million events written in %.3f s of CPU", seconds() - before);
	before = seconds();
	r = open_reader("t");
	while (trace_reader_next(r, &e) == 1)
		n++;
	incomplete = trace_reader_summary(r)->incomplete;
	trace_reader_free(r);
	print_message(", read in %.3f s\n", seconds() - before);
	assert_int_equal(n, 1000000);
	assert_false(incomplete);
	assert_true(seconds() - before < 20);
	leave_dir();
}

ISOLATE(test_there_and_back)
ISOLATE(test_cut_anywhere)
ISOLATE(test_every_byte_counts)
ISOLATE(test_what_is_no_trace)
ISOLATE(test_unknown_things_are_skipped)
ISOLATE(test_killed_recorder)
ISOLATE(test_where_it_writes)
ISOLATE(test_fifo)
ISOLATE(test_a_slow_disk_blocks_nobody)
ISOLATE(test_a_million_events)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_there_and_back),
		ISOLATED(test_cut_anywhere),
		ISOLATED(test_every_byte_counts),
		ISOLATED(test_what_is_no_trace),
		ISOLATED(test_unknown_things_are_skipped),
		ISOLATED(test_killed_recorder),
		ISOLATED(test_where_it_writes),
		ISOLATED(test_fifo),
		ISOLATED(test_a_slow_disk_blocks_nobody),
		ISOLATED(test_a_million_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
