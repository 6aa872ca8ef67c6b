/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three processes over loopback: a sender, a relay and a receiver. They take turns at two things:
 * our streams with the relay of docs/examples, and a raw relay over the same kind of port, with
 * datagrams of the same size, the same passes over each byte (CRC32C made and checked on every leg,
 * one copy out of the port's buffers), no protocol, and a window that is counters in shared memory.
 *
 *     bench_relay ROUNDS
 */
#include "drivers/clock.h"
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/seal/seal.h"
#include "drivers/udp/udp.h"
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *relay_port(void)
{
	return "udp:127.0.0.1";
}

static void init_clear(struct dps_endpoint_config *config)
{
	dps_endpoint_config_init(config);
	config->port = relay_port();
	config->is_clear = true;
	config->peers = 1;
}

#define dps_endpoint_config_init init_clear
#define main relay_main
#include "docs/examples/relay.c"
#undef main

enum {
	SETTLE_US = 20000,
	COUNT_US = 40000,
	MTU = 9000,
	PAYLOAD_BYTES = 8192,
	SLOTS = 256,  /* of a raw process: what is under way stays in the cache */
	WINDOW = 256, /* of 128 to 512 the best */
	SENDER = 0,
	RELAY,
	RECEIVER,
	ROLES,
};

enum mode { OURS, RAW, END };
enum stage { STOPPED, SETTLES, COUNTS };

struct side {
	_Alignas(64) atomic_uint done;
	atomic_bool is_ready;
	uint16_t control;
	struct dps_address raw;		 /* of the port that takes in */
	_Alignas(64) atomic_ulong taken; /* datagrams, in this take: what the one before may send */
	uint64_t bytes, ns, busy_ns;
	uint64_t switches;	 /* it waited, or had to give way */
	uint64_t datagram_bytes; /* of ours that the relay sent, the mean */
};

/* What a process took of its processor, over all takes. */
struct cost {
	uint64_t bytes, busy_ns, switches;
};

struct shared {
	atomic_uint take;
	atomic_int stage;
	enum mode mode;
	char state[64];
	struct side sides[ROLES];
};

static struct shared *shared;
static struct dps_clock wall;
static uint64_t paused_at_ns, lost_ns;
static struct dps_endpoint *ours; /* of the sender, the receiver */
static struct dps_handle our_peer, our_stream;
static bool has_stream;
static uint64_t our_bytes;
static struct dps_port *raw_in, *raw_out;
static int raw_remote;
static uint8_t (*slots)[PAYLOAD_BYTES];
static uint8_t heads[SLOTS][DPS_ENVELOPE_BYTES];
static uint64_t raw_bytes;

static void die(const char *why)
{
	fprintf(stderr, "bench_relay: %s\n", why);
	exit(1);
}

static bool is_running(void)
{
	return atomic_load_explicit(&shared->stage, memory_order_relaxed) != STOPPED;
}

/* ---- ours ---- */

/* Stands still meanwhile, so that a pause looks like nothing to it: no timeout, no round trip. */
static uint64_t our_now_ns(struct dps_clock *clock)
{
	(void)clock;
	return dps_clock_now_ns(&wall) - lost_ns;
}

static void on_our_stream(void *context, struct dps_handle peer,
			  const struct dps_stream_event *event)
{
	struct dps_streams *streams = dps_endpoint_streams(ours, peer);
	struct dps_bytes runs[16];
	int count;

	(void)context;
	if (event->type != DPS_STREAM_EVENT_READABLE)
		return;
	while ((count = dps_stream_read(streams, event->handle, runs, 16)) > 0)
		for (int i = 0; i < count; i++) {
			our_bytes += runs[i].bytes;
			dps_stream_release(streams, event->handle, runs[i].bytes);
		}
}

static void open_end(const char *listen, const char *to)
{
	struct dps_endpoint_config config;
	char why[DPS_ENDPOINT_WHY_BYTES];

	dps_endpoint_config_init(&config);
	config.state = shared->state;
	config.listen = listen;
	config.ops.on_stream = on_our_stream;
	if (dps_endpoint_open(&ours, &config, why) < 0 ||
	    (to && dps_endpoint_dial(ours, to, NULL, &our_peer, why) < 0))
		die(why);
	ours->clock.now_ns = our_now_ns;
}

/* Memory that never changes, lent as long as it takes. */
static void send_ours(void)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_streams *streams = dps_endpoint_streams(ours, our_peer);
	struct dps_bytes piece = { slots[0], (size_t)SLOTS / 4 * PAYLOAD_BYTES };

	if (!has_stream)
		has_stream = dps_stream_open(streams, &options, &our_stream) == 0;
	while (dps_stream_send(streams, our_stream, &piece, 1, DPS_SEND_BORROW, 0) == 0)
		;
}

