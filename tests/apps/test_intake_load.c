/* SPDX-License-Identifier: BSD-3-Clause */
/* What the journal and the staging folder make of a transfer after its process has gone. */
#include "drivers/store/identity.h"
#include "tests/apps/intake_bench.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGED_0 STAGED "/0"

/* Two of three chunks of the first file came; the transfer left memory. */
static void begin_and_put_away(struct fixture *fixture)
{
	const struct dps_lane_command *command;

	add(fixture, "tree/a", 2 * CHUNK_BYTES + 7);
	add(fixture, "tree/b", 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	receive_piece(fixture, command, CHUNK_BYTES);
	put_away(fixture);
	assert_true(is_there(fixture, STAGED_0));
}

static void expect_refusal(struct fixture *fixture, enum dps_control_code code)
{
	const struct dps_message_refuse *refuse = &hear(fixture, DPS_MESSAGE_REFUSE)->refuse;

	assert_int_equal(refuse->code, code);
	assert_int_equal(refuse->channel, fixture->number);
	wait_until_gone(fixture);
}

static void receive_all(struct fixture *fixture)
{
	for (uint32_t i = 0; i < fixture->files_count; i++) {
		say_right_digest(fixture, i);
		receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	}
}

static void finish_well(struct fixture *fixture)
{
	say_last(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
	for (uint32_t i = 0; i < fixture->files_count; i++)
		assert_true(holds(fixture, i));
	fixture->skew_ns += 6 * DPS_NS_PER_S; /* its channel lingers */
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
}

static void it_goes_on_where_it_was(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;

	begin_and_put_away(fixture);
	ask_to_load(fixture, 2);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->files_end, 2);
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, 2 * CHUNK_BYTES);
	open_channel(fixture);
	receive_all(fixture);
	finish_well(fixture);
	/* Nothing of it is left. */
	lose(fixture, true);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_UNKNOWN);
}

static void it_goes_on_after_a_second_life(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	ask_to_load(fixture, 2);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
	receive_piece(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE), 0);
	put_away(fixture);
	ask_to_load(fixture, 2);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds[0].bytes,
			 2 * CHUNK_BYTES + 7);
	say_right_digest(fixture, 0);
	say_right_digest(fixture, 1);
	open_channel(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	finish_well(fixture);
}

static void nobody_knows_what_never_was(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	fixture->intake->id.bytes[0] ^= 1;
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_UNKNOWN);
}

static void what_is_given_up_is_not_known_any_more(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	ask_to_load(fixture, 2);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_CANCEL,
			     .cancel = { .channel = 2, .code = DPS_CODE_CANCELLED, .text = "no" },
		     });
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	give_back(fixture);
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
	lose(fixture, true);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_UNKNOWN);
}

static void a_staged_file_that_was_cut_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	begin_and_put_away(fixture);
	fd = openat(fixture->disk.fd, STAGED_0, O_RDWR);
	assert_int_equal(ftruncate(fd, 2 * CHUNK_BYTES - 1), 0);
	close(fd);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_IDENTITY_CHANGED);
	/* Nothing was deleted. */
	assert_true(is_there(fixture, STAGED_0));
}

static void a_staged_file_that_is_gone_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	assert_int_equal(unlinkat(fixture->disk.fd, STAGED_0, 0), 0);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_IDENTITY_CHANGED);
}

static void a_staged_file_that_is_another_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[3 * CHUNK_BYTES] = { 0 };

	begin_and_put_away(fixture);
	assert_int_equal(renameat(fixture->disk.fd, STAGED_0, fixture->disk.fd, "moved"), 0);
	scratch_write(&fixture->disk, STAGED_0, bytes, sizeof(bytes));
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_IDENTITY_CHANGED);
}

static void one_goes_on_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_folder folder;

	begin_and_put_away(fixture);
	assert_int_equal(dps_staging_open_folder(&fixture->staging, &fixture->intake->id, &folder),
			 0);
	assert_int_equal(dps_staging_claim_folder(&folder), 0);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_BUSY);
	dps_staging_close_folder(&folder);
	lose(fixture, true);
	ask_to_load(fixture, 2);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
}

