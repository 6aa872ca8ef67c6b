/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets: what make_pcap repeats, taken from real captures or made up. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct packet {
	const uint8_t *bytes; /* lives as long as the process */
	uint32_t captured_bytes;
	uint32_t original_bytes;
	uint32_t source;   /* which capture or made-up interface it is from */
	uint64_t after_us; /* time since the packet before it, at most a second */
};

struct packets {
	struct packet *items;
	size_t count;
	size_t room;
	uint32_t sources;
	uint16_t link_types[64]; /* of each source */
};

/* Appends the packets of a pcap or pcapng file. Returns 0 or -errno (-EINVAL: not a capture). */
int packets_read(struct packets *packets, const char *path);

/* Appends count made-up Ethernet packets on interfaces sources: TCP and UDP over IPv4 and IPv6. */
void packets_make(struct packets *packets, size_t count, uint32_t interfaces, uint64_t seed);

/* Used by both. The link type is taken for a new source. */
uint32_t packets_add_source(struct packets *packets, uint16_t link_type);
void packets_add(struct packets *packets, const struct packet *packet);
