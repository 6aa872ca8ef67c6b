/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/intake_bench.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_file_is_stored_when_it_is_whole_and_verified(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_message *message;

	add(fixture, "tree/large", 3 * CHUNK_BYTES + 1000);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->channel, fixture->channel);
	assert_int_equal(command->generation, fixture->generation);
	assert_int_equal(command->extent.offset, 0);
	assert_int_equal(command->extent.bytes, 3 * CHUNK_BYTES + 1000);
	receive_file(fixture, command);
	turn_some(fixture);
	assert_false(is_there(fixture, "tree/large")); /* nobody said what it has to be */
	say_right_digest(fixture, 0);
	message = hear(fixture, DPS_MESSAGE_STORED);
	assert_int_equal(message->stored.ranges_count, 1);
	assert_int_equal(message->stored.ranges[0].first, 0);
	assert_int_equal(message->stored.ranges[0].last, 0);
	assert_true(holds(fixture, 0));
	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.files, 1);
	assert_int_equal(message->done.failed, 0);
	assert_int_equal(message->done.bytes, 3 * CHUNK_BYTES + 1000);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_true(dps_intake_is_stored(fixture->intake));
}

static void a_digest_may_come_before_the_data(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	turn_some(fixture);
	receive_file(fixture, command);
	hear(fixture, DPS_MESSAGE_STORED);
	assert_true(holds(fixture, 0));
}

/* Of a file that was read for a transfer which is lost here, and so is offered once more. */
static void a_digest_may_come_before_the_file_is_opened(void **state)
{
	static const char *const names[FILES_MAX] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	struct fixture *fixture = *state;

	for (unsigned int i = 0; i < FILES_MAX; i++)
		add(fixture, names[i], 10);
	begin_accepted(fixture);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		say_right_digest(fixture, i);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.files, FILES_MAX);
	assert_true(dps_intake_is_stored(fixture->intake));
}

static void a_wrong_digest_fails_the_file_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_digest wrong = { { 1 } };
	const struct dps_message *message;

	add(fixture, "a", 10);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_digest(fixture, 0, &wrong);
	message = hear(fixture, DPS_MESSAGE_FILE_FAILED);
	assert_int_equal(message->file_failed.file, 0);
	assert_int_equal(message->file_failed.code, DPS_CODE_DIGEST);
	say_right_digest(fixture, 1);
	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.files, 1);
	assert_int_equal(message->done.failed, 1);
	assert_false(is_there(fixture, "a"));
	assert_true(holds(fixture, 1));
	assert_false(dps_intake_is_stored(fixture->intake));
}

static void what_waits_for_an_answer_holds_back_what_follows(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[CHUNK_BYTES + 1];
	const struct dps_lane_command *command;
	const struct dps_message *message;

	(void)content_of(1, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "b", bytes, sizeof(bytes));
	add(fixture, "a", 10);
	add(fixture, "b", sizeof(bytes));
	add(fixture, "c", 10);
	begin(fixture);
	message = hear(fixture, DPS_MESSAGE_ACCEPT);
	assert_int_equal(message->accept.items_count, 1);
	assert_int_equal(message->accept.items[0].file, 1);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 0);
	turn_some(fixture);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 1);
	say_compared(fixture, 1, true);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 2);
	/* What is not sent keeps its place: from the second chunk to a byte into the third. */
	assert_int_equal(command->extent.offset, 2 * CHUNK_BYTES + 4096);
}

static void a_target_that_differs_ends_the_transfer(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;

	scratch_write(&fixture->disk, "a", "0123456789", 10);
	add(fixture, "a", 10);
	begin_accepted(fixture);
	say_compared(fixture, 0, false);
	message = hear(fixture, DPS_MESSAGE_REFUSE);
	assert_int_equal(message->refuse.code, DPS_CODE_TARGET_EXISTS);
	assert_string_equal(message->refuse.path, "a");
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 0);
}

static void a_target_that_differs_may_be_replaced(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.may_overwrite = true;
	scratch_write(&fixture->disk, "a", "0123456789", 10);
	add(fixture, "a", 10);
	begin_accepted(fixture);
	say_compared(fixture, 0, false);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_right_digest(fixture, 0);
	hear(fixture, DPS_MESSAGE_STORED);
	assert_true(holds(fixture, 0));
}

