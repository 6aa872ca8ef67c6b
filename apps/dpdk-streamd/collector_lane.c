/* SPDX-License-Identifier: BSD-3-Clause */
/* What the lane says, told to the transfer or the session that it is about. */
#include "apps/dpdk-streamd/collector_state.h"
#include "apps/dpdk-streamd/intake.h"

static void on_engine_event(struct dps_collector *collector, const struct dps_event *event,
			    uint64_t now_ns)
{
	struct dps_collect_session *session;
	struct dps_intake *intake;

	if (event->type == DPS_EVENT_PATH_OPEN)
		return;
	if (event->type == DPS_EVENT_PATH_LOST) {
		session = dps_collector_session_of_path(collector, event->path);
		if (session)
			dps_collect_session_on_path_lost(session, (uint32_t)event->error, now_ns);
		return;
	}
	intake = dps_collect_context_of_channel(&collector->context, event);
	if (intake)
		dps_intake_on_event(intake, event, now_ns);
}

/* A file that the lane did not take. With --discard it has no descriptor to be known by. */
static void on_refused(struct dps_collector *collector, const struct dps_lane_event *event,
		       uint64_t now_ns)
{
	struct dps_intake_open *open = dps_collect_context_take_fd(&collector->context, event->fd);
	struct dps_intake *intake =
		dps_collect_context_of_channel(&collector->context, &event->engine);

	if (!open && intake && event->engine.file_index < intake->manifest.count)
		open = intake->manifest.files[event->engine.file_index].open;
	if (open)
		dps_intake_on_fd_back(open, event->engine.error, now_ns);
}

void dps_collector_on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_collect_session *session;
	struct dps_intake_open *open;
	struct dps_intake *intake;

	switch (event->type) {
	case DPS_LANE_ENGINE:
		on_engine_event(collector, &event->engine, now_ns);
		break;
	case DPS_LANE_CHANNEL_OPENED:
		intake = dps_collect_context_of_serial(&collector->context, event->cookie);
		if (intake)
			dps_intake_on_channel_opened(intake, event, now_ns);
		break;
	case DPS_LANE_CHANNEL_STATE:
		intake = dps_collect_context_of_channel(&collector->context, &event->engine);
		if (intake)
			dps_intake_on_channel_state(intake, event->engine.offset, now_ns);
		break;
	case DPS_LANE_PATH_FAILED:
		session = dps_collector_session_of_path(collector, event->engine.path);
		if (session)
			dps_collect_session_on_path_failed(session, event->engine.error, now_ns);
		break;
	case DPS_LANE_FILE_CLOSED:
		open = dps_collect_context_take_fd(&collector->context, event->fd);
		if (open)
			dps_intake_on_fd_back(open, 0, now_ns);
		break;
	case DPS_LANE_REFUSED:
		on_refused(collector, event, now_ns);
		break;
	default:
		break;
	}
}
