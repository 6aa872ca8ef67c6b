/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/trust_watch.h"
#include "drivers/trust/trust.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int dps_trust_watch_open(struct dps_trust_watch *watch, int folder_fd)
{
	const uint32_t mask =
		IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
	char path[64];

	watch->is_gone = false;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", folder_fd);
	if (inotify_add_watch(watch->fd, path, mask) < 0) {
		int result = -errno;

		dps_trust_watch_close(watch);
		return result;
	}
	return 0;
}

void dps_trust_watch_close(struct dps_trust_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

/* Lost events, and a folder that is gone, may have been about the file. */
static bool is_about_file(const struct inotify_event *event)
{
	return event->mask & (IN_Q_OVERFLOW | IN_IGNORED) ||
	       (event->len > 0 && strcmp(event->name, DPS_TRUST_NAME) == 0);
}

/* Whether there may be another file now. What a new one is given before it is whole is no matter.
 */
static bool note(struct dps_trust_watch *watch, const struct inotify_event *event)
{
	const bool is_taken_away = event->mask & (IN_MOVED_FROM | IN_DELETE);

	if (is_taken_away || !(event->mask & IN_ATTRIB))
		watch->is_gone = is_taken_away;
	return !watch->is_gone;
}

bool dps_trust_watch_take(struct dps_trust_watch *watch)
{
	_Alignas(struct inotify_event) char
		events[4 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	bool is_changed = false;
	ssize_t count;

	if (watch->fd < 0)
		return false;
	while ((count = read(watch->fd, events, sizeof(events))) > 0)
		for (ssize_t at = 0; at < count;) {
			const struct inotify_event *event =
				(const struct inotify_event *)(events + at);

			if (is_about_file(event))
				is_changed = note(watch, event);
			at += (ssize_t)sizeof(*event) + event->len;
		}
	return is_changed;
}
