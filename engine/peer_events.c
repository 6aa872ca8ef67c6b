/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the program is to hear, each thing once. Nothing is queued for that but the life of the
 * peer, which goes no further before it was heard; the rest stands where it happened.
 */
#include "engine/bits.h"
#include "engine/peer.h"
#include "engine/peer_meter.h"
#include <dps/assert.h>

/* From one dial to the next: dialling, greeted, lost, retry; once more, where it is accepted. */
enum { TOLD_PER_CONNECTION = 4 };

void dps_peer_tell(struct dps_peer *peer, const struct dps_peer_event *event)
{
	DPS_ASSERT(peer->told_tail - peer->told_head < DPS_PEER_TOLD_MAX);
	peer->told[peer->told_tail++ % DPS_PEER_TOLD_MAX] = *event;
}

bool dps_peer_has_told_all(const struct dps_peer *peer)
{
	return peer->told_head == peer->told_tail;
}

bool dps_peer_has_room_to_tell(const struct dps_peer *peer)
{
	return peer->told_tail - peer->told_head <= DPS_PEER_TOLD_MAX - TOLD_PER_CONNECTION;
}

/* Of calls, those too that are over and still to be called off have their places. */
static bool is_low(const struct dps_peer *peer, enum dps_peer_class class)
{
	return dps_peer_queue_is_low(&peer->queue, class) &&
	       (class != DPS_PEER_CALL || peer->calls_free.first != DPS_PEER_NONE);
}

static uint32_t backlog_to_tell(const struct dps_peer *peer)
{
	uint32_t classes = peer->high & ~peer->high_told;

	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		if ((peer->high_told & 1u << i) != 0 && is_low(peer, (enum dps_peer_class)i))
			classes |= 1u << i;
	return classes;
}

bool dps_peer_has_events(const struct dps_peer *peer)
{
	return !dps_peer_has_told_all(peer) || peer->calls_done.first != DPS_PEER_NONE ||
	       peer->requests_over > 0 ||
	       peer->requests_by[DPS_PEER_REQUEST_READY].first != DPS_PEER_NONE ||
	       peer->inbox.notices > 0 || backlog_to_tell(peer) != 0 || peer->is_over_owed;
}

static bool emit_life(struct dps_peer *peer, struct dps_peer_event *event)
{
	if (dps_peer_has_told_all(peer))
		return false;
	*event = peer->told[peer->told_head++ % DPS_PEER_TOLD_MAX];
	return true;
}

static bool emit_notice(struct dps_peer *peer, enum dps_peer_class class,
			struct dps_peer_event *event, uint64_t now_ns)
{
	uint32_t message = dps_peer_inbox_next(&peer->inbox, class);
	const struct dps_peer_arrival *arrival;

	if (message == DPS_BLOCK_NONE)
		return false;
	arrival = &peer->inbox.arrivals[message];
	*event = (struct dps_peer_event){
		.kind = DPS_PEER_EVENT_NOTICE,
		.message_class = class,
		.bytes = arrival->bytes,
	};
	dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_RECEIVED], arrival->at_ns, now_ns);
	peer->lent = message;
	return true;
}

/* High and then low of each class, however fast it went by. */
static bool emit_backlog(struct dps_peer *peer, struct dps_peer_event *event)
{
	uint32_t classes = backlog_to_tell(peer), bit = 1;
	enum dps_peer_class class = DPS_PEER_CONTROL;

	if (classes == 0)
		return false;
	for (; (classes & bit) == 0; bit <<= 1)
		class ++;
	*event = (struct dps_peer_event){ .message_class = class };
	if ((peer->high_told & bit) == 0) {
		event->kind = DPS_PEER_EVENT_BACKLOG_HIGH;
		peer->high_told |= bit;
	} else {
		event->kind = DPS_PEER_EVENT_BACKLOG_LOW;
		peer->high &= ~bit;
		peer->high_told &= ~bit;
	}
	return true;
}

/* Behind all else, so that nothing comes after it. */
static bool emit_over(struct dps_peer *peer, struct dps_peer_event *event)
{
	if (!peer->is_over_owed)
		return false;
	*event = peer->over;
	peer->is_over_owed = false;
	return true;
}

bool dps_peer_emit_event(struct dps_peer *peer, struct dps_peer_event *event, uint64_t now_ns)
{
	if (peer == NULL || event == NULL || peer->is_gone)
		return false;
	dps_owner_take(&peer->owner);
	if (!dps_owner_is_here(peer->owner))
		return false;
	if (peer->lent != DPS_PEER_NONE)
		dps_peer_inbox_give(&peer->inbox, peer->lent);
	peer->lent = DPS_PEER_NONE;
	/* Control first, as on the wire: what was said in front of an answer is heard before it. */
	return emit_life(peer, event) || emit_notice(peer, DPS_PEER_CONTROL, event, now_ns) ||
	       dps_peer_calls_emit(peer, event) || dps_peer_requests_emit_over(peer, event) ||
	       dps_peer_requests_emit(peer, event, now_ns) ||
	       emit_notice(peer, DPS_PEER_BULK, event, now_ns) || emit_backlog(peer, event) ||
	       emit_over(peer, event);
}

uint32_t dps_peer_read_body(const struct dps_peer *peer, uint32_t offset, void *memory,
			    uint32_t room)
{
	struct dps_block_cursor cursor;
	uint32_t bytes;

	if (peer == NULL || memory == NULL || peer->lent == DPS_PEER_NONE ||
	    offset >= peer->inbox.arrivals[peer->lent].bytes)
		return 0;
	bytes = (uint32_t)dps_min_u64(peer->inbox.arrivals[peer->lent].bytes - offset, room);
	cursor = dps_blocks_seek(&peer->inbox.blocks, peer->lent, offset);
	dps_blocks_get(&peer->inbox.blocks, &cursor, memory, bytes);
	return bytes;
}
