/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/loop.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_wake_fd(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_loop *loop = context;
	uint64_t count;

	(void)events;
	if (read(loop->wake_fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (loop->on_wake)
		loop->on_wake(loop->wake_context, now_ns);
}

static void on_signal_fd(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_loop *loop = context;
	struct signalfd_siginfo info;

	(void)events;
	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		loop->signals.on_signal(loop->signals.context, (int)info.ssi_signo, now_ns);
}

static int open_signals(struct dps_loop *loop, const struct dps_loop_signals *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	loop->signals = *signals;
	loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0)
		return -errno;
	loop->signal_source = (struct dps_loop_source){
		.fd = loop->signal_fd, .wants = EPOLLIN, .on_ready = on_signal_fd, .context = loop
	};
	if (sigaction(SIGPIPE, &ignore, NULL) != 0)
		return -errno;
	/* Last: a signal that comes before still does what it does without us. */
	return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int dps_loop_init(struct dps_loop *loop, struct dps_clock *clock,
		  const struct dps_loop_signals *signals)
{
	int status;

	memset(loop, 0, sizeof(*loop));
	loop->clock = clock;
	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0) {
		status = -errno;
		goto err;
	}
	loop->wake_source = (struct dps_loop_source){
		.fd = loop->wake_fd, .wants = EPOLLIN, .on_ready = on_wake_fd, .context = loop
	};
	status = dps_loop_add(loop, &loop->wake_source);
	if (status == 0 && signals)
		status = open_signals(loop, signals);
	if (status == 0 && signals)
		status = dps_loop_add(loop, &loop->signal_source);
	if (status == 0)
		return 0;
err:
	dps_loop_fini(loop);
	return status;
}

void dps_loop_fini(struct dps_loop *loop)
{
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->signal_fd = loop->wake_fd = loop->epoll_fd = -1;
}

void dps_loop_set_wake(struct dps_loop *loop, void (*on_wake)(void *context, uint64_t now_ns),
		       void *context)
{
	loop->on_wake = on_wake;
	loop->wake_context = context;
}

void dps_loop_wake(struct dps_loop *loop)
{
	const uint64_t one = 1;
	int saved_errno = errno; /* may run in a signal handler */
	ssize_t written = write(loop->wake_fd, &one, sizeof(one));

	(void)written; /* fails only when 2^64 - 2 wakes are pending already */
	errno = saved_errno;
}

static int control(struct dps_loop *loop, int operation, struct dps_loop_source *source)
{
	struct epoll_event event = { .events = source->wants, .data.ptr = source };

	return epoll_ctl(loop->epoll_fd, operation, source->fd, &event) == 0 ? 0 : -errno;
}

int dps_loop_add(struct dps_loop *loop, struct dps_loop_source *source)
{
	int status;

	DPS_ASSERT(!source->is_added);
	status = control(loop, EPOLL_CTL_ADD, source);
	source->is_added = status == 0;
	return status;
}

void dps_loop_want(struct dps_loop *loop, struct dps_loop_source *source, uint32_t wants)
{
	int status;

	if (source->wants == wants)
		return;
	source->wants = wants;
	if (!source->is_added)
		return;
	status = control(loop, EPOLL_CTL_MOD, source);
	DPS_ASSERT(status == 0);
}

void dps_loop_remove(struct dps_loop *loop, struct dps_loop_source *source)
{
	if (!source->is_added)
		return;
	control(loop, EPOLL_CTL_DEL, source);
	source->is_added = false;
	for (unsigned int i = 0; i < loop->ready_count; i++)
		if (loop->ready[i] == source)
			loop->ready[i] = NULL;
}

void dps_loop_add_timer(struct dps_loop *loop, struct dps_loop_timer *timer)
{
	timer->next = loop->timers;
	loop->timers = timer;
}

void dps_loop_remove_timer(struct dps_loop *loop, struct dps_loop_timer *timer)
{
	struct dps_loop_timer **at = &loop->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = timer->next;
}

static int wait_ms(struct dps_loop *loop, uint64_t until_ns)
{
	uint64_t now_ns, ms;

	for (struct dps_loop_timer *timer = loop->timers; timer; timer = timer->next) {
		uint64_t deadline_ns = timer->next_deadline_ns(timer->context);

		until_ns = deadline_ns < until_ns ? deadline_ns : until_ns;
	}
	if (until_ns == DPS_NEVER_NS)
		return -1;
	now_ns = dps_clock_now_ns(loop->clock);
	if (until_ns <= now_ns)
		return 0;
	/* Rounded up: to wake before the deadline would be to spin until it. */
	ms = (until_ns - now_ns - 1) / DPS_NS_PER_MS + 1;
	return ms < 60000 ? (int)ms : 60000;
}

/* A handler may add or remove timers: begin anew after each that was due. */
static void call_timers(struct dps_loop *loop, uint64_t now_ns)
{
	unsigned int calls = 0;

	for (struct dps_loop_timer *timer = loop->timers; timer && calls < DPS_LOOP_EVENTS_MAX;) {
		if (timer->next_deadline_ns(timer->context) > now_ns) {
			timer = timer->next;
			continue;
		}
		timer->on_due(timer->context, now_ns);
		timer = loop->timers;
		calls++;
	}
}

int dps_loop_turn(struct dps_loop *loop, uint64_t until_ns)
{
	struct epoll_event events[DPS_LOOP_EVENTS_MAX];
	int count =
		epoll_wait(loop->epoll_fd, events, DPS_LOOP_EVENTS_MAX, wait_ms(loop, until_ns));
	uint64_t now_ns = dps_clock_now_ns(loop->clock);

	if (count < 0 && errno != EINTR)
		return -errno;
	loop->ready_count = count > 0 ? (unsigned int)count : 0;
	for (unsigned int i = 0; i < loop->ready_count; i++)
		loop->ready[i] = events[i].data.ptr;
	for (unsigned int i = 0; i < loop->ready_count; i++) {
		struct dps_loop_source *source = loop->ready[i];

		if (source)
			source->on_ready(source->context, events[i].events, now_ns);
	}
	loop->ready_count = 0;
	call_timers(loop, now_ns);
	return 0;
}
