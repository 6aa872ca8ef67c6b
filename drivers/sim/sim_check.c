/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_check.h"
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <inttypes.h>

static struct dps_sim_check_channel *find_channel(struct dps_sim_check_path *path, uint32_t number,
						  unsigned int sender)
{
	for (uint32_t i = 0; i < path->channels_count; i++)
		if (path->channels[i].number == number && path->channels[i].sender == sender)
			return &path->channels[i];
	return NULL;
}

static struct dps_sim_check_path *find_path(struct dps_sim_check *check, unsigned int direction,
					    uint64_t connection_id)
{
	for (uint32_t i = 0; i < DPS_SIM_CHECK_PATHS && i < check->paths_count; i++)
		if (check->paths[i].connection_ids[direction] == connection_id)
			return &check->paths[i];
	return NULL;
}

static void check_number(struct dps_sim *sim, struct dps_sim_check_path *path,
			 unsigned int direction, const struct dps_header *header)
{
	/* A lane that stops may drop what a dead link does not take: numbers may be left out. */
	if (path->has_sent[direction] && header->packet_number < path->next_numbers[direction])
		dps_sim_fail(sim, "packet number %" PRIu64 " from side %u, expected %" PRIu64,
			     header->packet_number, direction, path->next_numbers[direction]);
	if (dps_header_floor(header) > header->packet_number)
		dps_sim_fail(sim, "packet %" PRIu64 " has a floor above itself",
			     header->packet_number);
	path->has_sent[direction] = true;
	path->next_numbers[direction] = header->packet_number + 1;
}

static void check_data(struct dps_sim *sim, struct dps_sim_check_path *path, unsigned int direction,
		       const struct dps_header *header)
{
	struct dps_sim_check_channel *channel = find_channel(path, header->channel, direction);
	uint64_t end = header->offset + header->payload_bytes;

	if (header->flags & DPS_PACKET_DIGEST)
		end -= DPS_DIGEST_BYTES;
	if (channel == NULL) {
		dps_sim_fail(sim, "data for channel %" PRIu32 ", which nobody opened",
			     header->channel);
		return;
	}
	if (end > channel->credit)
		dps_sim_fail(sim, "data %" PRIu64 "..%" PRIu64 " beyond the credit %" PRIu64,
			     header->offset, end, channel->credit);
	channel->sent_end = dps_max_u64(channel->sent_end, end);
}

static void check_ack_channel(struct dps_sim *sim, struct dps_sim_check_path *path,
			      unsigned int direction, const struct dps_ack_channel *said)
{
	struct dps_sim_check_channel *channel = find_channel(path, said->channel, !direction);

	if (channel == NULL)
		dps_sim_fail(sim, "ACK of channel %" PRIu32 ", which nobody opened", said->channel);
	else if (said->credit < channel->credit || said->contiguous < channel->contiguous ||
		 said->stored < channel->stored)
		dps_sim_fail(sim,
			     "channel %" PRIu32 " fell back to contiguous %" PRIu64
			     ", stored %" PRIu64 ", credit %" PRIu64,
			     said->channel, said->contiguous, said->stored, said->credit);
	else if (said->stored > said->contiguous || said->contiguous > said->credit)
		dps_sim_fail(sim,
			     "channel %" PRIu32 " out of order: contiguous %" PRIu64
			     ", stored %" PRIu64 ", credit %" PRIu64,
			     said->channel, said->contiguous, said->stored, said->credit);
	else if (said->stored > channel->stored_max)
		dps_sim_fail(sim,
			     "channel %" PRIu32 " says stored %" PRIu64 ", only %" PRIu64 " is",
			     said->channel, said->stored, channel->stored_max);
	if (channel == NULL)
		return;
	channel->credit = said->credit;
	channel->contiguous = said->contiguous;
	channel->stored = said->stored;
}

static void check_ack(struct dps_sim *sim, struct dps_sim_check_path *path, unsigned int direction,
		      const uint8_t *body, uint32_t bytes)
{
	struct dps_ack ack;
	int error = dps_ack_decode(body, bytes, &ack);

	if (error != 0)
		dps_sim_fail(sim, "an ACK that does not decode: %d", error);
	if (dps_sim_has_failed(sim))
		return;
	if (!path->has_sent[!direction] || ack.largest >= path->next_numbers[!direction])
		dps_sim_fail(sim, "ACK of packet %" PRIu64 ", which was not sent", ack.largest);
	for (uint16_t i = 0; i < ack.channels_count; i++)
		check_ack_channel(sim, path, direction, &ack.channels[i]);
}

