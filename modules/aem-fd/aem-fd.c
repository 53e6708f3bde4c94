// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-fd: events when something happens to a file or directory.
 *
 * What fsnotify tells comes from there: a watched inode has a mark of our one
 * group. That its owner, its mode or its locks changed, or that it has a name
 * less, is told by the activation point of files. Both call us in the context of
 * whoever did it, so its pid is current's.
 *
 * An event (a watch) tells of one band. What happened and has not been handed
 * over is on its list of records, in order. One that says the same as one on
 * the list, the same process and the same name, is merged into it. When there
 * is no room for more, by number or by memory, what is left is told by one call
 * with pid 0: look yourself. When the file is gone for good, each of its
 * watches has a last call, with no name.
 *
 * Objects and their lifetime
 *
 *   fd_file    a watched inode; its mark is embedded. Counted: one reference
 *              for each watch, from init to release, and one for the mark, until
 *              fsnotify frees that. The mark's first reference is dropped, and
 *              the mark destroyed, when the last watch is shut down; fsnotify
 *              destroys it before when the inode is deleted or unmounted. From
 *              then on the file is dying and takes no more watches. While it is
 *              not, its mark holds the inode, as every mark does.
 *   fd_watch   lives with its event. On its file's list until shutdown or
 *              until the file has gone.
 *   fd_record  on its watch's list, or given to the handler that runs. Counted
 *              in the quota of the event's user, as an event.
 *
 * Locking: fd_file.lock protects the lists of watches and their records. It is
 * taken in process context only. aem_raise() is called inside it, which keeps
 * the watch from being shut down meanwhile, and records are charged and
 * allocated inside it, without waiting for memory.
 */
#include <linux/aem.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/limits.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/wait_bit.h>

#include "aem-compat.h"
#include "aem-kernel.h"

/* What marks are told of. */
#define FD_CLOSE (FS_CLOSE_WRITE | FS_CLOSE_NOWRITE)
#define FD_MASK	(FS_ACCESS | FS_MODIFY | FD_CLOSE | FS_OPEN | FS_CREATE | \
		 FS_DELETE | FS_MOVE | FS_MOVE_SELF)

static unsigned int max_records = 64;
module_param(max_records, uint, 0644);
MODULE_PARM_DESC(max_records, "what an event keeps that was not handed over");

/* Whoever acts on the file pays for each of them. */
static unsigned int max_watches = 128;
module_param(max_watches, uint, 0644);
MODULE_PARM_DESC(max_watches, "events of one user on one file");

struct fd_file {
	struct fsnotify_mark mark;
	refcount_t ref;
	spinlock_t lock;	/* the rest, and its watches' lists and states */
	bool dying;
	bool left;		/* by its last watch */
	u32 bands;		/* a bit a band that has watches; read without */
	struct list_head watches;
};

struct fd_record {
	struct list_head node;
	struct pid *pid;	/* whose thread group did it; held */
	size_t len;		/* of the directory's entry, 0 for the file itself */
	char entry[];
};

/* What its handler was called for last. */
enum fd_given {
	FD_GIVEN_NOTHING,
	FD_GIVEN_RECORD,
	FD_GIVEN_LOST,
	FD_GIVEN_END,
};

struct fd_watch {
	struct list_head node;		/* on its file's list of watches */
	struct aem_event *ev;
	struct fd_file *file;
	char *name;			/* as it was registered by */
	struct mem_cgroup *memcg;	/* charged for the records; held */
	kuid_t uid;			/* counted for max_watches */
	u8 band;
	bool lost;			/* behind the records: there was more */
	bool ended;			/* behind that: the file is gone */
	u8 given;			/* enum fd_given */
	unsigned int count;		/* of the records */
	struct list_head records;
	struct fd_record *record;	/* FD_GIVEN_RECORD: which */
	struct pid *end_pid;		/* who had the file go; held */
};

static struct fsnotify_group *fd_group;
static atomic_t fd_marks;	/* until fsnotify has freed them */

static struct fd_file *fd_file_of(struct fsnotify_mark *mark)
{
	return container_of(mark, struct fd_file, mark);
}

static void fd_file_put(struct fd_file *file)
{
	if (refcount_dec_and_test(&file->ref))
		kfree(file);
}

static void fd_record_free(struct fd_watch *watch, struct fd_record *record)
{
	if (!record)
		return;
	put_pid(record->pid);
	kfree(record);
	aem_event_uncharge(watch->ev, 1);
}

