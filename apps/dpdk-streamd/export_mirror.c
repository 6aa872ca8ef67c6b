/* SPDX-License-Identifier: BSD-3-Clause */
/* Export mirror: what another run of the same command needs to go on, written as it comes. */
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FLUSH_MS = 250,
	FLUSH_BYTES = 64 << 20,
	FILES_A_TURN = 256, /* written by one call */
};

/* What one commit holds, and where it is built. */
struct mirror_job {
	struct dps_job job;
	struct dps_export *export;
	struct dps_mirror *mirror;
	struct dps_transfer_id id;
	bool is_begin;
	bool is_forget;
	uint32_t first; /* begin: the first file that is not there */
	uint32_t changes_count;
	uint32_t runs_count;
	struct dps_journal_change *changes;
	struct dps_piece_run *runs;
	uint32_t *run_files;
	int result;
};

/* ---- loaded, before anything else runs ---- */

static void give_up_mirror(struct dps_export *export)
{
	dps_log("export", DPS_LOG_WARNING,
		"%s; goes on without, and a restart begins this transfer anew",
		dps_journal_trouble(export->mirror->journal));
	export->mirror->is_found = false;
	export->mirror = NULL;
}

static int on_past_file(void *context, const struct dps_journal_file *file)
{
	dps_export_list_add_past(context, file);
	return 0;
}

void dps_export_mirror_load_list(struct dps_export *export)
{
	struct dps_mirror *mirror = export->mirror;

	if (mirror && !mirror->journal)
		export->mirror = NULL;
	if (!export->mirror || !mirror->is_found)
		return;
	if (mirror->chunk_bytes != dps_node_chunk_bytes(export->node)) {
		dps_log("export", DPS_LOG_NOTICE,
			"an earlier run of this command had another --chunk: it begins anew");
		return;
	}
	if (dps_journal_read_files(mirror->journal, &mirror->id, 0, on_past_file, &export->list) <
	    0) {
		dps_export_list_fini(&export->list);
		give_up_mirror(export);
		return;
	}
	if (export->list.count == 0)
		return;
	export->id = mirror->id;
	export->is_from_mirror = true;
	export->past_count = export->list.count;
}

static int on_past_digest(void *context, const struct dps_journal_file *past)
{
	struct dps_export *export = context;
	struct dps_export_file *file = &export->files[past->index];

	if (export->list.entries[past->index].error == 0 && past->has_digest) {
		file->digest = past->digest;
		file->is_known = true;
		file->head = past->head;
		file->has_head = file->is_head_due = past->has_head;
	}
	return 0;
}

struct past_pieces {
	struct dps_export_file *file;
	struct dps_piece_digests *digests;
	uint32_t chunk_bytes;
};