static void tap(void *context, unsigned int direction, const uint8_t *bytes, uint32_t length)
{
	struct dps_sim_check *check = context;
	struct dps_sim *sim = check->link->sim;
	struct dps_sim_check_path *path;
	struct dps_header header;
	int error = dps_header_decode(bytes, length, &header);

	if (error != 0) {
		dps_sim_fail(sim, "side %u sent a packet that does not decode: %d", direction,
			     error);
		return;
	}
	path = find_path(check, direction, header.connection_id);
	if (path == NULL)
		return;
	check_number(sim, path, direction, &header);
	if (header.type == DPS_PACKET_DATA) {
		check->data_packets++;
		check_data(sim, path, direction, &header);
	} else if (header.type == DPS_PACKET_ACK) {
		check_ack(sim, path, direction, bytes + DPS_ENVELOPE_BYTES, header.payload_bytes);
	}
}

void dps_sim_check_init(struct dps_sim_check *check, struct dps_sim_link *link)
{
	*check = (struct dps_sim_check){ .link = link, .progress_at_ns = link->sim->now_ns };
	link->tap = tap;
	link->tap_context = check;
}

uint32_t dps_sim_check_add_path(struct dps_sim_check *check, uint64_t from_side_0,
				uint64_t from_side_1)
{
	struct dps_sim_check_path *path = &check->paths[check->paths_count % DPS_SIM_CHECK_PATHS];

	*path = (struct dps_sim_check_path){ .connection_ids = { from_side_0, from_side_1 } };
	return check->paths_count++;
}

void dps_sim_check_add_channel(struct dps_sim_check *check, uint32_t path, uint32_t number,
			       unsigned int sender, uint64_t credit)
{
	struct dps_sim_check_path *at = &check->paths[path % DPS_SIM_CHECK_PATHS];

	if (path == DPS_SIM_CHECK_NONE)
		return;
	DPS_ASSERT(path < check->paths_count && path + DPS_SIM_CHECK_PATHS >= check->paths_count &&
		   at->channels_count < DPS_SIM_CHECK_CHANNELS);
	at->channels[at->channels_count++] = (struct dps_sim_check_channel){
		.number = number,
		.sender = sender,
		.credit = credit,
	};
}

void dps_sim_check_mark_stored(struct dps_sim_check *check, uint32_t path, uint32_t number,
			       unsigned int sender, uint64_t offset)
{
	struct dps_sim_check_channel *channel =
		find_channel(&check->paths[path % DPS_SIM_CHECK_PATHS], number, sender);

	if (path == DPS_SIM_CHECK_NONE)
		return;
	DPS_ASSERT(channel != NULL);
	channel->stored_max = dps_max_u64(channel->stored_max, offset);
}

void dps_sim_check_on_progress(struct dps_sim_check *check, uint64_t progress, uint64_t ns_max)
{
	struct dps_sim *sim = check->link->sim;

	if (progress != check->progress) {
		check->progress = progress;
		check->progress_at_ns = sim->now_ns;
	} else if (sim->now_ns - check->progress_at_ns > ns_max) {
		dps_sim_fail(sim, "no progress for %" PRIu64 " ms, at %" PRIu64,
			     (sim->now_ns - check->progress_at_ns) / DPS_NS_PER_MS, progress);
	}
}

void dps_sim_check_port(struct dps_sim *sim, const struct dps_sim_port *port)
{
	if (port->bodies_taken != port->bodies_released)
		dps_sim_fail(sim, "%s took %" PRIu64 " bodies and gave back %" PRIu64,
			     port->port.name, port->bodies_taken, port->bodies_released);
}

void dps_sim_check_file(struct dps_sim *sim, const struct dps_sim_disk *disk, int fd,
			bool must_be_synced)
{
	const struct dps_sim_file *file = dps_sim_disk_file(disk, fd);
	struct dps_range missing = dps_ranges_next_missing(&file->written, 0, file->config.bytes);

	if (!dps_sim_file_is_written(file))
		dps_sim_fail(sim,
			     "file %d lacks %" PRIu64 "..%" PRIu64 " and has %" PRIu64
			     " of %" PRIu64 " bytes",
			     fd, missing.start, missing.end, file->written_bytes,
			     file->config.bytes);
	else if (must_be_synced && !dps_sim_file_is_synced(file))
		dps_sim_fail(sim, "file %d has %" PRIu64 " of %" PRIu64 " bytes fsynced", fd,
			     file->synced_bytes, file->config.bytes);
}
