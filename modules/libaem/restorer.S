/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aem_restorer: where the dispatcher returns to. It drops the signal frame
 * that the stack pointer stands on, by rt_sigreturn.
 *
 * Debuggers and exceptions unwind through it. Its call-frame information says
 * where in the frame the kernel put the interrupted registers; some debuggers
 * go by the instructions instead, so these are the customary ones.
 */
#include <asm/unistd.h>

	.text
	.globl	aem_restorer
	.hidden	aem_restorer
	.type	aem_restorer, %function
	.balign	16

#if defined(__x86_64__) && defined(__LP64__)

/* At the stack pointer: struct ucontext; in it, from byte 40, sigcontext. */
#define GREG(n)	(40 + 8 * (n))

	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa	rsp, 0
	.cfi_offset	r8, GREG(0)
	.cfi_offset	r9, GREG(1)
	.cfi_offset	r10, GREG(2)
	.cfi_offset	r11, GREG(3)
	.cfi_offset	r12, GREG(4)
	.cfi_offset	r13, GREG(5)
	.cfi_offset	r14, GREG(6)
	.cfi_offset	r15, GREG(7)
	.cfi_offset	rdi, GREG(8)
	.cfi_offset	rsi, GREG(9)
	.cfi_offset	rbp, GREG(10)
	.cfi_offset	rbx, GREG(11)
	.cfi_offset	rdx, GREG(12)
	.cfi_offset	rax, GREG(13)
	.cfi_offset	rcx, GREG(14)
	.cfi_offset	rsp, GREG(15)
	.cfi_offset	rip, GREG(16)
	/* An unwinder looks a return address up one byte before it. */
	nop
aem_restorer:
	movq	$__NR_rt_sigreturn, %rax
	syscall
	.cfi_endproc

#elif defined(__aarch64__)

/*
 * No call-frame information: it has no column for the program counter that
 * all unwinders know, and all of them know these two instructions.
 */
	nop
aem_restorer:
	mov	x8, #__NR_rt_sigreturn
	svc	#0

#else
#error "libaem does not know how to return from a handler on this architecture"
#endif

	.size	aem_restorer, . - aem_restorer
	.section .note.GNU-stack, "", %progbits

#ifdef __CET__
#include <cet.h>
#endif
