/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An incoming transfer between an exporter and a lane that the test plays: messages go over a
 * socket pair, commands to the lane are kept for the test to answer; workers and disk are real.
 */
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/intake.h"
#include "drivers/control/frame_buffer.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 65536,
	COMMANDS_MAX = 256,
	WAIT_MS = 10000,
	CHANNEL = 3,
	GENERATION = 8,
	FILES_MAX = 8,
};

/* ---- the node, as far as a transfer knows it ---- */

static struct dps_lane_command commands[COMMANDS_MAX];
static unsigned int commands_count;
static uint64_t packets_received;

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	(void)node;
	assert_true(commands_count < COMMANDS_MAX);
	commands[commands_count++] = *command;
}

void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot)
{
	(void)node;
	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->engine.data_packets_received = packets_received;
}

/* ---- the world of a test ---- */

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_worker store, examiner;
	struct dps_report report;
	struct dps_options options;
	struct dps_collect_context context;
	struct dps_peer_link link;
	struct dps_connection exporter; /* the other end */
	struct dps_intake *intake;
	struct dps_message heard; /* of the exporter's end, to be given back */
	struct dps_message_file files[FILES_MAX];
	uint32_t files_count;
	unsigned int commands_seen;
	uint64_t skew_ns; /* what the test pretends to have waited */
};

static void on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct fixture *fixture = context;

	assert_null(dps_intake_on_message(fixture->intake, message, now_ns));
}

static void on_closed(void *context, const char *why, uint64_t now_ns)
{
	struct fixture *fixture = context;

	dps_intake_lose_link(fixture->intake, DPS_CODE_UNREACHABLE, why, now_ns);
}

static void connect_ends(struct fixture *fixture)
{
	const struct dps_socket_address nowhere = { .bytes = 0 };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	fixture->link.on_message = on_message;
	fixture->link.on_closed = on_closed;
	fixture->link.context = fixture;
	assert_int_equal(dps_peer_link_open(&fixture->link, &fixture->loop,
					    dps_socket_create_tcp(ends[0], &nowhere)),
			 0);
	dps_connection_init(&fixture->exporter, dps_socket_create_tcp(ends[1], &nowhere));
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	commands_count = 0;
	packets_received = 0;
	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	dps_clock_init_real(&fixture->clock);
	assert_int_equal(dps_loop_init(&fixture->loop, &fixture->clock, NULL), 0);
	assert_int_equal(dps_worker_start(&fixture->store, &fixture->loop), 0);
	assert_int_equal(dps_worker_start(&fixture->examiner, &fixture->loop), 0);
	dps_report_init(&fixture->report, stdout, stderr, false, true);
	fixture->options.idle_timeout_ns = 60 * DPS_NS_PER_S;
	fixture->options.window_bytes = 1 << 20;
	fixture->context = (struct dps_collect_context){
		.options = &fixture->options,
		.staging = &fixture->staging,
		.store = &fixture->store,
		.examiner = &fixture->examiner,
		.report = &fixture->report,
		.chunk_bytes = CHUNK_BYTES,
		.channels_max = 4,
		.lane_files_max = 1000,
		.open_files_max = 1000,
		.next_serial = 77,
	};
	connect_ends(fixture);
	*state = fixture;
	return 0;
}

static void turn(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
	now_ns = dps_clock_now_ns(&fixture->clock) + fixture->skew_ns;
	dps_worker_reap(&fixture->store, now_ns);
	dps_worker_reap(&fixture->examiner, now_ns);
	dps_intake_step(fixture->intake, now_ns);
	dps_peer_link_flush(&fixture->link);
}

static uint64_t deadline_ns(struct fixture *fixture)
{
	return dps_clock_now_ns(&fixture->clock) + WAIT_MS * DPS_NS_PER_MS;
}

/* The lane gives back what it was given when a channel closes. */
static void give_back(struct fixture *fixture)
{
	for (size_t fd = 0; fd < fixture->context.by_fd_room; fd++) {
		struct dps_intake_open *open =
			dps_collect_context_take_fd(&fixture->context, (int)fd);

		if (open)
			dps_intake_on_fd_back(open, 0, 0);
	}
}

