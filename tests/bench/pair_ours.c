/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/pair_ours.h"
#include "drivers/aead/sealed.h"
#include "drivers/discard/discard.h"
#include "drivers/generate/generate.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	/* As the programs have them by default. */
	DISK_DEPTH = 512,
	COMMANDS = 1024,
	EVENTS = 4096,
	PROBE_FLOOR_MS = 5,
	SILENCE_S = 30,
	CHANNEL = 1,
	EVENTS_TURN = 64,
	WAIT_MS = 10,
	CHECKPOINT_BYTES = 32 << 20,
	ROOM_BYTES = 16 << 10,
};

#define FILE_BYTES (UINT64_C(1) << 56) /* without end */

static uint64_t now_ns(struct dps_clock *clock)
{
	struct pair_clock *paused = (struct pair_clock *)clock;

	return dps_clock_now_ns(&paused->real) - paused->lost_ns;
}

void pair_ours_resume(struct pair_ours *ours)
{
	ours->clock.lost_ns += dps_clock_now_ns(&ours->clock.real) - ours->clock.paused_at_ns;
}

void pair_ours_pause(struct pair_ours *ours)
{
	ours->clock.paused_at_ns = dps_clock_now_ns(&ours->clock.real);
}

uint64_t pair_ours_moved(const struct pair_ours *ours)
{
	return ours->which == 1 ? ours->disk->counters.write_bytes
				: ours->disk->counters.read_bytes;
}

static void limits_init(struct dps_limits *limits)
{
	dps_limits_init(limits, DPS_RING_BYTES_DEFAULT, PAIR_CHUNK_BYTES);
}

static size_t slots_bytes(void)
{
	struct dps_limits limits;

	limits_init(&limits);
	return (size_t)limits.slots * limits.chunk_bytes;
}

size_t pair_ours_bytes(void)
{
	return slots_bytes() + PAIR_ROOMS_BYTES;
}

/* Where the port has none of its own, as the program does. */
static bool add_rooms(struct dps_lane_config *config, bool is_sealed)
{
	if (!is_sealed || config->port->ops->reserve)
		return true;
	config->room_bytes = ROOM_BYTES;
	config->rooms_count = PAIR_ROOMS_BYTES / ROOM_BYTES;
	config->rooms = config->port->ops->allocate(config->port, PAIR_ROOMS_BYTES);
	return config->rooms != NULL;
}

/* NULL for data that is not encrypted. */
static struct dps_seal *create_seal(const struct pair_ours *ours)
{
	static const uint8_t secrets[2][DPS_KEY_SECRET_BYTES] = { { 1 }, { 2 } };
	const struct dps_aead *aead = dps_aead_ipsec_mb();
	struct dps_sealed *sealed;

	if (!ours->shared->is_sealed)
		return NULL;
	sealed = dps_sealed_create(&(struct dps_sealed_config){
		.aead = aead ? aead : dps_aead_openssl(),
		.send_secret = secrets[ours->which],
		.receive_secret = secrets[!ours->which],
	});
	return sealed ? dps_sealed_seal(sealed) : NULL;
}

