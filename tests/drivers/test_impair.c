/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/impair.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/engine.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a port in memory: what is sent is noted, what is put in arrives ---- */

enum { LOG_MAX = 65536, QUEUE_MAX = 4096, BYTES_MAX = 64, SLOTS_MAX = 4096 };

struct datagram {
	uint32_t bytes_count;
	uint8_t bytes[BYTES_MAX];
};

struct fake {
	struct dps_port port;
	struct datagram *sent; /* LOG_MAX */
	unsigned int sent_count;
	unsigned int room; /* datagrams it takes until the next poll */
	bool is_nic;	   /* releases at poll, not at once */
	uint32_t queue[QUEUE_MAX];
	unsigned int queue_count;
	struct datagram arriving[QUEUE_MAX];
	unsigned int arriving_count, arriving_next;
	unsigned int lent_count, receives, removed;
	uint64_t waited_ns;
	void *memory;
	bool is_closed;
};

static struct fake *fake_of(const struct dps_port *port)
{
	return (struct fake *)(uintptr_t)port;
}

static unsigned int fake_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	struct fake *fake = fake_of(port);
	unsigned int i;

	assert_in_range(count, 0, DPS_PORT_BURST);
	for (i = 0; i < count && fake->room > 0; i++, fake->room--) {
		struct datagram *d = &fake->sent[fake->sent_count++];

		assert_in_range(fake->sent_count, 1, LOG_MAX);
		assert_in_range(outgoing[i].head_bytes, 0, DPS_PORT_HEAD_BYTES);
		d->bytes_count = outgoing[i].head_bytes + outgoing[i].body_bytes;
		assert_in_range(d->bytes_count, 0, BYTES_MAX);
		memcpy(d->bytes, outgoing[i].head, outgoing[i].head_bytes);
		if (outgoing[i].body == NULL)
			continue;
		memcpy(d->bytes + outgoing[i].head_bytes, outgoing[i].body, outgoing[i].body_bytes);
		if (fake->is_nic)
			fake->queue[fake->queue_count++] = outgoing[i].token;
		else
			port->on_released(port->released_context, outgoing[i].token, 1);
	}
	port->counters.sent_datagrams += i;
	return i;
}

static void fake_drain(struct fake *fake)
{
	for (unsigned int i = 0; i < fake->queue_count; i++)
		fake->port.on_released(fake->port.released_context, fake->queue[i], 1);
	fake->queue_count = 0;
}

static unsigned int fake_receive(struct dps_port *port, struct dps_incoming *incoming,
				 unsigned int room)
{
	struct fake *fake = fake_of(port);
	unsigned int count = 0;

	assert_int_equal(fake->lent_count, 0);
	fake->receives++;
	while (count < room && fake->arriving_next < fake->arriving_count) {
		const struct datagram *d = &fake->arriving[fake->arriving_next++];

		incoming[count++] = (struct dps_incoming){ .bytes = d->bytes,
							   .length = d->bytes_count,
							   .ecn = 2,
							   .owner = fake,
							   .from = { .udp_port = 7 } };
	}
	fake->lent_count = count;
	return count;
}

static void fake_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	struct fake *fake = fake_of(port);

	assert_int_equal(count, fake->lent_count);
	for (unsigned int i = 0; i < count; i++)
		assert_ptr_equal(incoming[i].owner, fake);
	fake->lent_count = 0;
}

static void fake_poll(struct dps_port *port, uint64_t now_ns)
{
	(void)now_ns;
	fake_drain(fake_of(port));
}

static void fake_wait(struct dps_port *port, uint64_t most_ns)
{
	fake_of(port)->waited_ns += most_ns;
}

static bool fake_is_up(const struct dps_port *port)
{
	return !fake_of(port)->is_closed;
}

static int fake_add_remote(struct dps_port *port, const struct dps_address *address)
{
	(void)port;
	return address->udp_port;
}

