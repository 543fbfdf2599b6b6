/* SPDX-License-Identifier: MIT */
/* See record_options.h. */
#include "cmd/record_options.h"

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/parse.h"
#include "cmd/cmd.h"

const char *const fds_level_names[] = { "none", "pass", "snapshot", "full", NULL };
static const char *const source_names[] = { "auto", "bpf", "shim", "both", NULL };

static const char *const stacks_names[] = { "none", "native", "python", "all", NULL };

static int take_pid(void *values, const char *text, struct failure *why)
{
	struct record_options *o = values;
	uint64_t pid;

	if (parse_u64(text, 1, INT32_MAX, &pid))
		return fail(why, -EINVAL, "'%s' is no process id", text);
	if (o->pid_count == RECORD_MAX_PIDS)
		return fail(why, -E2BIG, "too many -p (at most %d)", RECORD_MAX_PIDS);
	o->pids[o->pid_count++] = pid;
	return 0;
}

const struct option_spec record_target_specs[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .kind = OPTION_CALL,
	  .arg = "PID",
	  .take = take_pid,
	  .help = "attach to this process and its descendants (may be repeated)" },
	{ .name = "cgroup",
	  .kind = OPTION_TEXT,
	  .arg = "PATH",
	  .help = "attach to all that is in this cgroup (v2), or comes to it",
	  .offset = offsetof(struct record_options, cgroup) },
	{ .name = "user",
	  .letter = 'u',
	  .kind = OPTION_TEXT,
	  .arg = "USER",
	  .help = "run CMD as this user, with the groups of that user",
	  .offset = offsetof(struct record_options, user) },
	{ .name = "follow",
	  .kind = OPTION_FLAG,
	  .help = "go on until the last descendant of CMD has ended",
	  .offset = offsetof(struct record_options, follow) },
	{ 0 },
};

const struct option_spec record_what_specs[] = {
	{ .name = "source",
	  .kind = OPTION_CHOICE,
	  .choices = source_names,
	  .help = "the witnesses to use; auto takes all that is allowed\n"
		  "(with --fds=none, of lives alone, the kernel's first)",
	  .offset = offsetof(struct record_options, source) },
	{ .name = "fds",
	  .kind = OPTION_CHOICE,
	  .choices = fds_level_names,
	  .help = "what to record of fds: passing; and the table at fork and exec\n"
		  "(default: snapshot); and each open, close, dup and first use",
	  .offset = offsetof(struct record_options, fds) },
	{ .name = "stacks",
	  .kind = OPTION_CHOICE,
	  .choices = stacks_names,
	  .help = "where each start comes from: stacks of C, of Python, or both\n"
		  "(default: all, with --fds=none none); by the shim",
	  .offset = offsetof(struct record_options, stacks) },
	{ .name = "locks",
	  .kind = OPTION_FLAG,
	  .help = "which locks each thread holds at a fork (by the shim)",
	  .offset = offsetof(struct record_options, locks) },
	{ .name = "buffer",
	  .kind = OPTION_SIZE,
	  .arg = "SIZE",
	  .min = 4096,
	  .max = 1u << 30,
	  .help = "size of the kernel's ring (default: 8M)",
	  .offset = offsetof(struct record_options, buffer) },
	{ .name = "status-fd",
	  .kind = OPTION_NUMBER,
	  .arg = "N",
	  .max = INT32_MAX,
	  .help = "tell the target's pid and end as JSON lines on this fd",
	  .offset = offsetof(struct record_options, status_fd) },
	{ .name = "fail-on-loss",
	  .kind = OPTION_FLAG,
	  .help = "exit 125 when events were lost",
	  .offset = offsetof(struct record_options, fail_on_loss) },
	{ 0 },
};

/* A recording of lives alone is the leanest there is, until more is asked for. */
static int stacks(const struct record_options *o)
{
	if (o->stacks != STACKS_UNSAID)
		return o->stacks;
	return o->fds == FS_FDS_NONE ? STACKS_NONE : STACKS_ALL;
}

enum options_result record_options_resolve(const struct option_table *table,
					   const struct record_options *o, int argc, char **argv,
					   int first, struct recording_options *ret)
{
	bool attaches = o->pid_count || o->cgroup;

	if (first >= argc && !attaches)
		return options_bad(table, "no command to run, and nothing to attach to");
	if (first >= argc && o->user)
		return options_bad(table, "-u needs a command to run");
	if (o->status_fd != UINT64_MAX && fcntl(o->status_fd, F_GETFD) < 0)
		return options_bad(table, "--status-fd %d is not open", (int)o->status_fd);
	*ret = (struct recording_options){
		.argv = first < argc ? argv + first : NULL,
		.pids = o->pids,
		.pid_count = o->pid_count,
		.cgroup = o->cgroup,
		.user = o->user,
		.fds = o->fds,
		.source = o->source,
		.stacks = stacks(o),
		.locks = o->locks,
		.buffer = o->buffer,
		.follow = o->follow,
		.status_fd = o->status_fd == UINT64_MAX ? -1 : (int)o->status_fd,
	};
	return OPTIONS_GO;
}

bool record_options_go(const struct option_table *table, int argc, char **argv, void *values,
		       struct recording_options *ret, int *ret_status)
{
	enum options_result result;
	int first;

	result = options_parse(table, argc, argv, values, &first);
	if (result == OPTIONS_GO)
		result = record_options_resolve(table, values, argc, argv, first, ret);
	*ret_status = result == OPTIONS_DONE ? 0 : EXIT_RECORD_TROUBLE;
	return result == OPTIONS_GO;
}

int record_exit(const struct recording *r, int err, const struct failure *why, bool fail_on_loss)
{
	uint64_t lost = r ? recording_lost(r) : 0;

	if (err)
		log_error("%s", why->text);
	if (r && recording_start_error(r))
		return target_exit_status(recording_start_error(r));
	if (err)
		return EXIT_RECORD_TROUBLE;
	if (lost && fail_on_loss) {
		log_error("%llu events were lost; a larger --buffer holds more",
			  (unsigned long long)lost);
		return EXIT_RECORD_TROUBLE;
	}
	if (recording_status(r) < 0)
		return 0;
	return end_as(recording_status(r));
}
