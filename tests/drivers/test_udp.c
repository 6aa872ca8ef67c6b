/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/udp.h"
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define TOKENS_MAX 256

struct tokens {
	unsigned int released[TOKENS_MAX];
	unsigned int total;
};

static void on_released(void *context, uint32_t token, uint32_t count)
{
	struct tokens *tokens = context;

	assert_in_range(token, 0, TOKENS_MAX - 1);
	tokens->released[token] += count;
	tokens->total += count;
}

static struct dps_address address(const char *text, uint16_t udp_port)
{
	struct dps_address address = { .udp_port = udp_port };

	if (inet_pton(AF_INET, text, address.ip) == 1)
		address.family = DPS_ADDRESS_IPV4;
	else if (inet_pton(AF_INET6, text, address.ip) == 1)
		address.family = DPS_ADDRESS_IPV6;
	else
		fail_msg("%s is no address", text);
	return address;
}

static struct dps_port *open_as(const char *text, struct tokens *tokens, bool is_without_offload)
{
	struct dps_udp_options options = { .name = "udp:test",
					   .is_without_offload = is_without_offload };
	struct dps_port *port = NULL;
	int error;

	if (text != NULL)
		options.bind = address(text, 0);
	error = dps_udp_open(&options, &port);
	if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT) {
		print_message("skipped: no %s here\n", text != NULL ? text : "IPv6");
		skip();
	}
	assert_int_equal(error, 0);
	port->on_released = on_released;
	port->released_context = tokens;
	return port;
}

static struct dps_port *open_at(const char *text, struct tokens *tokens)
{
	return open_as(text, tokens, false);
}

/* Waits for datagrams, as a lane that may block would; loopback delivers or never will. */
static unsigned int receive(struct dps_port *port, struct dps_incoming *incoming, unsigned int room)
{
	for (unsigned int turns = 0; turns < 100000000; turns++) {
		unsigned int count = port->ops->receive(port, incoming, room);

		if (count > 0)
			return count;
	}
	return 0;
}

static void send_one(struct dps_port *port, uint32_t remote, const char *head)
{
	struct dps_outgoing outgoing = {
		.head = (uint8_t *)(uintptr_t)head,
		.head_bytes = (uint32_t)strlen(head),
		.remote = remote,
	};

	assert_int_equal(port->ops->send(port, &outgoing, 1), 1);
}

static void exchange(struct dps_port *a, struct dps_port *b, const struct dps_address *b_address,
		     struct tokens *tokens)
{
	static uint8_t body[DPS_PAYLOAD_BYTES_MAX];
	uint32_t room = dps_port_datagram_bytes(a->mtu, b_address->family);
	int remote = a->ops->add_remote(a, b_address);
	struct dps_incoming incoming[DPS_PORT_BURST];
	struct dps_outgoing outgoing[2] = {
		{ .head = (uint8_t *)"head", .head_bytes = 4, .body = body, .token = 7 },
		{ .head = (uint8_t *)"alone", .head_bytes = 5 },
	};
	unsigned int count;
	int back;

