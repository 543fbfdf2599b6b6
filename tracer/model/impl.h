/* SPDX-License-Identifier: MIT */
/*
 * The model's inside, shared by the files of model/ only.
 *
 * Processes, threads, files, passes and changes live in arrays and name each other by index; elements move
 * when an array grows, so no pointer into one is kept across a call that may add to it.
 */
#ifndef TRACER_MODEL_IMPL_H
#define TRACER_MODEL_IMPL_H

#include <string.h>

#include "base/buffer.h"
#include "base/grow.h"
#include "base/hashmap.h"
#include "model/facts.h"
#include "model/ledger.h"
#include "model/marks.h"
#include "model/model.h"

#define FD_CLOEXEC_BIT 0x80000000u

/* A file whose identity could not be read: held, but nobody knows what. model_file() has none. */
#define FILE_UNKNOWN (MODEL_NONE - 1)

#define SLOT_INHERITED 0x1u
#define SLOT_USED 0x2u
#define SLOT_RECEIVED 0x4u

/* One fd of a live table. file MODEL_NONE: closed, the slot waits to be filled or swept out. */
struct fd_slot {
	uint32_t file;
	uint32_t fd; /* | FD_CLOEXEC_BIT */
	uint32_t bits;
};

/*
 * A live table. As long as nothing changed it is just `base`, the interned table seen last; the first
 * change makes slots of it. Processes with CLONE_FILES share one, hence refs.
 */
struct fd_table {
	const struct interned *base; /* NULL: never seen whole */
	struct fd_slot *slots; /* in order of fd */
	size_t room;
	size_t count;
	size_t dead;
	uint32_t refs;
	bool is_live; /* slots hold the truth, not base */
};

/* A table whose pieces are coming in. */
struct table_pieces {
	struct table_entry *entries;
	size_t count;
	size_t room;
	bool broken; /* a piece is missing */
};

/* An argv whose pieces are coming in. */
struct argv_pieces {
	struct buffer text;
	uint32_t total;
	uint32_t image; /* index of images, or of failed execs */
	uint32_t tid;
	bool is_failed;
};

/* What the model needs of a process while it lives; beside struct process, same index. */
struct process_work {
	struct fd_table *table;
	struct table_pieces *pieces;
	struct argv_pieces *argv;
	uint32_t request; /* newest pass its creator's thread had received since its fork before */
	uint32_t request_stop; /* where that chain ends */
	uint32_t held_passes; /* pass_files received and not known to be let go, newest first */
	uint32_t inherited_used;
	uint32_t last_signal;
	uint32_t last_signal_from;
	uint32_t maybe_reaper; /* of a wait that returned it before its exit was seen */
	uint64_t maybe_reap_ts;
	uint64_t table_seen_ts; /* a whole table was seen last */
	bool holds_parents_pipe; /* settled at exit, from the live table */
	bool settled_pipe;
	uint32_t last_call; /* of its calls that start something, the newest */
	const struct interned
		*exec_name; /* of an exec that is under way, where only the shim tells */
	bool started_for_others; /* a fork server: made a child on request */
};

/* A thread that passes fds, keyed by (process, tid). */
struct passer {
	uint32_t last_send;
	uint32_t last_recv;
	uint32_t fork_mark; /* last_recv at its last fork */
};

/* One line of the ledger. */
struct fd_change {
	uint64_t ts;
	uint32_t process;
	uint32_t prev; /* of the same process */
	uint32_t file;
	uint32_t fd; /* | FD_CLOEXEC_BIT */
	uint32_t arg; /* see enum change_what */
	uint32_t what : 8; /* enum change_what */
	uint32_t
		tid : 24; /* whose system call; 0: unknown (no thread number has more than 22 bits) */
};

