/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/intake_quota.h"
#include "apps/dpdk-streamd/report_text.h"
#include <stdio.h>
#include <string.h>

struct use {
	uint64_t transfers;
	uint64_t files;
	uint64_t bytes;
	uint64_t names_bytes; /* of memory */
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool counts(const struct dps_intake *intake, const struct dps_peer_standing *standing)
{
	return intake->state < DPS_INTAKE_LEAVING && !intake->makes_room &&
	       dps_peer_standing_is_same_peer(&intake->standing, standing);
}

static void add_intake(struct use *use, const struct dps_intake *intake)
{
	use->transfers++;
	use->files = add(use->files, intake->charged_files);
	use->bytes = add(use->bytes, intake->charged_bytes);
	use->names_bytes = add(use->names_bytes, intake->manifest_bytes);
}

static struct use sum(const struct dps_collect_context *context,
		      const struct dps_peer_standing *standing)
{
	struct use use = { 0 };

	for (const struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (counts(intake, standing))
			add_intake(&use, intake);
	return use;
}

static bool is_over(uint64_t used, uint64_t limit)
{
	return limit > 0 && used > limit;
}

static uint64_t transfers_max(const struct dps_grant *grant)
{
	return grant->transfers > 0 && grant->transfers < DPS_QUOTA_TRANSFERS_MAX
		       ? grant->transfers
		       : DPS_QUOTA_TRANSFERS_MAX;
}

/* ---- what is said ---- */

#define WHERE "in the collector's authorized_peers"

static void explain_transfers(const struct dps_grant *grant, char *text)
{
	snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX,
		 "this key may have %llu transfers here at once, and has them (transfers= " WHERE
		 "); wait until one has ended",
		 (unsigned long long)transfers_max(grant));
}

/* What there is too much of; false when there is nothing. */
static bool explain(const struct use *use, const struct dps_grant *grant, char *text)
{
	char used[DPS_REPORT_WORD_BYTES], limit[DPS_REPORT_WORD_BYTES];

	if (use->transfers > transfers_max(grant)) {
		explain_transfers(grant, text);
	} else if (is_over(use->files, grant->files)) {
		snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX,
			 "with these the transfers of this key have %llu files, and it may have "
			 "%llu here at once (files= " WHERE "); send fewer at once",
			 (unsigned long long)use->files, (unsigned long long)grant->files);
	} else if (is_over(use->bytes, grant->bytes)) {
		dps_report_format_bytes(used, use->bytes);
		dps_report_format_bytes(limit, grant->bytes);
		snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX,
			 "with these files the transfers of this key take %s, and it may have %s "
			 "here at once (bytes= " WHERE "); send less at once",
			 used, limit);
	} else if (use->names_bytes > DPS_QUOTA_NAMES_BYTES_MAX) {
		snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX,
			 "the transfers of this key have 768 MiB of names, which is all that one "
			 "key may have here at once; send fewer files at once");
	} else {
		return false;
	}
	return true;
}

/* ---- those that wait make room ---- */

/* Its exporter stays away. */
static bool can_make_room(const struct dps_intake *intake, const struct dps_intake *except)
{
	return intake != except && intake->is_parked && !intake->wish.link;
}

/* The one of a key that has waited longest for its exporter; NULL for none. */
static struct dps_intake *oldest_parked(const struct dps_collect_context *context,
					const struct dps_peer_standing *standing,
					const struct dps_intake *except)
{
	struct dps_intake *oldest = NULL;

	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (counts(intake, standing) && can_make_room(intake, except) &&
		    (!oldest || intake->parked_at_ns < oldest->parked_at_ns))
			oldest = intake;
	return oldest;
}

/* With all the room that others of its key could make: who is refused takes none of it. */
static bool could_fit(const struct dps_collect_context *context,
		      const struct dps_peer_standing *standing, const struct dps_intake *except,
		      const struct use *more, char *text)
{
	struct use use = *more;

	for (const struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (counts(intake, standing) && !can_make_room(intake, except))
			add_intake(&use, intake);
	return !explain(&use, &standing->grant, text);
}

static bool fits(const struct dps_collect_context *context,
		 const struct dps_peer_standing *standing, const struct dps_intake *except,
		 const struct use *more, char *text)
{
	if (!could_fit(context, standing, except, more, text))
		return false;
	for (;;) {
		struct use use = sum(context, standing);
		struct dps_intake *parked;

		use.transfers = add(use.transfers, more->transfers);
		use.files = add(use.files, more->files);
		use.bytes = add(use.bytes, more->bytes);
		if (!explain(&use, &standing->grant, text))
			return true;
		parked = oldest_parked(context, standing, except);
		if (!parked)
			return false;
		parked->makes_room = true;
	}
}

/* ---- asked ---- */

bool dps_quota_begin(const struct dps_collect_context *context,
		     const struct dps_peer_standing *standing, char *text)
{
	const struct use more = { .transfers = 1 };

	return fits(context, standing, NULL, &more, text);
}

bool dps_quota_has_bytes(const struct dps_intake *intake, uint64_t bytes, char *text)
{
	const struct use more = { .bytes = bytes };

	return fits(intake->context, &intake->standing, intake, &more, text);
}

bool dps_quota_charge(struct dps_intake *intake, uint64_t files, uint64_t bytes, char *text)
{
	const struct use more = { .files = files, .bytes = bytes };

	if (!fits(intake->context, &intake->standing, intake, &more, text))
		return false;
	intake->charged_files = add(intake->charged_files, files);
	intake->charged_bytes = add(intake->charged_bytes, bytes);
	return true;
}

bool dps_quota_may_go_on(const struct dps_intake *intake, char *text)
{
	const struct use nothing = { 0 };

	return fits(intake->context, &intake->standing, intake, &nothing, text);
}

/* ---- granted anew ---- */

static struct dps_intake *youngest(const struct dps_collect_context *context,
				   const struct dps_peer_standing *standing)
{
	struct dps_intake *youngest = NULL;

	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (counts(intake, standing) && intake->state > DPS_INTAKE_LOADING &&
		    (!youngest || intake->serial > youngest->serial))
			youngest = intake;
	return youngest;
}

void dps_quota_on_granted(struct dps_collect_context *context,
			  const struct dps_peer_standing *standing, uint64_t now_ns)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];
	struct dps_intake *intake;
	struct use use;

	for (intake = context->intakes; intake; intake = intake->next) {
		bool is_elsewhere = strcmp(intake->standing.grant.into, standing->grant.into) != 0;

		if (!dps_peer_standing_is_same_peer(&intake->standing, standing))
			continue;
		intake->standing.grant = standing->grant;
		if (is_elsewhere && intake->state > DPS_INTAKE_LOADING)
			dps_intake_cancel(
				intake, DPS_CODE_LIMIT,
				"files of this key go into another folder now (into= " WHERE
				"); run the same command again",
				now_ns);
	}
	while (use = sum(context, standing), explain(&use, &standing->grant, text)) {
		intake = youngest(context, standing);
		if (!intake)
			return;
		dps_intake_cancel(intake, DPS_CODE_LIMIT, text, now_ns);
	}
}