	assert_true(remote >= 0);
	for (unsigned int i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	outgoing[0].body_bytes = room - 4; /* the largest that fits */
	outgoing[0].remote = outgoing[1].remote = (uint32_t)remote;
	assert_int_equal(a->ops->send(a, outgoing, 2), 2);
	assert_int_equal(tokens->total, 1);
	assert_int_equal(tokens->released[7], 1);

	count = receive(b, incoming, 1);
	assert_int_equal(count, 1);
	assert_int_equal(incoming[0].length, room);
	assert_memory_equal(incoming[0].bytes, "head", 4);
	assert_memory_equal(incoming[0].bytes + 4, body, room - 4);
	assert_int_equal(incoming[0].from.family, b_address->family);
	assert_int_equal(incoming[0].from.udp_port, a->local.udp_port);
	assert_int_equal((uintptr_t)(incoming[0].bytes + DPS_ENVELOPE_BYTES) % 64, 0);
	b->ops->release(b, incoming, count);

	count = receive(b, incoming, DPS_PORT_BURST);
	assert_int_equal(count, 1);
	assert_int_equal(incoming[0].length, 5);
	/* The answer goes to where it came from. */
	back = b->ops->add_remote(b, &incoming[0].from);
	assert_true(back >= 0);
	b->ops->release(b, incoming, count);
	send_one(b, (uint32_t)back, "back");
	count = receive(a, incoming, DPS_PORT_BURST);
	assert_int_equal(count, 1);
	assert_memory_equal(incoming[0].bytes, "back", 4);
	assert_memory_equal(incoming[0].from.ip, b_address->ip, 16);
	a->ops->release(a, incoming, count);

	assert_int_equal(a->counters.sent_datagrams, 2);
	assert_int_equal(a->counters.sent_bytes, room + 5);
	assert_int_equal(b->counters.received_datagrams, 2);
	assert_int_equal(b->counters.received_bytes, room + 5);
}

static void open__takes_the_defaults_of_the_device(void **state)
{
	struct dps_port *port = open_at("127.0.0.1", NULL);

	(void)state;
	assert_string_equal(port->name, "udp:test");
	assert_int_equal(port->mtu, 9000); /* loopback has more */
	assert_int_equal(port->local.mtu, 9000);
	assert_int_equal(port->local.family, DPS_ADDRESS_IPV4);
	assert_memory_equal(port->local.ip, "\x7f\0\0\1", 4);
	assert_int_not_equal(port->local.udp_port, 0);
	assert_true(port->ops->is_up(port));
	assert_true(dps_udp_receive_buffer_bytes(port) > 100000);
	port->ops->close(port);
}

static void open__refuses_what_cannot_be(void **state)
{
	struct dps_udp_options options = { .bind = address("127.0.0.1", 0) };
	struct dps_port *first, *port = NULL;

	(void)state;
	options.mtu = 1279;
	assert_int_equal(dps_udp_open(&options, &port), -ERANGE);
	options.mtu = DPS_UDP_MTU_MAX + 1;
	assert_int_equal(dps_udp_open(&options, &port), -ERANGE);
	options.mtu = 70000;
	assert_int_equal(dps_udp_open(&options, &port), -EMSGSIZE);
	options.mtu = 1500;
	assert_int_equal(dps_udp_open(&options, &first), 0);
	assert_int_equal(first->mtu, 1500);
	options.udp_port = first->local.udp_port;
	assert_int_equal(dps_udp_open(&options, &port), -EADDRINUSE);
	options.udp_port = 0;
	options.bind = address("203.0.113.77", 0); /* for documentation only, RFC 5737 */
	assert_int_equal(dps_udp_open(&options, &port), -EADDRNOTAVAIL);
	options.bind.family = DPS_ADDRESS_IPV6 + 1;
	assert_int_equal(dps_udp_open(&options, &port), -EINVAL);
	assert_null(port);
	first->ops->close(first);
}

static void send__reaches_the_other_over_ipv4(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_at("127.0.0.1", &tokens), *b = open_at("127.0.0.1", NULL);

	(void)state;
	exchange(a, b, &b->local, &tokens);
	a->ops->close(a);
	b->ops->close(b);
}

static void send__reaches_the_other_without_offload(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_as("127.0.0.1", &tokens, true);
	struct dps_port *b = open_as("127.0.0.1", NULL, true);

	(void)state;
	exchange(a, b, &b->local, &tokens);
	a->ops->close(a);
	b->ops->close(b);
}

static void send__reaches_the_other_over_ipv6(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_at("::1", &tokens), *b = open_at("::1", NULL);

	(void)state;
	exchange(a, b, &b->local, &tokens);
	a->ops->close(a);
	b->ops->close(b);
}

static void send__reaches_both_families_from_a_port_at_every_address(void **state)
{
	static const char *const targets[] = { "127.0.0.1", "::1" };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct tokens tokens = { .total = 0 };
		struct dps_port *a = open_at(NULL, &tokens), *b = open_at(NULL, NULL);
		struct dps_address to = address(targets[i], b->local.udp_port);

		assert_int_equal(b->local.family, DPS_ADDRESS_NONE);
		assert_int_not_equal(b->local.udp_port, 0);
		exchange(a, b, &to, &tokens);
		a->ops->close(a);
		b->ops->close(b);
	}
}

