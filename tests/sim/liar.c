/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/liar.h"
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <string.h>

enum {
	AHEAD_MAX = 3, /* of numbers: so that most of them are good for something */
	FAR_ONE_IN = 8,
};

static uint64_t below(struct liar *liar, uint64_t bound)
{
	return dps_random_below(&liar->random, bound);
}

static uint64_t any_offset(struct liar *liar)
{
	return below(liar, 2) == 0 ? below(liar, DPS_OFFSET_MAX) : below(liar, 1 << 24);
}

/* Where its bytes belong, which they are, and what is told with them. */
static void lie_of_data(struct liar *liar, struct dps_header *header, uint8_t *payload)
{
	switch (below(liar, 7)) {
	case 0:
		header->offset += (below(liar, 5) - 2) * header->payload_bytes;
		header->offset = dps_min_u64(header->offset, DPS_OFFSET_MAX);
		break;
	case 1:
		header->offset = any_offset(liar);
		break;
	case 2:
		header->channel = (uint32_t)below(liar, RIG_TRANSFERS);
		break;
	case 3:
		header->flags ^= (uint8_t)(1 << below(liar, 8));
		break;
	case 4:
		header->floor = (uint32_t)header->packet_number + (uint32_t)below(liar, 4) - 2;
		break;
	case 5:
		payload[below(liar, header->payload_bytes)] ^= 0x10;
		break;
	default:
		header->type = (uint8_t)below(liar, DPS_PACKET_TYPES_COUNT);
		break;
	}
}

static void lie_of_channel(struct liar *liar, struct dps_ack_channel *channel)
{
	switch (below(liar, 4)) {
	case 0:
		channel->credit = DPS_OFFSET_MAX;
		break;
	case 1:
		channel->contiguous = any_offset(liar);
		break;
	case 2:
		channel->stored = any_offset(liar);
		break;
	default:
		channel->channel = (uint32_t)below(liar, RIG_TRANSFERS);
		break;
	}
}

/* As long as it was: counts stay, what they count does not. */
static void lie_of_ack(struct liar *liar, uint8_t *body, uint32_t bytes)
{
	struct dps_ack ack;
	uint16_t last;

	if (dps_ack_decode(body, bytes, &ack) != 0)
		return;
	last = ack.ranges_count - 1;
	switch (below(liar, 30)) {
	case 0: /* it is found out, and costs the path: so not often */
		ack.largest += 1 + below(liar, AHEAD_MAX);
		ack.largest = below(liar, FAR_ONE_IN) == 0 ? below(liar, DPS_PACKET_NUMBER_MAX)
							   : ack.largest;
		ack.ranges_count = 1;
		ack.ranges[0] = (struct dps_ack_range){ ack.largest, ack.largest };
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		ack.ranges[last].first = 0; /* all that is older came */
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		ack.ack_delay_us = (uint32_t)dps_random_next(&liar->random);
		ack.echo_sent_at_us = (uint32_t)dps_random_next(&liar->random);
		break;
	default:
		for (uint16_t i = 0; i < ack.channels_count; i++)
			lie_of_channel(liar, &ack.channels[i]);
		break;
	}
	if (dps_ack_encode(&ack, body, DPS_WIRE_ACK_BYTES_MAX) < bytes)
		/* Fewer ranges than there were: what is left of it does not parse. */
		body[bytes - 1] ^= 1;
}

static void lie_of_anything(struct liar *liar, uint8_t *body, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes && i < 16; i++)
		body[i] = (uint8_t)dps_random_next(&liar->random);
}

void liar_see(struct liar *liar, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	const struct rig_path *path = &liar->rig->paths[liar->path];
	uint8_t *payload = bytes + DPS_ENVELOPE_BYTES;
	struct dps_header header;

	if (direction != liar->end || liar->one_in == 0 ||
	    dps_header_decode(bytes, length, &header) != 0 ||
	    header.connection_id != path->ids[!direction] || header.payload_bytes == 0 ||
	    below(liar, liar->one_in) > 0)
		return;
	if (below(liar, FAR_ONE_IN) == 0)
		header.packet_number +=
			below(liar, FAR_ONE_IN) == 0 ? UINT64_C(1) << 22 : below(liar, AHEAD_MAX);
	else if (header.type == DPS_PACKET_DATA)
		lie_of_data(liar, &header, payload);
	else if (header.type == DPS_PACKET_ACK)
		lie_of_ack(liar, payload, header.payload_bytes);
	else
		lie_of_anything(liar, payload, header.payload_bytes);
	dps_header_encode(&header, bytes);
	rig_seal_again(liar->rig, path, direction, bytes, length);
	liar->lies_count++;
}

void liar_init(struct liar *liar, struct rig *rig, unsigned int path, unsigned int end,
	       uint32_t one_in)
{
	*liar = (struct liar){ .rig = rig, .path = path, .end = end, .one_in = one_in };
	dps_random_init(&liar->random, rig->config.seed);
	rig->paths[path].is_untrusted = true;
	rig->may_park = true; /* a lie that is found out costs the path */
	rig->liar = liar;
}