static void ring(void *context)
{
	struct pair_ours *ours = context;

	(void)!write(ours->bell, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static int open_disk(struct pair_ours *ours, uint8_t *slots)
{
	const struct dps_generate_config generate = {
		.memory = slots,
		.memory_bytes = slots_bytes(),
		.depth = DISK_DEPTH,
		.seed = 1,
	};

	return ours->which == 0 ? dps_generate_open(&generate, &ours->disk)
				: dps_discard_open(DISK_DEPTH, &ours->disk);
}

int pair_ours_init(struct pair_ours *ours, struct pair_shared *shared, unsigned int which,
		   struct dps_port *port, char *why)
{
	struct dps_lane_config config = {
		.port = port,
		.seal = &ours->seal,
		.clock = &ours->clock.clock,
		.seed = which + 1,
		.commands = COMMANDS,
		.events = EVENTS,
	};

	*ours = (struct pair_ours){ .shared = shared, .which = which, .port = port, .path = -1 };
	dps_clock_init_real(&ours->clock.real);
	ours->clock.clock.now_ns = now_ns;
	pair_ours_pause(ours);
	limits_init(&config.limits);
	dps_seal_init_clear(&ours->seal);
	ours->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	config.slots = port->ops->allocate(port, slots_bytes());
	if (ours->bell >= 0 && config.slots != NULL && add_rooms(&config, shared->is_sealed) &&
	    open_disk(ours, config.slots) == 0) {
		config.disk = ours->disk;
		ours->lane = dps_lane_create(&config);
	}
	if (ours->lane == NULL) {
		snprintf(why, PAIR_WHY_BYTES, "there is not enough memory for a lane");
		return -ENOMEM;
	}
	dps_lane_set_bell(ours->lane, ring, ours);
	return 0;
}

/* Each side tells the other where it is and how it is to be called. */
static void introduce(struct pair_ours *ours)
{
	struct pair_side *side = &ours->shared->sides[ours->which];

	if (ours->path >= 0)
		return;
	ours->path = dps_lane_reserve_path(ours->lane, &ours->connection_id);
	if (ours->path < 0)
		return;
	side->connection_id = ours->connection_id;
	side->address = ours->port->local;
	/* release: pairs with the acquire in open_path() of the other process */
	atomic_store_explicit(&side->has_address, true, memory_order_release);
}

static void open_path(struct pair_ours *ours)
{
	struct pair_side *peer = &ours->shared->sides[!ours->which];
	struct dps_lane_command command = {
		.type = DPS_COMMAND_OPEN_PATH,
		.path = (uint32_t)ours->path,
	};

	if (ours->path < 0 || ours->is_path_asked ||
	    !atomic_load_explicit(&peer->has_address, memory_order_acquire))
		return;
	ours->is_path_asked = true;
	command.open_path.seal = create_seal(ours);
	command.open_path.address = peer->address;
	command.open_path.config = (struct dps_path_config){
		.remote_connection_id = peer->connection_id,
		.datagram_bytes = dps_port_datagram_bytes(ours->port->mtu, DPS_ADDRESS_IPV4),
		.rate_bytes_per_s = UINT64_MAX,
		.probe_floor_ns = PROBE_FLOOR_MS * DPS_NS_PER_MS,
		.silence_ns = SILENCE_S * DPS_NS_PER_S,
	};
	dps_lane_command(ours->lane, &command);
}

static void open_channel(struct pair_ours *ours)
{
	struct dps_lane_command command = { .type = DPS_COMMAND_OPEN_CHANNEL };

	command.open_channel = (struct dps_channel_config){
		.path = (uint32_t)ours->path,
		.number = CHANNEL,
		.is_sender = ours->which == 0,
		.window_bytes = DPS_WINDOW_BYTES_DEFAULT,
	};
	dps_lane_command(ours->lane, &command);
}

static void announce(struct pair_ours *ours, const struct dps_lane_event *event)
{
	struct dps_lane_command command = {
		.type = DPS_COMMAND_ANNOUNCE,
		.fd = -1,
		.channel = event->engine.channel,
		.generation = event->engine.generation,
	};

	command.extent = (struct dps_extent_config){ .bytes = FILE_BYTES };
	dps_lane_command(ours->lane, &command);
}

/* A collector says what is on its disk every so often, and credit waits when it does not. */
static void on_piece(struct pair_ours *ours, const struct dps_event *event)
{
	struct dps_lane_command command = {
		.type = DPS_COMMAND_STORED,
		.channel = event->channel,
		.generation = event->generation,
		.offset = event->written,
	};

	if (ours->pieces++ == 0)
		atomic_store(&ours->shared->sides[ours->which].is_ready, true);
	if (ours->which == 0 || event->written < ours->stored + CHECKPOINT_BYTES)
		return;
	if (dps_lane_command(ours->lane, &command))
		ours->stored = event->written;
}

static int on_engine_event(struct pair_ours *ours, const struct dps_event *event, char *why)
{
	switch (event->type) {
	case DPS_EVENT_PATH_OPEN:
		open_channel(ours);
		return 0;
	case DPS_EVENT_PIECE:
		on_piece(ours, event);
		return 0;
	case DPS_EVENT_PATH_LOST:
	case DPS_EVENT_FILE_FAILED:
	case DPS_EVENT_REFETCH:
		snprintf(why, PAIR_WHY_BYTES, "the engine said event %u, error %d", event->type,
			 event->error);
		return -EIO;
	default:
		return 0;
	}
}

static int on_event(struct pair_ours *ours, const struct dps_lane_event *event, char *why)
{
	switch (event->type) {
	case DPS_LANE_ENGINE:
		return on_engine_event(ours, &event->engine, why);
	case DPS_LANE_CHANNEL_OPENED:
		if (event->engine.error == 0) {
			announce(ours, event);
			return 0;
		}
		break;
	case DPS_LANE_PATH_FAILED:
	case DPS_LANE_REFUSED:
		break;
	default:
		return 0;
	}
	snprintf(why, PAIR_WHY_BYTES, "the lane said event %u: %s", event->type,
		 strerror(-event->engine.error));
	return event->engine.error != 0 ? event->engine.error : -EIO;
}

int pair_ours_control(struct pair_ours *ours, char *why)
{
	struct pollfd bell = { .fd = ours->bell, .events = POLLIN };
	struct dps_lane_event events[EVENTS_TURN];
	unsigned int count;
	uint64_t rings;
	int result = 0;

	poll(&bell, 1, WAIT_MS);
	(void)!read(ours->bell, &rings, sizeof(rings));
	introduce(ours);
	open_path(ours);
	do {
		count = dps_lane_take_events(ours->lane, events, EVENTS_TURN);
		for (unsigned int i = 0; i < count && result == 0; i++)
			result = on_event(ours, &events[i], why);
	} while (count == EVENTS_TURN && result == 0);
	return result;
}
