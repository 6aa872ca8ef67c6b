/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/sequence.h"
#include <dps/assert.h>
#include <dps/registry.h>
#include <errno.h>
#include <string.h>

enum { ENTRIES_MAX = 1 << 24 };

/*
 * Generations count up for as long as the memory lives: odd while the entry is registered, even
 * while it is not, 0 before it ever was. So they are a sequence lock over the entry as well.
 */
struct entry {
	_Atomic uint32_t generation;
	_Atomic uint64_t id[2];
	_Atomic(void *) owner;
};

/*
 * Open addressing, at most half full. An entry never moves, or a reader might miss it; one that
 * was unregistered is used again. reach bounds the search: no id was ever further from its place.
 *
 * Writer of everything: the control core. Readers: any.
 */
struct dps_registry {
	struct entry *entries;
	uint64_t seed;
	uint32_t places; /* a power of two */
	uint32_t entries_max;
	_Atomic uint32_t count;
	_Atomic uint32_t reach;
	_Atomic uint32_t is_closed;
};

static uint32_t places_of(uint32_t entries)
{
	uint32_t places = 2;

	DPS_ASSERT(entries > 0 && entries <= ENTRIES_MAX);
	while (places < 2 * entries)
		places *= 2;
	return places;
}

size_t dps_registry_bytes(uint32_t entries)
{
	return sizeof(struct dps_registry) + places_of(entries) * sizeof(struct entry);
}

struct dps_registry *dps_registry_init(void *memory, uint32_t entries, uint64_t seed)
{
	struct dps_registry *registry = memory;

	memset(memory, 0, dps_registry_bytes(entries));
	registry->entries = (struct entry *)(void *)(registry + 1);
	registry->places = places_of(entries);
	registry->entries_max = entries;
	registry->seed = seed;
	return registry;
}

/* Finalizer of splitmix64 (Steele, Lea, Flood 2014), over both halves. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

static uint32_t place_of(const struct dps_registry *registry, const uint64_t words[2])
{
	return (uint32_t)mix(mix(words[0] ^ registry->seed) ^ words[1]) & (registry->places - 1);
}

static void words_of(const struct dps_transfer_id *id, uint64_t words[2])
{
	words[0] = dps_load_be64(id->bytes);
	words[1] = dps_load_be64(id->bytes + 8);
}

static uint32_t generation_of(const struct entry *entry)
{
	/* acquire: pairs with the release in set_generation(): the entry is whole */
	return atomic_load_explicit(&entry->generation, memory_order_acquire);
}

static void set_generation(struct entry *entry, uint32_t generation)
{
	/* release: pairs with the acquire in generation_of() */
	atomic_store_explicit(&entry->generation, generation, memory_order_release);
}

/* Whether what was read of an entry since its generation was read belongs to that. */
static bool is_still(const struct entry *entry, uint32_t generation)
{
	return atomic_load_explicit(&entry->generation, memory_order_relaxed) == generation;
}

static bool has_id(const struct entry *entry, const uint64_t words[2])
{
	return dps_sequence_get(&entry->id[0]) == words[0] &&
	       dps_sequence_get(&entry->id[1]) == words[1];
}

bool dps_registry_find(const struct dps_registry *registry, const struct dps_transfer_id *id,
		       struct dps_handle *handle)
{
	/* acquire: pairs with the release in dps_registry_register(): no less than its entry needs
	 */
	uint32_t reach = atomic_load_explicit(&registry->reach, memory_order_acquire);
	uint64_t words[2];
	uint32_t place;

	words_of(id, words);
	place = place_of(registry, words);
	for (uint32_t i = 0; i < reach; i++) {
		uint32_t index = (place + i) & (registry->places - 1);
		const struct entry *entry = &registry->entries[index];
		uint32_t generation = generation_of(entry);

		if (generation == 0)
			return false;
		if (generation % 2 == 0 || !has_id(entry, words) || !is_still(entry, generation))
			continue;
		*handle = (struct dps_handle){ .index = index, .generation = generation };
		return !dps_registry_is_closed(registry);
	}
	return false;
}

