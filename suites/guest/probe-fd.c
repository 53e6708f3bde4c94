// SPDX-License-Identifier: GPL-2.0-only
/* Events of files, and what a probe does to files so that they happen. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

/* Of a name a message has room for so much. */
#define SHOWN	200

static void fd_handler(int eid, char *name, int len, int pid, int band)
{
	size_t got = strlen(name);
	struct message m = { 0 };
	char shown[SHOWN + 1];
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	memcpy(shown, name, got < SHOWN ? got : SHOWN);
	shown[got < SHOWN ? got : SHOWN] = '\0';
	put_string(&m, "name", shown);
	put_number(&m, "got", got);
	put_number(&m, "len", len);
	put_number(&m, "pid", pid);
	put_number(&m, "band", band);
	finish_call(&m, eid);
	errno = saved;
}

/* A name that the command gives, or one of so many bytes, or a bad address. */
static char *name_of(const struct command *c)
{
	const char *null = word(c, "null") ?: "";
	static char name[8192];
	size_t len = number(c, "length", 0);

	if (!strcmp(null, "name"))
		return NULL;
	if (given(c, "bad"))
		return (char *)8;
	snprintf(name, sizeof(name), "%s", word(c, "name") ?: "");
	/* "a/" is "a/././.": as long as need be, and the same. */
	while (strlen(name) + 2 <= len)
		strcat(name, "./");
	return name;
}

/* What there was in a slot of the set and is not to be touched. */
#define UNTOUCHED	(-77)

