/* SPDX-License-Identifier: MIT */
/* See progress.h. */
#include "cmd/cmd.h"
#include "cmd/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REDRAW_NS 100000000LL
#define BAR_CELLS 24

void progress_start(struct progress *progress, bool wanted, int input_fd)
{
	struct stat st;

	*progress = (struct progress){ .start_ns = clock_ns() };
	progress->on = wanted && isatty(STDERR_FILENO);
	if (fstat(input_fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		progress->bytes_total = (uint64_t)st.st_size;
}

static int print_bar(char *at, size_t size, double part, double seconds)
{
	char bar[BAR_CELLS + 1];
	int full = (int)(part * BAR_CELLS);
	long left = part > 0 ? (long)(seconds / part - seconds + 0.5) : 0;

	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', (size_t)full);
	bar[BAR_CELLS] = 0;
	return snprintf(at, size, "[%s] %3d%%  ETA %ld:%02ld  ", bar, (int)(part * 100), left / 60,
			left % 60);
}

void progress_update(struct progress *progress, uint64_t done, uint64_t failed, uint64_t bytes_done)
{
	int64_t now;
	double seconds, part;
	char text[200];
	int len = 0;

	if (!progress->on)
		return;
	now = clock_ns();
	if (now - progress->last_ns < REDRAW_NS)
		return;
	progress->last_ns = now;
	progress->shown = true;
	seconds = (double)(now - progress->start_ns) / 1e9;
	if (progress->bytes_total) {
		part = (double)bytes_done / (double)progress->bytes_total;
		len = print_bar(text, sizeof(text), part < 1 ? part : 1, seconds);
	}
	snprintf(text + len, sizeof(text) - (size_t)len, "%llu done  %llu failed  %.0f/s",
		 (unsigned long long)done, (unsigned long long)failed,
		 seconds > 0 ? (double)done / seconds : 0);
	dprintf(STDERR_FILENO, "\r%s\033[K", text);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		dprintf(STDERR_FILENO, "\r\033[K");
	progress->shown = false;
}
