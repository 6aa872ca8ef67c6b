/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/rig.h"
#include "drivers/sim/sim_content.h"
#include "engine/bits.h"
#include "tests/sim/attacker.h"
#include "tests/sim/liar.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAILBOX = 256,
	OUTBOX = 1024,
	BELL_US = 20,
	THIN_COPY_BYTES = 1536,
	STOP_MS = 4000, /* a lane has to stop within: slow disks are waited for */
	SETTLE_MS = 50, /* after the stop: held bodies come back, snapshots are published */
};

void rig_config_init(struct rig_config *config, uint64_t seed)
{
	*config = (struct rig_config){
		.seed = seed,
		.start_ns = 1000 * DPS_NS_PER_S,
		.control_ns_min = 5 * DPS_NS_PER_MS,
		.control_ns_max = 5 * DPS_NS_PER_MS,
		.checkpoint_ns = 100 * DPS_NS_PER_MS,
		.stuck_ns = 30 * DPS_NS_PER_S,
		.congestion_mode = DPS_CONGESTION_FAIR,
		.rate_bytes_per_s = UINT64_MAX,
		.probe_floor_ns = DPS_NS_PER_MS,
		.silence_ns = 30 * DPS_NS_PER_S,
	};
	for (unsigned int i = 0; i < 2; i++)
		config->ways[i] = (struct dps_sim_way_config){
			.bits_per_s = UINT64_C(10000000000),
			.delay_ns = 5 * DPS_NS_PER_MS,
			.overhead_bytes = -DPS_ENVELOPE_BYTES,
		};
}

void rig_host_config_init(struct rig_host_config *config, unsigned int side, uint32_t mtu,
			  uint64_t window_bytes, uint32_t chunk_bytes)
{
	*config = (struct rig_host_config){
		.side = side,
		.host = dps_sim_host_plain,
		.port = dps_sim_port_plain,
		.disk = dps_sim_disk_plain,
	};
	config->port.mtu = mtu;
	dps_limits_init(&config->limits, window_bytes, chunk_bytes);
}

/*
 * The seal of a thin world, where nothing is damaged and bodies are zeros. Most data goes into
 * slots, which are zero from the start: only its first bytes are copied, as control packets leave
 * theirs in the scratch memory that some data is copied from.
 */
static void make_thin(struct dps_seal *seal, struct dps_outgoing *packets, unsigned int count)
{
	(void)seal;
	for (unsigned int i = 0; i < count; i++)
		memset(packets[i].head + DPS_HEADER_BYTES, 0, DPS_SEAL_BYTES);
}

static bool open_thin(struct dps_seal *seal, uint64_t packet_number,
		      const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		      void *to, const uint8_t *from, size_t bytes)
{
	(void)seal, (void)packet_number, (void)tag;
	if ((header[0] & 15) == DPS_PACKET_DATA && !(header[1] & DPS_PACKET_DIGEST))
		bytes = dps_min_u64(bytes, THIN_COPY_BYTES);
	if (to != NULL && to != from)
		memcpy(to, from, bytes);
	return true;
}

/* A wrong byte that the seal does not show, as someone on the way could make while there is no key.
 */
static void lie(struct rig *rig, uint8_t *bytes, uint32_t length)
{
	uint64_t at = DPS_ENVELOPE_BYTES +
		      dps_random_below(&rig->control.random, length - DPS_ENVELOPE_BYTES);

	bytes[at] ^= (uint8_t)(1 + dps_random_below(&rig->control.random, 255));
	dps_seal_clear_make(bytes, length, NULL, 0);
	rig->lies_count++;
}

static bool filter(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	struct rig *rig = context;

	rig_watch_data(rig, direction, bytes, length);
	rig_strike(rig);
	if (rig->liar != NULL)
		liar_see(rig->liar, direction, bytes, length);
	if (rig->attacker != NULL)
		attacker_overhear(rig->attacker, direction, bytes, length);
	if (dps_sim_drops_filter(&rig->drops, direction, bytes, length))
		return true;
	if (rig->lies_one_in > 0 && direction == 0 && (bytes[0] & 15) == DPS_PACKET_DATA &&
	    dps_random_chance(&rig->control.random, 1, rig->lies_one_in))
		lie(rig, bytes, length);
	return false;
}

struct rig *rig_create(const struct rig_config *config)
{
	const char *names[2] = { "way 0>1", "way 1>0" };
	struct rig *rig = calloc(1, sizeof(*rig));

