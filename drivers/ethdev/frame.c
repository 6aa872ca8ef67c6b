/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/frame.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

enum {
	TYPE_VLAN = 0x8100,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_ARP = 0x0806,
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMPV6 = 58,
	DO_NOT_FRAGMENT = 0x4000,
	FRAGMENT_MASK = 0x3fff, /* more fragments, and the offset */
	HOPS = 64,
};

/*
 * The words are summed up in the machine's order and the result is swapped once (RFC 1071
 * section 2 (B)): gcc makes vector code of this loop.
 */
uint64_t dps_checksum_add(uint64_t sum, const uint8_t *bytes, uint32_t bytes_count)
{
	uint64_t words = 0;
	uint32_t at = 0;

	for (; at + 4 <= bytes_count; at += 4) {
		uint32_t word;

		memcpy(&word, bytes + at, sizeof(word));
		words += word;
	}
	words = (words & 0xffffffff) + (words >> 32);
	words = (words & 0xffff) + (words >> 16 & 0xffff) + (words >> 32);
	words = (words & 0xffff) + (words >> 16);
	words = (words & 0xffff) + (words >> 16);
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		words = (words >> 8 | words << 8) & 0xffff;
	sum += words;
	if (at + 2 <= bytes_count) {
		sum += dps_load_be16(bytes + at);
		at += 2;
	}
	if (at < bytes_count)
		sum += (uint64_t)bytes[at] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t dps_checksum_finish(uint64_t sum)
{
	return (uint16_t)~fold(sum);
}

static void write_ipv4(struct dps_frame_template *template, const struct dps_address *from,
		       const struct dps_address *to)
{
	uint8_t *ip = template->bytes + template->ip_at;

	/* Never fragmented, so the identification may be zero (RFC 6864 section 4.1). */
	ip[0] = 0x45;
	dps_store_be16(ip + 6, DO_NOT_FRAGMENT);
	ip[8] = HOPS;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, from->ip, 4);
	memcpy(ip + 16, to->ip, 4);
	template->ip_sum = fold(dps_checksum_add(0, ip, DPS_FRAME_IPV4_BYTES));
	template->udp_sum = fold(dps_checksum_add(PROTOCOL_UDP, ip + 12, 8));
}

static void write_ipv6(struct dps_frame_template *template, const struct dps_address *from,
		       const struct dps_address *to)
{
	uint8_t *ip = template->bytes + template->ip_at;

	ip[0] = 0x60;
	ip[6] = PROTOCOL_UDP;
	ip[7] = HOPS;
	memcpy(ip + 8, from->ip, 16);
	memcpy(ip + 24, to->ip, 16);
	template->udp_sum = fold(dps_checksum_add(PROTOCOL_UDP, ip + 8, 32));
}

void dps_frame_template_init(struct dps_frame_template *template, const struct dps_frame_self *self,
			     const struct dps_address *remote, enum dps_frame_checksum checksum)
{
	uint8_t *at = template->bytes;
	bool is_ipv6 = remote->family == DPS_ADDRESS_IPV6;
	uint16_t from_port;

	DPS_ASSERT(self->address.family == remote->family);
	DPS_ASSERT(is_ipv6 || remote->family == DPS_ADDRESS_IPV4);
	memset(template, 0, sizeof(*template));
	template->family = remote->family;
	template->checksum = (uint8_t)checksum;
	memcpy(at, remote->mac, 6);
	memcpy(at + 6, self->address.mac, 6);
	at += 12;
	if (self->vlan != 0) {
		dps_store_be16(at, TYPE_VLAN);
		dps_store_be16(at + 2, self->vlan);
		at += DPS_FRAME_VLAN_BYTES;
	}
	dps_store_be16(at, is_ipv6 ? TYPE_IPV6 : TYPE_IPV4);
	at += 2;
	template->ip_at = (uint8_t)(at - template->bytes);
	if (is_ipv6)
		write_ipv6(template, &self->address, remote);
	else
		write_ipv4(template, &self->address, remote);
	at += is_ipv6 ? DPS_FRAME_IPV6_BYTES : DPS_FRAME_IPV4_BYTES;
	from_port = remote->from_udp_port != 0 ? remote->from_udp_port : self->address.udp_port;
	dps_store_be16(at, from_port);
	dps_store_be16(at + 2, remote->udp_port);
	template->udp_sum += fold((uint64_t)from_port + remote->udp_port);
	at += DPS_FRAME_UDP_BYTES;
	template->bytes_count = (uint8_t)(at - template->bytes);
}

void dps_frame_template_set_mac(struct dps_frame_template *template, const uint8_t mac[6])
{
	memcpy(template->bytes, mac, 6);
	template->written_bytes = 0;
}

