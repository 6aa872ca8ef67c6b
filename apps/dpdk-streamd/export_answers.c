/* SPDX-License-Identifier: BSD-3-Clause */
/* Export answers: what the collector says of a transfer: accepted, has it, stored, failed, again.
 */
#include "apps/dpdk-streamd/export_state.h"
#include "drivers/log/log.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void dps_export_say_whether_same(struct dps_export *export, uint32_t index, bool is_same)
{
	const struct dps_message_range range = { .first = index, .last = index };
	const struct dps_message message = {
		.type = is_same ? DPS_MESSAGE_SAME : DPS_MESSAGE_DIFFERENT,
		.same = { .channel = export->number, .ranges_count = 1, .ranges = &range },
	};

	dps_peer_link_say(export->link, &message);
}

/* A file is there: by what this run sent, or already. */
static void settle(struct dps_export *export, uint32_t index, enum dps_export_state state,
		   bool is_ours)
{
	uint64_t size_bytes = dps_export_size_of(export, index);

	dps_export_settle(export, index, state);
	if (is_ours) {
		export->files_stored++;
		export->bytes_stored += size_bytes;
	} else {
		export->files_same++;
		export->bytes_same += size_bytes;
	}
}

/* Says it, and what follows from it here. */
static void answer(struct dps_export *export, uint32_t index, bool is_same)
{
	struct dps_export_file *file = &export->files[index];

	dps_export_say_whether_same(export, index, is_same);
	if (!is_same || file->state >= DPS_EXPORT_STORED)
		return;
	settle(export, index, DPS_EXPORT_SAME, file->was_stored);
	if (file->was_stored) /* by what went before this transfer, and told then */
		export->bytes_held += dps_export_size_of(export, index);
	else
		dps_export_report_file(export, index, &file->digest, NULL, NULL);
}

static void on_compared(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_export_file *file = &export->files[job->file];
	bool is_same =
		job->result == 0 && memcmp(&job->digest, &job->expected, sizeof(job->digest)) == 0;

	(void)now_ns;
	if (export->is_over || file->state != DPS_EXPORT_COMPARING)
		return;
	file->compare = NULL;
	file->state = DPS_EXPORT_WAITING;
	if (is_same) {
		file->digest = job->digest;
		file->is_known = true;
		file->is_head_due = false; /* all of it was read */
		dps_export_free_digests(file);
	}
	/* Asked again on another connection, what is known is said then. */
	if (job->is_asked)
		answer(export, job->file, is_same);
}

/* It was compared on the connection before, and is on its way since. */
static bool was_different(const struct dps_export *export, const struct dps_export_file *file)
{
	return export->is_attaching && file->state >= DPS_EXPORT_OPENING &&
	       file->state <= DPS_EXPORT_SENT;
}

/* The collector has one with this digest. */
static bool on_have(struct dps_export *export, const struct dps_message_item *item)
{
	struct dps_export_file *file = &export->files[item->file];

	if (!dps_export_is_regular(export, item->file))
		return false;
	if (file->state == DPS_EXPORT_COMPARING && file->compare->is_head)
		file->state = DPS_EXPORT_WAITING; /* that was asked before, and is no more */
	if (file->state == DPS_EXPORT_COMPARING) {
		if (file->compare->is_asked)
			return export->is_attaching; /* it will be told in its time */
		file->compare->expected = item->digest;
		file->compare->is_asked = true;
	} else if (file->is_known && !file->is_head_due) {
		answer(export, item->file,
		       memcmp(&file->digest, &item->digest, sizeof(file->digest)) == 0);
	} else if (file->state == DPS_EXPORT_FAILED || export->list.entries[item->file].error < 0 ||
		   was_different(export, file)) {
		dps_export_say_whether_same(export, item->file, false);
	} else if (file->state == DPS_EXPORT_WAITING || export->is_resuming) {
		file->state = DPS_EXPORT_COMPARING;
		file->compare =
			dps_export_push_digest(export, item->file, &item->digest, on_compared);
	} else {
		return false;
	}
	return true;
}

static void report_accepted(struct dps_export *export)
{
	const struct dps_report_offer offer = {
		.transfer = export->id,
		.files = export->files_count,
		.bytes = export->bytes_total,
	};

	dps_report_on_accepted(export->report, &offer);
}

/* While it resumes or attaches, the collector says once more what it said before. */
static bool is_repeating(const struct dps_export *export)
{
	return export->is_resuming || export->is_attaching;
}

static bool is_in_turn(const struct dps_export *export, const struct dps_message_items *accept)
{
	if (is_repeating(export))
		return accept->files_end <= export->files_count;
	return accept->files_end <= export->offered_end &&
	       accept->files_end >= export->accepted_end &&
	       (accept->files_end > 0 || export->files_count == 0);
}

static bool on_accept(struct dps_export *export, const struct dps_message_items *accept)
{
	uint32_t first = is_repeating(export) ? 0 : export->accepted_end;

	if (!is_in_turn(export, accept))
		return false;
	for (uint32_t i = 0; i < accept->items_count; i++)
		if (accept->items[i].file < first || accept->items[i].file >= accept->files_end ||
		    !on_have(export, &accept->items[i]))
			return false;
	if (is_repeating(export))
		return true;
	if (export->accepted_end == 0 && !export->was_accepted)
		report_accepted(export);
	export->was_accepted = true;
	export->accepted_end = accept->files_end;
	dps_export_mirror_begin(export);
	return true;
}

