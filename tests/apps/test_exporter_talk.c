/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an exporter makes of a data path that the collector closes, whose word about it comes over
 * another connection, sooner or later than the packet; and of a control connection that is lost
 * while the path is not.
 */
#include "tests/apps/exporter_bench.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void lose_path(struct fixture *fixture, uint32_t reason)
{
	const struct dps_lane_event event = {
		.type = DPS_LANE_ENGINE,
		.engine = { .type = DPS_EVENT_PATH_LOST, .path = PATH, .error = (int32_t)reason },
	};

	dps_exporter_on_lane_event(&fixture->exporter, &event, DPS_NS_PER_S);
}

static void say(struct fixture *fixture, enum dps_control_code code)
{
	const struct dps_message message = { .type = DPS_MESSAGE_ERROR,
					     .error = { .code = code, .text = "why" } };

	dps_exporter_on_message(&fixture->exporter, &message, DPS_NS_PER_S);
}

static void expect_taken(const struct fixture *fixture)
{
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_LEAVING);
	assert_int_equal(fixture->exporter.status, DPS_EXIT_LOST);
	assert_non_null(strstr(fixture->exporter.sentence, "taken this transfer over"));
}

/* ---- tests ---- */

static void superseded__in_the_order_it_was_said(void **state)
{
	struct fixture *fixture = *state;

	say(fixture, DPS_CODE_SUPERSEDED);
	lose_path(fixture, DPS_CLOSE_SUPERSEDED);
	expect_taken(fixture);
}

static void superseded__is_heard_though_the_path_was_closed_before(void **state)
{
	struct fixture *fixture = *state;

	lose_path(fixture, DPS_CLOSE_SUPERSEDED);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_MOVING);
	say(fixture, DPS_CODE_SUPERSEDED);
	expect_taken(fixture);
}

static void shutting_down__parks_with_its_own_reason(void **state)
{
	struct fixture *fixture = *state;

	lose_path(fixture, DPS_CLOSE_SHUTDOWN);
	say(fixture, DPS_CODE_SHUTTING_DOWN);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
	assert_non_null(strstr(fixture->exporter.lost_why, "shutting_down"));
}

static void path_closed__and_not_a_word_parks_at_the_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct dps_exporter *exporter = &fixture->exporter;

	lose_path(fixture, DPS_CLOSE_SUPERSEDED);
	assert_true(exporter->deadline_ns > DPS_NS_PER_S);
	assert_true(exporter->deadline_ns < 10 * DPS_NS_PER_S);
	dps_exporter_on_path_lost(exporter, exporter->shut_reason, exporter->deadline_ns);
	assert_int_equal(exporter->state, DPS_EXPORTER_PARKED);
	assert_non_null(strstr(exporter->lost_why, "closed the data path"));
	assert_false(exporter->is_path_shut);
}

static void path_closed__and_the_control_connection_too_parks_at_once(void **state)
{
	struct fixture *fixture = *state;

	lose_path(fixture, DPS_CLOSE_SUPERSEDED);
	dps_peer_link_close(&fixture->exporter.link);
	dps_exporter_on_closed(&fixture->exporter, "gone", DPS_NS_PER_S);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
}

static void path_silent__parks_at_once(void **state)
{
	struct fixture *fixture = *state;

	lose_path(fixture, DPS_CLOSE_IDLE);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
}

/* The loop wakes for it: no other event need be due then. */
static void parked__is_dialled_again_when_the_backoff_says(void **state)
{
	struct fixture *fixture = *state;
	struct dps_exporter *exporter = &fixture->exporter;
	uint64_t redial_at_ns;

	assert_int_equal(dps_exporter_redial_at_ns(exporter), DPS_NEVER_NS);
	dps_peer_link_close(&exporter->link);
	dps_exporter_on_closed(exporter, "gone", DPS_NS_PER_S);
	redial_at_ns = dps_exporter_redial_at_ns(exporter);
	assert_int_equal(redial_at_ns, dps_backoff_next_at_ns(&exporter->backoff));
	assert_true(redial_at_ns >= DPS_NS_PER_S + DPS_BACKOFF_FLOOR_NS);
	assert_true(redial_at_ns < 2 * DPS_NS_PER_S);
	/* Before that it dials nobody; then it asks for a path first, of which there is none. */
	assert_true(dps_exporter_dial(exporter, redial_at_ns - 1));
	assert_false(dps_exporter_dial(exporter, redial_at_ns));
	exporter->is_dialing = true;
	assert_int_equal(dps_exporter_redial_at_ns(exporter), DPS_NEVER_NS);
}

/* ---- the control connection is lost, and the path is not ---- */

static bool has_command(uint8_t type, uint32_t path, uint32_t value)
{
	for (unsigned int i = 0; i < commands_count; i++)
		if (commands[i].type == type && commands[i].path == path &&
		    commands[i].value == value)
			return true;
	return false;
}