static void a_failed_write_fails_the_file_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first, *second, *skip;
	const struct dps_message *message;

	add(fixture, "a", 2 * CHUNK_BYTES);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	first = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	second = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, first, 0);
	tell(fixture, (struct dps_event){ .type = DPS_EVENT_FILE_FAILED,
					  .file_index = 0,
					  .offset = CHUNK_BYTES,
					  .error = -EIO });
	message = hear(fixture, DPS_MESSAGE_FILE_FAILED);
	assert_int_equal(message->file_failed.code, DPS_CODE_CANNOT_WRITE);
	skip = next_command(fixture, DPS_COMMAND_SKIP);
	assert_int_equal(skip->file_index, 0);
	assert_int_equal(skip->offset, 0);
	end_file(fixture, first, -ECANCELED);
	receive_file(fixture, second);
	say_right_digest(fixture, 1);
	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.failed, 1);
	assert_false(is_there(fixture, "a"));
	assert_true(holds(fixture, 1));
}

static void a_file_that_cannot_be_staged_fails_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first, *second, *skip;

	/* What stands in the way of the first staged file. */
	scratch_write(&fixture->disk, STAGED "/0/in-the-way", "", 0);
	add(fixture, "a", 10);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	/* The exporter knows nothing yet and sends it: it has to be taken. */
	first = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(first->extent.file_index, 0);
	assert_true(first->fd >= 0);
	skip = next_command(fixture, DPS_COMMAND_SKIP);
	assert_int_equal(skip->file_index, 0);
	second = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(hear(fixture, DPS_MESSAGE_FILE_FAILED)->file_failed.file, 0);
	end_file(fixture, first, -ECANCELED);
	receive_file(fixture, second);
	say_right_digest(fixture, 1);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	assert_true(holds(fixture, 1));
}

static void a_file_that_is_given_up_before_its_turn_is_not_announced(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	scratch_write(&fixture->disk, "a", "0123456789", 10);
	add(fixture, "a", 10);
	add(fixture, "b", 5000);
	add(fixture, "c", 10);
	begin_accepted(fixture);
	/* The first is held back, so the second has not had its turn. */
	say_skip(fixture, 1, 0);
	turn_some(fixture);
	say_compared(fixture, 0, true);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 2);
	assert_int_equal(command->extent.offset, 8192 + 8192);
	receive_file(fixture, command);
	say_right_digest(fixture, 2);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
}

static void a_file_that_is_given_up_midway_is_skipped(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command, *skip;

	add(fixture, "a", 3 * CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	say_skip(fixture, 0, CHUNK_BYTES);
	skip = next_command(fixture, DPS_COMMAND_SKIP);
	assert_int_equal(skip->file_index, 0);
	end_file(fixture, command, -ECANCELED);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	assert_false(is_there(fixture, "a"));
	assert_false(is_there(fixture, STAGED "/0"));
}

static void stored_advances_within_a_file(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command, *stored;

	add(fixture, "a", 8 * CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	for (uint64_t i = 0; i < 5; i++)
		receive_piece(fixture, command, i * CHUNK_BYTES);
	stored = next_command(fixture, DPS_COMMAND_STORED);
	/* Not further than what was written when the checkpoint began. */
	assert_int_equal(stored->offset, 4 * CHUNK_BYTES);
	assert_false(is_there(fixture, "a"));
}

static void what_comes_during_a_checkpoint_is_not_stored_by_it(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", 8 * CHUNK_BYTES);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	receive_piece(fixture, command, CHUNK_BYTES);
	while (!fixture->intake->is_checkpointing)
		turn(fixture);
	receive_piece(fixture, command, 2 * CHUNK_BYTES);
	receive_piece(fixture, command, 3 * CHUNK_BYTES);
	assert_int_equal(next_command(fixture, DPS_COMMAND_STORED)->offset, CHUNK_BYTES);
	assert_int_equal(next_command(fixture, DPS_COMMAND_STORED)->offset, 3 * CHUNK_BYTES);
}

static void an_empty_file_needs_no_data(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "empty", 0);
	add(fixture, "folder", 0);
	fixture->files[1].kind = DPS_FILE_DIRECTORY;
	begin_accepted(fixture);
	say_right_digest(fixture, 0);
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.files, 2);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 0);
	assert_true(is_there(fixture, "empty"));
	assert_true(is_there(fixture, "folder"));
}

static void a_refetch_is_passed_on(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;

	add(fixture, "a", 10);
	add(fixture, "b", 2 * CHUNK_BYTES);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	tell(fixture, (struct dps_event){ .type = DPS_EVENT_REFETCH,
					  .file_index = 1,
					  .offset = 2 * CHUNK_BYTES,
					  .bytes = CHUNK_BYTES });
	message = hear(fixture, DPS_MESSAGE_REFETCH);
	assert_int_equal(message->refetch.offset, 2 * CHUNK_BYTES);
	assert_int_equal(message->refetch.bytes, CHUNK_BYTES);
}

static void an_exporter_that_stays_away_takes_its_staged_files_along(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	dps_connection_fini(&fixture->exporter);
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	give_back(fixture);
	fixture->options.keep_partial_ns = 0;
	fixture->skew_ns = 31 * DPS_NS_PER_S;
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
	assert_false(is_there(fixture, "a"));
}

