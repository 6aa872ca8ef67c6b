/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection goes and another comes: what is sent again, and what is said again. */
#include "engine/stream.h"
#include <errno.h>

int dps_streams_park(struct dps_streams *streams, uint64_t epoch)
{
	if (!streams->is_attached || epoch != streams->epoch)
		return -ESTALE;
	streams->is_attached = false;
	return 0;
}

/* ---- Our own, in the order of their numbers. ---- */

static uint32_t *next_of(struct dps_streams *streams, uint32_t index)
{
	return &streams->records[index].next[DPS_QUEUE_SAY];
}

static uint32_t merge(struct dps_streams *streams, uint32_t a, uint32_t b)
{
	uint32_t first = DPS_STREAM_INDEX_NONE, *link = &first;

	while (a != DPS_STREAM_INDEX_NONE && b != DPS_STREAM_INDEX_NONE) {
		uint32_t *lower = streams->records[a].number < streams->records[b].number ? &a : &b;

		*link = *lower;
		link = next_of(streams, *lower);
		*lower = *link;
	}
	*link = a != DPS_STREAM_INDEX_NONE ? a : b;
	return first;
}

/* Merge sort of a list. */
static uint32_t sort(struct dps_streams *streams, uint32_t first)
{
	uint32_t middle = first, end = first, second;

	if (first == DPS_STREAM_INDEX_NONE || *next_of(streams, first) == DPS_STREAM_INDEX_NONE)
		return first;
	while (*next_of(streams, end) != DPS_STREAM_INDEX_NONE) {
		end = *next_of(streams, end);
		if (*next_of(streams, end) == DPS_STREAM_INDEX_NONE)
			break;
		end = *next_of(streams, end);
		middle = *next_of(streams, middle);
	}
	second = *next_of(streams, middle);
	*next_of(streams, middle) = DPS_STREAM_INDEX_NONE;
	return merge(streams, sort(streams, first), sort(streams, second));
}

/* Empties the queue of those with something to say, and lists our own that have numbers. */
static uint32_t list_ours(struct dps_streams *streams)
{
	uint32_t first = DPS_STREAM_INDEX_NONE;

	streams->first[DPS_QUEUE_SAY] = streams->last[DPS_QUEUE_SAY] = DPS_STREAM_INDEX_NONE;
	for (uint32_t i = 0; i < streams->config.streams; i++) {
		struct dps_stream *stream = &streams->records[i];

		stream->queued &= (uint8_t) ~(1u << DPS_QUEUE_SAY);
		if (!stream->is_used || !stream->is_ours ||
		    stream->number == DPS_STREAM_NUMBER_NONE)
			continue;
		*next_of(streams, i) = first;
		first = i;
	}
	return first;
}

/* ---- Saying again. ---- */

static void go_on(struct dps_streams *streams, struct dps_stream *stream)
{
	dps_stream_rewind(streams, stream);
	dps_stream_report(streams, stream);
	if (stream->is_ours)
		dps_stream_say(streams, stream, DPS_STREAM_SAYS_OPEN);
	else
		dps_stream_say_answer(streams, stream);
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		dps_stream_say_end(streams, stream, half);
	/* It had something to say already. */
	if (stream->say != 0)
		dps_stream_enqueue(streams, stream, DPS_QUEUE_SAY);
}

int dps_streams_reroute(struct dps_streams *streams, uint64_t epoch)
{
	if (!streams->is_attached || epoch != streams->epoch)
		return -ESTALE;
	for (uint32_t i = 0; i < streams->config.streams; i++) {
		struct dps_stream *stream = &streams->records[i];

		if (!stream->is_used)
			continue;
		dps_stream_rewind(streams, stream);
		dps_stream_report(streams, stream);
	}
	return 0;
}

/*
 * Whatever was said may not have been heard. Who opened a stream names it again, and so does who
 * accepted it: the other side answers that it does not know it, if it does not. What was opened
 * is named in the order of its numbers, as those that are passed over count as closed.
 */
int dps_streams_resume(struct dps_streams *streams, uint64_t epoch)
{
	uint32_t index, next;

	if (epoch <= streams->epoch || streams->is_lost)
		return -ESTALE;
	streams->epoch = epoch;
	streams->is_attached = true;
	streams->is_limit_said = streams->is_used_said = false;
	for (index = sort(streams, list_ours(streams)); index != DPS_STREAM_INDEX_NONE;
	     index = next) {
		next = *next_of(streams, index);
		go_on(streams, &streams->records[index]);
	}
	for (index = 0; index < streams->config.streams; index++)
		if (streams->records[index].is_used && !streams->records[index].is_ours)
			go_on(streams, &streams->records[index]);
	return 0;
}
