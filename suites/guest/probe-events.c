// SPDX-License-Identifier: GPL-2.0-only
/* Events: registered, steered and fired; and the handlers, which report. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

/* As suites/harness/fixtures/scripts.suite.ts has it. */
#define SLOTS		4096
#define MAX_ACTIONS	6

/* What a handler does beside reporting. */
struct action {
	char name[16];
	long arg, more;
};

struct script {
	struct action actions[MAX_ACTIONS];
	bool quiet;		/* counts, but does not report its call */
	bool report_return;
	bool set;
	atomic_int released;
};

/* One a slot of ids; the last is of all events that have none of their own. */
static struct script scripts[SLOTS + 1];
static atomic_long sequence;
__thread int handler_depth;
static __thread sigjmp_buf caught;
static char *zone;
static size_t zone_size;

atomic_long calls;

/* How often the events with each of the first cookies have run. */
static atomic_uchar tally[16384];

/* Id 0 stands for all events that have none of their own. */
static struct script *own_script(int eid)
{
	return &scripts[eid ? (unsigned int)eid % SLOTS : SLOTS];
}

static struct script *script_of(int eid)
{
	struct script *s = own_script(eid);

	return s->set ? s : own_script(0);
}

/* Handlers */

static void hold(int eid, struct script *s)
{
	struct message m = { 0 };

	put_text(&m, "{");
	put_number(&m, "holding", eid);
	send_message(&m);
	while (!atomic_load(&s->released))
		sched_yield();
	atomic_store(&s->released, 0);
}

/* Leaves nothing in the registers that a function may change. */
static void clobber(void)
{
#ifdef __x86_64__
	__asm__ volatile(
		"pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1\n"
		"pxor %%xmm2, %%xmm2; pxor %%xmm3, %%xmm3\n"
		"pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5\n"
		"pxor %%xmm6, %%xmm6; pxor %%xmm7, %%xmm7\n"
		"pxor %%xmm8, %%xmm8; pxor %%xmm9, %%xmm9\n"
		"pxor %%xmm10, %%xmm10; pxor %%xmm11, %%xmm11\n"
		"pxor %%xmm12, %%xmm12; pxor %%xmm13, %%xmm13\n"
		"pxor %%xmm14, %%xmm14; pxor %%xmm15, %%xmm15\n"
		"fninit\n"
		"xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx\n"
		"xor %%esi, %%esi; xor %%edi, %%edi; clc\n"
		"xor %%r8d, %%r8d; xor %%r9d, %%r9d\n"
		"xor %%r10d, %%r10d; xor %%r11d, %%r11d\n"
		: : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
		      "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		      "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
		      "xmm12", "xmm13", "xmm14", "xmm15", "cc");
#endif
}

static void report_result(const char *what, int eid, long ret)
{
	struct message m = { 0 };
	int error = errno;

	put_text(&m, "{");
	put_string(&m, "did", what);
	put_number(&m, "eid", eid);
	put_number(&m, "ret", ret);
	if (ret < 0)
		put_string(&m, "errno", strerrorname_np(error) ?: "?");
	send_message(&m);
}

