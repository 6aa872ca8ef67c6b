/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/journal_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* What a damaged file says of a row's length is not taken as memory without bound. */
	ROW_BYTES_MAX = DPS_JOURNAL_KEY_BYTES_MAX + (1 << 20),
	/* After a burst of commits the WAL is cut to this again. */
	WAL_BYTES_KEPT = 16 << 20,
};

/* The checkpoint at closing would change what is refused, and delete its WAL. */
static void keep_wal_at_close(struct dps_journal *journal, bool is_kept)
{
	sqlite3_db_config(journal->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_kept ? 1 : 0, NULL);
}

static int connect_file(struct dps_journal *journal, const struct dps_journal_config *config)
{
	char path[320];
	int code;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", journal->folder_fd, config->name);
	errno = 0;
	code = sqlite3_open_v2(path, &journal->db,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
				       SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
			       dps_journal_vfs());
	if (journal->db == NULL)
		return dps_journal_fail(journal, -ENOMEM, NULL);
	if (code != SQLITE_OK)
		return dps_journal_fail_sqlite(journal, code);
	/* An empty one that opening makes is taken away again. */
	keep_wal_at_close(journal, journal->has_wal);
	sqlite3_db_config(journal->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(journal->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(journal->db, SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX);
	sqlite3_busy_timeout(journal->db, (int)config->busy_ms);
	/* SQLite falls back to reading what it may not write. */
	return sqlite3_db_readonly(journal->db, "main") > 0
		       ? dps_journal_fail(journal, -EROFS, NULL)
		       : 0;
}

static int set_modes(struct dps_journal *journal, enum dps_journal_sync sync)
{
	char text[128];
	int code;

	snprintf(text, sizeof(text),
		 "PRAGMA synchronous=%s;PRAGMA journal_mode=WAL;PRAGMA journal_size_limit=%d",
		 sync == DPS_JOURNAL_SYNC_FULL ? "FULL" : "NORMAL", WAL_BYTES_KEPT);
	errno = 0;
	code = sqlite3_exec(journal->db, text, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : dps_journal_fail_sqlite(journal, code);
}

static int open_journal(struct dps_journal *journal, const struct dps_journal_config *config)
{
	int err;

	snprintf(journal->shown, sizeof(journal->shown), "%s/%s", config->folder, config->name);
	journal->folder_fd = fcntl(config->folder_fd, F_DUPFD_CLOEXEC, 0);
	if (journal->folder_fd < 0)
		return dps_journal_fail(journal, -errno, NULL);
	err = dps_journal_prepare_place(journal, config->name);
	if (err == 0)
		err = connect_file(journal, config);
	if (err == 0)
		err = dps_journal_check_tables(journal);
	if (err == 0)
		err = set_modes(journal, config->sync);
	if (err == 0)
		err = dps_journal_prepare_statements(journal);
	if (err == 0)
		keep_wal_at_close(journal, false);
	return err;
}

int dps_journal_open(struct dps_journal **journal, const struct dps_journal_config *config,
		     char *sentence)
{
	struct dps_journal *made = calloc(1, sizeof(*made));
	int err;

	DPS_ASSERT(strlen(config->name) < 128 && strchr(config->name, '/') == NULL);
	sentence[0] = '\0';
	if (made == NULL) {
		snprintf(sentence, DPS_JOURNAL_SENTENCE_BYTES, "%s/%s: %s", config->folder,
			 config->name, strerror(ENOMEM));
		return -ENOMEM;
	}
	made->folder_fd = -1;
	err = open_journal(made, config);
	if (err == 0) {
		*journal = made;
		return 0;
	}
	memcpy(sentence, made->trouble, DPS_JOURNAL_SENTENCE_BYTES);
	dps_journal_close(made);
	return err;
}

void dps_journal_close(struct dps_journal *journal)
{
	if (journal == NULL)
		return;
	dps_journal_roll_back(journal);
	for (int i = 0; i < DPS_JOURNAL_STATEMENTS; i++)
		sqlite3_finalize(journal->statements[i]);
	sqlite3_close(journal->db);
	if (journal->folder_fd >= 0)
		close(journal->folder_fd);
	free(journal->key);
	free(journal);
}
