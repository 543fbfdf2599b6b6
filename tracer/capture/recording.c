/* SPDX-License-Identifier: MIT */
/*
 * See recording.h. One thread does it all: it sleeps in poll on the sources and a signalfd, drains the
 * sources, counts losses, and passes signals on. Nothing here waits for a disk or a reader: that is the
 * sink's business.
 */
#include "capture/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/choose.h"
#include "capture/merge.h"
#include "capture/stuck.h"

/* The table of sources. */
static const struct source_ops *const source_table[] = { &source_bpf, &source_shim };
#define SOURCES (sizeof(source_table) / sizeof(source_table[0]))

/*
 * Events of several sources are sorted within this time: it is longer than a writer is kept from the CPU
 * between reading the clock and handing over its event.
 */
#define MERGE_NS 40000000ull

/* How long events may wait in a ring that is not filling; a trace has all but the last 100 ms. */
#define DRAIN_MS 20

struct open_source {
	const struct source_ops *ops;
	struct source *source;
	uint64_t lost[FS_EV_MAX]; /* already told */
	uint64_t checked_ns;
};

struct recording {
	struct recording_options options;
	const struct recorder *recorder;
	struct target target;
	struct open_source sources[SOURCES];
	size_t source_count;
	struct merge *merge; /* NULL: the kernel witness is alone */
	char names[64];
	char names_why[512];
	bool started;
	int start_error;
	int signal_fd;
	bool stop;
	bool seen; /* an event came */
	uint64_t lost;
	sigset_t old_mask;
	bool masked;
	struct stuck_watch *watch; /* NULL: hangs are not looked for */
	uint64_t began_ns;
	bool told_quiet;
	bool timed_out;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* --- sources ------------------------------------------------------------------------------ */

static int open_one(struct recording *r, const struct source_ops *ops, struct failure *why)
{
	const struct source_options options = {
		.fds = r->options.fds,
		.buffer = r->options.buffer,
		.cgroup = r->options.cgroup,
		.odd = r->options.watch_hangs,
		.attaches = r->options.pid_count > 0,
		.stacks = r->options.stacks,
		.locks = r->options.locks,
		.user = r->options.user,
	};
	struct open_source *s = &r->sources[r->source_count];
	int err = ops->open(&s->source, &options, why);

	if (err)
		return err;
	s->ops = ops;
	s->checked_ns = now_ns();
	r->source_count++;
	return 0;
}

static void keep_reason(struct recording *r, const struct source_ops *ops,
			const struct failure *why)
{
	size_t len = strlen(r->names_why);

	snprintf(r->names_why + len, sizeof(r->names_why) - len, "%s%s: %.400s", len ? "; " : "",
		 ops->name, why->text);
}

/*
 * Opens those sources that change the target's environment (`before` the target is made), or the others. With
 * `auto` a source that is refused is left out and its reason kept; asked for by name it must be.
 */
static int open_sources(struct recording *r, bool before, struct failure *why)
{
	struct failure last = { 0 };

	for (size_t i = 0; i < SOURCES; i++) {
		int err;

		if (!source_is_wanted(&r->options, source_table[i]->id) ||
		    before != (source_table[i]->environment != NULL))
			continue;
		err = open_one(r, source_table[i], &last);
		if (err == 0)
			continue;
		if (r->options.source != SOURCE_AUTO)
			return fail(why, err, "%s", last.text);
		keep_reason(r, source_table[i], &last);
	}
	if (before || r->source_count)
		return 0;
	if (!last.text[0])
		return fail(why, -EOPNOTSUPP, "this source is not built in");
	return fail(why, last.error, "%s", last.text);
}

static int by_id(const void *a, const void *b)
{
	const struct open_source *x = a, *y = b;

	return (int)x->ops->id - (int)y->ops->id;
}

static int deliver(void *context, const struct fs_event *event);

/* All are open: the best-informed one comes first. */
static int join_sources(struct recording *r, struct failure *why)
{
	const struct event_sink sink = { .event = deliver, .context = r };
	struct timespec boot, mono;
	int err;

	qsort(r->sources, r->source_count, sizeof(r->sources[0]), by_id);
	for (size_t i = 0; i < r->source_count; i++)
		snprintf(r->names + strlen(r->names), sizeof(r->names) - strlen(r->names), "%s%s",
			 i ? "," : "", r->sources[i].ops->name);
	if (r->source_count == 1 && r->sources[0].ops->id == FS_SOURCE_BPF)
		return 0;
	for (size_t i = 1; i < r->source_count && r->sources[0].ops->id == FS_SOURCE_BPF; i++)
		if (r->sources[i].ops->beside_kernel)
			r->sources[i].ops->beside_kernel(r->sources[i].source);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	err = merge_new(&r->merge, r->sources[0].ops->id == FS_SOURCE_BPF,
			(boot.tv_sec - mono.tv_sec) * 1000000000ll + boot.tv_nsec - mono.tv_nsec,
			&sink);
	return err ? fail_errno(why, err, "cannot join the sources") : 0;
}

static int into_merge(void *context, const struct fs_event *event)
{
	return merge_event(context, event);
}

static int tell_loss(struct recording *r, const struct open_source *s, unsigned type,
		     uint64_t count, uint64_t now)
{
	struct fs_ev_lost e = {
		.h = { .size = sizeof(e),
		       .type = FS_EV_LOST,
		       .source = FS_SOURCE_TRACER,
		       .ts_ns = now },
		.from_ns = s->checked_ns,
		.to_ns = now,
		.count = count,
		.lost_type = type,
		.lost_source = s->ops->id,
	};

	r->lost += count;
	return r->recorder->event(r->recorder->context, &e.h);
}

static int check_losses(struct recording *r, struct open_source *s)
{
	uint64_t now = now_ns();
	int err = 0;

	for (unsigned type = 0; type < FS_EV_MAX; type++) {
		uint64_t total = s->ops->lost(s->source, type);

		if (total == s->lost[type])
			continue;
		if (!err)
			err = tell_loss(r, s, type, total - s->lost[type], now);
		s->lost[type] = total;
	}
	s->checked_ns = now;
	return err;
}

/* What leaves the sources, in order: to the hang watcher too, when there is one. */
static int deliver(void *context, const struct fs_event *event)
{
	struct recording *r = context;

	if (r->watch)
		stuck_watch_event(r->watch, event);
	if (event->type == FS_EV_FORK_THREAD)
		return 0; /* registers hold what nobody wants in a file */
	return r->recorder->event(r->recorder->context, event);
}

/* Empties all sources; `last`: and holds nothing back. Returns 0, or the first error of the recorder. */
static int drain(struct recording *r, bool last)
{
	const struct event_sink direct = { .event = r->recorder->event,
					   .context = r->recorder->context };
	const struct event_sink sink = {
		.event = r->merge ? into_merge : deliver,
		.context = r->merge ? (void *)r->merge : r,
	};
	uint64_t before = last ? UINT64_MAX : now_ns() - MERGE_NS;
	int err = 0;

	for (size_t i = 0; i < r->source_count; i++) {
		struct open_source *s = &r->sources[i];
		int n = s->ops->drain(s->source, &sink);

		if (n > 0)
			r->seen = true;
		if (n < 0 && !err)
			err = n;
		if (!last && s->ops->horizon && s->ops->horizon(s->source) < before)
			before = s->ops->horizon(s->source);
		n = check_losses(r, s);
		if (n < 0 && !err)
			err = n;
	}
	if (r->merge) {
		int n = merge_flush(r->merge, before);

		if (n < 0 && !err)
			err = n;
	}
	if (r->watch && !err)
		err = stuck_watch_look(r->watch, &direct);
	if (r->recorder->idle)
		r->recorder->idle(r->recorder->context);
	return err;
}

static void close_sources(struct recording *r)
{
	for (size_t i = 0; i < r->source_count; i++)
		r->sources[i].ops->close(r->sources[i].source);
	r->source_count = 0;
	merge_free(r->merge);
	r->merge = NULL;
}

/* The shim is the only witness. */
static bool is_by_shim(const struct recording *r)
{
	return r->source_count == 1 && r->sources[0].ops->id == FS_SOURCE_SHIM;
}

/* Processes that are followed and live, as the best-informed source has it. */
static long alive(const struct recording *r)
{
	if (r->watch && is_by_shim(r))
		return (long)stuck_watch_alive(r->watch);
	return r->source_count ? r->sources[0].ops->alive(r->sources[0].source) : 0;
}

/* --- signals and status -------------------------------------------------------------------- */

static int take_signals(struct recording *r, struct failure *why)
{
	static const int taken[] = { SIGCHLD, SIGINT,  SIGQUIT, SIGTERM,
				     SIGHUP,  SIGUSR1, SIGUSR2, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	r->masked = true;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return fail_errno(why, -errno, "cannot make a signalfd");
	return 0;
}

static bool target_runs(const struct recording *r)
{
	return r->target.pid > 0 && !r->target.reaped;
}

/*
 * A Ctrl-C or Ctrl-\ on the terminal reaches the whole foreground group, the target too: it decides.
 * What a process sends to forkscope alone is meant for the target, and passed on. With no target, INT, TERM
 * and the like end the recording.
 */
static void on_signal(struct recording *r, const struct signalfd_siginfo *info)
{
	int sig = info->ssi_signo;
	bool from_terminal = info->ssi_code == SI_KERNEL;

	if (sig == SIGCHLD)
		return;
	if (target_runs(r)) {
		if (!from_terminal)
			kill(r->target.pid, sig);
		return;
	}
	if (sig == SIGINT || sig == SIGTERM || sig == SIGQUIT || sig == SIGHUP)
		r->stop = true;
}

static void read_signals(struct recording *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info))
		on_signal(r, &info);
}

