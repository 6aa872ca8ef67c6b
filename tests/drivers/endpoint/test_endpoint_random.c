/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs that call anything, at any time, with anything: handles that were, streams of others,
 * nothing where something should be, sizes that nobody has; in callbacks and between polls. Every
 * answer is one that the headers have, and what comes of it ends when the endpoints do.
 */
#include "engine/random.h"
#include "tests/support/endpoint_pair.h"
#include "tests/support/full.h"
#include <dps/error.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEDS = 30,
	SEEDS_FULL = 500,
	STEPS = 1000,
	HANDLES = 8,
	ARENA_BYTES = 1 << 16,
	DEPTH_MAX = 2, /* callbacks that call what calls back */
};

static uint8_t arena[ARENA_BYTES]; /* lent, and never written */
static uint8_t answers[ARENA_BYTES];

/* What came of it, over all worlds: they do meet, and not only misuse. */
struct tally {
	uint64_t calls, connected, requests, streams, read_bytes, delivered;
};

struct program {
	struct world *world;
	struct pair_side *side;
	struct dps_handle peers[HANDLES], streams[HANDLES], requests[HANDLES];
	unsigned int depth;
};

struct world {
	struct endpoint_pair *pair;
	struct program near, far;
	struct dps_random random;
	struct tally *tally;
};

static uint64_t below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

