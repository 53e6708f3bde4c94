/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings of io_uring in a program, as io_uring_setup(2) lays them out: for
 * AEMhttpd and for what runs in the guest. Only for kernels that map both rings
 * at once, IORING_FEAT_SINGLE_MMAP.
 */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stddef.h>
#include <sys/mman.h>

struct uring {
	int fd;
	unsigned int *sq_tail, sq_mask;
	unsigned int *cq_head, *cq_tail, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int queued;	/* and not submitted: its user's */
	void *rings;
	size_t rings_size, sqes_size;
};

/* Maps what io_uring_setup() has told in @p; r->fd is set. Returns 0 or -1. */
static inline int uring_map(struct uring *r, const struct io_uring_params *p)
{
	const int prot = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_POPULATE;
	unsigned int *array, i;
	char *at;

	r->rings_size = p->cq_off.cqes + p->cq_entries * sizeof(*r->cqes);
	if (r->rings_size < p->sq_off.array + p->sq_entries * sizeof(*array))
		r->rings_size = p->sq_off.array + p->sq_entries * sizeof(*array);
	r->sqes_size = p->sq_entries * sizeof(*r->sqes);
	at = mmap(NULL, r->rings_size, prot, how, r->fd, IORING_OFF_SQ_RING);
	if (at == MAP_FAILED)
		return -1;
	r->rings = at;
	r->sqes = mmap(NULL, r->sqes_size, prot, how, r->fd, IORING_OFF_SQES);
	if (r->sqes == MAP_FAILED) {
		munmap(r->rings, r->rings_size);
		return -1;
	}
	r->sq_tail = (unsigned int *)(at + p->sq_off.tail);
	r->sq_mask = *(unsigned int *)(at + p->sq_off.ring_mask);
	r->cq_head = (unsigned int *)(at + p->cq_off.head);
	r->cq_tail = (unsigned int *)(at + p->cq_off.tail);
	r->cq_mask = *(unsigned int *)(at + p->cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(at + p->cq_off.cqes);
	array = (unsigned int *)(at + p->sq_off.array);
	for (i = 0; i < p->sq_entries; i++)
		array[i] = i;
	return 0;
}

#endif
