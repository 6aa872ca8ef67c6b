/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes. Few frames are taken from the queue ahead of the socket, so what is urgent waits only
 * for those; and what was taken and not wholly written when the connection is lost goes back, in
 * its order, to be written anew: half a frame is nothing to the far side.
 */
#include "engine/bits.h"
#include "engine/peer.h"
#include "engine/peer_meter.h"
#include <dps/assert.h>
#include <dps/stream_carriage.h>

static struct dps_peer_frame *frame_at(struct dps_peer *peer, uint32_t position)
{
	return &peer->writer.frames[position % DPS_PEER_FRAMES];
}

bool dps_peer_writer_is_idle(const struct dps_peer *peer)
{
	return peer->writer.head == peer->writer.tail;
}

static bool is_talking(const struct dps_peer *peer)
{
	return peer->state == DPS_PEER_CONNECTED || peer->state == DPS_PEER_DRAINING ||
	       peer->state == DPS_PEER_LEAVING;
}

/* Words of our own in the class of control: few, and gathered where they come often. */
static bool has_own_control(const struct dps_peer *peer)
{
	return peer->is_closing_owed || (!peer->has_bye && dps_peer_credit_is_owed(peer)) ||
	       peer->calls_cancel.first != DPS_PEER_NONE || dps_peer_streams_have_words(peer);
}

uint32_t dps_peer_may_go(const struct dps_peer *peer)
{
	uint32_t may = 0;

	if (!is_talking(peer))
		return 0;
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		if (dps_peer_credit_allows(peer, (enum dps_peer_class)i))
			may |= 1u << i;
	if (has_own_control(peer))
		may |= 1u << DPS_PEER_CONTROL;
	if (peer->requests_count[DPS_PEER_REQUEST_REFUSED] > 0)
		may |= 1u << DPS_PEER_REPLY;
	return may;
}

static struct dps_peer_frame *add(struct dps_peer *peer, const struct dps_peer_head *head,
				  uint64_t now_ns)
{
	struct dps_peer_frame *frame = frame_at(peer, peer->writer.tail++);

	*frame = (struct dps_peer_frame){
		.head_bytes = DPS_PEER_HEAD_BYTES,
		.message = DPS_PEER_NONE,
		.bytes = DPS_PEER_HEAD_BYTES + head->body_bytes,
		.taken_at_ns = now_ns,
	};
	dps_peer_head_encode(head, frame->head);
	peer->writer.ahead_bytes += frame->bytes;
	return frame;
}

/* A frame of the protocol's own, with its body behind the head. */
static struct dps_peer_frame *add_own(struct dps_peer *peer, uint8_t kind, uint16_t code,
				      uint32_t body_bytes, uint64_t now_ns)
{
	struct dps_peer_head head = { .kind = kind, .code = code, .body_bytes = body_bytes };
	struct dps_peer_frame *frame = add(peer, &head, now_ns);

	frame->head_bytes += body_bytes;
	return frame;
}

static void add_hello(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_peer_frame *frame =
		add_own(peer, DPS_PEER_HELLO, 0, DPS_PEER_HELLO_BYTES, now_ns);
	struct dps_peer_hello hello = {
		.version_min = DPS_PEER_VERSION,
		.version_max = DPS_PEER_VERSION,
		.body_bytes_max = peer->config.body_bytes_max,
		.block_bytes = dps_peer_streams_block_bytes(peer),
	};

	dps_peer_credit_grant(peer, &hello.credit);
	dps_peer_hello_encode(&hello, frame->head + DPS_PEER_HEAD_BYTES);
	peer->is_hello_owed = false;
}

static void add_credit(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_peer_frame *frame =
		add_own(peer, DPS_PEER_CREDIT, 0, DPS_PEER_CREDIT_BYTES, now_ns);
	struct dps_peer_credit credit;

	dps_peer_credit_grant(peer, &credit);
	dps_peer_credit_encode(&credit, frame->head + DPS_PEER_HEAD_BYTES);
}

static void add_word(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_stream_message word;
	struct dps_peer_frame *frame;

	if (!dps_peer_streams_take_word(peer, &word))
		return;
	frame = add_own(peer, DPS_PEER_STREAM, 0, DPS_PEER_WORD_BYTES, now_ns);
	dps_peer_word_encode(&word, frame->head + DPS_PEER_HEAD_BYTES);
}

