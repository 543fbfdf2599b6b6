/* SPDX-License-Identifier: MIT */
/*
 * argv whose strings, and whose pointers, lie in pages that nobody has touched: a fresh private
 * mapping of a file. What reads them before the kernel faulted them in sees nothing.
 */
#include "case.h"

#include <sys/mman.h>

#define BASE ((char *)0x200000000000ul)
#define PAGE 4096

int main(void)
{
	static const char *const words[] = { "true", "never", "touched" };
	char page[4 * PAGE] = { 0 }, *pointers[4] = { NULL };
	const char *dir, *path;
	pid_t pid;
	int fd;

	begin();
	dir = make_dir();
	path = make_file(dir, "arguments", "", 0600);
	for (int i = 0; i < 3; i++) {
		strcpy(page + i * PAGE, words[i]);
		pointers[i] = BASE + i * PAGE;
	}
	memcpy(page + 3 * PAGE, pointers, sizeof(pointers));
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0 && write(fd, page, sizeof(page)) == sizeof(page));
	pid = fork_child();
	if (pid == 0) {
		void *at = mmap(BASE, sizeof(page), PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
				fd, 0);

		check(at == BASE);
		check(madvise(at, sizeof(page), MADV_RANDOM) == 0);
		execve("/bin/true", (char **)(BASE + 3 * PAGE), environ);
		broken("exec");
	}
	say_child(pid, "fork", "spawn", reap(pid),
		  "\"images\":[\"/bin/true\"],\"argv\":[\"true\",\"never\",\"touched\"]");
	close(fd);
	remove_dir(dir);
	return 0;
}
