/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, accepting, refusing, closing, and the connection underneath: no data yet. */
#include "tests/support/stream_rig.h"

static struct dps_stream_options options_of(uint32_t flags)
{
	return (struct dps_stream_options){ .open_deadline_ns = DPS_NEVER_NS, .flags = flags };
}

static uint8_t send_state(const struct rig_side *side, struct dps_handle handle)
{
	return rig_look(side, handle).send.state;
}

/* All of 10,000 streams and what finds them; the blocks are what the program gives. */
static void bytes__are_less_than_1_kib_for_each_of_10000_idle_streams(void **state)
{
	struct dps_streams_config config;

	(void)state;
	dps_streams_config_init(&config, true);
	config.streams = 10000;
	config.peer_streams = 5000;
	config.receive_blocks = 10000;
	assert_in_range(dps_streams_bytes(&config), 1, 10000 * 1024 - 1);
}

static void init__refuses_what_cannot_work(void **state)
{
	struct dps_streams_config config = rig_stream_config(true), good = config;
	struct dps_streams *streams;
	_Alignas(64) uint8_t memory[64];

	(void)state;
	assert_true(dps_streams_bytes(&config) > 0);
	config.receive_blocks = config.streams - 1;
	assert_int_equal(dps_streams_bytes(&config), 0);
	assert_int_equal(dps_streams_init(memory, &config, memory, &streams), -EINVAL);
	config = good;
	config.peer_streams = config.streams + 1;
	assert_int_equal(dps_streams_bytes(&config), 0);
	config = good;
	config.block_bytes = 257;
	assert_int_equal(dps_streams_bytes(&config), 0);
	config = good;
	config.streams = UINT32_MAX;
	assert_int_equal(dps_streams_bytes(&config), 0);
	config = good;
	config.segments = (1 << 20) + 1;
	assert_int_equal(dps_streams_bytes(&config), 0);
}

static void open__completes_when_the_far_side_accepts(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, 0);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPENING);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPENING);
	assert_int_equal(rig_events(&rig.near), 0);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(rig.far.events[0].value, 77);
	assert_int_equal(rig_look(&rig.far, far).receive.state, DPS_STREAM_OPENING);
	assert_int_equal(send_state(&rig.far, far), DPS_STREAM_NONE);
	assert_int_equal(dps_stream_accept(rig.far.streams, far), 0);
	assert_int_equal(dps_stream_accept(rig.far.streams, far), -DPS_ERROR_ALREADY);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
	rig_event(&rig.near, DPS_STREAM_EVENT_OPENED);
	assert_int_equal(rig_events(&rig.near), 0);
	rig_close_streams(&rig);
}

static void open__both_ways_gives_each_side_two_halves(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, DPS_STREAM_BOTH_WAYS, &far);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
	assert_int_equal(rig_look(&rig.near, near).receive.state, DPS_STREAM_OPEN);
	assert_int_equal(send_state(&rig.far, far), DPS_STREAM_OPEN);
	assert_int_equal(rig_look(&rig.far, far).receive.state, DPS_STREAM_OPEN);
	rig_close_streams(&rig);
}

static void open__refused_tells_the_code(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;
	struct dps_stream_event event;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_stream_refuse(rig.far.streams, far, DPS_CODE_MAX + 1),
			 -DPS_ERROR_INVALID);
	assert_int_equal(dps_stream_refuse(rig.far.streams, far, 404), 0);
	assert_int_equal(dps_stream_refuse(rig.far.streams, far, 404), -DPS_ERROR_CLOSED);
	rig_talk(&rig);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	event = rig_event(&rig.near, DPS_STREAM_EVENT_SEND_OVER);
	assert_int_equal(event.cause.error, -DPS_ERROR_REFUSED);
	assert_int_equal(event.cause.code, 404);
	assert_int_equal(rig_look(&rig.near, near).receive.cause.code, 404);
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP), 0);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	rig_close_streams(&rig);
}

