/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Alarm: makes a loop's descriptor readable at a moment. epoll counts milliseconds, and who waits
 * for the descriptor elsewhere knows no deadline of ours.
 *
 * Owner: the thread that turns the loop.
 */
#pragma once
#include "drivers/control/loop.h"

struct dps_alarm {
	struct dps_loop_source timer_source;
	int timer_fd;	/* readable when the moment is over */
	uint64_t at_ns; /* DPS_NEVER_NS: it is not set */
	struct dps_loop_source due_source;
	int due_fd; /* readable while something is due: a timer would be an interrupt each */
	bool is_due;
};

void dps_alarm_init(struct dps_alarm *alarm);

/* Adds it to a loop; the alarm stays where it is until it is closed. Returns 0 or -errno. */
int dps_alarm_open(struct dps_alarm *alarm, struct dps_loop *loop);
/* Also of one that could not be opened, or never was. */
void dps_alarm_close(struct dps_alarm *alarm);

/*
 * The descriptor is readable from that moment on, or from a sooner one that was set before, until a
 * turn of the loop has looked at it.
 */
void dps_alarm_set(struct dps_alarm *alarm, uint64_t at_ns, uint64_t now_ns);
