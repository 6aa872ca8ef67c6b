/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/journal_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dps_journal_put_transfer(struct dps_journal *journal,
			     const struct dps_journal_transfer *transfer)
{
	sqlite3_stmt *put = dps_journal_of(journal, DPS_JOURNAL_PUT_TRANSFER, &transfer->id);

	DPS_ASSERT(transfer->chunk_bytes > 0);
	DPS_ASSERT(transfer->state >= DPS_JOURNAL_TRANSFER_ACTIVE &&
		   transfer->state <= DPS_JOURNAL_TRANSFER_FINISHED);
	if (transfer->key_bytes > DPS_JOURNAL_KEY_BYTES_MAX)
		return dps_journal_end_write(journal,
					     dps_journal_fail(journal, -EMSGSIZE, "the key"));
	/* Without an address it would be NULL and not a key of no bytes. */
	sqlite3_bind_blob64(put, 2, transfer->key_bytes ? transfer->key : "", transfer->key_bytes,
			    SQLITE_STATIC);
	sqlite3_bind_int64(put, 3, transfer->chunk_bytes);
	dps_journal_bind_size(put, 4, transfer->total_files);
	dps_journal_bind_size(put, 5, transfer->total_bytes);
	sqlite3_bind_int(put, 6, transfer->has_last);
	sqlite3_bind_int(put, 7, transfer->state);
	sqlite3_bind_int64(put, 8, transfer->created_at_s);
	sqlite3_bind_int64(put, 9, transfer->touched_at_s);
	return dps_journal_end_write(journal, dps_journal_run(journal, put));
}

int dps_journal_touch_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			       int64_t touched_at_s)
{
	sqlite3_stmt *touch = dps_journal_of(journal, DPS_JOURNAL_TOUCH_TRANSFER, id);
	int err;

	sqlite3_bind_int64(touch, 2, touched_at_s);
	err = dps_journal_run(journal, touch);
	if (err == 0 && sqlite3_changes(journal->db) == 0)
		err = dps_journal_fail(journal, -ENOENT, "the transfer");
	return dps_journal_end_write(journal, err);
}

int dps_journal_forget_transfer(struct dps_journal *journal, const struct dps_transfer_id *id)
{
	int err = 0;

	for (int i = DPS_JOURNAL_FORGET_PIECES; i <= DPS_JOURNAL_FORGET_TRANSFER && err == 0; i++)
		err = dps_journal_run(journal,
				      dps_journal_of(journal, (enum dps_journal_statement)i, id));
	return dps_journal_end_write(journal, err);
}

/* What the row says; its key is lent until the next step. */
static int read_row(struct dps_journal *journal, sqlite3_stmt *row,
		    struct dps_journal_transfer *transfer)
{
	const void *id = sqlite3_column_blob(row, 0);
	uint64_t chunk_bytes, has_last, state;

	if (sqlite3_column_bytes(row, 0) != sizeof(transfer->id.bytes))
		return dps_journal_fail_damaged(journal, "a transfer's id");
	memcpy(transfer->id.bytes, id, sizeof(transfer->id.bytes));
	transfer->key = sqlite3_column_blob(row, 1);
	transfer->key_bytes = (size_t)sqlite3_column_bytes(row, 1);
	if (transfer->key == NULL)
		transfer->key = "";
	if (transfer->key_bytes > DPS_JOURNAL_KEY_BYTES_MAX ||
	    !dps_journal_read_number(row, 2, UINT32_MAX, &chunk_bytes) || chunk_bytes == 0 ||
	    !dps_journal_read_size(row, 3, &transfer->total_files) ||
	    !dps_journal_read_size(row, 4, &transfer->total_bytes) ||
	    !dps_journal_read_number(row, 5, 1, &has_last) ||
	    !dps_journal_read_number(row, 6, DPS_JOURNAL_TRANSFER_FINISHED, &state) || state == 0)
		return dps_journal_fail_damaged(journal, "a transfer's row");
	transfer->chunk_bytes = (uint32_t)chunk_bytes;
	transfer->has_last = has_last != 0;
	transfer->state = (uint8_t)state;
	transfer->created_at_s = sqlite3_column_int64(row, 7);
	transfer->touched_at_s = sqlite3_column_int64(row, 8);
	return 0;
}

/* Takes the key out of the row, which does not outlive the statement. */
static int keep_key(struct dps_journal *journal, struct dps_journal_transfer *transfer)
{
	uint8_t *key = realloc(journal->key, transfer->key_bytes + 1);

	if (key == NULL)
		return dps_journal_fail(journal, -ENOMEM, NULL);
	memcpy(key, transfer->key, transfer->key_bytes);
	journal->key = key;
	transfer->key = key;
	return 0;
}

static int find(struct dps_journal *journal, sqlite3_stmt *statement,
		struct dps_journal_transfer *transfer)
{
	int result = dps_journal_step(journal, statement);

	if (result == 0)
		return dps_journal_fail(journal, -ENOENT, "the transfer");
	if (result > 0)
		result = read_row(journal, statement, transfer);
	if (result == 0)
		result = keep_key(journal, transfer);
	sqlite3_reset(statement);
	return result;
}

int dps_journal_find_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			      struct dps_journal_transfer *transfer)
{
	return find(journal, dps_journal_of(journal, DPS_JOURNAL_FIND_TRANSFER, id), transfer);
}

int dps_journal_find_key(struct dps_journal *journal, const void *key, size_t key_bytes,
			 struct dps_journal_transfer *transfer)
{
	sqlite3_stmt *statement = journal->statements[DPS_JOURNAL_FIND_KEY];

	if (key_bytes > DPS_JOURNAL_KEY_BYTES_MAX)
		return dps_journal_fail(journal, -ENOENT, "the transfer");
	sqlite3_bind_blob64(statement, 1, key_bytes ? key : "", key_bytes, SQLITE_STATIC);
	return find(journal, statement, transfer);
}

int dps_journal_read_transfers(struct dps_journal *journal, dps_journal_on_transfer *on_transfer,
			       void *context)
{
	sqlite3_stmt *statement = journal->statements[DPS_JOURNAL_READ_TRANSFERS];
	struct dps_journal_transfer transfer;
	int result;

	while ((result = dps_journal_step(journal, statement)) > 0) {
		result = read_row(journal, statement, &transfer);
		if (result == 0)
			result = on_transfer(context, &transfer);
		if (result != 0)
			break;
	}
	sqlite3_reset(statement);
	return result;
}
