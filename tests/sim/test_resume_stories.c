/* SPDX-License-Identifier: BSD-3-Clause */
/* Resume stories: connections that are lost and hosts that are killed, at moments of choice. */
#include "tests/sim/story.h"
#include <inttypes.h>
#include <stdio.h>

enum {
	EXPORTER = 0,
	COLLECTOR = 1,
	FILE_BYTES = 3000000,
	FILES = 4,
	RTT_MS = 10,
	DELAYS_MIN = 100,
};

/* Large files, small ones that share a chunk, and one without bytes. */
static struct rig *begin_with_files(const struct setting *setting)
{
	struct rig *rig = begin(setting);

	for (unsigned int i = 0; i < FILES; i++) {
		add_file(rig, FILE_BYTES + i * 12345);
		add_file(rig, 5000);
		add_file(rig, 0);
	}
	rig->may_park = true;
	return rig;
}

static void end_whole(struct rig *rig, uint64_t ms)
{
	const struct rig_transfer *transfer = &rig->transfers[0];

	end_within(rig, ms);
	for (uint32_t i = 0; i < transfer->files_count; i++) {
		assert_true(transfer->files[i].is_stored);
		assert_false(transfer->files[i].is_skipped);
	}
	assert_true(transfer->again_bytes <= transfer->again_max);
	rig_destroy(rig);
}

static void fault(struct rig *rig, enum rig_fault_type type, unsigned int index,
		  uint64_t after_packets, uint64_t for_ms)
{
	const struct rig_fault fault = {
		.type = type,
		.index = index,
		.after_packets = after_packets,
		.for_ns = for_ms * DPS_NS_PER_MS,
	};

	rig_add_fault(rig, &fault);
}

static void control__lost_with_its_path_goes_on_where_it_was(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 10; seed++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = seed;
		setting.config.checkpoint_ns = 10 * DPS_NS_PER_MS;
		setting.config.never_attaches = true;
		rig = begin_with_files(&setting);
		fault(rig, RIG_FAULT_CONTROL, 0, 1000 * seed / 2, 0);
		fault(rig, RIG_FAULT_CONTROL, 0, 6000, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_true(rig->resumes_count >= 1);
		assert_true(rig->transfers[0].again_bytes < FILES * FILE_BYTES / 2);
		end_whole(rig, 20000);
	}
}

/* ---- control lost, and data not ---- */

static void control__lost_while_data_flow_costs_no_byte(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 10; seed++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = seed;
		setting.config.checkpoint_ns = 10 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		fault(rig, RIG_FAULT_CONTROL, 0, 1000 * seed / 2, 0);
		fault(rig, RIG_FAULT_CONTROL, 0, 6000, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_true(rig->attaches_count >= 1);
		assert_int_equal(rig->resumes_count, 0);
		assert_int_equal(rig->transfers[0].again_bytes, 0);
		end_whole(rig, 20000);
	}
}

/* Strikes when the collector's store is about to say what it has. */
struct striker {
	struct rig *rig;
	unsigned int nth; /* of those moments; 0 once it has struck */
	uint64_t delay_ns;
};

static void lose_now(void *context)
{
	const struct striker *striker = context;

	rig_lose_control(striker->rig, 0);
}

static void on_saying(void *context, struct rig_transfer *transfer)
{
	struct striker *striker = context;
	struct dps_sim *sim = &striker->rig->sim;

	if (transfer->step == RIG_STEP_SAYING && striker->nth > 0 && --striker->nth == 0)
		dps_sim_call_at(sim, sim->now_ns + striker->delay_ns, lose_now, striker);
}

/* lose_at(N, DELAY): at the Nth round of the store, so long after it has begun to say so. */
static void lose_at(unsigned int nth, uint64_t delay_ns, unsigned int seed)
{
	struct striker striker = { .nth = nth, .delay_ns = delay_ns };
	struct setting setting;
	struct rig *rig;

	setting_init(&setting);
	setting.config.seed = seed;
	setting.config.checkpoint_ns = 5 * DPS_NS_PER_MS;
	rig = begin_with_files(&setting);
	striker.rig = rig;
	rig->on_step = on_saying;
	rig->step_context = &striker;
	rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
	assert_int_equal(striker.nth, 0);
	assert_int_equal(rig->resumes_count, 0);
	assert_int_equal(rig->transfers[0].again_bytes, 0);
	end_whole(rig, 20000);
}