static void fake_remove_remote(struct dps_port *port, uint32_t remote)
{
	fake_of(port)->removed = remote;
}

static void *fake_allocate(struct dps_port *port, size_t bytes)
{
	struct fake *fake = fake_of(port);

	assert_null(fake->memory);
	fake->memory = aligned_alloc(4096, dps_round_up(bytes, 4096));
	return fake->memory;
}

static void fake_close(struct dps_port *port)
{
	fake_drain(fake_of(port));
	fake_of(port)->is_closed = true;
}

static const struct dps_port_ops fake_ops = {
	.receive = fake_receive,
	.release = fake_release,
	.send = fake_send,
	.poll = fake_poll,
	.wait = fake_wait,
	.is_up = fake_is_up,
	.add_remote = fake_add_remote,
	.remove_remote = fake_remove_remote,
	.allocate = fake_allocate,
	.close = fake_close,
};

/* ---- what each test stands on: a sender with slots, and both ports ---- */

struct bench {
	struct fake fake;
	struct dps_port *port;
	uint8_t slots[SLOTS_MAX][8];
	uint32_t out[SLOTS_MAX];      /* times a slot is with the port */
	uint32_t released[SLOTS_MAX]; /* times it came back */
	uint64_t total_released;
	uint64_t now_ns;
	uint32_t next; /* number of the next datagram */
};

/* Every other one is as an engine's tokens of streams are. */
static uint32_t token_of(uint32_t slot)
{
	return slot % 2 == 0 ? slot : slot | DPS_TOKEN_STREAMS | UINT32_C(0x7ff00000);
}

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct bench *bench = context;
	uint32_t given = token;

	token %= SLOTS_MAX;
	assert_int_equal(given, token_of(token));
	assert_in_range(count, 1, bench->out[token]);
	bench->out[token] -= count;
	bench->released[token] += count;
	bench->total_released += count;
}

