// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent: runs programs in the target for the host, over one stream of
 * JSON lines. The messages are described in kernel/target/agent/protocol.ts.
 *
 * One process, one thread, one epoll loop. It is the target's init as well:
 * then it sets the machine up first and reaps what others leave behind. On
 * somebody's machine, over ssh, it has a guard beside it: agent-remote.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define PROTOCOL	1
#define CHUNK		(48 * 1024)
/* Over ssh: a host that says nothing for so long, in ms, has gone. */
#define SILENCE		(180 * 1000)

struct program {
	struct program *next;
	pid_t pid;
	int in;			/* its stdin, -1 when closed */
	int out[2];		/* its stdout and stderr, -1 at their end */
	bool waits;		/* for room in its stdin */
	char *todo;		/* for its stdin, not written yet */
	size_t todo_len;
	bool close_in;		/* when todo is written */
};

static struct program *programs;
static int port_in, port_out;
static int poller;
static int patience = -1;	/* SILENCE, or for ever */
static bool lasting;		/* it has other things to do than to tell */
static bool unheard;		/* nobody is told anything any more */
static struct timespec heard;	/* when the host last said something */

/* The stream to the host */

/* Nobody is left to talk to. */
static void give_up(void)
{
	if (!lasting)
		exit(1);
	unheard = true;
}