static void wait_until_gone(struct fixture *fixture)
{
	uint64_t until_ns = deadline_ns(fixture);

	while (fixture->intake->state != DPS_INTAKE_GONE) {
		assert_true(dps_clock_now_ns(&fixture->clock) < until_ns);
		turn(fixture);
	}
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->link.is_open)
		dps_intake_lose_link(fixture->intake, DPS_CODE_CANCELLED, "the test is over", 0);
	give_back(fixture);
	wait_until_gone(fixture);
	assert_int_equal(fixture->context.promised_bytes, 0);
	assert_int_equal(fixture->context.open_files_count, 0);
	assert_int_equal(fixture->context.lane_files_count, 0);
	assert_int_equal(fixture->context.channels_count, 0);
	dps_intake_destroy(fixture->intake);
	assert_int_equal(fixture->context.manifest_bytes, 0);
	dps_message_fini(&fixture->heard);
	dps_peer_link_close(&fixture->link);
	dps_connection_fini(&fixture->exporter);
	dps_worker_stop(&fixture->examiner);
	dps_worker_stop(&fixture->store);
	dps_loop_fini(&fixture->loop);
	dps_staging_close(&fixture->staging);
	free(fixture->context.by_fd);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

/* ---- the exporter's part ---- */

static void say(struct fixture *fixture, const struct dps_message *message)
{
	size_t length;
	char *body = dps_message_encode(message, &length);

	assert_int_equal(dps_connection_send(&fixture->exporter, body, length), 0);
	dps_connection_flush(&fixture->exporter);
	free(body);
}

/* Turns until the collector's side says a message of this type; others are read over. */
static const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type)
{
	uint64_t until_ns = deadline_ns(fixture);
	char error[DPS_MESSAGE_ERROR_BYTES];
	const uint8_t *body;
	size_t length;

	for (;;) {
		if (dps_connection_next(&fixture->exporter, &body, &length) !=
		    DPS_CONNECTION_FRAME) {
			if (dps_clock_now_ns(&fixture->clock) >= until_ns)
				fail_msg("no %s", dps_message_type_name(type));
			turn(fixture);
			continue;
		}
		dps_message_fini(&fixture->heard);
		assert_int_equal(dps_message_decode(&fixture->heard, body, length, error),
				 DPS_CODE_NONE);
		if (fixture->heard.type == type)
			return &fixture->heard;
	}
}

static void add(struct fixture *fixture, const char *name, uint64_t size_bytes)
{
	fixture->files[fixture->files_count++] = (struct dps_message_file){
		.path = name,
		.path_bytes = (uint32_t)strlen(name),
		.size_bytes = size_bytes,
		.kind = DPS_FILE_REGULAR,
	};
}

static void begin(struct fixture *fixture)
{
	const struct dps_message_offer offer = {
		.transfer = { { 1, 2, 3 } },
		.channel = 1,
		.chunk_bytes = CHUNK_BYTES,
		.total_files = fixture->files_count,
		.total_bytes = DPS_NUMBER_NONE,
		.files_count = fixture->files_count,
		.files = fixture->files,
	};
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	fixture->intake = dps_intake_create(&fixture->context, &fixture->link, 5, &offer, now_ns);
	assert_null(dps_intake_offer(fixture->intake, &offer, true, now_ns));
}

static void say_last(struct fixture *fixture)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_LAST,
			     .last = { .channel = 1,
				       .files = fixture->files_count,
				       .bytes = DPS_NUMBER_NONE },
		     });
}

static void say_compared(struct fixture *fixture, uint32_t file, bool is_same)
{
	const struct dps_message_range range = { file, file };

	say(fixture, &(struct dps_message){
			     .type = is_same ? DPS_MESSAGE_SAME : DPS_MESSAGE_DIFFERENT,
			     .same = { .channel = 1, .ranges_count = 1, .ranges = &range },
		     });
}

static void say_skip(struct fixture *fixture, uint32_t file, uint64_t from_bytes)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_SKIP,
			     .skip = { .channel = 1,
				       .file = file,
				       .code = DPS_CODE_CANNOT_READ,
				       .from_bytes = from_bytes,
				       .text = "cannot be read any more" },
		     });
}

/* ---- the lane's part ---- */

/* Turns until a command of this type comes; others are passed by. */
static const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type)
{
	uint64_t until_ns = deadline_ns(fixture);

	for (;;) {
		while (fixture->commands_seen < commands_count) {
			const struct dps_lane_command *command =
				&commands[fixture->commands_seen++];

			if (command->type == type)
				return command;
		}
		if (dps_clock_now_ns(&fixture->clock) >= until_ns)
			fail_msg("no command %u", type);
		turn(fixture);
	}
}

