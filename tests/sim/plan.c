/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/plan.h"
#include "engine/bits.h"
#include "tests/sim/attacker.h"
#include <inttypes.h>

enum {
	DATA_PACKETS = 2400, /* some are not sent when files fail or are given up */
	MAX_FILES = 120,
};

/* The plan has luck of its own, so that what it draws hangs on nothing that happens later. */
struct plan {
	struct dps_random random;
	struct rig_config config;
	uint32_t mtu;
	uint32_t chunk_bytes;
	uint64_t window_bytes;
	bool is_calm; /* one seed in eight has no faults at all */
	bool has_bad_files;
	bool is_cut_short;
	bool has_cancels;
	bool has_disk_errors; /* any file may fail, so there are more and smaller ones */
	bool is_live;	      /* one source that is read once, in place of files */
};

static uint64_t between(struct plan *plan, uint64_t low, uint64_t high)
{
	return low + dps_random_below(&plan->random, high - low + 1);
}

static bool is_one_in(struct plan *plan, uint64_t count)
{
	return dps_random_below(&plan->random, count) == 0;
}

/* Mostly 0; else up to so many parts per million, the smaller the likelier. */
static uint32_t some_ppm(struct plan *plan, uint32_t max)
{
	if (plan->is_calm || is_one_in(plan, 2))
		return 0;
	return (uint32_t)between(plan, 1, between(plan, 1, max));
}

static void draw_faults(struct plan *plan, struct dps_sim_faults *faults, uint64_t delay_ns)
{
	*faults = (struct dps_sim_faults){
		.loss_ppm = some_ppm(plan, 50000),
		.duplicate_ppm = some_ppm(plan, 50000),
		.reorder_ppm = some_ppm(plan, 50000),
		.reorder_ns_max = between(plan, 1000, 2 * delay_ns + 1000000),
		.corrupt_ppm = some_ppm(plan, 10000),
		.truncate_ppm = some_ppm(plan, 5000),
	};
	/* In all not so much that fixed congestion control must take the way for broken. */
	if (!plan->is_calm && is_one_in(plan, 4)) {
		faults->burst_enter_ppm = (uint32_t)between(plan, 100, 3000);
		faults->burst_leave_ppm = (uint32_t)between(plan, 50000, 500000);
		faults->burst_loss_ppm = (uint32_t)between(plan, 100000, 1000000);
		faults->burst_ns_max = 500 * DPS_NS_PER_MS;
	}
	if (!plan->is_calm && is_one_in(plan, 6)) {
		uint64_t every_ms = between(plan, 20, 5000);

		faults->blackout_every_ns = every_ms * DPS_NS_PER_MS;
		faults->blackout_ns_max = between(plan, 1, every_ms / 8 + 1) * DPS_NS_PER_MS;
	}
}

static void draw_link(struct plan *plan)
{
	static const uint64_t rates[] = { 50, 200, 1000, 5000, 10000, 100000 };
	uint64_t mbits = rates[dps_random_below(&plan->random, 6)];
	uint64_t delay_ns = is_one_in(plan, 3) ? between(plan, 0, 50 * DPS_NS_PER_US)
					       : between(plan, 0, 20 * DPS_NS_PER_MS);

	for (unsigned int i = 0; i < 2; i++) {
		struct dps_sim_way_config *way = &plan->config.ways[i];

		way->bits_per_s = is_one_in(plan, 8) ? 0 : mbits * 1000000;
		way->delay_ns = is_one_in(plan, 8) ? between(plan, 0, 3 * delay_ns) : delay_ns;
		way->queue_bytes = is_one_in(plan, 4) ? 0 : between(plan, 40000, 4 << 20);
		way->overhead_bytes = 66;
		draw_faults(plan, &way->faults, delay_ns);
	}
	plan->config.congestion_mode = (uint8_t)dps_random_below(&plan->random, 2);
	plan->config.rate_bytes_per_s = UINT64_MAX;
	if (plan->config.congestion_mode == DPS_CONGESTION_FIXED)
		/* Not so fast that more than a fifth is lost: that ends a transfer. */
		plan->config.rate_bytes_per_s = mbits * 1000000 / 8 / RIG_TRANSFERS;
	else if (is_one_in(plan, 4))
		plan->config.rate_bytes_per_s = between(plan, 1 << 20, mbits * 1000000 / 8);
}