static void send_bytes(const char *data, size_t len)
{
	struct pollfd room = { .fd = port_out, .events = POLLOUT };
	ssize_t n;

	while (len && !unheard) {
		n = write(port_out, data, len);
		if (n < 0 && errno == EAGAIN) {
			if (!poll(&room, 1, patience))
				give_up();
		} else if (n < 0 && errno != EINTR) {
			give_up();
		}
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

/* Sends and frees a message, in one piece: each piece has the host look. */
static void send_message(json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t len = strlen(text);

	text[len++] = '\n';
	send_bytes(text, len);
	free(text);
	json_decref(message);
}

static void reply(json_int_t id, json_t *message)
{
	json_object_set_new(message, "id", json_integer(id));
	send_message(message);
}

static void reply_ok(json_int_t id)
{
	reply(id, json_object());
}

static void reply_error(json_int_t id, int error, const char *what)
{
	reply(id, json_pack("{s:s, s:s, s:s}", "error", strerrorname_np(error),
			    "message", strerror(error), "what", what));
}

void send_log(const char *lines)
{
	char *text = base64_encode(lines, strlen(lines));

	send_message(json_pack("{s:s, s:s}", "event", "log", "data", text));
	free(text);
}

void send_undone(long taint)
{
	send_message(json_pack("{s:s, s:I}", "event", "undone", "taint",
			       (json_int_t)taint));
}

void send_nothing(void)
{
	send_bytes("\n", 1);
}

void send_limit(int ms)
{
	patience = ms;
	lasting = true;
}

/* Programs */

static struct program *find_program(pid_t pid)
{
	struct program *p;

	for (p = programs; p; p = p->next)
		if (p->pid == pid)
			return p;
	return NULL;
}

static void watch(int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = { .events = events, .data.u64 = tag };

	if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) < 0)
		epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* A descriptor and whose it is, in one word: 0 to 2 are the agent's own. */
static uint64_t tag_of(pid_t pid, int which)
{
	return (uint64_t)pid << 8 | which;
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct launch {
	char **argv;
	char **envp;
	const char *cwd;
	uid_t uid;
	gid_t gid;
};

/* In the child, which may have its parent's memory: what fails is told through @report. */
static void __attribute__((noreturn))
run(const struct launch *l, int in, int out, int err, int report)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What the agent ignores, its programs would go on ignoring. */
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		goto fail;
	if (l->cwd && chdir(l->cwd) < 0)
		goto fail;
	if (l->gid || l->uid) {
		if (setgroups(0, NULL) < 0 || setgid(l->gid) < 0 ||
		    setuid(l->uid) < 0)
			goto fail;
	}
	/* It is looked up in the PATH that it is given. */
	environ = l->envp;
	execvp(l->argv[0], l->argv);
fail:
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * A copy of the memory takes a quarter of the time. On somebody's machine no
 * other user's process has ours, not even until it is the program.
 */
static pid_t __attribute__((noinline))
launch(const struct launch *l, int in, int out, int err, int report)
{
	bool alone = getpid() == 1 || (!l->uid && !l->gid);
	pid_t pid = alone ? vfork() : fork();

	if (!pid)
		run(l, in, out, err, report);
	return pid;
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* Starts a program. Returns it, or NULL with errno. */
static struct program *start(const struct launch *l)
{
	char **environment = environ;
	int in[2], out[2], err[2], report[2];
	struct program *p;
	int error = 0;

	if (pipe2(in, O_CLOEXEC) < 0)
		return NULL;
	if (pipe2(out, O_CLOEXEC) < 0)
		goto close_in;
	if (pipe2(err, O_CLOEXEC) < 0)
		goto close_out;
	if (pipe2(report, O_CLOEXEC) < 0)
		goto close_err;
	p = calloc(1, sizeof(*p));
	if (!p)
		goto close_report;
	p->pid = launch(l, in[0], out[1], err[1], report[1]);
	environ = environment;
	if (p->pid < 0)
		goto free_program;

	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(report[1]);
	/* End of file: it has become the program. */
	if (read(report[0], &error, sizeof(error)) < 0)
		error = errno;
	close(report[0]);
	if (error) {
		waitpid(p->pid, NULL, 0);
		close(in[1]);
		close(out[0]);
		close(err[0]);
		free(p);
		errno = error;
		return NULL;
	}
	p->in = in[1];
	p->out[0] = out[0];
	p->out[1] = err[0];
	set_nonblocking(p->in);
	set_nonblocking(p->out[0]);
	set_nonblocking(p->out[1]);
	watch(p->out[0], EPOLLIN, tag_of(p->pid, 1));
	watch(p->out[1], EPOLLIN, tag_of(p->pid, 2));
	p->next = programs;
	programs = p;
	return p;

free_program:
	free(p);
close_report:
	close_pair(report);
close_err:
	close_pair(err);
close_out:
	close_pair(out);
close_in:
	close_pair(in);
	return NULL;
}

/* Forwards what there is. Returns false at the end of the stream. */
static bool forward(struct program *p, int which)
{
	static char buf[CHUNK];
	char *text;
	ssize_t n;

	n = read(p->out[which - 1], buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(p->out[which - 1]);
		p->out[which - 1] = -1;
		return false;
	}
	text = base64_encode(buf, n);
	send_message(json_pack("{s:s, s:i, s:i, s:s}", "event", "output",
			       "pid", p->pid, "fd", which, "data", text));
	free(text);
	return true;
}

static void feed(struct program *p)
{
	ssize_t n;

	while (p->in >= 0 && p->todo_len) {
		n = write(p->in, p->todo, p->todo_len);
		if (n < 0 && errno == EAGAIN) {
			watch(p->in, EPOLLOUT, tag_of(p->pid, 0));
			p->waits = true;
			return;
		}
		if (n < 0 && errno != EINTR) {
			p->todo_len = 0;
			p->close_in = true;
			break;
		}
		if (n > 0) {
			p->todo_len -= n;
			memmove(p->todo, p->todo + n, p->todo_len);
		}
	}
	if (p->in < 0)
		return;
	if (p->close_in) {
		close(p->in);
		p->in = -1;
	} else if (p->waits) {
		epoll_ctl(poller, EPOLL_CTL_DEL, p->in, NULL);
		p->waits = false;
	}
}

static void ended(struct program *p, int status)
{
	struct program **link = &programs;
	int which;

	for (which = 1; which <= 2; which++) {
		while (p->out[which - 1] >= 0 && forward(p, which))
			;
		if (p->out[which - 1] >= 0)
			close(p->out[which - 1]);
	}
	if (p->in >= 0)
		close(p->in);
	if (WIFEXITED(status))
		send_message(json_pack("{s:s, s:i, s:i}", "event", "exit",
				       "pid", p->pid, "status",
				       WEXITSTATUS(status)));
	else
		send_message(json_pack("{s:s, s:i, s:i}", "event", "exit",
				       "pid", p->pid, "signal",
				       WTERMSIG(status)));
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	free(p->todo);
	free(p);
}

static void reap(void)
{
	struct program *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		p = find_program(pid);
		if (p)
			ended(p, status);
	}
}

/* Requests */

static char **strings(json_t *array)
{
	size_t i, n = json_array_size(array);
	char **list = calloc(n + 1, sizeof(*list));

	for (i = 0; list && i < n; i++)
		list[i] = (char *)json_string_value(json_array_get(array, i));
	return list;
}

static void do_spawn(json_int_t id, json_t *request)
{
	json_t *argv, *envp;
	struct launch l = { };
	struct program *p;
	int uid = 0, gid = 0;

	if (json_unpack(request, "{s:o, s:o, s?s, s?i, s?i}", "argv", &argv,
			"env", &envp, "cwd", &l.cwd, "uid", &uid, "gid", &gid) ||
	    !json_array_size(argv)) {
		reply_error(id, EINVAL, "spawn");
		return;
	}
	l.uid = uid;
	l.gid = gid;
	l.argv = strings(argv);
	l.envp = strings(envp);
	p = l.argv && l.envp ? start(&l) : NULL;
	if (p)
		reply(id, json_pack("{s:i}", "pid", p->pid));
	else
		reply_error(id, errno, l.argv ? l.argv[0] : "spawn");
	free(l.argv);
	free(l.envp);
}

static void do_stdin(json_int_t id, json_t *request)
{
	const char *text = NULL;
	int close_in = 0, pid;
	struct program *p;
	size_t len;
	char *data;

	if (json_unpack(request, "{s:i, s?s, s?b}", "pid", &pid, "data", &text,
			"close", &close_in)) {
		reply_error(id, EINVAL, "stdin");
		return;
	}
	p = find_program(pid);
	if (!p || p->in < 0) {
		reply_error(id, EPIPE, "stdin");
		return;
	}
	if (text) {
		data = base64_decode(text, &len);
		p->todo = realloc(p->todo, p->todo_len + len + 1);
		memcpy(p->todo + p->todo_len, data, len);
		p->todo_len += len;
		free(data);
	}
	p->close_in |= close_in;
	feed(p);
	reply_ok(id);
}

static void do_kill(json_int_t id, json_t *request)
{
	int pid, signo;

	if (json_unpack(request, "{s:i, s:i}", "pid", &pid, "signal", &signo))
		reply_error(id, EINVAL, "kill");
	else if (kill(pid, signo) < 0)
		reply_error(id, errno, "kill");
	else
		reply_ok(id);
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
	return 0;
}

static void do_write(json_int_t id, json_t *request)
{
	const char *path, *text;
	int append = 0, mode = 0644, fd, error = 0;
	size_t len;
	char *data;

	if (json_unpack(request, "{s:s, s:s, s?b, s?i}", "path", &path, "data",
			&text, "append", &append, "mode", &mode)) {
		reply_error(id, EINVAL, "write");
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC |
		  (append ? O_APPEND : O_TRUNC), mode);
	if (fd < 0) {
		reply_error(id, errno, path);
		return;
	}
	data = base64_decode(text, &len);
	if (write_all(fd, data, len) < 0)
		error = errno;
	free(data);
	if (close(fd) < 0 && !error)
		error = errno;
	if (error)
		reply_error(id, error, path);
	else
		reply_ok(id);
}

static void do_read(json_int_t id, json_t *request)
{
	static char buf[CHUNK];
	json_int_t offset = 0;
	const char *path;
	char *text;
	ssize_t n;
	int fd;

	if (json_unpack(request, "{s:s, s?I}", "path", &path, "offset",
			&offset)) {
		reply_error(id, EINVAL, "read");
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf), offset);
	if (n < 0) {
		reply_error(id, errno, path);
	} else {
		text = base64_encode(buf, n);
		reply(id, json_pack("{s:s, s:b}", "data", text, "eof", !n));
		free(text);
	}
	if (fd >= 0)
		close(fd);
}

/* Into the kernel's log, and so to the console, in order with what it says. */
static void do_mark(json_int_t id, json_t *request)
{
	const char *text;
	char line[512];
	int fd, len;

	if (json_unpack(request, "{s:s}", "text", &text)) {
		reply_error(id, EINVAL, "mark");
		return;
	}
	if (patience > 0) {
		/* It is not ours to write into; what it says by now is sent. */
		remote_log();
		snprintf(line, sizeof(line), "aemcert: %.400s\n", text);
		send_log(line);
		reply_ok(id);
		return;
	}
	len = snprintf(line, sizeof(line), "<5>aemcert: %.400s\n", text);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, len) < 0)
		reply_error(id, errno, "/dev/kmsg");
	else
		reply_ok(id);
	if (fd >= 0)
		close(fd);
}

