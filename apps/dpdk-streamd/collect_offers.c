/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_offers.h"
#include "apps/dpdk-streamd/intake_quota.h"
#include "drivers/log/log.h"
#include <stdlib.h>

bool dps_collect_was_used(const struct dps_collect_session *session, uint32_t number)
{
	for (uint32_t i = 0; i < session->numbers_count; i++)
		if (session->numbers[i] == number)
			return true;
	return false;
}

/* A crowd of exporters that stay away must not keep others out: who is parked longest leaves. */
static bool is_crowded(struct dps_collect_context *context)
{
	struct dps_intake *oldest = NULL;

	if (context->intakes_count < DPS_COLLECT_TRANSFERS_MAX)
		return false;
	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (intake->is_parked && !intake->wish.link && !intake->makes_room &&
		    (!oldest || intake->parked_at_ns < oldest->parked_at_ns))
			oldest = intake;
	if (oldest)
		oldest->makes_room = true;
	return true;
}

static void note_number(struct dps_collect_session *session, uint32_t number)
{
	uint32_t count = session->numbers_count;

	if ((count & (count - 1)) == 0) { /* it grows at powers of two */
		void *numbers = realloc(session->numbers,
					(count ? 2 * count : 1) * sizeof(*session->numbers));

		if (!numbers)
			abort(); /* out of memory */
		session->numbers = numbers;
	}
	session->numbers[session->numbers_count++] = number;
}

void dps_collect_refuse_transfer(struct dps_collect_session *session, uint32_t channel,
				 enum dps_control_code code, const char *text)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = code,
			    .channel = channel,
			    .text = text,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE },
	};

	dps_log_within(&session->refusals, "collect", DPS_LOG_WARNING,
		       "refused a transfer of %s: %s", session->peer, text);
	dps_peer_link_say(&session->link, &message);
}

static void add(struct dps_collect_session *session, struct dps_intake *intake)
{
	struct dps_collect_context *context = session->context;

	intake->next = context->intakes;
	context->intakes = intake;
	context->intakes_count++;
	session->idle_at_ns = DPS_NEVER_NS;
}

static const char *take_offer(struct dps_collect_session *session,
			      const struct dps_message_offer *offer, uint64_t now_ns)
{
	struct dps_collect_context *context = session->context;
	struct dps_intake *intake =
		dps_intake_create(context, &session->link, session->path, offer, now_ns);

	if (!intake)
		abort(); /* out of memory */
	add(session, intake);
	return dps_intake_offer(intake, offer, true, now_ns);
}

const char *dps_collect_take_number(struct dps_collect_session *session, uint32_t number)
{
	if (dps_collect_was_used(session, number))
		return "a channel is used a second time";
	if (session->numbers_count == DPS_COLLECT_NUMBERS_MAX)
		return "too many transfers on one connection";
	note_number(session, number);
	return NULL;
}

/* Whether a transfer may begin or go on now; otherwise the exporter is told why not. */
static bool may_begin(struct dps_collect_session *session, uint32_t channel, uint32_t chunk_bytes)
{
	struct dps_collect_context *context = session->context;

	if (context->is_stopping)
		dps_collect_refuse_transfer(session, channel, DPS_CODE_SHUTTING_DOWN,
					    "the collector is stopping");
	else if (!session->has_path)
		dps_collect_refuse_transfer(session, channel, DPS_CODE_UNREACHABLE,
					    "the data path of this connection is closed");
	else if (chunk_bytes != context->chunk_bytes)
		dps_collect_refuse_transfer(session, channel, DPS_CODE_LIMIT,
					    "the transfer has chunks of another size; give both "
					    "sides the same --chunk");
	else
		return true;
	return false;
}