/* More in a row than may be open at once: each is answered, and makes room for the next. */
static void open__is_refused_where_nobody_takes_streams(void **state)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_handle handle;
	struct stream_rig rig;

	(void)state;
	far.takes_none = true;
	far.peer_streams = 2;
	rig_open_with(&rig, &near, &far);
	for (unsigned int i = 0; i < 6; i++)
		rig_stream(&rig.near, 0);
	rig_talk(&rig);
	assert_int_equal(rig_events(&rig.far), 0);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	assert_int_equal(rig_events(&rig.near), 6);
	for (unsigned int i = 0; i < 6; i++) {
		const struct dps_stream_event *event = &rig.near.events[i];

		assert_int_equal(event->type, DPS_STREAM_EVENT_SEND_OVER);
		assert_int_equal(event->cause.error, -DPS_ERROR_REFUSED);
		assert_int_equal(event->cause.code, DPS_CODE_UNWANTED);
		dps_stream_close(rig.near.streams, event->handle, DPS_STREAM_DROP);
	}
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	/* Its own are taken as before. */
	handle = rig_stream(&rig.far, 0);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.far, handle), DPS_STREAM_OPEN);
	rig_close_streams(&rig);
}

/* More than the peer allows: the open waits, in its order, until one is closed. */
static void open__beyond_the_limit_waits_for_its_turn(void **state)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_handle handles[4], arrived[2];
	struct stream_rig rig;

	(void)state;
	far.peer_streams = 2;
	rig_open_with(&rig, &near, &far);
	for (unsigned int i = 0; i < 4; i++)
		handles[i] = rig_stream(&rig.near, 0);
	assert_int_equal(send_state(&rig.near, handles[0]), DPS_STREAM_WAITING);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.near, handles[1]), DPS_STREAM_OPEN);
	assert_int_equal(send_state(&rig.near, handles[2]), DPS_STREAM_WAITING);
	assert_int_equal(rig_events(&rig.far), 2);
	arrived[0] = rig.far.events[0].handle;
	arrived[1] = rig.far.events[1].handle;
	assert_int_equal(dps_stream_close(rig.far.streams, arrived[1], DPS_STREAM_DROP), 0);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.near, handles[1]), DPS_STREAM_STOPPED);
	assert_int_equal(send_state(&rig.near, handles[2]), DPS_STREAM_OPEN);
	assert_int_equal(send_state(&rig.near, handles[3]), DPS_STREAM_WAITING);
	assert_int_equal(dps_stream_close(rig.far.streams, arrived[0], DPS_STREAM_DROP), 0);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.near, handles[3]), DPS_STREAM_OPEN);
	rig_close_streams(&rig);
}

static void open__beyond_the_limit_fails_at_once_if_asked(void **state)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_stream_options options = options_of(DPS_STREAM_NO_WAIT);
	struct dps_handle handle, waiting;
	struct stream_rig rig;

	(void)state;
	far.peer_streams = 1;
	rig_open_with(&rig, &near, &far);
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &handle), -DPS_ERROR_LIMIT);
	rig_talk(&rig);
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &handle), 0);
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &waiting), -DPS_ERROR_LIMIT);
	/* The refusal took nothing. */
	assert_int_equal(dps_streams_count(rig.near.streams), 1);
	options.flags = 64;
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &waiting), -DPS_ERROR_INVALID);
	rig_close_streams(&rig);
}

static void open__fails_when_the_table_is_full(void **state)
{
	struct dps_stream_options options = options_of(0);
	struct dps_streams_counters counters;
	struct dps_handle handle;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	for (unsigned int i = 0; i < 8; i++)
		handle = rig_stream(&rig.near, 0);
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &handle), -DPS_ERROR_NO_ROOM);
	/* The peer's places are its own. */
	for (unsigned int i = 0; i < 8; i++)
		rig_stream(&rig.far, 0);
	rig_talk(&rig);
	assert_int_equal(dps_streams_count(rig.near.streams), 16);
	dps_streams_read_counters(rig.near.streams, &counters);
	assert_int_equal(counters.opened, 8);
	assert_int_equal(counters.arrived, 8);
	rig_close_streams(&rig);
}

