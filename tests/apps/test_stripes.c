/* SPDX-License-Identifier: BSD-3-Clause */
/* Several paths and channels that are one to who uses them: what goes to each, what is said of all.
 */
#include "apps/dpdk-streamd/stripes.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <string.h>

enum { CHUNK = 65536, MAX = 64, COUNT = 3, FD = 40, COOKIE = 77, INDEX = 9 };

/* The members' names are as far apart as those of lanes. */
#define PATH(i) ((uint32_t)(5 + ((i) << 12)))
#define CHANNEL(i) ((uint32_t)(6 + ((i) << 24)))
#define GENERATION(i) ((uint32_t)(100 + (i)))

static struct dps_lane_command commands[MAX];
static struct dps_lane_event said[MAX];
static unsigned int commands_count, said_count;
static struct dps_stripes stripes;

static void on_command(void *context, const struct dps_lane_command *command)
{
	(void)context;
	assert_true(commands_count < MAX);
	commands[commands_count++] = *command;
}

static void on_say(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	(void)context;
	(void)now_ns;
	assert_true(said_count < MAX);
	said[said_count++] = *event;
}

static void forget(void)
{
	commands_count = said_count = 0;
}

static bool tell(const struct dps_lane_event *event)
{
	return dps_stripes_on_event(&stripes, event, 0);
}

static bool tell_engine(unsigned int member, struct dps_event event)
{
	event.channel = CHANNEL(member);
	event.generation = GENERATION(member);
	return tell(&(struct dps_lane_event){ .type = DPS_LANE_ENGINE, .engine = event });
}

static bool tell_path(unsigned int member, uint8_t type, uint32_t bytes, int error)
{
	return tell(&(struct dps_lane_event){
		.type = DPS_LANE_ENGINE,
		.engine = { .type = type, .path = PATH(member), .bytes = bytes, .error = error } });
}

static void tell_done(unsigned int member, uint32_t file, int error)
{
	assert_true(tell_engine(member, (struct dps_event){ .type = DPS_EVENT_FILE_DONE,
							    .file_index = file,
							    .error = error }));
}

static bool tell_opened(unsigned int member, int error)
{
	return tell(&(struct dps_lane_event){ .type = DPS_LANE_CHANNEL_OPENED,
					      .cookie = COOKIE,
					      .engine = { .path = PATH(member),
							  .channel = CHANNEL(member),
							  .generation = GENERATION(member),
							  .error = error } });
}

static bool tell_closed(int fd)
{
	return tell(&(struct dps_lane_event){ .type = DPS_LANE_FILE_CLOSED, .fd = fd });
}

static bool tell_refused(unsigned int member, int fd, uint32_t file, int error)
{
	return tell(&(struct dps_lane_event){ .type = DPS_LANE_REFUSED,
					      .fd = fd,
					      .engine = { .channel = CHANNEL(member),
							  .generation = GENERATION(member),
							  .file_index = file,
							  .error = error } });
}

static bool ask(uint8_t type)
{
	return dps_stripes_on_command(&stripes,
				      &(struct dps_lane_command){ .type = type,
								  .path = PATH(0),
								  .channel = CHANNEL(0),
								  .generation = GENERATION(0),
								  .fd = -1,
								  .value = 1 });
}

static void announce(int fd, uint32_t file)
{
	assert_true(dps_stripes_on_command(
		&stripes, &(struct dps_lane_command){ .type = DPS_COMMAND_ANNOUNCE,
						      .channel = CHANNEL(0),
						      .generation = GENERATION(0),
						      .fd = fd,
						      .extent = { .file_index = file } }));
}

static int start(void **state)
{
	static const struct dps_stripes_ops ops = { .command = on_command, .say = on_say };
	static const uint32_t names[] = { PATH(0), PATH(1), PATH(2) };

	(void)state;
	dps_stripes_init(&stripes, &ops, NULL, CHUNK);
	dps_stripes_add_path(&stripes, names, COUNT);
	forget();
	return 0;
}

/* A channel that all lanes have opened. */
static int start_open(void **state)
{
	start(state);
	assert_true(dps_stripes_on_command(
		&stripes,
		&(struct dps_lane_command){
			.type = DPS_COMMAND_OPEN_CHANNEL,
			.cookie = COOKIE,
			.open_channel = { .path = PATH(0), .window_bytes = 30 * CHUNK } }));
	for (unsigned int i = 0; i < COUNT; i++)
		assert_true(tell_opened(i, 0));
	forget();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	dps_stripes_fini(&stripes);
	return 0;
}

