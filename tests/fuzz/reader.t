#!/bin/sh
# SPDX-License-Identifier: MIT
# Twenty seconds of the fuzzer (FORKSCOPE_FUZZ_SECONDS) on the trace reader and who is behind it, under
# ASan and UBSan. A crash's input is kept, and printed to be repeated.
set -u
build=${FORKSCOPE_BUILD:-build}
seconds=${FORKSCOPE_FUZZ_SECONDS:-20}
echo 1..2
dir=$(mktemp -d)
mkdir "$dir/corpus" "$dir/found"
if "$build/tests/fuzz/make_corpus" "$dir/corpus" && [ "$(find "$dir/corpus" -type f | wc -l)" -gt 30 ]; then
	echo "ok 1 - a corpus"
else
	echo "not ok 1 - a corpus"
fi
if "$build/tests/fuzz/fuzz_reader" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=20000 \
	-print_final_stats=1 -artifact_prefix="$dir/found/" "$dir/corpus" >"$dir/log" 2>&1; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
	if [ "${runs:-0}" -gt 100 ]; then
		echo "ok 2 - $runs inputs"
	else
		echo "not ok 2 - only ${runs:-no} inputs were tried"
	fi
	rm -rf "$dir"
else
	grep -vE '(NEW|REDUCE|RELOAD|pulse) ' "$dir/log" | tail -40 | sed 's/^/# /'
	echo "# repeat: $build/tests/fuzz/fuzz_reader $dir/found/*"
	echo "not ok 2 - no crash, hang or leak"
fi
