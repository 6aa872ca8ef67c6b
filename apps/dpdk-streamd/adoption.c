/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/adoption.h"
#include "drivers/store/identity.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- donors ---- */

struct donor_row {
	struct dps_transfer_id id;
	int64_t touched_at_s;
};

struct donor_rows {
	const struct dps_adoption *adoption;
	struct donor_row rows[DPS_ADOPTION_DONORS_MAX]; /* the last in use first */
	uint32_t count;
};

static int on_transfer(void *context, const struct dps_journal_transfer *transfer)
{
	struct donor_rows *found = context;
	const struct dps_adoption *adoption = found->adoption;
	uint32_t at = found->count;

	if (transfer->state != DPS_JOURNAL_TRANSFER_ACTIVE ||
	    memcmp(&transfer->id, &adoption->id, sizeof(adoption->id)) == 0 ||
	    transfer->chunk_bytes != adoption->chunk_bytes ||
	    !dps_transfer_owner_is_same_peer(transfer->key, transfer->key_bytes,
					     adoption->owner_text, strlen(adoption->owner_text)))
		return 0;
	while (at > 0 && found->rows[at - 1].touched_at_s < transfer->touched_at_s)
		at--;
	if (at == DPS_ADOPTION_DONORS_MAX)
		return 0;
	if (found->count < DPS_ADOPTION_DONORS_MAX)
		found->count++;
	memmove(&found->rows[at + 1], &found->rows[at],
		(found->count - at - 1) * sizeof(found->rows[0]));
	found->rows[at] = (struct donor_row){ transfer->id, transfer->touched_at_s };
	return 0;
}

/* ---- their files ---- */

static int on_file(void *context, const struct dps_journal_file *row)
{
	struct dps_adoption *adoption = context;
	struct dps_adoption_file *file = &adoption->files[adoption->files_count];
	uint32_t count = adoption->files_count + 1;

	if (adoption->files_count == DPS_ADOPTION_FILES_MAX || row->is_folder ||
	    row->size_bytes == DPS_JOURNAL_UNKNOWN || !row->has_identity)
		return 0;
	/* It grows at powers of two. */
	if ((adoption->files_count & (adoption->files_count - 1)) == 0) {
		adoption->files = realloc(adoption->files, 2 * count * sizeof(*file));
		if (!adoption->files)
			abort(); /* out of memory */
		file = &adoption->files[adoption->files_count];
	}
	*file = (struct dps_adoption_file){
		.path = strndup(row->path, row->path_bytes),
		.size_bytes = row->size_bytes,
		.mtime_ns = row->mtime_ns,
		.device = row->device,
		.inode = row->inode,
		.donor = adoption->donors_count,
		.index = row->index,
	};
	if (!file->path)
		abort(); /* out of memory */
	adoption->files_count = count;
	return 0;
}

static int on_first_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			   size_t count)
{
	struct dps_digest *head = context;

	(void)first;
	(void)count;
	*head = digests[0];
	return 1;
}

/* What the journal says of it is there. */
static bool is_good(struct dps_adoption *adoption, const struct dps_staging_folder *folder,
		    struct dps_adoption_file *file)
{
	struct dps_file_identity identity;
	uint64_t count;

	if (dps_journal_count_pieces(adoption->journal, &folder->id, file->index, &count) < 0 ||
	    dps_journal_read_pieces(adoption->journal, &folder->id, file->index, on_first_pieces,
				    &file->head) != 1 ||
	    count > file->size_bytes / adoption->chunk_bytes + 1)
		return false;
	file->bytes = count * adoption->chunk_bytes < file->size_bytes
			      ? count * adoption->chunk_bytes
			      : file->size_bytes;
	return dps_identity_of_staged(folder, file->index, &identity) == 0 &&
	       identity.device == file->device && identity.inode == file->inode &&
	       identity.bytes >= file->bytes;
}

static void drop_files(struct dps_adoption *adoption, uint32_t first)
{
	while (adoption->files_count > first)
		free(adoption->files[--adoption->files_count].path);
}

/* A transfer that somebody is at has its folder claimed, and is left alone. */
static int take_donor(struct dps_adoption *adoption, const struct dps_transfer_id *id)
{
	struct dps_staging_folder *folder = &adoption->donors[adoption->donors_count];
	uint32_t first = adoption->files_count, kept = first;
	int err = dps_journal_read_staged(adoption->journal, id, on_file, adoption);

	if (err < 0 || adoption->files_count == first ||
	    dps_staging_take_folder(adoption->staging, id, folder) < 0) {
		drop_files(adoption, first);
		return err;
	}
	for (uint32_t i = first; i < adoption->files_count; i++) {
		if (is_good(adoption, folder, &adoption->files[i]))
			adoption->files[kept++] = adoption->files[i];
		else
			free(adoption->files[i].path);
	}
	adoption->files_count = kept;
	if (kept > first)
		adoption->donors_count++;
	else
		dps_staging_close_folder(folder);
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct dps_adoption_file *a = left, *b = right;

	return strcmp(a->path, b->path);
}

void dps_adoption_run(struct dps_job *job)
{
	struct dps_adoption *adoption = (struct dps_adoption *)job;
	struct donor_rows found = { .adoption = adoption };
	int err = dps_journal_read_transfers(adoption->journal, on_transfer, &found);

	for (uint32_t i = 0; i < found.count && err == 0; i++)
		err = take_donor(adoption, &found.rows[i].id);
	if (adoption->files_count > 0)
		qsort(adoption->files, adoption->files_count, sizeof(*adoption->files), compare);
}

struct dps_adoption_file *dps_adoption_find(const struct dps_adoption *adoption,
					    const struct dps_message_file *file)
{
	const struct dps_adoption_file key = { .path = (char *)file->path };
	struct dps_adoption_file *at = NULL, *end = adoption->files + adoption->files_count;

	if (adoption->files_count > 0 && file->kind == DPS_FILE_REGULAR)
		at = bsearch(&key, adoption->files, adoption->files_count, sizeof(key), compare);
	if (!at)
		return NULL;
	while (at > adoption->files && strcmp(at[-1].path, key.path) == 0)
		at--;
	for (; at < end && strcmp(at->path, key.path) == 0; at++)
		if (!at->is_taken && at->size_bytes == file->size_bytes &&
		    at->mtime_ns == file->mtime_ns)
			return at;
	return NULL;
}

void dps_adoption_fini(struct dps_adoption *adoption)
{
	drop_files(adoption, 0);
	free(adoption->files);
	adoption->files = NULL;
	while (adoption->donors_count > 0)
		dps_staging_close_folder(&adoption->donors[--adoption->donors_count]);
}
