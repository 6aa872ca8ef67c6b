/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/intake_bench.h"
#include "apps/dpdk-streamd/digester.h"
#include "drivers/control/frame_buffer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the node, as far as a transfer knows it ---- */

struct dps_lane_command commands[COMMANDS_MAX];
unsigned int commands_count;

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

/* ---- the world of a test ---- */

static void on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	struct fixture *fixture = context;
	const char *wrong;

	wrong = dps_intake_on_message(fixture->intake, message, now_ns + fixture->skew_ns);
	if (wrong)
		fail_msg("%s is against the rules: %s", dps_message_type_name(message->type),
			 wrong);
}

static void on_closed(void *context, const char *why, uint64_t now_ns)
{
	struct fixture *fixture = context;

	dps_intake_lose_link(fixture->intake, DPS_CODE_UNREACHABLE, why, now_ns);
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
	snprintf(fixture->link.connection.socket->peer,
		 sizeof(fixture->link.connection.socket->peer), "192.0.2.1:%u", ++fixture->port);
	dps_connection_init(&fixture->exporter, dps_socket_create_tcp(ends[1], &nowhere));
}

int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	commands_count = 0;
	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	assert_int_equal(dps_journal_open(&fixture->journal,
					  &(struct dps_journal_config){
						  .folder_fd = fixture->staging.stage_fd,
						  .folder = fixture->disk.path,
						  .name = "journal",
						  .sync = DPS_JOURNAL_SYNC_FULL,
						  .busy_ms = 100,
					  },
					  sentence),
			 0);
	dps_clock_init_real(&fixture->clock);
	assert_int_equal(dps_loop_init(&fixture->loop, &fixture->clock, NULL), 0);
	assert_int_equal(dps_worker_start(&fixture->store, &fixture->loop), 0);
	assert_int_equal(dps_worker_start(&fixture->examiner, &fixture->loop), 0);
	dps_report_init(&fixture->report, stdout, stderr, false, true);
	fixture->options.idle_timeout_ns = 60 * DPS_NS_PER_S;
	fixture->options.reconnect_timeout_ns = 30 * DPS_NS_PER_S;
	fixture->options.space_timeout_ns = 600 * DPS_NS_PER_S;
	fixture->options.keep_partial_ns = 7 * 86400 * DPS_NS_PER_S;
	fixture->options.window_bytes = 1 << 20;
	fixture->context = (struct dps_collect_context){
		.options = &fixture->options,
		.staging = &fixture->staging,
		.journal = fixture->journal,
		.store = &fixture->store,
		.examiner = &fixture->examiner,
		.report = &fixture->report,
		.chunk_bytes = CHUNK_BYTES,
		.channels_max = 4,
		.lane_files_max = 1000,
		.open_files_max = 1000,
		.next_serial = 77,
	};
	assert_int_equal(dps_watch_init(&fixture->context.watch, 4, &dps_intake_watch_ops,
					fixture->options.idle_timeout_ns,
					dps_clock_now_ns(&fixture->clock)),
			 0);
	fixture->id = (struct dps_transfer_id){ { 1, 2, 3 } };
	fixture->number = 1;
	fixture->path = 5;
	fixture->channel = 3;
	fixture->generation = 8;
	connect_ends(fixture);
	*state = fixture;
	return 0;
}

void turn(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	assert_int_equal(dps_loop_turn(&fixture->loop, now_ns + DPS_NS_PER_MS), 0);
	now_ns = dps_clock_now_ns(&fixture->clock) + fixture->skew_ns;
	dps_worker_reap(&fixture->store, now_ns);
	dps_worker_reap(&fixture->examiner, now_ns);
	dps_intake_step(fixture->intake, now_ns);
	dps_intake_watch_all(&fixture->context, now_ns);
	dps_peer_link_flush(&fixture->link);
}

static uint64_t deadline_ns(struct fixture *fixture)
{
	return dps_clock_now_ns(&fixture->clock) + WAIT_MS * DPS_NS_PER_MS;
}

/* The lane gives back what it was given when a channel closes. */
void give_back(struct fixture *fixture)
{
	for (size_t fd = 0; fd < fixture->context.by_fd_room; fd++) {
		struct dps_intake_open *open =
			dps_collect_context_take_fd(&fixture->context, (int)fd);

		if (open)
			dps_intake_on_fd_back(open, 0, 0);
	}
}