static bool find_link_local(struct dps_address *found)
{
	struct ifaddrs *interfaces = NULL;
	bool is_found = false;

	if (getifaddrs(&interfaces) != 0)
		return false;
	for (struct ifaddrs *i = interfaces; i != NULL && !is_found; i = i->ifa_next) {
		const struct sockaddr_in6 *in6 = (const void *)i->ifa_addr;

		if (in6 == NULL || in6->sin6_family != AF_INET6 || (i->ifa_flags & IFF_UP) == 0 ||
		    !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			continue;
		*found = (struct dps_address){ .family = DPS_ADDRESS_IPV6,
					       .scope = in6->sin6_scope_id };
		memcpy(found->ip, &in6->sin6_addr, 16);
		is_found = true;
	}
	freeifaddrs(interfaces);
	return is_found;
}

static void send__reaches_a_link_local_address_with_its_scope(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_udp_options options = { .name = "udp:link" };
	struct dps_port *a, *b;

	(void)state;
	if (!find_link_local(&options.bind)) {
		print_message("skipped: no interface has a link-local address\n");
		skip();
	}
	assert_int_equal(dps_udp_open(&options, &a), 0);
	assert_int_equal(dps_udp_open(&options, &b), 0);
	a->on_released = on_released;
	a->released_context = &tokens;
	assert_int_equal(b->local.scope, options.bind.scope);
	exchange(a, b, &b->local, &tokens);
	a->ops->close(a);
	b->ops->close(b);
}

/* What the next burst of datagrams looks like: numbered, of one of few sizes, to one of two. */
static unsigned int make_burst(struct dps_random *random, struct dps_outgoing *outgoing,
			       uint8_t (*heads)[56], uint32_t *next)
{
	static const uint32_t sizes[] = { 1352, 1352, 1352, 1352, 700, 0 };
	static uint8_t body[1352];
	unsigned int count = 1 + (unsigned int)dps_random_below(random, DPS_PORT_BURST);
	uint32_t size = 1352, to = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (dps_random_chance(random, 1, 8))
			size = sizes[dps_random_below(random, 6)];
		if (dps_random_chance(random, 1, 8))
			to = (uint32_t)dps_random_below(random, 2);
		dps_store_be32(heads[i], next[to]++);
		dps_store_be32(heads[i] + 4, 56 + size);
		outgoing[i] = (struct dps_outgoing){
			.head = heads[i],
			.head_bytes = 56,
			.body = size != 0 ? body : NULL,
			.body_bytes = size,
			.remote = to,
			.token = i,
		};
	}
	return count;
}

