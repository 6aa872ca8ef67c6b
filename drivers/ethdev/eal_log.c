/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/eal_log.h"
#include <pthread.h>
#include <rte_log.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <syslog.h>

static struct {
	pthread_mutex_t lock;
	FILE *stream;
	void (*on_log)(void *context, int level, const char *line);
	void *context;
	char line[512]; /* what came since the last newline */
	size_t line_bytes;
	char last_error[256];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What DPDK 22.11 says loudly of things that are as they should be. */
static bool is_noise(const char *line)
{
	static const char *const noise[] = {
		/* Of --no-shconf: there are no secondary processes. */
		"Failed to register mp action callback",
		/* Of a memif client: its server is not there yet, or not any more. */
		"Failed to connect socket",
		"Failed to unregister control channel callback",
		/* Of a memif server whose client left before it was greeted. */
		"sendmsg fail",
		/* Of a memif server that closes: its socket is gone already (ethdev_memif.c). */
		"Failed to remove socket file",
		/* Of --no-huge, without which nobody would be here. */
		"Static memory layout is selected",
		"IPC will be disabled",
		"No available 1048576 kB hugepages reported",
		"No free 1048576 kB hugepages reported",
		"TSC frequency estimated",
		"Probe PCI driver",
		"No legacy callbacks",
	};

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		if (strstr(line, noise[i]) != NULL)
			return true;
	return false;
}

/* RTE_LOG_EMERG is 1, LOG_EMERG 0; the order is the same. */
static int level_of_message(void)
{
	int level = rte_log_cur_msg_loglevel() - 1;

	return level < LOG_EMERG ? LOG_EMERG : level > LOG_DEBUG ? LOG_DEBUG : level;
}

static void pass_line(int level)
{
	state.line[state.line_bytes] = '\0';
	state.line_bytes = 0;
	if (state.line[0] == '\0')
		return;
	if (is_noise(state.line))
		level = LOG_DEBUG;
	if (level <= LOG_ERR)
		snprintf(state.last_error, sizeof(state.last_error), "%.250s", state.line);
	if (state.on_log != NULL)
		state.on_log(state.context, level, state.line);
	else if (level <= LOG_WARNING)
		fprintf(stderr, "%s\n", state.line);
}

static ssize_t write_lines(void *cookie, const char *bytes, size_t count)
{
	int level = level_of_message();

	(void)cookie;
	pthread_mutex_lock(&state.lock);
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			pass_line(level);
		else if (state.line_bytes < sizeof(state.line) - 1)
			state.line[state.line_bytes++] = bytes[i];
	}
	pthread_mutex_unlock(&state.lock);
	return (ssize_t)count;
}

void dps_eal_log_open(void (*on_log)(void *context, int level, const char *line), void *context)
{
	cookie_io_functions_t functions = { .write = write_lines };

	state.on_log = on_log;
	state.context = context;
	state.stream = fopencookie(NULL, "w", functions);
	/* Without memory for a stream DPDK keeps writing to stderr. */
	if (state.stream != NULL)
		rte_openlog_stream(state.stream);
}

void dps_eal_log_close(void)
{
	if (state.stream == NULL)
		return;
	rte_openlog_stream(NULL);
	fclose(state.stream);
	state.stream = NULL;
}

void dps_eal_log_last(char *line, size_t line_bytes)
{
	pthread_mutex_lock(&state.lock);
	snprintf(line, line_bytes, "%s", state.last_error);
	pthread_mutex_unlock(&state.lock);
}
