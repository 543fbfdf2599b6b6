/* SPDX-License-Identifier: MIT */
/*
 * The model: what the events of a trace say, as processes, threads, open files and who got what from whom.
 *
 * Pure: no I/O, no clock, no global state. Events go in one by one in the order of the trace, each sound in
 * itself (the reader saw to that), in any sequence: events may have been lost, so a process may be met
 * first at its exit, a table may lack pieces. What is then unknown stays unknown (NULL, MODEL_NONE,
 * a cleared `knows_` bit); nothing is guessed. doc/design.md lists the rule behind every verdict.
 *
 * Look-ups work at any time, so that a live command can ask after each event; verdicts over the whole
 * (start method, role, numbers p0, p1 ...) are there after model_finish(), which is called once.
 *
 * The structs are for reading only. Pointers to them hold until the next model_add(); interned text lives as
 * long as the model. Times are CLOCK_MONOTONIC, 0: unknown; MODEL_NONE is "no such process or file".
 */
#ifndef TRACER_MODEL_MODEL_H
#define TRACER_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/intern.h"
#include "forkscope/event.h"

#define MODEL_NONE UINT32_MAX

/* --fds of the recording; each level includes the earlier ones. */
enum fds_level {
	FDS_NONE,
	FDS_PASS,
	FDS_SNAPSHOT,
	FDS_FULL,
};

/* What the trace says about itself. */
struct model_options {
	uint64_t start_ns; /* CLOCK_MONOTONIC at the start; outputs count from it */
	int64_t boot_offset_ns; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	enum fds_level fds;
	bool bpf, shim; /* which sources took part */
	bool incomplete; /* the trace was cut short */
	uint32_t target_pid; /* the command's process; 0: none (attached) */
	uint64_t target_start_ns; /* 0: the first one with that pid */
	/* NULL: unknown. The model keeps copies. */
	const char *command; /* argv of the command, arguments that each end in NUL */
	size_t command_len;
	const char *sources_why;
	const char *incomplete_why;
};

/* The call that made a process. */
enum mechanism {
	MECHANISM_UNKNOWN,
	MECHANISM_FORK,
	MECHANISM_VFORK,
	MECHANISM_POSIX_SPAWN,
	MECHANISM_CLONE,
	MECHANISM_CLONE3,
	MECHANISM_THREAD,
};

enum start_method {
	START_UNKNOWN,
	START_INITIAL,
	START_ATTACHED,
	START_FORK,
	START_SPAWN,
	START_FORKSERVER,
};

enum role {
	ROLE_NONE,
	ROLE_RESOURCE_TRACKER,
	ROLE_FORKSERVER,
	ROLE_WORKER,
	ROLE_SPARE,
	ROLE_ZYGOTE,
};

/* Names as in JSON; NULL for unknown or none. */
const char *mechanism_name(enum mechanism m);
const char *start_method_name(enum start_method s);
const char *role_name(enum role r);

struct process {
	uint64_t start_ns; /* with pid its identity, see event.h */
	uint32_t pid;
	uint32_t ns_pid;
	uint32_t
		number; /* N of "pN", in order of birth; MODEL_NONE for a process that is not `in_trace` */
	char comm[16];

	/* birth */
	uint64_t birth_ts;
	uint64_t call_enter_ts; /* the creator's call; done: when it came back */
	uint64_t call_done_ts;
	uint64_t clone_flags;
	uint64_t creator_blocked; /* signals that the forking thread had blocked */
	uint64_t creator_rss_kb;
	uint64_t creator_pgtables_kb;
	uint32_t parent; /* the kernel's at birth; indexes of processes, MODEL_NONE: unknown */
	uint32_t creator;
	uint32_t logical_parent;
	uint32_t creator_tid;
	uint32_t threads_at_fork;
	uint8_t mechanism; /* enum mechanism */
	uint8_t start_method; /* enum start_method */
	uint8_t role; /* enum role */

