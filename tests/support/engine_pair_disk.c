/* SPDX-License-Identifier: BSD-3-Clause */
/* Engine pair: the disks at both ends, and the control connection. */
#include "tests/support/engine_pair_parts.h"
#include <errno.h>
#include <string.h>

/* Eight bytes of what every file holds, by its name and the word's place. */
static uint64_t word_of(uint32_t file, uint64_t index)
{
	uint64_t mixed = (index + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)file << 40;

	return mixed ^ mixed >> 29;
}

static uint8_t byte_of(uint32_t file, uint64_t offset)
{
	return (uint8_t)(word_of(file, offset / 8) >> (offset % 8 * 8));
}

void pair_fill(uint8_t *memory, uint32_t file, uint64_t offset, uint32_t bytes)
{
	uint32_t at = 0;

	for (; at < bytes && (offset + at) % 8 != 0; at++)
		memory[at] = byte_of(file, offset + at);
	for (; at + 8 <= bytes; at += 8) {
		uint64_t word = word_of(file, (offset + at) / 8);

		memcpy(memory + at, &word, 8);
	}
	for (; at < bytes; at++)
		memory[at] = byte_of(file, offset + at);
}

bool pair_is_right(const uint8_t *memory, uint32_t file, uint64_t offset, uint32_t bytes)
{
	uint8_t expected[4096];

	for (uint32_t at = 0; at < bytes; at += sizeof(expected)) {
		uint32_t part = (uint32_t)dps_min_u64(sizeof(expected), bytes - at);

		pair_fill(expected, file, offset + at, part);
		if (memcmp(memory + at, expected, part) != 0)
			return false;
	}
	return true;
}

void pair_digest(struct dps_digest *digest, uint32_t file, uint64_t offset)
{
	uint64_t words[2] = { file, offset + 1 };

	memcpy(digest, words, sizeof(*digest));
}

static bool chance(struct pair *pair, uint32_t ppm)
{
	return ppm != 0 && dps_random_chance(&pair->random, ppm, 1000000);
}

static int64_t do_write(struct pair *pair, const struct dps_io *io)
{
	struct dps_digest digest;
	struct pair_file *file = &pair->transfers[io->file >> 16].files[io->file & 0xffff];

	pair_digest(&digest, io->file, io->file_offset);
	pair_check(pair, memcmp(&digest, &io->digest, sizeof(digest)) == 0);
	pair_check(pair,
		   pair_is_right(io->memory, io->file, io->file_offset, io->bytes) && file->writes);
	for (uint64_t at = 0; at < io->bytes; at += DPS_PAGE_BYTES) {
		uint8_t *writes = &file->writes[(io->file_offset + at) / DPS_PAGE_BYTES];

		pair_check(pair, ++*writes == 1);
	}
	return io->bytes;
}

static int64_t end_io(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	if (pair->end_io) {
		int64_t result = pair->end_io(pair, which, io);

		if (result != (int64_t)io->bytes)
			return result;
	}
	if (!io->is_write) {
		if (chance(pair, pair->options.bad_read_ppm))
			return dps_random_chance(&pair->random, 1, 2) ? -EIO : 0;
		pair_fill(io->memory, io->file, io->file_offset, io->bytes);
		return io->bytes;
	}
	if (pair->writes_to_spoil > 0) {
		pair->writes_to_spoil--;
		return -EBADMSG;
	}
	if (chance(pair, pair->options.bad_digest_ppm))
		return -EBADMSG;
	if (pair->options.full_write_ppm > 0 && chance(pair, pair->options.full_write_ppm))
		return dps_random_chance(&pair->random, 1, 2) ? -ENOSPC : -EDQUOT;
	return chance(pair, pair->options.bad_write_ppm) ? -EIO : do_write(pair, io);
}

void pair_end_ios(struct pair *pair, unsigned int which, uint64_t until_ns)
{
	struct pair_side *side = &pair->sides[which];

	for (uint32_t i = 0; i < side->ios_count && !pair->is_disk_asleep[which];) {
		struct dps_io io = side->ios[i].io;
		struct dps_digest digest;

		if (side->ios[i].at_ns > until_ns) {
			i++;
			continue;
		}
		side->ios[i] = side->ios[--side->ios_count];
		pair_digest(&digest, io.file, io.file_offset);
		dps_engine_on_io(side->engine, io.tag, end_io(pair, which, &io), &digest,
				 pair->now_ns);
	}
}