static void turn_ours(int role)
{
	if (role != RELAY) {
		if (role == SENDER)
			send_ours();
		dps_endpoint_poll(ours, DPS_NS_PER_MS);
		return;
	}
	if (dps_endpoint_poll(near, 0) + dps_endpoint_poll(far, 0) == 0) {
		struct pollfd both[] = { { .fd = dps_endpoint_fd(near), .events = POLLIN },
					 { .fd = dps_endpoint_fd(far), .events = POLLIN } };

		poll(both, 2, 1);
	}
}

/* ---- raw ---- */

static void on_released(void *context, uint32_t token, uint32_t count)
{
	(void)context, (void)token, (void)count;
}

static struct dps_port *open_raw(void)
{
	struct dps_udp_options options = {
		.name = "raw",
		.mtu = MTU,
		.bind = { .family = DPS_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } },
	};
	struct dps_port *port;

	if (dps_udp_open(&options, &port) != 0)
		die("no port on 127.0.0.1");
	port->on_released = on_released;
	return port;
}

/* Sends what lies in count slots from first on. */
static void send_raw(uint64_t first, unsigned int count, unsigned int take)
{
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	unsigned int sent = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t slot = (first + i) % SLOTS;

		memcpy(heads[slot], &take, sizeof(take));
		dps_seal_clear_make(heads[slot], DPS_ENVELOPE_BYTES, slots[slot], PAYLOAD_BYTES);
		outgoing[i] = (struct dps_outgoing){
			.head = heads[slot],
			.head_bytes = DPS_ENVELOPE_BYTES,
			.body = slots[slot],
			.body_bytes = PAYLOAD_BYTES,
			.remote = (uint32_t)raw_remote,
		};
	}
	while (sent < count && is_running()) {
		sent += raw_out->ops->send(raw_out, outgoing + sent, count - sent);
		if (sent < count)
			raw_out->ops->wait(raw_out, DPS_NS_PER_MS);
	}
}

/* How many may be sent beyond so many. */
static unsigned int room_after(int role, uint64_t sent)
{
	uint64_t taken = atomic_load_explicit(&shared->sides[role + 1].taken, memory_order_acquire);
	uint64_t left = sent - taken < WINDOW ? WINDOW - (sent - taken) : 0;

	return left < DPS_PORT_BURST ? (unsigned int)left : DPS_PORT_BURST;
}

/* Puts what came into slots from first on; returns how many of this take there were. */
static unsigned int receive_raw(uint64_t first, unsigned int room, unsigned int take)
{
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count = raw_in->ops->receive(raw_in, incoming, room), good = 0;

	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *bytes = incoming[i].bytes;
		unsigned int of;

		memcpy(&of, bytes, sizeof(of));
		if (of != take || incoming[i].length != DPS_ENVELOPE_BYTES + PAYLOAD_BYTES)
			continue;
		if (!dps_seal_clear_open(bytes, bytes + DPS_HEADER_BYTES,
					 slots[(first + good) % SLOTS], bytes + DPS_ENVELOPE_BYTES,
					 PAYLOAD_BYTES))
			die("a datagram is damaged");
		good++;
	}
	raw_in->ops->release(raw_in, incoming, count);
	return good;
}

