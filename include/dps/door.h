/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door: how a program's own threads use streams of an endpoint (<dps/endpoint.h>) that another
 * thread polls. Each of these calls is handed to the polling thread, which asks it of
 * <dps/stream.h> in its turns until it has an answer; whoever called sleeps meanwhile.
 *
 * Any number of threads, also at one peer or one stream: what each writes goes out whole, in the
 * order of its calls. Events of these streams are told to on_stream as ever; a stream that arrived
 * is handed to a thread from there. Deadlines count as dps_endpoint_now_ns does.
 *
 * Nothing happens unless another thread polls: a call in a callback, or of who polled last, is
 * -EDEADLK. A thread must have ended, or stopped calling, before dps_endpoint_close; one that
 * sleeps then is told -DPS_ERROR_CLOSED, as all are once the peer was released. So the polling
 * thread goes on to poll until they are done: each may say so with dps_endpoint_post.
 */
#pragma once
#include <dps/endpoint.h>
#include <dps/stream.h>
#include <dps/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* To one peer of an endpoint. A plain value: nothing to open or to close. */
struct dps_door {
	struct dps_endpoint *endpoint;
	struct dps_handle peer;
};

/*
 * Opens a stream, and returns when the far side has accepted it. The deadline is that of the
 * options. Errors: those of dps_stream_open, and what ended it: then there is no stream.
 */
int dps_door_open(const struct dps_door *door, const struct dps_stream_options *options,
		  struct dps_handle *stream);

/*
 * Sends a copy of so many bytes, and returns when it is clear to send as many again: not when the
 * far side has them. 0: they are sent. Errors: what ended the stream, perhaps of an earlier write,
 * and nothing left after it; -ETIMEDOUT nothing was sent by the deadline, and the stream goes on;
 * others of dps_stream_send.
 */
int dps_door_write(const struct dps_door *door, struct dps_handle stream, const void *memory,
		   size_t bytes, uint64_t deadline_ns);

/*
 * Says finish, and returns when all that was written, and the end, is at the far side. Errors: the
 * first that any write met; -ETIMEDOUT, and the stream goes on.
 */
int dps_door_end(const struct dps_door *door, struct dps_handle stream, uint64_t deadline_ns);

/*
 * Copies what has arrived, at least a byte and at most so many; returns how many, 0 at the end.
 * Errors: what ended the stream; -ETIMEDOUT; -EINVAL no room, and while something is lent.
 */
int dps_door_read(const struct dps_door *door, struct dps_handle stream, void *memory, size_t bytes,
		  uint64_t deadline_ns);

/* As dps_stream_close. */
int dps_door_close(const struct dps_door *door, struct dps_handle stream,
		   enum dps_stream_close how);

/*
 * What the calls above are made of: has the polling thread ask run, and returns its answer. run
 * makes any calls of <dps/stream.h> and <dps/peer.h>, none of this header; -DPS_ERROR_FULL: it is
 * to be asked again when something has happened. streams are the peer's; NULL: it was released, or
 * the endpoint is being closed. argument is the polling thread's until there is an answer. Errors,
 * of each of them: -ETIMEDOUT it is still -DPS_ERROR_FULL at the deadline; -DPS_ERROR_CLOSED ...
 * when the endpoint is closed; -EDEADLK; -EINVAL (door, run).
 */
int dps_door_call(const struct dps_door *door,
		  int (*run)(struct dps_streams *streams, void *argument, uint64_t now_ns),
		  void *argument, uint64_t deadline_ns);

#ifdef __cplusplus
}
#endif
