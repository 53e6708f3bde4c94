// SPDX-License-Identifier: LGPL-2.1-or-later
/* The vmtable: the process's memory zone, in which handlers find their data. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <aem.h>

#include "lib.h"

void *aem_vmtable_create(unsigned long zone, size_t size)
{
	struct aem_vmtable table = { .size = size };
	int fd;

	if (zone > TBL_VZONE) {
		errno = EINVAL;
		return NULL;
	}
	table.zone = zone;
	fd = aem_core_fd();
	if (fd < 0)
		return NULL;
	if (ioctl(fd, AEM_IOC_VMTABLE, &table) < 0)
		return NULL;
	/*
	 * The kernel has moved the break behind the zone. The C library's idea
	 * of it has to follow, or the next sbrk() gives the zone out again.
	 */
	if (zone == TBL_UZONE &&
	    brk((void *)(uintptr_t)table.brk) < 0)
		return NULL;
	return (void *)(uintptr_t)table.addr;
}

void *aemCORE_vmtable_init(int zone, size_t size)
{
	return aem_vmtable_create(zone, size);
}
