/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two pairs of peers that share one pool of permits, under random schedules of calls, answers,
 * cancellations, notices, lost connections, sockets that take nothing, programs that do not listen,
 * closings and new dials. At every step: permits are those of requests that live. In the end: each
 * call ended once, none was handled twice, none that ended as unsent was handled at all, notices
 * came in order and never twice, and nothing is held any more. A failure prints its seed.
 */
#include "engine/peer.h"
#include "engine/random.h"
#include "tests/support/full.h"
#include "tests/support/peer_pair.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEDS = 1000,
	SEEDS_FULL = 10000,
	STEPS = 1000,
	PAIRS = 2,
	SIDES = 2 * PAIRS,
	CALLS = 512,
	REQUESTS = 64
};

struct call {
	uint64_t id;
	unsigned int ended; /* how often */
	unsigned int came;  /* ... the far side was given it */
	enum dps_peer_outcome outcome;
	char answer[32];
};

/* What one side's program knows. */
struct program {
	struct peer_pair *pair;
	struct peer_side *side;
	struct program *far;
	struct call calls[CALLS];
	uint32_t calls_count;
	struct dps_handle requests[REQUESTS]; /* to be answered */
	uint32_t request_numbers[REQUESTS];
	unsigned int requests_count;
	uint32_t said[DPS_PEER_CLASSES];  /* notices accepted, numbered from 1 */
	uint32_t heard[DPS_PEER_CLASSES]; /* the last number that came from the far side */
	uint64_t notices_heard;
	enum dps_peer_event_kind life; /* the last of its life */
	uint64_t over_epoch;
	bool is_high[DPS_PEER_CLASSES];
	bool was_cut;
};

struct world {
	struct dps_random random;
	struct dps_permits permits;
	struct peer_pair pairs[PAIRS];
	struct program programs[SIDES];
	bool is_faultless;
};

static uint32_t states_seen, outcomes_seen;

static uint64_t below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

static bool chance(struct world *world, uint64_t one_in)
{
	return dps_random_chance(&world->random, 1, one_in);
}

/* ---- What a program says. ---- */

static void make_call(struct world *world, struct program *program)
{
	struct call *made = &program->calls[program->calls_count];
	uint8_t body[1024] = { 0 };
	struct dps_peer_call call = {
		.body = body,
		.bytes = 4 + (uint32_t)(chance(world, 4) ? below(world, 1020) : below(world, 20)),
		.answer = made->answer,
		.answer_room = sizeof(made->answer),
		.cookie = program->calls_count,
		.timeout_ns = 1 + below(world, 20 * DPS_NS_PER_S),
	};
	int error;

	if (program->calls_count == CALLS)
		return;
	memcpy(body, &program->calls_count, 4);
	memset(made, 0, sizeof(*made));
	error = dps_peer_call(program->side->peer, &call, &made->id, program->pair->now_ns);
	if (error == 0)
		program->calls_count++;
	else
		assert_true(error == -EAGAIN || error == -ESHUTDOWN);
}

static void cancel_call(struct world *world, struct program *program)
{
	struct call *call;
	int error;

	if (program->calls_count == 0)
		return;
	call = &program->calls[below(world, program->calls_count)];
	error = dps_peer_cancel(program->side->peer, call->id, program->pair->now_ns);
	if (call->ended > 0)
		assert_int_equal(error, -ENOENT);
}

static void say(struct world *world, struct program *program)
{
	enum dps_peer_class class = chance(world, 3) ? DPS_PEER_CONTROL : DPS_PEER_BULK;
	uint32_t number = program->said[class] + 1;
	uint8_t body[1024] = { 0 };
	uint32_t bytes = 4 + (uint32_t)below(world, 1021);
	uint64_t now_ns = program->pair->now_ns;
	int error;

	memcpy(body, &number, 4);
	error = dps_peer_notify(program->side->peer, class, body, bytes, now_ns);
	if (error == 0)
		program->said[class] = number;
	else
		assert_true(error == -EAGAIN || error == -ESHUTDOWN);
}

static void answer(struct world *world, struct program *program)
{
	unsigned int at;
	uint32_t number;
	char text[32];
	int error;

	if (program->requests_count == 0)
		return;
	at = (unsigned int)below(world, program->requests_count);
	number = program->request_numbers[at];
	snprintf(text, sizeof(text), "answer %u", number);
	error = dps_peer_reply(program->side->peer, program->requests[at], DPS_PEER_CODE_OK, text,
			       (uint32_t)strlen(text), program->pair->now_ns);
	if (error == -EAGAIN)
		return;
	assert_true(error == 0 || error == -ECANCELED);
	program->requests_count--;
	program->requests[at] = program->requests[program->requests_count];
	program->request_numbers[at] = program->request_numbers[program->requests_count];
}

