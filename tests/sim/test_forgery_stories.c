/* SPDX-License-Identifier: BSD-3-Clause */
/* Forgery stories: packets that no lane has sent, or that someone has changed on the way. */
#include "tests/sim/story.h"

enum { KEPT = 64 };

/* Keeps datagrams of data as they pass, to send others like them. */
struct forger {
	struct rig *rig;
	uint8_t bytes[KEPT][MTU];
	uint32_t lengths[KEPT];
	unsigned int count;
	unsigned int sent;
};

static bool keep_data(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	struct forger *forger = context;

	if (direction == 0 && (bytes[0] & 15) == DPS_PACKET_DATA) {
		unsigned int index = forger->count++ % KEPT;

		memcpy(forger->bytes[index], bytes, length);
		forger->lengths[index] = length;
	}
	return false;
}

/* Seals what is in a datagram, as only the sender should. */
static void seal(uint8_t *bytes, uint32_t length)
{
	dps_seal_clear_make(bytes, length, NULL, 0);
}

/*
 * Other bytes for ranges that the far side has said it has: under the number they came with, and
 * well sealed, which anyone can while there is no key; and under new numbers, which need one. Those
 * go to ranges that are half there or not at all as well.
 */
static void forge(void *context)
{
	struct forger *forger = context;
	struct rig *rig = forger->rig;
	uint64_t contiguous = rig->check.paths[0].channels[0].contiguous;

	for (unsigned int i = 0; i < KEPT && i < forger->count; i++) {
		uint32_t length = forger->lengths[i];
		uint8_t bytes[MTU];
		struct dps_header header;

		memcpy(bytes, forger->bytes[i], length);
		assert_int_equal(dps_header_decode(bytes, length, &header), 0);
		memset(bytes + DPS_ENVELOPE_BYTES, 0x66, header.payload_bytes);
		if (header.offset + header.payload_bytes <= contiguous && i % 2 == 0) {
			seal(bytes, length);
		} else {
			header.packet_number += 1000 + forger->sent;
			header.offset += i % 3 * 720;
			dps_header_encode(&header, bytes);
		}
		dps_sim_port_inject(&rig->hosts[1].port, &rig->hosts[0].port.port.local, bytes,
				    length);
		forger->sent++;
	}
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + DPS_NS_PER_MS, forge, forger);
}

static void forgery__of_ranges_received_and_not_changes_nothing(void **state)
{
	struct dps_engine_counters counters[2][2];
	struct setting setting;
	static struct forger forger;

	(void)state;
	setting_init(&setting);
	for (unsigned int forged = 0; forged < 2; forged++) {
		struct rig *rig = begin(&setting);

		add_file(rig, 10000000);
		forger = (struct forger){ .rig = rig };
		rig->link.filter = keep_data;
		rig->link.filter_context = &forger;
		if (forged)
			dps_sim_call_at(&rig->sim, rig->sim.now_ns + DPS_NS_PER_MS, forge, &forger);
		end_within(rig, 10000);
		counters_of(rig, 0, &counters[forged][0]);
		counters_of(rig, 1, &counters[forged][1]);
		assert_int_equal(rig->transfers[0].refetches, 0);
		rig_destroy(rig);
	}
	assert_true(counters[1][1].dropped_seal > 500);
	assert_true(counters[1][1].duplicate_packets > 500);
	assert_int_equal(counters[1][0].anomalies, 0);
	assert_int_equal(counters[1][0].retransmitted_packets, 0);
	assert_int_equal(counters[1][0].data_packets, counters[0][0].data_packets);
}

/* Random bytes, and packets that are right but for one field. */
static void forge_nonsense(void *context)
{
	struct forger *forger = context;
	struct rig *rig = forger->rig;
	struct dps_random *random = &rig->control.random;
	uint8_t bytes[MTU];
	uint32_t length = (uint32_t)dps_random_below(random, MTU);
	struct dps_header header;

	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)dps_random_next(random);
	if (forger->count > 0 && dps_random_chance(random, 1, 2)) {
		unsigned int index = (unsigned int)dps_random_below(
			random, forger->count < KEPT ? forger->count : KEPT);

		length = forger->lengths[index];
		memcpy(bytes, forger->bytes[index], length);
		assert_int_equal(dps_header_decode(bytes, length, &header), 0);
		switch (dps_random_below(random, 5)) {
		case 0:
			header.type = (uint8_t)(6 + dps_random_below(random, 10));
			break;
		case 1:
			header.connection_id ^= UINT64_C(1) << dps_random_below(random, 64);
			break;
		case 2:
			header.channel ^= 1U << dps_random_below(random, 32);
			break;
		case 3: /* crosses a piece, or is beyond the credit */
			header.offset = dps_random_below(random, DPS_OFFSET_MAX);
			break;
		default: /* the seal is wrong */
			bytes[length - 1] ^= 1;
			break;
		}
		if (header.channel != 1 || header.offset > 100000000 || header.type > 5) {
			dps_header_encode(&header, bytes);
			seal(bytes, length);
		}
	}
	dps_sim_port_inject(&rig->hosts[1].port, &rig->hosts[0].port.port.local, bytes, length);
	forger->sent++;
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + 50 * DPS_NS_PER_US, forge_nonsense, forger);
}

