/* SPDX-License-Identifier: MIT */
/*
 * The system calls of the tables, once for every ABI: an includer defines CALL(name, level, entry), having
 * included the ABI's numbers. Calls that an ABI does not have get the number -1.
 */
#ifndef __NR_sigaction
#define __NR_sigaction -1
#endif
#ifndef __NR_signal
#define __NR_signal -1
#endif
#ifndef __NR_setrlimit
#define __NR_setrlimit -1
#endif
#ifndef __NR_unlink
#define __NR_unlink -1
#endif
#ifndef __NR_rmdir
#define __NR_rmdir -1
#endif
#ifndef __NR_rename
#define __NR_rename -1
#endif
#ifndef __NR_fork
#define __NR_fork -1
#endif
#ifndef __NR_vfork
#define __NR_vfork -1
#endif
#ifndef __NR_waitpid
#define __NR_waitpid -1
#endif
#ifndef __NR_setuid32
#define __NR_setuid32 -1
#endif
#ifndef __NR_setgid32
#define __NR_setgid32 -1
#endif
#ifndef __NR_setreuid32
#define __NR_setreuid32 -1
#endif
#ifndef __NR_setregid32
#define __NR_setregid32 -1
#endif
#ifndef __NR_setresuid32
#define __NR_setresuid32 -1
#endif
#ifndef __NR_setresgid32
#define __NR_setresgid32 -1
#endif
#ifndef __NR_setfsuid32
#define __NR_setfsuid32 -1
#endif
#ifndef __NR_setfsgid32
#define __NR_setfsgid32 -1
#endif
#ifndef __NR_recvmmsg_time64
#define __NR_recvmmsg_time64 -1
#endif
#ifndef __NR_socketcall
#define __NR_socketcall -1
#endif
#ifndef __NR_sendfile64
#define __NR_sendfile64 -1
#endif
#ifndef __NR_open
#define __NR_open -1
#endif
#ifndef __NR_creat
#define __NR_creat -1
#endif
#ifndef __NR_eventfd
#define __NR_eventfd -1
#endif
#ifndef __NR_epoll_create
#define __NR_epoll_create -1
#endif
#ifndef __NR_inotify_init
#define __NR_inotify_init -1
#endif
#ifndef __NR_accept
#define __NR_accept -1
#endif
#ifndef __NR_signalfd
#define __NR_signalfd -1
#endif
#ifndef __NR_pipe
#define __NR_pipe -1
#endif
#ifndef __NR_dup2
#define __NR_dup2 -1
#endif
#ifndef __NR_fcntl64
#define __NR_fcntl64 -1
#endif
#ifndef __NR_newfstatat
#define __NR_newfstatat -1
#endif
#ifndef __NR_fstatat64
#define __NR_fstatat64 -1
#endif
#ifndef __NR_poll
#define __NR_poll -1
#endif
#ifndef __NR_ppoll_time64
#define __NR_ppoll_time64 -1
#endif
#ifndef __NR_select
#define __NR_select -1
#endif
#ifndef __NR__newselect
#define __NR__newselect -1
#endif
#ifndef __NR_pselect6_time64
#define __NR_pselect6_time64 -1
#endif
#ifndef __NR__llseek
#define __NR__llseek -1
#endif
#ifndef __NR_ftruncate64
#define __NR_ftruncate64 -1
#endif
#ifndef __NR_fchown32
#define __NR_fchown32 -1
#endif
#ifndef __NR_fstatfs64
#define __NR_fstatfs64 -1
#endif
#ifndef __NR_getdents
#define __NR_getdents -1
#endif
#ifndef __NR_epoll_wait
#define __NR_epoll_wait -1
#endif
#ifndef __NR_mmap2
#define __NR_mmap2 -1
#endif

