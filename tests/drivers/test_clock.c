/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/clock.h"
#include "tests/support/cmocka.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static uint64_t raw_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void now__never_goes_backwards(void **state)
{
	struct dps_clock clock;
	uint64_t last;

	(void)state;
	dps_clock_init_real(&clock);
	last = dps_clock_now_ns(&clock);
	for (unsigned int i = 0; i < 1000000; i++) {
		uint64_t now = dps_clock_now_ns(&clock);

		assert_true(now >= last);
		last = now;
	}
}

/* What one thread publishes, the other never sees as its future. */
static struct {
	struct dps_clock clock;
	atomic_uint_fast64_t published_ns;
	atomic_bool is_done;
	unsigned int steps_back;
} shared;

static void *publish(void *context)
{
	(void)context;
	while (!atomic_load(&shared.is_done))
		atomic_store(&shared.published_ns, dps_clock_now_ns(&shared.clock));
	return NULL;
}

static void now__is_one_clock_for_all_threads(void **state)
{
	pthread_t thread;

	(void)state;
	dps_clock_init_real(&shared.clock);
	assert_int_equal(pthread_create(&thread, NULL, publish, NULL), 0);
	for (unsigned int i = 0; i < 300000; i++) {
		uint64_t published_ns = atomic_load(&shared.published_ns);

		shared.steps_back += dps_clock_now_ns(&shared.clock) < published_ns;
	}
	atomic_store(&shared.is_done, true);
	pthread_join(thread, NULL);
	assert_int_equal(shared.steps_back, 0);
}

static void now__runs_at_the_kernels_pace(void **state)
{
	struct dps_clock clock;
	uint64_t outer_ns, inner_ns, start_ns, elapsed_ns;

	(void)state;
	dps_clock_init_real(&clock);
	/* The interval lies between two that the kernel measured, wherever we are interrupted. */
	outer_ns = raw_ns();
	start_ns = dps_clock_now_ns(&clock);
	inner_ns = raw_ns();
	while (raw_ns() < inner_ns + 10000000)
		;
	inner_ns = raw_ns() - inner_ns;
	elapsed_ns = dps_clock_now_ns(&clock) - start_ns;
	outer_ns = raw_ns() - outer_ns;
	assert_true(elapsed_ns >= inner_ns - inner_ns / 1000);
	assert_true(elapsed_ns <= outer_ns + outer_ns / 1000);
}

static void init__gives_every_clock_the_same_time(void **state)
{
	struct dps_clock a, b;
	uint64_t first, second, third;

	(void)state;
	dps_clock_init_real(&a);
	dps_clock_init_real(&b);
	first = dps_clock_now_ns(&a);
	second = dps_clock_now_ns(&b);
	third = dps_clock_now_ns(&a);
	assert_true(first <= second && second <= third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(now__never_goes_backwards),
		cmocka_unit_test(now__is_one_clock_for_all_threads),
		cmocka_unit_test(now__runs_at_the_kernels_pace),
		cmocka_unit_test(init__gives_every_clock_the_same_time),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