static unsigned int count_commands(uint8_t type)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < commands_count; i++)
		count += commands[i].type == type;
	return count;
}

static void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		turn(fixture);
}

static void open_channel(struct fixture *fixture)
{
	const struct dps_lane_command *command = next_command(fixture, DPS_COMMAND_OPEN_CHANNEL);
	const struct dps_lane_event opened = {
		.type = DPS_LANE_CHANNEL_OPENED,
		.cookie = command->cookie,
		.engine = { .channel = CHANNEL, .generation = GENERATION },
	};

	assert_int_equal(command->open_channel.number, 1);
	assert_int_equal(command->open_channel.path, 5);
	assert_false(command->open_channel.is_sender);
	dps_intake_on_channel_opened(fixture->intake, &opened, 0);
}

/* The offer is accepted and the channel is open. */
static void begin_accepted(struct fixture *fixture)
{
	begin(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_ACCEPT)->accept.files_end, fixture->files_count);
	open_channel(fixture);
}

static void tell(struct fixture *fixture, struct dps_event event)
{
	event.channel = CHANNEL;
	event.generation = GENERATION;
	dps_intake_on_event(fixture->intake, &event,
			    dps_clock_now_ns(&fixture->clock) + fixture->skew_ns);
}

/* The bytes that the test moves: all of one kind for each file. */
static struct dps_digest content_of(uint32_t file, uint64_t size_bytes, uint8_t *bytes)
{
	struct dps_digest pieces[16], digest;
	size_t count = 0;

	memset(bytes, (int)('a' + file), size_bytes);
	for (uint64_t at = 0; at < size_bytes; at += CHUNK_BYTES) {
		uint64_t rest = size_bytes - at;

		pieces[count++] =
			dps_digest_of(bytes + at, rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
	}
	dps_transfer_digester.digest_pieces(pieces, count, &digest);
	return digest;
}

static void receive_piece(struct fixture *fixture, const struct dps_lane_command *command,
			  uint64_t offset)
{
	uint64_t rest = command->extent.bytes - offset;
	uint32_t bytes_count = (uint32_t)(rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
	uint8_t *bytes = aligned_alloc(4096, CHUNK_BYTES);

	memset(bytes, (int)('a' + command->extent.file_index), CHUNK_BYTES);
	/* As the lane's disk does it: tails up to the page boundary when it is direct. */
	if (command->fd >= 0)
		assert_true(pwrite(command->fd, bytes,
				   command->is_direct ? (bytes_count + 4095) / 4096 * 4096
						      : bytes_count,
				   (off_t)offset) > 0);
	tell(fixture, (struct dps_event){
			      .type = DPS_EVENT_PIECE,
			      .file_index = command->extent.file_index,
			      .offset = offset,
			      .bytes = bytes_count,
			      .written = command->extent.offset + offset,
			      .digest = dps_digest_of(bytes, bytes_count),
		      });
	free(bytes);
}

static void end_file(struct fixture *fixture, const struct dps_lane_command *command, int error)
{
	struct dps_intake_open *open;

	tell(fixture, (struct dps_event){
			      .type = DPS_EVENT_FILE_DONE,
			      .file_index = command->extent.file_index,
			      .error = error,
			      .written = command->extent.offset + command->extent.bytes,
		      });
	open = dps_collect_context_take_fd(&fixture->context, command->fd);
	if (open)
		dps_intake_on_fd_back(open, 0, 0);
}

static void receive_file(struct fixture *fixture, const struct dps_lane_command *command)
{
	for (uint64_t at = 0; at < command->extent.bytes; at += CHUNK_BYTES)
		receive_piece(fixture, command, at);
	end_file(fixture, command, 0);
}

static void say_digest(struct fixture *fixture, uint32_t file, const struct dps_digest *digest)
{
	const struct dps_message_item item = {
		.file = file,
		.size_bytes = fixture->files[file].size_bytes,
		.digest = *digest,
	};

	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_DIGEST,
			     .digest = { .channel = 1, .items_count = 1, .items = &item },
		     });
}

static void say_right_digest(struct fixture *fixture, uint32_t file)
{
	uint64_t size_bytes = fixture->files[file].size_bytes;
	uint8_t *bytes = malloc(size_bytes + 1);
	struct dps_digest digest = content_of(file, size_bytes, bytes);

	say_digest(fixture, file, &digest);
	free(bytes);
}

