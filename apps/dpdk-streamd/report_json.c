/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/report_json.h"
#include "drivers/encoding/encoding.h"
#include <jansson.h>
#include <stdlib.h>

static json_t *hex(const uint8_t *bytes, size_t length)
{
	char text[2 * 16 + 1];

	dps_hex_encode(bytes, length, text);
	return json_string(text);
}

/* Totals that nobody knows are null. */
static json_t *number(uint64_t value)
{
	return value > INT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static json_t *text_or_null(const char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	return value ? value : json_null(); /* NULL, too, for what is not UTF-8 */
}

static json_t *begin(const char *event)
{
	json_t *object = json_object();

	json_object_set_new(object, "event", json_string(event));
	return object;
}

/* Takes value. A name or number that there is no memory for is left out of the line. */
static void add(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static void add_transfer(json_t *object, const struct dps_transfer_id *transfer)
{
	add(object, "transfer", hex(transfer->bytes, sizeof(transfer->bytes)));
}

static void add_path(json_t *object, const struct dps_report_file *file)
{
	json_t *path = json_stringn(file->path, file->path_bytes); /* NULL: not UTF-8 */
	char *base64;

	if (path) {
		add(object, "path", path);
		return;
	}
	base64 = malloc(dps_base64_bytes(file->path_bytes) + 1);
	if (!base64)
		return;
	dps_base64_encode((const uint8_t *)file->path, file->path_bytes, base64);
	add(object, "path_b64", json_string(base64));
	free(base64);
}

static void add_limits(json_t *object, const struct dps_report_limits *limits)
{
	uint64_t sum_ns = dps_report_limits_ns(limits);
	json_t *shares = json_object();

	for (unsigned int i = 0; i < limits->count; i++)
		add(shares, limits->items[i].name,
		    json_real(dps_report_share(limits->items[i].ns, sum_ns)));
	add(object, "limited_by", shares);
}

static json_t *cycles_of(const struct dps_lane_cycles *cycles)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++)
		add(object, dps_lane_stage_name(i), number(cycles->spent[i]));
	return object;
}

/* Nothing can be said of no packet. */
static json_t *cycles_per_packet_of(const struct dps_report_lane *lane)
{
	json_t *object;

	if (lane->packets == 0)
		return json_null();
	object = json_object();
	for (unsigned int i = 0; i < DPS_STAGE_IDLE; i++)
		add(object, dps_lane_stage_name(i),
		    json_real(dps_report_share(lane->cycles.spent[i], lane->packets)));
	return object;
}

static json_t *pools_of(const struct dps_report_lane *lane)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < lane->pools_count; i++) {
		json_t *pool = json_object();

		add(pool, "count", number(lane->pools[i].count));
		add(pool, "free_low", number(lane->pools[i].free_low));
		add(object, lane->pools[i].name, pool);
	}
	return object;
}

static void add_lanes(json_t *object, const struct dps_report_lanes *lanes)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < lanes->count; i++) {
		const struct dps_report_lane *lane = &lanes->items[i];
		json_t *item = json_object();

		add(item, "busy", json_real(dps_report_busy(lane)));
		add(item, "metered_packets", number(lane->packets));
		add(item, "cycles", cycles_of(&lane->cycles));
		add(item, "cycles_per_packet", cycles_per_packet_of(lane));
		add(item, "pools", pools_of(lane));
		json_array_append_new(array, item);
	}
	add(object, "lanes", array);
}

/* Writes and frees one line. */
static void print(struct dps_report *report, json_t *object)
{
	if (!report->has_failed &&
	    (json_dumpf(object, report->out, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0 ||
	     fputc('\n', report->out) == EOF || fflush(report->out) != 0))
		report->has_failed = true;
	json_decref(object);
}

void dps_report_on_hello(struct dps_report *report, const struct dps_report_hello *hello)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin("hello");
	add(object, "peer", text_or_null(hello->peer));
	add(object, "software", text_or_null(hello->software));
	add(object, "role", text_or_null(hello->role));
	add(object, "seal", text_or_null(hello->seal));
	add(object, "version", number(hello->version));
	add(object, "payload_bytes", number(hello->payload_bytes));
	print(report, object);
}

static void print_offer(struct dps_report *report, const char *event,
			const struct dps_report_offer *offer)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin(event);
	add_transfer(object, &offer->transfer);
	add(object, "files", number(offer->files));
	add(object, "bytes", number(offer->bytes));
	print(report, object);
}

void dps_report_on_offer(struct dps_report *report, const struct dps_report_offer *offer)
{
	print_offer(report, "offer", offer);
}

void dps_report_on_accepted(struct dps_report *report, const struct dps_report_offer *offer)
{
	print_offer(report, "accepted", offer);
}

static json_t *begin_file(const char *event, const struct dps_report_file *file)
{
	json_t *object = begin(event);

	add_transfer(object, &file->transfer);
	add(object, "file", number(file->file));
	add_path(object, file);
	add(object, "bytes", number(file->bytes));
	return object;
}

void dps_report_on_file_stored(struct dps_report *report, const struct dps_report_file *file)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin_file("file_stored", file);
	if (file->digest)
		add(object, "digest", hex(file->digest->bytes, DPS_DIGEST_BYTES));
	add(object, "already_stored", json_boolean(file->was_stored));
	print(report, object);
}

