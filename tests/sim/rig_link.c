/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rig link: the life of a control connection and its path: end 0 dials, both say hello, and
 * transfers that were under way go on.
 */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"

enum {
	REDIAL_MS = 100, /* and more with every time */
	REDIAL_MS_MAX = 1000,
	SILENT_ONE_IN = 4, /* losses that are noticed late */
	SILENT_MS_MAX = 2000,
	LOOK_US = 100, /* for what a lane has to give back first */
};

static unsigned int index_of(const struct rig *rig, const struct rig_path *path)
{
	return (unsigned int)(path - rig->paths);
}

static bool is_on(const struct rig *rig, const struct rig_transfer *transfer,
		  const struct rig_path *path)
{
	return transfer->config.path == index_of(rig, path);
}

/* ---- loss ---- */

static void park(struct rig_transfer *transfer, unsigned int end)
{
	transfer->is_opened[end] = transfer->is_ready[end] = false;
	transfer->lives[end]++;
	if (end == transfer->config.sender)
		transfer->resends_count = 0;
	else
		transfer->resuming = 0;
}

void rig_dial_later(struct rig *rig, struct rig_path *path, uint64_t delay_ns)
{
	const struct rig_message dial = { .type = RIG_MESSAGE_DIAL, .path = index_of(rig, path) };

	if (path->is_dialing)
		return;
	path->is_dialing = true;
	rig_tell_later(rig, &dial, delay_ns);
}

void rig_unlink(struct rig *rig, struct rig_path *path, unsigned int end, bool is_path_there)
{
	struct rig_host *host = &rig->hosts[path->hosts[end]];

	if (path->links[end] == 0 && !path->is_detached[end])
		return;
	path->links[end] = 0;
	path->is_detached[end] = false;
	path->is_attaching &= end != 0;
	path->is_hello_due[end] = false;
	if (path->is_reserved[end] && is_path_there) {
		const struct dps_lane_command close = {
			.type = DPS_COMMAND_CLOSE_PATH,
			.path = path->indexes[end],
			.value = DPS_CLOSE_SHUTDOWN,
		};

		rig_command(host, &close);
	}
	path->is_reserved[end] = path->is_open[end] = false;
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		if (is_on(rig, &rig->transfers[i], path))
			park(&rig->transfers[i], end);
	if (end == 0 && !host->is_dead)
		rig_dial_later(rig, path, dps_sim_up_to(&rig->control, REDIAL_MS * DPS_NS_PER_MS));
}

/* An end hears of a loss with the next it says or hears, or much later. */
static void notice_later(struct rig *rig, struct rig_path *path, unsigned int end)
{
	const struct rig_message lost = {
		.type = RIG_MESSAGE_LOST,
		.path = index_of(rig, path),
		.end = end,
		.connection = path->links[end],
	};
	uint64_t max_ns = dps_sim_up_to(&rig->control, SILENT_ONE_IN - 1) == 0
				  ? SILENT_MS_MAX * DPS_NS_PER_MS
				  : rig->config.control_ns_max;

	rig_tell_later(rig, &lost, dps_sim_up_to(&rig->control, max_ns));
}

void rig_lose_control(struct rig *rig, unsigned int index)
{
	struct rig_path *path = &rig->paths[index];
	uint32_t connection = path->connection;

	rig->may_park = true;
	path->connection = 0;
	for (unsigned int end = 0; end < 2 && connection != 0; end++)
		if (path->links[end] == connection)
			notice_later(rig, path, end);
}

void rig_on_path_lost(struct rig *rig, struct rig_path *path, unsigned int end)
{
	uint32_t connection = path->links[end];

	if (end == 0 && path->is_attaching) {
		rig_resume_instead(rig, path, false);
		return;
	}
	rig_unlink(rig, path, end, false);
	if (connection == path->connection)
		rig_lose_control(rig, index_of(rig, path));
}

/* ---- a new connection ---- */

static bool has_work(const struct rig *rig, const struct rig_path *path)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		const struct rig_transfer *transfer = &rig->transfers[i];

		if (is_on(rig, transfer, path) && !transfer->is_over &&
		    !(transfer->is_closing[0] && transfer->is_closing[1]))
			return true;
	}
	return false;
}

static void dial(struct rig *rig, struct rig_path *path)
{
	uint64_t pause_ms = dps_min_u64(REDIAL_MS * (path->dials + 1), REDIAL_MS_MAX);

	path->is_dialing = false;
	if (path->links[0] != 0 || rig->hosts[path->hosts[0]].is_dead || !has_work(rig, path))
		return;
	path->dials++;
	if (rig->hosts[path->hosts[1]].is_dead || !rig->link.is_up) {
		rig_dial_later(rig, path, pause_ms * DPS_NS_PER_MS);
		return;
	}
	path->dials = 0;
	path->connection = path->links[0] = ++path->connections;
	path->dialed_at_ns = rig->sim.now_ns;
	dps_sim_trace_note(&rig->sim.trace, rig->sim.now_ns, "control", "is back", path->connection,
			   0);
	if (path->is_detached[0]) {
		rig_attach(rig, path);
		return;
	}
	path->is_hello_due[0] = true;
	path->back_at_ns = rig->sim.now_ns;
	rig_advance_link(rig, path);
}

