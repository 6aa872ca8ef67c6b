/* SPDX-License-Identifier: BSD-3-Clause */
/* Lobby: who gets in, and what strangers cannot do. Connections over loopback, time as told. */
#include "drivers/control/listener.h"
#include "drivers/control/lobby.h"
#include "tests/support/cmocka.h"
#include <arpa/inet.h>
#include <dps/types.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOOD = 1000, TURNS_MAX = 20000 };

struct world {
	struct dps_clock clock; /* first: the clock's function finds the time behind it */
	uint64_t now_ns;
	struct dps_loop loop;
	struct dps_loop_source source;
	struct dps_listener listener;
	struct dps_lobby lobby;
	struct dps_tls *tls;
	EVP_PKEY *key;
	bool trusts_nobody;
	struct dps_socket *entered;
	unsigned int entered_count;
	unsigned int left_count;
	char why[DPS_TLS_TEXT_BYTES];
	int flood[FLOOD];
	unsigned int flood_count;
};

static uint64_t read_clock(struct dps_clock *clock)
{
	return ((struct world *)clock)->now_ns;
}

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct world *world = context;

	(void)peer;
	if (world->trusts_nobody && peer->side == DPS_TLS_ACCEPTED)
		snprintf(why, DPS_TLS_TEXT_BYTES, "nobody knows %s", peer->name);
	return !world->trusts_nobody || peer->side == DPS_TLS_DIALED;
}

static void on_entered(void *context, struct dps_socket *socket, uint64_t now_ns)
{
	struct world *world = context;

	(void)now_ns;
	if (world->entered)
		world->entered->ops->close(world->entered);
	world->entered = socket;
	world->entered_count++;
	dps_listener_release(&world->listener);
}

static void on_left(void *context, const char *peer, const char *why, bool is_refused)
{
	struct world *world = context;

	(void)peer;
	assert_int_equal(is_refused, world->trusts_nobody);
	snprintf(world->why, sizeof(world->why), "%s", why);
	world->left_count++;
	dps_listener_release(&world->listener);
}

static void on_listener(void *context, uint32_t events, uint64_t now_ns)
{
	struct world *world = context;
	struct dps_socket *socket;

	(void)events;
	while ((socket = dps_listener_accept(&world->listener, now_ns)))
		dps_lobby_admit(&world->lobby, socket, now_ns);
}

static int begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct rlimit limit = { 4096, 4096 };
	char error[DPS_ENDPOINT_ERROR_BYTES];
	struct dps_endpoint_name endpoint;

	assert_non_null(world);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	world->clock.now_ns = read_clock;
	world->now_ns = DPS_NS_PER_S;
	world->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	world->tls = dps_tls_create(
		&(struct dps_tls_config){ .key = world->key, .judge = judge, .context = world });
	assert_non_null(world->tls);
	assert_int_equal(dps_loop_init(&world->loop, &world->clock, NULL), 0);
	dps_lobby_init(&world->lobby, &(struct dps_lobby_config){ .loop = &world->loop,
								  .tls = world->tls,
								  .on_entered = on_entered,
								  .on_left = on_left,
								  .context = world });
	assert_true(dps_endpoint_parse(&endpoint, "127.0.0.1:0", DPS_ENDPOINT_LISTEN, error));
	assert_int_equal(dps_listener_open(&world->listener, &endpoint, error), 0);
	world->source = (struct dps_loop_source){ .fd = world->listener.fd,
						  .wants = 1, /* EPOLLIN */
						  .on_ready = on_listener,
						  .context = world };
	assert_int_equal(dps_loop_add(&world->loop, &world->source), 0);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	for (unsigned int i = 0; i < world->flood_count; i++)
		close(world->flood[i]);
	if (world->entered)
		world->entered->ops->close(world->entered);
	dps_lobby_fini(&world->lobby);
	dps_loop_remove(&world->loop, &world->source);
	dps_listener_close(&world->listener);
	dps_loop_fini(&world->loop);
	dps_tls_destroy(world->tls);
	EVP_PKEY_free(world->key);
	free(world);
	return 0;
}

static void turn(struct world *world)
{
	assert_int_equal(dps_loop_turn(&world->loop, 0), 0);
}

/* A connection from an address of its own, as all of 127/8 is this machine. */
static int dial_from(const struct world *world, const char *from)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, from, &local.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&world->listener.local.storage,
				 world->listener.local.bytes),
			 0);
	return fd;
}

static void flood_one(struct world *world, const char *from)
{
	world->flood[world->flood_count++] = dial_from(world, from);
	turn(world);
}

