/* SPDX-License-Identifier: BSD-3-Clause */
/* The journal's tables, what is refused in their place, and every statement there is. */
#include "drivers/store/journal_parts.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TABLES = 3,
};

/*
 * Written here once and compared word for word when a journal is opened. Without rowid: each table
 * is read along its key only. The checks are for what others write into it: quick_check says so.
 */
static const char *const tables[TABLES] = {
	"CREATE TABLE transfers("
	"id BLOB PRIMARY KEY CHECK(length(id)=16),"
	"key BLOB NOT NULL,"
	"chunk_bytes INTEGER NOT NULL CHECK(chunk_bytes BETWEEN 1 AND 4294967295),"
	"total_files INTEGER CHECK(total_files>=0),"
	"total_bytes INTEGER CHECK(total_bytes>=0),"
	"has_last INTEGER NOT NULL CHECK(has_last IN(0,1)),"
	"state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 3),"
	"created_at_s INTEGER NOT NULL,"
	"touched_at_s INTEGER NOT NULL"
	")STRICT,WITHOUT ROWID",

	"CREATE TABLE files("
	"transfer BLOB CHECK(length(transfer)=16),"
	"number INTEGER CHECK(number BETWEEN 0 AND 4294967295),"
	"path BLOB NOT NULL,"
	"size_bytes INTEGER CHECK(size_bytes>=0),"
	"mtime_ns INTEGER NOT NULL,"
	"mode INTEGER NOT NULL CHECK(mode BETWEEN 0 AND 4294967295),"
	"is_folder INTEGER NOT NULL CHECK(is_folder IN(0,1)),"
	"state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 6),"
	"device INTEGER,"
	"inode INTEGER,"
	"head BLOB CHECK(length(head)=16),"
	"digest BLOB CHECK(length(digest)=16),"
	"error_code TEXT,"
	"error_text TEXT,"
	"PRIMARY KEY(transfer,number)"
	")STRICT,WITHOUT ROWID",

	"CREATE TABLE pieces("
	"transfer BLOB CHECK(length(transfer)=16),"
	"file INTEGER CHECK(file BETWEEN 0 AND 4294967295),"
	"first INTEGER CHECK(first>=0),"
	"digests BLOB NOT NULL CHECK(length(digests)>0 AND length(digests)%16=0),"
	"PRIMARY KEY(transfer,file,first)"
	")STRICT,WITHOUT ROWID",
};

#define TRANSFER                                                                                   \
	"SELECT id,key,chunk_bytes,total_files,total_bytes,has_last,state,created_at_s,"           \
	"touched_at_s FROM transfers "

static const char *const texts[DPS_JOURNAL_STATEMENTS] = {
	/* At once the writer, or a later write could meet another's and fail. */
	[DPS_JOURNAL_BEGIN] = "BEGIN IMMEDIATE",
	[DPS_JOURNAL_COMMIT] = "COMMIT",
	[DPS_JOURNAL_ROLL_BACK] = "ROLLBACK",
	[DPS_JOURNAL_PUT_TRANSFER] = "INSERT OR REPLACE INTO transfers "
				     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[DPS_JOURNAL_TOUCH_TRANSFER] = "UPDATE transfers SET touched_at_s=?2 WHERE id=?1",
	[DPS_JOURNAL_FORGET_PIECES] = "DELETE FROM pieces WHERE transfer=?1",
	[DPS_JOURNAL_FORGET_FILES] = "DELETE FROM files WHERE transfer=?1",
	[DPS_JOURNAL_FORGET_TRANSFER] = "DELETE FROM transfers WHERE id=?1",
	[DPS_JOURNAL_FIND_TRANSFER] = TRANSFER "WHERE id=?1",
	[DPS_JOURNAL_FIND_KEY] = TRANSFER "WHERE key=?1 ORDER BY touched_at_s DESC LIMIT 1",
	[DPS_JOURNAL_READ_TRANSFERS] = TRANSFER,
	[DPS_JOURNAL_LAST_FILE] = "SELECT (SELECT max(number) FROM files WHERE transfer=?1) "
				  "FROM transfers WHERE id=?1",
	[DPS_JOURNAL_PUT_FILE] = "INSERT OR REPLACE INTO files "
				 "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
	[DPS_JOURNAL_CHANGE_FILE] =
		"UPDATE files SET state=?3,size_bytes=coalesce(?4,size_bytes),"
		"device=coalesce(?5,device),inode=coalesce(?6,inode),head=coalesce(?7,head),"
		"digest=coalesce(?8,digest),error_code=?9,error_text=?10 "
		"WHERE transfer=?1 AND number=?2",
	[DPS_JOURNAL_READ_FILES] =
		"SELECT number,path,size_bytes,mtime_ns,mode,is_folder,state,device,inode,head,"
		"digest,error_code,error_text FROM files WHERE transfer=?1 AND number>=?2 "
		"ORDER BY number",
	[DPS_JOURNAL_READ_STAGED] =
		"SELECT number,path,size_bytes,mtime_ns,mode,is_folder,state,device,inode,head,"
		"digest,error_code,error_text FROM files WHERE transfer=?1 AND number IN"
		"(SELECT file FROM pieces WHERE transfer=?1 AND first=0) ORDER BY number",
	[DPS_JOURNAL_PUT_PIECES] = "INSERT OR REPLACE INTO pieces VALUES(?1,?2,?3,?4)",
	[DPS_JOURNAL_LAST_PIECES] = "SELECT first,digests FROM pieces "
				    "WHERE transfer=?1 AND file=?2 AND first<?3 "
				    "ORDER BY first DESC LIMIT 1",
	[DPS_JOURNAL_DROP_RUN] = "DELETE FROM pieces WHERE transfer=?1 AND file=?2 AND first=?3",
	[DPS_JOURNAL_COUNT_PIECES] = "SELECT first,length(digests) FROM pieces "
				     "WHERE transfer=?1 AND file=?2 ORDER BY first",
	[DPS_JOURNAL_READ_PIECES] = "SELECT first,digests FROM pieces "
				    "WHERE transfer=?1 AND file=?2 ORDER BY first",
	[DPS_JOURNAL_DROP_PIECES] = "DELETE FROM pieces WHERE transfer=?1 AND file=?2",
	/* A file that waits again, with nothing. */
	[DPS_JOURNAL_LEAVE_FILE] = "UPDATE files SET state=1,device=NULL,inode=NULL,head=NULL,"
				   "digest=NULL WHERE transfer=?1 AND number=?2",
	[DPS_JOURNAL_MOVE_PIECES] = "UPDATE pieces SET transfer=?3,file=?4 "
				    "WHERE transfer=?1 AND file=?2",
	[DPS_JOURNAL_HAS_STAGED] = "SELECT EXISTS(SELECT 1 FROM pieces WHERE transfer=?1) OR "
				   "EXISTS(SELECT 1 FROM files WHERE transfer=?1 AND state=3)",
	[DPS_JOURNAL_COUNT_STAGED] = "SELECT coalesce(sum(length(digests)/16),0) FROM pieces "
				     "WHERE transfer=?1",
};

