/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams, sealed with keys, and somebody on their way who sees every packet and puts four of his
 * own ahead of each. He has no key: all that he can do is to cost a little time.
 */
#include "tests/sim/stream_story.h"
#include "tests/support/noting_aead.h"

enum {
	FOR_EACH = 4,
	KEPT = 256,
	AHEAD = 64, /* numbers that he guesses: the next ones */
	WAY_BYTES = DPS_ENVELOPE_BYTES + DPS_PAYLOAD_BYTES_MAX,
};

enum attack {
	FLIP,
	CUT,
	FORGE,
	REPLAY,
	SPLICE,
	REFLECT,
	ACKNOWLEDGE,
	CLOSE,
	RENAME,
	ATTACKS_COUNT
};

struct seen {
	uint8_t *bytes;
	uint32_t length;
	unsigned int from;
};

static struct attacker {
	struct dps_random random;
	struct seen seen[KEPT];
	unsigned int seen_count;
	uint64_t sent[ATTACKS_COUNT];
} attacker;

static uint64_t below(uint64_t bound)
{
	return dps_random_below(&attacker.random, bound);
}

/* ---- what he does with a packet; where its header does not count, it need not be one ---- */

static void flip(uint8_t *bytes, uint32_t length)
{
	uint64_t bit = below(length * 8);

	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void fill(uint8_t *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)below(256);
}

/* A shorter one that says so, as its length would give it away. */
static uint32_t cut(uint8_t *bytes, uint32_t length)
{
	uint32_t payload = (uint32_t)below(length - DPS_ENVELOPE_BYTES + 1);

	bytes[2] = (uint8_t)(payload >> 8);
	bytes[3] = (uint8_t)payload;
	return DPS_ENVELOPE_BYTES + payload;
}

/* A header that fits the path, of a packet that may be about to come. */
static void pretend(uint8_t *bytes, uint8_t type)
{
	struct dps_header header = { 0 };

	dps_header_decode(bytes, (bytes[2] << 8 | bytes[3]) + DPS_ENVELOPE_BYTES, &header);
	header.type = type;
	header.packet_number += below(AHEAD);
	header.flags = (uint8_t)below(256);
	if (type == DPS_PACKET_STREAM) {
		header.channel = (uint32_t)below(2 * STREAMS + 1);
		header.offset = below(BYTES);
	}
	dps_header_encode(&header, bytes);
}

static const struct seen *any_seen(void)
{
	return &attacker.seen[below(attacker.seen_count)];
}

/* Someone else's header, seal or payload: of another stream, direction or connection. */
static void splice(uint8_t *bytes, uint32_t length)
{
	static const uint32_t parts[][2] = { { 0, 8 },	 { 8, 16 },  { 16, 24 }, { 24, 36 },
					     { 36, 40 }, { 40, 56 }, { 56, 0 },	 { 8, 24 } };
	const struct seen *other = any_seen();
	uint32_t shorter = (uint32_t)dps_min_u64(length, other->length);
	const uint32_t *part = parts[below(sizeof(parts) / sizeof(parts[0]))];

	memcpy(bytes + part[0], other->bytes + part[0],
	       (part[1] != 0 ? part[1] : shorter) - part[0]);
}

static void attack(struct pair *pair, unsigned int from, const uint8_t *seen, uint32_t length)
{
	enum attack what = (enum attack)below(ATTACKS_COUNT);
	unsigned int to = 1 - from;
	uint8_t bytes[WAY_BYTES];
	const struct seen *old;

	memcpy(bytes, seen, length);
	switch (what) {
	case FLIP:
		flip(bytes, length);
		break;
	case CUT:
		length = cut(bytes, length);
		break;
	case FORGE:
		pretend(bytes, below(2) ? DPS_PACKET_STREAM : bytes[0] & 15);
		fill(bytes + DPS_HEADER_BYTES, length - DPS_HEADER_BYTES);
		break;
	case REPLAY:
		old = any_seen();
		length = old->length;
		to = 1 - old->from;
		memcpy(bytes, old->bytes, length);
		break;
	case SPLICE:
		splice(bytes, length);
		break;
	case REFLECT: /* under the name that its sender listens to */
		to = from;
		memcpy(bytes + 8, &(uint64_t){ __builtin_bswap64(pair->sides[to].connection_id) },
		       8);
		break;
	case ACKNOWLEDGE:
		pretend(bytes, below(2) ? DPS_PACKET_STREAM_ACK : DPS_PACKET_ACK);
		break;
	case CLOSE:
		pretend(bytes, DPS_PACKET_CLOSE);
		break;
	default: /* what this one says, about another stream or another place of it */
		pretend(bytes, DPS_PACKET_STREAM);
		break;
	}
	attacker.sent[what]++;
	pair_send(pair, to, bytes, length);
}

