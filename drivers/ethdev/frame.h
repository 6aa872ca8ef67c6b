/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frame: Ethernet, at most one VLAN tag, IPv4 or IPv6, UDP; built from templates and parsed
 * strictly. Pure functions over bytes, any thread.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum dps_frame_sizes {
	DPS_FRAME_MAC_BYTES = 14,
	DPS_FRAME_VLAN_BYTES = 4,
	DPS_FRAME_IPV4_BYTES = 20,
	DPS_FRAME_IPV6_BYTES = 40,
	DPS_FRAME_UDP_BYTES = 8,
	/* Everything in front of a UDP payload, at most. */
	DPS_FRAME_HEADERS_BYTES = 14 + 4 + 40 + 8,
	/* Copied in one go; a frame buffer has at least this room. */
	DPS_FRAME_TEMPLATE_BYTES = 80,
	/* The beginning of a frame that dps_frame_parse() looks at: with IPv4 options. */
	DPS_FRAME_LOOK_BYTES = 14 + 4 + 60 + 8,
};

/* Who we are on the wire. */
struct dps_frame_self {
	struct dps_address address; /* family, MAC, IP and UDP port are all set */
	uint16_t vlan;		    /* tag of every frame; 0: untagged */
	uint16_t udp_ports;	    /* from udp_port on, all are ours; 0: 1 */
};

enum dps_frame_checksum {
	DPS_CHECKSUM_NONE,     /* zero: IPv4, or a link that cannot damage (RFC 6935) */
	DPS_CHECKSUM_SOFTWARE, /* the writer sums up the payload */
	DPS_CHECKSUM_DEVICE,   /* IPv4 header zero, UDP holds the pseudo header's sum */
};

/* Headers for one remote, ready but for lengths and checksums. */
struct dps_frame_template {
	uint8_t bytes[DPS_FRAME_TEMPLATE_BYTES];
	uint8_t bytes_count; /* of the headers */
	uint8_t ip_at;	     /* where the IP header starts */
	uint8_t family;
	uint8_t checksum; /* enum dps_frame_checksum */
	uint32_t ip_sum;  /* IPv4 header without its length */
	uint32_t udp_sum; /* pseudo header and UDP header without both lengths */
	/* What was written last, most often also what is next: for as many bytes of UDP; 0: none */
	uint32_t written_bytes;
	uint8_t written[DPS_FRAME_TEMPLATE_BYTES];
};

/*
 * self and remote are of one family; the MAC of remote may be set later. Sent from our port, or the
 * one that remote names.
 */
void dps_frame_template_init(struct dps_frame_template *template, const struct dps_frame_self *self,
			     const struct dps_address *remote, enum dps_frame_checksum checksum);
void dps_frame_template_set_mac(struct dps_frame_template *template, const uint8_t mac[6]);

/*
 * Writes the headers of a datagram, whose payload lies in two parts, to frame (room for
 * DPS_FRAME_TEMPLATE_BYTES). The parts are read only for a checksum in software. Returns the
 * bytes of the headers.
 */
unsigned int dps_frame_write(struct dps_frame_template *template, uint8_t *frame,
			     const uint8_t *head, uint32_t head_bytes, const uint8_t *body,
			     uint32_t body_bytes);

enum dps_frame_verdict {
	DPS_FRAME_OURS,	   /* a datagram to a UDP port of ours */
	DPS_FRAME_CONTROL, /* ARP, ICMP or ICMPv6, perhaps for us */
	DPS_FRAME_FOREIGN, /* for someone else */
	DPS_FRAME_BROKEN,  /* lengths or a header checksum do not agree, or a fragment */
};

struct dps_frame_view {
	uint32_t payload_at; /* from the frame's start */
	uint32_t payload_bytes;
	uint8_t ecn;
	struct dps_address from;
};

/*
 * Judges a frame of frame_bytes by its beginning: look holds min(frame_bytes, LOOK_BYTES) of it,
 * a copy that nobody changes. vlan_stripped: the tag that the device took off, or -1. View is set
 * when the verdict is OURS. The UDP checksum is not looked at: every payload has a seal of its
 * own, and a sender on the same machine may have left it to a device.
 */
enum dps_frame_verdict dps_frame_parse(const struct dps_frame_self *self, const uint8_t *look,
				       uint32_t frame_bytes, int vlan_stripped,
				       struct dps_frame_view *view);

/* The last frame that was a datagram of ours: most often the next has the same headers. */
struct dps_frame_last {
	uint8_t headers[DPS_FRAME_LOOK_BYTES];
	uint32_t frame_bytes; /* 0: there is none */
	int vlan_stripped;
	struct dps_frame_view view;
};

/* look, frame_bytes and vlan_stripped were judged as ours with this view. */
void dps_frame_remember(struct dps_frame_last *last, const uint8_t *look, uint32_t frame_bytes,
			int vlan_stripped, const struct dps_frame_view *view);
/*
 * Whether a frame has the same headers to the last bit, and so the same view. Each byte is looked
 * at once: others may write to it.
 */
static inline bool dps_frame_is_like(const struct dps_frame_last *last, const uint8_t *frame,
				     uint32_t frame_bytes, int vlan_stripped);

/*
 * Where the network layer of a frame starts, after at most one tag which must be ours; its
 * EtherType goes to type. 0: not for our VLAN, or too short.
 */
unsigned int dps_frame_network_at(const struct dps_frame_self *self, const uint8_t *frame,
				  uint32_t frame_bytes, int vlan_stripped, uint16_t *type);

/* RFC 1071: adds bytes, which start at an even offset of what is summed up, to a sum. */
uint64_t dps_checksum_add(uint64_t sum, const uint8_t *bytes, uint32_t bytes_count);
/* The value of the checksum field. */
uint16_t dps_checksum_finish(uint64_t sum);

/* inline definitions */

static inline bool dps_frame_is_like(const struct dps_frame_last *last, const uint8_t *frame,
				     uint32_t frame_bytes, int vlan_stripped)
{
	uint32_t end = last->view.payload_at;
	uint64_t ours, theirs, differs = 0;

	if (frame_bytes != last->frame_bytes || frame_bytes == 0 ||
	    vlan_stripped != last->vlan_stripped)
		return false;
	/* By words, the last of which may overlap the one before it: no headers are shorter. */
	for (uint32_t at = 0; at < end; at += (uint32_t)sizeof(ours)) {
		uint32_t from = at + sizeof(ours) <= end ? at : end - (uint32_t)sizeof(ours);

		memcpy(&ours, last->headers + from, sizeof(ours));
		memcpy(&theirs, frame + from, sizeof(theirs));
		differs |= ours ^ theirs;
	}
	return differs == 0;
}
