/* SPDX-License-Identifier: MIT */
/*
 * Children that die inside exec. Past the point of no return the old image is gone and the new one
 * is not there: an ELF file whose segment cannot be mapped makes the kernel kill them exactly
 * there. And some that are killed at a random moment of an exec: each has one end, and it is the
 * one we reaped.
 */
#include "case.h"

#include <elf.h>

static const char *make_bad_elf(const char *dir)
{
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = 0xffff800000000000ul, /* the kernel's own half */
		.p_filesz = 4096,
		.p_memsz = 4096,
		.p_align = 4096,
	};
	const char *path = make_file(dir, "bad-elf", "", 0700);
	char fill[4096] = { 0 };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0 && write(fd, &head, sizeof(head)) == sizeof(head));
	check(write(fd, &segment, sizeof(segment)) == sizeof(segment));
	check(write(fd, fill, sizeof(fill)) == sizeof(fill));
	close(fd);
	return path;
}

int main(void)
{
	const char *dir, *bad;
	int status;
	pid_t pid;

	begin();
	dir = make_dir();
	bad = make_bad_elf(dir);
	pid = fork_child();
	if (pid == 0) {
		execl(bad, "bad", NULL);
		_exit(0);
	}
	status = reap(pid);
	if (WIFSIGNALED(status))
		say_child(pid, "fork", "fork", status, "\"images\":[]");
	else
		say("{'skip_part':'this kernel refuses the bad ELF file earlier'}");
	for (int i = 0; i < 30; i++) {
		uint64_t until = now_ns() + i * 50000;

		pid = fork_child();
		if (pid == 0) {
			execl("/bin/sleep", "sleep", "30", NULL);
			_exit(1);
		}
		while (now_ns() < until)
			;
		check(kill(pid, SIGKILL) == 0);
		status = reap(pid);
		say("{'expect':'process','pid':%d,'parent':%d,'exit':%s,'reaped_by':%d}", pid,
		    getpid(), exit_json(status), getpid());
		say("{'expect':'event','type':'exit','where':{'pid':%d},'count':1}", pid);
	}
	remove_dir(dir);
	return 0;
}