static void tell_status(const struct recording *r, const char *text)
{
	if (r->options.status_fd >= 0)
		(void)!write(r->options.status_fd, text, strlen(text));
}

static void tell_exit(const struct recording *r)
{
	int status = r->target.status;
	char text[96];

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "{\"exit\": {\"code\": %d}}\n", WEXITSTATUS(status));
	else
		snprintf(text, sizeof(text), "{\"exit\": {\"signal\": %d, \"core\": %s}}\n",
			 WTERMSIG(status), WCOREDUMP(status) ? "true" : "false");
	tell_status(r, text);
}

/* --- the recording ------------------------------------------------------------------------- */

static bool finished(struct recording *r)
{
	if (r->stop)
		return true;
	if (r->target.pid > 0) {
		bool reaped_before = r->target.reaped;

		if (!target_wait(&r->target))
			return false;
		if (!reaped_before)
			tell_exit(r);
		/* Who lives is known only by what was drained after the target's end. */
		return !r->options.follow || (reaped_before && alive(r) <= 0);
	}
	/* A cgroup may be empty at first. */
	return alive(r) <= 0 && (r->seen || !r->options.cgroup);
}

#define QUIET_NS 10000000000ull

/* What nobody can prove to hang is not ended; but who waits is told, and may have set a limit. */
static void mind_time(struct recording *r)
{
	char who[256];

	if (!r->watch)
		return;
	if (r->options.timeout_ns && now_ns() - r->began_ns >= r->options.timeout_ns) {
		r->timed_out = true;
		stuck_watch_end_all(r->watch);
	}
	if (r->told_quiet || !r->options.quiet || !stuck_watch_is_quiet(r->watch, QUIET_NS))
		return;
	r->told_quiet = true;
	stuck_watch_names(r->watch, who, sizeof(who));
	r->options.quiet(who, QUIET_NS);
}

