/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that make no sense: of nothing, of streams that were let go of, by another thread. */
#include "engine/owner.h"
#include "tests/support/stream_rig.h"
#include <pthread.h>

/* Every call of a program that is about a stream, with arguments that are right. */
enum { CALLS = 16 };

static int call(unsigned int which, struct dps_streams *streams, struct dps_handle handle)
{
	static const uint8_t byte;
	const struct dps_bytes piece = { &byte, 1 };
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_stream_snapshot snapshot;
	struct dps_handle opened;
	struct dps_bytes run;
	uint8_t room[1];

	switch (which) {
	case 0:
		return dps_stream_open(streams, &options, &opened);
	case 1:
		return dps_stream_accept(streams, handle);
	case 2:
		return dps_stream_refuse(streams, handle, 0);
	case 3:
		return dps_stream_send(streams, handle, &piece, 1, 0, 0);
	case 4:
		return dps_stream_has_room(streams, handle, 1, 0, 0);
	case 5:
		return dps_stream_cancel_send(streams, handle, 1);
	case 6:
		return dps_stream_set_window(streams, handle, 1);
	case 7:
		return dps_stream_set_weight(streams, handle, 1);
	case 8:
		return dps_stream_finish(streams, handle);
	case 9:
		return dps_stream_end(streams, handle, 0, 0);
	case 10:
		return dps_stream_abort(streams, handle, 0);
	case 11:
		return dps_stream_read(streams, handle, &run, 1);
	case 12:
		return dps_stream_read_copy(streams, handle, room, 1);
	case 13:
		return dps_stream_stop(streams, handle, 0);
	case 14:
		return dps_stream_look(streams, handle, &snapshot);
	default:
		return dps_stream_close(streams, handle, DPS_STREAM_DROP);
	}
}

static void streams__that_are_none_are_closed(void **state)
{
	const struct dps_handle handle = { .generation = 1 };
	struct dps_streams_counters counters;
	struct dps_stream_event event;

	(void)state;
	for (unsigned int i = 0; i < CALLS; i++)
		assert_int_equal(call(i, NULL, handle), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_release(NULL, handle, 0), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_set_receive_window(NULL, handle, 1), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_streams_emit_events(NULL, &event, 1), 0);
	assert_int_equal(dps_streams_count(NULL), 0);
	assert_true(dps_streams_are_over(NULL));
	dps_streams_read_counters(NULL, &counters);
	dps_streams_read_counters(NULL, NULL);
	assert_int_equal(dps_streams_block_bytes(NULL), 0);
	assert_int_equal(counters.opened, 0);
	dps_streams_fini(NULL);
}

static void results__have_to_have_room(void **state)
{
	struct dps_handle handle;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	handle = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
	assert_int_equal(dps_stream_open(rig.near.streams, NULL, &handle), -EINVAL);
	assert_int_equal(dps_stream_open(rig.near.streams, &(struct dps_stream_options){ 0 }, NULL),
			 -EINVAL);
	assert_int_equal(dps_stream_read(rig.near.streams, handle, NULL, 1), -EINVAL);
	assert_int_equal(dps_stream_read_copy(rig.near.streams, handle, NULL, 1), -EINVAL);
	assert_int_equal(dps_stream_look(rig.near.streams, handle, NULL), -EINVAL);
	assert_int_equal(dps_stream_close(rig.near.streams, handle, (enum dps_stream_close)7),
			 -EINVAL);
	assert_int_equal(dps_stream_close(rig.near.streams, handle, DPS_STREAM_DROP), 0);
	rig_close_streams(&rig);
}

static void half__that_a_stream_does_not_have_is_closed(void **state)
{
	const struct dps_bytes piece = { (const uint8_t *)"a", 1 };
	struct dps_handle near, far;
	struct dps_bytes run;
	struct stream_rig rig;
	uint8_t byte;

	(void)state;
	rig_open_streams(&rig);
	near = rig_opened(&rig, 0, &far);
	assert_int_equal(dps_stream_read(rig.near.streams, near, &run, 1), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_read_copy(rig.near.streams, near, &byte, 1), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_stop(rig.near.streams, near, 0), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_send(rig.far.streams, far, &piece, 1, 0, 0), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_finish(rig.far.streams, far), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_abort(rig.far.streams, far, 0), -DPS_ERROR_CLOSED);
	rig_close_streams(&rig);
}

