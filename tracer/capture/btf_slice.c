/* SPDX-License-Identifier: MIT */
/*
 * See btf_slice.h. The format is the kernel's Documentation/bpf/btf.rst. What is left out: structs nobody
 * asked for (a member of such a type becomes a plain number, since nothing looks into it), what pointers
 * point to, qualifiers and typedefs. The kernel's file is trusted, but bounds are checked all the same.
 */
#include "capture/btf_slice.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SLOTS 512 /* of the hash of wanted names; power of two */
#define NUMBER_ID 1 /* the slice's first type stands for all that nobody looks into */

struct bytes {
	char *data;
	size_t len, size;
	bool failed;
};

struct slice {
	char *kernel; /* the whole file */
	size_t kernel_len;
	const char *types, *strings;
	uint32_t types_len, strings_len;
	uint32_t *at; /* by kernel id: offset of the type in `types` */
	uint32_t *new_id; /* by kernel id: id in the slice, 0 not yet */
	uint32_t count; /* kernel types, id 0 included */
	uint32_t made; /* types in the slice */
	const char *names[NAME_SLOTS];
	struct bytes out_types, out_strings;
};

/* --- small things ------------------------------------------------------------------------ */

static uint32_t add_bytes(struct bytes *b, const void *data, size_t len)
{
	size_t at = b->len;

	if (b->len + len > b->size) {
		size_t size = b->size ? b->size : 4096;
		char *grown;

		while (size < b->len + len)
			size *= 2;
		grown = realloc(b->data, size);
		if (!grown) {
			b->failed = true;
			return 0;
		}
		b->data = grown;
		b->size = size;
	}
	if (len)
		memcpy(b->data + at, data, len);
	b->len += len;
	return at;
}

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t h = 2166136261u;

	while (len--)
		h = (h ^ (unsigned char)*name++) * 16777619u;
	return h;
}

static const char *kernel_name(const struct slice *s, uint32_t offset)
{
	return offset < s->strings_len ? s->strings + offset : "";
}

/* Slots hold names of the object's BTF, which may end in a flavour: "mm_struct___before_6_2". */
static size_t plain_length(const char *name)
{
	const char *flavour = strstr(name, "___");

	return flavour ? (size_t)(flavour - name) : strlen(name);
}

static bool is_wanted(const struct slice *s, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = hash_name(name, len);; i++) {
		const char *slot = s->names[i % NAME_SLOTS];

		if (!slot)
			return false;
		if (plain_length(slot) == len && strncmp(slot, name, len) == 0)
			return true;
	}
}

static int collect_names(struct slice *s, const struct btf *wanted)
{
	uint32_t total = btf__type_cnt(wanted), used = 0;

	for (uint32_t id = 1; id < total; id++) {
		const struct btf_type *t = btf__type_by_id(wanted, id);
		const char *name = btf__name_by_offset(wanted, t->name_off);
		uint32_t i;

		if (!btf_is_composite(t) || !name || !*name)
			continue;
		if (++used >= NAME_SLOTS / 2)
			return -E2BIG;
		i = hash_name(name, plain_length(name));
		while (s->names[i % NAME_SLOTS])
			i++;
		s->names[i % NAME_SLOTS] = name;
	}
	return 0;
}

/* --- reading the kernel's ---------------------------------------------------------------- */

static int read_kernel(struct slice *s)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size <= 0) {
		err = -EINVAL;
		goto out;
	}
	s->kernel = malloc(st.st_size);
	if (!s->kernel) {
		err = -ENOMEM;
		goto out;
	}
	while (s->kernel_len < (size_t)st.st_size &&
	       (n = read(fd, s->kernel + s->kernel_len, st.st_size - s->kernel_len)) > 0)
		s->kernel_len += n;
	if (n < 0)
		err = -errno;
out:
	close(fd);
	return err;
}

static int find_sections(struct slice *s)
{
	struct btf_header h;

	if (s->kernel_len < sizeof(h))
		return -EINVAL;
	memcpy(&h, s->kernel, sizeof(h));
	if (h.magic != BTF_MAGIC || h.hdr_len > s->kernel_len ||
	    (uint64_t)h.hdr_len + h.type_off + h.type_len > s->kernel_len ||
	    (uint64_t)h.hdr_len + h.str_off + h.str_len > s->kernel_len || h.str_len == 0 ||
	    s->kernel[h.hdr_len + h.str_off + h.str_len - 1] != 0)
		return -EINVAL;
	s->types = s->kernel + h.hdr_len + h.type_off;
	s->types_len = h.type_len;
	s->strings = s->kernel + h.hdr_len + h.str_off;
	s->strings_len = h.str_len;
	return 0;
}

/* Bytes behind the common part of a type, -1: unknown kind. */
static long tail_size(const struct btf_type *t)
{
	long n = btf_vlen(t);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case 17: /* DECL_TAG */
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	case 19: /* ENUM64 */
		return n * 12;
	default:
		return btf_kind(t) <= 18 ? 0 : -1;
	}
}

static int index_types(struct slice *s)
{
	uint32_t room = s->types_len / sizeof(struct btf_type) + 2, at = 0, id = 1;

	s->at = malloc(room * sizeof(*s->at));
	if (!s->at)
		return -ENOMEM;
	for (; at + sizeof(struct btf_type) <= s->types_len; id++) {
		const struct btf_type *t = (const void *)(s->types + at);
		long tail = tail_size(t);

		if (tail < 0 || at + sizeof(*t) + tail > s->types_len)
			return -EINVAL;
		s->at[id] = at;
		at += sizeof(*t) + tail;
	}
	s->count = id;
	s->new_id = calloc(id, sizeof(*s->new_id));
	return s->new_id ? 0 : -ENOMEM;
}