static void open__that_is_not_answered_in_time_has_failed(void **state)
{
	struct dps_stream_options options = options_of(DPS_STREAM_BOTH_WAYS);
	struct dps_stream_event event;
	struct dps_handle near, far;
	struct stream_rig rig;

	(void)state;
	rig_open_asking(&rig);
	options.open_deadline_ns = 100;
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &near), 0);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_streams_next_deadline_ns(rig.near.streams), 100);
	dps_streams_on_deadline(rig.near.streams, 99);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPENING);
	dps_streams_on_deadline(rig.near.streams, 100);
	assert_true(dps_streams_next_deadline_ns(rig.near.streams) == DPS_NEVER_NS);
	event = rig_event(&rig.near, DPS_STREAM_EVENT_SEND_OVER);
	assert_int_equal(event.cause.error, -DPS_ERROR_TIMEOUT);
	/* The other side hears of it, and its answer comes too late. */
	rig_talk(&rig);
	assert_int_equal(rig_look(&rig.far, far).receive.state, DPS_STREAM_ABORTED);
	assert_int_equal(send_state(&rig.far, far), DPS_STREAM_STOPPED);
	assert_int_equal(dps_stream_accept(rig.far.streams, far), -DPS_ERROR_ABORTED);
	dps_stream_close(rig.far.streams, far, DPS_STREAM_DROP);
	dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP);
	rig_talk(&rig);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	rig_close_streams(&rig);
}

/* An answer that is on its way when the program gives up changes nothing any more. */
static void close__before_the_answer_cancels(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, waiting, far;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_stream_accept(rig.far.streams, far), 0);
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_LINGER), 0);
	rig_talk(&rig);
	assert_int_equal(rig_events(&rig.near), 0);
	assert_int_equal(rig_look(&rig.far, far).receive.cause.error, -DPS_ERROR_ABORTED);
	assert_true(rig_look(&rig.far, far).receive.cause.code == DPS_CODE_DROPPED);
	assert_int_equal(rig_look(&rig.far, far).send.cause.error, -DPS_ERROR_STOPPED);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	/* One that never had its turn leaves no trace. */
	for (unsigned int i = 0; i < 8; i++)
		waiting = rig_stream(&rig.near, 0);
	assert_int_equal(dps_stream_close(rig.near.streams, waiting, DPS_STREAM_DROP), 0);
	rig_talk(&rig);
	rig_close_streams(&rig);
}

/* E42: the second close finds nothing, and no event is told twice. */
static void close__twice_is_told_once(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP), 0);
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP),
			 -DPS_ERROR_CLOSED);
	rig_talk(&rig);
	rig_event(&rig.far, DPS_STREAM_EVENT_RECEIVE_OVER);
	assert_int_equal(rig_events(&rig.far), 0);
	assert_int_equal(dps_stream_close(rig.far.streams, far, DPS_STREAM_DROP), 0);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	rig_close_streams(&rig);
}

/* Whatever is called with a handle of something else: never another stream. */
static void handle__of_what_was_closed_leads_to_nothing(void **state)
{
	struct dps_stream_snapshot snapshot;
	struct stream_rig rig;
	struct dps_handle near, far, next;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP);
	rig_talk(&rig);
	next = rig_stream(&rig.near, 0);
	assert_int_equal(next.index, near.index);
	assert_int_not_equal(next.generation, near.generation);
	assert_int_equal(dps_stream_look(rig.near.streams, near, &snapshot), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_accept(rig.near.streams, near), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_accept(rig.near.streams, next), -DPS_ERROR_INVALID);
	near.index = UINT32_MAX;
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP),
			 -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_look(rig.near.streams, (struct dps_handle){ 0 }, &snapshot),
			 -DPS_ERROR_CLOSED);
	rig_close_streams(&rig);
}

static void lose__ends_every_stream_with_its_reason(void **state)
{
	struct dps_stream_options options = options_of(0);
	struct dps_stream_event event;
	struct stream_rig rig;
	struct dps_handle near, far, none;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	dps_streams_lose(rig.near.streams, DPS_CLOSE_IDLE);
	dps_streams_lose(rig.near.streams, DPS_CLOSE_SHUTDOWN);
	event = rig_event(&rig.near, DPS_STREAM_EVENT_SEND_OVER);
	assert_int_equal(event.cause.error, -DPS_ERROR_LOST);
	assert_int_equal(event.cause.reason, DPS_CLOSE_IDLE);
	assert_int_equal(dps_stream_open(rig.near.streams, &options, &none), -DPS_ERROR_LOST);
	assert_int_equal(dps_streams_resume(rig.near.streams, 9), -ESTALE);
	dps_stream_close(rig.near.streams, near, DPS_STREAM_LINGER);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	rig_close_streams(&rig);
}