static void path__is_open_when_all_are_with_the_least_payload(void **state)
{
	(void)state;
	assert_true(tell_path(0, DPS_EVENT_PATH_OPEN, 8192, 0));
	assert_true(tell_path(2, DPS_EVENT_PATH_OPEN, 1408, 0));
	assert_int_equal(said_count, 0);
	assert_true(tell_path(1, DPS_EVENT_PATH_OPEN, 8192, 0));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.path, PATH(0));
	assert_int_equal(said[0].engine.bytes, 1408);
}

static void path__that_is_lost_takes_the_others_along(void **state)
{
	(void)state;
	assert_true(tell_path(1, DPS_EVENT_PATH_LOST, 0, DPS_CLOSE_IDLE));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.path, PATH(0));
	assert_int_equal(said[0].engine.error, DPS_CLOSE_IDLE);
	assert_int_equal(commands_count, 2);
	assert_int_equal(commands[0].type, DPS_COMMAND_CLOSE_PATH);
	assert_int_equal(commands[0].path, PATH(0));
	assert_int_equal(commands[1].path, PATH(2));
	/* What the others say of it afterwards is of no path that is known. */
	assert_false(tell_path(2, DPS_EVENT_PATH_LOST, 0, DPS_CLOSE_IDLE));
}

static void path__is_closed_and_watched_as_one(void **state)
{
	(void)state;
	assert_true(ask(DPS_COMMAND_WATCH_PATH));
	assert_int_equal(commands_count, COUNT);
	assert_int_equal(commands[2].path, PATH(2));
	assert_true(ask(DPS_COMMAND_CLOSE_PATH));
	assert_int_equal(commands_count, 2 * COUNT);
	assert_false(ask(DPS_COMMAND_CLOSE_PATH));
}

static void path__is_trimmed_to_what_the_peer_has(void **state)
{
	uint32_t names[DPS_STRIPES_MAX];

	(void)state;
	dps_stripes_trim_path(&stripes, PATH(0), 5);
	assert_int_equal(dps_stripes_path_members(&stripes, PATH(0), names), COUNT);
	dps_stripes_trim_path(&stripes, PATH(0), 2);
	assert_int_equal(dps_stripes_path_members(&stripes, PATH(0), names), 2);
	assert_int_equal(names[1], PATH(1));
	assert_int_equal(commands[0].path, PATH(2));
	dps_stripes_trim_path(&stripes, PATH(0), 1);
	assert_int_equal(dps_stripes_path_members(&stripes, PATH(0), names), 1);
	assert_int_equal(names[0], PATH(0));
	assert_false(tell_path(0, DPS_EVENT_PATH_OPEN, 1408, 0)); /* one like any other */
}

static void open_channel__gives_each_its_stripe_and_part_of_the_window(void **state)
{
	(void)state;
	assert_true(dps_stripes_on_command(
		&stripes,
		&(struct dps_lane_command){ .type = DPS_COMMAND_OPEN_CHANNEL,
					    .cookie = COOKIE,
					    .open_channel = { .path = PATH(0),
							      .number = 4,
							      .window_bytes = 30 * CHUNK } }));
	assert_int_equal(commands_count, COUNT);
	for (unsigned int i = 0; i < COUNT; i++) {
		assert_int_equal(commands[i].open_channel.path, PATH(i));
		assert_int_equal(commands[i].open_channel.stripe, i);
		assert_int_equal(commands[i].open_channel.stripes, COUNT);
		assert_int_equal(commands[i].open_channel.window_bytes, 10 * CHUNK);
		assert_int_equal(commands[i].open_channel.number, 4);
	}
	assert_true(tell_opened(1, 0));
	assert_true(tell_opened(0, 0));
	assert_int_equal(said_count, 0);
	assert_true(tell_opened(2, 0));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.channel, CHANNEL(0));
	assert_int_equal(said[0].engine.generation, GENERATION(0));
	assert_int_equal(said[0].engine.path, PATH(0));
}

static void open_channel__fails_when_one_does(void **state)
{
	(void)state;
	assert_true(dps_stripes_on_command(
		&stripes, &(struct dps_lane_command){
				  .type = DPS_COMMAND_OPEN_CHANNEL,
				  .cookie = COOKIE,
				  .open_channel = { .path = PATH(0), .window_bytes = CHUNK } }));
	assert_int_equal(commands[0].open_channel.window_bytes, 2 * CHUNK); /* never less */
	forget();
	tell_opened(0, 0);
	tell_opened(1, -ENOSPC);
	tell_opened(2, 0);
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.error, -ENOSPC);
	assert_int_equal(commands_count, 2);
	assert_int_equal(commands[0].type, DPS_COMMAND_CLOSE_CHANNEL);
	assert_int_equal(commands[0].channel, CHANNEL(0));
	assert_int_equal(commands[1].channel, CHANNEL(2));
}

