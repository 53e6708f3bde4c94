// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vmtable: memory that the kernel and one process share, in which a
 * handler finds its data.
 *
 * The pages are the kernel's, charged to the process's memory cgroup, and are
 * mapped into the process once. All that says which of them are in use is
 * kept outside, so a process that scribbles over its zone spoils its own data
 * and nothing else. Pages outlive the zone while a mapping has them.
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "aem-compat.h"
#include "core.h"

#define CHUNK		64
#define ZONE_DEFAULT	(64 * 1024)
#define ZONE_MAX	(16 * 1024 * 1024)

static DEFINE_MUTEX(spaces_lock);	/* the table, and a space's last put */
static DEFINE_HASHTABLE(spaces, 8);	/* by mm */

static void aem_zone_destroy(struct aem_zone *zone)
{
	unsigned int i;

	if (zone->kaddr)
		vunmap(zone->kaddr);
	for (i = 0; i < zone->nr_pages; i++)
		__free_page(zone->pages[i]);
	if (zone->user) {
		aem_user_uncharge_pages(zone->user, zone->size >> PAGE_SHIFT);
		aem_user_put(zone->user);
	}
	kvfree(zone->pages);
	kvfree(zone);
}

static struct aem_zone *aem_zone_create(size_t size)
{
	size_t bitmap = BITS_TO_LONGS(size / CHUNK) * sizeof(long);
	unsigned int nr = size >> PAGE_SHIFT;
	struct aem_zone *zone;
	struct page *page;

	zone = kvzalloc(sizeof(*zone) + bitmap, AEM_GFP);
	if (!zone)
		return NULL;
	spin_lock_init(&zone->lock);
	mutex_init(&zone->room);
	INIT_LIST_HEAD(&zone->starved);
	zone->size = size;
	zone->user = aem_user_get(current_uid());
	if (!zone->user || aem_user_charge_pages(zone->user, nr)) {
		if (zone->user)
			aem_user_put(zone->user);
		kvfree(zone);
		return NULL;
	}
	zone->pages = kvcalloc(nr, sizeof(*zone->pages), AEM_GFP);
	if (!zone->pages)
		goto fail;
	while (zone->nr_pages < nr) {
		page = alloc_page(AEM_GFP | __GFP_ZERO);
		if (!page)
			goto fail;
		zone->pages[zone->nr_pages++] = page;
	}
	zone->kaddr = vmap(zone->pages, nr, VM_MAP, PAGE_KERNEL);
	if (!zone->kaddr)
		goto fail;
	return zone;
fail:
	aem_zone_destroy(zone);
	return NULL;
}

/*
 * Room for @len bytes, or NULL. The chunks' content is what earlier handlers
 * left there: it is the same process's.
 */
void *aem_zone_alloc(struct aem_zone *zone, size_t len)
{
	unsigned long bits = zone->size / CHUNK;
	unsigned long nr = DIV_ROUND_UP(len, CHUNK);
	void *data = NULL;
	unsigned long at;

	mutex_lock(&zone->room);
	at = bitmap_find_next_zero_area(zone->used, bits, 0, nr, 0);
	if (at < bits) {
		bitmap_set(zone->used, at, nr);
		data = zone->kaddr + at * CHUNK;
	}
	mutex_unlock(&zone->room);
	return data;
}

/* Changes whenever room is given back. */
unsigned int aem_zone_frees(struct aem_zone *zone)
{
	return READ_ONCE(zone->frees);
}

/*
 * An event waits for room, of which there was not enough when aem_zone_frees()
 * said @frees. Its owner's lock is held, so that the state says where it is.
 * Returns false when some was given back since: it is to try again.
 */
bool aem_zone_starve(struct aem_zone *zone, struct aem_event *ev,
		     unsigned int frees)
{
	bool waits;

	spin_lock(&zone->lock);
	waits = zone->frees == frees;
	if (waits) {
		ev->state |= AEM_EV_STARVED;
		list_add_tail(&ev->queue, &zone->starved);
	}
	spin_unlock(&zone->lock);
	return waits;
}

