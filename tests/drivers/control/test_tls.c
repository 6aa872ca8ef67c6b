/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS over a pair of connected sockets, both ends in turn in this thread. */
#include "drivers/control/connection.h"
#include "drivers/control/tls_parts.h"
#include "tests/support/cmocka.h"
#include "tests/support/tls_turns.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHANGES = 20 };

/* One side: its key, and whom it trusts. */
struct party {
	EVP_PKEY *key;
	EVP_PKEY *trusted; /* NULL: nobody */
	struct dps_tls *tls;
	unsigned int judged_count;
	unsigned int proved_count;
	bool refuses_late;
	enum dps_tls_side side;
	char name[DPS_TLS_NAME_BYTES];
};

struct world {
	struct party exporter, collector;
	struct dps_socket *dialed, *accepted;
	int fds[2];
};

static bool is_key(EVP_PKEY *key, const struct dps_tls_peer *peer)
{
	uint8_t *bytes = NULL;
	int count = i2d_PUBKEY(key, &bytes);
	bool is_same = count > 0 && (size_t)count == peer->public_key_bytes &&
		       memcmp(bytes, peer->public_key, peer->public_key_bytes) == 0;

	OPENSSL_free(bytes);
	return is_same;
}

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct party *party = context;

	party->judged_count++;
	party->side = peer->side;
	snprintf(party->name, sizeof(party->name), "%s", peer->name);
	if (party->trusted && is_key(party->trusted, peer))
		return true;
	snprintf(why, DPS_TLS_TEXT_BYTES, "we do not know %s", peer->name);
	return false;
}

static bool on_proved(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct party *party = context;

	assert_true(is_key(party->trusted, peer));
	party->proved_count++;
	if (party->refuses_late)
		snprintf(why, DPS_TLS_TEXT_BYTES, "it could not be written down");
	return !party->refuses_late;
}

static void create(struct party *party, const char *own_key)
{
	const struct dps_tls_config config = {
		.key = party->key,
		.judge = judge,
		.on_proved = on_proved,
		.context = party,
		.own_key = own_key,
	};

	party->tls = dps_tls_create(&config);
	assert_non_null(party->tls);
}

static struct dps_socket *wrap_fd(struct world *world, unsigned int end)
{
	static const struct dps_socket_address nowhere = { .storage.ss_family = AF_UNIX,
							   .bytes = sizeof(sa_family_t) };
	struct dps_socket *socket = dps_socket_create_tcp(world->fds[end], &nowhere);

	world->fds[end] = -1; /* the socket's now */
	assert_non_null(socket);
	return socket;
}

static void dial(struct world *world)
{
	world->dialed =
		dps_tls_wrap(world->exporter.tls, wrap_fd(world, 0), DPS_TLS_DIALED, "archive");
	assert_non_null(world->dialed);
}

static void accept_it(struct world *world)
{
	world->accepted =
		dps_tls_wrap(world->collector.tls, wrap_fd(world, 1), DPS_TLS_ACCEPTED, "10.0.0.7");
	assert_non_null(world->accepted);
}

static int begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, world->fds), 0);
	world->exporter.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	world->collector.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	world->exporter.trusted = world->collector.key;
	world->collector.trusted = world->exporter.key;
	create(&world->exporter, "sha256:ee");
	create(&world->collector, "sha256:cc");
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	if (world->dialed)
		world->dialed->ops->close(world->dialed);
	if (world->accepted)
		world->accepted->ops->close(world->accepted);
	for (unsigned int i = 0; i < 2; i++)
		if (world->fds[i] >= 0)
			close(world->fds[i]);
	dps_tls_destroy(world->exporter.tls);
	dps_tls_destroy(world->collector.tls);
	EVP_PKEY_free(world->exporter.key);
	EVP_PKEY_free(world->collector.key);
	free(world);
	return 0;
}

