/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of data packets: what a burst of them does is what they do one by one. */
#include "engine/random.h"
#include "tests/support/receiver.h"

/* Packets of 1000 bytes from an offset on, each the next in number. */
static void give_row(struct receiver *receiver, uint64_t offset, unsigned int packets)
{
	for (unsigned int i = 0; i < packets; i++)
		assert_true(give_data(receiver, offset + i * 1000, 1000, 0, NULL, 0, true));
}

static void burst__is_counted_at_its_end(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 20000);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 10);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 1000); /* what the run starts behind */
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 10000);
	assert_int_equal(receiver.path->ack.largest_number, NUMBER + 9);
	assert_int_equal(receiver.path->ack.packets_count, 10);
	assert_true(dps_ranges_has_all(&receiver.path->ack.received, NUMBER, NUMBER + 10));
	assert_int_equal(pair_counters(&receiver.pair, 1).data_packets_received, 10);
	/* Outside of a burst each is counted at once. */
	give_row(&receiver, 10000, 2);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 12000);
	close_receiver(&receiver);
}

static void burst__counts_no_bad_packet_and_goes_on_behind_it(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 20000);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 3);
	give_data(&receiver, 3000, 1000, 0, NULL, 0, false);
	give_row(&receiver, 3000, 3);
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 6000);
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_seal, 1);
	assert_false(is_acked(&receiver, NUMBER + 3));
	assert_true(is_acked(&receiver, NUMBER + 6));
	assert_true(receiver.path->ack.is_now); /* a number is missing */
	close_receiver(&receiver);
}

static void burst__is_counted_when_a_bad_packet_loses_the_path(void **state)
{
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 20000);
	receiver.path->config.is_sealed = true;
	receiver.path->bad_seals_count = DPS_BAD_SEALS_MAX - 1;
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 3);
	give_data(&receiver, 3000, 1000, 0, NULL, 0, false);
	assert_false(give_data(&receiver, 3000, 1000, 0, NULL, 0, true));
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(pair_counters(&receiver.pair, 1).data_packets_received, 3);
	assert_int_equal(pair_counters(&receiver.pair, 1).dropped_connection, 1);
	pair_run_for(&receiver.pair, DPS_NS_PER_MS);
	assert_true(receiver.pair.sides[1].is_lost);
	close_receiver(&receiver);
}

static void burst__never_writes_where_bytes_were_received(void **state)
{
	struct receiver receiver;
	const uint8_t *slot;

	(void)state;
	open_receiver(&receiver, 20000);
	give_row(&receiver, 3000, 1);
	slot = dps_slots_at(&receiver.engine->slots, chunk_0(&receiver)->slot);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 3);
	give_data(&receiver, 3000, 1000, 0, NULL, 0, false);
	assert_true(pair_is_right(slot, 0, 0, 4000));
	give_row(&receiver, 3000, 2);
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 5000);
	assert_int_equal(pair_counters(&receiver.pair, 1).duplicate_packets, 1);
	close_receiver(&receiver);
}

/* A datagram that goes on, or would, but for one thing. */
struct datagram {
	struct dps_header header;
	uint8_t bytes[DPS_ENVELOPE_BYTES + DPS_DIGEST_BYTES + 1000];
	bool is_good;
};

static void build(const struct receiver *receiver, struct datagram *datagram,
		  struct dps_incoming *incoming)
{
	uint8_t *payload = datagram->bytes + DPS_ENVELOPE_BYTES;
	uint32_t bytes = datagram->header.payload_bytes;

	datagram->header.version = DPS_WIRE_VERSION;
	datagram->header.connection_id = receiver->pair.sides[1].connection_id;
	dps_header_encode(&datagram->header, datagram->bytes);
	if (datagram->header.flags & DPS_PACKET_DIGEST) {
		struct dps_digest digest;

		pair_digest(&digest, 0, datagram->header.offset - datagram->header.offset % CHUNK);
		memcpy(payload, &digest, sizeof(digest));
		payload += DPS_DIGEST_BYTES;
		bytes -= DPS_DIGEST_BYTES;
	}
	pair_fill(payload, 0, datagram->header.offset, bytes);
	*incoming = (struct dps_incoming){
		.bytes = datagram->bytes,
		.length = DPS_ENVELOPE_BYTES + datagram->header.payload_bytes,
	};
}

