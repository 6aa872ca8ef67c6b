/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_session.h"
#include "apps/dpdk-streamd/collect_attach.h"
#include "apps/dpdk-streamd/collect_offers.h"
#include "apps/dpdk-streamd/collect_words.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HELLO_MS = 10000,
	PATH_MS = 5000,
	RETRY_MS = 2, /* the lane does not tell when it has a path again */
	FINISH_MS = 2000,
	TEXT_BYTES = DPS_MESSAGE_TEXT_BYTES_MAX,
};

/* ---- its transfers ---- */

static struct dps_intake *next_of(const struct dps_collect_session *session,
				  struct dps_intake *intake)
{
	while (intake && intake->link != &session->link)
		intake = intake->next;
	return intake;
}

/* Also one that it wants to go on with. */
static struct dps_intake *find(const struct dps_collect_session *session, uint32_t number)
{
	struct dps_intake *intake = session->context->intakes;

	while (intake && !(intake->link == &session->link && intake->number == number) &&
	       !(intake->wish.link == &session->link && intake->wish.number == number))
		intake = intake->next;
	return intake;
}

bool dps_collect_session_has_work(const struct dps_collect_session *session)
{
	struct dps_intake *intake = session->context->intakes;

	while (intake && intake->wish.link != &session->link &&
	       !(intake->link == &session->link && intake->state < DPS_INTAKE_LEAVING))
		intake = intake->next;
	return intake != NULL;
}

static void lose_transfers(struct dps_collect_session *session, enum dps_control_code code,
			   const char *why, uint64_t now_ns)
{
	for (struct dps_intake *intake = session->context->intakes; intake; intake = intake->next)
		if (intake->wish.link == &session->link)
			intake->wish.link = NULL;
	for (struct dps_intake *intake = next_of(session, session->context->intakes); intake;
	     intake = next_of(session, intake->next))
		dps_intake_lose_link(intake, code, why, now_ns);
}

/* ---- its end ---- */

void dps_collect_session_close_path(struct dps_collect_session *session, uint32_t reason)
{
	if (!session->has_path)
		return;
	session->has_path = false;
	dps_node_command(session->context->node, &(struct dps_lane_command){
							 .type = DPS_COMMAND_CLOSE_PATH,
							 .path = session->path,
							 .value = reason,
						 });
}

static uint32_t reason_of(enum dps_control_code code)
{
	switch (code) {
	case DPS_CODE_NONE:
		return DPS_CLOSE_DONE;
	case DPS_CODE_PROTOCOL:
		return DPS_CLOSE_PROTOCOL;
	case DPS_CODE_SHUTTING_DOWN:
		return DPS_CLOSE_SHUTDOWN;
	case DPS_CODE_UNREACHABLE:
		return DPS_CLOSE_UNREACHABLE;
	case DPS_CODE_SUPERSEDED:
		return DPS_CLOSE_SUPERSEDED;
	default:
		return DPS_CLOSE_CANCELLED;
	}
}

/* Says the last word (NULL: none) and waits a while for the exporter to close as well. */
static void finish(struct dps_collect_session *session, const struct dps_message *message,
		   enum dps_control_code code, const char *why, uint64_t now_ns)
{
	if (session->state >= DPS_COLLECT_SESSION_FINISHING)
		return;
	session->state = DPS_COLLECT_SESSION_FINISHING;
	dps_collect_session_close_path(session, reason_of(code));
	lose_transfers(session, code, why, now_ns);
	if (!session->link.is_open)
		session->state = DPS_COLLECT_SESSION_CLOSED;
	dps_peer_link_finish(&session->link, message, now_ns + FINISH_MS * DPS_NS_PER_MS);
}

void dps_collect_session_end(struct dps_collect_session *session, enum dps_control_code code,
			     const char *text, uint64_t now_ns)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ERROR,
		.error = { .code = code, .text = text },
	};

	finish(session, &message, code, text, now_ns);
}

static void refuse(struct dps_collect_session *session, enum dps_control_code code,
		   const char *text, uint64_t now_ns)
{
	struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = code,
			    .channel = DPS_MESSAGE_CHANNEL_NONE,
			    .text = text,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE },
	};

	if (code == DPS_CODE_VERSION)
		message.refuse.version_min = message.refuse.version_max = DPS_MESSAGE_VERSION;
	dps_report_clear_line(session->context->report);
	dps_log_limited("collect", DPS_LOG_WARNING, "refused %s: %s", session->peer, text);
	finish(session, &message, code, text, now_ns);
}

