/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/journals.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

int journals_set_up(void **state)
{
	struct journals_fixture *fixture = calloc(1, sizeof(*fixture));

	scratch_create(&fixture->disk, SCRATCH_DISK);
	fixture->journal = journals_open(&fixture->disk);
	*state = fixture;
	return 0;
}

int journals_tear_down(void **state)
{
	struct journals_fixture *fixture = *state;

	dps_journal_close(fixture->journal);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

void journals_reopen(struct journals_fixture *fixture)
{
	dps_journal_close(fixture->journal);
	fixture->journal = journals_open(&fixture->disk);
}

int journals_try(const struct scratch *disk, struct dps_journal **journal, char *sentence)
{
	const struct dps_journal_config config = {
		.folder_fd = disk->fd,
		.folder = disk->path,
		.name = JOURNALS_NAME,
		.sync = DPS_JOURNAL_SYNC_FULL,
		.busy_ms = DPS_JOURNAL_BUSY_MS,
	};

	return dps_journal_open(journal, &config, sentence);
}

struct dps_journal *journals_open(const struct scratch *disk)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal = NULL;

	if (journals_try(disk, &journal, sentence) != 0)
		fail_msg("%s", sentence);
	return journal;
}

void journals_put_transfer(struct dps_journal *journal, const struct dps_transfer_id *id,
			   const char *key, int64_t touched_at_s)
{
	const struct dps_journal_transfer transfer = {
		.id = *id,
		.key = key,
		.key_bytes = strlen(key),
		.chunk_bytes = 262144,
		.total_files = DPS_JOURNAL_UNKNOWN,
		.total_bytes = DPS_JOURNAL_UNKNOWN,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
		.created_at_s = 1700000000,
		.touched_at_s = touched_at_s,
	};

	if (dps_journal_put_transfer(journal, &transfer) != 0)
		fail_msg("%s", dps_journal_trouble(journal));
}
