/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals cut at every length and with flipped bytes: a committed prefix, or refused untouched. */
#include "tests/support/cmocka.h"
#include "tests/support/full.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COMMITS = 2,
	FLIPS = 600,
};

static const struct dps_transfer_id id = { { 9, 9 } };

struct image {
	uint8_t *bytes;
	size_t count;
};

struct images {
	struct scratch disk; /* without an fsync that waits: tmpfs */
	struct image file;
	struct image wal;	       /* what a killed process leaves */
	size_t wal_sizes[COMMITS + 1]; /* after each commit */
	struct image closed;	       /* with everything in it, no WAL */
};

static struct image read_image(const struct scratch *disk, const char *name)
{
	struct image image;

	image.bytes = scratch_read(disk, name, &image.count);
	return image;
}

static size_t size_of(const struct scratch *disk, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(disk->fd, name, &status, 0), 0);
	return (size_t)status.st_size;
}

/* Commit k leaves a transfer touched at k, and k - 1 pieces. */
static void commit_one(struct dps_journal *journal, uint64_t k)
{
	const struct dps_digest digest = { { (uint8_t)k } };

	assert_int_equal(dps_journal_begin(journal), 0);
	journals_put_transfer(journal, &id, "key", (int64_t)k);
	if (k > 1)
		assert_int_equal(dps_journal_add_pieces(journal, &id, 0, k - 2, &digest, 1), 0);
	assert_int_equal(dps_journal_commit(journal), 0);
}

static int set_up(void **state)
{
	struct images *images = calloc(1, sizeof(*images));
	struct dps_journal *journal;

	scratch_create(&images->disk, SCRATCH_TMPFS);
	journal = journals_open(&images->disk);
	for (uint64_t k = 1; k <= COMMITS; k++) {
		commit_one(journal, k);
		images->wal_sizes[k] = size_of(&images->disk, JOURNALS_NAME "-wal");
	}
	images->file = read_image(&images->disk, JOURNALS_NAME);
	images->wal = read_image(&images->disk, JOURNALS_NAME "-wal");
	assert_int_equal(images->wal.count, images->wal_sizes[COMMITS]);
	dps_journal_close(journal);
	images->closed = read_image(&images->disk, JOURNALS_NAME);
	*state = images;
	return 0;
}

static int tear_down(void **state)
{
	struct images *images = *state;

	scratch_remove(&images->disk);
	free(images->file.bytes);
	free(images->wal.bytes);
	free(images->closed.bytes);
	free(images);
	return 0;
}

/* Lays out what a process left that was killed. bytes NULL: no such file. */
static void lay_out(const struct images *images, const uint8_t *file, size_t file_bytes,
		    const uint8_t *wal, size_t wal_bytes)
{
	(void)unlinkat(images->disk.fd, JOURNALS_NAME "-shm", 0);
	(void)unlinkat(images->disk.fd, JOURNALS_NAME "-wal", 0);
	(void)unlinkat(images->disk.fd, JOURNALS_NAME, 0);
	if (file != NULL)
		scratch_write(&images->disk, JOURNALS_NAME, file, file_bytes);
	if (wal != NULL)
		scratch_write(&images->disk, JOURNALS_NAME "-wal", wal, wal_bytes);
}

static void assert_untouched(const struct images *images, const char *name, const uint8_t *bytes,
			     size_t count)
{
	struct image now = read_image(&images->disk, name);

	assert_int_equal(now.bytes == NULL, bytes == NULL);
	if (bytes != NULL) {
		assert_int_equal(now.count, count);
		if (count > 0)
			assert_memory_equal(now.bytes, bytes, count);
	}
	free(now.bytes);
}

static void assert_refused(const struct images *images, int err, const char *sentence,
			   const uint8_t *file, size_t file_bytes, const uint8_t *wal,
			   size_t wal_bytes)
{
	assert_true(err == -EUCLEAN || err == -EPROTONOSUPPORT);
	assert_non_null(strstr(sentence, images->disk.path));
	assert_non_null(strstr(sentence, "move it away"));
	assert_untouched(images, JOURNALS_NAME, file, file_bytes);
	assert_untouched(images, JOURNALS_NAME "-wal", wal, wal_bytes);
}

static int expect_piece(void *context, uint64_t first, const struct dps_digest *digests,
			size_t count)
{
	(void)context;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(digests[i].bytes[0], first + i + 2);
	return 0;
}

