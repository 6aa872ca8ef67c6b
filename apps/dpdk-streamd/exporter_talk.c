/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter talk: what the collector and the lane say, and what becomes of it. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
	STOPPED = 128, /* plus the signal */
	HELLO_S = 10,
};

void dps_exporter_say_hello(struct dps_exporter *exporter)
{
	struct dps_message message = { .type = DPS_MESSAGE_HELLO };
	uint64_t epoch;

	if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
		epoch = dps_node_now_ns(exporter->node);
	dps_node_fill_hello(exporter->node, &message.hello, DPS_ROLE_EXPORT,
			    exporter->connection_id, epoch >> 1);
	dps_peer_link_say(&exporter->link, &message);
	dps_exporter_enter(exporter, DPS_EXPORTER_GREETING,
			   dps_node_now_ns(exporter->node) + HELLO_S * DPS_NS_PER_S);
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
	if (strcmp(hello->seal, "clear") != 0) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s wants `%.32s` packets and this exporter has none; run both with "
			 "--clear",
			 exporter->peer_name, hello->seal);
		return DPS_CODE_SEAL;
	}
	if (hello->chunk_bytes != chunk_bytes) {
		snprintf(text, DPS_EXPORTER_SENTENCE_BYTES,
			 "%s works in chunks of %u KiB and this exporter of %u KiB; give both the "
			 "same --chunk",
			 exporter->peer_name, hello->chunk_bytes >> 10, chunk_bytes >> 10);
		return DPS_CODE_LIMIT;
	}
	return DPS_CODE_NONE;
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
	enum dps_control_code code = judge(exporter, hello, text);

	if (code != DPS_CODE_NONE) {
		dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "%s", text);
		dps_exporter_leave_with(exporter, code, text);
		return;
	}
	dps_log("export", DPS_LOG_INFO, "%s is %s", exporter->peer_name, hello->software);
	dps_report_on_hello(&exporter->report, &said);
	exporter->peer_stores = !has_feature(hello, "discard");
	dps_node_open_path(exporter->node, exporter->path, hello, &exporter->peer_address);
	dps_exporter_enter(exporter, DPS_EXPORTER_PROBING,
			   now_ns + exporter->options->connect_timeout_ns);
}

static void on_refuse(struct dps_exporter *exporter, const struct dps_message_refuse *refuse)
{
	char shown[DPS_NAME_SHOWN_BYTES];

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
	if (export->files_failed > 0 || export->settled_count < export->files_count)
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
static void on_end(struct dps_exporter *exporter, const struct dps_message_end *end)
{
	int status = status_of(end->code);

	if (status == DPS_EXIT_NOT_ALL)
		dps_export_fail_rest(&exporter->export, end->code, end->text);
	dps_exporter_fail(exporter, status, "%s ended the transfer (%s): %s", exporter->peer_name,
			  dps_control_code_name(end->code), end->text);
	dps_exporter_leave(exporter, NULL);
}

void dps_exporter_on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	switch (message->type) {
	case DPS_MESSAGE_REFUSE:
		on_refuse(exporter, &message->refuse);
		return;
	case DPS_MESSAGE_ERROR:
		on_end(exporter, &message->error);
		return;
	case DPS_MESSAGE_CANCEL:
		on_end(exporter, &message->cancel);
		return;
	case DPS_MESSAGE_HELLO:
		if (exporter->state == DPS_EXPORTER_GREETING) {
			on_hello(exporter, &message->hello, now_ns);
			return;
		}
		break;
	case DPS_MESSAGE_DONE:
		if (exporter->state == DPS_EXPORTER_MOVING) {
			on_done(exporter);
			return;
		}
		break;
	default:
		if (exporter->state == DPS_EXPORTER_MOVING &&
		    dps_export_on_message(&exporter->export, message))
			return;
		break;
	}
	dps_exporter_fail(exporter, DPS_EXIT_LOST,
			  "%s breaks the protocol with a message %s that makes no sense here",
			  exporter->peer_name, dps_message_type_name(message->type));
	dps_exporter_leave_with(exporter, DPS_CODE_PROTOCOL, "a message that makes no sense here");
}

