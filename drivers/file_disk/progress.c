/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/progress.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <string.h>

void dps_progress_start(struct dps_progress *progress, const struct dps_disk_request *request,
			bool is_direct)
{
	uint32_t asked_bytes = request->bytes;

	DPS_ASSERT(request->bytes <= UINT32_C(1) << 30);
	DPS_ASSERT((uintptr_t)request->memory % DPS_PAGE_BYTES == 0);
	DPS_ASSERT(request->file_offset % DPS_PAGE_BYTES == 0);
	if (is_direct)
		asked_bytes = (uint32_t)dps_round_up(request->bytes, DPS_PAGE_BYTES);
	/* What an earlier user of the slot left behind the tail must not reach the platter. */
	if (is_direct && request->is_write)
		memset((uint8_t *)request->memory + request->bytes, 0,
		       asked_bytes - request->bytes);
	*progress = (struct dps_progress){
		.request = *request,
		.asked_bytes = asked_bytes,
		.is_direct = is_direct,
	};
}

static bool end(int64_t value, int64_t *result)
{
	*result = value;
	return true;
}

/* Ends a request that has stalled too often; true when it did. */
static bool stall(struct dps_progress *progress, int64_t value, int64_t *result)
{
	if (++progress->stalls < DPS_PROGRESS_STALLS_MAX)
		return false;
	return end(value, result);
}

/*
 * A short read is the end of the file or just short; only reading on tells. A direct leg cannot
 * start inside a page, so it repeats the broken page, and no further byte means the end.
 */
static bool read_on(struct dps_progress *progress, uint32_t reached_bytes, int64_t *result)
{
	if (reached_bytes <= progress->done_bytes)
		return end(progress->done_bytes, result);
	progress->done_bytes = reached_bytes;
	progress->leg_bytes = progress->is_direct
				      ? (uint32_t)dps_round_down(reached_bytes, DPS_PAGE_BYTES)
				      : reached_bytes;
	return false;
}

static bool write_on(struct dps_progress *progress, uint32_t reached_bytes, int64_t *result)
{
	uint32_t leg_bytes = progress->is_direct
				     ? (uint32_t)dps_round_down(reached_bytes, DPS_PAGE_BYTES)
				     : reached_bytes;

	if (leg_bytes == progress->leg_bytes)
		return stall(progress, -EIO, result);
	progress->stalls = 0;
	progress->leg_bytes = leg_bytes;
	progress->done_bytes = leg_bytes;
	return false;
}

bool dps_progress_on_answer(struct dps_progress *progress, int32_t answer, int64_t *result)
{
	uint32_t reached_bytes;

	if (answer == -EINTR || answer == -EAGAIN)
		return stall(progress, answer, result);
	if (answer < 0)
		return end(answer, result);
	DPS_ASSERT((uint32_t)answer <= progress->asked_bytes - progress->leg_bytes);
	reached_bytes = progress->leg_bytes + (uint32_t)answer;
	if (progress->request.is_write) {
		if (reached_bytes == progress->asked_bytes)
			return end(progress->request.bytes, result);
		return write_on(progress, reached_bytes, result);
	}
	/* The page of the tail may hold more than was wanted, when the file has grown. */
	if (reached_bytes >= progress->request.bytes)
		return end(progress->request.bytes, result);
	return read_on(progress, reached_bytes, result);
}