/* How many commits a journal holds; stops the test when one is there in part. */
static uint64_t commits_of(struct dps_journal *journal)
{
	struct dps_journal_transfer transfer;
	uint64_t pieces, commits = 0;
	int err = dps_journal_find_transfer(journal, &id, &transfer);

	assert_true(err == 0 || err == -ENOENT);
	if (err == 0)
		commits = (uint64_t)transfer.touched_at_s;
	assert_int_equal(dps_journal_count_pieces(journal, &id, 0, &pieces), 0);
	assert_int_equal(pieces, commits > 0 ? commits - 1 : 0);
	assert_int_equal(dps_journal_read_pieces(journal, &id, 0, expect_piece, NULL), 0);
	return commits;
}

static void open__takes_a_wal_of_every_length(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];

	for (size_t bytes = 0; bytes <= images->wal.count; bytes++) {
		struct dps_journal *journal;
		uint64_t expected = 0;

		while (expected < COMMITS && images->wal_sizes[expected + 1] <= bytes)
			expected++;
		lay_out(images, images->file.bytes, images->file.count, images->wal.bytes, bytes);
		if (journals_try(&images->disk, &journal, sentence) != 0)
			fail_msg("%zu bytes: %s", bytes, sentence);
		if (commits_of(journal) != expected)
			fail_msg("%zu bytes: not %llu commits", bytes,
				 (unsigned long long)expected);
		dps_journal_close(journal);
	}
}

/* All of a page, and then by sectors; with --full every byte. */
static size_t next_length(size_t bytes)
{
	return bytes + (bytes < 4096 || is_full_run() ? 1 : 512);
}

static void open__refuses_a_file_of_every_other_length(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];

	for (size_t bytes = 0; bytes < images->closed.count; bytes = next_length(bytes)) {
		struct dps_journal *journal;
		int err;

		lay_out(images, images->closed.bytes, bytes, NULL, 0);
		err = journals_try(&images->disk, &journal, sentence);
		if (err == 0)
			fail_msg("opened with %zu bytes", bytes);
		assert_refused(images, err, sentence, images->closed.bytes, bytes, NULL, 0);
	}
	lay_out(images, images->closed.bytes, images->closed.count, NULL, 0);
	{
		struct dps_journal *journal = journals_open(&images->disk);

		assert_int_equal(commits_of(journal), COMMITS);
		dps_journal_close(journal);
	}
}

/* The end of a long key: what is cut off it reads as zeros, and SQLite sees nothing wrong. */
static void open__refuses_a_cut_key(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES], key[8000];
	struct dps_journal *journal;
	struct image image;
	int err;

	lay_out(images, NULL, 0, NULL, 0);
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	journal = journals_open(&images->disk);
	assert_int_equal(dps_journal_begin(journal), 0);
	journals_put_transfer(journal, &id, key, 1);
	assert_int_equal(dps_journal_commit(journal), 0);
	dps_journal_close(journal);
	image = read_image(&images->disk, JOURNALS_NAME);
	for (size_t cut = 1; cut < 4096; cut += 63) {
		lay_out(images, image.bytes, image.count - cut, NULL, 0);
		err = journals_try(&images->disk, &journal, sentence);
		assert_refused(images, err, sentence, image.bytes, image.count - cut, NULL, 0);
	}
	free(image.bytes);
}

/* The WAL may hold every page that was cut off. */
static void open__takes_nothing_less_with_a_cut_file_and_its_wal(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	const struct image *wal = &images->wal;

	for (size_t bytes = 0; bytes < images->file.count; bytes = next_length(bytes)) {
		struct dps_journal *journal;
		int err;

		lay_out(images, images->file.bytes, bytes, wal->bytes, wal->count);
		err = journals_try(&images->disk, &journal, sentence);
		if (err == 0) {
			assert_int_equal(commits_of(journal), COMMITS);
			dps_journal_close(journal);
		} else {
			assert_refused(images, err, sentence, images->file.bytes, bytes, wal->bytes,
				       wal->count);
		}
	}
}

static void open__makes_no_new_one_beside_a_wal(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal;
	int err;

	lay_out(images, NULL, 0, images->wal.bytes, images->wal.count);
	err = journals_try(&images->disk, &journal, sentence);
	assert_refused(images, err, sentence, NULL, 0, images->wal.bytes, images->wal.count);
}

