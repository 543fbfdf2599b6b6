/* SPDX-License-Identifier: MIT */
/* Exports of a model with findings: each tells them, and whatever their text holds does no harm. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "out/export.h"
#include "out/out.h"
#include "out/sql.h"

#define HOSTILE "</script>\033[31m\"'`\n\\ \xff ]] --> ${x}"

static struct finding list[] = {
	{ .rule = "FS901", .severity = SEVERITY_BUG, .title = "a bug", .fix = "mend it" },
	{ .rule = "FS902",
	  .severity = SEVERITY_NOTE,
	  .process = MODEL_NONE,
	  .title = "a note",
	  .fix = "no" },
};
static const struct findings findings = { .list = list, .count = 2 };

/* The last process has a finding; the second is about the trace as a whole. */
static struct model *make_model(void)
{
	struct story s;

	story_begin(&s, FDS_FULL, 100);
	ev_fork(&s, 1, 100);
	ev_fork(&s, 100, 101);
	story_end(&s);
	assert_int_equal(s.err, 0);
	list[0].process = model_find_process(s.m, 101, 0);
	assert_int_not_equal(list[0].process, MODEL_NONE);
	list[0].detail = (char *)HOSTILE;
	list[1].detail = (char *)HOSTILE;
	return s.m;
}

static char *write_all(int (*fn)(const struct model *, const struct findings *, FILE *),
		       size_t *ret_len)
{
	struct model *m = make_model();
	char *text = NULL;
	FILE *to = open_memstream(&text, ret_len);

	assert_non_null(to);
	assert_int_equal(fn(m, &findings, to), 0);
	assert_int_equal(fclose(to), 0);
	model_free(m);
	return text;
}

static void test_graphs(void **state)
{
	size_t len;
	char *text;

	(void)state;
	text = write_all(export_dot, &len);
	assert_non_null(strstr(text, "color=\"#c62828\", penwidth=2"));
	free(text);
	text = write_all(export_mermaid, &len);
	assert_non_null(strstr(text, ":::bug\n"));
	free(text);
}

static void test_perfetto(void **state)
{
	size_t len;
	char *text = write_all(export_perfetto, &len);

	(void)state;
	assert_non_null(memmem(text, len, "FS901 a bug", 11));
	assert_non_null(memmem(text, len, "</script>\\e[31m", 15));
	assert_null(memchr(text, 0xff, len));
	free(text);
}

static int first_cell(void *arg, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	snprintf(arg, 128, "%s", values[0] ? values[0] : "NULL");
	return 0;
}

static void test_sqlite(void **state)
{
	struct model *m = make_model();
	char cell[128] = "";
	sqlite3 *db;

	(void)state;
	assert_int_equal(sql_build(&db, m, &findings), 0);
	model_free(m);
	assert_int_equal(sqlite3_exec(db, "SELECT detail FROM finding WHERE rule = 'FS901'",
				      first_cell, cell, NULL),
			 SQLITE_OK);
	assert_string_equal(cell, "</script>\\e[31m\"'`\\n\\\\ \\xff ]] --> ${x}");
	assert_int_equal(sqlite3_exec(db, "SELECT process FROM finding WHERE rule = 'FS902'",
				      first_cell, cell, NULL),
			 SQLITE_OK);
	assert_string_equal(cell, "NULL");
	sqlite3_close(db);
}

static int write_page(const struct model *m, const struct findings *f, FILE *to)
{
	const struct view view = { .name = HOSTILE };

	return view_html(m, f, &view, to);
}

static void test_page(void **state)
{
	size_t len, scripts = 0;
	char *text = write_all(write_page, &len), *at;

	(void)state;
	assert_non_null(strstr(text, "\"detail\":\"\\u003c/script>\\u001b[31m"));
	for (at = text; (at = strstr(at, "</script")); at++)
		scripts++;
	assert_int_equal(scripts, 2);
	assert_null(strstr(text, "@DATA@"));
	free(text);
}

/* What a stream does not take is an error, not silence. */
static void test_a_full_disk_is_told(void **state)
{
	int (*const all[])(const struct model *, const struct findings *,
			   FILE *) = { export_perfetto, export_sqlite, export_dot,
				       export_mermaid,	export_chrome, write_page };
	struct model *m = make_model();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		FILE *full = fopen("/dev/full", "we");

		assert_non_null(full);
		setvbuf(full, NULL, _IONBF, 0);
		assert_true(all[i](m, &findings, full) < 0);
		fclose(full);
	}
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graphs),
		cmocka_unit_test(test_perfetto),
		cmocka_unit_test(test_sqlite),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
