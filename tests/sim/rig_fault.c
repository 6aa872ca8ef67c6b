/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig faults: connections that are lost, cables that are cut, hosts that die and start again. */
#include "engine/bits.h"
#include "engine/wire.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <inttypes.h>

/* ---- hosts ---- */

static void start_host(void *context)
{
	struct rig_host *host = context;
	struct rig *rig = host->rig;

	if (rig->is_stopping)
		return;
	host->is_dead = false;
	host->lives++;
	dps_sim_trace_note(&rig->sim.trace, rig->sim.now_ns, host->names[0], "starts again",
			   host->lives, 0);
	dps_sim_port_revive(&host->port);
	rig_create_lane(rig, host);
	dps_sim_wake(&host->host.node, rig->sim.now_ns);
	for (unsigned int i = 0; i < rig->paths_count; i++)
		if (&rig->hosts[rig->paths[i].hosts[0]] == host)
			rig_dial_later(rig, &rig->paths[i], 0);
}

static void forget_transfers(struct rig *rig, const struct rig_host *host)
{
	for (unsigned int i = 0; i < rig->transfers_count; i++) {
		struct rig_transfer *transfer = &rig->transfers[i];

		for (unsigned int end = 0; end < 2; end++) {
			if (rig_host_of(rig, transfer, end) != host)
				continue;
			if (end != transfer->config.sender)
				rig_store_kill(rig, transfer);
			rig_journal_forget(rig, transfer, end);
		}
	}
}

void rig_kill(struct rig *rig, unsigned int index, uint64_t for_ns)
{
	struct rig_host *host = &rig->hosts[index];

	if (host->is_dead || rig->is_stopping)
		return;
	rig->may_park = true;
	dps_sim_trace_note(&rig->sim.trace, rig->sim.now_ns, host->names[0], "is killed for us",
			   for_ns / DPS_NS_PER_US, 0);
	host->is_dead = true;
	host->waiting_first = host->waiting_count = 0;
	dps_sim_port_kill(&host->port);
	dps_lane_destroy(host->lane);
	host->lane = NULL;
	forget_transfers(rig, host);
	dps_sim_disk_crash(&host->disk);
	for (unsigned int i = 0; i < rig->paths_count; i++) {
		struct rig_path *path = &rig->paths[i];

		for (unsigned int end = 0; end < 2; end++) {
			if (path->hosts[end] != index)
				continue;
			rig_unlink(rig, path, end, false);
			rig_lose_control(rig, i); /* one that it had not heard of yet, too */
		}
	}
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + for_ns, start_host, host);
	for (unsigned int i = 0; i < rig->hosts_count; i++)
		if (rig->hosts[i].process == host->process)
			rig_kill(rig, i, for_ns);
}

/* ---- faults that wait for their moment ---- */

static void join(void *context)
{
	struct rig *rig = context;

	dps_sim_link_set_up(&rig->link, true);
}

static void cut(struct rig *rig, uint64_t for_ns)
{
	dps_sim_link_set_up(&rig->link, false);
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + for_ns, join, rig);
}

static void strike(void *context)
{
	const struct rig_fault *fault = context;
	struct rig *rig = fault->rig;

	switch (fault->type) {
	case RIG_FAULT_CONTROL:
		rig_lose_control(rig, fault->index);
		break;
	case RIG_FAULT_CABLE:
		cut(rig, fault->for_ns);
		break;
	case RIG_FAULT_BOTH:
		cut(rig, fault->for_ns);
		for (unsigned int i = 0; i < rig->paths_count; i++)
			rig_lose_control(rig, i);
		break;
	case RIG_FAULT_KILL:
		rig_kill(rig, fault->index, fault->for_ns);
		break;
	case RIG_FAULT_KILL_ALL:
		for (unsigned int i = 0; i < rig->hosts_count; i++)
			rig_kill(rig, i, fault->for_ns);
		break;
	}
}

void rig_add_fault(struct rig *rig, const struct rig_fault *fault)
{
	DPS_ASSERT(rig->faults_count < RIG_FAULTS);
	rig->faults[rig->faults_count] = *fault;
	rig->faults[rig->faults_count++].rig = rig;
	rig->may_park = true;
}

void rig_strike(struct rig *rig)
{
	for (unsigned int i = 0; i < rig->faults_count; i++) {
		struct rig_fault *fault = &rig->faults[i];

		if (fault->has_struck || rig->check.data_packets < fault->after_packets ||
		    rig->is_stopping)
			continue;
		fault->has_struck = true;
		dps_sim_call_at(&rig->sim, rig->sim.now_ns, strike, fault);
	}
}

/* ---- what is on the wire ---- */

uint32_t rig_file_at(const struct rig_transfer *transfer, uint64_t offset)
{
	uint32_t low = 0, high = transfer->files_count;

	while (low + 1 < high) {
		uint32_t middle = low + (high - low) / 2;

		if (transfer->files[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	/* Empty files may stand at the same offset, before the one that has bytes. */
	while (low > 0 && transfer->files[low].bytes == 0)
		low--;
	return low;
}

static void watch(struct rig *rig, struct rig_transfer *transfer, const struct dps_header *header)
{
	const struct rig_file *file = &transfer->files[rig_file_at(transfer, header->offset)];
	uint64_t from = file->from[!transfer->config.sender];
	uint64_t end = header->offset + header->payload_bytes;

	if (header->flags & DPS_PACKET_DIGEST)
		end -= DPS_DIGEST_BYTES;
	transfer->last_data_ns = rig->sim.now_ns;
	if (transfer->live.ring_bytes > 0)
		rig_live_watch(rig, transfer, header->offset, end,
			       header->flags & DPS_PACKET_RESENT);
	if (from == RIG_NOTHING || header->offset < file->offset + from)
		dps_sim_fail(&rig->sim, "data at %" PRIu64 ", of which the collector has all",
			     header->offset);
	if (!(header->flags & DPS_PACKET_RESENT) && header->offset < transfer->sent_end)
		transfer->again_bytes += dps_min_u64(end, transfer->sent_end) - header->offset;
	transfer->sent_end = dps_max_u64(transfer->sent_end, end);
}

void rig_watch_data(struct rig *rig, unsigned int direction, const uint8_t *bytes, uint32_t length)
{
	struct dps_header header;

	if (dps_header_decode(bytes, length, &header) != 0 || header.type != DPS_PACKET_DATA)
		return;
	for (unsigned int i = 0; i < rig->paths_count; i++) {
		struct rig_path *path = &rig->paths[i];

		/* Of an older epoch are those that carry another id. */
		if (!path->is_reserved[!direction] || header.connection_id != path->ids[!direction])
			continue;
		if (path->back_at_ns != 0 && rig->delays_count < RIG_DELAYS)
			rig->delays_ns[rig->delays_count++] = rig->sim.now_ns - path->back_at_ns;
		path->back_at_ns = 0;
		if (path->is_untrusted)
			continue;
		for (unsigned int j = 0; j < rig->transfers_count; j++)
			if (rig->transfers[j].config.path == i &&
			    rig->transfers[j].config.sender == direction &&
			    rig->transfers[j].config.number == header.channel)
				watch(rig, &rig->transfers[j], &header);
	}
}
