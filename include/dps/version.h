/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Version: of the headers that a program was compiled with, and of the library that it runs with.
 * Semantic (semver.org): while the first number is 0, the second rises with every change that a
 * program has to be changed or compiled anew for, and stands in the shared library's name.
 *
 * Pure: any thread.
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DPS_VERSION_MAJOR 0
#define DPS_VERSION_MINOR 1
#define DPS_VERSION_PATCH 0
#define DPS_VERSION_TEXT "0.1.0"

/* Versions as numbers that can be compared. */
#define DPS_VERSION_NUMBER_OF(major, minor, patch)                                                 \
	(((uint32_t)(major) << 16) | ((uint32_t)(minor) << 8) | (uint32_t)(patch))
#define DPS_VERSION_NUMBER                                                                         \
	DPS_VERSION_NUMBER_OF(DPS_VERSION_MAJOR, DPS_VERSION_MINOR, DPS_VERSION_PATCH)

/* DPS_VERSION_NUMBER of the library. */
uint32_t dps_version(void);

/* DPS_VERSION_TEXT of the library, for people. */
const char *dps_version_text(void);

#ifdef __cplusplus
}
#endif
