// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kinds of events: their numbers, which the kernel gives at load time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#include <aem.h>

#include "lib.h"

#define DEVICE	"/dev/aem-"

/* What the kernel has room for in a device's name. */
#define NAME_MAX_LEN	27

/* By hand: this may run in a handler. */
static int aem_device_path(const char *module, char *path)
{
	size_t len = module ? strnlen(module, NAME_MAX_LEN + 1) : 0;

	if (!len || len > NAME_MAX_LEN || memchr(module, '/', len)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(path, DEVICE, strlen(DEVICE));
	memcpy(path + strlen(DEVICE), module, len + 1);
	return 0;
}

int aemCORE_sysnr(const char *module)
{
	char path[sizeof(DEVICE) + NAME_MAX_LEN];
	__u32 nr;
	int fd, ret;

	if (aem_device_path(module, path) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = ioctl(fd, GET_SYSNR, &nr);
	aem_close(fd);
	if (ret < 0)
		return -1;
	if (!nr || nr > INT_MAX) {
		errno = EINVAL;
		return -1;
	}
	return nr;
}

/* Looks it up each time: the module may have come, gone or been swapped. */
int aem_kind_init(struct aem_kind *kind)
{
	int nr = aemCORE_sysnr(kind->module);

	if (nr < 0)
		return -1;
	__atomic_store_n(&kind->sys_nr, nr, __ATOMIC_RELAXED);
	return 0;
}

/*
 * A number that is known is tried. It goes with its module's unloading and is
 * not given again soon, so EINVAL may mean that it is out of date.
 */
int aem_kind_entry(struct aem_kind *kind, void *args)
{
	int known = __atomic_load_n(&kind->sys_nr, __ATOMIC_RELAXED);
	int nr, id;

	if (known) {
		id = aem_entry(known, args);
		if (id >= 0 || errno != EINVAL)
			return id;
	}
	if (aem_kind_init(kind) < 0)
		return -1;
	nr = __atomic_load_n(&kind->sys_nr, __ATOMIC_RELAXED);
	if (nr == known) {
		errno = EINVAL;
		return -1;
	}
	return aem_entry(nr, args);
}