static int loop(struct recording *r)
{
	struct pollfd fds[1 + SOURCES] = { { .fd = r->signal_fd, .events = POLLIN } };
	int err = 0;

	for (size_t i = 0; i < r->source_count; i++)
		fds[1 + i] = (struct pollfd){ .fd = r->sources[i].ops->fd(r->sources[i].source),
					      .events = POLLIN };
	for (;;) {
		bool last = finished(r);
		int n = drain(r, last);

		if (n < 0 && !err)
			err = n;
		if (last || (err && !target_runs(r)))
			return err;
		poll(fds, 1 + r->source_count, DRAIN_MS);
		read_signals(r);
		mind_time(r);
	}
}

#define HURRIED (-10)

/*
 * A child that hangs may be killed by its own program half a second later: on a busy machine too it must have been looked
 * into by then. Not before the target is on its way, which would inherit it; without the privilege it stays as it is.
 */
static void hurry(const struct recording *r)
{
	if (r->watch && getpriority(PRIO_PROCESS, 0) > HURRIED)
		(void)setpriority(PRIO_PROCESS, 0, HURRIED);
}

static int start_target(struct recording *r, struct failure *why)
{
	char text[64];
	int err;

	if (r->watch)
		stuck_watch_add(r->watch, r->target.pid);

	for (size_t i = 0; i < r->source_count; i++) {
		err = r->sources[i].ops->follow(r->sources[i].source, r->target.pid, why);
		if (err)
			return err;
	}
	snprintf(text, sizeof(text), "{\"pid\": %d}\n", (int)r->target.pid);
	tell_status(r, text);
	err = target_go(&r->target, why);
	if (err) {
		r->start_error = err;
		(void)drain(r, true);
		return err;
	}
	r->started = true;
	hurry(r);
	return 0;
}

