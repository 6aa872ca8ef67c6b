/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error: how calls of the library fail. They return -errno, and each kind of failure has a number
 * of its own, so that the number alone tells what happened; struct dps_error says the rest. Kinds
 * of streams and peers are listed here, with a stable name and a sentence each.
 *
 * Pure: any thread, nothing is kept.
 */
#pragma once
#include <dps/types.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dps_error_kind {
	/* ---- What was to be done is over, and why. ---- */
	DPS_ERROR_CLOSED = EBADF,	  /* the handle leads to nothing: closed, or never opened */
	DPS_ERROR_FINISHED = EPIPE,	  /* its end was said, nothing can follow */
	DPS_ERROR_ABORTED = ECONNABORTED, /* the sending side gave it up; code */
	DPS_ERROR_STOPPED = ECONNRESET,	  /* the receiving side wants no more of it; code */
	DPS_ERROR_LOST = ENETRESET,	  /* the connection is gone for good; reason */
	DPS_ERROR_CANCELLED = ECANCELED,  /* given up before it was done */
	DPS_ERROR_REFUSED = ECONNREFUSED, /* the peer would not have it; code */
	DPS_ERROR_TIMEOUT = ETIMEDOUT,	  /* not within its deadline; nothing else changed */
	DPS_ERROR_SHUTTING_DOWN = ESHUTDOWN, /* nothing new is begun */

	/* ---- Not now. ---- */
	DPS_ERROR_FULL = EAGAIN,     /* a window or queue is full; it is said when there is room */
	DPS_ERROR_PARKED = ENOTCONN, /* the connection is gone; what is queued waits for another */
	DPS_ERROR_LIMIT = EUSERS,    /* as many are open as the peer, or the limits, allow */
	DPS_ERROR_BUSY = EBUSY,	     /* the peer has no hand free; the same may work later */
	DPS_ERROR_NO_ROOM = ENOSPC,  /* the table for it is full */

	/* ---- Never. ---- */
	DPS_ERROR_INVALID = EINVAL,    /* the call makes no sense like this */
	DPS_ERROR_THREAD = EPERM,      /* another thread's to call; debug builds look */
	DPS_ERROR_TOO_LONG = EMSGSIZE, /* longer than it may be */
	DPS_ERROR_UNKNOWN = ENOENT,    /* the peer has no such thing */
	DPS_ERROR_EXISTS = EEXIST,
	DPS_ERROR_ALREADY = EALREADY,	/* too late: it is on its way, or done */
	DPS_ERROR_TRUNCATED = EBADMSG,	/* it ended in the middle, or does not parse */
	DPS_ERROR_PROTOCOL = EPROTO,	/* the peer broke the protocol */
	DPS_ERROR_INTERNAL = EREMOTEIO, /* the peer failed while it did it */
	DPS_ERROR_STALE = ESTALE,	/* of a connection that is over; nothing changed */
};

/* An error with what is known of it. All zero: none. */
struct dps_error {
	int error;	 /* -errno, 0: none */
	uint32_t reason; /* LOST: enum dps_close_reason */
	uint64_t code;	 /* ABORTED, STOPPED, REFUSED: the program's own, < 2^62 */
};

/*
 * Codes that the library says by itself where a program gave none. They lie above those that a
 * program may use, and are not renumbered: they go over the wire.
 */
#define DPS_CODE_MAX ((UINT64_C(1) << 62) - 1)	  /* of a program */
#define DPS_CODE_DROPPED (DPS_CODE_MAX + 1)	  /* its owner went away before it was finished */
#define DPS_CODE_LIMIT (DPS_CODE_MAX + 2)	  /* more streams than were allowed */
#define DPS_CODE_UNWANTED (DPS_CODE_MAX + 3)	  /* nobody takes streams here */
#define DPS_CODE_SHUTTING_DOWN (DPS_CODE_MAX + 4) /* it closes, and takes nothing new */
#define DPS_CODE_TIMEOUT (DPS_CODE_MAX + 5)	  /* not answered in time */
#define DPS_CODE_LAST DPS_CODE_TIMEOUT

/* A stable word: `finished`, `stopped`, ..., `ok` for 0; `system` for an errno without a kind. */
const char *dps_error_name(int error);

/* `done`, `shutdown`, ... of enum dps_close_reason; `unknown`. */
const char *dps_close_reason_name(uint32_t reason);

enum { DPS_ERROR_TEXT_BYTES = 160 }; /* room for every sentence, its zero included */

/*
 * Writes a sentence: what happened, with its code or reason, and what to do. Cut to room - 1 bytes
 * and always ended by a zero; room is not 0. Returns the length of what was written.
 */
size_t dps_error_write(const struct dps_error *error, char *text, size_t room);

#ifdef __cplusplus
}
#endif
