/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long stories: an hour (with --full, three days, but not under the sanitizers) in which a
 * collector serves an honest exporter and one that lies, someone on the way sends what he likes,
 * connections are lost, cables cut and hosts killed every few seconds. What it holds at the end is
 * what it held after minutes.
 */
#include "drivers/lane_state.h"
#include "tests/sim/attacker.h"
#include "tests/sim/liar.h"
#include "tests/sim/story.h"
#include "tests/support/engine_check.h"
#include "tests/support/full.h"
#include <malloc.h>
#include <stdio.h>

enum {
	LINK_BYTES_PER_S = 40000,
	FILES = 64,
	MINUTES = 60,
	MINUTES_FULL = 72 * 60,
	WARM_MINUTES = 10,
	MISFORTUNE_MS = 4000, /* on average */
	GROWTH_BYTES_MAX = 64 << 10,
	COLLECTOR = 1,
	LIAR = 2,
};

struct story {
	struct rig *rig;
	struct liar liar;
	struct dps_random random;
	uint64_t misfortunes;
};

static uint64_t below(struct story *story, uint64_t bound)
{
	return dps_random_below(&story->random, bound);
}

static void join(void *link)
{
	dps_sim_link_set_up(link, true);
}

/* One after the other, of any kind. */
static void befall(void *context)
{
	struct story *story = context;
	struct rig *rig = story->rig;
	uint64_t for_ns = (1 + below(story, 500)) * DPS_NS_PER_MS;

	if (rig->is_stopping)
		return;
	story->misfortunes++;
	switch (below(story, 4)) {
	case 0:
		rig_kill(rig, (unsigned int)below(story, 3), for_ns);
		break;
	case 1:
		dps_sim_link_set_up(&rig->link, false);
		dps_sim_call_at(&rig->sim, rig->sim.now_ns + for_ns, join, &rig->link);
		break;
	default:
		rig_lose_control(rig, (unsigned int)below(story, 2));
		break;
	}
	dps_sim_call_at(&rig->sim,
			rig->sim.now_ns + below(story, 2 * MISFORTUNE_MS) * DPS_NS_PER_MS, befall,
			story);
}

static void add_host(struct rig *rig, unsigned int side)
{
	struct rig_host_config host;

	rig_host_config_init(&host, side, MTU, WINDOW_BYTES, CHUNK_BYTES);
	host.port.takes_when_down = true; /* else it is offered them every microsecond */
	host.limits.paths = RIG_PATHS;
	host.limits.channels = RIG_TRANSFERS;
	host.limits.extents = 256;
	host.limits.sent_packets = 256;
	host.limits.slots = 40;
	rig_add_host(rig, &host);
}

/* Host 0 sends files to host 1, more than there is time for; host 2 lies to host 0. */
static void begin_long(struct story *story, uint64_t minutes)
{
	struct rig_transfer_config transfer = {
		.window_bytes = WINDOW_BYTES / 2,
		.content_seed = SEED,
		.announced_max = 16,
	};
	struct rig_config config;
	struct rig *rig;

	rig_config_init(&config, 1);
	config.silence_ns = DPS_NS_PER_S;
	config.checkpoint_ns = DPS_NS_PER_S;
	for (unsigned int i = 0; i < 2; i++) {
		config.ways[i].bits_per_s = 8 * LINK_BYTES_PER_S;
		config.ways[i].queue_bytes = 8000;
	}
	rig = rig_create(&config);
	rig->is_sealed = true;
	rig->sim.trace.is_off = true;
	add_host(rig, 0);
	add_host(rig, 1);
	add_host(rig, 1);
	rig_add_path(rig, 0, COLLECTOR);
	rig_add_path(rig, 0, LIAR);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t bytes = minutes * 60 * LINK_BYTES_PER_S / FILES;

		transfer.path = i > 0;
		transfer.sender = i == 2;
		transfer.number = 1 + i;
		rig_add_transfer(rig, &transfer);
		for (unsigned int j = 0; j < FILES; j++)
			rig_add_file(rig, i, bytes, bytes, NULL);
	}
	liar_init(&story->liar, rig, 1, 1, 10);
	attacker_create(rig, ATTACKS_ALL, 1, 2);
	dps_random_init(&story->random, 1);
	story->rig = rig;
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + DPS_NS_PER_S, befall, story);
}