/* 65536 datagrams and some, to two receivers, none lost, doubled, cut elsewhere or out of order. */
static void carry_bursts(bool is_sender_without, bool is_receiver_without)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_as("127.0.0.1", &tokens, is_sender_without);
	struct dps_port *b[2];
	uint32_t sent[2] = { 0, 0 }, arrived[2] = { 0, 0 };
	unsigned int bodies_count = 0;
	struct dps_random random;

	dps_random_init(&random, 1);
	for (unsigned int i = 0; i < 2; i++) {
		b[i] = open_as("127.0.0.1", NULL, is_receiver_without);
		assert_int_equal(a->ops->add_remote(a, &b[i]->local), i);
	}
	while (sent[0] + sent[1] < 65536) {
		struct dps_outgoing outgoing[DPS_PORT_BURST];
		uint8_t heads[DPS_PORT_BURST][56] = { { 0 } };
		unsigned int count = make_burst(&random, outgoing, heads, sent), taken = 0;

		for (unsigned int i = 0; i < count; i++)
			bodies_count += outgoing[i].body != NULL;
		while (taken < count)
			taken += a->ops->send(a, outgoing + taken, count - taken);
		for (unsigned int i = 0; i < 2; i++) {
			while (arrived[i] < sent[i]) {
				struct dps_incoming incoming[DPS_PORT_BURST];
				unsigned int room =
					1 + (unsigned int)dps_random_below(&random, DPS_PORT_BURST);

				count = receive(b[i], incoming, room);
				assert_in_range(count, 1, room);
				for (unsigned int k = 0; k < count; k++) {
					const uint8_t *bytes = incoming[k].bytes;

					assert_int_equal(dps_load_be32(bytes), arrived[i]++);
					assert_int_equal(dps_load_be32(bytes + 4),
							 incoming[k].length);
					assert_int_equal(incoming[k].from.udp_port,
							 a->local.udp_port);
				}
				b[i]->ops->release(b[i], incoming, count);
			}
		}
	}
	assert_int_equal(tokens.total, bodies_count);
	assert_int_equal(a->counters.sent_datagrams, sent[0] + sent[1]);
	assert_int_equal(a->counters.sent_bytes,
			 b[0]->counters.received_bytes + b[1]->counters.received_bytes);
	for (unsigned int i = 0; i < 2; i++) {
		b[i]->ops->poll(b[i], 0);
		assert_int_equal(b[i]->counters.received_datagrams, sent[i]);
		assert_int_equal(b[i]->counters.dropped_no_buffer, 0);
		assert_int_equal(b[i]->counters.dropped_malformed, 0);
		b[i]->ops->close(b[i]);
	}
	a->ops->close(a);
}

static void send__carries_65536_datagrams_in_order(void **state)
{
	(void)state;
	carry_bursts(false, false);
}

static void send__carries_them_without_offload_on_either_side(void **state)
{
	(void)state;
	carry_bursts(false, true);
	carry_bursts(true, false);
	carry_bursts(true, true);
}

static void poll__counts_what_the_kernel_dropped(void **state)
{
	struct dps_udp_options options = { .bind = address("127.0.0.1", 0), .buffer_bytes = 65536 };
	struct dps_port *a = open_at("127.0.0.1", NULL), *b;
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count, arrived = 0;
	int remote;

	(void)state;
	assert_int_equal(dps_udp_open(&options, &b), 0);
	remote = a->ops->add_remote(a, &b->local);
	b->ops->poll(b, 0);
	for (unsigned int i = 0; i < 1000; i++)
		send_one(a, (uint32_t)remote, "nobody reads this");
	while ((count = b->ops->receive(b, incoming, DPS_PORT_BURST)) > 0) {
		b->ops->release(b, incoming, count);
		arrived += count;
	}
	assert_in_range(arrived, 1, 999);
	b->ops->poll(b, 1); /* too early to ask again */
	assert_int_equal(b->counters.dropped_no_buffer, 0);
	b->ops->poll(b, DPS_NS_PER_S);
	assert_int_equal(b->counters.dropped_no_buffer, 1000 - arrived);
	assert_int_equal(a->counters.sent_datagrams, 1000);
	a->ops->close(a);
	b->ops->close(b);
}

static void receive__is_zero_when_there_is_nothing(void **state)
{
	struct dps_port *port = open_at("127.0.0.1", NULL);
	struct dps_incoming incoming[DPS_PORT_BURST];

	(void)state;
	assert_int_equal(port->ops->receive(port, incoming, DPS_PORT_BURST), 0);
	assert_int_equal(port->ops->receive(port, incoming, 0), 0);
	port->ops->release(port, incoming, 0);
	port->ops->close(port);
}

