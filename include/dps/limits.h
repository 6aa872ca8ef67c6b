/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits: how much of everything a lane's engine has; all its memory is sized from these, once. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_limits {
	uint32_t paths;	      /* at most 65535 */
	uint32_t channels;    /* over all paths */
	uint32_t slots;	      /* chunks of memory in the lane's pool */
	uint32_t chunk_bytes; /* a power of two, 4 KiB to 1 MiB */
	uint32_t ring_chunks; /* most chunks one channel may hold, a power of two */
	uint32_t extents;     /* files announced and not done yet, over all channels */
	uint32_t
		sent_packets; /* in flight and remembered, per path; a power of two, at least 128 */
};

enum dps_limits_defaults {
	DPS_CHUNK_BYTES_DEFAULT = 256 << 10,
	DPS_WINDOW_BYTES_DEFAULT = 64 << 20,
	DPS_RING_BYTES_DEFAULT = 64 << 20,	 /* never less than window, one chunk, envelope */
	DPS_RING_BYTES_LIVE_DEFAULT = 256 << 20, /* of a source that cannot be read again */
};

/* How long a transfer waits for what, unless it is told otherwise. */
#define DPS_CREDIT_WAIT_NS_DEFAULT (UINT64_C(30) * 1000000000)
#define DPS_RECONNECT_NS_DEFAULT (UINT64_C(30) * 1000000000)
#define DPS_IDLE_NS_DEFAULT (UINT64_C(60) * 1000000000)

/* What one lane of a program needs for a window and a chunk size, with room for 64 paths. */
void dps_limits_init(struct dps_limits *limits, uint64_t window_bytes, uint32_t chunk_bytes);

#ifdef __cplusplus
}
#endif