	DPS_ASSERT(rig != NULL);
	rig->config = *config;
	rig_forget_nonces(); /* of a run that did not end well */
	dps_sim_init(&rig->sim, config->seed, config->start_ns);
	rig->sim.packets.is_thin = config->is_thin;
	rig->sim.trace.is_off = config->is_thin;
	dps_sim_link_init(&rig->link, &rig->sim, &config->ways[0], names);
	rig->link.ways[1].config = config->ways[1];
	rig->link.filter = filter;
	rig->link.filter_context = rig;
	dps_sim_check_init(&rig->check, &rig->link);
	if (config->is_thin)
		rig->seal = (struct dps_seal){ .make = make_thin, .open = open_thin };
	else
		dps_seal_init_clear(&rig->seal);
	dps_sim_add(&rig->sim, &rig->control, "control", rig_control_run);
	dps_sim_wake(&rig->control, config->start_ns);
	return rig;
}

/* The lanes' bell; the control core takes a moment to hear it. */
static void ring(void *context)
{
	struct rig *rig = context;

	dps_sim_wake(&rig->control, rig->sim.now_ns + BELL_US * DPS_NS_PER_US);
}

static struct dps_sim_turn turn_lane(void *context)
{
	struct rig_host *host = context;
	unsigned int work;

	if (host->is_dead)
		return (struct dps_sim_turn){ 0, DPS_NEVER_NS };
	work = dps_lane_turn(host->lane);
	return (struct dps_sim_turn){ work, dps_lane_next_deadline_ns(host->lane) };
}

/* Each life has luck of its own: connection ids do not come again. */
void rig_create_lane(struct rig *rig, struct rig_host *host)
{
	uint32_t index = (uint32_t)(host - rig->hosts);
	struct dps_lane_config lane = {
		.limits = host->limits,
		.port = &host->port.port,
		.disk = &host->disk.disk,
		.clock = &rig->sim.clock,
		.seal = &rig->seal,
		.index = host->lane_index,
		.seed = (rig->config.seed + ((uint64_t)host->lives << 40)) * RIG_HOSTS + index,
		.commands = MAILBOX,
		.events = OUTBOX,
	};

	lane.slots = host->port.port.ops->allocate(
		&host->port.port, (size_t)host->limits.slots * host->limits.chunk_bytes);
	if (!rig->config.is_thin)
		rig_add_rooms(host, &lane);
	host->lane = dps_lane_create(&lane);
	DPS_ASSERT(lane.slots != NULL && host->lane != NULL);
	dps_lane_set_bell(host->lane, ring, rig);
}

unsigned int rig_add_host(struct rig *rig, const struct rig_host_config *config)
{
	static const char *const kinds[3] = { "host", "port", "disk" };
	unsigned int index = rig->hosts_count++;
	struct rig_host *host = &rig->hosts[index];

	DPS_ASSERT(index < RIG_HOSTS);
	host->rig = rig;
	host->limits = config->limits;
	host->lane_index = config->lane;
	host->process = config->lane > 0 ? config->beside : index;
	for (unsigned int i = 0; i < 3; i++)
		snprintf(host->names[i], RIG_NAME_BYTES, "%s %u", kinds[i], index);
	dps_sim_port_open(&host->port, &rig->link, config->side, host->names[1], &config->port);
	if (config->lane > 0) {
		host->port.port.local = rig->hosts[config->beside].port.port.local;
		host->port.port.local.udp_port += (uint16_t)config->lane;
	}
	dps_sim_disk_open(&host->disk, &rig->sim, host->names[2], &config->disk);
	rig_create_lane(rig, host);
	dps_sim_host_init(&host->host, &rig->sim, host->names[0], &config->host, turn_lane, host);
	host->port.host = &host->host.node;
	host->disk.host = &host->host.node;
	return index;
}

unsigned int rig_add_path(struct rig *rig, unsigned int host_0, unsigned int host_1)
{
	struct rig_path *path = &rig->paths[rig->paths_count];

	DPS_ASSERT(rig->paths_count < RIG_PATHS);
	path->hosts[0] = host_0;
	path->hosts[1] = host_1;
	path->epochs[0] = path->epochs[1] = 1;
	path->connections = path->connection = path->links[0] = path->links[1] = 1;
	return rig->paths_count++;
}

