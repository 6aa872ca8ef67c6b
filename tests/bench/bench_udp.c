/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the port over kernel sockets carries: one thread sends over loopback, another receives, for
 * a second or the seconds given. What did not arrive was dropped for want of a buffer: nobody paces
 * here.
 */
#include "drivers/clock.h"
#include "drivers/udp/udp.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool is_over;

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)context, (void)token, (void)count;
}

static void *receive(void *context)
{
	struct dps_port *port = context;
	struct dps_incoming incoming[DPS_PORT_BURST];

	while (!atomic_load(&is_over)) {
		unsigned int count = port->ops->receive(port, incoming, DPS_PORT_BURST);

		port->ops->release(port, incoming, count);
	}
	return NULL;
}

static struct dps_port *open_port(uint32_t mtu, bool is_without_offload)
{
	struct dps_udp_options options = { .mtu = mtu, .is_without_offload = is_without_offload };
	struct dps_port *port;

	options.bind.family = DPS_ADDRESS_IPV4;
	memcpy(options.bind.ip, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	if (dps_udp_open(&options, &port) != 0) {
		fprintf(stderr, "bench_udp: no port on 127.0.0.1\n");
		exit(1);
	}
	port->on_released = on_released;
	return port;
}

static void measure(uint32_t mtu, bool is_without_offload, uint64_t span_ns)
{
	struct dps_port *from = open_port(mtu, is_without_offload);
	struct dps_port *to = open_port(mtu, is_without_offload);
	int remote = from->ops->add_remote(from, &to->local);
	static uint8_t memory[256 << 10];
	uint8_t head[DPS_ENVELOPE_BYTES] = { 0 };
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	uint32_t body_bytes = mtu - 28 - (uint32_t)sizeof(head);
	struct dps_clock clock;
	uint64_t start_ns, span;
	pthread_t thread;

	for (unsigned int i = 0; i < DPS_PORT_BURST; i++)
		outgoing[i] = (struct dps_outgoing){
			.head = head,
			.head_bytes = sizeof(head),
			.body = memory + i % (sizeof(memory) / 8192 - 1) * 8192,
			.body_bytes = body_bytes,
			.remote = (uint32_t)remote,
		};
	dps_clock_init_real(&clock);
	atomic_store(&is_over, false);
	if (remote < 0 || pthread_create(&thread, NULL, receive, to) != 0)
		exit(1);
	start_ns = dps_clock_now_ns(&clock);
	while (dps_clock_now_ns(&clock) - start_ns < span_ns)
		from->ops->send(from, outgoing, DPS_PORT_BURST);
	span = dps_clock_now_ns(&clock) - start_ns;
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	printf("%6u %-8s %12.1f %12.1f %12.0f\n", mtu, is_without_offload ? "no" : "yes",
	       (double)from->counters.sent_bytes * 8 / (double)span,
	       (double)to->counters.received_bytes * 8 / (double)span,
	       (double)to->counters.received_datagrams * 1e9 / (double)span);
	from->ops->close(from);
	to->ops->close(to);
}

int main(int argc, char **argv)
{
	uint64_t span_ns = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * DPS_NS_PER_S;

	printf("%6s %-8s %12s %12s %12s\n", "MTU", "offload", "sent Gb/s", "got Gb/s", "got pkt/s");
	for (unsigned int i = 0; i < 4; i++)
		measure(i < 2 ? 1500 : 9000, i % 2 == 0, span_ns);
	return 0;
}
