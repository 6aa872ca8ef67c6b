/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/clock.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t monotonic_now_ns(struct dps_clock *clock)
{
	(void)clock;
	return read_ns(CLOCK_MONOTONIC);
}

#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>

__extension__ typedef unsigned __int128 uint128;

/* One calibration for the process: all clocks agree. Written once, before the first reading. */
static struct {
	pthread_once_t once;
	bool is_usable;
	uint64_t start_ticks;
	uint64_t start_ns;
	uint64_t ns_per_tick; /* times 2^32 */
} tsc = { .once = PTHREAD_ONCE_INIT };

/* The fence keeps the reading from being taken early, which another core would see as a step back.
 */
static uint64_t read_ticks(void)
{
	_mm_lfence();
	return __rdtsc();
}

static uint64_t tsc_now_ns(struct dps_clock *clock)
{
	uint64_t ticks = read_ticks() - tsc.start_ticks;

	(void)clock;
	if (ticks > INT64_MAX) /* read before the start, on a core a few ticks behind */
		ticks = 0;
	return tsc.start_ns + (uint64_t)((uint128)ticks * tsc.ns_per_tick >> 32);
}

static bool is_invariant(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & 1u << 8) != 0;
}

/*
 * The bit alone says nothing of two sockets or of a hypervisor; that the kernel itself keeps time
 * with it, does: it checks the cores against each other and gives the TSC up when they drift.
 */
static bool is_kernels_choice(void)
{
	char name[16] = "";
	FILE *file =
		fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "tsc\n") == 0;
}

/* Both clocks at one moment: the closest of a few pairs, as an interrupt may fall into one. */
static void read_both(uint64_t *ticks, uint64_t *ns)
{
	uint64_t closest = UINT64_MAX;

	for (unsigned int i = 0; i < 32; i++) {
		uint64_t before = read_ticks();
		uint64_t now_ns = read_ns(CLOCK_MONOTONIC_RAW);
		uint64_t after = read_ticks();

		if (after - before < closest) {
			closest = after - before;
			*ticks = before + (after - before) / 2;
			*ns = now_ns;
		}
	}
}

static void calibrate(void)
{
	struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	uint64_t ticks = 0, ns = 0;

	if (!is_invariant() || !is_kernels_choice())
		return;
	read_both(&tsc.start_ticks, &tsc.start_ns);
	/* Cut short or drawn out, the pause is measured: it sets the precision, some 2 in a
	 * million. */
	nanosleep(&pause, NULL);
	read_both(&ticks, &ns);
	ticks -= tsc.start_ticks;
	ns -= tsc.start_ns;
	if (ns < 1000 * 1000 || ns > UINT32_MAX || ticks < ns / 10 || ticks > ns * 20)
		return; /* no pause, or no TSC that is known: 100 MHz to 20 GHz */
	tsc.ns_per_tick = (ns << 32) / ticks;
	tsc.is_usable = true;
}

void dps_clock_init_real(struct dps_clock *clock)
{
	pthread_once(&tsc.once, calibrate);
	clock->now_ns = tsc.is_usable ? tsc_now_ns : monotonic_now_ns;
}

#else

void dps_clock_init_real(struct dps_clock *clock)
{
	clock->now_ns = monotonic_now_ns;
}

#endif
