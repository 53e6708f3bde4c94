/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe: a program on libaem that a test steers line by line.
 *
 * A command is `ID [@THREAD] VERB [KEY=VALUE ...]` on stdin; its answer is
 * `{"re":ID,"ret":VALUE,"errno":"NAME"|null,...}` on stdout. Handler calls and
 * signals are told as they come. Every message is one write().
 *
 * The process's first thread and each that `thread` makes take commands from
 * a pipe of their own and run them; handlers run in the one that registered.
 * A further thread reads stdin, hands the commands out and runs those for
 * @io itself: so a handler that is held can be let go. It registers nothing.
 *
 * Sixteen commands may wait for a thread; the next one keeps @io, too, waiting.
 * A handler that leaves by longjmp while its thread takes a command takes that
 * with it: it is sent before, or after.
 */
#ifndef PROBE_H
#define PROBE_H

#include <aem.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MAX_WORDS	32
#define MAX_LINE	8192
/* "@main ", where a command names no thread. */
#define MAX_THREAD	16

struct command {
	long id;
	int count;
	char *words[MAX_WORDS];		/* KEY=VALUE */
	char line[MAX_LINE + MAX_THREAD];
};

/* A message that is being written; no stdio, it is used in handlers. */
struct message {
	size_t len;
	char text[4096];
};

struct verb {
	const char *name;
	void (*run)(const struct command *c);
};

/* probe-message.c: all of it may be used in handlers. */
void put_text(struct message *m, const char *text);
void put_number(struct message *m, const char *key, long value);
void put_string(struct message *m, const char *key, const char *value);
void put_hex(struct message *m, const char *key, const void *data, size_t len);
void send_message(struct message *m);
void answer(const struct command *c, long ret);
void fail(const struct command *c, int error);
void answer_with(const struct command *c, long ret, int error, struct message *more);
long long clock_ns(clockid_t clock);	/* 0 of one that is not there */
long long now_ns(void);

/* probe.c */
long number(const struct command *c, const char *key, long otherwise);
const char *word(const struct command *c, const char *key);
bool given(const struct command *c, const char *key);
int start_thread(const char *name);
/* Leaves all handlers of the thread for its next command, by siglongjmp(). */
void leave_handlers(void);
void end_thread(void);
extern int exit_status;	/* of main, when it returns */
#define STACK_SIZE	(256 * 1024)
extern char *own_stack;	/* so much of main's stack that nothing else uses */

/* probe-events.c */
extern atomic_long calls;
extern const struct verb event_verbs[];
void example_handler(int eid, char *data, int len, unsigned long cookie);
void pexit_handler(int eid, int pid, int status);
/* What every handler begins its report with, and the script that it runs. */
void begin_call(struct message *m, int eid);
void perform_script(int eid, char *data, int len);
/* Sends the report and does the rest, of a handler without data. */
void finish_call(struct message *m, int eid);
/* The handler that a command names, or the good one. */
void *handler_of(const struct command *c, void *good);
void unmap_zone(void);
int fire_event(int eid, unsigned int context, unsigned int count, const void *data, size_t len);

extern __thread int handler_depth;

/* probe-delivery.c */
extern const struct verb delivery_verbs[];
bool act_on_delivery(const char *name, int eid, long arg);
void tell(const char *what, int eid, long ret);
/* Signals that ask for a stack are handled on the first of `stacks`. */
int use_signal_stack(void);

/* probe-races.c: for a handler, which it leaves. */
extern const struct verb race_verbs[];
void back_to_surface(void);
void back_below(void);

/* probe-timer.c */
extern const struct verb timer_verbs[];
/* Of a timer, so that it is seen how much later than due it expires. Times are in nanoseconds. */
struct due {
	clockid_t clock;	/* as it was created */
	clockid_t base;		/* by which it is due */
	long due, interval;
	long expirations;	/* that were told since */
};

clockid_t clock_of(const struct command *c);
struct itimerspec spec_of(const struct command *c, clockid_t clock, int *flags);
void note_due(struct due *tm, const struct itimerspec *spec, int flags);
/* How late it is for the last of `count` expirations more; negative when it is early. */
long late_by(struct due *tm, long count);
long to_ns(const struct timespec *t);
struct timespec to_timespec(long ns);
bool act_on_timer(const char *name, int eid, long arg, long *ret);