/* E38: what an old connection says late moves nothing. */
static void message__of_another_epoch_moves_nothing(void **state)
{
	const struct dps_stream_message stop = { DPS_STREAM_SAYS_STOP, 0, 0, 3 };
	struct dps_stream_message messages[4];
	struct dps_streams_counters counters;
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	rig_reconnect(&rig);
	dps_streams_on_message(rig.near.streams, rig.epoch - 1, &stop);
	assert_int_equal(dps_streams_emit_messages(rig.near.streams, rig.epoch - 1, messages, 4),
			 0);
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
	dps_streams_read_counters(rig.near.streams, &counters);
	assert_int_equal(counters.dropped_epoch, 1);
	assert_int_equal(dps_streams_park(rig.near.streams, rig.epoch - 1), -ESTALE);
	assert_int_equal(dps_streams_resume(rig.near.streams, rig.epoch), -ESTALE);
	rig_close_streams(&rig);
}

/* Everything that was said may have been lost with the connection, at any moment. */
static void resume__says_again_what_may_not_have_been_heard(void **state)
{
	(void)state;
	/* So many messages arrive before the connection breaks. */
	for (unsigned int heard = 0; heard < 12; heard++) {
		struct dps_stream_message message, unheard[2];
		struct dps_handle near, other;
		struct stream_rig rig;

		rig_open_streams(&rig);
		near = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
		other = rig_stream(&rig.near, 0);
		dps_stream_close(rig.near.streams, other, DPS_STREAM_DROP);
		for (unsigned int i = 0; i < heard; i++) {
			struct rig_side *from = i % 2 == 0 ? &rig.near : &rig.far;
			struct rig_side *to = i % 2 == 0 ? &rig.far : &rig.near;

			if (dps_streams_emit_messages(from->streams, rig.epoch, &message, 1) > 0)
				dps_streams_on_message(to->streams, rig.epoch, &message);
		}
		/* These are not heard. */
		dps_streams_emit_messages(rig.near.streams, rig.epoch, unheard, heard % 3);
		dps_streams_emit_messages(rig.far.streams, rig.epoch, unheard, heard % 2);
		rig_reconnect(&rig);
		rig_talk(&rig);
		assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
		assert_int_equal(rig_look(&rig.near, near).receive.state, DPS_STREAM_OPEN);
		dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP);
		rig_reconnect(&rig);
		rig_talk(&rig);
		assert_int_equal(dps_streams_count(rig.near.streams), 0);
		rig_events(&rig.far);
		for (unsigned int i = 0; i < rig.far.events_count; i++)
			dps_stream_close(rig.far.streams, rig.far.events[i].handle,
					 DPS_STREAM_DROP);
		rig_talk(&rig);
		assert_int_equal(dps_streams_count(rig.far.streams), 0);
		/* And its places are there again. */
		for (unsigned int i = 0; i < 8; i++)
			near = rig_stream(&rig.near, 0);
		rig_talk(&rig);
		assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
		rig_close_streams(&rig);
	}
}

/*
 * Opened, given up, and neither was heard: the place it took is there again. And those that are
 * named again are named in their order, or the earlier would be taken for given up.
 */
static void resume__gives_back_the_places_of_what_was_never_heard_of(void **state)
{
	struct dps_stream_message unheard[32];
	struct dps_handle handles[8], more;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	/* Records are taken last in, first out: these have numbers that fall with the index. */
	for (unsigned int i = 0; i < 8; i++)
		handles[i] = rig_stream(&rig.near, 0);
	rig_talk(&rig);
	rig_events(&rig.far);
	for (unsigned int i = 0; i < 8; i++) {
		dps_stream_close(rig.near.streams, handles[i], DPS_STREAM_DROP);
		dps_stream_close(rig.far.streams, rig.far.events[i].handle, DPS_STREAM_DROP);
	}
	rig_talk(&rig);
	for (unsigned int i = 0; i < 8; i++)
		handles[i] = rig_stream(&rig.near, 0);
	for (unsigned int i = 0; i < 8; i += 2)
		dps_stream_close(rig.near.streams, handles[i], DPS_STREAM_DROP);
	dps_stream_close(rig.near.streams, handles[7], DPS_STREAM_DROP);
	assert_true(dps_streams_emit_messages(rig.near.streams, 1, unheard, 32) > 8);
	assert_int_equal(dps_streams_count(rig.near.streams), 3);
	rig_reconnect(&rig);
	rig_talk(&rig);
	for (unsigned int i = 1; i < 7; i += 2)
		assert_int_equal(send_state(&rig.near, handles[i]), DPS_STREAM_OPEN);
	assert_int_equal(dps_streams_count(rig.far.streams), 3);
	for (unsigned int i = 0; i < 5; i++) {
		more = rig_stream(&rig.near, 0);
		rig_talk(&rig);
		assert_int_equal(send_state(&rig.near, more), DPS_STREAM_OPEN);
	}
	rig_close_streams(&rig);
}

