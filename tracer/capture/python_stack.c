/* SPDX-License-Identifier: MIT */
/*
 * See python_stack.h. Where CPython 3.11 keeps its frames: a stable layout within that version, which is told by
 * Py_Version. Whatever is read may be damaged or hostile: all walks are bounded, and texts are cut.
 */
#include "capture/python_stack.h"

#include <stdbool.h>
#include <string.h>

#include "capture/proc_wait.h"

#define VERSION_3_11 0x030b
#define FRAMES_MAX 24
#define THREADS_MAX 256
#define TEXT_MAX 200
#define LINETABLE_MAX 16384

enum {
	RUNTIME_INTERPRETERS_HEAD = 40,
	INTERPRETER_THREADS_HEAD = 16,
	THREAD_NEXT = 8,
	THREAD_CFRAME = 56,
	THREAD_NATIVE_ID = 160,
	CFRAME_CURRENT = 8,
	FRAME_CODE = 32,
	FRAME_PREVIOUS = 48,
	FRAME_PREV_INSTR = 56,
	CODE_FIRSTLINENO = 72,
	CODE_FILENAME = 112,
	CODE_QUALNAME = 128,
	CODE_LINETABLE = 136,
	CODE_INSTRUCTIONS = 184,
	UNICODE_LENGTH = 16,
	UNICODE_STATE = 32,
	UNICODE_ASCII_DATA = 48,
	BYTES_LENGTH = 16,
	BYTES_DATA = 32,
};

/* How entries of a line table tell their line: by the four bits of their code. */
enum {
	LINE_SHORT_MAX = 9,
	LINE_ONE0 = 10,
	LINE_ONE2 = 12,
	LINE_NO_COLUMNS = 13,
	LINE_LONG = 14,
	LINE_NONE = 15
};

static uint64_t pointer_at(pid_t pid, uint64_t address)
{
	uint64_t value = 0;

	return address && proc_read(pid, address, &value, sizeof(value)) ? value : 0;
}

/* A compact ASCII string; others become "?". */
static void read_text(pid_t pid, uint64_t object, char to[TEXT_MAX])
{
	uint64_t len = pointer_at(pid, object + UNICODE_LENGTH);
	uint32_t state = 0;

	memcpy(to, "?", 2);
	if (!object || !proc_read(pid, object + UNICODE_STATE, &state, sizeof(state)) ||
	    (state & 0x60) != 0x60) /* compact and ASCII */
		return;
	/* Of a long path the end says more. */
	if (len >= TEXT_MAX) {
		object += len - (TEXT_MAX - 1);
		len = TEXT_MAX - 1;
	}
	if (!len || !proc_read(pid, object + UNICODE_ASCII_DATA, to, len))
		return;
	to[len] = 0;
}

static const uint8_t *take_varint(const uint8_t *at, const uint8_t *end, uint32_t *ret)
{
	unsigned shift = 0;

	*ret = 0;
	for (; at < end && shift < 30; shift += 6) {
		*ret |= (uint32_t)(*at & 63) << shift;
		if (!(*at++ & 64))
			break;
	}
	return at;
}

/* The line of the instruction `index` (in code units), from a location table. */
static int line_in_table(const uint8_t *at, const uint8_t *end, int line, uint64_t index)
{
	while (at < end) {
		unsigned code = *at >> 3 & 15, units = (*at & 7u) + 1;
		uint32_t delta;

		at++;
		if (code == LINE_NO_COLUMNS || code == LINE_LONG) {
			at = take_varint(at, end, &delta);
			line += delta & 1 ? -(int)(delta >> 1) : (int)(delta >> 1);
		} else if (code >= LINE_ONE0 && code <= LINE_ONE2) {
			line += (int)code - LINE_ONE0;
		}
		if (index < units)
			return line;
		index -= units;
		/* The columns: not needed, to be passed over; entries begin with the high bit set. */
		while (at < end && !(*at & 0x80))
			at++;
	}
	return line;
}

static int line_of(pid_t pid, uint64_t code, uint64_t prev_instr)
{
	static uint8_t table[LINETABLE_MAX];
	uint64_t object = pointer_at(pid, code + CODE_LINETABLE), len;
	int first = 0;

	len = pointer_at(pid, object + BYTES_LENGTH);
	if (!proc_read(pid, code + CODE_FIRSTLINENO, &first, sizeof(first)) || !object ||
	    prev_instr < code + CODE_INSTRUCTIONS)
		return first;
	if (len > sizeof(table))
		len = sizeof(table);
	if (!proc_read(pid, object + BYTES_DATA, table, len))
		return first;
	return line_in_table(table, table + len, first,
			     (prev_instr - code - CODE_INSTRUCTIONS) / 2);
}

/*
 * The state of one thread. A process that C code forked has its parent's numbers in its states; its main thread is
 * then the first one's.
 */
static uint64_t state_of(pid_t pid, pid_t tid, uint64_t runtime)
{
	uint64_t interpreter = pointer_at(pid, runtime + RUNTIME_INTERPRETERS_HEAD);
	uint64_t first = pointer_at(pid, interpreter ? interpreter + INTERPRETER_THREADS_HEAD : 0);
	uint64_t state = first;

	for (int i = 0; state && i < THREADS_MAX; i++) {
		if (pointer_at(pid, state + THREAD_NATIVE_ID) == (uint64_t)tid)
			return state;
		state = pointer_at(pid, state + THREAD_NEXT);
	}
	return tid == pid ? first : 0;
}

void python_stack(pid_t pid, pid_t tid, uint64_t runtime, uint64_t version, struct buffer *frames)
{
	uint64_t frame, code;
	char name[TEXT_MAX], file[TEXT_MAX];

	if (version >> 16 != VERSION_3_11)
		return;
	frame = state_of(pid, tid, runtime);
	frame = pointer_at(pid, frame ? frame + THREAD_CFRAME : 0);
	frame = pointer_at(pid, frame ? frame + CFRAME_CURRENT : 0);
	for (int i = 0; frame && i < FRAMES_MAX; i++) {
		code = pointer_at(pid, frame + FRAME_CODE);
		if (!code)
			return;
		read_text(pid, pointer_at(pid, code + CODE_QUALNAME), name);
		read_text(pid, pointer_at(pid, code + CODE_FILENAME), file);
		buffer_printf(frames, "python: %s (%s:%d)", name, file,
			      line_of(pid, code, pointer_at(pid, frame + FRAME_PREV_INSTR)));
		buffer_append(frames, "", 1);
		frame = pointer_at(pid, frame + FRAME_PREVIOUS);
	}
}