long read_taint(void)
{
	long taint = -1;
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");

	if (f && fscanf(f, "%ld", &taint) != 1)
		taint = -1;
	if (f)
		fclose(f);
	return taint;
}

static void do_taint(json_int_t id)
{
	long taint = read_taint();

	if (taint < 0)
		reply_error(id, errno, "/proc/sys/kernel/tainted");
	else
		reply(id, json_pack("{s:I}", "taint", (json_int_t)taint));
}

static void do_keep(json_int_t id, json_t *request)
{
	const char *path = "";
	int error = -EINVAL;

	if (!json_unpack(request, "{s:s}", "path", &path))
		error = remote_keep(path);
	if (error)
		reply_error(id, -error, path);
	else
		reply_ok(id);
}

static void do_load(json_int_t id, json_t *request)
{
	const char *path = "", *name;
	int error = -EINVAL;

	if (!json_unpack(request, "{s:s, s:s}", "path", &path, "name", &name))
		error = remote_load(path, name);
	if (error)
		reply_error(id, -error, path);
	else
		reply_ok(id);
}

static void __attribute__((noreturn)) do_shutdown(json_int_t id)
{
	struct program *p;

	for (p = programs; p; p = p->next)
		kill(-p->pid, SIGKILL);
	reply_ok(id);
	if (getpid() == 1) {
		sync();
		reboot(RB_AUTOBOOT);
	}
	exit(0);
}

