/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer is made of: its configuration, its memory, and its figures. */
#include "engine/peer.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/error.h>

enum {
	ALIGNMENT = 64,
	BODY_BYTES = 64 << 10,
	CALLS = 64,
	STEPS = 8, /* of a queue's budget; one holds the longest message */
	CALL_TIMEOUT_S = 60,
	CONNECT_TIMEOUT_S = 5,
	BACKOFF_CAP_S = 3600,
	STABLE_S = 60,
	LINGER_S = 1,
};

static const char *const reason_names[DPS_PEER_REASONS] = {
	[DPS_PEER_REASON_NONE] = "none",
	[DPS_PEER_UNREACHABLE] = "unreachable",
	[DPS_PEER_CONNECT_TIMEOUT] = "connect_timeout",
	[DPS_PEER_HELLO_TIMEOUT] = "hello_timeout",
	[DPS_PEER_VERSION_UNKNOWN] = "version",
	[DPS_PEER_LONGER_MESSAGES] = "longer_messages",
	[DPS_PEER_OTHER_BLOCKS] = "other_blocks",
	[DPS_PEER_CONNECTION_FAILED] = "connection_failed",
	[DPS_PEER_ENDED] = "ended",
	[DPS_PEER_TRUNCATED] = "truncated",
	[DPS_PEER_BAD_LENGTH] = "bad_length",
	[DPS_PEER_PROTOCOL] = "protocol",
	[DPS_PEER_BEYOND_CREDIT] = "beyond_credit",
	[DPS_PEER_ANSWERS_NOTHING] = "answers_nothing",
	[DPS_PEER_SUPERSEDED] = "superseded",
	[DPS_PEER_ASKED] = "asked",
	[DPS_PEER_GRACE_OVER] = "grace_over",
};

const char *dps_peer_reason_name(enum dps_peer_reason reason)
{
	return (unsigned int)reason < DPS_PEER_REASONS ? reason_names[reason] : "unknown";
}

void dps_peer_config_init(struct dps_peer_config *config)
{
	*config = (struct dps_peer_config){
		.body_bytes_max = BODY_BYTES,
		.queue_bytes = STEPS * BODY_BYTES,
		.control_bytes = 2 * BODY_BYTES,
		.bulk_bytes = 4 * BODY_BYTES,
		.request_bytes = 4 * BODY_BYTES,
		.calls = CALLS,
		.requests = CALLS,
		.requests_waiting = CALLS / 2,
		.patience_bytes = { 0, BODY_BYTES, 2 * BODY_BYTES, 4 * BODY_BYTES },
		.call_timeout_ns = CALL_TIMEOUT_S * DPS_NS_PER_S,
		.connect_timeout_ns = CONNECT_TIMEOUT_S * DPS_NS_PER_S,
		.backoff_cap_ns = BACKOFF_CAP_S * DPS_NS_PER_S,
		.stable_ns = STABLE_S * DPS_NS_PER_S,
		.linger_ns = LINGER_S * DPS_NS_PER_S,
	};
}

static void inbox_limits(const struct dps_peer_config *config, uint32_t limits[DPS_PEER_CLASSES])
{
	limits[DPS_PEER_CONTROL] = config->control_bytes;
	limits[DPS_PEER_REPLY] = 0; /* an answer comes into the room of its call */
	limits[DPS_PEER_CALL] = config->request_bytes;
	limits[DPS_PEER_BULK] = config->bulk_bytes;
}

static bool is_between(uint64_t value, uint64_t low, uint64_t high)
{
	return value >= low && value <= high;
}

static bool is_valid(const struct dps_peer_config *config)
{
	const uint32_t most = 1 << 30;
	uint64_t longest = (uint64_t)dps_peer_cost(config->body_bytes_max);

	return is_between(config->body_bytes_max, 1, DPS_PEER_BODY_BYTES_LIMIT) &&
	       is_between(config->queue_bytes, STEPS * longest, most) &&
	       is_between(config->control_bytes, 2 * longest, most) &&
	       is_between(config->bulk_bytes, 2 * longest, most) &&
	       is_between(config->request_bytes, longest, most) &&
	       is_between(config->calls, 1, DPS_PEER_CALLS_LIMIT) &&
	       is_between(config->requests, 1, DPS_PEER_CALLS_LIMIT) &&
	       config->requests_waiting <= config->requests;
}

/* The parts of the memory, in order. */
enum { SELF, QUEUE, INBOX, CALLS_PART, REQUESTS, TIMERS, PARTS };

