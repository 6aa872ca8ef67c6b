/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/loss.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>

void dps_loss_init(struct dps_loss *loss)
{
	*loss = (struct dps_loss){
		.largest_acked_number = UINT64_MAX,
		.loss_time_ns = DPS_NEVER_NS,
		.threshold_packets = DPS_LOSS_THRESHOLD_MIN,
	};
}

void dps_loss_on_acked(struct dps_loss *loss, uint64_t largest_number, bool has_new)
{
	if (loss->largest_acked_number == UINT64_MAX || largest_number > loss->largest_acked_number)
		loss->largest_acked_number = largest_number;
	if (has_new)
		loss->probes_count = 0;
}

void dps_loss_on_sent(struct dps_loss *loss, uint64_t now_ns)
{
	loss->probe_base_ns = now_ns;
}

void dps_loss_on_spurious(struct dps_loss *loss, uint64_t distance, uint64_t age_ns,
			  uint64_t now_ns)
{
	uint64_t late_ns = dps_min_u64(age_ns + age_ns / 8, DPS_LOSS_LATE_MS_MAX * DPS_NS_PER_MS);

	loss->spurious_count++;
	/* One more than was seen: a packet that comes as late again will be waited for. It needs no
	 * limit, as there is one in time. */
	if (distance >= loss->threshold_packets)
		loss->threshold_packets = distance + 1;
	if (late_ns < loss->late_ns && now_ns < loss->late_until_ns)
		return;
	loss->late_ns = late_ns;
	loss->late_until_ns = now_ns + dps_max_u64(DPS_LOSS_LATE_TIMES * late_ns,
						   DPS_LOSS_LATE_FOR_MS * DPS_NS_PER_MS);
}

/*
 * How long after it was sent a packet is lost, if a later one came through: a round trip and an
 * eighth, or as long as some took that came after all. Round trips do not show that: they are those
 * of the packets that overtake, which on two ways, or with copies that somebody sends over a
 * quicker one, can be no time at all. It is forgotten after a while, since of one freak all that is
 * lost would be told late; to learn it again costs one flight.
 */
static uint64_t patience_ns(const struct dps_loss *loss, const struct dps_rtt *rtt, uint64_t now_ns)
{
	uint64_t rtt_ns = dps_max_u64(rtt->smoothed_ns, rtt->latest_ns);
	uint64_t late_ns = now_ns < loss->late_until_ns ? loss->late_ns : 0;

	return dps_max_u64(dps_max_u64(rtt_ns + rtt_ns / 8, late_ns), DPS_LOSS_GRANULARITY_NS);
}

uint64_t dps_loss_next(struct dps_loss *loss, const struct dps_sent *sent,
		       const struct dps_rtt *rtt, uint64_t from, uint64_t now_ns)
{
	uint64_t largest = loss->largest_acked_number;
	uint64_t number, lost_at_ns;

	loss->loss_time_ns = DPS_NEVER_NS;
	if (largest == UINT64_MAX || largest == 0)
		return UINT64_MAX;
	number = dps_sent_next_live(sent, from, largest - 1);
	if (number == UINT64_MAX || largest - number >= loss->threshold_packets)
		return number;
	/* Numbers ascend with time: when this one is not lost yet, none after it is. */
	lost_at_ns = dps_sent_at(sent, number).sent_at_ns + patience_ns(loss, rtt, now_ns);
	if (lost_at_ns <= now_ns)
		return number;
	loss->loss_time_ns = lost_at_ns;
	return UINT64_MAX;
}

uint64_t dps_loss_deadline_ns(const struct dps_loss *loss, const struct dps_sent *sent,
			      uint64_t probe_timeout_ns, uint64_t max_ns)
{
	uint64_t timeout_ns = max_ns;

	if (loss->loss_time_ns != DPS_NEVER_NS)
		return loss->loss_time_ns;
	if (sent->packets_in_flight == 0)
		return DPS_NEVER_NS;
	if (loss->probes_count < 64 && probe_timeout_ns <= max_ns >> loss->probes_count)
		timeout_ns = probe_timeout_ns << loss->probes_count;
	return loss->probe_base_ns + timeout_ns;
}
