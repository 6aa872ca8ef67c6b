/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the journal share: the connection, its statements, and how they fail. */
#pragma once
#include "drivers/store/journal.h"
#include <sqlite3.h>
#include <sys/types.h>

enum dps_journal_format {
	DPS_JOURNAL_VERSION = 1,		 /* PRAGMA user_version */
	DPS_JOURNAL_APPLICATION_ID = 0x6470736a, /* "dpsj" */
	DPS_JOURNAL_PAGE_BYTES = 4096,
};

enum dps_journal_statement {
	DPS_JOURNAL_BEGIN,
	DPS_JOURNAL_COMMIT,
	DPS_JOURNAL_ROLL_BACK,
	DPS_JOURNAL_PUT_TRANSFER,
	DPS_JOURNAL_TOUCH_TRANSFER,
	DPS_JOURNAL_FORGET_PIECES,
	DPS_JOURNAL_FORGET_FILES,
	DPS_JOURNAL_FORGET_TRANSFER,
	DPS_JOURNAL_FIND_TRANSFER,
	DPS_JOURNAL_FIND_KEY,
	DPS_JOURNAL_READ_TRANSFERS,
	DPS_JOURNAL_LAST_FILE,
	DPS_JOURNAL_PUT_FILE,
	DPS_JOURNAL_CHANGE_FILE,
	DPS_JOURNAL_READ_FILES,
	DPS_JOURNAL_READ_STAGED,
	DPS_JOURNAL_PUT_PIECES,
	DPS_JOURNAL_LAST_PIECES,
	DPS_JOURNAL_DROP_RUN,
	DPS_JOURNAL_COUNT_PIECES,
	DPS_JOURNAL_READ_PIECES,
	DPS_JOURNAL_DROP_PIECES,
	DPS_JOURNAL_LEAVE_FILE,
	DPS_JOURNAL_MOVE_PIECES,
	DPS_JOURNAL_HAS_STAGED,
	DPS_JOURNAL_COUNT_STAGED,
	DPS_JOURNAL_STATEMENTS,
};

struct dps_journal {
	sqlite3 *db;
	sqlite3_stmt *statements[DPS_JOURNAL_STATEMENTS];
	int folder_fd; /* SQLite opens its files through it, by /proc/self/fd */
	bool has_wal;  /* commits were in it when it was opened */
	bool is_begun;
	int failure;	 /* of the first write since begin that failed, or 0 */
	uint8_t *key;	 /* what a find lends */
	char shown[512]; /* folder and name, cut when too long */
	char trouble[DPS_JOURNAL_SENTENCE_BYTES];
};

/*
 * The folder and what stands in it before SQLite opens anything; makes the journal where there is
 * none. 0 or -errno, with trouble written.
 */
int dps_journal_prepare_place(struct dps_journal *journal, const char *name);

/* The name under which sqlite3_open_v2 takes paths literally, symlinks of /proc included. */
const char *dps_journal_vfs(void);

/*
 * mmap(2) as SQLite calls it. What is mapped to be written and shared has a block for every byte of
 * it, or is refused: ENOSPC.
 */
void *dps_journal_map(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

/* Makes the tables in an empty database. An SQLite code. */
int dps_journal_make_tables(sqlite3 *db);
/* Refuses a database whose tables are not those; trouble says why. */
int dps_journal_check_tables(struct dps_journal *journal);
int dps_journal_prepare_statements(struct dps_journal *journal);

/* Writes trouble, for error and the detail that is known of it, and returns error. */
int dps_journal_fail(struct dps_journal *journal, int error, const char *detail);
/* -EUCLEAN: what was read can not have been written by us. */
int dps_journal_fail_damaged(struct dps_journal *journal, const char *what);
/* The same for what SQLite has just answered; errno is still what it made it. */
int dps_journal_fail_sqlite(struct dps_journal *journal, int code);

/* A statement with its first parameter, the transfer. */
sqlite3_stmt *dps_journal_of(struct dps_journal *journal, enum dps_journal_statement statement,
			     const struct dps_transfer_id *id);

/* 1: a row is there. 0: no more; the statement is reset, as it is after an error. */
int dps_journal_step(struct dps_journal *journal, sqlite3_stmt *statement);

/* Runs a statement that answers no rows. */
int dps_journal_run(struct dps_journal *journal, sqlite3_stmt *statement);

/* The end of every call that writes: remembers that it failed. Returns error. */
int dps_journal_end_write(struct dps_journal *journal, int error);

/* Reads an integer of 0..max; false when something else stands there. */
bool dps_journal_read_number(sqlite3_stmt *statement, int column, uint64_t max, uint64_t *number);

/* NULL is DPS_JOURNAL_UNKNOWN, both ways. */
bool dps_journal_read_size(sqlite3_stmt *statement, int column, uint64_t *size);
void dps_journal_bind_size(sqlite3_stmt *statement, int parameter, uint64_t size);
