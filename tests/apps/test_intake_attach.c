/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/intake_bench.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void on_control_lost(void *context, const char *why, uint64_t now_ns)
{
	struct fixture *fixture = context;

	(void)now_ns;
	dps_intake_lose_control(fixture->intake, why);
}

/* The connection breaks, and the path does not. */
static void lose_control(struct fixture *fixture)
{
	fixture->link.on_closed = on_control_lost;
	lose(fixture, false);
}

static const struct dps_message_attached *attach(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);
	const struct dps_message_attached *attached;

	connect_ends(fixture);
	dps_intake_attach(fixture->intake, &fixture->link, now_ns);
	dps_intake_say_attached(fixture->intake, now_ns);
	attached = &hear(fixture, DPS_MESSAGE_ATTACHED)->attached;
	assert_memory_equal(&attached->transfer, &fixture->intake->id, 16);
	assert_int_equal(attached->channel, fixture->number);
	return attached;
}

static void finish_well(struct fixture *fixture)
{
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
	for (uint32_t i = 0; i < fixture->files_count; i++)
		assert_true(holds(fixture, i));
}

static void data_go_on_without_a_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_message_attached *attached;

	add(fixture, "a", 3 * CHUNK_BYTES + 5);
	add(fixture, "b", 100);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	lose_control(fixture);
	for (uint64_t at = CHUNK_BYTES; at < command->extent.bytes; at += CHUNK_BYTES)
		receive_piece(fixture, command, at);
	end_file(fixture, command, 0);
	attached = attach(fixture);
	assert_int_equal(attached->files_end, 2);
	assert_int_equal(attached->offered_end, 2);
	assert_false(fixture->intake->is_parked);
	assert_int_equal(count_commands(DPS_COMMAND_CLOSE_CHANNEL), 0);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 1);
	say_last(fixture);
	finish_well(fixture);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 2); /* each file once */
	assert_int_equal(count_commands(DPS_COMMAND_OPEN_CHANNEL), 1);
}

static void what_was_stored_meanwhile_is_told(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_ranges *stored;
	const struct dps_lane_command *command;

	add(fixture, "a", CHUNK_BYTES);
	add(fixture, "b", 100);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	say_skip(fixture, 1, 0);
	turn_some(fixture);
	lose_control(fixture);
	receive_file(fixture, command);
	while (!holds(fixture, 0))
		turn(fixture);
	turn_some(fixture);
	connect_ends(fixture);
	dps_intake_attach(fixture->intake, &fixture->link, 0);
	dps_intake_say_attached(fixture->intake, dps_clock_now_ns(&fixture->clock));
	stored = &hear(fixture, DPS_MESSAGE_STORED)->stored;
	assert_int_equal(stored->ranges_count, 1);
	assert_int_equal(stored->ranges[0].first, 0);
	assert_int_equal(stored->ranges[0].last, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_FILE_FAILED)->file_failed.file, 1);
	hear(fixture, DPS_MESSAGE_ATTACHED);
}

static void done_is_told_when_it_was_missed(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", 100);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	say_last(fixture);
	turn_some(fixture);
	lose_control(fixture);
	receive_file(fixture, command);
	while (!fixture->intake->is_complete)
		turn(fixture);
	attach(fixture);
	finish_well(fixture);
	/* As often as it is asked. */
	lose_control(fixture);
	attach(fixture);
	finish_well(fixture);
}

static void pieces_that_are_wanted_again_are_asked_for_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_message *message;

	add(fixture, "a", 2 * CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose_control(fixture);
	for (unsigned int i = 0; i < 2; i++) /* the same, twice */
		tell(fixture, (struct dps_event){ .type = DPS_EVENT_REFETCH,
						  .offset = command->extent.offset + CHUNK_BYTES,
						  .bytes = CHUNK_BYTES });
	assert_int_equal(fixture->intake->refetches_count, 1);
	connect_ends(fixture);
	dps_intake_attach(fixture->intake, &fixture->link, 0);
	dps_intake_say_attached(fixture->intake, dps_clock_now_ns(&fixture->clock));
	message = hear(fixture, DPS_MESSAGE_REFETCH);
	assert_int_equal(message->refetch.offset, command->extent.offset + CHUNK_BYTES);
	assert_int_equal(message->refetch.bytes, CHUNK_BYTES);
	hear(fixture, DPS_MESSAGE_ATTACHED);
	receive_piece(fixture, command, 0);
	assert_int_equal(fixture->intake->refetches_count, 1);
	receive_piece(fixture, command, CHUNK_BYTES);
	assert_int_equal(fixture->intake->refetches_count, 0);
	end_file(fixture, command, 0);
	say_right_digest(fixture, 0);
	say_last(fixture);
	finish_well(fixture);
}

static void a_file_to_be_compared_is_asked_about_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;
	uint8_t bytes[100];

	(void)content_of(0, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "a", bytes, sizeof(bytes));
	add(fixture, "a", sizeof(bytes));
	begin(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_ACCEPT)->accept.items_count, 1);
	open_channel(fixture);
	lose_control(fixture);
	connect_ends(fixture);
	dps_intake_attach(fixture->intake, &fixture->link, 0);
	dps_intake_say_attached(fixture->intake, dps_clock_now_ns(&fixture->clock));
	message = hear(fixture, DPS_MESSAGE_ACCEPT);
	assert_int_equal(message->accept.items_count, 1);
	assert_int_equal(message->accept.items[0].file, 0);
	hear(fixture, DPS_MESSAGE_ATTACHED);
	say_compared(fixture, 0, true);
	say_compared(fixture, 0, true); /* and once more */
	say_last(fixture);
	finish_well(fixture);
}

static void what_the_exporter_says_twice_counts_once(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *commands_of[2];

	add(fixture, "a", CHUNK_BYTES);
	add(fixture, "b", 100);
	begin_accepted(fixture);
	for (unsigned int i = 0; i < 2; i++)
		commands_of[i] = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	say_skip(fixture, 1, 0);
	say_last(fixture);
	turn_some(fixture);
	for (unsigned int i = 0; i < 3; i++) {
		lose_control(fixture);
		attach(fixture);
		say_right_digest(fixture, 0);
		say_skip(fixture, 1, 0);
		say_last(fixture);
		turn_some(fixture);
	}
	receive_file(fixture, commands_of[0]);
	end_file(fixture, commands_of[1], -ECANCELED);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	assert_true(holds(fixture, 0));
	assert_false(is_there(fixture, "b"));
}

/* Nobody came, and the path went silent, too. */
static void without_its_path_it_parks(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", 2 * CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	lose_control(fixture);
	receive_piece(fixture, command, 0);
	dps_intake_lose_link(fixture->intake, DPS_CODE_UNREACHABLE, "gone",
			     dps_clock_now_ns(&fixture->clock));
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	give_back(fixture);
	assert_true(fixture->intake->is_parked);
	ask_to_resume(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds[0].bytes, CHUNK_BYTES);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(data_go_on_without_a_connection),
		CASE(what_was_stored_meanwhile_is_told),
		CASE(done_is_told_when_it_was_missed),
		CASE(pieces_that_are_wanted_again_are_asked_for_again),
		CASE(a_file_to_be_compared_is_asked_about_again),
		CASE(what_the_exporter_says_twice_counts_once),
		CASE(without_its_path_it_parks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
