/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/steering.h"
#include "engine/bits.h"
#include <errno.h>
#include <string.h>

enum { TUPLE_BYTES_MAX = 16 + 16 + 2 + 2 };

/* For each bit that is set, the 32 bits of the key that start at its place. */
uint32_t dps_toeplitz(const uint8_t *key, const uint8_t *input, size_t bytes)
{
	uint32_t window = dps_load_be32(key);
	uint32_t hash = 0;

	for (size_t i = 0; i < bytes; i++) {
		for (unsigned int bit = 8; bit-- > 0;) {
			if (input[i] >> bit & 1)
				hash ^= window;
			window = window << 1 | (key[i + 4] >> bit & 1);
		}
	}
	return hash;
}

/* Source, destination, and their ports, as they stand in the packet. Returns its length. */
static size_t write_tuple(const struct dps_address *from, const struct dps_address *to,
			  uint8_t tuple[TUPLE_BYTES_MAX])
{
	size_t ip_bytes = from->family == DPS_ADDRESS_IPV6 ? 16 : 4;

	memcpy(tuple, from->ip, ip_bytes);
	memcpy(tuple + ip_bytes, to->ip, ip_bytes);
	dps_store_be16(tuple + 2 * ip_bytes, from->udp_port);
	dps_store_be16(tuple + 2 * ip_bytes + 2, to->udp_port);
	return 2 * ip_bytes + 4;
}

int dps_steering_queue_of(const struct dps_steering *steering, const struct dps_address *from,
			  const struct dps_address *to)
{
	uint8_t tuple[TUPLE_BYTES_MAX];
	size_t bytes;

	if (from->family != to->family ||
	    !(from->family == DPS_ADDRESS_IPV4	 ? steering->has_ipv4_ports
	      : from->family == DPS_ADDRESS_IPV6 ? steering->has_ipv6_ports
						 : false))
		return -ENOTSUP;
	if (steering->key_bytes < DPS_STEERING_KEY_BYTES_MIN ||
	    steering->key_bytes > DPS_STEERING_KEY_BYTES_MAX || steering->entries == 0 ||
	    steering->entries > DPS_STEERING_ENTRIES_MAX)
		return -EINVAL;
	bytes = write_tuple(from, to, tuple);
	return steering->queues[dps_toeplitz(steering->key, tuple, bytes) % steering->entries];
}

uint16_t dps_steering_choose_port(const struct dps_steering *steering,
				  const struct dps_address *from, const struct dps_address *to,
				  uint32_t ports, uint32_t queue)
{
	struct dps_address candidate = *to;

	for (uint32_t i = 0; i < ports && i + to->udp_port <= UINT16_MAX; i++) {
		candidate.udp_port = (uint16_t)(to->udp_port + i);
		if (dps_steering_queue_of(steering, from, &candidate) == (int)queue)
			return candidate.udp_port;
	}
	return 0;
}