static int attach(struct recording *r, struct failure *why)
{
	for (size_t i = 0; i < r->source_count; i++) {
		int err = r->sources[i].ops->attach(r->sources[i].source, r->options.pids,
						    r->options.pid_count, why);

		if (err)
			return err;
	}
	return 0;
}

/* The sources that work inside the target come first: it is born with their environment. */
static int make_target(struct recording *r, struct failure *why)
{
	char *const *add = NULL;
	int err = target_find(&r->target, r->options.argv[0], why);

	if (err) {
		if (err == -ENOENT || err == -EACCES)
			r->start_error = err;
		return err;
	}
	err = open_sources(r, true, why);
	if (err)
		return err;
	for (size_t i = 0; i < r->source_count; i++)
		add = r->sources[i].ops->environment(r->sources[i].source, r->target.path);
	return target_prepare(&r->target, r->options.argv, r->options.user, add, why);
}

static int prepare(struct recording *r, struct failure *why)
{
	int err;

	if (r->options.argv) {
		err = make_target(r, why);
		if (err)
			return err;
	}
	err = take_signals(r, why);
	if (!err)
		err = open_sources(r, false, why);
	if (!err)
		err = join_sources(r, why);
	if (err)
		return err;
	if (r->options.watch_hangs) {
		r->watch = stuck_watch_new(r->options.hang_timeout_ns);
		if (!r->watch)
			return fail_errno(why, -ENOMEM, "cannot watch for hangs");
		if (is_by_shim(r))
			stuck_watch_by_shim(r->watch);
	}
	return r->recorder->begin(r->recorder->context, r, why);
}

int recording_run(const struct recording_options *options, const struct recorder *recorder,
		  struct recording **ret, struct failure *why)
{
	struct recording *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return fail_errno(why, -ENOMEM, "cannot begin");
	r->options = *options;
	r->recorder = recorder;
	r->target = (struct target)TARGET_INIT;
	r->signal_fd = -1;
	if (r->options.status_fd >= 0)
		fcntl(r->options.status_fd, F_SETFD, FD_CLOEXEC);
	*ret = r;
	err = prepare(r, why);
	if (!err && options->argv)
		err = start_target(r, why);
	if (!err && (options->pid_count || options->cgroup))
		err = attach(r, why);
	if (!err) {
		r->began_ns = now_ns();
		err = loop(r);
		if (err)
			fail_errno(why, err, "events could not be kept");
	}
	if (!r->started)
		target_abandon(&r->target);
	close_sources(r);
	return err;
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	stuck_watch_free(r->watch);
	if (r->masked)
		sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
	free(r);
}

const struct recording_options *recording_options(const struct recording *r)
{
	return &r->options;
}

const char *recording_sources(const struct recording *r)
{
	return r->names;
}

const char *recording_sources_why(const struct recording *r)
{
	return r->names_why[0] ? r->names_why : NULL;
}

pid_t recording_target(const struct recording *r)
{
	return r->target.pid;
}

bool recording_started(const struct recording *r)
{
	return r->started;
}

int recording_start_error(const struct recording *r)
{
	return r->start_error;
}

int recording_status(const struct recording *r)
{
	return r->started && r->target.reaped ? r->target.status : -1;
}

bool recording_ended_hang(const struct recording *r)
{
	return r->watch && stuck_watch_ended(r->watch);
}

bool recording_timed_out(const struct recording *r)
{
	return r->timed_out;
}

uint64_t recording_lost(const struct recording *r)
{
	return r->lost;
}
