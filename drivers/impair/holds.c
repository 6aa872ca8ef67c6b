/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/holds.h"
#include "drivers/digest/digest.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <stdio.h>

void dps_holds_init(struct dps_holds *holds, struct dps_hold *memory, uint32_t count,
		    uint64_t hold_ns, uint64_t seed)
{
	DPS_ASSERT(hold_ns != 0);
	*holds = (struct dps_holds){
		.holds = memory,
		.free = DPS_HOLDS_NONE,
		.hold_ns = hold_ns,
		.bucket_ns = hold_ns / (DPS_HOLDS_BUCKETS / 2) + 1,
	};
	dps_random_init(&holds->random, seed);
	for (unsigned int i = 0; i < DPS_HOLDS_BUCKETS; i++)
		holds->buckets[i] = DPS_HOLDS_NONE;
	for (uint32_t i = count; i-- > 0;)
		dps_holds_cancel(holds, (int)i);
}

int dps_holds_take(struct dps_holds *holds, const uint8_t *body, uint32_t body_bytes,
		   uint32_t token)
{
	int index = holds->free;

	if (index == DPS_HOLDS_NONE)
		return index;
	holds->free = holds->holds[index].next;
	holds->holds[index] = (struct dps_hold){
		.body = body,
		.checksum = dps_digest_short_of(body, body_bytes),
		.body_bytes = body_bytes,
		.token = token,
	};
	return index;
}

void dps_holds_cancel(struct dps_holds *holds, int hold)
{
	holds->holds[hold].next = holds->free;
	holds->free = hold;
}

void dps_holds_start(struct dps_holds *holds, int hold, uint64_t now_ns)
{
	uint64_t due_ns = now_ns + dps_random_below(&holds->random, holds->hold_ns);
	uint64_t bucket = due_ns / holds->bucket_ns;
	int *first;

	if (holds->waiting_count++ == 0)
		holds->bucket = now_ns / holds->bucket_ns;
	/* Within one turn of the ring, even when nobody has asked for long. */
	bucket = dps_clamp_u64(bucket, holds->bucket, holds->bucket + DPS_HOLDS_BUCKETS - 1);
	first = &holds->buckets[bucket % DPS_HOLDS_BUCKETS];
	holds->holds[hold].next = *first;
	*first = hold;
}

uint32_t dps_holds_finish(struct dps_holds *holds, int hold)
{
	const struct dps_hold *h = &holds->holds[hold];
	char message[160];

	if (dps_digest_short_of(h->body, h->body_bytes) != h->checksum) {
		snprintf(message, sizeof(message),
			 "slot %u changed before the port was done with it: %u bytes at %p were "
			 "overwritten while a NIC could still have been sending them",
			 h->token, h->body_bytes, (const void *)h->body);
		dps_panic(message, __FILE__, __LINE__);
	}
	dps_holds_cancel(holds, hold);
	return h->token;
}

bool dps_holds_take_due(struct dps_holds *holds, uint64_t now_ns, uint32_t *token)
{
	while (holds->waiting_count > 0) {
		int *first = &holds->buckets[holds->bucket % DPS_HOLDS_BUCKETS];
		int hold = *first;

		if (hold != DPS_HOLDS_NONE) {
			*first = holds->holds[hold].next;
			holds->waiting_count--;
			*token = dps_holds_finish(holds, hold);
			return true;
		}
		if (holds->bucket >= now_ns / holds->bucket_ns)
			break;
		holds->bucket++;
	}
	return false;
}
