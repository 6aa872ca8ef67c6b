/* SPDX-License-Identifier: BSD-3-Clause */
/* A file whose size nobody knows yet, from the offer to its name. */
#include "tests/apps/intake_bench.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void say_size(struct fixture *fixture, enum dps_message_type type, uint64_t size_bytes)
{
	struct dps_message message = { .type = type };

	message.file_end = (struct dps_message_file_size){
		.channel = fixture->number,
		.size_bytes = size_bytes,
	};
	say(fixture, &message);
}

static void begin_growing(struct fixture *fixture)
{
	add(fixture, "a", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	say_last(fixture);
}

static const struct dps_lane_command *next_stretch(struct fixture *fixture, uint64_t from,
						   uint64_t end)
{
	const struct dps_lane_command *command = next_command(fixture, DPS_COMMAND_ANNOUNCE);

	assert_int_equal(command->extent.offset, from);
	assert_int_equal(command->extent.file_offset, from);
	assert_int_equal(command->extent.bytes, end - from);
	return command;
}

static void end_at(struct fixture *fixture, uint64_t size_bytes)
{
	say_size(fixture, DPS_MESSAGE_FILE_END, size_bytes);
	fixture->files[0].size_bytes = size_bytes;
	say_right_digest(fixture, 0);
}

static void expect_done(struct fixture *fixture)
{
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
	assert_true(holds(fixture, 0));
}

static void it_comes_in_stretches(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first, *second;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 2 * CHUNK_BYTES);
	first = next_stretch(fixture, 0, 2 * CHUNK_BYTES);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 3 * CHUNK_BYTES);
	second = next_stretch(fixture, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES);
	receive_file(fixture, first);
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, 2 * CHUNK_BYTES);
	receive_file(fixture, second);
	turn_some(fixture);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE_LAST), 0);
	end_at(fixture, 3 * CHUNK_BYTES + 5);
	receive_file(fixture, next_stretch(fixture, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5));
	expect_done(fixture);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE_LAST), 1);
}

static void it_may_end_with_a_chunk(void **state)
{
	struct fixture *fixture = *state;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, 0, CHUNK_BYTES));
	end_at(fixture, CHUNK_BYTES);
	expect_done(fixture);
}

static void it_may_be_empty(void **state)
{
	struct fixture *fixture = *state;

	begin_growing(fixture);
	end_at(fixture, 0);
	expect_done(fixture);
}

/* Also by a collector that has only its journal. */
static void it_goes_on_behind_what_is_held(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 2 * CHUNK_BYTES);
	receive_piece(fixture, next_stretch(fixture, 0, 2 * CHUNK_BYTES), 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, CHUNK_BYTES);
	put_away(fixture);
	ask_to_load(fixture, 1);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	say_last(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 2 * CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, CHUNK_BYTES, 2 * CHUNK_BYTES));
	end_at(fixture, 2 * CHUNK_BYTES + 1);
	receive_file(fixture, next_stretch(fixture, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1));
	expect_done(fixture);
}

/* The size alone was heard, and the journal keeps it with what is there. */
static void its_size_is_kept_with_what_is_held(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, 0, CHUNK_BYTES));
	(void)hear(fixture, DPS_MESSAGE_HELD);
	end_at(fixture, CHUNK_BYTES + 7);
	next_stretch(fixture, CHUNK_BYTES, CHUNK_BYTES + 7);
	put_away(fixture);
	ask_to_load(fixture, 1);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	say_last(fixture);
	receive_file(fixture, next_stretch(fixture, CHUNK_BYTES, CHUNK_BYTES + 7));
	end_at(fixture, CHUNK_BYTES + 7);
	expect_done(fixture);
}

/* Whether it is called well is decided when all of it is held, so that has to be said. */
static void it_is_held_also_when_it_ended_before_it_was_opened(void **state)
{
	struct fixture *fixture = *state;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_END, 2 * CHUNK_BYTES + 7);
	receive_file(fixture, next_stretch(fixture, 0, 2 * CHUNK_BYTES + 7));
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, 2 * CHUNK_BYTES + 7);
}

static void it_is_held_also_when_its_size_was_loaded(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *stretch;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_END, 2 * CHUNK_BYTES);
	stretch = next_stretch(fixture, 0, 2 * CHUNK_BYTES);
	receive_piece(fixture, stretch, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, CHUNK_BYTES);
	put_away(fixture);
	ask_to_load(fixture, 1);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
	say_last(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_END, 2 * CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, CHUNK_BYTES, 2 * CHUNK_BYTES));
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, 2 * CHUNK_BYTES);
}