/* As a kill leaves it between the journal's commit and the rename, or after it. */
static void mark_publishing(struct fixture *fixture)
{
	struct dps_journal_change change = {
		.index = 0,
		.state = DPS_JOURNAL_FILE_PUBLISHING,
		.has_identity = true,
		.has_digest = true,
		.size_bytes = DPS_JOURNAL_UNKNOWN,
	};
	uint8_t *bytes = malloc(2 * CHUNK_BYTES + 7);
	struct stat status;
	int fd;

	change.digest = content_of(0, 2 * CHUNK_BYTES + 7, bytes);
	fd = openat(fixture->disk.fd, STAGED_0, O_RDWR);
	assert_int_equal(pwrite(fd, bytes, 2 * CHUNK_BYTES + 7, 0), 2 * CHUNK_BYTES + 7);
	assert_int_equal(fstat(fd, &status), 0);
	close(fd);
	free(bytes);
	change.device = status.st_dev;
	change.inode = status.st_ino;
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(
		dps_journal_change_files(fixture->journal, &fixture->intake->id, &change, 1), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
}

static void what_has_its_name_is_stored(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_ranges *stored;

	begin_and_put_away(fixture);
	mark_publishing(fixture);
	assert_int_equal(mkdirat(fixture->disk.fd, "tree", 0777), 0);
	assert_int_equal(renameat(fixture->disk.fd, STAGED_0, fixture->disk.fd, "tree/a"), 0);
	ask_to_load(fixture, 2);
	stored = &hear(fixture, DPS_MESSAGE_STORED)->stored;
	assert_int_equal(stored->ranges_count, 1);
	assert_int_equal(stored->ranges[0].last, 0);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds_count, 0);
	open_channel(fixture);
	say_right_digest(fixture, 1);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	finish_well(fixture);
}

static void what_is_verified_gets_its_name(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;

	begin_and_put_away(fixture);
	mark_publishing(fixture);
	ask_to_load(fixture, 2);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds[0].bytes, 2 * CHUNK_BYTES + 7);
	open_channel(fixture);
	say_right_digest(fixture, 1);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	finish_well(fixture);
}

static void what_lost_its_name_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	mark_publishing(fixture);
	assert_int_equal(unlinkat(fixture->disk.fd, STAGED_0, 0), 0);
	ask_to_load(fixture, 2);
	expect_refusal(fixture, DPS_CODE_IDENTITY_CHANGED);
}

static void what_ended_is_told_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;
	uint8_t bytes[10];

	(void)content_of(2, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "c", bytes, sizeof(bytes));
	(void)content_of(3, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "d", bytes, sizeof(bytes));
	add(fixture, "a", 10);
	add(fixture, "b", 10);
	add(fixture, "c", 10);
	add(fixture, "d", 10);
	begin_accepted(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_right_digest(fixture, 0);
	say_skip(fixture, 1, 3);
	say_compared(fixture, 2, true);
	hear(fixture, DPS_MESSAGE_STORED);
	put_away(fixture);
	ask_to_load(fixture, 4);
	message = hear(fixture, DPS_MESSAGE_STORED);
	assert_int_equal(message->stored.ranges_count, 2);
	assert_int_equal(message->stored.ranges[0].first, 0);
	assert_int_equal(message->stored.ranges[0].last, 0);
	assert_int_equal(message->stored.ranges[1].first, 2);
	message = hear(fixture, DPS_MESSAGE_FILE_FAILED);
	assert_int_equal(message->file_failed.file, 1);
	assert_int_equal(message->file_failed.code, DPS_CODE_CANNOT_READ);
	message = hear(fixture, DPS_MESSAGE_ACCEPT);
	assert_int_equal(message->accept.items_count, 1);
	assert_int_equal(message->accept.items[0].file, 3);
	hear(fixture, DPS_MESSAGE_RESUMED);
	say_compared(fixture, 3, true);
	say_last(fixture);
	message = hear(fixture, DPS_MESSAGE_DONE);
	assert_int_equal(message->done.files, 3);
	assert_int_equal(message->done.failed, 1);
	open_channel(fixture);
}

