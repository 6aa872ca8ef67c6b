/* SPDX-License-Identifier: BSD-3-Clause */
/* What all transfers of one key may come to, whichever way they get there. */
#include "apps/dpdk-streamd/intake_quota.h"
#include "apps/dpdk-streamd/intake_share.h"
#include "tests/apps/intake_bench.h"
#include <stdlib.h>
#include <string.h>

static int set_up_key(void **state)
{
	int result = set_up(state);
	struct fixture *fixture = *state;

	fixture->link.standing.has_key = true;
	memset(&fixture->link.standing.key, 7, sizeof(fixture->link.standing.key));
	return result;
}

static struct dps_grant *grant_of(struct fixture *fixture)
{
	return &fixture->link.standing.grant;
}

static void expect_refused(struct fixture *fixture, const char *says)
{
	const struct dps_message_refuse *refuse = &hear(fixture, DPS_MESSAGE_REFUSE)->refuse;

	assert_int_equal(refuse->code, DPS_CODE_LIMIT);
	assert_non_null(strstr(refuse->text, says));
	wait_until_gone(fixture);
}

static void expect_cancelled(struct fixture *fixture, const char *says)
{
	const struct dps_message_end *cancel = &hear(fixture, DPS_MESSAGE_CANCEL)->cancel;

	assert_int_equal(cancel->code, DPS_CODE_LIMIT);
	assert_non_null(strstr(cancel->text, says));
}

static void say_more_files(struct fixture *fixture, uint32_t first, uint32_t count)
{
	say(fixture, &(struct dps_message){
			     .type = DPS_MESSAGE_OFFER_MORE,
			     .offer = { .transfer = fixture->id,
					.channel = fixture->number,
					.first = first,
					.total_files = DPS_NUMBER_NONE,
					.total_bytes = DPS_NUMBER_NONE,
					.files_count = count,
					.files = fixture->files + first },
		     });
}

static void more_bytes_are_refused(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 100;
	add(fixture, "a", 60);
	add(fixture, "b", 41);
	begin(fixture);
	expect_refused(fixture, "bytes=");
}

static void as_many_bytes_are_accepted(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 100;
	grant_of(fixture)->files = 2;
	add(fixture, "a", 60);
	add(fixture, "b", 40);
	begin_accepted(fixture);
}

static void sizes_do_not_wrap(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = UINT64_MAX - 1;
	for (int i = 0; i < 3; i++)
		add(fixture, (const char *[]){ "a", "b", "c" }[i], INT64_MAX);
	begin(fixture);
	expect_refused(fixture, "bytes=");
}

static void more_files_are_refused(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->files = 1;
	add(fixture, "a", 1);
	add(fixture, "b", 1);
	begin(fixture);
	expect_refused(fixture, "files=");
}

static void files_offered_later_are_counted(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 100;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	add(fixture, "b", 41);
	say_more_files(fixture, 1, 1);
	expect_cancelled(fixture, "bytes=");
}

