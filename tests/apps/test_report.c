/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/report.h"
#include "apps/dpdk-streamd/report_text.h"
#include "tests/support/cmocka.h"
#include <jansson.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define S DPS_NS_PER_S

static const struct dps_report_limit limits_of_test[] = {
	{ "source", 0 }, { "disk", 610 }, { "credit", 300 }, { "window", 50 }, { "pacing", 40 },
};

static const struct dps_report_lane lanes_of_test[] = {
	{ .cycles = { { 31000, 4000, 0, 5500, 1000, 124500 } },
	  .packets = 100,
	  .pools = { { "slots", 256, 12 }, { "rx", 512, 0 } },
	  .pools_count = 2 },
	{ .cycles = { { 0, 0, 0, 0, 1, 3 } } },
};

#define LANES                                                                                      \
	"\"lanes\":[{\"busy\":0.25,\"metered_packets\":100,\"cycles\":{\"rx\":31000,\"ack\":4000," \
	"\"tx\":0,\"disk\":5500,\"other\":1000,\"idle\":124500},\"cycles_per_packet\":{\"rx\":"    \
	"310.0,"                                                                                   \
	"\"ack\":40.0,\"tx\":0.0,\"disk\":55.0,\"other\":10.0},\"pools\":{\"slots\":{\"count\":"   \
	"256,"                                                                                     \
	"\"free_low\":12},\"rx\":{\"count\":512,\"free_low\":0}}},{\"busy\":0.25,"                 \
	"\"metered_packets\":0,\"cycles\":{\"rx\":0,\"ack\":0,\"tx\":0,\"disk\":0,\"other\":1,"    \
	"\"idle\":3},\"cycles_per_packet\":null,\"pools\":{}}]"

static struct dps_report_progress progress_of_test(void)
{
	return (struct dps_report_progress){
		.transfer = { { 0xab } },
		.bytes = UINT64_C(1) << 30,
		.bytes_total = UINT64_C(2) << 30,
		.files = 2,
		.files_total = 17,
		.data_packets = 1000,
		.retransmitted_packets = 9,
		.limits = { limits_of_test, 5 },
		.lanes = { lanes_of_test, 2 },
	};
}

static struct dps_report_summary summary_of_test(void)
{
	return (struct dps_report_summary){
		.files = 17,
		.files_skipped = 1,
		.bytes = 2000000000,
		.duration_ns = 2 * S,
		.data_packets = 262144,
		.retransmitted_packets = 2621,
		.impaired_packets = 2600,
		.resent_bytes = 3690368,
		.peak_rss_bytes = 120 << 20,
		.limits = { limits_of_test, 5 },
		.lanes = { lanes_of_test, 2 },
		.is_stored = true,
		.is_verified = true,
	};
}

/* A report whose output can be looked at; err is no terminal. */
struct bench {
	struct dps_report report;
	FILE *out, *err;
	char *out_text, *err_text;
	size_t out_bytes, err_bytes;
	size_t seen_bytes; /* of out, asserted before */
};

static void open_bench(struct bench *bench, bool is_json, bool is_quiet)
{
	memset(bench, 0, sizeof(*bench));
	bench->out = open_memstream(&bench->out_text, &bench->out_bytes);
	bench->err = open_memstream(&bench->err_text, &bench->err_bytes);
	assert_non_null(bench->out);
	assert_non_null(bench->err);
	dps_report_init(&bench->report, bench->out, bench->err, is_json, is_quiet);
}

static void close_bench(struct bench *bench)
{
	fclose(bench->out);
	fclose(bench->err);
	free(bench->out_text);
	free(bench->err_text);
}

static void assert_line(struct bench *bench, const char *line)
{
	assert_int_equal(fflush(bench->out), 0);
	assert_string_equal(bench->out_text + bench->seen_bytes, line);
	assert_false(bench->report.has_failed);
	bench->seen_bytes = bench->out_bytes;
}

#define ID "\"transfer\":\"ab000000000000000000000000000000\""

