/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes. A head says where its body goes before the first byte of it is there: to a request,
 * the inbox, the room of a call's answer, or nowhere. Whatever it is, it is taken.
 */
#include "engine/bits.h"
#include "engine/peer.h"
#include <dps/assert.h>

void dps_peer_reader_reset(struct dps_peer *peer)
{
	if (peer->reader.place == DPS_PEER_PLACE_NOTICE)
		dps_peer_inbox_give(&peer->inbox, peer->reader.index);
	peer->reader = (struct dps_peer_reader){ 0 };
}

void dps_peer_reader_forget_call(struct dps_peer *peer, uint32_t index)
{
	if (peer->reader.place == DPS_PEER_PLACE_ANSWER && peer->reader.index == index)
		peer->reader.place = DPS_PEER_PLACE_NOWHERE;
}

void dps_peer_reader_forget_request(struct dps_peer *peer)
{
	if (peer->reader.place == DPS_PEER_PLACE_REQUEST)
		peer->reader.place = DPS_PEER_PLACE_NOWHERE;
}

/* ---- Heads: where the body goes. Each returns why the connection must end, or NONE. ---- */

static enum dps_peer_reason on_request_head(struct dps_peer *peer)
{
	struct dps_peer_reader *reader = &peer->reader;

	if (!dps_peer_credit_on_come(peer, DPS_PEER_CALL, 1))
		return DPS_PEER_BEYOND_CREDIT;
	if (!dps_peer_request_arrive(peer, &reader->head, &reader->index))
		return DPS_PEER_PROTOCOL;
	reader->place = DPS_PEER_PLACE_REQUEST;
	if (peer->requests[reader->index].message != DPS_PEER_NONE)
		reader->cursor = dps_blocks_seek(&peer->inbox.blocks,
						 peer->requests[reader->index].message, 0);
	return DPS_PEER_REASON_NONE;
}

static enum dps_peer_reason on_notice_head(struct dps_peer *peer)
{
	struct dps_peer_reader *reader = &peer->reader;
	const struct dps_peer_head *head = &reader->head;
	enum dps_peer_class class = (enum dps_peer_class)head->class;

	if (class != DPS_PEER_BULK && class != DPS_PEER_CONTROL)
		return DPS_PEER_PROTOCOL;
	if (!dps_peer_credit_on_come(peer, class, dps_peer_cost(head->body_bytes)))
		return DPS_PEER_BEYOND_CREDIT;
	reader->index = dps_peer_inbox_take(&peer->inbox, class, head->body_bytes);
	DPS_ASSERT(reader->index != DPS_BLOCK_NONE); /* credit is given for what is free */
	reader->place = DPS_PEER_PLACE_NOTICE;
	reader->cursor = dps_blocks_seek(&peer->inbox.blocks, reader->index, 0);
	return DPS_PEER_REASON_NONE;
}

static enum dps_peer_reason on_answer_head(struct dps_peer *peer)
{
	struct dps_peer_reader *reader = &peer->reader;

	reader->index = dps_peer_call_answered(peer, reader->head.id);
	reader->place =
		reader->index == DPS_PEER_NONE ? DPS_PEER_PLACE_NOWHERE : DPS_PEER_PLACE_ANSWER;
	return peer->strange > DPS_PEER_STRANGE_MAX ? DPS_PEER_ANSWERS_NOTHING
						    : DPS_PEER_REASON_NONE;
}

static bool is_message(uint8_t kind)
{
	return kind == DPS_PEER_REQUEST || kind == DPS_PEER_ANSWER || kind == DPS_PEER_NOTICE;
}

static enum dps_peer_reason on_head(struct dps_peer *peer)
{
	struct dps_peer_reader *reader = &peer->reader;
	uint8_t kind = reader->head.kind;

	if ((kind == DPS_PEER_HELLO) != (peer->state == DPS_PEER_GREETING))
		return DPS_PEER_PROTOCOL;
	if (is_message(kind) && reader->head.body_bytes > peer->config.body_bytes_max)
		return DPS_PEER_BAD_LENGTH;
	switch (kind) {
	case DPS_PEER_REQUEST:
		return on_request_head(peer);
	case DPS_PEER_ANSWER:
		return on_answer_head(peer);
	case DPS_PEER_NOTICE:
		return on_notice_head(peer);
	case DPS_PEER_HELLO:
	case DPS_PEER_STREAM:
	case DPS_PEER_CANCEL:
	case DPS_PEER_CREDIT:
	case DPS_PEER_CLOSING:
	case DPS_PEER_BYE:
		reader->place = DPS_PEER_PLACE_OWN;
		return DPS_PEER_REASON_NONE;
	default:
		peer->figures.unknown_frames++;
		reader->place = DPS_PEER_PLACE_NOWHERE;
		return DPS_PEER_REASON_NONE;
	}
}

