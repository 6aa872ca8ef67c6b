/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig control: what stands for the control plane: a node that sends commands and messages. */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <stdlib.h>

enum {
	TICK_US = 500, /* while there is something to wait for that rings no bell */
	RETRY_US = 300,
	POSTPONE_MS = 5,
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

	if (host->is_dead)
		return;
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
	if (host->is_dead)
		return;
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
	struct rig_message sent = *message;
	uint64_t now_ns = rig->sim.now_ns;
	uint64_t at_ns =
		now_ns + config->control_ns_min +
		dps_sim_up_to(&rig->control, config->control_ns_max - config->control_ns_min);
	uint64_t *latest_ns = &rig->latest_message_ns[message->end];

	*latest_ns = at_ns = dps_max_u64(at_ns, *latest_ns);
	if (message->type != RIG_MESSAGE_HELLO && message->type != RIG_MESSAGE_ATTACH &&
	    message->type != RIG_MESSAGE_ATTACHED && message->type != RIG_MESSAGE_REFUSED)
		sent.path = rig->transfers[message->transfer].config.path;
	sent.connection = rig->paths[sent.path].links[!message->end];
	if (sent.connection != 0)
		rig_tell_later(rig, &sent, at_ns - now_ns);
}

/* ---- Paths. ---- */

bool rig_reserve_path(struct rig *rig, struct rig_path *path, unsigned int end)
{
	struct rig_host *host = &rig->hosts[path->hosts[end]];
	int index;

	if (path->is_reserved[end])
		return true;
	if (host->is_dead)
		return false;
	index = dps_lane_reserve_path(host->lane, &path->ids[end]);
	if (index < 0)
		return false;
	path->indexes[end] = (uint32_t)index;
	path->is_reserved[end] = true;
	return true;
}

void rig_open_path(struct rig *rig, struct rig_path *path, unsigned int end)
{
	const struct dps_port *ports[2] = {
		&rig->hosts[path->hosts[0]].port.port,
		&rig->hosts[path->hosts[1]].port.port,
	};

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
				.challenge = ~path->ids[end] ^ rig->config.seed,
				.rate_bytes_per_s = rig->config.rate_bytes_per_s,
				.probe_floor_ns = rig->config.probe_floor_ns,
				.silence_ns = rig->config.silence_ns,
			},
			.address = path->claims[!end] != NULL ? *path->claims[!end]
							      : ports[!end]->local,
			.seal = rig_make_seal(rig, path, end),
		},
	};

	rig_command(&rig->hosts[path->hosts[end]], &open);
}

void rig_check_path(struct rig *rig, struct rig_path *path)
{
	path->check = path->is_untrusted
			      ? DPS_SIM_CHECK_NONE
			      : dps_sim_check_add_path(&rig->check, path->ids[1], path->ids[0]);
}

static void advance_path(struct rig *rig, struct rig_path *path)
{
	if (path->connections > 1 || path->connection == 0)
		rig_advance_link(rig, path);
	if (path->connections > 1 || path->connection == 0 ||
	    (path->is_open[0] && path->is_open[1]))
		return;
	if (!path->is_asked && rig_reserve_path(rig, path, 0) && rig_reserve_path(rig, path, 1)) {
		path->is_asked = true;
		/* An end's packets carry the id that the other chose. */
		rig_check_path(rig, path);
		rig_open_path(rig, path, 0);
		rig_open_path(rig, path, 1);
	}
	dps_sim_wake(&rig->control, rig->sim.now_ns + TICK_US * DPS_NS_PER_US);
}

/* ---- Transfers. ---- */

/* A new life begins for the end. */
static void begin_life(struct rig_transfer *transfer, unsigned int end)
{
	transfer->announced_count[end] = transfer->done_count[end] = 0;
	transfer->is_done[end] = transfer->is_last_told[end] = false;
	transfer->live.is_begun[end] = false;
	for (uint32_t i = 0; i < transfer->files_count; i++)
		transfer->files[i].is_done[end] = false;
	if (end != transfer->config.sender)
		transfer->written = transfer->stored = transfer->live.known = 0;
}