static void do_register(const struct command *c)
{
	static const char *const keys[NR_BAND] = {
		"in", "out", "hup", "open", "owner", "mode", "lock", "create", "remove", "rename",
	};
	const char *null = word(c, "null") ?: "";
	int set[NR_BAND], band, ret;
	struct message m = { 0 };

	for (band = 0; band < NR_BAND; band++)
		set[band] = UNTOUCHED;
	if (given(c, "clear"))
		aemFD_clear_idset(set);
	ret = aemFD_notify_register(name_of(c), number(c, "flags", 0), handler_of(c, fd_handler),
				    strcmp(null, "idset") ? set : NULL);
	for (band = 0; band < NR_BAND; band++)
		put_number(&m, keys[band], set[band]);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/* aem_entry() itself: what libaem does not say. */
static void do_entry(const struct command *c)
{
	struct aem_fd_args args = {
		.head.size = sizeof(args),
		.head.flags = number(c, "flags", 0),
		.head.handler = (uintptr_t)fd_handler,
		.fd = number(c, "fd", -1),
		.band = number(c, "band", 0),
		.name = (uintptr_t)name_of(c),
	};

	answer(c, aem_entry(aemCORE_sysnr("fd"), &args));
}

static void do_init(const struct command *c)
{
	answer(c, aemFD_init());
}

static void do_clear(const struct command *c)
{
	answer(c, aemFD_clear_idset(NULL));
}

/* What is done to files */

static void do_open(const struct command *c)
{
	answer(c, open(word(c, "name"), number(c, "how", O_RDWR) | O_CLOEXEC, 0644));
}

static void do_close(const struct command *c)
{
	answer(c, close(number(c, "fd", -1)));
}

static void do_dup(const struct command *c)
{
	answer(c, dup(number(c, "fd", -1)));
}

static void do_read(const struct command *c)
{
	char byte;

	answer(c, pread(number(c, "fd", -1), &byte, 1, 0));
}

/* Of what has no place, a FIFO. */
static void do_get(const struct command *c)
{
	char byte;

	answer(c, read(number(c, "fd", -1), &byte, 1));
}

static void do_write(const struct command *c)
{
	long i, count = number(c, "count", 1), ret = 0;

	for (i = 0; i < count && ret >= 0; i++)
		ret = write(number(c, "fd", -1), "x", 1);
	answer(c, ret);
}

static void do_truncate(const struct command *c)
{
	answer(c, truncate(word(c, "name"), number(c, "size", 0)));
}

static void do_list(const struct command *c)
{
	DIR *dir = opendir(word(c, "name"));
	int entries = 0;

	if (!dir) {
		answer(c, -1);
		return;
	}
	while (readdir(dir))
		entries++;
	closedir(dir);
	answer(c, entries);
}

static void do_chown(const struct command *c)
{
	int how = given(c, "nofollow") ? AT_SYMLINK_NOFOLLOW : 0;

	answer(c, fchownat(AT_FDCWD, word(c, "name"), number(c, "uid", -1), number(c, "gid", -1),
			   how));
}

static void do_chmod(const struct command *c)
{
	answer(c, chmod(word(c, "name"), number(c, "mode", 0644)));
}

/*
 * `file-acl name= mask=RWX`: access for its owner and for one other user, of
 * whose rights the mask lets these through, which is what the mode then says of
 * the group. `file-acl name=`: none any more.
 */
static void do_acl(const struct command *c)
{
	const uint32_t nobody = ACL_UNDEFINED_ID;
	struct {
		struct posix_acl_xattr_header head;
		struct posix_acl_xattr_entry entries[5];
	} acl = {
		.head.a_version = POSIX_ACL_XATTR_VERSION,
		.entries = {
			{ ACL_USER_OBJ, 6, nobody },
			{ ACL_USER, 4, 1001 },
			{ ACL_GROUP_OBJ, 4, nobody },
			{ ACL_MASK, number(c, "mask", 0), nobody },
			{ ACL_OTHER, 0, nobody },
		},
	};
	static const char attribute[] = XATTR_NAME_POSIX_ACL_ACCESS;
	const char *name = word(c, "name");

	if (given(c, "mask"))
		answer(c, setxattr(name, attribute, &acl, sizeof(acl), 0));
	else
		answer(c, removexattr(name, attribute));
}

static int lock_whole(int fd, const char *kind, int type, bool wait)
{
	struct flock lock = { .l_type = type };

	if (!strcmp(kind, "ofd"))
		return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
	return fcntl(fd, wait ? F_SETLKW : F_SETLK, &lock);
}

/* `kind=` flock, posix or ofd; `type=` shared, exclusive or none; `wait`. */
static void do_lock(const struct command *c)
{
	const char *kind = word(c, "kind"), *type = word(c, "type");
	bool shared = !strcmp(type, "shared"), none = !strcmp(type, "none");
	int fd = number(c, "fd", -1);
	int how;

	if (strcmp(kind, "flock")) {
		how = none ? F_UNLCK : shared ? F_RDLCK : F_WRLCK;
		answer(c, lock_whole(fd, kind, how, given(c, "wait")));
		return;
	}
	how = none ? LOCK_UN : shared ? LOCK_SH : LOCK_EX;
	answer(c, flock(fd, how | (given(c, "wait") ? 0 : LOCK_NB)));
}

/* An entry that is made: `kind=` file, dir, fifo, symlink (to `to=`) or link. */
static void do_make(const struct command *c)
{
	const char *kind = word(c, "kind") ?: "file", *name = word(c, "name"), *to = word(c, "to");
	int ret;

	if (!strcmp(kind, "dir"))
		ret = mkdir(name, 0755);
	else if (!strcmp(kind, "fifo"))
		ret = mkfifo(name, 0666);
	else if (!strcmp(kind, "symlink"))
		ret = symlink(to, name);
	else if (!strcmp(kind, "link"))
		ret = link(to, name);
	else
		ret = mknod(name, S_IFREG | 0644, 0);
	answer(c, ret);
}

/* `count` of them, their numbers behind the name. */
static void do_make_many(const struct command *c)
{
	long i, count = number(c, "count", 0);
	char name[64];
	int ret = 0;

	for (i = 0; i < count && !ret; i++) {
		snprintf(name, sizeof(name), "%s%03ld", word(c, "name"), i);
		ret = mknod(name, S_IFREG | 0644, 0);
	}
	answer(c, ret);
}

static void do_remove(const struct command *c)
{
	answer(c, remove(word(c, "name")));
}

static void do_rename(const struct command *c)
{
	answer(c, rename(word(c, "name"), word(c, "to")));
}

static void do_umount(const struct command *c)
{
	answer(c, umount2(word(c, "name"), number(c, "flags", 0)));
}

static void do_chdir(const struct command *c)
{
	answer(c, chdir(word(c, "name")));
}

const struct verb fd_verbs[] = {
	{ "fd-init", do_init },
	{ "fd-clear", do_clear },
	{ "fd-register", do_register },
	{ "fd-entry", do_entry },
	{ "file-open", do_open },
	{ "file-close", do_close },
	{ "file-dup", do_dup },
	{ "file-read", do_read },
	{ "file-get", do_get },
	{ "file-write", do_write },
	{ "file-truncate", do_truncate },
	{ "file-list", do_list },
	{ "file-chown", do_chown },
	{ "file-chmod", do_chmod },
	{ "file-acl", do_acl },
	{ "file-lock", do_lock },
	{ "file-make", do_make },
	{ "file-make-many", do_make_many },
	{ "file-remove", do_remove },
	{ "file-rename", do_rename },
	{ "file-umount", do_umount },
	{ "file-chdir", do_chdir },
	{ }
};
