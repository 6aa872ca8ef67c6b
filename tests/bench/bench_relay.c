/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three processes over loopback: a sender, a relay and a receiver. They take turns at two things:
 * our streams with the relay of docs/examples, and a raw relay (relay_raw.h). Both run on the same
 * processors: where there are fewer than three, each round of turns has one of the ways to share
 * them, as whom the scheduler puts together says more than what they do.
 *
 *     bench_relay ROUNDS
 */
#include "drivers/clock.h"
#include "drivers/endpoint/endpoint_state.h"
#include "tests/bench/relay_raw.h"
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
	PAYLOAD_BYTES = RELAY_RAW_BYTES,
	SENDER = 0,
	RELAY,
	RECEIVER,
	ROLES,
	WAYS_MAX = 3,
};

enum mode { OURS, RAW, END };
enum stage { STOPPED, SETTLES, COUNTS };

struct side {
	_Alignas(64) atomic_uint done;
	atomic_bool is_ready;
	uint16_t control;
	int cpu; /* where it runs in this take */
	struct relay_raw_door raw;
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
static struct relay_raw raw;

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
	struct dps_bytes piece = { raw.slots[0], (size_t)RELAY_RAW_SLOTS / 4 * PAYLOAD_BYTES };

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

/* ---- a process ---- */

static void set_up(int role)
{
	struct side *side = &shared->sides[role];
	char to[32], why[DPS_ENDPOINT_WHY_BYTES], listen[] = "127.0.0.1:0";
	const char *wrong;

	raw.slots = aligned_alloc(4096, (size_t)RELAY_RAW_SLOTS * PAYLOAD_BYTES);
	memset(raw.slots, 0x5a, (size_t)RELAY_RAW_SLOTS * PAYLOAD_BYTES);
	raw.stage = &shared->stage;
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
	wrong = relay_raw_open(&raw, &side->raw,
			       role == RECEIVER ? NULL : &shared->sides[role + 1].raw,
			       role == SENDER, MTU);
	if (wrong)
		die(wrong);
	atomic_store(&side->is_ready, true);
}

static uint64_t bytes_now(void)
{
	return shared->mode == OURS ? our_bytes : raw.bytes;
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

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("a processor is not ours any more");
}

static void run_take(int role, unsigned int take)
{
	struct side *side = &shared->sides[role];
	bool counts = false;

	go_to(side->cpu);
	relay_raw_begin(&raw, take);
	if (shared->mode == OURS)
		lost_ns += dps_clock_now_ns(&wall) - paused_at_ns;
	while (is_running()) {
		if (!counts && atomic_load(&shared->stage) == COUNTS) {
			counts = true;
			stamp(side, false);
		}
		if (shared->mode == OURS)
			turn_ours(role);
		else if (!relay_raw_turn(&raw))
			die("a datagram is damaged");
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

/* The processors that we may use, ROLES at most, and how many ways there are to share them. */
static int cpus[ROLES], cpus_count;

static void find_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		die("no processors");
	for (int i = 0; i < CPU_SETSIZE && cpus_count < ROLES; i++)
		if (CPU_ISSET(i, &set))
			cpus[cpus_count++] = i;
}

/* Of two processors each process has one for itself in one way, the relay in the first. */
static int place_all(int round)
{
	static const int ways[WAYS_MAX][ROLES] = { { 0, 1, 0 }, { 0, 1, 1 }, { 0, 0, 1 } };
	int way = cpus_count == 2 ? round % WAYS_MAX : 0;

	for (int role = 0; role < ROLES; role++)
		shared->sides[role].cpu =
			cpus[cpus_count == 2 ? ways[way][role] : role % cpus_count];
	return way;
}

/* What arrived at the receiver, in Gb/s. */
static double take_turn(enum mode mode)
{
	static unsigned int take;
	const struct side *last = &shared->sides[RECEIVER];

	shared->mode = mode;
	for (int role = 0; role < ROLES; role++)
		relay_raw_reset(&shared->sides[role].raw);
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
	find_cpus();
	for (int role = RECEIVER; role >= 0; role--)
		start(role);
	for (int i = 0; i < 10; i++) {
		place_all(i);
		take_turn(OURS); /* connects, and finds its pace */
	}
	memset(costs, 0, sizeof(costs));
	for (int i = 0; i < rounds; i++) {
		int way = place_all(i);
		double mine, theirs;

		if (i / WAYS_MAX % 2 == 0) {
			mine = take_turn(OURS);
			theirs = take_turn(RAW);
		} else {
			theirs = take_turn(RAW);
			mine = take_turn(OURS);
		}
		printf("pair %.3f %.3f way %d\n", mine, theirs, way);
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
