/* SPDX-License-Identifier: MIT */
/*
 * Python stacks, by CPython's own writer of tracebacks for crashed processes: it allocates nothing, takes no
 * lock, and reads the calling thread's frames. It writes to an fd; we give it a memfd that lives for the length
 * of this function. An interpreter that does not export it has no Python stacks, and the hello says so.
 */
#include "shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT_MAX 3500

static void (*dump)(int fd, void *thread_state);
static void *(*thread_state_now)(void);

static uint64_t end_from, end_to;

bool python_end(uint64_t *ret_from, uint64_t *ret_to)
{
	*ret_from = end_from;
	*ret_to = end_to;
	return end_from != 0;
}

static void find_end(void)
{
	void *at = dlsym(RTLD_DEFAULT, "Py_FinalizeEx");
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	if (!at || !dladdr1(at, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		return;
	end_from = (uint64_t)(uintptr_t)at;
	end_to = end_from + symbol->st_size;
}

bool python_find(void)
{
	find_end();
	thread_state_now = (void *(*)(void))dlsym(RTLD_DEFAULT, "_PyThreadState_UncheckedGet");
	dump = (void (*)(int, void *))dlsym(RTLD_DEFAULT, "_Py_DumpTraceback");
	return dump && thread_state_now;
}

/* What came into the memfd, as one record. */
static void tell_text(uint64_t call_id, long fd)
{
	struct fs_ev_stack e = { .call_id = call_id, .kind = FS_STACK_PYTHON };
	long size = sys3(SYS_lseek, fd, 0, 1 /* SEEK_CUR */);
	char *r;

	if (size <= 0)
		return;
	if (size > TEXT_MAX) {
		size = TEXT_MAX;
		e.stack_flags = FS_STACK_CUT;
	}
	r = ring_reserve(FS_EV_STACK, sizeof(e) + (size_t)size);
	if (!r)
		return;
	memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	size = sys4(SYS_pread64, fd, (long)(r + sizeof(e)), size, 0);
	((struct fs_ev_stack *)(void *)r)->text_len = size > 0 ? (uint32_t)size : 0;
	ring_commit(r);
}

bool python_tell(uint64_t call_id)
{
	void *state;
	long fd;

	if (!dump || !thread_state_now)
		return false;
	state = thread_state_now();
	if (!state)
		return false;
	fd = sys3(SYS_memfd_create, (long)"forkscope", MFD_CLOEXEC, 0);
	if (fd < 0)
		return false;
	dump((int)fd, state);
	tell_text(call_id, fd);
	sys_close(fd);
	return true;
}
