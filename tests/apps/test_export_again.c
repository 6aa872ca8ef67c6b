/* SPDX-License-Identifier: BSD-3-Clause */
/* An outgoing transfer goes on in another run of the program: with its mirror, or without. */
#include "tests/apps/export_bench.h"
#include <string.h>

/* Two files: of the first two pieces were read, the second was read whole. Then it runs again. */
static void begin_two_and_run_again(struct fixture *fixture, bool is_changed)
{
	make_file(fixture, "a", 3 * CHUNK + 5);
	make_file(fixture, "b", CHUNK + 1);
	open_mirror(fixture);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	read_pieces(fixture, 0, 0, 2 * CHUNK);
	read_pieces(fixture, 1, 0, CHUNK + 1);
	hear(fixture, DPS_MESSAGE_DIGEST);
	turn_some(fixture);
	if (is_changed) {
		change_in_place(fixture, "a");
		change_in_place(fixture, "b");
	}
	run_again(fixture);
	assert_true(fixture->export.files[0].has_head && fixture->export.files[1].has_head);
	ask_to_resume(fixture);
}

static void run_again__compares_heads_and_goes_on(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold holds[] = { { 0, 2 * CHUNK }, { 1, CHUNK + 1 } };
	const struct dps_digest digest = digest_of("b", CHUNK + 1);
	const struct dps_lane_command *command;

	begin_two_and_run_again(fixture, false);
	say_resumed(fixture, 2, holds, 2);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 0);
	assert_int_equal(command->extent.file_offset, 2 * CHUNK);
	/* Of the second there is only its digest to be said. */
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &digest,
			    16);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_int_equal(fixture->export.open_count, 1);
	assert_int_equal(fixture->export.files_failed, 0);
	assert_true(fixture->made_sense);
}

static void run_again__a_changed_head_is_another_file(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold holds[] = { { 0, 2 * CHUNK }, { 1, CHUNK + 1 } };

	begin_two_and_run_again(fixture, true);
	say_resumed(fixture, 2, holds, 2);
	open_channel(fixture);
	for (uint32_t i = 0; i < 2; i++) {
		const struct dps_message *skip = hear(fixture, DPS_MESSAGE_SKIP);

		assert_int_equal(skip->skip.file, i);
		assert_int_equal(skip->skip.code, DPS_CODE_IDENTITY_CHANGED);
	}
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_int_equal(fixture->export.files_failed, 2);
	/* Neither a byte nor a digest of them was announced. */
	for (unsigned int i = fixture->commands_seen; i < commands_count; i++)
		assert_int_not_equal(commands[i].type, DPS_COMMAND_ANNOUNCE);
	assert_false(fixture->export.files[1].is_said);
}

/* The digest of an earlier run is not said of another file: it is read, and is another. */
static void run_again__a_changed_head_is_not_the_same(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item have = { .file = 1,
					       .size_bytes = CHUNK + 1,
					       .digest = digest_of("b", CHUNK + 1) };

	begin_two_and_run_again(fixture, true);
	say_accept(fixture, 2, &have, 1);
	say_resumed(fixture, 2, NULL, 0);
	open_channel(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DIFFERENT)->different.ranges[0].first, 1);
}

/* ---- without a mirror ---- */

static void say_partial(struct fixture *fixture, const struct dps_message_item *items,
			uint32_t count)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_PARTIAL,
			     .partial = { .channel = 1, .items_count = count, .items = items } });
}

/* The first piece of a file of one letter. */
static struct dps_digest head_of(char letter)
{
	uint8_t bytes[CHUNK];

	memset(bytes, letter, sizeof(bytes));
	return dps_digest_of(bytes, sizeof(bytes));
}