void wait_until_gone(struct fixture *fixture)
{
	uint64_t until_ns = deadline_ns(fixture);

	while (fixture->intake->state != DPS_INTAKE_GONE) {
		assert_true(dps_clock_now_ns(&fixture->clock) < until_ns);
		turn(fixture);
	}
}

int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->link.is_open)
		dps_intake_lose_link(fixture->intake, DPS_CODE_CANCELLED, "the test is over", 0);
	fixture->context.is_stopping = true; /* nothing waits */
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
	dps_journal_close(fixture->journal);
	dps_staging_close(&fixture->staging);
	dps_watch_fini(&fixture->context.watch);
	free(fixture->context.by_fd);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

/* ---- the exporter's part ---- */

void say(struct fixture *fixture, const struct dps_message *message)
{
	size_t length;
	char *body = dps_message_encode(message, &length);

	assert_int_equal(dps_connection_send(&fixture->exporter, body, length), 0);
	dps_connection_flush(&fixture->exporter);
	free(body);
}

/* Turns until the collector's side says a message of this type; others are read over. */
const struct dps_message *hear(struct fixture *fixture, enum dps_message_type type)
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

void add(struct fixture *fixture, const char *name, uint64_t size_bytes)
{
	fixture->files[fixture->files_count++] = (struct dps_message_file){
		.path = name,
		.path_bytes = (uint32_t)strlen(name),
		.size_bytes = size_bytes,
		.kind = DPS_FILE_REGULAR,
	};
}

void begin(struct fixture *fixture)
{
	const struct dps_message_offer offer = {
		.transfer = fixture->id,
		.channel = fixture->number,
		.chunk_bytes = CHUNK_BYTES,
		.total_files = fixture->files_count,
		.total_bytes = DPS_NUMBER_NONE,
		.files_count = fixture->files_count,
		.files = fixture->files,
	};
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	fixture->intake =
		dps_intake_create(&fixture->context, &fixture->link, fixture->path, &offer, now_ns);
	fixture->context.intakes = fixture->intake;
	assert_null(dps_intake_offer(fixture->intake, &offer, true, now_ns));
}

void say_last(struct fixture *fixture)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_LAST,
			     .last = { .channel = fixture->number,
				       .files = fixture->files_count,
				       .bytes = DPS_NUMBER_NONE },
		     });
}

void say_compared(struct fixture *fixture, uint32_t file, bool is_same)
{
	const struct dps_message_range range = { file, file };

	say(fixture,
	    &(struct dps_message){
		    .type = is_same ? DPS_MESSAGE_SAME : DPS_MESSAGE_DIFFERENT,
		    .same = { .channel = fixture->number, .ranges_count = 1, .ranges = &range },
	    });
}

void say_skip(struct fixture *fixture, uint32_t file, uint64_t from_bytes)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_SKIP,
			     .skip = { .channel = fixture->number,
				       .file = file,
				       .code = DPS_CODE_CANNOT_READ,
				       .from_bytes = from_bytes,
				       .text = "cannot be read any more" },
		     });
}

/* ---- the lane's part ---- */

/* Turns until a command of this type comes; others are passed by. */
const struct dps_lane_command *next_command(struct fixture *fixture, uint8_t type)
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

unsigned int count_commands(uint8_t type)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < commands_count; i++)
		count += commands[i].type == type;
	return count;
}

void turn_some(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		turn(fixture);
}

void open_channel(struct fixture *fixture)
{
	const struct dps_lane_command *command = next_command(fixture, DPS_COMMAND_OPEN_CHANNEL);
	const struct dps_lane_event opened = {
		.type = DPS_LANE_CHANNEL_OPENED,
		.cookie = command->cookie,
		.engine = { .channel = fixture->channel, .generation = fixture->generation },
	};

	assert_int_equal(command->open_channel.number, fixture->number);
	assert_int_equal(command->open_channel.path, fixture->path);
	assert_false(command->open_channel.is_sender);
	dps_intake_on_channel_opened(fixture->intake, &opened, 0);
}

/* The offer is accepted and the channel is open. */
void begin_accepted(struct fixture *fixture)
{
	begin(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_ACCEPT)->accept.files_end, fixture->files_count);
	open_channel(fixture);
}

void tell(struct fixture *fixture, struct dps_event event)
{
	event.channel = fixture->channel;
	event.generation = fixture->generation;
	dps_intake_on_event(fixture->intake, &event,
			    dps_clock_now_ns(&fixture->clock) + fixture->skew_ns);
}

/* The bytes that the test moves: all of one kind for each file. */
struct dps_digest content_of(uint32_t file, uint64_t size_bytes, uint8_t *bytes)
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