static void code__above_those_of_programs_is_an_error(void **state)
{
	const uint64_t code = DPS_CODE_MAX + 1;
	struct dps_handle near, far;
	struct stream_rig rig;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, 0);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_stream_refuse(rig.far.streams, far, code), -EINVAL);
	assert_int_equal(dps_stream_accept(rig.far.streams, far), 0);
	assert_int_equal(dps_stream_stop(rig.far.streams, far, code), -EINVAL);
	assert_int_equal(dps_stream_abort(rig.near.streams, near, code), -EINVAL);
	/* Nor is it a stream of ours that we may accept or refuse. */
	assert_int_equal(dps_stream_accept(rig.near.streams, near), -EINVAL);
	assert_int_equal(dps_stream_refuse(rig.near.streams, near, 0), -EINVAL);
	rig_close_streams(&rig);
}

static void init__wants_memory(void **state)
{
	struct dps_streams_config config = rig_stream_config(true);
	_Alignas(64) static uint8_t memory[128];
	struct dps_streams *streams;

	(void)state;
	assert_int_equal(dps_streams_bytes(NULL), 0);
	assert_int_equal(dps_streams_init(NULL, &config, memory, &streams), -EINVAL);
	assert_int_equal(dps_streams_init(memory, NULL, memory, &streams), -EINVAL);
	assert_int_equal(dps_streams_init(memory, &config, NULL, &streams), -EINVAL);
	assert_int_equal(dps_streams_init(memory, &config, memory, NULL), -EINVAL);
	assert_int_equal(dps_streams_init(memory + 1, &config, memory, &streams), -EINVAL);
}

static void streams__that_were_let_go_of_are_closed(void **state)
{
	struct dps_stream_event events[8];
	struct dps_handle handle;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	handle = rig_stream(&rig.near, 0);
	rig_talk(&rig);
	dps_streams_fini(rig.near.streams);
	for (unsigned int i = 0; i < CALLS; i++)
		assert_int_equal(call(i, rig.near.streams, handle), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_streams_emit_events(rig.near.streams, events, 8), 0);
	rig_close_streams(&rig);
}

/* A peer is let go of, and another one has its place: what was said of the first is not of this
 * one. */
static void handle__of_an_earlier_life_leads_to_nothing(void **state)
{
	struct stream_rig rig;
	struct dps_handle before, now;

	(void)state;
	rig_open_streams(&rig);
	before = rig_stream(&rig.near, 0);
	rig.near.config.seed++;
	assert_int_equal(dps_streams_init(rig.near.memory, &rig.near.config, rig.near.blocks,
					  &rig.near.streams),
			 0);
	now = rig_stream(&rig.near, 0);
	assert_int_equal(before.index, now.index);
	for (unsigned int i = 1; i < CALLS; i++)
		assert_int_equal(call(i, rig.near.streams, before), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_finish(rig.near.streams, now), 0);
	rig_close_streams(&rig);
}

struct stranger {
	struct dps_streams *streams;
	struct dps_handle handle;
};

static void *call_all(void *argument)
{
	const struct stranger *stranger = argument;
	struct dps_stream_event event;

	/* It has one, which stays the owner's to hear. */
	assert_int_equal(dps_streams_emit_events(stranger->streams, &event, 1), 0);
	for (unsigned int i = 0; i < CALLS; i++)
		assert_int_equal(call(i, stranger->streams, stranger->handle), -DPS_ERROR_THREAD);
	return NULL;
}

static void thread__that_is_not_the_owner_is_told(void **state)
{
	struct dps_stream_event event;
	struct stranger stranger;
	struct stream_rig rig;
	pthread_t thread;

	(void)state;
	if (dps_owner_here() == NULL)
		skip(); /* only debug builds look */
	rig_open_streams(&rig);
	stranger.handle = rig_stream(&rig.near, 0);
	stranger.streams = rig.near.streams;
	dps_streams_emit_events(rig.near.streams, &event, 1);
	assert_int_equal(
		dps_stream_send(rig.near.streams, stranger.handle, NULL, 0, DPS_SEND_TELL, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, call_all, &stranger), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(dps_streams_emit_events(rig.near.streams, &event, 1), 1);
	assert_int_equal(dps_stream_finish(rig.near.streams, stranger.handle), 0);
	rig_close_streams(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams__that_are_none_are_closed),
		cmocka_unit_test(results__have_to_have_room),
		cmocka_unit_test(half__that_a_stream_does_not_have_is_closed),
		cmocka_unit_test(code__above_those_of_programs_is_an_error),
		cmocka_unit_test(init__wants_memory),
		cmocka_unit_test(streams__that_were_let_go_of_are_closed),
		cmocka_unit_test(handle__of_an_earlier_life_leads_to_nothing),
		cmocka_unit_test(thread__that_is_not_the_owner_is_told),
	};

	return cmocka_run_group_tests_name("stream_misuse", tests, NULL, NULL);
}
