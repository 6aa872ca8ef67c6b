/* SPDX-License-Identifier: BSD-3-Clause */
/* Door: calls that wait, as what the polling thread asks of streams until there is an answer. */
#include <dps/door.h>
#include <errno.h>
#include <limits.h>

struct call {
	struct dps_handle stream;
	const struct dps_stream_options *options;
	uint8_t *to;
	struct dps_bytes piece;
	uint64_t deadline_ns;
	enum dps_stream_close how;
	bool is_begun; /* opened, or sent */
};

static int opened(struct dps_streams *streams, struct dps_handle stream)
{
	struct dps_stream_snapshot snapshot;
	int error = dps_stream_look(streams, stream, &snapshot);

	if (error != 0 || snapshot.send.state >= DPS_STREAM_OPEN)
		return error != 0 ? error : snapshot.send.cause.error;
	return -DPS_ERROR_FULL;
}

/* The stream itself knows its deadline. */
static int run_open(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;
	int error = 0;

	(void)now_ns;
	if (!call->is_begun)
		error = dps_stream_open(streams, call->options, &call->stream);
	if (error != 0)
		return error;
	call->is_begun = true;
	error = opened(streams, call->stream);
	/* Who is told that there is none cannot let go of it. */
	if (error != 0 && error != -DPS_ERROR_FULL)
		(void)dps_stream_close(streams, call->stream, DPS_STREAM_DROP);
	return error;
}

int dps_door_open(const struct dps_door *door, const struct dps_stream_options *options,
		  struct dps_handle *stream)
{
	struct call call = { .options = options };
	int error;

	if (stream == NULL)
		return -EINVAL;
	error = dps_door_call(door, run_open, &call, DPS_NEVER_NS);
	*stream = error == 0 ? call.stream : (struct dps_handle){ 0 };
	return error;
}

/* Sent, its deadline is not the caller's concern any more: that it is not clear is no error. */
static int run_write(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;
	int error;

	if (!call->is_begun) {
		error = dps_stream_send(streams, call->stream, &call->piece, 1, 0, 0);
		if (error != 0)
			return error;
		call->is_begun = true;
	}
	error = dps_stream_has_room(streams, call->stream, call->piece.bytes, call->deadline_ns,
				    now_ns);
	return error == -ETIMEDOUT ? 0 : error;
}

int dps_door_write(const struct dps_door *door, struct dps_handle stream, const void *memory,
		   size_t bytes, uint64_t deadline_ns)
{
	struct call call = {
		.stream = stream,
		.piece = { memory, bytes },
		.deadline_ns = deadline_ns,
	};

	return dps_door_call(door, run_write, &call, deadline_ns);
}

static int run_end(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	return dps_stream_end(streams, call->stream, call->deadline_ns, now_ns);
}

int dps_door_end(const struct dps_door *door, struct dps_handle stream, uint64_t deadline_ns)
{
	struct call call = { .stream = stream, .deadline_ns = deadline_ns };

	return dps_door_call(door, run_end, &call, deadline_ns);
}

static int run_read(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	(void)now_ns;
	return dps_stream_read_copy(streams, call->stream, call->to, call->piece.bytes);
}

int dps_door_read(const struct dps_door *door, struct dps_handle stream, void *memory, size_t bytes,
		  uint64_t deadline_ns)
{
	struct call call = {
		.stream = stream,
		.to = memory,
		.piece = { .bytes = bytes < INT_MAX ? bytes : INT_MAX },
	};

	return dps_door_call(door, run_read, &call, deadline_ns);
}

static int run_close(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	struct call *call = argument;

	(void)now_ns;
	return dps_stream_close(streams, call->stream, call->how);
}

int dps_door_close(const struct dps_door *door, struct dps_handle stream, enum dps_stream_close how)
{
	struct call call = { .stream = stream, .how = how };

	return dps_door_call(door, run_close, &call, DPS_NEVER_NS);
}