/* What is taken from the heap and from the kernel. */
struct held {
	size_t heap_bytes;
	size_t mappings;
};

static struct held held_now(void)
{
	struct held held = { .heap_bytes = mallinfo2().uordblks + mallinfo2().hblkhd };
	FILE *maps = fopen("/proc/self/maps", "re");
	int c;

	assert_non_null(maps);
	while ((c = getc(maps)) != EOF)
		held.mappings += c == '\n';
	fclose(maps);
	return held;
}

static void keep_least(struct held *least, const struct held *held)
{
	if (held->heap_bytes < least->heap_bytes)
		least->heap_bytes = held->heap_bytes;
	if (held->mappings < least->mappings)
		least->mappings = held->mappings;
}

static void check_hosts(struct rig *rig)
{
	for (unsigned int i = 0; i < rig->hosts_count; i++) {
		const char *wrong =
			rig->hosts[i].is_dead ? NULL : engine_check(rig->hosts[i].lane->engine);

		if (wrong != NULL)
			fail_msg("%s: %s", rig->hosts[i].names[0], wrong);
	}
	assert_string_equal(rig->sim.failure, "");
}

static uint64_t minutes_to_last(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (is_full_run())
		return MINUTES_FULL;
#endif
	return MINUTES;
}

static void hour__of_fuzzed_peers_leaks_nothing(void **state)
{
	uint64_t minutes = minutes_to_last();
	struct held first = { SIZE_MAX, SIZE_MAX }, last = { SIZE_MAX, SIZE_MAX };
	struct story story = { .misfortunes = 0 };
	struct rig *rig;

	(void)state;
	begin_long(&story, minutes);
	rig = story.rig;
	for (uint64_t minute = 1; minute <= minutes; minute++) {
		struct held held;

		(void)dps_sim_run_until(&rig->sim,
					rig->config.start_ns + minute * 60 * DPS_NS_PER_S);
		check_hosts(rig);
		if (minute % 10 == 0)
			rig_forget_nonces(); /* they are the test's own */
		held = held_now();
		if (minute % 10 == 0 && minute <= WARM_MINUTES + 10)
			keep_least(&first, &held);
		else if (minute % 10 == 0)
			keep_least(&last, &held);
	}
	print_message("%u misfortunes, %u resumes, %u lies, %u attacks; heap %zu then %zu bytes, "
		      "%zu then %zu mappings\n",
		      (unsigned int)story.misfortunes, (unsigned int)rig->resumes_count,
		      (unsigned int)story.liar.lies_count,
		      (unsigned int)(rig->attacker->honest_count / 2), first.heap_bytes,
		      last.heap_bytes, first.mappings, last.mappings);
	assert_true(story.misfortunes > minutes * 10 && rig->resumes_count > minutes);
	assert_true(last.heap_bytes <= first.heap_bytes + GROWTH_BYTES_MAX);
	assert_true(last.mappings <= first.mappings + 8);
	rig_cancel(rig, 0, 0, rig->sim.now_ns + DPS_NS_PER_S);
	rig_run(rig, rig->sim.now_ns + 600 * DPS_NS_PER_S);
	rig_finish(rig);
	assert_string_equal(rig->sim.failure, "");
	for (unsigned int i = 0; i < rig->hosts_count; i++)
		if (!rig->hosts[i].is_dead)
			assert_null(engine_check_empty(rig->hosts[i].lane->engine));
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hour__of_fuzzed_peers_leaks_nothing),
	};

	return cmocka_run_group_tests_name("long stories", tests, NULL, NULL);
}
