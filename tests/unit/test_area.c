/* SPDX-License-Identifier: MIT */
/* The recorder's side of the shim's area: whole records come out, and no writer can do it harm. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/area.h"

static int count(void *context, const struct fs_event *e)
{
	int *n = context;

	assert_int_equal(e->source, FS_SOURCE_SHIM);
	(*n)++;
	return 0;
}

struct view_of {
	struct area *area;
	struct fs_area *shared;
	char *data;
};

static struct view_of open_area(void)
{
	struct view_of v;
	struct failure why;

	assert_int_equal(area_new(&v.area, FS_AREA_NATIVE, &why), 0);
	v.shared = mmap(NULL, area_size(v.area), PROT_READ | PROT_WRITE, MAP_SHARED,
			area_fd(v.area), 0);
	assert_true(v.shared != MAP_FAILED);
	v.data = (char *)v.shared + FS_AREA_DATA(FS_AREA_BLOCKS);
	return v;
}

static void close_area(struct view_of *v)
{
	uint64_t size = area_size(v->area);

	area_free(v->area);
	assert_int_equal(v->shared->closed, 1);
	munmap(v->shared, size);
}

static int drain(struct view_of *v)
{
	int n = 0;
	const struct event_sink sink = { .event = count, .context = &n };

	assert_true(area_drain(v->area, &sink) >= 0);
	return n;
}

/* A record at the end of a block, as a writer leaves it. */
static void put(struct view_of *v, uint32_t block, uint32_t size)
{
	struct fs_area_block *b = &v->shared->blocks[block];
	struct fs_ev_mark *e =
		(void *)(v->data + (uint64_t)block * FS_AREA_BLOCK_SIZE + b->reserved);

	if (!b->owner)
		b->owner = (uint64_t)getpid();
	if (v->shared->high <= block)
		v->shared->high = block + 1;
	*e = (struct fs_ev_mark){ .h = { .size = size, .type = FS_EV_MARK } };
	b->reserved += sizeof(*e);
}

static void test_records_come_once(void **state)
{
	struct view_of v = open_area();

	(void)state;
	put(&v, 0, sizeof(struct fs_ev_mark));
	put(&v, 3, sizeof(struct fs_ev_mark));
	put(&v, 3, sizeof(struct fs_ev_mark));
	assert_int_equal(drain(&v), 3);
	assert_int_equal(drain(&v), 0);
	put(&v, 3, sizeof(struct fs_ev_mark));
	assert_int_equal(drain(&v), 1);
	close_area(&v);
}

static void test_busy_record_holds_up(void **state)
{
	struct view_of v = open_area();
	struct fs_event *first = (void *)v.data;

	(void)state;
	put(&v, 0, sizeof(struct fs_ev_mark) | FS_AREA_BUSY);
	put(&v, 0, sizeof(struct fs_ev_mark));
	assert_int_equal(drain(&v), 0);
	first->size &= ~FS_AREA_BUSY;
	assert_int_equal(drain(&v), 2);
	close_area(&v);
}

static void test_sealed_block_is_freed(void **state)
{
	struct view_of v = open_area();

	(void)state;
	put(&v, 1, sizeof(struct fs_ev_mark));
	v.shared->blocks[1].sealed = 1;
	v.shared->hint = 7;
	v.shared->full = 1;
	assert_int_equal(drain(&v), 1);
	assert_int_equal(v.shared->blocks[1].owner, 0);
	assert_int_equal(v.shared->blocks[1].reserved, 0);
	assert_int_equal(*(uint32_t *)(void *)(v.data + FS_AREA_BLOCK_SIZE), 0);
	assert_int_equal(v.shared->hint, 1);
	assert_int_equal(v.shared->full, 0);
	close_area(&v);
}

/* A process that is killed leaves its block behind; it is taken back, not before some time. */
static void test_dead_owner(void **state)
{
	struct view_of v = open_area();
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_child_ok(pid);
	put(&v, 0, sizeof(struct fs_ev_mark) | FS_AREA_BUSY);
	v.shared->blocks[0].owner = (uint64_t)pid;
	area_sweep(v.area);
	assert_int_equal(v.shared->blocks[0].owner, pid);
	usleep(2200000);
	area_sweep(v.area);
	assert_int_equal(v.shared->blocks[0].owner, 0);
	assert_int_equal(area_lost(v.area, FS_EV_MAX - 1), 1); /* the record it was writing */
	close_area(&v);
}

/* What a hostile writer can say: sizes, counts and types of all kinds, and random bytes everywhere. */
static void test_lies(void **state)
{
	static const uint32_t sizes[] = {
		1, 39, 41, 48, FS_AREA_RECORD_MAX + 8, FS_AREA_BLOCK_SIZE, 65536, ~0u, 0x7ffffff8
	};
	struct view_of v = open_area();
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(&v, i, sizes[i] & ~FS_AREA_BUSY);
		put(&v, i, sizeof(struct fs_ev_mark));
	}
	assert_int_equal(drain(&v), 0);
	assert_true(area_lost(v.area, FS_EV_MAX - 1) > 0);
	v.shared->high = ~0u;
	v.shared->block_count = ~0u;
	for (i = 0; i < FS_AREA_BLOCKS; i++)
		v.shared->blocks[i] =
			(struct fs_area_block){ .owner = 1, .reserved = ~0u, .sealed = i % 2 };
	srand(7);
	for (i = 0; i < 1000000; i++)
		((uint32_t *)(void *)v.data)[(unsigned)rand() % (FS_AREA_BLOCK_SIZE * 64)] =
			(uint32_t)rand() % 300;
	(void)drain(&v);
	area_sweep(v.area);
	(void)drain(&v);
	close_area(&v);
}

static void test_it_cannot_shrink(void **state)
{
	struct view_of v = open_area();

	(void)state;
	assert_int_equal(ftruncate(area_fd(v.area), 4096), -1);
	assert_int_equal(errno, EPERM);
	close_area(&v);
}

ISOLATE(test_records_come_once)
ISOLATE(test_busy_record_holds_up)
ISOLATE(test_sealed_block_is_freed)
ISOLATE(test_dead_owner)
ISOLATE(test_lies)
ISOLATE(test_it_cannot_shrink)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_records_come_once),
		ISOLATED(test_busy_record_holds_up),
		ISOLATED(test_sealed_block_is_freed),
		ISOLATED(test_dead_owner),
		ISOLATED(test_lies),
		ISOLATED(test_it_cannot_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
