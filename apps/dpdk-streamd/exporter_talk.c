/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter talk: what the collector says, and what becomes of it. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
	HELLO_S = 10,
};

void dps_exporter_say_hello(struct dps_exporter *exporter)
{
	struct dps_message message = { .type = DPS_MESSAGE_HELLO };
	bool is_detached = dps_exporter_is_detached(exporter);
	uint64_t epoch, until_ns;

	if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
		epoch = dps_node_now_ns(exporter->node);
	dps_node_fill_hello(exporter->node, is_detached ? exporter->spare.path : exporter->path,
			    &message.hello, DPS_ROLE_EXPORT,
			    is_detached ? exporter->spare.connection_id : exporter->connection_id,
			    epoch >> 1);
	dps_peer_link_say(&exporter->link, &message);
	*(is_detached ? &exporter->spare.is_said : &exporter->is_path_said) = true;
	*(is_detached ? &exporter->spare.epoch : &exporter->epoch) = epoch >> 1;
	until_ns = dps_node_now_ns(exporter->node) + HELLO_S * DPS_NS_PER_S;
	if (dps_exporter_is_parked(exporter) && until_ns > exporter->parked_until_ns)
		until_ns = exporter->parked_until_ns;
	if (is_detached && until_ns > exporter->detached_until_ns)
		until_ns = exporter->detached_until_ns;
	dps_exporter_enter(exporter, DPS_EXPORTER_GREETING, until_ns);
}

static bool has_feature(const struct dps_message_hello *hello, const char *feature)
{
	for (uint32_t i = 0; i < hello->features_count; i++)
		if (strcmp(hello->features[i], feature) == 0)
			return true;
	return false;
}

/* What is said in a hello and cannot be agreed on: the code, and why in text. */
static enum dps_control_code judge(const struct dps_exporter *exporter,
				   const struct dps_message_hello *hello,
				   char text[DPS_EXPORTER_SENTENCE_BYTES])
{
	uint32_t chunk_bytes = dps_node_chunk_bytes(exporter->node);
	uint32_t queues = dps_node_queues(exporter->node);
	uint32_t theirs = hello->queues == DPS_MESSAGE_QUEUES_NONE ? 1 : hello->queues;

	if (hello->version_min > DPS_MESSAGE_VERSION || hello->version_max < DPS_MESSAGE_VERSION) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s speaks versions %u to %u of the protocol and this exporter %d; "
			 "install the same release on both sides",
			 exporter->peer_name, hello->version_min, hello->version_max,
			 DPS_MESSAGE_VERSION);
		return DPS_CODE_VERSION;
	}
	if (hello->role != DPS_ROLE_COLLECT) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s exports as well: one of both sides has to collect; see --to",
			 exporter->peer_name);
		return DPS_CODE_PROTOCOL;
	}
	if (strcmp(hello->seal, dps_node_seal_name(exporter->node)) != 0) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s seals packets with `%.32s` and this exporter with `%s`: give both the "
			 "same --cipher, or both --clear",
			 exporter->peer_name, hello->seal, dps_node_seal_name(exporter->node));
		return DPS_CODE_SEAL;
	}
	if (hello->chunk_bytes != chunk_bytes) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s works in chunks of %u KiB and this exporter of %u KiB; give both the "
			 "same --chunk",
			 exporter->peer_name, hello->chunk_bytes >> 10, chunk_bytes >> 10);
		return DPS_CODE_LIMIT;
	}
	if (queues != DPS_MESSAGE_QUEUES_NONE && queues != theirs) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s has %u lanes and this exporter %u; over memif give both the same "
			 "--lanes",
			 exporter->peer_name, theirs, queues);
		return DPS_CODE_LIMIT;
	}
	return DPS_CODE_NONE;
}

bool dps_exporter_open_path(struct dps_exporter *exporter, const struct dps_message_hello *hello)
{
	const struct dps_peer_keys keys = {
		.trust = exporter->peer->trust,
		.socket = exporter->link.connection.socket,
		.epoch = exporter->epoch,
	};

	if (dps_node_open_path(exporter->node, exporter->path, hello, &exporter->peer_address,
			       &keys) == 0)
		return true;
	dps_exporter_fail(exporter, DPS_EXIT_LOST, "the keys for %s cannot be made",
			  exporter->peer_name);
	dps_exporter_leave(exporter, NULL);
	return false;
}

