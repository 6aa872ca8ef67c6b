/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/seal_alarm.h"
#include "drivers/log/log.h"
#include <dps/types.h>
#include <inttypes.h>

uint64_t dps_seal_alarm_take(struct dps_seal_alarm *alarm, uint64_t dropped_count, uint64_t now_ns)
{
	uint64_t count = dropped_count - alarm->said;

	if (count == 0 || now_ns < alarm->next_ns)
		return 0;
	alarm->said = dropped_count;
	alarm->next_ns = now_ns + DPS_SEAL_ALARM_INTERVAL_S * DPS_NS_PER_S;
	return count;
}

void dps_seal_alarm_say(uint64_t count, bool is_sealed)
{
	dps_log("lane", DPS_LOG_WARNING,
		is_sealed ? "%" PRIu64 " packets were forged, or damaged on the way: they do not "
			    "open, and were dropped. It costs time and changes nothing; look who "
			    "else can send to this port"
			  : "%" PRIu64 " packets were damaged on the way, and dropped. It costs "
			    "time; look for a bad cable or interface. With --clear a forger would "
			    "not be noticed",
		count);
}
