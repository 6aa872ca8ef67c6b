/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that wait: for what they wait they are woken, by whatever ends the waiting. */
#include "drivers/wait/wait.h"
#include "tests/support/transfer_rig.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define SHORT_NS (20 * DPS_NS_PER_MS)

struct room {
	struct transfer_rig rig;
	struct dps_clock clock;
	struct dps_wait wait;
};

static void room_open(struct room *room, bool has_event_fd)
{
	rig_open_small(&room->rig, 1024, 512);
	dps_clock_init_real(&room->clock);
	assert_int_equal(dps_wait_init(&room->wait, room->rig.transfer, &room->clock, has_event_fd),
			 0);
}

static void room_close(struct room *room)
{
	dps_wait_fini(&room->wait);
	rig_close(&room->rig);
}

static void fill(struct room *room)
{
	assert_int_equal(rig_post(&room->rig, 512), 0);
	assert_int_equal(rig_post(&room->rig, 512), 0);
	rig_send(&room->rig, 1);
}

/* A thread in one of the waits, for as long as it takes. */
struct waiter {
	pthread_t thread;
	struct room *room;
	int (*wait)(struct room *room);
	int answer;
};

static void *run(void *argument)
{
	struct waiter *waiter = argument;

	waiter->answer = waiter->wait(waiter->room);
	return NULL;
}

static int wait_credit(struct room *room)
{
	return dps_wait_credit(&room->wait, 512, DPS_NEVER_NS);
}

static int wait_reconnect(struct room *room)
{
	return dps_wait_reconnect(&room->wait, DPS_NEVER_NS);
}

static int wait_released(struct room *room)
{
	return dps_wait_released(&room->wait, 1024, DPS_NEVER_NS);
}

/* Begins to wait; returns when it counts as a waiter. */
static void start(struct waiter *waiter, struct room *room, int (*wait)(struct room *room))
{
	uint32_t before = atomic_load(&room->wait.waiters);

	*waiter = (struct waiter){ .room = room, .wait = wait };
	assert_int_equal(pthread_create(&waiter->thread, NULL, run, waiter), 0);
	while (atomic_load(&room->wait.waiters) == before)
		sched_yield();
}

static int answer_of(struct waiter *waiter)
{
	assert_int_equal(pthread_join(waiter->thread, NULL), 0);
	return waiter->answer;
}

static void credit__is_there_without_waiting(void **state)
{
	struct room room;

	(void)state;
	room_open(&room, false);
	assert_int_equal(dps_wait_credit(&room.wait, 512, 0), 0);
	room_close(&room);
}

/* E10 */
static void credit__gives_up_at_the_deadline(void **state)
{
	struct room room;
	uint64_t deadline_ns;

	(void)state;
	room_open(&room, false);
	fill(&room);
	deadline_ns = dps_clock_now_ns(&room.clock) + SHORT_NS;
	assert_int_equal(dps_wait_credit(&room.wait, 512, deadline_ns), -ETIMEDOUT);
	assert_true(dps_clock_now_ns(&room.clock) >= deadline_ns);
	assert_int_equal(atomic_load(&room.wait.waiters), 0);
	room_close(&room);
}

static void credit__is_woken_by_an_ack(void **state)
{
	struct waiter waiter;
	struct room room;

	(void)state;
	room_open(&room, false);
	fill(&room);
	start(&waiter, &room, wait_credit);
	rig_ack(&room.rig, 512);
	dps_wait_on_turn(&room.wait);
	assert_int_equal(answer_of(&waiter), 0);
	room_close(&room);
}

/* E28 */
static void credit__is_woken_by_a_park(void **state)
{
	struct waiter waiter;
	struct room room;

	(void)state;
	room_open(&room, false);
	fill(&room);
	start(&waiter, &room, wait_credit);
	dps_transfer_park(room.rig.transfer, 1, 0);
	dps_wait_on_turn(&room.wait);
	assert_int_equal(answer_of(&waiter), -ENOTCONN);
	room_close(&room);
}

/* E11: every one of them, by one turn of the lane, though the cancel knew nothing of them. */
static void on_turn__wakes_every_waiter_after_a_cancel(void **state)
{
	struct waiter waiters[3];
	struct room room;

	(void)state;
	room_open(&room, false);
	fill(&room);
	start(&waiters[0], &room, wait_credit);
	start(&waiters[1], &room, wait_released);
	start(&waiters[2], &room, wait_released);
	dps_transfer_cancel(room.rig.transfer, "now");
	dps_wait_on_turn(&room.wait);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(answer_of(&waiters[i]), -ECANCELED);
	room_close(&room);
}

