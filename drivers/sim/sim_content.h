/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim content: what simulated files have in them, a pure function of a file's seed and an offset.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { DPS_SIM_CONTENT_ZEROS = 0 }; /* the seed of files of nothing but zeros */

/* Fills memory with the file's bytes from this offset on. */
void dps_sim_content_fill(uint64_t seed, uint64_t offset, uint8_t *memory, size_t bytes);

/* How many bytes are right before the first wrong one; bytes when all are. */
size_t dps_sim_content_check(uint64_t seed, uint64_t offset, const uint8_t *memory, size_t bytes);

/* A fast fingerprint of any memory, for finding changes; not for enemies. */
uint64_t dps_sim_content_print(const uint8_t *memory, size_t bytes);
