/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig control: what stands for the control plane: a node that sends commands and messages. */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <stdlib.h>

enum {
	TICK_US = 500, /* while there is something to wait for that rings no bell */
	RETRY_US = 300,
	DATAGRAM_OVERHEAD = 28, /* IPv4 and UDP */
};

static struct rig *of(struct dps_sim_node *node)
{
	return (struct rig *)(void *)((char *)node - offsetof(struct rig, control));
}

struct rig_host *rig_host_of(struct rig *rig, const struct rig_transfer *transfer, unsigned int end)
{
	return &rig->hosts[rig->paths[transfer->config.path].hosts[end]];
}

static void flush_commands(struct rig_host *host)
{
	struct rig *rig = host->rig;

	while (host->waiting_first < host->waiting_count &&
	       dps_lane_command(host->lane, &host->waiting[host->waiting_first]))
		host->waiting_first++;
	if (host->waiting_first < host->waiting_count)
		dps_sim_wake(&rig->control, rig->sim.now_ns + RETRY_US * DPS_NS_PER_US);
	else
		host->waiting_first = host->waiting_count = 0;
	dps_sim_wake(&host->host.node, rig->sim.now_ns);
}

void rig_command(struct rig_host *host, const struct dps_lane_command *what)
{
	if (host->waiting_count == host->waiting_capacity) {
		host->waiting_capacity = host->waiting_capacity * 2 + 16;
		host->waiting =
			realloc(host->waiting, host->waiting_capacity * sizeof(*host->waiting));
		DPS_ASSERT(host->waiting != NULL);
	}
	host->waiting[host->waiting_count++] = *what;
	flush_commands(host);
}

void rig_tell_later(struct rig *rig, const struct rig_message *message, uint64_t delay_ns)
{
	struct rig_message *copy = malloc(sizeof(*copy));
	uint64_t at_ns = rig->sim.now_ns + delay_ns;

	DPS_ASSERT(copy != NULL);
	*copy = *message;
	dps_sim_queue_push(&rig->messages, at_ns, copy);
	dps_sim_wake(&rig->control, at_ns);
}

void rig_tell(struct rig *rig, const struct rig_message *message)
{
	const struct rig_config *config = &rig->config;
	uint64_t now_ns = rig->sim.now_ns;
	uint64_t at_ns =
		now_ns + config->control_ns_min +
		dps_sim_up_to(&rig->control, config->control_ns_max - config->control_ns_min);
	uint64_t *latest_ns = &rig->latest_message_ns[message->end];

	*latest_ns = at_ns = dps_max_u64(at_ns, *latest_ns);
	rig_tell_later(rig, message, at_ns - now_ns);
}

/* ---- Paths. ---- */

static bool reserve(struct rig *rig, struct rig_path *path)
{
	for (unsigned int end = 0; end < 2; end++) {
		int index;

		if (path->is_reserved[end])
			continue;
		index = dps_lane_reserve_path(rig->hosts[path->hosts[end]].lane, &path->ids[end]);
		if (index < 0)
			return false;
		path->indexes[end] = (uint32_t)index;
		path->is_reserved[end] = true;
	}
	return true;
}

static void open_path(struct rig *rig, struct rig_path *path)
{
	const struct dps_port *ports[2] = {
		&rig->hosts[path->hosts[0]].port.port,
		&rig->hosts[path->hosts[1]].port.port,
	};

	/* An end's packets carry the id that the other chose. */
	path->check = dps_sim_check_add_path(&rig->check, path->ids[1], path->ids[0]);
	path->is_asked = true;
	for (unsigned int end = 0; end < 2; end++) {
		const struct dps_lane_command open = {
			.type = DPS_COMMAND_OPEN_PATH,
			.path = path->indexes[end],
			.open_path = {
				.config = {
					.remote_connection_id = path->ids[!end],
					.datagram_bytes = (uint32_t)dps_min_u64(ports[0]->mtu,
										ports[1]->mtu) -
							  DATAGRAM_OVERHEAD,
					.congestion_mode = rig->config.congestion_mode,
					.rate_bytes_per_s = rig->config.rate_bytes_per_s,
					.probe_floor_ns = rig->config.probe_floor_ns,
					.silence_ns = rig->config.silence_ns,
				},
				.address = ports[!end]->local,
			},
		};

		rig_command(&rig->hosts[path->hosts[end]], &open);
	}
}