/* Each exporter at this end asks to go on. */
static void resume_transfers(struct rig *rig, struct rig_path *path, unsigned int end)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		struct rig_transfer *transfer = &rig->transfers[i];
		struct rig_message message = {
			.type = RIG_MESSAGE_RESUME,
			.transfer = i,
			.end = !end,
		};

		if (!is_on(rig, transfer, path))
			continue;
		if (transfer->is_closing[end]) {
			message.type = RIG_MESSAGE_CANCEL;
			rig_tell(rig, &message);
		} else if (transfer->config.sender == end && transfer->is_asked &&
			   !transfer->is_over) {
			rig_open_channel(rig, transfer, end);
			rig_tell(rig, &message);
		}
	}
}

void rig_advance_link(struct rig *rig, struct rig_path *path)
{
	for (unsigned int end = 0; end < 2; end++) {
		const struct rig_message hello = {
			.type = RIG_MESSAGE_HELLO,
			.path = index_of(rig, path),
			.end = !end,
		};

		if (!path->is_hello_due[end] || path->links[end] != path->connection)
			continue;
		if (!rig_reserve_path(rig, path, end)) {
			dps_sim_wake(&rig->control, rig->sim.now_ns + LOOK_US * DPS_NS_PER_US);
			continue;
		}
		path->is_hello_due[end] = false;
		if (end == 1) {
			rig_check_path(rig, path);
			rig_open_path(rig, path, 1);
			path->epochs[1] = path->links[1];
		}
		rig_tell(rig, &hello);
		if (end == 1)
			resume_transfers(rig, path, 1);
	}
}

static void on_hello(struct rig *rig, struct rig_path *path, const struct rig_message *message)
{
	if (message->end == 0) {
		rig_open_path(rig, path, 0);
		path->epochs[0] = path->links[0];
		resume_transfers(rig, path, 0);
		return;
	}
	rig->superseded_count += path->links[1] != 0 && path->links[1] != message->connection;
	rig_unlink(rig, path, 1, true);
	path->links[1] = message->connection;
	path->is_hello_due[1] = true;
	rig_advance_link(rig, path);
}

/* ---- resume ---- */

/* What the lane and the store still hold of an older life comes first. */
static bool is_held(const struct rig_transfer *transfer, unsigned int end)
{
	if (transfer->step >= RIG_STEP_COMMITTING)
		return true;
	for (uint32_t i = 0; i < transfer->files_count; i++)
		if (transfer->files[i].opens_count[end] != 0)
			return true;
	return false;
}

void rig_advance_resume(struct rig *rig, struct rig_transfer *transfer)
{
	const struct rig_path *path = &rig->paths[transfer->config.path];
	unsigned int end = !transfer->config.sender;
	const struct rig_message resumed = {
		.type = RIG_MESSAGE_RESUMED,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !end,
	};

	if (transfer->resuming == 0 || transfer->resuming != path->links[end])
		return;
	if (is_held(transfer, end)) {
		dps_sim_wake(&rig->control, rig->sim.now_ns + LOOK_US * DPS_NS_PER_US);
		return;
	}
	transfer->resuming = 0;
	if (transfer->is_closing[end])
		return;
	transfer->is_round_void = transfer->step == RIG_STEP_SYNCING;
	rig_journal_go_on(rig, transfer);
	rig_open_channel(rig, transfer, end);
	transfer->is_ready[end] = true;
	rig->resumes_count++;
	rig_tell(rig, &resumed);
	rig_finish_when_settled(rig, transfer);
}

void rig_tell_skips(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = transfer->config.sender;

	for (uint32_t i = 0; i < transfer->files_count; i++) {
		const struct rig_file *file = &transfer->files[i];
		const struct rig_message skip = {
			.type = RIG_MESSAGE_SKIP,
			.transfer = (unsigned int)(transfer - rig->transfers),
			.end = !end,
			.file = i,
			.offset = file->skip_from[end],
		};

		if (file->from[end] != RIG_NOTHING && file->skip_from[end] != UINT64_MAX)
			rig_tell(rig, &skip);
	}
}

static void on_resumed(struct rig *rig, struct rig_transfer *transfer)
{
	unsigned int end = transfer->config.sender;

	for (uint32_t i = 0; i < transfer->files_count; i++) {
		struct rig_file *file = &transfer->files[i];

		file->from[end] = file->from[!end];
		file->is_told |= file->is_stored;
	}
	rig_tell_skips(rig, transfer);
	transfer->is_ready[end] = true;
	rig_announce_more(rig, transfer, end);
}

void rig_on_link_message(struct rig *rig, const struct rig_message *message)
{
	struct rig_transfer *transfer = &rig->transfers[message->transfer];
	struct rig_path *path = &rig->paths[message->path];

	switch (message->type) {
	case RIG_MESSAGE_DIAL:
		dial(rig, path);
		break;
	case RIG_MESSAGE_LOST:
		if (path->links[message->end] == message->connection &&
		    !rig_detach(rig, path, message->end))
			rig_unlink(rig, path, message->end, true);
		break;
	case RIG_MESSAGE_HELLO:
		on_hello(rig, path, message);
		break;
	case RIG_MESSAGE_RESUME:
		transfer->resuming = message->connection;
		rig_advance_resume(rig, transfer);
		break;
	case RIG_MESSAGE_RESUMED:
		on_resumed(rig, transfer);
		break;
	default:
		rig_on_attach_message(rig, message);
		break;
	}
}
