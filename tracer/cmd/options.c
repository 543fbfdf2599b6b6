/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "cmd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/parse.h"
#include "cmd/cmd.h"

/* Long options are told apart by a number above all letters. */
enum { FIRST_LONG = 256, HELP_OPTION = 255, OPTIONS_MAX = 64, HELP_COLUMN = 26 };

static const char *const color_choices[] = { "auto", "always", "never", NULL };

#define READ_OPTION_OUTPUT                                                           \
	{                                                                            \
		.name = "output", .letter = 'o', .kind = OPTION_TEXT, .arg = "FILE", \
		.help = "write there instead of to stdout",                          \
		.offset = offsetof(struct read_options, output),                     \
	}

const struct option_spec read_option_specs[] = {
	READ_OPTION_OUTPUT,
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.help = "JSON, for programs",
		.offset = offsetof(struct read_options, json),
	},
	{
		.name = "color",
		.kind = OPTION_CHOICE,
		.choices = color_choices,
		.help = "auto: on a terminal, unless NO_COLOR is set",
		.offset = offsetof(struct read_options, color),
	},
	{
		.name = "no-pager",
		.kind = OPTION_UNFLAG,
		.help = "do not show long output in $PAGER",
		.offset = offsetof(struct read_options, pager),
	},
	{ 0 },
};

const struct option_spec write_option_specs[] = { READ_OPTION_OUTPUT, { 0 } };

/* --- help --- */

static void add_choices(struct buffer *out, const char *const *choices)
{
	size_t i;

	for (i = 0; choices[i]; i++)
		buffer_printf(out, "%s%s", i ? "|" : "", choices[i]);
}

static bool takes_argument(const struct option_spec *spec)
{
	return spec->kind != OPTION_FLAG && spec->kind != OPTION_UNFLAG;
}

static void add_option_help(struct buffer *out, const struct option_spec *spec)
{
	struct buffer left = { 0 };
	const char *line = spec->help, *end;

	if (spec->letter)
		buffer_printf(&left, "  -%c, --%s", spec->letter, spec->name);
	else
		buffer_printf(&left, "      --%s", spec->name);
	if (spec->kind == OPTION_CHOICE) {
		buffer_add_char(&left, '=');
		add_choices(&left, spec->choices);
	} else if (spec->arg) {
		buffer_printf(&left, "=%s", spec->arg);
	}
	buffer_add_text(out, buffer_text(&left));
	if (left.len + 2 > HELP_COLUMN)
		buffer_printf(out, "\n%*s", HELP_COLUMN, "");
	else
		buffer_printf(out, "%*s", (int)(HELP_COLUMN - left.len), "");
	for (; (end = strchr(line, '\n')); line = end + 1)
		buffer_printf(out, "%.*s\n%*s", (int)(end - line), line, HELP_COLUMN, "");
	buffer_printf(out, "%s\n", line);
	buffer_free(&left);
}

/* "forkscope report"; the bare command has no name of its own. */
static const char *full_name(const struct option_table *table)
{
	static char name[64];

	snprintf(name, sizeof(name), "forkscope%s%s", *table->command->name ? " " : "",
		 table->command->name);
	return name;
}

void options_help(const struct option_table *table, FILE *to)
{
	static const struct option_spec help = { .name = "help", .help = "this text" };
	const struct option_group *group;
	const struct option_spec *spec;
	struct buffer out = { 0 };
	size_t i;

	buffer_printf(&out, "%s: %s\n\n", full_name(table), table->command->summary);
	for (i = 0; i < 4 && table->examples[i]; i++)
		buffer_printf(&out, "  %s\n", table->examples[i]);
	buffer_printf(&out, "\nUsage: %s [OPTION]... %s\n", full_name(table), table->command->args);
	for (group = table->groups; group->heading; group++) {
		buffer_printf(&out, "\n%s:\n", group->heading);
		for (spec = group->specs; spec->name; spec++)
			if (!spec->hidden)
				add_option_help(&out, spec);
	}
	buffer_add_char(&out, '\n');
	add_option_help(&out, &help);
	if (table->notes)
		buffer_printf(&out, "\n%s\n", table->notes);
	fputs(buffer_text(&out), to);
	buffer_free(&out);
}

