/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transfer whose control connection is lost while its path goes on. What both may have said and
 * not heard is said once more when another connection is there: each of it means the same the
 * second time, so nothing needs to be known of what was lost.
 */
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <stdlib.h>
#include <string.h>

void dps_intake_lose_control(struct dps_intake *intake, const char *why)
{
	const struct dps_report_parked lost = {
		.transfer = intake->id,
		.reason = why,
		.bytes = dps_intake_kept_bytes(intake),
	};

	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_NOTICE,
		"lost the control connection of a transfer of %s (%s): data go on", intake->peer,
		why);
	dps_report_on_control_lost(intake->context->report, &lost);
}

void dps_intake_attach(struct dps_intake *intake, struct dps_peer_link *link, uint64_t now_ns)
{
	intake->link = link;
	intake->standing = link->standing;
	memcpy(intake->peer, link->connection.socket->peer, sizeof(intake->peer));
	intake->was_resumed = true;
	/* What holds up who is said again. */
	intake->is_peer_blocked = false;
	intake->space.said_why = DPS_BLOCKED_NOTHING;
	intake->heard_at_ns = now_ns;
}

static void say_held_again(struct dps_intake_open *open)
{
	uint64_t bytes = open->held_bytes;

	open->held_bytes = 0;
	dps_intake_say_held(open, bytes);
}

void dps_intake_say_attached(struct dps_intake *intake, uint64_t now_ns)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ATTACHED,
		.attached = { .transfer = intake->id,
			      .channel = intake->number,
			      .files_end = intake->manifest.count,
			      .offered_end = intake->offered_end },
	};

	dps_intake_say_settled(intake);
	dps_intake_ask_again(intake);
	for (struct dps_intake_open *open = intake->opens; open; open = open->next)
		say_held_again(open);
	for (uint32_t i = 0; i < intake->refetches_count; i++)
		if (intake->manifest.files[intake->refetches[i].file].state < DPS_MANIFEST_STORED)
			dps_intake_say_refetch(intake, intake->refetches[i].offset,
					       intake->refetches[i].bytes);
	dps_intake_say(intake, &message);
	if (intake->is_complete)
		dps_intake_say_done(intake);
	intake->heard_at_ns = now_ns;
}

/* ---- pieces that are wanted again ---- */

void dps_intake_say_refetch(struct dps_intake *intake, uint64_t offset, uint32_t bytes)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_REFETCH,
		.refetch = { .channel = intake->number, .offset = offset, .bytes = bytes },
	};

	dps_intake_say(intake, &message);
}

void dps_intake_note_refetch(struct dps_intake *intake, const struct dps_event *event)
{
	dps_intake_forget_refetch(intake, event->offset);
	if (intake->refetches_count == intake->refetches_room) {
		uint32_t room = intake->refetches_room * 2 + 4;
		void *refetches = realloc(intake->refetches, room * sizeof(*intake->refetches));

		if (!refetches)
			abort(); /* out of memory */
		intake->refetches = refetches;
		intake->refetches_room = room;
	}
	intake->refetches[intake->refetches_count++] = (struct dps_intake_refetch){
		.offset = event->offset,
		.bytes = event->bytes,
		.file = event->file_index,
	};
}

void dps_intake_forget_refetch(struct dps_intake *intake, uint64_t offset)
{
	for (uint32_t i = 0; i < intake->refetches_count; i++)
		if (intake->refetches[i].offset == offset)
			intake->refetches[i--] = intake->refetches[--intake->refetches_count];
}
