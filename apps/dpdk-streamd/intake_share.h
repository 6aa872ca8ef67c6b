/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake share: the rate and the memory that a key is granted, in equal parts for those of its
 * transfers that data come for. The lane holds each to its part by the credit that it grants, so
 * nothing of it is asked of the peer.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/intake.h"

/* Tells the lane what has changed. Once a turn, and when a channel was opened. */
void dps_intake_share_all(struct dps_collect_context *context);
