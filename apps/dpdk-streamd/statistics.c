/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/statistics.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct statistic {
	const char *name;
	size_t offset;
};

#define OF(member)                                                                                 \
	{                                                                                          \
#member, offsetof(struct dps_lane_snapshot, member)                                \
	}

static const struct statistic statistics[] = {
	OF(now_ns),
	OF(turns),
	OF(idle_turns),
	OF(cycles.spent[DPS_STAGE_RX]),
	OF(cycles.spent[DPS_STAGE_ACK]),
	OF(cycles.spent[DPS_STAGE_TX]),
	OF(cycles.spent[DPS_STAGE_DISK]),
	OF(cycles.spent[DPS_STAGE_OTHER]),
	OF(cycles.spent[DPS_STAGE_IDLE]),
	OF(metered_packets),
	OF(slots),
	OF(free_slots),
	OF(free_slots_low),
	OF(pools[DPS_PORT_POOL_RX].count),
	OF(pools[DPS_PORT_POOL_RX].free_low),
	OF(pools[DPS_PORT_POOL_HEAD].count),
	OF(pools[DPS_PORT_POOL_HEAD].free_low),
	OF(pools[DPS_PORT_POOL_BODY].count),
	OF(pools[DPS_PORT_POOL_BODY].free_low),
	OF(is_link_up),
	OF(engine.received_packets),
	OF(engine.data_packets_received),
	OF(engine.duplicate_packets),
	OF(engine.dropped_short),
	OF(engine.dropped_version),
	OF(engine.dropped_type),
	OF(engine.dropped_connection),
	OF(engine.dropped_seal),
	OF(engine.dropped_channel),
	OF(engine.dropped_credit),
	OF(engine.dropped_layout),
	OF(engine.dropped_body),
	OF(engine.anomalies),
	OF(engine.data_packets),
	OF(engine.data_bytes),
	OF(engine.retransmitted_packets),
	OF(engine.retransmitted_bytes),
	OF(engine.lost_packets),
	OF(engine.spurious_packets),
	OF(engine.probes_sent),
	OF(engine.probe_timeouts),
	OF(engine.acks_sent),
	OF(engine.acks_received),
	OF(engine.digest_mismatches),
	OF(engine.limited_ns[DPS_LIMIT_SOURCE]),
	OF(engine.limited_ns[DPS_LIMIT_DISK]),
	OF(engine.limited_ns[DPS_LIMIT_CREDIT]),
	OF(engine.limited_ns[DPS_LIMIT_WINDOW]),
	OF(engine.limited_ns[DPS_LIMIT_PACING]),
	OF(engine.limited_ns[DPS_LIMIT_NIC]),
	OF(engine.limited_ns[DPS_LIMIT_CPU]),
	OF(port.received_datagrams),
	OF(port.received_bytes),
	OF(port.sent_datagrams),
	OF(port.sent_bytes),
	OF(port.dropped_no_buffer),
	OF(port.dropped_malformed),
	OF(port.handed_datagrams),
	OF(port.dropped_handed),
	OF(port.refused_sends),
	OF(port.impaired_datagrams),
	OF(port.send_errors),
	OF(disk.reads),
	OF(disk.writes),
	OF(disk.read_bytes),
	OF(disk.write_bytes),
	OF(disk.errors),
	OF(disk.syscalls),
	OF(path.smoothed_rtt_ns),
	OF(path.min_rtt_ns),
	OF(path.window_bytes),
	OF(path.in_flight_bytes),
	OF(path.pacing_bytes_per_s),
	OF(channel.posted),
	OF(channel.credit),
	OF(channel.contiguous),
	OF(channel.stored),
	OF(channel.bytes_done),
};

size_t dps_statistics_print(const struct dps_lane_snapshot *snapshot,
			    char text[DPS_STATISTICS_BYTES])
{
	size_t used = 0;

	for (size_t i = 0; i < sizeof(statistics) / sizeof(statistics[0]); i++) {
		uint64_t value;
		int length;

		memcpy(&value, (const char *)snapshot + statistics[i].offset, sizeof(value));
		length = snprintf(text + used, DPS_STATISTICS_BYTES - used, "%-40s %20" PRIu64 "\n",
				  statistics[i].name, value);
		if (length < 0 || (size_t)length >= DPS_STATISTICS_BYTES - used)
			break;
		used += (size_t)length;
	}
	return used;
}

int dps_statistics_open(struct dps_statistics_file *file, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int error;

	file->mapped = NULL;
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, DPS_STATISTICS_BYTES) == 0) {
		void *mapped =
			mmap(NULL, DPS_STATISTICS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (mapped != MAP_FAILED)
			file->mapped = mapped;
	}
	error = errno;
	close(fd);
	return file->mapped ? 0 : -error;
}

void dps_statistics_write(struct dps_statistics_file *file,
			  const struct dps_lane_snapshot *snapshot)
{
	char text[DPS_STATISTICS_BYTES] = { 0 };

	if (!file->mapped)
		return;
	dps_statistics_print(snapshot, text);
	memcpy(file->mapped, text, sizeof(text));
}

void dps_statistics_close(struct dps_statistics_file *file)
{
	if (file->mapped)
		munmap(file->mapped, DPS_STATISTICS_BYTES);
	file->mapped = NULL;
}
