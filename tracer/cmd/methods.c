/* SPDX-License-Identifier: MIT */
/* See methods.h. */
#include "cmd/methods.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "cmd/place.h"
#include "cmd/record.h"

#define METHOD_VARIABLE "FORKSCOPE_START_METHOD"
#define HOOK_NAME "sitecustomize.py"
#define CACHE_NAME "__pycache__"

/*
 * What the interpreter runs at its start. The method becomes the default of multiprocessing when that is
 * imported, not before: a Python that does not need it starts as fast as ever. Afterwards the sitecustomize
 * that this one hides is run.
 */
static const char hook[] =
	"# Made by forkscope compare --methods; gone when it has ended.\n"
	"import importlib.util, os, sys\n"
	"\n"
	"_here = os.path.dirname(os.path.abspath(__file__))\n"
	"sys.path[:] = [p for p in sys.path if os.path.abspath(p) != _here]\n"
	"\n"
	"class _Chooser:\n"
	"    @staticmethod\n"
	"    def find_spec(name, path=None, target=None):\n"
	"        if name != 'multiprocessing.context':\n"
	"            return None\n"
	"        sys.meta_path.remove(_Chooser)\n"
	"        spec = importlib.util.find_spec(name)\n"
	"        if spec is not None:\n"
	"            run = spec.loader.exec_module\n"
	"            def exec_module(module):\n"
	"                run(module)\n"
	"                method = os.environ.get('" METHOD_VARIABLE "')\n"
	"                contexts = getattr(module, '_concrete_contexts', {})\n"
	"                if method in contexts:\n"
	"                    module._default_context._default_context = contexts[method]\n"
	"            spec.loader.exec_module = exec_module\n"
	"        return spec\n"
	"\n"
	"sys.meta_path.insert(0, _Chooser)\n"
	"sys.modules.pop('sitecustomize', None)\n"
	"try:\n"
	"    import sitecustomize\n"
	"except ImportError:\n"
	"    pass\n";

static bool is_method(const char *name, size_t len)
{
	static const char *const known[] = { "fork", "spawn", "forkserver", "thread" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == len && strncmp(known[i], name, len) == 0)
			return true;
	return false;
}

static bool is_there(const struct methods *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->count; i++)
		if (strlen(m->names[i]) == len && strncmp(m->names[i], name, len) == 0)
			return true;
	return false;
}

int methods_parse(struct methods *ret, const char *list, struct failure *why)
{
	struct methods m = { .count = 0 };
	const char *at = list;
	size_t len;

	for (;; at += len + 1) {
		len = strcspn(at, ",");
		if (!is_method(at, len) || is_there(&m, at, len) || m.count == METHODS_MAX) {
			methods_free(&m, "");
			return fail(why, -EINVAL,
				    "'%.*s' in --methods is not one of fork, spawn, forkserver, "
				    "thread, "
				    "each once",
				    (int)(len < 64 ? len : 64), at);
		}
		m.names[m.count] = strndup(at, len);
		if (!m.names[m.count++])
			break;
		if (at[len] == '\0')
			break;
	}
	*ret = m;
	return m.names[m.count - 1] ? 0 : fail_errno(why, -ENOMEM, "cannot keep the methods");
}

/* --- files --- */

