// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent on somebody's machine, over ssh: it leaves nothing behind.
 *
 * Two processes. The guard is what sshd has started, and stays the parent of
 * all: whatever the agent starts, and whatever that leaves behind, becomes a
 * child of the guard (PR_SET_CHILD_SUBREAPER). The agent does the work. When
 * it has ended, asked for or not, the guard kills every process below it,
 * puts settings back, unloads modules, and removes the agent's folder. The
 * agent ends with its stdin, so that a lost connection is an end like others.
 *
 * What is to be undone is in memory that both share: the agent adds to it
 * before it changes anything, the guard reads it when the agent is gone. What
 * the kernel says meanwhile the guard tells: it goes on where the agent has
 * ended, since both have the log opened once.
 *
 * One at a time on a machine: the guard holds a name, an abstract socket's,
 * from before it looks at anything until all is as it was. The next one waits
 * for that, or says who has it. The kernel gives it free whatever ends the
 * guard, and it is no file that could stay.
 *
 * As root the agent has a mount namespace of its own with an empty /tmp: what
 * tests mount and leave there goes with the last of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define MAX_UNDO	64
#define MAX_VALUE	1024
/* See kernel/target/console/patterns.ts. */
#define LOST		"a part of the kernel's log was overwritten unread"
/* A process in an uninterruptible sleep is waited for so long, in s. */
#define PATIENCE	30
/* Who does not read the guard's last words for so long, in ms, is gone. */
#define LAST_WORDS	(10 * 1000)
/* An agent that outlives its connection for so long, in s, is killed. */
#define GRACE		10
/* The exit status for a machine that is taken: see ssh/script.ts. */
#define BUSY		94
/* And for a name that is held, by no agent. */
#define HELD		95
/*
 * In s: for one that puts things back, or has not noticed yet that its side
 * has gone, see SILENCE, and for all in all; and for a run of others, which
 * may take hours.
 */
#define OWN_TURN	300
#define OTHERS_TURN	10
/*
 * In ms: after the guard of a lost connection its run's next agent goes first.
 */
#define GIVE_WAY	5000
/* The guard's name in ps, from where the agent is gone. */
#define UNDOING		"aemcert-undoes"

struct undo {
	enum { UNDO_WRITE, UNDO_UNLOAD } what;
	char name[256];		/* of a file, or of a module */
	char value[MAX_VALUE];
};

static struct undo_list {
	unsigned int count;
	struct undo entry[MAX_UNDO];
} *undo;

/* A listening socket whose name says that the machine is taken. */
static int turn = -1;
static int kmsg = -1;
static const char *kmsg_error;

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The log goes on meanwhile, and what nobody reads is overwritten. */
static void pause_and_tell(void)
{
	const struct timespec shortly = { .tv_nsec = 10 * 1000 * 1000 };
	int why = errno;

	nanosleep(&shortly, NULL);
	remote_log();
	errno = why;
}

/* What cannot be put right is told, on ssh's stderr. */
static void left_behind(const char *what, const char *name)
{
	dprintf(2, "aemcert: left behind: %s %s (%s)\n", what, name,
		strerror(errno));
}

/* The content of a small file without its last newline. Returns -1 for none. */
static int read_value(const char *path, char *value, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, value, size);
	close(fd);
	if (n < 0)
		return -1;
	if ((size_t)n == size) {
		errno = EFBIG;
		return -1;
	}
	while (n && value[n - 1] == '\n')
		n--;
	value[n] = '\0';
	return 0;
}

static void put_back(const struct undo *u)
{
	char now[MAX_VALUE];
	size_t len = strlen(u->value);
	int fd;

	if (!read_value(u->name, now, sizeof(now)) && !strcmp(now, u->value))
		return;
	fd = open(u->name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, u->value, len) != (ssize_t)len)
		left_behind("a changed setting:", u->name);
	if (fd >= 0)
		close(fd);
}

