/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An outgoing transfer whose connections the test takes away and gives: the collector is the other
 * end of a socket pair, commands to the lane are kept for the test to answer, files are real.
 */
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/export_transfer.h"
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
	CHUNK = 65536,
	COMMANDS_MAX = 256,
	WAIT_MS = 10000,
	LANE_CHANNEL = 3,
	FILES_MAX = 4,
};

/* ---- the node, as far as a transfer knows it ---- */

static struct dps_lane_command commands[COMMANDS_MAX];
static unsigned int commands_count;
static struct dps_lane_snapshot lane;
static struct dps_options options;
static struct dps_worker worker;
static struct dps_live *live; /* NULL: files */

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	(void)node;
	assert_true(commands_count < COMMANDS_MAX);
	commands[commands_count++] = *command;
}

void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot)
{
	(void)node;
	*snapshot = lane;
}

uint32_t dps_node_chunk_bytes(const struct dps_node *node)
{
	(void)node;
	return CHUNK;
}

const struct dps_options *dps_node_options(const struct dps_node *node)
{
	(void)node;
	return &options;
}

struct dps_live *dps_node_live(struct dps_node *node)
{
	(void)node;
	return live;
}

struct dps_worker *dps_node_worker(struct dps_node *node)
{
	(void)node;
	return &worker;
}

uint64_t dps_node_now_ns(struct dps_node *node)
{
	(void)node;
	return 0;
}

/* ---- the world of a test ---- */

struct fixture {
	struct scratch disk;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_report report;
	struct dps_source *source;
	struct dps_peer_link link;
	struct dps_connection collector; /* the other end */
	bool has_collector;
	struct dps_export export;
	struct dps_message heard;
	unsigned int commands_seen;
	uint32_t generation;
	bool made_sense;
};

static void on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct fixture *fixture = context;

	(void)now_ns;
	fixture->made_sense = dps_export_on_message(&fixture->export, message);
}

static void on_closed(void *context, const char *why, uint64_t now_ns)
{
	(void)context;
	(void)why;
	(void)now_ns;
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
	dps_connection_init(&fixture->collector, dps_socket_create_tcp(ends[1], &nowhere));
	fixture->has_collector = true;
}

static void disconnect(struct fixture *fixture)
{
	dps_peer_link_close(&fixture->link);
	if (fixture->has_collector)
		dps_connection_fini(&fixture->collector);
	fixture->has_collector = false;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	commands_count = 0;
	memset(&lane, 0, sizeof(lane));
	options = (struct dps_options){ .window_bytes = 1 << 20 };
	scratch_create(&fixture->disk, SCRATCH_DISK);
	dps_clock_init_real(&fixture->clock);
	assert_int_equal(dps_loop_init(&fixture->loop, &fixture->clock, NULL), 0);
	assert_int_equal(dps_worker_start(&worker, &fixture->loop), 0);
	dps_report_init(&fixture->report, stdout, stderr, false, true);
	fixture->generation = 8;
	fixture->made_sense = true;
	*state = fixture;
	return 0;
}

static void turn(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
	dps_worker_reap(&worker, now_ns);
	dps_export_step(&fixture->export);
	dps_peer_link_flush(&fixture->link);
}

static void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		turn(fixture);
}

