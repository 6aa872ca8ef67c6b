/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/engine_pair.h"
#include "drivers/seal/seal.h"
#include "tests/support/cmocka.h"
#include "tests/support/engine_check.h"
#include "tests/support/engine_pair_parts.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TURN_NS = 500,
	WRITE_AGAIN_NS = 3000000, /* after it found no space */
};

static const struct pair *running; /* whose seed a panic tells */
static const char *program = "";
static struct pair_seeds only;

static void say_seed(const struct pair *pair)
{
	fprintf(stderr, "seed %llu at %llu ns; repeat with: %s %llu\n",
		(unsigned long long)pair->options.seed, (unsigned long long)pair->now_ns, program,
		(unsigned long long)pair->options.seed);
}

static void on_abort(int signal_number)
{
	(void)signal_number;
	if (running)
		say_seed(running);
	_exit(134);
}

void pair_seeds_from(int argc, char **argv)
{
	program = argv[0];
	if (argc > 1) {
		only.first = strtoull(argv[1], NULL, 0);
		only.end = only.first + 1;
	}
	signal(SIGABRT, on_abort);
}

struct pair_seeds pair_seeds(uint64_t count)
{
	return only.end != 0 ? only : (struct pair_seeds){ 0, count };
}

void pair_fail(const struct pair *pair, const char *what, int line)
{
	say_seed(pair);
	fail_msg("line %d: %s", line, what);
	abort();
}

void pair_options_init(struct pair_options *options, uint64_t seed)
{
	*options = (struct pair_options){
		.seed = seed,
		.datagram_bytes = 1472,
		.way_datagram_bytes = UINT32_MAX,
		.rate_bytes_per_s = UINT64_MAX,
		.silence_ns = 30 * DPS_NS_PER_S,
		.delay_ns = 100 * DPS_NS_PER_US,
		.control_ns = 200 * DPS_NS_PER_US,
		.window_bytes = 16 * (64 << 10),
	};
	dps_limits_init(&options->limits, options->window_bytes, 64 << 10);
	options->limits.paths = 4;
	options->limits.channels = 32;
	options->limits.extents = 128;
	options->limits.sent_packets = 1024;
}

static void open_side(struct pair *pair, unsigned int which)
{
	const struct dps_limits *limits = &pair->options.limits;
	struct pair_side *side = &pair->sides[which];
	void *memory = aligned_alloc(64, (dps_engine_bytes(limits) + 63) / 64 * 64);
	int path;

	side->slots = aligned_alloc(4096, (size_t)limits->slots * limits->chunk_bytes);
	memset(memory, 0xa5, dps_engine_bytes(limits)); /* nothing may rely on zeros */
	side->engine = dps_engine_init(memory, limits, side->slots, which,
				       pair->options.seed * 2 + which, pair->now_ns);
	path = dps_engine_reserve_path(side->engine, &side->connection_id);
	pair_check(pair, path >= 0);
	side->path = (uint32_t)path;
}

static void drop_seal(struct pair_side *side)
{
	if (side->seal)
		side->seal->destroy(side->seal);
	side->seal = NULL;
}

void pair_open_path(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];
	const struct pair_options *options = &pair->options;
	const struct dps_path_config config = {
		.remote_connection_id = pair->sides[1 - which].connection_id,
		.remote = which,
		.datagram_bytes = options->datagram_bytes,
		.congestion_mode = options->congestion_mode,
		.challenge = ~side->connection_id,
		.rate_bytes_per_s = options->rate_bytes_per_s,
		.probe_floor_ns = 5 * DPS_NS_PER_MS,
		.silence_ns = options->silence_ns,
		.is_sealed = options->make_seal != NULL,
	};

	drop_seal(side);
	if (options->make_seal)
		side->seal = options->make_seal(config.remote_connection_id, side->connection_id);
	pair_check(pair,
		   dps_engine_open_path(side->engine, side->path, &config, pair->now_ns) == 0);
}

void pair_open(struct pair *pair, const struct pair_options *options)
{
	memset(pair, 0, sizeof(*pair));
	pair->options = *options;
	pair->now_ns = 1;
	dps_random_init(&pair->random, options->seed);
	pair->sides = calloc(2, sizeof(struct pair_side));
	pair->write_again_at_ns[0] = pair->write_again_at_ns[1] = DPS_NEVER_NS;
	running = pair;
	for (unsigned int i = 0; i < 2; i++)
		open_side(pair, i);
	for (unsigned int i = 0; i < 2; i++)
		pair_open_path(pair, i);
}

