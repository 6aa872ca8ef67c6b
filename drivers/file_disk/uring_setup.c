/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/uring_setup.h"
#include "engine/bits.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

/*
 * Completions deferred to the lane's own calls (Linux 6.1) interrupt nobody and come in batches;
 * the flag in shared memory tells when there are some, so that an idle reap needs no system call.
 * Such a ring belongs to one thread: it starts disabled, and the thread that enables it owns it.
 * Cooperative (5.19) saves the interrupts only. Plain works since 5.1.
 */
static const unsigned int setup_flags[] = {
	[DPS_URING_DEFERRED] = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
			       IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			       IORING_SETUP_R_DISABLED,
	[DPS_URING_COOPERATIVE] =
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	[DPS_URING_PLAIN] = 0,
};

static int make_ring(const struct dps_uring_config *config, struct io_uring *ring,
		     struct dps_uring_modes *modes)
{
	int err = -EINVAL;

	for (unsigned int i = config->effort; i <= DPS_URING_PLAIN; i++) {
		modes->setup_flags = setup_flags[i];
		err = io_uring_queue_init(config->depth, ring, setup_flags[i]);
		/* -EINVAL: flags that this kernel does not know. */
		if (err != -EINVAL)
			break;
	}
	return err;
}

static int register_memory(const struct dps_uring_config *config, struct io_uring *ring)
{
	unsigned int count = (unsigned int)((config->memory_bytes + DPS_URING_BUFFER_BYTES - 1) /
					    DPS_URING_BUFFER_BYTES);
	struct iovec *parts = calloc(count, sizeof(*parts));
	int err;

	if (parts == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t start = i * DPS_URING_BUFFER_BYTES;

		parts[i].iov_base = (uint8_t *)config->memory + start;
		parts[i].iov_len =
			dps_min_u64(config->memory_bytes - start, DPS_URING_BUFFER_BYTES);
	}
	err = io_uring_register_buffers(ring, parts, count);
	free(parts);
	return err;
}

static int register_files(unsigned int files_max, struct io_uring *ring)
{
	int err = io_uring_register_files_sparse(ring, files_max);
	int *nothing;

	if (err != -EINVAL)
		return err;
	/* Before Linux 5.19 an empty table is one of -1. */
	nothing = malloc(files_max * sizeof(*nothing));
	if (nothing == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < files_max; i++)
		nothing[i] = -1;
	err = io_uring_register_files(ring, nothing, files_max);
	free(nothing);
	return err;
}

int dps_uring_setup(const struct dps_uring_config *config, struct io_uring *ring,
		    struct dps_uring_modes *modes)
{
	int err = make_ring(config, ring, modes);

	if (err < 0)
		return err;
	modes->buffers_error = register_memory(config, ring);
	modes->files_error = register_files(config->files_max, ring);
	return 0;
}
