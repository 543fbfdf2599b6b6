/* SPDX-License-Identifier: MIT */
/*
 * The kernel witness: loads the probes of bpf/, tells them whom to follow, and reads their ring.
 *
 * Only raw tracepoints and iterators, so that nothing here needs kprobes, fentry or LSM. Programs that a
 * recording does not need are not loaded: loading is most of what `record` costs. What the ring cannot hold
 * is counted by the probes, by type, in memory that is mapped here.
 */
#include "capture/source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "capture/call_table.h"
#include "capture/proc_text.h"
#include "capture/skeleton.h"

#define DEFAULT_RING (8u << 20)
#define SMALLEST_RING 4096u

struct source {
	struct forkscope_bpf *skel;
	struct ring_buffer *ring;
	const struct event_sink *sink; /* during drain */
	int sink_error;
};

static int fail_load(struct failure *why, int err, const char *what)
{
	/* EACCES is the verifier's word about a program, not about who loads it. */
	if (err == -EPERM)
		return fail(
			why, err,
			"%s was refused: tracing with BPF needs root, or CAP_BPF and CAP_PERFMON; "
			"'forkscope doctor' tells more",
			what);
	return fail_errno(why, err, "%s failed%s%s", what, *skeleton_said() ? ": " : "",
			  skeleton_said());
}

static uint32_t ring_bytes(uint64_t wanted)
{
	uint32_t size = SMALLEST_RING;

	if (wanted == 0)
		wanted = DEFAULT_RING;
	while (size < wanted && size < 1u << 30)
		size *= 2;
	return size;
}

static uint32_t smaller_by_file(uint32_t most, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long n = 0;

	if (!f)
		return most;
	if (fscanf(f, "%lu", &n) != 1 || n > most)
		n = most;
	fclose(f);
	return n ? n : most;
}

/*
 * As many processes as this kernel can have at once, up to what the maps are made for: the kernel clears a
 * table's memory when the map is made, which for 262,144 entries costs a tenth of all loading.
 */
static uint32_t most_processes(struct forkscope_bpf *skel)
{
	uint32_t most = bpf_map__max_entries(skel->maps.procs);

	most = smaller_by_file(most, "/proc/sys/kernel/threads-max");
	return smaller_by_file(most, "/proc/sys/kernel/pid_max");
}

/* The id of a cgroup is its directory's inode number in the default (v2) hierarchy. */
static int cgroup_id(const char *path, uint64_t *ret, struct failure *why)
{
	struct statfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return fail_errno(why, -errno, "cannot find the cgroup '%s'", path);
	if (statfs(path, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(st.st_mode))
		return fail(why, -EINVAL, "'%s' is no directory of a cgroup (v2) file system",
			    path);
	*ret = st.st_ino;
	return 0;
}

/* True in the initial pid namespace, whose inode number is the kernel's constant. */
static bool in_initial_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFCu;
}

static void choose_programs(struct forkscope_bpf *skel, const struct source_options *options)
{
	bool by_cgroup = options->cgroup != NULL;

	bpf_program__set_autoload(skel->progs.tell_registers, false);
	bpf_program__set_autoload(skel->progs.on_cgroup_attach, by_cgroup);
	bpf_program__set_autoload(skel->progs.tell_own_level, !in_initial_pid_namespace());
	bpf_program__set_autoattach(skel->progs.tell_own_level, false);
	bpf_program__set_autoattach(skel->progs.tell_task, false);
	bpf_program__set_autoattach(skel->progs.adopt_tasks, false);
	bpf_program__set_autoload(skel->progs.tell_task, options->attaches || by_cgroup);
	bpf_program__set_autoload(skel->progs.adopt_tasks,
				  options->attaches || by_cgroup || !in_initial_pid_namespace());
}

static int configure(struct forkscope_bpf *skel, const struct source_options *options,
		     struct failure *why)
{
	uint32_t ring = ring_bytes(options->buffer), most;
	uint64_t cgroup = 0, secret = 0;
	int err;

