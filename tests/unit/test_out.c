/* SPDX-License-Identifier: MIT */
/* The outputs: whole texts of small hand-made traces, and what folding, escaping and filters do. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "model/ledger.h"
#include "out/out.h"
#include "out/state.h"

static const struct view plain = { .name = "t" };
static const struct findings nothing;

static const struct fs_fd std[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 } };

/* main 10 asks server 11 for worker 12, which is killed; 13 is a program that fails. */
static void tell(struct story *s)
{
	const struct fs_fd sent[] = { { 70, 15, 0 } }, got[] = { { 70, 8, 0 } };
	const struct fs_fd birth[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 }, { 70, 8, 0 } };
	const struct fs_fd last[] = { { 1, 0, 0 }, { 2, 1, 0 }, { 2, 2, 0 }, { 70, 15, 0 } };
	struct fs_ev_signal g = { .sig = SIGKILL, .to_pid = 12, .to_start_ns = 12000 };

	story_begin(s, FDS_FULL, 10);
	ev_exec_args(s, 10, "/bin/main", "main\0a b", 9, 9);
	ev_table(s, 10, FS_TABLE_AFTER_EXEC, std, 3);
	ev_fork(s, 10, 11);
	ev_fork_done(s, 10, 11, 1500);
	ev_table(s, 11, FS_TABLE_AT_FORK, std, 3);
	ev_pipe(s, 70, 109, 2);
	ev_fd(s, FS_EV_FD_OPEN, 10, 15, 70, 0);
	ev_pass(s, FS_EV_FD_SEND, 10, 100, 101, sent, 1, 0);
	ev_pass(s, FS_EV_FD_RECV, 11, 101, 100, got, 1, 0);
	ev_fork(s, 11, 12);
	ev_fork_done(s, 11, 12, 1700);
	ev_table(s, 12, FS_TABLE_AT_FORK, birth, 4);
	ev_fd(s, FS_EV_FD_CLOSE, 11, 8, 70, 0);
	g.h = ev_head(s, FS_EV_SIGNAL, sizeof(g), 10);
	ev_feed(s, &g);
	ev_exit(s, 12, 11, SIGKILL);
	ev_reap(s, 11, 12);
	ev_fork(s, 10, 13);
	ev_table(s, 13, FS_TABLE_AT_FORK, last, 4);
	ev_exec_failed(s, 13, "/opt/x\033[2J", ENOENT);
	ev_exit(s, 13, 10, 127 << 8);
	ev_reap(s, 10, 13);
	ev_exit(s, 11, 10, 0);
	ev_exit(s, 10, 1, 0);
	story_end(s);
	assert_int_equal(s->err, 0);
}

struct sink {
	char *text;
	size_t size;
	FILE *to;
};

static void sink_open(struct sink *s)
{
	s->to = open_memstream(&s->text, &s->size);
	assert_non_null(s->to);
}

static void sink_close(struct sink *s)
{
	fclose(s->to);
}

static void test_report_text(void **state)
{
	struct story s;
	struct sink out;

	(void)state;
	tell(&s);
	sink_open(&out);
	assert_int_equal(report_text(s.m, &nothing, &plain, out.to), 0);
	sink_close(&out);
	assert_string_equal(
		out.text,
		"main 'a b' - exit 0 after 1.01 ms\n"
		"\n"
		"PROCESS                  PID  START                        LIFE  FDS IN  PAS"
		"SED  UNUSED  THREADS  END        ZOMBIE  COMMAND\n"
		"p0 /bin/main              10  initial                   1.01 ms       3     "
		"  0       3        1  exit 0          -  main 'a b'\n"
		"|- p1 prog (forkserver)   11  fork                      19.0 us       3     "
		"  1       3        1  exit 0          -\n"
		"|  `- p2 prog (worker)    12  forkserver (fork) for p0  5.00 us       4     "
		"  0       4        1  SIGKILL   1.00 us\n"
		"`- p3 prog                13  fork                      3.00 us       4     "
		"  0       4        1  exit 127  1.00 us\n"
		"\n"
		"Remarkable\n"
		"  prog killed by SIGKILL: p2 (by p0)\n"
		"  prog ended with exit 127: p3\n"
		"  1 exec failed: /opt/x\\e[2J (ENOENT)\n"
		"  1 child ended and was never waited for (a zombie while its parent lived): "
		"p1 prog\n"
		"  1 message brought fds without CLOEXEC: the receiver's next exec hands them"
		" on\n"
		"\n"
		"4 processes - 23 events, 0 lost - sources: bpf - fds: full\n");
	free(out.text);
	model_free(s.m);
}

