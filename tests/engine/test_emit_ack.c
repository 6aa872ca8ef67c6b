/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10, TRANSFERS = 8 };

/* Looks at every acknowledgement that leaves. */
static bool look(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	struct dps_header header;
	struct dps_ack ack;

	(void)from;
	assert_int_equal(dps_header_decode(bytes, length, &header), 0);
	if (header.type != DPS_PACKET_ACK)
		return false;
	assert_int_equal(dps_ack_decode(bytes + DPS_ENVELOPE_BYTES, header.payload_bytes, &ack), 0);
	for (unsigned int i = 0; i < ack.channels_count; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_int_not_equal(ack.channels[i].channel, ack.channels[k].channel);
	pair->mark++;
	return false;
}

static void ack__tells_of_each_channel_once(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.loss_ppm = 20000;
	options.limits.slots = 64;
	pair_open(&pair, &options);
	pair.is_lost = look;
	for (unsigned int i = 0; i < TRANSFERS; i++) {
		struct pair_transfer *transfer = pair_add_transfer(&pair, i % 3 == 0);

		pair_open_channel(&pair, transfer, 0);
		pair_open_channel(&pair, transfer, 1);
		pair_add_file(&pair, transfer, 5 * CHUNK + i);
	}
	pair_run(&pair, 20 * DPS_NS_PER_S);
	assert_true(pair.mark > 10);
	pair_expect_written(&pair);
	pair_close(&pair);
}

static void stored__is_told_at_once_and_only_rises(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct dps_channel_state sender;
	struct dps_engine *engine;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	pair_open(&pair, &options);
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_add_file(&pair, transfer, 5 * CHUNK);
	pair_run(&pair, DPS_NS_PER_S);
	pair_run_for(&pair, DPS_NS_PER_MS);
	engine = pair.sides[1].engine;
	assert_int_equal(
		dps_engine_read_channel(pair.sides[0].engine, transfer->channel[0], &sender), 0);
	assert_int_equal(sender.stored, 5 * CHUNK);
	assert_int_equal(dps_engine_mark_stored(engine, transfer->channel[1], CHUNK), 0);
	assert_int_equal(engine->channels[transfer->channel[1]].stored, 5 * CHUNK);
	/* The far side would not understand a word of an ACK with such a value. */
	assert_int_equal(dps_engine_mark_stored(engine, transfer->channel[1], DPS_OFFSET_MAX + 1),
			 -EINVAL);
	assert_int_equal(dps_engine_mark_stored(pair.sides[0].engine, transfer->channel[0], 1),
			 -EINVAL);
	assert_int_equal(dps_engine_mark_stored(engine, 31, 1), -ENOENT);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ack__tells_of_each_channel_once),
		cmocka_unit_test(stored__is_told_at_once_and_only_rises),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("emit_ack", tests, NULL, NULL);
}
