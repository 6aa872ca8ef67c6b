/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/file_digest.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int read_piece(int fd, uint8_t *memory, size_t bytes, uint64_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = pread(fd, memory + done, bytes - done, (off_t)(offset + done));

		if (got == 0)
			return -ESTALE;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			done += (size_t)got;
	}
	return 0;
}

static int digest_pieces(int fd, uint64_t from, uint64_t end, uint32_t chunk_bytes,
			 const struct dps_digester *digester, const atomic_bool *stop,
			 uint8_t *memory, struct dps_digest *pieces)
{
	for (uint64_t offset = from; offset < end; offset += chunk_bytes) {
		size_t bytes = dps_min_u64(chunk_bytes, end - offset);
		int err;

		/* relaxed: only asks to stop, carries no data */
		if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed))
			return -ECANCELED;
		err = read_piece(fd, memory, bytes, offset);
		if (err < 0)
			return err;
		digester->digest_bytes(memory, bytes, &pieces[(offset - from) / chunk_bytes]);
	}
	return 0;
}

int dps_file_digest_read(int fd, uint64_t size_bytes, uint32_t chunk_bytes,
			 const struct dps_digester *digester, const atomic_bool *stop,
			 struct dps_digest *digest)
{
	uint64_t count = size_bytes / chunk_bytes + (size_bytes % chunk_bytes != 0);
	struct dps_digest *pieces = calloc(count + 1, sizeof(*pieces));
	uint8_t *memory = malloc(chunk_bytes);
	int err = -ENOMEM;

	DPS_ASSERT(dps_is_power_of_two(chunk_bytes));
	if (pieces != NULL && memory != NULL) {
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		err = digest_pieces(fd, 0, size_bytes, chunk_bytes, digester, stop, memory, pieces);
	}
	if (err == 0)
		digester->digest_pieces(pieces, count, digest);
	free(memory);
	free(pieces);
	return err;
}

int dps_file_digest_read_pieces(int fd, uint64_t offset, uint64_t bytes, uint32_t chunk_bytes,
				const struct dps_digester *digester, const atomic_bool *stop,
				struct dps_digest *pieces)
{
	uint8_t *memory = malloc(chunk_bytes);
	int err = -ENOMEM;

	DPS_ASSERT(dps_is_power_of_two(chunk_bytes) && offset % chunk_bytes == 0);
	if (memory != NULL)
		err = digest_pieces(fd, offset, offset + bytes, chunk_bytes, digester, stop, memory,
				    pieces);
	free(memory);
	return err;
}
