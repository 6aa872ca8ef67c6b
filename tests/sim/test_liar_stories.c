/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Liar stories: sealed worlds in which a peer with keys lies, as a collector and as an exporter.
 * It gets what it gets; an honest peer of the same host gets all of its files, right and in time.
 */
#include "tests/sim/liar.h"
#include "tests/sim/story.h"

enum {
	FILE_BYTES = 60000000,
	SEEDS = 8,
	GOODPUT_PERCENT = 80,
	HOST = 0, /* that both are peers of */
	HONEST = 1,
	LIAR = 2,
};

static void add_transfer_of(struct rig *rig, unsigned int path, unsigned int sender,
			    unsigned int files, uint64_t bytes)
{
	const struct rig_transfer_config config = {
		.path = path,
		.sender = sender,
		.number = rig->transfers_count + 1,
		.window_bytes = WINDOW_BYTES / 2,
		.content_seed = SEED + rig->transfers_count * 100,
		.announced_max = 64,
	};
	unsigned int index = rig_add_transfer(rig, &config);

	for (unsigned int i = 0; i < files; i++)
		rig_add_file(rig, index, bytes / files, bytes / files, NULL);
}

/* Both peers send and receive; what the liar has to move outlasts what the honest one has. */
static struct rig *begin_with_liar(struct liar *liar, uint64_t seed, uint32_t one_in)
{
	struct rig_host_config peer;
	struct setting setting;
	struct rig *rig;

	setting_init(&setting);
	setting.config.seed = seed;
	for (unsigned int i = 0; i < 2; i++) {
		setting.config.ways[i].delay_ns = DPS_NS_PER_MS;
		setting.config.ways[i].queue_bytes = 1 << 18;
	}
	setting.hosts[HOST].limits.slots = 2 * (WINDOW_BYTES / CHUNK_BYTES + 4);
	rig = rig_create(&setting.config);
	rig->is_sealed = true;
	rig_add_host(rig, &setting.hosts[0]);
	peer = setting.hosts[1];
	rig_add_host(rig, &peer);
	rig_add_host(rig, &peer);
	rig_add_path(rig, HOST, HONEST);
	rig_add_path(rig, HOST, LIAR);
	add_transfer_of(rig, 0, 0, 3, FILE_BYTES);
	add_transfer_of(rig, 0, 1, 3, FILE_BYTES);
	add_transfer_of(rig, 1, 0, 40, 4 * (uint64_t)FILE_BYTES);
	add_transfer_of(rig, 1, 1, 40, 4 * (uint64_t)FILE_BYTES);
	liar_init(liar, rig, 1, 1, one_in);
	return rig;
}

/* Until the honest peer has all it was to get, and has sent all. */
static uint64_t end_with_liar(struct rig *rig)
{
	uint64_t over_ns = 0;

	end_within(rig, 60000);
	for (unsigned int i = 0; i < 2; i++) {
		const struct rig_transfer *transfer = &rig->transfers[i];

		assert_int_equal(transfer->refetches, 0);
		for (uint32_t j = 0; j < transfer->files_count; j++)
			assert_true(transfer->files[j].is_stored);
		if (transfer->over_ns > over_ns)
			over_ns = transfer->over_ns;
	}
	return over_ns - rig->config.start_ns;
}

static void lies__harm_no_one_else(void **state)
{
	struct dps_engine_counters counters, seen = { 0 };
	uint64_t honest_ns, took_ns, all_ns = 0, lies = 0;
	struct liar liar;
	struct rig *rig = begin_with_liar(&liar, 1, 0);

	(void)state;
	honest_ns = end_with_liar(rig);
	assert_int_equal(liar.lies_count, 0);
	rig_destroy(rig);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		rig = begin_with_liar(&liar, seed, (uint32_t)(5 * seed));
		took_ns = end_with_liar(rig);
		print_message("seed %u: %u %% of the goodput\n", (unsigned int)seed,
			      (unsigned int)(honest_ns * 100 / took_ns));
		/* They share a way, and each run has luck of its own. */
		assert_true(2 * honest_ns >= took_ns);
		all_ns += took_ns;
		counters_of(rig, HOST, &counters);
		lies += liar.lies_count;
		seen.anomalies += counters.anomalies;
		seen.dropped_credit += counters.dropped_credit;
		seen.dropped_layout += counters.dropped_layout;
		seen.dropped_channel += counters.dropped_channel;
		seen.dropped_type += counters.dropped_type;
		rig_destroy(rig);
	}
	assert_true(SEEDS * honest_ns * 100 >= all_ns * GOODPUT_PERCENT);
	assert_true(lies > 100 * SEEDS / 2 && seen.anomalies > SEEDS);
	assert_true(seen.dropped_credit > 0 && seen.dropped_layout > 0 &&
		    seen.dropped_channel > 0 && seen.dropped_type > 0);
}