	if (options->cgroup) {
		err = cgroup_id(options->cgroup, &cgroup, why);
		if (err)
			return err;
	}
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return fail_errno(why, -errno, "cannot get random bytes");
	skel->rodata->config.fds = options->fds;
	skel->rodata->config.odd = options->odd;
	skel->rodata->config.boost = ring / 4;
	skel->rodata->config.secret = secret;
	skel->rodata->config.cgroup_id = cgroup;
	call_table_fill(skel->rodata->call_table, skel->rodata->call_table32, options->fds);
	err = bpf_map__set_max_entries(skel->maps.ring, ring);
	if (err)
		return fail_errno(why, err, "cannot set the ring to %u bytes", ring);
	most = most_processes(skel);
	(void)bpf_map__set_max_entries(skel->maps.procs, most);
	(void)bpf_map__set_max_entries(skel->maps.calls, most);
	choose_programs(skel, options);
	return 0;
}

static void learn_own_level(struct forkscope_bpf *skel)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (bpf_program__fd(skel->progs.tell_own_level) >= 0)
		(void)bpf_prog_test_run_opts(bpf_program__fd(skel->progs.tell_own_level), &run);
}

static void bpf_close(struct source *s)
{
	ring_buffer__free(s->ring);
	skeleton_close(s->skel, -1);
	free(s);
}

/*
 * What user space adds to a record: the command line of a process that was running before, which the
 * iterator cannot read.
 */
static int pass_process(struct source *s, const struct fs_event *event)
{
	union {
		struct fs_ev_process process;
		char room[sizeof(struct fs_ev_process) + 4096 + 65536 + 16];
	} *full = malloc(sizeof(*full));
	char *tail = full ? (char *)(&full->process + 1) : NULL;
	size_t exe, argv, size;
	int err;

	if (!full)
		return s->sink->event(s->sink->context, event);
	memcpy(&full->process, event, sizeof(full->process));
	exe = proc_exe(event->pid, tail, 4096);
	tail[exe] = 0;
	argv = proc_cmdline(event->pid, tail + exe + 1, 65536);
	size = (sizeof(full->process) + exe + 1 + argv + 7) & ~(size_t)7;
	memset(tail + exe + 1 + argv, 0, size - sizeof(full->process) - exe - 1 - argv);
	full->process.exe_len = exe;
	full->process.argv_len = argv;
	full->process.h.size = size;
	err = s->sink->event(s->sink->context, &full->process.h);
	free(full);
	return err;
}

static int on_record(void *context, void *data, size_t size)
{
	struct source *s = context;
	const struct fs_event *event = data;
	int err;

	if (size < sizeof(*event) || event->size != size)
		return 0; /* cannot be: the ring keeps records whole */
	if (event->type == FS_EV_PROCESS && size == sizeof(struct fs_ev_process))
		err = pass_process(s, event);
	else
		err = s->sink->event(s->sink->context, event);
	if (err < 0 && !s->sink_error)
		s->sink_error = err;
	return 0; /* the ring must be emptied, whatever the sink says */
}

static int bpf_open(struct source **ret, const struct source_options *options, struct failure *why)
{
	struct source *s = calloc(1, sizeof(*s));
	int err, slice = -1;

	if (!s)
		return fail_errno(why, -ENOMEM, "cannot open the kernel witness");
	s->skel = skeleton_open(&slice);
	if (!s->skel) {
		err = fail_load(why, -errno, "opening the kernel probes");
		goto out;
	}
	err = configure(s->skel, options, why);
	if (err)
		goto out;
	err = forkscope_bpf__load(s->skel);
	if (err) {
		err = fail_load(why, err, "loading the kernel probes");
		goto out;
	}
	learn_own_level(s->skel);
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.ring), on_record, s, NULL);
	if (!s->ring) {
		err = fail_errno(why, -errno, "cannot map the ring of the kernel probes");
		goto out;
	}
	err = forkscope_bpf__attach(s->skel);
	if (err) {
		err = fail_load(why, err, "attaching the kernel probes");
		goto out;
	}
	*ret = s;
out:
	if (slice >= 0)
		close(slice);
	if (err)
		bpf_close(s);
	return err;
}