static void on_hello(struct dps_exporter *exporter, const struct dps_message_hello *hello,
		     uint64_t now_ns)
{
	const struct dps_report_hello said = {
		.peer = exporter->peer_name,
		.software = hello->software,
		.role = "collect",
		.seal = hello->seal,
		.version = DPS_MESSAGE_VERSION,
		.payload_bytes = hello->payload_bytes,
	};
	char text[DPS_EXPORTER_SENTENCE_BYTES];
	enum dps_control_code code;

	if (!dps_peer_trust_stand(exporter->peer->trust, exporter->link.connection.socket,
				  &exporter->link.standing, text)) {
		dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "%s", text);
		dps_exporter_leave(exporter, NULL);
		return;
	}
	code = judge(exporter, hello, text);
	if (code != DPS_CODE_NONE) {
		dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "%s", text);
		dps_exporter_leave_with(exporter, code, text);
		return;
	}
	dps_log("export", DPS_LOG_INFO, "%s is %s", exporter->peer_name, hello->software);
	dps_report_on_hello(&exporter->report, &said);
	exporter->peer_stores = !has_feature(hello, "discard");
	if (dps_exporter_is_detached(exporter)) {
		dps_exporter_attach(exporter, hello, now_ns);
		return;
	}
	if (!dps_exporter_open_path(exporter, hello))
		return;
	if (dps_exporter_is_parked(exporter))
		dps_exporter_resume(exporter, now_ns);
	else
		dps_exporter_enter(exporter, DPS_EXPORTER_PROBING,
				   now_ns + exporter->options->connect_timeout_ns);
}

/* What may be different in a moment. */
static bool is_passing(enum dps_control_code code)
{
	return code == DPS_CODE_UNREACHABLE || code == DPS_CODE_SHUTTING_DOWN ||
	       code == DPS_CODE_IDLE || code == DPS_CODE_DIGEST; /* a file begins over */
}

static bool is_about_resume(const struct dps_exporter *exporter,
			    const struct dps_message_refuse *refuse)
{
	return exporter->state == DPS_EXPORTER_RESUMING &&
	       refuse->channel == exporter->export.number && exporter->export.is_resuming;
}

void dps_exporter_on_taken_over(struct dps_exporter *exporter)
{
	dps_exporter_fail(exporter, DPS_EXIT_LOST,
			  "another exporter has taken this transfer over from here; one of them is "
			  "enough");
	dps_exporter_leave(exporter, NULL);
}

static void on_resume_refused(struct dps_exporter *exporter,
			      const struct dps_message_refuse *refuse)
{
	if (refuse->code == DPS_CODE_CANCELLED)
		dps_export_mirror_forget(&exporter->export); /* it has ended for good */
	if (refuse->code == DPS_CODE_IDENTITY_CHANGED || refuse->code == DPS_CODE_CANCELLED) {
		dps_export_fail_rest(&exporter->export, refuse->code, refuse->text);
		dps_exporter_fail(exporter, DPS_EXIT_NOT_ALL,
				  "%s cannot go on with the transfer (%s): %s; --new starts over",
				  exporter->peer_name, dps_control_code_name(refuse->code),
				  refuse->text);
	} else {
		dps_exporter_fail(exporter, DPS_EXIT_REFUSED,
				  "%s refused to go on with the transfer (%s): %s",
				  exporter->peer_name, dps_control_code_name(refuse->code),
				  refuse->text);
	}
	dps_exporter_leave(exporter, NULL);
}