static void control__lost_with_stored_under_way_says_it_again(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++)
		lose_at(1 + i, i % 3 * 2 * DPS_NS_PER_MS, i + 1);
}

/* Done, and with it what the last files came to, is under way for 5 ms. */
static void control__lost_exactly_at_the_end_ends_well(void **state)
{
	unsigned int attached = 0;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct setting setting;
		struct rig *rig;
		uint64_t over_ns;

		setting_init(&setting);
		rig = begin_with_files(&setting);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		over_ns = rig->transfers[0].over_ns;
		end_whole(rig, 20000);

		rig = begin_with_files(&setting);
		rig_run(rig, over_ns - i * 500 * DPS_NS_PER_US);
		rig_lose_control(rig, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		attached += rig->attaches_count > 0;
		assert_int_equal(rig->resumes_count, 0);
		assert_int_equal(rig->transfers[0].again_bytes, 0);
		end_whole(rig, 20000);
	}
	assert_true(attached > 0);
}

/* The collector dies and is back while the exporter still believes in its path. */
static void attach__that_is_refused_resumes(void **state)
{
	uint64_t refused = 0;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.probe_floor_ns = 20 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		rig_run(rig, rig->config.start_ns + (60 + i * 3) * DPS_NS_PER_MS);
		rig_kill(rig, COLLECTOR, DPS_NS_PER_MS);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		refused += rig->refused_count;
		assert_int_equal(rig->attaches_count, 0);
		assert_true(rig->resumes_count >= 1);
		end_whole(rig, 20000);
	}
	assert_true(refused > 0);
}

/* Data and digests that are wrong, too: what was asked for again is asked for again. */
static void control__lost_with_a_refetch_under_way_fetches_it(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		rig = begin_with_files(&setting);
		rig->lies_one_in = 1000;
		for (unsigned int j = 0; j < 4; j++)
			fault(rig, RIG_FAULT_CONTROL, 0, 700 + j * 1500 + i * 100, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_true(rig->lies_count > 0 && rig->attaches_count > 0);
		end_within(rig, 20000);
		rig_destroy(rig);
	}
}

/* Of a transfer that has not begun, and said to a connection that is gone already. */
static void cancel__before_it_began_is_heard_after_an_attach(void **state)
{
	(void)state;
	for (unsigned int end = 0; end < 2; end++) {
		const struct rig_transfer_config later = {
			.number = 2,
			.window_bytes = WINDOW_BYTES,
			.start_after_ns = 10 * DPS_NS_PER_S,
			.announced_max = 1,
		};
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		rig = begin_with_files(&setting);
		rig_add_file(rig, rig_add_transfer(rig, &later), FILE_BYTES, FILE_BYTES, NULL);
		rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_MS);
		rig_lose_control(rig, 0);
		rig_cancel(rig, 1, end, rig->sim.now_ns);
		end_within(rig, 20000);
		assert_true(rig->attaches_count >= 1);
		assert_int_equal(rig->resumes_count, 0);
		assert_true(rig->transfers[0].is_over);
		assert_true(rig->transfers[1].is_cancelled && !rig->transfers[1].is_asked);
		rig_destroy(rig);
	}
}

