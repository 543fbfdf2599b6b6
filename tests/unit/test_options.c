/* SPDX-License-Identifier: MIT */
/* One table drives parsing, help and messages; each message is one line on stderr. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"

struct sample_options {
	struct read_options read;
	bool all;
	int level;
	uint64_t count, bytes, ns;
	int calls;
};

static int take_pid(void *values, const char *text, struct failure *why)
{
	struct sample_options *o = values;

	if (strcmp(text, "0") == 0)
		return fail(why, -EINVAL, "'%s' is no process", text);
	o->calls++;
	return 0;
}

static const char *const levels[] = { "none", "some", NULL };
static const struct option_spec sample_specs[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "everything",
	  .offset = offsetof(struct sample_options, all) },
	{ .name = "level",
	  .kind = OPTION_CHOICE,
	  .choices = levels,
	  .help = "how much",
	  .offset = offsetof(struct sample_options, level) },
	{ .name = "count",
	  .letter = 'n',
	  .kind = OPTION_NUMBER,
	  .arg = "N",
	  .help = "how many",
	  .min = 1,
	  .max = 99,
	  .offset = offsetof(struct sample_options, count) },
	{ .name = "buffer",
	  .kind = OPTION_SIZE,
	  .arg = "SIZE",
	  .help = "a\nb",
	  .offset = offsetof(struct sample_options, bytes) },
	{ .name = "wait",
	  .kind = OPTION_DURATION,
	  .arg = "TIME",
	  .help = "how long",
	  .offset = offsetof(struct sample_options, ns) },
	{ .name = "pid",
	  .letter = 'p',
	  .kind = OPTION_CALL,
	  .arg = "PID",
	  .help = "whom",
	  .take = take_pid },
	{ 0 },
};
static const struct option_group sample_groups[] = { { "Sample", sample_specs },
						     { "Output", read_option_specs },
						     { 0 } };
static const struct command sample = { .name = "sample", .args = "[FILE]", .summary = "a sample" };
static const struct option_table permuting = { .command = &sample,
					       .groups = sample_groups,
					       .examples = { "forkscope sample",
							     "forkscope sample -a" },
					       .max_operands = 2 };
static const struct option_table stopping = { .command = &sample,
					      .groups = sample_groups,
					      .stop_at_operand = true,
					      .min_operands = 1,
					      .max_operands = SIZE_MAX };

enum { ARGS_MAX = 32 };

/* Splits at single spaces; parses; what was written to fd goes to text. */
static enum options_result parse(const struct option_table *table, const char *line,
				 struct sample_options *o, const char **ret_first, int fd,
				 char *text)
{
	static char words[512];
	char *argv[ARGS_MAX + 1] = { 0 }, *word = words;
	int argc = 0, ends[2], saved = fcntl(fd, F_DUPFD_CLOEXEC, 3), first = 0;
	enum options_result result;
	ssize_t n;

	*o = (struct sample_options){ .read = READ_OPTIONS_INIT };
	snprintf(words, sizeof(words), "%s", line);
	while (argc < ARGS_MAX && (argv[argc] = strsep(&word, " ")))
		argc++;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dup2(ends[1], fd);
	result = options_parse(table, argc, argv, o, &first);
	fflush(stdout);
	dup2(saved, fd);
	close(saved);
	close(ends[1]);
	n = read(ends[0], text, 4095);
	text[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	*ret_first = argv[first];
	return result;
}

static void test_values(void **state)
{
	struct sample_options o;
	const char *first;
	char text[4096];

	(void)state;
	assert_int_equal(
		parse(&permuting,
		      "sample t.data -an 7 --level=some --buffer 8M --wait=250ms -p1 --pid 2 "
		      "--json --color never --no-pager -o out",
		      &o, &first, STDERR_FILENO, text),
		OPTIONS_GO);
	assert_string_equal(text, "");
	assert_string_equal(first, "t.data");
	assert_true(o.all && o.read.json && !o.read.pager);
	assert_int_equal(o.level, 1);
	assert_int_equal(o.count, 7);
	assert_int_equal(o.bytes, 8 << 20);
	assert_int_equal(o.ns, 250000000);
	assert_int_equal(o.calls, 2);
	assert_int_equal(o.read.color, COLOR_NEVER);
	assert_string_equal(o.read.output, "out");
}

static void test_a_command_keeps_its_options(void **state)
{
	struct sample_options o;
	const char *first;
	char text[4096];

	(void)state;
	assert_int_equal(
		parse(&stopping, "sample -a ls --json -n x", &o, &first, STDERR_FILENO, text),
		OPTIONS_GO);
	assert_string_equal(first, "ls");
	assert_true(o.all && !o.read.json);
	assert_int_equal(parse(&stopping, "sample -- --json", &o, &first, STDERR_FILENO, text),
			 OPTIONS_GO);
	assert_string_equal(first, "--json");
}

static void test_mistakes_are_one_line(void **state)
{
	static const struct {
		const char *line, *says;
	} mistakes[] = {
		{ "sample --nope", "unknown option '--nope'" },
		{ "sample --nope=7", "unknown option '--nope'" },
		{ "sample -ax", "unknown option '-x'" },
		{ "sample -n", "option '-n' needs N" },
		{ "sample --count", "option '--count' needs N" },
		{ "sample --level", "option '--level' needs a value" },
		{ "sample --json=yes", "option '--json' takes no value" },
		{ "sample --help=x", "option '--help' takes no value" },
		{ "sample -n seven", "-n: 'seven' is not a number" },
		{ "sample -n 100", "-n: '100' is out of range" },
		{ "sample --count=0", "--count: '0' is out of range" },
		{ "sample --buffer=8Q", "--buffer: '8Q' is not a size (such as 64K or 8M)" },
		{ "sample --wait=1d",
		  "--wait: '1d' is not a length of time (such as 250ms or 2s)" },
		{ "sample --level=all", "--level: 'all' is not one of none|some" },
		{ "sample -p 0", "-p: '0' is no process" },
		{ "sample -o ", "-o: an empty FILE" },
		{ "sample a b c", "one argument too many: 'c'" },
	};
	char text[4096], want[4096];
	struct sample_options o;
	const char *first;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		assert_int_equal(
			parse(&permuting, mistakes[i].line, &o, &first, STDERR_FILENO, text),
			OPTIONS_BAD);
		snprintf(want, sizeof(want),
			 "forkscope: sample: %s; try 'forkscope sample --help'\n",
			 mistakes[i].says);
		assert_string_equal(text, want);
	}
	assert_int_equal(parse(&stopping, "sample -a", &o, &first, STDERR_FILENO, text),
			 OPTIONS_BAD);
	assert_non_null(strstr(text, "too few arguments ([FILE])"));
}

