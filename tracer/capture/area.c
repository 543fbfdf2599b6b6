/* SPDX-License-Identifier: MIT */
/*
 * See area.h. Any process that has the area mapped may write anything anywhere in it, at any time: so each
 * number is read once, each record is copied before it is looked at, and nothing here loops on what a writer
 * says. The worst a hostile target can do is to tell lies, or to lose events.
 */
#include "capture/area.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "trace/event_check.h"

/* How long a block of a process that cannot be found waits: in another pid namespace it may still live. */
#define GRACE_NS 2000000000ull

/* How long a record in the making holds others back. */
#define PATIENCE_NS 2000000000ull

struct block_state {
	uint32_t read;
	uint64_t gone_ns; /* its owner was not found; 0: it was */
};

struct area {
	struct fs_area *shared;
	char *data;
	uint64_t size;
	int fd;
	uint64_t damaged; /* records that were none */
	uint64_t horizon_ns; /* see area_horizon() */
	struct block_state blocks[FS_AREA_BLOCKS];
	_Alignas(8) char record[FS_AREA_RECORD_MAX];
};

static int make_memory(struct area *a, struct failure *why)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	a->size = FS_AREA_SIZE(FS_AREA_BLOCKS, FS_AREA_BLOCK_SIZE);
	a->fd = memfd_create("forkscope", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (a->fd < 0)
		return fail_errno(why, -errno, "cannot make shared memory");
	if (ftruncate(a->fd, (off_t)a->size) < 0 || fcntl(a->fd, F_ADD_SEALS, seals) < 0)
		return fail_errno(why, -errno, "cannot set up shared memory");
	a->shared = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (a->shared == MAP_FAILED) {
		a->shared = NULL;
		return fail_errno(why, -errno, "cannot map shared memory");
	}
	return 0;
}

int area_new(struct area **ret, uint32_t wanted, struct failure *why)
{
	struct area *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return fail_errno(why, -ENOMEM, "cannot make shared memory");
	a->fd = -1;
	err = make_memory(a, why);
	if (err) {
		area_free(a);
		return err;
	}
	a->data = (char *)a->shared + FS_AREA_DATA(FS_AREA_BLOCKS);
	a->shared->version = FS_AREA_VERSION;
	a->shared->block_count = FS_AREA_BLOCKS;
	a->shared->block_size = FS_AREA_BLOCK_SIZE;
	a->shared->wanted = wanted;
	a->shared->magic = FS_AREA_MAGIC;
	*ret = a;
	return 0;
}

