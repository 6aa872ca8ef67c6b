/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/export_bench.h"
#include "apps/dpdk-streamd/digester.h"
#include "drivers/control/frame_buffer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the node, as far as a transfer knows it ---- */

struct dps_lane_command commands[COMMANDS_MAX];
unsigned int commands_count;
struct dps_lane_snapshot lane;
struct dps_options options;
struct dps_worker worker;
struct dps_live *live; /* NULL: files */

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

bool dps_node_read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			   struct dps_channel_state *state)
{
	(void)node;
	(void)channel;
	*state = lane.channel;
	return state->is_sender && state->generation == generation;
}

uint32_t dps_node_lanes_count(const struct dps_node *node)
{
	(void)node;
	return 1;
}

void dps_node_read_lane(struct dps_node *node, uint32_t index, struct dps_lane_snapshot *snapshot)
{
	(void)index;
	dps_node_read_snapshot(node, snapshot);
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

void connect_ends(struct fixture *fixture)
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

void disconnect(struct fixture *fixture)
{
	dps_peer_link_close(&fixture->link);
	if (fixture->has_collector)
		dps_connection_fini(&fixture->collector);
	fixture->has_collector = false;
}

int set_up(void **state)
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

void turn(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
	dps_worker_reap(&worker, now_ns);
	dps_export_step(&fixture->export);
	dps_peer_link_flush(&fixture->link);
}

void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		turn(fixture);
}

void give_back(struct fixture *fixture)
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

int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dps_export_give_up(&fixture->export);
	dps_export_park(&fixture->export);
	give_back(fixture);
	while (dps_export_has_jobs(&fixture->export) || fixture->export.mirror_jobs_count > 0)
		turn(fixture);
	assert_int_equal(fixture->export.open_count, 0);
	dps_export_fini(&fixture->export);
	disconnect(fixture);
	dps_message_fini(&fixture->heard);
	dps_worker_stop(&worker);
	if (fixture->has_mirror)
		dps_mirror_close(&fixture->mirror);
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

void make_file(struct fixture *fixture, const char *name, size_t size_bytes)
{
	char path[64];
	void *bytes = malloc(size_bytes + 1);

	snprintf(path, sizeof(path), "tree/%s", name);
	memset(bytes, name[0], size_bytes);
	scratch_write(&fixture->disk, path, bytes, size_bytes);
	free(bytes);
}

struct dps_digest digest_of(const char *name, size_t size_bytes)
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

void say(struct fixture *fixture, const struct dps_message *message)
{
	size_t length;
	char *body = dps_message_encode(message, &length);

	assert_int_equal(dps_connection_send(&fixture->collector, body, length), 0);
	dps_connection_flush(&fixture->collector);
	free(body);
}

/* Turns until the exporter says something; type is for who reads why that failed. */
static const struct dps_message *hear_any(struct fixture *fixture, enum dps_message_type type)
{
	uint64_t until_ns = wait_until_ns(fixture);
	char error[DPS_MESSAGE_ERROR_BYTES];
	const uint8_t *body;
	size_t length;

	while (dps_connection_next(&fixture->collector, &body, &length) != DPS_CONNECTION_FRAME) {
		if (dps_clock_now_ns(&fixture->clock) >= until_ns)
			fail_msg("no %s", dps_message_type_name(type));
		turn(fixture);
	}
	dps_message_fini(&fixture->heard);
	assert_int_equal(dps_message_decode(&fixture->heard, body, length, error), DPS_CODE_NONE);
	return &fixture->heard;
}

const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type)
{
	while (hear_any(fixture, type)->type != type)
		;
	return &fixture->heard;
}

const struct dps_message *hear_next(struct fixture *fixture, enum dps_message_type type)
{
	assert_string_equal(dps_message_type_name(hear_any(fixture, type)->type),
			    dps_message_type_name(type));
	return &fixture->heard;
}

void say_accept(struct fixture *fixture, uint32_t files_end, const struct dps_message_item *items,
		uint32_t items_count)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_ACCEPT,
					    .accept = { .transfer = fixture->export.id,
							.channel = 1,
							.files_end = files_end,
							.items_count = items_count,
							.items = items } });
}

void say_stored(struct fixture *fixture, uint32_t file)
{
	const struct dps_message_range range = { file, file };

	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_STORED,
			     .stored = { .channel = 1, .ranges_count = 1, .ranges = &range } });
}

void say_resumed(struct fixture *fixture, uint32_t files_end, const struct dps_message_hold *holds,
		 uint32_t holds_count)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_RESUMED,
					    .resumed = { .transfer = fixture->export.id,
							 .channel = 1,
							 .files_end = files_end,
							 .holds_count = holds_count,
							 .holds = holds } });
}

/* ---- the lane's part ---- */

