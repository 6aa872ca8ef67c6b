/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/report_text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

double dps_report_share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

double dps_report_gbps(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes * 8 / (double)ns : 0;
}

double dps_report_goodput_gbps(const struct dps_report_summary *summary)
{
	/* A part of a file that failed came before, and is not among the bytes. */
	uint64_t bytes =
		summary->bytes > summary->bytes_before ? summary->bytes - summary->bytes_before : 0;

	return dps_report_gbps(bytes, summary->duration_ns);
}

double dps_report_busy(const struct dps_report_lane *lane)
{
	uint64_t busy = dps_lane_cycles_busy(&lane->cycles);

	return dps_report_share(busy, busy + lane->cycles.spent[DPS_STAGE_IDLE]);
}

uint64_t dps_report_limits_ns(const struct dps_report_limits *limits)
{
	uint64_t sum_ns = 0;

	for (unsigned int i = 0; i < limits->count; i++)
		sum_ns += limits->items[i].ns;
	return sum_ns;
}

void dps_report_format_bytes(char text[DPS_REPORT_WORD_BYTES], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	if (bytes < 1024) {
		snprintf(text, DPS_REPORT_WORD_BYTES, "%" PRIu64 " B", bytes);
		return;
	}
	/* 1023.995 would be shown as 1024.00 */
	for (; value >= 1023.995 && unit < 5; unit++)
		value /= 1024;
	snprintf(text, DPS_REPORT_WORD_BYTES, "%.2f %s", value, units[unit]);
}

void dps_report_format_seconds(char text[DPS_REPORT_WORD_BYTES], double seconds)
{
	uint64_t whole;

	if (seconds >= 4 * 86400) {
		snprintf(text, DPS_REPORT_WORD_BYTES, "%.0f days", seconds / 86400);
		return;
	}
	whole = (uint64_t)(seconds + 0.5);
	if (whole >= 3600)
		snprintf(text, DPS_REPORT_WORD_BYTES, "%u:%02u:%02u", (unsigned int)(whole / 3600),
			 (unsigned int)(whole / 60 % 60), (unsigned int)(whole % 60));
	else
		snprintf(text, DPS_REPORT_WORD_BYTES, "%u:%02u", (unsigned int)(whole / 60),
			 (unsigned int)(whole % 60));
}

/* Appends to text, cutting at its end. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t room,
							 const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, room - used, format, arguments);
	va_end(arguments);
}

/* The largest limit below bound; ties go by place. NULL when there is none. */
static const struct dps_report_limit *next_largest(const struct dps_report_limits *limits,
						   const struct dps_report_limit *bound)
{
	const struct dps_report_limit *found = NULL;

	for (unsigned int i = 0; i < limits->count; i++) {
		const struct dps_report_limit *limit = &limits->items[i];
		bool is_below = !bound || limit->ns < bound->ns ||
				(limit->ns == bound->ns && limit > bound);

		if (is_below && (!found || limit->ns > found->ns))
			found = limit;
	}
	return found;
}

void dps_report_format_limits(char *text, size_t room, const struct dps_report_limits *limits,
			      unsigned int count_max)
{
	uint64_t sum_ns = dps_report_limits_ns(limits);
	const struct dps_report_limit *limit = NULL;

	text[0] = '\0';
	for (unsigned int i = 0; i < count_max; i++) {
		limit = next_largest(limits, limit);
		if (!limit || dps_report_share(limit->ns, sum_ns) < 0.05)
			return;
		append(text, room, "%s%s %.0f%%", i > 0 ? ", " : "", limit->name,
		       100 * dps_report_share(limit->ns, sum_ns));
	}
}

void dps_report_format_lane(char text[DPS_REPORT_LINE_BYTES], const struct dps_report_lane *lane,
			    const unsigned int *number)
{
	const size_t room = DPS_REPORT_LINE_BYTES;

	text[0] = '\0';
	append(text, room, "lane ");
	if (number)
		append(text, room, "%u ", *number);
	append(text, room, "%.0f%% busy", 100 * dps_report_busy(lane));
	if (lane->packets == 0)
		return;
	for (unsigned int i = 0; i < DPS_STAGE_IDLE; i++)
		append(text, room, "%s %s %.0f", i == 0 ? ":" : ",", dps_lane_stage_name(i),
		       dps_report_share(lane->cycles.spent[i], lane->packets));
	append(text, room, " cycles/packet");
}

static uint64_t smaller_of(uint64_t number, uint64_t total)
{
	return number < total ? number : total;
}

