/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/port_name.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
	[DPS_PORT_MEMIF] = "memif",   [DPS_PORT_AF_PACKET] = "af_packet",
	[DPS_PORT_AF_XDP] = "af_xdp", [DPS_PORT_PCI] = "pci",
	[DPS_PORT_VDEV] = "vdev",     [DPS_PORT_UDP] = "udp",
};

static int refuse(char *why, size_t why_bytes, const char *text, const char *reason)
{
	snprintf(why, why_bytes, "\"%.80s\" %s", text, reason);
	return -EINVAL;
}

/* What is printable and does not end a device argument: EAL splits at ',' and reads '='. */
static bool is_argument(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || strchr(",=[]\"'", *text) != NULL)
			return false;
	return true;
}

static int parse_socket(struct dps_port_name *name, char *why, size_t why_bytes)
{
	char path[DPS_PORT_NAME_BYTES];

	if (!is_argument(name->what))
		return refuse(why, why_bytes, name->text,
			      "has a character that a memif socket cannot have: use letters, "
			      "digits, '/', '.', '-' and '_'.");
	/* net_memif wants a folder in front of the name. */
	if (strchr(name->what, '/') == NULL) {
		snprintf(path, sizeof(path), "./%.*s", DPS_PORT_NAME_BYTES - 3, name->what);
		memcpy(name->what, path, sizeof(path));
	}
	if (strlen(name->what) >= DPS_PORT_SOCKET_BYTES)
		return refuse(why, why_bytes, name->text,
			      "names a socket of more than 107 characters: use a shorter path.");
	if (name->what[strlen(name->what) - 1] == '/')
		return refuse(why, why_bytes, name->text,
			      "ends in a folder: name the socket file in it.");
	return 0;
}

static int parse_interface(struct dps_port_name *name, char *why, size_t why_bytes)
{
	if (strlen(name->what) >= IF_NAMESIZE || !is_argument(name->what) ||
	    strchr(name->what, '/') != NULL)
		return refuse(why, why_bytes, name->text,
			      "does not name a network interface: give a name as `ip link` shows "
			      "it.");
	return 0;
}