static void advance_path(struct rig *rig, struct rig_path *path)
{
	if (path->is_open[0] && path->is_open[1])
		return;
	if (!path->is_asked && reserve(rig, path))
		open_path(rig, path);
	dps_sim_wake(&rig->control, rig->sim.now_ns + TICK_US * DPS_NS_PER_US);
}

/* ---- Transfers. ---- */

static void open_channel(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	bool is_sender = end == transfer->config.sender;
	const struct dps_lane_command open = {
		.type = DPS_COMMAND_OPEN_CHANNEL,
		.cookie = (uint64_t)(transfer - rig->transfers) * 2 + end,
		.open_channel = {
			.path = path->indexes[end],
			.number = transfer->config.number,
			.is_sender = is_sender,
			.window_bytes = transfer->config.window_bytes,
		},
	};

	if (!is_sender)
		dps_sim_check_add_channel(&rig->check, path->check, transfer->config.number,
					  transfer->config.sender, 0);
	rig_command(rig_host_of(rig, transfer, end), &open);
}

static void announce(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
		     uint32_t index)
{
	struct rig_file *file = &transfer->files[index];
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_ANNOUNCE,
		.is_direct = true,
		.fd = file->fds[end],
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.extent = {
			.offset = file->offset,
			.bytes = file->bytes,
			.file_index = index,
		},
	};

	file->opens_count[end]++;
	rig_command(rig_host_of(rig, transfer, end), &what);
}

static void skip(struct rig *rig, struct rig_transfer *transfer, unsigned int end, uint32_t index)
{
	const struct rig_file *file = &transfer->files[index];
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_SKIP,
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.file_index = index,
		.offset = file->skip_from[end],
	};

	rig_command(rig_host_of(rig, transfer, end), &what);
}

/* A chunk is not started before it is known what is in it: to its end, something is announced. */
static bool is_in_chunk(const struct rig_transfer *transfer, uint32_t announced_count)
{
	const struct rig_file *last = &transfer->files[announced_count - 1];

	return announced_count > 0 &&
	       (last->offset + last->bytes) % transfer->layout.chunk_bytes != 0;
}

void rig_announce_more(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	uint32_t *announced = &transfer->announced_count[end];

	if (transfer->is_closing[end])
		return;
	while (*announced < transfer->files_count &&
	       (*announced - transfer->done_count[end] < transfer->config.announced_max ||
		is_in_chunk(transfer, *announced))) {
		announce(rig, transfer, end, *announced);
		if (transfer->files[*announced].skip_from[end] != UINT64_MAX)
			skip(rig, transfer, end, *announced);
		(*announced)++;
	}
	if (*announced == transfer->files_count && !transfer->is_last_told[end]) {
		const struct dps_lane_command last = {
			.type = DPS_COMMAND_ANNOUNCE_LAST,
			.channel = transfer->channels[end],
			.generation = transfer->generations[end],
		};

		transfer->is_last_told[end] = true;
		rig_command(rig_host_of(rig, transfer, end), &last);
	}
}

static void advance_transfer(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	uint64_t start_ns = rig->config.start_ns + transfer->config.start_after_ns;

	if (transfer->is_asked || transfer->is_cancelled || !path->is_open[0] || !path->is_open[1])
		return;
	dps_sim_wake(&rig->control, start_ns);
	if (rig->sim.now_ns < start_ns)
		return;
	/* The receiver opens first, so that the sender's packets find the channel there. */
	transfer->is_asked = true;
	open_channel(rig, transfer, !transfer->config.sender);
}

/* ---- Messages. ---- */

static void resend_first(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = transfer->config.sender;
	const struct rig_piece *piece = &transfer->resends[0];
	struct rig_file *file = &transfer->files[piece->file];
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_RESEND,
		.is_direct = true,
		.fd = file->fds[end],
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
		.offset = piece->offset - file->offset,
		.extent = {
			.offset = piece->offset,
			.bytes = piece->bytes,
			.file_index = piece->file,
		},
	};

	if (transfer->resends_count == 0 || transfer->is_closing[end])
		return;
	file->opens_count[end]++;
	rig_command(rig_host_of(rig, transfer, end), &what);
}

static void on_resend(struct rig *rig, struct rig_transfer *transfer,
		      const struct rig_message *message)
{
	DPS_ASSERT(transfer->resends_count < RIG_RESENDS);
	transfer->resends[transfer->resends_count++] = (struct rig_piece){
		.offset = message->offset,
		.bytes = message->bytes,
		.file = message->file,
	};
	if (transfer->resends_count == 1)
		resend_first(rig, transfer);
}

