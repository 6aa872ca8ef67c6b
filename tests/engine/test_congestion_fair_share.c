/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths that share one drop-tail queue, packet by packet in virtual time, each made of the parts a
 * path is made of: sent, rtt, loss, pacer and the fair controller.
 */
#include "engine/bits.h"
#include "engine/congestion.h"
#include "engine/loss.h"
#include "engine/pacer.h"
#include "engine/rtt.h"
#include "engine/sent.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	FLOWS_MAX = 2,
	NETWORK_PACKETS = 1 << 16, /* on the way at one time, at most */
	ACK_PACKETS = 8,
};

struct flow {
	struct dps_congestion congestion;
	struct dps_pacer pacer;
	struct dps_loss loss;
	struct dps_sent sent;
	struct dps_rtt rtt;
	void *memory;
	uint64_t started_at_ns;
	uint64_t network_packets;
	uint64_t arrived[ACK_PACKETS]; /* not yet acknowledged */
	uint32_t arrived_count;
	uint64_t delivered_bytes; /* in the time that is measured */
	uint64_t lost_packets;
};

struct link {
	uint64_t rate_bytes_per_s;
	uint64_t round_trip_ns;
	uint64_t queue_bytes;
	uint32_t packet_bytes;
};

/* Whatever passed the queue, in the order in which its acknowledgement reaches the sender. */
struct arrival {
	uint64_t at_ns;
	uint64_t number;
	uint32_t flow;
};

struct network {
	struct link link;
	struct arrival arrivals[NETWORK_PACKETS];
	uint64_t head, tail;
	uint64_t free_at_ns; /* when the last packet of the queue has left */
	uint64_t now_ns;
	struct flow flows[FLOWS_MAX];
	uint32_t flows_count;
};

static uint64_t transmission_ns(const struct link *link, uint64_t bytes)
{
	return bytes * DPS_NS_PER_S / link->rate_bytes_per_s;
}

static struct network *create(const struct link *link, uint32_t flows_count,
			      const uint64_t *started_at_ns)
{
	struct network *network = calloc(1, sizeof(*network));
	struct dps_congestion_config config = {
		.mode = DPS_CONGESTION_FAIR,
		.rate_bytes_per_s = UINT64_MAX,
		.packet_bytes = link->packet_bytes,
	};

	assert_non_null(network);
	network->link = *link;
	network->flows_count = flows_count;
	for (uint32_t i = 0; i < flows_count; i++) {
		struct flow *flow = &network->flows[i];

		flow->started_at_ns = started_at_ns[i];
		flow->memory = malloc(dps_sent_bytes(NETWORK_PACKETS));
		assert_non_null(flow->memory);
		dps_sent_init(&flow->sent, flow->memory, NETWORK_PACKETS, 0);
		dps_loss_init(&flow->loss);
		dps_rtt_init(&flow->rtt, link->round_trip_ns);
		dps_pacer_init(&flow->pacer, flow->started_at_ns);
		dps_congestion_init(&flow->congestion, &config, flow->started_at_ns);
	}
	return network;
}

static void destroy(struct network *network)
{
	for (uint32_t i = 0; i < network->flows_count; i++)
		free(network->flows[i].memory);
	free(network);
}

static void send_packet(struct network *network, uint32_t index)
{
	struct flow *flow = &network->flows[index];
	uint64_t now_ns = network->now_ns;
	struct dps_sent_packet packet = {
		.sent_at_ns = now_ns,
		.wire_bytes = network->link.packet_bytes,
	};
	uint64_t number;

	assert_true(dps_sent_has_room(&flow->sent));
	number = dps_sent_push(&flow->sent, &packet);
	dps_loss_on_sent(&flow->loss, now_ns);
	network->free_at_ns = dps_max_u64(network->free_at_ns, now_ns);
	if (network->free_at_ns - now_ns >
	    transmission_ns(&network->link, network->link.queue_bytes))
		return; /* the queue is full */
	network->free_at_ns += transmission_ns(&network->link, packet.wire_bytes);
	assert_true(network->tail - network->head < NETWORK_PACKETS);
	network->arrivals[network->tail++ % NETWORK_PACKETS] = (struct arrival){
		.at_ns = network->free_at_ns + network->link.round_trip_ns,
		.number = number,
		.flow = index,
	};
	flow->network_packets++;
}

