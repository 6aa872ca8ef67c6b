/* SPDX-License-Identifier: BSD-3-Clause */
/* An exporter that has forgotten its transfer offers the files again: what is staged goes on. */
#include "tests/apps/intake_bench.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OLD STAGED
#define OLD_0 STAGED "/0"
#define OLD_1 STAGED "/1"

static struct dps_digest piece_of(char letter)
{
	uint8_t *bytes = malloc(CHUNK_BYTES);
	struct dps_digest digest;

	memset(bytes, letter, CHUNK_BYTES);
	digest = dps_digest_of(bytes, CHUNK_BYTES);
	free(bytes);
	return digest;
}

/* A piece whose digest is that of other bytes. */
static void receive_lie(struct fixture *fixture, const struct dps_lane_command *command)
{
	tell(fixture, (struct dps_event){
			      .type = DPS_EVENT_PIECE,
			      .file_index = command->extent.file_index,
			      .bytes = CHUNK_BYTES,
			      .written = command->extent.offset,
			      .digest = piece_of('z'),
		      });
	assert_int_equal(ftruncate(command->fd, CHUNK_BYTES), 0);
}

/* Two of three chunks of the first file came and one of the second; the transfer left memory. */
static void begin_and_put_away(struct fixture *fixture)
{
	const struct dps_lane_command *command;

	add(fixture, "tree/a", 2 * CHUNK_BYTES + 7);
	add(fixture, "tree/b", CHUNK_BYTES + 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	receive_piece(fixture, command, CHUNK_BYTES);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	put_away(fixture);
	assert_true(is_there(fixture, OLD_0));
}

/* The same with a first piece that is not of the file. */
static void begin_with_a_lie(struct fixture *fixture)
{
	add(fixture, "tree/a", 2 * CHUNK_BYTES + 7);
	begin_accepted(fixture);
	receive_lie(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	put_away(fixture);
	assert_true(is_there(fixture, OLD_0));
}

static void expect_asked(struct fixture *fixture, uint32_t files)
{
	const struct dps_message_items *partial = &hear(fixture, DPS_MESSAGE_PARTIAL)->partial;

	assert_int_equal(partial->items_count, files);
	assert_int_equal(partial->channel, fixture->number);
	hear(fixture, DPS_MESSAGE_ACCEPT);
	open_channel(fixture);
}

static const struct dps_lane_command *expect_announced(struct fixture *fixture, uint32_t file,
						       uint64_t from)
{
	const struct dps_lane_command *command = next_command(fixture, DPS_COMMAND_ANNOUNCE);

	assert_int_equal(command->extent.file_index, file);
	assert_int_equal(command->extent.file_offset, from);
	return command;
}

static void finish_well(struct fixture *fixture)
{
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
	for (uint32_t i = 0; i < fixture->files_count; i++)
		assert_true(holds(fixture, i));
	fixture->skew_ns += 6 * DPS_NS_PER_S; /* its channel lingers */
	wait_until_gone(fixture);
}

static void what_is_staged_goes_on(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_transfer_id old = fixture->id;
	struct dps_journal_transfer row;

	begin_and_put_away(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 2);
	say_compared(fixture, 0, true);
	say_compared(fixture, 1, true);
	/* The exporter may know its digest before the file is adopted. */
	say_right_digest(fixture, 0);
	receive_file(fixture, expect_announced(fixture, 0, 2 * CHUNK_BYTES));
	receive_file(fixture, expect_announced(fixture, 1, CHUNK_BYTES));
	say_right_digest(fixture, 1);
	assert_int_equal(fixture->intake->files_adopted, 2);
	assert_int_equal(fixture->intake->bytes_adopted, 3 * CHUNK_BYTES);
	finish_well(fixture);
	assert_false(is_there(fixture, OLD));
	assert_int_equal(dps_journal_find_transfer(fixture->journal, &old, &row), -ENOENT);
}

static void what_is_asked_is_how_much_and_its_head(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_items *partial;
	struct dps_digest head = piece_of('a');

	begin_and_put_away(fixture);
	begin_anew(fixture);
	partial = &hear(fixture, DPS_MESSAGE_PARTIAL)->partial;
	assert_int_equal(partial->items[0].file, 0);
	assert_int_equal(partial->items[0].size_bytes, 2 * CHUNK_BYTES);
	assert_memory_equal(&partial->items[0].digest, &head, sizeof(head));
	head = piece_of('b');
	assert_int_equal(partial->items[1].file, 1);
	assert_int_equal(partial->items[1].size_bytes, CHUNK_BYTES);
	assert_memory_equal(&partial->items[1].digest, &head, sizeof(head));
	open_channel(fixture);
}

static void what_is_different_comes_whole_and_the_old_one_stays(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 2);
	say_compared(fixture, 0, false);
	say_compared(fixture, 1, true);
	receive_file(fixture, expect_announced(fixture, 0, 0));
	receive_file(fixture, expect_announced(fixture, 1, CHUNK_BYTES));
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 1);
	finish_well(fixture);
	assert_true(is_there(fixture, OLD_0));
	assert_false(is_there(fixture, OLD_1));
}

