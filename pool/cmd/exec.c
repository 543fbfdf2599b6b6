/* SPDX-License-Identifier: MIT */
/*
 * `procpool exec`: one command for each line of standard input.
 *
 * A command is a process of the library whose task execs. Its stdout and stderr are unnamed files, so
 * that output is whole, in order, unlimited, and a slow reader of ours never stops a command. A job keeps
 * its place from the line it came from until its output is copied out.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/lines.h"
#include "cmd/outbuf.h"
#include "cmd/progress.h"

#define COPY_SIZE (64u << 10)
#define FINISHED_PER_JOB 16 /* outputs kept back behind a slow command, for each running one */

struct job {
	struct job *next;
	struct pp_process *process;
	uint64_t line;
	int out, err;
	int64_t deadline_ns;
	bool ended, timed_out;
	int code;
};

struct exec {
	enum pp_start start;
	uint64_t jobs;
	int64_t timeout_ns;
	bool unordered, no_progress, help;
	char **command;
	int n_words;
	bool has_place; /* some word holds {} */

	struct pp_context *context;
	int signal_fd;
	struct lines lines;
	struct outbuf out, err;
	struct progress progress;
	struct job *first, *last;
	size_t running, kept;
	uint64_t lines_read, done, failed;
	bool input_ready, trouble, unread;
	int signal;
};

static const char help_text[] =
	"  -j N             this many commands at once (default: the CPUs we may use)\n"
	"  --start=METHOD   fork, spawn or forkserver (default): how they are started\n"
	"  --timeout S      seconds for one command; then it is killed with its process group\n"
	"  --unordered      outputs as commands end, not in the order of the lines\n"
	"  --no-progress    no progress bar on a terminal\n\n"
	"{} in CMD and ARGs stands for the line; without any {} the line is the last argument. No "
	"shell is\n"
	"between. Stdin of a command is /dev/null. A command that fails is told on stderr; exit "
	"status 1.\n";