static void find_losses(struct flow *flow, uint64_t now_ns)
{
	uint64_t number = flow->sent.floor_number, newest_at_ns = 0, lost_bytes = 0;

	for (;;) {
		number = dps_loss_next(&flow->loss, &flow->sent, &flow->rtt, number, now_ns);
		if (number == UINT64_MAX)
			break;
		newest_at_ns = dps_sent_at(&flow->sent, number).sent_at_ns;
		lost_bytes += dps_sent_at(&flow->sent, number).wire_bytes;
		dps_sent_mark_lost(&flow->sent, number);
		flow->lost_packets++;
	}
	if (lost_bytes != 0)
		flow->congestion.ops->on_lost(&flow->congestion, lost_bytes, newest_at_ns,
					      flow->sent.bytes_in_flight, now_ns);
	dps_sent_forget_lost_before(&flow->sent, now_ns - dps_min_u64(now_ns, 100 * DPS_NS_PER_MS));
}

static void on_ack(struct flow *flow, uint64_t now_ns)
{
	struct dps_congestion_ack ack = {
		.in_flight_bytes = flow->sent.bytes_in_flight,
		.next_number = flow->sent.next_number,
		.now_ns = now_ns,
	};

	for (uint32_t i = 0; i < flow->arrived_count; i++) {
		struct dps_sent_packet packet;

		if (!dps_sent_is_live(&flow->sent, flow->arrived[i]))
			continue;
		packet = dps_sent_at(&flow->sent, flow->arrived[i]);
		ack.acked_bytes += packet.wire_bytes;
		ack.largest_number = flow->arrived[i];
		ack.largest_sent_at_ns = packet.sent_at_ns;
		dps_sent_remove(&flow->sent, flow->arrived[i]);
	}
	flow->arrived_count = 0;
	if (ack.acked_bytes == 0)
		return;
	dps_loss_on_acked(&flow->loss, ack.largest_number, true);
	dps_rtt_on_sample(&flow->rtt, now_ns - ack.largest_sent_at_ns, 0, now_ns);
	ack.latest_rtt_ns = flow->rtt.latest_ns;
	ack.smoothed_rtt_ns = flow->rtt.smoothed_ns;
	ack.min_rtt_ns = flow->rtt.min_ns;
	flow->congestion.ops->on_acked(&flow->congestion, &ack);
	find_losses(flow, now_ns);
	dps_pacer_set_rate(&flow->pacer,
			   flow->congestion.ops->pacing_rate_bytes_per_s(&flow->congestion,
									 flow->rtt.smoothed_ns),
			   flow->congestion.config.packet_bytes, now_ns);
}

static void on_arrival(struct network *network, bool is_measured)
{
	const struct arrival *arrival = &network->arrivals[network->head++ % NETWORK_PACKETS];
	struct flow *flow = &network->flows[arrival->flow];

	flow->network_packets--;
	flow->arrived[flow->arrived_count++] = arrival->number;
	flow->delivered_bytes += is_measured ? network->link.packet_bytes : 0;
	if (flow->arrived_count == ACK_PACKETS || flow->network_packets == 0)
		on_ack(flow, network->now_ns);
}

static uint64_t deadline_ns(const struct flow *flow)
{
	return dps_loss_deadline_ns(
		&flow->loss, &flow->sent,
		dps_rtt_probe_timeout_ns(&flow->rtt, DPS_NS_PER_MS, DPS_NS_PER_MS), DPS_NS_PER_S);
}

