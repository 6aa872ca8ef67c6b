/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two sides say to each other about streams. */
#include "engine/stream.h"

/* That one side may give out: every other one that fits. */
#define NUMBERS_MAX (UINT32_MAX / 2)

void dps_stream_say(struct dps_streams *streams, struct dps_stream *stream,
		    enum dps_stream_message_type type)
{
	if (streams->is_lost)
		return;
	stream->say |= (uint8_t)(1u << type);
	dps_stream_enqueue(streams, stream, DPS_QUEUE_SAY);
}

static bool is_asked(const struct dps_stream *stream)
{
	return stream->halves[DPS_HALF_SEND].state == DPS_STREAM_OPENING ||
	       stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_OPENING;
}

/* The half that was refused; there is none: HALVES_COUNT. One may have ended before the answer. */
static unsigned int refused_half(const struct dps_stream *stream)
{
	unsigned int half = 0;

	while (half < DPS_HALVES_COUNT && stream->halves[half].state != DPS_STREAM_REFUSED)
		half++;
	return half;
}

void dps_stream_say_answer(struct dps_streams *streams, struct dps_stream *stream)
{
	if (is_asked(stream))
		return;
	dps_stream_say(streams, stream,
		       refused_half(stream) < DPS_HALVES_COUNT ? DPS_STREAM_SAYS_REFUSE
							       : DPS_STREAM_SAYS_ACCEPT);
}

/* About a number without a record. A peer that makes for more of them than there are records of its
 * own is not answered. */
static void say_stray(struct dps_streams *streams, uint8_t type, uint32_t number, uint64_t value)
{
	uint32_t capacity = streams->config.streams;

	if (streams->strays_count == capacity) {
		streams->counters.anomalies++;
		return;
	}
	streams->strays[(streams->strays_head + streams->strays_count) % capacity] =
		(struct dps_stream_stray){ .type = type, .number = number, .value = value };
	streams->strays_count++;
}

/* ---- What the peer says. ---- */

static bool is_number_ours(const struct dps_streams *streams, uint32_t number)
{
	return (number % 2 == 0) == streams->config.is_dialer;
}

static void arrive(struct dps_streams *streams, const struct dps_stream_message *message)
{
	struct dps_stream *stream = dps_stream_make(streams, false, message->value);

	dps_stream_number(streams, stream, message->number);
	dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_ASK, 0);
	if (message->flags & DPS_STREAM_BOTH_WAYS)
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_ASK, 0);
	if (streams->refusal != 0) {
		dps_stream_turn_away(streams, stream, streams->refusal);
		return;
	}
	streams->counters.arrived++;
	dps_stream_tell(streams, stream, DPS_STREAM_EVENT_ARRIVED);
	if (streams->config.is_asking)
		return;
	dps_stream_say(streams, stream, DPS_STREAM_SAYS_ACCEPT);
	dps_stream_on_accepted(streams, stream);
}

/* Numbers that are passed over are of streams that were given up before we heard of them. */
static void pass_over(struct dps_streams *streams, uint32_t place)
{
	if (place <= streams->arrived)
		return;
	streams->arrived_max += place - streams->arrived;
	streams->arrived = place;
	streams->is_limit_said = false;
}

static void on_used(struct dps_streams *streams, uint64_t value)
{
	uint64_t place = dps_min_u64(value, streams->arrived_max);

	pass_over(streams, (uint32_t)dps_min_u64(place, NUMBERS_MAX));
}

static void on_new(struct dps_streams *streams, const struct dps_stream_message *message)
{
	uint32_t place = message->number / 2;

	if (place >= streams->arrived_max) {
		streams->counters.refused_limit++;
		say_stray(streams, DPS_STREAM_SAYS_REFUSE, message->number, DPS_CODE_LIMIT);
		return;
	}
	pass_over(streams, place);
	streams->arrived = place + 1;
	arrive(streams, message);
}