static void meet(struct world *world, int results[2])
{
	dial(world);
	accept_it(world);
	tls_turns_shake_hands(world->dialed, world->accepted, results);
}

static void connect_both(struct world *world)
{
	int results[2];

	meet(world, results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], 0);
}

static void assert_trouble(const struct dps_socket *socket, const char *part)
{
	assert_non_null(socket->trouble);
	if (!strstr(socket->trouble, part))
		fail_msg("%s", socket->trouble);
}

/* ---- */

static void handshake__proves_both_keys(void **state)
{
	struct world *world = *state;

	connect_both(world);
	assert_int_equal(world->exporter.judged_count, 1);
	assert_int_equal(world->exporter.proved_count, 1);
	assert_int_equal(world->collector.judged_count, 1);
	assert_int_equal(world->collector.proved_count, 1);
	assert_int_equal(world->exporter.side, DPS_TLS_DIALED);
	assert_int_equal(world->collector.side, DPS_TLS_ACCEPTED);
	assert_string_equal(world->exporter.name, "archive");
	assert_string_equal(world->collector.name, "10.0.0.7");
}

static void frames__go_both_ways_and_end_cleanly(void **state)
{
	static char body[300000];
	struct dps_connection exporter, collector;
	struct world *world = *state;
	unsigned int frames = 0;
	const uint8_t *got;
	size_t length;

	dial(world);
	accept_it(world);
	dps_connection_init(&exporter, world->dialed);
	dps_connection_init(&collector, world->accepted);
	memset(body, 'x', sizeof(body));
	for (unsigned int i = 1; i <= 3; i++)
		assert_int_equal(dps_connection_send(&exporter, body, sizeof(body) / i), 0);
	for (unsigned int i = 0; i < TLS_TURNS_MAX && frames < 3; i++) {
		dps_connection_flush(&exporter);
		(void)dps_connection_next(&exporter, &got, &length);
		while (dps_connection_next(&collector, &got, &length) == DPS_CONNECTION_FRAME) {
			assert_int_equal(length, sizeof(body) / ++frames);
			assert_memory_equal(got, body, length);
		}
	}
	assert_int_equal(frames, 3);
	dps_connection_finish(&collector, "bye", 3, UINT64_MAX);
	for (unsigned int i = 0; i < TLS_TURNS_MAX && frames < 5; i++) {
		enum dps_connection_event event = dps_connection_next(&exporter, &got, &length);

		dps_connection_flush(&collector);
		frames += event == DPS_CONNECTION_FRAME || event == DPS_CONNECTION_CLOSED;
	}
	assert_int_equal(exporter.state, DPS_CONNECTION_ENDED);
	assert_false(exporter.is_broken);
	for (unsigned int i = 0; i < TLS_TURNS_MAX && collector.state != DPS_CONNECTION_ENDED; i++)
		(void)dps_connection_next(&collector, &got, &length);
	assert_int_equal(collector.state, DPS_CONNECTION_ENDED);
	dps_connection_fini(&exporter);
	dps_connection_fini(&collector);
	world->dialed = world->accepted = NULL;
}

/* A stream that was cut off is not taken for one that ended. */
static void read__tells_a_cut_from_an_end(void **state)
{
	struct world *world = *state;

	connect_both(world);
	assert_int_equal(shutdown(world->accepted->fd, SHUT_WR), 0);
	assert_int_equal(tls_turns_read(world->dialed), -ECONNRESET);
	assert_trouble(world->dialed, "archive closed the connection without a goodbye");
	assert_false(world->dialed->is_refused);
}

/* A read comes back between them: one peer's are not all that its reader gets to. */
static void read__is_not_held_by_changes_of_keys(void **state)
{
	struct world *world = *state;
	SSL *ssl;
	char byte;

	connect_both(world);
	ssl = ((struct dps_tls_socket *)world->dialed)->ssl;
	for (unsigned int i = 0; i < CHANGES; i++) {
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(ssl), 1);
	}
	assert_int_equal(world->dialed->ops->write(world->dialed, "x", 1), 1);
	for (unsigned int i = 0; i < CHANGES; i++)
		assert_int_equal(world->accepted->ops->read(world->accepted, &byte, 1), -EAGAIN);
	assert_int_equal(world->accepted->ops->read(world->accepted, &byte, 1), 1);
}