/* What a whole channel may is divided among its stripes, and rounded up: 0 would be no bound. */
static void share__is_divided_among_the_stripes(void **state)
{
	(void)state;
	forget();
	assert_true(dps_stripes_on_command(
		&stripes, &(struct dps_lane_command){
				  .type = DPS_COMMAND_SET_SHARE,
				  .channel = CHANNEL(0),
				  .generation = GENERATION(0),
				  .share = { .window_bytes = 30 * CHUNK, .bytes_per_s = 301 },
			  }));
	assert_int_equal(commands_count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(commands[i].channel, CHANNEL(i));
		assert_int_equal(commands[i].share.window_bytes, 10 * CHUNK);
		assert_int_equal(commands[i].share.bytes_per_s, 101);
	}
}

static void file__is_done_when_every_lane_has_done_its_part(void **state)
{
	(void)state;
	announce(FD, INDEX);
	announce(FD + 1, INDEX + 1);
	assert_int_equal(commands_count, 2 * COUNT);
	assert_int_equal(commands[1].channel, CHANNEL(1));
	assert_int_equal(commands[1].generation, GENERATION(1));
	tell_done(0, INDEX, 0);
	tell_done(0, INDEX + 1, 0); /* far ahead */
	tell_done(2, INDEX, 0);
	assert_int_equal(said_count, 0);
	tell_done(1, INDEX, 0);
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.file_index, INDEX);
	assert_int_equal(said[0].engine.channel, CHANNEL(0));
	assert_int_equal(said[0].engine.generation, GENERATION(0));
	tell_done(1, INDEX + 1, -ECANCELED);
	tell_done(2, INDEX + 1, 0);
	assert_int_equal(said_count, 2);
	assert_int_equal(said[1].engine.error, -ECANCELED); /* who knew of it, or not */
}

static void file__comes_back_when_every_lane_is_done_with_it(void **state)
{
	(void)state;
	announce(FD, INDEX);
	assert_true(tell_closed(FD));
	assert_true(tell_closed(FD));
	assert_int_equal(said_count, 0);
	assert_true(tell_closed(FD));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].type, DPS_LANE_FILE_CLOSED);
	assert_int_equal(said[0].fd, FD);
	assert_false(tell_closed(FD + 500)); /* never given here */
}

/* One lane has no room for it: it is said when nobody has the descriptor, and the file is not done.
 */
static void file__that_one_lane_refuses_is_refused(void **state)
{
	(void)state;
	announce(FD, INDEX);
	announce(FD + 1, INDEX + 1);
	assert_true(tell_refused(1, FD, INDEX, -ENFILE));
	tell_done(0, INDEX, 0);
	tell_done(2, INDEX, 0);
	assert_true(tell_closed(FD));
	assert_int_equal(said_count, 0);
	assert_true(tell_closed(FD));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].type, DPS_LANE_REFUSED);
	assert_int_equal(said[0].fd, FD);
	assert_int_equal(said[0].engine.error, -ENFILE);
	assert_int_equal(said[0].engine.file_index, INDEX);
	assert_int_equal(said[0].engine.channel, CHANNEL(0));
	assert_int_equal(said[0].engine.generation, GENERATION(0));
	/* Those behind it are not mixed up. */
	for (unsigned int i = 0; i < COUNT; i++)
		tell_done(i, INDEX + 1, 0);
	assert_int_equal(said_count, 2);
	assert_int_equal(said[1].engine.file_index, INDEX + 1);
}

static void file__without_a_descriptor_is_refused_once(void **state)
{
	(void)state;
	announce(-1, INDEX);
	for (unsigned int i = 0; i < COUNT; i++)
		assert_true(tell_refused(i, -1, INDEX, -EAGAIN));
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.error, -EAGAIN);
}

static void resend__goes_to_who_has_the_chunk(void **state)
{
	(void)state;
	assert_true(dps_stripes_on_command(
		&stripes, &(struct dps_lane_command){ .type = DPS_COMMAND_RESEND,
						      .channel = CHANNEL(0),
						      .generation = GENERATION(0),
						      .fd = FD,
						      .extent = { .offset = 7 * CHUNK + 4096 } }));
	assert_int_equal(commands_count, 1);
	assert_int_equal(commands[0].channel, CHANNEL(7 % COUNT));
	assert_true(tell_refused(1, FD, 0, -EAGAIN)); /* for now */
	assert_int_equal(said_count, 1);
	assert_int_equal(said[0].engine.channel, CHANNEL(0));
	assert_true(dps_stripes_on_command(
		&stripes, &(struct dps_lane_command){ .type = DPS_COMMAND_RESEND,
						      .channel = CHANNEL(0),
						      .generation = GENERATION(0),
						      .fd = FD,
						      .extent = { .offset = 7 * CHUNK + 4096 } }));
	assert_true(tell_closed(FD));
	assert_int_equal(said_count, 2);
	assert_int_equal(said[1].type, DPS_LANE_FILE_CLOSED);
}