static void add_own_control(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_peer_head cancel = { .kind = DPS_PEER_CANCEL };

	if (peer->is_closing_owed) {
		peer->is_closing_owed = false;
		add_own(peer, DPS_PEER_CLOSING, peer->close_code, 0, now_ns);
	} else if (peer->calls_cancel.first != DPS_PEER_NONE) {
		cancel.id = dps_peer_calls_take_cancel(peer);
		add(peer, &cancel, now_ns);
	} else if (!peer->has_bye && dps_peer_credit_is_owed(peer)) {
		add_credit(peer, now_ns);
	} else {
		add_word(peer, now_ns);
	}
}

static void add_message(struct dps_peer *peer, enum dps_peer_class class, uint64_t now_ns)
{
	uint32_t index = dps_peer_queue_take(&peer->queue, class);
	const struct dps_peer_message *message = &peer->queue.messages[index];
	struct dps_peer_head head = {
		.id = message->id,
		.body_bytes = message->bytes,
		.code = message->code,
		.kind = message->kind,
		.class = message->class,
	};

	add(peer, &head, now_ns)->message = index;
	dps_peer_credit_use(peer, class, message->bytes);
	if (message->kind == DPS_PEER_REQUEST)
		dps_peer_call_on_taken(peer, message->id);
	dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_QUEUED], message->queued_at_ns,
			       now_ns);
}

/* Our own words before the program's; refusals behind its answers, whose slots are as few. */
static void add_next(struct dps_peer *peer, uint32_t may, uint64_t now_ns)
{
	enum dps_peer_class class = dps_peer_queue_choose(&peer->queue, may);
	uint64_t before_bytes = peer->writer.ahead_bytes;
	struct dps_peer_head refusal;

	if (class == DPS_PEER_CONTROL && has_own_control(peer))
		add_own_control(peer, now_ns);
	else if (class == DPS_PEER_REPLY && !dps_peer_credit_allows(peer, class) &&
		 dps_peer_requests_take_refusal(peer, &refusal))
		add(peer, &refusal, now_ns);
	else
		add_message(peer, class, now_ns);
	dps_peer_queue_pass(&peer->queue, class, peer->writer.ahead_bytes - before_bytes, may);
}

static void fill(struct dps_peer *peer, uint64_t now_ns)
{
	struct dps_peer_writer *writer = &peer->writer;

	while (writer->tail - writer->head < DPS_PEER_FRAMES &&
	       writer->ahead_bytes < DPS_PEER_AHEAD_BYTES) {
		uint32_t may = dps_peer_may_go(peer);

		if (peer->is_hello_owed)
			add_hello(peer, now_ns);
		else if (may != 0)
			add_next(peer, may, now_ns);
		else
			break;
	}
	if (peer->state == DPS_PEER_FINISHING && peer->is_bye_owed &&
	    writer->tail - writer->head < DPS_PEER_FRAMES) {
		peer->is_bye_owed = false;
		add_own(peer, DPS_PEER_BYE, peer->close_code, 0, now_ns);
	}
}

/* Slices of one frame from a byte of it on; returns how many. */
static unsigned int emit_frame(struct dps_peer *peer, const struct dps_peer_frame *frame,
			       uint32_t from, struct dps_peer_slice *slices, unsigned int room)
{
	uint32_t body_bytes = frame->bytes - frame->head_bytes;
	struct dps_block_cursor cursor;
	unsigned int count = 0;

	if (from < frame->head_bytes) {
		slices[count++] =
			(struct dps_peer_slice){ frame->head + from, frame->head_bytes - from };
		from = frame->head_bytes;
	}
	from -= frame->head_bytes;
	if (frame->message == DPS_PEER_NONE || from == body_bytes)
		return count;
	cursor = dps_blocks_seek(&peer->queue.blocks, frame->message, from);
	while (count < room && from < body_bytes) {
		uint8_t *memory;
		uint32_t run =
			dps_blocks_run(&peer->queue.blocks, &cursor, body_bytes - from, &memory);

		slices[count++] = (struct dps_peer_slice){ memory, run };
		from += run;
	}
	return count;
}

/* Whether slices reach the end of a frame. */
static bool is_whole(const struct dps_peer_frame *frame, uint32_t from,
		     const struct dps_peer_slice *slices, unsigned int count)
{
	uint64_t bytes = from;

	for (unsigned int i = 0; i < count; i++)
		bytes += slices[i].bytes;
	return bytes == frame->bytes;
}

unsigned int dps_peer_emit_slices(struct dps_peer *peer, uint64_t epoch,
				  struct dps_peer_slice *slices, unsigned int room, uint64_t now_ns)
{
	struct dps_peer_writer *writer;
	unsigned int count = 0;
	uint32_t from;

