/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_queue.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum {
	BUDGET = 64 * DPS_BLOCK_BYTES,
	EIGHTH = BUDGET / 8,
};

/* The second is short beside a long message: then several classes are late at once. */
static const uint32_t patiences[2][DPS_PEER_CLASSES] = { { 0, 2000, 4000, 8000 },
							 { 0, 500, 600, 700 } };
static const uint32_t *patience_bytes = patiences[0];

struct rig {
	struct dps_peer_queue queue;
	uint64_t *memory;
};

static void rig_open(struct rig *rig)
{
	rig->memory = malloc(dps_peer_queue_memory_bytes(BUDGET));
	assert_non_null(rig->memory);
	dps_peer_queue_init(&rig->queue, rig->memory, BUDGET, patience_bytes);
}

static void rig_close(struct rig *rig)
{
	free(rig->memory);
}

static uint32_t push(struct rig *rig, enum dps_peer_class class, uint32_t bytes, uint64_t id)
{
	static const uint8_t zeros[BUDGET];
	struct dps_peer_message message = { .class = (uint8_t) class, .bytes = bytes, .id = id };

	return dps_peer_queue_push(&rig->queue, &message, zeros);
}

static uint32_t may_go(const struct rig *rig)
{
	uint32_t may = 0;

	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		if (rig->queue.classes[i].count > 0)
			may |= 1u << i;
	return may;
}

/* Sends one message; its class, and DPS_PEER_CLASS_NONE when there was none. */
static enum dps_peer_class send_one(struct rig *rig, uint64_t *id)
{
	uint32_t may = may_go(rig), message;
	enum dps_peer_class class = dps_peer_queue_choose(&rig->queue, may);

	if (class == DPS_PEER_CLASS_NONE)
		return class;
	message = dps_peer_queue_take(&rig->queue, class);
	*id = rig->queue.messages[message].id;
	dps_peer_queue_pass(&rig->queue, class, rig->queue.messages[message].bytes, may);
	dps_peer_queue_done(&rig->queue, message);
	return class;
}

static uint32_t fill(struct rig *rig, enum dps_peer_class class)
{
	uint32_t pushed = 0;

	while (push(rig, class, DPS_BLOCK_BYTES, 0) != DPS_BLOCK_NONE)
		pushed += DPS_BLOCK_BYTES;
	return pushed;
}

/* E29: full is an answer, and what was refused left nothing behind. */
static void push__full_is_an_answer_and_changes_nothing(void **state)
{
	struct rig rig;
	uint32_t count;

	(void)state;
	rig_open(&rig);
	assert_int_equal(fill(&rig, DPS_PEER_CONTROL), BUDGET);
	count = rig.queue.count;
	assert_false(dps_peer_queue_has_room(&rig.queue, DPS_PEER_CONTROL, 0));
	assert_int_equal(push(&rig, DPS_PEER_CONTROL, 0, 0), DPS_BLOCK_NONE);
	assert_int_equal(rig.queue.count, count);
	assert_int_equal(rig.queue.bytes, BUDGET);
	rig_close(&rig);
}

/* Whatever waits, an answer that the far side waits for finds room, and a cancellation does. */
static void push__each_class_leaves_room_to_those_before_it(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(fill(&rig, DPS_PEER_BULK), BUDGET - 3 * EIGHTH);
	assert_int_equal(fill(&rig, DPS_PEER_CALL), EIGHTH);
	assert_int_equal(fill(&rig, DPS_PEER_REPLY), EIGHTH);
	assert_int_equal(fill(&rig, DPS_PEER_CONTROL), EIGHTH);
	rig_close(&rig);
}

static void is_low__then_the_longest_message_fits(void **state)
{
	struct rig rig;

	(void)state;
	for (uint32_t class = 0; class < DPS_PEER_CLASSES; class ++) {
		uint64_t id;

		rig_open(&rig);
		fill(&rig, (enum dps_peer_class) class);
		while (!dps_peer_queue_is_low(&rig.queue, (enum dps_peer_class) class))
			assert_int_equal(send_one(&rig, &id), class);
		assert_true(rig.queue.count > 0);
		assert_true(dps_peer_queue_has_room(&rig.queue, (enum dps_peer_class) class,
						    dps_peer_queue_body_max(BUDGET)));
		rig_close(&rig);
	}
}

