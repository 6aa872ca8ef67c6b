/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/journal_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

/* Parameters and columns that a file's optional parts have in common. */
static void bind_identity(sqlite3_stmt *statement, int parameter, bool is_there, uint64_t device,
			  uint64_t inode)
{
	if (is_there) {
		/* All 64 bits of them, as a signed number. */
		sqlite3_bind_int64(statement, parameter, (sqlite3_int64)device);
		sqlite3_bind_int64(statement, parameter + 1, (sqlite3_int64)inode);
	} else {
		sqlite3_bind_null(statement, parameter);
		sqlite3_bind_null(statement, parameter + 1);
	}
}

static void bind_digest(sqlite3_stmt *statement, int parameter, bool is_there,
			const struct dps_digest *digest)
{
	if (is_there)
		sqlite3_bind_blob(statement, parameter, digest->bytes, sizeof(digest->bytes),
				  SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, parameter);
}

/* NULL binds NULL. */
static bool bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
	sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC);
	return text == NULL || strlen(text) <= DPS_JOURNAL_ERROR_BYTES_MAX;
}

/* -ESTALE unless a file of this index would leave no gap. */
static int check_append(struct dps_journal *journal, const struct dps_transfer_id *id,
			uint32_t index)
{
	sqlite3_stmt *last = dps_journal_of(journal, DPS_JOURNAL_LAST_FILE, id);
	int result = dps_journal_step(journal, last);
	uint64_t number;

	if (result < 0)
		return result;
	if (result == 0)
		return dps_journal_fail(journal, -ESTALE, "files of an unknown transfer");
	if (sqlite3_column_type(last, 0) == SQLITE_NULL)
		result = index == 0 ? 0 : -ESTALE;
	else if (!dps_journal_read_number(last, 0, UINT32_MAX, &number))
		result = -EUCLEAN;
	else
		result = index <= number + 1 ? 0 : -ESTALE;
	sqlite3_reset(last);
	return result < 0 ? dps_journal_fail(journal, result, "a gap in the list of files") : 0;
}

static int put_file(struct dps_journal *journal, const struct dps_transfer_id *id,
		    const struct dps_journal_file *file)
{
	sqlite3_stmt *put = dps_journal_of(journal, DPS_JOURNAL_PUT_FILE, id);

	DPS_ASSERT(file->state >= DPS_JOURNAL_FILE_WAITING &&
		   file->state <= DPS_JOURNAL_FILE_FAILED);
	if (file->path_bytes == 0 || file->path_bytes > DPS_JOURNAL_PATH_BYTES_MAX)
		return dps_journal_fail(journal, -EMSGSIZE, "a path");
	sqlite3_bind_int64(put, 2, file->index);
	sqlite3_bind_blob64(put, 3, file->path, file->path_bytes, SQLITE_STATIC);
	dps_journal_bind_size(put, 4, file->size_bytes);
	sqlite3_bind_int64(put, 5, file->mtime_ns);
	sqlite3_bind_int64(put, 6, file->mode);
	sqlite3_bind_int(put, 7, file->is_folder);
	sqlite3_bind_int(put, 8, file->state);
	bind_identity(put, 9, file->has_identity, file->device, file->inode);
	bind_digest(put, 11, file->has_head, &file->head);
	bind_digest(put, 12, file->has_digest, &file->digest);
	if (!bind_text(put, 13, file->error_code) || !bind_text(put, 14, file->error_text))
		return dps_journal_fail(journal, -EMSGSIZE, "a reason");
	return dps_journal_run(journal, put);
}

int dps_journal_put_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			  const struct dps_journal_file *files, size_t count)
{
	int err = count > 0 ? check_append(journal, id, files[0].index) : 0;

	for (size_t i = 0; i < count && err == 0; i++) {
		DPS_ASSERT(files[i].index == files[0].index + i);
		err = put_file(journal, id, &files[i]);
	}
	return dps_journal_end_write(journal, err);
}

static int change_file(struct dps_journal *journal, const struct dps_transfer_id *id,
		       const struct dps_journal_change *change)
{
	sqlite3_stmt *update = dps_journal_of(journal, DPS_JOURNAL_CHANGE_FILE, id);
	int err;

	DPS_ASSERT(change->state >= DPS_JOURNAL_FILE_WAITING &&
		   change->state <= DPS_JOURNAL_FILE_FAILED);
	sqlite3_bind_int64(update, 2, change->index);
	sqlite3_bind_int(update, 3, change->state);
	dps_journal_bind_size(update, 4, change->size_bytes);
	bind_identity(update, 5, change->has_identity, change->device, change->inode);
	bind_digest(update, 7, change->has_head, &change->head);
	bind_digest(update, 8, change->has_digest, &change->digest);
	if (!bind_text(update, 9, change->error_code) || !bind_text(update, 10, change->error_text))
		return dps_journal_fail(journal, -EMSGSIZE, "a reason");
	err = dps_journal_run(journal, update);
	if (err == 0 && sqlite3_changes(journal->db) == 0)
		err = dps_journal_fail(journal, -ESTALE, "a file that was never listed");
	if (err == 0 && (change->begins_over ||
			 dps_journal_is_settled((enum dps_journal_file_state)change->state)))
		err = dps_journal_drop_pieces(journal, id, change->index);
	return err;
}

