/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_attach.h"
#include "apps/dpdk-streamd/collect_offers.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <stdio.h>
#include <stdlib.h>

static void watch_path(const struct dps_collect_session *session, bool is_alone)
{
	dps_node_command(session->context->node, &(struct dps_lane_command){
							 .type = DPS_COMMAND_WATCH_PATH,
							 .path = session->path,
							 .value = is_alone,
						 });
}

/*
 * Whether the transfer goes on without a connection: data come for it, or the exporter may not have
 * heard that it is done. One that closes as it should has heard all.
 */
static bool stays(const struct dps_collect_session *session, const struct dps_intake *intake)
{
	if (intake->link != &session->link)
		return false;
	return intake->state == DPS_INTAKE_ACTIVE ||
	       (intake->state == DPS_INTAKE_LEAVING && intake->is_complete &&
		session->link.connection.is_broken);
}

static bool has_stayers(const struct dps_collect_session *session)
{
	const struct dps_intake *intake = session->context->intakes;

	while (intake && !stays(session, intake))
		intake = intake->next;
	return intake != NULL;
}

static uint64_t give_up_at_ns(const struct dps_collect_session *session)
{
	uint64_t timeout_ns = session->context->options->reconnect_timeout_ns;

	return timeout_ns == DPS_FOREVER_NS ? DPS_NEVER_NS : session->detached_at_ns + timeout_ns;
}

bool dps_collect_detach(struct dps_collect_session *session, const char *why, uint64_t now_ns)
{
	struct dps_collect_context *context = session->context;

	/* What was broken off for what was said in it is not to be had again. */
	if (session->state != DPS_COLLECT_SESSION_OPEN || !session->has_path ||
	    session->link.is_finishing || context->is_stopping || !has_stayers(session))
		return false;
	session->state = DPS_COLLECT_SESSION_DETACHED;
	session->detached_at_ns = now_ns;
	session->deadline_ns = give_up_at_ns(session);
	watch_path(session, true);
	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next) {
		if (intake->wish.link == &session->link)
			intake->wish.link = NULL;
		if (stays(session, intake))
			dps_intake_lose_control(intake, why);
		else if (intake->link == &session->link)
			dps_intake_lose_link(intake, DPS_CODE_UNREACHABLE, why, now_ns);
	}
	return true;
}

void dps_collect_step_detached(struct dps_collect_session *session, uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (has_stayers(session) && now_ns < session->deadline_ns)
		return;
	snprintf(text, sizeof(text),
		 "the exporter %s did not connect again within the reconnect timeout",
		 session->peer);
	dps_collect_session_end(session, DPS_CODE_UNREACHABLE, text, now_ns);
}

void dps_collect_lose_detached(struct dps_collect_session *session, uint32_t reason,
			       uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	snprintf(text, sizeof(text), "the exporter %s is gone: its control connection is lost, %s",
		 session->peer,
		 reason == DPS_CLOSE_IDLE || reason == DPS_CLOSE_UNREACHABLE
			 ? "and its data path went silent"
			 : "and it closed the data path");
	dps_collect_session_end(session, DPS_CODE_UNREACHABLE, text, now_ns);
}

/* ---- attach ---- */

/* The path and all that belongs to it; the old connection is told, if it still is one. */
static void take_over(struct dps_collect_session *session, struct dps_collect_session *old,
		      uint64_t now_ns)
{
	dps_collect_session_close_path(session, DPS_CLOSE_SUPERSEDED);
	session->path = old->path;
	session->has_path = true;
	session->hello.epoch = old->hello.epoch;
	session->idle_at_ns = DPS_NEVER_NS;
	old->has_path = false;
	free(session->numbers);
	session->numbers = old->numbers;
	session->numbers_count = old->numbers_count;
	old->numbers = NULL;
	old->numbers_count = 0;
	for (struct dps_intake *intake = session->context->intakes; intake; intake = intake->next)
		if (intake->link == &old->link)
			dps_intake_attach(intake, &session->link, now_ns);
	watch_path(session, false);
	dps_collect_session_end(old, DPS_CODE_SUPERSEDED,
				"a newer connection took the transfer over", now_ns);
}

/* The session that has the path of the transfer; NULL when it is gone. */
static struct dps_collect_session *owner_of(const struct dps_intake *intake)
{
	struct dps_collect_session *owner;

	if (!intake || !intake->link || intake->is_parked || !intake->was_accepted ||
	    (intake->state != DPS_INTAKE_ACTIVE && !intake->is_complete))
		return NULL;
	owner = intake->link->context;
	return owner->has_path ? owner : NULL;
}

const char *dps_collect_on_attach(struct dps_collect_session *session,
				  const struct dps_message_attach *attach, uint64_t now_ns)
{
	struct dps_intake *intake = dps_collect_context_find(session->context, &attach->transfer);
	struct dps_collect_session *owner;

	/* Another key's is as if it were not there. */
	if (intake && !dps_peer_standing_is_same_peer(&intake->standing, &session->link.standing))
		intake = NULL;
	owner = owner_of(intake);
	if (session->context->is_stopping) {
		dps_collect_refuse_transfer(session, attach->channel, DPS_CODE_SHUTTING_DOWN,
					    "the collector is stopping");
	} else if (!intake) {
		dps_collect_refuse_transfer(session, attach->channel, DPS_CODE_UNKNOWN,
					    "this transfer is not under way here");
	} else if (!owner) {
		dps_collect_refuse_transfer(session, attach->channel, DPS_CODE_PARKED,
					    "the data path of this transfer is gone");
	} else if (owner->hello.epoch != attach->epoch) {
		dps_collect_refuse_transfer(session, attach->channel, DPS_CODE_SUPERSEDED,
					    "this transfer goes on over another data path");
	} else if (owner != session && session->numbers_count > 0) {
		return "it attaches on a connection that has transfers of its own";
	} else if (attach->channel != intake->number) {
		return "it attaches under another channel";
	} else {
		if (owner != session)
			take_over(session, owner, now_ns);
		dps_intake_say_attached(intake, now_ns);
	}
	return NULL;
}
