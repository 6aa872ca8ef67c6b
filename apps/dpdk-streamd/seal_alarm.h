/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seal alarm: says that packets came which did not open, how many, and at most once in ten seconds,
 * however many there are. Owner: the control core.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { DPS_SEAL_ALARM_INTERVAL_S = 10 };

/* Zeroed: nothing has come yet. */
struct dps_seal_alarm {
	uint64_t said;	  /* so many were told of */
	uint64_t next_ns; /* not before is it said again */
};

/*
 * There are so many by now, in all. Returns how many are to be said now; 0 for none, or when it was
 * said only just now: then they are said with those that are yet to come.
 */
uint64_t dps_seal_alarm_take(struct dps_seal_alarm *alarm, uint64_t dropped_count, uint64_t now_ns);

/* Writes the line of the log for them. */
void dps_seal_alarm_say(uint64_t count, bool is_sealed);