static void on_violation(struct dps_collect_session *session, const char *what, uint64_t now_ns)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "the exporter breaks the protocol: %s", what);
	dps_log_limited("collect", DPS_LOG_WARNING, "%s: %s", session->peer, text);
	/* It would do the same again: nothing waits for it. */
	for (struct dps_intake *intake = next_of(session, session->context->intakes); intake;
	     intake = next_of(session, intake->next))
		dps_intake_leave(intake, DPS_CODE_PROTOCOL, text, now_ns);
	dps_collect_session_end(session, DPS_CODE_PROTOCOL, text, now_ns);
}

/* ---- hello ---- */

/* What comes is verified and not kept: the exporter is not to call it stored. */
static const char *const discard_feature[] = { "discard" };

/* As many as are asked for; --stripes 1 is what nobody said. */
static uint32_t stripes_of(const struct dps_collect_session *session)
{
	uint32_t asked = 1 + session->hello.more_paths.count;
	uint64_t most = session->context->options->stripes;

	return most > 1 && asked > most ? (uint32_t)most : asked;
}

static void try_path(struct dps_collect_session *session, uint64_t now_ns)
{
	struct dps_collect_context *context = session->context;
	struct dps_message answer = { .type = DPS_MESSAGE_HELLO };
	const struct dps_peer_keys keys = {
		.trust = context->trust,
		.socket = session->link.connection.socket,
		.epoch = session->hello.epoch,
	};
	uint64_t connection_id;
	int path = dps_node_reserve_path(context->node, stripes_of(session), &connection_id);

	if (path < 0) {
		session->retry_at_ns = now_ns + RETRY_MS * DPS_NS_PER_MS;
		if (now_ns >= session->deadline_ns)
			refuse(session, DPS_CODE_BUSY,
			       "the collector has no path left now; try again later", now_ns);
		return;
	}
	session->path = (uint32_t)path;
	session->has_path = true;
	session->state = DPS_COLLECT_SESSION_OPEN;
	session->deadline_ns = now_ns + context->options->idle_timeout_ns;
	dps_node_steer_path(context->node, session->path, &session->hello);
	dps_node_fill_hello(context->node, session->path, &answer.hello, DPS_ROLE_COLLECT,
			    connection_id, session->hello.epoch);
	if (!context->staging) {
		answer.hello.features = discard_feature;
		answer.hello.features_count = 1;
	}
	if (dps_node_open_path(context->node, session->path, &session->hello, &session->address,
			       &keys) < 0) {
		refuse(session, DPS_CODE_INTERNAL, "the keys for packets cannot be made", now_ns);
		return;
	}
	dps_peer_link_say(&session->link, &answer);
}

static void on_hello(struct dps_collect_session *session, const struct dps_message_hello *hello,
		     uint64_t now_ns)
{
	const struct dps_report_hello said = {
		.peer = session->peer,
		.software = hello->software,
		.role = "export",
		.seal = hello->seal,
		.version = DPS_MESSAGE_VERSION,
		.payload_bytes = hello->payload_bytes,
	};
	char text[TEXT_BYTES];
	enum dps_control_code code = dps_collect_judge_hello(
		hello, dps_node_seal_name(session->context->node), session->context->chunk_bytes,
		dps_node_queues(session->context->node), text);

	if (code != DPS_CODE_NONE) {
		refuse(session, code, text, now_ns);
		return;
	}
	dps_report_clear_line(session->context->report);
	dps_log("collect", DPS_LOG_NOTICE, "%s connected: %.100s", session->peer, hello->software);
	dps_report_on_hello(session->context->report, &said);
	session->hello = *hello;
	session->hello.features = NULL;
	session->hello.features_count = 0;
	session->hello.software = session->hello.seal = NULL;
	session->state = DPS_COLLECT_SESSION_WAITING;
	session->deadline_ns = now_ns + PATH_MS * DPS_NS_PER_MS;
	try_path(session, now_ns);
}

/* ---- messages ---- */

static uint32_t channel_of(const struct dps_message *message)
{
	switch (message->type) {
	case DPS_MESSAGE_OFFER_MORE:
		return message->offer.channel;
	case DPS_MESSAGE_FILE_MORE:
		return message->file_more.channel;
	case DPS_MESSAGE_FILE_END:
		return message->file_end.channel;
	case DPS_MESSAGE_LAST:
		return message->last.channel;
	case DPS_MESSAGE_SAME:
	case DPS_MESSAGE_DIFFERENT:
		return message->same.channel;
	case DPS_MESSAGE_DIGEST:
		return message->digest.channel;
	case DPS_MESSAGE_SKIP:
		return message->skip.channel;
	case DPS_MESSAGE_BLOCKED:
		return message->blocked.channel;
	case DPS_MESSAGE_CANCEL:
		return message->cancel.channel;
	default:
		return DPS_MESSAGE_CHANNEL_NONE;
	}
}

