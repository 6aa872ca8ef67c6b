/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that wait: what the lane is asked, turn by turn, until it has an answer. */
#include "drivers/wait/door.h"
#include <errno.h>
#include <limits.h>

struct call {
	struct dps_handle handle;
	const struct dps_stream_options *options;
	uint8_t *to;
	struct dps_bytes piece;
	uint64_t deadline_ns;
	enum dps_stream_close how;
	bool is_begun; /* opened, or sent */
	int answer;
};

/* Full, and the deadline has not passed: to be asked again. */
static bool set_answer(struct call *call, int answer, uint64_t now_ns)
{
	if (answer == -DPS_ERROR_FULL && now_ns < call->deadline_ns)
		return false;
	call->answer = answer == -DPS_ERROR_FULL ? -ETIMEDOUT : answer;
	return true;
}

static int opened(struct dps_streams *streams, struct dps_handle handle)
{
	struct dps_stream_snapshot snapshot;
	int error = dps_stream_look(streams, handle, &snapshot);

	if (error != 0 || snapshot.send.state >= DPS_STREAM_OPEN)
		return error != 0 ? error : snapshot.send.cause.error;
	return -DPS_ERROR_FULL;
}

static bool run_open(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;
	int error = 0;

	if (!call->is_begun)
		error = dps_stream_open(streams, call->options, &call->handle);
	if (error != 0)
		return set_answer(call, error, now_ns);
	call->is_begun = true;
	/* The stream itself knows its deadline. */
	return set_answer(call, opened(streams, call->handle), 0);
}

int dps_door_open(struct dps_door *door, const struct dps_stream_options *options,
		  struct dps_handle *handle)
{
	struct call call = { .options = options, .deadline_ns = DPS_NEVER_NS };

	dps_door_wait(door, run_open, &call);
	*handle = call.handle;
	if (call.answer != 0 && call.is_begun)
		dps_door_close(door, call.handle, DPS_STREAM_DROP);
	return call.answer;
}

/* Sent, its deadline is not the caller's concern any more: that it is not clear is no error. */
static bool run_write(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;
	int error;

	if (!call->is_begun) {
		error = dps_stream_send(streams, call->handle, &call->piece, 1, 0, 0);
		if (error != 0)
			return set_answer(call, error, now_ns);
		call->is_begun = true;
	}
	error = dps_stream_has_room(streams, call->handle, call->piece.bytes, call->deadline_ns,
				    now_ns);
	return set_answer(call, error == -ETIMEDOUT ? 0 : error, 0);
}

int dps_door_write(struct dps_door *door, struct dps_handle handle, const void *memory,
		   size_t bytes, uint64_t deadline_ns)
{
	struct call call = {
		.handle = handle,
		.piece = { memory, bytes },
		.deadline_ns = deadline_ns,
	};

	dps_door_wait(door, run_write, &call);
	return call.answer;
}

static bool run_end(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	return set_answer(call, dps_stream_end(streams, call->handle, call->deadline_ns, now_ns),
			  now_ns);
}

int dps_door_end(struct dps_door *door, struct dps_handle handle, uint64_t deadline_ns)
{
	struct call call = { .handle = handle, .deadline_ns = deadline_ns };

	dps_door_wait(door, run_end, &call);
	return call.answer;
}

static bool run_read(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	return set_answer(call,
			  dps_stream_read_copy(streams, call->handle, call->to, call->piece.bytes),
			  now_ns);
}

int dps_door_read(struct dps_door *door, struct dps_handle handle, void *memory, size_t bytes,
		  uint64_t deadline_ns)
{
	struct call call = {
		.handle = handle,
		.to = memory,
		.piece = { .bytes = bytes < INT_MAX ? bytes : INT_MAX },
		.deadline_ns = deadline_ns,
	};

	dps_door_wait(door, run_read, &call);
	return call.answer;
}

static bool run_close(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	(void)now_ns;
	call->answer = dps_stream_close(streams, call->handle, call->how);
	return true;
}

int dps_door_close(struct dps_door *door, struct dps_handle handle, enum dps_stream_close how)
{
	struct call call = { .handle = handle, .how = how };

	dps_door_wait(door, run_close, &call);
	return call.answer;
}
