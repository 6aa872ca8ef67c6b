/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls of theirs: a slot and a permit each, and one place where both are given back. A request
 * that nobody waits for any more keeps its permit until the program lets go of it, or a peer that
 * calls and cancels in a loop would have more handlers at work than there are permits.
 */
#include "engine/peer.h"
#include "engine/peer_meter.h"
#include "engine/permits.h"
#include <dps/assert.h>
#include <errno.h>

static void unlink_slot(struct dps_peer *peer, uint32_t index)
{
	struct dps_peer_request_slot *slot = &peer->requests[index];
	struct dps_peer_list *list = &peer->requests_by[slot->state];

	if (slot->previous == DPS_PEER_NONE)
		list->first = slot->next;
	else
		peer->requests[slot->previous].next = slot->next;
	if (slot->next == DPS_PEER_NONE)
		list->last = slot->previous;
	else
		peer->requests[slot->next].previous = slot->previous;
	peer->requests_count[slot->state]--;
}

static void add(struct dps_peer *peer, uint32_t index, enum dps_peer_request_state state)
{
	struct dps_peer_request_slot *slot = &peer->requests[index];
	struct dps_peer_list *list = &peer->requests_by[state];

	slot->state = (uint8_t)state;
	slot->next = DPS_PEER_NONE;
	slot->previous = list->last;
	if (list->last == DPS_PEER_NONE)
		list->first = index;
	else
		peer->requests[list->last].next = index;
	list->last = index;
	peer->requests_count[state]++;
}

static void move(struct dps_peer *peer, uint32_t index, enum dps_peer_request_state state)
{
	unlink_slot(peer, index);
	add(peer, index, state);
}

uint32_t dps_peer_requests_held(const struct dps_peer *peer)
{
	return peer->config.requests - peer->requests_count[DPS_PEER_REQUEST_FREE];
}

uint32_t dps_peer_requests_awaited(const struct dps_peer *peer)
{
	return dps_peer_requests_held(peer) - peer->requests_lost;
}

/* The oldest of a peer's calls that wait has its permit now. */
static void admit(void *owner)
{
	struct dps_peer *peer = owner;
	uint32_t index = peer->requests_by[DPS_PEER_REQUEST_WAITING].first;

	DPS_ASSERT(index != DPS_PEER_NONE);
	peer->requests[index].has_permit = true;
	move(peer, index, DPS_PEER_REQUEST_READY);
}

void dps_peer_requests_init(struct dps_peer *peer)
{
	for (unsigned int i = 0; i < DPS_PEER_REQUEST_STATES; i++)
		peer->requests_by[i].first = peer->requests_by[i].last = DPS_PEER_NONE;
	for (uint32_t i = 0; i < peer->config.requests; i++) {
		/* Memory that is used again: requests of who was there before lead to nothing. */
		peer->requests[i] = (struct dps_peer_request_slot){
			.message = DPS_PEER_NONE,
			.generation = (uint32_t)peer->config.seed,
		};
		add(peer, i, DPS_PEER_REQUEST_FREE);
	}
	dps_permits_waiter_init(&peer->waiter, admit, peer);
}

static void drop_body(struct dps_peer *peer, struct dps_peer_request_slot *slot)
{
	if (slot->message != DPS_PEER_NONE)
		dps_peer_inbox_give(&peer->inbox, slot->message);
	slot->message = DPS_PEER_NONE;
}

static void give_permit(const struct dps_peer *peer, struct dps_peer_request_slot *slot)
{
	if (!slot->has_permit)
		return;
	slot->has_permit = false;
	dps_permits_give(peer->config.permits);
}

/* Each request comes here once, whatever became of it. */
static void release(struct dps_peer *peer, uint32_t index)
{
	struct dps_peer_request_slot *slot = &peer->requests[index];

	if (slot->state == DPS_PEER_REQUEST_WAITING && peer->config.permits != NULL)
		dps_permits_withdraw(&peer->waiter);
	if (slot->is_over && !slot->is_over_told)
		peer->requests_over--;
	if (slot->is_over)
		peer->requests_lost--;
	drop_body(peer, slot);
	move(peer, index, DPS_PEER_REQUEST_FREE);
	slot->is_over = slot->is_over_told = false;
	give_permit(peer, slot);
}

/* Those that wait first: a permit that comes back is for others. */
void dps_peer_requests_fini(struct dps_peer *peer)
{
	uint32_t index;

	while ((index = peer->requests_by[DPS_PEER_REQUEST_WAITING].first) != DPS_PEER_NONE)
		release(peer, index);
	for (index = 0; index < peer->config.requests; index++)
		if (peer->requests[index].state != DPS_PEER_REQUEST_FREE)
			release(peer, index);
}

