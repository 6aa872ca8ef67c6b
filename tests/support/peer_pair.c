/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/peer_pair.h"
#include "engine/bits.h"
#include <errno.h>
#include <stdlib.h>

enum { SLICES = 8 };

void pair_config(struct dps_peer_config *config)
{
	dps_peer_config_init(config);
	config->body_bytes_max = 1024;
	config->queue_bytes = 8192;
	config->control_bytes = 2048;
	config->bulk_bytes = 4096;
	config->request_bytes = 4096;
	config->calls = 4;
	config->requests = 4;
	config->requests_waiting = 2;
	config->seed = 1;
}

static void side_open(struct peer_side *side, struct peer_side *other,
		      const struct dps_peer_config *config)
{
	size_t bytes = dps_peer_bytes(config);

	*side = (struct peer_side){
		.config = *config,
		.other = other,
		.write_max = SIZE_MAX,
		.deliver_max = SIZE_MAX,
		.wire_max = PAIR_WIRE_BYTES,
	};
	assert_true(bytes > 0);
	side->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	side->wire = malloc(PAIR_WIRE_BYTES);
	assert_non_null(side->memory);
	assert_non_null(side->wire);
	side->peer = dps_peer_init(side->memory, config);
}

void pair_open(struct peer_pair *pair, const struct dps_peer_config *a,
	       const struct dps_peer_config *b)
{
	pair->now_ns = DPS_NS_PER_S;
	pair->is_unreachable = pair->is_dial_silent = false;
	side_open(&pair->a, &pair->b, a);
	side_open(&pair->b, &pair->a, b);
}

void pair_close(struct peer_pair *pair)
{
	free(pair->a.memory);
	free(pair->a.wire);
	free(pair->b.memory);
	free(pair->b.wire);
}

void pair_open_connected(struct peer_pair *pair)
{
	struct dps_peer_config config;

	pair_config(&config);
	pair_open(pair, &config, &config);
	pair_connect(pair);
}

void pair_connect(struct peer_pair *pair)
{
	assert_int_equal(dps_peer_dial(pair->a.peer, pair->now_ns), 0);
	pair_run(pair);
	assert_int_equal(dps_peer_state(pair->a.peer), DPS_PEER_CONNECTED);
	assert_int_equal(dps_peer_state(pair->b.peer), DPS_PEER_CONNECTED);
	pair_forget(&pair->a);
	pair_forget(&pair->b);
}

/* ---- The driver. ---- */

static void begin(struct peer_side *side, uint64_t epoch)
{
	side->epoch = epoch;
	side->is_up = true;
	side->is_ended = side->is_end_due = false;
	side->wire_bytes = 0;
}

static void dial(struct peer_pair *pair, struct peer_side *side, uint64_t epoch)
{
	uint64_t theirs;

	if (pair->is_dial_silent)
		return;
	if (pair->is_unreachable ||
	    dps_peer_accept(side->other->peer, &theirs, pair->now_ns) != 0) {
		dps_peer_on_lost(side->peer, epoch, ECONNREFUSED, pair->now_ns);
		return;
	}
	begin(side, epoch);
	begin(side->other, theirs);
	dps_peer_on_connected(side->peer, epoch, pair->now_ns);
}

/* The other still gets what was written, and then the end. */
static void drop(struct peer_side *side)
{
	if (!side->is_up)
		return;
	side->is_up = false;
	side->is_end_due = !side->is_ended;
	side->is_ended = true;
	side->other->wire_bytes = 0;
}

static bool do_step(struct peer_pair *pair, struct peer_side *side)
{
	uint64_t epoch;
	enum dps_peer_step step = dps_peer_emit_step(side->peer, &epoch, pair->now_ns);

	side->steps[step]++;
	if (step == DPS_PEER_STEP_DIAL) {
		dial(pair, side, epoch);
	} else if (step == DPS_PEER_STEP_FINISH && side->is_up) {
		assert_int_equal(epoch, side->epoch);
		side->is_ended = side->is_end_due = true;
	} else if (step == DPS_PEER_STEP_DROP && side->epoch <= epoch) {
		drop(side);
	}
	return step != DPS_PEER_STEP_NONE;
}

static bool do_write(struct peer_pair *pair, struct peer_side *side)
{
	struct dps_peer_slice slices[SLICES];
	size_t room = dps_min_u64(side->write_max, side->wire_max - side->wire_bytes), sent = 0;
	unsigned int count;

	if (!side->is_up || side->is_stuck)
		return false;
	count = dps_peer_emit_slices(side->peer, side->epoch, slices, SLICES, pair->now_ns);
	for (unsigned int i = 0; i < count && sent < room; i++) {
		size_t part = dps_min_u64(slices[i].bytes, room - sent);

		assert_false(side->is_ended);
		if (side->other->is_up) {
			assert_true(side->wire_bytes + part <= PAIR_WIRE_BYTES);
			memcpy(side->wire + side->wire_bytes, slices[i].memory, part);
			side->wire_bytes += part;
		}
		sent += part;
	}
	if (sent > 0)
		dps_peer_on_sent(side->peer, side->epoch, sent, pair->now_ns);
	return sent > 0;
}