static void what_grows_is_counted(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 2 * CHUNK_BYTES;
	add(fixture, "live", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	say_last(fixture);
	for (uint64_t chunks = 1; chunks <= 3; chunks++)
		say(fixture, &(struct dps_message){
				     .type = DPS_MESSAGE_FILE_MORE,
				     .file_more = { .channel = fixture->number,
						    .size_bytes = chunks * CHUNK_BYTES },
			     });
	expect_cancelled(fixture, "bytes=");
	assert_int_equal(fixture->intake->grown_bytes, 2 * CHUNK_BYTES);
}

static void a_size_told_later_is_counted(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 100;
	add(fixture, "a", 60);
	add(fixture, "b", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	say(fixture,
	    &(struct dps_message){
		    .type = DPS_MESSAGE_FILE_END,
		    .file_end = { .channel = fixture->number, .file = 1, .size_bytes = 41 },
	    });
	expect_cancelled(fixture, "bytes=");
}

/* Before what follows it was looked at: its size is not taken for theirs. */
static void a_size_told_among_others_is_counted(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 100;
	add(fixture, "a", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	add(fixture, "b", 60);
	say_more_files(fixture, 1, 1);
	assert_int_equal(fixture->intake->manifest.count, 1);
	say(fixture,
	    &(struct dps_message){
		    .type = DPS_MESSAGE_FILE_END,
		    .file_end = { .channel = fixture->number, .file = 0, .size_bytes = 41 },
	    });
	expect_cancelled(fixture, "bytes=");
}

static void say_size(struct fixture *fixture, enum dps_message_type type, uint64_t size_bytes)
{
	struct dps_message message = { .type = type };

	message.file_end = (struct dps_message_file_size){
		.channel = fixture->number,
		.size_bytes = size_bytes,
	};
	say(fixture, &message);
}

/* What is staged of it was counted when it was loaded, and is a part of its size. */
static void what_has_grown_is_counted_once(void **state)
{
	struct fixture *fixture = *state;

	grant_of(fixture)->bytes = 3 * CHUNK_BYTES;
	add(fixture, "live", DPS_NUMBER_NONE);
	begin_accepted(fixture);
	say_last(fixture);
	say_size(fixture, DPS_MESSAGE_FILE_MORE, CHUNK_BYTES);
	receive_piece(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE), 0);
	(void)hear(fixture, DPS_MESSAGE_HELD);
	put_away(fixture);
	ask_to_load(fixture, 1);
	(void)hear(fixture, DPS_MESSAGE_RESUMED);
	assert_int_equal(fixture->intake->charged_bytes, CHUNK_BYTES);
	open_channel(fixture);
	add(fixture, "behind it", CHUNK_BYTES);
	say_more_files(fixture, 1, 1);
	say_size(fixture, DPS_MESSAGE_FILE_END, 2 * CHUNK_BYTES);
	turn_some(fixture);
	assert_int_equal(fixture->intake->charged_bytes, 3 * CHUNK_BYTES);
	add(fixture, "too much", 1);
	say_more_files(fixture, 2, 1);
	expect_cancelled(fixture, "bytes=");
}

static void begin_and_put_away(struct fixture *fixture)
{
	add(fixture, "a", CHUNK_BYTES + 1);
	begin_accepted(fixture);
	receive_piece(fixture, next_command(fixture, DPS_COMMAND_ANNOUNCE), 0);
	put_away(fixture);
}

/* A collector that was started anew, and a line that was changed meanwhile. */
static void what_is_resumed_is_counted(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	grant_of(fixture)->bytes = CHUNK_BYTES;
	ask_to_load(fixture, 1);
	expect_refused(fixture, "bytes=");
	/* It was not lost by that. */
	grant_of(fixture)->bytes = CHUNK_BYTES + 1;
	ask_to_load(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_RESUMED)->resumed.holds[0].bytes, CHUNK_BYTES);
	assert_int_equal(fixture->intake->charged_bytes, CHUNK_BYTES + 1);
}

static void another_key_resumes_nothing(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	fixture->link.standing.key.bytes[0] ^= 1;
	ask_to_load(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_REFUSE)->refuse.code, DPS_CODE_UNKNOWN);
	wait_until_gone(fixture);
	fixture->link.standing.key.bytes[0] ^= 1;
	ask_to_load(fixture, 1);
	hear(fixture, DPS_MESSAGE_RESUMED);
}

/* Its files would lie in two places. */
static void another_folder_begins_anew(void **state)
{
	struct fixture *fixture = *state;

	begin_and_put_away(fixture);
	strcpy(grant_of(fixture)->into, "lab");
	ask_to_load(fixture, 1);
	assert_int_equal(hear(fixture, DPS_MESSAGE_REFUSE)->refuse.code, DPS_CODE_UNKNOWN);
	wait_until_gone(fixture);
}

static void files_go_into_the_folder_of_the_key(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;

	strcpy(grant_of(fixture)->into, "lab/probe");
	add(fixture, "tree/a", 10);
	begin_accepted(fixture);
	say_last(fixture);
	command = next_command(fixture, DPS_COMMAND_ANNOUNCE);
	say_right_digest(fixture, 0);
	receive_file(fixture, command);
	assert_int_equal(hear(fixture, DPS_MESSAGE_DONE)->done.failed, 0);
	assert_true(is_there(fixture, "lab/probe/tree/a"));
	assert_false(is_there(fixture, "tree"));
}

