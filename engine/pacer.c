/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/pacer.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>

enum {
	US_PER_S = 1000000,
	BURST_US = 10,
	BURST_PACKETS_MIN = 2,
	BURST_PACKETS_MAX = 32,
	LATE_MAX_US = 4000,	 /* what a scheduler takes a core away for */
	LATE_PACKETS_MAX = 1024, /* and a bound on what it earns */
	LATE_FADES_BY = 16,	 /* of the time since: 4 ms are forgotten in 64 */
};

static bool is_unpaced(const struct dps_pacer *pacer)
{
	return pacer->rate_bytes_per_s == UINT64_MAX;
}

static uint64_t full_credit(const struct dps_pacer *pacer)
{
	return pacer->burst_bytes * DPS_NS_PER_S;
}

/* A packet larger than the burst, as an MTU probe may be, costs a full one: it must get out. */
static uint64_t cost(const struct dps_pacer *pacer, uint32_t packet_bytes)
{
	return dps_min_u64(packet_bytes, pacer->burst_bytes) * DPS_NS_PER_S;
}

static void refill(struct dps_pacer *pacer, uint64_t now_ns)
{
	uint64_t full = full_credit(pacer);
	uint64_t earned;

	if (now_ns <= pacer->refilled_at_ns)
		return;
	/* 400 Gb/s earns a 64-bit number of byte-nanoseconds in 369 s: a long idle overflows. */
	if (__builtin_mul_overflow(now_ns - pacer->refilled_at_ns, pacer->rate_bytes_per_s,
				   &earned) ||
	    earned > full - pacer->credit)
		pacer->credit = full;
	else
		pacer->credit += earned;
	pacer->refilled_at_ns = now_ns;
}

void dps_pacer_init(struct dps_pacer *pacer, uint64_t now_ns)
{
	*pacer = (struct dps_pacer){
		.rate_bytes_per_s = UINT64_MAX,
		.refilled_at_ns = now_ns,
	};
}

void dps_pacer_set_rate(struct dps_pacer *pacer, uint64_t rate_bytes_per_s, uint32_t packet_bytes,
			uint64_t now_ns)
{
	bool was_unpaced = is_unpaced(pacer);
	uint64_t rate;

	DPS_ASSERT(rate_bytes_per_s != 0);
	DPS_ASSERT(packet_bytes != 0 &&
		   packet_bytes <= UINT32_MAX / (BURST_PACKETS_MAX + LATE_PACKETS_MAX));
	refill(pacer, now_ns);
	pacer->rate_bytes_per_s = rate_bytes_per_s;
	if (was_unpaced)
		pacer->late_ns = pacer->waiting_until_ns = 0;
	rate = dps_min_u64(rate_bytes_per_s, UINT64_C(1) << 40);
	pacer->burst_bytes =
		(uint32_t)(dps_clamp_u64(rate * BURST_US / US_PER_S,
					 (uint64_t)packet_bytes * BURST_PACKETS_MIN,
					 (uint64_t)packet_bytes * BURST_PACKETS_MAX) +
			   dps_min_u64(rate / US_PER_S * pacer->late_ns / DPS_NS_PER_US,
				       (uint64_t)packet_bytes * LATE_PACKETS_MAX));
	/* An unpaced path owes nothing: it goes on with a full burst. */
	pacer->credit =
		was_unpaced ? full_credit(pacer) : dps_min_u64(pacer->credit, full_credit(pacer));
}

/* A packet that was refused is let go now: how long after it could have been? */
static void note_lateness(struct dps_pacer *pacer, uint64_t now_ns)
{
	uint64_t late_ns = dps_min_u64(now_ns - dps_min_u64(now_ns, pacer->waiting_until_ns),
				       LATE_MAX_US * DPS_NS_PER_US);
	uint64_t faded_ns;

	faded_ns = (now_ns - pacer->late_noted_at_ns) / LATE_FADES_BY;
	pacer->late_ns =
		dps_max_u64(late_ns, pacer->late_ns - dps_min_u64(pacer->late_ns, faded_ns));
	pacer->late_noted_at_ns = now_ns;
	pacer->waiting_until_ns = 0;
}

uint32_t dps_pacer_take_many(struct dps_pacer *pacer, uint32_t packet_bytes, uint32_t count,
			     uint64_t now_ns)
{
	uint64_t each = cost(pacer, packet_bytes);
	uint64_t granted = count;

	if (is_unpaced(pacer))
		return count;
	refill(pacer, now_ns);
	if (pacer->credit < count * each)
		granted = pacer->credit / each;
	pacer->credit -= granted * each;
	if (granted > 0 && pacer->waiting_until_ns != 0)
		note_lateness(pacer, now_ns);
	if (granted < count)
		pacer->waiting_until_ns = dps_pacer_ready_at_ns(pacer, packet_bytes);
	return (uint32_t)granted;
}

bool dps_pacer_take(struct dps_pacer *pacer, uint32_t packet_bytes, uint64_t now_ns)
{
	return dps_pacer_take_many(pacer, packet_bytes, 1, now_ns) == 1;
}

void dps_pacer_give(struct dps_pacer *pacer, uint32_t bytes)
{
	if (!is_unpaced(pacer))
		pacer->credit = dps_min_u64(pacer->credit + cost(pacer, bytes), full_credit(pacer));
}

void dps_pacer_release(struct dps_pacer *pacer)
{
	pacer->waiting_until_ns = 0;
}

uint64_t dps_pacer_ready_at_ns(const struct dps_pacer *pacer, uint32_t packet_bytes)
{
	uint64_t needed = cost(pacer, packet_bytes);

	if (is_unpaced(pacer) || pacer->credit >= needed)
		return pacer->refilled_at_ns;
	return pacer->refilled_at_ns + (needed - pacer->credit - 1) / pacer->rate_bytes_per_s + 1;
}