/* ---- Bodies. ---- */

/* Of a frame that grew in a later version, the part that we know. */
static void put_own(struct dps_peer_reader *reader, const uint8_t *bytes, uint32_t length)
{
	if (reader->have >= sizeof(reader->own))
		return;
	memcpy(reader->own + reader->have, bytes,
	       dps_min_u64(length, sizeof(reader->own) - reader->have));
}

static void put_answer(struct dps_peer *peer, const uint8_t *bytes, uint32_t length)
{
	const struct dps_peer_call_slot *slot = &peer->calls[peer->reader.index];
	uint32_t have = peer->reader.have;

	if (have < slot->answer_room)
		memcpy(slot->answer + have, bytes, dps_min_u64(length, slot->answer_room - have));
}

static void put_body(struct dps_peer *peer, const uint8_t *bytes, uint32_t length)
{
	struct dps_peer_reader *reader = &peer->reader;

	switch (reader->place) {
	case DPS_PEER_PLACE_OWN:
		put_own(reader, bytes, length);
		break;
	case DPS_PEER_PLACE_REQUEST:
		if (peer->requests[reader->index].message != DPS_PEER_NONE)
			dps_blocks_put(&peer->inbox.blocks, &reader->cursor, bytes, length);
		break;
	case DPS_PEER_PLACE_NOTICE:
		dps_blocks_put(&peer->inbox.blocks, &reader->cursor, bytes, length);
		break;
	case DPS_PEER_PLACE_ANSWER:
		put_answer(peer, bytes, length);
		break;
	default:
		break;
	}
	reader->have += length;
}

static void on_answer(struct dps_peer *peer, uint32_t index, const struct dps_peer_head *head,
		      uint64_t now_ns)
{
	struct dps_peer_call_slot *slot = &peer->calls[index];

	slot->code = head->code;
	slot->answer_bytes = head->body_bytes;
	dps_peer_call_end(peer, index,
			  head->body_bytes > slot->answer_room ? DPS_PEER_LONG : DPS_PEER_ANSWERED,
			  now_ns);
}

static enum dps_peer_reason on_hello(struct dps_peer *peer, uint32_t bytes, uint64_t now_ns)
{
	struct dps_peer_hello hello;

	if (!dps_peer_hello_decode(&hello, peer->reader.own, bytes) ||
	    hello.version_min > hello.version_max)
		return DPS_PEER_PROTOCOL;
	if (hello.version_min > DPS_PEER_VERSION || hello.version_max < DPS_PEER_VERSION)
		return DPS_PEER_VERSION_UNKNOWN;
	if (hello.body_bytes_max < peer->config.body_bytes_max)
		return DPS_PEER_LONGER_MESSAGES;
	if (!dps_peer_streams_agree(peer, hello.block_bytes))
		return DPS_PEER_OTHER_BLOCKS;
	dps_peer_credit_on_told(peer, &hello.credit);
	dps_peer_on_hello(peer, now_ns);
	dps_peer_streams_on_hello(peer, hello.block_bytes);
	return DPS_PEER_REASON_NONE;
}

static enum dps_peer_reason on_own(struct dps_peer *peer, const struct dps_peer_head *head,
				   uint64_t now_ns)
{
	struct dps_peer_credit credit;

	switch (head->kind) {
	case DPS_PEER_HELLO:
		return on_hello(peer, head->body_bytes, now_ns);
	case DPS_PEER_CREDIT:
		if (!dps_peer_credit_decode(&credit, peer->reader.own, head->body_bytes))
			return DPS_PEER_PROTOCOL;
		dps_peer_credit_on_told(peer, &credit);
		return DPS_PEER_REASON_NONE;
	case DPS_PEER_STREAM:
		return dps_peer_streams_on_word(peer, peer->reader.own, head->body_bytes)
			       ? DPS_PEER_REASON_NONE
			       : DPS_PEER_PROTOCOL;
	case DPS_PEER_CANCEL:
		dps_peer_request_on_cancel(peer, head->id, now_ns);
		return DPS_PEER_REASON_NONE;
	case DPS_PEER_CLOSING:
		dps_peer_on_closing(peer, head->code, now_ns);
		return DPS_PEER_REASON_NONE;
	default:
		dps_peer_on_bye(peer, head->code, now_ns);
		return DPS_PEER_REASON_NONE;
	}
}

