/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket that greets, over one whose other end the test holds. */
#include "drivers/endpoint/greeted.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench {
	struct dps_socket *socket;
	int far_fd;
	unsigned int greeted, closed;
	const char *verdict;
};

static const struct dps_greeting ours = {
	.instance = 1,
	.address = { .udp_port = 1 },
	.payload_bytes = 1408,
};

static const char *on_greeted(void *context, const struct dps_greeting *greeting,
			      struct dps_socket *below)
{
	struct bench *bench = context;

	assert_int_equal(greeting->instance, 2);
	assert_non_null(below);
	bench->greeted++;
	return bench->verdict;
}

static void on_closed(void *context)
{
	struct bench *bench = context;

	bench->closed++;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const struct dps_socket_address nobody = { .storage.ss_family = AF_INET,
						   .bytes = sizeof(struct sockaddr_in) };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	bench->far_fd = fds[1];
	bench->socket = dps_greeted_wrap(dps_socket_create_tcp(fds[0], &nobody), &ours,
					 &(struct dps_greeted_ops){ .on_greeted = on_greeted,
								    .on_closed = on_closed,
								    .context = bench });
	assert_non_null(bench->socket);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	if (bench->socket) {
		bench->socket->ops->close(bench->socket);
		assert_int_equal(bench->closed, 1);
	}
	if (bench->far_fd >= 0)
		close(bench->far_fd);
	free(bench);
	return 0;
}

static void far_says(struct bench *bench, size_t from, size_t bytes)
{
	struct dps_greeting theirs = ours;
	uint8_t memory[DPS_GREETING_BYTES];

	theirs.instance = 2;
	dps_greeting_encode(&theirs, memory);
	assert_int_equal(write(bench->far_fd, memory + from, bytes), bytes);
}

static ssize_t read_it(struct bench *bench)
{
	char memory[100];

	return bench->socket->ops->read(bench->socket, memory, sizeof(memory));
}

static void greeted__speaks_first_and_without_being_spoken_to(void **state)
{
	struct bench *bench = *state;
	uint8_t wanted[DPS_GREETING_BYTES], got[100];

	assert_int_equal(dps_greeted_step(bench->socket), -EAGAIN);
	dps_greeting_encode(&ours, wanted);
	assert_int_equal(read(bench->far_fd, got, sizeof(got)), DPS_GREETING_BYTES);
	assert_memory_equal(got, wanted, DPS_GREETING_BYTES);
}

static void greeted__writes_behind_its_greeting(void **state)
{
	struct bench *bench = *state;
	char got[100];

	assert_int_equal(bench->socket->ops->write(bench->socket, "word", 4), 4);
	assert_int_equal(read(bench->far_fd, got, sizeof(got)), DPS_GREETING_BYTES + 4);
	assert_memory_equal(got + DPS_GREETING_BYTES, "word", 4);
}

static void greeted__gives_nothing_out_before_it_was_greeted(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < DPS_GREETING_BYTES; i++) {
		assert_int_equal(read_it(bench), -EAGAIN);
		assert_int_equal(bench->greeted, 0);
		far_says(bench, i, 1);
	}
	assert_int_equal(write(bench->far_fd, "word", 4), 4);
	assert_int_equal(read_it(bench), 4);
	assert_int_equal(bench->greeted, 1);
	assert_int_equal(dps_greeted_step(bench->socket), 0);
	assert_int_equal(bench->greeted, 1);
}

static void greeted__fails_for_good_where_it_is_not_wanted(void **state)
{
	struct bench *bench = *state;

	bench->verdict = "not today";
	far_says(bench, 0, DPS_GREETING_BYTES);
	assert_int_equal(write(bench->far_fd, "word", 4), 4);
	assert_int_equal(read_it(bench), -EACCES);
	assert_string_equal(bench->socket->trouble, "not today");
	assert_true(bench->socket->is_refused);
	assert_int_equal(read_it(bench), -EACCES);
	assert_int_equal(bench->socket->ops->write(bench->socket, "word", 4), -EACCES);
	assert_int_equal(bench->greeted, 1);
}

static void greeted__refuses_another_protocol(void **state)
{
	struct bench *bench = *state;
	static const char hello[DPS_GREETING_BYTES] = "GET / HTTP/1.1";

	assert_int_equal(write(bench->far_fd, hello, sizeof(hello)), sizeof(hello));
	assert_int_equal(dps_greeted_step(bench->socket), -EACCES);
	assert_non_null(strstr(bench->socket->trouble, "no endpoint"));
	assert_int_equal(bench->greeted, 0);
}

/* Half a greeting and then the end is no end of a conversation. */
static void greeted__takes_an_early_end_for_a_loss(void **state)
{
	struct bench *bench = *state;

	far_says(bench, 0, DPS_GREETING_BYTES - 1);
	close(bench->far_fd);
	bench->far_fd = -1;
	assert_true(read_it(bench) < 0 && bench->greeted == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(greeted__speaks_first_and_without_being_spoken_to,
						setup, teardown),
		cmocka_unit_test_setup_teardown(greeted__writes_behind_its_greeting, setup,
						teardown),
		cmocka_unit_test_setup_teardown(greeted__gives_nothing_out_before_it_was_greeted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(greeted__fails_for_good_where_it_is_not_wanted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(greeted__refuses_another_protocol, setup, teardown),
		cmocka_unit_test_setup_teardown(greeted__takes_an_early_end_for_a_loss, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
