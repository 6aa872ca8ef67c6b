/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a pass over the bytes costs: seal and digest, in cache and from memory, in Gb/s of one core.
 * The rows take turns of some ten milliseconds each, as a shared machine is not the same for long,
 * and the median of each row is printed.
 */
#include "drivers/clock.h"
#include "drivers/digest/digest.h"
#include "drivers/seal/seal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum sizes {
	ROUNDS = 21,
	TURN_BYTES = 64 << 20,
	CHUNK_BYTES = 256 << 10,
	MEMORY_BYTES = 256 << 20,
};

static uint8_t *source, *target;
static uint8_t head[DPS_ENVELOPE_BYTES];
static unsigned int failures;

static void copy(const uint8_t *from, uint8_t *to, size_t bytes)
{
	memcpy(to, from, bytes);
}

static void make(const uint8_t *from, uint8_t *to, size_t bytes)
{
	(void)to;
	dps_seal_clear_make(head, sizeof(head), from, bytes);
}

/* The seal does not fit: what is measured is the way to that answer. */
static void open_copying(const uint8_t *from, uint8_t *to, size_t bytes)
{
	static const uint8_t tag[DPS_SEAL_BYTES] = { [15] = 1 };

	failures += dps_seal_clear_open(head, tag, to, from, bytes);
}

static void open_in_place(const uint8_t *from, uint8_t *to, size_t bytes)
{
	(void)to;
	open_copying(from, NULL, bytes);
}

static void digest(const uint8_t *from, uint8_t *to, size_t bytes)
{
	struct dps_digest digest = dps_digest_of(from, bytes);

	memcpy(to, digest.bytes, 1);
}

static void plain_digest(const uint8_t *from, uint8_t *to, size_t bytes)
{
	*to = (uint8_t)XXH3_128bits(from, bytes).low64;
}

static void plain_digest_after_seal(const uint8_t *from, uint8_t *to, size_t bytes)
{
	dps_seal_clear_make(head, sizeof(head), from, 64);
	plain_digest(from, to, bytes);
}

static const struct row {
	const char *name;
	void (*pass)(const uint8_t *from, uint8_t *to, size_t bytes);
	size_t bytes;
	size_t span_bytes; /* walked over again and again */
} rows[] = {
	{ "memcpy 8192 B, in cache", copy, 8192, CHUNK_BYTES },
	{ "seal make 1408 B, in cache", make, 1408, CHUNK_BYTES },
	{ "seal make 8192 B, in cache", make, 8192, CHUNK_BYTES },
	{ "seal make 8192 B, from memory", make, 8192, MEMORY_BYTES },
	{ "seal open 1408 B in place, in cache", open_in_place, 1408, CHUNK_BYTES },
	{ "seal open 8192 B in place, in cache", open_in_place, 8192, CHUNK_BYTES },
	{ "seal open 1408 B with copy, in cache", open_copying, 1408, CHUNK_BYTES },
	{ "seal open 8192 B with copy, in cache", open_copying, 8192, CHUNK_BYTES },
	{ "seal open 8192 B with copy, from memory", open_copying, 8192, MEMORY_BYTES },
	{ "digest 256 KiB, in cache", digest, CHUNK_BYTES, CHUNK_BYTES },
	{ "digest 256 KiB, from memory", digest, CHUNK_BYTES, MEMORY_BYTES },
	{ "plain XXH3 256 KiB, in cache", plain_digest, CHUNK_BYTES, CHUNK_BYTES },
	{ "plain XXH3 256 KiB after a seal, in cache", plain_digest_after_seal, CHUNK_BYTES,
	  CHUNK_BYTES },
};

enum { ROWS_COUNT = sizeof(rows) / sizeof(rows[0]) };

static double measure(struct dps_clock *clock, const struct row *row)
{
	size_t steps = row->span_bytes / row->bytes, done = 0;
	uint64_t started_at_ns = dps_clock_now_ns(clock);

	for (size_t i = 0; done < TURN_BYTES; i++, done += row->bytes) {
		size_t at = i % steps * row->bytes;

		row->pass(source + at, target + at, row->bytes);
	}
	return (double)done * 8 / (double)(dps_clock_now_ns(clock) - started_at_ns);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static double gbps[ROWS_COUNT][ROUNDS];
	struct dps_clock clock;

	source = aligned_alloc(4096, MEMORY_BYTES);
	target = aligned_alloc(4096, MEMORY_BYTES);
	if (source == NULL || target == NULL) {
		fprintf(stderr, "bench_passes: not enough memory\n");
		return 1;
	}
	memset(source, 0x5a, MEMORY_BYTES);
	memset(target, 0, MEMORY_BYTES);
	dps_clock_init_real(&clock);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (unsigned int i = 0; i < ROWS_COUNT; i++)
			gbps[i][round] = measure(&clock, &rows[i]);
	printf("%-44s %8s %8s\n", "Gb/s of one core", "median", "best");
	for (unsigned int i = 0; i < ROWS_COUNT; i++) {
		qsort(gbps[i], ROUNDS, sizeof(gbps[i][0]), compare);
		printf("%-44s %8.1f %8.1f\n", rows[i].name, gbps[i][ROUNDS / 2],
		       gbps[i][ROUNDS - 1]);
	}
	free(source);
	free(target);
	return failures != 0;
}
