/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane in a thread of its own, with everybody who may reach it meanwhile: the control core
 * through its mailboxes, a reader of its snapshots. Run under ThreadSanitizer by tools/test.
 */
#include "drivers/discard/discard.h"
#include "drivers/lane.h"
#include "tests/support/cmocka.h"
#include "tests/support/nowhere_port.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { ROUNDS = 2000, COMMANDS = 8, EVENTS = 256, TURN_NS = DPS_NS_PER_MS };

struct stage {
	struct dps_clock clock;
	struct dps_port *port; /* on an empty net: what is sent is gone, and nothing comes */
	struct dps_disk *disk;
	struct dps_seal seal;
	struct dps_lane *lane;
	uint8_t *slots;
	uint64_t now_ns;
	uint64_t next_cookie; /* to come back */

	atomic_int wrong; /* line; writer: the reader, for cmocka's asserts are the test's own */
	atomic_bool is_over;
};

/* ---- A clock that only turns move, so that every turn publishes. ---- */

static uint64_t next_ns(struct dps_clock *clock)
{
	struct stage *stage = (struct stage *)clock; /* its first member */

	stage->now_ns += TURN_NS;
	return stage->now_ns;
}

static void create(struct stage *stage)
{
	const struct dps_port_wish wish = { .name = "nowhere" };
	struct dps_lane_config config = {
		.clock = &stage->clock,
		.seal = &stage->seal,
		.seed = 1,
		.commands = COMMANDS,
		.events = EVENTS,
	};

	memset(stage, 0, sizeof(*stage));
	stage->clock.now_ns = next_ns;
	assert_int_equal(nowhere_ports.open(&wish, &stage->port, NULL, 0), 0);
	config.port = stage->port;
	dps_seal_init_clear(&stage->seal);
	dps_limits_init(&config.limits, 1 << 20, 1 << 16);
	config.limits.paths = 2;
	stage->slots = aligned_alloc(DPS_PAGE_BYTES,
				     (size_t)config.limits.slots * config.limits.chunk_bytes);
	assert_non_null(stage->slots);
	config.slots = stage->slots;
	assert_int_equal(dps_discard_open(DPS_DISK_BURST, &stage->disk), 0);
	config.disk = stage->disk;
	stage->lane = dps_lane_create(&config);
	assert_non_null(stage->lane);
}

static void destroy(struct stage *stage)
{
	stage->disk->ops->close(stage->disk);
	dps_lane_destroy(stage->lane);
	stage->port->ops->close(stage->port);
	free(stage->slots);
}

/* ---- The threads. ---- */

static void *turn(void *argument)
{
	struct stage *stage = argument;

	while (!atomic_load(&stage->is_over)) {
		dps_lane_turn(stage->lane);
		sched_yield();
	}
	return NULL;
}

#define EXPECT(stage, condition)                                                                   \
	do {                                                                                       \
		if (!(condition))                                                                  \
			atomic_store(&(stage)->wrong, __LINE__);                                   \
	} while (0)

/* Turns and time stand far apart in a snapshot, and always change together. */
static void *watch(void *argument)
{
	struct stage *stage = argument;
	struct dps_lane_snapshot before = { 0 }, now;

	while (!atomic_load(&stage->is_over)) {
		dps_lane_read_snapshot(stage->lane, &now);
		EXPECT(stage, now.turns >= before.turns && now.idle_turns <= now.turns);
		EXPECT(stage, before.turns == 0 || now.now_ns - before.now_ns ==
							   (now.turns - before.turns) * TURN_NS);
		before = now;
	}
	return NULL;
}

static void take_events(struct stage *stage)
{
	struct dps_lane_event event;

	while (dps_lane_take_events(stage->lane, &event, 1) == 1) {
		if (event.type != DPS_LANE_CHANNEL_OPENED)
			continue;
		assert_int_equal(event.cookie, stage->next_cookie);
		stage->next_cookie++;
	}
}

static void command(struct stage *stage, const struct dps_lane_command *command)
{
	while (!dps_lane_command(stage->lane, command)) {
		take_events(stage);
		sched_yield();
	}
}

/* A path, a channel of it whose cookie is to come back, and neither any more. */
static void open_and_close(struct stage *stage, uint64_t cookie)
{
	static const struct dps_address somewhere = { .family = DPS_ADDRESS_IPV4,
						      .udp_port = 7420,
						      .ip = { 192, 0, 2, 1 } };
	uint64_t connection_id;
	int path;

	while ((path = dps_lane_reserve_path(stage->lane, &connection_id)) == -EAGAIN) {
		take_events(stage);
		sched_yield();
	}
	command(stage, &(struct dps_lane_command){
			       .type = DPS_COMMAND_OPEN_PATH,
			       .path = (uint32_t)path,
			       .open_path = { .address = somewhere,
					      .config = { .remote_connection_id = 1,
							  .datagram_bytes = 1472,
							  .rate_bytes_per_s = UINT64_MAX,
							  .probe_floor_ns = DPS_NS_PER_MS,
							  .silence_ns = DPS_NS_PER_S } },
		       });
	command(stage, &(struct dps_lane_command){
			       .type = DPS_COMMAND_OPEN_CHANNEL,
			       .cookie = cookie,
			       .open_channel = { .path = (uint32_t)path,
						 .is_sender = true,
						 .window_bytes = 1 << 20 },
		       });
	command(stage, &(struct dps_lane_command){
			       .type = DPS_COMMAND_CLOSE_PATH,
			       .path = (uint32_t)path,
		       });
	take_events(stage);
}

static void threads__reach_a_lane_without_waiting_for_it(void **state)
{
	static struct stage stage;
	pthread_t lane, reader;

	(void)state;
	create(&stage);
	assert_int_equal(pthread_create(&lane, NULL, turn, &stage), 0);
	assert_int_equal(pthread_create(&reader, NULL, watch, &stage), 0);
	for (uint64_t i = 0; i < ROUNDS; i++)
		open_and_close(&stage, i);
	while (stage.next_cookie < ROUNDS) {
		take_events(&stage);
		sched_yield();
	}
	atomic_store(&stage.is_over, true);
	assert_int_equal(pthread_join(lane, NULL), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(atomic_load(&stage.wrong), 0);
	destroy(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads__reach_a_lane_without_waiting_for_it),
	};

	return cmocka_run_group_tests_name("lane_threads", tests, NULL, NULL);
}
