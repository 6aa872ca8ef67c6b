/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that is sent while it comes, of a source that is read once: over any connections. */
#include "tests/apps/export_bench.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RING_CHUNKS = 8 };

static void ring(void *context)
{
	dps_loop_wake(context);
}

static void open_live(struct fixture *fixture, int fd)
{
	const struct dps_live_config config = {
		.input.fd = fd,
		.ring_bytes = RING_CHUNKS * CHUNK,
		.chunk_bytes = CHUNK,
		.depth = 8,
		.on_more = ring,
		.context = &fixture->loop,
	};

	assert_true(fd >= 0);
	assert_int_equal(dps_live_open(&config, &live), 0);
}

static struct dps_live_state wait_for(struct fixture *fixture, uint64_t filled, bool has_ended)
{
	struct dps_live_state seen = { 0 };

	while (seen.filled < filled || seen.has_ended != has_ended) {
		uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

		assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
		dps_live_read(live, &seen);
	}
	return seen;
}

static void begin_offered_live(struct fixture *fixture)
{
	options.name = "live";
	connect_ends(fixture);
	assert_int_equal(dps_export_init(&fixture->export, NULL, NULL, NULL, &fixture->link,
					 &fixture->report),
			 0);
	dps_export_start(&fixture->export, 5);
	assert_true(hear(fixture, DPS_MESSAGE_OFFER)->offer.files[0].size_bytes == DPS_NUMBER_NONE);
	hear_next(fixture, DPS_MESSAGE_LAST);
	say_accept(fixture, 1, NULL, 0);
	open_channel(fixture);
}

/* What a file holds, and all of it has come. */
static void begin_live(struct fixture *fixture, size_t size_bytes)
{
	char path[300];

	make_file(fixture, "a", size_bytes);
	snprintf(path, sizeof(path), "%s/tree/a", fixture->disk.path);
	open_live(fixture, open(path, O_RDONLY | O_CLOEXEC));
	wait_for(fixture, size_bytes, true);
	begin_offered_live(fixture);
	assert_int_equal(hear_next(fixture, DPS_MESSAGE_FILE_END)->file_end.size_bytes, size_bytes);
}

static int to; /* the writer's end of a pipe */

static void begin_pipe(struct fixture *fixture)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	to = ends[1];
	open_live(fixture, ends[0]);
	begin_offered_live(fixture);
}

/* One more chunk comes, and the lane hears of it. */
static void put_chunk(struct fixture *fixture, uint64_t number)
{
	const struct dps_lane_command *command;
	uint8_t bytes[CHUNK];

	memset(bytes, 'a', sizeof(bytes));
	assert_int_equal(write(to, bytes, sizeof(bytes)), sizeof(bytes));
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.offset, number * CHUNK);
	assert_int_equal(command->extent.bytes, CHUNK);
}

static void say_held(struct fixture *fixture, uint64_t bytes)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_HELD,
					    .held = { .channel = 1, .size_bytes = bytes } });
	turn_some(fixture);
}

static void live__goes_on_behind_what_is_held(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { 0, 2 * CHUNK };
	const struct dps_lane_command *command;
	struct dps_digest expected = digest_of("a", 3 * CHUNK + 9);
	const struct dps_message *digest;

	begin_live(fixture, 3 * CHUNK + 9);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.bytes, 3 * CHUNK + 9);
	say_held(fixture, 2 * CHUNK);
	assert_true(fixture->made_sense);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.offset, 2 * CHUNK);
	assert_int_equal(command->extent.bytes, CHUNK + 9);
	digest = hear(fixture, DPS_MESSAGE_DIGEST);
	assert_memory_equal(&digest->digest.items[0].digest, &expected, sizeof(expected));
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
}

/* The word that it is held was lost with the connection: what it resumes behind is. */
static void live__resumed_has_room_for_more(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { 0, RING_CHUNKS * CHUNK };
	uint8_t bytes[CHUNK];

	begin_pipe(fixture);
	memset(bytes, 'a', sizeof(bytes));
	for (unsigned int i = 0; i < RING_CHUNKS; i++)
		assert_int_equal(write(to, bytes, sizeof(bytes)), sizeof(bytes));
	assert_true(wait_for(fixture, RING_CHUNKS * CHUNK, false).is_full);
	turn_some(fixture);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	turn_some(fixture);
	fixture->commands_seen = commands_count;
	put_chunk(fixture, RING_CHUNKS);
	close(to);
	assert_true(fixture->made_sense);
}

