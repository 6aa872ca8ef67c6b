/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/neighbour.h"
#include "engine/bits.h"
#include <string.h>

enum {
	TYPE_VLAN = 0x8100,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_ARP = 0x0806,
	ARP_BYTES = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	PROTOCOL_ICMP = 1,
	PROTOCOL_ICMPV6 = 58,
	ECHO_HEADER_BYTES = 8,
	ND_BYTES = 24,	       /* type, code, checksum, flags, target */
	ND_OPTION_BYTES = 8,   /* link-layer address */
	ND_HOPS = 255,	       /* a router would have lowered it (RFC 4861 section 7.1) */
	SOURCE_LINK_LAYER = 1, /* options */
	TARGET_LINK_LAYER = 2,
	ADVERTISE_SOLICITED = 0x40,
	ADVERTISE_OVERRIDE = 0x20,
	ASK_FAST_COUNT = 3,
};

enum icmp {
	ECHO_REPLY_4 = 0,
	ECHO_REQUEST_4 = 8,
	ECHO_REQUEST_6 = 128,
	ECHO_REPLY_6 = 129,
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
};

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
static const uint8_t solicited_prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
static const uint8_t unspecified[16];

static uint32_t network_at(const struct dps_frame_self *self)
{
	return DPS_FRAME_MAC_BYTES + (self->vlan != 0 ? DPS_FRAME_VLAN_BYTES : 0u);
}

/* Returns where the network layer goes. */
static uint32_t write_mac(const struct dps_frame_self *self, const uint8_t *to, uint16_t type,
			  uint8_t *frame)
{
	uint32_t at = 12;

	memcpy(frame, to, 6);
	memcpy(frame + 6, self->address.mac, 6);
	if (self->vlan != 0) {
		dps_store_be16(frame + at, TYPE_VLAN);
		dps_store_be16(frame + at + 2, self->vlan);
		at += DPS_FRAME_VLAN_BYTES;
	}
	dps_store_be16(frame + at, type);
	return at + 2;
}

static uint32_t write_arp(const struct dps_frame_self *self, uint16_t operation,
			  const uint8_t *to_mac, const uint8_t *target_mac,
			  const uint8_t *target_ip, uint8_t *frame)
{
	static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
	uint32_t at = write_mac(self, to_mac, TYPE_ARP, frame);
	uint8_t *arp = frame + at;

	memcpy(arp, ethernet_ipv4, sizeof(ethernet_ipv4));
	dps_store_be16(arp + 6, operation);
	memcpy(arp + 8, self->address.mac, 6);
	memcpy(arp + 14, self->address.ip, 4);
	memcpy(arp + 18, target_mac, 6);
	memcpy(arp + 24, target_ip, 4);
	return at + ARP_BYTES;
}

/* An IPv6 header for bytes of ICMPv6; returns where they go. */
static uint32_t write_ipv6(const struct dps_frame_self *self, const uint8_t *to_mac,
			   const uint8_t *to_ip, uint32_t bytes, uint8_t *frame)
{
	uint32_t at = write_mac(self, to_mac, TYPE_IPV6, frame);
	uint8_t *ip = frame + at;

	memset(ip, 0, DPS_FRAME_IPV6_BYTES);
	ip[0] = 0x60;
	dps_store_be16(ip + 4, (uint16_t)bytes);
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = ND_HOPS;
	memcpy(ip + 8, self->address.ip, 16);
	memcpy(ip + 24, to_ip, 16);
	return at + DPS_FRAME_IPV6_BYTES;
}

/* Of ICMPv6: the pseudo header is made of the addresses in front of it (RFC 8200 section 8.1). */
static uint16_t icmpv6_checksum(const uint8_t *icmp, uint32_t bytes)
{
	uint64_t sum = (uint64_t)PROTOCOL_ICMPV6 + bytes;

	sum = dps_checksum_add(sum, icmp - 32, 32);
	return dps_checksum_finish(dps_checksum_add(sum, icmp, bytes));
}

/* A solicitation or an advertisement; target is what it asks for or speaks of. */
static uint32_t write_discovery(const struct dps_frame_self *self, uint8_t type, uint8_t flags,
				const uint8_t *to_mac, const uint8_t *to_ip, const uint8_t *target,
				uint8_t *frame)
{
	uint32_t bytes = ND_BYTES + ND_OPTION_BYTES;
	uint32_t at = write_ipv6(self, to_mac, to_ip, bytes, frame);
	uint8_t *icmp = frame + at;

	memset(icmp, 0, bytes);
	icmp[0] = type;
	icmp[4] = flags;
	memcpy(icmp + 8, target, 16);
	icmp[24] = type == SOLICITATION ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
	icmp[25] = 1; /* length in units of 8 bytes */
	memcpy(icmp + 26, self->address.mac, 6);
	dps_store_be16(icmp + 2, icmpv6_checksum(icmp, bytes));
	return at + bytes;
}

