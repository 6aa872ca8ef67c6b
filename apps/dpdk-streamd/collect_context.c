/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_context.h"
#include "apps/dpdk-streamd/intake.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	LANE_FILES_MAX = 4032,
	OPEN_FILES_MAX = 16384,
	OTHER_FILES = 192, /* descriptors for everything but files */
};

void dps_collect_context_set_budgets(struct dps_collect_context *context)
{
	struct rlimit limit;
	uint32_t chunk_files = context->chunk_bytes / DPS_PAGE_BYTES;
	uint64_t files = OPEN_FILES_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < files + OTHER_FILES)
		files = limit.rlim_cur > 2 * OTHER_FILES ? limit.rlim_cur - OTHER_FILES
							 : OTHER_FILES;
	context->open_files_max = (uint32_t)files;
	context->lane_files_max =
		(uint32_t)files / 2 < LANE_FILES_MAX ? (uint32_t)files / 2 : LANE_FILES_MAX;
	if (context->lane_files_max < chunk_files)
		context->lane_files_max = chunk_files;
	/* Each has to be able to fill a chunk with the smallest files, or all might wait for all.
	 */
	context->channels_max = context->lane_files_max / (chunk_files ? chunk_files : 1);
	if (context->channels_max > 2)
		context->channels_max--;
}

struct dps_intake *dps_collect_context_find(const struct dps_collect_context *context,
					    const struct dps_transfer_id *id)
{
	struct dps_handle handle;

	if (!dps_registry_find(context->watch.registry, id, &handle))
		return NULL;
	return dps_registry_get(context->watch.registry, handle, NULL);
}

struct dps_intake *dps_collect_context_of_serial(const struct dps_collect_context *context,
						 uint64_t serial)
{
	struct dps_intake *intake = context->intakes;

	while (intake && intake->serial != serial)
		intake = intake->next;
	return intake;
}

struct dps_intake *dps_collect_context_of_channel(const struct dps_collect_context *context,
						  const struct dps_event *event)
{
	struct dps_intake *intake = context->intakes;

	while (intake &&
	       !(intake->channel_state == DPS_INTAKE_CHANNEL_OPEN &&
		 intake->channel == event->channel && intake->generation == event->generation))
		intake = intake->next;
	return intake;
}

void dps_collect_context_note_fd(struct dps_collect_context *context, int fd,
				 struct dps_intake_open *open)
{
	size_t room = (size_t)fd + 256;

	DPS_ASSERT(fd >= 0);
	if ((size_t)fd >= context->by_fd_room) {
		void *by_fd = realloc(context->by_fd, room * sizeof(*context->by_fd));

		if (!by_fd)
			abort(); /* out of memory */
		context->by_fd = by_fd;
		memset(context->by_fd + context->by_fd_room, 0,
		       (room - context->by_fd_room) * sizeof(*context->by_fd));
		context->by_fd_room = room;
	}
	context->by_fd[fd] = open;
}

struct dps_intake_open *dps_collect_context_take_fd(struct dps_collect_context *context, int fd)
{
	struct dps_intake_open *open;

	if (fd < 0 || (size_t)fd >= context->by_fd_room)
		return NULL;
	open = context->by_fd[fd];
	if (!open || open->lane_fds <= 1)
		context->by_fd[fd] = NULL;
	return open;
}
