/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/journal_parts.h"
#include <errno.h>

static int leave(struct dps_journal *journal, const struct dps_journal_move *move)
{
	sqlite3_stmt *statement = dps_journal_of(journal, DPS_JOURNAL_LEAVE_FILE, &move->from);
	int err;

	sqlite3_bind_int64(statement, 2, move->from_file);
	err = dps_journal_run(journal, statement);
	if (err == 0 && sqlite3_changes(journal->db) == 0)
		err = dps_journal_fail(journal, -ESTALE, "a file that was never listed");
	return err;
}

static int move_pieces(struct dps_journal *journal, const struct dps_journal_move *move)
{
	sqlite3_stmt *statement = dps_journal_of(journal, DPS_JOURNAL_MOVE_PIECES, &move->from);

	sqlite3_bind_int64(statement, 2, move->from_file);
	sqlite3_bind_blob(statement, 3, move->to.bytes, sizeof(move->to.bytes), SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, move->to_file);
	return dps_journal_run(journal, statement);
}

int dps_journal_move_file(struct dps_journal *journal, const struct dps_journal_move *move)
{
	const struct dps_journal_change change = {
		.index = move->to_file,
		.state = DPS_JOURNAL_FILE_OPEN,
		.has_identity = true,
		.size_bytes = DPS_JOURNAL_UNKNOWN,
		.device = move->device,
		.inode = move->inode,
	};
	int err = leave(journal, move);

	if (err == 0)
		err = dps_journal_drop_pieces(journal, &move->to, move->to_file);
	if (err == 0)
		err = move_pieces(journal, move);
	if (err == 0)
		err = dps_journal_change_files(journal, &move->to, &change, 1);
	return dps_journal_end_write(journal, err);
}

int dps_journal_has_staged(struct dps_journal *journal, const struct dps_transfer_id *id)
{
	sqlite3_stmt *statement = dps_journal_of(journal, DPS_JOURNAL_HAS_STAGED, id);
	int result = dps_journal_step(journal, statement);

	if (result > 0)
		result = sqlite3_column_int(statement, 0);
	sqlite3_reset(statement);
	return result;
}

int dps_journal_count_staged(struct dps_journal *journal, const struct dps_transfer_id *id,
			     uint64_t *count)
{
	sqlite3_stmt *statement = dps_journal_of(journal, DPS_JOURNAL_COUNT_STAGED, id);
	int result = dps_journal_step(journal, statement);

	*count = result > 0 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return result < 0 ? result : 0;
}