const char *dps_collect_on_offer(struct dps_collect_session *session,
				 const struct dps_message_offer *offer, uint64_t now_ns)
{
	struct dps_collect_context *context = session->context;
	const char *wrong = dps_collect_take_number(session, offer->channel);
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (wrong)
		return wrong;
	if (!may_begin(session, offer->channel, offer->chunk_bytes))
		return NULL;
	if (dps_collect_context_find(context, &offer->transfer))
		dps_collect_refuse_transfer(
			session, offer->channel, DPS_CODE_BUSY,
			"this transfer is under way already; try again when it has ended");
	else if (!dps_quota_begin(context, &session->link.standing, text))
		dps_collect_refuse_transfer(session, offer->channel, DPS_CODE_LIMIT, text);
	else if (is_crowded(context))
		dps_collect_refuse_transfer(
			session, offer->channel, DPS_CODE_BUSY,
			"the collector has too many transfers under way; try again later");
	else
		return take_offer(session, offer, now_ns);
	return NULL;
}

/* ---- resume ---- */

static void refuse_ended(struct dps_collect_session *session, uint32_t channel,
			 const struct dps_intake *intake)
{
	if (intake->is_complete)
		dps_collect_refuse_transfer(session, channel, DPS_CODE_FINISHED,
					    "this transfer has ended");
	else if (intake->is_kept)
		dps_collect_refuse_transfer(session, channel, DPS_CODE_BUSY,
					    "the transfer is just being put away; try again");
	else
		dps_collect_refuse_transfer(session, channel, DPS_CODE_CANCELLED, intake->end_text);
}

/* Also for one of another key: whoever has heard of an id is told nothing, and ends nothing. */
static void refuse_unknown(struct dps_collect_session *session, uint32_t channel)
{
	dps_collect_refuse_transfer(session, channel, DPS_CODE_UNKNOWN,
				    "this transfer is not known here, or not any more");
}

/* A transfer has one connection at a time: the youngest. */
static void supersede(struct dps_peer_link *link, uint64_t now_ns)
{
	if (link)
		dps_collect_session_end(link->context, DPS_CODE_SUPERSEDED,
					"a newer connection took the transfer over", now_ns);
}

/* Perhaps the journal knows it. */
static void load(struct dps_collect_session *session, const struct dps_message_resume *resume,
		 const struct dps_intake_wish *wish, uint64_t now_ns)
{
	struct dps_collect_context *context = session->context;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (!dps_quota_begin(context, &session->link.standing, text))
		dps_collect_refuse_transfer(session, resume->channel, DPS_CODE_LIMIT, text);
	else if (is_crowded(context))
		dps_collect_refuse_transfer(
			session, resume->channel, DPS_CODE_BUSY,
			"the collector has too many transfers under way; try again later");
	else
		add(session, dps_intake_load(context, &resume->transfer, wish, now_ns));
}

const char *dps_collect_on_resume(struct dps_collect_session *session,
				  const struct dps_message_resume *resume, uint64_t now_ns)
{
	const struct dps_intake_wish wish = {
		.link = &session->link,
		.path = session->path,
		.number = resume->channel,
		.files = resume->files,
		.at_ns = now_ns,
	};
	const char *wrong = dps_collect_take_number(session, resume->channel);
	struct dps_intake *intake;

	if (wrong)
		return wrong;
	if (!may_begin(session, resume->channel, resume->chunk_bytes))
		return NULL;
	intake = dps_collect_context_find(session->context, &resume->transfer);
	if (intake && !dps_peer_standing_is_same_peer(&intake->standing, &session->link.standing)) {
		refuse_unknown(session, resume->channel);
		return NULL;
	}
	if (intake && (intake->link == &session->link || intake->wish.link == &session->link))
		return "it resumes what is under way on this connection";
	if (intake) {
		supersede(intake->link, now_ns);
		supersede(intake->wish.link, now_ns);
	}
	if (!intake && session->context->journal)
		load(session, resume, &wish, now_ns);
	else if (intake && intake->state == DPS_INTAKE_LOADING)
		dps_intake_wish(intake, &wish);
	else if (!intake || !intake->was_accepted)
		refuse_unknown(session, resume->channel);
	else if (intake->state >= DPS_INTAKE_LEAVING)
		refuse_ended(session, resume->channel, intake);
	else
		dps_intake_wish(intake, &wish);
	session->idle_at_ns = DPS_NEVER_NS;
	return NULL;
}