static void a_lane_without_room_ends_the_transfer(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	dps_intake_on_fd_back(dps_collect_context_take_fd(&fixture->context, command->fd), -EAGAIN,
			      0);
	hear(fixture, DPS_MESSAGE_CANCEL);
	wait_until_gone(fixture);
}

static void a_stop_publishes_what_is_whole_first(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first;

	add(fixture, "a", 10);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	first = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	turn_some(fixture);
	receive_file(fixture, first);
	fixture->context.is_stopping = true;
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	give_back(fixture);
	wait_until_gone(fixture);
	assert_int_equal(fixture->intake->files_stored, 1);
	assert_true(holds(fixture, 0));
	assert_false(is_there(fixture, "b"));
}

static uint64_t now_of(struct fixture *fixture)
{
	return dps_clock_now_ns(&fixture->clock) + fixture->skew_ns;
}

static void silence_ends_a_transfer(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	fixture->skew_ns = 5 * DPS_NS_PER_S;
	turn_some(fixture); /* the first look at it */
	fixture->skew_ns = 64 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	fixture->skew_ns = 70 * DPS_NS_PER_S;
	hear(fixture, DPS_MESSAGE_CANCEL);
	assert_int_equal(fixture->intake->end_code, DPS_CODE_IDLE);
}

static void bytes_within_a_chunk_are_no_silence(void **state)
{
	struct fixture *fixture = *state;
	unsigned int looks;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	looks = count_commands(DPS_COMMAND_LOOK);
	fixture->skew_ns = 50 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_true(count_commands(DPS_COMMAND_LOOK) > looks);
	dps_intake_on_channel_state(fixture->intake, 7, now_of(fixture));
	fixture->skew_ns = 100 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	/* The same once more is nothing new. */
	dps_intake_on_channel_state(fixture->intake, 7, now_of(fixture));
	fixture->skew_ns = 111 * DPS_NS_PER_S;
	hear(fixture, DPS_MESSAGE_CANCEL);
}

/* It says so again and again; one that said it once, and then nothing, is gone. */
static void an_exporter_that_is_blocked_is_waited_for(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	for (unsigned int i = 0; i < 10; i++) {
		say(fixture, &(struct dps_message){
				     .type = DPS_MESSAGE_BLOCKED,
				     .blocked = { .channel = 1, .why = DPS_BLOCKED_SOURCE },
			     });
		turn_some(fixture);
		fixture->skew_ns += 50 * DPS_NS_PER_S;
		turn_some(fixture);
		assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
		assert_int_equal(fixture->intake->verdict, DPS_WATCHDOG_BLOCKED_SINK);
	}
	fixture->skew_ns += 20 * DPS_NS_PER_S;
	hear(fixture, DPS_MESSAGE_CANCEL);
}

static void what_is_discarded_is_verified(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_digest wrong = { { 1 } };
	const struct dps_message *message;

	fixture->context.staging = NULL;
	fixture->context.journal = NULL;
	add(fixture, "a", CHUNK_BYTES + 1);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->fd, -1);
	receive_file(fixture, command);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_right_digest(fixture, 0);
	hear(fixture, DPS_MESSAGE_STORED);
	say_digest(fixture, 1, &wrong);
	hear(fixture, DPS_MESSAGE_FILE_FAILED);
	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.failed, 1);
	assert_false(is_there(fixture, "a"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_is_stored_when_it_is_whole_and_verified),
		CASE(a_digest_may_come_before_the_data),
		CASE(a_digest_may_come_before_the_file_is_opened),
		CASE(a_wrong_digest_fails_the_file_alone),
		CASE(what_waits_for_an_answer_holds_back_what_follows),
		CASE(a_target_that_differs_ends_the_transfer),
		CASE(a_target_that_differs_may_be_replaced),
		CASE(a_failed_write_fails_the_file_alone),
		CASE(a_file_that_cannot_be_staged_fails_alone),
		CASE(a_file_that_is_given_up_before_its_turn_is_not_announced),
		CASE(a_file_that_is_given_up_midway_is_skipped),
		CASE(stored_advances_within_a_file),
		CASE(what_comes_during_a_checkpoint_is_not_stored_by_it),
		CASE(an_empty_file_needs_no_data),
		CASE(a_refetch_is_passed_on),
		CASE(an_exporter_that_stays_away_takes_its_staged_files_along),
		CASE(a_lane_without_room_ends_the_transfer),
		CASE(a_stop_publishes_what_is_whole_first),
		CASE(silence_ends_a_transfer),
		CASE(bytes_within_a_chunk_are_no_silence),
		CASE(an_exporter_that_is_blocked_is_waited_for),
		CASE(what_is_discarded_is_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
