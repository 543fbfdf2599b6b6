/* SPDX-License-Identifier: MIT */
/*
 * Tasks by name: what PP_TASK registered, in which module, of which build.
 *
 * An address means nothing in another image, so tasks travel as (module path, build-id, name). The entries
 * themselves live in their modules; they are linked here by constructors and unlinked by destructors. A
 * struct task, once handed out, lives for ever: ids in lanes stand for it.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define TASK_BUCKETS 256u

struct known_task {
	struct task task;
	char *called; /* as the caller wrote it */
	struct pp_task_entry *entry;
	struct known_task *next; /* in its bucket */
	struct known_task *older;
};

static struct fork_lock registry_lock TOUCHED_BY_FORK;
static struct pp_task_entry *entries;
static struct module *modules;
static struct known_task *known[TASK_BUCKETS], *newest;
static uint32_t n_tasks;
static const struct pp_task_entry
	*entries_seen; /* this and those behind it are known, or cannot be */

/* Around fork, so that a child never finds the lock taken by a thread it has not. */
static void registry_prepare(void)
{
	if (!forking_alone)
		fork_lock_take(&registry_lock);
}

static void registry_release(void)
{
	if (!forking_alone)
		fork_lock_give(&registry_lock);
}

static void registry_renew(void)
{
	fork_lock_renew(&registry_lock);
}

__attribute__((constructor)) static void registry_init(void)
{
	pthread_atfork(registry_prepare, registry_release, registry_renew);
}

void pp_task_register(struct pp_task_entry *entry)
{
	fork_lock_take(&registry_lock);
	entry->next = entries;
	entries = entry;
	fork_lock_give(&registry_lock);
}

void pp_task_unregister(struct pp_task_entry *entry)
{
	struct pp_task_entry **at;

	fork_lock_take(&registry_lock);
	for (at = &entries; *at && *at != entry; at = &(*at)->next)
		;
	if (*at)
		*at = entry->next;
	if (entries_seen == entry)
		entries_seen = NULL;
	fork_lock_give(&registry_lock);
}

/* ---- modules ---- */

struct find_module {
	uintptr_t address;
	const char *path;
	const uint8_t *id;
	uint32_t id_len;
};

/* The build-id among ELF notes; false when there is none. */
static bool note_build_id(const uint8_t *notes, size_t size, const uint8_t **ret_id,
			  uint32_t *ret_len)
{
	size_t at = 0;

	while (size - at >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)(notes + at);
		size_t name = at + sizeof(*note), desc = name + ((note->n_namesz + 3ul) & ~3ul);
		size_t next = desc + ((note->n_descsz + 3ul) & ~3ul);

		if (desc < name || next < desc || desc + note->n_descsz > size)
			return false;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && note->n_descsz <= BUILD_ID_MAX) {
			*ret_id = notes + desc;
			*ret_len = note->n_descsz;
			return true;
		}
		at = next;
		if (at > size)
			return false;
	}
	return false;
}

static int match_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct find_module *find = arg;
	bool inside = false;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && find->address - start < ph->p_memsz)
			inside = true;
	}
	if (!inside)
		return 0;
	find->path = info->dlpi_name ? info->dlpi_name : "";
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE &&
		    note_build_id((const void *)(info->dlpi_addr + ph->p_vaddr), ph->p_memsz,
				  &find->id, &find->id_len))
			break;
	}
	return 1;
}

/* The module that holds this address: -ENOENT, -ENOMEM. Known ones cost no memory. Needs the lock. */
static int module_of(const void *address, struct module **ret_module)
{
	struct find_module find = { .address = (uintptr_t)address };
	char real[PATH_MAX];
	const char *path;
	struct module *m;

	if (dl_iterate_phdr(match_module, &find) == 0)
		return -ENOENT;
	path = *find.path && realpath(find.path, real) ? real : find.path;
	for (m = modules; m; m = m->next) {
		if (!strcmp(m->path, path) && m->build_id_len == find.id_len &&
		    !memcmp(m->build_id, find.id ? find.id : m->build_id, find.id_len)) {
			*ret_module = m;
			return 0;
		}
	}
	m = calloc(1, sizeof(*m));
	if (m && !(m->path = strdup(path))) {
		free(m);
		m = NULL;
	}
	if (!m)
		return -ENOMEM;
	m->build_id_len = find.id_len;
	if (find.id_len)
		memcpy(m->build_id, find.id, find.id_len);
	m->next = modules;
	modules = m;
	*ret_module = m;
	return 0;
}