/* The event waits no more; its owner's lock is held. */
void aem_zone_unstarve(struct aem_zone *zone, struct aem_event *ev)
{
	ev->state &= ~AEM_EV_STARVED;
	spin_lock(&zone->lock);
	list_del_init(&ev->queue);
	spin_unlock(&zone->lock);
}

/*
 * The first event that waits for room, referenced, or NULL. Each is taken off
 * @round first, the list as it was, so that one that comes back is not tried
 * again before there is more room.
 */
static struct aem_event *aem_zone_starved(struct aem_zone *zone,
					  struct list_head *round)
{
	struct aem_event *ev;

	spin_lock_irq(&zone->lock);
	ev = list_first_entry_or_null(round, struct aem_event, queue);
	/* On the list, so it is not shut down and its registration holds it. */
	if (ev)
		aem_event_hold(ev);
	spin_unlock_irq(&zone->lock);
	return ev;
}

/* Gives room back. Those who waited for it try again. */
void aem_zone_free(struct aem_zone *zone, void *data, size_t len)
{
	struct aem_event *ev;
	LIST_HEAD(round);

	mutex_lock(&zone->room);
	bitmap_clear(zone->used, (data - zone->kaddr) / CHUNK,
		     DIV_ROUND_UP(len, CHUNK));
	mutex_unlock(&zone->room);
	spin_lock_irq(&zone->lock);
	WRITE_ONCE(zone->frees, zone->frees + 1);
	list_splice_init(&zone->starved, &round);
	spin_unlock_irq(&zone->lock);

	while ((ev = aem_zone_starved(zone, &round))) {
		spin_lock_irq(&ev->task->lock);
		if (ev->state & AEM_EV_STARVED) {
			aem_zone_unstarve(zone, ev);
			aem_task_enqueue(ev->task, ev);
		}
		spin_unlock_irq(&ev->task->lock);
		aem_event_put(ev);
		cond_resched();
	}
}

/* Finds or makes what @mm has; may sleep. Returns NULL without memory. */
struct aem_space *aem_space_get(struct mm_struct *mm)
{
	struct aem_space *space;

	mutex_lock(&spaces_lock);
	hash_for_each_possible(spaces, space, node, (unsigned long)mm) {
		if (space->mm == mm) {
			refcount_inc(&space->ref);
			goto out;
		}
	}
	space = kzalloc(sizeof(*space), AEM_GFP);
	if (!space)
		goto out;
	mutex_init(&space->lock);
	refcount_set(&space->ref, 1);
	/* No other mm can be at its address while the space lives. */
	mmgrab(mm);
	space->mm = mm;
	hash_add(spaces, &space->node, (unsigned long)mm);
out:
	mutex_unlock(&spaces_lock);
	return space;
}

void aem_space_put(struct aem_space *space)
{
	if (!refcount_dec_and_mutex_lock(&space->ref, &spaces_lock))
		return;
	hash_del(&space->node);
	mutex_unlock(&spaces_lock);
	if (space->zone)
		aem_zone_destroy(space->zone);
	mmdrop(space->mm);
	kfree(space);
}

/* The zone, or NULL: once there it stays as long as the space. */
struct aem_zone *aem_space_zone(struct aem_space *space)
{
	/* Pairs with aem_space_init_zone(). */
	return smp_load_acquire(&space->zone);
}

/*
 * mmap of /dev/aem-core; called with the mm locked for writing. Only
 * aem_space_map() maps: it is current then, and holds the lock.
 */
int aem_space_mmap(struct aem_space *space, struct vm_area_struct *vma)
{
	if (READ_ONCE(space->mapper) != current)
		return -EPERM;
	/* A child has no events, so no zone and no ring either. */
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	return vm_map_pages_zero(vma, space->mapping, space->mapped);
}

/*
 * Maps pages into current; at @addr, where nothing may be, unless that is 0.
 * Called with the space's lock held.
 */
