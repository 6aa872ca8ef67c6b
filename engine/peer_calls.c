/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of ours: each ends once, and its event is heard once, whatever becomes of the connection.
 */
#include "engine/peer.h"
#include "engine/peer_meter.h"
#include <dps/assert.h>
#include <errno.h>

static void list_init(struct dps_peer_list *list)
{
	list->first = list->last = DPS_PEER_NONE;
}

static void add(struct dps_peer *peer, struct dps_peer_list *list, uint32_t index)
{
	peer->calls[index].next = DPS_PEER_NONE;
	if (list->last == DPS_PEER_NONE)
		list->first = index;
	else
		peer->calls[list->last].next = index;
	list->last = index;
}

static uint32_t take(struct dps_peer *peer, struct dps_peer_list *list)
{
	uint32_t index = list->first;

	if (index == DPS_PEER_NONE)
		return index;
	list->first = peer->calls[index].next;
	if (list->first == DPS_PEER_NONE)
		list->last = DPS_PEER_NONE;
	return index;
}

void dps_peer_calls_init(struct dps_peer *peer)
{
	list_init(&peer->calls_free);
	list_init(&peer->calls_done);
	list_init(&peer->calls_cancel);
	for (uint32_t i = 0; i < peer->config.calls; i++) {
		peer->calls[i] = (struct dps_peer_call_slot){ .message = DPS_PEER_NONE };
		add(peer, &peer->calls_free, i);
	}
}

/* Ids count up by the number of slots, so an id is of one slot, and of one use of it. */
uint32_t dps_peer_call_index(const struct dps_peer *peer, uint64_t id)
{
	return (uint32_t)((id - 1) % peer->config.calls);
}

static uint64_t next_id(const struct dps_peer *peer, uint32_t index)
{
	uint64_t id = peer->calls[index].id;

	return id == 0 ? index + UINT64_C(1) : id + peer->config.calls;
}

static bool is_under_way(const struct dps_peer_call_slot *slot)
{
	return slot->state == DPS_PEER_CALL_QUEUED || slot->state == DPS_PEER_CALL_SENT;
}

/* The slot of a call that has not ended. */
static uint32_t find(const struct dps_peer *peer, uint64_t id)
{
	uint32_t index;

	if (id == 0)
		return DPS_PEER_NONE;
	index = dps_peer_call_index(peer, id);
	return peer->calls[index].id == id && is_under_way(&peer->calls[index]) ? index
										: DPS_PEER_NONE;
}

static bool makes_sense(const struct dps_peer_call *call)
{
	return call != NULL && (call->body != NULL || call->bytes == 0) &&
	       (call->answer != NULL || call->answer_room == 0);
}

static void set_timeout(struct dps_peer *peer, uint32_t index, uint64_t timeout_ns, uint64_t now_ns)
{
	uint64_t wait_ns = timeout_ns != 0 ? timeout_ns : peer->config.call_timeout_ns;

	dps_timers_set(&peer->timers, index,
		       wait_ns < DPS_NEVER_NS - now_ns ? now_ns + wait_ns : DPS_NEVER_NS);
}

int dps_peer_call(struct dps_peer *peer, const struct dps_peer_call *call, uint64_t *call_id,
		  uint64_t now_ns)
{
	struct dps_peer_message message = {
		.queued_at_ns = now_ns,
		.kind = DPS_PEER_REQUEST,
		.class = DPS_PEER_CALL,
	};
	uint32_t index, queued;
	int error = dps_peer_may_call(peer);

	if (error == 0 && !makes_sense(call))
		error = -EINVAL;
	if (error != 0)
		return error;
	message.bytes = call->bytes;
	index = peer->calls_free.first;
	if (index != DPS_PEER_NONE)
		message.id = next_id(peer, index);
	error = dps_peer_say(peer, &message, call->body, index != DPS_PEER_NONE, &queued);
	if (error != 0)
		return error;
	take(peer, &peer->calls_free);
	peer->calls[index] = (struct dps_peer_call_slot){
		.id = message.id,
		.cookie = call->cookie,
		.made_at_ns = now_ns,
		.answer = call->answer,
		.answer_room = call->answer_room,
		.message = queued,
		.state = DPS_PEER_CALL_QUEUED,
	};
	peer->calls_now++;
	set_timeout(peer, index, call->timeout_ns, now_ns);
	if (call_id != NULL)
		*call_id = message.id;
	return 0;
}

/* The slot is free when the program has heard of its end, and the far side if it has to. */
static void free_if_over(struct dps_peer *peer, uint32_t index)
{
	struct dps_peer_call_slot *slot = &peer->calls[index];

	if (!slot->is_told || slot->is_cancel_owed)
		return;
	slot->state = DPS_PEER_CALL_FREE;
	add(peer, &peer->calls_free, index);
}

static void owe_cancel(struct dps_peer *peer, uint32_t index)
{
	struct dps_peer_list *list = &peer->calls_cancel;

	peer->calls[index].is_cancel_owed = true;
	peer->calls[index].next_cancel = DPS_PEER_NONE;
	if (list->last == DPS_PEER_NONE)
		list->first = index;
	else
		peer->calls[list->last].next_cancel = index;
	list->last = index;
}

static bool is_cancelled_by_us(enum dps_peer_outcome outcome)
{
	return outcome == DPS_PEER_TIMED_OUT || outcome == DPS_PEER_CANCELLED;
}

