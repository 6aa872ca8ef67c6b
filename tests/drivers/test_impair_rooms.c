/* SPDX-License-Identifier: BSD-3-Clause */
/* Rooms of a port behind the fault port: whatever becomes of a datagram, each is given back once.
 */
#include "drivers/impair/impair.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum {
	ROOMS = 2 * DPS_PORT_BURST,
	HEAD_BYTES = 4,
	BODY_BYTES = 8,
	COUNT = 20000,
};

/* ---- a port that lends rooms ---- */

struct room {
	uint8_t bytes[BODY_BYTES];
	bool is_lent;
};

struct fake {
	struct dps_port port;
	struct room rooms[ROOMS];
	struct dps_random random;
	bool is_moody;
	unsigned int sent, intact;
	unsigned int forgone;
	uint8_t *memory;
};

static unsigned int fake_reserve(struct dps_port *port, struct dps_outgoing *outgoing,
				 unsigned int count)
{
	struct fake *fake = (struct fake *)port;
	unsigned int made = 0;

	for (unsigned int i = 0; i < ROOMS && made < count; i++) {
		if (fake->rooms[i].is_lent)
			continue;
		fake->rooms[i].is_lent = true;
		outgoing[made].owner = &fake->rooms[i];
		outgoing[made++].room = fake->rooms[i].bytes;
	}
	return made;
}

static void take_back(const struct dps_outgoing *outgoing)
{
	struct room *room = outgoing->owner;

	assert_true(room->is_lent);
	memset(room->bytes, 0xdb, sizeof(room->bytes));
	room->is_lent = false;
}

static void fake_forgo(struct dps_port *port, const struct dps_outgoing *outgoing,
		       unsigned int count)
{
	((struct fake *)port)->forgone += count;
	for (unsigned int i = 0; i < count; i++)
		take_back(&outgoing[i]);
}

static bool is_intact(const struct dps_outgoing *out)
{
	return dps_load_be64(out->body) == dps_load_be32(out->head) * UINT64_C(0x0101010101);
}

static unsigned int fake_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	struct fake *fake = (struct fake *)port;

	if (fake->is_moody)
		count = (unsigned int)dps_random_below(&fake->random, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		fake->sent++;
		fake->intact += is_intact(&outgoing[i]);
		if (outgoing[i].owner) {
			assert_ptr_equal(outgoing[i].body, outgoing[i].room);
			take_back(&outgoing[i]);
		} else {
			port->on_released(port->released_context, outgoing[i].token, 1);
		}
	}
	return count;
}

static void fake_poll(struct dps_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

static void *fake_allocate(struct dps_port *port, size_t bytes)
{
	struct fake *fake = (struct fake *)port;

	fake->memory = malloc(bytes);
	return fake->memory;
}

static void fake_close(struct dps_port *port)
{
	const struct fake *fake = (struct fake *)port;

	for (unsigned int i = 0; i < ROOMS; i++)
		assert_false(fake->rooms[i].is_lent);
	free(fake->memory);
}

static const struct dps_port_ops lending = {
	.reserve = fake_reserve,
	.forgo = fake_forgo,
	.send = fake_send,
	.poll = fake_poll,
	.allocate = fake_allocate,
	.close = fake_close,
};

static const struct dps_port_ops plain = {
	.send = fake_send,
	.poll = fake_poll,
	.allocate = fake_allocate,
	.close = fake_close,
};

/* ---- */

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)context, (void)token, (void)count;
	fail_msg("a token of a datagram in a room came back");
}

static struct dps_port *open_over(struct fake *fake, const struct dps_port_ops *ops,
				  const char *text)
{
	struct dps_impair_options options;
	struct dps_port *port;
	char error[256] = "";

	*fake = (struct fake){ .port = { .ops = ops, .name = "fake", .mtu = 1280 } };
	dps_random_init(&fake->random, 3);
	assert_int_equal(dps_impair_parse(text, &options, error, sizeof(error)), 0);
	assert_int_equal(dps_impair_open(&fake->port, &options, DPS_NS_PER_S, &port), 0);
	port->on_released = on_released;
	return port;
}

