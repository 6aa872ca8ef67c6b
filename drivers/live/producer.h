/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Producer: a command whose standard output is what is sent. It is ours, so its exit says what an
 * end of file cannot: whether that was the end, or only the end of the program.
 *
 * Owner: who started it; between its start and its stop, one thread at a time may reap it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { DPS_PRODUCER_TEXT_BYTES = 384 };

struct dps_producer {
	const char *command; /* NULL: there is none */
	pid_t id;	     /* also of its process group */
	int ended_fd;	     /* readable when it has ended */
	bool is_reaped;
	bool was_killed; /* once reaped: by the signal in status */
	int status;
};

/*
 * Runs `/bin/sh -c command` in a process group of its own: standard input empty, standard output
 * in from_fd, signals as a shell has them. Returns 0 or -errno; command is borrowed.
 */
int dps_producer_start(struct dps_producer *producer, const char *command, int *from_fd);

/* Takes its exit, if it has ended, and says whether it has. */
bool dps_producer_reap(struct dps_producer *producer);

/* It ended by itself, with 0. Once reaped. */
bool dps_producer_has_succeeded(const struct dps_producer *producer);

/* "COMMAND exited with status 3". Once reaped. */
void dps_producer_explain(const struct dps_producer *producer, char text[DPS_PRODUCER_TEXT_BYTES]);

/* SIGTERM to its process group, unless it is reaped: it may end as it likes. */
void dps_producer_ask_to_end(const struct dps_producer *producer);

/* Ends its process group when it still runs, by SIGTERM and then SIGKILL. Nothing without one. */
void dps_producer_stop(struct dps_producer *producer);
