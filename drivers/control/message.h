/* SPDX-License-Identifier: BSD-3-Clause */
/* Message: what two peers say to each other on the control connection (docs/protocol.md section
 * 10). */
#pragma once
#include "drivers/control/codes.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_message_limits {
	DPS_MESSAGE_VERSION = 1,      /* of this protocol; the only one spoken so far */
	DPS_MESSAGE_ITEMS_MAX = 8192, /* files, ranges or digests of one message */
	DPS_MESSAGE_FEATURES_MAX = 32,
	DPS_MESSAGE_QUEUES_MAX = 256,
	DPS_MESSAGE_WAYS_MAX = 15,
	DPS_MESSAGE_CHUNK_BYTES_MAX = 1 << 20,
	DPS_MESSAGE_WORD_BYTES_MAX = 64,   /* a feature, a seal */
	DPS_MESSAGE_TEXT_BYTES_MAX = 1024, /* a sentence for people */
	DPS_MESSAGE_PATH_BYTES_MAX = 4096,
	DPS_MESSAGE_ERROR_BYTES = 256, /* room for any sentence of dps_message_decode */
};

#define DPS_NUMBER_NONE UINT64_MAX	    /* an optional number that is not there */
#define DPS_MESSAGE_QUEUES_NONE UINT32_MAX  /* the port's queues are nobody's affair */
#define DPS_MESSAGE_CHANNEL_NONE UINT32_MAX /* a refusal that is about no channel */
#define DPS_FILES_MAX (UINT32_C(1) << 30)   /* of one transfer; every file index is below */

enum dps_message_type {
	DPS_MESSAGE_UNKNOWN, /* of a later version: count it, do nothing */
	DPS_MESSAGE_HELLO,
	DPS_MESSAGE_REFUSE,
	DPS_MESSAGE_OFFER,
	DPS_MESSAGE_OFFER_MORE,
	DPS_MESSAGE_FILE_MORE,
	DPS_MESSAGE_FILE_END,
	DPS_MESSAGE_LAST,
	DPS_MESSAGE_ACCEPT,
	DPS_MESSAGE_PARTIAL,
	DPS_MESSAGE_SAME,
	DPS_MESSAGE_DIFFERENT,
	DPS_MESSAGE_DIGEST,
	DPS_MESSAGE_STORED,
	DPS_MESSAGE_HELD,
	DPS_MESSAGE_FILE_FAILED,
	DPS_MESSAGE_SKIP,
	DPS_MESSAGE_REFETCH,
	DPS_MESSAGE_BLOCKED,
	DPS_MESSAGE_CANCEL,
	DPS_MESSAGE_DONE,
	DPS_MESSAGE_RESUME,
	DPS_MESSAGE_RESUMED,
	DPS_MESSAGE_ATTACH,
	DPS_MESSAGE_ATTACHED,
	DPS_MESSAGE_ERROR,
	DPS_MESSAGE_TYPES_COUNT,
};

enum dps_role {
	DPS_ROLE_EXPORT,
	DPS_ROLE_COLLECT,
	DPS_ROLES_COUNT,
};

enum dps_file_kind {
	DPS_FILE_REGULAR,
	DPS_FILE_DIRECTORY,
	DPS_FILE_KINDS_COUNT,
};

/* What holds a peer up that is alive. */
enum dps_blocked_why {
	DPS_BLOCKED_NOTHING, /* no longer */
	DPS_BLOCKED_SPACE,   /* its disk is full */
	DPS_BLOCKED_DISK,    /* its disk is slow or hangs */
	DPS_BLOCKED_SINK,    /* whoever reads the stream does not */
	DPS_BLOCKED_SOURCE,  /* whoever writes the stream does not */
	DPS_BLOCKED_OTHER,   /* a reason of a later version */
	DPS_BLOCKED_COUNT,
};

/* One more path beside the one of the hello, for a transfer over several. */
struct dps_message_way {
	uint64_t connection_id; /* what packets to this side carry over it */
	uint16_t udp_port;	/* and where they go; the address is the hello's */
};

struct dps_message_ways {
	uint32_t count;
	struct dps_message_way items[DPS_MESSAGE_WAYS_MAX];
};