static void partial__of_the_same_head_need_not_come_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item items[] = {
		{ .file = 0, .size_bytes = 2 * CHUNK, .digest = head_of('a') },
		{ .file = 1, .size_bytes = CHUNK, .digest = head_of('x') },
	};
	const struct dps_digest digest = digest_of("a", 3 * CHUNK + 5);
	const struct dps_lane_command *command;

	make_file(fixture, "a", 3 * CHUNK + 5);
	make_file(fixture, "b", CHUNK + 1);
	begin_offered(fixture);
	say_partial(fixture, items, 2);
	say_accept(fixture, 2, NULL, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_SAME)->same.ranges[0].first, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DIFFERENT)->different.ranges[0].first, 1);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 0);
	assert_int_equal(command->extent.file_offset, 2 * CHUNK);
	assert_int_equal(command->extent.bytes, CHUNK + 5);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 1);
	assert_int_equal(command->extent.file_offset, 0);
	assert_int_equal(dps_export_bytes_done(&fixture->export), 2 * CHUNK);
	/* What is not sent is read all the same: the file's digest is whole. */
	read_pieces(fixture, 0, 2 * CHUNK, 3 * CHUNK + 5);
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &digest,
			    16);
	assert_true(fixture->made_sense);
}

/* All of it: there is nothing to be sent, and its digest to be told. */
static void partial__may_be_all_of_a_file(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item item = { .size_bytes = CHUNK + 5, .digest = head_of('a') };
	const struct dps_digest digest = digest_of("a", CHUNK + 5);

	make_file(fixture, "a", CHUNK + 5);
	begin_offered(fixture);
	say_partial(fixture, &item, 1);
	say_accept(fixture, 1, NULL, 0);
	hear(fixture, DPS_MESSAGE_SAME);
	open_channel(fixture);
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &digest,
			    16);
	for (unsigned int i = 0; i < commands_count; i++)
		assert_int_not_equal(commands[i].type, DPS_COMMAND_ANNOUNCE);
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 1);
}

static void partial__is_of_no_use_to_who_starts_over(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item item = { .size_bytes = 2 * CHUNK, .digest = head_of('a') };

	make_file(fixture, "a", 3 * CHUNK + 5);
	options.is_new = true;
	begin_offered(fixture);
	say_partial(fixture, &item, 1);
	say_accept(fixture, 1, NULL, 0);
	hear(fixture, DPS_MESSAGE_DIFFERENT);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_offset, 0);
}

/* The answer is not needed any more when it is known. */
static void partial__is_forgotten_with_its_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item item = { .size_bytes = 2 * CHUNK, .digest = head_of('a') };

	make_file(fixture, "a", 3 * CHUNK + 5);
	begin_offered(fixture);
	assert_true(dps_export_on_message(
		&fixture->export,
		&(struct dps_message){
			.type = DPS_MESSAGE_PARTIAL,
			.partial = { .channel = 1, .items_count = 1, .items = &item } }));
	assert_int_equal(fixture->export.files[0].state, DPS_EXPORT_COMPARING);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, NULL, 0);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_offset, 0);
	assert_int_equal(fixture->export.files[0].from_bytes, 0);
}

static void partial__nonsense_is_told_apart(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item items[] = {
		{ .file = 1, .size_bytes = CHUNK }, /* which there is not */
		{ .size_bytes = 0 },		    /* nothing */
		{ .size_bytes = CHUNK + 1 },	    /* no multiple of a chunk */
		{ .size_bytes = 4 * CHUNK },	    /* more than there is */
	};

	make_file(fixture, "a", 3 * CHUNK + 5);
	begin_offered(fixture);
	for (unsigned int i = 0; i < 4; i++) {
		fixture->made_sense = true;
		say_partial(fixture, &items[i], 1);
		turn_some(fixture);
		assert_false(fixture->made_sense);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(run_again__compares_heads_and_goes_on, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(run_again__a_changed_head_is_another_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(run_again__a_changed_head_is_not_the_same, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(partial__of_the_same_head_need_not_come_again,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(partial__may_be_all_of_a_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(partial__is_of_no_use_to_who_starts_over, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(partial__is_forgotten_with_its_connection, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(partial__nonsense_is_told_apart, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