static struct bench *begin(const char *text)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct dps_impair_options options;
	char error[256] = "";

	assert_non_null(bench);
	if (dps_impair_parse(text, &options, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	bench->fake.sent = calloc(LOG_MAX, sizeof(struct datagram));
	bench->fake.room = UINT32_MAX;
	bench->fake.port = (struct dps_port){ .ops = &fake_ops, .name = "fake", .mtu = 1280 };
	bench->now_ns = DPS_NS_PER_S;
	assert_int_equal(dps_impair_open(&bench->fake.port, &options, bench->now_ns, &bench->port),
			 0);
	bench->port->on_released = on_released;
	bench->port->released_context = bench;
	return bench;
}

static void finish(struct bench *bench)
{
	bench->port->ops->close(bench->port);
	assert_true(bench->fake.is_closed);
	for (unsigned int i = 0; i < SLOTS_MAX; i++)
		assert_int_equal(bench->out[i], 0); /* every token came back */
	free(bench->fake.memory);
	free(bench->fake.sent);
	free(bench);
}

static void poll_at(struct bench *bench, uint64_t now_ns)
{
	bench->now_ns = now_ns;
	bench->port->ops->poll(bench->port, now_ns);
}

/* Offers datagrams numbered on from bench->next: head the number, body its slot. Returns taken. */
static unsigned int offer(struct bench *bench, unsigned int count)
{
	struct dps_outgoing outgoing[DPS_PORT_BURST] = { { .head = NULL } };
	uint8_t heads[DPS_PORT_BURST][4];
	unsigned int taken;

	for (unsigned int i = 0; i < count; i++) {
		uint32_t number = bench->next + i, slot = number % SLOTS_MAX;

		dps_store_be32(heads[i], number);
		if (bench->out[slot] == 0)
			dps_store_be64(bench->slots[slot], number * UINT64_C(0x0101010101));
		bench->out[slot]++;
		outgoing[i] = (struct dps_outgoing){ .head = heads[i],
						     .head_bytes = 4,
						     .body = bench->slots[slot],
						     .body_bytes = 8,
						     .token = token_of(slot),
						     .remote = 5 };
	}
	taken = bench->port->ops->send(bench->port, outgoing, count);
	assert_in_range(taken, 0, count);
	for (unsigned int i = taken; i < count; i++)
		bench->out[(bench->next + i) % SLOTS_MAX]--;
	bench->next += taken;
	return taken;
}

static void send_all(struct bench *bench, unsigned int count)
{
	while (count > 0) {
		unsigned int taken = offer(bench, count < 32 ? count : 32);

		assert_int_not_equal(taken, 0);
		count -= taken;
	}
}

static uint32_t number_of(const struct datagram *d)
{
	return dps_load_be32(d->bytes);
}

static bool is_intact(const struct datagram *d)
{
	return d->bytes_count == 12 &&
	       dps_load_be64(d->bytes + 4) == number_of(d) * UINT64_C(0x0101010101);
}

static void put_in(struct bench *bench, unsigned int count)
{
	struct fake *fake = &bench->fake;

	fake->arriving_next = 0;
	for (unsigned int i = 0; i < count; i++) {
		fake->arriving[i].bytes_count = 12;
		dps_store_be32(fake->arriving[i].bytes, i);
		dps_store_be64(fake->arriving[i].bytes + 4, i * UINT64_C(0x0101010101));
	}
	fake->arriving_count = count;
}

/* Receives all there is at this moment, with bursts of random room. */
static unsigned int take_all(struct bench *bench, struct datagram *got)
{
	struct dps_incoming incoming[DPS_PORT_BURST];
	struct dps_random random;
	unsigned int count, total = 0;
	bool is_over;

	dps_random_init(&random, 99);
	do {
		unsigned int room = 1 + (unsigned int)dps_random_below(&random, DPS_PORT_BURST);

		is_over = bench->fake.arriving_next == bench->fake.arriving_count;
		count = bench->port->ops->receive(bench->port, incoming, room);
		assert_in_range(count, 0, room);
		for (unsigned int i = 0; i < count; i++) {
			assert_int_equal(incoming[i].ecn, 2);
			assert_int_equal(incoming[i].from.udp_port, 7);
			got[total].bytes_count = incoming[i].length;
			memcpy(got[total].bytes, incoming[i].bytes, incoming[i].length);
			total++;
		}
		if (count > 0)
			bench->port->ops->release(bench->port, incoming, count);
	} while (count > 0 || !is_over);
	assert_int_equal(bench->fake.lent_count, 0);
	return total;
}

/* ---- the tests ---- */

static void open__passes_everything_else_through(void **state)
{
	struct bench *bench = begin("loss=0");
	const struct dps_address to = { .udp_port = 9 };

	(void)state;
	assert_string_equal(bench->port->name, "fake");
	assert_int_equal(bench->port->mtu, 1280);
	assert_true(bench->port->ops->is_up(bench->port));
	assert_int_equal(bench->port->ops->add_remote(bench->port, &to), 9);
	bench->port->ops->remove_remote(bench->port, 3);
	assert_int_equal(bench->fake.removed, 3);
	assert_ptr_equal(dps_impair_inner(bench->port), &bench->fake.port);
	assert_non_null(bench->port->ops->allocate(bench->port, 100));
	send_all(bench, 1000);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(number_of(&bench->fake.sent[i]), i);
		assert_true(is_intact(&bench->fake.sent[i]));
	}
	assert_int_equal(bench->port->counters.sent_datagrams, 1000);
	assert_int_equal(bench->port->counters.impaired_datagrams, 0);
	finish(bench);
}

