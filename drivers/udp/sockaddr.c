/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/sockaddr.h"
#include "engine/bits.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MTU_UNKNOWN 1500

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static int encode_ipv4(const struct dps_address *address, struct sockaddr_storage *storage)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(address->udp_port) };

	if (address->family == DPS_ADDRESS_IPV6)
		return -EAFNOSUPPORT;
	if (address->family == DPS_ADDRESS_IPV4)
		memcpy(&in.sin_addr, address->ip, sizeof(in.sin_addr));
	memcpy(storage, &in, sizeof(in));
	return sizeof(in);
}

int dps_sockaddr_encode(const struct dps_address *address, int socket_family,
			struct sockaddr_storage *storage)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(address->udp_port),
		.sin6_scope_id = address->scope,
	};

	memset(storage, 0, sizeof(*storage));
	if (socket_family == AF_INET)
		return encode_ipv4(address, storage);
	if (address->family == DPS_ADDRESS_IPV6) {
		memcpy(&in6.sin6_addr, address->ip, sizeof(in6.sin6_addr));
	} else if (address->family == DPS_ADDRESS_IPV4) {
		memcpy(&in6.sin6_addr, mapped_prefix, sizeof(mapped_prefix));
		memcpy((uint8_t *)&in6.sin6_addr + sizeof(mapped_prefix), address->ip, 4);
	}
	memcpy(storage, &in6, sizeof(in6));
	return sizeof(in6);
}

void dps_sockaddr_decode(const struct sockaddr_storage *storage, struct dps_address *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	const uint8_t *ip = (const uint8_t *)&in6.sin6_addr;

	*address = (struct dps_address){ .family = DPS_ADDRESS_NONE };
	if (storage->ss_family == AF_INET) {
		memcpy(&in, storage, sizeof(in));
		address->family = DPS_ADDRESS_IPV4;
		address->udp_port = ntohs(in.sin_port);
		memcpy(address->ip, &in.sin_addr, 4);
	} else if (storage->ss_family == AF_INET6) {
		memcpy(&in6, storage, sizeof(in6));
		address->udp_port = ntohs(in6.sin6_port);
		if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
			address->family = DPS_ADDRESS_IPV4;
			memcpy(address->ip, ip + sizeof(mapped_prefix), 4);
		} else {
			address->family = DPS_ADDRESS_IPV6;
			address->scope = in6.sin6_scope_id;
			memcpy(address->ip, ip, 16);
		}
	}
}

/* Whether the interface has the address, or, as loopback has 127.0.0.2, its network. */
static bool has_address(const struct ifaddrs *interface, const struct dps_address *address)
{
	const uint8_t *own, *mask;
	unsigned int bytes = address->family == DPS_ADDRESS_IPV4 ? 4 : 16;

	if (interface->ifa_addr == NULL || interface->ifa_netmask == NULL)
		return false;
	if (address->family == DPS_ADDRESS_IPV4 && interface->ifa_addr->sa_family == AF_INET) {
		own = (const uint8_t *)&((struct sockaddr_in *)interface->ifa_addr)->sin_addr;
		mask = (const uint8_t *)&((struct sockaddr_in *)interface->ifa_netmask)->sin_addr;
	} else if (address->family == DPS_ADDRESS_IPV6 &&
		   interface->ifa_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)interface->ifa_addr;

		if (in6->sin6_scope_id != address->scope)
			return false;
		own = (const uint8_t *)&in6->sin6_addr;
		mask = (const uint8_t *)&((struct sockaddr_in6 *)interface->ifa_netmask)->sin6_addr;
	} else {
		return false;
	}
	for (unsigned int i = 0; i < bytes; i++)
		if (((own[i] ^ address->ip[i]) & mask[i]) != 0)
			return false;
	return true;
}

static uint32_t read_mtu(int fd, const char *interface)
{
	struct ifreq request = { .ifr_mtu = 0 };

	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	return ioctl(fd, SIOCGIFMTU, &request) == 0 ? (uint32_t)request.ifr_mtu : 0;
}

void dps_sockaddr_find_mtu(const struct dps_address *address, uint32_t *smallest, uint32_t *largest)
{
	bool is_any = address->family == DPS_ADDRESS_NONE;
	struct ifaddrs *interfaces = NULL;
	uint32_t loopback = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*smallest = UINT32_MAX;
	*largest = 0;
	if (fd >= 0 && getifaddrs(&interfaces) != 0)
		interfaces = NULL;
	for (const struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next) {
		uint32_t mtu;

		if ((i->ifa_flags & IFF_UP) == 0 || !(is_any || has_address(i, address)))
			continue;
		mtu = read_mtu(fd, i->ifa_name);
		if (is_any && (i->ifa_flags & IFF_LOOPBACK) != 0) {
			loopback = mtu;
		} else if (mtu != 0) {
			*smallest = (uint32_t)dps_min_u64(*smallest, mtu);
			*largest = (uint32_t)dps_max_u64(*largest, mtu);
		}
	}
	freeifaddrs(interfaces);
	if (fd >= 0)
		close(fd);
	if (*largest == 0)
		*smallest = *largest = loopback != 0 ? loopback : MTU_UNKNOWN;
	*largest = (uint32_t)dps_max_u64(*largest, loopback);
}
