#!/bin/sh
# SPDX-License-Identifier: MIT
# The shim: what it exports, what it needs, and that its objects call only what its rules allow.
cd "$(dirname "$0")/../.." || exit 2
: "${FORKSCOPE_BUILD:=build}"
n=0
check() {
	name=$1
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "$out" | sed 's/^/# /'
	fi
}

# What is exported is what real.h lists: a symbol more would hide one of the program's.
exports() { # library, expanded by the preprocessor with these flags
	library=$FORKSCOPE_BUILD/$1
	shift
	nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$dir/exported"
	printf '#include "real.h"\n#define X(type, name, parameters) NAME name\nSHIM_REALS(X)\n%s\n' \
		"$(test $# -gt 0 && echo 'SHIM_REAL_LOCKS(X)')" |
		${CC:-cc} -E -P -D_GNU_SOURCE -Ishim -Iinclude -x c - | tr ' ' '\n' |
		grep -A1 -x NAME | grep -vxE 'NAME|--' >"$dir/listed"
	# These become execve and execvpe, so they have no real function of their own.
	# And what programs and libprocpool say of themselves (forkscope.h).
	printf '%s\n' execl execle execlp execv execvp forkscope_note_v1 forkscope_pool_v1 >>"$dir/listed"
	sort -o "$dir/listed" "$dir/listed"
	diff "$dir/listed" "$dir/exported"
}

# After init: nothing but functions that take no lock and allocate nothing.
pure='__errno_location _GLOBAL_OFFSET_TABLE_ memcpy memset memmove memcmp strlen strnlen strcmp strncmp strchr
strchrnul strstr strspn strcpy environ pthread_self _Unwind_Backtrace _Unwind_GetIPInfo _Unwind_GetCFA __tls_get_addr __libc_single_threaded
getauxval'
calls_only() { # more names, objects
	more=$1
	shift
	own=$(nm --defined-only "$FORKSCOPE_BUILD"/obj/shim/*.o | awk 'NF == 3 { print $3 }' | sort -u)
	bad=0
	for object in "$@"; do
		for name in $(nm -u "$FORKSCOPE_BUILD/obj/shim/$object.o" | awk '{ print $2 }'); do
			echo "$own" "$pure" "$more" | tr ' ' '\n' | grep -qx "$name" ||
				{ echo "$object: calls $name"; bad=1; }
		done
	done
	return $bad
}

needs_libc_alone() {
	for library in libforkscope-shim.so libforkscope-shim-locks.so; do
		readelf -d "$FORKSCOPE_BUILD/$library" | grep NEEDED | grep -v 'libc\.so\.6' && return 1
	done
	return 0
}

static_tls() {
	! readelf -r "$FORKSCOPE_BUILD/libforkscope-shim.so" | grep -E 'DTPMOD|TLSDESC'
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 1..7
check 'the shim exports its wrappers and nothing else' exports libforkscope-shim.so
check 'with locks: those too' exports libforkscope-shim-locks.so locks
check 'wrappers, ring and calls take no lock and allocate nothing' calls_only '' \
	wrap_fork.c wrap_exec.c wrap_spawn.c wrap_exit.c wrap_wait.c wrap_handler.c wrap_lock.c ring.c call.c \
	env.c threads.c mark.c wrap_confine.c wrap_fd.c jump_x86_64.S jump_aarch64.S ../shim-locks/wrap_lock.c \
	../shim-locks/wrap_random.c ../shim-locks/wrap_join.c ../shim-locks/wrap_effect.c \
	../shim-locks/wrap_handler.c ../shim-locks/vfork_data.c
check 'init, stacks and objects add only what finds functions, before main' calls_only \
	'dlsym dlclose dladdr dladdr1 dl_iterate_phdr' init.c channel.c stack.c python.c stdio.c modules.c
check 'it needs libc alone' needs_libc_alone
check 'its thread-local storage is static' static_tls
# No headers of that machine are needed: the numbers of its system calls differ, the code does not.
aarch64() {
	for f in shim/*.c shim/*.S; do
		clang-14 --target=aarch64-linux-gnu -std=gnu11 -O2 -D_GNU_SOURCE -fPIC -Iinclude -Ishim \
			-I/usr/include/x86_64-linux-gnu '-D__regparm__(n)=' -Wall -Wextra -c -o "$dir/x.o" "$f" || return 1
	done
}
if command -v clang-14 >/dev/null && [ -d /usr/include/x86_64-linux-gnu ]; then
	check 'it compiles for aarch64' aarch64
else
	echo "ok 7 - it compiles for aarch64 # SKIP needs clang-14 on x86-64"
fi
