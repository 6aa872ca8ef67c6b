/* SPDX-License-Identifier: BSD-3-Clause */
/* Random worlds: whatever the network, the disks and the users do, nothing gets lost or stuck. */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"

enum { SEEDS = 2000 };

static uint64_t below(struct dps_random *random, uint64_t bound)
{
	return dps_random_below(random, bound);
}

static bool chance(struct dps_random *random, uint64_t of)
{
	return dps_random_chance(random, 1, of);
}

static void choose_world(struct pair_options *options, struct dps_random *random)
{
	static const uint32_t datagrams[] = { 1172, 1472, 1472, 4000, 8972 };
	uint32_t chunk_bytes = UINT32_C(4096) << below(random, 5);
	uint64_t chunks = 2 + below(random, 12);

	options->window_bytes = chunks * chunk_bytes - below(random, chunk_bytes);
	options->limits.chunk_bytes = chunk_bytes;
	options->limits.slots = (uint32_t)(3 + below(random, 14));
	options->limits.ring_chunks = 1u << (1 + below(random, 4));
	options->limits.extents = (uint32_t)(chunk_bytes / 4096 + 4 + below(random, 60));
	options->limits.sent_packets = 128u << below(random, 4);
	options->datagram_bytes = datagrams[below(random, 5)];
	options->silence_ns = 10000 * DPS_NS_PER_S; /* no keepalive comes to the rescue */
	options->delay_ns = below(random, 2000) * DPS_NS_PER_US;
	options->jitter_ns = chance(random, 2) ? below(random, 300) * DPS_NS_PER_US : 0;
	options->loss_ppm = chance(random, 3) ? 0 : (uint32_t)below(random, 200000);
	options->duplicate_ppm = chance(random, 2) ? 0 : (uint32_t)below(random, 100000);
	options->damage_ppm = chance(random, 2) ? 0 : (uint32_t)below(random, 50000);
	options->disk_ns = chance(random, 3) ? 0 : below(random, 3000) * DPS_NS_PER_US;
	options->hold_ns = chance(random, 3) ? 0 : below(random, 3000) * DPS_NS_PER_US;
	options->control_ns = below(random, 3000) * DPS_NS_PER_US;
	options->bad_digest_ppm = chance(random, 2) ? 0 : (uint32_t)below(random, 300000);
	options->bad_write_ppm = chance(random, 4) ? (uint32_t)below(random, 100000) : 0;
	options->bad_read_ppm = chance(random, 4) ? (uint32_t)below(random, 100000) : 0;
	options->full_write_ppm = options->seed % 4 == 1 ? 100000 : 0;
	if (chance(random, 4)) {
		options->congestion_mode = DPS_CONGESTION_FIXED;
		options->rate_bytes_per_s = 1000000 + below(random, 1000000000);
	}
}

static uint64_t choose_size(const struct pair_options *options, struct dps_random *random)
{
	uint32_t chunk_bytes = options->limits.chunk_bytes;

	switch (below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return chunk_bytes * below(random, 6);
	case 2:
		return chunk_bytes * below(random, 10) + below(random, 3) + chunk_bytes - 1;
	case 3:
		return below(random, 10 * (uint64_t)chunk_bytes);
	default:
		return below(random, 6000);
	}
}

static void add_transfers(struct pair *pair, struct dps_random *random)
{
	uint32_t count = 1 + (uint32_t)below(random, chance(random, 2) ? 1 : 5);

	for (uint32_t i = 0; i < count; i++) {
		struct pair_transfer *transfer =
			pair_add_transfer(pair, (unsigned int)below(random, 2));
		uint64_t files = 1 + below(random, 40);

		transfer->is_whole = !chance(random, 3);
		for (uint64_t k = 0; k < files; k++)
			pair_add_file(pair, transfer, choose_size(&pair->options, random));
	}
}

/* What happens to ways and disks: nothing passes for a while, in one direction or both. */
static void obstruct(struct pair *pair, struct dps_random *random)
{
	unsigned int which = (unsigned int)below(random, 2);

	if (pair->is_cut || pair->mark != 0 || pair->is_disk_asleep[which]) {
		if (chance(random, 3)) {
			pair->is_cut = pair->is_disk_asleep[which] = false;
			pair->mark = 0;
		}
	} else if (chance(random, 100)) {
		pair->is_cut = chance(random, 2);
		pair->is_disk_asleep[which] = chance(random, 2);
		pair->mark = below(random, 4);
	}
}

static bool is_obstructed(struct pair *pair, unsigned int from, const uint8_t *bytes,
			  uint32_t length)
{
	(void)bytes;
	(void)length;
	return (pair->mark >> from & 1) != 0;
}

/* What users do now and then: open late, say what follows late, skip, close in the middle. */
static void disturb(struct pair *pair, struct dps_random *random)
{
	struct pair_transfer *transfer = &pair->transfers[below(random, pair->transfers_count)];
	unsigned int which = (unsigned int)below(random, 2);

	obstruct(pair, random);
	if (!transfer->is_whole && chance(random, 3)) {
		pair_add_file(pair, transfer, choose_size(&pair->options, random));
		transfer->is_whole = chance(random, 10);
	}
	if (!transfer->is_given_up && !transfer->is_open[which])
		pair_open_channel(pair, transfer, which);
	else if (transfer->is_open[which] && transfer->files_count > 0 && chance(random, 30))
		pair_skip(pair, transfer, which, (uint32_t)below(random, transfer->files_count),
			  below(random, 8 * (uint64_t)pair->options.limits.chunk_bytes));
	else if (chance(random, 600)) {
		transfer->is_given_up = true;
		pair_close_channel(pair, transfer, which);
		pair_close_channel(pair, transfer, 1 - which);
	}
}

static bool is_over(const struct pair *pair)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++)
		if (!pair->transfers[i].is_given_up &&
		    !(pair->transfers[i].is_done[0] && pair->transfers[i].is_done[1]))
			return false;
	return true;
}

static void run_world(uint64_t seed)
{
	struct pair_options options;
	struct dps_random random;
	uint64_t end_ns;
	struct pair pair;

	dps_random_init(&random, seed ^ UINT64_C(0x5eed) << 32);
	pair_options_init(&options, seed);
	choose_world(&options, &random);
	pair_open(&pair, &options);
	pair.is_lost = is_obstructed;
	add_transfers(&pair, &random);
	end_ns = pair.now_ns + 300 * DPS_NS_PER_S;
	while (!is_over(&pair)) {
		uint64_t until_ns = pair.now_ns + (chance(&random, 2) ? 1 : DPS_NS_PER_MS);

		disturb(&pair, &random);
		do
			pair_turn(&pair, until_ns);
		while (pair.now_ns < until_ns);
		pair_check(&pair, pair.now_ns < end_ns && "finishes in time");
		pair_check(&pair, !pair.sides[0].is_lost && !pair.sides[1].is_lost);
	}
	pair_expect_written(&pair);
	pair_close(&pair);
}

static void worlds__deliver_every_byte_once_and_leak_nothing(void **state)
{
	struct pair_seeds seeds = pair_seeds(SEEDS);

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
		run_world(seed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worlds__deliver_every_byte_once_and_leak_nothing),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("engine_random", tests, NULL, NULL);
}
