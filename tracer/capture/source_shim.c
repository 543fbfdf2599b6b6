/* SPDX-License-Identifier: MIT */
/*
 * The shim as a witness: the area its records come by, the socket at which images ask for it, and the
 * environment that leads them there.
 *
 * Whoever asks must belong to the recording: a process of the recorder's user or of the target's, or one that
 * descends from the recorder. The name in the environment is 128 random bits, but /proc/net/unix shows it.
 */
#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/hashmap.h"
#include "capture/area.h"
#include "forkscope/image_needs.h"

#define SWEEP_NS 200000000ull

struct source {
	struct area *area;
	int socket_fd;
	char path[PATH_MAX];
	char variable[sizeof(FS_SHIM_VARIABLE) + 1 + FS_SHIM_NAME_LEN];
	char *preload;
	char *environment[3];
	uid_t user;
	pid_t target;
	struct hashmap
		seen; /* pids that told, or were told, of; those that ended go out in shim_alive() */
	uint64_t swept_ns;
};

static const char *library_name(bool locks)
{
	return locks ? "libforkscope-shim-locks.so" : "libforkscope-shim.so";
}

/* Beside the program (a build tree), or where `make install` puts it. */
static int find_library(struct source *s, bool locks, struct failure *why)
{
	static const char *const places[] = { ".", "../lib/forkscope", "../lib64/forkscope" };
	char self[PATH_MAX], place[PATH_MAX + 64], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return fail_errno(why, -errno, "cannot find the forkscope program itself");
	self[n] = 0;
	slash = strrchr(self, '/');
	*slash = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(place, sizeof(place), "%s/%s/%s", self, places[i], library_name(locks));
		if (!realpath(place, s->path))
			continue;
		if (strpbrk(s->path, ": $"))
			return fail(why, -EINVAL,
				    "the path of the shim, '%s', cannot stand in LD_PRELOAD",
				    s->path);
		return 0;
	}
	return fail(why, -ENOENT, "the shim, %s, is not beside forkscope nor in ../lib/forkscope",
		    library_name(locks));
}

/* Another user must get at the library, or its loader would complain on the target's stderr. */
static int check_reachable(const struct source *s, struct failure *why)
{
	char path[PATH_MAX];
	struct stat st;

	if (s->user == geteuid())
		return 0;
	memcpy(path, s->path, sizeof(path));
	if (stat(path, &st) < 0 || !(st.st_mode & S_IROTH))
		return fail(why, -EACCES, "the target's user may not read '%s'", s->path);
	for (char *slash = strrchr(path, '/'); slash > path; slash = strrchr(path, '/')) {
		*slash = 0;
		if (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH))
			return fail(why, -EACCES, "the target's user may not reach '%s'", s->path);
	}
	return 0;
}

static int listen_at(struct source *s, struct failure *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char *name = s->variable + sizeof(FS_SHIM_VARIABLE);
	unsigned char random[FS_SHIM_NAME_LEN / 2];
	int len;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fail_errno(why, -errno, "cannot get random bytes");
	memcpy(s->variable, FS_SHIM_VARIABLE "=", sizeof(FS_SHIM_VARIABLE "="));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(name + 2 * i, 3, "%02x", random[i]);
	len = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, FS_SHIM_SOCKET_PREFIX "%s", name);
	s->socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->socket_fd < 0 ||
	    bind(s->socket_fd, (struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0 ||
	    listen(s->socket_fd, SOMAXCONN) < 0)
		return fail_errno(why, -errno, "cannot listen for the shim");
	return 0;
}

static int find_uid(const char *user, uid_t *ret)
{
	struct passwd *pw = user ? getpwnam(user) : NULL;
	char *end;
	unsigned long number;

	*ret = geteuid();
	if (!user)
		return 0;
	if (pw) {
		*ret = pw->pw_uid;
		return 0;
	}
	number = strtoul(user, &end, 10);
	*ret = (uid_t)number;
	return *end ? -EINVAL : 0;
}

