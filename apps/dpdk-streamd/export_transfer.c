/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/export_transfer.h"
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { GENERATED_MODE = 0644 };

bool dps_export_is_regular(const struct dps_export *export, uint32_t index)
{
	return !export->list.entries[index].is_folder;
}

uint64_t dps_export_size_of(const struct dps_export *export, uint32_t index)
{
	if (export->live)
		return dps_export_live_bytes(export);
	return export->list.entries[index].size_bytes;
}

void dps_export_describe(const struct dps_export *export, uint32_t index,
			 struct dps_message_file *file)
{
	const struct dps_export_entry *entry = &export->list.entries[index];

	*file = (struct dps_message_file){
		.path = entry->name,
		.path_bytes = entry->name_bytes,
		.mode = (uint16_t)entry->mode,
		.kind = entry->is_folder ? DPS_FILE_DIRECTORY : DPS_FILE_REGULAR,
		.size_bytes = entry->size_bytes,
		.mtime_ns = entry->mtime_ns,
	};
}

/* The one file of --generate, as if it had been there before. */
static void list_generated(struct dps_export *export)
{
	const struct dps_options *options = dps_node_options(export->node);
	const char *name = options->name ? options->name : "generated";
	const struct dps_journal_file file = {
		.path = name,
		.path_bytes = strlen(name),
		.size_bytes = options->generate_bytes,
		.mode = GENERATED_MODE,
	};

	if (export->list.count == 0)
		dps_export_list_add_past(&export->list, &file);
	export->list.entries[0].error = 0;
}

static int place_files(struct dps_export *export)
{
	export->files_count = export->list.count;
	export->bytes_total = 0;
	export->files =
		calloc(export->files_count ? export->files_count : 1, sizeof(*export->files));
	if (!export->files)
		return -ENOMEM;
	dps_layout_init(&export->layout, dps_node_chunk_bytes(export->node));
	for (uint32_t i = 0; i < export->files_count; i++) {
		int result;

		if (!dps_export_is_regular(export, i))
			continue;
		result = dps_layout_place(&export->layout, dps_export_size_of(export, i),
					  &export->files[i].offset);
		if (result < 0)
			return result;
		export->bytes_total += dps_export_size_of(export, i);
	}
	return 0;
}

static int list_files(struct dps_export *export)
{
	if (export->live)
		return dps_export_list_live(export);
	if (export->source)
		dps_export_list_add_source(&export->list, export->source);
	else
		list_generated(export);
	return place_files(export);
}

int dps_export_init(struct dps_export *export, struct dps_node *node, struct dps_source *source,
		    struct dps_mirror *mirror, struct dps_peer_link *link,
		    struct dps_report *report)
{
	int result;

	memset(export, 0, sizeof(*export));
	export->node = node;
	export->source = source;
	export->live = dps_node_live(node);
	export->mirror = mirror;
	export->link = link;
	export->report = report;
	export->refetch_at_ns = export->mirror_at_ns = DPS_NEVER_NS;
	if (getrandom(&export->id, sizeof(export->id), 0) != sizeof(export->id))
		return -EIO;
	dps_export_mirror_load_list(export);
	result = list_files(export);
	if (result == 0)
		dps_export_mirror_load_digests(export);
	return result;
}

int dps_export_list_anew(struct dps_export *export)
{
	for (uint32_t i = 0; i < export->files_count; i++)
		dps_export_free_digests(&export->files[i]);
	free(export->files);
	export->files = NULL;
	export->files_count = 0;
	dps_export_list_fini(&export->list);
	export->dirty_count = 0;
	export->settled_count = 0;
	export->files_failed = 0;
	export->is_from_mirror = false;
	return list_files(export);
}