int dps_journal_change_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			     const struct dps_journal_change *changes, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && err == 0; i++)
		err = change_file(journal, id, &changes[i]);
	return dps_journal_end_write(journal, err);
}

/* The next three: false when something stands there that is neither the value nor NULL. */
static bool read_identity(sqlite3_stmt *row, int column, struct dps_journal_file *file)
{
	int kind = sqlite3_column_type(row, column);

	file->has_identity = kind == SQLITE_INTEGER;
	file->device = (uint64_t)sqlite3_column_int64(row, column);
	file->inode = (uint64_t)sqlite3_column_int64(row, column + 1);
	return sqlite3_column_type(row, column + 1) == kind &&
	       (kind == SQLITE_INTEGER || kind == SQLITE_NULL);
}

static bool read_digest(sqlite3_stmt *row, int column, bool *is_there, struct dps_digest *digest)
{
	const void *bytes = sqlite3_column_blob(row, column);

	*is_there = bytes != NULL && sqlite3_column_bytes(row, column) == sizeof(digest->bytes);
	if (*is_there)
		memcpy(digest->bytes, bytes, sizeof(digest->bytes));
	return *is_there || sqlite3_column_type(row, column) == SQLITE_NULL;
}

static bool read_text(sqlite3_stmt *row, int column, const char **text)
{
	size_t bytes;

	*text = (const char *)sqlite3_column_text(row, column);
	bytes = (size_t)sqlite3_column_bytes(row, column);
	if (*text == NULL)
		return sqlite3_column_type(row, column) == SQLITE_NULL;
	return bytes <= DPS_JOURNAL_ERROR_BYTES_MAX && strlen(*text) == bytes;
}

/* first: the least number that it may have; with is_next the only one. */
static int read_row(struct dps_journal *journal, sqlite3_stmt *row, uint64_t first, bool is_next,
		    struct dps_journal_file *file)
{
	uint64_t number, mode, is_folder, state;

	memset(file, 0, sizeof(*file));
	if (!dps_journal_read_number(row, 0, UINT32_MAX, &number) || number < first ||
	    (is_next && number > first))
		return dps_journal_fail_damaged(journal, "a gap in a list of files");
	file->index = (uint32_t)number;
	file->path = sqlite3_column_blob(row, 1);
	file->path_bytes = (size_t)sqlite3_column_bytes(row, 1);
	if (file->path == NULL || file->path_bytes > DPS_JOURNAL_PATH_BYTES_MAX)
		return dps_journal_fail_damaged(journal, "a file's path");
	if (!dps_journal_read_size(row, 2, &file->size_bytes) ||
	    !dps_journal_read_number(row, 4, UINT32_MAX, &mode) ||
	    !dps_journal_read_number(row, 5, 1, &is_folder) ||
	    !dps_journal_read_number(row, 6, DPS_JOURNAL_FILE_FAILED, &state) || state == 0 ||
	    !read_identity(row, 7, file) || !read_digest(row, 9, &file->has_head, &file->head) ||
	    !read_digest(row, 10, &file->has_digest, &file->digest) ||
	    !read_text(row, 11, &file->error_code) || !read_text(row, 12, &file->error_text))
		return dps_journal_fail_damaged(journal, "a file's row");
	file->mtime_ns = sqlite3_column_int64(row, 3);
	file->mode = (uint32_t)mode;
	file->is_folder = is_folder != 0;
	file->state = (uint8_t)state;
	return 0;
}

static int read_rows(struct dps_journal *journal, sqlite3_stmt *statement, uint64_t first,
		     bool is_gapless, dps_journal_on_file *on_file, void *context)
{
	struct dps_journal_file file;
	int result;

	while ((result = dps_journal_step(journal, statement)) > 0) {
		result = read_row(journal, statement, first, is_gapless, &file);
		first = (uint64_t)file.index + 1;
		if (result == 0)
			result = on_file(context, &file);
		if (result != 0)
			break;
	}
	sqlite3_reset(statement);
	return result;
}

int dps_journal_read_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			   uint32_t first, dps_journal_on_file *on_file, void *context)
{
	sqlite3_stmt *statement = dps_journal_of(journal, DPS_JOURNAL_READ_FILES, id);

	sqlite3_bind_int64(statement, 2, first);
	return read_rows(journal, statement, first, true, on_file, context);
}

int dps_journal_read_staged(struct dps_journal *journal, const struct dps_transfer_id *id,
			    dps_journal_on_file *on_file, void *context)
{
	return read_rows(journal, dps_journal_of(journal, DPS_JOURNAL_READ_STAGED, id), 0, false,
			 on_file, context);
}