/* The text from one mark up to another, to be compared whole. */
static char *cut(const char *text, const char *from, const char *to)
{
	const char *a = strstr(text, from), *b = a ? strstr(a + 1, to) : NULL;

	assert_non_null(b);
	return strndup(a, (size_t)(b - a));
}

static void test_report_json(void **state)
{
	struct story s;
	struct sink out;
	char *part;

	(void)state;
	tell(&s);
	sink_open(&out);
	assert_int_equal(report_json(s.m, &nothing, out.to), 0);
	sink_close(&out);
	part = cut(out.text, "{\"schema\"", "\"processes\"");
	assert_string_equal(
		part, "{\"schema\":\"forkscope.report/1\",\"target\":{\"argv\":[\"main\",\"a b\"],"
		      "\"exit\":{\"code\":0}},\"sources\":{\"bpf\":true,\"shim\":false},\"fds_level"
		      "\":\"full\",\"events\":23,\"lost\":0,\"lost_by\":{},\"gaps\":[],\"incomplete"
		      "\":false,");
	free(part);
	part = cut(out.text, "{\"id\":\"p2\"", ",{\"id\":\"p3\"");
	assert_string_equal(
		part, "{\"id\":\"p2\",\"pid\":12,\"ns_pid\":12,\"comm\":\"prog\",\"start_ns\":10000"
		      ",\"end_ns\":15000,\"parent\":\"p1\",\"creator\":\"p1\",\"logical_parent\":\""
		      "p0\",\"start_method\":\"forkserver\",\"mechanism\":\"fork\",\"role\":\"worke"
		      "r\",\"threads_at_fork\":1,\"fork_call_ns\":1700,\"window_ns\":5000,\"suspend"
		      "ed_ns\":null,\"ready_ns\":null,\"ready_calls\":null,\"asked_ns\":8000,"
		      "\"images\":[],\"failed_execs\":[],\"exit\":{"
		      "\"signal\":9,\"core\":false},\"reaped_by\":\"p1\",\"zombie_ns\":1000,\"reape"
		      "d\":true,\"autoreaped\":false,\"killed_by\":\"p0\",\"reparented_to\":null,\""
		      "reparented_to_pid\":null,\"peak_rss_kb\":2000,\"minor_faults\":100,\"major_f"
		      "aults\":0,\"cpu_ns\":0,\"threads\":1,\"fds\":{\"at_start\":4,\"inherited\":4"
		      ",\"cloexec\":0,\"after_exec\":null,\"received\":0,\"never_used\":4},\"state_"
		      "changes\":null,\"where\":null}");
	free(part);
	part = cut(out.text, "\"fd_passes\"", "\n");
	assert_string_equal(
		part, "\"fd_passes\":[{\"ts_ns\":8000,\"from\":\"p0\",\"to\":\"p1\",\"for\":\"p2\","
		      "\"via\":\"scm_rights\",\"received_ns\":9000,\"truncated\":false,\"files\":[{"
		      "\"from_fd\":15,\"to_fd\":8,\"kind\":\"pipe\",\"id\":\"pipe:[109]\",\"cloexec"
		      "\":false,\"file\":\"f2\"}]}],\"failed_fd_sends\":[],\"marks\":[],\"pools\":["
		      "],\"findings\":[]}");
	free(part);
	free(out.text);
	model_free(s.m);
}

static void test_fds_text(void **state)
{
	const struct fds_filter filter = { .process = MODEL_NONE, .file = "pipe:[109]" };
	const struct fds_filter none = { .process = MODEL_NONE, .file = "pipe:[110]" };
	struct story s;
	struct sink out;

	(void)state;
	tell(&s);
	sink_open(&out);
	assert_int_equal(fds_text(s.m, &none, &plain, out.to), -ENOENT);
	assert_int_equal(fds_text(s.m, &filter, &plain, out.to), 0);
	sink_close(&out);
	assert_string_equal(
		out.text,
		"PROCESS         FD  HOW                          FROM       TO  ENDED BY\n"
		"pipe:[109] (write end)  pipe  f2, opened by p0\n"
		"  p0 /bin/main  15  opened                    7.00 us  23.0 us  exit\n"
		"  p1 prog        8  passed by p0 (its fd 15)  9.00 us  13.0 us  closed      "
		"never used\n"
		"  p2 prog        8  inherited from p1         10.0 us  15.0 us  exit        "
		"never used\n"
		"  p3 prog       15  inherited from p0         17.0 us  20.0 us  exit        "
		"never used\n"
		"\n"
		"4 processes - 23 events, 0 lost - sources: bpf - fds: full\n");
	free(out.text);
	model_free(s.m);
}

