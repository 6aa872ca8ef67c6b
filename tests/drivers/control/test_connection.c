/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialer, listener and connection together, over loopback. Time is what the test says it is. */
#include "drivers/control/connection.h"
#include "drivers/control/dialer.h"
#include "drivers/control/listener.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void await(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
}

static bool open_listener(struct dps_listener *listener, const char *text)
{
	char error[DPS_ENDPOINT_ERROR_BYTES];
	struct dps_endpoint_name endpoint;

	assert_true(dps_endpoint_parse(&endpoint, text, DPS_ENDPOINT_LISTEN, error));
	return dps_listener_open(listener, &endpoint, error) == 0;
}

static struct dps_socket *dial(struct dps_dialer *dialer, const struct dps_socket_address *to)
{
	struct dps_socket *socket = NULL;

	dps_dialer_init(dialer, to, 1, DPS_NEVER_NS, 0);
	while (dps_dialer_step(dialer, &socket, 0) == DPS_DIALER_WAITING) {
		assert_true(dialer->fd >= 0);
		await(dialer->fd, POLLOUT);
	}
	assert_non_null(socket);
	return socket;
}

struct pair {
	struct dps_listener listener;
	struct dps_connection exporter;
	struct dps_connection collector;
};

static void connect_pair(struct pair *pair)
{
	struct dps_dialer dialer;
	struct dps_socket *socket;

	assert_true(open_listener(&pair->listener, "127.0.0.1:0"));
	dps_connection_init(&pair->exporter, dial(&dialer, &pair->listener.local));
	await(pair->listener.fd, POLLIN);
	socket = dps_listener_accept(&pair->listener, 0);
	assert_non_null(socket);
	dps_connection_init(&pair->collector, socket);
}

static void disconnect_pair(struct pair *pair)
{
	dps_connection_fini(&pair->exporter);
	dps_connection_fini(&pair->collector);
	dps_listener_release(&pair->listener);
	dps_listener_close(&pair->listener);
}

/* The next event of a connection that is not IDLE. */
static enum dps_connection_event await_event(struct dps_connection *connection,
					     const uint8_t **body, size_t *length)
{
	enum dps_connection_event event;

	while ((event = dps_connection_next(connection, body, length)) == DPS_CONNECTION_IDLE)
		await(connection->socket->fd, POLLIN);
	return event;
}

static void assert_frame(struct dps_connection *connection, const char *text)
{
	const uint8_t *body;
	size_t length;

	assert_int_equal(await_event(connection, &body, &length), DPS_CONNECTION_FRAME);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(body, text, length);
}

static void assert_closed(struct dps_connection *connection, const char *why)
{
	const uint8_t *body;
	size_t length;

	assert_int_equal(await_event(connection, &body, &length), DPS_CONNECTION_CLOSED);
	assert_int_equal(dps_connection_next(connection, &body, &length), DPS_CONNECTION_CLOSED);
	if (!strstr(connection->why, why))
		fail_msg("%s", connection->why);
}

static void listener__takes_ipv4_and_ipv6_on_any_address(void **state)
{
	static const char *const texts[] = { "127.0.0.1:0", "[::1]:0" };
	unsigned int opened = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dps_listener listener;
		struct dps_dialer dialer;
		struct dps_socket *near, *far;

		if (!open_listener(&listener, texts[i]))
			continue; /* a container without IPv6 */
		opened++;
		near = dial(&dialer, &listener.local);
		await(listener.fd, POLLIN);
		far = dps_listener_accept(&listener, 0);
		assert_non_null(far);
		assert_non_null(strstr(far->peer, i == 0 ? "127.0.0.1:" : "[::1]:"));
		near->ops->close(near);
		far->ops->close(far);
		dps_listener_close(&listener);
	}
	assert_true(opened > 0);
}

static void listener__says_which_address_is_taken(void **state)
{
	struct dps_listener first, second;
	char text[DPS_ENDPOINT_TEXT_BYTES], error[DPS_ENDPOINT_ERROR_BYTES];
	struct dps_endpoint_name endpoint;

	(void)state;
	assert_true(open_listener(&first, "127.0.0.1:0"));
	dps_socket_address_format(&first.local, text);
	assert_true(dps_endpoint_parse(&endpoint, text, DPS_ENDPOINT_LISTEN, error));
	assert_int_equal(dps_listener_open(&second, &endpoint, error), -EADDRINUSE);
	assert_non_null(strstr(error, text));
	dps_listener_close(&first);
}

