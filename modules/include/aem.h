/* SPDX-License-Identifier: LGPL-2.1-or-later WITH Linux-syscall-note */
/*
 * AEM, the asynchronous event mechanism: the interface to user mode.
 *
 * The first part is libaem's, see aem(3). The second, behind AEM_IOC_, is
 * what libaem and the kernel say to each other through /dev/aem-core and is
 * not meant for programs.
 */
#ifndef AEM_H
#define AEM_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <linux/ioctl.h>
#include <linux/types.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#endif

/* Operations of aem_evctl(). */
#define EVJOBPRIO	1	/* set the priority, 0 lowest to 31 highest */
#define EVTBLINIT	2	/* create the process's memory zone, the vmtable */
#define EVJOBSHTDN	3	/* shut the event down for good */
#define EVJOBSTART	4	/* enable */
#define EVJOBSTOP	5	/* disable */
/* From here on: of a kind of event, each number of one kind only. */
#define EVJOBKIND	0x100
#define EVTIMER_SET	0x100	/* aem-timer: arg is a struct aem_timer_set * */
#define EVTIMER_GET	0x101	/* arg is a struct aem_timer_spec * */
#define EVTIMER_OVERRUN	0x102	/* arg is 0; returns the overrun count */
#define EVIP_TAKE	0x110	/* aem-ip: arg is a struct aem_ip_take * */

/* What EVTBLINIT may be given. */
#define TBL_UZONE	0	/* a zone inside the brk area */
#define TBL_VZONE	1	/* a zone in a mapping of its own */

/* Flags of an event; bits 0 to 16 belong to its module. */
#define EVF_EXCL	0x00020000	/* accepted name, refused with EINVAL */
#define EVF_ONESHOT	0x00040000	/* removed after one activation */
#define EVF_CLONE	0x00080000	/* accepted name, refused with EINVAL */
#define EVF_FORK	0x00100000	/* the handler runs in a new process */
#define EVF_NOCLDWAIT	0x00200000	/* no wait() needed for it */
#define EVF_CAPSULE	0x00400000	/* the handler runs in a pooled process */
#define EVF_KEEPALIVE	0x00800000	/* main's end waits for the event */

#define AEM_PRIO_MIN	0
#define AEM_PRIO_MAX	31
#define AEM_EID_ALL	((unsigned int)-1)

/* ioctl() on /dev/aem-<module>: the number of its event kind. */
#define GET_SYSNR	_IOR('A', 0x01, __u32)

/* What every event kind's arguments to aem_entry() start with. */
struct aem_args {
	__u32 size;	/* of the whole, this header included */
	__u32 flags;	/* EVF_*, and the module's in bits 0 to 16 */
	__u64 handler;	/* address of the handler */
};

struct aem_pexit_args {
	struct aem_args head;
	__s32 pid;
	__u32 pad;	/* zero */
};

/* aem-timer: a clock of its own, which shows what CLOCK_MONOTONIC does ... */
#define CLOCK_AEMEVENT	64
/* ... and how a timer's sigevent says that its expiration is an event. */
#define SIGEV_AEM	64

struct aem_timer_args {
	struct aem_args head;
	__s32 clock;	/* CLOCK_* */
	__u32 pad;	/* zero */
	__u64 cookie;	/* handed to the handler as its last argument */
};

/* As struct itimerspec: what is 0 is not armed, or not periodic. */
struct aem_timer_spec {
	__s64 interval_sec;
	__s64 interval_nsec;
	__s64 value_sec;
	__s64 value_nsec;
};

struct aem_timer_set {
	__u32 flags;	/* TIMER_ABSTIME or 0 */
	__u32 pad;	/* zero */
	struct aem_timer_spec spec;	/* in: the new one; out: the old one */
};

/* aem-fd: what an event tells of, its band; one event a band ... */
#define B_IN		0	/* it is read */
#define B_OUT		1	/* it is written */
#define B_HUP		2	/* it is closed */
#define B_OPEN		3	/* it is opened */
#define B_OWNER		4	/* its user or group changes */
#define B_MODE		5	/* its mode changes */
#define B_LOCK		6	/* a lock is set, waited for or released */
#define B_CREATE	7	/* an entry is made in the directory */
#define B_REMOVE	8	/* an entry is removed, or a name of the file */
#define B_RENAME	9	/* an entry is renamed, or the file */
#define NR_BAND		10
/* ... and how several are asked for at once, with EVF_* beside them. */
#define F_BIN		0x00000001
#define F_BOUT		0x00000002
#define F_BHUP		0x00000004
#define F_BOPEN		0x00000008
#define F_BOWNER	0x00000010
#define F_BMODE		0x00000020
#define F_BLOCK		0x00000040
#define F_BCREATE	0x00000080
#define F_BREMOVE	0x00000100
#define F_BRENAME	0x00000200
#define F_BALL		0x000003ff
/* The symbolic link itself, not what it leads to. */
#define F_BNOFOLLOW	0x00010000

