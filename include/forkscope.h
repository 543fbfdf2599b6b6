/* SPDX-License-Identifier: MIT */
/*
 * forkscope.h: marks, spans and names that a program puts into forkscope's recording of it. This header is all
 * there is: nothing to link, nothing to set up.
 *
 *     forkscope_mark("config loaded");              an instant
 *     forkscope_mark_value("batch", 512);           an instant with a number
 *     uint64_t s = forkscope_span_begin("train");   a stretch of time
 *     forkscope_span_end(s);
 *     forkscope_name("loader");                     what this thread is for
 *
 * In C++, `forkscope::span all("train");` lasts for its block.
 *
 * Cost when nobody records: a load and a branch not taken. The shim, when `forkscope record` has preloaded it,
 * defines forkscope_note_v1; in every other run it is a weak symbol that nobody defines, so its address is NULL.
 * A recorded mark takes some 100 ns: no system call but getpid, no lock, no memory.
 *
 * Anywhere: in any thread, in signal handlers, between fork and exec, with locks held. errno stays as it was.
 * Names are any bytes, cut after 1,000; they are copied. A span may end in another thread of its process, but not
 * in another process: who forks within one has the parent's span.
 *
 * Where it does nothing: in statically linked programs, and where the shim is not (forkscope-record(1), setuid
 * programs, `-p`). The functions are then the same branch.
 */
#ifndef FORKSCOPE_H
#define FORKSCOPE_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is said; the numbers of forkscope/event.h. */
enum forkscope_kind {
	FORKSCOPE_MARK = 128,
	FORKSCOPE_SPAN_BEGIN = 129,
	FORKSCOPE_SPAN_END = 130,
	FORKSCOPE_NAME = 139,
};

/* The shim's. Returns the span's number (never 0), or 0: nothing is recorded. Call what is below instead. */
uint64_t forkscope_note_v1(unsigned kind, uint64_t id, uint64_t value, const char *name, size_t len)
	__attribute__((weak, visibility("default")));

typedef uint64_t forkscope_note_fn(unsigned kind, uint64_t id, uint64_t value, const char *name,
				   size_t len);

/*
 * The address of a weak symbol that is not there when the program is linked, but may be when it runs. In code that
 * is not position-independent a linker makes such an address 0 for good, unless it is asked for through the table
 * of addresses that the loader fills in.
 */
#if defined(__x86_64__) && defined(__ELF__) && !defined(__PIC__)
#define FORKSCOPE_WEAK(type, name)                           \
	__extension__({                                      \
		type *at_;                                   \
		__asm__(".weak " #name "\n\t"                \
			"movq " #name "@GOTPCREL(%%rip), %0" \
			: "=r"(at_));                        \
		at_;                                         \
	})
#else
#define FORKSCOPE_WEAK(type, name) (&(name))
#endif

static inline uint64_t forkscope_note(unsigned kind, uint64_t id, uint64_t value, const char *name)
{
	forkscope_note_fn *note = FORKSCOPE_WEAK(forkscope_note_fn, forkscope_note_v1);

	if (__builtin_expect(note != 0, 0))
		return note(kind, id, value, name, name ? strlen(name) : 0);
	return 0;
}

static inline void forkscope_mark(const char *name)
{
	(void)forkscope_note(FORKSCOPE_MARK, 0, 0, name);
}

static inline void forkscope_mark_value(const char *name, uint64_t value)
{
	(void)forkscope_note(FORKSCOPE_MARK, 0, value, name);
}

/* The number to end it with; 0: nothing is recorded. */
static inline uint64_t forkscope_span_begin(const char *name)
{
	return forkscope_note(FORKSCOPE_SPAN_BEGIN, 0, 0, name);
}

static inline void forkscope_span_end(uint64_t span)
{
	if (__builtin_expect(span != 0, 0))
		(void)forkscope_note(FORKSCOPE_SPAN_END, span, 0, 0);
}

static inline void forkscope_name(const char *name)
{
	(void)forkscope_note(FORKSCOPE_NAME, 0, 0, name);
}

#ifdef __cplusplus
}

namespace forkscope
{
class span
{
      public:
	explicit span(const char *name) : number_(forkscope_span_begin(name))
	{
	}
	~span()
	{
		forkscope_span_end(number_);
	}

      private:
	span(const span &);
	span &operator=(const span &);
	uint64_t number_;
};
} // namespace forkscope
#endif

#endif
