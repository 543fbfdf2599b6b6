/* SPDX-License-Identifier: MIT */
/* A module that fork servers preload in the tests, well and badly. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "procpool.h"

static pid_t loaded_in;

/* 20 MiB that every worker then shares. */
PP_HOOK(load_tables)
{
	size_t len = 20u << 20;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return 1;
	memset(at, 1, len);
	loaded_in = getpid();
	return 0;
}

PP_HOOK(refuse)
{
	return 7;
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

PP_HOOK(start_thread)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, wait_for_ever, NULL);
}

PP_HOOK(leave_fds)
{
	return open("/dev/null", O_RDONLY) < 0 || open("/dev/zero", O_RDONLY) < 0;
}

/* Who ran load_tables, and who runs this. */
PP_TASK(who_loaded)
{
	pid_t out[2] = { loaded_in, getpid() };

	return pp_call_write(call, out, sizeof(out));
}
