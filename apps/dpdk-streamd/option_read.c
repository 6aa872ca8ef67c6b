/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/option_table.h"
#include "apps/dpdk-streamd/option_values.h"
#include <dps/types.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { QUANTITY_BYTES = 32 };

bool dps_option_fail(struct dps_option_reader *reader, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reader->error, DPS_OPTIONS_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

static bool fail_form(struct dps_option_reader *reader, const struct dps_option *option,
		      const char *text, const char *form)
{
	return dps_option_fail(reader, "--%s does not take \"%s\": write %s", option->name, text,
			       form);
}

/* In the largest unit that it is a whole number of. */
static void write_quantity(const struct dps_option *option, uint64_t value,
			   char text[QUANTITY_BYTES])
{
	static const char *const size_units[] = { "", "K", "M", "G" };
	static const char *const rate_units[] = { "", "k", "M", "G" };
	static const char *const time_units[] = { "ns", "us", "ms", "s", "m", "h", "d" };
	static const unsigned int time_steps[] = { 1000, 1000, 1000, 60, 60, 24 };
	bool is_time =
		option->kind == DPS_OPTION_TIME || option->kind == DPS_OPTION_TIME_OR_FOREVER;
	bool is_size = option->kind == DPS_OPTION_SIZE || option->kind == DPS_OPTION_POWER;
	unsigned int unit = 0, last = is_time					   ? 6
				      : is_size || option->kind == DPS_OPTION_RATE ? 3
										   : 0;

	for (; unit < last && value > 0; unit++) {
		unsigned int step = is_time ? time_steps[unit] : is_size ? 1024 : 1000;

		if (value % step != 0)
			break;
		value /= step;
	}
	snprintf(text, QUANTITY_BYTES, "%" PRIu64 "%s", value,
		 is_time   ? time_units[unit]
		 : is_size ? size_units[unit]
			   : rate_units[unit]);
}

static bool fail_bounds(struct dps_option_reader *reader, const struct dps_option *option,
			const char *text, bool is_small)
{
	char low[QUANTITY_BYTES], high[QUANTITY_BYTES];

	write_quantity(option, option->min, low);
	write_quantity(option, option->max, high);
	return dps_option_fail(reader, "--%s %s is too %s: it goes from %s to %s", option->name,
			       text, is_small ? "small" : "large", low, high);
}

static bool read_quantity(struct dps_option_reader *reader, const struct dps_option *option,
			  const char *text, uint64_t *to)
{
	bool is_read = false;
	const char *form = "a whole number";

	switch (option->kind) {
	case DPS_OPTION_SIZE:
	case DPS_OPTION_POWER:
		is_read = dps_size_parse(text, to);
		form = DPS_SIZE_FORM;
		break;
	case DPS_OPTION_RATE:
		is_read = dps_rate_parse(text, to);
		form = DPS_RATE_FORM;
		break;
	case DPS_OPTION_TIME_OR_FOREVER:
		if (strcmp(text, "forever") == 0) {
			*to = DPS_FOREVER_NS;
			return true;
		}
		is_read = dps_time_parse(text, to);
		form = "forever, or " DPS_TIME_FORM;
		break;
	case DPS_OPTION_TIME:
		is_read = dps_time_parse(text, to);
		form = DPS_TIME_FORM;
		break;
	default:
		is_read = dps_number_parse(text, to);
	}
	if (!is_read)
		return fail_form(reader, option, text, form);
	if (*to < option->min || *to > option->max)
		return fail_bounds(reader, option, text, *to < option->min);
	if (option->kind == DPS_OPTION_POWER && (*to & (*to - 1)))
		return dps_option_fail(reader, "--%s %s is not a power of two", option->name, text);
	return true;
}

static bool read_one(struct dps_option_reader *reader, const struct dps_option *option,
		     const char *text, uint64_t *to)
{
	if (!dps_number_parse(text, to) || *to == 0)
		return fail_form(reader, option, text, "a whole number from 1 on");
	if (*to > 1)
		return dps_option_fail(reader, "--%s %s is not in this version: it has one lane",
				       option->name, text);
	return true;
}

static bool read_cc(struct dps_option_reader *reader, const struct dps_option *option,
		    const char *text, enum dps_congestion_name *to)
{
	if (strcmp(text, "delay") == 0)
		return dps_option_fail(reader,
				       "--cc delay is not in this version: write fair or fixed");
	if (strcmp(text, "fair") != 0 && strcmp(text, "fixed") != 0)
		return fail_form(reader, option, text, "fair or fixed");
	*to = strcmp(text, "fair") == 0 ? DPS_CC_FAIR : DPS_CC_FIXED;
	return true;
}

static bool read_verify(struct dps_option_reader *reader, const struct dps_option *option,
			const char *text, bool *to)
{
	if (strcmp(text, "digests") != 0 && strcmp(text, "disk") != 0)
		return fail_form(reader, option, text, "digests or disk");
	*to = strcmp(text, "disk") == 0;
	return true;
}

static bool read_endpoint(struct dps_option_reader *reader, const struct dps_option *option,
			  const char *text, struct dps_endpoint_name *to)
{
	char error[DPS_ENDPOINT_ERROR_BYTES];
	enum dps_endpoint_use use =
		option->kind == DPS_OPTION_CONNECT ? DPS_ENDPOINT_CONNECT : DPS_ENDPOINT_LISTEN;

	return dps_endpoint_parse(to, text, use, error) ||
	       dps_option_fail(reader, "--%s: %s", option->name, error);
}

static bool read_log_level(struct dps_option_reader *reader, const struct dps_option *option,
			   const char *text)
{
	static const char *const levels[] = { "error", "warning", "notice", "info", "debug" };
	struct dps_options *options = reader->options;
	const char *colon = strrchr(text, ':');
	const char *word = colon ? colon + 1 : text;
	bool is_known = false;

	for (unsigned int i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		is_known |= strcmp(levels[i], word) == 0;
	if (!is_known || colon == text)
		return fail_form(
			reader, option, text,
			"error, warning, notice, info or debug, with NAME: in front for one "
			"part of the program");
	if (options->log_levels_count == DPS_OPTIONS_LOG_LEVELS_MAX)
		return dps_option_fail(reader, "--log-level is there too often");
	options->log_levels[options->log_levels_count++] = text;
	return true;
}

static bool read_text(struct dps_option_reader *reader, const struct dps_option *option,
		      const char *text, const char **to)
{
	if (text[0] == '\0')
		return dps_option_fail(reader, "--%s needs %s, not an empty text", option->name,
				       option->argument);
	if (option->kind == DPS_OPTION_CORES && !dps_cores_is_valid(text))
		return fail_form(reader, option, text, "CPU numbers, as in 2,4-6");
	if (option->kind == DPS_OPTION_NAME && !dps_file_name_is_valid(text))
		return fail_form(reader, option, text, "the name of a file, without a folder");
	*to = text;
	return true;
}

static bool read_peer_key(struct dps_option_reader *reader, const struct dps_option *option,
			  const char *text)
{
	struct dps_options *options = reader->options;

	if (options->peer_keys_count == DPS_OPTIONS_PEER_KEYS_MAX)
		return dps_option_fail(reader,
				       "--peer-key is there too often: authorized_peers in the "
				       "state folder has room for more");
	if (!dps_fingerprint_parse(&options->peer_keys[options->peer_keys_count], text,
				   strlen(text)))
		return fail_form(reader, option, text,
				 "sha256: and 64 hexadecimal digits, as dpdk-streamd fingerprint "
				 "shows them");
	options->peer_keys_count++;
	return true;
}

bool dps_option_read(struct dps_option_reader *reader, const struct dps_option *option,
		     const char *text)
{
	struct dps_options *options = reader->options;
	void *to = (char *)options + option->offset;

	switch (option->kind) {
	case DPS_OPTION_FLAG:
		*(bool *)to = true;
		return true;
	case DPS_OPTION_TEXT:
	case DPS_OPTION_CORES:
	case DPS_OPTION_NAME:
		return read_text(reader, option, text, to);
	case DPS_OPTION_ONE:
		return read_one(reader, option, text, to);
	case DPS_OPTION_CC:
		return read_cc(reader, option, text, to);
	case DPS_OPTION_VERIFY:
		return read_verify(reader, option, text, to);
	case DPS_OPTION_CONNECT:
	case DPS_OPTION_LISTEN:
		return read_endpoint(reader, option, text, to);
	case DPS_OPTION_LOG_LEVEL:
		return read_log_level(reader, option, text);
	case DPS_OPTION_GENERATE:
		options->has_generate = true;
		if (dps_generate_parse(text, &options->generate_bytes, &options->generate_seed) &&
		    options->generate_bytes < DPS_OFFSET_MAX)
			return true;
		return fail_form(reader, option, text, "SIZE or SIZE:SEED, as in 10G or 10G:7");
	case DPS_OPTION_CIPHER:
		return dps_aead_cipher_from_name(text, to) ||
		       fail_form(reader, option, text, "aes-128-gcm or aes-256-gcm");
	case DPS_OPTION_PEER_KEY:
		return read_peer_key(reader, option, text);
	case DPS_OPTION_LATER:
		return dps_option_fail(reader, "--%s is not in this version", option->name);
	default:
		return read_quantity(reader, option, text, to);
	}
}