/* A body after a head of odd length stands at an odd offset: its bytes count swapped. */
static uint64_t add_parts(uint64_t sum, const uint8_t *head, uint32_t head_bytes,
			  const uint8_t *body, uint32_t body_bytes)
{
	uint16_t rest;

	sum = dps_checksum_add(sum, head, head_bytes);
	if (body_bytes == 0)
		return sum;
	if ((head_bytes & 1) == 0)
		return dps_checksum_add(sum, body, body_bytes);
	rest = fold(dps_checksum_add(0, body, body_bytes));
	return sum + (uint16_t)(rest << 8 | rest >> 8);
}

unsigned int dps_frame_write(struct dps_frame_template *template, uint8_t *frame,
			     const uint8_t *head, uint32_t head_bytes, const uint8_t *body,
			     uint32_t body_bytes)
{
	uint32_t udp_bytes = DPS_FRAME_UDP_BYTES + head_bytes + body_bytes;
	uint8_t *ip = frame + template->ip_at;
	uint8_t *udp = frame + template->bytes_count - DPS_FRAME_UDP_BYTES;
	/* The length counts twice: in the pseudo header and in UDP's own. */
	uint64_t udp_sum = template->udp_sum + 2 * (uint64_t)udp_bytes;

	DPS_ASSERT(head_bytes <= UINT16_MAX && body_bytes <= UINT16_MAX &&
		   udp_bytes <= UINT16_MAX - DPS_FRAME_IPV4_BYTES);
	if (udp_bytes == template->written_bytes) {
		memcpy(frame, template->written, sizeof(template->written));
		return template->bytes_count;
	}
	memcpy(frame, template->bytes, sizeof(template->bytes));
	dps_store_be16(udp + 4, (uint16_t)udp_bytes);
	if (template->family == DPS_ADDRESS_IPV4) {
		dps_store_be16(ip + 2, (uint16_t)(udp_bytes + DPS_FRAME_IPV4_BYTES));
		if (template->checksum != DPS_CHECKSUM_DEVICE)
			dps_store_be16(ip + 10, dps_checksum_finish(template->ip_sum + udp_bytes +
								    DPS_FRAME_IPV4_BYTES));
	} else {
		dps_store_be16(ip + 4, (uint16_t)udp_bytes);
	}
	if (template->checksum == DPS_CHECKSUM_DEVICE) {
		/* The pseudo header only: addresses, protocol, length. */
		uint64_t ports = (uint64_t)dps_load_be16(udp) + dps_load_be16(udp + 2);

		dps_store_be16(udp + 6, fold(template->udp_sum + 0xffff - fold(ports) + udp_bytes));
	} else if (template->checksum == DPS_CHECKSUM_SOFTWARE) {
		uint16_t sum =
			dps_checksum_finish(add_parts(udp_sum, head, head_bytes, body, body_bytes));

		/* Zero would say that there is none (RFC 768). */
		dps_store_be16(udp + 6, sum != 0 ? sum : 0xffff);
		return template->bytes_count;
	}
	memcpy(template->written, frame, sizeof(template->written));
	template->written_bytes = udp_bytes;
	return template->bytes_count;
}

unsigned int dps_frame_network_at(const struct dps_frame_self *self, const uint8_t *frame,
				  uint32_t frame_bytes, int vlan_stripped, uint16_t *type)
{
	unsigned int at = DPS_FRAME_MAC_BYTES;
	int tag = vlan_stripped >= 0 ? vlan_stripped & 0xfff : -1;

	if (frame_bytes < DPS_FRAME_MAC_BYTES)
		return 0;
	*type = dps_load_be16(frame + 12);
	if (*type == TYPE_VLAN) {
		if (tag > 0 || frame_bytes < DPS_FRAME_MAC_BYTES + DPS_FRAME_VLAN_BYTES)
			return 0;
		tag = dps_load_be16(frame + 14) & 0xfff;
		*type = dps_load_be16(frame + 16);
		at += DPS_FRAME_VLAN_BYTES;
	}
	/* Tag 0 carries a priority and no VLAN. */
	return (tag > 0 ? tag : 0) == self->vlan ? at : 0;
}

static bool is_for_our_mac(const struct dps_frame_self *self, const uint8_t *frame)
{
	return memcmp(frame, self->address.mac, 6) == 0;
}

/* UDP at udp_at, of which IP says ip_payload_bytes are there. */
static enum dps_frame_verdict parse_udp(const struct dps_frame_self *self, const uint8_t *look,
					uint32_t udp_at, uint32_t ip_payload_bytes,
					struct dps_frame_view *view)
{
	const uint8_t *udp = look + udp_at;

	if (ip_payload_bytes < DPS_FRAME_UDP_BYTES || dps_load_be16(udp + 4) != ip_payload_bytes)
		return DPS_FRAME_BROKEN;
	if ((uint16_t)(dps_load_be16(udp + 2) - self->address.udp_port) >=
	    (self->udp_ports != 0 ? self->udp_ports : 1))
		return DPS_FRAME_FOREIGN;
	view->payload_at = udp_at + DPS_FRAME_UDP_BYTES;
	view->payload_bytes = ip_payload_bytes - DPS_FRAME_UDP_BYTES;
	view->from.udp_port = dps_load_be16(udp);
	view->from.has_mac = 1;
	memcpy(view->from.mac, look + 6, 6);
	return DPS_FRAME_OURS;
}

