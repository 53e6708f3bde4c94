/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has no architecture-neutral name: to make the system call that was
 * interrupted be restart_syscall(2) when it is restarted, and to write down
 * the arguments of one.
 */
#ifndef AEM_ARCH_H
#define AEM_ARCH_H

#include <linux/ptrace.h>
#include <linux/thread_info.h>
#include <linux/types.h>
#include <linux/unistd.h>

#include <asm/unistd.h>

/*
 * Is it known how? Else the call starts afresh, with its whole time-out: those
 * of 32-bit programs.
 */
static inline bool aem_arch_native(unsigned int nr)
{
	return !in_ia32_syscall() && nr < NR_syscalls;
}

static inline void aem_arch_restart_by_number(struct pt_regs *regs)
{
	regs->orig_ax = __NR_restart_syscall;
}

static inline void aem_arch_set_call(struct pt_regs *regs, unsigned int nr,
				     const unsigned long *args)
{
	regs->orig_ax = nr;
	regs->di = args[0];
	regs->si = args[1];
	regs->dx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

#endif /* AEM_ARCH_H */
