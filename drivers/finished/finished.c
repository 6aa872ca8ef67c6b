/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/finished/finished.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>

int dps_finished_create(struct dps_finished *finished, unsigned int room)
{
	DPS_ASSERT(room > 0);
	*finished = (struct dps_finished){
		.results = calloc(room, sizeof(*finished->results)),
		.room = room,
	};
	return finished->results == NULL ? -ENOMEM : 0;
}

void dps_finished_destroy(struct dps_finished *finished)
{
	free(finished->results);
	finished->results = NULL;
}

bool dps_finished_is_full(const struct dps_finished *finished)
{
	return finished->count == finished->room;
}

static void count(struct dps_disk_counters *counters, bool is_write, int64_t result)
{
	uint64_t bytes = result < 0 ? 0 : (uint64_t)result;

	counters->errors += result < 0;
	if (is_write) {
		counters->writes++;
		counters->write_bytes += bytes;
	} else {
		counters->reads++;
		counters->read_bytes += bytes;
	}
}

void dps_finished_put(struct dps_finished *finished, struct dps_disk *disk,
		      const struct dps_disk_request *request, int64_t result)
{
	unsigned int at = (finished->first + finished->count) % finished->room;

	DPS_ASSERT(!dps_finished_is_full(finished));
	finished->results[at] = (struct dps_disk_result){ .tag = request->tag, .result = result };
	finished->count++;
	count(&disk->counters, request->is_write, result);
}

unsigned int dps_finished_take(struct dps_finished *finished, struct dps_disk_result *results,
			       unsigned int room)
{
	unsigned int taken = 0;

	for (; taken < room && finished->count > 0; taken++) {
		results[taken] = finished->results[finished->first];
		finished->first = (finished->first + 1) % finished->room;
		finished->count--;
	}
	return taken;
}
