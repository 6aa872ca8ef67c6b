/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/sent.h"
#include "tests/support/cmocka.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	CAPACITY = 128,
	LARGE_CAPACITY = 8192, /* more words of lost packets than one word has bits */
	MODEL_NUMBERS = 200000,
};

static uint64_t memory[(LARGE_CAPACITY * sizeof(struct dps_sent_packet) + LARGE_CAPACITY / 4 +
			LARGE_CAPACITY) /
			       8 +
		       LARGE_CAPACITY / 64 / 64];

static void set_up_sized(struct dps_sent *sent, uint64_t capacity, uint64_t first_number)
{
	assert_true(dps_sent_bytes(capacity) <= sizeof(memory));
	memset(memory, 0xff, sizeof(memory));
	dps_sent_init(sent, memory, capacity, first_number);
}

static void set_up(struct dps_sent *sent, uint64_t first_number)
{
	set_up_sized(sent, CAPACITY, first_number);
}

static uint64_t push(struct dps_sent *sent, uint64_t sent_at_ns, uint32_t wire_bytes)
{
	struct dps_sent_packet packet = { .sent_at_ns = sent_at_ns, .wire_bytes = wire_bytes };

	assert_true(dps_sent_has_room(sent));
	return dps_sent_push(sent, &packet);
}

static void init__is_empty_and_starts_where_told(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 7000);
	assert_int_equal(dps_sent_next_live(&sent, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(dps_sent_next_lost(&sent, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(push(&sent, 1, 1500), 7000);
	assert_int_equal(sent.floor_number, 7000);
}

static void has_room__ends_at_the_oldest_live_packet(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 0);
	for (unsigned int i = 0; i < CAPACITY; i++)
		push(&sent, i, 1);
	assert_false(dps_sent_has_room(&sent));
	dps_sent_remove(&sent, 5); /* not the oldest: no room yet */
	assert_false(dps_sent_has_room(&sent));
	dps_sent_remove(&sent, 0);
	assert_true(dps_sent_has_room(&sent));
}

static void has_room__forgets_the_oldest_lost_packet(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 0);
	for (unsigned int i = 0; i < CAPACITY; i++)
		push(&sent, i, 1);
	dps_sent_mark_lost(&sent, 0);
	dps_sent_mark_lost(&sent, 1);
	assert_true(dps_sent_has_room(&sent));
	assert_false(dps_sent_is_lost(&sent, 0));
	assert_true(dps_sent_is_lost(&sent, 1));
	assert_int_equal(push(&sent, CAPACITY, 1), CAPACITY);
	assert_true(dps_sent_has_room(&sent));
	push(&sent, CAPACITY + 1, 1);
	assert_false(dps_sent_has_room(&sent)); /* number 2 is live */
}

static void push__counts_bytes_and_keeps_the_packet(void **state)
{
	struct dps_sent sent;
	struct dps_sent_packet packet = {
		.sent_at_ns = 12,
		.offset = 34,
		.channel = 5,
		.generation = 6,
		.wire_bytes = 1464,
		.data_bytes = 1408,
		.flags = DPS_SENT_DATA | DPS_SENT_RESENT,
	};
	struct dps_sent_packet got;
	uint64_t number;

	(void)state;
	set_up(&sent, 100);
	push(&sent, 11, 36);
	number = dps_sent_push(&sent, &packet);
	got = dps_sent_at(&sent, number);
	assert_memory_equal(&got, &packet, sizeof(packet));
	assert_int_equal(sent.bytes_in_flight, 1500);
	assert_int_equal(sent.packets_in_flight, 2);
	assert_true(dps_sent_is_live(&sent, number));
	assert_false(dps_sent_is_lost(&sent, number));
	assert_false(dps_sent_is_live(&sent, number + 1));
	assert_false(dps_sent_is_live(&sent, 99));
}

/* At any place of the ring, whatever is in flight beside it, and of any length up to a turn. */
static void push_run__is_pushing_one_by_one(void **state)
{
	static uint64_t other_memory[sizeof(memory) / sizeof(memory[0])];
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260108);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t start =
			dps_random_below(&random, UINT64_C(1) << dps_random_below(&random, 62));
		uint32_t before = (uint32_t)dps_random_below(&random, CAPACITY);
		uint32_t count = 1 + (uint32_t)dps_random_below(&random, CAPACITY - before);
		struct dps_sent_packet packet = {
			.sent_at_ns = dps_random_next(&random),
			.offset = dps_random_below(&random, UINT64_C(1) << 62),
			.channel = (uint32_t)dps_random_next(&random),
			.generation = (uint32_t)dps_random_next(&random),
			.data_bytes = (uint16_t)dps_random_next(&random),
			.flags = DPS_SENT_DATA,
		};
		struct dps_sent run, single;

		packet.wire_bytes = packet.data_bytes + 56U;
		set_up(&run, start);
		memset(other_memory, 0xff, sizeof(other_memory));
		dps_sent_init(&single, other_memory, CAPACITY, start);
		for (uint32_t k = 0; k < before; k++) {
			push(&run, k, k);
			push(&single, k, k);
		}
		dps_sent_push_run(&run, &packet, count);
		for (uint32_t k = 0; k < count; k++) {
			assert_int_equal(dps_sent_push(&single, &packet), start + before + k);
			packet.offset += packet.data_bytes;
		}
		assert_int_equal(run.next_number, single.next_number);
		assert_int_equal(run.floor_number, single.floor_number);
		assert_int_equal(run.bytes_in_flight, single.bytes_in_flight);
		assert_int_equal(run.packets_in_flight, single.packets_in_flight);
		for (uint64_t number = start; number < run.next_number; number++) {
			struct dps_sent_packet got = dps_sent_at(&run, number);
			struct dps_sent_packet like = dps_sent_at(&single, number);

			assert_int_equal(got.run_left, number < start + before
							       ? 0
							       : run.next_number - 1 - number);
			got.run_left = 0;
			assert_memory_equal(&got, &like, sizeof(got));
		}
		assert_memory_equal(run.live, single.live, CAPACITY / 8);
		assert_memory_equal(run.lost, single.lost, CAPACITY / 8);
	}
}