void dps_exporter_on_closed(void *context, const char *why, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	(void)now_ns;
	if (exporter->state < DPS_EXPORTER_LEAVING)
		dps_exporter_fail(exporter, DPS_EXIT_LOST,
				  "lost the control connection to %s (%s); run the same command "
				  "again when it "
				  "is back",
				  exporter->peer_name, why);
	dps_export_give_up(&exporter->export);
	dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
}

void dps_exporter_on_path_lost(struct dps_exporter *exporter, uint32_t reason)
{
	char text[256];

	if (exporter->state == DPS_EXPORTER_PROBING || reason == DPS_CLOSE_UNREACHABLE)
		snprintf(text, sizeof(text),
			 "the data path is dead: no packet gets through between %s and %s though "
			 "the control connection works; look for a firewall, and that both ports "
			 "are on one network",
			 exporter->options->port, exporter->peer_name);
	else if (reason == DPS_CLOSE_LOSS)
		snprintf(text, sizeof(text),
			 "more than a fifth of the packets was lost for five seconds; lower --rate "
			 "or look at the way");
	else
		snprintf(text, sizeof(text), "the data path to %s went silent; look at the way",
			 exporter->peer_name);
	dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s, then run the same command again", text);
	dps_exporter_leave_with(exporter, DPS_CODE_UNREACHABLE, text);
}

static void start_moving(struct dps_exporter *exporter, uint32_t payload_bytes, uint64_t now_ns)
{
	const struct dps_report_offer offer = {
		.transfer = exporter->export.id,
		.files = exporter->export.files_count,
		.bytes = exporter->export.bytes_total,
	};

	if (exporter->state != DPS_EXPORTER_PROBING)
		return;
	dps_log("export", DPS_LOG_INFO, "the data path is open, %" PRIu32 " bytes a packet",
		payload_bytes);
	exporter->started_at_ns = now_ns;
	exporter->export.path = exporter->path;
	dps_report_on_offer(&exporter->report, &offer);
	dps_report_start(&exporter->report, now_ns);
	exporter->advanced_at_ns = now_ns;
	dps_exporter_enter(exporter, DPS_EXPORTER_MOVING, DPS_NEVER_NS);
}

void dps_exporter_on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	if (event->type == DPS_LANE_PATH_FAILED) {
		dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s cannot send to %s: %s",
				  exporter->options->port, exporter->peer_name,
				  event->engine.error == -ENETUNREACH
					  ? "its address is not in the subnet of --ip"
				  : event->engine.error == -EAFNOSUPPORT
					  ? "one side has IPv4, the other IPv6; "
					    "give both the same kind with --ip or udp:ADDR"
					  : strerror(-event->engine.error));
		dps_exporter_leave_with(exporter, DPS_CODE_UNREACHABLE, exporter->sentence);
	} else if (event->type == DPS_LANE_ENGINE && event->engine.type == DPS_EVENT_PATH_OPEN) {
		start_moving(exporter, event->engine.bytes, now_ns);
	} else if (event->type == DPS_LANE_ENGINE && event->engine.type == DPS_EVENT_PATH_LOST) {
		if (exporter->state < DPS_EXPORTER_LEAVING)
			dps_exporter_on_path_lost(exporter, (uint32_t)event->engine.error);
	} else {
		dps_export_on_lane_event(&exporter->export, event, now_ns);
	}
}

void dps_exporter_on_stop(void *context, int signal, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;
	const struct dps_message message = {
		.type = DPS_MESSAGE_CANCEL,
		.cancel = { .channel = 1,
			    .code = DPS_CODE_CANCELLED,
			    .text = "the exporter was stopped" },
	};

	(void)now_ns;
	if (exporter->state >= DPS_EXPORTER_LEAVING)
		return; /* how it ended is known already */
	dps_exporter_fail(exporter, STOPPED + signal,
			  "stopped by a signal; run the same command again");
	if (exporter->state == DPS_EXPORTER_MOVING)
		dps_exporter_leave(exporter, &message);
	else
		dps_exporter_leave_with(exporter, DPS_CODE_CANCELLED, "the exporter was stopped");
}