static bool do_deliver(struct peer_pair *pair, struct peer_side *from)
{
	struct peer_side *to = from->other;
	size_t bytes = dps_min_u64(from->wire_bytes, from->deliver_max);

	if (!to->is_up || (bytes == 0 && !from->is_end_due))
		return false;
	if (bytes > 0) {
		dps_peer_on_bytes(to->peer, to->epoch, from->wire, bytes, pair->now_ns);
		from->wire_bytes -= bytes;
		memmove(from->wire, from->wire + bytes, from->wire_bytes);
		return true;
	}
	if (from->wire_bytes > 0)
		return false;
	from->is_end_due = false;
	dps_peer_on_end(to->peer, to->epoch, pair->now_ns);
	return true;
}

static bool do_hear(struct peer_pair *pair, struct peer_side *side)
{
	struct peer_heard *heard = &side->heard[side->heard_count];
	uint32_t bytes;

	if (side->is_deaf || !dps_peer_emit_event(side->peer, &heard->event, pair->now_ns))
		return false;
	bytes = dps_peer_read_body(side->peer, 0, heard->text, PAIR_TEXT_BYTES - 1);
	heard->text[bytes] = '\0';
	side->heard_count++;
	assert_true(side->heard_count < PAIR_HEARD_MAX);
	return true;
}

bool pair_do(struct peer_pair *pair, struct peer_side *side, enum pair_deed deed)
{
	switch (deed) {
	case PAIR_STEP:
		return do_step(pair, side);
	case PAIR_WRITE:
		return do_write(pair, side);
	case PAIR_DELIVER:
		return do_deliver(pair, side);
	default:
		return do_hear(pair, side);
	}
}

static bool turn(struct peer_pair *pair, struct peer_side *side)
{
	bool did = false;

	for (unsigned int deed = 0; deed < PAIR_DEEDS; deed++)
		did |= pair_do(pair, side, (enum pair_deed)deed);
	return did;
}

void pair_run(struct peer_pair *pair)
{
	bool did = true;

	while (did) {
		did = turn(pair, &pair->a);
		did |= turn(pair, &pair->b);
	}
}

void pair_pass(struct peer_pair *pair, uint64_t wait_ns)
{
	uint64_t until_ns = pair->now_ns + wait_ns;
	bool is_over = false;

	while (!is_over) {
		uint64_t next_ns;

		pair_run(pair);
		next_ns = dps_min_u64(dps_peer_next_deadline_ns(pair->a.peer),
				      dps_peer_next_deadline_ns(pair->b.peer));
		/* 0: something waits for a program that is deaf. */
		is_over = next_ns == 0 || next_ns >= until_ns;
		pair->now_ns = is_over ? until_ns : dps_max_u64(next_ns, pair->now_ns);
		dps_peer_on_deadline(pair->a.peer, pair->now_ns);
		dps_peer_on_deadline(pair->b.peer, pair->now_ns);
	}
	pair_run(pair);
}

static void side_lost(struct peer_pair *pair, struct peer_side *side)
{
	if (!side->is_up)
		return;
	side->is_up = side->is_end_due = false;
	side->wire_bytes = 0;
	dps_peer_on_lost(side->peer, side->epoch, ECONNRESET, pair->now_ns);
}

void pair_cut(struct peer_pair *pair)
{
	side_lost(pair, &pair->a);
	side_lost(pair, &pair->b);
}

/* ---- The program. ---- */

const struct peer_heard *pair_heard(struct peer_side *side, enum dps_peer_event_kind kind)
{
	assert_true(side->heard_next < side->heard_count);
	assert_int_equal(side->heard[side->heard_next].event.kind, kind);
	return &side->heard[side->heard_next++];
}

void pair_heard_all(const struct peer_side *side)
{
	assert_int_equal(side->heard_next, side->heard_count);
}

unsigned int pair_count(const struct peer_side *side, enum dps_peer_event_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < side->heard_count; i++)
		count += side->heard[i].event.kind == kind;
	return count;
}

void pair_forget(struct peer_side *side)
{
	side->heard_next = side->heard_count = 0;
}

uint64_t pair_call(struct peer_pair *pair, struct peer_side *side, const char *text)
{
	uint64_t cookie = side->calls++, id = 0;
	struct dps_peer_call call = {
		.body = text,
		.bytes = (uint32_t)strlen(text),
		.answer = side->answers[cookie],
		.answer_room = PAIR_TEXT_BYTES - 1,
		.cookie = cookie,
	};

	assert_true(cookie < PAIR_CALLS);
	assert_int_equal(dps_peer_call(side->peer, &call, &id, pair->now_ns), 0);
	return id;
}

const char *pair_answer(const struct peer_side *side, uint64_t cookie)
{
	return side->answers[cookie];
}

int pair_reply(struct peer_pair *pair, struct peer_side *side, const struct peer_heard *request,
	       const char *text)
{
	return dps_peer_reply(side->peer, request->event.request, DPS_PEER_CODE_OK, text,
			      (uint32_t)strlen(text), pair->now_ns);
}

int pair_notify(struct peer_pair *pair, struct peer_side *side, enum dps_peer_class class,
		const char *text)
{
	return dps_peer_notify(side->peer, class, text, (uint32_t)strlen(text), pair->now_ns);
}

void pair_inject(struct peer_pair *pair, struct peer_side *side, const struct dps_peer_head *head,
		 const void *body)
{
	uint8_t bytes[DPS_PEER_HEAD_BYTES];

	dps_peer_head_encode(head, bytes);
	dps_peer_on_bytes(side->peer, side->epoch, bytes, sizeof(bytes), pair->now_ns);
	if (head->body_bytes > 0)
		dps_peer_on_bytes(side->peer, side->epoch, body, head->body_bytes, pair->now_ns);
}
