// SPDX-License-Identifier: GPL-2.0-only
/* Filters of system calls, for one thread and what it makes. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probe.h"

#define MAX_CALLS	8

/* For each call two instructions, then what holds for all others. */
static size_t make_filter(struct sock_filter *code, const char *calls, __u32 verdict)
{
	size_t len = 0;
	char *rest;
	long nr;

	code[len++] = (struct sock_filter)
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (rest = (char *)calls; *rest && len < 2 * MAX_CALLS; rest += *rest == '+') {
		nr = strtol(rest, &rest, 0);
		code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
		code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
	}
	code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return len;
}

/* `refuse calls=NR[+NR...] [errno=N]`: from here on they fail, or kill. */
static void do_refuse(const struct command *c)
{
	struct sock_filter code[2 * MAX_CALLS + 4];
	struct sock_fprog filter = { .filter = code };
	__u32 verdict = SECCOMP_RET_KILL_PROCESS;

	if (given(c, "errno"))
		verdict = SECCOMP_RET_ERRNO | number(c, "errno", EPERM);
	filter.len = make_filter(code, word(c, "calls"), verdict);
	answer(c, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ? -1 : 0);
}

const struct verb seccomp_verbs[] = {
	{ "refuse", do_refuse },
	{ }
};