static bool is_documented(int result)
{
	static const int errors[] = {
		EINVAL,
		EAGAIN,
		EMSGSIZE,
		ESHUTDOWN,
		ENOENT,
		ECANCELED,
		EDEADLK,
		ENOSPC,
		EHOSTUNREACH,
		EISCONN,
		ETIMEDOUT,
		DPS_ERROR_CLOSED,
		DPS_ERROR_FINISHED,
		DPS_ERROR_ABORTED,
		DPS_ERROR_STOPPED,
		DPS_ERROR_LOST,
		DPS_ERROR_REFUSED,
		DPS_ERROR_CANCELLED,
		DPS_ERROR_TIMEOUT,
		DPS_ERROR_FULL,
		DPS_ERROR_LIMIT,
		DPS_ERROR_BUSY,
		DPS_ERROR_TOO_LONG,
		DPS_ERROR_NO_ROOM,
		DPS_ERROR_SHUTTING_DOWN,
		DPS_ERROR_ALREADY,
	};

	for (unsigned int i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (result == -errors[i])
			return true;
	return result >= 0;
}

static void answered(struct program *program, const char *what, int result)
{
	program->world->tally->calls++;
	if (!is_documented(result))
		fail_msg("%s answers %d (%s)", what, result, strerror(-result));
}

#define ANSWERED(program, call) answered(program, #call, call)

/* ---- arguments ---- */

static void keep(struct program *program, struct dps_handle *handles, struct dps_handle handle)
{
	handles[below(program->world, HANDLES)] = handle;
}

static struct dps_handle any(struct program *program, const struct dps_handle *handles)
{
	struct world *world = program->world;
	struct dps_handle handle = handles[below(world, HANDLES)];

	if (below(world, 16) == 0)
		handle.generation += (uint32_t)below(world, 3);
	if (below(world, 16) == 0)
		handle.index = below(world, 2) ? UINT32_MAX : (uint32_t)below(world, 9);
	return handle;
}

static uint64_t any_size(struct world *world)
{
	static const uint64_t sizes[] = {
		0,
		1,
		2,
		1000,
		ARENA_BYTES,
		UINT32_MAX,
		(uint64_t)UINT32_MAX + 1,
		UINT64_MAX / 2 + 1,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	return below(world, 2) == 0 ? below(world, ARENA_BYTES + 1)
				    : sizes[below(world, sizeof(sizes) / sizeof(*sizes))];
}

static uint64_t any_time(struct program *program)
{
	uint64_t now_ns = dps_endpoint_now_ns(program->side->endpoint);

	switch (below(program->world, 4)) {
	case 0:
		return 0;
	case 1:
		return DPS_NEVER_NS;
	default:
		return now_ns + below(program->world, 100 * DPS_NS_PER_MS);
	}
}

static const char *any_text(struct world *world)
{
	static const char *const texts[] = {
		NULL, "",      "[",	  "[::1]:9",   "127.0.0.1:1", "127.0.0.1:99999",   ":",
		"/",  "x:y:z", "sha256:", "sha256:zz", "0.0.0.0:0",   "255.255.255.255:1",
	};

	return texts[below(world, sizeof(texts) / sizeof(*texts))];
}

/* ---- calls ---- */

static void call_endpoint(struct program *program)
{
	struct world *world = program->world;
	struct dps_endpoint *endpoint = program->side->endpoint;
	struct dps_handle peer = any(program, program->peers), dialled;
	char why[DPS_ENDPOINT_WHY_BYTES];
	int result;

	switch (below(world, 7)) {
	case 0:
		result = dps_endpoint_dial(endpoint,
					   below(world, 2) ? any_text(world)
							   : pair_address(&world->pair->far),
					   below(world, 3) ? NULL : any_text(world), &dialled,
					   below(world, 2) ? why : NULL);
		answered(program, "dps_endpoint_dial", result);
		if (result == 0)
			keep(program, program->peers, dialled);
		break;
	case 1:
		ANSWERED(program, dps_endpoint_move(endpoint, peer, any_text(world), why));
		break;
	case 2:
		if (below(world, 8) == 0)
			ANSWERED(program, dps_endpoint_release(endpoint, peer));
		break;
	case 3:
		if (program->depth > 0)
			assert_int_equal(dps_endpoint_poll(endpoint, any_time(program)), -EDEADLK);
		break;
	case 4:
		ANSWERED(program, dps_endpoint_fd(endpoint));
		break;
	case 5:
		dps_endpoint_wake(endpoint);
		break;
	default:
		ANSWERED(program, dps_endpoint_post(endpoint, NULL, NULL));
		break;
	}
}

static void call_peer(struct program *program)
{
	struct world *world = program->world;
	struct dps_peer *peer =
		dps_endpoint_peer(program->side->endpoint, any(program, program->peers));
	uint64_t now_ns = dps_endpoint_now_ns(program->side->endpoint), id = below(world, 50);
	const void *body = below(world, 8) ? arena : NULL;
	struct dps_peer_snapshot snapshot;
	struct dps_peer_call call = {
		.body = body,
		.bytes = (uint32_t)any_size(world),
		.answer = below(world, 4) ? answers : NULL,
		.answer_room = (uint32_t)below(world, sizeof(answers) + 1),
		.cookie = below(world, 9),
		.timeout_ns = any_time(program),
	};

	switch (below(world, 9)) {
	case 0:
	case 1:
		ANSWERED(program, dps_peer_call(peer, below(world, 16) ? &call : NULL,
						below(world, 2) ? &id : NULL, now_ns));
		break;
	case 2:
		ANSWERED(program, dps_peer_cancel(peer, id, now_ns));
		break;
	case 3:
		ANSWERED(program, dps_peer_notify(peer, (enum dps_peer_class)below(world, 6), body,
						  (uint32_t)any_size(world), now_ns));
		break;
	case 4:
		ANSWERED(program, dps_peer_reply(peer, any(program, program->requests),
						 (uint16_t)any_size(world), body,
						 (uint32_t)any_size(world), now_ns));
		break;
	case 5:
		if (below(world, 8) == 0)
			ANSWERED(program, dps_peer_close(peer, (uint16_t)any_size(world),
							 any_time(program), now_ns));
		break;
	case 6:
		ANSWERED(program, dps_peer_hurry(peer, now_ns));
		break;
	case 7:
		dps_peer_read(peer, &snapshot);
		break;
	default:
		assert_true(dps_peer_read_body(peer, (uint32_t)any_size(world),
					       below(world, 4) ? answers : NULL,
					       sizeof(answers)) <= sizeof(answers));
		break;
	}
}

static void send_anything(struct program *program, struct dps_streams *streams,
			  struct dps_handle stream)
{
	struct world *world = program->world;
	uint32_t flags = (uint32_t)below(world, below(world, 8) ? 16 : UINT32_MAX);
	struct dps_bytes pieces[4];
	unsigned int count = (unsigned int)below(world, 5);

	for (unsigned int i = 0; i < count; i++) {
		pieces[i].memory = below(world, 16) ? arena : NULL;
		/* What is lent is believed to be there. */
		pieces[i].bytes = flags & DPS_SEND_BORROW ? below(world, ARENA_BYTES + 1)
							  : (size_t)any_size(world);
	}
	ANSWERED(program, dps_stream_send(streams, stream, below(world, 16) ? pieces : NULL, count,
					  flags, below(world, 9)));
}

static void read_anything(struct program *program, struct dps_streams *streams,
			  struct dps_handle stream)
{
	struct world *world = program->world;
	struct dps_bytes runs[4];
	int count;

	switch (below(world, 4)) {
	case 0:
		ANSWERED(program,
			 dps_stream_read_copy(streams, stream, below(world, 8) ? answers : NULL,
					      below(world, sizeof(answers) + 1)));
		break;
	case 1:
		ANSWERED(program, dps_stream_release(streams, stream, any_size(world)));
		break;
	default:
		count = dps_stream_read(streams, stream, below(world, 8) ? runs : NULL,
					(unsigned int)below(world, 5));
		answered(program, "dps_stream_read", count);
		for (int i = 0; i < count; i++) {
			assert_true(runs[i].bytes > 0);
			world->tally->read_bytes += runs[i].bytes;
			answers[0] = runs[i].memory[runs[i].bytes - 1]; /* it is there */
			if (below(world, 4) > 0)
				ANSWERED(program,
					 dps_stream_release(streams, stream, runs[i].bytes));
		}
		break;
	}
}

static void open_anything(struct program *program, struct dps_streams *streams)
{
	struct world *world = program->world;
	const struct dps_stream_options options = {
		.flags = (uint32_t)below(world, below(world, 8) ? 4 : UINT32_MAX),
		.tag = below(world, UINT64_MAX),
		.open_deadline_ns = any_time(program),
		.window_bytes = any_size(world),
		.weight = (uint32_t)any_size(world),
	};
	struct dps_handle stream;
	int result = dps_stream_open(streams, below(world, 16) ? &options : NULL,
				     below(world, 16) ? &stream : NULL);

	answered(program, "dps_stream_open", result);
	if (result == 0)
		keep(program, program->streams, stream);
}

static void end_anything(struct program *program, struct dps_streams *streams,
			 struct dps_handle stream)
{
	struct world *world = program->world;

	switch (below(world, 7)) {
	case 0:
		ANSWERED(program, dps_stream_finish(streams, stream));
		break;
	case 1:
		ANSWERED(program,
			 dps_stream_end(streams, stream, any_time(program), any_time(program)));
		break;
	case 2:
		ANSWERED(program, dps_stream_abort(streams, stream, any_size(world)));
		break;
	case 3:
		ANSWERED(program, dps_stream_stop(streams, stream, any_size(world)));
		break;
	case 4:
		ANSWERED(program,
			 dps_stream_close(streams, stream, (enum dps_stream_close)below(world, 3)));
		break;
	case 5:
		ANSWERED(program, dps_stream_refuse(streams, stream, any_size(world)));
		break;
	default:
		ANSWERED(program, dps_stream_accept(streams, stream));
		break;
	}
}

static void tune_anything(struct program *program, struct dps_streams *streams,
			  struct dps_handle stream)
{
	struct world *world = program->world;
	struct dps_stream_snapshot snapshot;

	switch (below(world, 6)) {
	case 0:
		ANSWERED(program, dps_stream_set_window(streams, stream, any_size(world)));
		break;
	case 1:
		ANSWERED(program, dps_stream_set_receive_window(streams, stream, any_size(world)));
		break;
	case 2:
		ANSWERED(program,
			 dps_stream_set_weight(streams, stream, (uint32_t)any_size(world)));
		break;
	case 3:
		ANSWERED(program, dps_stream_cancel_send(streams, stream, below(world, 9)));
		break;
	case 4:
		ANSWERED(program,
			 dps_stream_look(streams, stream, below(world, 4) ? &snapshot : NULL));
		break;
	default:
		ANSWERED(program, dps_stream_has_room(streams, stream, any_size(world),
						      any_time(program), any_time(program)));
		break;
	}
}

static void call_anything(struct program *program)
{
	struct world *world = program->world;
	struct dps_streams *streams =
		dps_endpoint_streams(program->side->endpoint, any(program, program->peers));
	struct dps_handle stream = any(program, program->streams);

	switch (below(world, 16)) {
	case 0:
		call_endpoint(program);
		break;
	case 1:
	case 2:
	case 3:
		call_peer(program);
		break;
	case 4:
	case 5:
		open_anything(program, streams);
		break;
	case 6:
		end_anything(program, streams, stream);
		break;
	case 7:
		tune_anything(program, streams, stream);
		break;
	case 8:
	case 9:
	case 10:
		read_anything(program, streams, stream);
		break;
	default:
		send_anything(program, streams, stream);
		break;
	}
}

/* ---- callbacks ---- */

static void meddle(struct program *program)
{
	/* As it is being opened, nobody has it yet. */
	if (program->depth == DEPTH_MAX || program->side->endpoint == NULL)
		return;
	program->depth++;
	for (uint64_t calls = below(program->world, 3); calls > 0; calls--)
		call_anything(program);
	program->depth--;
}

static void on_arrived(void *context, struct dps_handle peer, const char *key)
{
	struct program *program = context;

	(void)key;
	keep(program, program->peers, peer);
	meddle(program);
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	struct program *program = context;

	(void)peer;
	program->world->tally->connected += event->kind == DPS_PEER_EVENT_CONNECTED;
	program->world->tally->requests += event->kind == DPS_PEER_EVENT_REQUEST;
	if (event->kind == DPS_PEER_EVENT_REQUEST)
		keep(program, program->requests, event->request);
	meddle(program);
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	struct program *program = context;

	(void)peer;
	program->world->tally->streams += event->type == DPS_STREAM_EVENT_ARRIVED;
	program->world->tally->delivered += event->type == DPS_STREAM_EVENT_DELIVERED;
	if (event->type == DPS_STREAM_EVENT_ARRIVED)
		keep(program, program->streams, event->handle);
	meddle(program);
}

static void on_trouble(void *context, const char *who, const char *why)
{
	assert_non_null(who);
	assert_non_null(why);
	meddle(context);
}

/* ---- a world ---- */

static void begin(struct world *world, struct program *program, struct pair_side *side)
{
	program->world = world;
	program->side = side;
	side->config.ops = (struct dps_endpoint_ops){
		.on_arrived = on_arrived,
		.on_peer = on_peer,
		.on_stream = below(world, 8) ? on_stream : NULL,
		.on_trouble = on_trouble,
		.context = program,
	};
	side->config.peer.backoff_cap_ns = DPS_NS_PER_MS;
}

static void step(struct world *world)
{
	struct program *program = below(world, 2) ? &world->near : &world->far;

	call_anything(program);
	if (below(world, 2) == 0)
		assert_true(dps_endpoint_poll(world->pair->near.endpoint, 0) >= 0);
	if (below(world, 2) == 0)
		assert_true(dps_endpoint_poll(world->pair->far.endpoint, 0) >= 0);
	if (below(world, 32) == 0)
		assert_true(dps_endpoint_poll(program->side->endpoint, DPS_NS_PER_MS) >= 0);
}

static void run_world(uint64_t seed, struct tally *tally)
{
	struct world *world = calloc(1, sizeof(*world));
	struct dps_handle peer;
	void *pair;

	assert_non_null(world);
	assert_int_equal(pair_setup(&pair), 0);
	world->pair = pair;
	world->tally = tally;
	dps_random_init(&world->random, seed);
	begin(world, &world->near, &world->pair->near);
	begin(world, &world->far, &world->pair->far);
	world->pair->near.config.is_clear = world->pair->far.config.is_clear = below(world, 2) == 0;
	pair_open(&world->pair->near);
	pair_open(&world->pair->far);
	assert_int_equal(dps_endpoint_dial(world->pair->near.endpoint,
					   pair_address(&world->pair->far), NULL, &peer, NULL),
			 0);
	for (unsigned int i = 0; i < HANDLES; i++)
		world->near.peers[i] = peer;
	for (unsigned int i = 0; i < STEPS; i++)
		step(world);
	pair_close(below(world, 2) ? &world->pair->near : &world->pair->far);
	pair_teardown(&pair);
	free(world);
}

static void programs__that_call_anything_get_answers(void **state)
{
	unsigned int seeds = is_full_run() ? SEEDS_FULL : SEEDS;
	const char *only = getenv("SEED");
	struct tally tally = { 0 };

	(void)state;
	if (only != NULL) {
		run_world(strtoull(only, NULL, 10), &tally);
		return;
	}
	for (unsigned int seed = 1; seed <= seeds; seed++) {
		print_message("SEED=%u\n", seed);
		run_world(seed, &tally);
	}
	print_message("%" PRIu64 " calls: %" PRIu64 " connections, %" PRIu64 " calls and %" PRIu64
		      " streams arrived, %" PRIu64 " bytes read, %" PRIu64 " sends delivered\n",
		      tally.calls, tally.connected, tally.requests, tally.streams, tally.read_bytes,
		      tally.delivered);
	assert_true(tally.calls > (uint64_t)seeds * STEPS / 2);
	assert_true(tally.connected > seeds && tally.requests > 0 && tally.streams > seeds);
	assert_true(tally.read_bytes > 0 && tally.delivered > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs__that_call_anything_get_answers),
	};

	return cmocka_run_group_tests_name("endpoint_random", tests, NULL, NULL);
}