static void serve(const char *line, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, 0, &error);
	json_int_t id = -1;
	const char *op = "";

	if (!request || json_unpack(request, "{s:I, s:s}", "id", &id, "op", &op))
		reply_error(id, EBADMSG, "request");
	else if (!strcmp(op, "spawn"))
		do_spawn(id, request);
	else if (!strcmp(op, "stdin"))
		do_stdin(id, request);
	else if (!strcmp(op, "kill"))
		do_kill(id, request);
	else if (!strcmp(op, "write"))
		do_write(id, request);
	else if (!strcmp(op, "read"))
		do_read(id, request);
	else if (!strcmp(op, "mark"))
		do_mark(id, request);
	else if (!strcmp(op, "taint"))
		do_taint(id);
	else if (!strcmp(op, "keep"))
		do_keep(id, request);
	else if (!strcmp(op, "load"))
		do_load(id, request);
	else if (!strcmp(op, "ping"))
		reply_ok(id);
	else if (!strcmp(op, "shutdown"))
		do_shutdown(id);
	else
		reply_error(id, ENOSYS, op);
	json_decref(request);
}

/* Takes what the host sent; whole lines are served. False at the end. */
static bool receive(void)
{
	static char *buf;
	static size_t len, size;
	char *end;
	ssize_t n;

	if (size - len < CHUNK) {
		size = len + 2 * CHUNK;
		buf = realloc(buf, size);
	}
	clock_gettime(CLOCK_MONOTONIC, &heard);
	n = read(port_in, buf + len, size - len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	/* The host side of a virtio port may come later. */
	if (!n)
		return getpid() == 1;
	len += n;
	while ((end = memchr(buf, '\n', len))) {
		serve(buf, end - buf);
		len -= end + 1 - buf;
		memmove(buf, end + 1, len);
	}
	return true;
}

static bool host_has_gone(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return patience > 0 &&
	       (now.tv_sec - heard.tv_sec) * 1000 >= patience;
}

static void hello(const struct setup *setup)
{
	struct utsname name;
	struct sysinfo info;

	uname(&name);
	sysinfo(&info);
	send_message(json_pack("{s:s, s:i, s:s, s:i, s:i, s:b, s:O, s:O*}",
			       "event", "hello", "protocol", PROTOCOL,
			       "release", name.release,
			       "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			       "memoryMiB", (int)(info.totalram *
						  info.mem_unit >> 20),
			       "coarseTimers", setup->coarse,
			       "problems", setup->problems,
			       "remote", setup->remote));
}

static void handle(const struct epoll_event *event, int signals)
{
	struct signalfd_siginfo info;
	struct program *p;
	int which = event->data.u64 & 0xff;

	if (event->data.u64 == 1) {
		if (read(signals, &info, sizeof(info)) > 0)
			reap();
		return;
	}
	if (event->data.u64 == 2) {
		remote_log();
		return;
	}
	p = find_program(event->data.u64 >> 8);
	if (!p)
		return;
	if (!which)
		feed(p);
	else if (p->out[which - 1] >= 0)
		forward(p, which);
}

int main(int argc, char *argv[])
{
	struct setup setup = { .problems = json_array() };
	struct epoll_event events[16];
	sigset_t child;
	int i, n, signals, log = -1;
	bool open = true;

	port_out = 1;
	if (getpid() == 1) {
		port_out = machine_setup(&setup);
	} else if (argc > 3 && !strcmp(argv[1], "--remote")) {
		/* The guard's, too: neither waits for ever for a reader. */
		set_nonblocking(port_out);
		setup.remote = remote_setup(argv[2], argv[3], &log);
	} else if (argc > 1) {
		port_out = open_port(argv[1]);
	}
	if (port_out != 1)
		port_in = port_out;
	if (port_in < 0) {
		perror("agent: port");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (signals < 0 || poller < 0) {
		perror("agent");
		return 1;
	}
	set_nonblocking(port_in);
	watch(signals, EPOLLIN, 1);
	watch(port_in, EPOLLIN, 0);
	if (log >= 0)
		watch(log, EPOLLIN, 2);
	if (setup.remote)
		patience = SILENCE;
	hello(&setup);

	clock_gettime(CLOCK_MONOTONIC, &heard);
	while (open && !host_has_gone()) {
		n = epoll_wait(poller, events, 16, patience);
		for (i = 0; i < n; i++) {
			if (!events[i].data.u64)
				open = receive();
			else
				handle(&events[i], signals);
		}
	}
	return 0;
}