static void events__are_one_json_object_a_line(void **state)
{
	static const struct dps_digest digest = { { 0xff } };
	static const struct dps_transfer_id id = { { 0xab } };
	struct dps_report_file file = { .transfer = id,
					.file = 3,
					.path = "a\n\"b",
					.path_bytes = 4,
					.bytes = 7,
					.digest = &digest,
					.code = "space",
					.text = "disk full" };
	struct bench bench;

	(void)state;
	open_bench(&bench, true, false);
	dps_report_on_hello(&bench.report, &(struct dps_report_hello){ .peer = "10.0.0.2:7420",
								       .software = "x 1",
								       .role = "collect",
								       .seal = "clear",
								       .version = 1,
								       .payload_bytes = 1408 });
	assert_line(&bench, "{\"event\":\"hello\",\"peer\":\"10.0.0.2:7420\",\"software\":\"x 1\","
			    "\"role\":\"collect\",\"seal\":\"clear\",\"version\":1,"
			    "\"payload_bytes\":1408}\n");
	dps_report_on_offer(&bench.report,
			    &(struct dps_report_offer){ id, 17, DPS_REPORT_UNKNOWN });
	assert_line(&bench, "{\"event\":\"offer\"," ID ",\"files\":17,\"bytes\":null}\n");
	dps_report_on_accepted(&bench.report, &(struct dps_report_offer){ id, 17, 5 });
	assert_line(&bench, "{\"event\":\"accepted\"," ID ",\"files\":17,\"bytes\":5}\n");
	dps_report_on_file_stored(&bench.report, &file);
	assert_line(&bench, "{\"event\":\"file_stored\"," ID ",\"file\":3,\"path\":\"a\\n\\\"b\","
			    "\"bytes\":7,\"digest\":\"ff000000000000000000000000000000\","
			    "\"already_stored\":false}\n");
	file.path = "\xff";
	file.path_bytes = 1;
	dps_report_on_file_failed(&bench.report, &file);
	assert_line(&bench, "{\"event\":\"file_failed\"," ID ",\"file\":3,\"path_b64\":\"/w==\","
			    "\"bytes\":7,\"code\":\"space\",\"text\":\"disk full\"}\n");
	dps_report_on_parked(&bench.report, &(struct dps_report_parked){ id, "both silent", 100 });
	assert_line(&bench,
		    "{\"event\":\"parked\"," ID ",\"reason\":\"both silent\",\"bytes\":100}\n");
	dps_report_on_resumed(&bench.report, &(struct dps_report_resumed){ id, 90, 10, S / 2 });
	assert_line(&bench, "{\"event\":\"resumed\"," ID ",\"from_bytes\":90,"
			    "\"resent_bytes\":10,\"parked_seconds\":0.5}\n");
	dps_report_on_resumed(&bench.report,
			      &(struct dps_report_resumed){ id, 90, DPS_REPORT_UNKNOWN, S / 2 });
	assert_line(&bench, "{\"event\":\"resumed\"," ID ",\"from_bytes\":90,"
			    "\"parked_seconds\":0.5}\n");
	dps_report_on_blocked(&bench.report, &(struct dps_report_blocked){ id, "space", 0 });
	assert_line(&bench, "{\"event\":\"blocked\"," ID ",\"why\":\"space\"}\n");
	dps_report_on_blocked(&bench.report, &(struct dps_report_blocked){ id, NULL, S / 2 });
	assert_line(&bench, "{\"event\":\"unblocked\"," ID ",\"blocked_seconds\":0.5}\n");
	close_bench(&bench);
}

static void events__are_silent_without_json(void **state)
{
	struct bench bench;
	struct dps_report_progress progress = progress_of_test();

	(void)state;
	open_bench(&bench, false, false);
	dps_report_on_offer(&bench.report, &(struct dps_report_offer){ .files = 1 });
	dps_report_on_file_stored(&bench.report, &(struct dps_report_file){ .path = "" });
	dps_report_start(&bench.report, 0);
	assert_true(dps_report_deadline_ns(&bench.report) == DPS_NEVER_NS);
	dps_report_on_progress(&bench.report, &progress, 5 * S);
	fflush(bench.out);
	fflush(bench.err);
	assert_int_equal(bench.out_bytes, 0);
	assert_int_equal(bench.err_bytes, 0);
	close_bench(&bench);
}

