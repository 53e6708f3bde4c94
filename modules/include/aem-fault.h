/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeded faults: for every requirement one fault that its tests must catch.
 * Only in test builds (AEM_FAULTS); elsewhere the compiler drops them all.
 * The fault to show is named by aem_core's parameter `fault`.
 */
#ifndef AEM_FAULT_H
#define AEM_FAULT_H

#include <linux/types.h>

#ifdef AEM_FAULTS
bool aem_faulty(const char *requirement);
#else
static inline bool aem_faulty(const char *requirement)
{
	return false;
}
#endif

#endif /* AEM_FAULT_H */
