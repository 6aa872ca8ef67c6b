/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/loop.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t monotonic_ns(struct dps_clock *clock)
{
	struct timespec now;

	(void)clock;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * DPS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct dps_clock clock_of_test = { monotonic_ns };

struct probe {
	struct dps_loop *loop;
	struct dps_loop_source source;
	struct dps_loop_source *victim; /* removed when this one is called */
	unsigned int calls;
	int last;
};

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	struct probe *probe = context;

	(void)now_ns;
	probe->calls++;
	probe->last = (int)events;
	if (probe->victim)
		dps_loop_remove(probe->loop, probe->victim);
}

static void open_probe(struct dps_loop *loop, struct probe *probe)
{
	*probe = (struct probe){ .loop = loop,
				 .source = { .fd = eventfd(1, EFD_NONBLOCK),
					     .wants = EPOLLIN,
					     .on_ready = on_ready,
					     .context = probe } };
	assert_true(probe->source.fd >= 0);
	assert_int_equal(dps_loop_add(loop, &probe->source), 0);
}

static void close_probe(struct probe *probe)
{
	dps_loop_remove(probe->loop, &probe->source);
	close(probe->source.fd);
}

static void turn__calls_who_is_ready_and_wants_it(void **state)
{
	struct dps_loop loop;
	struct probe probe;

	(void)state;
	assert_int_equal(dps_loop_init(&loop, &clock_of_test, NULL), 0);
	open_probe(&loop, &probe);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.last, EPOLLIN);

	dps_loop_want(&loop, &probe.source, 0);
	assert_int_equal(dps_loop_turn(&loop, 0), 0);
	assert_int_equal(probe.calls, 1);
	dps_loop_want(&loop, &probe.source, EPOLLOUT);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(probe.calls, 2);
	assert_int_equal(probe.last, EPOLLOUT);
	close_probe(&probe);
	dps_loop_fini(&loop);
}

static void remove__holds_for_the_turn_under_way(void **state)
{
	struct probe probes[2];
	struct dps_loop loop;

	(void)state;
	assert_int_equal(dps_loop_init(&loop, &clock_of_test, NULL), 0);
	open_probe(&loop, &probes[0]);
	open_probe(&loop, &probes[1]);
	probes[0].victim = &probes[1].source;
	probes[1].victim = &probes[0].source;
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(probes[0].calls + probes[1].calls, 1);
	close_probe(&probes[0]);
	close_probe(&probes[1]);
	dps_loop_fini(&loop);
}

static void count_wake(void *context, uint64_t now_ns)
{
	(void)now_ns;
	++*(unsigned int *)context;
}

static void *ring(void *context)
{
	dps_loop_wake(context);
	return NULL;
}

static void wake__ends_a_wait_from_another_thread(void **state)
{
	struct dps_loop loop;
	unsigned int wakes = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(dps_loop_init(&loop, &clock_of_test, NULL), 0);
	dps_loop_set_wake(&loop, count_wake, &wakes);
	assert_int_equal(pthread_create(&thread, NULL, ring, &loop), 0);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(wakes, 1);
	pthread_join(thread, NULL);

	dps_loop_wake(&loop);
	dps_loop_wake(&loop);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(wakes, 2);
	assert_int_equal(dps_loop_turn(&loop, 0), 0);
	assert_int_equal(wakes, 2);
	dps_loop_fini(&loop);
}

struct alarm {
	struct dps_loop *loop;
	struct dps_loop_timer timer;
	uint64_t deadline_ns;
	uint64_t called_at_ns;
	unsigned int calls;
};

static uint64_t next_deadline_ns(void *context)
{
	return ((struct alarm *)context)->deadline_ns;
}

static void on_due(void *context, uint64_t now_ns)
{
	struct alarm *alarm = context;

	alarm->calls++;
	alarm->called_at_ns = now_ns;
	alarm->deadline_ns = DPS_NEVER_NS;
	dps_loop_remove_timer(alarm->loop, &alarm->timer);
}

static void turn__calls_timers_never_before_their_deadline(void **state)
{
	struct dps_loop loop;
	struct alarm alarms[3];
	uint64_t now_ns = monotonic_ns(NULL);

	(void)state;
	assert_int_equal(dps_loop_init(&loop, &clock_of_test, NULL), 0);
	for (unsigned int i = 0; i < 3; i++) {
		alarms[i] = (struct alarm){ .loop = &loop,
					    .timer = { next_deadline_ns, on_due, &alarms[i], NULL },
					    .deadline_ns = now_ns + i * 2 * DPS_NS_PER_MS };
		dps_loop_add_timer(&loop, &alarms[i].timer);
	}
	for (unsigned int turns = 0; alarms[2].calls == 0; turns++) {
		assert_true(turns < 1000);
		assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(alarms[i].calls, 1);
		assert_true(alarms[i].called_at_ns >= now_ns + i * 2 * DPS_NS_PER_MS);
	}
	assert_null(loop.timers);
	dps_loop_fini(&loop);
}

static void on_signal(void *context, int number, uint64_t now_ns)
{
	(void)now_ns;
	((unsigned int *)context)[number]++;
}

static void turn__tells_signals_and_ignores_sigpipe(void **state)
{
	unsigned int counts[65] = { 0 };
	const struct dps_loop_signals signals = { on_signal, counts };
	struct dps_loop loop;

	(void)state;
	assert_int_equal(dps_loop_init(&loop, &clock_of_test, &signals), 0);
	raise(SIGPIPE);
	raise(SIGINT);
	raise(SIGUSR1);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	raise(SIGTERM);
	raise(SIGHUP);
	assert_int_equal(dps_loop_turn(&loop, DPS_NEVER_NS), 0);
	assert_int_equal(counts[SIGINT], 1);
	assert_int_equal(counts[SIGUSR1], 1);
	assert_int_equal(counts[SIGTERM], 1);
	assert_int_equal(counts[SIGHUP], 1);
	dps_loop_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn__calls_who_is_ready_and_wants_it),
		cmocka_unit_test(remove__holds_for_the_turn_under_way),
		cmocka_unit_test(wake__ends_a_wait_from_another_thread),
		cmocka_unit_test(turn__calls_timers_never_before_their_deadline),
		cmocka_unit_test(turn__tells_signals_and_ignores_sigpipe),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
