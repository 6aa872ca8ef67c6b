/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two lanes back to back in one thread and in a time of its own, for instructions.sh to count: an
 * exporter's and a collector's, as the program sets them up, over the memory port. Everything to
 * be counted happens inside of bench_turns; what was done there is printed at the end.
 *
 * usage: bench_lanes [--cc fair|fixed] [--datagram BYTES] [--transfers N] [--active N]
 *                    [--packets N] [--loss-one-in N] [--garbage unknown|seal] [--sealed]
 */
#include "drivers/aead/sealed.h"
#include "drivers/discard/discard.h"
#include "drivers/generate/generate.h"
#include "drivers/lane.h"
#include "engine/wire.h"
#include "tests/bench/memory_port.h"
#include <dps/assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXPORTER,
	COLLECTOR,
	SLOTS_BYTES = 16 << 20, /* what the rate asks for, not more: it stays in the cache */
	COMMANDS = 4096,
	EVENTS = 16384,
	TURN_NS = 10000, /* a burst of 8 KiB packets at 200 Gb/s */
	WARM_PACKETS = 8192,
	STORED_STEP_BYTES = 4 << 20,
	PUBLISHED_TURNS = 200, /* after so many a lane has published what it counted */
	TURNS_MAX = 10000000,
};

static const uint64_t file_bytes = UINT64_C(1) << 40; /* more than anybody counts */

static struct options {
	bool is_fixed;
	bool is_sealed;
	const char *garbage;
	unsigned int datagram_bytes;
	unsigned int transfers;
	unsigned int active;
	unsigned int packets;
	unsigned int loss_one_in;
} options = {
	.datagram_bytes = 9000 - 48,
	.transfers = 1,
	.active = 1,
	.packets = 30000,
	.loss_one_in = 1000,
};

struct transfer {
	uint64_t stored;
	uint32_t channels[2];
	uint32_t generations[2];
};

static struct world {
	struct dps_clock clock;
	uint64_t now_ns;
	struct memory_port ports[2];
	struct dps_disk *disks[2];
	struct dps_lane *lanes[2];
	struct dps_seal seal;
	struct transfer *transfers;
	uint32_t *transfer_of; /* by the collector's channel */
	uint64_t connection_ids[2];
	unsigned int opened_count;
	unsigned int path_count;
} world;

static uint64_t now_ns(struct dps_clock *clock)
{
	(void)clock;
	return world.now_ns;
}

static void create_lane(unsigned int side)
{
	struct dps_lane_config config = {
		.port = &world.ports[side].port,
		.clock = &world.clock,
		.seal = &world.seal,
		.seed = side + 1,
		.commands = COMMANDS,
		.events = EVENTS,
	};
	size_t slots_bytes;
	int result;

	dps_limits_init(&config.limits, SLOTS_BYTES, DPS_CHUNK_BYTES_DEFAULT);
	if (options.transfers > config.limits.channels)
		config.limits.channels = options.transfers;
	slots_bytes = (size_t)config.limits.slots * config.limits.chunk_bytes;
	config.slots = aligned_alloc(DPS_PAGE_BYTES, slots_bytes);
	if (side == EXPORTER)
		result = dps_generate_open(
			&(struct dps_generate_config){
				.memory = config.slots,
				.memory_bytes = slots_bytes,
				.depth = DPS_DISK_BURST,
				.seed = 1,
			},
			&world.disks[side]);
	else
		result = dps_discard_open(DPS_DISK_BURST, &world.disks[side]);
	DPS_ASSERT(result == 0);
	config.disk = world.disks[side];
	world.lanes[side] = dps_lane_create(&config);
	DPS_ASSERT(world.lanes[side] != NULL);
}

static void command(unsigned int side, const struct dps_lane_command *command)
{
	while (!dps_lane_command(world.lanes[side], command))
		dps_lane_turn(world.lanes[side]);
}

static void announce(unsigned int side, const struct dps_lane_event *event)
{
	struct dps_lane_command announce = {
		.type = DPS_COMMAND_ANNOUNCE,
		.fd = -1,
		.channel = event->engine.channel,
		.generation = event->engine.generation,
		.extent = { .bytes = file_bytes },
	};

	world.opened_count++;
	world.transfers[event->cookie].channels[side] = event->engine.channel;
	world.transfers[event->cookie].generations[side] = event->engine.generation;
	if (side == COLLECTOR)
		world.transfer_of[event->engine.channel] = (uint32_t)event->cookie;
	/* Garbage comes for a transfer whose exporter has nothing to say. */
	if (event->cookie >= options.active || (options.garbage && side == EXPORTER))
		return;
	command(side, &announce);
	announce.type = DPS_COMMAND_ANNOUNCE_LAST;
	command(side, &announce);
}

