/* SPDX-License-Identifier: MIT */
/* See look_proc.h. Numbers are those of this process's pid namespace, like everything in /proc. */
#include "capture/look_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grow.h"
#include "capture/proc_text.h"

#define PF_FORKNOEXEC 0x40u
#define PF_KTHREAD 0x200000u
/* Signals that libc handles for itself: they wake nobody. */
#define LIBC_SIGNALS UINT64_C(0x180000000)

ssize_t look_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	to[0] = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, to, size - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	to[n] = 0;
	return n;
}

/* What both a process's and a thread's "stat" say. */
struct stat_line {
	char comm[16 + 1];
	char state;
	int parent, session;
	unsigned flags;
	unsigned long user, system;
	unsigned long long start;
};

static bool read_stat(const char *path, struct stat_line *ret)
{
	const char *open, *close;
	char text[1024];
	size_t n;

	if (look_text(path, text, sizeof(text)) <= 0)
		return false;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open)
		return false;
	n = (size_t)(close - open - 1);
	n = n < sizeof(ret->comm) - 1 ? n : sizeof(ret->comm) - 1;
	memcpy(ret->comm, open + 1, n);
	ret->comm[n] = 0;
	return sscanf(close + 1,
		      " %c %d %*d %d %*d %*d %u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
		      "%llu",
		      &ret->state, &ret->parent, &ret->session, &ret->flags, &ret->user,
		      &ret->system, &ret->start) == 7;
}

/* The number behind a key of a "status" file. */
static uint64_t status_value(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

static void read_status(struct seen_process *p)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/status", p->pid);
	if (look_text(path, text, sizeof(text)) <= 0)
		return;
	p->tracer = (uint32_t)status_value(text, "\nTracerPid:", 10);
	p->caught = status_value(text, "\nSigCgt:", 16) & ~LIBC_SIGNALS;
}

static void read_command(struct seen_process *p)
{
	size_t n = proc_cmdline((pid_t)p->pid, p->command, sizeof(p->command) - 1);

	p->command[n] = 0;
	while (n > 0 && p->command[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		if (p->command[i] == 0)
			p->command[i] = ' ';
}

static int by_pid(const void *a, const void *b)
{
	const struct seen_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The next entry of a folder of /proc that is a number; 0 at the end. */
static bool next_number(DIR *dir, uint32_t *ret)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		*ret = (uint32_t)strtoul(entry->d_name, NULL, 10);
		return true;
	}
	return false;
}

int look_processes(struct snapshot *s)
{
	DIR *dir = opendir("/proc");
	struct stat_line line;
	char path[64];
	uint32_t pid;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && next_number(dir, &pid)) {
		struct seen_process *p;

		snprintf(path, sizeof(path), "/proc/%u/stat", pid);
		if (!read_stat(path, &line) || line.flags & PF_KTHREAD)
			continue;
		err = grow(&s->processes, &s->room, s->count, 1, sizeof(*s->processes));
		if (err)
			break;
		p = &s->processes[s->count++];
		*p = (struct seen_process){
			.pid = pid,
			.parent = (uint32_t)line.parent,
			.session = (uint32_t)line.session,
			.start = line.start,
			.flags = line.flags,
			.state = line.state,
			.forked = line.flags & PF_FORKNOEXEC,
		};
		memcpy(p->comm, line.comm, sizeof(p->comm));
		read_status(p);
		read_command(p);
	}
	closedir(dir);
	qsort(s->processes, s->count, sizeof(*s->processes), by_pid);
	return err;
}

/* --- threads --- */

static void read_call(uint32_t pid, struct seen_thread *t, bool *hidden)
{
	char path[64], text[256];
	ssize_t n;

	t->nr = -1;
	t->call_seen = false;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", pid, t->tid);
	n = look_text(path, text, sizeof(text));
	if (n <= 0) {
		*hidden |= n == -EPERM || n == -EACCES;
		return;
	}
	t->call_seen = true;
	if (sscanf(text,
		   "%" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64 " %" SCNx64,
		   &t->nr, &t->args[0], &t->args[1], &t->args[2], &t->args[3], &t->args[4],
		   &t->args[5], &t->sp, &t->pc) < 9) {
		t->nr = -1;
		/* "running", or "-1 SP PC" when it is blocked outside any call. */
		(void)sscanf(text, "-1 %" SCNx64 " %" SCNx64, &t->sp, &t->pc);
	}
}

static void read_where(uint32_t pid, struct seen_thread *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/wchan", pid, t->tid);
	if (look_text(path, t->where, sizeof(t->where)) <= 0 || strcmp(t->where, "0") == 0)
		t->where[0] = 0;
}

static uint64_t read_switches(uint32_t pid, uint32_t tid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/status", pid, tid);
	if (look_text(path, text, sizeof(text)) <= 0)
		return 0;
	return status_value(text, "\nvoluntary_ctxt_switches:", 10) +
	       status_value(text, "\nnonvoluntary_ctxt_switches:", 10);
}

