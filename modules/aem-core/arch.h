/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one thing that has no architecture-neutral name: make the system call
 * that was interrupted be restart_syscall(2) when it is restarted.
 */
#ifndef AEM_ARCH_H
#define AEM_ARCH_H

#include <linux/ptrace.h>
#include <linux/thread_info.h>
#include <linux/types.h>
#include <linux/unistd.h>

#ifdef CONFIG_X86_64

#include <asm/unistd.h>

/*
 * Returns false where it is not known how: the call starts afresh then, with
 * its whole time-out.
 */
static inline bool aem_arch_restart_by_number(struct pt_regs *regs)
{
	if (in_ia32_syscall())
		return false;
	regs->orig_ax = __NR_restart_syscall;
	return true;
}

#else

static inline bool aem_arch_restart_by_number(struct pt_regs *regs)
{
	return false;
}

#endif
#endif /* AEM_ARCH_H */
