/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter input: what is to be sent, opened before anything else is started. */
#include "apps/dpdk-streamd/exporter.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_trouble(void *context, enum dps_source_trouble trouble, const char *path,
		       const char *reason)
{
	(void)context;
	dps_log("export", trouble == DPS_SOURCE_FAILED ? DPS_LOG_ERROR : DPS_LOG_WARNING,
		"%s: %s%s", path, reason, trouble == DPS_SOURCE_SKIPPED ? ", skipped" : "");
}

static int complain(const char *what, const char *why, int error)
{
	fprintf(stderr, "dpdk-streamd: %s %s\n", what, why);
	return error;
}

static bool is_fifo(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

/* An end of file that may be a writer's death: not of a file that stands at standard input. */
static bool is_pipe(int fd)
{
	struct stat status;

	return fstat(fd, &status) < 0 || !S_ISREG(status.st_mode);
}

static int open_live(const struct dps_options *options, struct dps_live_input *live)
{
	const char *path = options->reads_stdin ? "standard input" : options->paths[0];
	int error;

	/* Without O_NONBLOCK the open would wait for a writer. */
	live->fd = options->reads_stdin
			   ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
			   : open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (live->fd < 0) {
		error = -errno;
		fprintf(stderr, "dpdk-streamd: %s cannot be read: %s\n", path, strerror(-error));
		return error;
	}
	live->is_pipe = is_pipe(live->fd);
	return 0;
}

static int open_producer(const struct dps_options *options, struct dps_exporter_input *input)
{
	int error = dps_producer_start(&input->producer, options->exec, &input->live.fd);

	if (error < 0)
		return complain("the command of --exec cannot be started:", strerror(-error),
				error);
	input->live.producer = &input->producer;
	input->live.is_pipe = true;
	return 0;
}

int dps_exporter_open_input(const struct dps_options *options, struct dps_exporter_input *input)
{
	const struct dps_source_listener listener = { .on_trouble = on_trouble };
	char sentence[DPS_SOURCE_SENTENCE_BYTES];
	int result;

	*input = (struct dps_exporter_input){ .live.fd = -1 };
	if (options->has_generate)
		return 0;
	if (options->exec)
		return open_producer(options, input);
	/* Among files, and without a name, it is as little a file as a device is. */
	if (options->reads_stdin ||
	    (options->name && options->paths_count == 1 && is_fifo(options->paths[0])))
		return open_live(options, &input->live);
	if (options->name)
		return complain(options->paths[0],
				"is no FIFO: --name is for what has no name of its own, files keep "
				"theirs",
				-EINVAL);
	result = dps_source_open((const char *const *)options->paths, options->paths_count,
				 &listener, &input->source, sentence);
	if (result < 0)
		fprintf(stderr, "dpdk-streamd: %s\n", sentence);
	return result;
}

void dps_exporter_close_input(struct dps_exporter_input *input)
{
	dps_producer_stop(&input->producer);
	if (input->source)
		dps_source_close(input->source);
}
