/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/intake_bench.h"
#include <stdlib.h>
#include <string.h>

static const struct dps_message_resumed *resume(struct fixture *fixture)
{
	ask_to_resume(fixture, fixture->files_count);
	return &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
}

static void finish_well(struct fixture *fixture)
{
	const struct dps_message *message;

	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.channel, fixture->number);
	assert_int_equal(message->done.failed, 0);
	for (uint32_t i = 0; i < fixture->files_count; i++)
		assert_true(holds(fixture, i));
}

/* ---- where it goes on ---- */

static void a_file_goes_on_behind_what_came_in_order(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_message_resumed *resumed;

	add(fixture, "a", 3 * CHUNK_BYTES + 5);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	receive_piece(fixture, command, 2 * CHUNK_BYTES);
	lose(fixture, true);
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	resumed = resume(fixture);
	assert_int_equal(resumed->channel, 2);
	assert_int_equal(resumed->files_end, 1);
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].file, 0);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->channel, fixture->channel);
	assert_int_equal(command->extent.offset, CHUNK_BYTES);
	assert_int_equal(command->extent.file_offset, CHUNK_BYTES);
	assert_int_equal(command->extent.bytes, 2 * CHUNK_BYTES + 5);
	receive_file(fixture, command);
	assert_int_equal(fixture->intake->bytes_received, 3 * CHUNK_BYTES + 5);
	say_right_digest(fixture, 0);
	finish_well(fixture);
}

static void what_is_whole_is_stored_without_a_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first;
	const struct dps_message_ranges *stored;

	add(fixture, "a", CHUNK_BYTES);
	add(fixture, "b", CHUNK_BYTES);
	add(fixture, "c", CHUNK_BYTES);
	begin_accepted(fixture);
	first = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_skip(fixture, 1, 0);
	say_right_digest(fixture, 0);
	turn_some(fixture);
	receive_file(fixture, first);
	lose(fixture, true);
	while (!holds(fixture, 0))
		turn(fixture);
	ask_to_resume(fixture, 3);
	stored = &hear(fixture, DPS_MESSAGE_STORED)->stored;
	assert_int_equal(stored->ranges_count, 1);
	assert_int_equal(stored->ranges[0].first, 0);
	assert_int_equal(stored->ranges[0].last, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_FILE_FAILED)->file_failed.file, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds_count, 0);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 2);
}

static void a_file_without_its_digest_needs_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;
	unsigned int announced;

	add(fixture, "a", CHUNK_BYTES + 1);
	begin_accepted(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	lose(fixture, true);
	announced = count_commands(DPS_COMMAND_ANNOUNCE);
	resumed = resume(fixture);
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES + 1);
	open_channel(fixture);
	say_right_digest(fixture, 0);
	finish_well(fixture);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), announced);
}

static void it_goes_on_more_than_once(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 3 * CHUNK_BYTES);
	begin_accepted(fixture);
	for (unsigned int i = 0; i < 3; i++) {
		receive_piece(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE), 0);
		lose(fixture, true);
		assert_int_equal(resume(fixture)->holds[0].bytes, (i + 1) * CHUNK_BYTES);
		open_channel(fixture);
	}
	say_right_digest(fixture, 0);
	finish_well(fixture);
}

static void files_that_were_never_open_follow(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", CHUNK_BYTES);
	add(fixture, "b", 10);
	fixture->context.open_files_max = 1;
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose(fixture, true);
	assert_int_equal(resume(fixture)->files_end, 2);
	open_channel(fixture);
	fixture->context.open_files_max = 9;
	for (uint32_t i = 0; i < 2; i++) {
		const struct dps_lane_command *command =
			next_command(fixture, DPS_COMMAND_ANNOUNCE);

		assert_int_equal(command->extent.file_index, i);
		receive_file(fixture, command);
		say_right_digest(fixture, i);
	}
	finish_well(fixture);
}

/* ---- what is said again ---- */

static void an_unanswered_question_is_asked_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_items *accept;
	uint8_t bytes[10];

	(void)content_of(0, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "a", bytes, sizeof(bytes));
	add(fixture, "a", sizeof(bytes));
	begin(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_ACCEPT)->accept.items_count, 1);
	open_channel(fixture);
	lose(fixture, true);
	ask_to_resume(fixture, 1);
	accept = &hear(fixture, DPS_MESSAGE_ACCEPT)->accept;
	assert_int_equal(accept->files_end, 1);
	assert_int_equal(accept->items_count, 1);
	assert_int_equal(accept->items[0].file, 0);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
	say_compared(fixture, 0, true);
	say_compared(fixture, 0, true); /* and once more */
	finish_well(fixture);
}

static void what_is_said_twice_is_ignored(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", CHUNK_BYTES);
	add(fixture, "b", CHUNK_BYTES);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	say_skip(fixture, 1, 0);
	turn_some(fixture);
	lose(fixture, true);
	resume(fixture);
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 0);
	say_skip(fixture, 1, 0);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 0);
	receive_file(fixture, command);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	assert_int_equal(fixture->intake->files_failed, 1);
	assert_true(holds(fixture, 0));
}