static const struct option long_options[] = {
	{ "start", required_argument, NULL, 's' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "timeout", required_argument, NULL, 't' },
	{ "unordered", no_argument, NULL, 'u' },
	{ "no-progress", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Words, each with its NUL, one after the other, become argv. Leaves 126 or 127 as a shell does. */
PP_TASK(procpool_run_command)
{
	size_t len, n = 0;
	const char *in = pp_call_input(call, &len);
	char *words = malloc(len + 1), **argv;

	if (!words)
		return 126;
	memcpy(words, in, len);
	for (size_t i = 0; i < len; i++)
		n += words[i] == 0;
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		return 126;
	for (size_t i = 0, at = 0; i < n; i++) {
		argv[i] = words + at;
		at += strlen(words + at) + 1;
	}
	/* The library's own tie to the caller is a descriptor that exec closes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "procpool: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static bool take_option(struct exec *x, int c)
{
	switch (c) {
	case 's':
		return parse_start(optarg, &x->start);
	case 'j':
		return parse_count("-j", optarg, 1, PP_WORKERS_MAX, &x->jobs);
	case 't':
		return parse_seconds("--timeout", optarg, &x->timeout_ns);
	case 'u':
		return x->unordered = true;
	case 'n':
		return x->no_progress = true;
	case 'h':
		return x->help = true;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct exec *x)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:j:h", long_options, NULL)) != -1) {
		if (c == ':' || c == '?') {
			complain("exec: %s %s; procpool exec --help lists the options",
				 c == ':' ? "no value for" : "unknown option", argv[optind - 1]);
			return false;
		}
		if (!take_option(x, c))
			return false;
		if (x->help)
			return true;
	}
	if (x->start == PP_START_THREAD) {
		complain("exec: a command needs a process; use fork, spawn or forkserver");
		return false;
	}
	if (optind == argc) {
		complain("exec: no command; as in procpool exec -j 4 -- gzip -9 {}");
		return false;
	}
	x->command = argv + optind;
	x->n_words = argc - optind;
	for (int i = 0; i < x->n_words; i++)
		x->has_place |= strstr(x->command[i], "{}") != NULL;
	return true;
}

/* One word with every {} replaced, and its NUL. */
static int add_word(struct outbuf *words, const char *word, const char *line, size_t len)
{
	const char *place;
	int r = 0;

	while ((place = strstr(word, "{}")) && r == 0) {
		r = outbuf_add(words, word, (size_t)(place - word));
		if (r == 0)
			r = outbuf_add(words, line, len);
		word = place + 2;
	}
	return r < 0 ? r : outbuf_add(words, word, strlen(word) + 1);
}

static int build_words(struct exec *x, struct outbuf *words, const char *line, size_t len)
{
	int r = 0;

	for (int i = 0; i < x->n_words && r == 0; i++)
		r = add_word(words, x->command[i], line, len);
	if (r == 0 && !x->has_place) {
		r = outbuf_add(words, line, len);
		if (r == 0)
			r = outbuf_add(words, "", 1);
	}
	return r;
}

/* A file of no name: in $TMPDIR, or in memory where that cannot be written. */
static int open_spool(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : memfd_create("procpool-output", MFD_CLOEXEC);
}

static void job_free(struct job *job)
{
	pp_process_free(job->process);
	if (job->out >= 0)
		close(job->out);
	if (job->err >= 0)
		close(job->err);
	free(job);
}

static void fail(struct exec *x, const char *what, const char *why)
{
	progress_clear(&x->progress);
	complain("%s: %s", what, why);
	x->trouble = true;
}

/* Starts it; the job is in the list also when that failed, and is freed with the others. */
static void start_job(struct exec *x, const struct outbuf *words)
{
	struct pp_process_opts opts = PP_PROCESS_OPTS_INIT;
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		fail(x, "cannot start a command", strerror(ENOMEM));
		return;
	}
	job->line = x->lines_read;
	job->out = open_spool();
	job->err = open_spool();
	if (x->last)
		x->last->next = job;
	else
		x->first = job;
	x->last = job;
	if (job->out < 0 || job->err < 0) {
		fail(x, "cannot make a file for a command's output", strerror(errno));
		return;
	}
	struct pp_fd_pass fds[] = { { job->out, STDOUT_FILENO }, { job->err, STDERR_FILENO } };

	opts.flags = PP_DAEMON | PP_NEW_GROUP;
	opts.fds = fds;
	opts.n_fds = 2;
	if (pp_process_start(&job->process, x->context, "procpool_run_command", words->buf,
			     words->end, &opts) < 0) {
		fail(x, "cannot start a command", pp_last_error());
		return;
	}
	job->deadline_ns = x->timeout_ns ? clock_ns() + x->timeout_ns : INT64_MAX;
	x->running++;
}

/* False: no line to be had now. */
static bool take_line(struct exec *x)
{
	struct outbuf words = { .fd = -1 };
	const char *line;
	size_t len;
	int r = lines_next(&x->lines, &line, &len);

	if (r == -EAGAIN || r == -ENODATA)
		return false;
	x->lines_read++;
	if (r < 0 || memchr(line, 0, len)) {
		progress_clear(&x->progress);
		complain("line %llu cannot be an argument: it is %s",
			 (unsigned long long)x->lines_read,
			 r < 0 ? "too long" : "one with a NUL byte");
		x->trouble = true;
		return false;
	}
	if (build_words(x, &words, line, len) < 0)
		fail(x, "cannot build a command", strerror(ENOMEM));
	else
		start_job(x, &words);
	outbuf_free(&words);
	return !x->trouble;
}

static void take_input(struct exec *x)
{
	int r;

	while (!x->trouble && x->running < x->jobs && x->kept < x->jobs * FINISHED_PER_JOB) {
		if (take_line(x))
			continue;
		if (x->lines.at_end || !x->input_ready)
			return;
		x->input_ready = false;
		r = lines_fill(&x->lines);
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			fail(x, "cannot read the input", strerror(-r));
	}
}

static void end_job(struct exec *x, struct job *job)
{
	/* The group's rest, which the command left running, holds its files open: it may, they are ours no
	 * more. */
	if (pp_process_join(job->process, -1) < 0 ||
	    pp_process_exit_code(job->process, &job->code) < 0)
		job->code = INT32_MIN;
	job->ended = true;
	x->running--;
	x->kept++;
}

/* Copies a spool into a buffer. False: later, the reader is behind. */
static bool copy_spool(struct exec *x, int *fd, struct outbuf *to)
{
	char piece[COPY_SIZE];
	ssize_t got;

	while (*fd >= 0 && !x->trouble) {
		if (outbuf_pending(to) >= COPY_SIZE * 4)
			return false;
		got = read(*fd, piece, sizeof(piece));
		if (got > 0 && outbuf_add(to, piece, (size_t)got) < 0)
			fail(x, "cannot keep the output", strerror(ENOMEM));
		if (got < 0 && errno != EINTR)
			fail(x, "cannot read a command's output", strerror(errno));
		if (got == 0) {
			close(*fd);
			*fd = -1;
		}
	}
	return !x->trouble;
}

static void tell_failure(struct exec *x, const struct job *job)
{
	unsigned long long line = job->line;

	x->failed++;
	progress_clear(&x->progress);
	if (job->timed_out)
		complain("line %llu: timeout: killed", line);
	else if (job->code == INT32_MIN)
		complain("line %llu: ended, nobody knows how", line);
	else if (job->code < 0)
		complain("line %llu: killed by signal %d (%s)", line, -job->code,
			 strsignal(-job->code));
	else
		complain("line %llu: exit status %d", line, job->code);
}

/* True when all of it is in the buffers. */
static bool give_job(struct exec *x, struct job *job)
{
	if (!job->ended)
		return false;
	/* The command wrote at its own offset of the shared file; ours begins at 0 once. */
	if (job->process) {
		lseek(job->out, 0, SEEK_SET);
		lseek(job->err, 0, SEEK_SET);
		pp_process_free(job->process);
		job->process = NULL;
	}
	if (!copy_spool(x, &job->out, &x->out) || !copy_spool(x, &job->err, &x->err))
		return false;
	x->done++;
	x->kept--;
	/* Its own words come before ours about it. */
	while (job->code != 0 && outbuf_pending(&x->err) && outbuf_write(&x->err) == 0)
		;
	if (job->code != 0)
		tell_failure(x, job);
	return true;
}

static void give_outputs(struct exec *x)
{
	struct job **link = &x->first, *job, *before = NULL;

	while ((job = *link) && !x->trouble) {
		if (give_job(x, job)) {
			*link = job->next;
			if (x->last == job)
				x->last = before;
			job_free(job);
			continue;
		}
		/* A half copied one must be finished before another's may follow. */
		if (!x->unordered || job->ended)
			break;
		before = job;
		link = &job->next;
	}
}

static int kill_overdue(struct exec *x)
{
	int64_t now = clock_ns(), next = INT64_MAX;

	for (struct job *job = x->first; job; job = job->next) {
		if (job->ended || job->timed_out || !job->process)
			continue;
		if (job->deadline_ns <= now) {
			job->timed_out = true;
			pp_process_kill(job->process);
		} else if (job->deadline_ns < next) {
			next = job->deadline_ns;
		}
	}
	if (next == INT64_MAX || next - now > 1000000LL * 86400000)
		return x->progress.on ? 100 : -1;
	next = (next - now) / 1000000 + 1;
	return x->progress.on && next > 100 ? 100 : (int)next;
}

static void take_events(struct exec *x, const struct pollfd *fds)
{
	struct signalfd_siginfo info;
	int r = 0;

	if (fds[0].revents && read(x->signal_fd, &info, sizeof(info)) == sizeof(info))
		x->signal = (int)info.ssi_signo;
	if ((fds[1].revents & POLLERR) && !x->out.is_file)
		x->unread = true;
	else if (fds[1].revents & POLLOUT)
		r = outbuf_write(&x->out);
	if (r == -EPIPE)
		x->unread = true;
	else if (r < 0)
		fail(x, "cannot write the output", strerror(-r));
	if (fds[2].revents & (POLLOUT | POLLERR))
		(void)outbuf_write(&x->err); /* nobody could be told */
	x->input_ready = fds[3].revents != 0;
}

static void wait_for_something(struct exec *x, struct pollfd *fds)
{
	bool want = !x->lines.at_end && x->running < x->jobs;
	int timeout = kill_overdue(x);
	nfds_t n = 4;

	fds[0] = (struct pollfd){ .fd = x->signal_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = x->out.fd,
				  .events = outbuf_pending(&x->out) ? POLLOUT : 0 };
	fds[2] = (struct pollfd){ .fd = outbuf_pending(&x->err) ? x->err.fd : -1,
				  .events = POLLOUT };
	fds[3] = (struct pollfd){ .fd = want ? x->lines.fd : -1, .events = POLLIN };
	for (struct job *job = x->first; job; job = job->next) {
		if (!job->ended && job->process)
			fds[n++] = (struct pollfd){ .fd = pp_process_fd(job->process),
						    .events = POLLIN };
	}
	if (poll(fds, n, timeout) < 0)
		return;
	take_events(x, fds);
	n = 4;
	for (struct job *job = x->first; job; job = job->next) {
		if (!job->ended && job->process && fds[n++].revents)
			end_job(x, job);
	}
}

static bool all_given(const struct exec *x)
{
	return x->lines.at_end && x->lines.begin == x->lines.end && !x->first &&
	       !outbuf_pending(&x->out) && !outbuf_pending(&x->err);
}

static void kill_all(struct exec *x)
{
	struct job *next;

	for (struct job *job = x->first; job; job = job->next) {
		if (job->process && !job->ended)
			pp_process_kill(job->process);
	}
	for (struct job *job = x->first; job; job = next) {
		next = job->next;
		if (job->process && !job->ended)
			pp_process_join(job->process, -1);
		job_free(job);
	}
	x->first = x->last = NULL;
}

static void run_all(struct exec *x)
{
	struct pollfd *fds = calloc(x->jobs + 4, sizeof(*fds));

	if (!fds) {
		fail(x, "cannot begin", strerror(ENOMEM));
		return;
	}
	while (!x->trouble && !x->signal && !x->unread) {
		take_input(x);
		give_outputs(x);
		if (all_given(x))
			break;
		progress_update(&x->progress, x->done, x->failed, x->lines.consumed);
		wait_for_something(x, fds);
	}
	progress_clear(&x->progress);
	kill_all(x);
	free(fds);
}

static int finish(const struct exec *x)
{
	if (x->unread)
		return -SIGPIPE;
	if (x->signal) {
		complain("interrupted: %llu commands done, %llu of them failed; %llu begun and not "
			 "done, and "
			 "what was not read",
			 (unsigned long long)x->done, (unsigned long long)x->failed,
			 (unsigned long long)(x->lines_read - x->done));
		return -x->signal;
	}
	if (x->trouble)
		return EXIT_TROUBLE;
	return x->failed ? EXIT_SOME_FAILED : EXIT_ALL_DONE;
}

static int run(int argc, char **argv)
{
	struct exec x = { .start = PP_START_FORKSERVER };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int in, out, status;

	if (!parse(argc, argv, &x))
		return EXIT_TROUBLE;
	if (x.help)
		return print_help(&exec_command);
	if (!x.jobs)
		x.jobs = cpus > 0 ? (uint64_t)cpus : 1;
	if (!take_stdio(&in, &out) || (x.signal_fd = open_signals()) < 0)
		return EXIT_TROUBLE;
	if (pp_context_new(&x.context, x.start, NULL) < 0) {
		complain("%s", pp_last_error());
		return EXIT_TROUBLE;
	}
	lines_init(&x.lines, in, PP_PAYLOAD_MAX / 2);
	outbuf_init(&x.out, out);
	outbuf_init(&x.err, STDERR_FILENO);
	progress_start(&x.progress, !x.no_progress, in);
	run_all(&x);
	status = finish(&x);
	lines_free(&x.lines);
	outbuf_free(&x.out);
	outbuf_free(&x.err);
	pp_context_free(x.context);
	if (status < 0)
		die_of(-status);
	return status;
}

const struct command exec_command = {
	.name = "exec",
	.args = "[OPTIONS] [--] CMD [ARG]... < LINES",
	.summary = "run a command for each line of standard input, outputs whole and in order",
	.help = help_text,
	.run = run,
};
