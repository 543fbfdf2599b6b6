#!/bin/sh
# SPDX-License-Identifier: MIT
# Every case, recorded and compared with what it says of itself.
build=${FORKSCOPE_BUILD:-build}
set --
for source in tests/cases/*.c; do
	set -- "$@" "$build/tests/cases/$(basename "$source" .c)"
done
exec /usr/bin/python3 tests/cases/check.py "$@"
