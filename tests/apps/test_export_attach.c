/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/export_bench.h"
#include <errno.h>
#include <stdio.h>

static void attach__says_once_more_what_was_lost(void **state)
{
	struct fixture *fixture = *state;
	unsigned int commands_before;

	make_file(fixture, "a", CHUNK + 7);
	make_file(fixture, "b", CHUNK);
	make_file(fixture, "c", 10);
	begin(fixture);
	for (unsigned int i = 0; i < 3; i++)
		next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	read_pieces(fixture, 0, 0, CHUNK + 7);
	hear(fixture, DPS_MESSAGE_DIGEST); /* perhaps the collector did not */
	detach(fixture);
	commands_before = commands_count;
	/* Read, and failed, while nobody listens. */
	read_pieces(fixture, 1, 0, CHUNK);
	dps_export_on_lane_event(
		&fixture->export,
		&(struct dps_lane_event){ .type = DPS_LANE_ENGINE,
					  .engine = { .type = DPS_EVENT_FILE_FAILED,
						      .channel = LANE_CHANNEL,
						      .generation = fixture->generation,
						      .file_index = 2,
						      .error = -EIO } },
		0);
	while (!fixture->export.files[1].is_known)
		turn(fixture);
	ask_to_attach(fixture);
	say_stored(fixture, 0);
	say_attached(fixture, 3, 3);
	assert_int_equal(hear(fixture, DPS_MESSAGE_LAST)->last.files, 3);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].file, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_SKIP)->skip.file, 2);
	say_stored(fixture, 1);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 2);
	assert_int_equal(fixture->export.bytes_resent, 0);
	assert_int_equal(commands_count, commands_before); /* the lane heard nothing of it */
}

/* It left, and nobody knows whether it arrived. */
static void attach__says_digests_once_more(void **state)
{
	struct fixture *fixture = *state;

	make_file(fixture, "a", CHUNK + 7);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	read_pieces(fixture, 0, 0, CHUNK + 7);
	hear(fixture, DPS_MESSAGE_DIGEST);
	for (unsigned int i = 0; i < 2; i++) {
		detach(fixture);
		ask_to_attach(fixture);
		say_attached(fixture, 1, 1);
		assert_int_equal(hear(fixture, DPS_MESSAGE_DIGEST)->digest.items[0].file, 0);
	}
	say_stored(fixture, 0);
	turn_some(fixture);
	assert_true(fixture->made_sense);
	assert_int_equal(fixture->export.files_stored, 1);
}

static void attach__offers_what_was_lost(void **state)
{
	struct fixture *fixture = *state;
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };

	make_file(fixture, "a", 5);
	make_file(fixture, "b", 6);
	make_file(fixture, "c", 7);
	snprintf(path, sizeof(path), "%s/tree", fixture->disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &fixture->source, sentence), 0);
	connect_ends(fixture);
	assert_int_equal(dps_export_init(&fixture->export, NULL, fixture->source, NULL,
					 &fixture->link, &fixture->report),
			 0);
	dps_export_start(&fixture->export, 5);
	hear(fixture, DPS_MESSAGE_OFFER);
	say_accept(fixture, 1, NULL, 0);
	open_channel(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	detach(fixture);
	turn_some(fixture);
	ask_to_attach(fixture);
	say_attached(fixture, 1, 2);
	assert_int_equal(hear(fixture, DPS_MESSAGE_OFFER_MORE)->offer.first, 2);
	hear(fixture, DPS_MESSAGE_LAST);
	say_accept(fixture, 3, NULL, 0);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	next_command(fixture, DPS_COMMAND_ANNOUNCE_LAST);
	assert_true(fixture->made_sense);
}

static void attach__that_is_refused_resumes(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_hold hold = { .file = 0, .bytes = CHUNK };

	make_file(fixture, "a", 3 * CHUNK);
	begin(fixture);
	next_command(fixture, DPS_COMMAND_ANNOUNCE);
	detach(fixture);
	read_pieces(fixture, 0, 0, CHUNK);
	ask_to_attach(fixture);
	lose(fixture);
	give_back(fixture);
	ask_to_resume(fixture);
	say_resumed(fixture, 1, &hold, 1);
	open_channel(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_ANNOUNCE)->extent.file_offset, CHUNK);
	assert_true(fixture->made_sense);
}

static void attached__nonsense_is_told_apart(void **state)
{
	struct fixture *fixture = *state;
	static const uint32_t wrong[][2] = { { 1, 2 }, { 2, 3 }, { 3, 2 }, { 3, 3 } };

	make_file(fixture, "a", 5);
	make_file(fixture, "b", 6);
	begin(fixture);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		detach(fixture);
		ask_to_attach(fixture);
		fixture->made_sense = true;
		say_attached(fixture, wrong[i][0], wrong[i][1]);
		turn_some(fixture);
		assert_false(fixture->made_sense);
	}
	detach(fixture);
	ask_to_attach(fixture);
	say_attached(fixture, 2, 2);
	hear(fixture, DPS_MESSAGE_LAST);
	assert_true(fixture->made_sense);
	say_attached(fixture, 2, 2); /* nobody asked again */
	turn_some(fixture);
	assert_false(fixture->made_sense);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(attach__says_once_more_what_was_lost), CASE(attach__says_digests_once_more),
		CASE(attach__offers_what_was_lost),	    CASE(attach__that_is_refused_resumes),
		CASE(attached__nonsense_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