/* Both say it first, the exporter before the collector. */
struct dps_message_hello {
	uint32_t version_min;
	uint32_t version_max;
	uint32_t features_count;
	uint32_t role; /* enum dps_role */
	const char *const *features;
	const char *software;	/* name and version, for logs */
	const char *seal;	/* "clear": packets carry CRC32C */
	uint64_t epoch;		/* < 2^63 */
	uint64_t connection_id; /* what packets to this side carry */
	uint64_t window_bytes;
	struct dps_address address; /* where packets to this side go; family may be NONE */
	uint32_t chunk_bytes;	    /* a power of two */
	uint32_t payload_bytes;	    /* most payload of one packet that this side takes */
	uint32_t queues; /* pairs of a port that faces the other's queue by queue, or NONE */
	struct dps_message_ways more_paths;
};

/* The answer instead of hello or accept. */
struct dps_message_refuse {
	uint32_t code;	  /* enum dps_control_code */
	uint32_t channel; /* DPS_MESSAGE_CHANNEL_NONE: the connection is refused */
	const char *text;
	uint64_t needed_bytes;	  /* space: what the offer takes, or DPS_NUMBER_NONE ... */
	uint64_t available_bytes; /* ... and what there is */
	uint32_t version_min;	  /* version: what would be understood, or 0 and 0 */
	uint32_t version_max;
	const char *path; /* the file it is about, or NULL */
	uint32_t path_bytes;
};

struct dps_message_file {
	const char *path; /* relative, '/' between names; any bytes but NUL, and a NUL behind */
	uint32_t path_bytes;
	uint16_t mode;	     /* permission bits, 07777 */
	uint8_t kind;	     /* enum dps_file_kind */
	uint64_t size_bytes; /* DPS_NUMBER_NONE until file_end says it; 0 for a directory */
	int64_t mtime_ns;    /* since 1970, may be before */
};

/* offer begins a transfer, offer_more appends to its files; indices count on from first. */
struct dps_message_offer {
	struct dps_transfer_id transfer;
	uint32_t channel;
	uint32_t chunk_bytes; /* offer only */
	uint64_t total_files; /* offer only; DPS_NUMBER_NONE when not known yet */
	uint64_t total_bytes; /* the same */
	uint32_t first;	      /* index of files[0]; 0 in an offer */
	uint32_t files_count;
	const struct dps_message_file *files;
};

/*
 * Of a file that was offered without a size. file_end: its size. file_more: how much of it the
 * exporter has by now, in whole chunks. held: how much the collector has on disk and journalled.
 */
struct dps_message_file_size {
	uint32_t channel;
	uint32_t file;
	uint64_t size_bytes;
};

/* last: nothing will be appended. done: the collector's last word about a transfer. */
struct dps_message_totals {
	uint32_t channel;
	uint64_t files;
	uint64_t bytes;
	uint64_t failed; /* done only: how many of the files are not stored */
};

struct dps_message_item {
	uint32_t file;
	uint64_t size_bytes; /* of what the digest covers; partial: of what is held */
	struct dps_digest digest;
};

/*
 * accept answers one offer or offer_more: files below files_end may be sent, except those in
 * items (have), which the collector already holds with this size and content: for each the
 * exporter says same or different first.
 * digest: what files read whole came to, in items.
 * partial: the collector holds the first bytes of these, from an earlier transfer, and their heads
 * have these digests: for each the exporter says same or different, as above.
 */
struct dps_message_items {
	struct dps_transfer_id transfer; /* accept only */
	uint32_t channel;
	uint32_t files_end; /* accept only */
	uint32_t items_count;
	const struct dps_message_item *items;
};

struct dps_message_range {
	uint32_t first;
	uint32_t last; /* included */
};

/* same, different: the answer to have. stored: published and on disk, told once per batch. */
struct dps_message_ranges {
	uint32_t channel;
	uint32_t ranges_count;
	uint64_t batch; /* stored only, counts up */
	const struct dps_message_range *ranges;
};

/* file_failed: the collector gave one file up. skip: the exporter did, from an offset in it on. */
struct dps_message_file_error {
	uint32_t channel;
	uint32_t file;
	uint32_t code;	     /* enum dps_control_code */
	uint64_t from_bytes; /* skip only */
	const char *text;
};