/* The build-id in an ELF file of this machine's class. 0; *ret_len 0 when it has none. */
static int file_build_id(const char *path, uint8_t id[BUILD_ID_MAX], uint32_t *ret_len)
{
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph;
	const uint8_t *found;
	uint8_t notes[4096];
	uint32_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), i, r = -ENOEXEC;

	if (fd < 0)
		return -errno;
	if (pread(fd, &eh, sizeof(eh), 0) != (ssize_t)sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(ph))
		goto out;
	for (i = 0; i < eh.e_phnum && !len; i++) {
		size_t size;

		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (size_t)i * sizeof(ph))) !=
		    (ssize_t)sizeof(ph))
			goto out;
		size = ph.p_filesz < sizeof(notes) ? ph.p_filesz : sizeof(notes);
		if (ph.p_type != PT_NOTE ||
		    pread(fd, notes, size, (off_t)ph.p_offset) != (ssize_t)size)
			continue;
		if (note_build_id(notes, size, &found, &len))
			memcpy(id, found, len);
	}
	*ret_len = len;
	r = 0;
out:
	close(fd);
	return r;
}

static bool same_file(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static int fail_unreadable(const struct module *module, int err)
{
	return fail(-ELIBACC, "module %s cannot be read: %s; workers must load it", module->path,
		    errno_text(err));
}

/* Its build-id is read again only when the file is not the one that was looked at last. */
int module_check_file(struct module *module)
{
	struct file_identity now;
	uint8_t id[BUILD_ID_MAX];
	uint32_t len = 0;
	struct stat st;
	bool known;
	int r;

	if (!*module->path)
		return 0; /* /proc/self/exe is the very image that runs here, also when it was replaced */
	if (stat(module->path, &st) < 0)
		return fail_unreadable(module, -errno);
	now = (struct file_identity){ st.st_dev, st.st_ino, st.st_size, st.st_ctim };
	fork_lock_take(&registry_lock);
	known = same_file(&module->seen, &now);
	fork_lock_give(&registry_lock);
	if (known)
		return 0;
	r = file_build_id(module->path, id, &len);
	if (r < 0)
		return fail_unreadable(module, r);
	if (len != module->build_id_len || memcmp(id, module->build_id, len))
		return fail(
			-ESTALE,
			"module %s is another build than the one loaded here; restart this program",
			module->path);
	fork_lock_take(&registry_lock);
	module->seen = now;
	fork_lock_give(&registry_lock);
	return 0;
}

int module_load(const char *path, bool global, char *text, size_t text_size)
{
	char here[PATH_MAX];
	const char *error;

	/* A bare file name means the file here, as it does in a shell, before any library of that name. */
	if (!strchr(path, '/') && access(path, R_OK) == 0 && strlen(path) < sizeof(here) - 2) {
		snprintf(here, sizeof(here), "./%s", path);
		path = here;
	}
	if (dlopen(path, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL)))
		return 0;
	error = dlerror();
	snprintf(text, text_size, "%s", error ? error : "cannot be loaded");
	return -ELIBACC;
}

/* ---- tasks ---- */

/*
 * The entry called so in this module (NULL: in any, the program's first): -ENOENT, or -ENOMEM when it cannot be told.
 * Needs the lock.
 */
static int entry_find(const char *name, const char *path, bool hook,
		      struct pp_task_entry **ret_entry, struct module **ret_module)
{
	struct pp_task_entry *e;
	int result = -ENOENT;

	for (e = entries; e; e = e->next) {
		struct module *m;
		int r;

		if (strcmp(e->name, name) || (hook ? !e->hook : !e->task))
			continue;
		r = module_of(e, &m);
		if (r == -ENOMEM && result < 0)
			result = r;
		if (r < 0 || (path && strcmp(m->path, path)))
			continue;
		if (result < 0 || !*m->path) {
			*ret_entry = e;
			*ret_module = m;
			result = 0;
		}
	}
	return result;
}

