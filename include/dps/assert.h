/* SPDX-License-Identifier: BSD-3-Clause */
/* DPS_ASSERT: on in every build; a failed one is our own bug and stops the process. */
#pragma once

/*
 * Says where it failed and does not return. The library's own writes a line and aborts; a program
 * that has one of its own gets that. Whoever links the engine alone defines it.
 */
#ifdef __cplusplus
extern "C"
	[[noreturn]]
#else
_Noreturn
#endif
	void
	dps_panic(const char *condition, const char *file, int line);

#define DPS_ASSERT(condition)                                                                      \
	((__builtin_expect(!!(condition), 1)) ? (void)0 : dps_panic(#condition, __FILE__, __LINE__))