static uint64_t next_send_at_ns(const struct network *network, const struct flow *flow)
{
	uint32_t packet_bytes = network->link.packet_bytes;

	if (network->now_ns < flow->started_at_ns)
		return flow->started_at_ns;
	if (flow->sent.bytes_in_flight + packet_bytes > flow->congestion.window_bytes)
		return DPS_NEVER_NS;
	return dps_max_u64(network->now_ns, dps_pacer_ready_at_ns(&flow->pacer, packet_bytes));
}

static void on_deadline(struct network *network, uint32_t index)
{
	struct flow *flow = &network->flows[index];

	if (flow->loss.loss_time_ns <= network->now_ns) {
		find_losses(flow, network->now_ns);
	} else {
		flow->loss.probes_count++;
		send_packet(network, index);
	}
}

/* What comes next: an arrival, or a flow that may send or has waited long enough. */
static void step(struct network *network, bool is_measured, uint64_t until_ns)
{
	uint64_t at_ns = until_ns;
	uint32_t sender = UINT32_MAX, waiter = UINT32_MAX;

	if (network->head != network->tail)
		at_ns = dps_min_u64(at_ns,
				    network->arrivals[network->head % NETWORK_PACKETS].at_ns);
	for (uint32_t i = 0; i < network->flows_count; i++) {
		uint64_t send_at_ns = next_send_at_ns(network, &network->flows[i]);
		uint64_t wait_at_ns = deadline_ns(&network->flows[i]);

		if (send_at_ns < at_ns) {
			at_ns = send_at_ns;
			sender = i;
			waiter = UINT32_MAX;
		}
		if (wait_at_ns < at_ns) {
			at_ns = dps_max_u64(wait_at_ns, network->now_ns);
			waiter = i;
		}
	}
	network->now_ns = at_ns;
	if (at_ns >= until_ns)
		return;
	if (waiter != UINT32_MAX)
		on_deadline(network, waiter);
	else if (sender == UINT32_MAX)
		on_arrival(network, is_measured);
	else if (dps_pacer_take(&network->flows[sender].pacer, network->link.packet_bytes, at_ns))
		send_packet(network, sender);
}

static void run(struct network *network, uint64_t until_s, bool is_measured)
{
	uint64_t until_ns = until_s * DPS_NS_PER_S;

	while (network->now_ns < until_ns)
		step(network, is_measured, until_ns);
}

static void share(uint64_t gbit_per_s, uint64_t round_trip_us, uint32_t packet_bytes)
{
	struct link link = {
		.rate_bytes_per_s = gbit_per_s * 125000000,
		.round_trip_ns = round_trip_us * DPS_NS_PER_US,
		.queue_bytes = gbit_per_s * 125 * round_trip_us,
		.packet_bytes = packet_bytes,
	};
	struct network *network = create(&link, 2, (uint64_t[]){ 0, 5 * DPS_NS_PER_S });
	uint64_t a, b, could;

	run(network, 60, false);
	run(network, 120, true);
	a = network->flows[0].delivered_bytes;
	b = network->flows[1].delivered_bytes;
	could = 60 * link.rate_bytes_per_s;
	print_message("%" PRIu64 " Gb/s, %" PRIu64 " us: %.1f %% of the link, shares %.3f %.3f\n",
		      gbit_per_s, round_trip_us, 100.0 * (double)(a + b) / (double)could,
		      (double)a / (double)(a + b), (double)b / (double)(a + b));
	assert_true(a + b >= could / 10 * 9);
	assert_in_range(a, (a + b) / 10 * 4, (a + b) / 10 * 6);
	destroy(network);
}

static void two_paths__share_10_gbit_at_10_ms(void **state)
{
	(void)state;
	share(10, 10000, 8192 + DPS_ENVELOPE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_paths__share_10_gbit_at_10_ms),
	};

	return cmocka_run_group_tests_name("congestion_fair_share", tests, NULL, NULL);
}