/* "path:name" to its parts; loads the module. */
static int split_name(const char *called, char path[PATH_MAX], const char **ret_name, bool *ret_in)
{
	const char *colon = strrchr(called, ':');
	char text[256], given[PATH_MAX];

	*ret_in = colon != NULL;
	*ret_name = colon ? colon + 1 : called;
	if (strlen(*ret_name) > PP_TASK_NAME_MAX || !**ret_name)
		return fail(-ENAMETOOLONG, "a task name has 1 to %u bytes", PP_TASK_NAME_MAX);
	if (!colon)
		return 0;
	if ((size_t)(colon - called) >= sizeof(given))
		return fail(-ENAMETOOLONG, "module path is too long");
	memcpy(given, called, (size_t)(colon - called));
	given[colon - called] = '\0';
	if (module_load(given, false, text, sizeof(text)) < 0)
		return fail(-ELIBACC, "module %s: %s", given, text);
	if (!realpath(given, path)) /* found along the library path: go by the task's name alone */
		*ret_in = false;
	return 0;
}

static unsigned bucket_of(const char *s)
{
	unsigned h = 5381;

	while (*s)
		h = h * 33 ^ (unsigned char)*s++;
	return h % TASK_BUCKETS;
}

static bool entry_alive(const struct pp_task_entry *entry)
{
	const struct pp_task_entry *e;

	for (e = entries; e && e != entry; e = e->next)
		;
	return e != NULL;
}

/* Needs the lock. */
static void know(struct known_task *k, struct pp_task_entry *e, struct module *module)
{
	k->entry = e;
	k->task.module = module;
	k->task.fn = e->task;
	k->task.id = n_tasks++;
	k->older = newest;
	newest = k;
}

static bool is_known(const struct pp_task_entry *e)
{
	const struct known_task *k;

	for (k = newest; k && k->entry != e; k = k->older)
		;
	return k != NULL;
}

uint32_t tasks_know_all(void)
{
	struct pp_task_entry *e;
	uint32_t n;

	fork_lock_take(&registry_lock);
	/* New entries are put first. */
	for (e = entries; e && e != entries_seen; e = e->next) {
		struct known_task *k = e->task && !is_known(e) ? calloc(1, sizeof(*k)) : NULL;
		struct module *m = NULL;

		if (k && module_of(e, &m) == 0 && m && (k->called = strdup(e->name))) {
			k->task.name = k->called;
			know(k, e, m);
		} else {
			free(k);
		}
	}
	entries_seen = entries;
	n = n_tasks;
	fork_lock_give(&registry_lock);
	return n;
}

/* With a frame of its own: it is large, and each page of the stack that a start touches is copied for it. */
static int __attribute__((noinline)) look_up(const char *name, unsigned b, struct task **ret_task)
{
	char path[PATH_MAX];
	const char *bare;
	struct known_task *k;
	struct pp_task_entry *e = NULL;
	struct module *module = NULL;
	bool in;
	int r;

	r = split_name(name, path, &bare, &in);
	if (r < 0)
		return r;
	k = calloc(1, sizeof(*k));
	if (!k || !(k->called = strdup(name))) {
		free(k);
		return fail(-ENOMEM, "out of memory");
	}
	fork_lock_take(&registry_lock);
	r = entry_find(bare, in ? path : NULL, false, &e, &module);
	if (r == 0) {
		k->task.name = k->called + (bare - name);
		k->next = known[b];
		known[b] = k;
		know(k, e, module);
	}
	fork_lock_give(&registry_lock);
	if (r < 0) {
		free(k->called);
		free(k);
		return r == -ENOMEM ? fail(r, "out of memory")
				    : fail(-ENOENT, "no task '%s': define it with PP_TASK(%s)",
					   name, bare);
	}
	*ret_task = &k->task;
	return 0;
}