void rig_open_channel(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	bool is_sender = end == transfer->config.sender;
	const struct dps_lane_command open = {
		.type = DPS_COMMAND_OPEN_CHANNEL,
		.cookie = (uint64_t)transfer->lives[end] << 8 |
			  ((uint64_t)(transfer - rig->transfers) * 2 + end),
		.open_channel = {
			.path = path->indexes[end],
			.number = transfer->config.number,
			.is_sender = is_sender,
			.window_bytes = transfer->config.window_bytes,
			.stripe = transfer->config.stripe,
			.stripes = transfer->config.stripes,
		},
	};

	begin_life(transfer, end);
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
			.offset = file->offset + file->from[end],
			.bytes = file->bytes - file->from[end],
			.file_offset = file->from[end],
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

	if (transfer->is_closing[end] || !transfer->is_opened[end] || !transfer->is_ready[end])
		return;
	if (transfer->live.ring_bytes > 0) {
		rig_live_announce(rig, transfer, end);
		return;
	}
	while (*announced < transfer->files_count &&
	       (*announced - transfer->done_count[end] < transfer->config.announced_max ||
		is_in_chunk(transfer, *announced))) {
		if (transfer->files[*announced].from[end] == RIG_NOTHING) {
			transfer->files[(*announced)++].is_done[end] = true;
			transfer->done_count[end]++;
			continue;
		}
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

	rig_advance_resume(rig, transfer);
	if (transfer->live.ring_bytes > 0)
		rig_live_advance(rig, transfer);
	if (transfer->is_asked || transfer->is_cancelled || !path->is_open[0] ||
	    !path->is_open[1] || path->links[0] == 0 || path->links[0] != path->links[1] ||
	    path->is_attaching)
		return;
	dps_sim_wake(&rig->control, start_ns);
	if (rig->sim.now_ns < start_ns)
		return;
	/* The receiver opens first, so that the sender's packets find the channel there. */
	transfer->is_asked = true;
	transfer->first_connection = path->connections;
	transfer->is_ready[0] = transfer->is_ready[1] = true;
	rig_open_channel(rig, transfer, !transfer->config.sender);
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

	if (transfer->resends_count == 0 || transfer->is_closing[end] || !transfer->is_opened[end])
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

static void write_again(struct rig *rig, struct rig_transfer *transfer,
			const struct rig_message *message)
{
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_WRITE_AGAIN,
		.channel = transfer->channels[message->end],
		.generation = transfer->generations[message->end],
	};

	if (message->life != transfer->lives[message->end])
		return; /* it went with its channel, and comes again */
	transfer->is_again_due = false;
	if (!transfer->is_closing[message->end])
		rig_command(rig_host_of(rig, transfer, message->end), &what);
}

static void on_skip(struct rig *rig, struct rig_transfer *transfer,
		    const struct rig_message *message)
{
	struct rig_file *file = &transfer->files[message->file];
	unsigned int end = message->end;

	file->skip_from[end] = dps_min_u64(file->skip_from[end], message->offset);
	if (message->file < transfer->announced_count[end] && !file->is_done[end] &&
	    transfer->is_opened[end] && !transfer->is_closing[end])
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

/* Connections that are gone carry nothing more, and the dead hear nothing. */
static bool is_heard(struct rig *rig, const struct rig_message *message)
{
	const struct rig_path *path = &rig->paths[message->path];

	if (message->type == RIG_MESSAGE_DIAL || message->type == RIG_MESSAGE_LOST)
		return true;
	if (message->connection == 0) {
		path = &rig->paths[rig->transfers[message->transfer].config.path];
		return !rig->hosts[path->hosts[message->end]].is_dead;
	}
	return path->connection == message->connection &&
	       (path->links[message->end] == message->connection ||
		message->type == RIG_MESSAGE_HELLO || message->type == RIG_MESSAGE_ATTACH) &&
	       !rig->hosts[path->hosts[message->end]].is_dead;
}

/* What an end wants by itself waits until its transfer goes on. */
static bool is_postponed(struct rig *rig, const struct rig_message *message)
{
	const struct rig_transfer *transfer = &rig->transfers[message->transfer];
	const struct rig_path *path = &rig->paths[transfer->config.path];
	bool is_wish = message->type == RIG_MESSAGE_GIVE_UP ||
		       (message->type == RIG_MESSAGE_CANCEL && message->connection == 0);

	if (!is_wish || path->links[message->end] != 0 || transfer->is_over)
		return false;
	rig_tell_later(rig, message, POSTPONE_MS * DPS_NS_PER_MS);
	return true;
}

static void on_message(struct rig *rig, const struct rig_message *message)
{
	struct rig_transfer *transfer = &rig->transfers[message->transfer];

	if (is_postponed(rig, message) || !is_heard(rig, message))
		return;
	switch (message->type) {
	case RIG_MESSAGE_OPEN:
		if (!transfer->is_closing[message->end])
			rig_open_channel(rig, transfer, message->end);
		rig_tell_skips(rig, transfer);
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
		if (message->life == transfer->lives[transfer->config.sender])
			resend_first(rig, transfer);
		break;
	case RIG_MESSAGE_WRITE_AGAIN:
		write_again(rig, transfer, message);
		break;
	case RIG_MESSAGE_STORED:
		transfer->files[message->file].is_told = true;
		break;
	case RIG_MESSAGE_MORE:
	case RIG_MESSAGE_HELD:
	case RIG_MESSAGE_OUT:
		rig_live_on_message(rig, message);
		break;
	case RIG_MESSAGE_DONE:
		transfer->over_ns = transfer->is_over ? transfer->over_ns : rig->sim.now_ns;
		transfer->is_over = true;
		break;
	case RIG_MESSAGE_STEP:
		rig_on_step(rig, transfer, message->life);
		break;
	default:
		rig_on_link_message(rig, message);
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
		if (!rig->hosts[i].is_dead)
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