void dps_export_fini(struct dps_export *export)
{
	for (uint32_t i = 0; i < export->files_count && export->files; i++) {
		struct dps_export_file *file = &export->files[i];

		dps_export_free_digests(file);
		if (file->state != DPS_EXPORT_COMPARING && file->work && file->work->fd < 0)
			free(file->work);
	}
	for (size_t fd = 0; fd < export->works_room; fd++) {
		if (!export->works[fd])
			continue;
		close((int)fd);
		free(export->works[fd]);
	}
	dps_export_drop_refetches(export);
	dps_export_list_fini(&export->list);
	free(export->dirty);
	free(export->files);
	free(export->works);
}

/* ---- the end of each file ---- */

void dps_export_settle(struct dps_export *export, uint32_t index, enum dps_export_state state)
{
	struct dps_export_file *file = &export->files[index];

	if (file->state >= DPS_EXPORT_STORED)
		return;
	if (file->state == DPS_EXPORT_COMPARING)
		file->compare = NULL; /* its answer is not wanted any more */
	file->state = (uint8_t)state;
	export->settled_count++;
	dps_export_mirror_note(export, index, 0);
	dps_export_free_digests(file);
}

void dps_export_report_file(struct dps_export *export, uint32_t index,
			    const struct dps_digest *digest, const char *code, const char *text)
{
	struct dps_message_file file;
	struct dps_report_file said = { .transfer = export->id, .file = index };

	dps_export_describe(export, index, &file);
	said.path = file.path;
	said.path_bytes = file.path_bytes;
	said.bytes = dps_export_size_of(export, index);
	said.digest = digest;
	said.was_stored = export->files[index].state == DPS_EXPORT_SAME;
	said.code = code;
	said.text = text;
	if (code)
		dps_report_on_file_failed(export->report, &said);
	else
		dps_report_on_file_stored(export->report, &said);
}

void dps_export_fail(struct dps_export *export, uint32_t index, enum dps_control_code code,
		     const char *text)
{
	char shown[1024];
	struct dps_message_file file;

	if (export->files[index].state >= DPS_EXPORT_STORED)
		return;
	dps_export_settle(export, index, DPS_EXPORT_FAILED);
	export->files_failed++;
	dps_export_describe(export, index, &file);
	dps_report_clear_line(export->report);
	dps_log("export", DPS_LOG_ERROR, "%s: %s",
		dps_name_show(file.path, file.path_bytes, shown, sizeof(shown)), text);
	dps_export_report_file(export, index, NULL, dps_control_code_name(code), text);
}

void dps_export_fail_rest(struct dps_export *export, enum dps_control_code code, const char *text)
{
	for (uint32_t i = 0; i < export->files_count; i++)
		dps_export_fail(export, i, code, text);
}

static enum dps_control_code skip_code(int error)
{
	if (error == -EUCLEAN)
		return DPS_CODE_IDENTITY_CHANGED;
	if (error == -ERANGE)
		return DPS_CODE_OUT_OF_WINDOW;
	if (error == -ECANCELED)
		return DPS_CODE_CANCELLED;
	return error == -ESTALE || error == -ENODATA ? DPS_CODE_SOURCE_CHANGED
						     : DPS_CODE_CANNOT_READ;
}

static const char *skip_text(const struct dps_export *export, int error)
{
	if (error == 0)
		return "the collector gave it up before";
	if (error == -EUCLEAN)
		return "identity changed: it is not the file it was when the transfer began; --new "
		       "starts over";
	if (export->live_trouble[0])
		return export->live_trouble;
	return skip_code(error) == DPS_CODE_SOURCE_CHANGED
		       ? "source changed while it was read; send it again when nobody writes to it"
		       : dps_reason(error);
}

void dps_export_say_skip(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];
	const struct dps_message message = {
		.type = DPS_MESSAGE_SKIP,
		.skip = { .channel = export->number,
			  .file = index,
			  .code = skip_code(file->error),
			  .from_bytes = file->from_bytes,
			  .text = skip_text(export, file->error) },
	};

	if (!export->is_live || index >= export->accepted_end)
		return; /* in its turn */
	dps_peer_link_say(export->link, &message);
	file->is_skip_owed = false;
}