/* Runs an iterator over all tasks once. */
static int run_iterator(struct bpf_program *program, struct failure *why)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	char buffer[256];
	int fd, err = 0;
	ssize_t n;

	if (!link)
		return fail_load(why, -errno, "starting an iterator over all tasks");
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = fail_load(why, -errno, "starting an iterator over all tasks");
		goto out;
	}
	while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			err = fail_errno(why, -errno, "cannot read an iterator over all tasks");
			break;
		}
	}
	close(fd);
out:
	bpf_link__destroy(link);
	return err;
}

/* Finds the seed and all that descends from it, or is in the cgroup. -ESRCH: there is nobody. */
static int adopt(struct source *s, pid_t seed, struct failure *why)
{
	uint32_t adopted = 0;
	int err;

	s->skel->bss->seed_pid = seed;
	do {
		s->skel->bss->adopted = 0;
		err = run_iterator(s->skel->progs.adopt_tasks, why);
		adopted += s->skel->bss->adopted;
	} while (!err && s->skel->bss->adopted);
	s->skel->bss->seed_pid = 0;
	if (err)
		return err;
	return adopted ? 0 : -ESRCH;
}

static int bpf_follow(struct source *s, pid_t pid, struct failure *why)
{
	struct bpf_map *procs = s->skel->maps.procs;
	size_t size = bpf_map__value_size(procs);
	void *fresh; /* all zeros, whatever the probes keep in it */
	uint32_t key = pid;
	int err;

	if (s->skel->bss->own_level)
		return adopt(s, pid, why);
	fresh = calloc(1, size);
	err = fresh ? bpf_map__update_elem(procs, &key, sizeof(key), fresh, size, 0) : -ENOMEM;
	free(fresh);
	if (err)
		return fail_errno(why, err, "cannot tell the kernel probes to follow process %d",
				  pid);
	__atomic_add_fetch(&s->skel->bss->alive, 1, __ATOMIC_RELAXED);
	return 0;
}

static int bpf_attach(struct source *s, const pid_t *pids, size_t n, struct failure *why)
{
	int err;

	for (size_t i = 0; i < n; i++) {
		err = adopt(s, pids[i], why);
		if (err == -ESRCH && process_exists(pids[i]))
			err = 0; /* a descendant of one before */
		if (err == -ESRCH)
			return fail(why, err, "there is no process %d", pids[i]);
		if (err)
			return err;
	}
	if (n == 0) { /* a cgroup, which may be empty */
		err = adopt(s, 0, why);
		if (err && err != -ESRCH)
			return err;
	}
	return run_iterator(s->skel->progs.tell_task, why);
}

static int bpf_fd(struct source *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

static int bpf_drain(struct source *s, const struct event_sink *sink)
{
	int n;

	s->sink = sink;
	s->sink_error = 0;
	__atomic_store_n(&s->skel->bss->wake_asked, 0, __ATOMIC_RELAXED);
	n = ring_buffer__consume(s->ring);
	return s->sink_error ? s->sink_error : n;
}

/*
 * A probe that an interrupt found running on the same CPU is passed over by the kernel, which counts it; such
 * a miss can only be a signal's, the one probe that runs in interrupts.
 */
static uint64_t missed(struct source *s)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(s->skel->progs.on_signal), &info, &size))
		return 0;
	return info.recursion_misses;
}

static uint64_t bpf_lost(struct source *s, unsigned type)
{
	uint64_t n = __atomic_load_n(&s->skel->bss->lost[type % FS_EV_MAX], __ATOMIC_RELAXED);

	return type == FS_EV_SIGNAL ? n + missed(s) : n;
}

static long bpf_alive(struct source *s)
{
	return __atomic_load_n(&s->skel->bss->alive, __ATOMIC_RELAXED);
}

const struct source_ops source_bpf = {
	.name = "bpf",
	.id = FS_SOURCE_BPF,
	.open = bpf_open,
	.follow = bpf_follow,
	.attach = bpf_attach,
	.fd = bpf_fd,
	.drain = bpf_drain,
	.lost = bpf_lost,
	.alive = bpf_alive,
	.close = bpf_close,
};
