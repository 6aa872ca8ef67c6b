/* SPDX-License-Identifier: BSD-3-Clause */
/* Loop: waits for descriptors, deadlines, signals and other threads, and calls whoever is due. */
#pragma once
#include "drivers/clock.h"
#include <stdbool.h>
#include <stdint.h>

enum dps_loop_limits {
	DPS_LOOP_EVENTS_MAX = 64, /* of one turn */
};

/* A descriptor to watch; memory of whoever adds it, until removed. */
struct dps_loop_source {
	int fd;
	uint32_t wants; /* epoll events; EPOLLERR and EPOLLHUP are always told */
	void (*on_ready)(void *context, uint32_t events, uint64_t now_ns);
	void *context;
	bool is_added;
};

/* Someone with deadlines: asked for the next one before each wait, called when it is over. */
struct dps_loop_timer {
	uint64_t (*next_deadline_ns)(void *context);
	void (*on_due)(void *context, uint64_t now_ns);
	void *context;
	struct dps_loop_timer *next;
};

/* SIGINT, SIGTERM, SIGHUP, SIGUSR1, each one that arrives. */
struct dps_loop_signals {
	void (*on_signal)(void *context, int signal, uint64_t now_ns);
	void *context;
};

/*
 * Level-triggered epoll. Handlers may add, change and remove sources and timers, their own
 * included; a removed source is not called again, even if it was ready in the same turn.
 *
 * Owner: the thread that made it, but for wake.
 */
struct dps_loop {
	struct dps_clock *clock;
	int epoll_fd;
	int wake_fd;
	int signal_fd;
	void (*on_wake)(void *context, uint64_t now_ns);
	void *wake_context;
	struct dps_loop_signals signals;
	struct dps_loop_timer *timers;
	struct dps_loop_source *ready[DPS_LOOP_EVENTS_MAX]; /* of this turn; NULL once removed */
	unsigned int ready_count;
	struct dps_loop_source wake_source;
	struct dps_loop_source signal_source;
};

/*
 * Blocks the signals above in the calling thread, so that they arrive here, and ignores SIGPIPE:
 * make the loop before other threads, which inherit both. signals may be NULL: then neither is
 * touched. Returns 0 or -errno.
 */
int dps_loop_init(struct dps_loop *loop, struct dps_clock *clock,
		  const struct dps_loop_signals *signals);
void dps_loop_fini(struct dps_loop *loop);

/* Who is called, once, after any number of wakes. */
void dps_loop_set_wake(struct dps_loop *loop, void (*on_wake)(void *context, uint64_t now_ns),
		       void *context);

/* Ends the wait of the turn under way or of the next. Any thread; also from a signal handler. */
void dps_loop_wake(struct dps_loop *loop);

/* Returns 0 or -errno. */
int dps_loop_add(struct dps_loop *loop, struct dps_loop_source *source);
/* Changes what a source wants; no system call when it is what it was. */
void dps_loop_want(struct dps_loop *loop, struct dps_loop_source *source, uint32_t wants);
/* Before its descriptor is closed; nothing when it was not added. */
void dps_loop_remove(struct dps_loop *loop, struct dps_loop_source *source);

void dps_loop_add_timer(struct dps_loop *loop, struct dps_loop_timer *timer);
void dps_loop_remove_timer(struct dps_loop *loop, struct dps_loop_timer *timer);

/*
 * One turn: waits until something is ready, a timer is due or until_ns, then calls handlers and
 * then timers that are due. until_ns in the past does not wait. Returns 0 or -errno.
 */
int dps_loop_turn(struct dps_loop *loop, uint64_t until_ns);