static void receive__drops_what_is_larger_than_the_mtu(void **state)
{
	struct dps_udp_options options = { .bind = address("127.0.0.1", 0), .mtu = 1500 };
	struct dps_port *a = open_at("127.0.0.1", NULL), *b;
	struct dps_incoming incoming[DPS_PORT_BURST];
	static uint8_t head[1473];
	struct dps_outgoing outgoing = { .head = head, .head_bytes = sizeof(head) };

	(void)state;
	assert_int_equal(dps_udp_open(&options, &b), 0);
	outgoing.remote = (uint32_t)a->ops->add_remote(a, &b->local);
	assert_int_equal(a->ops->send(a, &outgoing, 1), 1);
	send_one(a, outgoing.remote, "fits");
	while (b->counters.received_datagrams == 0) {
		unsigned int count = b->ops->receive(b, incoming, DPS_PORT_BURST);

		if (count > 0)
			assert_int_equal(incoming[0].length, 4);
		b->ops->release(b, incoming, count);
	}
	assert_int_equal(b->counters.dropped_malformed, 1);
	a->ops->close(a);
	b->ops->close(b);
}

static void receive__tells_the_ecn_bits(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_port *port = open_at(i == 0 ? addresses[0] : NULL, NULL);
		struct dps_address to = address(addresses[i], port->local.udp_port);
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(to.udp_port) };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
					    .sin6_port = htons(to.udp_port) };
		int fd = socket(i == 0 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tos = 0xb8 | 3; /* a service class, and congestion experienced */
		struct dps_incoming incoming[DPS_PORT_BURST];

		memcpy(&in.sin_addr, to.ip, 4);
		memcpy(&in6.sin6_addr, to.ip, 16);
		if (i == 0) {
			setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
			sendto(fd, "x", 1, 0, (struct sockaddr *)&in, sizeof(in));
		} else {
			setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
			sendto(fd, "x", 1, 0, (struct sockaddr *)&in6, sizeof(in6));
		}
		assert_int_equal(receive(port, incoming, DPS_PORT_BURST), 1);
		assert_int_equal(incoming[0].ecn, 3);
		port->ops->release(port, incoming, 1);
		close(fd);
		port->ops->close(port);
	}
}

static void send__outlives_a_closed_peer(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_at("127.0.0.1", &tokens), *b = open_at("127.0.0.1", NULL);
	struct dps_udp_options options = { .bind = b->local, .udp_port = b->local.udp_port };
	int remote = a->ops->add_remote(a, &b->local);
	struct dps_incoming incoming[DPS_PORT_BURST];
	uint8_t body[8] = { 0 };
	struct dps_outgoing outgoing = { .head = body,
					 .head_bytes = 8,
					 .body = body,
					 .body_bytes = 8,
					 .token = 3,
					 .remote = (uint32_t)remote };

	(void)state;
	b->ops->close(b);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(a->ops->send(a, &outgoing, 1), 1);
		assert_int_equal(a->ops->receive(a, incoming, DPS_PORT_BURST), 0);
	}
	assert_int_equal(tokens.released[3], 100);
	/* It comes back at the same place, and is reached at once. */
	assert_int_equal(dps_udp_open(&options, &b), 0);
	send_one(a, (uint32_t)remote, "there");
	assert_int_equal(receive(b, incoming, DPS_PORT_BURST), 1);
	assert_memory_equal(incoming[0].bytes, "there", 5);
	b->ops->release(b, incoming, 1);
	a->ops->close(a);
	b->ops->close(b);
}

