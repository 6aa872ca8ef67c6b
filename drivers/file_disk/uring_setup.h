/* SPDX-License-Identifier: BSD-3-Clause */
/* Setup: what of io_uring this kernel and this user may have, tried from the best down. */
#pragma once
#include "drivers/file_disk/uring.h"
#include <liburing.h>

/* The kernel takes at most 1 GiB as one registered buffer. */
#define DPS_URING_BUFFER_BYTES (UINT64_C(1) << 30)

/*
 * Makes the ring, registers memory and file table, and fills modes with what was granted. The
 * ring may be disabled (IORING_SETUP_R_DISABLED in modes->setup_flags) until its lane enables it.
 */
int dps_uring_setup(const struct dps_uring_config *config, struct io_uring *ring,
		    struct dps_uring_modes *modes);
