// SPDX-License-Identifier: GPL-2.0-only
/*
 * AEM: an event of aem-example a source, each activation delivered. The
 * program waits for events and is handed them in batches; or it waits in a
 * call like any other, or computes, and is interrupted by an upcall.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"

static int device;
static int *eids;
static unsigned int handled;

static void handler(int eid, char *data, int len, unsigned long cookie)
{
	(void)eid;
	(void)data;
	(void)len;
	handled++;
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

/*
 * A call that knows nothing of AEM. It is restarted behind the upcall, and
 * finds what it waited for.
 */
static int futex_take(void)
{
	unsigned int seen = __atomic_load_n(&handled, __ATOMIC_RELAXED);

	if (!syscall(SYS_futex, &handled, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0) ||
	    errno == EAGAIN)
		return 1;
	return -1;
}

static int aem_look(unsigned int source)
{
	struct aem_books books;

	if (aemCORE_event_books(eids[source], &books) < 0)
		return -1;
	/* Nothing is under way. */
	errno = EIO;
	return books.raised == books.delivered ? 0 : -1;
}

/* Its kind's part of an event: all but aem-core's. */
static long aem_own_bytes(void)
{
	long whole = read_number("/sys/kernel/slab/aem-example/object_size");
	long core = read_number("/sys/kernel/debug/aem/event_size");

	return whole < 0 || core < 0 ? -1 : whole - core;
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
	.look = aem_look,
	.own_bytes = aem_own_bytes,
	.close = aem_close,
};

const struct mechanism bench_aem_upcall = {
	.name = "aem-upcall",
	.most = 100000,
	.open = aem_open,
	.add = aem_add,
	.raise = aem_raise,
	.take = futex_take,
	.drop = aem_drop,
	.close = aem_close,
};

const struct mechanism bench_aem_computing = {
	.name = "aem-computing",
	.most = 100000,
	.computes = true,
	.open = aem_open,
	.add = aem_add,
	.raise = aem_raise,
	.drop = aem_drop,
	.close = aem_close,
};