/* The program's own: the kernel keeps what it has of it. */
void unmap_zone(void)
{
	munmap(zone, zone_size);
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void block_signal(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Is the child waitable, and what did it return? */
static void report_waitable(long pid)
{
	struct message m = { 0 };
	siginfo_t info = { 0 };

	waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
	put_text(&m, "{");
	put_string(&m, "did", "waitable");
	put_number(&m, "pid", info.si_pid);
	put_number(&m, "status", info.si_status);
	send_message(&m);
}

static void act(int eid, struct script *s, const struct action *a, char *data, int len)
{
	long ret;

	if (!strcmp(a->name, "hold"))
		hold(eid, s);
	else if (!strcmp(a->name, "fill"))
		memset(data, a->arg, len);
	else if (!strcmp(a->name, "scribble"))
		memset(zone, a->arg, zone_size);
	else if (!strcmp(a->name, "shutdown"))
		report_result(a->name, eid, aemCORE_event_shutdown(a->arg ?: eid));
	else if (!strcmp(a->name, "stop"))
		report_result(a->name, eid, aemCORE_event_stop(a->arg ?: eid));
	else if (!strcmp(a->name, "start"))
		report_result(a->name, eid, aemCORE_event_start(a->arg ?: eid));
	else if (!strcmp(a->name, "raise"))
		report_result(a->name, eid, fire_event(a->arg ?: eid, 0, 1, NULL, 0));
	else if (!strcmp(a->name, "rank"))
		report_result(a->name, eid, aemCORE_event_priority(a->arg, a->more));
	else if (!strcmp(a->name, "priority"))
		report_result(a->name, eid, aemCORE_event_priority(eid, a->arg));
	else if (!strcmp(a->name, "register"))
		report_result(a->name, eid, aemEXAMPLE_register(example_handler, a->arg, 0));
	else if (!strcmp(a->name, "errno"))
		errno = a->arg;
	else if (!strcmp(a->name, "clobber"))
		clobber();
	else if (!strcmp(a->name, "block"))
		block_signal(a->arg);
	else if (!strcmp(a->name, "waitable"))
		report_waitable(a->arg);
	else if (!strcmp(a->name, "nap"))
		nap(a->arg);
	else if (!strcmp(a->name, "burn"))
		spend(a->arg);
	else if (!strcmp(a->name, "exit"))
		exit(a->arg);
	else if (!strcmp(a->name, "_exit"))
		_exit(a->arg);
	else if (act_in_process(a->name, a->arg, &ret))
		report_result(a->name, eid, ret);
	else if (act_on_socket(a->name, a->arg, &ret))
		report_result(a->name, eid, ret);
	else if (act_on_timer(a->name, eid, a->arg, &ret))
		report_result(a->name, eid, ret);
	else
		act_on_delivery(a->name, eid, a->arg);
}

void begin_call(struct message *m, int eid)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, 0, NULL, &mask, sizeof(mask));
	put_text(m, "{\"call\":{");
	put_number(m, "seq", atomic_fetch_add(&sequence, 1));
	put_number(m, "eid", eid);
	put_number(m, "tid", syscall(SYS_gettid));
	put_number(m, "ppid", getppid());
	put_number(m, "cpu", sched_getcpu());
	put_number(m, "t", now_ns());
	put_number(m, "depth", handler_depth);
	put_number(m, "mask", mask);
}

/*
 * Handlers on top of this one come back here when they are left by `throw`.
 * Only one handler of a thread at a time can be what they come back to.
 */
static bool catch_or_throw(const char *name)
{
	return !strcmp(name, "catch") || !strcmp(name, "throw");
}

static void perform(int eid, struct script *s, char *data, int len)
{
	volatile int i, was = handler_depth;
	struct message m = { 0 };

	for (i = 0; i < MAX_ACTIONS && *s->actions[i].name; i++) {
		if (!catch_or_throw(s->actions[i].name)) {
			act(eid, s, &s->actions[i], data, len);
		} else if (*s->actions[i].name == 't') {
			siglongjmp(caught, 1);
		} else if (sigsetjmp(caught, 1)) {
			/* After what was under way when it was thrown. */
			handler_depth = was;
			report_result("catch", eid, 0);
		}
	}
	if (!s->report_return)
		return;
	put_text(&m, "{\"return\":{");
	put_number(&m, "seq", atomic_fetch_add(&sequence, 1));
	put_number(&m, "eid", eid);
	if (len)
		put_hex(&m, "data", data, len > 64 ? 64 : len);
	put_text(&m, "}");
	send_message(&m);
}

void perform_script(int eid, char *data, int len)
{
	perform(eid, script_of(eid), data, len);
}

