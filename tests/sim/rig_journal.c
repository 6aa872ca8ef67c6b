/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig journal: what each end knows of the pieces of files, and what of that survives it. */
#include "drivers/digest/digest.h"
#include "engine/bits.h"
#include "tests/sim/rig_internal.h"
#include <dps/assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void rig_journal_init_file(struct rig_file *file, uint32_t chunk_bytes)
{
	file->pieces_count = (uint32_t)((file->bytes + chunk_bytes - 1) / chunk_bytes);
	for (unsigned int end = 0; end < 2; end++) {
		file->digests[end] = calloc(file->pieces_count + 1, sizeof(uint64_t));
		DPS_ASSERT(file->digests[end] != NULL);
	}
	file->is_piece_written = calloc(file->pieces_count + 1, sizeof(bool));
	file->is_piece_wanted = calloc(file->pieces_count + 1, sizeof(bool));
	DPS_ASSERT(file->is_piece_written != NULL && file->is_piece_wanted != NULL);
}

void rig_journal_fini_file(struct rig_file *file)
{
	free(file->digests[0]);
	free(file->digests[1]);
	free(file->is_piece_written);
	free(file->is_piece_wanted);
}

bool rig_is_own_piece(const struct rig_transfer *transfer, const struct rig_file *file,
		      uint32_t piece)
{
	uint64_t chunk = file->offset / transfer->layout.chunk_bytes + piece;

	return transfer->config.stripes == 0 ||
	       chunk % transfer->config.stripes == transfer->config.stripe;
}

bool rig_has_own_pieces(const struct rig_transfer *transfer, const struct rig_file *file,
			const struct dps_ranges *ranges, uint64_t below)
{
	uint64_t chunk_bytes = transfer->layout.chunk_bytes;

	for (uint32_t i = 0; i < file->pieces_count && i * chunk_bytes < below; i++)
		if (rig_is_own_piece(transfer, file, i) &&
		    !dps_ranges_has_all(ranges, i * chunk_bytes,
					dps_min_u64((i + 1) * chunk_bytes, below)))
			return false;
	return true;
}

void rig_journal_lead(const struct rig_transfer *transfer, struct rig_file *file)
{
	while (file->lead < file->pieces_count && (file->is_piece_written[file->lead] ||
						   !rig_is_own_piece(transfer, file, file->lead)))
		file->lead++;
}

static uint64_t mix(const struct dps_digest *digest)
{
	uint64_t words[2];

	memcpy(words, digest->bytes, sizeof(words));
	return (words[0] ^ words[1] * 3) | 1;
}

void rig_journal_on_piece(struct rig_transfer *transfer, unsigned int end,
			  const struct dps_event *event)
{
	struct rig_file *file = &transfer->files[event->file_index];
	uint32_t piece = (uint32_t)(event->offset / transfer->layout.chunk_bytes);

	DPS_ASSERT(piece < file->pieces_count);
	transfer->pieces[end]++;
	file->digests[end][piece] = mix(&event->digest);
	if (end == transfer->config.sender)
		return;
	file->is_piece_written[piece] = true;
	file->is_piece_wanted[piece] = false;
	rig_journal_lead(transfer, file);
}

bool rig_is_complete(const struct rig_file *file)
{
	return file->lead == file->pieces_count && (file->bytes > 0 || file->is_empty_done) &&
	       !file->is_failed;
}

bool rig_is_settled(const struct rig_file *file)
{
	return file->is_stored || file->is_failed;
}

static uint64_t durable_bytes(const struct rig_transfer *transfer, const struct rig_file *file)
{
	return dps_min_u64((uint64_t)file->journalled * transfer->layout.chunk_bytes, file->bytes);
}

/* The collector forgets the pieces that it has only in memory. */
static void forget_pieces(const struct rig_transfer *transfer, struct rig_file *file)
{
	uint64_t *digests = file->digests[!transfer->config.sender];

	for (uint32_t i = file->journalled; i < file->pieces_count; i++) {
		file->is_piece_written[i] = file->is_piece_wanted[i] = false;
		digests[i] = 0;
	}
	file->lead = file->journalled;
}

static void go_on(struct rig *rig, struct rig_transfer *transfer, struct rig_file *file)
{
	unsigned int end = !transfer->config.sender;
	struct dps_sim_disk *disk = &rig_host_of(rig, transfer, end)->disk;
	uint64_t from = durable_bytes(transfer, file);
	uint64_t seen = dps_min_u64(
		transfer->sent_end > file->offset ? transfer->sent_end - file->offset : 0,
		file->bytes);

	if (file->skip_from[end] != UINT64_MAX && !file->is_row && !file->is_stored)
		file->is_failed = true;
	file->from[end] = RIG_NOTHING;
	if (rig_is_settled(file) || file->is_row)
		return;
	forget_pieces(transfer, file);
	file->is_empty_done = false;
	if (file->bytes > 0)
		dps_sim_disk_resume(disk, file->fds[end], from);
	if (seen > from)
		transfer->again_max += seen - from;
	if (from < file->bytes || file->bytes == 0)
		file->from[end] = from;
}

void rig_journal_go_on(struct rig *rig, struct rig_transfer *transfer)
{
	for (uint32_t i = 0; i < transfer->files_count; i++)
		go_on(rig, transfer, &transfer->files[i]);
}

static void forget_at_collector(struct rig *rig, struct rig_transfer *transfer, uint32_t index)
{
	struct rig_file *file = &transfer->files[index];

	forget_pieces(transfer, file);
	file->is_empty_done = file->is_row;
	/* A file with an inode in its row whose final name has that inode was published. */
	file->is_stored = file->is_row && file->is_renamed;
	if (file->is_told && !file->is_stored)
		dps_sim_fail(&rig->sim, "file %" PRIu32 " was stored, and is not any more", index);
}

void rig_journal_forget(struct rig *rig, struct rig_transfer *transfer, unsigned int end)
{
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		struct rig_file *file = &transfer->files[i];

		file->skip_from[end] = UINT64_MAX;
		file->opens_count[end] = 0;
		if (end != transfer->config.sender)
			forget_at_collector(rig, transfer, i);
		else
			memset(file->digests[end], 0, file->pieces_count * sizeof(uint64_t));
	}
}

/* A mirror that lacks the digest of a piece reads it again. */
static uint64_t read_again(const struct dps_sim_file *source, uint64_t offset, size_t bytes)
{
	uint8_t *memory = malloc(bytes);
	struct dps_digest digest;

	DPS_ASSERT(memory != NULL);
	dps_sim_content_fill(source->config.seed, offset, memory, bytes);
	digest = dps_digest_of(memory, bytes);
	free(memory);
	return mix(&digest);
}

void rig_journal_check(struct rig *rig, const struct rig_transfer *transfer,
		       const struct rig_file *file)
{
	unsigned int sender = transfer->config.sender;
	uint64_t chunk_bytes = transfer->layout.chunk_bytes;
	const struct dps_sim_file *source =
		dps_sim_disk_file(&rig_host_of(rig, transfer, sender)->disk, file->fds[sender]);

	for (uint32_t i = 0; i < file->pieces_count; i++) {
		uint64_t offset = i * chunk_bytes;
		uint64_t sent = file->digests[sender][i];

		if (!rig_is_own_piece(transfer, file, i))
			continue;
		if (sent == 0)
			sent = read_again(source, offset,
					  dps_min_u64(chunk_bytes, file->bytes - offset));
		if (file->digests[!sender][i] != sent)
			dps_sim_fail(&rig->sim,
				     "the ends do not agree on the digest of piece %" PRIu32
				     " of file %td",
				     i, file - transfer->files);
	}
}
