/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/piece_digests.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void dps_piece_digests_init(struct dps_piece_digests *digests, uint64_t size_bytes,
			    uint32_t chunk_bytes)
{
	digests->waiting = NULL;
	digests->waiting_count = digests->waiting_room = 0;
	digests->chunk_bytes = chunk_bytes;
	digests->next_number = 0;
	dps_piece_digests_set_size(digests, size_bytes);
	digests->fresh = NULL;
	digests->fresh_count = digests->fresh_room = 0;
	digests->keeps_fresh = false;
	dps_file_digest_init(&digests->file);
}

void dps_piece_digests_set_size(struct dps_piece_digests *digests, uint64_t size_bytes)
{
	uint32_t chunk_bytes = digests->chunk_bytes;

	digests->pieces_count = size_bytes / chunk_bytes + (size_bytes % chunk_bytes != 0);
	DPS_ASSERT(digests->next_number <= digests->pieces_count);
}

void dps_piece_digests_fini(struct dps_piece_digests *digests)
{
	free(digests->waiting);
	free(digests->fresh);
	digests->waiting = NULL;
	digests->fresh = NULL;
}

/* The next piece in order. */
static int take_next(struct dps_piece_digests *digests, const struct dps_digest *digest)
{
	if (digests->keeps_fresh && digests->fresh_count == digests->fresh_room) {
		uint32_t room = digests->fresh_room ? digests->fresh_room * 2 : 8;
		void *fresh = realloc(digests->fresh, room * sizeof(*digests->fresh));

		if (!fresh)
			return -ENOMEM;
		digests->fresh = fresh;
		digests->fresh_room = room;
	}
	if (digests->keeps_fresh)
		digests->fresh[digests->fresh_count++] = *digest;
	dps_file_digest_add(&digests->file, digest);
	digests->next_number++;
	return 0;
}

/* Keeps one for later, sorted so that the next is last. */
static int keep(struct dps_piece_digests *digests, uint64_t number, const struct dps_digest *digest)
{
	uint32_t at = digests->waiting_count;

	if (digests->waiting_count == digests->waiting_room) {
		uint32_t room = digests->waiting_room ? digests->waiting_room * 2 : 8;
		void *waiting = realloc(digests->waiting, room * sizeof(*digests->waiting));

		if (!waiting)
			return -ENOMEM;
		digests->waiting = waiting;
		digests->waiting_room = room;
	}
	while (at > 0 && digests->waiting[at - 1].number < number)
		at--;
	if (at > 0 && digests->waiting[at - 1].number == number)
		return 0;
	memmove(&digests->waiting[at + 1], &digests->waiting[at],
		(digests->waiting_count - at) * sizeof(*digests->waiting));
	digests->waiting[at].number = number;
	digests->waiting[at].digest = *digest;
	digests->waiting_count++;
	return 0;
}

int dps_piece_digests_add(struct dps_piece_digests *digests, uint64_t offset,
			  const struct dps_digest *digest)
{
	uint64_t number = offset / digests->chunk_bytes;

	if (number < digests->next_number || number >= digests->pieces_count)
		return 0;
	if (number > digests->next_number)
		return keep(digests, number, digest);
	if (take_next(digests, digest) < 0)
		return -ENOMEM;
	while (digests->waiting_count > 0) {
		const struct dps_piece_wait *wait = &digests->waiting[digests->waiting_count - 1];

		if (wait->number != digests->next_number)
			break;
		if (take_next(digests, &wait->digest) < 0)
			return -ENOMEM;
		digests->waiting_count--;
	}
	return 0;
}

void dps_piece_digests_forget_waiting(struct dps_piece_digests *digests)
{
	digests->waiting_count = 0;
}

struct dps_piece_run dps_piece_digests_take_fresh(struct dps_piece_digests *digests)
{
	const struct dps_piece_run run = { .first = digests->next_number - digests->fresh_count,
					   .digests = digests->fresh,
					   .count = digests->fresh_count };

	digests->fresh = NULL;
	digests->fresh_count = digests->fresh_room = 0;
	return run;
}

uint64_t dps_piece_digests_prefix_bytes(const struct dps_piece_digests *digests,
					uint64_t size_bytes)
{
	return dps_piece_digests_is_whole(digests) ? size_bytes
						   : digests->next_number * digests->chunk_bytes;
}

bool dps_piece_digests_is_whole(const struct dps_piece_digests *digests)
{
	return digests->next_number == digests->pieces_count;
}

struct dps_digest dps_piece_digests_finish(const struct dps_piece_digests *digests)
{
	return dps_file_digest_finish(&digests->file);
}
