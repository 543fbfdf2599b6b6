/* SPDX-License-Identifier: MIT */
/*
 * The environment for the next image, on the stack of the function that uses this macro: it must still be there
 * when the real function runs, and in a vfork child nothing else may be written to. A copy that no stack should
 * be asked to hold (LARGE) is left out: the image then goes without the shim, and the record says so.
 */
#ifndef SHIM_MEND_H
#define SHIM_MEND_H

#include <alloca.h>

#include "shim.h"

#define MEND_LARGE (256u << 10)

#define MENDED(envp, gap, what)                                                     \
	({                                                                          \
		struct env_need need_;                                              \
		char *const *envp_ = (envp);                                        \
		if (env_needs_mending(envp_, (gap), &need_) &&                      \
		    need_.pointers * sizeof(char *) + need_.bytes < MEND_LARGE) {   \
			char **pointers_ = alloca(need_.pointers * sizeof(char *)); \
			char *bytes_ = alloca(need_.bytes);                         \
			(what)->flags |= FS_LIBC_ENV_MENDED;                        \
			envp_ = env_mend(envp_, &need_, pointers_, bytes_);         \
		}                                                                   \
		envp_;                                                              \
	})

/* For a wrapper that only makes the real call: as it is, but where seccomp confines us, without us. */
#define UNMENDED(envp)                                                      \
	({                                                                  \
		struct shim_what unused_ = { 0 };                           \
		char *const *plain_ = (envp);                               \
		if (__builtin_expect(shim.confined, 0))                     \
			plain_ = MENDED(plain_, FS_GAP_CONFINED, &unused_); \
		plain_;                                                     \
	})

#endif
