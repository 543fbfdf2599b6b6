/* SPDX-License-Identifier: MIT */
/* Perfetto's track events as protocol buffers; see track_event.h. */
#include "out/track_event.h"

#include <errno.h>

#include "base/pb.h"

/* Field numbers of perfetto.protos; what is a message, what is in it. */
enum {
	TRACE_PACKET = 1,
	PACKET_TIMESTAMP = 8, /* boot time, in ns */
	PACKET_SEQUENCE = 10,
	PACKET_TRACK_EVENT = 11,
	PACKET_SEQUENCE_FLAGS = 13,
	PACKET_TRACK_DESCRIPTOR = 60,
	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PARENT = 5,
	TRACK_CHILD_ORDER = 11,
	EVENT_ANNOTATION = 4,
	EVENT_TYPE = 9,
	EVENT_TRACK = 11,
	EVENT_CATEGORY = 22,
	EVENT_NAME = 23,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48,
	ANNOTATION_UINT = 3,
	ANNOTATION_TEXT = 6,
	ANNOTATION_NAME = 10,
};

enum { SEQUENCE = 1, SEQUENCE_STARTS = 1, ORDER_CHRONOLOGICAL = 2 };
enum event_type { SLICE_BEGIN = 1, SLICE_END, INSTANT };

/* Written when so much is ready. */
#define CHUNK 65536

void track_flush(struct track_writer *w)
{
	if (w->b.len && fwrite(w->b.data, 1, w->b.len, w->to) != w->b.len)
		w->error = -EIO;
	if (w->b.failed)
		w->error = -ENOMEM;
	buffer_reset(&w->b);
}

static size_t packet_begin(struct track_writer *w)
{
	size_t at;

	if (w->b.len >= CHUNK)
		track_flush(w);
	at = pb_begin(&w->b, TRACE_PACKET);
	pb_u64(&w->b, PACKET_SEQUENCE, SEQUENCE);
	return at;
}

static struct event_place event_begin(struct track_writer *w, uint64_t ts, enum event_type type,
				      uint32_t lane)
{
	struct event_place at = { .packet = packet_begin(w) };

	pb_u64(&w->b, PACKET_TIMESTAMP, ts + (uint64_t)w->offset_ns);
	at.event = pb_begin(&w->b, PACKET_TRACK_EVENT);
	pb_u64(&w->b, EVENT_TYPE, type);
	pb_u64(&w->b, EVENT_TRACK, (uint64_t)lane + 1);
	return at;
}

void event_end(struct track_writer *w, struct event_place at)
{
	pb_end(&w->b, at.event);
	pb_end(&w->b, at.packet);
}

static struct event_place named_begin(struct track_writer *w, uint64_t ts, enum event_type type,
				      uint32_t lane, const char *category, const char *name)
{
	struct event_place at = event_begin(w, ts, type, lane);

	pb_text(&w->b, EVENT_CATEGORY, category);
	pb_text(&w->b, EVENT_NAME, name);
	return at;
}

struct event_place slice_begin(struct track_writer *w, uint64_t ts, uint32_t lane,
			       const char *category, const char *name)
{
	return named_begin(w, ts, SLICE_BEGIN, lane, category, name);
}

struct event_place instant_begin(struct track_writer *w, uint64_t ts, uint32_t lane,
				 const char *category, const char *name)
{
	return named_begin(w, ts, INSTANT, lane, category, name);
}

void flow_begins(struct track_writer *w, uint64_t flow)
{
	pb_fixed64(&w->b, EVENT_FLOW, flow);
}

void flow_ends(struct track_writer *w, uint64_t flow)
{
	pb_fixed64(&w->b, EVENT_FLOW_END, flow);
}

void slice_end(struct track_writer *w, uint64_t ts, uint32_t lane)
{
	event_end(w, event_begin(w, ts, SLICE_END, lane));
}

void note_text(struct track_writer *w, const char *name, const char *text)
{
	size_t at;

	if (!text)
		return;
	at = pb_begin(&w->b, EVENT_ANNOTATION);
	pb_text(&w->b, ANNOTATION_NAME, name);
	pb_text(&w->b, ANNOTATION_TEXT, text);
	pb_end(&w->b, at);
}

void note_u64(struct track_writer *w, const char *name, bool known, uint64_t value)
{
	size_t at;

	if (!known)
		return;
	at = pb_begin(&w->b, EVENT_ANNOTATION);
	pb_text(&w->b, ANNOTATION_NAME, name);
	pb_u64(&w->b, ANNOTATION_UINT, value);
	pb_end(&w->b, at);
}

void track_describe(struct track_writer *w, uint32_t lane, uint32_t parent, const char *name)
{
	size_t packet = packet_begin(w), at;

	if (!lane)
		pb_u64(&w->b, PACKET_SEQUENCE_FLAGS, SEQUENCE_STARTS);
	at = pb_begin(&w->b, PACKET_TRACK_DESCRIPTOR);
	pb_u64(&w->b, TRACK_UUID, (uint64_t)lane + 1);
	pb_text(&w->b, TRACK_NAME, name);
	if (lane)
		pb_u64(&w->b, TRACK_PARENT, (uint64_t)parent + 1);
	pb_u64(&w->b, TRACK_CHILD_ORDER, ORDER_CHRONOLOGICAL);
	pb_end(&w->b, at);
	pb_end(&w->b, packet);
}
