/* SPDX-License-Identifier: BSD-3-Clause */
/* Index ranges: the indices of many files as the few ranges that a message carries. */
#pragma once
#include "drivers/control/message.h"

/*
 * Sorts the indices in place and writes the ranges that cover exactly them, of which there are at
 * most count; returns how many. An index may be there twice.
 */
uint32_t dps_index_ranges_make(uint32_t *indices, uint32_t count, struct dps_message_range *ranges);
