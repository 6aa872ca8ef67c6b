/* SPDX-License-Identifier: BSD-3-Clause */
/* Report text: the same numbers as people like to read them. */
#pragma once
#include "apps/dpdk-streamd/report.h"
#include <stddef.h>

enum dps_report_text_limits {
	DPS_REPORT_LINE_BYTES = 256,
	DPS_REPORT_WORD_BYTES = 32,
};

/* What a line of progress shows besides the numbers passed in. */
struct dps_report_rates {
	double seconds; /* since the start */
	double now_gbps;
	double mean_gbps;
	double eta_seconds; /* negative: not known */
};

/* "1023 B", "1.5 KiB", "2.00 GiB" */
void dps_report_format_bytes(char text[DPS_REPORT_WORD_BYTES], uint64_t bytes);

/* "0:07", "12:00", "3:05:00", "4 days" */
void dps_report_format_seconds(char text[DPS_REPORT_WORD_BYTES], double seconds);

/* "disk 61%, pacing 30%": at most so many, largest first, none below 5 %. */
void dps_report_format_limits(char *text, size_t room, const struct dps_report_limits *limits,
			      unsigned int count_max);

void dps_report_format_progress(char text[DPS_REPORT_LINE_BYTES],
				const struct dps_report_progress *progress,
				const struct dps_report_rates *rates);

void dps_report_print_summary(FILE *file, const struct dps_report_summary *summary);

/* "lane 37% busy: rx 310, ack 40, tx 0, disk 55, other 9 cycles/packet"; number NULL: the only
 * lane.
 */
void dps_report_format_lane(char text[DPS_REPORT_LINE_BYTES], const struct dps_report_lane *lane,
			    const unsigned int *number);

/* The share of a lane's time in which it had something to do, 0 when it has not run. */
double dps_report_busy(const struct dps_report_lane *lane);

/* Parts of a whole, 0 of nothing. */
double dps_report_share(uint64_t part, uint64_t whole);

/* The sum of all limits. */
uint64_t dps_report_limits_ns(const struct dps_report_limits *limits);

/* Bits per nanosecond, 0 in no time. */
double dps_report_gbps(uint64_t bytes, uint64_t ns);

/* The rate at which this run had them: what was there before took none of its time. */
double dps_report_goodput_gbps(const struct dps_report_summary *summary);