static void run__goes_on_in_the_next_burst(void **state)
{
	struct dps_run_placement run;
	struct dps_incoming incoming;
	struct datagram datagram = { .is_good = true };
	struct receiver receiver;

	(void)state;
	open_receiver(&receiver, 20000);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 3);
	dps_engine_end_burst(receiver.engine);
	pair_run_for(&receiver.pair, DPS_NS_PER_MS); /* acknowledged meanwhile */
	datagram.header = data_header(&receiver, 3000, 0);
	datagram.header.payload_bytes = 1000;
	build(&receiver, &datagram, &incoming);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	assert_int_equal(dps_engine_place_run(receiver.engine, &incoming, 1, &run), 1);
	assert_int_equal(run.packet_number, NUMBER + 3);
	assert_ptr_equal(run.to,
			 dps_slots_at(&receiver.engine->slots, chunk_0(&receiver)->slot) + 3000);
	dps_engine_commit_run(receiver.engine, &run, 1);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 3000);
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(chunk_0(&receiver)->done_bytes, 4000);
	assert_true(is_acked(&receiver, NUMBER + 3));
	close_receiver(&receiver);
}

/* Whether the packet that would go on is placed without being looked at. */
static bool goes_on(struct receiver *receiver, uint64_t offset)
{
	struct datagram datagram = { .is_good = true };
	struct dps_run_placement run;
	struct dps_incoming incoming;
	bool is_placed;

	datagram.header = data_header(receiver, offset, 0);
	datagram.header.payload_bytes = 1000;
	build(receiver, &datagram, &incoming);
	dps_engine_begin_burst(receiver->engine, receiver->pair.now_ns);
	is_placed = dps_engine_place_run(receiver->engine, &incoming, 1, &run) == 1;
	dps_engine_end_burst(receiver->engine);
	receiver->number--;
	return is_placed;
}

static void start_run(struct receiver *receiver)
{
	open_receiver_of_two(receiver, 20000, 20000); /* in one chunk */
	dps_engine_begin_burst(receiver->engine, receiver->pair.now_ns);
	give_row(receiver, 0, 3);
	dps_engine_end_burst(receiver->engine);
	assert_true(goes_on(receiver, 3000));
}

static void run__ends_with_what_happens_to_its_chunk(void **state)
{
	struct receiver receiver;

	(void)state;
	start_run(&receiver);
	assert_int_equal(dps_engine_skip(receiver.engine, receiver.transfer->channel[1], 0, 0,
					 receiver.pair.now_ns),
			 0);
	assert_int_equal(chunk_0(&receiver)->state, DPS_CHUNK_RECEIVING);
	assert_false(goes_on(&receiver, 3000));
	close_receiver(&receiver);
	start_run(&receiver);
	give_data(&receiver, 8000, 500, 0, NULL, 0, true); /* lies in its way */
	receiver.number--;
	assert_false(goes_on(&receiver, 3000));
	close_receiver(&receiver);
}

static void run__ends_with_its_path(void **state)
{
	struct receiver receiver;

	(void)state;
	start_run(&receiver);
	dps_engine_close_path(receiver.engine, receiver.path->index, 0, receiver.pair.now_ns);
	assert_false(goes_on(&receiver, 3000));
	receiver.pair.sides[1].is_lost = true;
	close_receiver(&receiver);
}

