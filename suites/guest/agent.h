/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef AGENT_H
#define AGENT_H

#include <jansson.h>
#include <stddef.h>

struct setup {
	json_t *problems;	/* what went wrong, in words */
	int coarse;		/* a CPU has no high-resolution timers */
};

/*
 * Sets the machine up as its init: file systems, log level, modules. Returns
 * the port to the host, or -1. Does not return when a shell is asked for.
 */
int machine_setup(struct setup *setup);

/* Opens the port to the host: a path, or the name of a virtio port. */
int open_port(const char *name);

/* Both return what the caller frees. */
char *base64_encode(const char *data, size_t len);
char *base64_decode(const char *text, size_t *len);

#endif /* AGENT_H */
