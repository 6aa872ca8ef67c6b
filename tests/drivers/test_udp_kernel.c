/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port over kernel sockets before kernels that answer otherwise than this one: older, without
 * offload, or with answers that no kernel should give. Its system calls come here first.
 */
#include "drivers/udp/udp.h"
#include "engine/bits.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOREVER_NS (1000 * DPS_NS_PER_S)

static struct {
	int refuses_trains; /* errno; 0: no */
	int refuses_all;
	unsigned int trains; /* that were sent */
	unsigned int send_calls, receive_calls;
	bool is_old; /* knows no trains */
	bool is_unprivileged;
	/* What is received next, in place of what is there. */
	uint32_t message_bytes;
	int flags;
	uint8_t control[64];
	size_t control_bytes;
} kernel;

/* ---- in the kernel's place ---- */

static int refuse(int error)
{
	errno = error;
	return -1;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	unsigned int passing = 0;

	kernel.send_calls++;
	if (kernel.refuses_all != 0)
		return refuse(kernel.refuses_all);
	for (; passing < count; passing++) {
		bool is_train = messages[passing].msg_hdr.msg_control != NULL;

		if (is_train && kernel.refuses_trains != 0)
			break;
		kernel.trains += is_train;
	}
	if (passing == 0)
		return refuse(kernel.refuses_trains);
	return (int)syscall(SYS_sendmmsg, fd, messages, passing, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *most)
{
	struct msghdr *header = &messages[0].msg_hdr;
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(7) };

	kernel.receive_calls++;
	if (kernel.message_bytes == 0)
		return (int)syscall(SYS_recvmmsg, fd, messages, count, flags, most);
	assert_in_range(kernel.message_bytes, 1, header->msg_iov->iov_len);
	for (uint32_t i = 0; i < kernel.message_bytes; i++)
		((uint8_t *)header->msg_iov->iov_base)[i] = (uint8_t)(i * 7);
	messages[0].msg_len = kernel.message_bytes;
	memcpy(header->msg_name, &from, sizeof(from));
	header->msg_namelen = sizeof(from);
	header->msg_flags = kernel.flags;
	assert_in_range(kernel.control_bytes, 0, header->msg_controllen);
	memcpy(header->msg_control, kernel.control, kernel.control_bytes);
	header->msg_controllen = kernel.control_bytes;
	kernel.message_bytes = 0;
	return 1;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	if (kernel.is_old && level == SOL_UDP)
		return refuse(ENOPROTOOPT);
	if (kernel.is_unprivileged && level == SOL_SOCKET &&
	    (option == SO_RCVBUFFORCE || option == SO_SNDBUFFORCE))
		return refuse(EPERM);
	return (int)syscall(SYS_setsockopt, fd, level, option, value, bytes);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	if (kernel.is_old && level == SOL_UDP)
		return refuse(ENOPROTOOPT);
	return (int)syscall(SYS_getsockopt, fd, level, option, value, bytes);
}

/* ---- ports ---- */

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)context, (void)token, (void)count;
}

static struct dps_port *open_port(void)
{
	struct dps_udp_options options = { .bind.family = DPS_ADDRESS_IPV4, .mtu = 1500 };
	struct dps_port *port = NULL;

	memcpy(options.bind.ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	assert_int_equal(dps_udp_open(&options, &port), 0);
	port->on_released = on_released;
	return port;
}

static int begin(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	return 0;
}

/* So many datagrams of one size to each of two, by turns of four; sent, and received in order. */
static void exchange(struct dps_port *from, struct dps_port **to, unsigned int count)
{
	static uint8_t body[1000];
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	uint8_t heads[DPS_PORT_BURST][56] = { { 0 } };
	unsigned int taken = 0, sent[2] = { 0, 0 };

	for (unsigned int i = 0; i < count; i++) {
		uint32_t remote = i / 4 % 2;

		heads[i][0] = (uint8_t)sent[remote]++;
		outgoing[i] = (struct dps_outgoing){ .head = heads[i],
						     .head_bytes = sizeof(heads[i]),
						     .body = body,
						     .body_bytes = sizeof(body),
						     .remote = remote };
	}
	while (taken < count)
		taken += from->ops->send(from, outgoing + taken, count - taken);
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int arrived = 0; arrived < sent[i];) {
			struct dps_incoming incoming[DPS_PORT_BURST];
			unsigned int got = to[i]->ops->receive(to[i], incoming, DPS_PORT_BURST);

			for (unsigned int k = 0; k < got; k++) {
				assert_int_equal(incoming[k].length, 1056);
				assert_int_equal(incoming[k].bytes[0], arrived++);
			}
			to[i]->ops->release(to[i], incoming, got);
		}
	}
}