/* probe-fd.c */
extern const struct verb fd_verbs[];

/* probe-ip.c, probe-flood.c, probe-tipc.c, probe-net.c */
extern const struct verb ip_verbs[];
extern const struct verb flood_verbs[];
extern const struct verb tipc_verbs[];
extern const struct verb net_verbs[];
/* Of a handler's data its length, a sum and the first 64 bytes. */
void put_data(struct message *m, const unsigned char *data, int len);
bool act_on_socket(const char *name, long arg, long *ret);

/* probe-flood.c: to a port of this machine; and all of it, blocking. -1 with errno. */
int flood_connect(int port);
int send_all(int fd, const unsigned char *data, size_t len);

/* probe-mail.c: what is due on a connection, and the message that is there in part. */
#define MAIL_SIZE	32
struct mailbox {
	uint32_t from, next;
	size_t len;
	unsigned char part[MAIL_SIZE];
};

extern const struct verb mail_verbs[];
void mail_begin(struct mailbox *box, int fd);
void mail_take(struct mailbox *box, const unsigned char *data, size_t len);
void mail_end(const struct mailbox *box);
/* So far: those that are as they should be, and the others. */
long mail_count(void);
long mail_strange(void);

/* probe-sched.c */
extern const struct verb sched_verbs[];
void spend(long us);	/* so much CPU time */

/* probe-waits.c: the calls beyond those of probe-calls.c. */
struct wait_call {
	const char *name;
	/* Makes what is waited for, then waits. */
	long (*enter)(const struct command *c);
	/* Another thread has the wait end. */
	long (*feed)(void);
};

extern const struct wait_call wait_calls[];
extern const struct wait_call timed_calls[];	/* probe-deadlines.c */

/* probe-calls.c: `ms` of the command, NULL without it; and closes, with errno left as it was. */
struct timespec *timespec_of(const struct command *c, struct timespec *t);
long close_after(int fd, long ret);
/* Tells that this thread is right before a call, or a loop, of that name. */
void entering(const char *name);
struct io_uring_params;
struct io_uring_sqe;
int submit(int fd, const struct io_uring_params *params, const struct io_uring_sqe *request);

/* probe-seccomp.c, probe-threads.c */
extern const struct verb seccomp_verbs[];
extern const struct verb thread_verbs[];

/* probe-calls.c, probe-state.c, probe-process.c, probe-handler.c */
extern const struct verb call_verbs[];
extern const struct verb state_verbs[];
extern const struct verb process_verbs[];
extern const struct verb handler_verbs[];
bool act_in_process(const char *name, long arg, long *ret);

/* probe-fault.c */
extern const struct verb fault_verbs[];
bool begin_fault(const struct command *c);
long suspend_fault(void);
void resume_fault(long left);
void end_fault(struct message *m);

/* probe-native*.c: what the kernel has of its own, without libaem. */
extern const struct verb native_verbs[];
extern const struct verb uring_verbs[];
extern const struct verb native_timer_verbs[];
extern const struct verb native_process_verbs[];
extern const struct verb native_file_verbs[];
extern const struct verb native_limit_verbs[];
extern const struct verb native_tipc_verbs[];
extern const struct verb native_socket_verbs[];

/* probe-target.c: `probe target HOW ...`, a process that ends as it is told. */
int target_main(int argc, char *argv[]);

/* probe-tracer.c: `probe tracer PID`, which stops a process where it is to make another. */
int tracer_main(int argc, char *argv[]);

/* probe-debugger.c: `probe debugger PID HOW`, which a test has stop and step a thread. */
int debugger_main(int argc, char *argv[]);

/* probe-namespace.c: `probe inside ...`, `beside ...` and `clocks ...`, probes in a namespace. */
int inside_main(int argc, char *argv[]);
int beside_main(int argc, char *argv[]);
int clocks_main(int argc, char *argv[]);

#endif /* PROBE_H */
