/* SPDX-License-Identifier: BSD-3-Clause */
/* Discard: a disk that takes every write and keeps nothing (`collect --discard`). */
#pragma once
#include "drivers/disk.h"

/*
 * Writes end at once with the bytes asked, memory untouched; reads end with -EBADF. add_file takes
 * any descriptor, -1 too, and each call another index. depth: most requests between submit and
 * reap. -ENOMEM.
 */
int dps_discard_open(unsigned int depth, struct dps_disk **disk);
