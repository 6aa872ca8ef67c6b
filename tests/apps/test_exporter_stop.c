/* SPDX-License-Identifier: BSD-3-Clause */
/* What a signal comes to: of a live source, what was read is brought to the collector first. */
#include "tests/apps/exporter_bench.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 65536,
	SIGNAL = 15,
	GRACE_S = 8,
};

static struct dps_export_file file;
static int to; /* the source's writer */

static void on_more(void *context)
{
	(void)context;
}

static int set_up_live(void **state)
{
	struct dps_live_config config = {
		.ring_bytes = 4 * CHUNK,
		.chunk_bytes = CHUNK,
		.depth = 1,
		.on_more = on_more,
	};
	struct fixture *fixture;
	int ends[2];

	set_up(state);
	fixture = *state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	to = ends[1];
	config.input.fd = ends[0];
	assert_int_equal(dps_live_open(&config, &live), 0);
	options.grace_ns = GRACE_S * DPS_NS_PER_S;
	file = (struct dps_export_file){ .state = DPS_EXPORT_SENDING };
	fixture->exporter.export.live = live;
	fixture->exporter.export.files = &file;
	fixture->exporter.export.files_count = 1;
	fixture->exporter.export.was_accepted = true;
	return 0;
}

static int tear_down_live(void **state)
{
	dps_live_close(live);
	live = NULL;
	close(to);
	return tear_down(state);
}

static void stop(struct fixture *fixture)
{
	dps_exporter_on_stop(&fixture->exporter, SIGNAL, DPS_NS_PER_S);
}

static void say_done(struct fixture *fixture)
{
	const struct dps_message done = { .type = DPS_MESSAGE_DONE };

	dps_exporter_on_message(&fixture->exporter, &done, DPS_NS_PER_S);
}

static void files__are_left_to_the_next_run(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, 128 + SIGNAL);
	assert_non_null(strstr(fixture->exporter.sentence, "the same command resumes"));
}

/* Its end comes from the source's thread; the transfer goes on meanwhile. */
static void live__ends_where_it_was_read_to(void **state)
{
	struct fixture *fixture = *state;
	struct dps_live_state seen = { 0 };

	stop(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_MOVING);
	assert_int_equal(fixture->exporter.status, 0);
	while (!seen.has_ended) {
		assert_int_equal(poll(NULL, 0, 1), 0);
		dps_live_read(live, &seen);
	}
	assert_int_equal(seen.error, -ECANCELED);
	file.error = seen.error;
	file.state = DPS_EXPORT_FAILED;
	fixture->exporter.export.files_failed = fixture->exporter.export.settled_count = 1;
	say_done(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, 128 + SIGNAL);
	assert_non_null(strstr(fixture->exporter.sentence, "cannot be resumed"));
}

/* The signal came behind its end: nothing of it is missing. */
static void live__that_is_stored_after_all_is_stored(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	file.state = DPS_EXPORT_STORED;
	fixture->exporter.export.files_stored = fixture->exporter.export.settled_count = 1;
	say_done(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, 0);
}

static void live__that_takes_too_long_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns;

	stop(fixture);
	until_ns = dps_exporter_stop_deadline_ns(&fixture->exporter);
	assert_true(until_ns > DPS_NS_PER_S);
	assert_true(until_ns < (1 + GRACE_S) * DPS_NS_PER_S);
	dps_exporter_step_stop(&fixture->exporter, until_ns - 1);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_MOVING);
	dps_exporter_step_stop(&fixture->exporter, until_ns);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, 128 + SIGNAL);
	assert_true(fixture->exporter.deadline_ns <= (1 + GRACE_S) * DPS_NS_PER_S);
	assert_int_equal(dps_exporter_stop_deadline_ns(&fixture->exporter), DPS_NEVER_NS);
}

/* There is nobody to bring it to. */
static void live__before_anything_was_accepted_ends_at_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->exporter.export.was_accepted = fixture->exporter.export.is_live = false;
	stop(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, 128 + SIGNAL);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up_live, tear_down_live)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files__are_left_to_the_next_run, set_up, tear_down),
		CASE(live__ends_where_it_was_read_to),
		CASE(live__that_is_stored_after_all_is_stored),
		CASE(live__that_takes_too_long_is_given_up),
		CASE(live__before_anything_was_accepted_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
