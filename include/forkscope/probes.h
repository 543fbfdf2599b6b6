/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT): points in a program that uprobes can name, as bpftrace's usdt:BINARY:procpool:*
 * and perf's sdt_procpool:* do. One nop each while nobody looks; nothing at all where the system has no
 * <sys/sdt.h>.
 *
 * Only at steps that are rare, since a probe that is watched costs microseconds:
 *
 *   procpool:pool__open      workers, start method      procpool:pool__close     items ended
 *   procpool:worker__start   pid, place in its pool     procpool:worker__ready   pid (in the worker)
 *   procpool:worker__exit    pid, signal, exit status   procpool:server__start   pid
 *   procpool:fd__send        socket, how many fds       procpool:fd__receive     socket, how many fds
 */
#ifndef FORKSCOPE_PROBES_H
#define FORKSCOPE_PROBES_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define FS_PROBE1(provider, name, a) DTRACE_PROBE1(provider, name, a)
#define FS_PROBE2(provider, name, a, b) DTRACE_PROBE2(provider, name, a, b)
#define FS_PROBE3(provider, name, a, b, c) DTRACE_PROBE3(provider, name, a, b, c)
#endif
#endif

#ifndef FS_PROBE1
#define FS_PROBE1(provider, name, a) ((void)(a))
#define FS_PROBE2(provider, name, a, b) ((void)(a), (void)(b))
#define FS_PROBE3(provider, name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
