/* SPDX-License-Identifier: BSD-3-Clause */
/* Two processes over memif: transfer, and either end dying and coming back. */
#include "tests/support/child.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	START_S = 60,
	STEP_S = 90, /* a machine that others use may stand still for long */
	NOBODY = 65534,
};

static const char *peer_program;

struct link {
	char folder[64];
	char socket[96];
	char port[112];
};

static int make_link(void **state)
{
	struct link *link = calloc(1, sizeof(*link));

	snprintf(link->folder, sizeof(link->folder), "/tmp/dps-memif-XXXXXX");
	if (mkdtemp(link->folder) == NULL)
		return -1;
	snprintf(link->socket, sizeof(link->socket), "%s/link", link->folder);
	snprintf(link->port, sizeof(link->port), "memif:%s", link->socket);
	*state = link;
	return 0;
}

static int remove_link(void **state)
{
	struct link *link = *state;

	unlink(link->socket);
	rmdir(link->folder);
	free(link);
	return 0;
}

static void start_at(struct child *child, const struct link *link, bool is_server,
		     const char *address, const char *remote, const char *count,
		     const char *body_bytes, uid_t user)
{
	const char *const argv[] = { peer_program, link->port, is_server ? "server" : "client",
				     address,	   remote,     count,
				     body_bytes,   NULL };

	child_start(child, argv, user);
}

static void start_as(struct child *child, const struct link *link, bool is_server,
		     const char *count, const char *body_bytes, uid_t user)
{
	start_at(child, link, is_server, is_server ? "192.0.2.1/24" : "192.0.2.2/24",
		 is_server ? "192.0.2.2" : "192.0.2.1", count, body_bytes, user);
}

static void start(struct child *child, const struct link *link, bool is_server, const char *count)
{
	start_as(child, link, is_server, count, "8192", 0);
}

static void await(struct child *child, const char *prefix)
{
	if (!child_await(child, prefix, STEP_S, NULL, 0))
		fail_msg("it did not say \"%s\" in %d s, or ended", prefix, STEP_S);
}

static void await_count(struct child *child, unsigned int lines)
{
	for (unsigned int i = 0; i < lines; i++)
		await(child, "received");
}

static void end(struct child *child)
{
	assert_int_equal(child_end(child, STEP_S), 0);
}

static void transfer__arrives_complete_and_in_order_both_ways(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	start(&server, link, true, "10000");
	start(&client, link, false, "10000");
	await(&server, "done");
	await(&client, "done");
	end(&client);
	end(&server);
	/* A server that ends takes its socket with it. */
	assert_int_equal(access(link->socket, F_OK), -1);
}

static void transfer__needs_no_privileges(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	if (geteuid() == 0)
		assert_int_equal(chown(link->folder, NOBODY, NOBODY), 0);
	start_as(&server, link, true, "2000", "1400", geteuid() == 0 ? NOBODY : 0);
	start_as(&client, link, false, "2000", "1400", geteuid() == 0 ? NOBODY : 0);
	await(&server, "done");
	await(&client, "done");
	end(&client);
	end(&server);
}

/* As without --ip: each side has an address from its MAC, and is told the other's. */
static void transfer__works_with_link_local_addresses(void **state)
{
	const struct link *link = *state;
	char of_server[128], of_client[128];
	struct child server, client;

	start_at(&server, link, true, "-", "-", "1000", "8192", 0);
	start_at(&client, link, false, "-", "-", "1000", "8192", 0);
	assert_true(child_await(&server, "open ", START_S, of_server, sizeof(of_server) - 1));
	assert_true(child_await(&client, "open ", START_S, of_client, sizeof(of_client) - 1));
	assert_non_null(strstr(of_server, "fe80::"));
	child_say(&server, strcat(of_client, "\n") + strlen("open "));
	child_say(&client, strcat(of_server, "\n") + strlen("open "));
	await(&server, "done");
	await(&client, "done");
	end(&client);
	end(&server);
}

static void client__may_start_first(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	start(&client, link, false, "1000");
	await(&client, "open");
	start(&server, link, true, "1000");
	await(&client, "up");
	await(&server, "done");
	await(&client, "done");
	end(&server);
	await(&client, "down");
	end(&client);
}

static void client__killed_again_and_again_comes_back(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	start(&server, link, true, "0");
	for (unsigned int i = 0; i < 8; i++) {
		start(&client, link, false, "0");
		await(&server, "up");
		await(&client, "up");
		await_count(&server, 3);
		await_count(&client, 14);
		child_kill(&client);
		await(&server, "down");
	}
	end(&server);
}

static void server__killed_again_and_again_comes_back(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	start(&client, link, false, "0");
	for (unsigned int i = 0; i < 8; i++) {
		/* What a killed server leaves behind is its socket. */
		if (i > 0)
			assert_int_equal(access(link->socket, F_OK), 0);
		start(&server, link, true, "0");
		await(&client, "up");
		await(&server, "up");
		await_count(&client, 3);
		await_count(&server, 14);
		child_kill(&server);
		await(&client, "down");
	}
	end(&client);
}

/* Comes and goes at once, as a client that is killed while it connects. */
static void knock(const struct link *link)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", link->socket);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		if (errno != EINTR)
			fail_msg("the server is gone: %s", strerror(errno));
	close(fd);
}

static void server__survives_clients_that_leave_at_once(void **state)
{
	const struct link *link = *state;
	struct child server, client;

	start(&server, link, true, "1000");
	await(&server, "open");
	for (unsigned int i = 0; i < 100; i++)
		knock(link);
	start(&client, link, false, "1000");
	await(&server, "done");
	await(&client, "done");
	end(&client);
	end(&server);
}

static void open__removes_a_socket_nobody_listens_on(void **state)
{
	const struct link *link = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct child server;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", link->socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	start(&server, link, true, "0");
	await(&server, "open");
	end(&server);
}

static void open__refuses_a_socket_in_use_and_a_file(void **state)
{
	const struct link *link = *state;
	struct child first, second;
	FILE *file;

	start(&first, link, true, "0");
	await(&first, "open");
	start(&second, link, true, "0");
	assert_int_equal(child_end(&second, START_S), 1);
	end(&first);

	file = fopen(link->socket, "w");
	assert_non_null(file);
	fclose(file);
	start(&second, link, true, "0");
	assert_int_equal(child_end(&second, START_S), 1);
	assert_int_equal(access(link->socket, F_OK), 0);
}

static void open__refuses_a_folder_that_is_not_there(void **state)
{
	struct link lost = *(const struct link *)*state;
	struct child client;

	snprintf(lost.port, sizeof(lost.port), "memif:%s/no/link", lost.folder);
	start(&client, &lost, false, "0");
	assert_int_equal(child_end(&client, START_S), 1);
}

#define link_test(name) cmocka_unit_test_setup_teardown(name, make_link, remove_link)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		link_test(transfer__arrives_complete_and_in_order_both_ways),
		link_test(transfer__needs_no_privileges),
		link_test(transfer__works_with_link_local_addresses),
		link_test(client__may_start_first),
		link_test(client__killed_again_and_again_comes_back),
		link_test(server__killed_again_and_again_comes_back),
		link_test(server__survives_clients_that_leave_at_once),
		link_test(open__removes_a_socket_nobody_listens_on),
		link_test(open__refuses_a_socket_in_use_and_a_file),
		link_test(open__refuses_a_folder_that_is_not_there),
	};

	if (argc != 2)
		return 2;
	peer_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