/* Lets reads, writes and held packets come back; no packets any more. */
static void drain(struct pair *pair)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct pair_side *side = &pair->sides[i];
		struct dps_io ios[8];

		pair->is_disk_asleep[i] = false;
		for (;;) {
			pair_end_ios(pair, i, UINT64_MAX);
			if (side->ios_count == 0 && dps_engine_emit_ios(side->engine, ios, 8) == 0)
				break;
		}
		while (side->holds_count > 0)
			dps_engine_on_released(side->engine, side->holds[--side->holds_count].slot,
					       1);
	}
}

void pair_check_engine(struct pair *pair, const struct dps_engine *engine)
{
	const char *broken = engine_check(engine);

	if (broken)
		pair_fail(pair, broken, __LINE__);
}

static void check_empty(struct pair *pair, const struct dps_engine *engine)
{
	const char *broken = engine_check_empty(engine);

	if (broken)
		pair_fail(pair, broken, __LINE__);
}

void pair_close(struct pair *pair)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++)
		for (unsigned int which = 0; which < 2; which++)
			pair_close_channel(pair, &pair->transfers[i], which);
	drain(pair);
	for (unsigned int i = 0; i < 2; i++) {
		struct pair_side *side = &pair->sides[i];

		drop_seal(side);
		check_empty(pair, side->engine);
		for (uint32_t k = 0; k < side->inbox_count; k++)
			free(side->inbox[k].bytes);
		free(side->engine);
		free(side->slots);
	}
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		for (uint32_t k = 0; k < pair->transfers[i].files_count; k++)
			free(pair->transfers[i].files[k].writes);
		free(pair->transfers[i].files);
	}
	free(pair->sides);
	running = NULL;
}

struct pair_transfer *pair_add_transfer(struct pair *pair, unsigned int from)
{
	struct pair_transfer *transfer = &pair->transfers[pair->transfers_count++];

	pair_check(pair, pair->transfers_count <= PAIR_TRANSFERS_MAX);
	transfer->number = 6 + pair->transfers_count;
	transfer->from = from;
	transfer->is_whole = true;
	dps_layout_init(&transfer->layout, pair->options.limits.chunk_bytes);
	return transfer;
}

void pair_open_channel(struct pair *pair, struct pair_transfer *transfer, unsigned int which)
{
	const struct dps_channel_config config = {
		.path = pair->sides[which].path,
		.number = transfer->number,
		.is_sender = which == transfer->from,
		.window_bytes = pair->options.window_bytes,
		.stripe = transfer->stripe,
		.stripes = transfer->stripes,
	};
	int index = dps_engine_open_channel(pair->sides[which].engine, &config);

	pair_check(pair, index >= 0);
	transfer->channel[which] = (uint32_t)index;
	transfer->is_open[which] = true;
}

void pair_close_channel(struct pair *pair, struct pair_transfer *transfer, unsigned int which)
{
	if (!transfer->is_open[which])
		return;
	transfer->is_open[which] = false;
	dps_engine_close_channel(pair->sides[which].engine, transfer->channel[which]);
}

void pair_add_endless_file(struct pair *pair, struct pair_transfer *transfer, uint64_t bytes)
{
	struct pair_file *file;

	transfer->files =
		realloc(transfer->files, (transfer->files_count + 1) * sizeof(*transfer->files));
	file = &transfer->files[transfer->files_count++];
	memset(file, 0, sizeof(*file));
	file->bytes = bytes;
	pair_check(pair, dps_layout_place(&transfer->layout, bytes, &file->offset) == 0);
}

void pair_add_file(struct pair *pair, struct pair_transfer *transfer, uint64_t bytes)
{
	pair_add_endless_file(pair, transfer, bytes);
	transfer->files[transfer->files_count - 1].writes =
		calloc(1, (size_t)(bytes / DPS_PAGE_BYTES + 1));
}

void pair_hold_file(struct pair_transfer *transfer, uint64_t held_bytes)
{
	struct pair_file *file = &transfer->files[transfer->files_count - 1];

	file->held_bytes = held_bytes;
	memset(file->writes, 1, (size_t)(held_bytes / DPS_PAGE_BYTES));
}

