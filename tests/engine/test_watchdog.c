/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/transfer_rig.h"
#include <dps/watchdog.h>

#define S DPS_NS_PER_S

struct kennel {
	struct dps_registry *registry;
	struct dps_watchdog watchdog;
	struct transfer_rig rig;
	struct dps_handle handle;
};

static struct dps_transfer_config watched_config(void)
{
	struct dps_transfer_config config = rig_config(1024, 256);

	config.idle_ns = 20 * S;
	config.reconnect_ns = 60 * S;
	return config;
}

static void kennel_open_as(struct kennel *kennel, const struct dps_transfer_config *config)
{
	struct dps_transfer_id id = { { 1 } };
	void *memory = aligned_alloc(64, (dps_registry_bytes(4) + 63) / 64 * 64);

	assert_non_null(memory);
	rig_open(&kennel->rig, config);
	kennel->registry = dps_registry_init(memory, 4, 1);
	assert_int_equal(
		dps_registry_register(kennel->registry, &id, kennel->rig.transfer, &kennel->handle),
		0);
	dps_watchdog_init(&kennel->watchdog, kennel->registry, config->idle_ns, 0);
}

static void kennel_open(struct kennel *kennel)
{
	struct dps_transfer_config config = watched_config();

	kennel_open_as(kennel, &config);
}

static void kennel_close(struct kennel *kennel)
{
	rig_close(&kennel->rig);
	free(kennel->registry);
}

static enum dps_watchdog_verdict look(struct kennel *kennel, uint64_t now_ns)
{
	struct dps_watchdog_finding findings[4];

	if (dps_watchdog_on_tick(&kennel->watchdog, now_ns, findings, 4) == 0)
		return DPS_WATCHDOG_ALIVE;
	assert_memory_equal(&findings[0].handle, &kennel->handle, sizeof(findings[0].handle));
	return findings[0].verdict;
}

/* Every tick up to a moment; the last verdict. */
static enum dps_watchdog_verdict look_until(struct kennel *kennel, uint64_t until_ns)
{
	enum dps_watchdog_verdict verdict = DPS_WATCHDOG_ALIVE;

	while (kennel->watchdog.next_at_ns <= until_ns)
		verdict = look(kennel, kennel->watchdog.next_at_ns);
	return verdict;
}

static const char *reason(const struct kennel *kennel)
{
	return dps_transfer_cancel_reason(kennel->rig.transfer);
}

static void tick_ns__is_a_quarter_between_one_and_five_seconds(void **state)
{
	(void)state;
	assert_int_equal(dps_watchdog_tick_ns(60 * S), 5 * S);
	assert_int_equal(dps_watchdog_tick_ns(12 * S), 3 * S);
	assert_int_equal(dps_watchdog_tick_ns(0), S);
	assert_int_equal(dps_watchdog_tick_ns(UINT64_MAX), 5 * S);
}

