/* SPDX-License-Identifier: BSD-3-Clause */
/* The interrupt thread of a real EAL, and a lane that is nearly always inside a burst. */
#define ALLOW_EXPERIMENTAL_API
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/interrupt_gate.h"
#include "tests/support/cmocka.h"
#include <rte_interrupts.h>
#include <rte_lcore.h>
#include <sys/eventfd.h>
#include <time.h>

enum {
	EVENTS_COUNT = 500,
	STEP_S = 30,
};

static struct dps_gate_side side;
static int event_fd;
static _Atomic unsigned int is_in_burst;
static _Atomic unsigned int calls;
static _Atomic unsigned int overlaps;

/* Stays long enough to catch a lane that comes in. */
static void on_event(void *context)
{
	eventfd_t value;

	(void)context;
	eventfd_read(event_fd, &value);
	for (unsigned int i = 0; i < 5000; i++)
		if (atomic_load(&is_in_burst) != 0)
			atomic_fetch_add(&overlaps, 1);
	atomic_fetch_add(&calls, 1);
}

static void burst(void)
{
	dps_gate_enter(&side);
	atomic_store(&is_in_burst, 1);
	for (volatile unsigned int i = 0; i < 200; i++)
		;
	atomic_store(&is_in_burst, 0);
	dps_gate_leave(&side);
}

static bool is_late(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > since->tv_sec + STEP_S;
}

static int start(void **state)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	struct dps_eal_config config = {
		.program = "test_interrupt_gate",
		.lanes_count = 1,
		.is_ordinary = true, /* hugepages are the machine's, and may be another's */
	};
	struct dps_eal eal;
	char why[512];

	(void)state;
	if (dps_eal_start(&eal, &config, why, sizeof(why)) != 0) {
		print_error("%s\n", why);
		return -1;
	}
	assert_int_equal(rte_lcore_count(), 2);
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rte_intr_fd_set(handle, event_fd);
	rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT);
	if (rte_intr_callback_register(handle, on_event, NULL) < 0 ||
	    dps_gate_open(why, sizeof(why)) != 0)
		return -1;
	dps_gate_add(&side);
	return 0;
}

static void gate__lets_no_callback_into_a_burst_and_none_starve(void **state)
{
	struct timespec since;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &since);
	for (unsigned int sent = 0; atomic_load(&calls) < EVENTS_COUNT;) {
		if (atomic_load(&calls) == sent) {
			eventfd_write(event_fd, 1);
			sent++;
		}
		burst();
		if (is_late(&since))
			fail_msg("%u callbacks in %d s", atomic_load(&calls), STEP_S);
	}
	assert_int_equal(atomic_load(&overlaps), 0);
}

static void nudge__makes_a_round(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t round = dps_gate_nudge();
		struct timespec since;

		clock_gettime(CLOCK_MONOTONIC, &since);
		while (dps_gate_rounds() < round) {
			burst();
			assert_false(is_late(&since));
		}
	}
}

static void remove__lets_go_of_the_side(void **state)
{
	uint64_t round;

	(void)state;
	dps_gate_remove(&side);
	/* It would wait for ever for this one. */
	atomic_store(&side.is_inside, 1);
	round = dps_gate_nudge();
	for (struct timespec since = { 0 }; dps_gate_rounds() < round;) {
		if (since.tv_sec == 0)
			clock_gettime(CLOCK_MONOTONIC, &since);
		assert_false(is_late(&since));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate__lets_no_callback_into_a_burst_and_none_starve),
		cmocka_unit_test(nudge__makes_a_round),
		cmocka_unit_test(remove__lets_go_of_the_side),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
