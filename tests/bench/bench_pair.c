/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pair: what our protocol costs on top of moving and checking the bytes. Two processes over memif
 * hold our lanes and a raw forwarder, the ceiling, and do one or the other; this one conducts them.
 * They take turns of some ten milliseconds, as the machine is not the same for long.
 *
 * usage: bench_pair PAYLOAD PAIRS clear|sealed     (PAYLOAD: 1408 or 8192)
 * Prints what the ceilings were best at, `best NAME SLOTS_BYTES BURST RING GBPS` (clear or sealed,
 * and copy), then a line for each round: `pair OURS SAME COPY HAD`, in Gb/s of payload, and the
 * share of a processor that the lane had which had least; and what limited ours, `limited NAME
 * SHARE`, what its lanes did with their time, `stage SIDE NAME TICKS` for each packet, the most
 * slots that they held, `slots SIDE COUNT`, and the packets of a turn that had work, `turns SIDE
 * PACKETS`. Rounds in which that was less than 0.9 measured the scheduler: as many again are made,
 * PAIRS at most.
 */
#include "tests/bench/pair_shared.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SETTLE_US = 2000,
	COUNT_US = 12000,
	WARM_TAKES = 60, /* of ours: the congestion window finds its place */
	READY_S = 60,
	DONE_S = 20,
	SWEEP_ROUNDS = 3, /* of all; then twice as many of the better half, and so on */
	SWEEP_LEFT = 1,
};

static const double fair_share = 0.9;

static const uint32_t slots_sizes[] = { 512 << 10, 2 << 20, 8 << 20, PAIR_SLOTS_BYTES_MAX };
static const uint32_t bursts[] = { 16, 32, PAIR_BURST_MAX };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
enum { TRIALS = COUNT_OF(slots_sizes) * COUNT_OF(bursts) * PAIR_RINGS };
enum { TRIAL_ROUNDS_MAX = 64 };

struct trial {
	struct pair_plan plan;
	double gbps[TRIAL_ROUNDS_MAX];
	unsigned int rounds;
	double median;
};

static struct pair_shared *shared;
static pid_t processes[2];

static void rest_us(unsigned int us)
{
	const struct timespec duration = { .tv_sec = us / 1000000,
					   .tv_nsec = us % 1000000 * 1000L };

	nanosleep(&duration, NULL);
}

static void remove_sockets(void)
{
	char path[128];

	for (unsigned int i = 0; i <= PAIR_RINGS; i++) {
		snprintf(path, sizeof(path), "%s/%u.sock", shared->folder, i);
		unlink(path);
	}
	rmdir(shared->folder);
}

static _Noreturn void give_up(const char *what)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (atomic_load(&shared->sides[i].has_failed))
			fprintf(stderr, "bench_pair: process %u: %s\n", i, shared->sides[i].why);
		if (processes[i] > 0)
			kill(processes[i], SIGKILL);
	}
	fprintf(stderr, "bench_pair: %s\n", what);
	remove_sockets();
	exit(1);
}

static void look_after(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (processes[i] > 0 && waitpid(processes[i], NULL, WNOHANG) == processes[i]) {
			processes[i] = 0;
			give_up("a process ended early");
		}
		if (atomic_load(&shared->sides[i].has_failed))
			give_up("a process failed");
	}
}

/* ---- takes ---- */

static void begin(const struct pair_plan *plan)
{
	shared->plan = *plan;
	atomic_store(&shared->stage, PAIR_SETTLES);
	/* release: pairs with the acquire in run_lane() of the processes */
	atomic_fetch_add_explicit(&shared->take, 1, memory_order_release);
}

static void enter(enum pair_stage stage)
{
	atomic_store(&shared->stage, (int)stage);
	for (unsigned int i = 0; i < 2; i++)
		atomic_store(&shared->sides[i].loop.must_stop, true);
}

static void await_both(void)
{
	unsigned int take = atomic_load(&shared->take);

	for (unsigned int us = 0; us < DONE_S * 1000000u; us += 50) {
		if (atomic_load(&shared->sides[0].done) == take &&
		    atomic_load(&shared->sides[1].done) == take)
			return;
		look_after();
		rest_us(50);
	}
	give_up("a process does not stop");
}

