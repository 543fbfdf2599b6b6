/* SPDX-License-Identifier: MIT */
/*
 * Programs that hang, each in one way that users know; `hang NAME` prints the pids that matter as one line of
 * JSON when it hangs, and does so until it is killed. Its test tells what `forkscope why` must say.
 *
 * A process that is only there to be in the way is called "keeper". Everything dies with the session.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void tell(const char *culprit_name, pid_t culprit, pid_t victim)
{
	printf("{\"pid\": %d, \"%s\": %d, \"victim\": %d}\n", getpid(), culprit_name, culprit,
	       victim);
	fflush(stdout);
}

static void be_keeper(void)
{
	prctl(PR_SET_NAME, "keeper");
	for (;;)
		pause();
}

static void read_to_end(int fd)
{
	char bytes[64];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	_exit(0);
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

/* --- pipes --- */

static void pipe_sibling(void)
{
	pid_t reader, keeper;
	int p[2];

	if (pipe(p) < 0)
		die("pipe");
	reader = start();
	if (reader == 0) {
		close(p[1]);
		read_to_end(p[0]);
	}
	keeper = start();
	if (keeper == 0) {
		close(p[0]);
		be_keeper();
	}
	close(p[0]);
	close(p[1]);
	tell("culprit", keeper, reader);
	waitpid(reader, NULL, 0);
}

static void pipe_grandchild(void)
{
	pid_t child, keeper;
	int p[2];

	if (pipe(p) < 0)
		die("pipe");
	child = start();
	if (child == 0) {
		close(p[0]);
		keeper = start();
		if (keeper == 0) {
			dup2(p[1], 9);
			close(p[1]);
			be_keeper();
		}
		(void)!write(p[1], &keeper, sizeof(keeper));
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &keeper, sizeof(keeper)) != sizeof(keeper))
		die("read");
	waitpid(child, NULL, 0);
	tell("culprit", keeper, getpid());
	read_to_end(p[0]);
}

static void pipe_self(void)
{
	pid_t child;
	int p[2];

	if (pipe(p) < 0)
		die("pipe");
	child = start();
	if (child == 0)
		read_to_end(p[0]);
	close(p[1]);
	tell("culprit", child, child);
	waitpid(child, NULL, 0);
}

/* A name that would steer a terminal, were it shown as it is. */
static void hostile(void)
{
	prctl(PR_SET_NAME, "\033[31m`\n\xff\"<b>");
	pipe_self();
}

static void pipe_full(void)
{
	char bytes[4096] = { 0 };
	pid_t reader;
	int p[2];

	if (pipe(p) < 0)
		die("pipe");
	reader = start();
	if (reader == 0)
		be_keeper();
	close(p[0]);
	tell("culprit", reader, getpid());
	while (write(p[1], bytes, sizeof(bytes)) > 0)
		;
}

static void socket_sibling(void)
{
	pid_t reader, keeper;
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
		die("socketpair");
	reader = start();
	if (reader == 0) {
		close(p[1]);
		read_to_end(p[0]);
	}
	keeper = start();
	if (keeper == 0) {
		close(p[0]);
		be_keeper();
	}
	close(p[0]);
	close(p[1]);
	tell("culprit", keeper, reader);
	waitpid(reader, NULL, 0);
}

static void tcp_keeper(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);
	int server, client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t keeper;

	if (bind(listener, (void *)&at, len) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (void *)&at, &len) < 0 || connect(client, (void *)&at, len) < 0)
		die("connect");
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	keeper = start();
	if (keeper == 0) {
		close(client);
		be_keeper();
	}
	close(server);
	tell("culprit", keeper, getpid());
	read_to_end(client);
}

/* --- locks that fork froze --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t held;

static void *hold_mutex(void *arg)
{
	pthread_mutex_lock(&mutex);
	sem_post(&held);
	pause();
	return arg;
}

static void *hold_rwlock(void *arg)
{
	pthread_rwlock_wrlock(&rwlock);
	sem_post(&held);
	pause();
	return arg;
}

/* Reading a time zone from a fifo that nobody writes holds libc's lock for time zones for ever. */
static void *hold_libc(void *arg)
{
	time_t now = 0;
	struct tm tm;

	setenv("TZ", arg, 1);
	sem_post(&held);
	tzset();
	localtime_r(&now, &tm);
	return NULL;
}