struct three {
	struct dps_port *from, *to[2];
};

static struct three open_three(void)
{
	struct three three = { .from = open_port() };

	for (int i = 0; i < 2; i++) {
		three.to[i] = open_port();
		assert_int_equal(three.from->ops->add_remote(three.from, &three.to[i]->local), i);
	}
	return three;
}

static void close_three(struct three *three)
{
	three->from->ops->close(three->from);
	for (int i = 0; i < 2; i++)
		three->to[i]->ops->close(three->to[i]);
}

/* ---- sending ---- */

static void send__goes_without_trains_where_they_are_refused(void **state)
{
	static const int errors[] = { EIO, EINVAL, EOPNOTSUPP, EMSGSIZE };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct three three = open_three();

		kernel.trains = kernel.send_calls = 0;
		kernel.refuses_trains = errors[i];
		exchange(three.from, three.to, 32);
		assert_int_equal(kernel.trains, 0);
		assert_int_equal(three.from->counters.send_errors, 0);
		assert_int_equal(three.from->counters.sent_datagrams, 32);
		/* Known from here on: nothing is tried in vain. */
		kernel.send_calls = 0;
		exchange(three.from, three.to, 32);
		assert_int_equal(kernel.send_calls, 1);
		close_three(&three);
	}
}

/* So many of one size to one place; returns how many the port took. */
static unsigned int send_alike(struct dps_port *from, unsigned int count, uint32_t remote)
{
	uint8_t head[56] = { 0 };
	struct dps_outgoing outgoing[4];

	assert_in_range(count, 1, 4);
	for (unsigned int i = 0; i < count; i++)
		outgoing[i] = (struct dps_outgoing){
			.head = head,
			.head_bytes = sizeof(head),
			.remote = remote,
		};
	return from->ops->send(from, outgoing, count);
}

static void send__keeps_trains_to_others(void **state)
{
	struct three three = open_three();

	(void)state;
	kernel.refuses_trains = EIO;
	assert_int_equal(send_alike(three.from, 2, 0), 2);
	kernel.refuses_trains = 0;
	assert_int_equal(send_alike(three.from, 2, 0), 2);
	assert_int_equal(kernel.trains, 0);
	assert_int_equal(send_alike(three.from, 2, 1), 2);
	assert_int_equal(kernel.trains, 1);
	/* Who comes to that place later may be reached by another device. */
	three.from->ops->remove_remote(three.from, 0);
	assert_int_equal(three.from->ops->add_remote(three.from, &three.to[0]->local), 0);
	assert_int_equal(send_alike(three.from, 2, 0), 2);
	assert_int_equal(kernel.trains, 2);
	close_three(&three);
}

static void send__blames_no_train_for_what_its_datagrams_are_refused_for(void **state)
{
	struct three three = open_three();

	(void)state;
	kernel.refuses_all = EMSGSIZE;
	assert_int_equal(send_alike(three.from, 4, 0), 4);
	assert_int_equal(three.from->counters.send_errors, 4);
	assert_int_equal(three.from->counters.sent_datagrams, 0);
	kernel.refuses_all = 0;
	assert_int_equal(send_alike(three.from, 4, 0), 4);
	assert_int_equal(kernel.trains, 1);
	close_three(&three);
}

static void send__takes_nothing_while_the_kernel_is_full(void **state)
{
	struct three three = open_three();

	(void)state;
	kernel.refuses_all = EAGAIN;
	assert_int_equal(send_alike(three.from, 4, 0), 0);
	assert_int_equal(three.from->counters.refused_sends, 4);
	assert_int_equal(three.from->counters.send_errors, 0);
	/* Nothing will arrive: that there is room again ends the wait. */
	three.from->ops->wait(three.from, FOREVER_NS);
	kernel.refuses_all = 0;
	exchange(three.from, three.to, 32);
	close_three(&three);
}

static void open__does_without_trains_on_an_old_kernel(void **state)
{
	struct three three;

	(void)state;
	kernel.is_old = true;
	three = open_three();
	exchange(three.from, three.to, 32);
	assert_int_equal(kernel.trains, 0);
	assert_int_equal(kernel.send_calls, 1);
	close_three(&three);
}