enum change_what {
	CHANGE_OPEN,
	CHANGE_DUP, /* arg: old fd */
	CHANGE_RECV, /* arg: the pass */
	CHANGE_GETFD, /* arg: the pass */
	CHANGE_CLOSE,
	CHANGE_CLOSE_RANGE, /* fd..arg; file: flags */
	CHANGE_CLOEXEC,
	CHANGE_USE,
	CHANGE_TABLE, /* the whole table as seen; arg: index of seen_tables */
	CHANGE_EXEC, /* CLOEXEC ones go */
};

/* Events kept as they came, a list for each type. */
enum fact_lists {
	FACTS_STUCK,
	FACTS_BLOCKED,
	FACTS_ODD_CALL,
	FACTS_SIGNAL,
	FACTS_EOF,
	FACTS_LOCK_STORY,
	FACTS_CALL,
	FACTS_STDIO,
	FACTS_LOCK_HELD,
	FACTS_HANDLER,
	FACT_LISTS,
};

struct fact_list {
	struct fact *list;
	size_t count, room;
};

/* What programs said of themselves. */
struct said {
	struct mark *marks;
	size_t mark_count, mark_room;
	struct hashmap by_span; /* (id, process) -> its mark, until it ends */
	struct pool *pools;
	size_t pool_count, pool_room;
	struct hashmap by_pool; /* number -> pool */
	struct pool_worker *workers;
	size_t worker_count, worker_room;
	struct hashmap by_worker; /* (pool's number, its own) -> worker */
	struct task_run *runs;
	size_t run_count, run_room;
	struct hashmap by_run; /* (worker, record) -> run, until all is known of it */
};

struct model {
	struct model_options options;
	struct intern_pool pool;
	uint64_t events;
	uint64_t first_ts;
	uint64_t last_ts;

	struct process *processes;
	struct process_work *work;
	size_t process_count, process_room, work_room;
	struct hashmap by_key; /* (pid, start_ns) -> process */
	struct hashmap by_pid; /* pid -> the process with that pid that started last */
	struct hashmap
		by_ns_pid; /* (parent, number in its pid namespace) -> that child, the last one */
	uint32_t *born;
	size_t born_count;
	uint32_t target;

	struct thread *threads;
	size_t thread_count, thread_room;
	struct hashmap by_tid; /* (process, tid) -> thread, the last one */

	struct image *images;
	size_t image_count, image_room;
	struct image *failed;
	size_t failed_count, failed_room;

	struct file *files;
	size_t file_count, file_room;
	struct hashmap by_file; /* identity -> file */
	struct hashmap by_ino; /* (ino, dev) of pipes and sockets -> newest file */
	uint32_t *stamps; /* per file, for set operations at the end */
	size_t stamp_room;
	uint32_t stamp;
	struct hashmap
		pipe_tables; /* interned table -> whether it has both ends of a pipe above fd 2 */

	struct fd_pass *passes;
	size_t pass_count, pass_room;
	struct pass_file *pass_files;
	size_t pass_file_count, pass_file_room;
	struct pass_file *received; /* scratch: the message at hand */
	size_t received_room;
	struct passer *passers;
	size_t passer_count, passer_room;
	struct hashmap by_passer; /* (process, tid) -> passer */
	/* Queues of passes whose other end is yet to come, by the receiver's socket inode: head << 32 | tail. */
	struct hashmap sends_to;
	struct hashmap recvs_at;

	struct start_call *calls;
	size_t call_count, call_room;
	struct hashmap by_open_call; /* (process, tid) -> the call that is under way */
	struct module *modules;
	size_t module_count, module_room;

	struct table_pieces scratch; /* for tables of one piece */
	struct fd_change *changes;
	size_t change_count, change_room;
	const struct interned **seen_tables;
	size_t seen_count, seen_room;

	struct fact_list facts[FACT_LISTS];
	struct said said;

