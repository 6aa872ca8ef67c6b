/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Journal: rows of any content, which another program put into the tables of a journal that is
 * open, and then was there before it is opened. Reading them answers rows within their bounds, or
 * that the file is damaged.
 */
#include "drivers/store/journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROWS = 24,
	BLOB_BYTES_MAX = 64,
};

/* One journal for all inputs, in memory; its tables are emptied for each. */
static struct dps_journal *journal;
static sqlite3 *other;
static char folder[] = "/dev/shm/dps-fuzz-journal-XXXXXX";
static int folder_fd;

static const char *const inserts[] = {
	"INSERT OR IGNORE INTO transfers VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	"INSERT OR IGNORE INTO files VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
	"INSERT OR IGNORE INTO pieces VALUES(?1,?2,?3,?4)",
};

static int open_journal(char *sentence)
{
	const struct dps_journal_config config = {
		.folder_fd = folder_fd,
		.folder = folder,
		.name = "journal",
		.sync = DPS_JOURNAL_SYNC_NORMAL,
		.busy_ms = DPS_JOURNAL_BUSY_MS,
	};

	return dps_journal_open(&journal, &config, sentence);
}

static void leave(void)
{
	static const char *const names[] = { "journal", "journal-wal", "journal-shm" };

	dps_journal_close(journal);
	sqlite3_close(other);
	for (unsigned int i = 0; i < 3; i++)
		(void)unlinkat(folder_fd, names[i], 0);
	(void)rmdir(folder);
}

static void execute(const char *text)
{
	DPS_ASSERT(sqlite3_exec(other, text, NULL, NULL, NULL) == SQLITE_OK);
}

static void set_up(void)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES], path[128];

	DPS_ASSERT(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DPS_ASSERT(folder_fd >= 0 && open_journal(sentence) == 0);
	snprintf(path, sizeof(path), "%s/journal", folder);
	DPS_ASSERT(sqlite3_open(path, &other) == SQLITE_OK);
	execute("PRAGMA ignore_check_constraints=ON;PRAGMA synchronous=OFF");
	atexit(leave);
}

/* A byte for its kind: numbers small and large, bytes, an identifier, text, or nothing. */
static void bind(sqlite3_stmt *row, int column, struct input *input)
{
	static const uint8_t id[16] = { 1 };
	uint8_t kind = take_byte(input);
	uint32_t bytes = kind >> 3;
	const uint8_t *run;

	switch (kind & 7) {
	case 0:
	case 1:
		sqlite3_bind_int64(row, column, kind >> 3);
		break;
	case 2:
		sqlite3_bind_int64(row, column, (int64_t)take(input, 8));
		break;
	case 3:
		sqlite3_bind_blob(row, column, id, sizeof(id), SQLITE_STATIC);
		break;
	case 4:
	case 5:
		bytes = (kind & 7) == 5 ? 16 * (bytes & 3) : bytes;
		run = take_run(input, bytes, &bytes);
		sqlite3_bind_blob(row, column, run, (int)bytes, SQLITE_STATIC);
		break;
	case 6:
		run = take_run(input, bytes, &bytes);
		sqlite3_bind_text(row, column, (const char *)run, (int)bytes, SQLITE_STATIC);
		break;
	default:
		sqlite3_bind_null(row, column);
		break;
	}
}

static void insert_row(struct input *input)
{
	sqlite3_stmt *row;

	DPS_ASSERT(sqlite3_prepare_v2(other, inserts[take(input, 1) % 3], -1, &row, NULL) ==
		   SQLITE_OK);
	for (int i = 1; i <= sqlite3_bind_parameter_count(row); i++)
		bind(row, i, input);
	(void)sqlite3_step(row); /* what the tables' types refuse is not there */
	sqlite3_finalize(row);
}

/* ---- what is read ---- */

static struct dps_transfer_id ids[ROWS];
static unsigned int ids_count;

static int on_pieces(void *context, uint64_t first, const struct dps_digest *digests, size_t count)
{
	uint64_t *next = context;

	DPS_ASSERT(first == *next && digests && count > 0 && count <= DPS_JOURNAL_RUN_PIECES_MAX);
	*next += count;
	return 0;
}

static int on_file(void *context, const struct dps_journal_file *file)
{
	uint64_t *next = context;

	DPS_ASSERT(file->index >= *next);
	*next = (uint64_t)file->index + 1;
	DPS_ASSERT(file->path && file->path_bytes > 0 &&
		   file->path_bytes <= DPS_JOURNAL_PATH_BYTES_MAX);
	DPS_ASSERT(file->size_bytes == DPS_JOURNAL_UNKNOWN || file->size_bytes <= INT64_MAX);
	DPS_ASSERT(file->state >= DPS_JOURNAL_FILE_WAITING &&
		   file->state <= DPS_JOURNAL_FILE_FAILED);
	DPS_ASSERT(!file->error_text || strlen(file->error_text) <= DPS_JOURNAL_ERROR_BYTES_MAX);
	return 0;
}

static int on_transfer(void *context, const struct dps_journal_transfer *transfer)
{
	(void)context;
	DPS_ASSERT(transfer->chunk_bytes > 0 && transfer->key_bytes <= DPS_JOURNAL_KEY_BYTES_MAX);
	DPS_ASSERT(transfer->state >= DPS_JOURNAL_TRANSFER_ACTIVE &&
		   transfer->state <= DPS_JOURNAL_TRANSFER_FINISHED);
	if (ids_count < ROWS)
		ids[ids_count++] = transfer->id;
	return 0;
}

static void expect(int result)
{
	DPS_ASSERT(result == 0 || result == -EUCLEAN || result == -ENOENT);
	DPS_ASSERT(result != -EUCLEAN || dps_journal_trouble(journal)[0]);
}

static void read_all(void)
{
	static const struct dps_transfer_id id = { { 1 } };

	ids[0] = id;
	ids_count = 1;
	expect(dps_journal_read_transfers(journal, on_transfer, NULL));
	for (unsigned int i = 0; i < ids_count; i++) {
		uint64_t next = 0, count = 0;
		int found;

		expect(dps_journal_read_files(journal, &ids[i], 0, on_file, &next));
		next = 0;
		expect(dps_journal_read_staged(journal, &ids[i], on_file, &next));
		found = dps_journal_has_staged(journal, &ids[i]);
		expect(found == 1 ? 0 : found);
		for (uint32_t file = 0; file < 4; file++) {
			int counted = dps_journal_count_pieces(journal, &ids[i], file, &count);

			next = 0;
			expect(counted);
			found = dps_journal_read_pieces(journal, &ids[i], file, on_pieces, &next);
			expect(found);
			DPS_ASSERT(counted != 0 || found != 0 || next == count);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char sentence[DPS_JOURNAL_SENTENCE_BYTES] = "";
	int result;

	if (!other)
		set_up();
	execute("BEGIN;DELETE FROM transfers;DELETE FROM files;DELETE FROM pieces");
	for (unsigned int i = 0; i < ROWS && !input_is_over(&input); i++)
		insert_row(&input);
	execute("COMMIT");
	read_all();
	dps_journal_close(journal);
	journal = NULL;
	result = open_journal(sentence);
	if (result == 0) {
		read_all();
		return 0;
	}
	DPS_ASSERT(result == -EUCLEAN && sentence[0]);
	execute("DELETE FROM transfers;DELETE FROM files;DELETE FROM pieces");
	DPS_ASSERT(open_journal(sentence) == 0);
	return 0;
}
