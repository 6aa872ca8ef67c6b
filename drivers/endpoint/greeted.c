/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/greeted.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

struct dps_greeted {
	struct dps_socket socket;
	struct dps_socket *below;
	struct dps_greeted_ops ops;
	uint8_t said[DPS_GREETING_BYTES];
	uint8_t heard[DPS_GREETING_BYTES];
	uint32_t said_bytes;
	bool has_words; /* it is known what is to be said */
	uint32_t heard_bytes;
	int failed; /* -errno; stays */
};

static struct dps_greeted *greeted_of(struct dps_socket *socket)
{
	return (struct dps_greeted *)socket;
}

/* What the one below waits for and knows is what we do. */
static ssize_t pass(struct dps_greeted *greeted, ssize_t result)
{
	greeted->socket.read_waits = greeted->below->read_waits;
	greeted->socket.write_waits = greeted->below->write_waits;
	if (greeted->has_words && greeted->said_bytes < DPS_GREETING_BYTES)
		greeted->socket.read_waits |= greeted->below->write_waits;
	if (result < 0 && result != -EAGAIN) {
		greeted->socket.trouble = greeted->below->trouble;
		greeted->socket.is_refused = greeted->below->is_refused;
	}
	return result;
}

static int say(struct dps_greeted *greeted)
{
	if (!greeted->has_words)
		return -EAGAIN;
	while (greeted->said_bytes < DPS_GREETING_BYTES) {
		ssize_t bytes = greeted->below->ops->write(
			greeted->below, greeted->said + greeted->said_bytes,
			DPS_GREETING_BYTES - greeted->said_bytes);

		if (bytes < 0)
			return (int)bytes;
		greeted->said_bytes += (uint32_t)bytes;
	}
	return 0;
}

static int refuse(struct dps_greeted *greeted, const char *why)
{
	greeted->failed = -EACCES;
	greeted->socket.trouble = why;
	greeted->socket.is_refused = true;
	return greeted->failed;
}

/* It is said as soon as it can be, whatever is awaited: both sides may be waiting. */
static int hear(struct dps_greeted *greeted)
{
	int result = greeted->failed ? greeted->failed : say(greeted);
	struct dps_greeting greeting;
	const char *why;

	if (greeted->failed || (result < 0 && result != -EAGAIN))
		return result;
	if (greeted->heard_bytes == DPS_GREETING_BYTES)
		return 0;
	while (greeted->heard_bytes < DPS_GREETING_BYTES) {
		ssize_t bytes = greeted->below->ops->read(
			greeted->below, greeted->heard + greeted->heard_bytes,
			DPS_GREETING_BYTES - greeted->heard_bytes);

		if (bytes < 0)
			return (int)bytes;
		if (bytes == 0)
			return -ECONNRESET;
		greeted->heard_bytes += (uint32_t)bytes;
	}
	why = dps_greeting_decode(&greeting, greeted->heard);
	if (why == NULL)
		why = greeted->ops.on_greeted(greeted->ops.context, &greeting, greeted->below);
	/* Also to who is not wanted: it may tell by this what it could do about it. */
	(void)say(greeted);
	return why == NULL ? 0 : refuse(greeted, why);
}

static ssize_t greeted_read(struct dps_socket *socket, void *bytes, size_t room)
{
	struct dps_greeted *greeted = greeted_of(socket);
	int result = hear(greeted);

	if (greeted->failed)
		return greeted->failed;
	if (result < 0)
		return pass(greeted, result);
	return pass(greeted, greeted->below->ops->read(greeted->below, bytes, room));
}

static ssize_t greeted_write(struct dps_socket *socket, const void *bytes, size_t length)
{
	struct dps_greeted *greeted = greeted_of(socket);
	int result = greeted->failed ? greeted->failed : say(greeted);

	if (greeted->failed)
		return greeted->failed;
	if (result < 0)
		return pass(greeted, result);
	return pass(greeted, greeted->below->ops->write(greeted->below, bytes, length));
}

static int greeted_finish(struct dps_socket *socket)
{
	struct dps_greeted *greeted = greeted_of(socket);

	return (int)pass(greeted, greeted->below->ops->finish(greeted->below));
}

static void greeted_close(struct dps_socket *socket)
{
	struct dps_greeted *greeted = greeted_of(socket);

	greeted->below->ops->close(greeted->below);
	if (greeted->ops.on_closed)
		greeted->ops.on_closed(greeted->ops.context);
	free(greeted);
}

static const struct dps_socket_ops greeted_ops = {
	.read = greeted_read,
	.write = greeted_write,
	.finish = greeted_finish,
	.close = greeted_close,
};

struct dps_socket *dps_greeted_wrap(struct dps_socket *below, const struct dps_greeting *greeting,
				    const struct dps_greeted_ops *ops)
{
	struct dps_greeted *greeted = calloc(1, sizeof(*greeted));

	if (greeted == NULL) {
		below->ops->close(below);
		return NULL;
	}
	greeted->socket = *below; /* descriptor and names */
	greeted->socket.ops = &greeted_ops;
	greeted->below = below;
	greeted->ops = *ops;
	if (greeting != NULL) {
		/* It speaks without being asked to. */
		greeted->socket.read_waits |= EPOLLOUT;
		dps_greeted_say(&greeted->socket, greeting);
	}
	return &greeted->socket;
}

void dps_greeted_say(struct dps_socket *socket, const struct dps_greeting *greeting)
{
	struct dps_greeted *greeted = greeted_of(socket);

	dps_greeting_encode(greeting, greeted->said);
	greeted->has_words = true;
}

void dps_greeted_set_ops(struct dps_socket *socket, const struct dps_greeted_ops *ops)
{
	greeted_of(socket)->ops = *ops;
}

int dps_greeted_step(struct dps_socket *socket)
{
	struct dps_greeted *greeted = greeted_of(socket);
	int result = hear(greeted);

	return greeted->failed ? result : (int)pass(greeted, result);
}
