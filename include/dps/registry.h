/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registry: which transfer has which id. One thread registers, any thread looks up, without locks.
 *
 * It gives out handles (index, generation) and holds plain references: it keeps no owner alive and
 * no owner keeps it alive. A handle of what was unregistered leads to nothing. What a handle leads
 * to must stay readable memory while the process lives, as every transfer's does: one who looked
 * it up may use it a moment after it was unregistered.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_registry;

/* Bytes of 64-byte aligned memory for dps_registry_init: for so many entries at once, not zero. */
size_t dps_registry_bytes(uint32_t entries);

/* seed: of the ids' hashing, so that a peer who chooses ids does not choose their places. */
struct dps_registry *dps_registry_init(void *memory, uint32_t entries, uint64_t seed);

/* ---- The one thread that writes (the control core). ---- */

/* Errors: -EEXIST the id has an entry, which stays; -ENOSPC; -ESHUTDOWN closed. */
int dps_registry_register(struct dps_registry *registry, const struct dps_transfer_id *id,
			  void *owner, struct dps_handle *handle);

/* Gives what the handle led to, NULL when it is not registered (any more). */
void *dps_registry_unregister(struct dps_registry *registry, struct dps_handle handle);

/* Every handle leads to nothing from now on, and watchdogs over it have nothing to do. */
void dps_registry_close(struct dps_registry *registry);

/* ---- Any thread. ---- */

bool dps_registry_is_closed(const struct dps_registry *registry);

/* The entry of an id, false when there is none. */
bool dps_registry_find(const struct dps_registry *registry, const struct dps_transfer_id *id,
		       struct dps_handle *handle);

/* What a handle leads to, NULL when it was unregistered; its id when that is asked for. */
void *dps_registry_get(const struct dps_registry *registry, struct dps_handle handle,
		       struct dps_transfer_id *id);

/* How many are registered. */
uint32_t dps_registry_count(const struct dps_registry *registry);

/* At most room handles from an index on, which moves behind them; 0 at the end. */
unsigned int dps_registry_snapshot(const struct dps_registry *registry, uint32_t *from,
				   struct dps_handle *handles, unsigned int room);

#ifdef __cplusplus
}
#endif
