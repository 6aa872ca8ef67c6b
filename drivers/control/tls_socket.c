/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS socket: reads, writes and ends of one connection. */
#include "drivers/control/tls_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	DRAINED_READS_MAX = 16, /* when it is closed, of what a peer still says to us */
};

static struct dps_tls_socket *tls_of(struct dps_socket *socket)
{
	return (struct dps_tls_socket *)socket;
}

/* A program of ours that does not know TLS yet understands this, and tells its user. */
static void refuse_frames(struct dps_tls_socket *socket)
{
	static const char body[] =
		"{\"type\":\"refuse\",\"code\":\"not_trusted\",\"text\":\"control connections are "
		"TLS 1.3 here; install the same release of dpdk-streamd on both sides\"}";
	uint8_t frame[4 + sizeof(body) - 1] = { 0, 0, 0, sizeof(body) - 1 };

	_Static_assert(sizeof(body) <= 256, "its length is one byte of the frame's four");
	memcpy(frame + 4, body, sizeof(body) - 1);
	(void)socket->below->ops->write(socket->below, frame, sizeof(frame));
}

static int fail(struct dps_tls_socket *socket, int result)
{
	socket->failed = dps_tls_explain(socket, result);
	socket->socket.trouble = socket->text;
	socket->socket.is_refused = socket->failed == -EACCES;
	if (socket->is_frames)
		refuse_frames(socket);
	return socket->failed;
}

