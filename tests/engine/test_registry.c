/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/registry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 32, IDS = 64 };

static struct dps_registry *open_registry(uint32_t entries)
{
	size_t bytes = dps_registry_bytes(entries);
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

	assert_non_null(memory);
	return dps_registry_init(memory, entries, 42);
}

static struct dps_transfer_id id_of(uint32_t number)
{
	struct dps_transfer_id id = { { 0 } };

	memcpy(id.bytes + 12, &number, sizeof(number));
	return id;
}

static void register__registry_round_trip(void **state)
{
	struct dps_registry *registry = open_registry(ENTRIES);
	struct dps_transfer_id id = id_of(7), found_id;
	struct dps_handle handle, found;
	int owner;

	(void)state;
	assert_false(dps_registry_find(registry, &id, &found));
	assert_int_equal(dps_registry_register(registry, &id, &owner, &handle), 0);
	assert_int_equal(dps_registry_count(registry), 1);
	assert_true(dps_registry_find(registry, &id, &found));
	assert_memory_equal(&found, &handle, sizeof(found));
	assert_ptr_equal(dps_registry_get(registry, handle, &found_id), &owner);
	assert_memory_equal(&found_id, &id, sizeof(id));
	assert_ptr_equal(dps_registry_unregister(registry, handle), &owner);
	assert_int_equal(dps_registry_count(registry), 0);
	assert_false(dps_registry_find(registry, &id, &found));
	assert_null(dps_registry_unregister(registry, handle));
	free(registry);
}

/* E25: the one that is there stays, and its owner. */
static void register__refuses_a_duplicate_id(void **state)
{
	struct dps_registry *registry = open_registry(ENTRIES);
	struct dps_transfer_id id = id_of(7);
	struct dps_handle first, second;
	int owner, other;

	(void)state;
	assert_int_equal(dps_registry_register(registry, &id, &owner, &first), 0);
	assert_int_equal(dps_registry_register(registry, &id, &other, &second), -EEXIST);
	assert_memory_equal(&second, &first, sizeof(first));
	assert_ptr_equal(dps_registry_get(registry, first, NULL), &owner);
	dps_registry_unregister(registry, first);
	assert_int_equal(dps_registry_register(registry, &id, &other, &second), 0);
	free(registry);
}

static void register__is_full_at_its_limit(void **state)
{
	struct dps_registry *registry = open_registry(2);
	struct dps_transfer_id ids[3] = { id_of(1), id_of(2), id_of(3) };
	struct dps_handle handle;
	int owner;

	(void)state;
	assert_int_equal(dps_registry_register(registry, &ids[0], &owner, &handle), 0);
	assert_int_equal(dps_registry_register(registry, &ids[1], &owner, &handle), 0);
	assert_int_equal(dps_registry_register(registry, &ids[2], &owner, &handle), -ENOSPC);
	dps_registry_unregister(registry, handle);
	free(registry);
}

/* E38: what was unregistered is not found again through an old handle, whoever has the place. */
static void get__of_an_old_handle_leads_to_nothing(void **state)
{
	struct dps_registry *registry = open_registry(1);
	struct dps_transfer_id id = id_of(1);
	struct dps_handle old, handle;
	int owner, other;

	(void)state;
	assert_int_equal(dps_registry_register(registry, &id, &owner, &old), 0);
	dps_registry_unregister(registry, old);
	assert_null(dps_registry_get(registry, old, NULL));
	assert_int_equal(dps_registry_register(registry, &id, &other, &handle), 0);
	assert_int_equal(handle.index, old.index);
	assert_null(dps_registry_get(registry, old, NULL));
	assert_null(dps_registry_unregister(registry, old));
	assert_ptr_equal(dps_registry_get(registry, handle, NULL), &other);
	assert_null(dps_registry_get(registry, (struct dps_handle){ 99, 1 }, NULL));
	assert_null(dps_registry_get(registry, (struct dps_handle){ 0, 0 }, NULL));
	free(registry);
}

static void close__leads_nowhere(void **state)
{
	struct dps_registry *registry = open_registry(4);
	struct dps_transfer_id id = id_of(1);
	struct dps_handle handle, found;
	uint32_t from = 0;
	int owner;

	(void)state;
	assert_int_equal(dps_registry_register(registry, &id, &owner, &handle), 0);
	dps_registry_close(registry);
	assert_true(dps_registry_is_closed(registry));
	assert_null(dps_registry_get(registry, handle, NULL));
	assert_false(dps_registry_find(registry, &id, &found));
	assert_int_equal(dps_registry_snapshot(registry, &from, &found, 1), 0);
	assert_int_equal(dps_registry_register(registry, &id, &owner, &handle), -ESHUTDOWN);
	free(registry);
}

/* Against a plain array, through thousands of registrations in a few places. */
static void registry__agrees_with_an_array(void **state)
{
	struct dps_registry *registry = open_registry(ENTRIES);
	struct dps_handle handles[IDS], found[IDS];
	static int owners[IDS];
	bool is_in[IDS] = { false };
	struct dps_random random;
	uint32_t count = 0;

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t pick = (uint32_t)dps_random_below(&random, IDS), from = 0, seen = 0;
		struct dps_transfer_id id = id_of(pick);
		struct dps_handle handle;
		unsigned int taken;

		if (is_in[pick]) {
			assert_ptr_equal(dps_registry_unregister(registry, handles[pick]),
					 &owners[pick]);
			is_in[pick] = false;
			count--;
		} else {
			int error =
				dps_registry_register(registry, &id, &owners[pick], &handles[pick]);

			assert_int_equal(error, count == ENTRIES ? -ENOSPC : 0);
			is_in[pick] = error == 0;
			count += error == 0;
		}
		assert_int_equal(dps_registry_count(registry), count);
		pick = (uint32_t)dps_random_below(&random, IDS);
		id = id_of(pick);
		assert_int_equal(dps_registry_find(registry, &id, &handle), is_in[pick]);
		while ((taken = dps_registry_snapshot(registry, &from, found, 5)) > 0)
			seen += taken;
		assert_int_equal(seen, count);
	}
	free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(register__registry_round_trip),
		cmocka_unit_test(register__refuses_a_duplicate_id),
		cmocka_unit_test(register__is_full_at_its_limit),
		cmocka_unit_test(get__of_an_old_handle_leads_to_nothing),
		cmocka_unit_test(close__leads_nowhere),
		cmocka_unit_test(registry__agrees_with_an_array),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
