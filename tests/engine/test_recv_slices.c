/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of slices: what a burst of them does is what they do one by one. */
#include "tests/support/stream_pair.h"

enum {
	SLICE = 1024,	/* four in a block */
	NUMBER = 10000, /* of the first packet */
};

/* A stream that far receives; the test is its peer. */
static struct stream_pair pair;
static struct dps_handle handle;
static struct dps_path *path;
static struct dps_engine *engine;
static uint64_t next_number;

static void open_pair(void)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	stream_pair_open(&pair, &options);
	(void)stream_pair_opened(&pair, 0, &handle);
	stream_pair_run(&pair, 20 * DPS_NS_PER_MS);
	pair.net.is_cut = true;
	engine = stream_pair_engine(&pair, 1);
	path = &engine->paths[pair.net.sides[1].path];
	next_number = NUMBER;
}

static struct dps_stream_snapshot look(void)
{
	return rig_look(&pair.rig.far, handle);
}

/* How far every byte has come and is counted. */
static uint64_t arrived(void)
{
	return pair.rig.far.streams->records[handle.index].receive.contiguous;
}

/* The slice from an offset on that is so many bytes long. */
static bool give(uint64_t offset, uint32_t bytes, uint8_t flags, bool is_good)
{
	const struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = flags,
		.packet_number = next_number++,
		.floor = NUMBER,
		.offset = offset,
		.channel = look().number,
	};
	uint8_t payload[SLICE];

	for (uint32_t i = 0; i < bytes; i++)
		payload[i] = is_good ? rig_stream_byte(offset + i) : 0xee;
	return pair_inject(&pair.net, 1, header, payload, bytes, is_good);
}

static void give_row(uint64_t offset, unsigned int slices)
{
	for (unsigned int i = 0; i < slices; i++)
		assert_true(give(offset + (uint64_t)i * SLICE, SLICE, 0, true));
}

static void begin(void)
{
	dps_engine_begin_burst(engine, pair.net.now_ns);
}

/* Reads all that has come, which is right. */
static uint64_t read_all(void)
{
	bool has_end = false;

	return rig_read(&pair.rig.far, handle, &has_end);
}

static void burst__is_counted_at_a_blocks_end_and_its_own(void **state)
{
	uint64_t before;

	(void)state;
	open_pair();
	before = pair_counters(&pair.net, 1).stream_packets_received;
	begin();
	give_row(0, 10);
	assert_int_equal(arrived(), 8 * SLICE);
	dps_engine_end_burst(engine);
	assert_int_equal(arrived(), 10 * SLICE);
	assert_int_equal(path->ack.largest_number, NUMBER + 9);
	assert_true(dps_ranges_has_all(&path->ack.received, NUMBER, NUMBER + 10));
	assert_int_equal(pair_counters(&pair.net, 1).stream_packets_received, before + 10);
	assert_int_equal(read_all(), 10 * SLICE);
	stream_pair_close(&pair);
}

static void burst__counts_no_bad_slice_and_goes_on_behind_it(void **state)
{
	(void)state;
	open_pair();
	begin();
	give_row(0, 2);
	give(2 * SLICE, SLICE, 0, false);
	give_row(2 * SLICE, 4);
	dps_engine_end_burst(engine);
	assert_int_equal(arrived(), 6 * SLICE);
	assert_int_equal(pair_counters(&pair.net, 1).dropped_seal, 1);
	assert_false(dps_ranges_has_any(&path->ack.received, NUMBER + 2, NUMBER + 3));
	assert_true(dps_ranges_has_all(&path->ack.received, NUMBER + 3, NUMBER + 7));
	assert_int_equal(read_all(), 6 * SLICE);
	stream_pair_close(&pair);
}

static void burst__never_writes_where_bytes_were_received(void **state)
{
	(void)state;
	open_pair();
	give_row(2 * SLICE, 1);
	give_row(5 * SLICE, 1);
	begin();
	give_row(0, 2);
	give(2 * SLICE, SLICE, 0, false);
	give_row(3 * SLICE, 2);
	give(5 * SLICE, SLICE, 0, false);
	dps_engine_end_burst(engine);
	assert_int_equal(arrived(), 6 * SLICE);
	assert_int_equal(read_all(), 6 * SLICE);
	stream_pair_close(&pair);
}

static void run__ends_with_the_credit_and_with_the_stream(void **state)
{
	uint64_t credit = 64 << 10, before;

	(void)state;
	open_pair();
	before = pair_counters(&pair.net, 1).dropped_stream;
	begin();
	give_row(credit - 2 * SLICE, 2);
	assert_false(give(credit, SLICE, 0, true));
	dps_engine_end_burst(engine);
	assert_int_equal(pair_counters(&pair.net, 1).dropped_stream, before + 1);
	stream_pair_close(&pair);

	open_pair();
	before = pair_counters(&pair.net, 1).dropped_stream;
	assert_true(give(3 * SLICE, 0, DPS_PACKET_FIN, true));
	begin();
	give_row(0, 3);
	assert_false(give(3 * SLICE, SLICE, 0, true));
	dps_engine_end_burst(engine);
	assert_int_equal(pair_counters(&pair.net, 1).dropped_stream, before + 1);
	assert_int_equal(read_all(), 3 * SLICE);
	stream_pair_close(&pair);
}

/* What says more than its bytes is not of a run, and is heard. */
static void run__ends_with_the_end(void **state)
{
	bool has_end = false;

	(void)state;
	open_pair();
	begin();
	give_row(0, 2);
	assert_true(give(2 * SLICE, 100, DPS_PACKET_FIN, true));
	dps_engine_end_burst(engine);
	assert_int_equal(rig_read(&pair.rig.far, handle, &has_end), 2 * SLICE + 100);
	assert_true(has_end);
	stream_pair_close(&pair);
}

/* The program may do anything to the stream before the next burst. */
static void run__does_not_outlive_its_burst(void **state)
{
	(void)state;
	open_pair();
	begin();
	give_row(0, 1);
	assert_int_not_equal(engine->run.length, 0);
	dps_engine_end_burst(engine);
	assert_int_equal(engine->run.length, 0);
	assert_int_equal(dps_stream_stop(pair.rig.far.streams, handle, 5), 0);
	begin();
	give(SLICE, SLICE, 0, true);
	dps_engine_end_burst(engine);
	assert_int_equal(arrived(), SLICE);
	stream_pair_close(&pair);
}

static void burst__is_counted_when_a_bad_slice_loses_the_path(void **state)
{
	uint64_t before;

	(void)state;
	open_pair();
	before = pair_counters(&pair.net, 1).stream_packets_received;
	path->config.is_sealed = true;
	path->bad_seals_count = DPS_BAD_SEALS_MAX - 1;
	begin();
	give_row(0, 3);
	give(3 * SLICE, SLICE, 0, false);
	assert_false(give(3 * SLICE, SLICE, 0, true));
	dps_engine_end_burst(engine);
	assert_int_equal(pair_counters(&pair.net, 1).stream_packets_received, before + 3);
	assert_int_equal(arrived(), 3 * SLICE);
	stream_pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst__is_counted_at_a_blocks_end_and_its_own),
		cmocka_unit_test(burst__counts_no_bad_slice_and_goes_on_behind_it),
		cmocka_unit_test(burst__never_writes_where_bytes_were_received),
		cmocka_unit_test(run__ends_with_the_credit_and_with_the_stream),
		cmocka_unit_test(run__ends_with_the_end),
		cmocka_unit_test(run__does_not_outlive_its_burst),
		cmocka_unit_test(burst__is_counted_when_a_bad_slice_loses_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
