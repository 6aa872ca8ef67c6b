/* SPDX-License-Identifier: BSD-3-Clause */
/* Proof: what goes to an address before the peer has shown that it is there. */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <string.h>

enum {
	CHUNK = 64 << 10,
	NUMBER = 5000, /* of the first packet that the test says for the peer */
};

/* What side 0 has sent, and what of the other side's words it does not hear. */
static struct {
	uint64_t data_packets;
	uint64_t probe_bytes;
	uint64_t probes_count;
	uint64_t other_bytes;
	uint64_t challenge; /* the last that side 0 sent */
	bool loses_pings;
	bool loses_all;
} seen;

static bool watch(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	struct dps_header header;
	struct dps_probe probe;

	(void)pair;
	assert_int_equal(dps_header_decode(bytes, length, &header), 0);
	if (from == 1)
		return seen.loses_all || (seen.loses_pings && header.type == DPS_PACKET_PING);
	if (header.type == DPS_PACKET_PROBE) {
		seen.probes_count++;
		seen.probe_bytes += length;
		assert_int_equal(
			dps_probe_decode(bytes + DPS_ENVELOPE_BYTES, header.payload_bytes, &probe),
			0);
		seen.challenge = probe.challenge != 0 ? probe.challenge : seen.challenge;
		return false;
	}
	seen.data_packets += header.type == DPS_PACKET_DATA;
	seen.other_bytes += length;
	return false;
}

static void open_watched(struct pair *pair)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	options.silence_ns = 10 * DPS_NS_PER_S;
	pair_open(pair, &options);
	pair->is_lost = watch;
}

static struct dps_path *path_of(struct pair *pair, unsigned int which)
{
	return &pair->sides[which].engine->paths[pair->sides[which].path];
}

/* A word of the peer that was not lost: of this type, with this body. */
static void say(struct pair *pair, uint64_t number, uint8_t type, const void *body, uint32_t bytes)
{
	const struct dps_header header = { .type = type, .packet_number = number, .floor = NUMBER };

	pair_inject(pair, 0, header, body, bytes, true);
	pair_run_for(pair, 10 * DPS_NS_PER_US);
}

static void say_probe(struct pair *pair, uint64_t number, uint8_t type, uint64_t challenge,
		      uint64_t answer)
{
	const struct dps_probe probe = { .challenge = challenge, .answer = answer };
	uint8_t body[DPS_WIRE_PROBE_BYTES];

	dps_probe_encode(&probe, body, sizeof(body));
	say(pair, number, type, body, sizeof(body));
}

static void say_ack(struct pair *pair, uint64_t number, uint64_t largest, uint32_t channel)
{
	const struct dps_ack ack = {
		.largest = largest,
		.ranges_count = 1,
		.ranges = { { 0, largest } },
		.channels_count = 1,
		.channels = { { .channel = channel, .credit = 4 * CHUNK } },
	};
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];

	say(pair, number, DPS_PACKET_ACK, body, (uint32_t)dps_ack_encode(&ack, body, sizeof(body)));
}

static void challenge__opens_the_path_when_it_comes_back(void **state)
{
	struct pair pair;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	open_watched(&pair);
	pair_run_for(&pair, 5 * DPS_NS_PER_MS);
	assert_true(pair.sides[0].is_open && pair.sides[1].is_open);
	assert_int_equal(seen.challenge, path_of(&pair, 0)->config.challenge);
	assert_int_equal(seen.probes_count, 1);
	pair_close(&pair);
}

static void challenge__that_does_not_come_back_is_repeated(void **state)
{
	struct pair pair;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.loses_pings = true;
	open_watched(&pair);
	pair_run_for(&pair, 500 * DPS_NS_PER_MS);
	assert_false(pair.sides[0].is_open); /* though its probes are acknowledged */
	assert_true(path_of(&pair, 0)->proof.is_full_acked);
	assert_true(pair.sides[1].is_open);
	assert_in_range(seen.probes_count, 3, 20);
	seen.loses_pings = false;
	pair_run_for(&pair, 1000 * DPS_NS_PER_MS);
	assert_true(pair.sides[0].is_open);
	pair_close(&pair);
}

/* Who is not there does not know what was asked, but what an ACK has to say can be guessed. */
static void challenge__is_not_answered_by_a_guess(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.loses_all = true;
	open_watched(&pair);
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 10 * CHUNK);
	pair_open_channel(&pair, transfer, 0);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t sent = path_of(&pair, 0)->sent.next_number;

		say_ack(&pair, NUMBER + 3 * i, sent - 1, transfer->number);
		say_probe(&pair, NUMBER + 1 + 3 * i, DPS_PACKET_PING, 0, i);
		say_probe(&pair, NUMBER + 2 + 3 * i, DPS_PACKET_PROBE, i, seen.challenge ^ 1);
		pair_run_for(&pair, 20 * DPS_NS_PER_MS);
	}
	assert_false(pair.sides[0].is_open);
	assert_int_equal(seen.data_packets, 0);
	say_probe(&pair, 9000, DPS_PACKET_PING, 0, seen.challenge);
	assert_true(pair.sides[0].is_open);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	assert_true(seen.data_packets > 0);
	transfer->is_given_up = true;
	pair_close(&pair);
}

/* Whoever is at that address did not ask for it: as much as the peer sent, and twice as much. */
static void unproved_address__gets_probes_and_thrice_what_came(void **state)
{
	const uint32_t ping_bytes = DPS_ENVELOPE_BYTES + DPS_WIRE_PROBE_BYTES;
	struct pair pair;
	uint64_t i;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.loses_all = true;
	open_watched(&pair);
	pair_run_for(&pair, DPS_NS_PER_MS);
	/* Every one asks for an ACK, which of many gaps is long, and for an answer. */
	for (i = 0; i < 1000; i++) {
		say_probe(&pair, NUMBER + 2 * i, DPS_PACKET_PING, i + 1, 0);
		assert_true(seen.other_bytes <= 3 * (i + 1) * ping_bytes);
	}
	assert_true(seen.other_bytes > i * ping_bytes);
	assert_false(pair.sides[0].is_open);
	pair_run_for(&pair, 9 * DPS_NS_PER_S);
	assert_true(seen.probes_count <=
		    40); /* the pace in which it is asked is another's affair */
	say_ack(&pair, 9000, path_of(&pair, 0)->sent.next_number - 1, 1);
	say_probe(&pair, 9001, DPS_PACKET_PING, 0, seen.challenge);
	assert_true(pair.sides[0].is_open);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenge__opens_the_path_when_it_comes_back),
		cmocka_unit_test(challenge__that_does_not_come_back_is_repeated),
		cmocka_unit_test(challenge__is_not_answered_by_a_guess),
		cmocka_unit_test(unproved_address__gets_probes_and_thrice_what_came),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