/* The one that begins waits for a word that was lost, and has not noticed the loss. */
static void attach__of_a_transfer_that_is_half_begun_resumes(void **state)
{
	uint64_t refused = 0;

	(void)state;
	for (unsigned int seed = 1; seed <= 20; seed++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = seed;
		rig = begin(&setting);
		rig->transfers[0].config.sender = 1;
		add_file(rig, FILE_BYTES);
		rig_run(rig, rig->config.start_ns + (RTT_MS + 2) * DPS_NS_PER_MS);
		assert_true(rig->transfers[0].is_opened[0] && !rig->transfers[0].is_opened[1]);
		rig_lose_control(rig, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		refused += rig->refused_count;
		end_whole(rig, 20000);
	}
	assert_true(refused > 0);
}

static void path__that_is_silent_parks_and_goes_on(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	setting.config.silence_ns = 500 * DPS_NS_PER_MS;
	rig = begin_with_files(&setting);
	fault(rig, RIG_FAULT_CABLE, 0, 3000, 3000);
	rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
	assert_true(rig->resumes_count >= 1);
	end_whole(rig, 20000);
}

static void control_and_cable__lost_at_once_go_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.silence_ns = 500 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		fault(rig, RIG_FAULT_BOTH, 0, 500 + i * 1000, 1 + i * 300);
		rig_run(rig, rig->config.start_ns + 30 * DPS_NS_PER_S);
		assert_true(rig->resumes_count + rig->attaches_count >= 1);
		end_whole(rig, 30000);
	}
}

/* ---- killed at a step of the store ---- */

struct killer {
	struct rig *rig;
	enum rig_step step;
	unsigned int nth; /* of those steps; 0 once it has struck */
	unsigned int host;
	uint64_t delay_ns;
};

static void kill_now(void *context)
{
	const struct killer *killer = context;

	rig_kill(killer->rig, killer->host, 50 * DPS_NS_PER_MS);
}

static void on_step(void *context, struct rig_transfer *transfer)
{
	struct killer *killer = context;
	struct dps_sim *sim = &killer->rig->sim;

	if (transfer->step == killer->step && killer->nth > 0 && --killer->nth == 0)
		dps_sim_call_at(sim, sim->now_ns + killer->delay_ns, kill_now, killer);
}

static void kill_at(enum rig_step step, unsigned int host)
{
	for (unsigned int i = 0; i < 12; i++) {
		struct killer killer = {
			.step = step,
			.nth = 1 + i,
			.host = host,
			.delay_ns = i % 3 * 400 * DPS_NS_PER_US,
		};
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.checkpoint_ns = 5 * DPS_NS_PER_MS;
		setting.hosts[COLLECTOR].disk.fsync_ns_min = DPS_NS_PER_MS;
		setting.hosts[COLLECTOR].disk.fsync_ns_max = 2 * DPS_NS_PER_MS;
		setting.config.commit_ns_min = DPS_NS_PER_MS;
		setting.config.commit_ns_max = 2 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		killer.rig = rig;
		rig->on_step = on_step;
		rig->step_context = &killer;
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_int_equal(killer.nth, 0);
		assert_true(rig->hosts[host].lives == 1);
		end_whole(rig, 20000);
	}
}

static void collector__killed_between_write_and_fsync_loses_what_was_not_told(void **state)
{
	(void)state;
	kill_at(RIG_STEP_SYNCING, COLLECTOR);
}

static void collector__killed_between_fsync_and_journal_goes_on_from_the_journal(void **state)
{
	(void)state;
	kill_at(RIG_STEP_COMMITTING, COLLECTOR);
}

static void collector__killed_between_journal_and_rename_publishes_later(void **state)
{
	(void)state;
	kill_at(RIG_STEP_RENAMING, COLLECTOR);
}

static void collector__killed_between_rename_and_stored_knows_its_file(void **state)
{
	(void)state;
	kill_at(RIG_STEP_SAYING, COLLECTOR);
}

static void exporter__killed_at_any_step_goes_on(void **state)
{
	(void)state;
	for (enum rig_step step = RIG_STEP_SYNCING; step <= RIG_STEP_SAYING; step++)
		kill_at(step, EXPORTER);
}

/* ---- killed while data flow ---- */

static void hosts__killed_again_and_again_go_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.checkpoint_ns = 20 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		for (unsigned int j = 0; j < 3; j++)
			fault(rig, i % 3 == 0 ? RIG_FAULT_KILL_ALL : RIG_FAULT_KILL, i % 2,
			      1 + (i + 1) * 300 + 2000 * j, 1 + i * 100);
		rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_S);
		assert_true(rig->hosts[i % 2].lives == 3);
		assert_true(rig->resumes_count >= 3);
		end_whole(rig, 60000);
	}
}