void area_free(struct area *a)
{
	if (a->shared) {
		__atomic_store_n(&a->shared->closed, 1, __ATOMIC_RELEASE);
		munmap(a->shared, a->size);
	}
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

int area_fd(const struct area *a)
{
	return a->fd;
}

void area_set_kernel(struct area *a)
{
	a->shared->wanted |= FS_AREA_KERNEL;
}

uint64_t area_size(const struct area *a)
{
	return a->size;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- reading ------------------------------------------------------------------------------- */

static char *block_data(struct area *a, uint32_t i)
{
	return a->data + (uint64_t)i * FS_AREA_BLOCK_SIZE;
}

/* What the shim may say; of open files only what the kernel witness does not. */
static bool is_sound(const struct area *a)
{
	const struct fs_event *e = (const struct fs_event *)(const void *)a->record;
	bool passing = e->type == FS_EV_FILE || e->type == FS_EV_FD_TABLE ||
		       e->type == FS_EV_FD_SEND || e->type == FS_EV_FD_RECV ||
		       e->type == FS_EV_FD_SEND_FAILED;

	return ((e->type >= FS_EV_SHIM_HELLO && e->type < FS_EV_LOST) ||
		(passing && !(a->shared->wanted & FS_AREA_KERNEL))) &&
	       !event_problem(e);
}

/* Copies the record at `at`. Its size; 0: none (yet); -1: what is there is no record. */
static int copy_record(struct area *a, uint32_t i, uint32_t at)
{
	const char *from = block_data(a, i) + at;
	uint32_t size = __atomic_load_n((const uint32_t *)(const void *)from, __ATOMIC_ACQUIRE);
	struct fs_event *e = (struct fs_event *)(void *)a->record;

	if (size == 0 || size & FS_AREA_BUSY)
		return 0;
	if (size < sizeof(*e) || size % 8 || size > FS_AREA_RECORD_MAX ||
	    size > FS_AREA_BLOCK_SIZE - at)
		return -1;
	memcpy(a->record, from, size);
	e->size = size;
	e->source = FS_SOURCE_SHIM;
	if (!is_sound(a))
		a->damaged++;
	return (int)size;
}

/*
 * A writer that was kept from the CPU in the middle of a record: its time is that record's. Who does not come back
 * (killed there, or lying) is not waited for.
 */
static void note_busy(struct area *a, uint32_t i, uint32_t at)
{
	const struct fs_event *e = (const struct fs_event *)(const void *)(block_data(a, i) + at);
	uint32_t size = __atomic_load_n(&e->size, __ATOMIC_ACQUIRE);
	uint64_t ts = __atomic_load_n(&e->ts_ns, __ATOMIC_RELAXED), now = now_ns();

	if (!(size & FS_AREA_BUSY) || a->blocks[i].gone_ns)
		return;
	if (!ts || ts > now)
		ts = now;
	if (ts < a->horizon_ns && now - ts < PATIENCE_NS)
		a->horizon_ns = ts;
}

static void free_block(struct area *a, uint32_t i, uint32_t used)
{
	struct fs_area_block *b = &a->shared->blocks[i];

	memset(block_data(a, i), 0, used);
	a->blocks[i] = (struct block_state){ 0 };
	b->reserved = 0;
	b->sealed = 0;
	__atomic_store_n(&b->owner, 0, __ATOMIC_RELEASE);
	if (i < __atomic_load_n(&a->shared->hint, __ATOMIC_RELAXED))
		__atomic_store_n(&a->shared->hint, i, __ATOMIC_RELAXED);
	__atomic_store_n(&a->shared->full, 0, __ATOMIC_RELAXED);
}

static uint32_t used_bytes(const struct fs_area_block *b)
{
	uint32_t used = __atomic_load_n(&b->reserved, __ATOMIC_RELAXED);

	return used < FS_AREA_BLOCK_SIZE ? used & ~7u : FS_AREA_BLOCK_SIZE;
}

static int drain_block(struct area *a, uint32_t i, const struct event_sink *sink, int *count)
{
	struct fs_area_block *b = &a->shared->blocks[i];
	bool sealed = __atomic_load_n(&b->sealed, __ATOMIC_ACQUIRE);
	uint32_t used = used_bytes(b);
	int err = 0;

	while (a->blocks[i].read + sizeof(struct fs_event) <= used) {
		int size = copy_record(a, i, a->blocks[i].read), n;

		if (size == 0) {
			note_busy(a, i, a->blocks[i].read);
			break;
		}
		if (size < 0) {
			a->damaged++;
			a->blocks[i].read = used; /* nobody knows where the next one begins */
			break;
		}
		a->blocks[i].read += (uint32_t)size;
		if (!is_sound(a))
			continue;
		n = sink->event(sink->context, (const struct fs_event *)(const void *)a->record);
		if (n < 0 && !err)
			err = n;
		(*count)++;
	}
	if (sealed && a->blocks[i].read >= used)
		free_block(a, i, used);
	return err;
}

static uint32_t high_block(const struct area *a)
{
	uint32_t high = __atomic_load_n(&a->shared->high, __ATOMIC_ACQUIRE);

	return high < FS_AREA_BLOCKS ? high : FS_AREA_BLOCKS;
}

int area_drain(struct area *a, const struct event_sink *sink)
{
	uint32_t high = high_block(a);
	int count = 0, err = 0;

	a->horizon_ns = UINT64_MAX;

	for (uint32_t i = 0; i < high; i++) {
		int n;

		if (!__atomic_load_n(&a->shared->blocks[i].owner, __ATOMIC_ACQUIRE))
			continue;
		n = drain_block(a, i, sink, &count);
		if (n < 0 && !err)
			err = n;
	}
	return err ? err : count;
}

uint64_t area_horizon(const struct area *a)
{
	return a->horizon_ns;
}

void area_sweep(struct area *a)
{
	uint32_t high = high_block(a);
	uint64_t now = now_ns();

	for (uint32_t i = 0; i < high; i++) {
		uint64_t owner = __atomic_load_n(&a->shared->blocks[i].owner, __ATOMIC_ACQUIRE);
		struct block_state *state = &a->blocks[i];
		uint32_t used = used_bytes(&a->shared->blocks[i]);

		if (!owner || (pid_t)owner <= 0 || kill((pid_t)owner, 0) == 0 || errno != ESRCH) {
			state->gone_ns = 0;
		} else if (!state->gone_ns) {
			state->gone_ns = now;
		} else if (now - state->gone_ns > GRACE_NS) {
			/* Killed in the middle of a record. */
			if (state->read < used)
				a->damaged++;
			free_block(a, i, used);
		}
	}
}

uint64_t area_lost(const struct area *a, unsigned type)
{
	uint64_t lost = __atomic_load_n(&a->shared->lost[type % FS_EV_MAX], __ATOMIC_RELAXED);

	return type == FS_EV_MAX - 1 ? lost + a->damaged : lost;
}