/* Life. */
CALL(fork, FS_FDS_NONE, FS_CALL_FORK)
CALL(vfork, FS_FDS_NONE, FS_CALL_FORK)
CALL(clone, FS_FDS_NONE, FS_CALL_CLONE)
CALL(clone3, FS_FDS_NONE, FS_CALL_CLONE3)
CALL(execve, FS_FDS_NONE, FS_CALL_EXECVE)
CALL(execveat, FS_FDS_NONE, FS_CALL_EXECVEAT | FS_CALL_FD0)
CALL(wait4, FS_FDS_NONE, FS_CALL_WAIT4)
CALL(waitpid, FS_FDS_NONE, FS_CALL_WAIT4)
CALL(waitid, FS_FDS_NONE, FS_CALL_WAITID)
CALL(setuid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setgid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setreuid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setregid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setresuid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setresgid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setfsuid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setfsgid, FS_FDS_NONE, FS_CALL_SETID)
CALL(setuid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setgid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setreuid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setregid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setresuid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setresgid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setfsuid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(setfsgid32, FS_FDS_NONE, FS_CALL_SETID)
CALL(unshare, FS_FDS_NONE, FS_CALL_UNSHARE)
CALL(kill, FS_FDS_NONE, FS_CALL_KILL)
CALL(io_uring_setup, FS_FDS_NONE, FS_CALL_IO_URING_SETUP)

CALL(rt_sigaction, FS_FDS_NONE, FS_CALL_STATE)
CALL(sigaction, FS_FDS_NONE, FS_CALL_STATE)
CALL(signal, FS_FDS_NONE, FS_CALL_STATE)
CALL(setrlimit, FS_FDS_NONE, FS_CALL_STATE)
CALL(prlimit64, FS_FDS_NONE, FS_CALL_STATE)

/* Passing of fds, and first writes. */
CALL(sendmsg, FS_FDS_PASS, FS_CALL_SENDMSG | FS_CALL_FD0 | FS_CALL_WRITES)
CALL(sendmmsg, FS_FDS_PASS, FS_CALL_SENDMMSG | FS_CALL_FD0 | FS_CALL_WRITES)
CALL(recvmsg, FS_FDS_PASS, FS_CALL_RECVMSG | FS_CALL_FD0 | FS_CALL_READS)
CALL(recvmmsg, FS_FDS_PASS, FS_CALL_RECVMMSG | FS_CALL_FD0)
CALL(recvmmsg_time64, FS_FDS_PASS, FS_CALL_RECVMMSG | FS_CALL_FD0)
CALL(socketcall, FS_FDS_PASS, FS_CALL_SOCKETCALL)
CALL(pidfd_getfd, FS_FDS_PASS, FS_CALL_GETFD | FS_CALL_FD0)
CALL(write, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(writev, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(pwrite64, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(pwritev, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(pwritev2, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(sendto, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_WRITES)
CALL(sendfile, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_FD1 | FS_CALL_WRITES)
CALL(sendfile64, FS_FDS_PASS, FS_CALL_FD0 | FS_CALL_FD1 | FS_CALL_WRITES)

/* New open files. */
CALL(open, FS_FDS_FULL, FS_CALL_OPEN)
CALL(creat, FS_FDS_FULL, FS_CALL_OPEN)
CALL(tgkill, FS_FDS_FULL, FS_CALL_TGKILL)
CALL(exit_group, FS_FDS_FULL, FS_CALL_EXIT)
CALL(socket, FS_FDS_FULL, FS_CALL_OPEN)
CALL(eventfd, FS_FDS_FULL, FS_CALL_OPEN)
CALL(eventfd2, FS_FDS_FULL, FS_CALL_OPEN)
CALL(epoll_create, FS_FDS_FULL, FS_CALL_OPEN)
CALL(epoll_create1, FS_FDS_FULL, FS_CALL_OPEN)
CALL(inotify_init, FS_FDS_FULL, FS_CALL_OPEN)
CALL(inotify_init1, FS_FDS_FULL, FS_CALL_OPEN)
CALL(timerfd_create, FS_FDS_FULL, FS_CALL_OPEN)
CALL(memfd_create, FS_FDS_FULL, FS_CALL_OPEN)
CALL(memfd_secret, FS_FDS_FULL, FS_CALL_OPEN)
CALL(userfaultfd, FS_FDS_FULL, FS_CALL_OPEN)
CALL(perf_event_open, FS_FDS_FULL, FS_CALL_OPEN)
CALL(fanotify_init, FS_FDS_FULL, FS_CALL_OPEN)
CALL(mq_open, FS_FDS_FULL, FS_CALL_OPEN)
CALL(pidfd_open, FS_FDS_FULL, FS_CALL_OPEN)
CALL(fsopen, FS_FDS_FULL, FS_CALL_OPEN)
CALL(openat, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(openat2, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(accept, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(accept4, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(open_by_handle_at, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(open_tree, FS_FDS_FULL, FS_CALL_OPEN | FS_CALL_FD0)
CALL(signalfd, FS_FDS_FULL, FS_CALL_SIGNALFD | FS_CALL_FD0)
CALL(signalfd4, FS_FDS_FULL, FS_CALL_SIGNALFD | FS_CALL_FD0)
CALL(pipe, FS_FDS_FULL, FS_CALL_PIPE)
CALL(pipe2, FS_FDS_FULL, FS_CALL_PIPE)
CALL(socketpair, FS_FDS_FULL, FS_CALL_SOCKETPAIR)

/* Closing. */
CALL(close, FS_FDS_FULL, FS_CALL_CLOSE)
CALL(close_range, FS_FDS_FULL, FS_CALL_CLOSE_RANGE)

/* Copies and flags of fds. */
CALL(dup, FS_FDS_FULL, FS_CALL_DUP | FS_CALL_FD0)
CALL(dup2, FS_FDS_FULL, FS_CALL_DUP | FS_CALL_FD0)
CALL(dup3, FS_FDS_FULL, FS_CALL_DUP | FS_CALL_FD0)
CALL(fcntl, FS_FDS_FULL, FS_CALL_FCNTL | FS_CALL_FD0)
CALL(fcntl64, FS_FDS_FULL, FS_CALL_FCNTL | FS_CALL_FD0)
CALL(ioctl, FS_FDS_FULL, FS_CALL_IOCTL | FS_CALL_FD0)

/* Other calls that name fds. */
CALL(newfstatat, FS_FDS_FULL, FS_CALL_STATAT | FS_CALL_FD0)
CALL(fstatat64, FS_FDS_FULL, FS_CALL_STATAT | FS_CALL_FD0)
CALL(statx, FS_FDS_FULL, FS_CALL_STATAT | FS_CALL_FD0)
CALL(poll, FS_FDS_FULL, FS_CALL_POLL)
CALL(ppoll, FS_FDS_FULL, FS_CALL_POLL)
CALL(ppoll_time64, FS_FDS_FULL, FS_CALL_POLL)
CALL(select, FS_FDS_FULL, FS_CALL_SELECT)
CALL(_newselect, FS_FDS_FULL, FS_CALL_SELECT)
CALL(pselect6, FS_FDS_FULL, FS_CALL_SELECT)
CALL(pselect6_time64, FS_FDS_FULL, FS_CALL_SELECT)
CALL(read, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_READS)
CALL(readv, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_READS)
CALL(pread64, FS_FDS_FULL, FS_CALL_FD0)
CALL(preadv, FS_FDS_FULL, FS_CALL_FD0)
CALL(preadv2, FS_FDS_FULL, FS_CALL_FD0)
CALL(lseek, FS_FDS_FULL, FS_CALL_SEEK | FS_CALL_FD0)
CALL(madvise, FS_FDS_FULL, FS_CALL_MADVISE)
CALL(_llseek, FS_FDS_FULL, FS_CALL_FD0)
CALL(recvfrom, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_READS)
CALL(bind, FS_FDS_FULL, FS_CALL_FD0)
CALL(listen, FS_FDS_FULL, FS_CALL_FD0)
CALL(connect, FS_FDS_FULL, FS_CALL_FD0)
CALL(shutdown, FS_FDS_FULL, FS_CALL_FD0)
CALL(getsockname, FS_FDS_FULL, FS_CALL_FD0)
CALL(getpeername, FS_FDS_FULL, FS_CALL_FD0)
CALL(getsockopt, FS_FDS_FULL, FS_CALL_FD0)
CALL(setsockopt, FS_FDS_FULL, FS_CALL_FD0)
CALL(fsync, FS_FDS_FULL, FS_CALL_FD0)
CALL(fdatasync, FS_FDS_FULL, FS_CALL_FD0)
CALL(sync_file_range, FS_FDS_FULL, FS_CALL_FD0)
CALL(ftruncate, FS_FDS_FULL, FS_CALL_FD0)
CALL(ftruncate64, FS_FDS_FULL, FS_CALL_FD0)
CALL(fallocate, FS_FDS_FULL, FS_CALL_FD0)
CALL(flock, FS_FDS_FULL, FS_CALL_FLOCK | FS_CALL_FD0)
CALL(fadvise64, FS_FDS_FULL, FS_CALL_FD0)
CALL(readahead, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchmod, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchown, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchown32, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchdir, FS_FDS_FULL, FS_CALL_FD0)
CALL(fstatfs, FS_FDS_FULL, FS_CALL_FD0)
CALL(fstatfs64, FS_FDS_FULL, FS_CALL_FD0)
CALL(getdents, FS_FDS_FULL, FS_CALL_FD0)
CALL(getdents64, FS_FDS_FULL, FS_CALL_FD0)
CALL(fsetxattr, FS_FDS_FULL, FS_CALL_FD0)
CALL(fgetxattr, FS_FDS_FULL, FS_CALL_FD0)
CALL(flistxattr, FS_FDS_FULL, FS_CALL_FD0)
CALL(fremovexattr, FS_FDS_FULL, FS_CALL_FD0)
CALL(epoll_wait, FS_FDS_FULL, FS_CALL_FD0)
CALL(epoll_pwait, FS_FDS_FULL, FS_CALL_FD0)
CALL(epoll_pwait2, FS_FDS_FULL, FS_CALL_FD0)
CALL(timerfd_settime, FS_FDS_FULL, FS_CALL_FD0)
CALL(timerfd_gettime, FS_FDS_FULL, FS_CALL_FD0)
CALL(inotify_add_watch, FS_FDS_FULL, FS_CALL_FD0)
CALL(inotify_rm_watch, FS_FDS_FULL, FS_CALL_FD0)
CALL(vmsplice, FS_FDS_FULL, FS_CALL_FD0)
CALL(io_uring_enter, FS_FDS_FULL, FS_CALL_FD0)
CALL(pidfd_send_signal, FS_FDS_FULL, FS_CALL_FD0)
CALL(setns, FS_FDS_FULL, FS_CALL_FD0)
CALL(mq_timedsend, FS_FDS_FULL, FS_CALL_FD0)
CALL(mq_timedreceive, FS_FDS_FULL, FS_CALL_FD0)
CALL(mq_notify, FS_FDS_FULL, FS_CALL_FD0)
CALL(mq_getsetattr, FS_FDS_FULL, FS_CALL_FD0)
CALL(syncfs, FS_FDS_FULL, FS_CALL_FD0)
CALL(faccessat, FS_FDS_FULL, FS_CALL_FD0)
CALL(faccessat2, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchmodat, FS_FDS_FULL, FS_CALL_FD0)
CALL(fchownat, FS_FDS_FULL, FS_CALL_FD0)
CALL(mkdirat, FS_FDS_FULL, FS_CALL_FD0)
CALL(mknodat, FS_FDS_FULL, FS_CALL_FD0)
CALL(unlink, FS_FDS_FULL, FS_CALL_EFFECT)
CALL(rmdir, FS_FDS_FULL, FS_CALL_EFFECT)
CALL(rename, FS_FDS_FULL, FS_CALL_EFFECT)
CALL(unlinkat, FS_FDS_FULL, FS_CALL_EFFECT | FS_CALL_FD0)
CALL(readlinkat, FS_FDS_FULL, FS_CALL_FD0)
CALL(utimensat, FS_FDS_FULL, FS_CALL_FD0)
CALL(process_madvise, FS_FDS_FULL, FS_CALL_FD0)
CALL(symlinkat, FS_FDS_FULL, FS_CALL_FD1)
CALL(renameat, FS_FDS_FULL, FS_CALL_EFFECT | FS_CALL_FD0 | FS_CALL_FD2)
CALL(renameat2, FS_FDS_FULL, FS_CALL_EFFECT | FS_CALL_FD0 | FS_CALL_FD2)
CALL(linkat, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_FD2)
CALL(epoll_ctl, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_FD2)
CALL(splice, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_FD2)
CALL(copy_file_range, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_FD2)
CALL(tee, FS_FDS_FULL, FS_CALL_FD0 | FS_CALL_FD1)
CALL(mmap, FS_FDS_FULL, FS_CALL_MMAP | FS_CALL_FD4)
CALL(mmap2, FS_FDS_FULL, FS_CALL_FD4)