/* What a store thread would say of what was written. */
static void store(const struct dps_event *event)
{
	uint32_t index = world.transfer_of[event->channel];
	struct transfer *transfer = &world.transfers[index];

	if (event->written < transfer->stored + STORED_STEP_BYTES)
		return;
	transfer->stored = event->written;
	command(COLLECTOR, &(struct dps_lane_command){
				   .type = DPS_COMMAND_STORED,
				   .channel = event->channel,
				   .generation = event->generation,
				   .offset = event->written,
			   });
}

static void on_event(unsigned int side, const struct dps_lane_event *event)
{
	if (event->type == DPS_LANE_CHANNEL_OPENED) {
		DPS_ASSERT(event->engine.error == 0);
		announce(side, event);
	} else if (event->type == DPS_LANE_ENGINE) {
		DPS_ASSERT(event->engine.type != DPS_EVENT_PATH_LOST);
		world.path_count += event->engine.type == DPS_EVENT_PATH_OPEN;
		if (side == COLLECTOR && event->engine.type == DPS_EVENT_PIECE)
			store(&event->engine);
	}
}

static void take_events(void)
{
	struct dps_lane_event events[64];

	for (unsigned int side = 0; side < 2; side++) {
		unsigned int count = dps_lane_take_events(world.lanes[side], events, 64);

		for (unsigned int i = 0; i < count; i++)
			on_event(side, &events[i]);
	}
}

/* What is counted. */
__attribute__((noinline)) void bench_turns(void);
__attribute__((noinline)) void bench_turns(void)
{
	for (unsigned int side = 0; side < 2; side++)
		dps_lane_turn(world.lanes[side]);
}

__attribute__((noinline)) void bench_warm_up(void);
__attribute__((noinline)) void bench_warm_up(void)
{
	for (unsigned int side = 0; side < 2; side++)
		dps_lane_turn(world.lanes[side]);
}

static struct dps_engine_counters counters_of(unsigned int side)
{
	struct dps_lane_snapshot snapshot;

	/* Published about every millisecond. */
	dps_lane_read_snapshot(world.lanes[side], &snapshot);
	return snapshot.engine;
}

static void turn(void (*turns)(void))
{
	world.now_ns += TURN_NS;
	turns();
	take_events();
}

/* NULL for data that is not encrypted. */
static struct dps_seal *create_seal(unsigned int side)
{
	static const uint8_t secrets[2][DPS_KEY_SECRET_BYTES] = { { 1 }, { 2 } };
	struct dps_sealed *sealed;

	if (!options.is_sealed)
		return NULL;
	sealed = dps_sealed_create(&(struct dps_sealed_config){
		.aead = dps_aead_ipsec_mb() ? dps_aead_ipsec_mb() : dps_aead_openssl(),
		.send_secret = secrets[side],
		.receive_secret = secrets[!side],
	});
	DPS_ASSERT(sealed != NULL);
	return dps_sealed_seal(sealed);
}

static void open_path(void)
{
	uint32_t paths[2];

	turn(bench_warm_up);
	for (unsigned int side = 0; side < 2; side++)
		paths[side] = (uint32_t)dps_lane_reserve_path(world.lanes[side],
							      &world.connection_ids[side]);
	for (unsigned int side = 0; side < 2; side++)
		command(side, &(struct dps_lane_command){
				      .type = DPS_COMMAND_OPEN_PATH,
				      .path = paths[side],
				      .open_path.seal = create_seal(side),
				      .open_path.config = {
					      .remote_connection_id = world.connection_ids[1 - side],
					      .datagram_bytes = options.datagram_bytes,
					      .congestion_mode = options.is_fixed,
					      .rate_bytes_per_s = options.is_fixed
									  ? UINT64_C(25000000000)
									  : UINT64_MAX,
					      .probe_floor_ns = DPS_NS_PER_MS,
					      .silence_ns = 60 * DPS_NS_PER_S,
				      },
			      });
	while (world.path_count < 2)
		turn(bench_warm_up);
	for (uint32_t i = 0; i < options.transfers; i++)
		for (unsigned int side = 0; side < 2; side++) {
			command(side, &(struct dps_lane_command){
					      .type = DPS_COMMAND_OPEN_CHANNEL,
					      .cookie = i,
					      .open_channel = {
						      .path = paths[side],
						      .number = i,
						      .is_sender = side == EXPORTER,
						      .window_bytes = DPS_WINDOW_BYTES_DEFAULT,
					      },
				      });
			if (i % 32 == 0)
				turn(bench_warm_up);
		}
	while (world.opened_count < 2 * options.transfers)
		turn(bench_warm_up);
}

