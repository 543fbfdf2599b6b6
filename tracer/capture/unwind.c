/* SPDX-License-Identifier: MIT */
/* See unwind.h. */
#include "capture/unwind.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "capture/frames.h"
#include "capture/proc_wait.h"

/* --- stopping --- */

int unwind_stop(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || waitpid(tid, &status, __WALL) != tid ||
	    !WIFSTOPPED(status)) {
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return -ESRCH;
	}
	/* A signal that came first is not ours to swallow. */
	if (status >> 16 != PTRACE_EVENT_STOP) {
		(void)ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)WSTOPSIG(status));
		return -EAGAIN;
	}
	return 0;
}

/* One that was killed meanwhile cannot be let go: its end has come to us, and its parent hears of it only then. */
void unwind_let_go(pid_t tid, int sig)
{
	int status;

	if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(uintptr_t)sig) < 0 && errno == ESRCH)
		(void)waitpid(tid, &status, __WALL);
}

/* --- frames --- */

void unwind_stopped(pid_t pid, pid_t tid, struct buffer *out)
{
	struct frames f = { .dwfl = dwfl_begin(&frames_callbacks), .out = out };
	struct frames_python python;

	if (!f.dwfl)
		return;
	if (dwfl_linux_proc_report(f.dwfl, pid) == 0 && dwfl_report_end(f.dwfl, NULL, NULL) == 0 &&
	    dwfl_linux_proc_attach(f.dwfl, pid, true) == 0)
		(void)dwfl_getthread_frames(f.dwfl, tid, frames_add, &f);
	python = frames_find_python(f.dwfl, NULL, pid);
	frames_add_python(&python, pid, tid, out);
	dwfl_end(f.dwfl);
}

void unwind_python(pid_t pid, pid_t tid, struct buffer *frames)
{
	Dwfl *dwfl = frames_open(pid);
	struct frames_python python;

	if (!dwfl)
		return;
	python = frames_find_python(dwfl, NULL, pid);
	frames_add_python(&python, pid, tid, frames);
	dwfl_end(dwfl);
}

int unwind_thread(pid_t pid, pid_t tid, struct buffer *frames)
{
	int err = unwind_stop(tid);

	if (err)
		return err;
	unwind_stopped(pid, tid, frames);
	unwind_let_go(tid, 0);
	return 0;
}