static int write_file(const char *dir, const char *name, const char *text, struct failure *why)
{
	char path[320];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(why, -errno, "cannot write '%s'", path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = fail(why, -EIO, "cannot write '%s'", path);
	close(fd);
	return err;
}

/* A file where CPython would make its folder of compiled modules, so that it leaves none behind. */
static int write_hook(const char *dir, struct failure *why)
{
	int err = write_file(dir, CACHE_NAME, "", why);

	return err ? err : write_file(dir, HOOK_NAME, hook, why);
}

static void remove_private(const char *dir)
{
	struct place place;
	static const char *const names[] = { HOOK_NAME, CACHE_NAME };
	char path[320];

	if (!*dir)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	snprintf(place.dir, sizeof(place.dir), "%s", dir);
	place.trace[0] = '\0';
	place_remove(&place);
}

/* --- the environment, ours for the time of a run --- */

struct variable {
	const char *name;
	char *before; /* NULL: it was not there */
};

static int set_variable(struct variable *v, const char *value)
{
	const char *before = getenv(v->name);

	v->before = before ? strdup(before) : NULL;
	if (before && !v->before)
		return -ENOMEM;
	return setenv(v->name, value, 1) ? -errno : 0;
}

static void restore_variable(struct variable *v)
{
	if (v->before)
		(void)setenv(v->name, v->before, 1);
	else
		(void)unsetenv(v->name);
	free(v->before);
}

static void say_how_it_ended(const char *method, int status)
{
	if (WIFSIGNALED(status))
		log_warning("with %s the command died of signal %d (%s)", method, WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		log_warning("with %s the command ended with status %d", method,
			    WEXITSTATUS(status));
}

static int run_one(const char *method, const char *trace, char **argv, bool follow,
		   struct failure *why)
{
	const struct recording_options options = {
		.argv = argv, .fds = FS_FDS_FULL, .follow = follow, .status_fd = -1
	};
	struct recording *r = NULL;
	int err;

	log_info("running with %s", method);
	err = record_to_file(&options, trace, argv, &r, why);
	if (!err && r && recording_lost(r))
		log_warning("with %s %llu events were lost", method,
			    (unsigned long long)recording_lost(r));
	if (!err && r && recording_status(r) >= 0)
		say_how_it_ended(method, recording_status(r));
	recording_free(r);
	return err;
}

static int run_all(struct methods *m, char **argv, bool follow, struct variable *method,
		   struct failure *why)
{
	int err = 0;

	for (size_t i = 0; i < m->count && !err; i++) {
		if (setenv(method->name, m->names[i], 1) < 0)
			return fail_errno(why, -errno, "cannot set %s", method->name);
		err = run_one(m->names[i], m->traces[i], argv, follow, why);
	}
	return err;
}

static int name_traces(struct methods *m, const char *dir, struct failure *why)
{
	for (size_t i = 0; i < m->count; i++)
		if (asprintf(&m->traces[i], "%s/%s.data", dir, m->names[i]) < 0) {
			m->traces[i] = NULL;
			return fail_errno(why, -ENOMEM, "cannot name the traces");
		}
	return 0;
}

int methods_run(struct methods *m, char **argv, const char *keep, bool follow, char *private_dir,
		size_t size, struct failure *why)
{
	struct variable method = { METHOD_VARIABLE, NULL }, path = { "PYTHONPATH", NULL };
	const char *python_path = getenv("PYTHONPATH");
	struct buffer front = { 0 };
	struct place place;
	int err = place_make(&place, why);

	if (err)
		return err;
	snprintf(private_dir, size, "%s", place.dir);
	/* A target may run as another user. */
	(void)chmod(place.dir, 0755);
	if (keep && mkdir(keep, 0777) < 0 && errno != EEXIST)
		return fail_errno(why, -errno, "cannot make '%s'", keep);
	err = name_traces(m, keep ? keep : place.dir, why);
	if (!err)
		err = write_hook(place.dir, why);
	if (err)
		return err;
	buffer_printf(&front, "%s%s%s", place.dir, python_path && *python_path ? ":" : "",
		      python_path ? python_path : "");
	err = front.failed ? -ENOMEM : set_variable(&path, buffer_text(&front));
	buffer_free(&front);
	if (!err)
		err = set_variable(&method, "");
	if (err)
		fail_errno(why, err, "cannot set the environment");
	else
		err = run_all(m, argv, follow, &method, why);
	restore_variable(&method);
	restore_variable(&path);
	return err;
}

void methods_free(struct methods *m, const char *private_dir)
{
	size_t n = strlen(private_dir);

	for (size_t i = 0; i < m->count; i++) {
		if (n && m->traces[i] && strncmp(m->traces[i], private_dir, n) == 0)
			(void)unlink(m->traces[i]);
		free(m->traces[i]);
		free(m->names[i]);
	}
	remove_private(private_dir);
	*m = (struct methods){ .count = 0 };
}