static enum dps_frame_verdict parse_ipv4(const struct dps_frame_self *self, const uint8_t *look,
					 uint32_t at, uint32_t frame_bytes,
					 struct dps_frame_view *view)
{
	const uint8_t *ip = look + at;
	uint32_t header_bytes, bytes;

	if (frame_bytes < at + DPS_FRAME_IPV4_BYTES || ip[0] >> 4 != 4)
		return DPS_FRAME_BROKEN;
	header_bytes = (ip[0] & 15u) * 4u;
	bytes = dps_load_be16(ip + 2);
	if (header_bytes < DPS_FRAME_IPV4_BYTES || bytes < header_bytes || bytes > frame_bytes - at)
		return DPS_FRAME_BROKEN;
	if (dps_checksum_finish(dps_checksum_add(0, ip, header_bytes)) != 0)
		return DPS_FRAME_BROKEN;
	if (self->address.family != DPS_ADDRESS_IPV4 || memcmp(ip + 16, self->address.ip, 4) != 0)
		return DPS_FRAME_FOREIGN;
	if ((dps_load_be16(ip + 6) & FRAGMENT_MASK) != 0)
		return DPS_FRAME_BROKEN;
	if (ip[9] == PROTOCOL_ICMP)
		return DPS_FRAME_CONTROL;
	if (ip[9] != PROTOCOL_UDP)
		return DPS_FRAME_FOREIGN;
	memset(&view->from, 0, sizeof(view->from));
	view->from.family = DPS_ADDRESS_IPV4;
	memcpy(view->from.ip, ip + 12, 4);
	view->ecn = ip[1] & 3;
	return parse_udp(self, look, at + header_bytes, bytes - header_bytes, view);
}

static enum dps_frame_verdict parse_ipv6(const struct dps_frame_self *self, const uint8_t *look,
					 uint32_t at, uint32_t frame_bytes,
					 struct dps_frame_view *view)
{
	const uint8_t *ip = look + at;
	uint32_t payload_bytes;

	if (frame_bytes < at + DPS_FRAME_IPV6_BYTES || ip[0] >> 4 != 6)
		return DPS_FRAME_BROKEN;
	payload_bytes = dps_load_be16(ip + 4);
	if (payload_bytes > frame_bytes - at - DPS_FRAME_IPV6_BYTES)
		return DPS_FRAME_BROKEN;
	/* Solicitations come to a multicast address. Extension headers are nobody's we talk to. */
	if (ip[6] == PROTOCOL_ICMPV6)
		return DPS_FRAME_CONTROL;
	if (ip[6] != PROTOCOL_UDP || self->address.family != DPS_ADDRESS_IPV6 ||
	    memcmp(ip + 24, self->address.ip, 16) != 0)
		return DPS_FRAME_FOREIGN;
	memset(&view->from, 0, sizeof(view->from));
	view->from.family = DPS_ADDRESS_IPV6;
	memcpy(view->from.ip, ip + 8, 16);
	view->ecn = ip[1] >> 4 & 3;
	return parse_udp(self, look, at + DPS_FRAME_IPV6_BYTES, payload_bytes, view);
}

enum dps_frame_verdict dps_frame_parse(const struct dps_frame_self *self, const uint8_t *look,
				       uint32_t frame_bytes, int vlan_stripped,
				       struct dps_frame_view *view)
{
	uint16_t type;
	unsigned int at = dps_frame_network_at(self, look, frame_bytes, vlan_stripped, &type);
	bool is_group = frame_bytes > 0 && (look[0] & 1) != 0;
	enum dps_frame_verdict verdict;

	if (frame_bytes < DPS_FRAME_MAC_BYTES)
		return DPS_FRAME_BROKEN;
	if (at == 0 || (!is_group && !is_for_our_mac(self, look)))
		return DPS_FRAME_FOREIGN;
	if (type == TYPE_ARP)
		return DPS_FRAME_CONTROL;
	if (type == TYPE_IPV4)
		verdict = parse_ipv4(self, look, at, frame_bytes, view);
	else if (type == TYPE_IPV6)
		verdict = parse_ipv6(self, look, at, frame_bytes, view);
	else
		return DPS_FRAME_FOREIGN;
	return verdict == DPS_FRAME_OURS && is_group ? DPS_FRAME_FOREIGN : verdict;
}

void dps_frame_remember(struct dps_frame_last *last, const uint8_t *look, uint32_t frame_bytes,
			int vlan_stripped, const struct dps_frame_view *view)
{
	memcpy(last->headers, look, view->payload_at);
	last->frame_bytes = frame_bytes;
	last->vlan_stripped = vlan_stripped;
	last->view = *view;
}
