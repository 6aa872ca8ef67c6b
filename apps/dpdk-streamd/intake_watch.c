/* SPDX-License-Identifier: BSD-3-Clause */
/* What the watchdog sees of a transfer that comes in, and what becomes of its verdicts. */
#include "apps/dpdk-streamd/intake_watch.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <stdlib.h>

/* Bytes that are new, files that ended, and what was said of them for the first time. */
static uint64_t measure(const struct dps_intake *intake)
{
	return intake->bytes_received + intake->contiguous + intake->manifest.settled_count +
	       intake->manifest.count + intake->offered_end - intake->held_count +
	       intake->grown_bytes + intake->has_last;
}

/*
 * Whatever is at the examiner, the store or the disk, and files that the exporter has to compare.
 * Without a control connection nothing can be said: until there is another has a time of its own.
 */
static bool is_ours(const struct dps_intake *intake)
{
	return !intake->link || intake->held_count > 0 || intake->checks || intake->is_opening ||
	       intake->is_checkpointing || intake->space.lacks != 0;
}

/* A slow exporter fills its chunk: bytes come though nothing is told of them. */
static void ask_lane(const struct dps_intake *intake)
{
	if (intake->channel_state == DPS_INTAKE_CHANNEL_OPEN)
		dps_node_command(intake->context->node, &(struct dps_lane_command){
								.type = DPS_COMMAND_LOOK,
								.channel = intake->channel,
								.generation = intake->generation,
							});
}

/* Parked, it has a time of its own, which is that state's (intake_park.c). */
static bool read_intake(void *owner, struct dps_transfer_snapshot *snapshot, uint64_t now_ns)
{
	struct dps_intake *intake = owner;
	uint64_t idle_ns = intake->context->options->idle_timeout_ns;
	bool is_attached = intake->state == DPS_INTAKE_ACTIVE && !intake->is_parked;

	if (is_attached) {
		dps_vitals_note(&intake->vitals, measure(intake), is_ours(intake), now_ns);
		ask_lane(intake);
	}
	dps_vitals_fill(&intake->vitals, !dps_intake_waits_for_source(intake), idle_ns, snapshot);
	snapshot->is_blocked = intake->is_peer_blocked;
	snapshot->heard_at_ns = intake->heard_at_ns;
	if (intake->is_parked && intake->state == DPS_INTAKE_ACTIVE) {
		snapshot->state = DPS_TRANSFER_PARKED;
		snapshot->parked_at_ns = intake->parked_at_ns;
	} else if (!is_attached) {
		snapshot->state = DPS_TRANSFER_FINISHED; /* not begun, or over */
	}
	return true;
}

static bool end_intake(void *owner, const char *reason, uint64_t now_ns)
{
	struct dps_intake *intake = owner;

	(void)reason;
	if (intake->state != DPS_INTAKE_ACTIVE)
		return false;
	dps_intake_cancel(intake, DPS_CODE_IDLE,
			  "the exporter is there, but nothing new came of it for the idle timeout",
			  now_ns);
	return true;
}

const struct dps_watchdog_ops dps_intake_watch_ops = { .read = read_intake, .end = end_intake };

void dps_intake_on_channel_state(struct dps_intake *intake, uint64_t contiguous, uint64_t now_ns)
{
	if (intake->is_parked || contiguous <= intake->contiguous)
		return;
	intake->contiguous = contiguous;
	dps_vitals_note(&intake->vitals, measure(intake), false, now_ns);
}

static void on_finding(struct dps_intake *intake, const struct dps_watchdog_finding *finding)
{
	const char *text = dps_watch_text(finding->verdict);

	intake->verdict = finding->verdict;
	if (finding->verdict != intake->verdict_before && text)
		dps_log("collect", DPS_LOG_INFO, "a transfer of %s %s", intake->peer, text);
}

void dps_intake_watch_all(struct dps_collect_context *context, uint64_t now_ns)
{
	struct dps_watchdog *watchdog = &context->watch.watchdog;
	struct dps_watchdog_finding findings[16];
	unsigned int count;

	if (now_ns < watchdog->next_at_ns)
		return;
	/* Those of whom there is nothing to tell are alive again. */
	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next) {
		intake->verdict_before = intake->verdict;
		intake->verdict = DPS_WATCHDOG_ALIVE;
	}
	do {
		count = dps_watchdog_on_tick(watchdog, now_ns, findings, 16);
		for (unsigned int i = 0; i < count; i++) {
			struct dps_intake *intake =
				dps_registry_get(context->watch.registry, findings[i].handle, NULL);

			on_finding(intake, &findings[i]);
		}
	} while (count == 16);
}
