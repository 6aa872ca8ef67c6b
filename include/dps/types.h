/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that cross the layers: digests, ids, handles, addresses, close reasons. */
#pragma once
#include <stdint.h>

enum dps_sizes {
	DPS_HEADER_BYTES = 40, /* of every packet, all of it sealed */
	DPS_SEAL_BYTES = 16,   /* between header and payload: GCM tag, or CRC32C and zeros */
	DPS_DIGEST_BYTES = 16,
	DPS_PAGE_BYTES = 4096, /* files and disk I/O are aligned to this */
	DPS_ENVELOPE_BYTES = DPS_HEADER_BYTES + DPS_SEAL_BYTES,
	DPS_PAYLOAD_BYTES_MAX = 16384, /* of one packet, whatever the MTU */
};

#define DPS_NS_PER_US UINT64_C(1000)
#define DPS_NS_PER_MS UINT64_C(1000000)
#define DPS_NS_PER_S UINT64_C(1000000000)
#define DPS_NEVER_NS UINT64_MAX		   /* a deadline that is not set */
#define DPS_OFFSET_MAX (UINT64_C(1) << 62) /* no channel offset reaches it */

/* XXH3-128 in its canonical (big-endian) form. */
struct dps_digest {
	uint8_t bytes[DPS_DIGEST_BYTES];
};

/* Names a transfer across reconnects and restarts. */
struct dps_transfer_id {
	uint8_t bytes[16];
};

/* Leads to what it was given out for, and to nothing once that is gone. */
struct dps_handle {
	uint32_t index;
	uint32_t generation; /* 0: no handle */
};

enum dps_address_family {
	DPS_ADDRESS_NONE,
	DPS_ADDRESS_IPV4,
	DPS_ADDRESS_IPV6,
};

/* Where a port sends to, or is: everything in network byte order but udp_port and scope. */
struct dps_address {
	uint8_t family;	 /* enum dps_address_family */
	uint8_t has_mac; /* mac is known, nothing needs to be resolved */
	uint8_t mac[6];
	uint8_t ip[16]; /* IPv4 in the first four bytes */
	uint16_t udp_port;
	uint16_t mtu;		/* IP MTU of this end, 0 when not known */
	uint16_t from_udp_port; /* ours, to send there from; 0: the port's own */
	uint32_t scope; /* interface index of a link-local IPv6 address, kernel sockets only */
};

/* Why an epoch, a path or a transfer ended; sent on the wire in CLOSE, so never renumbered. */
enum dps_close_reason {
	DPS_CLOSE_NONE = 0,
	DPS_CLOSE_DONE = 1,	   /* everything asked for was done */
	DPS_CLOSE_CANCELLED = 2,   /* a user or program asked */
	DPS_CLOSE_PROTOCOL = 3,	   /* the peer broke the protocol */
	DPS_CLOSE_IDLE = 4,	   /* nothing advanced for the idle timeout */
	DPS_CLOSE_UNREACHABLE = 5, /* the data path does not carry packets */
	DPS_CLOSE_SHUTDOWN = 6,	   /* the program is stopping */
	DPS_CLOSE_SUPERSEDED = 7,  /* a newer epoch took over */
	DPS_CLOSE_LOSS = 8,	   /* the circuit breaker of fixed congestion control */
};
