/* SPDX-License-Identifier: MIT */
/*
 * Seccomp, and thread names.
 *
 * A process that confines itself may be killed for a system call that it did not mean: from then on the shim makes
 * none, so it tells nothing more of this process and its children (the kernel witness does), and takes itself out of
 * the environment of images that they execute. Told just before; a call that fails changes nothing.
 */
#include "shim.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/prctl.h>

/* For jump_*.S: the call is about to be made, and how it ends we shall not see. */
void confine(uint32_t call, uint64_t caller, const struct shim_what *what)
{
	struct shim_call c;

	call_begin(&c, call, caller, what);
	ring_seal();
	shim.confined = true;
	shim.on = false;
}

bool confines(long number, uint64_t first, uint64_t third)
{
	switch (number) {
	case SYS_seccomp: /* libseccomp asks what there is by filters that are NULL */
		return first == SECCOMP_SET_MODE_STRICT ||
		       (first == SECCOMP_SET_MODE_FILTER && third);
	case SYS_prctl:
		return first == PR_SET_SECCOMP;
	default:
		return false;
	}
}

int prctl(int operation, ...);

SHIM_EXPORT int prctl(int operation, ...)
{
	const struct shim_what what = { .argument = (uint64_t)(uint32_t)operation };
	unsigned long a[4];
	struct shim_call c;
	va_list more;
	int ret;

	/* How many are there, the operation says; to pass on what is not there does no harm. */
	va_start(more, operation);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(more, unsigned long);
	va_end(more);
	if (!shim_ready() || (operation != PR_SET_SECCOMP && operation != PR_SET_NAME))
		return real.prctl(operation, a[0], a[1], a[2], a[3]);
	if (operation == PR_SET_NAME) {
		ret = real.prctl(operation, a[0], a[1], a[2], a[3]);
		threads_renamed();
		return ret;
	}
	call_begin(&c, FS_LIBC_SECCOMP, CALLER, &what);
	ring_seal();
	ret = real.prctl(operation, a[0], a[1], a[2], a[3]);
	if (ret == 0) {
		shim.confined = true;
		shim.on = false;
	} else {
		call_done(&c, ret, 0, 0, true);
	}
	return ret;
}

SHIM_EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
	int ret;

	if (!shim_ready())
		return real.pthread_setname_np(thread, name);
	ret = real.pthread_setname_np(thread, name);
	threads_renamed();
	return ret;
}
