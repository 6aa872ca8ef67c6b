/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rig attach: a path that outlives its control connection, and the connection that takes it over.
 * What an end said of its transfers meanwhile nobody has heard; it says it once more.
 */
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"

enum { REDIAL_MS = 100 };

static unsigned int index_of(const struct rig *rig, const struct rig_path *path)
{
	return (unsigned int)(path - rig->paths);
}

static bool is_on(const struct rig *rig, const struct rig_transfer *transfer,
		  const struct rig_path *path)
{
	return transfer->config.path == index_of(rig, path);
}

static void watch(struct rig *rig, struct rig_path *path, unsigned int end, bool is_alone)
{
	const struct dps_lane_command what = {
		.type = DPS_COMMAND_WATCH_PATH,
		.path = path->indexes[end],
		.value = is_alone,
	};

	rig_command(&rig->hosts[path->hosts[end]], &what);
}

/* A transfer that is only half begun begins again: nobody would say what is missing. */
static bool is_half_begun(const struct rig_transfer *transfer, unsigned int end)
{
	return transfer->is_asked && !transfer->is_over && !transfer->is_closing[end] &&
	       (!transfer->is_opened[end] || !transfer->is_ready[end]);
}

static bool has_half_begun(const struct rig *rig, const struct rig_path *path, unsigned int end)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		if (is_on(rig, &rig->transfers[i], path) && is_half_begun(&rig->transfers[i], end))
			return true;
	return false;
}

bool rig_detach(struct rig *rig, struct rig_path *path, unsigned int end)
{
	if (rig->config.never_attaches || !path->is_open[end] || path->is_hello_due[end] ||
	    has_half_begun(rig, path, end))
		return false;
	path->links[end] = 0;
	path->is_detached[end] = true;
	path->is_attaching &= end != 0;
	watch(rig, path, end, true);
	if (end == 0)
		rig_dial_later(rig, path, dps_sim_up_to(&rig->control, REDIAL_MS * DPS_NS_PER_MS));
	return true;
}

void rig_attach(struct rig *rig, struct rig_path *path)
{
	const struct rig_message attach = {
		.type = RIG_MESSAGE_ATTACH,
		.path = index_of(rig, path),
		.end = 1,
		.life = path->epochs[0],
	};

	path->is_attaching = true;
	rig_tell(rig, &attach);
}

/* ---- what was said to nobody ---- */

static void say_file(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
		     uint32_t index)
{
	const struct rig_file *file = &transfer->files[index];
	struct rig_message message = {
		.type = RIG_MESSAGE_STORED,
		.transfer = (unsigned int)(transfer - rig->transfers),
		.end = !end,
		.file = index,
	};

	if (end != transfer->config.sender && file->is_stored)
		rig_tell(rig, &message);
	message.type = RIG_MESSAGE_SKIP;
	message.offset = file->skip_from[end];
	if (file->skip_from[end] != UINT64_MAX)
		rig_tell(rig, &message);
	message.type = RIG_MESSAGE_RESEND;
	for (uint32_t i = 0; i < file->pieces_count && end != transfer->config.sender; i++) {
		uint64_t at = (uint64_t)i * transfer->layout.chunk_bytes;

		message.offset = file->offset + at;
		message.bytes =
			(uint32_t)dps_min_u64(transfer->layout.chunk_bytes, file->bytes - at);
		if (file->is_piece_wanted[i] && !rig_is_settled(file))
			rig_tell(rig, &message);
	}
}

static void say_again(struct rig *rig, struct rig_path *path, unsigned int end)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		struct rig_transfer *transfer = &rig->transfers[i];
		const struct rig_message cancel = {
			.type = RIG_MESSAGE_CANCEL,
			.transfer = i,
			.end = !end,
		};

		if (!is_on(rig, transfer, path))
			continue;
		if (transfer->is_closing[end]) { /* perhaps before it began */
			rig_tell(rig, &cancel);
			continue;
		}
		if (!transfer->is_asked)
			continue;
		for (uint32_t j = 0; j < transfer->files_count; j++)
			say_file(rig, transfer, end, j);
		if (transfer->live.ring_bytes > 0)
			rig_live_say_again(rig, transfer, end);
		if (end != transfer->config.sender)
			rig_finish_when_settled(rig, transfer);
	}
}

/* ---- attach ---- */

static void on_attach(struct rig *rig, struct rig_path *path, const struct rig_message *message)
{
	struct rig_message answer = {
		.type = RIG_MESSAGE_ATTACHED,
		.path = index_of(rig, path),
		.end = 0,
	};
	/* An end that has not noticed the loss may have one that is half begun. */
	bool is_there = path->is_open[1] && path->epochs[1] == message->life &&
			(path->links[1] != 0 || path->is_detached[1]) &&
			!has_half_begun(rig, path, 1);

	if (is_there) {
		path->links[1] = message->connection;
		path->is_detached[1] = path->is_hello_due[1] = false;
		watch(rig, path, 1, false);
		rig->attaches_count++;
	} else {
		/* What is left of an older connection goes; the answer needs this one. */
		answer.type = RIG_MESSAGE_REFUSED;
		rig->refused_count++;
		rig_unlink(rig, path, 1, true);
		path->links[1] = message->connection;
	}
	rig_tell(rig, &answer);
	if (is_there)
		say_again(rig, path, 1);
}

static void on_attached(struct rig *rig, struct rig_path *path)
{
	path->is_attaching = path->is_detached[0] = false;
	watch(rig, path, 0, false);
	say_again(rig, path, 0);
}

void rig_resume_instead(struct rig *rig, struct rig_path *path, bool is_path_there)
{
	uint32_t connection = path->links[0];

	rig_unlink(rig, path, 0, is_path_there);
	path->links[0] = connection;
	path->is_hello_due[0] = true;
	path->back_at_ns = path->dialed_at_ns;
	rig_advance_link(rig, path);
}

void rig_on_attach_message(struct rig *rig, const struct rig_message *message)
{
	struct rig_path *path = &rig->paths[message->path];

	switch (message->type) {
	case RIG_MESSAGE_ATTACH:
		on_attach(rig, path, message);
		break;
	case RIG_MESSAGE_ATTACHED:
		if (path->is_attaching)
			on_attached(rig, path);
		break;
	case RIG_MESSAGE_REFUSED:
		if (path->is_attaching)
			rig_resume_instead(rig, path, true);
		break;
	default:
		break;
	}
}