static const char *on_transfer_message(struct dps_collect_session *session,
				       const struct dps_message *message, uint64_t now_ns)
{
	uint32_t channel = channel_of(message);
	struct dps_intake *intake;

	if (channel == DPS_MESSAGE_CHANNEL_NONE)
		return "an exporter does not say this";
	intake = find(session, channel);
	if (intake)
		return dps_intake_on_message(intake, message, now_ns);
	/* One that has ended is not known any more, but what is said of it may be on its way. */
	return dps_collect_was_used(session, channel) ? NULL : "a channel that was not offered";
}

static const char *on_open_message(struct dps_collect_session *session,
				   const struct dps_message *message, uint64_t now_ns)
{
	switch (message->type) {
	case DPS_MESSAGE_OFFER:
		return dps_collect_on_offer(session, &message->offer, now_ns);
	case DPS_MESSAGE_RESUME:
		return dps_collect_on_resume(session, &message->resume, now_ns);
	case DPS_MESSAGE_ATTACH:
		return dps_collect_on_attach(session, &message->attach, now_ns);
	case DPS_MESSAGE_HELLO:
		return "a second hello";
	default:
		return on_transfer_message(session, message, now_ns);
	}
}

static void on_error(struct dps_collect_session *session, const struct dps_message_end *error,
		     uint64_t now_ns)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text), "the exporter ends the connection: %.900s", error->text);
	dps_log("collect", DPS_LOG_NOTICE, "%s: %s", session->peer, text);
	finish(session, NULL, error->code, text, now_ns);
}

static void on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct dps_collect_session *session = context;
	const char *wrong = NULL;

	if (session->state >= DPS_COLLECT_SESSION_FINISHING)
		return;
	if (message->type == DPS_MESSAGE_ERROR)
		on_error(session, &message->error, now_ns);
	else if (session->state == DPS_COLLECT_SESSION_OPEN)
		wrong = on_open_message(session, message, now_ns);
	else if (session->state == DPS_COLLECT_SESSION_GREETING &&
		 message->type == DPS_MESSAGE_HELLO)
		on_hello(session, &message->hello, now_ns);
	else
		wrong = "it says more before both have said hello";
	if (wrong)
		on_violation(session, wrong, now_ns);
}

static void on_closed(void *context, const char *why, uint64_t now_ns)
{
	struct dps_collect_session *session = context;
	bool has_work = dps_collect_session_has_work(session);
	char text[TEXT_BYTES];

	if (dps_collect_detach(session, why, now_ns))
		return;
	snprintf(text, sizeof(text), "the exporter %s is gone (%s)", session->peer, why);
	if (session->state == DPS_COLLECT_SESSION_GREETING)
		dps_log("collect", DPS_LOG_INFO, "%s closed without a word: %s", session->peer,
			why);
	dps_collect_session_close_path(session, has_work ? DPS_CLOSE_CANCELLED : DPS_CLOSE_DONE);
	lose_transfers(session, DPS_CODE_UNREACHABLE, text, now_ns);
	session->state = DPS_COLLECT_SESSION_CLOSED;
}

/* ---- life ---- */

struct dps_collect_session *dps_collect_session_create(struct dps_collect_context *context,
						       struct dps_socket *socket,
						       const struct dps_peer_standing *standing,
						       const char *busy, uint64_t now_ns)
{
	struct dps_collect_session *session = calloc(1, sizeof(*session));

	if (!session) {
		socket->ops->close(socket);
		return NULL;
	}
	session->context = context;
	session->address = socket->peer_address;
	memcpy(session->peer, socket->peer, sizeof(session->peer));
	session->deadline_ns = now_ns + HELLO_MS * DPS_NS_PER_MS;
	session->idle_at_ns = DPS_NEVER_NS;
	session->link.on_message = on_message;
	session->link.on_closed = on_closed;
	session->link.context = session;
	session->link.standing = *standing;
	session->link.holds_back = true;
	if (dps_peer_link_open(&session->link, dps_node_loop(context->node), socket) < 0) {
		free(session);
		return NULL;
	}
	if (busy)
		refuse(session, DPS_CODE_BUSY, busy, now_ns);
	return session;
}