	/* what is known */
	bool in_trace : 1; /* one of the traced; else only named by others (a reaper outside) */
	bool is_target : 1;
	bool knows_fork : 1; /* its fork event is there */
	bool attached : 1;
	bool kthread : 1;
	bool execed : 1; /* it ran a new image, also where the exec event itself was lost */
	bool ended : 1;
	bool reaped : 1;
	bool reap_unsure : 1; /* a wait call returned it; that it had ended is only likely (exit lost) */
	bool autoreaped : 1; /* its parent ignores SIGCHLD: it never was a zombie */
	bool died_in_exec : 1;
	bool oom_killed : 1;
	bool io_uring : 1; /* may have acted unseen */
	bool shares_table : 1; /* was born with its creator's fd table (CLONE_FILES) */
	bool knows_at_start : 1; /* fd counts below are facts */
	bool knows_after_exec : 1;
	bool knows_never_used : 1;
	bool knows_received : 1;
	bool changed_ids : 1;
	bool raw_call : 1; /* made by a system call that is not what libc's fork makes */
	bool shim : 1; /* the shim was at work in it */
	bool vfork_exit : 1; /* called exit() in the memory of its creator */

	/* life */
	uint64_t leader_exit_ts; /* its first thread ended before the others */
	uint64_t ready_ts; /* first write to a pipe or socket above fd 2 in its last image */
	uint64_t ready_calls; /* system calls from birth until then; 0: not known */
	uint64_t rss_peak_kb;
	uint64_t cpu_ns;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint32_t threads; /* it ever had */
	uint32_t attached_threads;
	uint32_t first_thread; /* index of threads, newest first, its first thread left out */
	uint32_t first_image; /* index of images, oldest first */
	uint32_t last_image;
	uint32_t images;
	uint32_t born_image; /* what its creator ran at its birth */
	uint32_t first_failed_exec;
	uint32_t last_failed_exec;
	uint32_t failed_execs;
	uint32_t failed_forks;
	uint32_t children; /* born of it (kernel's parent) */
	uint32_t uid; /* last known; valid with changed_ids or a state */
	const struct interned *attached_exe; /* of a process found running; argv beside it */
	const struct interned *attached_argv;
	const struct fs_ev_state
		*state_at_start; /* own, or its creator's last; header zeroed; or NULL */
	const struct fs_ev_state *state_now; /* its last */
	const struct fs_ev_state
		*state_after_exec; /* what its last image began with; NULL: no exec seen */

	/* end */
	uint64_t end_ts;
	uint64_t reap_ts;
	uint32_t status; /* as wait(2) gives it; valid when knows_status */
	uint32_t reaper;
	uint32_t reparented_to;
	uint32_t killer; /* who sent the signal it died of */
	bool knows_status;

	/* fds */
	uint32_t fds_at_start;
	uint32_t fds_cloexec;
	uint32_t fds_after_exec;
	uint32_t fds_received;
	uint32_t fds_inherited; /* meaningless when attached */
	uint32_t fds_never_used;
	const struct interned *table_at_start; /* struct table_entry[]; NULL unknown */
	const struct interned *table_after_exec;
	/* by the shim */
	uint32_t where; /* index of calls: the call that made it; MODEL_NONE: not known */
	uint32_t first_module; /* objects of code in it, newest first */
	uint32_t first_handler; /* fork and exit handlers, newest first */
	uint32_t shim_gap; /* enum fs_shim_gap of its last exec */
	const struct interned *exe; /* what /proc/self/exe said */

	uint32_t last_change; /* newest of its ledger, see ledger.h */
};

struct thread {
	uint64_t start_ts;
	uint64_t end_ts;
	uint32_t process;
	uint32_t tid;
	uint32_t ns_tid;
	uint32_t creator_tid;
	uint32_t next; /* of the same process, older */
	uint32_t exit_code;
	bool attached;
	char comm[16];
};

/* An exec, or one that failed. */
struct image {
	uint64_t ts;
	const struct interned *filename;
	const struct interned *interp; /* NULL for a failed one */
	const struct interned *argv; /* arguments, NUL-separated */
	uint32_t argc;
	uint32_t next; /* of the same process */
	uint32_t from_tid;
	int32_t error; /* positive errno; 0: it went well */
	bool argv_cut; /* pieces of argv are missing */
};

