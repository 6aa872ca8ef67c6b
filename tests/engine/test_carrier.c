/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams over a path: both ways, through a bad one, beside files, and when it goes. */
#include "tests/support/stream_pair.h"

enum { BYTES = 300000 };

static struct stream_pair pair;

static void open_pair(uint64_t seed)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	stream_pair_open(&pair, &options);
}

/* Sends so much of a stream as it takes, reads what comes, and ends it; until it has ended. */
static void send_and_read(struct rig_side *from, struct dps_handle out, struct rig_side *to,
			  struct dps_handle in, uint64_t bytes)
{
	uint64_t sent = 0, read = 0, end_ns = pair.net.now_ns + 60 * DPS_NS_PER_S;
	bool has_end = false;

	while (!has_end) {
		size_t part = (size_t)dps_min_u64(1 + sent % 3000, bytes - sent);

		pair_check(&pair.net, pair.net.now_ns < end_ns);
		if (part > 0 && rig_send(from, out, part, 0, 0) == 0)
			sent += part;
		else if (sent == bytes)
			assert_int_equal(dps_stream_finish(from->streams, out), 0);
		stream_pair_turn(&pair, DPS_NS_PER_MS);
		read += rig_read(to, in, &has_end);
	}
	assert_int_equal(read, bytes);
	while (rig_look(from, out).send.state != DPS_STREAM_FINISHED) {
		pair_check(&pair.net, pair.net.now_ns < end_ns);
		stream_pair_turn(&pair, DPS_NS_PER_MS);
	}
}

static void attach__names_what_it_does_not_take(void **state)
{
	struct dps_engine *engine;

	(void)state;
	open_pair(1);
	engine = stream_pair_engine(&pair, 0);
	assert_int_equal(dps_engine_attach_streams(engine, 99, pair.rig.near.streams, 1), -ENOENT);
	assert_int_equal(dps_engine_attach_streams(engine, pair.net.sides[0].path + 1,
						   pair.rig.near.streams, 1),
			 -ENOENT);
	assert_int_equal(
		dps_engine_attach_streams(engine, pair.net.sides[0].path, pair.rig.near.streams, 2),
		-ESTALE);
	assert_int_equal(
		dps_engine_attach_streams(engine, pair.net.sides[0].path, pair.rig.far.streams, 1),
		-EBUSY);
	assert_true(dps_engine_holds_streams(engine, pair.rig.near.streams));
	assert_false(dps_engine_holds_streams(engine, pair.rig.far.streams));
	assert_int_equal(stream_pair_attach(&pair, 0), 0); /* again */
	stream_pair_close(&pair);
}

static void stream__arrives_whole_both_ways(void **state)
{
	struct dps_handle near, far;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, DPS_STREAM_BOTH_WAYS, &far);
	send_and_read(&pair.rig.near, near, &pair.rig.far, far, BYTES);
	send_and_read(&pair.rig.far, far, &pair.rig.near, near, BYTES);
	assert_int_equal(pair_counters(&pair.net, 0).dropped_stream, 0);
	assert_int_equal(pair_counters(&pair.net, 0).lost_packets, 0);
	assert_true(pair_counters(&pair.net, 0).stream_bytes >= BYTES);
	stream_pair_close(&pair);
}

static void slices__that_follow_each_other_are_sent_as_a_run(void **state)
{
	struct dps_handle near, far;
	const struct dps_sent *sent;
	uint64_t number, count;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	stream_pair_run(&pair, 10 * DPS_NS_PER_MS);
	sent = &stream_pair_engine(&pair, 0)->paths[pair.net.sides[0].path].sent;
	number = sent->next_number;
	assert_int_equal(rig_send(&pair.rig.near, near, 4096, 0, 0), 0);
	stream_pair_turn(&pair, 0);
	count = sent->next_number - number;
	assert_true(count > 1);
	for (uint64_t i = 0; i < count; i++) {
		const struct dps_sent_packet packet = dps_sent_at(sent, number + i);

		assert_int_equal(packet.offset, i * packet.data_bytes);
		assert_int_equal(packet.flags, DPS_SENT_SLICE);
		assert_int_equal(packet.run_left, count - 1 - i);
	}
	stream_pair_run(&pair, DPS_NS_PER_S);
	assert_int_equal(rig_read(&pair.rig.far, far, &(bool){ false }), 4096);
	stream_pair_close(&pair);
}

