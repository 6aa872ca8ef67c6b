/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proof: whether the peer is where we send to. Its hello named the address, and a peer may lie: to
 * have us send to someone else as fast as we can. So until what we sent there came back, little
 * goes there. What comes from elsewhere moves nothing: the address is that of the hello for good.
 */
#include "engine/state.h"

enum { UNPROVED_TIMES = 3 }; /* as RFC 9000 section 8 */

void dps_proof_init(struct dps_path *path)
{
	path->proof = (struct dps_path_proof){ .is_there = path->config.challenge == 0 };
}

/* Data may flow when the way carries full packets and leads to the peer. */
static void open_path(struct dps_engine *engine, struct dps_path *path)
{
	if (path->state == DPS_PATH_PROBING && path->proof.is_there && path->proof.is_full_acked)
		dps_path_validate(engine, path, path->config.datagram_bytes);
}

void dps_proof_on_acked(struct dps_engine *engine, struct dps_path *path, uint32_t wire_bytes)
{
	if (path->state != DPS_PATH_PROBING)
		return;
	path->proof.is_full_acked |= wire_bytes >= path->config.datagram_bytes;
	path->proof.is_base_acked |= wire_bytes >= DPS_PATH_BASE_DATAGRAM_BYTES;
	open_path(engine, path);
}

void dps_proof_on_probe(struct dps_engine *engine, struct dps_path *path,
			const struct dps_probe *probe)
{
	if (probe->challenge != 0)
		path->proof.answer = probe->challenge;
	if (probe->answer == 0 || probe->answer != path->config.challenge)
		return;
	path->proof.is_there = true;
	open_path(engine, path);
}

bool dps_proof_may_send(const struct dps_path *path, uint32_t bytes)
{
	const struct dps_path_proof *proof = &path->proof;

	return proof->is_there ||
	       proof->sent_bytes + bytes <= UNPROVED_TIMES * proof->received_bytes;
}
