/* SPDX-License-Identifier: BSD-3-Clause */
/* Acknowledgements: what came on a path, and how far each of its channels may go. */
#include "engine/state.h"

static void add_channel(struct dps_engine *engine, struct dps_ack *ack, struct dps_channel *channel)
{
	dps_channel_advance_contiguous(engine, channel);
	dps_credit_on_told(engine, channel);
	ack->channels[ack->channels_count++] = (struct dps_ack_channel){
		.channel = channel->number,
		.credit = channel->made_offset,
		.contiguous = channel->contiguous,
		.stored = channel->stored,
	};
}

static bool has_channel(const struct dps_ack *ack, uint32_t number)
{
	for (unsigned int i = 0; i < ack->channels_count; i++)
		if (ack->channels[i].channel == number)
			return true;
	return false;
}

/* Those with news; what room is left goes round the others, in case an earlier ACK was lost. */
static void add_channels(struct dps_engine *engine, struct dps_path *path, struct dps_ack *ack)
{
	uint32_t index, first;

	ack->channels_count = 0;
	while (path->first_dirty != DPS_CHANNEL_NONE &&
	       ack->channels_count < DPS_WIRE_CHANNELS_MAX) {
		struct dps_channel *channel = &engine->channels[path->first_dirty];

		path->first_dirty = channel->next_dirty;
		if (path->first_dirty == DPS_CHANNEL_NONE)
			path->last_dirty = DPS_CHANNEL_NONE;
		channel->is_dirty = false;
		if (!channel->is_sender)
			add_channel(engine, ack, channel);
	}
	index = first = path->report_channel;
	while (index != DPS_CHANNEL_NONE && ack->channels_count < DPS_WIRE_CHANNELS_MAX / 2) {
		struct dps_channel *channel = &engine->channels[index];

		if (!channel->is_sender && !has_channel(ack, channel->number))
			add_channel(engine, ack, channel);
		index = channel->next_in_path;
		path->report_channel = index;
		if (index == first)
			break;
	}
}

unsigned int dps_emit_ack(struct dps_engine *engine, struct dps_path *path,
			  struct dps_outgoing *out, unsigned int room, uint64_t now_ns)
{
	struct dps_path_ack *owed = &path->ack;
	struct dps_ack *ack = &engine->ack;
	struct dps_header header = { .type = DPS_PACKET_ACK };
	struct dps_sent_packet sent = { 0 };
	uint8_t *body;

	if (!owed->has_any || (!owed->is_now && owed->at_ns > now_ns) || room == 0 ||
	    path->state < DPS_PATH_PROBING || path->state == DPS_PATH_CLOSING ||
	    !dps_sent_has_room(&path->sent))
		return 0;
	if (!dps_proof_may_send(path, DPS_ENVELOPE_BYTES + DPS_WIRE_ACK_BYTES_MAX)) {
		owed->is_now = false; /* the next packet asks again */
		owed->at_ns = DPS_NEVER_NS;
		return 0;
	}
	ack->largest = owed->largest_number;
	ack->ack_delay_us =
		(uint32_t)dps_min_u64((now_ns - owed->largest_at_ns) / DPS_NS_PER_US, UINT32_MAX);
	ack->echo_sent_at_us = owed->largest_sent_at_us;
	ack->sequence = owed->sequence++;
	ack->ect1 = owed->ecn_counts[1];
	ack->ect0 = owed->ecn_counts[2];
	ack->ce = owed->ecn_counts[3];
	add_channels(engine, path, ack);
	body = dps_emit_start(engine, out);
	out->head_bytes +=
		(uint32_t)dps_ack_encode_of(ack, &owed->received, body, DPS_WIRE_BODY_BYTES_MAX);
	dps_emit_finish(path, out, &header, &sent, now_ns);
	owed->is_now = path->first_dirty != DPS_CHANNEL_NONE;
	if (owed->is_now) /* more channels than one tells of */
		dps_path_touch(engine, path);
	owed->at_ns = DPS_NEVER_NS;
	owed->packets_count = 0;
	engine->counters.acks_sent++;
	return 1;
}
