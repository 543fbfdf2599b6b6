/* SPDX-License-Identifier: MIT */
/* FS025 passed-fd-careless. Truncated messages; fds received without close-on-exec, and who got them by exec. */
#include "rules/rule.h"

/* A child, born after the receipt, whose new image holds what was received. */
static uint32_t given_away_to(const struct model *m, const struct fd_pass *pass)
{
	for (size_t i = 0; i < model_born_count(m); i++) {
		const struct process *p = model_process(m, model_born(m, i));

		if (p->creator != pass->to || p->birth_ts < pass->received_ts)
			continue;
		for (uint32_t k = 0; k < pass->files; k++) {
			const struct pass_file *f = model_pass_file(m, pass->first_file + k);
			const struct table_entry *e = f->to_fd > 2 ? table_find(p->table_after_exec,
										(uint32_t)f->to_fd)
								   : NULL;

			if (e && e->file == f->file && !f->cloexec)
				return model_born(m, i);
		}
	}
	return MODEL_NONE;
}

static int judge(const struct rule *self, const struct model *m, const struct fd_pass *pass,
		 struct findings *out)
{
	struct found f = { .rule = self,
			   .severity = SEVERITY_WARNING,
			   .process = pass->to,
			   .at = pass->received_ts };
	uint32_t child = pass->truncated ? MODEL_NONE : given_away_to(m, pass);

	add_process_name(&f.detail, m, pass->to);
	if (pass->truncated) {
		buffer_add_text(&f.detail, " received a message whose descriptors did not all fit "
					   "(MSG_CTRUNC): some are lost.");
		buffer_add_text(&f.key, "truncated:");
	} else if (child != MODEL_NONE) {
		buffer_add_text(&f.detail, " received descriptors without close-on-exec, and ");
		add_process_name(&f.detail, m, child);
		buffer_add_text(&f.detail, " has one of them in its new image.");
		buffer_add_text(&f.key, "leaked:");
	} else {
		f.severity = SEVERITY_NOTE;
		buffer_add_text(&f.detail, " received descriptors without MSG_CMSG_CLOEXEC.");
		buffer_add_text(&f.key, "cloexec:");
	}
	add_image_name(&f.key, m, pass->to);
	return finding_add(out, &f);
}

static int check(const struct rule *self, const struct model *m, struct findings *out)
{
	int err = 0;

	for (size_t i = 0; i < model_pass_count(m) && err == 0; i++) {
		const struct fd_pass *pass = model_pass(m, i);

		if (pass->received_ts && pass->to != MODEL_NONE && !pass->peek &&
		    (pass->truncated || (pass->no_cloexec && pass->via == PASS_SCM_RIGHTS)))
			err = judge(self, m, pass, out);
	}
	return err;
}

const struct rule rule_passed_fd = {
	.id = "FS025",
	.name = "passed-fd-careless",
	.severity = SEVERITY_WARNING,
	.title = "descriptors were received carelessly",
	.fix = "receive with MSG_CMSG_CLOEXEC, and with room for all that can come (a truncated "
	       "message loses fds)",
	.text = "A descriptor received over a socket is not close-on-exec unless MSG_CMSG_CLOEXEC "
		"is given: until the flag is set by hand every exec of another thread gives it "
		"away. When the buffer for control messages is too small the kernel drops the rest "
		"and says MSG_CTRUNC: those fds are lost. Lost fds, and received ones that an exec "
		"of a child gave away, are warnings; a receipt without the flag is a note.",
	.check = check,
};
