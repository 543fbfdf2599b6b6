/* SPDX-License-Identifier: MIT */
/* The tables of the SQLite export, schema forkscope.sqlite/1. Columns are only ever added, at the end. */
#ifndef TRACER_OUT_SQL_SCHEMA_H
#define TRACER_OUT_SQL_SCHEMA_H

static const char sql_schema[] =
	"CREATE TABLE trace (name TEXT PRIMARY KEY, value);"
	"CREATE TABLE process (id INTEGER PRIMARY KEY, pid INTEGER, ns_pid INTEGER, comm TEXT,"
	" command TEXT, start_ns INTEGER, end_ns INTEGER, parent INTEGER REFERENCES process,"
	" creator INTEGER REFERENCES process, logical_parent INTEGER REFERENCES process,"
	" start_method TEXT, mechanism TEXT, role TEXT, threads_at_fork INTEGER,"
	" fork_call_ns INTEGER, window_ns INTEGER, suspended_ns INTEGER, ready_ns INTEGER,"
	" exit_code INTEGER, signal INTEGER, core INTEGER, reaped_by INTEGER REFERENCES process,"
	" reaped_ns INTEGER, zombie_ns INTEGER, killed_by INTEGER REFERENCES process,"
	" peak_rss_kb INTEGER, minor_faults INTEGER, major_faults INTEGER, cpu_ns INTEGER,"
	" threads INTEGER, fds_at_start INTEGER, fds_inherited INTEGER, fds_cloexec INTEGER,"
	" fds_after_exec INTEGER, fds_received INTEGER, fds_never_used INTEGER);"
	"CREATE TABLE thread (process INTEGER REFERENCES process, tid INTEGER, comm TEXT,"
	" start_ns INTEGER, end_ns INTEGER);"
	"CREATE TABLE exec (id INTEGER PRIMARY KEY, process INTEGER REFERENCES process,"
	" ts_ns INTEGER, filename TEXT, command TEXT, errno INTEGER);"
	"CREATE TABLE arg (exec INTEGER REFERENCES exec, n INTEGER, text TEXT,"
	" PRIMARY KEY (exec, n)) WITHOUT ROWID;"
	"CREATE TABLE file (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, ino INTEGER,"
	" peer_ino INTEGER, opened_by INTEGER REFERENCES process, readable INTEGER,"
	" writable INTEGER);"
	"CREATE TABLE other_end (file INTEGER REFERENCES file, other INTEGER REFERENCES file);"
	"CREATE TABLE holding (file INTEGER REFERENCES file, process INTEGER REFERENCES process,"
	" fd INTEGER, got TEXT, from_process INTEGER REFERENCES process, from_fd INTEGER,"
	" start_ns INTEGER, end_ns INTEGER, lost TEXT, cloexec INTEGER, used INTEGER);"
	"CREATE TABLE fd_pass (id INTEGER PRIMARY KEY, sent_ns INTEGER, received_ns INTEGER,"
	" sender INTEGER REFERENCES process, receiver INTEGER REFERENCES process,"
	" for_process INTEGER REFERENCES process, via TEXT, truncated INTEGER, errno INTEGER);"
	"CREATE TABLE pass_file (pass INTEGER REFERENCES fd_pass, file INTEGER REFERENCES file,"
	" from_fd INTEGER, to_fd INTEGER, cloexec INTEGER);"
	"CREATE TABLE finding (rule TEXT, severity TEXT, process INTEGER REFERENCES process,"
	" title TEXT, detail TEXT, fix TEXT, ts_ns INTEGER);"
	"CREATE TABLE gap (start_ns INTEGER, end_ns INTEGER);"
	"CREATE TABLE lost (class TEXT, events INTEGER);";

/* Made last, when the tables are full: that is quicker. */
static const char sql_indexes[] = "CREATE INDEX process_parent ON process (parent);"
				  "CREATE INDEX process_pid ON process (pid);"
				  "CREATE INDEX thread_process ON thread (process);"
				  "CREATE INDEX exec_process ON exec (process);"
				  "CREATE INDEX holding_file ON holding (file);"
				  "CREATE INDEX holding_process ON holding (process);"
				  "CREATE INDEX other_end_file ON other_end (file);"
				  "CREATE INDEX pass_file_pass ON pass_file (pass);";

#endif
