// SPDX-License-Identifier: GPL-2.0-only
/* AEM: an event's handler runs in a process made for it, or made ahead. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"
#include "bench-process.h"

static int device;
static int eids[EVENTS];

static void handler(int eid, char *data, int len, unsigned long cookie)
{
	(void)eid;
	(void)data;
	(void)len;
	handled(cookie);
}

static int open_for(unsigned int flags)
{
	unsigned int i;

	device = open("/dev/aem-example", O_WRONLY | O_CLOEXEC);
	if (device < 0 || aemEXAMPLE_init() < 0)
		return -1;
	for (i = 0; i < EVENTS; i++) {
		eids[i] = aemEXAMPLE_register(handler, i, flags | AEM_EXAMPLE_EACH);
		if (eids[i] < 0 || aemCORE_event_start(eids[i]) < 0)
			return -1;
	}
	return 0;
}

static int fork_open(void)
{
	return open_for(EVF_FORK | EVF_NOCLDWAIT);
}

static int capsule_open(void)
{
	char capsules[16];

	snprintf(capsules, sizeof(capsules), "%d", EVENTS);
	set("/proc/sys/aem/capsules", capsules);
	return open_for(EVF_CAPSULE);
}

static int aem_raise(unsigned int source)
{
	struct aem_example_fire fire = {
		.eid = eids[source],
		.context = AEM_EXAMPLE_PROCESS,
		.count = 1,
	};

	return write(device, &fire, sizeof(fire)) == sizeof(fire) ? 0 : -1;
}

static int aem_take(void)
{
	return aem_evwait(NULL);
}

const struct process_mechanism process_aem_fork = {
	.name = "aem-fork",
	.open = fork_open,
	.raise = aem_raise,
	.take = aem_take,
};

const struct process_mechanism process_aem_capsule = {
	.name = "aem-capsule",
	.open = capsule_open,
	.raise = aem_raise,
	.take = aem_take,
};
