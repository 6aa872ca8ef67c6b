/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/intake_space.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include "drivers/store/reason.h"
#include <stdio.h>

enum {
	LOOK_MS = 500,
	SAY_MS = 1000,	/* that it is blocked, once more */
	DISK_MS = 2000, /* a checkpoint that takes longer is a disk that is slow, or hangs */
};

/* ---- doing it again ---- */

static void do_again(struct dps_intake *intake, enum dps_intake_part part)
{
	struct dps_intake_space *space = &intake->space;

	space->tries |= part;
	switch (part) {
	case DPS_INTAKE_PART_LANE:
		dps_node_command(intake->context->node, &(struct dps_lane_command){
								.type = DPS_COMMAND_WRITE_AGAIN,
								.channel = intake->channel,
								.generation = intake->generation,
							});
		break;
	case DPS_INTAKE_PART_OPENING:
		intake->opening->is_final = space->is_final;
		dps_worker_push(intake->context->store, &intake->opening->job);
		break;
	case DPS_INTAKE_PART_CHECKPOINT:
		intake->checkpoint.is_final = space->is_final;
		dps_worker_push(intake->context->store, &intake->checkpoint.job);
		break;
	}
}

/* What is opened has its place behind what the connection before had. */
static bool may_do(const struct dps_intake *intake, enum dps_intake_part part)
{
	const struct dps_intake_space *space = &intake->space;

	if (!(space->lacks & part) || (space->tries & part))
		return false;
	return part != DPS_INTAKE_PART_OPENING || space->is_final ||
	       (intake->channel_state == DPS_INTAKE_CHANNEL_OPEN && !intake->next_again);
}

static void do_all_again(struct dps_intake *intake)
{
	for (unsigned int part = 1; part <= DPS_INTAKE_PART_CHECKPOINT; part *= 2)
		if (may_do(intake, part))
			do_again(intake, part);
}

/* ---- when there is room, and when there is none ---- */

static void say_found(const struct dps_intake *intake, uint64_t now_ns)
{
	const struct dps_report_blocked blocked = {
		.transfer = intake->id,
		.blocked_ns = now_ns - intake->space.since_ns,
	};

	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_NOTICE, "a transfer of %s goes on: there is room again",
		intake->peer);
	dps_report_on_blocked(intake->context->report, &blocked);
}

static void say_lacking(const struct dps_intake *intake)
{
	const struct dps_report_blocked blocked = {
		.transfer = intake->id,
		.why = dps_blocked_why_name(DPS_BLOCKED_SPACE),
	};

	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_WARNING,
		"the disk is full: a transfer of %s waits until there is room", intake->peer);
	dps_report_on_blocked(intake->context->report, &blocked);
}

/* What lacked it is not there any more. */
static void forget_part(struct dps_intake_space *space, enum dps_intake_part part)
{
	space->lacks &= ~(unsigned int)part;
	space->tries &= ~(unsigned int)part;
}

void dps_intake_find_space(struct dps_intake *intake, enum dps_intake_part part, uint64_t now_ns)
{
	struct dps_intake_space *space = &intake->space;

	if (!(space->lacks & part))
		return;
	forget_part(space, part);
	if (space->lacks == 0 && !space->is_final)
		say_found(intake, now_ns);
}

void dps_intake_lack_space(struct dps_intake *intake, enum dps_intake_part part, uint64_t now_ns)
{
	struct dps_intake_space *space = &intake->space;

	if (space->is_final) {
		do_again(intake, part);
		return;
	}
	space->tries &= ~(unsigned int)part;
	if (space->lacks == 0) {
		space->since_ns = now_ns;
		space->look_at_ns = now_ns + LOOK_MS * DPS_NS_PER_MS;
		space->lacks = part;
		say_lacking(intake);
	}
	space->lacks |= part;
}

/* ---- looking ---- */

/* Runs in the store thread. */
static void look(struct dps_job *job)
{
	struct dps_intake_space *space = (struct dps_intake_space *)job;
	struct dps_staging_space there;

	space->has_room = dps_staging_read_space(space->staging, &there) < 0 ||
			  (there.unused_bytes >= space->wanted_bytes && there.free_files > 0);
}

static void on_looked(struct dps_job *job, uint64_t now_ns)
{
	struct dps_intake_space *space = (struct dps_intake_space *)job;
	struct dps_intake *intake = space->owner;

	space->is_looking = false;
	space->look_at_ns = now_ns + LOOK_MS * DPS_NS_PER_MS;
	if (space->has_room && !space->is_final)
		do_all_again(intake);
}

/*
 * What is known to be needed at once; more shows when it is tried, as do a quota and whatever else
 * statvfs(3) does not tell of.
 */
static uint64_t wanted_bytes(const struct dps_intake *intake)
{
	const struct dps_file_opening_item *item;

	if (intake->space.lacks != DPS_INTAKE_PART_OPENING)
		return intake->context->chunk_bytes;
	item = &intake->opening->items[intake->opening->first];
	return item->is_continued || item->size_bytes == DPS_NUMBER_NONE
		       ? intake->context->chunk_bytes
		       : item->size_bytes;
}