static void send__loses_a_fraction_and_gives_the_bodies_back_at_once(void **state)
{
	struct bench *bench = begin("loss=0.1,seed=3");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);

	(void)state;
	send_all(bench, 10000);
	assert_in_range(counters->sent_lost, 900, 1100);
	assert_int_equal(bench->fake.sent_count, 10000 - counters->sent_lost);
	assert_int_equal(bench->total_released, 10000);
	assert_int_equal(bench->port->counters.impaired_datagrams, counters->sent_lost);
	assert_int_equal(bench->port->counters.sent_datagrams, bench->fake.sent_count);
	for (unsigned int i = 1; i < bench->fake.sent_count; i++)
		assert_true(number_of(&bench->fake.sent[i]) > number_of(&bench->fake.sent[i - 1]));
	finish(bench);
}

static void send__doubles_a_fraction_right_behind_the_original(void **state)
{
	struct bench *bench = begin("dup=0.2,seed=4");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	unsigned int doubles = 0;

	(void)state;
	send_all(bench, 10000);
	assert_in_range(counters->duplicated, 1850, 2150);
	assert_int_equal(bench->fake.sent_count, 10000 + counters->duplicated);
	for (unsigned int i = 1; i < bench->fake.sent_count; i++) {
		uint32_t a = number_of(&bench->fake.sent[i - 1]);
		uint32_t b = number_of(&bench->fake.sent[i]);

		assert_true(b == a || b == a + 1);
		assert_true(is_intact(&bench->fake.sent[i]));
		doubles += a == b;
	}
	assert_int_equal(doubles, counters->duplicated);
	assert_int_equal(bench->total_released, 10000);
	assert_int_equal(bench->port->counters.impaired_datagrams, 0);
	finish(bench);
}

static void send__holds_a_fraction_back_by_one_to_eight_others(void **state)
{
	struct bench *bench = begin("reorder=0.05,seed=5");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	static uint32_t place[10000];
	unsigned int late = 0;

	(void)state;
	send_all(bench, 10000);
	/* The last ones wait for others that never come, but not for long. */
	poll_at(bench, bench->now_ns + 10 * DPS_NS_PER_MS);
	assert_int_equal(bench->fake.sent_count, 10000);
	for (unsigned int i = 0; i < 10000; i++) {
		assert_true(is_intact(&bench->fake.sent[i]));
		place[number_of(&bench->fake.sent[i])] = i;
	}
	for (unsigned int i = 0; i < 10000; i++) {
		unsigned int passed_by = 0;

		/* How many that were sent later came earlier. */
		for (unsigned int k = i + 1; k < 10000 && k < i + 40; k++)
			passed_by += place[k] < place[i];
		assert_in_range(passed_by, 0, 8);
		late += passed_by > 0;
	}
	assert_in_range(counters->held_back, 430, 570);
	assert_in_range(late, counters->held_back * 8 / 10, counters->held_back);
	assert_int_equal(bench->total_released, 10000);
	finish(bench);
}

static unsigned int count_flips(const struct datagram *d, uint32_t number)
{
	uint8_t expected[12];
	unsigned int flips = 0;

	dps_store_be32(expected, number);
	dps_store_be64(expected + 4, number * UINT64_C(0x0101010101));
	for (unsigned int i = 0; i < 12; i++)
		flips += (unsigned int)__builtin_popcount(expected[i] ^ d->bytes[i]);
	return flips;
}

static void send__flips_one_to_four_bits_of_a_copy_and_never_of_the_slot(void **state)
{
	struct bench *bench = begin("corrupt=0.1,seed=6");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	unsigned int seen[13] = { 0 };

	(void)state;
	send_all(bench, 4000);
	assert_int_equal(bench->fake.sent_count, 4000);
	for (unsigned int i = 0; i < 4000; i++) {
		unsigned int flips = count_flips(&bench->fake.sent[i], i);

		assert_in_range(flips, 0, 4);
		seen[flips]++;
		assert_int_equal(dps_load_be64(bench->slots[i]), i * UINT64_C(0x0101010101));
	}
	for (unsigned int i = 1; i <= 4; i++)
		assert_in_range(seen[i], 60, 140);
	assert_int_equal(seen[1] + seen[2] + seen[3] + seen[4], counters->sent_damaged);
	assert_int_equal(bench->port->counters.impaired_datagrams, counters->sent_damaged);
	assert_int_equal(bench->total_released, 4000);
	finish(bench);
}

