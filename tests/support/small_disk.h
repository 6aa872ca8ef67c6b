/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small disk: one over a scratch folder, for a process that a test has forked. It is mounted in a
 * mount namespace that ends with the process; only root can.
 */
#pragma once
#include "tests/support/scratch.h"
#include <stdbool.h>

/* Of memory. small: the folder as it is from then on. False: nothing can be mounted here. */
bool small_disk_of_memory(const struct scratch *folder, unsigned int bytes, struct scratch *small);

/* The same, of an image in the folder, with a file system of this kind and blocks of this size. */
bool small_disk_of_image(const struct scratch *folder, const char *kind, unsigned int bytes,
			 unsigned int block_bytes, struct scratch *small);