static void draw_disk(struct plan *plan, struct dps_sim_disk_config *disk)
{
	*disk = (struct dps_sim_disk_config){
		.latency_ns = between(plan, 1, 300) * DPS_NS_PER_US,
		.jitter_ns_max = between(plan, 0, 1000) * DPS_NS_PER_US,
		.bytes_per_s = is_one_in(plan, 3) ? 0 : between(plan, 20, 3000) << 20,
		.in_flight_max = (uint32_t)between(plan, 1, 128),
		.refuse_ppm = some_ppm(plan, 200000),
		.refuse_ns_max = between(plan, 1, 500) * DPS_NS_PER_US,
		.stall_ppm = some_ppm(plan, 50000),
		.stall_ns_max = between(plan, 1, 200) * DPS_NS_PER_MS,
		.fsync_ns_min = DPS_NS_PER_MS,
		.fsync_ns_max = between(plan, 1, 200) * DPS_NS_PER_MS,
		.fsync_error_ppm = is_one_in(plan, 8) ? some_ppm(plan, 300000) : 0,
	};
	/* Not drawn, so that the other seeds stay what they were. */
	if (plan->config.seed % 8 == 3) {
		disk->space_bytes = 300000;
		disk->room_at_ns = plan->config.start_ns + DPS_NS_PER_S;
	}
	if (plan->has_disk_errors) {
		disk->read_error_ppm = some_ppm(plan, 3000);
		disk->write_error_ppm = some_ppm(plan, 3000);
	}
}

static void draw_host(struct plan *plan, struct rig *rig, unsigned int side)
{
	struct rig_host_config host = {
		.side = side,
		.host = {
			.turn_ns = between(plan, 200, 5000),
			.work_ns = between(plan, 50, 500),
			.stall_ppm = some_ppm(plan, 2000),
			.stall_ns_min = DPS_NS_PER_MS,
			.stall_ns_max = 20 * DPS_NS_PER_MS,
		},
		.port = {
			.mtu = plan->mtu,
			.rx_packets_max = 1U << between(plan, 6, 11),
			.hold_ns_max = is_one_in(plan, 2) ? between(plan, 1, 20000) * 1000 : 0,
			.refuse_ppm = some_ppm(plan, 100000),
			.refuse_ns_max = between(plan, 1, 200) * DPS_NS_PER_US,
			.takes_when_down = is_one_in(plan, 2),
		},
		.limits = {
			.paths = RIG_PATHS,
			.channels = RIG_TRANSFERS,
			.chunk_bytes = plan->chunk_bytes,
			.extents = 2 * MAX_FILES * RIG_TRANSFERS,
			.sent_packets = 1U << between(plan, 8, 13),
			.ring_chunks = 8,
		},
	};
	uint64_t chunks = plan->window_bytes / plan->chunk_bytes;

	/* Not drawn, as above. */
	host.port.lends_rooms = (plan->config.seed / 2 + side) % 2 == 0;
	host.limits.slots = (uint32_t)(chunks + 1 + between(plan, 0, chunks));
	while (host.limits.ring_chunks < chunks)
		host.limits.ring_chunks *= 2;
	draw_disk(plan, &host.disk);
	rig_add_host(rig, &host);
}

static uint64_t draw_file_bytes(struct plan *plan, uint64_t left)
{
	switch (dps_random_below(&plan->random, 8)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return plan->chunk_bytes * between(plan, 1, 8);
	case 3:
		return plan->chunk_bytes * between(plan, 1, 8) + between(plan, 0, 2) - 1;
	case 4:
		return left;
	default:
		return between(plan, 1, between(plan, 2, 1 << 20));
	}
}