static void stream__arrives_whole_through_a_bad_way(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair_options options;
		struct dps_handle near, far;

		pair_options_init(&options, seed);
		options.loss_ppm = 30000;
		options.duplicate_ppm = 30000;
		options.damage_ppm = 10000;
		options.jitter_ns = 300 * DPS_NS_PER_US;
		options.hold_ns = DPS_NS_PER_MS;
		stream_pair_open(&pair, &options);
		near = stream_pair_opened(&pair, DPS_STREAM_BOTH_WAYS, &far);
		send_and_read(&pair.rig.near, near, &pair.rig.far, far, BYTES / 4);
		send_and_read(&pair.rig.far, far, &pair.rig.near, near, BYTES / 4);
		stream_pair_close(&pair);
	}
}

/* Looks at what leaves: with the type, and the first so many of them are lost. */
static bool lose_first(struct pair *net, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	(void)from;
	(void)length;
	return (bytes[0] & 15) == DPS_PACKET_STREAM_ACK && net->mark++ < 1;
}

/* Nothing else is said of the stream: the word that was lost is said again, by itself. */
static void ack__that_is_lost_is_told_again(void **state)
{
	struct dps_handle near, far;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	stream_pair_run(&pair, 10 * DPS_NS_PER_MS);
	pair.net.is_lost = lose_first;
	pair.net.mark = 0;
	assert_int_equal(rig_send(&pair.rig.near, near, 1000, DPS_SEND_FINISH, 0), 0);
	stream_pair_run(&pair, DPS_NS_PER_S);
	assert_int_equal(rig_look(&pair.rig.near, near).send.state, DPS_STREAM_FINISHED);
	assert_true(pair_counters(&pair.net, 1).stream_acks_sent >= 2);
	assert_int_equal(pair_counters(&pair.net, 0).stream_asks_sent, 0);
	stream_pair_close(&pair);
}

/* Many that are too old to be known are lost together: all streams are told of again, once. */
static void acks__that_are_lost_together_are_told_again_once(void **state)
{
	struct dps_handle near, far;
	struct dps_stream_ack acks[DPS_WIRE_STREAMS_MAX];
	struct dps_sent_packet lost = { .flags = DPS_SENT_TOLD };
	struct dps_streams *streams;
	struct dps_path *path;
	uint64_t epoch;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	for (unsigned int i = 0; i < 2 * DPS_CARRIER_TOLD; i++) {
		bool has_end;

		assert_int_equal(rig_send(&pair.rig.near, near, 100, 0, 0), 0);
		stream_pair_run(&pair, 10 * DPS_NS_PER_MS);
		assert_int_equal(rig_read(&pair.rig.far, far, &has_end), 100);
	}
	stream_pair_run(&pair, DPS_NS_PER_S);
	path = &stream_pair_engine(&pair, 1)->paths[pair.net.sides[1].path];
	streams = path->carrier->streams;
	epoch = path->carrier->epoch;
	assert_true(path->carrier->told_sequence > DPS_CARRIER_TOLD + 2);
	assert_false(dps_streams_has_acks(streams, epoch));
	lost.generation = path->carrier->life;
	dps_carrier_on_lost(path, &lost);
	assert_int_equal(dps_streams_emit_acks(streams, epoch, acks, DPS_WIRE_STREAMS_MAX, 0), 1);
	for (lost.offset = 1; lost.offset < path->carrier->told_sequence; lost.offset++)
		dps_carrier_on_lost(path, &lost);
	assert_false(dps_streams_has_acks(streams, epoch));
	/* What is told from then on is told again when it is lost. */
	dps_streams_on_asked_all(streams, epoch);
	stream_pair_run(&pair, DPS_NS_PER_S);
	lost.offset = path->carrier->told_sequence - 1;
	dps_carrier_on_lost(path, &lost);
	assert_true(dps_streams_has_acks(streams, epoch));
	stream_pair_close(&pair);
}

