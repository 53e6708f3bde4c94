// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-fd: events when something happens to a file or directory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind files = { .module = "fd" };

int aemFD_init(void)
{
	return aem_kind_init(&files);
}

int aemFD_clear_idset(int *idset)
{
	int band;

	if (!idset) {
		errno = EINVAL;
		return -1;
	}
	for (band = 0; band < NR_BAND; band++)
		idset[band] = -1;
	return 0;
}

/* Leaves errno alone. */
static void aem_fd_undo(const int *ids, int bands)
{
	int saved = errno;

	while (bands--)
		if (ids[bands] >= 0)
			aemCORE_event_shutdown(ids[bands]);
	errno = saved;
}

/* All of the bands in @flags, or none. */
static int aem_fd_register(struct aem_fd_args *args, unsigned long flags,
			   int *ids)
{
	int band;

	for (band = 0; band < NR_BAND; band++) {
		ids[band] = -1;
		if (!(flags & 1UL << band))
			continue;
		args->band = band;
		ids[band] = aem_kind_entry(&files, args);
		if (ids[band] < 0) {
			aem_fd_undo(ids, band);
			return -1;
		}
	}
	return 0;
}

int aemFD_notify_register(char *name, unsigned long flags, void *handler,
			  int *idset)
{
	unsigned long ours = F_BALL | F_BNOFOLLOW;
	struct aem_fd_args args = {
		.head.size = sizeof(args),
		.head.flags = flags & ~ours,
		.head.handler = (uintptr_t)handler,
		.name = (uintptr_t)name,
	};
	int nofollow = flags & F_BNOFOLLOW ? O_NOFOLLOW : 0;
	int ids[NR_BAND];
	int band, ret;

	if (!idset || !(flags & F_BALL) || flags >> 32) {
		errno = EINVAL;
		return -1;
	}
	/* One descriptor for all: of one file, whatever is renamed meanwhile. */
	args.fd = open(name, O_PATH | O_CLOEXEC | nofollow);
	if (args.fd < 0)
		return -1;
	ret = aem_fd_register(&args, flags, ids);
	aem_close(args.fd);
	for (band = 0; !ret && band < NR_BAND; band++)
		if (ids[band] >= 0)
			idset[band] = ids[band];
	return ret;
}
