/* SPDX-License-Identifier: BSD-3-Clause */
/* Export state: what the files that make up an export transfer ask of each other. */
#pragma once
#include "apps/dpdk-streamd/export_jobs.h"

enum { DPS_EXPORT_CHANNEL_NUMBER = 1 /* one transfer to a connection */ };

/* A piece that the collector wants again and the lane could not take yet. */
struct dps_export_refetch {
	struct dps_export_refetch *next;
	struct dps_lane_command command;
};

/* ---- export_transfer.c ---- */
bool dps_export_is_regular(const struct dps_export *export, uint32_t index);
uint64_t dps_export_size_of(const struct dps_export *export, uint32_t index);
void dps_export_free_work(struct dps_export_file *file);
/* The file has come to its end, whichever; only the first call counts. */
void dps_export_settle(struct dps_export *export, uint32_t index, enum dps_export_state state);
/* Reports a file as stored (code NULL) or failed. */
void dps_export_report_file(struct dps_export *export, uint32_t index,
			    const struct dps_digest *digest, const char *code, const char *text);
void dps_export_fail(struct dps_export *export, uint32_t index, enum dps_control_code code,
		     const char *text);
/* Fails a file for -errno of reading it, and tells the collector that its rest will not come. */
void dps_export_skip_for(struct dps_export *export, uint32_t index, uint64_t from_bytes, int error);

/* ---- export_files.c ---- */
/* Opens and announces the next files, in order, as far as there is room. */
void dps_export_open_files(struct dps_export *export);
void dps_export_announce_last(struct dps_export *export);