/* A call that starts something, as the shim saw it begin. */
struct start_call {
	uint64_t id;
	uint64_t ts;
	const struct interned
		*native; /* uint64_t[]: return addresses, innermost first; NULL: none */
	const struct interned *python; /* as the interpreter wrote it; NULL: none */
	const struct interned
		*symbols; /* one line for each of `native`; NULL: nobody looked them up */
	uint32_t process;
	uint32_t tid;
	uint32_t call; /* enum fs_call */
	uint32_t threads; /* alive in its process */
	bool in_handler; /* of a signal: its native stack shows it */
	uint32_t modules; /* private */
	uint32_t handlers; /* registered before it, newest first: index of handlers */
};

/* A fork or exit handler that was registered. */
struct handler {
	uint64_t functions[3]; /* fork: prepare, parent, child; exit: one; 0: none */
	uint64_t caller; /* who registered it */
	uint32_t kind; /* enum fs_handler_kind */
	uint32_t next; /* older */
};

/* An object of code: the address a in memory is a - base in its file. */
struct module {
	uint64_t base;
	uint64_t start;
	uint64_t end;
	const struct interned *path; /* may be NULL */
	const struct interned *build_id;
	uint32_t next; /* private */
};

/* An open file description. */
struct file {
	uint64_t file; /* its identity */
	uint64_t ino;
	uint64_t peer_ino;
	const struct interned *id; /* "pipe:[109]", a path ...; never NULL */
	const char *kind; /* DESIGN.md's word; NULL: never described */
	uint32_t dev, rdev;
	uint32_t sb_magic;
	uint32_t open_flags;
	uint32_t opener; /* process that opened it, MODEL_NONE unknown */
	uint32_t same_ino; /* next file of the same inode (pipes and sockets only) */
	uint8_t f_mode;
	bool of_pair; /* of socketpair */
	uint16_t sock_family, sock_type, sock_protocol, sock_state;
	uint8_t local_addr[16], peer_addr[16];
	uint16_t local_port, peer_port;
};

/* One fd of an interned table; in order of fd. */
struct table_entry {
	uint32_t file;
	uint32_t fd : 31;
	uint32_t cloexec : 1;
};

enum pass_via {
	PASS_SCM_RIGHTS,
	PASS_PIDFD_GETFD,
};

/* One message with fds, its two ends joined; or one pidfd_getfd. */
struct fd_pass {
	uint64_t sent_ts; /* 0: the send was not seen */
	uint64_t received_ts; /* 0: never received */
	uint64_t sock_ino; /* the receiver's socket where known, else the sender's peer */
	uint32_t from; /* processes */
	uint32_t to;
	uint32_t from_tid;
	uint32_t to_tid;
	uint32_t for_process; /* the child that was started for it */
	uint32_t first_file; /* index of pass_files */
	uint32_t files;
	uint32_t prev_send; /* of the same thread; private, as the next two */
	uint32_t prev_recv;
	uint32_t next_queued;
	uint32_t message; /* index in a sendmmsg */
	int32_t error; /* positive errno: the send failed, nothing was passed */
	uint8_t via; /* enum pass_via */
	bool truncated; /* MSG_CTRUNC: some fds were lost on the way */
	bool peek; /* MSG_PEEK: a copy, the message stayed */
	bool no_cloexec; /* received without MSG_CMSG_CLOEXEC, above fd 2 */
};

struct pass_file {
	uint32_t file;
	int32_t from_fd; /* -1: unknown */
	int32_t to_fd; /* -1: not received */
	bool cloexec; /* at the receiver */
	uint64_t
		let_go_ts; /* when the receiver is known to have given it up; 0: not known to have */
	uint32_t next_held; /* private */
};

struct gap {
	uint64_t from_ts;
	uint64_t to_ts;
	uint64_t count;
	uint32_t type; /* enum fs_event_type */
};

struct model;

/* 0 or -ENOMEM. */
int model_new(struct model **ret, const struct model_options *options);
void model_free(struct model *m);

/* Takes in one sound event. 0 or -ENOMEM, after which the model is still sound, and poorer by the event. */
int model_add(struct model *m, const struct fs_event *e);