static void open__asks_for_what_everyone_may_have_without_rights(void **state)
{
	struct dps_port *entitled = open_port(), *port;

	(void)state;
	kernel.is_unprivileged = true;
	port = open_port();
	assert_in_range(dps_udp_receive_buffer_bytes(port), 100000,
			dps_udp_receive_buffer_bytes(entitled));
	port->ops->close(port);
	entitled->ops->close(entitled);
}

/* ---- receiving ---- */

/* The next message has so many bytes, and a word of the kernel's that it is cut so. */
static void put(uint32_t bytes, int train_bytes)
{
	struct cmsghdr control = { .cmsg_len = CMSG_LEN(sizeof(train_bytes)),
				   .cmsg_level = SOL_UDP,
				   .cmsg_type = UDP_GRO };

	kernel.message_bytes = bytes;
	kernel.flags = 0;
	memcpy(kernel.control, &control, sizeof(control));
	memcpy(CMSG_DATA((struct cmsghdr *)(void *)kernel.control), &train_bytes,
	       sizeof(train_bytes));
	kernel.control_bytes = CMSG_SPACE(sizeof(train_bytes));
}

/* Takes the next datagram and looks at its bytes; those before it had so many. */
static void expect(struct dps_port *port, uint32_t at, uint32_t length)
{
	struct dps_incoming incoming;

	assert_int_equal(port->ops->receive(port, &incoming, 1), 1);
	assert_int_equal(incoming.length, length);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(incoming.bytes[i], (uint8_t)((at + i) * 7));
	port->ops->release(port, &incoming, 1);
}

static void expect_nothing(struct dps_port *port)
{
	struct dps_incoming incoming[DPS_PORT_BURST];

	assert_int_equal(port->ops->receive(port, incoming, DPS_PORT_BURST), 0);
	port->ops->release(port, incoming, 0);
}

static void receive__splits_a_train_of_which_the_last_is_shorter(void **state)
{
	struct dps_port *port = open_port();

	(void)state;
	put(2501, 1001);
	expect(port, 0, 1001);
	expect(port, 1001, 1001);
	expect(port, 2002, 499);
	expect_nothing(port);
	assert_int_equal(port->counters.received_datagrams, 3);
	assert_int_equal(port->counters.received_bytes, 2501);
	port->ops->close(port);
}

static void receive__takes_sizes_that_cut_nothing_as_one_datagram(void **state)
{
	static const int sizes[] = { 0, -1, INT32_MIN, 1000, 1001, INT32_MAX };
	struct dps_port *port = open_port();

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		put(1000, sizes[i]);
		expect(port, 0, 1000);
		expect_nothing(port);
	}
	port->ops->close(port);
}

static void receive__hands_out_the_smallest_of_the_largest_train(void **state)
{
	struct dps_port *port = open_port();
	uint32_t count = 0;

	(void)state;
	put(UINT16_MAX, 1);
	while (count < UINT16_MAX) {
		struct dps_incoming incoming[DPS_PORT_BURST];
		unsigned int got = port->ops->receive(port, incoming, DPS_PORT_BURST);

		assert_in_range(got, 1, DPS_PORT_BURST);
		for (unsigned int i = 0; i < got; i++, count++) {
			assert_int_equal(incoming[i].length, 1);
			assert_int_equal(incoming[i].bytes[0], (uint8_t)(count * 7));
		}
		port->ops->release(port, incoming, got);
	}
	expect_nothing(port);
	port->ops->close(port);
}

static void receive__drops_what_is_larger_than_the_mtu_of_a_train_too(void **state)
{
	struct dps_port *port = open_port();

	(void)state;
	put(3 * 1473 + 100, 1473);
	expect(port, 3 * 1473, 100);
	expect_nothing(port);
	assert_int_equal(port->counters.dropped_malformed, 3);
	put(1472, 0);
	expect(port, 0, 1472);
	port->ops->close(port);
}

static void receive__drops_a_message_that_was_cut(void **state)
{
	static const int flags[] = { MSG_TRUNC, MSG_CTRUNC };
	struct dps_port *port = open_port();

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		put(1000, 100);
		kernel.flags = flags[i];
		expect_nothing(port);
		assert_int_equal(port->counters.dropped_malformed, 10 * (i + 1));
	}
	put(1000, 100);
	expect(port, 0, 100);
	port->ops->close(port);
}