const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type)
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

void open_channel(struct fixture *fixture)
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

struct dps_lane_event piece(struct fixture *fixture, uint32_t file, char letter, uint64_t offset)
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
void read_pieces(struct fixture *fixture, uint32_t file, uint64_t from, uint64_t end)
{
	char letter = strrchr(dps_source_name(fixture->source, file), '/')[1];

	for (uint64_t at = from; at < end; at += CHUNK) {
		const struct dps_lane_event event = piece(fixture, file, letter, at);

		dps_export_on_lane_event(&fixture->export, &event, 0);
	}
}

/* ---- the transfer ---- */

void begin_offered(struct fixture *fixture)
{
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };

	snprintf(path, sizeof(path), "%s/tree", fixture->disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &fixture->source, sentence), 0);
	connect_ends(fixture);
	assert_int_equal(dps_export_init(&fixture->export, NULL, fixture->source,
					 fixture->has_mirror ? &fixture->mirror : NULL,
					 &fixture->link, &fixture->report),
			 0);
	dps_export_start(&fixture->export, 5);
	hear(fixture, DPS_MESSAGE_OFFER);
}

void begin(struct fixture *fixture)
{
	begin_offered(fixture);
	say_accept(fixture, fixture->export.files_count, NULL, 0);
	open_channel(fixture);
}

/* What is kept of it from now on, and of an earlier run. */
void open_mirror(struct fixture *fixture)
{
	char sentence[DPS_MIRROR_SENTENCE_BYTES], folder[300];

	snprintf(folder, sizeof(folder), "%s/state", fixture->disk.path);
	options.state = folder;
	assert_int_equal(dps_mirror_open(&fixture->mirror, &options, sentence), 0);
	assert_non_null(fixture->mirror.journal);
	fixture->has_mirror = true;
	options.state = NULL;
}

/* The process dies, and the same command is given again. */
void run_again(struct fixture *fixture)
{
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };

	dps_export_mirror_flush(&fixture->export);
	dps_export_give_up(&fixture->export);
	dps_export_park(&fixture->export);
	give_back(fixture);
	while (dps_export_has_jobs(&fixture->export) || fixture->export.mirror_jobs_count > 0)
		turn(fixture);
	disconnect(fixture);
	dps_export_fini(&fixture->export);
	dps_source_close(fixture->source);
	dps_mirror_close(&fixture->mirror);
	open_mirror(fixture);
	assert_true(fixture->mirror.is_found);
	snprintf(path, sizeof(path), "%s/tree", fixture->disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &fixture->source, sentence), 0);
	assert_int_equal(dps_export_init(&fixture->export, NULL, fixture->source, &fixture->mirror,
					 &fixture->link, &fixture->report),
			 0);
	assert_true(fixture->export.is_from_mirror);
}

/* Other content in the very file, of which nothing but its head tells. */
void change_in_place(struct fixture *fixture, const char *name)
{
	struct stat status;
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/tree/%s", fixture->disk.path, name);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	assert_int_equal(pwrite(fd, "other", 5, 11), 5);
	assert_int_equal(
		futimens(fd, (struct timespec[]){ { .tv_nsec = UTIME_OMIT }, status.st_mtim }), 0);
	close(fd);
}

void lose(struct fixture *fixture)
{
	disconnect(fixture);
	dps_export_park(&fixture->export);
}

void ask_to_resume(struct fixture *fixture)
{
	const struct dps_message *resume;

	connect_ends(fixture);
	dps_export_resume(&fixture->export, 6);
	resume = hear(fixture, DPS_MESSAGE_RESUME);
	assert_memory_equal(&resume->resume.transfer, &fixture->export.id, 16);
	assert_int_equal(resume->resume.chunk_bytes, CHUNK);
	assert_int_equal(resume->resume.files, fixture->export.files_count);
}

void detach(struct fixture *fixture)
{
	disconnect(fixture);
	dps_export_detach(&fixture->export);
}

void ask_to_attach(struct fixture *fixture)
{
	const struct dps_message *attach;

	connect_ends(fixture);
	dps_export_attach(&fixture->export, 4711);
	attach = hear(fixture, DPS_MESSAGE_ATTACH);
	assert_memory_equal(&attach->attach.transfer, &fixture->export.id, 16);
	assert_int_equal(attach->attach.channel, 1);
	assert_int_equal(attach->attach.epoch, 4711);
}

void say_attached(struct fixture *fixture, uint32_t files_end, uint32_t offered_end)
{
	say(fixture, &(struct dps_message){ .type = DPS_MESSAGE_ATTACHED,
					    .attached = { .transfer = fixture->export.id,
							  .channel = 1,
							  .files_end = files_end,
							  .offered_end = offered_end } });
}