/* ---- What it hears. ---- */

static uint32_t number_in(const struct program *program)
{
	uint32_t number = 0;

	assert_int_equal(dps_peer_read_body(program->side->peer, 0, &number, 4), 4);
	return number;
}

static void hear_call(struct program *program, const struct dps_peer_event *event)
{
	struct call *call = &program->calls[event->cookie];
	char expected[32];

	assert_true(event->cookie < program->calls_count);
	call->ended++;
	call->outcome = event->outcome;
	outcomes_seen |= 1u << event->outcome;
	assert_int_equal(call->ended, 1);
	if (event->outcome != DPS_PEER_ANSWERED || event->code != DPS_PEER_CODE_OK)
		return;
	snprintf(expected, sizeof(expected), "answer %u", (unsigned int)event->cookie);
	assert_int_equal(event->bytes, strlen(expected));
	assert_memory_equal(call->answer, expected, event->bytes);
	assert_int_equal(call->came, 1);
}

static void hear_request(struct program *program, const struct dps_peer_event *event)
{
	uint32_t number = number_in(program);
	struct call *call = &program->far->calls[number];

	assert_true(number < program->far->calls_count);
	assert_int_equal(++call->came, 1);
	assert_false(call->ended == 1 && call->outcome == DPS_PEER_CALL_UNSENT);
	assert_true(program->requests_count < REQUESTS);
	program->request_numbers[program->requests_count] = number;
	program->requests[program->requests_count++] = event->request;
}

static void hear_notice(struct program *program, const struct dps_peer_event *event)
{
	uint32_t number = number_in(program), last = program->heard[event->message_class];

	assert_true(number > last);
	assert_true(number <= program->far->said[event->message_class]);
	program->heard[event->message_class] = number;
	program->notices_heard++;
}

/* What may follow what in the life of a peer. NOTICE_CAME stands for nothing yet. */
static void hear_life(struct program *program, const struct dps_peer_event *event)
{
	enum dps_peer_event_kind before = program->life;
	bool is_dialled = program->side == &program->pair->a;
	bool is_fresh = before == DPS_PEER_EVENT_NOTICE || before == DPS_PEER_EVENT_CLOSED;
	bool is_down = is_fresh || before == DPS_PEER_EVENT_RETRY ||
		       (!is_dialled &&
			(before == DPS_PEER_EVENT_LOST || before == DPS_PEER_EVENT_CONNECT_FAILED));

	switch (event->kind) {
	case DPS_PEER_EVENT_CONNECTING:
		assert_true(is_dialled && is_down);
		break;
	case DPS_PEER_EVENT_CONNECTED:
		assert_true(is_dialled ? before == DPS_PEER_EVENT_CONNECTING : is_down);
		break;
	case DPS_PEER_EVENT_CONNECT_FAILED:
		assert_true(is_dialled ? before == DPS_PEER_EVENT_CONNECTING : is_down);
		break;
	case DPS_PEER_EVENT_LOST:
		assert_int_equal(before, DPS_PEER_EVENT_CONNECTED);
		break;
	case DPS_PEER_EVENT_RETRY:
		assert_true(before == DPS_PEER_EVENT_LOST ||
			    before == DPS_PEER_EVENT_CONNECT_FAILED);
		break;
	default: /* over: once, unless it began anew and nothing was heard of that */
		assert_true(before != DPS_PEER_EVENT_CLOSED || event->epoch != program->over_epoch);
		program->over_epoch = event->epoch;
		break;
	}
	program->life = event->kind;
	/* One side may have been greeted, and have said much, when the other gives up. */
	if (event->kind == DPS_PEER_EVENT_LOST || event->kind == DPS_PEER_EVENT_CONNECT_FAILED)
		program->was_cut = program->far->was_cut = true;
}

static void hear_backlog(struct program *program, const struct dps_peer_event *event)
{
	bool is_high = event->kind == DPS_PEER_EVENT_BACKLOG_HIGH;

	assert_int_not_equal(program->is_high[event->message_class], is_high);
	program->is_high[event->message_class] = is_high;
}