/* A chunk whose digest did not match is to be sent again. */
struct dps_message_refetch {
	uint32_t channel;
	uint64_t offset; /* of the channel */
	uint64_t bytes;
};

/* As the wire has it; lent. */
const char *dps_blocked_why_name(enum dps_blocked_why why);

struct dps_message_blocked {
	uint32_t channel;
	uint32_t why; /* enum dps_blocked_why */
};

/* In place of an offer: goes on with a transfer whose connection was lost. */
struct dps_message_resume {
	struct dps_transfer_id transfer;
	uint32_t channel; /* on this connection */
	uint32_t chunk_bytes;
	uint32_t files; /* how many the exporter has offered, or would */
};

/* The first bytes of a file, verified, on disk and journalled: they need not come again. */
struct dps_message_hold {
	uint32_t file;
	uint64_t bytes;
};

/*
 * The answer, after stored, file_failed and accept have said what became of files that ended or
 * wait for same or different: files below files_end were accepted, and these are partly there.
 */
struct dps_message_resumed {
	struct dps_transfer_id transfer;
	uint32_t channel;
	uint32_t files_end;
	uint32_t holds_count;
	const struct dps_message_hold *holds;
};

/* In place of an offer: a transfer whose path goes on gets this connection for its messages. */
struct dps_message_attach {
	struct dps_transfer_id transfer;
	uint32_t channel; /* the same as on the connection that was lost */
	uint64_t epoch;	  /* of the path, as its hello had it */
};

/*
 * The answer, after stored, file_failed, accept and refetch have said once more what the exporter
 * may not have heard.
 */
struct dps_message_attached {
	struct dps_transfer_id transfer;
	uint32_t channel;
	uint32_t files_end;   /* files below were accepted */
	uint32_t offered_end; /* ... and offered: what follows may have been lost */
};

/* cancel ends a transfer, error the connection. */
struct dps_message_end {
	uint32_t channel; /* cancel only */
	uint32_t code;	  /* enum dps_control_code */
	const char *text;
};

struct dps_message {
	enum dps_message_type type;
	union {
		struct dps_message_hello hello;
		struct dps_message_refuse refuse;
		struct dps_message_offer offer; /* offer_more, too */
		struct dps_message_file_size file_more;
		struct dps_message_file_size file_end;
		struct dps_message_file_size held;
		struct dps_message_totals last;
		struct dps_message_totals done;
		struct dps_message_items accept;
		struct dps_message_items digest;
		struct dps_message_items partial;
		struct dps_message_ranges same;
		struct dps_message_ranges different;
		struct dps_message_ranges stored;
		struct dps_message_file_error file_failed;
		struct dps_message_file_error skip;
		struct dps_message_refetch refetch;
		struct dps_message_blocked blocked;
		struct dps_message_resume resume;
		struct dps_message_resumed resumed;
		struct dps_message_attach attach;
		struct dps_message_attached attached;
		struct dps_message_end cancel;
		struct dps_message_end error;
	};
	char *text;  /* decoded only: memory that strings point into ... */
	void *items; /* ... and the one list there may be */
};

/* The word on the wire, e.g. "offer_more". */
const char *dps_message_type_name(enum dps_message_type type);

/*
 * Decodes one frame. Unknown fields are ignored; an unknown type is DPS_MESSAGE_UNKNOWN. Returns
 * DPS_CODE_NONE, or what to close the connection with: DPS_CODE_PROTOCOL or, without
 * memory, DPS_CODE_INTERNAL; error then holds a sentence. Never keeps a reference to bytes.
 * Text that came from the peer has its control characters replaced; paths are as they came.
 */
enum dps_control_code dps_message_decode(struct dps_message *message, const uint8_t *bytes,
					 size_t length, char error[DPS_MESSAGE_ERROR_BYTES]);

/* Gives back what decoding took. */
void dps_message_fini(struct dps_message *message);

/*
 * Gives the frame of a message, to be freed with free(), or NULL when there is no memory. A list
 * longer than DPS_MESSAGE_ITEMS_MAX, or files that do not fit (below), are the caller's fault.
 */
char *dps_message_encode(const struct dps_message *message, size_t *length);

/* How many of the first files fit one offer or offer_more; at least one of count > 0. */
uint32_t dps_message_fit_files(const struct dps_message_file *files, uint32_t count);
