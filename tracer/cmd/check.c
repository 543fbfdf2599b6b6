/* SPDX-License-Identifier: MIT */
/*
 * forkscope check: run the rules of fork safety on a trace, or on a command that is recorded for it.
 *
 * A command is recorded with all that rules can use, until its whole tree has ended; what is proven to hang is
 * ended after --hang-timeout. How the command itself ended does not matter: the exit status tells of findings.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/load.h"
#include "cmd/place.h"
#include "cmd/reading.h"
#include "cmd/record.h"
#include "cmd/record_options.h"
#include "cmd/where.h"
#include "rules/expect.h"

enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

#define RULES_MAX 128
#define SUPPRESSIONS_MAX 4096

struct check_options {
	struct record_options record; /* first, see record_options.h */
	struct read_options read;
	const char *rules, *disable, *expect, *explain, *suppressions, *junit, *keep;
	uint64_t hang_timeout, timeout;
	bool list;
};

struct check {
	struct loaded trace;
	struct findings findings;
	bool wanted[RULES_MAX];
	const struct rule *expected[RULES_MAX];
	size_t expected_count;
	char *suppressed[SUPPRESSIONS_MAX];
	size_t suppressed_count;
};

static const char *const color_names[] = { "auto", "always", "never", NULL };

static const struct option_spec check_specs[] = {
	{ .name = "rules",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct check_options, list),
	  .help = "list the rules there are" },
	{ .name = "explain",
	  .kind = OPTION_TEXT,
	  .arg = "RULE",
	  .offset = offsetof(struct check_options, explain),
	  .help = "what a rule means and what to do; all: every rule" },
	{ .name = "only",
	  .kind = OPTION_TEXT,
	  .arg = "RULE,...",
	  .offset = offsetof(struct check_options, rules),
	  .help = "run these rules alone" },
	{ .name = "disable",
	  .kind = OPTION_TEXT,
	  .arg = "RULE,...",
	  .offset = offsetof(struct check_options, disable),
	  .help = "leave these rules out" },
	{ .name = "expect",
	  .kind = OPTION_TEXT,
	  .arg = "WHAT,...",
	  .offset = offsetof(struct check_options, expect),
	  .help = "also no-fork-with-threads, no-fork-without-exec, no-leaked-fds,\n"
		  "all-children-reaped, no-orphans, no-signal-deaths" },
	{ .name = "suppressions",
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .offset = offsetof(struct check_options, suppressions),
	  .help = "findings not to tell: a line each, RULE:KEY, with * and ?" },
	{ .name = "hang-timeout",
	  .kind = OPTION_DURATION,
	  .arg = "TIME",
	  .offset = offsetof(struct check_options, hang_timeout),
	  .max = 86400ull * 1000000000,
	  .help = "end what is proven to hang after this long (default: 5s)" },
	{ .name = "timeout",
	  .kind = OPTION_DURATION,
	  .arg = "TIME",
	  .offset = offsetof(struct check_options, timeout),
	  .max = 30 * 86400ull * 1000000000,
	  .help = "end everything after this long, proven or not (default: never)" },
	{ 0 },
};

/* The reading options again, since their common table counts on struct read_options being first. */
static const struct option_spec output_specs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "write the findings there, not to stdout",
	  .offset = offsetof(struct check_options, read.output) },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .help = "the whole report as JSON",
	  .offset = offsetof(struct check_options, read.json) },
	{ .name = "junit",
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "also a JUnit file",
	  .offset = offsetof(struct check_options, junit) },
	{ .name = "keep",
	  .kind = OPTION_TEXT,
	  .arg = "FILE",
	  .help = "keep the trace of CMD there, for report, view and others",
	  .offset = offsetof(struct check_options, keep) },
	{ .name = "color",
	  .kind = OPTION_CHOICE,
	  .choices = color_names,
	  .help = "colours",
	  .offset = offsetof(struct check_options, read.color) },
	{ .name = "no-pager",
	  .kind = OPTION_UNFLAG,
	  .help = "do not page the findings",
	  .offset = offsetof(struct check_options, read.pager) },
	{ 0 },
};

