/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP: the port over ordinary kernel sockets; needs no rights, no hugepages and no DPDK. */
#pragma once
#include "drivers/port.h"

enum dps_udp_limits {
	DPS_UDP_PORT_DEFAULT = 7420,
	DPS_UDP_MTU_DEFAULT_MAX = 9000, /* taken of a device that has more, as loopback's 65536 */
	DPS_UDP_MTU_MIN = 1280,
	DPS_UDP_MTU_MAX = DPS_PAYLOAD_BYTES_MAX + DPS_ENVELOPE_BYTES + 48,
	DPS_UDP_REMOTES_MAX = 1024,
	DPS_UDP_BUFFER_BYTES_DEFAULT = 16 << 20,
};

struct dps_udp_options {
	const char *name; /* for messages; copied, at most 95 characters */
	/*
	 * Where to listen. Family NONE: every address of the machine, IPv4 and IPv6 on one socket
	 * (IPv4 only on a machine without IPv6). A link-local IPv6 address needs its scope.
	 */
	struct dps_address bind; /* udp_port is not looked at */
	uint16_t udp_port;	 /* 0: any that is free */
	uint32_t mtu;		 /* 0: the device's, at most DPS_UDP_MTU_DEFAULT_MAX */
	bool is_without_offload; /* never hands the kernel several datagrams at once */
	uint32_t buffer_bytes;	 /* to receive into, a quarter of it to send from; 0: the default */
};

/*
 * Opens a port; no datagram is ever fragmented on its way out. port->local has the UDP port
 * that was given and, when bound to every address, family NONE: peers then reach it at the
 * address their control connection goes to. The MTU is that of the interface that has the
 * address, or, bound to every address, the smallest of those that are up, loopback aside.
 * A datagram to a removed remote, or that the kernel refuses for another reason than a full
 * buffer (unreachable, filtered, too big, no memory), counts as taken and in send_errors: to the
 * engine it is lost. The link always counts as up: which device a datagram leaves by is the
 * kernel's affair. Before the lane starts; the functions of the port as in port.h.
 *
 * With offload (Linux 5.0) datagrams to one address leave, and such from one address arrive, many
 * to a message of the kernel: over loopback some ten times as many a second. Then dropped_no_buffer
 * counts what the kernel counts, messages of up to 64 KiB. Where a device on the way to a remote
 * refuses, datagrams go there one by one, as long as the remote has its name. What the kernel cut
 * short, its own words on a message included, counts as malformed, all of it.
 *
 * An idle lane sleeps in poll (wait), and after a sleep that nothing ended the next receive asks
 * the kernel nothing.
 *
 * Errors: -EINVAL a family that cannot be; -ERANGE an MTU; -EMSGSIZE one that no device here
 * carries; -EADDRINUSE (another program has the UDP port; with udp_port 0 the other end learns from
 * hello which one it became), -EADDRNOTAVAIL, and what else socket(2) and bind(2) say.
 */
int dps_udp_open(const struct dps_udp_options *options, struct dps_port **port);

/* For who waits until something arrives: readable then. It stays the port's. */
int dps_udp_fd(const struct dps_port *port);

/*
 * What the kernel gave to receive into, in its own counting (bookkeeping included, so twice what
 * was asked for): less when the process may not exceed net.core.rmem_max.
 */
uint32_t dps_udp_receive_buffer_bytes(const struct dps_port *port);