/* Somebody writes into it while the transfer is away, and nobody looks at its size and time. */
static void what_was_there_and_changed_is_another(void **state)
{
	struct fixture *fixture = *state;
	struct dps_digest unchanged, changed;
	const struct dps_message *message;
	struct stat status;
	uint8_t bytes[10];
	int fd;

	changed = content_of(7, sizeof(bytes), bytes);
	unchanged = content_of(2, sizeof(bytes), bytes);
	scratch_write(&fixture->disk, "b", bytes, sizeof(bytes));
	scratch_write(&fixture->disk, "c", bytes, sizeof(bytes));
	add(fixture, "a", 10);
	add(fixture, "b", 10);
	add(fixture, "c", 10);
	begin_accepted(fixture);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	say_right_digest(fixture, 0);
	hear(fixture, DPS_MESSAGE_STORED);
	put_away(fixture);
	(void)content_of(7, sizeof(bytes), bytes);
	fd = openat(fixture->disk.fd, "c", O_WRONLY);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(
		futimens(fd, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, status.st_mtim }), 0);
	close(fd);
	ask_to_load(fixture, 3);
	message = hear(fixture, DPS_MESSAGE_ACCEPT);
	assert_int_equal(message->accept.items_count, 2);
	assert_int_equal(message->accept.items[0].file, 1);
	assert_memory_equal(&message->accept.items[0].digest, &unchanged, sizeof(unchanged));
	assert_int_equal(message->accept.items[1].file, 2);
	assert_memory_equal(&message->accept.items[1].digest, &changed, sizeof(changed));
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
}

static void what_is_not_written_down_gets_no_name(void **state)
{
	struct fixture *fixture = *state;
	struct dps_journal *other;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	const struct dps_lane_command *command;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	/* Somebody else writes, and does not end. */
	assert_int_equal(dps_journal_open(&other,
					  &(struct dps_journal_config){
						  .folder_fd = fixture->staging.stage_fd,
						  .folder = fixture->disk.path,
						  .name = "journal",
						  .sync = DPS_JOURNAL_SYNC_FULL,
						  .busy_ms = 100,
					  },
					  sentence),
			 0);
	assert_int_equal(dps_journal_begin(other), 0);
	say_right_digest(fixture, 0);
	turn_some(fixture);
	receive_file(fixture, command);
	assert_int_equal(hear(fixture, DPS_MESSAGE_CANCEL)->cancel.code, DPS_CODE_CANNOT_WRITE);
	assert_false(is_there(fixture, "a"));
	assert_true(is_there(fixture, STAGED_0));
	dps_journal_close(other);
	wait_until_gone(fixture);
	/* What came of it is there for the next time. */
	lose(fixture, true);
	ask_to_load(fixture, 1);
	hear(fixture, DPS_MESSAGE_RESUMED);
	open_channel(fixture);
	say_right_digest(fixture, 0);
	receive_file(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE));
	finish_well(fixture);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_goes_on_where_it_was),
		CASE(it_goes_on_after_a_second_life),
		CASE(nobody_knows_what_never_was),
		CASE(what_is_given_up_is_not_known_any_more),
		CASE(a_staged_file_that_was_cut_is_noticed),
		CASE(a_staged_file_that_is_gone_is_noticed),
		CASE(a_staged_file_that_is_another_is_noticed),
		CASE(one_goes_on_at_a_time),
		CASE(what_has_its_name_is_stored),
		CASE(what_is_verified_gets_its_name),
		CASE(what_lost_its_name_is_noticed),
		CASE(what_ended_is_told_again),
		CASE(what_was_there_and_changed_is_another),
		CASE(what_is_not_written_down_gets_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
