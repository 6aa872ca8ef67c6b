/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nowhere: a port, for endpoints and lanes, to which nothing comes, and what it takes goes nowhere;
 * it asserts that what is asked of it makes sense. An address whose first byte is 255 cannot be
 * reached.
 * Owner: who polls.
 */
#pragma once
#include "drivers/ports.h"

extern const struct dps_ports nowhere_ports;
