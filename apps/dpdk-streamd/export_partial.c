/* SPDX-License-Identifier: BSD-3-Clause */
/* Export partial: what the collector holds of an earlier transfer that nobody here remembers. */
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/log/log.h"
#include <stdlib.h>
#include <string.h>

static void say(struct dps_export *export)
{
	const struct dps_report_resumed resumed = {
		.transfer = export->id,
		.from_bytes = export->bytes_held + export->bytes_same,
		.resent_bytes = DPS_REPORT_UNKNOWN,
	};

	dps_log("export", DPS_LOG_NOTICE,
		"the collector has %.1f MiB of an earlier transfer, which need not come again",
		(double)export->bytes_adopted / (1 << 20));
	dps_report_on_resumed(export->report, &resumed);
}

/* The collector goes on behind these bytes, and so does this side. */
static void go_on_behind(struct dps_export *export, uint32_t index, uint64_t bytes)
{
	export->files[index].from_bytes = bytes;
	export->bytes_held += bytes;
	export->bytes_before += bytes;
	export->bytes_adopted += bytes;
	/* Its first pieces are to be read again: their digests went with who forgot it. */
	if (index < export->next_fill)
		export->next_fill = index;
}

static void on_head_read(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	bool is_same =
		job->result == 0 && memcmp(&job->digest, &job->expected, sizeof(job->digest)) == 0;

	(void)now_ns;
	if (export->is_over || file->state != DPS_EXPORT_COMPARING || file->compare != job)
		return;
	file->compare = NULL;
	file->state = DPS_EXPORT_WAITING;
	if (!job->is_asked)
		return; /* on a connection that is gone */
	if (is_same)
		go_on_behind(export, job->file, job->bytes);
	dps_export_say_whether_same(export, job->file, is_same);
	if (--export->partial_count == 0 && export->bytes_adopted > 0)
		say(export);
}

static bool is_possible(const struct dps_export *export, const struct dps_message_item *item)
{
	return item->file < export->offered_end && dps_export_is_regular(export, item->file) &&
	       item->size_bytes > 0 && item->size_bytes <= dps_export_size_of(export, item->file) &&
	       (item->size_bytes % dps_node_chunk_bytes(export->node) == 0 ||
		item->size_bytes == dps_export_size_of(export, item->file));
}

/* On the connection before: it is said once more, or will be told in its time. */
static bool was_answered(struct dps_export *export, const struct dps_message_item *item)
{
	const struct dps_export_file *file = &export->files[item->file];

	if (file->state == DPS_EXPORT_COMPARING && file->compare->is_asked)
		return true;
	if (file->state == DPS_EXPORT_WAITING && file->from_bytes == 0)
		return false; /* it was not heard, or its head is read again */
	dps_export_say_whether_same(export, item->file, file->from_bytes == item->size_bytes);
	return true;
}

static bool on_item(struct dps_export *export, const struct dps_message_item *item)
{
	struct dps_export_file *file = &export->files[item->file];

	if (!is_possible(export, item))
		return false;
	if (export->is_attaching && was_answered(export, item))
		return true;
	if (file->from_bytes > 0 ||
	    (file->state == DPS_EXPORT_COMPARING && file->compare->is_asked))
		return false;
	if (!export->source || dps_node_options(export->node)->is_new ||
	    file->state == DPS_EXPORT_COMPARING || file->state == DPS_EXPORT_FAILED) {
		dps_export_say_whether_same(export, item->file, false);
		return true;
	}
	if (file->state != DPS_EXPORT_WAITING)
		return false;
	file->state = DPS_EXPORT_COMPARING;
	file->compare = dps_export_push_head(export, item->file, item, on_head_read);
	export->partial_count++;
	return true;
}

bool dps_export_on_partial(struct dps_export *export, const struct dps_message_items *partial)
{
	/* Of what grows nobody knows whether it is in part. */
	if ((export->live && export->list.entries[0].size_bytes == DPS_NUMBER_NONE) ||
	    export->is_resuming)
		return false;
	for (uint32_t i = 0; i < partial->items_count; i++)
		if (!on_item(export, &partial->items[i]))
			return false;
	return true;
}
