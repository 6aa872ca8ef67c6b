/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/wait/door.h"
#include <dps/assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int dps_door_init(struct dps_door *door, struct dps_clock *clock)
{
	int error;

	door->clock = clock;
	door->has_current = false;
	dps_mailbox_init(&door->calls, door->call_places, sizeof(*door->call_places),
			 DPS_DOOR_CALLS);
	dps_mailbox_init(&door->events, door->event_places, sizeof(*door->event_places),
			 DPS_DOOR_EVENTS);
	door->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (door->event_fd < 0)
		return -errno;
	door->done_fd = eventfd(0, EFD_CLOEXEC);
	if (door->done_fd >= 0)
		return 0;
	error = -errno;
	close(door->event_fd);
	return error;
}

void dps_door_fini(struct dps_door *door)
{
	close(door->event_fd);
	close(door->done_fd);
}

static void signal_fd(int fd)
{
	ssize_t written = write(fd, &(uint64_t){ 1 }, sizeof(uint64_t));

	DPS_ASSERT(written == (ssize_t)sizeof(uint64_t));
}

/* Calls are made in their order: one that waits holds up those behind it. */
static void make_calls(struct dps_door *door, struct dps_streams *streams, uint64_t now_ns)
{
	while (door->has_current || dps_mailbox_pop(&door->calls, &door->current)) {
		door->has_current = !door->current.run(streams, door->current.argument, now_ns);
		if (door->has_current)
			return;
		if (door->current.is_waited_for)
			signal_fd(door->done_fd);
	}
}

void dps_door_on_turn(struct dps_door *door, struct dps_streams *streams, uint64_t now_ns)
{
	uint32_t room = dps_mailbox_room(&door->events);
	struct dps_stream_event event;
	bool has_any = false;

	make_calls(door, streams, now_ns);
	/* What finds no room stays where it is. */
	for (; room > 0 && dps_streams_emit_events(streams, &event, 1) == 1; room--) {
		dps_mailbox_push(&door->events, &event);
		has_any = true;
	}
	if (has_any)
		signal_fd(door->event_fd);
}

int dps_door_post(struct dps_door *door, dps_door_run *run, void *argument)
{
	const struct dps_door_call call = { .run = run, .argument = argument };

	/* The last place is for one that waits. */
	if (dps_mailbox_room(&door->calls) <= 1)
		return -EAGAIN;
	dps_mailbox_push(&door->calls, &call);
	return 0;
}

static void sleep_until_done(struct dps_door *door)
{
	uint64_t count;

	/* Interrupted, it is not done yet. */
	while (read(door->done_fd, &count, sizeof(count)) < 0)
		DPS_ASSERT(errno == EINTR);
}

void dps_door_wait(struct dps_door *door, dps_door_run *run, void *argument)
{
	const struct dps_door_call call = { run, argument, true };
	bool is_in = dps_mailbox_push(&door->calls, &call);

	/* Those that are posted leave a place. */
	DPS_ASSERT(is_in);
	sleep_until_done(door);
}

int dps_door_event_fd(const struct dps_door *door)
{
	return door->event_fd;
}

void dps_door_clear_event(struct dps_door *door)
{
	uint64_t count;
	ssize_t got = read(door->event_fd, &count, sizeof(count));

	DPS_ASSERT(got == (ssize_t)sizeof(count) || errno == EAGAIN);
}

unsigned int dps_door_take_events(struct dps_door *door, struct dps_stream_event *events,
				  unsigned int room)
{
	unsigned int count = 0;

	while (count < room && dps_mailbox_pop(&door->events, &events[count]))
		count++;
	return count;
}

static int poll_ms(struct dps_door *door, uint64_t deadline_ns)
{
	uint64_t now_ns = dps_clock_now_ns(door->clock), left_ns;

	if (deadline_ns == DPS_NEVER_NS)
		return -1;
	left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	left_ns = (left_ns + DPS_NS_PER_MS - 1) / DPS_NS_PER_MS;
	return left_ns < INT_MAX ? (int)left_ns : INT_MAX;
}

int dps_door_wait_event(struct dps_door *door, struct dps_stream_event *event, uint64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = door->event_fd, .events = POLLIN };

	for (;;) {
		int wait_ms = poll_ms(door, deadline_ns);

		dps_door_clear_event(door);
		if (dps_door_take_events(door, event, 1) == 1)
			return 0;
		if (wait_ms == 0)
			return -ETIMEDOUT;
		poll(&poll_fd, 1, wait_ms);
	}
}