static void on_progress__reports_once_a_second(void **state)
{
	struct dps_report_progress progress = progress_of_test();
	struct bench bench;
	json_t *object;

	(void)state;
	open_bench(&bench, true, true);
	assert_true(dps_report_deadline_ns(&bench.report) == DPS_NEVER_NS);
	dps_report_start(&bench.report, 10 * S);
	assert_true(dps_report_deadline_ns(&bench.report) == 11 * S);
	dps_report_on_progress(&bench.report, &progress, 11 * S - 1);
	assert_line(&bench, "");
	dps_report_on_progress(&bench.report, &progress, 11 * S);
	assert_line(&bench,
		    "{\"event\":\"progress\"," ID ",\"seconds\":1.0,\"bytes\":1073741824,"
		    "\"total_bytes\":2147483648,\"files\":2,\"total_files\":17,\"gbps\":8.58993459,"
		    "\"mean_gbps\":8.58993459,\"eta_seconds\":1.0,\"data_packets\":1000,"
		    "\"retransmitted_packets\":9,\"limited_by\":{\"source\":0.0,\"disk\":0.61,"
		    "\"credit\":0.3,\"window\":0.05,\"pacing\":0.04}," LANES
		    ",\"state\":\"moving\"}\n");
	assert_true(dps_report_deadline_ns(&bench.report) == 12 * S);

	/* A stall of some seconds, in which nothing moved and the total was lost sight of. */
	progress.bytes_total = progress.files_total = DPS_REPORT_UNKNOWN;
	progress.limits.count = 0;
	dps_report_on_progress(&bench.report, &progress, 15 * S + S / 2);
	assert_true(dps_report_deadline_ns(&bench.report) == 16 * S);
	fflush(bench.out);
	object = json_loads(bench.out_text + bench.seen_bytes, 0, NULL);
	assert_non_null(object);
	assert_true(json_real_value(json_object_get(object, "gbps")) == 0);
	assert_true(json_is_null(json_object_get(object, "eta_seconds")));
	assert_true(json_is_null(json_object_get(object, "total_bytes")));
	assert_int_equal(json_object_size(json_object_get(object, "limited_by")), 0);
	json_decref(object);
	close_bench(&bench);
}

static void expect_gbps(struct bench *bench, double now, double mean)
{
	json_t *object;

	fflush(bench->out);
	object = json_loads(bench->out_text + bench->seen_bytes, 0, NULL);
	bench->seen_bytes = bench->out_bytes;
	assert_non_null(object);
	assert_true(json_real_value(json_object_get(object, "gbps")) == now);
	assert_true(json_real_value(json_object_get(object, "mean_gbps")) == mean);
	json_decref(object);
}

/* 125 MB are a Gb. */
static void go_on_from__leaves_out_what_was_there(void **state)
{
	const uint64_t gb = 125000000;
	struct dps_report_progress progress = { .bytes_total = 100 * gb };
	struct bench bench;

	(void)state;
	open_bench(&bench, true, true);
	dps_report_start(&bench.report, 0);
	dps_report_go_on_from(&bench.report, 40 * gb);
	progress.bytes = 42 * gb;
	dps_report_on_progress(&bench.report, &progress, S);
	expect_gbps(&bench, 2, 2);
	/* A gigabit of it did not count, and comes again. */
	dps_report_go_on_from(&bench.report, 41 * gb);
	progress.bytes = 43 * gb;
	dps_report_on_progress(&bench.report, &progress, 2 * S);
	expect_gbps(&bench, 2, 2);
	close_bench(&bench);
}

