/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/parts.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

/*
 * What inner gets as a token: the caller's, or one of these with an index. The caller's slots and
 * rooms have lower numbers, its bodies of streams higher ones (DPS_TOKEN_STREAMS).
 */
#define TOKEN_COPY UINT32_C(0x40000000)
#define TOKEN_HOLD UINT32_C(0x60000000)
#define TOKEN_KIND UINT32_C(0xe0000000)

static bool is_copy(uint32_t token)
{
	return (token & TOKEN_KIND) == TOKEN_COPY;
}

static bool is_hold(uint32_t token)
{
	return (token & TOKEN_KIND) == TOKEN_HOLD;
}

static void give_back(struct dps_impair *impair, uint32_t token, uint32_t count)
{
	impair->port.on_released(impair->port.released_context, token, count);
}

void dps_impair_on_released(void *context, uint32_t token, uint32_t count)
{
	struct dps_impair *impair = context;

	/* Those with an index are each once. */
	DPS_ASSERT(count == 1 || (!is_copy(token) && !is_hold(token)));
	if (is_copy(token))
		dps_line_give(&impair->send_line, (int)(token & ~TOKEN_KIND));
	else if (!is_hold(token))
		give_back(impair, token, count);
	else if (impair->is_closing)
		give_back(impair, dps_holds_finish(&impair->holds, (int)(token & ~TOKEN_KIND)), 1);
	else
		dps_holds_start(&impair->holds, (int)(token & ~TOKEN_KIND), impair->now_ns);
}

void dps_impair_release_due(struct dps_impair *impair, uint64_t now_ns)
{
	uint32_t token;

	while (dps_holds_take_due(&impair->holds, now_ns, &token))
		give_back(impair, token, 1);
}

/* Of a datagram that inner will not get. */
static void give_up(struct dps_impair *impair, const struct dps_outgoing *outgoing)
{
	if (outgoing->owner != NULL)
		impair->inner->ops->forgo(impair->inner, outgoing, 1);
	else if (outgoing->body != NULL)
		give_back(impair, outgoing->token, 1);
}

/* The body of a datagram that goes on as a copy. */
static void finish_body(struct dps_impair *impair, const struct dps_outgoing *outgoing)
{
	int hold = DPS_HOLDS_NONE;

	if (outgoing->body == NULL || outgoing->owner != NULL) {
		give_up(impair, outgoing);
		return;
	}
	if (impair->options.hold_ns != 0)
		hold = dps_holds_take(&impair->holds, outgoing->body, outgoing->body_bytes,
				      outgoing->token);
	if (hold != DPS_HOLDS_NONE)
		dps_holds_start(&impair->holds, hold, impair->now_ns);
	else
		give_back(impair, outgoing->token, 1);
	impair->counters.unimpaired += hold == DPS_HOLDS_NONE && impair->options.hold_ns != 0;
}

static int copy_outgoing(struct dps_impair *impair, const struct dps_outgoing *outgoing)
{
	uint32_t body_bytes = outgoing->body != NULL ? outgoing->body_bytes : 0;
	int index = dps_line_take(&impair->send_line, (uint64_t)outgoing->head_bytes + body_bytes);
	struct dps_line_copy *copy;

	if (index == DPS_LINE_NONE)
		return index;
	copy = &impair->send_line.copies[index];
	copy->head_bytes = outgoing->head_bytes;
	copy->body_bytes = body_bytes;
	copy->remote = outgoing->remote;
	copy->behind = 0;
	memcpy(copy->bytes, outgoing->head, outgoing->head_bytes);
	if (body_bytes != 0)
		memcpy(copy->bytes + outgoing->head_bytes, outgoing->body, body_bytes);
	return index;
}

/* Takes out at most a burst of copies that are ready; those without a remote any more vanish. */
static unsigned int collect_ready(struct dps_impair *impair, struct dps_outgoing *outgoing,
				  int *indices)
{
	struct dps_line *line = &impair->send_line;
	unsigned int count = 0;

	while (count < DPS_PORT_BURST && dps_line_first_ready(line) != DPS_LINE_NONE) {
		int index = dps_line_take_ready(line);
		const struct dps_line_copy *copy = &line->copies[index];

		if (copy->remote == UINT32_MAX) {
			dps_line_give(line, index);
			continue;
		}
		outgoing[count] = (struct dps_outgoing){
			.head = copy->bytes,
			.body = copy->body_bytes != 0 ? copy->bytes + copy->head_bytes : NULL,
			.head_bytes = copy->head_bytes,
			.body_bytes = copy->body_bytes,
			.remote = copy->remote,
			.token = TOKEN_COPY | (uint32_t)index,
		};
		indices[count++] = index;
	}
	return count;
}

void dps_impair_send_ready(struct dps_impair *impair)
{
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	int indices[DPS_PORT_BURST];
	unsigned int count, sent;

	do {
		count = collect_ready(impair, outgoing, indices);
		if (count == 0)
			return;
		sent = impair->inner->ops->send(impair->inner, outgoing, count);
		for (unsigned int i = 0; i < sent; i++)
			if (outgoing[i].body == NULL)
				dps_line_give(&impair->send_line, indices[i]);
		for (unsigned int i = count; i-- > sent;)
			dps_line_put_back(&impair->send_line, indices[i]);
	} while (sent == count);
}