void dps_export_skip_for(struct dps_export *export, uint32_t index, int error)
{
	struct dps_export_file *file = &export->files[index];

	if (file->state >= DPS_EXPORT_STORED)
		return;
	file->error = error;
	file->is_skip_owed = true;
	dps_export_say_skip(export, index);
	dps_export_fail(export, index, skip_code(error), skip_text(export, error));
}

/* ---- offering ---- */

static void say_last(struct dps_export *export)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_LAST,
		.last = { .channel = export->number,
			  .files = export->files_count,
			  .bytes = export->bytes_total },
	};

	dps_peer_link_say(export->link, &message);
	export->is_last_said = true;
}

static void offer(struct dps_export *export)
{
	static struct dps_message_file files[DPS_MESSAGE_ITEMS_MAX];
	uint32_t count = export->files_count - export->offered_end;
	struct dps_message message = {
		.type = export->offered_end == 0 && !export->is_resumed ? DPS_MESSAGE_OFFER
									: DPS_MESSAGE_OFFER_MORE,
		.offer = { .transfer = export->id,
			   .channel = export->number,
			   .chunk_bytes = dps_node_chunk_bytes(export->node),
			   .total_files = export->files_count,
			   .total_bytes = export->bytes_total,
			   .first = export->offered_end,
			   .files = files },
	};

	if (count > DPS_MESSAGE_ITEMS_MAX)
		count = DPS_MESSAGE_ITEMS_MAX;
	for (uint32_t i = 0; i < count; i++)
		dps_export_describe(export, export->offered_end + i, &files[i]);
	if (count > 0)
		count = dps_message_fit_files(files, count);
	message.offer.files_count = count;
	dps_peer_link_say(export->link, &message);
	export->offered_end += count;
	if (export->offered_end == export->files_count)
		say_last(export);
}

void dps_export_open_channel(struct dps_export *export)
{
	dps_node_command(
		export->node,
		&(struct dps_lane_command){
			.type = DPS_COMMAND_OPEN_CHANNEL,
			.cookie = export->connection,
			.open_channel = {
				.path = export->path,
				.number = export->number,
				.is_sender = true,
				.window_bytes = dps_node_options(export->node)->window_bytes,
			},
		});
	export->is_channel_wanted = true;
}

void dps_export_step(struct dps_export *export)
{
	if (export->is_over || (!export->is_live && !export->is_detached))
		return;
	while (export->is_live && !export->is_last_said && !dps_peer_link_is_full(export->link)) {
		if (export->is_resumed && export->offered_end == export->files_count)
			say_last(export);
		else
			offer(export);
	}
	if (export->must_say_again)
		dps_export_say_again(export);
	dps_export_fill(export);
	if (export->accepted_end > 0 && !export->is_channel_wanted)
		dps_export_open_channel(export);
	if (!export->has_channel)
		return;
	dps_export_open_files(export);
	if (export->live)
		dps_export_step_live(export);
	dps_export_announce_last(export);
}

void dps_export_read_channel(const struct dps_export *export, struct dps_channel_state *state)
{
	if (!export->has_channel ||
	    !dps_node_read_channel(export->node, export->channel, export->generation, state))
		*state = (struct dps_channel_state){ 0 };
}

uint64_t dps_export_bytes_done(const struct dps_export *export)
{
	struct dps_channel_state channel;

	dps_export_read_channel(export, &channel);
	return export->bytes_held + export->bytes_same + channel.bytes_done;
}

uint64_t dps_export_deadline_ns(const struct dps_export *export)
{
	if (export->is_over)
		return DPS_NEVER_NS;
	return export->refetch_at_ns < export->mirror_at_ns ? export->refetch_at_ns
							    : export->mirror_at_ns;
}

void dps_export_give_up(struct dps_export *export)
{
	export->is_over = true;
}

bool dps_export_has_jobs(const struct dps_export *export)
{
	return export->jobs_count > 0;
}