/* What an earlier run of this program sent was there before this one said a word. */
static void settle_stored(struct dps_export *export, uint32_t index)
{
	bool is_ours = !export->is_resuming || export->was_live;

	settle(export, index, is_ours ? DPS_EXPORT_STORED : DPS_EXPORT_SAME, is_ours);
	if (!export->files[index].was_stored)
		dps_export_report_file(export, index, NULL, NULL, NULL);
}

static bool on_stored(struct dps_export *export, const struct dps_message_ranges *stored)
{
	for (uint32_t i = 0; i < stored->ranges_count; i++) {
		if (stored->ranges[i].last >= export->files_count)
			return false;
		for (uint32_t index = stored->ranges[i].first; index <= stored->ranges[i].last;
		     index++) {
			const struct dps_export_file *file = &export->files[index];

			if (file->state >= DPS_EXPORT_STORED)
				continue;
			/* An earlier connection may have said what it is, else it is too early. */
			if (file->state != DPS_EXPORT_SENT && !is_repeating(export) &&
			    !export->is_resumed && dps_export_is_regular(export, index))
				return false;
			settle_stored(export, index);
		}
	}
	return true;
}

static int file_at(const struct dps_export *export, uint64_t offset)
{
	uint32_t low = 0, high = export->files_count;
	int found = -1;

	/* Folders and empty files share an offset with what follows: the last with bytes counts. */
	for (low = 0; low < high; low++) {
		if (!dps_export_is_regular(export, low) || dps_export_size_of(export, low) == 0)
			continue;
		if (export->files[low].offset > offset)
			break;
		found = (int)low;
	}
	return found;
}

static void keep_refetch(struct dps_export *export, const struct dps_lane_command *command,
			 uint64_t at_ns)
{
	struct dps_export_refetch *refetch = malloc(sizeof(*refetch));

	if (!refetch)
		abort();
	refetch->command = *command;
	refetch->is_given = false;
	refetch->next = export->refetches;
	export->refetches = refetch;
	export->refetch_at_ns = at_ns;
}

static void on_opened_again(struct dps_export_job *job, uint64_t now_ns)
{
	struct dps_export *export = job->export;
	struct dps_lane_command command = {
		.type = DPS_COMMAND_RESEND,
		.channel = export->channel,
		.generation = export->generation,
		.fd = job->fd,
		.is_direct = job->is_direct,
		.extent = { .offset = job->offset, .bytes = job->bytes, .file_index = job->file },
		.offset = job->offset - export->files[job->file].offset,
	};

	if (job->connection != export->connection || export->is_over) {
		if (job->fd >= 0)
			close(job->fd);
		return;
	}
	if (job->result < 0 && export->source) {
		dps_export_skip_for(export, job->file, job->result);
		return;
	}
	keep_refetch(export, &command, now_ns);
}

static bool on_refetch(struct dps_export *export, const struct dps_message_refetch *refetch)
{
	int index = file_at(export, refetch->offset);

	if (index < 0 ||
	    refetch->offset >=
		    (export->live ? export->announced_bytes : export->layout.next_offset) ||
	    refetch->bytes > export->layout.chunk_bytes ||
	    export->refetches) /* one at a time is all that an honest collector needs */
		return export->refetches != NULL;
	dps_log("export", DPS_LOG_WARNING,
		"a piece arrived with a wrong digest and is read and sent again");
	dps_export_push_open(export, (uint32_t)index, on_opened_again, refetch->offset,
			     refetch->bytes);
	return true;
}

bool dps_export_on_message(struct dps_export *export, const struct dps_message *message)
{
	if (!export->is_live && !is_repeating(export))
		return false;
	switch (message->type) {
	case DPS_MESSAGE_ATTACHED:
		return dps_export_on_attached(export, &message->attached);
	case DPS_MESSAGE_RESUMED:
		return dps_export_on_resumed(export, &message->resumed);
	case DPS_MESSAGE_ACCEPT:
		return on_accept(export, &message->accept);
	case DPS_MESSAGE_PARTIAL:
		return dps_export_on_partial(export, &message->partial);
	case DPS_MESSAGE_HELD:
		return dps_export_on_held(export, &message->held);
	case DPS_MESSAGE_STORED:
		return on_stored(export, &message->stored);
	case DPS_MESSAGE_FILE_FAILED:
		if (message->file_failed.file >= export->files_count)
			return false;
		export->files[message->file_failed.file].error = 0; /* it knows */
		dps_export_fail(export, message->file_failed.file, message->file_failed.code,
				message->file_failed.text);
		return true;
	case DPS_MESSAGE_REFETCH:
		return on_refetch(export, &message->refetch);
	default:
		return true;
	}
}

void dps_export_on_time(struct dps_export *export, uint64_t now_ns)
{
	if (now_ns >= export->mirror_at_ns)
		dps_export_mirror_flush(export);
	if (now_ns < export->refetch_at_ns)
		return;
	export->refetch_at_ns = DPS_NEVER_NS;
	if (!export->refetches)
		return;
	export->refetches->is_given = true;
	dps_node_command(export->node, &export->refetches->command);
}
