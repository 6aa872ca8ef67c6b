/* SPDX-License-Identifier: BSD-3-Clause */
/* Collect words: what a collector cannot agree to in a hello, and why a path was lost. */
#pragma once
#include "drivers/control/message.h"

/*
 * DPS_CODE_NONE, or the code to refuse with and why, in text (DPS_MESSAGE_TEXT_BYTES_MAX).
 * queues: our own, as hello has them.
 */
enum dps_control_code dps_collect_judge_hello(const struct dps_message_hello *hello,
					      const char *seal, uint32_t chunk_bytes,
					      uint32_t queues, char *text);

/* One sentence for an enum dps_close_reason. */
const char *dps_collect_explain_loss(uint32_t reason);
