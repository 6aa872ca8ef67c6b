/* SPDX-License-Identifier: BSD-3-Clause */
/* An outgoing transfer goes on, over any number of connections of one run. */
#include "tests/apps/export_bench.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- tests ---- */

static void resume__goes_on_at_each_prefix(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { .file = 0, .bytes = 2 * CHUNK };
	const struct dps_lane_command *command;

	make_file(fixture, "a", 4 * CHUNK + 5);
	make_file(fixture, "b", CHUNK + 1);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	read_pieces(fixture, 0, 0, 3 * CHUNK);
	lane.channel = (struct dps_channel_state){
		.is_sender = true,
		.generation = fixture->generation,
		.posted = 3 * CHUNK + 100,
		.bytes_done = 2 * CHUNK + 50,
	};
	assert_int_equal(dps_export_bytes_done(&fixture->export), 2 * CHUNK + 50);
	lose(fixture);
	assert_int_equal(dps_export_bytes_done(&fixture->export), 2 * CHUNK + 50);
	give_back(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 2, &hold, 1);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->generation, fixture->generation);
	assert_int_equal(command->extent.file_index, 0);
	assert_int_equal(command->extent.offset, 2 * CHUNK);
	assert_int_equal(command->extent.file_offset, 2 * CHUNK);
	assert_int_equal(command->extent.bytes, 2 * CHUNK + 5);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_index, 1);
	assert_int_equal(command->extent.offset, 5 * CHUNK);
	assert_int_equal(command->extent.file_offset, 0);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_int_equal(hear(fixture, DPS_MESSAGE_LAST)->last.files, 2);
	assert_int_equal(fixture->export.bytes_resent, CHUNK + 100);
	assert_int_equal(dps_export_bytes_done(&fixture->export), 2 * CHUNK);
	/* The pieces before the prefix are known from before: the file's digest is whole. */
	read_pieces(fixture, 0, 2 * CHUNK, 4 * CHUNK + 5);
	{
		const struct dps_digest digest = digest_of("a", 4 * CHUNK + 5);

		assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest,
				    &digest, 16);
	}
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 1);
}

static void resume__says_digests_once_more(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { .file = 0, .bytes = CHUNK + 7 };
	const struct dps_digest digest = digest_of("a", CHUNK + 7);

	make_file(fixture, "a", CHUNK + 7);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	read_pieces(fixture, 0, 0, CHUNK + 7);
	hear(fixture, DPS_MESSAGE_DIGEST);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &digest,
			    16);
	/* The collector has all of it: nothing is announced. */
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_int_equal(commands_count, 5); /* two channels, one file, two ends */
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 1);
}

static void resume__reads_again_what_nobody_digested(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold holds[] = { { 0, 3 * CHUNK }, { 1, 2 * CHUNK + 1 } };
	const struct dps_digest whole = digest_of("b", 2 * CHUNK + 1),
				rest = digest_of("a", 4 * CHUNK);

	make_file(fixture, "a", 4 * CHUNK);
	make_file(fixture, "b", 2 * CHUNK + 1);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	read_pieces(fixture, 0, 0, CHUNK);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 2, holds, 2);
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &whole, 16);
	read_pieces(fixture, 0, 3 * CHUNK, 4 * CHUNK);
	assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest, &rest, 16);
}

static void resume__hears_what_became_of_files(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item have = { .file = 2,
					       .size_bytes = 30,
					       .digest = digest_of("c", 30) };

	make_file(fixture, "a", 10);
	make_file(fixture, "b", 20);
	make_file(fixture, "c", 30);
	begin(fixture);
	lose(fixture);
	ask_to_resume(fixture);
	/* Stored, though this side does not know that it said what it is. */
	say_stored(fixture, 0);
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_FILE_FAILED,
					    .file_failed = { .channel = 1,
							     .file = 1,
							     .code = DPS_CODE_CANNOT_WRITE,
							     .text = "no" } });
	say_accept(fixture, 3, &have, 1);
	say_resumed(fixture, 3, NULL, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_SAME)->same.ranges[0].first, 2);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 1);
	assert_int_equal(fixture->export.files_failed, 1);
	assert_int_equal(fixture->export.files_same, 1);
	assert_int_equal(fixture->export.settled_count, 3);
}

