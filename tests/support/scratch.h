/* SPDX-License-Identifier: BSD-3-Clause */
/* Scratch: a folder of real files for one test, removed with all that is in it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum scratch_place {
	SCRATCH_DISK,  /* where the test was started: in the build folder, on a real disk */
	SCRATCH_TMPFS, /* /dev/shm: refuses O_DIRECT on most kernels */
};

struct scratch {
	char path[256];
	int fd;
};

/* Stops the test when the folder cannot be made. */
void scratch_create(struct scratch *scratch, enum scratch_place place);
void scratch_remove(struct scratch *scratch);

/* Writes a whole file beneath the scratch folder, as the kernel does it; parents are made. */
void scratch_write(const struct scratch *scratch, const char *name, const void *bytes,
		   size_t bytes_count);
/* The content of a file, to be freed by the caller; NULL when there is none. */
uint8_t *scratch_read(const struct scratch *scratch, const char *name, size_t *bytes_count);
