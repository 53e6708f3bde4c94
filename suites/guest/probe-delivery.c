// SPDX-License-Identifier: GPL-2.0-only
/* What a program may do to its ring and to its stacks while events come. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "probe.h"

#define GUARD_SIZE	4096

/* Of the thread, once it was told: the handlers need no call to find it. */
static __thread struct aem_ring *ring;
static char *stacks[2];
static ucontext_t caller, coroutine;
static int raised_there;

/* The thread has a context, so this attaches nothing and only tells. */
static struct aem_ring *find_ring(void)
{
	struct aem_attach how = {
		.dispatcher = (uintptr_t)find_ring,
		.restorer = (uintptr_t)find_ring,
	};
	int fd = open("/dev/aem-core", O_RDWR | O_CLOEXEC);
	int ret = fd < 0 ? -1 : ioctl(fd, AEM_IOC_ATTACH, &how);

	if (fd >= 0)
		close(fd);
	return ret < 0 ? NULL : (struct aem_ring *)(uintptr_t)how.ring;
}

/* `ring`: where the calling thread's is. */
static void do_ring(const struct command *c)
{
	struct message m = { 0 };

	ring = find_ring();
	put_number(&m, "addr", (long)ring);
	put_number(&m, "size", sizeof(*ring));
	answer_with(c, ring ? 0 : -1, ring ? 0 : errno, &m);
}

static void do_unmap(const struct command *c)
{
	answer(c, munmap((void *)number(c, "addr", 0), number(c, "size", 0)));
}

static unsigned long next_random(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static atomic_bool spoilt;

/* `spoil addr=`: random states into the calls of a ring, until `spoilt`. */
static void do_spoil(const struct command *c)
{
	struct aem_ring *at = (struct aem_ring *)number(c, "addr", 0);
	unsigned long state = number(c, "seed", 1), value;

	while (!atomic_load(&spoilt)) {
		value = next_random(&state);
		/* Of those that there are, and some that there are not. */
		__atomic_store_n(&at->calls[value % 8].state,
				 (value >> 32) & 0x107, __ATOMIC_RELAXED);
	}
	answer(c, 0);
}

static void do_spoilt(const struct command *c)
{
	atomic_store(&spoilt, true);
	answer(c, 0);
}

/*
 * Each with a guard page below, as those who switch stacks make them. With
 * `own` the first is a part of main's own stack.
 */
static void do_stacks(const struct command *c)
{
	struct message m = { 0 };
	char *at;
	int i;

	for (i = 0; i < 2; i++) {
		at = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED ||
		    mprotect(at + GUARD_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE) < 0) {
			answer(c, -1);
			return;
		}
		stacks[i] = at + GUARD_SIZE;
	}
	if (given(c, "own"))
		stacks[0] = own_stack;
	answer_with(c, 0, 0, &m);
}

void tell(const char *what, int eid, long ret)
{
	struct message m = { 0 };

	put_text(&m, "{");
	put_string(&m, "did", what);
	put_number(&m, "eid", eid);
	put_number(&m, "ret", ret);
	send_message(&m);
}

static void tell_stack(const char *what, int eid, const char *stack, const char *frame)
{
	tell(what, eid, stack > frame);
}

int use_signal_stack(void)
{
	stack_t ss = { .ss_sp = stacks[0], .ss_size = STACK_SIZE };

	return sigaltstack(&ss, NULL);
}

static void on_altstack(int signo)
{
	(void)signo;
	fire_event(raised_there, 0, 1, NULL, 0);
}

/* Raises `other` in a signal handler on a stack of its own. */
static void use_altstack(int eid, int other)
{
	struct sigaction sa = { .sa_handler = on_altstack, .sa_flags = SA_ONSTACK };
	stack_t off = { .ss_flags = SS_DISABLE };

	raised_there = other;
	use_signal_stack();
	sigaction(SIGUSR1, &sa, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	sigaltstack(&off, NULL);
	tell_stack("altstack", eid, stacks[0], __builtin_frame_address(0));
}

static void run_coroutine(void)
{
	fire_event(raised_there, 0, 1, NULL, 0);
}

/* Raises `other` on another stack, and comes back. */
static void use_coroutine(int eid, int other)
{
	raised_there = other;
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stacks[1];
	coroutine.uc_stack.ss_size = STACK_SIZE;
	coroutine.uc_link = &caller;
	makecontext(&coroutine, run_coroutine, 0);
	swapcontext(&caller, &coroutine);
	tell_stack("coroutine", eid, stacks[1], __builtin_frame_address(0));
}

/* Of this process, whoever opened it. */
static void close_core(void)
{
	char path[32], name[32];
	ssize_t len;
	int fd;

	for (fd = 3; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, name, sizeof(name));
		if (len == strlen("/dev/aem-core") && !memcmp(name, "/dev/aem-core", len))
			close(fd);
	}
}

/* What a debugger's breakpoint is. */
static void raise_trap(void)
{
#ifdef __x86_64__
	__asm__ volatile("int3");
#endif
}

/* The handler's actions; false for one that is not known here. */
bool act_on_delivery(const char *name, int eid, long arg)
{
	if (!strcmp(name, "wipe"))
		memset(ring, arg, sizeof(*ring));
	else if (!strcmp(name, "leave"))
		leave_handlers();
	else if (!strcmp(name, "surface"))
		back_to_surface();
	else if (!strcmp(name, "below"))
		back_below();
	else if (!strcmp(name, "altstack"))
		use_altstack(eid, arg);
	else if (!strcmp(name, "coroutine"))
		use_coroutine(eid, arg);
	else if (!strcmp(name, "unmap-zone"))
		unmap_zone();
	else if (!strcmp(name, "close-core"))
		close_core();
	else if (!strcmp(name, "trap"))
		raise_trap();
	else
		return false;
	return true;
}

static void do_books(const struct command *c)
{
	struct aem_books books = { 0 };
	struct message m = { 0 };
	int ret = aemCORE_event_books(number(c, "eid", 0), &books);

	put_number(&m, "raised", books.raised);
	put_number(&m, "delivered", books.delivered);
	put_number(&m, "coalesced", books.coalesced);
	put_number(&m, "refused", books.refused);
	put_number(&m, "pending", books.pending);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

const struct verb delivery_verbs[] = {
	{ "ring", do_ring },
	{ "unmap", do_unmap },
	{ "spoil", do_spoil },
	{ "spoilt", do_spoilt },
	{ "stacks", do_stacks },
	{ "books", do_books },
	{ }
};
