/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake quota: what all transfers of one key come to here, and what its grant leaves them. It is
 * counted anew from the transfers that there are whenever somebody asks, so it holds for what is
 * offered later, resumed, or comes over another connection.
 *
 * A transfer counts from its offer until it has ended, with all of its files, those that are stored
 * too. One that is parked counts as well, but makes room for another of its own key.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/intake.h"

/* So much of what the process has for all is for one key at most: others get in as well. */
enum dps_intake_quota_shares {
	DPS_QUOTA_SESSIONS_MAX = 36,   /* of DPS_COLLECT_SESSIONS_MAX */
	DPS_QUOTA_TRANSFERS_MAX = 192, /* of DPS_COLLECT_TRANSFERS_MAX */
};

#define DPS_QUOTA_NAMES_BYTES_MAX (DPS_INTAKE_ALL_MANIFESTS_BYTES_MAX / 4 * 3)

/* Whether one more transfer of a peer may begin; else text (DPS_MESSAGE_TEXT_BYTES_MAX) says why.
 */
bool dps_quota_begin(const struct dps_collect_context *context,
		     const struct dps_peer_standing *standing, char *text);

/*
 * A transfer comes to so many files and bytes more. False, with a text, when they are more than its
 * key may have here: then nothing was counted.
 */
bool dps_quota_charge(struct dps_intake *intake, uint64_t files, uint64_t bytes, char *text);

/* Whether so many bytes would do, of a transfer whose files are still to come. */
bool dps_quota_has_bytes(const struct dps_intake *intake, uint64_t bytes, char *text);

/* One that was loaded, with its files counted, may go on; false with a text. */
bool dps_quota_may_go_on(const struct dps_intake *intake, char *text);

/*
 * The grant of a key is another now: what exceeds it ends, the youngest first; the rest has it.
 */
void dps_quota_on_granted(struct dps_collect_context *context,
			  const struct dps_peer_standing *standing, uint64_t now_ns);
