// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that are served: all below one folder, and none that a path or a
 * symbolic link leads to outside of it, which the kernel sees to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

#define INDEX	"index.html"

static int root = -1;

int files_open(const char *path)
{
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : 0;
}

static const char *type_of(const char *name)
{
	static const char *const types[][2] = {
		{ ".html", "text/html" },
		{ ".txt", "text/plain" },
		{ ".css", "text/css" },
		{ ".js", "text/javascript" },
		{ ".json", "application/json" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".jpg", "image/jpeg" },
	};
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(dot, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}

static int status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 503;
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
	case EXDEV:
	case ENXIO:
	case ENODEV:
		return 404;
	default:
		return 500;
	}
}

int files_find(const char *path, struct served *file)
{
	/* Not to wait for the other end of a FIFO. */
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	size_t len = strlen(path);
	char name[PATH_MAX];
	struct stat st;

	if (!len || path[len - 1] == '/') {
		if (len + sizeof(INDEX) > sizeof(name))
			return 404;
		snprintf(name, sizeof(name), "%s" INDEX, path);
		path = name;
	}
	file->fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (file->fd < 0)
		return status_of(errno);
	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(file->fd);
		return 404;
	}
	file->size = st.st_size;
	file->modified = st.st_mtime;
	file->type = type_of(path);
	return 200;
}