static void turn_raw(int role, uint64_t *passed, unsigned int take)
{
	unsigned int room = role == RECEIVER ? DPS_PORT_BURST : room_after(role, *passed), count;

	if (room == 0) {
		sched_yield();
		return;
	}
	count = role == SENDER ? room : receive_raw(*passed, room, take);
	if (count == 0) {
		raw_in->ops->wait(raw_in, DPS_NS_PER_MS);
		return;
	}
	if (role != RECEIVER)
		send_raw(*passed, count, take);
	*passed += count;
	raw_bytes += (uint64_t)count * PAYLOAD_BYTES;
	atomic_store_explicit(&shared->sides[role].taken, *passed, memory_order_release);
}

/* ---- a process ---- */

static void set_up(int role)
{
	struct side *side = &shared->sides[role];
	char to[32], why[DPS_ENDPOINT_WHY_BYTES], listen[] = "127.0.0.1:0";

	slots = aligned_alloc(4096, (size_t)SLOTS * PAYLOAD_BYTES);
	memset(slots, 0x5a, (size_t)SLOTS * PAYLOAD_BYTES);
	setenv("STATE", shared->state, 1);
	if (role != RECEIVER)
		snprintf(to, sizeof(to), "127.0.0.1:%u", shared->sides[role + 1].control);
	if (role == RELAY) {
		if (open_both(listen, to, why) < 0)
			die(why);
		side->control = dps_endpoint_listen_port(near);
		near->clock.now_ns = far->clock.now_ns = our_now_ns;
	} else {
		open_end(role == RECEIVER ? listen : NULL, role == RECEIVER ? NULL : to);
		side->control = dps_endpoint_listen_port(ours);
	}
	raw_in = open_raw();
	raw_out = open_raw();
	side->raw = raw_in->local;
	raw_remote = role == RECEIVER
			     ? 0
			     : raw_out->ops->add_remote(raw_out, &shared->sides[role + 1].raw);
	if (raw_remote < 0)
		die("no way to the next");
	atomic_store(&side->is_ready, true);
}

static uint64_t bytes_now(void)
{
	return shared->mode == OURS ? our_bytes : raw_bytes;
}

static void stamp(struct side *side, bool is_end)
{
	uint64_t sign = is_end ? 1 : UINT64_MAX;
	struct timespec busy;
	struct rusage usage;

	if (!is_end)
		side->ns = side->bytes = side->busy_ns = side->switches = 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &busy);
	getrusage(RUSAGE_SELF, &usage);
	side->ns += sign * dps_clock_now_ns(&wall);
	side->bytes += sign * bytes_now();
	side->busy_ns += sign * ((uint64_t)busy.tv_sec * DPS_NS_PER_S + (uint64_t)busy.tv_nsec);
	side->switches += sign * (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw);
}

static void run_take(int role, unsigned int take)
{
	struct side *side = &shared->sides[role];
	uint64_t passed = 0;
	bool counts = false;

	if (shared->mode == OURS)
		lost_ns += dps_clock_now_ns(&wall) - paused_at_ns;
	while (is_running()) {
		if (!counts && atomic_load(&shared->stage) == COUNTS) {
			counts = true;
			stamp(side, false);
		}
		if (shared->mode == OURS)
			turn_ours(role);
		else
			turn_raw(role, &passed, take);
	}
	if (shared->mode == OURS)
		paused_at_ns = dps_clock_now_ns(&wall);
	if (role == RELAY && far->port->counters.sent_datagrams > 0)
		side->datagram_bytes =
			far->port->counters.sent_bytes / far->port->counters.sent_datagrams;
	if (!counts)
		stamp(side, false);
	stamp(side, true);
}

