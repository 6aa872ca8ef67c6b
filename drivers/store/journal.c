/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/journal_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *dps_journal_trouble(const struct dps_journal *journal)
{
	return journal->trouble;
}

static const char *advice_of(int error)
{
	switch (error) {
	case -ENOSPC:
		return "no space is left, or a limit is reached; make room and try again";
	case -EIO:
		return "the disk failed; the kernel's log says more";
	case -EROFS:
		return "it can not be written; mount its file system for writing";
	case -EACCES:
		return "it may not be read and written by this user; change its owner or mode, or "
		       "the folder's";
	case -EUCLEAN:
		return "it is damaged, and left as it is; move it away, and its -wal file "
		       "with it, to start over: transfers that were not finished begin anew";
	case -EBUSY:
		return "another process keeps it locked; wait for that one or end it";
	case -EPROTONOSUPPORT:
		return "a newer version wrote it, and it is left as it is; use that version, or "
		       "move it away to start over";
	case -ELOOP:
		return "a symlink stands there; remove it";
	case -EINVAL:
		return "something else than a file stands there; move it away";
	default:
		return strerror(-error);
	}
}

int dps_journal_fail(struct dps_journal *journal, int error, const char *detail)
{
	DPS_ASSERT(error < 0);
	snprintf(journal->trouble, sizeof(journal->trouble), "%s: %s%s%s%s", journal->shown,
		 advice_of(error), detail ? " (" : "", detail ? detail : "", detail ? ")" : "");
	/* SQLite's checks speak in lines; a sentence is one. */
	for (char *at = journal->trouble; *at; at++)
		if (*at == '\n')
			*at = ' ';
	return error;
}

int dps_journal_fail_damaged(struct dps_journal *journal, const char *what)
{
	return dps_journal_fail(journal, -EUCLEAN, what);
}

static int errno_of_system(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case EROFS:
	case EACCES:
	case ENOMEM:
	case ELOOP:
		return -error;
	default:
		return -EIO;
	}
}

/*
 * A commit that fails leaves nothing in sqlite3_system_errno (3.40), but errno is what its last
 * system call that failed made it.
 */
static int errno_of_file(sqlite3 *db, int seen)
{
	int error = errno_of_system(seen);

	return error != -EIO || seen == EIO ? error : errno_of_system(sqlite3_system_errno(db));
}

static int errno_of(sqlite3 *db, int code, int seen)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
		return code == SQLITE_IOERR_NOMEM ? -ENOMEM : errno_of_file(db, seen);
	case SQLITE_CANTOPEN:
		return errno_of_file(db, seen);
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		/* Corrupt, no database at all, or tables changed under us: nothing we wrote. */
		DPS_ASSERT(code != SQLITE_MISUSE && code != SQLITE_RANGE);
		return -EUCLEAN;
	}
}

int dps_journal_fail_sqlite(struct dps_journal *journal, int code)
{
	int seen = errno;

	return dps_journal_fail(journal, errno_of(journal->db, code, seen),
				sqlite3_errmsg(journal->db));
}

int dps_journal_step(struct dps_journal *journal, sqlite3_stmt *statement)
{
	int code, result;

	errno = 0;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		return 1;
	result = code == SQLITE_DONE ? 0 : dps_journal_fail_sqlite(journal, code);
	sqlite3_reset(statement);
	return result;
}

int dps_journal_run(struct dps_journal *journal, sqlite3_stmt *statement)
{
	int result = dps_journal_step(journal, statement);

	DPS_ASSERT(result <= 0);
	return result;
}

sqlite3_stmt *dps_journal_of(struct dps_journal *journal, enum dps_journal_statement statement,
			     const struct dps_transfer_id *id)
{
	/* Lent: every user binds anew before it steps. */
	sqlite3_bind_blob(journal->statements[statement], 1, id->bytes, sizeof(id->bytes),
			  SQLITE_STATIC);
	return journal->statements[statement];
}

int dps_journal_end_write(struct dps_journal *journal, int error)
{
	DPS_ASSERT(journal->is_begun);
	if (error < 0 && journal->failure == 0)
		journal->failure = error;
	return error;
}

bool dps_journal_read_number(sqlite3_stmt *statement, int column, uint64_t max, uint64_t *number)
{
	sqlite3_int64 value = sqlite3_column_int64(statement, column);

	*number = (uint64_t)value;
	return sqlite3_column_type(statement, column) == SQLITE_INTEGER && value >= 0 &&
	       (uint64_t)value <= max;
}

bool dps_journal_read_size(sqlite3_stmt *statement, int column, uint64_t *size)
{
	if (sqlite3_column_type(statement, column) != SQLITE_NULL)
		return dps_journal_read_number(statement, column, INT64_MAX, size);
	*size = DPS_JOURNAL_UNKNOWN;
	return true;
}

void dps_journal_bind_size(sqlite3_stmt *statement, int parameter, uint64_t size)
{
	DPS_ASSERT(size <= INT64_MAX || size == DPS_JOURNAL_UNKNOWN);
	if (size == DPS_JOURNAL_UNKNOWN)
		sqlite3_bind_null(statement, parameter);
	else
		sqlite3_bind_int64(statement, parameter, (sqlite3_int64)size);
}

int dps_journal_begin(struct dps_journal *journal)
{
	int err;

	DPS_ASSERT(!journal->is_begun);
	err = dps_journal_run(journal, journal->statements[DPS_JOURNAL_BEGIN]);
	journal->is_begun = err == 0;
	journal->failure = 0;
	return err;
}

int dps_journal_commit(struct dps_journal *journal)
{
	int err = journal->failure;

	DPS_ASSERT(journal->is_begun);
	if (err == 0)
		err = dps_journal_run(journal, journal->statements[DPS_JOURNAL_COMMIT]);
	if (err == 0)
		journal->is_begun = false;
	else
		dps_journal_roll_back(journal);
	return err;
}

void dps_journal_roll_back(struct dps_journal *journal)
{
	sqlite3_stmt *statement = journal->statements[DPS_JOURNAL_ROLL_BACK];

	/* SQLite has done it by itself after some failures. Trouble keeps what came before. */
	if (journal->is_begun && !sqlite3_get_autocommit(journal->db)) {
		(void)sqlite3_step(statement);
		(void)sqlite3_reset(statement);
	}
	journal->is_begun = false;
	journal->failure = 0;
}
