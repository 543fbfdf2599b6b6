#!/bin/sh
# SPDX-License-Identifier: MIT
# Ten seconds of the fuzzer (FORKSCOPE_FUZZ_SECONDS) on the completion records of a worker.
set -u
build=${FORKSCOPE_BUILD:-build}
seconds=${FORKSCOPE_FUZZ_SECONDS:-10}
echo 1..1
dir=$(mktemp -d)
mkdir "$dir/corpus" "$dir/found"
# One sound record of two items to begin from: start{pos,tail,run,fill}, then size, kind, flags, seq,
# first, count, room, ends[2], data.
printf '\0\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\14\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0' \
	>"$dir/corpus/sound"
printf '\0\0\0\0\2\0\0\0\2\0\0\0\64\0\0\0\100\0\0\0abcd            efgh' >>"$dir/corpus/sound"
if "$build/tests/fuzz/pool_lane" -max_total_time="$seconds" -timeout=10 -max_len=4096 \
	-print_final_stats=1 -artifact_prefix="$dir/found/" "$dir/corpus" >"$dir/log" 2>&1; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
	if [ "${runs:-0}" -gt 1000 ]; then
		echo "ok 1 - $runs inputs"
	else
		echo "not ok 1 - only ${runs:-no} inputs were tried"
	fi
	rm -rf "$dir"
else
	tail -40 "$dir/log" | sed 's/^/# /'
	echo "# repeat: $build/tests/fuzz/pool_lane $dir/found/*"
	echo "not ok 1 - no crash, hang or leak"
fi
