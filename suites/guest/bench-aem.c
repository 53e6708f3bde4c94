// SPDX-License-Identifier: GPL-2.0-only
/* AEM: an event of aem-example a source, each activation delivered. */
#include <fcntl.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"

static int device;
static int *eids;

static void handler(int eid, char *data, int len, unsigned long cookie)
{
	(void)eid;
	(void)data;
	(void)len;
	deliver(cookie);
}

static int aem_open(unsigned int sources)
{
	eids = table(sources, sizeof(*eids));
	device = open("/dev/aem-example", O_WRONLY | O_CLOEXEC);
	return device < 0 ? -1 : aemEXAMPLE_init();
}

static int aem_add(unsigned int source)
{
	eids[source] = aemEXAMPLE_register(handler, source, AEM_EXAMPLE_EACH);
	return eids[source] < 0 ? -1 : aemCORE_event_start(eids[source]);
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

static int aem_drop(unsigned int source)
{
	return aemCORE_event_shutdown(eids[source]);
}

static void aem_close(void)
{
	close(device);
}

const struct mechanism bench_aem = {
	.name = "aem",
	.open = aem_open,
	.add = aem_add,
	.raise = aem_raise,
	.take = aem_take,
	.drop = aem_drop,
	.close = aem_close,
};
