/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk that is full for a while, in each place where that shows: seen by taking the place of the
 * C library's functions.
 */
#include "tests/apps/intake_bench.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_MS = 500 };

/* ---- the disk ---- */

static struct {
	const char *is_full_at; /* which part finds no space; NULL: none */
	unsigned int looks;	/* for room */
	bool says_room;		/* statvfs(3): there is some, whatever comes of it */
} disk;

static bool is_full_at(const char *part)
{
	return disk.is_full_at && strcmp(disk.is_full_at, part) == 0;
}

static int fail_with(int error)
{
	errno = error;
	return -1;
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	if (is_full_at("file"))
		return fail_with(ENOSPC);
	return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
}

static bool is_journal(int fd)
{
	char link[32], path[512];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length < 0 ? 0 : length] = '\0';
	return strstr(path, "/journal") != NULL;
}

static int sync_by(long number, int fd)
{
	if (is_full_at(is_journal(fd) ? "journal" : "data"))
		return fail_with(ENOSPC);
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_by(SYS_fdatasync, fd);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	if (is_full_at("name"))
		return fail_with(EDQUOT);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int fstatvfs(int fd, struct statvfs *status)
{
	(void)fd;
	disk.looks++;
	memset(status, 0, sizeof(*status));
	status->f_frsize = 4096;
	status->f_blocks = status->f_files = 1 << 30;
	if (!disk.is_full_at || disk.says_room)
		status->f_bavail = status->f_bfree = status->f_favail = 1 << 30;
	return 0;
}

static int set_up_disk(void **state)
{
	memset(&disk, 0, sizeof(disk));
	return set_up(state);
}

static int tear_down_disk(void **state)
{
	disk.is_full_at = NULL;
	return tear_down(state);
}

/* ---- what the tests share ---- */

static void expect_blocked(struct fixture *fixture, enum dps_blocked_why why)
{
	const struct dps_message *message = hear(fixture, DPS_MESSAGE_BLOCKED);

	assert_int_equal(message->blocked.channel, fixture->number);
	assert_int_equal(message->blocked.why, why);
}

/* The offer was accepted when there was room still. */
static void begin_and_fill(struct fixture *fixture, const char *part)
{
	disk.says_room = true;
	disk.is_full_at = part;
	begin_accepted(fixture);
	disk.says_room = false;
}

/* Until somebody has looked for room, and what follows from it. */
static void let_look(struct fixture *fixture)
{
	unsigned int looks = disk.looks;

	fixture->skew_ns += LOOK_MS * DPS_NS_PER_MS;
	while (disk.looks == looks || fixture->intake->space.is_looking)
		turn(fixture);
	turn_some(fixture);
}

static void make_room(struct fixture *fixture)
{
	disk.is_full_at = NULL;
	let_look(fixture);
}

static void expect_done(struct fixture *fixture)
{
	const struct dps_message *message = hear(fixture, DPS_MESSAGE_DONE);

	assert_int_equal(message->done.failed, 0);
	for (uint32_t i = 0; i < fixture->files_count; i++)
		assert_true(holds(fixture, i));
}

/* One file of three pieces whose second finds no space. */
static const struct dps_lane_command *fill_disk_midway(struct fixture *fixture)
{
	const struct dps_lane_command *command;

	add(fixture, "a", 2 * CHUNK_BYTES + 5);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	turn_some(fixture);
	disk.is_full_at = "write";
	tell(fixture, (struct dps_event){ .type = DPS_EVENT_NO_SPACE,
					  .error = -ENOSPC,
					  .offset = CHUNK_BYTES });
	return command;
}

/* ---- where it shows ---- */

static void writes_are_made_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command = fill_disk_midway(fixture), *again;

	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	make_room(fixture);
	again = next_command(fixture, DPS_COMMAND_WRITE_AGAIN);
	assert_int_equal(again->channel, fixture->channel);
	assert_int_equal(again->generation, fixture->generation);
	receive_piece(fixture, command, CHUNK_BYTES);
	expect_blocked(fixture, DPS_BLOCKED_NOTHING);
	receive_piece(fixture, command, 2 * CHUNK_BYTES);
	end_file(fixture, command, 0);
	say_right_digest(fixture, 0);
	say_last(fixture);
	expect_done(fixture);
}