static void unload(const struct undo *u)
{
	time_t began = seconds();

	/* Those who used it may be on their way out still. */
	while (seconds() - began < PATIENCE) {
		if (!syscall(SYS_delete_module, u->name, O_NONBLOCK) ||
		    errno == ENOENT)
			return;
		if (errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK)
			break;
		pause_and_tell();
	}
	left_behind("the module", u->name);
}

static struct undo *find_undo(int what, const char *name)
{
	unsigned int i;

	for (i = 0; i < undo->count; i++)
		if ((int)undo->entry[i].what == what &&
		    !strcmp(undo->entry[i].name, name))
			return &undo->entry[i];
	return NULL;
}

/* Adds an entry, which counts from now on. Returns 0, or a negative errno. */
static int add_undo(int what, const char *name, const char *value)
{
	struct undo *u = &undo->entry[undo->count];

	if (undo->count == MAX_UNDO)
		return -ENOSPC;
	if (strlen(name) >= sizeof(u->name))
		return -ENAMETOOLONG;
	u->what = what;
	snprintf(u->name, sizeof(u->name), "%s", name);
	snprintf(u->value, sizeof(u->value), "%s", value);
	__atomic_store_n(&undo->count, undo->count + 1, __ATOMIC_RELEASE);
	return 0;
}

int remote_keep(const char *path)
{
	char value[MAX_VALUE];

	/* What it was at first is what it is to be again. */
	if (!undo || find_undo(UNDO_WRITE, path))
		return 0;
	if (read_value(path, value, sizeof(value)) < 0)
		return -errno;
	return add_undo(UNDO_WRITE, path, value);
}

int remote_load(const char *path, const char *name)
{
	int fd, error = 0;

	if (!undo)
		return -EPERM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Before it is loaded: it may be this process's last call. */
	error = add_undo(UNDO_UNLOAD, name, "");
	if (!error && syscall(SYS_finit_module, fd, "", 0) < 0) {
		error = -errno;
		/* One that was there already is not ours to unload. */
		__atomic_store_n(&undo->count, undo->count - 1,
				 __ATOMIC_RELEASE);
	}
	close(fd);
	return error;
}

/* The parent of a process; 0 for one that has gone. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *end;
	int parent = 0, fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name before it may have any character in it. */
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static int is_below(pid_t pid, pid_t ancestor)
{
	int depth;

	for (depth = 0; pid > 1 && depth < 4096; depth++) {
		pid = parent_of(pid);
		if (pid == ancestor)
			return 1;
	}
	return 0;
}

/* Kills what is below this process, until there is nothing. */
static void kill_all(void)
{
	pid_t self = getpid(), pid, gone;
	time_t began = seconds();
	struct dirent *entry;
	DIR *proc;

	while (seconds() - began < PATIENCE) {
		proc = opendir("/proc");
		while (proc && (entry = readdir(proc))) {
			pid = atoi(entry->d_name);
			if (pid > 1 && pid != self && is_below(pid, self))
				kill(pid, SIGKILL);
		}
		if (proc)
			closedir(proc);
		do
			gone = waitpid(-1, NULL, WNOHANG);
		while (gone > 0);
		if (gone < 0 && errno == ECHILD)
			return;
		pause_and_tell();
	}
	errno = ETIMEDOUT;
	left_behind("processes that do not end,", "children of the agent");
}

static int remove_one(const char *path, const struct stat *info, int type,
		      struct FTW *where)
{
	(void)info;
	(void)where;
	/* One that its owner cannot look into. */
	if (type == FTW_DNR && !chmod(path, 0700))
		nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	else
		remove(path);
	return 0;
}

/*
 * Root looks into all, and others may put links where nftw() finds folders:
 * rm(1) follows none. Returns false where it cannot be run.
 */
