/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/wait/wait.h"
#include <dps/assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int dps_wait_init(struct dps_wait *wait, struct dps_transfer *transfer, struct dps_clock *clock,
		  bool has_event_fd)
{
	*wait = (struct dps_wait){
		.transfer = transfer,
		.clock = clock,
		.event_fd = -1,
		.changes = dps_transfer_changes(transfer),
	};
	atomic_init(&wait->is_armed, has_event_fd);
	if (!has_event_fd)
		return 0;
	wait->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return wait->event_fd < 0 ? -errno : 0;
}

void dps_wait_fini(struct dps_wait *wait)
{
	DPS_ASSERT(atomic_load(&wait->waiters) == 0);
	if (wait->event_fd >= 0)
		close(wait->event_fd);
	wait->event_fd = -1;
}

static void sleep_on(struct dps_wait *wait, uint32_t wakes, uint64_t deadline_ns, uint64_t now_ns)
{
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	struct timespec left = {
		.tv_sec = (time_t)(left_ns / DPS_NS_PER_S),
		.tv_nsec = (long)(left_ns % DPS_NS_PER_S),
	};

	/* Woken, timed out, interrupted, or too late to sleep: the caller looks in any case. */
	syscall(SYS_futex, &wait->wakes, FUTEX_WAIT_PRIVATE, wakes,
		deadline_ns == DPS_NEVER_NS ? NULL : &left, NULL, 0);
}

static void wake(struct dps_wait *wait)
{
	/*
	 * Both sequentially consistent, as are the two in wait_for(): either this sees a waiter, or
	 * the waiter sees this count and, with it, what changed before.
	 */
	atomic_fetch_add(&wait->wakes, 1);
	if (atomic_load(&wait->waiters) > 0)
		syscall(SYS_futex, &wait->wakes, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	/* Pairs with the exchange in dps_wait_clear_event(), which sees what changed before it. */
	if (wait->event_fd >= 0 && atomic_exchange(&wait->is_armed, 0) != 0) {
		ssize_t written = write(wait->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));

		DPS_ASSERT(written == (ssize_t)sizeof(uint64_t));
	}
}

void dps_wait_on_turn(struct dps_wait *wait)
{
	uint32_t changes;

	dps_transfer_on_turn(wait->transfer);
	changes = dps_transfer_changes(wait->transfer);
	if (changes == wait->changes)
		return;
	wait->changes = changes;
	wake(wait);
}

bool dps_wait_cancel(struct dps_wait *wait, const char *reason)
{
	bool is_first = dps_transfer_cancel(wait->transfer, reason);

	wake(wait);
	return is_first;
}

/* Asks, and sleeps while the answer is -EAGAIN. */
static int wait_for(struct dps_wait *wait,
		    int (*ask)(struct dps_wait *wait, uint64_t value, uint64_t deadline_ns,
			       uint64_t now_ns),
		    uint64_t value, uint64_t deadline_ns)
{
	int answer;

	atomic_fetch_add(&wait->waiters, 1);
	for (;;) {
		uint32_t wakes = atomic_load(&wait->wakes);
		uint64_t now_ns = dps_clock_now_ns(wait->clock);

		answer = ask(wait, value, deadline_ns, now_ns);
		if (answer != -EAGAIN)
			break;
		sleep_on(wait, wakes, deadline_ns, now_ns);
	}
	atomic_fetch_sub(&wait->waiters, 1);
	return answer;
}

static int ask_credit(struct dps_wait *wait, uint64_t bytes, uint64_t deadline_ns, uint64_t now_ns)
{
	return dps_transfer_has_credit(wait->transfer, bytes, deadline_ns, now_ns);
}

int dps_wait_credit(struct dps_wait *wait, uint64_t bytes, uint64_t deadline_ns)
{
	return wait_for(wait, ask_credit, bytes, deadline_ns);
}

static int ask_reconnect(struct dps_wait *wait, uint64_t none, uint64_t deadline_ns,
			 uint64_t now_ns)
{
	(void)none;
	return dps_transfer_has_reconnected(wait->transfer, deadline_ns, now_ns);
}

int dps_wait_reconnect(struct dps_wait *wait, uint64_t deadline_ns)
{
	return wait_for(wait, ask_reconnect, 0, deadline_ns);
}

static int ask_released(struct dps_wait *wait, uint64_t offset, uint64_t deadline_ns,
			uint64_t now_ns)
{
	if (dps_transfer_released(wait->transfer) >= offset)
		return 0;
	if (dps_transfer_cancel_reason(wait->transfer) != NULL)
		return -ECANCELED;
	return now_ns >= deadline_ns ? -ETIMEDOUT : -EAGAIN;
}

int dps_wait_released(struct dps_wait *wait, uint64_t offset, uint64_t deadline_ns)
{
	return wait_for(wait, ask_released, offset, deadline_ns);
}

int dps_wait_event_fd(const struct dps_wait *wait)
{
	return wait->event_fd;
}

void dps_wait_clear_event(struct dps_wait *wait)
{
	uint64_t count;
	ssize_t got;

	if (wait->event_fd < 0)
		return;
	got = read(wait->event_fd, &count, sizeof(count));
	DPS_ASSERT(got == (ssize_t)sizeof(count) || errno == EAGAIN);
	/* Pairs with the exchange in wake(): what changed before that is seen from here on. */
	atomic_exchange(&wait->is_armed, 1);
}