static void finish__has_every_field_of_the_interface(void **state)
{
	struct dps_report_summary summary = summary_of_test();
	struct bench bench;

	(void)state;
	open_bench(&bench, true, true);
	dps_report_finish(&bench.report, &summary);
	assert_line(&bench,
		    "{\"event\":\"summary\",\"files\":17,\"failed_files\":0,\"skipped_files\":1,"
		    "\"already_stored_files\":0,\"bytes\":2000000000,\"seconds\":2.0,"
		    "\"goodput_gbps\":8.0,\"data_packets\":262144,\"retransmitted_packets\":2621,"
		    "\"impaired_packets\":2600,\"resent_bytes\":3690368,"
		    "\"peak_rss_bytes\":125829120,\"limited_by\":{\"source\":0.0,\"disk\":0.61,"
		    "\"credit\":0.3,\"window\":0.05,\"pacing\":0.04}," LANES
		    ",\"stored\":true,\"verified\":true}\n");
	close_bench(&bench);
}

static void finish__leaves_out_of_the_rate_what_came_before(void **state)
{
	struct dps_report_summary summary = summary_of_test();
	struct bench bench;

	(void)state;
	summary.bytes_before = summary.bytes / 4;
	open_bench(&bench, true, true);
	dps_report_finish(&bench.report, &summary);
	assert_non_null(strstr(bench.out_text, "\"bytes\":2000000000,\"seconds\":2.0,"
					       "\"goodput_gbps\":6.0,"));
	close_bench(&bench);
	open_bench(&bench, false, false);
	dps_report_finish(&bench.report, &summary);
	assert_non_null(strstr(bench.out_text, "1.86 GiB in 2.00 s, 6.00 Gb/s\n"));
	close_bench(&bench);
	summary.bytes_before = summary.bytes + 1;
	open_bench(&bench, true, true);
	dps_report_finish(&bench.report, &summary);
	assert_non_null(strstr(bench.out_text, "\"goodput_gbps\":0.0,"));
	close_bench(&bench);
}

static void finish__tells_people_the_same(void **state)
{
	struct dps_report_summary summary = summary_of_test();
	struct bench bench;

	(void)state;
	open_bench(&bench, false, false);
	dps_report_finish(&bench.report, &summary);
	assert_line(&bench,
		    "stored and verified: 17 files, 1.86 GiB in 2.00 s, 8.00 Gb/s\n"
		    "1 skipped: symlinks and special files\n"
		    "packets: 262144, resent 2621 (1.00%), lost or damaged on purpose 2600; "
		    "peak memory 120.00 MiB\n"
		    "limited by disk 61%, credit 30%, window 5%\n"
		    "lane 0 25% busy: rx 310, ack 40, tx 0, disk 55, other 10 cycles/packet\n"
		    "lane 1 25% busy\n");
	summary.lanes.count = 1;
	dps_report_finish(&bench.report, &summary);
	assert_int_equal(fflush(bench.out), 0);
	assert_non_null(strstr(bench.out_text + bench.seen_bytes, "\nlane 25% busy: rx 310, "));
	bench.seen_bytes = bench.out_bytes;
	summary = (struct dps_report_summary){ .files = 1, .files_failed = 2, .is_verified = true };
	dps_report_finish(&bench.report, &summary);
	assert_line(&bench, "not complete: 1 file, 0 B in 0.00 s, 0.00 Gb/s\n"
			    "2 not stored\n"
			    "packets: 0, resent 0 (0.00%); peak memory 0 B\n");
	close_bench(&bench);
	open_bench(&bench, false, true);
	dps_report_finish(&bench.report, &summary);
	assert_line(&bench, "");
	close_bench(&bench);
	open_bench(&bench, false, false);
	summary.files_failed = 0;
	dps_report_finish(&bench.report, &summary);
	assert_int_equal(fflush(bench.out), 0);
	assert_non_null(strstr(bench.out_text, "received and verified, not stored: 1 file"));
	close_bench(&bench);
}