static void on_open(struct dps_streams *streams, struct dps_stream *stream,
		    const struct dps_stream_message *message)
{
	if (is_number_ours(streams, message->number) ||
	    (message->flags & ~(unsigned int)DPS_STREAM_BOTH_WAYS)) {
		streams->counters.anomalies++;
	} else if (stream != NULL) {
		/* Said again after a resume: our answer may have been lost. */
		dps_stream_say_answer(streams, stream);
	} else if (message->number / 2 < streams->arrived) {
		say_stray(streams, DPS_STREAM_SAYS_UNKNOWN, message->number, 0);
	} else {
		on_new(streams, message);
	}
}

static void on_limit(struct dps_streams *streams, uint64_t value)
{
	uint32_t limit = (uint32_t)dps_min_u64(value, NUMBERS_MAX);

	if (limit <= streams->opened_max)
		return;
	streams->opened_max = limit;
	dps_streams_take_turns(streams);
}

/* The peer ends a half. Of one that it cannot have heard of it lies. */
static void on_end(struct dps_streams *streams, struct dps_stream *stream,
		   enum dps_stream_half half, enum dps_stream_input input, uint64_t value)
{
	if (stream->halves[half].state == DPS_STREAM_NONE || !dps_stream_can(stream, half, input)) {
		streams->counters.anomalies++;
		return;
	}
	dps_stream_enter(streams, stream, half, input, value);
}

/* It has ended at the peer: well, if all of it is here; or that was said when the connection went.
 */
static void drop_receive(struct dps_streams *streams, struct dps_stream *stream)
{
	stream->is_peer_done = true;
	if (!dps_stream_is_half_over(stream, DPS_HALF_RECEIVE) && !dps_stream_has_all(stream))
		dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_ABORT,
				 DPS_CODE_DROPPED);
}

static void on_unknown(struct dps_streams *streams, struct dps_stream *stream)
{
	if (is_asked(stream))
		dps_stream_enter_both(streams, stream, DPS_INPUT_REFUSE, DPS_CODE_DROPPED);
	drop_receive(streams, stream);
	if (!dps_stream_is_half_over(stream, DPS_HALF_SEND))
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_STOP, DPS_CODE_DROPPED);
}

static void on_accept(struct dps_streams *streams, struct dps_stream *stream)
{
	if (!stream->is_ours)
		streams->counters.anomalies++;
	else if (is_asked(stream))
		dps_stream_on_accepted(streams, stream);
}

static void on_refuse(struct dps_streams *streams, struct dps_stream *stream, uint64_t code)
{
	if (!stream->is_ours) {
		streams->counters.anomalies++;
		return;
	}
	stream->is_peer_done = true;
	if (is_asked(stream))
		dps_stream_enter_both(streams, stream, DPS_INPUT_REFUSE, code);
	else if (!dps_stream_is_half_over(stream, DPS_HALF_SEND) ||
		 !dps_stream_is_half_over(stream, DPS_HALF_RECEIVE))
		on_unknown(streams, stream);
}

static void on_known(struct dps_streams *streams, struct dps_stream *stream,
		     const struct dps_stream_message *message)
{
	switch (message->type) {
	case DPS_STREAM_SAYS_ACCEPT:
		on_accept(streams, stream);
		break;
	case DPS_STREAM_SAYS_REFUSE:
		on_refuse(streams, stream, message->value);
		break;
	case DPS_STREAM_SAYS_ABORT:
		stream->is_peer_done = true;
		on_end(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_ABORT, message->value);
		break;
	case DPS_STREAM_SAYS_STOP:
		on_end(streams, stream, DPS_HALF_SEND, DPS_INPUT_STOP, message->value);
		break;
	case DPS_STREAM_SAYS_DONE:
		if (stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_NONE)
			streams->counters.anomalies++;
		else
			drop_receive(streams, stream);
		break;
	case DPS_STREAM_SAYS_UNKNOWN:
		on_unknown(streams, stream);
		break;
	default:
		streams->counters.anomalies++;
		break;
	}
	dps_stream_settle(streams, stream);
}