static void example_body(int eid, char *data, int len, unsigned long cookie, unsigned long frame)
{
	struct script *s = script_of(eid);
	struct message m = { 0 };

	handler_depth++;
	if (!s->quiet) {
		begin_call(&m, eid);
		put_number(&m, "cookie", cookie);
		put_number(&m, "len", len);
		put_number(&m, "addr", (long)data);
		put_number(&m, "frame", frame % 16);
		put_hex(&m, "data", data, len > 64 ? 64 : len);
		put_text(&m, "}");
		send_message(&m);
	}
	perform(eid, s, data, len);
	handler_depth--;
	if (cookie < sizeof(tally))
		atomic_fetch_add(&tally[cookie], 1);
	atomic_fetch_add(&calls, 1);
}

/*
 * The ABI: where a function is entered the stack pointer is 8 beyond a
 * multiple of 16. The frame address is that minus 8.
 */
void example_handler(int eid, char *data, int len, unsigned long cookie)
{
	int saved = errno;

	example_body(eid, data, len, cookie, (unsigned long)__builtin_frame_address(0));
	/* What the script set is to be seen, what reporting did is not. */
	if (strcmp(script_of(eid)->actions[0].name, "errno"))
		errno = saved;
}

void finish_call(struct message *m, int eid)
{
	put_text(m, "}");
	send_message(m);
	perform_script(eid, NULL, 0);
	handler_depth--;
	atomic_fetch_add(&calls, 1);
}

void pexit_handler(int eid, int pid, int status)
{
	struct message m = { 0 };

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "pid", pid);
	put_number(&m, "status", status);
	finish_call(&m, eid);
}

/* Verbs */

static size_t from_hex(const char *text, unsigned char *data, size_t size)
{
	size_t len = 0;
	unsigned int byte;

	while (len < size && sscanf(text, "%2x", &byte) == 1) {
		data[len++] = byte;
		text += 2;
	}
	return len;
}

int fire_event(int eid, unsigned int context, unsigned int count, const void *data, size_t len)
{
	char buf[sizeof(struct aem_example_fire) + AEM_EXAMPLE_DATA_MAX];
	struct aem_example_fire fire = { .eid = eid, .context = context, .count = count };
	int fd, ret, error;

	memcpy(buf, &fire, sizeof(fire));
	if (len)
		memcpy(buf + sizeof(fire), data, len);
	fd = open("/dev/aem-example", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, buf, sizeof(fire) + len);
	error = errno;
	close(fd);
	errno = error;
	return ret < 0 ? -1 : 0;
}

/* The data of a command: `data=HEX`, or `len=N` bytes of `byte=`. */
static size_t data_of(const struct command *c, unsigned char *data, size_t size)
{
	size_t len = number(c, "len", 0);

	if (given(c, "data"))
		return from_hex(word(c, "data"), data, size);
	if (len > size)
		len = size;
	memset(data, number(c, "byte", 'x'), len);
	return len;
}

/* Waits until `count` threads are here. */
static void meet(long count)
{
	static atomic_long arrived;

	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < count)
		;
}

static void do_fire(const struct command *c)
{
	static __thread unsigned char data[AEM_EXAMPLE_DATA_MAX];
	long ret, i, times = number(c, "times", 1);
	size_t len = data_of(c, data, sizeof(data));

	if (given(c, "together"))
		meet(number(c, "together", 1));
	for (i = 0, ret = 0; i < times && !ret; i++)
		ret = fire_event(number(c, "eid", 0), number(c, "context", 0),
				 number(c, "count", 1), len ? data : NULL, len);
	answer(c, ret);
}

static void do_sysnr(const struct command *c)
{
	char path[64];
	__u32 first = 0, again = 0;
	struct message m = { 0 };
	long ret = -1;
	int fd;

	snprintf(path, sizeof(path), "/dev/aem-%s", word(c, "module"));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		ret = ioctl(fd, GET_SYSNR, &first) ?: ioctl(fd, GET_SYSNR, &again);
	put_number(&m, "first", first);
	put_number(&m, "again", again);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
	if (fd >= 0)
		close(fd);
}