/* What an earlier run had sent is there already, what this one has sent is not. */
static void resume__tells_apart_what_an_earlier_run_had_sent(void **state)
{
	struct fixture *fixture = *state;

	make_file(fixture, "a", 10);
	make_file(fixture, "b", 20);
	begin(fixture);
	lose(fixture);
	fixture->export.was_live = false; /* as after a restart */
	fixture->export.files[0].state = fixture->export.files[1].state = DPS_EXPORT_WAITING;
	ask_to_resume(fixture);
	say_stored(fixture, 0);
	say_resumed(fixture, 2, NULL, 0);
	turn_some(fixture);
	assert_int_equal(fixture->export.files_same, 1);
	assert_int_equal(fixture->export.files[0].state, DPS_EXPORT_SAME);
	lose(fixture);
	ask_to_resume(fixture);
	say_stored(fixture, 1);
	turn_some(fixture);
	assert_int_equal(fixture->export.files_stored, 1);
	assert_int_equal(fixture->export.files_same, 1);
	assert_true(fixture->made_sense);
}

/* The collector may find that what it had is of no use: all of it comes in this run then. */
static void resume__counts_as_before_what_is_still_there(void **state)
{
	const struct dps_message_hold hold = { .file = 0, .bytes = 2 * CHUNK };
	struct fixture *fixture = *state;

	make_file(fixture, "a", 3 * CHUNK);
	begin(fixture);
	lose(fixture);
	fixture->export.was_accepted = false; /* as after a restart */
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	assert_int_equal(fixture->export.bytes_before, 2 * CHUNK);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &(struct dps_message_hold){ .file = 0, .bytes = 3 * CHUNK }, 1);
	open_channel(fixture);
	assert_int_equal(fixture->export.bytes_before, 2 * CHUNK);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, NULL, 0);
	open_channel(fixture);
	assert_int_equal(fixture->export.bytes_before, 0);
	assert_true(fixture->made_sense);
}

static void resume__offers_what_was_not_accepted(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *more;

	make_file(fixture, "a", 10);
	make_file(fixture, "b", 20);
	begin(fixture);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, NULL, 0);
	more = hear(fixture, DPS_MESSAGE_OFFER_MORE);
	assert_int_equal(more->offer.first, 1);
	assert_int_equal(more->offer.files_count, 1);
	hear(fixture, DPS_MESSAGE_LAST);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 0);
	say_accept(fixture, 2, NULL, 0);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 1);
}

static void resume__skips_once_more(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_event failed = {
		.type = DPS_LANE_ENGINE,
		.engine = { .type = DPS_EVENT_FILE_FAILED,
			    .channel = LANE_CHANNEL,
			    .generation = fixture->generation + 1,
			    .error = -EIO },
	};
	const struct dps_message *skip;

	make_file(fixture, "a", 10);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	disconnect(fixture); /* nobody hears it */
	dps_export_on_lane_event(&fixture->export, &failed, 0);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, NULL, 0);
	open_channel(fixture);
	skip = hear(fixture, DPS_MESSAGE_SKIP);
	assert_int_equal(skip->skip.file, 0);
	assert_int_equal(skip->skip.code, DPS_CODE_CANNOT_READ);
}

static void park__late_answers_move_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct dps_lane_event refused = {
		.type = DPS_LANE_REFUSED,
		.fd = -1,
		.engine = { .channel = LANE_CHANNEL, .error = -ENOENT },
	};
	struct dps_lane_event opened = { .type = DPS_LANE_CHANNEL_OPENED };
	struct dps_lane_event event;

	make_file(fixture, "a", CHUNK);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	opened.cookie = fixture->export.connection;
	event = piece(fixture, 0, 'x', 0);
	refused.engine.generation = fixture->generation;
	lose(fixture);
	dps_export_on_lane_event(&fixture->export, &event, 0);
	dps_export_on_lane_event(&fixture->export, &refused, 0);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, NULL, 0);
	dps_export_on_lane_event(&fixture->export, &opened, 0);
	turn_some(fixture);
	assert_false(fixture->export.has_channel);
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	dps_export_on_lane_event(&fixture->export, &event, 0);
	dps_export_on_lane_event(&fixture->export, &refused, 0);
	assert_int_equal(fixture->export.files_failed, 0);
	read_pieces(fixture, 0, 0, CHUNK);
	{
		const struct dps_digest digest = digest_of("a", CHUNK);

		assert_memory_equal(&hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].digest,
				    &digest, 16);
	}
}

