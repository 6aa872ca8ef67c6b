/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/transfer_loading.h"
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/file_past.h"
#include "apps/dpdk-streamd/target_stamp.h"
#include "drivers/store/identity.h"
#include "drivers/store/name.h"
#include "drivers/store/reason.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_FILES = DPS_MESSAGE_ITEMS_MAX };

/* A file that does not just wait. */
struct dps_loading_row {
	uint32_t index;
	uint8_t state; /* enum dps_journal_file_state */
	bool has_identity;
	bool has_digest;
	uint64_t device;
	uint64_t inode;
	struct dps_digest digest;
};

static void fail(struct dps_transfer_loading *loading, enum dps_control_code code,
		 const char *format, const char *what)
{
	if (loading->code != DPS_CODE_NONE)
		return;
	loading->code = code;
	/* The formats are those below. */
	snprintf(loading->text, sizeof(loading->text), format, what);
}

static int fail_journal(struct dps_transfer_loading *loading, const char *why)
{
	fail(loading, DPS_CODE_INTERNAL, "the collector cannot read its journal: %.800s", why);
	return -EUCLEAN;
}

static int fail_file(struct dps_transfer_loading *loading, const struct dps_manifest_file *file)
{
	char shown[512];

	fail(loading, DPS_CODE_IDENTITY_CHANGED,
	     "what the collector has of %.500s is not what its journal says; start the exporter "
	     "with --new",
	     dps_name_show(file->name, file->name_bytes, shown, sizeof(shown)));
	return -ESTALE;
}

/* ---- the list of files ---- */

static void *grow(void *memory, size_t bytes)
{
	void *grown = realloc(memory, bytes);

	if (!grown)
		abort(); /* out of memory */
	return grown;
}

/* Names move while more are added: until the batch is made, paths are places in names_text. */
static void append_name(struct dps_transfer_loading *loading, struct dps_message_file *file,
			const struct dps_journal_file *row)
{
	size_t room = loading->names_room ? loading->names_room : 4096;

	while (room < loading->names_bytes + row->path_bytes)
		room *= 2;
	if (room != loading->names_room)
		loading->names_text = grow(loading->names_text, room);
	loading->names_room = room;
	memcpy(loading->names_text + loading->names_bytes, row->path, row->path_bytes);
	file->path_bytes = (uint32_t)row->path_bytes;
	loading->names_bytes += row->path_bytes;
}

/* What the journal holds is believed no more than what a peer says. */
static int flush_batch(struct dps_transfer_loading *loading)
{
	struct dps_manifest *manifest = loading->manifest;
	const struct dps_message_offer offer = {
		.first = manifest->count,
		.files_count = loading->files_count,
		.files = loading->files,
	};
	struct dps_manifest_batch *batch;
	size_t at = 0;

	if (loading->files_count == 0)
		return 0;
	for (uint32_t i = 0; i < loading->files_count; i++) {
		loading->files[i].path = loading->names_text + at;
		at += loading->files[i].path_bytes;
	}
	batch = dps_manifest_batch_create(&offer, "");
	if (!batch || dps_manifest_append(manifest, batch) < 0)
		abort(); /* out of memory */
	loading->memory_bytes += batch->bytes + batch->count * sizeof(struct dps_manifest_file);
	batch->have = loading->have;
	batch->have_count = loading->have_count;
	batch->have_stamps = loading->have_stamps;
	loading->have = NULL;
	loading->have_stamps = NULL;
	loading->have_count = loading->files_count = 0;
	loading->names_bytes = 0;
	for (uint32_t i = offer.first; i < manifest->count; i++) {
		const struct dps_manifest_file *file = &manifest->files[i];

		if (dps_name_refusal(file->name, file->name_bytes) ||
		    dps_staging_refusal(loading->staging, file->name, file->name_bytes) ||
		    dps_name_table_add(loading->names, file->name, file->name_bytes,
				       file->is_folder) < 0)
			return fail_journal(loading, "it holds a name that no file can have");
	}
	return 0;
}

static void note_row(struct dps_transfer_loading *loading, const struct dps_journal_file *row)
{
	if (loading->rows_count == loading->rows_room) {
		loading->rows_room = loading->rows_room ? loading->rows_room * 2 : 64;
		loading->rows = grow(loading->rows, loading->rows_room * sizeof(*loading->rows));
	}
	loading->rows[loading->rows_count++] = (struct dps_loading_row){
		.index = row->index,
		.state = row->state,
		.has_identity = row->has_identity,
		.has_digest = row->has_digest,
		.device = row->device,
		.inode = row->inode,
		.digest = row->digest,
	};
}