static void send__delays_everything_and_keeps_the_order(void **state)
{
	struct bench *bench = begin("delay=5ms");
	uint64_t start_ns = bench->now_ns;

	(void)state;
	send_all(bench, 100);
	assert_int_equal(bench->total_released, 100); /* copies are under way */
	poll_at(bench, start_ns + DPS_NS_PER_MS);
	send_all(bench, 50);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS - 1);
	assert_int_equal(bench->fake.sent_count, 0);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS);
	assert_int_equal(bench->fake.sent_count, 100);
	poll_at(bench, start_ns + 6 * DPS_NS_PER_MS);
	assert_int_equal(bench->fake.sent_count, 150);
	for (unsigned int i = 0; i < 150; i++) {
		assert_int_equal(number_of(&bench->fake.sent[i]), i);
		assert_true(is_intact(&bench->fake.sent[i]));
	}
	finish(bench);
}

static void send__cuts_both_directions_during_the_blackout(void **state)
{
	struct bench *bench = begin("blackout=2ms+3ms");
	static struct datagram got[QUEUE_MAX];
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	uint64_t start_ns;

	(void)state;
	poll_at(bench, 7 * DPS_NS_PER_S); /* silence does not count */
	start_ns = bench->now_ns;
	send_all(bench, 1);
	poll_at(bench, start_ns + 2 * DPS_NS_PER_MS - 1);
	send_all(bench, 10);
	put_in(bench, 10);
	assert_int_equal(take_all(bench, got), 10);
	assert_int_equal(bench->fake.sent_count, 11);
	poll_at(bench, start_ns + 2 * DPS_NS_PER_MS);
	send_all(bench, 10);
	put_in(bench, 10);
	assert_int_equal(take_all(bench, got), 0);
	assert_int_equal(bench->fake.sent_count, 11);
	assert_int_equal(bench->total_released, 21);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS - 1);
	send_all(bench, 1);
	assert_int_equal(bench->fake.sent_count, 11);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS);
	send_all(bench, 10);
	put_in(bench, 10);
	assert_int_equal(take_all(bench, got), 10);
	assert_int_equal(bench->fake.sent_count, 21);
	assert_int_equal(counters->sent_lost, 11);
	assert_int_equal(counters->received_lost, 10);
	assert_int_equal(bench->port->counters.impaired_datagrams, 21);
	finish(bench);
}

static void send__offers_again_what_was_not_taken(void **state)
{
	struct bench *bench = begin("loss=0.1,dup=0.1,reorder=0.1,corrupt=0.1,seed=7");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	struct dps_random random;
	static bool is_seen[8000];
	unsigned int seen = 0;

	(void)state;
	dps_random_init(&random, 1);
	while (bench->next < 8000) {
		bench->fake.room = (unsigned int)dps_random_below(&random, 20);
		offer(bench, 1 + (unsigned int)dps_random_below(&random, DPS_PORT_BURST));
		bench->now_ns += 1000;
		poll_at(bench, bench->now_ns);
	}
	bench->fake.room = UINT32_MAX;
	poll_at(bench, bench->now_ns + DPS_NS_PER_S);
	assert_int_equal(bench->fake.sent_count,
			 bench->next - counters->sent_lost + counters->duplicated);
	for (unsigned int i = 0; i < bench->fake.sent_count; i++) {
		const struct datagram *d = &bench->fake.sent[i];

		if (is_intact(d) && number_of(d) < 8000 && !is_seen[number_of(d)]) {
			is_seen[number_of(d)] = true;
			seen++;
		}
	}
	assert_in_range(seen, 6300, 6800); /* neither lost nor damaged */
	assert_int_equal(bench->total_released, bench->next);
	assert_int_equal(counters->unimpaired, 0);
	finish(bench);
}