static bool read_thread(uint32_t pid, struct seen_thread *t, bool *hidden)
{
	struct stat_line line;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, t->tid);
	if (!read_stat(path, &line))
		return false;
	t->state = line.state;
	t->cpu = line.user + line.system;
	t->runs = line.state == 'R';
	t->switches = read_switches(pid, t->tid);
	memcpy(t->comm, line.comm, sizeof(t->comm));
	read_call(pid, t, hidden);
	read_where(pid, t);
	return true;
}

void look_threads(struct seen_process *p)
{
	char path[64];
	uint32_t tid;
	DIR *dir;

	if (p->thread_count || p->state == 'Z' || p->state == 'X')
		return;
	snprintf(path, sizeof(path), "/proc/%u/task", p->pid);
	dir = opendir(path);
	if (!dir) {
		p->hidden = true;
		return;
	}
	while (next_number(dir, &tid)) {
		struct seen_thread t = { .tid = tid, .nr = -1 };

		if (!read_thread(p->pid, &t, &p->hidden))
			continue;
		if (grow(&p->threads, &p->thread_room, p->thread_count, 1, sizeof(t)) < 0)
			break;
		p->threads[p->thread_count++] = t;
	}
	closedir(dir);
}

void look_again(struct seen_process *p)
{
	for (size_t i = 0; i < p->thread_count; i++) {
		struct seen_thread *t = &p->threads[i], now = { .tid = t->tid };

		if (!read_thread(p->pid, &now, &p->hidden)) {
			t->moved = true;
			continue;
		}
		now.moved = t->moved || now.cpu != t->cpu || now.switches != t->switches;
		now.runs = now.runs || t->runs;
		now.waits = t->waits;
		now.wait_count = t->wait_count;
		now.wait_room = t->wait_room;
		now.frames = t->frames;
		*t = now;
	}
}

/* --- fds --- */

/* The id of an eventfd, which no link shows. */
static uint64_t eventfd_id(uint32_t pid, uint32_t fd)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%u", pid, fd);
	if (look_text(path, text, sizeof(text)) <= 0)
		return 0;
	return status_value(text, "\neventfd-id:", 10);
}

static bool describe_fd(uint32_t pid, const char *path, bool files, struct seen_fd *f)
{
	char target[64];
	struct stat link, st;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = 0;
	if (sscanf(target, "pipe:[%" SCNu64 "]", &f->ino) == 1)
		f->kind = 'p';
	else if (sscanf(target, "socket:[%" SCNu64 "]", &f->ino) == 1)
		f->kind = 's';
	else if (strcmp(target, "anon_inode:[eventfd]") == 0)
		f->kind = 'e';
	else if (target[0] != '/')
		return false;
	if (f->kind == 'e')
		f->ino = eventfd_id(pid, (uint32_t)f->fd);
	if (!f->kind && stat(path, &st) == 0) {
		f->kind = S_ISFIFO(st.st_mode) ? 'p' : S_ISCHR(st.st_mode) ? 't' : 'f';
		f->ino = st.st_ino;
		f->dev = st.st_dev;
	}
	if (f->kind == 0 || (f->kind == 'f' && !files))
		return false;
	/* The link's own mode tells how the file was opened. */
	if (lstat(path, &link) == 0) {
		f->can_read = link.st_mode & S_IRUSR;
		f->can_write = link.st_mode & S_IWUSR;
	}
	return true;
}

void look_fds(struct seen_process *p, bool files)
{
	char path[64];
	uint32_t fd;
	DIR *dir;

	if (p->state == 'Z' || p->state == 'X')
		return;
	p->fd_count = 0;
	snprintf(path, sizeof(path), "/proc/%u/fd", p->pid);
	dir = opendir(path);
	if (!dir) {
		p->hidden |= errno == EACCES || errno == EPERM;
		return;
	}
	while (next_number(dir, &fd)) {
		struct seen_fd f = { .fd = (int32_t)fd };

		snprintf(path, sizeof(path), "/proc/%u/fd/%u", p->pid, fd);
		if (!describe_fd(p->pid, path, files, &f))
			continue;
		if (grow(&p->fds, &p->fd_room, p->fd_count, 1, sizeof(f)) < 0)
			break;
		p->fds[p->fd_count++] = f;
	}
	closedir(dir);
}

/* --- memory --- */

bool look_map(uint32_t pid, uint64_t address, struct look_map *ret)
{
	char path[64], line[512], flags[8];
	uint64_t to;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!found && fgets(line, sizeof(line), maps)) {
		ret->name[0] = 0;
		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %95[^\n]",
			   &ret->from, &to, flags, &ret->offset, &ret->major, &ret->minor,
			   &ret->ino, ret->name) < 7)
			continue;
		found = address >= ret->from && address < to;
		ret->shared = flags[3] == 's';
	}
	fclose(maps);
	return found;
}
