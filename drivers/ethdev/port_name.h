/* SPDX-License-Identifier: BSD-3-Clause */
/* Port name: what the user wrote after --port and --ip, taken apart; touches no device. */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>

enum dps_port_kind {
	DPS_PORT_MEMIF,	    /* memif:SOCKET */
	DPS_PORT_AF_PACKET, /* af_packet:IFACE */
	DPS_PORT_AF_XDP,    /* af_xdp:IFACE */
	DPS_PORT_PCI,	    /* pci:BDF */
	DPS_PORT_VDEV,	    /* vdev:STRING, whatever EAL takes as --vdev */
	DPS_PORT_UDP,	    /* udp[:ADDR], kernel sockets: not a DPDK port */
};

enum dps_port_name_limits {
	DPS_PORT_NAME_BYTES = 256,
	DPS_PORT_DEVICE_BYTES = 64,  /* of a virtual device's name, with its end */
	DPS_PORT_SOCKET_BYTES = 108, /* of a unix socket's path, with its end */
};

struct dps_port_name {
	enum dps_port_kind kind;
	char text[DPS_PORT_NAME_BYTES]; /* as the user wrote it */
	/*
	 * Socket path (absolute or with a folder in front), interface, BDF in its long form, vdev
	 * string, or address as it was written (empty: any).
	 */
	char what[DPS_PORT_NAME_BYTES];
};

/*
 * Takes text apart. Returns 0, or -EINVAL and puts a sentence that says what is wrong and what
 * is expected into why. Any thread.
 */
int dps_port_name_parse(struct dps_port_name *name, const char *text, char *why, size_t why_bytes);

/* The address of a port and the length of its subnet's prefix. */
struct dps_subnet {
	struct dps_address address; /* family DPS_ADDRESS_NONE: not set */
	uint8_t prefix_bits;
};

/* Parses "192.0.2.1/24" or "2001:db8::1/64". Returns 0, or -EINVAL with a sentence in why. */
int dps_subnet_parse(struct dps_subnet *subnet, const char *text, char *why, size_t why_bytes);

/* Whether ip, of the subnet's family, lies in it. */
bool dps_subnet_contains(const struct dps_subnet *subnet, const uint8_t *ip);

/*
 * The IPv6 link-local /64 that a MAC stands for (RFC 4291 appendix A). is_shared: the kernel
 * drives the same MAC and owns that address, so ours differs from it in two fixed bytes.
 */
void dps_subnet_from_mac(struct dps_subnet *subnet, const uint8_t mac[6], bool is_shared);