long aem_space_map(struct aem_space *space, struct file *file,
		   struct page **pages, unsigned int nr, unsigned long addr)
{
	unsigned long flags = MAP_SHARED;
	long ret;

	if (addr)
		flags |= MAP_FIXED_NOREPLACE;
	space->mapping = pages;
	space->mapped = nr;
	WRITE_ONCE(space->mapper, current);
	ret = vm_mmap(file, addr, (size_t)nr << PAGE_SHIFT,
		      PROT_READ | PROT_WRITE, flags, 0);
	WRITE_ONCE(space->mapper, NULL);
	return ret;
}

/* Where the brk area ends, and whether it may grow by @size. */
static int aem_brk_end(struct mm_struct *mm, size_t size, unsigned long *end)
{
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	*end = PAGE_ALIGN(mm->brk);
	if (check_data_rlimit(rlimit(RLIMIT_DATA), *end + size,
			      mm->start_brk, mm->end_data, mm->start_data))
		ret = -ENOMEM;
	mmap_read_unlock(mm);
	return ret;
}

/*
 * Maps the zone where the brk area ends, for its end to be the brk area's.
 * Another thread may move the break meanwhile. It cannot move it across the
 * mapping; when it got there first the mapping fails.
 */
static long aem_map_in_brk(struct aem_space *space, struct file *file,
			   struct aem_zone *zone)
{
	unsigned long end, addr;
	int ret;

	ret = aem_brk_end(current->mm, zone->size, &end);
	if (ret)
		return ret;
	addr = aem_space_map(space, file, zone->pages, zone->nr_pages, end);
	return addr == -EEXIST ? -ENOMEM : addr;
}

static void aem_move_brk(struct mm_struct *mm, unsigned long brk)
{
	mmap_write_lock(mm);
	mm->brk = brk;
	mmap_write_unlock(mm);
}

/*
 * Maps the zone of a space that has none, and tells the program, which is left
 * as it was when it cannot be told. Called with the space's lock held.
 */
static int aem_space_add_zone(struct aem_space *space, struct file *file,
			      struct aem_zone *zone, struct aem_vmtable *table,
			      struct aem_vmtable __user *answer)
{
	bool in_brk = table->zone == TBL_UZONE;
	long addr;

	if (space->zone)
		return -EEXIST;
	if (in_brk)
		addr = aem_map_in_brk(space, file, zone);
	else
		addr = aem_space_map(space, file, zone->pages, zone->nr_pages, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	table->addr = addr;
	table->size = zone->size;
	if (in_brk)
		table->brk = addr + zone->size;
	if (copy_to_user(answer, table, sizeof(*table))) {
		vm_munmap(addr, zone->size);
		return -EFAULT;
	}
	if (in_brk)
		aem_move_brk(current->mm, table->brk);
	zone->addr = addr;
	/* Pairs with aem_space_zone(): the zone is complete. */
	smp_store_release(&space->zone, zone);
	return 0;
}

/**
 * aem_space_init_zone - make the zone of a space and map it
 * @space: of current
 * @file: an open file of /dev/aem-core in @space
 * @table: what is wanted; out: what there is
 * @answer: where that goes
 *
 * Context: process, may sleep.
 * Return: 0; -EEXIST when there is one, -EFAULT, -EINVAL, -ENOMEM, -EINTR:
 * then there is none.
 */
int aem_space_init_zone(struct aem_space *space, struct file *file,
			struct aem_vmtable *table,
			struct aem_vmtable __user *answer)
{
	size_t size = table->size ? PAGE_ALIGN(table->size) : ZONE_DEFAULT;
	struct aem_zone *zone;
	int ret;

	if (table->zone > TBL_VZONE || table->pad ||
	    table->size > ZONE_MAX)
		return -EINVAL;
	zone = aem_zone_create(size);
	if (!zone)
		return -ENOMEM;

	mutex_lock(&space->lock);
	ret = aem_space_add_zone(space, file, zone, table, answer);
	mutex_unlock(&space->lock);
	if (ret)
		aem_zone_destroy(zone);
	return ret;
}