unsigned int rig_add_transfer(struct rig *rig, const struct rig_transfer_config *config)
{
	struct rig_transfer *transfer = &rig->transfers[rig->transfers_count];
	unsigned int receiver = rig->paths[config->path].hosts[!config->sender];

	DPS_ASSERT(rig->transfers_count < RIG_TRANSFERS);
	transfer->rig = rig;
	transfer->config = *config;
	dps_layout_init(&transfer->layout, rig->hosts[receiver].limits.chunk_bytes);
	return rig->transfers_count++;
}

void rig_add_file(struct rig *rig, unsigned int index, uint64_t bytes, uint64_t read_bytes,
		  const uint64_t bad_offsets[2])
{
	struct rig_transfer *transfer = &rig->transfers[index];
	const struct rig_path *path = &rig->paths[transfer->config.path];
	uint64_t seed = transfer->config.content_seed;
	struct rig_file *file;

	transfer->files =
		realloc(transfer->files, (transfer->files_count + 1) * sizeof(*transfer->files));
	DPS_ASSERT(transfer->files != NULL);
	file = &transfer->files[transfer->files_count];
	*file = (struct rig_file){ .bytes = bytes, .skip_from = { UINT64_MAX, UINT64_MAX } };
	if (seed != DPS_SIM_CONTENT_ZEROS)
		seed += transfer->files_count;
	transfer->files_count++;
	rig_journal_init_file(file, transfer->layout.chunk_bytes);
	DPS_ASSERT(dps_layout_place(&transfer->layout, bytes, &file->offset) == 0);
	rig_journal_lead(transfer, file);
	for (unsigned int end = 0; end < 2; end++) {
		const struct dps_sim_file_config config = {
			.seed = seed,
			.bytes = end == transfer->config.sender ? read_bytes : bytes,
			.bad_offset = bad_offsets == NULL ? UINT64_MAX : bad_offsets[end],
			.is_sink = end != transfer->config.sender,
		};

		file->fds[end] = dps_sim_disk_create(&rig->hosts[path->hosts[end]].disk, &config);
	}
}

static bool is_transfer_done(const struct rig *rig, const struct rig_transfer *transfer)
{
	if (rig->paths[transfer->config.path].is_untrusted)
		return true;
	if (transfer->is_cancelled)
		return transfer->is_closing[0] && transfer->is_closing[1];
	return transfer->is_over;
}

bool rig_is_done(const struct rig *rig)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		if (!is_transfer_done(rig, &rig->transfers[i]))
			return false;
	return true;
}

static uint64_t progress(const struct rig *rig)
{
	uint64_t sum = rig->events_count;

	for (unsigned int i = 0; i < rig->hosts_count; i++)
		sum += rig->hosts[i].disk.disk.counters.write_bytes;
	return sum;
}

static bool is_cut_short(const struct rig *rig)
{
	return rig->config.stop_after_packets != 0 &&
	       rig->check.data_packets >= rig->config.stop_after_packets;
}

void rig_run(struct rig *rig, uint64_t until_ns)
{
	struct dps_sim *sim = &rig->sim;

	while (!rig_is_done(rig) && !is_cut_short(rig) && sim->now_ns < until_ns) {
		if (!dps_sim_run_until(sim, dps_min_u64(sim->now_ns + DPS_NS_PER_MS, until_ns)))
			return;
		dps_sim_check_on_progress(&rig->check, progress(rig), rig->config.stuck_ns);
	}
}

static bool are_stopped(const struct rig *rig)
{
	for (unsigned int i = 0; i < rig->hosts_count; i++)
		if (!rig->hosts[i].is_stopped && !rig->hosts[i].is_dead)
			return false;
	return true;
}

static void check_host(struct rig *rig, struct rig_host *host)
{
	struct dps_lane_snapshot snapshot;

	if (host->is_dead)
		return;
	dps_lane_read_snapshot(host->lane, &snapshot);
	if (snapshot.free_slots != host->limits.slots)
		dps_sim_fail(&rig->sim, "%s has %" PRIu64 " of %" PRIu32 " slots at the end",
			     host->names[0], snapshot.free_slots, host->limits.slots);
	if (host->disk.requests.count != 0)
		dps_sim_fail(&rig->sim, "%s has requests in flight at the end", host->names[2]);
}