static void shim_close(struct source *s)
{
	if (s->area)
		area_free(s->area);
	if (s->socket_fd >= 0)
		close(s->socket_fd);
	hashmap_free(&s->seen);
	free(s->preload);
	free(s);
}

static uint32_t wanted(const struct source_options *o)
{
	return (o->stacks == STACKS_NATIVE || o->stacks == STACKS_ALL ? FS_AREA_NATIVE : 0) |
	       (o->stacks == STACKS_PYTHON || o->stacks == STACKS_ALL ? FS_AREA_PYTHON : 0) |
	       (o->locks ? FS_AREA_LOCKS : 0);
}

static int shim_open(struct source **ret, const struct source_options *options, struct failure *why)
{
	struct source *s;
	int err;

	if (options->attaches || options->cgroup)
		return fail(why, -EOPNOTSUPP,
			    "the shim cannot be put into processes that already run");
	s = calloc(1, sizeof(*s));
	if (!s)
		return fail_errno(why, -ENOMEM, "cannot open the shim's channel");
	s->socket_fd = -1;
	err = find_uid(options->user, &s->user);
	if (err)
		err = fail(why, err, "there is no user '%s'", options->user);
	if (!err)
		err = find_library(s, options->locks, why);
	if (!err)
		err = check_reachable(s, why);
	if (!err)
		err = listen_at(s, why);
	if (!err)
		err = area_new(&s->area, wanted(options), why);
	if (err) {
		shim_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

/* --- the target's environment -------------------------------------------------------------- */

static long read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	return pread(fd, buffer, size, (off_t)offset);
}

/* Where the shim cannot go, nothing is preloaded: a loader of the wrong class would say so on stderr. */
static bool can_preload(const char *program)
{
	char head[FS_IMAGE_HEAD], interpreter[256];
	enum fs_shim_gap gap = FS_GAP_NONE;

	for (int hops = 0; hops < 4; hops++) {
		int fd = open(program, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
		size_t at = 0, len;

		gap = n > 0 ? fs_image_kind(head, (size_t)n) : FS_GAP_NONE;
		if (gap == FS_GAP_NONE && n > 0 &&
		    fs_image_needs_sanitizer(fd, head, (size_t)n, read_at))
			gap = FS_GAP_SANITIZER;
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return true;
		len = gap == FS_GAP_NONE ? fs_image_interpreter(head, (size_t)n, &at) : 0;
		if (!len || len >= sizeof(interpreter))
			return gap != FS_GAP_CLASS && gap != FS_GAP_SANITIZER;
		memcpy(interpreter, head + at, len);
		interpreter[len] = 0;
		program = interpreter;
	}
	return gap != FS_GAP_CLASS && gap != FS_GAP_SANITIZER;
}

static char *const *shim_environment(struct source *s, const char *program)
{
	const char *others = getenv("LD_PRELOAD");

	s->environment[0] = s->variable;
	if (!can_preload(program))
		return s->environment;
	if (asprintf(&s->preload, "LD_PRELOAD=%s%s%s", s->path, others && *others ? ":" : "",
		     others ? others : "") < 0) {
		s->preload = NULL;
		return s->environment;
	}
	s->environment[1] = s->preload;
	return s->environment;
}

static void shim_beside_kernel(struct source *s)
{
	area_set_kernel(s->area);
}

static int shim_follow(struct source *s, pid_t pid, struct failure *why)
{
	if (hashmap_put(&s->seen, (uint64_t)pid, 0, 1) < 0)
		return fail_errno(why, -ENOMEM, "cannot follow process %d", (int)pid);
	return 0;
}

static int shim_attach(struct source *s, const pid_t *pids, size_t n, struct failure *why)
{
	(void)s;
	(void)pids;
	(void)n;
	return fail(why, -EOPNOTSUPP, "the shim cannot be put into processes that already run");
}

/* --- images that ask ----------------------------------------------------------------------- */

/* From /proc: its state (0: there is none) and its parent. */
static char state_of(pid_t pid, pid_t *ret_parent)
{
	char path[32], text[512], *paren, state = 0;
	int fd, parent = 0;
	ssize_t n;

	*ret_parent = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	paren = strrchr(text, ')');
	if (!paren || sscanf(paren, ") %c %d", &state, &parent) != 2)
		return 0;
	*ret_parent = parent;
	return state;
}

static bool belongs(const struct source *s, const struct ucred *who)
{
	pid_t self = getpid();

	if (who->uid == geteuid() || who->uid == s->user)
		return true;
	for (pid_t p = who->pid; p > 1; (void)state_of(p, &p))
		if (p == self)
			return true;
	return false;
}

static void welcome(struct source *s, int fd)
{
	struct fs_shim_welcome w = { .magic = FS_AREA_MAGIC,
				     .version = FS_AREA_VERSION,
				     .area_size = area_size(s->area) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { &w, sizeof(w) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct ucred who;
	socklen_t len = sizeof(who);
	int memory = area_fd(s->area);
	pid_t parent;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || !belongs(s, &who))
		return;
	w.pid = (uint32_t)who.pid;
	(void)state_of(who.pid, &parent);
	w.parent_pid = (uint32_t)parent;
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &memory, sizeof(memory));
	(void)sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT); /* it is gone, or does without */
}

static void accept_images(struct source *s)
{
	int fd;

	while ((fd = accept4(s->socket_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		welcome(s, fd);
		close(fd);
	}
}

static int shim_fd(struct source *s)
{
	return s->socket_fd;
}

/* On its way to the sink. */
struct watched_sink {
	struct source *source;
	const struct event_sink *to;
};

/* Without memory a process is not waited for by --follow; its events are kept all the same. */
static int note_process(void *context, const struct fs_event *e)
{
	struct watched_sink *w = context;
	const struct fs_ev_call *call = (const struct fs_ev_call *)e;

	if (e->pid)
		(void)hashmap_put(&w->source->seen, e->pid, 0, 1);
	if (e->type == FS_EV_CALL && call->child_pid && call->call != FS_LIBC_WAIT)
		(void)hashmap_put(&w->source->seen, call->child_pid, 0, 1);
	return w->to->event(w->to->context, e);
}

static int shim_drain(struct source *s, const struct event_sink *sink)
{
	struct watched_sink watched = { s, sink };
	const struct event_sink through = { .event = note_process, .context = &watched };
	struct timespec t;
	uint64_t now;
	int n;

	accept_images(s);
	n = area_drain(s->area, &through);
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	if (now - s->swept_ns > SWEEP_NS) {
		area_sweep(s->area);
		s->swept_ns = now;
	}
	return n;
}

static uint64_t shim_horizon(struct source *s)
{
	return area_horizon(s->area);
}

static uint64_t shim_lost(struct source *s, unsigned type)
{
	return area_lost(s->area, type);
}

/*
 * Those that told of themselves or were told of. Who ended is forgotten; a number that was used again is one that
 * lives. Without memory to sort them out, all seem to live: the recording ends with a signal.
 */
static long shim_alive(struct source *s)
{
	struct hashmap living = { 0 };
	const struct hashmap_slot *slot;
	size_t at = 0;

	while ((slot = hashmap_next(&s->seen, &at))) {
		pid_t parent;
		char state = state_of((pid_t)slot->a, &parent);

		if (!state || state == 'Z' || state == 'X')
			continue;
		if (hashmap_put(&living, slot->a, 0, 1) < 0) {
			hashmap_free(&living);
			return (long)s->seen.count;
		}
	}
	hashmap_free(&s->seen);
	s->seen = living;
	return (long)living.count;
}

const struct source_ops source_shim = {
	.name = "shim",
	.id = FS_SOURCE_SHIM,
	.open = shim_open,
	.environment = shim_environment,
	.beside_kernel = shim_beside_kernel,
	.follow = shim_follow,
	.attach = shim_attach,
	.fd = shim_fd,
	.drain = shim_drain,
	.horizon = shim_horizon,
	.lost = shim_lost,
	.alive = shim_alive,
	.close = shim_close,
};