int dps_journal_make_tables(sqlite3 *db)
{
	char text[128];
	int code;

	snprintf(text, sizeof(text),
		 "PRAGMA page_size=%d;PRAGMA application_id=%d;PRAGMA user_version=%d",
		 DPS_JOURNAL_PAGE_BYTES, DPS_JOURNAL_APPLICATION_ID, DPS_JOURNAL_VERSION);
	code = sqlite3_exec(db, text, NULL, NULL, NULL);
	for (int i = 0; i < TABLES && code == SQLITE_OK; i++)
		code = sqlite3_exec(db, tables[i], NULL, NULL, NULL);
	return code;
}

/* The first row of a statement that is used once; 1, 0 for none, or -errno. */
static int ask(struct dps_journal *journal, const char *text, sqlite3_stmt **statement)
{
	int code = sqlite3_prepare_v2(journal->db, text, -1, statement, NULL);

	return code == SQLITE_OK ? dps_journal_step(journal, *statement)
				 : dps_journal_fail_sqlite(journal, code);
}

static int ask_number(struct dps_journal *journal, const char *text, int64_t *number)
{
	sqlite3_stmt *statement = NULL;
	int result = ask(journal, text, &statement);

	*number = result > 0 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return result < 0 ? result : 0;
}

static int check_format(struct dps_journal *journal)
{
	int64_t application, version, page_bytes;
	char detail[80];
	int err = ask_number(journal, "PRAGMA application_id", &application);

	if (err == 0)
		err = ask_number(journal, "PRAGMA user_version", &version);
	if (err == 0)
		err = ask_number(journal, "PRAGMA page_size", &page_bytes);
	if (err < 0)
		return err;
	if (application != DPS_JOURNAL_APPLICATION_ID)
		return dps_journal_fail_damaged(journal, "another program's database");
	if (version > DPS_JOURNAL_VERSION) {
		snprintf(detail, sizeof(detail), "its format is %lld, this version knows %d",
			 (long long)version, DPS_JOURNAL_VERSION);
		return dps_journal_fail(journal, -EPROTONOSUPPORT, detail);
	}
	if (version != DPS_JOURNAL_VERSION || page_bytes != DPS_JOURNAL_PAGE_BYTES)
		return dps_journal_fail_damaged(journal, "no format that ever was");
	return 0;
}

static int check_pages(struct dps_journal *journal)
{
	sqlite3_stmt *statement = NULL;
	int result = ask(journal, "PRAGMA quick_check(1)", &statement);

	if (result > 0) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		result = text != NULL && strcmp(text, "ok") == 0
				 ? 0
				 : dps_journal_fail_damaged(journal, text);
	}
	sqlite3_finalize(statement);
	return result;
}

static int check_schema(struct dps_journal *journal)
{
	sqlite3_stmt *statement = NULL;
	int result = ask(journal, "SELECT sql FROM sqlite_schema ORDER BY rowid", &statement);
	int count = 0;

	while (result > 0) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		if (count == TABLES || text == NULL || strcmp(text, tables[count]) != 0)
			break;
		count++;
		result = dps_journal_step(journal, statement);
	}
	sqlite3_finalize(statement);
	if (result < 0)
		return result;
	return result == 0 && count == TABLES
		       ? 0
		       : dps_journal_fail_damaged(journal, "its tables were changed");
}

int dps_journal_check_tables(struct dps_journal *journal)
{
	int err = check_format(journal);

	if (err == 0)
		err = check_schema(journal);
	return err == 0 ? check_pages(journal) : err;
}

int dps_journal_prepare_statements(struct dps_journal *journal)
{
	for (int i = 0; i < DPS_JOURNAL_STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(journal->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
					      &journal->statements[i], NULL);

		if (code != SQLITE_OK)
			return dps_journal_fail_sqlite(journal, code);
	}
	return 0;
}
