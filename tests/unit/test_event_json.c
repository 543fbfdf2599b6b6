/* SPDX-License-Identifier: MIT */
/* Events as JSON lines: a golden line where it matters, and a JSON reader's opinion of every type. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "sample.h"
#include "trace/event_fields.h"
#include "trace/event_info.h"
#include "trace/event_json.h"

enum { START_NS = 999999000 };

static void expect_line(const union sample *s, const char *want)
{
	struct json j;

	json_init(&j, NULL);
	event_json_line(&j, &s->h, START_NS);
	assert_string_equal(buffer_text(&j.out), want);
	assert_int_equal(json_finish(&j), 0);
}

static void test_golden_lines(void **state)
{
	union sample s;

	(void)state;
	sample_event(&s, FS_EV_EXEC, 0);
	((struct fs_ev_exec *)&s)->argv_total = ((struct fs_ev_exec *)&s)->argv_len;
	s.h.flags = FS_EVENT_COMPAT;
	expect_line(
		&s,
		"{\"type\":\"exec\",\"ts_ns\":1000,\"source\":\"bpf\",\"pid\":1000,\"tid\":1000,"
		"\"ns_pid\":1000,\"start_ns\":500,\"cpu\":0,\"compat\":true,\"argc\":3,"
		"\"from_tid\":1000,\"argv_len\":29,\"argv_total\":29,\"comm\":\"s\\u00ffh\","
		"\"filename\":\"/bin/s\\u00ffh\",\"interp\":\"/bin/dash\","
		"\"argv\":[\"/bin/s\\u00ffh\",\"-c\",\"echo 'a \\u001b[31mb'\\n\"]}\n");
	sample_event(&s, FS_EV_LOST, 1);
	s.h.ts_ns = START_NS - 5; /* before the start: negative, as it was */
	expect_line(&s,
		    "{\"type\":\"lost\",\"ts_ns\":-5,\"source\":\"bpf\",\"pid\":1001,\"tid\":1001,"
		    "\"ns_pid\":1001,\"start_ns\":500,\"cpu\":1,\"lost_type\":\"fd_use\","
		    "\"lost_source\":\"bpf\",\"count\":2,\"from_ns\":1990,\"to_ns\":2000}\n");
	sample_event(&s, FS_EV_FD_TABLE, 1);
	expect_line(
		&s,
		"{\"type\":\"fd_table\",\"ts_ns\":2000,\"source\":\"bpf\",\"pid\":1001,"
		"\"tid\":1001,\"ns_pid\":1001,\"start_ns\":500,\"cpu\":1,\"when\":1,\"count\":1,"
		"\"count_before\":0,\"last\":true,\"shared\":false,"
		"\"fds\":[{\"fd\":0,\"file\":\"0xffff888100000000\",\"cloexec\":false}]}\n");
}

/* No field lies outside its struct, none is named twice, and every type has some. */
static void test_fields_fit(void **state)
{
	const struct event_field *f, *g;
	size_t i;

	(void)state;
	for (i = 0; i < sample_types(); i++) {
		unsigned type = sample_type(i);

		assert_non_null(event_fields(type)->name);
		for (f = event_fields(type); f->name; f++) {
			assert_true(f->offset >= sizeof(struct fs_event));
			assert_true((size_t)f->offset + f->size <= event_fixed_size(type));
			for (g = event_fields(type); g < f; g++)
				assert_string_not_equal(f->name, g->name);
		}
	}
	assert_null(event_fields(FS_EV_MAX)->name);
	assert_null(event_fields(0)->name);
}

static void test_a_json_reader_agrees(void **state)
{
	static const char reader[] =
		"/usr/bin/python3 -c 'import json, sys\n"
		"def unique(pairs):\n"
		"    assert len(dict(pairs)) == len(pairs), pairs\n"
		"    return dict(pairs)\n"
		"lines = [json.loads(l, object_pairs_hook=unique) for l in sys.stdin]\n"
		"assert lines[0][\"type\"] == \"header\"\n"
		"assert lines[0][\"meta\"] == {\"a\": \"x\\ny\"}\n"
		"assert len(lines) == 1 + 4 * 58, len(lines)\n"
		"assert len({l[\"type\"] for l in lines}) == 59'";
	struct fs_trace_header header = { .major = 1 };
	struct meta meta = { 0 };
	union sample s;
	struct json j;
	unsigned n;
	FILE *to;
	size_t i;

	(void)state;
	assert_int_equal(sample_types(), 58);
	to = popen(reader, "we");
	assert_non_null(to);
	assert_int_equal(meta_set(&meta, "a", "x\ny"), 0);
	json_init(&j, to);
	event_json_header(&j, &header, &meta, NULL);
	for (i = 0; i < sample_types(); i++) {
		for (n = 0; n < 4; n++) {
			sample_event(&s, sample_type(i), n);
			event_json_line(&j, &s.h, START_NS);
		}
	}
	assert_int_equal(json_finish(&j), 0);
	assert_int_equal(pclose(to), 0);
	meta_free(&meta);
}

ISOLATE(test_a_json_reader_agrees)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_lines),
		cmocka_unit_test(test_fields_fit),
		ISOLATED(test_a_json_reader_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