static void remove__raises_the_floor_over_what_is_gone(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 0);
	for (unsigned int i = 0; i < 100; i++)
		push(&sent, i, 10);
	for (unsigned int i = 1; i < 90; i++)
		dps_sent_remove(&sent, i);
	assert_int_equal(sent.floor_number, 0);
	dps_sent_remove(&sent, 0);
	assert_int_equal(sent.floor_number, 90);
	assert_int_equal(sent.bytes_in_flight, 100);
	for (unsigned int i = 90; i < 100; i++)
		dps_sent_remove(&sent, i);
	assert_int_equal(sent.floor_number, 100);
	assert_int_equal(sent.bytes_in_flight, 0);
}

static void mark_lost__leaves_the_flight_but_is_remembered(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 0);
	push(&sent, 1, 10);
	push(&sent, 2, 20);
	dps_sent_mark_lost(&sent, 0);
	assert_int_equal(sent.bytes_in_flight, 20);
	assert_int_equal(sent.packets_in_flight, 1);
	assert_int_equal(sent.floor_number, 0);
	assert_int_equal(dps_sent_next_lost(&sent, 0, UINT64_MAX), 0);
	assert_int_equal(dps_sent_next_live(&sent, 0, UINT64_MAX), 1);
	dps_sent_forget_lost(&sent, 0);
	assert_int_equal(sent.floor_number, 1);
	assert_int_equal(dps_sent_next_lost(&sent, 0, UINT64_MAX), UINT64_MAX);
}