struct aem_fd_args {
	struct aem_args head;
	__s32 fd;	/* of the file; need not be kept open */
	__u32 band;
	__u64 name;	/* of the file, as its handler is to be told */
};

/* aem-ip: what an event of a socket tells of ... */
#define AEMIP_ACCEPT	0	/* a connection, which it accepts */
#define AEMIP_READ	1	/* data, which it hands over */
#define AEMIP_CLOSE	2	/* the peer has closed, or the connection broke */
#define AEMIP_CONNECT	3	/* connect() has come to its end */
#define AEMIP_WRITE	4	/* there is room to send again */
/* ... and how what it accepts is to be, with EVF_* beside them. */
#define AEMIP_CLOEXEC	0x00000001
#define AEMIP_NONBLOCK	0x00000002

struct aem_ip_args {
	struct aem_args head;
	__s32 fd;	/* of the socket */
	__u32 op;	/* AEMIP_ACCEPT to AEMIP_WRITE */
	__u64 addr;	/* accept: where the peer's address goes, or 0 */
	__u32 addrlen;	/* room there, not 0 */
	__u32 pad;	/* zero */
};

/*
 * EVIP_TAKE: what was read from a stream for a handler that was not called. Who
 * has stopped the event takes it, and goes on reading by itself.
 */
struct aem_ip_take {
	__u64 addr;	/* where it goes */
	__u32 len;	/* room there; 16 KiB do */
	__u32 pad;	/* zero */
};

/* aem-tipc: what an event tells of, of a socket or a subscription ... */
#define AEMTIPC_ACCEPT		0	/* a connection, which it accepts */
#define AEMTIPC_RECEIVE		1	/* messages, which it hands over */
#define AEMTIPC_ERROR		2	/* the connection has ended */
#define AEMTIPC_CONTINUE	3	/* congestion has ended */
#define AEMTIPC_SUBSCRIBE	4	/* names, or nodes, come and go */
/* ... and how what it accepts is to be, with EVF_* beside them. */
#define AEMTIPC_CLOEXEC		0x00000001
#define AEMTIPC_NONBLOCK	0x00000002

struct aem_tipc_args {
	struct aem_args head;
	__s32 fd;	/* of the socket; of a subscription -1 */
	__u32 op;	/* AEMTIPC_ACCEPT to AEMTIPC_SUBSCRIBE */
	/* Of a subscription, as in struct tipc_subscr; else 0. */
	__u32 type;
	__u32 lower;
	__u32 upper;
	__u32 timeout;	/* milliseconds, or TIPC_WAIT_FOREVER */
	__u32 filter;	/* TIPC_SUB_PORTS or TIPC_SUB_SERVICE */
	__u32 pad;	/* zero */
};

/* What a receive handler is given. */
#define AEMTIPC_MESSAGE		0	/* a message, or a piece of a stream */
#define AEMTIPC_RETURNED	1	/* one's own, which could not be delivered */
#define AEMTIPC_JOINED		2	/* nothing: a member has joined the group */
#define AEMTIPC_LEFT		3	/* nothing: a member has left the group */

/* Whom it is from. */
struct aem_tipc_origin {
	__u32 ref;	/* the port identity, as struct tipc_socket_addr */
	__u32 node;
	__u32 type;	/* the name of a group's member, else 0 */
	__u32 instance;
	__u32 what;	/* AEMTIPC_MESSAGE to AEMTIPC_LEFT */
	__u32 error;	/* TIPC_ERR_*: why it was returned */
};

struct aem_example_args {
	struct aem_args head;
	__u64 cookie;	/* handed to the handler as its last argument */
};

/*
 * write() to /dev/aem-example fires an event of the writer's own user:
 * this header, then up to AEM_EXAMPLE_DATA_MAX bytes for its handler
 *	void h(int event_id, char *data, int len, unsigned long cookie);
 * An event with data needs a vmtable. pread() with the event's id as the
 * offset takes back what its last handler left in the data it was given.
 */
#define AEM_EXAMPLE_DATA_MAX	16384
enum aem_example_context {
	AEM_EXAMPLE_PROCESS,
	AEM_EXAMPLE_SOFTIRQ,
	AEM_EXAMPLE_HARDIRQ,
};

/* Module flag of aem-example: deliver each write, instead of merging them. */
#define AEM_EXAMPLE_EACH	0x00000001

struct aem_example_fire {
	__u32 eid;
	__u32 context;	/* enum aem_example_context: raised from there */
	__u32 count;	/* raised that often in a row, 1 to 1000 */
	__u32 pad;	/* zero */
};