void *dps_registry_get(const struct dps_registry *registry, struct dps_handle handle,
		       struct dps_transfer_id *id)
{
	const struct entry *entry;
	uint64_t words[2];
	void *owner;

	if (handle.generation % 2 == 0 || handle.index >= registry->places ||
	    dps_registry_is_closed(registry))
		return NULL;
	entry = &registry->entries[handle.index];
	if (generation_of(entry) != handle.generation)
		return NULL;
	words[0] = dps_sequence_get(&entry->id[0]);
	words[1] = dps_sequence_get(&entry->id[1]);
	/* acquire: pairs with the release in dps_registry_register(): what it leads to is made */
	owner = atomic_load_explicit(&entry->owner, memory_order_acquire);
	if (!is_still(entry, handle.generation))
		return NULL;
	if (id != NULL) {
		dps_store_be64(id->bytes, words[0]);
		dps_store_be64(id->bytes + 8, words[1]);
	}
	return owner;
}

int dps_registry_register(struct dps_registry *registry, const struct dps_transfer_id *id,
			  void *owner, struct dps_handle *handle)
{
	uint32_t count = dps_registry_count(registry), place, distance = 0;
	struct entry *entry;
	uint64_t words[2];

	DPS_ASSERT(owner != NULL);
	if (dps_registry_is_closed(registry))
		return -ESHUTDOWN;
	if (dps_registry_find(registry, id, handle))
		return -EEXIST;
	if (count == registry->entries_max)
		return -ENOSPC;
	words_of(id, words);
	place = place_of(registry, words);
	while (generation_of(&registry->entries[(place + distance) & (registry->places - 1)]) % 2 !=
	       0)
		distance++;
	handle->index = (place + distance) & (registry->places - 1);
	entry = &registry->entries[handle->index];
	handle->generation = generation_of(entry) + 1;
	dps_sequence_put(&entry->id[0], words[0]);
	dps_sequence_put(&entry->id[1], words[1]);
	/* release: pairs with the acquire in dps_registry_get() */
	atomic_store_explicit(&entry->owner, owner, memory_order_release);
	if (distance >= atomic_load_explicit(&registry->reach, memory_order_relaxed))
		/* release: pairs with the acquire in dps_registry_find() */
		atomic_store_explicit(&registry->reach, distance + 1, memory_order_release);
	set_generation(entry, handle->generation);
	atomic_store_explicit(&registry->count, count + 1, memory_order_relaxed);
	return 0;
}

void *dps_registry_unregister(struct dps_registry *registry, struct dps_handle handle)
{
	void *owner = dps_registry_get(registry, handle, NULL);

	if (owner == NULL)
		return NULL;
	set_generation(&registry->entries[handle.index], handle.generation + 1);
	atomic_store_explicit(&registry->count, dps_registry_count(registry) - 1,
			      memory_order_relaxed);
	return owner;
}

void dps_registry_close(struct dps_registry *registry)
{
	/* release: pairs with the acquire in dps_registry_is_closed() */
	atomic_store_explicit(&registry->is_closed, 1, memory_order_release);
}

bool dps_registry_is_closed(const struct dps_registry *registry)
{
	/* acquire: pairs with the release in dps_registry_close() */
	return atomic_load_explicit(&registry->is_closed, memory_order_acquire) != 0;
}

uint32_t dps_registry_count(const struct dps_registry *registry)
{
	/* relaxed: a number alone */
	return atomic_load_explicit(&registry->count, memory_order_relaxed);
}

unsigned int dps_registry_snapshot(const struct dps_registry *registry, uint32_t *from,
				   struct dps_handle *handles, unsigned int room)
{
	unsigned int taken = 0;

	if (dps_registry_is_closed(registry))
		return 0;
	for (; taken < room && *from < registry->places; (*from)++) {
		uint32_t generation = generation_of(&registry->entries[*from]);

		if (generation % 2 != 0)
			handles[taken++] = (struct dps_handle){ *from, generation };
	}
	return taken;
}