static void on_refuse(struct dps_exporter *exporter, const struct dps_message_refuse *refuse,
		      uint64_t now_ns)
{
	char shown[DPS_NAME_SHOWN_BYTES];

	if (exporter->state == DPS_EXPORTER_ATTACHING &&
	    refuse->channel == exporter->export.number) {
		if (refuse->code == DPS_CODE_SUPERSEDED)
			dps_exporter_on_taken_over(exporter);
		else
			dps_exporter_resume_instead(exporter, refuse->text, now_ns);
		return;
	}
	if (dps_exporter_is_detached(exporter) &&
	    (refuse->code == DPS_CODE_BUSY || is_passing(refuse->code))) {
		dps_exporter_detach(exporter, now_ns, "%s refused (%s): %s", exporter->peer_name,
				    dps_control_code_name(refuse->code), refuse->text);
		return;
	}
	if (dps_exporter_is_parked(exporter) &&
	    (refuse->code == DPS_CODE_BUSY || is_passing(refuse->code))) {
		dps_exporter_park(exporter, NULL, now_ns, "%s refused (%s): %s",
				  exporter->peer_name, dps_control_code_name(refuse->code),
				  refuse->text);
		return;
	}
	if (is_about_resume(exporter, refuse)) {
		if (refuse->code == DPS_CODE_UNKNOWN || refuse->code == DPS_CODE_FINISHED)
			dps_exporter_begin_anew(exporter, now_ns);
		else
			on_resume_refused(exporter, refuse);
		return;
	}
	if (refuse->path)
		dps_exporter_fail(
			exporter, DPS_EXIT_REFUSED, "%s refused (%s): %s: %s", exporter->peer_name,
			dps_control_code_name(refuse->code),
			dps_name_show(refuse->path, refuse->path_bytes, shown, sizeof(shown)),
			refuse->text);
	else
		dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "%s refused (%s): %s",
				  exporter->peer_name, dps_control_code_name(refuse->code),
				  refuse->text);
	dps_exporter_leave(exporter, NULL);
}

static void on_done(struct dps_exporter *exporter)
{
	struct dps_export *export = &exporter->export;

	exporter->is_done = true;
	exporter->ended_at_ns = dps_node_now_ns(exporter->node);
	if (dps_exporter_was_stopped(exporter))
		dps_exporter_explain_stop(exporter);
	else if (export->files_failed > 0 || export->settled_count < export->files_count)
		dps_exporter_fail(exporter, DPS_EXIT_NOT_ALL,
				  "%" PRIu64 " of %" PRIu32
				  " files were not stored, each named above",
				  export->files_count - export->files_stored - export->files_same,
				  export->files_count);
	dps_exporter_leave(exporter, NULL);
}

static int status_of(enum dps_control_code code)
{
	switch (code) {
	case DPS_CODE_VERSION:
	case DPS_CODE_BUSY:
	case DPS_CODE_NOT_TRUSTED:
	case DPS_CODE_SEAL:
	case DPS_CODE_LIMIT:
		return DPS_EXIT_REFUSED;
	case DPS_CODE_PROTOCOL:
	case DPS_CODE_UNREACHABLE:
	case DPS_CODE_SHUTTING_DOWN:
	case DPS_CODE_IDLE:
		return DPS_EXIT_LOST;
	default:
		return DPS_EXIT_NOT_ALL;
	}
}

/* It ends the transfer, or the whole connection. */
static void on_end(struct dps_exporter *exporter, const struct dps_message_end *end,
		   bool is_connection, uint64_t now_ns)
{
	int status = status_of(end->code);
	/* Of the connection alone: what found no space comes again over another. */
	bool goes_on = is_passing(end->code) || (is_connection && end->code == DPS_CODE_SPACE);

	if (dps_exporter_can_park(exporter) && goes_on) {
		dps_exporter_park(exporter, NULL, now_ns, "%s ended the connection (%s): %s",
				  exporter->peer_name, dps_control_code_name(end->code), end->text);
		return;
	}
	if (end->code == DPS_CODE_SUPERSEDED) {
		dps_exporter_on_taken_over(exporter);
		return;
	}
	if (status == DPS_EXIT_NOT_ALL)
		dps_export_fail_rest(&exporter->export, end->code, end->text);
	dps_exporter_fail(exporter, status, "%s ended the transfer (%s): %s", exporter->peer_name,
			  dps_control_code_name(end->code), end->text);
	dps_exporter_leave(exporter, NULL);
}

