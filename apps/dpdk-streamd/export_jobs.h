/* SPDX-License-Identifier: BSD-3-Clause */
/* Export jobs: what of a transfer waits for the disk: opening, checking and comparing files. */
#pragma once
#include "apps/dpdk-streamd/export_transfer.h"

struct dps_export_job {
	struct dps_job job;
	struct dps_export *export;
	void (*then)(struct dps_export_job *job, uint64_t now_ns); /* may not keep the job */
	uint32_t file;
	int result; /* 0 or -errno; of opening a descriptor */
	int fd;
	bool is_direct;
	bool is_asked;		      /* comparing: on the connection of now */
	bool is_head;		      /* comparing: no more than its head */
	bool checks_head;	      /* opening: that it is the file of an earlier run */
	struct dps_digest digest;     /* of the file here */
	struct dps_digest expected;   /* of the collector's; opening: of its head */
	struct dps_export_work *work; /* checking: the open file */
	struct dps_digest *pieces;    /* reading pieces: theirs */
	uint64_t connection;	      /* it was pushed on */
	uint64_t offset;	      /* the caller's own; reading pieces: in the file */
	uint64_t bytes;
};

/*
 * Opens the file to be read by the lane; result is the descriptor. -EUCLEAN: an earlier run read
 * another head of it.
 */
void dps_export_push_open(struct dps_export *export, uint32_t file,
			  void (*then)(struct dps_export_job *job, uint64_t now_ns),
			  uint64_t offset, uint64_t bytes);

/* Whether the file is still what the walk found. */
void dps_export_push_check(struct dps_export *export, struct dps_export_work *work,
			   void (*then)(struct dps_export_job *job, uint64_t now_ns));

/* Reads the whole file for its digest. Returns the job, good until then returns. */
struct dps_export_job *
dps_export_push_digest(struct dps_export *export, uint32_t file, const struct dps_digest *compare,
		       void (*then)(struct dps_export_job *job, uint64_t now_ns));

/* Reads its head; the item is the collector's, with how much it holds. Returns the job as above. */
struct dps_export_job *
dps_export_push_head(struct dps_export *export, uint32_t file, const struct dps_message_item *held,
		     void (*then)(struct dps_export_job *job, uint64_t now_ns));

/* Reads pieces of the file, from a multiple of a chunk on, for their digests. */
void dps_export_push_pieces(struct dps_export *export, uint32_t file,
			    void (*then)(struct dps_export_job *job, uint64_t now_ns),
			    uint64_t offset, uint64_t bytes);