static void listener__stops_at_its_limit_until_one_is_released(void **state)
{
	struct dps_socket *near[DPS_LISTENER_CONNECTIONS_MAX + 1];
	struct dps_socket *far[DPS_LISTENER_CONNECTIONS_MAX + 1];
	struct dps_listener listener;
	struct dps_dialer dialer;

	(void)state;
	assert_true(open_listener(&listener, "127.0.0.1:0"));
	for (unsigned int i = 0; i <= DPS_LISTENER_CONNECTIONS_MAX; i++) {
		near[i] = dial(&dialer, &listener.local);
		await(listener.fd, POLLIN);
		far[i] = dps_listener_accept(&listener, 0);
		if (i < DPS_LISTENER_CONNECTIONS_MAX)
			assert_non_null(far[i]);
	}
	assert_null(far[DPS_LISTENER_CONNECTIONS_MAX]);
	assert_int_equal(dps_listener_wants(&listener, 0), 0);

	dps_listener_release(&listener);
	assert_int_equal(dps_listener_wants(&listener, 0), EPOLLIN);
	far[DPS_LISTENER_CONNECTIONS_MAX] = dps_listener_accept(&listener, 0);
	assert_non_null(far[DPS_LISTENER_CONNECTIONS_MAX]);
	for (unsigned int i = 0; i <= DPS_LISTENER_CONNECTIONS_MAX; i++) {
		near[i]->ops->close(near[i]);
		far[i]->ops->close(far[i]);
	}
	dps_listener_close(&listener);
}

/* A port that nobody listens on: bound, so that nobody else gets it. */
static int silent_port(struct dps_socket_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct dps_socket_address){ .bytes = sizeof(*in) };
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)in, sizeof(*in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)in, &address->bytes), 0);
	return fd;
}

