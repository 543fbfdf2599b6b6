/* SPDX-License-Identifier: MIT */
/* FS081: a child touches memory that is not copied. */
#include "bug.h"

#include <sys/resource.h>

int main(void)
{
	struct rlimit none = { 0, 0 };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	need(page != MAP_FAILED && setrlimit(RLIMIT_CORE, &none) == 0);
	need(madvise(page, 4096, MADV_DONTFORK) == 0);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		*(volatile char *)page = 1;
		_exit(0);
	}
	end_child(pid, 3000);
	return 0;
}