static void place_run__takes_what_follows_and_no_more(void **state)
{
	enum { ROW = 6, AT = 3 };
	struct receiver receiver;

	(void)state;
	start_run(&receiver);
	for (unsigned int what = 0; what < 9; what++) {
		struct datagram row[ROW];
		struct dps_incoming incoming[ROW];
		struct dps_run_placement run;
		/* One that asks for an acknowledgement is the last. */
		unsigned int count = what == 0 ? ROW : what == 4 ? AT + 1 : AT;

		for (unsigned int i = 0; i < ROW; i++) {
			struct dps_header *header = &row[i].header;

			*header = data_header(&receiver, 3000 + i * 1000, 0);
			header->payload_bytes = 1000;
			if (i == AT) {
				header->packet_number += what == 1;
				header->offset += what == 2;
				header->channel += what == 3;
				header->flags |= what == 4 ? DPS_PACKET_ACK_NOW : 0;
				header->payload_bytes -= what == 5;
				if (what == 6)
					header->type = DPS_PACKET_PROBE;
			}
			build(&receiver, &row[i], &incoming[i]);
		}
		row[AT].bytes[8] ^= what == 7;
		incoming[AT].ecn = what == 8;
		dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
		assert_int_equal(dps_engine_place_run(receiver.engine, incoming, ROW, &run), count);
		assert_int_equal(run.count, count);
		dps_engine_end_burst(receiver.engine);
		receiver.number -= ROW;
	}
	close_receiver(&receiver);
}

/* Gives all of a chunk from an offset on, its end with the digest. */
static void give_rest(struct receiver *receiver, uint64_t offset)
{
	struct dps_digest digest;
	uint64_t last = dps_round_down(CHUNK - 1, 1000);

	give_row(receiver, offset, (unsigned int)((last - offset) / 1000));
	pair_digest(&digest, 0, 0);
	assert_true(give_data(receiver, last, CHUNK - last, DPS_PACKET_DIGEST, &digest,
			      sizeof(digest), true));
}

static void run__goes_on_in_the_next_chunk_with_a_slot_when_it_is_good(void **state)
{
	struct dps_run_placement run;
	struct dps_incoming incoming;
	struct datagram datagram = { .is_good = true };
	struct receiver receiver;
	const struct dps_chunk *next;
	uint32_t promised;

	(void)state;
	open_receiver(&receiver, 2 * CHUNK + 5000);
	next = &receiver.engine->chunks.items[dps_replay_ring_at(&receiver.channel->ring, 1)];
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 1);
	give_rest(&receiver, 1000);
	promised = receiver.channel->promised_chunks;
	for (unsigned int good = 0; good < 2; good++) {
		datagram.header = data_header(&receiver, CHUNK, 0);
		datagram.header.payload_bytes = 1000;
		build(&receiver, &datagram, &incoming);
		assert_int_equal(dps_engine_place_run(receiver.engine, &incoming, 1, &run), 1);
		assert_ptr_equal(run.to, dps_slots_at(&receiver.engine->slots,
						      dps_slots_next(&receiver.engine->slots)));
		assert_int_equal(next->slot, DPS_SLOT_NONE);
		dps_engine_commit_run(receiver.engine, &run, good);
		receiver.number -= good == 0;
	}
	assert_ptr_equal(run.to, dps_slots_at(&receiver.engine->slots, next->slot));
	assert_int_equal(receiver.channel->promised_chunks, promised - 1);
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(next->done_bytes, 1000);
	close_receiver(&receiver);
}

/* The first packet of the next chunk alone; how many of it were placed as a run. */
static unsigned int give_run(struct receiver *receiver, uint64_t offset)
{
	struct datagram datagram = { .is_good = true };
	struct dps_run_placement run;
	struct dps_incoming incoming;

	datagram.header = data_header(receiver, offset, 0);
	datagram.header.payload_bytes = 1000;
	build(receiver, &datagram, &incoming);
	if (dps_engine_place_run(receiver->engine, &incoming, 1, &run) == 0)
		return 0;
	dps_engine_commit_run(receiver->engine, &run, 1);
	return 1;
}

