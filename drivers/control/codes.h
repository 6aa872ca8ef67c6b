/* SPDX-License-Identifier: BSD-3-Clause */
/* Codes: why something was refused, failed or cancelled, as control messages name it. */
#pragma once

/* On the wire they are words, so the numbers may change. */
enum dps_control_code {
	DPS_CODE_NONE,
	/* The whole connection or transfer. */
	DPS_CODE_VERSION,	/* no protocol version in common */
	DPS_CODE_BUSY,		/* too much at once; the same may work later */
	DPS_CODE_NOT_TRUSTED,	/* the peer's key is not known here */
	DPS_CODE_SEAL,		/* one side wants encryption, the other has none */
	DPS_CODE_PROTOCOL,	/* what was sent breaks the protocol */
	DPS_CODE_LIMIT,		/* more than this side is willing to hold */
	DPS_CODE_UNREACHABLE,	/* the data path carries no packets */
	DPS_CODE_CANCELLED,	/* a user or program asked */
	DPS_CODE_SHUTTING_DOWN, /* the program is stopping */
	DPS_CODE_IDLE,		/* nothing advanced for the idle timeout */
	DPS_CODE_INTERNAL,	/* a fault of the side that says it */
	DPS_CODE_SUPERSEDED,	/* a newer connection took the transfer over */
	/* A resume or an attach. */
	DPS_CODE_UNKNOWN,	   /* a transfer that was never heard of, or is forgotten */
	DPS_CODE_FINISHED,	   /* it has ended */
	DPS_CODE_PARKED,	   /* its path is gone: only a resume helps */
	DPS_CODE_IDENTITY_CHANGED, /* what lies there is not what it was; also one file */
	DPS_CODE_WRONG_FILE,	   /* a stream: not the file it is at */
	DPS_CODE_OUT_OF_WINDOW,	   /* a stream: bytes that are not held any more */
	DPS_CODE_AHEAD_OF_SENT,	   /* a stream: bytes that were never sent */
	/* One file, or an offer because of one file. */
	DPS_CODE_SPACE,		 /* not enough room on the disk */
	DPS_CODE_TARGET_EXISTS,	 /* with other content, and it may not be replaced */
	DPS_CODE_BAD_NAME,	 /* leaves the directory, or no file can have it */
	DPS_CODE_CANNOT_WRITE,	 /* the collector's file system said no */
	DPS_CODE_CANNOT_READ,	 /* the exporter's file system said no */
	DPS_CODE_SOURCE_CHANGED, /* the file shrank or changed while it was read */
	DPS_CODE_DIGEST,	 /* what arrived is not what was read, repeatedly */
	/* A word of a later version. */
	DPS_CODE_OTHER,
	DPS_CODES_COUNT,
};

/* The word on the wire, e.g. "target_exists". */
const char *dps_control_code_name(enum dps_control_code code);

/* DPS_CODE_OTHER for a word that is not known. */
enum dps_control_code dps_control_code_from_name(const char *name);
