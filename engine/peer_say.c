/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program says: into the queue, or an answer why not. Calls and answers have files of
 * theirs. */
#include "engine/peer.h"
#include <errno.h>

static int be_full(struct dps_peer *peer, uint8_t class)
{
	peer->high |= 1u << class;
	peer->figures.refused++;
	return -EAGAIN;
}

int dps_peer_enqueue(struct dps_peer *peer, const struct dps_peer_message *message,
		     const void *body, uint32_t *queued)
{
	if (message->bytes > peer->config.body_bytes_max)
		return -EMSGSIZE;
	*queued = dps_peer_queue_push(&peer->queue, message, body);
	return *queued != DPS_BLOCK_NONE ? 0 : be_full(peer, message->class);
}

int dps_peer_say(struct dps_peer *peer, const struct dps_peer_message *message, const void *body,
		 bool has_slot, uint32_t *queued)
{
	if (peer->state > DPS_PEER_CONNECTED)
		return -ESHUTDOWN;
	if (message->bytes <= peer->config.body_bytes_max && !has_slot)
		return be_full(peer, message->class);
	return dps_peer_enqueue(peer, message, body, queued);
}

int dps_peer_notify(struct dps_peer *peer, enum dps_peer_class message_class, const void *body,
		    uint32_t bytes, uint64_t now_ns)
{
	struct dps_peer_message message = {
		.queued_at_ns = now_ns,
		.bytes = bytes,
		.kind = DPS_PEER_NOTICE,
		.class = (uint8_t)message_class,
	};
	uint32_t queued;
	int error = dps_peer_may_call(peer);

	if (error != 0)
		return error;
	if ((message_class != DPS_PEER_CONTROL && message_class != DPS_PEER_BULK) ||
	    (body == NULL && bytes > 0))
		return -EINVAL;
	return dps_peer_say(peer, &message, body, true, &queued);
}