/* One that begins a chunk touches nothing there, so it needs room of its own to be noted. */
static void run__does_not_begin_in_a_chunk_with_more_gaps_than_are_kept(void **state)
{
	struct receiver receiver;
	const struct dps_chunk *next;

	(void)state;
	open_receiver(&receiver, 2 * CHUNK + 5000);
	next = &receiver.engine->chunks.items[dps_replay_ring_at(&receiver.channel->ring, 1)];
	for (unsigned int i = 0; i < DPS_CHUNK_RANGES; i++)
		assert_true(give_data(&receiver, CHUNK + 2000 + i * 300, 100, 0, NULL, 0, true));
	assert_int_equal(next->done.count, DPS_CHUNK_RANGES);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 1);
	give_rest(&receiver, 1000);
	assert_int_equal(give_run(&receiver, CHUNK), 0);
	dps_engine_end_burst(receiver.engine);
	assert_int_equal(next->done_bytes, DPS_CHUNK_RANGES * 100);
	close_receiver(&receiver);
}

static void run__is_not_of_a_channel_that_had_the_number_before(void **state)
{
	struct receiver receiver;
	struct pair_transfer *first;
	uint32_t before;

	(void)state;
	open_receiver(&receiver, 20000);
	first = receiver.transfer;
	receiver.pair.is_cut = true;
	receiver.transfer = pair_add_transfer(&receiver.pair, 0);
	pair_add_file(&receiver.pair, receiver.transfer, 2 * CHUNK + 5000);
	pair_open_channel(&receiver.pair, receiver.transfer, 1);
	pair_run_for(&receiver.pair, 20 * DPS_NS_PER_MS);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_row(&receiver, 0, 3);
	dps_engine_end_burst(receiver.engine);
	before = receiver.transfer->channel[1];
	pair_close_channel(&receiver.pair, first, 1);
	pair_close_channel(&receiver.pair, receiver.transfer, 1);
	first->is_given_up = true;
	receiver.transfer->announced[1] = 0;
	pair_open_channel(&receiver.pair, receiver.transfer, 1);
	pair_run_for(&receiver.pair, 20 * DPS_NS_PER_MS);
	assert_int_not_equal(receiver.transfer->channel[1], before);
	receiver.channel = &receiver.engine->channels[receiver.transfer->channel[1]];
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	give_rest(&receiver, dps_round_down(CHUNK - 1, 1000));
	(void)give_run(&receiver, CHUNK);
	dps_engine_end_burst(receiver.engine);
	assert_false(receiver.engine->channels[before].is_dirty);
	close_receiver(&receiver);
}

static void run__that_asks_is_acknowledged_at_once(void **state)
{
	struct dps_run_placement run;
	struct dps_incoming incoming;
	struct datagram datagram = { .is_good = true };
	struct receiver receiver;

	(void)state;
	start_run(&receiver);
	pair_run_for(&receiver.pair, DPS_NS_PER_MS);
	assert_false(receiver.path->ack.is_now);
	datagram.header = data_header(&receiver, 3000, 0);
	datagram.header.payload_bytes = 1000;
	datagram.header.flags = DPS_PACKET_ACK_NOW;
	build(&receiver, &datagram, &incoming);
	dps_engine_begin_burst(receiver.engine, receiver.pair.now_ns);
	assert_int_equal(dps_engine_place_run(receiver.engine, &incoming, 1, &run), 1);
	dps_engine_commit_run(receiver.engine, &run, 1);
	dps_engine_end_burst(receiver.engine);
	assert_true(receiver.path->ack.is_now);
	assert_true(goes_on(&receiver, 4000));
	close_receiver(&receiver);
}

/* ---- against packets one by one ---- */

/* What comes next: mostly what follows, now and then something else. */
static void draw(struct receiver *receiver, struct dps_random *random, uint64_t *at,
		 struct datagram *datagram)
{
	uint64_t offset = *at, left = CHUNK - offset % CHUNK;

