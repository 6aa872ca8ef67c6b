/* SPDX-License-Identifier: BSD-3-Clause */
/* Child: a program that a test starts, listens to, and ends, with a deadline for everything. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int to;	  /* its stdin */
	int from; /* its stdout */
	char text[4096];
	size_t text_bytes;
};

/* argv ends with NULL. user: run as this user id, 0 as we are. Its stderr is ours. */
void child_start(struct child *child, const char *const argv[], uid_t user);

/*
 * Waits for a line that begins with prefix and skips those before it. The line goes to line when
 * that is not NULL. False: the child has ended, or seconds have passed.
 */
bool child_await(struct child *child, const char *prefix, unsigned int seconds, char *line,
		 size_t line_bytes);

/* Writes to its stdin. */
void child_say(struct child *child, const char *text);

/* kill -9, and waits until it is gone. */
void child_kill(struct child *child);

/* Ends its stdin and waits: its exit status, or -1 when it was killed or did not end in time. */
int child_end(struct child *child, unsigned int seconds);