static void send__repeats_exactly_with_its_seed(void **state)
{
	static const char *const texts[] = {
		"loss=0.05,dup=0.05,reorder=0.05,corrupt=0.05,seed=11",
		"loss=0.05,dup=0.05,reorder=0.05,corrupt=0.05,seed=11",
		"loss=0.05,dup=0.05,reorder=0.05,corrupt=0.05,seed=12",
	};
	static struct datagram first[6000], got[QUEUE_MAX];
	unsigned int first_count = 0;

	(void)state;
	for (unsigned int run = 0; run < 3; run++) {
		struct bench *bench = begin(texts[run]);
		bool is_same;

		/* Neither the room beneath nor what arrives changes the fates of what is sent. */
		while (bench->next < 4992) {
			if (run == 1) {
				put_in(bench, 3);
				take_all(bench, got);
			}
			assert_int_not_equal(offer(bench, run == 0 ? 32 : 8), 0);
		}
		is_same = bench->fake.sent_count == first_count &&
			  memcmp(first, bench->fake.sent, first_count * sizeof(first[0])) == 0;
		if (run == 0) {
			first_count = bench->fake.sent_count;
			memcpy(first, bench->fake.sent, first_count * sizeof(first[0]));
		} else {
			assert_int_equal(is_same, run == 1);
		}
		finish(bench);
	}
}

static void send__lets_pass_and_counts_what_finds_no_room(void **state)
{
	struct bench *bench = begin("delay=1s");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);

	(void)state;
	send_all(bench, DPS_IMPAIR_COPIES_DELAY + 100);
	assert_int_equal(bench->fake.sent_count, 100);
	assert_int_equal(counters->unimpaired, 100);
	assert_int_equal(counters->delayed, DPS_IMPAIR_COPIES_DELAY);
	poll_at(bench, bench->now_ns + DPS_NS_PER_S);
	assert_int_equal(bench->fake.sent_count, DPS_IMPAIR_COPIES_DELAY + 100);
	send_all(bench, 1); /* the copies are free again */
	assert_int_equal(counters->unimpaired, 100);
	finish(bench);
}

static void send__keeps_copies_until_the_nic_is_done(void **state)
{
	struct bench *bench = begin("corrupt=1");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);

	(void)state;
	bench->fake.is_nic = true;
	send_all(bench, DPS_IMPAIR_COPIES + 10);
	assert_int_equal(counters->sent_damaged, DPS_IMPAIR_COPIES);
	assert_int_equal(counters->unimpaired, 10);
	poll_at(bench, bench->now_ns);
	send_all(bench, 10);
	assert_int_equal(counters->sent_damaged, DPS_IMPAIR_COPIES + 10);
	finish(bench);
}

static void remove_remote__forgets_what_waits_for_it(void **state)
{
	struct bench *bench = begin("delay=1ms");

	(void)state;
	send_all(bench, 20);
	bench->port->ops->remove_remote(bench->port, 5);
	send_all(bench, 3);
	poll_at(bench, bench->now_ns + DPS_NS_PER_MS);
	assert_int_equal(bench->fake.sent_count, 3);
	assert_int_equal(number_of(&bench->fake.sent[0]), 20);
	finish(bench);
}

static void hold__keeps_bodies_back_for_a_random_time(void **state)
{
	struct bench *bench = begin("hold=10ms,seed=8");
	uint64_t start_ns = bench->now_ns;

	(void)state;
	send_all(bench, 1000);
	assert_int_equal(bench->fake.sent_count, 1000);
	assert_int_equal(bench->total_released, 0);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS);
	assert_in_range(bench->total_released, 400, 600);
	poll_at(bench, start_ns + 10 * DPS_NS_PER_MS);
	assert_int_equal(bench->total_released, 1000);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(bench->released[i], 1);
	/* And again, with a NIC beneath that takes its own time. */
	bench->fake.is_nic = true;
	send_all(bench, 1000);
	assert_int_equal(bench->total_released, 1000);
	poll_at(bench, start_ns + 30 * DPS_NS_PER_MS);
	poll_at(bench, start_ns + 40 * DPS_NS_PER_MS);
	assert_int_equal(bench->total_released, 2000);
	finish(bench);
}