static void lose_control(struct fixture *fixture)
{
	fixture->exporter.export.accepted_end = 1;
	dps_peer_link_close(&fixture->exporter.link);
	dps_exporter_on_closed(&fixture->exporter, "gone", DPS_NS_PER_S);
}

/* Another connection is there, and the collector said hello. */
static void ask_to_attach(struct fixture *fixture)
{
	const struct dps_message_hello hello = { .epoch = 12 };
	const struct dps_socket_address nowhere = { .bytes = 0 };
	struct dps_exporter *exporter = &fixture->exporter;
	int ends[2];

	lose_control(fixture);
	close(fixture->collector);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	fixture->collector = ends[1];
	assert_int_equal(dps_peer_link_open(&exporter->link, &loop,
					    dps_socket_create_tcp(ends[0], &nowhere)),
			 0);
	exporter->spare = (struct dps_exporter_path){
		.path = SPARE,
		.epoch = 12,
		.is_there = true,
		.is_said = true,
	};
	dps_exporter_attach(exporter, &hello, 2 * DPS_NS_PER_S);
	assert_int_equal(exporter->state, DPS_EXPORTER_ATTACHING);
}

static void refuse(struct fixture *fixture, enum dps_control_code code)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = code, .channel = 1, .text = "why" },
	};

	dps_exporter_on_message(&fixture->exporter, &message, 2 * DPS_NS_PER_S);
}

static void control_lost__goes_on_and_watches_the_path(void **state)
{
	struct fixture *fixture = *state;

	lose_control(fixture);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_DETACHED);
	assert_true(dps_exporter_redial_at_ns(&fixture->exporter) < 2 * DPS_NS_PER_S);
	assert_true(dps_exporter_is_moving(&fixture->exporter));
	assert_false(dps_exporter_is_parked(&fixture->exporter));
	assert_true(has_command(DPS_COMMAND_WATCH_PATH, PATH, 1));
	assert_int_equal(commands_count, 1);
}

static void control_lost__before_anything_was_accepted_parks(void **state)
{
	struct fixture *fixture = *state;

	dps_peer_link_close(&fixture->exporter.link);
	dps_exporter_on_closed(&fixture->exporter, "gone", DPS_NS_PER_S);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
}

static void control_lost__and_the_path_silent_parks(void **state)
{
	struct fixture *fixture = *state;

	lose_control(fixture);
	lose_path(fixture, DPS_CLOSE_IDLE);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
	assert_false(dps_exporter_is_detached(&fixture->exporter));
}

/* Nobody can say so, and who parks would take it back. */
static void control_lost__and_the_path_superseded_is_taken(void **state)
{
	struct fixture *fixture = *state;

	lose_control(fixture);
	lose_path(fixture, DPS_CLOSE_SUPERSEDED);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_ENDED);
	assert_non_null(strstr(fixture->exporter.sentence, "taken this transfer over"));
}

static void control_lost__for_too_long_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct dps_exporter *exporter = &fixture->exporter;

	lose_control(fixture);
	assert_int_equal(exporter->deadline_ns, 31 * DPS_NS_PER_S);
	dps_exporter_give_up_detached(exporter, exporter->deadline_ns);
	assert_int_equal(exporter->state, DPS_EXPORTER_ENDED);
	assert_int_equal(exporter->status, DPS_EXIT_LOST);
	assert_non_null(strstr(exporter->sentence, "30.0 s"));
}

static void attached__goes_on_over_the_old_path(void **state)
{
	struct fixture *fixture = *state;
	struct dps_exporter *exporter = &fixture->exporter;
	struct dps_message message = { .type = DPS_MESSAGE_ATTACHED,
				       .attached = {
					       .channel = 1, .files_end = 1, .offered_end = 1 } };

	ask_to_attach(fixture);
	exporter->export.offered_end = 1;
	message.attached.transfer = exporter->export.id;
	dps_exporter_on_message(exporter, &message, 3 * DPS_NS_PER_S);
	assert_int_equal(exporter->state, DPS_EXPORTER_MOVING);
	assert_false(dps_exporter_is_detached(exporter));
	assert_int_equal(exporter->path, PATH);
	assert_int_equal(exporter->epoch, EPOCH);
	assert_int_equal(opened_path, 0);
	assert_true(has_command(DPS_COMMAND_WATCH_PATH, PATH, 0));
	assert_true(has_command(DPS_COMMAND_CLOSE_PATH, SPARE, DPS_CLOSE_SUPERSEDED));
	assert_false(has_command(DPS_COMMAND_CLOSE_PATH, PATH, DPS_CLOSE_SUPERSEDED));
}

static void expect_resuming(const struct fixture *fixture)
{
	const struct dps_exporter *exporter = &fixture->exporter;

	assert_int_equal(exporter->state, DPS_EXPORTER_RESUMING);
	assert_true(dps_exporter_is_parked(exporter) && !dps_exporter_is_detached(exporter));
	assert_int_equal(exporter->path, SPARE);
	assert_int_equal(exporter->epoch, 12);
	assert_int_equal(opened_path, SPARE);
	assert_false(exporter->is_path_open);
	assert_true(exporter->link.is_open);
	assert_true(has_command(DPS_COMMAND_CLOSE_PATH, PATH, DPS_CLOSE_SUPERSEDED));
}