/* libaem and the kernel: ioctl() on /dev/aem-core. */

struct aem_attach {
	__u64 dispatcher;	/* in: entered by an upcall */
	__u64 restorer;		/* in: returns from it: sigreturn */
	__u64 ring;		/* out: the thread's struct aem_ring */
};

struct aem_entry {
	__u32 sys_nr;
	__u32 pad;	/* zero */
	__u64 args;	/* struct aem_args */
};

struct aem_evctl {
	__u32 eid;
	__u32 pad;	/* zero */
	__u64 opt;
	__u64 arg;
};

struct aem_vmtable {
	__u32 zone;	/* in: TBL_UZONE or TBL_VZONE */
	__u32 pad;	/* zero */
	__u64 size;	/* in: bytes, 0 for the default; out: bytes */
	__u64 addr;	/* out: where it is */
	__u64 brk;	/* out, TBL_UZONE: the new break, to be passed to brk() */
};

#define AEM_CALL_ARGS	6

/* One handler call. */
struct aem_call {
	__u64 handler;
	__u32 eid;
	__u32 state;	/* AEM_CALL_* */
	__u64 args[AEM_CALL_ARGS];
};

/* aem_call.state: in the low byte where it stands ... */
#define AEM_CALL_NONE		0	/* kernel: no call */
#define AEM_CALL_READY		1	/* kernel: to be made */
#define AEM_CALL_TAKEN		2	/* dispatcher, from READY: it runs */
#define AEM_CALL_DONE		3	/* dispatcher: it has returned */
#define AEM_CALL_REVOKED	4	/* kernel, from READY: not to be made */
#define AEM_CALL_STATE		0x000000ff
/* ... and above what the kernel wants done with it. */
#define AEM_CALL_SETTLE		0x00000100	/* AEM_IOC_SETTLE after it */
#define AEM_CALL_FORK		0x00000200	/* in a new process */
#define AEM_CALL_DATA		0x00000400	/* which has to map its data */

#define AEM_RING_CALLS	127

/*
 * The calls that a thread's dispatchers are to make: a batch for each
 * dispatcher on its stack, one behind the other. Where a batch is, the kernel
 * tells: AEM_BATCH_FIRST() and AEM_BATCH_COUNT() of what AEM_IOC_NEXT returns
 * and of si_int in the siginfo of an upcall.
 */
struct aem_ring {
	__u32 attention;	/* kernel: AEM_IOC_SETTLE after this handler */
	__u32 depth;		/* kernel: dispatchers on the stack */
	__u32 refill;		/* kernel: capsules to be made */
	__u32 pad[13];
	struct aem_call calls[AEM_RING_CALLS];
};

#define AEM_BATCH(first, count)	((first) << 8 | (count))
#define AEM_BATCH_FIRST(batch)	((batch) >> 8 & 0xff)
#define AEM_BATCH_COUNT(batch)	((batch) & 0xff)

/* What became of an event's activations. */
struct aem_books {
	__u32 eid;	/* in */
	__u32 pending;	/* not delivered yet */
	__u64 raised;
	__u64 delivered;	/* handlers that ran */
	__u64 coalesced;	/* merged into an earlier one */
	/* Not taken, and who raised it was told; or tried again: no process. */
	__u64 refused;
};

/*
 * A thread that waits needs no upcall: it is told of its batch, makes the
 * calls and asks again, which ends the batch as AEM_IOC_NEXT does.
 */
struct aem_wait {
	__s64 deadline;	/* in: CLOCK_MONOTONIC in ns, negative for none */
	__u64 frame;	/* in: of the dispatcher, on the stack; above, it is left */
	__u32 batch;	/* in: the last one told or 0; out: the one to be made or 0 */
	__u32 pad;	/* zero */
};

#define AEM_IOC_ATTACH		_IOWR('A', 0x10, struct aem_attach)
#define AEM_IOC_ENTRY		_IOW('A', 0x11, struct aem_entry)
#define AEM_IOC_EVCTL		_IOW('A', 0x12, struct aem_evctl)
#define AEM_IOC_VMTABLE		_IOWR('A', 0x13, struct aem_vmtable)
/*
 * Ends the batch of this dispatcher and puts the next one into the ring:
 * which, or 0 when the dispatcher has to return.
 */
#define AEM_IOC_NEXT		_IO('A', 0x14)
/* Sleeps until a signal is delivered: always fails with EINTR. */
#define AEM_IOC_KEEPALIVE	_IO('A', 0x15)
/*
 * How many handlers ran since the last time, when there is no batch; 0 at the
 * deadline.
 */