static void send__drops_what_the_kernel_refuses_and_goes_on(void **state)
{
	struct tokens tokens = { .total = 0 };
	struct dps_port *a = open_at("127.0.0.1", &tokens), *b = open_at("127.0.0.1", NULL);
	struct dps_address away = address("203.0.113.1", 9); /* not from 127.0.0.1 */
	static uint8_t body[70000];
	struct dps_incoming incoming[DPS_PORT_BURST];
	struct dps_outgoing outgoing[5];
	int good = a->ops->add_remote(a, &b->local), bad = a->ops->add_remote(a, &away);
	int gone = a->ops->add_remote(a, &b->local);

	(void)state;
	a->ops->remove_remote(a, (uint32_t)gone);
	for (unsigned int i = 0; i < 5; i++)
		outgoing[i] = (struct dps_outgoing){ .head = body,
						     .head_bytes = 8,
						     .body = body,
						     .body_bytes = 8,
						     .token = i,
						     .remote = (uint32_t)good };
	outgoing[0].remote = (uint32_t)gone;
	outgoing[2].remote = (uint32_t)bad;
	outgoing[3].body_bytes = sizeof(body); /* no datagram is as long */
	assert_int_equal(a->ops->send(a, outgoing, 5), 5);
	assert_int_equal(a->counters.send_errors, 3);
	assert_int_equal(a->counters.sent_datagrams, 2);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(tokens.released[i], 1);
	for (unsigned int arrived = 0; arrived < 2;) {
		unsigned int count = receive(b, incoming, DPS_PORT_BURST);

		assert_int_not_equal(count, 0);
		b->ops->release(b, incoming, count);
		arrived += count;
	}
	a->ops->close(a);
	b->ops->close(b);
}

static void add_remote__names_and_reuses_places(void **state)
{
	struct dps_port *port = open_at("127.0.0.1", NULL), *six;
	struct dps_address to = address("127.0.0.1", 9);
	struct dps_address to_six = address("::1", 9);

	(void)state;
	assert_int_equal(port->ops->add_remote(port, &to_six), -EAFNOSUPPORT);
	for (int i = 0; i < DPS_UDP_REMOTES_MAX; i++)
		assert_int_equal(port->ops->add_remote(port, &to), i);
	assert_int_equal(port->ops->add_remote(port, &to), -ENOSPC);
	port->ops->remove_remote(port, 17);
	assert_int_equal(port->ops->add_remote(port, &to), 17);
	to.udp_port = 0;
	assert_int_equal(port->ops->add_remote(port, &to), -EINVAL);
	port->ops->close(port);
	six = open_at("::1", NULL);
	to.udp_port = 9;
	assert_int_equal(six->ops->add_remote(six, &to), -EAFNOSUPPORT);
	six->ops->close(six);
}

static void allocate__gives_pages_that_can_be_written(void **state)
{
	struct dps_port *port = open_at("127.0.0.1", NULL);
	uint8_t *a = port->ops->allocate(port, 5 << 20), *b = port->ops->allocate(port, 1);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal((uintptr_t)a % DPS_PAGE_BYTES, 0);
	assert_int_equal((uintptr_t)b % DPS_PAGE_BYTES, 0);
	memset(a, 1, 5 << 20);
	*b = 2;
	assert_int_equal(a[(5 << 20) - 1], 1);
	assert_null(port->ops->allocate(port, SIZE_MAX));
	assert_null(port->ops->allocate(port, 0));
	port->ops->close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__takes_the_defaults_of_the_device),
		cmocka_unit_test(open__refuses_what_cannot_be),
		cmocka_unit_test(send__reaches_the_other_over_ipv4),
		cmocka_unit_test(send__reaches_the_other_without_offload),
		cmocka_unit_test(send__reaches_the_other_over_ipv6),
		cmocka_unit_test(send__reaches_both_families_from_a_port_at_every_address),
		cmocka_unit_test(send__reaches_a_link_local_address_with_its_scope),
		cmocka_unit_test(send__carries_65536_datagrams_in_order),
		cmocka_unit_test(send__carries_them_without_offload_on_either_side),
		cmocka_unit_test(send__outlives_a_closed_peer),
		cmocka_unit_test(send__drops_what_the_kernel_refuses_and_goes_on),
		cmocka_unit_test(receive__is_zero_when_there_is_nothing),
		cmocka_unit_test(receive__drops_what_is_larger_than_the_mtu),
		cmocka_unit_test(receive__tells_the_ecn_bits),
		cmocka_unit_test(poll__counts_what_the_kernel_dropped),
		cmocka_unit_test(add_remote__names_and_reuses_places),
		cmocka_unit_test(allocate__gives_pages_that_can_be_written),
	};

	return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