	datagram->is_good = !dps_random_chance(random, 1, 40);
	if (dps_random_chance(random, 1, 40))
		receiver->number += dps_random_below(random, 3); /* lost on the way */
	if (dps_random_chance(random, 1, 40)) {			 /* comes once more, or late */
		offset -= dps_random_below(random, dps_min_u64(offset % CHUNK, 4000) + 1);
		left = CHUNK - offset % CHUNK;
	}
	datagram->header = data_header(receiver, offset, 0);
	if (dps_random_chance(random, 1, 60) && receiver->number > NUMBER + 9) {
		receiver->number--;
		datagram->header.packet_number -= dps_random_below(random, 8); /* a duplicate */
	}
	if (dps_random_chance(random, 1, 30))
		datagram->header.flags = DPS_PACKET_ACK_NOW;
	datagram->header.payload_bytes = dps_random_chance(random, 1, 30)
						 ? 1 + (uint16_t)dps_random_below(random, 999)
						 : 1000;
	if (datagram->header.payload_bytes >= left) {
		datagram->header.payload_bytes = (uint16_t)(left + DPS_DIGEST_BYTES);
		datagram->header.flags |= DPS_PACKET_DIGEST;
		*at = offset + left;
		return;
	}
	*at = offset + datagram->header.payload_bytes;
}

static void give_burst(struct receiver *receiver, const struct datagram *datagrams,
		       const struct dps_incoming *incoming, unsigned int count)
{
	dps_engine_begin_burst(receiver->engine, receiver->pair.now_ns);
	for (unsigned int done = 0; done < count; done++) {
		struct dps_run_placement run;
		struct dps_placement placement;
		unsigned int good;

		if (dps_engine_place_run(receiver->engine, incoming + done, count - done, &run) >
		    0) {
			for (good = 0; good < run.count; good++) {
				memcpy(run.to + good * run.payload_bytes,
				       incoming[done + good].bytes + DPS_ENVELOPE_BYTES,
				       run.payload_bytes);
				if (!datagrams[done + good].is_good)
					break;
			}
			dps_engine_commit_run(receiver->engine, &run, good);
			done += good - (good == run.count);
		} else if (dps_engine_place(receiver->engine, incoming[done].bytes,
					    incoming[done].length, 0,
					    &placement) == DPS_VERDICT_OPEN) {
			memcpy(placement.to, incoming[done].bytes + DPS_ENVELOPE_BYTES,
			       placement.payload_bytes);
			dps_engine_commit(receiver->engine, &placement, datagrams[done].is_good,
					  receiver->pair.now_ns);
		}
	}
	dps_engine_end_burst(receiver->engine);
}

static void give_one_by_one(struct receiver *receiver, const struct datagram *datagrams,
			    const struct dps_incoming *incoming, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct dps_placement placement;

		if (dps_engine_place(receiver->engine, incoming[i].bytes, incoming[i].length, 0,
				     &placement) != DPS_VERDICT_OPEN)
			continue;
		memcpy(placement.to, incoming[i].bytes + DPS_ENVELOPE_BYTES,
		       placement.payload_bytes);
		dps_engine_commit(receiver->engine, &placement, datagrams[i].is_good,
				  receiver->pair.now_ns);
	}
}