static void attach__that_is_refused_resumes_on_the_same_connection(void **state)
{
	struct fixture *fixture = *state;

	ask_to_attach(fixture);
	refuse(fixture, DPS_CODE_PARKED);
	expect_resuming(fixture);
}

static void attach__whose_path_goes_silent_resumes_on_the_same_connection(void **state)
{
	struct fixture *fixture = *state;

	ask_to_attach(fixture);
	lose_path(fixture, DPS_CLOSE_IDLE);
	expect_resuming(fixture);
}

/* The connection ends with a refusal: by whom is trusted, or by the TLS that is spoken. */
static void refuse_hands(struct fixture *fixture, enum dps_exporter_state in, uint64_t at_ns)
{
	struct dps_exporter *exporter = &fixture->exporter;

	dps_exporter_enter(exporter, in, at_ns + 10 * DPS_NS_PER_S);
	dps_peer_link_close(&exporter->link);
	exporter->link.connection.is_refused = true;
	dps_exporter_on_closed(exporter, "does not trust our key", at_ns);
}

/* In the same moment: nothing is dialled again, and nothing is waited for. */
static void expect_refused_for_good(const struct fixture *fixture)
{
	const struct dps_exporter *exporter = &fixture->exporter;

	assert_int_equal(exporter->state, DPS_EXPORTER_ENDED);
	assert_int_equal(exporter->status, DPS_EXIT_REFUSED);
	assert_string_equal(exporter->sentence, "does not trust our key");
	assert_true(exporter->deadline_ns == DPS_NEVER_NS);
	assert_true(dps_exporter_redial_at_ns(exporter) == DPS_NEVER_NS);
	assert_true(dps_exporter_dial_deadline_ns(exporter) == DPS_NEVER_NS);
}

static void hands__that_are_refused_end_it_at_once(void **state)
{
	struct fixture *fixture = *state;

	refuse_hands(fixture, DPS_EXPORTER_GREETING, DPS_NS_PER_S);
	expect_refused_for_good(fixture);
}

/* Also when it was trusted before: what waits to be resumed does not go on asking. */
static void hands__that_are_refused_on_another_connection_end_it_too(void **state)
{
	struct fixture *fixture = *state;

	lose_path(fixture, DPS_CLOSE_IDLE);
	assert_int_equal(fixture->exporter.state, DPS_EXPORTER_PARKED);
	refuse_hands(fixture, DPS_EXPORTER_GREETING, 2 * DPS_NS_PER_S);
	expect_refused_for_good(fixture);
}

static void attach__of_what_another_has_ends(void **state)
{
	struct fixture *fixture = *state;

	ask_to_attach(fixture);
	refuse(fixture, DPS_CODE_SUPERSEDED);
	expect_taken(fixture);
}

static void attach__that_loses_its_connection_is_tried_again(void **state)
{
	struct fixture *fixture = *state;
	struct dps_exporter *exporter = &fixture->exporter;

	ask_to_attach(fixture);
	dps_peer_link_close(&exporter->link);
	dps_exporter_on_closed(exporter, "gone again", 3 * DPS_NS_PER_S);
	assert_int_equal(exporter->state, DPS_EXPORTER_DETACHED);
	assert_int_equal(exporter->detached_at_ns, DPS_NS_PER_S); /* since the first loss */
	assert_false(exporter->spare.is_there);
	assert_true(has_command(DPS_COMMAND_CLOSE_PATH, SPARE, DPS_CLOSE_SUPERSEDED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(superseded__in_the_order_it_was_said),
		TEST(superseded__is_heard_though_the_path_was_closed_before),
		TEST(shutting_down__parks_with_its_own_reason),
		TEST(path_closed__and_not_a_word_parks_at_the_deadline),
		TEST(path_closed__and_the_control_connection_too_parks_at_once),
		TEST(path_silent__parks_at_once),
		TEST(parked__is_dialled_again_when_the_backoff_says),
		TEST(control_lost__goes_on_and_watches_the_path),
		TEST(control_lost__before_anything_was_accepted_parks),
		TEST(control_lost__and_the_path_silent_parks),
		TEST(control_lost__and_the_path_superseded_is_taken),
		TEST(control_lost__for_too_long_is_given_up),
		TEST(attached__goes_on_over_the_old_path),
		TEST(attach__that_is_refused_resumes_on_the_same_connection),
		TEST(attach__whose_path_goes_silent_resumes_on_the_same_connection),
		TEST(hands__that_are_refused_end_it_at_once),
		TEST(hands__that_are_refused_on_another_connection_end_it_too),
		TEST(attach__of_what_another_has_ends),
		TEST(attach__that_loses_its_connection_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
