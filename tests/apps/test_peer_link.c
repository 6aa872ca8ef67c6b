/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer that asks and asks, and does not read what it is told. */
#include "apps/dpdk-streamd/peer_link.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	QUESTIONS = 300,
	ANSWER_FILES = 2000, /* some 100 KiB in each answer */
	TURNS = 200,
	LONG_BYTES = 66 << 10,
};

struct fixture {
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_peer_link link;
	struct dps_connection peer;
	unsigned int asked; /* that were read */
};

static void on_message(void *context, const struct dps_message *message, uint64_t now_ns)
{
	static struct dps_message_item items[ANSWER_FILES];
	struct fixture *fixture = context;

	(void)now_ns;
	assert_int_equal(message->type, DPS_MESSAGE_LAST);
	fixture->asked++;
	dps_peer_link_say(&fixture->link,
			  &(struct dps_message){
				  .type = DPS_MESSAGE_DIGEST,
				  .digest = { .items = items, .items_count = ANSWER_FILES },
			  });
}

static void on_closed(void *context, const char *why, uint64_t now_ns)
{
	(void)context, (void)now_ns;
	fail_msg("%s", why);
}

static int begin(void **state)
{
	static const struct dps_socket_address nowhere = { .bytes = 0 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int ends[2];

	dps_clock_init_real(&fixture->clock);
	assert_int_equal(dps_loop_init(&fixture->loop, &fixture->clock, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	fixture->link.on_message = on_message;
	fixture->link.on_closed = on_closed;
	fixture->link.context = fixture;
	assert_int_equal(dps_peer_link_open(&fixture->link, &fixture->loop,
					    dps_socket_create_tcp(ends[0], &nowhere)),
			 0);
	dps_connection_init(&fixture->peer, dps_socket_create_tcp(ends[1], &nowhere));
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	dps_peer_link_close(&fixture->link);
	dps_connection_fini(&fixture->peer);
	dps_loop_fini(&fixture->loop);
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture)
{
	uint64_t now_ns = dps_clock_now_ns(&fixture->clock);

	dps_connection_flush(&fixture->peer);
	assert_int_equal(dps_loop_turn(&fixture->loop, now_ns), 0);
	if (dps_peer_link_deadline_ns(&fixture->link) <= now_ns)
		dps_peer_link_on_time(&fixture->link, now_ns);
	dps_peer_link_flush(&fixture->link);
}

static void ask_all(struct fixture *fixture)
{
	static const struct dps_message question = { .type = DPS_MESSAGE_LAST };
	size_t length;
	char *body = dps_message_encode(&question, &length);

	for (unsigned int i = 0; i < QUESTIONS; i++) {
		while (dps_connection_send(&fixture->peer, body, length) != 0) {
			dps_connection_flush(&fixture->peer);
			turn(fixture);
		}
		dps_connection_flush(&fixture->peer);
	}
	free(body);
}

/* How many answers there are to be read, until all questions are answered. */
static unsigned int hear_all(struct fixture *fixture)
{
	uint64_t until_ns = dps_clock_now_ns(&fixture->clock) + 30 * DPS_NS_PER_S;
	unsigned int heard = 0;
	const uint8_t *body;
	size_t length;

	while (heard < QUESTIONS && dps_clock_now_ns(&fixture->clock) < until_ns) {
		turn(fixture);
		while (dps_connection_next(&fixture->peer, &body, &length) == DPS_CONNECTION_FRAME)
			heard++;
	}
	return heard;
}

static void holds_back__who_does_not_read(void **state)
{
	struct fixture *fixture = *state;
	unsigned int asked;

	fixture->link.holds_back = true;
	ask_all(fixture);
	for (unsigned int i = 0; i < TURNS; i++)
		turn(fixture);
	asked = fixture->asked;
	assert_in_range(asked, 1, 100);
	/* It does not turn for nothing meanwhile. */
	assert_int_equal(dps_peer_link_deadline_ns(&fixture->link), DPS_NEVER_NS);
	assert_int_equal(fixture->link.source.wants & 1, 0); /* EPOLLIN */
	/* Once it reads, all of it goes on. */
	assert_int_equal(hear_all(fixture), QUESTIONS);
	assert_int_equal(fixture->asked, QUESTIONS);
}

/* A question that takes long to be read, as its sender wants it. */
static void send_long(struct fixture *fixture)
{
	static const char head[] = "{\"type\":\"last\",\"channel\":0,\"files\":0,\"padding\":\"";
	char *body = malloc(LONG_BYTES);

	assert_non_null(body);
	memset(body, 'x', LONG_BYTES);
	memcpy(body, head, sizeof(head) - 1);
	memcpy(body + LONG_BYTES - 2, "\"}", 2);
	assert_int_equal(dps_connection_send(&fixture->peer, body, LONG_BYTES), 0);
	dps_connection_flush(&fixture->peer);
	free(body);
}

static void long_messages__leave_others_their_turn(void **state)
{
	struct fixture *fixture = *state;

	send_long(fixture);
	send_long(fixture);
	assert_int_equal(dps_loop_turn(&fixture->loop, dps_clock_now_ns(&fixture->clock)), 0);
	assert_int_equal(fixture->asked, 1);
	/* The other one is not forgotten, though nothing more arrives. */
	assert_int_equal(dps_peer_link_deadline_ns(&fixture->link), 0);
	turn(fixture);
	assert_int_equal(fixture->asked, 2);
}

/* The side that always reads, so that both never wait for each other. */
static void without_it__everything_is_read(void **state)
{
	struct fixture *fixture = *state;

	ask_all(fixture);
	for (unsigned int i = 0; i < TURNS; i++)
		turn(fixture);
	assert_int_equal(fixture->asked, QUESTIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(holds_back__who_does_not_read, begin, end),
		cmocka_unit_test_setup_teardown(without_it__everything_is_read, begin, end),
		cmocka_unit_test_setup_teardown(long_messages__leave_others_their_turn, begin, end),
	};

	return cmocka_run_group_tests_name("peer_link", tests, NULL, NULL);
}