/* The exporter is back before the collector has noticed that it was away. */
static void resume__while_not_parked_ends_the_old_connection(void **state)
{
	unsigned int superseded = 0;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		rig = begin_with_files(&setting);
		rig_run(rig, rig->config.start_ns + (50 + i) * DPS_NS_PER_MS);
		rig_kill(rig, EXPORTER, 10 * DPS_NS_PER_US);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		superseded += rig->superseded_count;
		end_whole(rig, 20000);
	}
	assert_true(superseded >= 3);
}

/* Each resume is overtaken by the next before it is answered, or while the answer is under way. */
static void resumes__that_race_the_last_one_wins(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 30; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.hosts[COLLECTOR].disk.latency_ns = (i % 4) * 5 * DPS_NS_PER_MS + 1000;
		rig = begin_with_files(&setting);
		rig_run(rig, rig->config.start_ns + (40 + i) * DPS_NS_PER_MS);
		for (unsigned int j = 0; j < 5; j++) {
			rig_kill(rig, EXPORTER, 10 * DPS_NS_PER_US);
			rig_run(rig, rig->sim.now_ns + (11 + i) * DPS_NS_PER_MS);
		}
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		end_whole(rig, 20000);
	}
}

/* What the old life still writes is waited for: nothing is written by two lives at a time. */
static void disk__that_is_slow_at_resume_is_waited_for(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.never_attaches = true;
		setting.hosts[COLLECTOR].disk.latency_ns = 50 * DPS_NS_PER_MS;
		setting.hosts[COLLECTOR].disk.jitter_ns_max = 200 * DPS_NS_PER_MS;
		rig = begin_with_files(&setting);
		fault(rig, RIG_FAULT_CONTROL, 0, 400 + i * 100, 0);
		fault(rig, RIG_FAULT_KILL, EXPORTER, 1500 + i * 100, 1);
		rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_S);
		assert_true(rig->resumes_count >= 2);
		end_whole(rig, 60000);
	}
}

static void cancel__while_parked_is_heard_after_all(void **state)
{
	(void)state;
	for (unsigned int end = 0; end < 2; end++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		rig = begin_with_files(&setting);
		rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_MS);
		rig_lose_control(rig, 0);
		rig_cancel(rig, 0, end, rig->sim.now_ns + 2 * DPS_NS_PER_MS);
		end_within(rig, 20000);
		assert_true(rig->transfers[0].is_cancelled);
		rig_destroy(rig);
	}
}

/* ---- latency ---- */

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void resume__replays_within_two_round_trips_and_5_ms(void **state)
{
	struct setting setting;
	struct rig *rig;
	uint64_t p50_us, p95_us;

	(void)state;
	setting_init(&setting);
	setting.config.rate_bytes_per_s = 500000;
	setting.config.never_attaches = true;
	setting.hosts[COLLECTOR].disk.fsync_ns_min = DPS_NS_PER_MS;
	setting.hosts[COLLECTOR].disk.fsync_ns_max = DPS_NS_PER_MS;
	setting.config.commit_ns_min = setting.config.commit_ns_max = DPS_NS_PER_MS;
	setting.window_bytes = 4 * CHUNK_BYTES;
	rig = begin(&setting);
	add_file(rig, 400000000);
	rig->may_park = true;
	rig_run(rig, rig->config.start_ns + 100 * DPS_NS_PER_MS);
	while (rig->delays_count < DELAYS_MIN + 20) {
		unsigned int before = rig->delays_count;

		if (rig->delays_count % 4 == 3)
			rig_kill(rig, rig->delays_count / 4 % 2, DPS_NS_PER_MS);
		else
			rig_lose_control(rig, 0);
		while (rig->delays_count == before && !dps_sim_has_failed(&rig->sim))
			rig_run(rig, rig->sim.now_ns + 10 * DPS_NS_PER_MS);
		rig_run(rig, rig->sim.now_ns + 300 * DPS_NS_PER_MS);
		assert_string_equal(rig->sim.failure, "");
	}
	qsort(rig->delays_ns, rig->delays_count, sizeof(rig->delays_ns[0]), compare);
	p50_us = rig->delays_ns[rig->delays_count / 2] / DPS_NS_PER_US;
	p95_us = rig->delays_ns[rig->delays_count * 95 / 100] / DPS_NS_PER_US;
	printf("from control connection back to first packet, %u times: p50 %" PRIu64
	       " us, p95 %" PRIu64 " us, RTT %d ms\n",
	       rig->delays_count, p50_us, p95_us, RTT_MS);
	assert_true(p95_us < (2 * RTT_MS + 5) * 1000);
	rig_destroy(rig);
}

