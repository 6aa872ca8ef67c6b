/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim check: what must hold of every run, asked of the packets on a link and of the world's ends.
 */
#pragma once
#include "drivers/sim/sim_disk.h"
#include "drivers/sim/sim_link.h"
#include "drivers/sim/sim_port.h"

enum dps_sim_check_limits {
	DPS_SIM_CHECK_PATHS = 64, /* the oldest is forgotten for one more */
	DPS_SIM_CHECK_CHANNELS = 64,
};

/* For a path that is not watched, as an end of it lies on purpose: nothing is asked of it. */
#define DPS_SIM_CHECK_NONE UINT32_MAX

struct dps_sim_check_channel {
	uint32_t number;
	unsigned int sender; /* side of the link */
	uint64_t credit;     /* most that the receiver ever gave: data beyond it is a failure */
	uint64_t contiguous;
	uint64_t stored;
	uint64_t stored_max; /* what the receiver was told is stored: more is a lie */
	uint64_t sent_end;   /* of the data seen */
};

struct dps_sim_check_path {
	uint64_t connection_ids[2]; /* that packets of each side carry */
	uint64_t next_numbers[2];
	bool has_sent[2];
	struct dps_sim_check_channel channels[DPS_SIM_CHECK_CHANNELS];
	uint32_t channels_count;
};

/*
 * Watches a link through its tap. For the paths it knows, each failing the world when broken:
 * packet numbers rise, so no nonce comes twice; no data beyond the credit given; what an
 * ACK says of a channel never falls, is ordered stored <= contiguous <= credit, and is not more
 * stored than was true; no ACK of a number that was not sent. Packets of clear mode only.
 *
 * Owner: the world.
 */
struct dps_sim_check {
	struct dps_sim_link *link;
	struct dps_sim_check_path paths[DPS_SIM_CHECK_PATHS];
	uint32_t paths_count;
	uint64_t data_packets;
	uint64_t progress;
	uint64_t progress_at_ns;
};

void dps_sim_check_init(struct dps_sim_check *check, struct dps_sim_link *link);

/* A path is opened; the ids that packets of side 0 and of side 1 carry. Returns its index. */
uint32_t dps_sim_check_add_path(struct dps_sim_check *check, uint64_t from_side_0,
				uint64_t from_side_1);

/* A channel is opened on a path by a sender of that side, with credit that it has from elsewhere.
 */
void dps_sim_check_add_channel(struct dps_sim_check *check, uint32_t path, uint32_t number,
			       unsigned int sender, uint64_t credit);

/* The receiver is told: stored up to here. */
void dps_sim_check_mark_stored(struct dps_sim_check *check, uint32_t path, uint32_t number,
			       unsigned int sender, uint64_t offset);

/* A measure of what is done, asked now and then: fails when it stays the same for so long. */
void dps_sim_check_on_progress(struct dps_sim_check *check, uint64_t progress, uint64_t ns_max);

/* At the end, after the port was closed: every body was given back, once. */
void dps_sim_check_port(struct dps_sim *sim, const struct dps_sim_port *port);

/* At the end: a sink has every byte (and, if asked, fsynced). */
void dps_sim_check_file(struct dps_sim *sim, const struct dps_sim_disk *disk, int fd,
			bool must_be_synced);