static void nothing_leaves_the_folder_of_the_key(void **state)
{
	struct fixture *fixture = *state;

	strcpy(grant_of(fixture)->into, "lab");
	add(fixture, "../a", 10);
	begin(fixture);
	assert_int_equal(hear(fixture, DPS_MESSAGE_REFUSE)->refuse.code, DPS_CODE_BAD_NAME);
	wait_until_gone(fixture);
}

static void transfers_are_counted_over_all_connections(void **state)
{
	struct fixture *fixture = *state;
	struct dps_peer_standing standing;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	grant_of(fixture)->transfers = 1;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	standing = fixture->link.standing;
	assert_false(dps_quota_begin(&fixture->context, &standing, text));
	assert_non_null(strstr(text, "transfers="));
	standing.key.bytes[0] ^= 1;
	assert_true(dps_quota_begin(&fixture->context, &standing, text));
}

/* Also of a key without limits: what one has is not all that there is. */
static void names_of_a_key_leave_room_for_those_of_others(void **state)
{
	struct fixture *fixture = *state;
	struct dps_peer_standing standing;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];
	uint64_t names_bytes;

	add(fixture, "a", 60);
	begin_accepted(fixture);
	standing = fixture->link.standing;
	names_bytes = fixture->intake->manifest_bytes;
	fixture->intake->manifest_bytes = DPS_QUOTA_NAMES_BYTES_MAX;
	assert_true(dps_quota_begin(&fixture->context, &standing, text));
	fixture->intake->manifest_bytes++;
	assert_false(dps_quota_begin(&fixture->context, &standing, text));
	assert_non_null(strstr(text, "768 MiB of names"));
	standing.key.bytes[0] ^= 1;
	assert_true(dps_quota_begin(&fixture->context, &standing, text));
	fixture->intake->manifest_bytes = names_bytes;
}

/* Whoever has lost its memory of it comes with another one, and is not kept out by the first. */
static void a_parked_one_makes_room_for_its_own_key(void **state)
{
	struct fixture *fixture = *state;
	struct dps_peer_standing standing;
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	grant_of(fixture)->transfers = 1;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	lose(fixture, true);
	assert_true(fixture->intake->is_parked);
	standing = fixture->link.standing;
	standing.key.bytes[0] ^= 1;
	assert_true(dps_quota_begin(&fixture->context, &standing, text));
	assert_false(fixture->intake->makes_room);
	assert_true(dps_quota_begin(&fixture->context, &fixture->link.standing, text));
	assert_true(fixture->intake->makes_room);
	wait_until_gone(fixture);
}

/* Nor does it make room for one that would not fit into it. */
static void a_parked_one_stays_when_another_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct dps_intake other = { .context = &fixture->context, .state = DPS_INTAKE_OFFERED };
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	grant_of(fixture)->bytes = 100;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	lose(fixture, true);
	other.standing = fixture->link.standing;
	fixture->intake->next = &other;
	assert_false(dps_quota_charge(&other, 1, 101, text));
	assert_non_null(strstr(text, "bytes="));
	assert_false(fixture->intake->makes_room);
	assert_true(dps_quota_charge(&other, 1, 40, text));
	assert_false(fixture->intake->makes_room);
	assert_true(dps_quota_charge(&other, 1, 60, text));
	assert_true(fixture->intake->makes_room);
	fixture->intake->next = NULL;
	wait_until_gone(fixture);
}

static void what_is_granted_anew_holds_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct dps_peer_standing standing;

	add(fixture, "a", 60);
	begin_accepted(fixture);
	standing = fixture->link.standing;
	standing.grant.bytes = 60;
	dps_quota_on_granted(&fixture->context, &standing, 0);
	assert_int_equal(fixture->intake->state, DPS_INTAKE_ACTIVE);
	assert_int_equal(fixture->intake->standing.grant.bytes, 60);
	standing.grant.bytes = 59;
	dps_quota_on_granted(&fixture->context, &standing, 0);
	expect_cancelled(fixture, "bytes=");
}

static void another_folder_granted_ends_what_is_under_way(void **state)
{
	struct fixture *fixture = *state;
	struct dps_peer_standing standing;

	add(fixture, "a", 60);
	begin_accepted(fixture);
	standing = fixture->link.standing;
	strcpy(standing.grant.into, "lab");
	dps_quota_on_granted(&fixture->context, &standing, 0);
	expect_cancelled(fixture, "into=");
}