static bool root_removes(const char *folder)
{
	pid_t pid = geteuid() ? -1 : fork();
	int status;

	if (!pid) {
		execl("/bin/rm", "rm", "-rf", "--", folder, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) != 127;
}

static void remove_folder(const char *folder)
{
	if (!root_removes(folder))
		nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (!access(folder, F_OK)) {
		errno = ENOTEMPTY;
		left_behind("the folder", folder);
	}
}

/* Nobody reads what is written there, or writes what is to be read. */
static bool connection_ended(void)
{
	/* Of ends alone poll() tells unasked. */
	struct pollfd fds[] = { { .fd = 0 }, { .fd = 1 } };

	return poll(fds, 2, 0) > 0;
}

/* Who asks has seen who listens: else more and more would stand in line. */
static void let_go(void)
{
	int fd, i;

	for (i = 0; i < SOMAXCONN; i++) {
		fd = accept4(turn, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return;
		close(fd);
	}
}

/* Returns when the agent has ended; or when it does not even if killed. */
static void await_end(pid_t agent)
{
	const struct timespec second = { .tv_sec = 1 };
	time_t lost = 0, killed = 0;
	sigset_t wanted;
	bool asked;
	pid_t pid;
	int signo;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGHUP);
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			if (pid == agent)
				return;
		if (killed && seconds() - killed >= PATIENCE)
			return;
		signo = sigtimedwait(&wanted, NULL, &second);
		let_go();
		asked = signo > 0 && signo != SIGCHLD;
		if (!lost && connection_ended())
			lost = seconds();
		if (!killed &&
		    (asked || (lost && seconds() - lost >= GRACE))) {
			kill(agent, SIGKILL);
			killed = seconds();
		}
	}
}

static void __attribute__((noreturn)) guard(pid_t agent, const char *folder)
{
	unsigned int i;

	/* The connection may go before the guard: it writes to nobody then. */
	signal(SIGPIPE, SIG_IGN);
	await_end(agent);
	prctl(PR_SET_NAME, UNDOING);
	send_limit(LAST_WORDS);
	/* The agent may have ended in the middle of a line. */
	send_nothing();
	kill_all();
	for (i = __atomic_load_n(&undo->count, __ATOMIC_ACQUIRE); i > 0; i--) {
		if (undo->entry[i - 1].what == UNDO_UNLOAD)
			unload(&undo->entry[i - 1]);
		else
			put_back(&undo->entry[i - 1]);
	}
	remove_folder(folder);
	remote_log();
	send_undone(read_taint());
	_exit(0);
}

/* Who has the machine. */
struct holder {
	pid_t pid;		/* 0: of another container, or unknown */
	uid_t uid;		/* -1: unknown */
	/* As far as can be seen; of others what follows is not believed. */
	bool agent;
	bool undoing;
	char run[256];		/* as its host has it, printable */
};

/* What others have written is put on somebody's terminal. */
static void copy_printable(char *to, size_t size, const char *from)
{
	for (; *from && size > 1; from++, size--)
		*to++ = *from >= ' ' && *from <= '~' && *from != '"' ? *from :
								       '?';
	*to = '\0';
}

/* What it was started with and what it does are there for everybody to see. */
static void look_at(struct holder *h)
{
	char path[64], text[1024];
	const char *arg[4];
	size_t skip = 0;
	struct stat info;
	int fd, args;
	ssize_t n;

	/* A listener may have gone, and its number be another process's. */
	snprintf(path, sizeof(path), "/proc/%d", h->pid);
	if (!h->pid || stat(path, &info) < 0 || info.st_uid != h->uid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", h->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	/* agent --remote FOLDER RUN */
	for (args = 0; args < 4 && skip < (size_t)n; args++) {
		arg[args] = text + skip;
		skip += strlen(text + skip) + 1;
	}
	if (args < 4 || strcmp(arg[1], "--remote"))
		return;
	h->agent = true;
	copy_printable(h->run, sizeof(h->run), arg[3]);
	snprintf(path, sizeof(path), "/proc/%d/comm", h->pid);
	h->undoing = !read_value(path, text, sizeof(text)) &&
		     !strcmp(text, UNDOING);
}

/* @run: see remote_setup(). Everybody may read it, and take it for theirs. */
static bool is_of(const struct holder *h, const char *run)
{
	char ours[sizeof(h->run)];

	copy_printable(ours, sizeof(ours), run);
	return h->agent && h->uid == geteuid() && !strcmp(h->run, ours);
}

/*
 * Asks who has the name. Returns a connection that is told of its end, or -1
 * where nobody has it any more, or one who does not listen.
 */
static int ask_holder(const struct sockaddr_un *name, socklen_t size,
		      struct holder *h)
{
	struct ucred peer = { };
	socklen_t len = sizeof(peer);
	int fd;

	*h = (struct holder){ .uid = -1 };
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)name, size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		close(fd);
		return -1;
	}
	h->pid = peer.pid;
	h->uid = peer.uid;
	look_at(h);
	return fd;
}

