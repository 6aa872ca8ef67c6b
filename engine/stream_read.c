/* SPDX-License-Identifier: BSD-3-Clause */
/* What the program does with a receiving half: read, give back, stop. */
#include "engine/stream.h"
#include <string.h>

/* The run of bytes from an offset that has arrived to the end of its block, or of what has. */
static struct dps_bytes run_at(const struct dps_streams *streams, const struct dps_stream *stream,
			       uint64_t offset)
{
	uint64_t number = offset >> streams->block_shift;
	const struct dps_stream_block *block =
		dps_stream_block_find(streams, dps_stream_index(streams, stream), number);
	uint64_t base = number << streams->block_shift;
	uint64_t end = dps_min_u64(base + streams->config.block_bytes, stream->receive.contiguous);

	DPS_ASSERT(block != NULL && end > offset);
	return (struct dps_bytes){
		.memory = dps_stream_block_at(streams, block) + (offset - base),
		.bytes = (size_t)(end - offset),
	};
}

static int read_end(struct dps_streams *streams, struct dps_stream *stream)
{
	if (stream->receive.read != stream->receive.end)
		return -DPS_ERROR_FULL;
	if (stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_ENDING)
		dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_DONE, 0);
	return 0;
}

/* The stream of one who wants to read, if he may. */
static int find_to_read(const struct dps_streams *streams, struct dps_handle handle,
			struct dps_stream **stream)
{
	int error = dps_stream_find(streams, handle, stream);

	if (error != 0)
		return error;
	return dps_stream_state_error(DPS_HALF_RECEIVE, (*stream)->halves[DPS_HALF_RECEIVE].state);
}

int dps_stream_read(struct dps_streams *streams, struct dps_handle handle, struct dps_bytes *runs,
		    unsigned int room)
{
	struct dps_stream *stream;
	struct dps_stream_receiver *receive;
	int count = 0, error = find_to_read(streams, handle, &stream);

	if (error != 0)
		return error;
	if (runs == NULL || room == 0 || room > INT32_MAX)
		return -DPS_ERROR_INVALID;
	receive = &stream->receive;
	for (; count < (int)room && receive->read < receive->contiguous; count++) {
		runs[count] = run_at(streams, stream, receive->read);
		receive->read += runs[count].bytes;
	}
	return count > 0 ? count : read_end(streams, stream);
}

int dps_stream_read_copy(struct dps_streams *streams, struct dps_handle handle, uint8_t *memory,
			 size_t bytes)
{
	struct dps_stream *stream;
	struct dps_stream_receiver *receive;
	size_t copied = 0;
	int error = find_to_read(streams, handle, &stream);

	if (error != 0)
		return error;
	receive = &stream->receive;
	if (memory == NULL || bytes == 0 || bytes > INT32_MAX || receive->read != receive->released)
		return -DPS_ERROR_INVALID;
	while (copied < bytes && receive->read < receive->contiguous) {
		struct dps_bytes run = run_at(streams, stream, receive->read);
		size_t part = run.bytes < bytes - copied ? run.bytes : bytes - copied;

		memcpy(memory + copied, run.memory, part);
		copied += part;
		receive->read += part;
	}
	if (copied == 0)
		return read_end(streams, stream);
	receive->released = receive->read;
	dps_stream_trim(streams, stream);
	return (int)copied;
}

int dps_stream_release(struct dps_streams *streams, struct dps_handle handle, uint64_t bytes)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error != 0)
		return error;
	if (bytes > stream->receive.read - stream->receive.released)
		return -DPS_ERROR_INVALID;
	stream->receive.released += bytes;
	dps_stream_trim(streams, stream);
	return 0;
}

int dps_stream_stop(struct dps_streams *streams, struct dps_handle handle, uint64_t code)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);
	uint8_t state;

	if (error != 0)
		return error;
	if (code > DPS_CODE_MAX)
		return -DPS_ERROR_INVALID;
	state = stream->halves[DPS_HALF_RECEIVE].state;
	if (state == DPS_STREAM_STOPPED)
		return 0;
	if (state == DPS_STREAM_FINISHED)
		return -DPS_ERROR_FINISHED;
	if (dps_stream_is_half_over(stream, DPS_HALF_RECEIVE))
		return dps_stream_state_error(DPS_HALF_RECEIVE, state);
	dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_STOP, code);
	return 0;
}
