/* SPDX-License-Identifier: BSD-3-Clause */
/* Export state: what the files that make up an export transfer ask of each other. */
#pragma once
#include "apps/dpdk-streamd/export_jobs.h"

/* A piece that the collector wants again and the lane could not take yet. */
struct dps_export_refetch {
	struct dps_export_refetch *next;
	struct dps_lane_command command;
	bool is_given; /* the lane has it, and the descriptor comes back */
};

/* ---- export_transfer.c ---- */
bool dps_export_is_regular(const struct dps_export *export, uint32_t index);
uint64_t dps_export_size_of(const struct dps_export *export, uint32_t index);
/* The file has come to its end, whichever; only the first call counts. */
void dps_export_settle(struct dps_export *export, uint32_t index, enum dps_export_state state);
/* Reports a file as stored (code NULL) or failed. */
void dps_export_report_file(struct dps_export *export, uint32_t index,
			    const struct dps_digest *digest, const char *code, const char *text);
void dps_export_fail(struct dps_export *export, uint32_t index, enum dps_control_code code,
		     const char *text);
/* Fails a file for -errno of reading it; the collector is told that its rest will not come. */
void dps_export_skip_for(struct dps_export *export, uint32_t index, int error);
/* Says what the collector has not heard yet of a file that failed here. */
void dps_export_say_skip(struct dps_export *export, uint32_t index);
void dps_export_open_channel(struct dps_export *export);

/*
 * What an earlier run offered is of no use any more: the files as they are now. Before anything of
 * them is under way. 0 or -errno.
 */
int dps_export_list_anew(struct dps_export *export);

/* ---- export_files.c ---- */
/* Opens and announces the next files, in order, as far as there is room. */
void dps_export_open_files(struct dps_export *export);
void dps_export_announce_last(struct dps_export *export);
/* Closes and forgets an open file, if nobody needs it any more. */
void dps_export_release(struct dps_export *export, struct dps_export_work *work);
void dps_export_drop_refetches(struct dps_export *export);

/* ---- export_live.c: the one file of a live source ---- */
/* Makes the list of it. 0 or -ENOMEM. */
int dps_export_list_live(struct dps_export *export);
/* It is offered anew: with size and digest when it has ended, so that it is found if it is stored.
 */
void dps_export_anew_live(struct dps_export *export);
/* Whether it may (again) be announced; else it has failed. */
bool dps_export_begin_live(struct dps_export *export);
/* Tells and announces what has come of it since, and its end. */
void dps_export_step_live(struct dps_export *export);
/* Whether all of it is announced, or the rest never will be. */
bool dps_export_is_live_over(const struct dps_export *export);
/* How much there is of it, as the collector may not have heard. */
void dps_export_say_live_again(struct dps_export *export);
void dps_export_on_stretch_done(struct dps_export *export);
/* The collector has so much of it on disk. False: that cannot be. */
bool dps_export_on_held(struct dps_export *export, const struct dps_message_file_size *held);

/* ---- export_digests.c ---- */
/* The digests of what was read of a file so far. */
struct dps_piece_digests *dps_export_digests_of(struct dps_export *export, uint32_t index);
void dps_export_free_digests(struct dps_export_file *file);
/* If all of it was read: is it still the file that was offered? Then its digest is told. */
void dps_export_check_if_read(struct dps_export *export, uint32_t index);
void dps_export_say_digest(struct dps_export *export, uint32_t index);
/* A piece was read at this offset of a file: its first is the head. */
void dps_export_note_head(struct dps_export *export, uint32_t index, uint64_t offset,
			  const struct dps_digest *piece);
/* Reads once more what the collector holds of files and nobody here knows the digests of. */
void dps_export_fill(struct dps_export *export);

/* ---- export_answers.c ---- */
void dps_export_say_whether_same(struct dps_export *export, uint32_t index, bool is_same);

/* ---- export_partial.c ---- */
/* The collector holds the first bytes of files, of which only their heads tell. */
bool dps_export_on_partial(struct dps_export *export, const struct dps_message_items *partial);

/* ---- export_resume.c ---- */
bool dps_export_on_resumed(struct dps_export *export, const struct dps_message_resumed *resumed);

/* ---- export_attach.c ---- */
/* In its turn after offers: what the collector may not have heard of accepted files. */
void dps_export_say_again(struct dps_export *export);
bool dps_export_on_attached(struct dps_export *export, const struct dps_message_attached *attached);

/* ---- export_mirror.c ---- */
void dps_export_mirror_load_list(struct dps_export *export);
void dps_export_mirror_load_digests(struct dps_export *export);
/* The collector has accepted files: from now on the transfer can be gone on with. */
void dps_export_mirror_begin(struct dps_export *export);
/* There is something new of a file: so many bytes of it were read. */
void dps_export_mirror_note(struct dps_export *export, uint32_t index, uint64_t bytes);
