/* SPDX-License-Identifier: BSD-3-Clause */
/* What two peers say of their streams, and what their connection means for these. */
#include "engine/peer.h"
#include <dps/stream_carriage.h>

void dps_peer_streams_init(const struct dps_peer *peer)
{
	struct dps_streams *streams = peer->config.streams;

	if (streams != NULL && dps_streams_epoch(streams) != 0)
		(void)dps_streams_park(streams, dps_streams_epoch(streams));
}

/* Where the far side has none, ours wait for a connection on which it has. */
void dps_peer_streams_on_hello(struct dps_peer *peer, uint32_t block_bytes)
{
	if (peer->config.streams != NULL && block_bytes != 0)
		(void)dps_streams_resume(peer->config.streams, peer->epoch);
}

bool dps_peer_streams_agree(const struct dps_peer *peer, uint32_t block_bytes)
{
	uint32_t ours = dps_peer_streams_block_bytes(peer);

	return ours == 0 || block_bytes == 0 || ours == block_bytes;
}

uint32_t dps_peer_streams_block_bytes(const struct dps_peer *peer)
{
	return peer->config.streams != NULL ? dps_streams_block_bytes(peer->config.streams) : 0;
}

void dps_peer_streams_park(const struct dps_peer *peer)
{
	if (peer->config.streams != NULL)
		(void)dps_streams_park(peer->config.streams, peer->epoch);
}

static uint32_t close_reason_of(enum dps_peer_reason reason)
{
	switch (reason) {
	case DPS_PEER_ASKED:
		return DPS_CLOSE_DONE;
	case DPS_PEER_GRACE_OVER:
		return DPS_CLOSE_SHUTDOWN;
	case DPS_PEER_BAD_LENGTH:
	case DPS_PEER_PROTOCOL:
	case DPS_PEER_BEYOND_CREDIT:
	case DPS_PEER_ANSWERS_NOTHING:
		return DPS_CLOSE_PROTOCOL;
	default:
		return DPS_CLOSE_UNREACHABLE;
	}
}

void dps_peer_streams_lose(const struct dps_peer *peer, enum dps_peer_reason reason)
{
	if (peer->config.streams != NULL)
		dps_streams_lose(peer->config.streams, close_reason_of(reason));
}

/* Of who closes first, what was opened before may be named behind its closing: it is taken in. */
void dps_peer_streams_shut(const struct dps_peer *peer, bool is_ours)
{
	if (peer->config.streams != NULL)
		dps_streams_shut(peer->config.streams, is_ours);
}

bool dps_peer_streams_are_over(const struct dps_peer *peer)
{
	return peer->config.streams == NULL || dps_streams_are_over(peer->config.streams);
}

bool dps_peer_streams_have_words(const struct dps_peer *peer)
{
	return peer->config.streams != NULL &&
	       dps_streams_has_messages(peer->config.streams, peer->epoch);
}

bool dps_peer_streams_take_word(const struct dps_peer *peer, struct dps_stream_message *word)
{
	return dps_streams_emit_messages(peer->config.streams, peer->epoch, word, 1) == 1;
}

bool dps_peer_streams_on_word(const struct dps_peer *peer, const uint8_t *body, uint32_t bytes)
{
	struct dps_stream_message word;

	if (peer->config.streams == NULL || !dps_peer_word_decode(&word, body, bytes))
		return false;
	dps_streams_on_message(peer->config.streams, peer->epoch, &word);
	return true;
}