/* One that will fail at one of the ends, or have shrunk when it is read. */
static void draw_bad_file(struct plan *plan, struct rig *rig, unsigned int transfer)
{
	uint64_t bad_offsets[2] = { UINT64_MAX, UINT64_MAX };
	uint64_t bytes = between(plan, 1, 1 << 20);
	uint64_t read_bytes = bytes;

	if (is_one_in(plan, 2))
		read_bytes = dps_random_below(&plan->random, bytes);
	else
		bad_offsets[dps_random_below(&plan->random, 2)] =
			dps_random_below(&plan->random, bytes);
	rig_add_file(rig, transfer, bytes, read_bytes, bad_offsets);
}

/* Good files for so many packets, and bad ones among them. */
static void draw_files(struct plan *plan, struct rig *rig, unsigned int transfer, uint64_t packets)
{
	uint64_t left = packets * plan->mtu;
	uint64_t most = plan->has_disk_errors ? left / 40 : left;

	for (unsigned int i = 0; i < MAX_FILES && left > 0; i++) {
		uint64_t bytes = dps_min_u64(draw_file_bytes(plan, left), most);

		if (i + 1 == MAX_FILES)
			bytes = left;
		if (plan->has_bad_files && is_one_in(plan, 20))
			draw_bad_file(plan, rig, transfer);
		rig_add_file(rig, transfer, bytes, bytes, NULL);
		left -= dps_min_u64(left, bytes);
	}
}

static void draw_transfers(struct plan *plan, struct rig *rig)
{
	unsigned int count = (unsigned int)between(plan, 1, is_one_in(plan, 2) ? 1 : 5);
	uint64_t packets = DATA_PACKETS;

	/* More than enough of what may not be sent in the end. */
	if (plan->has_disk_errors || plan->has_cancels || plan->is_cut_short)
		packets *= 4;

	for (unsigned int i = 0; i < count; i++) {
		const struct rig_transfer_config transfer = {
			.path = (unsigned int)dps_random_below(&plan->random, rig->paths_count),
			.sender = is_one_in(plan, 4),
			.number = i + 1,
			.window_bytes = dps_max_u64(plan->window_bytes / count, plan->chunk_bytes),
			.start_after_ns = is_one_in(plan, 2) ? between(plan, 0, DPS_NS_PER_S) : 0,
			.content_seed = rig->config.seed * 1000000 + i * 1000 + 1,
			.announced_max = (uint32_t)between(plan, 1, MAX_FILES),
		};

		draw_files(plan, rig, rig_add_transfer(rig, &transfer),
			   packets / count + 1 + between(plan, 0, 200));
	}
}

/* As slow as a capture, or faster than the way; with a ring as small as it may be, or larger. */
static void draw_source(struct plan *plan, struct rig *rig)
{
	const struct rig_transfer_config transfer = {
		.path = (unsigned int)dps_random_below(&plan->random, rig->paths_count),
		.sender = is_one_in(plan, 4),
		.number = 1,
		.window_bytes = plan->window_bytes,
		.content_seed = rig->config.seed,
	};
	uint64_t bytes = (uint64_t)DATA_PACKETS * plan->mtu + between(plan, 0, 1 << 20);
	uint64_t ring_bytes = plan->window_bytes + plan->chunk_bytes * between(plan, 1, 64);

	rig_add_source(rig, rig_add_transfer(rig, &transfer), bytes, ring_bytes,
		       between(plan, 1, between(plan, 2, 200)) << 20);
}

