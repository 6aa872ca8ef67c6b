/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/live/producer.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_MS = 1500 };

extern char **environ;

/*
 * Signals: we ignore SIGPIPE and block others, which a program inherits and few expect. A group of
 * its own: a ^C on the terminal is for us, and what it comes to is told to all of the group.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	int err;

	sigfillset(&all);
	sigemptyset(&none);
	err = posix_spawnattr_setsigdefault(attributes, &all);
	if (err == 0)
		err = posix_spawnattr_setsigmask(attributes, &none);
	if (err == 0)
		err = posix_spawnattr_setpgroup(attributes, 0);
	if (err == 0)
		err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
								   POSIX_SPAWN_SETSIGMASK |
								   POSIX_SPAWN_SETPGROUP);
	return -err;
}

static int spawn(struct dps_producer *producer, int to_fd)
{
	char *const words[] = { "sh", "-c", (char *)producer->command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err = -posix_spawn_file_actions_init(&actions);

	if (err < 0)
		return err;
	err = -posix_spawnattr_init(&attributes);
	if (err < 0)
		goto err_actions;
	err = set_attributes(&attributes);
	if (err == 0)
		err = -posix_spawn_file_actions_adddup2(&actions, to_fd, STDOUT_FILENO);
	if (err == 0)
		err = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
							O_RDONLY, 0);
	if (err == 0)
		err = -posix_spawn(&producer->id, "/bin/sh", &actions, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
err_actions:
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

int dps_producer_start(struct dps_producer *producer, const char *command, int *from_fd)
{
	int ends[2], err;

	*producer = (struct dps_producer){ .command = command, .ended_fd = -1 };
	if (pipe2(ends, O_CLOEXEC) < 0) {
		err = -errno;
		goto err_none;
	}
	err = spawn(producer, ends[1]);
	close(ends[1]);
	if (err < 0)
		goto err_from;
	producer->ended_fd = pidfd_open(producer->id, 0);
	if (producer->ended_fd < 0) {
		err = -errno;
		kill(-producer->id, SIGKILL);
		waitpid(producer->id, NULL, 0);
		goto err_from;
	}
	*from_fd = ends[0];
	return 0;

err_from:
	close(ends[0]);
err_none:
	producer->command = NULL;
	return err;
}

static void reap(struct dps_producer *producer, int flags)
{
	siginfo_t end = { .si_pid = 0 };
	int result;

	do
		result = waitid(P_PIDFD, (id_t)producer->ended_fd, &end, WEXITED | flags);
	while (result < 0 && errno == EINTR);
	if (result < 0 || end.si_pid == 0)
		return;
	producer->is_reaped = true;
	producer->was_killed = end.si_code != CLD_EXITED;
	producer->status = end.si_status;
}

bool dps_producer_reap(struct dps_producer *producer)
{
	if (!producer->is_reaped)
		reap(producer, WNOHANG);
	return producer->is_reaped;
}

bool dps_producer_has_succeeded(const struct dps_producer *producer)
{
	DPS_ASSERT(producer->is_reaped);
	return !producer->was_killed && producer->status == 0;
}

void dps_producer_explain(const struct dps_producer *producer, char text[DPS_PRODUCER_TEXT_BYTES])
{
	DPS_ASSERT(producer->is_reaped);
	if (producer->was_killed)
		snprintf(text, DPS_PRODUCER_TEXT_BYTES, "`%.256s` was ended by signal %d (%.40s)",
			 producer->command, producer->status, strsignal(producer->status));
	else
		snprintf(text, DPS_PRODUCER_TEXT_BYTES, "`%.256s` exited with status %d",
			 producer->command, producer->status);
}

void dps_producer_ask_to_end(const struct dps_producer *producer)
{
	/* Until it is reaped, its number is nobody else's. */
	if (!producer->is_reaped)
		kill(-producer->id, SIGTERM);
}

void dps_producer_stop(struct dps_producer *producer)
{
	struct pollfd ended = { .fd = producer->ended_fd, .events = POLLIN };

	if (!producer->command)
		return;
	if (!dps_producer_reap(producer)) {
		dps_producer_ask_to_end(producer);
		if (poll(&ended, 1, STOP_MS) <= 0)
			kill(-producer->id, SIGKILL);
		reap(producer, 0);
	}
	close(producer->ended_fd);
	producer->command = NULL;
}
