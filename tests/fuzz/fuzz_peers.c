/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers: two hosts with real lanes on a simulated link (tests/sim/rig.h) move some files, sealed,
 * both ways, and the input says what becomes of each datagram that is about to arrive: a byte for
 * what, and some for how. When it ends all arrive as they are, and everything must get done: each
 * file whole and right, no data beyond its credit, nothing leaked. With the first byte it is chosen
 * that one host is a liar, who seals what the input makes of its packets; then nothing is asked of
 * the transfers.
 */
#include "drivers/lane_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/sim/liar.h"
#include "tests/support/engine_check.h"
#include <dps/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 4096,
	KEPT = 16,
	DELAYED = 32,
	COMMANDS_MAX = 6,
	LIAR_MS = 3000, /* what a world with a liar lasts */
	WHOLE_S = 600,	/* any other has to be done by then */
	UNIT_US = 16,
};

struct datagram {
	uint8_t *bytes; /* NULL: none is here */
	uint32_t length;
	struct dps_address from;
	struct dps_sim_port *to;
	struct world *world;
};

struct world {
	struct rig *rig;
	struct input input;
	struct liar liar;
	bool has_liar;
	unsigned int commands_count;
	struct datagram kept[KEPT];
	unsigned int kept_next;
	struct datagram delayed[DELAYED];
};

static void copy(struct datagram *to, const struct dps_sim_packet *packet)
{
	free(to->bytes);
	to->bytes = malloc(packet->length + 1);
	DPS_ASSERT(to->bytes != NULL);
	memcpy(to->bytes, packet->bytes, packet->length);
	to->length = packet->length;
	to->from = packet->from;
	to->to = packet->to;
}

static void arrive(const struct datagram *datagram)
{
	dps_sim_port_inject(datagram->to, &datagram->from, datagram->bytes, datagram->length);
}

/* ---- what becomes of a datagram ---- */

static void let_go(void *context)
{
	struct datagram *datagram = context;

	if (!datagram->world->rig->is_stopping)
		arrive(datagram);
	free(datagram->bytes);
	datagram->bytes = NULL;
}

static bool delay(struct world *world, const struct dps_sim_packet *packet)
{
	struct dps_sim *sim = &world->rig->sim;
	uint64_t units = take(&world->input, 2);

	for (unsigned int i = 0; i < DELAYED; i++) {
		struct datagram *datagram = &world->delayed[i];

		if (datagram->bytes != NULL)
			continue;
		datagram->world = world;
		copy(datagram, packet);
		dps_sim_call_at(sim, sim->now_ns + units * UNIT_US * DPS_NS_PER_US, let_go,
				datagram);
		return true;
	}
	return false;
}

/* One field of the header, or a byte behind it, is what the input says. */
static void change(struct world *world, struct datagram *datagram)
{
	uint8_t what = take_byte(&world->input);
	struct dps_header header;

	if (dps_header_decode(datagram->bytes, datagram->length, &header) != 0)
		return;
	switch (what % 8) {
	case 0:
		header.type = take_byte(&world->input) % DPS_PACKET_TYPES_COUNT;
		break;
	case 1:
		header.flags = take_byte(&world->input);
		break;
	case 2:
		header.packet_number += take(&world->input, 2) << (what >> 4);
		break;
	case 3:
		header.offset = take(&world->input, 3) << (what >> 4);
		break;
	case 4:
		header.floor += (uint32_t)take(&world->input, 2) - (1 << 15);
		break;
	case 5:
		header.channel = (uint32_t)take(&world->input, 1) % 4;
		break;
	default:
		if (header.payload_bytes > 0)
			datagram->bytes[DPS_ENVELOPE_BYTES +
					take(&world->input, 2) % header.payload_bytes] =
				take_byte(&world->input);
		break;
	}
	dps_header_encode(&header, datagram->bytes);
}