static double least_share = 1; /* of a processor that a lane had; until it is set again */

static void note_shares(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		double share = (double)shared->sides[i].cpu_ns / (double)shared->sides[i].ns;

		if (share < least_share)
			least_share = share;
	}
}

/* Gb/s of payload at the receiver. */
static double measure(const struct pair_plan *plan)
{
	const struct pair_side *receiver = &shared->sides[1];

	begin(plan);
	rest_us(SETTLE_US);
	enter(PAIR_COUNTS);
	rest_us(COUNT_US);
	enter(PAIR_STOPPED);
	await_both();
	note_shares();
	return (double)receiver->bytes * 8 / (double)receiver->ns;
}

/* Ours runs until its bytes flow. */
static void get_ready(void)
{
	const struct pair_plan ours = { .mode = PAIR_OURS };
	unsigned int ms = 0;

	begin(&ours);
	while (!atomic_load(&shared->sides[0].is_ready) ||
	       !atomic_load(&shared->sides[1].is_ready)) {
		look_after();
		rest_us(1000);
		if (++ms > READY_S * 1000)
			give_up("no bytes came through within a minute");
	}
	enter(PAIR_COUNTS);
	enter(PAIR_STOPPED);
	await_both();
	for (unsigned int i = 0; i < WARM_TAKES; i++)
		measure(&ours);
}

/* ---- the best ceiling ---- */

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int compare_trials(const void *a, const void *b)
{
	const struct trial *x = a, *y = b;

	return (x->median < y->median) - (x->median > y->median);
}

static void try_out(struct trial *trials, unsigned int count, unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < count; i++)
			if (trials[i].rounds < TRIAL_ROUNDS_MAX)
				trials[i].gbps[trials[i].rounds++] = measure(&trials[i].plan);
	for (unsigned int i = 0; i < count; i++) {
		qsort(trials[i].gbps, trials[i].rounds, sizeof(double), compare_numbers);
		trials[i].median = trials[i].gbps[trials[i].rounds / 2];
	}
	qsort(trials, count, sizeof(*trials), compare_trials);
}

static struct pair_plan sweep(enum pair_passes passes, const char *name)
{
	static struct trial trials[TRIALS];
	unsigned int count = 0, rounds = SWEEP_ROUNDS;
	const struct pair_plan *best = &trials[0].plan;

	memset(trials, 0, sizeof(trials));
	for (size_t s = 0; s < COUNT_OF(slots_sizes); s++)
		for (size_t b = 0; b < COUNT_OF(bursts); b++)
			for (uint32_t ring = 0; ring < PAIR_RINGS; ring++)
				trials[count++].plan = (struct pair_plan){
					.mode = PAIR_RAW,
					.passes = passes,
					.ring = ring,
					.burst = bursts[b],
					.slots_bytes = slots_sizes[s],
				};
	for (; count > SWEEP_LEFT; count /= 3, rounds *= 2)
		try_out(trials, count, rounds);
	printf("best %s %u %u %u %.2f\n", name, best->slots_bytes, best->burst, best->ring,
	       trials[0].median);
	return *best;
}

/* ---- life ---- */