/* Draws the conclusions. Once, after the last event. 0 or -ENOMEM. */
int model_finish(struct model *m);

/* Learned only at the end of the trace: it is not whole. why: one line, may be NULL. 0 or -ENOMEM. */
int model_set_incomplete(struct model *m, const char *why);

const struct model_options *model_options(const struct model *m);
uint64_t model_events(const struct model *m);
uint64_t model_first_ts(const struct model *m);
uint64_t model_last_ts(const struct model *m);

/* All processes, those outside of the trace included; look at in_trace. */
size_t model_process_count(const struct model *m);
const struct process *model_process(const struct model *m,
				    uint32_t index); /* NULL for MODEL_NONE */
/* start_ns 0: the last one with that pid. MODEL_NONE: not known. */
uint32_t model_find_process(const struct model *m, uint32_t pid, uint64_t start_ns);
/* After model_finish: the traced ones in order of birth: the index of p0, p1 ... */
size_t model_born_count(const struct model *m);
uint32_t model_born(const struct model *m, size_t number);
uint32_t model_target(const struct model *m); /* MODEL_NONE: none */

const struct thread *model_thread(const struct model *m, uint32_t index);
const struct image *model_image(const struct model *m, uint32_t index);
/* The image a process runs: its last own one, else the one it was born with. NULL: unknown. */
const struct image *model_image_of(const struct model *m, uint32_t process);
const struct image *model_failed_exec(const struct model *m, uint32_t index);

size_t model_file_count(const struct model *m);
const struct file *model_file(const struct model *m, uint32_t index);
uint32_t model_find_file(const struct model *m, uint64_t file);
/*
 * The next other end of a pipe or connected socket, after `last` (MODEL_NONE: the first one): of a pipe
 * every open file of the same inode that can write when this one can read, or the reverse.
 */
uint32_t model_other_end(const struct model *m, uint32_t file, uint32_t last);

/* Whether it is a pipe or fifo, whose f_mode tells which end it is. */
bool model_kind_has_ends(const struct file *f);

size_t model_pass_count(const struct model *m);
const struct fd_pass *model_pass(const struct model *m, size_t index);
const struct pass_file *model_pass_file(const struct model *m, size_t index);

size_t model_call_count(const struct model *m);
const struct start_call *model_call(const struct model *m, uint32_t index);
/* "fork", "posix_spawn" ...; NULL: not known here. */
const char *model_call_name(const struct start_call *c);
/* The object that an address of the call's stacks lies in; NULL: not known. */
const struct module *model_module_at(const struct model *m, const struct start_call *c,
				     uint64_t address);
/* Likewise of all that a process has now. */
const struct module *model_process_module_at(const struct model *m, uint32_t process,
					     uint64_t address);
const struct handler *model_handler(const struct model *m, uint32_t index);
/* Keeps what somebody found out about the call's addresses: a line of text each. 0 or -ENOMEM. */
int model_set_symbols(struct model *m, uint32_t call, const char *lines, size_t len);

/* Losses: the sum, per type, and where on the time line (merged and in order after model_finish). */
uint64_t model_lost(const struct model *m);
uint64_t model_lost_of(const struct model *m, unsigned type);
size_t model_gap_count(const struct model *m);
const struct gap *model_gap(const struct model *m, size_t index);
/* Whether events of this type were lost between two instants (to_ts 0: the end). After model_finish. */
bool model_lost_between(const struct model *m, unsigned type, uint64_t from_ts, uint64_t to_ts);

/* "fork", "fd_table" ...: the event class's name in lost_by; "other" for unknown ones. */
const char *model_event_class(unsigned type);

/* Durations; each returns false where it is not known. */
bool process_call_ns(const struct process *p, uint64_t *ret); /* of the fork call */
bool process_window_ns(const struct model *m, const struct process *p, uint64_t *ret);
bool process_suspended_ns(const struct model *m, const struct process *p,
			  uint64_t *ret); /* creator, by vfork */
bool process_zombie_ns(const struct process *p, uint64_t *ret);
/* When somebody asked for it: the request to the fork server, the creator's call, or its birth. 0 unknown. */
uint64_t process_asked_ts(const struct model *m, const struct process *p);

#endif
