/* SPDX-License-Identifier: BSD-3-Clause */
/* Make-corpus: writes the seeds of the wire's targets into CORPUS/<target>/ with our own encoder.
 */
#include "engine/peer_frame.h"
#include "engine/wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *corpus;

static void write_seed(const char *target, const char *name, const void *bytes, size_t length)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", corpus, target);
	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/%s/%s", corpus, target, name);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void write_header(const char *name, const struct dps_header *header)
{
	uint8_t packet[DPS_ENVELOPE_BYTES + 64] = { 0 };

	dps_header_encode(header, packet);
	write_seed("header", name, packet, DPS_ENVELOPE_BYTES + (size_t)header->payload_bytes);
}

static void write_headers(void)
{
	struct dps_header header = { .version = DPS_WIRE_VERSION,
				     .type = DPS_PACKET_DATA,
				     .flags = DPS_PACKET_FIN | DPS_PACKET_DIGEST,
				     .payload_bytes = 24,
				     .sent_at_us = 1000000,
				     .connection_id = 0x0102030405060708,
				     .packet_number = 1000,
				     .offset = 262144,
				     .floor = 900,
				     .channel = 1 };

	write_header("data", &header);
	header.packet_number = (UINT64_C(3) << 32) + 5;
	header.floor = UINT32_MAX;
	header.offset = DPS_OFFSET_MAX;
	write_header("floor-wraps", &header);
	header.packet_number = 1;
	write_header("floor-ahead", &header);
	header.version = 2;
	write_header("other-version", &header);
	header = (struct dps_header){ .version = DPS_WIRE_VERSION, .type = DPS_PACKET_CLOSE };
	write_header("no-payload", &header);
}

static void write_ack(const char *name, const struct dps_ack *ack)
{
	uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX];

	write_seed("ack", name, bytes, dps_ack_encode(ack, bytes, sizeof(bytes)));
}

static void write_acks(void)
{
	struct dps_ack ack = { .largest = 100,
			       .ack_delay_us = 25,
			       .echo_sent_at_us = 1000000,
			       .sequence = 7,
			       .ect0 = 1,
			       .ce = 3,
			       .ranges_count = 1,
			       .ranges = { { 100, 100 } } };

	write_ack("one-packet", &ack);
	ack.ranges[0].first = 0;
	write_ack("all-so-far", &ack);
	ack.ranges_count = 3;
	ack.ranges[0].first = 90;
	ack.ranges[1] = (struct dps_ack_range){ 88, 88 };
	ack.ranges[2] = (struct dps_ack_range){ 0, 80 };
	ack.channels_count = 2;
	ack.channels[0] = (struct dps_ack_channel){
		.channel = 9, .credit = 67108864, .contiguous = 131072, .stored = 65536
	};
	ack.channels[1].credit = DPS_OFFSET_MAX;
	write_ack("gaps-and-channels", &ack);
	ack.ranges_count = DPS_WIRE_RANGES_MAX;
	ack.channels_count = DPS_WIRE_CHANNELS_MAX;
	ack.largest = DPS_PACKET_NUMBER_MAX;
	for (unsigned int i = 0; i < DPS_WIRE_RANGES_MAX; i++)
		ack.ranges[i].first = ack.ranges[i].last = DPS_PACKET_NUMBER_MAX - 3 * i;
	write_ack("longest", &ack);
}

static void write_bodies(void)
{
	const struct dps_probe probe = { .smoothed_rtt_us = 100000,
					 .challenge = 0x1122334455667788,
					 .answer = 0x99aabbccddeeff01 };
	const struct dps_close close = { .reason = DPS_CLOSE_SUPERSEDED };
	uint8_t bytes[64] = { 0 };

	write_seed("probe_close", "close", bytes, dps_close_encode(&close, bytes, sizeof(bytes)));
	write_seed("probe_close", "probe", bytes, dps_probe_encode(&probe, bytes, sizeof(bytes)));
	write_seed("probe_close", "probe-padded", bytes, sizeof(bytes));
	write_seed("probe_close", "short", bytes, 3);
}