void options_words(const struct option_table *table, FILE *to)
{
	const struct option_group *group;
	const struct option_spec *spec;
	size_t i;

	for (group = table->groups; group->heading; group++) {
		for (spec = group->specs; spec->name; spec++) {
			if (spec->hidden)
				continue;
			if (spec->kind != OPTION_CHOICE)
				fprintf(to, "--%s%s\n", spec->name,
					takes_argument(spec) ? "=" : "");
			for (i = 0; spec->kind == OPTION_CHOICE && spec->choices[i]; i++)
				fprintf(to, "--%s=%s\n", spec->name, spec->choices[i]);
		}
	}
	fputs("--help\n", to);
}

/* --- parsing --- */

enum options_result options_bad(const struct option_table *table, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s; try '%s --help'", text, full_name(table));
	return OPTIONS_BAD;
}

/* The options of all groups in a row, as getopt_long wants them. */
struct getopt_tables {
	const struct option_spec *specs[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 3];
};

static void build_tables(const struct option_table *table, struct getopt_tables *ret)
{
	const struct option_group *group;
	const struct option_spec *spec;
	char *letters = ret->shorts;
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	if (table->stop_at_operand)
		*letters++ = '+';
	*letters++ = ':'; /* a missing argument is told apart from an unknown option */
	for (group = table->groups; group->heading; group++) {
		for (spec = group->specs; spec->name && n < OPTIONS_MAX; spec++, n++) {
			ret->specs[n] = spec;
			ret->longs[n] = (struct option){
				.name = spec->name,
				.has_arg = takes_argument(spec) ? required_argument : no_argument,
				.val = FIRST_LONG + (int)n,
			};
			if (!spec->letter)
				continue;
			*letters++ = spec->letter;
			if (takes_argument(spec))
				*letters++ = ':';
		}
	}
	ret->longs[n] = (struct option){ .name = "help", .val = HELP_OPTION };
}

static const struct option_spec *spec_of(const struct getopt_tables *t, int value)
{
	size_t i;

	if (value >= FIRST_LONG && value < FIRST_LONG + OPTIONS_MAX)
		return t->specs[value - FIRST_LONG];
	for (i = 0; i < OPTIONS_MAX && t->specs[i]; i++)
		if (value && t->specs[i]->letter == value)
			return t->specs[i];
	return NULL;
}

/* The option as a user writes it, for messages. */
static const char *spelled(const struct option_spec *spec, int value, char *text, size_t size)
{
	if (value < FIRST_LONG)
		snprintf(text, size, "-%c", value);
	else
		snprintf(text, size, "--%s", spec->name);
	return text;
}

static enum options_result take_number(const struct option_table *table,
				       const struct option_spec *spec, const char *as, uint64_t *to)
{
	uint64_t value = 0, max = spec->max ? spec->max : UINT64_MAX;
	const char *what = "a number";
	int err;

	if (spec->kind == OPTION_SIZE) {
		what = "a size (such as 64K or 8M)";
		err = parse_size(optarg, &value);
	} else if (spec->kind == OPTION_DURATION) {
		what = "a length of time (such as 250ms or 2s)";
		err = parse_duration(optarg, &value);
	} else {
		err = parse_u64(optarg, 0, UINT64_MAX, &value);
	}
	if (err == -EINVAL)
		return options_bad(table, "%s: '%s' is not %s", as, optarg, what);
	if (err || value < spec->min || value > max)
		return options_bad(table, "%s: '%s' is out of range", as, optarg);
	*to = value;
	return OPTIONS_GO;
}

