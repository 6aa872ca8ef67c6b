/* SPDX-License-Identifier: BSD-3-Clause */
/* The digests of a file's pieces: rows of runs that never overlap, since writing cuts what it
 * meets. */
#include "drivers/store/journal_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of 4 KiB each they would be 4 PiB. */
#define PIECES_END (UINT64_C(1) << 40)

struct run {
	uint64_t first;
	uint64_t count;
	struct dps_digest *digests; /* a copy */
};

static sqlite3_stmt *of_file(struct dps_journal *journal, enum dps_journal_statement statement,
			     const struct dps_transfer_id *id, uint32_t file)
{
	sqlite3_stmt *bound = dps_journal_of(journal, statement, id);

	sqlite3_bind_int64(bound, 2, file);
	return bound;
}

/* Which pieces a row speaks of: its first column, and how many bytes of digests it has. */
static bool read_extent(sqlite3_stmt *row, uint64_t bytes, uint64_t *first, uint64_t *count)
{
	*count = bytes / DPS_DIGEST_BYTES;
	return dps_journal_read_number(row, 0, PIECES_END, first) && *count > 0 &&
	       *count <= DPS_JOURNAL_RUN_PIECES_MAX && bytes % DPS_DIGEST_BYTES == 0;
}

static int put_run(struct dps_journal *journal, const struct dps_transfer_id *id, uint32_t file,
		   uint64_t first, const struct dps_digest *digests, uint64_t count)
{
	sqlite3_stmt *put = of_file(journal, DPS_JOURNAL_PUT_PIECES, id, file);

	sqlite3_bind_int64(put, 3, (sqlite3_int64)first);
	sqlite3_bind_blob64(put, 4, digests, count * DPS_DIGEST_BYTES, SQLITE_STATIC);
	return dps_journal_run(journal, put);
}

/* Copies the last run that begins before end; 1, 0 for none that reaches over begin, or -errno. */
static int take_overlap(struct dps_journal *journal, const struct dps_transfer_id *id,
			uint32_t file, uint64_t begin, uint64_t end, struct run *run)
{
	sqlite3_stmt *last = of_file(journal, DPS_JOURNAL_LAST_PIECES, id, file);
	uint64_t bytes;
	int result;

	sqlite3_bind_int64(last, 3, (sqlite3_int64)end);
	result = dps_journal_step(journal, last);
	if (result <= 0)
		return result;
	bytes = (uint64_t)sqlite3_column_bytes(last, 1);
	if (!read_extent(last, bytes, &run->first, &run->count)) {
		result = dps_journal_fail_damaged(journal, "a run of pieces");
	} else if (run->first + run->count <= begin) {
		result = 0;
	} else {
		run->digests = malloc(bytes);
		if (run->digests != NULL)
			memcpy(run->digests, sqlite3_column_blob(last, 1), bytes);
		else
			result = dps_journal_fail(journal, -ENOMEM, NULL);
	}
	sqlite3_reset(last);
	return result;
}

/* Puts back what of a run lies outside of begin..end. */
static int cut_run(struct dps_journal *journal, const struct dps_transfer_id *id, uint32_t file,
		   uint64_t begin, uint64_t end, const struct run *run)
{
	sqlite3_stmt *drop = of_file(journal, DPS_JOURNAL_DROP_RUN, id, file);
	uint64_t run_end = run->first + run->count;
	int err;

	sqlite3_bind_int64(drop, 3, (sqlite3_int64)run->first);
	err = dps_journal_run(journal, drop);
	if (err == 0 && run_end > end)
		err = put_run(journal, id, file, end, run->digests + (end - run->first),
			      run_end - end);
	if (err == 0 && run->first < begin)
		err = put_run(journal, id, file, run->first, run->digests, begin - run->first);
	return err;
}

/* Appending, the usual case, costs one look at the last run. */
static int make_room(struct dps_journal *journal, const struct dps_transfer_id *id, uint32_t file,
		     uint64_t begin, uint64_t end)
{
	struct run run;
	int result;

	while ((result = take_overlap(journal, id, file, begin, end, &run)) > 0) {
		result = cut_run(journal, id, file, begin, end, &run);
		free(run.digests);
		if (result < 0)
			break;
	}
	return result;
}

int dps_journal_add_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			   uint32_t file, uint64_t first, const struct dps_digest *digests,
			   size_t count)
{
	int err;

	DPS_ASSERT(first < PIECES_END && count < PIECES_END - first);
	err = make_room(journal, id, file, first, first + count);
	while (count > 0 && err == 0) {
		size_t part =
			count < DPS_JOURNAL_RUN_PIECES_MAX ? count : DPS_JOURNAL_RUN_PIECES_MAX;

		err = put_run(journal, id, file, first, digests, part);
		first += part;
		digests += part;
		count -= part;
	}
	return dps_journal_end_write(journal, err);
}

/* 1: the run goes on where the prefix ends. 0: there is a gap. */
static int extend_prefix(struct dps_journal *journal, sqlite3_stmt *row, uint64_t bytes,
			 uint64_t *prefix, uint64_t *count)
{
	uint64_t first;

	if (!read_extent(row, bytes, &first, count) || first < *prefix)
		return dps_journal_fail_damaged(journal, "a run of pieces");
	if (first > *prefix)
		return 0;
	*prefix += *count;
	return 1;
}

int dps_journal_count_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			     uint32_t file, uint64_t *count)
{
	sqlite3_stmt *statement = of_file(journal, DPS_JOURNAL_COUNT_PIECES, id, file);
	uint64_t bytes, run;
	int result;

	*count = 0;
	while ((result = dps_journal_step(journal, statement)) > 0) {
		if (dps_journal_read_number(statement, 1, INT64_MAX, &bytes))
			result = extend_prefix(journal, statement, bytes, count, &run);
		else
			result = dps_journal_fail_damaged(journal, "a run of pieces");
		if (result <= 0)
			break;
	}
	sqlite3_reset(statement);
	return result;
}

int dps_journal_read_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			    uint32_t file, dps_journal_on_pieces *on_pieces, void *context)
{
	sqlite3_stmt *statement = of_file(journal, DPS_JOURNAL_READ_PIECES, id, file);
	uint64_t prefix = 0, count;
	int result;

	while ((result = dps_journal_step(journal, statement)) > 0) {
		/* The blob before its length: the other way round may convert it. */
		const void *digests = sqlite3_column_blob(statement, 1);
		uint64_t bytes = (uint64_t)sqlite3_column_bytes(statement, 1);

		result = extend_prefix(journal, statement, bytes, &prefix, &count);
		if (result <= 0)
			break;
		result = on_pieces(context, prefix - count, digests, (size_t)count);
		if (result != 0)
			break;
	}
	sqlite3_reset(statement);
	return result;
}

int dps_journal_drop_pieces(struct dps_journal *journal, const struct dps_transfer_id *id,
			    uint32_t file)
{
	return dps_journal_end_write(
		journal,
		dps_journal_run(journal, of_file(journal, DPS_JOURNAL_DROP_PIECES, id, file)));
}