/* What a call of OpenSSL that did not do it waits for: -EAGAIN, or how it failed. */
static int wait_or_fail(struct dps_tls_socket *socket, int result, uint32_t *waits)
{
	switch (SSL_get_error(socket->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*waits = EPOLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*waits = EPOLLOUT;
		return -EAGAIN;
	default:
		return fail(socket, result);
	}
}

static struct dps_tls_peer peer_of(const struct dps_tls_socket *socket)
{
	return (struct dps_tls_peer){
		.side = socket->side,
		.name = socket->name,
		.public_key = socket->public_key,
		.public_key_bytes = socket->public_key_bytes,
		.certified = socket->certified,
	};
}

static int prove(struct dps_tls_socket *socket)
{
	const struct dps_tls_config *config = &socket->tls->config;
	const struct dps_tls_peer peer = peer_of(socket);

	socket->is_done = true;
	if (!config->on_proved || config->on_proved(config->context, &peer, socket->text)) {
		socket->text[0] = '\0';
		return 0;
	}
	socket->failed = -EACCES;
	socket->socket.trouble = socket->text;
	socket->socket.is_refused = true;
	return socket->failed;
}

static int shake_hands(struct dps_tls_socket *socket, uint32_t *waits)
{
	int result;

	if (socket->failed)
		return socket->failed;
	if (socket->is_done)
		return 0;
	ERR_clear_error();
	result = SSL_do_handshake(socket->ssl);
	return result == 1 ? prove(socket) : wait_or_fail(socket, result, waits);
}

static ssize_t tls_read(struct dps_socket *base, void *bytes, size_t room)
{
	struct dps_tls_socket *socket = tls_of(base);
	int result = shake_hands(socket, &base->read_waits);
	size_t count;

	if (result < 0)
		return result;
	ERR_clear_error();
	result = SSL_read_ex(socket->ssl, bytes, room, &count);
	base->read_waits = EPOLLIN;
	if (result == 1)
		return (ssize_t)count;
	if (SSL_get_error(socket->ssl, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return wait_or_fail(socket, result, &base->read_waits);
}

static ssize_t tls_write(struct dps_socket *base, const void *bytes, size_t length)
{
	struct dps_tls_socket *socket = tls_of(base);
	int result = shake_hands(socket, &base->write_waits);
	size_t count;

	if (result < 0)
		return result;
	ERR_clear_error();
	result = SSL_write_ex(socket->ssl, bytes, length, &count);
	base->write_waits = EPOLLOUT;
	if (result != 1 && socket->below_error) {
		/* Why the peer is gone may be there to be read. */
		result = socket->below_error;
		socket->below_error = 0;
		return result;
	}
	return result == 1 ? (ssize_t)count : wait_or_fail(socket, result, &base->write_waits);
}

/* Before the handshake is done there is nothing to say goodbye to. */
static int tls_finish(struct dps_socket *base)
{
	struct dps_tls_socket *socket = tls_of(base);
	int result = 0;

	if (socket->is_done && !socket->failed) {
		ERR_clear_error();
		result = SSL_shutdown(socket->ssl);
	}
	if (result < 0 && SSL_get_error(socket->ssl, result) == SSL_ERROR_WANT_WRITE) {
		base->write_waits = EPOLLOUT;
		return -EAGAIN;
	}
	return socket->below->ops->finish(socket->below);
}

/*
 * A peer that was refused has said more meanwhile. Closed with that unread, the kernel would reset
 * the connection, and the reset could overtake the alert that tells the peer why.
 */
static void drain(struct dps_tls_socket *socket)
{
	uint8_t bytes[4096];

	(void)socket->below->ops->finish(socket->below);
	for (unsigned int i = 0; i < DRAINED_READS_MAX; i++)
		if (socket->below->ops->read(socket->below, bytes, sizeof(bytes)) <= 0)
			return;
}

static void tls_close(struct dps_socket *base)
{
	struct dps_tls_socket *socket = tls_of(base);

	if (socket->failed)
		drain(socket);
	SSL_free(socket->ssl);
	socket->below->ops->close(socket->below);
	free(socket);
}

static const struct dps_socket_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.close = tls_close,
};

static bool open_ssl(struct dps_tls_socket *socket)
{
	struct dps_tls *tls = socket->tls;
	bool is_dialed = socket->side == DPS_TLS_DIALED;
	BIO *bio = BIO_new(tls->below);

	socket->ssl = SSL_new(is_dialed ? tls->dialed : tls->accepted);
	if (!bio || !socket->ssl) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, socket);
	BIO_set_init(bio, 1);
	SSL_set_bio(socket->ssl, bio, bio);
	SSL_set_app_data(socket->ssl, socket);
	if (is_dialed)
		SSL_set_connect_state(socket->ssl);
	else
		SSL_set_accept_state(socket->ssl);
	return !is_dialed || dps_tls_expect_name(socket);
}

struct dps_socket *dps_tls_wrap(struct dps_tls *tls, struct dps_socket *below,
				enum dps_tls_side side, const char *name)
{
	struct dps_tls_socket *socket = calloc(1, sizeof(*socket));

	if (!socket) {
		below->ops->close(below);
		return NULL;
	}
	socket->socket = *below; /* descriptor and names; events until a call says others */
	socket->socket.ops = &tls_ops;
	socket->tls = tls;
	socket->below = below;
	socket->side = side;
	snprintf(socket->name, sizeof(socket->name), "%s", name);
	/* The side that dials speaks first, without being asked to read or write. */
	if (side == DPS_TLS_DIALED)
		socket->socket.read_waits |= EPOLLOUT;
	if (open_ssl(socket))
		return &socket->socket;
	tls_close(&socket->socket);
	return NULL;
}

int dps_tls_handshake(struct dps_socket *base)
{
	DPS_ASSERT(base->ops == &tls_ops);
	return shake_hands(tls_of(base), &base->read_waits);
}

void dps_tls_read_peer(const struct dps_socket *base, struct dps_tls_peer *peer)
{
	const struct dps_tls_socket *socket = (const struct dps_tls_socket *)base;

	DPS_ASSERT(base->ops == &tls_ops && socket->is_done);
	*peer = peer_of(socket);
}

int dps_tls_export(struct dps_socket *base, const char *label, const uint8_t *context,
		   size_t context_bytes, uint8_t *secret, size_t secret_bytes)
{
	struct dps_tls_socket *socket = tls_of(base);

	DPS_ASSERT(base->ops == &tls_ops);
	if (!socket->is_done || socket->failed)
		return -ENOTCONN;
	return SSL_export_keying_material(socket->ssl, secret, secret_bytes, label, strlen(label),
					  context, context_bytes, 1) == 1
		       ? 0
		       : -ENOMEM;
}