static void check_file(struct rig *rig, const struct rig_transfer *transfer,
		       const struct rig_file *file)
{
	unsigned int receiver = !transfer->config.sender;
	const struct dps_sim_disk *disk = &rig_host_of(rig, transfer, receiver)->disk;
	const struct dps_sim_file *sink = dps_sim_disk_file(disk, file->fds[receiver]);

	if (transfer->config.stripes == 0)
		dps_sim_check_file(&rig->sim, disk, file->fds[receiver], true);
	else if (!rig_has_own_pieces(transfer, file, &sink->synced, file->bytes))
		dps_sim_fail(&rig->sim, "a stripe of file %td is not fsynced",
			     file - transfer->files);
}

static void check_transfer(struct rig *rig, const struct rig_transfer *transfer)
{
	bool is_whole = !transfer->is_cancelled && !is_cut_short(rig);

	for (uint32_t i = 0; i < transfer->files_count; i++) {
		const struct rig_file *file = &transfer->files[i];

		if (is_whole && !file->is_skipped) {
			check_file(rig, transfer, file);
			rig_journal_check(rig, transfer, file);
		}
		if (file->is_told && !file->is_renamed)
			dps_sim_fail(&rig->sim, "file %" PRIu32 " was said to be stored", i);
		for (unsigned int end = 0; end < 2; end++)
			if (file->opens_count[end] != 0)
				dps_sim_fail(&rig->sim,
					     "file %" PRIu32 " is open %" PRId32
					     " times at end %u after all",
					     i, file->opens_count[end], end);
	}
	if (transfer->again_bytes > transfer->again_max)
		dps_sim_fail(&rig->sim,
			     "sent %" PRIu64 " bytes again, of which %" PRIu64 " were not durable",
			     transfer->again_bytes, transfer->again_max);
}

/* Wakes every host once a millisecond, so that snapshots are fresh and the mailbox is read. */
static void settle(struct rig *rig, unsigned int ms)
{
	for (unsigned int i = 0; i < ms; i++) {
		for (unsigned int j = 0; j < rig->hosts_count; j++)
			dps_sim_wake(&rig->hosts[j].host.node, rig->sim.now_ns);
		if (!dps_sim_run_until(&rig->sim, rig->sim.now_ns + DPS_NS_PER_MS))
			return;
	}
}

void rig_finish(struct rig *rig)
{
	struct dps_sim *sim = &rig->sim;

	if (!rig_is_done(rig) && !is_cut_short(rig))
		dps_sim_fail(sim, "not done after %" PRIu64 " ms",
			     (sim->now_ns - rig->config.start_ns) / DPS_NS_PER_MS);
	rig_stop(rig);
	for (unsigned int i = 0; i < STOP_MS && !are_stopped(rig) && !dps_sim_has_failed(sim); i++)
		settle(rig, 1);
	settle(rig, SETTLE_MS);
	if (!dps_sim_has_failed(sim) && !are_stopped(rig))
		dps_sim_fail(sim, "a lane does not stop");
	for (unsigned int i = 0; i < rig->hosts_count && !dps_sim_has_failed(sim); i++)
		check_host(rig, &rig->hosts[i]);
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		if (!dps_sim_has_failed(sim) &&
		    !rig->paths[rig->transfers[i].config.path].is_untrusted)
			check_transfer(rig, &rig->transfers[i]);
}

void rig_destroy(struct rig *rig)
{
	struct rig_message *message;

	rig_forget_nonces();
	attacker_destroy(rig->attacker);
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		struct rig_host *host = &rig->hosts[i];

		host->disk.disk.ops->close(&host->disk.disk);
		host->port.port.ops->close(&host->port.port);
		dps_sim_check_port(&rig->sim, &host->port);
		if (!host->is_dead)
			dps_lane_destroy(host->lane);
		free(host->waiting);
	}
	while ((message = dps_sim_queue_take_due(&rig->messages, DPS_NEVER_NS)) != NULL)
		free(message);
	dps_sim_queue_fini(&rig->messages);
	dps_sim_link_fini(&rig->link);
	dps_sim_fini(&rig->sim);
	for (unsigned int i = 0; i < rig->hosts_count; i++)
		dps_sim_disk_fini(&rig->hosts[i].disk);
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		for (uint32_t j = 0; j < rig->transfers[i].files_count; j++)
			rig_journal_fini_file(&rig->transfers[i].files[j]);
		free(rig->transfers[i].files);
	}
	free(rig);
}