/* The record of the same on the list, or NULL. Called with the lock held. */
static struct fd_record *fd_record_find(struct fd_watch *watch,
					const struct qstr *entry)
{
	size_t len = entry ? entry->len : 0;
	struct fd_record *record;

	list_for_each_entry_reverse(record, &watch->records, node)
		if (record->pid == task_tgid(current) && record->len == len &&
		    (!len || !memcmp(record->entry, entry->name, len)))
			return record;
	return NULL;
}

/* Puts one more on the list; false without room. Called with the lock held. */
static bool fd_record_add(struct fd_watch *watch, const struct qstr *entry)
{
	size_t len = entry ? entry->len : 0;
	struct mem_cgroup *old;
	struct fd_record *record;

	if (watch->count >= READ_ONCE(max_records) ||
	    !aem_event_charge(watch->ev, 1))
		return false;
	/* To whom it is told pays for it, not who did it. */
	old = set_active_memcg(watch->memcg);
	record = kmalloc(struct_size(record, entry, len),
			 GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN);
	set_active_memcg(old);
	if (!record) {
		aem_event_uncharge(watch->ev, 1);
		return false;
	}
	record->pid = get_pid(task_tgid(current));
	record->len = len;
	if (len)
		memcpy(record->entry, entry->name, len);
	list_add_tail(&record->node, &watch->records);
	watch->count++;
	return true;
}

/*
 * Something happened to the file, or to this entry of it. Called with the lock
 * held. What comes after something was lost is lost with it, until that is
 * handed over: so the order holds.
 */
static void fd_watch_tell(struct fd_watch *watch, const struct qstr *entry)
{
	if (watch->lost || fd_record_find(watch, entry)) {
		aem_merge(watch->ev);
	} else if (fd_record_add(watch, entry)) {
		aem_raise(watch->ev);
	} else {
		watch->lost = true;
		aem_raise(watch->ev);
	}
}

static void fd_file_tell(struct fd_file *file, u32 bands,
			 const struct qstr *entry)
{
	struct fd_watch *watch;

	if (!(READ_ONCE(file->bands) & bands))
		return;
	spin_lock(&file->lock);
	list_for_each_entry(watch, &file->watches, node)
		if (bands & BIT(watch->band))
			fd_watch_tell(watch, entry);
	spin_unlock(&file->lock);
}

/* fsnotify: in the context of who did it, may sleep. */
static int fd_handle_event(struct fsnotify_mark *mark, u32 mask,
			   struct inode *inode, struct inode *dir,
			   const struct qstr *entry, u32 cookie)
{
	struct fd_file *file = fd_file_of(mark);
	u32 bands = 0;

	if (mask & FS_ACCESS)
		bands |= F_BIN;
	if (mask & FS_MODIFY)
		bands |= F_BOUT;
	if (mask & FD_CLOSE)
		bands |= F_BHUP;
	if (mask & FS_OPEN)
		bands |= F_BOPEN;
	if (mask & FS_CREATE)
		bands |= F_BCREATE;
	if (mask & FS_DELETE)
		bands |= F_BREMOVE;
	if (mask & (FS_MOVE | FS_MOVE_SELF))
		bands |= F_BRENAME;
	fd_file_tell(file, bands, entry);
	return 0;
}

/* The activation point of files: in the context of who did it. */
static void fd_file_changed(struct inode *inode, unsigned int what)
{
	struct fsnotify_mark *mark;
	u32 bands = 0;

	/* Hardly any file is watched. */
	if (!rcu_access_pointer(inode->i_fsnotify_marks))
		return;
	mark = fsnotify_find_inode_mark(inode, fd_group);
	if (!mark)
		return;
	if (what & AEM_FILE_OWNER)
		bands |= F_BOWNER;
	if (what & AEM_FILE_MODE)
		bands |= F_BMODE;
	if (what & AEM_FILE_LOCK)
		bands |= F_BLOCK;
	/* Where events interrupt it, it begins anew after each of them. */
	if (what & AEM_FILE_LOCK_WAIT && !current->aem)
		bands |= F_BLOCK;
	if (what & AEM_FILE_REMOVED)
		bands |= F_BREMOVE;
	fd_file_tell(fd_file_of(mark), bands, NULL);
	fsnotify_put_mark(mark);
}

/*
 * The mark goes: the file was deleted and is not in use any more, or its
 * filesystem is unmounted. Or nobody watches it: then there is nobody to tell.
 */