static enum options_result take_choice(const struct option_table *table,
				       const struct option_spec *spec, const char *as, int *to)
{
	struct buffer all = { 0 };
	int i;

	for (i = 0; spec->choices[i]; i++) {
		if (strcmp(spec->choices[i], optarg) == 0) {
			*to = i;
			return OPTIONS_GO;
		}
	}
	add_choices(&all, spec->choices);
	options_bad(table, "%s: '%s' is not one of %s", as, optarg, buffer_text(&all));
	buffer_free(&all);
	return OPTIONS_BAD;
}

static enum options_result take(const struct option_table *table, const struct option_spec *spec,
				int value, void *values)
{
	char as[64], *member = (char *)values + spec->offset;
	struct failure why;

	spelled(spec, value, as, sizeof(as));
	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_UNFLAG:
		*(bool *)member = spec->kind == OPTION_FLAG;
		return OPTIONS_GO;
	case OPTION_TEXT:
		if (!*optarg)
			return options_bad(table, "%s: an empty %s", as, spec->arg);
		*(const char **)member = optarg;
		return OPTIONS_GO;
	case OPTION_CHOICE:
		return take_choice(table, spec, as, (int *)member);
	case OPTION_NUMBER:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return take_number(table, spec, as, (uint64_t *)member);
	case OPTION_CALL:
		if (spec->take(values, optarg, &why) < 0)
			return options_bad(table, "%s: %s", as, why.text);
		return OPTIONS_GO;
	}
	return OPTIONS_BAD;
}

/* getopt_long refused argv[optind - 1], or a letter in it: '?' unknown or misused, ':' argument missing. */
static enum options_result refused(const struct option_table *table, const struct getopt_tables *t,
				   int how, const char *word)
{
	const struct option_spec *spec = spec_of(t, optopt);
	char as[64];

	if (how == ':' && spec)
		return options_bad(table, "option '%s' needs %s",
				   spelled(spec, optopt, as, sizeof(as)),
				   spec->arg ? spec->arg : "a value");
	if (optopt >= HELP_OPTION)
		return options_bad(table, "option '--%s' takes no value",
				   spec ? spec->name : "help");
	if (optopt)
		return options_bad(table, "unknown option '-%c'", optopt);
	return options_bad(table, "unknown option '%.*s'", (int)strcspn(word, "="), word);
}

enum options_result options_parse(const struct option_table *table, int argc, char **argv,
				  void *values, int *ret_first)
{
	enum options_result result = OPTIONS_GO;
	struct getopt_tables t;
	size_t operands;
	int value;

	log_set_command(*table->command->name ? table->command->name : NULL);
	/* No option like others: its name would make abbreviated ones ambiguous. */
	if (argc == 2 && strcmp(argv[1], "--complete-options") == 0) {
		options_words(table, stdout);
		return OPTIONS_DONE;
	}
	build_tables(table, &t);
	opterr = 0;
	optind = 0; /* glibc: begin anew, whatever was parsed before */
	while (result == OPTIONS_GO &&
	       (value = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		if (value == HELP_OPTION) {
			options_help(table, stdout);
			return OPTIONS_DONE;
		}
		if (value == '?' || value == ':')
			result = refused(table, &t, value, argv[optind - 1]);
		else
			result = take(table, spec_of(&t, value), value, values);
	}
	if (result != OPTIONS_GO)
		return result;
	operands = (size_t)(argc - optind);
	if (operands < table->min_operands)
		return options_bad(table, "too few arguments (%s)", table->command->args);
	if (operands > table->max_operands)
		return options_bad(table, "one argument too many: '%s'",
				   argv[optind + (int)table->max_operands]);
	*ret_first = optind;
	return OPTIONS_GO;
}

bool options_go(const struct option_table *table, int argc, char **argv, void *values,
		int *ret_first, int *ret_status)
{
	enum options_result result = options_parse(table, argc, argv, values, ret_first);

	if (result == OPTIONS_GO)
		return true;
	if (result == OPTIONS_DONE)
		*ret_status = EXIT_READ_OK;
	else
		*ret_status = table->usage_status ? table->usage_status : EXIT_READ_TROUBLE;
	return false;
}

const char *trace_operand(int argc, char **argv, int first)
{
	return first < argc ? argv[first] : "forkscope.data";
}