static void dialer__tries_again_until_the_deadline(void **state)
{
	struct dps_socket_address address;
	char error[DPS_ENDPOINT_ERROR_BYTES], text[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_socket *socket = NULL;
	struct dps_dialer dialer;
	uint64_t now_ns = 0;
	int fd = silent_port(&address);

	(void)state;
	dps_dialer_init(&dialer, &address, 1, 10 * DPS_NS_PER_S, now_ns);
	while (dps_dialer_step(&dialer, &socket, now_ns) == DPS_DIALER_WAITING) {
		if (dialer.fd >= 0) {
			await(dialer.fd, POLLOUT);
			continue;
		}
		assert_true(dps_dialer_deadline_ns(&dialer) > now_ns);
		now_ns = dps_dialer_deadline_ns(&dialer);
	}
	assert_int_equal(now_ns, 10 * DPS_NS_PER_S);
	/* 0, 0.1, 0.3, 0.7, 1.5, 2.5 ... 9.5 s */
	assert_int_equal(dialer.attempts_count, 13);
	dps_dialer_explain(&dialer, error, now_ns);
	dps_socket_address_format(&address, text);
	assert_non_null(strstr(error, text));
	assert_non_null(strstr(error, "10.0 s (Connection refused)"));
	close(fd);
}

static void dialer__goes_on_to_the_next_address_at_once(void **state)
{
	struct dps_socket_address addresses[2];
	struct dps_socket *socket = NULL;
	struct dps_listener listener;
	struct dps_dialer dialer;
	int fd = silent_port(&addresses[0]);

	(void)state;
	assert_true(open_listener(&listener, "127.0.0.1:0"));
	addresses[1] = listener.local;
	dps_dialer_init(&dialer, addresses, 2, 1, 0);
	while (dps_dialer_step(&dialer, &socket, 0) == DPS_DIALER_WAITING)
		await(dialer.fd, POLLOUT);
	assert_non_null(socket);
	socket->ops->close(socket);
	dps_listener_close(&listener);
	close(fd);
}

static void connection__carries_frames_both_ways(void **state)
{
	struct pair pair;

	(void)state;
	connect_pair(&pair);
	assert_int_equal(dps_connection_send(&pair.exporter, "hello", 5), 0);
	assert_int_equal(dps_connection_send(&pair.exporter, "offer", 5), 0);
	assert_true(dps_connection_wants(&pair.exporter) & EPOLLOUT);
	dps_connection_flush(&pair.exporter);
	assert_int_equal(dps_connection_wants(&pair.exporter), EPOLLIN);
	assert_frame(&pair.collector, "hello");
	assert_true(pair.collector.has_more);
	assert_frame(&pair.collector, "offer");

	assert_int_equal(dps_connection_send(&pair.collector, "accept", 6), 0);
	dps_connection_flush(&pair.collector);
	assert_frame(&pair.exporter, "accept");
	disconnect_pair(&pair);
}

static void connection__holds_back_when_the_peer_does_not_read(void **state)
{
	struct pair pair;
	uint8_t *body = calloc(1, DPS_FRAME_BYTES_MAX);
	const uint8_t *frame;
	unsigned int sent = 0;
	size_t length;
	int status;

	(void)state;
	assert_non_null(body);
	connect_pair(&pair);
	while ((status = dps_connection_send(&pair.exporter, body, DPS_FRAME_BYTES_MAX)) == 0) {
		dps_connection_flush(&pair.exporter);
		assert_true(++sent < 100);
	}
	assert_int_equal(status, -ENOBUFS);
	assert_true(dps_connection_wants(&pair.exporter) & EPOLLOUT);

	for (unsigned int received = 0; received < sent;) {
		if (dps_connection_next(&pair.collector, &frame, &length) == DPS_CONNECTION_FRAME) {
			assert_int_equal(length, DPS_FRAME_BYTES_MAX);
			received++;
		}
		dps_connection_flush(&pair.exporter);
	}
	assert_int_equal(dps_connection_send(&pair.exporter, body, DPS_FRAME_BYTES_MAX), 0);
	disconnect_pair(&pair);
	free(body);
}

static void finish__lets_the_last_frame_arrive(void **state)
{
	struct pair pair;

	(void)state;
	connect_pair(&pair);
	/* Unread input on the finishing side would turn its close into a reset. */
	assert_int_equal(dps_connection_send(&pair.exporter, "offer", 5), 0);
	dps_connection_flush(&pair.exporter);
	dps_connection_finish(&pair.collector, "refuse", 6, DPS_NEVER_NS);
	assert_int_equal(dps_connection_send(&pair.collector, "more", 4), -EPIPE);

	assert_frame(&pair.exporter, "refuse");
	assert_closed(&pair.exporter, "the peer closed the control connection");
	assert_closed(&pair.collector, "finished");
	disconnect_pair(&pair);
}

static void finish__gives_up_at_its_deadline(void **state)
{
	struct pair pair;
	const uint8_t *body;
	size_t length;

	(void)state;
	connect_pair(&pair);
	dps_connection_finish(&pair.collector, "bye", 3, 1000);
	assert_int_equal(dps_connection_deadline_ns(&pair.collector), 1000);
	dps_connection_on_time(&pair.collector, 999);
	assert_int_equal(dps_connection_next(&pair.collector, &body, &length), DPS_CONNECTION_IDLE);
	dps_connection_on_time(&pair.collector, 1000);
	assert_closed(&pair.collector, "finished");
	assert_true(dps_connection_deadline_ns(&pair.collector) == DPS_NEVER_NS);
	disconnect_pair(&pair);
}

static void send_bytes(struct pair *pair, const void *bytes, size_t length)
{
	const uint8_t *body;
	size_t body_bytes;

	assert_int_equal(send(pair->exporter.socket->fd, bytes, length, 0), length);
	await(pair->collector.socket->fd, POLLIN);
	assert_int_equal(dps_connection_next(&pair->collector, &body, &body_bytes),
			 DPS_CONNECTION_IDLE);
}

static void watch__ends_who_stops_in_the_middle_of_a_frame(void **state)
{
	const uint64_t patience_ns = DPS_CONNECTION_FRAME_SECONDS * DPS_NS_PER_S;
	struct pair pair;

	(void)state;
	connect_pair(&pair);
	dps_connection_watch(&pair.collector, 1000);
	assert_true(dps_connection_deadline_ns(&pair.collector) == DPS_NEVER_NS);
	/* Of a length, two bytes; and then one now and then. */
	send_bytes(&pair, "\0\0", 2);
	dps_connection_watch(&pair.collector, 2000);
	assert_true(dps_connection_deadline_ns(&pair.collector) == 2000 + patience_ns);
	send_bytes(&pair, "\0\5he", 4);
	dps_connection_watch(&pair.collector, 3000);
	assert_true(dps_connection_deadline_ns(&pair.collector) == 2000 + patience_ns);
	dps_connection_on_time(&pair.collector, 1999 + patience_ns);
	assert_int_equal(pair.collector.state, DPS_CONNECTION_OPEN);
	dps_connection_on_time(&pair.collector, 2000 + patience_ns);
	assert_closed(&pair.collector, "in the middle of a message");
	/* As a lost one: the transfer is gone on with. */
	assert_true(pair.collector.is_broken);
	assert_true(dps_connection_deadline_ns(&pair.collector) == DPS_NEVER_NS);
	disconnect_pair(&pair);
}

/* A frame that is watched from 1000 on came to its end, and with it the beginning of the next. */
static void begin_the_next_one(struct pair *pair)
{
	const uint8_t *body;
	size_t length;

	connect_pair(pair);
	send_bytes(pair, "\0\0\0\2o", 5);
	dps_connection_watch(&pair->collector, 1000);
	assert_int_equal(send(pair->exporter.socket->fd, "k\0\0", 3, 0), 3);
	assert_int_equal(await_event(&pair->collector, &body, &length), DPS_CONNECTION_FRAME);
}

static void watch__gives_each_frame_its_own_time(void **state)
{
	const uint64_t patience_ns = DPS_CONNECTION_FRAME_SECONDS * DPS_NS_PER_S;
	const uint8_t *body;
	struct pair pair;
	size_t length;

	(void)state;
	begin_the_next_one(&pair);
	assert_int_equal(dps_connection_next(&pair.collector, &body, &length), DPS_CONNECTION_IDLE);
	dps_connection_watch(&pair.collector, 5000);
	assert_true(dps_connection_deadline_ns(&pair.collector) == 5000 + patience_ns);
	send_bytes(&pair, "\0", 1);
	assert_int_equal(send(pair.exporter.socket->fd, "\1x", 2, 0), 2);
	assert_int_equal(await_event(&pair.collector, &body, &length), DPS_CONNECTION_FRAME);
	assert_int_equal(dps_connection_next(&pair.collector, &body, &length), DPS_CONNECTION_IDLE);
	dps_connection_watch(&pair.collector, 6000);
	assert_true(dps_connection_deadline_ns(&pair.collector) == DPS_NEVER_NS);
	disconnect_pair(&pair);
}

/* Who says so much that nobody gets to its end is not one who stops. */
static void watch__does_not_hold_a_frame_against_those_after_it(void **state)
{
	const uint64_t patience_ns = DPS_CONNECTION_FRAME_SECONDS * DPS_NS_PER_S;
	const uint8_t *body;
	struct pair pair;
	size_t length;

	(void)state;
	begin_the_next_one(&pair);
	dps_connection_on_time(&pair.collector, 1000 + patience_ns);
	assert_int_equal(pair.collector.state, DPS_CONNECTION_OPEN);
	assert_true(dps_connection_deadline_ns(&pair.collector) == DPS_NEVER_NS);
	assert_int_equal(dps_connection_next(&pair.collector, &body, &length), DPS_CONNECTION_IDLE);
	dps_connection_watch(&pair.collector, 5000 + patience_ns);
	dps_connection_on_time(&pair.collector, 5000 + 2 * patience_ns);
	assert_closed(&pair.collector, "in the middle of a message");
	disconnect_pair(&pair);
}

static void next__calls_garbage_broken_and_can_still_say_so(void **state)
{
	struct pair pair;
	const uint8_t *body;
	size_t length;

	(void)state;
	connect_pair(&pair);
	assert_int_equal(send(pair.exporter.socket->fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
	assert_int_equal(await_event(&pair.collector, &body, &length), DPS_CONNECTION_BROKEN);
	assert_int_equal(dps_connection_next(&pair.collector, &body, &length),
			 DPS_CONNECTION_BROKEN);
	dps_connection_finish(&pair.collector, "error", 5, DPS_NEVER_NS);
	assert_frame(&pair.exporter, "error");
	assert_closed(&pair.exporter, "the peer closed");
	assert_closed(&pair.collector, "more than 1 MiB");
	disconnect_pair(&pair);
}

static void next__names_an_end_inside_a_frame(void **state)
{
	struct pair pair;

	(void)state;
	connect_pair(&pair);
	assert_int_equal(send(pair.exporter.socket->fd, "\0\0\0\5he", 6, 0), 6);
	dps_connection_fini(&pair.exporter);
	assert_closed(&pair.collector, "truncated");
	disconnect_pair(&pair);
}

static void next__names_a_reset(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct pair pair;

	(void)state;
	connect_pair(&pair);
	assert_int_equal(
		setsockopt(pair.exporter.socket->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		0);
	dps_connection_fini(&pair.exporter);
	assert_closed(&pair.collector, "Connection reset by peer");
	disconnect_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listener__takes_ipv4_and_ipv6_on_any_address),
		cmocka_unit_test(listener__says_which_address_is_taken),
		cmocka_unit_test(listener__stops_at_its_limit_until_one_is_released),
		cmocka_unit_test(dialer__tries_again_until_the_deadline),
		cmocka_unit_test(dialer__goes_on_to_the_next_address_at_once),
		cmocka_unit_test(connection__carries_frames_both_ways),
		cmocka_unit_test(connection__holds_back_when_the_peer_does_not_read),
		cmocka_unit_test(finish__lets_the_last_frame_arrive),
		cmocka_unit_test(finish__gives_up_at_its_deadline),
		cmocka_unit_test(watch__ends_who_stops_in_the_middle_of_a_frame),
		cmocka_unit_test(watch__gives_each_frame_its_own_time),
		cmocka_unit_test(watch__does_not_hold_a_frame_against_those_after_it),
		cmocka_unit_test(next__calls_garbage_broken_and_can_still_say_so),
		cmocka_unit_test(next__names_an_end_inside_a_frame),
		cmocka_unit_test(next__names_a_reset),
	};

	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
