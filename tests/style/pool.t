#!/bin/sh
# SPDX-License-Identifier: MIT
# libprocpool: its exports, its child's code, and its header in C++.
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
quiet_library() {
	! nm -u "$FORKSCOPE_BUILD"/obj/pool/*.o | grep -wE 'printf|puts|putchar|perror|exit|abort|err|errx'
}
cxx() {
	printf '%s\n' '#include <procpool.h>' 'PP_TASK(t) { (void)call; return 0; }' \
		'PP_HOOK(h) { return 0; }' \
		'int main() { pp_pool_opts o = PP_POOL_OPTS_INIT; return (int)o.workers; }' |
		g++ -std="$1" -Wall -Wextra -Werror -pedantic -Iinclude -x c++ -c -o /dev/null -
}
echo 1..6
check 'the library exports what its header declares' \
	scripts/check-exports "$FORKSCOPE_BUILD/libprocpool.so" include/procpool.h
check 'so does the static library' \
	scripts/check-exports "$FORKSCOPE_BUILD/libprocpool.a" include/procpool.h
check 'the code between fork and exec is async-signal-safe' \
	scripts/check-as-safe "$FORKSCOPE_BUILD/obj/pool/child.o"
check 'the library never prints to stdio and never exits' quiet_library
check 'the header is C++11' cxx c++11
check 'the header is C++20' cxx c++20