static void line__is_updated_in_place_on_a_terminal(void **state)
{
	static const struct winsize narrow = { .ws_row = 24, .ws_col = 21 };
	struct dps_report_progress progress = progress_of_test();
	struct dps_report report;
	char text[512] = "";
	int master, slave;
	ssize_t length;
	FILE *terminal;

	(void)state;
	if (openpty(&master, &slave, NULL, NULL, NULL) != 0)
		skip();
	terminal = fdopen(slave, "w");
	assert_non_null(terminal);
	dps_report_init(&report, stdout, terminal, false, false);
	assert_true(report.is_terminal);
	dps_report_start(&report, 0);
	dps_report_on_progress(&report, &progress, S);
	length = read(master, text, sizeof(text) - 1);
	assert_true(length > 0);
	text[length] = '\0';
	assert_string_equal(text, "\r1.00 GiB 50%  8.59 Gb/s, mean 8.59  ETA 0:01  limit disk  "
				  "resent 0.9%  file 3/1\033[K");

	assert_int_equal(ioctl(slave, TIOCSWINSZ, &narrow), 0);
	dps_report_on_progress(&report, &progress, 2 * S);
	length = read(master, text, sizeof(text) - 1);
	text[length] = '\0';
	assert_string_equal(text, "\r1.00 GiB 50%  0.00 G\033[K");
	assert_true(report.is_line_shown);
	dps_report_clear_line(&report);
	length = read(master, text, sizeof(text) - 1);
	text[length] = '\0';
	assert_string_equal(text, "\r\033[K");
	assert_false(report.is_line_shown);
	fclose(terminal);
	close(master);
}

static void print__stops_when_nobody_reads(void **state)
{
	struct dps_report_summary summary = summary_of_test();
	struct dps_report report;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	dps_report_init(&report, full, stderr, true, true);
	dps_report_finish(&report, &summary);
	assert_true(report.has_failed);
	fclose(full);
}

static void formats__read_well(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ (1 << 20) - 1, "1.00 MiB" },
		{ UINT64_C(5) << 40, "5.00 TiB" },
		{ UINT64_MAX, "16.00 EiB" },
	};
	static const struct {
		double seconds;
		const char *text;
	} times[] = {
		{ 0.4, "0:00" },     { 6.6, "0:07" },	     { 59.6, "1:00" },
		{ 3600, "1:00:00" }, { 345599, "95:59:59" }, { 864000, "10 days" },
	};
	char text[DPS_REPORT_WORD_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		dps_report_format_bytes(text, sizes[i].bytes);
		assert_string_equal(text, sizes[i].text);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		dps_report_format_seconds(text, times[i].seconds);
		assert_string_equal(text, times[i].text);
	}
}

static void on_progress__says_in_which_state(void **state)
{
	static const char *const states[] = { "parked", "blocked", "waits_for_source", "moving" };
	struct dps_report_progress progress = progress_of_test();
	struct bench bench;

	(void)state;
	open_bench(&bench, true, true);
	dps_report_start(&bench.report, 0);
	progress.is_parked = progress.waits_for_source = true;
	progress.blocked = "space";
	for (unsigned int i = 0; i < 4; i++) {
		json_t *object;

		dps_report_on_progress(&bench.report, &progress, (i + 1) * S);
		fflush(bench.out);
		object = json_loads(bench.out_text + bench.seen_bytes, 0, NULL);
		bench.seen_bytes = bench.out_bytes;
		assert_string_equal(json_string_value(json_object_get(object, "state")), states[i]);
		json_decref(object);
		progress.is_parked = false;
		progress.blocked = i == 0 ? "space" : NULL;
		progress.waits_for_source = i < 2;
	}
	close_bench(&bench);
}