/* "12 s", "3 min", "5 h" */
static void append_time(char *text, size_t room, uint64_t ns)
{
	uint64_t seconds = ns / DPS_NS_PER_S;

	if (seconds < 120)
		append(text, room, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		append(text, room, "%" PRIu64 " min", seconds / 60);
	else
		append(text, room, "%" PRIu64 " h", seconds / 3600);
}

static void format_parked(char text[DPS_REPORT_LINE_BYTES],
			  const struct dps_report_progress *progress)
{
	const size_t room = DPS_REPORT_LINE_BYTES;
	uint64_t in_ns = progress->reconnect_ns;
	char bytes[DPS_REPORT_WORD_BYTES];

	if (progress->is_awaited)
		in_ns = progress->awaited_ns == DPS_NEVER_NS ? 0 : progress->awaited_ns;
	dps_report_format_bytes(bytes, progress->bytes);
	append(text, room, "parked for ");
	append_time(text, room, progress->parked_ns);
	append(text, room, progress->is_awaited ? ", waiting" : ", reconnecting");
	if (in_ns > 0) {
		append(text, room, progress->is_awaited ? " " : " in ");
		/* Rounded up: what is to come within a second is not now. */
		append_time(text, room, in_ns + DPS_NS_PER_S - 1);
		append(text, room, progress->is_awaited ? " more" : "");
	}
	append(text, room, "%s, resumes at %s", progress->is_awaited ? " for its exporter" : "",
	       bytes);
}

static void format_blocked(char text[DPS_REPORT_LINE_BYTES],
			   const struct dps_report_progress *progress)
{
	const size_t room = DPS_REPORT_LINE_BYTES;
	char bytes[DPS_REPORT_WORD_BYTES];

	dps_report_format_bytes(bytes, progress->bytes);
	append(text, room, "blocked: %s, for ", progress->blocked_by);
	append_time(text, room, progress->blocked_ns);
	append(text, room, "; %s are there", bytes);
}

void dps_report_format_progress(char text[DPS_REPORT_LINE_BYTES],
				const struct dps_report_progress *progress,
				const struct dps_report_rates *rates)
{
	const size_t room = DPS_REPORT_LINE_BYTES;
	char done[DPS_REPORT_WORD_BYTES], eta[DPS_REPORT_WORD_BYTES] = "?";
	const struct dps_report_limit *limit;

	text[0] = '\0';
	if (progress->is_parked) {
		format_parked(text, progress);
		return;
	}
	if (progress->blocked) {
		format_blocked(text, progress);
		return;
	}
	dps_report_format_bytes(done, progress->bytes);
	if (progress->waits_for_source) {
		append(text, room, "waits for its source; %s are there", done);
		return;
	}
	append(text, room, "%s", done);
	if (progress->bytes_total != DPS_REPORT_UNKNOWN && progress->bytes_total > 0)
		append(text, room, " %.0f%%",
		       100 * dps_report_share(progress->bytes, progress->bytes_total));
	if (rates->eta_seconds >= 0)
		dps_report_format_seconds(eta, rates->eta_seconds);
	append(text, room, "  %.2f Gb/s, mean %.2f  ETA %s", rates->now_gbps, rates->mean_gbps,
	       eta);
	/* Narrow terminals cut the end off, so that stands last which one misses least. */
	limit = next_largest(&progress->limits, NULL);
	if (limit && limit->ns > 0)
		append(text, room, "  limit %s", limit->name);
	append(text, room, "  resent %.1f%%",
	       100 * dps_report_share(progress->retransmitted_packets, progress->data_packets));
	if (progress->files_total != DPS_REPORT_UNKNOWN)
		append(text, room, "  file %" PRIu64 "/%" PRIu64,
		       smaller_of(progress->files + 1, progress->files_total),
		       progress->files_total);
	else
		append(text, room, "  file %" PRIu64, progress->files + 1);
}

static const char *headline(const struct dps_report_summary *summary)
{
	if (summary->is_stored)
		return summary->is_verified ? "stored and verified" : "stored, not verified";
	if (summary->is_verified && summary->files_failed == 0)
		return "received and verified, not stored";
	return "not complete";
}

void dps_report_print_summary(FILE *file, const struct dps_report_summary *summary)
{
	char bytes[DPS_REPORT_WORD_BYTES], memory[DPS_REPORT_WORD_BYTES], limits[128];
	char line[DPS_REPORT_LINE_BYTES];

	dps_report_format_bytes(bytes, summary->bytes);
	dps_report_format_bytes(memory, summary->peak_rss_bytes);
	fprintf(file, "%s: %" PRIu64 " %s, %s in %.2f s, %.2f Gb/s\n", headline(summary),
		summary->files, summary->files == 1 ? "file" : "files", bytes,
		(double)summary->duration_ns / 1e9, dps_report_goodput_gbps(summary));
	if (summary->files_already_stored > 0)
		fprintf(file, "%" PRIu64 " of them were there already\n",
			summary->files_already_stored);
	if (summary->files_failed > 0)
		fprintf(file, "%" PRIu64 " not stored\n", summary->files_failed);
	if (summary->files_skipped > 0)
		fprintf(file, "%" PRIu64 " skipped: symlinks and special files\n",
			summary->files_skipped);
	fprintf(file, "packets: %" PRIu64 ", resent %" PRIu64 " (%.2f%%)", summary->data_packets,
		summary->retransmitted_packets,
		100 * dps_report_share(summary->retransmitted_packets, summary->data_packets));
	if (summary->impaired_packets > 0)
		fprintf(file, ", lost or damaged on purpose %" PRIu64, summary->impaired_packets);
	fprintf(file, "; peak memory %s\n", memory);
	dps_report_format_limits(limits, sizeof(limits), &summary->limits, 4);
	if (limits[0])
		fprintf(file, "limited by %s\n", limits);
	for (unsigned int i = 0; i < summary->lanes.count; i++) {
		dps_report_format_lane(line, &summary->lanes.items[i],
				       summary->lanes.count > 1 ? &i : NULL);
		fprintf(file, "%s\n", line);
	}
}
