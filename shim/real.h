/* SPDX-License-Identifier: MIT */
/*
 * The functions that are wrapped, as the rest of the process would have found them. A new wrapper is one line
 * here and its function in a wrap_*.c. Resolved by dlsym(RTLD_NEXT): once, in shim_ready().
 */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

typedef void shim_handler(void);

#define SHIM_REALS(X)                                                                    \
	X(pid_t, fork, (void))                                                           \
	X(pid_t, _Fork, (void))                                                          \
	X(pid_t, vfork, (void))                                                          \
	X(long, syscall, (long number, ...))                                             \
	X(void *, dlopen, (const char *file, int mode))                                  \
	X(int, clone, (int (*fn)(void *), void *stack, int flags, void *arg, ...))       \
	X(int, daemon, (int nochdir, int noclose))                                       \
	X(pid_t, forkpty,                                                                \
	  (int *master, char *name, const struct termios *t, const struct winsize *w))   \
	X(int, system, (const char *command))                                            \
	X(FILE *, popen, (const char *command, const char *type))                        \
	X(int, wordexp, (const char *words, wordexp_t *to, int flags))                   \
	X(int, posix_spawn,                                                              \
	  (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,     \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]))       \
	X(int, posix_spawnp,                                                             \
	  (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,     \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]))       \
	X(int, execve, (const char *path, char *const argv[], char *const envp[]))       \
	X(int, execvpe, (const char *file, char *const argv[], char *const envp[]))      \
	X(int, fexecve, (int fd, char *const argv[], char *const envp[]))                \
	X(int, execveat,                                                                 \
	  (int fd, const char *path, char *const argv[], char *const envp[], int flags)) \
	X(void, exit, (int status))                                                      \
	X(void, _exit, (int status))                                                     \
	X(void, _Exit, (int status))                                                     \
	X(void, quick_exit, (int status))                                                \
	X(void, __fpurge, (FILE * stream))                                               \
	X(FILE *, freopen, (const char *path, const char *mode, FILE *stream))           \
	X(FILE *, freopen64, (const char *path, const char *mode, FILE *stream))         \
	X(pid_t, wait, (int *status))                                                    \
	X(pid_t, waitpid, (pid_t pid, int *status, int options))                         \
	X(pid_t, wait3, (int *status, int options, struct rusage *usage))                \
	X(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *usage))     \
	X(int, waitid, (idtype_t type, id_t id, siginfo_t * info, int options))          \
	X(int, prctl, (int operation, ...))                                              \
	X(int, pthread_setname_np, (pthread_t thread, const char *name))                 \
	X(int, pthread_create,                                                           \
	  (pthread_t * thread, const pthread_attr_t *attr, void *(*start)(void *),       \
	   void *argument))                                                              \
	X(int, __cxa_atexit, (void (*function)(void *), void *argument, void *object))   \
	X(int, __cxa_at_quick_exit, (void (*function)(void *), void *object))            \
	X(int, on_exit, (void (*function)(int, void *), void *argument))                 \
	X(ssize_t, sendmsg, (int sock, const struct msghdr *msg, int flags))             \
	X(ssize_t, recvmsg, (int sock, struct msghdr *msg, int flags))                   \
	X(int, __register_atfork,                                                        \
	  (shim_handler * prepare, shim_handler * parent, shim_handler * child, void *object))

/* In libforkscope-shim-locks.so only: what `check` alone wants to know. */
#define SHIM_REAL_LOCKS(X)                                                                     \
	X(int, pthread_mutex_lock, (pthread_mutex_t * m))                                      \
	X(int, pthread_mutex_trylock, (pthread_mutex_t * m))                                   \
	X(int, pthread_mutex_timedlock, (pthread_mutex_t * m, const struct timespec *t))       \
	X(int, pthread_mutex_clocklock,                                                        \
	  (pthread_mutex_t * m, clockid_t c, const struct timespec *t))                        \
	X(int, pthread_mutex_unlock, (pthread_mutex_t * m))                                    \
	X(int, pthread_rwlock_rdlock, (pthread_rwlock_t * l))                                  \
	X(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * l))                               \
	X(int, pthread_rwlock_wrlock, (pthread_rwlock_t * l))                                  \
	X(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * l))                               \
	X(int, pthread_rwlock_unlock, (pthread_rwlock_t * l))                                  \
	X(int, pthread_spin_lock, (pthread_spinlock_t * l))                                    \
	X(int, pthread_spin_trylock, (pthread_spinlock_t * l))                                 \
	X(int, pthread_spin_unlock, (pthread_spinlock_t * l))                                  \
	X(int, sem_wait, (sem_t * s))                                                          \
	X(int, sem_trywait, (sem_t * s))                                                       \
	X(int, sem_timedwait, (sem_t * s, const struct timespec *t))                           \
	X(int, sem_post, (sem_t * s))                                                          \
	X(int, pthread_join, (pthread_t thread, void **ret))                                   \
	X(int, pthread_tryjoin_np, (pthread_t thread, void **ret))                             \
	X(int, pthread_timedjoin_np, (pthread_t thread, void **ret, const struct timespec *t)) \
	X(int, unlink, (const char *path))                                                     \
	X(int, unlinkat, (int dirfd, const char *path, int flags))                             \
	X(int, rmdir, (const char *path))                                                      \
	X(int, rename, (const char *from, const char *to))                                     \
	X(int, mkdir, (const char *path, mode_t mode))                                         \
	X(int, mkdirat, (int dirfd, const char *path, mode_t mode))                            \
	X(int, symlink, (const char *to, const char *path))                                    \
	X(int, link, (const char *from, const char *path))                                     \
	X(int, open, (const char *path, int flags, ...))                                       \
	X(int, open64, (const char *path, int flags, ...))                                     \
	X(int, openat, (int dirfd, const char *path, int flags, ...))                          \
	X(int, openat64, (int dirfd, const char *path, int flags, ...))                        \
	X(int, rand, (void))                                                                   \
	X(int, rand_r, (unsigned *seed))                                                       \
	X(long, random, (void))                                                                \
	X(double, drand48, (void))                                                             \
	X(long, lrand48, (void))                                                               \
	X(long, mrand48, (void))                                                               \
	X(void, srand, (unsigned seed))                                                        \
	X(void, srandom, (unsigned seed))                                                      \
	X(void, srand48, (long seed))                                                          \
	X(int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t * m))                   \
	X(int, pthread_cond_timedwait,                                                         \
	  (pthread_cond_t * c, pthread_mutex_t * m, const struct timespec *t))                 \
	X(int, pthread_cond_clockwait,                                                         \
	  (pthread_cond_t * c, pthread_mutex_t * m, clockid_t clock, const struct timespec *t))

struct shim_reals {
#define X(type, name, parameters) type(*name) parameters;
	SHIM_REALS(X)
#ifdef SHIM_LOCKS
	SHIM_REAL_LOCKS(X)
#endif
#undef X
};

extern struct shim_reals real;

#endif
