/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/index_ranges.h"
#include "apps/dpdk-streamd/manifest.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files first.. with names f0, f1, …, whose sizes are their indices. */
static struct dps_manifest_batch *batch_of(uint32_t first, uint32_t count)
{
	struct dps_message_file *files = calloc(count, sizeof(*files));
	char(*names)[16] = calloc(count, 16);
	struct dps_message_offer offer = { .first = first, .files_count = count, .files = files };
	struct dps_manifest_batch *batch;

	for (uint32_t i = 0; i < count; i++) {
		files[i].path = names[i];
		files[i].path_bytes = (uint32_t)snprintf(names[i], 16, "f%u", first + i);
		files[i].size_bytes = first + i;
		files[i].mtime_ns = -1;
	}
	batch = dps_manifest_batch_create(&offer, "");
	/* Nothing of the message is kept. */
	memset(files, 0xff, count * sizeof(*files));
	memset(names, 0xff, count * 16);
	free(files);
	free(names);
	return batch;
}

static void append__keeps_names_where_they_are(void **state)
{
	struct dps_manifest manifest;
	const char *first_name;

	(void)state;
	dps_manifest_init(&manifest);
	assert_int_equal(dps_manifest_append(&manifest, batch_of(0, 10)), 0);
	first_name = manifest.files[0].name;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(dps_manifest_append(&manifest, batch_of(10 + 100 * i, 100)), 0);

	assert_int_equal(manifest.count, 10010);
	assert_ptr_equal(manifest.files[0].name, first_name);
	for (uint32_t i = 0; i < manifest.count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		assert_string_equal(manifest.files[i].name, name);
		assert_int_equal(manifest.files[i].name_bytes, strlen(name));
		assert_int_equal(manifest.files[i].size_bytes, i);
		assert_int_equal(manifest.files[i].state, DPS_MANIFEST_WAITING);
	}
	dps_manifest_fini(&manifest);
}

static void append__takes_an_empty_batch(void **state)
{
	struct dps_manifest manifest;

	(void)state;
	dps_manifest_init(&manifest);
	assert_int_equal(dps_manifest_append(&manifest, batch_of(0, 0)), 0);
	assert_int_equal(manifest.count, 0);
	dps_manifest_fini(&manifest);
}

static void settle__counts_a_file_once(void **state)
{
	struct dps_manifest manifest;

	(void)state;
	dps_manifest_init(&manifest);
	assert_int_equal(dps_manifest_append(&manifest, batch_of(0, 3)), 0);
	assert_true(dps_manifest_settle(&manifest, 1, DPS_MANIFEST_FAILED));
	assert_false(dps_manifest_settle(&manifest, 1, DPS_MANIFEST_STORED));
	assert_int_equal(manifest.files[1].state, DPS_MANIFEST_FAILED);
	assert_true(dps_manifest_settle(&manifest, 0, DPS_MANIFEST_SAME));
	assert_int_equal(manifest.settled_count, 2);
	dps_manifest_fini(&manifest);
}

static void ranges__are_as_few_as_can_be(void **state)
{
	uint32_t indices[] = { 7, 3, 5, 4, 9, 4, 0 };
	struct dps_message_range ranges[7];

	(void)state;
	assert_int_equal(dps_index_ranges_make(indices, 7, ranges), 4);
	assert_int_equal(ranges[0].first, 0);
	assert_int_equal(ranges[0].last, 0);
	assert_int_equal(ranges[1].first, 3);
	assert_int_equal(ranges[1].last, 5);
	assert_int_equal(ranges[2].first, 7);
	assert_int_equal(ranges[2].last, 7);
	assert_int_equal(ranges[3].first, 9);
	assert_int_equal(ranges[3].last, 9);
	assert_int_equal(dps_index_ranges_make(indices, 0, ranges), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append__keeps_names_where_they_are),
		cmocka_unit_test(append__takes_an_empty_batch),
		cmocka_unit_test(settle__counts_a_file_once),
		cmocka_unit_test(ranges__are_as_few_as_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
