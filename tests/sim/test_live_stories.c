/* SPDX-License-Identifier: BSD-3-Clause */
/* Live stories: a source that is read once, through lost connections and collectors that die. */
#include "tests/sim/story.h"

enum {
	COLLECTOR = 1,
	BYTES = 4000000,
	RING_BYTES = WINDOW_BYTES + CHUNK_BYTES,
	BYTES_PER_S = 20000000,
};

static struct rig *begin_live(struct setting *setting, uint64_t bytes)
{
	struct rig *rig;

	setting->config.checkpoint_ns = 10 * DPS_NS_PER_MS;
	rig = begin(setting);
	rig_add_source(rig, 0, bytes, RING_BYTES, BYTES_PER_S);
	rig->may_park = true;
	return rig;
}

static void end_whole(struct rig *rig, uint64_t ms)
{
	const struct rig_transfer *transfer = &rig->transfers[0];

	end_within(rig, ms);
	assert_true(transfer->files[0].is_stored);
	assert_false(transfer->files[0].is_skipped);
	assert_false(transfer->live.is_out_of_window);
	assert_true(transfer->again_bytes <= transfer->again_max);
	rig_destroy(rig);
}

/* Whole chunks, part of one, and less than one. */
static void source__arrives_as_it_comes(void **state)
{
	static const uint64_t bytes[] = { BYTES, CHUNK_BYTES * 40, CHUNK_BYTES, 1 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		rig = begin_live(&setting, bytes[i]);
		end_within(rig, 3000);
		/* At its own pace. */
		assert_true(rig->transfers[0].over_ns - rig->config.start_ns >
			    bytes[i] * DPS_NS_PER_S / BYTES_PER_S);
		assert_true(rig->transfers[0].files[0].is_stored);
		rig_destroy(rig);
	}
}

/* Its bytes wait in the ring for as long as it takes, and its writer waits for the ring. */
static void ring__that_is_full_holds_the_source_up(void **state)
{
	struct setting setting;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin_live(&setting, BYTES);
	rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_MS);
	rig_kill(rig, COLLECTOR, 2000 * DPS_NS_PER_MS);
	rig_run(rig, rig->config.start_ns + 1500 * DPS_NS_PER_MS);
	assert_true(rig->transfers[0].live.full_count > 0);
	assert_true(rig->transfers[0].live.filled - rig->transfers[0].live.lowest <= RING_BYTES);
	assert_true(rig->transfers[0].live.filled < BYTES);
	end_whole(rig, 10000);
}

/* Wherever it was lost, what it goes on with is still in the ring. */
static void resume__anywhere_within_the_ring_goes_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 40; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.config.never_attaches = true;
		rig = begin_live(&setting, BYTES);
		rig_run(rig, rig->config.start_ns + (25 + 4 * i) * DPS_NS_PER_MS);
		rig_lose_control(rig, 0);
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_true(rig->resumes_count >= 1);
		end_whole(rig, 20000);
	}
}

static void control__lost_while_the_source_goes_on_costs_no_byte(void **state)
{
	unsigned int attaches = 0;

	(void)state;
	for (unsigned int i = 0; i < 30; i++) {
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		rig = begin_live(&setting, BYTES);
		for (unsigned int j = 1; j <= 3; j++) {
			rig_run(rig, rig->config.start_ns + j * (20 + 2 * i) * DPS_NS_PER_MS);
			rig_lose_control(rig, 0);
		}
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		attaches += rig->attaches_count;
		assert_true(rig->resumes_count > 0 || rig->transfers[0].again_bytes == 0);
		end_whole(rig, 20000);
	}
	assert_true(attaches >= 30);
}

struct killer {
	struct rig *rig;
	enum rig_step step;
	unsigned int nth;
};

static void kill_now(void *context)
{
	const struct killer *killer = context;

	rig_kill(killer->rig, COLLECTOR, 50 * DPS_NS_PER_MS);
}

static void on_step(void *context, struct rig_transfer *transfer)
{
	struct killer *killer = context;
	struct dps_sim *sim = &killer->rig->sim;

	if (transfer->step == killer->step && killer->nth > 0 && --killer->nth == 0)
		dps_sim_call_at(sim, sim->now_ns, kill_now, killer);
}

/* At every step of its store: what it has said to hold, it has. */
static void collector__killed_at_any_step_goes_on(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 48; i++) {
		struct killer killer = {
			.step = (enum rig_step)(RIG_STEP_SYNCING + i % 4),
			.nth = 1 + i / 4,
		};
		struct setting setting;
		struct rig *rig;

		setting_init(&setting);
		setting.config.seed = i + 1;
		setting.hosts[COLLECTOR].disk.fsync_ns_min = DPS_NS_PER_MS;
		setting.hosts[COLLECTOR].disk.fsync_ns_max = 2 * DPS_NS_PER_MS;
		setting.config.commit_ns_min = DPS_NS_PER_MS;
		setting.config.commit_ns_max = 2 * DPS_NS_PER_MS;
		rig = begin_live(&setting, BYTES);
		killer.rig = rig;
		rig->on_step = on_step;
		rig->step_context = &killer;
		rig_run(rig, rig->config.start_ns + 20 * DPS_NS_PER_S);
		assert_true(rig->hosts[COLLECTOR].lives == (killer.nth == 0));
		end_whole(rig, 20000);
	}
}

/* A collector whose disk was put back by a day needs what nobody has any more. */
static void resume__below_the_ring_is_out_of_window(void **state)
{
	struct setting setting;
	struct rig_transfer *transfer;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin_live(&setting, BYTES);
	transfer = &rig->transfers[0];
	rig_run(rig, rig->config.start_ns + 120 * DPS_NS_PER_MS);
	assert_true(transfer->live.lowest > 2 * CHUNK_BYTES);
	rig_kill(rig, COLLECTOR, 50 * DPS_NS_PER_MS);
	transfer->files[0].journalled = transfer->files[0].lead = 1;
	end_within(rig, 20000);
	assert_true(transfer->live.is_out_of_window);
	assert_true(transfer->live.lowest_told == transfer->live.lowest);
	assert_true(transfer->live.lowest_told > CHUNK_BYTES);
	assert_true(transfer->files[0].is_failed);
	assert_false(transfer->files[0].is_stored);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source__arrives_as_it_comes),
		cmocka_unit_test(ring__that_is_full_holds_the_source_up),
		cmocka_unit_test(resume__anywhere_within_the_ring_goes_on),
		cmocka_unit_test(control__lost_while_the_source_goes_on_costs_no_byte),
		cmocka_unit_test(collector__killed_at_any_step_goes_on),
		cmocka_unit_test(resume__below_the_ring_is_out_of_window),
	};

	return cmocka_run_group_tests_name("live stories", tests, NULL, NULL);
}