static int ignore_file(void *context, const struct dps_journal_file *file)
{
	size_t *sum = context;

	for (size_t i = 0; i < file->path_bytes; i++)
		*sum += ((const uint8_t *)file->path)[i];
	return 0;
}

static int ignore_transfer(void *context, const struct dps_journal_transfer *transfer)
{
	size_t *sum = context;

	for (size_t i = 0; i < transfer->key_bytes; i++)
		*sum += ((const uint8_t *)transfer->key)[i];
	return 0;
}

static int ignore_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			 size_t count)
{
	size_t *sum = context;

	*sum += first + digests[count - 1].bytes[15];
	return 0;
}

static void assert_harmless(struct dps_journal *journal, int result)
{
	assert_true(result == 0 || result == -EUCLEAN || result == -ENOENT || result == -ESTALE);
	if (result == -EUCLEAN)
		assert_non_null(strstr(dps_journal_trouble(journal), "damaged"));
}

/* Everything there is to read, and a write: no crash, whatever it says. */
static void use_all(struct dps_journal *journal)
{
	const struct dps_journal_change change = { .index = 0, .state = DPS_JOURNAL_FILE_STORED };
	const struct dps_digest digest = { { 0 } };
	struct dps_journal_transfer transfer;
	uint64_t count;
	size_t sum = 0;

	assert_harmless(journal, dps_journal_find_transfer(journal, &id, &transfer));
	assert_harmless(journal, dps_journal_find_key(journal, "key", 3, &transfer));
	assert_harmless(journal, dps_journal_read_transfers(journal, ignore_transfer, &sum));
	assert_harmless(journal, dps_journal_read_files(journal, &id, 0, ignore_file, &sum));
	assert_harmless(journal, dps_journal_count_pieces(journal, &id, 0, &count));
	assert_harmless(journal, dps_journal_read_pieces(journal, &id, 0, ignore_pieces, &sum));
	assert_harmless(journal, dps_journal_begin(journal));
	assert_harmless(journal, dps_journal_add_pieces(journal, &id, 0, 1, &digest, 1));
	assert_harmless(journal, dps_journal_change_files(journal, &id, &change, 1));
	assert_harmless(journal, dps_journal_commit(journal));
}

static void flip(struct image *image, unsigned int *seed)
{
	int count = 1 + rand_r(seed) % 8;

	for (int i = 0; i < count; i++)
		image->bytes[(size_t)rand_r(seed) % image->count] ^=
			(uint8_t)(1 << rand_r(seed) % 8);
}

static struct image copy_of(const struct image *image)
{
	struct image copy = { malloc(image->count), image->count };

	memcpy(copy.bytes, image->bytes, image->count);
	return copy;
}

static void open__lives_with_flipped_bytes(void **state)
{
	struct images *images = *state;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	int refused = 0;

	for (unsigned int run = 1; run <= FLIPS; run++) {
		/* In a WAL, whose checksums then end it early; beside a WAL; in all there is. */
		bool is_wal = run % 3 == 0, has_wal = run % 3 != 1;
		struct image file = copy_of(has_wal ? &images->file : &images->closed);
		struct image wal = copy_of(&images->wal);
		struct dps_journal *journal;
		unsigned int seed = run;
		int err;

		flip(is_wal ? &wal : &file, &seed);
		lay_out(images, file.bytes, file.count, has_wal ? wal.bytes : NULL, wal.count);
		err = journals_try(&images->disk, &journal, sentence);
		if (err == 0 && is_wal)
			assert_true(commits_of(journal) <= COMMITS);
		if (err == 0) {
			use_all(journal);
			dps_journal_close(journal);
		} else {
			assert_refused(images, err, sentence, file.bytes, file.count,
				       has_wal ? wal.bytes : NULL, wal.count);
			refused++;
		}
		free(file.bytes);
		free(wal.bytes);
	}
	print_message("%d of %d refused\n", refused, FLIPS);
	assert_true(refused > 0);
}

#define CASE(function) cmocka_unit_test(function)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(open__takes_a_wal_of_every_length),
		CASE(open__refuses_a_file_of_every_other_length),
		CASE(open__refuses_a_cut_key),
		CASE(open__takes_nothing_less_with_a_cut_file_and_its_wal),
		CASE(open__makes_no_new_one_beside_a_wal),
		CASE(open__lives_with_flipped_bytes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
