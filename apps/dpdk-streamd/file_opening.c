/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/file_opening.h"
#include "drivers/control/message.h"
#include "drivers/store/reason.h"
#include <errno.h>
#include <fcntl.h>

enum {
	/* Below, the page cache gathers writes that would each be a wait for the disk. */
	DIRECT_BYTES_MIN = 64 << 10,
};

static void open_item(struct dps_file_opening *opening, struct dps_file_opening_item *item,
		      int folder_error)
{
	enum dps_wish wish =
		item->size_bytes < DIRECT_BYTES_MIN ? DPS_WISH_CACHED : DPS_WISH_DIRECT;

	item->error = folder_error;
	/* One that grows takes its space as it comes. */
	if (folder_error == 0)
		item->error = dps_staging_open_file(
			opening->folder, item->file,
			item->size_bytes == DPS_NUMBER_NONE ? 0 : item->size_bytes, wish,
			item->is_continued, &item->staged);
}

static void open_nowhere(struct dps_file_opening *opening, struct dps_file_opening_item *item)
{
	item->staged = (struct dps_staged_file){
		.folder = opening->folder,
		.index = item->file,
		.fd = open("/dev/null", O_RDWR | O_CLOEXEC),
	};
}

void dps_file_opening_run(struct dps_job *job)
{
	struct dps_file_opening *opening = (struct dps_file_opening *)job;
	int err = dps_staging_own_folder(opening->staging, opening->folder);

	opening->lacks_space = false;
	while (opening->first < opening->count) {
		struct dps_file_opening_item *item = &opening->items[opening->first];

		open_item(opening, item, err);
		opening->lacks_space = !opening->is_final && dps_reason_is_space(item->error);
		if (opening->lacks_space)
			return;
		if (item->error < 0)
			open_nowhere(opening, item);
		opening->first++;
	}
}
