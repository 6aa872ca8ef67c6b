/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/each_thread.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { THREADS = 6 };

static _Atomic int runs;
static _Thread_local int runs_here;

static int count(void *context)
{
	runs_here++;
	atomic_fetch_add(&runs, *(const int *)context);
	return 0;
}

/* Threads that read a pipe until its end, as a library's would. */
struct crowd {
	pthread_t threads[THREADS];
	unsigned int count;
	int ends[2];
	sem_t is_there;
	bool blocks_signals;
	_Atomic int right_count; /* of those that ended: had one run each */
};

static void *wait_for_end(void *context)
{
	struct crowd *crowd = context;
	sigset_t all;
	char byte;

	if (crowd->blocks_signals) {
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, NULL);
		prctl(PR_SET_NAME, "deaf");
	}
	sem_post(&crowd->is_there);
	/* SA_RESTART: what it sleeps in goes on. */
	if (read(crowd->ends[0], &byte, 1) == 0 && runs_here == !crowd->blocks_signals)
		atomic_fetch_add(&crowd->right_count, 1);
	return NULL;
}

static void gather(struct crowd *crowd, unsigned int threads)
{
	assert_int_equal(pipe(crowd->ends), 0);
	assert_int_equal(sem_init(&crowd->is_there, 0, 0), 0);
	for (crowd->count = 0; crowd->count < threads; crowd->count++)
		assert_int_equal(
			pthread_create(&crowd->threads[crowd->count], NULL, wait_for_end, crowd),
			0);
	for (unsigned int i = 0; i < threads; i++)
		sem_wait(&crowd->is_there);
}

static void send_home(struct crowd *crowd)
{
	close(crowd->ends[1]);
	for (unsigned int i = 0; i < crowd->count; i++)
		pthread_join(crowd->threads[i], NULL);
	close(crowd->ends[0]);
	sem_destroy(&crowd->is_there);
	assert_int_equal(crowd->right_count, crowd->count);
}

static void run__is_once_on_each(void **state)
{
	struct crowd crowd = { 0 };
	int one = 1;
	struct dps_each_thread each = { .run = count, .context = &one };

	(void)state;
	atomic_store(&runs, 0);
	gather(&crowd, THREADS);
	assert_int_equal(dps_each_thread_run(&each), 0);
	assert_int_equal(atomic_load(&runs), THREADS + 1);
	assert_int_equal(each.left_count, 0);
	send_home(&crowd);
}

static void run__names_who_takes_no_signals(void **state)
{
	struct crowd crowd = { .blocks_signals = true };
	int one = 1;
	struct dps_each_thread each = { .run = count, .context = &one };

	(void)state;
	atomic_store(&runs, 0);
	gather(&crowd, 2);
	assert_int_equal(dps_each_thread_run(&each), 0);
	assert_int_equal(atomic_load(&runs), 1);
	assert_int_equal(each.left_count, 2);
	assert_string_equal(each.left[0], "deaf");
	assert_string_equal(each.left[1], "deaf");
	send_home(&crowd);
}

static int refuse(void *context)
{
	(void)context;
	return -EPERM;
}

static void run__tells_what_went_wrong(void **state)
{
	struct crowd crowd = { 0 };
	struct dps_each_thread each = { .run = refuse };
	int one = 1;

	(void)state;
	gather(&crowd, 1);
	assert_int_equal(dps_each_thread_run(&each), -EPERM);
	/* It is over: the next one begins anew. */
	each = (struct dps_each_thread){ .run = count, .context = &one };
	assert_int_equal(dps_each_thread_run(&each), 0);
	send_home(&crowd);
}

static _Atomic bool is_enough;

static void *nothing(void *context)
{
	return context;
}

/* As a server does for each connection. */
static void *beget(void *context)
{
	pthread_t child;

	while (!atomic_load(&is_enough))
		if (pthread_create(&child, NULL, nothing, NULL) == 0)
			pthread_join(child, NULL);
	return context;
}

static void run__ends_though_threads_come_and_go(void **state)
{
	pthread_t parents[2];
	int one = 1;
	struct dps_each_thread each = { .run = count, .context = &one };

	(void)state;
	atomic_store(&is_enough, false);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&parents[i], NULL, beget, NULL), 0);
	for (unsigned int i = 0; i < 20; i++) {
		atomic_store(&runs, 0);
		assert_int_equal(dps_each_thread_run(&each), 0);
		assert_true(atomic_load(&runs) >= 3);
	}
	atomic_store(&is_enough, true);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(parents[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run__is_once_on_each),
		cmocka_unit_test(run__names_who_takes_no_signals),
		cmocka_unit_test(run__tells_what_went_wrong),
		cmocka_unit_test(run__ends_though_threads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