static void start_look(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_intake_space *space = &intake->space;

	/* Written again since the last look, and nothing was heard of it: it is well. */
	if (space->tries & DPS_INTAKE_PART_LANE)
		dps_intake_find_space(intake, DPS_INTAKE_PART_LANE, now_ns);
	if (space->lacks == 0)
		return;
	space->look = (struct dps_job){ .run = look, .done = on_looked };
	space->owner = intake;
	space->staging = intake->context->staging;
	space->wanted_bytes = wanted_bytes(intake);
	space->is_looking = true;
	dps_worker_push(intake->context->store, &space->look);
}

/* ---- giving up ---- */

static uint64_t give_up_at_ns(const struct dps_intake *intake)
{
	uint64_t timeout_ns = intake->context->options->space_timeout_ns;

	return timeout_ns == DPS_FOREVER_NS ? DPS_NEVER_NS : intake->space.since_ns + timeout_ns;
}

static void give_up(struct dps_intake *intake, uint64_t now_ns)
{
	uint64_t seconds = (now_ns - intake->space.since_ns) / DPS_NS_PER_S;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	intake->space.is_final = true;
	if (intake->state == DPS_INTAKE_ACTIVE && !intake->context->is_stopping) {
		snprintf(text, sizeof(text),
			 "the collector's disk has no space left, and got none within %llu s "
			 "(--space-timeout); make room there and run the same command again",
			 (unsigned long long)seconds);
		dps_intake_cancel(intake, DPS_CODE_SPACE, text, now_ns);
	} else if (intake->state == DPS_INTAKE_ACTIVE && !intake->is_parked) {
		dps_intake_lose_link(intake, DPS_CODE_SHUTTING_DOWN, "the collector is stopping",
				     now_ns);
	}
	do_all_again(intake);
}

void dps_intake_lose_data(struct dps_intake *intake, uint32_t file, int error, uint64_t now_ns)
{
	if (intake->state != DPS_INTAKE_ACTIVE)
		return;
	if (!dps_reason_is_space(error) || intake->space.is_final) {
		dps_intake_fail_disk(intake, file, error, now_ns);
		return;
	}
	intake->comes_again = true;
	dps_intake_leave(intake, DPS_CODE_SPACE, DPS_INTAKE_LOST_DATA, now_ns);
}

/* ---- what the exporter knows ---- */

static enum dps_blocked_why why_blocked(const struct dps_intake *intake, uint64_t now_ns)
{
	if (intake->space.lacks != 0)
		return DPS_BLOCKED_SPACE;
	return intake->is_checkpointing &&
			       now_ns >= intake->checkpoint_at_ns + DISK_MS * DPS_NS_PER_MS
		       ? DPS_BLOCKED_DISK
		       : DPS_BLOCKED_NOTHING;
}

/* What lasts is said again: it shows that we are alive. */
static void tell_exporter(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_intake_space *space = &intake->space;
	enum dps_blocked_why why = why_blocked(intake, now_ns);
	const struct dps_message message = {
		.type = DPS_MESSAGE_BLOCKED,
		.blocked = { .channel = intake->number, .why = why },
	};

	if (why == space->said_why &&
	    (why == DPS_BLOCKED_NOTHING || now_ns < space->said_at_ns + SAY_MS * DPS_NS_PER_MS))
		return;
	space->said_why = why;
	space->said_at_ns = now_ns;
	dps_intake_say(intake, &message);
}

/* ---- time ---- */

void dps_intake_step_space(struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_intake_space *space = &intake->space;

	if (intake->channel_state != DPS_INTAKE_CHANNEL_OPEN)
		forget_part(space, DPS_INTAKE_PART_LANE);
	if (space->lacks != 0 && !space->is_final &&
	    (intake->state != DPS_INTAKE_ACTIVE || intake->context->is_stopping ||
	     now_ns >= give_up_at_ns(intake)))
		give_up(intake, now_ns);
	else if (space->lacks != 0 && !space->is_final && !space->is_looking &&
		 now_ns >= space->look_at_ns)
		start_look(intake, now_ns);
	if (intake->is_parked)
		space->said_why = DPS_BLOCKED_NOTHING;
	else if (intake->state == DPS_INTAKE_ACTIVE)
		tell_exporter(intake, now_ns);
}

uint64_t dps_intake_space_deadline_ns(const struct dps_intake *intake)
{
	const struct dps_intake_space *space = &intake->space;
	uint64_t at_ns = DPS_NEVER_NS, disk_ns;

	if (space->lacks != 0 && !space->is_final)
		at_ns = space->is_looking || give_up_at_ns(intake) < space->look_at_ns
				? give_up_at_ns(intake)
				: space->look_at_ns;
	if (intake->is_parked || intake->state != DPS_INTAKE_ACTIVE)
		return at_ns;
	if (space->said_why != DPS_BLOCKED_NOTHING &&
	    space->said_at_ns + SAY_MS * DPS_NS_PER_MS < at_ns)
		at_ns = space->said_at_ns + SAY_MS * DPS_NS_PER_MS;
	disk_ns = intake->checkpoint_at_ns + DISK_MS * DPS_NS_PER_MS;
	if (intake->is_checkpointing && space->said_why == DPS_BLOCKED_NOTHING && disk_ns < at_ns)
		at_ns = disk_ns;
	return at_ns;
}
