/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress: how far one request has come, and what to ask the kernel for next. No system calls. */
#pragma once
#include "drivers/disk.h"

enum dps_progress_limits {
	/* Attempts in a row that move nothing (EINTR, EAGAIN, writes cut inside a page). */
	DPS_PROGRESS_STALLS_MAX = 64,
};

/*
 * A request goes in legs, each one a read or write of [leg_bytes, asked_bytes). A direct file is
 * asked for whole pages, so asked_bytes may pass request.bytes; a leg of it starts on a page.
 */
struct dps_progress {
	struct dps_disk_request request;
	uint32_t asked_bytes;
	uint32_t leg_bytes;  /* where the current leg starts */
	uint32_t done_bytes; /* moved for certain, at least leg_bytes */
	uint32_t stalls;
	bool is_direct;
};

/* Takes a request; of a direct write it zeroes the memory between the tail and the page's end. */
void dps_progress_start(struct dps_progress *progress, const struct dps_disk_request *request,
			bool is_direct);

/*
 * Takes the kernel's answer to the current leg. True: the request ended, with *result as in
 * struct dps_disk_result. False: the next leg is to be asked for.
 */
bool dps_progress_on_answer(struct dps_progress *progress, int32_t answer, int64_t *result);