static void test_folding(void **state)
{
	struct view all = plain;
	struct story s;
	struct sink out;
	uint32_t i;

	(void)state;
	all.all = true;
	story_begin(&s, FDS_NONE, 10);
	for (i = 0; i < 1000; i++) {
		ev_fork(&s, 10, 100 + i);
		ev_exit(&s, 100 + i, 10, i % 2 ? 0 : 1 << 8);
	}
	story_end(&s);
	sink_open(&out);
	assert_int_equal(tree_text(s.m, &plain, out.to), 0);
	sink_close(&out);
	assert_non_null(strstr(out.text, "... and 497 more like it\n"));
	assert_non_null(strstr(strstr(out.text, "497 more like it") + 1, "497 more like it"));
	assert_null(strstr(out.text, "p7 "));
	free(out.text);
	sink_open(&out);
	assert_int_equal(tree_text(s.m, &all, out.to), 0);
	sink_close(&out);
	assert_non_null(strstr(out.text, "`- p1000 "));
	free(out.text);
	model_free(s.m);
}

/* Each process the child of the one before: deeper than any stack would bear. */
static void test_long_chain(void **state)
{
	struct story s;
	struct sink out;
	uint32_t i;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	for (i = 10; i < 20010; i++)
		ev_fork(&s, i, i + 1);
	story_end(&s);
	sink_open(&out);
	assert_int_equal(tree_text(s.m, &plain, out.to), 0);
	sink_close(&out);
	assert_non_null(strstr(out.text, "p20000 "));
	free(out.text);
	model_free(s.m);
}

static void test_hostile_text(void **state)
{
	static const char argv[] = "x\033[31m\0\xff\n<b>";
	struct story s;
	struct sink out;
	size_t i;

	(void)state;
	story_begin(&s, FDS_NONE, 10);
	ev_exec_args(&s, 10, "/bin/\a\033", argv, sizeof(argv), sizeof(argv));
	ev_exec_failed(&s, 10, "\033]0;owned\a", ENOENT);
	story_end(&s);
	sink_open(&out);
	assert_int_equal(report_text(s.m, &nothing, &plain, out.to), 0);
	assert_int_equal(report_json(s.m, &nothing, out.to), 0);
	sink_close(&out);
	for (i = 0; i < out.size; i++)
		assert_true((out.text[i] >= ' ' && out.text[i] < 127) || out.text[i] == '\n');
	free(out.text);
	model_free(s.m);
}

static void test_compare_json(void **state)
{
	struct story s;
	struct sink out;
	struct compared one;
	char *part;

	(void)state;
	tell(&s);
	one = (struct compared){ "a.data", s.m, NULL };
	sink_open(&out);
	assert_int_equal(compare_json(&one, 1, out.to), 0);
	sink_close(&out);
	part = cut(out.text, "{\"trace\":\"a.data\",\"start_method\":\"forkserver\"", "]}\n");
	assert_string_equal(
		part, "{\"trace\":\"a.data\",\"start_method\":\"forkserver\",\"starts\":1,\""
		      "workers\":1,\"started_by\":[\"p1\"],\"end_orders\":[{\"n\":1,\"order"
		      "\":[\"exit\",\"reap\"]}],\"findings\":{},\"fork_call_ns\":{\"n\":1,\"m"
		      "edian\":1700,\"min\":1700,\"max\":1700},\"born_ns\":{\"n\":1,\"media"
		      "n\":2000,\"min\":2000,\"max\":2000},\"exec_ns\":null,\"ready_ns\":n"
		      "ull,\"ready_calls\":null,\"suspended_ns\":{\"n\":1,\"median\":0,\"m"
		      "in\":0,\"max\":0},\"creator_rss_kb\":null,\"creator_pgtables_kb\""
		      ":null,\"threads_at_fork\":{\"n\":1,\"median\":1,\"min\":1,\"max\":1}"
		      ",\"fds_inherited\":{\"n\":1,\"median\":4,\"min\":4,\"max\":4},\"fds_a"
		      "fter_exec\":null,\"fds_passed\":{\"n\":1,\"median\":1,\"min\":1,\"ma"
		      "x\":1},\"fds_never_used\":{\"n\":1,\"median\":4,\"min\":4,\"max\":4},"
		      "\"fds_leaked\":{\"n\":1,\"median\":1,\"min\":1,\"max\":1},\"minor_fau"
		      "lts\":{\"n\":1,\"median\":100,\"min\":100,\"max\":100},\"major_fault"
		      "s\":{\"n\":1,\"median\":0,\"min\":0,\"max\":0},\"copied_kb\":{\"n\":1,\""
		      "median\":400,\"min\":400,\"max\":400},\"cpu_ns\":{\"n\":1,\"median\":"
		      "0,\"min\":0,\"max\":0},\"peak_rss_kb\":{\"n\":1,\"median\":2000,\"min"
		      "\":2000,\"max\":2000},\"lifetime_ns\":{\"n\":1,\"median\":5000,\"min"
		      "\":5000,\"max\":5000},\"teardown_ns\":{\"n\":1,\"median\":1000,\"min"
		      "\":1000,\"max\":1000},\"last_close_ns\":null,\"eof_ns\":null}");
	free(part);
	free(out.text);
	model_free(s.m);
}

