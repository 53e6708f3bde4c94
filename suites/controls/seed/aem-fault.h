/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the sources with seeded faults only: is this the fault to show? In the
 * kernel aem_core's parameter `fault` names it, in user mode the environment
 * variable AEM_FAULT, both by the id of the requirement that it violates.
 */
#ifndef AEM_FAULT_H
#define AEM_FAULT_H

#if defined(__ASSEMBLER__)
/* Nothing: it is included everywhere. */
#elif defined(__KERNEL__)

#include <linux/types.h>

bool aem_faulty(const char *requirement);

/*
 * What the fault at hand would lose for good: it is given back when the fault
 * is over, so that it harms no other test. Process context.
 */
typedef void (*aem_fault_undo_t)(void *what);
void aem_fault_keep(aem_fault_undo_t undo, void *what);

#else

/* It comes before the source's own first line, which may say so. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>

static inline int aem_faulty(const char *requirement)
{
	const char *fault = getenv("AEM_FAULT");

	return fault && !strcmp(fault, requirement);
}

#endif
#endif /* AEM_FAULT_H */