void dps_collect_session_destroy(struct dps_collect_session *session)
{
	dps_peer_link_close(&session->link);
	free(session->numbers);
	free(session);
}

/* A transfer that is put away for a new connection, if there is one. */
static bool must_come_again(const struct dps_collect_session *session)
{
	const struct dps_intake *intake = next_of(session, session->context->intakes);

	while (intake && !intake->comes_again)
		intake = next_of(session, intake->next);
	return intake != NULL;
}

/* The exporter's part is to close; one that does not is reminded. */
static void watch_idle(struct dps_collect_session *session, uint64_t now_ns)
{
	if (session->numbers_count == 0) {
		if (now_ns >= session->deadline_ns)
			dps_collect_session_end(session, DPS_CODE_IDLE,
						"nothing was offered for the idle timeout", now_ns);
		return;
	}
	if (dps_collect_session_has_work(session))
		session->idle_at_ns = DPS_NEVER_NS;
	else if (session->idle_at_ns == DPS_NEVER_NS)
		session->idle_at_ns = now_ns;
	else if (now_ns - session->idle_at_ns >= session->context->options->grace_ns)
		finish(session, NULL, DPS_CODE_NONE, "it is done", now_ns);
}

void dps_collect_session_step(struct dps_collect_session *session, uint64_t now_ns)
{
	if (session->state == DPS_COLLECT_SESSION_GREETING && now_ns >= session->deadline_ns)
		dps_collect_session_end(session, DPS_CODE_IDLE,
					"the exporter said no hello for 10 s", now_ns);
	else if (session->state == DPS_COLLECT_SESSION_WAITING && now_ns >= session->retry_at_ns)
		try_path(session, now_ns);
	else if (session->state == DPS_COLLECT_SESSION_OPEN && must_come_again(session))
		dps_collect_session_end(session, DPS_CODE_SPACE, DPS_INTAKE_LOST_DATA, now_ns);
	else if (session->state == DPS_COLLECT_SESSION_OPEN)
		watch_idle(session, now_ns);
	else if (session->state == DPS_COLLECT_SESSION_DETACHED)
		dps_collect_step_detached(session, now_ns);
	if (dps_peer_link_deadline_ns(&session->link) <= now_ns)
		dps_peer_link_on_time(&session->link, now_ns);
	dps_peer_link_flush(&session->link);
}

uint64_t dps_collect_session_deadline_ns(const struct dps_collect_session *session)
{
	uint64_t at_ns = dps_peer_link_deadline_ns(&session->link);
	uint64_t own_ns = DPS_NEVER_NS;

	if (session->state == DPS_COLLECT_SESSION_GREETING)
		own_ns = session->deadline_ns;
	else if (session->state == DPS_COLLECT_SESSION_WAITING)
		own_ns = session->retry_at_ns;
	else if (session->state == DPS_COLLECT_SESSION_DETACHED)
		own_ns = session->deadline_ns;
	else if (session->state == DPS_COLLECT_SESSION_OPEN && session->numbers_count == 0)
		own_ns = session->deadline_ns; /* somebody has to offer something */
	else if (session->state == DPS_COLLECT_SESSION_OPEN &&
		 session->idle_at_ns != DPS_NEVER_NS &&
		 session->context->options->grace_ns != DPS_FOREVER_NS)
		own_ns = session->idle_at_ns + session->context->options->grace_ns;
	return at_ns < own_ns ? at_ns : own_ns;
}

/* ---- the path ---- */

void dps_collect_session_on_path_lost(struct dps_collect_session *session, uint32_t reason,
				      uint64_t now_ns)
{
	session->has_path = false;
	if (session->state == DPS_COLLECT_SESSION_DETACHED) {
		dps_collect_lose_detached(session, reason, now_ns);
		return;
	}
	if (reason == DPS_CLOSE_DONE && !dps_collect_session_has_work(session))
		return; /* it will close its connection as well */
	dps_collect_session_end(session, DPS_CODE_UNREACHABLE, dps_collect_explain_loss(reason),
				now_ns);
}

void dps_collect_session_on_path_failed(struct dps_collect_session *session, int error,
					uint64_t now_ns)
{
	char text[TEXT_BYTES];

	session->has_path = false;
	snprintf(text, sizeof(text),
		 "the collector's port cannot send to the address in the exporter's hello: %s",
		 strerror(-error));
	dps_log("collect", DPS_LOG_WARNING, "%s: %s", session->peer, text);
	dps_collect_session_end(session, DPS_CODE_UNREACHABLE, text, now_ns);
}