#define AEM_IOC_WAIT		_IOWR('A', 0x16, struct aem_wait)
/* How many of the caller's events live that carry EVF_KEEPALIVE. */
#define AEM_IOC_LIVE		_IO('A', 0x17)
/* Ends the handlers that have returned, before their batch ends. */
#define AEM_IOC_SETTLE		_IO('A', 0x18)
#define AEM_IOC_BOOKS		_IOWR('A', 0x19, struct aem_books)
/*
 * Handler processes. FORK: the next child that the caller makes is the one
 * for the call with this index in the ring. UNFORK: it could not be made.
 * ADOPT, by the child: maps the data of its call where its parent has it.
 */
#define AEM_IOC_FORK		_IO('A', 0x1a)
#define AEM_IOC_UNFORK		_IO('A', 0x1b)
#define AEM_IOC_ADOPT		_IO('A', 0x1c)
#define AEM_FORK_CAPSULE	0x10000
/* By a capsule: waits for the one call that it is to make. */
#define AEM_IOC_CAPSULE		_IOR('A', 0x1d, struct aem_call)

#ifndef __KERNEL__
#ifdef __cplusplus
extern "C" {
#endif

/* A C library that is told to be strict does not define them. */
struct itimerspec;
struct sigevent;
struct timespec;

/* aem-core */
int aem_entry(int sys_nr, void *args);
int aem_evctl(unsigned int eid, unsigned long opt, unsigned long args);
void aem_evkeepalive(void);
int aem_evwait(const struct timespec *timeout);
int aemCORE_init(void);
int aemCORE_event_start(unsigned int eid);
int aemCORE_event_stop(unsigned int eid);
int aemCORE_event_shutdown(unsigned int eid);
int aemCORE_event_priority(unsigned int eid, int priority);
void *aemCORE_vmtable_init(int zone, size_t size);
/* What became of the activations of an event of the calling process. */
int aemCORE_event_books(unsigned int eid, struct aem_books *books);
/* The number of an event module's kind: opens /dev/aem-<module>. */
int aemCORE_sysnr(const char *module);

/* aem-pexit */
int aemPEXIT_init(void);
int aemPEXIT_notify_register(int pid, void *handler);
int aemPEXIT_notify_register_flags(int pid, void *handler, unsigned int flags);

/* aem-timer */
int aemTimer_init(void);
int aemPOSIX_timer_create(int clock, struct sigevent *ev, int *id);
int aemPOSIX_timer_create_flags(int clock, struct sigevent *ev, int *id,
				unsigned int flags);
int aemPOSIX_timer_delete(int id);
int aemPOSIX_timer_settime(int id, int flags, struct itimerspec *value,
			   struct itimerspec *ovalue);
int aemPOSIX_timer_gettime(int id, struct itimerspec *value);
int aemPOSIX_timer_getoverrun(int id);

/* aem-fd */
int aemFD_init(void);
int aemFD_clear_idset(int *idset);
int aemFD_notify_register(char *name, unsigned long flags, void *handler,
			  int *idset);

/* aem-ip */
struct sockaddr;

int aemIP_init(void);
int aemIP_accept(int fd, struct sockaddr *addr, int *addrlen, void *handler);
int aemIP_accept_flags(int fd, struct sockaddr *addr, int *addrlen,
		       void *handler, unsigned int flags);
int aemIP_read(int fd, void *handler);
int aemIP_read_flags(int fd, void *handler, unsigned int flags);
int aemIP_close(int fd, void *handler);
int aemIP_close_flags(int fd, void *handler, unsigned int flags);
int aemIP_connect(int fd, void *handler);
int aemIP_connect_flags(int fd, void *handler, unsigned int flags);
int aemIP_write(int fd, void *handler);
int aemIP_write_flags(int fd, void *handler, unsigned int flags);
int aemIP_take(unsigned int eid, void *buf, int len);

/* aem-tipc */
struct tipc_subscr;

int aemTIPC_init(void);
int aemTIPC_accept(int fd, void *handler);
int aemTIPC_accept_flags(int fd, void *handler, unsigned int flags);
int aemTIPC_receive(int fd, void *handler);
int aemTIPC_receive_flags(int fd, void *handler, unsigned int flags);
int aemTIPC_error(int fd, void *handler);
int aemTIPC_error_flags(int fd, void *handler, unsigned int flags);
int aemTIPC_continue(int fd, void *handler);
int aemTIPC_continue_flags(int fd, void *handler, unsigned int flags);
int aemTIPC_subscribe(const struct tipc_subscr *what, void *handler);
int aemTIPC_subscribe_flags(const struct tipc_subscr *what, void *handler,
			    unsigned int flags);

/* aem-example */
int aemEXAMPLE_init(void);
int aemEXAMPLE_register(void *handler, unsigned long cookie, unsigned int flags);

#ifdef __cplusplus
}
#endif
#endif /* !__KERNEL__ */
#endif /* AEM_H */
