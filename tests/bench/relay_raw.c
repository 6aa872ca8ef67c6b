/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/relay_raw.h"
#include "drivers/seal/seal.h"
#include "drivers/udp/udp.h"
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	WINDOW = 256, /* of 128 to 512 the best */
	WAKE = 64,    /* free in the window before who waits for it is woken */
};

static bool is_running(const struct relay_raw *raw)
{
	return atomic_load_explicit(raw->stage, memory_order_relaxed) != 0;
}

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)context, (void)token, (void)count;
}

static struct dps_port *open_port(uint32_t mtu)
{
	struct dps_udp_options options = {
		.name = "raw",
		.mtu = mtu,
		.bind = { .family = DPS_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } },
	};
	struct dps_port *port;

	if (dps_udp_open(&options, &port) != 0)
		return NULL;
	port->on_released = on_released;
	return port;
}

const char *relay_raw_open(struct relay_raw *raw, struct relay_raw_door *own,
			   struct relay_raw_door *next, bool is_first, uint32_t mtu)
{
	int remote = 0;

	raw->own = is_first ? NULL : own;
	raw->next = next;
	raw->in = open_port(mtu);
	raw->out = open_port(mtu);
	if (!raw->in || !raw->out)
		return "no port on 127.0.0.1";
	own->address = raw->in->local;
	if (next)
		remote = raw->out->ops->add_remote(raw->out, &next->address);
	raw->remote = (uint32_t)remote;
	return remote < 0 ? "no way to the next" : NULL;
}

void relay_raw_reset(struct relay_raw_door *door)
{
	atomic_store(&door->taken, 0);
	atomic_store(&door->wanted, 0);
}

void relay_raw_begin(struct relay_raw *raw, uint32_t take)
{
	raw->take = take;
	raw->passed = 0;
}

/* ---- the window ---- */

/* How many may be sent. */
static unsigned int room(const struct relay_raw *raw)
{
	uint32_t taken = atomic_load_explicit(&raw->next->taken, memory_order_acquire);
	uint32_t under_way = (uint32_t)raw->passed - taken;
	uint32_t left = under_way < WINDOW ? WINDOW - under_way : 0;

	return left < DPS_PORT_BURST ? left : DPS_PORT_BURST;
}

/* Sleeps until enough of the window is free again: to yield in place of it would take time from who
 * shares the processor. */
static void await_room(const struct relay_raw *raw)
{
	static const struct timespec most = { .tv_nsec = DPS_NS_PER_MS };
	struct relay_raw_door *next = raw->next;
	unsigned int taken = atomic_load(&next->taken);

	atomic_store(&next->wanted, (uint32_t)raw->passed - WINDOW + WAKE);
	if (atomic_load(&next->taken) == taken)
		syscall(SYS_futex, &next->taken, FUTEX_WAIT, taken, &most, NULL, 0);
}

static void tell_taken(struct relay_raw *raw)
{
	struct relay_raw_door *own = raw->own;
	unsigned int wanted;

	atomic_store(&own->taken, (uint32_t)raw->passed);
	wanted = atomic_load(&own->wanted);
	if (wanted == 0 || (uint32_t)raw->passed < wanted)
		return;
	atomic_store(&own->wanted, 0);
	syscall(SYS_futex, &own->taken, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- datagrams ---- */

/* Sends what lies in the slots behind those that were passed on. */
static void send_slots(struct relay_raw *raw, unsigned int count)
{
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	unsigned int sent = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t slot = (raw->passed + i) % RELAY_RAW_SLOTS;
		uint8_t *head = raw->heads[slot];

		memcpy(head, &raw->take, sizeof(raw->take));
		dps_seal_clear_make(head, DPS_ENVELOPE_BYTES, raw->slots[slot], RELAY_RAW_BYTES);
		outgoing[i] = (struct dps_outgoing){
			.head = head,
			.head_bytes = DPS_ENVELOPE_BYTES,
			.body = raw->slots[slot],
			.body_bytes = RELAY_RAW_BYTES,
			.remote = raw->remote,
		};
	}
	while (sent < count && is_running(raw)) {
		sent += raw->out->ops->send(raw->out, outgoing + sent, count - sent);
		if (sent < count)
			raw->out->ops->wait(raw->out, DPS_NS_PER_MS);
	}
}

/* Of this take; -1: one was damaged. */
static int receive_slots(struct relay_raw *raw, unsigned int most)
{
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count = raw->in->ops->receive(raw->in, incoming, most);
	bool is_good = true;
	int good = 0;

	for (unsigned int i = 0; i < count && is_good; i++) {
		const uint8_t *bytes = incoming[i].bytes;
		uint64_t slot = (raw->passed + (unsigned int)good) % RELAY_RAW_SLOTS;
		uint32_t take;

		memcpy(&take, bytes, sizeof(take));
		if (take != raw->take || incoming[i].length != DPS_ENVELOPE_BYTES + RELAY_RAW_BYTES)
			continue;
		is_good = dps_seal_clear_open(bytes, bytes + DPS_HEADER_BYTES, raw->slots[slot],
					      bytes + DPS_ENVELOPE_BYTES, RELAY_RAW_BYTES);
		good++;
	}
	raw->in->ops->release(raw->in, incoming, count);
	return is_good ? good : -1;
}

bool relay_raw_turn(struct relay_raw *raw)
{
	unsigned int most = raw->next ? room(raw) : DPS_PORT_BURST;
	int count = (int)most;

	if (most == 0) {
		await_room(raw);
		return true;
	}
	if (raw->own)
		count = receive_slots(raw, most);
	if (count < 0)
		return false;
	if (count == 0) {
		raw->in->ops->wait(raw->in, DPS_NS_PER_MS);
		return true;
	}
	if (raw->next)
		send_slots(raw, (unsigned int)count);
	raw->passed += (unsigned int)count;
	raw->bytes += (uint64_t)count * RELAY_RAW_BYTES;
	if (raw->own)
		tell_taken(raw);
	return true;
}