/* Data packets that came, as far as is published. */
static uint64_t received(void)
{
	return counters_of(COLLECTOR).data_packets_received;
}

static uint64_t run(uint64_t packets, void (*turns)(void), unsigned int *turns_count)
{
	uint64_t start = received();

	*turns_count = 0;
	while (received() < start + packets) {
		turn(turns);
		++*turns_count;
		DPS_ASSERT(*turns_count < TURNS_MAX);
	}
	return received() - start;
}

/* A data packet that could be the next one, but for whom it is for, or its seal. */
static void make_garbage(uint8_t *bytes, uint32_t length, uint64_t number)
{
	struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_DATA,
		.payload_bytes = (uint16_t)(length - DPS_ENVELOPE_BYTES),
		.connection_id = world.connection_ids[COLLECTOR],
		.packet_number = number,
	};

	if (strcmp(options.garbage, "unknown") == 0)
		header.connection_id++;
	memset(bytes, 0, length);
	dps_header_encode(&header, bytes);
}

static uint64_t dropped(void)
{
	struct dps_engine_counters counters = counters_of(COLLECTOR);

	return counters.dropped_connection + counters.dropped_seal;
}

/* Bursts of garbage and nothing else, at a lane that has an open path and a granted transfer. */
static uint64_t run_garbage(void)
{
	static uint8_t bytes[DPS_ENVELOPE_BYTES + 1408];
	uint64_t before, sent = 0;

	for (unsigned int i = 0; i < PUBLISHED_TURNS; i++)
		turn(bench_warm_up); /* until credit is granted */
	before = dropped();
	make_garbage(bytes, sizeof(bytes), 1 << 20);
	while (sent < options.packets) {
		for (unsigned int i = 0; i < DPS_PORT_BURST; i++)
			sent += memory_port_inject(&world.ports[COLLECTOR], bytes, sizeof(bytes));
		world.now_ns += TURN_NS;
		bench_turns();
		take_events();
	}
	for (unsigned int i = 0; i < PUBLISHED_TURNS; i++)
		turn(bench_warm_up);
	DPS_ASSERT(dropped() - before == sent);
	return sent;
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "cc", required_argument, NULL, 'c' },
		{ "datagram", required_argument, NULL, 'd' },
		{ "transfers", required_argument, NULL, 't' },
		{ "active", required_argument, NULL, 'a' },
		{ "packets", required_argument, NULL, 'p' },
		{ "loss-one-in", required_argument, NULL, 'l' },
		{ "garbage", required_argument, NULL, 'g' },
		{ "sealed", no_argument, NULL, 's' },
		{ 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		unsigned int value = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		if (letter == 'c')
			options.is_fixed = strcmp(optarg, "fixed") == 0;
		else if (letter == 'd')
			options.datagram_bytes = value;
		else if (letter == 't')
			options.transfers = value;
		else if (letter == 'a')
			options.active = value;
		else if (letter == 'p')
			options.packets = value;
		else if (letter == 'l')
			options.loss_one_in = value;
		else if (letter == 'g')
			options.garbage = optarg;
		else if (letter == 's')
			options.is_sealed = true;
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned int turns_count = 0;
	uint64_t packets;

	parse(argc, argv);
	world.clock.now_ns = now_ns;
	world.now_ns = DPS_NS_PER_S;
	world.transfers = calloc(options.transfers, sizeof(*world.transfers));
	world.transfer_of = calloc(options.transfers + 1024, sizeof(*world.transfer_of));
	dps_seal_init_clear(&world.seal);
	DPS_ASSERT(world.transfers && world.transfer_of);
	if (!memory_port_open_pair(world.ports, 9000, options.loss_one_in)) {
		fprintf(stderr, "bench_lanes: not enough memory\n");
		return 1;
	}
	create_lane(EXPORTER);
	create_lane(COLLECTOR);
	open_path();
	if (options.garbage) {
		packets = run_garbage();
	} else {
		run(WARM_PACKETS, bench_warm_up, &turns_count);
		packets = run(options.packets, bench_turns, &turns_count);
	}
	printf("packets %lu turns %u acks %lu lost %lu\n", packets, turns_count,
	       counters_of(COLLECTOR).acks_sent, counters_of(EXPORTER).lost_packets);
	return 0;
}