static void test_help(void **state)
{
	char text[4096];
	struct sample_options o;
	const char *first;

	(void)state;
	assert_int_equal(parse(&permuting, "sample --help --nope", &o, &first, STDOUT_FILENO, text),
			 OPTIONS_DONE);
	assert_string_equal(
		text, "forkscope sample: a sample\n\n"
		      "  forkscope sample\n"
		      "  forkscope sample -a\n"
		      "\nUsage: forkscope sample [OPTION]... [FILE]\n"
		      "\nSample:\n"
		      "  -a, --all               everything\n"
		      "      --level=none|some   how much\n"
		      "  -n, --count=N           how many\n"
		      "      --buffer=SIZE       a\n"
		      "                          b\n"
		      "      --wait=TIME         how long\n"
		      "  -p, --pid=PID           whom\n"
		      "\nOutput:\n"
		      "  -o, --output=FILE       write there instead of to stdout\n"
		      "      --json              JSON, for programs\n"
		      "      --color=auto|always|never\n"
		      "                          auto: on a terminal, unless NO_COLOR is set\n"
		      "      --no-pager          do not show long output in $PAGER\n"
		      "\n      --help              this text\n");
}

/* As a command's run() uses it: true, or the status to leave with. */
static void test_statuses(void **state)
{
	struct option_table own = permuting;
	const char *good[] = { "sample", "-a", NULL }, *bad[] = { "sample", "--nope", NULL };
	const char *help[] = { "sample", "--help", NULL };
	struct sample_options o = { .read = READ_OPTIONS_INIT };
	int first = 0, status = 77;

	(void)state;
	assert_true(options_go(&own, 2, (char **)good, &o, &first, &status));
	assert_int_equal(status, 77);
	assert_int_equal(first, 2);
	assert_false(options_go(&own, 2, (char **)bad, &o, &first, &status));
	assert_int_equal(status, EXIT_READ_TROUBLE);
	own.usage_status = EXIT_RECORD_TROUBLE;
	assert_false(options_go(&own, 2, (char **)bad, &o, &first, &status));
	assert_int_equal(status, EXIT_RECORD_TROUBLE);
	assert_false(options_go(&own, 2, (char **)help, &o, &first, &status));
	assert_int_equal(status, EXIT_READ_OK);
}

ISOLATE(test_statuses)
ISOLATE(test_values)
ISOLATE(test_a_command_keeps_its_options)
ISOLATE(test_mistakes_are_one_line)
ISOLATE(test_help)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISOLATED(test_statuses),
		ISOLATED(test_values),
		ISOLATED(test_a_command_keeps_its_options),
		ISOLATED(test_mistakes_are_one_line),
		ISOLATED(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