static void forgery__that_is_nonsense_changes_nothing(void **state)
{
	struct dps_engine_counters counters;
	struct setting setting;
	static struct forger forger;
	struct rig *rig;

	(void)state;
	setting_init(&setting);
	rig = begin(&setting);
	add_file(rig, 10000000);
	forger = (struct forger){ .rig = rig };
	rig->link.filter = keep_data;
	rig->link.filter_context = &forger;
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + DPS_NS_PER_MS, forge_nonsense, &forger);
	end_within(rig, 10000);
	counters_of(rig, 1, &counters);
	assert_true(forger.sent > 1000);
	assert_true(counters.dropped_short + counters.dropped_version > 100);
	assert_true(counters.dropped_seal > 10);
	assert_true(counters.dropped_connection > 10);
	assert_int_equal(rig->transfers[0].refetches, 0);
	rig_destroy(rig);
}

/* Damages what a seal without a key cannot show: bytes of data, well sealed again. */
struct liar {
	unsigned int one_in;
	unsigned int seen;
	unsigned int lies;
};

static bool lie(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	struct liar *liar = context;

	if (direction != 0 || (bytes[0] & 15) != DPS_PACKET_DATA)
		return false;
	if (++liar->seen % liar->one_in != 0)
		return false;
	bytes[length - 1] ^= 0x20;
	seal(bytes, length);
	liar->lies++;
	return false;
}

static void forgery__on_the_way_is_fetched_again(void **state)
{
	struct setting setting;

	(void)state;
	for (unsigned int one_in = 20; one_in < 2000; one_in = one_in * 3 + 1) {
		struct liar liar = { .one_in = one_in };
		struct rig *rig;

		setting_init(&setting);
		rig = begin(&setting);
		for (unsigned int i = 0; i < 20; i++)
			add_file(rig, 3000 + i * 20000);
		rig->link.filter = lie;
		rig->link.filter_context = &liar;
		rig_run(rig, rig->config.start_ns + 60 * DPS_NS_PER_MS);
		liar.one_in = UINT32_MAX;
		end_within(rig, 20000);
		assert_true(liar.lies == 0 || rig->transfers[0].refetches > 0);
		rig_destroy(rig);
	}
}

/* Pieces that come wrong again and again are given up, and nothing else is. */
static void forgery__without_end_fails_only_what_it_touches(void **state)
{
	struct setting setting;
	unsigned int skipped = 0;

	(void)state;
	for (unsigned int one_in = 2; one_in < 400; one_in = one_in * 3 / 2 + 1) {
		struct liar liar = { .one_in = one_in };
		struct rig *rig;

		setting_init(&setting);
		for (unsigned int i = 0; i < 2; i++)
			setting.hosts[i].disk.jitter_ns_max = one_in % 8 * DPS_NS_PER_MS;
		rig = begin(&setting);
		for (unsigned int i = 0; i < 20; i++)
			add_file(rig, 3000 + i * 20000);
		rig->link.filter = lie;
		rig->link.filter_context = &liar;
		end_within(rig, 60000);
		for (unsigned int i = 0; i < 20; i++)
			skipped += rig->transfers[0].files[i].is_skipped;
		rig_destroy(rig);
	}
	assert_true(skipped > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forgery__of_ranges_received_and_not_changes_nothing),
		cmocka_unit_test(forgery__that_is_nonsense_changes_nothing),
		cmocka_unit_test(forgery__on_the_way_is_fetched_again),
		cmocka_unit_test(forgery__without_end_fails_only_what_it_touches),
	};

	return cmocka_run_group_tests_name("forgery stories", tests, NULL, NULL);
}
