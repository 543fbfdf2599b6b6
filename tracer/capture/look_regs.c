/* SPDX-License-Identifier: MIT */
/* See look_regs.h: loads one iterator, reads it once, and lets it go. */
#include "capture/look_regs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "capture/skeleton.h"

static int read_all(struct bpf_program *program, struct buffer *to)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, err = 0;
	ssize_t n;
	char *at;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
		bpf_link__destroy(link);
		return err;
	}
	while ((at = buffer_reserve(to, 65536))) {
		n = read(fd, at, 65536);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		to->len += (size_t)n;
	}
	close(fd);
	bpf_link__destroy(link);
	return to->failed ? -ENOMEM : err;
}

static int load_and_read(struct forkscope_bpf *skel, struct buffer *to)
{
	struct bpf_program *program;
	int err;

	bpf_object__for_each_program(program, skel->obj)
		bpf_program__set_autoload(program, program == skel->progs.tell_registers);
	err = bpf_map__set_max_entries(skel->maps.ring, 4096);
	if (!err)
		err = forkscope_bpf__load(skel);
	return err ? err : read_all(skel->progs.tell_registers, to);
}

int look_registers(struct fs_registers **ret, size_t *ret_count)
{
	struct buffer bytes = { 0 };
	struct forkscope_bpf *skel;
	int slice, err;

	skel = skeleton_open(&slice);
	if (!skel)
		return -errno;
	err = load_and_read(skel, &bytes);
	skeleton_close(skel, slice);
	if (err) {
		buffer_free(&bytes);
		return err;
	}
	*ret = (struct fs_registers *)bytes.data;
	*ret_count = bytes.len / sizeof(**ret);
	return 0;
}