static void files_are_opened_in_their_turn(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	for (unsigned int i = 0; i < 3; i++)
		add(fixture, &"a\0b\0c"[2 * i], 5000);
	begin_and_fill(fixture, "file");
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 0);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE_LAST), 0);
	make_room(fixture);
	for (uint32_t i = 0; i < 3; i++) {
		command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
		assert_int_equal(command->extent.file_index, i);
		assert_int_equal(command->extent.offset, 8192 * i);
		receive_file(fixture, command);
		say_right_digest(fixture, i);
	}
	expect_blocked(fixture, DPS_BLOCKED_NOTHING);
	say_last(fixture);
	expect_done(fixture);
}

/* Whole files wait for the journal, or their names; and then nothing of them is said twice. */
static void checkpoints_go_on_where_they_stopped(void **state)
{
	static const char *const parts[] = { "journal", "name" };

	for (unsigned int i = 0; i < 2; i++) {
		struct fixture *fixture = *state;
		const struct dps_lane_command *command;

		add(fixture, "a", CHUNK_BYTES + 5);
		add(fixture, "b", 100);
		begin_accepted(fixture);
		disk.is_full_at = parts[i];
		for (uint32_t k = 0; k < 2; k++) {
			command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
			receive_file(fixture, command);
			say_right_digest(fixture, k);
		}
		say_last(fixture);
		expect_blocked(fixture, DPS_BLOCKED_SPACE);
		assert_false(is_there(fixture, "a"));
		assert_int_equal(fixture->intake->files_stored, 0);
		assert_true(fixture->intake->is_checkpointing);
		make_room(fixture);
		expect_done(fixture);
		assert_int_equal(fixture->intake->files_stored, 2);
		if (i == 0) {
			assert_int_equal(tear_down_disk(state), 0);
			assert_int_equal(set_up_disk(state), 0);
		}
	}
}

/* Nobody knows which bytes those were: the journal does not count them, and they come again. */
static void what_was_not_synced_comes_again(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;
	const struct dps_lane_command *command;

	add(fixture, "a", 2 * CHUNK_BYTES + 5);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	while (dps_intake_has_unstored(fixture->intake) || fixture->intake->is_checkpointing)
		turn(fixture);
	disk.is_full_at = "data";
	receive_piece(fixture, command, CHUNK_BYTES);
	receive_piece(fixture, command, 2 * CHUNK_BYTES);
	end_file(fixture, command, 0);
	say_right_digest(fixture, 0);
	while (fixture->intake->state == DPS_INTAKE_ACTIVE)
		turn(fixture);
	assert_true(fixture->intake->comes_again);
	disk.is_full_at = NULL;
	lose(fixture, true);
	wait_until_gone(fixture);
	ask_to_load(fixture, 1);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->extent.file_offset, CHUNK_BYTES);
	receive_file(fixture, command);
	say_right_digest(fixture, 0);
	say_last(fixture);
	expect_done(fixture);
}

/* ---- while it lasts ---- */

static void it_is_said_again_and_not_tried(void **state)
{
	struct fixture *fixture = *state;

	fill_disk_midway(fixture);
	for (unsigned int i = 0; i < 5; i++) {
		expect_blocked(fixture, DPS_BLOCKED_SPACE);
		let_look(fixture);
		let_look(fixture);
	}
	assert_int_equal(count_commands(DPS_COMMAND_WRITE_AGAIN), 0);
	assert_true(disk.looks >= 10);
}

/* A quota: statvfs(3) tells of room, and there is none. */
static void it_is_tried_where_room_cannot_be_seen(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command = fill_disk_midway(fixture);

	disk.says_room = true;
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	for (unsigned int i = 1; i <= 3; i++) {
		let_look(fixture);
		assert_int_equal(count_commands(DPS_COMMAND_WRITE_AGAIN), i);
		tell(fixture, (struct dps_event){ .type = DPS_EVENT_NO_SPACE,
						  .error = -EDQUOT,
						  .offset = CHUNK_BYTES });
		assert_int_equal(fixture->intake->space.said_why, DPS_BLOCKED_SPACE);
	}
	make_room(fixture);
	receive_piece(fixture, command, CHUNK_BYTES);
	turn(fixture);
	assert_int_equal(fixture->intake->space.said_why, DPS_BLOCKED_NOTHING);
}

