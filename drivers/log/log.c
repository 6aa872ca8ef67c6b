/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/log/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY_NS UINT64_C(1000000000)

static const char *const level_names[] = {
	[DPS_LOG_ERROR] = "error", [DPS_LOG_WARNING] = "warning", [DPS_LOG_NOTICE] = "notice",
	[DPS_LOG_INFO] = "info",   [DPS_LOG_DEBUG] = "debug",
};

/* writer: the control core; readers: any thread */
static struct {
	struct {
		char name[DPS_LOG_NAME_BYTES];
		_Atomic int level;
	} names[DPS_LOG_NAMES_MAX];
	_Atomic unsigned int names_count;
	_Atomic int level;
	int fd;
} settings = { .level = DPS_LOG_NOTICE, .fd = STDERR_FILENO };

static int find_level(const char *text)
{
	for (int i = 0; i <= DPS_LOG_DEBUG; i++)
		if (strcmp(text, level_names[i]) == 0)
			return i;
	return -EINVAL;
}

/* The level of a name that was given one, NULL for others. */
static _Atomic int *find_name(const char *name, size_t bytes)
{
	/* acquire: pairs with the release in dps_log_set_level() */
	unsigned int count = atomic_load_explicit(&settings.names_count, memory_order_acquire);

	for (unsigned int i = 0; i < count; i++)
		if (strncmp(settings.names[i].name, name, bytes) == 0 &&
		    settings.names[i].name[bytes] == '\0')
			return &settings.names[i].level;
	return NULL;
}

int dps_log_set_level(const char *text)
{
	const char *colon = strchr(text, ':');
	size_t bytes = colon != NULL ? (size_t)(colon - text) : 0;
	int level = find_level(colon != NULL ? colon + 1 : text);
	unsigned int count = atomic_load(&settings.names_count);
	_Atomic int *known;

	if (level < 0 || (colon != NULL && (bytes == 0 || bytes >= DPS_LOG_NAME_BYTES)))
		return -EINVAL;
	if (colon == NULL) {
		atomic_store(&settings.level, level);
		return 0;
	}
	known = find_name(text, bytes);
	if (known != NULL) {
		atomic_store(known, level);
		return 0;
	}
	if (count == DPS_LOG_NAMES_MAX)
		return -ENOSPC;
	memcpy(settings.names[count].name, text, bytes);
	atomic_store(&settings.names[count].level, level);
	/* release: pairs with the acquire in find_name() */
	atomic_store_explicit(&settings.names_count, count + 1, memory_order_release);
	return 0;
}

void dps_log_set_fd(int fd)
{
	settings.fd = fd;
}

bool dps_log_is_on(const char *name, enum dps_log_level level)
{
	size_t bytes = strlen(name);
	_Atomic int *own = bytes < DPS_LOG_NAME_BYTES ? find_name(name, bytes) : NULL;

	return (int)level <= atomic_load(own != NULL ? own : &settings.level);
}

static size_t write_front(char *line, size_t room, const char *name, enum dps_log_level level)
{
	struct timespec now;
	struct tm local;
	int bytes;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	bytes = snprintf(line, room, "%02d:%02d:%02d.%03ld %s %s: ", local.tm_hour, local.tm_min,
			 local.tm_sec, now.tv_nsec / 1000000, level_names[level], name);
	return (size_t)bytes < room ? (size_t)bytes : room - 1;
}

static void write_line(const char *name, enum dps_log_level level, uint32_t suppressed_count,
		       const char *format, va_list arguments)
{
	char line[DPS_LOG_LINE_BYTES], more[32] = "";
	size_t room = sizeof(line) - 1, bytes; /* one for the end of the line */
	int wanted;

	if (suppressed_count != 0)
		room -= (size_t)snprintf(more, sizeof(more), " (and %u more)", suppressed_count);
	bytes = write_front(line, room, name, level);
	wanted = vsnprintf(line + bytes, room - bytes, format, arguments);
	if (wanted < 0)
		return;
	if ((size_t)wanted < room - bytes) {
		bytes += (size_t)wanted;
	} else {
		bytes = room - 1;
		memcpy(line + bytes - 3, "...", 3);
	}
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	memcpy(line + bytes, more, strlen(more));
	bytes += strlen(more);
	line[bytes++] = '\n';
	while (write(settings.fd, line, bytes) < 0 && errno == EINTR)
		;
}

void dps_log(const char *name, enum dps_log_level level, const char *format, ...)
{
	va_list arguments;

	if (!dps_log_is_on(name, level))
		return;
	va_start(arguments, format);
	write_line(name, level, 0, format, arguments);
	va_end(arguments);
}

bool dps_log_limit_take(struct dps_log_limit *limit, uint64_t now_ns, uint32_t *suppressed_count)
{
	uint64_t next_at_ns = atomic_load(&limit->next_at_ns);

	/* Of two threads at once, one speaks and the other is counted. */
	if (now_ns < next_at_ns ||
	    !atomic_compare_exchange_strong(&limit->next_at_ns, &next_at_ns, now_ns + EVERY_NS)) {
		atomic_fetch_add(&limit->suppressed_count, 1);
		return false;
	}
	*suppressed_count = atomic_exchange(&limit->suppressed_count, 0);
	return true;
}

void dps_log_within(struct dps_log_limit *limit, const char *name, enum dps_log_level level,
		    const char *format, ...)
{
	uint32_t suppressed_count;
	struct timespec now;
	va_list arguments;

	if (!dps_log_is_on(name, level))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!dps_log_limit_take(limit, (uint64_t)now.tv_sec * EVERY_NS + (uint64_t)now.tv_nsec,
				&suppressed_count))
		return;
	va_start(arguments, format);
	write_line(name, level, suppressed_count, format, arguments);
	va_end(arguments);
}