static void fd_freeing_mark(struct fsnotify_mark *mark,
			    struct fsnotify_group *group)
{
	struct fd_file *file = fd_file_of(mark);
	struct fd_watch *watch, *next;

	spin_lock(&file->lock);
	file->dying = true;
	WRITE_ONCE(file->bands, 0);
	list_for_each_entry_safe(watch, next, &file->watches, node) {
		list_del_init(&watch->node);
		watch->end_pid = get_pid(task_tgid(current));
		watch->ended = true;
		aem_raise(watch->ev);
	}
	spin_unlock(&file->lock);
}

/* From a work item of fsnotify's. */
static void fd_free_mark(struct fsnotify_mark *mark)
{
	fd_file_put(fd_file_of(mark));
	if (atomic_dec_and_test(&fd_marks))
		wake_up_var(&fd_marks);
}

static const struct fsnotify_ops fd_fsnotify_ops = {
	.handle_inode_event = fd_handle_event,
	.freeing_mark = fd_freeing_mark,
	.free_mark = fd_free_mark,
};

/* The inode's file, referenced; NULL when it has none. */
static struct fd_file *fd_file_find(struct inode *inode)
{
	struct fsnotify_mark *mark;
	struct fd_file *file;
	bool dying;

	mark = fsnotify_find_inode_mark(inode, fd_group);
	if (!mark)
		return NULL;
	file = fd_file_of(mark);
	spin_lock(&file->lock);
	dying = file->dying;
	spin_unlock(&file->lock);
	if (dying) {
		/* Its last watch goes just now: what comes next is another. */
		fsnotify_destroy_mark(mark, fd_group);
		file = NULL;
	} else {
		refcount_inc(&file->ref);
	}
	fsnotify_put_mark(mark);
	return file;
}

/* A file with its mark on the inode; -EEXIST when there is one already. */
static struct fd_file *fd_file_make(struct inode *inode)
{
	struct fd_file *file;
	int ret;

	file = kzalloc(sizeof(*file), AEM_GFP);
	if (!file)
		return ERR_PTR(-ENOMEM);
	/* The watch that it is made for, and the mark. */
	refcount_set(&file->ref, 2);
	spin_lock_init(&file->lock);
	INIT_LIST_HEAD(&file->watches);
	atomic_inc(&fd_marks);
	fsnotify_init_mark(&file->mark, fd_group);
	file->mark.mask = FD_MASK;
	ret = fsnotify_add_inode_mark(&file->mark, inode, 0);
	if (!ret)
		return file;
	fsnotify_put_mark(&file->mark);
	fd_file_put(file);
	return ERR_PTR(ret);
}

/* Its user's events on this file, which is no more than max_watches. */
static unsigned int fd_file_count(struct fd_file *file, kuid_t uid)
{
	struct fd_watch *watch;
	unsigned int count = 0;

	list_for_each_entry(watch, &file->watches, node)
		count += uid_eq(watch->uid, uid);
	return count;
}

/* Puts the watch on the file; -EAGAIN at the limit, -ESTALE when it is dying. */
static int fd_file_add(struct fd_file *file, struct fd_watch *watch)
{
	int ret = 0;

	spin_lock(&file->lock);
	if (file->dying) {
		ret = -ESTALE;
	} else if (fd_file_count(file, watch->uid) >= READ_ONCE(max_watches)) {
		ret = -EAGAIN;
	} else {
		watch->file = file;
		list_add_tail(&watch->node, &file->watches);
		WRITE_ONCE(file->bands, file->bands | BIT(watch->band));
	}
	spin_unlock(&file->lock);
	return ret;
}

/* Takes the watch off its file, if it is there; the last one ends it. */
static void fd_file_leave(struct fd_file *file, struct fd_watch *watch)
{
	struct fd_watch *other;
	bool last = false;
	u32 bands = 0;

	spin_lock(&file->lock);
	list_del_init(&watch->node);
	list_for_each_entry(other, &file->watches, node)
		bands |= BIT(other->band);
	WRITE_ONCE(file->bands, bands);
	if (!bands && !file->left) {
		last = true;
		file->left = true;
		file->dying = true;
	}
	spin_unlock(&file->lock);
	if (!last)
		return;
	fsnotify_destroy_mark(&file->mark, fd_group);
	fsnotify_put_mark(&file->mark);
}

