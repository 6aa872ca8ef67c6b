/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Greeted: a socket that says a greeting before all else, and hears one before it gives out
 * anything that came. Owner: the loop's thread.
 */
#pragma once
#include "drivers/endpoint/greeting.h"

struct dps_greeted_ops {
	/*
	 * The far side's greeting is in, the socket below is the one that was wrapped. NULL: go on.
	 * A sentence: it is not wanted, and reads fail with -EACCES. May not close the socket.
	 */
	const char *(*on_greeted)(void *context, const struct dps_greeting *greeting,
				  struct dps_socket *below);
	void (*on_closed)(void *context); /* it is; may be NULL */
	void *context;
};

/*
 * Takes the socket below. greeting: what is said at once; NULL: it is said by dps_greeted_say, and
 * before it nothing is written. NULL without memory, the socket closed.
 */
struct dps_socket *dps_greeted_wrap(struct dps_socket *below, const struct dps_greeting *greeting,
				    const struct dps_greeted_ops *ops);

/* What is said, of a socket that was wrapped without it; once, also while on_greeted is called. */
void dps_greeted_say(struct dps_socket *socket, const struct dps_greeting *greeting);

/* What it tells from now on goes to somebody else. */
void dps_greeted_set_ops(struct dps_socket *socket, const struct dps_greeted_ops *ops);

/*
 * Goes on greeting; for one whose greeting is waited for before its bytes are. 0 it was heard,
 * -EAGAIN not yet (see read_waits), or -errno as a read.
 */
int dps_greeted_step(struct dps_socket *socket);