/* E11: or without any lane. */
static void cancel__wakes_at_once(void **state)
{
	struct waiter waiter;
	struct room room;

	(void)state;
	room_open(&room, false);
	dps_transfer_park(room.rig.transfer, 1, 0);
	start(&waiter, &room, wait_reconnect);
	assert_true(dps_wait_cancel(&room.wait, "first"));
	assert_false(dps_wait_cancel(&room.wait, "second"));
	assert_int_equal(answer_of(&waiter), -ECANCELED);
	assert_string_equal(dps_transfer_cancel_reason(room.rig.transfer), "first");
	room_close(&room);
}

static void reconnect__is_woken_by_a_resume(void **state)
{
	struct dps_transfer_resumed answer;
	struct waiter waiter;
	struct room room;

	(void)state;
	room_open(&room, false);
	dps_transfer_park(room.rig.transfer, 1, 0);
	start(&waiter, &room, wait_reconnect);
	assert_int_equal(rig_resume(&room.rig, 2, 0, 0, &answer), DPS_RESUME_OK);
	dps_wait_on_turn(&room.wait);
	assert_int_equal(answer_of(&waiter), 0);
	room_close(&room);
}

/* E21 */
static void reconnect__gives_up_at_the_deadline(void **state)
{
	struct room room;

	(void)state;
	room_open(&room, false);
	dps_transfer_park(room.rig.transfer, 1, 0);
	assert_int_equal(dps_wait_reconnect(&room.wait, dps_clock_now_ns(&room.clock) + SHORT_NS),
			 -ETIMEDOUT);
	room_close(&room);
}

/* A park is no answer to who waits for bytes to arrive: they may after a resume. */
static void released__goes_on_through_a_park(void **state)
{
	struct dps_transfer_resumed answer;
	struct waiter waiter;
	struct room room;

	(void)state;
	room_open(&room, false);
	fill(&room);
	start(&waiter, &room, wait_released);
	dps_transfer_park(room.rig.transfer, 1, 0);
	dps_wait_on_turn(&room.wait);
	assert_int_equal(rig_resume(&room.rig, 2, 0, 1024, &answer), DPS_RESUME_OK);
	dps_wait_on_turn(&room.wait);
	assert_int_equal(answer_of(&waiter), 0);
	assert_int_equal(
		dps_wait_released(&room.wait, 1025, dps_clock_now_ns(&room.clock) + SHORT_NS),
		-ETIMEDOUT);
	room_close(&room);
}

static bool is_readable(const struct room *room)
{
	struct pollfd poll_fd = { .fd = dps_wait_event_fd(&room->wait), .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* E29: full now, and the descriptor says when to try again. */
static void event_fd__is_readable_after_a_change_until_cleared(void **state)
{
	struct room room;

	(void)state;
	room_open(&room, true);
	fill(&room);
	dps_wait_on_turn(&room.wait);
	dps_wait_clear_event(&room.wait);
	assert_false(is_readable(&room));
	rig_ack(&room.rig, 512);
	dps_wait_on_turn(&room.wait);
	assert_true(is_readable(&room));
	rig_ack(&room.rig, 1024);
	dps_wait_on_turn(&room.wait);
	dps_wait_clear_event(&room.wait);
	assert_false(is_readable(&room));
	dps_wait_on_turn(&room.wait);
	assert_false(is_readable(&room));
	dps_wait_cancel(&room.wait, "now");
	assert_true(is_readable(&room));
	room_close(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit__is_there_without_waiting),
		cmocka_unit_test(credit__gives_up_at_the_deadline),
		cmocka_unit_test(credit__is_woken_by_an_ack),
		cmocka_unit_test(credit__is_woken_by_a_park),
		cmocka_unit_test(on_turn__wakes_every_waiter_after_a_cancel),
		cmocka_unit_test(cancel__wakes_at_once),
		cmocka_unit_test(reconnect__is_woken_by_a_resume),
		cmocka_unit_test(reconnect__gives_up_at_the_deadline),
		cmocka_unit_test(released__goes_on_through_a_park),
		cmocka_unit_test(event_fd__is_readable_after_a_change_until_cleared),
	};

	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
