#!/bin/bash
# SPDX-License-Identifier: MIT
# How the source looks, and the rules of the house that a text search can hold.
set -u
echo 1..7
n=0
# Prints what is wrong as comments; nothing wrong is a pass.
result() { # what is wrong, name
	n=$((n + 1))
	if [ -z "$1" ]; then
		echo "ok $n - $2"
	else
		printf '%s\n' "$1" | head -20 | sed 's/^/# /'
		echo "not ok $n - $2"
	fi
}

mapfile -t c < <(find include pool shim bpf tracer tests bench examples -name '*.[ch]' 2>/dev/null | sort)
mapfile -t code < <(find pool shim tracer -name '*.[ch]' 2>/dev/null | sort)
mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' scripts tests .ci 2>/dev/null | sort)

if [ ${#c[@]} -lt 10 ]; then
	echo "Bail out! only ${#c[@]} C files found: is this the tree?"
	exit 1
fi

if command -v clang-format-14 >/dev/null; then
	result "$(clang-format-14 --dry-run -Werror "${c[@]}" 2>&1 | grep -E '^[^ ]+:[0-9]+:[0-9]+: (error|warning)' | cut -d: -f1 |
		sort | uniq -c)" "clang-format-14 would change nothing"
else
	n=$((n + 1))
	echo "ok $n - clang-format # SKIP clang-format-14 is not installed"
fi

# Line 1 the licence, line 2 a comment that says what the file is for.
result "$(for f in "${c[@]}"; do
	sed -n '1p' "$f" | grep -q '^/\* SPDX-License-Identifier: [A-Za-z0-9. -]* \*/$' || echo "$f: licence"
	sed -n '2p' "$f" | grep -q '^/\*' || echo "$f: opening comment"
done)" "each C file opens with its licence and a comment"

result "$(for f in "${scripts[@]}"; do
	sed -n '2p' "$f" | grep -q '^# SPDX-License-Identifier: ' || echo "$f"
done)" "each script has its licence in line 2"

result "$(grep -nE '\b(dup|strcpy|strcat|sprintf|vsprintf|atoi|atol|atoll|strtok|gets)\(' "${code[@]}" |
	grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)')" \
	"no dup (an fd without CLOEXEC), no unchecked copy or number"

# An open of any kind says CLOEXEC within its two lines.
result "$(awk '
	/(^|[^A-Za-z0-9_>.])(open|openat|pipe2|socket|socketpair|accept4|memfd_create|epoll_create1|eventfd|signalfd|timerfd_create|inotify_init1)\(/ &&
	!/^[[:space:]]*(\/?\*|\/\/)/ && !/^(static )?(int|bool|void|struct|const|size_t|ssize_t)/ {
		text = $0; where = FILENAME ":" FNR ": " $0
		if (text !~ /CLOEXEC/ && (getline more) > 0) text = text more
		if (text !~ /CLOEXEC/) print where
	}
	/(^|[^A-Za-z0-9_])(pipe|accept|epoll_create|inotify_init|creat)\(/ { print FILENAME ":" FNR ": " $0 }
	/fopen\([^)]*"[rwa]b?\+?"\)/ { print FILENAME ":" FNR ": " $0 }
' "${code[@]}")" "each fd is CLOEXEC at birth"

result "$(wc -l "${code[@]}" | awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines" }')" \
	"no file is far too long"

if command -v shellcheck >/dev/null; then
	result "$(shellcheck -x "${scripts[@]}" 2>&1)" "shellcheck"
else
	n=$((n + 1))
	echo "ok $n - shellcheck # SKIP shellcheck is not installed"
fi