static void run_role(int role)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dps_clock_init_real(&wall);
	set_up(role);
	paused_at_ns = dps_clock_now_ns(&wall);
	for (unsigned int take = 1;; take++) {
		while (atomic_load(&shared->take) < take)
			usleep(100);
		if (shared->mode == END)
			_exit(0);
		run_take(role, take);
		atomic_store(&shared->sides[role].done, take);
	}
}

/* ---- who conducts ---- */

static void await(const atomic_uint *value, unsigned int wanted)
{
	while (atomic_load(value) < wanted) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			die("a process has ended");
		usleep(200);
	}
}

static struct cost costs[END][ROLES];

static void add_costs(enum mode mode)
{
	for (int role = 0; role < ROLES; role++) {
		const struct side *side = &shared->sides[role];
		struct cost *cost = &costs[mode][role];

		cost->bytes += shared->sides[RECEIVER].bytes;
		cost->busy_ns += side->busy_ns;
		cost->switches += side->switches;
	}
}

static double per_payload(uint64_t of, const struct cost *cost)
{
	return cost->bytes ? (double)of * PAYLOAD_BYTES / (double)cost->bytes : 0;
}

static void print_costs(void)
{
	static const char *const names[ROLES] = { "sender", "relay", "receiver" };

	for (int role = 0; role < ROLES; role++) {
		const struct cost *ours_of = &costs[OURS][role], *raw_of = &costs[RAW][role];

		printf("cost %-8s %6.0f %6.0f ns %.2f %.2f switches a payload, ours and raw\n",
		       names[role], per_payload(ours_of->busy_ns, ours_of),
		       per_payload(raw_of->busy_ns, raw_of),
		       per_payload(ours_of->switches, ours_of),
		       per_payload(raw_of->switches, raw_of));
	}
}

/* What arrived at the receiver, in Gb/s. */
static double take_turn(enum mode mode)
{
	static unsigned int take;
	const struct side *last = &shared->sides[RECEIVER];

	shared->mode = mode;
	for (int role = 0; role < ROLES; role++)
		atomic_store(&shared->sides[role].taken, 0);
	atomic_store(&shared->stage, SETTLES);
	atomic_store(&shared->take, ++take);
	if (mode == END)
		return 0;
	usleep(SETTLE_US);
	atomic_store(&shared->stage, COUNTS);
	usleep(COUNT_US);
	atomic_store(&shared->stage, STOPPED);
	for (int role = 0; role < ROLES; role++)
		await(&shared->sides[role].done, take);
	add_costs(mode);
	return last->ns ? (double)last->bytes * 8 / (double)last->ns : 0;
}

static void start(int role)
{
	if (fork() == 0)
		run_role(role);
	while (!atomic_load(&shared->sides[role].is_ready)) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			die("a process has ended");
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 50;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		die("no memory");
	snprintf(shared->state, sizeof(shared->state), "/tmp/dps-bench-XXXXXX");
	if (!mkdtemp(shared->state))
		die("no folder");
	for (int role = RECEIVER; role >= 0; role--)
		start(role);
	for (int i = 0; i < 10; i++)
		take_turn(OURS); /* connects, and finds its pace */
	memset(costs, 0, sizeof(costs));
	for (int i = 0; i < rounds; i++) {
		double mine, theirs;

		if (i % 2 == 0) {
			mine = take_turn(OURS);
			theirs = take_turn(RAW);
		} else {
			theirs = take_turn(RAW);
			mine = take_turn(OURS);
		}
		printf("pair %.3f %.3f\n", mine, theirs);
	}
	printf("datagrams %llu %u\n", (unsigned long long)shared->sides[RELAY].datagram_bytes,
	       DPS_ENVELOPE_BYTES + PAYLOAD_BYTES);
	print_costs();
	take_turn(END);
	for (int role = 0; role < ROLES; role++)
		wait(NULL);
	fflush(stdout);
	execlp("rm", "rm", "-rf", shared->state, NULL);
	return 0;
}