static void test_compare_text(void **state)
{
	struct story s;
	struct sink out;
	struct compared one;

	(void)state;
	tell(&s);
	one = (struct compared){ "a.data", s.m, NULL };
	sink_open(&out);
	assert_int_equal(compare_text(&one, 1, &plain, out.to), 0);
	sink_close(&out);
	assert_string_equal(
		out.text,
		"\n"
		"\n"
		"start method                                  fork            forkserver\n"
		"starts                                           2           1 (workers)\n"
		"started by                            p0 /bin/main  p1 prog (forkserver)\n"
		"fork call                                  1.50 us               1.70 us\n"
		"time to birth                   250 ns (0..500 ns)               2.00 us\n"
		"time to exec                                     -                     -\n"
		"time to ready                                    -                     -\n"
		"system calls till then                           -                     -\n"
		"parent suspended                                 0                     0\n"
		"memory of its maker                              -                     -\n"
		"its page tables                                  -                     -\n"
		"threads at fork                                  1                     1\n"
		"fds inherited                             3 (3..4)                     4\n"
		"fds after exec                                   -                     -\n"
		"fds passed for it                                0                     1\n"
		"fds never used                            3 (3..4)                     4\n"
		"fds leaked                                0 (0..1)                     1\n"
		"page faults                                    100                   100\n"
		"faults from disk                                 0                     0\n"
		"memory copied, at most                      0.4 MB                0.4 MB\n"
		"CPU time                                         0                     0\n"
		"peak memory                                 2.0 MB                2.0 MB\n"
		"lifetime                11.0 us (3.00 us..19.0 us)               5.00 us\n"
		"exit to reap                               1.00 us               1.00 us\n"
		"exit to last close                               -                     -\n"
		"exit to end-of-file                              -                     -\n"
		"findings                                         -                     -\n"
		"\n"
		"order in which they end\n"
		"  fork: exit (1 of 2)\n"
		"  forkserver: exit, reap (1 of 1)\n"
		"\n"
		"a.data: 23 events, 0 lost\n"
		"median (lowest..highest); ready: from the request to the child's fir"
		"st write to a pipe or socket\n");
	free(out.text);
	model_free(s.m);
}

static void test_state_changes(void **state)
{
	struct {
		struct fs_ev_state s;
		char cwd[8];
	} a = { .s = { .umask = 022, .cwd_len = 5, .sig_ignored = 1ull << (SIGPIPE - 1) },
		.cwd = "home" },
	  b = { .s = { .umask = 077, .cwd_len = 4, .uid = 7, .ns = { 5 } }, .cwd = "tmp" };
	struct state_change c[STATE_CHANGES_MAX];
	size_t n;

	(void)state;
	b.s.rlimits[2 * 7] = 64;
	b.s.rlimits[2 * 7 + 1] = ~0ull;
	n = state_changes(&a.s, &b.s, c);
	assert_int_equal(n, 5);
	assert_string_equal(c[0].what, "cwd");
	assert_string_equal(c[0].from, "/home");
	assert_string_equal(c[0].to, "/tmp");
	assert_string_equal(c[1].what, "umask");
	assert_string_equal(c[1].to, "077");
	assert_string_equal(c[2].from, "PIPE");
	assert_string_equal(c[2].to, "none");
	assert_string_equal(c[3].what, "uid");
	assert_string_equal(c[4].what, "rlimit_nofile");
	assert_string_equal(c[4].to, "64/unlimited");
	state_changes_free(c, n);
	assert_int_equal(state_changes(&a.s, &a.s, c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_text),   cmocka_unit_test(test_report_json),
		cmocka_unit_test(test_fds_text),      cmocka_unit_test(test_folding),
		cmocka_unit_test(test_long_chain),    cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_compare_json),  cmocka_unit_test(test_compare_text),
		cmocka_unit_test(test_state_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
