/* SPDX-License-Identifier: MIT */
/* Read-only data that all workers map, in sealed anonymous shared memory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* A writable mapping forbids the write seal, so it is filled through one that goes before sealing. */
static int fill(struct pp_share *share, const void *data, size_t len)
{
	void *base;
	int r = memory_new("procpool-share", len ? len : 1, &share->fd, &base);

	if (r < 0)
		return r;
	memcpy(base, data, len);
	munmap(base, len ? len : 1);
	if (fcntl(share->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	share->data = mmap(NULL, len ? len : 1, PROT_READ, MAP_SHARED, share->fd, 0);
	if (share->data == MAP_FAILED) {
		share->data = NULL;
		return -errno;
	}
	share->len = len;
	return 0;
}

int pp_share_new(struct pp_share **ret_share, const void *data, size_t len)
{
	struct pp_share *share = calloc(1, sizeof(*share));
	int r;

	if (!share)
		return fail(-ENOMEM, "out of memory");
	share->fd = -1;
	share->refs = 1;
	r = fill(share, data, len);
	if (r < 0) {
		pp_share_free(share);
		return fail(r, "cannot make %zu bytes of shared memory: %s", len, errno_text(r));
	}
	*ret_share = share;
	return 0;
}

const void *pp_share_data(const struct pp_share *share, size_t *ret_len)
{
	if (ret_len)
		*ret_len = share->len;
	return share->data;
}

struct pp_share *share_ref(struct pp_share *share)
{
	__atomic_add_fetch(&share->refs, 1, __ATOMIC_RELAXED);
	return share;
}

void pp_share_free(struct pp_share *share)
{
	if (!share || __atomic_sub_fetch(&share->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (share->data)
		munmap(share->data, share->len ? share->len : 1);
	close_fd(&share->fd);
	free(share);
}
