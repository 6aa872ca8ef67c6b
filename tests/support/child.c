/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/child.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * The program is opened first: it may stand where the user cannot look, as a clone in root's home.
 */
static void become(const char *const argv[], uid_t user)
{
	int program = open(argv[0], O_RDONLY | O_CLOEXEC);

	/* A test that is killed leaves nobody behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (user != 0 && (setgroups(0, NULL) != 0 || setgid((gid_t)user) != 0 || setuid(user) != 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fexecve(program, (char *const *)(uintptr_t)argv, environ);
	_exit(127);
}

void child_start(struct child *child, const char *const argv[], uid_t user)
{
	int in[2], out[2];

	memset(child, 0, sizeof(*child));
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		abort();
	child->pid = fork();
	if (child->pid < 0)
		abort();
	if (child->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		become(argv, user);
	}
	close(in[0]);
	close(out[1]);
	child->to = in[1];
	child->from = out[0];
}

/* Takes one line out of what came. */
static bool take_line(struct child *child, char *line, size_t line_bytes)
{
	char *end = memchr(child->text, '\n', child->text_bytes);
	size_t bytes;

	if (end == NULL)
		return false;
	bytes = (size_t)(end - child->text);
	snprintf(line, line_bytes, "%.*s", (int)bytes, child->text);
	child->text_bytes -= bytes + 1;
	memmove(child->text, end + 1, child->text_bytes);
	return true;
}

static bool read_more(struct child *child, uint64_t until_ms)
{
	struct pollfd fd = { .fd = child->from, .events = POLLIN };
	uint64_t now = now_ms();
	ssize_t got;

	if (now > until_ms || child->text_bytes == sizeof(child->text))
		return false;
	if (poll(&fd, 1, (int)(until_ms - now)) <= 0)
		return false;
	got = read(child->from, child->text + child->text_bytes,
		   sizeof(child->text) - child->text_bytes);
	if (got <= 0)
		return false;
	child->text_bytes += (size_t)got;
	return true;
}

bool child_await(struct child *child, const char *prefix, unsigned int seconds, char *line,
		 size_t line_bytes)
{
	uint64_t until_ms = now_ms() + seconds * 1000ull;
	char found[512];

	do {
		while (take_line(child, found, sizeof(found))) {
			if (strncmp(found, prefix, strlen(prefix)) != 0)
				continue;
			if (line != NULL)
				snprintf(line, line_bytes, "%s", found);
			return true;
		}
	} while (read_more(child, until_ms));
	return false;
}

void child_say(struct child *child, const char *text)
{
	size_t bytes = strlen(text);

	/* A child that has ended is noticed by what it does not answer. */
	if (write(child->to, text, bytes) != (ssize_t)bytes)
		fprintf(stderr, "nobody hears \"%s\"\n", text);
}

static void close_pipes(struct child *child)
{
	if (child->to >= 0)
		close(child->to);
	close(child->from);
	child->to = child->from = -1;
}

void child_kill(struct child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	close_pipes(child);
}

int child_end(struct child *child, unsigned int seconds)
{
	uint64_t until_ms = now_ms() + seconds * 1000ull;
	int status = 0;
	bool is_over = false;

	close(child->to);
	child->to = -1;
	/* What it still says must not keep it from ending; the end of its output is its end. */
	while (!is_over && now_ms() < until_ms) {
		child->text_bytes = 0;
		if (read_more(child, until_ms))
			continue;
		while (!is_over && now_ms() < until_ms) {
			is_over = waitpid(child->pid, &status, WNOHANG) == child->pid;
			if (!is_over)
				poll(NULL, 0, 1);
		}
	}
	if (!is_over) {
		child_kill(child);
		return -1;
	}
	close_pipes(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