static void give_back(struct fixture *fixture)
{
	for (unsigned int i = 0; i < commands_count; i++) {
		const struct dps_lane_event closed = { .type = DPS_LANE_FILE_CLOSED,
						       .fd = commands[i].fd };

		if (commands[i].type != DPS_COMMAND_ANNOUNCE || commands[i].fd < 0)
			continue;
		commands[i].fd = -1;
		dps_export_on_lane_event(&fixture->export, &closed, 0);
	}
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dps_export_give_up(&fixture->export);
	dps_export_park(&fixture->export);
	give_back(fixture);
	while (dps_export_has_jobs(&fixture->export))
		turn(fixture);
	assert_int_equal(fixture->export.open_count, 0);
	dps_export_fini(&fixture->export);
	disconnect(fixture);
	dps_message_fini(&fixture->heard);
	dps_worker_stop(&worker);
	dps_loop_fini(&fixture->loop);
	if (fixture->source)
		dps_source_close(fixture->source);
	if (live)
		dps_live_close(live);
	live = NULL;
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

static uint64_t wait_until_ns(struct fixture *fixture)
{
	return dps_clock_now_ns(&fixture->clock) + WAIT_MS * DPS_NS_PER_MS;
}

/* ---- files: each of one letter ---- */

static void make_file(struct fixture *fixture, const char *name, size_t size_bytes)
{
	char path[64];
	void *bytes = malloc(size_bytes + 1);

	snprintf(path, sizeof(path), "tree/%s", name);
	memset(bytes, name[0], size_bytes);
	scratch_write(&fixture->disk, path, bytes, size_bytes);
	free(bytes);
}

static struct dps_digest digest_of(const char *name, size_t size_bytes)
{
	struct dps_digest pieces[16], digest;
	uint8_t bytes[CHUNK];
	size_t count = 0;

	memset(bytes, name[0], sizeof(bytes));
	for (size_t at = 0; at < size_bytes; at += CHUNK)
		pieces[count++] =
			dps_digest_of(bytes, size_bytes - at < CHUNK ? size_bytes - at : CHUNK);
	dps_transfer_digester.digest_pieces(pieces, count, &digest);
	return digest;
}

/* ---- the collector's part ---- */

static void say(struct fixture *fixture, const struct dps_message *message)
{
	size_t length;
	char *body = dps_message_encode(message, &length);

	assert_int_equal(dps_connection_send(&fixture->collector, body, length), 0);
	dps_connection_flush(&fixture->collector);
	free(body);
}

/* Turns until the exporter says something of a type; others are read over. */
static const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type)
{
	uint64_t until_ns = wait_until_ns(fixture);
	char error[DPS_MESSAGE_ERROR_BYTES];
	const uint8_t *body;
	size_t length;

	for (;;) {
		if (dps_connection_next(&fixture->collector, &body, &length) !=
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

static void say_accept(struct fixture *fixture, uint32_t files_end,
		       const struct dps_message_item *items, uint32_t items_count)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_ACCEPT,
					    .accept = { .transfer = fixture->export.id,
							.channel = 1,
							.files_end = files_end,
							.items_count = items_count,
							.items = items } });
}

static void say_stored(struct fixture *fixture, uint32_t file)
{
	const struct dps_message_range range = { file, file };

	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_STORED,
			     .stored = { .channel = 1, .ranges_count = 1, .ranges = &range } });
}

static void say_resumed(struct fixture *fixture, uint32_t files_end,
			const struct dps_message_hold *holds, uint32_t holds_count)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_RESUMED,
					    .resumed = { .transfer = fixture->export.id,
							 .channel = 1,
							 .files_end = files_end,
							 .holds_count = holds_count,
							 .holds = holds } });
}

/* ---- the lane's part ---- */

