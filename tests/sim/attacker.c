/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/attacker.h"
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	HELD_ONE_IN = 50,
	AHEAD_ONE_IN = 50,
	HELD_US_MAX = 100, /* longer is a loss */
	KEPT_ONE_IN = 8,   /* once he has as many as he can keep */
	AHEAD_MAX = 64,	   /* numbers that he guesses: the next ones */
	UNSENT_MAX = 1 << 20,
};

static uint64_t below(struct attacker *attacker, uint64_t bound)
{
	return dps_random_below(&attacker->random, bound);
}

static void fill(struct attacker *attacker, uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i += sizeof(uint64_t)) {
		uint64_t random = dps_random_next(&attacker->random);

		memcpy(bytes + i, &random, dps_min_u64(length - i, sizeof(random)));
	}
}

static uint64_t connection_id_of(const uint8_t *bytes)
{
	uint64_t id = 0;

	for (unsigned int i = 0; i < 8; i++)
		id = id << 8 | bytes[8 + i];
	return id;
}

/* Where packets with this connection id go; now and then anywhere else on that side. */
static struct dps_sim_port *target_of(struct attacker *attacker, unsigned int direction,
				      uint64_t connection_id)
{
	struct rig *rig = attacker->rig;

	for (unsigned int i = 0; i < rig->paths_count && below(attacker, 16) > 0; i++)
		if (rig->paths[i].ids[!direction] == connection_id)
			return &rig->hosts[rig->paths[i].hosts[!direction]].port;
	for (unsigned int i = (unsigned int)below(attacker, rig->hosts_count);; i++) {
		struct dps_sim_port *port = &rig->hosts[i % rig->hosts_count].port;

		if (port->side != direction)
			return port;
	}
}

/* Who sends packets with this connection id. */
static struct dps_address sender_of(const struct rig *rig, unsigned int direction,
				    uint64_t connection_id)
{
	struct dps_address nobody = { .family = DPS_ADDRESS_IPV4, .ip = { 192, 0, 2, 66 } };

	for (unsigned int i = 0; i < rig->paths_count; i++)
		if (rig->paths[i].ids[!direction] == connection_id)
			return rig->hosts[rig->paths[i].hosts[direction]].port.port.local;
	nobody.udp_port = 666;
	return nobody;
}

/* ---- what he has seen ---- */

static void keep(struct attacker *attacker, unsigned int direction, const uint8_t *bytes,
		 uint32_t length)
{
	struct attacker_packet *kept;

	if (attacker->kept_count < ATTACKER_KEPT)
		kept = &attacker->kept[attacker->kept_count++];
	else if (below(attacker, KEPT_ONE_IN) == 0)
		kept = &attacker->kept[below(attacker, ATTACKER_KEPT)];
	else
		return;
	free(kept->bytes);
	kept->bytes = malloc(length);
	DPS_ASSERT(kept->bytes != NULL);
	memcpy(kept->bytes, bytes, length);
	kept->length = length;
	kept->direction = direction;
}

static const struct attacker_packet *any_kept(struct attacker *attacker)
{
	return &attacker->kept[below(attacker, attacker->kept_count)];
}

/* ---- one packet of his ---- */

/* What he sends, and where. */
struct shot {
	uint8_t bytes[DPS_ENVELOPE_BYTES + DPS_PAYLOAD_BYTES_MAX];
	uint32_t length;
	unsigned int direction;
	struct dps_address from;
	bool is_spoofed;
};

static void copy_to(struct shot *shot, const uint8_t *bytes, uint32_t length,
		    unsigned int direction)
{
	memcpy(shot->bytes, bytes, length);
	shot->length = length;
	shot->direction = direction;
}

