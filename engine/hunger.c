/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hunger: channels that want chunks, those of them that found no slot, and whose turn it is when
 * one is free. A slot belongs to who has waited longest: what is fed keeps its claim until it is
 * served, so that a channel which was just served can not take it on the way.
 */
#include "engine/state.h"

static void append(struct dps_engine *engine, uint32_t *first, uint32_t *last, uint32_t index)
{
	engine->channels[index].next_hungry = DPS_CHANNEL_NONE;
	if (*last == DPS_CHANNEL_NONE)
		*first = index;
	else
		engine->channels[*last].next_hungry = index;
	*last = index;
}

static void unlink_from(struct dps_engine *engine, uint32_t *first, uint32_t *last, uint32_t index)
{
	uint32_t previous = DPS_CHANNEL_NONE;
	uint32_t *link = first;

	while (*link != index) {
		DPS_ASSERT(*link != DPS_CHANNEL_NONE);
		previous = *link;
		link = &engine->channels[*link].next_hungry;
	}
	*link = engine->channels[index].next_hungry;
	if (*last == index)
		*last = previous;
}

void dps_channel_want(struct dps_engine *engine, struct dps_channel *channel)
{
	if (channel->is_hungry || channel->is_starved)
		return;
	channel->is_hungry = true;
	append(engine, &engine->first_hungry, &engine->last_hungry,
	       dps_channel_index(engine, channel));
}

struct dps_channel *dps_channel_take_hungry(struct dps_engine *engine)
{
	struct dps_channel *channel;

	if (engine->first_hungry == DPS_CHANNEL_NONE)
		return NULL;
	channel = &engine->channels[engine->first_hungry];
	engine->first_hungry = channel->next_hungry;
	if (engine->first_hungry == DPS_CHANNEL_NONE)
		engine->last_hungry = DPS_CHANNEL_NONE;
	channel->is_hungry = false;
	return channel;
}

/*
 * Credit promises slots that stay promised until the other side has sent. If two lanes promised
 * each other all they have, neither could read what it is to send: some are for senders only,
 * whose slots always come back, as they send within the credit of the other side.
 */
static uint32_t kept_for_others(const struct dps_engine *engine, bool is_sender, bool is_fed)
{
	uint32_t kept = engine->fed_count - is_fed;

	if (!is_sender)
		kept += (uint32_t)dps_min_u64(DPS_ENGINE_READ_AHEAD_CHUNKS_MIN,
					      engine->limits.slots / 4);
	return kept;
}

bool dps_channel_may_have_slot(const struct dps_engine *engine, const struct dps_channel *channel)
{
	return dps_slots_available(&engine->slots) >
	       kept_for_others(engine, channel->is_sender, channel->is_fed);
}

void dps_channel_starve(struct dps_engine *engine, struct dps_channel *channel)
{
	uint32_t index = dps_channel_index(engine, channel);

	if (channel->is_hungry || channel->is_starved)
		return;
	channel->is_starved = true;
	engine->starved_senders += channel->is_sender;
	if (!channel->is_fed) {
		append(engine, &engine->first_starved, &engine->last_starved, index);
		return;
	}
	/* Its slot went to a sender that waited less: it keeps its place. */
	dps_channel_unfeed(engine, channel);
	channel->next_hungry = engine->first_starved;
	engine->first_starved = index;
	if (engine->last_starved == DPS_CHANNEL_NONE)
		engine->last_starved = index;
}

static void leave_starved(struct dps_engine *engine, struct dps_channel *channel)
{
	unlink_from(engine, &engine->first_starved, &engine->last_starved,
		    dps_channel_index(engine, channel));
	channel->is_starved = false;
	engine->starved_senders -= channel->is_sender;
}

/* The one that waits longest of those that may have a slot: any, or a sender. */
static struct dps_channel *first_that_may(struct dps_engine *engine)
{
	uint32_t available = dps_slots_available(&engine->slots);
	uint32_t index = engine->first_starved;

	if (index == DPS_CHANNEL_NONE || available <= kept_for_others(engine, true, false))
		return NULL;
	if (available > kept_for_others(engine, false, false))
		return &engine->channels[index];
	if (engine->starved_senders == 0)
		return NULL;
	while (!engine->channels[index].is_sender)
		index = engine->channels[index].next_hungry;
	return &engine->channels[index];
}

void dps_channel_feed_all_starved(struct dps_engine *engine)
{
	struct dps_channel *channel;

	while ((channel = first_that_may(engine))) {
		leave_starved(engine, channel);
		channel->is_fed = true;
		engine->fed_count++;
		dps_channel_want(engine, channel);
	}
}

void dps_channel_unfeed(struct dps_engine *engine, struct dps_channel *channel)
{
	engine->fed_count -= channel->is_fed;
	channel->is_fed = false;
}

void dps_channel_forget_hunger(struct dps_engine *engine, struct dps_channel *channel)
{
	if (channel->is_hungry)
		unlink_from(engine, &engine->first_hungry, &engine->last_hungry,
			    dps_channel_index(engine, channel));
	channel->is_hungry = false;
	if (channel->is_starved)
		leave_starved(engine, channel);
	dps_channel_unfeed(engine, channel);
}