static const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type)
{
	uint64_t until_ns = wait_until_ns(fixture);

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

static void open_channel(struct fixture *fixture)
{
	const struct dps_lane_command *command = next_command(fixture, DPS_COMMAND_OPEN_CHANNEL);
	const struct dps_lane_event opened = {
		.type = DPS_LANE_CHANNEL_OPENED,
		.cookie = command->cookie,
		.engine = { .channel = LANE_CHANNEL, .generation = ++fixture->generation },
	};

	assert_true(command->open_channel.is_sender);
	dps_export_on_lane_event(&fixture->export, &opened, 0);
}

static struct dps_lane_event piece(struct fixture *fixture, uint32_t file, char letter,
				   uint64_t offset)
{
	uint64_t rest = dps_source_at(fixture->source, file)->size_bytes - offset;
	uint32_t bytes_count = (uint32_t)(rest < CHUNK ? rest : CHUNK);
	struct dps_lane_event event = {
		.type = DPS_LANE_ENGINE,
		.engine = { .type = DPS_EVENT_PIECE,
			    .channel = LANE_CHANNEL,
			    .generation = fixture->generation,
			    .file_index = file,
			    .offset = offset,
			    .bytes = bytes_count },
	};
	uint8_t bytes[CHUNK];

	memset(bytes, letter, sizeof(bytes));
	event.engine.digest = dps_digest_of(bytes, bytes_count);
	return event;
}

/* The lane has read pieces of a file, from one offset up to another. */
static void read_pieces(struct fixture *fixture, uint32_t file, uint64_t from, uint64_t end)
{
	char letter = strrchr(dps_source_name(fixture->source, file), '/')[1];

	for (uint64_t at = from; at < end; at += CHUNK) {
		const struct dps_lane_event event = piece(fixture, file, letter, at);

		dps_export_on_lane_event(&fixture->export, &event, 0);
	}
}

/* ---- the transfer ---- */

/* The tree is offered and accepted, and its channel open. */
static void begin(struct fixture *fixture)
{
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };

	snprintf(path, sizeof(path), "%s/tree", fixture->disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &fixture->source, sentence), 0);
	connect_ends(fixture);
	assert_int_equal(dps_export_init(&fixture->export, NULL, fixture->source, NULL,
					 &fixture->link, &fixture->report),
			 0);
	dps_export_start(&fixture->export, 5);
	hear(fixture, DPS_MESSAGE_OFFER);
	say_accept(fixture, fixture->export.files_count, NULL, 0);
	open_channel(fixture);
}

static void lose(struct fixture *fixture)
{
	disconnect(fixture);
	dps_export_park(&fixture->export);
}

static void ask_to_resume(struct fixture *fixture)
{
	const struct dps_message *resume;

	connect_ends(fixture);
	dps_export_resume(&fixture->export, 6);
	resume = hear(fixture, DPS_MESSAGE_RESUME);
	assert_memory_equal(&resume->resume.transfer, &fixture->export.id, 16);
	assert_int_equal(resume->resume.chunk_bytes, CHUNK);
	assert_int_equal(resume->resume.files, fixture->export.files_count);
}

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

/* ---- live: what a file holds, read once ---- */

static void ring(void *context)
{
	dps_loop_wake(context);
}

static void begin_live(struct fixture *fixture, size_t size_bytes)
{
	struct dps_live_config config = {
		.ring_bytes = 8 * CHUNK,
		.chunk_bytes = CHUNK,
		.depth = 8,
		.on_more = ring,
		.context = &fixture->loop,
	};
	struct dps_live_state seen = { 0 };
	char path[300];

	make_file(fixture, "a", size_bytes);
	snprintf(path, sizeof(path), "%s/tree/a", fixture->disk.path);
	config.fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(config.fd >= 0);
	assert_int_equal(dps_live_open(&config, &live), 0);
	while (!seen.has_ended) {
		uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

		assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
		dps_live_read(live, &seen);
	}
	options.name = "live";
	connect_ends(fixture);
	assert_int_equal(dps_export_init(&fixture->export, NULL, NULL, NULL, &fixture->link,
					 &fixture->report),
			 0);
	dps_export_start(&fixture->export, 5);
	assert_true(hear(fixture, DPS_MESSAGE_OFFER)->offer.files[0].size_bytes == DPS_NUMBER_NONE);
	say_accept(fixture, 1, NULL, 0);
	open_channel(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_FILE_END)->file_end.size_bytes, size_bytes);
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
		cmocka_unit_test_setup_teardown(resume__offers_what_was_not_accepted, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(resume__skips_once_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(park__late_answers_move_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(park__may_come_at_any_moment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resumed__nonsense_is_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(begin_anew__offers_all_and_knows_what_it_knew,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(live__goes_on_behind_what_is_held, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(live__says_when_the_collector_needs_what_is_gone,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(live__no_more_is_held_than_was_announced, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
