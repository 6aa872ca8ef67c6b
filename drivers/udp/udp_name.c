/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/udp_name.h"
#include "drivers/udp/udp.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SHOWN = 80 };

static int refuse(char *why, size_t why_bytes, const char *name, const char *reason)
{
	snprintf(why, why_bytes, "\"%.*s\" %s", NAME_SHOWN, name, reason);
	return -EINVAL;
}

bool dps_udp_is_name(const char *name)
{
	return strncmp(name, "udp", 3) == 0 && (name[3] == '\0' || name[3] == ':');
}

/* Without its brackets and its interface, which *zone then names; false: longer than any is. */
static bool take_apart(const char *address, char ip[INET6_ADDRSTRLEN], char zone[IF_NAMESIZE])
{
	size_t length = strlen(address), ip_length, zone_length;

	if (length > 1 && address[0] == '[' && address[length - 1] == ']') {
		address++;
		length -= 2;
	}
	ip_length = strcspn(address, "%");
	ip_length = ip_length < length ? ip_length : length;
	zone_length = length - ip_length;
	if (ip_length >= INET6_ADDRSTRLEN || zone_length > IF_NAMESIZE || zone_length == 1)
		return false;
	memcpy(ip, address, ip_length);
	ip[ip_length] = '\0';
	memset(zone, 0, IF_NAMESIZE);
	if (zone_length > 0)
		memcpy(zone, address + ip_length + 1, zone_length - 1);
	return true;
}

int dps_udp_read_name(const char *name, struct dps_address *bind, char *why, size_t why_bytes)
{
	char ip[INET6_ADDRSTRLEN], zone[IF_NAMESIZE];
	struct in6_addr in6;

	memset(bind, 0, sizeof(*bind));
	if (name[3] == '\0')
		return 0;
	if (!take_apart(name + 4, ip, zone))
		bind->family = DPS_ADDRESS_NONE;
	else if (zone[0] == '\0' && inet_pton(AF_INET, ip, bind->ip) == 1)
		bind->family = DPS_ADDRESS_IPV4;
	else if (inet_pton(AF_INET6, ip, &in6) == 1)
		bind->family = DPS_ADDRESS_IPV6;
	if (bind->family == DPS_ADDRESS_NONE)
		return refuse(why, why_bytes, name,
			      "does not name an address: write udp, udp:192.0.2.1, "
			      "udp:2001:db8::1 or udp:fe80::1%eth0.");
	if (bind->family == DPS_ADDRESS_IPV4)
		return 0;
	memcpy(bind->ip, &in6, sizeof(bind->ip));
	/* Each interface has one such address, so it says nothing without its own. */
	if (IN6_IS_ADDR_LINKLOCAL(&in6) && zone[0] == '\0')
		return refuse(why, why_bytes, name,
			      "is an address on every link: write which one behind it, as in "
			      "udp:fe80::1%eth0.");
	bind->scope = zone[0] == '\0' ? 0 : if_nametoindex(zone);
	if (zone[0] != '\0' && bind->scope == 0)
		return refuse(why, why_bytes, name,
			      "is on an interface that this machine has not; `ip link` lists those "
			      "it has.");
	return 0;
}

void dps_udp_explain(const char *name, int error, char *why, size_t why_bytes)
{
	if (error == -EADDRNOTAVAIL)
		snprintf(why, why_bytes,
			 "the port %.*s cannot be opened: no interface of this machine has the "
			 "address; `ip address` lists those it has",
			 NAME_SHOWN, name);
	else if (error == -EMSGSIZE)
		snprintf(
			why, why_bytes,
			"the port %.*s cannot be opened: no interface that it may use has so large "
			"an MTU as was asked for; `ip link` lists what they have",
			NAME_SHOWN, name);
	else if (error == -ERANGE)
		snprintf(why, why_bytes,
			 "the port %.*s cannot be opened: its MTU is to be %d to %d bytes",
			 NAME_SHOWN, name, DPS_UDP_MTU_MIN, DPS_UDP_MTU_MAX);
	else
		snprintf(why, why_bytes, "the port %.*s cannot be opened: %s", NAME_SHOWN, name,
			 strerror(-error));
}
