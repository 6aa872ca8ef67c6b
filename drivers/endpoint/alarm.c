/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/alarm.h"
#include <dps/types.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

void dps_alarm_init(struct dps_alarm *alarm)
{
	*alarm = (struct dps_alarm){ .timer_fd = -1, .due_fd = -1, .at_ns = DPS_NEVER_NS };
}

/* Nothing may be in it: the timer was set anew meanwhile. */
static void take_count(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

static void on_timer(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_alarm *alarm = context;

	(void)events;
	(void)now_ns;
	take_count(alarm->timer_fd);
	alarm->at_ns = DPS_NEVER_NS;
}

static void on_due(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_alarm *alarm = context;

	(void)events;
	(void)now_ns;
	take_count(alarm->due_fd);
	alarm->is_due = false;
}

int dps_alarm_open(struct dps_alarm *alarm, struct dps_loop *loop)
{
	int result;

	alarm->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	alarm->due_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (alarm->timer_fd < 0 || alarm->due_fd < 0)
		return -errno;
	alarm->timer_source = (struct dps_loop_source){
		.fd = alarm->timer_fd,
		.wants = EPOLLIN,
		.on_ready = on_timer,
		.context = alarm,
	};
	alarm->due_source = (struct dps_loop_source){
		.fd = alarm->due_fd,
		.wants = EPOLLIN,
		.on_ready = on_due,
		.context = alarm,
	};
	result = dps_loop_add(loop, &alarm->timer_source);
	return result < 0 ? result : dps_loop_add(loop, &alarm->due_source);
}

void dps_alarm_close(struct dps_alarm *alarm)
{
	if (alarm->timer_fd >= 0)
		close(alarm->timer_fd);
	if (alarm->due_fd >= 0)
		close(alarm->due_fd);
	dps_alarm_init(alarm);
}

static void say_due(struct dps_alarm *alarm)
{
	const uint64_t one = 1;

	if (!alarm->is_due)
		alarm->is_due = write(alarm->due_fd, &one, sizeof(one)) == sizeof(one);
}

void dps_alarm_set(struct dps_alarm *alarm, uint64_t at_ns, uint64_t now_ns)
{
	struct itimerspec spec = { 0 };

	if (at_ns <= now_ns) {
		say_due(alarm);
		return;
	}
	/*
	 * Deadlines move on with each packet: one that comes too early costs less than to set it
	 * each time. One that is over, and was not looked at, is as good as the next.
	 */
	if (alarm->at_ns <= at_ns)
		return;
	alarm->at_ns = at_ns;
	spec.it_value.tv_sec = (time_t)((at_ns - now_ns) / DPS_NS_PER_S);
	spec.it_value.tv_nsec = (long)((at_ns - now_ns) % DPS_NS_PER_S);
	(void)timerfd_settime(alarm->timer_fd, 0, &spec, NULL);
}