/* [DDDD:]BB:DD.F, made long. */
static int parse_bdf(struct dps_port_name *name, char *why, size_t why_bytes)
{
	unsigned int domain = 0, bus, device, function;
	int end = 0;

	if (sscanf(name->what, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
	    name->what[end] != '\0') {
		domain = 0;
		end = 0;
		if (sscanf(name->what, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 ||
		    name->what[end] != '\0')
			end = 0;
	}
	if (end == 0 || device > 31 || function > 7)
		return refuse(why, why_bytes, name->text,
			      "does not name a PCI device: write pci:0000:3b:00.0, as `lspci -D` "
			      "shows it.");
	snprintf(name->what, sizeof(name->what), "%04x:%02x:%02x.%x", domain, bus, device,
		 function);
	return 0;
}

static int parse_vdev(struct dps_port_name *name, char *why, size_t why_bytes)
{
	for (const char *at = name->what; *at != '\0'; at++)
		if (!isprint((unsigned char)*at))
			return refuse(why, why_bytes, name->text,
				      "has a character that cannot be printed.");
	if (strcspn(name->what, ",") >= DPS_PORT_DEVICE_BYTES)
		return refuse(why, why_bytes, name->text,
			      "has a device name of more than 63 characters.");
	if (name->what[0] == ',')
		return refuse(why, why_bytes, name->text,
			      "does not begin with a driver: write vdev:net_tap0,iface=tap0.");
	return 0;
}

int dps_port_name_parse(struct dps_port_name *name, const char *text, char *why, size_t why_bytes)
{
	static int (*const parsers[DPS_PORT_UDP])(struct dps_port_name *, char *, size_t) = {
		[DPS_PORT_MEMIF] = parse_socket,     [DPS_PORT_AF_PACKET] = parse_interface,
		[DPS_PORT_AF_XDP] = parse_interface, [DPS_PORT_PCI] = parse_bdf,
		[DPS_PORT_VDEV] = parse_vdev,
	};
	size_t length = strlen(text);
	const char *colon = strchr(text, ':');
	size_t kind_length = colon != NULL ? (size_t)(colon - text) : length;

	memset(name, 0, sizeof(*name));
	if (length >= sizeof(name->text))
		return refuse(why, why_bytes, text, "is longer than a port's name can be.");
	memcpy(name->text, text, length + 1);
	for (unsigned int kind = 0; kind < sizeof(kind_names) / sizeof(kind_names[0]); kind++) {
		if (strlen(kind_names[kind]) != kind_length ||
		    memcmp(text, kind_names[kind], kind_length) != 0)
			continue;
		name->kind = (enum dps_port_kind)kind;
		if (colon != NULL)
			memcpy(name->what, colon + 1, length - kind_length);
		if (name->what[0] == '\0' && (kind != DPS_PORT_UDP || colon != NULL))
			return refuse(why, why_bytes, text,
				      "says what kind of port, but not which one: write it after "
				      "the colon.");
		/* An address of the kernel's is for its sockets to read: drivers/udp/udp_name.h. */
		return kind == DPS_PORT_UDP ? 0 : parsers[kind](name, why, why_bytes);
	}
	return refuse(why, why_bytes, text,
		      "is no port: use memif:SOCKET, af_packet:IFACE, af_xdp:IFACE, pci:BDF, "
		      "udp[:ADDR] or vdev:STRING.");
}

int dps_subnet_parse(struct dps_subnet *subnet, const char *text, char *why, size_t why_bytes)
{
	static const char expected[] =
		"is no address with a prefix length: write 192.0.2.1/24 or 2001:db8::1/64.";
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	unsigned int bits_max;
	unsigned long bits;
	char *end;

	memset(subnet, 0, sizeof(*subnet));
	if (slash == NULL || (size_t)(slash - text) >= sizeof(address))
		return refuse(why, why_bytes, text, expected);
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (inet_pton(AF_INET, address, subnet->address.ip) == 1) {
		subnet->address.family = DPS_ADDRESS_IPV4;
		bits_max = 32;
	} else if (inet_pton(AF_INET6, address, subnet->address.ip) == 1) {
		subnet->address.family = DPS_ADDRESS_IPV6;
		bits_max = 128;
	} else {
		return refuse(why, why_bytes, text, expected);
	}
	bits = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end != '\0' || bits == 0 || bits > bits_max) {
		memset(subnet, 0, sizeof(*subnet));
		return refuse(why, why_bytes, text, expected);
	}
	if (subnet->address.ip[0] == 0 && subnet->address.family == DPS_ADDRESS_IPV4)
		return refuse(why, why_bytes, text, "is not an address that a host can have.");
	if (subnet->address.ip[0] == 0xff ||
	    (subnet->address.family == DPS_ADDRESS_IPV4 && subnet->address.ip[0] >= 224))
		return refuse(why, why_bytes, text, "is a multicast address: give one host's.");
	subnet->prefix_bits = (uint8_t)bits;
	return 0;
}

bool dps_subnet_contains(const struct dps_subnet *subnet, const uint8_t *ip)
{
	unsigned int bytes = subnet->prefix_bits / 8u;
	unsigned int bits = subnet->prefix_bits % 8u;

	if (memcmp(subnet->address.ip, ip, bytes) != 0)
		return false;
	return bits == 0 || (subnet->address.ip[bytes] ^ ip[bytes]) >> (8 - bits) == 0;
}

void dps_subnet_from_mac(struct dps_subnet *subnet, const uint8_t mac[6], bool is_shared)
{
	uint8_t *ip = subnet->address.ip;

	memset(subnet, 0, sizeof(*subnet));
	subnet->address.family = DPS_ADDRESS_IPV6;
	subnet->prefix_bits = 64;
	ip[0] = 0xfe;
	ip[1] = 0x80;
	memcpy(ip + 8, mac, 3);
	ip[8] ^= 2;
	ip[11] = is_shared ? 0xd5 : 0xff;
	ip[12] = is_shared ? 0x57 : 0xfe;
	memcpy(ip + 13, mac + 3, 3);
}