static void take_mutex(void)
{
	pthread_mutex_lock(&mutex);
}

static void take_rwlock(void)
{
	pthread_rwlock_rdlock(&rwlock);
}

static void take_libc(void)
{
	time_t now = 0;

	mktime(localtime(&now));
}

static void frozen(void *(*hold)(void *), void *arg, void (*take)(void))
{
	pthread_t thread;
	pid_t child;

	sem_init(&held, 0, 0);
	if (pthread_create(&thread, NULL, hold, arg))
		die("pthread_create");
	sem_wait(&held);
	sleep_ms(100);
	child = start();
	if (child == 0) {
		take();
		_exit(0);
	}
	tell("culprit", child, child);
	waitpid(child, NULL, 0);
}

static void mutex_fork(void)
{
	frozen(hold_mutex, NULL, take_mutex);
}

static void rwlock_fork(void)
{
	frozen(hold_rwlock, NULL, take_rwlock);
}

static void libc_fork(void)
{
	static char zone[256];
	const char *directory = getenv("HANG_DIR");

	snprintf(zone, sizeof(zone), ":%s/zone", directory ? directory : "/tmp");
	if (mkfifo(zone + 1, 0600) < 0)
		die("mkfifo");
	frozen(hold_libc, zone, take_libc);
}

/* --- locks between processes --- */

static void sem_killed(void)
{
	sem_t *sem = shared(sizeof(*sem));
	pid_t holder, waiter;

	sem_init(sem, 1, 1);
	holder = start();
	if (holder == 0) {
		sem_wait(sem);
		raise(SIGKILL);
	}
	waitpid(holder, NULL, 0);
	waiter = start();
	if (waiter == 0) {
		sem_wait(sem);
		_exit(0);
	}
	tell("culprit", waiter, waiter);
	waitpid(waiter, NULL, 0);
}

static pthread_mutex_t *shared_mutexes(void)
{
	pthread_mutex_t *m = shared(2 * sizeof(*m));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&m[0], &attr);
	pthread_mutex_init(&m[1], &attr);
	return m;
}

static void mutex_killed(void)
{
	pthread_mutex_t *m = shared_mutexes();
	pid_t holder, waiter;

	holder = start();
	if (holder == 0) {
		pthread_mutex_lock(&m[0]);
		raise(SIGKILL);
	}
	waitpid(holder, NULL, 0);
	waiter = start();
	if (waiter == 0) {
		pthread_mutex_lock(&m[0]);
		_exit(0);
	}
	tell("culprit", holder, waiter);
	waitpid(waiter, NULL, 0);
}

static void lock_cycle(void)
{
	pthread_mutex_t *m = shared_mutexes();
	pid_t child[2];

	for (int i = 0; i < 2; i++) {
		child[i] = start();
		if (child[i])
			continue;
		pthread_mutex_lock(&m[i]);
		sleep_ms(100);
		pthread_mutex_lock(&m[!i]);
		_exit(0);
	}
	sleep_ms(300);
	tell("culprit", child[0], child[1]);
	waitpid(child[0], NULL, 0);
}

static void own_mutex(void)
{
	pthread_mutex_lock(&mutex);
	tell("culprit", getpid(), getpid());
	pthread_mutex_lock(&mutex);
}

static int open_lock(void)
{
	const char *directory = getenv("HANG_DIR");
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", directory ? directory : "/tmp");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		die(path);
	return fd;
}

/* Takes the lock whose kind it is; it waits while another process has it. */
typedef void take_lock(int fd);

static void take_flock(int fd)
{
	flock(fd, LOCK_EX);
}

static void take_record_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_SETLKW, &lock);
}

/* Locks of open file descriptions belong to no process. */
static void take_ofd_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLKW, &lock);
}