void pair_skip(struct pair *pair, struct pair_transfer *transfer, unsigned int which, uint32_t file,
	       uint64_t from)
{
	uint64_t offset = transfer->files[file].offset + from;
	int result = dps_engine_skip(pair->sides[which].engine, transfer->channel[which], file,
				     offset, pair->now_ns);

	if (result < 0)
		return; /* done already, or not announced */
	transfer->files[file].is_failed = true;
	pair_send_message(pair, 1 - which,
			  &(struct pair_message){
				  .type = PAIR_SKIP,
				  .transfer = (uint32_t)(transfer - pair->transfers),
				  .file = file,
				  .offset = offset,
			  });
}

static void announce(struct pair *pair, struct pair_transfer *transfer, unsigned int which)
{
	struct dps_engine *engine = pair->sides[which].engine;

	if (!transfer->is_open[which])
		return;
	pair->has_waiting |= transfer->announced[which] < transfer->files_count;
	while (transfer->announced[which] < transfer->files_count) {
		uint32_t index = transfer->announced[which];
		const struct dps_extent_config extent = {
			.offset = transfer->files[index].offset + transfer->files[index].held_bytes,
			.bytes = transfer->files[index].bytes - transfer->files[index].held_bytes,
			.file_offset = transfer->files[index].held_bytes,
			.file_index = index,
			.file = (uint32_t)(transfer - pair->transfers) << 16 | index,
		};
		int result = dps_engine_announce(engine, transfer->channel[which], &extent);

		if (result == -EAGAIN)
			return;
		pair_check(pair, result == 0);
		transfer->announced[which]++;
		if (transfer->is_whole && transfer->announced[which] == transfer->files_count)
			pair_check(pair,
				   dps_engine_announce_last(engine, transfer->channel[which]) == 0);
	}
}

static struct pair_transfer *transfer_of(struct pair *pair, unsigned int which, uint32_t channel)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++)
		if (pair->transfers[i].is_open[which] &&
		    pair->transfers[i].channel[which] == channel)
			return &pair->transfers[i];
	return NULL; /* said before its channel was closed */
}

static void on_channel_event(struct pair *pair, unsigned int which, struct pair_transfer *transfer,
			     const struct dps_event *event)
{
	struct pair_message message = {
		.transfer = (uint32_t)(transfer - pair->transfers),
		.file = event->file_index,
		.offset = event->offset,
		.bytes = event->bytes,
	};

	switch (event->type) {
	case DPS_EVENT_FILE_DONE:
		transfer->files[event->file_index].done[which]++;
		break;
	case DPS_EVENT_CHANNEL_DONE:
		pair_check(pair, !transfer->is_done[which]);
		transfer->is_done[which] = true;
		break;
	case DPS_EVENT_FILE_FAILED:
		transfer->files[event->file_index].is_failed = true;
		message.type = PAIR_SKIP;
		pair_send_message(pair, 1 - which, &message);
		break;
	case DPS_EVENT_NO_SPACE:
		pair->no_space_count++;
		pair->write_again_at_ns[which] = pair->now_ns + WRITE_AGAIN_NS;
		break;
	case DPS_EVENT_REFETCH:
		transfer->files[event->file_index].refetches++;
		message.type = PAIR_REFETCH;
		pair_send_message(pair, 1 - which, &message);
		break;
	default:
		break;
	}
	if (which != transfer->from) {
		pair_check(pair, event->written >= transfer->written || event->written == 0);
		transfer->written = dps_max_u64(transfer->written, event->written);
	}
}

static void take_events(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];
	struct dps_event event;

	while (dps_engine_emit_events(side->engine, &event, 1) == 1) {
		struct pair_transfer *transfer;

		if (event.type == DPS_EVENT_PATH_OPEN) {
			side->is_open = true;
			side->payload_bytes = event.bytes;
			continue;
		}
		if (event.type == DPS_EVENT_PATH_LOST) {
			side->is_lost = true;
			side->lost_reason = event.error;
			for (uint32_t i = 0; i < pair->transfers_count; i++)
				pair->transfers[i].is_open[which] = false;
			continue;
		}
		transfer = transfer_of(pair, which, event.channel);
		if (transfer)
			on_channel_event(pair, which, transfer, &event);
	}
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		struct pair_transfer *transfer = &pair->transfers[i];

		if (which == transfer->from || !transfer->is_open[which] ||
		    transfer->written <= transfer->stored)
			continue;
		transfer->stored = transfer->written;
		pair_check(pair, dps_engine_mark_stored(side->engine, transfer->channel[which],
							transfer->stored) == 0);
	}
}