static void a_digest_may_be_told_before_the_file_is_opened_again(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", CHUNK_BYTES);
	begin(fixture);
	hear(fixture, DPS_MESSAGE_ACCEPT);
	lose(fixture, true);
	/* The channel was asked for, and comes too late. */
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	resume(fixture);
	say_right_digest(fixture, 0);
	turn_some(fixture);
	open_channel(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	finish_well(fixture);
}

static void offers_that_were_not_looked_at_are_dropped(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_file more[] = {
		{ .path = "b", .path_bytes = 1, .size_bytes = 0, .kind = DPS_FILE_DIRECTORY },
		{ .path = "c", .path_bytes = 1, .size_bytes = 0, .kind = DPS_FILE_DIRECTORY },
	};
	struct dps_message_offer offer = { .channel = 1, .files_count = 1, .total_bytes = 0 };

	add(fixture, "a", 10);
	begin_accepted(fixture);
	for (uint32_t i = 0; i < 2; i++) {
		offer.first = i + 1;
		offer.files = &more[i];
		assert_null(dps_intake_offer(fixture->intake, &offer, false, 0));
	}
	assert_null(dps_intake_on_last(fixture->intake,
				       &(struct dps_message_totals){ .files = 3, .bytes = 10 }));
	lose(fixture, true);
	ask_to_resume(fixture, 3);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.files_end, 2);
	assert_int_equal(fixture->intake->offered_end, 2);
	assert_false(fixture->intake->has_last);
	open_channel(fixture);
	offer.first = 2;
	offer.files = &more[1];
	offer.channel = fixture->number;
	assert_null(dps_intake_offer(fixture->intake, &offer, false, 0));
	assert_int_equal(hear(fixture, DPS_MESSAGE_ACCEPT)->accept.files_end, 3);
}

/* ---- who may go on, and when ---- */

static void nobody_goes_on_before_the_lane_has_let_go(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose(fixture, false);
	ask_to_resume(fixture, 1);
	turn_some(fixture);
	assert_true(fixture->intake->is_parked);
	give_back(fixture);
	hear(fixture, DPS_MESSAGE_RESUMED);
}

static void who_waits_too_long_may_ask_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;

	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose(fixture, false);
	ask_to_resume(fixture, 1);
	turn_some(fixture);
	fixture->skew_ns += 6 * DPS_NS_PER_S;
	message = hear(fixture, DPS_MESSAGE_REFUSE);
	assert_int_equal(message->refuse.code, DPS_CODE_BUSY);
	assert_int_equal(message->refuse.channel, 2);
	give_back(fixture);
	lose(fixture, true);
	assert_int_equal(resume(fixture)->files_end, 1);
}

static void another_list_is_not_gone_on_with(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	lose(fixture, true);
	ask_to_resume(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_REFUSE)->refuse.code, DPS_CODE_IDENTITY_CHANGED);
	assert_true(fixture->intake->is_parked);
}

static void an_exporter_may_give_up_what_it_asked_for(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose(fixture, false);
	ask_to_resume(fixture, 1);
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_CANCEL,
			     .cancel = { .channel = 2, .code = DPS_CODE_CANCELLED, .text = "no" },
		     });
	turn_some(fixture);
	give_back(fixture);
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
}

static void forever_is_forever(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.reconnect_timeout_ns = DPS_FOREVER_NS;
	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	lose(fixture, true);
	fixture->skew_ns = 365 * 86400 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_true(fixture->intake->is_parked);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
}

static void who_stays_away_makes_room_for_others(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.reconnect_timeout_ns = DPS_FOREVER_NS;
	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	lose(fixture, true);
	turn_some(fixture);
	assert_true(fixture->intake->is_parked);
	fixture->intake->makes_room = true;
	wait_until_gone(fixture);
}

static void all_that_is_stored_ends_well_without_a_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	say_last(fixture);
	turn_some(fixture);
	receive_piece(fixture, command, 0);
	end_file(fixture, command, 0);
	lose(fixture, true);
	fixture->skew_ns = 31 * DPS_NS_PER_S;
	wait_until_gone(fixture);
	assert_true(dps_intake_is_stored(fixture->intake));
	assert_true(holds(fixture, 0));
}

static void what_is_discarded_goes_on_as_well(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	fixture->context.staging = NULL;
	fixture->context.journal = NULL;
	add(fixture, "a", 2 * CHUNK_BYTES);
	begin_accepted(fixture);
	receive_piece(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE), 0);
	lose(fixture, true);
	assert_int_equal(resume(fixture)->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.bytes, CHUNK_BYTES);
	receive_file(fixture, command);
	say_right_digest(fixture, 0);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_goes_on_behind_what_came_in_order),
		CASE(what_is_whole_is_stored_without_a_connection),
		CASE(a_file_without_its_digest_needs_nothing_else),
		CASE(it_goes_on_more_than_once),
		CASE(files_that_were_never_open_follow),
		CASE(an_unanswered_question_is_asked_again),
		CASE(what_is_said_twice_is_ignored),
		CASE(a_digest_may_be_told_before_the_file_is_opened_again),
		CASE(offers_that_were_not_looked_at_are_dropped),
		CASE(nobody_goes_on_before_the_lane_has_let_go),
		CASE(who_waits_too_long_may_ask_again),
		CASE(another_list_is_not_gone_on_with),
		CASE(an_exporter_may_give_up_what_it_asked_for),
		CASE(forever_is_forever),
		CASE(who_stays_away_makes_room_for_others),
		CASE(all_that_is_stored_ends_well_without_a_connection),
		CASE(what_is_discarded_goes_on_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
