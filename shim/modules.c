/* SPDX-License-Identifier: MIT */
/*
 * Which objects of code lie where, so that stacks can be read when the process is long gone: told once from the
 * constructor, and after a dlopen when the next stack is told.
 *
 * dl_iterate_phdr() takes a lock of the loader which a fork of a threaded process may leave locked for ever, so
 * in such a child it is not called.
 */
#include "shim.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

/*
 * Objects already told, by load address; NULL until a dlopen, so that most processes have one mapping less for
 * each fork to copy. What is not in it is told again, which is only dear.
 */
#define TOLD_MAX 512
static uint64_t *told;
static uint32_t told_count;

static void copy_build_id(struct fs_ev_dlopen *e, const char *notes, size_t size)
{
	size_t at = 0;

	while (at + sizeof(Elf64_Nhdr) <= size) {
		const Elf64_Nhdr *n = (const void *)(notes + at);
		size_t name = (n->n_namesz + 3u) & ~3u, desc = (n->n_descsz + 3u) & ~3u;

		at += sizeof(*n);
		if (at + name + desc > size)
			return;
		if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
		    memcmp(notes + at, "GNU", 4) == 0 && n->n_descsz <= sizeof(e->build_id)) {
			e->build_id_len = n->n_descsz;
			memcpy(e->build_id, notes + at + name, n->n_descsz);
			return;
		}
		at += name + desc;
	}
}

static bool was_told(uint64_t start)
{
	for (uint32_t i = 0; i < told_count; i++)
		if (told[i] == start)
			return true;
	if (told && told_count < TOLD_MAX)
		told[told_count++] = start;
	return false;
}

static void find_extent(const struct dl_phdr_info *info, struct fs_ev_dlopen *e)
{
	e->base = info->dlpi_addr;
	e->start = UINT64_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t from = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_NOTE && !e->build_id_len)
			copy_build_id(e, (const char *)(uintptr_t)from, ph->p_memsz);
		if (ph->p_type != PT_LOAD)
			continue;
		if (from < e->start)
			e->start = from;
		if (from + ph->p_memsz > e->end)
			e->end = from + ph->p_memsz;
	}
}

static int on_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct fs_ev_dlopen e = { 0 };
	size_t len = strlen(info->dlpi_name);
	char *r;

	(void)size;
	(void)unused;
	find_extent(info, &e);
	if (e.start >= e.end || was_told(e.start))
		return 0;
	e.path_len = len > 1024 ? 0 : (uint32_t)len;
	r = ring_reserve(FS_EV_DLOPEN, sizeof(e) + e.path_len);
	if (!r)
		return 0;
	memcpy(r + sizeof(e.h), (char *)&e + sizeof(e.h), sizeof(e) - sizeof(e.h));
	memcpy(r + sizeof(e), info->dlpi_name, e.path_len);
	ring_commit(r);
	return 0;
}

void modules_tell(void)
{
	shim_self()->modules_stale = 0;
	(void)dl_iterate_phdr(on_object, NULL);
}

void modules_tell_new(void)
{
	struct shim_process *p = shim_self();

	if (!p->modules_stale || p->born_threaded || shim_in_vfork_child())
		return;
	if (!told)
		told = shim_memory(TOLD_MAX * sizeof(*told));
	modules_tell();
}

size_t modules_program(const ElfW(Phdr) * *ret, uintptr_t *ret_base)
{
	const ElfW(Phdr) *ph = (const void *)(uintptr_t)getauxval(AT_PHDR);
	size_t n = ph ? getauxval(AT_PHNUM) : 0;

	*ret = ph;
	*ret_base = 0;
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_PHDR)
			*ret_base = (uintptr_t)ph - ph[i].p_vaddr;
	return n;
}

void modules_note_dlopen(void)
{
	shim_self()->modules_stale = 1;
}
