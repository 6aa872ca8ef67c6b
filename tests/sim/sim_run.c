/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-run: random worlds by the thousand; a seed that fails prints the one command to repeat it. */
#include "tests/sim/plan.h"
#include <dps/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	RUN_MAX_S = 3600, /* of virtual time */
	EVENTS_TOLD = 60,
	DATA_PACKETS_MIN = 2000, /* a seed that moves fewer shows too little */
};

/* Of the seed that runs, for when it ends in a panic. */
static struct rig *running;
static const char *program;

static void tell_failure(const struct rig *rig, const char *reason)
{
	fprintf(stderr, "seed %" PRIu64 " failed at %" PRIu64 " us: %s\n", rig->config.seed,
		(rig->sim.now_ns - rig->config.start_ns) / 1000, reason);
	plan_print(rig, stderr);
	dps_sim_trace_print(&rig->sim.trace, stderr, EVENTS_TOLD);
	fprintf(stderr, "repeat it with: %s --seeds %" PRIu64 "+1 (--trace for all of it)\n",
		program, rig->config.seed);
}

void dps_panic(const char *condition, const char *file, int line)
{
	fprintf(stderr, "bug: %s:%d: assertion failed: %s\n", file, line, condition);
	if (running != NULL)
		tell_failure(running, "panic");
	abort();
}

struct totals {
	uint64_t seeds;
	uint64_t failed;
	uint64_t data_packets;
	uint64_t data_packets_min;
	uint64_t virtual_ms;
	uint64_t resumes;
};

static void run_seed(uint64_t seed, bool is_traced, bool is_told, struct totals *totals)
{
	struct rig *rig = plan_create(seed);
	uint64_t packets;

	running = rig;
	if (is_traced)
		rig->sim.trace.live = stdout;
	if (is_told)
		plan_print(rig, stdout);
	rig_run(rig, rig->config.start_ns + RUN_MAX_S * DPS_NS_PER_S);
	rig_finish(rig);
	packets = rig->check.data_packets;
	if (packets < DATA_PACKETS_MIN)
		dps_sim_fail(&rig->sim, "only %" PRIu64 " packets of data", packets);
	totals->seeds++;
	totals->data_packets += packets;
	if (packets < totals->data_packets_min)
		totals->data_packets_min = packets;
	totals->virtual_ms += (rig->sim.now_ns - rig->config.start_ns) / DPS_NS_PER_MS;
	totals->resumes += rig->resumes_count;
	if (dps_sim_has_failed(&rig->sim)) {
		totals->failed++;
		tell_failure(rig, rig->sim.failure);
	}
	if (is_told)
		printf("  %" PRIu64 " data packets in %" PRIu64 " ms, %" PRIu64 " resumes\n",
		       packets, (rig->sim.now_ns - rig->config.start_ns) / DPS_NS_PER_MS,
		       rig->resumes_count);
	running = NULL;
	rig_destroy(rig);
}

static bool parse_seeds(const char *text, uint64_t *first, uint64_t *count)
{
	char *end;

	errno = 0;
	*first = strtoull(text, &end, 10);
	*count = 1;
	if (*end == '+')
		*count = strtoull(end + 1, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *count > 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: %s --seeds FIRST[+COUNT] [--trace] [--verbose]\n", program);
	return 2;
}

int main(int argc, char **argv)
{
	struct totals totals = { .data_packets_min = UINT64_MAX };
	uint64_t first = 0, count = 0;
	bool is_traced = false, is_told = false;

	program = argv[0];
	for (int i = 1; i < argc; i++) {
		if ((strcmp(argv[i], "--seeds") == 0 || strcmp(argv[i], "--seed") == 0) &&
		    i + 1 < argc) {
			if (!parse_seeds(argv[++i], &first, &count))
				return usage();
		} else if (strcmp(argv[i], "--trace") == 0) {
			is_traced = true;
		} else if (strcmp(argv[i], "--verbose") == 0) {
			is_told = true;
		} else {
			return usage();
		}
	}
	if (count == 0)
		return usage();
	for (uint64_t seed = first; seed < first + count; seed++)
		run_seed(seed, is_traced, is_told, &totals);
	printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " failed; %" PRIu64
	       " data packets, at least %" PRIu64 " a seed; %" PRIu64 " resumes; %" PRIu64
	       " virtual seconds\n",
	       totals.seeds, first, totals.failed, totals.data_packets, totals.data_packets_min,
	       totals.resumes, totals.virtual_ms / 1000);
	return totals.failed > 0;
}
