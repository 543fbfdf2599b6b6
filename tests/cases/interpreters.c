/* SPDX-License-Identifier: MIT */
/*
 * "#!": the file asked for, the image in fact loaded, and the argv the kernel made; nested once
 * too.
 */
#include "case.h"

static void run(const char *path, int code, const char *argv)
{
	char more[PATH_MAX + 512];
	pid_t pid = fork_child();
	int status;

	if (pid == 0) {
		execl(path, "my own name", "word", NULL);
		broken("exec");
	}
	status = reap(pid);
	check(status == W_EXITCODE(code, 0));
	snprintf(more, sizeof(more), "\"images\":[\"%s\"],\"argv\":%s", path, argv);
	say_child(pid, "fork", "spawn", status, more);
	say("{'expect':'event','type':'exec','where':{'pid':%d,'filename':'%s','interp':'*sh'},'"
	    "count':1}",
	    pid, path);
}

int main(void)
{
	const char *dir, *plain, *nested;
	char line[PATH_MAX], want[PATH_MAX];

	begin();
	dir = make_dir();
	plain = make_file(dir, "plain", "#!/bin/sh -e\nexit 17\n", 0700);
	snprintf(want, sizeof(want), "[\"/bin/sh\",\"-e\",\"%s\",\"word\"]", plain);
	run(plain, 17, want);
	snprintf(line, sizeof(line), "#!%s  two words \n", plain);
	nested = make_file(dir, "nested", line, 0700);
	snprintf(want, sizeof(want), "[\"/bin/sh\",\"-e\",\"%s\",\"two words\",\"%s\",\"word\"]",
		 plain, nested);
	run(nested, 17, want);
	remove_dir(dir);
	return 0;
}
