/* SPDX-License-Identifier: MIT */
/* A model as an SQLite database in memory; doc/man/forkscope-query.1 tells its tables. */
#ifndef TRACER_OUT_SQL_H
#define TRACER_OUT_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/term.h"
#include "model/finding.h"
#include "model/model.h"

/* The whole database; the caller closes it with sqlite3_close. 0 or a negative errno. */
int sql_build(sqlite3 **ret, const struct model *m, const struct findings *f);

/*
 * Runs statements on such a database, one after the other, and writes what each returns: a table for people, or
 * with `json` one array of objects a statement. The database is for reading: -EPERM and why for others;
 * -EINVAL and why where SQL itself fails.
 */
int sql_query(sqlite3 *db, const char *sql, bool json, const struct term *term, FILE *to,
	      struct failure *why);

#endif