static bool hear(struct program *program)
{
	struct dps_peer_event event;

	if (!dps_peer_emit_event(program->side->peer, &event, program->pair->now_ns))
		return false;
	switch (event.kind) {
	case DPS_PEER_EVENT_CALL_OVER:
		hear_call(program, &event);
		break;
	case DPS_PEER_EVENT_REQUEST:
		hear_request(program, &event);
		break;
	case DPS_PEER_EVENT_NOTICE:
		hear_notice(program, &event);
		break;
	case DPS_PEER_EVENT_BACKLOG_HIGH:
	case DPS_PEER_EVENT_BACKLOG_LOW:
		hear_backlog(program, &event);
		break;
	case DPS_PEER_EVENT_REQUEST_OVER:
		break;
	default:
		hear_life(program, &event);
		if (event.kind == DPS_PEER_EVENT_CLOSED)
			memset(program->is_high, 0, sizeof(program->is_high));
		break;
	}
	return true;
}

/* ---- The world. ---- */

static void check(struct world *world)
{
	uint32_t taken = 0, waiting = 0;

	for (unsigned int i = 0; i < SIDES; i++) {
		const struct dps_peer *peer = world->programs[i].side->peer;

		states_seen |= 1u << peer->state;
		for (uint32_t at = 0; at < peer->config.requests; at++) {
			taken += peer->requests[at].has_permit;
			waiting += peer->requests[at].state == DPS_PEER_REQUEST_WAITING;
		}
		assert_true(peer->bounds.used[DPS_PEER_BULK] <=
			    peer->bounds.allowed[DPS_PEER_BULK]);
	}
	assert_int_equal(world->permits.taken, taken);
	assert_true(waiting == 0 || taken >= world->permits.limit);
}

static void pass(struct peer_pair *pair, uint64_t wait_ns)
{
	pair->now_ns += wait_ns;
	dps_peer_on_deadline(pair->a.peer, pair->now_ns);
	dps_peer_on_deadline(pair->b.peer, pair->now_ns);
}

static void fault(struct world *world, struct program *program)
{
	struct peer_pair *pair = program->pair;

	if (world->is_faultless)
		return;
	switch (below(world, 6)) {
	case 0:
		pair_cut(pair);
		program->was_cut = program->far->was_cut = true;
		break;
	case 1:
		pair->is_unreachable = chance(world, 2);
		break;
	case 2:
		pair->is_dial_silent = chance(world, 4);
		break;
	case 3:
		program->side->is_stuck = chance(world, 2);
		break;
	case 4:
		if (chance(world, 3)) {
			dps_peer_close(program->side->peer, 1, below(world, 3) * DPS_NS_PER_S,
				       pair->now_ns);
			program->was_cut = program->far->was_cut = true;
		}
		break;
	default:
		pass(pair, below(world, 10 * DPS_NS_PER_S));
		break;
	}
}

/* A program that dials when it is not dialled. */
static void keep_dialled(struct program *program)
{
	enum dps_peer_state state = dps_peer_state(program->side->peer);

	if (program->side != &program->pair->a ||
	    (state != DPS_PEER_IDLE && state != DPS_PEER_CLOSED))
		return;
	if (dps_peer_dial(program->side->peer, program->pair->now_ns) == 0)
		program->life = DPS_PEER_EVENT_NOTICE;
}

static void step(struct world *world)
{
	struct program *program = &world->programs[below(world, SIDES)];

	switch (below(world, 16)) {
	case 0:
	case 1:
		make_call(world, program);
		break;
	case 2:
		if (chance(world, 3))
			cancel_call(world, program);
		break;
	case 3:
	case 4:
		say(world, program);
		break;
	case 5:
	case 6:
		answer(world, program);
		break;
	case 7:
		if (chance(world, 4))
			fault(world, program);
		break;
	case 8:
		pass(program->pair, below(world, 200 * DPS_NS_PER_MS));
		break;
	case 9:
		if (chance(world, 4))
			keep_dialled(program);
		break;
	case 10:
	case 11:
		hear(program);
		break;
	default:
		program->side->write_max = 1 + below(world, chance(world, 2) ? 3000 : 20);
		program->side->deliver_max = 1 + below(world, chance(world, 2) ? 3000 : 20);
		pair_do(program->pair, program->side,
			(enum pair_deed)below(world, PAIR_DELIVER + 1));
		break;
	}
	check(world);
}

static void open_world(struct world *world, uint64_t seed)
{
	struct dps_peer_config config;

	memset(world, 0, sizeof(*world));
	dps_random_init(&world->random, seed);
	dps_permits_init(&world->permits, 1 + (uint32_t)below(world, 6));
	world->is_faultless = chance(world, 5);
	pair_config(&config);
	config.permits = &world->permits;
	config.seed = seed;
	config.calls = 1 + (uint32_t)below(world, 6);
	config.requests = 1 + (uint32_t)below(world, 6);
	config.requests_waiting = (uint32_t)below(world, config.requests + 1);
	for (unsigned int i = 0; i < PAIRS; i++) {
		struct peer_pair *pair = &world->pairs[i];

		pair_open(pair, &config, &config);
		world->programs[2 * i].pair = world->programs[2 * i + 1].pair = pair;
		world->programs[2 * i].side = &pair->a;
		world->programs[2 * i + 1].side = &pair->b;
		world->programs[2 * i].far = &world->programs[2 * i + 1];
		world->programs[2 * i + 1].far = &world->programs[2 * i];
	}
	for (unsigned int i = 0; i < SIDES; i++) {
		world->programs[i].life = DPS_PEER_EVENT_NOTICE;
		keep_dialled(&world->programs[i]);
	}
}