static void __attribute__((noreturn))
machine_is_taken(const struct holder *h, const char *folder)
{
	char owner[32] = "an unknown user";

	if (h->uid != (uid_t)-1)
		snprintf(owner, sizeof(owner), "uid %u", h->uid);
	if (h->agent)
		dprintf(2,
			"aemcert: it is taken: process %d there, of %s, for \"%s\", %s\n",
			h->pid, owner, h->run,
			h->undoing ? "still puts things back" : "measures it");
	else
		dprintf(2,
			"aemcert: its name @aemcert is held by something of %s that is no agent, as far as can be seen\n",
			owner);
	remove_folder(folder);
	exit(h->agent ? BUSY : HELD);
}

static void say_who(const struct holder *h)
{
	if (h->agent)
		dprintf(2, "aemcert: waiting for process %d there, for \"%s\"\n",
			h->pid, h->run);
	else
		dprintf(2, "aemcert: waiting for who has the name @aemcert\n");
}

/* Waits so long. Returns early, and true, when the holder has ended. */
static bool await(int holder, int ms, const char *folder)
{
	struct pollfd fds[] = {
		{ .fd = holder, .events = POLLIN },
		/* Before hello the host says nothing: it has gone. */
		{ .fd = 0, .events = POLLIN },
	};

	poll(fds, 2, ms);
	if (!fds[1].revents)
		return fds[0].revents;
	remove_folder(folder);
	exit(1);
}

/* Returns when this process is the only one here that measures the machine. */
static void take_machine(const char *folder, const char *run)
{
	static const char words[] = "aemcert";
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	time_t began = seconds(), since = began, limit;
	bool said = false, ours, ended;
	struct holder h = { };
	socklen_t size;
	pid_t before;
	int holder;

	/* After a NUL it is in no file system. */
	memcpy(name.sun_path + 1, words, strlen(words));
	size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(words);
	turn = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (turn < 0)
		goto failed;
	while (bind(turn, (struct sockaddr *)&name, size) < 0) {
		if (errno != EADDRINUSE)
			goto failed;
		before = h.pid;
		holder = ask_holder(&name, size, &h);
		if (h.pid != before)
			since = seconds();
		ours = is_of(&h, run);
		limit = h.undoing || ours ? OWN_TURN : OTHERS_TURN;
		if (seconds() - since >= limit || seconds() - began >= OWN_TURN)
			machine_is_taken(&h, folder);
		if (!said && holder >= 0) {
			said = true;
			say_who(&h);
		}
		ended = await(holder, holder < 0 ? 10 : 1000, folder);
		if (holder >= 0)
			close(holder);
		if (ended && h.undoing && !ours)
			await(-1, GIVE_WAY, folder);
	}
	/* Nobody is answered. */
	if (listen(turn, SOMAXCONN) < 0)
		goto failed;
	return;
failed:
	perror("aemcert: the agent's socket");
	remove_folder(folder);
	exit(1);
}