/* A peer as it should be: its handshake's outcome as it sees it. */
static int enter(struct world *world, const char *from)
{
	struct dps_socket_address peer = world->listener.local;
	struct dps_socket *socket =
		dps_tls_wrap(world->tls, dps_socket_create_tcp(dial_from(world, from), &peer),
			     DPS_TLS_DIALED, "collector");
	unsigned int before = world->entered_count + world->left_count;
	int result = -EAGAIN;

	assert_non_null(socket);
	for (unsigned int i = 0; i < TURNS_MAX; i++) {
		if (result == -EAGAIN)
			result = dps_tls_handshake(socket);
		turn(world);
		if (result != -EAGAIN && world->entered_count + world->left_count > before)
			break;
	}
	socket->ops->close(socket);
	return result;
}

static void admit__lets_in_who_proves_a_key(void **state)
{
	struct world *world = *state;

	assert_int_equal(enter(world, "127.0.0.1"), 0);
	assert_int_equal(world->entered_count, 1);
	assert_int_equal(world->left_count, 0);
	assert_int_equal(world->lobby.count, 0);
	assert_int_equal(world->listener.open_count, 0);
}

static void admit__sends_a_stranger_away_with_a_sentence(void **state)
{
	struct world *world = *state;

	world->trusts_nobody = true;
	(void)enter(world, "127.0.0.5");
	assert_int_equal(world->entered_count, 0);
	assert_int_equal(world->left_count, 1);
	assert_string_equal(world->why, "nobody knows 127.0.0.5");
	assert_int_equal(world->lobby.count, 0);
}

/* The time counts from the start: a byte now and then buys no more of it. */
static void on_due__ends_who_is_slow(void **state)
{
	static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x02, 0x00 };
	struct world *world = *state;

	flood_one(world, "127.0.0.1");
	while (world->lobby.count == 0)
		turn(world);
	for (unsigned int second = 0; second < DPS_LOBBY_SECONDS; second++) {
		assert_int_equal(world->lobby.count, 1);
		assert_int_equal(send(world->flood[0], record + second, 1, 0), 1);
		world->now_ns += DPS_NS_PER_S;
		turn(world);
	}
	turn(world);
	assert_int_equal(world->lobby.count, 0);
	assert_int_equal(world->left_count, 1);
	assert_string_equal(world->why, "it did not prove a key in time");
}

/* A thousand that say nothing, from one address; a good peer of the same address gets in. */
static void admit__is_not_stopped_by_a_flood(void **state)
{
	struct world *world = *state;

	for (unsigned int i = 0; i < FLOOD; i++)
		flood_one(world, "127.0.0.1");
	while (world->left_count < FLOOD - DPS_LOBBY_GUESTS_OF_ADDRESS_MAX)
		turn(world);
	assert_int_equal(world->lobby.count, DPS_LOBBY_GUESTS_OF_ADDRESS_MAX);
	assert_int_equal(enter(world, "127.0.0.1"), 0);
	assert_int_equal(world->entered_count, 1);
}

/* As if the listener had accepted it from there. */
static void admit_from(struct world *world, const char *from)
{
	struct dps_socket_address address = { .bytes = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address.storage;
	struct dps_socket *socket;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	world->flood[world->flood_count++] = ends[0];
	ipv6->sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, from, &ipv6->sin6_addr), 1);
	socket = dps_socket_create_tcp(ends[1], &address);
	assert_non_null(socket);
	world->listener.open_count++;
	dps_lobby_admit(&world->lobby, socket, world->now_ns);
}

/* Who has one address of a /64 has all of it. */
static void admit__takes_an_ipv6_network_for_one_address(void **state)
{
	struct world *world = *state;
	char from[64];

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_OF_ADDRESS_MAX + 4; i++) {
		snprintf(from, sizeof(from), "2001:db8:0:1:%x::1", i);
		admit_from(world, from);
	}
	assert_int_equal(world->lobby.count, DPS_LOBBY_GUESTS_OF_ADDRESS_MAX);
	admit_from(world, "2001:db8:0:2::1");
	assert_int_equal(world->lobby.count, DPS_LOBBY_GUESTS_OF_ADDRESS_MAX + 1);
}

/* From many addresses; who has the most of them here makes room, and not who has one. */
static void admit__takes_room_from_who_has_most(void **state)
{
	struct world *world = *state;
	char from[32];

	flood_one(world, "127.1.0.1");
	while (world->lobby.count == 0)
		turn(world);
	for (unsigned int i = 0; i < FLOOD / 2; i++) {
		snprintf(from, sizeof(from), "127.2.0.%u", i % 5 + 1);
		flood_one(world, from);
		assert_true(world->lobby.count <= DPS_LOBBY_GUESTS_MAX);
	}
	for (unsigned int i = 0; i < TURNS_MAX && world->lobby.next_serial <= FLOOD / 2; i++)
		turn(world);
	assert_int_equal(world->lobby.count, DPS_LOBBY_GUESTS_MAX);
	/* The first of all is still there, though it has waited longest. */
	assert_true(world->lobby.guests[0].socket && world->lobby.guests[0].serial == 0);
	assert_int_equal(enter(world, "127.1.0.9"), 0);
	assert_int_equal(world->entered_count, 1);
}