static void another_time_or_size_or_peer_is_another_file(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	for (unsigned int i = 0; i < 3; i++) {
		dps_intake_destroy(fixture->intake);
		fixture->id.bytes[0]++;
		connect_ends(fixture);
		fixture->files[0].mtime_ns = i == 0;
		fixture->files[1].size_bytes = CHUNK_BYTES + 10 + (i == 1);
		if (i == 2)
			fixture->link.connection.socket->peer[0] = '2';
		begin(fixture);
		hear(fixture, DPS_MESSAGE_ACCEPT);
		open_channel(fixture);
		assert_int_equal(fixture->intake->matches_count, i == 2 ? 0 : 1);
		say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_CANCEL,
						    .cancel = { .channel = fixture->number,
								.code = DPS_CODE_CANCELLED,
								.text = "enough" } });
		wait_until_gone(fixture);
		lose(fixture, true);
		assert_true(is_there(fixture, OLD_0));
	}
}

/* What moved is in the journal as if it had always been there. */
static void what_was_adopted_outlives_the_collector(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;

	begin_and_put_away(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 2);
	say_compared(fixture, 0, true);
	say_compared(fixture, 1, true);
	expect_announced(fixture, 0, 2 * CHUNK_BYTES);
	put_away(fixture);
	ask_to_load(fixture, 2);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 2);
	assert_int_equal(resumed->holds[0].bytes, 2 * CHUNK_BYTES);
	assert_int_equal(resumed->holds[1].bytes, CHUNK_BYTES);
	assert_false(is_there(fixture, OLD));
	open_channel(fixture);
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 1);
	receive_file(fixture, expect_announced(fixture, 0, 2 * CHUNK_BYTES));
	receive_file(fixture, expect_announced(fixture, 1, CHUNK_BYTES));
	finish_well(fixture);
}

/* Nobody answers: it comes whole, and what is staged stays where it was. */
static void what_nobody_answered_stays(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 2);
	lose(fixture, true);
	ask_to_resume(fixture, 2);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds_count, 0);
	open_channel(fixture);
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 1);
	receive_file(fixture, expect_announced(fixture, 0, 0));
	receive_file(fixture, expect_announced(fixture, 1, 0));
	finish_well(fixture);
	assert_true(is_there(fixture, OLD_0));
}

static void expect_begun_over(struct fixture *fixture)
{
	assert_int_equal(hear(fixture, DPS_MESSAGE_ERROR)->error.code, DPS_CODE_DIGEST);
	lose(fixture, true);
	ask_to_resume(fixture, fixture->files_count);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds_count, 0);
	open_channel(fixture);
}

/* Whatever an exporter says of heads: the digest of the whole file is its own. */
static void a_lie_begins_over_once(void **state)
{
	struct fixture *fixture = *state;

	begin_with_a_lie(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 1);
	say_compared(fixture, 0, true);
	receive_file(fixture, expect_announced(fixture, 0, CHUNK_BYTES));
	say_right_digest(fixture, 0);
	expect_begun_over(fixture);
	assert_int_equal(fixture->intake->files_begun_over, 1);
	assert_false(is_there(fixture, "tree/a"));
	say_right_digest(fixture, 0);
	receive_file(fixture, expect_announced(fixture, 0, 0));
	finish_well(fixture);
}

static void a_second_lie_fails_the_file(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_digest other = piece_of('q');

	begin_with_a_lie(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 1);
	say_compared(fixture, 0, true);
	receive_file(fixture, expect_announced(fixture, 0, CHUNK_BYTES));
	say_digest(fixture, 0, &other);
	expect_begun_over(fixture);
	receive_file(fixture, expect_announced(fixture, 0, 0));
	assert_int_equal(hear(fixture, DPS_MESSAGE_FILE_FAILED)->file_failed.code, DPS_CODE_DIGEST);
	assert_false(is_there(fixture, "tree/a"));
}

/* It is gone when it is to move: the exporter, which goes on behind it, has to hear that. */
static void what_vanished_comes_whole(void **state)
{
	struct fixture *fixture = *state;

	begin_with_a_lie(fixture);
	begin_anew(fixture);
	expect_asked(fixture, 1);
	assert_int_equal(unlinkat(fixture->disk.fd, OLD_0, 0), 0);
	say_compared(fixture, 0, true);
	expect_begun_over(fixture);
	assert_int_equal(fixture->intake->files_adopted, 0);
	say_right_digest(fixture, 0);
	receive_file(fixture, expect_announced(fixture, 0, 0));
	finish_well(fixture);
}

/* Somebody else put it there, or cut it. */
static void what_is_not_as_the_journal_says_is_not_offered(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	scratch_write(&fixture->disk, OLD "/new", "x", 1);
	assert_int_equal(renameat(fixture->disk.fd, OLD "/new", fixture->disk.fd, OLD_0), 0);
	{
		int fd = openat(fixture->disk.fd, OLD_1, O_WRONLY);

		assert_int_equal(ftruncate(fd, CHUNK_BYTES - 1), 0);
		close(fd);
	}
	begin_anew(fixture);
	hear(fixture, DPS_MESSAGE_ACCEPT);
	open_channel(fixture);
	assert_int_equal(fixture->intake->matches_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_staged_goes_on),
		TEST(what_is_asked_is_how_much_and_its_head),
		TEST(what_is_different_comes_whole_and_the_old_one_stays),
		TEST(another_time_or_size_or_peer_is_another_file),
		TEST(what_was_adopted_outlives_the_collector),
		TEST(what_nobody_answered_stays),
		TEST(a_lie_begins_over_once),
		TEST(a_second_lie_fails_the_file),
		TEST(what_vanished_comes_whole),
		TEST(what_is_not_as_the_journal_says_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