void dps_streams_on_message(struct dps_streams *streams, uint64_t epoch,
			    const struct dps_stream_message *message)
{
	struct dps_stream *stream;

	if (!streams->is_attached || epoch != streams->epoch) {
		streams->counters.dropped_epoch++;
		return;
	}
	if (message->type == DPS_STREAM_SAYS_LIMIT) {
		on_limit(streams, message->value);
		return;
	}
	if (message->type == DPS_STREAM_SAYS_USED) {
		on_used(streams, message->value);
		return;
	}
	stream = message->number == DPS_STREAM_NUMBER_NONE
			 ? NULL
			 : dps_stream_numbered(streams, message->number);
	if (message->type == DPS_STREAM_SAYS_OPEN && message->number != DPS_STREAM_NUMBER_NONE) {
		on_open(streams, stream, message);
	} else if (stream != NULL) {
		on_known(streams, stream, message);
	} else {
		streams->counters.dropped_number++;
		/* It goes on with what has ended here, or waits to hear that it has. */
		if (message->type == DPS_STREAM_SAYS_ACCEPT ||
		    message->type == DPS_STREAM_SAYS_STOP)
			say_stray(streams, DPS_STREAM_SAYS_UNKNOWN, message->number, 0);
	}
}

/* ---- What we say. ---- */

static uint64_t value_of(const struct dps_stream *stream, uint8_t type)
{
	switch (type) {
	case DPS_STREAM_SAYS_OPEN:
		return stream->tag;
	case DPS_STREAM_SAYS_ABORT:
		return stream->halves[DPS_HALF_SEND].cause.code;
	case DPS_STREAM_SAYS_REFUSE:
		return stream->halves[refused_half(stream)].cause.code;
	case DPS_STREAM_SAYS_STOP:
		return stream->halves[DPS_HALF_RECEIVE].cause.code;
	default:
		return 0;
	}
}

static struct dps_stream_message take_message(struct dps_stream *stream)
{
	struct dps_stream_message message = { .number = stream->number };

	/* In the order of their numbers: it is opened before anything else is said of it. */
	while (!(stream->say & 1u << message.type))
		message.type++;
	stream->say &= (uint8_t) ~(1u << message.type);
	message.value = value_of(stream, message.type);
	if (message.type == DPS_STREAM_SAYS_OPEN && stream->is_both_ways)
		message.flags = DPS_STREAM_BOTH_WAYS;
	return message;
}

static unsigned int emit_own(struct dps_streams *streams, struct dps_stream_message *messages,
			     unsigned int room)
{
	unsigned int count = 0;

	if (room > 0 && !streams->is_limit_said) {
		messages[count++] = (struct dps_stream_message){
			.type = DPS_STREAM_SAYS_LIMIT,
			.value = streams->arrived_max,
		};
		streams->is_limit_said = true;
	}
	for (; count < room && streams->strays_count > 0; streams->strays_count--) {
		const struct dps_stream_stray *stray = &streams->strays[streams->strays_head];

		messages[count++] = (struct dps_stream_message){
			.type = stray->type,
			.number = stray->number,
			.value = stray->value,
		};
		streams->strays_head = (streams->strays_head + 1) % streams->config.streams;
	}
	return count;
}

/* Of those in the queue some may have nothing to say any more; what there is, is said. */
bool dps_streams_has_messages(const struct dps_streams *streams, uint64_t epoch)
{
	return streams->is_attached && epoch == streams->epoch &&
	       (!streams->is_limit_said || !streams->is_used_said || streams->strays_count > 0 ||
		streams->first[DPS_QUEUE_SAY] != DPS_STREAM_INDEX_NONE);
}

unsigned int dps_streams_emit_messages(struct dps_streams *streams, uint64_t epoch,
				       struct dps_stream_message *messages, unsigned int room)
{
	unsigned int count;

	if (!streams->is_attached || epoch != streams->epoch)
		return 0;
	count = emit_own(streams, messages, room);
	while (count < room) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_SAY);

		if (stream == NULL)
			break;
		while (stream->say != 0 && count < room)
			messages[count++] = take_message(stream);
		if (stream->say != 0)
			dps_stream_enqueue(streams, stream, DPS_QUEUE_SAY);
		else
			dps_stream_settle(streams, stream);
	}
	/* Behind all that were opened: whatever else was, was given up. */
	if (count < room && !streams->is_used_said) {
		streams->is_used_said = true;
		messages[count++] = (struct dps_stream_message){
			.type = DPS_STREAM_SAYS_USED,
			.value = streams->opened,
		};
	}
	return count;
}
