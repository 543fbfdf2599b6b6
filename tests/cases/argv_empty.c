/* SPDX-License-Identifier: MIT */
/* No argv at all (the kernel makes it one empty argument since 5.18), and empty arguments. */
#include "case.h"

static void run(char *const *argv, const char *want)
{
	pid_t pid = fork_child();
	char more[96];

	if (pid == 0) {
		execve("/bin/true", argv, environ);
		broken("exec");
	}
	snprintf(more, sizeof(more), "\"images\":[\"/bin/true\"],\"argv\":%s", want);
	say_child(pid, "fork", "spawn", reap(pid), more);
}

int main(void)
{
	begin();
	run((char *[]){ NULL }, "[\"\"]");
	run((char *[]){ (char *)"", (char *)"", (char *)"x", (char *)"", NULL },
	    "[\"\",\"\",\"x\",\"\"]");
	return 0;
}
