/* SPDX-License-Identifier: MIT */
/* Questions to the database of a trace, and their answers as a table or as JSON; see sql.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/table.h"
#include "out/sql.h"

struct answer {
	sqlite3_stmt *statement;
	int columns;
	const struct term *term;
	FILE *to;
};

/* Only what reads: no file is opened, made or changed, whatever a statement says. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *database,
		     const char *trigger)
{
	(void)arg;
	(void)database;
	(void)trigger;
	switch (action) {
	case SQLITE_FUNCTION:
		return b && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		return a && strcmp(a, "table_info") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int tell(sqlite3 *db, int result, struct failure *why)
{
	if (result == SQLITE_NOMEM)
		return fail(why, -ENOMEM, "out of memory");
	if (result == SQLITE_AUTH)
		return fail(why, -EPERM, "SQL: a trace is for reading: only SELECT is allowed");
	return fail(why, -EINVAL, "SQL: %s", sqlite3_errmsg(db));
}

static void add_value(struct buffer *b, sqlite3_stmt *s, int column)
{
	const void *bytes = sqlite3_column_blob(s, column);

	if (sqlite3_column_type(s, column) == SQLITE_NULL)
		buffer_add_char(b, '-');
	else if (sqlite3_column_type(s, column) == SQLITE_TEXT)
		/* The database's own text is escaped already; a statement may make what is not. */
		escape_message(b, bytes, (size_t)sqlite3_column_bytes(s, column));
	else if (bytes)
		escape_append(b, bytes, (size_t)sqlite3_column_bytes(s, column));
}

static bool is_number(sqlite3_stmt *s, int column)
{
	int type = sqlite3_column_type(s, column);

	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static void add_heading(struct buffer *b, const struct answer *a, int column)
{
	const char *name = sqlite3_column_name(a->statement, column);

	escape_append(b, name ? name : "", name ? strlen(name) : 0);
}

/* More columns than a table has: one line a value. */
static int print_lines(const struct answer *a)
{
	struct buffer b = { 0 };
	int result = SQLITE_ROW, i;

	for (; result == SQLITE_ROW; result = sqlite3_step(a->statement)) {
		for (i = 0; i < a->columns; i++) {
			add_heading(&b, a, i);
			buffer_add_text(&b, " = ");
			add_value(&b, a->statement, i);
			buffer_add_char(&b, '\n');
		}
		buffer_add_char(&b, '\n');
		fputs(buffer_text(&b), a->to);
		buffer_reset(&b);
	}
	buffer_free(&b);
	return result;
}

/* Stands on its first row, which tells what is a number. */
static int print_table(const struct answer *a)
{
	struct buffer names[TABLE_COLUMNS_MAX] = { 0 }, b = { 0 };
	const char *headings[TABLE_COLUMNS_MAX + 1] = { NULL };
	int result = SQLITE_ROW, i;
	struct table t;

	for (i = 0; i < a->columns; i++) {
		if (is_number(a->statement, i))
			buffer_add_char(&names[i], '>');
		add_heading(&names[i], a, i);
		headings[i] = buffer_text(&names[i]);
	}
	table_init(&t, headings);
	for (; result == SQLITE_ROW && !t.failed; result = sqlite3_step(a->statement)) {
		for (i = 0; i < a->columns; i++) {
			add_value(&b, a->statement, i);
			table_add(&t, STYLE_PLAIN, buffer_text(&b));
			buffer_reset(&b);
		}
	}
	for (i = 0; i < a->columns; i++)
		buffer_free(&names[i]);
	buffer_free(&b);
	return table_print(&t, a->term, a->to) < 0 ? SQLITE_NOMEM : result;
}

static void json_value(struct json *j, sqlite3_stmt *s, int column)
{
	const void *bytes = sqlite3_column_blob(s, column);

	switch (sqlite3_column_type(s, column)) {
	case SQLITE_INTEGER:
		json_i64(j, sqlite3_column_int64(s, column));
		break;
	case SQLITE_FLOAT:
		json_double(j, sqlite3_column_double(s, column), 6);
		break;
	case SQLITE_NULL:
		json_null(j);
		break;
	default:
		json_string(j, bytes ? bytes : "", (size_t)sqlite3_column_bytes(s, column));
		break;
	}
}

static int print_json(const struct answer *a, int result, int *ret_error)
{
	struct json j;
	int i;

	json_init(&j, a->to);
	json_array_begin(&j);
	for (; result == SQLITE_ROW && !j.error; result = sqlite3_step(a->statement)) {
		json_object_begin(&j);
		for (i = 0; i < a->columns; i++) {
			json_key(&j, sqlite3_column_name(a->statement, i));
			json_value(&j, a->statement, i);
		}
		json_object_end(&j);
	}
	json_array_end(&j);
	json_line_end(&j);
	*ret_error = json_finish(&j);
	return result;
}

static int answer_one(sqlite3 *db, struct answer *a, bool json, struct failure *why)
{
	int result = sqlite3_step(a->statement), err = 0;

	a->columns = sqlite3_column_count(a->statement);
	if (json && (result == SQLITE_ROW || result == SQLITE_DONE))
		result = print_json(a, result, &err);
	else if (result == SQLITE_ROW && a->columns > TABLE_COLUMNS_MAX)
		result = print_lines(a);
	else if (result == SQLITE_ROW)
		result = print_table(a);
	if (err)
		return fail_errno(why, err, "cannot write");
	return result == SQLITE_DONE ? 0 : tell(db, result, why);
}

int sql_query(sqlite3 *db, const char *sql, bool json, const struct term *term, FILE *to,
	      struct failure *why)
{
	struct answer a = { .term = term, .to = to };
	int result, err = 0;
	bool any = false;

	sqlite3_set_authorizer(db, authorize, NULL);
	while (!err && *sql) {
		result = sqlite3_prepare_v2(db, sql, -1, &a.statement, &sql);
		if (result != SQLITE_OK)
			return tell(db, result, why);
		if (!a.statement) /* white space, a comment */
			continue;
		any = true;
		err = answer_one(db, &a, json, why);
		sqlite3_finalize(a.statement);
	}
	return err || any ? err : fail(why, -EINVAL, "SQL: no statement");
}
