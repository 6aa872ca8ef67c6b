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

/* A disk that takes a million bytes, and the rest from the second second on. */
static struct rig *begin_with_full_disk(struct setting *setting)
{
	struct rig *rig;

	setting->hosts[1].disk.space_bytes = 1000000;
	setting->hosts[1].disk.room_at_ns = setting->config.start_ns + 2 * DPS_NS_PER_S;
	rig = begin(setting);
	for (unsigned int i = 0; i < 10; i++)
		add_file(rig, 200000 + 1000 * i);
	add_file(rig, 2000000);
	return rig;
}

/* All is stored, nothing was given up, and none of it before there was room. */
static void expect_all(struct rig *rig, uint64_t full_until_ns)
{
	const struct rig_transfer *transfer = &rig->transfers[0];

	assert_true(transfer->no_space_count > 0);
	assert_true(transfer->over_ns > full_until_ns);
	assert_true(transfer->over_ns < full_until_ns + DPS_NS_PER_S);
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		assert_true(transfer->files[i].is_stored);
		assert_false(transfer->files[i].is_skipped);
	}
}

static void disk__that_is_full_is_waited_for(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin_with_full_disk(&setting);
	end_within(rig, 5000);
	expect_all(rig, setting.hosts[1].disk.room_at_ns);
	/* What had found no space was still there: nothing came twice. */
	assert_int_equal(rig->transfers[0].again_bytes, 0);
	rig_destroy(rig);
}

/* Parked, or killed, while its collector's disk is full. */
static void disk__that_is_full_loses_nothing_when_the_connection_is_lost_too(void **state)
{
	static const enum rig_fault_type types[] = { RIG_FAULT_CONTROL, RIG_FAULT_CABLE,
						     RIG_FAULT_KILL };

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		rig = begin_with_full_disk(&setting);
		rig->may_park = true;
		rig_add_fault(rig, &(struct rig_fault){ .type = types[i / 2],
							.index = i / 2 == 2 ? i % 2 : 0,
							.after_packets = 1000,
							.for_ns = 300 * DPS_NS_PER_MS });
		end_within(rig, 8000);
		expect_all(rig, setting.hosts[1].disk.room_at_ns);
		rig_destroy(rig);
	}
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
		cmocka_unit_test(disk__that_is_full_is_waited_for),
		cmocka_unit_test(disk__that_is_full_loses_nothing_when_the_connection_is_lost_too),
		cmocka_unit_test(disk__that_is_slow_sets_the_pace),
	};

	return cmocka_run_group_tests_name("disk stories", tests, NULL, NULL);
}
