/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/greeting.h"
#include "engine/bits.h"
#include <string.h>

enum {
	KIND = 0xc0, /* neither a peer frame's nor how JSON begins */
	LENGTH_BYTES = 4,

	AT_KIND = 4,
	AT_VERSION = 5,
	AT_SEAL = 6,
	AT_FAMILY = 7,
	AT_INSTANCE = 8,
	AT_CONNECTION_ID = 16,
	AT_UDP_PORT = 24,
	AT_MTU = 26,
	AT_PAYLOAD_BYTES = 28,
	AT_IP = 32,
	AT_MAC = 48,
	AT_HAS_MAC = 54,

	/* A path carries less on no way: what says so would be dialled again and again. */
	MTU_MIN = 1280,
	PAYLOAD_BYTES_MIN = 1116,
};

void dps_greeting_encode(const struct dps_greeting *greeting, uint8_t bytes[DPS_GREETING_BYTES])
{
	const struct dps_address *address = &greeting->address;

	memset(bytes, 0, DPS_GREETING_BYTES);
	dps_store_be32(bytes, DPS_GREETING_BYTES - LENGTH_BYTES);
	bytes[AT_KIND] = KIND;
	bytes[AT_VERSION] = DPS_GREETING_VERSION;
	bytes[AT_SEAL] = greeting->seal;
	bytes[AT_FAMILY] = address->family;
	dps_store_be64(bytes + AT_INSTANCE, greeting->instance);
	dps_store_be64(bytes + AT_CONNECTION_ID, greeting->connection_id);
	dps_store_be16(bytes + AT_UDP_PORT, address->udp_port);
	dps_store_be16(bytes + AT_MTU, address->mtu);
	dps_store_be32(bytes + AT_PAYLOAD_BYTES, greeting->payload_bytes);
	memcpy(bytes + AT_IP, address->ip, sizeof(address->ip));
	memcpy(bytes + AT_MAC, address->mac, sizeof(address->mac));
	bytes[AT_HAS_MAC] = address->has_mac != 0;
}

static const char *judge(const struct dps_greeting *greeting)
{
	if (greeting->seal > DPS_GREETING_AES_128_GCM)
		return "its data is sealed in a way that is not known here; install the same "
		       "release on both sides";
	if (greeting->address.family > DPS_ADDRESS_IPV6 || greeting->address.udp_port == 0)
		return "it names no address for data";
	if (greeting->instance == 0 || greeting->payload_bytes < PAYLOAD_BYTES_MIN ||
	    greeting->payload_bytes > DPS_PAYLOAD_BYTES_MAX ||
	    (greeting->address.mtu != 0 && greeting->address.mtu < MTU_MIN))
		return "its greeting makes no sense";
	return NULL;
}

const char *dps_greeting_decode(struct dps_greeting *greeting,
				const uint8_t bytes[DPS_GREETING_BYTES])
{
	struct dps_address *address = &greeting->address;

	*greeting = (struct dps_greeting){ 0 };
	if (dps_load_be32(bytes) != DPS_GREETING_BYTES - LENGTH_BYTES || bytes[AT_KIND] != KIND)
		return "it is no endpoint of this library: dpdk-streamd, perhaps, or an older one";
	if (bytes[AT_VERSION] != DPS_GREETING_VERSION)
		return "it greets in another version; install the same release on both sides";
	greeting->seal = bytes[AT_SEAL];
	greeting->instance = dps_load_be64(bytes + AT_INSTANCE);
	greeting->connection_id = dps_load_be64(bytes + AT_CONNECTION_ID);
	greeting->payload_bytes = dps_load_be32(bytes + AT_PAYLOAD_BYTES);
	address->family = bytes[AT_FAMILY];
	address->udp_port = dps_load_be16(bytes + AT_UDP_PORT);
	address->mtu = dps_load_be16(bytes + AT_MTU);
	memcpy(address->ip, bytes + AT_IP, sizeof(address->ip));
	memcpy(address->mac, bytes + AT_MAC, sizeof(address->mac));
	address->has_mac = bytes[AT_HAS_MAC] == 1;
	return judge(greeting);
}
