/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/alarm.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <poll.h>

#define SOON_NS (DPS_NS_PER_S / 1000)
#define LATE_NS (3600 * DPS_NS_PER_S)

struct bell {
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_alarm alarm;
};

static int set_up(void **state)
{
	static struct bell bell;

	dps_clock_init_real(&bell.clock);
	assert_int_equal(dps_loop_init(&bell.loop, &bell.clock, NULL), 0);
	dps_alarm_init(&bell.alarm);
	assert_int_equal(dps_alarm_open(&bell.alarm, &bell.loop), 0);
	*state = &bell;
	return 0;
}

static int tear_down(void **state)
{
	struct bell *bell = *state;

	dps_alarm_close(&bell->alarm);
	dps_loop_fini(&bell->loop);
	return 0;
}

/* As who waits for the descriptor elsewhere sees it; wait_ms -1: waits for that. */
static bool is_readable(const struct bell *bell, int wait_ms)
{
	struct pollfd fd = { .fd = bell->loop.epoll_fd, .events = POLLIN };

	return poll(&fd, 1, wait_ms) == 1;
}

static void set(struct bell *bell, uint64_t in_ns)
{
	uint64_t now_ns = dps_clock_now_ns(&bell->clock);

	dps_alarm_set(&bell->alarm, now_ns + in_ns, now_ns);
}

static void set__of_what_is_due_shows_until_it_was_looked_at(void **state)
{
	struct bell *bell = *state;

	assert_false(is_readable(bell, 0));
	set(bell, 0);
	set(bell, 0);
	assert_true(is_readable(bell, 0));
	assert_int_equal(dps_loop_turn(&bell->loop, 0), 0);
	assert_false(is_readable(bell, 0));
	set(bell, 0);
	assert_true(is_readable(bell, 0));
}

static void set__of_a_moment_shows_when_it_is_over(void **state)
{
	struct bell *bell = *state;

	for (unsigned int i = 0; i < 3; i++) {
		set(bell, SOON_NS);
		assert_true(is_readable(bell, -1));
		assert_int_equal(dps_loop_turn(&bell->loop, 0), 0);
		assert_false(is_readable(bell, 0));
	}
}

static void set__does_not_put_off_what_was_set(void **state)
{
	struct bell *bell = *state;

	set(bell, SOON_NS);
	set(bell, LATE_NS);
	assert_true(is_readable(bell, -1));
}

static void set__takes_what_is_sooner(void **state)
{
	struct bell *bell = *state;

	set(bell, LATE_NS);
	assert_false(is_readable(bell, 0));
	set(bell, SOON_NS);
	assert_true(is_readable(bell, -1));
}

static void close__is_of_any(void **state)
{
	struct dps_alarm alarm;

	(void)state;
	dps_alarm_init(&alarm);
	dps_alarm_close(&alarm);
	dps_alarm_close(&alarm);
	assert_int_equal(alarm.timer_fd, -1);
}

#define ALARM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALARM_TEST(set__of_what_is_due_shows_until_it_was_looked_at),
		ALARM_TEST(set__of_a_moment_shows_when_it_is_over),
		ALARM_TEST(set__does_not_put_off_what_was_set),
		ALARM_TEST(set__takes_what_is_sooner),
		cmocka_unit_test(close__is_of_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
