/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_context.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

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
	context->by_fd[fd] = NULL;
	return open;
}
