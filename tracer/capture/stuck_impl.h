/* SPDX-License-Identifier: MIT */
/* Between stuck.c, which keeps the tree and decides when to look, and stuck_tell.c, which makes events. */
#ifndef TRACER_CAPTURE_STUCK_IMPL_H
#define TRACER_CAPTURE_STUCK_IMPL_H

#include "base/buffer.h"
#include "base/hashmap.h"
#include "capture/proc_wait.h"
#include "capture/stuck.h"

/* How a process that does not move stands; the order is that of certainty. */
enum standing {
	STANDS_NOT,
	STANDS_MAYBE, /* waits for what only a signal, or nobody, brings */
	STANDS_ON_CHILDREN, /* waits for a child to end */
	STANDS_ON_PIPE, /* reads a pipe */
	STANDS_PROVEN,
};

/* What is known of a copy's birth: the threads it has not, and the locks that were held. */
struct birth_note {
	struct fs_ev_fork_thread *threads;
	size_t thread_count, thread_room;
	struct fs_ev_lock_held *locks; /* of a process that forks: as told so far, by thread */
	size_t lock_count, lock_room;
};

struct watched {
	struct birth_note birth;
	uint64_t start_ns;
	uint64_t signature; /* of what its threads did at the last look; 0: none yet */
	uint64_t since_ns; /* it has been like this */
	uint64_t told_signature; /* when it was told that it stands; 0: never */
	uint32_t told_standing; /* enum standing */
	uint64_t next_look_ns; /* not to be looked at before */
	uint64_t next_loop_ns; /* not to be stepped before */
	uint64_t loop_pause_ns;
	uint64_t nap; /* it polls: the signature of its short sleep; 0: it does not */
	uint64_t cpu;
	uint64_t pipe; /* it reads this one; 0 none */
	uint64_t pipe_next_ns;
	uint64_t pipe_holders; /* hash of whom was told last */
	uint64_t next_standstill_ns; /* not to be looked at before, see stuck_end.c */
	uint32_t pipe_fd, pipe_tid, pipe_nr; /* who of it reads it, and how */
	uint32_t wait_for; /* the child it waits for; 0: any */
	uint32_t pid;
	uint32_t parent;
	uint32_t standing; /* enum standing */
	bool forked; /* not the first, and a copy of its creator */
	bool execed;
	bool execed_before; /* by the shim's word: before the exec under way */
	bool told;
	bool told_partly;
	bool told_alone; /* that all the tree stands, while it waits in shared memory */
	bool told_standstill; /* that it and who could write wait for each other */
	uint32_t lost_children; /* that ended otherwise than well */
	uint64_t main_wait; /* of what its first thread waits in, as a number; 0: none */
	uint64_t main_since_ns;
	uint64_t next_pool_ns; /* not to be asked before */
	bool told_pool;
	uint64_t next_feeder_ns; /* not to be asked before */
	bool told_feeder;
};

struct stuck_watch {
	struct watched *list;
	size_t count, room;
	struct hashmap by_pid;
	uint64_t kill_after_ns;
	bool by_shim; /* the shim alone tells who is born; who ended, nobody does */
	uint64_t next_ns;
	uint64_t next_measure_ns; /* see stuck_quiet.c */
	uint64_t quiet_since_ns;
	uint64_t cpu;
	bool alone; /* while telling of waits when nothing in the tree moves */
	uint64_t ended_ns; /* when stuck_end first ended what hung; 0: never */
	bool happened; /* a birth, an end or a new image since the last measurement */
	size_t turn; /* where the next look begins, when there are too many for one */
	const struct event_sink *sink; /* during a look */
	int error;
};

/* Looks into a process none of whose threads moves: tells what it finds and sets `standing`. */
void stuck_tell_standing(struct stuck_watch *w, struct watched *p,
			 const struct process_wait *now_do);
/* Likewise where only some threads wait: for locks that can never be had. */
void stuck_tell_partly(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do);
/* Likewise for a process whose only thread runs and runs. True when a loop was proven and told. */
bool stuck_tell_loop(struct stuck_watch *w, struct watched *p);
/* A thread that reads a pipe, or a socket whose other end has this inode. */
void stuck_tell_pipe(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
		     const struct thread_wait *t, uint64_t ino, uint32_t fd, uint64_t now);

/* Likewise, when it and all who could write wait for each other. */
void stuck_tell_standstill(struct stuck_watch *w, struct watched *p);

/* Likewise of the waits in shared memory, when nothing in the tree moves any more (w->alone). */
void stuck_tell_alone(struct stuck_watch *w, struct watched *p);

/* --- stuck_end.c --- */

/* Tells of readers of pipes that can never go on, since who could write waits for them. */
void stuck_tell_standstills(struct stuck_watch *w, uint64_t now);
/* Tells of waits in shared memory when nothing in the tree moves any more. */
void stuck_tell_all_stand(struct stuck_watch *w, uint64_t now);
/* Ends what has hung for longer than kill_after_ns. */
void stuck_end(struct stuck_watch *w, uint64_t now);

/* --- stuck_pool.c --- */

/* Whether a pool's caller waits for what a worker that died will never bring. */
void stuck_look_at_pool(struct stuck_watch *w, struct watched *p, const struct process_wait *now_do,
			uint64_t now);
/* stuck_feeder.c: whether its queue's feeder thread writes to a pipe that nobody will ever read. */
void stuck_look_at_feeder(struct stuck_watch *w, struct watched *p,
			  const struct process_wait *now_do, uint64_t now);
void stuck_feeder_moves(struct watched *p);
/* Ends those that were found so and wait for long enough, with all that came of them. */
void stuck_end_pools(struct stuck_watch *w, uint64_t now);

/* --- stuck_quiet.c --- */
void stuck_measure(struct stuck_watch *w, uint64_t now);

/* --- stuck_story.c --- */

/* Keep what belongs to births; without memory less is known of a lock's holder, and nobody is harmed. */
void stuck_story_note_thread(struct watched *p, const struct fs_ev_fork_thread *e);
void stuck_story_note_call(struct watched *p, const struct fs_ev_call *e);
void stuck_story_note_lock(struct watched *p, const struct fs_ev_lock_held *e);
/* A copy is born: it gets what was told of its creator's thread. */
void stuck_story_born(struct watched *child, const struct watched *creator, uint32_t tid);
void stuck_story_free(struct watched *p);

/* Tells what is known of the lock that the event, just told, waits for, and of who held it. */
void stuck_story_tell(struct stuck_watch *w, const struct watched *p,
		      const struct fs_ev_futex_stuck *e, const struct buffer *frames);

/* --- stuck_tell.c --- */

/* The header of an event about a thread. */
void stuck_fill(struct fs_event *h, unsigned type, size_t size, const struct watched *p,
		uint32_t tid);
/* The fixed part and a tail as one record, to the sink of the look. */
void stuck_emit(struct stuck_watch *w, void *fixed, size_t fixed_size, const void *tail,
		size_t len);
uint64_t stuck_now(void);

#endif
