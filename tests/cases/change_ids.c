/* SPDX-License-Identifier: MIT */
/*
 * Processes that change their uid and gid, by three calls; then an exec as somebody else. Needs
 * root.
 */
#include "case.h"

#include <grp.h>

#define OTHER 65534
#define SAY_CRED(uid, euid, suid, gid, egid, sgid)                                            \
	say("{'expect':'event','type':'cred','where':{'pid':%d,'uid':%d,'euid':%d,'suid':%d," \
	    "'gid':%d,'egid':%d,'sgid':%d}}",                                                 \
	    getpid(), uid, euid, suid, gid, egid, sgid)

int main(void)
{
	pid_t pid;

	begin();
	if (getuid() != 0)
		skip("{'skip':'not root'}");
	pid = fork_child();
	if (pid == 0) {
		check(setgroups(0, NULL) == 0);
		check(setresgid(OTHER, OTHER, 0) == 0);
		SAY_CRED(0, 0, 0, OTHER, OTHER, 0);
		check(seteuid(OTHER) == 0);
		SAY_CRED(0, OTHER, 0, OTHER, OTHER, 0);
		check(seteuid(0) == 0);
		check(setresuid(OTHER, OTHER, OTHER) == 0);
		SAY_CRED(OTHER, OTHER, OTHER, OTHER, OTHER, 0);
		execl("/bin/sh", "sh", "-c", "exit 85", NULL);
		broken("exec");
	}
	say_child(pid, "fork", "spawn", reap(pid), "\"images\":[\"/bin/sh\"]");
	say("{'expect':'state','pid':%d,'uid':%d,'gid':%d}", pid, OTHER, OTHER);
	return 0;
}