static int on_past_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			  size_t count)
{
	struct past_pieces *past = context;

	if (first == 0 && count > 0) {
		past->file->head = digests[0];
		past->file->has_head = past->file->is_head_due = true;
	}
	for (size_t i = 0; i < count; i++)
		if (dps_piece_digests_add(past->digests, (first + i) * past->chunk_bytes,
					  &digests[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int load_pieces(struct dps_export *export, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];
	struct past_pieces past = { .file = file,
				    .chunk_bytes = dps_node_chunk_bytes(export->node) };
	int result;

	if (file->is_known || export->list.entries[index].error != 0 ||
	    !dps_export_is_regular(export, index))
		return 0;
	past.digests = dps_export_digests_of(export, index);
	past.digests->keeps_fresh = false;
	result = dps_journal_read_pieces(export->mirror->journal, &export->id, index,
					 on_past_pieces, &past);
	past.digests->keeps_fresh = true;
	if (past.digests->next_number == 0) {
		dps_export_free_digests(file);
	} else if (dps_piece_digests_is_whole(past.digests)) {
		file->digest = dps_piece_digests_finish(past.digests);
		file->is_known = true;
		dps_export_free_digests(file);
	}
	return result;
}

void dps_export_mirror_load_digests(struct dps_export *export)
{
	int result;

	if (!export->is_from_mirror)
		return;
	result = dps_journal_read_files(export->mirror->journal, &export->id, 0, on_past_digest,
					export);
	for (uint32_t i = 0; i < export->past_count && result == 0; i++) {
		result = load_pieces(export, i);
		/* What is generated is what its command says. */
		export->files[i].is_head_due &= export->source != NULL;
	}
	/* What is missing is read again, if the collector holds it. */
	if (result < 0)
		give_up_mirror(export);
}

/* ---- on the worker ---- */

static int put_files(struct mirror_job *self)
{
	const struct dps_export_list *list = &self->export->list;
	struct dps_journal_file files[FILES_A_TURN];
	int result = 0;

	for (uint32_t first = self->first; first < list->count && result == 0;
	     first += FILES_A_TURN) {
		uint32_t count = list->count - first;

		if (count > FILES_A_TURN)
			count = FILES_A_TURN;
		for (uint32_t i = 0; i < count; i++) {
			const struct dps_export_entry *entry = &list->entries[first + i];

			files[i] = (struct dps_journal_file){
				.index = first + i,
				.path = entry->name,
				.path_bytes = entry->name_bytes,
				.size_bytes = entry->size_bytes,
				.mtime_ns = entry->mtime_ns,
				.mode = entry->mode,
				.is_folder = entry->is_folder,
				.state = DPS_JOURNAL_FILE_OPEN,
				.has_identity = true,
				.inode = entry->inode,
			};
		}
		result = dps_journal_put_files(self->mirror->journal, &self->id, files, count);
	}
	return result;
}

static int write_begin(struct mirror_job *self)
{
	struct dps_mirror *mirror = self->mirror;
	const struct dps_journal_transfer transfer = {
		.id = self->id,
		.key = mirror->key.bytes,
		.key_bytes = mirror->key.count,
		.chunk_bytes = dps_node_chunk_bytes(self->export->node),
		.total_files = self->export->list.count,
		.total_bytes = DPS_JOURNAL_UNKNOWN,
		.has_last = true,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
		.created_at_s = (int64_t)time(NULL),
		.touched_at_s = (int64_t)time(NULL),
	};
	int result = 0;

	if (memcmp(&mirror->id, &self->id, sizeof(self->id)) != 0)
		result = dps_journal_forget_transfer(mirror->journal, &mirror->id);
	if (result == 0)
		result = dps_journal_put_transfer(mirror->journal, &transfer);
	if (result == 0)
		result = put_files(self);
	mirror->id = self->id;
	return result;
}

static int write_all(struct mirror_job *self)
{
	struct dps_journal *journal = self->mirror->journal;
	int result = 0;

	if (self->is_begin)
		result = write_begin(self);
	if (result == 0 && self->changes_count > 0)
		result = dps_journal_change_files(journal, &self->id, self->changes,
						  self->changes_count);
	for (uint32_t i = 0; i < self->runs_count && result == 0; i++)
		result = dps_journal_add_pieces(journal, &self->id, self->run_files[i],
						self->runs[i].first, self->runs[i].digests,
						self->runs[i].count);
	if (result == 0 && self->is_forget)
		result = dps_journal_forget_transfer(journal, &self->mirror->id);
	return result;
}

static void run_write(struct dps_job *job)
{
	struct mirror_job *self = (struct mirror_job *)job;

	self->result = dps_journal_begin(self->mirror->journal);
	if (self->result == 0)
		self->result = write_all(self);
	if (self->result == 0)
		self->result = dps_journal_commit(self->mirror->journal);
	if (self->result < 0)
		dps_journal_roll_back(self->mirror->journal);
}

/* ---- on the control core ---- */

static void on_written(struct dps_job *job, uint64_t now_ns)
{
	struct mirror_job *self = (struct mirror_job *)job;
	struct dps_export *export = self->export;

	(void)now_ns;
	export->mirror_jobs_count--;
	if (self->result < 0 && export->mirror)
		give_up_mirror(export);
	for (uint32_t i = 0; i < self->runs_count; i++)
		free(self->runs[i].digests);
	free(self->changes);
	free(self->runs);
	free(self->run_files);
	free(self);
}

static struct mirror_job *make_job(struct dps_export *export)
{
	struct mirror_job *job = calloc(1, sizeof(*job));

	if (!job)
		abort(); /* out of memory */
	job->job.run = run_write;
	job->job.done = on_written;
	job->export = export;
	job->mirror = export->mirror;
	job->id = export->id;
	return job;
}

static void push(struct dps_export *export, struct mirror_job *job)
{
	export->mirror_jobs_count++;
	dps_worker_push(dps_node_worker(export->node), &job->job);
}

void dps_export_mirror_begin(struct dps_export *export)
{
	struct mirror_job *job;

	if (!export->mirror || export->is_mirrored)
		return;
	export->is_mirrored = true;
	job = make_job(export);
	job->is_begin = true;
	job->first = export->is_from_mirror ? export->past_count : 0;
	push(export, job);
}

void dps_export_mirror_note(struct dps_export *export, uint32_t index, uint64_t bytes)
{
	struct dps_export_file *file = &export->files[index];

	if (!export->mirror)
		return;
	export->dirty_bytes += bytes;
	if (export->dirty_bytes >= FLUSH_BYTES)
		export->mirror_at_ns = 0;
	else if (export->mirror_at_ns == DPS_NEVER_NS)
		export->mirror_at_ns = dps_node_now_ns(export->node) + FLUSH_MS * DPS_NS_PER_MS;
	if (file->is_dirty)
		return;
	if (export->dirty_count == export->dirty_room) {
		uint32_t room = export->dirty_room ? export->dirty_room * 2 : 64;
		void *dirty = realloc(export->dirty, room * sizeof(*export->dirty));

		if (!dirty)
			abort(); /* out of memory */
		export->dirty = dirty;
		export->dirty_room = room;
	}
	file->is_dirty = true;
	export->dirty[export->dirty_count++] = index;
}

static void gather(struct dps_export *export, struct mirror_job *job, uint32_t index)
{
	struct dps_export_file *file = &export->files[index];
	struct dps_piece_run run;

	file->is_dirty = false;
	if (file->state == DPS_EXPORT_STORED || file->state == DPS_EXPORT_SAME) {
		job->changes[job->changes_count++] = (struct dps_journal_change){
			.index = index,
			.state = DPS_JOURNAL_FILE_STORED,
			.size_bytes = DPS_JOURNAL_UNKNOWN,
		};
	} else if (file->is_known) {
		job->changes[job->changes_count++] = (struct dps_journal_change){
			.index = index,
			.state = DPS_JOURNAL_FILE_OPEN,
			.has_digest = true,
			.has_head = file->has_head,
			.digest = file->digest,
			.head = file->head,
			.size_bytes = DPS_JOURNAL_UNKNOWN,
		};
	} else if (file->digests) {
		run = dps_piece_digests_take_fresh(file->digests);
		if (run.count == 0) {
			free(run.digests);
			return;
		}
		job->run_files[job->runs_count] = index;
		job->runs[job->runs_count++] = run;
	}
}

void dps_export_mirror_flush(struct dps_export *export)
{
	struct mirror_job *job;

	export->mirror_at_ns = DPS_NEVER_NS;
	if (!export->mirror || !export->is_mirrored || export->dirty_count == 0)
		return;
	job = make_job(export);
	job->changes = calloc(export->dirty_count, sizeof(*job->changes));
	job->runs = calloc(export->dirty_count, sizeof(*job->runs));
	job->run_files = calloc(export->dirty_count, sizeof(*job->run_files));
	if (!job->changes || !job->runs || !job->run_files)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < export->dirty_count; i++)
		gather(export, job, export->dirty[i]);
	export->dirty_count = 0;
	export->dirty_bytes = 0;
	push(export, job);
}

void dps_export_mirror_forget(struct dps_export *export)
{
	struct mirror_job *job;

	if (!export->mirror)
		return;
	job = make_job(export);
	job->is_forget = true;
	push(export, job);
	export->mirror = NULL;
}