/* Emits, seals once and offers until all is taken, as a lane does. */
static void send_all(struct dps_port *port, unsigned int count)
{
	uint64_t now_ns = DPS_NS_PER_S;

	for (uint32_t number = 0; number < count;) {
		struct dps_outgoing outgoing[DPS_PORT_BURST];
		uint8_t heads[DPS_PORT_BURST][HEAD_BYTES], body[BODY_BYTES];
		unsigned int burst = DPS_PORT_BURST, made, taken = 0;

		for (unsigned int i = 0; i < burst; i++) {
			dps_store_be32(heads[i], number + i);
			outgoing[i] = (struct dps_outgoing){
				.head = heads[i],
				.head_bytes = HEAD_BYTES,
				.body = body,
				.body_bytes = BODY_BYTES,
			};
		}
		made = port->ops->reserve(port, outgoing, burst);
		assert_int_equal(made, burst);
		for (unsigned int i = 0; i < made; i++) {
			dps_store_be64(outgoing[i].room, (number + i) * UINT64_C(0x0101010101));
			outgoing[i].body = outgoing[i].room;
		}
		while (taken < made) {
			now_ns += 100 * DPS_NS_PER_US;
			port->ops->poll(port, now_ns);
			taken += port->ops->send(port, outgoing + taken, made - taken);
		}
		number += made;
	}
	/* What is under way still arrives, as fast as it is taken. */
	for (unsigned int i = 1; i <= 100; i++)
		port->ops->poll(port, now_ns + i * DPS_NS_PER_S);
}

static void reserve__is_the_port_beneaths(void **state)
{
	static struct fake fake;
	struct dps_port *port = open_over(&fake, &plain, "loss=0.1");

	(void)state;
	assert_null(port->ops->reserve);
	port->ops->close(port);
	port = open_over(&fake, &lending, "loss=0.1");
	assert_non_null(port->ops->reserve);
	assert_non_null(port->ops->forgo);
	port->ops->close(port);
}

/* Held bodies are looked at again, and what lies in a room is the port's own. */
static void reserve__is_not_there_while_bodies_are_held(void **state)
{
	static struct fake fake;
	struct dps_port *port = open_over(&fake, &lending, "hold=1ms");

	(void)state;
	assert_null(port->ops->reserve);
	assert_null(port->ops->forgo);
	port->ops->close(port);
}

static void send__forgoes_what_is_lost(void **state)
{
	static struct fake fake;
	struct dps_port *port = open_over(&fake, &lending, "loss=0.25");

	(void)state;
	send_all(port, COUNT);
	assert_int_equal(fake.sent + dps_impair_counters(port)->sent_lost, COUNT);
	assert_int_equal(fake.forgone, dps_impair_counters(port)->sent_lost);
	assert_int_equal(fake.intact, fake.sent);
	assert_in_range(fake.sent, COUNT * 7 / 10, COUNT * 8 / 10);
	port->ops->close(port);
}

/* On a port that takes what it likes: what it refuses is the same when it is offered again. */
static void send__gives_each_room_back_once_whatever_becomes_of_it(void **state)
{
	static struct fake fake;
	struct dps_port *port =
		open_over(&fake, &lending, "loss=0.1,dup=0.1,reorder=0.1,corrupt=0.1,delay=1ms");
	const struct dps_impair_counters *counters = dps_impair_counters(port);

	(void)state;
	fake.is_moody = true;
	send_all(port, COUNT);
	assert_true(counters->sent_lost > 0 && counters->duplicated > 0 &&
		    counters->sent_damaged > 0 && fake.forgone > counters->sent_lost);
	assert_int_equal(fake.sent, COUNT - counters->sent_lost + counters->duplicated);
	assert_true(fake.intact >= fake.sent - 2 * counters->sent_damaged);
	assert_true(fake.intact > COUNT * 7 / 10);
	port->ops->close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve__is_the_port_beneaths),
		cmocka_unit_test(reserve__is_not_there_while_bodies_are_held),
		cmocka_unit_test(send__forgoes_what_is_lost),
		cmocka_unit_test(send__gives_each_room_back_once_whatever_becomes_of_it),
	};

	return cmocka_run_group_tests_name("impair_rooms", tests, NULL, NULL);
}