/* What is due of many streams goes as fast as there is room, and waits for nothing in between. */
static void acks__of_many_streams_are_due_together(void **state)
{
	struct dps_streams_config near = stream_pair_config(true), far = stream_pair_config(false);
	struct dps_outgoing out[2];
	struct pair_options options;
	struct dps_engine *engine;
	struct dps_handle handle;
	struct dps_path *path;

	(void)state;
	near.streams = far.streams = 256;
	near.peer_streams = far.peer_streams = 128;
	near.receive_blocks = far.receive_blocks = 512;
	pair_options_init(&options, 1);
	stream_pair_open_with(&pair, &options, &near, &far);
	for (unsigned int i = 0; i < 2 * DPS_WIRE_STREAMS_MAX + 1; i++)
		(void)stream_pair_opened(&pair, 0, &handle);
	stream_pair_run(&pair, DPS_NS_PER_S);
	engine = stream_pair_engine(&pair, 1);
	path = &engine->paths[pair.net.sides[1].path];
	assert_false(dps_streams_has_acks(path->carrier->streams, path->carrier->epoch));
	dps_streams_on_asked_all(path->carrier->streams, path->carrier->epoch);
	engine->bodies_used = 0;
	assert_int_equal(dps_emit_stream_acks(engine, path, out, 1, true, pair.net.now_ns), 1);
	assert_int_equal(path->carrier->ack_at_ns, pair.net.now_ns);
	assert_int_equal(dps_emit_stream_acks(engine, path, out, 1, false, pair.net.now_ns), 1);
	assert_int_equal(dps_emit_stream_acks(engine, path, out, 2, false, pair.net.now_ns), 1);
	assert_int_equal(path->carrier->ack_at_ns, DPS_NEVER_NS);
	stream_pair_close(&pair);
}

/* Who was to be told of has ended before there was room: no packet leaves for nobody. */
static void acks__of_a_stream_that_has_ended_are_none(void **state)
{
	struct dps_handle near, far;
	struct dps_outgoing out[2];
	struct dps_engine *engine;
	struct dps_path *path;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	assert_int_equal(rig_send(&pair.rig.near, near, 1000, 0, 0), 0);
	stream_pair_run(&pair, DPS_NS_PER_S);
	engine = stream_pair_engine(&pair, 1);
	path = &engine->paths[pair.net.sides[1].path];
	dps_streams_on_asked_all(path->carrier->streams, path->carrier->epoch);
	assert_int_equal(dps_stream_stop(pair.rig.far.streams, far, 5), 0);
	assert_true(dps_streams_has_acks(path->carrier->streams, path->carrier->epoch));
	engine->bodies_used = 0;
	assert_int_equal(dps_emit_stream_acks(engine, path, out, 2, true, pair.net.now_ns), 0);
	assert_int_equal(path->carrier->ack_at_ns, DPS_NEVER_NS);
	assert_false(dps_streams_has_acks(path->carrier->streams, path->carrier->epoch));
	stream_pair_close(&pair);
}

/* Every acknowledgement is lost, until it is asked for. */
static bool lose_all_acks(struct pair *net, unsigned int from, const uint8_t *bytes,
			  uint32_t length)
{
	(void)from;
	(void)length;
	return net->mark != 0 && (bytes[0] & 15) == DPS_PACKET_STREAM_ACK;
}

static void sender__that_hears_nothing_asks(void **state)
{
	struct dps_handle near, far;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	stream_pair_run(&pair, 10 * DPS_NS_PER_MS);
	pair.net.is_lost = lose_all_acks;
	pair.net.mark = 1;
	assert_int_equal(rig_send(&pair.rig.near, near, 1000, DPS_SEND_FINISH, 0), 0);
	stream_pair_run(&pair, DPS_NS_PER_S);
	assert_int_equal(rig_look(&pair.rig.near, near).send.state, DPS_STREAM_ENDING);
	assert_true(pair_counters(&pair.net, 0).stream_asks_sent > 2);
	assert_true(pair_counters(&pair.net, 0).stream_asks_sent < 20);
	pair.net.mark = 0;
	stream_pair_run(&pair, 3 * DPS_NS_PER_S);
	assert_int_equal(rig_look(&pair.rig.near, near).send.state, DPS_STREAM_FINISHED);
	stream_pair_close(&pair);
}