/* Everybody listens, answers, and writes what there is. */
static void run_all(struct world *world)
{
	bool did = true;

	while (did) {
		did = false;
		for (unsigned int i = 0; i < SIDES; i++) {
			struct program *program = &world->programs[i];

			program->side->write_max = program->side->deliver_max = SIZE_MAX;
			for (unsigned int deed = 0; deed < PAIR_HEAR; deed++)
				did |= pair_do(program->pair, program->side, (enum pair_deed)deed);
			did |= hear(program);
			if (program->requests_count > 0) {
				answer(world, program);
				did = true;
			}
		}
		check(world);
	}
}

static void heal(struct world *world)
{
	for (unsigned int i = 0; i < SIDES; i++) {
		world->programs[i].side->is_stuck = false;
		world->programs[i].pair->is_unreachable = false;
		world->programs[i].pair->is_dial_silent = false;
	}
	/* Longer than any dial, call, grace and wait between dials that is left. */
	for (unsigned int round = 0; round < 200; round++) {
		run_all(world);
		for (unsigned int i = 0; i < SIDES; i++)
			keep_dialled(&world->programs[i]);
		for (unsigned int i = 0; i < PAIRS; i++)
			pass(&world->pairs[i], DPS_NS_PER_S);
	}
	run_all(world);
}

static void check_program(const struct world *world, const struct program *program)
{
	const struct dps_peer *peer = program->side->peer;

	assert_int_equal(peer->state, DPS_PEER_CONNECTED);
	for (uint32_t i = 0; i < program->calls_count; i++)
		assert_int_equal(program->calls[i].ended, 1);
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++) {
		assert_false(program->is_high[i]);
		if (!program->was_cut)
			assert_int_equal(program->heard[i], program->far->said[i]);
	}
	if (!program->was_cut)
		assert_int_equal(program->notices_heard, program->far->said[DPS_PEER_CONTROL] +
								 program->far->said[DPS_PEER_BULK]);
	assert_int_equal(peer->calls_now, 0);
	assert_int_equal(dps_peer_requests_held(peer), 0);
	assert_int_equal(peer->queue.count, 0);
	assert_int_equal(peer->queue.bytes, 0);
	assert_int_equal(peer->queue.blocks.free_count, peer->queue.blocks.count);
	assert_int_equal(peer->inbox.blocks.free_count, peer->inbox.blocks.count);
	assert_int_equal(peer->lent, DPS_PEER_NONE);
	assert_int_equal(world->permits.taken, 0);
}

static void run(struct world *world, uint64_t seed)
{
	open_world(world, seed);
	for (unsigned int i = 0; i < STEPS; i++)
		step(world);
	heal(world);
	for (unsigned int i = 0; i < SIDES; i++)
		check_program(world, &world->programs[i]);
	for (unsigned int i = 0; i < PAIRS; i++)
		pair_close(&world->pairs[i]);
}

static uint64_t running_seed; /* 0: none is */

static void peers__each_call_ends_once_and_no_permit_is_lost(void **state)
{
	static struct world world;
	const char *only = getenv("DPS_SEED");
	uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
	uint64_t count = is_full_run() ? SEEDS_FULL : SEEDS;

	(void)state;
	if (only != NULL)
		count = 1;
	for (running_seed = first; running_seed < first + count; running_seed++)
		run(&world, running_seed);
	running_seed = 0;
	/* Everything was met, or the schedules are not what they are taken for. */
	if (only != NULL)
		return;
	assert_int_equal(states_seen, (1u << DPS_PEER_STATES) - 1);
	assert_int_equal(outcomes_seen, ((1u << DPS_PEER_OUTCOMES) - 1) & ~(1u << DPS_PEER_LONG));
}

static int tell_seed(void **state)
{
	(void)state;
	if (running_seed != 0)
		print_message("again: DPS_SEED=%llu test_peer_random\n",
			      (unsigned long long)running_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(peers__each_call_ends_once_and_no_permit_is_lost,
					  tell_seed),
	};

	return cmocka_run_group_tests_name("peer_random", tests, NULL, NULL);
}
