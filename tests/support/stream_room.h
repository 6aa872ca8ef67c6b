/* SPDX-License-Identifier: BSD-3-Clause */
/* Stream room: one stream that sends, open and with credit for everything, whose far side's
 * acknowledgements a test writes by hand.
 */
#pragma once
#include "tests/support/stream_rig.h"

#define PLENTY (UINT64_C(1) << 40)

struct room {
	struct stream_rig rig;
	struct rig_side *near;
	struct dps_handle handle;
	struct dps_handle far;
};

/* One stream, open, with credit for everything. */
static inline void room_open(struct room *room)
{
	rig_open_streams(&room->rig);
	room->near = &room->rig.near;
	room->handle = rig_opened(&room->rig, 0, &room->far);
	rig_ack(&room->rig, room->near, room->handle, PLENTY, 0, false);
}

/* Several of near's, open, with credit for everything. */
static inline void streams_open(struct stream_rig *rig, struct dps_handle *handles,
				unsigned int count)
{
	struct dps_handle far;

	for (unsigned int i = 0; i < count; i++) {
		handles[i] = rig_opened(rig, 0, &far);
		rig_ack(rig, &rig->near, handles[i], PLENTY, 0, false);
	}
}

static inline void room_close(struct room *room)
{
	rig_release(room->near);
	rig_close_streams(&room->rig);
}

static inline int send_some(struct room *room, size_t bytes)
{
	return rig_send(room->near, room->handle, bytes, 0, 0);
}

static inline int send_told(struct room *room, size_t bytes, uint64_t cookie)
{
	return rig_send(room->near, room->handle, bytes, DPS_SEND_TELL, cookie);
}

static inline int finish(struct room *room)
{
	return dps_stream_finish(room->near->streams, room->handle);
}

static inline int end(struct room *room)
{
	return dps_stream_end(room->near->streams, room->handle, DPS_NEVER_NS, 0);
}

static inline int do_abort(struct room *room, uint64_t code)
{
	return dps_stream_abort(room->near->streams, room->handle, code);
}

static inline void ack(struct room *room, uint64_t contiguous, bool has_end)
{
	rig_ack(&room->rig, room->near, room->handle, PLENTY, contiguous, has_end);
}

static inline struct dps_stream_half_state send_half(const struct room *room)
{
	return rig_look(room->near, room->handle).send;
}

static inline uint64_t anomalies(const struct room *room)
{
	struct dps_streams_counters counters;

	dps_streams_read_counters(room->near->streams, &counters);
	return counters.anomalies;
}