static void done__follows_the_last_byte_within_two_round_trips_and_a_sync(void **state)
{
	const uint64_t sync_ms = 6;
	uint64_t longest_ns = 0;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct setting setting;
		struct rig *rig;
		uint64_t took_ns;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.hosts[COLLECTOR].disk.fsync_ns_min = sync_ms * DPS_NS_PER_MS / 3;
		setting.hosts[COLLECTOR].disk.fsync_ns_max = sync_ms * DPS_NS_PER_MS / 3;
		setting.config.commit_ns_min = sync_ms * DPS_NS_PER_MS / 3;
		setting.config.commit_ns_max = sync_ms * DPS_NS_PER_MS / 3;
		rig = begin(&setting);
		add_file(rig, 1000000 + i * 700000);
		end_within(rig, 20000);
		took_ns = rig->transfers[0].over_ns -
			  (rig->transfers[0].last_data_ns + RTT_MS * DPS_NS_PER_MS / 2);
		if (took_ns > longest_ns)
			longest_ns = took_ns;
		rig_destroy(rig);
	}
	printf("from last byte to done, at most: %" PRIu64 " us, RTT %d ms, sync %" PRIu64 " ms\n",
	       longest_ns / DPS_NS_PER_US, RTT_MS, sync_ms);
	assert_true(longest_ns < (2 * RTT_MS + sync_ms) * DPS_NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control__lost_with_its_path_goes_on_where_it_was),
		cmocka_unit_test(control__lost_while_data_flow_costs_no_byte),
		cmocka_unit_test(control__lost_with_stored_under_way_says_it_again),
		cmocka_unit_test(control__lost_exactly_at_the_end_ends_well),
		cmocka_unit_test(attach__that_is_refused_resumes),
		cmocka_unit_test(control__lost_with_a_refetch_under_way_fetches_it),
		cmocka_unit_test(cancel__before_it_began_is_heard_after_an_attach),
		cmocka_unit_test(attach__of_a_transfer_that_is_half_begun_resumes),
		cmocka_unit_test(path__that_is_silent_parks_and_goes_on),
		cmocka_unit_test(control_and_cable__lost_at_once_go_on),
		cmocka_unit_test(collector__killed_between_write_and_fsync_loses_what_was_not_told),
		cmocka_unit_test(
			collector__killed_between_fsync_and_journal_goes_on_from_the_journal),
		cmocka_unit_test(collector__killed_between_journal_and_rename_publishes_later),
		cmocka_unit_test(collector__killed_between_rename_and_stored_knows_its_file),
		cmocka_unit_test(exporter__killed_at_any_step_goes_on),
		cmocka_unit_test(hosts__killed_again_and_again_go_on),
		cmocka_unit_test(resume__while_not_parked_ends_the_old_connection),
		cmocka_unit_test(resumes__that_race_the_last_one_wins),
		cmocka_unit_test(disk__that_is_slow_at_resume_is_waited_for),
		cmocka_unit_test(cancel__while_parked_is_heard_after_all),
		cmocka_unit_test(resume__replays_within_two_round_trips_and_5_ms),
		cmocka_unit_test(done__follows_the_last_byte_within_two_round_trips_and_a_sync),
	};

	return cmocka_run_group_tests_name("resume stories", tests, NULL, NULL);
}