static void claim_set(struct dps_neighbour_claim *claim, uint8_t family, const uint8_t *mac,
		      const uint8_t *ip)
{
	if ((mac[0] & 1) != 0 || memcmp(mac, unspecified, 6) == 0)
		return;
	claim->family = family;
	memcpy(claim->mac, mac, 6);
	memcpy(claim->ip, ip, family == DPS_ADDRESS_IPV6 ? 16 : 4);
}

static uint32_t answer_arp(const struct dps_frame_self *self, const uint8_t *arp, uint32_t bytes,
			   uint8_t *reply, struct dps_neighbour_claim *claim)
{
	static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
	uint16_t operation;

	if (bytes < ARP_BYTES || memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
	    self->address.family != DPS_ADDRESS_IPV4)
		return 0;
	operation = dps_load_be16(arp + 6);
	if (operation != ARP_REQUEST && operation != ARP_REPLY)
		return 0;
	/* A probe (RFC 5227) comes from 0.0.0.0 and claims nothing. */
	if (memcmp(arp + 14, unspecified, 4) != 0)
		claim_set(claim, DPS_ADDRESS_IPV4, arp + 8, arp + 14);
	if (operation != ARP_REQUEST || memcmp(arp + 24, self->address.ip, 4) != 0)
		return 0;
	return write_arp(self, ARP_REPLY, arp + 8, arp + 8, arp + 14, reply);
}

static uint32_t answer_icmp(const struct dps_frame_self *self, const uint8_t *frame, uint32_t at,
			    uint32_t bytes, uint8_t *reply, uint32_t room)
{
	const uint8_t *ip = frame + at;
	uint32_t header_bytes, ip_bytes, to;
	uint8_t *out;

	if (bytes < DPS_FRAME_IPV4_BYTES || self->address.family != DPS_ADDRESS_IPV4)
		return 0;
	header_bytes = (ip[0] & 15u) * 4u;
	ip_bytes = dps_load_be16(ip + 2);
	if (header_bytes < DPS_FRAME_IPV4_BYTES || ip_bytes > bytes ||
	    ip_bytes < header_bytes + ECHO_HEADER_BYTES || ip[9] != PROTOCOL_ICMP ||
	    ip[header_bytes] != ECHO_REQUEST_4 || memcmp(ip + 16, self->address.ip, 4) != 0)
		return 0;
	bytes = ip_bytes - header_bytes;
	if (network_at(self) + DPS_FRAME_IPV4_BYTES + bytes > room)
		return 0;
	to = write_mac(self, frame + 6, TYPE_IPV4, reply);
	out = reply + to;
	memset(out, 0, DPS_FRAME_IPV4_BYTES);
	out[0] = 0x45;
	dps_store_be16(out + 2, (uint16_t)(DPS_FRAME_IPV4_BYTES + bytes));
	out[8] = 64;
	out[9] = PROTOCOL_ICMP;
	memcpy(out + 12, self->address.ip, 4);
	memcpy(out + 16, ip + 12, 4);
	dps_store_be16(out + 10,
		       dps_checksum_finish(dps_checksum_add(0, out, DPS_FRAME_IPV4_BYTES)));
	out += DPS_FRAME_IPV4_BYTES;
	memcpy(out, ip + header_bytes, bytes);
	out[0] = ECHO_REPLY_4;
	dps_store_be16(out + 2, 0);
	dps_store_be16(out + 2, dps_checksum_finish(dps_checksum_add(0, out, bytes)));
	return to + DPS_FRAME_IPV4_BYTES + bytes;
}

/* The link-layer address in the options of a discovery message, or NULL. */
static const uint8_t *find_option(const uint8_t *icmp, uint32_t bytes, uint8_t type)
{
	for (uint32_t at = ND_BYTES; at + ND_OPTION_BYTES <= bytes;) {
		uint32_t length = icmp[at + 1] * 8u;

		if (length == 0 || at + length > bytes)
			return NULL;
		if (icmp[at] == type)
			return icmp + at + 2;
		at += length;
	}
	return NULL;
}

static uint32_t answer_discovery(const struct dps_frame_self *self, const uint8_t *frame,
				 const uint8_t *ip, const uint8_t *icmp, uint32_t bytes,
				 uint8_t *reply, struct dps_neighbour_claim *claim)
{
	bool is_probe = memcmp(ip + 8, unspecified, 16) == 0;
	const uint8_t *mac;

	if (bytes < ND_BYTES || ip[7] != ND_HOPS || icmp[1] != 0)
		return 0;
	if (icmp[0] == ADVERTISEMENT) {
		mac = find_option(icmp, bytes, TARGET_LINK_LAYER);
		claim_set(claim, DPS_ADDRESS_IPV6, mac != NULL ? mac : frame + 6, icmp + 8);
		return 0;
	}
	mac = find_option(icmp, bytes, SOURCE_LINK_LAYER);
	if (!is_probe)
		claim_set(claim, DPS_ADDRESS_IPV6, mac != NULL ? mac : frame + 6, ip + 8);
	if (memcmp(icmp + 8, self->address.ip, 16) != 0)
		return 0;
	/* Who probes whether the address is free has none yet: everyone is told. */
	if (is_probe)
		return write_discovery(self, ADVERTISEMENT, ADVERTISE_OVERRIDE,
				       (const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }, all_nodes,
				       self->address.ip, reply);
	return write_discovery(self, ADVERTISEMENT, ADVERTISE_SOLICITED | ADVERTISE_OVERRIDE,
			       mac != NULL ? mac : frame + 6, ip + 8, self->address.ip, reply);
}

