// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls go on.
 *
 * An event is not a signal: the system call that a handler interrupts goes on
 * when the handler has returned. What the architecture's signal code restarts
 * for any handler is left to it. The rest is made to go on by way of
 * restart_syscall(2), since sigreturn drops the restart block:
 *
 *   -ERESTART_RESTARTBLOCK  the block is put aside
 *   -ERESTARTNOHAND, -EINTR a call that only waits is made again from there,
 *                           with the arguments that it had and the deadline
 *                           that it had, if any; others start afresh
 *
 * As with the kernel's own restart blocks, a call that is made again has passed
 * seccomp, audit and the tracer as what it is, and passes them again as
 * restart_syscall(2). So there is a list of them: calls that wait, and neither
 * make nor end a program.
 *
 * It is put aside in the level that the upcall begins. When no handler was due
 * after all, nothing drops the restart block, but an upcall may come right
 * before restart_syscall(2): so it is put aside too, where that level would be.
 *
 * A signal whose handler runs on top of one of AEM's has come while the call
 * below waited, and ends it as without AEM.
 *
 * All of it is touched by current only, so that there are no locks.
 */
#include <linux/aem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <asm/syscall.h>

#include "core.h"
#include "arch.h"

/* Is this one of the calls that may be made again? */
static bool aem_restart_waits(unsigned int nr, const unsigned long *args)
{
	switch (nr) {
	case __NR_pause:
	case __NR_rt_sigsuspend:
	case __NR_rt_sigtimedwait:
	case __NR_select:
	case __NR_pselect6:
	case __NR_ppoll:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
	case __NR_clock_nanosleep:
	case __NR_semop:
	case __NR_semtimedop:
	case __NR_msgrcv:
	case __NR_msgsnd:
	case __NR_io_getevents:
	case __NR_io_pgetevents:
	case __NR_io_uring_enter:
	/* Of sockets with a time-out. */
	case __NR_read:
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_accept:
	case __NR_accept4:
	case __NR_connect:
		return true;
	case __NR_ioctl:
		return args[1] == AEM_IOC_KEEPALIVE || args[1] == AEM_IOC_WAIT;
	default:
		return false;
	}
}

/* Puts the call aside that failed with what signals make of it, if it waits. */
static bool aem_restart_save_call(struct aem_task *t, struct aem_level *at,
				  struct pt_regs *regs, unsigned int nr)
{
	bool deadline = t->deadline_nr == nr &&
			t->deadline_ip == instruction_pointer(regs);
	unsigned long args[6];

	syscall_get_arguments(current, regs, args);
	if (!aem_restart_waits(nr, args))
		return false;
	at->resume = AEM_RESUME_CALL;
	at->again.nr = nr;
	at->again.deadline = deadline ? t->deadline : KTIME_MAX;
	memcpy(at->again.args, args, sizeof(args));
	set_restart_fn(&current->restart_block, do_no_restart_syscall);
	return true;
}

static void aem_restart_afresh(struct pt_regs *regs, unsigned int nr,
			       long error)
{
	/* close() has closed: it is the one that must not go on. */
	if (error == -EINTR && nr == __NR_close)
		return;
	syscall_set_return_value(current, regs, -ERESTARTNOINTR, 0);
}

/* By restart_syscall(2), which arch_do_signal_or_restart() knows how to do. */
static void aem_restart_by_number(struct pt_regs *regs, bool frame)
{
	if (!frame) {
		syscall_set_return_value(current, regs,
					 -ERESTART_RESTARTBLOCK, 0);
		return;
	}
	aem_arch_restart_by_number(regs);
	syscall_set_return_value(current, regs, -ERESTARTNOINTR, 0);
}

/**
 * aem_restart_save - make the interrupted system call go on
 * @t: of current, on its way to user mode
 * @level: that the upcall has begun, NULL when no frame is pushed
 *
 * Calls by int 0x80 in a 64-bit program are left as they are.
 *
 * Context: process.
 */
void aem_restart_save(struct aem_task *t, struct aem_level *level)
{
	struct aem_level *at = level ?: &t->levels[t->depth];
	struct pt_regs *regs = current_pt_regs();
	int nr = syscall_get_nr(current, regs);
	long error;

	if (nr == -1 || !aem_arch_native(nr))
		return;
	error = syscall_get_error(current, regs);
	switch (error) {
	case -EINTR:
	case -ERESTARTNOHAND:
		/* A signal has come: it ends here. */
		if (nr == __NR_restart_syscall)
			return;
		if (!aem_restart_save_call(t, at, regs, nr)) {
			aem_restart_afresh(regs, nr, error);
			return;
		}
		break;
	case -ERESTART_RESTARTBLOCK:
		/* Else it is one of ours that goes on once more. */
		if (current->restart_block.fn != do_no_restart_syscall) {
			at->resume = AEM_RESUME_BLOCK;
			at->restart = current->restart_block;
		}
		break;
	default:
		return;
	}
	at->signalled = false;
	aem_restart_by_number(regs, level);
}

/* Makes a call again. */
static long aem_restart_call(struct aem_task *t, struct aem_level *level)
{
	struct pt_regs regs = *current_pt_regs();
	struct aem_again again = level->again;
	long ret;

	aem_arch_set_call(&regs, again.nr, again.args);
	t->deadline = again.deadline;
	t->resumed = again.deadline != KTIME_MAX;
	ret = aem_call_again(&regs, again.nr);
	t->resumed = false;
	/* As what it is: a socket's time-out was taken away while it waited. */
	if (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR) {
		aem_arch_set_call(current_pt_regs(), again.nr, again.args);
		return ret;
	}
	/*
	 * What only a handler ends goes on after a stop, as after an event. What
	 * any signal ends has ended, unless there is none.
	 */
	if (ret != -ERESTARTNOHAND &&
	    (ret != -EINTR || task_sigpending(current) ||
	     !test_thread_flag(TIF_NOTIFY_SIGNAL)))
		return ret;
	/* Once more: aem_restart_save() finds it still aside. */
	level->resume = AEM_RESUME_CALL;
	set_restart_fn(&current->restart_block, do_no_restart_syscall);
	return -ERESTART_RESTARTBLOCK;
}

/* The hook in restart_syscall(2): what was put aside here. */
long aem_restart_resume(void)
{
	struct aem_task *t = current->aem;
	struct aem_level *level = &t->levels[t->depth];
	enum aem_resume resume = level->resume;

	level->resume = AEM_RESUME_NOT;
	if (level->signalled)
		return -EINTR;
	switch (resume) {
	case AEM_RESUME_BLOCK:
		current->restart_block = level->restart;
		return current->restart_block.fn(&current->restart_block);
	case AEM_RESUME_CALL:
		return aem_restart_call(t, level);
	default:
		return -EINTR;
	}
}

/* A signal is delivered: all calls below end with it. */
void aem_restart_signalled(struct aem_task *t)
{
	unsigned int i;

	for (i = 0; i <= t->depth; i++)
		t->levels[i].signalled = true;
}

/* The hook where a system call takes the deadline until which it waits. */
ktime_t aem_restart_deadline(ktime_t expires)
{
	struct aem_task *t = current->aem;
	struct pt_regs *regs = current_pt_regs();

	/* Some calls ask more than once. */
	if (t->resumed)
		return t->deadline;
	t->deadline = expires;
	t->deadline_nr = syscall_get_nr(current, regs);
	t->deadline_ip = instruction_pointer(regs);
	return expires;
}