/* A few files are given up by one end or the other, at any moment, from anywhere in them on. */
static void draw_skips(struct plan *plan, struct rig *rig)
{
	for (uint64_t i = between(plan, 1, 4); i > 0; i--) {
		unsigned int index =
			(unsigned int)dps_random_below(&plan->random, rig->transfers_count);
		struct rig_transfer *transfer = &rig->transfers[index];
		uint32_t file = (uint32_t)dps_random_below(&plan->random, transfer->files_count);
		unsigned int end = (unsigned int)dps_random_below(&plan->random, 2);
		uint64_t offset = dps_random_below(&plan->random, transfer->files[file].bytes + 1);

		/* The large ones stay, or there is little to be seen. */
		if (transfer->files[file].bytes < transfer->layout.next_offset / 40)
			rig_skip_file(rig, index, end, file, offset,
				      rig->config.start_ns +
					      between(plan, 1, 1000) * DPS_NS_PER_MS);
	}
}

static void draw_cancels(struct plan *plan, struct rig *rig)
{
	for (unsigned int i = 1; i < rig->transfers_count; i++)
		if (is_one_in(plan, 2))
			rig_cancel(rig, i, (unsigned int)dps_random_below(&plan->random, 2),
				   rig->config.start_ns + between(plan, 1, 2000) * DPS_NS_PER_MS);
}

static void cut(void *link)
{
	dps_sim_link_set_up(link, false);
}

static void join(void *link)
{
	dps_sim_link_set_up(link, true);
}

static void draw_cuts(struct plan *plan, struct rig *rig)
{
	uint64_t at_ns = rig->config.start_ns;

	for (uint64_t i = between(plan, 1, 4); i > 0; i--) {
		at_ns += between(plan, 1, 1000) * DPS_NS_PER_MS;
		dps_sim_call_at(&rig->sim, at_ns, cut, &rig->link);
		at_ns += between(plan, 1, 500) * DPS_NS_PER_MS;
		dps_sim_call_at(&rig->sim, at_ns, join, &rig->link);
	}
}

static unsigned int collector_of(const struct rig *rig)
{
	const struct rig_transfer_config *config = &rig->transfers[0].config;

	return rig->paths[config->path].hosts[!config->sender];
}

/* Connections that go, cables that are out, hosts that die: one to three of them, at any moment. */
static void draw_misfortunes(struct plan *plan, struct rig *rig)
{
	rig->config.silence_ns = between(plan, 700, 3000) * DPS_NS_PER_MS;
	for (uint64_t i = between(plan, 1, 3); i > 0; i--) {
		struct rig_fault fault = {
			.type = (enum rig_fault_type)dps_random_below(&plan->random,
								      RIG_FAULT_KILL_ALL + 1),
			.after_packets = between(plan, 0, DATA_PACKETS),
			.for_ns = between(plan, 1, is_one_in(plan, 2) ? 100 : 5000) * DPS_NS_PER_MS,
		};

		if (is_one_in(plan, 2)) /* hosts die oftenest */
			fault.type = RIG_FAULT_KILL;
		if (plan->is_live && fault.type == RIG_FAULT_KILL_ALL)
			fault.type = RIG_FAULT_KILL;
		fault.index = (unsigned int)dps_random_below(
			&plan->random,
			fault.type == RIG_FAULT_KILL ? rig->hosts_count : rig->paths_count);
		if (plan->is_live && fault.type == RIG_FAULT_KILL)
			fault.index = collector_of(rig);
		rig_add_fault(rig, &fault);
		/* Soon after, while the transfers are about to go on. */
		if (rig->faults_count < RIG_FAULTS && is_one_in(plan, 4)) {
			fault.after_packets += between(plan, 0, 10);
			rig_add_fault(rig, &fault);
		}
	}
}

/* All he can do, or one thing; from now and then to four packets for each honest one. */
static void draw_attacker(struct plan *plan, struct rig *rig)
{
	uint32_t attacks = ATTACKS_ALL, attack = (uint32_t)between(plan, 0, ATTACKS_COUNT - 1);
	uint32_t packets = (uint32_t)between(plan, 1, 4);

	if (is_one_in(plan, 2))
		attacks = 1U << attack;
	if (!(attacks & ~ATTACKS_IN_PASSING))
		packets = 0;
	attacker_create(rig, attacks, packets, (uint32_t)between(plan, 1, 20));
}

