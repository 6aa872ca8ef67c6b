/* SPDX-License-Identifier: BSD-3-Clause */
/* A transfer without a connection: what it lets go of, and how long it waits for another. */
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <stdio.h>

enum {
	LET_GO_MS = 5000, /* how long an exporter waits for what the old connection held */
};

/* Offers that the examiner does not have yet; the one it has will be accepted, or refused. */
static void drop_offers(struct dps_intake *intake)
{
	uint32_t offered_end = intake->offered_end;

	dps_intake_drop_checks(intake);
	intake->offered_end = intake->manifest.count + dps_intake_checked_files(intake);
	if (intake->offered_end < offered_end)
		intake->has_last = false;
}

/* With --discard the lane has no descriptors that it would give back. */
static void leave_lane(struct dps_intake *intake)
{
	struct dps_intake_open *open = intake->opens, *next;

	for (; open; open = next) {
		next = open->next;
		dps_piece_digests_forget_waiting(&open->pieces);
		if (open->in_lane == 0 || open->lane_fds > 0)
			continue;
		dps_intake_leave_lane(open, open->in_lane);
		dps_intake_settle_open(open);
	}
}

static void park(struct dps_intake *intake, const char *why, uint64_t now_ns)
{
	const struct dps_report_parked parked = {
		.transfer = intake->id,
		.reason = why,
		.bytes = dps_intake_kept_bytes(intake),
	};

	intake->link = NULL;
	intake->is_parked = true;
	intake->parked_at_ns = now_ns;
	dps_vitals_pause(&intake->vitals, now_ns);
	intake->is_peer_blocked = false;
	intake->refetches_count = 0;
	/* Those were of the channel: another begins at its first byte. */
	intake->written = intake->written_checked = intake->stored = 0;
	snprintf(intake->end_text, sizeof(intake->end_text), "%s", why);
	drop_offers(intake);
	dps_intake_drop_asked(intake);
	dps_intake_close_channel(intake);
	leave_lane(intake);
	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_WARNING, "a transfer of %s waits to be resumed: %s",
		intake->peer, why);
	dps_report_on_parked(intake->context->report, &parked);
}

void dps_intake_lose_link(struct dps_intake *intake, enum dps_control_code code, const char *why,
			  uint64_t now_ns)
{
	if (intake->state == DPS_INTAKE_ACTIVE) {
		park(intake, why, now_ns);
		return;
	}
	intake->link = NULL;
	dps_intake_leave(intake, code, why, now_ns);
	dps_intake_close_channel(intake);
}

/* Files for which there was no room wait, and belong to no connection. */
static bool is_opening(const struct dps_intake *intake)
{
	return intake->is_opening && (!(intake->space.lacks & DPS_INTAKE_PART_OPENING) ||
				      (intake->space.tries & DPS_INTAKE_PART_OPENING));
}

/* Nothing of the old connection is under way, and what came over it is on disk. */
static bool has_let_go(const struct dps_intake *intake)
{
	return (intake->channel_state == DPS_INTAKE_CHANNEL_CLOSED ||
		intake->channel_state == DPS_INTAKE_CHANNEL_NONE) &&
	       intake->lane_fds_count == 0 && !is_opening(intake) && !intake->is_checkpointing &&
	       !intake->checks && !dps_intake_has_unstored(intake);
}

static uint64_t give_up_at_ns(const struct dps_intake *intake)
{
	uint64_t timeout_ns = intake->context->options->reconnect_timeout_ns;

	return timeout_ns == DPS_FOREVER_NS ? DPS_NEVER_NS : intake->parked_at_ns + timeout_ns;
}

static void give_up(struct dps_intake *intake, uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (dps_intake_has_everything(intake)) {
		dps_intake_complete(intake, now_ns);
		return;
	}
	if (intake->context->is_stopping)
		snprintf(text, sizeof(text),
			 "the collector is stopping; run the same commands again");
	else if (intake->makes_way)
		snprintf(text, sizeof(text), "its exporter has forgotten it and begins anew");
	else if (intake->makes_room)
		snprintf(text, sizeof(text),
			 "the exporter stayed away (%.600s) and others need the place; run the "
			 "same command there again",
			 intake->end_text);
	else
		snprintf(text, sizeof(text),
			 "the exporter did not come back within the reconnect timeout (%.600s); "
			 "run the same command there again",
			 intake->end_text);
	dps_intake_leave(intake, DPS_CODE_UNREACHABLE, text, now_ns);
}

static void step_wish(struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->context->is_stopping)
		dps_intake_refuse_wish(intake, DPS_CODE_SHUTTING_DOWN, "the collector is stopping");
	else if (has_let_go(intake))
		dps_intake_resume(intake, now_ns);
	else if (now_ns >= intake->wish.at_ns + LET_GO_MS * DPS_NS_PER_MS)
		dps_intake_refuse_wish(intake, DPS_CODE_BUSY,
				       "what the lost connection was at is not done yet; try "
				       "again");
}

void dps_intake_step_parked(struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->wish.link)
		step_wish(intake, now_ns);
	else if ((now_ns >= give_up_at_ns(intake) || intake->context->is_stopping ||
		  intake->makes_room) &&
		 has_let_go(intake))
		give_up(intake, now_ns);
}

uint64_t dps_intake_parked_deadline_ns(const struct dps_intake *intake)
{
	return intake->wish.link ? intake->wish.at_ns + LET_GO_MS * DPS_NS_PER_MS
				 : give_up_at_ns(intake);
}
