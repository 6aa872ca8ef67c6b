/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of a half's life against rules that say the same in other words: all of it, and as
 * random walks, which take every transition there is.
 */
#include "engine/random.h"
#include "engine/stream_state.h"
#include "tests/support/cmocka.h"
#include <string.h>

enum { NEVER = DPS_STREAM_STATES_COUNT, WALKS = 20000, STEPS = 40 };

static bool is_before_open(int state)
{
	return state == DPS_STREAM_WAITING || state == DPS_STREAM_OPENING;
}

static bool is_under_way(int state)
{
	return state == DPS_STREAM_OPEN || state == DPS_STREAM_ENDING;
}

static bool is_terminal(int state)
{
	return state != DPS_STREAM_NONE && !is_before_open(state) && !is_under_way(state);
}

/* Input by input, where the table goes state by state. */
static int rule(int half, int state, int input)
{
	bool is_late = is_terminal(state);
	bool is_given_up_early = is_before_open(state);

	switch (input) {
	case DPS_INPUT_OPEN:
		return state == DPS_STREAM_NONE ? DPS_STREAM_WAITING : NEVER;
	case DPS_INPUT_ASK:
		return state == DPS_STREAM_NONE || state == DPS_STREAM_WAITING
			       ? (int)DPS_STREAM_OPENING
			       : NEVER;
	case DPS_INPUT_FREE:
		return is_late ? (int)DPS_STREAM_NONE : NEVER;
	default:
		break;
	}
	if (is_late)
		return state;
	switch (input) {
	case DPS_INPUT_ACCEPT:
		return state == DPS_STREAM_OPENING ? DPS_STREAM_OPEN : NEVER;
	case DPS_INPUT_REFUSE:
		return is_before_open(state) ? (int)DPS_STREAM_REFUSED : NEVER;
	case DPS_INPUT_EXPIRE:
		return is_given_up_early ? (int)DPS_STREAM_TIMED_OUT : NEVER;
	case DPS_INPUT_CANCEL:
		return is_given_up_early ? (int)DPS_STREAM_CANCELLED : NEVER;
	case DPS_INPUT_END:
		return state == DPS_STREAM_OPEN ? DPS_STREAM_ENDING : NEVER;
	case DPS_INPUT_DONE:
		return state == DPS_STREAM_ENDING ? DPS_STREAM_FINISHED : NEVER;
	case DPS_INPUT_ABORT:
		return is_under_way(state) || state == DPS_STREAM_OPENING ||
				       (state == DPS_STREAM_WAITING && half == DPS_HALF_SEND)
			       ? (int)DPS_STREAM_ABORTED
			       : NEVER;
	case DPS_INPUT_STOP:
		return is_under_way(state) || state == DPS_STREAM_OPENING ||
				       (state == DPS_STREAM_WAITING && half == DPS_HALF_RECEIVE)
			       ? (int)DPS_STREAM_STOPPED
			       : NEVER;
	default:
		assert_int_equal(input, DPS_INPUT_LOSE);
		return state == DPS_STREAM_NONE ? NEVER : (int)DPS_STREAM_LOST;
	}
}

static void after__is_what_the_rules_say(void **state)
{
	(void)state;
	for (int half = 0; half < DPS_HALVES_COUNT; half++)
		for (int from = 0; from < DPS_STREAM_STATES_COUNT; from++)
			for (int input = 0; input < DPS_INPUTS_COUNT; input++)
				assert_int_equal(dps_stream_state_after(half, from, input),
						 rule(half, from, input));
}

static void after__nothing_leaves_a_terminal_state(void **state)
{
	unsigned int terminal = 0;

	(void)state;
	for (int from = 0; from < DPS_STREAM_STATES_COUNT; from++) {
		assert_int_equal(dps_stream_state_is_over(from), is_terminal(from));
		terminal += is_terminal(from);
		for (int half = 0; half < DPS_HALVES_COUNT && is_terminal(from); half++) {
			for (int input = 0; input < DPS_INPUTS_COUNT; input++) {
				int next = dps_stream_state_after(half, from, input);

				if (input == DPS_INPUT_FREE)
					assert_int_equal(next, DPS_STREAM_NONE);
				else
					assert_true(next == from || next == NEVER);
			}
		}
	}
	assert_int_equal(terminal, 7);
}

