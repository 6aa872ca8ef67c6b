/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/worker.h"
#include "drivers/clock.h"
#include "tests/support/cmocka.h"

enum { JOBS = 1000 };

struct counted {
	struct dps_job job;
	unsigned int number;
	bool has_run;
};

static unsigned int next_run, next_done;

static struct counted *counted_of(struct dps_job *job)
{
	return (struct counted *)job;
}

static void run(struct dps_job *job)
{
	assert_int_equal(counted_of(job)->number, next_run);
	next_run++;
	counted_of(job)->has_run = true;
}

static void done(struct dps_job *job, uint64_t now_ns)
{
	(void)now_ns;
	assert_true(counted_of(job)->has_run);
	assert_int_equal(counted_of(job)->number, next_done);
	next_done++;
}

static void on_wake(void *context, uint64_t now_ns)
{
	dps_worker_reap(context, now_ns);
}

static void push__jobs_run_and_come_back_in_order(void **state)
{
	static struct counted jobs[JOBS];
	struct dps_worker worker;
	struct dps_clock clock;
	struct dps_loop loop;

	(void)state;
	dps_clock_init_real(&clock);
	assert_int_equal(dps_loop_init(&loop, &clock, NULL), 0);
	assert_int_equal(dps_worker_start(&worker, &loop), 0);
	dps_loop_set_wake(&loop, on_wake, &worker);
	for (unsigned int i = 0; i < JOBS; i++) {
		jobs[i] = (struct counted){ .job = { .run = run, .done = done }, .number = i };
		dps_worker_push(&worker, &jobs[i].job);
	}
	while (next_done < JOBS)
		assert_int_equal(dps_loop_turn(&loop, UINT64_MAX), 0);
	assert_int_equal(worker.open_count, 0);
	dps_worker_stop(&worker);
	dps_loop_fini(&loop);
}

static void stop__waits_for_what_was_pushed(void **state)
{
	static struct counted jobs[10];
	struct dps_worker worker;
	struct dps_clock clock;
	struct dps_loop loop;

	(void)state;
	next_run = next_done = 0;
	dps_clock_init_real(&clock);
	assert_int_equal(dps_loop_init(&loop, &clock, NULL), 0);
	assert_int_equal(dps_worker_start(&worker, &loop), 0);
	for (unsigned int i = 0; i < 10; i++) {
		jobs[i] = (struct counted){ .job = { .run = run, .done = done }, .number = i };
		dps_worker_push(&worker, &jobs[i].job);
	}
	dps_worker_stop(&worker);
	assert_int_equal(next_run, 10);
	assert_int_equal(next_done, 0);
	assert_true(atomic_load(&worker.is_hurried));
	dps_loop_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push__jobs_run_and_come_back_in_order),
		cmocka_unit_test(stop__waits_for_what_was_pushed),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