static void choose__the_urgent_class_first(void **state)
{
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_open(&rig);
	push(&rig, DPS_PEER_BULK, 10, 4);
	push(&rig, DPS_PEER_CALL, 10, 3);
	push(&rig, DPS_PEER_REPLY, 10, 2);
	push(&rig, DPS_PEER_CONTROL, 10, 1);
	for (uint64_t next = 1; next <= 4; next++) {
		assert_int_equal(send_one(&rig, &id), next - 1);
		assert_int_equal(id, next);
	}
	assert_int_equal(send_one(&rig, &id), DPS_PEER_CLASS_NONE);
	rig_close(&rig);
}

/* E47, for what shares a connection: an end that was pushed last goes out last. */
static void take__keeps_the_order_of_a_class(void **state)
{
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_open(&rig);
	for (uint64_t i = 0; i < 20; i++)
		push(&rig, DPS_PEER_BULK, i == 19 ? 0 : 300, i);
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(send_one(&rig, &id), DPS_PEER_BULK);
		assert_int_equal(id, i);
	}
	rig_close(&rig);
}

static void choose__bulk_goes_after_its_patience_whatever_comes(void **state)
{
	uint64_t passed = 0, id;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	push(&rig, DPS_PEER_BULK, 100, 0);
	for (;;) {
		push(&rig, DPS_PEER_CONTROL, 500, 0);
		if (send_one(&rig, &id) == DPS_PEER_BULK)
			break;
		passed += 500;
	}
	assert_int_equal(passed, 8000);
	rig_close(&rig);
}

/* Long answers and long calls make each other late in turns; bulk is not forgotten for that. */
static void choose__two_that_are_late_in_turns_do_not_keep_out_the_third(void **state)
{
	enum dps_peer_class class;
	unsigned int passed = 0;
	struct rig rig;
	uint64_t id;

	(void)state;
	patience_bytes = patiences[1];
	rig_open(&rig);
	push(&rig, DPS_PEER_BULK, 100, 0);
	do {
		push(&rig, DPS_PEER_REPLY, 2048, 0);
		push(&rig, DPS_PEER_CALL, 2048, 0);
		class = send_one(&rig, &id);
		passed++;
	} while (class != DPS_PEER_BULK && passed < 10);
	assert_true(passed <= 4);
	rig_close(&rig);
	patience_bytes = patiences[0];
}

/* Without credit there is nothing to wait for, so nothing is gathered while it lasts. */
static void choose__what_may_not_go_is_not_passed_over(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	push(&rig, DPS_PEER_BULK, 100, 0);
	push(&rig, DPS_PEER_CONTROL, 100, 0);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(dps_peer_queue_choose(&rig.queue, 1u << DPS_PEER_CONTROL),
				 DPS_PEER_CONTROL);
		dps_peer_queue_pass(&rig.queue, DPS_PEER_CONTROL, 500, 1u << DPS_PEER_CONTROL);
	}
	assert_int_equal(dps_peer_queue_choose(&rig.queue, may_go(&rig)), DPS_PEER_CONTROL);
	rig_close(&rig);
}

static void put_back__restores_the_order(void **state)
{
	uint32_t taken[3];
	struct rig rig;
	uint64_t id;

	(void)state;
	rig_open(&rig);
	for (uint64_t i = 0; i < 5; i++)
		push(&rig, DPS_PEER_CALL, 100, i);
	for (unsigned int i = 0; i < 3; i++)
		taken[i] = dps_peer_queue_take(&rig.queue, DPS_PEER_CALL);
	for (unsigned int i = 3; i-- > 0;)
		dps_peer_queue_put_back(&rig.queue, taken[i]);
	for (uint64_t i = 0; i < 5; i++) {
		send_one(&rig, &id);
		assert_int_equal(id, i);
	}
	rig_close(&rig);
}

/* ---- Against a model: four plain lists. ---- */

enum { MODEL_MAX = 256 };

struct model {
	struct {
		uint64_t id;
		uint32_t message;
	} waits[DPS_PEER_CLASSES][MODEL_MAX];
	unsigned int count[DPS_PEER_CLASSES];
	uint32_t taken[MODEL_MAX]; /* in order, and their ids */
	uint64_t taken_ids[MODEL_MAX];
	unsigned int taken_count;
	uint64_t passed_bytes[DPS_PEER_CLASSES]; /* over the first that waits */
};

static void model_remove(struct model *model, uint32_t class, unsigned int at)
{
	model->count[class]--;
	memmove(&model->waits[class][at], &model->waits[class][at + 1],
		(model->count[class] - at) * sizeof(model->waits[class][0]));
}

static void model_push_front(struct model *model, uint32_t class, uint64_t id, uint32_t message)
{
	memmove(&model->waits[class][1], &model->waits[class][0],
		model->count[class] * sizeof(model->waits[class][0]));
	model->waits[class][0].id = id;
	model->waits[class][0].message = message;
	model->count[class]++;
}