static void on_blocked(struct dps_exporter *exporter, uint32_t why, uint64_t now_ns)
{
	struct dps_exporter_blocked *blocked = &exporter->blocked;
	struct dps_report_blocked said = {
		.transfer = exporter->export.id,
		.why = why == DPS_BLOCKED_NOTHING ? NULL : dps_blocked_why_name(why),
		.blocked_ns = dps_exporter_blocked_ns(blocked, now_ns),
	};

	if (exporter->state == DPS_EXPORTER_RESUMING)
		dps_exporter_wait_for_resumed(exporter, now_ns);
	if (!dps_exporter_blocked_note(blocked, why, now_ns))
		return;
	dps_report_clear_line(&exporter->report);
	if (said.why)
		dps_log("export", DPS_LOG_NOTICE, "blocked: %s; it goes on by itself",
			dps_exporter_blocked_text(blocked));
	else
		dps_log("export", DPS_LOG_NOTICE, "not blocked any more after %" PRIu64 " s",
			said.blocked_ns / DPS_NS_PER_S);
	dps_report_on_blocked(&exporter->report, &said);
}

void dps_exporter_on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;
	bool has_transfer = exporter->state == DPS_EXPORTER_MOVING ||
			    exporter->state == DPS_EXPORTER_ATTACHING ||
			    exporter->state == DPS_EXPORTER_RESUMING;

	if (exporter->state == DPS_EXPORTER_PARKED || exporter->state == DPS_EXPORTER_DETACHED)
		return; /* what there was of a connection has ended for us */
	switch (message->type) {
	case DPS_MESSAGE_REFUSE:
		on_refuse(exporter, &message->refuse, now_ns);
		return;
	case DPS_MESSAGE_ERROR:
		on_end(exporter, &message->error, true, now_ns);
		return;
	case DPS_MESSAGE_CANCEL:
		on_end(exporter, &message->cancel, false, now_ns);
		return;
	case DPS_MESSAGE_HELLO:
		if (exporter->state == DPS_EXPORTER_GREETING) {
			on_hello(exporter, &message->hello, now_ns);
			return;
		}
		break;
	case DPS_MESSAGE_BLOCKED:
		if (has_transfer) {
			on_blocked(exporter, message->blocked.why, now_ns);
			return;
		}
		break;
	case DPS_MESSAGE_DONE:
		if (has_transfer && !exporter->export.is_resuming &&
		    !exporter->export.is_attaching) {
			on_done(exporter);
			return;
		}
		break;
	default:
		if (!has_transfer || !dps_export_on_message(&exporter->export, message))
			break;
		if (exporter->state == DPS_EXPORTER_ATTACHING && !exporter->export.is_attaching)
			dps_exporter_on_attached(exporter, now_ns);
		if (exporter->state == DPS_EXPORTER_RESUMING) {
			dps_exporter_wait_for_resumed(exporter, now_ns);
			dps_exporter_go_on(exporter, now_ns);
		}
		return;
	}
	dps_exporter_fail(exporter, DPS_EXIT_LOST,
			  "%s breaks the protocol with a message %s that makes no sense here",
			  exporter->peer_name, dps_message_type_name(message->type));
	dps_exporter_leave_with(exporter, DPS_CODE_PROTOCOL, "a message that makes no sense here");
}

/* One of both does not trust the other: another attempt would end alike. */
static void refuse_peer(struct dps_exporter *exporter, const char *why)
{
	dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "%s", why);
	dps_export_give_up(&exporter->export);
	dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
}

void dps_exporter_on_closed(void *context, const char *why, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	if (exporter->state == DPS_EXPORTER_PARKED || exporter->state == DPS_EXPORTER_DETACHED)
		return; /* the one before this: the next may be dialled */
	if (exporter->link.connection.is_refused) {
		refuse_peer(exporter, why);
		return;
	}
	if (dps_exporter_can_detach(exporter)) {
		dps_exporter_detach(exporter, now_ns, "lost the control connection to %s (%s)",
				    exporter->peer_name, why);
		return;
	}
	/* What the link itself broke off would be said again on another one. */
	if (dps_exporter_can_park(exporter) && !exporter->link.is_finishing) {
		dps_exporter_park(exporter, NULL, now_ns, "lost the control connection to %s (%s)",
				  exporter->peer_name, why);
		return;
	}
	if (exporter->state < DPS_EXPORTER_LEAVING)
		dps_exporter_fail(exporter, DPS_EXIT_LOST,
				  "lost the control connection to %s (%s); run the same command "
				  "again when it "
				  "is back",
				  exporter->peer_name, why);
	dps_export_give_up(&exporter->export);
	dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
}