static void flip(struct world *world, struct datagram *datagram)
{
	uint64_t bit = take(&world->input, 2) % (datagram->length * 8);

	datagram->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void cut(struct world *world, struct datagram *datagram)
{
	datagram->length = (uint32_t)(take(&world->input, 2) % datagram->length);
}

/* The payload is the input's, as far as it goes. */
static void rewrite(struct world *world, struct datagram *datagram)
{
	uint64_t wanted = take_byte(&world->input);
	uint32_t bytes;
	const uint8_t *run = take_run(
		&world->input, dps_min_u64(wanted, datagram->length - DPS_ENVELOPE_BYTES), &bytes);

	for (uint32_t i = 0; i < bytes; i++)
		datagram->bytes[DPS_ENVELOPE_BYTES + i] = run[i];
}

static void splice(struct world *world, struct datagram *datagram)
{
	const struct datagram *other = &world->kept[take(&world->input, 1) % KEPT];
	uint8_t part = take_byte(&world->input);
	uint32_t from = part % 8 * 8, bytes = 8 << (part >> 6);

	if (other->bytes == NULL || from + bytes > other->length || from + bytes > datagram->length)
		return;
	memcpy(datagram->bytes + from, other->bytes + from, bytes);
}

/* What a liar has made of its packet, it seals. */
static void seal(struct world *world, unsigned int direction, struct datagram *datagram)
{
	struct dps_header header;

	if (world->has_liar && direction == world->liar.end &&
	    dps_header_decode(datagram->bytes, datagram->length, &header) == 0)
		rig_seal_again(world->rig, &world->rig->paths[0], direction, datagram->bytes,
			       datagram->length);
}

/* ---- what befalls the hosts ---- */

static void join(void *link)
{
	dps_sim_link_set_up(link, true);
}

static void command(struct world *world)
{
	struct rig *rig = world->rig;
	uint8_t kind = take_byte(&world->input);
	uint64_t for_ns = (1 + take(&world->input, 1)) * 4 * DPS_NS_PER_MS;
	const struct rig_file *file;

	if (world->commands_count++ >= COMMANDS_MAX)
		return;
	switch (kind % 4) {
	case 0:
		rig_lose_control(rig, 0);
		break;
	case 1:
		rig_kill(rig, kind >> 7, for_ns);
		break;
	case 2:
		dps_sim_link_set_up(&rig->link, false);
		dps_sim_call_at(&rig->sim, rig->sim.now_ns + for_ns, join, &rig->link);
		break;
	default:
		file = &rig->transfers[kind >> 7].files[kind >> 4 & 3];
		rig_skip_file(rig, kind >> 7, kind >> 6 & 1, kind >> 4 & 3,
			      take(&world->input, 2) % (file->bytes + 1), rig->sim.now_ns);
		break;
	}
}

static void run_command(void *context)
{
	command(context);
}

/* ---- the gate ---- */

static void keep(struct world *world, const struct dps_sim_packet *packet)
{
	copy(&world->kept[world->kept_next++ % KEPT], packet);
}

/* What must hold of each host between any two steps. */
static void check(const struct world *world)
{
	for (unsigned int i = 0; i < world->rig->hosts_count; i++)
		if (!world->rig->hosts[i].is_dead)
			DPS_ASSERT(engine_check(world->rig->hosts[i].lane->engine) == NULL);
}

static void send_changed(struct world *world, unsigned int direction,
			 const struct dps_sim_packet *packet,
			 void (*make)(struct world *world, struct datagram *datagram))
{
	struct datagram datagram = { .bytes = NULL };

	copy(&datagram, packet);
	make(world, &datagram);
	seal(world, direction, &datagram);
	arrive(&datagram);
	free(datagram.bytes);
}

static bool on_arrival(void *context, unsigned int direction, const struct dps_sim_packet *packet)
{
	struct world *world = context;
	struct dps_sim *sim = &world->rig->sim;
	uint8_t what;

	check(world);
	if (input_is_over(&world->input) || packet->length < DPS_ENVELOPE_BYTES)
		return false;
	keep(world, packet);
	what = take_byte(&world->input);
	switch (what % 16) {
	case 5:
		return true;
	case 6:
		send_changed(world, direction, packet, flip);
		return what & 0x80;
	case 7:
		send_changed(world, direction, packet, cut);
		return what & 0x80;
	case 8:
	case 9:
		send_changed(world, direction, packet, change);
		return what & 0x80;
	case 10:
		send_changed(world, direction, packet, rewrite);
		return what & 0x80;
	case 11:
		send_changed(world, direction, packet, splice);
		return what & 0x80;
	case 12: /* again, now or when it was long ago */
		if (world->kept[what >> 4].bytes != NULL)
			arrive(&world->kept[what >> 4]);
		return false;
	case 13:
	case 14:
		return delay(world, packet);
	case 15:
		dps_sim_call_at(sim, sim->now_ns, run_command, world);
		return false;
	default:
		return false;
	}
}

/* ---- the world ---- */

static void add_host(struct rig *rig, unsigned int side, uint8_t how)
{
	struct rig_host_config host;

	rig_host_config_init(&host, side, how & 2 ? 9000 : 1500, 16 * CHUNK, CHUNK);
	host.limits.paths = RIG_PATHS;
	host.limits.channels = RIG_TRANSFERS;
	host.limits.slots = 24;
	host.limits.extents = 32;
	host.limits.sent_packets = 128;
	host.port.takes_when_down = true; /* else it is offered them every microsecond */
	host.port.hold_ns_max = how & 4 ? DPS_NS_PER_MS : 0;
	host.disk.latency_ns = 50 * DPS_NS_PER_US;
	rig_add_host(rig, &host);
}

static void add_transfer(struct rig *rig, unsigned int sender)
{
	static const uint32_t sizes[] = { 20000, 1, 0, 9000, 4096, 3 * CHUNK + 1 };
	const struct rig_transfer_config config = {
		.sender = sender,
		.number = 1 + sender,
		.window_bytes = 8 * CHUNK,
		.content_seed = 5 + 100 * sender,
		.announced_max = 8,
	};
	unsigned int index = rig_add_transfer(rig, &config);

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		rig_add_file(rig, index, sizes[i], sizes[i], NULL);
}

static void begin(struct world *world, uint8_t how)
{
	struct rig_config config;
	struct rig *rig;

	rig_config_init(&config, 1);
	config.congestion_mode = how & 8 ? DPS_CONGESTION_FIXED : DPS_CONGESTION_FAIR;
	config.rate_bytes_per_s = how & 8 ? 10000000 : UINT64_MAX;
	config.silence_ns = 2 * DPS_NS_PER_S;
	config.control_ns_min = config.control_ns_max = DPS_NS_PER_MS;
	for (unsigned int i = 0; i < 2; i++)
		config.ways[i].delay_ns = 100 * DPS_NS_PER_US;
	rig = rig_create(&config);
	rig->sim.trace.is_off = true;
	rig->is_sealed = true;
	rig->may_park = true;
	add_host(rig, 0, how);
	add_host(rig, 1, how);
	rig_add_path(rig, 0, 1);
	add_transfer(rig, 0);
	add_transfer(rig, 1);
	rig->link.gate = on_arrival;
	rig->link.gate_context = world;
	world->rig = rig;
	world->has_liar = how & 1;
	if (world->has_liar)
		liar_init(&world->liar, rig, 0, how >> 4 & 1, 0);
}

static void run(struct rig *rig, bool has_liar)
{
	uint64_t until_ns = rig->config.start_ns + LIAR_MS * DPS_NS_PER_MS;

	if (has_liar)
		(void)dps_sim_run_until(&rig->sim, until_ns);
	else
		rig_run(rig, rig->config.start_ns + WHOLE_S * DPS_NS_PER_S);
	rig_finish(rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size) };

	begin(&world, take_byte(&world.input));
	run(world.rig, world.has_liar);
	check(&world);
	if (world.rig->sim.failure[0] != '\0')
		fprintf(stderr, "%s\n", world.rig->sim.failure);
	DPS_ASSERT(world.rig->sim.failure[0] == '\0');
	rig_destroy(world.rig);
	for (unsigned int i = 0; i < KEPT; i++)
		free(world.kept[i].bytes);
	for (unsigned int i = 0; i < DELAYED; i++)
		free(world.delayed[i].bytes);
	return 0;
}