static void note_have(struct dps_transfer_loading *loading, const struct dps_journal_file *row)
{
	if (!loading->have) {
		loading->have = grow(NULL, BATCH_FILES * sizeof(*loading->have));
		loading->have_stamps = grow(NULL, BATCH_FILES * sizeof(*loading->have_stamps));
	}
	/* Without one it is no target's, and all are read again. */
	memset(&loading->have_stamps[loading->have_count], 0, sizeof(*loading->have_stamps));
	if (row->has_head)
		loading->have_stamps[loading->have_count] = row->head;
	loading->have[loading->have_count++] = (struct dps_message_item){
		.file = row->index,
		.size_bytes = row->size_bytes,
		.digest = row->digest,
	};
}

static int on_file(void *context, const struct dps_journal_file *row)
{
	struct dps_transfer_loading *loading = context;
	struct dps_message_file *file = &loading->files[loading->files_count++];

	*file = (struct dps_message_file){
		.size_bytes = row->size_bytes,
		.mtime_ns = row->mtime_ns,
		.mode = (uint16_t)row->mode,
		.kind = row->is_folder ? DPS_FILE_DIRECTORY : DPS_FILE_REGULAR,
	};
	append_name(loading, file, row);
	if (row->state != DPS_JOURNAL_FILE_WAITING)
		note_row(loading, row);
	else if (row->has_digest)
		note_have(loading, row);
	if (row->state == DPS_JOURNAL_FILE_FAILED &&
	    dps_manifest_note_failure(loading->manifest, row->index,
				      row->error_code ? dps_control_code_from_name(row->error_code)
						      : DPS_CODE_OTHER,
				      row->error_text ? row->error_text : "failed before") < 0)
		abort(); /* out of memory */
	return loading->files_count == BATCH_FILES ? flush_batch(loading) : 0;
}

static int read_list(struct dps_transfer_loading *loading, const struct dps_transfer_id *id)
{
	int err;

	loading->files = grow(NULL, BATCH_FILES * sizeof(*loading->files));
	err = dps_journal_read_files(loading->journal, id, 0, on_file, loading);
	if (err == 0)
		err = flush_batch(loading);
	if (err < 0 && loading->code == DPS_CODE_NONE)
		fail_journal(loading, dps_journal_trouble(loading->journal));
	return err;
}

/* ---- what is there of them ---- */

static bool is_same(const struct dps_loading_row *row, const struct dps_file_identity *identity)
{
	return row->has_identity && row->device == identity->device &&
	       row->inode == identity->inode;
}

static int on_pieces(void *context, uint64_t first, const struct dps_digest *digests, size_t count)
{
	struct dps_piece_digests *pieces = context;

	for (size_t i = 0; i < count; i++)
		if (dps_piece_digests_add(pieces, (first + i) * pieces->chunk_bytes, &digests[i]) <
		    0)
			abort(); /* out of memory */
	return 0;
}

/* The first bytes of it are in its staged file, and their digests in the journal. */
static int load_open(struct dps_transfer_loading *loading, const struct dps_loading_row *row)
{
	struct dps_manifest_file *file = &loading->manifest->files[row->index];
	struct dps_piece_digests *pieces;
	struct dps_file_identity identity;
	uint64_t count;

	if (file->is_folder)
		return fail_file(loading, file);
	if (dps_journal_count_pieces(loading->journal, &loading->transfer.id, row->index, &count) <
	    0)
		return fail_journal(loading, dps_journal_trouble(loading->journal));
	if (count == 0)
		return 0; /* it begins anew */
	pieces = dps_file_past_make_pieces(file, loading->chunk_bytes);
	if (!pieces)
		abort(); /* out of memory */
	if (dps_journal_read_pieces(loading->journal, &loading->transfer.id, row->index, on_pieces,
				    pieces) < 0)
		return fail_journal(loading, dps_journal_trouble(loading->journal));
	if (dps_identity_of_staged(loading->folder, row->index, &identity) < 0 ||
	    !is_same(row, &identity) || identity.bytes < dps_file_past_bytes(file))
		return fail_file(loading, file);
	return 0;
}

/* It was whole and verified; perhaps it got its name, and nobody wrote that down. */
static int load_publishing(struct dps_transfer_loading *loading, const struct dps_loading_row *row)
{
	struct dps_manifest_file *file = &loading->manifest->files[row->index];
	struct dps_file_identity identity;
	struct dps_file_past *past;

	if (dps_identity_of_target(loading->staging, file->name, &identity) == 0 &&
	    is_same(row, &identity) && identity.bytes == file->size_bytes) {
		loading->published[loading->published_count++] = row->index;
		(void)dps_manifest_settle(loading->manifest, row->index, DPS_MANIFEST_STORED);
		return 0;
	}
	if (!row->has_digest ||
	    dps_identity_of_staged(loading->folder, row->index, &identity) < 0 ||
	    !is_same(row, &identity) || identity.bytes < file->size_bytes)
		return fail_file(loading, file);
	past = dps_file_past_of(file);
	if (!past)
		abort(); /* out of memory */
	past->is_whole = past->has_told = true;
	past->told = row->digest;
	return 0;
}

