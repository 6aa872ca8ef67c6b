/* SPDX-License-Identifier: BSD-3-Clause */
/* Disk stories: disks that are slow, full, or hold less than was said. */
#include "tests/sim/story.h"

static void source__that_shrank_fails_alone(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin(&setting);
	add_file(rig, 300000);
	rig_add_file(rig, 0, 500000, 200000, NULL);
	rig_add_file(rig, 0, 10000, 0, NULL);
	add_file(rig, 300000);
	end_within(rig, 3000);
	assert_false(rig->transfers[0].files[0].is_skipped);
	assert_true(rig->transfers[0].files[1].is_skipped);
	assert_true(rig->transfers[0].files[2].is_skipped);
	assert_false(rig->transfers[0].files[3].is_skipped);
	rig_destroy(rig);
}

static void disk__that_is_full_fails_what_does_not_fit(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	setting.hosts[1].disk.space_bytes = 1000000;
	rig = begin(&setting);
	for (unsigned int i = 0; i < 10; i++)
		add_file(rig, 200000);
	end_within(rig, 5000);
	assert_false(rig->transfers[0].files[0].is_skipped);
	assert_true(rig->transfers[0].files[9].is_skipped);
	rig_destroy(rig);
}

/* Its bytes come slower than the link would carry them, and wait for nothing else. */
static void disk__that_is_slow_sets_the_pace(void **state)
{
	for (unsigned int slow = 0; slow < 2; slow++) {
		struct setting setting;
		struct rig *rig;

		(void)state;
		setting_init(&setting);
		setting.hosts[slow].disk.bytes_per_s = 10000000;
		setting.hosts[1].disk.fsync_ns_min = 100 * DPS_NS_PER_MS;
		setting.hosts[1].disk.fsync_ns_max = 200 * DPS_NS_PER_MS;
		rig = begin(&setting);
		add_file(rig, 10000000);
		end_within(rig, 1500);
		rig_destroy(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source__that_shrank_fails_alone),
		cmocka_unit_test(disk__that_is_full_fails_what_does_not_fit),
		cmocka_unit_test(disk__that_is_slow_sets_the_pace),
	};

	return cmocka_run_group_tests_name("disk stories", tests, NULL, NULL);
}
