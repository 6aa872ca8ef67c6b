/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export attach: a transfer that goes on without a control connection, and what is said when there
 * is another one. What may not have been heard is said once more; the collector does the same.
 */
#include "apps/dpdk-streamd/export_state.h"
#include <string.h>

void dps_export_detach(struct dps_export *export)
{
	export->is_live = export->is_attaching = export->must_say_again = false;
	export->is_detached = true;
}

void dps_export_attach(struct dps_export *export, uint64_t epoch)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ATTACH,
		.attach = { .transfer = export->id, .channel = export->number, .epoch = epoch },
	};

	export->is_attaching = true;
	dps_peer_link_say(export->link, &message);
}

static void say_file_again(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (file->state == DPS_EXPORT_FAILED && file->error < 0) {
		dps_export_say_skip(export, index);
	} else if (file->is_known && file->state >= DPS_EXPORT_OPENING &&
		   file->state <= DPS_EXPORT_SENT) {
		file->is_said = false;
		dps_export_say_digest(export, index);
	}
}

/* Of files whose turn has come: what there is to say of others is said then. */
void dps_export_say_again(struct dps_export *export)
{
	export->must_say_again = false;
	/* Of what grows the size is told before its digest. */
	if (export->live)
		dps_export_say_live_again(export);
	for (uint32_t i = 0; i < export->next_open; i++)
		say_file_again(export, i);
}

bool dps_export_on_attached(struct dps_export *export, const struct dps_message_attached *attached)
{
	if (!export->is_attaching ||
	    memcmp(&attached->transfer, &export->id, sizeof(export->id)) != 0 ||
	    attached->files_end < export->accepted_end ||
	    attached->offered_end < attached->files_end ||
	    attached->offered_end > export->offered_end)
		return false;
	export->is_attaching = export->is_detached = false;
	export->is_live = export->is_resumed = true;
	export->accepted_end = attached->files_end;
	/* Offers behind that were lost, or the last of them was. */
	export->offered_end = attached->offered_end;
	export->is_last_said = false;
	export->must_say_again = true;
	dps_export_mirror_begin(export);
	return true;
}