/* Has the watch on the inode's file, which is made when there is none. */
static int fd_watch_add(struct fd_watch *watch, struct inode *inode)
{
	struct fd_file *file;
	int ret;

	do {
		file = fd_file_find(inode);
		if (!file)
			file = fd_file_make(inode);
		ret = PTR_ERR_OR_ZERO(file);
		if (!ret) {
			ret = fd_file_add(file, watch);
			if (ret) {
				/* It may have been made for this watch alone. */
				fd_file_leave(file, watch);
				fd_file_put(file);
			}
		}
		cond_resched();
		/* Somebody else made one, or had one go. */
	} while (ret == -EEXIST || ret == -ESTALE);
	return ret;
}

/* What the program calls the file: a name for its handler, no more. */
static char *fd_copy_name(const char __user *uname)
{
	long len = strnlen_user(uname, PATH_MAX);
	char *name;

	if (!len)
		return ERR_PTR(-EFAULT);
	if (len > PATH_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	name = kmalloc(len, AEM_GFP);
	if (!name)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(name, uname, len)) {
		kfree(name);
		return ERR_PTR(-EFAULT);
	}
	name[len - 1] = '\0';
	return name;
}

/*
 * Whose the events are, for max_watches: with a user namespace and the ids in
 * it a user could be many.
 */
static kuid_t fd_payer(void)
{
	struct user_namespace *ns = current_user_ns();
	kuid_t uid = current_uid();

	for (; ns != &init_user_ns; ns = ns->parent)
		uid = ns->owner;
	return uid;
}

static int fd_init(struct aem_event *ev, const void *argp)
{
	struct fd_watch *watch = aem_event_priv(ev);
	const struct aem_fd_args *args = argp;
	struct file *file;
	int ret;

	if (args->band >= NR_BAND)
		return -EINVAL;
	/* Its handler is given a name. */
	if (!aem_event_zone_size(ev))
		return -ENXIO;
	file = fget_raw(args->fd);
	if (!file)
		return -EBADF;
	/* No news of what it may not read. */
	ret = path_permission(&file->f_path, MAY_READ);
	if (!ret)
		ret = security_path_notify(&file->f_path, FD_MASK,
					   FSNOTIFY_OBJ_TYPE_INODE);
	if (ret)
		goto put;
	watch->ev = ev;
	ev->each = true;
	watch->band = args->band;
	watch->uid = fd_payer();
	INIT_LIST_HEAD(&watch->node);
	INIT_LIST_HEAD(&watch->records);
	watch->name = fd_copy_name(u64_to_user_ptr(args->name));
	ret = PTR_ERR_OR_ZERO(watch->name);
	if (ret)
		goto put;
	watch->memcg = get_mem_cgroup_from_mm(current->mm);
	ret = fd_watch_add(watch, file_inode(file));
	if (ret) {
		mem_cgroup_put(watch->memcg);
		kfree(watch->name);
	}
put:
	fput(file);
	return ret;
}

/* Takes what is to be handed over next. Called with the lock held. */
static void fd_watch_take(struct fd_watch *watch)
{
	watch->record = list_first_entry_or_null(&watch->records,
						 struct fd_record, node);
	if (watch->record) {
		list_del(&watch->record->node);
		watch->count--;
		watch->given = FD_GIVEN_RECORD;
	} else if (watch->lost) {
		watch->lost = false;
		watch->given = FD_GIVEN_LOST;
	} else if (watch->ended) {
		watch->ended = false;
		watch->given = FD_GIVEN_END;
	} else {
		watch->given = FD_GIVEN_NOTHING;
	}
}

/* It was not handed over: it is the next again. Called with the lock held. */
static void fd_watch_untake(struct fd_watch *watch)
{
	switch (watch->given) {
	case FD_GIVEN_RECORD:
		list_add(&watch->record->node, &watch->records);
		watch->record = NULL;
		watch->count++;
		break;
	case FD_GIVEN_LOST:
		watch->lost = true;
		break;
	case FD_GIVEN_END:
		watch->ended = true;
		break;
	}
	watch->given = FD_GIVEN_NOTHING;
}

/* The name for the handler, in pieces of what is one string. */
struct fd_name {
	const char *dir, *slash, *entry;
	size_t dir_len, slash_len, entry_len;
};

