// SPDX-License-Identifier: GPL-2.0-only
/*
 * The quota of events and of zone memory that a user may have, by sysctl
 * aem.max_user_events and aem.max_user_zone_kb. Neither is memory of its
 * process's that the OOM killer would see, and a descriptor that was passed on
 * keeps a zone. So unless somebody says otherwise, each is to need no more than
 * an eighth of memory.
 *
 * A user is known by uid in the initial user namespace, so that a namespace
 * of one's own gives no more. It exists while one of its threads has a
 * context or an event.
 */
#include <linux/hashtable.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "core.h"

#define EVENTS_MAX	(4 * 1024 * 1024)
#define ZONE_KB_MAX	(64 * 1024)

unsigned int aem_max_user_events __read_mostly;
unsigned int aem_max_user_zone_kb __read_mostly;

/* Protects the table and the counts in its users. Process context. */
static DEFINE_SPINLOCK(aem_users_lock);
static DEFINE_HASHTABLE(aem_users, 6);

void __init aem_user_init(void)
{
	unsigned long pages = totalram_pages() / 8;

	aem_max_user_events = min_t(unsigned long, EVENTS_MAX,
				    pages * (PAGE_SIZE / AEM_EVENT_COST));
	aem_max_user_zone_kb = min_t(unsigned long, ZONE_KB_MAX,
				     pages << (PAGE_SHIFT - 10));
}

static struct aem_user *aem_user_find(kuid_t uid)
{
	struct aem_user *user;

	hash_for_each_possible(aem_users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Finds or makes the user; may sleep. Returns NULL without memory. */
struct aem_user *aem_user_get(kuid_t uid)
{
	struct aem_user *fresh, *user;

	fresh = kzalloc(sizeof(*fresh), AEM_GFP);
	if (!fresh)
		return NULL;
	fresh->uid = uid;

	spin_lock(&aem_users_lock);
	user = aem_user_find(uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(aem_users, &user->node, __kuid_val(uid));
	}
	user->refs++;
	spin_unlock(&aem_users_lock);
	kfree(fresh);
	return user;
}

void aem_user_put(struct aem_user *user)
{
	bool last;

	spin_lock(&aem_users_lock);
	last = !--user->refs;
	if (last)
		hash_del(&user->node);
	spin_unlock(&aem_users_lock);
	if (last)
		kfree(user);
}

/* Counts so many more events: 0, or -EAGAIN at the limit. */
int aem_user_charge(struct aem_user *user, unsigned int events)
{
	unsigned int limit = READ_ONCE(aem_max_user_events);
	int ret = -EAGAIN;

	spin_lock(&aem_users_lock);
	if (user->events <= limit && events <= limit - user->events) {
		user->events += events;
		ret = 0;
	}
	spin_unlock(&aem_users_lock);
	return ret;
}

void aem_user_uncharge(struct aem_user *user, unsigned int events)
{
	spin_lock(&aem_users_lock);
	user->events -= events;
	spin_unlock(&aem_users_lock);
}

/* Counts a zone's pages: 0, or -ENOMEM at the limit. */
int aem_user_charge_pages(struct aem_user *user, unsigned int pages)
{
	unsigned int limit = READ_ONCE(aem_max_user_zone_kb) >>
			     (PAGE_SHIFT - 10);
	int ret = -ENOMEM;

	spin_lock(&aem_users_lock);
	if (user->zone_pages <= limit && pages <= limit - user->zone_pages) {
		user->zone_pages += pages;
		ret = 0;
	}
	spin_unlock(&aem_users_lock);
	return ret;
}

void aem_user_uncharge_pages(struct aem_user *user, unsigned int pages)
{
	spin_lock(&aem_users_lock);
	user->zone_pages -= pages;
	spin_unlock(&aem_users_lock);
}
