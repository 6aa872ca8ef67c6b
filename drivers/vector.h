/* SPDX-License-Identifier: BSD-3-Clause */
/* Vector: clears the processor's vector state after code that leaves it dirty. */
#pragma once
#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx"))) static inline void dps_vector_zero_upper(void)
{
	_mm256_zeroupper();
}
#endif

/*
 * ISA-L's CRC and xxHash's AVX-512 variant return with the upper halves of the vector registers in
 * use. Until they are cleared every SSE instruction of the thread, wherever it is, has to merge
 * with them: XXH3 for SSE2 then ran at 31 instead of 134 Gb/s. Any thread.
 */
static inline void dps_vector_leave_clean(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx"))
		dps_vector_zero_upper();
#endif
}
