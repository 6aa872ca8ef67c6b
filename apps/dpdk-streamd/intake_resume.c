/* SPDX-License-Identifier: BSD-3-Clause */
/* A transfer that goes on: what the exporter is told of it, and what is announced once more. */
#include "apps/dpdk-streamd/intake.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

void dps_intake_wish(struct dps_intake *intake, const struct dps_intake_wish *wish)
{
	DPS_ASSERT((intake->is_parked || intake->state == DPS_INTAKE_LOADING) &&
		   !intake->wish.link && wish->link);
	intake->wish = *wish;
}

void dps_intake_refuse_wish(struct dps_intake *intake, enum dps_control_code code, const char *text)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = code,
			    .channel = intake->wish.number,
			    .text = text,
			    .needed_bytes = DPS_NUMBER_NONE,
			    .available_bytes = DPS_NUMBER_NONE },
	};

	if (!intake->wish.link)
		return;
	dps_log_limited("collect", DPS_LOG_WARNING, "did not resume a transfer of %s: %s",
			intake->peer, text);
	dps_peer_link_say(intake->wish.link, &message);
	intake->wish.link = NULL;
}

static uint64_t prefix_of(const struct dps_intake_open *open)
{
	const struct dps_manifest_file *file = &open->intake->manifest.files[open->file];

	return open->is_verified ? file->size_bytes
				 : dps_piece_digests_prefix_bytes(&open->pieces, file->size_bytes);
}

static bool is_partial(const struct dps_intake_open *open)
{
	const struct dps_manifest_file *file = &open->intake->manifest.files[open->file];

	return !file->is_folder && file->state == DPS_MANIFEST_OPEN && prefix_of(open) > 0;
}

/* Those that wait for room had their turn, and are not open. */
static uint32_t first_unopened(const struct dps_intake *intake)
{
	const struct dps_file_opening *opening = intake->opening;

	return intake->is_opening && opening->taken < opening->count
		       ? opening->items[opening->taken].file
		       : intake->next_file;
}

uint64_t dps_intake_kept_bytes(const struct dps_intake *intake)
{
	uint64_t bytes = intake->bytes_stored;

	for (const struct dps_intake_open *open = intake->opens; open; open = open->next)
		bytes += is_partial(open) ? prefix_of(open) : 0;
	for (uint32_t i = first_unopened(intake); i < intake->manifest.count; i++)
		bytes += dps_file_past_bytes(&intake->manifest.files[i]);
	return bytes;
}

/* ---- what the exporter is told ---- */

static bool is_stored(const struct dps_intake *intake, uint32_t index)
{
	return intake->manifest.files[index].state == DPS_MANIFEST_STORED ||
	       intake->manifest.files[index].state == DPS_MANIFEST_SAME;
}

static void say_ranges(struct dps_intake *intake, const struct dps_message_range *ranges,
		       uint32_t count)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_STORED,
		.stored = { .channel = intake->number,
			    .batch = intake->batch_number,
			    .ranges = ranges,
			    .ranges_count = count },
	};

	if (count == 0)
		return;
	dps_intake_say(intake, &message);
	intake->batch_number++;
}

static void say_stored(struct dps_intake *intake)
{
	struct dps_message_range *ranges = malloc(DPS_MESSAGE_ITEMS_MAX * sizeof(*ranges));
	uint32_t count = 0;

	if (!ranges)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < intake->manifest.count; i++) {
		if (!is_stored(intake, i))
			continue;
		if (count > 0 && ranges[count - 1].last + 1 == i) {
			ranges[count - 1].last = i;
			continue;
		}
		if (count == DPS_MESSAGE_ITEMS_MAX) {
			say_ranges(intake, ranges, count);
			count = 0;
		}
		ranges[count++] = (struct dps_message_range){ i, i };
	}
	say_ranges(intake, ranges, count);
	free(ranges);
}

static void say_failures(struct dps_intake *intake)
{
	for (uint32_t i = 0; i < intake->manifest.failures_count; i++) {
		const struct dps_manifest_failure *failure = &intake->manifest.failures[i];
		const struct dps_message message = {
			.type = DPS_MESSAGE_FILE_FAILED,
			.file_failed = { .channel = intake->number,
					 .file = failure->file,
					 .code = failure->code,
					 .text = failure->text },
		};

		dps_intake_say(intake, &message);
	}
}

static void say_held_of(struct dps_intake *intake, const struct dps_manifest_batch *batch)
{
	struct dps_message_item *items = malloc((batch->have_count + 1) * sizeof(*items));
	struct dps_message message = {
		.type = DPS_MESSAGE_ACCEPT,
		.accept = { .transfer = intake->id,
			    .channel = intake->number,
			    .files_end = intake->manifest.count,
			    .items = items },
	};

	if (!items)
		abort(); /* out of memory */
	for (uint32_t i = 0; i < batch->have_count; i++)
		if (intake->manifest.files[batch->have[i].file].state == DPS_MANIFEST_HELD)
			items[message.accept.items_count++] = batch->have[i];
	if (message.accept.items_count > 0)
		dps_intake_say(intake, &message);
	free(items);
}