void pair_submit(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];
	struct dps_io ios[8];
	unsigned int room = (unsigned int)dps_min_u64(8, PAIR_PENDING_MAX - side->ios_count);
	unsigned int count = dps_engine_emit_ios(side->engine, ios, room);

	for (unsigned int i = 0; i < count; i++) {
		struct pair_io *io = &side->ios[side->ios_count++];
		const struct pair_transfer *transfer = &pair->transfers[ios[i].file >> 16];

		io->io = ios[i];
		io->at_ns = pair->now_ns;
		if (pair->options.disk_ns > 0)
			io->at_ns += dps_random_below(&pair->random, pair->options.disk_ns);
		pair_check(pair, ios[i].is_write == (which != transfer->from));
		pair_check(pair,
			   ios[i].memory >= side->slots &&
				   ios[i].memory + ios[i].bytes <=
					   side->slots + (size_t)pair->options.limits.slots *
								 pair->options.limits.chunk_bytes);
	}
}

void pair_send_message(struct pair *pair, unsigned int to, const struct pair_message *message)
{
	struct pair_side *side = &pair->sides[to];

	pair_check(pair, side->messages_count < PAIR_PENDING_MAX);
	side->messages[side->messages_count] = *message;
	side->messages[side->messages_count++].at_ns = pair->now_ns + pair->options.control_ns;
}

/* False while it has to wait. */
static bool take_message(struct pair *pair, unsigned int which, const struct pair_message *message)
{
	struct pair_transfer *transfer = &pair->transfers[message->transfer];
	struct dps_engine *engine = pair->sides[which].engine;
	const struct dps_extent_config piece = {
		.offset = message->offset,
		.bytes = message->bytes,
		.file_index = message->file,
		.file = message->transfer << 16 | message->file,
	};
	int result;

	if (!transfer->is_open[which])
		return true;
	if (message->type == PAIR_SKIP) {
		if (transfer->announced[which] <= message->file)
			return false;
		result = dps_engine_skip(engine, transfer->channel[which], message->file,
					 message->offset, pair->now_ns);
		pair_check(pair, result == 0 || result == -ENOENT);
		return true;
	}
	result = dps_engine_resend(engine, transfer->channel[which], &piece,
				   message->offset - transfer->files[message->file].offset);
	pair_check(pair, result == 0 || result == -EAGAIN);
	return result == 0;
}

void pair_take_messages(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];

	for (uint32_t i = 0; i < side->messages_count;) {
		struct pair_message message = side->messages[i];

		if (message.at_ns > pair->now_ns || !take_message(pair, which, &message)) {
			i++;
			continue;
		}
		memmove(&side->messages[i], &side->messages[i + 1],
			(--side->messages_count - i) * sizeof(message));
	}
}

void pair_write_again(struct pair *pair, unsigned int which)
{
	if (pair->now_ns < pair->write_again_at_ns[which])
		return;
	pair->write_again_at_ns[which] = DPS_NEVER_NS;
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		const struct pair_transfer *transfer = &pair->transfers[i];

		if (transfer->from != which && transfer->is_open[which])
			pair_check(pair, dps_engine_write_again(pair->sides[which].engine,
								transfer->channel[which],
								pair->now_ns) == 0);
	}
}

uint64_t pair_next_ns(const struct pair *pair, unsigned int which)
{
	const struct pair_side *side = &pair->sides[which];
	uint64_t next_ns = side->inbox_count > 0 ? side->inbox[0].at_ns : UINT64_MAX;

	next_ns = dps_min_u64(next_ns, pair->write_again_at_ns[which]);
	for (uint32_t i = 0; i < side->ios_count && !pair->is_disk_asleep[which]; i++)
		next_ns = dps_min_u64(next_ns, side->ios[i].at_ns);
	for (uint32_t i = 0; i < side->holds_count; i++)
		next_ns = dps_min_u64(next_ns, side->holds[i].at_ns);
	/* A message that waits is tried again in a while. */
	for (uint32_t i = 0; i < side->messages_count; i++)
		next_ns = dps_min_u64(next_ns, dps_max_u64(side->messages[i].at_ns,
							   pair->now_ns + DPS_NS_PER_MS));
	return next_ns;
}