static const struct option_group groups[] = {
	{ "What to check", check_specs },
	{ "Output", output_specs },
	{ "Target", record_target_specs },
	{ "What to record", record_what_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_check,
	.examples = { "forkscope check -- ./server --selftest",
		      "forkscope check --expect=all-children-reaped --junit=r.xml -- make test",
		      "forkscope check --explain FS001" },
	.notes = "Without CMD it checks FILE, or forkscope.data. A command comes after --.\n"
		 "Exit status: 0 clean, 1 findings of severity warning or above, 2 trouble.\n",
	.groups = groups,
	.stop_at_operand = true,
	.max_operands = SIZE_MAX,
	.usage_status = EXIT_TROUBLE,
};

/* --- which rules --------------------------------------------------------------------------- */

/* Calls fn for each word between commas; stops at the first that is not taken. */
static int for_words(const char *text, int (*fn)(struct check *, const char *word, void *arg),
		     struct check *c, void *arg)
{
	char word[64];
	int err = 0;

	while (text && *text && err == 0) {
		size_t len = strcspn(text, ",");

		snprintf(word, sizeof(word), "%.*s", len < sizeof(word) ? (int)len : 63, text);
		if (len)
			err = fn(c, word, arg);
		text += len + (text[len] == ',');
	}
	return err;
}

static int set_rule(struct check *c, const char *word, void *arg)
{
	const struct rule *rule = rule_find(word);

	if (!rule) {
		log_error("there is no rule '%s'; 'forkscope check --rules' lists them", word);
		return -EINVAL;
	}
	for (size_t i = 0; rules[i]; i++)
		if (rules[i] == rule)
			c->wanted[i] = *(bool *)arg;
	return 0;
}

static int add_expectation(struct check *c, const char *word, void *arg)
{
	const struct rule *rule = expectation_find(word, strlen(word));

	(void)arg;
	if (!rule || c->expected_count == RULES_MAX - 1) {
		log_error("there is no expectation '%s'; 'forkscope check --help' lists them",
			  word);
		return -EINVAL;
	}
	c->expected[c->expected_count++] = rule;
	return 0;
}

static int choose(struct check *c, const struct check_options *o)
{
	bool on = true, off = false;
	int err = 0;

	for (size_t i = 0; i < RULES_MAX; i++)
		c->wanted[i] = !o->rules;
	if (o->rules)
		err = for_words(o->rules, set_rule, c, &on);
	if (!err)
		err = for_words(o->disable, set_rule, c, &off);
	if (!err)
		err = for_words(o->expect, add_expectation, c, NULL);
	return err;
}

static void list_rules(void)
{
	static const char *const severities[] = { "note", "warning", "bug" };

	for (size_t i = 0; rules[i]; i++)
		printf("%s  %-24s %-8s %s\n", rules[i]->id, rules[i]->name,
		       severities[rules[i]->severity], rules[i]->title);
}

static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > 90) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "", (int)len, text);
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

static int explain(const char *name)
{
	const struct rule *one = rule_find(name);
	bool all = strcmp(name, "all") == 0;

	if (!one && !all) {
		log_error("there is no rule '%s'; 'forkscope check --rules' lists them", name);
		return EXIT_TROUBLE;
	}
	for (size_t i = 0; rules[i]; i++) {
		if (!all && rules[i] != one)
			continue;
		printf("%s%s %s: %s\n\n", all && i ? "\n" : "", rules[i]->id, rules[i]->name,
		       rules[i]->title);
		print_wrapped(rules[i]->text);
		printf("\nFix: ");
		print_wrapped(rules[i]->fix);
	}
	return ferror(stdout) ? EXIT_TROUBLE : EXIT_CLEAN;
}

/* --- suppressions -------------------------------------------------------------------------- */