static size_t fd_name_make(struct fd_watch *watch, struct fd_name *name)
{
	struct fd_record *record = watch->record;

	*name = (struct fd_name){ .dir = watch->name, .slash = "/", .entry = "" };
	if (watch->given == FD_GIVEN_END)
		return 0;
	name->dir_len = strlen(watch->name);
	if (record && record->len) {
		name->slash_len = !name->dir_len ||
				  watch->name[name->dir_len - 1] != '/';
		name->entry = record->entry;
		name->entry_len = record->len;
	}
	return name->dir_len + name->slash_len + name->entry_len;
}

/* As much of @text as there is room for. Returns where what comes next goes. */
static char *fd_append(char *room, size_t *left, const char *text, size_t len)
{
	len = min(*left, len);
	memcpy(room, text, len);
	*left -= len;
	return room + len;
}

/* As much of it as there is room for, with its end. */
static void fd_name_put(const struct fd_name *name, char *room, size_t size)
{
	size_t left = size - 1;

	room = fd_append(room, &left, name->dir, name->dir_len);
	room = fd_append(room, &left, name->slash, name->slash_len);
	room = fd_append(room, &left, name->entry, name->entry_len);
	*room = '\0';
}

static struct pid *fd_given_pid(struct fd_watch *watch)
{
	if (watch->given == FD_GIVEN_END)
		return watch->end_pid;
	return watch->record ? watch->record->pid : NULL;
}

static int fd_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct fd_watch *watch = aem_event_priv(ev);
	struct fd_name name;
	size_t len, size;
	char *room;

	/* Of the handler before this one, which has run. */
	fd_record_free(watch, watch->record);
	spin_lock(&watch->file->lock);
	fd_watch_take(watch);
	spin_unlock(&watch->file->lock);
	if (watch->given == FD_GIVEN_NOTHING)
		return -EAGAIN;
	len = fd_name_make(watch, &name);
	size = min(len + 1, aem_event_zone_size(ev));
	room = aem_delivery_data(ev, d, size, &d->call.args[1]);
	if (!room) {
		spin_lock(&watch->file->lock);
		fd_watch_untake(watch);
		spin_unlock(&watch->file->lock);
		return -ENOSPC;
	}
	fd_name_put(&name, room, size);
	d->call.args[2] = len;
	d->call.args[3] = pid_nr_ns(fd_given_pid(watch),
				    task_active_pid_ns(current));
	d->call.args[4] = watch->band;
	d->last = watch->given == FD_GIVEN_END;
	return 0;
}

static void fd_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct fd_watch *watch = aem_event_priv(ev);

	spin_lock(&watch->file->lock);
	fd_watch_untake(watch);
	spin_unlock(&watch->file->lock);
}

static void fd_shutdown(struct aem_event *ev)
{
	struct fd_watch *watch = aem_event_priv(ev);

	fd_file_leave(watch->file, watch);
}

static void fd_release(struct aem_event *ev)
{
	struct fd_watch *watch = aem_event_priv(ev);
	struct fd_record *record, *next;

	list_for_each_entry_safe(record, next, &watch->records, node)
		fd_record_free(watch, record);
	fd_record_free(watch, watch->record);
	put_pid(watch->end_pid);
	mem_cgroup_put(watch->memcg);
	kfree(watch->name);
	fd_file_put(watch->file);
}

static struct aem_kind fd_kind = {
	.owner = THIS_MODULE,
	.name = "fd",
	.args_size = sizeof(struct aem_fd_args),
	.priv_size = sizeof(struct fd_watch),
	.init = fd_init,
	.construct = fd_construct,
	.undo = fd_undo,
	.shutdown = fd_shutdown,
	.release = fd_release,
};

static int __init fd_module_init(void)
{
	int ret;

	fd_group = fsnotify_alloc_group(&fd_fsnotify_ops, 0);
	if (IS_ERR(fd_group))
		return PTR_ERR(fd_group);
	ret = aem_attach_file(fd_file_changed);
	if (ret)
		goto put;
	ret = aem_kind_register(&fd_kind);
	if (ret)
		goto detach;
	return 0;
detach:
	aem_detach_file(fd_file_changed);
put:
	fsnotify_put_group(fd_group);
	return ret;
}

static void __exit fd_module_exit(void)
{
	aem_kind_unregister(&fd_kind);
	aem_detach_file(fd_file_changed);
	/* Whoever has a file go may hold its mark still, ... */
	wait_var_event(&fd_marks, !atomic_read(&fd_marks));
	/* ... and whoever freed the last may still be here. */
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(fd_group);
}

module_init(fd_module_init);
module_exit(fd_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: files and directories");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