static void assert_same(const struct receiver *a, const struct receiver *b)
{
	const struct dps_path_ack *x = &a->path->ack, *y = &b->path->ack;

	assert_memory_equal(&a->engine->counters, &b->engine->counters,
			    sizeof(a->engine->counters));
	assert_int_equal(x->largest_number, y->largest_number);
	assert_int_equal(x->largest_at_ns, y->largest_at_ns);
	assert_int_equal(x->largest_sent_at_us, y->largest_sent_at_us);
	assert_int_equal(x->forgotten_below, y->forgotten_below);
	assert_int_equal(x->packets_count, y->packets_count);
	assert_int_equal(x->at_ns, y->at_ns);
	assert_int_equal(x->is_now, y->is_now);
	assert_memory_equal(x->ecn_counts, y->ecn_counts, sizeof(x->ecn_counts));
	assert_int_equal(x->received.count, y->received.count);
	assert_memory_equal(x->received.items, y->received.items,
			    x->received.count * sizeof(*x->received.items));
	assert_int_equal(a->path->last_received_ns, b->path->last_received_ns);
	assert_int_equal(a->channel->contiguous, b->channel->contiguous);
	assert_int_equal(a->channel->made_offset, b->channel->made_offset);
	assert_int_equal(a->channel->promised_chunks, b->channel->promised_chunks);
	for (uint64_t number = a->channel->ring.floor; number < a->channel->ring.head; number++) {
		uint32_t i = dps_replay_ring_at(&a->channel->ring, number);
		const struct dps_chunk *chunk = &a->engine->chunks.items[i];
		const struct dps_chunk *other = &b->engine->chunks.items[i];

		assert_int_equal(i, dps_replay_ring_at(&b->channel->ring, number));
		if (i == DPS_CHUNK_NONE)
			continue;
		assert_int_equal(chunk->state, other->state);
		assert_int_equal(chunk->slot, other->slot);
		assert_int_equal(chunk->done_bytes, other->done_bytes);
		assert_int_equal(chunk->done.count, other->done.count);
		assert_memory_equal(chunk->done.items, other->done.items,
				    chunk->done.count * sizeof(*chunk->done.items));
	}
}

static void bursts__do_what_packets_one_by_one_do(void **state)
{
	enum { BURST = 40 };
	static struct datagram datagrams[BURST];
	struct dps_incoming incoming[BURST];

	(void)state;
	for (unsigned int seed = 1; seed <= 20; seed++) {
		struct receiver runs, singles;
		struct dps_random random;
		uint64_t at = 0;

		open_receiver(&runs, 10 * CHUNK + 5000);
		open_receiver(&singles, 10 * CHUNK + 5000);
		/* The seal of one connection id is that of the other: the seeds are the same. */
		assert_int_equal(runs.pair.sides[1].connection_id,
				 singles.pair.sides[1].connection_id);
		dps_random_init(&random, 20260111 + seed);
		while (at < 10 * CHUNK) {
			unsigned int count = 1 + (unsigned int)dps_random_below(&random, BURST);
			unsigned int drawn = 0;

			while (drawn < count && at < 10 * CHUNK) {
				draw(&runs, &random, &at, &datagrams[drawn]);
				build(&runs, &datagrams[drawn], &incoming[drawn]);
				drawn++;
			}
			give_burst(&runs, datagrams, incoming, drawn);
			give_one_by_one(&singles, datagrams, incoming, drawn);
			assert_same(&runs, &singles);
			if (dps_random_chance(&random, 1, 3)) {
				pair_run_for(&runs.pair, 100 * DPS_NS_PER_US);
				pair_run_for(&singles.pair, 100 * DPS_NS_PER_US);
				assert_same(&runs, &singles);
			}
		}
		close_receiver(&runs);
		close_receiver(&singles);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst__is_counted_at_its_end),
		cmocka_unit_test(burst__counts_no_bad_packet_and_goes_on_behind_it),
		cmocka_unit_test(burst__is_counted_when_a_bad_packet_loses_the_path),
		cmocka_unit_test(burst__never_writes_where_bytes_were_received),
		cmocka_unit_test(run__goes_on_in_the_next_burst),
		cmocka_unit_test(run__ends_with_what_happens_to_its_chunk),
		cmocka_unit_test(run__ends_with_its_path),
		cmocka_unit_test(place_run__takes_what_follows_and_no_more),
		cmocka_unit_test(run__goes_on_in_the_next_chunk_with_a_slot_when_it_is_good),
		cmocka_unit_test(run__does_not_begin_in_a_chunk_with_more_gaps_than_are_kept),
		cmocka_unit_test(run__is_not_of_a_channel_that_had_the_number_before),
		cmocka_unit_test(run__that_asks_is_acknowledged_at_once),
		cmocka_unit_test(bursts__do_what_packets_one_by_one_do),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("recv_run", tests, NULL, NULL);
}