/* Before anything can be granted; and anew when the line is changed. */
static void rate_and_memory_are_held_by_the_lane(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_lane_command *command;
	struct dps_peer_standing standing;

	grant_of(fixture)->rate_bits_per_s = 8000000;
	grant_of(fixture)->memory_bytes = 3 * CHUNK_BYTES;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	command = next_command(fixture, DPS_COMMAND_SET_SHARE);
	assert_int_equal(count_commands(DPS_COMMAND_ANNOUNCE), 0);
	assert_int_equal(command->channel, fixture->channel);
	assert_int_equal(command->share.bytes_per_s, 1000000);
	assert_int_equal(command->share.window_bytes, 3 * CHUNK_BYTES);
	standing = fixture->link.standing;
	standing.grant.rate_bits_per_s = 0;
	standing.grant.memory_bytes = 1;
	dps_quota_on_granted(&fixture->context, &standing, 0);
	dps_intake_share_all(&fixture->context);
	dps_intake_share_all(&fixture->context); /* said once */
	command = next_command(fixture, DPS_COMMAND_SET_SHARE);
	assert_int_equal(command->share.bytes_per_s, 0);
	assert_int_equal(command->share.window_bytes, CHUNK_BYTES);
	assert_int_equal(count_commands(DPS_COMMAND_SET_SHARE), 2);
}

static void without_limits_the_lane_hears_of_none(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "a", 60);
	begin_accepted(fixture);
	dps_intake_share_all(&fixture->context);
	assert_int_equal(count_commands(DPS_COMMAND_SET_SHARE), 0);
}

static void transfers_of_a_key_share_equally(void **state)
{
	struct fixture *fixture = *state;
	struct dps_intake other = { .context = &fixture->context,
				    .state = DPS_INTAKE_ACTIVE,
				    .channel_state = DPS_INTAKE_CHANNEL_OPEN };

	grant_of(fixture)->rate_bits_per_s = 8000000;
	add(fixture, "a", 60);
	begin_accepted(fixture);
	assert_int_equal(next_command(fixture, DPS_COMMAND_SET_SHARE)->share.bytes_per_s, 1000000);
	other.standing = fixture->link.standing;
	fixture->intake->next = &other;
	dps_intake_share_all(&fixture->context);
	assert_int_equal(next_command(fixture, DPS_COMMAND_SET_SHARE)->share.bytes_per_s, 500000);
	assert_int_equal(next_command(fixture, DPS_COMMAND_SET_SHARE)->share.bytes_per_s, 500000);
	other.standing.key.bytes[0] ^= 1;
	dps_intake_share_all(&fixture->context);
	assert_int_equal(next_command(fixture, DPS_COMMAND_SET_SHARE)->share.bytes_per_s, 1000000);
	fixture->intake->next = NULL;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up_key, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(more_bytes_are_refused),
		CASE(as_many_bytes_are_accepted),
		CASE(sizes_do_not_wrap),
		CASE(more_files_are_refused),
		CASE(files_offered_later_are_counted),
		CASE(what_grows_is_counted),
		CASE(a_size_told_later_is_counted),
		CASE(a_size_told_among_others_is_counted),
		CASE(what_has_grown_is_counted_once),
		CASE(what_is_resumed_is_counted),
		CASE(another_key_resumes_nothing),
		CASE(another_folder_begins_anew),
		CASE(files_go_into_the_folder_of_the_key),
		CASE(nothing_leaves_the_folder_of_the_key),
		CASE(transfers_are_counted_over_all_connections),
		CASE(names_of_a_key_leave_room_for_those_of_others),
		CASE(a_parked_one_makes_room_for_its_own_key),
		CASE(a_parked_one_stays_when_another_is_refused),
		CASE(what_is_granted_anew_holds_at_once),
		CASE(another_folder_granted_ends_what_is_under_way),
		CASE(rate_and_memory_are_held_by_the_lane),
		CASE(without_limits_the_lane_hears_of_none),
		CASE(transfers_of_a_key_share_equally),
	};

	return cmocka_run_group_tests_name("intake_quota", tests, NULL, NULL);
}
