/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel versions that there is a patch series for have by different
 * names or in different forms: 6.1 and 6.12.
 *
 * The modules are written for the newest. What an older kernel lacks is here
 * by the newest one's name; what has changed its form is here by a name of its
 * own, aem_*. No other file looks at the version.
 */
#ifndef AEM_COMPAT_H
#define AEM_COMPAT_H

#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/mm.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sockios.h>
#include <linux/sysctl.h>
#include <linux/termios.h>
#include <linux/udp.h>
#include <linux/version.h>
#include <net/sock.h>
#include <net/tcp.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/* Called with the mm locked for writing. */
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	mmap_assert_write_locked(vma->vm_mm);
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	mmap_assert_write_locked(vma->vm_mm);
	vma->vm_flags &= ~flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
/* Entries were not counted: one without a name has to follow the last. */
static inline struct ctl_table_header *
register_sysctl_sz(const char *path, struct ctl_table *table, size_t size)
{
	return register_sysctl(path, table);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
/* Files are freed after a grace period, and become no other file before. */
static inline struct file *get_file_active(struct file **f)
{
	struct file *file;

	rcu_read_lock();
	file = READ_ONCE(*f);
	if (file && !get_file_rcu(file))
		file = NULL;
	rcu_read_unlock();
	return file;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static inline struct fsnotify_mark *
fsnotify_find_inode_mark(struct inode *inode, struct fsnotify_group *group)
{
	return fsnotify_find_mark(&inode->i_fsnotify_marks, group);
}
#endif

/* What a sysctl's handler is given. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define aem_ctl_const
#else
#define aem_ctl_const const
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
static inline bool rt_or_dl_task(struct task_struct *p)
{
	return rt_task(p);
}
#endif

/**
 * aem_accept - accept a connection of a socket, as accept4(2)
 * @file: the socket's
 * @file_flags: O_NONBLOCK not to wait for one, beside the file's own flags
 * @flags: of the new file
 *
 * Return: the new file or an ERR_PTR.
 */
static inline struct file *aem_accept(struct file *file,
				      unsigned int file_flags, int flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return do_accept(file, file_flags, NULL, NULL, flags);
#else
	struct proto_accept_arg arg = { .flags = file_flags };

	return do_accept(file, &arg, NULL, NULL, flags);
#endif
}

/**
 * aem_sock_inq - what is there to be read from a TCP or UDP socket
 * @sk: the socket
 *
 * Before 6.5 the socket's ioctl writes to user space alone. A datagram's
 * checksum is not looked at then: one that is damaged counts, too.
 *
 * Context: process, may sleep.
 * Return: bytes, of UDP those of the next datagram; 0 for none, or of a socket
 * that has none.
 */
static inline int aem_sock_inq(struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	struct sk_buff_head *read, *received = &sk->sk_receive_queue;
	struct sk_buff *skb;
	int len;

	if (sk->sk_type == SOCK_STREAM) {
		bool slow = lock_sock_fast(sk);

		len = sk->sk_state == TCP_LISTEN ? 0 : tcp_inq(sk);
		unlock_sock_fast(sk, slow);
		return len;
	}
	read = &udp_sk(sk)->reader_queue;
	spin_lock_bh(&read->lock);
	skb = skb_peek(read);
	len = skb ? skb->len : 0;
	if (!skb) {
		spin_lock(&received->lock);
		skb = skb_peek(received);
		len = skb ? skb->len : 0;
		spin_unlock(&received->lock);
	}
	spin_unlock_bh(&read->lock);
	return len;
#else
	int len;

	/* IPV6_ADDRFORM can change sk_prot. */
	if (READ_ONCE(sk->sk_prot)->ioctl(sk, SIOCINQ, &len))
		return 0;
	return max(len, 0);
#endif
}

/**
 * aem_perf_events - how many perf events current has, whosever they are
 *
 * Before 6.2 those of hardware and of software are kept apart.
 *
 * Context: process.
 */
static inline int aem_perf_events(void)
{
	struct perf_event_context *ctx;
	int events = 0;

	rcu_read_lock();
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	for (int i = 0; i < perf_nr_task_contexts; i++) {
		ctx = READ_ONCE(current->perf_event_ctxp[i]);
		if (ctx)
			events += READ_ONCE(ctx->nr_events);
	}
#else
	ctx = READ_ONCE(current->perf_event_ctxp);
	if (ctx)
		events = READ_ONCE(ctx->nr_events);
#endif
	rcu_read_unlock();
	return events;
}

#endif /* AEM_COMPAT_H */
