/* SPDX-License-Identifier: BSD-3-Clause */
/* Socket: a connected byte stream that never blocks; plain TCP, or TLS over it. */
#pragma once
#include "drivers/control/endpoint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dps_socket;

struct dps_socket_ops {
	/* Reads at most room bytes; 0 is the end of the stream, -EAGAIN not now, else -errno. */
	ssize_t (*read)(struct dps_socket *socket, void *bytes, size_t room);
	/* Writes the first bytes of length and says how many; -EAGAIN not now, else -errno. */
	ssize_t (*write)(struct dps_socket *socket, const void *bytes, size_t length);
	/* Nothing more will be written: the peer reads the end of the stream. 0, -EAGAIN, -errno.
	 */
	int (*finish)(struct dps_socket *socket);
	/* Ends the connection and frees the socket. */
	void (*close)(struct dps_socket *socket);
};

/* Embedded as the first member of every kind. Owner: the loop's thread. */
struct dps_socket {
	const struct dps_socket_ops *ops;
	int fd;
	/* Which epoll event lets a read or write that said -EAGAIN go on: TLS may swap them. */
	uint32_t read_waits;
	uint32_t write_waits;
	struct dps_socket_address
		peer_address;		    /* scope included: where a peer that names no IP is */
	char peer[DPS_ENDPOINT_TEXT_BYTES]; /* the same for messages */
	/* Why a read or write failed, when the kind knows more than an errno; a sentence. */
	const char *trouble;
	bool is_refused; /* one side does not want the other: it would be the same again */
};

/*
 * Makes a connected TCP descriptor a socket: non-blocking, without delay of small writes, and with
 * keepalive, so that a peer that vanished is noticed within half a minute. Takes the descriptor.
 * NULL without memory.
 */
struct dps_socket *dps_socket_create_tcp(int fd, const struct dps_socket_address *peer);