	if (!dps_peer_is_current(peer, epoch) || slices == NULL)
		return 0;
	fill(peer, now_ns);
	writer = &peer->writer;
	from = writer->sent_bytes;
	for (uint32_t i = writer->head; i != writer->tail && count < room; i++) {
		const struct dps_peer_frame *frame = frame_at(peer, i);
		unsigned int added = emit_frame(peer, frame, from, slices + count, room - count);

		if (!is_whole(frame, from, slices + count, added))
			return count + added;
		count += added;
		from = 0;
	}
	return count;
}

static void on_message_sent(struct dps_peer *peer, const struct dps_peer_frame *frame,
			    uint64_t now_ns)
{
	const struct dps_peer_message *message = &peer->queue.messages[frame->message];

	dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_TRANSFERRING], frame->taken_at_ns,
			       now_ns);
	peer->figures.sent[message->class].messages++;
	peer->figures.sent[message->class].bytes += message->bytes;
	if (message->kind == DPS_PEER_REQUEST)
		dps_peer_call_on_sent(peer, message->id);
	else if (message->kind == DPS_PEER_ANSWER)
		dps_peer_request_on_sent(peer, message->owner, message->id);
	dps_peer_queue_done(&peer->queue, frame->message);
}

static void on_frame_sent(struct dps_peer *peer, const struct dps_peer_frame *frame,
			  uint64_t now_ns)
{
	if (frame->message != DPS_PEER_NONE)
		on_message_sent(peer, frame, now_ns);
	else if (frame->head[DPS_PEER_LENGTH_BYTES] == DPS_PEER_BYE)
		peer->is_bye_sent = true;
}

void dps_peer_on_sent(struct dps_peer *peer, uint64_t epoch, size_t bytes, uint64_t now_ns)
{
	struct dps_peer_writer *writer;

	if (!dps_peer_is_current(peer, epoch))
		return;
	writer = &peer->writer;
	DPS_ASSERT(bytes <= writer->ahead_bytes); /* no more is written than was emitted */
	peer->figures.wire_bytes_sent += bytes;
	writer->ahead_bytes -= bytes;
	while (writer->head != writer->tail) {
		const struct dps_peer_frame *frame = frame_at(peer, writer->head);
		uint32_t part = (uint32_t)dps_min_u64(frame->bytes - writer->sent_bytes, bytes);

		writer->sent_bytes += part;
		bytes -= part;
		if (writer->sent_bytes < frame->bytes)
			break;
		on_frame_sent(peer, frame, now_ns);
		writer->sent_bytes = 0;
		writer->head++;
	}
	dps_peer_on_said(peer, now_ns);
}

/* An answer is for the connection on which it was asked; a call may have ended meanwhile. */
static bool is_kept(struct dps_peer *peer, const struct dps_peer_message *message)
{
	if (message->kind == DPS_PEER_ANSWER) {
		peer->figures.answers_unsent++;
		return false;
	}
	return message->kind != DPS_PEER_REQUEST || dps_peer_call_on_unsent(peer, message->id);
}

void dps_peer_writer_reset(struct dps_peer *peer)
{
	struct dps_peer_writer *writer = &peer->writer;
	uint32_t answer;

	while (writer->tail != writer->head) {
		uint32_t index = frame_at(peer, --writer->tail)->message;

		if (index == DPS_PEER_NONE)
			continue;
		if (is_kept(peer, &peer->queue.messages[index]))
			dps_peer_queue_put_back(&peer->queue, index);
		else
			dps_peer_queue_done(&peer->queue, index);
	}
	while ((answer = peer->queue.classes[DPS_PEER_REPLY].first) != DPS_BLOCK_NONE) {
		peer->figures.answers_unsent++;
		dps_peer_queue_withdraw(&peer->queue, answer);
	}
	*writer = (struct dps_peer_writer){ 0 };
}

void dps_peer_queue_purge(struct dps_peer *peer, uint64_t now_ns)
{
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++) {
		uint32_t index = peer->queue.classes[i].first;

		for (; index != DPS_BLOCK_NONE; index = peer->queue.messages[index].next) {
			peer->over.unsent_messages++;
			peer->over.unsent_bytes += peer->queue.messages[index].bytes;
		}
	}
	dps_peer_calls_end_queued(peer, now_ns);
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		while (peer->queue.classes[i].first != DPS_BLOCK_NONE)
			dps_peer_queue_withdraw(&peer->queue, peer->queue.classes[i].first);
}
