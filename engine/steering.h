/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering: which receive queue a NIC's receive side scaling takes a UDP datagram to, and the port
 * that brings it to a wanted one. The hash is Microsoft's ("RSS hashing functions"): Toeplitz over
 * addresses and ports. The key and the table are those that the NIC reports, never assumed ones.
 *
 * Pure functions; any thread.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_steering_limits {
	DPS_STEERING_KEY_BYTES_MIN =
		40, /* addresses and ports of IPv6, and 32 bits to slide over */
	DPS_STEERING_KEY_BYTES_MAX = 64,
	DPS_STEERING_ENTRIES_MAX = 512,
};

/* What the NIC says of itself. */
struct dps_steering {
	uint8_t key[DPS_STEERING_KEY_BYTES_MAX];
	uint32_t key_bytes;
	uint16_t queues[DPS_STEERING_ENTRIES_MAX]; /* by the hash's low bits */
	uint32_t entries;
	bool has_ipv4_ports; /* the hash is over addresses and ports ... */
	bool has_ipv6_ports; /* ... of UDP, not over addresses alone */
};

/* The hash of bytes; the key is at least four bytes longer. */
uint32_t dps_toeplitz(const uint8_t *key, const uint8_t *input, size_t bytes);

/*
 * The queue of a datagram from one address to another, ports included.
 * Errors: -ENOTSUP when the NIC does not hash what is needed, -EINVAL when what it says of itself
 * makes no sense.
 */
int dps_steering_queue_of(const struct dps_steering *steering, const struct dps_address *from,
			  const struct dps_address *to);

/*
 * The first port from to->udp_port on, of so many, for which datagrams come to the queue; 0 when
 * there is none.
 */
uint16_t dps_steering_choose_port(const struct dps_steering *steering,
				  const struct dps_address *from, const struct dps_address *to,
				  uint32_t ports, uint32_t queue);