static void format_progress__says_what_is_waited_for(void **state)
{
	struct dps_report_progress progress = progress_of_test();
	struct dps_report_rates rates = { .eta_seconds = -1 };
	char text[DPS_REPORT_LINE_BYTES];

	(void)state;
	progress.waits_for_source = true;
	dps_report_format_progress(text, &progress, &rates);
	assert_string_equal(text, "waits for its source; 1.00 GiB are there");
	progress.blocked_by = "the collector's disk is full";
	progress.blocked = "space";
	progress.blocked_ns = 12 * S;
	dps_report_format_progress(text, &progress, &rates);
	assert_string_equal(text,
			    "blocked: the collector's disk is full, for 12 s; 1.00 GiB are there");
	progress.is_parked = true;
	progress.parked_ns = 12 * S;
	progress.reconnect_ns = 3 * S;
	dps_report_format_progress(text, &progress, &rates);
	assert_string_equal(text, "parked for 12 s, reconnecting in 3 s, resumes at 1.00 GiB");
	progress.is_awaited = true;
	progress.awaited_ns = 18 * S;
	dps_report_format_progress(text, &progress, &rates);
	assert_string_equal(text, "parked for 12 s, waiting 18 s more for its exporter, "
				  "resumes at 1.00 GiB");
	progress.awaited_ns = DPS_NEVER_NS;
	dps_report_format_progress(text, &progress, &rates);
	assert_string_equal(text, "parked for 12 s, waiting for its exporter, resumes at 1.00 GiB");
}

static void format_progress__says_what_limits(void **state)
{
	struct dps_report_progress progress = progress_of_test();
	const struct dps_report_rates rates = { 10, 8.409, 8.12, 125 };
	char line[DPS_REPORT_LINE_BYTES];

	(void)state;
	dps_report_format_progress(line, &progress, &rates);
	assert_string_equal(line, "1.00 GiB 50%  8.41 Gb/s, mean 8.12  ETA 2:05  limit disk  "
				  "resent 0.9%  file 3/17");
	progress.files = 17;
	progress.bytes_total = DPS_REPORT_UNKNOWN;
	progress.limits.count = 0;
	dps_report_format_progress(line, &progress,
				   &(struct dps_report_rates){ .eta_seconds = -1 });
	assert_string_equal(line, "1.00 GiB  0.00 Gb/s, mean 0.00  ETA ?  resent 0.9%  "
				  "file 17/17");
	progress.files_total = DPS_REPORT_UNKNOWN;
	progress.bytes_total = 0;
	progress.bytes = 0;
	dps_report_format_progress(line, &progress,
				   &(struct dps_report_rates){ .eta_seconds = -1 });
	assert_non_null(strstr(line, "0 B  0.00"));
	assert_non_null(strstr(line, "file 18"));
}

static void format_limits__keeps_ties_and_the_bound(void **state)
{
	static const struct dps_report_limit items[] = { { "a", 10 }, { "b", 10 }, { "c", 10 } };
	const struct dps_report_limits limits = { items, 3 };
	char text[64];

	(void)state;
	dps_report_format_limits(text, sizeof(text), &limits, 2);
	assert_string_equal(text, "a 33%, b 33%");
	dps_report_format_limits(text, sizeof(text), &limits, 9);
	assert_string_equal(text, "a 33%, b 33%, c 33%");
	dps_report_format_limits(text, 8, &limits, 9);
	assert_string_equal(text, "a 33%, ");
}

static void peak_rss__covers_what_was_touched(void **state)
{
	uint64_t before = dps_report_peak_rss_bytes();
	char *memory = malloc(64 << 20);

	(void)state;
	assert_true(before > 0);
	assert_non_null(memory);
	memset(memory, 1, 64 << 20);
	assert_true(dps_report_peak_rss_bytes() >= 64 << 20);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events__are_one_json_object_a_line),
		cmocka_unit_test(events__are_silent_without_json),
		cmocka_unit_test(on_progress__reports_once_a_second),
		cmocka_unit_test(go_on_from__leaves_out_what_was_there),
		cmocka_unit_test(finish__has_every_field_of_the_interface),
		cmocka_unit_test(finish__leaves_out_of_the_rate_what_came_before),
		cmocka_unit_test(finish__tells_people_the_same),
		cmocka_unit_test(line__is_updated_in_place_on_a_terminal),
		cmocka_unit_test(print__stops_when_nobody_reads),
		cmocka_unit_test(formats__read_well),
		cmocka_unit_test(on_progress__says_in_which_state),
		cmocka_unit_test(format_progress__says_what_is_waited_for),
		cmocka_unit_test(format_progress__says_what_limits),
		cmocka_unit_test(format_limits__keeps_ties_and_the_bound),
		cmocka_unit_test(peak_rss__covers_what_was_touched),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
