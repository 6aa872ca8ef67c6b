/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/file_digest.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 4096,
};

/* A digest that shows what it was given: how many bytes, and two of them. */
static void digest_bytes(const void *bytes, size_t count, struct dps_digest *digest)
{
	const uint8_t *at = bytes;

	memset(digest, 0, sizeof(*digest));
	memcpy(digest->bytes, &count, 8);
	digest->bytes[8] = at[0];
	digest->bytes[9] = at[count - 1];
}

static void digest_pieces(const struct dps_digest *pieces, size_t count, struct dps_digest *digest)
{
	memset(digest, 0, sizeof(*digest));
	memcpy(digest->bytes, &count, 4);
	if (count > 0) {
		memcpy(digest->bytes + 4, pieces[0].bytes, 4);
		memcpy(digest->bytes + 8, pieces[count - 1].bytes, 4);
		digest->bytes[12] = pieces[0].bytes[8];
		digest->bytes[13] = pieces[count - 1].bytes[9];
	}
}

static const struct dps_digester digester = { digest_bytes, digest_pieces };

static int digest_of(size_t bytes, uint64_t asked, struct dps_digest *digest)
{
	struct scratch scratch;
	uint8_t content[4 * CHUNK_BYTES];
	int err;
	int fd;

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i / 256 + 1);
	scratch_create(&scratch, SCRATCH_DISK);
	scratch_write(&scratch, "file", content, bytes);
	fd = openat(scratch.fd, "file", O_RDONLY);
	err = dps_file_digest_read(fd, asked, CHUNK_BYTES, &digester, NULL, digest);
	close(fd);
	scratch_remove(&scratch);
	return err;
}

static void read__digests_pieces_from_the_files_start(void **state)
{
	static const struct {
		size_t bytes;
		uint32_t pieces;
		uint32_t first_bytes;
		uint32_t last_bytes;
		uint8_t last_byte;
	} cases[] = {
		{ 0, 0, 0, 0, 0 },
		{ 1, 1, 1, 1, 1 },
		{ CHUNK_BYTES - 1, 1, CHUNK_BYTES - 1, CHUNK_BYTES - 1, 16 },
		{ CHUNK_BYTES, 1, CHUNK_BYTES, CHUNK_BYTES, 16 },
		{ CHUNK_BYTES + 1, 2, CHUNK_BYTES, 1, 17 },
		{ 3 * CHUNK_BYTES + 700, 4, CHUNK_BYTES, 700, 51 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dps_digest digest;
		uint32_t numbers[3];

		assert_int_equal(digest_of(cases[i].bytes, cases[i].bytes, &digest), 0);
		memcpy(numbers, digest.bytes, sizeof(numbers));
		assert_int_equal(numbers[0], cases[i].pieces);
		assert_int_equal(numbers[1], cases[i].first_bytes);
		assert_int_equal(numbers[2], cases[i].last_bytes);
		assert_int_equal(digest.bytes[12], cases[i].bytes > 0);
		assert_int_equal(digest.bytes[13], cases[i].last_byte);
	}
}

static void read__a_shorter_file_has_changed(void **state)
{
	struct dps_digest digest;

	(void)state;
	assert_int_equal(digest_of(5000, 5001, &digest), -ESTALE);
	assert_int_equal(digest_of(0, 1, &digest), -ESTALE);
}

static void read__stops_when_asked(void **state)
{
	const atomic_bool stop = true;
	struct dps_digest digest;

	(void)state;
	assert_int_equal(dps_file_digest_read(-1, 1, CHUNK_BYTES, &digester, &stop, &digest),
			 -ECANCELED);
	assert_int_equal(dps_file_digest_read(-1, 1, CHUNK_BYTES, &digester, NULL, &digest),
			 -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__digests_pieces_from_the_files_start),
		cmocka_unit_test(read__a_shorter_file_has_changed),
		cmocka_unit_test(read__stops_when_asked),
	};

	return cmocka_run_group_tests_name("file_digest", tests, NULL, NULL);
}