static int read_suppressions(struct check *c, const char *path)
{
	char line[1024];
	FILE *file;
	size_t len;

	if (!path)
		return 0;
	file = fopen(path, "re");
	if (!file) {
		log_error("cannot read the suppressions '%s': %s", path, strerror(errno));
		return -errno;
	}
	while (c->suppressed_count < SUPPRESSIONS_MAX && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = 0;
		for (len = strlen(line); len && (line[len - 1] == ' ' || line[len - 1] == '\t');
		     len--)
			line[len - 1] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		c->suppressed[c->suppressed_count] = strdup(line);
		if (!c->suppressed[c->suppressed_count]) {
			fclose(file);
			return -ENOMEM;
		}
		c->suppressed_count++;
	}
	fclose(file);
	return 0;
}

static bool is_suppressed(const struct check *c, const struct finding *f)
{
	char name[1024];

	snprintf(name, sizeof(name), "%s:%s", f->rule, f->key ? f->key : "");
	for (size_t i = 0; i < c->suppressed_count; i++)
		if (strcmp(c->suppressed[i], f->rule) == 0 ||
		    fnmatch(c->suppressed[i], name, 0) == 0)
			return true;
	return false;
}

static void suppress(struct check *c)
{
	struct findings *f = &c->findings;
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (is_suppressed(c, &f->list[i])) {
			free(f->list[i].detail);
			free(f->list[i].key);
		} else {
			f->list[kept++] = f->list[i];
		}
	}
	f->count = kept;
}

/* --- checking ------------------------------------------------------------------------------ */

static int write_findings(void *arg, const struct view *view, bool json, FILE *to)
{
	const struct check *c = arg;
	size_t counts[3] = { 0 };

	if (json)
		return report_json(c->trace.model, &c->findings, to);
	findings_text(c->trace.model, &c->findings, view, to);
	for (size_t i = 0; i < c->findings.count; i++)
		counts[c->findings.list[i].severity]++;
	fprintf(to, "%s%zu bug%s, %zu warning%s, %zu note%s in %zu process%s\n",
		c->findings.count ? "\n" : "", counts[2], counts[2] == 1 ? "" : "s", counts[1],
		counts[1] == 1 ? "" : "s", counts[0], counts[0] == 1 ? "" : "s",
		model_born_count(c->trace.model),
		model_born_count(c->trace.model) == 1 ? "" : "es");
	if (model_lost(c->trace.model))
		fprintf(to, "%llu events were lost: something may have been missed\n",
			(unsigned long long)model_lost(c->trace.model));
	return ferror(to) ? -EIO : 0;
}

static int write_junit(const struct check *c, const char *path)
{
	const char *checked[2 * RULES_MAX];
	size_t n = 0;
	FILE *to;
	int err;

	for (size_t i = 0; rules[i]; i++)
		if (c->wanted[i])
			checked[n++] = rules[i]->id;
	for (size_t i = 0; i < c->expected_count; i++)
		checked[n++] = c->expected[i]->id;
	checked[n] = NULL;
	to = fopen(path, "we");
	if (!to) {
		log_error("cannot create '%s': %s", path, strerror(errno));
		return -errno;
	}
	err = findings_junit(c->trace.model, &c->findings, checked, to);
	if (fclose(to) != 0 && !err)
		err = -errno;
	if (err)
		log_error("cannot write '%s': %s", path, strerror(-err));
	return err;
}

static int run_rules(struct check *c)
{
	int err = rules_run_some(c->trace.model, c->wanted, &c->findings);

	for (size_t i = 0; i < c->expected_count && err >= 0; i++)
		err = c->expected[i]->check(c->expected[i], c->trace.model, &c->findings);
	suppress(c);
	return err;
}