static void written__is_as_far_as_the_slowest(void **state)
{
	struct dps_event piece = { .type = DPS_EVENT_PIECE, .file_index = INDEX };

	(void)state;
	piece.written = 50 * CHUNK;
	tell_engine(0, piece);
	piece.written = 20 * CHUNK;
	tell_engine(1, piece);
	assert_int_equal(said[1].engine.written, 0); /* the third has said nothing yet */
	piece.written = 30 * CHUNK;
	tell_engine(2, piece);
	assert_int_equal(said[2].engine.written, 20 * CHUNK);
	piece.written = 10 * CHUNK; /* never back */
	tell_engine(1, piece);
	assert_int_equal(said[3].engine.written, 20 * CHUNK);
	piece.written = 60 * CHUNK;
	tell_engine(1, piece);
	assert_int_equal(said[4].engine.written, 30 * CHUNK);
}

static void channel__is_done_and_closed_as_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < COUNT; i++) {
		assert_int_equal(said_count, 0);
		tell_engine(i, (struct dps_event){ .type = DPS_EVENT_CHANNEL_DONE });
	}
	assert_int_equal(said_count, 1);
	assert_true(ask(DPS_COMMAND_STORED));
	assert_true(ask(DPS_COMMAND_SKIP));
	assert_true(ask(DPS_COMMAND_CLOSE_CHANNEL));
	assert_int_equal(commands_count, 3 * COUNT);
	assert_int_equal(commands[3 * COUNT - 1].generation, GENERATION(COUNT - 1));
	assert_false(ask(DPS_COMMAND_STORED)); /* what is late goes its way */
	assert_false(tell_engine(1, (struct dps_event){ .type = DPS_EVENT_CHANNEL_DONE }));
}

/* Descriptors still come back, one for all. */
static void channel__ends_with_its_path(void **state)
{
	(void)state;
	announce(FD, INDEX);
	tell_path(2, DPS_EVENT_PATH_LOST, 0, DPS_CLOSE_IDLE);
	forget();
	assert_false(ask(DPS_COMMAND_LOOK));
	for (unsigned int i = 0; i < COUNT; i++)
		assert_true(tell_closed(FD));
	assert_int_equal(said_count, 1);
}

static void command__of_what_is_not_striped_is_left_alone(void **state)
{
	struct dps_lane_command command = { .type = DPS_COMMAND_ANNOUNCE, .channel = 3, .fd = FD };

	(void)state;
	announce(FD, INDEX);
	for (unsigned int i = 0; i < COUNT; i++)
		tell_closed(FD);
	forget();
	assert_false(dps_stripes_on_command(&stripes, &command));
	assert_false(tell_closed(FD)); /* the number is another file's by now */
	command.type = DPS_COMMAND_OPEN_PATH;
	command.path = PATH(0);
	assert_false(dps_stripes_on_command(&stripes, &command));
	assert_int_equal(commands_count, 0);
}

#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define WITH_CHANNEL(test) cmocka_unit_test_setup_teardown(test, start_open, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PATH(path__is_open_when_all_are_with_the_least_payload),
		WITH_PATH(path__that_is_lost_takes_the_others_along),
		WITH_PATH(path__is_closed_and_watched_as_one),
		WITH_PATH(path__is_trimmed_to_what_the_peer_has),
		WITH_PATH(open_channel__gives_each_its_stripe_and_part_of_the_window),
		WITH_PATH(open_channel__fails_when_one_does),
		WITH_CHANNEL(share__is_divided_among_the_stripes),
		WITH_CHANNEL(file__is_done_when_every_lane_has_done_its_part),
		WITH_CHANNEL(file__comes_back_when_every_lane_is_done_with_it),
		WITH_CHANNEL(file__that_one_lane_refuses_is_refused),
		WITH_CHANNEL(file__without_a_descriptor_is_refused_once),
		WITH_CHANNEL(resend__goes_to_who_has_the_chunk),
		WITH_CHANNEL(written__is_as_far_as_the_slowest),
		WITH_CHANNEL(channel__is_done_and_closed_as_one),
		WITH_CHANNEL(channel__ends_with_its_path),
		WITH_CHANNEL(command__of_what_is_not_striped_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