/* mkdir -p, for a folder whose parent has just been hidden. */
static int make_path(const char *path)
{
	char part[256];
	size_t i;

	for (i = 1; path[i - 1] && i < sizeof(part); i++) {
		if (path[i] != '/' && path[i])
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

/* A /tmp of the agent's own. Returns NULL, or what stands in the way. */
static const char *own_mounts(const char *folder)
{
	char source[64];
	int fd, error;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return strerror(errno);
	/* Of this namespace: another's cannot be bound. */
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return strerror(errno);
	if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777") < 0)
		goto failed;
	/* In a /tmp that is hidden now. */
	if (access(folder, F_OK) < 0) {
		snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
		if (make_path(folder) < 0 ||
		    mount(source, folder, NULL, MS_BIND, NULL) < 0)
			goto failed;
	}
	close(fd);
	return NULL;
failed:
	error = errno;
	close(fd);
	return strerror(error);
}

/* The kernel's log from now on, where it may be read. Returns it, or -1. */
static int open_kmsg(void)
{
	char record[8192];

	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0 && lseek(kmsg, 0, SEEK_END) == 0 &&
	    (read(kmsg, record, sizeof(record)) >= 0 || errno == EAGAIN ||
	     errno == EPIPE))
		return kmsg;
	kmsg_error = strerrorname_np(errno);
	if (kmsg >= 0)
		close(kmsg);
	kmsg = -1;
	return -1;
}

/* One record, as the console has it. Returns what the caller frees, or NULL. */
static char *console_line(char *record)
{
	unsigned long long usec;
	unsigned int priority;
	char *text, *line = NULL;

	text = strchr(record, ';');
	if (!text || sscanf(record, "%u,%*[^,],%llu", &priority, &usec) != 2)
		return NULL;
	/* What programs say there is no complaint of the kernel. */
	if (priority >> 3)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	if (asprintf(&line, "[%5llu.%06llu] %s\n", usec / 1000000,
		     usec % 1000000, text + 1) < 0)
		return NULL;
	return line;
}

void remote_log(void)
{
	char record[8192], *line;
	ssize_t n;

	while (kmsg >= 0) {
		n = read(kmsg, record, sizeof(record) - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE) {
			send_log(LOST "\n");
			continue;
		}
		if (n <= 0)
			return;
		record[n] = '\0';
		line = console_line(record);
		if (line)
			send_log(line);
		free(line);
	}
}

json_t *remote_setup(const char *folder, const char *run, int *log)
{
	const char *mounts = "it is not root's";
	sigset_t blocked, before;
	char scratch[256];
	pid_t agent;

	undo = mmap(NULL, sizeof(*undo), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (undo == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		perror("aemcert: agent");
		remove_folder(folder);
		exit(1);
	}
	take_machine(folder, run);
	/* Before the fork: the guard reads on where the agent ends. */
	*log = open_kmsg();
	/* Until it is known whom to end. */
	sigfillset(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, &before);
	agent = fork();
	if (agent < 0) {
		perror("aemcert: agent");
		remove_folder(folder);
		exit(1);
	}
	if (agent)
		guard(agent, folder);

	/* The guard's alone: an agent may hang in a system call for ever. */
	close(turn);
	/* A guard that is killed takes the agent with it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	setsid();
	umask(022);
	if (!geteuid()) {
		/* Others run what is in there. */
		chmod(folder, 0755);
		mounts = own_mounts(folder);
	}
	if (mounts)
		snprintf(scratch, sizeof(scratch), "%s/tmp", folder);
	else
		snprintf(scratch, sizeof(scratch), "/tmp");
	mkdir(scratch, 0777);
	if (mounts)
		chmod(scratch, geteuid() ? 0700 : 01777);
	return json_pack("{s:i, s:s, s:s, s:s?, s:s?}", "uid", (int)geteuid(),
			 "folder", folder, "scratch", scratch, "noMounts",
			 mounts, "noLog", kmsg_error);
}
