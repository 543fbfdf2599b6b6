/* SPDX-License-Identifier: MIT */
/* posix_spawn, posix_spawnp with actions, system, popen; and a posix_spawn that finds nothing. */
#include "case.h"

#include <spawn.h>

static void spawn_true(void)
{
	char *const argv[] = { (char *)"true", (char *)"with", (char *)"words", NULL };
	pid_t pid;

	check(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, (char *[]){ NULL }) == 0);
	say_child(pid, "posix_spawn", "spawn", reap(pid),
		  "\"images\":[\"/bin/true\"],\"argv\":[\"true\",\"with\",\"words\"]");
}

static void spawn_with_actions(void)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 8", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;

	check(posix_spawn_file_actions_init(&actions) == 0);
	check(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0);
	check(posix_spawn_file_actions_adddup2(&actions, 0, 50) == 0);
	check(posix_spawnattr_init(&attributes) == 0);
	check(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF) == 0);
	check(posix_spawnp(&pid, "sh", &actions, &attributes, argv, environ) == 0);
	say_child(pid, "posix_spawn", "spawn", reap(pid), "\"images\":[\"*/sh\"],\"has_fds_after_exec\":[50]");
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
}

static void spawn_nothing(void)
{
	char *const argv[] = { (char *)"nothing", NULL };
	pid_t pid;

	check(posix_spawn(&pid, "/nowhere/nothing", NULL, NULL, argv, environ) == ENOENT);
	say("{'expect':'event','type':'exec_failed','where':{'parent':%d,'error':%d,"
	    "'filename':'/nowhere/nothing'},'count':1}",
	    getpid(), ENOENT);
}

int main(void)
{
	int status;
	FILE *pipe;

	begin();
	spawn_true();
	spawn_with_actions();
	spawn_nothing();
	status = system("exit 4");
	say("{'expect':'process','parent':%d,'mechanism':'posix_spawn','start_method':'spawn',"
	    "'argv':['sh','-c','exit 4'],'exit':%s,'reaped_by':%d}",
	    getpid(), exit_json(status), getpid());
	pipe = popen("exit 5", "r");
	check(pipe);
	status = pclose(pipe);
	say("{'expect':'process','parent':%d,'mechanism':'posix_spawn','start_method':'spawn',"
	    "'argv':['sh','-c','exit 5'],'exit':%s,'reaped_by':%d}",
	    getpid(), exit_json(status), getpid());
	return 0;
}