/* The very rule, through the tick: nothing before idle time, the end within a tick after. */
static void on_tick__watchdog_check_logic_matches_spawn_loop(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post_at(&kennel.rig, 100, 0, 2 * S), 0);
	rig_send(&kennel.rig, 1);
	assert_int_equal(look_until(&kennel, 21 * S), DPS_WATCHDOG_ALIVE);
	assert_null(reason(&kennel));
	assert_int_equal(look_until(&kennel, 22 * S + kennel.watchdog.tick_ns),
			 DPS_WATCHDOG_STALLED_PEER);
	assert_string_equal(reason(&kennel), DPS_REASON_PEER_STALLED);
	assert_int_equal(kennel.watchdog.ended, 1);
	/* One end, told once. */
	assert_int_equal(look_until(&kennel, 60 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(kennel.watchdog.ended, 1);
	kennel_close(&kennel);
}

/* Between ticks nothing is looked at; a tick that ran out of room goes on where it was. */
static void on_tick__waits_for_its_time(void **state)
{
	struct dps_transfer_id id = { { 2 } };
	struct dps_watchdog_finding findings[2];
	struct dps_handle other;
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	dps_registry_register(kennel.registry, &id, kennel.rig.transfer, &other);
	dps_transfer_park(kennel.rig.transfer, 1, 0);
	assert_int_equal(look(&kennel, 5 * S - 1), DPS_WATCHDOG_ALIVE);
	assert_int_equal(dps_watchdog_on_tick(&kennel.watchdog, 5 * S, &findings[0], 1), 1);
	assert_int_equal(dps_watchdog_on_tick(&kennel.watchdog, 5 * S, &findings[1], 1), 1);
	assert_int_not_equal(findings[0].handle.index, findings[1].handle.index);
	assert_int_equal(dps_watchdog_on_tick(&kennel.watchdog, 5 * S, &findings[0], 1), 0);
	assert_int_equal(kennel.watchdog.next_at_ns, 10 * S);
	kennel_close(&kennel);
}

/* E2: repeated acknowledgements keep nothing alive that does not move. */
static void on_tick__a_flood_of_useless_acks_is_no_progress(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	rig_ack_at(&kennel.rig, 50, S);
	for (uint64_t now = 2; now < 30 && reason(&kennel) == NULL; now++) {
		rig_ack_at(&kennel.rig, 50, now * S);
		look(&kennel, now * S);
	}
	assert_string_equal(reason(&kennel), DPS_REASON_PEER_STALLED);
	kennel_close(&kennel);
}

static void on_tick__acks_that_advance_are_progress(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	for (uint64_t i = 1; i < 100; i++) {
		rig_ack_at(&kennel.rig, i, i * 10 * S);
		assert_int_equal(look_until(&kennel, i * 10 * S), DPS_WATCHDOG_ALIVE);
	}
	assert_null(reason(&kennel));
	kennel_close(&kennel);
}

/* E22: parked longer than the idle time is fine; it has a time of its own. */
static void on_tick__never_ends_a_parked_transfer_for_idling(void **state)
{
	struct kennel kennel;
	struct dps_transfer_resumed answer;
	struct dps_transfer_resume request = { .epoch = 2 };

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	dps_transfer_park(kennel.rig.transfer, 1, 10 * S);
	assert_int_equal(look_until(&kennel, 69 * S), DPS_WATCHDOG_PARKED);
	assert_null(reason(&kennel));
	/* Nor right after: the time parked is not counted, the time before is. */
	assert_int_equal(dps_transfer_resume(kennel.rig.transfer, &request, &answer, 69 * S),
			 DPS_RESUME_OK);
	assert_int_equal(look_until(&kennel, 78 * S), DPS_WATCHDOG_ALIVE);
	assert_null(reason(&kennel));
	assert_int_equal(look_until(&kennel, 80 * S), DPS_WATCHDOG_STALLED_PEER);
	kennel_close(&kennel);
}

/* A peer that comes back again and again and takes nothing is stalled all the same. */
static void on_tick__resumes_are_no_progress(void **state)
{
	struct kennel kennel;
	struct dps_transfer_resumed answer;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	for (uint64_t i = 0; i < 30 && reason(&kennel) == NULL; i++) {
		struct dps_transfer_resume request = { .epoch = 2 + i };

		dps_transfer_park(kennel.rig.transfer, 1 + i, (2 * i + 1) * S);
		dps_transfer_resume(kennel.rig.transfer, &request, &answer, (2 * i + 2) * S);
		look_until(&kennel, (2 * i + 2) * S);
	}
	assert_string_equal(reason(&kennel), DPS_REASON_PEER_STALLED);
	kennel_close(&kennel);
}

/* E21: not resumed in time: ended with its own reason, and the ring is given back. */
static void on_tick__ends_a_parked_transfer_at_its_reconnect_timeout(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	dps_transfer_park(kennel.rig.transfer, 1, 10 * S);
	assert_int_equal(look_until(&kennel, 69 * S), DPS_WATCHDOG_PARKED);
	assert_int_equal(look_until(&kennel, 70 * S), DPS_WATCHDOG_RECONNECT_TIMEOUT);
	assert_string_equal(reason(&kennel), DPS_REASON_RECONNECT_TIMEOUT);
	dps_transfer_on_turn(kennel.rig.transfer);
	assert_int_equal(rig_held(&kennel.rig), 0);
	kennel_close(&kennel);
}

/* E21: with no timeout it waits for ever. */
static void on_tick__waits_for_ever_when_told_to(void **state)
{
	struct dps_transfer_config config = watched_config();
	struct kennel kennel;

	(void)state;
	config.reconnect_ns = DPS_NEVER_NS;
	kennel_open_as(&kennel, &config);
	dps_transfer_park(kennel.rig.transfer, 1, 10 * S);
	kennel.watchdog.next_at_ns = 1000000 * S;
	assert_int_equal(look(&kennel, 1000000 * S), DPS_WATCHDOG_PARKED);
	assert_null(reason(&kennel));
	kennel_close(&kennel);
}

/* E23: a source with nothing to say is told apart, and left alone unless configured. */
static void on_tick__does_not_end_an_idle_source_by_default(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post_at(&kennel.rig, 100, 0, S), 0);
	rig_send(&kennel.rig, 1);
	rig_ack_at(&kennel.rig, 100, 2 * S);
	assert_int_equal(look_until(&kennel, 20 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(look_until(&kennel, 1000 * S), DPS_WATCHDOG_IDLE_SOURCE);
	assert_null(reason(&kennel));
	/* What it posts after an hour has its own idle time to be acknowledged in. */
	assert_int_equal(rig_post_at(&kennel.rig, 100, 0, 1000 * S), 0);
	rig_send(&kennel.rig, 1);
	assert_int_equal(look_until(&kennel, 1019 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(look_until(&kennel, 1020 * S), DPS_WATCHDOG_STALLED_PEER);
	kennel_close(&kennel);
}

/* E23: by configuration, with a reason of its own. */
static void on_tick__ends_an_idle_source_by_config(void **state)
{
	struct dps_transfer_config config = watched_config();
	struct kennel kennel;

	(void)state;
	config.is_source_idle_ended = true;
	kennel_open_as(&kennel, &config);
	assert_int_equal(look_until(&kennel, 20 * S), DPS_WATCHDOG_IDLE_SOURCE);
	assert_string_equal(reason(&kennel), DPS_REASON_SOURCE_IDLE);
	kennel_close(&kennel);
}

/* E23: a peer that says its disk is full, and goes on saying so, is not stalled. */
static void on_tick__tells_a_blocked_sink_from_a_stalled_peer(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	for (uint64_t now = 1; now <= 100; now++) {
		dps_transfer_on_blocked(kennel.rig.transfer, 1, true, now * S);
		look_until(&kennel, now * S);
	}
	assert_int_equal(look_until(&kennel, 105 * S), DPS_WATCHDOG_BLOCKED_SINK);
	assert_null(reason(&kennel));
	/* From when its sink is open the peer has the whole idle time again. */
	dps_transfer_on_blocked(kennel.rig.transfer, 1, false, 110 * S);
	assert_int_equal(look_until(&kennel, 129 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(look_until(&kennel, 130 * S), DPS_WATCHDOG_STALLED_PEER);
	kennel_close(&kennel);
}

/* E23: blocked, and then silent: gone. Another epoch's word does not count. */
static void on_tick__ends_a_blocked_sink_that_fell_silent(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	dps_transfer_on_blocked(kennel.rig.transfer, 1, true, 5 * S);
	dps_transfer_on_blocked(kennel.rig.transfer, 7, true, 20 * S);
	assert_int_equal(look_until(&kennel, 20 * S), DPS_WATCHDOG_BLOCKED_SINK);
	assert_int_equal(look_until(&kennel, 25 * S), DPS_WATCHDOG_STALLED_PEER);
	assert_string_equal(reason(&kennel), DPS_REASON_PEER_STALLED);
	kennel_close(&kennel);
}

/* E23: what it said of its sink ended with its connection: on the next one it may be stalled. */
static void on_tick__a_blocked_sink_is_not_believed_after_a_park(void **state)
{
	struct dps_transfer_resume request = { .epoch = 2 };
	struct dps_transfer_resumed answer;
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	dps_transfer_on_blocked(kennel.rig.transfer, 1, true, 5 * S);
	dps_transfer_park(kennel.rig.transfer, 1, 10 * S);
	assert_false(rig_read(&kennel.rig).is_blocked);
	assert_int_equal(dps_transfer_resume(kennel.rig.transfer, &request, &answer, 12 * S),
			 DPS_RESUME_OK);
	for (uint64_t now = 13; now < 60 && reason(&kennel) == NULL; now++) {
		rig_ack_at(&kennel.rig, 0, now * S);
		look_until(&kennel, now * S);
	}
	assert_string_equal(reason(&kennel), DPS_REASON_PEER_STALLED);
	kennel_close(&kennel);
}

/* Received and not stored is outstanding where the ring waits for stored. */
static void on_tick__waits_for_stored_where_the_ring_does(void **state)
{
	struct dps_transfer_config config = watched_config();
	struct kennel kennel;

	(void)state;
	config.release = DPS_RELEASE_STORED;
	kennel_open_as(&kennel, &config);
	assert_int_equal(rig_post(&kennel.rig, 100), 0);
	rig_send(&kennel.rig, 1);
	rig_ack_at(&kennel.rig, 100, S);
	assert_int_equal(look_until(&kennel, 25 * S), DPS_WATCHDOG_STALLED_PEER);
	kennel_close(&kennel);
}

/* Neither keeps the other: without its registry it has nothing to do, and looks at no transfer. */
static void on_tick__watchdog_does_not_keep_registry_alive(void **state)
{
	struct dps_watchdog_finding finding;
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	dps_transfer_park(kennel.rig.transfer, 1, 0);
	dps_registry_close(kennel.registry);
	assert_int_equal(dps_watchdog_on_tick(&kennel.watchdog, 100 * S, &finding, 1), 0);
	assert_int_equal(kennel.watchdog.next_at_ns, DPS_NEVER_NS);
	assert_null(reason(&kennel));
	kennel_close(&kennel);
}

/* An owner that is gone is not looked at, though a look began before. */
static void on_tick__leaves_out_what_was_unregistered(void **state)
{
	struct kennel kennel;

	(void)state;
	kennel_open(&kennel);
	dps_transfer_park(kennel.rig.transfer, 1, 0);
	assert_int_equal(look_until(&kennel, 5 * S), DPS_WATCHDOG_PARKED);
	dps_registry_unregister(kennel.registry, kennel.handle);
	assert_int_equal(look_until(&kennel, 100 * S), DPS_WATCHDOG_ALIVE);
	assert_null(reason(&kennel));
	kennel_close(&kennel);
}

/* What is no struct dps_transfer: as a program keeps its transfers of files. */
struct foreign {
	struct dps_transfer_snapshot snapshot;
	const char *ended; /* why */
	bool is_unreadable;
};

static bool read_foreign(void *owner, struct dps_transfer_snapshot *snapshot, uint64_t now_ns)
{
	const struct foreign *foreign = owner;

	(void)now_ns;
	*snapshot = foreign->snapshot;
	return !foreign->is_unreadable;
}

static bool end_foreign(void *owner, const char *reason, uint64_t now_ns)
{
	struct foreign *foreign = owner;

	assert_true(now_ns >= 20 * S);
	if (foreign->ended)
		return false;
	foreign->ended = reason;
	return true;
}

static void on_tick__looks_after_what_is_no_transfer_of_ours(void **state)
{
	static const struct dps_watchdog_ops ops = { .read = read_foreign, .end = end_foreign };
	struct foreign foreign[3] = { { .ended = NULL } };
	struct dps_watchdog_finding finding;
	struct dps_watchdog watchdog;
	struct dps_registry *registry;
	struct dps_handle handles[3];

	(void)state;
	registry =
		dps_registry_init(aligned_alloc(64, (dps_registry_bytes(4) + 63) / 64 * 64), 4, 1);
	for (unsigned int i = 0; i < 3; i++) {
		const struct dps_transfer_id id = { { (uint8_t)(i + 1) } };

		foreign[i].snapshot = (struct dps_transfer_snapshot){
			.state = DPS_TRANSFER_ATTACHED,
			.idle_ns = 20 * S,
			.posted = 1,
		};
		assert_int_equal(dps_registry_register(registry, &id, &foreign[i], &handles[i]), 0);
	}
	foreign[0].is_unreadable = true;
	foreign[2].ended = "before";
	dps_watchdog_init_for(&watchdog, registry, &ops, 20 * S, 0);
	for (unsigned int count = 0; dps_watchdog_on_tick(&watchdog, 20 * S, &finding, 1) > 0;) {
		assert_int_equal(finding.verdict, DPS_WATCHDOG_STALLED_PEER);
		assert_true(++count <= 2);
	}
	assert_int_equal(watchdog.unread, 1);
	assert_int_equal(watchdog.ended, 1);
	assert_null(foreign[0].ended);
	assert_string_equal(foreign[1].ended, DPS_REASON_PEER_STALLED);
	assert_string_equal(foreign[2].ended, "before");
	free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_tick__looks_after_what_is_no_transfer_of_ours),
		cmocka_unit_test(tick_ns__is_a_quarter_between_one_and_five_seconds),
		cmocka_unit_test(on_tick__watchdog_check_logic_matches_spawn_loop),
		cmocka_unit_test(on_tick__waits_for_its_time),
		cmocka_unit_test(on_tick__a_flood_of_useless_acks_is_no_progress),
		cmocka_unit_test(on_tick__acks_that_advance_are_progress),
		cmocka_unit_test(on_tick__never_ends_a_parked_transfer_for_idling),
		cmocka_unit_test(on_tick__resumes_are_no_progress),
		cmocka_unit_test(on_tick__ends_a_parked_transfer_at_its_reconnect_timeout),
		cmocka_unit_test(on_tick__waits_for_ever_when_told_to),
		cmocka_unit_test(on_tick__does_not_end_an_idle_source_by_default),
		cmocka_unit_test(on_tick__ends_an_idle_source_by_config),
		cmocka_unit_test(on_tick__tells_a_blocked_sink_from_a_stalled_peer),
		cmocka_unit_test(on_tick__ends_a_blocked_sink_that_fell_silent),
		cmocka_unit_test(on_tick__a_blocked_sink_is_not_believed_after_a_park),
		cmocka_unit_test(on_tick__waits_for_stored_where_the_ring_does),
		cmocka_unit_test(on_tick__watchdog_does_not_keep_registry_alive),
		cmocka_unit_test(on_tick__leaves_out_what_was_unregistered),
	};

	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