static int check_trace(struct check *c, const struct check_options *o, const char *path)
{
	struct failure why = { 0 };
	int status = EXIT_CLEAN;

	if (load_trace(&c->trace, path, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_TROUBLE;
	}
	where_resolve(c->trace.model);
	if (run_rules(c) < 0) {
		log_error("out of memory");
		status = EXIT_TROUBLE;
	} else if (write_view(&o->read, path, false, write_findings, c) != EXIT_READ_OK ||
		   (o->junit && write_junit(c, o->junit) < 0)) {
		status = EXIT_TROUBLE;
	}
	for (size_t i = 0; i < c->findings.count && status == EXIT_CLEAN; i++)
		if (c->findings.list[i].severity >= SEVERITY_WARNING)
			status = EXIT_FINDINGS;
	findings_free(&c->findings);
	load_free(&c->trace);
	return status;
}

static void say_quiet(const char *who, uint64_t for_ns)
{
	log_warning("nothing has happened for %u s in %s, and nothing there is proven to hang: "
		    "waiting on; Ctrl-C or --timeout ends it, 'forkscope why' tells more",
		    (unsigned)(for_ns / 1000000000), who);
}

static int check_command(struct check *c, struct check_options *o, int argc, char **argv, int first)
{
	struct recording_options recording;
	struct recording *r = NULL;
	struct failure why = { 0 };
	struct place place;
	const char *trace;
	int err, status = EXIT_TROUBLE;

	if (record_options_resolve(&table, &o->record, argc, argv, first, &recording) != OPTIONS_GO)
		return EXIT_TROUBLE;
	recording.follow = true;
	recording.watch_hangs = true;
	recording.hang_timeout_ns = o->hang_timeout;
	recording.timeout_ns = o->timeout;
	recording.quiet = say_quiet;
	if (place_make(&place, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_TROUBLE;
	}
	trace = o->keep ? o->keep : place.trace;
	err = record_to_file(&recording, trace, argv, &r, &why);
	if (err)
		log_error("%s", why.text);
	else
		status = check_trace(c, o, trace);
	if (!err && o->record.fail_on_loss && recording_lost(r)) {
		log_error("%llu events were lost; a larger --buffer holds more",
			  (unsigned long long)recording_lost(r));
		status = EXIT_TROUBLE;
	}
	if (!err && recording_timed_out(r)) {
		log_error("the command was ended after its --timeout, with what it had started");
		status = status == EXIT_CLEAN ? EXIT_TROUBLE : status;
	}
	if (!err && status == EXIT_CLEAN && recording_ended_hang(r)) {
		log_error("the command hung and was ended after --hang-timeout, and no rule says "
			  "why: run it alone and ask 'forkscope why PID'");
		status = EXIT_TROUBLE;
	}
	place_remove(&place);
	recording_free(r);
	return status;
}

static int run(int argc, char **argv)
{
	struct check_options o = { .record = RECORD_OPTIONS_INIT,
				   .read = READ_OPTIONS_INIT,
				   .hang_timeout = 5000000000ull };
	static struct check c;
	int first, status;
	bool command;

	o.record.fds = FS_FDS_FULL;
	o.record.stacks = STACKS_ALL;
	o.record.locks = true;
	if (!options_go(&table, argc, argv, &o, &first, &status))
		return status;
	if (o.explain)
		return explain(o.explain);
	if (o.list) {
		list_rules();
		return EXIT_CLEAN;
	}
	if (choose(&c, &o) < 0 || read_suppressions(&c, o.suppressions) < 0)
		return EXIT_TROUBLE;
	command = (first < argc && (first + 1 < argc || strcmp(argv[first - 1], "--") == 0)) ||
		  o.record.pid_count || o.record.cgroup;
	if (o.keep && !command) {
		options_bad(&table, "--keep goes with a command to check, behind --");
		return EXIT_TROUBLE;
	}
	status = command ? check_command(&c, &o, argc, argv, first)
			 : check_trace(&c, &o, trace_operand(argc, argv, first));
	for (size_t i = 0; i < c.suppressed_count; i++)
		free(c.suppressed[i]);
	return status;
}

const struct command command_check = {
	.kind = COMMAND_READS,
	.name = "check",
	.args = "[FILE | -- CMD...]",
	.summary = "find what is unsafe about forks: deadlocks, leaked fds, lost children",
	.run = run,
};