/* What it is told in place of being handled. */
static void refuse(struct dps_peer *peer, uint32_t index, uint16_t code)
{
	struct dps_peer_request_slot *slot = &peer->requests[index];

	if (slot->state == DPS_PEER_REQUEST_WAITING && peer->config.permits != NULL)
		dps_permits_withdraw(&peer->waiter);
	drop_body(peer, slot);
	slot->code = code;
	move(peer, index, DPS_PEER_REQUEST_REFUSED);
	peer->figures.requests_refused++;
	give_permit(peer, slot);
}

static uint32_t find(const struct dps_peer *peer, uint64_t id)
{
	for (uint32_t i = 0; i < peer->config.requests; i++) {
		const struct dps_peer_request_slot *slot = &peer->requests[i];

		if (slot->id == id && slot->state != DPS_PEER_REQUEST_FREE && !slot->is_over)
			return i;
	}
	return DPS_PEER_NONE;
}

bool dps_peer_request_arrive(struct dps_peer *peer, const struct dps_peer_head *head,
			     uint32_t *index)
{
	struct dps_peer_request_slot *slot;

	if (head->id == 0 || find(peer, head->id) != DPS_PEER_NONE)
		return false;
	*index = peer->requests_by[DPS_PEER_REQUEST_FREE].first;
	DPS_ASSERT(*index != DPS_PEER_NONE); /* credit is given for those that are free */
	slot = &peer->requests[*index];
	slot->id = head->id;
	slot->generation += slot->generation == UINT32_MAX ? 2 : 1; /* 0: no handle */
	slot->code = DPS_PEER_CODE_OK;
	if (peer->state != DPS_PEER_CONNECTED && peer->state != DPS_PEER_LEAVING)
		slot->code = DPS_PEER_CODE_SHUTTING_DOWN;
	else if (peer->config.takes_none)
		slot->code = DPS_PEER_CODE_UNKNOWN;
	else
		slot->message = dps_peer_inbox_take(&peer->inbox, DPS_PEER_CALL, head->body_bytes);
	if (slot->code == DPS_PEER_CODE_OK && slot->message == DPS_BLOCK_NONE)
		slot->code = DPS_PEER_CODE_BUSY;
	move(peer, *index, DPS_PEER_REQUEST_ARRIVING);
	return true;
}

/* Never waits: it has its permit now, or stands in line, or is told that it is too much. */
void dps_peer_request_on_whole(struct dps_peer *peer, uint32_t index, uint64_t now_ns)
{
	struct dps_peer_request_slot *slot = &peer->requests[index];
	struct dps_permits *permits = peer->config.permits;

	slot->at_ns = now_ns;
	if (slot->code != DPS_PEER_CODE_OK) {
		refuse(peer, index, slot->code);
		return;
	}
	if (permits == NULL || dps_permits_take(permits, &peer->waiter)) {
		slot->has_permit = permits != NULL;
		move(peer, index, DPS_PEER_REQUEST_READY);
		return;
	}
	move(peer, index, DPS_PEER_REQUEST_WAITING);
	if (peer->requests_count[DPS_PEER_REQUEST_WAITING] > peer->config.requests_waiting)
		refuse(peer, index, DPS_PEER_CODE_BUSY);
}

/* The program has it: it is told, once. */
static void on_over(struct dps_peer *peer, struct dps_peer_request_slot *slot)
{
	if (slot->is_over)
		return;
	slot->is_over = true;
	peer->requests_over++;
	peer->requests_lost++;
	peer->figures.requests_over++;
}

/* An answer that is on its way goes out all the same: whether it was in time is theirs to say. */
void dps_peer_request_on_cancel(struct dps_peer *peer, uint64_t id, uint64_t now_ns)
{
	uint32_t index = find(peer, id);

	if (index == DPS_PEER_NONE)
		return;
	switch (peer->requests[index].state) {
	case DPS_PEER_REQUEST_WAITING:
	case DPS_PEER_REQUEST_READY:
		peer->figures.requests_over++;
		release(peer, index);
		break;
	case DPS_PEER_REQUEST_TAKEN:
		on_over(peer, &peer->requests[index]);
		break;
	default:
		break;
	}
	dps_peer_on_said(peer, now_ns);
}

/* It may have ended while its answer was being written, and its slot may have another by now. */
void dps_peer_request_on_sent(struct dps_peer *peer, uint32_t index, uint64_t id)
{
	if (peer->requests[index].state == DPS_PEER_REQUEST_ANSWERED &&
	    peer->requests[index].id == id)
		release(peer, index);
}

void dps_peer_requests_refuse(struct dps_peer *peer)
{
	uint32_t index;

	while ((index = peer->requests_by[DPS_PEER_REQUEST_WAITING].first) != DPS_PEER_NONE)
		refuse(peer, index, DPS_PEER_CODE_SHUTTING_DOWN);
	while ((index = peer->requests_by[DPS_PEER_REQUEST_READY].first) != DPS_PEER_NONE)
		refuse(peer, index, DPS_PEER_CODE_SHUTTING_DOWN);
}