static uint32_t answer_icmpv6(const struct dps_frame_self *self, const uint8_t *frame, uint32_t at,
			      uint32_t bytes, uint8_t *reply, uint32_t room,
			      struct dps_neighbour_claim *claim)
{
	const uint8_t *ip = frame + at;
	const uint8_t *icmp = ip + DPS_FRAME_IPV6_BYTES;
	uint32_t to;

	if (bytes < DPS_FRAME_IPV6_BYTES || self->address.family != DPS_ADDRESS_IPV6 ||
	    ip[6] != PROTOCOL_ICMPV6)
		return 0;
	bytes -= DPS_FRAME_IPV6_BYTES;
	if (dps_load_be16(ip + 4) > bytes)
		return 0;
	bytes = dps_load_be16(ip + 4);
	if (bytes < ECHO_HEADER_BYTES || icmpv6_checksum(icmp, bytes) != 0)
		return 0;
	if (icmp[0] == SOLICITATION || icmp[0] == ADVERTISEMENT)
		return answer_discovery(self, frame, ip, icmp, bytes, reply, claim);
	if (icmp[0] != ECHO_REQUEST_6 || memcmp(ip + 24, self->address.ip, 16) != 0 ||
	    network_at(self) + DPS_FRAME_IPV6_BYTES + bytes > room)
		return 0;
	to = write_ipv6(self, frame + 6, ip + 8, bytes, reply);
	memcpy(reply + to, icmp, bytes);
	reply[to] = ECHO_REPLY_6;
	dps_store_be16(reply + to + 2, 0);
	dps_store_be16(reply + to + 2, icmpv6_checksum(reply + to, bytes));
	return to + bytes;
}

uint32_t dps_neighbour_answer(const struct dps_frame_self *self, const uint8_t *frame,
			      uint32_t frame_bytes, int vlan_stripped, uint8_t *reply,
			      uint32_t room, struct dps_neighbour_claim *claim)
{
	uint16_t type;
	uint32_t at = dps_frame_network_at(self, frame, frame_bytes, vlan_stripped, &type);

	memset(claim, 0, sizeof(*claim));
	if (at == 0 || room < DPS_NEIGHBOUR_FRAME_BYTES)
		return 0;
	if (type == TYPE_ARP)
		return answer_arp(self, frame + at, frame_bytes - at, reply, claim);
	if (type == TYPE_IPV4)
		return answer_icmp(self, frame, at, frame_bytes - at, reply, room);
	if (type == TYPE_IPV6)
		return answer_icmpv6(self, frame, at, frame_bytes - at, reply, room, claim);
	return 0;
}

uint32_t dps_neighbour_ask(const struct dps_frame_self *self, const uint8_t *ip, uint8_t *frame)
{
	uint8_t group[16];
	uint8_t group_mac[6] = { 0x33, 0x33, 0xff };

	if (self->address.family == DPS_ADDRESS_IPV4)
		return write_arp(self, ARP_REQUEST, broadcast, unspecified, ip, frame);
	memcpy(group, solicited_prefix, sizeof(solicited_prefix));
	memcpy(group + 13, ip + 13, 3);
	memcpy(group_mac + 3, ip + 13, 3);
	return write_discovery(self, SOLICITATION, 0, group_mac, group, ip, frame);
}

uint32_t dps_neighbour_announce(const struct dps_frame_self *self, uint8_t *frame)
{
	if (self->address.family == DPS_ADDRESS_IPV4)
		return write_arp(self, ARP_REQUEST, broadcast, unspecified, self->address.ip,
				 frame);
	return write_discovery(self, ADVERTISEMENT, ADVERTISE_OVERRIDE,
			       (const uint8_t[6]){ 0x33, 0x33, 0, 0, 0, 1 }, all_nodes,
			       self->address.ip, frame);
}

void dps_resolution_init(struct dps_resolution *resolution, bool is_known, uint64_t now_ns)
{
	resolution->ask_at_ns = is_known ? DPS_NEVER_NS : now_ns;
	resolution->asked_count = 0;
	resolution->is_resolved = is_known;
}

bool dps_resolution_is_due(struct dps_resolution *resolution, uint64_t now_ns)
{
	if (now_ns < resolution->ask_at_ns)
		return false;
	resolution->asked_count++;
	resolution->ask_at_ns =
		now_ns +
		(resolution->asked_count < ASK_FAST_COUNT ? 100 * DPS_NS_PER_MS : DPS_NS_PER_S);
	return true;
}

void dps_resolution_on_answer(struct dps_resolution *resolution, uint64_t now_ns)
{
	resolution->is_resolved = true;
	resolution->asked_count = 0;
	resolution->ask_at_ns = now_ns + 60 * DPS_NS_PER_S;
}
