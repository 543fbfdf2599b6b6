/* SPDX-License-Identifier: MIT */
/*
 * forkscope doctor: what this host allows, what not and why, and the one command that would allow more.
 * It tries the real programs one by one; nothing of the host is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "capture/choose.h"
#include "capture/source.h"
#include "capture/try_bpf.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/output.h"

struct options {
	struct read_options read;
};

struct host {
	struct utsname uts;
	bool may_bpf; /* has the capabilities */
	bool has_btf;
	char lockdown[64]; /* "none", "integrity" ...; "" unknown */
	struct bpf_trial trials[BPF_TRIALS_MAX];
	int trial_count;
	bool works; /* every needed program does */
	struct failure shim; /* why the shim does not; text empty when it does */
};

static void read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	line[0] = 0;
	if (!f)
		return;
	if (!fgets(line, size, f))
		line[0] = 0;
	line[strcspn(line, "\n")] = 0;
	fclose(f);
}

/* The file reads "none [integrity] confidentiality": the one in brackets is in force. */
static void read_lockdown(char *word, size_t size)
{
	char line[128], *open, *end;

	word[0] = 0;
	read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	open = strchr(line, '[');
	end = open ? strchr(open, ']') : NULL;
	if (end)
		snprintf(word, size, "%.*s", (int)(end - open - 1), open + 1);
}

/* It needs no privilege, but its library and a socket. */
static void try_shim(struct failure *why)
{
	const struct source_options options = { 0 };
	struct source *s;

	if (source_shim.open(&s, &options, why) == 0)
		source_shim.close(s);
}

static void examine(struct host *h)
{
	uname(&h->uts);
	h->may_bpf = may_load_bpf();
	h->has_btf = has_kernel_types();
	read_lockdown(h->lockdown, sizeof(h->lockdown));
	try_shim(&h->shim);
	h->works = false;
	h->trial_count = try_bpf(h->trials);
	if (h->trial_count <= 0)
		return;
	h->works = true;
	for (int i = 0; i < h->trial_count; i++)
		if (h->trials[i].error && h->trials[i].needed)
			h->works = false;
}

/* Why recording does not work here; NULL when it does. */
static const char *reason(const struct host *h)
{
	if (h->works)
		return NULL;
	if (!h->has_btf)
		return "this kernel has no type information (/sys/kernel/btf/vmlinux is missing)";
	if (!h->may_bpf)
		return "this user may not load BPF programs";
	if (strcmp(h->lockdown, "confidentiality") == 0)
		return "the kernel is locked down (confidentiality): BPF may not read memory";
	return "the kernel refuses programs that are needed";
}

/* The one command that helps; NULL: none is known. */
static const char *remedy(const struct host *h)
{
	if (h->works)
		return NULL;
	if (!h->has_btf)
		return NULL;
	if (!h->may_bpf)
		return geteuid() == 0 ? "run it with CAP_BPF and CAP_PERFMON (in a container: "
					"--cap-add BPF --cap-add PERFMON)"
				      : "sudo forkscope record -- CMD";
	return NULL;
}

static void print_text(const struct host *h, FILE *to)
{
	const char *why = reason(h), *help = remedy(h);

	fprintf(to, "kernel          %s (%s)\n", h->uts.release, h->uts.machine);
	fprintf(to, "type info (BTF) %s\n", h->has_btf ? "there" : "missing");
	fprintf(to, "lockdown        %s\n", h->lockdown[0] ? h->lockdown : "not in force");
	fprintf(to, "privilege       %s\n",
		h->may_bpf ? "may load BPF programs" : "lacks CAP_BPF and CAP_PERFMON");
	fprintf(to, "\nkernel witness\n");
	for (int i = 0; i < h->trial_count; i++) {
		const struct bpf_trial *t = &h->trials[i];

		fprintf(to, "  %-7s %-17s %s", t->error ? "REFUSED" : "works", t->program,
			t->serves);
		if (t->error)
			fprintf(to, ": %s", strerrordesc_np(-t->error));
		fputc('\n', to);
	}
	fprintf(to, "\n%s%s\n",
		why ? "The kernel witness does not work here: " : "The kernel witness works here",
		why ? why : ".");
	if (help)
		fprintf(to, "What helps: %s\n", help);
	if (h->shim.text[0])
		fprintf(to, "The shim does not work here: %s\n", h->shim.text);
	else
		fprintf(to, "The shim works here, for commands that forkscope runs; it needs no "
			    "privilege.\n");
}

static void print_json(const struct host *h, FILE *to)
{
	const char *why = reason(h), *help = remedy(h);
	struct json j;

	json_init(&j, to);
	json_object_begin(&j);
	json_field_text(&j, "schema", "forkscope.doctor/1");
	json_field_text(&j, "kernel", h->uts.release);
	json_field_bool(&j, "btf", h->has_btf);
	json_field_text(&j, "lockdown", h->lockdown);
	json_field_bool(&j, "privilege", h->may_bpf);
	json_key(&j, "programs");
	json_array_begin(&j);
	for (int i = 0; i < h->trial_count; i++) {
		const struct bpf_trial *t = &h->trials[i];

		json_object_begin(&j);
		json_field_text(&j, "name", t->program);
		json_field_text(&j, "serves", t->serves);
		json_field_bool(&j, "needed", t->needed);
		json_field_bool(&j, "works", t->error == 0);
		json_field_text(&j, "error", t->error ? strerrorname_np(-t->error) : NULL);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_field_bool(&j, "works", h->works);
	json_field_text(&j, "reason", why);
	json_field_text(&j, "remedy", help);
	json_field_bool(&j, "shim_works", !h->shim.text[0]);
	json_field_text(&j, "shim_reason", h->shim.text[0] ? h->shim.text : NULL);
	json_object_end(&j);
	(void)json_finish(&j);
}

static const struct option_group groups[] = {
	{ "Output", read_option_specs },
	{ 0 },
};

static const struct option_table table = {
	.command = &command_doctor,
	.examples = { "forkscope doctor", "sudo forkscope doctor",
		      "forkscope doctor --json | jq .works" },
	.groups = groups,
};

static int run_doctor(int argc, char **argv)
{
	struct options o = { .read = READ_OPTIONS_INIT };
	struct failure why = { 0 };
	struct output out;
	static struct host h;
	int first, status;

	if (!options_go(&table, argc, argv, &o, &first, &status))
		return status;
	examine(&h);
	if (output_open(&out, &o.read, NULL, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	if (o.read.json)
		print_json(&h, out.to);
	else
		print_text(&h, out.to);
	if (output_close(&out, &why) < 0) {
		log_error("%s", why.text);
		return EXIT_READ_TROUBLE;
	}
	return h.works ? EXIT_READ_OK : EXIT_READ_TROUBLE;
}

const struct command command_doctor = {
	.kind = COMMAND_HOST,
	.name = "doctor",
	.args = "",
	.summary = "tell what this host allows, and what would allow more",
	.run = run_doctor,
};
