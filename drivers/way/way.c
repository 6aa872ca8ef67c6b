/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/way/way.h"
#include "drivers/udp/sockaddr.h"
#include <string.h>
#include <sys/random.h>

void dps_way_find(const struct dps_address *said, const struct sockaddr_storage *control,
		  struct dps_address *address)
{
	struct dps_address from;

	*address = *said;
	address->from_udp_port = 0; /* ours to say */
	dps_sockaddr_decode(control, &from);
	/* Which link a link-local address is on, each end names for itself. */
	address->scope = from.scope;
	if (said->family != DPS_ADDRESS_NONE)
		return;
	address->family = from.family;
	memcpy(address->ip, from.ip, sizeof(address->ip));
}

uint32_t dps_way_datagram_bytes(const struct dps_port *port, const struct dps_address *said,
				uint32_t payload_bytes_max, uint8_t family)
{
	uint32_t mtu = port->mtu, bytes;

	if (said->mtu != 0 && said->mtu < mtu)
		mtu = said->mtu;
	bytes = dps_port_datagram_bytes(mtu, family);
	if (bytes > payload_bytes_max + DPS_ENVELOPE_BYTES)
		bytes = payload_bytes_max + DPS_ENVELOPE_BYTES;
	return bytes;
}

uint64_t dps_way_make_challenge(void)
{
	uint64_t challenge = 0;

	/* Of eight bytes it never gives fewer, and waits until there are any. */
	while (challenge == 0)
		if (getrandom(&challenge, sizeof(challenge), 0) != sizeof(challenge))
			challenge = 0;
	return challenge;
}