static void count_message(struct dps_peer *peer, const struct dps_peer_head *head)
{
	enum dps_peer_class class = (enum dps_peer_class)head->class;

	if (head->kind == DPS_PEER_REQUEST)
		class = DPS_PEER_CALL;
	else if (head->kind == DPS_PEER_ANSWER)
		class = DPS_PEER_REPLY;
	peer->figures.received[class].messages++;
	peer->figures.received[class].bytes += head->body_bytes;
}

/* The reader stands before the next head already: what a frame does may end the connection. */
static enum dps_peer_reason on_whole(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_peer_reader whole = peer->reader;

	peer->reader.place = DPS_PEER_PLACE_HEAD;
	peer->reader.have = 0;
	if (is_message(whole.head.kind))
		count_message(peer, &whole.head);
	switch (whole.place) {
	case DPS_PEER_PLACE_REQUEST:
		dps_peer_request_on_whole(peer, whole.index, now_ns);
		break;
	case DPS_PEER_PLACE_NOTICE:
		peer->inbox.arrivals[whole.index].at_ns = now_ns;
		dps_peer_inbox_add(&peer->inbox, whole.index);
		break;
	case DPS_PEER_PLACE_ANSWER:
		on_answer(peer, whole.index, &whole.head, now_ns);
		dps_peer_on_said(peer, now_ns);
		break;
	case DPS_PEER_PLACE_OWN:
		return on_own(peer, &whole.head, now_ns);
	default:
		break;
	}
	return DPS_PEER_REASON_NONE;
}

/* ---- Bytes. ---- */

/* A length is looked at as soon as it is there: of one that is wrong nothing more is believed. */
static enum dps_peer_reason take_head(struct dps_peer *peer, const uint8_t *bytes, uint32_t length)
{
	struct dps_peer_reader *reader = &peer->reader;
	struct dps_peer_head head;

	memcpy(reader->head_bytes + reader->have, bytes, length);
	reader->have += length;
	if (reader->have < DPS_PEER_LENGTH_BYTES)
		return DPS_PEER_REASON_NONE;
	if (!dps_peer_head_decode(&head, reader->head_bytes))
		return DPS_PEER_BAD_LENGTH;
	if (reader->have < DPS_PEER_HEAD_BYTES)
		return DPS_PEER_REASON_NONE;
	reader->head = head;
	reader->have = 0;
	return on_head(peer);
}

static uint32_t wanted(const struct dps_peer_reader *reader)
{
	return reader->place == DPS_PEER_PLACE_HEAD ? DPS_PEER_HEAD_BYTES - reader->have
						    : reader->head.body_bytes - reader->have;
}

static enum dps_peer_reason take(struct dps_peer *peer, const uint8_t *bytes, uint32_t length,
				 uint64_t now_ns)
{
	struct dps_peer_reader *reader = &peer->reader;
	enum dps_peer_reason reason = DPS_PEER_REASON_NONE;

	if (reader->place == DPS_PEER_PLACE_HEAD)
		reason = take_head(peer, bytes, length);
	else
		put_body(peer, bytes, length);
	if (reason != DPS_PEER_REASON_NONE)
		return reason;
	if (reader->place != DPS_PEER_PLACE_HEAD && reader->have == reader->head.body_bytes)
		return on_whole(peer, now_ns);
	return DPS_PEER_REASON_NONE;
}

static bool is_reading(const struct dps_peer *peer, uint64_t epoch)
{
	return peer->epoch == epoch && dps_peer_has_connection(peer) && !peer->has_bye;
}

void dps_peer_on_bytes(struct dps_peer *peer, uint64_t epoch, const uint8_t *bytes, size_t length,
		       uint64_t now_ns)
{
	if (!dps_peer_is_current(peer, epoch))
		return;
	peer->figures.wire_bytes_received += length;
	while (length > 0 && is_reading(peer, epoch)) {
		uint32_t part = (uint32_t)dps_min_u64(length, wanted(&peer->reader));
		enum dps_peer_reason reason = take(peer, bytes, part, now_ns);

		bytes += part;
		length -= part;
		if (reason != DPS_PEER_REASON_NONE)
			dps_peer_break(peer, reason, now_ns);
	}
}
