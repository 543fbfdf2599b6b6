#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts/check-layers passes on this tree, and catches each kind of violation planted in a copy.
set -u
echo 1..10
n=0
result() { # status name
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

scripts/check-layers | sed 's/^/# /'
scripts/check-layers >/dev/null
result $? "no file knows more than it may"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy"/include/forkscope "$copy"/pool "$copy"/bpf
for room in base trace capture model rules out cmd; do
	mkdir -p "$copy/tracer/$room"
done
echo '#include "trace/reader.h"' >"$copy/tracer/cmd/good.c"
scripts/check-layers "$copy" >/dev/null
result $? "a tree that keeps the rules"

# file, include line
planted() {
	printf '%s\n' "$2" >"$copy/$1"
	scripts/check-layers "$copy" >"$copy/said" && caught=1 || caught=0
	grep -q "^$1:1: " "$copy/said" || caught=1
	result "$caught" "$1 with $2"
	rm -f "$copy/$1"
}
planted tracer/base/bad.c '#include "trace/reader.h"'
planted tracer/model/bad.c '#include "capture/target.h"'
planted tracer/capture/bad.h '# include "model/model.h"'
planted tracer/out/bad.c '#include "trace/reader.h"'
planted pool/bad.c '#include "base/json.h"'
planted include/forkscope/bad.h '#include "base/json.h"'
planted bpf/bad.c '#include "../tracer/base/json.h"'
planted tracer/rules/bad.c '#include "out/text.h"'