static bool holds(struct fixture *fixture, uint32_t file)
{
	uint64_t size_bytes = fixture->files[file].size_bytes;
	uint8_t *wanted = malloc(size_bytes + 1), *got;
	size_t got_bytes = 0;
	bool is_equal;

	(void)content_of(file, size_bytes, wanted);
	got = scratch_read(&fixture->disk, fixture->files[file].path, &got_bytes);
	is_equal = got && got_bytes == size_bytes && memcmp(wanted, got, size_bytes) == 0;
	free(wanted);
	free(got);
	return is_equal;
}

static bool is_there(struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

#define STAGED DPS_STAGING_FOLDER "/01020300000000000000000000000000"

/* ---- cases ---- */

static void a_file_is_stored_when_it_is_whole_and_verified(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_message *message;

	add(fixture, "tree/large", 3 * CHUNK_BYTES + 1000);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	assert_int_equal(command->channel, CHANNEL);
	assert_int_equal(command->generation, GENERATION);
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

static void a_full_disk_ends_the_transfer(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message *message;

	add(fixture, "a", 10);
	add(fixture, "b", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	tell(fixture, (struct dps_event){
			      .type = DPS_EVENT_FILE_FAILED, .file_index = 0, .error = -ENOSPC });
	message = hear(fixture, DPS_MESSAGE_CANCEL);
	assert_int_equal(message->cancel.code, DPS_CODE_SPACE);
	assert_non_null(strstr(message->cancel.text, "make room"));
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	/* Staged files go only when the lane has let go of them. */
	turn_some(fixture);
	assert_true(is_there(fixture, STAGED "/0"));
	give_back(fixture);
	wait_until_gone(fixture);
	assert_false(is_there(fixture, STAGED));
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

static void an_exporter_that_leaves_takes_its_staged_files_along(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	dps_connection_fini(&fixture->exporter);
	next_command(fixture, DPS_COMMAND_CLOSE_CHANNEL);
	give_back(fixture);
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
	assert_int_equal(hear(fixture, DPS_MESSAGE_CANCEL)->cancel.code, DPS_CODE_SHUTTING_DOWN);
	assert_true(holds(fixture, 0));
	assert_false(is_there(fixture, "b"));
}

static void silence_ends_a_transfer(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	fixture->skew_ns = 61 * DPS_NS_PER_S;
	hear(fixture, DPS_MESSAGE_CANCEL);
	assert_int_equal(fixture->intake->end_code, DPS_CODE_IDLE);
}

static void packets_are_no_silence(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	packets_received = 1;
	fixture->skew_ns = 61 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	fixture->skew_ns = 130 * DPS_NS_PER_S;
	hear(fixture, DPS_MESSAGE_CANCEL);
}

static void an_exporter_that_is_blocked_is_waited_for(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 10);
	begin_accepted(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_BLOCKED,
			     .blocked = { .channel = 1, .why = DPS_BLOCKED_SOURCE },
		     });
	turn_some(fixture);
	fixture->skew_ns = 3600 * DPS_NS_PER_S;
	turn_some(fixture);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
}

static void what_is_discarded_is_verified(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	const struct dps_digest wrong = { { 1 } };
	const struct dps_message *message;

	fixture->context.staging = NULL;
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
		CASE(a_wrong_digest_fails_the_file_alone),
		CASE(what_waits_for_an_answer_holds_back_what_follows),
		CASE(a_target_that_differs_ends_the_transfer),
		CASE(a_target_that_differs_may_be_replaced),
		CASE(a_failed_write_fails_the_file_alone),
		CASE(a_file_that_cannot_be_staged_fails_alone),
		CASE(a_full_disk_ends_the_transfer),
		CASE(a_file_that_is_given_up_before_its_turn_is_not_announced),
		CASE(a_file_that_is_given_up_midway_is_skipped),
		CASE(stored_advances_within_a_file),
		CASE(an_empty_file_needs_no_data),
		CASE(a_refetch_is_passed_on),
		CASE(an_exporter_that_leaves_takes_its_staged_files_along),
		CASE(a_lane_without_room_ends_the_transfer),
		CASE(a_stop_publishes_what_is_whole_first),
		CASE(silence_ends_a_transfer),
		CASE(packets_are_no_silence),
		CASE(an_exporter_that_is_blocked_is_waited_for),
		CASE(what_is_discarded_is_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