static void flip(struct attacker *attacker, struct shot *shot)
{
	for (uint64_t flips = 1 + below(attacker, 3); flips > 0; flips--) {
		uint64_t bit = below(attacker, shot->length * 8);

		shot->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Cuts it or makes it longer; half of them say how long they are now. */
static void truncate(struct attacker *attacker, struct shot *shot)
{
	uint32_t length = (uint32_t)below(attacker, sizeof(shot->bytes));
	struct dps_header header;
	bool is_told = below(attacker, 2) == 0 &&
		       dps_header_decode(shot->bytes, shot->length, &header) == 0;

	if (below(attacker, 4) > 0)
		length = (uint32_t)below(attacker, shot->length);
	if (length > shot->length)
		fill(attacker, shot->bytes + shot->length, length - shot->length);
	shot->length = length;
	if (!is_told || length < DPS_ENVELOPE_BYTES)
		return;
	header.payload_bytes = (uint16_t)(length - DPS_ENVELOPE_BYTES);
	dps_header_encode(&header, shot->bytes);
}

/* A header that is right, of a number that is about to come. */
static void forge(struct attacker *attacker, struct shot *shot)
{
	uint32_t at = DPS_HEADER_BYTES;
	struct dps_header header;

	if (dps_header_decode(shot->bytes, shot->length, &header) != 0)
		return;
	header.packet_number += below(attacker, AHEAD_MAX);
	if (below(attacker, 2) == 0)
		header.packet_number = below(attacker, DPS_PACKET_NUMBER_MAX);
	if (below(attacker, 2) == 0)
		header.offset += below(attacker, 4) * header.payload_bytes;
	header.floor += (uint32_t)below(attacker, AHEAD_MAX);
	header.flags ^= (uint8_t)(below(attacker, 4) == 0 ? below(attacker, 256) : 0);
	dps_header_encode(&header, shot->bytes);
	fill(attacker, shot->bytes + at, shot->length - at);
}

/* Someone else's header, payload, seal, number or connection id. */
static void splice(struct attacker *attacker, struct shot *shot)
{
	const struct attacker_packet *other = any_kept(attacker);
	uint32_t shorter = dps_min_u64(shot->length, other->length);
	static const struct {
		uint32_t from, to; /* bytes of the packet; to 0: its end */
	} parts[] = {
		{ 8, 16 },  { 16, 24 }, { 24, 32 }, { 36, 40 }, { 8, 24 },
		{ 40, 56 }, { 56, 0 },	{ 40, 0 },  { 0, 40 },
	};
	uint64_t part = below(attacker, sizeof(parts) / sizeof(parts[0]));
	uint32_t to = parts[part].to != 0 ? parts[part].to : shorter;

	if (shorter < DPS_ENVELOPE_BYTES)
		return;
	/* The first byte of an id says which lane it is of. */
	attacker->crossed_count +=
		shot->direction == other->direction && shot->bytes[8] != other->bytes[8];
	memcpy(shot->bytes + parts[part].from, other->bytes + parts[part].from,
	       to - parts[part].from);
	if (below(attacker, 8) == 0)
		shot->direction = !shot->direction;
}

/* A packet of another type, under this one's connection id and about this one's number. */
static void say(struct attacker *attacker, struct shot *shot, uint8_t type, uint32_t body_bytes)
{
	struct dps_header header;

	if (dps_header_decode(shot->bytes, shot->length, &header) != 0)
		return;
	header.type = type;
	header.flags = DPS_PACKET_ACK_NOW;
	header.packet_number += 1 + below(attacker, AHEAD_MAX);
	header.offset = header.channel = 0;
	header.payload_bytes = (uint16_t)body_bytes;
	dps_header_encode(&header, shot->bytes);
	fill(attacker, shot->bytes + DPS_HEADER_BYTES, DPS_SEAL_BYTES);
	shot->length = DPS_ENVELOPE_BYTES + body_bytes;
}

static void acknowledge(struct attacker *attacker, struct shot *shot, bool is_credit)
{
	struct dps_ack ack = { .ranges_count = 1, .channels_count = is_credit };
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_header header;
	size_t bytes;

	if (dps_header_decode(shot->bytes, shot->length, &header) != 0)
		return;
	ack.largest = header.packet_number + (is_credit ? 0 : below(attacker, UNSENT_MAX));
	ack.largest = dps_min_u64(ack.largest, DPS_PACKET_NUMBER_MAX);
	ack.ranges[0] = (struct dps_ack_range){ ack.largest, ack.largest };
	ack.channels[0] = (struct dps_ack_channel){
		.channel = 1 + (uint32_t)below(attacker, RIG_TRANSFERS),
		.credit = DPS_OFFSET_MAX,
		.contiguous = below(attacker, DPS_OFFSET_MAX),
		.stored = below(attacker, DPS_OFFSET_MAX),
	};
	bytes = dps_ack_encode(&ack, body, sizeof(body));
	say(attacker, shot, DPS_PACKET_ACK, (uint32_t)bytes);
	memcpy(shot->bytes + DPS_ENVELOPE_BYTES, body, bytes);
}

static void reset(struct attacker *attacker, struct shot *shot)
{
	const struct dps_close close = { .reason = (uint32_t)below(attacker, 10) };

	say(attacker, shot, DPS_PACKET_CLOSE, 4);
	dps_close_encode(&close, shot->bytes + DPS_ENVELOPE_BYTES, 4);
}

static void any_bytes(struct attacker *attacker, struct shot *shot)
{
	uint32_t length = (uint32_t)below(attacker, shot->length + 1);
	struct dps_header header;

	if (length < DPS_ENVELOPE_BYTES || below(attacker, 2) == 0 ||
	    dps_header_decode(shot->bytes, shot->length, &header) != 0) {
		fill(attacker, shot->bytes, length);
	} else { /* behind a header that finds its path */
		header.packet_number += 1 + below(attacker, AHEAD_MAX);
		header.type = (uint8_t)below(attacker, DPS_PACKET_TYPES_COUNT);
		header.payload_bytes = (uint16_t)(length - DPS_ENVELOPE_BYTES);
		dps_header_encode(&header, shot->bytes);
		fill(attacker, shot->bytes + DPS_HEADER_BYTES, length - DPS_HEADER_BYTES);
	}
	shot->length = length;
}

static void shoot(struct attacker *attacker, const struct shot *shot)
{
	/* It stands there whatever else is wrong with it. */
	uint64_t id = shot->length >= DPS_HEADER_BYTES ? connection_id_of(shot->bytes) : 0;
	struct dps_address from =
		shot->is_spoofed ? shot->from : sender_of(attacker->rig, shot->direction, id);

	dps_sim_port_inject(target_of(attacker, shot->direction, id), &from, shot->bytes,
			    shot->length);
}

/* One of those that he is out for; what he does in passing is not a packet of his own. */
static enum attack draw(struct attacker *attacker)
{
	uint32_t attack;

	do
		attack = (uint32_t)below(attacker, ATTACKS_COUNT);
	while (1U << attack & (ATTACKS_IN_PASSING | ~attacker->attacks));
	return (enum attack)attack;
}

static void attack(struct attacker *attacker, unsigned int direction, const uint8_t *bytes,
		   uint32_t length)
{
	enum attack what = draw(attacker);
	const struct attacker_packet *kept;
	struct shot shot = { .length = 0 };

	attacker->counts[what]++;
	copy_to(&shot, bytes, length, direction);
	switch (what) {
	case ATTACK_FLIP:
		flip(attacker, &shot);
		break;
	case ATTACK_TRUNCATE:
		truncate(attacker, &shot);
		break;
	case ATTACK_FORGE:
		forge(attacker, &shot);
		break;
	case ATTACK_SPLICE:
		splice(attacker, &shot);
		break;
	case ATTACK_ACK:
	case ATTACK_CREDIT:
		acknowledge(attacker, &shot, what == ATTACK_CREDIT);
		break;
	case ATTACK_SPOOF:
		shot.is_spoofed = true;
		shot.from = (struct dps_address){
			.family = DPS_ADDRESS_IPV4,
			.ip = { 203, 0, 113, (uint8_t)below(attacker, 256) },
			.udp_port = (uint16_t)(1 + below(attacker, UINT16_MAX)),
		};
		break;
	case ATTACK_RESET:
		reset(attacker, &shot);
		break;
	case ATTACK_GARBAGE:
		any_bytes(attacker, &shot);
		break;
	default:
		kept = any_kept(attacker);
		copy_to(&shot, kept->bytes, kept->length, kept->direction);
		break;
	}
	shoot(attacker, &shot);
}

/* ---- what he holds back ---- */

static void let_go(void *context)
{
	struct attacker_packet *held = context;
	struct dps_sim_port *to = held->to;

	held->to = NULL;
	if (!held->attacker->rig->is_stopping)
		dps_sim_port_inject(to, &held->from, held->bytes, held->length);
	free(held->bytes);
	held->bytes = NULL;
}

static bool hold_back(struct attacker *attacker, const struct dps_sim_packet *packet)
{
	struct dps_sim *sim = &attacker->rig->sim;

	if (!(attacker->attacks & 1U << ATTACK_REORDER) || below(attacker, HELD_ONE_IN) > 0)
		return false;
	for (unsigned int i = 0; i < ATTACKER_HELD; i++) {
		struct attacker_packet *held = &attacker->held[i];

		if (held->to != NULL)
			continue;
		held->attacker = attacker;
		held->bytes = malloc(packet->length);
		DPS_ASSERT(held->bytes != NULL);
		memcpy(held->bytes, packet->bytes, packet->length);
		held->length = packet->length;
		held->from = packet->from;
		held->to = packet->to;
		attacker->counts[ATTACK_REORDER]++;
		dps_sim_call_at(sim, sim->now_ns + below(attacker, HELD_US_MAX) * DPS_NS_PER_US,
				let_go, held);
		return true;
	}
	return false;
}

static bool see(void *context, unsigned int direction, const struct dps_sim_packet *packet)
{
	struct attacker *attacker = context;

	if (packet->length < DPS_ENVELOPE_BYTES)
		return false; /* the way has cut it already */
	attacker->honest_count++;
	keep(attacker, direction, packet->bytes, packet->length);
	for (attacker->owed += attacker->packets; attacker->owed >= attacker->honest;
	     attacker->owed -= attacker->honest)
		attack(attacker, direction, packet->bytes, packet->length);
	return hold_back(attacker, packet);
}

void attacker_overhear(struct attacker *attacker, unsigned int direction, const uint8_t *bytes,
		       uint32_t length)
{
	struct shot shot = { .length = 0 };

	if (!(attacker->attacks & 1U << ATTACK_AHEAD) ||
	    below(attacker, attacker->ahead_one_in) > 0)
		return;
	attacker->counts[ATTACK_AHEAD]++;
	copy_to(&shot, bytes, length, direction);
	shoot(attacker, &shot);
}

/* ---- life ---- */

struct attacker *attacker_create(struct rig *rig, uint32_t attacks, uint32_t packets,
				 uint32_t honest)
{
	struct attacker *attacker = calloc(1, sizeof(*attacker));

	DPS_ASSERT(attacker != NULL && attacks <= ATTACKS_ALL && honest > 0);
	DPS_ASSERT(packets == 0 || (attacks & ~ATTACKS_IN_PASSING));
	attacker->rig = rig;
	attacker->attacks = attacks;
	attacker->packets = packets;
	attacker->honest = honest;
	attacker->ahead_one_in = AHEAD_ONE_IN;
	dps_random_init(&attacker->random, ~(rig->config.seed ^ UINT64_C(0xa77ac4)));
	rig->attacker = attacker;
	rig->link.gate = see;
	rig->link.gate_context = attacker;
	return attacker;
}

void attacker_destroy(struct attacker *attacker)
{
	if (attacker == NULL)
		return;
	for (unsigned int i = 0; i < ATTACKER_KEPT; i++)
		free(attacker->kept[i].bytes);
	for (unsigned int i = 0; i < ATTACKER_HELD; i++)
		free(attacker->held[i].bytes);
	free(attacker);
}