void dps_intake_say_settled(struct dps_intake *intake)
{
	say_stored(intake);
	say_failures(intake);
	for (const struct dps_manifest_batch *batch = intake->manifest.batches; batch;
	     batch = batch->next)
		say_held_of(intake, batch);
}

static void say_resumed(struct dps_intake *intake)
{
	uint32_t room = intake->opens_count + 1, count = 0;
	struct dps_message_hold *holds;
	struct dps_message message = {
		.type = DPS_MESSAGE_RESUMED,
		.resumed = { .transfer = intake->id,
			     .channel = intake->number,
			     .files_end = intake->manifest.count },
	};

	for (uint32_t i = first_unopened(intake); i < intake->manifest.count; i++)
		room += intake->manifest.files[i].past != NULL;
	holds = malloc(room * sizeof(*holds));
	if (!holds)
		abort(); /* out of memory */
	for (const struct dps_intake_open *open = intake->opens; open; open = open->next)
		if (is_partial(open))
			holds[count++] = (struct dps_message_hold){ open->file, prefix_of(open) };
	for (uint32_t i = first_unopened(intake); i < intake->manifest.count; i++)
		if (dps_file_past_bytes(&intake->manifest.files[i]) > 0)
			holds[count++] = (struct dps_message_hold){
				i, dps_file_past_bytes(&intake->manifest.files[i])
			};
	DPS_ASSERT(count <= DPS_MESSAGE_ITEMS_MAX);
	message.resumed.holds = holds;
	message.resumed.holds_count = count;
	dps_intake_say(intake, &message);
	free(holds);
}

/* ---- going on ---- */

/* What came and does not count comes again. */
static void count_again(struct dps_intake *intake)
{
	for (struct dps_intake_open *open = intake->opens; open; open = open->next) {
		uint64_t kept = is_partial(open) ? prefix_of(open) : 0;

		if (open->received_bytes <= kept)
			continue;
		intake->bytes_received -= open->received_bytes - kept;
		open->received_bytes = kept;
	}
}

static void attach(struct dps_intake *intake, uint64_t now_ns)
{
	intake->link = intake->wish.link;
	intake->standing = intake->link->standing;
	intake->path = intake->wish.path;
	intake->number = intake->wish.number;
	intake->wish.link = NULL;
	memcpy(intake->peer, intake->link->connection.socket->peer, sizeof(intake->peer));
	intake->is_parked = intake->makes_room = intake->makes_way = intake->must_reconnect = false;
	intake->was_resumed = true;
	intake->end_text[0] = '\0';
	intake->has_last = intake->is_last_announced = intake->is_skip_due = false;
	intake->channel_state = DPS_INTAKE_CHANNEL_NONE;
	intake->next_again = intake->opens;
	intake->grown_bytes = 0;
	for (struct dps_intake_open *open = intake->opens; open; open = open->next)
		open->announced_bytes = 0;
	intake->heard_at_ns = now_ns;
	intake->contiguous = 0;
	dps_vitals_go_on(&intake->vitals, now_ns);
	count_again(intake);
}

void dps_intake_resume(struct dps_intake *intake, uint64_t now_ns)
{
	const struct dps_report_resumed resumed = {
		.transfer = intake->id,
		.from_bytes = dps_intake_kept_bytes(intake),
		.resent_bytes = DPS_REPORT_UNKNOWN,
		.parked_ns = now_ns - intake->parked_at_ns,
	};

	if (intake->wish.files < intake->manifest.count) {
		dps_intake_refuse_wish(intake, DPS_CODE_IDENTITY_CHANGED,
				       "the exporter has fewer files than it had; start it with "
				       "--new");
		return;
	}
	attach(intake, now_ns);
	dps_intake_say_settled(intake);
	say_resumed(intake);
	dps_report_clear_line(intake->context->report);
	dps_log("collect", DPS_LOG_NOTICE, "resumed a transfer of %s: %.1f MiB need not come again",
		intake->peer, (double)resumed.from_bytes / (1 << 20));
	dps_report_on_resumed(intake->context->report, &resumed);
}

bool dps_intake_announce_again(struct dps_intake *intake)
{
	while (intake->next_again) {
		struct dps_intake_open *open = intake->next_again;
		const struct dps_manifest_file *file = &intake->manifest.files[open->file];

		if (file->state == DPS_MANIFEST_OPEN && prefix_of(open) < file->size_bytes) {
			if (!dps_intake_has_lane_room(intake, 0))
				return false;
			dps_intake_announce_more(open);
		}
		intake->next_again = open->next;
	}
	return true;
}