static void hold__gives_everything_back_at_close(void **state)
{
	struct bench *bench = begin("hold=10s,loss=0.1,dup=0.1,reorder=0.1,corrupt=0.1,delay=1ms");

	(void)state;
	bench->fake.is_nic = true;
	send_all(bench, 2000);
	poll_at(bench, bench->now_ns + DPS_NS_PER_MS);
	send_all(bench, 1000);
	finish(bench);
}

static void hold__lets_pass_and_counts_what_finds_no_room(void **state)
{
	struct bench *bench = begin("hold=1h");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);

	(void)state;
	send_all(bench, DPS_IMPAIR_HOLDS + 64);
	assert_int_equal(counters->unimpaired, 64);
	assert_int_equal(bench->total_released, 64);
	finish(bench);
}

/* A process of its own does what must not be done; how it ends is what is asked. */
static int end_of(void (*act)(struct bench *bench), const char *text)
{
	pid_t child;
	int status = 0;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct bench *bench = begin(text);

		signal(SIGABRT, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		act(bench);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void reuse_too_early(struct bench *bench)
{
	send_all(bench, 10);
	bench->slots[4][0] ^= 1;
	poll_at(bench, bench->now_ns + DPS_NS_PER_S);
}

static void reuse_in_time(struct bench *bench)
{
	send_all(bench, 10);
	poll_at(bench, bench->now_ns + DPS_NS_PER_S);
	bench->slots[4][0] ^= 1;
	poll_at(bench, bench->now_ns + DPS_NS_PER_S);
}

static void hold__panics_when_a_slot_is_used_again_too_early(void **state)
{
	int status = end_of(reuse_too_early, "hold=1ms");

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = end_of(reuse_in_time, "hold=1ms");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* A copy has left the slot behind, yet a hold holds for every body. */
	status = end_of(reuse_too_early, "hold=1ms,delay=1us");
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	/* Without a hold nobody looks. */
	status = end_of(reuse_too_early, "loss=0");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void receive__passes_what_arrives_without_a_copy(void **state)
{
	struct bench *bench = begin("loss=0");
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	put_in(bench, 3);
	assert_int_equal(bench->port->ops->receive(bench->port, incoming, DPS_PORT_BURST), 3);
	assert_ptr_equal(incoming[0].bytes, bench->fake.arriving[0].bytes);
	assert_int_equal(bench->fake.lent_count, 3);
	bench->port->ops->release(bench->port, incoming, 3);
	assert_int_equal(bench->fake.lent_count, 0);
	finish(bench);
}

static void receive__meets_the_same_fates(void **state)
{
	struct bench *bench = begin("loss=0.1,dup=0.1,reorder=0.1,corrupt=0.1,seed=9");
	const struct dps_impair_counters *counters = dps_impair_counters(bench->port);
	static struct datagram got[2 * QUEUE_MAX];
	unsigned int count, intact = 0, late = 0;
	uint32_t highest = 0;

	(void)state;
	put_in(bench, 4000);
	count = take_all(bench, got);
	poll_at(bench, bench->now_ns + 10 * DPS_NS_PER_MS);
	count += take_all(bench, got + count);
	assert_int_equal(count, 4000 - counters->received_lost + counters->duplicated);
	assert_in_range(counters->received_lost, 340, 460);
	assert_in_range(counters->received_damaged, 300, 420);
	assert_in_range(counters->duplicated, 300, 420);
	assert_in_range(counters->held_back, 300, 420);
	for (unsigned int i = 0; i < count; i++) {
		if (!is_intact(&got[i]))
			continue;
		intact++;
		late += number_of(&got[i]) < highest;
		highest = number_of(&got[i]) > highest ? number_of(&got[i]) : highest;
	}
	assert_int_equal(intact, count - counters->received_damaged);
	assert_in_range(late, counters->held_back * 7 / 10, counters->held_back * 12 / 10);
	assert_int_equal(counters->sent_lost + counters->sent_damaged, 0);
	assert_int_equal(bench->port->counters.impaired_datagrams,
			 counters->received_lost + counters->received_damaged);
	/* What arrived is as it came: the damage was done to copies. */
	for (unsigned int i = 0; i < 4000; i++)
		assert_true(is_intact(&bench->fake.arriving[i]));
	finish(bench);
}

static void receive__delays_everything_and_keeps_the_order(void **state)
{
	struct bench *bench = begin("delay=5ms");
	static struct datagram got[QUEUE_MAX];
	uint64_t start_ns = bench->now_ns;

	(void)state;
	put_in(bench, 100);
	assert_int_equal(take_all(bench, got), 0);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS - 1);
	assert_int_equal(take_all(bench, got), 0);
	poll_at(bench, start_ns + 5 * DPS_NS_PER_MS);
	assert_int_equal(take_all(bench, got), 100);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(number_of(&got[i]), i);
	finish(bench);
}

static void open__needs_memory_only_for_fates_that_copy(void **state)
{
	struct bench *bench = begin("loss=0.5,blackout=1s+1s,hold=1ms");

	(void)state;
	assert_null(bench->fake.memory);
	finish(bench);
	bench = begin("dup=0.5");
	assert_non_null(bench->fake.memory);
	finish(bench);
}

static void wait__is_the_ports_own_if_it_has_one(void **state)
{
	struct dps_impair_options options = { .seed = 1 };
	struct bench *bench = begin("loss=0.5");
	struct dps_port_ops ops = fake_ops;
	struct fake polled = { .port = { .ops = &ops, .mtu = 1280 } };
	struct dps_port *port;

	(void)state;
	bench->port->ops->wait(bench->port, 77);
	assert_int_equal(bench->fake.waited_ns, 77);
	finish(bench);
	ops.wait = NULL;
	assert_int_equal(dps_impair_open(&polled.port, &options, 0, &port), 0);
	assert_null(port->ops->wait);
	port->ops->close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__passes_everything_else_through),
		cmocka_unit_test(open__needs_memory_only_for_fates_that_copy),
		cmocka_unit_test(send__loses_a_fraction_and_gives_the_bodies_back_at_once),
		cmocka_unit_test(send__doubles_a_fraction_right_behind_the_original),
		cmocka_unit_test(send__holds_a_fraction_back_by_one_to_eight_others),
		cmocka_unit_test(send__flips_one_to_four_bits_of_a_copy_and_never_of_the_slot),
		cmocka_unit_test(send__delays_everything_and_keeps_the_order),
		cmocka_unit_test(send__cuts_both_directions_during_the_blackout),
		cmocka_unit_test(send__offers_again_what_was_not_taken),
		cmocka_unit_test(send__repeats_exactly_with_its_seed),
		cmocka_unit_test(send__lets_pass_and_counts_what_finds_no_room),
		cmocka_unit_test(send__keeps_copies_until_the_nic_is_done),
		cmocka_unit_test(wait__is_the_ports_own_if_it_has_one),
		cmocka_unit_test(remove_remote__forgets_what_waits_for_it),
		cmocka_unit_test(hold__keeps_bodies_back_for_a_random_time),
		cmocka_unit_test(hold__gives_everything_back_at_close),
		cmocka_unit_test(hold__lets_pass_and_counts_what_finds_no_room),
		cmocka_unit_test(hold__panics_when_a_slot_is_used_again_too_early),
		cmocka_unit_test(receive__passes_what_arrives_without_a_copy),
		cmocka_unit_test(receive__meets_the_same_fates),
		cmocka_unit_test(receive__delays_everything_and_keeps_the_order),
	};

	return cmocka_run_group_tests_name("impair", tests, NULL, NULL);
}
