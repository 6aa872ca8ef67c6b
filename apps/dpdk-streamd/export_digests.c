/* SPDX-License-Identifier: BSD-3-Clause */
/* Export digests: of each file that was read, whole, unchanged, and told to the collector. */
#include "apps/dpdk-streamd/export_state.h"
#include <stdalign.h>
#include <stdlib.h>

enum { FILL_BYTES = 16 << 20 /* at a time: opening other files waits no longer */ };

struct dps_piece_digests *dps_export_digests_of(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (file->digests || file->is_known)
		return file->digests;
	file->digests = aligned_alloc(alignof(struct dps_piece_digests), sizeof(*file->digests));
	if (!file->digests)
		abort();
	dps_piece_digests_init(file->digests, dps_export_size_of(export, index),
			       dps_node_chunk_bytes(export->node));
	file->digests->keeps_fresh = export->mirror != NULL;
	return file->digests;
}

void dps_export_free_digests(struct dps_export_file *file)
{
	if (!file->digests)
		return;
	dps_piece_digests_fini(file->digests);
	free(file->digests);
	file->digests = NULL;
}

void dps_export_say_digest(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];
	const struct dps_message_item item = {
		.file = index,
		.size_bytes = dps_export_size_of(export, index),
		.digest = file->digest,
	};
	const struct dps_message message = {
		.type = DPS_MESSAGE_DIGEST,
		.digest = { .channel = export->number, .items_count = 1, .items = &item },
	};

	if (!export->is_live || file->is_said)
		return;
	dps_peer_link_say(export->link, &message);
	file->is_said = true;
}

void dps_export_note_head(struct dps_export *export, uint32_t index, uint64_t offset,
			  const struct dps_digest *piece)
{
	struct dps_export_file *file = &export->files[index];

	/* One that is to be compared is not replaced by what it is compared with. */
	if (offset > 0 || file->has_head)
		return;
	file->head = *piece;
	file->has_head = true;
}

/* All of it was read and it is what was offered: that stays true, whatever the connection does. */
static void learn(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	file->digest = dps_piece_digests_finish(file->digests);
	file->is_known = true;
	dps_export_free_digests(file);
	dps_export_mirror_note(export, index, 0);
	if (file->state != DPS_EXPORT_SENDING)
		return;
	dps_export_say_digest(export, index);
	file->state = DPS_EXPORT_SENT;
}

static void on_checked(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];

	(void)now_ns;
	job->work->is_checked = true;
	if (file->state < DPS_EXPORT_STORED && job->result < 0)
		dps_export_skip_for(export, job->file, job->result);
	else if (file->state < DPS_EXPORT_STORED && file->digests)
		learn(export, job->file);
	dps_export_release(export, job->work);
}

void dps_export_check_if_read(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];

	if (export->is_over || export->live || file->state != DPS_EXPORT_SENDING ||
	    !file->digests || !dps_piece_digests_is_whole(file->digests))
		return;
	if (!file->work) {
		learn(export, index); /* nothing was to be sent: it was checked as it was read */
	} else if (!file->work->is_checking) {
		file->work->is_checking = true;
		dps_export_push_check(export, file->work, on_checked);
	}
}

/* ---- what the collector holds and nobody here knows the digests of ---- */

static uint64_t read_bytes(const struct dps_export *export, uint32_t index)
{
	const struct dps_export_file *file = &export->files[index];

	return file->digests ? dps_piece_digests_prefix_bytes(file->digests,
							      dps_export_size_of(export, index))
			     : 0;
}

static bool needs_fill(const struct dps_export *export, uint32_t index)
{
	const struct dps_export_file *file = &export->files[index];

	return !export->live && file->state < DPS_EXPORT_STORED && !file->is_known &&
	       read_bytes(export, index) < file->from_bytes;
}

static void on_filled(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	uint32_t chunk_bytes = dps_node_chunk_bytes(export->node);

	(void)now_ns;
	export->is_filling = false;
	if (export->is_over || export->live || file->state >= DPS_EXPORT_STORED || file->is_known)
		return;
	if (job->result < 0) {
		dps_export_skip_for(export, job->file, job->result);
		return;
	}
	dps_export_note_head(export, job->file, job->offset, &job->pieces[0]);
	for (uint64_t at = 0; at < job->bytes; at += chunk_bytes)
		if (dps_piece_digests_add(dps_export_digests_of(export, job->file),
					  job->offset + at, &job->pieces[at / chunk_bytes]) < 0)
			abort();
	dps_export_mirror_note(export, job->file, job->bytes);
	dps_export_check_if_read(export, job->file);
}

void dps_export_fill(struct dps_export *export)
{
	while (!export->is_filling && export->next_fill < export->accepted_end) {
		uint32_t index = export->next_fill;
		uint64_t from_bytes, bytes;

		if (!needs_fill(export, index)) {
			export->next_fill++;
			continue;
		}
		if (export->files[index].is_head_due)
			return; /* it is opened in its turn, and compared then */
		from_bytes = read_bytes(export, index);
		bytes = export->files[index].from_bytes - from_bytes;
		export->is_filling = true;
		dps_export_push_pieces(export, index, on_filled, from_bytes,
				       bytes < FILL_BYTES ? bytes : FILL_BYTES);
	}
}
