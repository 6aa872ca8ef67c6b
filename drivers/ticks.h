/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ticks: the processor's own count of cycles at its nominal frequency, for what is too short and
 * too frequent for a clock. Only differences of one thread's readings mean anything; nothing is
 * decided by them. Any thread.
 */
#pragma once
#include <stdint.h>
#ifdef __x86_64__
#include <x86intrin.h>
#elif !defined(__aarch64__)
#include <time.h>
#endif

static inline uint64_t dps_ticks_now(void)
{
#if defined(__x86_64__)
	return __rdtsc(); /* unfenced: what is measured is a burst, not an instruction */
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
#endif
}