static void park__may_come_at_any_moment(void **state)
{
	struct fixture *fixture = *state;

	make_file(fixture, "a", 3 * CHUNK);
	make_file(fixture, "b", 10);
	begin(fixture);
	for (unsigned int i = 0; i < 40; i++) {
		for (unsigned int turns = 0; turns < i % 5; turns++)
			turn(fixture);
		lose(fixture);
		if (i % 3 == 0)
			give_back(fixture);
		ask_to_resume(fixture);
		say_resumed(fixture, 2, NULL, 0);
		open_channel(fixture);
		commands_count = fixture->commands_seen = i % 3 == 0 ? 0 : commands_count;
	}
	assert_true(fixture->made_sense);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 0);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 1);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
}

static void resumed__nonsense_is_told_apart(void **state)
{
	struct fixture *fixture = *state;
	static const struct dps_message_hold wrong[] = {
		{ 0, CHUNK + 1 }, /* neither whole chunks nor all of it */
		{ 0, 5 * CHUNK }, { 1, CHUNK }, { 2, 10 }, { 9, CHUNK },
	};

	make_file(fixture, "a", 4 * CHUNK);
	make_file(fixture, "b", CHUNK - 1);
	make_file(fixture, "c", 10);
	begin(fixture);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		lose(fixture);
		ask_to_resume(fixture);
		fixture->made_sense = true;
		say_resumed(fixture, 2, &wrong[i], 1);
		turn_some(fixture);
		assert_false(fixture->made_sense);
	}
	lose(fixture);
	ask_to_resume(fixture);
	fixture->made_sense = true;
	say_resumed(fixture, 4, NULL, 0); /* more files than there are */
	turn_some(fixture);
	assert_false(fixture->made_sense);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 3, NULL, 0);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	say_resumed(fixture, 3, NULL, 0); /* nobody asked again */
	turn_some(fixture);
	assert_false(fixture->made_sense);
}

static void begin_anew__offers_all_and_knows_what_it_knew(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item have = { .file = 0,
					       .size_bytes = CHUNK,
					       .digest = digest_of("a", CHUNK) };
	struct dps_transfer_id before;
	const struct dps_message *offer;

	make_file(fixture, "a", CHUNK);
	make_file(fixture, "b", CHUNK);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	read_pieces(fixture, 0, 0, CHUNK);
	hear(fixture, DPS_MESSAGE_DIGEST);
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_int_equal(fixture->export.files_stored, 1);
	before = fixture->export.id;
	lose(fixture);
	ask_to_resume(fixture);
	dps_export_begin_anew(&fixture->export);
	offer = hear(fixture, DPS_MESSAGE_OFFER);
	assert_int_equal(offer->offer.files_count, 2);
	assert_int_equal(offer->offer.channel, 2);
	assert_memory_not_equal(&offer->offer.transfer, &before, sizeof(before));
	say_accept(fixture, 2, &have, 1);
	/* It was read and stored by this very run: told from memory, and not counted twice. */
	assert_int_equal(hear(fixture, DPS_MESSAGE_SAME)->same.ranges[0].first, 0);
	assert_int_equal(fixture->export.files_stored, 1);
	assert_int_equal(fixture->export.files_same, 0);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_index, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(resume__goes_on_at_each_prefix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resume__says_digests_once_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resume__reads_again_what_nobody_digested, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(resume__hears_what_became_of_files, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(resume__tells_apart_what_an_earlier_run_had_sent,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(resume__counts_as_before_what_is_still_there,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(resume__offers_what_was_not_accepted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(resume__skips_once_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(park__late_answers_move_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(park__may_come_at_any_moment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resumed__nonsense_is_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(begin_anew__offers_all_and_knows_what_it_knew,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