/* Says the first words of TLS, from an address; and nothing after them. */
static void knock(struct world *world, const char *from)
{
	static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x02, 0x00 };
	uint64_t before = world->lobby.next_serial;

	flood_one(world, from);
	while (world->lobby.next_serial == before)
		turn(world);
	assert_int_equal(send(world->flood[world->flood_count - 1], record, sizeof(record), 0),
			 sizeof(record));
	turn(world);
}

static unsigned int waiting(const struct world *world)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++)
		count += world->lobby.guests[i].socket &&
			 world->lobby.guests[i].waits_until_ns != DPS_NEVER_NS;
	return count;
}

static void wait_for_waiting(struct world *world, unsigned int count)
{
	for (unsigned int i = 0; i < TURNS_MAX && waiting(world) != count; i++)
		turn(world);
	assert_int_equal(waiting(world), count);
}

/* One address that begins and begins; others do not notice, and it has its turn again. */
static void admit__holds_an_address_to_its_rate(void **state)
{
	struct world *world = *state;

	for (unsigned int i = 0; i < DPS_HANDSHAKES_BURST; i++)
		knock(world, "127.3.0.1");
	assert_int_equal(waiting(world), 0);
	knock(world, "127.3.0.1");
	knock(world, "127.3.0.1");
	wait_for_waiting(world, 2);
	assert_int_equal(enter(world, "127.4.0.1"), 0);
	assert_int_equal(world->entered_count, 1);
	assert_int_equal(waiting(world), 2);
	world->now_ns += DPS_NS_PER_S / DPS_HANDSHAKES_PER_S;
	turn(world);
	assert_int_equal(waiting(world), 1);
	world->now_ns += DPS_NS_PER_S / DPS_HANDSHAKES_PER_S;
	turn(world);
	assert_int_equal(waiting(world), 0);
	/* A good peer of that address has to wait as well, and is let in. */
	world->now_ns += DPS_NS_PER_S / DPS_HANDSHAKES_PER_S;
	assert_int_equal(enter(world, "127.3.0.1"), 0);
	assert_int_equal(world->entered_count, 2);
}

/* Who waits and goes is not looked at again and again. */
static void on_ready__lets_go_who_hangs_up_while_waiting(void **state)
{
	const struct linger now = { .l_onoff = 1 };
	struct world *world = *state;
	unsigned int left;

	for (unsigned int i = 0; i <= DPS_HANDSHAKES_BURST; i++)
		knock(world, "127.3.0.1");
	wait_for_waiting(world, 1);
	left = world->left_count;
	assert_int_equal(setsockopt(world->flood[world->flood_count - 1], SOL_SOCKET, SO_LINGER,
				    &now, sizeof(now)),
			 0);
	close(world->flood[--world->flood_count]);
	for (unsigned int i = 0; i < TURNS_MAX && world->left_count == left; i++)
		turn(world);
	assert_int_equal(world->left_count, left + 1);
	assert_string_equal(world->why, "it hung up");
	assert_int_equal(waiting(world), 0);
}

static void name__is_what_people_write(void **state)
{
	struct dps_socket_address address = { .bytes = sizeof(struct sockaddr_in6) };
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address.storage;
	char name[DPS_LOBBY_NAME_BYTES];

	(void)state;
	ipv6->sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.7", &ipv6->sin6_addr), 1);
	dps_lobby_name(&address, name);
	assert_string_equal(name, "10.0.0.7");
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &ipv6->sin6_addr), 1);
	dps_lobby_name(&address, name);
	assert_string_equal(name, "2001:db8::7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(admit__lets_in_who_proves_a_key, begin, end),
		cmocka_unit_test_setup_teardown(admit__sends_a_stranger_away_with_a_sentence, begin,
						end),
		cmocka_unit_test_setup_teardown(on_due__ends_who_is_slow, begin, end),
		cmocka_unit_test_setup_teardown(admit__is_not_stopped_by_a_flood, begin, end),
		cmocka_unit_test_setup_teardown(admit__takes_an_ipv6_network_for_one_address, begin,
						end),
		cmocka_unit_test_setup_teardown(admit__takes_room_from_who_has_most, begin, end),
		cmocka_unit_test_setup_teardown(admit__holds_an_address_to_its_rate, begin, end),
		cmocka_unit_test_setup_teardown(on_ready__lets_go_who_hangs_up_while_waiting, begin,
						end),
		cmocka_unit_test(name__is_what_people_write),
	};

	return cmocka_run_group_tests_name("lobby", tests, NULL, NULL);
}