	/* The same per type: sorted by type and time, those that touch merged; made at the end. */
	struct gap *losses;
	size_t loss_count;
	size_t loss_from[FS_EV_MAX + 1]; /* where each type's begin */
	struct gap *gaps;
	size_t gap_count, gap_room;
	uint64_t lost;
	uint64_t lost_of[FS_EV_MAX];
};

/* process.c */
int get_process(struct model *m, uint32_t pid, uint64_t start_ns, uint32_t *ret);
int get_actor(struct model *m, const struct fs_event *e, uint32_t *ret); /* marks it in_trace */
void copy_comm(char *to, const char *from);
void process_born_with(struct model *m, uint32_t child, uint32_t creator);
int add_life(struct model *m, const struct fs_event *e); /* 1: not its type */

/* image.c */
int add_image(struct model *m, const struct fs_event *e);
void end_argv(struct model *m, uint32_t process); /* no more pieces will come */

/* An image by the shim's word: there is no exec event. */
int image_by_shim(struct model *m, uint32_t process, const struct fs_ev_shim_hello *e,
		  const struct interned *filename, const char *argv, size_t len);

/* intent.c */
int add_intent(struct model *m, const struct fs_event *e); /* 1: not its type */
void intent_note_fork(struct model *m, uint32_t child, uint32_t creator, uint32_t tid);

/* file.c */
int get_file(struct model *m, uint64_t identity, uint32_t *ret);
int add_file(struct model *m, const struct fs_ev_file *e);

/* fds.c: what events do to tables */
int add_fds(struct model *m, const struct fs_event *e); /* 1: not its type */
int fds_of_fork(struct model *m, uint32_t child);
int fds_of_exec(struct model *m, uint32_t process, uint64_t ts);
void fds_of_exit(struct model *m, uint32_t process);
/* A new fd by passing: change has ts, process, what, fd, file and arg. */
int fds_gain(struct model *m, const struct fd_change *change);
/* With --fds=full: this fd was named by a call, and that goes into the ledger too. */
int fds_note_use(struct model *m, uint32_t process, uint32_t fd, uint32_t file, uint64_t ts);
int fds_mark_used(struct model *m, uint32_t process, uint32_t fd, uint32_t file);

/* table.c: live tables and interned ones; nothing of events */
size_t table_count(const struct interned *table);
const struct table_entry *table_entries(const struct interned *table);
bool table_has(const struct interned *table, uint32_t fd, uint32_t file);
bool table_has_file(const struct interned *table, uint32_t file);
struct fd_table *fd_table_new(void);
void fd_table_unref(struct fd_table *t);
struct fd_table *fd_table_copy(const struct fd_table *t);
/* Makes slots of the base; entries that are in at_start too are inherited. */
int fd_table_make_live(struct fd_table *t, const struct interned *at_start);
struct fd_slot *fd_table_find(const struct fd_table *t, uint32_t fd);
int fd_table_set(struct fd_table *t, uint32_t fd, uint32_t file, uint32_t bits);
void fd_table_drop(struct fd_table *t, struct fd_slot *slot);
/* Takes over a whole table; what was known of an entry that is still there stays known. Whether it differs. */
int fd_table_see(struct fd_table *t, const struct interned *table, bool *ret_differs);

/* pass.c */
int add_pass(struct model *m, const struct fs_event *e); /* 1: not its type */
void pass_note_fork(struct model *m, uint32_t child, uint32_t creator, uint32_t tid);
void pass_let_go(struct model *m, uint32_t process, uint32_t fd, uint32_t file, uint64_t ts);
void pass_check_table(struct model *m, uint32_t process, const struct interned *table, uint64_t ts);

/* facts.c */
int add_fact(struct model *m, const struct fs_event *e);
void free_facts(struct model *m);

/* marks.c */
int add_said(struct model *m, const struct fs_event *e); /* 1: not its type */
void sum_up_said(struct model *m);
void free_said(struct model *m);

/* judge.c */
int judge(struct model *m);
void settle_pipe(struct model *m, uint32_t process);

#endif