int task_find(const char *name, struct task **ret_task)
{
	struct known_task *k;
	unsigned b;

	if (!name)
		return fail(-EINVAL, "no task name given");
	b = bucket_of(name);
	fork_lock_take(&registry_lock);
	for (k = known[b]; k; k = k->next)
		if (!strcmp(k->called, name) && entry_alive(k->entry))
			break;
	fork_lock_give(&registry_lock);
	if (!k)
		return look_up(name, b, ret_task);
	*ret_task = &k->task;
	return 0;
}

uint32_t define_size(const struct task *task)
{
	return (uint32_t)(sizeof(struct define_rec) + strlen(task->module->path) +
			  strlen(task->name) + 2);
}

void define_write(struct define_rec *def, uint32_t id, const struct task *task)
{
	const struct module *m = task->module;

	def->id = id;
	def->registry_id = task->id;
	def->path_len = (uint32_t)strlen(m->path);
	def->build_id_len = m->build_id_len;
	memcpy(def->build_id, m->build_id, m->build_id_len);
	(void)put_string(put_string(def + 1, m->path), task->name);
}

int hook_find(const char *name, int (**ret_hook)(void))
{
	struct pp_task_entry *e;
	struct module *module;
	int r;

	fork_lock_take(&registry_lock);
	r = entry_find(name, NULL, true, &e, &module);
	fork_lock_give(&registry_lock);
	if (r == 0)
		*ret_hook = e->hook;
	return r;
}

/* Loads the module, unless that would run the code of another build. */
static int load_build(const char *path, const uint8_t *build_id, uint32_t build_id_len, char *text,
		      size_t text_size)
{
	uint8_t id[BUILD_ID_MAX];
	uint32_t len = 0;

	if (file_build_id(path, id, &len) == 0 &&
	    (len != build_id_len || memcmp(id, build_id, len))) {
		snprintf(text, text_size, "%s is another build than the one the caller has loaded",
			 path);
		return -ESTALE;
	}
	return module_load(path, false, text, text_size);
}

static bool same_build(const struct module *m, const struct define_rec *def)
{
	return m->build_id_len == def->build_id_len &&
	       !memcmp(m->build_id, def->build_id, def->build_id_len);
}

/*
 * In a copy of the caller, and in the caller itself, what was looked up before is known. Reads memory alone, so a
 * forked worker copies no page for it.
 */
static bool find_known(const struct define_rec *def, uint32_t n_known,
		       int (**ret_fn)(struct pp_call *))
{
	const char *path = (const char *)(def + 1), *name = path + def->path_len + 1;
	const struct known_task *k;
	bool found = false;

	fork_lock_take(&registry_lock);
	for (k = newest; k && !found; k = k->older) {
		if (!entry_alive(k->entry) ||
		    (def->registry_id < n_known
			     ? k->task.id != def->registry_id
			     : strcmp(k->task.name, name) || strcmp(k->task.module->path, path) ||
				       !same_build(k->task.module, def)))
			continue;
		*ret_fn = k->task.fn;
		found = true;
	}
	fork_lock_give(&registry_lock);
	return found;
}

int task_resolve(const struct define_rec *def, uint32_t n_known, int (**ret_fn)(struct pp_call *),
		 char *text, size_t text_size)
{
	const char *path = (const char *)(def + 1), *name = path + def->path_len + 1;
	struct pp_task_entry *e = NULL;
	struct module *m = NULL;
	int r;

	if (find_known(def, n_known, ret_fn))
		return 0;
	fork_lock_take(&registry_lock);
	r = entry_find(name, path, false, &e, &m);
	fork_lock_give(&registry_lock);
	if (r == -ENOENT && *path) {
		r = load_build(path, def->build_id, def->build_id_len, text, text_size);
		if (r < 0)
			return r;
		fork_lock_take(&registry_lock);
		r = entry_find(name, path, false, &e, &m);
		fork_lock_give(&registry_lock);
	}
	if (r < 0) {
		if (r == -ENOENT)
			snprintf(text, text_size, "no task '%s' in %s", name,
				 *path ? path : "the program");
		else
			snprintf(text, text_size, "no memory to find task '%s'", name);
		return r;
	}
	if (!same_build(m, def)) {
		snprintf(text, text_size,
			 "task '%s': the worker's %s is another build than the caller's", name,
			 *path ? path : "program");
		return -ESTALE;
	}
	*ret_fn = e->task;
	return 0;
}