/* Any schedule of inputs, those that cannot come left out: no state is a trap, every arrow is used.
 */
static void after__random_walks_take_every_transition(void **state)
{
	static bool is_taken[DPS_HALVES_COUNT][DPS_STREAM_STATES_COUNT][DPS_INPUTS_COUNT];
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 1);
	memset(is_taken, 0, sizeof(is_taken));
	for (unsigned int walk = 0; walk < WALKS; walk++) {
		int half = (int)dps_random_below(&random, DPS_HALVES_COUNT);
		int at = DPS_STREAM_NONE, ended = NEVER;

		for (unsigned int step = 0; step < STEPS; step++) {
			int input = (int)dps_random_below(&random, DPS_INPUTS_COUNT);
			int next = dps_stream_state_after(half, at, input);

			if (next == NEVER)
				continue;
			is_taken[half][at][input] = true;
			if (ended != NEVER && input != DPS_INPUT_FREE)
				assert_int_equal(next, ended);
			at = next;
			ended = is_terminal(at) ? at : NEVER;
		}
	}
	for (int half = 0; half < DPS_HALVES_COUNT; half++)
		for (int from = 0; from < DPS_STREAM_STATES_COUNT; from++)
			for (int input = 0; input < DPS_INPUTS_COUNT; input++)
				assert_int_equal(is_taken[half][from][input],
						 rule(half, from, input) != NEVER);
}

/* Each end has an error of its own, so that a program can tell them apart. */
static void error__tells_every_end_apart(void **state)
{
	(void)state;
	for (int from = DPS_STREAM_FINISHED; from < DPS_STREAM_STATES_COUNT; from++)
		for (int other = DPS_STREAM_FINISHED; other < from; other++)
			assert_int_not_equal(dps_stream_state_error(DPS_HALF_SEND, from),
					     dps_stream_state_error(DPS_HALF_SEND, other));
	for (int half = 0; half < DPS_HALVES_COUNT; half++) {
		assert_int_equal(dps_stream_state_error(half, DPS_STREAM_NONE), -DPS_ERROR_CLOSED);
		assert_int_equal(dps_stream_state_error(half, DPS_STREAM_WAITING), 0);
		assert_int_equal(dps_stream_state_error(half, DPS_STREAM_OPENING), 0);
		assert_int_equal(dps_stream_state_error(half, DPS_STREAM_OPEN), 0);
		assert_int_equal(dps_stream_state_error(half, DPS_STREAM_STOPPED),
				 -DPS_ERROR_STOPPED);
	}
}

/* Finished here is finished for a sender at once, and for a reader when it has read all. */
static void error__an_end_is_one_for_the_sender_and_none_for_the_reader(void **state)
{
	(void)state;
	assert_int_equal(dps_stream_state_error(DPS_HALF_SEND, DPS_STREAM_ENDING),
			 -DPS_ERROR_FINISHED);
	assert_int_equal(dps_stream_state_error(DPS_HALF_SEND, DPS_STREAM_FINISHED),
			 -DPS_ERROR_FINISHED);
	assert_int_equal(dps_stream_state_error(DPS_HALF_RECEIVE, DPS_STREAM_ENDING), 0);
	assert_int_equal(dps_stream_state_error(DPS_HALF_RECEIVE, DPS_STREAM_FINISHED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after__is_what_the_rules_say),
		cmocka_unit_test(after__nothing_leaves_a_terminal_state),
		cmocka_unit_test(after__random_walks_take_every_transition),
		cmocka_unit_test(error__tells_every_end_apart),
		cmocka_unit_test(error__an_end_is_one_for_the_sender_and_none_for_the_reader),
	};

	return cmocka_run_group_tests_name("stream_state", tests, NULL, NULL);
}
