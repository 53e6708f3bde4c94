/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watches: what aem-core does for the events of sockets, of any family.
 *
 * An event's private part is a pointer to its watch. The kind says in its init
 * of which socket it is, and what wakes it; gives shutdown and release over to
 * aem_watch_shutdown() and aem_watch_release(); and uses the rest in construct
 * and undo. How it works is told in aem-core/watch.c.
 */
#ifndef AEM_WATCH_H
#define AEM_WATCH_H

#include <linux/fsnotify_backend.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "aem-kernel.h"

/* How much of a stream a handler is given at most, and asked for at least. */
#define AEM_READ_MAX	(16 * 1024)
#define AEM_READ_MIN	64

struct aem_watch;

/* What was in the zone for a handler that was not called. */
struct aem_kept {
	u32 size;	/* of the image */
	s32 len;	/* as the handler is told */
	u32 fromlen;
	char image[];
};

/**
 * struct aem_watch_ops - how a kind reads
 * @read: reads what comes next into the zone and has @tell tell of it. As
 *	aem_kind.construct. A connection's end is told with aem_delivery.last.
 * @tell: fills in the call; what it tells of is in the zone at @addr
 * @front: writes what stands in front of a message that was received into
 *	@room, of @size bytes; see aem_watch_receive()
 * @taken: is the data of this socket somebody else's? Optional.
 * @accepted: has the call tell whose connection @sock is, before the program can
 *	have it. For those that accept.
 */
struct aem_watch_ops {
	int (*read)(struct aem_event *ev, struct aem_watch *watch,
		    struct socket *sock, struct aem_delivery *d);
	void (*tell)(struct aem_watch *watch, struct aem_delivery *d, u64 addr);
	void (*front)(struct aem_watch *watch, struct msghdr *msg, char *room,
		      u32 size);
	bool (*taken)(const struct sock *sk);
	void (*accepted)(struct aem_watch *watch, struct socket *sock,
			 struct aem_delivery *d);
};

/**
 * struct aem_watch_how - what an event wants of its socket
 * @ops: for those that read
 * @op: for the kind
 * @fd: by which number the handler is told the socket
 * @wakes: what raises the event
 * @max: events that a user may have on one socket
 * @connected: of a connection: that something of it is lost is told
 * @reads: it hands data over, else connections or nothing
 * @front: bytes of the zone in front of the data
 * @addr: where an accept has the peer's address written, or 0
 * @addrlen: room there
 */
struct aem_watch_how {
	const struct aem_watch_ops *ops;
	u32 op;
	s32 fd;
	__poll_t wakes;
	unsigned int max;
	bool connected;
	bool reads;
	u32 front;
	u64 addr;
	u32 addrlen;
};

/* See aem-core/watch.c for who has which part of it, and when. */
struct aem_watch {
	struct fsnotify_mark mark;
	refcount_t ref;
	spinlock_t lock;		/* the next three */
	struct socket *sock;		/* NULL once it is gone */
	struct aem_event *ev;		/* NULL once it is shut down */
	bool joined;			/* it is on the wait queue */
	bool connected;
	bool reads;
	bool owned;			/* the socket is the watch's own */
	u8 op;
	/* What the delivery that is under way was given. */
	bool failed;			/* len is an error that was the socket's */
	bool denied;			/* it is one that stays */
	u8 why;				/* for the kind */
	struct wait_queue_entry wait;
	struct timer_list retry;
	const struct aem_watch_ops *ops;
	__poll_t wakes;			/* 0: all that wakes it */
	s32 fd;				/* as the handler is told */
	kuid_t payer;			/* in whose quota it is */
	u32 front;
	void __user *addr;
	u32 addrlen;
	s32 len;
	u32 fromlen;
	int new_fd;
	union {
		struct file *opened;	/* until the event is known; held */
		struct file *new_file;	/* not held: to know it again ... */
	};
	unsigned long new_ino;		/* ... if it is still the same */
	/* What the next one is given first: it, or ERR_PTR(): why it is lost. */
	struct aem_kept *kept;
	struct file *kept_file;		/* held */
};

int aem_watch_add(struct aem_event *ev, struct socket *sock,
		  const struct aem_watch_how *how);
int aem_watch_add_own(struct aem_event *ev, struct socket *sock,
		      const struct aem_watch_how *how);
void aem_watch_registered(struct aem_event *ev);
void aem_watch_shutdown(struct aem_event *ev);
void aem_watch_release(struct aem_event *ev);

struct file *aem_watch_file(struct aem_watch *watch);
void aem_watch_retry_later(struct aem_watch *watch);
void aem_watch_why(struct socket *sock, u8 why);

int aem_watch_accept(struct aem_event *ev, struct aem_watch *watch,
		     struct socket *sock, struct aem_delivery *d, bool cloexec,
		     bool nonblock);
int aem_watch_read(struct aem_event *ev, struct aem_watch *watch,
		   struct socket *sock, struct aem_delivery *d);
void aem_watch_receive(struct aem_event *ev, struct aem_watch *watch,
		       struct socket *sock, struct msghdr *msg, char *room,
		       u32 size);
void aem_watch_spill(struct aem_watch *watch, char *room, u32 size,
		     const void *data, u32 len);
void aem_watch_undo(struct aem_event *ev, struct aem_delivery *d);

struct aem_kept *aem_kept_get(struct aem_watch *watch);
void aem_kept_set(struct aem_watch *watch, struct aem_kept *kept);
void aem_kept_free(struct aem_event *ev, struct aem_kept *kept);

static inline struct aem_watch *aem_watch_of(struct aem_event *ev)
{
	struct aem_watch **priv = aem_event_priv(ev);

	return *priv;
}

/* What the socket has: EPOLL*. Its file is held, or it is the watch's own. */
static inline __poll_t aem_watch_state(struct socket *sock)
{
	__poll_t state = READ_ONCE(sock->ops)->poll(sock->file, sock, NULL);

	/* TIPC's poll() does not tell of an error that the socket has. */
	return READ_ONCE(sock->sk->sk_err) ? state | EPOLLERR : state;
}

#endif /* AEM_WATCH_H */
