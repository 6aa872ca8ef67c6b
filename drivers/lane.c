/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/lane.h"
#include "drivers/digest/digest.h"
#include "drivers/lane_state.h"
#include "drivers/ticks.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_BYTES = 64,
	PUBLISH_US = 1000,
	RING_US = 200, /* the reader is woken at most this often: a system call for many events */
	PIECES_RING_US = 2000, /* ... when they are pieces alone, which are many and can wait */
};

/* ---- life ---- */

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct dps_lane *lane = context;

	dps_lane_give_back(lane, token, count);
}

static void *aligned(size_t bytes)
{
	return aligned_alloc(LINE_BYTES, (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
}

static void init_ios(struct dps_lane *lane)
{
	lane->free_io = UINT32_MAX;
	for (uint32_t i = DPS_LANE_IOS; i > 0; i--) {
		lane->ios[i - 1].next_free = lane->free_io;
		lane->free_io = i - 1;
	}
	lane->free_ios_count = DPS_LANE_IOS;
}

static bool init_mailbox(struct dps_mailbox *mailbox, size_t entry_bytes, uint32_t capacity)
{
	void *entries = aligned(entry_bytes * capacity);

	dps_mailbox_init(mailbox, entries, entry_bytes, capacity);
	return entries != NULL;
}

struct dps_lane *dps_lane_create(const struct dps_lane_config *config)
{
	struct dps_lane *lane = aligned(sizeof(*lane));
	void *memory = aligned(dps_engine_bytes(&config->limits));

	if (lane)
		memset(lane, 0, sizeof(*lane));
	if (!lane || !memory ||
	    !init_mailbox(&lane->commands, sizeof(struct dps_lane_command), config->commands) ||
	    !init_mailbox(&lane->events, sizeof(struct dps_lane_event), config->events) ||
	    !init_mailbox(&lane->reservations, sizeof(struct dps_lane_reservation),
			  DPS_LANE_RESERVED_PATHS) ||
	    !(lane->channel_paths = malloc(config->limits.channels * sizeof(uint32_t))) ||
	    !(lane->paths = malloc(config->limits.paths * sizeof(*lane->paths)))) {
		free(memory);
		if (lane)
			dps_lane_destroy(lane);
		return NULL;
	}
	lane->config = *config;
	memset(lane->channel_paths, 0xff, config->limits.channels * sizeof(uint32_t));
	for (uint32_t i = 0; i < config->limits.paths; i++)
		lane->paths[i] = (struct dps_lane_path){
			.remote = DPS_LANE_NO_REMOTE,
			.life = DPS_LANE_PATH_LIVES - 1,
		};
	if (!dps_lane_init_rooms(lane)) {
		free(memory);
		dps_lane_destroy(lane);
		return NULL;
	}
	DPS_ASSERT(config->limits.paths <= 1U << DPS_LANE_PATH_BITS);
	init_ios(lane);
	lane->now_ns = dps_clock_now_ns(config->clock);
	lane->has_passed_all = true;
	dps_lane_meter_start(&lane->meter, 0, dps_ticks_now());
	lane->engine = dps_engine_init(memory, &config->limits, config->slots, config->index,
				       config->seed, lane->now_ns);
	config->port->on_released = on_released;
	config->port->released_context = lane;
	return lane;
}

void dps_lane_destroy(struct dps_lane *lane)
{
	for (uint32_t i = 0; lane->paths && i < lane->config.limits.paths; i++)
		dps_lane_drop_seal(lane, i);
	free(lane->free_rooms);
	free(lane->engine);
	free(lane->commands.entries);
	free(lane->events.entries);
	free(lane->reservations.entries);
	free(lane->channel_paths);
	free(lane->paths);
	free(lane);
}

void dps_lane_set_bell(struct dps_lane *lane, void (*ring)(void *context), void *context)
{
	lane->ring = ring;
	lane->ring_context = context;
}

/* ---- the control core's side ---- */

int dps_lane_reserve_path(struct dps_lane *lane, uint64_t *connection_id)
{
	struct dps_lane_reservation reservation;

	if (!dps_mailbox_pop(&lane->reservations, &reservation))
		return -EAGAIN;
	*connection_id = reservation.connection_id;
	return (int)reservation.path;
}

bool dps_lane_command(struct dps_lane *lane, const struct dps_lane_command *command)
{
	return dps_mailbox_push(&lane->commands, command);
}

unsigned int dps_lane_take_events(struct dps_lane *lane, struct dps_lane_event *events,
				  unsigned int room)
{
	unsigned int count = 0;

	while (count < room && dps_mailbox_pop(&lane->events, &events[count]))
		count++;
	return count;
}

/* ---- the lane's side ---- */

/* Somebody may be waiting for it, or for the room that it takes. */
static bool is_pressing(const struct dps_lane *lane, const struct dps_lane_event *event)
{
	return event->type != DPS_LANE_ENGINE || event->engine.type != DPS_EVENT_PIECE ||
	       dps_mailbox_room(&lane->events) < lane->events.capacity / 2;
}

void dps_lane_say(struct dps_lane *lane, const struct dps_lane_event *event)
{
	bool is_said = dps_mailbox_push(&lane->events, event);

	DPS_ASSERT(is_said);
	lane->is_ring_due = true;
	lane->is_ring_pressing |= is_pressing(lane, event);
}

static uint64_t ring_at_ns(const struct dps_lane *lane)
{
	return lane->rung_at_ns +
	       (lane->is_ring_pressing ? RING_US : PIECES_RING_US) * DPS_NS_PER_US;
}

static void ring_bell(struct dps_lane *lane)
{
	if (!lane->is_ring_due || !lane->ring || lane->now_ns < ring_at_ns(lane))
		return;
	lane->is_ring_due = lane->is_ring_pressing = false;
	lane->rung_at_ns = lane->now_ns;
	lane->ring(lane->ring_context);
}

/*
 * A path is not reserved again before others heard that it was lost, and while the port still has
 * a name for where it went.
 */
static void reserve_paths(struct dps_lane *lane)
{
	if (lane->retiring_count > 0)
		dps_lane_release_remotes(lane);
	while (lane->has_passed_all && dps_mailbox_room(&lane->reservations) > 0) {
		struct dps_lane_reservation reservation = { 0 };
		int path = dps_engine_reserve_path(lane->engine, &reservation.connection_id);

		if (path < 0)
			return;
		if (lane->paths[path].remote != DPS_LANE_NO_REMOTE) {
			dps_engine_close_path(lane->engine, (uint32_t)path, 0, lane->now_ns);
			return;
		}
		lane->paths[path].life = (lane->paths[path].life + 1) % DPS_LANE_PATH_LIVES;
		reservation.path = dps_lane_path_name(lane, (uint32_t)path);
		dps_mailbox_push(&lane->reservations, &reservation);
	}
}

/* Datagrams that go on where the one before them ended; returns how many are done with. */
static unsigned int take_run(struct dps_lane *lane, const struct dps_incoming *incoming,
			     unsigned int count)
{
	struct dps_run_placement run;
	unsigned int good;

	if (dps_engine_place_run(lane->engine, incoming, count, &run) == 0)
		return 0;
	good = dps_seal_open_run(dps_lane_seal_of(lane, run.path), &run, incoming);
	dps_engine_commit_run(lane->engine, &run, good);
	if (incoming->is_astray && good > 0)
		dps_engine_on_astray(lane->engine, run.path, lane->now_ns);
	return good < run.count ? good + 1 : good;
}

static void take(struct dps_lane *lane, const struct dps_incoming *incoming)
{
	const uint8_t *bytes = incoming->bytes;
	struct dps_placement placement;
	struct dps_seal *seal;
	bool is_good;

	if (dps_engine_place(lane->engine, bytes, incoming->length, incoming->ecn, &placement) !=
	    DPS_VERDICT_OPEN)
		return;
	seal = dps_lane_seal_of(lane, placement.path);
	is_good = seal->open(seal, placement.packet_number, placement.header,
			     bytes + DPS_HEADER_BYTES, placement.to, bytes + DPS_ENVELOPE_BYTES,
			     placement.payload_bytes);
	dps_engine_commit(lane->engine, &placement, is_good, lane->now_ns);
	if (incoming->is_astray && is_good)
		dps_engine_on_astray(lane->engine, placement.path, lane->now_ns);
}

static unsigned int receive(struct dps_lane *lane)
{
	struct dps_port *port = lane->config.port;
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count = port->ops->receive(port, incoming, DPS_PORT_BURST);
	unsigned int done = 0;
	uint32_t remote;

	if (count == 0)
		return 0;
	dps_engine_begin_burst(lane->engine, lane->now_ns);
	while (done < count) {
		unsigned int of_run = take_run(lane, incoming + done, count - done);

		if (of_run == 0) {
			take(lane, &incoming[done]);
			of_run = 1;
		}
		done += of_run;
	}
	dps_engine_end_burst(lane->engine);
	port->ops->release(port, incoming, count);
	if (dps_engine_take_turn(lane->engine, &remote) && port->ops->turn_remote)
		port->ops->turn_remote(port, remote);
	return count;
}

static unsigned int reap(struct dps_lane *lane)
{
	struct dps_disk *disk = lane->config.disk;
	struct dps_disk_result results[DPS_DISK_BURST];
	unsigned int count = disk->ops->reap(disk, results, DPS_DISK_BURST);

	for (unsigned int i = 0; i < count; i++) {
		struct dps_lane_io *io = &lane->ios[results[i].tag];
		struct dps_digest digest = { { 0 } };

		if (!io->is_write && results[i].result == io->bytes)
			digest = dps_digest_of(io->memory, io->bytes);
		dps_engine_on_io(lane->engine, io->tag, results[i].result, &digest, lane->now_ns);
		io->next_free = lane->free_io;
		lane->free_io = (uint32_t)results[i].tag;
		lane->free_ios_count++;
	}
	return count;
}

static void offer(struct dps_lane *lane)
{
	struct dps_port *port = lane->config.port;
	unsigned int left = lane->outgoing_sealed - lane->outgoing_first;

	if (left > 0)
		lane->outgoing_first +=
			port->ops->send(port, lane->outgoing + lane->outgoing_first, left);
}

static void seal_and_offer(struct dps_lane *lane)
{
	if (lane->outgoing_sealed < lane->outgoing_count)
		dps_lane_seal_burst(lane);
	offer(lane);
}

static unsigned int send(struct dps_lane *lane)
{
	unsigned int room = DPS_PORT_BURST;

	seal_and_offer(lane);
	if (lane->outgoing_first < lane->outgoing_count) /* a lane keeps at most one unsent burst */
		room = 0;
	else
		lane->outgoing_first = lane->outgoing_sealed = lane->outgoing_count = 0;
	lane->outgoing_count +=
		dps_engine_emit_packets(lane->engine, lane->outgoing, room, lane->now_ns);
	if (room == 0)
		return 0;
	seal_and_offer(lane);
	return lane->outgoing_count;
}

/* Checks what is to be written against what its sender read; the bytes are still in the cache. */
static bool is_intact(const struct dps_io *io)
{
	struct dps_digest digest = dps_digest_of(io->memory, io->bytes);

	return memcmp(&digest, &io->digest, sizeof(digest)) == 0;
}

static void add_request(struct dps_lane *lane, const struct dps_io *io)
{
	uint32_t index = lane->free_io;

	if (io->is_write && !is_intact(io)) {
		dps_engine_on_io(lane->engine, io->tag, -EBADMSG, NULL, lane->now_ns);
		return;
	}
	lane->free_io = lane->ios[index].next_free;
	lane->free_ios_count--;
	lane->ios[index] = (struct dps_lane_io){
		.tag = io->tag,
		.memory = io->memory,
		.bytes = io->bytes,
		.is_write = io->is_write,
	};
	lane->requests[lane->requests_count++] = (struct dps_disk_request){
		.memory = io->memory,
		.file_offset = io->file_offset,
		.tag = index,
		.bytes = io->bytes,
		.file = io->file,
		.is_write = io->is_write,
	};
}

static unsigned int submit(struct dps_lane *lane)
{
	struct dps_disk *disk = lane->config.disk;
	struct dps_io ios[DPS_DISK_BURST];
	unsigned int count = 0, room;

	if (lane->requests_first == lane->requests_count) {
		lane->requests_first = lane->requests_count = 0;
		room = lane->free_ios_count < DPS_DISK_BURST ? lane->free_ios_count
							     : DPS_DISK_BURST;
		count = dps_engine_emit_ios(lane->engine, ios, room);
		for (unsigned int i = 0; i < count; i++)
			add_request(lane, &ios[i]);
	}
	if (lane->requests_first < lane->requests_count)
		lane->requests_first +=
			disk->ops->submit(disk, lane->requests + lane->requests_first,
					  lane->requests_count - lane->requests_first);
	return count;
}

static void on_engine_event(struct dps_lane *lane, struct dps_lane_event *said)
{
	struct dps_event *event = &said->engine;
	uint32_t path = event->path;

	event->path = dps_lane_path_name(lane, path);
	dps_lane_say(lane, said);
	if (event->type == DPS_EVENT_FILE_DONE || event->type == DPS_EVENT_RESENT)
		dps_lane_close_file(lane, event->file);
	else if (event->type == DPS_EVENT_PATH_LOST)
		dps_lane_abandon_path(lane, path);
}

static unsigned int pass_events(struct dps_lane *lane)
{
	struct dps_lane_event said = { .type = DPS_LANE_ENGINE };
	unsigned int count = 0;

	lane->has_passed_all = false;
	while (dps_mailbox_room(&lane->events) > DPS_LANE_OUTBOX_SPARE) {
		if (dps_engine_emit_events(lane->engine, &said.engine, 1) == 0) {
			lane->has_passed_all = true;
			break;
		}
		on_engine_event(lane, &said);
		count++;
	}
	return count;
}

/* Files of channels that are gone, once the disk has nothing of them any more. */
static void close_abandoned(struct dps_lane *lane)
{
	if (lane->closing_count == 0 || lane->requests_first < lane->requests_count ||
	    lane->config.disk->ops->in_flight(lane->config.disk) > 0)
		return;
	for (uint32_t i = 0; i < DPS_LANE_FILES && lane->closing_count > 0; i++) {
		if (dps_mailbox_room(&lane->events) <= DPS_LANE_OUTBOX_SPARE)
			return;
		if (lane->files[i].is_open && lane->files[i].is_closing)
			dps_lane_close_file(lane, i);
	}
}

/* The last word of each path has left, and the disk is done: nothing of ours is out there. */
static void finish_stop(struct dps_lane *lane)
{
	/* What waits for a link that is down is heard by nobody. */
	if (!lane->config.port->ops->is_up(lane->config.port))
		dps_lane_drop_unsent(lane);
	if (lane->closing_count > 0 || lane->outgoing_first < lane->outgoing_count ||
	    dps_mailbox_room(&lane->events) <= DPS_LANE_OUTBOX_SPARE)
		return;
	lane->is_stopping = false;
	dps_lane_say(lane, &(struct dps_lane_event){ .type = DPS_LANE_STOPPED });
}

static void watch_link(struct dps_lane *lane)
{
	bool is_up = lane->config.port->ops->is_up(lane->config.port);

	if (is_up == lane->is_link_up || dps_mailbox_room(&lane->events) <= DPS_LANE_OUTBOX_SPARE)
		return;
	lane->is_link_up = is_up;
	dps_lane_say(lane, &(struct dps_lane_event){ .type = DPS_LANE_LINK,
						     .engine = { .error = is_up } });
}

/* A step of the turn is over: whose time it was. Out of the way of turns that are not metered. */
static inline unsigned int meter(struct dps_lane *lane, enum dps_lane_step step, unsigned int work)
{
	if (__builtin_expect(lane->meter.is_on, 0))
		dps_lane_meter_step(lane, step, work);
	return work;
}

unsigned int dps_lane_turn(struct dps_lane *lane)
{
	unsigned int work = 0;

	lane->now_ns = dps_clock_now_ns(lane->config.clock);
	lane->config.port->ops->poll(lane->config.port, lane->now_ns);
	watch_link(lane);
	reserve_paths(lane);
	meter(lane, DPS_LANE_BEGAN, 1);
	work += meter(lane, DPS_LANE_COMMANDED,
		      dps_mailbox_is_empty(&lane->commands) ? 0 : dps_lane_do_commands(lane));
	if (!dps_engine_is_choked(lane->engine)) {
		work += meter(lane, DPS_LANE_RECEIVED, receive(lane));
		work += meter(lane, DPS_LANE_REAPED, reap(lane));
	}
	if (dps_engine_next_deadline_ns(lane->engine) <= lane->now_ns)
		dps_engine_on_deadline(lane->engine, lane->now_ns);
	work += meter(lane, DPS_LANE_SENT, send(lane));
	work += meter(lane, DPS_LANE_SUBMITTED, submit(lane));
	work += pass_events(lane);
	close_abandoned(lane);
	if (lane->is_stopping)
		finish_stop(lane);
	lane->snapshot.turns++;
	lane->snapshot.idle_turns += work == 0;
	lane->meter.had_work = work > 0;
	if (lane->now_ns >= lane->published_at_ns + PUBLISH_US * DPS_NS_PER_US || lane->is_stopping)
		dps_lane_publish(lane);
	ring_bell(lane);
	return work;
}

uint64_t dps_lane_next_deadline_ns(const struct dps_lane *lane)
{
	uint64_t at_ns = dps_engine_next_deadline_ns(lane->engine);

	if (lane->outgoing_first < lane->outgoing_count ||
	    lane->requests_first < lane->requests_count || lane->is_stopping)
		return lane->now_ns;
	if (lane->is_ring_due && lane->ring)
		at_ns = at_ns < ring_at_ns(lane) ? at_ns : ring_at_ns(lane);
	return at_ns;
}