static void collector__refuses_a_key_that_it_does_not_know(void **state)
{
	struct world *world = *state;
	int results[2];

	world->collector.trusted = NULL;
	meet(world, results);
	assert_int_equal(results[1], -EACCES);
	assert_true(world->accepted->is_refused);
	assert_trouble(world->accepted, "we do not know 10.0.0.7");
	assert_int_equal(world->collector.proved_count, 0);
	/* What it says meanwhile is not read, and it is told why, though the other end is gone. */
	(void)world->dialed->ops->write(world->dialed, "hello", 5);
	world->accepted->ops->close(world->accepted);
	world->accepted = NULL;
	assert_int_equal(tls_turns_read(world->dialed), -EACCES);
	assert_true(world->dialed->is_refused);
	assert_trouble(world->dialed,
		       "archive does not trust our key: add the line `sha256:ee NAME "
		       "may=export` to authorized_peers");
}

static void exporter__refuses_a_key_that_it_does_not_know(void **state)
{
	struct world *world = *state;
	int results[2];

	world->exporter.trusted = NULL;
	meet(world, results);
	assert_int_equal(results[0], -EACCES);
	assert_true(world->dialed->is_refused);
	assert_trouble(world->dialed, "we do not know archive");
	assert_int_equal(results[1], -EACCES);
	assert_trouble(world->accepted, "10.0.0.7 does not trust our key: add the line `sha256:cc");
	assert_int_equal(world->collector.judged_count, 0);
}

/* Nothing of what it says to a peer that it does not trust leaves. */
static void write__says_nothing_to_a_stranger(void **state)
{
	struct world *world = *state;
	int results[2];

	world->exporter.trusted = NULL;
	dial(world);
	accept_it(world);
	assert_int_equal(world->dialed->ops->write(world->dialed, "secret", 6), -EAGAIN);
	tls_turns_shake_hands(world->dialed, world->accepted, results);
	assert_int_equal(world->dialed->ops->write(world->dialed, "secret", 6), -EACCES);
	assert_true(tls_turns_read(world->accepted) < 0);
}

static void on_proved__can_still_refuse(void **state)
{
	struct world *world = *state;
	int results[2];

	world->exporter.refuses_late = true;
	meet(world, results);
	assert_int_equal(results[0], -EACCES);
	assert_trouble(world->dialed, "could not be written down");
	assert_int_equal(tls_turns_read(world->dialed), -EACCES);
}

/* ---- peers that are no dpdk-streamd, or not of this release ---- */

static void collector__tells_a_plain_exporter_what_to_do(void **state)
{
	static const char hello[] = "\0\0\0\x10{\"type\":\"hello\"}";
	struct world *world = *state;
	const uint8_t *got = NULL;
	struct dps_connection plain;
	size_t length = 0;

	accept_it(world);
	dps_connection_init(&plain, wrap_fd(world, 0));
	assert_int_equal(plain.socket->ops->write(plain.socket, hello, sizeof(hello) - 1),
			 sizeof(hello) - 1);
	assert_int_equal(dps_tls_handshake(world->accepted), -EACCES);
	assert_trouble(world->accepted, "10.0.0.7 does not speak TLS");
	world->accepted->ops->close(world->accepted);
	world->accepted = NULL;
	assert_int_equal(dps_connection_next(&plain, &got, &length), DPS_CONNECTION_FRAME);
	assert_non_null(memmem(got, length, "\"not_trusted\"", 13));
	dps_connection_fini(&plain);
}

