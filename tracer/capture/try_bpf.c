/* SPDX-License-Identifier: MIT */
/* See try_bpf.h. */
#include "capture/try_bpf.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/skeleton.h"

static const struct {
	const char *program, *serves;
	bool needed;
} served[] = {
	{ "on_new_task", "births of processes and threads", true },
	{ "on_exec", "new images and their arguments", true },
	{ "on_exit", "ends of threads and processes", true },
	{ "on_sys_enter", "calls under way: forks, sends, first uses of fds", true },
	{ "on_sys_exit", "results of calls: waits, failed execs, received fds", true },
	{ "on_rename", "names of threads", true },
	{ "on_signal", "signals sent", true },
	{ "on_oom_victim", "kills for want of memory", true },
	{ "tell_task", "what attached processes are and hold (-p, --cgroup)", false },
	{ "adopt_tasks", "descendants of attached processes (-p, --cgroup)", false },
	{ "on_cgroup_attach", "processes moved into a cgroup (--cgroup)", false },
	{ "tell_registers", "whole stacks of what does not move (why)", false },
	{ "tell_own_level", "process numbers inside a container", false },
};

static int try_program(struct bpf_trial *t)
{
	struct forkscope_bpf *skel;
	struct bpf_program *program, *wanted = NULL;
	struct bpf_link *link;
	int slice, err;

	skel = skeleton_open(&slice);
	if (!skel)
		return -errno;
	bpf_object__for_each_program(program, skel->obj)
	{
		bool it = strcmp(bpf_program__name(program), t->program) == 0;

		bpf_program__set_autoload(program, it);
		if (it)
			wanted = program;
	}
	err = wanted ? bpf_map__set_max_entries(skel->maps.ring, 4096) : -ENOENT;
	if (!err)
		err = forkscope_bpf__load(skel);
	if (!err) {
		link = bpf_program__attach(wanted);
		if (link)
			bpf_link__destroy(link);
		else
			err = -errno;
	}
	snprintf(t->said, sizeof(t->said), "%.150s", err ? skeleton_said() : "");
	skeleton_close(skel, slice);
	return err;
}

int try_bpf(struct bpf_trial trials[BPF_TRIALS_MAX])
{
	int n = 0;

	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
		struct bpf_trial *t = &trials[n++];

		*t = (struct bpf_trial){ .program = served[i].program,
					 .serves = served[i].serves,
					 .needed = served[i].needed };
		t->error = try_program(t);
	}
	return n;
}
