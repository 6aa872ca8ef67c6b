/* SPDX-License-Identifier: BSD-3-Clause */
/* Log: lines on stderr, each with a level and the name of who speaks. Not for every packet. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum dps_log_level {
	DPS_LOG_ERROR,
	DPS_LOG_WARNING,
	DPS_LOG_NOTICE, /* shown unless asked otherwise, as those before it */
	DPS_LOG_INFO,
	DPS_LOG_DEBUG,
	DPS_LOG_LEVELS_COUNT,
};

enum dps_log_limits {
	DPS_LOG_NAMES_MAX = 32,
	DPS_LOG_NAME_BYTES = 24,   /* its end included */
	DPS_LOG_LINE_BYTES = 1024, /* longer lines are cut and end in "..." */
};

/*
 * Takes what stands behind --log-level: "debug" for all, "udp:debug" for one name, the later call
 * winning. Control core only, at any time.
 * Errors: -EINVAL no such level, or no name that can be; -ENOSPC too many names.
 */
int dps_log_set_level(const char *text);

/* Where lines go; stderr before the first call. Before other threads start. */
void dps_log_set_fd(int fd);

/* Whether a line would be shown: ask before costly arguments. Any thread. */
bool dps_log_is_on(const char *name, enum dps_log_level level);

/*
 * Writes "12:34:56.789 warning udp: text" with one write(2), so that lines of several threads stay
 * whole; control characters (of a file name, say) become '?'. A line that cannot be written is
 * lost: a log never stops the program. Any thread.
 */
void dps_log(const char *name, enum dps_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Of one call site. Zero at first. Any thread. */
struct dps_log_limit {
	_Atomic uint64_t next_at_ns;
	_Atomic uint32_t suppressed_count;
};

/*
 * Whether a line may be said now: once a second. Then tells how many were not said since the last
 * one, else counts. The moment belongs to the caller; one clock for a limit.
 */
bool dps_log_limit_take(struct dps_log_limit *limit, uint64_t now_ns, uint32_t *suppressed_count);

/* As dps_log; appends "(and 41 more)" when lines were suppressed. */
void dps_log_within(struct dps_log_limit *limit, const char *name, enum dps_log_level level,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* At most once a second from this place: dps_log_limited(name, level, format, ...). */
#define dps_log_limited(...)                                                                       \
	do {                                                                                       \
		static struct dps_log_limit dps_log_limit_here;                                    \
                                                                                                   \
		dps_log_within(&dps_log_limit_here, __VA_ARGS__);                                  \
	} while (0)

/* Once from this place, for the life of the process: dps_log_once(name, level, format, ...). */
#define dps_log_once(...)                                                                          \
	do {                                                                                       \
		static atomic_flag dps_log_said_here = ATOMIC_FLAG_INIT;                           \
                                                                                                   \
		if (!atomic_flag_test_and_set(&dps_log_said_here))                                 \
			dps_log(__VA_ARGS__);                                                      \
	} while (0)
