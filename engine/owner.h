/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owner: the thread that a thing of the program's belongs to. Debug builds look (`owner_args` in
 * engine/meson.build); in others all threads look alike. It names the thread by what the processor
 * holds for it, so that the engine asks nobody.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifndef __has_builtin
#define __has_builtin(name) 0
#endif

#if defined(DPS_OWNER_CHECKS) && __has_builtin(__builtin_thread_pointer)
static inline const void *dps_owner_here(void)
{
	return __builtin_thread_pointer();
}
#else
static inline const void *dps_owner_here(void)
{
	return NULL;
}
#endif

/* Whether the calling thread may: the owner, or any while there is none (NULL). */
static inline bool dps_owner_is_here(const void *owner)
{
	return owner == NULL || owner == dps_owner_here();
}

/* It belongs to the calling thread, unless it has an owner already. */
static inline void dps_owner_take(const void **owner)
{
	if (*owner == NULL)
		*owner = dps_owner_here();
}
