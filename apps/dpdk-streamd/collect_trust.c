/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_trust.h"
#include "apps/dpdk-streamd/intake_quota.h"
#include "drivers/log/log.h"

const char *dps_collect_busy_for(const struct dps_collect_session *sessions,
				 const struct dps_peer_standing *standing)
{
	unsigned int all = 0, own = 0;

	for (; sessions; sessions = sessions->next, all++)
		own += dps_peer_standing_is_same_peer(&sessions->link.standing, standing);
	if (all >= DPS_COLLECT_SESSIONS_MAX)
		return "the collector serves as many exporters as it can; try again later";
	return own < DPS_QUOTA_SESSIONS_MAX
		       ? NULL
		       : "this key has 36 connections to the collector, which is all that one key "
			 "may have; try again when one has ended";
}

void dps_collect_apply_grant(struct dps_collect_context *context,
			     struct dps_collect_session *sessions,
			     const struct dps_peer_standing *standing, uint64_t now_ns)
{
	for (; sessions; sessions = sessions->next)
		if (dps_peer_standing_is_same_peer(&sessions->link.standing, standing))
			sessions->link.standing.grant = standing->grant;
	dps_quota_on_granted(context, standing, now_ns);
}

static void judge_session(struct dps_collect_session *session, uint64_t now_ns)
{
	struct dps_peer_standing standing = session->link.standing;
	char why[DPS_TLS_TEXT_BYTES];

	if (session->state >= DPS_COLLECT_SESSION_FINISHING || !standing.has_key ||
	    dps_peer_trust_renew(session->context->trust, &standing, why))
		return;
	dps_report_clear_line(session->context->report);
	dps_log("collect", DPS_LOG_WARNING, "ended the connection of %s: %s", session->peer, why);
	dps_collect_session_end(session, DPS_CODE_NOT_TRUSTED,
				"the collector has taken its trust in this key back; ask there, "
				"and run the same command again to go on",
				now_ns);
}

void dps_collect_judge_anew(struct dps_collect_context *context,
			    struct dps_collect_session *sessions, uint64_t now_ns)
{
	char why[DPS_TLS_TEXT_BYTES];

	for (struct dps_collect_session *session = sessions; session; session = session->next)
		judge_session(session, now_ns);
	/* Also of those that wait without a connection. */
	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next) {
		struct dps_peer_standing standing = intake->standing;

		if (standing.has_key && dps_peer_trust_renew(context->trust, &standing, why) &&
		    !dps_grant_is_equal(&standing.grant, &intake->standing.grant))
			dps_collect_apply_grant(context, sessions, &standing, now_ns);
	}
	for (struct dps_collect_session *session = sessions; session; session = session->next)
		if (session->link.standing.has_key)
			(void)dps_peer_trust_renew(context->trust, &session->link.standing, why);
}