static const struct btf_type *kernel_type(const struct slice *s, uint32_t id)
{
	return id && id < s->count ? (const void *)(s->types + s->at[id]) : NULL;
}

/* --- writing the slice ------------------------------------------------------------------- */

static uint32_t copy_name(struct slice *s, uint32_t offset)
{
	const char *name = kernel_name(s, offset);

	return *name ? add_bytes(&s->out_strings, name, strlen(name) + 1) : 0;
}

static uint32_t put_type(struct slice *s, const struct btf_type *t, const void *tail, size_t len)
{
	add_bytes(&s->out_types, t, sizeof(*t));
	add_bytes(&s->out_types, tail, len);
	return ++s->made;
}

static uint32_t copy_type(struct slice *s, uint32_t id, int depth);

/*
 * A struct's own id must be known before its members are copied only if they refer back to it, which they can
 * do through pointers alone; and what pointers point to is left out.
 */
static uint32_t copy_composite(struct slice *s, const struct btf_type *t, int depth)
{
	const struct btf_member *m = (const void *)(t + 1);
	uint32_t n = btf_vlen(t), id;
	struct btf_type copy = *t;
	struct btf_member *members = calloc(n + 1, sizeof(*members));

	if (!members) {
		s->out_types.failed = true;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		members[i].name_off = copy_name(s, m[i].name_off);
		members[i].type = copy_type(s, m[i].type, depth + 1);
		members[i].offset = m[i].offset;
	}
	copy.name_off = copy_name(s, t->name_off);
	id = put_type(s, &copy, members, n * sizeof(*members));
	free(members);
	return id;
}

static uint32_t copy_array(struct slice *s, const struct btf_type *t, int depth)
{
	struct btf_array array = *(const struct btf_array *)(t + 1);
	struct btf_type copy = *t;

	array.type = copy_type(s, array.type, depth + 1);
	array.index_type = NUMBER_ID;
	return put_type(s, &copy, &array, sizeof(array));
}

/* Returns the id of a kernel type in the slice, copying it when it is not there yet. */
static uint32_t copy_type(struct slice *s, uint32_t id, int depth)
{
	const struct btf_type *t = kernel_type(s, id);
	struct btf_type copy;
	uint32_t made = NUMBER_ID;

	if (!t || depth > 32)
		return NUMBER_ID;
	if (s->new_id[id])
		return s->new_id[id];
	copy = *t;
	copy.name_off = 0;
	switch (btf_kind(t)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case 18: /* TYPE_TAG */
		made = copy_type(s, t->type, depth + 1);
		break;
	case BTF_KIND_PTR:
		copy.type = 0;
		made = put_type(s, &copy, NULL, 0);
		break;
	case BTF_KIND_INT:
		copy.name_off = copy_name(s, t->name_off);
		made = put_type(s, &copy, t + 1, 4);
		break;
	case BTF_KIND_ARRAY:
		made = copy_array(s, t, depth);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (t->name_off == 0 || is_wanted(s, kernel_name(s, t->name_off)))
			made = copy_composite(s, t, depth);
		break;
	}
	s->new_id[id] = made;
	return made;
}

static void copy_wanted(struct slice *s)
{
	static const struct {
		struct btf_type type;
		uint32_t encoding;
	} number = { { .name_off = 1, .info = BTF_KIND_INT << 24, .size = 4 }, 32 };

	add_bytes(&s->out_strings, "\0number", 8);
	put_type(s, &number.type, &number.encoding, 4);
	for (uint32_t id = 1; id < s->count; id++) {
		const struct btf_type *t = kernel_type(s, id);

		if (btf_is_composite(t) && t->name_off && is_wanted(s, kernel_name(s, t->name_off)))
			copy_type(s, id, 0);
	}
}

static int write_slice(struct slice *s)
{
	struct btf_header h = { .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(h) };
	struct bytes file = { 0 };
	int fd, err = 0;

	h.type_len = s->out_types.len;
	h.str_off = s->out_types.len;
	h.str_len = s->out_strings.len;
	add_bytes(&file, &h, sizeof(h));
	add_bytes(&file, s->out_types.data, s->out_types.len);
	add_bytes(&file, s->out_strings.data, s->out_strings.len);
	if (file.failed || s->out_types.failed || s->out_strings.failed) {
		free(file.data);
		return -ENOMEM;
	}
	fd = memfd_create("forkscope-btf", MFD_CLOEXEC);
	if (fd < 0)
		err = -errno;
	else if (write(fd, file.data, file.len) != (ssize_t)file.len)
		err = -EIO;
	free(file.data);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int btf_slice_open(const struct btf *wanted)
{
	struct slice s = { 0 };
	int err;

	err = collect_names(&s, wanted);
	if (!err)
		err = read_kernel(&s);
	if (!err)
		err = find_sections(&s);
	if (!err)
		err = index_types(&s);
	if (!err) {
		copy_wanted(&s);
		err = write_slice(&s);
	}
	free(s.kernel);
	free(s.at);
	free(s.new_id);
	free(s.out_types.data);
	free(s.out_strings.data);
	return err;
}
