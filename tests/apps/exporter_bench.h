/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporter bench: an exporter in the middle of a transfer, whose control connection is a socket
 * pair and whose node is the test's own: commands to the lane are kept.
 */
#pragma once
#include "apps/dpdk-streamd/exporter_state.h"
#include "tests/support/cmocka.h"

enum {
	PATH = 2,
	SPARE = 3,
	EPOCH = 11,
	COMMANDS_MAX = 16,
};

extern struct dps_options options;
extern struct dps_loop loop;
extern struct dps_lane_command commands[COMMANDS_MAX];
extern unsigned int commands_count;
extern uint32_t opened_path;  /* the last one */
extern struct dps_live *live; /* NULL: files */

struct fixture {
	struct dps_clock clock;
	struct dps_exporter exporter;
	int collector; /* the other end of its control connection */
};

int set_up(void **state);
int tear_down(void **state);