static void model_send(struct rig *rig, struct model *model, uint32_t longest)
{
	uint32_t may = may_go(rig), message, bytes;
	enum dps_peer_class class = dps_peer_queue_choose(&rig->queue, may);

	assert_int_equal(class == DPS_PEER_CLASS_NONE, may == 0);
	if (may == 0)
		return;
	message = dps_peer_queue_take(&rig->queue, class);
	bytes = rig->queue.messages[message].bytes;
	assert_int_equal(rig->queue.messages[message].id, model->waits[class][0].id);
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		if ((may & 1u << i) != 0 && i != class)
			model->passed_bytes[i] += bytes;
		else
			model->passed_bytes[i] = 0;
	for (uint32_t i = DPS_PEER_REPLY; i < DPS_PEER_CLASSES; i++)
		assert_true(model->passed_bytes[i] <= patience_bytes[i] + 3 * (uint64_t)longest);
	dps_peer_queue_pass(&rig->queue, class, bytes, may);
	model->taken_ids[model->taken_count] = model->waits[class][0].id;
	model->taken[model->taken_count++] = message;
	model_remove(model, class, 0);
}

/* The connection is gone: what was not done goes back, the last first; or it was done. */
static void model_settle(struct rig *rig, struct model *model, bool is_lost)
{
	unsigned int done = is_lost ? model->taken_count / 2 : model->taken_count;

	for (unsigned int i = 0; i < done; i++)
		dps_peer_queue_done(&rig->queue, model->taken[i]);
	for (unsigned int i = model->taken_count; i-- > done;) {
		uint32_t class = rig->queue.messages[model->taken[i]].class;

		dps_peer_queue_put_back(&rig->queue, model->taken[i]);
		model_push_front(model, class, model->taken_ids[i], model->taken[i]);
	}
	model->taken_count = 0;
}

static void queue__is_its_model_and_starves_nobody(void **state)
{
	static struct model model;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint32_t longest = dps_peer_queue_body_max(BUDGET);
		struct dps_random random;
		struct rig rig;

		memset(&model, 0, sizeof(model));
		patience_bytes = patiences[seed % 2];
		dps_random_init(&random, seed);
		rig_open(&rig);
		for (uint64_t step = 0; step < 3000; step++) {
			uint32_t class = (uint32_t)dps_random_below(&random, DPS_PEER_CLASSES);
			uint64_t what = dps_random_below(&random, 20);
			uint32_t message;

			if (what < 10) {
				message = push(&rig, (enum dps_peer_class) class,
					       (uint32_t)dps_random_below(&random, longest + 1),
					       step);
				if (message == DPS_BLOCK_NONE)
					continue;
				model.waits[class][model.count[class]].id = step;
				model.waits[class][model.count[class]++].message = message;
			} else if (what < 17) {
				model_send(&rig, &model, longest);
			} else if (what == 17 && model.count[class] > 0) {
				unsigned int at =
					(unsigned int)dps_random_below(&random, model.count[class]);

				dps_peer_queue_withdraw(&rig.queue, model.waits[class][at].message);
				model_remove(&model, class, at);
			} else {
				model_settle(&rig, &model, what == 18);
			}
		}
		model_settle(&rig, &model, false);
		while (may_go(&rig) != 0) {
			model_send(&rig, &model, longest);
			model_settle(&rig, &model, false);
		}
		assert_int_equal(rig.queue.bytes, 0);
		assert_int_equal(rig.queue.count, 0);
		assert_int_equal(rig.queue.blocks.free_count, BUDGET / DPS_BLOCK_BYTES);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push__full_is_an_answer_and_changes_nothing),
		cmocka_unit_test(push__each_class_leaves_room_to_those_before_it),
		cmocka_unit_test(is_low__then_the_longest_message_fits),
		cmocka_unit_test(choose__the_urgent_class_first),
		cmocka_unit_test(take__keeps_the_order_of_a_class),
		cmocka_unit_test(choose__bulk_goes_after_its_patience_whatever_comes),
		cmocka_unit_test(choose__two_that_are_late_in_turns_do_not_keep_out_the_third),
		cmocka_unit_test(choose__what_may_not_go_is_not_passed_over),
		cmocka_unit_test(put_back__restores_the_order),
		cmocka_unit_test(queue__is_its_model_and_starves_nobody),
	};

	return cmocka_run_group_tests_name("peer_queue", tests, NULL, NULL);
}
