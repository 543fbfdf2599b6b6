/* SPDX-License-Identifier: MIT */
/* posix_spawn, posix_spawnp with actions, system, popen; and a posix_spawn that finds nothing. */
#include "case.h"

#include <pthread.h>
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
	check(posix_spawnattr_setflags(&attributes,
				       POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF) == 0);
	check(posix_spawnp(&pid, "sh", &actions, &attributes, argv, environ) == 0);
	say_child(pid, "posix_spawn", "spawn", reap(pid),
		  "\"images\":[\"*/sh\"],\"has_fds_after_exec\":[50]");
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
}

static void *open_late(void *path)
{
	sleep_ms(80);
	close(open(path, O_WRONLY | O_CLOEXEC));
	return NULL;
}

/* An action that blocks in the child, on a FIFO nobody writes to yet, holds the caller up too. */
static void spawn_suspended(void)
{
	char *const argv[] = { (char *)"true", NULL };
	const char *dir = make_dir();
	posix_spawn_file_actions_t actions;
	char fifo[PATH_MAX], more[96];
	uint64_t start, took;
	pthread_t thread;
	pid_t pid;

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	check(mkfifo(fifo, 0600) == 0 && pthread_create(&thread, NULL, open_late, fifo) == 0);
	check(posix_spawn_file_actions_init(&actions) == 0);
	check(posix_spawn_file_actions_addopen(&actions, 60, fifo, O_RDONLY, 0) == 0);
	start = now_ns();
	check(posix_spawn(&pid, "/bin/true", &actions, NULL, argv, environ) == 0);
	took = now_ns() - start;
	check(pthread_join(thread, NULL) == 0);
	snprintf(more, sizeof(more),
		 "\"images\":[\"/bin/true\"],\"fork_call_ms\":[60,%" PRIu64
		 "],\"threads_at_fork\":2",
		 took / MS + 1);
	say_child(pid, "posix_spawn", "spawn", reap(pid), more);
	posix_spawn_file_actions_destroy(&actions);
	remove_dir(dir);
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
	spawn_suspended();
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