static void it_is_not_idle(void **state)
{
	struct fixture *fixture = *state;

	fill_disk_midway(fixture);
	fixture->skew_ns += 9 * fixture->options.idle_timeout_ns;
	turn_some(fixture);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	assert_int_equal(count_commands(DPS_COMMAND_CLOSE_CHANNEL), 0);
}

static void a_disk_that_stays_full_puts_it_away(void **state)
{
	static const char *const parts[] = { "write", "file", "journal", "name" };

	for (unsigned int i = 0; i < 4; i++) {
		struct fixture *fixture = *state;
		const struct dps_lane_command *command;
		const struct dps_message *message;

		add(fixture, "a", 10);
		add(fixture, "b", 10);
		begin_and_fill(fixture, parts[i]);
		if (i != 1) {
			command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
			next_command(fixture, DPS_COMMAND_ANNOUNCE);
			if (i == 0)
				tell(fixture, (struct dps_event){ .type = DPS_EVENT_NO_SPACE,
								  .error = -ENOSPC });
			else
				receive_file(fixture, command);
			say_right_digest(fixture, 0);
		}
		expect_blocked(fixture, DPS_BLOCKED_SPACE);
		fixture->skew_ns += fixture->options.space_timeout_ns;
		message = hear(fixture, DPS_MESSAGE_CANCEL);
		assert_int_equal(message->cancel.code, DPS_CODE_SPACE);
		assert_non_null(strstr(message->cancel.text, "make room"));
		next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
		turn_some(fixture);
		/* Staged files stay, also when the lane has let go of them. */
		assert_int_equal(is_there(fixture, STAGED "/0"), i != 1);
		give_back(fixture);
		wait_until_gone(fixture);
		assert_int_equal(is_there(fixture, STAGED "/0"), i != 1);
		if (i < 3) {
			assert_int_equal(tear_down_disk(state), 0);
			assert_int_equal(set_up_disk(state), 0);
		}
	}
}

static void an_exporter_may_give_it_up_meanwhile(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_and_fill(fixture, "file");
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_CANCEL,
					    .cancel = { .channel = fixture->number,
							.code = DPS_CODE_CANCELLED,
							.text = "not any more" } });
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
}

static void a_stop_waits_for_no_room(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_and_fill(fixture, "file");
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	fixture->context.is_stopping = true;
	wait_until_gone(fixture);
	assert_true(fixture->intake->is_kept);
}

/* Files whose turn it is wait for room, the connection is lost, and they go on over another. */
static void what_waits_outlives_its_connection(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_resumed *resumed;
	const struct dps_lane_command *command;

	add(fixture, "a", CHUNK_BYTES + 7);
	add(fixture, "b", 5000);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	receive_piece(fixture, command, 0);
	put_away(fixture);
	disk.is_full_at = "file"; /* also for what is there in part: its rest is not */
	ask_to_load(fixture, 2);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 1);
	open_channel(fixture);
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	lose(fixture, true);
	ask_to_resume(fixture, 2);
	resumed = &hear(fixture, DPS_MESSAGE_RESUMED)->resumed;
	assert_int_equal(resumed->holds_count, 1);
	assert_int_equal(resumed->holds[0].bytes, CHUNK_BYTES);
	open_channel(fixture);
	expect_blocked(fixture, DPS_BLOCKED_SPACE);
	make_room(fixture);
	for (uint32_t i = 0; i < 2; i++) {
		command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
		assert_int_equal(command->channel, fixture->channel);
		assert_int_equal(command->extent.file_index, i);
		receive_file(fixture, command);
		say_right_digest(fixture, i);
	}
	say_last(fixture);
	expect_done(fixture);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up_disk, tear_down_disk)
	const struct CMUnitTest tests[] = {
		CASE(writes_are_made_again),
		CASE(files_are_opened_in_their_turn),
		CASE(checkpoints_go_on_where_they_stopped),
		CASE(what_was_not_synced_comes_again),
		CASE(it_is_said_again_and_not_tried),
		CASE(it_is_tried_where_room_cannot_be_seen),
		CASE(it_is_not_idle),
		CASE(a_disk_that_stays_full_puts_it_away),
		CASE(an_exporter_may_give_it_up_meanwhile),
		CASE(a_stop_waits_for_no_room),
		CASE(what_waits_outlives_its_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