struct rig *plan_create(uint64_t seed)
{
	struct plan plan = { .is_calm = false };
	struct rig *rig;
	unsigned int hosts_count;

	dps_random_init(&plan.random, ~seed);
	rig_config_init(&plan.config, seed);
	plan.is_calm = is_one_in(&plan, 8);
	plan.has_bad_files = !plan.is_calm && is_one_in(&plan, 4);
	plan.has_cancels = !plan.is_calm && is_one_in(&plan, 6);
	plan.is_cut_short = !plan.is_calm && is_one_in(&plan, 8);
	plan.has_disk_errors = !plan.is_calm && is_one_in(&plan, 8);
	plan.is_live = seed >= PLAN_LIVE_SEEDS;
	if (plan.is_live)
		plan.has_bad_files = plan.has_cancels = plan.has_disk_errors = false;
	/* sent_at_us wraps after 71 minutes: one run in four crosses it. */
	plan.config.start_ns = is_one_in(&plan, 4) ? ((UINT64_C(1) << 32) - 50000) * 1000
						   : between(&plan, 1, UINT64_C(1) << 50);
	plan.config.control_ns_min = between(&plan, 10, 1000) * DPS_NS_PER_US;
	plan.config.control_ns_max =
		plan.config.control_ns_min + between(&plan, 0, 100) * DPS_NS_PER_MS;
	plan.config.checkpoint_ns = between(&plan, 1, 100) * DPS_NS_PER_MS;
	plan.config.commit_ns_min = between(&plan, 0, 2) * DPS_NS_PER_MS;
	plan.config.commit_ns_max =
		plan.config.commit_ns_min + between(&plan, 0, 100) * DPS_NS_PER_MS;
	plan.mtu = is_one_in(&plan, 3) ? 9000 : is_one_in(&plan, 8) ? 1280 : 1500;
	plan.chunk_bytes = UINT32_C(4096) << between(&plan, 0, 6);
	plan.window_bytes = plan.chunk_bytes * between(&plan, 8, 64);
	draw_link(&plan);
	rig = rig_create(&plan.config);
	hosts_count = is_one_in(&plan, 4) ? 3 : 2;
	draw_host(&plan, rig, 0);
	draw_host(&plan, rig, 1);
	if (hosts_count == 3)
		draw_host(&plan, rig, 0);
	rig_add_path(rig, 0, 1);
	if (hosts_count == 3)
		rig_add_path(rig, 2, 1);
	else if (is_one_in(&plan, 4))
		rig_add_path(rig, 0, 1);
	if (plan.is_live)
		draw_source(&plan, rig);
	else
		draw_transfers(&plan, rig);
	if (plan.is_cut_short)
		rig->config.stop_after_packets = between(&plan, DATA_PACKETS, 2 * DATA_PACKETS);
	if (plan.has_cancels)
		draw_cancels(&plan, rig);
	if (!plan.is_live && !plan.is_calm && is_one_in(&plan, 4))
		draw_skips(&plan, rig);
	if (!plan.is_calm && is_one_in(&plan, 6))
		draw_cuts(&plan, rig);
	if (!plan.is_calm && is_one_in(&plan, 8))
		/* Not so often that a piece comes wrong time after time, and its file fails. */
		rig->lies_one_in = (uint32_t)between(&plan, 100 + plan.chunk_bytes / 128, 5000);
	if (!plan.is_calm && !is_one_in(&plan, 3))
		draw_misfortunes(&plan, rig);
	/* Drawn last: what a seed means otherwise does not depend on it. */
	rig->is_sealed = rig->lies_one_in == 0 && !is_one_in(&plan, 3);
	if (rig->is_sealed && !plan.is_calm && is_one_in(&plan, 2))
		draw_attacker(&plan, rig);
	return rig;
}

