// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state that an upcall must give back: code that makes no system call
 * runs until `calls` handlers have been, and looks at what it holds.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static void spin_until(long target)
{
	while (atomic_load_explicit(&calls, memory_order_relaxed) < target)
		;
}

#ifdef __x86_64__
/*
 * Every register but the stack pointer and the three that the loop needs holds
 * a value of its own, and the carry flag is set. Returns how many differ.
 *
 * rbp is kept in the save area: a push would move what the compiler addresses
 * by the stack pointer, and would write into its red zone.
 */
static long spin_registers(long target)
{
	/* The 11 registers, the carry flag, and rbp as it was. */
	unsigned long seen[13] = { 0 };
	long i, wrong = 0;

	register unsigned long *save __asm__("r15") = seen;

	__asm__ volatile(
		"mov %%rbp, 96(%%r15)\n"
		"mov $101, %%ebx; mov $102, %%ebp; mov $103, %%esi\n"
		"mov $104, %%edi; mov $105, %%r8d; mov $106, %%r9d\n"
		"mov $107, %%r10d; mov $108, %%r11d; mov $109, %%r12d\n"
		"mov $110, %%r13d; mov $111, %%r14d\n"
		"neg %%rdx\n"
		"stc\n"
		/* mov, lea and jrcxz leave the flags alone; the sign bit tells. */
		"1: mov (%%rax), %%rcx\n"
		"lea (%%rcx, %%rdx), %%rcx\n"
		"bswap %%rcx\n"
		"movzbl %%cl, %%ecx\n"
		"lea -255(%%rcx), %%rcx\n"
		"jrcxz 1b\n"
		"setc 88(%%r15)\n"
		"mov %%rbx, 0(%%r15); mov %%rbp, 8(%%r15)\n"
		"mov %%rsi, 16(%%r15); mov %%rdi, 24(%%r15)\n"
		"mov %%r8, 32(%%r15); mov %%r9, 40(%%r15)\n"
		"mov %%r10, 48(%%r15); mov %%r11, 56(%%r15)\n"
		"mov %%r12, 64(%%r15); mov %%r13, 72(%%r15)\n"
		"mov %%r14, 80(%%r15)\n"
		"mov 96(%%r15), %%rbp\n"
		: "+d" (target)
		: "a" (&calls), "r" (save)
		: "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "cc", "memory");
	for (i = 0; i < 11; i++)
		wrong += seen[i] != (unsigned long)(101 + i);
	return wrong + (seen[11] != 1);
}

/* With the stack pointer `offset` bytes below a multiple of 16. */
static void spin_stack(long target, long offset)
{
	__asm__ volatile(
		"mov %%rsp, %%r15\n"
		/* Out of the red zone. */
		"lea -256(%%rsp), %%rsp\n"
		"and $-16, %%rsp\n"
		"sub %[offset], %%rsp\n"
		"1: cmp %[target], (%[calls])\n"
		"jl 1b\n"
		"mov %%r15, %%rsp\n"
		: : [calls] "r" (&calls), [target] "r" (target), [offset] "r" (offset)
		: "r15", "cc", "memory");
}

/* As many of xmm0 to xmm15 and of the x87 stack as differ afterwards. */
static long spin_vectors(long target)
{
	static unsigned long in[16][2], out[16][2];
	long i, wrong = 0;
	double one;

	for (i = 0; i < 16; i++) {
		in[i][0] = 0x0101010101010101UL * (i + 1);
		in[i][1] = ~in[i][0];
	}
	__asm__ volatile(
		"fninit; fld1\n"
		"movdqu 0(%[in]), %%xmm0; movdqu 16(%[in]), %%xmm1\n"
		"movdqu 32(%[in]), %%xmm2; movdqu 48(%[in]), %%xmm3\n"
		"movdqu 64(%[in]), %%xmm4; movdqu 80(%[in]), %%xmm5\n"
		"movdqu 96(%[in]), %%xmm6; movdqu 112(%[in]), %%xmm7\n"
		"movdqu 128(%[in]), %%xmm8; movdqu 144(%[in]), %%xmm9\n"
		"movdqu 160(%[in]), %%xmm10; movdqu 176(%[in]), %%xmm11\n"
		"movdqu 192(%[in]), %%xmm12; movdqu 208(%[in]), %%xmm13\n"
		"movdqu 224(%[in]), %%xmm14; movdqu 240(%[in]), %%xmm15\n"
		"1: cmp %[target], (%[calls])\n"
		"jl 1b\n"
		"movdqu %%xmm0, 0(%[out]); movdqu %%xmm1, 16(%[out])\n"
		"movdqu %%xmm2, 32(%[out]); movdqu %%xmm3, 48(%[out])\n"
		"movdqu %%xmm4, 64(%[out]); movdqu %%xmm5, 80(%[out])\n"
		"movdqu %%xmm6, 96(%[out]); movdqu %%xmm7, 112(%[out])\n"
		"movdqu %%xmm8, 128(%[out]); movdqu %%xmm9, 144(%[out])\n"
		"movdqu %%xmm10, 160(%[out]); movdqu %%xmm11, 176(%[out])\n"
		"movdqu %%xmm12, 192(%[out]); movdqu %%xmm13, 208(%[out])\n"
		"movdqu %%xmm14, 224(%[out]); movdqu %%xmm15, 240(%[out])\n"
		"fstpl %[one]\n"
		: [one] "=m" (one)
		: [in] "r" (in), [out] "r" (out), [calls] "r" (&calls),
		  [target] "r" (target)
		: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
		  "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
		  "xmm14", "xmm15", "st", "cc", "memory");
	for (i = 0; i < 16; i++)
		wrong += memcmp(in[i], out[i], sizeof(in[i])) != 0;
	return wrong + (one != 1.0);
}
#else
#error "probe: which registers does this architecture have?"
#endif

static long spin_errno(long target)
{
	errno = EXDEV;
	spin_until(target);
	return errno != EXDEV;
}

static long spin_mask(long target)
{
	sigset_t before, after;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	spin_until(target);
	sigprocmask(SIG_SETMASK, NULL, &after);
	return sigismember(&after, SIGUSR1) != 1 || sigismember(&after, SIGUSR2) != 0;
}

/* `spin what= calls=N`: ret is how much of the state differs. */
static void do_spin(const struct command *c)
{
	const char *what = word(c, "what") ?: "nothing";
	long target = atomic_load(&calls) + number(c, "calls", 1);
	long wrong = 0;

	entering(what);
	if (!strcmp(what, "registers"))
		wrong = spin_registers(target);
	else if (!strcmp(what, "vectors"))
		wrong = spin_vectors(target);
	else if (!strcmp(what, "stack"))
		spin_stack(target, number(c, "offset", 0));
	else if (!strcmp(what, "errno"))
		wrong = spin_errno(target);
	else if (!strcmp(what, "mask"))
		wrong = spin_mask(target);
	else
		spin_until(target);
	answer(c, wrong);
}

static void do_sigmask(const struct command *c)
{
	sigset_t set;

	if (given(c, "all")) {
		sigfillset(&set);
	} else {
		sigemptyset(&set);
		if (given(c, "signal"))
			sigaddset(&set, number(c, "signal", 0));
	}
	answer(c, sigprocmask(SIG_SETMASK, &set, NULL));
}

/* Grows the brk area and uses malloc; `low` and `high` bound what it got. */
static void do_heap(const struct command *c)
{
	size_t size = number(c, "size", 65536);
	struct message m = { 0 };
	char *grown = sbrk(size);
	char *block = malloc(size);

	if (grown == (void *)-1 || !block) {
		fail(c, ENOMEM);
		return;
	}
	memset(grown, 0x5a, size);
	memset(block, 0xa5, size);
	put_number(&m, "grown", (long)grown);
	put_number(&m, "block", (long)block);
	put_number(&m, "size", size);
	answer_with(c, 0, 0, &m);
}

/* Reads and writes every page of a range. */
static void do_touch(const struct command *c)
{
	volatile char *at = (char *)number(c, "addr", 0);
	size_t i, size = number(c, "size", 0);
	long sum = 0;

	for (i = 0; i < size; i += 4096) {
		sum += at[i];
		at[i] = 1;
	}
	answer(c, sum);
}

const struct verb state_verbs[] = {
	{ "spin", do_spin },
	{ "sigmask", do_sigmask },
	{ "heap", do_heap },
	{ "touch", do_touch },
	{ }
};
