/* SPDX-License-Identifier: MIT */
/* Threads: who started them, their names, their ends; and a fork while others are alive. */
#include "case.h"

#include <pthread.h>
#include <sys/prctl.h>

static pthread_barrier_t named, over;

static void *worker(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "worker-%d", *(int *)arg);
	check(prctl(PR_SET_NAME, name) == 0);
	say("{'expect':'event','type':'thread_start','where':{'pid':%d,'new_tid':%d},'count':1}",
	    getpid(), gettid());
	say("{'expect':'event','type':'rename','where':{'pid':%d,'tid':%d,'comm':'%s'},'count':1}",
	    getpid(), gettid(), name);
	say("{'expect':'event','type':'thread_exit','where':{'pid':%d,'tid':%d,'comm':'%s'},'count'"
	    ":1}",
	    getpid(), gettid(), name);
	pthread_barrier_wait(&named);
	pthread_barrier_wait(&over);
	return NULL;
}

int main(void)
{
	int numbers[3] = { 1, 2, 3 };
	pthread_t threads[3];
	char more[96];
	pid_t pid;

	begin();
	check(pthread_barrier_init(&named, NULL, 4) == 0 &&
	      pthread_barrier_init(&over, NULL, 4) == 0);
	for (int i = 0; i < 3; i++)
		check(pthread_create(&threads[i], NULL, worker, &numbers[i]) == 0);
	pthread_barrier_wait(&named);
	pid = fork_child();
	if (pid == 0)
		_exit(0);
	snprintf(more, sizeof(more), "\"threads_at_fork\":4,\"threads\":1");
	say_child(pid, "fork", "fork", reap(pid), more);
	pthread_barrier_wait(&over);
	for (int i = 0; i < 3; i++)
		check(pthread_join(threads[i], NULL) == 0);
	pid = fork_child();
	if (pid == 0)
		_exit(0);
	snprintf(more, sizeof(more), "\"threads_at_fork\":1,\"threads\":1");
	say_child(pid, "fork", "fork", reap(pid), more);
	say("{'expect':'process','pid':%d,'start_method':'initial','threads':4,'exit':{'code':0}}",
	    getpid());
	return 0;
}