void pair_turn(struct pair *pair, uint64_t until_ns)
{
	uint64_t next_ns = until_ns;

	pair->has_waiting = false;
	for (unsigned int i = 0; i < 2; i++) {
		struct pair_side *side = &pair->sides[i];

		for (uint32_t k = 0; k < pair->transfers_count; k++)
			announce(pair, &pair->transfers[k], i);
		pair_take_messages(pair, i);
		pair_write_again(pair, i);
		pair_deliver(pair, i);
		pair_end_ios(pair, i, pair->now_ns);
		pair_release(pair, i);
		if (dps_engine_next_deadline_ns(side->engine) <= pair->now_ns)
			dps_engine_on_deadline(side->engine, pair->now_ns);
		pair_emit(pair, i);
		pair_submit(pair, i);
		take_events(pair, i);
		if (pair->turns % 16 == i)
			pair_check_engine(pair, side->engine);
	}
	if (pair->has_waiting)
		next_ns = dps_min_u64(next_ns, pair->now_ns + DPS_NS_PER_MS / 10);
	/* Only now: what one side sent is due at the other. */
	for (unsigned int i = 0; i < 2; i++) {
		next_ns = dps_min_u64(next_ns, dps_engine_next_deadline_ns(pair->sides[i].engine));
		next_ns = dps_min_u64(next_ns, pair_next_ns(pair, i));
	}
	pair->turns++;
	pair->now_ns = dps_max_u64(next_ns, pair->now_ns + TURN_NS);
}

void pair_run_for(struct pair *pair, uint64_t ns)
{
	uint64_t end_ns = pair->now_ns + ns;

	while (pair->now_ns < end_ns)
		pair_turn(pair, end_ns);
}

static bool is_over(const struct pair *pair)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		const struct pair_transfer *transfer = &pair->transfers[i];

		if (!transfer->is_given_up && !(transfer->is_done[0] && transfer->is_done[1]))
			return false;
	}
	return true;
}

void pair_run(struct pair *pair, uint64_t limit_ns)
{
	uint64_t end_ns = pair->now_ns + limit_ns;

	while (!is_over(pair)) {
		pair_check(pair, pair->now_ns < end_ns && "finishes in time");
		pair_check(pair, !pair->sides[0].is_lost && !pair->sides[1].is_lost);
		pair_turn(pair, end_ns);
	}
}

static bool is_own(const struct pair *pair, const struct pair_transfer *transfer, uint64_t offset)
{
	uint64_t number = offset / pair->options.limits.chunk_bytes;

	return transfer->stripes == 0 || number % transfer->stripes == transfer->stripe;
}

static void expect_file_written(struct pair *pair, const struct pair_transfer *transfer,
				const struct pair_file *file)
{
	for (uint64_t at = 0; file->writes && at < file->bytes; at += DPS_PAGE_BYTES) {
		unsigned int times = file->writes[at / DPS_PAGE_BYTES];

		if (!is_own(pair, transfer, file->offset + at)) {
			pair_check(pair, times == (at < file->held_bytes));
			continue;
		}
		pair_check(pair, times <= 1);
		pair_check(pair, times == 1 || file->is_failed);
	}
}

void pair_expect_written(struct pair *pair)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		const struct pair_transfer *transfer = &pair->transfers[i];

		for (uint32_t k = 0; k < transfer->files_count && !transfer->is_given_up; k++) {
			pair_check(pair, transfer->files[k].done[0] == 1);
			pair_check(pair, transfer->files[k].done[1] == 1);
			expect_file_written(pair, transfer, &transfer->files[k]);
		}
	}
}

struct dps_engine_counters pair_counters(const struct pair *pair, unsigned int which)
{
	struct dps_engine_counters counters;

	dps_engine_read_counters(pair->sides[which].engine, &counters);
	return counters;
}