static void start(unsigned int which)
{
	processes[which] = fork();
	if (processes[which] == 0) {
		/* stdout is for figures; _exit, because DPDK's threads still poll. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		_exit(pair_side_run(shared, which));
	}
	if (processes[which] < 0)
		give_up(strerror(errno));
}

static void print_limits(void)
{
	static const char *const names[DPS_LIMITS_COUNT] = {
		[DPS_LIMIT_SOURCE] = "source", [DPS_LIMIT_DISK] = "disk",
		[DPS_LIMIT_CREDIT] = "credit", [DPS_LIMIT_WINDOW] = "window",
		[DPS_LIMIT_PACING] = "pacing", [DPS_LIMIT_NIC] = "nic",
		[DPS_LIMIT_CPU] = "cpu",
	};
	const struct dps_engine_counters *counters = &shared->sides[0].snapshot.engine;
	double sum = 0;

	for (unsigned int i = 0; i < DPS_LIMITS_COUNT; i++)
		sum += (double)counters->limited_ns[i];
	for (unsigned int i = 0; i < DPS_LIMITS_COUNT && sum > 0; i++)
		printf("limited %s %.3f\n", names[i], (double)counters->limited_ns[i] / sum);
	printf("retransmitted %.6f\n",
	       (double)counters->retransmitted_packets / (double)(counters->data_packets + 1));
}

/* Ticks a packet of the stages that only have what ours did, and how many slots it took. */
static void print_stages(void)
{
	static const char *const sides[2] = { "sender", "receiver" };

	for (unsigned int i = 0; i < 2; i++) {
		const struct dps_lane_snapshot *snapshot = &shared->sides[i].snapshot;
		double packets = (double)snapshot->metered_packets + 1e-9;

		for (int stage = DPS_STAGE_RX; stage <= DPS_STAGE_DISK; stage++)
			printf("stage %s %s %.1f\n", sides[i],
			       dps_lane_stage_name((enum dps_lane_stage)stage),
			       (double)snapshot->cycles.spent[stage] / packets);
		printf("slots %s %lu\n", sides[i],
		       (unsigned long)(snapshot->slots - snapshot->free_slots_low));
		printf("turns %s %.1f\n", sides[i],
		       (double)(snapshot->engine.data_packets +
				snapshot->engine.data_packets_received) /
			       (double)(snapshot->turns - snapshot->idle_turns + 1));
	}
}

static int finish(void)
{
	const struct pair_plan end = { .mode = PAIR_END };
	int status, failures = 0;

	begin(&end);
	for (unsigned int i = 0; i < 2; i++) {
		waitpid(processes[i], &status, 0);
		failures += status != 0;
		processes[i] = 0;
		if (atomic_load(&shared->sides[i].has_failed))
			fprintf(stderr, "bench_pair: process %u: %s\n", i, shared->sides[i].why);
	}
	remove_sockets();
	print_limits();
	print_stages();
	return failures != 0;
}

static int create_shared(uint32_t payload_bytes, bool is_sealed)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return -errno;
	shared->payload_bytes = payload_bytes;
	shared->is_sealed = is_sealed;
	shared->mtu = payload_bytes > 1408 ? 9000 : 1500;
	strcpy(shared->folder, "/tmp/dps-bench-XXXXXX");
	return mkdtemp(shared->folder) != NULL ? 0 : -errno;
}

/* Both ceilings beside ours, until there are enough fair rounds. */
static void compare(const struct pair_plan *same, const struct pair_plan *copy, unsigned long pairs)
{
	const struct pair_plan ours = { .mode = PAIR_OURS };

	for (unsigned long i = 0, fair = 0; i < 2 * pairs && fair < pairs; i++) {
		double first, second, third;

		least_share = 1;
		/* Neighbours in time, and neither always first. */
		first = measure(i % 2 == 0 ? &ours : same);
		second = measure(i % 2 == 0 ? same : &ours);
		third = measure(copy);
		fair += least_share >= fair_share;
		printf("pair %.3f %.3f %.3f %.3f\n", i % 2 == 0 ? first : second,
		       i % 2 == 0 ? second : first, third, least_share);
	}
}

int main(int argc, char **argv)
{
	struct pair_plan same, copy;
	unsigned long payload = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long pairs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const char *seal = argc > 3 ? argv[3] : "";
	bool is_sealed = strcmp(seal, "sealed") == 0;
	int result;

	if ((payload != 1408 && payload != 8192) || pairs == 0 ||
	    (!is_sealed && strcmp(seal, "clear") != 0)) {
		fprintf(stderr, "usage: bench_pair 1408|8192 PAIRS clear|sealed\n");
		return 2;
	}
	result = create_shared((uint32_t)payload, is_sealed);
	if (result < 0) {
		fprintf(stderr, "bench_pair: %s\n", strerror(-result));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	start(0);
	start(1);
	get_ready();
	same = sweep(is_sealed ? PAIR_SEALED : PAIR_CLEAR, seal);
	copy = sweep(PAIR_COPY, "copy");
	compare(&same, &copy, pairs);
	return finish();
}