void dps_peer_call_end(struct dps_peer *peer, uint32_t index, enum dps_peer_outcome outcome,
		       uint64_t now_ns)
{
	struct dps_peer_call_slot *slot = &peer->calls[index];
	bool has_gone = slot->state == DPS_PEER_CALL_SENT || slot->is_taken;

	DPS_ASSERT(is_under_way(slot));
	if (!has_gone)
		dps_peer_queue_withdraw(&peer->queue, slot->message);
	else if (is_cancelled_by_us(outcome) && !peer->has_bye)
		owe_cancel(peer, index);
	dps_peer_reader_forget_call(peer, index);
	dps_timers_set(&peer->timers, index, DPS_NEVER_NS);
	dps_peer_histogram_add(&peer->figures.calls, slot->made_at_ns, now_ns);
	peer->figures.outcomes[outcome]++;
	slot->state = DPS_PEER_CALL_DONE;
	slot->outcome = (uint8_t)outcome;
	slot->answer = NULL;
	peer->calls_now--;
	add(peer, &peer->calls_done, index);
}

int dps_peer_cancel(struct dps_peer *peer, uint64_t call_id, uint64_t now_ns)
{
	uint32_t index;
	int error = dps_peer_may_call(peer);

	if (error != 0)
		return error;
	index = find(peer, call_id);
	if (index == DPS_PEER_NONE)
		return -ENOENT;
	dps_peer_call_end(peer, index, DPS_PEER_CANCELLED, now_ns);
	dps_peer_on_said(peer, now_ns);
	return 0;
}

uint32_t dps_peer_call_answered(struct dps_peer *peer, uint64_t id)
{
	const struct dps_peer_call_slot *slot;
	uint32_t index;

	if (id != 0) {
		index = dps_peer_call_index(peer, id);
		slot = &peer->calls[index];
		if (slot->id == id && (slot->state == DPS_PEER_CALL_SENT ||
				       (slot->state == DPS_PEER_CALL_QUEUED && slot->is_taken)))
			return index;
		if (slot->id > id || (slot->id == id && !is_under_way(slot))) {
			peer->figures.answers_late++;
			return DPS_PEER_NONE;
		}
	}
	peer->figures.answers_to_nothing++;
	peer->strange++;
	return DPS_PEER_NONE;
}

void dps_peer_call_on_taken(struct dps_peer *peer, uint64_t id)
{
	peer->calls[dps_peer_call_index(peer, id)].is_taken = true;
}

/* It may have ended while it was being written, and its slot may have another call by now. */
void dps_peer_call_on_sent(struct dps_peer *peer, uint64_t id)
{
	uint32_t index = find(peer, id);

	if (index == DPS_PEER_NONE)
		return;
	peer->calls[index].state = DPS_PEER_CALL_SENT;
	peer->calls[index].message = DPS_PEER_NONE;
}

bool dps_peer_call_on_unsent(struct dps_peer *peer, uint64_t id)
{
	uint32_t index = find(peer, id);

	if (index == DPS_PEER_NONE)
		return false;
	peer->calls[index].is_taken = false;
	return true;
}

void dps_peer_calls_end_sent(struct dps_peer *peer, enum dps_peer_outcome outcome, uint64_t now_ns)
{
	for (uint32_t i = 0; i < peer->config.calls; i++)
		if (peer->calls[i].state == DPS_PEER_CALL_SENT ||
		    (peer->calls[i].state == DPS_PEER_CALL_QUEUED && peer->calls[i].is_taken))
			dps_peer_call_end(peer, i, outcome, now_ns);
}

void dps_peer_calls_end_queued(struct dps_peer *peer, uint64_t now_ns)
{
	for (uint32_t i = 0; i < peer->config.calls; i++)
		if (peer->calls[i].state == DPS_PEER_CALL_QUEUED && !peer->calls[i].is_taken)
			dps_peer_call_end(peer, i, DPS_PEER_CALL_UNSENT, now_ns);
}

uint64_t dps_peer_calls_take_cancel(struct dps_peer *peer)
{
	struct dps_peer_list *list = &peer->calls_cancel;
	uint32_t index = list->first;
	uint64_t id;

	if (index == DPS_PEER_NONE)
		return 0;
	list->first = peer->calls[index].next_cancel;
	if (list->first == DPS_PEER_NONE)
		list->last = DPS_PEER_NONE;
	id = peer->calls[index].id;
	peer->calls[index].is_cancel_owed = false;
	free_if_over(peer, index);
	return id;
}

void dps_peer_calls_forget_cancels(struct dps_peer *peer)
{
	while (dps_peer_calls_take_cancel(peer) != 0)
		;
}

void dps_peer_calls_on_deadline(struct dps_peer *peer, uint64_t now_ns)
{
	uint32_t index;

	while ((index = dps_timers_take_due(&peer->timers, now_ns)) != UINT32_MAX)
		dps_peer_call_end(peer, index, DPS_PEER_TIMED_OUT, now_ns);
}

bool dps_peer_calls_emit(struct dps_peer *peer, struct dps_peer_event *event)
{
	uint32_t index = take(peer, &peer->calls_done);
	struct dps_peer_call_slot *slot;

	if (index == DPS_PEER_NONE)
		return false;
	slot = &peer->calls[index];
	*event = (struct dps_peer_event){
		.kind = DPS_PEER_EVENT_CALL_OVER,
		.outcome = (enum dps_peer_outcome)slot->outcome,
		.code = slot->code,
		.bytes = slot->answer_bytes,
		.cookie = slot->cookie,
	};
	slot->is_told = true;
	free_if_over(peer, index);
	return true;
}