static void collector__refuses_noise(void **state)
{
	static const char *const noises[] = {
		"GET / HTTP/1.1\r\n\r\n",	"SSH-2.0-OpenSSH_9.2\r\n",
		"\x16\x03\x01\x00\x05hello",	"\x16\x03\x01\x40\x01 a record that is too long",
		"\x15\x03\x01\x00\x02\x02\x28",
	};
	static const size_t lengths[] = { 18, 21, 10, 28, 7 };
	struct world *world = *state;

	for (unsigned int i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
		accept_it(world);
		assert_int_equal(send(world->fds[0], noises[i], lengths[i], 0), lengths[i]);
		assert_int_equal(shutdown(world->fds[0], SHUT_WR), 0);
		assert_true(tls_turns_read(world->accepted) < 0);
		assert_non_null(world->accepted->trouble);
		world->accepted->ops->close(world->accepted);
		world->accepted = NULL;
		close(world->fds[0]);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, world->fds),
				 0);
	}
	assert_int_equal(world->collector.judged_count, 0);
}

/* A client of OpenSSL's own, to be whatever a test wants; NULL key for none. */
static SSL *foreign_client(struct world *world, EVP_PKEY *key, X509 *certificate, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	assert_non_null(context);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
	if (key) {
		assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	}
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, world->fds[0]), 1);
	SSL_set_connect_state(ssl);
	return ssl;
}

static int shake_with(struct world *world, SSL *ssl)
{
	int result = -EAGAIN;
	char byte;

	accept_it(world);
	for (unsigned int i = 0; i < TLS_TURNS_MAX && result == -EAGAIN; i++) {
		(void)SSL_read(ssl, &byte, 1);
		result = dps_tls_handshake(world->accepted);
	}
	(void)SSL_read(ssl, &byte, 1);
	SSL_free(ssl);
	return result;
}

static void collector__refuses_tls_1_2(void **state)
{
	struct world *world = *state;

	assert_int_equal(shake_with(world, foreign_client(world, NULL, NULL, TLS1_2_VERSION)),
			 -EACCES);
	assert_trouble(world->accepted, "older TLS than 1.3");
}

static void collector__refuses_who_shows_no_key(void **state)
{
	struct world *world = *state;

	assert_int_equal(shake_with(world, foreign_client(world, NULL, NULL, TLS1_3_VERSION)),
			 -EACCES);
	assert_trouble(world->accepted, "shows no key");
	assert_int_equal(world->collector.judged_count, 0);
}

static X509 *certify(EVP_PKEY *public_key, EVP_PKEY *signer, const EVP_MD *digest)
{
	X509 *certificate = X509_new();

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, public_key), 1);
	assert_true(X509_sign(certificate, signer, digest) > 0);
	return certificate;
}

