/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/discard/discard.h"
#include "drivers/finished/finished.h"
#include "drivers/finished/indexes.h"
#include <errno.h>
#include <stdlib.h>

struct discard {
	struct dps_disk disk;
	struct dps_finished finished;
	struct dps_indexes files;
};

static struct discard *discard_of(const struct dps_disk *disk)
{
	return (struct discard *)disk;
}

static unsigned int discard_submit(struct dps_disk *disk, const struct dps_disk_request *requests,
				   unsigned int count)
{
	struct discard *discard = discard_of(disk);
	unsigned int taken = 0;

	for (; taken < count && !dps_finished_is_full(&discard->finished); taken++) {
		const struct dps_disk_request *request = &requests[taken];

		dps_finished_put(&discard->finished, disk, request,
				 request->is_write ? (int64_t)request->bytes : -EBADF);
	}
	return taken;
}

static unsigned int discard_reap(struct dps_disk *disk, struct dps_disk_result *results,
				 unsigned int room)
{
	return dps_finished_take(&discard_of(disk)->finished, results, room);
}

static int discard_add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	(void)fd;
	(void)is_direct;
	return dps_indexes_take(&discard_of(disk)->files);
}

static void discard_remove_file(struct dps_disk *disk, uint32_t file)
{
	dps_indexes_give(&discard_of(disk)->files, file);
}

static unsigned int discard_in_flight(const struct dps_disk *disk)
{
	return discard_of(disk)->finished.count;
}

static void discard_close(struct dps_disk *disk)
{
	dps_indexes_destroy(&discard_of(disk)->files);
	dps_finished_destroy(&discard_of(disk)->finished);
	free(disk);
}

static const struct dps_disk_ops discard_ops = {
	.submit = discard_submit,
	.reap = discard_reap,
	.add_file = discard_add_file,
	.remove_file = discard_remove_file,
	.in_flight = discard_in_flight,
	.close = discard_close,
};

int dps_discard_open(unsigned int depth, struct dps_disk **disk)
{
	struct discard *discard = calloc(1, sizeof(*discard));

	if (discard == NULL)
		return -ENOMEM;
	if (dps_finished_create(&discard->finished, depth) < 0)
		goto err_free;
	if (dps_indexes_create(&discard->files) < 0)
		goto err_finished;
	discard->disk = (struct dps_disk){ .ops = &discard_ops, .name = "discard" };
	*disk = &discard->disk;
	return 0;

err_finished:
	dps_finished_destroy(&discard->finished);
err_free:
	free(discard);
	return -ENOMEM;
}
