/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Manifest: the files of an incoming transfer, in the order of their indices, and how far each is.
 *
 * Owner: the control core. Names stay where they are until the end, so that jobs may borrow them.
 */
#pragma once
#include "drivers/control/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_manifest_state {
	DPS_MANIFEST_WAITING, /* accepted; not opened yet */
	DPS_MANIFEST_HELD,    /* one like it is there: is it the same? */
	DPS_MANIFEST_OPENING, /* the worker has it */
	DPS_MANIFEST_OPEN,    /* data may come, or is being checked and published */
	DPS_MANIFEST_STORED,  /* this and what follows is the end of a file */
	DPS_MANIFEST_SAME,    /* was there already */
	DPS_MANIFEST_FAILED,
};

struct dps_intake_open;
struct dps_file_past;

struct dps_manifest_file {
	const char *name; /* ends with NUL */
	struct dps_intake_open *open;
	struct dps_file_past *past; /* what is known of it before it is opened, or NULL */
	uint64_t size_bytes;	    /* DPS_NUMBER_NONE: not known yet */
	int64_t mtime_ns;
	uint32_t name_bytes;
	uint8_t state; /* enum dps_manifest_state */
	bool is_folder;
	bool has_digest; /* of an empty file: told before it was opened */
};

/* Files as they were offered, copied out of a message; one block of memory. */
struct dps_manifest_batch {
	struct dps_manifest_batch *next;
	uint32_t first;
	uint32_t count;
	size_t bytes;			/* of all of it */
	struct dps_message_item *have;	/* files that may be there already; to be freed */
	struct dps_digest *have_stamps; /* of each, when it was digested; to be freed */
	uint32_t have_count;
	struct dps_message_file files[];
};

/* Why a file failed, to be said again. */
struct dps_manifest_failure {
	uint32_t file;
	uint32_t code;	  /* enum dps_control_code */
	const char *text; /* to be freed */
};

/* Each name behind `into` and a slash, unless that is "". NULL without memory. */
struct dps_manifest_batch *dps_manifest_batch_create(const struct dps_message_offer *offer,
						     const char *into);
void dps_manifest_batch_free(struct dps_manifest_batch *batch);

struct dps_manifest {
	struct dps_manifest_file *files;
	uint32_t count;
	uint32_t room;
	uint32_t settled_count;		    /* stored, same or failed */
	struct dps_manifest_batch *batches; /* the last first */
	struct dps_manifest_failure *failures;
	uint32_t failures_count;
	uint32_t failures_room;
};

void dps_manifest_init(struct dps_manifest *manifest);
void dps_manifest_fini(struct dps_manifest *manifest);

/* Takes the batch; its files wait. The batch's first must be count. -ENOMEM: nothing was taken. */
int dps_manifest_append(struct dps_manifest *manifest, struct dps_manifest_batch *batch);

/* The end of a file; false when it had ended before. */
bool dps_manifest_settle(struct dps_manifest *manifest, uint32_t index,
			 enum dps_manifest_state state);

/* Notes why a file failed; long texts are cut. -ENOMEM. */
int dps_manifest_note_failure(struct dps_manifest *manifest, uint32_t index,
			      enum dps_control_code code, const char *text);
