/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes up packets: a few conversations with the sizes real links show, checksums right. */
#include "engine/random.h"
#include "tests/support/packets.h"
#include <stdlib.h>
#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	TCP = 6,
	UDP = 17,
	LINK_ETHERNET = 1,
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The Internet checksum's sum (RFC 1071), not yet folded. */
static uint64_t sum16(const uint8_t *bytes, size_t count, uint64_t sum)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
	if (count % 2 != 0)
		sum += (uint64_t)bytes[count - 1] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Real payloads are partly text and partly noise. */
static void fill_payload(uint8_t *payload, size_t count, struct dps_random *random)
{
	static const char text[] = "GET /archive/part HTTP/1.1\r\nHost: capture.example\r\n\r\n";
	size_t text_count = dps_random_below(random, count + 1);

	for (size_t i = 0; i < count; i++)
		payload[i] = i < text_count ? (uint8_t)text[i % (sizeof(text) - 1)]
					    : (uint8_t)dps_random_next(random);
}

static size_t put_ip(uint8_t *ip, int is_ipv6, uint8_t protocol, size_t l4_bytes,
		     struct dps_random *random)
{
	uint8_t host = (uint8_t)(1 + dps_random_below(random, 200));

	if (is_ipv6) {
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)l4_bytes);
		ip[6] = protocol;
		ip[7] = 64;
		put16(ip + 8, 0x2001);
		put16(ip + 10, 0x0db8);
		ip[23] = host;
		put16(ip + 24, 0x2001);
		put16(ip + 26, 0x0db8);
		ip[39] = 1;
		return IPV6_BYTES;
	}
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IPV4_BYTES + l4_bytes));
	put16(ip + 4, (uint32_t)dps_random_below(random, 65536));
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, (uint8_t[]){ 192, 0, 2, host, 198, 51, 100, 1 }, 8);
	put16(ip + 10, fold(sum16(ip, IPV4_BYTES, 0)));
	return IPV4_BYTES;
}

static void put_l4(uint8_t *ip, int is_ipv6, uint8_t protocol, uint8_t *l4, size_t l4_bytes,
		   struct dps_random *random)
{
	size_t checksum_at = protocol == TCP ? 16 : 6;
	uint64_t pseudo = protocol + (uint64_t)l4_bytes;

	put16(l4, 1024 + (uint32_t)dps_random_below(random, 60000));
	put16(l4 + 2, protocol == TCP ? 80 : 9);
	if (protocol == TCP) {
		put16(l4 + 4, (uint32_t)dps_random_below(random, 65536));
		l4[12] = 5 << 4;
		l4[13] = 0x10; /* ACK */
		put16(l4 + 14, 65535);
	} else {
		put16(l4 + 4, (uint32_t)l4_bytes);
	}
	pseudo = is_ipv6 ? sum16(ip + 8, 32, pseudo) : sum16(ip + 12, 8, pseudo);
	put16(l4 + checksum_at, fold(sum16(l4, l4_bytes, pseudo)));
}

static uint32_t make_packet(uint8_t *bytes, size_t frame_bytes, struct dps_random *random)
{
	int is_ipv6 = dps_random_chance(random, 1, 4);
	uint8_t protocol = dps_random_chance(random, 4, 5) ? TCP : UDP;
	size_t l4_header_bytes = protocol == TCP ? TCP_BYTES : UDP_BYTES;
	size_t ip_bytes = is_ipv6 ? IPV6_BYTES : IPV4_BYTES;
	size_t l4_bytes = frame_bytes - ETHERNET_BYTES - ip_bytes;
	uint8_t *ip = bytes + ETHERNET_BYTES;
	uint8_t *l4 = ip + ip_bytes;

	memcpy(bytes, (uint8_t[]){ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 }, 12);
	put16(bytes + 12, is_ipv6 ? 0x86dd : 0x0800);
	fill_payload(l4 + l4_header_bytes, l4_bytes - l4_header_bytes, random);
	put_ip(ip, is_ipv6, protocol, l4_bytes, random);
	put_l4(ip, is_ipv6, protocol, l4, l4_bytes, random);
	return (uint32_t)frame_bytes;
}

void packets_make(struct packets *packets, size_t count, uint32_t interfaces, uint64_t seed)
{
	static const size_t sizes[] = { 74, 74, 90, 590, 1024, 1514, 1514, 1514 };
	struct dps_random random;
	uint32_t first = packets->sources;

	dps_random_init(&random, seed);
	for (uint32_t i = 0; i < interfaces; i++)
		packets_add_source(packets, LINK_ETHERNET);
	for (size_t i = 0; i < count; i++) {
		size_t frame_bytes =
			sizes[dps_random_below(&random, sizeof(sizes) / sizeof(*sizes))];
		uint8_t *bytes = calloc(1, frame_bytes);

		if (bytes == NULL)
			abort();
		packets_add(
			packets,
			&(struct packet){
				.bytes = bytes,
				.captured_bytes = make_packet(bytes, frame_bytes, &random),
				.original_bytes = (uint32_t)frame_bytes,
				.source = first + (uint32_t)dps_random_below(&random, interfaces),
				.after_us = dps_random_below(&random, 50),
			});
	}
}