/* Someone whose address a liar has told for its own, and what he is sent for it. */
struct victim {
	struct rig *rig;
	uint64_t number; /* of the liar's next packet */
	uint64_t said_bytes;
	uint64_t probes_count;
	uint64_t probe_bytes;
	uint64_t other_bytes;
	uint64_t data_packets;
};

static bool look(void *context, unsigned int direction, const struct dps_sim_packet *packet)
{
	struct victim *victim = context;
	const struct rig_path *path = &victim->rig->paths[1];
	struct dps_header header;

	assert_int_equal(dps_header_decode(packet->bytes, packet->length, &header), 0);
	if (direction != 0 || header.connection_id != path->ids[1])
		return false;
	assert_true(packet->to == &victim->rig->hosts[HONEST].port);
	victim->probes_count += header.type == DPS_PACKET_PROBE;
	victim->probe_bytes += header.type == DPS_PACKET_PROBE ? packet->length : 0;
	victim->other_bytes += header.type == DPS_PACKET_PROBE ? 0 : packet->length;
	victim->data_packets += header.type == DPS_PACKET_DATA;
	return false;
}

/* Acknowledges what must have been sent by now, gives credit without end, asks to be answered. */
static void claim(void *context)
{
	struct victim *victim = context;
	struct rig *rig = victim->rig;
	const struct rig_path *path = &rig->paths[1];
	struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_ACK,
		.connection_id = path->ids[0],
	};
	uint8_t packet[DPS_ENVELOPE_BYTES + DPS_WIRE_BODY_BYTES_MAX];
	const struct dps_probe probe = { .challenge = victim->number, .answer = victim->number };
	struct dps_ack ack = {
		.ranges_count = 1,
		.channels_count = 1,
		.channels = { { .channel = 3, .credit = DPS_OFFSET_MAX } },
	};

	for (unsigned int i = 0; i < 2 && path->is_reserved[0]; i++) {
		uint8_t *body = packet + DPS_ENVELOPE_BYTES;

		header.type = i == 0 ? DPS_PACKET_ACK : DPS_PACKET_PING;
		header.packet_number = victim->number++;
		header.floor = (uint32_t)header.packet_number;
		header.payload_bytes =
			(uint16_t)(i == 0 ? dps_ack_encode(&ack, body, DPS_WIRE_BODY_BYTES_MAX)
					  : dps_probe_encode(&probe, body,
							     DPS_WIRE_BODY_BYTES_MAX));
		dps_header_encode(&header, packet);
		rig_seal_again(rig, path, 1, packet, DPS_ENVELOPE_BYTES + header.payload_bytes);
		dps_sim_port_inject(&rig->hosts[HOST].port, &rig->hosts[LIAR].port.port.local,
				    packet, DPS_ENVELOPE_BYTES + header.payload_bytes);
		victim->said_bytes += DPS_ENVELOPE_BYTES + header.payload_bytes;
	}
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + DPS_NS_PER_MS, claim, victim);
}

static void liar__cannot_have_others_flooded(void **state)
{
	struct victim victim = { .number = 1 << 20 };
	struct liar liar;
	struct rig *rig = begin_with_liar(&liar, 1, 0);

	(void)state;
	victim.rig = rig;
	rig->paths[1].claims[1] = &rig->hosts[HONEST].port.port.local;
	rig->link.gate = look;
	rig->link.gate_context = &victim;
	dps_sim_call_at(&rig->sim, rig->sim.now_ns + 20 * DPS_NS_PER_MS, claim, &victim);
	end_with_liar(rig);
	assert_true(victim.said_bytes > 10000 && victim.probes_count > 1);
	assert_int_equal(victim.data_packets, 0);
	assert_true(victim.other_bytes <= 3 * victim.said_bytes);
	assert_true(victim.probe_bytes < 30000);
	assert_false(rig->paths[1].is_open[0]);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies__harm_no_one_else),
		cmocka_unit_test(liar__cannot_have_others_flooded),
	};

	return cmocka_run_group_tests_name("liar stories", tests, NULL, NULL);
}