static void forget_lost_before__keeps_what_is_young_enough(void **state)
{
	struct dps_sent sent;

	(void)state;
	set_up(&sent, 0);
	for (unsigned int i = 0; i < 10; i++)
		push(&sent, 100 + i, 10);
	dps_sent_mark_lost(&sent, 2);
	dps_sent_mark_lost(&sent, 4);
	dps_sent_mark_lost(&sent, 6);
	dps_sent_forget_lost_before(&sent, 104);
	assert_int_equal(dps_sent_next_lost(&sent, 0, UINT64_MAX), 4);
	dps_sent_forget_lost_before(&sent, UINT64_MAX);
	assert_int_equal(dps_sent_next_lost(&sent, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(sent.packets_in_flight, 7);
}

/* The model: what became of every number ever sent. */
enum fate { GONE, LIVE, LOST };

struct model {
	unsigned char fates[MODEL_NUMBERS];
	uint32_t sizes[MODEL_NUMBERS];
	uint64_t next, floor;
};

static uint64_t model_find(const struct model *model, enum fate fate, uint64_t from, uint64_t last)
{
	for (uint64_t i = from < model->floor ? model->floor : from; i < model->next && i <= last;
	     i++)
		if (model->fates[i] == fate)
			return i;
	return UINT64_MAX;
}

static void assert_same(struct model *model, const struct dps_sent *sent)
{
	uint64_t bytes = 0, packets = 0;

	while (model->floor < model->next && model->fates[model->floor] == GONE)
		model->floor++;
	for (uint64_t i = model->floor; i < model->next; i++) {
		assert_int_equal(dps_sent_is_live(sent, i), model->fates[i] == LIVE);
		assert_int_equal(dps_sent_is_lost(sent, i), model->fates[i] == LOST);
		bytes += model->fates[i] == LIVE ? model->sizes[i] : 0;
		packets += model->fates[i] == LIVE;
	}
	assert_int_equal(sent->bytes_in_flight, bytes);
	assert_int_equal(sent->packets_in_flight, packets);
	assert_int_equal(sent->floor_number, model->floor);
	assert_int_equal(sent->next_number, model->next);
}

/* Every live packet of from..last in one word goes at once. */
static void remove_word(struct model *model, struct dps_sent *sent, uint64_t from, uint64_t last)
{
	uint64_t bits, bytes = 0;

	if (from < model->floor)
		from = model->floor;
	if (from >= model->next || last < from)
		return;
	if (last >= model->next)
		last = model->next - 1;
	bits = dps_sent_live_bits(sent, from, last);
	for (uint64_t i = from - from % 64; i < from - from % 64 + 64; i++) {
		bool is_asked = i >= from && i <= last && model->fates[i] == LIVE;

		assert_int_equal(bits >> (i % 64) & 1, is_asked);
		if (!is_asked)
			continue;
		bytes += model->sizes[i];
		model->fates[i] = GONE;
	}
	dps_sent_remove_bits(sent, from, bits, bytes);
	dps_sent_raise_floors(sent);
}

static void push_next(struct model *model, struct dps_sent *sent, struct dps_random *random)
{
	if (model->next - model->floor == sent->capacity && model->fates[model->floor] == LIVE) {
		assert_false(dps_sent_has_room(sent));
		return;
	}
	if (model->next - model->floor == sent->capacity)
		model->fates[model->floor] = GONE;
	model->sizes[model->next] = 1 + (uint32_t)dps_random_below(random, 9000);
	model->fates[model->next] = LIVE;
	assert_int_equal(push(sent, model->next, model->sizes[model->next]), model->next);
	model->next++;
	while (model->floor < model->next && model->fates[model->floor] == GONE)
		model->floor++;
}

static void step(struct model *model, struct dps_sent *sent, struct dps_random *random)
{
	uint64_t span = model->next - model->floor + 2;
	uint64_t from = model->floor + dps_random_below(random, span) - (model->floor != 0);
	uint64_t live, lost;
	uint64_t last = from + dps_random_below(random, span);

	/* Mostly the oldest, or a large ring would stay full. */
	if (sent->capacity > CAPACITY && dps_random_chance(random, 3, 4)) {
		from = model->floor;
		last = from + dps_random_below(random, CAPACITY);
	}
	live = dps_sent_next_live(sent, from, last);
	lost = dps_sent_next_lost(sent, from, last);
	assert_int_equal(live, model_find(model, LIVE, from, last));
	assert_int_equal(lost, model_find(model, LOST, from, last));
	switch (dps_random_below(random, 8)) {
	case 0:
	case 1:
		if (live != UINT64_MAX) {
			dps_sent_remove(sent, live);
			model->fates[live] = GONE;
		}
		break;
	case 2:
		if (live != UINT64_MAX) {
			dps_sent_mark_lost(sent, live);
			model->fates[live] = LOST;
		}
		break;
	case 3:
		if (lost != UINT64_MAX) {
			dps_sent_forget_lost(sent, lost);
			model->fates[lost] = GONE;
		}
		break;
	case 4:
		if (dps_random_chance(random, 1, 8)) {
			dps_sent_forget_lost_before(sent, from);
			for (uint64_t i = model->floor; i < from && i < model->next; i++)
				if (model->fates[i] == LOST)
					model->fates[i] = GONE;
		}
		break;
	case 5:
		remove_word(model, sent, from, last);
		break;
	default:
		for (uint64_t i = 0; i < sent->capacity / CAPACITY; i++)
			push_next(model, sent, random);
	}
}

static void agree(uint64_t capacity, unsigned int steps)
{
	struct model *model = calloc(1, sizeof(*model));
	struct dps_random random;
	struct dps_sent sent;

	assert_non_null(model);
	set_up_sized(&sent, capacity, 0);
	dps_random_init(&random, 20260103);
	for (unsigned int i = 0; i < steps && model->next + capacity < MODEL_NUMBERS; i++) {
		step(model, &sent, &random);
		assert_same(model, &sent);
	}
	assert_true(model->next > 2 * capacity);
	free(model);
}

static void sent__agrees_with_a_naive_model(void **state)
{
	(void)state;
	agree(CAPACITY, MODEL_NUMBERS);
}

static void sent__agrees_with_a_naive_model_when_it_is_large(void **state)
{
	(void)state;
	agree(LARGE_CAPACITY, MODEL_NUMBERS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__is_empty_and_starts_where_told),
		cmocka_unit_test(has_room__ends_at_the_oldest_live_packet),
		cmocka_unit_test(has_room__forgets_the_oldest_lost_packet),
		cmocka_unit_test(push__counts_bytes_and_keeps_the_packet),
		cmocka_unit_test(push_run__is_pushing_one_by_one),
		cmocka_unit_test(remove__raises_the_floor_over_what_is_gone),
		cmocka_unit_test(mark_lost__leaves_the_flight_but_is_remembered),
		cmocka_unit_test(forget_lost_before__keeps_what_is_young_enough),
		cmocka_unit_test(sent__agrees_with_a_naive_model),
		cmocka_unit_test(sent__agrees_with_a_naive_model_when_it_is_large),
	};

	return cmocka_run_group_tests_name("sent", tests, NULL, NULL);
}