void receive_piece(struct fixture *fixture, const struct dps_lane_command *command, uint64_t offset)
{
	uint64_t rest = command->extent.bytes - offset;
	uint32_t bytes_count = (uint32_t)(rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
	uint64_t at = command->extent.file_offset + offset;
	uint8_t *bytes = aligned_alloc(4096, CHUNK_BYTES);

	memset(bytes, (int)('a' + command->extent.file_index), CHUNK_BYTES);
	/* As the lane's disk does it: tails up to the page boundary when it is direct. */
	if (command->fd >= 0)
		assert_true(pwrite(command->fd, bytes,
				   command->is_direct ? (bytes_count + 4095) / 4096 * 4096
						      : bytes_count,
				   (off_t)at) > 0);
	tell(fixture, (struct dps_event){
			      .type = DPS_EVENT_PIECE,
			      .file_index = command->extent.file_index,
			      .offset = at,
			      .bytes = bytes_count,
			      .written = command->extent.offset + offset,
			      .digest = dps_digest_of(bytes, bytes_count),
		      });
	free(bytes);
}

void end_file(struct fixture *fixture, const struct dps_lane_command *command, int error)
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

void receive_file(struct fixture *fixture, const struct dps_lane_command *command)
{
	for (uint64_t at = 0; at < command->extent.bytes; at += CHUNK_BYTES)
		receive_piece(fixture, command, at);
	end_file(fixture, command, 0);
}

void say_digest(struct fixture *fixture, uint32_t file, const struct dps_digest *digest)
{
	const struct dps_message_item item = {
		.file = file,
		.size_bytes = fixture->files[file].size_bytes,
		.digest = *digest,
	};

	say(fixture,
	    &(struct dps_message){
		    .type = DPS_MESSAGE_DIGEST,
		    .digest = { .channel = fixture->number, .items_count = 1, .items = &item },
	    });
}

void say_right_digest(struct fixture *fixture, uint32_t file)
{
	uint64_t size_bytes = fixture->files[file].size_bytes;
	uint8_t *bytes = malloc(size_bytes + 1);
	struct dps_digest digest = content_of(file, size_bytes, bytes);

	say_digest(fixture, file, &digest);
	free(bytes);
}

bool holds(struct fixture *fixture, uint32_t file)
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

bool is_there(struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

void lose(struct fixture *fixture, bool is_given_back)
{
	uint64_t until_ns = deadline_ns(fixture);

	dps_connection_fini(&fixture->exporter);
	while (fixture->link.is_open) {
		assert_true(dps_clock_now_ns(&fixture->clock) < until_ns);
		turn(fixture);
	}
	if (is_given_back)
		give_back(fixture);
}

static struct dps_intake_wish make_wish(struct fixture *fixture, uint32_t files)
{
	connect_ends(fixture);
	fixture->channel++;
	fixture->generation++;
	return (struct dps_intake_wish){
		.link = &fixture->link,
		.path = ++fixture->path,
		.number = ++fixture->number,
		.files = files,
		.at_ns = dps_clock_now_ns(&fixture->clock) + fixture->skew_ns,
	};
}

void ask_to_resume(struct fixture *fixture, uint32_t files)
{
	struct dps_intake_wish wish = make_wish(fixture, files);

	dps_intake_wish(fixture->intake, &wish);
}

void put_away(struct fixture *fixture)
{
	lose(fixture, true);
	fixture->skew_ns += 31 * DPS_NS_PER_S;
	wait_until_gone(fixture);
	fixture->skew_ns = 0;
}

void ask_to_load(struct fixture *fixture, uint32_t files)
{
	struct dps_transfer_id id = fixture->intake->id;
	struct dps_intake_wish wish;

	fixture->context.intakes = NULL;
	dps_intake_destroy(fixture->intake);
	if (fixture->link.is_open) {
		/* It was refused, and asks over another connection. */
		dps_peer_link_close(&fixture->link);
		dps_connection_fini(&fixture->exporter);
	}
	wish = make_wish(fixture, files);
	fixture->intake = dps_intake_load(&fixture->context, &id, &wish, wish.at_ns);
	fixture->context.intakes = fixture->intake;
}

void begin_anew(struct fixture *fixture)
{
	fixture->context.intakes = NULL;
	dps_intake_destroy(fixture->intake);
	fixture->id.bytes[0]++;
	fixture->channel++;
	fixture->generation++;
	fixture->path++;
	connect_ends(fixture);
	begin(fixture);
}
