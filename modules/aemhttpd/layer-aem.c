// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event layer on AEM: connections, data and room to send are events of
 * aem-ip, time is an event of aem-timer. Their handlers are all of one
 * priority, so none interrupts another, and the main program does nothing but
 * wait while they are started.
 *
 * Either module may be taken away by a forced drain: then its events end, and
 * wait() says ENODEV. All events are stopped by then, so that the main program
 * can do what is to be done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>

#include <aem.h>

#include "server.h"

#define ZONE		(256 * 1024)	/* for the data that is handed over */
#define PIECE		16384
#define NSEC_PER_SEC	1000000000LL
/* How many times something has been told before the events are looked at. */
#define LOOK		64
/* In place of an event's id: the connection has another layer by now. */
#define LEFT		-1

static int accepts = -1, timer = -1, listening;
/* Events are registered, and started when the main program waits. */
static bool holding;
static bool accept_wanted;
static long long timer_due;

/* An event that is not there any more has gone with its module. */
static int gone(int ret)
{
	if (ret < 0 && (errno == EINVAL || errno == ESHUTDOWN ||
			errno == ENOENT || errno == ENXIO))
		errno = ENODEV;
	return ret;
}

static void on_connection(int id, int old, int fd)
{
	(void)id;
	(void)old;
	server_accepted(fd);
}

static void on_data(int id, int fd, char *data, int len)
{
	struct connection *c = server_connection(fd);

	if (c && c->layer.a == id)
		server_data(c, data, len);
}

static void on_room(int id, int fd)
{
	struct connection *c = server_connection(fd);

	if (c && c->layer.b == id && c->writing)
		server_writable(c);
}

static void on_time(int id, void *arg)
{
	(void)id;
	(void)arg;
	server_timer();
}

static void layer_close(void)
{
	if (accepts > 0)
		aemCORE_event_shutdown(accepts);
	if (timer > 0)
		aemPOSIX_timer_delete(timer);
	accepts = -1;
	timer = -1;
}

static int layer_open(int fd)
{
	static bool zone;
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)on_time,
	};

	if (!zone && !aemCORE_vmtable_init(TBL_VZONE, ZONE))
		return -1;
	zone = true;
	holding = true;
	accept_wanted = true;
	timer_due = 0;
	listening = fd;
	if (aemIP_init() < 0 || aemTimer_init() < 0)
		return -1;
	accepts = aemIP_accept_flags(listening, NULL, NULL, on_connection,
				     AEMIP_CLOEXEC | AEMIP_NONBLOCK);
	if (accepts < 0)
		return -1;
	return aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &timer);
}

static int start(int id, bool on)
{
	return gone(on ? aemCORE_event_start(id) : aemCORE_event_stop(id));
}

static int layer_accepting(bool on)
{
	accept_wanted = on;
	return holding ? 0 : start(accepts, on);
}

static int watch(struct connection *c)
{
	int id = aemIP_read(c->fd, on_data);

	if (id < 0)
		return gone(-1);
	c->layer.a = id;
	return holding ? 0 : start(id, true);
}

/* What is not wanted is not registered, so that all can be started at once. */
static int layer_add(struct connection *c)
{
	c->layer = (struct layer_state){ 0 };
	return c->reading ? watch(c) : 0;
}

static int layer_reading(struct connection *c, bool on)
{
	if (c->layer.a == LEFT)
		return 0;
	if (c->layer.a)
		return start(c->layer.a, on);
	return on ? watch(c) : 0;
}

/*
 * Told once, and then each time that there is room again after a send found
 * none, so it is never stopped.
 */
static int layer_writing(struct connection *c, bool on)
{
	int id;

	if (!on || c->layer.b)
		return 0;
	id = aemIP_write(c->fd, on_room);
	if (id < 0)
		return gone(-1);
	c->layer.b = id;
	return holding ? 0 : start(id, true);
}

/* Closing does it. */
static void layer_remove(struct connection *c)
{
	(void)c;
}

static void layer_release(struct connection *c)
{
	struct layer_state events = c->layer;
	uint32_t generation = c->generation;
	int fd = c->fd, len = 0;
	char data[PIECE];

	c->layer = (struct layer_state){ LEFT, LEFT };
	if (events.b)
		aemCORE_event_shutdown(events.b);
	if (!events.a)
		return;
	len = aemIP_take(events.a, data, sizeof(data));
	aemCORE_event_shutdown(events.a);
	c = server_connection(fd);
	if (len > 0 && c && c->generation == generation)
		server_data(c, data, len);
}

static int layer_timer(long long due)
{
	struct itimerspec spec = {
		.it_value.tv_sec = due / NSEC_PER_SEC,
		.it_value.tv_nsec = due % NSEC_PER_SEC,
	};

	timer_due = due;
	if (holding)
		return 0;
	return gone(aemPOSIX_timer_settime(timer, TIMER_ABSTIME, &spec, NULL));
}

static int start_all(void)
{
	holding = false;
	if (aemCORE_event_start(AEM_EID_ALL) < 0)
		return -1;
	if (!accept_wanted && start(accepts, false) < 0)
		return -1;
	return timer_due ? layer_timer(timer_due) : 0;
}

static bool lives(int id)
{
	struct aem_books books;

	return aemCORE_event_books(id, &books) >= 0;
}

static int layer_wait(void)
{
	const struct timespec second = { .tv_sec = 1 };
	static int told;
	int ran;

	if (holding && start_all() < 0)
		return -1;
	ran = aem_evwait(&second);
	if (ran < 0)
		return -1;
	if (ran && ++told % LOOK)
		return 0;
	if (lives(accepts) && lives(timer))
		return 0;
	/* From here on the main program is not interrupted. */
	aemCORE_event_stop(AEM_EID_ALL);
	holding = true;
	errno = ENODEV;
	return -1;
}

const struct event_layer layer_aem = {
	.name = "aem",
	.open = layer_open,
	.close = layer_close,
	.accepting = layer_accepting,
	.add = layer_add,
	.reading = layer_reading,
	.writing = layer_writing,
	.remove = layer_remove,
	.release = layer_release,
	.timer = layer_timer,
	.wait = layer_wait,
};