/* A half that was stopped before the refusal does not make it an acceptance, heard or not. */
static void resume__says_a_refusal_again(void **state)
{
	struct dps_stream_message unheard[8];
	struct dps_handle near, far;
	struct stream_rig rig;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_stream_stop(rig.far.streams, far, 5), 0);
	assert_int_equal(dps_stream_refuse(rig.far.streams, far, 6), 0);
	/* The refusal leaves and is not heard; that it was stopped has not left. */
	assert_int_equal(dps_streams_emit_messages(rig.far.streams, 1, unheard, 1), 1);
	assert_int_equal(unheard[0].type, DPS_STREAM_SAYS_REFUSE);
	rig_reconnect(&rig);
	rig_talk(&rig);
	assert_int_equal(rig_look(&rig.near, near).send.cause.error, -DPS_ERROR_REFUSED);
	assert_int_equal(rig_look(&rig.near, near).send.cause.code, 6);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	rig_close_streams(&rig);
}

/* Opened and given up, of which only the first was heard; and stopped before it was answered. */
static void resume__tells_who_stopped_it_that_it_has_ended(void **state)
{
	struct dps_stream_message unheard[8];
	struct dps_handle near, far;
	struct stream_rig rig;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, 0);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	dps_stream_close(rig.near.streams, near, DPS_STREAM_DROP);
	assert_int_equal(dps_streams_emit_messages(rig.near.streams, 1, unheard, 8), 1);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	rig_reconnect(&rig);
	rig_talk(&rig);
	assert_int_equal(rig_look(&rig.far, far).receive.state, DPS_STREAM_OPENING);
	assert_int_equal(dps_stream_stop(rig.far.streams, far, 5), 0);
	dps_stream_close(rig.far.streams, far, DPS_STREAM_DROP);
	rig_talk(&rig);
	assert_int_equal(dps_streams_count(rig.far.streams), 0);
	rig_close_streams(&rig);
}

/* A peer that opens more than it may: refused one by one, and nobody else suffers. */
static void message__more_opens_than_allowed_are_refused(void **state)
{
	struct dps_streams_counters counters;
	struct stream_rig rig;
	struct dps_handle far;

	(void)state;
	rig_open_streams(&rig);
	for (uint32_t i = 0; i < 1000; i++)
		rig_say(&rig, &rig.far, DPS_STREAM_SAYS_OPEN, 2 * i, 0);
	dps_streams_read_counters(rig.far.streams, &counters);
	assert_int_equal(counters.arrived, 8);
	assert_int_equal(counters.refused_limit, 992);
	assert_int_equal(dps_streams_count(rig.far.streams), 8);
	far = rig_stream(&rig.far, 0);
	rig_talk(&rig);
	assert_int_equal(send_state(&rig.far, far), DPS_STREAM_OPEN);
	rig_close_streams(&rig);
}

/* Numbers that are passed over are as good as closed: the peer may have as many as before. */
static void message__numbers_that_are_passed_over_count_as_closed(void **state)
{
	struct stream_rig rig;
	struct dps_streams_counters counters;

	(void)state;
	rig_open_streams(&rig);
	rig_say(&rig, &rig.far, DPS_STREAM_SAYS_OPEN, 2 * 7, 0);
	for (uint32_t i = 8; i < 15; i++)
		rig_say(&rig, &rig.far, DPS_STREAM_SAYS_OPEN, 2 * i, 0);
	dps_streams_read_counters(rig.far.streams, &counters);
	assert_int_equal(counters.arrived, 8);
	assert_int_equal(counters.refused_limit, 0);
	rig_say(&rig, &rig.far, DPS_STREAM_SAYS_OPEN, 2 * 15, 0);
	dps_streams_read_counters(rig.far.streams, &counters);
	assert_int_equal(counters.refused_limit, 1);
	rig_close_streams(&rig);
}