void dps_report_on_file_failed(struct dps_report *report, const struct dps_report_file *file)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin_file("file_failed", file);
	add(object, "code", text_or_null(file->code));
	add(object, "text", text_or_null(file->text));
	print(report, object);
}

static void report_loss(struct dps_report *report, const char *event,
			const struct dps_report_parked *lost)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin(event);
	add_transfer(object, &lost->transfer);
	add(object, "reason", text_or_null(lost->reason));
	add(object, "bytes", number(lost->bytes));
	print(report, object);
}

void dps_report_on_parked(struct dps_report *report, const struct dps_report_parked *parked)
{
	report_loss(report, "parked", parked);
}

void dps_report_on_control_lost(struct dps_report *report, const struct dps_report_parked *lost)
{
	report_loss(report, "control_lost", lost);
}

void dps_report_on_attached(struct dps_report *report, const struct dps_report_attached *attached)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin("attached");
	add_transfer(object, &attached->transfer);
	add(object, "lost_seconds", json_real((double)attached->lost_ns / 1e9));
	print(report, object);
}

void dps_report_on_resumed(struct dps_report *report, const struct dps_report_resumed *resumed)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin("resumed");
	add_transfer(object, &resumed->transfer);
	add(object, "from_bytes", number(resumed->from_bytes));
	if (resumed->resent_bytes != DPS_REPORT_UNKNOWN)
		add(object, "resent_bytes", number(resumed->resent_bytes));
	add(object, "parked_seconds", json_real((double)resumed->parked_ns / 1e9));
	print(report, object);
}

void dps_report_on_blocked(struct dps_report *report, const struct dps_report_blocked *blocked)
{
	json_t *object;

	if (!report->is_json)
		return;
	object = begin(blocked->why ? "blocked" : "unblocked");
	add_transfer(object, &blocked->transfer);
	if (blocked->why)
		add(object, "why", json_string(blocked->why));
	else
		add(object, "blocked_seconds", json_real((double)blocked->blocked_ns / 1e9));
	print(report, object);
}

static const char *state_of(const struct dps_report_progress *progress)
{
	if (progress->is_parked)
		return "parked";
	if (progress->blocked)
		return "blocked";
	return progress->waits_for_source ? "waits_for_source" : "moving";
}

/* Who is parked dials again, or waits to be dialled. */
static void add_until(json_t *object, const struct dps_report_progress *progress)
{
	if (!progress->is_awaited)
		add(object, "reconnect_seconds", json_real((double)progress->reconnect_ns / 1e9));
	else if (progress->awaited_ns == DPS_NEVER_NS)
		add(object, "awaited_seconds", json_null());
	else
		add(object, "awaited_seconds", json_real((double)progress->awaited_ns / 1e9));
}

void dps_report_json_progress(struct dps_report *report, const struct dps_report_progress *progress,
			      const struct dps_report_rates *rates)
{
	json_t *object = begin("progress");

	add_transfer(object, &progress->transfer);
	add(object, "seconds", json_real(rates->seconds));
	add(object, "bytes", number(progress->bytes));
	add(object, "total_bytes", number(progress->bytes_total));
	add(object, "files", number(progress->files));
	add(object, "total_files", number(progress->files_total));
	add(object, "gbps", json_real(rates->now_gbps));
	add(object, "mean_gbps", json_real(rates->mean_gbps));
	add(object, "eta_seconds",
	    rates->eta_seconds < 0 ? json_null() : json_real(rates->eta_seconds));
	add(object, "data_packets", number(progress->data_packets));
	add(object, "retransmitted_packets", number(progress->retransmitted_packets));
	add_limits(object, &progress->limits);
	add_lanes(object, &progress->lanes);
	if (progress->is_parked) {
		add(object, "parked_seconds", json_real((double)progress->parked_ns / 1e9));
		add_until(object, progress);
	}
	add(object, "state", json_string(state_of(progress)));
	if (progress->blocked)
		add(object, "blocked", json_string(progress->blocked));
	print(report, object);
}

void dps_report_json_summary(struct dps_report *report, const struct dps_report_summary *summary)
{
	json_t *object = begin("summary");

	add(object, "files", number(summary->files));
	add(object, "failed_files", number(summary->files_failed));
	add(object, "skipped_files", number(summary->files_skipped));
	add(object, "already_stored_files", number(summary->files_already_stored));
	add(object, "bytes", number(summary->bytes));
	add(object, "seconds", json_real((double)summary->duration_ns / 1e9));
	add(object, "goodput_gbps", json_real(dps_report_goodput_gbps(summary)));
	add(object, "data_packets", number(summary->data_packets));
	add(object, "retransmitted_packets", number(summary->retransmitted_packets));
	add(object, "impaired_packets", number(summary->impaired_packets));
	add(object, "resent_bytes", number(summary->resent_bytes));
	add(object, "peak_rss_bytes", number(summary->peak_rss_bytes));
	add_limits(object, &summary->limits);
	add_lanes(object, &summary->lanes);
	add(object, "stored", json_boolean(summary->is_stored));
	add(object, "verified", json_boolean(summary->is_verified));
	print(report, object);
}
