/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals: a journal in a scratch folder, and what tests of it write again and again. */
#pragma once
#include "drivers/store/journal.h"
#include "tests/support/scratch.h"

#define JOURNALS_NAME "journal"

struct journals_fixture {
	struct scratch disk;
	struct dps_journal *journal;
};

/* For cmocka: *state is a fixture with an open journal, new and empty. */
int journals_set_up(void **state);
int journals_tear_down(void **state);

/* Closes and opens it. */
void journals_reopen(struct journals_fixture *fixture);

/* 0, or what opening answered; sentence has DPS_JOURNAL_SENTENCE_BYTES. */
int journals_try(const struct scratch *disk, struct dps_journal **journal, char *sentence);

/* Stops the test when it can not be opened. */
struct dps_journal *journals_open(const struct scratch *disk);

/* Within begin and commit. */
void journals_put_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			   const char *key, int64_t touched_at_s);