static void on_skip(struct rig *rig, struct rig_transfer *transfer,
		    const struct rig_message *message)
{
	struct rig_file *file = &transfer->files[message->file];
	unsigned int end = message->end;

	file->skip_from[end] = dps_min_u64(file->skip_from[end], message->offset);
	if (message->file < transfer->announced_count[end] && !file->is_done[end] &&
	    !transfer->is_closing[end])
		skip(rig, transfer, end, message->file);
}

void rig_close(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct dps_lane_command close = {
		.type = DPS_COMMAND_CLOSE_CHANNEL,
		.channel = transfer->channels[end],
		.generation = transfer->generations[end],
	};

	transfer->is_closing[end] = true;
	if (transfer->is_opened[end])
		rig_command(rig_host_of(rig, transfer, end), &close);
}

static void on_cancel(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct rig_message message = {
		.type = RIG_MESSAGE_CANCEL,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !end,
	};

	if (transfer->is_closing[end] || (!transfer->is_cancelled && rig_is_done(rig)))
		return;
	transfer->is_cancelled = true;
	rig_close(rig, transfer, end);
	rig_tell(rig, &message);
}

static void on_message(struct rig *rig, const struct rig_message *message)
{
	struct rig_transfer *transfer = &rig->transfers[message->transfer];

	switch (message->type) {
	case RIG_MESSAGE_OPEN:
		if (!transfer->is_closing[message->end])
			open_channel(rig, transfer, message->end);
		break;
	case RIG_MESSAGE_CANCEL:
		on_cancel(rig, transfer, message->end);
		break;
	case RIG_MESSAGE_SKIP:
		on_skip(rig, transfer, message);
		break;
	case RIG_MESSAGE_GIVE_UP:
		if (!transfer->files[message->file].is_done[message->end])
			rig_skip_everywhere(rig, transfer, message->end, message->file,
					    message->offset);
		break;
	case RIG_MESSAGE_RESEND:
		on_resend(rig, transfer, message);
		break;
	case RIG_MESSAGE_RETRY:
		resend_first(rig, transfer);
		break;
	}
}

void rig_control_run(struct dps_sim_node *node, uint64_t now_ns)
{
	struct rig *rig = of(node);
	struct rig_message *message;

	while ((message = dps_sim_queue_take_due(&rig->messages, now_ns)) != NULL) {
		on_message(rig, message);
		free(message);
	}
	dps_sim_wake(node, dps_sim_queue_next_at_ns(&rig->messages));
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		rig_take_events(rig, &rig->hosts[i]);
		if (rig->hosts[i].waiting_count > 0)
			flush_commands(&rig->hosts[i]);
	}
	if (rig->is_stopping)
		return;
	for (unsigned int i = 0; i < rig->paths_count; i++)
		advance_path(rig, &rig->paths[i]);
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		advance_transfer(rig, &rig->transfers[i]);
	rig_advance_checkpoints(rig, now_ns);
}

void rig_stop(struct rig *rig)
{
	rig->is_stopping = true;
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		for (unsigned int end = 0; end < 2; end++)
			if (!rig->transfers[i].is_closing[end])
				rig_close(rig, &rig->transfers[i], end);
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		const struct dps_lane_command stop = {
			.type = DPS_COMMAND_STOP,
			.value = DPS_CLOSE_DONE,
		};

		rig_command(&rig->hosts[i], &stop);
	}
}

void rig_skip_file(struct rig *rig, unsigned int transfer, unsigned int end, uint32_t file,
		   uint64_t from_offset, uint64_t at_ns)
{
	const struct rig_message message = {
		.type = RIG_MESSAGE_GIVE_UP,
		.transfer = transfer,
		.end = end,
		.file = file,
		.offset = rig->transfers[transfer].files[file].offset + from_offset,
	};

	rig_tell_later(rig, &message, at_ns - rig->sim.now_ns);
}

void rig_cancel(struct rig *rig, unsigned int transfer, unsigned int end, uint64_t at_ns)
{
	const struct rig_message message = {
		.type = RIG_MESSAGE_CANCEL,
		.transfer = transfer,
		.end = end,
	};

	rig_tell_later(rig, &message, at_ns - rig->sim.now_ns);
}
