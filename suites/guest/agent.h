/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef AGENT_H
#define AGENT_H

#include <jansson.h>
#include <stddef.h>

struct setup {
	json_t *problems;	/* what went wrong, in words */
	int coarse;		/* a CPU has no high-resolution timers */
	json_t *remote;		/* where and as whom it runs, over ssh */
};

/*
 * Sets the machine up as its init: file systems, log level, modules. Returns
 * the port to the host, or -1. Does not return when a shell is asked for.
 */
int machine_setup(struct setup *setup);

/* Opens the port to the host: a path, or the name of a virtio port. */
int open_port(const char *name);

/*
 * Forks the agent off a guard that undoes what it has done, see
 * agent-remote.c; returns in the agent alone. @run: for whom it is, in words
 * that no other run has. @log: the kernel's log, or -1. Returns what the host
 * is told of it.
 */
json_t *remote_setup(const char *folder, const char *run, int *log);

/* Has a file written back as it is now. Returns 0 or a negative errno. */
int remote_keep(const char *path);

/* Loads a module that is unloaded in the end. Returns 0 or -errno. */
int remote_load(const char *path, const char *name);

/* Sends what the kernel has said since the last time. */
void remote_log(void);

/* Tells the host lines of the kernel's log. */
void send_log(const char *lines);

/* Tells the host that all is as it was; @taint: the kernel's word, or -1. */
void send_undone(long taint);

/* An empty line, which ends one that may have been cut off. */
void send_nothing(void);

/*
 * From here on a host that reads nothing for @ms, or has gone, is told nothing
 * more; without this call it ends the process.
 */
void send_limit(int ms);

/* The kernel's taint word; -1 with errno where it cannot be read. */
long read_taint(void);

/* Both return what the caller frees. */
char *base64_encode(const char *data, size_t len);
char *base64_decode(const char *text, size_t *len);

#endif /* AGENT_H */