/* What cannot be placed leaves nothing, and is not acknowledged either. */
static void packet__of_no_stream_is_dropped_and_counted(void **state)
{
	static const uint8_t body[64];
	struct dps_header header = { .type = DPS_PACKET_STREAM, .packet_number = 900 };
	struct dps_handle near, far;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	header.channel = 77;
	assert_false(pair_inject(&pair.net, 1, header, body, 16, true));
	header.channel = rig_look(&pair.rig.near, near).number;
	header.offset = 1 << 30; /* beyond its credit */
	assert_false(pair_inject(&pair.net, 1, header, body, 16, true));
	header.offset = 4090; /* across two blocks */
	assert_false(pair_inject(&pair.net, 1, header, body, 16, true));
	assert_int_equal(pair_counters(&pair.net, 1).dropped_stream, 3);
	header.offset = 0; /* forged */
	assert_true(pair_inject(&pair.net, 1, header, body, 16, false));
	assert_int_equal(rig_look(&pair.rig.far, far).arrived, 0);
	/* ... and the next is judged before it has a place. */
	header.packet_number++;
	assert_true(pair_inject(&pair.net, 1, header, body, 16, true));
	assert_int_equal(rig_look(&pair.rig.far, far).arrived, 16);
	header.type = DPS_PACKET_STREAM_ACK;
	header.packet_number++;
	assert_true(pair_inject(&pair.net, 1, header, body, 7, true));
	assert_int_equal(pair_counters(&pair.net, 1).dropped_body, 1);
	dps_engine_detach_streams(stream_pair_engine(&pair, 1), pair.net.sides[1].path);
	header.packet_number++;
	assert_false(pair_inject(&pair.net, 1, header, body, 8, true));
	header.type = DPS_PACKET_STREAM;
	assert_false(pair_inject(&pair.net, 1, header, body, 8, true));
	assert_int_equal(pair_counters(&pair.net, 1).dropped_stream, 5);
	stream_pair_close(&pair);
}

/* One gap too many: it has to come again, so its sender must not hear that it came. */
static void packet__that_is_not_kept_is_not_acknowledged(void **state)
{
	static const uint8_t body[16];
	struct dps_header header = { .type = DPS_PACKET_STREAM, .packet_number = 900 };
	const struct dps_ranges *received;
	struct dps_handle near, far;
	unsigned int kept = 0;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, 0, &far);
	received = &stream_pair_engine(&pair, 1)->paths[pair.net.sides[1].path].ack.received;
	header.channel = rig_look(&pair.rig.near, near).number;
	for (unsigned int i = 0; i < 2 * DPS_STREAM_BLOCK_GAPS_MAX; i++) {
		header.offset = 32 * i;
		assert_true(pair_inject(&pair.net, 1, header, body, 16, true));
		kept += dps_ranges_has_all(received, header.packet_number,
					   header.packet_number + 1);
		header.packet_number += 2;
	}
	assert_int_equal(kept, DPS_STREAM_BLOCK_GAPS_MAX);
	stream_pair_close(&pair);
}

/* Streams may not go while a port reads their memory, whatever became of the path. */
static void close_path__leaves_what_the_port_holds(void **state)
{
	struct pair_options options;
	struct dps_handle near, far;
	struct dps_engine *engine;

	(void)state;
	pair_options_init(&options, 1);
	options.hold_ns = 50 * DPS_NS_PER_MS;
	stream_pair_open(&pair, &options);
	engine = stream_pair_engine(&pair, 0);
	near = stream_pair_opened(&pair, 0, &far);
	stream_pair_run(&pair, 10 * DPS_NS_PER_MS);
	assert_int_equal(rig_send(&pair.rig.near, near, 8000, 0, 0), 0);
	stream_pair_turn(&pair, DPS_NS_PER_US);
	dps_engine_close_path(engine, pair.net.sides[0].path, DPS_CLOSE_DONE, pair.net.now_ns);
	assert_true(dps_engine_holds_streams(engine, pair.rig.near.streams));
	stream_pair_run(&pair, DPS_NS_PER_S);
	assert_false(dps_engine_holds_streams(engine, pair.rig.near.streams));
	stream_pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach__names_what_it_does_not_take),
		cmocka_unit_test(stream__arrives_whole_both_ways),
		cmocka_unit_test(slices__that_follow_each_other_are_sent_as_a_run),
		cmocka_unit_test(stream__arrives_whole_through_a_bad_way),
		cmocka_unit_test(ack__that_is_lost_is_told_again),
		cmocka_unit_test(acks__that_are_lost_together_are_told_again_once),
		cmocka_unit_test(acks__of_many_streams_are_due_together),
		cmocka_unit_test(acks__of_a_stream_that_has_ended_are_none),
		cmocka_unit_test(sender__that_hears_nothing_asks),
		cmocka_unit_test(packet__of_no_stream_is_dropped_and_counted),
		cmocka_unit_test(packet__that_is_not_kept_is_not_acknowledged),
		cmocka_unit_test(close_path__leaves_what_the_port_holds),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("carrier", tests, NULL, NULL);
}