static void do_init(const struct command *c)
{
	const char *module = word(c, "module");
	int ret;

	if (!strcmp(module, "pexit"))
		ret = aemPEXIT_init();
	else if (!strcmp(module, "timer"))
		ret = aemTimer_init();
	else if (!strcmp(module, "example"))
		ret = aemEXAMPLE_init();
	else
		ret = aemCORE_init();
	answer(c, ret);
}

/* Addresses that are no handlers of the program. */
void *handler_of(const struct command *c, void *good)
{
	static char data[64];
	const char *kind = word(c, "handler");

	if (!kind)
		return good;
	if (!strcmp(kind, "null"))
		return NULL;
	if (!strcmp(kind, "data"))
		return data;
	if (!strcmp(kind, "kernel"))
		return (void *)0xffffffff81000000UL;
	if (!strcmp(kind, "unmapped"))
		return (void *)0x10000UL;
	return good;
}

static long register_pexit(const struct command *c, unsigned int flags)
{
	void *handler = handler_of(c, pexit_handler);
	int pid = number(c, "pid", 0);

	if (flags)
		return aemPEXIT_notify_register_flags(pid, handler, flags);
	return aemPEXIT_notify_register(pid, handler);
}

static void do_register(const struct command *c)
{
	const char *module = word(c, "module");
	unsigned int flags = number(c, "flags", 0);
	long ret;

	if (module && !strcmp(module, "pexit"))
		ret = register_pexit(c, flags);
	else
		ret = aemEXAMPLE_register(handler_of(c, example_handler),
					  number(c, "cookie", 0), flags);
	answer(c, ret);
}

/* aem_entry() itself, with whatever arguments. */
static void do_entry(const struct command *c)
{
	struct aem_example_args args = {
		.head = {
			.size = number(c, "size", sizeof(args)),
			.flags = number(c, "flags", 0),
			.handler = (unsigned long)handler_of(c, example_handler),
		},
		.cookie = number(c, "cookie", 0),
	};
	void *at = given(c, "args") ? (void *)number(c, "args", 0) : &args;
	int nr = given(c, "nr") ? number(c, "nr", 0) : aemCORE_sysnr("example");

	answer(c, aem_entry(nr, at));
}

static void do_start(const struct command *c)
{
	answer(c, aemCORE_event_start(number(c, "eid", 0)));
}

static void do_stop(const struct command *c)
{
	answer(c, aemCORE_event_stop(number(c, "eid", 0)));
}

static void do_shutdown(const struct command *c)
{
	answer(c, aemCORE_event_shutdown(number(c, "eid", 0)));
}

static void do_priority(const struct command *c)
{
	answer(c, aemCORE_event_priority(number(c, "eid", 0), number(c, "priority", 0)));
}

static void do_evctl(const struct command *c)
{
	answer(c, aem_evctl(number(c, "eid", 0), number(c, "opt", 0), number(c, "arg", 0)));
}

/* `do=NAME[:ARG][,...]`, in this order; see act(). */
static void do_on(const struct command *c)
{
	struct script *s = own_script(number(c, "eid", 0));
	char *rest = (char *)word(c, "do"), *piece, *arg;
	int i = 0;

	memset(s->actions, 0, sizeof(s->actions));
	s->set = true;
	s->quiet = false;
	s->report_return = false;
	atomic_store(&s->released, 0);
	while (rest && (piece = strsep(&rest, ",")) && i < MAX_ACTIONS) {
		arg = strchr(piece, ':');
		if (arg)
			*arg++ = '\0';
		if (!strcmp(piece, "quiet")) {
			s->quiet = true;
		} else if (!strcmp(piece, "return")) {
			s->report_return = true;
		} else {
			snprintf(s->actions[i].name, sizeof(s->actions[i].name), "%s", piece);
			s->actions[i].arg = arg ? strtol(arg, &arg, 0) : 0;
			s->actions[i].more = arg && *arg ? strtol(arg + 1, NULL, 0) : 0;
			i++;
		}
	}
	answer(c, 0);
}

static void do_release(const struct command *c)
{
	atomic_store(&script_of(number(c, "eid", 0))->released, 1);
	answer(c, 0);
}