static void write_options(void)
{
	static const uint8_t none[] = { 0x00, 0x02, 0xaa };
	static const uint8_t two[] = { 0x00, 0x0a, 0x01, 0x03, 0x55, 0x66, 0x77, 0x7f, 0x01, 0x88 };
	static const uint8_t must[] = { 0x00, 0x07, 0xff, 0x00, 0x01, 0x01, 0x00 };
	static const uint8_t past_chain[] = { 0x00, 0x05, 0x01, 0x02, 0x00, 0x00 };

	write_seed("options", "none", none, sizeof(none));
	write_seed("options", "two", two, sizeof(two));
	write_seed("options", "must-be-understood", must, sizeof(must));
	write_seed("options", "value-past-chain", past_chain, sizeof(past_chain));
}

/* A script of fuzz_peer's steps, and the next free byte of it. */
static uint8_t *give(uint8_t *at, const struct dps_peer_head *head, const void *body)
{
	*at++ = 0; /* bytes come */
	*at++ = (uint8_t)(DPS_PEER_HEAD_BYTES + head->body_bytes);
	dps_peer_head_encode(head, at);
	memcpy(at + DPS_PEER_HEAD_BYTES, body, head->body_bytes);
	return at + DPS_PEER_HEAD_BYTES + head->body_bytes;
}

static uint8_t *give_hello(uint8_t *at)
{
	struct dps_peer_head head = { .kind = DPS_PEER_HELLO, .body_bytes = DPS_PEER_HELLO_BYTES };
	struct dps_peer_hello hello = {
		.version_min = DPS_PEER_VERSION,
		.version_max = DPS_PEER_VERSION,
		.body_bytes_max = 512,
		.credit.up_to = { 1024, 0, 4, 1024 },
		.block_bytes = 64,
	};
	uint8_t body[DPS_PEER_HELLO_BYTES];

	dps_peer_hello_encode(&hello, body);
	return give(at, &head, body);
}

static void write_peers(void)
{
	static const uint8_t do_all[] = { 5, 3, 2, 0, 3, 2, 5, 3, 4, 1, 5, 3 };
	static const struct dps_peer_head said[] = {
		{ .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL, .id = 1, .body_bytes = 5 },
		{ .kind = DPS_PEER_NOTICE, .class = DPS_PEER_BULK, .body_bytes = 100 },
		{ .kind = DPS_PEER_STREAM, .body_bytes = DPS_PEER_WORD_BYTES },
		{ .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL, .id = 2 },
		{ .kind = DPS_PEER_CANCEL, .id = 2 },
		{ .kind = DPS_PEER_CREDIT, .body_bytes = DPS_PEER_CREDIT_BYTES },
		{ .kind = DPS_PEER_ANSWER, .class = DPS_PEER_REPLY, .id = 1, .body_bytes = 20 },
		{ .kind = DPS_PEER_CLOSING, .code = 3 },
		{ .kind = DPS_PEER_BYE, .code = 3 },
	};
	static const uint8_t body[128];
	uint8_t script[1024], *at = give_hello(script);

	for (unsigned int i = 0; i < sizeof(said) / sizeof(*said); i++) {
		memcpy(at, do_all, sizeof(do_all));
		at = give(at + sizeof(do_all), &said[i], body);
	}
	write_seed("peer", "all_kinds", script, (size_t)(at - script));
	at = give_hello(script);
	for (unsigned int i = 0; i < 6; i++)
		at = give(at, &said[0], body);
	write_seed("peer", "an_id_twice", script, (size_t)(at - script));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus CORPUS\n");
		return 2;
	}
	corpus = argv[1];
	write_headers();
	write_acks();
	write_bodies();
	write_options();
	write_peers();
	return 0;
}
