/* SPDX-License-Identifier: MIT */
/* Small helpers: time, fds, shared memory, lists. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "forkscope/raw_syscall.h"
#include "internal.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

void fork_lock_take(struct fork_lock *lock)
{
	uint32_t is_free = 0;

	if (__atomic_compare_exchange_n(&lock->word, &is_free, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE))
		(void)sys4(SYS_futex, (long)&lock->word, FUTEX_WAIT_PRIVATE, 2, 0);
}

void fork_lock_give(struct fork_lock *lock)
{
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		(void)sys4(SYS_futex, (long)&lock->word, FUTEX_WAKE_PRIVATE, 1, 0);
}

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

int64_t deadline_after(int64_t timeout_ns)
{
	int64_t now;

	if (timeout_ns < 0)
		return INT64_MAX;
	now = now_ns();
	return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A caller without stdin must not find one of our fds there: workers get 0, 1 and 2 as they are. */
int fd_above_stdio(int fd)
{
	int high, err;

	if (fd < 0)
		return -errno;
	if (fd > 2)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	err = -errno;
	close(fd);
	return high < 0 ? err : high;
}

unsigned cpus_allowed(void)
{
	cpu_set_t *set = NULL;
	unsigned n = 0;
	int cpus;

	/* The kernel refuses a set smaller than its own; 1024 is not the limit. */
	for (cpus = 1024; cpus <= 1 << 16 && !n; cpus *= 4) {
		set = CPU_ALLOC(cpus);
		if (!set)
			break;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0)
			n = (unsigned)CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
		CPU_FREE(set);
	}
	return n ? n : 1;
}

/* Growing a file past RLIMIT_FSIZE would raise SIGXFSZ in the host, so look first. */
static bool above_file_limit(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	       size > limit.rlim_cur;
}

int memory_new(const char *name, uint64_t size, int *ret_fd, void **ret_base)
{
	int fd, err;
	void *base;

	if (above_file_limit(size))
		return -EFBIG;
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before 6.3 */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fd = fd_above_stdio(fd);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		goto fail;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		goto fail;
	*ret_fd = fd;
	*ret_base = base;
	return 0;
fail:
	err = -errno;
	close(fd);
	return err;
}

/* Resident memory now; the peak would count what the caller had before exec. */
uint64_t resident_kb(void)
{
	char text[128];
	unsigned long total, resident;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lu %lu", &total, &resident) != 2)
		return 0;
	return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

int threads_here(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 ? (int)st.st_nlink - 2 : 0;
}

int poll_fd(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec ts, *left = NULL;
	int r;

	for (;;) {
		if (deadline != INT64_MAX) {
			int64_t ns = deadline - now_ns();

			ns = ns < 0 ? 0 : ns;
			ts.tv_sec = ns / 1000000000;
			ts.tv_nsec = ns % 1000000000;
			left = &ts;
		}
		r = ppoll(&p, 1, left, NULL);
		if (r > 0)
			return 1;
		if (r == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

void *put_string(void *to, const char *string)
{
	size_t len = strlen(string) + 1;

	memcpy(to, string, len);
	return (char *)to + len;
}

void list_init(struct link *head)
{
	head->prev = head->next = head;
}

bool list_empty(const struct link *head)
{
	return head->next == head;
}

void list_append(struct link *head, struct link *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

void list_prepend(struct link *head, struct link *item)
{
	list_append(head->next, item);
}

void list_remove(struct link *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}