void dps_peer_requests_end(struct dps_peer *peer)
{
	static const uint8_t not_taken[] = {
		DPS_PEER_REQUEST_WAITING,  DPS_PEER_REQUEST_READY,   DPS_PEER_REQUEST_ARRIVING,
		DPS_PEER_REQUEST_ANSWERED, DPS_PEER_REQUEST_REFUSED,
	};
	uint32_t index;

	dps_peer_reader_forget_request(peer);
	/* Those that wait first: what the others give back must not go to one that is over. */
	for (unsigned int i = 0; i < sizeof(not_taken); i++)
		while ((index = peer->requests_by[not_taken[i]].first) != DPS_PEER_NONE)
			release(peer, index);
	for (index = peer->requests_by[DPS_PEER_REQUEST_TAKEN].first; index != DPS_PEER_NONE;
	     index = peer->requests[index].next)
		on_over(peer, &peer->requests[index]);
}

bool dps_peer_requests_take_refusal(struct dps_peer *peer, struct dps_peer_head *head)
{
	uint32_t index = peer->requests_by[DPS_PEER_REQUEST_REFUSED].first;

	if (index == DPS_PEER_NONE)
		return false;
	*head = (struct dps_peer_head){
		.id = peer->requests[index].id,
		.code = peer->requests[index].code,
		.kind = DPS_PEER_ANSWER,
		.class = DPS_PEER_REPLY,
	};
	release(peer, index);
	return true;
}

/* NULL when the handle leads to nothing that the program has. */
static struct dps_peer_request_slot *taken(struct dps_peer *peer, struct dps_handle request)
{
	struct dps_peer_request_slot *slot;

	if (request.index >= peer->config.requests)
		return NULL;
	slot = &peer->requests[request.index];
	return slot->generation == request.generation && slot->state == DPS_PEER_REQUEST_TAKEN
		       ? slot
		       : NULL;
}

int dps_peer_reply(struct dps_peer *peer, struct dps_handle request, uint16_t code,
		   const void *body, uint32_t bytes, uint64_t now_ns)
{
	struct dps_peer_request_slot *slot;
	struct dps_peer_message message = {
		.queued_at_ns = now_ns,
		.bytes = bytes,
		.owner = request.index,
		.code = code,
		.kind = DPS_PEER_ANSWER,
		.class = DPS_PEER_REPLY,
	};
	uint32_t queued;
	int error = dps_peer_may_call(peer);

	if (error != 0)
		return error;
	slot = taken(peer, request);
	if (slot == NULL)
		return -ENOENT;
	if (body == NULL && bytes > 0)
		return -EINVAL;
	if (slot->is_over) {
		dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_HANDLED], slot->at_ns,
				       now_ns);
		release(peer, request.index);
		dps_peer_on_said(peer, now_ns);
		return -ECANCELED;
	}
	message.id = slot->id;
	error = dps_peer_enqueue(peer, &message, body, &queued);
	if (error != 0)
		return error;
	dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_HANDLED], slot->at_ns, now_ns);
	move(peer, request.index, DPS_PEER_REQUEST_ANSWERED);
	/* Not when the answer has left: who does not read it would have the permits of others. */
	give_permit(peer, slot);
	return 0;
}

bool dps_peer_requests_emit_over(struct dps_peer *peer, struct dps_peer_event *event)
{
	uint32_t index = peer->requests_by[DPS_PEER_REQUEST_TAKEN].first;
	struct dps_peer_request_slot *slot;

	if (peer->requests_over == 0)
		return false;
	while (!peer->requests[index].is_over || peer->requests[index].is_over_told)
		index = peer->requests[index].next;
	slot = &peer->requests[index];
	slot->is_over_told = true;
	peer->requests_over--;
	*event = (struct dps_peer_event){
		.kind = DPS_PEER_EVENT_REQUEST_OVER,
		.request = { .index = index, .generation = slot->generation },
	};
	return true;
}

bool dps_peer_requests_emit(struct dps_peer *peer, struct dps_peer_event *event, uint64_t now_ns)
{
	uint32_t index = peer->requests_by[DPS_PEER_REQUEST_READY].first;
	struct dps_peer_request_slot *slot;

	if (index == DPS_PEER_NONE)
		return false;
	slot = &peer->requests[index];
	*event = (struct dps_peer_event){
		.kind = DPS_PEER_EVENT_REQUEST,
		.message_class = DPS_PEER_CALL,
		.bytes = peer->inbox.arrivals[slot->message].bytes,
		.request = { .index = index, .generation = slot->generation },
	};
	dps_peer_histogram_add(&peer->figures.phases[DPS_PEER_RECEIVED], slot->at_ns, now_ns);
	slot->at_ns = now_ns;
	peer->lent = slot->message;
	slot->message = DPS_PEER_NONE;
	move(peer, index, DPS_PEER_REQUEST_TAKEN);
	return true;
}
