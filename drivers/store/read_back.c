/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/read_back.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whole chunks are asked for, as O_DIRECT wants it; only the last may have less. */
static int read_piece(int fd, uint8_t *memory, uint32_t chunk_bytes, uint64_t offset, size_t wanted)
{
	ssize_t got;

	do {
		got = pread(fd, memory, chunk_bytes, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return (size_t)got == wanted ? 0 : -EILSEQ; /* the file is cut, or longer */
}

static int read_pieces(int fd, const struct dps_read_back *read_back, uint8_t *memory,
		       struct dps_digest *pieces)
{
	uint32_t chunk_bytes = read_back->chunk_bytes;

	for (uint64_t offset = 0; offset < read_back->size_bytes; offset += chunk_bytes) {
		size_t bytes = dps_min_u64(chunk_bytes, read_back->size_bytes - offset);
		int err;

		/* relaxed: only asks to stop, carries no data */
		if (read_back->stop && atomic_load_explicit(read_back->stop, memory_order_relaxed))
			return -ECANCELED;
		err = read_piece(fd, memory, chunk_bytes, offset, bytes);
		if (err < 0)
			return err;
		read_back->digester->digest_bytes(memory, bytes, &pieces[offset / chunk_bytes]);
	}
	return 0;
}

static int compare(int fd, const struct dps_read_back *read_back)
{
	uint64_t count =
		(read_back->size_bytes + read_back->chunk_bytes - 1) / read_back->chunk_bytes;
	struct dps_digest *pieces = calloc(count + 1, sizeof(*pieces)), digest;
	uint8_t *memory = aligned_alloc(DPS_PAGE_BYTES, read_back->chunk_bytes);
	int err = pieces && memory ? read_pieces(fd, read_back, memory, pieces) : -ENOMEM;

	if (err == 0) {
		read_back->digester->digest_pieces(pieces, count, &digest);
		err = memcmp(&digest, &read_back->wanted, sizeof(digest)) == 0 ? 0 : -EILSEQ;
	}
	free(memory);
	free(pieces);
	return err;
}

int dps_staging_read_back(const struct dps_staged_file *file, const struct dps_read_back *read_back)
{
	bool is_direct;
	char name[11];
	int err;
	int fd;

	DPS_ASSERT(dps_is_power_of_two(read_back->chunk_bytes));
	snprintf(name, sizeof(name), "%u", file->index);
	fd = dps_beneath_open_regular(file->folder->fd, name, DPS_WISH_DIRECT, &is_direct);
	if (fd < 0)
		return fd;
	/* Also with O_DIRECT: it would be given what the cache has and the disk perhaps not. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	err = compare(fd, read_back);
	close(fd);
	return err;
}
