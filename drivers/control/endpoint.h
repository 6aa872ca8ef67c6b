/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint name: where a control connection goes or is taken, as a user writes it: ADDR[:PORT]. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum dps_endpoint_limits {
	DPS_ENDPOINT_PORT = 7420, /* when none is written */
	DPS_ENDPOINT_HOST_BYTES = 256,
	DPS_ENDPOINT_TEXT_BYTES = 80,	/* of a formatted address */
	DPS_ENDPOINT_ERROR_BYTES = 512, /* room for any sentence of this header */
	DPS_ENDPOINT_ADDRESSES_MAX = 8, /* of one name */
};

struct dps_endpoint_name {
	char host[DPS_ENDPOINT_HOST_BYTES]; /* without brackets; empty: any local address */
	uint16_t port;
};

enum dps_endpoint_use {
	DPS_ENDPOINT_CONNECT, /* ADDR[:PORT] */
	DPS_ENDPOINT_LISTEN,  /* [ADDR][:PORT]; port 0 lets the kernel choose */
};

/*
 * Reads `host`, `host:port`, `1.2.3.4:port`, `[::1]`, `[fe80::1%eth0]:port`, and to listen `:port`.
 * Asks no one. False: error is a sentence.
 */
bool dps_endpoint_parse(struct dps_endpoint_name *endpoint, const char *text,
			enum dps_endpoint_use use, char error[DPS_ENDPOINT_ERROR_BYTES]);

/* One address of a socket. */
struct dps_socket_address {
	struct sockaddr_storage storage;
	socklen_t bytes;
};

/*
 * Fills the addresses of the endpoint and returns how many, or 0 with a sentence. Waits for the
 * name service when host is a name: before a loop runs, not inside.
 */
unsigned int dps_endpoint_resolve(const struct dps_endpoint_name *endpoint,
				  enum dps_endpoint_use use,
				  struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX],
				  char error[DPS_ENDPOINT_ERROR_BYTES]);

/* Writes "192.0.2.1:7420" or "[fe80::1%eth0]:7420". */
void dps_socket_address_format(const struct dps_socket_address *address,
			       char text[DPS_ENDPOINT_TEXT_BYTES]);
