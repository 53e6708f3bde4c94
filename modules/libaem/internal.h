/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of libaem share. Every function here is safe to be called
 * from a handler, that is at any point of the program.
 */
#ifndef AEM_INTERNAL_H
#define AEM_INTERNAL_H

#include <sys/ioctl.h>

#include "aem.h"

#define AEM_PUBLIC	__attribute__((visibility("default")))

/*
 * The descriptor of /dev/aem-core, opened once in each process, or -1 with
 * errno.
 */
int aem_core_fd(void);

/* The calling thread has a context in the kernel from now on: 0, or -1. */
int aem_attach_thread(void);

/* Handlers that run in the calling thread at present, one on another. */
extern __thread int aem_depth __attribute__((tls_model("initial-exec")));

/* From now on main's end waits for events with EVF_KEEPALIVE. */
void aem_keepalive_at_exit(void);

/* Enters and leaves an upcall; see dispatch.c. */
void aem_dispatch(int signo, void *info, void *context);
void aem_restorer(void);

/* Looks up a module's number once. Returns it, or -1 with errno. */
int aem_lookup(int *cache, const char *module);

#endif /* AEM_INTERNAL_H */
