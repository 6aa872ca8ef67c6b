/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect offers: how transfers come to a session: offered anew, or taken up again.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/collect_session.h"

/* Whether a transfer of the session has, or had, this channel. */
bool dps_collect_was_used(const struct dps_collect_session *session, uint32_t number);

/* A number for a channel may be used once; NULL, or what is wrong. */
const char *dps_collect_take_number(struct dps_collect_session *session, uint32_t number);

/* Says no to what an exporter asked for a transfer, and why. */
void dps_collect_refuse_transfer(struct dps_collect_session *session, uint32_t channel,
				 enum dps_control_code code, const char *text);

/*
 * What an exporter asks for. It is answered now or later; NULL, or what is wrong in a sentence:
 * then the connection ends with `protocol`.
 */
const char *dps_collect_on_offer(struct dps_collect_session *session,
				 const struct dps_message_offer *offer, uint64_t now_ns);
const char *dps_collect_on_resume(struct dps_collect_session *session,
				  const struct dps_message_resume *resume, uint64_t now_ns);