static void collector__refuses_another_kind_of_key(void **state)
{
	struct world *world = *state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *certificate = certify(key, key, EVP_sha256());

	assert_true(shake_with(world, foreign_client(world, key, certificate, TLS1_3_VERSION)) < 0);
	assert_true(world->accepted->is_refused);
	assert_int_equal(world->collector.judged_count, 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* A private key that does not fit, behind a public one that does: what a thief of the public has.
 */
static int sign_with(EVP_PKEY *key, struct world *world)
{
	X509 *certificate = certify(world->exporter.key, key, NULL);
	SSL *ssl = foreign_client(world, NULL, NULL, TLS1_3_VERSION);
	int result;

	/* OpenSSL refuses the pair, so it is told of the wrong one first. */
	X509 *own = certify(key, key, NULL);

	assert_int_equal(SSL_use_certificate(ssl, own), 1);
	assert_int_equal(SSL_use_PrivateKey(ssl, key), 1);
	assert_int_equal(SSL_use_certificate(ssl, certificate), 1);
	result = shake_with(world, ssl);
	X509_free(own);
	X509_free(certificate);
	return result;
}

static void collector__refuses_a_key_that_is_not_proved(void **state)
{
	struct world *world = *state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	/* Either OpenSSL has dropped the key, and none is shown, or the proof is wrong. */
	assert_int_equal(sign_with(key, world), -EACCES);
	assert_int_equal(world->collector.proved_count, 0);
	EVP_PKEY_free(key);
}

static void exporter__refuses_a_plain_collector(void **state)
{
	static const char hello[] = "\0\0\0\x10{\"type\":\"hello\"}";
	struct world *world = *state;

	dial(world);
	assert_int_equal(dps_tls_handshake(world->dialed), -EAGAIN);
	assert_int_equal(send(world->fds[1], hello, sizeof(hello) - 1, 0), sizeof(hello) - 1);
	assert_int_equal(dps_tls_handshake(world->dialed), -EACCES);
	assert_trouble(world->dialed, "archive does not speak TLS");
}

/* ---- keys ---- */

static void export__gives_both_ends_the_same_and_no_other_connection(void **state)
{
	struct world *world = *state;
	uint8_t first[32], mine[32], yours[32];
	const uint8_t context[2] = { 1, 2 };

	dial(world);
	assert_int_equal(dps_tls_export(world->dialed, "EXPERIMENTAL x", context, 2, mine, 32),
			 -ENOTCONN);
	world->dialed->ops->close(world->dialed);
	assert_int_equal(close(world->fds[1]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, world->fds),
				 0);
		connect_both(world);
		assert_int_equal(
			dps_tls_export(world->dialed, "EXPERIMENTAL x", context, 2, mine, 32), 0);
		assert_int_equal(
			dps_tls_export(world->accepted, "EXPERIMENTAL x", context, 2, yours, 32),
			0);
		assert_memory_equal(mine, yours, 32);
		if (i == 1)
			assert_memory_not_equal(mine, first, 32);
		memcpy(first, mine, 32);
		assert_int_equal(
			dps_tls_export(world->dialed, "EXPERIMENTAL x", context, 1, mine, 32), 0);
		assert_memory_not_equal(mine, yours, 32);
		assert_int_equal(
			dps_tls_export(world->dialed, "EXPERIMENTAL y", context, 2, mine, 32), 0);
		assert_memory_not_equal(mine, yours, 32);
		if (i == 1)
			break;
		world->dialed->ops->close(world->dialed);
		world->accepted->ops->close(world->accepted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(handshake__proves_both_keys, begin, end),
		cmocka_unit_test_setup_teardown(frames__go_both_ways_and_end_cleanly, begin, end),
		cmocka_unit_test_setup_teardown(read__tells_a_cut_from_an_end, begin, end),
		cmocka_unit_test_setup_teardown(read__is_not_held_by_changes_of_keys, begin, end),
		cmocka_unit_test_setup_teardown(collector__refuses_a_key_that_it_does_not_know,
						begin, end),
		cmocka_unit_test_setup_teardown(exporter__refuses_a_key_that_it_does_not_know,
						begin, end),
		cmocka_unit_test_setup_teardown(write__says_nothing_to_a_stranger, begin, end),
		cmocka_unit_test_setup_teardown(on_proved__can_still_refuse, begin, end),
		cmocka_unit_test_setup_teardown(collector__tells_a_plain_exporter_what_to_do, begin,
						end),
		cmocka_unit_test_setup_teardown(collector__refuses_noise, begin, end),
		cmocka_unit_test_setup_teardown(collector__refuses_tls_1_2, begin, end),
		cmocka_unit_test_setup_teardown(collector__refuses_who_shows_no_key, begin, end),
		cmocka_unit_test_setup_teardown(collector__refuses_another_kind_of_key, begin, end),
		cmocka_unit_test_setup_teardown(collector__refuses_a_key_that_is_not_proved, begin,
						end),
		cmocka_unit_test_setup_teardown(exporter__refuses_a_plain_collector, begin, end),
		cmocka_unit_test_setup_teardown(
			export__gives_both_ends_the_same_and_no_other_connection, begin, end),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