/* What stands behind the end of a control message is no size of anything. */
static void receive__reads_no_control_message_beyond_its_end(void **state)
{
	struct dps_port *port = open_port();

	(void)state;
	for (size_t bytes = CMSG_LEN(0); bytes < CMSG_LEN(sizeof(int)); bytes++) {
		struct cmsghdr control;

		put(1000, 100);
		memcpy(&control, kernel.control, sizeof(control));
		control.cmsg_len = bytes;
		memcpy(kernel.control, &control, sizeof(control));
		expect(port, 0, 1000);
		expect_nothing(port);
	}
	/* A length that no control message has ends them. */
	put(1000, 100);
	memset(kernel.control, 0, sizeof(size_t));
	expect(port, 0, 1000);
	put(1000, 100);
	memset(kernel.control, 0xff, sizeof(size_t));
	expect(port, 0, 1000);
	/* None at all, though there was room. */
	put(1000, 100);
	kernel.control_bytes = 0;
	expect(port, 0, 1000);
	port->ops->close(port);
}

static void receive__hands_out_a_datagram_without_bytes(void **state)
{
	struct dps_port *from = open_port(), *to = open_port();
	struct dps_incoming incoming[DPS_PORT_BURST];
	uint8_t head[1] = { 7 };
	struct dps_outgoing outgoing[3] = { { .head = head, .head_bytes = 1 },
					    { .head = head },
					    { .head = head, .head_bytes = 1 } };
	uint32_t lengths[3];

	(void)state;
	assert_int_equal(from->ops->add_remote(from, &to->local), 0);
	assert_int_equal(from->ops->send(from, outgoing, 3), 3);
	for (unsigned int arrived = 0; arrived < 3;) {
		unsigned int count = to->ops->receive(to, incoming, DPS_PORT_BURST);

		for (unsigned int i = 0; i < count; i++)
			lengths[arrived++] = incoming[i].length;
		to->ops->release(to, incoming, count);
	}
	assert_int_equal(lengths[0], 1);
	assert_int_equal(lengths[1], 0);
	assert_int_equal(lengths[2], 1);
	from->ops->close(from);
	to->ops->close(to);
}

/* ---- waiting ---- */

static void wait__ends_when_a_datagram_is_there(void **state)
{
	struct dps_port *from = open_port(), *to = open_port();
	uint8_t head[1] = { 7 };
	struct dps_outgoing outgoing = { .head = head, .head_bytes = 1 };
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	assert_int_equal(from->ops->add_remote(from, &to->local), 0);
	for (unsigned int i = 0; i < 2; i++) {
		if (i == 1)
			to->ops->wait(to, 0); /* nothing there: what comes is seen all the same */
		assert_int_equal(from->ops->send(from, &outgoing, 1), 1);
		to->ops->wait(to, FOREVER_NS);
		assert_int_equal(to->ops->receive(to, incoming, DPS_PORT_BURST), 1);
		to->ops->release(to, incoming, 1);
	}
	from->ops->close(from);
	to->ops->close(to);
}

static void wait__ends_at_once_when_a_train_is_not_handed_out(void **state)
{
	struct dps_port *port = open_port();

	(void)state;
	put(2000, 1000);
	expect(port, 0, 1000);
	port->ops->wait(port, FOREVER_NS);
	expect(port, 1000, 1000);
	port->ops->close(port);
}

static void wait__spares_the_next_receive_a_call(void **state)
{
	struct dps_port *port = open_port();

	(void)state;
	port->ops->wait(port, 0);
	expect_nothing(port);
	assert_int_equal(kernel.receive_calls, 0);
	expect_nothing(port);
	assert_int_equal(kernel.receive_calls, 1);
	port->ops->close(port);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__does_without_trains_on_an_old_kernel),
		TEST(open__asks_for_what_everyone_may_have_without_rights),
		TEST(send__goes_without_trains_where_they_are_refused),
		TEST(send__keeps_trains_to_others),
		TEST(send__blames_no_train_for_what_its_datagrams_are_refused_for),
		TEST(send__takes_nothing_while_the_kernel_is_full),
		TEST(receive__splits_a_train_of_which_the_last_is_shorter),
		TEST(receive__takes_sizes_that_cut_nothing_as_one_datagram),
		TEST(receive__hands_out_the_smallest_of_the_largest_train),
		TEST(receive__drops_what_is_larger_than_the_mtu_of_a_train_too),
		TEST(receive__drops_a_message_that_was_cut),
		TEST(receive__reads_no_control_message_beyond_its_end),
		TEST(receive__hands_out_a_datagram_without_bytes),
		TEST(wait__ends_when_a_datagram_is_there),
		TEST(wait__ends_at_once_when_a_train_is_not_handed_out),
		TEST(wait__spares_the_next_receive_a_call),
	};

	return cmocka_run_group_tests_name("udp_kernel", tests, NULL, NULL);
}
