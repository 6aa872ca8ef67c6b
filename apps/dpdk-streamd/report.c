/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/report.h"
#include "apps/dpdk-streamd/report_json.h"
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80 };

void dps_report_init(struct dps_report *report, FILE *out, FILE *err, bool is_json, bool is_quiet)
{
	*report = (struct dps_report){ .out = out,
				       .err = err,
				       .is_json = is_json,
				       .is_quiet = is_quiet,
				       .is_terminal = isatty(fileno(err)) == 1,
				       .columns = COLUMNS_DEFAULT,
				       .due_at_ns = DPS_NEVER_NS };
}

static bool shows_line(const struct dps_report *report)
{
	return report->is_terminal && !report->is_quiet;
}

void dps_report_start(struct dps_report *report, uint64_t now_ns)
{
	report->started_at_ns = now_ns;
	report->sampled_at_ns = now_ns;
	report->sampled_bytes = report->before_bytes = 0;
	report->rate_bytes_per_s = -1;
	if (report->is_json || shows_line(report))
		report->due_at_ns = now_ns + DPS_REPORT_INTERVAL_NS;
}

void dps_report_go_on_from(struct dps_report *report, uint64_t bytes)
{
	report->before_bytes += bytes - report->sampled_bytes;
	report->sampled_bytes = bytes;
}

uint64_t dps_report_deadline_ns(const struct dps_report *report)
{
	return report->due_at_ns;
}

/* Takes a sample: what is shown as "now" follows the rate within a few seconds. */
static struct dps_report_rates measure(struct dps_report *report,
				       const struct dps_report_progress *progress, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - report->sampled_at_ns;
	uint64_t bytes = progress->bytes - report->sampled_bytes;
	double sample = elapsed_ns ? (double)bytes * 1e9 / (double)elapsed_ns : 0;
	struct dps_report_rates rates = { .eta_seconds = -1 };
	double rest;

	if (progress->bytes < report->sampled_bytes) { /* what came turned out not to count */
		sample = 0;
		dps_report_go_on_from(report, progress->bytes);
	}
	report->rate_bytes_per_s = report->rate_bytes_per_s < 0
					   ? sample
					   : 0.5 * report->rate_bytes_per_s + 0.5 * sample;
	report->sampled_at_ns = now_ns;
	report->sampled_bytes = progress->bytes;
	rates.seconds = (double)(now_ns - report->started_at_ns) / 1e9;
	rates.now_gbps = sample * 8 / 1e9;
	rates.mean_gbps = dps_report_gbps(progress->bytes - report->before_bytes,
					  now_ns - report->started_at_ns);
	if (progress->bytes_total != DPS_REPORT_UNKNOWN && report->rate_bytes_per_s >= 1) {
		rest = progress->bytes < progress->bytes_total
			       ? (double)(progress->bytes_total - progress->bytes)
			       : 0;
		rates.eta_seconds = rest / report->rate_bytes_per_s;
	}
	return rates;
}

static void show_line(struct dps_report *report, const struct dps_report_progress *progress,
		      const struct dps_report_rates *rates)
{
	char line[DPS_REPORT_LINE_BYTES];
	struct winsize size;

	if (ioctl(fileno(report->err), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		report->columns = size.ws_col;
	dps_report_format_progress(line, progress, rates);
	/* One column is left free: a full line would make some terminals go to the next. */
	fprintf(report->err, "\r%.*s\033[K", (int)report->columns - 1, line);
	fflush(report->err);
	report->is_line_shown = true;
}

void dps_report_on_progress(struct dps_report *report, const struct dps_report_progress *progress,
			    uint64_t now_ns)
{
	struct dps_report_rates rates;

	if (now_ns < report->due_at_ns)
		return;
	rates = measure(report, progress, now_ns);
	/* After a stall there is one report, not one for each second missed. */
	report->due_at_ns +=
		(now_ns - report->due_at_ns) / DPS_REPORT_INTERVAL_NS * DPS_REPORT_INTERVAL_NS +
		DPS_REPORT_INTERVAL_NS;
	if (report->is_json)
		dps_report_json_progress(report, progress, &rates);
	if (shows_line(report))
		show_line(report, progress, &rates);
}

void dps_report_clear_line(struct dps_report *report)
{
	if (!report->is_line_shown)
		return;
	fputs("\r\033[K", report->err);
	fflush(report->err);
	report->is_line_shown = false;
}

void dps_report_finish(struct dps_report *report, const struct dps_report_summary *summary)
{
	dps_report_clear_line(report);
	report->due_at_ns = DPS_NEVER_NS;
	if (report->is_json) {
		dps_report_json_summary(report, summary);
		return;
	}
	if (report->is_quiet || report->has_failed)
		return;
	dps_report_print_summary(report->out, summary);
	if (fflush(report->out) != 0)
		report->has_failed = true;
}

uint64_t dps_report_peak_rss_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib * 1024;
}
