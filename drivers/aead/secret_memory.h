/* SPDX-License-Identifier: BSD-3-Clause */
/* Secret memory: pages for keys, apart from every heap, that end up in no core dump and no swap. */
#pragma once
#include <stddef.h>

/*
 * Zeroed and page-aligned. Left out of core dumps and of forked children; locked in memory as far
 * as the limit of the process allows. NULL when there is none. Any thread.
 */
void *dps_secret_create(size_t bytes);

/* Overwrites them and gives them back. Nothing for NULL. */
void dps_secret_destroy(void *memory, size_t bytes);
