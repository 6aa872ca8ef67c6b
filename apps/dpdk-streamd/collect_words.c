/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_words.h"
#include <stdio.h>
#include <string.h>

enum dps_control_code dps_collect_judge_hello(const struct dps_message_hello *hello,
					      const char *seal, uint32_t chunk_bytes,
					      uint32_t queues, char *text)
{
	const uint32_t theirs = hello->queues == DPS_MESSAGE_QUEUES_NONE ? 1 : hello->queues;
	const size_t room = DPS_MESSAGE_TEXT_BYTES_MAX;

	if (hello->version_min > DPS_MESSAGE_VERSION || hello->version_max < DPS_MESSAGE_VERSION) {
		snprintf(text, room,
			 "the collector speaks version %u of the protocol, the exporter %u to %u",
			 DPS_MESSAGE_VERSION, hello->version_min, hello->version_max);
		return DPS_CODE_VERSION;
	}
	if (hello->role != DPS_ROLE_EXPORT) {
		snprintf(text, room, "both sides collect: one of them has to export");
		return DPS_CODE_PROTOCOL;
	}
	if (strcmp(hello->seal, seal) != 0) {
		snprintf(text, room,
			 "the exporter seals packets with `%s` and the collector with `%s`: give "
			 "both the same --cipher, or both --clear",
			 hello->seal, seal);
		return DPS_CODE_SEAL;
	}
	if (hello->chunk_bytes != chunk_bytes) {
		snprintf(text, room,
			 "the collector works in chunks of %u KiB and the exporter of %u KiB; give "
			 "both the same --chunk",
			 chunk_bytes >> 10, hello->chunk_bytes >> 10);
		return DPS_CODE_LIMIT;
	}
	if (queues != DPS_MESSAGE_QUEUES_NONE && queues != theirs) {
		snprintf(text, room,
			 "the collector has %u lanes and the exporter %u; over memif give both the "
			 "same --lanes",
			 queues, theirs);
		return DPS_CODE_LIMIT;
	}
	return DPS_CODE_NONE;
}

const char *dps_collect_explain_loss(uint32_t reason)
{
	switch (reason) {
	case DPS_CLOSE_UNREACHABLE:
		return "no packet comes over the data path, though the control connection works; "
		       "look for a firewall, the UDP port and --ip of both sides";
	case DPS_CLOSE_IDLE:
		return "no packet came over the data path for the reconnect timeout";
	case DPS_CLOSE_LOSS:
		return "too many packets were lost at the rate that was asked for";
	case DPS_CLOSE_PROTOCOL:
		return "packets over the data path broke the protocol";
	case DPS_CLOSE_DONE:
	case DPS_CLOSE_CANCELLED:
	case DPS_CLOSE_SHUTDOWN:
		return "the exporter closed the data path";
	default:
		return "the data path was lost";
	}
}