static void live__says_when_the_collector_needs_what_is_gone(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { 0, CHUNK };
	const struct dps_message *skip;

	begin_live(fixture, 3 * CHUNK);
	say_held(fixture, 2 * CHUNK);
	lose(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	skip = hear(fixture, DPS_MESSAGE_SKIP);
	assert_int_equal(skip->skip.code, DPS_CODE_OUT_OF_WINDOW);
	assert_non_null(strstr(skip->skip.text, "131072"));
	assert_int_equal(fixture->export.files_failed, 1);
}

static void live__no_more_is_held_than_was_announced(void **state)
{
	struct fixture *fixture = *state;

	begin_live(fixture, 3 * CHUNK);
	say_held(fixture, 3 * CHUNK + 1);
	assert_false(fixture->made_sense);
}

/* Until its path is asked for and given, another connection is not the transfer's. */
static void live__says_nothing_before_it_is_attached(void **state)
{
	struct fixture *fixture = *state;

	begin_pipe(fixture);
	put_chunk(fixture, 0);
	assert_int_equal(hear_next(fixture, DPS_MESSAGE_FILE_MORE)->file_more.size_bytes, CHUNK);
	detach(fixture);
	connect_ends(fixture);
	put_chunk(fixture, 1);
	dps_export_attach(&fixture->export, 4711);
	put_chunk(fixture, 2);
	hear_next(fixture, DPS_MESSAGE_ATTACH);
	say_attached(fixture, 1, 1);
	hear_next(fixture, DPS_MESSAGE_LAST);
	assert_int_equal(hear_next(fixture, DPS_MESSAGE_FILE_MORE)->file_more.size_bytes,
			 3 * CHUNK);
	close(to);
	assert_int_equal(hear_next(fixture, DPS_MESSAGE_FILE_END)->file_end.size_bytes, 3 * CHUNK);
	hear_next(fixture, DPS_MESSAGE_DIGEST);
	assert_true(fixture->made_sense);
}

/* Its end is told first, and then what it comes to. */
static void live__that_ended_without_a_connection_says_so(void **state)
{
	struct fixture *fixture = *state;

	begin_pipe(fixture);
	put_chunk(fixture, 0);
	detach(fixture);
	close(to);
	wait_for(fixture, CHUNK, true);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	ask_to_attach(fixture);
	say_attached(fixture, 1, 1);
	hear_next(fixture, DPS_MESSAGE_LAST);
	assert_int_equal(hear_next(fixture, DPS_MESSAGE_FILE_END)->file_end.size_bytes, CHUNK);
	hear_next(fixture, DPS_MESSAGE_DIGEST);
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_int_equal(fixture->export.files_stored, 1);
	assert_true(fixture->made_sense);
}

/* What an older word says of it gives nothing back. */
static void live__what_was_held_stays_held(void **state)
{
	struct fixture *fixture = *state;

	begin_live(fixture, 3 * CHUNK);
	say_held(fixture, 2 * CHUNK);
	say_held(fixture, CHUNK);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.held_bytes, 2 * CHUNK);
}

/* The last word of the collector was lost with the connection, and it has forgotten the transfer.
 */
static void begin_anew(struct fixture *fixture, size_t size_bytes)
{
	lose(fixture);
	ask_to_resume(fixture);
	dps_export_begin_anew(&fixture->export);
	assert_int_equal(hear(fixture, DPS_MESSAGE_OFFER)->offer.files[0].size_bytes, size_bytes);
	assert_int_equal(fixture->heard.offer.total_bytes, size_bytes);
}

static void live__that_has_ended_is_found_where_it_was_stored(void **state)
{
	struct fixture *fixture = *state;
	struct dps_message_item have = { .size_bytes = 3 * CHUNK + 9 };

	begin_live(fixture, 3 * CHUNK + 9);
	hear_next(fixture, DPS_MESSAGE_DIGEST);
	say_held(fixture, 3 * CHUNK + 9);
	begin_anew(fixture, 3 * CHUNK + 9);
	have.digest = digest_of("a", 3 * CHUNK + 9);
	say_accept(fixture, 1, &have, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_SAME)->same.ranges_count, 1);
	assert_int_equal(fixture->export.files_same, 1);
	assert_int_equal(fixture->export.files_failed, 0);
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_true(fixture->made_sense);
}

/* As far as it is still there; its size is said already. */
static void live__that_has_ended_is_sent_again(void **state)
{
	struct fixture *fixture = *state;

	begin_live(fixture, 3 * CHUNK + 9);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	begin_anew(fixture, 3 * CHUNK + 9);
	say_accept(fixture, 1, NULL, 0);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.bytes, 3 * CHUNK + 9);
	hear_next(fixture, DPS_MESSAGE_LAST);
	hear_next(fixture, DPS_MESSAGE_DIGEST);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_int_equal(fixture->export.files_stored, 1);
	assert_true(fixture->made_sense);
}

static void live__that_is_not_all_there_is_not_sent_again(void **state)
{
	struct fixture *fixture = *state;

	begin_live(fixture, 3 * CHUNK + 9);
	say_held(fixture, 2 * CHUNK);
	begin_anew(fixture, 3 * CHUNK + 9);
	say_accept(fixture, 1, NULL, 0);
	open_channel(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_SKIP)->skip.code, DPS_CODE_OUT_OF_WINDOW);
	assert_int_equal(fixture->export.files_failed, 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(live__goes_on_behind_what_is_held),
		CASE(live__resumed_has_room_for_more),
		CASE(live__says_when_the_collector_needs_what_is_gone),
		CASE(live__no_more_is_held_than_was_announced),
		CASE(live__what_was_held_stays_held),
		CASE(live__says_nothing_before_it_is_attached),
		CASE(live__that_ended_without_a_connection_says_so),
		CASE(live__that_has_ended_is_found_where_it_was_stored),
		CASE(live__that_has_ended_is_sent_again),
		CASE(live__that_is_not_all_there_is_not_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
