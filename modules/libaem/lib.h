/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of libaem share. Nothing of it is exported.
 *
 * State of a process: the descriptor of /dev/aem-core, which stands for its
 * address space, and the numbers of the event kinds it looked up. A fork
 * child starts without the first. State of a thread: the ring that it shares
 * with its context in the kernel, once it has one.
 *
 * A handler may interrupt any line of the library and call into it, so there
 * are no locks here: what threads share is read and set atomically, and what
 * is not safe in a handler (pthread_atfork(), atexit()) is done before the
 * process can have one.
 */
#ifndef AEM_LIB_H
#define AEM_LIB_H

#include <stdbool.h>
#include <stddef.h>

struct aem_kind {
	const char *module;
	int sys_nr;	/* 0 until it is looked up */
};

#pragma GCC visibility push(hidden)

/* core.c: the descriptor of /dev/aem-core, or -1 with errno. */
int aem_core_fd(void);
/* As aem_core_fd(), for a call that needs the thread to have a context. */
int aem_core_attach(void);
/* The descriptor when the thread has a context, else -1. */
int aem_core_attached(void);
/* Closes it and leaves errno alone. */
void aem_close(int fd);

/* kind.c */
int aem_kind_init(struct aem_kind *kind);
int aem_kind_entry(struct aem_kind *kind, void *args);

/* wait.c: has main's end wait for EVF_KEEPALIVE; 0, or -1 with errno. */
int aem_wait_at_exit(void);

/* vmtable.c: the zone, or NULL with errno; a size of 0 is the default. */
void *aem_vmtable_create(unsigned long zone, size_t size);

/* Opens it again, when the program has closed it. */
int aem_reopen(void);
/* The descriptor that a handler process has from its parent, or -1. */
int aem_core_inherited(void);
/* In a child: what was inherited is its parent's. */
void aem_forget(void);
/* Of the thread, while it has a context; see core.c for why of this model. */
extern __thread struct aem_ring *aem_ring
	__attribute__((tls_model("initial-exec")));

/*
 * dispatch.c: makes the calls of a batch. False: this is a child that one of
 * its handlers made, and the batch is its parent's.
 */
bool aem_make_batch(unsigned int batch);
/* How many dispatchers are on the thread's stack. */
int aem_dispatching(void);
/* Makes the capsules that the ring says the pool is short of. */
void aem_refill(void);
void aem_dispatcher(int sig, void *info, void *context);
/* restorer.S: never called, returned to. */
void aem_restorer(void);

#pragma GCC visibility pop

#endif /* AEM_LIB_H */