static unsigned int send_held(struct dps_impair *impair, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	struct dps_outgoing marked[DPS_PORT_BURST];
	unsigned int sent;

	for (unsigned int i = 0; i < count; i++) {
		int hold;

		marked[i] = outgoing[i];
		if (outgoing[i].body == NULL)
			continue;
		hold = dps_holds_take(&impair->holds, outgoing[i].body, outgoing[i].body_bytes,
				      outgoing[i].token);
		if (hold != DPS_HOLDS_NONE)
			marked[i].token = TOKEN_HOLD | (uint32_t)hold;
	}
	sent = impair->inner->ops->send(impair->inner, marked, count);
	for (unsigned int i = 0; i < count; i++) {
		bool is_held = marked[i].body != NULL && is_hold(marked[i].token);

		if (i >= sent && is_held)
			dps_holds_cancel(&impair->holds, (int)(marked[i].token & ~TOKEN_KIND));
		else if (i < sent && marked[i].body != NULL && !is_held)
			impair->counters.unimpaired++;
	}
	return sent;
}

/* Hands datagrams on as they are. */
static unsigned int send_plain(struct dps_impair *impair, const struct dps_outgoing *outgoing,
			       unsigned int count)
{
	unsigned int sent;

	if (impair->options.hold_ns != 0)
		sent = send_held(impair, outgoing, count);
	else
		sent = impair->inner->ops->send(impair->inner, outgoing, count);
	for (unsigned int i = 0; i < sent; i++)
		dps_line_pass(&impair->send_line);
	return sent;
}

static unsigned int send_doubled(struct dps_impair *impair, const struct dps_outgoing *outgoing)
{
	/* Before the original goes: once it is sent, its body may be gone. */
	int copy = copy_outgoing(impair, outgoing);
	unsigned int sent = send_plain(impair, outgoing, 1);

	if (copy == DPS_LINE_NONE) {
		impair->counters.unimpaired += sent;
	} else if (sent == 0) {
		dps_line_give(&impair->send_line, copy);
	} else {
		dps_line_push(&impair->send_line, copy, impair->now_ns);
		impair->counters.duplicated++;
	}
	return sent;
}

static unsigned int send_copied(struct dps_impair *impair, const struct dps_outgoing *outgoing,
				const struct dps_impair_fate *fate)
{
	struct dps_line *line = &impair->send_line;
	int index = copy_outgoing(impair, outgoing), second = DPS_LINE_NONE;
	struct dps_line_copy *copy;

	if (index == DPS_LINE_NONE) {
		unsigned int sent = send_plain(impair, outgoing, 1);

		impair->counters.unimpaired += sent;
		return sent;
	}
	if (fate->is_doubled) {
		second = copy_outgoing(impair, outgoing);
		impair->counters.unimpaired += second == DPS_LINE_NONE;
	}
	copy = &line->copies[index];
	if (fate->flips != 0) {
		dps_impair_damage(fate, copy->bytes, copy->head_bytes + copy->body_bytes);
		impair->counters.sent_damaged++;
	}
	copy->behind = fate->behind;
	dps_impair_count_copied(impair, fate);
	dps_line_push(line, index, impair->now_ns);
	if (second != DPS_LINE_NONE) {
		dps_line_push(line, second, impair->now_ns);
		impair->counters.duplicated++;
	}
	finish_body(impair, outgoing);
	return 1;
}

static bool is_plain(const struct dps_impair *impair, const struct dps_impair_fate *fate)
{
	return !fate->is_lost && !fate->is_doubled &&
	       !dps_impair_needs_copy(&impair->options, fate);
}

/* Takes the first few of what is offered, as far as they share a fate. */
static unsigned int send_some(struct dps_impair *impair, const struct dps_outgoing *outgoing,
			      const struct dps_impair_fate *fates, unsigned int count)
{
	unsigned int run = 1;

	if (dps_impair_is_blacked_out(impair) || fates[0].is_lost) {
		impair->counters.sent_lost++;
		give_up(impair, outgoing);
		return 1;
	}
	if (dps_impair_needs_copy(&impair->options, &fates[0]) && outgoing->head_bytes != 0)
		return send_copied(impair, outgoing, &fates[0]);
	if (fates[0].is_doubled)
		return send_doubled(impair, outgoing);
	/* Up to where one that is held back comes in. */
	count = (unsigned int)dps_min_u64(count, dps_line_until_ready(&impair->send_line));
	while (run < count && is_plain(impair, &fates[run]))
		run++;
	return send_plain(impair, outgoing, run);
}

unsigned int dps_impair_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			     unsigned int count)
{
	struct dps_impair *impair = dps_impair_of(port);
	unsigned int taken = 0;

	count = (unsigned int)dps_min_u64(count, DPS_PORT_BURST);
	for (unsigned int i = 0; i < count; i++)
		DPS_ASSERT(outgoing[i].body == NULL ||
			   (!is_copy(outgoing[i].token) && !is_hold(outgoing[i].token)));
	while (impair->fates_count < count)
		impair->fates[impair->fates_count++] =
			dps_impair_draw(&impair->send_random, &impair->options);
	dps_line_advance(&impair->send_line, impair->now_ns);
	dps_impair_send_ready(impair);
	while (taken < count && dps_line_first_ready(&impair->send_line) == DPS_LINE_NONE) {
		unsigned int some =
			send_some(impair, outgoing + taken, impair->fates + taken, count - taken);

		if (some == 0)
			break;
		taken += some;
		dps_impair_send_ready(impair);
	}
	impair->fates_count -= taken;
	memmove(impair->fates, impair->fates + taken,
		impair->fates_count * sizeof(struct dps_impair_fate));
	dps_impair_mirror_counters(impair);
	return taken;
}
