/* SPDX-License-Identifier: MIT */
/* What differs between two states of a process; see state.h. */
#include "out/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "model/kind.h"

static const char *const limit_names[16] = {
	"cpu",	   "fsize", "data",  "stack",	   "core",     "rss",  "nproc",	 "nofile",
	"memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
};

static const char *const ns_names[FS_NS_COUNT] = { "mnt", "uts",    "ipc",  "pid",
						   "net", "cgroup", "time", "user" };

struct list {
	struct state_change *to;
	size_t n;
};

static __attribute__((format(printf, 1, 2))) char *text(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

static void add(struct list *l, const char *prefix, const char *what, char *from, char *to)
{
	struct state_change *c = &l->to[l->n];

	if (l->n == STATE_CHANGES_MAX) {
		free(from);
		free(to);
		return;
	}
	snprintf(c->what, sizeof(c->what), "%s%s", prefix, what);
	c->from = from;
	c->to = to;
	l->n++;
}

static void add_number(struct list *l, const char *what, const char *fmt, uint64_t a, uint64_t b)
{
	char from[32], to[32];

	if (a == b)
		return;
	/* Two fixed formats, both of one 64-bit number. */
	if (strcmp(fmt, "o") == 0) {
		snprintf(from, sizeof(from), "%03" PRIo64, a);
		snprintf(to, sizeof(to), "%03" PRIo64, b);
	} else {
		snprintf(from, sizeof(from), "%" PRIu64, a);
		snprintf(to, sizeof(to), "%" PRIu64, b);
	}
	add(l, "", what, strdup(from), strdup(to));
}

static char *signals(uint64_t mask)
{
	struct buffer b = { 0 };
	const char *name;
	char *s;
	int sig;

	if (!mask)
		return strdup("none");
	if (mask == ~0ull)
		return strdup("all");
	for (sig = 1; sig <= 64; sig++) {
		if (!(mask >> (sig - 1) & 1))
			continue;
		name = sig < 32 ? sigabbrev_np(sig) : NULL;
		if (name)
			buffer_printf(&b, "%s%s", b.len ? " " : "", name);
		else
			buffer_printf(&b, "%s%d", b.len ? " " : "", sig);
	}
	s = b.failed ? NULL : strdup(buffer_text(&b));
	buffer_free(&b);
	return s;
}

static char *cwd(const struct fs_ev_state *s)
{
	struct buffer b = { 0 };
	char *path;

	join_path(&b, (const char *)(s + 1), s->cwd_len);
	path = b.failed ? NULL : strdup(buffer_text(&b));
	buffer_free(&b);
	return path;
}

static char *limit(const uint64_t *pair)
{
	char soft[24], hard[24];

	snprintf(soft, sizeof(soft), pair[0] == ~0ull ? "unlimited" : "%" PRIu64, pair[0]);
	snprintf(hard, sizeof(hard), pair[1] == ~0ull ? "unlimited" : "%" PRIu64, pair[1]);
	return text("%s/%s", soft, hard);
}

size_t state_changes(const struct fs_ev_state *a, const struct fs_ev_state *b,
		     struct state_change *ret)
{
	struct list l = { .to = ret };
	size_t i;

	if (a == b)
		return 0;
	/* An empty one is not known. */
	if (a->cwd_len && b->cwd_len &&
	    (a->cwd_len != b->cwd_len || memcmp(a + 1, b + 1, a->cwd_len) != 0))
		add(&l, "", "cwd", cwd(a), cwd(b));
	add_number(&l, "umask", "o", a->umask, b->umask);
	if (a->sig_blocked != b->sig_blocked)
		add(&l, "", "signals_blocked", signals(a->sig_blocked), signals(b->sig_blocked));
	if (a->sig_ignored != b->sig_ignored)
		add(&l, "", "signals_ignored", signals(a->sig_ignored), signals(b->sig_ignored));
	add_number(&l, "uid", "u", a->uid, b->uid);
	add_number(&l, "euid", "u", a->euid, b->euid);
	add_number(&l, "gid", "u", a->gid, b->gid);
	add_number(&l, "egid", "u", a->egid, b->egid);
	add_number(&l, "no_new_privs", "u", a->no_new_privs, b->no_new_privs);
	add_number(&l, "cgroup_id", "u", a->cgroup_id, b->cgroup_id);
	for (i = 0; i < 16; i++)
		if (memcmp(&a->rlimits[2 * i], &b->rlimits[2 * i], 16) != 0)
			add(&l, "rlimit_", limit_names[i], limit(&a->rlimits[2 * i]),
			    limit(&b->rlimits[2 * i]));
	for (i = 0; i < FS_NS_COUNT; i++)
		if (a->ns[i] && b->ns[i] && a->ns[i] != b->ns[i])
			add(&l, "ns_", ns_names[i], text("%u", a->ns[i]), text("%u", b->ns[i]));
	return l.n;
}

void state_changes_free(struct state_change *changes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(changes[i].from);
		free(changes[i].to);
	}
}