/* How many calls there were, and how many cookies' events ran `once`. */
static void do_calls(const struct command *c)
{
	struct message m = { 0 };
	long once = 0;
	size_t i;

	for (i = 0; i < sizeof(tally); i++)
		once += atomic_load(&tally[i]) == 1;
	put_number(&m, "once", once);
	answer_with(c, atomic_load(&calls), 0, &m);
}

static void do_vmtable(const struct command *c)
{
	struct message m = { 0 };
	void *before = sbrk(0);
	void *at;

	at = aemCORE_vmtable_init(number(c, "zone", TBL_VZONE), number(c, "size", 0));
	if (at) {
		zone = at;
		zone_size = number(c, "size", 0) ?: 65536;
	}
	put_number(&m, "addr", (long)at);
	put_number(&m, "before", (long)before);
	put_number(&m, "after", (long)sbrk(0));
	answer_with(c, at ? 0 : -1, at ? 0 : errno, &m);
}

/* What the last handler left in the data that it was given. */
static void do_left(const struct command *c)
{
	static __thread unsigned char data[AEM_EXAMPLE_DATA_MAX];
	struct message m = { 0 };
	int fd = open("/dev/aem-example", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	int error;

	if (fd >= 0)
		n = pread(fd, data, sizeof(data), number(c, "eid", 0));
	error = errno;
	if (n > 0)
		put_hex(&m, "data", data, n > 64 ? 64 : n);
	else
		put_string(&m, "data", "");
	answer_with(c, n, n < 0 ? error : 0, &m);
	if (fd >= 0)
		close(fd);
}

/*
 * The stack that is needed from here on is there: at the limit of its control
 * group a process that needs one more page is killed.
 */
static void touch_stack(void)
{
	volatile char stack[65536];
	size_t i;

	for (i = 0; i < sizeof(stack); i += 4096)
		stack[i] = 1;
}

static void quiet_script(int eid, bool quiet)
{
	struct script *s = own_script(eid);

	s->set = true;
	s->quiet = quiet;
}

/*
 * Registers and starts `count` events, or as many as there are before one
 * fails; `first` and `last` are their ids. Until so many have `failed` it goes
 * on: at a limit of memory some find room meanwhile.
 */
static void do_many(const struct command *c)
{
	long i, count = number(c, "count", 0), failed = 0;
	struct message m = { 0 };
	int eid = 0, first = 0, error = 0;

	touch_stack();
	for (i = 0; i < count;) {
		eid = aemEXAMPLE_register(example_handler, i, number(c, "flags", 0));
		if (eid < 0 || (!given(c, "idle") && aemCORE_event_start(eid) < 0)) {
			error = errno;
			if (++failed >= number(c, "failed", 1))
				break;
			continue;
		}
		quiet_script(eid, given(c, "quiet"));
		first = first ?: eid;
		i++;
	}
	put_number(&m, "first", first);
	put_number(&m, "registered", i);
	put_number(&m, "failed", failed);
	answer_with(c, i == count ? eid : -1, i == count ? 0 : error, &m);
}

/* Fires each of `count` ids from `eid` on, once. */
static void do_fire_each(const struct command *c)
{
	long i, count = number(c, "count", 0);
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = fire_event(number(c, "eid", 0) + i, 0, 1, NULL, 0);
	answer(c, ret);
}

const struct verb event_verbs[] = {
	{ "sysnr", do_sysnr },
	{ "init", do_init },
	{ "register", do_register },
	{ "entry", do_entry },
	{ "start", do_start },
	{ "stop", do_stop },
	{ "shutdown", do_shutdown },
	{ "priority", do_priority },
	{ "evctl", do_evctl },
	{ "on", do_on },
	{ "release", do_release },
	{ "calls", do_calls },
	{ "fire", do_fire },
	{ "fire-each", do_fire_each },
	{ "vmtable", do_vmtable },
	{ "left", do_left },
	{ "many", do_many },
	{ }
};