static void what_is_given_up_gets_no_name(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *first, *second;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	first = next_stretch(fixture, 0, CHUNK_BYTES);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 2 * CHUNK_BYTES);
	second = next_stretch(fixture, CHUNK_BYTES, 2 * CHUNK_BYTES);
	say_skip(fixture, 0, 0);
	next_command(fixture, DPS_COMMAND_SKIP);
	end_file(fixture, first, -ECANCELED);
	end_file(fixture, second, -ECANCELED);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	assert_false(is_there(fixture, "a"));
}

/* All that came of it in order is there, and it is said where; under no name. */
static void expect_part(struct fixture *fixture, uint64_t bytes)
{
	struct stat staged;
	char path[400];

	assert_non_null(strstr(fixture->intake->manifest.failures[0].text, "/" STAGED "/0 ("));
	fixture->skew_ns += 10 * DPS_NS_PER_S; /* its channel lingers */
	wait_until_gone(fixture);
	assert_false(is_there(fixture, "a"));
	snprintf(path, sizeof(path), "%s/%s/0", fixture->disk.path, STAGED);
	assert_int_equal(stat(path, &staged), 0);
	assert_int_equal(staged.st_size, bytes);
}

/* It may be nowhere else: what came in order stays for --keep-partial, and it is said where. */
static void what_came_of_a_failed_one_is_kept(void **state)
{
	struct fixture *fixture = *state;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, 0, CHUNK_BYTES));
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, CHUNK_BYTES);
	say_skip(fixture, 0, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	expect_part(fixture, CHUNK_BYTES);
}

/* Its producer was lost while the collector was away: what is held is all there is. */
static void load_again(struct fixture *fixture)
{
	const struct dps_lane_command *stretch;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, 2 * CHUNK_BYTES);
	stretch = next_stretch(fixture, 0, 2 * CHUNK_BYTES);
	receive_piece(fixture, stretch, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, CHUNK_BYTES);
	put_away(fixture);
	ask_to_load(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds[0].bytes, CHUNK_BYTES);
}

static void what_was_loaded_of_a_failed_one_is_kept(void **state)
{
	struct fixture *fixture = *state;

	load_again(fixture);
	say_last(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_END, CHUNK_BYTES);
	say_skip(fixture, 0, 0);
	turn_some(fixture);
	open_channel(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	expect_part(fixture, CHUNK_BYTES);
}

/* Also when nothing is said of it but that it failed. */
static void what_was_loaded_and_is_given_up_at_once_is_kept(void **state)
{
	struct fixture *fixture = *state;

	load_again(fixture);
	say_last(fixture);
	say_skip(fixture, 0, 0);
	open_channel(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 1);
	expect_part(fixture, CHUNK_BYTES);
}

static void a_pause_of_its_source_is_not_idle(void **state)
{
	struct fixture *fixture = *state;

	uint64_t idle_timeout_ns = fixture->options.idle_timeout_ns;

	begin_growing(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	receive_file(fixture, next_stretch(fixture, 0, CHUNK_BYTES));
	assert_true(dps_intake_waits_for_source(fixture->intake));
	assert_int_equal(hear(fixture, DPS_MESSAGE_HELD)->held.size_bytes, CHUNK_BYTES);
	fixture->skew_ns += 2 * idle_timeout_ns;
	turn_some(fixture);
	fixture->skew_ns = 0;
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	end_at(fixture, CHUNK_BYTES);
	expect_done(fixture);
}

static const char *more(struct fixture *fixture, uint32_t file, uint64_t size_bytes)
{
	return dps_intake_on_file_more(
		fixture->intake,
		&(struct dps_message_file_size){ .file = file, .size_bytes = size_bytes }, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_file_size shorter = { .size_bytes = CHUNK_BYTES - 1 };

	add(fixture, "a", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	assert_non_null(more(fixture, 0, CHUNK_BYTES)); /* others may follow it */
	say_last(fixture);
	while (!fixture->intake->manifest.files[0].open)
		turn(fixture);
	assert_non_null(more(fixture, 1, CHUNK_BYTES));
	assert_non_null(more(fixture, 0, 5));
	assert_null(more(fixture, 0, CHUNK_BYTES));
	assert_non_null(more(fixture, 0, 0));
	assert_non_null(dps_intake_on_file_end(fixture->intake, &shorter, 0));
	assert_null(more(fixture, 0, CHUNK_BYTES));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_comes_in_stretches),
		CASE(it_may_end_with_a_chunk),
		CASE(it_may_be_empty),
		CASE(it_goes_on_behind_what_is_held),
		CASE(its_size_is_kept_with_what_is_held),
		CASE(it_is_held_also_when_it_ended_before_it_was_opened),
		CASE(it_is_held_also_when_its_size_was_loaded),
		CASE(what_is_given_up_gets_no_name),
		CASE(what_came_of_a_failed_one_is_kept),
		CASE(what_was_loaded_of_a_failed_one_is_kept),
		CASE(what_was_loaded_and_is_given_up_at_once_is_kept),
		CASE(a_pause_of_its_source_is_not_idle),
		CASE(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