static void print_way(const struct dps_sim_way_config *way, FILE *out)
{
	const struct dps_sim_faults *faults = &way->faults;

	fprintf(out,
		"  way: %" PRIu64 " Mb/s, %" PRIu64 " us, queue %" PRIu64
		"; ppm: loss %u burst %u/%u/%u dup %u reorder %u (%" PRIu64
		" us) corrupt %u truncate %u; blackout %" PRIu64 "/%" PRIu64 " ms\n",
		way->bits_per_s / 1000000, way->delay_ns / 1000, way->queue_bytes, faults->loss_ppm,
		faults->burst_enter_ppm, faults->burst_leave_ppm, faults->burst_loss_ppm,
		faults->duplicate_ppm, faults->reorder_ppm, faults->reorder_ns_max / 1000,
		faults->corrupt_ppm, faults->truncate_ppm,
		faults->blackout_every_ns / DPS_NS_PER_MS, faults->blackout_ns_max / DPS_NS_PER_MS);
}

void plan_print(const struct rig *rig, FILE *out)
{
	static const char *const fault_names[] = {
		[RIG_FAULT_CONTROL] = "control connection lost: path",
		[RIG_FAULT_CABLE] = "cable out: path",
		[RIG_FAULT_BOTH] = "cable and control connections: path",
		[RIG_FAULT_KILL] = "killed: host",
		[RIG_FAULT_KILL_ALL] = "all hosts killed:",
	};

	fprintf(out,
		"  %u hosts, %u paths, %s, %s, rate %" PRIu64 " B/s, control %" PRIu64 "..%" PRIu64
		" us, checkpoint %" PRIu64 " ms\n",
		rig->hosts_count, rig->paths_count,
		rig->config.congestion_mode == DPS_CONGESTION_FIXED ? "fixed" : "fair",
		rig->is_sealed ? "sealed" : "clear", rig->config.rate_bytes_per_s,
		rig->config.control_ns_min / 1000, rig->config.control_ns_max / 1000,
		rig->config.checkpoint_ns / DPS_NS_PER_MS);
	for (unsigned int i = 0; i < 2; i++)
		print_way(&rig->link.ways[i].config, out);
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		const struct rig_host *host = &rig->hosts[i];

		fprintf(out,
			"  host %u: side %u, mtu %u, chunk %u, slots %u, sent %u, %shold %" PRIu64
			" us, refuse %u ppm, rx %u, stalls %u ppm, disk %" PRIu64 " B/s\n",
			i, host->port.side, host->port.config.mtu, host->limits.chunk_bytes,
			host->limits.slots, host->limits.sent_packets,
			host->port.config.lends_rooms ? "lends rooms, " : "",
			host->port.config.hold_ns_max / 1000, host->port.config.refuse_ppm,
			host->port.config.rx_packets_max, host->host.config.stall_ppm,
			host->disk.config.bytes_per_s);
	}
	if (rig->attacker != NULL)
		fprintf(out, "  attacker: kinds %#x, %u packets for each %u\n",
			rig->attacker->attacks, rig->attacker->packets, rig->attacker->honest);
	for (unsigned int i = 0; i < rig->faults_count; i++)
		fprintf(out, "  %s %u after %" PRIu64 " packets of data, for %" PRIu64 " ms\n",
			fault_names[rig->faults[i].type], rig->faults[i].index,
			rig->faults[i].after_packets, rig->faults[i].for_ns / DPS_NS_PER_MS);
	for (unsigned int i = 0; i < rig->transfers_count; i++)
		fprintf(out,
			"  transfer %u: path %u, sender at %u, window %" PRIu64
			", %u files, %" PRIu64 " bytes, %u announced at most\n",
			i, rig->transfers[i].config.path, rig->transfers[i].config.sender,
			rig->transfers[i].config.window_bytes, rig->transfers[i].files_count,
			rig->transfers[i].layout.next_offset,
			rig->transfers[i].config.announced_max);
}