static int load_row(struct dps_transfer_loading *loading, const struct dps_loading_row *row)
{
	enum dps_manifest_state end = DPS_MANIFEST_STORED;

	switch (row->state) {
	case DPS_JOURNAL_FILE_OPEN:
		return load_open(loading, row);
	case DPS_JOURNAL_FILE_PUBLISHING:
		return load_publishing(loading, row);
	case DPS_JOURNAL_FILE_SAME:
		end = DPS_MANIFEST_SAME;
		break;
	case DPS_JOURNAL_FILE_FAILED:
		end = DPS_MANIFEST_FAILED;
		break;
	default:
		break;
	}
	(void)dps_manifest_settle(loading->manifest, row->index, end);
	return 0;
}

/* Its digest is that of what stands there now; read again when it may have changed since. */
static int load_target(struct dps_transfer_loading *loading, const struct dps_manifest_file *file,
		       struct dps_message_item *item, struct dps_digest *stamp)
{
	int fd = dps_staging_open_target(loading->staging, file->name);
	struct dps_digest now;
	int err = fd;

	if (fd < 0)
		return fd;
	err = dps_target_stamp_of_fd(fd, &now);
	if (err == 0 && memcmp(&now, stamp, sizeof(now)) != 0)
		err = dps_file_digest_read(fd, file->size_bytes, loading->chunk_bytes,
					   &dps_transfer_digester, loading->must_hurry,
					   &item->digest);
	*stamp = now;
	close(fd);
	return err;
}

/* What was there already may be gone by now: then it has to come. */
static void load_have(struct dps_transfer_loading *loading)
{
	struct dps_manifest *manifest = loading->manifest;

	for (struct dps_manifest_batch *batch = manifest->batches; batch; batch = batch->next)
		for (uint32_t i = 0; i < batch->have_count; i++) {
			struct dps_manifest_file *file = &manifest->files[batch->have[i].file];

			if (file->state == DPS_MANIFEST_WAITING &&
			    dps_staging_probe(loading->staging, file->name, file->size_bytes) ==
				    DPS_TARGET_SAME_SIZE &&
			    load_target(loading, file, &batch->have[i], &batch->have_stamps[i]) ==
				    0)
				file->state = DPS_MANIFEST_HELD;
		}
}

/* ---- the transfer ---- */

static int find(struct dps_transfer_loading *loading, const struct dps_transfer_id *id)
{
	int err = dps_journal_find_transfer(loading->journal, id, &loading->transfer);

	/* To anybody else it is as if there were none. */
	if (err == 0 &&
	    !dps_transfer_owner_may_resume(loading->transfer.key, loading->transfer.key_bytes,
					   loading->standing))
		err = -ENOENT;
	loading->transfer.key = NULL;
	if (err == -ENOENT)
		fail(loading, DPS_CODE_UNKNOWN, "%s",
		     "this transfer is not known here, or not any more");
	else if (err < 0)
		fail_journal(loading, dps_journal_trouble(loading->journal));
	else if (loading->transfer.chunk_bytes != loading->chunk_bytes)
		fail(loading, DPS_CODE_LIMIT, "%s",
		     "the transfer has chunks of another size; give both sides the --chunk it "
		     "began with");
	return loading->code == DPS_CODE_NONE ? 0 : -ENOENT;
}

static int claim(struct dps_transfer_loading *loading, const struct dps_transfer_id *id)
{
	int err = dps_staging_open_folder(loading->staging, id, loading->folder);

	if (err < 0) {
		loading->folder->fd = -1;
		fail(loading, DPS_CODE_CANNOT_WRITE, "the collector's staging folder %.800s",
		     dps_reason(err));
		return err;
	}
	err = dps_staging_claim_folder(loading->folder);
	if (err < 0)
		fail(loading, DPS_CODE_BUSY, "%s",
		     "another collector goes on with this transfer; try again later");
	return err;
}

static int load(struct dps_transfer_loading *loading)
{
	struct dps_transfer_id id = loading->folder->id;
	uint32_t partial = 0;
	int err = find(loading, &id);

	if (err == 0)
		err = claim(loading, &id);
	if (err == 0)
		err = read_list(loading, &id);
	if (err < 0)
		return err;
	loading->published = grow(NULL, (loading->rows_count + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < loading->rows_count && err == 0; i++) {
		err = load_row(loading, &loading->rows[i]);
		partial += loading->manifest->files[loading->rows[i].index].past != NULL;
	}
	if (err == 0 && partial > DPS_MESSAGE_ITEMS_MAX)
		err = fail_journal(loading, "it holds more open files than there can be");
	if (err == 0)
		load_have(loading);
	return err;
}

void dps_transfer_loading_run(struct dps_job *job)
{
	struct dps_transfer_loading *loading = (struct dps_transfer_loading *)job;

	if (load(loading) < 0 && loading->folder->fd >= 0)
		dps_staging_close_folder(loading->folder);
	free(loading->rows);
	free(loading->files);
	free(loading->have);
	free(loading->have_stamps);
	free(loading->names_text);
}
