/* SPDX-License-Identifier: MIT */
/*
 * Children in new namespaces. The first of a new pid namespace is 1 there, and its own children are
 * told by our numbers and theirs: /proc/self, on the mount we inherited, names them as we do.
 */
#include "case.h"

#include <linux/sched.h>
#include <sched.h>

struct kind {
	const char *name; /* in /proc/PID/ns */
	uint64_t flag;
};

static const struct kind kinds[] = {
	{ "mnt", CLONE_NEWNS },	   { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
	{ "pid", CLONE_NEWPID },   { "net", CLONE_NEWNET }, { "cgroup", CLONE_NEWCGROUP },
	{ "user", CLONE_NEWUSER },
};

static int number_outside(void)
{
	char text[32] = "";

	check(readlink("/proc/self", text, sizeof(text) - 1) > 0);
	return atoi(text);
}

static unsigned namespace_of(const char *name)
{
	char path[64], text[64] = "";
	unsigned number = 0;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	check(readlink(path, text, sizeof(text) - 1) > 0);
	check(sscanf(text, "%*[a-z]:[%u]", &number) == 1);
	return number;
}

static void grandchild(void)
{
	pid_t inside = fork();

	check(inside >= 0);
	if (inside == 0) {
		child_begin();
		say("{'expect':'process','pid':%d,'start_method':'fork','exit':{'code':53}}",
		    number_outside());
		say("{'expect':'event','type':'fork','where':{'child_pid':%d,'child_ns_pid':%d}}",
		    number_outside(), getpid());
		_exit(53);
	}
	check(WEXITSTATUS(reap(inside)) == 53);
}

static void child(const struct kind *kind)
{
	child_begin();
	say("{'expect':'namespace','pid':%d,'ns':'%s','number':%u}", number_outside(), kind->name,
	    namespace_of(kind->name));
	if (kind->flag == CLONE_NEWPID) {
		check(getpid() == 1);
		grandchild();
	}
	execl("/bin/sh", "sh", "-c", "exit 52", NULL);
	_exit(1);
}

int main(void)
{
	begin();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct clone_args args = { .flags = kinds[i].flag, .exit_signal = SIGCHLD };
		pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

		if (pid < 0) {
			say("{'skip_part':'namespace %s: %s'}", kinds[i].name, strerror(errno));
			continue;
		}
		if (pid == 0)
			child(&kinds[i]);
		say_child(pid, "clone3", "spawn", reap(pid), "\"images\":[\"/bin/sh\"]");
		if (kinds[i].flag == CLONE_NEWPID)
			say("{'expect':'event','type':'fork','where':{'child_pid':%d,'child_ns_pid'"
			    ":1}}",
			    pid);
	}
	return 0;
}