/* A peer that lies about streams, in every type of message: counted, and what is open stays open.
 */
static void message__lies_are_counted_and_change_nothing(void **state)
{
	struct dps_streams_counters counters;
	struct stream_rig rig;
	struct dps_handle near, far, sending;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	sending = rig_stream(&rig.far, 0);
	rig_talk(&rig);
	/* Our own number, opened by the peer; flags and types that are not known. */
	rig_say(&rig, &rig.near, DPS_STREAM_SAYS_OPEN, 0, 0);
	rig_say(&rig, &rig.near, DPS_STREAM_SAYS_OPEN, 4, 0);
	rig_say(&rig, &rig.near, 99, 0, 0);
	/* Of the half that is not there. */
	rig_say(&rig, &rig.near, DPS_STREAM_SAYS_DONE, 0, 0);
	rig_say(&rig, &rig.near, DPS_STREAM_SAYS_ABORT, 0, 5);
	rig_say(&rig, &rig.far, DPS_STREAM_SAYS_STOP, 0, 5);
	rig_say(&rig, &rig.far, DPS_STREAM_SAYS_ACCEPT, 0, 0);
	rig_say(&rig, &rig.far, DPS_STREAM_SAYS_REFUSE, 0, 0);
	/* Accepted twice. */
	rig_say(&rig, &rig.near, DPS_STREAM_SAYS_ACCEPT, 0, 0);
	/* Numbers that nobody has. */
	for (uint8_t type = 0; type < 20; type++) {
		rig_say(&rig, &rig.near, type, UINT32_MAX, UINT64_MAX);
		rig_say(&rig, &rig.near, type, 4444, 0);
	}
	assert_int_equal(send_state(&rig.near, near), DPS_STREAM_OPEN);
	assert_int_equal(rig_look(&rig.far, far).receive.state, DPS_STREAM_OPEN);
	assert_int_equal(send_state(&rig.far, sending), DPS_STREAM_OPEN);
	dps_streams_read_counters(rig.near.streams, &counters);
	assert_int_equal(counters.anomalies, 6);
	dps_streams_read_counters(rig.far.streams, &counters);
	assert_int_equal(counters.anomalies, 3);
	rig_close_streams(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes__are_less_than_1_kib_for_each_of_10000_idle_streams),
		cmocka_unit_test(init__refuses_what_cannot_work),
		cmocka_unit_test(open__completes_when_the_far_side_accepts),
		cmocka_unit_test(open__both_ways_gives_each_side_two_halves),
		cmocka_unit_test(open__refused_tells_the_code),
		cmocka_unit_test(open__is_refused_where_nobody_takes_streams),
		cmocka_unit_test(open__beyond_the_limit_waits_for_its_turn),
		cmocka_unit_test(open__beyond_the_limit_fails_at_once_if_asked),
		cmocka_unit_test(open__fails_when_the_table_is_full),
		cmocka_unit_test(open__that_is_not_answered_in_time_has_failed),
		cmocka_unit_test(close__before_the_answer_cancels),
		cmocka_unit_test(close__twice_is_told_once),
		cmocka_unit_test(handle__of_what_was_closed_leads_to_nothing),
		cmocka_unit_test(lose__ends_every_stream_with_its_reason),
		cmocka_unit_test(message__of_another_epoch_moves_nothing),
		cmocka_unit_test(resume__says_again_what_may_not_have_been_heard),
		cmocka_unit_test(resume__gives_back_the_places_of_what_was_never_heard_of),
		cmocka_unit_test(resume__says_a_refusal_again),
		cmocka_unit_test(resume__tells_who_stopped_it_that_it_has_ended),
		cmocka_unit_test(message__more_opens_than_allowed_are_refused),
		cmocka_unit_test(message__numbers_that_are_passed_over_count_as_closed),
		cmocka_unit_test(message__lies_are_counted_and_change_nothing),
	};

	return cmocka_run_group_tests_name("stream_open", tests, NULL, NULL);
}