static void keep(unsigned int from, const uint8_t *bytes, uint32_t length)
{
	struct seen *seen =
		&attacker.seen[attacker.seen_count < KEPT ? attacker.seen_count : below(KEPT)];

	attacker.seen_count += attacker.seen_count < KEPT;
	free(seen->bytes);
	seen->bytes = malloc(length);
	assert_non_null(seen->bytes);
	memcpy(seen->bytes, bytes, length);
	seen->length = length;
	seen->from = from;
}

static void on_way(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	keep(from, bytes, length);
	for (unsigned int i = 0; i < FOR_EACH; i++)
		attack(pair, from, bytes, length);
}

static void go_away(void)
{
	for (unsigned int i = 0; i < attacker.seen_count; i++)
		free(attacker.seen[i].bytes);
	memset(attacker.seen, 0, sizeof(attacker.seen));
	attacker.seen_count = 0;
}

/* ---- keys ---- */

/* What TLS would export for a direction; as if all connections were one, which is harder. */
static void make_secret(uint64_t connection_id, uint8_t secret[DPS_KEY_SECRET_BYTES])
{
	dps_key_hkdf_expand((const uint8_t *)"a secret of 32 bytes, as it were", 32,
			    (const uint8_t *)&connection_id, sizeof(connection_id), secret,
			    DPS_KEY_SECRET_BYTES);
}

static struct dps_seal *make_seal(uint64_t sent_id, uint64_t received_id)
{
	uint8_t send_secret[DPS_KEY_SECRET_BYTES], receive_secret[DPS_KEY_SECRET_BYTES];
	struct dps_sealed *sealed;

	make_secret(sent_id, send_secret);
	make_secret(received_id, receive_secret);
	sealed = dps_sealed_create(&(struct dps_sealed_config){
		.aead = &noting,
		.send_secret = send_secret,
		.receive_secret = receive_secret,
	});
	assert_non_null(sealed);
	return dps_sealed_seal(sealed);
}

/* ---- the stories ---- */

static void begin_story(uint64_t seed, bool is_attacked)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	options.jitter_ns = 50 * DPS_NS_PER_US;
	options.make_seal = make_seal;
	dps_random_init(&attacker.random, ~seed);
	memset(attacker.sent, 0, sizeof(attacker.sent));
	open_story(&options);
	if (is_attacked)
		story.link.net.on_way = on_way;
}

static void check_harmless(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_engine_counters counters = pair_counters(&story.link.net, i);
		struct dps_streams_counters streams;

		dps_streams_read_counters(side_of(i)->streams, &streams);
		assert_true(counters.dropped_seal > 1000);
		assert_true(counters.duplicate_packets > 100);
		assert_true(streams.dropped_seal > 100);
		assert_int_equal(counters.anomalies + streams.anomalies, 0);
	}
	for (unsigned int i = 0; i < ATTACKS_COUNT; i++)
		assert_true(attacker.sent[i] > 100);
	noting_assert_no_nonce_twice();
}

/* How long it takes until all has come. */
static uint64_t time_all_ns(bool is_attacked)
{
	uint64_t began_ns, took_ns;

	begin_story(21, is_attacked);
	began_ns = story.link.net.now_ns;
	while (!do_all())
		pair_check(&story.link.net, story.link.net.now_ns < began_ns + 60 * DPS_NS_PER_S);
	took_ns = story.link.net.now_ns - began_ns;
	if (is_attacked)
		check_harmless();
	finish();
	go_away();
	return took_ns;
}

static void attack__on_sealed_streams_costs_little_and_changes_nothing(void **state)
{
	uint64_t quiet_ns = time_all_ns(false);

	noting_begin(state);
	assert_in_range(time_all_ns(true), 1, quiet_ns * 10 / 8);
}

/* With all that was said before: a connection's packets are nothing to the next one's paths. */
static void attack__over_connections_changes_nothing(void **state)
{
	(void)state;
	begin_story(22, true);
	break_connections(6);
	while (!do_all())
		;
	check_harmless();
	finish();
	go_away();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			attack__on_sealed_streams_costs_little_and_changes_nothing, noting_begin,
			noting_end),
		cmocka_unit_test_setup_teardown(attack__over_connections_changes_nothing,
						noting_begin, noting_end),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("stream_attacker_stories", tests, NULL, NULL);
}
