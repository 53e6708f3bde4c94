/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seeded faults of the library, for its tests to catch, as the modules have
 * theirs: test builds (AEM_FAULTS) show the one that the environment's AEM_FAULT
 * names. Elsewhere the compiler drops them all.
 */
#ifndef AEM_LIB_FAULT_H
#define AEM_LIB_FAULT_H

#include <stdbool.h>

#ifdef AEM_FAULTS
bool aem_faulty(const char *requirement) __attribute__((visibility("hidden")));
#else
static inline bool aem_faulty(const char *requirement)
{
	(void)requirement;
	return false;
}
#endif

#endif /* AEM_LIB_FAULT_H */