static size_t parts_of(const struct dps_peer_config *config, size_t at[PARTS])
{
	uint32_t limits[DPS_PEER_CLASSES];
	size_t bytes[PARTS] = {
		[SELF] = sizeof(struct dps_peer),
		[QUEUE] = dps_peer_queue_memory_bytes(config->queue_bytes),
		[CALLS_PART] = config->calls * sizeof(struct dps_peer_call_slot),
		[REQUESTS] = config->requests * sizeof(struct dps_peer_request_slot),
		[TIMERS] = dps_timers_bytes(config->calls),
	};
	size_t end = 0;

	inbox_limits(config, limits);
	bytes[INBOX] = dps_peer_inbox_memory_bytes(limits);
	for (unsigned int i = 0; i < PARTS; i++) {
		at[i] = end;
		end += dps_round_up(bytes[i], ALIGNMENT);
	}
	return end;
}

size_t dps_peer_bytes(const struct dps_peer_config *config)
{
	size_t at[PARTS];

	return config != NULL && is_valid(config) ? parts_of(config, at) : 0;
}

struct dps_peer *dps_peer_init(void *memory, const struct dps_peer_config *config)
{
	uint32_t limits[DPS_PEER_CLASSES];
	struct dps_peer *peer = memory;
	uint8_t *bytes = memory;
	size_t at[PARTS];

	if (memory == NULL || (uintptr_t)memory % ALIGNMENT != 0 || config == NULL ||
	    !is_valid(config))
		return NULL;
	parts_of(config, at);
	inbox_limits(config, limits);
	*peer = (struct dps_peer){
		.config = *config,
		.state = DPS_PEER_IDLE,
		.until_ns = DPS_NEVER_NS,
		.lent = DPS_PEER_NONE,
		.over = { .kind = DPS_PEER_EVENT_CLOSED },
		.calls = (struct dps_peer_call_slot *)(void *)(bytes + at[CALLS_PART]),
		.requests = (struct dps_peer_request_slot *)(void *)(bytes + at[REQUESTS]),
	};
	dps_peer_queue_init(&peer->queue, bytes + at[QUEUE], config->queue_bytes,
			    config->patience_bytes);
	dps_peer_inbox_init(&peer->inbox, bytes + at[INBOX], limits);
	dps_timers_init(&peer->timers, bytes + at[TIMERS], config->calls);
	dps_peer_calls_init(peer);
	dps_peer_requests_init(peer);
	dps_peer_streams_init(peer);
	return peer;
}

void dps_peer_fini(struct dps_peer *peer)
{
	if (peer == NULL || peer->is_gone)
		return;
	dps_peer_requests_fini(peer);
	peer->is_gone = true;
	peer->state = DPS_PEER_CLOSED;
	peer->lent = DPS_PEER_NONE;
	peer->drop_epoch = 0;
}

void dps_peer_hand_over(struct dps_peer *peer)
{
	peer->owner = dps_owner_here();
}

int dps_peer_may_call(const struct dps_peer *peer)
{
	if (peer == NULL || peer->is_gone)
		return -DPS_ERROR_CLOSED;
	return dps_owner_is_here(peer->owner) ? 0 : -DPS_ERROR_THREAD;
}

static uint32_t transferring(const struct dps_peer *peer)
{
	uint32_t count = 0;

	for (uint32_t i = peer->writer.head; i != peer->writer.tail; i++)
		count += peer->writer.frames[i % DPS_PEER_FRAMES].message != DPS_PEER_NONE;
	return count;
}

void dps_peer_read(const struct dps_peer *peer, struct dps_peer_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	if (peer == NULL) {
		*snapshot = (struct dps_peer_snapshot){ .state = DPS_PEER_CLOSED };
		return;
	}
	*snapshot = peer->figures;
	snapshot->state = peer->state;
	snapshot->epoch = peer->epoch;
	snapshot->in_phase[DPS_PEER_TRANSFERRING] = transferring(peer);
	snapshot->in_phase[DPS_PEER_QUEUED] =
		peer->queue.count - snapshot->in_phase[DPS_PEER_TRANSFERRING];
	snapshot->in_phase[DPS_PEER_RECEIVED] = peer->inbox.notices +
						peer->requests_count[DPS_PEER_REQUEST_WAITING] +
						peer->requests_count[DPS_PEER_REQUEST_READY];
	snapshot->in_phase[DPS_PEER_HANDLED] = peer->requests_count[DPS_PEER_REQUEST_TAKEN];
	snapshot->calls_now = peer->calls_now;
	snapshot->requests_now = dps_peer_requests_held(peer);
}