static void held_by_keeper(take_lock *take)
{
	int ready[2];
	pid_t keeper;
	char byte = 0;

	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe");
	keeper = start();
	if (keeper == 0) {
		take(open_lock());
		(void)!write(ready[1], &byte, 1);
		be_keeper();
	}
	(void)!read(ready[0], &byte, 1);
	tell("culprit", keeper, getpid());
	take(open_lock());
}

static void flock_held(void)
{
	held_by_keeper(take_flock);
}

static void fcntl_held(void)
{
	held_by_keeper(take_record_lock);
}

static void ofd_held(void)
{
	held_by_keeper(take_ofd_lock);
}

/* --- the rest --- */

/* Each reads what the other would have to write first. */
static void each_other(void)
{
	int there[2], back[2];
	char byte;
	pid_t child;

	if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0)
		die("pipe");
	child = start();
	if (child == 0) {
		(void)!read(there[0], &byte, 1);
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	tell("culprit", child, getpid());
	(void)!read(back[0], &byte, 1);
}

static void *sleep_with_mutex(void *arg)
{
	pthread_mutex_lock(&mutex);
	(void)!write(*(int *)arg, "", 1);
	for (;;)
		pause();
	return NULL;
}

static void thread_holds(void)
{
	pthread_t thread;
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe");
	pthread_create(&thread, NULL, sleep_with_mutex, &ready[1]);
	(void)!read(ready[0], &byte, 1);
	tell("culprit", getpid(), getpid());
	pthread_mutex_lock(&mutex);
}

/* Nobody has the other end of the fifo, and nobody need ever open it. */
static void fifo_open(void)
{
	const char *directory = getenv("HANG_DIR");
	char path[256];

	snprintf(path, sizeof(path), "%s/fifo", directory ? directory : "/tmp");
	if (mkfifo(path, 0600) < 0)
		die(path);
	tell("culprit", 0, getpid());
	(void)open(path, O_RDONLY | O_CLOEXEC);
}

/* Held by nobody else, and no other thread. */
static void eventfd_alone(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t value;

	tell("culprit", getpid(), getpid());
	(void)!read(fd, &value, sizeof(value));
}

static void wait_stopped(void)
{
	pid_t child = start();

	if (child == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, NULL, WUNTRACED);
	tell("culprit", child, getpid());
	waitpid(child, NULL, 0);
}

static void eventfd_wait(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t value;
	pid_t keeper = start();

	if (keeper == 0)
		be_keeper();
	tell("culprit", keeper, getpid());
	(void)!read(fd, &value, sizeof(value));
}

static void busy(void)
{
	pid_t child = start();

	if (child == 0)
		for (;;)
			__asm__ volatile("");
	tell("culprit", child, child);
	waitpid(child, NULL, 0);
}

static void idle(void)
{
	tell("culprit", 0, getpid());
	be_keeper();
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "pipe_sibling", pipe_sibling },
	{ "pipe_grandchild", pipe_grandchild },
	{ "pipe_self", pipe_self },
	{ "pipe_full", pipe_full },
	{ "hostile", hostile },
	{ "tcp_keeper", tcp_keeper },
	{ "socket_sibling", socket_sibling },
	{ "mutex_fork", mutex_fork },
	{ "rwlock_fork", rwlock_fork },
	{ "libc_fork", libc_fork },
	{ "sem_killed", sem_killed },
	{ "mutex_killed", mutex_killed },
	{ "lock_cycle", lock_cycle },
	{ "own_mutex", own_mutex },
	{ "flock_held", flock_held },
	{ "fcntl_held", fcntl_held },
	{ "ofd_held", ofd_held },
	{ "each_other", each_other },
	{ "thread_holds", thread_holds },
	{ "fifo_open", fifo_open },
	{ "eventfd_alone", eventfd_alone },
	{ "wait_stopped", wait_stopped },
	{ "eventfd_wait", eventfd_wait },
	{ "busy", busy },
	{ "idle", idle },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc != 2 || strcmp(argv[1], ways[i].name) != 0)
			continue;
		ways[i].run();
		return 1; /* it did not hang */
	}
	fprintf(stderr, "usage: hang NAME\n");
	return 2;
}
